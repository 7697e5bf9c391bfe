"""When the networks and attacks of a run are those of the study."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.claims import Standing
from harness.plan import plan
from harness.reductions import is_as_published
from harness.study import Scale
from studies import STUDIES

RIT = STUDIES["rit_mnist"]
AS_PUBLISHED = RIT.profile("laptop-published")


def said_of(profile, study=RIT) -> bool:
    return is_as_published(study, plan(study, profile))


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_paper_profiles_are_as_published_and_few_others(study):
    found = {name for name, profile in study.profiles.items() if said_of(profile, study)}
    assert found - {"laptop-published"} == {"paper"}


def changed(**of_scale) -> bool:
    (name,) = AS_PUBLISHED.scales
    scale: Scale = replace(AS_PUBLISHED.scales[name], **of_scale)
    return said_of(replace(AS_PUBLISHED, scales={name: scale}))


def test_fewer_test_images_and_seeds_are_as_published_and_less_training_is_not():
    assert said_of(AS_PUBLISHED)
    assert said_of(replace(AS_PUBLISHED, seeds=(2,)))
    assert changed(attack_images={"faithful": 10, "corrected": 10, "AutoAttack": 0})
    for reduced in ({"epochs": 49}, {"images": 1_000}, {"width": 0.5}, {"learning_rate": 0.1}):
        assert not changed(**reduced), reduced


def test_attacks_of_the_study_and_its_data_have_to_be_its_own():
    assert said_of(replace(AS_PUBLISHED, restarts=1))  # of corrected attacks
    assert not said_of(replace(AS_PUBLISHED, datasets={"mnist": "digits"}))
    weaker = plan(RIT, AS_PUBLISHED)
    arms = [
        replace(arm, attack=replace(arm.attack, steps=9))
        if (arm.protocol, arm.attack_name) == ("faithful", "PGD")
        else arm
        for arm in weaker.arms
    ]
    assert arms != list(weaker.arms)
    assert not is_as_published(RIT, replace(weaker, arms=arms))


@pytest.mark.parametrize(
    "run, stands_in, standing",
    [
        ({"as_published": True}, False, Standing.PUBLISHED),
        ({"as_published": False}, False, Standing.REDUCED),
        ({}, False, Standing.REDUCED),
        ({"as_published": True}, True, Standing.STAND_IN),
    ],
)
def test_how_near_a_run_is_to_the_study_is_what_it_was_when_it_was_made(run, stands_in, standing):
    assert RIT.standing(SimpleNamespace(run=run, stands_in=stands_in)) == standing
