"""A look at the model and at the path of an attack, beside the attack itself.

What is measured here says whether the accuracies of the attack can be trusted: gradients that
fail, steps that lead nowhere, inputs that the model rounds, pixels out of range.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks import APGD, Attack
from attacks.engine.draws import ball_noise
from attacks.engine.geometry import flat
from attacks.engine.gradients import raw_loss_gradient
from attacks.engine.losses import BY_NAME as LOSSES
from attacks.engine.task import Batch, Task
from attacks.pgd import ProjectedSteps

#: How many images, from the front, are probed where that takes passes of its own.
PROBED = 50
#: A gradient at the logits below this, some eight times the rounding of probabilities near 1, is
#: lost in it to a good part.
_RESOLVED = 2.0**-20
#: How far from an image a gradient is put to the test, by a step of how much, and the least share
#: of what it promises that has to come.
_NEARBY, _STEP, _KEPT = 4 / 255, 1 / 255, 0.1
#: A change far below a grey level, and one of several. Between them the logits of a smooth model
#: change in proportion, those of one that rounds its inputs not at all or as the root.
_INVISIBLE, _VISIBLE, _OUT_OF_PROPORTION = 1 / 4096, 8 / 255, 4
#: A loss still rises if the last fifth of the steps brings more than a tenth of what all bring.
_LAST, _MUCH = 0.2, 0.1


class Gradients(NamedTuple):
    """What was seen of the gradient of a loss at each of N images.

    Attributes:
        zero_gradient: whether it is exactly zero everywhere, bool [N].
        gradient_not_finite: whether some of it is not finite, bool [N].
        gradient_unresolved: whether it is not zero, but what is left of rounded probabilities,
            bool [N].
        gradient_l1, gradient_l2: its norms, float64 [N].
    """

    zero_gradient: np.ndarray
    gradient_not_finite: np.ndarray
    gradient_unresolved: np.ndarray
    gradient_l1: np.ndarray
    gradient_l2: np.ndarray


def clean_gradients(task: Task, attack: Attack) -> Gradients | None:
    """Looks at the gradient that an attack climbs, at the images before the attack.

    Args:
        task: the model that the attack sees, the images, and what it attacks them for.

    Returns:
        `None` where the attack climbs no loss.
    """
    if attack.climbs is None:
        return None
    gradient_of = _compiled_gradient(task, attack.climbs)
    seen = []
    for batch in task.batches():
        goal = batch.goal
        gradient, at_logits = gradient_of(batch.images, goal.classes, goal.sign, attack.temperature)
        zero = ~gradient.any(axis=1)
        small = np.abs(at_logits).max(axis=1) < _RESOLVED
        # In 32 bits the squares of large and of small gradients are infinite and zero.
        norms = (np.linalg.norm(gradient.astype(np.float64), order, axis=1) for order in (1, 2))
        seen.append((zero, ~np.isfinite(gradient).all(axis=1), small & ~zero, *norms))
    return Gradients(*map(np.concatenate, zip(*seen)))


def unstable_gradients(task: Task, attack: Attack) -> np.ndarray | None:
    """Where the loss does not rise as its gradient promises, bool [n], for the first images.

    Looked at one step of a grey level along the gradient, from a random point near each image.
    Images whose gradient there is zero, not finite or lost in rounding are not among them. `None`
    where the attack climbs no loss.
    """
    if attack.climbs is None:
        return None
    batch, classifier, loss = _first(task), task.classifier, LOSSES[attack.climbs]
    goal = batch.goal
    here = _moved(batch.images, batch.ids, _NEARBY)
    gradient_of = _compiled_gradient(task, attack.climbs)
    gradient, at_logits = gradient_of(here, goal.classes, goal.sign, attack.temperature)
    gradient = gradient.reshape(here.shape).astype(np.float64)
    there = np.clip(here + np.float32(_STEP) * np.sign(gradient, dtype=np.float32), 0, 1)

    def climbed(images: np.ndarray) -> np.ndarray:
        # In double precision: in single, the loss of a confident network does not move.
        logits = tf.cast(classifier.logits(images), tf.float64) / attack.temperature
        return loss(logits, goal.classes, tf.cast(goal.sign, tf.float64)).numpy()

    with np.errstate(invalid="ignore", over="ignore"):
        promised = (gradient * (there - here)).reshape(len(batch), -1).sum(axis=1)
        is_broken = ~(climbed(there) - climbed(here) >= _KEPT * promised)
    resolved = np.abs(at_logits).max(axis=1) >= _RESOLVED
    return resolved & np.isfinite(promised) & (promised > 0) & is_broken


def quantised_inputs(task: Task) -> np.ndarray:
    """Where the logits do not change in proportion to the image, bool [n], for the first images.

    They stay the same to the last bit under an invisible change, or change by too much, as where
    some of the inputs are rounded the other way. Random models are not told apart from these.
    """
    batch = _first(task)
    clean = task.classifier.logits(batch.images).numpy()

    def change(distance: float) -> np.ndarray:
        moved = task.classifier.logits(_moved(batch.images, batch.ids, distance)).numpy()
        return np.abs(moved.astype(np.float64) - clean).max(axis=1)

    seen = change(_VISIBLE)
    with np.errstate(invalid="ignore", divide="ignore"):
        proportion = change(_INVISIBLE) / seen * (_VISIBLE / _INVISIBLE)
    return (seen > 0) & ((proportion == 0) | (proportion > _OUT_OF_PROPORTION))


class Steps(NamedTuple):
    """What was seen of the path of an attack, for the first n images.

    Attributes:
        silent: whether it passed a success that is none at its end, bool [n].
        not_rising: whether the loss of an image that it did not turn is no higher at its end.
        still_rising: whether that loss still rose when the steps were over.
    """

    silent: np.ndarray
    not_rising: np.ndarray
    still_rising: np.ndarray


def steps_of(task: Task, attack: Attack, epsilon: float) -> Steps | None:
    """Looks at the steps of an attack within `epsilon`; `None` for one that takes none.

    An attack that stops at success passes none, and APGD keeps what it has passed.
    """
    if not isinstance(attack, ProjectedSteps | APGD):
        return None
    batch = _first(task)
    losses, reached = attack.follow(task, batch, np.full(len(batch), epsilon))
    stops = isinstance(attack, APGD) or attack.stop_at_success
    ever = np.any(reached, axis=0)
    turned = ever if stops else reached[-1]
    with np.errstate(invalid="ignore"):  # infinite losses rise no further
        rise = losses[-1] - losses[0]
        late = losses[-1] - losses[-1 - int(np.ceil(_LAST * (len(losses) - 1)))]
    rising = rise > 1e-6 * np.abs(losses[0])
    return Steps(
        silent=ever & ~turned,
        not_rising=~turned & ~rising,
        still_rising=~turned & rising & (late > _MUCH * rise),
    )


def _first(task: Task) -> Batch:
    return task.whole.take(slice(min(PROBED, task.batch_size)))


def _moved(images: np.ndarray, ids: np.ndarray, distance: float) -> np.ndarray:
    """Images with every pixel moved by as much as `distance`, at random."""
    noise = ball_noise(ids, images.shape[1:], "linf", (0,))
    return np.clip(images + np.float32(distance) * noise, 0, 1)


def _compiled_gradient(task: Task, loss: str) -> Callable:
    """The gradients with respect to images, flat, and to logits, as arrays [N, ...]."""

    def make(logits_of: Callable) -> Callable:
        def gradient(
            images: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor, temperature: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            by_pixel, logits = raw_loss_gradient(
                logits_of, images, classes, sign, temperature, LOSSES[loss]
            )
            with tf.GradientTape() as tape:
                tape.watch(logits)
                values = LOSSES[loss](logits / temperature, classes, sign)
            return flat(by_pixel), tape.gradient(values, logits) * temperature

        return gradient

    scalar = tf.TensorSpec([], tf.float32)
    compiled = task.classifier.compiled(
        f"gradient {loss}",
        make,
        [task.classifier.batch_spec, tf.TensorSpec([None], tf.int64), scalar, scalar],
    )
    return lambda *arguments: tuple(each.numpy() for each in compiled(*arguments))


def rounded_logits(task: Task, images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The logits of images as they would be stored in a picture: in 8 bits, within [0, 1].

    Args:
        task: whose model gives them.
        images: float32 [N, ...].
        logits: of `images`, float32 [N, classes]; they are those asked for where rounding changes
            nothing, as where a patch is pasted on pictures.
    """
    rounded = _grey_levels(images) / np.float32(255)
    return logits if np.array_equal(images, rounded) else task.logits(rounded)


def rounds_away(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Which images are their originals once both are stored in 8 bits, bool [N]."""
    same = _grey_levels(images) == _grey_levels(originals)
    return same.reshape(len(images), -1).all(axis=1)


def leaves_range(images: np.ndarray) -> np.ndarray:
    """Which images have values outside [0, 1], bool [N]."""
    values = images.reshape(len(images), -1)
    return (values.min(axis=1) < 0) | (values.max(axis=1) > 1)


def _grey_levels(images: np.ndarray) -> np.ndarray:
    """The values 0 to 255 of 8-bit pictures, float32."""
    return np.round(np.clip(images, 0, 1) * 255)
