"""The result of a run on one screen."""

import numpy as np
from rich.table import Table
from rich.text import Text

from harness.flags import untrusted, warnings
from harness.results import Results
from studies import STUDIES


def summary(results: Results) -> Table:
    """Clean and attacked accuracy of every network, through the output that is compared.

    An accuracy that cannot be trusted is marked, and the reason is below the table.
    """
    study = STUDIES[results.run["study"]]
    table = Table(
        "network",
        "protocol",
        "clean",
        *(f"{attack} {_distance(grey)}" for attack, grey in study.headline),
        title=f"Accuracy in percent ({results.run['study']}, {results.run['profile']})",
        caption=Text("\n".join(f"! {sentence}" for sentence in warnings(results.table))),
    )
    main = results.table[results.table["variant"] == "main"]
    # One screen: of many networks, the undefended and the distilled ones.
    many = main[["case", "protocol", "defense"]].drop_duplicates().shape[0] > 24
    for (case, dataset, protocol, defense), rows in main.groupby(
        ["case", "dataset", "protocol", "defense"], sort=False
    ):
        if many and rows["role"].iloc[0] not in ("undefended", "student"):
            continue
        shown = rows[rows["view"] == study.compared[protocol][1][0]]
        cells = []
        for attack, grey in ((None, 0.0), *study.headline):
            found = shown[np.isclose(shown["epsilon_grey"], grey)]
            if attack:
                found = found[found["attack"] == attack]
            else:  # arms may have fewer images, or others
                found = found[found["images"] == found["images"].max()]
            mark = " !" if untrusted(found).any() else ""
            cells.append(f"{100 * found['accuracy'].mean():.1f}{mark}" if len(found) else "")
        network = "undefended" if defense == "none" else defense.replace("_", " ")
        table.add_row(f"{case.split('/')[0]} {dataset} {network}", protocol, *cells)
    return table


def _distance(grey: float) -> str:
    return f"{grey:g}/255" if np.isfinite(grey) else "any distance"
