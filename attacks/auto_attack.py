"""AutoAttack: an ensemble that needs no tuning."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.apgd import APGD
from attacks.engine.attack import Evaluations
from attacks.engine.budget import BudgetAttack
from attacks.engine.errors import NoGradientError, warn
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import ROUNDING, check_norm, distances
from attacks.engine.restarts import BestOfRuns
from attacks.engine.task import Batch, Crafted, Progress, Run, Task
from attacks.fab import FAB
from attacks.goals import Targeted
from attacks.square import Square
from models.ranges import check_whole


@dataclass(frozen=True)
class AutoAttack(BudgetAttack):
    """Four attacks, each on the images that withstood those before it (a budget attack).

    The paper's standard version: APGD on the cross-entropy, targeted APGD on the DLR loss, targeted
    FAB and Square (`attacks` lists them). An image is broken when a forward pass of its own says so
    and it is within epsilon. Images that reach their goal unattacked come back as they are, those
    that nothing breaks as the first attack leaves them. Always clipped to [0, 1].

    Differs from the authors' code in that an attack leaves an image at its first success, in
    what stands for losses that a model has too few classes for, and in that Square alone is run,
    with a warning, on a model that TensorFlow cannot differentiate.

    The images that are left fill their batches anew for every attack, so that a sweep of many
    images costs what the hard ones cost.

    Attributes:
        norm: "linf" or "l2".
        steps: gradient steps of a run of APGD or FAB.
        targets: other classes that APGD and FAB go for, one after the other.
        queries: forward passes of Square, whose windows shrink by the schedule of 10,000, as in the
            authors' code.
        seed: of all draws.
        batch_size: images per gradient.

    References:
        Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
            Parameter-free Attacks", ICML 2020, https://arxiv.org/abs/2003.01690
    """

    norm: str = "linf"
    steps: int = 100
    targets: int = 9
    queries: int = 5000
    seed: int = 0
    batch_size: int = 128

    def __post_init__(self) -> None:
        check_norm(self.norm, ("linf", "l2"))
        check_whole(
            steps=self.steps,
            targets=self.targets,
            queries=self.queries,
            batch_size=self.batch_size,
        )
        check_whole(least=0, seed=self.seed)

    def attacks(
        self, num_classes: int, targeted: bool = False
    ) -> tuple[BudgetAttack | MinimumNormAttack, ...]:
        """What is run, in order, on a model of so many classes.

        The second APGD goes away from the label, without targets, for three classes, and for
        two it takes the margin for the DLR loss. For a targeted goal no attack tries several
        targets, and the margin stands in below four classes.
        """
        common: dict[str, Any] = {
            "norm": self.norm,
            "seed": self.seed,
            "batch_size": self.batch_size,
        }
        steps = common | {"steps": self.steps}
        several = None if targeted or num_classes < 4 else self.targets
        second = "dlr" if num_classes >= (4 if targeted else 3) else "margin"
        return (
            APGD(**steps, stop_at_success=True),
            APGD(**steps, loss=second, targets=several, stop_at_success=True),
            FAB(**steps, targets=None if targeted else self.targets),
            Square(**common, queries=self.queries, schedule_queries=10_000),
        )

    def run_within(self, task: Task) -> Run:
        return self._ensemble(task, lambda settled: None)

    def crafted_within(
        self, task: Task, epsilons: list[float], progress: Progress | None = None
    ) -> list[Crafted]:
        """All images as one batch, which the attacks divide among themselves."""
        settled = 0

        def report(count: int) -> None:
            nonlocal settled
            settled += count
            if progress:
                progress(settled // len(epsilons), len(task.images))

        run = self._ensemble(task, report)
        return [run(task.whole, np.full(len(task.images), epsilon)) for epsilon in epsilons]

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        each = [one.most_of_run(classes, image_shape) for one in self.attacks(classes)]
        gradients, forwards = map(sum, zip(*each))
        return Evaluations(gradients, forwards + len(each) + 1)

    def _ensemble(self, task: Task, report: Callable[[int], None]) -> Run:
        """The run of all attacks, which reports how many images have been settled since."""
        attacks = self.attacks(task.classifier.num_classes, isinstance(task.goal, Targeted))
        try:
            runs = [attack.run_within(task) for attack in attacks]
        except NoGradientError:
            warn(
                "model has no gradient with respect to images, so that AutoAttack is Square alone: "
                "what withstands it may fall to an attack on a smooth stand-in for the model"
            )
            runs = [attacks[-1].run_within(task)]

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            attacked = (epsilons > 0) & ~batch.goal.reached(task.logits(batch.images))
            best = BestOfRuns(batch, attacked)
            best.count(np.arange(len(batch)), forwards=1)
            report(int((~attacked).sum()))
            for number, attack in enumerate(runs):
                for rows, part in batch.pieces(best.left, task.batch_size):
                    key = f"epsilon {epsilons[0]}, attack {number}, from image {rows[0]}"
                    crafted = task.one_once(key, attack, part, epsilons[rows])
                    best.count(rows, crafted.gradient_evaluations, crafted.forward_evaluations + 1)
                    broken = self._broken(task, part, crafted.images, epsilons[rows])
                    # Equal scores: the first attack's images stay unless a later one breaks them.
                    best.keep(rows, crafted.images, np.zeros(len(rows)), broken)
                    report(len(rows) if attack is runs[-1] else int(broken.sum()))
            return best.crafted()

        return run

    def _broken(
        self, task: Task, batch: Batch, images: np.ndarray, epsilons: np.ndarray
    ) -> np.ndarray:
        """Which of `images` reach the goal within epsilon, bool [N]."""
        reached = batch.goal.reached(task.classifier.logits(images).numpy())
        rounding = ROUNDING * np.maximum(epsilons, 1)
        return reached & (distances(images - batch.images)[self.norm] <= epsilons + rounding)
