"""The Jacobian-based saliency map attack."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks.deepfool import rivals
from attacks.engine.attack import Evaluations
from attacks.engine.geometry import choose, flat, lengths, power_of_two
from attacks.engine.gradients import LogitsOf, checked, finite
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.engine.norms import distances
from attacks.engine.restarts import BestOfRuns
from attacks.engine.task import Batch, Crafted, Search, Task
from attacks.goals import Goal
from models.ranges import check_number, check_whole


@dataclass(frozen=True)
class JSMA(MinimumNormAttack):
    """Changes two values at a time, those that do most for a target (a search in L0).

    Defensive distillation was evaluated with it, and it is here for that comparison: it is greedy,
    never takes a change back, and newer attacks change fewer values.

    At each step, every pair of values is scored by the product of two sums: how fast the output of
    the target rises as the pair changes, and how fast the outputs of all other classes together
    fall. Both have to be above 0. The best pair (see `best_pairs`) is changed by `theta`. Each
    channel of a pixel is a value; one that cannot move any further is left out. An image is done
    when it reaches its goal, or when no pair is left.

    The outputs are logits by default, as in the paper, because the softmax makes derivatives
    extreme. The evaluation of defensive distillation took probabilities instead (Carlini and
    Wagner call the two JSMA-Z and JSMA-F). Their derivatives vanish where the model is sure, as
    distilled networks are, and then no pair is left although the image is as near to the boundary
    as before.

    A step takes one forward pass with two gradients, and one forward pass more. Probabilities sum
    to 1, so that one gradient is enough: the others fall by what the target rises.

    Of two logits only the difference is a matter of the model: their mean is taken off first.

    Attributes:
        theta: what is added to both values of a pair, from -1 to 1; below 0, values decrease.
        gamma: the share of the values of an image that may change, two with every step, above 0
            and at most 1. The paper's 0.145 is 112 of the 784 values of an MNIST image; the same
            number of CIFAR-10's 3,072 values is 0.0365.
        targets: how many classes an untargeted attack goes for one after the other, the most
            likely ones of the original image first; `None` for all. The success that changes the
            fewest values is returned.
        output: "logits" or "probabilities", whose derivatives are taken.
        temperature: what the logits are divided by before the probabilities; logits lead to the
            same pairs at any temperature.
        clip: whether values stop at 0 and 1, and then are left out. Without, a pair can be chosen
            again and again.
        batch_size: images per gradient.

    References:
        Papernot, McDaniel, Jha, Fredrikson, Celik and Swami, "The Limitations of Deep Learning in
            Adversarial Settings", 2016, https://arxiv.org/abs/1511.07528, algorithms 2 and 3
        Papernot, McDaniel, Wu, Jha and Swami, "Distillation as a Defense to Adversarial
            Perturbations against Deep Neural Networks", 2016, https://arxiv.org/abs/1511.04508
        Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017,
            https://arxiv.org/abs/1608.04644, section III-D
    """

    theta: float = 1.0
    gamma: float = 0.145
    targets: int | None = 1
    output: str = "logits"
    temperature: float = 1.0
    clip: bool = True
    batch_size: int = 128

    norm = "l0"

    def __post_init__(self) -> None:
        check_number(least=-1, most=1, theta=self.theta)
        if not self.theta:
            raise ValueError("theta is 0; accepted: a number from -1 to 1 other than 0")
        check_number(above=0, most=1, gamma=self.gamma)
        if self.targets is not None:
            check_whole(targets=self.targets)
        if self.output not in _GRADIENTS:
            accepted = ", ".join(map(repr, _GRADIENTS))
            raise ValueError(f"output is {self.output!r}; accepted: {accepted}")
        check_number(above=0, temperature=self.temperature)
        check_whole(batch_size=self.batch_size)

    def search(self, task: Task) -> Search:
        steps = self._steps(task.images.shape[1:])
        step = _compiled_step(task, self.output)
        others = task.classifier.num_classes - 1

        def run(batch: Batch) -> Crafted:
            logits = task.classifier.logits(batch.images).numpy()
            best = BestOfRuns(batch, attacked=~batch.goal.reached(logits))
            best.count(np.arange(len(batch)), forwards=1)
            rows = best.left
            if len(rows):
                for classes in rivals(batch.goal, logits, min(self.targets or others, others)).T:
                    one = self._one_run(task, step, steps, batch.take(rows), classes[rows])
                    best.count(rows, _GRADIENTS[self.output] * one.steps, one.steps)
                    best.keep(rows, one.images, -one.changed, done=np.zeros(len(rows), bool))
            return best.crafted()

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        steps = self._steps(image_shape) * min(self.targets or classes - 1, classes - 1)
        return Evaluations(gradients=_GRADIENTS[self.output] * steps, forwards=steps + 1)

    def _steps(self, image_shape: tuple[int, ...]) -> int:
        """The most steps of a run, as in the paper: one for every two values that may change."""
        values = math.prod(image_shape)
        steps = math.floor(self.gamma * values / 2 + 1e-9)  # 112 / 784 may be a little less
        if not steps:
            raise ValueError(
                f"gamma is {self.gamma} with {values} values; accepted: {2 / values:.3g} or more, "
                "which is one pair"
            )
        return steps

    def _one_run(
        self, task: Task, step: Callable, steps: int, batch: Batch, classes: np.ndarray
    ) -> "_Run":
        """A run towards `classes` [N]."""
        low, high = (0.0, 1.0) if self.clip else (-math.inf, math.inf)
        settings = _Settings(self.theta, self.temperature, low, high)
        run = _Run.at_start(batch)
        images, targets = tf.constant(batch.images), tf.constant(classes)
        remaining = task.remaining(len(batch))
        for count in range(1, steps + 1):
            images, moved, logits = step(images, targets, settings)
            if remaining.note((moved, logits), (images, moved)) or count == steps:
                goal = batch.goal.take(remaining.rows)
                rows, done = remaining.look(partial(_is_done, goal))
                if len(rows):
                    found, moved = (each.numpy() for each in done)
                    run.end(rows[moved], found[moved])  # others are stuck
                    images, targets = remaining.left(images, targets)
                    if not remaining:
                        break
        run.steps = remaining.steps
        return run


def _is_done(goal: Goal, seen: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Who reaches the goal, or is stuck: from who moved, bool [N], and the logits thereafter."""
    moved, logits = seen
    return ~moved | goal.reached(logits)


