"""ResNet-50 and Inception-V3: heads, what trains, preprocessing, weights."""

from functools import partial

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import models
from models import imagenet_weights
from models.backbone import backbone

RESNET_HEAD = ["GlobalAveragePooling2D", "Dense", "Dropout", "BatchNormalization", "Dense"]
INCEPTION_HEAD = [
    *["GlobalAveragePooling2D", "Dense", "Dropout", "Dense", "BatchNormalization"],
    *["Dense", "BatchNormalization", "Dense"],
]


@pytest.fixture(scope="module")
def resnet_from_scratch():
    return models.resnet50(10, upsampling=2, width=0.125)


def test_resnet_head(resnet):
    head = resnet.layers[-5:]
    assert [type(layer).__name__ for layer in head] == RESNET_HEAD
    assert (head[1].units, head[1].activation) == (256, keras.activations.relu)
    assert head[2].rate == 0.25
    assert (head[4].units, head[4].activation) == (10, keras.activations.linear)


@pytest.mark.slow
def test_inception_head(inception):
    head = inception.layers[-8:]
    assert [type(layer).__name__ for layer in head] == INCEPTION_HEAD
    dense = [layer for layer in head if isinstance(layer, layers.Dense)]
    assert [layer.units for layer in dense] == [512, 256, 128, 10]
    assert [layer.activation for layer in dense[:3]] == [keras.activations.relu] * 3
    assert dense[3].activation is keras.activations.linear
    assert head[2].rate == 0.3


def test_parameters(resnet, inception_weights, inception):
    # 23,587,712 is what keras.applications documents for the backbone; then the frozen channel
    # reversal, Dense 256, its batch normalisation and the output.
    assert resnet.count_params() == 23_587_712 + 12 + 524_544 + 1_024 + 2_570
    head = (2048 * 512 + 512) + (512 * 256 + 256) + 4 * 256 + (256 * 128 + 128) + 4 * 128 + 1290
    assert inception.count_params() == inception_weights[0].count_params() + head


@pytest.mark.parametrize("name", ["resnet", "inception"])
def test_only_batch_normalisation_trains_in_a_pretrained_backbone(request, name):
    model = request.getfixturevalue(name)
    head = len({"resnet": RESNET_HEAD, "inception": INCEPTION_HEAD}[name])
    body = model.layers[:-head]
    trainable = [layer for layer in body if layer.trainable_variables]
    assert trainable == [layer for layer in body if isinstance(layer, layers.BatchNormalization)]
    assert all(layer.trainable for layer in model.layers[-head:])


def test_frozen_batch_normalisation(little, monkeypatch):
    application, path = little
    monkeypatch.setattr(keras.applications, "ResNet50", application)
    monkeypatch.setattr(keras.applications, "InceptionV3", application)
    for build, head in ((models.resnet50, RESNET_HEAD), (models.inception_v3, INCEPTION_HEAD)):
        model = build(10, upsampling=3, width=0.1, weights=path, train_batch_norm=False)
        layers_below = model.layers[: -len(head)]
        assert sum(isinstance(layer, layers.BatchNormalization) for layer in layers_below) == 2
        assert not any(layer.trainable_variables for layer in layers_below)
        trains = 2 * sum(kind in ("Dense", "BatchNormalization") for kind in head)
        assert len(model.trainable_variables) == trains


def test_from_scratch_everything_trains(resnet_from_scratch):
    assert all(layer.trainable for layer in resnet_from_scratch.layers)
    assert resnet_from_scratch.layers[2].output.shape == (None, 64, 64, 3)
    assert resnet_from_scratch.layers[-4].units == 32


def test_channel_reversal_stays_frozen_from_scratch():
    images = keras.Input((32, 32, 3))
    x = models.preprocessing.caffe(images)
    assert not keras.Model(images, x).trainable_variables


