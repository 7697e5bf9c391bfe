"""What makes an accuracy less than it seems, worked out from what was measured beside it.

Every way in which an evaluation fools itself has a paragraph in `flags.md`: when it is flagged,
what that means, what to do. A *warning* says that a number cannot be trusted, a *note* informs.
Flags are worked out whenever results are shown, and are not stored themselves. A measurement that
is not there is said to be missing, which is no good news.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from attacks import APGD, FGSM, JSMA, AutoAttack, MinimumNormAttack, PixelSwap, Square
from attacks.pgd import ProjectedSteps
from evaluation.estimates import Estimate

#: A row of `Outcomes.table`, with the columns that `harness.collect` adds.
Row = Mapping[str, Any]


class Level(StrEnum):
    WARNING = "warning"
    NOTE = "note"


class Kind(StrEnum):
    """What an attack does, as far as attacks are compared by it."""

    SINGLE_STEP = "single step"
    ITERATED = "iterated"
    BLACK_BOX = "black box"
    TRANSFERRED = "transferred"
    MINIMUM_NORM = "minimum norm"
    OTHER = "other"


def kind_of(attack: Any) -> Kind:
    """The kind of an attack of this package; anything else is another."""
    kinds: dict[Kind, tuple[type, ...]] = {
        Kind.SINGLE_STEP: (FGSM,),
        Kind.ITERATED: (ProjectedSteps, APGD, AutoAttack),
        Kind.BLACK_BOX: (Square, PixelSwap),
        Kind.OTHER: (JSMA,),  # a search, but its gamma bounds it at any epsilon
        Kind.MINIMUM_NORM: (MinimumNormAttack,),
    }
    return next((kind for kind, types in kinds.items() if isinstance(attack, types)), Kind.OTHER)


@dataclass(frozen=True)
class Flag:
    """One thing that is wrong with a row.

    Attributes:
        name: the heading of its paragraph in `flags.md`.
        text: what is wrong, with the numbers of the row.
        size: the larger, the worse, among flags of one name.
    """

    name: str
    level: Level
    text: str
    size: float = 1.0


@dataclass(frozen=True)
class Diagnostic:
    """A way in which an evaluation fools itself, seen in one row.

    Attributes:
        needs: the columns it looks at.
        concerns: which rows of a table it can say something about, bool.
        look: the flag of a row, or `None`.
    """

    name: str
    needs: tuple[str, ...]
    concerns: Callable[[pd.DataFrame], pd.Series]
    look: Callable[[Row], Flag | None]


def every_row(table: pd.DataFrame) -> pd.Series:
    return table["epsilon"] >= 0


def attacked(table: pd.DataFrame) -> pd.Series:
    return table["epsilon"] > 0


def climbing(table: pd.DataFrame) -> pd.Series:
    return attacked(table) & table["climbs"].notna()


def iterated(table: pd.DataFrame) -> pd.Series:
    return attacked(table) & (table["kind"] == Kind.ITERATED)


def searching(table: pd.DataFrame) -> pd.Series:
    return attacked(table) & table["kind"].isin((Kind.ITERATED, Kind.MINIMUM_NORM))


def share(
    name: str,
    column: str,
    says: str,
    concerns: Callable[[pd.DataFrame], pd.Series],
    warns_above: float = 1.0,
) -> Diagnostic:
    """What should be seen on none of the images.

    Args:
        column: the share of images that it is seen on.
        says: what is wrong, with a place for the share.
        warns_above: the share above which it is a warning; never by default.
    """

    def look(row: Row) -> Flag | None:
        if not row[column] > 0:
            return None
        level = Level.WARNING if row[column] > warns_above else Level.NOTE
        return Flag(name, level, says.format(_percent(row[column])), row[column])

    return Diagnostic(name, (column,), concerns, look)


def _random_at_inference(row: Row) -> Flag | None:
    if not row["spread"] > 0:
        return None
    text = f"random at inference: two passes differ by up to {row['spread']:.2g} in a logit, "
    text += f"{_percent(row['random'])} of the predictions change"
    return Flag("random at inference", Level.WARNING, text, row["spread"])


#: A network that has learned nothing: no claim is judged on it.
AT_CHANCE = "accuracy at chance"


def _at_chance(row: Row) -> Flag | None:
    if row["epsilon"] > 0 or row["ci_low"] > 1 / row["classes"]:
        return None
    text = f"right on {_percent(row['accuracy'])} without attack, no better than guessing"
    return Flag(AT_CHANCE, Level.WARNING, text, 1 - row["accuracy"])


def _steps_too_short(row: Row) -> Flag | None:
    if not row["reach"] < row["epsilon"] * (1 - 1e-6):
        return None
    text = f"all steps together reach {row['reach'] / row['epsilon']:.0%} of epsilon"
    return Flag("steps too short", Level.WARNING, text, -row["reach"])


#: An accuracy that rounding raises by more is not that of the pictures.
ROUNDING = 0.05


def _restored_by_rounding(row: Row) -> Flag | None:
    gain = row["rounded_accuracy"] - row["accuracy"]
    if not gain > ROUNDING:
        return None
    is_search = row["kind"] == Kind.MINIMUM_NORM or row["epsilon"] == np.inf
    level = Level.NOTE if is_search else Level.WARNING
    text = f"accuracy {100 * gain:.0f} points higher once the images are rounded to 8 bits"
    return Flag("restored by rounding", level, text, gain)


#: The share of images that an attack without a bound may leave: it could turn every one.
LEFT = 0.01


def _unbounded_falls_short(row: Row) -> Flag | None:
    # Within half the range in L-inf lies a gray image, the same for every image; within the
    # diameter of the box lies every image.
    unbounded = 0.5 if row["norm"] == "linf" else row.get("diameter", np.inf)
    if not (row["epsilon"] >= unbounded and row["ci_low"] > LEFT):
        return None
    text = f"without a bound, the attack still leaves {_percent(row['accuracy'])} of the images"
    return Flag("unbounded attack falls short", Level.WARNING, text, row["accuracy"])


DIAGNOSTICS = (
    share("logits not finite", "not_finite", "logits not finite on {} of the images", every_row, 0),
    Diagnostic("random at inference", ("spread", "random"), every_row, _random_at_inference),
    Diagnostic(AT_CHANCE, ("classes",), every_row, _at_chance),
    share("zero gradient", "zero_gradient", "zero gradient on {} of the images", climbing, 0.05),
    share(
        "gradient not finite",
        "gradient_not_finite",
        "gradient not finite on {} of the images",
        climbing,
        warns_above=0,
    ),
    share(
        "gradient not resolved",
        "gradient_unresolved",
        "gradient lost in the rounding of probabilities on {} of the images",
        climbing,
    ),
    share(
        "unstable gradient",
        "gradient_unstable",
        "loss not rising as its gradient promises on {} of the images",
        climbing,
        warns_above=0.1,
    ),
    share(
        "rounded inputs",
        "quantised",
        "inputs rounded, seen on {} of the images",
        attacked,
        warns_above=0.5,
    ),
    Diagnostic("steps too short", ("reach",), attacked, _steps_too_short),
    share(
        "loss not rising",
        "not_rising",
        "loss not raised on {} of the images, which stay right",
        iterated,
        warns_above=0.05,
    ),
    share(
        "loss still rising",
        "still_rising",
        "loss still rising at the last step on {} of the images, which stay right",
        iterated,
        warns_above=0.1,
    ),
    share(
        "success lost on the way",
        "silent",
        "turned on the way, but not at its end: {} of the images",
        iterated,
        warns_above=0.05,
    ),
    share("outside [0, 1]", "out_of_range", "{} of the images leave [0, 1]", attacked, 0),
    share(
        "undone by rounding", "rounds_away", "rounding to 8 bits undoes {} of the images", attacked
    ),
    Diagnostic("restored by rounding", ("rounded_accuracy",), attacked, _restored_by_rounding),
    Diagnostic("unbounded attack falls short", ("norm",), searching, _unbounded_falls_short),
)
#: Those that concern every accuracy of a network, without attack as well.
_OF_NETWORKS = ("logits not finite", "random at inference", AT_CHANCE)
#: What an iterated attack should be no weaker than, with the name of the flag.
WEAKER_THAN = {
    Kind.SINGLE_STEP: "weaker than a single step",
    Kind.BLACK_BOX: "weaker than a black box",
    Kind.TRANSFERRED: "weaker than a transferred attack",
}
LESS_SUCCESS = "more epsilon, less success"
#: Every name that a flag can have.
NAMES = (*(each.name for each in DIAGNOSTICS), *WEAKER_THAN.values(), LESS_SUCCESS)


def flags(
    table: pd.DataFrame, correct: Mapping[str, np.ndarray], place: Sequence[str]
) -> dict[int, list[Flag]]:
    """The flags of every row that has one, by its index.

    Args:
        table: rows of `Outcomes.table`, of many arms, with the columns "arm", "attack", "kind",
            "climbs", "norm", "reach" and those of `place`, and "diameter", that of the box of
            images, if an epsilon may be as large.
        correct: by arm, bool [1 + E, images], in the order of its rows.
        place: the columns by which arms are the same but for their attack.
    """
    flagged: dict[int, list[Flag]] = {}
    for index, flag in (*_of_rows(table), *_of_pairs(table, correct, list(place))):
        flagged.setdefault(index, []).append(flag)
    return flagged


def not_recorded(table: pd.DataFrame) -> dict[str, int]:
    """How many rows lack a measurement that concerns them, by the name of its flag."""
    missing = {}
    for each in DIAGNOSTICS:
        rows = table[each.concerns(table)]
        count = int(rows.reindex(columns=each.needs).isna().any(axis=1).sum())
        if count:
            missing[each.name] = count
    return missing


def untrusted(table: pd.DataFrame, names: Collection[str] = _OF_NETWORKS) -> pd.Series:
    """Which rows are of a network of which no accuracy can be trusted (bool).

    Args:
        names: of the flags that say so.
    """
    bad = [index for index, flag in _of_rows(table) if flag.name in names]
    return pd.Series(table.index.isin(bad), table.index)


def warnings(table: pd.DataFrame, network: Sequence[str]) -> list[str]:
    """A sentence for everything that forbids trusting a network's accuracies, at its worst.

    Args:
        network: the columns that name a network.
    """
    worst: dict[tuple[str, ...], Flag] = {}
    for index, flag in _of_rows(table):
        if flag.name in _OF_NETWORKS:
            key = (", ".join(table.loc[index, list(network)]), flag.name)
            if key not in worst or flag.size > worst[key].size:
                worst[key] = flag
    return [f"{name}: {flag.text}" for (name, _), flag in worst.items()]


def _of_rows(table: pd.DataFrame) -> Iterator[tuple[int, Flag]]:
    for each in DIAGNOSTICS:
        if set(each.needs) <= set(table):
            rows = table[each.concerns(table)].dropna(subset=list(each.needs))
            for index, row in zip(rows.index, rows.to_dict("records"), strict=True):
                flag = each.look(row)
                if flag is not None:
                    yield index, flag


def _of_pairs(
    table: pd.DataFrame, correct: Mapping[str, np.ndarray], place: list[str]
) -> Iterator[tuple[int, Flag]]:
    """What only a comparison shows: of attacks with each other, of epsilons with each other."""
    rows = table.assign(at=table.groupby("arm").cumcount())[attacked(table)]
    for _, here in rows.groupby(place, sort=False):
        for arm, own in here[here["kind"] == Kind.ITERATED].groupby("arm", sort=False):
            for kind, name in WEAKER_THAN.items():
                for _, other in here[here["kind"] == kind].groupby("arm", sort=False):
                    yield from _weaker(own, other, correct, name)
            yield from _falling_success(own, correct[arm])


def _weaker(
    own: pd.DataFrame, other: pd.DataFrame, correct: Mapping[str, np.ndarray], name: str
) -> Iterator[tuple[int, Flag]]:
    """Where an attack leaves more of the images that both attack right than another one does."""
    for index, row in own.iterrows():
        for rival in other[np.isclose(other["epsilon"], row["epsilon"])].itertuples():
            if rival.norm != row["norm"]:
                continue
            left, least = correct[row["arm"]][row["at"]], correct[rival.arm][rival.at]
            images = min(len(left), len(least))  # the first ones
            more = Estimate.paired(left[:images], least[:images])
            if more.low > 0:
                text = f"leaves {more.points()} points more than {rival.attack}"
                yield index, Flag(name, Level.WARNING, text, more.value)


def _falling_success(own: pd.DataFrame, correct: np.ndarray) -> Iterator[tuple[int, Flag]]:
    steps = list(pairwise(own.sort_values("epsilon")[["at", "epsilon"]].itertuples()))
    for smaller, larger in steps:
        confidence = 1 - 0.05 / len(steps)  # of several steps, by Bonferroni
        more = Estimate.paired(correct[larger.at], correct[smaller.at], confidence)
        if more.low > 0:
            text = f"leaves {more.points()} points more than at the epsilon before"
            yield larger.Index, Flag(LESS_SUCCESS, Level.WARNING, text, more.value)


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < 0.01 else f"{share:.0%}"
