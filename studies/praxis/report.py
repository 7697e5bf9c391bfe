"""What the report of the Praxis study shows, beside what every report does."""

from pathlib import Path

import numpy as np
import pandas as pd

import data
from harness.links import Link
from harness.results import Results
from harness.units import grey_levels
from reports.compare import Measure
from reports.figures import pictures as figures
from studies.praxis.arms import (
    AGAIN,
    ANY,
    DISTILLED,
    EPSILONS,
    IMAGENET,
    SHARKS,
    SHOWN,
    STEP,
)
from studies.praxis.measures import (
    Share,
    classifiers,
    distilled_seconds_per_iteration,
    errors,
    of_classifier,
    of_distilled,
    pictured,
    position,
    seconds_per_iteration,
    share,
)

_ROLES = {
    "undefended": "undefended: hard labels",
    "teacher": "teacher at T (ResNet-101)",
    "student": "student: soft labels at T",
    "control": "control: soft labels discarded",
}
_PROTOCOLS = {
    "faithful": "epsilon between standardised images, not clipped",
    "corrected": "epsilon between images in [0, 1], clipped",
}
_UNITS = {"faithful": "standardised", "corrected": "pixels"}
#: Part B: what is drawn, as protocol, output and attack.
_CURVES = {
    "FGSM through the logits\n(faithful)": ("faithful", "logits", "FGSM"),
    "one signed step of CW's\nmargin (faithful)": ("faithful", "logits", STEP),
    "FGSM through logits / T": ("corrected", "logits / T", "FGSM"),
    "CW, counted within epsilon": ("corrected", "logits / T", "CW"),
}


def measure(results: Results) -> Measure:
    """The number a link asks for: errors in percent, confidences and accuracies as fractions."""

    def value(link: Link, protocol: str) -> tuple | None:
        model = link.cases[0].split("/")[0]
        if link.kind == "clean accuracy":
            return _clean_accuracy(results)
        if link.kind == "seconds per iteration":
            return _seconds(results, model, link.attacks[0], protocol)
        attack = _run_as(link.attacks, protocol)
        if link.kind == "confidence":
            return _confidence(results, model, protocol, attack, link)
        return _error(of_classifier(results, model, protocol, attack), link)

    return value


def _run_as(attacks: tuple[str, ...], protocol: str) -> str:
    """The attack that stands for a published one; without any, its clean images serve."""
    if attacks == ("CW",):
        return STEP if protocol == "faithful" else "CW"
    return "FGSM"


def _error(rows: pd.DataFrame, link: Link) -> Share | None:
    if rows.empty:
        return None
    found = errors(rows, 1 if "top-1" in link.kind else 5)
    epsilons = rows["epsilon"].to_numpy()
    if link.kind.startswith("highest"):
        return max(found[position(epsilons, epsilon)] for epsilon in EPSILONS)
    if not link.attacks:
        return found[0]
    return found[position(epsilons, link.epsilon_grey / grey_levels("standardised"))]


def _confidence(results: Results, model: str, protocol: str, attack: str, link: Link):
    shown = pictured(results, model, protocol, attack)
    if shown is None or not _on_imagenet(results, model):
        return None
    image, rank = list(SHARKS).index(link.index[0]), link.index[1]
    # Without attacks the row is of the clean image.
    confidence = shown["confidences"][1 if link.attacks else 0, image, rank - 1]
    return link.factor * float(confidence), np.nan, np.nan, 1


def _seconds(results: Results, model: str, attack: str, protocol: str):
    if protocol != ("faithful" if attack == "FGSM" else "corrected"):
        return None
    found = seconds_per_iteration(results, model, attack)
    return None if found is None else (found[0], np.nan, np.nan, found[1])


def _clean_accuracy(results: Results):
    found = of_distilled(results, "faithful", "undefended", "FGSM", "logits")
    if found is None:
        return None
    of = share(found[1][0].mean(), found[1].shape[2])
    return of.percent / 100, of.low / 100, of.high / 100, of.images