#: How many gradients a step takes.
_GRADIENTS = {"logits": 2, "probabilities": 1}


class _Settings(NamedTuple):
    """What is the same for all images; values are clipped to [low, high]."""

    theta: float
    temperature: float
    low: float
    high: float


@dataclass
class _Run:
    """What one run gives, one entry per image; filled as images reach their goal.

    Attributes:
        originals: the images that the run starts from.
        images: the adversarial images; the originals where there is none.
        changed: how many of their values are not the original's; infinite where there is none.
        steps: how many the run took.
    """

    originals: np.ndarray
    images: np.ndarray
    changed: np.ndarray
    steps: np.ndarray

    @classmethod
    def at_start(cls, batch: Batch) -> "_Run":
        count = len(batch)
        return cls(
            originals=batch.images,
            images=batch.images.copy(),
            changed=np.full(count, np.inf),
            steps=np.zeros(count, np.int64),
        )

    def end(self, rows: np.ndarray, images: np.ndarray) -> None:
        """Takes over the adversarial images of `rows`."""
        self.images[rows] = images
        self.changed[rows] = distances(images - self.originals[rows])["l0"]


def _compiled_step(task: Task, output: str) -> Callable:
    """One step for any setting: the images, which of them moved, and their logits."""

    def make(logits_of: LogitsOf) -> Callable:
        def step(images: tf.Tensor, targets: tf.Tensor, settings: _Settings) -> tuple:
            theta, temperature, low, high = settings
            rises, falls = _derivatives(logits_of, images, targets, output, temperature)
            can_move = flat(tf.where(theta > 0, images < high, images > low))
            direction = tf.sign(theta)
            first, second, moved = best_pairs(
                tf.where(can_move, direction * rises, -math.inf),
                tf.where(can_move, direction * falls, -math.inf),
            )
            pair = sum(tf.one_hot(value, rises.shape[1]) for value in (first, second))
            following = images + theta * tf.reshape(pair, tf.shape(images))
            following = choose(moved, tf.clip_by_value(following, low, high), images)
            return following, moved, logits_of(following)

        return step

    scalar = tf.TensorSpec([], tf.float32)
    signature = [
        task.classifier.batch_spec,
        tf.TensorSpec([None], tf.int64),
        _Settings(scalar, scalar, scalar, scalar),
    ]
    return task.classifier.compiled(f"jsma {output}", make, signature)


