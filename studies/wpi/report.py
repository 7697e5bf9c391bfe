"""What the report of the WPI study shows, beside what every report does."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import data
from evaluation import paired_difference
from harness.links import Link
from harness.results import Results
from reports.compare import Measure
from reports.figures import pictures as figures
from reports.figures.bars import accuracy_bars, heat_maps
from reports.tables import interval
from studies.wpi.arms import (
    ADVERSARIAL,
    ATTACKS,
    CASES,
    COMBINED,
    COMPARED,
    DEFENSES,
    DISTILLED,
    IFGSM,
    NONE,
    RECIPE,
    SMOOTHED,
    SWAP,
    TEMPERATURE,
    UNSEEN,
    step_attacks,
)
from studies.wpi.published import SHOWN_CLASSES
from studies.wpi.scores import (
    Score,
    accuracy,
    adaptive,
    arms_of,
    attacked_f1,
    average,
    clean,
    crafting_seconds,
    inference_seconds,
    judged,
    macro_f1,
    mean,
    transferred,
    turned,
)

_ROLES = {
    "undefended": ("undefended", "C0"),
    "teacher": ("distillation: teacher at T", "C2"),
    "student": ("distillation: student at T", "C3"),
    "control": ("hard labels at T", "C1"),
    "all four": ("adversarial training, further epochs", "C4"),
    "fine-tuned": ("noisy updates, further epochs", "C5"),
}


def measure(results: Results) -> Measure:
    """F1 scores as fractions, accuracies and gaps in percent, times as ratios."""

    def measured(link: Link, protocol: str):
        return _MEASURES[link.kind](results, link, protocol)

    return measured


def _f1_score(results: Results, link: Link, protocol: str):
    (case,), (attack,) = link.cases, link.attacks
    return _cell(attacked_f1(results, case, protocol, link.role, attack))


def _accuracy_under_attack(results: Results, link: Link, protocol: str):
    (attack,) = link.attacks
    found = [judged(results, case, protocol, link.role, attack) for case in link.cases]
    scores = [accuracy(*each) for each in found if each is not None]
    return _cell(mean(scores), 100) if scores else None


def _cell(score: Score | None, unit: float = 1.0):
    if score is None:
        return None
    return unit * score.value, unit * score.low, unit * score.high, score.images


def _confidence_gap(results: Results, link: Link, protocol: str):
    (case,), (attack,) = link.cases, link.attacks
    arms = arms_of(results, case, protocol, link.role, attack)
    if not arms:
        return None
    second, first = np.sort(results.details[arms[0]]["probabilities"][1])[-2:]
    return 100 * float(first - second), np.nan, np.nan, 1


def _time_ratio(results: Results, link: Link, protocol: str):
    """Of seconds per image to those that the remark of the link names; no interval."""
    (case,) = link.cases
    if link.attacks:
        (attack,) = link.attacks
        ours = _seconds(results, case, protocol, link.role, attack)
        if link.role == NONE:
            reference = inference_seconds(results, case, protocol, NONE)
        else:
            reference = _seconds(results, case, protocol, NONE, attack)
    else:
        ours = inference_seconds(results, case, protocol, link.role)
        plain = CASES[0] if link.role == NONE else case
        reference = inference_seconds(results, plain, protocol, NONE)
    ratio = ours / reference
    if not np.isfinite(ratio):
        return None
    rows = results.table[(results.table["case"] == case) & (results.table["protocol"] == protocol)]
    return ratio, np.nan, np.nan, int(rows["images"].iloc[0])


def _seconds(results: Results, case: str, protocol: str, defense: str, attack: str) -> float:
    """Faithful: as the study counts, crafting and inference together."""
    crafting = crafting_seconds(results, case, protocol, defense, attack)
    if protocol == "corrected":
        return crafting
    return crafting + inference_seconds(results, case, protocol, defense)


_MEASURES = {
    "F1 score": _f1_score,
    "accuracy under attack": _accuracy_under_attack,
    "confidence gap": _confidence_gap,
    "time ratio": _time_ratio,
}


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict:
    """The variables of `templates/wpi.md`; its pictures are drawn into `directory`."""
    return {
        "pictures": _draw(results, directory),
        "clean": _clean(results),
        "published": _published(comparison),
        "undefended": _undefended(results),
        "defended": _defended(results),
        "blur": _blur(results),
        "blur_sentences": list(_blur_sentences(results)),
        "budgets": _budgets(results),
        "left_out": _left_out(results),
        "steps": _steps(results),
        "times": _times(comparison),
        "trainings": _trainings(results),
        "temperature": f"{TEMPERATURE:g}",
        "epochs": RECIPE.epochs,
    }


def _cases(results: Results) -> list[str]:
    ran = set(results.table["case"])
    return [case for case in CASES if case in ran]


def _protocols(results: Results, case: str) -> list[str]:
    table = results.table
    ran = set(table[table["case"] == case]["protocol"])
    return [protocol for protocol in COMPARED if protocol in ran]


def _places(results: Results) -> Iterator[tuple[str, str]]:
    for case in _cases(results):
        for protocol in _protocols(results, case):
            yield case, protocol


def _dataset(case: str) -> str:
    return case.split("/")[1]


def _draw(results: Results, directory: Path) -> dict[str, list[tuple[str, str]]]:
    """Draws every picture; returns (caption, path relative to the report) by section."""
    sections = ("maps", "bars", "confidences", "losses")
    pictures: dict[str, list[tuple[str, str]]] = {section: [] for section in sections}

    def add(section: str, name: str, caption: str) -> Path:
        pictures[section].append((caption, f"figures/{name}.png"))
        return directory / f"{name}.png"

    for case in _cases(results):
        panels = {
            f"{protocol}, {'at the budget' if protocol == 'corrected' else 'first success'}": panel
            for protocol in _protocols(results, case)
            if (panel := _map(results, case, protocol)) is not None
        }
        if panels:
            title = f"Macro F1, defenses against attacks: {results.label(case)}"
            heat_maps(panels, title, add("maps", f"map-{_dataset(case)}", title))
        title = f"Training loss: {results.label(case)}"
        curves = _losses(results, case)
        names, colors = ({role: _ROLES[role][i] for role in curves} for i in (0, 1))
        path = add("losses", f"loss-{_dataset(case)}", title)
        figures.loss_curves(curves, names, colors, {}, title, path)
        shown = [_pictured(results, case, protocol) for protocol in _protocols(results, case)]
        shown = [column for column in shown if len(column) == 1 + len(ATTACKS)]
        if shown:
            title = f"One image under each attack: {results.label(case)}"
            path = add("confidences", f"confidences-{_dataset(case)}", title)
            figures.confidence_bars([list(row) for row in zip(*shown)], title, path)
    for index, defense in enumerate(DEFENSES):
        for protocol in COMPARED:
            accuracies = _accuracies(results, protocol, defense)
            if accuracies:
                title = f"Accuracy, {protocol}: {defense if defense != NONE else 'no defense'}"
                path = add("bars", f"bars-{index}-{protocol}", title)
                accuracy_bars(accuracies, title, path)
    return pictures


def _map(results: Results, case: str, protocol: str):
    attacks = [*ATTACKS, *([UNSEEN] if protocol == "corrected" else [])]
    rows = {}
    for defense in DEFENSES:
        found = clean(results, case, protocol, defense)
        if found is None:
            continue
        scores = [attacked_f1(results, case, protocol, defense, attack) for attack in attacks]
        values = [score.value if score is not None else np.nan for score in scores]
        rows[defense] = [macro_f1(*found).value, *values]
    return (list(rows), ["clean", *attacks], np.array(list(rows.values()))) if rows else None


def _accuracies(results: Results, protocol: str, defense: str) -> dict[str, dict[str, tuple]]:
    """Bars by data set, of those where the defense met every attack of the study."""
    accuracies = {}
    for case in _cases(results):
        found = {attack: judged(results, case, protocol, defense, attack) for attack in ATTACKS}
        found = {"clean": clean(results, case, protocol, defense), **found}
        if all(each is not None for each in found.values()):
            scores = {name: accuracy(*each) for name, each in found.items()}
            accuracies[results.label(case).split(" on ")[1]] = {
                name: (100 * score.value, 100 * score.low, 100 * score.high)
                for name, score in scores.items()
            }
    return accuracies


def _losses(results: Results, case: str) -> dict[str, np.ndarray]:
    """Training losses by role, of the first seed; the faithful networks where both were run."""
    trained = results.trainings
    rows = trained[(trained["case"] == case) & trained["role"].isin(_ROLES)]
    rows = rows.sort_values(["seed", "protocol"], ascending=[True, False], kind="stable")
    curves = {}
    for role in _ROLES:
        stages = rows[rows["role"] == role]["stage"]
        if len(stages):
            histories = results.histories
            curves[role] = histories[histories["stage"] == stages.iloc[0]]["loss"].to_numpy()
    return curves


def _pictured(results: Results, case: str, protocol: str) -> list[figures.Confidences]:
    """One image of the class that the study shows, clean and under each attack."""
    row = []
    for attack in ATTACKS:
        arms = arms_of(results, case, protocol, NONE, attack)
        if not arms:
            continue
        kept = results.details[arms[0]]
        dataset = results.table[results.table["arm"] == arms[0]]["dataset"].iloc[0]
        names = data.class_names(dataset)
        for index, (title, picture) in enumerate((("clean", "picture"), (attack, "adversarial"))):
            if title == "clean" and row:
                continue
            probabilities = kept["probabilities"][index]
            first = np.argsort(-probabilities, kind="stable")[:SHOWN_CLASSES]
            pixels = np.round(255 * np.clip(kept[picture], 0, 1)).astype(np.uint8)
            row.append(
                figures.Confidences(
                    f"{title}, {protocol}" if title != "clean" else title,
                    pixels,
                    [names[index] for index in first],
                    probabilities[first],
                    names[int(kept["label"])],
                )
            )
    return row


def _percent(score: Score) -> str:
    return f"{100 * score.value:.1f} [{100 * score.low:.1f}, {100 * score.high:.1f}]"


def _fraction(found) -> str:
    return "" if found is None else str(macro_f1(*found))


def _clean(results: Results) -> pd.DataFrame:
    rows = []
    for case, protocol in _places(results):
        for defense in DEFENSES:
            found = clean(results, case, protocol, defense)
            if found is None:
                continue
            labels, predictions = found
            recalls = [
                np.mean(predictions[:, labels == each] == each) for each in np.unique(labels)
            ]
            rows.append(
                {
                    "data": results.label(case),
                    "protocol": protocol,
                    "defense": defense,
                    "images": len(labels),
                    "accuracy, %": _percent(accuracy(*found)),
                    "macro F1": str(macro_f1(*found)),
                    "lowest recall of a class": f"{min(recalls):.2f}",
                }
            )
    return pd.DataFrame(rows)


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    rows = comparison[
        comparison["kind"].isin(["F1 score", "accuracy under attack", "confidence gap"])
    ]
    return pd.DataFrame(
        [
            {
                "table": row["table"],
                "what": row["kind"],
                "data": row["dataset"],
                "attack": row["attack"],
                "published": row["value"],
                **{
                    protocol: interval(row, protocol, 3 if row["kind"] == "F1 score" else 2)
                    for protocol in COMPARED
                },
            }
            for _, row in rows.iterrows()
        ]
    )


def _undefended(results: Results) -> pd.DataFrame:
    rows = []
    for case, protocol in _places(results):
        for attack in (*ATTACKS, UNSEEN):
            found = adaptive(results, case, protocol, NONE, attack)
            if found is None:
                continue
            arm = arms_of(results, case, protocol, NONE, attack)[0]
            kept = results.details[arm]
            moved = turned(kept)
            distances = {
                "successes": int(moved.sum()),
                "L2 of successes": _mean(kept["l2"][moved]),
                "L-inf of successes": _mean(kept["linf"][moved]),
                "median gap": f"{np.median(kept['gap'][moved]):.3f}" if moved.any() else "",
            }
            rows.append(
                {
                    "data": results.label(case),
                    "protocol": protocol,
                    "attack": attack,
                    "accuracy, %": _percent(accuracy(*found)),
                    "macro F1": _fraction(found),
                    **distances,
                    "crafting, ms": _ms(crafting_seconds(results, case, protocol, NONE, attack)),
                    "inference, ms": _ms(inference_seconds(results, case, protocol, NONE)),
                }
            )
    return pd.DataFrame(rows)


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.3f}" if len(values) else ""


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if np.isfinite(seconds) else ""


def _defended(results: Results) -> pd.DataFrame:
    rows = []
    for case, protocol in _places(results):
        for defense in DEFENSES:
            for attack in (*ATTACKS, UNSEEN):
                direct = adaptive(results, case, protocol, defense, attack)
                other = transferred(results, case, protocol, defense, attack)
                found = judged(results, case, protocol, defense, attack)
                if found is None:
                    continue
                crafting = crafting_seconds(results, case, protocol, defense, attack)
                rows.append(
                    {
                        "data": results.label(case),
                        "protocol": protocol,
                        "defense": defense,
                        "attack": attack,
                        "F1, crafted against the defense": _fraction(direct),
                        "F1, crafted on the plain network": _fraction(other),
                        "F1, compared": _fraction(found),
                        "accuracy, compared, %": _percent(accuracy(*found)),
                        "crafting, ms": _ms(crafting),
                        "inference, ms": _ms(inference_seconds(results, case, protocol, defense)),
                    }
                )
    return pd.DataFrame(rows)


def _both_ways(results: Results, case: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(attack, correct through the blur, correct from the plain network), bool [N]."""
    for attack in (*ATTACKS, UNSEEN):
        direct = adaptive(results, case, "corrected", SMOOTHED, attack)
        other = transferred(results, case, "corrected", SMOOTHED, attack)
        if direct is not None and other is not None:
            labels = direct[0]
            yield attack, direct[1][0] == labels, other[1][0] == labels


