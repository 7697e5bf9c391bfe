"""Numbers of the Praxis study read off a run: what its comparison, claims and report share."""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pandas as pd

from attacks.units import grey_levels
from evaluation import Curve, Estimate, NotRun, alike, same
from evaluation.busy import quiet
from harness.arms import MAIN, Case, Protocol, Role
from harness.links import Link
from harness.results import Arrays, Results
from studies.praxis import arms as praxis

#: The protocol in which an attack is timed.
_TIMED = {"FGSM": Protocol.FAITHFUL, "CW": Protocol.CORRECTED}
#: The links to errors: which top-k error it is, and whether it is the highest of all epsilons.
ERRORS = {
    "top-1 error": (1, False),
    "top-5 error": (5, False),
    "highest top-1 error": (1, True),
    "highest top-5 error": (5, True),
}


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
    def photographs(self) -> Arrays:
        """`pictured`, where no other data set stands in for ImageNet; else raises `NotRun`."""
        if not self.on_imagenet:
            raise NotRun(f"ImageNet's pictures of {self.where}")
        return self.pictured

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

    def left_the_top_5(self, epsilon: float) -> Estimate:
        """How many fewer true classes are in the top 5 than without attack, as a share of those."""
        before, after = (1 - self.error(each, 5).value for each in (0.0, epsilon))
        images = round(before * self.curve.images)
        if not images:
            raise NotRun("an image whose true class is in the top 5")
        return Estimate.share(max(1 - after / before, 0.0), images)


def attacked(results: Results, model: str, protocol: Protocol, attack: str = "FGSM") -> Attacked:
    """One arm of part A; raises `NotRun` without it."""
    case = praxis.CLASSIFIERS[model]
    where = {"case": case, "protocol": protocol, "attack": attack, "variant": MAIN}
    curve, rows = results.curve(**where), results.select(**where)
    pictured = dict(results.pictured.get(rows["arm"].iloc[0], {}))
    for names in pictured.keys() & {"names", "label_names"}:
        pictured[names] = np.char.replace(pictured[names], "_", " ")
    return Attacked(model, protocol, attack, results.label(case), rows, curve, pictured)


def distilled(results: Results, role: str, protocol: Protocol, attack: str) -> Curve:
    """A network of part B attacked through `arms.view`; raises `NotRun` without this arm."""
    where = {"role": role, "protocol": protocol, "view": praxis.view(role, protocol)}
    return results.curve(case=praxis.DISTILLED, attack=attack, **where)


def differences(first: Curve, second: Curve, epsilons: Iterable[float]) -> list[Estimate]:
    """Accuracy on the first curve less that on the second, on the images that both have."""
    first, second = alike(first, second)
    return [Estimate.paired(first.at(epsilon), second.at(epsilon)) for epsilon in epsilons]


def timed(results: Results, case: Case, attack: str) -> pd.Series:
    """The row of the results by which an attack is timed; raises `NotRun` without one.

    Only a quiet machine's times count. FGSM on a classifier has an arm of a single epsilon for
    this. Of part B it is the student's.
    """
    where = {"case": case, "protocol": _TIMED[attack], "attack": attack}
    part_b = case == praxis.DISTILLED
    role = Role.STUDENT if part_b else Role.UNDEFENDED
    variant = praxis.TIMING if attack == "FGSM" and not part_b else MAIN
    rows = results.select(role=role, variant=variant, **where)
    if rows.empty:
        raise NotRun(f"{attack} on {case}, timed")
    return quiet(rows).iloc[-1]


def seconds_per_iteration(row: pd.Series) -> Estimate:
    """Seconds for a batch of 32 images, crafted and classified, without compiling."""
    images = int(row["images"])
    per_image = row["crafting_seconds"] + row["inference_seconds"] / images
    return Estimate(praxis.ITERATION * per_image, images=images)


def measure(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """The number that a link asks for, in the unit that was published."""
    return _measured(results, link, protocol).times(link.factor)


def _measured(results: Results, link: Link, protocol: Protocol) -> Estimate:
    """Shares and confidences as fractions, times in seconds."""
    if link.kind == "clean accuracy":
        return distilled(results, Role.UNDEFENDED, Protocol.FAITHFUL, "FGSM").accuracies[0]
    # Images without attack are those of FGSM's arm.
    case, attack = link.cases[0], link.attacks[0] if link.attacks else "FGSM"
    if link.kind == "seconds per iteration":
        if protocol != _TIMED[attack]:
            raise NotRun(f"{attack}, timed in the protocol {protocol}")
        return seconds_per_iteration(timed(results, case, attack))
    if attack == "CW" and protocol == Protocol.FAITHFUL:
        attack = praxis.STEP
    arm = attacked(results, case.model, protocol, attack)
    if link.kind == "confidence":
        shark, rank = link.index
        place = len(link.attacks), list(praxis.SHARKS).index(shark), rank - 1
        return Estimate(float(arm.photographs["confidences"][place]))
    k, highest = ERRORS[link.kind]
    if highest:
        return max((arm.error(each, k) for each in praxis.EPSILONS), key=attrgetter("value"))
    return arm.error((link.epsilon_grey or 0.0) / grey_levels("standardised"), k)