def _derivatives(
    logits_of: LogitsOf,
    images: tf.Tensor,
    targets: tf.Tensor,
    output: str,
    temperature: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """How fast the target's output rises with each value, and how fast the others' sum falls.

    Each image's are multiplied by a power of two, so that products of small ones do not underflow.

    Returns:
        float32 [N, values] both.
    """
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = logits_of(images)
        outputs = logits
        if output == "probabilities":
            outputs = tf.nn.softmax(logits / temperature)
        elif logits.shape[1] == 2:  # [0, z] of one output z: the first has no gradient
            outputs -= tf.reduce_mean(logits, axis=1, keepdims=True)

    def gradient(weights: tf.Tensor) -> tf.Tensor:
        derivatives = tape.gradient(outputs, images, output_gradients=weights)
        derivatives = flat(finite(checked(derivatives)))
        return derivatives * power_of_two(lengths(derivatives, "linf"))[:, None]

    target = tf.one_hot(targets, logits.shape[1])
    rises = gradient(target)
    # Probabilities sum to 1; the sum of their computed derivatives would be rounding.
    return rises, rises if output == "probabilities" else gradient(target - 1)


def best_pairs(rises: tf.Tensor, falls: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The pair p, q of each image with the largest (rises_p + rises_q) (falls_p + falls_q).

    The search is exact, without a table of all pairs. If some value exceeded p in both rise and
    fall, it would make a better pair with q, unless it is q itself. So p or q is a value that no
    other exceeds in both. There are few of these (6 of 3,072 in a small network, on average); they
    are gone through from the largest rise to the largest fall, each with all partners.

    Args:
        rises, falls: float32 [N, values]; both are -inf for values that are left out.

    Returns:
        p and q, int32 [N]; and whether there is a pair whose sums both are above 0, bool [N].
    """
    places = tf.range(rises.shape[1])
    largest_fall = tf.reduce_max(falls, axis=1)

    def try_next(tried: tf.Tensor, best: tf.Tensor, *pair: tf.Tensor) -> tuple:
        left = tf.where(falls > tried[:, None], rises, -math.inf)
        first = tf.argmax(left, axis=1, output_type=tf.int32)
        rise, fall = (tf.gather(each, first, batch_dims=1) for each in (rises, falls))
        both_rise, both_fall = rises + rise[:, None], falls + fall[:, None]
        counts = (both_rise > 0) & (both_fall > 0) & (places != first[:, None])
        scores = tf.where(counts, both_rise * both_fall, 0.0)
        second = tf.argmax(scores, axis=1, output_type=tf.int32)
        score = tf.reduce_max(scores, axis=1)
        better = score > best
        return (
            tf.maximum(tried, fall),
            tf.maximum(best, score),
            *(tf.where(better, new, old) for new, old in zip((first, second), pair)),
        )

    zeros = tf.zeros_like(largest_fall)
    none = tf.zeros_like(zeros, tf.int32)
    _, best, first, second = tf.while_loop(
        lambda tried, *_: tf.reduce_any(largest_fall > tried),
        try_next,
        (tf.fill(tf.shape(zeros), -math.inf), zeros, none, none),
    )
    return first, second, best > 0
