"""Stages keep their names: a move of code changes no digest, a change of meaning does.

`python -m tests.harness.test_digests` writes `digests.json` anew, after a change of meaning.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from attacks import Square
from harness import digests
from harness.arms import PatchArm, description
from harness.plan import plan
from harness.runner import Runner
from harness.store import Store
from studies import STUDIES

PINNED = Path(__file__).with_name("digests.json")


class Described(Runner):
    """A runner to which all data are the same, and which has trained nothing."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(digests, "versions", lambda: {"library": "1.0"})
        super().__init__(Store(Path("nowhere")))

    def fingerprint(self, training):
        return f"{training.dataset}, {training.split}"

    def network_sum(self, training):
        return f"weights of {training.title}"


def names(study, described: Described) -> dict[str, dict[str, str]]:
    """The names of all stages of a study's demo profile."""
    todo = plan(study, study.profile("demo"))
    patched = [arm for arm in todo.arms if isinstance(arm, PatchArm)]
    return {
        "trainings": {
            f"{number}: {training.title}": described.training_path(training).name
            for number, training in enumerate(todo.trainings)
        },
        "arms": {arm.key: described.arm_path(arm).name for arm in todo.arms},
        "patches": {arm.key: described.patch_path(arm).name for arm in patched},
    }


@pytest.mark.parametrize("name", STUDIES)
def test_the_stages_of_the_demo_keep_their_names(name, monkeypatch):
    pinned = json.loads(PINNED.read_text())
    assert names(STUDIES[name], Described(monkeypatch)) == pinned[name]


def test_another_seed_epsilon_or_network_is_another_stage(monkeypatch):
    described = Described(monkeypatch)
    arm = plan(STUDIES["ntu"], STUDIES["ntu"].profile("demo")).arms[0]
    other_seed = replace(arm.training, seed=arm.training.seed + 1)
    assert described.training_path(other_seed) != described.training_path(arm.training)
    changed = replace(arm, training=other_seed), replace(arm, epsilons=arm.epsilons[:-1])
    paths = {described.arm_path(each) for each in (arm, *changed)}
    monkeypatch.setattr(described, "network_sum", lambda training: "trained again")
    assert len(paths | {described.arm_path(arm)}) == 4


def test_what_an_arm_is_called_is_no_part_of_its_name(monkeypatch):
    described = Described(monkeypatch)
    arm = plan(STUDIES["ntu"], STUDIES["ntu"].profile("demo")).arms[0]
    renamed = replace(arm, variant="another", attack_name="another")
    assert described.arm_path(renamed) == described.arm_path(arm)


def test_an_attack_towards_a_class_is_another_stage(monkeypatch):
    described = Described(monkeypatch)
    arm = plan(STUDIES["wpi"], STUDIES["wpi"].profile("demo")).arms[0]
    towards = replace(arm, random_targets=True)
    assert described.arm_path(towards) != described.arm_path(arm)


def test_a_folded_search_is_another_stage_and_an_unfolded_one_says_nothing_of_it():
    assert "fold" not in description(Square())
    assert description(Square(fold=True)) == description(Square()) | {"fold": True}


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patches:
        named = {name: names(study, Described(patches)) for name, study in STUDIES.items()}
    PINNED.write_text(json.dumps(named, indent=1) + "\n")
