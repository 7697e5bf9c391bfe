"""FGSM and patches on classifiers: their arms, and a tiny run of them."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attacks
from attacks import AdversarialPatch, PatchOverlay
from harness.arms import PatchArm
from harness.claims import judged
from harness.collect import collect
from harness.patch_plan import PatchPlan
from harness.plan import plan
from harness.results import Results
from harness.runner import Runner
from harness.store import Store
from recording import Recorder
from reports import build_report
from reports.verdicts import run_in
from studies.icbai import STUDY, classifiers
from studies.icbai.arms import COMPARED
from studies.icbai.classifiers import CASES, plans

DEMO = STUDY.profiles["demo"]
CASE = next(case for case in CASES if case.model == "alexnet")


def test_the_paper_profile_has_every_size_and_class_on_every_network():
    arms = STUDY.arms(STUDY.profiles["paper"])
    for case in CASES:
        of_case = [arm for arm in arms if arm.case == case]
        made = {
            (arm.attack.kind, arm.attack.name, arm.attack.side, arm.protocol)
            for arm in of_case
            if isinstance(arm, PatchArm)
        }
        assert len(made) == 30 and len(of_case) == 32
        assert ("trained", "toaster", 64, "corrected") in made
        assert ("pasted", "school bus", 32, "faithful") in made
        units = {(arm.protocol, arm.units, arm.attack.clip) for arm in of_case[:2]}
        assert units == {("faithful", "standardised", False), ("corrected", "pixels", True)}
    shares = [
        round(100 * PatchPlan(PatchOverlay(side), 0, "", 1).share((224, 224, 3)), 2)
        for side in classifiers.SIDES
    ]
    assert shares == [2.04, 4.59, 8.16]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A hardly trained network, two classes and two sizes."""
    few = plans(
        {3: "three", 7: "seven"},
        (5, 9),
        AdversarialPatch(1, epochs=2),
        fitted_on=40,
        evaluated_on=20,
    )
    scale = replace(
        DEMO.scales["alexnet"],
        width=1 / 32,
        epochs=1,
        images=64,
        validation_images=30,
        attack_images={"imagenet": 70},
    )
    cases = {CASE: DEMO.cases[CASE]}
    profile = replace(DEMO, scales={"alexnet": scale}, cases=cases, patches=few)
    todo = plan(STUDY, profile)
    root, recorder = tmp_path_factory.mktemp("runs"), Recorder()
    runner = Runner(Store(root))
    runner.run(todo, recorder)
    directory = tmp_path_factory.mktemp("results")
    collect(STUDY, profile, runner, todo).save(directory)
    page = build_report(STUDY, directory)
    return directory, page, root, recorder, todo


@pytest.mark.slow
def test_every_patch_is_a_stage_and_a_second_run_does_nothing(run):
    _, _, root, recorder, todo = run
    assert len(todo.arms) == 2 + 2 * 2 * 2
    assert len(recorder.ran) == recorder.stages == 1 + 8 + len(todo.arms)
    again = Recorder()
    Runner(Store(root)).run(todo, again)
    assert not again.ran and len(again.there) == recorder.stages


@pytest.mark.slow
def test_a_patch_that_was_fitted_is_not_fitted_again(run, monkeypatch):
    """An interrupted evaluation finds the patch; only another fit makes another patch."""
    _, _, root, _, todo = run
    runner = Runner(Store(root))
    (arm,) = (arm for arm in todo.arms if arm.attack_name == "trained seven 9")

    def refuse(*args, **options):
        raise AssertionError("fitted again")

    monkeypatch.setattr(attacks.AdversarialPatch, "fit", refuse)
    once = replace(arm, epsilons=arm.epsilons[:1])
    recorder = Recorder()
    runner.run(replace(todo, arms=[once]), recorder)
    assert len(recorder.ran) == 1 and "patch" not in recorder.ran[0].split()[0]
    np.testing.assert_array_equal(
        runner.outcomes(once).predictions, runner.outcomes(arm).predictions[:1]
    )
    longer = replace(arm.attack, method=replace(arm.attack.method, epochs=3))
    with pytest.raises(AssertionError, match="fitted again"):
        Runner(Store(root)).run(replace(todo, arms=[replace(arm, attack=longer)]), Quiet())


class Quiet(Recorder):
    def stage(self, title):
        return nullcontext(lambda share, text: None)


@pytest.mark.slow
def test_a_patch_covers_its_share_of_every_image(run):
    _, _, root, _, todo = run
    runner = Runner(Store(root))
    for arm in todo.arms:
        if not isinstance(arm, PatchArm):
            continue
        outcomes = runner.outcomes(arm)
        assert outcomes.predictions.shape[0] == 4
        assert (outcomes.labels != arm.attack.target).all()
        assert (outcomes.targets == arm.attack.target).all()
        side, patch = arm.attack.side, runner.patch(arm)
        assert patch.size == (side, side) and patch.share((32, 32, 3)) == side**2 / 1024
        _, rows = arm.attack.rows(runner.dataset(arm.training).y_test[: arm.images])
        for placement, shown in enumerate(outcomes.examples):
            expected = patch.apply(outcomes.example_images, placement, ids=rows[: len(shown)])
            np.testing.assert_array_equal(shown, expected)
        assert (outcomes.examples[0] != outcomes.examples[1]).any()  # other places


@pytest.mark.slow
def test_the_report_shows_patches_and_judges_them(run):
    directory, page, _, _, _ = run
    results = Results.load(directory, COMPARED)
    table = results.table[results.table["placement"] > 0]
    assert sorted(table["patch_side"].unique()) == [5, 9]
    assert set(table["patch"]) == {"pasted", "trained"} and np.isinf(table["epsilon"]).all()
    outcomes = {
        verdict.claim: verdict.outcome
        for verdict in judged(STUDY.claims, [run_in(STUDY, directory)])
    }
    assert outcomes["ICB-3"] == outcomes["ICB-5"] == "not run"  # no toaster, no MNIST
    assert outcomes["ICB-4"] == "no verdict"  # digits are not ImageNet
    comparison = pd.read_csv(directory / "comparison.csv").set_index("metric")
    side = comparison.loc["side of the most damaging patch"]
    assert side["status"] == "measured on stand-in data" and side["faithful"] in (5, 9)
    text = (directory / "report.md").read_text()
    assert "in standardised units" in text
    heading, _, *table = text[text.index("| fitted on |") :].split("\n\n")[0].splitlines()
    assert heading.startswith("| fitted on | loss at each epoch | evaluated on | places |")
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table]
    assert len(cells) == 2 * 2 * 2
    for _, kind, *_, fitted_on, losses, evaluated_on, places, _, _ in cells:
        trained = kind == "trained"
        assert fitted_on == ("40" if trained else "–")
        assert losses.count(".") == (2 if trained else 0)  # one loss for each epoch
        assert int(evaluated_on) <= 20 and places == "4"
    pictures = page.read_text().split('src="')[1:]
    # Errors under FGSM and an image; for each kind the patches and an image; errors under both.
    assert len(pictures) == 2 + 2 * 2 + 1
    for picture in pictures:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000
