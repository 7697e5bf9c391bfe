"""What the report of the NTU study shows, beside what every report does."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Estimate, NotRun, same
from harness.arms import MAIN, Case, Protocol, Role
from harness.results import Results, run_by_key, selected
from reports.adversarial import show_adversarial
from reports.compare import measured_in
from reports.figures import curves, images, training
from reports.figures.roles import NETWORKS
from reports.gallery import Gallery
from reports.tables import intervals, listed, trainings
from studies.ntu import arms, further, masking, masking_page, sweeps, units
from studies.ntu.measures import BEYOND
from studies.ntu.published import NAMES, ROLES, case_of, clean_accuracy

_PROCEDURES = {"as_listed": "as listed", "corrected": "with T squared", "papernot": "Papernot's"}
#: By protocol, the output that is attacked first.
_FIRST_VIEW = {protocol: compared.views[0] for protocol, compared in arms.COMPARED.items()}

_UNIT = "epsilon (0-255 grey levels)"


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    measured = measured_in(comparison)
    return {
        "pictures": _draw(results, comparison, directory),
        "accuracy_tables": [_accuracy_table(results, comparison, case) for case in arms.CASES],
        "clean": _clean(results),
        "means": _means(results, measured),
        "plateau": _plateau(results),
        "views": _views(results),
        "terms": _terms(results),
        "larger": _larger_epsilons(results),
        "controls": _controls(results),
        "units": units.table(results),
        "jsma": further.jsma(results, _called),
        "further": further.paired(results),
        "sweeps": {
            what: sweeps.table(rows, what)
            for what in arms.SWEEPS
            if not (rows := sweeps.swept(results, what)).empty
        },
        "read_off": _read_off(measured),
    }


def _called(row: pd.Series) -> str:
    """A network in words, from a row of the trainings or of the table."""
    role = str(row["role"]).replace("_", "-")
    procedure = row["procedure"] if "procedure" in row else row["defense"].split()[0]
    return f"{role} ({_PROCEDURES[procedure]})" if procedure in _PROCEDURES else role


def _draw(results: Results, comparison: pd.DataFrame, directory: Path) -> Gallery:
    shown = ("masking", "curves", "sweeps", "further", "training", "terms")
    pictures = Gallery(directory, (*shown, "erasing", "adversarial"))
    for case in filter(results.has, arms.PLACES):
        for protocol in Protocol:
            _draw_case(results, comparison, case, protocol, pictures)
        students = _students(results, case)
        if students:
            title = f"Terms of the Distiller's loss: {results.label(case)}"
            caption = f"{title}. Weighted terms and their gradients by epoch: {', '.join(students)}"
            path = pictures.add("terms", f"terms-{case.model}-{case.dataset}", caption)
            training.loss_terms(students, title, path)
    for what in arms.SWEEPS:
        rows = sweeps.swept(results, what)
        if len(rows) > 1:
            title = f"{results.label(arms.VGG_ON_CIFAR10)}: the student by {what}"
            caption = f"{title}. Accuracy, CW's distance and the gradient, value by value"
            sweeps.draw(rows, what, title, pictures.add("sweeps", f"sweep-{what}", caption))
    seen = masking_page.attacked(results)
    if seen:
        masking_page.draw(results, pictures)
        students = masking_page.by_temperature(results, seen.grey)
        if len(students) > 1:
            title = f"The distilled network by temperature: {results.label(masking.CASE)}"
            caption = f"{title}. Accuracy under PGD and under all attacks, and zero gradients"
            path = pictures.add("masking", "masked-gradients-temperature", caption)
            masking_page.draw_temperatures(students, seen.grey, title, path)
    for case in further.was_run(results):
        title = f"{results.label(case)}, {arms.NOT_IN_THE_STUDY}"
        drawn = run_by_key(partial(further.lines, results, case), arms.ATTACKS)
        if drawn:
            caption = f"Accuracy against epsilon: {title}, {curves.sample_sizes(drawn)}"
            path = pictures.add("further", f"further-{case.model}-{case.dataset}", caption)
            curves.panels(drawn, title, path, unit=_UNIT, linear_up_to=0.8)
    _draw_images(results, pictures)
    return pictures


def _draw_images(results: Results, pictures: Gallery) -> None:
    """What random erasing makes of some images, and what attacks make of one each, by case."""
    some = next((kept["images"] for kept in results.examples.values() if len(kept["images"])), None)
    if some is not None:
        caption = "Images before and after random erasing, here with probability 1"
        images.random_erasing(some, pictures.add("erasing", "random-erasing", caption))
    attacked: dict[str, list[images.Attacked]] = {}
    for arm, kept in results.examples.items():
        row = results.select(arm=arm).iloc[-1]
        label = (
            f"{_called(row)}, {row['protocol']}\n{row['attack']} through {row['view']}\n"
            f"within {row['epsilon_grey']:.2g}/255: {100 * row['accuracy']:.1f} % right"
        )
        shown = images.Attacked(label, kept, data.class_names(row["dataset"]))
        attacked.setdefault(row["case"], []).append(shown)
    for case, of_case in attacked.items():
        name = f"adversarial-{case.replace('/', '-')}"
        show_adversarial(of_case, results.label(case), pictures, "adversarial", name)


def _draw_case(
    results: Results, comparison: pd.DataFrame, case: Case, protocol: Protocol, pictures: Gallery
) -> None:
    place = {"case": case, "protocol": protocol, "variant": MAIN}
    title = f"{results.label(case)}, {protocol} protocol"
    name = f"{case.model}-{case.dataset}-{protocol}"
    view = _FIRST_VIEW[protocol]
    drawn = {
        attack: [
            *_lines(results, **place, view=view, attack=attack),
            *(
                _crosses(comparison, case, attack)
                if case in NAMES and not results.stands_in
                else ()
            ),
        ]
        for attack in arms.ATTACKS
        if results.arms(**place, view=view, attack=attack)
    }
    if drawn:
        caption = f"Accuracy against epsilon: {title}, {curves.sample_sizes(drawn)}"
        path = pictures.add("curves", f"accuracy-{name}", caption)
        through = f"{title}, attacked through: {view}"
        curves.panels(drawn, through, path, unit=_UNIT, linear_up_to=0.8)
    rows = results.trained(**place)
    if not rows.empty:
        caption = f"Accuracy and loss of each network by epoch of its training: {title}"
        path = pictures.add("training", f"training-{name}", caption)
        training.training_curves(
            rows, results.histories, f"Training: {title}", path, names=_called, dotted=("papernot",)
        )


def _lines(results: Results, **place: Any) -> Iterator[curves.Line]:
    for _, row in results.select(**place).drop_duplicates("defense").iterrows():
        curve = results.curve(defense=row["defense"], **place)
        look = NETWORKS[row["role"]]
        if "papernot" in row["defense"]:
            look = look._replace(style=":")
        yield curves.Line(_called(row), look, curve.grey, curve.accuracies)


def _crosses(comparison: pd.DataFrame, case: Case, attack: str) -> Iterator[curves.Published]:
    for defense, role in ROLES.items():
        rows = selected(_cells(comparison, case), attack=attack, defense=defense)
        numbers = (rows[column].astype(float) for column in ("epsilon", "value"))
        yield curves.Published(f"published, {role}", NETWORKS[role], *numbers)


def _cells(comparison: pd.DataFrame, case: Case) -> pd.DataFrame:
    """The accuracies under attack that the study prints of one case."""
    model, dataset = NAMES[case]
    return selected(comparison, kind="accuracy under attack", model=model, dataset=dataset)


def _accuracy_table(results: Results, comparison: pd.DataFrame, case: Case) -> dict[str, Any]:
    """Published, faithful and corrected, with the control beside; perhaps of a stand-in."""
    cells = _cells(comparison, case)
    on = cells["on"].max()
    tables = []
    for defense, role in ROLES.items():
        rows = selected(cells, defense=defense)
        columns = {"published": lambda row: f"{float(row['value']):.1f}", **intervals()}
        tables.append(listed(rows, columns).add_prefix(f"{role}: "))
    controls = {each: partial(_control, results, on or case, each) for each in Protocol}
    tables.append(listed(rows, controls).add_prefix("control: "))
    shown = pd.concat([listed(rows, {"attack": "attack", "epsilon": "epsilon"}), *tables], axis=1)
    measured = not measured_in(cells).empty
    return {
        "case": _label(results, case, on) if measured else str(case),
        "names": " and ".join(dict.fromkeys(cells["table"])),
        "measured": measured,
        "rows": shown.loc[:, (shown != "").any()],
    }


def _label(results: Results, case: Case, on: str) -> str:
    """A case of the study in words, with the one `on` which it was measured, if that stands in."""
    return f"{results.label(on)}, which stands in for {case}" if on else results.label(case)


def _control(results: Results, case: Case | str, protocol: Protocol, row: pd.Series) -> str:
    """Accuracy of the control beside a published one; empty where it was not run."""
    with suppress(NotRun):
        curve = results.compared_curve(case, protocol, Role.CONTROL, attack=row["attack"])
        return f"{100 * curve.at(grey=float(row['epsilon'])).mean():.1f}"
    return ""


def _clean(results: Results) -> pd.DataFrame:
    """Accuracy without attack of every network, with what the study printed."""
    tables = []
    for case, protocol in product(filter(results.has, arms.PLACES), Protocol):
        rows = results.trained(case=case, protocol=protocol, variant=MAIN)
        rows = rows[rows["role"] != Role.WARM_UP].drop_duplicates("stage")
        if rows.empty:
            continue
        table = trainings(rows, _called, digits=1)
        table.insert(0, "model and data", results.label(case))
        table.insert(1, "protocol", str(protocol))
        for split in ("train", "validation", "test"):
            printed = f"{clean_accuracy(case, split):.2f}" if case in NAMES else ""
            column = np.where(rows["role"] == Role.UNDEFENDED, printed, "")
            table.insert(table.columns.get_loc(split), f"{split}, published", column)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _means(results: Results, measured: pd.DataFrame) -> pd.DataFrame:
    rows = selected(measured, kind=("mean drop", "mean gain"))
    statements = rows["metric"].str.replace("mean | of test accuracy", "", regex=True)
    columns = {
        "case": lambda row: _label(results, case_of(row), row["on"]),
        "network": lambda row: ROLES[row["defense"]],
        "attack": "attack",
        "mean over epsilon 0.1 to 0.8": "metric",
        "published": lambda row: f"{float(row['value']):.2f}",
        **intervals(2),
    }
    return listed(rows.assign(metric=statements), columns)


def _read_off(measured: pd.DataFrame) -> pd.DataFrame:
    columns = {
        "where": "table",
        "network": _spoken_of,
        "statement": "metric",
        "published": "value",
        **{protocol: partial(_epsilon, protocol) for protocol in Protocol},
    }
    return listed(selected(measured, kind=("plateau", "rise", "better up to")), columns)


def _spoken_of(row: pd.Series) -> str:
    """The networks of a published statement, in words."""
    if row["model"] == row["dataset"] == "all":
        return "all cases that were run"
    on = f" (measured on {row['on']})" if row["on"] else ""
    return f"{row['model']} on {row['dataset']}, {row['defense'].replace('none', 'undefended')}{on}"


def _epsilon(protocol: Protocol, row: pd.Series) -> str:
    if pd.isna(row[f"{protocol}_images"]):
        return ""  # not run
    return "none" if pd.isna(row[protocol]) or row[protocol] == 0 else f"{row[protocol]:.1f}"


def _plateau(results: Results) -> pd.DataFrame:
    """What moves, and what accuracy does, from epsilon 0.4 on: by step size."""
    attacks = ("PGD", arms.STEP_OF_THE_TEXT)
    rows = results.select(variant=MAIN, role=Role.UNDEFENDED, attack=attacks)
    rows = rows[rows["view"] == rows["protocol"].map(_FIRST_VIEW)]

    def step(row: pd.Series) -> str:
        if row["protocol"] == Protocol.CORRECTED:
            return f"2.5 x epsilon / {arms.STEPS}"
        return f"{row['reach'] * 255 / arms.STEPS:.2g}"

    def moved(row: pd.Series) -> str:
        # Corrected runs leave an image at its first success.
        return "" if row["protocol"] == Protocol.CORRECTED else f"{row['mean_linf'] * 255:.4f}"

    columns = {
        "network": lambda row: results.label(row["case"]),
        "attack": lambda row: f"{row['protocol']} {row['attack']}",
        "step": step,
        "epsilon": lambda row: f"{row['epsilon_grey']:.1f}",
        f"reach: {arms.STEPS} x step": lambda row: f"{row['reach'] * 255:.2f}",
        "mean L-inf moved, all images": moved,
        "accuracy": lambda row: f"{100 * row['accuracy']:.1f}",
    }
    return listed(rows[(rows["epsilon"] > 0) & (rows["epsilon_grey"] < BEYOND)], columns)


def _views(results: Results) -> pd.DataFrame:
    """The same networks and attacks through different outputs, at epsilon 0.8."""
    columns = {
        "model and data": lambda row: results.label(row["case"]),
        "protocol": "protocol",
        "network": _called,
        "attacked through": "view",
        "attack": "attack",
        "accuracy at 0.8": lambda row: Estimate.share(row["accuracy"], row["images"]).percent(),
        "gradient exactly zero": lambda row: f"{row['zero_gradient']:.0%} of images",
        "after rounding to 8 bits": lambda row: f"{100 * row['rounded_accuracy']:.1f}",
    }
    return listed(results.select(variant=MAIN, attack=arms.ATTACKS, epsilon_grey=0.8), columns)


def _larger_epsilons(results: Results) -> pd.DataFrame:
    """Corrected PGD beyond the study's range."""
    rows = results.select(variant=MAIN, protocol=Protocol.CORRECTED, attack="PGD")
    shown = rows[(rows["epsilon_grey"] > BEYOND) | (rows["epsilon"] == 0)]
    return _by_arm(results, shown, "", {})


