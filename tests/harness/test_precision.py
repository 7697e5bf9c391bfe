"""Networks trained in mixed_float16: scaled losses, float32 logits, digests of their own."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import data
import models
from command_line import run, said
from harness import digests
from harness.plan import Plan
from harness.reductions import other_precision
from harness.runner import Runner
from harness.store import Store
from harness.training import train
from made import SMALL, small_arm
from recording import Recorder

HALF = "mixed_float16"
TEACHER = replace(SMALL, role="teacher")
STUDENT = replace(
    SMALL, role="student", procedure="soft_labels", temperature=2.0, alpha=0.1, teacher=TEACHER
)


class Seen(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.optimizer, self.policy = self.model.optimizer, self.model.dtype_policy.name


@pytest.mark.parametrize("training", [SMALL, STUDENT], ids=["plain", "distilled"])
def test_what_is_trained_in_half(training, tmp_path):
    seen, sources = Seen(), {}
    dataset = data.load(training.dataset)
    for name, source in training.sources.items():
        (tmp_path / name).mkdir()
        train(source, dataset, tmp_path / name, {}, lambda *_: None, precision=HALF)
        sources[name] = tmp_path / name / "model.h5"
    train(training, dataset, tmp_path, sources, lambda *_: None, callbacks=[seen], precision=HALF)
    assert isinstance(seen.optimizer, keras.optimizers.LossScaleOptimizer)
    assert keras.config.dtype_policy().name == "float32"  # as before
    network = models.load_checkpoint(tmp_path / "model.h5")
    computed_in = {layer.compute_dtype for layer in network.layers if layer.weights}
    assert "float16" in computed_in
    assert all(weights.dtype == np.float32 for weights in network.get_weights())
    logits = network.predict(dataset.x_test[:200], verbose=0)
    assert logits.dtype == np.float32 and np.isfinite(logits).all()


def test_an_arm_of_such_a_network(tmp_path):
    arm = small_arm()
    todo = Plan([arm.training], [arm], "*")
    usual, half = Runner(Store(tmp_path)), Runner(Store(tmp_path), precision=HALF)
    for runner in (usual, half):
        runner.run(todo, Recorder())
    stages = {runner.training_path(arm.training).name for runner in (usual, half)}
    assert len(stages) == 2
    assert half.arm_path(arm) != usual.arm_path(arm)
    assert np.isfinite(half.outcomes(arm).linf).all() and half.outcomes(arm).linf.any()


def test_it_is_part_of_the_digest_and_of_what_is_reduced():
    usual = digests.of_training(SMALL, "data", None)
    assert digests.of_training(SMALL, "data", None, precision="float32") == usual
    assert digests.of_training(SMALL, "data", None, 1, HALF) == usual | {"precision": HALF}
    assert other_precision("float32") == []
    assert other_precision(HALF) == ["precision mixed_float16 instead of float32"]


def test_unknown_precisions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="precision is 'half'; accepted: float32, mixed_float16"):
        Runner(Store(tmp_path), precision="half")
    done = run("run", "ntu", "--precision", "half", "--runs", tmp_path)
    assert done.exit_code == 2
    assert "'half'" in said(done) and "float32, mixed_float16" in said(done)
