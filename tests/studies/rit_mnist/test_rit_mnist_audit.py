"""What RIT's networks show of its audit, on results made by hand."""

import re

import pytest
from rit_made import (
    AS_PRINTED,
    BASELINE,
    DESCRIBED,
    PGD_TRAINED,
    PUBLISHED,
    RETRAINED,
    UNTRAINED,
    flat,
    results_of,
    under,
)

from harness.claims import Run, Standing
from studies.rit_mnist import STUDY

AS_POSTED = under("FGSM", {BASELINE: PUBLISHED}, 10_000)


def shown_of(results) -> dict[str, str]:
    return STUDY.audit([Run("here", results, Standing.PUBLISHED)])


def test_a1_accuracies_beside_the_printed_ones():
    text = shown_of(results_of(AS_POSTED))["RIT-A1"]
    for accuracy, epsilon, printed in ((99, 0, 99), (79, 0.1, 79), (24, 0.2, 24)):
        found = re.search(rf"{accuracy}\.0 \[\S+ \S+ % at {epsilon} \(printed {printed}\)", text)
        assert found
    assert "the largest step ends at 0.2 [" in text
    assert 'RIT-3a ("the step to 0.2 is the largest"): confirmed' in text


def test_a2_the_loss_after_the_first_epoch():
    assert "is 1.99 [" in shown_of(DESCRIBED)["RIT-A2"]
    assert "(3 seeds); printed are 1.99 times" in shown_of(DESCRIBED)["RIT-A2"]
    swapped = {RETRAINED: AS_PRINTED[UNTRAINED], UNTRAINED: AS_PRINTED[RETRAINED]}
    assert "is 0.502 [" in shown_of(results_of(AS_POSTED, losses=swapped))["RIT-A2"]


@pytest.mark.parametrize("gain", [0.1, -0.1])
def test_a3_training_on_pgd_against_training_on_fgsm(gain):
    pair = {PGD_TRAINED: flat(0.5 + gain), RETRAINED: flat(0.5)}
    text = shown_of(results_of(under("FGSM", pair), under("PGD", pair, protocol="corrected")))
    assert text["RIT-A3"].count(f" is {100 * gain:+.1f} [") == 2
    assert "faithful, FGSM" in text["RIT-A3"] and "corrected, PGD" in text["RIT-A3"]


def test_a4_examples_of_the_baseline_and_of_the_network_itself():
    made = [
        under("FGSM, from undefended", {RETRAINED: flat(0.98)}, protocol="corrected"),
        under("FGSM", {RETRAINED: flat(0.11), "on_the_fly": flat(0.9)}, protocol="corrected"),
        under("PGD", {"on_the_fly": flat(0.85)}, protocol="corrected"),
    ]
    text = shown_of(results_of(*made))["RIT-A4"]
    assert re.search(
        r"98\.0 \[\S+ \S+ % right at 0\.3, FGSM made on the network itself 11\.0", text
    )
    assert "on it or on the baseline, leaves 85.0 [" in text  # the worst counts


def test_a5_a_control_of_equal_updates():
    curves = {BASELINE: flat(0.5), "control": flat(0.6), RETRAINED: flat(0.9)}
    made = under("FGSM", curves, protocol="corrected")
    text = shown_of(results_of(AS_POSTED, made))["RIT-A5"]
    assert "is +10.0 [" in text and "and +10.0 [" in text
    assert "less the control is +30.0 [" in text


def test_a7_the_classes_of_perturbed_images():
    assert "class 8, predicted most often" in shown_of(DESCRIBED)["RIT-A7"]