def _blur(results: Results) -> pd.DataFrame:
    rows = []
    for case in _cases(results):
        for attack, through, plain in _both_ways(results, case):
            difference = paired_difference(through, plain)
            rows.append(
                {
                    "data": results.label(case),
                    "attack": attack,
                    "through the blur, %": f"{100 * through.mean():.1f}",
                    "from the plain network, %": f"{100 * plain.mean():.1f}",
                    "difference, points": f"{100 * difference.difference:+.1f} "
                    f"[{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]",
                    "not above": "yes" if difference.difference <= 0 else "no",
                }
            )
    return pd.DataFrame(rows)


def _blur_sentences(results: Results) -> Iterator[str]:
    for case in _cases(results):
        found = list(_both_ways(results, case))
        above = [attack for attack, through, plain in found if through.mean() > plain.mean()]
        if found:
            worst = np.mean(np.logical_and.reduce([through for _, through, _ in found]))
            plain = np.mean(np.logical_and.reduce([other for _, _, other in found]))
            says = f"above it for {', '.join(above)}" if above else "not above it for any attack"
            yield (
                f"{results.label(case)}: under the worst of the attacks {100 * worst:.1f} % "
                f"through the blur and {100 * plain:.1f} % from the plain network; accuracy "
                f"through the blur is {says}."
            )


