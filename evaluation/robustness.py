"""How robust a network is under a battery of attacks, and whether that number can be trusted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from attacks import AutoAttack, BudgetAttack, MinimumNormAttack, NoGradientError
from attacks.engine.checks import check_images
from attacks.engine.task import Task
from attacks.goals import as_goal, predicted
from attacks.readings import Model
from data import ByteImages, FolderImages
from evaluation.battery import CUSTOMARY, Planned, battery
from evaluation.estimates import Estimate
from evaluation.evaluate import evaluate
from evaluation.measured_arm import MeasuredArm, Raised, checks, raised
from evaluation.notes import noting
from evaluation.pictures import Picture, pictures
from evaluation.robustness_sentences import Doubts, advice, trust, what_is_left
from evaluation.stages import Silent, Stages
from models.ranges import check_whole


@dataclass(frozen=True, eq=False)
class Robustness:
    """What `evaluate_robustness` measured.

    Attributes:
        norm, epsilon: the budget.
        classes: how many the model tells apart.
        indices: int [N], which of the images that were given were attacked, in that order.
        labels, clean_predictions: int [N]; a prediction is -1 where a logit is not finite.
        arms: one for each attack that was run. One of n < N images attacks the first n.
        skipped: by the name of an attack that could not be run, why.
        pictures: some of the images that were turned.
        seconds: of everything.
        seed: of the choice of images and of the attacks.
    """

    norm: str
    epsilon: float
    classes: int
    indices: np.ndarray
    labels: np.ndarray
    clean_predictions: np.ndarray
    arms: tuple[MeasuredArm, ...]
    skipped: Mapping[str, str]
    pictures: tuple[Picture, ...]
    seconds: float
    seed: int

    @property
    def clean_correct(self) -> np.ndarray:
        """bool [N]."""
        return self.clean_predictions == self.labels

    @property
    def clean(self) -> Estimate:
        """The accuracy without attack."""
        return Estimate.accuracy(self.clean_correct)

    @property
    def bounded(self) -> tuple[MeasuredArm, ...]:
        """The arms that attack within the budget."""
        return tuple(arm for arm in self.arms if arm.attacks_within(self.epsilon))

    @property
    def complete(self) -> tuple[MeasuredArm, ...]:
        """Those of them that attack every image."""
        return tuple(arm for arm in self.bounded if arm.images == len(self.labels))

    @property
    def attacked_by_all(self) -> int:
        """How many images, the first ones, every attack within the budget was tried on.

        Attacks that are there for the flags do not make them fewer.
        """
        counted = [arm for arm in self.bounded if not arm.is_check] or self.bounded
        return min(arm.images for arm in counted)

    def left_by(
        self, arms: Sequence[MeasuredArm], images: int, epsilon: float | None = None
    ) -> np.ndarray:
        """Which of the first `images` stay right under every one of some arms, bool [images].

        An example made within a smaller epsilon counts within a larger one.

        Args:
            epsilon: within which; default: the budget.
        """
        left = self.clean_correct[:images].copy()
        for arm in arms:
            own = arm.within(self.epsilon if epsilon is None else epsilon)[:images]
            left[: len(own)] &= own
        return left

    @property
    def worst_case(self) -> Estimate:
        """The accuracy where each image faces the attack that breaks it, within the budget.

        It is that of the first `attacked_by_all` images.
        """
        return Estimate.accuracy(self.left_by(self.bounded, self.attacked_by_all))

    @property
    def worst_case_of_complete(self) -> Estimate | None:
        """The same for all images, under the attacks that attack every image, if there are any."""
        if not self.complete:
            return None
        return Estimate.accuracy(self.left_by(self.complete, len(self.labels)))

    @property
    def curves(self) -> dict[str, dict[float, Estimate]]:
        """By attack, the accuracy at every epsilon, of those that attack every image at several.

        The last one, "worst of these", is that of the worst case.
        """
        arms = [arm for arm in self.complete if len(arm.outcomes.epsilons) > 1]
        if not arms:
            return {}
        by_name = {arm.name: arm.curve for arm in arms}
        worst = {
            epsilon: Estimate.accuracy(self.left_by(arms, len(self.labels), epsilon))
            for epsilon in arms[0].curve
        }
        return by_name | {"worst of these": worst}

    @cached_property
    def broken(self) -> dict[str, np.ndarray]:
        """By attack within the budget, which images it broke, bool [n].

        They are right without the attack and not right under it, be it for a logit that is not
        finite.
        """
        return {
            arm.name: self.clean_correct[: arm.images] & ~arm.within(self.epsilon)
            for arm in self.bounded
        }

    def broken_by(self, image: int) -> list[str]:
        """The attacks that broke an image, which is named by its place among those attacked."""
        return [name for name, which in self.broken.items() if which[image : image + 1].any()]

    @property
    def broken_alone(self) -> dict[str, int]:
        """By attack, how many of the images that all attacked no other attack broke."""
        images = self.attacked_by_all
        broken = np.zeros([len(self.broken), images], bool)
        for row, which in zip(broken, self.broken.values(), strict=True):
            row[: len(which)] = which[:images]
        alone = broken & (broken.sum(axis=0) == 1)
        return dict(zip(self.broken, alone.sum(axis=1).tolist(), strict=True))

    @cached_property
    def raised(self) -> list[Raised]:
        """The flags of all rows; see `diagnostics`."""
        return raised(self.arms)

    @cached_property
    def checks(self) -> list[str]:
        """The names of the flags that could have been raised."""
        return checks(self.arms)

    @property
    def sentences(self) -> tuple[str, str, str]:
        """What is left, whether that can be trusted, and what to do next."""
        worst_case = self.worst_case
        nothing_left = not self.left_by(self.bounded, len(self.labels)).any()
        doubts = Doubts.of(self.raised, self.bounded, self.epsilon, self.skipped, nothing_left)
        autoattacked = sum(arm.images for arm in self.arms if isinstance(arm.attack, AutoAttack))
        return (
            what_is_left(
                self.clean,
                worst_case,
                self.worst_case_of_complete,
                (len(self.bounded), len(self.complete)),
                (self.norm, self.epsilon),
            ),
            trust(doubts, len(self.checks)),
            advice(doubts, self.clean, worst_case, autoattacked),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but images, for JSON; what is infinite or not a number is `None`."""
        return {
            "norm": self.norm,
            "epsilon": self.epsilon,
            "sentences": list(self.sentences),
            "clean": _numbers(self.clean),
            "worst_case": _numbers(self.worst_case),
            "worst_case_of_complete": _numbers(self.worst_case_of_complete),
            "broken_alone": self.broken_alone,
            "attacks": [arm.to_dict() for arm in self.arms],
            "skipped": dict(self.skipped),
            "flags": [each.to_dict() for each in self.raised],
            "checks": self.checks,
            "images": [
                {
                    "index": int(index),
                    "label": int(self.labels[place]),
                    "prediction": int(self.clean_predictions[place]),
                    "broken_by": self.broken_by(place),
                }
                for place, index in enumerate(self.indices)
            ],
            "classes": self.classes,
            "seed": self.seed,
            "seconds": self.seconds,
        }


