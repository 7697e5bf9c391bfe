"""Trains on one CPU and on two logical ones, undisturbed and killed, and prints what came of it.

A program of its own, as the devices have to be there before TensorFlow starts.
"""

import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import keras
import pandas as pd
import tensorflow as tf

import harness.resumption
import harness.training
from harness.arms import Training
from harness.plan import Plan
from harness.runner import Runner
from harness.store import Store
from made import RECIPE, SMALL
from models import load_checkpoint, weights_sum
from recording import Recorder

#: Nine batches an epoch, the last one smaller, with Dropout and batch normalization.
TEACHER = replace(
    SMALL,
    network=replace(SMALL.network, model="rit_cnn"),
    images=280,
    role="teacher",
    recipe=replace(RECIPE, epochs=2),
)
STUDENT = replace(
    TEACHER, role="student", procedure="soft_labels", temperature=2.0, alpha=0.1, teacher=TEACHER
)
#: What two replicas do as one device does, where Dropout is off.
PLAIN = replace(SMALL, images=280, recipe=replace(RECIPE, optimizer="SGD", learning_rate=0.1))


class Killed(harness.training._ShowProgress):
    """Ends a training after its next batches."""

    moments: list[int] = []

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        if Killed.moments:
            Killed.moments[0] -= 1
            if not Killed.moments[0]:
                Killed.moments.pop(0)
                raise KeyboardInterrupt


def trained(folder: str, mirrored: bool, trainings: list[Training], *moments: int) -> dict:
    """The stage, the weights and the history of the last of some trainings."""
    Killed.moments = list(moments)
    for _ in range(len(moments) + 1):
        runner = Runner(Store(Path(sys.argv[1]) / folder), mirrored=mirrored)
        with suppress(KeyboardInterrupt):
            runner.run(Plan(trainings, [], "*"), Recorder())
    assert not Killed.moments
    path = runner.training_path(trainings[-1])
    history = pd.read_csv(path / "history.csv", dtype=str).drop(columns="seconds")
    return {
        "stage": path.name,
        "sum": weights_sum(path / "model.h5"),
        "weights": [each.tolist() for each in load_checkpoint(path / "model.h5").get_weights()],
        "history": history.to_dict("list"),
    }


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    harness.training._ShowProgress = Killed
    harness.resumption.Resumption._is_due = lambda self: True
    both = [TEACHER, STUDENT]
    found = {
        "undisturbed": trained("undisturbed", True, both),
        "killed": trained("killed", True, both, 5, 16),
    }
    keras.layers.Dropout.call = lambda self, inputs, training=False: inputs
    found |= {name: trained(name, name == "two", [PLAIN]) for name in ("one", "two")}
    json.dump(found, sys.stdout)
