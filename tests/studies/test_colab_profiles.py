"""The colab profiles: real data, whole networks, pre-trained where the study had them so."""

import pytest

from commands import catalogue
from harness.plan import plan
from studies import STUDIES


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_a_session_is_spent_on_what_the_study_ran(study):
    profile, paper = study.profile("colab"), study.profile("paper")
    assert all(here == published for published, here in profile.datasets.items())
    assert set(profile.cases) <= set(paper.cases)
    assert all(scale.width == 1 for scale in profile.scales.values())

    here = {arm.key: arm.training for arm in plan(study, profile).arms}
    originals = {arm.key: arm.training for arm in plan(study, paper).arms}
    common = here.keys() & originals.keys()
    assert common == here.keys()
    for key in common:
        assert here[key].network.weights == originals[key].network.weights
        assert here[key].recipe.epochs <= originals[key].recipe.epochs
    assert len(here) < len(originals)


@pytest.mark.parametrize("study", STUDIES)
def test_its_cost_is_a_plan_and_claims_no_time(study):
    assert catalogue.STUDIES[study].costs["colab"] == "planned for one session on a T4-class GPU"
