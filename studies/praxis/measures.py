"""Numbers of the Praxis study read off a run: what its comparison, claims and report share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.units import grey_levels
from evaluation import Curve, Estimate, alike, same
from harness.arms import MAIN, Case, Protocol, Role, View
from harness.links import Link
from harness.results import Arrays, Results
from studies.praxis import arms as praxis

#: The protocol in which an attack is timed.
_TIMED = {"FGSM": Protocol.FAITHFUL, "CW": Protocol.CORRECTED}


@dataclass(frozen=True, eq=False)
class Attacked:
    """One classifier of part A under one attack.

    Attributes:
        network: in words, with its data set.
        rows: of the results, one for each epsilon, the clean images first.
        curve: its outcomes.
        pictured: see `harness.pictures.pictured`, classes in words; empty without pictures.
    """

    model: str
    protocol: Protocol
    attack: str
    network: str
    rows: pd.DataFrame
    curve: Curve
    pictured: Arrays

    @property
    def where(self) -> str:
        return f"{self.network}, {self.protocol}"

    @property
    def on_imagenet(self) -> bool:
        return bool((self.rows["dataset"] == praxis.IMAGENET).all())

    @property
    def as_8_bit(self) -> Estimate:
        """The top-1 error at the largest epsilon that is left once images have 8 bits."""
        return Estimate.share(1 - self.rows["rounded_accuracy"].iloc[-1], self.curve.images)

    def errors(self, k: int = 1) -> list[Estimate]:
        """The top-1 or top-5 error at every epsilon."""
        accuracies = self.rows[{1: "accuracy", 5: "top_5_accuracy"}[k]]
        return [Estimate.share(1 - accuracy, self.curve.images) for accuracy in accuracies]

    def error(self, epsilon: float, k: int = 1) -> Estimate:
        """The top-1 or top-5 error at one epsilon, in the units of the arm."""
        (index,) = np.flatnonzero(same(self.curve.epsilons, epsilon))
        return self.errors(k)[index]

    def rise(self, first: float, second: float) -> Estimate:
        """The top-1 error at the second epsilon less that at the first."""
        return Estimate.paired(self.curve.at(first), self.curve.at(second))


def classifiers(results: Results) -> list[str]:
    """The models of part A that were attacked, in the order of the study."""
    return [model for model, case in praxis.CLASSIFIERS.items() if results.has(case)]


def attacked(results: Results, model: str, protocol: Protocol, attack: str) -> Attacked | None:
    """One arm of part A, or `None` if it was not run."""
    case = praxis.CLASSIFIERS[model]
    where = {"case": case, "protocol": protocol, "attack": attack, "variant": MAIN}
    rows, curve = results.select(**where), results.curve(**where)
    if curve is None:
        return None
    pictured = dict(results.pictured.get(rows["arm"].iloc[0], {}))
    for names in pictured.keys() & {"names", "label_names"}:
        pictured[names] = np.char.replace(pictured[names], "_", " ")
    return Attacked(model, protocol, attack, results.label(case), rows, curve, pictured)


def under_fgsm(results: Results) -> Iterator[Attacked]:
    """The classifiers under FGSM, in both protocols."""
    for model in classifiers(results):
        for protocol in Protocol:
            arm = attacked(results, model, protocol, "FGSM")
            if arm is not None:
                yield arm


def variants(results: Results, fgsm: Attacked) -> list[Attacked]:
    """What may have been run as CW, on the classifier and in the protocol of an arm of FGSM."""
    arms = [
        attacked(results, fgsm.model, fgsm.protocol, attack)
        for attack in praxis.VARIANTS[fgsm.protocol]
    ]
    return [arm for arm in arms if arm is not None]


def distilled(
    results: Results, role: str, protocol: Protocol, attack: str, view: View
) -> Curve | None:
    """A network of part B under one attack, or `None` if it was not run.

    The undefended network, which has no temperature, is attacked through its logits.
    """
    seen = View.LOGITS if role == Role.UNDEFENDED else view
    where = {"role": role, "protocol": protocol, "attack": attack, "view": seen}
    return results.curve(case=praxis.DISTILLED, **where)


def differences(first: Curve, second: Curve, epsilons: Sequence[float]) -> list[Estimate]:
    """Accuracy on the first curve less that on the second, on the images that both have."""
    first, second = alike(first, second)
    return [Estimate.paired(first.at(epsilon), second.at(epsilon)) for epsilon in epsilons]


def timed(results: Results, case: Case, attack: str) -> pd.Series | None:
    """The row of the results by which an attack is timed; of part B the student's.

    FGSM on a classifier has an arm of a single epsilon for this.
    """
    part_b = case == praxis.DISTILLED
    rows = results.select(
        case=case,
        protocol=_TIMED[attack],
        variant=praxis.TIMING if attack == "FGSM" and not part_b else MAIN,
        role=Role.STUDENT if part_b else Role.UNDEFENDED,
        attack=attack,
    )
    return None if rows.empty else rows.iloc[-1]


def seconds_per_iteration(row: pd.Series) -> Estimate:
    """Seconds for a batch of 32 images, crafted and classified.

    Compiling may count where the time of crafting was not recorded apart from it.
    """
    images = int(row["images"])
    if pd.isna(row.get("crafting_seconds")):
        return Estimate(row["seconds"] / -(-images // praxis.ITERATION), images=images)
    per_image = row["crafting_seconds"] + row["inference_seconds"] / images
    return Estimate(praxis.ITERATION * per_image, images=images)


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    """The number that a link asks for, in the unit that was published."""
    estimate = _measured(results, link, protocol)
    return None if estimate is None else estimate.times(link.factor)


def _measured(results: Results, link: Link, protocol: Protocol) -> Estimate | None:
    """Shares and confidences as fractions, times in seconds."""
    if link.kind == "clean accuracy":
        curve = distilled(results, Role.UNDEFENDED, Protocol.FAITHFUL, "FGSM", View.LOGITS)
        return None if curve is None else curve.accuracies[0]
    (case,) = link.cases
    # Images without attack are those of FGSM's arm.
    attack = link.attacks[0] if link.attacks else "FGSM"
    if link.kind == "seconds per iteration":
        row = timed(results, case, attack) if protocol == _TIMED[attack] else None
        return None if row is None else seconds_per_iteration(row)
    if attack == "CW" and protocol == Protocol.FAITHFUL:
        attack = praxis.STEP
    arm = attacked(results, case.model, protocol, attack)
    if arm is None:
        return None
    if link.kind == "confidence":
        return _confidence(arm, *link.index, under_attack=bool(link.attacks))
    k = 5 if "top-5" in link.kind else 1
    if link.kind.startswith("highest"):
        errors = [arm.error(epsilon, k) for epsilon in praxis.EPSILONS]
        return max(errors, key=lambda error: error.value)
    return arm.error((link.epsilon_grey or 0.0) / grey_levels("standardised"), k)


def _confidence(arm: Attacked, shark: int, rank: int, under_attack: bool) -> Estimate | None:
    """In a pictured image of a class; on another data set nothing stands in for it."""
    if not arm.on_imagenet:
        return None
    image = list(praxis.SHARKS).index(shark)
    return Estimate(float(arm.pictured["confidences"][int(under_attack), image, rank - 1]))