def contents(results: Results, comparison: pd.DataFrame, directory: Path) -> dict:
    """The variables of `templates/praxis.md`; its pictures are drawn into `directory`."""
    published = _published(comparison)
    return {
        "pictures": _draw(results, published, directory),
        "timed_apart": "crafting_seconds" in results.table,
        "classifiers": _classifiers(results, comparison),
        "fgsm": {words: _fgsm(results, protocol) for protocol, words in _PROTOCOLS.items()},
        "published_fgsm": _published_table(published),
        "cw": _cw(results),
        "cw_within": _cw_within(results),
        "changes": _changes(results),
        "seconds": _seconds_table(results, comparison),
        "distilled": _distilled(results),
        "distilled_curves": {
            words.replace("\n", " "): _distilled_curve(results, *of)
            for words, of in _CURVES.items()
        },
    }


def _draw(results: Results, published, directory: Path) -> dict[str, list[tuple[str, str]]]:
    """Draws every picture; returns (caption, path relative to the report) by section."""
    sections = ("errors", "cw", "bars", "distilled", "training", "adversarial")
    pictures: dict[str, list[tuple[str, str]]] = {section: [] for section in sections}

    def add(section: str, name: str, caption: str) -> Path:
        pictures[section].append((caption, f"figures/{name}.png"))
        return directory / f"{name}.png"

    models = classifiers(results)
    for protocol, words in _PROTOCOLS.items():
        title = f"FGSM: {words}"
        panels = _error_panels(results, {model: (protocol, "FGSM") for model in models})
        if panels:
            # The published epsilons are most likely standardised.
            crosses = published if protocol == "faithful" else None
            path = add("errors", f"errors-fgsm-{protocol}", title)
            figures.error_curves(panels, "epsilon (%)", title, path, crosses)
    for model in models:
        title = f"CW counted within epsilon, and FGSM: {results.label(f'{model}/{IMAGENET}')}"
        panels = _error_panels(
            results,
            {name: ("corrected", name) for name in ("CW", "FGSM")},
            model,
        )
        if len(panels.get("top-1", ())) == 2:
            path = add("cw", f"errors-cw-{model}", title)
            figures.error_curves(panels, "epsilon (% of the range of a pixel)", title, path)
        _draw_bars(results, model, add)
    if DISTILLED in set(results.table["case"]):
        _draw_distilled(results, add)
    return pictures


def _error_panels(results: Results, arms: dict, model: str | None = None) -> dict:
    """Curves by panel and name, of arms (protocol, attack) of one model or of each name."""
    panels: dict[str, dict[str, figures.Curve]] = {}
    for name, (protocol, attack) in arms.items():
        rows = of_classifier(results, model or name, protocol, attack)
        rows = rows[rows["epsilon"] <= max(EPSILONS)]
        if rows.empty:
            continue
        for k in (1, 5):
            found = np.array([error[:3] for error in errors(rows, k)])
            curve = figures.Curve(100 * rows["epsilon"].to_numpy(), *found.T)
            panels.setdefault(f"top-{k}", {})[name] = curve
    return panels


def _draw_bars(results: Results, model: str, add) -> None:
    arms = (
        ("faithful", "FGSM", f"FGSM {100 * SHOWN:g} %, standardised"),
        ("corrected", "FGSM", f"FGSM {100 * SHOWN:g} %, pixels"),
        ("corrected", "CW", "CW, any distance"),
    )
    found = [(words, pictured(results, model, *arm)) for *arm, words in arms]
    found = [(words, shown) for words, shown in found if shown is not None]
    if not found:
        return
    title = f"Highest confidences: {results.label(f'{model}/{IMAGENET}')}"
    rows = []
    for image, true in enumerate(found[0][1]["label_names"]):
        row = [_bars(found[0][1], image, 0, f"{_words(true)}, no attack")]
        row += [_bars(shown, image, 1, words) for words, shown in found]
        rows.append(row)
    figures.confidence_bars(rows, title, add("bars", f"confidences-{model}", title))


