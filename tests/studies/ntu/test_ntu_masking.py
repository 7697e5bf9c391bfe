"""Masked gradients: the networks and attacks that show them, and what is said of the numbers."""

import matplotlib.image
import numpy as np
import pytest

from harness.trained_defenses import PGDTraining
from made import made_arm, made_results
from reports.gallery import Gallery
from studies.ntu import masking, masking_page
from studies.ntu.profiles import PROFILES

EPSILONS = np.array([0.0, 0.05, 0.1, 0.2])
IMAGES = 400


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_the_networks_differ_in_one_respect_each_and_meet_the_same_attacks(profile):
    arms = [arm for arm in masking.arms(profile) if arm.training.run == 0]
    networks = {arm.training.role: arm.training for arm in arms if arm.variant == masking.VARIANT}
    assert tuple(networks) == masking.ROLES
    undefended, student, control, robust = networks.values()
    assert (student.temperature, student.procedure) == (200, "papernot")
    assert (control.temperature, control.procedure) == (200, "papernot")
    assert student.teacher.temperature == 200 and control.teacher is None
    middle = profile.masking[len(profile.masking) // 2]
    assert robust.defense == PGDTraining(middle, steps=5) and robust.warm_up == undefended
    assert len({each.network for each in networks.values()}) == 1
    for arm in arms:
        assert arm.epsilons == profile.masking and arm.images == arms[0].images
        assert not arm.training.erasing
    through = {}
    for arm in arms:
        through.setdefault(arm.training.role, set()).add((arm.attack_name, arm.view))
    same = {(name, "logits") for name in ("FGSM", "PGD", masking.MARGIN)}
    assert through["undefended"] == same | {(masking.SHORT_STEPS, "logits")}
    assert through["adversarial"] == same
    assert through["student"] == through["control"] == same | {("PGD", "logits / T")}


def test_the_short_steps_end_half_way():
    (short,) = [
        arm for arm in masking.arms(PROFILES["demo"]) if arm.attack_name == masking.SHORT_STEPS
    ]
    attack = short.attack
    assert np.isclose(attack.steps * attack.step_size, max(short.epsilons) / 2)
    assert not attack.random_start


def test_the_student_is_taught_at_three_temperatures():
    arms = [arm for arm in masking.arms(PROFILES["demo"]) if arm.training.role == "student"]
    by_variant = {arm.variant: arm.training for arm in arms}
    assert sorted(each.temperature for each in by_variant.values()) == [1, 20, 200]
    assert all(each.temperature == each.teacher.temperature for each in by_variant.values())
    assert all((arm.view == "logits") for arm in arms if arm.training.temperature == 1)


def right(share: float) -> np.ndarray:
    """bool [4, IMAGES]: so many are right at 0.1, and half as many more before."""
    shares = np.array([0.97, (0.97 + share) / 2, share, share / 2])
    return np.arange(IMAGES) < np.round(IMAGES * shares[:, None])


def measured(student: float, opened: float, control: float, robust: float) -> list:
    """What PGD leaves of the student and of the control, and what is left in the open."""
    left = {
        "undefended": {"FGSM": 0.6, "PGD": 0.3, masking.MARGIN: 0.3, masking.SHORT_STEPS: 0.5},
        "student": {"FGSM": student, "PGD": student, masking.MARGIN: opened},
        "control": {"FGSM": student, "PGD": student, masking.MARGIN: control},
        "adversarial": {"FGSM": 0.9, "PGD": robust, masking.MARGIN: robust},
    }
    made = []
    for role, by_attack in left.items():
        place = {"case": str(masking.CASE), "model": "papernot_cnn", "role": role}
        place |= {"variant": masking.VARIANT, "protocol": "corrected", "defense": role}
        place |= {"zero_gradient": 0.9 if role in ("student", "control") else 0.0}
        for attack, share in by_attack.items():
            where = {"attack": attack, "view": "logits"}
            made.append(made_arm(EPSILONS, right(share), **where, **place))
        if role in ("student", "control"):
            where = {"attack": "PGD", "view": "logits / T"}
            made.append(made_arm(EPSILONS, right(by_attack[masking.MARGIN]), **where, **place))
    for temperature in masking.TEMPERATURES:
        place = {"case": str(masking.CASE), "model": "papernot_cnn", "role": "student"}
        place |= {"variant": masking.at_temperature(temperature), "view": "logits"}
        place |= {"protocol": "corrected", "defense": "papernot student", "zero_gradient": 0.0}
        for attack in ("PGD", masking.MARGIN):
            made.append(made_arm(EPSILONS, right(opened), attack=attack, **place))
    return made


def test_a_mask_that_is_taken_off():
    seen = masking_page.takeaways(made_results(*measured(0.95, 0.4, 0.4, 0.8)))
    assert "within 25.5/255, T = 200" in seen.title
    looks, opened, holds = seen.sentences
    assert "95.0 % of the distilled network's images" in looks and "30.0 % of the und" in looks
    assert "looks like a defense" in looks and "exactly zero on 90% of its images" in looks
    assert "40.0 % are left (undefended: 30.0 %): the gradient was hidden" in opened
    assert "95.0 % under PGD and 40.0 % under all: soft labels add nothing that shows" in opened
    assert "80.0 % under every attack" in holds and holds.endswith(
        "points more than no defense: that is robustness."
    )
    rows = seen.table.set_index("network")
    assert rows.loc["distilled", ["PGD", "PGD, logits / T", "worst"]].tolist() == [
        "95.0",
        "40.0",
        "40.0",
    ]
    assert rows.loc["undefended", "PGD, logits / T"] == ""
    assert rows.loc["undefended", "worst"] == "30.0"  # the short steps do not count for more


def test_other_numbers_are_said_otherwise():
    looks, opened, holds = masking_page.takeaways(
        made_results(*measured(0.3, 0.3, 0.1, 0.3))
    ).sentences
    assert "looks like no defense" in looks
    assert "nothing was hidden" in opened and "soft labels add to it" in opened
    assert holds.endswith("that is no robustness.")


@pytest.mark.parametrize(
    "left_out",
    [
        {"role": "adversarial"},
        {"role": "student", "view": "logits / T"},
        {"role": "undefended", "attack": "PGD"},
    ],
    ids=str,
)
def test_nothing_is_said_of_what_was_not_run(left_out):
    made = [
        arm
        for arm in measured(0.9, 0.4, 0.4, 0.8)
        if not left_out.items() <= arm[1][0].items() or arm[1][0]["variant"] != masking.VARIANT
    ]
    assert len(made) < len(measured(0.9, 0.4, 0.4, 0.8))
    assert masking_page.takeaways(made_results(*made)) is None


def test_its_pictures(tmp_path):
    results = made_results(*measured(0.95, 0.4, 0.4, 0.8))
    gallery = Gallery(tmp_path / "all", ("masking",))
    masking_page.draw(results, gallery)
    ((caption, _),) = gallery["masking"]
    assert caption.endswith("Accuracy against epsilon, 400 images")
    students = masking_page.by_temperature(results, 25.5)
    assert [each.temperature for each in students] == [1, 20, 200]
    assert [each.zero_gradient for each in students] == [0, 0, 0.9]
    assert [round(each.pgd.value, 2) for each in students] == [0.4, 0.4, 0.95]
    assert [round(each.worst.value, 2) for each in students] == [0.4, 0.4, 0.4]
    masking_page.draw_temperatures(students, 25.5, "a title", tmp_path / "temperatures.png")
    without = [
        arm for arm in measured(0.95, 0.4, 0.4, 0.8) if arm[1][0]["attack"] != masking.SHORT_STEPS
    ]
    masking_page.draw(made_results(*without), Gallery(tmp_path / "some", ("masking",)))
    for name in ("all/masked-gradients", "temperatures", "some/masked-gradients"):
        assert matplotlib.image.imread(tmp_path / f"{name}.png").std() > 0.05
