"""The results of a run as plain files: what the reports are made from."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from attacks import PGD
from evaluation import Outcomes
from harness.patch_plan import PatchPlan
from harness.runner import Plan, Runner, versions
from harness.study import Arm, Pictured, Profile, Study, Training
from harness.units import grey_levels

#: Images shown of an arm, at its largest epsilon.
EXAMPLES = 6
#: Rows of a patched image that is shown.
SHOWN_SIDE = 112
#: Classes whose confidences are shown of an image.
LIKELIEST = 5


@dataclass(frozen=True, eq=False)
class Results:
    """Everything that a report shows, independent of the artifact store.

    Attributes:
        run: study, profile, versions, machine, notes on the data, replacements.
        table: one row per arm and epsilon, the clean images as epsilon 0; `epsilon` is in the
            units of the arm, `epsilon_grey` in 0-255 grey levels (standardised: their mean over
            the channels); `climbs` is the loss whose gradient the attack follows, if any.
        trainings: one row per trained network and place in the study.
        histories: one row per epoch of each training.
        correct: per arm, bool [1 + E, images], the clean images first.
        examples: per arm, arrays "images", "adversarial", "labels", "clean", "predictions"; where
            the arm has a strip, the clean images first in each: "confusion", int
            [1 + E, classes, classes], how often each true class gets each prediction, "strip",
            uint8 [1 + E, height, width, channels], one image of the class as a picture, and
            "strip_predictions", int [1 + E].
        compared: of the study.
        patches: per arm with a patch, arrays "pixels" uint8 [h, w, C], "rows" int [images], which
            of the test images `correct` speaks of, "image" uint8 [H, W, C], the first of these
            that is right without the patch, with it on, not above `SHOWN_SIDE` pixels, the names
            of its "label" and "prediction", and what the history of the fit has.
        pictured: per arm with `Arm.pictured`, of n images arrays "images" and "adversarial" (uint8
            [n, height, width, channels]), "mean_change" and "largest_change" (grey levels, [n]),
            "label_names" [n]; without and under attack "names" and "confidences" of the most likely
            classes [2, n, 5], "label_confidences" and "ranks" of the true class [2, n], 0 the
            first; and of all N images "every_label", "every_clean" and "every_prediction".
        details: per arm, the arrays of `Study.details`.
    """

    run: dict
    table: pd.DataFrame
    trainings: pd.DataFrame
    histories: pd.DataFrame
    correct: dict[str, np.ndarray]
    examples: dict[str, dict[str, np.ndarray]]
    compared: dict[str, tuple[str, tuple[str, ...]]]
    patches: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    pictured: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    details: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def outcomes(
        self,
        case: str,
        protocol: str,
        role: str,
        attack: str | None = None,
        variant: str = "main",
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The arms that stand beside the study's, or `None` if they were not run.

        Args:
            attack: its name; `None` for the worst of all attacks for every image.

        Returns:
            Epsilons in grey levels [1 + E], 0 first, and correct, bool [1 + E, seeds, images]:
            under the worst of the attacked outputs.
        """
        procedure, views = self.compared[protocol]
        table = self.table
        place = table[
            (table["case"] == case)
            & (table["protocol"] == protocol)
            & (table["variant"] == variant)
            & ((table["attack"] == attack) | (attack is None))
        ]
        defense = "none" if role == "undefended" else f"{procedure} {role}"
        rows = place[(place["defense"] == defense) & place["view"].isin(views)]
        if rows.empty or views[0] not in set(rows["view"]):
            return None
        worst = []
        for _, of_seed in rows.groupby("seed"):
            arms = dict.fromkeys(of_seed["arm"])
            worst.append(np.logical_and.reduce([self.correct[arm] for arm in arms]))
        epsilons = rows[rows["arm"] == rows["arm"].iloc[0]]["epsilon_grey"].to_numpy()
        return epsilons, np.stack(worst, axis=1)

    def label(self, case: str) -> str:
        """A case in words, with the data set that stands in for the published one."""
        model, published = case.split("/")
        dataset = self.table[self.table["case"] == case]["dataset"].iloc[0]
        stands_in = f" in place of {published}" if dataset != published else ""
        return f"{model} on {dataset}{stands_in}"

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory / "run.json", json.dumps(self.run, indent=1) + "\n")
        for name in ("table", "trainings", "histories"):
            frame = getattr(self, name)
            _replace(directory / f"{name}.csv", frame.to_csv(index=False, float_format="%.6g"))
        _replace_arrays(directory / "correct.npz", self.correct)
        for name in ("examples", "patches", "pictured", "details"):
            path = directory / f"{name}.npz"
            path.unlink(missing_ok=True)
            if name == "examples" or getattr(self, name):
                _replace_arrays(path, _flat(getattr(self, name)))

    @classmethod
    def load(cls, directory: Path, compared: dict) -> "Results":
        """Reads what `save` wrote; FileNotFoundError says what is missing."""
        with np.load(directory / "correct.npz", allow_pickle=False) as stored:
            correct = dict(stored)
        optional = {
            name: _by_arm(path)
            for name in ("patches", "pictured", "details")
            if (path := directory / f"{name}.npz").exists()
        }
        frames = {
            # "none" is a value here, and only an empty cell is a missing one.
            name: pd.read_csv(directory / f"{name}.csv", keep_default_na=False, na_values=[""])
            for name in ("table", "trainings", "histories")
        }
        return cls(
            run=json.loads((directory / "run.json").read_text()),
            **frames,
            correct=correct,
            examples=_by_arm(directory / "examples.npz"),
            compared=compared,
            **optional,
        )


