"""What the report of the Praxis study shows, beside what every report does."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Curve, Estimate, alike, same
from harness.arms import Protocol, Role, View
from harness.results import Results, selected
from reports.figures.canvas import COLORS
from reports.figures.curves import Line, Published, panels
from reports.figures.images import Confidences, adversarial_images, confidence_bars
from reports.figures.training import training_curves
from reports.gallery import Gallery
from reports.tables import trainings
from studies.praxis import arms as praxis
from studies.praxis import measures
from studies.praxis.measures import Attacked, classifiers, distilled, under_fgsm
from studies.praxis.published import PRINTED_NAMES

_UNITS = {
    Protocol.FAITHFUL: "epsilon between standardised images, not clipped",
    Protocol.CORRECTED: "epsilon between images in [0, 1], clipped",
}
_PIXELS = "epsilon (% of the range of a pixel)"
#: Part A: the attacks on the pictured images, in words.
_PICTURED = {
    "FGSM 2 %, standardised": (Protocol.FAITHFUL, "FGSM"),
    "FGSM 2 %, pixels": (Protocol.CORRECTED, "FGSM"),
    "CW, any distance": (Protocol.CORRECTED, "CW"),
}
#: Part B: the networks, and the curves that are drawn, in words.
_NETWORKS = {
    Role.UNDEFENDED: "undefended: hard labels",
    Role.TEACHER: "teacher at T (ResNet-101)",
    Role.STUDENT: "student: soft labels at T",
    Role.CONTROL: "control: soft labels discarded",
}
_CURVES = {
    "FGSM through the logits (faithful)": (Protocol.FAITHFUL, "FGSM", View.LOGITS),
    "one signed step of CW's margin (faithful)": (Protocol.FAITHFUL, praxis.STEP, View.LOGITS),
    "FGSM through logits / T": (Protocol.CORRECTED, "FGSM", View.LOGITS_OVER_T),
    "CW, counted within epsilon": (Protocol.CORRECTED, "CW", View.LOGITS_OVER_T),
}
#: Part A: one colour on the whole page, none of them a colour of part B.
_COLORS = dict(zip((*praxis.MODELS, "CW"), ("C4", "C5", "C8", "C9", "C6", "black"), strict=True))


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    published, fgsm = _published_errors(comparison), list(under_fgsm(results))
    cw = [arm for each in fgsm for arm in measures.variants(results, each) if arm.attack == "CW"]
    return {
        "pictures": _draw(results, published, directory),
        "timed_apart": "crafting_seconds" in results.table,
        "classifiers": _classifiers(fgsm, published),
        "fgsm": {
            words: _errors(arm for arm in fgsm if arm.protocol == protocol)
            for protocol, words in _UNITS.items()
        },
        "published_fgsm": _published_table(published),
        "cw": _cw(results),
        "cw_within": _errors(cw),
        "changes": _changes(results),
        "seconds": _seconds(results, comparison),
        "distilled": trainings(results.trained(case=praxis.DISTILLED), _NETWORKS),
        "distilled_curves": {words: _accuracies(results, words) for words in _CURVES},
    }


def _published_errors(comparison: pd.DataFrame) -> pd.DataFrame:
    """Errors in percent by epsilon in percent, a column for each (model, metric)."""
    rows = selected(comparison, table=("Table 1", "Table 4", "Table 5", "Table 6"))
    rows = rows[["model", "metric", "epsilon", "value"]].replace({"epsilon": {"": "0"}})
    rows = rows.astype({"epsilon": float, "value": float})
    columns = rows.groupby(["model", "metric"], sort=False)
    return pd.DataFrame({key: of_key.set_index("epsilon")["value"] for key, of_key in columns})


def _draw(results: Results, published: pd.DataFrame, directory: Path) -> Gallery:
    sections = ("errors", "cw", "bars", "distilled", "training", "adversarial")
    gallery = Gallery(directory, sections)
    for protocol in Protocol:
        _draw_fgsm(results, protocol, published, gallery)
    for fgsm in under_fgsm(results):
        for arm in measures.variants(results, fgsm):
            if arm.attack == "CW":
                _draw_cw(fgsm, arm, gallery)
    for model in classifiers(results):
        _draw_confidences(results, model, gallery)
    if results.has(praxis.DISTILLED):
        _draw_distilled(results, gallery)
    return gallery


def _draw_fgsm(
    results: Results, protocol: Protocol, published: pd.DataFrame, gallery: Gallery
) -> None:
    arms = [arm for arm in under_fgsm(results) if arm.protocol == protocol]
    if not arms:
        return
    drawn = _panels((f"{arm.model}, {arm.curve.images:,} images", arm, arm.model) for arm in arms)
    # The published epsilons are most likely standardised.
    if protocol == Protocol.FAITHFUL:
        for (model, metric), errors in published.items():
            color = _COLORS[PRINTED_NAMES[model]]
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
        for k in (1, 5):
            errors = list(compress(arm.errors(k), kept))
            drawn[f"top-{k} error"].append(Line(label, _COLORS[color], epsilons, errors))
    return drawn


def _draw_confidences(results: Results, model: str, gallery: Gallery) -> None:
    arms = _pictured(results, model)
    if not arms:
        return
    first = next(iter(arms.values()))
    rows = [
        [_confidences(first, image, 0, f"{true}, no attack")]
        + [_confidences(arm, image, 1, words) for words, arm in arms.items()]
        for image, true in enumerate(first.pictured["label_names"])
    ]
    title = f"Highest confidences: {first.network}"
    confidence_bars(rows, title, gallery.add("bars", f"confidences-{model}", title))


def _pictured(results: Results, model: str) -> dict[str, Attacked]:
    """The arms of a classifier that picture images, by the attack in words."""
    arms = {words: measures.attacked(results, model, *arm) for words, arm in _PICTURED.items()}
    return {words: arm for words, arm in arms.items() if arm is not None}


def _confidences(arm: Attacked, image: int, attacked: int, title: str) -> Confidences:
    return Confidences(
        title,
        arm.pictured[("images", "adversarial")[attacked]][image],
        arm.pictured["names"][attacked, image].tolist(),
        arm.pictured["confidences"][attacked, image],
        arm.pictured["label_names"][image],
    )


def _draw_distilled(results: Results, gallery: Gallery) -> None:
    label = results.label(praxis.DISTILLED)
    drawn: dict[str, list[Line]] = {}
    for words in _CURVES:
        for role, curve in _distilled(results, words).items():
            shown = curve.where(curve.epsilons < praxis.ANY)
            line = Line(_NETWORKS[role], COLORS[role], 100 * shown.epsilons, shown.accuracies)
            drawn.setdefault(f"{words},\n{shown.images:,} images", []).append(line)
    title = f"Distilled and undistilled under attack: {label}"
    panels(drawn, title, gallery.add("distilled", "accuracy", title), unit=_PIXELS)
    title = f"Training of teacher and students: {label}"
    path = gallery.add("training", "training", title)
    trained = results.trained(case=praxis.DISTILLED).drop_duplicates("stage")
    training_curves(trained, results.histories, title, path, names=_NETWORKS)
    for number, (arm, examples) in enumerate(results.examples.items(), start=1):
        row = results.select(arm=arm).iloc[-1]
        title = (
            f"{_NETWORKS[row['role']]}, {row['protocol']}: {row['attack']} through {row['view']}, "
            f"epsilon {100 * row['epsilon']:g} %"
        )
        path = gallery.add("adversarial", f"adversarial-{number:02}", title)
        adversarial_images(examples, data.class_names(row["dataset"]), title, path)


def _distilled(results: Results, words: str) -> dict[str, Curve]:
    """The networks of part B on one of `_CURVES`, by role."""
    curves = {role: distilled(results, role, *_CURVES[words]) for role in _NETWORKS}
    return {role: curve for role, curve in curves.items() if curve is not None}


def _classifiers(fgsm: Iterable[Attacked], published: pd.DataFrame) -> pd.DataFrame:
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
    for model in PRINTED_NAMES:
        errors = {metric: f"{percent:.2f}" for metric, percent in published.loc[0, model].items()}
        network = {"network": f"{model}, published", "weights": "ImageNet's", "images": "5000?"}
        rows.append(network | errors)
    return pd.DataFrame(rows)


def _errors(arms: Iterable[Attacked]) -> pd.DataFrame:
    return _by_epsilon(
        {f"{arm.model} top-{k}": (arm.curve, arm.errors(k)) for arm in arms for k in (1, 5)}
    )


def _accuracies(results: Results, words: str) -> pd.DataFrame:
    curves = _distilled(results, words).items()
    return _by_epsilon({_NETWORKS[role]: (curve, curve.accuracies) for role, curve in curves})


def _by_epsilon(columns: Mapping[str, tuple[Curve, Sequence[Estimate]]]) -> pd.DataFrame:
    """A row for each epsilon, a column for each network."""
    table: dict[str, list[str]] = {}
    for name, (curve, estimates) in columns.items():
        table["epsilon, %"] = [
            "any" if same(each, praxis.ANY) else f"{100 * each:.3g}" for each in curve.epsilons
        ]
        table["grey levels"] = [f"{grey:.2f}" for grey in curve.grey]
        table[name] = [estimate.percent() for estimate in estimates]
    return pd.DataFrame(table)


def _published_table(published: pd.DataFrame) -> pd.DataFrame:
    shown = published.map("{:.2f}".format)
    shown.columns = [f"{model} {metric.removesuffix(' error')}" for model, metric in shown]
    shown.insert(0, "epsilon, %", [f"{epsilon:g}" for epsilon in shown.index])
    return shown


def _cw(results: Results) -> pd.DataFrame:
    """What may have been run as CW beside FGSM, on the images that each was given."""
    rows = []
    for fgsm in under_fgsm(results):
        for arm in (fgsm, *measures.variants(results, fgsm)):
            first, second = (curve.only(praxis.EPSILONS) for curve in alike(fgsm.curve, arm.curve))
            same_outcomes = np.mean(first.correct[1:] == second.correct[1:])
            rows.append(
                {
                    "network": arm.model,
                    "protocol": arm.protocol,
                    "attack": arm.attack,
                    "images": arm.curve.images,
                    "top-1 at 2 %": arm.error(praxis.SHOWN).percent(),
                    "top-5 at 2 %": arm.error(praxis.SHOWN, 5).percent(),
                    "FGSM's top-1 on these": Estimate.accuracy(~first.at(praxis.SHOWN)).percent(),
                    "outcomes as FGSM's": f"{100 * same_outcomes:.1f} %",
                    "largest epsilon, as 8-bit pictures": arm.as_8_bit.percent(),
                }
            )
    return pd.DataFrame(rows)


def _changes(results: Results) -> pd.DataFrame:
    """How far 2 % of FGSM, and CW, change the pictured images."""
    rows = []
    for model in classifiers(results):
        for arm in _pictured(results, model).values():
            shown = arm.pictured
            for image, name in enumerate(shown["label_names"]):
                confidences = [f"{each:.4f}" for each in shown["label_confidences"][:, image]]
                ranks = [f"{1 + rank}" for rank in shown["ranks"][:, image]]
                rows.append(
                    {
                        "network": model,
                        "protocol": arm.protocol,
                        "attack": arm.attack,
                        "image": name,
                        "mean change, grey levels": f"{shown['mean_change'][image]:.2f}",
                        "largest": f"{shown['largest_change'][image]:.2f}",
                        "confidence of the true class": " -> ".join(confidences),
                        "its rank": " -> ".join(ranks),
                        "prediction": " -> ".join(shown["names"][:, image, 0]),
                    }
                )
    return pd.DataFrame(rows)


def _seconds(results: Results, comparison: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for case in (*praxis.CLASSIFIERS.values(), praxis.DISTILLED):
        for attack in ("FGSM", "CW"):
            row = measures.timed(results, case, attack)
            if row is not None:
                part_b = case == praxis.DISTILLED
                network = results.label(case) + (", part B" if part_b else "")
                gradients = f"{row['gradient_evaluations']:.0f}"
                seconds = measures.seconds_per_iteration(row).text(2)
                all_at_once = ", all epsilons" if part_b else ""
                rows.append((network, f"{attack}{all_at_once}", seconds, gradients))
    for _, row in selected(comparison, kind="seconds per iteration").iterrows():
        rows.append((f"{row['model']}, published", row["attack"], row["value"], ""))
    columns = ["network", "attack", "seconds per 32 images", "gradients per image"]
    return pd.DataFrame(rows, columns=columns)
