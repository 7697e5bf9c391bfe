"""The result of a run on one screen."""

from rich.table import Table

from studies.results import COMPARED, Results

_COLUMNS = (
    ("clean", None, 0.0),
    ("FGSM 0.8/255", "FGSM", 0.8),
    ("PGD 0.8/255", "PGD", 0.8),
    ("PGD 8/255", "PGD", 8.0),
)


def summary(results: Results) -> Table:
    """Clean and attacked accuracy of every network, through the output that is compared."""
    table = Table(
        "network",
        "protocol",
        *(name for name, _, _ in _COLUMNS),
        title=f"Accuracy in percent ({results.run['study']}, {results.run['profile']})",
    )
    main = results.table[results.table["variant"] == "main"]
    # One screen: of many networks, the undefended and the distilled ones.
    many = main[["case", "protocol", "defense"]].drop_duplicates().shape[0] > 24
    shown_roles = {"undefended", "student"} | (set() if many else {"teacher", "control"})
    for (case, dataset, protocol, defense), rows in main.groupby(
        ["case", "dataset", "protocol", "defense"], sort=False
    ):
        if rows["role"].iloc[0] not in shown_roles:
            continue
        shown = rows[rows["view"] == COMPARED[protocol][1][0]]
        cells = []
        for _, attack, grey in _COLUMNS:
            found = shown[abs(shown["epsilon_grey"] - grey) < 1e-6]
            if attack:
                found = found[found["attack"] == attack]
            cells.append(f"{100 * found['accuracy'].mean():.1f}" if len(found) else "")
        network = "undefended" if defense == "none" else defense.replace("_", " ")
        table.add_row(f"{case.split('/')[0]} {dataset} {network}", protocol, *cells)
    return table