def _budgets(results: Results) -> pd.DataFrame:
    """Accuracy against epsilon, attacks crafted against the defense."""
    table = results.table
    names = {DEFENSES[name]: name for name in (NONE, ADVERSARIAL, SMOOTHED, DISTILLED, COMBINED)}
    rows = table[
        (table["protocol"] == "corrected")
        & (table["variant"] == "main")
        & (table["epsilon"] > 0)
        & table["defense"].isin(names)
        & table["attack"].isin([name for name in (*ATTACKS, UNSEEN) if name != SWAP])
    ]
    return pd.DataFrame(
        [
            {
                "data": results.label(case),
                "defense": names[defense],
                "attack": attack,
                "norm": found["norm"].iloc[0],
                "accuracy, %, by epsilon": ", ".join(
                    f"{_epsilon(epsilon, attack)}: {100 * value:.1f}"
                    for epsilon, value in found.groupby("epsilon")["accuracy"].mean().items()
                ),
            }
            for (case, defense, attack), found in rows.groupby(
                ["case", "defense", "attack"], sort=False
            )
        ]
    )


def _epsilon(epsilon: float, attack: str) -> str:
    if np.isinf(epsilon):
        return "any"
    grey = 255 * epsilon
    if attack in (IFGSM, UNSEEN) and abs(grey - round(grey)) < 1e-3 and grey < 20:
        return f"{grey:.0f}/255"
    return f"{epsilon:g}"


