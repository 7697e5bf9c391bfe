"""What attacks leave of the user's own model, on one screen."""

from collections.abc import Iterator, Sequence

import numpy as np
from rich import box
from rich.table import Column

from evaluation import Estimate, Robustness
from evaluation.measured_arm import MeasuredArm
from evaluation.own_attacks import OwnAttacks
from evaluation.robustness_sentences import NORMS, distance
from reports.fitting_table import FittingTable

#: What the columns of `attack_table` are about.
ATTACK_NOTE = "fooled: images that were right and that the attack turned; the means are theirs"
ROBUSTNESS_NOTE = "alone: images that no other attack broke, of those that all attacked"


def attack_table(attacked: OwnAttacks) -> FittingTable:
    """The accuracy without attack, and under every attack within every epsilon.

    Distances have the units of their norm, see `evaluation.robustness_sentences.distance`.
    """
    arms = attacked.arms
    norms = list(dict.fromkeys(arm.attack.norm for arm in arms))
    within = f"within\n({NORMS[norms[0]]})" if len(norms) == 1 else "within"
    rows = [
        (
            "none",
            "" if len(arms) > 1 else "clean",
            Estimate.accuracy(arms[0].outcomes.clean_correct),
            {},
        )
    ]
    rows += [(arm.name, *row) for arm in arms for row in _rows(arm, norms)]
    for worst in attacked.worst_cases:
        shown = _within(worst.norm, worst.epsilon, norms)
        rows.append((f"worst of {len(worst.attacks)}", shown, worst.accuracy, {}))
    columns = {"attack": [name for name, *_ in rows]} if len(arms) > 1 else {}
    columns[within] = [each for _, each, *_ in rows]
    if len({estimate.images for *_, estimate, _ in rows}) > 1:
        columns["images"] = [f"{estimate.images:,}" for *_, estimate, _ in rows]
    columns["accuracy, %"] = [estimate.percent() for *_, estimate, _ in rows]
    for head in dict.fromkeys(head for *_, cells in rows for head in cells):
        columns[head] = [cells.get(head, "") for *_, cells in rows]
    return _table(columns)


def robustness_table(robustness: Robustness) -> FittingTable:
    """What every attack leaves, and all of them together."""
    norm = robustness.norm
    rows = [("none", "", robustness.clean, "", "")]
    for arm in robustness.arms:
        epsilon = float(arm.outcomes.epsilons[arm.nearest(robustness.epsilon)])
        alone = str(robustness.broken_alone.get(arm.name, ""))
        within = distance(norm, epsilon)
        rows.append((arm.name, within, arm.curve[epsilon], alone, f"{arm.seconds:.1f}"))
    rows.append(("all of them", distance(norm, robustness.epsilon), robustness.worst_case, "", ""))
    names, within, estimates, alone, seconds = map(list, zip(*rows))
    return _table(
        {
            "attack": names,
            f"within\n({NORMS[norm]})": within,
            "images": [f"{each.images:,}" for each in estimates],
            "accuracy, %": [each.percent() for each in estimates],
            "alone": alone,
            "seconds": seconds,
        }
    )


def log_lines(arms: Sequence[MeasuredArm]) -> Iterator[str]:
    """What each attack of an ensemble left, in the lines that AutoAttack is known by."""
    for arm in arms:
        for epsilon, log in zip(arm.outcomes.epsilons, arm.outcomes.logs):
            budget = f"{NORMS[arm.attack.norm]} {distance(arm.attack.norm, float(epsilon))}"
            yield f"{arm.name} within {budget}:"
            yield from (f"  {line}" for line in log.lines)


def _table(columns: dict[str, list[str]]) -> FittingTable:
    """A table of text by its heads; the first column is to the left, as names are."""
    table = FittingTable(
        *(
            Column(head, no_wrap=True, justify="left" if number == 0 else "right")
            for number, head in enumerate(columns)
        ),
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _rows(arm: MeasuredArm, norms: list[str]) -> Iterator[tuple[str, Estimate, dict[str, str]]]:
    """For every epsilon, how it is written, what is left, and the further cells by their heads."""
    for number, epsilon in enumerate(map(float, arm.outcomes.epsilons)):
        yield (
            _within(arm.attack.norm, epsilon, norms),
            Estimate.accuracy(arm.outcomes.correct[number]),
            _further(arm, number),
        )


def _within(norm: str, epsilon: float, norms: list[str]) -> str:
    """An epsilon, with its norm where the attacks of a table have several."""
    shown = distance(norm, epsilon)
    return shown if len(norms) == 1 else f"{NORMS[norm]} {shown}"


def _further(arm: MeasuredArm, number: int) -> dict[str, str]:
    """What else is said of an arm at one epsilon; distances are those of the fooled images."""
    row = arm.outcomes.table().iloc[1 + number]
    cells = {"rounded\nto 8 bits": f"{100 * row['rounded_accuracy']:.1f}"}
    if arm.outcomes.targets is not None:
        cells["target\nreached"] = f"{100 * row['target_rate']:.1f}"
    cells["fooled"] = f"{row['fooled']:.0f}"
    for norm in ("l0", "l2") if arm.attack.norm == "l0" else ("linf", "l2"):
        mean = row[f"fooled_mean_{norm}"]
        cells[f"mean\n{NORMS[norm]}"] = "" if np.isnan(mean) else distance(norm, mean)
    return cells
