"""What the report of the ICBAI study shows, beside what every report does."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Estimate, NotRun, TransferMatrix
from harness.arms import TRANSFERRED, TRANSFERRED_FROM, Protocol, Role, View
from harness.links import printed
from harness.results import Results, run_by_key, where_run
from reports.adversarial import show_adversarial
from reports.figures import curves, dots, images, patches, training, transfer
from reports.figures.roles import ARCHITECTURES, NETWORKS
from reports.gallery import Gallery
from reports.tables import by_epsilon, interval, listed, trainings
from studies.icbai.classifiers import CASES, PROTOCOLS
from studies.icbai.distillation import CASE, JUDGED, NOISE, WITHIN_EPSILON
from studies.icbai.measures import UnderFgsm, UnderPatches, on_mnist, under_fgsm, under_patches
from studies.icbai.published import FOLDER

_NAMES = {
    Role.UNDEFENDED: "undefended",
    Role.TEACHER: "teacher at T",
    Role.STUDENT: "student: soft labels at T",
    Role.CONTROL: "control: hard labels at T",
}
_FAITHFUL = "FGSM through the logits\n(faithful)"
#: The curves that are drawn, by panel; corrected unless it says otherwise.
_CURVES = {
    _FAITHFUL: {"protocol": Protocol.FAITHFUL, "attack": "FGSM"},
    "FGSM through logits / T": {"attack": "FGSM", "view": View.LOGITS_OVER_T},
    "PGD through logits / T": {"attack": "PGD", "view": View.LOGITS_OVER_T},
    "FGSM from the\nundefended network": {"attack": TRANSFERRED.format("FGSM")},
    "worst of all attacks": {"attack": WITHIN_EPSILON},
}
_UNITS = {"standardised": "in standardised units", "pixels": "of the range of a pixel"}


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    pictures = Gallery(
        directory, ("accuracy", "transfer", "training", "adversarial", "fgsm", "patches")
    )
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
        "faithful": _accuracies(results, Protocol.FAITHFUL),
        "worst": _accuracies(results, Protocol.CORRECTED),
        "attacks": _attacks(results),
        "smallest": _smallest(results),
    }


def _draw_distilled(results: Results, pictures: Gallery) -> None:
    title = f"Accuracy against epsilon: {results.label(CASE)}"
    drawn = {panel: list(_lines(results, panel)) for panel in _CURVES}
    path = pictures.add("accuracy", "accuracy", f"{title}, {curves.sample_sizes(drawn)}")
    curves.panels(drawn, title, path, unit="epsilon (% of the range of a pixel)")
    matrix = _transferred(results)
    if matrix is not None:
        title = f"Images of PGD at 30 % noise on other networks: {results.label(CASE)}"
        caption = f"{title}: accuracy of each network on the images crafted on each"
        transfer.transfer_map(matrix, title, pictures.add("transfer", "transfer", caption))
    title = f"Training: {results.label(CASE)}"
    caption = f"Accuracy and loss of each network by epoch of its training: {results.label(CASE)}"
    path = pictures.add("training", "training", caption)
    trained = results.trained(case=CASE).drop_duplicates("stage")
    training.training_curves(trained, results.histories, title, path, names=_NAMES)
    shown = results.select(case=CASE, epsilon_grey=NOISE, arm=tuple(results.examples))
    attacked = [
        images.Attacked(
            f"{_NAMES[row['role']]},\n{row['protocol']}, {row['attack']}\nthrough {row['view']}\n"
            f"within 30 %: {100 * row['accuracy']:.1f} % right",
            results.examples[row["arm"]],
            data.class_names(row["dataset"]),
        )
        for _, row in shown.iterrows()
    ]
    show_adversarial(attacked, results.label(CASE), pictures, "adversarial", "adversarial")


def _lines(results: Results, panel: str) -> Iterator[curves.Line | curves.Published]:
    def line(role: str) -> curves.Line:
        place = {"protocol": Protocol.CORRECTED, **_CURVES[panel]}
        if role == Role.UNDEFENDED:  # it has no other output
            place["view"] = View.LOGITS
        curve = results.curve(case=CASE, role=role, **place)
        return curves.Line(_NAMES[role], NETWORKS[role], 100 * curve.epsilons, curve.accuracies)

    yield from where_run(line, _NAMES)
    if panel == _FAITHFUL and not results.stands_in:
        percent = printed(FOLDER, metric="accuracy of distilled network")
        name = f"published, student: {percent} %"
        yield curves.Published(name, NETWORKS[Role.STUDENT], [30], [percent])


def _accuracies(results: Results, protocol: Protocol) -> pd.DataFrame:
    """Accuracy at every epsilon, one column per network."""
    found = run_by_key(partial(on_mnist, results, protocol), _NAMES)
    columns = {_NAMES[role]: (curve, curve.accuracies) for role, curve in found.items()}
    return by_epsilon(columns, {"epsilon, %": lambda epsilon, _: f"{100 * epsilon:.4g}"})


def _attacks(results: Results) -> pd.DataFrame:
    """Every attack on every network at 30 % noise."""
    rows = results.select(case=CASE, epsilon_grey=NOISE)
    shares = zip(rows["accuracy"], rows["images"], strict=True)
    columns = {
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
    return pd.DataFrame(columns)


def _smallest(results: Results) -> pd.DataFrame:
    """How far Carlini and Wagner's attack has to go on each network."""
    columns = {
        "network": lambda row: _NAMES[row["role"]],
        "seed": "seed",
        "images": "images",
        "left right": lambda row: Estimate.share(row["accuracy"], row["images"]).percent(),
        "turned": lambda row: f"{row['fooled']:.0f}",
        "their median L2 distance": lambda row: f"{row['fooled_median_l2']:.3f}",
    }
    return listed(results.select(case=CASE, attack="CW", epsilon=np.inf), columns)


