"""Trains on one CPU and on two logical ones and prints what came of it as JSON.

A program of its own, as the devices have to be there before TensorFlow starts; it is one for the
distiller and the defenses, as TensorFlow takes seconds to start.
"""

import contextlib
import json
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from defenses import AdversarialTrainer, NoisyUpdateAdam
from distillation import Distiller, LossTermMonitor

RANDOM = np.random.default_rng(0)
X = RANDOM.random((11, 4), dtype=np.float32)
Y = np.eye(3, dtype=np.float32)[RANDOM.integers(3, size=11)]


def linear(seed):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_regularizer="l2")])
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def distiller(alpha, learning_rate):
    model = Distiller(linear(1), linear(2))
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        student_loss_fn=keras.losses.CategoricalCrossentropy(from_logits=True),
        distillation_loss_fn=keras.losses.KLDivergence(),
        alpha=alpha,
        temperature=2.0,
        student_regularization=True,
    )
    return model


def train(model, images, **arguments):
    batches = tf.data.Dataset.from_tensor_slices((X[:images], Y[:images])).batch(8)
    history = model.fit(batches, shuffle=False, verbose=0, **arguments).history
    return {name: values[-1] for name, values in history.items()}


def distilled(strategy=None):
    scope = strategy.scope if strategy else contextlib.nullcontext
    with scope():
        moving, still, hard = distiller(0.3, 1.0), distiller(0.3, 0.0), distiller(1.0, 0.0)
    # Eight images are four for each; of eleven the last batch is two for one and one for the other.
    return {
        "step": train(moving, 8, callbacks=[LossTermMonitor(X, Y)]),
        "weights": [weight.tolist() for weight in moving.student.get_weights()],
        "unequal": train(still, 11),
        "unequal at alpha 1": train(hard, 11),
        "evaluated": still.evaluate(
            tf.data.Dataset.from_tensor_slices((X, Y)).batch(8), verbose=0, return_dict=True
        ),
    }


def noise_of_an_update(scale: float) -> list[float]:
    """Of a weight without gradient, that Adam without memory moves by gradient / 1e6."""
    network = keras.Sequential([keras.Input([1]), layers.Dense(20_000, use_bias=False)])
    network.set_weights([np.zeros([1, 20_000])])
    network.compile(
        NoisyUpdateAdam(scale, learning_rate=1.0, beta_1=0.0, beta_2=0.0, epsilon=1e6), "mse"
    )
    network.fit(np.zeros([2, 1]), np.zeros([2, 20_000]), batch_size=2, verbose=0)
    noise = -1e6 * network.get_weights()[0]
    return [float(noise.mean()), float(noise.std())]


def weights_after(steps: int, random_start: bool) -> list[float]:
    """Of a linear network that is trained on PGD examples."""
    network = keras.Sequential([keras.Input([2]), layers.Dense(2)])
    network.set_weights([np.eye(2), np.zeros(2)])
    images = np.tile([[0.2, 0.6], [0.7, 0.3]], [4, 1])
    trainer = AdversarialTrainer(network, 0.1, steps=2, random_start=random_start)
    trainer.compile(
        keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    trainer.fit(images, np.tile([1, 0], 4), batch_size=8, epochs=steps, shuffle=False, verbose=0)
    return network.get_weights()[0].ravel().tolist()


def starts() -> list[list[float]]:
    """Where each replica starts."""
    network = keras.Sequential([keras.Input([2]), layers.Dense(2)])
    trainer = AdversarialTrainer(network, 0.1, steps=1, step_size=1e-9)
    strategy = tf.distribute.get_strategy()
    crafted = strategy.run(lambda: trainer.craft(np.full([1, 2], 0.5), np.array([0])))
    return [each.numpy().ravel().tolist() for each in strategy.experimental_local_results(crafted)]


def defended(strategy: tf.distribute.Strategy) -> dict:
    """Weights of one device and of two replicas; noise and starts of the two."""
    found = {"one": weights_after(3, False)}
    with strategy.scope():
        found["noise"] = noise_of_an_update(3.0)
        found["two"] = weights_after(3, False)
        found["starts"] = starts()
    return found


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # One for all: the reductions of two would be taken for each other's.
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {"one": distilled(), "two": distilled(mirrored), "defended": defended(mirrored)}
    json.dump(found, sys.stdout)
