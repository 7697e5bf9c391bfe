"""A study at the smallest size, run once for all tests that look at it."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

import studies
from harness.plan import plan
from harness.runner import Runner
from harness.store import Store
from harness.study import Profile, Scale, Scope
from recording import Recorder
from studies import STUDIES
from studies.ntu.arms import VGG_ON_CIFAR10
from studies.ntu.profiles import PROFILES


@pytest.fixture(scope="session")
def tiny_profile() -> Profile:
    """The smallest thing that still is the study: one case of the demo, two epochs."""
    return Profile(
        name="tiny",
        cost="seconds",
        datasets=PROFILES["demo"].datasets,
        scales={
            "vgg16": Scale(
                upsampling=1,
                width=1 / 64,
                epochs=2,
                batch_size=64,
                images=128,
                validation_images=100,
                pretrained=False,
                attack_images={"faithful": 20, "corrected": 20},
            )
        },
        cases={
            VGG_ON_CIFAR10: Scope(
                roles=("undefended", "student", "control"), protocols=("faithful",)
            )
        },
        restarts=1,
        seeds=(0,),
        controls=False,
    )


@pytest.fixture(scope="session")
def study():
    return STUDIES["ntu"]


@pytest.fixture(scope="session")
def finished(study, tiny_profile, tmp_path_factory):
    """The folder of its stages, their plan, a runner and a recorder of what ran.

    Workers of pytest-xdist share the stages of the one that has finished first.
    """
    todo = plan(study, tiny_profile)
    recorder = Recorder()
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    shared = tmp_path_factory.getbasetemp().parent / f"finished-{session}.json"
    if session and shared.exists():
        told = json.loads(shared.read_text())
        recorder.ran, recorder.stages = told["ran"], told["stages"]
        return Path(told["root"]), todo, Runner(Store(Path(told["root"]))), recorder
    root = tmp_path_factory.mktemp("runs")
    runner = Runner(Store(root))
    runner.run(todo, recorder)
    if session:
        told = {"root": str(root), "ran": recorder.ran, "stages": recorder.stages}
        (root / "told.json").write_text(json.dumps(told))
        (root / "told.json").replace(shared)  # never half written
    return root, todo, runner, recorder


@pytest.fixture
def tiny_study(monkeypatch, study, tiny_profile):
    """The command line's `ntu` at the smallest size."""
    monkeypatch.setitem(
        studies.STUDIES,
        "ntu",
        replace(study, profiles={"demo": tiny_profile, "paper": study.profiles["paper"]}),
    )