def _bars(shown: dict, image: int, attacked: int, title: str) -> figures.Confidences:
    return figures.Confidences(
        title,
        shown["adversarial" if attacked else "images"][image],
        [_words(name) for name in shown["names"][attacked, image]],
        shown["confidences"][attacked, image],
        _words(shown["label_names"][image]),
    )


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _draw_distilled(results: Results, add) -> None:
    label = results.label(DISTILLED)
    title = f"Distilled and undistilled under attack: {label}"
    figures.accuracy_panels(
        {
            panel: {role: curve for role in _ROLES if (curve := _curve(results, role, *of))}
            for panel, of in _CURVES.items()
        },
        _ROLES,
        "epsilon (% of the range of a pixel)",
        title,
        add("distilled", "accuracy", title),
    )
    title = f"Training of teacher and students: {label}"
    trained = results.trainings[results.trainings["case"] == DISTILLED].drop_duplicates("stage")
    path = add("training", "training", title)
    figures.training_curves(trained, results.histories, title, path, names=_ROLES)
    for index, (arm, examples) in enumerate(results.examples.items()):
        row = results.table[results.table["arm"] == arm].iloc[-1]
        title = (
            f"{_ROLES[row['role']]}, {row['protocol']}: {row['attack']} through {row['view']}, "
            f"epsilon {100 * row['epsilon']:g} %"
        )
        path = add("adversarial", f"adversarial-{index + 1:02}", title)
        figures.adversarial_images(examples, data.class_names(row["dataset"]), title, path)


def _curve(results: Results, role: str, protocol: str, view: str, attack: str):
    found = of_distilled(results, protocol, role, attack, view)
    if found is None:
        return None
    epsilons, correct = found
    drawn = epsilons < ANY
    shares = [share(each.mean(), correct.shape[2]) for each in correct[drawn]]
    return figures.Curve(100 * epsilons[drawn], *np.array([each[:3] for each in shares]).T)


def _published(comparison: pd.DataFrame) -> dict:
    """Tables 4 to 6 by panel and model: epsilons in percent and errors, without attack first."""
    found: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    tables = comparison[comparison["table"].isin([f"Table {number}" for number in (1, 4, 5, 6)])]
    for (metric, model), rows in tables.groupby(["metric", "model"], sort=False):
        epsilons = pd.to_numeric(rows["epsilon"]).fillna(0).to_numpy()
        values = pd.to_numeric(rows["value"]).to_numpy()
        order = np.argsort(epsilons)
        panel = metric.removesuffix(" error")
        found.setdefault(panel, {})[f"{model}"] = epsilons[order], values[order]
    return found


def _published_table(published: dict) -> pd.DataFrame:
    columns: dict[str, list] = {}
    for panel, curves in published.items():
        for model, (epsilons, values) in curves.items():
            columns["epsilon, %"] = [f"{epsilon:g}" for epsilon in epsilons]
            columns[f"{model} {panel}"] = [f"{value:.2f}" for value in values]
    return pd.DataFrame(columns)


