"""What the report of the RIT study shows, beside what every report does."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Estimate
from harness.arms import TRANSFERRED, Protocol
from harness.curves import Curve, alike
from harness.results import Results
from reports.figures import bars, images, training
from reports.figures.curves import Line, Published, panels
from reports.gallery import Gallery
from reports.tables import interval, trainings
from studies.rit_mnist import arms, curves
from studies.rit_mnist.arms import CASE, EVERY_ATTACK, NAMES, PICTURED, ROBUST_EPSILON
from studies.rit_mnist.measures import first_error
from studies.rit_mnist.published import baseline_under_fgsm, training_losses

_FAITHFUL, _CORRECTED = Protocol
_UNIT = "epsilon (pixels are 0 to 1)"
_GRID = (0.0, *arms.EPSILONS)
#: Apart from each other in deuteranopia as well.
_PALETTE = ("#000000", "#d55e00", "#e69f00", "#0072b2", "#56b4e9", "#999999", "#aa3377")
_COLORS = dict(zip(NAMES, _PALETTE, strict=True))

_FGSM_TRAINED = ("undefended", "fgsm_retrained", "fgsm_untrained")
_PGD_TRAINED = ("undefended", "pgd_retrained", "pgd_untrained")
_COMPARED = ("undefended", "fgsm_retrained", "pgd_retrained")
_BASELINE = "FGSM on the baseline"
#: Pictures of curves: section and title, then by panel the networks and the attack.
_CURVES = {
    "accuracy-published": ("published", "as the post plots it", _FAITHFUL),
    "accuracy-pgd-trained": ("published", "trained on PGD", _FAITHFUL),
    "accuracy-corrected": ("strong", "corrected", _CORRECTED),
}
_PANELS = {
    "accuracy-published": {
        _BASELINE: (("undefended",), "FGSM"),
        "FGSM, trained on FGSM": (_FGSM_TRAINED, "FGSM"),
        "FGSM, three networks": (_COMPARED, "FGSM"),
        "PGD, three networks": (_COMPARED, "PGD"),
    },
    "accuracy-pgd-trained": {
        "FGSM": (_PGD_TRAINED, "FGSM"),
        "PGD": (_PGD_TRAINED, "PGD"),
        "PGD, trained on FGSM": (_FGSM_TRAINED, "PGD"),
    },
    "accuracy-corrected": {
        "FGSM": (NAMES, "FGSM"),
        "PGD-40 with restarts": (NAMES, "PGD"),
        "FGSM from the baseline": (NAMES, TRANSFERRED.format("FGSM")),
        "PGD-40 from the baseline": (NAMES, TRANSFERRED.format("PGD")),
    },
}
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
        "fgsm": _accuracies(_named(_networks(results, "FGSM", _FAITHFUL))),
        "pgd": _accuracies(_named(_networks(results, "PGD", _FAITHFUL))),
        "strong": _accuracies(_named(_networks(results, "PGD", _CORRECTED))),
        "worst": _accuracies(_named(_networks(results, EVERY_ATTACK, _CORRECTED))),
        "attacks": _attacks(results),
        "readings": _readings_of_a_meeting(results),
        "labels": _labels(results),
        "shown": _shown_image(results),
        "robust": _accuracies(
            {f"{name} ({curve.images:,} images)": curve for name, curve in robust.items()}
        ),
        "orders": _orders(robust),
        "bits": f"{np.log2(10):.2f}",
    }


def _networks(
    results: Results,
    attack: str | tuple[str, ...],
    protocol: Protocol,
    roles: Iterable[str] = tuple(NAMES),
) -> dict[str, Curve]:
    """The curves of those networks that were attacked, by role."""
    every = {role: curves.attacked(results, [role], attack, protocol) for role in roles}
    return {role: curve for role, found in every.items() for curve in found}


def _named(by_role: Mapping[str, Curve]) -> dict[str, Curve]:
    return {NAMES[role]: curve for role, curve in by_role.items()}


def _robust(results: Results) -> dict[str, Curve]:
    """The network trained on the fly, by the name of the attack."""
    every = {
        name: curves.attacked(results, ["on_the_fly"], attack, _CORRECTED)
        for attack, (name, _) in _ROBUST.items()
    }
    return {name: curve for name, found in every.items() for curve in found}


def _draw(results: Results, robust: Mapping[str, Curve], directory: Path) -> Gallery:
    sections = ("published", "strong", "losses", "training", "strips", "labels", "robust")
    pictures, label = Gallery(directory, sections), results.label(CASE)
    for name, (section, words, protocol) in _CURVES.items():
        lines = {
            panel: _lines(_networks(results, attack, protocol, roles))
            for panel, (roles, attack) in _PANELS[name].items()
        }
        if lines.get(_BASELINE):
            lines[_BASELINE].append(_as_published())
        _draw_panels(pictures, section, name, f"Accuracy against epsilon, {words}: {label}", lines)
    # AutoAttack at one epsilon is a point and no line from the clean images.
    attacked = {
        name: curve.where(curve.epsilons > 0) if len(curve.epsilons) == 2 else curve
        for name, curve in robust.items()
    }
    colors = dict(_ROBUST.values())
    lines = [_line(name, colors[name], curve) for name, curve in attacked.items()]
    _draw_panels(pictures, "robust", "robust", f"PGD on the fly: {label}", {"": lines})
    _draw_trainings(results, label, pictures)
    _draw_images(results, label, pictures)
    return pictures


def _line(name: str, color: str, curve: Curve, style: str = "-") -> Line:
    return Line(name, color, curve.epsilons, curve.accuracies, style)


def _lines(by_role: Mapping[str, Curve]) -> list[Line | Published]:
    """The networks that start from new weights are dashed."""
    return [
        _line(NAMES[role], _COLORS[role], curve, "--" if role.endswith("untrained") else "-")
        for role, curve in by_role.items()
    ]


def _as_published() -> Published:
    accuracies = baseline_under_fgsm()
    return Published("published", _PALETTE[1], [*accuracies], [*accuracies.values()])


def _draw_panels(
    pictures: Gallery,
    section: str,
    name: str,
    title: str,
    lines: Mapping[str, list[Line | Published]],
) -> None:
    if any(lines.values()):
        panels(lines, title, pictures.add(section, name, title), unit=_UNIT)


def _draw_trainings(results: Results, label: str, pictures: Gallery) -> None:
    title = f"Training: {label}"
    training.training_curves(
        results.trained(case=CASE).drop_duplicates("stage"),
        results.histories,
        title,
        pictures.add("training", "training", title),
        names=NAMES,
        colors=_COLORS,
    )
    every = {role: curves.losses(results, role) for role in arms.ON_STATIC_SETS}
    shown = {role: losses.mean(axis=0) for role, losses in every.items() if losses is not None}
    if not shown:
        return
    run = max(len(losses) for losses in shown.values())
    printed = {role: training_losses(role) for role in ("fgsm_retrained", "fgsm_untrained")}
    drawn = {
        role: {epoch: loss for epoch, loss in losses.items() if epoch <= run}
        for role, losses in printed.items()
    }
    title = f"Training loss on the static sets: {label}"
    caption = title
    not_reached = [losses[max(losses)] for losses in printed.values() if max(losses) > run]
    if not_reached:
        listed = " and ".join(f"{loss:g}" for loss in not_reached)
        caption += f". Published and not drawn: {listed} after epoch {arms.RECIPE.epochs}"
    path = pictures.add("losses", "losses", caption)
    training.loss_curves(shown, NAMES, _COLORS, title, path, drawn)


def _draw_images(results: Results, label: str, pictures: Gallery) -> None:
    class_names = data.class_names(results.select(case=CASE)["dataset"].iloc[0])
    for index, (words, (roles, epsilons)) in enumerate(_STRIPS.items(), start=1):
        columns = [_GRID.index(epsilon) for epsilon in epsilons]
        every = {NAMES[role]: curves.strip(results, role) for role in roles}
        rows = {
            name: (strip[0][columns] / 255, strip[1][columns])
            for name, strip in every.items()
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
        columns = [f"{epsilon:g}" for epsilon in _GRID]
        bars.class_shares(counts.sum(axis=1).T, columns, class_names, _UNIT, title, path)


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    """Every measured row; accuracies in percent, epsilons in [0, 1]."""
    digits = {"percent": 1, "class label": 0}
    rows = comparison[comparison["status"] == "measured"]
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
            for _, row in rows.iterrows()
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
            NAMES[role]: Estimate.accuracy(curve.at(0.3)).percent()
            for role, curve in _networks(results, attack, _CORRECTED).items()
        }
        for words, (_, attack) in _PANELS["accuracy-corrected"].items()
    }
    return pd.DataFrame(columns).rename_axis("network").reset_index()


def _readings_of_a_meeting(results: Results) -> dict[str, Estimate]:
    """How far the FGSM-retrained network is above the baseline at 0.3, where they should meet.

    By the network that its images are crafted on, which the post does not name.
    """
    retrained = {"itself": "FGSM", "the baseline": TRANSFERRED.format("FGSM")}
    baseline = _networks(results, "FGSM", _CORRECTED).get("undefended")
    gains = {}
    for source, attack in retrained.items():
        curve = _networks(results, attack, _CORRECTED).get("fgsm_retrained")
        if curve is not None and baseline is not None:
            gains[source] = Estimate.paired(*(each.at(0.3) for each in alike(curve, baseline)))
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


def _shown_image(results: Results) -> dict[str, str]:
    """Where the image that is shown and the median image of the baseline are first wrong."""
    error = first_error(results, "undefended")
    baseline = curves.attacked(results, ["undefended"])
    if error is None or not baseline:
        return {}
    return {"error": Estimate(error).short(), "median": curves.median_limit(*baseline).short()}


def _orders(robust: Mapping[str, Curve]) -> pd.DataFrame:
    """Each attack against the next stronger one on the same images, at the epsilon trained for."""
    rows = []
    for (weaker, first), (stronger, second) in zip(robust.items(), [*robust.items()][1:]):
        first, second = alike(first, second)
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
