"""What the report of the RIT study shows, beside what every report does."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Curve, Estimate
from harness.arms import TRANSFERRED, Protocol
from harness.results import Results, run_by_key, selected, where_run
from reports.compare import measured_in
from reports.figures import heat_maps, images, training
from reports.figures.curves import Line, Published, panels, sample_sizes
from reports.figures.roles import ATTACKS, NETWORKS, Look
from reports.gallery import Gallery
from reports.tables import by_epsilon, interval, listed, trainings
from studies.rit_mnist import arms, curves, open_questions, published
from studies.rit_mnist.arms import CASE, GRID, NAMES, PICTURED
from studies.rit_mnist.profiles import robust_epsilon

#: By their names, what the lines of a picture show: networks and the attack on each.
_Lines = dict[str, tuple[str, str | tuple[str, ...]]]

_FAITHFUL, _CORRECTED = Protocol
_UNIT = "epsilon (pixels are 0 to 1)"
#: By role, how a network is drawn.
_LOOKS = {role: NETWORKS["adversarial" if role == "on_the_fly" else role] for role in NAMES}


def _under(attack: str | tuple[str, ...], roles: Iterable[str] = NAMES) -> _Lines:
    return {NAMES[role]: (role, attack) for role in roles}


_FGSM_TRAINED = ("undefended", "fgsm_retrained", "fgsm_untrained")
_PGD_TRAINED = ("undefended", "pgd_retrained", "pgd_untrained")
_COMPARED = ("undefended", "fgsm_retrained", "pgd_retrained")
_BASELINE = "FGSM on the baseline"
_AS_PUBLISHED = {
    _BASELINE: _under("FGSM", ["undefended"]),
    "FGSM, trained on FGSM": _under("FGSM", _FGSM_TRAINED),
    "FGSM, retrained": _under("FGSM", _COMPARED),
    "PGD, retrained": _under("PGD", _COMPARED),
}
_NOT_PLOTTED = {
    "FGSM": _under("FGSM", _PGD_TRAINED),
    "PGD": _under("PGD", _PGD_TRAINED),
    "PGD, trained on FGSM": _under("PGD", _FGSM_TRAINED),
}
_STRONGER = {
    "FGSM": _under("FGSM"),
    "PGD-40 with restarts": _under("PGD"),
    "FGSM from the baseline": _under(TRANSFERRED.format("FGSM")),
    "PGD-40 from the baseline": _under(TRANSFERRED.format("PGD")),
}
_ROBUST: _Lines = {
    "FGSM": ("on_the_fly", "FGSM"),
    "PGD-40": ("on_the_fly", arms.SINGLE_RUN),
    "PGD-40, restarts": ("on_the_fly", "PGD"),
    "AutoAttack": ("on_the_fly", arms.STRONGEST),
}
#: By the name of a line. PGD is dashed where it starts once.
_LINE_LOOKS: dict[str, Look] = {name: _LOOKS[role] for role, name in NAMES.items()}
_LINE_LOOKS |= {name: ATTACKS[name] for name in ("FGSM", "AutoAttack")}
_LINE_LOOKS |= {"PGD-40": ATTACKS["PGD"]._replace(style="--"), "PGD-40, restarts": ATTACKS["PGD"]}
_CURVES = (
    ("published", "accuracy-published", "as the post plots it", _FAITHFUL, _AS_PUBLISHED),
    ("published", "accuracy-not-plotted", "which the post does not plot", _FAITHFUL, _NOT_PLOTTED),
    ("strong", "accuracy-corrected", "corrected", _CORRECTED, _STRONGER),
    ("robust", "robust", "PGD on the fly", _CORRECTED, {"": _ROBUST}),
)
#: The networks that the post does not have.
_FURTHER = {
    "control": "the *control*, which saw as many updates on clean images alone",
    "on_the_fly": "a network trained on PGD examples of its current weights (*on the fly*)",
}
_FINE = GRID[GRID < 0.5]
_STRIPS = {
    "as the post shows the baseline": (["undefended"], [0.0, *arms.PUBLISHED_EPSILONS]),
    "as the post compares three networks": (_COMPARED, _FINE),
    "the other networks": ([role for role in NAMES if role not in _COMPARED], _FINE),
}


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    sections = (
        "published",
        "strong",
        "losses",
        "training",
        "strips",
        "labels",
        "robust",
        "leaking",
    )
    pictures, label = Gallery(directory, sections), results.label(CASE)
    _draw_curves(results, label, pictures)
    _draw_trainings(results, label, pictures)
    _draw_images(results, label, pictures)
    pairs, widths = open_questions.pairs(results), open_questions.widths(results)
    _draw_pairs(pairs, label, pictures)
    robust = _attacked(results, _CORRECTED, _ROBUST)
    shown = [selected(comparison, kind=kind).iloc[0] for kind in ("first error", "median limit")]
    roles = set(results.table["role"])
    further = [words for role, words in _FURTHER.items() if role in roles]
    return {
        "pictures": pictures,
        "roles": roles,
        "of_predictions": arms.OF_PREDICTIONS,
        "further": f", and adds {' and '.join(further)}" if further else "",
        "clean": trainings(_trained(results), NAMES),
        "published": _published(comparison),
        "fgsm": _accuracies(_attacked(results, _FAITHFUL, _under("FGSM"))),
        "pgd": _accuracies(_attacked(results, _FAITHFUL, _under("PGD"))),
        "strong": _accuracies(_attacked(results, _CORRECTED, _under("PGD"))),
        "worst": _accuracies(_attacked(results, _CORRECTED, _under(arms.EVERY_ATTACK))),
        "attacks": _attacks(results),
        "readings": run_by_key(partial(_reading, results), ("itself", "the baseline")),
        "labels": _labels(results),
        "shown": [interval(row, _FAITHFUL, 2) for row in shown],
        "robust": _accuracies(
            {f"{name} ({curve.images:,} images)": curve for name, curve in robust.items()}
        ),
        "orders": _orders(robust, robust_epsilon(results)),
        "robust_epsilon": f"{robust_epsilon(results):g}",
        "stands_in": results.stands_in,
        "leaking": open_questions.leaking(pairs),
        "capacity": open_questions.capacity(widths),
        "widest_gain": len(widths) > 1 and open_questions.robustness_gained(widths[0], widths[-1]),
    }


def _trained(results: Results) -> pd.DataFrame:
    """The networks of the post, the control and the one trained on the fly at the usual width."""
    return results.trained(case=CASE, role=tuple(NAMES))


def _attacked(results: Results, protocol: Protocol, lines: _Lines) -> dict[str, Curve]:
    def curve(name: str) -> Curve:
        role, attack = lines[name]
        return results.curve(case=CASE, protocol=protocol, role=role, attack=attack)

    return run_by_key(curve, lines)


def _trained_for(lines: _Lines) -> set[str]:
    """The networks that a panel is drawn for: beside others, the baseline is there to compare."""
    roles = {role for role, _ in lines.values()}
    return roles - {"undefended"} or roles


def _draw_curves(results: Results, label: str, pictures: Gallery) -> None:
    roles = set(results.table["role"])
    for section, name, words, protocol, attacked in _CURVES:
        drawn: dict[str, list[Line | Published]] = {
            panel: _lines(_attacked(results, protocol, lines))
            for panel, lines in attacked.items()
            if roles.intersection(_trained_for(lines))
        }
        if drawn.get(_BASELINE) and not results.stands_in:
            printed = published.baseline_under_fgsm()
            look = _LOOKS["undefended"]
            cross = Published("published, baseline", look, [*printed], [*printed.values()])
            drawn[_BASELINE].append(cross)
        if any(drawn.values()):
            title = f"Accuracy against epsilon, {words}: {label}"
            path = pictures.add(section, name, f"{title}, {sample_sizes(drawn)}")
            panels(drawn, title, path, unit=_UNIT)


def _lines(by_name: Mapping[str, Curve]) -> list[Line | Published]:
    """A line for each curve."""
    lines: list[Line | Published] = []
    for name, curve in by_name.items():
        if len(curve.epsilons) == 2:  # one epsilon is a point and no line from the clean images
            curve = curve.where(curve.epsilons > 0)
        lines.append(Line(name, _LINE_LOOKS[name], curve.epsilons, curve.accuracies))
    return lines


def _draw_pairs(pairs: list[open_questions.Pair], label: str, pictures: Gallery) -> None:
    """FGSM of labels and of predictions, a panel for each network."""
    drawn: dict[str, list[Line | Published]] = {}
    for role, source, *both in pairs:
        look = ATTACKS["FGSM"] if source == "itself" else _LOOKS["undefended"]
        lines = drawn.setdefault(arms.MAY_LEAK[role], [])
        for of, style, curve in zip(("labels", "predictions"), ("-", "--"), both, strict=True):
            words = f"of {of}, made on {source}"
            lines.append(Line(words, look._replace(style=style), curve.epsilons, curve.accuracies))
    if drawn:
        title = f"FGSM of the true labels and of the predictions: {label}"
        caption = f"Accuracy against epsilon under {title}, {sample_sizes(drawn)}"
        panels(drawn, title, pictures.add("leaking", "label-leaking", caption), unit=_UNIT)


def _draw_trainings(results: Results, label: str, pictures: Gallery) -> None:
    title = f"Training: {label}"
    caption = f"Accuracy and loss of each network by epoch of its training: {label}"
    path = pictures.add("training", "training", caption)
    trained = _trained(results).drop_duplicates("stage")
    training.training_curves(trained, results.histories, title, path, NAMES, _LOOKS)
    losses = run_by_key(partial(curves.losses, results), arms.ON_STATIC_SETS)
    shown = {role: of_seeds.mean(axis=0) for role, of_seeds in losses.items()}
    if not shown:
        return
    run = max(map(len, shown.values()))
    title = f"Training loss on the static sets: {label}"
    drawn: dict[str, dict[int, float]] = {"fgsm_retrained": {}, "fgsm_untrained": {}}
    for role, crosses in drawn.items() if not results.stands_in else ():
        for epoch, loss in published.training_losses(role).items():
            if epoch <= run:
                crosses[epoch] = loss
            else:
                words = f"published {loss:g} after epoch {epoch}, beyond this axis"
                title += f"\n{NAMES[role]}: {words}"
    path = pictures.add("losses", "losses", title.replace("\n", "; "))
    training.loss_curves(shown, NAMES, _LOOKS, title, path, drawn)


def _draw_images(results: Results, label: str, pictures: Gallery) -> None:
    class_names = data.class_names(results.select(case=CASE)["dataset"].iloc[0])
    for index, (words, (roles, epsilons)) in enumerate(_STRIPS.items(), start=1):
        kept, shown = run_by_key(partial(curves.pictured, results), roles), np.isin(GRID, epsilons)
        rows = {
            NAMES[role]: (first["strip"][shown] / 255, first["strip_predictions"][shown])
            for role, (first, *_) in kept.items()
            if first["strip_predictions"][0] == PICTURED
        }
        if rows:
            title = f"One image of class {PICTURED} under FGSM, below each epsilon, {words}"
            caption = f"{title}: {'; '.join(rows)}"
            wrong = [NAMES[role] for role in kept if NAMES[role] not in rows]
            if wrong:
                caption += f". Wrong without attack and left out: {'; '.join(wrong)}"
            path = pictures.add("strips", f"strip-{index}", caption)
            images.strips(rows, _written(epsilons), class_names, PICTURED, title, path)
    for counts in where_run(partial(curves.confusion, results), ["undefended"]):
        title = f"Predictions of the baseline under FGSM, of all test images: {label}"
        path = pictures.add("labels", "predictions", f"{title}, in percent by class and epsilon")
        heat_maps.class_shares(
            counts.sum(axis=1).T, _written(GRID), class_names, _UNIT, title, path
        )


def _written(epsilons: Iterable[float]) -> list[str]:
    return [f"{epsilon:g}" for epsilon in epsilons]


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    """Every measured row; accuracies in percent, epsilons in [0, 1]."""

    def measured(row: pd.Series, protocol: Protocol) -> str:
        return interval(row, protocol, {"percent": 1, "class label": 0}.get(row["unit"], 3))

    columns = {
        "network": "model",
        "what": "metric",
        "epsilon": "epsilon",
        "published": "value",
        **{protocol: partial(measured, protocol=protocol) for protocol in Protocol},
        "how": "remark",
    }
    return listed(measured_in(comparison), columns)


def _accuracies(by_name: Mapping[str, Curve]) -> pd.DataFrame:
    """Accuracy at every epsilon, one column per curve."""
    columns = {name: (curve, curve.accuracies) for name, curve in by_name.items()}
    return by_epsilon(columns, {"epsilon": lambda epsilon, grey: f"{epsilon:g}"})


def _attacks(results: Results) -> pd.DataFrame:
    """Every attack of the corrected protocol at 0.3, one column per attack."""
    columns = {
        words: {
            name: Estimate.accuracy(curve.at(0.3)).percent()
            for name, curve in _attacked(results, _CORRECTED, lines).items()
        }
        for words, lines in _STRONGER.items()
    }
    return pd.DataFrame(columns).rename_axis("network").reset_index()


def _reading(results: Results, source: str) -> Estimate:
    """How far FGSM-retrained is above the baseline at 0.3, if its images are made on `source`."""
    attack = "FGSM" if source == "itself" else TRANSFERRED.format("FGSM")
    (retrained,) = curves.attacked(results, "fgsm_retrained", attack=attack, protocol=_CORRECTED)
    (baseline,) = curves.attacked(results, "undefended", protocol=_CORRECTED)
    return curves.gain_at(0.3, retrained, baseline)


def _labels(results: Results) -> pd.DataFrame:
    """What each network calls the perturbed images: the class predicted most, and entropy."""
    columns = {}
    for role, counts in run_by_key(partial(curves.confusion, results), NAMES).items():
        predicted = counts.sum(axis=1)
        shares = predicted / predicted.sum(axis=1, keepdims=True)
        columns["epsilon"] = _written(GRID)
        columns[NAMES[role]] = [
            f"{share.argmax()}: {share.max():.0%} ({bits:.2f} bits)"
            for share, bits in zip(shares, curves.entropy(predicted), strict=True)
        ]
    return pd.DataFrame(columns)


def _orders(robust: Mapping[str, Curve], epsilon: float) -> pd.DataFrame:
    """Each attack against the next stronger one on the same images, at the epsilon trained for."""
    rows = []
    for weaker, stronger in pairwise(robust):
        gain = curves.gain_at(epsilon, robust[weaker], robust[stronger])
        as_expected = "no" if gain.sign < 0 else "yes"
        rows.append((weaker, stronger, gain.points(), gain.images, as_expected))
    names = ["accuracy under", "minus accuracy under", "points", "images", "as expected"]
    return pd.DataFrame(rows, columns=names)
