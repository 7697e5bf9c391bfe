"""What the report of the ICBAI study shows, beside what every report does."""

from pathlib import Path
from typing import Any

import pandas as pd

import data
from evaluation import Estimate
from harness.arms import TRANSFERRED, Protocol, Role, View
from harness.links import printed
from harness.results import Results, run_by_key, where_run
from reports.figures import curves, images, training
from reports.figures.bars import grouped_bars
from reports.figures.canvas import COLORS
from reports.figures.patches import patch_grid, patched_images
from reports.gallery import Gallery
from reports.tables import by_epsilon, interval, trainings
from studies.icbai.claims import NOISE
from studies.icbai.classifiers import CASES, PROTOCOLS
from studies.icbai.distillation import CASE
from studies.icbai.measures import (
    UnderFgsm,
    UnderPatches,
    mean,
    networks,
    under_fgsm,
    under_patches,
)
from studies.icbai.published import FOLDER

_NAMES = {
    Role.UNDEFENDED: "undefended",
    Role.TEACHER: "teacher at T",
    Role.STUDENT: "student: soft labels at T",
    Role.CONTROL: "control: hard labels at T",
}
_UNITS = {"standardised": "in standardised units", "pixels": "of the range of a pixel"}
_PATCH = ["patch_side", "patch_class", "arm"]


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    pictures = Gallery(directory, ("accuracy", "training", "adversarial", "fgsm", "patches"))
    return {
        "distilled": _distilled(results, comparison, pictures) if results.has(CASE) else None,
        "classifiers": _classifiers(results, pictures) if any(map(results.has, CASES)) else None,
        "pictures": pictures,
    }


def _distilled(results: Results, comparison: pd.DataFrame, pictures: Gallery) -> dict[str, Any]:
    """The half on MNIST."""
    _draw_distilled(results, pictures)
    row = comparison[comparison["kind"] == "accuracy under attack"].iloc[0]
    return {
        "published": row["value"],
        "measured": {protocol: interval(row, protocol, 2) for protocol in Protocol},
        "clean": trainings(results.trained(case=CASE), _NAMES),
        "faithful": _accuracies(results, Protocol.FAITHFUL, attack="FGSM"),
        "worst": _accuracies(results, Protocol.CORRECTED),
        "attacks": _attacks(results),
    }


def _draw_distilled(results: Results, pictures: Gallery) -> None:
    title = f"Accuracy against epsilon: {results.label(CASE)}"
    path = pictures.add("accuracy", "accuracy", title)
    curves.panels(_panels(results), title, path, unit="epsilon (% of the range of a pixel)")
    title = f"Training: {results.label(CASE)}"
    path = pictures.add("training", "training", title)
    trained = results.trained(case=CASE).drop_duplicates("stage")
    training.training_curves(trained, results.histories, title, path, names=_NAMES)
    shown = results.select(case=CASE, epsilon_grey=NOISE, arm=tuple(results.examples))
    for index, (_, row) in enumerate(shown.iterrows()):
        title = (
            f"{_NAMES[row['role']]}, {row['protocol']}: {row['attack']} through {row['view']}, "
            f"epsilon 30 %, which leaves {100 * row['accuracy']:.1f} % of all images right"
        )
        path = pictures.add("adversarial", f"adversarial-{index + 1:02}", title)
        names = data.class_names(row["dataset"])
        images.adversarial_images(results.examples[row["arm"]], names, title, path)


def _panels(results: Results) -> dict[str, list[curves.Line | curves.Published]]:
    faithful, over_t = "FGSM through the logits\n(faithful)", View.LOGITS_OVER_T
    attacked = {
        faithful: {"protocol": Protocol.FAITHFUL, "attack": "FGSM"},
        "FGSM through logits / T": {"attack": "FGSM", "view": over_t},
        "PGD through logits / T": {"attack": "PGD", "view": over_t},
        "FGSM from the\nundefended network": {"attack": TRANSFERRED.format("FGSM")},
        "worst of all attacks": {},
    }

    def line(role: str, where: dict[str, str]) -> curves.Line:
        place = {"case": CASE, "protocol": Protocol.CORRECTED, "role": role} | where
        if role == Role.UNDEFENDED:  # it has no other output
            place |= {"view": View.LOGITS}
        curve = results.curve(**place)
        return curves.Line(_NAMES[role], COLORS[role], 100 * curve.epsilons, curve.accuracies)

    panels: dict[str, list[curves.Line | curves.Published]] = {
        title: list(where_run(line, _NAMES, [where])) for title, where in attacked.items()
    }
    percent = float(printed(FOLDER, metric="accuracy of distilled network"))
    cross = curves.Published(f"published, student: {percent} %", "black", [30], [percent])
    panels[faithful].append(cross)
    return {title: lines for title, lines in panels.items() if lines}


def _accuracies(results: Results, protocol: Protocol, **attack: str) -> pd.DataFrame:
    """Accuracy at every epsilon, one column per network; without an attack under all of them."""
    found = run_by_key(lambda role: results.compared_curve(CASE, protocol, role, **attack), _NAMES)
    columns = {_NAMES[role]: (curve, curve.accuracies) for role, curve in found.items()}
    return by_epsilon(columns, {"epsilon, %": lambda epsilon, _: f"{100 * epsilon:.4g}"})


