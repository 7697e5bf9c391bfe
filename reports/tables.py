"""Tables that every report has, and how tables are written."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from harness.flags import flags as find_flags
from harness.flags import not_recorded
from harness.results import Results
from reports.compare import estimate_in


def markdown_table(frame: pd.DataFrame) -> str:
    """A pipe table; numbers are right-aligned and empty cells show a dash."""
    if frame.empty:
        return "Nothing was run for this table."

    def cell(value) -> str:
        if value is None or (isinstance(value, float) and np.isnan(value)) or value == "":
            return "–"
        return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "/")

    numeric = [pd.api.types.is_numeric_dtype(frame[column]) for column in frame]
    lines = [
        "| " + " | ".join(str(column) for column in frame) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
    ]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def interval(row: pd.Series, protocol: str, digits: int = 1) -> str:
    """What a comparison measured in a protocol; empty where there is no number."""
    estimate = estimate_in(row, protocol)
    return "" if estimate is None or np.isnan(estimate.value) else estimate.text(digits)


def settings(comparison: pd.DataFrame) -> pd.DataFrame:
    """The settings of the paper profile that differ from the published ones."""
    rows = comparison[(comparison["kind"] == "setting") & (comparison["status"] == "differs")]
    return pd.DataFrame(
        {
            "where": rows["table"].to_list(),
            "setting": rows["metric"].to_list(),
            "published": rows["value"].to_list(),
            "here": [f"{value:g}" for value in rows["setting"]],
            "why": rows["remark"].to_list(),
        }
    )


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
    named = names if callable(names) else lambda row: names[row["role"]]
    return pd.DataFrame(
        [
            {
                "network": named(row),
                "seed": row["seed"],
                **{
                    split: f"{100 * row[f'{split}_accuracy']:.{digits}f}"
                    for split in ("train", "validation", "test")
                },
                "test images": row["test_images"],
                "kept epoch": f"{row['best_epoch']} of {row['epochs']}",
                "minutes": f"{row['seconds'] / 60:.1f}",
            }
            for _, row in rows.drop_duplicates("stage").iterrows()
        ]
    )


def flags(results: Results) -> pd.DataFrame:
    """How many rows carry each flag, with the worst of them, and what was not recorded."""
    by_name: dict[str, list] = {}
    for index, marks in find_flags(results.table, results.correct).items():
        for flag in marks:
            by_name.setdefault(flag.name, []).append((flag, results.table.loc[index]))
    listed = []
    for marked in by_name.values():
        flag, row = max(marked, key=lambda each: each[0].size)
        where = f"{row['arm']}, epsilon {row['epsilon_grey']:.1f}"
        listed.append({"flag": flag.text, "rows": f"{len(marked):,}", "where it is worst": where})
    for name, rows in not_recorded(results.table).items():
        listed.append({"flag": name, "rows": f"not recorded ({rows:,})", "where it is worst": ""})
    return pd.DataFrame(listed)


def cost(results: Results) -> dict[str, float]:
    """Minutes of training and of crafting attacks."""
    trained = results.trainings.drop_duplicates("stage")["seconds"].sum() / 60
    attacked = results.table[results.table["epsilon"] > 0].drop_duplicates("stage")["seconds"]
    return {"training": trained, "attacks": attacked.sum() / 60}
