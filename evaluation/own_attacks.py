"""Attacks on a Keras model of the user's own, one after another on the same images."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import keras
import numpy as np

from attacks import BudgetAttack, MinimumNormAttack, NoGradientError, Targeted
from attacks.engine.norms import check_epsilons
from attacks.engine.task import Task
from data import Dataset
from evaluation.estimates import Estimate
from evaluation.evaluate import Interrupted, evaluate
from evaluation.findings import findings
from evaluation.measured_arm import MeasuredArm
from evaluation.notes import noting
from evaluation.outcomes import Outcomes
from evaluation.own_model import hint_at_range, made_ready
from evaluation.pictures import Picture, pictures
from evaluation.stages import Silent, Stages
from files.interrupts import interrupts


@dataclass(frozen=True)
class WorstCase:
    """What stays right where each image faces the attack that breaks it.

    Attributes:
        norm, epsilon: the budget that the attacks have in common.
        attacks: their names.
        accuracy: on the images that all of them were run on.
    """

    norm: str
    epsilon: float
    attacks: tuple[str, ...]
    accuracy: Estimate


@dataclass(frozen=True, eq=False)
class OwnAttacks:
    """What attacks left of a model.

    Attributes:
        arms: one for each attack that was run; an interrupted one has the first images alone.
        sentences: what a reader of the numbers has to know.
        missing: what an interrupt left undone, in words; `None` if nothing.
        task: the model, all images, and what they were attacked for.
        indices: int [N], which of the test images these are.
    """

    arms: tuple[MeasuredArm, ...]
    sentences: tuple[str, ...]
    missing: str | None
    task: Task
    indices: np.ndarray

    @property
    def worst_cases(self) -> list[WorstCase]:
        """One for each budget that two attacks or more have in common."""
        by_budget: dict[tuple[str, float], dict[str, np.ndarray]] = defaultdict(dict)
        for arm in self.arms:
            for epsilon, correct in zip(arm.outcomes.epsilons, arm.outcomes.correct, strict=True):
                left = correct & arm.outcomes.clean_correct
                by_budget[arm.attack.norm, float(epsilon)][arm.name] = left
        return [
            WorstCase(norm, epsilon, tuple(left), _all_of(list(left.values())))
            for (norm, epsilon), left in by_budget.items()
            if len(left) > 1 and math.isfinite(epsilon)
        ]

    def pictures(self, most: int) -> Iterator[Picture]:
        """Of every attack and epsilon at most so many; see `evaluation.pictures`.

        They are numbered as in the test set.
        """
        for arm in self.arms:
            part = self.task.part(slice(arm.images))
            for epsilon in dict.fromkeys(map(float, arm.outcomes.epsilons)):
                with noting():
                    chosen = pictures(part, arm, epsilon, most)
                for each in chosen:
                    yield replace(each, index=int(self.indices[each.index]))

    def to_dict(self) -> dict[str, Any]:
        """Everything but images, for JSON; what is infinite or not a number is `None`."""
        return {
            "attacks": [arm.to_dict() for arm in self.arms],
            "worst_cases": [
                {
                    "norm": worst.norm,
                    "epsilon": worst.epsilon,
                    "attacks": worst.attacks,
                    "images": worst.accuracy.images,
                    "accuracy": worst.accuracy.value,
                    "ci_low": worst.accuracy.low,
                    "ci_high": worst.accuracy.high,
                }
                for worst in self.worst_cases
            ],
            "sentences": self.sentences,
            "missing": self.missing,
        }


def attack_own_model(
    model: keras.Model,
    dataset: Dataset,
    attacks: Mapping[str, BudgetAttack | MinimumNormAttack],
    epsilons: Sequence[float] | None = None,
    *,
    images: int = 200,
    target: int | None = None,
    pixel_range: str = "0-1",
    softmax: str = "refuse",
    predicted_labels: bool = False,
    progress: Stages | None = None,
    jit_compile: bool = False,
) -> OwnAttacks:
    """Attacks a model on the first test images of a data set.

    Ctrl-C ends it with what is finished: whole attacks, and whole batches of the one that ran.

    Args:
        model: a Keras model with one input and one output.
        attacks: by their names.
        epsilons: distances in [0, 1] pixels; default: 8/255, and for a minimum-norm attack any.
        images: how many test images are attacked.
        target: a class that the attacks are to reach; its own images are left out.
        pixel_range, softmax: see `own_model.made_ready`.
        predicted_labels: the attacks move away from the predictions, not the true labels.
        progress: shows how far it is.

    Raises:
        ValueError: the model does not go with the data or the options, or as the attacks.
        KeyboardInterrupt: nothing was finished.
    """
    if images < 1:
        raise ValueError(f"images is {images}; accepted: 1 or more")
    own = made_ready(model, dataset, pixel_range=pixel_range, softmax=softmax)
    x, y = dataset.x_test[:images], dataset.y_test[:images]
    indices = np.arange(len(y)) if target is None else np.flatnonzero(y != target)
    x, y = x[indices], y[indices]
    if not len(x):
        raise ValueError(f"target is {target}, the class of all images; accepted: another class")
    budgets = {name: _epsilons(attack, epsilons, x.shape[1:]) for name, attack in attacks.items()}
    batch_size = next(iter(attacks.values())).batch_size
    with noting():  # each attack warns of it again
        task = Task(own.seen, x, y, None, batch_size, jit_compile)
    targets = None if target is None else np.full(len(y), target)
    ran = _run(
        attacks,
        budgets,
        progress or Silent(),
        model=own.seen,
        images=x,
        labels=y,
        predicted_labels=predicted_labels,
        targets=targets,
        jit_compile=jit_compile,
    )
    if targets is not None:
        task = task.with_goal(Targeted(targets, y))
    elif predicted_labels:
        task = task.of_predictions()
    clean = Estimate.accuracy(ran.arms[0].outcomes.clean_correct)
    hint = hint_at_range(clean, own.classes, pixel_range)
    sentences = (*own.notes, *dataset.notes, *_said_of(ran.arms), *ran.skipped, *hint)
    return OwnAttacks(tuple(ran.arms), sentences, ran.missing, task, indices)


@dataclass(frozen=True)
class _Ran:
    """What was run, why some attacks were not, and what an interrupt left undone."""

    arms: list[MeasuredArm]
    skipped: list[str]
    missing: str | None


def _run(
    attacks: Mapping[str, BudgetAttack | MinimumNormAttack],
    budgets: Mapping[str, Sequence[float]],
    progress: Stages,
    **request: Any,
) -> _Ran:
    """Runs one attack after another; an interrupt is raised if nothing was finished."""
    arms: list[MeasuredArm] = []
    refused: dict[str, NoGradientError] = {}
    missing = None
    progress.plan(len(attacks))
    for name, attack in attacks.items():
        started, outcomes = perf_counter(), None
        with noting() as notes:
            try:
                with interrupts(), progress.stage(name) as update:
                    outcomes = evaluate(
                        attack=attack,
                        epsilons=budgets[name],
                        examples=0,
                        progress=_images_done(update),
                        images_at_once=attack.batch_size,
                        **request,
                    )
            except NoGradientError as error:
                refused[name] = error
            except KeyboardInterrupt as interrupt:
                outcomes = interrupt.outcomes if isinstance(interrupt, Interrupted) else None
                missing = _missing(list(attacks), name, outcomes, len(request["images"]))
        if outcomes is not None:
            seconds = perf_counter() - started
            arms.append(MeasuredArm(name, attack, outcomes, seconds, notes=tuple(notes)))
        if missing is not None:
            break
    if not arms:
        raise KeyboardInterrupt if missing else next(iter(refused.values()))
    return _Ran(arms, [f"{name} was not run: {error}." for name, error in refused.items()], missing)


def _images_done(update: Callable[[float, str], None]) -> Callable[[int, int], None]:
    return lambda done, count: update(done / count, f"{done} of {count} images")


def _missing(names: list[str], stopped: str, outcomes: Outcomes | None, images: int) -> str:
    """What an interrupt in the attack `stopped` left undone."""
    later = names[names.index(stopped) + 1 :]
    if outcomes is None:
        return f"not run: {', '.join([stopped, *later])}"
    text = f"{stopped} attacked the first {len(outcomes.labels):,} of {images:,} images"
    return f"{text}; not run: {', '.join(later)}" if later else text


def _epsilons(
    attack: BudgetAttack | MinimumNormAttack,
    epsilons: Sequence[float] | None,
    image_shape: tuple[int, ...],
) -> list[float]:
    """Those that were given, or what is usual; checked before any attack has taken its time."""
    is_search = isinstance(attack, MinimumNormAttack)
    default = [math.inf if is_search else 8 / 255]
    return check_epsilons(epsilons or default, attack.norm, image_shape, unbounded=is_search)


def _said_of(arms: Sequence[MeasuredArm]) -> Iterator[str]:
    """The findings on every attack and what it warned of, with its name where there are more."""
    for arm in arms:
        for each in (*findings(arm.outcomes, arm.attack), *(f"{note}." for note in arm.notes)):
            yield each if len(arms) == 1 else f"{arm.name}: {each}"


def _all_of(left: Sequence[np.ndarray]) -> Estimate:
    """The images that are left by every attack, of those that all were run on."""
    images = min(map(len, left))
    return Estimate.accuracy(np.logical_and.reduce([each[:images] for each in left]))