def evaluate_robustness(
    model: Model,
    images: np.ndarray | ByteImages | FolderImages,
    labels: np.ndarray,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    max_images: int = 500,
    autoattack_images: int = 100,
    autoattack_version: str = "standard",
    seed: int = 0,
    batch_size: int = 128,
    progress: Stages | None = None,
    jit_compile: bool = False,
) -> Robustness:
    """Attacks a model in many ways, and looks at whether what is left can be believed.

    `evaluation.battery` lists the attacks. One that the model refuses, because it has no
    gradient, is skipped, and the reason is kept.

    Args:
        model: a Keras model or callable that gives logits, or either in `attacks.as_logits` or
            `attacks.as_probabilities`.
        images: float [N, ...] in [0, 1], or what reads them when it is indexed.
        labels: int [N] or [N, 1], true classes.
        epsilon: the budget, a distance in [0, 1] pixels; default: 8/255 in L-inf, 0.5 in L2.
            Curves go twice as far.
        norm: "linf" or "l2".
        max_images: how many images are attacked; of more, so many are drawn at random.
        autoattack_images: how many of them AutoAttack is run on; 0 for none.
        autoattack_version: "standard", "plus", which takes longer, or "rand", for models that are
            random at inference.
        seed: of the order of the images, and of the attacks.
        batch_size: images per gradient.
        progress: shows how far it is.
        jit_compile: compile with XLA.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
        attacks.ModelError: no attack can attack the model as it is.
    """
    started = perf_counter()
    check_whole(max_images=max_images)
    check_whole(least=0, autoattack_images=autoattack_images, seed=seed)
    if not isinstance(images, ByteImages | FolderImages):
        images = check_images(images)
    indices, labels = _chosen(len(images), labels, max_images, seed)
    with noting():  # that it is random is among the flags
        task = Task(model, images[indices], labels, None, batch_size, jit_compile)
    budget = CUSTOMARY.get(norm, 0.0) if epsilon is None else float(epsilon)
    planned = battery(
        budget,
        norm,
        task.images.shape[1:],
        images=len(indices),
        autoattack_images=autoattack_images,
        autoattack_version=autoattack_version,
        seed=seed,
        batch_size=batch_size,
    )
    arms, skipped = _run(planned, model, task, progress or Silent(), jit_compile)
    return Robustness(
        norm=norm,
        epsilon=budget,
        classes=task.classifier.num_classes,
        indices=indices,
        labels=labels,
        clean_predictions=predicted(task.logits(task.images)),
        arms=arms,
        skipped=skipped,
        pictures=_pictures(task, arms, budget),
        seconds=perf_counter() - started,
        seed=seed,
    )


