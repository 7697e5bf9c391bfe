"""The adversarial patch: one picture, fitted on a set, that makes a model see the target."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from attacks.engine.gradients import LogitsOf, loss_gradient
from attacks.engine.journal import Journal
from attacks.engine.losses import cross_entropy
from attacks.engine.task import Progress, Task
from attacks.goals import predicted
from attacks.patch import Patch, check_size, fitting_task, room_for
from attacks.readings import Model
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class AdversarialPatch:
    """Gradient ascent on the target's log-probability, over images and places of the patch.

    In every epoch each image is taken once, in a random order and with the patch at a random
    place. The step follows the mean gradient of a batch, with momentum, in a variable whose tanh
    keeps the pixels in [0, 1]:

        velocity = momentum velocity + gradient;    variable += learning_rate velocity;
        pixels = (tanh(variable) + 1) / 2.

    The variable begins at 0, a grey patch.

    Differs from the paper in that the patch is a rectangle that is moved, but neither scaled nor
    turned, and in that it is fitted on one model. Its form with a bound around a picture is not
    offered. The defaults are those of the tutorial that the ICBAI paper's patches resemble
    (Lippe, "UvA Deep Learning Tutorials", tutorial 10), which drops the last batch when it is
    not full; here it counts like the others.

    Attributes:
        size: of the patch in pixels: the side of a square, or (rows, columns).
        learning_rate: of the variable of the tanh.
        momentum: 0 for none.
        epochs: passes over the images.
        temperature: what the logits are divided by before the loss.
        seed: of the order of the images and of the places.
        batch_size: images per gradient.

    References:
        Brown, Mané, Roy, Abadi and Gilmer, "Adversarial Patch", 2017,
            https://arxiv.org/abs/1712.09665, section 2
    """

    size: int | tuple[int, int]
    learning_rate: float = 0.1
    momentum: float = 0.8
    epochs: int = 5
    temperature: float = 1.0
    seed: int = 0
    batch_size: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_size(self.size))
        check_number(above=0, learning_rate=self.learning_rate, temperature=self.temperature)
        check_number(least=0, below=1, momentum=self.momentum)
        check_whole(epochs=self.epochs, batch_size=self.batch_size)
        check_whole(least=0, seed=self.seed)

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of the patch."""
        return check_size(self.size)

    def fit(
        self,
        model: Model,
        images: Any,
        target: int,
        labels: Any = None,
        *,
        validation: tuple[Any, Any] | None = None,
        name: str = "",
        progress: Progress | None = None,
        jit_compile: bool = False,
        journal: Journal | None = None,
    ) -> Patch:
        """Fits a patch on `images`.

        Args:
            model: a Keras model or callable that gives logits [N, classes].
            images: float [N, H, W, C] in [0, 1].
            target: the class that the model is to see.
            labels: true classes, int [N]; images of the target class are then left out.
            validation: held-out images and their labels (or `None`), in the same way.
            name: of the patch.
            progress: called with (images done, images in all), counting each epoch.
            jit_compile: compile with XLA.
            journal: keeps every epoch, so that the same call goes on after it was killed.

        Returns:
            The patch, with this in its `history`, one number per epoch: "loss", the mean
            cross-entropy of the target at the steps of the epoch; with `validation`,
            "validation_rate", the share of held-out images of other classes in which the model
            sees the target, each with the patch at the same place after every epoch.

        Raises:
            ValueError: no image is left; otherwise naming the argument, its value and what is
                accepted.
        """
        task = self._others(model, images, target, labels, jit_compile)
        history: dict[str, list[float]] = {"loss": []}
        held_out = None
        if validation is not None:
            held_out = self._others(model, validation[0], target, validation[1], jit_compile)
            history["validation_rate"] = []
        room_for(self.sides, task.images.shape[1:])
        variable = velocity = np.zeros([*self.sides, task.images.shape[-1]], np.float32)
        generator = np.random.default_rng(self.seed)
        count = len(task.images)
        for epoch in range(self.epochs):
            note = progress and partial(_note, progress, epoch * count, self.epochs * count)
            drawn = self._drawn(task, generator)
            train = partial(self._epoch, task, target, variable, velocity, drawn, note)
            after = train() if journal is None else journal.once(f"epoch {epoch}", train)
            variable, velocity = after["variable"], after["velocity"]
            history["loss"].append(float(after["loss"]))
            if held_out is not None:
                pasted = Patch(_pixels(variable)).apply(held_out.images, self.seed)
                sees_target = predicted(held_out.logits(pasted)) == target
                history["validation_rate"].append(float(sees_target.mean()))
        return Patch(_pixels(variable), int(target), name, history)

    def _others(
        self, model: Model, images: Any, target: int, labels: Any, jit_compile: bool
    ) -> Task:
        """The checked request for the images that are not known to be of the target class."""
        task = fitting_task(model, images, target, labels, self.batch_size, jit_compile)
        others = np.full(len(task.images), True) if labels is None else task.goal.classes != target
        if not others.any():
            raise ValueError(
                f"there are {len(others)} images, none of another class than the target {target}; "
                "accepted: one or more"
            )
        return task.part(others)

    def _epoch(
        self,
        task: Task,
        target: int,
        variable: np.ndarray,
        velocity: np.ndarray,
        drawn: tuple[np.ndarray, np.ndarray],
        progress: Callable[[int], None] | None,
    ) -> dict[str, np.ndarray]:
        """Takes every image once; returns the new variable and velocity, and the mean loss."""
        step = _compiled_step(task)
        order, positions = drawn
        losses = []
        for start in range(0, len(order), self.batch_size):
            part = slice(start, start + self.batch_size)
            chosen = order[part]
            variable, velocity, loss = step(
                variable,
                velocity,
                task.images[chosen],
                positions[part],
                np.full(len(chosen), target, np.int64),
                self.temperature,
                self.learning_rate,
                self.momentum,
            )
            losses.append(loss)
            if progress:
                progress(start + len(chosen))
        return {
            "variable": np.asarray(variable),
            "velocity": np.asarray(velocity),
            "loss": np.concatenate(losses).mean(),
        }

    def _drawn(self, task: Task, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The order of the images in an epoch, and where the patch lies in each of them."""
        order = generator.permutation(len(task.images))
        room = room_for(self.sides, task.images.shape[1:])
        return order, generator.integers(room, size=(len(order), 2)).astype(np.int32)


def _note(progress: Progress, before: int, count: int, done: int) -> None:
    """The progress of an epoch that comes after `before` images of `count`."""
    progress(before + done, count)


def _pixels(variable: np.ndarray) -> np.ndarray:
    return (np.tanh(variable) + np.float32(1)) / np.float32(2)


def _compiled_step(task: Task) -> Callable:
    """One step for any size of the patch and of the batch: one trace per model.

    The gradient with respect to the patch is that of the pasted images where the patch lies,
    so that a step costs what the model's gradient does.
    """
    height, width, channels = task.images.shape[1:]

    def make(logits_of: LogitsOf) -> Callable:
        def step(
            variable: tf.Tensor,
            velocity: tf.Tensor,
            images: tf.Tensor,
            positions: tf.Tensor,
            classes: tf.Tensor,
            temperature: tf.Tensor,
            learning_rate: tf.Tensor,
            momentum: tf.Tensor,
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            # Pixels of all images, counted along their rows.
            size, count = tf.shape(variable), tf.shape(images)[0]
            offsets = tf.range(size[0])[:, None] * width + tf.range(size[1])
            first = (tf.range(count) * height + positions[:, 0]) * width + positions[:, 1]
            places = first[:, None] + tf.reshape(offsets, [1, -1])

            squashed = tf.tanh(tf.reshape(variable, [-1, channels]))
            pasted = tf.tensor_scatter_nd_update(
                tf.reshape(images, [-1, channels]),
                places[..., None],
                tf.tile((squashed + 1)[None] / 2, [count, 1, 1]),
            )
            pasted = tf.reshape(pasted, [-1, height, width, channels])
            gradient, logits = loss_gradient(logits_of, pasted, classes, -1.0, temperature)
            on_patch = tf.gather(tf.reshape(gradient, [-1, channels]), places)
            slope = tf.reduce_mean(on_patch, axis=0) * (1 - tf.square(squashed)) / 2
            velocity = momentum * velocity + tf.reshape(slope, size)
            losses = cross_entropy(logits / temperature, classes, 1.0)
            return variable + learning_rate * velocity, velocity, losses

        return step

    patch, scalar = tf.TensorSpec([None, None, channels]), tf.TensorSpec([], tf.float32)
    return task.classifier.compiled(
        "adversarial-patch",
        make,
        [
            patch,
            patch,
            task.classifier.batch_spec,
            tf.TensorSpec([None, 2], tf.int32),
            tf.TensorSpec([None], tf.int64),
            *[scalar] * 3,
        ],
    )
