"""What hides a gradient and what withstands an attack: a table, three sentences, a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evaluation import Estimate
from harness.arms import Role, View
from harness.results import Results, run_by_key, where_run
from harness.study import Takeaways
from reports.figures.curves import Line, panels, sample_sizes
from reports.figures.roles import ATTACKS, NETWORKS, Look
from reports.figures.sweeps import Swept, sweep
from reports.gallery import Gallery
from reports.takeaways import images_of, percent, says
from studies.ntu.arms import TEMPERATURE
from studies.ntu.masking import (
    ADVERSARIAL,
    CASE,
    MARGIN,
    ROLES,
    SHORT_STEPS,
    TEMPERATURES,
    VARIANT,
    at_temperature,
    summed_up,
)

NAMES = {
    Role.UNDEFENDED: "undefended",
    Role.STUDENT: "distilled",
    Role.CONTROL: "control, hard labels",
    ADVERSARIAL: "adversarially trained (not in the study)",
}
#: The attacks that every network is given through its logits.
_OUTPUTS = ("FGSM", "PGD", MARGIN)
_THROUGH_T = "PGD, logits / T"


class Attacked(NamedTuple):
    """The networks of one run, each under each attack, at the epsilon of the summary.

    Attributes:
        grey: that epsilon, in grey levels.
        correct: by role and attack, bool [seeds, images]; "clean" and "worst" are among them.
        zero_gradient: by role, the share of images whose cross-entropy has no gradient.
    """

    grey: float
    correct: dict[str, dict[str, np.ndarray]]
    zero_gradient: dict[str, float]


def attacked(results: Results) -> Attacked | None:
    """`None` where not all of the networks were run under all of their attacks."""
    rows = results.select(case=CASE, variant=VARIANT, attack="PGD", view=View.LOGITS)
    if rows.empty:
        return None
    grey = summed_up(sorted(set(rows["epsilon_grey"]) - {0.0}))
    correct = run_by_key(lambda role: _by_attack(results, role, grey), ROLES)
    if set(correct) != set(ROLES):
        return None
    at = rows[np.isclose(rows["epsilon_grey"], grey)].groupby("role")
    return Attacked(grey, correct, at["zero_gradient"].mean().to_dict())


def _by_attack(results: Results, role: str, grey: float) -> dict[str, np.ndarray]:
    place = {"case": CASE, "variant": VARIANT, "role": role}
    logits = {name: results.curve(**place, attack=name, view=View.LOGITS) for name in _OUTPUTS}
    if role in (Role.STUDENT, Role.CONTROL):
        logits[_THROUGH_T] = results.curve(**place, attack="PGD", view=View.LOGITS_OVER_T)
    correct = {name: curve.at(grey=grey) for name, curve in logits.items()}
    return {
        "clean": logits["PGD"].at(grey=0),
        **correct,
        "worst": np.logical_and.reduce(list(correct.values())),
    }


def takeaways(results: Results) -> Takeaways | None:
    """`None` where not all of the networks were run."""
    seen = attacked(results)
    if seen is None:
        return None
    within = f"within {seen.grey:.3g}/255, T = {TEMPERATURE:g}"
    title = f"Accuracy in percent {within}: {results.label(CASE)}"
    return Takeaways(
        f"{title}, {images_of(seen.correct[Role.STUDENT]['worst'])}", table(seen), sentences(seen)
    )


def table(seen: Attacked) -> pd.DataFrame:
    """Accuracies in percent, one row per network."""
    names = ("clean", *_OUTPUTS, _THROUGH_T, "worst")
    return pd.DataFrame(
        [
            {
                "network": NAMES[role],
                **{name: percent(correct[name]) if name in correct else "" for name in names},
                "no gradient": f"{seen.zero_gradient[role]:.0%}",
            }
            for role, correct in seen.correct.items()
        ]
    )


def sentences(seen: Attacked) -> list[str]:
    """The three things to take away, as these numbers have them."""
    undefended, student, control, robust = (seen.correct[role] for role in ROLES)
    looks = Estimate.paired(student["PGD"], undefended["PGD"])
    opened = Estimate.paired(student["PGD"], student["worst"])
    taught = Estimate.paired(student["worst"], control["worst"])
    holds = Estimate.paired(robust["worst"], undefended["worst"])
    within = f"within {seen.grey:.3g}/255"
    return [
        f"PGD leaves {percent(student['PGD'])} % of the distilled network's images right {within} "
        f"and {percent(undefended['PGD'])} % of the undefended one's: distillation "
        f"{says(looks, 'looks like a defense', 'looks like no defense')}. The gradient that PGD "
        f"follows is exactly zero on {seen.zero_gradient[Role.STUDENT]:.0%} of its images.",
        f"With logits / T or a margin loss {percent(student['worst'])} % are left (undefended: "
        f"{percent(undefended['worst'])} %): "
        f"{says(opened, 'the gradient was hidden, the weakness is there', 'nothing was hidden')}. "
        f"The control, trained at the same temperature without a teacher, keeps "
        f"{percent(control['PGD'])} % under PGD and {percent(control['worst'])} % under all: "
        f"{says(taught, 'soft labels add to it', 'soft labels add nothing that shows')} "
        f"({taught.points()} points).",
        f"Adversarial training keeps {percent(robust['worst'])} % under every attack here, "
        f"{holds.points()} points more than no defense: "
        f"{says(holds, 'that is robustness', 'that is no robustness')}.",
    ]


class AtTemperature(NamedTuple):
    """The student at one temperature, at the epsilon of the summary."""

    temperature: float
    pgd: Estimate  # through the logits
    worst: Estimate
    zero_gradient: float


def by_temperature(results: Results, grey: float) -> list[AtTemperature]:
    """What was run of the student at the study's temperature and at others."""
    variants = {each: at_temperature(each) for each in TEMPERATURES} | {TEMPERATURE: VARIANT}

    def at(temperature: float) -> AtTemperature:
        place = {"case": CASE, "role": Role.STUDENT, "variant": variants[temperature]}
        logits = {"attack": "PGD", "view": View.LOGITS, **place}
        return AtTemperature(
            temperature,
            Estimate.accuracy(results.curve(**logits).at(grey=grey)),
            Estimate.accuracy(results.curve(attack=("PGD", MARGIN), **place).at(grey=grey)),
            float(results.select(**logits)["zero_gradient"].mean()),
        )

    return list(where_run(at, variants))


