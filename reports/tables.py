"""Tables that every report has, and how tables are written."""

import numpy as np
import pandas as pd

from studies.results import Results


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
    """How many rows carry each kind of flag, with one of them."""
    counted: dict[str, list] = {}
    for row in results.table.itertuples():
        for flag in filter(None, row.flags.split("; ")):
            kind = "".join("N" if c.isdigit() else c for c in flag)
            counted.setdefault(kind, []).append((flag, row))
    return pd.DataFrame(
        [
            {
                "flag": rows[0][0],
                "rows": len(rows),
                "for example": f"{rows[0][1].arm}, epsilon {rows[0][1].epsilon_grey:.1f}",
            }
            for rows in counted.values()
        ]
    )


def cost(results: Results) -> dict[str, float]:
    trained = results.trainings.drop_duplicates("stage")["seconds"].sum() / 60
    attacked = results.table[results.table["epsilon"] > 0].drop_duplicates("stage")["seconds"]
    return {"training": trained, "attacks": attacked.sum() / 60}
