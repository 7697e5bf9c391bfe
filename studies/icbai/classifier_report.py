"""What the report of the ICBAI study shows of its attacks on ImageNet classifiers."""

from pathlib import Path

import numpy as np
import pandas as pd

from evaluation import bootstrap_mean, wilson
from harness.results import Results
from reports.figures import patches as patch_figures
from reports.figures import pictures as figures
from studies.icbai.classifier_claims import grey_change, psnr
from studies.icbai.classifiers import PROTOCOLS
from studies.icbai.measures import (
    cases,
    classes,
    fgsm_errors,
    fgsm_rows,
    most_damaging_side,
    patch_errors,
    patch_rows,
    places,
    sides,
)

_UNITS = {"standardised": "in standardised units", "pixels": "of the range of a pixel"}


def measure(results: Results, protocol: str) -> tuple[float, float, float, float] | None:
    """(side, no interval, number of images) of the most damaging patches of a protocol."""
    (kind,) = (kind for kind, of in PROTOCOLS.items() if of == protocol)
    side = most_damaging_side(results, kind)
    if side is None:
        return None
    rows = patch_rows(results)
    return side, np.nan, np.nan, int(rows[rows["patch"] == kind]["images"].max())


def contents(results: Results, directory: Path) -> dict | None:
    """The variables for the classifiers' part of the template; `None` if none was attacked."""
    if not cases(results):
        return None
    return {
        "pictures": _draw(results, directory),
        "clean": _clean(results),
        "fgsm": _fgsm(results),
        "patches": _patches(results),
        "fit": _fit(results),
    }


def _draw(results: Results, directory: Path) -> dict[str, list[tuple[str, str]]]:
    """Draws every picture; returns (caption, path relative to the report) by section."""
    pictures: dict[str, list[tuple[str, str]]] = {"fgsm": [], "patches": [], "examples": []}

    def add(section: str, name: str, caption: str) -> Path:
        pictures[section].append((caption, f"figures/{name}.png"))
        return directory / f"{name}.png"

    title = "Top-1 error against epsilon under FGSM"
    figures.error_curves(
        {
            f"{protocol}: percent {_UNITS[units]}": _curves(results, protocol)
            for protocol, units in (("faithful", "standardised"), ("corrected", "pixels"))
            if _curves(results, protocol)
        },
        "epsilon (%)",
        title,
        add("fgsm", "classifiers-fgsm", title),
    )
    for case, kind in places(results):
        name, what = case.split("/")[0], f"{kind} patches: {results.label(case)}"
        caption = f"Top-1 error by size and class, {what}"
        patch_figures.error_bars(
            _bars(results, case, kind),
            _clean_error(results, case),
            caption,
            add("patches", f"classifiers-{kind}-errors-{name}", caption),
        )
        caption = f"{kind.capitalize()} patches: {results.label(case)}"
        patch_figures.patch_grid(
            _of_patches(results, case, kind),
            caption,
            add("patches", f"classifiers-{kind}-patches-{name}", caption),
        )
    for case in cases(results):
        shown = {
            f"{kind}\npatches": _of_patches(results, case, kind)[sides(results)[-1]]
            for of, kind in places(results)
            if of == case
        }
        if not shown:
            continue
        side = sides(results)[-1]
        caption = f"One image with every patch of {side} pixels: {results.label(case)}"
        patch_figures.patched_images(
            shown,
            caption.replace(": ", "\n"),
            add("examples", f"classifiers-patched-{case.split('/')[0]}", caption),
        )
    for case in cases(results):
        for protocol in PROTOCOLS.values():
            _draw_fgsm(results, case, protocol, add)
    return pictures


def _draw_fgsm(results: Results, case: str, protocol: str, add) -> None:
    rows = fgsm_rows(results, case, protocol)
    if rows.empty or rows["arm"].iloc[0] not in results.examples:
        return
    row = rows.iloc[-1]
    caption = f"FGSM at {100 * row['epsilon']:g} % {_UNITS[row['units']]}: {results.label(case)}"
    examples = results.examples[row["arm"]]
    names = dict(zip(examples["classes"], examples["class_names"], strict=True))
    figures.adversarial_images(
        examples | {name: examples[name].astype(np.float32) for name in ("images", "adversarial")},
        {index: str(name).replace("_", " ") for index, name in names.items()},
        caption.replace(": ", "\n"),
        add("examples", f"classifiers-fgsm-{protocol}-{case.split('/')[0]}", caption),
    )


def _curves(results: Results, protocol: str) -> dict[str, figures.Curve]:
    curves = {}
    for case in cases(results):
        found = fgsm_errors(results, case, protocol)
        if found is not None:
            errors = [_interval(of_epsilon) for of_epsilon in found[1]]
            curves[case.split("/")[0]] = figures.Curve(100 * found[0], *(100 * np.array(errors).T))
    return curves


