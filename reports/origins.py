"""Where the numbers of a run were made: the machines, versions and states of this project."""

import pandas as pd

from harness.results import Results

#: What is said of results that were measured before it was recorded.
NOT_RECORDED = "not recorded"
_COLUMNS = ("machine", "versions", "commit")


def origins(results: Results) -> pd.DataFrame:
    """How many stages were made on which machine, with which versions and commit."""
    made = {"training": results.trainings, "attack": results.table}
    stages = pd.concat(
        [
            table.reindex(columns=["stage", *_COLUMNS]).drop_duplicates("stage").assign(made=name)
            for name, table in made.items()
        ]
    )
    stages = stages.astype(object).fillna(NOT_RECORDED)
    counted = stages.groupby(["made", *_COLUMNS], sort=False).size()
    return counted.reset_index(name="stages")[["made", "stages", *_COLUMNS]]
