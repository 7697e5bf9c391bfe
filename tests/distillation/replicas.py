"""Trains on one CPU and on two logical ones and prints what came of it as JSON.

A program of its own, as the devices have to be there before TensorFlow starts.
"""

import contextlib
import json
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import layers

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


def outcome(strategy=None):
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


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    both = {"one": outcome(), "two": outcome(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))}
    json.dump(both, sys.stdout)
