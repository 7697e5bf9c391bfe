"""Bad input is refused by name, with the value and what is accepted."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from attacks import (
    APGD,
    BIM,
    DDN,
    FAB,
    FGSM,
    FMN,
    JSMA,
    PGD,
    AutoAttack,
    BudgetAttack,
    CarliniWagner,
    DeepFool,
    MomentumIterative,
    PixelSwap,
    SigmaZero,
    Square,
    Targeted,
    Untargeted,
)

GOOD = {"images": np.full((3, 8, 8, 1), 0.5, np.float32), "labels": [0, 1, 2], "epsilon": 0.1}


def changed(value, where=(1, 2, 3, 0)):
    images = GOOD["images"].copy()
    images[where] = value
    return images


# Attack, arguments that differ from the good ones, what the message has to say.
REFUSED = {
    "below 0": (FGSM(), {"images": changed(-0.01)}, "images have values from -0.01 to 0.5; acc"),
    "above 1": (PGD(), {"images": changed(255)}, r"images have values from 0.5 to 255; .*by 255"),
    "NaN": (PGD(), {"images": changed(np.nan)}, "images have values from nan to nan; accepted"),
    "integers": (
        FGSM(),
        {"images": np.ones((3, 8, 8, 1), np.uint8)},
        r"images .* type uint8; .*floats",
    ),
    "one value": (FGSM(), {"images": np.float32(0.5)}, r"images have shape \(\)"),
    "label too large": (FGSM(), {"labels": [0, 1, 10]}, "labels has the value 10; accepted: 0 to"),
    "label below 0": (PGD(), {"labels": [0, -1, 2]}, "labels has the value -1; accepted: 0 to 9"),
    "one-hot": (PGD(), {"labels": np.eye(10, dtype=int)[:3]}, r"labels has shape \(3, 10\)"),
    "floats": (PGD(), {"labels": [0.0, 1.0, 2.0]}, "labels has .* type float64; .*integer"),
    "too few": (FGSM(), {"labels": [0, 1]}, "labels has 2 entries for 3 images"),
    "target": (PGD(), {"labels": Targeted([0, 1, 10])}, "classes has the value 10; accepted"),
    "targets": (PGD(), {"labels": Targeted([0, 1])}, "classes has 2 entries for 3 images"),
    "wrong unit": (FGSM(), {"epsilon": 8.0}, r"epsilon is 8.0; accepted for linf: 0 to 1, .*8/255"),
    "negative": (PGD(), {"epsilon": -0.1}, "epsilon is -0.1; accepted for linf: 0 to 1"),
    "epsilon NaN": (PGD(), {"epsilon": np.nan}, "epsilon is nan; accepted for linf"),
    "beyond l2": (FGSM("l2"), {"epsilon": 8.01}, "epsilon is 8.01; accepted for l2: 0 to 8"),
    "beyond l1": (FGSM("l1"), {"epsilon": 64.1}, "epsilon is 64.1; accepted for l1: 0 to 64"),
    "ids": (PGD(), {"ids": [0, 1]}, r"ids has shape \(2,\) and type int64; accepted: integers"),
    "id below 0": (PGD(), {"ids": [0, 1, -2]}, "ids has the value -2; accepted: 0 or more"),
}


@pytest.mark.parametrize("attack, arguments, message", REFUSED.values(), ids=REFUSED)
def test_refused_arguments(cnn, attack, arguments, message):
    with pytest.raises(ValueError, match=message):
        attack(cnn, **(GOOD | arguments))


def linear(*shape):
    return lambda images: tf.reshape(images[:, 0], shape)


MODELS = {
    "no classes": (linear(-1), r"model gives outputs of shape \(None,\); accepted: logits"),
    "picture": (lambda images: images, r"outputs of shape \(None, 8, 8, 1\); accepted: logits"),
    "two outputs": (
        lambda images: [images, images],
        r"model gives a list; accepted: one tensor .*lambda images: model\(images\)\[0\]",
    ),
    "named outputs": (
        lambda images: {"logits": images},
        r"model gives a dict; accepted: one tensor .*model\(images\)\['logits'\]",
    ),
    "two inputs": (
        keras.Model(
            TWO := [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))], keras.layers.Add()(TWO)
        ),
        r"takes 2 inputs; accepted: one, the images .*lambda images: model\(\[images, others\]",
    ),
    "nothing": (None, "model is None; accepted: a Keras model, or a callable"),
    "not a number": (
        lambda images: tf.reshape(images, [-1, 64]) * np.nan,
        "model gives outputs .* not finite",
    ),
    "constant": (
        lambda images: tf.zeros([tf.shape(images)[0], 10]),
        "model has no gradient .* accepted",
    ),
    "not differentiable": (
        lambda images: tf.cast(tf.reshape(images, [-1, 64]) > 0.7, tf.float32),
        "model has no gradient with respect to images; accepted",
    ),
}


EVERY = [
    FGSM(),
    BIM(2),
    PGD(2),
    MomentumIterative(2),
    APGD(2),
    AutoAttack(steps=2, queries=2),
    DeepFool(2),
    FAB(2),
    DDN(2),
    FMN(2),
    SigmaZero(2),
    CarliniWagner(1, 2),
    JSMA(),
]
BLACK_BOX = [Square(3), PixelSwap(3)]


def arguments(attack):
    """The good ones, of which a minimum-norm attack takes no epsilon."""
    return {k: v for k, v in GOOD.items() if k != "epsilon" or isinstance(attack, BudgetAttack)}


@pytest.mark.parametrize("attack", EVERY, ids=str)
@pytest.mark.parametrize("model, message", MODELS.values(), ids=MODELS)
def test_refused_models(attack, model, message):
    if isinstance(attack, AutoAttack) and "gradient" in message:
        pytest.skip("goes on with Square: test_random_and_opaque_models")
    with pytest.raises(ValueError, match=message):
        attack(model, **arguments(attack))


@pytest.mark.parametrize("attack", BLACK_BOX, ids=str)
@pytest.mark.parametrize(
    "name", [name for name in MODELS if "differen" not in name and name != "constant"]
)
def test_models_refused_by_black_box_attacks_too(attack, name):
    model, message = MODELS[name]
    with pytest.raises(ValueError, match=message):
        attack(model, **arguments(attack))


@pytest.mark.parametrize("attack", [*EVERY, *BLACK_BOX], ids=str)
@pytest.mark.parametrize(
    "change, message",
    [
        ({"images": changed(np.nan)}, "images have values from nan"),
        ({"images": changed(1.5)}, "images have values from 0.5 to 1.5"),
        ({"labels": [0, 1, 10]}, "labels has the value 10; accepted: 0 to 9"),
        ({"labels": Targeted([0, 1, 10])}, "classes has the value 10; accepted: 0 to 9"),
        ({"labels": [0, 1]}, "labels has 2 entries for 3 images"),
        ({"ids": [0, 1, -1]}, "ids has the value -1"),
    ],
)
def test_refused_by_every_attack(cnn, attack, change, message):
    with pytest.raises(ValueError, match=message):
        attack(cnn, **(arguments(attack) | change))


def test_logits_that_are_not_finite_are_no_success():
    logits = np.array([[0, 1, 2], [0, np.nan, 2], [0, np.inf, 2], [np.nan] * 3])
    np.testing.assert_array_equal(Untargeted([1, 1, 2, 1]).reached(logits), [1, 0, 0, 0])
    np.testing.assert_array_equal(Targeted([2, 2, 1, 0]).reached(logits), [1, 0, 0, 0])


def test_a_target_that_is_the_label_is_refused():
    with pytest.raises(ValueError, match=r"classes\[1\] is 2, which is the label of that image"):
        Targeted([1, 2, 3], labels=[2, 2, 2])
    with pytest.raises(ValueError, match="labels has 2 entries for 3 classes"):
        Targeted([1, 2, 3], labels=[2, 2])


def test_one_epsilon_is_not_a_sweep(cnn):
    with pytest.raises(ValueError, match="epsilons is 0.1; accepted: a sequence of numbers"):
        FGSM().sweep(cnn, GOOD["images"], GOOD["labels"], epsilons=0.1)


PARAMETERS = {
    "FGSM norm": (FGSM, {"norm": "l0"}, "norm is 'l0'; accepted: 'linf', 'l2', 'l1'"),
    "PGD norm": (PGD, {"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'$"),
    "steps": (PGD, {"steps": 0}, "steps is 0; accepted: a whole number, 1 or more"),
    "true steps": (PGD, {"steps": True}, "steps is True; accepted: a whole number, 1 or more"),
    "half a step": (PGD, {"steps": 1.5}, "steps is 1.5; accepted: a whole number"),
    "step_size": (PGD, {"step_size": 0.0}, "step_size is 0.0; accepted: a finite number above 0"),
    "restarts": (PGD, {"restarts": 0, "random_start": True}, "restarts is 0; accepted"),
    "same restarts": (
        PGD,
        {"restarts": 2, "random_start": False},
        "restarts is 2 without random_start; accepted",
    ),
    "seed": (PGD, {"seed": -1}, "seed is -1; accepted: a whole number, 0 or more"),
}


@pytest.mark.parametrize("make, arguments, message", PARAMETERS.values(), ids=PARAMETERS)
def test_refused_hyper_parameters(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.parametrize("make", [FGSM, PGD])
@pytest.mark.parametrize("name", ["temperature", "batch_size"])
@pytest.mark.parametrize("value", [0, -1])
def test_refused_by_both(make, name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}; accepted: a .* number"):
        make(**{name: value})


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_largest_epsilon_is_accepted(cnn, norm):
    diameter = {"linf": 1.0, "l2": 8.0, "l1": 64.0}[norm]
    result = FGSM(norm)(cnn, **(GOOD | {"epsilon": diameter}))
    assert result.epsilon == diameter
    assert result.distances["linf"].max() == 0.5  # from grey to black or white


@pytest.mark.parametrize(
    "attack",
    [
        FGSM(),
        BIM(2),
        PGD(2),
        PGD(2, random_start=True, restarts=2),
        MomentumIterative(2),
        APGD(2),
        APGD(2, loss="dlr"),
        Square(3),
        AutoAttack(steps=2, queries=3),
    ],
    ids=str,
)
@pytest.mark.parametrize("labels", [[], None, Targeted([])], ids=["labels", "own", "goal"])
def test_no_image_gives_an_empty_result(cnn, attack, labels):
    result = attack(cnn, GOOD["images"][:0], labels, epsilon=0.1)
    assert result.images.shape == (0, 8, 8, 1)
    assert result.logits.shape == (0, 10)
    assert len(result) == 0
    per_image = [result.success, result.gradient_evaluations, *result.distances.values()]
    assert [values.shape for values in per_image] == 6 * [(0,)]


def test_other_floats_and_layouts_are_taken(cnn, images, labels):
    expected = FGSM()(cnn, images, labels, epsilon=0.1)
    for same in (images.astype(np.float64), np.asfortranarray(images), tf.constant(images)):
        result = FGSM()(cnn, same, keras.ops.convert_to_tensor(labels), epsilon=0.1)
        assert result.images.dtype == np.float32
        np.testing.assert_array_equal(result.images, expected.images)


COLUMN = [FGSM(), PGD(2), Square(3), DeepFool(2)]


@pytest.mark.parametrize("attack", COLUMN, ids=str)
def test_labels_in_a_column_are_taken(cnn, images, labels, attack):
    """As `keras.datasets` gives them, [N, 1]."""
    options = {"epsilon": 0.1} if isinstance(attack, BudgetAttack) else {}
    expected = attack(cnn, images, labels, **options)
    for column in (labels[:, None], labels[:, None].astype(np.uint8)):
        result = attack(cnn, images, column, **options)
        np.testing.assert_array_equal(result.images, expected.images)
        np.testing.assert_array_equal(result.success, expected.success)
    target = (labels + 1) % 10
    for goal in (Targeted(target, labels), Targeted(target[:, None], labels[:, None])):
        assert goal.classes.shape == goal.labels.shape == labels.shape


WAYS_OUT = {
    "one-hot": (
        {"labels": np.eye(10)[[0, 1, 2]]},
        r"\[N\] or \[N, 1\] \(for one-hot labels, labels.arg",
    ),
    "floats": ({"labels": [0.0, 1.0, 2.0]}, r"labels.astype\(int\), if they are whole numbers"),
    "bytes": ({"images": np.ones((3, 8, 8, 1), np.uint8)}, "images / 255 for 0-255 grey levels"),
    "one image": ({"images": np.full(64, 0.5, np.float32)}, r"images\[None\] for one image"),
    "other shape": (
        {"images": np.full((3, 32, 32, 3), 0.5, np.float32)},
        r"images have shape \(32, 32, 3\); accepted: \(8, 8, 1\), which model",
    ),
    "data set": (
        {"images": tf.data.Dataset.from_tensors(0)},
        "images is a tf.data.Dataset; accepted: .*for images, labels in dataset: attack",
    ),
}


@pytest.mark.parametrize("name", WAYS_OUT)
def test_refusals_name_the_way_out(cnn, name):
    change, message = WAYS_OUT[name]
    with pytest.raises(ValueError, match=message):
        FGSM()(cnn, **GOOD | change)


def test_images_of_bytes_inside_a_model(cnn, images, labels):
    """A model with a byte input would see black images."""
    pixels = keras.Input((8, 8, 1), dtype="uint8")
    model = keras.Model(pixels, cnn(keras.layers.Rescaling(1 / 255)(pixels)))
    for attack in (Square(5), FGSM()):
        with pytest.raises(
            ValueError, match=r"takes uint8 images.*models.with_unit_range\(model\)"
        ):
            attack(model, images, labels, epsilon=0.1)
        for hidden in (
            lambda batch: model(batch, training=False),
            keras.Sequential([keras.Input((8, 8, 1)), model]),
        ):
            with pytest.raises(ValueError, match=r"black to it; .*models.with_unit_range\(model\)"):
                attack(hidden, images, labels, epsilon=0.1)
        result = attack(models.with_unit_range(model), images, labels, epsilon=0.1)
        expected = attack(cnn, images, labels, epsilon=0.1)
        np.testing.assert_array_equal(result.success, expected.success)
