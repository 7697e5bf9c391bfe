"""Trains on two replicas of the CPU, in a process of its own; prints what came out as JSON."""

import json

import keras
import numpy as np
import tensorflow as tf

from defenses import AdversarialTrainer, NoisyUpdateAdam


def noise_of_an_update(scale: float) -> list[float]:
    """Of a weight without gradient, that Adam without memory moves by gradient / 1e6."""
    network = keras.Sequential([keras.Input([1]), keras.layers.Dense(20_000, use_bias=False)])
    network.set_weights([np.zeros([1, 20_000])])
    network.compile(
        NoisyUpdateAdam(scale, learning_rate=1.0, beta_1=0.0, beta_2=0.0, epsilon=1e6), "mse"
    )
    network.fit(np.zeros([2, 1]), np.zeros([2, 20_000]), batch_size=2, verbose=0)
    noise = -1e6 * network.get_weights()[0]
    return [float(noise.mean()), float(noise.std())]


def weights_after(steps: int, random_start: bool) -> list[float]:
    """Of a linear network that is trained on PGD examples."""
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
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
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
    trainer = AdversarialTrainer(network, 0.1, steps=1, step_size=1e-9)
    strategy = tf.distribute.get_strategy()
    crafted = strategy.run(lambda: trainer.craft(np.full([1, 2], 0.5), np.array([0])))
    return [each.numpy().ravel().tolist() for each in strategy.experimental_local_results(crafted)]


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    found = {"one": weights_after(3, False)}
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        found["noise"] = noise_of_an_update(3.0)
        found["two"] = weights_after(3, False)
        found["starts"] = starts()
    print(json.dumps(found))
