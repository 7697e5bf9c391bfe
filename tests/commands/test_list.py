"""`reproduce.py list`: studies, and what of one has run."""

import json

import pytest

from command_line import run
from commands import catalogue
from commands.list_output import duration


def test_every_profile_with_its_cost():
    lines = [line.split(None, 1) for line in run("list").stdout.splitlines()]
    for name, listed in catalogue.STUDIES.items():
        at = lines.index([f"{name}:", listed.title])
        assert lines[at + 1 : at + 1 + len(listed.costs)] == list(map(list, listed.costs.items()))


def test_studies_as_json():
    document = json.loads(run("list", "--json").stdout)
    assert {each["study"]: each["profiles"] for each in document} == {
        name: dict(listed.costs) for name, listed in catalogue.STUDIES.items()
    }


def test_what_has_run(tiny_study, finished, tmp_path):
    root, todo, _, _ = finished
    done = run("list", "ntu", "--runs", root)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    networks, arms = len(todo.trainings), len(todo.arms)
    assert lines[-1] == (f"{networks} of {networks} networks and {arms} of {arms} arms have run.")
    ran = [line for line in lines if line.startswith("  ran ")]
    assert len(ran) == networks + arms
    assert all(any(line.endswith(f"  {arm.key}") for line in ran) for arm in todo.arms)

    fresh = run("list", "ntu", "--runs", tmp_path).stdout.splitlines()
    assert fresh[-1].startswith(f"0 of {networks} networks and 0 of {arms} arms have run. Nothing")
    assert sum(line.startswith("  left         ?  ") for line in fresh) == networks + arms


def test_what_has_run_as_json(tiny_study, finished):
    root, todo, runner, _ = finished
    document = json.loads(run("list", "ntu", "--runs", root, "--json").stdout)
    assert [each["name"] for each in document["arms"]] == [arm.key for arm in todo.arms]
    assert document["arms"][0]["seconds"] == runner.store.seconds(runner.arm_path(todo.arms[0]))
    assert document["seconds_left"] == 0 and document["without_estimate"] == 0


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (119, "119 s"),
        (150, "2.5 min"),
        (7199, "120 min"),
        (7200, "2.0 h"),
        (5e5, "5.8 days"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
