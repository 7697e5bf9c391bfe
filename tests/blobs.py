"""Images that small networks learn within a second, and such networks."""

import keras
import numpy as np
from keras import layers

from defenses import AdversarialTrainer

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def blobs(count: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of ten classes, each a pattern of its own in noise."""
    patterns = np.random.default_rng(7).random((10, 8, 8, 1))
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    noise = random.random((count, 8, 8, 1))
    return (0.6 * patterns[labels] + 0.4 * noise).astype(np.float32), labels


def network(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ]
    )


def plain(seed: int = 0) -> keras.Model:
    model = network(seed)
    model.compile(keras.optimizers.Adam(3e-3), LOSS)
    model.fit(*blobs(), epochs=8, batch_size=32, verbose=0)
    return model


def adversarially_trained(seed: int = 0) -> keras.Model:
    trainer = AdversarialTrainer(network(seed), epsilon=0.05, steps=5)
    trainer.compile(keras.optimizers.Adam(3e-3), LOSS)
    trainer.fit(*blobs(), epochs=12, batch_size=32, verbose=0)
    return trainer.network
