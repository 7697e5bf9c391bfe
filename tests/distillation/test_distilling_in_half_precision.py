"""Students that compute in float16 inside a Distiller of float32, at a temperature of 200."""

import keras
import numpy as np
import pytest
from keras import layers

from distillation import Distiller, compile_trainer, procedure

T, RATE = 200.0, 1e5


def network(seed, dtype):
    """From images [N, 4] to 3 classes, with float32 logits, as under Keras' mixed precision."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(64, activation="tanh", dtype=dtype),
            layers.Dense(3, dtype=dtype),
            layers.Activation("linear", dtype="float32"),
        ]
    )
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(size=w.shape) / 4 for w in model.get_weights()])
    return model


@pytest.fixture
def distiller(compiled):
    """distiller(dtype): of the softened outputs alone, without T squared."""

    def make(dtype, temperature=T, **arguments):
        return compiled(
            Distiller(network(1, dtype), network(2, dtype)),
            alpha=0.0,
            temperature=temperature,
            optimizer=keras.optimizers.SGD(RATE),
            jit_compile=False,
            **arguments,
        )

    return make


def test_no_gradient_is_lost(distiller, batch, one_step):
    moved = {}
    for dtype in ("float32", "mixed_float16"):
        trainer = distiller(dtype)
        start = trainer.student.get_weights()[0]
        one_step(trainer, batch.x, batch.one_hot)
        moved[dtype] = trainer.student.get_weights()[0] - start
    assert np.abs(moved["float32"]).max() > 0
    error = np.abs(moved["mixed_float16"] - moved["float32"])
    assert np.median(error / np.abs(moved["float32"])) < 0.02


def test_the_measured_gradient_is_that_of_float32(distiller, batch):
    exact, half = (
        distiller(dtype, temperature=20 * T).term_gradients(batch.x, batch.one_hot)
        for dtype in ("float32", "mixed_float16")
    )
    name = "distillation_gradient_norm"
    assert float(half[name]) == pytest.approx(float(exact[name]), rel=0.01)


def test_the_scale_is_kept_and_can_be_refused(distiller, batch, one_step, tmp_path):
    own = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(RATE), initial_scale=1024.0)
    trainer = distiller("mixed_float16")
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    trainer.compile(own, [], trainer.student_loss_fn, trainer.distillation_loss_fn)
    assert trainer.optimizer is own
    unscaled = distiller("mixed_float16", auto_scale_loss=False)
    assert isinstance(unscaled.optimizer, keras.optimizers.SGD)
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    assert np.isfinite(one_step(trainer, batch.x, batch.one_hot, callbacks=[backup])["loss"])


@pytest.mark.parametrize("role", ["warm_up", "teacher", "control"])
def test_trainings_without_a_teacher_are_scaled_too(role):
    trainer = compile_trainer(procedure("papernot"), role, network(1, "mixed_float16"), "sgd")
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
