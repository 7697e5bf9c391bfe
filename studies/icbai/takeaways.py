"""What hides the gradient of the distilled network: a table and three sentences."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import Estimate
from harness.arms import Protocol, Role, View
from harness.results import Results, run_by_key
from harness.study import Takeaways
from reports.takeaways import images_of, percent, says
from studies.icbai.distillation import CASE, JUDGED, NOISE, TEMPERATURE
from studies.icbai.measures import on_mnist

NAMES = {
    Role.UNDEFENDED: "undefended",
    Role.STUDENT: "distilled: soft labels at T",
    Role.CONTROL: "control: hard labels at T",
}
AS_PUBLISHED, OPENED = "FGSM, logits", "FGSM, logits / T"
#: By column, an attack and the output that it goes through.
_ATTACKS = {
    AS_PUBLISHED: ("FGSM", View.LOGITS),
    OPENED: ("FGSM", View.LOGITS_OVER_T),
    "PGD, logits": ("PGD", View.LOGITS),
    "APGD, margin": ("APGD, margin", View.LOGITS),
}


class Attacked(NamedTuple):
    """One network at 30 % noise.

    Attributes:
        correct: by column of the table, bool [seeds, images]; "clean" and "worst" are among them.
        zero_gradient: the share of images on which FGSM's gradient is zero.
    """

    correct: dict[str, np.ndarray]
    zero_gradient: float


def takeaways(results: Results) -> Takeaways | None:
    """`None` where not all of the networks were run under all of these attacks."""
    seen = run_by_key(lambda role: _attacked(results, role), JUDGED)
    if len(seen) < len(JUDGED):
        return None
    title = f"Accuracy in percent at 30 % noise, T = {TEMPERATURE:g}: {results.label(CASE)}"
    return Takeaways(
        f"{title}, {images_of(seen[Role.STUDENT].correct['worst'])}", _table(seen), _sentences(seen)
    )


def _attacked(results: Results, role: str) -> Attacked:
    place = {"case": CASE, "protocol": Protocol.CORRECTED, "role": role}
    through_logits = results.curve(**place, attack="FGSM", view=View.LOGITS)
    correct = {
        name: results.curve(**place, attack=attack, view=view).at(grey=NOISE)
        for name, (attack, view) in _ATTACKS.items()
        if role != Role.UNDEFENDED or view == View.LOGITS  # it has no other output
    }
    worst = on_mnist(results, Protocol.CORRECTED, role).at(grey=NOISE)
    at_noise = results.select(**place, attack="FGSM", view=View.LOGITS, epsilon_grey=NOISE)
    return Attacked(
        {"clean": through_logits.at(grey=0), **correct, "worst": worst},
        float(at_noise["zero_gradient"].mean()),
    )


def _table(seen: Mapping[str, Attacked]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "network": NAMES[role],
                **{
                    column: percent(each.correct[column]) if column in each.correct else ""
                    for column in ("clean", *_ATTACKS, "worst")
                },
                "no gradient": f"{each.zero_gradient:.0%}",
            }
            for role, each in seen.items()
        ]
    )


def _sentences(seen: Mapping[str, Attacked]) -> list[str]:
    undefended, student, control = (seen[role].correct for role in JUDGED)
    looks = Estimate.paired(student[AS_PUBLISHED], undefended[AS_PUBLISHED])
    opened = Estimate.paired(student[AS_PUBLISHED], student["worst"])
    taught = Estimate.paired(student["worst"], control["worst"])
    return [
        f"FGSM through the logits, as published, leaves {percent(student[AS_PUBLISHED])} % of the "
        f"distilled network's images right at 30 % noise and {percent(undefended[AS_PUBLISHED])} % "
        f"of the undefended one's: distillation "
        f"{says(looks, 'looks like a defense', 'looks like no defense')}. The gradient that FGSM "
        f"follows is exactly zero on {seen[Role.STUDENT].zero_gradient:.0%} of its images.",
        f"Through logits / T FGSM leaves {percent(student[OPENED])} %, and all attacks together "
        f"leave {percent(student['worst'])} %: "
        f"{says(opened, 'the gradient was hidden, the weakness is there', 'nothing was hidden')}.",
        f"The control, trained at the same temperature on the labels alone, keeps "
        f"{percent(control[AS_PUBLISHED])} % under FGSM as published and "
        f"{percent(control['worst'])} % under all attacks: "
        f"{says(taught, 'soft labels add to it', 'soft labels add nothing that shows')} "
        f"({taught.points()} points).",
    ]
