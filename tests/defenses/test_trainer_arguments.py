"""What all trainings on examples demand of networks, images and labels, and what is saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models
from attacks import FGSM
from defenses import (
    AdversarialTrainer,
    FeatureSmoothing,
    FeatureSqueezing,
    NoisyUpdateAdam,
    RandomAttackTrainer,
    TradesTrainer,
    fine_tune_with_noisy_updates,
    static_set,
    with_noisy_gradient,
    with_noisy_logits,
)
from defenses.feature_squeezing import BitDepth, Median
from defenses.gradient_masking import NoisyGradient, NoisyLogits

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0.2, 0.8, [16, 4]).astype(np.float32)
LABELS = RANDOM.integers(0, 2, 16)
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def madry(network, **arguments):
    return AdversarialTrainer(network, 0.1, steps=2, **arguments)


def trades(network, **arguments):
    return TradesTrainer(network, 0.1, steps=2, **arguments)


def random_attacks(network):
    return RandomAttackTrainer(network, [(FGSM(), 0.1)])


TRAINERS = [madry, trades, random_attacks]


def network(classes=2, activation=None, dtype=None):
    keras.utils.set_random_seed(1)
    hidden = layers.Dense(8, activation="relu", dtype=dtype)
    return keras.Sequential(
        [keras.Input([4]), hidden, layers.Dense(classes, activation=activation, dtype=dtype)]
    )


class Subclassed(keras.Model):
    def __init__(self, classes, activation=None):
        super().__init__()
        self.dense = layers.Dense(classes, activation=activation)

    def call(self, inputs, training=None):
        return self.dense(inputs)


def compiled(trainer, **arguments):
    trainer.compile(keras.optimizers.SGD(0.1), SPARSE, **arguments)
    return trainer


@pytest.mark.parametrize("make", TRAINERS)
def test_one_output(make):
    """Refused where it is seen, and trained as two classes."""
    for activation in (None, "sigmoid"):
        with pytest.raises(ValueError, match=r"network gives .* \(None, 1\); .* models.two_class"):
            make(network(1, activation))
    with pytest.raises(ValueError, match=r"network gives .*, 1\); .* models.two_classes\(network"):
        compiled(make(Subclassed(1))).fit(IMAGES, LABELS, verbose=0)

    trainer = compiled(make(models.two_classes(network(1, "sigmoid"))))
    start = trainer.network.get_weights()
    moved = np.abs(np.asarray(trainer.craft(IMAGES, LABELS)) - IMAGES).max(axis=1)
    assert np.median(moved) > 0.09
    trainer.fit(IMAGES, LABELS, verbose=0)
    for new, old in zip(trainer.network.get_weights(), start, strict=True):
        assert (new != old).any()


@pytest.mark.parametrize("mask", [with_noisy_gradient, with_noisy_logits])
def test_one_output_is_not_masked(mask):
    model = keras.Sequential([keras.Input([4, 4, 1]), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"model gives .* \(None, 1\); .* models.two_classes\(mod"):
        mask(model, 0.1)
    with pytest.raises(ValueError, match=r"model gives .* \(None, 1\); .* models.two_classes\(mod"):
        fine_tune_with_noisy_updates(model, IMAGES.reshape(-1, 2, 2, 1), LABELS, 0.1)


@pytest.mark.parametrize("make", TRAINERS)
def test_squashed_outputs(make):
    for activation in ("softmax", "sigmoid"):
        with pytest.raises(ValueError, match=f"ends in {activation}; accepted: logits"):
            make(network(3, activation))
    inputs = keras.Input([4])
    for model in (
        Subclassed(3, "softmax"),
        Subclassed(3, "sigmoid"),
        keras.Model(inputs, Subclassed(3, "softmax")(inputs)),
    ):
        trainer = compiled(make(model))
        for given in ((IMAGES, LABELS), (batches(IMAGES, "data set"),)):
            with pytest.raises(ValueError, match="network .* gives probabilities"):
                trainer.fit(*given, verbose=0)


def test_fine_tuning_refuses_probabilities_that_no_layer_tells():
    inputs = keras.Input([2, 2, 1])
    model = keras.Model(inputs, Subclassed(2, "softmax")(layers.Flatten()(inputs)))
    with pytest.raises(ValueError, match="model .* gives probabilities"):
        fine_tune_with_noisy_updates(model, IMAGES.reshape(-1, 2, 2, 1), LABELS, 0.1)


WRONG = {
    "0-255": 255 * IMAGES,
    "float16": (255 * IMAGES).astype(np.float16),
    "bfloat16": tf.cast(255 * IMAGES, tf.bfloat16).numpy(),
    "uint8": (255 * IMAGES).astype(np.uint8),
    "NaN": np.where(IMAGES > 0.7, np.nan, IMAGES).astype(np.float32),
    "negative": IMAGES - 0.5,
}


@pytest.mark.parametrize("images", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("make", TRAINERS)
def test_arrays_outside_the_range_change_nothing(make, images):
    trainer = compiled(make(network()))
    start = trainer.network.get_weights()
    good_then_bad = np.concatenate([np.full([64, 4], 0.5), images]).astype(images.dtype)
    labels = np.zeros(len(good_then_bad), int)
    for arguments in (
        dict(x=good_then_bad, y=labels),
        dict(x=tf.constant(good_then_bad), y=labels),
        dict(x=IMAGES, y=LABELS, validation_data=(images, LABELS)),
    ):
        with pytest.raises(
            ValueError, match=r"images is from .*; accepted: finite values in \[0, 1\]"
        ):
            trainer.fit(**arguments, batch_size=16, shuffle=False, verbose=0)
    assert trainer.optimizer.iterations == 0
    for new, old in zip(trainer.network.get_weights(), start, strict=True):
        np.testing.assert_array_equal(new, old)


def batches(images, form):
    if form == "data set":
        return tf.data.Dataset.from_tensor_slices((images, LABELS)).batch(8)
    return ((images[start : start + 8], LABELS[start : start + 8]) for start in (0, 8))


@pytest.mark.parametrize(
    "make, form, wrong", [(madry, "generator", "uint8"), (trades, "data set", "NaN")]
)
def test_batches_outside_the_range(make, form, wrong):
    """XLA, which compiles the step on a GPU, drops assertions."""
    options = dict(steps_per_epoch=2, shuffle=False, verbose=0)
    for jit_compile, error in ((False, tf.errors.InvalidArgumentError), (True, ValueError)):
        trainer = compiled(make(network()), jit_compile=jit_compile)
        start = trainer.network.get_weights()[0]
        with pytest.raises(error, match=r"images are outside \[0, 1\]"):
            trainer.fit(batches(WRONG[wrong], form), **options)
        assert trainer.optimizer.iterations == 1
        if not jit_compile:
            np.testing.assert_array_equal(trainer.network.get_weights()[0], start)
        trainer.fit(batches(IMAGES, form), **options)
        assert trainer.optimizer.iterations == 3


def test_batches_outside_the_range_of_random_attacks():
    trainer = compiled(random_attacks(network()), jit_compile=True)
    with pytest.raises(ValueError, match=r"images have values .* accepted: .*\[0, 1\]"):
        trainer.fit(batches(WRONG["0-255"], "data set"), shuffle=False, verbose=0)
    assert trainer.optimizer.iterations == 0


@pytest.mark.parametrize(
    "make, jit_compile",
    # What XLA compiles is the same for all.
    [(madry, False), (trades, False), (random_attacks, False), (madry, True)],
)
def test_evaluation_outside_the_range(make, jit_compile):
    error = ValueError if jit_compile else tf.errors.InvalidArgumentError
    trainer = compiled(make(network()), jit_compile=jit_compile)
    with pytest.raises(ValueError, match="images is from 51.*; accepted: finite"):
        trainer.evaluate(WRONG["0-255"], LABELS, verbose=0)
    with pytest.raises(error, match=r"images are outside \[0, 1\]"):
        trainer.evaluate(batches(WRONG["0-255"], "data set"), verbose=0)
    assert np.isfinite(trainer.evaluate(batches(IMAGES, "data set"), verbose=0))


def test_no_checkpoint_is_chosen_by_images_outside_the_range(tmp_path):
    trainer, path = compiled(madry(network())), tmp_path / "best.h5"
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"images are outside \[0, 1\]"):
        trainer.fit(
            IMAGES,
            LABELS,
            validation_data=batches(WRONG["0-255"], "data set"),
            callbacks=[models.best_checkpoint(path, model=trainer.network, keep="lowest loss")],
            verbose=0,
        )
    assert not path.exists()


def test_half_precision_within_the_range():
    for kind, jit_compile in ((np.float16, True), (tf.bfloat16.as_numpy_dtype, False)):
        trainer = compiled(madry(network()), jit_compile=jit_compile)
        trainer.fit(IMAGES.astype(kind), LABELS, verbose=0)
        assert trainer.optimizer.iterations == 1


@pytest.mark.parametrize("filter", [FeatureSmoothing(), FeatureSqueezing(bits=4)])
def test_filters_take_unit_range(filter):
    with pytest.raises(ValueError, match=r"images have values from 0 to 255; .*\[0, 1\]"):
        filter.filter(np.linspace(0, 255, 16, dtype=np.float32).reshape(1, 4, 4, 1))


@pytest.mark.slow
@pytest.mark.parametrize("make", TRAINERS)
def test_a_column_of_labels_is_compared_class_by_class(make):
    def right(labels, logits):
        return tf.cast(tf.argmax(logits, axis=1) == tf.cast(labels, tf.int64), tf.float32)

    def share(model, images):
        return np.mean(model(images).numpy().argmax(axis=1) == LABELS)

    model, column = network(), LABELS[:, None]
    # Half of the images in each class, or the average would be right by chance.
    model.layers[-1].bias.assign(-np.median(model(IMAGES), axis=0))
    trainer = compiled(make(model), metrics=[right])
    expected = share(model, IMAGES if make is trades else trainer.craft(IMAGES, LABELS))
    history = trainer.fit(IMAGES, column, shuffle=False, verbose=0).history
    assert history["right"] == [pytest.approx(expected)]
    report = trainer.evaluate(IMAGES, column, verbose=0)
    assert report[1] == pytest.approx(share(model, IMAGES))


def test_labels_of_unknown_width_are_told_by_their_width():
    trainer = madry(network(3), random_start=False)
    expected = trainer.craft(IMAGES, LABELS)
    assert np.abs(expected - IMAGES).max() > 0.05
    for labels in (LABELS[:, None], np.eye(3)[LABELS]):
        spec = tf.TensorSpec([None] * labels.ndim, labels.dtype)
        craft = tf.function(trainer.craft, input_signature=[tf.TensorSpec([None, 4]), spec])
        np.testing.assert_allclose(craft(IMAGES, labels), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"labels have shape \(16, 1, 1\); accepted: classes"):
        trainer.craft(IMAGES, LABELS[:, None, None])


def test_forms_of_a_static_set():
    model, column = network(), LABELS[:, None]
    images, labels = static_set(model, IMAGES, column, FGSM(), [0.1, 0.2])
    np.testing.assert_array_equal(labels, np.tile(LABELS, 3))
    assert len(images) == 48
    dataset = tf.data.Dataset.from_tensors((IMAGES, LABELS))
    with pytest.raises(ValueError, match=r"images is a tf.data.Dataset; .*as_numpy_iterator\(\)"):
        static_set(model, dataset, LABELS, FGSM(), [0.1])
    images, labels = map(np.concatenate, zip(*dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(images, IMAGES)


def test_forms_of_fine_tuning():
    images = IMAGES.reshape(-1, 2, 2, 1)
    model = keras.Sequential([keras.Input([2, 2, 1]), layers.Flatten(), layers.Dense(2)])
    column, plain = (
        fine_tune_with_noisy_updates(model, images, labels, 0.1).get_weights()
        for labels in (LABELS[:, None], LABELS)
    )
    np.testing.assert_array_equal(column[0], plain[0])
    with pytest.raises(ValueError, match=r"labels have shape \(16, 2\) .* labels.argmax\(axis=1\)"):
        fine_tune_with_noisy_updates(model, images, np.eye(2)[LABELS], 0.1)


@pytest.mark.parametrize("make", TRAINERS)
def test_what_is_saved(make, tmp_path):
    trainer = compiled(make(network()), run_eagerly=True)
    trainer.fit(IMAGES, LABELS, verbose=0)
    message = r"accepted: .* models.save\(trainer.network, path\)"
    for save in (
        lambda: trainer.save(tmp_path / "model.keras"),
        lambda: keras.models.save_model(trainer, tmp_path / "model.h5"),
        lambda: trainer.export(tmp_path / "model"),
    ):
        with pytest.raises(NotImplementedError, match=message):
            save()
    trainer.save_weights(tmp_path / "state.weights.h5")
    again = compiled(make(network()))
    again.load_weights(tmp_path / "state.weights.h5")
    for new, old in zip(again.get_weights(), trainer.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("make", TRAINERS)
def test_the_loss_is_scaled_around_float16(make):
    assert isinstance(compiled(make(network())).optimizer, keras.optimizers.SGD)
    trainer = compiled(make(network(dtype="mixed_float16")))
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    losses = trainer.fit(IMAGES, LABELS, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and trainer.optimizer.iterations > 0


def test_sure_networks_in_float16_are_climbed():
    """The gradient of a loss of 1e-13 is zero in float16."""
    reached = {}
    for dtype in ("float32", "mixed_float16"):
        model = network(dtype=dtype)
        kernel, bias = model.layers[-1].get_weights()
        model.layers[-1].set_weights([100 * kernel, bias])
        trainer = AdversarialTrainer(model, 0.2, steps=5, random_start=False)
        labels = model.predict(IMAGES, verbose=0).argmax(axis=1)
        reached[dtype] = np.abs(trainer.craft(IMAGES, labels) - IMAGES).max(axis=1)
    assert np.median(reached["float32"]) > 0.15
    assert np.median(reached["mixed_float16"]) > 0.15


@pytest.mark.parametrize("make", [AdversarialTrainer, TradesTrainer])
def test_sure_networks_are_climbed_in_l2(make):
    """CleverHans' step shrinks with a gradient below 1e-6."""
    model = network(classes=3)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([50 * kernel, bias])
    examples = make(model, 0.5, steps=10, norm="l2").craft(
        IMAGES, model.predict(IMAGES, verbose=0).argmax(axis=1)
    )
    moved = np.linalg.norm(examples - IMAGES, axis=1)
    assert moved.min() > 0.1 and np.median(moved) > 0.4


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("make", [AdversarialTrainer, TradesTrainer])
def test_an_infinite_slope_gives_finite_examples(make, norm):
    """As of a square root, at a black pixel."""
    inputs = keras.Input([4])
    model = keras.Model(inputs, network()(keras.ops.sqrt(inputs)))
    images = np.where(IMAGES < 0.5, 0, IMAGES).astype(np.float32)
    trainer = compiled(make(model, 0.1, steps=3, norm=norm))
    examples = trainer.craft(images, LABELS).numpy()
    assert np.isfinite(examples).all() and examples.min() >= 0 and examples.max() <= 1
    moved = (examples - images).reshape(16, 4)
    reached = np.abs(moved).max(axis=1) if norm == "linf" else np.linalg.norm(moved, axis=1)
    assert np.median(reached) > 0.05


CONFIGURED = [
    BitDepth(3, straight_through=False, name="depth"),
    Median(5, name="median"),
    NoisyGradient(0.3, seed=4, draws=2, name="gradient"),
    NoisyLogits(0.3, seed=4, draws=2, name="logits", dtype="float64"),
    NoisyUpdateAdam(0.3, seed=4, learning_rate=0.5, beta_1=0.7, clipnorm=1.0, name="adam"),
]


@pytest.mark.parametrize("made", CONFIGURED, ids=lambda made: type(made).__name__)
def test_settings_outlive_the_config(made):
    stored = keras.saving.serialize_keras_object(made)
    for again in (
        type(made).from_config(made.get_config()),
        keras.saving.deserialize_keras_object(stored),
    ):
        assert again.get_config() == made.get_config()