def _flat(by_arm: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        f"{arm}|{name}": array for arm, arrays in by_arm.items() for name, array in arrays.items()
    }


def _by_arm(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """What was written of `_flat`."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            arm, name = key.split("|")
            found.setdefault(arm, {})[name] = stored[key]
    return found


def collect(study: Study, profile: Profile, runner: Runner, todo: Plan) -> Results:
    """Gathers the finished stages of a plan."""
    table, correct, examples, patches, pictured, details = [], {}, {}, {}, {}, {}
    for arm in todo.arms:
        outcomes = runner.outcomes(arm)
        table.append(_rows(study, profile, arm, outcomes, runner.arm_path(arm).name))
        correct[arm.key] = np.vstack([outcomes.clean_correct, outcomes.correct])
        names = runner.dataset(arm.training).class_names
        if arm.pictured is not None:
            pictured[arm.key] = _pictured(outcomes, arm.pictured, names)
        elif _is_shown(study, arm):
            examples[arm.key] = _examples(outcomes, names)
        if arm.strip_of is not None:
            examples.setdefault(arm.key, {}).update(_strip(outcomes, arm.strip_of))
        if isinstance(arm.attack, PatchPlan):
            patches[arm.key] = _patch(runner, arm, outcomes)
        if study.details is not None:
            details[arm.key] = study.details(arm, outcomes)
    placed = _places(todo)
    stages = {training: runner.training_path(training) for training in placed}
    trainings = pd.DataFrame(
        [
            {
                "case": case,
                "variant": variant,
                "protocol": protocol,
                "role": training.role,
                "procedure": training.method or "none",
                "seed": training.seed // 2,
                "dataset": training.dataset,
                **json.loads((stages[training] / "training.json").read_text()),
                "stage": stages[training].name,
            }
            for training, (case, variant, protocol) in placed.items()
        ]
    )
    histories = pd.concat(
        [
            pd.read_csv(path / "history.csv").assign(stage=path.name)
            for path in dict.fromkeys(stages.values())
        ],
        ignore_index=True,
    )
    return Results(
        run={
            "study": study.name,
            "profile": profile.name,
            "pattern": todo.pattern,
            "seeds": len({arm.seed for arm in todo.arms}),
            "arms": len(todo.arms),
            "arms_of_the_profile": len(study.arms(profile)),
            "versions": versions() | {"python": platform.python_version()},
            "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, {_accelerators()}",
            "data": sorted({note for t in placed for note in _data_notes(runner, t)}),
            "weights": runner.weight_files,
            "replacements": replacements(study, profile, todo),
        },
        table=pd.concat(table, ignore_index=True),
        trainings=trainings,
        histories=histories,
        correct=correct,
        examples=examples,
        compared=study.compared,
        patches=patches,
        pictured=pictured,
        details=details,
    )


def replacements(study: Study, profile: Profile, todo: Plan) -> list[str]:
    """What the profile changes against the published settings, in sentences."""
    paper = study.profile("paper")
    sentences = []
    used = {training.dataset for training in todo.trainings}
    for published, stand_in in profile.datasets.items():
        if stand_in != published and stand_in in used:
            sentences.append(f"data set {published}: {stand_in} stands in for it")
    originals = {arm.key: arm for arm in study.arms(paper)}
    changed: dict[tuple, dict] = {}
    counted: dict[tuple, dict] = {}
    seen: dict[str, None] = {}
    for arm in todo.arms:
        original = originals.get(arm.key)
        if original is None:
            continue
        for what, ours, theirs in _differences(arm.training, original.training):
            changed.setdefault((arm.case, what, ours, theirs), {}).setdefault(arm.training.role)
        if not isinstance(arm.attack, PatchPlan):
            images = counted.setdefault((arm.case, arm.protocol), {})
            images.setdefault((arm.images, original.images), {}).setdefault(arm.attack_name)
        for what, ours, theirs in _attack_differences(arm, original):
            plan = arm.attack
            name = f"{plan.kind} patches" if isinstance(plan, PatchPlan) else arm.attack_name
            seen.setdefault(f"{arm.protocol} {name}: {ours} {what} instead of {theirs}")
    cases = {arm.case for arm in todo.arms}
    seeds, all_seeds = (
        len({arm.seed for arm in each if arm.case in cases})
        for each in (study.arms(profile), originals.values())
    )
    if seeds < all_seeds:
        sentences.append(f"seeds: {seeds} instead of {all_seeds}")
    for (case, what, ours, theirs), roles in changed.items():
        sentences.append(f"{case} ({', '.join(roles)}): {what} {ours} instead of {theirs}")
    for (case, protocol), images in counted.items():
        for (ours, theirs), names in images.items():
            if ours != theirs:
                attacks = "attacks" if len(images) == 1 else ", ".join(names)
                sentences.append(
                    f"{case}, {protocol} {attacks}: {ours} test images instead of {theirs or 'all'}"
                )
    left_out = [case for case in paper.cases if case not in cases]
    if left_out:
        sentences.append(f"not run: {', '.join(left_out)}")
    return sentences + _missing(study.arms(profile), originals.values(), cases) + list(seen)


def _missing(arms: Iterable[Arm], originals: Iterable[Arm], cases: set[str]) -> list[str]:
    """The arms of some cases that a profile does without, seeds apart, in sentences."""

    def place(arm: Arm) -> str:
        return arm.key.rpartition("/")[0]

    there = {place(arm) for arm in arms}
    missing: dict[tuple, dict] = {}
    for arm in originals:
        if arm.case in cases and place(arm) not in there:
            variant = "" if arm.variant == "main" else f" {arm.variant}"
            names = missing.setdefault((arm.case, arm.protocol, variant), {})
            names.setdefault(f"{arm.attack_name} on {arm.defense}, {arm.view}")
    return [
        f"{case}, {protocol}{variant}: left out "
        + (
            "; ".join(names)
            if len(names) <= 4
            else f"{len(names)} arms, such as {next(iter(names))}"
        )
        for (case, protocol, variant), names in missing.items()
    ]


def _attack_differences(arm: Arm, published: Arm):
    """(what, ours, theirs) wherever a profile changes the settings of an attack."""
    settings, originals = _attack_settings(arm), _attack_settings(published)
    for name in sorted(settings.keys() & originals.keys() - {"batch_size"}):
        if settings[name] != originals[name]:
            yield name.replace("_", " "), settings[name], originals[name]


def _attack_settings(arm: Arm) -> dict:
    if not isinstance(arm.attack, PatchPlan):
        return asdict(arm.attack)
    plan = arm.attack
    settings = {"images to evaluate on": plan.evaluated_on}
    if plan.kind == "trained":
        settings |= {"images to fit on": plan.fitted_on, **asdict(plan.method)}
    return settings


def _differences(training: Training, published: Training):
    """(what, ours, theirs) wherever a profile changes the scale of a training."""
    compared = [
        ("up-sampling", training.network.upsampling, published.network.upsampling),
        ("width", training.network.width, published.network.width),
        ("weights", training.network.weights, published.network.weights),
        ("split", training.split, published.split),
        ("training images", training.images, published.images),
        (
            "validation images for choosing the epoch",
            training.validation_images,
            published.validation_images,
        ),
    ]
    if published.recipe.epochs:  # else it is not trained, and a stand-in has a recipe of its own
        compared += [
            (
                name.replace("_", " "),
                getattr(training.recipe, name),
                getattr(published.recipe, name),
            )
            for name in ("epochs", "batch_size", "learning_rate")
        ]
    if training.dataset == published.dataset:
        per_class = training.images_per_class, published.images_per_class
        compared.append(("images per class", *per_class))
    for what, ours, theirs in compared:
        if ours != theirs:
            missing = "none, trained from scratch," if what == "weights" else "all"
            yield what, ours or missing, theirs or missing


def _rows(study: Study, profile: Profile, arm: Arm, outcomes: Outcomes, stage: str):
    table = outcomes.table()
    model, published_dataset = arm.case.split("/")
    reach = table["epsilon"]
    if isinstance(arm.attack, PGD):
        step_size = arm.attack.step_size
        reach = 2.5 * reach if step_size is None else arm.attack.steps * step_size
    of_patch = {}
    if isinstance(arm.attack, PatchPlan):
        plan = arm.attack
        of_patch = {
            "patch": plan.kind,
            "patch_class": plan.name,
            "patch_side": plan.side,
            "patch_fitted_on": plan.fitted_on if plan.kind == "trained" else 0,
            "patch_share": plan.share(outcomes.example_images.shape[1:]),
            "placement": range(len(table)),  # the clean images first, as number 0
        }
    return table.assign(
        study=study.name,
        profile=profile.name,
        case=arm.case,
        model=model,
        published_dataset=published_dataset,
        dataset=arm.training.dataset,
        defense=arm.defense,
        role=arm.training.role,
        variant=arm.variant,
        protocol=arm.protocol,
        view=arm.view,
        attack=arm.attack_name,
        climbs=arm.attack.climbs,
        norm=arm.attack.norm,
        units=arm.units,
        epsilon_grey=table["epsilon"] * grey_levels(arm.units),
        reach=reach,
        labels="predicted" if arm.own_labels else "true",
        seed=arm.seed,
        arm=arm.key,
        stage=stage,
        **of_patch,
    )


def _is_shown(study: Study, arm: Arm) -> bool:
    """Whether the report shows images of an arm: undefended and students, as compared."""
    return (
        arm.variant == "main"
        and arm.training.role in ("undefended", "student")
        and arm.view == study.compared[arm.protocol][1][0]
        and arm.attack_name in ("FGSM", "PGD")
    )


def _examples(outcomes: Outcomes, names) -> dict[str, np.ndarray]:
    # Of large images fewer, in half the bits: exact to a tenth of a grey level.
    large = outcomes.example_images.shape[1] > SHOWN_SIDE
    first, dtype = slice(2 if large else EXAMPLES), np.float16 if large else np.float32
    largest = int(np.argmax(outcomes.epsilons))
    shown = {
        "labels": outcomes.labels[first],
        "clean": outcomes.clean_predictions[first],
        "predictions": outcomes.predictions[largest, first],
    }
    named = np.unique(np.concatenate(list(shown.values())))
    return shown | {
        "images": outcomes.example_images[first].astype(dtype),
        "adversarial": outcomes.examples[largest, first].astype(dtype),
        "classes": named,
        "class_names": np.array([_class_name(names, index) for index in named]),
    }


def _class_name(names, index: int) -> str:
    """Outputs that are not numbers predict no class."""
    return names[index] if index >= 0 else "no number"


def _strip(outcomes: Outcomes, shown: int) -> dict[str, np.ndarray]:
    predictions = np.vstack([outcomes.clean_predictions, outcomes.predictions])
    classes = 1 + max(outcomes.labels.max(), predictions.max())
    confusion = np.zeros([len(predictions), classes, classes], int)
    for counts, predicted in zip(confusion, predictions, strict=True):
        numbers = predicted >= 0  # else the outputs are none
        np.add.at(counts, (outcomes.labels[numbers], predicted[numbers]), 1)
    # The runner keeps the image of the class last.
    images = np.concatenate([outcomes.example_images[np.newaxis, -1], outcomes.examples[:, -1]])
    index = int(np.argmax(outcomes.labels == shown))
    return {
        "confusion": confusion,
        "strip": np.round(np.clip(images, 0, 1) * 255).astype(np.uint8),
        "strip_predictions": predictions[:, index],
    }


def _patch(runner: Runner, arm: Arm, outcomes: Outcomes) -> dict[str, np.ndarray]:
    patch = runner.patch(arm)
    dataset = runner.dataset(arm.training)
    _, rows = arm.attack.rows(dataset.y_test[: arm.images])
    history = {name: np.array(values) for name, values in patch.history.items()}
    shown = int(outcomes.clean_correct[: outcomes.examples.shape[1]].argmax())
    return history | {
        "pixels": np.round(255 * patch.pixels).astype(np.uint8),
        "rows": rows,
        "image": np.round(255 * _shrunk(outcomes.examples[0, shown])).astype(np.uint8),
        "label": np.array(dataset.class_names[outcomes.labels[shown]]),
        "prediction": np.array(_class_name(dataset.class_names, outcomes.predictions[0, shown])),
    }


def _shrunk(image: np.ndarray) -> np.ndarray:
    """An image [H, W, C] whose squares of pixels are averaged, if it is large."""
    by = -(-image.shape[0] // SHOWN_SIDE)
    height, width = (side // by for side in image.shape[:2])
    squares = image[: height * by, : width * by].reshape(height, by, width, by, -1)
    return squares.mean(axis=(1, 3))


def _pictured(outcomes: Outcomes, shown: Pictured, class_names) -> dict[str, np.ndarray]:
    """What `Results.pictured` holds of one arm."""
    (at,) = np.flatnonzero(np.isclose(outcomes.epsilons, shown.epsilon))
    images, adversarial = outcomes.example_images, outcomes.examples[at]
    changes = 255 * np.abs(adversarial - images).reshape(len(images), -1)
    probabilities = outcomes.example_probabilities[[0, 1 + at]]
    first = np.argsort(-probabilities, axis=2, kind="stable")[:, :, :LIKELIEST]
    kept = list(shown.images)
    labels = outcomes.labels[kept]
    ranks = outcomes.clean_label_ranks[kept], outcomes.label_ranks[at, kept]
    return {
        "images": _as_bytes(images),
        "adversarial": _as_bytes(adversarial),
        "mean_change": changes.mean(axis=1),
        "largest_change": changes.max(axis=1),
        "label_names": np.array(class_names)[labels],
        "names": np.array(class_names)[first],
        "confidences": np.take_along_axis(probabilities, first, axis=2),
        "label_confidences": probabilities[:, np.arange(len(labels)), labels],
        "ranks": np.stack(ranks),
        "every_label": outcomes.labels,
        "every_clean": outcomes.clean_predictions,
        "every_prediction": outcomes.predictions[at],
    }


def _as_bytes(images: np.ndarray) -> np.ndarray:
    """As they would be stored in a picture."""
    return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)


def _places(todo: Plan) -> dict[Training, tuple[str, str, str]]:
    """Where each training belongs; one that only leads to others belongs where they do."""
    placed: dict[Training, tuple[str, str, str]] = {}
    for arm in todo.arms:
        placed.setdefault(arm.training, (arm.case, arm.variant, arm.protocol))
    for arm in todo.arms:
        for network in arm.needs:
            for needed in (network, *network.needs):
                placed.setdefault(needed, (arm.case, arm.variant, arm.protocol))
    return placed


def _data_notes(runner: Runner, training: Training) -> list[str]:
    dataset = runner.dataset(training)
    published = {"ntu": "NTU's split", "wpi": "WPI's split"}
    split = published.get(training.split, f"{training.split} split")
    return [
        f"{dataset.name} ({dataset.source}), {split}: {len(dataset.x_train):,} training, "
        f"{len(dataset.x_validation):,} validation, {len(dataset.x_test):,} test images",
        *dataset.notes,
    ]


def _accelerators() -> str:
    names = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    return ", ".join(names) or "no GPU"


def _replace(path: Path, text: str) -> None:
    """Writes a file that appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)


def _replace_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    partial = path.with_name("partial-" + path.name)
    np.savez_compressed(partial, **arrays)
    os.replace(partial, path)
