"""The colab profiles: real data, whole networks, pre-trained where the study had them so."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from attacks import AdversarialPatch
from commands import catalogue
from harness.cost import cost_of
from harness.plan import Kind, plan
from recording import Recorder
from studies import STUDIES
from studies.icbai.classifiers import PatchProfile, plans
from studies.icbai.distillation import CASE
from studies.run import run_study


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


#: Operations a second that a T4 sustains: a sixth of the 65 that its tensor cores can do, in half
#: precision, and less than half of the 8.1 in single precision, in which networks are attacked.
TRAINING, ATTACKING, HOURS = 10e12, 3.5e12, 4.0


@pytest.mark.slow
@pytest.mark.parametrize("study", ["ntu", "praxis", "icbai"])
def test_what_is_planned_fits_into_a_session(study):
    todo = plan(STUDIES[study], STUDIES[study].profile("colab"))
    rates = {Kind.TRAIN: TRAINING, Kind.PATCH: ATTACKING, Kind.ATTACK: ATTACKING}
    seconds = [cost_of(stage).operations / rates[stage.kind] for stage in todo.stages]
    assert 0 < sum(seconds) / 3600 <= HOURS


def started(profile):
    """A few images of the digits and one step of everything, with random weights."""
    scales = {
        name: replace(
            scale,
            epochs=1,
            images=4,
            validation_images=4,
            batch_size=4,
            pretrained=False,
            images_per_class=None,
            attack_images=dict.fromkeys(scale.attack_images, 2),
        )
        for name, scale in profile.scales.items()
    }
    small = replace(profile, datasets=dict.fromkeys(profile.datasets, "digits"), scales=scales)
    if not isinstance(profile, PatchProfile):
        return small
    # Images of 224 pixels, as those of ImageNet, of which the digits are a stand-in.
    classifiers = {
        name: scale
        if name == CASE.model
        else replace(scale, upsampling=7, attack_images={"imagenet": 16})
        for name, scale in scales.items()
    }
    quick = AdversarialPatch(1, batch_size=4, epochs=1)
    patches = plans({0: "zero"}, (32,), quick, batch_size=4, fitted_on=8, evaluated_on=8)
    return replace(small, scales=classifiers, patches=patches)


class Interrupted(Recorder):
    """Is interrupted as the second stage begins."""

    @contextmanager
    def stage(self, title):
        if self.ran:
            raise KeyboardInterrupt
        with super().stage(title) as update:
            yield update


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "pattern"),
    [
        ("ntu", "vgg16/cifar10/main/corrected/corrected student/logits/FGSM/*"),
        ("praxis", "resnext50_32x4d/cifar10/main/*/soft_labels student/logits/FGSM/*"),
        ("icbai", "mobilenet/imagenet/*"),
    ],
)
def test_it_starts_resumes_and_reports(study, pattern, monkeypatch, tmp_path):
    profile = started(STUDIES[study].profile("colab"))
    profiles = {"colab": profile, "paper": STUDIES[study].profile("paper")}
    monkeypatch.setitem(STUDIES, study, replace(STUDIES[study], profiles=profiles))
    places = {"runs": tmp_path / "runs", "directory": tmp_path / "report", "arms": pattern}
    first, then = Interrupted(), Recorder()
    with pytest.raises(KeyboardInterrupt):
        run_study(study, "colab", progress=first, **places)
    report = run_study(study, "colab", progress=then, **places)
    assert first.ran and then.there[: len(first.ran)] == first.ran
    assert len(then.there + then.ran) == then.stages
    assert set(report.results.table["arm"]) == {
        arm.key for arm in plan(STUDIES[study], profile, pattern).arms
    }
    assert report.page.exists()
