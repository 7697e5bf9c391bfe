"""A study at the smallest size, run once for all tests that look at it."""

import gc
import json
import os
from dataclasses import replace

import pytest
from filelock import FileLock

# What needs TensorFlow is imported in the fixtures: pytest-xdist's controller does without it.


def pytest_collection_finish():
    """Looks less often at TensorFlow's many objects for garbage: a tenth of a training's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


@pytest.fixture(scope="session")
def tiny_profile():
    """The smallest thing that still is the study: one case of the demo, two epochs."""
    from harness.study import Scale, Scope
    from studies.ntu.arms import VGG_ON_CIFAR10, NTUProfile
    from studies.ntu.profiles import PROFILES

    return NTUProfile(
        name="demo",
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
                roles=("undefended", "student"),
                protocols=("faithful",),
                views=("softmax",),
            )
        },
        restarts=1,
        seeds=(0,),
        controls=False,
    )


@pytest.fixture(scope="session")
def study():
    from studies import STUDIES

    return STUDIES["ntu"]


@pytest.fixture(scope="session")
def finished(study, tiny_profile, tmp_path_factory):
    """The folder of its stages, their plan, a runner and a recorder of what ran.

    Workers of pytest-xdist share the stages of the one that comes first.
    """
    from harness.plan import plan
    from harness.runner import Runner
    from harness.store import Store
    from recording import Recorder

    todo = plan(study, tiny_profile)
    recorder = Recorder()
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    root, told = base / "finished", base / "finished.json"
    with FileLock(base / "finished.lock"):
        runner = Runner(Store(root))
        if told.exists():
            runner.recall_data()
            recorder.ran, recorder.stages = json.loads(told.read_text())
        else:
            runner.run(todo, recorder)
            told.write_text(json.dumps([recorder.ran, recorder.stages]))
    return root, todo, runner, recorder


@pytest.fixture
def tiny_study(monkeypatch, study, tiny_profile):
    """The command line's `ntu` at the smallest size."""
    import studies

    monkeypatch.setitem(
        studies.STUDIES,
        "ntu",
        replace(study, profiles={"demo": tiny_profile, "paper": study.profiles["paper"]}),
    )
