"""F1 scores and times, as the claims and the report of the WPI study compare them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from attacks import CarliniWagner
from evaluation import Estimate, NotRun, average, mean_macro_f1, same
from evaluation.busy import quiet
from harness.arms import MAIN, Case, Protocol
from harness.results import Arrays, Results, run_by_key, where_run
from studies.wpi.attacks import ATTACKS, EVERY_ATTACK, WITHIN_BUDGET, budget, epsilons, transferred
from studies.wpi.defenses import NONE, SMOOTHED, Defense
from studies.wpi.profiles import PROFILES


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the networks of all seeds take the test images for.

    Attributes:
        labels: int [N].
        predicted: int [seeds, N], -1 where the logits are no numbers.
    """

    labels: np.ndarray
    predicted: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """bool [seeds, N]."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> Estimate:
        return Estimate.accuracy(self.correct)

    @property
    def f1(self) -> Estimate:
        """Macro F1, the mean over seeds."""
        return mean_macro_f1(self.labels, self.predicted)


@dataclass(frozen=True, eq=False)
class Place:
    """What was measured of one data set in one protocol; raises `NotRun` where nothing was."""

    results: Results
    case: Case
    protocol: Protocol

    def __str__(self) -> str:
        return f"{self.data}, {self.protocol}"

    @property
    def data(self) -> str:
        """The data set, with the one it stands in for."""
        return self.results.label(self.case).removeprefix(f"{self.case.model} on ")

    @property
    def attacks(self) -> tuple[str, ...]:
        return ATTACKS if self.protocol == Protocol.FAITHFUL else EVERY_ATTACK

    def by_key(self, make: Callable[[Any], Any], keys: Iterable[Any]) -> dict[Any, Any]:
        """As `run_by_key`, but raises `NotRun` where `make` does for all keys."""
        made = run_by_key(make, keys)
        if not made:
            raise NotRun(f"{self}: every key of {keys}")
        return made

    def rows(self, defense: Defense, variant: str = MAIN, **where: Any) -> pd.DataFrame:
        """The rows of its results, seed by seed; see `Results.select`."""
        where |= {"protocol": self.protocol, "variant": variant, "defense": defense.in_results}
        rows = self.results.select(case=self.case, **where)
        if rows.empty:
            raise NotRun(f"case {self.case}, {where}")
        return rows.sort_values("seed", kind="stable")

    def details(self, defense: Defense, attack: str, variant: str = MAIN) -> Arrays:
        """What is kept of the images of the first seed."""
        return self.results.details[self.rows(defense, variant, attack=attack)["arm"].iloc[0]]

    def clean(self, defense: Defense, variant: str = MAIN) -> Predictions:
        """Without attack."""
        return self._at(0.0, defense, self.rows(defense, variant)["attack"].iloc[0], variant)

    def direct(self, defense: Defense, attack: str, variant: str = MAIN) -> Predictions:
        """At the budget of an attack that is crafted against the defended network."""
        return self._at(self._budget(attack), defense, attack, variant)

    def transferred(self, defense: Defense, attack: str, variant: str = MAIN) -> Predictions:
        """At the budget of an attack that is crafted on the undefended network."""
        return self._at(self._budget(attack), defense, transferred(attack), variant)

    def compared(self, defense: Defense, attack: str) -> Predictions:
        """Every image under the way of crafting that succeeds, where both ways were run."""
        ways = (self.direct, self.transferred)
        every = list(where_run(lambda way: way(defense, attack), ways))
        if not every:
            raise NotRun(f"case {self.case}, {self.protocol}: {defense} under {attack}")
        first, last = every[0], every[-1]
        return Predictions(first.labels, np.where(first.correct, last.predicted, first.predicted))

    def furthest_f1(self) -> dict[str, Estimate]:
        """F1 without defense by attack, at the largest distance that it was run at.

        There attacks are compared with each other: their budgets are of different norms.
        """
        largest = {each: epsilons(self.protocol, self.case.dataset, each)[-1] for each in ATTACKS}
        return {each: self._at(epsilon, NONE, each, MAIN).f1 for each, epsilon in largest.items()}

    def f1(self, defense: Defense, attacks: Sequence[str] = ATTACKS) -> dict[str, Estimate]:
        """What is compared, by attack."""
        return {attack: self.compared(defense, attack).f1 for attack in attacks}

    def mean_f1(self, defense: Defense, attacks: Sequence[str] = ATTACKS) -> Estimate:
        return average(self.f1(defense, attacks).values())

    def gains(self, defense: Defense, attacks: Sequence[str] = ATTACKS) -> dict[str, Estimate]:
        """What a defense adds to the F1 under each attack."""
        plain, defended = self.f1(NONE, attacks), self.f1(defense, attacks)
        return {attack: defended[attack] - plain[attack] for attack in attacks}

    @property
    def steps_of_cw(self) -> str:
        """How long CW searched, and how long it does in the paper profile."""
        here, paper = self._searches
        words = f"CW in {here.search_steps} x {here.steps} steps"
        if here == paper:
            return words
        return f"{words}, {paper.search_steps} x {paper.steps} in the paper profile"

    @property
    def search_of_cw(self) -> str:
        """How long CW searched, and what that means where it is shorter than in the paper."""
        here, paper = self._searches
        if here == paper:
            return self.steps_of_cw
        return (
            f"{self.steps_of_cw}; a longer search would lower its F1 and take longer, which is "
            "allowed for"
        )

    def with_search(self, number: Estimate, then: Estimate) -> Estimate:
        """A number whose interval reaches to what a longer search of CW could make of it.

        After a short search only what a longer one would strengthen is decided.

        Args:
            then: the number if the search went on without end.
        """
        here, paper = self._searches
        if here == paper:
            return number
        low, high = min(number.low, then.low), max(number.high, then.high)
        return replace(number, low=low, high=high)

    def inference_seconds(self, defense: Defense) -> float:
        """Per image, the median over every arm of the defended network; see `quiet`."""
        rows = self.rows(defense)
        rows = quiet(rows[rows["epsilon"] > 0]).drop_duplicates("arm")
        return float((rows["inference_seconds"] / rows["images"]).median())

    def crafting_seconds(self, defense: Defense, attack: str) -> float:
        """Per image and epsilon, the median over seeds; see `quiet`.

        The faithful blur's attacks are crafted on the plain network.
        """
        on_plain = self.protocol == Protocol.FAITHFUL and defense == SMOOTHED
        rows = self.rows(defense, attack=transferred(attack) if on_plain else attack)
        attacked = quiet(rows[rows["epsilon"] > 0]).groupby("arm")
        seconds = attacked["crafting_seconds"].first()
        if attack in WITHIN_BUDGET:  # the others run once for all epsilons
            seconds /= attacked.size()
        return float(seconds.median())

    @property
    def _searches(self) -> tuple[CarliniWagner, CarliniWagner]:
        """CW of this run, and of the paper profile."""
        here, paper = (PROFILES[name].cw for name in (self.results.run["profile"], "paper"))
        return here[self.protocol], paper[self.protocol]

    def _budget(self, attack: str) -> float:
        return budget(self.protocol, self.case.dataset, attack)

    def _at(self, epsilon: float, defense: Defense, attack: str, variant: str) -> Predictions:
        predicted = []
        for arm, rows in self.rows(defense, variant, attack=attack).groupby("arm", sort=False):
            (row,) = np.flatnonzero(same(rows["epsilon"], epsilon))
            predicted.append(self.results.details[arm]["predictions"][row])
        return Predictions(self.results.details[arm]["labels"], np.stack(predicted))