def _attacks(results: Results) -> pd.DataFrame:
    """Every attack on every network at 30 % noise."""
    rows = results.select(case=CASE, epsilon_grey=NOISE)
    shares = zip(rows["accuracy"], rows["images"], strict=True)
    return pd.DataFrame(
        {
            "network": rows["role"].map(_NAMES),
            "seed": rows["seed"],
            "protocol": rows["protocol"],
            "attacked through": rows["view"],
            "attack": rows["attack"],
            "images": rows["images"],
            "accuracy": [Estimate.share(*share).percent() for share in shares],
            # That of the loss which the attack climbs, if there is one.
            "gradient exactly zero": rows["zero_gradient"].map("{:.1%}".format, "ignore"),
            "mean L-inf distance": rows["mean_linf"].map("{:.3f}".format),
            "accuracy after rounding to 8 bits": rows["rounded_accuracy"].map("{:.1%}".format),
        }
    )


def _classifiers(results: Results, pictures: Gallery) -> dict[str, Any]:
    """The half on ImageNet."""
    attacked = networks(under_fgsm, results, Protocol)
    patched = networks(under_patches, results, PROTOCOLS)
    if attacked:
        _draw_fgsm(results, attacked, pictures)
    for network in patched:
        _draw_patches(results, network, pictures)
    return {
        "clean": _clean(results),
        "fgsm": _fgsm(attacked) if attacked else pd.DataFrame(),
        "patches": _patches(results, patched),
    }


def _draw_fgsm(results: Results, attacked: list[UnderFgsm], pictures: Gallery) -> None:
    """The errors against epsilon, and images of every network at the largest."""
    panels: dict[str, list[curves.Line]] = {}
    path = pictures.add("fgsm", "classifiers-fgsm", "Top-1 error against epsilon under FGSM")
    for case, label, protocol, curve, rows in attacked:
        unit, color = _UNITS[rows["units"].iloc[0]], f"C{CASES.index(case)}"
        line = curves.Line(case.model, color, 100 * curve.epsilons, curve.errors)
        panels.setdefault(f"{protocol}: percent {unit}", []).append(line)
        title = f"FGSM at {100 * curve.epsilons[-1]:g} % {unit}: {label}"
        shown = pictures.add("fgsm", f"classifiers-fgsm-{protocol}-{case.model}", title)
        stored = results.examples[rows["arm"].iloc[0]]
        images.adversarial_images(stored, None, title.replace(": ", "\n"), shown)
    curves.panels(panels, "Errors under FGSM", path, unit="epsilon (%)", quantity="top-1 error (%)")


def _draw_patches(results: Results, network: UnderPatches, pictures: Gallery) -> None:
    """The errors under all patches, the patches themselves, and one image under each."""
    case, label, kind, rows, errors = network
    bars = {
        name: {f"{side} pixels": mean(errors[side, name]) for side in network.by_side()}
        for name in errors.columns.unique(1)
    }
    clean = 1 - results.select(case=case, placement=0)["accuracy"].mean()
    title = f"Top-1 error by size and class, {kind} patches: {label}"
    path = pictures.add("patches", f"classifiers-{kind}-errors-{case.model}", title)
    grouped_bars(bars, title, path, quantity="top-1 error (%)", line=(clean, "no patch"))

    patches: dict[str, dict[str, dict[str, Any]]] = {}
    for (side, name, arm), of_patch in rows.groupby(_PATCH, sort=False):
        shares = {"error": errors[side, name].mean(), "target": of_patch["target_rate"].mean()}
        patches.setdefault(f"{side:g} pixels", {})[name] = results.patches[arm] | shares
    for what, title, draw in (
        ("patches", f"{kind.capitalize()} patches: {label}", patch_grid),
        ("patched", f"One image under every {kind} patch: {label}", patched_images),
    ):
        path = pictures.add("patches", f"classifiers-{kind}-{what}-{case.model}", title)
        draw(patches, title, path)


def _clean(results: Results) -> pd.DataFrame:
    rows = results.trained(case=CASES).drop_duplicates("stage")
    return pd.DataFrame(
        {
            "network": rows["case"].map({str(case): case.model for case in CASES}),
            "data": rows["dataset"],
            "parameters": rows["parameters"].map("{:,}".format),
            "trained": rows["epochs"].map(lambda n: f"{n} epochs" if n else "pre-trained"),
            "top-1 error": (1 - rows["test_accuracy"]).map("{:.2%}".format),
            "images": rows["test_images"],
        }
    )


def _fgsm(attacked: list[UnderFgsm]) -> pd.DataFrame:
    rows = pd.concat([each.rows for each in attacked])
    return pd.DataFrame(
        {
            "network": rows["model"],
            "protocol": rows["protocol"],
            "epsilon, %": (100 * rows["epsilon"]).map("{:g}".format),
            "unit": rows["units"].map(_UNITS),
            "grey levels": rows["epsilon_grey"].map("{:.2f}".format),
            "error": [error.percent() for each in attacked for error in each.curve.errors],
            "RMS change": rows["change"].map("{:.2f}".format, "ignore"),
            "PSNR, dB": rows["psnr"].map("{:.1f}".format, "ignore"),
        }
    )


def _patches(results: Results, patched: list[UnderPatches]) -> pd.DataFrame:
    listed = []
    for case, _, kind, rows, errors in patched:
        for (side, name, arm), of_patch in rows.groupby(_PATCH, sort=False):
            row, losses = of_patch.iloc[-1], results.patches[arm].get("loss", ())
            listed.append(
                {
                    "network": case.model,
                    "patch": kind,
                    "side": int(side),
                    "% of the area": f"{100 * row['patch_share']:.2f}",
                    "class": name,
                    "fitted on": f"{row['patch_fitted_on']:,.0f}" if kind == "trained" else "",
                    "loss at each epoch": ", ".join(f"{loss:.2f}" for loss in losses),
                    "evaluated on": f"{row['images']:,.0f}",
                    "places": int(row["placement"]),
                    "error": mean(errors[side, name]).percent(),
                    "seen as the class": f"{100 * of_patch['target_rate'].mean():.1f}",
                }
            )
    return pd.DataFrame(listed)
