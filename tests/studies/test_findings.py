"""What each study comes to: the numbers are those of the outcomes, and the words follow them."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from evaluation import Estimate
from harness.claims import Run, Standing
from harness.results import Results
from harness.study import KeyFinding
from studies import STUDIES

COMMITTED = Path(__file__).parents[2] / "reports" / "results"


@cache
def results(name: str) -> Results:
    return Results.load(COMMITTED / name / "laptop", STUDIES[name].compared)


@cache
def found(name: str, given: Results | None = None) -> KeyFinding:
    """Of these results, or of those that are committed."""
    run = Run("here", given or results(name), Standing.REDUCED)
    finding = STUDIES[name].key_finding([run])
    assert finding is not None
    return finding


def rows(name: str, **where) -> pd.DataFrame:
    """Of the plain table; an entry of `where` may be a list."""
    table = results(name).table
    for column, entry in {"variant": "main", "seed": 0, **where}.items():
        table = table[table[column].isin(entry if isinstance(entry, list) else [entry])]
    return table


def right(name: str, grey: float, **where) -> np.ndarray:
    """The images that are right under all arms with these entries, from the plain arrays."""
    outcomes = [
        results(name).correct[arm][np.isclose(of_arm["epsilon_grey"], grey, rtol=1e-3)][0]
        for arm, of_arm in rows(name, **where).groupby("arm")
    ]
    fewest = min(map(len, outcomes))
    return np.logical_and.reduce([each[:fewest] for each in outcomes])


def with_attacked(name: str, value: bool, **where) -> Results:
    """The committed results with every attacked image right, or wrong, in some of the arms."""
    kept = results(name)
    correct = dict(kept.correct)
    for arm in rows(name, **where)["arm"].unique():
        correct[arm] = np.vstack([correct[arm][:1], np.full_like(correct[arm][1:], value)])
    return replace(kept, correct=correct)


def percent(correct: np.ndarray) -> str:
    return f"{100 * correct.mean():.1f} %"


def measured(finding: KeyFinding) -> list[str]:
    return [f"{bar.percent} %" for bar in finding.bars if isinstance(bar.share, Estimate)]


def printed(finding: KeyFinding) -> list[str]:
    return [f"{bar.percent} %" for bar in finding.bars if isinstance(bar.share, float)]


FAITHFUL, CORRECTED = {"protocol": "faithful"}, {"protocol": "corrected"}
STUDENT, CONTROL = {"role": "student"}, {"role": "control"}
FGSM = {"attack": "FGSM"}


def test_icbai_keeps_its_accuracy_while_the_gradient_is_zero():
    finding = found("icbai")
    student, control = (right("icbai", 76.5, **FAITHFUL, **each) for each in (STUDENT, CONTROL))
    through_t = right("icbai", 76.5, **CORRECTED, **STUDENT, **FGSM, view="logits / T")
    attacks = [each for each in rows("icbai")["attack"].unique() if each != "CW"]
    worst, of_control = (
        right("icbai", 76.5, **CORRECTED, **each, attack=attacks) for each in (STUDENT, CONTROL)
    )
    assert printed(finding) == ["92.91 %"]
    assert measured(finding) == [percent(each) for each in (student, control, through_t, worst)]
    zero = rows("icbai", **FAITHFUL, **STUDENT).query("epsilon_grey > 76")["zero_gradient"].item()
    counts = f"{len(student):,}", f"{len(worst):,}"
    assert (
        f"keeps {percent(student)} of {counts[0]} images, with a gradient of exactly zero on"
        in (finding.sentence)
    )
    assert f"{100 * zero:.0f} %, but {percent(worst)} of {counts[1]} once" in finding.sentence
    assert f"keeps {percent(control)} under the same FGSM and {percent(of_control)}" in (
        finding.meaning
    )
    assert finding.meaning.startswith("The temperature hid the gradient")
    added = [Estimate.paired(*both).points() for both in ((student, control), (worst, of_control))]
    assert f"what soft labels add is {' and '.join(added)} points." in finding.meaning


def test_icbai_hides_nothing_if_all_attacks_leave_as_much():
    finding = found("icbai", with_attacked("icbai", True, **CORRECTED, **STUDENT))
    assert "and 100.0 % of 1,000 once attacks divide its logits by T" in finding.sentence
    assert finding.meaning.startswith("No gradient was hidden.")


def test_icbai_says_that_an_attack_was_weak_if_gradients_are_there():
    whole = results("icbai")
    finding = found("icbai", replace(whole, table=whole.table.assign(zero_gradient=0.1)))
    assert finding.meaning.startswith("FGSM as published was too weak; its gradient was there.")


def test_ntu_falls_once_steps_and_epsilons_are_large_enough():
    finding = found("ntu")
    pgd = {"attack": "PGD", "case": "vgg16/cifar10"}
    listed = right("ntu", 0.8, **FAITHFUL, **pgd, defense="as_listed student", view="softmax")
    proper, beyond = (
        right("ntu", grey, **CORRECTED, **pgd, defense="corrected student") for grey in (0.8, 8.0)
    )
    undefended = right("ntu", 8.0, **CORRECTED, **pgd, defense="none")
    shares = [percent(each) for each in (listed, proper, beyond, undefended)]
    assert printed(finding) == ["78.5 %"]
    assert measured(finding) == shares
    assert all(share in finding.sentence for share in ["78.5 %", *shares])
    at_reach = right("ntu", 0.4, **CORRECTED, **pgd, defense="corrected student")
    fall = Estimate.paired(proper, at_reach)
    assert f"with steps that reach 0.8 by {fall.points()}." in finding.meaning
    for curve, others in ((listed, "softmax"), (proper, "logits")):
        where = FAITHFUL if others == "softmax" else CORRECTED
        student = "as_listed student" if others == "softmax" else "corrected student"
        clean = right("ntu", 0.0, **where, **pgd, defense=student, view=others)
        said = f"{percent(curve)} of {len(curve)} images ({percent(clean)} without attack)"
        assert said in finding.sentence
    assert finding.meaning.endswith("points, not told apart from either.")


@pytest.mark.parametrize(
    ("value", "says"), [(True, "better than either"), (False, "worse than either")]
)
def test_ntu_says_what_distillation_does(value, says):
    defenses = ["as_listed student", "corrected student"]
    given = with_attacked("ntu", value, defense=defenses, attack="PGD")
    assert found("ntu", given).meaning.count(says) == 2  # in both protocols


def test_praxis_repeats_the_errors_of_fgsm():
    finding = found("praxis")
    first = {"case": "mobilenet/imagenet"}
    again = rows("praxis", **FAITHFUL, **first, attack="CW as FGSM run again")
    cw = rows("praxis", **CORRECTED, **first, attack="CW")
    (key,), images = again["arm"].unique(), again["images"].iloc[0]
    fgsm = rows("praxis", **FAITHFUL, **first, **FGSM)["arm"].iloc[0]
    outcomes = (results("praxis").correct[each][1:, :images].sum(axis=1) for each in (key, fgsm))
    repeated = int(np.equal(*outcomes).sum())
    assert printed(finding) == ["87.62 %", "87.62 %"]
    assert measured(finding) == [
        f"{100 - 100 * accuracy:.1f} %"
        for accuracy in (again["accuracy"].iloc[2], cw["accuracy"].iloc[-1])
    ] + [f"{100 - 100 * cw['rounded_accuracy'].iloc[-1]:.1f} %"]
    assert "in 30 of 30 cells, and FGSM run again in other batches repeats its error" in (
        finding.sentence
    )
    assert f"on mobilenet at {repeated} of 10 epsilons" in finding.sentence
    assert all(share in finding.sentence for share in measured(finding)[1:])
    assert "looks like a second run of FGSM" in finding.meaning


def test_praxis_is_more_than_fgsm_where_one_error_is_another():
    kept = results("praxis")
    key = rows("praxis", case="mobilenet/imagenet", attack="CW as FGSM run again")["arm"].iloc[0]
    outcomes = kept.correct[key].copy()
    outcomes[3, 0] ^= True
    finding = found("praxis", replace(kept, correct={**kept.correct, key: outcomes}))
    assert "on mobilenet at 9 of 10 epsilons" in finding.sentence
    assert "is more than a second run of FGSM" in finding.meaning


def test_rit_learns_the_images_that_it_is_given():
    finding = found("rit_mnist")
    retrained = {"role": "fgsm_retrained"}
    baseline, own = (
        right("rit_mnist", 25.5, **FAITHFUL, **FGSM, **each)
        for each in ({"role": "undefended"}, retrained)
    )
    given = right("rit_mnist", 25.5, **CORRECTED, **retrained, attack="FGSM, from undefended")
    on_the_fly = {"role": "on_the_fly", **CORRECTED}
    several = ["FGSM", "PGD", "PGD, one run", "FGSM, from undefended", "PGD, from undefended"]
    robust = right("rit_mnist", 25.5, **on_the_fly, attack=several)
    assert printed(finding) == ["79 %"]
    assert measured(finding) == [percent(each) for each in (baseline, given, own, robust)]
    assert f"keeps {percent(given)} of {len(given):,} images at 0.1 against" in finding.sentence
    assert f"{percent(own)} of {len(own):,} against its own, less than the {percent(baseline)}" in (
        finding.sentence
    )
    assert (
        f"does harm here ({Estimate.paired(own, baseline).points()} points): the network has"
        in (finding.meaning)
    )
    strongest = right("rit_mnist", 76.5, **on_the_fly, attack="AutoAttack")
    kept = f"{Estimate.accuracy(strongest[None]).percent()} % of {len(strongest)} images"
    assert f"keeps {kept} under AutoAttack at 0.3" in finding.meaning


def test_rit_helps_if_the_network_withstands_its_own_attack():
    given = with_attacked("rit_mnist", True, **FAITHFUL, **FGSM, role="fgsm_retrained")
    finding = found("rit_mnist", given)
    assert "100.0 % of 10,000 against its own, more than the " in finding.sentence
    assert "such training helps" in finding.meaning
    assert "has learned the images" not in finding.meaning


BLUR = "feature smoothing (3x3, sigma 1)"


def f1(case: str, **where) -> str:
    """Macro F1 of one arm at its largest epsilon, in percent."""
    arm = rows("wpi", case=f"wpi_cnn/{case}", **where)["arm"].iloc[0]
    kept = results("wpi").details[arm]
    score = f1_score(kept["labels"], kept["predictions"][-1], average="macro")
    return f"{100 * score:.1f}"


def test_wpi_blurs_away_what_was_made_for_another_network():
    finding = found("wpi")
    from_plain, through = {"attack": "IFGSM, from undefended"}, {"attack": "IFGSM"}
    shares = [
        f1("mnist", **FAITHFUL, **through, defense="none"),
        f1("mnist", **CORRECTED, **from_plain, defense=BLUR),
        f1("mnist", **CORRECTED, **through, defense=BLUR),
    ]
    undefended = f1("mnist", **CORRECTED, **through, defense="none")
    assert printed(finding) == ["8 %"]
    assert [bar.percent for bar in finding.bars[1:4]] == shares
    _, blurred, left = shares
    assert "looks like a defense: macro F1 on 500 images under IFGSM at 0.3 is " in finding.sentence
    assert f" is {blurred} % if the attack is made on the plain network" in finding.sentence
    assert f"(without defense {undefended} %, published 8 %), and {left} % if" in finding.sentence
    assert "but no attack that knows of it" in finding.meaning
    for case in ("cifar10", "gtsrb"):
        both = (f1(case, **CORRECTED, **each, defense=BLUR) for each in (from_plain, through))
        one, other = both
        assert f"On {case} F1 is {one} % the one way and {other} % the other." in finding.meaning


def test_wpi_withstands_if_no_image_changes_its_class():
    kept = results("wpi")
    where = {"case": "wpi_cnn/mnist", "defense": BLUR, "attack": "IFGSM"}
    arm = rows("wpi", **CORRECTED, **where)["arm"].iloc[0]
    of_arm = kept.details[arm]
    held = np.tile(of_arm["predictions"][0], (len(of_arm["predictions"]), 1))
    details = {**kept.details, arm: {**of_arm, "predictions": held}}
    assert "withstands an attack" in found("wpi", replace(kept, details=details)).meaning


@pytest.mark.parametrize("name", STUDIES)
def test_nothing_is_found_without_what_it_needs(name):
    key_finding, whole = STUDIES[name].key_finding, results(name)
    assert key_finding([]) is None
    assert key_finding([Run("digits", whole, Standing.STAND_IN)]) is None
    for protocol in ("faithful", "corrected"):
        part = replace(whole, table=whole.select(protocol=protocol))
        assert key_finding([Run("part", part, Standing.REDUCED)]) is None


def test_the_run_that_is_nearest_to_the_study_counts():
    parts = [results("icbai")] * 2
    runs = [Run("reduced", parts[0], Standing.REDUCED), Run("whole", parts[1], Standing.PUBLISHED)]
    finding = STUDIES["icbai"].key_finding(runs)
    assert finding is not None
    assert finding.folder == "whole"
    assert "; re-run, at T = 100, it keeps" in finding.sentence
    assert "re-run at a reduced size, at T = 100, it keeps" in found("icbai").sentence


def test_rit_takes_the_network_trained_on_the_fly_from_where_it_was_run():
    whole = results("rit_mnist")
    without = replace(whole, table=whole.table[whole.table["role"] != "on_the_fly"])
    near = Run("near", without, Standing.PUBLISHED)
    finding = STUDIES["rit_mnist"].key_finding([Run("far", whole, Standing.REDUCED), near])
    assert finding is not None and finding.folder == "near" and len(finding.bars) == 5
    assert "; re-run, the network so trained keeps" in finding.sentence
    assert "as they change (re-run at a reduced size), keeps" in finding.meaning
    alone = STUDIES["rit_mnist"].key_finding([near])
    assert alone is not None and len(alone.bars) == 4 and "as they change" not in alone.meaning


@pytest.mark.parametrize("name", STUDIES)
def test_words_of_the_figure_fit_a_phone(name):
    """A text of 50 characters does, see `tests/reports/test_key_figure.py`."""
    finding = found(name)
    assert 3 <= len(finding.bars) <= 5
    printed_before = "published: "
    for bar in finding.bars:
        is_printed = isinstance(bar.share, float)
        assert len(is_printed * printed_before + bar.label) <= 50
    assert len(finding.quantity) <= 50
