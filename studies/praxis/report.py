"""What the report of the Praxis study shows, beside what every report does."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Curve, Estimate, NotRun, alike, same
from harness.arms import Case, Protocol, Role
from harness.results import Results, selected, where_run
from reports.adversarial import show_adversarial
from reports.figures import curves, images, training
from reports.figures.roles import ARCHITECTURES, ATTACKS, NETWORKS, Look
from reports.gallery import Gallery
from reports.tables import by_epsilon, trainings
from studies.praxis import arms as praxis
from studies.praxis import measures
from studies.praxis.measures import Attacked, attacked

_UNITS = {
    Protocol.FAITHFUL: "epsilon between standardised images, not clipped",
    Protocol.CORRECTED: "epsilon between images in [0, 1], clipped",
}
_PIXELS = "epsilon (% of the range of a pixel)"
_AXES = {Protocol.FAITHFUL: "epsilon (% of a standard deviation)", Protocol.CORRECTED: _PIXELS}
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
#: The images of each class that are shown.
_SHOWN = range(len(praxis.SHARKS))


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    published, part_a = _published_errors(comparison), (praxis.MODELS, Protocol)
    cw = where_run(partial(_cw, results), *part_a, ("FGSM", *praxis.VARIANTS))
    changes = where_run(partial(_changes, results), *part_a, ("FGSM", "CW"), _SHOWN)
    return {
        "pictures": _draw(results, published, directory),
        "stands_in": results.stands_in,
        "classifiers": _classifiers(results, published),
        "fgsm": {words: _errors(results, each, "FGSM") for each, words in _UNITS.items()},
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
    sections = ("errors", "cw", "bars", "distilled", "training", "adversarial")
    gallery = Gallery(directory, sections)
    # The published epsilons are most likely standardised.
    beside = published[[]] if results.stands_in else published
    for protocol, crosses in zip(Protocol, (beside, published[[]]), strict=True):
        arms = list(where_run(partial(attacked, results), praxis.MODELS, [protocol]))
        if arms:
            _draw_fgsm(arms, crosses, gallery)
    for model in praxis.MODELS:
        arms = list(where_run(partial(attacked, results), [model], Protocol, ("FGSM", "CW")))
        if arms:
            _draw_confidences(arms, gallery)
        with suppress(NotRun):
            _draw_cw(results, model, gallery)
    if results.has(praxis.DISTILLED):
        _draw_distilled(results, gallery)
    return gallery


def _draw_fgsm(arms: list[Attacked], published: pd.DataFrame, gallery: Gallery) -> None:
    drawn = _panels(
        (f"{arm.model}, {arm.curve.images:,} images", arm, ARCHITECTURES[arm.model]) for arm in arms
    )
    for (model, metric), errors in published.items():
        look = ARCHITECTURES[praxis.PRINTED_NAMES[model]]
        crosses = curves.Published(f"{model}, published", look, errors.index, errors)
        drawn[metric].append(crosses)
    title, protocol = f"FGSM: {_UNITS[arms[0].protocol]}", arms[0].protocol
    caption = f"Top-1 and top-5 errors under {title}, {curves.sample_sizes(drawn)}"
    path = gallery.add("errors", f"errors-fgsm-{protocol}", caption)
    curves.panels(drawn, title, path, unit=_AXES[protocol], quantity="error (%)")


def _draw_cw(results: Results, model: str, gallery: Gallery) -> None:
    """CW beside FGSM, which is drawn on the fewer images that CW was given as well."""
    fgsm, cw = (attacked(results, model, Protocol.CORRECTED, each) for each in ("FGSM", "CW"))
    every, few = f"{fgsm.curve.images:,} images", f"the first {cw.curve.images:,} images"
    solid = ATTACKS["FGSM"]
    drawn = _panels([(f"FGSM, {every}", fgsm, solid), (f"CW, {few}", cw, ATTACKS["CW"])])
    on_few, _ = alike(fgsm.curve, cw.curve)
    dashed = f"FGSM, {few}", solid._replace(style="--"), 100 * on_few.epsilons, on_few.errors
    drawn["top-1 error"].append(curves.Line(*dashed))
    title = f"CW counted within epsilon, and FGSM: {cw.network}"
    caption = f"Top-1 and top-5 errors, {title}; FGSM on {every}, CW on {few}"
    path = gallery.add("cw", f"errors-cw-{model}", caption)
    curves.panels(drawn, title, path, unit=_PIXELS, quantity="error (%)")


def _panels(shown: Iterable[tuple[str, Attacked, Look]]) -> dict[str, list[Any]]:
    """Errors within the study's epsilons, of (label, arm, how it is drawn)."""
    drawn: dict[str, list[Any]] = {"top-1 error": [], "top-5 error": []}
    for label, arm, look in shown:
        kept = arm.curve.epsilons <= max(praxis.EPSILONS)
        for panel, k in zip(drawn, (1, 5), strict=True):
            errors = list(compress(arm.errors(k), kept))
            drawn[panel].append(curves.Line(label, look, 100 * arm.curve.epsilons[kept], errors))
    return drawn