def _transferred(results: Results) -> TransferMatrix | None:
    """What PGD's images at 30 % do from network to network, in the first run; `None` without."""

    def correct(crafted_on: str, role: str) -> np.ndarray:
        place = {"case": CASE, "protocol": Protocol.CORRECTED, "role": role, "seed": 0}
        place |= {"attack": TRANSFERRED_FROM.format("PGD", crafted_on), "view": View.LOGITS}
        if crafted_on == role:
            at_t = role != Role.UNDEFENDED
            place |= {"attack": "PGD", "view": View.LOGITS_OVER_T if at_t else View.LOGITS}
        curve = results.curve(**place)
        return np.stack([curve.correct[0, 0], curve.at(grey=NOISE)[0]])

    with suppress(NotRun):
        pairs = np.array([[correct(made_on, role) for role in JUDGED] for made_on in JUDGED])
        names = tuple(_NAMES[role] for role in JUDGED)
        return TransferMatrix(names, pairs[0, :, 0], pairs[:, :, 1])
    return None


def _classifiers(results: Results, pictures: Gallery) -> dict[str, Any]:
    """The half on ImageNet."""
    attacked = list(where_run(partial(under_fgsm, results), CASES, Protocol))
    patched = list(where_run(partial(under_patches, results), CASES, PROTOCOLS))
    if attacked:
        _draw_fgsm(results, attacked, pictures)
    for case in CASES:
        _draw_patches(results, [each for each in patched if each.case == case], pictures)
    return {
        "clean": _clean(results),
        "fgsm": _fgsm(attacked) if attacked else pd.DataFrame(),
        "patches": _patches(results, patched) if patched else pd.DataFrame(),
    }


def _draw_fgsm(results: Results, attacked: list[UnderFgsm], pictures: Gallery) -> None:
    """The errors against epsilon, and an image of every network at the largest."""
    drawn: dict[str, list[curves.Line]] = {}
    units: dict[str, str] = {}
    shown = []
    for case, _, protocol, curve, rows in attacked:
        unit = _UNITS[rows["units"].iloc[0]]
        line = case.model, ARCHITECTURES[case.model], 100 * curve.epsilons, curve.errors
        drawn.setdefault(protocol, []).append(curves.Line(*line))
        units[protocol] = f"epsilon (% {unit})"
        label = (
            f"{case.model}, {protocol}\nFGSM at {100 * curve.epsilons[-1]:g} %\n{unit},\n"
            f"{curve.errors[-1].value:.1%} wrong"
        )
        shown.append(images.Attacked(label, results.examples[rows["arm"].iloc[0]]))
    caption = f"Top-1 error against epsilon under FGSM on ImageNet, {curves.sample_sizes(drawn)}"
    path = pictures.add("fgsm", "classifiers-fgsm", caption)
    curves.panels(drawn, "Errors under FGSM", path, unit=units, quantity="top-1 error (%)")
    show_adversarial(shown, "FGSM on ImageNet", pictures, "fgsm", "classifiers-fgsm-images")


