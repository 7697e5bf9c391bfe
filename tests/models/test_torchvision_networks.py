"""ResNeXt-50, RegNetY-400MF and AlexNet against torchvision's."""

import functools
import re

import keras
import numpy as np
import pytest
from golden.make_torchvision_activations import ACTIVATIONS, NETWORKS, draw, draw_images, statistics
from keras import layers
from safetensors.numpy import save_file

import models
from models.convolutions import grouped_convolution

PARAMETERS = {
    "resnext50_32x4d": 25_028_904,
    "regnety_400mf": 4_344_144,
    "alexnet": 61_100_840,
}
SMALL = {"width": 0.05, "input_shape": (32, 32, 1), "preprocessing": "unit", "upsampling": 3}


@pytest.fixture(scope="module")
def full():
    return functools.cache(lambda name: models.build(name, 1000))


@pytest.fixture(scope="module")
def narrow():
    """Small networks with temperature; tests may not rely on their weights."""
    return functools.cache(
        lambda name: models.build(name, 3, temperature=20, name="student", **SMALL)
    )


def state_dict(model: keras.Model) -> dict[str, np.ndarray]:
    """Drawn weights with the names and shapes that torchvision gives to those of `model`."""
    shapes = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            for name in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{layer.name}.{name}"] = layer.gamma.shape
        elif isinstance(layer, layers.DepthwiseConv2D):
            height, width, channels, group_width = layer.kernel.shape
            shapes[f"{layer.name}.weight"] = (channels, group_width, height, width)
        elif layer.weights:
            *window, inputs, outputs = layer.kernel.shape
            shapes[f"{layer.name}.weight"] = (outputs, inputs, *window)
            if layer.use_bias:
                shapes[f"{layer.name}.bias"] = (outputs,)
    return {name: draw(name, tuple(shape)) for name, shape in shapes.items()}


# The two with many parameters take seconds.
@pytest.mark.parametrize(
    "name",
    [
        "regnety_400mf",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("resnext50_32x4d", "alexnet")),
    ],
)
def test_equals_torchvision(name, full, tmp_path):
    model = full(name)
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == PARAMETERS[name]

    path = tmp_path / "weights.safetensors"
    save_file(state_dict(model), path)
    models.load_torchvision(model, path)
    looked_into = NETWORKS[name][1]
    outputs = [model.get_layer(module).output for module in looked_into]
    *activations, logits = keras.Model(model.input, [*outputs, model.output])(
        draw_images(), training=False
    )

    with np.load(ACTIVATIONS) as expected:
        for module, values in zip(looked_into, activations):
            np.testing.assert_allclose(
                statistics(values.numpy()), expected[f"{name}/{module}"], rtol=1e-4, err_msg=module
            )
        np.testing.assert_allclose(logits, expected[f"{name}/logits"], atol=1e-4)


def test_stages_of_regnet_follow_the_papers_rule(full):
    """Equations 2 to 4 of the paper, then widths rounded to whole groups."""
    depth, w_0, w_a, w_m, group_width = 16, 48, 27.89, 2.09, 8
    linear = w_0 + w_a * np.arange(depth)
    exponents = np.round(np.log(linear / w_0) / np.log(w_m))
    widths = np.round(w_0 * w_m**exponents / 8) * 8
    whole_groups = np.round(widths / group_width) * group_width
    model = full("regnety_400mf")
    blocks = [layer for layer in model.layers if re.fullmatch(r"trunk.*-\d+", layer.name)]
    assert [block.output.shape[-1] for block in blocks] == list(whole_groups)


@pytest.mark.parametrize("strides", [1, 2])
def test_grouped_convolution_is_that_of_keras(strides):
    images = np.random.default_rng(0).random((2, 9, 7, 12), dtype=np.float32)
    inputs = keras.Input(images.shape[1:])
    ours = keras.Model(inputs, grouped_convolution(inputs, 4, 3, "grouped", strides))
    x = layers.ZeroPadding2D(1)(inputs)
    theirs = keras.Model(inputs, layers.Conv2D(12, 3, strides, groups=3, use_bias=False)(x))

    kernel = theirs.get_weights()[0]  # [3, 3, input in the group, group and output]
    grouped = kernel.reshape(3, 3, 4, 3, 4).transpose(0, 1, 3, 2, 4)
    ours.set_weights([grouped.reshape(3, 3, 12, 4)])
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-6)


@pytest.mark.parametrize("name", PARAMETERS)
def test_narrow_networks_on_grey_images(name, narrow):
    model = narrow(name)
    assert model.count_params() < PARAMETERS[name] / 40
    assert model(np.zeros((2, 32, 32, 1), np.float32)).shape == (2, 3)
    assert (model.name, model.layers[-1].name) == ("student", "temperature")
    assert all(layer.trainable for layer in model.layers)