def _classifiers(results: Results, comparison: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for model in classifiers(results):
        arm = of_classifier(results, model, "corrected", "FGSM")
        if arm.empty:
            arm = of_classifier(results, model, "faithful", "FGSM")
        if arm.empty:
            continue
        rows.append(
            {
                "network": results.label(f"{model}/{IMAGENET}"),
                "weights": "ImageNet's" if _on_imagenet(results, model) else "from scratch",
                "images": arm["images"].iloc[0],
                **{f"top-{k} error": str(errors(arm, k)[0]) for k in (1, 5)},
            }
        )
    printed = comparison[comparison["table"] == "Table 1"]
    for model, of in printed.groupby("model", sort=False):
        rows.append(
            {
                "network": f"{model}, published",
                "weights": "ImageNet's",
                "images": "5000?",
                **{row.metric: row.value for row in of.itertuples()},
            }
        )
    return pd.DataFrame(rows)


def _fgsm(results: Results, protocol: str) -> pd.DataFrame:
    columns: dict[str, list] = {}
    for model in classifiers(results):
        rows = of_classifier(results, model, protocol, "FGSM")
        if rows.empty:
            continue
        columns["epsilon, %"] = [f"{100 * epsilon:g}" for epsilon in rows["epsilon"]]
        columns["grey levels"] = [f"{grey:.2f}" for grey in rows["epsilon_grey"]]
        for k in (1, 5):
            columns[f"{model} top-{k}"] = [_short(error) for error in errors(rows, k)]
    return pd.DataFrame(columns)


def _short(error: Share) -> str:
    return f"{error.percent:.1f} [{error.low:.1f}, {error.high:.1f}]"


def _cw(results: Results) -> pd.DataFrame:
    """What may have been run as CW beside FGSM, on the images that each was given."""
    rows = []
    for model in classifiers(results):
        for protocol, names in (("faithful", ("FGSM", AGAIN, STEP)), ("corrected", ("FGSM", "CW"))):
            fgsm = of_classifier(results, model, protocol, "FGSM")
            for name in names:
                arm = of_classifier(results, model, protocol, name)
                if arm.empty:
                    continue
                at = position(arm["epsilon"], SHOWN)
                top_1, top_5 = errors(arm, 1), errors(arm, 5)
                unlimited = np.flatnonzero(arm["epsilon"] == ANY)
                rows.append(
                    {
                        "network": model,
                        "protocol": protocol,
                        "attack": name,
                        "images": arm["images"].iloc[0],
                        "top-1 at 2 %": _short(top_1[at]),
                        "top-5 at 2 %": _short(top_5[at]),
                        "top-1 at 2 %, FGSM on its images": ""
                        if fgsm.empty or name == "FGSM"
                        else _short(_fgsm_on(results, fgsm, arm)),
                        "top-1 at any distance": _short(top_1[unlimited[0]])
                        if len(unlimited)
                        else "",
                        "top-5 at any distance": _short(top_5[unlimited[0]])
                        if len(unlimited)
                        else "",
                        "top-1 as 8-bit pictures": ""
                        if not len(unlimited)
                        else _short(
                            share(
                                arm["rounded_accuracy"].iloc[unlimited[0]],
                                arm["images"].iloc[0],
                                error=True,
                            )
                        ),
                        "outcomes as FGSM's": ""
                        if name == "FGSM"
                        else _agreement(results, fgsm, arm),
                    }
                )
    return pd.DataFrame(rows)


def _fgsm_on(results: Results, fgsm: pd.DataFrame, arm: pd.DataFrame) -> Share:
    """FGSM's top-1 error at 2 % on the images of another arm, which are its first ones."""
    count = int(arm["images"].iloc[0])
    correct = results.correct[fgsm["arm"].iloc[0]][position(fgsm["epsilon"], SHOWN)]
    return share(correct[:count].mean(), count, error=True)


def _agreement(results: Results, fgsm: pd.DataFrame, arm: pd.DataFrame) -> str:
    """The share of images and epsilons with the outcome that FGSM has there."""
    if fgsm.empty:
        return ""
    first, second = (results.correct[rows["arm"].iloc[0]] for rows in (fgsm, arm))
    count = min(first.shape[1], second.shape[1])
    same = [
        (
            first[position(fgsm["epsilon"], epsilon), :count]
            == second[position(arm["epsilon"], epsilon), :count]
        )
        for epsilon in EPSILONS
    ]
    return f"{100 * np.mean(same):.1f} %"


def _cw_within(results: Results) -> pd.DataFrame:
    """CW's errors by the L-infinity distance that counts."""
    columns: dict[str, list] = {}
    for model in classifiers(results):
        arm = of_classifier(results, model, "corrected", "CW")
        if arm.empty:
            continue
        columns["grey levels"] = [
            "any" if epsilon == ANY else f"{grey:.2f}"
            for epsilon, grey in zip(arm["epsilon"], arm["epsilon_grey"], strict=True)
        ]
        for k in (1, 5):
            columns[f"{model} top-{k}"] = [_short(error) for error in errors(arm, k)]
    return pd.DataFrame(columns)


def _changes(results: Results) -> pd.DataFrame:
    """How far 2 % of FGSM, and CW, change the pictured images."""
    rows = []
    for model in classifiers(results):
        for protocol, attack in (("faithful", "FGSM"), ("corrected", "FGSM"), ("corrected", "CW")):
            shown = pictured(results, model, protocol, attack)
            if shown is None:
                continue
            for image, name in enumerate(shown["label_names"]):
                rows.append(
                    {
                        "network": model,
                        "protocol": protocol,
                        "attack": attack,
                        "image": _words(name),
                        "mean change, grey levels": f"{shown['mean_change'][image]:.2f}",
                        "largest": f"{shown['largest_change'][image]:.2f}",
                        "confidence of the true class": " -> ".join(
                            f"{each[image]:.4f}" for each in shown["label_confidences"]
                        ),
                        "its rank": " -> ".join(f"{each[image] + 1}" for each in shown["ranks"]),
                        "prediction": " -> ".join(
                            _words(each[image, 0]) for each in shown["names"]
                        ),
                    }
                )
    return pd.DataFrame(rows)


def _seconds_table(results: Results, comparison: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for model in classifiers(results):
        for attack in ("FGSM", "CW"):
            found = seconds_per_iteration(results, model, attack)
            if found is None:
                continue
            protocol = "faithful" if attack == "FGSM" else "corrected"
            gradients = of_classifier(results, model, protocol, attack)["gradient_evaluations"]
            rows.append(
                {
                    "network": model,
                    "attack": attack,
                    "seconds per 32 images": f"{found[0]:.2f}",
                    "gradients per image": f"{gradients.iloc[-1]:.0f}" if len(gradients) else "",
                }
            )
    for protocol, attack in (("faithful", "FGSM"), ("corrected", "CW")):
        found = distilled_seconds_per_iteration(results, protocol, attack)
        if found is not None:
            rows.append(
                {
                    "network": f"{results.label(DISTILLED)}, part B",
                    "attack": f"{attack}, all epsilons",
                    "seconds per 32 images": f"{found[0]:.2f}",
                    "gradients per image": "",
                }
            )
    printed = comparison[comparison["kind"] == "seconds per iteration"]
    rows += [
        {
            "network": f"{row.model}, published",
            "attack": row.attack,
            "seconds per 32 images": row.value,
            "gradients per image": "",
        }
        for row in printed.itertuples()
    ]
    return pd.DataFrame(rows)


def _distilled(results: Results) -> pd.DataFrame:
    trainings = results.trainings
    return pd.DataFrame(
        [
            {
                "network": _ROLES[row.role],
                "seed": row.seed,
                **{
                    split: f"{100 * getattr(row, f'{split}_accuracy'):.2f}"
                    for split in ("train", "validation", "test")
                },
                "test images": row.test_images,
                "best epoch": f"{row.best_epoch} of {row.epochs}",
                "minutes": f"{row.seconds / 60:.1f}",
            }
            for row in trainings[trainings["case"] == DISTILLED]
            .drop_duplicates("stage")
            .itertuples()
        ]
    )


def _distilled_curve(results: Results, protocol: str, view: str, attack: str) -> pd.DataFrame:
    columns: dict[str, list] = {}
    for role, name in _ROLES.items():
        found = of_distilled(results, protocol, role, attack, view)
        if found is not None:
            epsilons, correct = found
            columns["epsilon, %"] = [
                "any" if epsilon == ANY else f"{100 * epsilon:g}" for epsilon in epsilons
            ]
            columns[name] = [_short(share(each.mean(), correct.shape[2])) for each in correct]
    return pd.DataFrame(columns)


def _on_imagenet(results: Results, model: str) -> bool:
    table = results.table
    return (table.loc[table["case"] == f"{model}/{IMAGENET}", "dataset"] == IMAGENET).all()
