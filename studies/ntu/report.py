"""What the report of the NTU study shows, beside what every report does."""

from pathlib import Path

import numpy as np
import pandas as pd

import data
from harness.results import Results
from reports.figures import pictures as figures
from reports.tables import interval
from studies.ntu.arms import COMPARED
from studies.ntu.measures import Measure as measure

__all__ = ["contents", "measure"]


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict:
    """The variables of `templates/ntu.md`; its pictures are drawn into `directory`."""
    return {
        "pictures": _draw(results, comparison, directory),
        "accuracy_tables": _accuracy_tables(comparison, results),
        "clean": _clean_table(comparison, results),
        "means": _means(comparison, results),
        "plateau": _plateau(results),
        "views": _views(results),
        "terms": _terms(results),
        "larger": _larger_epsilons(results),
        "controls": _controls(results),
        "read_off": _read_off(comparison),
    }


def _draw(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, list]:
    """Draws every picture; returns (caption, path relative to the report) by section."""
    pictures: dict[str, list[tuple[str, str]]] = {
        "curves": [],
        "training": [],
        "terms": [],
        "erasing": [],
        "adversarial": [],
    }

    def add(section: str, name: str, caption: str) -> Path:
        pictures[section].append((caption, f"figures/{name}.png"))
        return directory / f"{name}.png"

    main = results.table[results.table["variant"] == "main"]
    networks = {}
    for (case, protocol), rows in main.groupby(["case", "protocol"], sort=False):
        networks[case] = network = results.label(case)
        name = f"{case.replace('/', '-')}-{protocol}"
        title = f"{network}, {protocol} protocol"
        path = add("curves", f"accuracy-{name}", f"Accuracy against epsilon: {title}")
        printed = _printed_accuracies(comparison, case)
        if not figures.accuracy_curves(rows, printed, title, COMPARED[protocol][1][0], path):
            pictures["curves"].pop()
        trainings = results.trainings[
            (results.trainings["case"] == case)
            & (results.trainings["protocol"] == protocol)
            & (results.trainings["variant"] == "main")
        ]
        path = add("training", f"training-{name}", f"Training: {title}")
        figures.training_curves(trainings, results.histories, title, path)
    for case, histories in _student_histories(results).items():
        title = f"Terms of the Distiller: {networks[case]}"
        figures.loss_terms(histories, title, add("terms", f"terms-{case.replace('/', '-')}", title))
    for index, (arm, examples) in enumerate(results.examples.items()):
        if index == 0:
            path = add("erasing", "random-erasing", "Random erasing, probability 1")
            figures.random_erasing(examples["images"], path)
        row = results.table[results.table["arm"] == arm].iloc[-1]
        network = "undefended" if row["defense"] == "none" else row["defense"].replace("_", " ")
        title = (
            f"{results.label(row['case'])}, {network}: {row['attack']} through "
            f"{row['view']}, epsilon {row['epsilon_grey']:.2g} grey levels"
        )
        path = add("adversarial", f"adversarial-{index + 1:02}", title)
        names = data.class_names(row["dataset"])
        figures.adversarial_images(examples, names, title, path)
    return pictures


def _printed_accuracies(comparison: pd.DataFrame, case: str) -> pd.DataFrame:
    rows = comparison[comparison["metric"] == "test accuracy under attack"]
    names = rows["model"].map(_plain) + "/" + rows["dataset"].map(_plain)
    return rows[names == case]


def _plain(name: str) -> str:
    """A published name as this suite writes it: "CIFAR-10" is cifar10."""
    plain = name.lower().replace("-", "")
    return {"inceptionv3": "inception_v3"}.get(plain, plain)


def _accuracy_tables(comparison: pd.DataFrame, results: Results) -> list[dict]:
    """One table per case: published, faithful and corrected, with the control beside."""
    tables = []
    cells = comparison[comparison["kind"] == "accuracy under attack"]
    for (model, dataset), of_case in cells.groupby(["model", "dataset"], sort=False):
        case = f"{_plain(model)}/{_plain(dataset)}"
        rows = []
        for (attack, epsilon), pair in of_case.groupby(["attack", "epsilon"], sort=False):
            row = {"attack": attack, "epsilon": epsilon}
            for defense, name in (("none", "undefended"), ("defensive distillation", "student")):
                (cell,) = [c for _, c in pair[pair["defense"] == defense].iterrows()]
                row |= {
                    f"{name}: published": f"{float(cell['value']):.1f}",
                    f"{name}: faithful": interval(cell, "faithful"),
                    f"{name}: corrected": interval(cell, "corrected"),
                }
            for protocol in COMPARED:
                row[f"control: {protocol}"] = _control(results, case, protocol, attack, epsilon)
            rows.append(row)
        shown = pd.DataFrame(rows)
        measured = bool((of_case["status"] == "measured").any())
        tables.append(
            {
                "case": results.label(case) if measured else case,
                "names": " and ".join(dict.fromkeys(of_case["table"])),
                "measured": measured,
                "rows": shown.loc[:, (shown != "").any()],
            }
        )
    return tables


