"""What the report of the NTU study shows, beside what every report does."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Estimate, same
from harness.arms import MAIN, Case, Protocol, Role, View
from harness.results import Results
from reports.figures import curves, images, training
from reports.figures.canvas import COLORS
from reports.gallery import Gallery
from reports.tables import interval, trainings
from studies.ntu.arms import CASES, COMPARED, STEPS
from studies.ntu.measures import BEYOND
from studies.ntu.published import case_of

_ATTACKS = ("FGSM", "PGD")
#: How a published row names the network that it speaks of.
_PUBLISHED_OF = {Role.UNDEFENDED: "none", Role.STUDENT: "defensive distillation"}
_PROCEDURES = {
    "as_listed": "as listed",
    "corrected": "with T squared",
    "papernot": "Papernot's",
}


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    return {
        "pictures": _draw(results, comparison, directory),
        "accuracy_tables": _accuracy_tables(results, comparison),
        "clean": _clean(results, comparison),
        "means": _means(results, comparison),
        "plateau": _plateau(results),
        "views": _views(results),
        "terms": _terms(results),
        "larger": _larger_epsilons(results),
        "controls": _controls(results),
        "read_off": _read_off(comparison),
    }


def _called(row: pd.Series) -> str:
    """A network in words, from a row of the trainings or of the table."""
    role = str(row["role"]).replace("_", "-")
    procedure = row["procedure"] if "procedure" in row else row["defense"].split()[0]
    return f"{role} ({_PROCEDURES[procedure]})" if procedure in _PROCEDURES else role


def _draw(results: Results, comparison: pd.DataFrame, directory: Path) -> Gallery:
    pictures = Gallery(directory, ("curves", "training", "terms", "erasing", "adversarial"))
    for case in filter(results.has, CASES):
        name = f"{case.model}-{case.dataset}"
        for protocol in Protocol:
            _draw_network(results, comparison, case, protocol, pictures)
        students = _students(results, case)
        if students:
            title = f"Terms of the Distiller: {results.label(case)}"
            training.loss_terms(students, title, pictures.add("terms", f"terms-{name}", title))
    for index, (arm, examples) in enumerate(results.examples.items()):
        if index == 0:
            path = pictures.add("erasing", "random-erasing", "Random erasing, probability 1")
            images.random_erasing(examples["images"], path)
        row = results.select(arm=arm).iloc[-1]
        title = (
            f"{results.label(row['case'])}, {_called(row)}: "
            f"{row['attack']} through {row['view']}, epsilon {row['epsilon_grey']:.2g} grey levels"
        )
        path = pictures.add("adversarial", f"adversarial-{index + 1:02}", title)
        images.adversarial_images(examples, data.class_names(row["dataset"]), title, path)
    return pictures


def _draw_network(
    results: Results, comparison: pd.DataFrame, case: Case, protocol: Protocol, pictures: Gallery
) -> None:
    name = f"{case.model}-{case.dataset}-{protocol}"
    title = f"{results.label(case)}, {protocol} protocol"
    view = COMPARED[protocol].views[0]
    drawn = {
        attack: _lines(results, case, protocol, view, attack) + _crosses(comparison, case, attack)
        for attack in _ATTACKS
        if not results.select(
            case=case, protocol=protocol, variant=MAIN, view=view, attack=attack
        ).empty
    }
    if drawn:
        curves.panels(
            drawn,
            f"{title}, attacked through: {view}",
            pictures.add("curves", f"accuracy-{name}", f"Accuracy against epsilon: {title}"),
            unit="epsilon (0-255 grey levels)",
            linear_up_to=0.8,
        )
    rows = results.trained(case=case, protocol=protocol, variant=MAIN)
    if not rows.empty:
        training.training_curves(
            rows,
            results.histories,
            title,
            pictures.add("training", f"training-{name}", f"Training: {title}"),
            names=_called,
            dotted=("papernot",),
        )


def _lines(
    results: Results, case: Case, protocol: Protocol, view: View, attack: str
) -> list[curves.Line | curves.Published]:
    place = {"case": case, "protocol": protocol, "variant": MAIN, "view": view, "attack": attack}
    lines: list[curves.Line | curves.Published] = []
    for defense, rows in results.select(**place).groupby("defense", sort=False):
        row, curve = rows.iloc[0], results.curve(defense=defense, **place)
        style = ":" if "papernot" in defense else "-"
        lines.append(
            curves.Line(_called(row), COLORS[row["role"]], curve.grey, curve.accuracies, style)
        )
    return lines


def _crosses(
    comparison: pd.DataFrame, case: Case, attack: str
) -> list[curves.Line | curves.Published]:
    crosses: list[curves.Line | curves.Published] = []
    for role, defense in _PUBLISHED_OF.items():
        rows = _published(comparison, "accuracy under attack", case)
        rows = rows[(rows["attack"] == attack) & (rows["defense"] == defense)]
        if len(rows):
            numbers = (rows[column].astype(float).to_numpy() for column in ("epsilon", "value"))
            crosses.append(curves.Published(f"published, {role}", COLORS[role], *numbers))
    return crosses


def _published(comparison: pd.DataFrame, kind: str, case: Case) -> pd.DataFrame:
    rows = comparison[(comparison["kind"] == kind) & (comparison["model"] != "all")]
    return rows[[case_of(row) == case for _, row in rows.iterrows()]]


def _accuracy_tables(results: Results, comparison: pd.DataFrame) -> list[dict[str, Any]]:
    """One table per case: published, faithful and corrected, with the control beside."""
    tables = []
    for case in CASES:
        cells = _published(comparison, "accuracy under attack", case)
        rows = [
            _accuracy_row(results, case, str(attack), str(epsilon), pair)
            for (attack, epsilon), pair in cells.groupby(["attack", "epsilon"], sort=False)
        ]
        shown = pd.DataFrame(rows)
        measured = bool((cells["status"] == "measured").any())
        tables.append(
            {
                "case": results.label(case) if measured else str(case),
                "names": " and ".join(dict.fromkeys(cells["table"])),
                "measured": measured,
                "rows": shown.loc[:, (shown != "").any()],
            }
        )
    return tables


def _accuracy_row(
    results: Results, case: Case, attack: str, epsilon: str, pair: pd.DataFrame
) -> dict[str, str]:
    row = {"attack": attack, "epsilon": epsilon}
    for role, defense in _PUBLISHED_OF.items():
        (cell,) = (cell for _, cell in pair.iterrows() if cell["defense"] == defense)
        row[f"{role}: published"] = f"{float(cell['value']):.1f}"
        row |= {f"{role}: {protocol}": interval(cell, protocol) for protocol in Protocol}
    for protocol in Protocol:
        curve = results.compared_curve(case, protocol, Role.CONTROL, attack=attack)
        correct = None if curve is None else curve.at(grey=float(epsilon))
        accuracy = "" if correct is None else f"{100 * correct.mean():.1f}"
        row[f"{Role.CONTROL}: {protocol}"] = accuracy
    return row


def _clean(results: Results, comparison: pd.DataFrame) -> pd.DataFrame:
    """Accuracy without attack of every network, with what the study printed."""
    tables = []
    for case in filter(results.has, CASES):
        printed = _published(comparison, "clean accuracy", case).set_index("metric")["value"]
        for protocol in Protocol:
            rows = results.trained(case=case, protocol=protocol, variant=MAIN)
            rows = rows[rows["role"] != Role.WARM_UP]
            if rows.empty:
                continue
            table = trainings(rows, _called, digits=1)
            table.insert(0, "model and data", results.label(case))
            table.insert(1, "protocol", str(protocol))
            undefended = (rows.drop_duplicates("stage")["role"] == Role.UNDEFENDED).to_numpy()
            for split in ("train", "validation", "test"):
                metric = split.replace("train", "training")
                value = f"{float(printed[f'{metric} accuracy']):.2f}"
                place = table.columns.get_loc(split)
                table.insert(place, f"{split}, published", np.where(undefended, value, ""))
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _means(results: Results, comparison: pd.DataFrame) -> pd.DataFrame:
    rows = comparison[comparison["kind"].isin(["mean drop", "mean gain"])]
    return pd.DataFrame(
        [
            {
                "case": results.label(case_of(row)),
                "network": Role.STUDENT if row["defense"] != "none" else Role.UNDEFENDED,
                "attack": row["attack"],
                "mean over epsilon 0.1 to 0.8": row["metric"]
                .replace(" of test accuracy", "")
                .replace("mean ", ""),
                "published": f"{float(row['value']):.2f}",
                **{protocol: interval(row, protocol, 2) for protocol in Protocol},
            }
            for _, row in rows[rows["status"] == "measured"].iterrows()
        ]
    )


def _read_off(comparison: pd.DataFrame) -> pd.DataFrame:
    rows = comparison[comparison["kind"].isin(["plateau", "rise", "better up to"])]
    return pd.DataFrame(
        [
            {
                "where": row["table"],
                "network": _named(row),
                "statement": row["metric"],
                "published": row["value"],
                **{protocol: _epsilon(row, protocol) for protocol in Protocol},
            }
            for _, row in rows[rows["status"] == "measured"].iterrows()
        ]
    )


def _named(row: pd.Series) -> str:
    """What a published statement speaks of, in words."""
    if row["model"] == row["dataset"] == "all":
        return "all cases"
    return f"{row['model']} on {row['dataset']}, {row['defense'].replace('none', 'undefended')}"


def _epsilon(row: pd.Series, protocol: Protocol) -> str:
    if pd.isna(row[f"{protocol}_images"]):
        return ""  # not run
    return "none" if pd.isna(row[protocol]) else f"{row[protocol]:.1f}"


def _plateau(results: Results) -> pd.DataFrame:
    """What moves, and what accuracy does, from epsilon 0.4 on: by step size."""
    rows = results.select(
        variant=MAIN,
        role=Role.UNDEFENDED,
        view=(View.SOFTMAX, View.LOGITS),
        attack=("PGD", "PGD, step 0.05"),
    )
    listed = []
    for row in rows[(rows["epsilon"] > 0) & (rows["epsilon_grey"] < BEYOND)].itertuples():
        faithful = row.protocol == Protocol.FAITHFUL
        if faithful and row.view != View.SOFTMAX:
            continue
        step = f"{row.reach * 255 / STEPS:.2g}" if faithful else f"2.5 x epsilon / {STEPS}"
        # Corrected runs leave an image at its first success.
        moved = f"{row.mean_linf * 255:.4f}" if faithful else ""
        listed.append(
            {
                "network": results.label(row.case),
                "attack": f"{row.protocol} {row.attack}",
                "step": step,
                "epsilon": f"{row.epsilon_grey:.1f}",
                f"reach: {STEPS} x step": f"{row.reach * 255:.2f}",
                "mean L-inf moved, all images": moved,
                "accuracy": f"{100 * row.accuracy:.1f}",
            }
        )
    return pd.DataFrame(listed)


def _views(results: Results) -> pd.DataFrame:
    """The same networks and attacks through different outputs, at epsilon 0.8."""
    rows = results.select(variant=MAIN, attack=_ATTACKS, epsilon_grey=0.8)
    return pd.DataFrame(
        [
            {
                "model and data": results.label(row["case"]),
                "protocol": row["protocol"],
                "network": _called(row),
                "attacked through": row["view"],
                "attack": row["attack"],
                "accuracy at 0.8": Estimate.share(row["accuracy"], row["images"]).percent(),
                "gradient exactly zero": f"{row['zero_gradient']:.0%} of images",
                "after rounding to 8 bits": f"{100 * row['rounded_accuracy']:.1f}",
            }
            for _, row in rows.iterrows()
        ]
    )


def _larger_epsilons(results: Results) -> pd.DataFrame:
    """Corrected PGD beyond the study's range."""
    rows = results.select(variant=MAIN, protocol=Protocol.CORRECTED, attack="PGD")
    shown = rows[(rows["epsilon_grey"] > BEYOND) | (rows["epsilon"] == 0)]
    return _by_epsilon(results, shown, "", with_control=False)


