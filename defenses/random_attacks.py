"""Adversarial training of the WPI study: each batch meets one of several attacks."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from attacks import BudgetAttack, MinimumNormAttack
from attacks.engine.task import check_seed
from defenses.arguments import as_classes, check_epsilon_of
from defenses.example_trainer import ExampleTrainer


class RandomAttackTrainer(ExampleTrainer):
    """Trains a network on batches that one of several attacks, drawn at random, has perturbed.

    The examples are made against the weights as they are before each update, with the network in
    inference mode: dropout and batch statistics see the training on the examples only, once for
    each step, as in plain `fit`. Labels stay the true ones. The attacks are those of `attacks`,
    as they are run for evaluation: their compiled steps read the weights afresh, so that nothing
    is compiled anew for a batch. The loss and metrics of `fit` are those on the examples;
    `evaluate` and `predict` take images as they are.

    Budget attacks give their examples whether or not they fool the network; where a minimum-norm
    attack finds nothing within epsilon, the image stays as it is. Leaving one attack out is
    leaving it out of `attacks`.

    Args:
        network: Keras model from images [N, ...] in [0, 1] to logits [N, classes]. It is what is
            trained, and stays a plain model (`trainer.network`).
        attacks: pairs (attack, epsilon), each as likely as another. Epsilon is a distance between
            images in the norm of the attack; for a minimum-norm attack also `None` or infinity,
            any distance.
        seed: decides, with the number of updates done (`optimizer.iterations`), which attack is
            drawn, so that a training that is resumed draws what it would have drawn.

    Compile it with a loss of logits; labels are classes [N] or [N, 1], or one-hot [N, classes].

    Example:
        trainer = RandomAttackTrainer(network, [(PGD(steps=10), 0.1), (DeepFool(), None)])
        trainer.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        trainer.fit(images, labels)
        network.save("robust.h5")

    Raises:
        TypeError: `network` is no Keras model.
        ValueError: it ends in softmax or the like or has one output, or an argument is out of
            range. From `fit`: images outside [0, 1], before they are used. From `evaluate`: as
            `AdversarialTrainer`.
    """

    def __init__(
        self,
        network: keras.Model,
        attacks: Sequence[tuple[BudgetAttack | MinimumNormAttack, float | None]],
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(network, name=name)
        check_seed(seed)
        self.attacks = _checked(attacks, network)
        self.seed = seed

    def drawn(self, update: int) -> int:
        """The index in `attacks` of what makes the examples of an update (the first is 0)."""
        return int(np.random.default_rng([self.seed, update]).integers(len(self.attacks)))

    def craft(self, images, labels) -> np.ndarray:
        """Examples of images, float32 [N, ...], as the next training step makes them."""
        images, classes = np.asarray(images, np.float32), as_classes(labels).numpy()
        update = int(self.optimizer.iterations)
        attack, epsilon = self.attacks[self.drawn(update)]
        # What random starts are keyed by: others at every update.
        ids = update * _MOST_IMAGES + np.arange(len(images))
        if isinstance(attack, BudgetAttack):
            return attack.craft(self.network, images, classes, epsilons=[epsilon], ids=ids)[0]
        return attack.sweep(self.network, images, classes, epsilons=[epsilon], ids=ids)[0].images

    def make_train_function(self, force=False):
        """Keras' compiled update, fed with examples that are made between the updates."""
        if self.train_function is not None and not force:
            return
        if self.steps_per_execution != 1 or self.distribute_strategy.num_replicas_in_sync != 1:
            raise ValueError(
                f"steps_per_execution is {self.steps_per_execution} and the strategy has "
                f"{self.distribute_strategy.num_replicas_in_sync} replicas; accepted: 1 of both, "
                "since the examples of a step are made after the update of the one before"
            )
        super().make_train_function(force=True)
        update = self.train_function

        def crafted_and_updated(iterator):
            images, labels, weights = keras.utils.unpack_x_y_sample_weight(next(iterator))
            examples = tf.constant(self.craft(images, labels))
            return update(iter([(examples, labels, weights)]))

        self.train_function = crafted_and_updated


_MOST_IMAGES = 2**31  # of a batch


def _checked(attacks, network: keras.Model) -> tuple[tuple, ...]:
    """The pairs, with infinity for `None`."""
    attacks = list(attacks)
    if not attacks:
        raise ValueError("attacks is empty; accepted: at least one pair (attack, epsilon)")
    found = []
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
        found.append((attack, epsilon))
    return tuple(found)
