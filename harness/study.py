"""A study, and the profiles in which it is run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evaluation import Estimate, Outcomes
from harness.arms import Arm, Case, Protocol, View
from harness.claims import Claim, Run, Standing
from harness.links import Link, read_published
from harness.recipe import Recipe
from harness.results import Compared, Results


@dataclass(frozen=True)
class Scale:
    """How far a profile reduces one model; the defaults reduce nothing.

    Attributes:
        epochs, batch_size, learning_rate: of every training; `None` for the published ones.
        warm_up: epochs after which the learning rate falls along half a cosine; `None` for the
            published schedule, which a tenth of the epochs may leave no time to arrive.
        batch_norm_momentum: see `Recipe`; `None` for the network's own.
        images, validation_images: used in training; `None` for all.
        pretrained: whether ImageNet weights are used where the study did.
        attack_images: test images attacked, by group of attacks; a group left out attacks all.
            Each study has its own groups, see `attacked`.
        images_per_class: see `data.load`.
    """

    upsampling: int
    width: float = 1.0
    epochs: int | None = None
    batch_size: int | None = None
    images: int | None = None
    validation_images: int | None = None
    pretrained: bool = True
    attack_images: Mapping[str, int] = field(default_factory=dict)
    attack_batch_size: int = 128
    images_per_class: int | None = None
    learning_rate: float | None = None
    warm_up: float | None = None
    batch_norm_momentum: float | None = None

    def applied_to(self, recipe: Recipe) -> Recipe:
        """A published recipe with what this scale changes of it."""
        if self.warm_up is not None:
            constant = replace(recipe, decay=0.0, halve_every=0, patience=0)
            recipe = replace(constant, warm_up=self.warm_up, cosine=True)
        return replace(
            recipe,
            epochs=self.epochs or recipe.epochs,
            batch_size=self.batch_size or recipe.batch_size,
            learning_rate=self.learning_rate or recipe.learning_rate,
            batch_norm_momentum=(
                recipe.batch_norm_momentum
                if self.batch_norm_momentum is None
                else self.batch_norm_momentum
            ),
        )

    def attacked(self, group: str, groups: tuple[str, ...] = tuple(Protocol)) -> int | None:
        """Test images that the attacks of one group are given; `None` for all.

        Args:
            groups: those into which the study divides its attacks.

        Raises:
            ValueError: `attack_images` names a group that is none of these.
        """
        for name in self.attack_images:
            if name not in groups:
                raise ValueError(f"attack_images has {name!r}; accepted: {', '.join(groups)}")
        return self.attack_images.get(group)


@dataclass(frozen=True)
class Scope:
    """What a profile runs of one case.

    Attributes:
        roles: of the networks that are attacked.
        views: the outputs attacked.
        left_out: procedures of distillation that the study knows and that are not run.
    """

    roles: tuple[str, ...] = ()
    protocols: tuple[Protocol, ...] = tuple(Protocol)
    views: tuple[View, ...] = tuple(View)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """A size at which a study is run.

    Attributes:
        cost: what to expect, in words.
        datasets: what stands in for each published data set.
        scales: by model, or by whatever else the study names them.
        cases: what is run; cases left out are not.
        restarts: of the corrected attacks that start at random.
        seeds: the runs; everything is done once for each.
        controls: whether the control arms of the claims are run.
    """

    name: str
    cost: str
    datasets: Mapping[str, str]
    scales: Mapping[str, Scale]
    cases: Mapping[Case, Scope]
    restarts: int = 1
    seeds: tuple[int, ...] = (0,)
    controls: bool = True


@dataclass(frozen=True)
class Takeaways:
    """What a run shows: a table of text, and sentences that sum it up."""

    title: str
    table: pd.DataFrame
    sentences: Sequence[str]


@dataclass(frozen=True)
class Bar:
    """One bar of a key figure: a measured share with its interval, or a share as it was printed."""

    label: str
    share: Estimate | float

    @property
    def percent(self) -> str:
        return percent(self.share)


def percent(share: Estimate | float) -> str:
    """A share without its interval, in percent: to a tenth as measured, or as it was printed."""
    if isinstance(share, Estimate):
        return f"{100 * share.value:.1f}"
    return f"{100 * share:.6g}"


@dataclass(frozen=True)
class KeyFinding:
    """What a study comes to, in a sentence and a figure; every number in it is computed.

    Attributes:
        sentence: what was published and what was measured, with its numbers.
        meaning: what follows from it.
        quantity: what the bars are shares of, such as "accuracy on MNIST, FGSM at 0.3".
        bars: from what was published to what is left, downwards.
        folder: of the run behind it.
    """

    sentence: str
    meaning: str
    quantity: str
    bars: Sequence[Bar]
    folder: str


@dataclass(frozen=True)
class Study:
    """A published study: where it is from, what it ran, what it printed and claims.

    Attributes:
        title: one line.
        folder: with `README.md`, which tells what it did and how it is re-run, `published.csv`,
            its printed numbers, and `report.md`, the template of its page.
        arms: all arms of a profile.
        link: ties a row of the published numbers to what measures it.
        measure: the number that a link asks for in a protocol, in the unit that was published;
            raises `evaluation.NotRun` where there is none.
        claims: what it claims, each with its judge.
        contents: what its page shows: the variables of the template, from the results, the
            comparison with the published numbers, and the directory for pictures.
        compared: by protocol, what stands beside the study's own numbers.
        headline: attacks and epsilons, in grey levels, that sum a run up.
        details: arrays that results keep of an arm besides; `None` for nothing.
        takeaways: what a run shows, in a small table and sentences made of its numbers, or `None`
            where what that needs was not run.
        source: where it was published, in one line of Markdown.
        claims_on: by the kind of a published number, see `Link.kind`, the claims that rest on it.
        key_finding: what all runs come to, or `None` where what that needs was not run.
        audit: what measuring showed of each item of the audit that it can speak to, by the item's
            number.
    """

    name: str
    title: str
    folder: Path
    profiles: Mapping[str, Profile]
    arms: Callable[[Profile], list[Arm]]
    link: Callable[[pd.Series], Link]
    measure: Callable[[Results, Link, Protocol], Estimate]
    claims: tuple[Claim, ...]
    contents: Callable[[Results, pd.DataFrame, Path], dict[str, Any]]
    compared: Mapping[str, Compared]
    headline: tuple[tuple[str, float], ...]
    details: Callable[[Arm, Outcomes], dict[str, Any]] | None = None
    takeaways: Callable[[Results], Takeaways | None] = lambda results: None
    source: str = ""
    claims_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    key_finding: Callable[[Sequence[Run]], KeyFinding | None] = lambda runs: None
    audit: Callable[[Sequence[Run]], Mapping[str, str]] = lambda runs: {}

    def profile(self, name: str) -> Profile:
        """The profile called `name`; ValueError for an unknown one."""
        if name not in self.profiles:
            raise ValueError(
                f"profile is {name!r}; accepted for {self.name}: {', '.join(self.profiles)}"
            )
        return self.profiles[name]

    def standing(self, results: Results) -> Standing:
        """How near to the study the run behind some results is."""
        if results.stands_in:
            return Standing.STAND_IN
        return Standing.PUBLISHED if results.run.get("as_published") else Standing.REDUCED

    @property
    def published(self) -> pd.DataFrame:
        """What it printed, as text, one row per number."""
        return read_published(self.folder)
