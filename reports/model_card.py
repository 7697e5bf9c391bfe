"""The model card of an exported network: what it is, how it was trained, what it withstands."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from evaluation import Estimate
from evaluation.diagnostics import Flag
from harness.arms import MAIN, Arm
from harness.digests import made_with
from harness.reductions import reductions_of_network
from harness.results import Results
from harness.study import Study
from reports.rendering import environment
from reports.tables import flags, listed, markdown_table
from reports.worst_case import worst_case


@dataclass(frozen=True)
class Exported:
    """A trained network and all that its card says of it.

    Attributes:
        name: case and role, for example "vgg16/cifar10/student".
        arm: where it belongs in the study.
        stage: the name of its training in the artifact store.
        sources: the trainings it builds on, by what they are to it, in words.
        trained: what `training.json` of the stage holds.
        data: sentences about the images.
        class_names: by label.
        results: of the attacks on this very network; `None` where none was run.
    """

    study: Study
    profile: str
    name: str
    arm: Arm
    stage: str
    sources: Mapping[str, str]
    trained: Mapping[str, Any]
    data: Sequence[str]
    class_names: Sequence[str]
    results: Results | None


def model_card(exported: Exported, network: keras.Model, path: Path) -> str:
    """The card of the file at `path`, in Markdown."""
    results = exported.results
    return (
        environment()
        .get_template("model_card.md")
        .render(
            exported=exported,
            training=exported.arm.training,
            case=exported.arm.case,
            file=path.name,
            suffix=path.suffix,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            input_shape=list(network.input_shape[1:]),
            classes=network.output_shape[-1],
            versions=made_with(),
            settings=_settings(exported),
            reductions=reductions_of_network(
                exported.study, exported.study.profile(exported.profile), exported.arm
            ),
            clean=_clean(exported.trained),
            attacked=None if results is None else attacked(results),
            worst_case=None if results is None else _worst_case(exported.study, results),
            flags=None if results is None else flags(results),
            warnings=[] if results is None else results.warnings,
            table=markdown_table,
        )
    )


def _settings(exported: Exported) -> pd.DataFrame:
    """How it was trained; of the recipe what is not the default."""
    training, trained = exported.arm.training, exported.trained
    settings: dict[str, Any] = {
        "trained defense": training.defense or "none",
        "distillation procedure": training.procedure or "none",
    }
    if training.procedure:
        settings |= {"temperature": training.temperature, "alpha": training.alpha}
    settings |= exported.sources
    settings["starting weights"] = training.network.weights or "random"
    if training.recipe.epochs:
        settings |= dict(_unlike_default(training.recipe))
        settings |= {
            "epoch kept": f"{trained['best_epoch']} of {trained['epochs']}",
            "training images": training.images or "all",
            "validation images": training.validation_images or "all",
            "random erasing": "on" if training.erasing else "off",
        }
    settings |= {"seed": training.seed, "parameters": f"{trained['parameters']:,}"}
    return pd.DataFrame({"setting": list(settings), "value": [str(v) for v in settings.values()]})


def _unlike_default(recipe: Any) -> Iterator[tuple[str, Any]]:
    for each in fields(recipe):
        value = getattr(recipe, each.name)
        if each.default is MISSING or value != each.default:
            yield each.name.replace("_", " "), value


def _clean(trained: Mapping[str, Any]) -> pd.DataFrame:
    """The accuracy in percent on each part of the data that there is."""
    parts = [part for part in ("train", "validation", "test") if trained[f"{part}_images"]]
    estimates = [
        Estimate.share(trained[f"{part}_accuracy"], trained[f"{part}_images"]) for part in parts
    ]
    return pd.DataFrame(
        {
            "images": parts,
            "how many": [f"{each.images:,}" for each in estimates],
            "accuracy": [each.percent() for each in estimates],
        }
    )


def attacked(results: Results) -> pd.DataFrame:
    """The accuracy in percent under every attack, epsilon by epsilon, with its flags.

    An attack that stands in several places of the study is listed once. Of a patch all placements
    together are one row.
    """
    table = results.table[results.table["epsilon"] > 0]
    once = table[table["arm"].isin(table.drop_duplicates("stage")["arm"])]
    groups = [rows for _, rows in once.groupby(["arm", "epsilon"], sort=False)]
    columns = {
        "attack": "attack",
        "within": _within,
        "norm": "norm",
        "through": "view",
        "protocol": _protocol,
        "images": lambda row: f"{row['images']:,}",
    }
    flagged = results.flags
    shown = listed(pd.DataFrame([rows.iloc[0] for rows in groups]), columns)
    return shown.assign(
        accuracy=[_accuracy(results, rows).percent() for rows in groups],
        flags=[_names(flagged, rows.index) for rows in groups],
    )


def _worst_case(study: Study, results: Results) -> pd.DataFrame:
    """Over all arms: those of controls attack the same network as the main ones."""
    return worst_case(study, replace(results, table=results.table.assign(variant=MAIN)))


def _accuracy(results: Results, rows: pd.DataFrame) -> Estimate:
    """Of the rows of one arm at one epsilon."""
    first = rows.iloc[0]
    at = np.flatnonzero(results.select(arm=first["arm"])["epsilon"] == first["epsilon"])
    return Estimate.accuracy(results.correct[first["arm"]][at])


def _within(row: pd.Series) -> str:
    if row["norm"] == "patch":
        return f"a patch of {row['patch_side']:.0f} pixels a side"
    if np.isinf(row["epsilon"]):
        return "any distance"
    return f"{row['epsilon_grey']:.3g}/255" if row["norm"] == "linf" else f"{row['epsilon']:.3g}"


def _protocol(row: pd.Series) -> str:
    return row["protocol"] + (f", {row['variant']}" if row["variant"] != MAIN else "")


def _names(by_row: Mapping[int, Sequence[Flag]], rows: pd.Index) -> str:
    names = {f"{flag.name} ({flag.level})": None for row in rows for flag in by_row.get(row, ())}
    return ", ".join(names)
