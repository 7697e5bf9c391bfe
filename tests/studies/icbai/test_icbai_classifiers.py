"""FGSM and patches on classifiers: their arms, a tiny run of them, and their verdicts."""

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
from studies.icbai import STUDY, classifiers
from studies.icbai.arms import COMPARED
from studies.icbai.claims import CLAIMS
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
    verdicts = pd.read_csv(directory / "verdicts.csv").set_index("claim")["outcome"]
    assert list(verdicts[["ICB-3", "ICB-5"]]) == ["not run"] * 2  # no toaster, no MNIST
    assert verdicts["ICB-4"].isin(["confirmed", "refuted", "undecided"]).all()
    comparison = pd.read_csv(directory / "comparison.csv").set_index("metric")
    side = comparison.loc["side of the most damaging patch"]
    assert side["status"] == "measured" and side["faithful"] in (5, 9)
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
    assert len(pictures) == 1 + 2 + 2 * 3
    for picture in pictures:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000


LEVELS = (0.0, *classifiers.EPSILONS)


def under_fgsm(errors, l2=None, images=1000):
    """Rows and outcomes of the faithful FGSM, wrong on so large a share of the first images."""
    correct = np.array([np.arange(images) >= images * error for error in errors])
    rows = [
        {
            "protocol": "faithful",
            "attack": "FGSM",
            "arm": "FGSM",
            "units": "standardised",
            "epsilon": level,
            "epsilon_grey": level * 57.6,
            "mean_l2": (l2 or level * 10),
            "mean_linf": level,
            "seed": 0,
        }
        for level in LEVELS
    ]
    return rows, {"FGSM": correct}


def verdicts_of(rows, correct, stored=None) -> pd.DataFrame:
    table = pd.DataFrame(rows).assign(
        case=str(CASE),
        model=CASE.model,
        dataset="imagenet",
        published_dataset="imagenet",
        variant="main",
        defense="none",
        view="logits",
    )
    empty = pd.DataFrame()
    examples = {"FGSM": {"images": np.zeros([1, 10, 10, 1])}}
    results = Results(
        {}, table, empty, empty, correct, COMPARED, examples=examples, patches=stored or {}
    )
    return pd.DataFrame([vars(each) for each in judged(CLAIMS, results)]).set_index("claim")


@pytest.mark.parametrize(
    ("errors", "falls", "saturates"),
    [
        # What happens beyond 4 % is no part of the rise.
        ([0.1, 0.80, 0.90, 0.95, 0.98, *[0.98] * 5, 0.979], "confirmed", "confirmed"),
        ([0.1, 0.80, 0.90, 0.95, 0.98, *[0.98] * 5, 0.90], "confirmed", "refuted"),
        ([0.1, 0.98, 0.95, 0.93, 0.90, *[0.90] * 6], "refuted", "confirmed"),
        ([0.1, 0.98, 0.98, 0.98, 0.98, *[0.98] * 6], "undecided", "confirmed"),
        # Five images of a thousand, p = 0.06, then six, 0.03: not significant of three steps.
        ([0.1, 0.80, 0.90, 0.894, 0.98, *[0.98] * 6], "confirmed", "confirmed"),
    ],
)
def test_verdicts_on_fgsm(errors, falls, saturates):
    verdicts = verdicts_of(*under_fgsm(errors))
    assert verdicts.loc["ICB-1", "outcome"].tolist() == [falls, saturates]


def test_verdicts_on_what_is_seen():
    """Of 100 values, an L2 of 10 x 1.15 / 255 is a root mean square of 1.15 grey levels."""
    for grey, outcome in ((1.15, "confirmed"), (5.0, "refuted")):
        verdicts = verdicts_of(*under_fgsm([0.1] * 11, l2=10 * grey / 255))
        assert verdicts.loc["ICB-6", "outcome"] == outcome
        assert f"change {grey:.2f} grey levels" in verdicts.loc["ICB-6", "evidence"]


@pytest.mark.parametrize(
    "error, outcome", [(0.5, "refuted"), (0.99, "confirmed"), (0.9, "undecided")]
)
def test_patches_against_fgsm(error, outcome):
    rows, correct = under_fgsm([0.1, *[0.9] * 10], images=100)
    rows += [
        {
            "protocol": "faithful",
            "attack": "pasted",
            "arm": "pasted",
            "patch": "pasted",
            "patch_side": 64,
            "patch_class": "toaster",
            "patch_share": 0.08,
            "placement": placement,
            "mean_l2": 40.0,
            "mean_linf": 1.0,
            "seed": 0,
        }
        for placement in range(5)
    ]
    correct["pasted"] = np.tile(np.arange(100) >= 100 * error, (5, 1))
    verdicts = verdicts_of(rows, correct, {"pasted": {"rows": np.arange(100)}})
    assert verdicts.loc["ICB-4", "outcome"] == outcome


def made_up(errors: dict[tuple[int, str], float]) -> pd.DataFrame:
    """Verdicts where a patch is wrong on so large a share of 100 images."""
    rows, correct, stored = [], {}, {}
    for (side, name), error in errors.items():
        arm = f"{side}{name}"
        correct[arm] = np.tile(np.arange(100) >= 100 * error, (5, 1))
        stored[arm] = {"rows": np.arange(100)}
        rows += [
            {
                "protocol": "corrected",
                "attack": arm,
                "arm": arm,
                "patch": "trained",
                "patch_side": side,
                "patch_class": name,
                "placement": placement,
                "seed": 0,
            }
            for placement in range(5)
        ]
    return verdicts_of(rows, correct, stored)


@pytest.mark.parametrize(
    "small, large, size, toaster",
    [
        ((0.3, 0.1), (0.9, 0.5), "confirmed", "confirmed"),
        ((0.1, 0.3), (0.5, 0.9), "confirmed", "refuted"),
        ((0.3, 0.1), (0.1, 0.05), "refuted", "confirmed"),
        ((0.3, 0.3), (0.3, 0.31), "undecided", "undecided"),
    ],
)
def test_verdicts_on_patches(small, large, size, toaster):
    errors = {
        (side, name): error
        for side, found in ((32, small), (64, large))
        for name, error in zip(("toaster", "goldfish"), found, strict=True)
    }
    verdicts = made_up(errors)
    assert verdicts.loc["ICB-2", "outcome"] == size
    assert verdicts.loc["ICB-3", "outcome"] == toaster
    mean = 50 * (small[0] + small[1])
    evidence = verdicts.loc["ICB-2", "evidence"]
    assert f"{mean:.1f} [" in evidence.split("% at 32 pixels")[0]
