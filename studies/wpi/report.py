"""What the report of the WPI study shows, beside what every report does."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Estimate, NotRun
from harness.arms import MAIN, Case, Protocol
from harness.results import Arrays, Results, run_by_key, selected, where_run
from reports.figures.bars import grouped_bars, heat_maps
from reports.figures.images import Confidences, confidence_bars
from reports.figures.training import loss_curves
from reports.gallery import Gallery
from reports.tables import intervals, listed, trainings
from studies.wpi import defenses
from studies.wpi.arms import ATTACK_LEFT_OUT, OTHER_STEPS, RECIPE
from studies.wpi.attacks import ATTACKS, EVERY_ATTACK, IFGSM, STEP_ATTACKS, SWAP, WITHIN_BUDGET
from studies.wpi.defenses import ADVERSARIAL, DEFENSES, NONE, SMOOTHED, Defense, left_out
from studies.wpi.details import fooled
from studies.wpi.published import SHOWN_CLASSES
from studies.wpi.scores import Place, Predictions, places

#: By role, what a network is called and its colour.
_NETWORKS = {
    "undefended": ("undefended", "C0"),
    "teacher": ("distillation: teacher at T", "C2"),
    "student": ("distillation: student at T", "C3"),
    "control": ("hard labels at T", "C1"),
    defenses.ALL_FOUR: ("adversarial training, further epochs", "C4"),
    defenses.FINE_TUNED: ("noisy updates, further epochs", "C5"),
}
_NAMES, _COLORS = ({role: each[index] for role, each in _NETWORKS.items()} for index in (0, 1))
_BY_BUDGET = (NONE, ADVERSARIAL, SMOOTHED, defenses.DISTILLED, defenses.COMBINED)


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    everywhere = list(places(results))
    corrected = list(places(results, Protocol.CORRECTED))
    return {
        "pictures": _draw(results, everywhere, directory),
        "clean": _table(_clean, everywhere, DEFENSES),
        "published": _published(comparison),
        "undefended": _table(_undefended, everywhere, EVERY_ATTACK),
        "defended": _table(_defended, everywhere, DEFENSES, EVERY_ATTACK),
        "blur": _table(_blur, corrected, EVERY_ATTACK),
        "blur_sentences": [sentence for place in corrected for sentence in _blurred(place)],
        "budgets": _budgets(results),
        "left_out": _table(_left_out, corrected, ATTACKS),
        "steps": _table(_steps, corrected, STEP_ATTACKS),
        "times": _times(comparison),
        "trainings": trainings(
            results.trainings,
            lambda row: f"{row['dataset']}, {_NAMES.get(row['role'], row['role'])}",
        ),
        "temperature": f"{defenses.TEMPERATURE:g}",
        "epochs": RECIPE.epochs,
    }


def _table(row: Callable[..., dict[str, Any]], *keys: Iterable[Any]) -> pd.DataFrame:
    """A row for each combination of keys whose arms were run."""
    return pd.DataFrame(list(where_run(row, *keys)))


def _f1(predictions: Callable[..., Predictions], *asked: Any) -> Estimate | None:
    """`None` where it was not run."""
    try:
        return predictions(*asked).f1
    except NotRun:
        return None


def _cell(estimate: Estimate | None) -> str:
    return "" if estimate is None else estimate.text()


def _clean(place: Place, defense: Defense) -> dict[str, Any]:
    clean = place.clean(defense)
    recalls = [clean.correct[:, clean.labels == label].mean() for label in np.unique(clean.labels)]
    return {
        "data": place.data,
        "protocol": place.protocol,
        "defense": defense,
        "images": len(clean.labels),
        "accuracy, %": clean.accuracy.percent(),
        "macro F1": clean.f1.text(),
        "lowest recall of a class": f"{min(recalls):.2f}",
    }


def _undefended(place: Place, attack: str) -> dict[str, Any]:
    attacked = place.direct(NONE, attack)
    kept = place.details(NONE, attack)
    gaps = kept["gap"][fooled(kept)]
    return {
        "data": place.data,
        "protocol": place.protocol,
        "attack": attack,
        "accuracy, %": attacked.accuracy.percent(),
        "macro F1": attacked.f1.text(),
        **_distances(kept),
        "median gap": f"{np.median(gaps):.3f}" if len(gaps) else "",
        **_times_of(place, NONE, attack),
    }


def _distances(kept: Arrays) -> dict[str, Any]:
    moved = fooled(kept)
    means = {
        f"{name} of successes": Estimate.mean(kept[key][moved]).text() if moved.any() else ""
        for name, key in (("L2", "l2"), ("L-inf", "linf"))
    }
    return {"successes": int(moved.sum())} | means


def _times_of(place: Place, defense: Defense, attack: str) -> dict[str, str]:
    seconds = {"inference, ms": place.inference_seconds(defense)}
    with suppress(NotRun):
        seconds = {"crafting, ms": place.crafting_seconds(defense, attack)} | seconds
    return {
        name: f"{1000 * each:.3g}" if np.isfinite(each) else "" for name, each in seconds.items()
    }


def _defended(place: Place, defense: Defense, attack: str) -> dict[str, Any]:
    compared = place.compared(defense, attack)
    return {
        "data": place.data,
        "protocol": place.protocol,
        "defense": defense,
        "attack": attack,
        "F1, crafted against the defense": _cell(_f1(place.direct, defense, attack)),
        "F1, crafted on the plain network": _cell(_f1(place.transferred, defense, attack)),
        "F1, compared": compared.f1.text(),
        "accuracy, compared, %": compared.accuracy.percent(),
        **_times_of(place, defense, attack),
    }


def _both_ways(place: Place, attack: str) -> tuple[np.ndarray, np.ndarray]:
    """Correct through the blur, and from the plain network, bool [N] of the first seed."""
    ways = (place.direct, place.transferred)
    through, plain = (way(SMOOTHED, attack).correct[0] for way in ways)
    return through, plain


def _blur(place: Place, attack: str) -> dict[str, Any]:
    through, plain = _both_ways(place, attack)
    difference = Estimate.paired(through, plain)
    return {
        "data": place.data,
        "attack": attack,
        "through the blur, %": f"{100 * through.mean():.1f}",
        "from the plain network, %": f"{100 * plain.mean():.1f}",
        "difference, points": difference.points(),
        "not above": "yes" if difference.value <= 0 else "no",
    }


def _blurred(place: Place) -> Iterator[str]:
    correct = run_by_key(lambda attack: _both_ways(place, attack), EVERY_ATTACK)
    if correct:
        ways = zip(*correct.values(), strict=True)
        through, plain = (100 * np.logical_and.reduce(way).mean() for way in ways)
        above = [attack for attack, (blur, other) in correct.items() if blur.mean() > other.mean()]
        says = f"above it for {', '.join(above)}" if above else "not above it for any attack"
        yield (
            f"{place.data}: under the worst of the attacks {through:.1f} % through the blur and "
            f"{plain:.1f} % from the plain network; accuracy through the blur is {says}."
        )


def _budgets(results: Results) -> pd.DataFrame:
    """Accuracy against epsilon, attacks crafted against the defense."""
    names = {defense.in_results: defense for defense in _BY_BUDGET}
    rows = results.select(
        protocol=Protocol.CORRECTED,
        variant=MAIN,
        defense=tuple(names),
        attack=tuple(attack for attack in EVERY_ATTACK if attack != SWAP),
    )
    groups = rows[rows["epsilon"] > 0].groupby(["case", "defense", "attack"], sort=False)
    return pd.DataFrame(
        [
            {
                "data": group["dataset"].iloc[0],
                "defense": names[defense],
                "attack": attack,
                "norm": group["norm"].iloc[0],
                "accuracy, %, by epsilon": ", ".join(
                    f"{_epsilon(epsilon, attack)}: {100 * accuracy:.1f}"
                    for epsilon, accuracy in group.groupby("epsilon")["accuracy"].mean().items()
                ),
            }
            for (_, defense, attack), group in groups
        ]
    )


def _epsilon(epsilon: float, attack: str) -> str:
    if np.isinf(epsilon):
        return "any"
    grey = 255 * epsilon
    if attack in WITHIN_BUDGET and abs(grey - round(grey)) < 1e-3 and grey < 20:
        return f"{grey:.0f}/255"
    return f"{epsilon:g}"


def _left_out(place: Place, attack: str) -> dict[str, Any]:
    without = place.direct(left_out(attack), attack, ATTACK_LEFT_OUT)
    return {
        "data": place.data,
        "attack": attack,
        "F1, trained on all four": _cell(_f1(place.direct, ADVERSARIAL, attack)),
        "F1, trained on the other three": without.f1.text(),
    }


def _steps(place: Place, name: str) -> dict[str, Any]:
    kept = place.details(NONE, name, OTHER_STEPS)
    return {
        "data": place.data,
        "attack": name,
        "accuracy, %": Estimate.accuracy(kept["predictions"][-1] == kept["labels"]).percent(),
        **_distances(kept),
    }


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    kinds = ("F1 score", "accuracy under attack", "confidence gap")
    columns = {"table": "table", "what": "kind", "data": "dataset", "attack": "attack"}
    columns |= {"published": "value", **intervals(2)}
    return listed(selected(comparison, kind=kinds), columns)


def _times(comparison: pd.DataFrame) -> pd.DataFrame:
    rows = selected(comparison, kind="time ratio", status="measured")
    table = rows[["dataset", "defense", "attack", "value", "ratio_to"]].set_axis(
        ["data", "defense", "attack", "published, s", "ratio"], axis=1
    )
    for name, column in [("published", "ratio"), *((each, each) for each in Protocol)]:
        table[f"{name} ratio"] = [f"{each:.3g}" if pd.notna(each) else "" for each in rows[column]]
    return table


def _draw(results: Results, everywhere: list[Place], directory: Path) -> Gallery:
    gallery = Gallery(directory, ("maps", "bars", "confidences", "losses"))
    for case in dict.fromkeys(place.case for place in everywhere):
        at = [place for place in everywhere if place.case == case]
        name, label = case.dataset, at[0].data
        title = f"Macro F1, defenses against attacks: {label}"
        maps = {_panel(place): _map(place) for place in at}
        heat_maps(maps, title, gallery.add("maps", f"map-{name}", title))
        title = f"Training loss: {label}"
        path = gallery.add("losses", f"loss-{name}", title)
        loss_curves(_losses(results, case), _NAMES, _COLORS, title, path)
        columns = list(where_run(_confidences, at))
        if columns:
            title = f"One image under each attack: {label}"
            path = gallery.add("confidences", f"confidences-{name}", title)
            confidence_bars([list(row) for row in zip(*columns, strict=True)], title, path)
    for (index, defense), protocol in product(enumerate(DEFENSES), Protocol):
        at = [place for place in everywhere if place.protocol == protocol]
        groups = dict(where_run(_accuracies, at, [defense]))
        if groups:
            title = f"Accuracy, {protocol}: {'no defense' if defense == NONE else defense}"
            grouped_bars(groups, title, gallery.add("bars", f"bars-{index}-{protocol}", title))
    return gallery


def _map(place: Place) -> tuple[list[str], list[str], np.ndarray]:
    """Names of rows and columns, and macro F1, NaN where it was not run."""
    attacks = ATTACKS if place.protocol == Protocol.FAITHFUL else EVERY_ATTACK
    rows = {}
    for defense in DEFENSES:
        clean = _f1(place.clean, defense)
        if clean is not None:
            scores = [clean, *(_f1(place.compared, defense, attack) for attack in attacks)]
            rows[str(defense)] = [np.nan if each is None else each.value for each in scores]
    return list(rows), ["clean", *attacks], np.array(list(rows.values()))


def _panel(place: Place) -> str:
    faithful = place.protocol == Protocol.FAITHFUL
    return f"{place.protocol}, {'first success' if faithful else 'at the budget'}"


def _accuracies(place: Place, defense: Defense) -> tuple[str, dict[str, Estimate]]:
    """The data set, and the accuracy under every attack of the study."""
    attacked = {attack: place.compared(defense, attack).accuracy for attack in ATTACKS}
    return place.data, {"clean": place.clean(defense).accuracy} | attacked


def _losses(results: Results, case: Case) -> dict[str, np.ndarray]:
    """Training losses by role, of the first seed; the faithful networks where both were run."""
    rows = results.trained(case=case, role=tuple(_NAMES))
    rows = rows.sort_values(["seed", "protocol"], ascending=[True, False], kind="stable")
    stages = rows.drop_duplicates("role").set_index("role")["stage"]
    return {
        role: results.history(stages[role])["loss"].to_numpy() for role in _NAMES if role in stages
    }


def _confidences(place: Place) -> list[Confidences]:
    """One image of the class that the study shows, clean and under each attack."""
    names = data.class_names(place.rows()["dataset"].iloc[0])
    kept = {attack: place.details(NONE, attack) for attack in ATTACKS}

    def shown(title: str, of_attack: Arrays, picture: str, index: int) -> Confidences:
        probabilities = of_attack["probabilities"][index]
        likeliest = np.argsort(-probabilities, kind="stable")[:SHOWN_CLASSES]
        return Confidences(
            title,
            np.round(255 * np.clip(of_attack[picture], 0, 1)).astype(np.uint8),
            [names[each] for each in likeliest],
            probabilities[likeliest],
            names[int(of_attack["label"])],
        )

    return [shown("clean", kept[IFGSM], "picture", 0)] + [
        shown(f"{attack}, {place.protocol}", of_attack, "adversarial", 1)
        for attack, of_attack in kept.items()
    ]