def draw_temperatures(
    students: Sequence[AtTemperature], grey: float, title: str, path: Path
) -> None:
    """What is left under PGD and under all attacks, and the share of zero gradients, by T."""
    temperatures, pgd, worst, zero = zip(*students, strict=True)
    drawn = {
        f"accuracy (%) within {grey:.3g}/255": [
            Swept("PGD through the logits", ATTACKS["PGD"], pgd),
            Swept("the worst of all attacks", ATTACKS["worst"], worst),
        ],
        "gradient exactly zero\n(share of images)": [Swept("", NETWORKS["student"], zero)],
    }
    sweep(drawn, temperatures, "T of the distillation", title, path)


def draw(results: Results, pictures: Gallery) -> None:
    """PGD as the studies run it, in the open, and with steps that end half-way."""

    def line(role: str, label: str, look: Look, **where: Any) -> Line:
        curve = results.curve(case=CASE, variant=VARIANT, role=role, **where)
        return Line(label, look, curve.grey, curve.accuracies)

    def undefended(attack: str) -> Line:
        name = attack.replace(SHORT_STEPS, "PGD, 40 steps that end half-way")
        return line(Role.UNDEFENDED, name, looks[attack], attack=attack)

    def network(role: str, **where: Any) -> Line:
        return line(role, NAMES[role], NETWORKS[role], **where)

    looks = {each: ATTACKS[each] for each in ("FGSM", "PGD")}
    looks[SHORT_STEPS] = ATTACKS["PGD"]._replace(style="--")
    through_logits = {"attack": "PGD", "view": View.LOGITS}
    drawn = {
        "undefended, by attack": list(where_run(undefended, looks)),
        "PGD through the logits": [network(role, **through_logits) for role in ROLES],
        "the worst of all attacks": [network(role) for role in ROLES],
    }
    title = f"Masked gradients: {results.label(CASE)}"
    caption = f"{title}. Accuracy against epsilon, {sample_sizes(drawn)}"
    path = pictures.add("masking", "masked-gradients", caption)
    panels(drawn, title, path, unit="epsilon (0-255 grey levels)")
