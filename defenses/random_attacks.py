"""Adversarial training of the WPI study: each batch is perturbed by one of several attacks."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from attacks import BudgetAttack, MinimumNormAttack
from defenses.arguments import as_classes, check_epsilon_of
from defenses.example_trainer import ExampleTrainer
from models.ranges import check_whole


class RandomAttackTrainer(ExampleTrainer):
    """Trains a network on batches that are perturbed by one of several attacks, drawn at random.

    The examples are crafted with the weights before each update and the network in inference mode.
    Dropout and batch statistics take part in the training on the examples only, once in each step,
    as in plain `fit`. Labels stay the true ones. The attacks are those of the package `attacks`, as
    they are used in evaluation; their compiled steps read the current weights, so that nothing is
    compiled again for a batch. The loss and metrics of `fit` are those on the examples; `evaluate`
    and `predict` use images as they are.

    Budget attacks give their examples whether or not these fool the network. Where a minimum-norm
    attack has no example within epsilon, the image stays as it is.

    Args:
        network: Keras model from images [N, ...] in [0, 1] to logits [N, classes]. It is trained in
            place and stays a plain model (`trainer.network`).
        attacks: pairs (attack, epsilon), all with the same probability. Epsilon is a distance
            between images in the norm of the attack; for a minimum-norm attack `None` or infinity
            means any distance.
        seed: the attack of an update depends on it and on the number of updates so far
            (`optimizer.iterations`), so that a resumed training draws the same attacks.

    Compile it with a loss of logits; labels are classes [N] or [N, 1], or one-hot [N, classes].

    Example:
        trainer = RandomAttackTrainer(network, [(PGD(steps=10), 0.1), (DeepFool(), None)])
        trainer.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        trainer.fit(images, labels)
        network.save("robust.h5")

    Raises:
        TypeError: `network` is no Keras model.
        ValueError: it ends in softmax or the like or has one output, or an argument is out of
            range. `fit` raises it for images outside [0, 1] before they are used, `evaluate` as
            described for `AdversarialTrainer`.
    """

    def __init__(
        self,
        network: keras.Model,
        attacks: Sequence[tuple[BudgetAttack | MinimumNormAttack, float | None]],
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(network, name=name)
        check_whole(least=0, seed=seed)
        self.attacks = _checked(attacks, network)
        self.seed = seed

    def drawn(self, update: int) -> int:
        """The index in `attacks` of the attack for an update; the first update is 0."""
        return int(np.random.default_rng([self.seed, update]).integers(len(self.attacks)))

    def craft(self, images, labels) -> np.ndarray:
        """Examples of images, float32 [N, ...], as the next training step crafts them."""
        images, classes = np.asarray(images, np.float32), as_classes(labels).numpy()
        update = int(self.optimizer.iterations)
        attack, epsilon = self.attacks[self.drawn(update)]
        # Random starts depend on the ids, which are new in every update.
        ids = update * _MOST_IMAGES + np.arange(len(images))
        if isinstance(attack, BudgetAttack):
            return attack.craft(self.network, images, classes, epsilons=[epsilon], ids=ids)[0]
        return attack.sweep(self.network, images, classes, epsilons=[epsilon], ids=ids)[0].images

    def make_train_function(self, force=False):
        """Puts the crafting of examples in front of Keras' compiled update."""
        if self.train_function is not None and not force:
            return
        if self.steps_per_execution != 1 or self.distribute_strategy.num_replicas_in_sync != 1:
            raise ValueError(
                f"steps_per_execution is {self.steps_per_execution} and the strategy has "
                f"{self.distribute_strategy.num_replicas_in_sync} replicas; accepted: 1 of each, "
                "as the examples of a step are crafted after the update of the step before"
            )
        super().make_train_function(force=True)
        update = self.train_function

        def crafted_and_updated(iterator):
            images, labels, weights = keras.utils.unpack_x_y_sample_weight(next(iterator))
            examples = tf.constant(self.craft(images, labels))
            return update(iter([(examples, labels, weights)]))

        self.train_function = crafted_and_updated


_MOST_IMAGES = 2**31  # in a batch


def _checked(attacks, network: keras.Model) -> tuple[tuple, ...]:
    """The pairs, with infinity for `None`."""
    attacks = list(attacks)
    if not attacks:
        raise ValueError("attacks is empty; accepted: at least one pair (attack, epsilon)")
    checked = []
    for index, entry in enumerate(attacks):
        if not (
            isinstance(entry, tuple | list)
            and len(entry) == 2
            and isinstance(entry[0], BudgetAttack | MinimumNormAttack)
        ):
            raise ValueError(
                f"attacks[{index}] is {entry!r}; accepted: a pair (attack, epsilon) with an "
                "attack of the package attacks"
            )
        attack, epsilon = entry
        if isinstance(attack, MinimumNormAttack) and epsilon in (None, np.inf):
            epsilon = np.inf
        elif epsilon is None:
            raise ValueError(
                f"attacks[{index}] is {entry!r}; accepted: an epsilon for an attack within a budget"
            )
        else:
            epsilon = check_epsilon_of(network, epsilon, attack.norm)
        checked.append((attack, epsilon))
    return tuple(checked)
