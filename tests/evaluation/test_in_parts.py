"""Evaluating some images at a time changes nothing."""

from dataclasses import fields

import numpy as np
import tensorflow as tf

from attacks import FGSM, PGD
from evaluation import Outcomes, evaluate, evaluate_in_parts


def model(images):
    weights = tf.random.stateless_normal([12, 3], [1, 2])
    return tf.nn.tanh(tf.reshape(images, [-1, 12]) @ weights) @ tf.random.stateless_normal(
        [3, 4], [3, 4]
    )


def test_parts_are_the_whole():
    images = np.random.default_rng(0).uniform(size=(23, 2, 2, 3)).astype(np.float32)
    labels = np.arange(23) % 4
    for attack in (FGSM(batch_size=4), PGD(steps=2, random_start=True, batch_size=4)):
        seen: list[tuple[int, int]] = []
        parts = evaluate_in_parts(
            model,
            images,
            labels,
            attack,
            [0.1, 0.3],
            values=2 * 12 * 8,
            progress=lambda *done, seen=seen: seen.append(done),
        )
        whole = evaluate(model, images, labels, attack, [0.1, 0.3])
        assert seen[-1] == (23, 23) and seen == sorted(seen)
        for field in fields(Outcomes):
            if "seconds" not in field.name:
                found, expected = (getattr(each, field.name) for each in (parts, whole))
                if expected is not None:
                    np.testing.assert_array_equal(found, expected, err_msg=field.name)
