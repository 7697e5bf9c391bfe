"""A study at the smallest size, run once for all tests that look at it."""

from dataclasses import replace

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
    root = tmp_path_factory.mktemp("runs")
    todo = plan(study, tiny_profile)
    runner, recorder = Runner(Store(root)), Recorder()
    runner.run(todo, recorder)
    return root, todo, runner, recorder


@pytest.fixture
def tiny_study(monkeypatch, study, tiny_profile):
    """The command line's `ntu` at the smallest size."""
    monkeypatch.setitem(
        studies.STUDIES,
        "ntu",
        replace(study, profiles={"demo": tiny_profile, "paper": study.profiles["paper"]}),
    )
