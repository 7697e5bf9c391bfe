"""Flags: from stored measurements, of what concerns the attack, and never a silent all-clear.

What makes a network raise them is tested in `test_planted_faults`.
"""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from evaluation import diagnostics
from evaluation.diagnostics import NAMES, flags, not_recorded, warnings
from harness.results import Results
from made import COMPARED, PLACE, ROW
from reports import summary
from reports.tables import flags as table_of_flags

COMMITTED = sorted((Path(__file__).parents[2] / "reports" / "results").glob("*/laptop*/table.csv"))
STUDY = SimpleNamespace(
    name="ntu",
    compared=COMPARED,
    headline=(("FGSM", 0.8), ("PGD", 0.8)),
    takeaways=lambda results: None,
)


KINDS = {"FGSM": "single step", "DeepFool": "minimum norm", "CW": "minimum norm"}


def row(attack: str, climbs: str | None, epsilon: float = 0.1, **changes) -> dict:
    measured = {"epsilon": epsilon, "epsilon_grey": 255 * epsilon, "reach": epsilon}
    named = {"attack": attack, "climbs": climbs, "arm": attack, "images": 10, "accuracy": 0.5}
    return ROW | measured | named | {"kind": KINDS.get(attack, "iterated")} | changes


def flagged(*rows: dict, correct: dict | None = None) -> list[dict[str, str]]:
    """By name, the level and text of the flags of each row."""
    table = pd.DataFrame(rows)
    if correct is None:
        correct = {arm: np.ones([len(own), 10], bool) for arm, own in table.groupby("arm")}
    marked = flags(table, correct, PLACE)
    return [
        {flag.name: f"{flag.level}: {flag.text}" for flag in marked.get(index, [])}
        for index in table.index
    ]


def results(*rows: dict, without: tuple[str, ...] = ()) -> Results:
    table = pd.DataFrame(rows).drop(columns=list(without))
    run = {"study": "ntu", "profile": "demo"}
    nothing = pd.DataFrame()
    correct = {arm: np.ones([len(own), 10], bool) for arm, own in table.groupby("arm")}
    return Results(run, table, nothing, nothing, correct, COMPARED)


PARAGRAPHS = (Path(diagnostics.__file__).parent / "flags.md").read_text().split("\n## ")[1:]


def test_every_flag_has_its_paragraph_and_every_paragraph_its_flag():
    assert [each.split("\n")[0] for each in PARAGRAPHS] == list(NAMES)
    for each in PARAGRAPHS:
        assert all(part in each for part in ("*Flagged*", "*Means*", "*Do*"))
        assert "warning" in each or "note" in each


#: A measurement, the attack it is of, what is said of it, and from where on it is a warning.
SHARES = [
    ("not_finite", None, "logits not finite", 0.0),
    ("zero_gradient", "cross-entropy", "zero gradient", 0.05),
    ("gradient_not_finite", "cross-entropy", "gradient not finite", 0.0),
    ("gradient_unresolved", "cross-entropy", "gradient not resolved", 1.0),
    ("gradient_unstable", "cross-entropy", "unstable gradient", 0.1),
    ("quantised", None, "rounded inputs", 0.5),
    ("silent", "cross-entropy", "success lost on the way", 0.05),
    ("not_rising", "cross-entropy", "loss not rising", 0.05),
    ("still_rising", "cross-entropy", "loss still rising", 0.1),
    ("out_of_range", None, "outside [0, 1]", 0.0),
    ("rounds_away", None, "undone by rounding", 1.0),
]


@pytest.mark.parametrize("column, climbs, name, warns_above", SHARES, ids=[x[0] for x in SHARES])
def test_a_share_is_a_note_and_beyond_its_threshold_a_warning(column, climbs, name, warns_above):
    attack = "PGD" if climbs else "Square"
    for share in (0.004, 0.04, 0.3, 0.7):
        (own,) = flagged(row(attack, climbs, **{column: share}))
        level = "warning" if share > warns_above else "note"
        shown = {0.004: "0.4%", 0.04: "4%", 0.3: "30%", 0.7: "70%"}[share]
        assert list(own) == [name] and own[name].startswith(f"{level}: ") and shown in own[name]
    assert flagged(row(attack, climbs)) == [{}]


