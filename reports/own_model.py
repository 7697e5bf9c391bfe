"""A robustness evaluation of the user's own model: a table, and what speaks against it."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Column, Table

import defenses  # noqa: F401  (its layers, so that checkpoints that hold them can be loaded)
from attacks import BudgetAttack, MinimumNormAttack
from data import Dataset
from evaluation import Outcomes, evaluate
from evaluation.own_model import made_ready


@dataclass(frozen=True)
class Evaluation:
    """What happened to every image, the table of it, and the sentences below the table."""

    outcomes: Outcomes
    table: Table
    sentences: list[str]


def evaluate_own_model(
    model,
    dataset: Dataset,
    attack: BudgetAttack | MinimumNormAttack,
    epsilons: Sequence[float] | None = None,
    *,
    images: int = 200,
    target: int | None = None,
    pixel_range: str = "0-1",
    softmax: str = "refuse",
    predicted_labels: bool = False,
    progress: Callable[[int, int], None] | None = None,
    jit_compile: bool = False,
) -> Evaluation:
    """Attacks a model on the first test images of a data set.

    Args:
        model: a Keras model with one input and one output.
        epsilons: distances in [0, 1] pixels; default: 8/255, and for a minimum-norm attack any.
        images: how many test images are attacked.
        target: a class that the attack is to reach; its own images are left out.
        pixel_range, softmax: see `evaluation.own_model.made_ready`.
        predicted_labels: the attack moves away from the predictions, not the true labels.
        progress: called with (images done, images in all).

    Raises:
        ValueError: the model does not go with the data or the options, or as the attack.
    """
    if images < 1:
        raise ValueError(f"--images is {images}; accepted: 1 or more")
    if not epsilons:
        epsilons = [math.inf if isinstance(attack, MinimumNormAttack) else 8 / 255]
    own = made_ready(model, dataset, pixel_range=pixel_range, softmax=softmax)
    x, y = dataset.x_test[:images], dataset.y_test[:images]
    if target is not None:
        x, y = x[y != target], y[y != target]
    if not len(x):
        raise ValueError(f"--target is {target}, the class of all --images; accepted: more")
    with warnings.catch_warnings():
        # Said below the table, with the share of images that it concerns.
        warnings.filterwarnings("ignore", "model is random at inference", RuntimeWarning)
        outcomes = evaluate(
            own.seen,
            x,
            y,
            attack,
            epsilons,
            predicted_labels=predicted_labels,
            targets=None if target is None else np.full(len(y), target),
            progress=progress,
            jit_compile=jit_compile,
        )
    clean, *attacked = outcomes.table().to_dict("records")
    sentences = [*own.notes, *dataset.notes, *_findings(clean, attacked, attack)]
    if pixel_range == "0-1" and clean["ci_low"] <= 1 / own.classes:
        sentences.append(
            "The clean accuracy cannot be told from guessing. If the model takes grey levels, "
            "say --range 0-255."
        )
    return Evaluation(outcomes, _table(clean, attacked, attack, target is not None), sentences)


def _table(clean: dict, attacked: list[dict], attack, targeted: bool) -> Table:
    table = Table(
        "epsilon",
        "0-255",
        "accuracy",
        Column("95 % interval", no_wrap=True),
        "rounded to 8 bits",
        *(["target reached"] if targeted else []),
        "fooled",
        "mean L-inf",
        "mean L2",
        title=escape(f"{attack}"),
        caption="fooled: images that were right and that the attack turned; the means are theirs",
        box=box.SIMPLE_HEAD,  # narrow, for 80 columns
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_row("clean", "", *_accuracy(clean))
    for row in attacked:
        bounded = math.isfinite(row["epsilon"])
        table.add_row(
            f"{row['epsilon']:.5f}" if bounded else "any",
            f"{255 * row['epsilon']:.2f}" if bounded else "",
            *_accuracy(row),
            f"{row['rounded_accuracy']:.1%}",
            *([f"{row['target_rate']:.1%}"] if targeted else []),
            f"{row['fooled']:.0f}",
            *_distances(row),
        )
    return table


def _accuracy(row: dict) -> tuple[str, str]:
    return f"{row['accuracy']:.1%}", f"{100 * row['ci_low']:.1f} to {row['ci_high']:.1%}"


def _distances(row: dict) -> tuple[str, str]:
    if not row["fooled"]:
        return "", ""
    return f"{row['fooled_mean_linf']:.5f}", f"{row['fooled_mean_l2']:.4f}"


def _findings(clean: dict, attacked: list[dict], attack) -> Iterator[str]:
    """What was measured beside the accuracies and speaks against them, one sentence each."""
    first = attacked[0]
    not_finite = max(row["not_finite"] for row in attacked)
    if clean["not_finite"] or not_finite:
        yield (
            f"The logits are not finite on {clean['not_finite']:.1%} of the clean images and "
            f"{not_finite:.1%} of the adversarial ones: these count neither as right nor as fooled."
        )
    if first["spread"] > 0:
        yield (
            f"The network is random at inference: two passes differ by up to {first['spread']:.2g} "
            f"in a logit, and in the prediction for {first['random']:.1%} of the images; the "
            "accuracies are of one draw."
        )
    if first["gradient_not_finite"] > 0:  # NaN where the attack climbs nothing
        yield (
            f"The gradient is not finite on {first['gradient_not_finite']:.1%} of the images. "
            "Infinite slopes were followed as the steepest finite ones; compare --attack square."
        )
    if first["zero_gradient"] > 0:
        yield (
            f"The gradient is exactly zero on {first['zero_gradient']:.1%} of the images: what "
            f"survives there may be masked, not robust. Try {_way_around_zero(attack)}."
        )
    within = any(math.isfinite(row["epsilon"]) for row in attacked)
    if within and isinstance(attack, MinimumNormAttack):
        yield (
            f"{type(attack).__name__} searches once for the smallest distance of each image: its "
            "accuracy at an epsilon is the share of images whose distance is larger, and an attack "
            "made for that epsilon may break more."
        )


def _way_around_zero(attack) -> str:
    if attack.climbs != "cross-entropy":  # the other losses do not saturate
        return "--attack square"
    if attack.temperature == 1:
        return "--temperature 100"
    return "--attack apgd --option loss=dlr, or --attack square"