def _draw_confidences(arms: list[Attacked], gallery: Gallery) -> None:
    """The pictured images without attack and under the attacks on one classifier.

    Those that are wrong without attack are left out.
    """
    right = [image for image in _SHOWN if arms[0].pictured["ranks"][0, image] == 0]
    if not right:
        return
    columns = [(arms[0], 0, "no attack")]
    columns += [(arm, 1, _PICTURED[arm.protocol, arm.attack]) for arm in arms]
    rows = [[_confidences(*column, image) for column in columns] for image in right]
    title = f"Highest confidences: {arms[0].network}"
    under = "; ".join(words for _, _, words in columns)
    caption = f"{title}, under: {under}. {len(right)} of the study's {len(_SHOWN)} images, those "
    caption += "that are right without attack"
    path = gallery.add("bars", f"confidences-{arms[0].model}", caption)
    images.confidence_bars(rows, title, path)


def _confidences(arm: Attacked, after: int, words: str, image: int) -> images.Confidences:
    true = arm.pictured["label_names"][image]
    return images.Confidences(
        words if after else f"{true}, {words}",
        arm.pictured[("images", "adversarial")[after]][image],
        arm.pictured["names"][after, image].tolist(),
        arm.pictured["confidences"][after, image],
        true,
    )


def _draw_distilled(results: Results, gallery: Gallery) -> None:
    label, drawn = results.label(praxis.DISTILLED), {}
    for words in _CURVES:
        for role, curve in _distilled(results, words):
            kept = curve.where(curve.epsilons < praxis.ANY)
            line = _NETWORKS[role], NETWORKS[role], 100 * kept.epsilons, kept.accuracies
            panel = drawn.setdefault(f"{words},\n{curve.images:,} images", [])
            panel.append(curves.Line(*line))
    title = f"Distilled and undistilled under attack: {label}"
    caption = f"Accuracy against epsilon. {title}, {curves.sample_sizes(drawn)}"
    curves.panels(drawn, title, gallery.add("distilled", "accuracy", caption), unit=_PIXELS)
    title = f"Training of teacher and students: {label}"
    path = gallery.add("training", "training", f"Accuracy and loss by epoch. {title}")
    trained = results.trained(case=praxis.DISTILLED).drop_duplicates("stage")
    training.training_curves(trained, results.histories, title, path, names=_NETWORKS)
    attacked = [_adversarial(results, arm) for arm in results.examples]
    show_adversarial(attacked, label, gallery, "adversarial", "adversarial")


def _adversarial(results: Results, arm: str) -> images.Attacked:
    row = results.select(arm=arm).iloc[-1]
    label = (
        f"{_NETWORKS[row['role']]},\n{row['protocol']}, {row['attack']}\nthrough {row['view']}\n"
        f"within {100 * row['epsilon']:g} %: {100 * row['accuracy']:.1f} % right"
    )
    return images.Attacked(label, results.examples[arm], data.class_names(row["dataset"]))


def _distilled(results: Results, words: str) -> Iterator[tuple[str, Curve]]:
    """The networks of part B, by role, on one of `_CURVES`."""
    for role in _NETWORKS:
        with suppress(NotRun):
            yield role, measures.distilled(results, role, *_CURVES[words])


def _classifiers(results: Results, published: pd.DataFrame) -> pd.DataFrame:
    """Errors without attack, where both protocols have the same images."""
    rows = {
        arm.model: (
            arm.network,
            "ImageNet's" if arm.on_imagenet else "from scratch",
            arm.curve.images,
            *(arm.error(0.0, k).percent(2) for k in (1, 5)),
        )
        for arm in where_run(partial(attacked, results), praxis.MODELS, Protocol)
    }
    for model in () if results.stands_in else praxis.PRINTED_NAMES:
        name, errors = f"{model}, published", published.loc[0, model].map("{:.2f}".format)
        rows[name] = (name, "ImageNet's", "5000?", *errors)
    columns = ("network", "weights", "images", "top-1 error", "top-5 error")
    return pd.DataFrame(rows.values(), columns=columns)


def _errors(results: Results, protocol: Protocol, attack: str) -> pd.DataFrame:
    arms = where_run(partial(attacked, results), praxis.MODELS, [protocol], [attack])
    errors = {f"{arm.model} top-{k}": (arm.curve, arm.errors(k)) for arm in arms for k in (1, 5)}
    return by_epsilon(errors, _EPSILONS)


def _accuracies(results: Results, words: str) -> pd.DataFrame:
    shown = _distilled(results, words)
    return by_epsilon({_NETWORKS[role]: (each, each.accuracies) for role, each in shown}, _EPSILONS)


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
