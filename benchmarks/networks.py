"""What is attacked in the benchmarks: networks, each with its images."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

import data

SMALL, LARGE = "small CNN", "ResNet-50"
ON_MNIST = "small CNN on MNIST"
TEN_CLASSES, HUNDRED_CLASSES = "untrained CNN, 10 classes", "untrained CNN, 100 classes"


@dataclass(frozen=True, eq=False)
class Network:
    """A Keras model that gives logits, with images float32 [N, ...] and labels int64 [N].

    The model assigns every image its label, so that attacks on labels and attacks on
    predictions do the same work.
    """

    model: keras.Model
    images: np.ndarray
    labels: np.ndarray

    def save(self, folder: Path) -> None:
        self.model.save(folder / "model.keras")
        np.savez(folder / "images.npz", images=self.images, labels=self.labels)

    @classmethod
    def load(cls, folder: Path) -> "Network":
        with np.load(folder / "images.npz") as stored:
            images, labels = stored["images"], stored["labels"]
        return cls(keras.saving.load_model(folder / "model.keras", compile=False), images, labels)


def small_cnn(num_classes: int = 10, image_shape=(32, 32, 3)) -> keras.Model:
    """Two convolutions and two dense layers, untrained."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(num_classes),
        ]
    )


def trained(name: str, epochs: int) -> Network:
    """The small CNN trained on a data set, with test images that it classifies correctly."""
    found = data.load(name)
    model = small_cnn(image_shape=found.x_train.shape[1:])
    model.compile(
        keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(found.x_train, found.y_train, batch_size=64, epochs=epochs, verbose=0)
    images = np.concatenate([found.x_test, found.x_validation])
    labels = np.concatenate([found.y_test, found.y_validation])
    correct = _predictions(model, images) == labels
    return Network(model, images[correct], labels[correct])


def untrained(num_classes: int) -> Network:
    """The small CNN with random weights, on digits."""
    model, images = small_cnn(num_classes), np.asarray(data.load("digits").x_test)
    return Network(model, images, _predictions(model, images))


def resnet50() -> Network:
    """ResNet-50 with random weights on random images of 64x64."""
    keras.utils.set_random_seed(0)
    model = keras.applications.ResNet50(
        weights=None, input_shape=(64, 64, 3), classes=10, classifier_activation=None
    )
    images = np.random.default_rng(0).random((48, 64, 64, 3), np.float32)
    return Network(model, images, _predictions(model, images))


def _predictions(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return model.predict(images, verbose=0).argmax(axis=1)


BUILDERS: dict[str, Callable[[], Network]] = {
    SMALL: functools.partial(trained, "digits", epochs=3),
    ON_MNIST: functools.partial(trained, "mnist", epochs=2),
    LARGE: resnet50,
    TEN_CLASSES: functools.partial(untrained, 10),
    HUNDRED_CLASSES: functools.partial(untrained, 100),
}