@pytest.mark.skipif(
    not hasattr(keras.layers, "AdaptiveAveragePooling2D"), reason="not in Keras before 3.13"
)
@pytest.mark.parametrize("side, pooled", [(95, 2), (127, 3), (160, 4), (288, 8)])
def test_alexnet_averages_its_features_to_six_by_six(side, pooled):
    model = models.alexnet(10, input_shape=(side, side, 3), width=0.01)
    assert model.get_layer("features.12").output.shape[1:3] == (pooled, pooled)
    assert_averages_to_six_by_six(model, pooled)


@pytest.mark.parametrize("side, pooled", [(95, 2), (127, 3), (224, 6), (415, 12)])
def test_alexnet_averages_alike_in_a_keras_without_adaptive_pooling(side, pooled, monkeypatch):
    monkeypatch.delattr("keras.layers.AdaptiveAveragePooling2D", raising=False)
    model = models.alexnet(10, input_shape=(side, side, 3), width=0.01)
    assert_averages_to_six_by_six(model, pooled)
    with pytest.raises(ValueError, match="gives 4x4 features; accepted .* 3.13 or newer"):
        models.alexnet(10, input_shape=(160, 160, 3), width=0.01)


def assert_averages_to_six_by_six(model, pooled):
    features, averaged = model.get_layer("features.12"), model.get_layer("avgpool")
    values = np.random.default_rng(0).random((1, pooled, pooled, 3), dtype=np.float32)
    bins = [slice(i * pooled // 6, -(-(i + 1) * pooled // 6)) for i in range(6)]
    expected = [[values[0, rows, columns].mean((0, 1)) for columns in bins] for rows in bins]
    average = keras.Model(features.output, averaged.output)
    np.testing.assert_allclose(average.predict(values, verbose=0)[0], expected, rtol=1e-5)


@pytest.fixture(scope="module")
def regnet(narrow):
    """A network with every kind of layer, and a file's worth of weights for it."""
    model = narrow("regnety_400mf")
    return model, state_dict(model)


def test_counters_of_batches_are_ignored(regnet, tmp_path):
    model, state = regnet
    path = tmp_path / "weights.safetensors"
    save_file(state | {"stem.1.num_batches_tracked": np.array(7, np.int64)}, path)
    again = models.regnety_400mf(3, weights=path, **SMALL)
    np.testing.assert_array_equal(again.get_layer("stem.1").gamma, state["stem.1.weight"])
    models.load_torchvision(model, path)
    for ours, loaded in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(ours, loaded)


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


FAULTS = {
    "missing": (lambda s: without(s, "fc.bias"), "missing: fc.bias$"),
    "unknown": (lambda s: s | {"fc.scale": s["fc.bias"]}, "unknown: fc.scale$"),
    "shape": (
        lambda s: s | {"fc.weight": s["fc.weight"].T.copy()},
        r"of another shape: fc.weight \(\d+, 3\), accepted \(3, \d+\)$",
    ),
    "dtype": (lambda s: s | {"fc.bias": s["fc.bias"].astype(np.float16)}, "float32: fc.bias F16$"),
    "nan": (lambda s: s | {"fc.bias": s["fc.bias"] * np.nan}, "not finite: fc.bias$"),
    "another network": (lambda s: {"features.0.bias": s["fc.bias"]}, r"missing: .* and \d+ more$"),
}


@pytest.mark.parametrize("fault, message", FAULTS.values(), ids=FAULTS)
def test_a_faulty_file_leaves_the_weights_alone(regnet, tmp_path, fault, message):
    model, state = regnet
    before = model.get_weights()
    save_file(fault(state), tmp_path / "weights.safetensors")
    with pytest.raises(models.CheckpointError, match=f"weights.safetensors: .*{message}"):
        models.load_torchvision(model, tmp_path / "weights.safetensors")
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_file_leaves_the_weights_alone(regnet, tmp_path, share):
    model, state = regnet
    before = model.get_weights()
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(models.CheckpointError, match="missing, damaged or not safetensors"):
        models.load_torchvision(model, path)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_missing_file(regnet, tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(models.CheckpointError, match="missing, damaged"):
            models.load_torchvision(regnet[0], path)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_weights_from_a_checkpoint(images, shaken, narrow, tmp_path, suffix):
    model = shaken(narrow("alexnet"))
    path = models.save(model, tmp_path / f"network{suffix}")
    again = models.alexnet(3, weights=path, temperature=20, **SMALL)
    grey = images[..., :1]
    np.testing.assert_array_equal(again(grey, training=False), model(grey, training=False))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"weights": "imagenet"}, "weights is 'imagenet'; accepted: None or a path"),
        (
            {"weights": "weights.pth"},
            "weights.pth is a pickle, which can run code; accepted: .safetensors",
        ),
        ({"preprocessing": "imagenet"}, "preprocessing is 'imagenet' with 1 channels"),
        ({"temperature": 0}, "temperature is 0; accepted: a finite number above 0"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.alexnet(10, **SMALL | arguments)