@pytest.mark.parametrize("column, climbs, name, warns_above", SHARES, ids=[x[0] for x in SHARES])
def test_what_an_attack_does_not_do_is_no_fault_of_it(column, climbs, name, warns_above):
    """A search takes no steps uphill, and clean images are not attacked."""
    of_search, of_clean = flagged(
        row("DeepFool", None, **{column: 0.3}), row("PGD", "cross-entropy", 0.0, **{column: 0.3})
    )
    assert (name in of_search) == (climbs is None)
    assert (name in of_clean) == (column == "not_finite")


def test_a_network_whose_outputs_are_not_the_same():
    (own,) = flagged(row("Square", None, spread=0.31, random=0.02))
    assert own["random at inference"] == (
        "warning: random at inference: two passes differ by up to 0.31 in a logit, 2% of the "
        "predictions change"
    )


@pytest.mark.parametrize("low, classes, is_chance", [(0.08, 10, True), (0.11, 10, False)])
def test_a_network_that_has_learned_nothing(low, classes, is_chance):
    clean = row("PGD", "cross-entropy", 0.0, ci_low=low, accuracy=0.12, classes=classes)
    assert ("accuracy at chance" in flagged(clean)[0]) == is_chance


def test_steps_that_do_not_reach():
    short, enough = flagged(
        row("PGD", "cross-entropy", reach=0.05), row("BIM", "cross-entropy", reach=0.1)
    )
    assert short["steps too short"] == "warning: all steps together reach 50% of epsilon"
    assert not enough


@pytest.mark.parametrize(
    "attack, epsilon, level",
    [("PGD", 0.1, "warning"), ("DeepFool", 0.1, "note"), ("DeepFool", np.inf, "note")],
)
def test_success_that_rounding_takes_away(attack, epsilon, level):
    climbs = "cross-entropy" if attack == "PGD" else None
    whole, little = (
        flagged(row(attack, climbs, epsilon, rounded_accuracy=after, ci_low=0.0))[0]
        for after in (0.9, 0.54)
    )
    assert whole["restored by rounding"].startswith(f"{level}: accuracy 40 points higher")
    assert not little


@pytest.mark.parametrize(
    "attack, norm, epsilon, falls_short",
    [
        ("PGD", "linf", 0.5, True),
        ("PGD", "linf", 0.49, False),
        ("PGD", "l2", 3.0, False),
        ("CW", "l2", np.inf, True),
        ("FGSM", "linf", 1.0, False),  # one step promises nothing
    ],
)
def test_an_attack_that_may_do_anything(attack, norm, epsilon, falls_short):
    climbs = None if attack == "CW" else "cross-entropy"
    left, few = (
        flagged(row(attack, climbs, epsilon, norm=norm, ci_low=low, accuracy=0.2))[0]
        for low in (0.1, 0.005)
    )
    assert ("unbounded attack falls short" in left) == falls_short
    assert "unbounded attack falls short" not in few


@pytest.mark.parametrize("epsilon, falls_short", [(7.9, False), (8.0, True)])
def test_within_the_diameter_of_the_box_there_is_no_bound(epsilon, falls_short):
    (named,) = flagged(row("PGD", "cross-entropy", epsilon, norm="l2", diameter=8.0, ci_low=0.1))
    assert ("unbounded attack falls short" in named) == falls_short


@pytest.mark.parametrize(
    "kind, name",
    [
        ("single step", "weaker than a single step"),
        ("black box", "weaker than a black box"),
        ("transferred", "weaker than a transferred attack"),
    ],
)
@pytest.mark.parametrize("left, is_weaker", [(60, True), (52, False), (40, False)])
def test_an_iterated_attack_is_compared_on_the_same_images(kind, name, left, is_weaker):
    """Of the first 200 images the other attack leaves 50; it had 100 more."""
    other = row("rival", None, kind=kind, images=300)
    outcomes = {"PGD": np.arange(200) < left, "rival": np.arange(300) < 50}
    correct = {arm: np.stack([right | True, right]) for arm, right in outcomes.items()}
    rows = [row("PGD", "cross-entropy", 0.0), row("PGD", "cross-entropy"), other | {"epsilon": 0.0}]
    *_, own, _, of_other = flagged(*rows, other, correct=correct)
    assert (name in own) == is_weaker and not of_other
    if is_weaker:
        assert own[name].startswith("warning: leaves +5.0 [+1.8, ")
        assert own[name].endswith("points more than rival")


