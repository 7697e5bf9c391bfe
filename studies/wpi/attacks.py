"""Carlini-Wagner as the WPI study prints it."""

from dataclasses import dataclass

from attacks import CarliniWagner, Targeted
from attacks.deepfool import rivals
from attacks.engine.task import Task


@dataclass(frozen=True)
class TowardsRival(CarliniWagner):
    """Carlini-Wagner towards the most likely class but the label (WPI-A6).

    The study's formula has a target, its experiments have none. An image that is wrong without
    attack has reached it.
    """

    def sweep(self, model, images, labels=None, *, ids=None, jit_compile=False, **options):
        task = Task(model, images, labels, ids, self.batch_size, jit_compile)
        targets = rivals(task.goal, task.logits(task.images), 1)[:, 0]
        goal = Targeted(targets, task.goal.classes)
        return super().sweep(model, images, goal, ids=ids, jit_compile=jit_compile, **options)