def _control(results: Results, case: str, protocol: str, attack: str, epsilon: str) -> str:
    found = results.outcomes(case, protocol, "control", attack)
    if found is None:
        return ""
    (index,) = np.flatnonzero(np.isclose(found[0], float(epsilon)))
    return f"{100 * found[1][index].mean():.1f}"


def _clean_table(comparison: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Accuracy without attack of every network, with what the study printed."""
    printed = comparison[comparison["kind"] == "clean accuracy"]
    names = printed["model"].map(_plain) + "/" + printed["dataset"].map(_plain)
    rows = []
    main = results.trainings[results.trainings["variant"] == "main"]
    for _, training in main[main["role"] != "warm_up"].iterrows():
        row = {
            "network": results.label(training["case"]),
            "protocol": training["protocol"],
            "role": f"{training['role']}"
            + ("" if training["procedure"] == "none" else f" ({training['procedure']})"),
        }
        for split, metric in (
            ("train", "training accuracy"),
            ("validation", "validation accuracy"),
            ("test", "test accuracy"),
        ):
            value = printed[(names == training["case"]) & (printed["metric"] == metric)]["value"]
            if training["role"] == "undefended" and len(value):
                row[f"{split}, published"] = f"{float(value.iloc[0]):.2f}"
            else:
                row[f"{split}, published"] = ""
            row[split] = f"{100 * training[f'{split}_accuracy']:.1f}"
        row |= {
            "test images": training["test_images"],
            "best epoch": f"{training['best_epoch']} of {training['epochs']}",
            "minutes": f"{training['seconds'] / 60:.1f}",
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _means(comparison: pd.DataFrame, results: Results) -> pd.DataFrame:
    rows = comparison[comparison["kind"].isin(["mean drop", "mean gain"])]
    shown = rows[rows["status"] == "measured"]
    return pd.DataFrame(
        {
            "case": [
                results.label(f"{_plain(r.model)}/{_plain(r.dataset)}") for r in shown.itertuples()
            ],
            "network": ["student" if d != "none" else "undefended" for d in shown["defense"]],
            "attack": shown["attack"].to_list(),
            "mean over epsilon 0.1 to 0.8": [
                m.replace(" of test accuracy", "").replace("mean ", "") for m in shown["metric"]
            ],
            "published": [f"{float(v):.2f}" for v in shown["value"]],
            "faithful": [interval(r, "faithful", 2) for _, r in shown.iterrows()],
            "corrected": [interval(r, "corrected", 2) for _, r in shown.iterrows()],
        }
    )


def _read_off(comparison: pd.DataFrame) -> pd.DataFrame:
    rows = comparison[comparison["kind"].isin(["plateau", "rise", "better up to"])]
    shown = rows[rows["status"] == "measured"]
    return pd.DataFrame(
        {
            "where": shown["table"].to_list(),
            "of": [f"{r.model} {r.dataset} {r.defense}" for r in shown.itertuples()],
            "statement": shown["metric"].to_list(),
            "published": shown["value"].to_list(),
            "faithful": [_epsilon(r, "faithful") for _, r in shown.iterrows()],
            "corrected": [_epsilon(r, "corrected") for _, r in shown.iterrows()],
        }
    )


def _epsilon(row: pd.Series, protocol: str) -> str:
    if pd.isna(row[f"{protocol}_images"]):
        return ""  # not run
    return "none" if pd.isna(row[protocol]) else f"{row[protocol]:.1f}"


def _plateau(results: Results) -> pd.DataFrame:
    """What moves, and what accuracy does, from epsilon 0.4 on: by step size."""
    table = results.table
    rows = table[
        (table["variant"] == "main")
        & (table["role"] == "undefended")
        & (table["epsilon"] > 0)
        & (
            ((table["protocol"] == "faithful") & (table["view"] == "softmax"))
            | (table["protocol"] == "corrected")
        )
        & table["attack"].str.startswith("PGD")
        & (table["epsilon_grey"] < 0.85)
    ]
    columns = []
    for (case, protocol, attack), part in rows.groupby(["case", "protocol", "attack"], sort=False):
        step = f"{part['reach'].iloc[0] * 255 / 40:.2g}"
        if protocol == "corrected":
            step = "2.5 x epsilon / 40"
        for row in part.itertuples():
            columns.append(
                {
                    "network": results.label(case),
                    "attack": f"{protocol} {attack}",
                    "step": step,
                    "epsilon": f"{row.epsilon_grey:.1f}",
                    "reach: 40 x step": f"{row.reach * 255:.2f}",
                    # Corrected runs leave an image at its first success.
                    "mean L-inf moved, all images": ""
                    if protocol == "corrected"
                    else f"{row.mean_linf * 255:.4f}",
                    "accuracy": f"{100 * row.accuracy:.1f}",
                }
            )
    return pd.DataFrame(columns)


def _views(results: Results) -> pd.DataFrame:
    """The same networks and attacks through different outputs, at epsilon 0.8."""
    table = results.table
    rows = table[
        (table["variant"] == "main")
        & (table["attack"].isin(["FGSM", "PGD"]))
        & np.isclose(table["epsilon_grey"], 0.8)
    ]
    listed = [
        {
            "network": results.label(row.case),
            "protocol": row.protocol,
            "defense": row.defense if row.defense != "none" else "undefended",
            "attacked through": row.view,
            "attack": row.attack,
            "accuracy at 0.8": f"{100 * row.accuracy:.1f} "
            f"[{100 * row.ci_low:.1f}, {100 * row.ci_high:.1f}]",
            "zero gradient": f"{row.zero_gradient:.0%}",
            "after rounding to 8 bits": f"{100 * row.rounded_accuracy:.1f}",
        }
        for row in rows.itertuples()
    ]
    return pd.DataFrame(listed)


def _larger_epsilons(results: Results) -> pd.DataFrame:
    """Corrected attacks beyond the study's range."""
    table = results.table
    rows = table[
        (table["variant"] == "main")
        & (table["protocol"] == "corrected")
        & (table["attack"] == "PGD")
        & ((table["epsilon_grey"] > 0.85) | (table["epsilon"] == 0))
    ]
    listed: dict[tuple, dict] = {}
    for row in rows.itertuples():
        network = row.defense if row.defense != "none" else "undefended"
        entry = listed.setdefault(
            (row.arm,),
            {"network": results.label(row.case), "defense": network, "attacked through": row.view},
        )
        name = "clean" if row.epsilon == 0 else f"{row.epsilon_grey:.0f}/255"
        entry[name] = f"{100 * row.accuracy:.1f}"
    return pd.DataFrame(listed.values())


def _student_histories(results: Results) -> dict[str, dict[str, pd.DataFrame]]:
    students = results.trainings[
        (results.trainings["role"] == "student") & (results.trainings["variant"] == "main")
    ]
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for training in students.itertuples():
        history = results.histories[results.histories["stage"] == training.stage]
        found.setdefault(training.case, {}).setdefault(training.procedure, history)
    return found


def _terms(results: Results) -> pd.DataFrame:
    """The two terms of each student's loss at the end of its training."""
    rows = []
    for case, by_procedure in _student_histories(results).items():
        for procedure, history in by_procedure.items():
            last = history.iloc[-1]
            student, soft = last["student_gradient_norm"], last["distillation_gradient_norm"]
            rows.append(
                {
                    "network": results.label(case),
                    "procedure": procedure,
                    "weighted student term": f"{last['student_term']:.3g}",
                    "weighted distillation term": f"{last['distillation_term']:.3g}",
                    "its gradient norm: student": f"{student:.3g}",
                    "its gradient norm: distillation": f"{soft:.3g}",
                    "distillation / student": f"{soft / student:.2g}" if student else "",
                }
            )
    return pd.DataFrame(rows)


def _controls(results: Results) -> pd.DataFrame:
    """Networks that differ from the published ones in one respect, without and under PGD."""
    table = results.table
    rows = table[(table["variant"] != "main") & (table["attack"] == "PGD")]
    listed: dict[str, dict] = {}
    for row in rows.itertuples():
        entry = listed.setdefault(
            row.arm,
            {
                "network": results.label(row.case),
                "control": row.variant,
                "protocol": row.protocol,
                "attacked through": row.view,
            },
        )
        if row.epsilon == 0:
            entry["clean"] = f"{100 * row.accuracy:.1f}"
        elif min(abs(row.epsilon_grey - 0.8), abs(row.epsilon_grey - 8)) < 1e-6:
            entry[f"PGD {row.epsilon_grey:.2g}/255"] = f"{100 * row.accuracy:.1f}"
    return pd.DataFrame(listed.values())
