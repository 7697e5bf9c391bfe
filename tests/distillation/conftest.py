"""Linear classifiers on six images of four numbers, small enough to be computed by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import softmax

IMAGES, PIXELS, CLASSES = 6, 4, 3


@pytest.fixture
def batch():
    """Images x, classes, and the same as one_hot."""
    classes = np.array([0, 1, 2, 2, 1, 2])
    return SimpleNamespace(
        x=np.random.default_rng(0).random((IMAGES, PIXELS), dtype=np.float32),
        classes=classes,
        one_hot=np.eye(CLASSES, dtype=np.float32)[classes],
    )


@pytest.fixture
def linear():
    """linear(seed): Dense(3) with known weights; `decay` is the factor of its L2 loss."""

    def make(seed, decay=0.0, scale=2.0, **dense):
        regularizer = keras.regularizers.L2(decay) if decay else None
        model = keras.Sequential(
            [keras.Input((PIXELS,)), layers.Dense(CLASSES, kernel_regularizer=regularizer, **dense)]
        )
        random = np.random.default_rng(seed)
        model.set_weights(
            [scale * random.normal(size=weight.shape) for weight in model.get_weights()]
        )
        return model

    return make


@pytest.fixture
def compiled():
    """Compiles a Distiller whose two terms are of similar size; `changes` replace arguments."""

    def compile_(distiller, **changes):
        arguments = dict(
            optimizer=keras.optimizers.SGD(1.0),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            student_loss_fn=keras.losses.CategoricalCrossentropy(from_logits=True),
            distillation_loss_fn=keras.losses.KLDivergence(),
            alpha=0.3,
            temperature=2.0,
        )
        distiller.compile(**arguments | changes)
        return distiller

    return compile_


@pytest.fixture
def one_step():
    """Trains on all images as one batch; returns the logs of it."""

    def step(trainer, x, y, **arguments):
        arguments = dict(batch_size=len(x), shuffle=False, verbose=0) | arguments
        history = trainer.fit(x, y, **arguments).history
        return {name: values[-1] for name, values in history.items()}

    return step


@pytest.fixture
def by_hand():
    """The terms of the default `compiled` for logits: losses, and gradients of the logits."""

    def terms(logits, teacher_logits, one_hot, temperature=2.0, weights=1.0):
        def mean(per_image):
            return np.mean(weights * per_image)

        share = np.reshape(weights, (-1, 1)) / len(logits)
        soft, soft_teacher = (softmax(z / temperature, axis=1) for z in (logits, teacher_logits))
        return SimpleNamespace(
            student_loss=mean(-np.log((one_hot * softmax(logits, axis=1)).sum(axis=1))),
            student_gradient=share * (softmax(logits, axis=1) - one_hot),
            distillation_loss=mean((soft_teacher * np.log(soft_teacher / soft)).sum(axis=1)),
            distillation_gradient=share * (soft - soft_teacher) / temperature,
        )

    return terms
