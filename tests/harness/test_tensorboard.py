"""Curves for TensorBoard: written on request, and of no influence on what is trained."""

import pandas as pd
import pytest
import tensorflow as tf

import models
from command_line import run, said
from harness.plan import Plan
from harness.runner import Runner
from harness.store import Store
from recording import Recorder


@pytest.mark.slow
def test_curves_are_written_by_stage_and_change_nothing(finished, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    training = finished[1].trainings[0]
    logged = Runner(Store(tmp_path / "runs"), tensorboard=tmp_path / "curves")
    logged.run(Plan([training], [], "*"), Recorder())
    stage, plain = logged.training_path(training), finished[2].training_path(training)
    assert stage.name == plain.name
    assert models.weights_sum(stage / "model.h5") == models.weights_sum(plain / "model.h5")
    history = pd.read_csv(stage / "history.csv")
    pd.testing.assert_frame_equal(
        history.drop(columns="seconds"),
        pd.read_csv(plain / "history.csv").drop(columns="seconds"),
    )
    (folder,) = (tmp_path / "curves").iterdir()
    assert folder.name == f"{training.title}, {stage.name}"
    for part, column in (("train", "accuracy"), ("validation", "val_accuracy")):
        events = EventAccumulator(str(folder / part), size_guidance={"tensors": 0}).Reload()
        points = events.Tensors("epoch_accuracy")
        values = [float(tf.make_ndarray(each.tensor_proto)) for each in points]
        assert [each.step for each in points] == [0, 1]
        assert values == pytest.approx(list(history[column]), abs=1e-6)


def test_without_tensorboard_nothing_is_trained(tiny_study, tmp_path, monkeypatch):
    monkeypatch.setattr("harness.tensorboard.find_spec", lambda name: None)
    words = ["run", "ntu", "--runs", tmp_path / "runs", "--results", tmp_path / "results"]
    done = run(*words, "--tensorboard", tmp_path / "curves")
    assert done.exit_code == 2 and "pip install tensorboard" in said(done)
    assert not list(tmp_path.iterdir())
