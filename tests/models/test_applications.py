"""Networks of keras.applications with their preprocessing inside."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

import models
from models import applications

MODULES = {
    "densenet201": ("standardised", keras.applications.densenet),
    "vgg19": ("centred_bgr", keras.applications.vgg19),
    "resnet101": ("centred_bgr", keras.applications.resnet),
    "mobilenet": ("plus_minus_one", keras.applications.mobilenet),
    "mobilenet_v2": ("plus_minus_one", keras.applications.mobilenet_v2),
}
COMPLETE = {
    "densenet201": keras.applications.DenseNet201,
    "vgg19": keras.applications.VGG19,
    "resnet101": keras.applications.ResNet101,
    "mobilenet": functools.partial(keras.applications.MobileNet, alpha=0.25),
    "mobilenet_v2": functools.partial(keras.applications.MobileNetV2, alpha=0.35),
}
WIDTHS = {"mobilenet": 0.25, "mobilenet_v2": 0.35}
SHAPE = (32, 32, 3)


#: Those that take seconds to build are left to the slow tests.
DEEP = ("densenet201", "resnet101", "mobilenet_v2")
EACH = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in DEEP else ()) for n in COMPLETE]
)


@pytest.fixture(scope="module")
def narrow():
    return functools.cache(
        lambda name: models.build(name, 10, input_shape=SHAPE, width=0.25, temperature=2)
    )


@pytest.fixture(scope="module")
def headless(tmp_path_factory):
    """MobileNet's weights without its top, and the file they are in."""
    network = COMPLETE["mobilenet"](include_top=False, weights=None, input_shape=SHAPE)
    path = tmp_path_factory.mktemp("mobilenet") / "mobilenet.weights.h5"
    network.save_weights(path)
    return network, path


def build(**arguments):
    return models.build("mobilenet", **{"num_classes": 10, "input_shape": SHAPE} | arguments)


def test_all_are_tested():
    assert tuple(MODULES) == tuple(COMPLETE) == applications.NAMES


@EACH
def test_preprocessing_is_that_of_keras(name, images, narrow):
    layer, module = MODULES[name]
    model = narrow(name)
    seen = keras.Model(model.input, model.get_layer(layer).output)(images)
    np.testing.assert_allclose(seen, module.preprocess_input(255 * images), atol=1e-4)


@EACH
def test_from_scratch_everything_but_the_preprocessing_trains(name, narrow):
    model = narrow(name)
    frozen = [layer.name for layer in model.layers if not layer.trainable]
    assert frozen == ["centred_bgr"] * (MODULES[name][0] == "centred_bgr")
    assert (model.name, model.layers[-1].name, model.output_shape) == (
        name,
        "temperature",
        (None, 10),
    )
    assert models.squashing(model) is None


def test_width_scales_filters_and_hidden_units(narrow):
    model = narrow("vgg19")
    convolutions = [x for x in model.layers if isinstance(x, layers.Conv2D) and x.trainable]
    assert [x.filters for x in convolutions] == [16] * 2 + [32] * 2 + [64] * 4 + [128] * 8
    dense = [x.units for x in model.layers if isinstance(x, layers.Dense)]
    assert dense == [1024, 1024, 10]
    assert narrow("mobilenet").get_layer("conv_preds").kernel.shape == (1, 1, 256, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name, features", [("resnet101", 512), ("densenet201", 480)])
def test_width_scales_what_the_deep_networks_average(name, features, narrow):
    assert narrow(name).get_layer("avg_pool").output.shape == (None, features)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "mobilenet" else pytest.mark.slow) for n in COMPLETE]
)
def test_complete_network_equals_that_of_keras(name, images, shaken, tmp_path):
    network = shaken(COMPLETE[name](weights=None, input_shape=SHAPE, classifier_activation=None))
    path = tmp_path / "network.weights.h5"
    network.save_weights(path)
    width = WIDTHS.get(name, 1.0)
    model = models.build(name, 1000, input_shape=SHAPE, weights=path, width=width)

    expected = network(MODULES[name][1].preprocess_input(255 * images), training=False).numpy()
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(
        model(images, training=False) / np.abs(expected).max(),
        expected / np.abs(expected).max(),
        atol=1e-5,
    )
    parameters = sum(np.prod(v.shape) for v in network.trainable_variables)
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == parameters


def test_new_head_on_a_pretrained_backbone(images, headless):
    network, path = headless
    model = build(weights=path, width=0.25)
    assert [type(layer).__name__ for layer in model.layers[-2:]] == [
        "GlobalAveragePooling2D",
        "Dense",
    ]
    trains = {type(layer).__name__ for layer in model.layers if layer.trainable_variables}
    assert trains == {"BatchNormalization", "Dense"}
    features = keras.Model(model.input, model.layers[-2].input)(images, training=False)
    np.testing.assert_allclose(features, network(2 * images - 1, training=False), atol=1e-5)

    frozen = build(weights=path, width=0.25, train_batch_norm=False)
    assert len(frozen.trainable_variables) == 2


def test_weights_of_the_other_form_are_refused_in_words(headless, tmp_path):
    network = COMPLETE["mobilenet"](weights=None, input_shape=SHAPE)
    network.save(tmp_path / "complete.h5")
    with pytest.raises(models.CheckpointError, match="'mobilenet_.*with include_top=False"):
        build(weights=tmp_path / "complete.h5", width=0.25)
    headless[0].save(tmp_path / "headless.h5")
    with pytest.raises(models.CheckpointError, match="'mobilenet_.*with include_top=True"):
        build(weights=tmp_path / "headless.h5", width=0.25, num_classes=1000)


def test_outputs_are_float32_under_mixed_precision(images):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build(width=0.25)
        assert model.get_layer("conv1").compute_dtype == "float16"
        assert keras.backend.standardize_dtype(model(images).dtype) == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"weights": "none.h5"}, models.CheckpointError, "none.h5 does not exist"),
        ({"weights": "imagenet", "width": 0.3}, ValueError, "alpha"),
        (
            {"weights": "imagenet", "num_classes": 1000, "preprocessing": "unit"}
            | {"input_shape": (32, 32, 1)},
            ValueError,
            "weights is 'imagenet' with 1 channels",
        ),
        ({"input_shape": (32, 32, 1)}, ValueError, "preprocessing is 'imagenet' with 1 channels"),
        ({"temperature": -1}, ValueError, "temperature is -1; accepted: a finite number above 0"),
    ],
)
def test_refused_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        build(**arguments)


@pytest.mark.parametrize("name", ["densenet201", "vgg19", "resnet101"])
def test_weights_have_one_width(name):
    with pytest.raises(ValueError, match=f"width is 0.5 with weights of {name}; accepted: 1"):
        models.build(name, 10, width=0.5, weights="imagenet")
