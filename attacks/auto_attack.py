"""AutoAttack: an ensemble that needs no tuning."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.apgd import APGD
from attacks.auto_attack_checks import warn_of_model, warn_of_square, warn_of_zero_gradients
from attacks.engine.attack import Attack, Evaluations
from attacks.engine.budget import BudgetAttack
from attacks.engine.ensemble import Ensemble
from attacks.engine.errors import NoGradientError, warn
from attacks.engine.folding import Foldable
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import check_norm
from attacks.engine.task import Crafted, Progress, Run, Task
from attacks.ensemble_log import EnsembleLog
from attacks.fab import FAB
from attacks.goals import Targeted
from attacks.square import Square
from models.ranges import check_whole

VERSIONS = ("standard", "plus", "rand")
#: Random starts of the attacks that "plus" repeats, and passes that "rand" averages gradients of.
_RESTARTS, _DRAWS = 5, 20

#: What papers call the losses of APGD.
_SHORT = {"cross-entropy": "CE", "dlr": "DLR"}
_LOGGER = logging.getLogger("attacks")


@dataclass(frozen=True)
class AutoAttack(Foldable, BudgetAttack):
    """Several attacks, each on the images that withstood those before it (a budget attack).

    The paper's standard version: APGD on the cross-entropy, targeted APGD on the DLR loss, targeted
    FAB and Square. "plus" is more thorough, and "rand" is for models that are random at inference
    (`attacks` lists what each runs). An image is broken when a forward pass of its own says so
    and it is within epsilon. Images that reach their goal unattacked come back as they are, those
    that nothing breaks as the first attack leaves them. Always clipped to [0, 1].

    `AttackResult.log` says which attack broke which image, and its text is what the authors' code
    prints. A sweep logs the same, line by line, to the logger "attacks" (level INFO). Warnings tell
    of models that AutoAttack may find more robust than they are: random, adapting to the image at
    inference, without a gradient, or broken by Square alone.

    Differs from the authors' code in that an attack leaves an image at its first success, in
    what stands for losses that a model has too few classes for, in that Square alone is run,
    with a warning, on a model that TensorFlow cannot differentiate, and in that there is no L1.

    In "rand" images stay until the last step. Of the iterates that a pass found broken, the one of
    highest loss is judged by one more pass, where the authors' code takes the last one. The log
    counts an image as broken if the pass without an attack or one of those after an attack says so,
    as that code does. `AttackResult.success` is of yet another pass, so that it counts fewer.

    The images that are left fill their batches anew for every attack, so that a sweep of many
    images costs what the hard ones cost.

    Attributes:
        norm: "linf" or "l2".
        version: "standard", "plus" or "rand".
        steps: gradient steps of a run of APGD or FAB.
        targets: other classes that APGD and FAB go for, one after the other.
        queries: forward passes of Square, whose windows shrink by the schedule of 10,000, as in the
            authors' code.
        seed: of all draws.
        batch_size: images per gradient.
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
            Parameter-free Attacks", ICML 2020, https://arxiv.org/abs/2003.01690
    """

    norm: str = "linf"
    version: str = "standard"
    steps: int = 100
    targets: int = 9
    queries: int = 5000
    seed: int = 0
    batch_size: int = 128
    fold: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, ("linf", "l2"))
        if self.version not in VERSIONS:
            accepted = ", ".join(map(repr, VERSIONS))
            raise ValueError(f"version is {self.version!r}; accepted: {accepted}")
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

        "plus" is APGD on the cross-entropy, APGD on the DLR loss and FAB, each from five starts
        and without targets, then Square, and the targeted APGD and FAB. "rand" is APGD on both
        losses, with the mean gradient of 20 passes in each step.

        The targeted APGD goes away from the label, without targets, for three classes, and for
        two it takes the margin for the DLR loss. For a targeted goal no attack tries several
        targets, and the margin stands in below four classes. "plus" leaves out what would then
        be run twice.
        """
        common: dict[str, Any] = {
            "norm": self.norm,
            "seed": self.seed,
            "batch_size": self.batch_size,
        }
        steps = common | {"steps": self.steps}
        several = None if targeted or num_classes < 4 else self.targets
        second = "dlr" if num_classes >= (4 if targeted else 3) else "margin"
        if self.version == "rand":
            random = steps | {"draws": _DRAWS}
            return APGD(**random), APGD(**random, loss=second)
        apgd = steps | {"stop_at_success": True}
        towards = APGD(**apgd, loss=second, targets=several)
        fab = FAB(**steps, targets=None if targeted else self.targets)
        square = Square(**common, queries=self.queries, schedule_queries=10_000)
        if self.version == "standard":
            return APGD(**apgd), towards, fab, square
        return (
            APGD(**apgd, restarts=_RESTARTS),
            APGD(**apgd, loss=second, restarts=_RESTARTS),
            FAB(**steps, restarts=_RESTARTS),
            square,
            *([towards] if several else []),
            *([] if targeted else [fab]),
        )

    def run_within(self, task: Task) -> Run:
        return Ensemble(task, self.norm, self._runs(task))

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

        def tell(log: EnsembleLog) -> None:
            _LOGGER.info(log.lines[-1])
            if len(log.attacks) == len(runs):
                warn_of_square(log)

        runs = self._runs(task)
        names = ", ".join(name for name, _ in runs)
        ensemble = Ensemble(task, self.norm, runs, report, tell)
        crafted = []
        for epsilon in epsilons:
            _LOGGER.info("AutoAttack %s within %g: %s", self.version, epsilon, names)
            crafted.append(ensemble(task.whole, np.full(len(task.images), epsilon)))
        return crafted

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        each = [one.most_of_run(classes, image_shape) for one in self.attacks(classes)]
        gradients, forwards = map(sum, zip(*each))
        return Evaluations(gradients, forwards + len(each) + 1)

    def _runs(self, task: Task) -> list[tuple[str, Run]]:
        """The attacks on a model by their names, and warnings of what is wrong with it."""
        attacks = self.attacks(task.classifier.num_classes, isinstance(task.goal, Targeted))
        warn_of_model(task, self.version)
        searched = self.searched(task)
        try:
            runs = [(name_of(attack), attack.run_within(searched)) for attack in attacks]
        except NoGradientError:
            if self.version == "rand":
                raise
            warn(
                "model has no gradient with respect to images, so that AutoAttack is Square alone: "
                "what withstands it may fall to an attack on a smooth stand-in for the model"
            )
            square = next(each for each in attacks if isinstance(each, Square))
            return [(name_of(square), square.run_within(searched))]
        warn_of_zero_gradients(task, attacks)
        return runs


def name_of(attack: Attack) -> str:
    """What a part of AutoAttack is called, such as "APGD-CE"; a "T" is for several targets."""
    if getattr(attack, "targets", None):
        return f"{type(attack).__name__}-T"
    if isinstance(attack, APGD):
        return f"APGD-{_SHORT.get(attack.loss, attack.loss)}"
    return type(attack).__name__
