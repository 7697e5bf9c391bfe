"""Gathers the finished stages of a plan into results."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attacks import BudgetAttack
from attacks.units import grey_levels
from evaluation import Outcomes
from evaluation.diagnostics import Kind, kind_of
from files.csv_files import read_table
from harness import pictures
from harness.arms import MAIN, Arm, PatchArm, Role, Training
from harness.determinism import is_deterministic
from harness.digests import made_with
from harness.machine import commit, machine
from harness.plan import Plan
from harness.reductions import is_as_published, other_precision, reductions
from harness.results import Arrays, Results
from harness.runner import Runner
from harness.stored import trained_in
from harness.study import Profile, Study


def collect(study: Study, profile: Profile, runner: Runner, todo: Plan) -> Results:
    """Gathers the finished stages of a plan."""
    rows: list[pd.DataFrame] = []
    correct: Arrays = {}
    kept: dict[str, dict[str, Arrays]] = {
        name: {} for name in ("predictions", "examples", "patches", "pictured", "details")
    }
    for arm in todo.arms:
        outcomes = runner.outcomes(arm)
        rows.append(_rows(study, profile, arm, outcomes, runner))
        correct[arm.key] = np.vstack([outcomes.clean_correct, outcomes.correct])
        for name, arrays in _kept(study, arm, outcomes, runner).items():
            if arrays:
                kept[name][arm.key] = arrays
    return Results(
        run=_run(study, profile, runner, todo),
        table=pd.concat(rows, ignore_index=True),
        trainings=_trainings(runner, todo),
        histories=_histories(runner, todo),
        correct=correct,
        compared=study.compared,
        **kept,
    )


def _run(study: Study, profile: Profile, runner: Runner, todo: Plan) -> dict[str, Any]:
    """What a report says of the run itself."""
    precision = other_precision(runner.precision)
    return {
        "study": study.name,
        "profile": profile.name,
        "pattern": todo.pattern,
        "seeds": len({arm.training.run for arm in todo.arms}),
        "arms": len(todo.arms),
        "arms_of_the_profile": len(study.arms(profile)),
        "versions": made_with(),
        "machine": machine(),
        "deterministic": is_deterministic(),
        "precision": runner.precision,
        "date": date.today().isoformat(),
        "commit": commit(),
        "data": sorted({note for each in _places(todo) for note in data_notes(runner, each)}),
        "weights": runner.weight_files,
        "as_published": not precision and is_as_published(study, todo),
        "reductions": [*reductions(study, profile, todo), *precision],
    }


def _rows(
    study: Study, profile: Profile, arm: Arm, outcomes: Outcomes, runner: Runner
) -> pd.DataFrame:
    table, stage = outcomes.table(), runner.arm_path(arm)
    return table.assign(
        study=study.name,
        profile=profile.name,
        case=str(arm.case),
        model=arm.case.model,
        published_dataset=arm.case.dataset,
        dataset=arm.training.dataset,
        defense=arm.defense,
        role=arm.training.role,
        variant=arm.variant,
        protocol=arm.protocol,
        view=arm.view,
        attack=arm.attack_name,
        kind=Kind.TRANSFERRED if arm.crafted_on else kind_of(arm.attack),
        climbs=arm.attack.climbs,
        norm=arm.attack.norm,
        units=arm.units,
        epsilon_grey=table["epsilon"] * grey_levels(arm.units),
        reach=[_reach(arm.attack, epsilon) for epsilon in table["epsilon"]],
        labels="predicted" if arm.predicted_labels else "true",
        seed=arm.training.run,
        arm=arm.key,
        stage=stage.name,
        **_origin(runner, arm.networks, stage, digits=12),
        **(_of_patch(arm, table, outcomes) if isinstance(arm, PatchArm) else {}),
    )


def _origin(
    runner: Runner, networks: Sequence[Training], stage: Path, digits: int | None = None
) -> dict[str, Any]:
    """Which seed, data, weights, machine and versions a result comes from.

    Args:
        networks: the one judged or trained, then the surrogate.
        digits: of each digest; default: all.
    """
    made = runner.store.made(stage)
    sums = (str(runner.network_sum(each))[:digits] for each in networks)
    return {
        "random_seed": networks[0].seed,
        "data": runner.fingerprint(networks[0])[:digits],
        "weights": " + ".join(sums),
        "machine": made["machine"],
        "versions": ", ".join(f"{name} {number}" for name, number in made["versions"].items()),
        "commit": made["commit"] or "unknown",
    }


def _reach(attack: Any, epsilon: float) -> float:
    """How far all steps of an attack together may lead."""
    return attack.reach(epsilon) if isinstance(attack, BudgetAttack) else epsilon


def _of_patch(arm: PatchArm, table: pd.DataFrame, outcomes: Outcomes) -> dict[str, Any]:
    plan = arm.attack
    return {
        "patch": plan.kind,
        "patch_class": plan.name,
        "patch_side": plan.side,
        "patch_fitted_on": plan.fitted_on if plan.kind == "trained" else 0,
        "patch_share": plan.share(outcomes.example_images.shape[1:]),
        "placement": range(len(table)),  # the clean images first, as number 0
    }


def _kept(study: Study, arm: Arm, outcomes: Outcomes, runner: Runner) -> dict[str, Arrays]:
    """The arrays that results keep of an arm, by the field of `Results`."""
    names = runner.dataset(arm.training).class_names
    kept: dict[str, Arrays] = {"predictions": _predictions(outcomes), "examples": {}}
    if arm.pictured is not None:
        kept["pictured"] = pictures.pictured(outcomes, arm.pictured, names)
    elif _is_shown(study, arm):
        kept["examples"] = pictures.examples(outcomes, names)
    if arm.strip_of is not None:
        kept["examples"] |= pictures.strip(outcomes)
    if isinstance(arm, PatchArm):
        dataset = runner.dataset(arm.training)
        _, rows = arm.attack.rows(dataset.y_test[: arm.images])
        kept["patches"] = pictures.patched(runner.patch(arm), rows, dataset, outcomes)
    if study.details is not None:
        kept["details"] = study.details(arm, outcomes)
    return kept


def _predictions(outcomes: Outcomes) -> Arrays:
    """Of every image at every epsilon, and the classes that they are held against."""
    predictions = np.vstack([outcomes.clean_predictions, outcomes.predictions])
    arrays = {"predictions": predictions, "labels": outcomes.labels, "targets": outcomes.targets}
    return {name: each.astype(np.int16) for name, each in arrays.items() if each is not None}


def _is_shown(study: Study, arm: Arm) -> bool:
    """Whether results keep images of an arm: of undefended networks and of students, as compared.

    FGSM through the first of the compared outputs, and PGD through each of them, since the first
    may have no gradient to follow.
    """
    views = study.compared[arm.protocol].views
    through = {"FGSM": views[:1], "PGD": views}
    return (
        arm.variant == MAIN
        and arm.training.role in (Role.UNDEFENDED, Role.STUDENT)
        and arm.view in through.get(arm.attack_name, ())
    )


def _trainings(runner: Runner, todo: Plan) -> pd.DataFrame:
    """One row per trained network and place in the study."""
    rows = []
    for training, arm in _places(todo).items():
        path = runner.training_path(training)
        rows.append(
            {
                "case": str(arm.case),
                "variant": arm.variant,
                "protocol": arm.protocol,
                "role": training.role,
                "procedure": training.method or "none",
                "seed": training.run,
                "dataset": training.dataset,
                **trained_in(path / "training.json"),
                "stage": path.name,
                **_origin(runner, [training], path),
            }
        )
    return pd.DataFrame(rows)


def _histories(runner: Runner, todo: Plan) -> pd.DataFrame:
    """One row per epoch of each training."""
    paths = dict.fromkeys(runner.training_path(training) for training in _places(todo))
    return pd.concat(
        [read_table(path / "history.csv").assign(stage=path.name) for path in paths],
        ignore_index=True,
    )


def _places(todo: Plan) -> dict[Training, Arm]:
    """An arm that shows where each training belongs: an own one, or else one that it leads to."""
    placed: dict[Training, Arm] = {}
    for arm in todo.arms:
        placed.setdefault(arm.training, arm)
    for arm in todo.arms:
        for network in arm.networks:
            for needed in (network, *network.sources.values()):
                placed.setdefault(needed, arm)
    return placed


def data_notes(runner: Runner, training: Training) -> list[str]:
    """What the images of a training are, a sentence for each thing to know."""
    dataset = runner.dataset(training)
    return [
        f"{dataset.name} ({dataset.source}), split {training.split!r}: "
        f"{len(dataset.x_train):,} training, {len(dataset.x_validation):,} validation, "
        f"{len(dataset.x_test):,} test images",
        *dataset.notes,
    ]
