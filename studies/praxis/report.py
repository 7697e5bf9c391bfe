"""What the report of the Praxis study shows, beside what every report does."""

from collections.abc import Iterable
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Curve, Estimate, alike, same
from harness.arms import Case, Protocol, Role
from harness.results import Results, selected, where_run
from reports.figures.canvas import COLORS
from reports.figures.curves import Line, Published, panels
from reports.figures.images import Confidences, adversarial_images, confidence_bars
from reports.figures.training import training_curves
from reports.gallery import Gallery
from reports.tables import by_epsilon, trainings
from studies.praxis import arms as praxis
from studies.praxis import measures
from studies.praxis.measures import Attacked, attacked

_SECTIONS = ("errors", "cw", "bars", "distilled", "training", "adversarial")
_UNITS = {
    Protocol.FAITHFUL: "epsilon between standardised images, not clipped",
    Protocol.CORRECTED: "epsilon between images in [0, 1], clipped",
}
_PIXELS = "epsilon (% of the range of a pixel)"
#: Part A: the attacks on the pictured images, in words.
_PICTURED = {
    (Protocol.FAITHFUL, "FGSM"): "FGSM 2 %, standardised",
    (Protocol.CORRECTED, "FGSM"): "FGSM 2 %, pixels",
    (Protocol.CORRECTED, "CW"): "CW, any distance",
}
#: Part B: the networks, and the curves that are drawn, in words.
_NETWORKS = {
    Role.UNDEFENDED: "undefended: hard labels",
    Role.TEACHER: "teacher at T (ResNet-101)",
    Role.STUDENT: "student: soft labels at T",
    Role.CONTROL: "control: soft labels discarded",
}
_CURVES = {
    "FGSM through the logits (faithful)": (Protocol.FAITHFUL, "FGSM"),
    "one signed step of CW's margin (faithful)": (Protocol.FAITHFUL, praxis.STEP),
    "FGSM through logits / T": (Protocol.CORRECTED, "FGSM"),
    "CW, counted within epsilon": (Protocol.CORRECTED, "CW"),
}
#: Part A: one colour on the whole page, none of them a colour of part B.
_COLORS = dict(zip((*praxis.MODELS, "CW"), ("C4", "C5", "C8", "C9", "C6", "black"), strict=True))


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    published, part_a = _published_errors(comparison), (praxis.MODELS, Protocol)
    cw = where_run(partial(_cw, results), *part_a, ("FGSM", *praxis.VARIANTS))
    images = range(len(praxis.SHARKS))
    changes = where_run(partial(_changes, results), *part_a, ("FGSM", "CW"), images)
    fgsm = {words: _errors(results, protocol, "FGSM") for protocol, words in _UNITS.items()}
    return {
        "pictures": _draw(results, published, directory),
        "timed_apart": "crafting_seconds" in results.table,
        "classifiers": _classifiers(results, published),
        "fgsm": fgsm,
        "published_fgsm": _published_table(published),
        "cw": pd.DataFrame(list(cw)),
        "cw_within": _errors(results, Protocol.CORRECTED, "CW"),
        "changes": pd.DataFrame(list(changes)),
        "seconds": _seconds(results, comparison),
        "distilled": trainings(results.trained(case=praxis.DISTILLED), _NETWORKS),
        "distilled_curves": {words: _accuracies(results, words) for words in _CURVES},
    }


def _published_errors(comparison: pd.DataFrame) -> pd.DataFrame:
    """Errors in percent by epsilon in percent, a column for each (model, metric)."""
    rows = selected(comparison, table=("Table 1", "Table 4", "Table 5", "Table 6"))
    rows = rows.replace({"epsilon": {"": "0"}}).astype({"epsilon": float, "value": float})
    errors = rows.pivot(index="epsilon", columns=["model", "metric"], values="value")
    return errors[list(praxis.PRINTED_NAMES)]


def _draw(results: Results, published: pd.DataFrame, directory: Path) -> Gallery:
    gallery = Gallery(directory, _SECTIONS)
    for protocol in Protocol:
        _draw_fgsm(results, protocol, published, gallery)
    for model in praxis.MODELS:
        arms = list(where_run(partial(attacked, results), [model], Protocol, ("FGSM", "CW")))
        if arms:
            _draw_confidences(arms, gallery)
        if {"FGSM", "CW"} <= {arm.attack for arm in arms if arm.protocol == Protocol.CORRECTED}:
            _draw_cw(*arms[-2:], gallery)
    if results.has(praxis.DISTILLED):
        _draw_distilled(results, gallery)
        _draw_examples(results, gallery)
    return gallery


