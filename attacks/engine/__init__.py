"""What the attacks share, and the life of one: from a call to its result.

    PGD(steps=40)(model, images, labels, epsilon=0.1)

**The attack** is a frozen dataclass of settings, which are checked when it is made. It knows no
model and no image, so one object serves for many. What all have in common is written down in
`attack`; an attack subclasses `budget.BudgetAttack` (stay within epsilon) or
`minimum_norm.MinimumNormAttack` (change the image as little as possible).

**The task.** The call becomes a `sweep` over one epsilon, and `sweep` makes a `task.Task`: it
checks the images (`checks`), turns the labels into a goal (`attacks.goals`) and looks at the model
(`classifier`). Can TensorFlow trace it, does it give logits, and is it still the model that was
compiled before (`description`, `cache`)? All this happens once. Whoever has a task already, such
as `evaluation.evaluate`, goes on from it with `sweep_task`.

**The compiled functions.** The attack is given the task once, by `run_within(task)` in a budget
attack and by `search(task)` in a minimum-norm attack. There it asks `task.classifier.compiled` for
what it needs of the model: a gradient, a step. `losses`, `gradients`, `steps` and `geometry` are
the pieces for it. Such a function is traced once per model, because whatever changes from call to
call (epsilon, temperature, the size of the batch) is an argument. What comes back is a plain
function, the run: it takes a batch and an epsilon for each image, and returns what it crafted. (A
search takes the batch alone.)

**The batches.** `crafted_within` hands the images over batch by batch, and `sweep_batch` takes one
batch through all epsilons; an attack whose epsilons can share work (`shared_steps`) replaces one of
the two. A batch carries the images, their goal and their `ids`. Images that are done leave the
tensors (`remaining`), of several runs on an image the best is kept (`restarts`), and random numbers
are drawn by id (`draws`), so that no outcome depends on the neighbours in a batch.

**The result.** `Task.result` classifies the crafted images afresh. Success and distances are
computed from these logits and images, never from what the attack believes of itself.

`robust_curve` takes a shorter way to accuracies alone, see `thresholds`.

Example:
    An attack in full. It moves every value by epsilon, up or down as the loss rises.

        from dataclasses import dataclass

        import numpy as np
        import tensorflow as tf

        from attacks.engine.budget import BudgetAttack
        from attacks.engine.gradients import loss_gradient
        from attacks.engine.task import Crafted

        @dataclass(frozen=True)
        class OneStep(BudgetAttack):
            norm: str = "linf"
            batch_size: int = 128

            def run_within(self, task):
                def make(logits_of):
                    return lambda *arguments: loss_gradient(logits_of, *arguments, 1.0)[0]

                classes, sign = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.float32)
                signature = [task.classifier.batch_spec, classes, sign]
                gradient_of = task.classifier.compiled("one step", make, signature)

                def run(batch, epsilons):
                    gradient = gradient_of(batch.images, batch.goal.classes, batch.goal.sign)
                    steps = np.float32(epsilons).reshape(-1, *[1] * (batch.images.ndim - 1))
                    moved = batch.images + steps * np.sign(gradient)
                    ones = np.ones(len(batch), int)  # a gradient for each image, nothing else
                    return Crafted(np.clip(moved, 0, 1), ones, 0 * ones)

                return run
"""
