"""What the numbers of ICBAI show of its audit: as printed, and on results made by hand."""

import re

import numpy as np

from harness.claims import Run, Standing
from made import made_arm, made_results
from studies.icbai import STUDY, arms
from studies.icbai.distillation import CASE, EPSILONS, WITHIN_EPSILON

IMAGES = 1000
LEVELS = (0.0, *EPSILONS)


def arm(role: str, attack: str, right: int, protocol: str = "faithful", **columns):
    """A network of MNIST; so many of its images are right under the attack, all without it."""
    compared = arms.COMPARED[protocol]
    correct = np.ones([len(LEVELS), IMAGES], bool)
    correct[1:] = np.arange(IMAGES) < right
    names = {"case": str(CASE), "model": CASE.model, "published_dataset": "mnist"}
    names |= {"dataset": "mnist", "protocol": protocol, "view": compared.views[0]}
    names["defense"] = "none" if role == "undefended" else f"{compared.procedure} {role}"
    return made_arm(LEVELS, correct, role=role, attack=attack, **names | columns)


def shown_of(*made) -> dict[str, str]:
    training = [{"case": "other", "stage": "train-0"}]
    results = made_results(*made, trainings=training, compared=arms.COMPARED)
    return STUDY.audit([Run("here", results, Standing.REDUCED)])


def test_a1_how_much_of_the_review_is_a_result():
    text = STUDY.audit([])["ICB-A1"]
    assert text.startswith(f"Of the {len(STUDY.published)} numbers taken from the review, 3 are")
    assert "92.91" in text


def test_a3_what_the_printed_accuracy_is_to_be_compared_with():
    faithful = [
        arm("student", "FGSM", 914, zero_gradient=0.91),
        arm("control", "FGSM", 925),
        arm("undefended", "FGSM", 97),
    ]
    text = shown_of(*faithful)["ICB-A3"]
    assert "FGSM at 30 % leaves 91.4 [" in text and "92.5 [" in text and "9.7 [" in text
    assert "distilled less undefended +81.7 [" in text
    assert "is zero on 91 % of the distilled network's images" in text
    worst = [
        arm(role, attack, right, "corrected", view="logits")
        for role, right in (("student", 2), ("control", 0), ("undefended", 0))
        for attack in WITHIN_EPSILON[:2]
    ]
    corrected = shown_of(*faithful, *worst)["ICB-A3"]
    assert re.search(r"the worst of all attacks at 30 % leaves 0\.2 \[", corrected)
    assert corrected.startswith("At a reduced size, ")
