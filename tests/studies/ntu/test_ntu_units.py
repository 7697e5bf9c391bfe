"""In which unit the study's epsilons fit its published curves."""

import numpy as np
import pytest

from harness.arms import View
from made import made_arm, made_results
from studies.ntu import arms, units
from studies.ntu.profiles import PROFILES

CASE = arms.VGG_ON_CIFAR10
IMAGES = 400


def test_every_unit_has_its_arms():
    every = [arm for arm in arms.arms(PROFILES["laptop"]) if arm.case == CASE]
    plain = {
        (arm.attack_name, arm.view): arm
        for arm in every
        if (arm.variant, arm.protocol, arm.training.role) == ("main", "faithful", "undefended")
    }
    of_unit = {arm.attack_name: arm for arm in every if arm.variant == arms.UNIT}
    assert set(of_unit) == {"FGSM", "PGD"}
    for name, arm in of_unit.items():
        assert arm.training == plain[name, View.SOFTMAX].training
        assert arm.epsilons == arms.LEVELS and arm.units == "pixels"
    assert of_unit["PGD"].attack.step_size == pytest.approx(0.01)
    assert of_unit["PGD"].attack.steps == plain["PGD", View.SOFTMAX].attack.steps
    (standardised,) = [arm for arm in every if arm.variant == arms.STANDARDISED]
    assert (standardised.attack_name, standardised.units) == ("FGSM", "standardised")
    assert standardised.epsilons == arms.LEVELS and not standardised.attack.clip


def test_the_published_share_is_of_the_printed_clean_accuracy():
    """Table 5-1 prints 86, 84.5 and 83.5 % at 0.1, 0.2 and 0.3, of 87 % without attack."""
    shares = units.published_shares(CASE, "FGSM")
    np.testing.assert_allclose(shares[:3], np.array([86.0, 84.5, 83.5]) / 87)
    assert len(shares) == 8 and (shares > 0.5).all()


def arm(variant: str, left, **columns):
    """FGSM on the undefended network, of which so large shares of the clean accuracy are left."""
    right = np.arange(IMAGES) < np.round(0.5 * IMAGES * np.array([1.0, *left]))[:, None]
    epsilons = np.array([0.0, *arms.LEVELS]) * (1 if variant != "main" else arms.GREY)
    return made_arm(epsilons, right, variant=variant, attack="FGSM", **columns)


def test_the_unit_that_fits_has_the_smallest_difference():
    stated = units.published_shares(CASE, "FGSM")
    fits, far = arm("main", stated), arm(arms.UNIT, 0 * stated)
    rows = units.table(made_results(fits, far)).set_index("unit")
    assert rows.loc["0-255 grey levels", "difference"].startswith("0.")
    mean = 100 * stated.mean()
    assert rows.loc["images in [0, 1]", "difference"].startswith(f"{mean:.1f} [{mean:.1f},")
    shown = rows.loc["images in [0, 1]", "left at 0.8"]
    assert shown == f"0 % (published {100 * stated[-1]:.0f} %)"
    assert units.table(made_results(fits)).empty


def test_the_difference_is_a_mean_of_absolute_values():
    """Half of what is left at one epsilon, as much too much at another."""
    stated = np.array([0.8, 0.4])
    right = np.arange(100) < np.array([100, 70, 50])[:, None]
    curve = units.Curve(np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.1, 0.2]), right[:, None])
    estimate = units.difference(curve, stated)
    assert estimate.value == pytest.approx(0.1)
    assert estimate.low < 0.1 < estimate.high and estimate.images == 100


def test_a_network_that_is_never_right_has_no_share_to_lose():
    nothing = made_arm([0.0, *arms.LEVELS], np.zeros([9, 20], bool), variant=arms.UNIT)
    assert units.table(made_results(nothing)).empty
