"""One network under one attack, measured, and the flags of such arms together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from attacks import Attack, BudgetAttack
from attacks.engine.norms import ROUNDING, diameter
from evaluation.diagnostics import (
    DIAGNOSTICS,
    LESS_SUCCESS,
    NAMES,
    WEAKER_THAN,
    Flag,
    Kind,
    flags,
    kind_of,
)
from evaluation.estimates import Estimate
from evaluation.outcomes import Outcomes

#: The columns of a table that are written as JSON.
_SHOWN = ["epsilon", "correct", "accuracy", "ci_low", "ci_high", "rounded_accuracy"]
_SHOWN += ["fooled", "fooled_mean_l0", "fooled_mean_l2", "fooled_median_l2", "fooled_mean_linf"]
_SHOWN += ["target_rate", "gradient_evaluations"]


@dataclass(frozen=True, eq=False)
class MeasuredArm:
    """One network under one attack over some epsilons.

    Attributes:
        name: of the attack, unlike that of any other arm of the network.
        attack: with its settings.
        outcomes: of every image at every epsilon.
        seconds: of the whole measurement, with what was looked at beside the attack.
        is_check: run for the sake of the flags, on few images.
        notes: what the attack warned of.
    """

    name: str
    attack: Attack
    outcomes: Outcomes
    seconds: float = float("nan")
    is_check: bool = False
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        return len(self.outcomes.labels)

    @property
    def correct(self) -> np.ndarray:
        """bool [1 + E, N], without attack first."""
        return np.vstack([self.outcomes.clean_correct, self.outcomes.correct])

    @property
    def curve(self) -> dict[float, Estimate]:
        """The accuracy at every finite epsilon, at 0 without attack."""
        epsilons = (0.0, *map(float, self.outcomes.epsilons))
        accuracies = zip(epsilons, map(Estimate.accuracy, self.correct), strict=True)
        return {epsilon: each for epsilon, each in accuracies if np.isfinite(epsilon)}

    def table(self) -> pd.DataFrame:
        """That of the outcomes, with the columns that `diagnostics.flags` asks for."""
        table, attack = self.outcomes.table(), self.attack
        return table.assign(
            arm=self.name,
            attack=self.name,
            kind=kind_of(attack),
            climbs=attack.climbs,
            norm=attack.norm,
            reach=[_reach(attack, each) for each in table["epsilon"]],
            diameter=diameter(attack.norm, self.outcomes.example_images.shape[1:]),
        )

    def within(self, epsilon: float) -> np.ndarray:
        """Which images stay right at every epsilon of the arm up to this one, bool [N]."""
        left = self.outcomes.correct[self._up_to(epsilon)].all(axis=0)
        return left & self.outcomes.clean_correct

    def attacks_within(self, epsilon: float) -> bool:
        """Whether the arm has an epsilon up to this one."""
        return bool(self._up_to(epsilon).any())

    def nearest(self, epsilon: float) -> int:
        """Which of its epsilons is nearest to this one."""
        return int(np.argmin(np.abs(self.outcomes.epsilons - epsilon)))

    def to_dict(self) -> dict[str, Any]:
        """Its settings and its numbers at every epsilon, for JSON."""
        table = self.table()
        return {
            "name": self.name,
            "settings": str(self.attack),
            "norm": self.attack.norm,
            "images": self.images,
            "seconds": self.seconds,
            "is_check": self.is_check,
            "notes": list(self.notes),
            "epsilons": [
                {name: _number(value) for name, value in row.items()}
                for row in table[table.columns.intersection(_SHOWN)].to_dict("records")
            ],
            **self._logs(),
        }

    def _logs(self) -> dict[str, Any]:
        """Of an ensemble, what each of its attacks did at each epsilon."""
        epsilons = map(float, self.outcomes.epsilons)
        logs = [
            {
                "epsilon": epsilon,
                "initial_accuracy": log.accuracies[0],
                "attacks": [
                    {"name": name, "broken": int(broken), "accuracy": left, "seconds": seconds}
                    for name, broken, left, seconds in zip(
                        log.attacks, log.broken, log.accuracies[1:], log.seconds, strict=True
                    )
                ],
                "broken_by": log.broken_by.tolist(),
            }
            for epsilon, log in zip(epsilons, self.outcomes.logs)
        ]
        return {"log": logs} if logs else {}

    def _up_to(self, epsilon: float) -> np.ndarray:
        return self.outcomes.epsilons <= epsilon * (1 + ROUNDING)


@dataclass(frozen=True)
class Raised:
    """A flag, and the row that carries it."""

    flag: Flag
    arm: str
    epsilon: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.flag.name,
            "level": str(self.flag.level),
            "attack": self.arm,
            "epsilon": _number(self.epsilon),
            "text": self.flag.text,
        }


def raised(arms: Sequence[MeasuredArm]) -> list[Raised]:
    """The flags of all arms of one network, those between the arms among them."""
    table = pd.concat([arm.table() for arm in arms], ignore_index=True).assign(network="")
    marked = flags(table, {arm.name: arm.correct for arm in arms}, ["network"])
    return [
        Raised(flag, table["arm"][index], float(table["epsilon"][index]))
        for index in sorted(marked)
        for flag in marked[index]
    ]


def worst(every: Sequence[Raised]) -> list[Raised]:
    """The worst flag of every name, in the order of `diagnostics.NAMES`."""
    by_name: dict[str, Raised] = {}
    for each in every:
        name = each.flag.name
        if name not in by_name or each.flag.size > by_name[name].flag.size:
            by_name[name] = each
    return [by_name[name] for name in NAMES if name in by_name]


def checks(arms: Sequence[MeasuredArm]) -> list[str]:
    """The names of the flags that these arms could have raised."""
    table = pd.concat([arm.table() for arm in arms], ignore_index=True)
    made = [
        each.name
        for each in DIAGNOSTICS
        if set(each.needs) <= set(table)
        and bool(table[each.concerns(table)][list(each.needs)].notna().all(axis=1).any())
    ]
    kinds = set(table["kind"])
    if Kind.ITERATED in kinds:
        made += [name for kind, name in WEAKER_THAN.items() if kind in kinds]
        iterated = [arm for arm in arms if kind_of(arm.attack) == Kind.ITERATED]
        made += [LESS_SUCCESS] * any(len(arm.outcomes.epsilons) > 1 for arm in iterated)
    return made


def _reach(attack: Attack, epsilon: float) -> float:
    """How far all steps of an attack together may lead."""
    return attack.reach(epsilon) if isinstance(attack, BudgetAttack) else epsilon


def _number(value: float) -> float | None:
    """JSON has no infinity, and nothing for what is not a number."""
    return float(value) if np.isfinite(value) else None
