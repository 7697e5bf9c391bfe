"""Networks of two data sets, undefended and adversarially trained; the libraries on each.

Without Foolbox and ART (requirements-peers.txt) all tests of this folder are skipped.
"""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import data
from attacks.pgd import PGD
from benchmarks import peers
from benchmarks.networks import Network

IMAGES = 100
TRAINING_IMAGES = 4000


@pytest.fixture(scope="session", autouse=True)
def installed():
    for name in ("foolbox", "art"):
        pytest.importorskip(name)


def digits():
    """Training images and labels, test images and labels, at 16x16 with one channel."""
    found = data.load("digits")
    x_train, x_test = (x[:, ::2, ::2, :1].copy() for x in (found.x_train, found.x_test))
    return x_train, found.y_train, x_test, found.y_test


def mnist():
    kept = Path.home() / ".keras" / "datasets" / "mnist.npz"
    if not (kept.exists() or os.environ.get("REPRODUCE_DATA_DIR")):
        pytest.skip("MNIST is not on this machine")
    try:
        found = data.load("mnist")
    except data.DatasetNotFoundError as error:
        pytest.skip(str(error))
    part = slice(TRAINING_IMAGES)
    return found.x_train[part], found.y_train[part], found.x_test, found.y_test


def untrained(image_shape) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss)
    return model


def train_adversarially(model: keras.Model, images, labels, epochs: int) -> None:
    """Each batch stands beside what PGD makes of it."""
    attack = PGD(5, norm="linf", random_start=True, batch_size=64)
    generator = np.random.default_rng(0)
    for _ in range(epochs):
        order = generator.permutation(len(images))
        for rows in np.split(order, range(64, len(order), 64)):
            clean, classes = images[rows], labels[rows]
            [adversarial] = attack.craft(model, clean, classes, epsilons=[0.1])
            model.train_on_batch(np.concatenate([clean, adversarial]), np.tile(classes, 2))


@pytest.fixture(
    scope="session",
    params=[
        (data_set, training)
        for data_set in (digits, mnist)
        for training in ("undefended", "adversarial")
    ],
    ids=lambda param: f"{param[0].__name__}, {param[1]}",
)
def network(request) -> Network:
    data_set, training = request.param
    x_train, y_train, x_test, y_test = data_set()
    model = untrained(x_train.shape[1:])
    if training == "adversarial":
        train_adversarially(model, x_train, y_train, epochs=6)
    else:
        model.fit(x_train, y_train, batch_size=64, epochs=6, verbose=0)
    correct = model.predict(x_test, verbose=0).argmax(axis=1) == y_test
    assert correct.mean() > 0.9
    return Network(model, x_test[correct][:IMAGES], y_test[correct][:IMAGES])


@pytest.fixture(scope="session")
def cleverhans(network):
    return peers.CleverHans(network.model)


@pytest.fixture(scope="session")
def foolbox(network):
    return peers.Foolbox(network.model)


@pytest.fixture(scope="session")
def art(network):
    return peers.ART(network.model)
