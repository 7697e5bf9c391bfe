"""Which networks a Distiller takes, the forms of their labels, and what is saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models
from distillation import (
    Distiller,
    OpaqueCategoricalCrossentropy,
    compile_trainer,
    defensive_distillation,
    procedure,
)

SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
LABELS = np.array([0, 1, 1, 0, 1, 0])


def one_output(seed, activation=None):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), layers.Dense(1, activation=activation)])


class Subclassed(keras.Model):
    def __init__(self, classes, activation=None):
        super().__init__()
        self.dense = layers.Dense(classes, activation=activation)

    def call(self, inputs, training=None):
        return self.dense(inputs)


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_output_is_refused(activation, batch):
    student, teacher = (one_output(seed, activation) for seed in (1, 2))
    with pytest.raises(ValueError, match=r"student gives .* \(None, 1\); .* models.two_classes"):
        Distiller(student, teacher)
    message = r"network gives .* \(None, 1\); .* models.two_classes"
    with pytest.raises(ValueError, match=message):
        compile_trainer(procedure("corrected"), "teacher", teacher, "sgd")
    with pytest.raises(ValueError, match=message):
        defensive_distillation(lambda: one_output(1, activation), batch.x, LABELS)


def test_two_classes_of_one_output_are_distilled(batch, compiled, one_step):
    student, teacher = (models.two_classes(one_output(*each)) for each in ((1,), (2, "sigmoid")))
    start = student.get_weights()
    distiller = compiled(Distiller(student, teacher), student_loss_fn=SPARSE, metrics=[], alpha=0.0)
    losses = one_step(distiller, batch.x, LABELS), one_step(distiller, batch.x, LABELS, epochs=20)
    assert losses[0]["loss"] > 1e-3 and losses[1]["loss"] < losses[0]["loss"] / 2
    assert all((new != old).all() for new, old in zip(student.get_weights(), start, strict=True))


def test_one_output_of_a_subclassed_student_is_refused_at_the_first_step(batch, compiled):
    distiller = compiled(Distiller(Subclassed(1), Subclassed(1)), student_loss_fn=SPARSE)
    with pytest.raises(ValueError, match=r"student gives .*, 1\); .* models.two_classes\(student"):
        distiller.fit(batch.x, LABELS, verbose=0)


@pytest.mark.parametrize("role", ["student", "teacher"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_squashed_outputs(activation, role, linear):
    squashed = linear(1, activation=activation)
    pair = {"student": linear(2), "teacher": linear(3), role: squashed}
    message = (
        rf"{role} .* ends in {activation}; .* models.without_softmax\({role}\), or softmax_out"
    )
    with pytest.raises(ValueError, match=message):
        Distiller(**pair)
    assert getattr(Distiller(**pair, softmax_outputs=True), role) is squashed
    Distiller(**pair | {role: models.without_softmax(squashed)})


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_probabilities_of_subclassed_models_are_seen_in_fit(role, batch, linear, compiled):
    pair = {"student": linear(1), "teacher": linear(2), role: Subclassed(3, "softmax")}
    distiller = compiled(Distiller(**pair))
    with pytest.raises(ValueError, match=f"{role} .* gives probabilities; .* softmax_out"):
        distiller.fit(batch.x, batch.one_hot, verbose=0)
    assert distiller.optimizer.iterations == 0
    as_listed = compiled(
        Distiller(**pair, softmax_outputs=True),
        student_loss_fn=OpaqueCategoricalCrossentropy(from_logits=True),
    )
    as_listed.fit(batch.x, batch.one_hot, verbose=0)


class Softmax(layers.Layer):
    def call(self, inputs):
        return tf.nn.softmax(inputs)


class HandMadeSigmoid(layers.Layer):
    def call(self, inputs):
        return 1 / (1 + tf.exp(-inputs))


def functional(*end):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), *end])


def convolutional():
    pooled = (layers.Conv2D(3, 1, activation="softmax"), layers.GlobalAveragePooling2D())
    return keras.Sequential([keras.Input((4,)), layers.Reshape((2, 2, 1)), *pooled])


def around(model):
    inputs = keras.Input((4,))
    return keras.Model(inputs, model(inputs))


PROBABILITIES = {
    "softmax before pooling": convolutional,
    "own layer": lambda: functional(Softmax()),
    "own sigmoid": lambda: functional(HandMadeSigmoid()),
    "softmax of a half": lambda: functional(layers.Lambda(lambda z: tf.nn.softmax(z / 2))),
    "around a subclassed model": lambda: around(Subclassed(3, "softmax")),
    "subclassed sigmoid": lambda: Subclassed(3, "sigmoid"),
    "subclassed softmax": lambda: Subclassed(3, "softmax"),
}


@pytest.mark.parametrize("make", PROBABILITIES.values(), ids=PROBABILITIES)
def test_probabilities_that_no_layer_tells(make, batch, linear, compiled):
    dataset = tf.data.Dataset.from_tensor_slices((batch.x, batch.one_hot)).batch(3)
    unknown = tf.data.Dataset.from_generator(
        lambda: dataset.as_numpy_iterator(), output_types=(tf.float32, tf.float32)
    )
    for given in ((batch.x, batch.one_hot), (dataset,), (unknown,)):
        distiller = compiled(Distiller(make(), linear(2)))
        with pytest.raises(ValueError, match="student .* gives probabilities; .* softmax"):
            distiller.fit(*given, verbose=0)
        assert distiller.optimizer.iterations == 0


def test_logits_within_0_and_1_are_no_probabilities(batch, linear, compiled, one_step):
    """As those of a network without training may be, with whatever inside."""
    for make in (functional, lambda: Subclassed(3)):
        student = make()
        student(batch.x)
        kernel, _ = student.get_weights()
        student.set_weights([kernel / 10, np.full(3, 0.5)])
        swish = keras.Sequential([keras.Input((4,)), layers.Activation("swish"), student])
        for network in (student, swish):
            outputs = network(batch.x).numpy()
            assert 0 < outputs.min() < outputs.max() < 1
            distiller = compiled(Distiller(network, linear(2)), run_eagerly=True)
            one_step(distiller, batch.x, batch.one_hot)


def test_a_network_of_one_batch_size(batch, linear, compiled, one_step):
    inputs = keras.Input(batch_shape=(6, 4))
    fixed = keras.Model(inputs, linear(1)(keras.ops.reshape(inputs, (6, 4))))
    start = fixed.get_weights()
    one_step(compiled(Distiller(fixed, linear(2))), batch.x, batch.one_hot)
    assert all((new != old).any() for new, old in zip(fixed.get_weights(), start, strict=True))


def test_data_sets_are_not_read_before_the_training(batch, linear, compiled):
    read = []

    def note(x):
        read.append(None)
        return x

    def noted(x, y):
        return tf.ensure_shape(tf.numpy_function(note, [x], tf.float32), [3, 4]), y

    dataset = tf.data.Dataset.from_tensor_slices((batch.x, batch.one_hot)).batch(3).map(noted)
    compiled(Distiller(linear(1), linear(2))).fit(dataset, shuffle=False, verbose=0)
    assert len(read) == 2


@pytest.mark.parametrize("name", ["as_listed", "corrected"])
def test_procedures_refuse_probabilities_that_no_layer_tells(name, batch):
    built = []

    def build():
        built.append(functional(Softmax()))
        return built[-1]

    with pytest.raises(ValueError, match="network .* gives probabilities; accepted: log"):
        defensive_distillation(build, batch.x, batch.classes, name=name, epochs=0)
    assert len(built) == 1


@pytest.mark.parametrize("name", ["as_listed", "corrected", "soft_labels", "papernot"])
def test_every_procedure_builds_on_logits(name, batch, linear):
    fitted = []

    def build():
        fitted.append(None)
        return linear(1, activation="softmax")

    with pytest.raises(ValueError, match="ends in softmax; accepted: logits"):
        defensive_distillation(build, batch.x, batch.classes, name=name)
    assert len(fitted) == 1
    with pytest.raises(ValueError, match="teacher .* ends in softmax; accepted: logits"):
        teacher = linear(2, activation="softmax")
        compile_trainer(procedure(name), "student", linear(1), "sgd", teacher)


def test_a_column_of_labels_is_compared_class_by_class(batch, linear, compiled, one_step):
    def right(labels, logits):
        return tf.cast(tf.argmax(logits, axis=1) == tf.cast(labels, tf.int64), tf.float32)

    logs, x = [], 4 * batch.x - 2  # not all of one class
    for labels in (batch.classes, batch.classes[:, None]):
        distiller = compiled(
            Distiller(linear(1), linear(2)),
            metrics=[right],
            student_loss_fn=SPARSE,
            run_eagerly=True,
        )
        report = distiller.evaluate(x, labels, verbose=0, return_dict=True)
        trained = one_step(distiller, x, labels)
        logs.append([report["right"], trained["right"], trained["loss"]])
    assert logs[0] == pytest.approx(logs[1])


def test_what_is_saved(batch, linear, compiled, one_step, tmp_path):
    distiller = compiled(Distiller(linear(1), linear(2)), run_eagerly=True)
    one_step(distiller, batch.x, batch.one_hot)
    message = r"accepted: .* models.save\(distiller.student, path\)"
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")
    for save in (
        lambda: distiller.save(tmp_path / "model.keras"),
        lambda: keras.models.save_model(distiller, tmp_path / "model.h5"),
        lambda: distiller.export(tmp_path / "model"),
        lambda: one_step(distiller, batch.x, batch.one_hot, callbacks=[checkpoint]),
    ):
        with pytest.raises(NotImplementedError, match=message):
            save()
    path = tmp_path / "state.weights.h5"
    distiller.save_weights(path)
    again = compiled(Distiller(linear(3), linear(2)))
    again.load_weights(path)
    np.testing.assert_array_equal(
        again.student.get_weights()[0], distiller.student.get_weights()[0]
    )
