"""Tables that every report has, and how tables are written."""

import numpy as np
import pandas as pd

from harness.flags import flags as find_flags
from harness.flags import not_recorded
from harness.results import Results


def markdown_table(frame: pd.DataFrame) -> str:
    """A pipe table; numbers are right-aligned and empty cells show a dash."""
    if frame.empty:
        return "None here."

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


def interval(row, prefix: str, digits: int = 1) -> str:
    value = row[prefix]
    if pd.isna(value):
        return ""
    text = f"{value:.{digits}f}"
    if pd.notna(row[f"{prefix}_low"]):
        text += f" [{row[f'{prefix}_low']:.{digits}f}, {row[f'{prefix}_high']:.{digits}f}]"
    return text


def settings(comparison: pd.DataFrame) -> pd.DataFrame:
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
    trained = results.trainings.drop_duplicates("stage")["seconds"].sum() / 60
    attacked = results.table[results.table["epsilon"] > 0].drop_duplicates("stage")["seconds"]
    return {"training": trained, "attacks": attacked.sum() / 60}
