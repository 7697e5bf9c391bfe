"""What the report of the ICBAI study shows, beside what every report does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import data
from evaluation import wilson
from harness.links import Link
from harness.results import Results
from reports.compare import Measure
from reports.figures import pictures as figures
from studies.icbai import classifier_report as icbai_classifiers
from studies.icbai.distillation import CASE, TRANSFERRED

_NAMES = {
    "undefended": "undefended",
    "teacher": "teacher at T",
    "student": "student: soft labels at T",
    "control": "control: hard labels at T",
}
_NOISE = 0.3 * 255


def measure(results: Results) -> Measure:
    """What stands beside a published number: faithful under FGSM, corrected under all attacks.

    Of the distilled network its accuracy, in percent; of patches the side that does most damage.
    """

    def of(link: Link, protocol: str):
        if link.kind == "most damaging side":
            return icbai_classifiers.measure(results, protocol)
        (attack,) = link.attacks
        found = results.outcomes(
            link.cases[0], protocol, link.role, attack if protocol == "faithful" else None
        )
        if found is None:
            return None
        (index,) = np.flatnonzero(np.isclose(found[0], link.epsilon_grey))
        return (*(100 * value for value in _accuracy(found[1][index])), found[1].shape[2])

    return of


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict:
    """The variables of `templates/icbai.md`; its pictures are drawn into `directory`."""
    distilled = {
        "clean": _clean(results),
        "faithful": _curves(results, "faithful", "FGSM"),
        "worst": _curves(results, "corrected", None),
        "attacks": _attacks(results),
        "published": comparison[comparison["kind"] == "accuracy under attack"].iloc[0],
    }
    is_there = (results.table["case"] == CASE).any()
    return {
        "distilled": distilled | {"pictures": _draw(results, directory)} if is_there else None,
        "classifiers": icbai_classifiers.contents(results, directory),
    }


def _draw(results: Results, directory: Path) -> dict[str, list[tuple[str, str]]]:
    """Draws every picture; returns (caption, path relative to the report) by section."""
    label = results.label(CASE)
    pictures: dict[str, list[tuple[str, str]]] = {"curves": [], "training": [], "adversarial": []}

    def add(section: str, name: str, caption: str) -> Path:
        pictures[section].append((caption, f"figures/{name}.png"))
        return directory / f"{name}.png"

    panels = {
        "FGSM through the logits\n(faithful)": _curve_of(results, "faithful", "logits", "FGSM"),
        "FGSM through logits / T": _curve_of(results, "corrected", "logits / T", "FGSM"),
        "PGD through logits / T": _curve_of(results, "corrected", "logits / T", "PGD"),
        "FGSM from the\nundefended network": _curve_of(
            results, "corrected", "logits", TRANSFERRED.format("FGSM")
        ),
        "worst of all attacks": lambda role: _worst(results, role),
    }
    title = f"Accuracy against epsilon: {label}"
    figures.accuracy_panels(
        {
            name: {role: curve for role in _NAMES if (curve := of(role)) is not None}
            for name, of in panels.items()
        },
        _NAMES,
        "epsilon (% of the range of a pixel)",
        title,
        add("curves", "accuracy", title),
    )
    title = f"Training: {label}"
    path = add("training", "training", title)
    figures.training_curves(_trained(results), results.histories, title, path, names=_NAMES)
    shown = {arm: of for arm, of in results.examples.items() if arm.startswith(CASE)}
    for index, (arm, examples) in enumerate(shown.items()):
        row = results.table[results.table["arm"] == arm].iloc[-1]
        title = (
            f"{_NAMES[row['role']]}, {row['protocol']}: {row['attack']} through {row['view']}, "
            "epsilon 30 %"
        )
        path = add("adversarial", f"adversarial-{index + 1:02}", title)
        figures.adversarial_images(examples, data.class_names(row["dataset"]), title, path)
    return pictures


def _trained(results: Results) -> pd.DataFrame:
    trainings = results.trainings
    return trainings[trainings["case"] == CASE].drop_duplicates("stage")


def _curve_of(results: Results, protocol: str, view: str, attack: str) -> Callable:
    """The curve of one attack through one output, by role; the undefended one has one output."""

    def curve(role: str) -> figures.Curve | None:
        table = results.table
        rows = table[
            (table["case"] == CASE)
            & (table["protocol"] == protocol)
            & (table["role"] == role)
            & (table["view"] == ("logits" if role == "undefended" else view))
            & (table["attack"] == attack)
        ]
        if rows.empty:
            return None
        return _shown(rows["epsilon_grey"], [results.correct[arm] for arm in rows["arm"].unique()])

    return curve


def _worst(results: Results, role: str) -> "figures.Curve | None":
    found = results.outcomes(CASE, "corrected", role)
    return None if found is None else _shown(found[0], list(np.moveaxis(found[1], 1, 0)))


def _shown(grey, correct: list[np.ndarray]) -> figures.Curve:
    """From outcomes [1 + E, N] of each seed."""
    epsilons = np.asarray(grey)[: len(correct[0])] / 2.55
    accuracies = [_accuracy(of_epsilon) for of_epsilon in np.stack(correct, axis=1)]
    return figures.Curve(epsilons, *(100 * np.array(accuracies).T))


def _accuracy(correct: np.ndarray) -> tuple[float, float, float]:
    """(accuracy, low, high) of outcomes [seeds, N]; images, not seeds, make the interval."""
    images = correct.shape[1]
    return float(correct.mean()), *wilson(round(correct.mean() * images), images)


def _text(correct: np.ndarray) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in _accuracy(correct)))


def _clean(results: Results) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "network": _NAMES[row.role],
                "seed": row.seed,
                **{
                    split: f"{100 * getattr(row, f'{split}_accuracy'):.2f}"
                    for split in ("train", "validation", "test")
                },
                "test images": row.test_images,
                "best epoch": f"{row.best_epoch} of {row.epochs}",
                "minutes": f"{row.seconds / 60:.1f}",
            }
            for row in _trained(results).itertuples()
        ]
    )


def _curves(results: Results, protocol: str, attack: str | None) -> pd.DataFrame:
    """Accuracy at every epsilon, one column per network."""
    columns = {}
    for role, name in _NAMES.items():
        found = results.outcomes(CASE, protocol, role, attack)
        if found is not None:
            columns["epsilon, %"] = [f"{grey / 2.55:g}" for grey in found[0].round(6)]
            columns[name] = [_text(correct) for correct in found[1]]
    return pd.DataFrame(columns)


def _attacks(results: Results) -> pd.DataFrame:
    """Every attack on every network at 30 % noise."""
    table = results.table
    rows = table[(table["case"] == CASE) & np.isclose(table["epsilon_grey"], _NOISE)]
    return pd.DataFrame(
        [
            {
                "network": _NAMES[row.role],
                "protocol": row.protocol,
                "attacked through": row.view,
                "attack": row.attack,
                "images": row.images,
                "accuracy": f"{100 * row.accuracy:.1f} "
                f"[{100 * row.ci_low:.1f}, {100 * row.ci_high:.1f}]",
                # That of the loss which the attack climbs.
                "zero gradient": "" if np.isnan(row.zero_gradient) else f"{row.zero_gradient:.1%}",
                "mean L-inf moved, all images": f"{row.mean_linf:.3f}",
                "after rounding to 8 bits": f"{100 * row.rounded_accuracy:.1f}",
            }
            for row in rows.itertuples()
        ]
    )
