"""What Praxis' page says first, made of the numbers."""

import numpy as np
import pytest

from made import made_arm, made_results
from studies.praxis import arms as praxis
from studies.praxis.takeaways import takeaways

LEVELS = np.array([0.0, *praxis.EPSILONS])


def arm(attack: str, protocol: str, right: list[int], of: int = 300):
    """How many of the first images are right without attack and at each epsilon."""
    epsilons = np.array([*LEVELS, praxis.ANY]) if attack == "CW" else LEVELS
    counts = np.array(right + (len(epsilons) - len(right)) * right[-1:])
    name, grey = str(praxis.CLASSIFIERS["vgg19"]), 0.226 if protocol == "faithful" else 1.0
    columns = {"case": name, "model": "vgg19", "published_dataset": "imagenet"}
    columns |= {"protocol": protocol, "attack": attack, "dataset": "digits", "view": "logits"}
    arm, rows, correct = made_arm(
        epsilons,
        np.arange(of) < counts[:, np.newaxis],
        mean_linf=0.02,
        rounded_accuracy=0.1,
        **columns,
    )
    return arm, [row | {"epsilon_grey": 255 * grey * row["epsilon"]} for row in rows], correct


def measured(again: list[int], pixels: list[int]) -> list:
    falling = [285, 280, 270, 260, 250]
    return [
        arm("FGSM", "faithful", falling),
        arm(praxis.AGAIN, "faithful", again),
        arm(praxis.STEP, "faithful", [285, 280, 270, 260, 240]),
        arm("FGSM", "corrected", pixels),
        arm("CW", "corrected", [190, 180, 0], of=200),
    ]


def test_cw_as_fgsm_run_again_and_as_it_is():
    seen = takeaways(made_results(*measured([285, 280, 270, 260, 250], [285, 240, 200, 160, 90])))
    repeated, cw, units = seen.sentences
    assert "repeats FGSM's top-1 error, which is equal at 10 of 10 epsilons" in repeated
    assert "(3,000 of 3,000 outcomes agree)" in repeated
    assert "agrees with FGSM in 97.7% of the outcomes" in repeated  # 70 differ
    assert "raises the error from 5.0 to 100.0 %" in cw and "5.1 grey levels on average" in cw
    assert "once its images are rounded to 8 bits it is 90.0 [85.1, 93.4] %." in cw
    assert units.startswith("4 % are 2.3 grey levels between standardised images and 10.2 ")
    assert "errs on 16.7 and on 70.0 %: an epsilon means little without its unit." in units
    rows = seen.table.set_index("attack")
    assert rows["2 % in grey levels"].tolist() == ["1.15"] * 3 + ["5.10"] * 2
    assert rows.loc["CW, counted within epsilon", "any distance"] == "100.0"
    assert rows.loc["the same, other batches", "as FGSM"] == "100.0%"


def test_other_numbers_are_said_otherwise():
    falling = [285, 280, 270, 260, 250]
    repeated, _, units = takeaways(
        made_results(*measured([285, 281, 270, 260, 250], falling))
    ).sentences
    assert "does not always repeat FGSM's top-1 error, which is equal at 9 of 10" in repeated
    assert "(2,999 of 3,000 outcomes agree)" in repeated
    assert units.endswith("no difference shows here.")


@pytest.mark.parametrize("missing", range(5))
def test_nothing_is_said_where_an_attack_is_missing(missing):
    made = measured([285, 280], [285, 240])
    del made[missing]
    assert takeaways(made_results(*made)) is None
