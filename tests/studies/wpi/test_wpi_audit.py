"""What the numbers of WPI show of its audit: as printed, and on results made by hand."""

import re

import pytest
from wpi_made import ALL_ATTACKS, joined, made, of

from harness.claims import Run, Standing
from studies.wpi import STUDY, arms, attacks, defenses
from studies.wpi.profiles import GTSRB


def shown_of(*parts) -> dict[str, str]:
    return STUDY.audit([Run("here", joined(*parts), Standing.PUBLISHED)])


def both(**columns):
    """The undefended network under the four attacks in both protocols."""
    return [made(ALL_ATTACKS, protocol, **columns) for protocol in ("faithful", "corrected")]


def test_a1_an_attack_that_was_not_seen():
    plain = of(defenses.NONE, 40, 40, 40, 40, 40, also=True)
    trained = of(defenses.ADVERSARIAL, 400, 400, 400, 400, 40, also=True)
    text = shown_of(made(plain | trained))["WPI-A1"]
    seen, unseen = map(float, re.findall(r"(0\.\d{3}) \[", text)[:2])
    assert seen > 0.5 and unseen == 0
    left_out = {(defenses.left_out(attacks.CW), attacks.CW): 200}
    other = made(left_out, variant=arms.ATTACK_LEFT_OUT)
    assert (
        "after training on the other three attacks"
        in shown_of(made(plain | trained), other)["WPI-A1"]
    )


def test_a2_the_printed_times_and_crafting_apart_from_inference():
    text = shown_of(*both(seconds={attacks.CW: 2.0}))["WPI-A2"]
    assert "takes 8 to 420 times as long as a clean one" in text  # 0.13 / 0.016, 0.84 / 0.002
    assert "takes 0.55 to 0.98 times as long as without" in text
    assert "classifying an image takes 100 ms" in text and "CW 2e+03" in text


@pytest.mark.parametrize("left, turned", [(120, "70.0"), (0, "100.0"), (400, "0.0")])
def test_a8_what_cw_turns(left, turned):
    counts = ALL_ATTACKS | {(defenses.NONE, attacks.CW): left}
    text = shown_of(*(made(counts, protocol) for protocol in ("faithful", "corrected")))["WPI-A8"]
    assert len(re.findall(rf"{turned} \[\S+ \S+ % \(\w+, CW in", text)) == 2


def test_a9_the_readings_of_noise_on_a_gradient():
    counts = of(defenses.NONE, 40, 40, 40, 40) | of(defenses.MASKED_SEEN, 400, 400, 400, 400)
    blind = {(defenses.MASKED_LOGITS, attacks.IFGSM): 40}
    parts = made(counts, "faithful"), made(counts | blind, clean={defenses.MASKED_LOGITS: 200})
    text = shown_of(*parts)["WPI-A9"]
    assert "0.000 [0.000, 0.000] (gradient seen)" in text
    assert re.search(r"-0\.\d+ \[\S+ \S+ \(logits\)", text)
    through, also_plain = re.findall(r"changes by (-?0\.\d+) \[|and by (-?0\.\d+) \[", text)[1:3]
    assert float(through[0]) > 0.5 and float(also_plain[1]) > 0.5


def test_a10_the_worst_of_all_attacks_either_way():
    through = of(defenses.SMOOTHED, 0, 40, 40, 40, 40, also=True)
    plain = {
        (defense, attacks.transferred(attack)): 200
        for (defense, attack) in of(defenses.SMOOTHED, 0, 0, 0, 0, 0, also=True)
    }
    text = shown_of(made(through | plain))["WPI-A10"]
    assert "leaves 50.0 [" in text and "from the plain network and 0.0 [" in text


def test_a12_only_where_the_splits_differ():
    text = shown_of(*both(case=GTSRB, profile="laptop"))["WPI-A12"]
    assert "on the random split (faithful)" in text
    assert "Not run here" in shown_of(*both(profile="laptop"))["WPI-A12"]


def test_a15_how_far_attacks_go():
    text = shown_of(*both(l2=lambda attack: 1.0 + len(attack)))["WPI-A15"]
    assert "mean L2 of the images turned: IFGSM 6.000 [" in text
    assert "Iterative pixel swap 21.000 [" in text