def _controls(results: Results) -> pd.DataFrame:
    """Networks that differ from the published ones in one respect, without and under PGD."""
    rows = results.select(attack="PGD")
    rows = rows[rows["variant"] != MAIN]
    grey = rows["epsilon_grey"]
    shown = rows[(rows["epsilon"] == 0) | same(grey, 0.8) | same(grey, 8.0)]
    return _by_epsilon(results, shown, "PGD ", with_control=True)


def _by_epsilon(
    results: Results, rows: pd.DataFrame, prefix: str, with_control: bool
) -> pd.DataFrame:
    """Accuracies in percent, one row per arm and one column per epsilon."""
    listed = []
    for _, arm in rows.groupby("arm", sort=False):
        row = arm.iloc[0]
        what = {"control": row["variant"], "protocol": row["protocol"]} if with_control else {}
        accuracies = {
            "clean" if epsilon == 0 else f"{prefix}{epsilon:.2g}/255": f"{100 * accuracy:.1f}"
            for epsilon, accuracy in zip(arm["epsilon_grey"], arm["accuracy"], strict=True)
        }
        listed.append(
            {
                "model and data": results.label(row["case"]),
                "network": _called(row),
                **what,
                "attacked through": row["view"],
                **accuracies,
            }
        )
    return pd.DataFrame(listed)


def _students(results: Results, case: Case) -> dict[str, pd.DataFrame]:
    """The history of the first student of each procedure."""
    rows = results.trained(case=case, role=Role.STUDENT, variant=MAIN)
    first = rows.drop_duplicates("procedure").set_index("procedure")["stage"]
    return {_PROCEDURES[procedure]: results.history(stage) for procedure, stage in first.items()}


def _terms(results: Results) -> pd.DataFrame:
    """The two terms of each student's loss at the end of its training."""
    rows = []
    for case in filter(results.has, CASES):
        for procedure, history in _students(results, case).items():
            last = history.iloc[-1]
            student, soft = last["student_gradient_norm"], last["distillation_gradient_norm"]
            rows.append(
                {
                    "network": results.label(case),
                    "procedure": procedure,
                    "weighted student term": f"{last['student_term']:.3g}",
                    "weighted distillation term": f"{last['distillation_term']:.3g}",
                    "gradient norm of the student term": f"{student:.3g}",
                    "gradient norm of the distillation term": f"{soft:.3g}",
                    "distillation / student": f"{soft / student:.2g}" if student else "",
                }
            )
    return pd.DataFrame(rows)
