"""The options that say where stages are done."""

import pytest

from command_line import run, said


@pytest.mark.parametrize(
    "options, message",
    [
        (["--address", "auto"], "--address is auto without --on ray; accepted: with it"),
        (["--cpus-per-stage", 2], "--cpus-per-stage is 2 without --on ray; accepted: with it"),
        (["--on", "ray"], "Ray is not installed; accepted: with it (pip install -r requirements-"),
    ],
)
def test_what_does_not_go_together(options, message, monkeypatch):
    monkeypatch.setattr("commands.spread.find_spec", lambda name: None)
    done = run("run", "ntu", *options)
    assert done.exit_code == 2 and message in said(done)


@pytest.mark.parametrize("gpus", ["-1", "1.5", "nan", "inf"])
def test_gpus_are_a_part_of_one_or_whole(gpus, monkeypatch):
    monkeypatch.setattr("commands.spread.find_spec", lambda name: name)
    done = run("run", "ntu", "--on", "ray", "--gpus-per-stage", gpus)
    assert done.exit_code == 2
    assert f"--gpus-per-stage is {gpus}; accepted: 0, a part of one GPU, or a" in said(done)
