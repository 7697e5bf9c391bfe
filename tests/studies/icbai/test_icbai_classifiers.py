"""FGSM and patches on classifiers: their arms, a tiny run of them, and their verdicts."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attacks
from attacks import AdversarialPatch, Patch, PatchOverlay
from harness import patch_plan as patches
from harness.patch_plan import PatchPlan
from harness.results import Results, collect
from harness.runner import Runner, plan
from harness.store import Store
from recording import Recorder
from reports import build_report
from studies import STUDIES
from studies.icbai import classifiers as icbai_classifiers
from studies.icbai import distillation as icbai
from studies.icbai.claims import claims
from studies.icbai.classifiers import CASES, Patches

STUDY, DEMO = STUDIES["icbai"], icbai.PROFILES["demo"]
CASE = CASES["alexnet"]


def test_the_paper_profile_has_every_size_and_class_on_every_network():
    arms = [arm for arm in icbai.arms(icbai.PROFILES["paper"]) if arm.case in CASES.values()]
    for model in icbai_classifiers.MODELS:
        of_model = [arm for arm in arms if arm.case == CASES[model]]
        made = {
            (arm.attack.kind, arm.attack.name, arm.attack.side, arm.protocol)
            for arm in of_model
            if isinstance(arm.attack, PatchPlan)
        }
        assert len(made) == 30 and len(of_model) == 32
        assert ("trained", "toaster", 64, "corrected") in made
        assert ("pasted", "school bus", 32, "faithful") in made
        units = {(arm.protocol, arm.units, arm.attack.clip) for arm in of_model[:2]}
        assert units == {("faithful", "standardised", False), ("corrected", "pixels", True)}
    shares = [
        round(100 * PatchPlan(PatchOverlay(side), 0, "", 1).share((224, 224, 3)), 2)
        for side in icbai_classifiers.SIDES
    ]
    assert shares == [2.04, 4.59, 8.16]


def test_the_images_are_divided_once_and_the_target_class_is_left_out():
    labels = np.repeat(np.arange(10), 5)
    trained = PatchPlan(AdversarialPatch(3), 2, "two", fitted_on=30, evaluated_on=15)
    pasted = replace(trained, method=PatchOverlay(3))
    fitted, held_out = trained.rows(labels)
    assert not set(fitted) & set(held_out)
    for rows in (fitted, held_out):
        assert (labels[rows] != 2).all() and (np.diff(rows) > 0).all()
    assert (labels[pasted.rows(labels)[0]] == 2).all()
    np.testing.assert_array_equal(pasted.rows(labels)[1], held_out)
    # All of the images but those of the class, when none are spared.
    whole = replace(trained, evaluated_on=None, target=11).rows(labels)
    np.testing.assert_array_equal(np.sort(np.concatenate(whole)), np.arange(50))
    for fitted_on in (0, 50):
        with pytest.raises(ValueError, match=f"fitted_on is {fitted_on} of 50 test images"):
            replace(trained, fitted_on=fitted_on).rows(labels)


def test_a_patch_is_kept_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).uniform(size=(2, 3, 1)).astype(np.float32)
    patches.save(tmp_path / "patch.npz", Patch(pixels, 4, "four", {"loss": [2.0, 1.5]}))
    found = patches.load(tmp_path / "patch.npz")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert (found.target, found.name, found.history) == (4, "four", {"loss": [2.0, 1.5]})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A hardly trained network, two classes and two sizes."""
    few = Patches(
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
    profile = replace(DEMO, scales={"alexnet": scale}, cases={CASE: DEMO.cases[CASE]})
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(icbai_classifiers.PATCHES, "demo", few)
        todo = plan(STUDY, profile)
        root, recorder = tmp_path_factory.mktemp("runs"), Recorder()
        runner = Runner(Store(root))
        runner.run(todo, recorder)
        directory = tmp_path_factory.mktemp("results")
        collect(STUDY, profile, runner, todo).save(directory)
        page = build_report(STUDY, directory)
    return directory, page, root, recorder, todo


def test_every_patch_is_a_stage_and_a_second_run_does_nothing(run):
    _, _, root, recorder, todo = run
    assert len(todo.arms) == 2 + 2 * 2 * 2
    assert len(recorder.ran) == recorder.stages == 1 + 8 + len(todo.arms)
    again = Recorder()
    Runner(Store(root)).run(todo, again)
    assert not again.ran and len(again.there) == recorder.stages


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


def test_a_patch_covers_its_share_of_every_image(run):
    _, _, root, _, todo = run
    runner = Runner(Store(root))
    for arm in todo.arms:
        if not isinstance(arm.attack, PatchPlan):
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


def test_the_report_shows_patches_and_judges_them(run):
    directory, page, _, _, _ = run
    results = Results.load(directory, icbai.COMPARED)
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
    for words in ("fitted on 40 test images", "for 2 epochs", "in standardised units"):
        assert words in text
    pictures = page.read_text().split('src="')[1:]
    assert len(pictures) == 1 + 4 + 1 + 2
    for picture in pictures:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000


LEVELS = (0.0, *icbai_classifiers.EPSILONS)


def under_fgsm(errors, l2=None, images=1000):
    """Rows and outcomes of the faithful FGSM, wrong on so large a share of the first images."""
    correct = np.array([np.arange(images) >= images * error for error in errors])
    rows = [
        {
            "case": CASE,
            "protocol": "faithful",
            "attack": "FGSM",
            "arm": "FGSM",
            "dataset": "imagenet",
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


def judged(rows, correct, stored=None) -> pd.DataFrame:
    table = pd.DataFrame(rows).assign(variant="main", defense="none", view="logits")
    empty = pd.DataFrame()
    examples = {"FGSM": {"images": np.zeros([1, 10, 10, 1])}}
    results = Results(
        {}, table, empty, empty, correct, examples, icbai.COMPARED, patches=stored or {}
    )
    return pd.DataFrame([vars(verdict) for verdict in claims(results)]).set_index("claim")


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
    verdicts = judged(*under_fgsm(errors))
    assert verdicts.loc["ICB-1", "outcome"].tolist() == [falls, saturates]


def test_verdicts_on_what_is_seen():
    """Of 100 values, an L2 of 10 x 1.15 / 255 is a root mean square of 1.15 grey levels."""
    for grey, outcome in ((1.15, "confirmed"), (5.0, "refuted")):
        verdicts = judged(*under_fgsm([0.1] * 11, l2=10 * grey / 255))
        assert verdicts.loc["ICB-6", "outcome"] == outcome
        assert f"change {grey:.2f} grey levels" in verdicts.loc["ICB-6", "evidence"]


@pytest.mark.parametrize(
    "error, outcome", [(0.5, "refuted"), (0.99, "confirmed"), (0.9, "undecided")]
)
def test_patches_against_fgsm(error, outcome):
    rows, correct = under_fgsm([0.1, *[0.9] * 10], images=100)
    rows += [
        {
            "case": CASE,
            "protocol": "faithful",
            "attack": "pasted",
            "arm": "pasted",
            "dataset": "imagenet",
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
    verdicts = judged(rows, correct, {"pasted": {"rows": np.arange(100)}})
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
                "case": CASE,
                "protocol": "corrected",
                "attack": arm,
                "arm": arm,
                "dataset": "imagenet",
                "patch": "trained",
                "patch_side": side,
                "patch_class": name,
                "placement": placement,
            }
            for placement in range(5)
        ]
    return judged(rows, correct, stored)


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
    assert f"{mean:.1f} % at 32" in verdicts.loc["ICB-2", "evidence"]
