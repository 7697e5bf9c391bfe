"""What the report of the WPI study shows, beside what every report does."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import data
from evaluation import Estimate, NotRun
from harness.arms import Case, Protocol
from harness.results import Arrays, Results, run_by_key, selected, where_run
from reports.compare import measured_in
from reports.figures import dots, heat_maps, images, training
from reports.figures.roles import ATTACKS as LOOKS
from reports.figures.roles import NETWORKS
from reports.gallery import Gallery
from reports.tables import intervals, listed, trainings
from studies.wpi import beyond, defenses
from studies.wpi.arms import ATTACK_LEFT_OUT, OTHER_STEPS
from studies.wpi.attacks import (
    ATTACKS,
    EVERY_ATTACK,
    IFGSM,
    STEP_ATTACKS,
    TO_A_CLASS,
    WITH_BUDGETS,
    WITHIN_BUDGET,
)
from studies.wpi.defenses import ADVERSARIAL, DEFENSES, NONE, SINGLE, SMOOTHED, Defense, left_out
from studies.wpi.details import fooled
from studies.wpi.profiles import CASES
from studies.wpi.published import SHOWN_CLASSES
from studies.wpi.scores import Place

#: By role, how a network is drawn.
_LOOKS = {role: NETWORKS[role] for role in ("undefended", "teacher", "student", "control")}
_LOOKS |= {defenses.ALL_FOUR: NETWORKS["adversarial"]}
_LOOKS |= {defenses.FINE_TUNED: NETWORKS["noisy_updates"]}
_NAMES = {role: look.called for role, look in _LOOKS.items()}
_BY_BUDGET = (NONE, ADVERSARIAL, SMOOTHED, defenses.DISTILLED, defenses.COMBINED)
_CLEAN = "none"  # of the attacks, no attack
_SCORES = ("F1 score", "accuracy under attack", "confidence gap")
_PUBLISHED = {"table": "table", "what": "kind", "data": "dataset", "attack": "attack"}
_PUBLISHED |= {"published": "value", **intervals(3)}


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """The variables of `report.md`; its pictures are drawn into `directory`."""
    table, both = partial(_table, results), {"protocol": Protocol}
    return {
        "pictures": _draw(results, directory),
        "clean": table(_clean, **both, defense=DEFENSES),
        "published": listed(selected(comparison, kind=_SCORES), _PUBLISHED),
        "undefended": table(_undefended, **both, attack=EVERY_ATTACK),
        "defended": table(_defended, **both, defense=DEFENSES, attack=EVERY_ATTACK),
        "blur": table(_blur, attack=EVERY_ATTACK),
        "blur_sentences": list(where_run(partial(_blurred, results), CASES)),
        "squeezing": table(beyond.squeezing, attack=EVERY_ATTACK),
        "squeezing_sentences": list(where_run(partial(beyond.squeezed, results), CASES)),
        "targeted": table(beyond.targeted, defense=(NONE, *SINGLE), attack=TO_A_CLASS),
        "budgets": table(_budgets, defense=_BY_BUDGET, attack=WITH_BUDGETS),
        "left_out": table(_left_out, attack=ATTACKS),
        "steps": table(_steps, attack=STEP_ATTACKS),
        "times": _times(comparison),
        "trainings": trainings(
            results.trainings,
            lambda row: f"{row['dataset']}, {_NAMES.get(row['role'], row['role'])}",
        ),
        "temperature": f"{defenses.TEMPERATURE:g}",
    }


def _table(
    results: Results, row: Callable[..., dict[str, Any]], **keys: Iterable[Any]
) -> pd.DataFrame:
    """A row for each data set and combination of keys whose arms were run.

    The protocol is the corrected one where it is not a key.
    """

    def headed(case: Case, *key: Any) -> dict[str, Any]:
        heads = dict(zip(keys, key, strict=True))
        asked = {"protocol": Protocol.CORRECTED, **heads}
        place = Place(results, case, asked.pop("protocol"))
        return {"data": place.data, **heads, **row(place, **asked)}

    return pd.DataFrame(list(where_run(headed, CASES, *keys.values())))


def _cell(written: Callable[[], str]) -> str:
    """Empty where it was not run."""
    return next(where_run(written), "")


def _clean(place: Place, defense: Defense) -> dict[str, Any]:
    clean = place.clean(defense)
    recalls = [clean.correct[:, clean.labels == label].mean() for label in np.unique(clean.labels)]
    return {
        "images": len(clean.labels),
        "accuracy, %": clean.accuracy.percent(),
        "macro F1": clean.f1.text(),
        "lowest recall of a class": f"{min(recalls):.2f}",
    }


def _undefended(place: Place, attack: str) -> dict[str, Any]:
    attacked, kept = place.direct(NONE, attack), place.details(NONE, attack)
    gaps = kept["gap"][fooled(kept)]
    return {
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
    return {
        "crafting, ms": _cell(lambda: f"{1000 * place.crafting_seconds(defense, attack):.3g}"),
        "inference, ms": _cell(lambda: f"{1000 * place.inference_seconds(defense):.3g}"),
    }


def _defended(place: Place, defense: Defense, attack: str) -> dict[str, Any]:
    compared = place.compared(defense, attack)
    direct = _cell(lambda: place.direct(defense, attack).f1.text())
    transferred = _cell(lambda: place.transferred(defense, attack).f1.text())
    return {
        "F1, crafted against the defense": direct,
        "F1, crafted on the plain network": transferred,
        "F1, compared": compared.f1.text(),
        "accuracy, compared, %": compared.accuracy.percent(),
        **_times_of(place, defense, attack),
    }


def _both_ways(place: Place, attack: str) -> np.ndarray:
    """Correct through the blur, and from the plain network, bool [2, N] of the first seed."""
    ways = (place.direct, place.transferred)
    return np.stack([way(SMOOTHED, attack).correct[0] for way in ways])


def _blur(place: Place, attack: str) -> dict[str, str]:
    through, plain = _both_ways(place, attack)
    difference = Estimate.paired(through, plain)
    return {
        "through the blur, %": f"{100 * through.mean():.1f}",
        "from the plain network, %": f"{100 * plain.mean():.1f}",
        "difference, points": difference.points(),
        "not above": "yes" if difference.value <= 0 else "no",
    }


def _blurred(results: Results, case: Case) -> str:
    place = Place(results, case, Protocol.CORRECTED)
    correct = place.by_key(partial(_both_ways, place), EVERY_ATTACK)
    through, plain = 100 * np.logical_and.reduce([*correct.values()]).mean(axis=1)
    above = [attack for attack, (blur, other) in correct.items() if blur.mean() > other.mean()]
    says = f"above it for {', '.join(above)}" if above else "not above it for any attack"
    return (
        f"{place.data}: under the worst of the attacks {through:.1f} % through the blur and "
        f"{plain:.1f} % from the plain network; accuracy through the blur is {says}."
    )


def _budgets(place: Place, defense: Defense, attack: str) -> dict[str, str]:
    """Accuracy against epsilon, attacks crafted against the defense."""
    rows = place.rows(defense, attack=attack)
    rows = rows[rows["epsilon"] > 0]
    accuracies = [
        f"{_epsilon(epsilon, attack)}: {100 * accuracy:.1f}"
        for epsilon, accuracy in rows.groupby("epsilon")["accuracy"].mean().items()
    ]
    return {"norm": rows["norm"].iloc[0], "accuracy, %, by epsilon": ", ".join(accuracies)}


def _epsilon(epsilon: float, attack: str) -> str:
    if np.isinf(epsilon):
        return "any"
    in_grey_levels = attack in WITHIN_BUDGET and epsilon < 0.05
    return f"{255 * epsilon:.0f}/255" if in_grey_levels else f"{epsilon:g}"


def _left_out(place: Place, attack: str) -> dict[str, str]:
    without = place.direct(left_out(attack), attack, ATTACK_LEFT_OUT)
    return {
        "F1, trained on all four": _cell(lambda: place.direct(ADVERSARIAL, attack).f1.text()),
        "F1, trained on the other three": without.f1.text(),
    }


def _steps(place: Place, attack: str) -> dict[str, Any]:
    kept = place.details(NONE, attack, OTHER_STEPS)
    accuracy = Estimate.accuracy(kept["predictions"][-1] == kept["labels"])
    return {"accuracy, %": accuracy.percent(), **_distances(kept)}


def _times(comparison: pd.DataFrame) -> pd.DataFrame:
    rows = selected(measured_in(comparison), kind="time ratio")
    table = rows[["dataset", "defense", "attack", "value", "ratio_to"]].set_axis(
        ["data", "defense", "attack", "published, s", "ratio"], axis=1
    )
    for name, column in [("published", "ratio"), *((each, each) for each in Protocol)]:
        table[f"{name} ratio"] = [f"{each:.3g}" if pd.notna(each) else "" for each in rows[column]]
    return table


def _draw(results: Results, directory: Path) -> Gallery:
    gallery = Gallery(directory, ("maps", "accuracies", "confidences", "losses"))
    for case in filter(results.has, CASES):
        places = [Place(results, case, protocol) for protocol in Protocol]
        name, label = case.dataset, places[0].data
        maps = dict(where_run(_map, places))
        if maps:
            title = f"Macro F1, defenses against attacks: {label}"
            caption = (
                f"{title}. A row for each defense, a column for each attack: {'; '.join(maps)}"
            )
            heat_maps.heat_maps(maps, title, gallery.add("maps", f"map-{name}", caption))
        losses = _losses(results, case)
        title = f"Training loss: {label}"
        caption = f"{title}, by epoch: {', '.join(_NAMES[role] for role in losses)}"
        path = gallery.add("losses", f"loss-{name}", caption)
        training.loss_curves(losses, _NAMES, _LOOKS, title, path)
        rows = [list(row) for row in zip(*where_run(_confidences, places), strict=True)]
        if rows:
            title = f"One image under each attack, and what the attack adds (scaled): {label}"
            caption = f"{title}. An image that the undefended network has right without attack, "
            caption += "with its highest confidences"
            path = gallery.add("confidences", f"confidences-{name}", caption)
            images.confidence_bars(rows, title, path)
    _draw_accuracies(results, gallery)
    return gallery


def _draw_accuracies(results: Results, gallery: Gallery) -> None:
    """Every defense under every attack, the protocols side by side and a row for each data set."""
    drawn: dict[str, dict[str, dots.Dots]] = {}
    sizes: list[str] = []
    for case, protocol in product(filter(results.has, CASES), Protocol):
        place = Place(results, case, protocol)
        by_defense = _accuracies(place)
        if by_defense:
            drawn.setdefault(place.data, {})[_counted(protocol)] = by_defense
            first = next(iter(next(iter(by_defense.values())).values()))
            sizes.append(f"{place} {first.images:,}")
    if drawn:
        looks = {attack: LOOKS[attack] for attack in (_CLEAN, *EVERY_ATTACK)}
        title = "Accuracy of every defense under every attack"
        caption = f"{title}, by data set and protocol, empty where it was not run; "
        caption += f"images: {', '.join(sizes)}"
        dots.dot_plot(drawn, looks, title, gallery.add("accuracies", "accuracies", caption))


def _counted(protocol: Protocol) -> str:
    """A protocol, and when an attack counts in it."""
    return f"{protocol}, {'first success' if protocol == Protocol.FAITHFUL else 'at the budget'}"


def _map(place: Place) -> tuple[str, tuple[list[str], list[str], np.ndarray]]:
    """A panel with names of rows and columns, and macro F1, NaN where it was not run."""

    def scores(defense: Defense) -> list[float]:
        f1 = run_by_key(lambda attack: place.compared(defense, attack).f1.value, place.attacks)
        return [place.clean(defense).f1.value, *(f1.get(each, np.nan) for each in place.attacks)]

    rows = place.by_key(scores, DEFENSES)
    values = np.array([*rows.values()])
    return _counted(place.protocol), ([*map(str, rows)], ["clean", *place.attacks], values)


def _accuracies(place: Place) -> dict[str, dict[str, Estimate]]:
    """By defense, the accuracy without attack, "none", and under every attack that was run."""

    def of_defense(defense: Defense) -> dict[str, Estimate]:
        clean = {_CLEAN: place.clean(defense).accuracy}
        return clean | run_by_key(
            lambda attack: place.compared(defense, attack).accuracy, place.attacks
        )

    by_defense = run_by_key(of_defense, DEFENSES)
    return {"no defense" if each == NONE else str(each): by_defense[each] for each in by_defense}


def _losses(results: Results, case: Case) -> dict[str, np.ndarray]:
    """Training losses by role, of the first seed; the faithful networks where both were run."""
    rows = results.trained(case=case, role=tuple(_NAMES))
    rows = rows.sort_values(["seed", "protocol"], ascending=[True, False], kind="stable")
    stages = rows.drop_duplicates("role").set_index("role")["stage"].reindex([*_NAMES]).dropna()
    return {role: results.history(stage)["loss"].to_numpy() for role, stage in stages.items()}


def _confidences(place: Place) -> list[images.Confidences]:
    """One image of the class that the study shows, clean and under each attack.

    Beside it is what the attack adds, from black to white: the images themselves look alike.

    Raises:
        NotRun: it was not run, or the image is wrong without attack.
    """
    names = data.class_names(place.rows(NONE)["dataset"].iloc[0])
    kept = {attack: place.details(NONE, attack) for attack in ATTACKS}
    clean = kept[IFGSM]
    if clean["probabilities"][0].argmax() != clean["label"]:
        raise NotRun(f"{place}: an image of class {clean['label']} that is right without attack")
    column = []
    for title, shown, after in [("clean", clean, 0), *((*each, 1) for each in kept.items())]:
        probabilities = shown["probabilities"][after]
        likeliest = np.argsort(-probabilities, kind="stable")[:SHOWN_CLASSES]
        picture = shown[("picture", "adversarial")[after]]
        added = picture - shown["picture"]
        scaled = 0.5 + added / max(2 * np.abs(added).max(), 1e-9)
        pictures = np.clip(np.concatenate([picture, scaled], axis=1), 0, 1)
        failed = ", not turned" if after and likeliest[0] == shown["label"] else ""
        column.append(
            images.Confidences(
                f"{title}, {place.protocol}{failed}",
                np.round(255 * pictures).astype(np.uint8),
                [names[each] for each in likeliest],
                probabilities[likeliest],
                names[int(shown["label"])],
            )
        )
    return column
