"""Attacks one after the other, each on the images that withstood those before it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from time import perf_counter

import numpy as np

from attacks.engine.journal import Arrays
from attacks.engine.norms import ROUNDING, distances
from attacks.engine.restarts import BestOfRuns
from attacks.engine.task import Batch, Crafted, Run, Task
from attacks.ensemble_log import CLEAN, NO_NUMBER, WITHSTOOD, EnsembleLog
from attacks.goals import Targeted, are_finite


class Ensemble:
    """A `Run` of several attacks.

    An image is broken when a forward pass of its own says so and it is within epsilon. The images
    that are left fill their batches anew for every attack. The journal keeps what is found on a
    batch with what that pass said, so that a random model is not asked again.

    Args:
        task: what the batches belong to.
        norm: of epsilon.
        runs: the attacks in order, by their names.
        settled: called with how many images have been settled since.
        told: called with the log so far, before the first attack and after each.
    """

    def __init__(
        self,
        task: Task,
        norm: str,
        runs: Sequence[tuple[str, Run]],
        settled: Callable[[int], None] = lambda count: None,
        told: Callable[[EnsembleLog], None] = lambda log: None,
    ):
        self.task, self.norm, self.runs = task, norm, runs
        self.settled, self.told = settled, told

    def __call__(self, batch: Batch, epsilons: np.ndarray) -> Crafted:
        task, names = self.task, tuple(name for name, _ in self.runs)
        whole = f"epsilon {epsilons[:1].tolist()}"
        before = task.kept(f"{whole}, clean", partial(self._clean, batch))
        clean, predicted = before["reached"], before["finite"]
        attacked = (epsilons > 0) & ~clean
        best = BestOfRuns(batch, attacked)
        best.count(np.arange(len(batch)), forwards=1)
        by = np.select([clean, ~predicted], [CLEAN, NO_NUMBER], WITHSTOOD)
        by = by.astype(f"U{max(map(len, (*names, NO_NUMBER)))}")
        seconds = np.zeros(len(names))
        targeted = isinstance(batch.goal, Targeted)
        log = EnsembleLog((), by, seconds[:0], targeted)
        self.told(log)
        self.settled(int((~attacked).sum()))
        for number, (name, run) in enumerate(self.runs):
            for rows, part in batch.pieces(best.left, task.batch_size):
                key = f"{whole}, attack {number}, images {sha256(rows.tobytes()).hexdigest()}"
                kept = task.kept(key, partial(self._attacked, run, part, epsilons[rows]))
                best.count(rows, kept["gradients"], kept["forwards"])
                # Equal scores: the first attack's images stay unless a later one breaks them.
                best.keep(rows, kept["images"], np.zeros(len(rows)), kept["broken"])
                by[rows[kept["broken"]]] = name
                seconds[number] += kept["seconds"]
                is_last = number == len(self.runs) - 1
                self.settled(len(rows) if is_last else int(kept["broken"].sum()))
            log = EnsembleLog(names[: number + 1], by, seconds[: number + 1], targeted)
            self.told(log)
        return replace(best.crafted(), log=log)

    def _clean(self, batch: Batch) -> Arrays:
        logits = self.task.logits(batch.images)
        return {"reached": batch.goal.reached(logits), "finite": are_finite(logits)}

    def _attacked(self, run: Run, batch: Batch, epsilons: np.ndarray) -> Arrays:
        started = perf_counter()
        crafted = run(batch, epsilons)
        reached = batch.goal.reached(self.task.classifier.logits(crafted.images).numpy())
        lengths = distances(crafted.images - batch.images)[self.norm]
        return {
            "images": crafted.images,
            "gradients": crafted.gradient_evaluations,
            "forwards": crafted.forward_evaluations + 1,
            "broken": reached & (lengths <= epsilons + ROUNDING * np.maximum(epsilons, 1)),
            "seconds": np.array(perf_counter() - started),
        }