def test_attacks_in_other_norms_or_at_other_epsilons_are_not_compared():
    outcomes = {"PGD": np.ones([2, 200], bool), "rival": np.zeros([2, 200], bool)}
    for change in ({"norm": "l2"}, {"epsilon": 0.2}, {"view": "logits"}):
        rival = row("rival", None, kind="black box") | change
        rows = [row("PGD", "cross-entropy", 0.0), row("PGD", "cross-entropy"), rival, rival]
        assert all(
            "weaker than a black box" not in each for each in flagged(*rows, correct=outcomes)
        )


@pytest.mark.parametrize("later, is_flagged", [(120, True), (104, False), (90, False)])
def test_more_epsilon_takes_no_success_away(later, is_flagged):
    correct = np.arange(200) < np.array([200, 100, later])[:, None]
    rows = [row("PGD", "cross-entropy", epsilon) for epsilon in (0.0, 0.1, 0.2)]
    clean, first, second = flagged(*rows, correct={"PGD": correct})
    assert ("more epsilon, less success" in second) == is_flagged
    assert not clean and not first


def test_what_was_not_recorded_is_said_and_not_taken_for_good():
    arms = row("FGSM", "cross-entropy"), row("CW", None), row("CW", None, epsilon=0.0)
    lacking = results(*arms, without=("not_finite", "spread", "random", "gradient_not_finite"))
    assert not_recorded(lacking.table) == {
        "logits not finite": 3,
        "random at inference": 3,
        "gradient not finite": 1,
    }
    assert not_recorded(results(*arms).table) == {}
    # Measured of other attacks, but not of this one.
    some = row("APGD, margin", "margin", zero_gradient=np.nan)
    assert not_recorded(pd.DataFrame([*arms, some])) == {"zero gradient": 1}


def test_the_report_counts_flags_and_shows_the_worst_of_each():
    arms = [row("FGSM", "cross-entropy", zero_gradient=share) for share in (0.01, 0.1, 0.9, 0.0)]
    shown = table_of_flags(results(*arms, row("IFGSM", "cross-entropy", reach=0.05)))
    assert shown[["level", "flag", "rows", "at worst"]].to_numpy().tolist() == [
        ["warning", "zero gradient", "2", "zero gradient on 90% of the images"],
        ["warning", "steps too short", "1", "all steps together reach 50% of epsilon"],
        ["note", "zero gradient", "1", "zero gradient on 1% of the images"],
    ]


def test_the_summary_marks_an_accuracy_that_cannot_be_trusted_and_says_why():
    console = Console(width=200, record=True, file=StringIO())
    grey = {"epsilon": 0.8 / 255}
    good = [row("FGSM", "cross-entropy", 0.0), row("FGSM", "cross-entropy", **grey)]
    bad = [
        each | {"defense": "as_listed student", "role": "student", "not_finite": 0.3}
        for each in good
    ]
    console.print(summary(STUDY, results(*good, *bad)))
    text = console.export_text()
    assert text.count("50.0 !") == 2 and text.count("50.0") == 4
    assert "as_listed student: logits not finite on 30% of the images" in text
    console.print(summary(STUDY, results(*good)))
    assert "!" not in console.export_text()


def test_warnings_name_each_network_once_at_its_worst():
    bad = [row("FGSM", "cross-entropy", epsilon, not_finite=epsilon) for epsilon in (0.0, 0.1, 0.2)]
    (sentence,) = warnings(pd.DataFrame(bad), ("case", "protocol", "defense"))
    assert sentence == "vgg16/cifar10, faithful, none: logits not finite on 20% of the images"


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_committed_results_store_measurements_and_no_flags(path):
    columns = pd.read_csv(path, nrows=0).columns
    assert "flags" not in columns and {"climbs", "zero_gradient"} <= set(columns)
