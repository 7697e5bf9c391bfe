"""What is said of a worst case: every verdict, from flags made by hand."""

import pytest

from attacks import APGD, FGSM, PGD, AutoAttack, DeepFool
from evaluation import Estimate
from evaluation.diagnostics import NAMES, Flag, Level
from evaluation.flag_guide import paragraph
from evaluation.measured_arm import MeasuredArm, Raised
from evaluation.robustness_sentences import (
    FELL_SHORT,
    OF_THE_NETWORK,
    TOO_MUCH_ROOM,
    Doubts,
    advice,
    budget,
    trust,
    what_is_left,
)

ATTACKS = {"FGSM": FGSM(), "PGD": PGD(), "APGD": APGD(), "CW": DeepFool(), "AA": AutoAttack()}
ARMS = [MeasuredArm(name, attack, None) for name, attack in ATTACKS.items()]


def raised(name: str, arm: str, epsilon: float = 0.1, level: Level = Level.WARNING) -> Raised:
    return Raised(Flag(name, level, "text"), arm, epsilon)


def doubts(*flags: Raised, skipped=(), nothing_left=False) -> Doubts:
    return Doubts.of(flags, ARMS, 0.1, skipped, nothing_left)


def test_flags_are_of_one_kind_each():
    assert sorted([*OF_THE_NETWORK, *TOO_MUCH_ROOM, *FELL_SHORT]) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_guide_says_what_to_do_about_every_flag(name):
    said = paragraph(name)
    assert said.flagged.startswith("where") or said.flagged.startswith("for images")
    for part in (said.means, said.do):
        assert part.endswith(".") and "*" not in part.replace("`", "").replace("3 x", "")


def test_a_number_without_doubts():
    none = doubts(raised("undone by rounding", "PGD", level=Level.NOTE))
    assert trust(none, 19).startswith("None of the 19 checks raised a warning, so nothing")
    assert none.sound == ["PGD", "APGD"]  # whose gradient and steps are looked at


EVERYWHERE = [raised("loss not rising", name) for name in ("PGD", "APGD")]


@pytest.mark.parametrize(
    "flags, said",
    [
        ([raised("random at inference", "PGD")], "cannot be trusted: 1 of 19 checks raised a"),
        (EVERYWHERE, 'and may be too high: 1 of 19 checks raised a warning: "loss not rising" ('),
        ([raised("outside [0, 1]", "PGD")], "and may be too low: 1 of 19 checks raised a warning"),
        ([raised("outside [0, 1]", "PGD"), *EVERYWHERE], "and may be too high or too low: 2 of 19"),
        (
            [raised("zero gradient", "PGD")],
            "can be trusted, being no higher than that of APGD, for which no warning was raised; "
            'for other attacks, 1 of 19 checks raised a warning: "zero gradient" (PGD).',
        ),
        (
            [raised("zero gradient", "PGD"), raised("restored by rounding", "APGD")],
            'cannot be trusted, and may be too high or too low: 2 of 19 checks raised a warning: "',
        ),
    ],
)
def test_warnings_are_named_with_what_they_do_to_the_number(flags, said):
    assert said in trust(doubts(*flags), 19)


def test_too_much_room_at_another_epsilon_says_nothing_of_this_one():
    below = doubts(raised("restored by rounding", "PGD", epsilon=0.01))
    assert below.sound == ["PGD", "APGD"] and not below.warned
    assert "None of the 19 checks" in trust(below, 19)
    assert trust(below, 19).endswith("(at other epsilons: restored by rounding).")
    assert doubts(raised("restored by rounding", "PGD")).warned


def test_a_note_and_a_warning_of_one_name():
    """The note may be the larger one."""
    note = Raised(Flag("restored by rounding", Level.NOTE, "text", 0.9), "CW", 0.1)
    warning = Raised(Flag("restored by rounding", Level.WARNING, "text", 0.1), "PGD", 0.1)
    assert doubts(note, warning).warned == {"restored by rounding": ["PGD"]}


def test_skipped_attacks_and_nothing_left():
    lacking = doubts(skipped=["FGSM", "PGD"])
    assert trust(lacking, 9).endswith("for want of a gradient, FGSM and PGD could not be run.")
    assert "may be too high" in trust(lacking, 9)
    assert trust(doubts(skipped=["PGD"], nothing_left=True), 9).startswith("This number can be")
    short = doubts(*EVERYWHERE, nothing_left=True)
    assert "no image is left that a better attack could turn" in trust(short, 19)
    broken = doubts(raised("logits not finite", "PGD"), nothing_left=True)
    assert trust(broken, 19).startswith("This number cannot be trusted: ")


CLEAN = Estimate.share(0.9, 1000)
ROBUST, WEAK, FEW = Estimate.share(0.6, 1000), Estimate.share(0.1, 1000), Estimate.share(0.6, 50)


@pytest.mark.parametrize(
    "of, worst_case, autoattacked, said",
    [
        (doubts(raised("random at inference", "PGD")), WEAK, 100, 'Next, for "random at infer'),
        (doubts(*EVERYWHERE), ROBUST, 100, 'Next, for "loss not rising": see "zero gradient"'),
        (doubts(*EVERYWHERE, nothing_left=True), WEAK, 100, "Next: train it on adversarial"),
        (doubts(raised("zero gradient", "PGD")), WEAK, 100, "Next: train it on adversarial"),
        (doubts(skipped=["PGD"]), WEAK, 100, "Next: write the model in operations that Tensor"),
        (doubts(), WEAK, 100, "Next: train it on adversarial examples"),
        (doubts(), ROBUST, 0, "Next: run AutoAttack as well"),
        (doubts(), FEW, 50, "Next: attack more images, with AutoAttack too"),
        (doubts(), ROBUST, 100, "Next: attack it in a way made for it"),
    ],
)
def test_what_to_do_next(of, worst_case, autoattacked, said):
    assert advice(of, CLEAN, worst_case, autoattacked).startswith(said)


def test_the_worst_case_is_told_with_its_images():
    text = what_is_left(CLEAN, FEW, ROBUST, (7, 5), ("linf", 8 / 255))
    assert text == (
        f"Within 8/255 in L-inf, {FEW.percent()} % of 50 images stay right under all 7 attacks "
        f"({ROBUST.percent()} % of 1,000 under the 5 that were run on each of them); without "
        f"attack, {CLEAN.percent()} % of 1,000 are right."
    )
    assert "run on each" not in what_is_left(CLEAN, ROBUST, ROBUST, (7, 5), ("l2", 0.5))
    assert (budget("l2", 0.5), budget("linf", 0.5)) == ("0.5 in L2", "127.5/255 in L-inf")