def _chosen(count: int, labels: Any, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which images are attacked, in random order, and their labels, int [N] both.

    Some data sets are sorted by class, and some attacks are run on the first images alone.
    """
    if not count:
        raise ValueError("images is empty; accepted: one image or more")
    classes = as_goal(labels).classes
    if len(classes) != count:
        raise ValueError(
            f"labels has {len(classes)} entries for {count} images; accepted: one per image"
        )
    indices = np.random.default_rng(seed).permutation(count)[:most]
    return indices, classes[indices]


def _run(
    planned: Sequence[Planned], model: Model, task: Task, progress: Stages, jit_compile: bool
) -> tuple[tuple[MeasuredArm, ...], dict[str, str]]:
    """What was measured, and by the names of the attacks that were skipped, why."""
    arms, skipped = [], {}
    progress.plan(len(planned))
    for each in planned:
        with progress.stage(each.name) as update:
            try:
                arms.append(_measured(each, model, task, update, jit_compile))
            except NoGradientError as error:
                skipped[each.name] = str(error)
                update(1.0, "skipped: no gradient")
    return tuple(arms), skipped


def _measured(
    planned: Planned,
    model: Model,
    task: Task,
    update: Callable[[float, str], None],
    jit_compile: bool,
) -> MeasuredArm:
    started, count = perf_counter(), planned.images
    with noting() as notes:
        outcomes = evaluate(
            model,
            task.images[:count],
            task.goal.classes[:count],
            planned.attack,
            planned.epsilons,
            examples=0,
            progress=lambda done, count: update(done / count, f"{done} of {count} images"),
            jit_compile=jit_compile,
        )
    seconds = perf_counter() - started
    return MeasuredArm(
        planned.name, planned.attack, outcomes, seconds, planned.is_check, tuple(notes)
    )


def _pictures(task: Task, arms: Sequence[MeasuredArm], epsilon: float) -> tuple[Picture, ...]:
    """Of the strongest attack within the budget, and of the search for the smallest distance."""
    within = [
        arm
        for arm in arms
        if isinstance(arm.attack, BudgetAttack) and epsilon in arm.outcomes.epsilons
    ]
    strongest = min(within, key=lambda arm: arm.within(epsilon).mean(), default=None)
    search = next((arm for arm in arms if isinstance(arm.attack, MinimumNormAttack)), None)
    with noting():  # what they warn of has been noted before
        shown = [] if strongest is None else pictures(task, strongest, epsilon)
        shown += [] if search is None else pictures(task, search, np.inf)
    return tuple(shown)


def _numbers(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "images")}
