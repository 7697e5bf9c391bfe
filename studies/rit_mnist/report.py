"""What the report of the RIT study shows, beside what every report does."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

import data
from harness.results import Results
from reports.figures import pictures as figures
from reports.tables import interval
from studies.rit_mnist.arms import (
    CASE,
    CORRECTED_EPSILONS,
    EPSILONS,
    PICTURED,
    PUBLISHED_EPSILONS,
    RECIPE,
    ROBUST_EPSILON,
    SINGLE_RUN,
    TRANSFERRED,
)
from studies.rit_mnist.claims import NAMES, losses
from studies.rit_mnist.curves import (
    Outcome,
    accuracy,
    alike,
    confusion,
    entropy,
    mean_gain,
    outcome,
    strip,
)
from studies.rit_mnist.measures import Measure as measure
from studies.rit_mnist.published import baseline_under_fgsm, training_losses

__all__ = ["contents", "measure"]

COLORS = dict(zip(NAMES, ("C0", "C1", "C6", "C3", "C4", "C7", "C2"), strict=True))
_FGSM_TRAINED = ("undefended", "fgsm_retrained", "fgsm_untrained")
_PGD_TRAINED = ("undefended", "pgd_retrained", "pgd_untrained")
_COMPARED = ("undefended", "fgsm_retrained", "pgd_retrained")
#: Strongest last, as the order is expected.
_ROBUST_ATTACKS = {
    "FGSM": "FGSM",
    SINGLE_RUN: "PGD-40",
    "PGD": "PGD-40, restarts",
    "AutoAttack": "AutoAttack",
}
_FINE = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
_STRIPS = {
    "as the post shows the baseline": (("undefended",), (0.0, *PUBLISHED_EPSILONS)),
    "as the post compares three networks": (_COMPARED, _FINE),
    "the other networks": (
        tuple(role for role in NAMES if role not in _COMPARED),
        _FINE,
    ),
}


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict:
    """The variables of `templates/rit_mnist.md`; its pictures are drawn into `directory`."""
    return {
        "pictures": _draw(results, directory),
        "clean": _clean(results),
        "published": _published(comparison),
        "fgsm": _curves(results, "faithful", "FGSM"),
        "pgd": _curves(results, "faithful", "PGD"),
        "strong": _curves(results, "corrected", "PGD"),
        "worst": _curves(results, "corrected", None),
        "attacks": _attacks(results),
        "labels": _labels(results),
        "robust": _robust(results),
        "orders": _orders(results),
        "epochs": RECIPE.epochs,
        "bits": f"{np.log2(10):.2f}",
    }


def _draw(results: Results, directory: Path) -> dict[str, list[tuple[str, str]]]:
    """Draws every picture; returns (caption, path relative to the report) by section."""
    label = results.label(CASE)
    sections = ("published", "strong", "losses", "training", "strips", "labels", "robust")
    pictures: dict[str, list[tuple[str, str]]] = {section: [] for section in sections}

    def add(section: str, name: str, caption: str) -> Path:
        pictures[section].append((caption, f"figures/{name}.png"))
        return directory / f"{name}.png"

    def panels(section: str, name: str, title: str, wanted, printed=None) -> None:
        curves = {
            panel: _curves_of(lambda role, of=of: outcome(results, role, *of), roles)
            for panel, (roles, *of) in wanted.items()
        }
        if any(curves.values()):
            figures.accuracy_panels(
                curves,
                NAMES,
                "epsilon",
                title,
                add(section, name, title),
                colors=COLORS,
                printed=printed,
            )

    panels(
        "published",
        "accuracy-published",
        f"Accuracy against epsilon, as the post plots it: {label}",
        {
            "FGSM on the baseline": (("undefended",), "FGSM"),
            "FGSM, trained on FGSM": (_FGSM_TRAINED, "FGSM"),
            "FGSM, three networks": (_COMPARED, "FGSM"),
            "PGD, three networks": (_COMPARED, "PGD"),
        },
        {"FGSM on the baseline": baseline_under_fgsm()},
    )
    panels(
        "published",
        "accuracy-pgd-trained",
        f"Accuracy against epsilon, trained on PGD: {label}",
        {
            "FGSM": (_PGD_TRAINED, "FGSM"),
            "PGD": (_PGD_TRAINED, "PGD"),
            "PGD, trained on FGSM": (_FGSM_TRAINED, "PGD"),
        },
    )
    everyone = tuple(NAMES)
    panels(
        "strong",
        "accuracy-corrected",
        f"Accuracy against epsilon, corrected: {label}",
        {
            "FGSM": (everyone, "FGSM", "corrected"),
            "PGD-40 with restarts": (everyone, "PGD", "corrected"),
            "FGSM from the baseline": (everyone, TRANSFERRED.format("FGSM"), "corrected"),
            "PGD-40 from the baseline": (everyone, TRANSFERRED.format("PGD"), "corrected"),
        },
    )
    _draw_losses(results, label, add)
    title = f"Training: {label}"
    trained = results.trainings[results.trainings["case"] == CASE].drop_duplicates("stage")
    figures.training_curves(
        trained,
        results.histories,
        title,
        add("training", "training", title),
        colors=COLORS,
        names=NAMES,
    )
    _draw_strips(results, add)
    counts = confusion(results, "undefended")
    if counts is not None:
        title = f"Predictions of the baseline under FGSM, of all test images: {label}"
        figures.class_shares(
            counts.sum(axis=1).T,
            [f"{epsilon:g}" for epsilon in (0, *EPSILONS)],
            data.class_names(_dataset(results)),
            "epsilon",
            title,
            add("labels", "predictions", title),
        )
    _draw_robust(results, add)
    return pictures


def _draw_losses(results: Results, label: str, add) -> None:
    curves = {role: losses(results, role) for role in NAMES if role.startswith(("fgsm", "pgd"))}
    shown = {role: found.mean(axis=0) for role, found in curves.items() if found is not None}
    if shown:
        title = f"Training loss on the static sets: {label}"
        printed = {role: training_losses(role) for role in ("fgsm_retrained", "fgsm_untrained")}
        figures.loss_curves(shown, NAMES, COLORS, printed, title, add("losses", "losses", title))


def _draw_strips(results: Results, add) -> None:
    grid = np.array([0, *EPSILONS])
    for index, (words, (roles, epsilons)) in enumerate(_STRIPS.items(), start=1):
        columns = [int(np.flatnonzero(np.isclose(grid, epsilon))[0]) for epsilon in epsilons]
        rows = {}
        for role in roles:
            found = strip(results, role)
            if found is not None:
                pictures, predictions = found
                rows[NAMES[role]] = (pictures[columns] / 255, predictions[columns])
        if rows:
            title = f"One image of class {PICTURED} under FGSM, {words}"
            names = data.class_names(_dataset(results))
            headings = [f"{epsilon:g}" for epsilon in epsilons]
            figures.strips(
                rows, headings, names, PICTURED, title, add("strips", f"strip-{index}", title)
            )


def _draw_robust(results: Results, add) -> None:
    curves = {}
    for attack, found in _robust_outcomes(results).items():
        # One epsilon is a point and no line from the clean images.
        start = 1 if len(found.epsilons) == 2 else 0
        curves[attack] = _curve(Outcome(found.epsilons[start:], found.correct[start:]))
    if curves:
        title = f"PGD on the fly: {results.label(CASE)}"
        colors = dict(zip(_ROBUST_ATTACKS, ("C0", "C1", "C3", "C5"), strict=True))
        figures.accuracy_panels(
            {"": curves},
            _ROBUST_ATTACKS,
            "epsilon",
            title,
            add("robust", "robust", title),
            colors=colors,
        )


def _dataset(results: Results) -> str:
    return results.table[results.table["case"] == CASE]["dataset"].iloc[0]


def _curves_of(of: Callable, roles) -> dict[str, figures.Curve]:
    return {role: _curve(found) for role in roles if (found := of(role)) is not None}


def _curve(found: Outcome) -> figures.Curve:
    accuracies = np.array([accuracy(correct) for correct in found.correct])
    return figures.Curve(found.epsilons, *(100 * accuracies.T))


def _text(values: tuple[float, float, float]) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in values))


def _clean(results: Results) -> pd.DataFrame:
    rows = results.trainings.drop_duplicates("stage")
    return pd.DataFrame(
        [
            {
                "network": f"{row.case.split('/')[0]}, {NAMES[row.role]}",
                "seed": row.seed,
                **{
                    split: f"{100 * getattr(row, f'{split}_accuracy'):.2f}"
                    for split in ("train", "validation", "test")
                },
                "test images": row.test_images,
                "epochs": row.epochs,
                "minutes": f"{row.seconds / 60:.1f}",
            }
            for row in rows.itertuples()
        ]
    )


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    """Every measured row; accuracies in percent, epsilons in [0, 1]."""
    rows = comparison[comparison["status"] == "measured"]
    return pd.DataFrame(
        [
            {
                "network": row["model"],
                "what": row["metric"],
                "epsilon": row["epsilon"],
                "published": row["value"],
                **{p: _three_digits(row, p) for p in ("faithful", "corrected")},
                "how": row["remark"],
            }
            for _, row in rows.iterrows()
        ]
    )


def _three_digits(row, protocol: str) -> str:
    percent = row["unit"] == "percent"
    return interval(row, protocol, 1 if percent else 0 if row["unit"] == "class label" else 3)


def _curves(results: Results, protocol: str, attack: str | None) -> pd.DataFrame:
    """Accuracy at every epsilon, one column per network."""
    columns: dict[str, list] = {}
    for role, name in NAMES.items():
        found = outcome(results, role, attack, protocol)
        if found is not None:
            columns["epsilon"] = [f"{epsilon:g}" for epsilon in found.epsilons.round(6)]
            columns[name] = [_text(accuracy(correct)) for correct in found.correct]
    return pd.DataFrame(columns)


def _attacks(results: Results) -> pd.DataFrame:
    """Every attack of the corrected protocol at 0.3, one column per attack."""
    names = {
        "FGSM": "FGSM",
        "PGD": "PGD-40 with restarts",
        TRANSFERRED.format("FGSM"): "FGSM from the baseline",
        TRANSFERRED.format("PGD"): "PGD-40 from the baseline",
    }
    rows = []
    for role, name in NAMES.items():
        cells = {
            words: _text(accuracy(found.at(0.3)))
            for attack, words in names.items()
            if (found := outcome(results, role, attack, "corrected"))
        }
        rows += [{"network": name, **dict.fromkeys(names.values(), ""), **cells}] if cells else []
    return pd.DataFrame(rows)


def _labels(results: Results) -> pd.DataFrame:
    """What each network calls the perturbed images: the class predicted most, and entropy."""
    columns: dict[str, list] = {"epsilon": [f"{epsilon:g}" for epsilon in (0, *EPSILONS)]}
    for role, name in NAMES.items():
        counts = confusion(results, role)
        if counts is not None:
            predicted = counts.sum(axis=1)
            columns[name] = [
                f"{of.argmax()}: {of.max() / of.sum():.0%} ({bits:.2f} bits)"
                for of, bits in zip(predicted, entropy(predicted), strict=True)
            ]
    return pd.DataFrame(columns) if len(columns) > 1 else pd.DataFrame()


def _robust_outcomes(results: Results) -> Mapping[str, Outcome]:
    found = {
        attack: outcome(results, "on_the_fly", attack, "corrected") for attack in _ROBUST_ATTACKS
    }
    return {attack: each for attack, each in found.items() if each is not None}


def _robust(results: Results) -> pd.DataFrame:
    """Accuracy of the network trained on the fly, one column per attack."""
    rows = []
    found = _robust_outcomes(results)
    for epsilon in (0.0, *CORRECTED_EPSILONS) if found else ():
        row = {"epsilon": f"{epsilon:g}"}
        for attack, each in found.items():
            correct = each.at(epsilon)
            shown = "" if correct is None else f"{_text(accuracy(correct))} of {each.images:,}"
            row[_ROBUST_ATTACKS[attack]] = shown
        rows.append(row)
    return pd.DataFrame(rows)


def _orders(results: Results) -> pd.DataFrame:
    """Each attack against the next stronger one on the same images, at the epsilon trained for."""
    found = list(_robust_outcomes(results).items())
    rows = []
    for (weaker, first), (stronger, second) in zip(found, found[1:]):
        first, second = alike(first, second)
        gain = mean_gain(first.at(ROBUST_EPSILON), second.at(ROBUST_EPSILON))
        rows.append(
            {
                "accuracy under": _ROBUST_ATTACKS[weaker],
                "minus accuracy under": _ROBUST_ATTACKS[stronger],
                "points": f"{100 * gain.difference:+.1f} "
                f"[{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]",
                "images": first.images,
                "as expected": "no" if gain.high < 0 else "yes",
            }
        )
    return pd.DataFrame(rows)
