"""Tables that every report has, and how tables are written."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation import Curve, Estimate
from evaluation.diagnostics import NAMES, Level
from harness.arms import Protocol
from harness.results import Results, selected
from reports.compare import Status, estimate_in
from reports.outside_names import in_markdown


def markdown_table(frame: pd.DataFrame) -> str:
    """A pipe table; numbers are right-aligned and empty cells show a dash."""
    if frame.empty:
        return "Nothing was run for this table."

    def cell(value) -> str:
        if value is None or (isinstance(value, float) and np.isnan(value)) or value == "":
            return "–"
        return f"{value:.4g}" if isinstance(value, float) else in_markdown(value)

    numeric = [pd.api.types.is_numeric_dtype(frame[column]) for column in frame]
    lines = [
        "| " + " | ".join(map(in_markdown, frame)) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
    ]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def interval(row: pd.Series, protocol: str, digits: int = 1) -> str:
    """What a comparison measured in a protocol; empty where there is no number."""
    estimate = estimate_in(row, protocol)
    return "" if estimate is None or np.isnan(estimate.value) else estimate.text(digits)


def intervals(digits: int = 1) -> dict[str, Callable[[pd.Series], str]]:
    """Columns for `listed` with what a comparison measured, one for each protocol."""
    return {each: partial(interval, protocol=each, digits=digits) for each in Protocol}


def listed(
    rows: pd.DataFrame, columns: Mapping[str, str | Callable[[pd.Series], Any]]
) -> pd.DataFrame:
    """A table with a row for each of `rows`.

    Args:
        columns: by name, a column of `rows`, or what a function makes of a row.
    """
    every = [row for _, row in rows.iterrows()]
    return pd.DataFrame(
        {
            name: [row[column] if isinstance(column, str) else column(row) for row in every]
            for name, column in columns.items()
        }
    )


def by_epsilon(
    columns: Mapping[str, tuple[Curve, Sequence[Estimate]]],
    epsilons: Mapping[str, Callable[[float, float], str]],
) -> pd.DataFrame:
    """A row for each epsilon, and a column in percent for each curve.

    Args:
        columns: by name, a curve with an estimate for each of its epsilons.
        epsilons: the first columns: by name, how an epsilon is written, from its value in the
            units of the arm and in grey levels.
    """
    rows: dict[float, dict[str, str]] = {}
    for name, (curve, estimates) in columns.items():
        for epsilon, grey, estimate in zip(curve.epsilons, curve.grey, estimates, strict=True):
            heads = {head: written(epsilon, grey) for head, written in epsilons.items()}
            rows.setdefault(float(f"{epsilon:.6g}"), heads)[name] = estimate.percent()
    return pd.DataFrame([rows[epsilon] for epsilon in sorted(rows)])


def settings(comparison: pd.DataFrame) -> pd.DataFrame:
    """The settings of the paper profile that differ from the published ones."""
    columns = {
        "where": "table",
        "setting": "metric",
        "published": "value",
        "here": lambda row: f"{row['setting']:g}",
        "why": "remark",
    }
    return listed(selected(comparison, status=Status.CHANGED), columns)


def trainings(
    rows: pd.DataFrame,
    names: Mapping[str, str] | Callable[[pd.Series], str],
    digits: int = 2,
) -> pd.DataFrame:
    """Accuracy without attack of trained networks, in percent, and what training took.

    Args:
        rows: of `Results.trainings`; of a network with several places the first counts.
        names: of the networks, by role or from a row.
    """

    def accuracy(row: pd.Series, split: str) -> str:
        return f"{100 * row[f'{split}_accuracy']:.{digits}f}"

    columns = {
        "network": names if callable(names) else lambda row: names[row["role"]],
        "seed": "seed",
        **{split: partial(accuracy, split=split) for split in ("train", "validation", "test")},
        "test images": "test_images",
        "kept epoch": lambda row: f"{row['best_epoch']} of {row['epochs']}",
        "minutes": lambda row: f"{row['seconds'] / 60:.1f}",
    }
    return listed(rows.drop_duplicates("stage"), columns)


#: Flags by level and name, warnings first.
_PLACES = [(level, name) for level in Level for name in NAMES]


def flags(results: Results) -> pd.DataFrame:
    """How many rows carry each flag, warnings first, with the worst of them."""
    by_name: dict[tuple[str, str], list] = {}
    for index, marks in results.flags.items():
        for flag in marks:
            row = results.table.loc[index]
            by_name.setdefault((flag.level, flag.name), []).append((flag, row))
    listed = []
    for (level, name), marked in sorted(by_name.items(), key=lambda each: _PLACES.index(each[0])):
        flag, row = max(marked, key=lambda each: each[0].size)
        where = f"{row['arm']}, epsilon {row['epsilon_grey']:.1f}"
        listed.append(
            {"level": level, "flag": name, "rows": f"{len(marked):,}"}
            | {"at worst": flag.text, "where": where}
        )
    return pd.DataFrame(listed)


def cost(results: Results) -> dict[str, float]:
    """Minutes of training and of crafting attacks."""
    trained = results.trainings.drop_duplicates("stage")["seconds"].sum() / 60
    attacked = results.table[results.table["epsilon"] > 0].drop_duplicates("stage")["seconds"]
    return {"training": trained, "attacks": attacked.sum() / 60}