def _interval(errors: np.ndarray) -> tuple[float, float, float]:
    """(error, low, high) of errors, bool [N]."""
    return float(errors.mean()), *wilson(errors.sum(), len(errors))


def _bars(results: Results, case: str, kind: str) -> dict[str, dict[int, tuple]]:
    """(error, low, high) in percent by class and side."""
    return {
        name: {
            side: tuple(
                100 * value
                for value in _mean_interval(patch_errors(results, case, kind, side, name))
            )
            for side in sides(results)
        }
        for name in classes(results)
    }


def _mean_interval(errors: np.ndarray) -> tuple[float, float, float]:
    """(mean, low, high) of errors [N], NaN where an image was not evaluated."""
    found = bootstrap_mean(errors[~np.isnan(errors)])
    return found.difference, found.low, found.high


def _clean_error(results: Results, case: str) -> float:
    """In percent, on the images that patches were evaluated on."""
    table = results.table
    rows = table[(table["case"] == case) & (table["placement"] == 0)]
    return 100 * float(1 - rows["accuracy"].mean())


def _of_patches(results: Results, case: str, kind: str) -> dict[int, dict[str, dict]]:
    """What is stored of each patch, by side and class, with its share of success."""
    rows = patch_rows(results)
    rows = rows[(rows["case"] == case) & (rows["patch"] == kind)]
    stored: dict[int, dict[str, dict]] = {}
    for (side, name, arm), of_arm in rows.groupby(["patch_side", "patch_class", "arm"], sort=False):
        rates = {"error": 1 - of_arm["accuracy"].mean(), "target": of_arm["target_rate"].mean()}
        stored.setdefault(int(side), {})[str(name)] = results.patches[arm] | rates
    return stored


def _clean(results: Results) -> pd.DataFrame:
    rows = results.trainings[results.trainings["case"].isin(cases(results))]
    return pd.DataFrame(
        [
            {
                "network": row.case.split("/")[0],
                "data": row.dataset,
                "parameters": f"{row.parameters:,}",
                "trained": f"{row.epochs} epochs, from scratch" if row.epochs else "pre-trained",
                "top-1 error": f"{100 * (1 - row.test_accuracy):.2f}",
                "images": row.test_images,
            }
            for row in rows.drop_duplicates("stage").itertuples()
        ]
    )


def _fgsm(results: Results) -> pd.DataFrame:
    rows = []
    for case in cases(results):
        for protocol in PROTOCOLS.values():
            found = fgsm_errors(results, case, protocol)
            if found is None:
                continue
            changes, table = (
                grey_change(results, case, protocol),
                fgsm_rows(results, case, protocol),
            )
            for index, row in enumerate(table.itertuples()):
                rows.append(
                    {
                        "network": case.split("/")[0],
                        "protocol": protocol,
                        "epsilon, %": f"{100 * found[0][index]:g} {_UNITS[row.units]}",
                        "grey levels": f"{row.epsilon_grey:.2f}",
                        "error": "{:.1f} [{:.1f}, {:.1f}]".format(
                            *(100 * value for value in _interval(found[1][index]))
                        ),
                        "RMS change": f"{changes[index]:.2f}" if index else "",
                        "PSNR, dB": f"{psnr(changes[index]):.1f}" if index else "",
                    }
                )
    return pd.DataFrame(rows)


def _patches(results: Results) -> pd.DataFrame:
    rows = patch_rows(results)
    columns = ["case", "patch", "patch_side", "patch_class"]
    return pd.DataFrame(
        [
            {
                "network": case.split("/")[0],
                "patch": kind,
                "side": int(side),
                "% of the area": f"{100 * of['patch_share'].iloc[0]:.2f}",
                "class": name,
                "images": int(of["images"].iloc[0]),
                "error": "{:.1f} [{:.1f}, {:.1f}]".format(
                    *(
                        100 * value
                        for value in _mean_interval(patch_errors(results, case, kind, side, name))
                    )
                ),
                "seen as the class": f"{100 * of['target_rate'].mean():.1f}",
                "loss of the fit": _losses(results, of["arm"].iloc[0]),
            }
            for (case, kind, side, name), of in rows.groupby(columns, sort=False)
        ]
    )


def _losses(results: Results, arm: str) -> str:
    losses = results.patches[arm].get("loss")
    return "" if losses is None else f"{losses[0]:.2f} to {losses[-1]:.2f}"


def _fit(results: Results) -> dict:
    """How the patches were fitted and evaluated, in numbers."""
    rows = patch_rows(results)
    fitted = rows[rows["patch"] == "trained"]
    if fitted.empty:
        return {}
    low, high = int(rows["images"].min()), int(rows["images"].max())
    return {
        "images": int(fitted["patch_fitted_on"].max()),
        "epochs": len(results.patches[fitted["arm"].iloc[0]]["loss"]),
        "evaluated": f"{low:,}" if low == high else f"{low:,} to {high:,}",
        "placements": int(fitted["placement"].max()),
    }
