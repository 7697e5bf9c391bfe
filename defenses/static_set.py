"""A training set with adversarial examples that are crafted once."""

from collections.abc import Sequence

import numpy as np

from attacks import BudgetAttack
from distillation.arguments import check_is_array


def static_set(
    model,
    images,
    labels,
    attack: BudgetAttack,
    epsilons: Sequence[float],
    *,
    predicted_labels: bool = False,
    **options,
) -> tuple[np.ndarray, np.ndarray]:
    """The clean images, then their adversarial examples at each epsilon, in that order.

    Ordinary `fit` on this set, of a trained network or a new one, is the adversarial training of
    the RIT study. It takes the memory of (1 + epsilons) times the images as float32, and that of a
    few batches.

    Args:
        model: any model that an attack takes; it is attacked with its current weights.
        images: floats [N, ...] in [0, 1].
        labels: true classes, int [N] or [N, 1].
        attack: crafts the examples for all epsilons in one sweep.
        epsilons: distances between images in the norm of the attack.
        predicted_labels: whether the examples move away from the predictions of the model and not
            from `labels`, so that they do not give these away (Kurakin, Goodfellow and Bengio,
            2017, arXiv 1611.01236). The labels of the set are the true ones in any case.
        options: of `attack.craft`, such as `progress` and `journal`.

    Returns:
        images float32 [(1 + epsilons) N, ...] and labels [(1 + epsilons) N].

    Raises:
        ValueError: no labels, no array of images, or what the attack refuses.
    """
    if labels is None:
        raise ValueError("labels is None; accepted: the true classes, int [N]")
    check_is_array("images", images)
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    classes = None if predicted_labels else labels
    shape = np.shape(images)
    joined = np.empty([1 + len(epsilons), *shape], np.float32)
    joined[0] = images
    attack.craft(model, images, classes, epsilons=epsilons, out=joined[1:], **options)
    return joined.reshape(-1, *shape[1:]), np.tile(labels, 1 + len(epsilons))
