"""The result of a run on one screen."""

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.jupyter import JupyterMixin
from rich.table import Column, Table
from rich.text import Text

from evaluation.diagnostics import untrusted
from harness.arms import MAIN, Role
from harness.results import Results
from harness.study import Study


class Screen(JupyterMixin, Group):
    """What a terminal and a notebook show, part by part."""


def summary(study: Study, results: Results) -> Screen:
    """The accuracies of the study's networks, then what the run shows, in sentences."""
    shown: list[RenderableType] = []
    main = results.select(variant=MAIN)
    if not main.empty:
        shown.append(_accuracies(study, results, main))
        shown += [Text(f"! {sentence}") for sentence in results.warnings]
    takeaways = study.takeaways(results.learned)
    if takeaways is not None:
        heads = (Column(head, overflow="fold") for head in takeaways.table.columns)
        table = Table(*heads, title=takeaways.title)
        for row in takeaways.table.itertuples(index=False):
            table.add_row(*row)
        shown += [table, *(Text(f"{n}. {each}") for n, each in enumerate(takeaways.sentences, 1))]
    return Screen(*shown)


def _accuracies(study: Study, results: Results, main: pd.DataFrame) -> Table:
    """Clean and attacked accuracy of every network, through the output that is compared.

    An accuracy that cannot be trusted is marked, and the reason is below the table.
    """
    table = Table(
        Column("network", overflow="fold"),
        Column("protocol", overflow="fold"),
        Column("clean", no_wrap=True),
        *(Column(f"{attack}\n{_distance(grey)}", no_wrap=True) for attack, grey in study.headline),
        title=f"Accuracy in percent ({study.name}, {results.run['profile']})",
    )
    # One screen: of many networks, the undefended and the distilled ones.
    if main[["case", "protocol", "defense"]].drop_duplicates().shape[0] > 24:
        main = main[main["role"].isin((Role.UNDEFENDED, Role.STUDENT))]
    for (model, dataset, protocol, defense), rows in main.groupby(
        ["model", "dataset", "protocol", "defense"], sort=False
    ):
        shown = rows[rows["view"] == study.compared[protocol].views[0]]
        clean = shown[shown["epsilon"] == 0]
        # Arms may have fewer images, or others.
        cells = [_mean(clean[clean["images"] == clean["images"].max()])]
        for attack, grey in study.headline:
            at = np.isclose(shown["epsilon_grey"], grey) & (shown["attack"] == attack)
            cells.append(_mean(shown[at]))
        network = "undefended" if defense == "none" else defense.replace("_", " ")
        table.add_row(f"{model} {dataset} {network}", protocol, *cells)
    return table


def _mean(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    mark = " !" if untrusted(rows).any() else ""
    return f"{100 * rows['accuracy'].mean():.1f}{mark}"


def _distance(grey: float) -> str:
    return f"{grey:g}/255" if np.isfinite(grey) else "any distance"