def _controls(results: Results) -> pd.DataFrame:
    """Networks that differ from the published ones in one respect, without and under PGD."""
    rows = results.select(attack="PGD")
    grey = rows["epsilon_grey"]
    apart = [MAIN, masking.VARIANT, *map(masking.at_temperature, masking.TEMPERATURES)]
    apart += [arms.UNIT, arms.NOT_IN_THE_STUDY, *chain(*arms.SWEEPS.values())]  # shown elsewhere
    at = same(grey, 0) | same(grey, 0.8) | same(grey, 8)
    shown = rows[at & ~rows["variant"].isin(apart)]
    return _by_arm(results, shown, "PGD ", {"control": "variant", "protocol": "protocol"})


def _by_arm(
    results: Results, rows: pd.DataFrame, prefix: str, more: dict[str, str]
) -> pd.DataFrame:
    """Accuracies in percent, one row per arm and one column per epsilon."""
    heads = {
        "model and data": lambda row: results.label(row["case"]),
        "network": _called,
        **more,
        "attacked through": "view",
    }
    accuracies = [
        {
            f"{prefix}{epsilon:.2g}/255" if epsilon else "clean": f"{100 * accuracy:.1f}"
            for epsilon, accuracy in zip(arm["epsilon_grey"], arm["accuracy"], strict=True)
        }
        for _, arm in rows.groupby("arm", sort=False)
    ]
    return pd.concat([listed(rows.drop_duplicates("arm"), heads), pd.DataFrame(accuracies)], axis=1)


