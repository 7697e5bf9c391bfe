"""What ICBAI's page says first, made of the numbers."""

import numpy as np
import pytest

from made import made_arm, made_results
from studies.icbai import arms
from studies.icbai.distillation import CASE, JUDGED, WITHIN_EPSILON
from studies.icbai.takeaways import takeaways

IMAGES = 400
EPSILONS = np.array([0.0, 0.1, 0.3])


def measured(published: float, opened: float, control: float) -> list:
    """What FGSM leaves of the student as published, and all attacks in the open."""
    made = []
    for role in JUDGED:
        names = {"case": str(CASE), "protocol": "corrected", "role": role}
        names["defense"] = "none" if role == "undefended" else f"soft_labels {role}"
        views = ("logits",) if role == "undefended" else ("logits", "logits / T")
        worst = {"undefended": 0.01, "student": opened, "control": control}[role]
        for attack in WITHIN_EPSILON[:3]:
            for view in views:
                hidden = len(views) == 2 and view == "logits" and attack != "APGD, margin"
                shares = np.array([0.97, 0.97, published if hidden else worst])
                right = np.arange(IMAGES) < np.round(IMAGES * shares[:, np.newaxis])
                zero = {"zero_gradient": published if hidden else 0.0}
                made.append(made_arm(EPSILONS, right, attack=attack, view=view, **zero, **names))
    return made


def said(*measured: list):
    return takeaways(made_results(*measured, compared=arms.COMPARED))


def test_a_hidden_gradient_is_found():
    seen = said(*measured(0.92, 0.02, 0.02))
    looks, opened, taught = seen.sentences
    assert "leaves 92.0 % of the distilled network's" in looks and "1.0 % of the und" in looks
    assert "looks like a defense" in looks and "exactly zero on 92% of its images" in looks
    assert "leaves 2.0 %, and all attacks together leave 2.0 %: the gradient was hidden" in opened
    assert "keeps 92.0 % under FGSM as published and 2.0 % under all" in taught
    assert "soft labels add nothing that shows" in taught
    rows = seen.table.set_index("network")
    assert rows.loc["distilled: soft labels at T", "FGSM, logits"] == "92.0"
    assert rows.loc["undefended", "FGSM, logits / T"] == ""
    assert rows["worst"].tolist() == ["1.0", "2.0", "2.0"]


def test_other_numbers_are_said_otherwise():
    looks, opened, _ = said(*measured(0.01, 0.01, 0.0)).sentences
    assert "looks like no defense" in looks and "nothing was hidden" in opened
    assert "soft labels add to it" in said(*measured(0.9, 0.5, 0.1)).sentences[2]


@pytest.mark.parametrize("role", JUDGED)
def test_nothing_is_said_where_a_network_is_missing(role):
    assert said(*[each for each in measured(0.9, 0.1, 0.1) if each[1][0]["role"] != role]) is None
