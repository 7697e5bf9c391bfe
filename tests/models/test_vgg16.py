"""The VGG variant against the study's listing."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models

CONVOLUTION = ["Conv2D", "BatchNormalization", "Activation"]
POOLING = ["MaxPooling2D", "Dropout"]
LISTING = [
    *["InputLayer", "Rescaling", "UpSampling2D"],
    *(2 * CONVOLUTION + POOLING),
    *(4 * CONVOLUTION + POOLING),
    *(3 * CONVOLUTION + POOLING),
    *(2 * CONVOLUTION + POOLING),
    *["Flatten", "Dense", "BatchNormalization", "Activation", "Dropout"],
    *["Dense", "BatchNormalization"],
]


@pytest.fixture(scope="module")
def full():
    return models.vgg16(10)


def of_type(model, layer_type):
    return [layer for layer in model.layers if isinstance(layer, layer_type)]


def test_layers_are_those_of_the_listing(full):
    assert [type(layer).__name__ for layer in full.layers] == LISTING
    convolutions = of_type(full, layers.Conv2D)
    assert [layer.filters for layer in convolutions] == [64] * 2 + [128] * 2 + [256] * 2 + [512] * 5
    assert {(layer.kernel_size, layer.padding) for layer in convolutions} == {((3, 3), "same")}
    poolings = of_type(full, layers.MaxPooling2D)
    assert [layer.output.shape[1] for layer in poolings] == [80, 40, 20, 10]
    assert [layer.rate for layer in of_type(full, layers.Dropout)] == [0.25] * 5
    assert [layer.units for layer in of_type(full, layers.Dense)] == [512, 10]
    assert {layer.activation for layer in of_type(full, layers.Activation)} == {
        keras.activations.relu
    }
    assert full.get_layer(index=2).interpolation == "nearest"


@pytest.mark.parametrize("num_classes, parameters", [(10, 38_000_754), (100, 38_047_284)])
def test_parameters_as_published(full, num_classes, parameters):
    model = full if num_classes == 10 else models.vgg16(num_classes)
    assert model.count_params() == parameters


def test_weight_decay_is_on_all_kernels_but_the_last(full):
    weighted = of_type(full, (layers.Conv2D, layers.Dense))
    decays = [layer.kernel_regularizer and float(layer.kernel_regularizer.l2) for layer in weighted]
    assert decays == pytest.approx([5e-4] * 12 + [None])
    assert len(full.losses) == 12
    assert all(layer.bias_regularizer is None for layer in weighted)


def test_penalty_is_the_sum_of_squares(small):
    kernels = [layer.kernel for layer in of_type(small, (layers.Conv2D, layers.Dense))]
    expected = 5e-4 * sum(np.sum(np.square(kernel)) for kernel in kernels[:-1])
    assert float(sum(small.losses)) == pytest.approx(expected, rel=1e-5)


def test_all_layers_train(small):
    statistics = 2 * len(of_type(small, layers.BatchNormalization))
    assert len(small.non_trainable_variables) - statistics == 5  # the state of five dropouts
    assert all(layer.trainable for layer in small.layers)


def test_width_scales_filters_and_hidden_units_to_at_least_one():
    model = models.vgg16(10, upsampling=1, width=1e-3)
    assert {layer.filters for layer in of_type(model, layers.Conv2D)} == {1}
    assert [layer.units for layer in of_type(model, layers.Dense)] == [1, 10]
    model = models.vgg16(10, upsampling=1, width=0.25)
    assert [layer.filters for layer in of_type(model, layers.Conv2D)][::4] == [16, 64, 128]


@pytest.mark.parametrize("preprocessing, scale", [("raw", 255), ("unit", 1)])
def test_what_the_first_convolution_sees(images, preprocessing, scale):
    model = models.vgg16(10, upsampling=2, width=0.05, preprocessing=preprocessing)
    first = of_type(model, layers.Conv2D)[0]
    seen = keras.Model(model.input, first.input)(images)
    np.testing.assert_allclose(seen[:, 1::2, ::2], images * scale, rtol=1e-6)


def test_no_output_is_bounded_like_a_probability(small, images):
    logits = small(images, training=False).numpy()
    assert logits.shape == (4, 3)
    assert not np.allclose(logits.sum(axis=1), 1)


@pytest.mark.parametrize("temperature", [1, 20])
def test_outputs_are_float32_under_mixed_precision(images, temperature):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.vgg16(3, upsampling=1, width=0.05, temperature=temperature)
        assert model.get_layer(index=3).compute_dtype == "float16"
        assert model(images).dtype == models.with_softmax(model)(images).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy("float32")


def test_grey_images(small, images):
    """A grey network sees what a colour network sees of three equal channels."""
    grey = models.vgg16(3, input_shape=(32, 32, 1), upsampling=1, width=0.05)
    kernel, *others = small.get_weights()
    grey.set_weights([kernel.sum(axis=2, keepdims=True), *others])
    channel = images[..., :1]
    expected = small(channel.repeat(3, axis=-1), training=False)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(grey(channel, training=False), expected, rtol=1e-4, atol=1e-5)


def test_attacking_leaves_the_batch_statistics_alone(small, images):
    before = small.get_weights()
    inputs = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(small(inputs, training=False) ** 2)
    assert np.any(tape.gradient(loss, inputs) != 0)
    for old, new in zip(before, small.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_temperature_divides_the_logits(small, images, tmp_path):
    path = models.save(small, tmp_path / "network")
    teacher = models.vgg16(3, upsampling=1, width=0.05, weights=path, temperature=200)
    np.testing.assert_allclose(teacher(images) * 200, small(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["network.h5", "network.keras", "network.weights.h5"])
def test_weights_from_a_file(small, images, tmp_path, name):
    path = tmp_path / name
    if name.endswith(".weights.h5"):
        small.save_weights(path)
    else:
        models.save(small, path)
    again = models.vgg16(3, upsampling=1, width=0.05, weights=path)
    np.testing.assert_array_equal(again(images, training=False), small(images, training=False))


@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_weights_of_another_network(small, tmp_path, suffix):
    path = models.save(small, tmp_path / f"network{suffix}")
    with pytest.raises(models.CheckpointError, match=f"network{suffix} does not hold weights"):
        models.vgg16(4, upsampling=1, width=0.05, weights=path)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"weights": "imagenet"}, "no ImageNet weights exist"),
        ({"weights": "missing.h5"}, "missing.h5 does not exist"),
        ({"weight_decay": -1e-4}, "weight_decay is -0.0001; accepted: a finite number, 0 or more"),
        ({"preprocessing": "imagenet"}, "'imagenet'; accepted: 'raw', 'unit'"),
        ({"temperature": 0}, "temperature is 0; accepted: a finite number above 0"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.vgg16(10, upsampling=1, width=0.05, **arguments)