def _draw_fgsm(
    results: Results, protocol: Protocol, published: pd.DataFrame, gallery: Gallery
) -> None:
    arms = list(where_run(partial(attacked, results), praxis.MODELS, [protocol]))
    if not arms:
        return
    drawn = _panels((f"{arm.model}, {arm.curve.images:,} images", arm, arm.model) for arm in arms)
    # The published epsilons are most likely standardised.
    if protocol == Protocol.FAITHFUL:
        for (model, metric), errors in published.items():
            color = _COLORS[praxis.PRINTED_NAMES[model]]
            drawn[metric].append(Published(f"{model}, published", color, errors.index, errors))
    title = f"FGSM: {_UNITS[protocol]}"
    path = gallery.add("errors", f"errors-fgsm-{protocol}", title)
    panels(drawn, title, path, unit="epsilon (%)", quantity="error (%)")


def _draw_cw(fgsm: Attacked, cw: Attacked, gallery: Gallery) -> None:
    """CW beside FGSM, which is drawn on the fewer images that CW was given as well."""
    every, few = f"{fgsm.curve.images:,} images", f"the first {cw.curve.images:,} images"
    drawn = _panels([(f"FGSM, {every}", fgsm, fgsm.model), (f"CW, {few}", cw, "CW")])
    on_few, _ = alike(fgsm.curve, cw.curve)
    dashed = f"FGSM, {few}", _COLORS[fgsm.model], 100 * on_few.epsilons, on_few.errors, "--"
    drawn["top-1 error"].append(Line(*dashed))
    title = f"CW counted within epsilon, and FGSM: {cw.network}"
    path = gallery.add("cw", f"errors-cw-{cw.model}", title)
    panels(drawn, title, path, unit=_PIXELS, quantity="error (%)")


def _panels(shown: Iterable[tuple[str, Attacked, str]]) -> dict[str, list[Line | Published]]:
    """Errors within the study's epsilons, of (label, arm, name of its colour)."""
    drawn: dict[str, list[Line | Published]] = {"top-1 error": [], "top-5 error": []}
    for label, arm, color in shown:
        kept = arm.curve.epsilons <= max(praxis.EPSILONS)
        epsilons = 100 * arm.curve.epsilons[kept]
        for panel, k in zip(drawn, (1, 5), strict=True):
            errors = list(compress(arm.errors(k), kept))
            drawn[panel].append(Line(label, _COLORS[color], epsilons, errors))
    return drawn


def _draw_confidences(arms: list[Attacked], gallery: Gallery) -> None:
    """The pictured images without attack and under the attacks on one classifier."""
    clean = arms[0]
    rows = [
        [_confidences(clean, image, 0, f"{name}, no attack")]
        + [_confidences(arm, image, 1, _PICTURED[arm.protocol, arm.attack]) for arm in arms]
        for image, name in enumerate(clean.pictured["label_names"])
    ]
    title = f"Highest confidences: {clean.network}"
    confidence_bars(rows, title, gallery.add("bars", f"confidences-{clean.model}", title))


def _confidences(arm: Attacked, image: int, under_attack: int, title: str) -> Confidences:
    return Confidences(
        title,
        arm.pictured[("images", "adversarial")[under_attack]][image],
        arm.pictured["names"][under_attack, image].tolist(),
        arm.pictured["confidences"][under_attack, image],
        arm.pictured["label_names"][image],
    )


def _draw_distilled(results: Results, gallery: Gallery) -> None:
    label, drawn = results.label(praxis.DISTILLED), {}
    for words in _CURVES:
        for role, curve in _distilled(results, words):
            shown = curve.where(curve.epsilons < praxis.ANY)
            line = Line(_NETWORKS[role], COLORS[role], 100 * shown.epsilons, shown.accuracies)
            drawn.setdefault(f"{words},\n{shown.images:,} images", []).append(line)
    title = f"Distilled and undistilled under attack: {label}"
    panels(drawn, title, gallery.add("distilled", "accuracy", title), unit=_PIXELS)
    title = f"Training of teacher and students: {label}"
    path = gallery.add("training", "training", title)
    trained = results.trained(case=praxis.DISTILLED).drop_duplicates("stage")
    training_curves(trained, results.histories, title, path, names=_NETWORKS)


def _draw_examples(results: Results, gallery: Gallery) -> None:
    for number, (arm, examples) in enumerate(results.examples.items(), start=1):
        row = results.select(arm=arm).iloc[-1]
        title = (
            f"{_NETWORKS[row['role']]}, {row['protocol']}: {row['attack']} through {row['view']}, "
            f"epsilon {100 * row['epsilon']:g} %"
        )
        path = gallery.add("adversarial", f"adversarial-{number:02}", title)
        adversarial_images(examples, data.class_names(row["dataset"]), title, path)


def _distilled(results: Results, words: str) -> list[tuple[str, Curve]]:
    """The networks of part B, by role, on one of `_CURVES`."""

    def of_role(role: str) -> tuple[str, Curve]:
        return role, measures.distilled(results, role, *_CURVES[words])

    return list(where_run(of_role, _NETWORKS))