@pytest.mark.parametrize("name", ["resnet", "inception"])
def test_backbone_has_the_weights_of_the_file(request, images, name):
    model = request.getfixturevalue(name)
    network, _ = request.getfixturevalue(f"{name}_weights")
    preprocess = {
        "resnet": keras.applications.resnet50.preprocess_input,
        "inception": keras.applications.inception_v3.preprocess_input,
    }[name]
    side = network.input_shape[1]
    enlarged = images.repeat(side // 32, axis=1).repeat(side // 32, axis=2)

    pooling = next(n for n in model.layers if isinstance(n, layers.GlobalAveragePooling2D))
    features = keras.Model(model.input, pooling.input)(images, training=False)
    expected = network(preprocess(255 * enlarged), training=False)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(features / scale, expected / scale, atol=1e-4)


@pytest.mark.parametrize(
    "layer, network",
    [("caffe", "resnet50"), ("plus_minus_one", "inception_v3"), ("standardise", "densenet")],
)
def test_imagenet_preprocessing_is_that_of_keras(images, layer, network):
    expected = getattr(keras.applications, network).preprocess_input(255 * images)
    pixels = keras.Input((32, 32, 3))
    model = keras.Model(pixels, getattr(models.preprocessing, layer)(pixels))
    np.testing.assert_allclose(model(images), expected, atol=1e-4)


def test_failed_download_says_what_to_do():
    def offline(include_top, weights, input_tensor=None, input_shape=None):
        if weights == "imagenet":
            raise Exception("URL fetch failure")
        return keras.Model(input_tensor, keras.layers.Identity()(input_tensor))

    with pytest.raises(
        ConnectionError,
        match="weights is 'imagenet', .*URL fetch failure.*; accepted.* path .* None",
    ):
        backbone(offline, keras.Input((32, 32, 3)), "imagenet", train_batch_norm=True)


class Seen(Exception):
    """What Keras looks for has been seen."""


@pytest.mark.slow  # whole networks are built before Keras looks
@pytest.mark.parametrize("name, top", imagenet_weights.FILES)
def test_what_keras_looks_for_is_downloaded(name, top, monkeypatch, tmp_path):
    """The same address, checksum and place, so that Keras finds it in its cache."""
    application, shape = getattr(keras.applications, name), (224, 224, 3)
    asked, wanted = [], []

    def download(url, path, most, checksum):
        asked.append((path.name, url, path.parent.name, checksum))

    def get_file(fname, origin, cache_subdir, file_hash):
        wanted.append((fname, origin, cache_subdir, file_hash))
        raise Seen

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imagenet_weights, "download", download)
    monkeypatch.setattr(application.__globals__["file_utils"], "get_file", get_file)
    imagenet_weights.download_weights(partial(application, include_top=top), shape)
    with pytest.raises(Seen):
        application(include_top=top, input_shape=shape)
    assert asked == wanted


def test_a_network_that_keras_refuses_is_not_downloaded(monkeypatch):
    monkeypatch.setattr(imagenet_weights, "download", None)
    with pytest.raises(ValueError, match="input_shape"):
        models.build("vgg19", num_classes=1000, input_shape=(32, 32, 3), weights="imagenet")


def test_half_a_download_is_begun_again(tmp_path, monkeypatch):
    """Keras has no checksum of MobileNet's weights, and reads what is there."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder = tmp_path / "models"
    folder.mkdir()
    sound, kept = folder / "another.h5", folder / "mobilenet.h5"
    with h5py.File(sound, "w") as file:
        file["values"] = np.arange(1000)
    kept.write_bytes(sound.read_bytes()[:5000])
    downloads = []

    def application(include_top, weights, input_tensor=None, input_shape=None):
        if weights == "imagenet":
            if not kept.exists():
                downloads.append(kept.write_bytes(sound.read_bytes()))
            h5py.File(kept, "r").close()
            input_tensor = keras.Input(input_shape)
        return keras.Model(input_tensor, keras.layers.Identity()(input_tensor))

    for _ in range(2):
        backbone(application, keras.Input((32, 32, 3)), "imagenet", train_batch_norm=True)
        assert len(downloads) == 1 and kept.read_bytes() == sound.read_bytes()


def test_what_cannot_be_read_is_not_downloaded_for_ever(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def application(include_top, weights, input_tensor=None, input_shape=None):
        if weights == "imagenet":
            raise OSError("No space left on device")
        return keras.Model(input_tensor, keras.layers.Identity()(input_tensor))

    with pytest.raises(ConnectionError, match="No space left on device"):
        backbone(application, keras.Input((32, 32, 3)), "imagenet", train_batch_norm=True)


@pytest.mark.parametrize(
    "weights, error, message",
    [
        ("missing.h5", models.CheckpointError, "missing.h5 does not exist"),
        ("imagenet", ValueError, "weights is 'imagenet' with 1 channels; accepted: 3"),
    ],
)
def test_refused_weights(weights, error, message, little):
    with pytest.raises(error, match=message):
        backbone(little[0], keras.Input((32, 32, 1)), weights, True)


def test_refused_preprocessing():
    with pytest.raises(ValueError, match="preprocessing is 'imagenet' with 1 channels"):
        models.resnet50(10, (32, 32, 1), upsampling=1, preprocessing="imagenet")
