"""A robustness evaluation of the user's own model on one screen."""

import math

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Column, Table

from attacks import Attack
from evaluation import Estimate, Outcomes, Robustness
from evaluation.robustness_sentences import NORMS, distance


def accuracy_table(outcomes: Outcomes, attack: Attack, targeted: bool) -> Table:
    """The accuracy without attack and at every epsilon.

    Args:
        targeted: whether the attack was to reach a class.
    """
    clean, *attacked = outcomes.table().to_dict("records")
    counts_values = attack.norm == "l0"
    table = Table(
        "epsilon",
        "0-255",
        "accuracy",
        Column("95 % interval", no_wrap=True),
        "rounded to 8 bits",
        *(["target reached"] if targeted else []),
        "fooled",
        "mean L0" if counts_values else "mean L-inf",
        "mean L2",
        title=escape(f"{attack}"),
        caption="fooled: images that were right and that the attack turned; the means are theirs",
        box=box.SIMPLE_HEAD,  # narrow, for 80 columns
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_row("clean", "", *_accuracy(clean))
    for index, row in enumerate(attacked):
        table.add_row(
            *_epsilon(row["epsilon"], counts_values),
            *_accuracy(row),
            f"{row['rounded_accuracy']:.1%}",
            *([f"{row['target_rate']:.1%}"] if targeted else []),
            f"{row['fooled']:.0f}",
            *_distances(row, outcomes.l0[index, outcomes.fooled[index]] if counts_values else None),
        )
    return table


def _epsilon(epsilon: float, counts_values: bool) -> tuple[str, str]:
    """As it is, and in grey levels."""
    if not math.isfinite(epsilon):
        return "any", ""
    if counts_values:
        return f"{epsilon:g}", ""
    return f"{epsilon:.5f}", f"{255 * epsilon:.2f}"


def robustness_table(robustness: Robustness) -> Table:
    """What every attack leaves, and all of them together."""
    table = Table(
        Column("attack", no_wrap=True),
        f"within ({NORMS[robustness.norm]})",
        Column("images", justify="right"),
        "accuracy",
        Column("95 % interval", no_wrap=True),
        Column("alone", justify="right"),
        Column("seconds", justify="right"),
        caption="alone: images that no other attack broke, of those that all attacked",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_row("none", "", *_shares(robustness.clean))
    for arm in robustness.arms:
        epsilon = float(arm.outcomes.epsilons[arm.nearest(robustness.epsilon)])
        table.add_row(
            arm.name,
            distance(robustness.norm, epsilon),
            *_shares(arm.curve[epsilon]),
            str(robustness.broken_alone.get(arm.name, "")),
            f"{arm.seconds:.1f}",
        )
    within = distance(robustness.norm, robustness.epsilon)
    table.add_row("all of them", within, *_shares(robustness.worst_case), style="bold")
    return table


def _shares(estimate: Estimate) -> tuple[str, str, str]:
    interval = f"{100 * estimate.low:.1f} to {estimate.high:.1%}"
    return f"{estimate.images:,}", f"{estimate.value:.1%}", interval


def _accuracy(row: dict) -> tuple[str, str]:
    return f"{row['accuracy']:.1%}", f"{100 * row['ci_low']:.1f} to {row['ci_high']:.1%}"


def _distances(row: dict, changed_values: np.ndarray | None) -> tuple[str, str]:
    """Means over the images that were fooled; in L0 of how many values changed (int [fooled])."""
    if not row["fooled"]:
        return "", ""
    first = f"{row['fooled_mean_linf']:.5f}"
    if changed_values is not None:
        first = f"{changed_values.mean():.1f}"
    return first, f"{row['fooled_mean_l2']:.4f}"