def _draw_patches(results: Results, networks: list[UnderPatches], pictures: Gallery) -> None:
    """Of one network the errors under all patches, the patches, and one image under each."""
    errors: dict[str, dict[str, dict[str, Estimate]]] = {}
    for case, label, kind, rows, *_ in networks:
        stored: dict[str, dict[str, dict[str, Any]]] = {}
        for _, row in rows.iterrows():
            side, name = f"{row['patch_side']} pixels", row["patch_class"]
            errors.setdefault(f"{kind} patches", {}).setdefault(name, {})[side] = row["error"]
            shares = {"error": row["error"].value, "target": row["target_rate"]}
            stored.setdefault(side, {})[name] = results.patches[row["arm"]] | shares
        for what, title, draw in (
            ("patches", f"{kind.capitalize()} patches: {label}", patches.patch_grid),
            ("patched", f"One image under every {kind} patch: {label}", patches.patched_images),
        ):
            caption = f"{title}, by side and class of the patch"
            draw(stored, title, pictures.add("patches", f"{kind}-{what}-{case.model}", caption))
    if networks:
        case, label, *_ = networks[0]
        clean = 1 - results.select(case=case, placement=0)["accuracy"].mean()
        sides = sorted({f"{side} pixels" for each in networks for side in each.rows["patch_side"]})
        look = ARCHITECTURES[case.model]
        looks = {
            side: look._replace(marker=marker, called=f"a patch of {side}")
            for side, marker in zip(sides, "osD^v", strict=False)
        }
        title = f"Top-1 error by class and side of the patch: {label}"
        path = pictures.add("patches", f"patch-errors-{case.model}", f"{title}; dashed: no patch")
        what = {"quantity": "top-1 error (%)", "levels": {"no patch": clean}}
        dots.dot_plot({"": errors}, looks, title, path, **what)


def _clean(results: Results) -> pd.DataFrame:
    models = {str(case): case.model for case in CASES}
    columns = {
        "network": lambda row: models[row["case"]],
        "data": "dataset",
        "parameters": lambda row: f"{row['parameters']:,}",
        "trained": lambda row: f"{row['epochs']} epochs" if row["epochs"] else "pre-trained",
        "top-1 error": lambda row: f"{1 - row['test_accuracy']:.2%}",
        "images": "test_images",
    }
    return listed(results.trained(case=CASES).drop_duplicates("stage"), columns)


def _fgsm(attacked: list[UnderFgsm]) -> pd.DataFrame:
    rows = pd.concat([each.rows for each in attacked])
    columns = {
        "network": rows["model"],
        "protocol": rows["protocol"],
        "epsilon, %": (100 * rows["epsilon"]).map("{:g}".format),
        "unit": rows["units"].map(_UNITS),
        "grey levels": rows["epsilon_grey"].map("{:.2f}".format),
        "error": rows["error"].map(Estimate.percent),
        "RMS change": rows["change"].map("{:.2f}".format, "ignore"),
        "PSNR, dB": rows["psnr"].map("{:.1f}".format, "ignore"),
    }
    return pd.DataFrame(columns)


def _patches(results: Results, patched: list[UnderPatches]) -> pd.DataFrame:
    def fitted_on(row: pd.Series) -> str:
        return f"{row['patch_fitted_on']:,.0f}" if row["patch"] == "trained" else ""

    def losses(row: pd.Series) -> str:
        return ", ".join(f"{loss:.2f}" for loss in results.patches[row["arm"]].get("loss", ()))

    columns = {
        "network": "model",
        "patch": "patch",
        "side": "patch_side",
        "% of the area": lambda row: f"{100 * row['patch_share']:.2f}",
        "class": "patch_class",
        "fitted on": fitted_on,
        "loss at each epoch": losses,
        "evaluated on": lambda row: f"{row['images']:,.0f}",
        "places": "places",
        "error": lambda row: row["error"].percent(),
        "seen as the class": lambda row: f"{100 * row['target_rate']:.1f}",
    }
    return listed(pd.concat([each.rows for each in patched]), columns)