def _classifiers(results: Results, published: pd.DataFrame) -> pd.DataFrame:
    fgsm = where_run(partial(attacked, results), praxis.MODELS, Protocol)
    # Without attack both protocols have the same images.
    rows = [
        {
            "network": arm.network,
            "weights": "ImageNet's" if arm.on_imagenet else "from scratch",
            "images": arm.curve.images,
            **{f"top-{k} error": arm.error(0.0, k).percent(2) for k in (1, 5)},
        }
        for arm in {arm.model: arm for arm in fgsm}.values()
    ]
    for model in praxis.PRINTED_NAMES:
        errors = {metric: f"{percent:.2f}" for metric, percent in published.loc[0, model].items()}
        network = {"network": f"{model}, published", "weights": "ImageNet's", "images": "5000?"}
        rows.append(network | errors)
    return pd.DataFrame(rows)


def _errors(results: Results, protocol: Protocol, attack: str) -> pd.DataFrame:
    arms = where_run(partial(attacked, results), praxis.MODELS, [protocol], [attack])
    errors = {f"{arm.model} top-{k}": (arm.curve, arm.errors(k)) for arm in arms for k in (1, 5)}
    return by_epsilon(errors, _EPSILONS)


def _accuracies(results: Results, words: str) -> pd.DataFrame:
    curves = _distilled(results, words)
    return by_epsilon(
        {_NETWORKS[role]: (each, each.accuracies) for role, each in curves}, _EPSILONS
    )


def _percent(epsilon: float, grey: float) -> str:
    return "any" if same(epsilon, praxis.ANY) else f"{100 * epsilon:.3g}"


#: How tables write an epsilon.
_EPSILONS = {"epsilon, %": _percent, "grey levels": "{1:.2f}".format}


def _published_table(published: pd.DataFrame) -> pd.DataFrame:
    shown = published.map("{:.2f}".format)
    shown.columns = [f"{model} {metric.removesuffix(' error')}" for model, metric in shown]
    shown.insert(0, "epsilon, %", [f"{epsilon:g}" for epsilon in shown.index])
    return shown


def _cw(results: Results, model: str, protocol: Protocol, attack: str) -> dict[str, Any]:
    """What may have been run as CW beside FGSM, on the images that it was given."""
    fgsm, arm = (attacked(results, model, protocol, each) for each in ("FGSM", attack))
    first, second = (curve.only(praxis.EPSILONS) for curve in alike(fgsm.curve, arm.curve))
    same_outcomes = np.mean(first.correct[1:] == second.correct[1:])
    return {
        "network": model,
        "protocol": protocol,
        "attack": attack,
        "images": arm.curve.images,
        "top-1 at 2 %": arm.error(praxis.SHOWN).percent(),
        "top-5 at 2 %": arm.error(praxis.SHOWN, 5).percent(),
        "FGSM's top-1 on these": Estimate.accuracy(~first.at(praxis.SHOWN)).percent(),
        "outcomes as FGSM's": f"{100 * same_outcomes:.1f} %",
        "largest epsilon, as 8-bit pictures": arm.as_8_bit.percent(),
    }


def _changes(
    results: Results, model: str, protocol: Protocol, attack: str, image: int
) -> dict[str, Any]:
    """How far 2 % of FGSM, or CW, change a pictured image."""
    shown = attacked(results, model, protocol, attack).pictured
    confidences = [f"{each:.4f}" for each in shown["label_confidences"][:, image]]
    return {
        "network": model,
        "protocol": protocol,
        "attack": attack,
        "image": shown["label_names"][image],
        "mean change, grey levels": f"{shown['mean_change'][image]:.2f}",
        "largest": f"{shown['largest_change'][image]:.2f}",
        "confidence of the true class": " -> ".join(confidences),
        "its rank": " -> ".join(f"{1 + rank}" for rank in shown["ranks"][:, image]),
        "prediction": " -> ".join(shown["names"][:, image, 0]),
    }


def _seconds(results: Results, comparison: pd.DataFrame) -> pd.DataFrame:
    def measured(case: Case, attack: str) -> tuple[str, str, str, str]:
        row, part_b = measures.timed(results, case, attack), case == praxis.DISTILLED
        network, attacks = (", part B", ", all epsilons") if part_b else ("", "")
        seconds = measures.seconds_per_iteration(row).text(2)
        gradients = f"{row['gradient_evaluations']:.0f}"
        return results.label(case) + network, attack + attacks, seconds, gradients

    cases = (*praxis.CLASSIFIERS.values(), praxis.DISTILLED)
    rows = list(where_run(measured, cases, ("FGSM", "CW")))
    for _, row in selected(comparison, kind="seconds per iteration").iterrows():
        rows.append((f"{row['model']}, published", row["attack"], row["value"], ""))
    columns = ["network", "attack", "seconds per 32 images", "gradients per image"]
    return pd.DataFrame(rows, columns=columns)