def _students(results: Results, case: Case) -> dict[str, pd.DataFrame]:
    """The history of the first student of each procedure."""
    rows = results.trained(case=case, role=Role.STUDENT, variant=MAIN)
    first = rows.drop_duplicates("procedure").set_index("procedure")["stage"]
    return {_PROCEDURES[procedure]: results.history(stage) for procedure, stage in first.items()}


def _terms(results: Results) -> pd.DataFrame:
    """The two terms of each student's loss at the end of its training."""

    def ratio(row: pd.Series) -> str:
        student, soft = row["student_gradient_norm"], row["distillation_gradient_norm"]
        return f"{soft / student:.2g}" if student else ""

    last = [
        {"network": results.label(case), "procedure": procedure, **history.iloc[-1]}
        for case in filter(results.has, arms.PLACES)
        for procedure, history in _students(results, case).items()
    ]
    columns = {
        "network": "network",
        "procedure": "procedure",
        "weighted student term": lambda row: f"{row['student_term']:.3g}",
        "weighted distillation term": lambda row: f"{row['distillation_term']:.3g}",
        "gradient norm of the student term": lambda row: f"{row['student_gradient_norm']:.3g}",
        "gradient norm of the distillation term": (
            lambda row: f"{row['distillation_gradient_norm']:.3g}"
        ),
        "distillation / student": ratio,
    }
    return listed(pd.DataFrame(last), columns)