def _left_out(results: Results) -> pd.DataFrame:
    rows = []
    for case in _cases(results):
        for attack in ATTACKS:
            without = adaptive(
                results,
                case,
                "corrected",
                f"{DEFENSES[ADVERSARIAL].removesuffix('all four')}all but {attack}",
                attack,
                variant="WPI-A1",
            )
            everything = adaptive(results, case, "corrected", ADVERSARIAL, attack)
            if without is not None:
                rows.append(
                    {
                        "data": results.label(case),
                        "attack": attack,
                        "F1, trained on all four": _fraction(everything),
                        "F1, trained on the other three": _fraction(without),
                    }
                )
    return pd.DataFrame(rows)


def _steps(results: Results) -> pd.DataFrame:
    rows = []
    for case in _cases(results):
        for name in step_attacks(_dataset(case)):
            arms = arms_of(results, case, "corrected", NONE, name, variant="WPI-19")
            if arms:
                table = results.table
                found = table[(table["arm"] == arms[0]) & (table["epsilon"] > 0)].iloc[0]
                kept = results.details[arms[0]]
                moved = turned(kept)
                rows.append(
                    {
                        "data": results.label(case),
                        "attack": name,
                        "accuracy, %": f"{100 * found['accuracy']:.1f}",
                        "successes": int(moved.sum()),
                        "L2 of successes": str(average(kept["l2"][moved])) if moved.any() else "",
                        "L-inf of successes": _mean(kept["linf"][moved]),
                    }
                )
    return pd.DataFrame(rows)


def _times(comparison: pd.DataFrame) -> pd.DataFrame:
    rows = comparison[(comparison["kind"] == "time ratio") & (comparison["status"] == "measured")]
    return pd.DataFrame(
        [
            {
                "data": row.dataset,
                "defense": row.defense,
                "attack": row.attack,
                "published, s": row.value,
                "ratio": row.ratio_to,
                "published ratio": f"{row.ratio:.3g}",
                **{
                    f"{protocol} ratio": f"{value:.3g}" if pd.notna(value) else ""
                    for protocol in COMPARED
                    for value in [getattr(row, protocol)]
                },
            }
            for row in rows.itertuples()
        ]
    )


def _trainings(results: Results) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "data": results.label(row.case),
                "network": _ROLES.get(row.role, (row.role,))[0],
                "seed": row.seed,
                **{
                    f"{split}, %": f"{100 * getattr(row, f'{split}_accuracy'):.1f}"
                    for split in ("train", "validation", "test")
                },
                "kept epoch": f"{row.best_epoch} of {row.epochs}",
                "minutes": f"{row.seconds / 60:.1f}",
            }
            for row in results.trainings.drop_duplicates("stage").itertuples()
        ]
    )
