"""What the report of the RIT study shows, beside what every report does."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Curve, Estimate, alike
from harness.arms import TRANSFERRED, Protocol
from harness.results import Results, selected
from reports.figures import bars, images, training
from reports.figures.curves import Line, Published, panels
from reports.gallery import Gallery
from reports.tables import interval, trainings
from studies.rit_mnist import arms, curves
from studies.rit_mnist.arms import CASE, EVERY_ATTACK, NAMES, PICTURED, ROBUST_EPSILON
from studies.rit_mnist.published import baseline_under_fgsm, training_losses

_FAITHFUL, _CORRECTED = Protocol
_UNIT = "epsilon (pixels are 0 to 1)"
_GRID = (0.0, *arms.EPSILONS)
#: Apart from each other in deuteranopia as well.
_PALETTE = ("#000000", "#d55e00", "#e69f00", "#0072b2", "#56b4e9", "#999999", "#882255")
_COLORS = dict(zip(NAMES, _PALETTE, strict=True))

_ALL = tuple(NAMES)
_FGSM_TRAINED = ("undefended", "fgsm_retrained", "fgsm_untrained")
_PGD_TRAINED = ("undefended", "pgd_retrained", "pgd_untrained")
_COMPARED = ("undefended", "fgsm_retrained", "pgd_retrained")
_BASELINE = "FGSM on the baseline"
_AS_PUBLISHED = {
    _BASELINE: (("undefended",), "FGSM"),
    "FGSM, trained on FGSM": (_FGSM_TRAINED, "FGSM"),
    "FGSM, three networks": (_COMPARED, "FGSM"),
    "PGD, three networks": (_COMPARED, "PGD"),
}
_TRAINED_ON_PGD = {
    "FGSM": (_PGD_TRAINED, "FGSM"),
    "PGD": (_PGD_TRAINED, "PGD"),
    "PGD, trained on FGSM": (_FGSM_TRAINED, "PGD"),
}
_STRONGER = {
    "FGSM": (_ALL, "FGSM"),
    "PGD-40 with restarts": (_ALL, "PGD"),
    "FGSM from the baseline": (_ALL, TRANSFERRED.format("FGSM")),
    "PGD-40 from the baseline": (_ALL, TRANSFERRED.format("PGD")),
}
_CURVES = (
    ("published", "accuracy-published", "as the post plots it", _FAITHFUL, _AS_PUBLISHED),
    ("published", "accuracy-pgd-trained", "trained on PGD", _FAITHFUL, _TRAINED_ON_PGD),
    ("strong", "accuracy-corrected", "corrected", _CORRECTED, _STRONGER),
)
_FINE = tuple(epsilon for epsilon in _GRID if epsilon < 0.5)
_STRIPS = {
    "as the post shows the baseline": (("undefended",), (0.0, *arms.PUBLISHED_EPSILONS)),
    "as the post compares three networks": (_COMPARED, _FINE),
    "the other networks": (tuple(role for role in NAMES if role not in _COMPARED), _FINE),
}
#: The attacks on the network trained on the fly, the strongest last and darkest.
_ROBUST = {
    "FGSM": ("FGSM", "#fe9f6d"),
    arms.SINGLE_RUN: ("PGD-40", "#de4968"),
    "PGD": ("PGD-40, restarts", "#8c2981"),
    arms.STRONGEST: ("AutoAttack", "#000004"),
}


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    robust = _robust(results)
    return {
        "pictures": _draw(results, robust, directory),
        "clean": trainings(results.trained(case=CASE), NAMES),
        "published": _published(comparison),
        "fgsm": _accuracies(_attacked(results, _FAITHFUL, "FGSM")),
        "pgd": _accuracies(_attacked(results, _FAITHFUL, "PGD")),
        "strong": _accuracies(_attacked(results, _CORRECTED, "PGD")),
        "worst": _accuracies(_attacked(results, _CORRECTED, EVERY_ATTACK)),
        "attacks": _attacks(results),
        "readings": _readings_of_a_meeting(results),
        "labels": _labels(results),
        "shown": _shown_image(comparison),
        "robust": _accuracies(
            {f"{name} ({curve.images:,} images)": curve for name, curve in robust.items()}
        ),
        "orders": _orders(robust),
        "bits": f"{np.log2(10):.2f}",
    }


def _attacked(
    results: Results,
    protocol: Protocol,
    attack: str | tuple[str, ...],
    roles: Iterable[str] = _ALL,
) -> dict[str, Curve]:
    """The curves of those networks that were attacked, by name."""
    every = {NAMES[role]: curves.attacked(results, [role], attack, protocol) for role in roles}
    return {name: curve for name, found in every.items() for curve in found}


def _robust(results: Results) -> dict[str, Curve]:
    """The curves of the network trained on the fly, by the name of the attack."""
    every = {
        name: curves.attacked(results, ["on_the_fly"], attack, _CORRECTED)
        for attack, (name, _) in _ROBUST.items()
    }
    return {name: curve for name, found in every.items() for curve in found}


def _draw(results: Results, robust: Mapping[str, Curve], directory: Path) -> Gallery:
    sections = ("published", "strong", "losses", "training", "strips", "labels", "robust")
    pictures, label = Gallery(directory, sections), results.label(CASE)
    colors = {NAMES[role]: color for role, color in _COLORS.items()}
    for section, name, words, protocol, attacked in _CURVES:
        lines: dict[str, list[Line | Published]] = {
            panel: _lines(_attacked(results, protocol, attack, roles), colors)
            for panel, (roles, attack) in attacked.items()
        }
        if lines.get(_BASELINE):
            printed = baseline_under_fgsm()
            cross = Published("published", _PALETTE[-1], [*printed], [*printed.values()])
            lines[_BASELINE].append(cross)
        if any(lines.values()):
            title = f"Accuracy against epsilon, {words}: {label}"
            panels(lines, title, pictures.add(section, name, title), unit=_UNIT)
    if robust:
        title = f"PGD on the fly: {label}"
        drawn = {"": _lines(robust, dict(_ROBUST.values()))}
        panels(drawn, title, pictures.add("robust", "robust", title), unit=_UNIT)
    _draw_trainings(results, label, pictures)
    _draw_images(results, label, pictures)
    return pictures


def _lines(by_name: Mapping[str, Curve], colors: Mapping[str, str]) -> list[Line | Published]:
    """Networks that start from new weights are dashed."""
    lines: list[Line | Published] = []
    for name, curve in by_name.items():
        if len(curve.epsilons) == 2:  # one epsilon is a point and no line from the clean images
            curve = curve.where(curve.epsilons > 0)
        style = "--" if "untrained" in name else "-"
        lines.append(Line(name, colors[name], curve.epsilons, curve.accuracies, style))
    return lines


def _draw_trainings(results: Results, label: str, pictures: Gallery) -> None:
    title = f"Training: {label}"
    path = pictures.add("training", "training", title)
    trained = results.trained(case=CASE).drop_duplicates("stage")
    training.training_curves(trained, results.histories, title, path, NAMES, _COLORS)

    every = {role: curves.losses(results, role) for role in arms.ON_STATIC_SETS}
    shown = {role: losses.mean(axis=0) for role, losses in every.items() if losses is not None}
    if not shown:
        return
    run = max(map(len, shown.values()))
    title = f"Training loss on the static sets: {label}"
    drawn: dict[str, dict[int, float]] = {}
    for role in ("fgsm_retrained", "fgsm_untrained"):
        printed = training_losses(role)
        drawn[role] = {epoch: loss for epoch, loss in printed.items() if epoch <= run}
        title += "".join(
            f"\n{NAMES[role]}: published {loss:g} after epoch {epoch}, beyond this axis"
            for epoch, loss in printed.items()
            if epoch > run
        )
    path = pictures.add("losses", "losses", title.replace("\n", "; "))
    training.loss_curves(shown, NAMES, _COLORS, title, path, drawn)


def _draw_images(results: Results, label: str, pictures: Gallery) -> None:
    class_names = data.class_names(results.select(case=CASE)["dataset"].iloc[0])
    for index, (words, (roles, epsilons)) in enumerate(_STRIPS.items(), start=1):
        columns = [_GRID.index(epsilon) for epsilon in epsilons]
        strips = {NAMES[role]: curves.strip(results, role) for role in roles}
        rows = {
            name: (strip[0][columns] / 255, strip[1][columns])
            for name, strip in strips.items()
            if strip is not None
        }
        if rows:
            title = f"One image of class {PICTURED} under FGSM at growing epsilon, {words}"
            path = pictures.add("strips", f"strip-{index}", title)
            headings = [f"{epsilon:g}" for epsilon in epsilons]
            images.strips(rows, headings, class_names, PICTURED, title, path)
    counts = curves.confusion(results, "undefended")
    if counts is not None:
        title = f"Predictions of the baseline under FGSM, of all test images: {label}"
        path = pictures.add("labels", "predictions", title)
        headings = [f"{epsilon:g}" for epsilon in _GRID]
        bars.class_shares(counts.sum(axis=1).T, headings, class_names, _UNIT, title, path)


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    """Every measured row; accuracies in percent, epsilons in [0, 1]."""
    digits = {"percent": 1, "class label": 0}
    return pd.DataFrame(
        [
            {
                "network": row["model"],
                "what": row["metric"],
                "epsilon": row["epsilon"],
                "published": row["value"],
                **{each: interval(row, each, digits.get(row["unit"], 3)) for each in Protocol},
                "how": row["remark"],
            }
            for _, row in selected(comparison, status="measured").iterrows()
        ]
    )


def _accuracies(by_name: Mapping[str, Curve]) -> pd.DataFrame:
    """Accuracy at every epsilon, one column per curve."""
    columns = {
        name: {
            f"{epsilon:g}": accuracy.percent()
            for epsilon, accuracy in zip(curve.epsilons, curve.accuracies, strict=True)
        }
        for name, curve in by_name.items()
    }
    return pd.DataFrame(columns).rename_axis("epsilon").reset_index()


def _attacks(results: Results) -> pd.DataFrame:
    """Every attack of the corrected protocol at 0.3, one column per attack."""
    columns = {
        words: {
            name: Estimate.accuracy(curve.at(0.3)).percent()
            for name, curve in _attacked(results, _CORRECTED, attack).items()
        }
        for words, (_, attack) in _STRONGER.items()
    }
    return pd.DataFrame(columns).rename_axis("network").reset_index()


def _readings_of_a_meeting(results: Results) -> dict[str, Estimate]:
    """How far the FGSM-retrained network is above the baseline at 0.3, where they meet in the post.

    By the network that its images are crafted on, which the post does not name.
    """
    gains = {}
    for source, attack in (("itself", "FGSM"), ("the baseline", TRANSFERRED.format("FGSM"))):
        both = [
            *curves.attacked(results, ["fgsm_retrained"], attack, _CORRECTED),
            *curves.attacked(results, ["undefended"], "FGSM", _CORRECTED),
        ]
        if len(both) == 2:
            gains[source] = Estimate.paired(*(curve.at(0.3) for curve in alike(*both)))
    return gains


def _labels(results: Results) -> pd.DataFrame:
    """What each network calls the perturbed images: the class predicted most, and entropy."""
    columns = {}
    for role, name in NAMES.items():
        counts = curves.confusion(results, role)
        if counts is not None:
            predicted = counts.sum(axis=1)
            shares = predicted / predicted.sum(axis=1, keepdims=True)
            columns["epsilon"] = [f"{epsilon:g}" for epsilon in _GRID]
            columns[name] = [
                f"{share.argmax()}: {share.max():.0%} ({bits:.2f} bits)"
                for share, bits in zip(shares, curves.entropy(predicted), strict=True)
            ]
    return pd.DataFrame(columns)


def _shown_image(comparison: pd.DataFrame) -> list[str]:
    """Where the baseline is first wrong on it, and up to where right on the median image."""
    rows = [selected(comparison, kind=kind).iloc[0] for kind in ("first error", "median limit")]
    return [interval(row, _FAITHFUL, 2) for row in rows]


def _orders(robust: Mapping[str, Curve]) -> pd.DataFrame:
    """Each attack against the next stronger one on the same images, at the epsilon trained for."""
    rows = []
    for weaker, stronger in pairwise(robust):
        first, second = alike(robust[weaker], robust[stronger])
        gain = Estimate.paired(first.at(ROBUST_EPSILON), second.at(ROBUST_EPSILON))
        rows.append(
            {
                "accuracy under": weaker,
                "minus accuracy under": stronger,
                "points": gain.points(),
                "images": gain.images,
                "as expected": "no" if gain.sign < 0 else "yes",
            }
        )
    return pd.DataFrame(rows)
