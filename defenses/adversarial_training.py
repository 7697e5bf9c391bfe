"""Adversarial training, with examples crafted in the training step from the current weights."""

import keras
import tensorflow as tf

from attacks.engine.geometry import flat, lengths, per_image
from attacks.engine.gradients import loss_gradient
from attacks.engine.half_precision import with_scaled_gradient
from attacks.engine.losses import cross_entropy
from attacks.engine.norms import check_norm
from attacks.pgd import PGD, projected_step
from defenses.arguments import as_classes, check_epsilon_of
from defenses.example_trainer import ExampleTrainer, as_images
from distillation.network_trainer import computes_in_half
from models.ranges import check_number, check_whole


class AdversarialTrainer(ExampleTrainer):
    """Trains a network on PGD examples of every batch instead of the batch itself.

    Madry, Makelov, Schmidt, Tsipras and Vladu, "Towards Deep Learning Models Resistant to
    Adversarial Attacks", 2018, arXiv 1706.06083. The examples are crafted inside the compiled step,
    with the network in inference mode. Dropout and batch statistics take part in the training on
    the examples only, once in each step, as in plain `fit`. The loss and metrics of `fit` are those
    on the examples; `evaluate` and `predict` use images as they are.

    Args:
        network: Keras model from images [N, ...] in [0, 1] to logits [N, classes]. It is trained in
            place and stays a plain model (`trainer.network`).
        epsilon: radius of the ball, a distance between images in `norm`.
        steps: gradient steps for each example.
        step_size: their length; default 2.5 epsilon / steps.
        random_start: whether to start from a uniform draw of the ball instead of the image.
        seed: the random starts depend on it, on the number of updates so far
            (`optimizer.iterations`) and on the replica, so that a resumed training draws the same.
        norm: "linf" or "l2".

    Compile it with a loss of logits; labels are classes [N] or [N, 1], or one-hot [N, classes].

    Example:
        trainer = AdversarialTrainer(network, epsilon=0.3, steps=10)
        trainer.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        trainer.fit(images, labels)
        network.save("robust.h5")

    Raises:
        TypeError: `network` is no Keras model.
        ValueError: it ends in softmax or the like or has one output, or an argument is out of
            range. `fit` and `evaluate` raise it for arrays of images outside [0, 1]. Where XLA
            compiles the step, which drops assertions, they also raise it for batches of a data set,
            after these were used.
        tf.errors.InvalidArgumentError: without XLA, from `fit` and `evaluate` for batches of a data
            set outside [0, 1], and from `craft`; before they are used.
    """

    def __init__(
        self,
        network: keras.Model,
        epsilon: float,
        steps: int = 10,
        step_size: float | None = None,
        random_start: bool = True,
        seed: int = 0,
        norm: str = "linf",
        name: str | None = None,
    ):
        super().__init__(network, name=name)
        check_norm(norm, ("linf", "l2"))
        check_whole(steps=steps)
        check_whole(least=0, seed=seed)
        if step_size is not None:
            check_number(above=0, step_size=step_size)
        self.norm = norm
        self.epsilon = check_epsilon_of(network, epsilon, norm)
        self.steps = steps
        self.step_size = PGD.path * self.epsilon / steps if step_size is None else float(step_size)
        self.random_start = random_start
        self.seed = seed

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force=True)
            self.train_function = self.then_checked(self.train_function)

    def train_step(self, data):
        images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.note_outside(images)
        return super().train_step((self.craft(images, labels), labels, sample_weight))

    def craft(self, images, labels) -> tf.Tensor:
        """Examples of images, float32 [N, ...], as the next training step crafts them."""
        start = images = as_images(images)
        if self.random_start:
            start += self.epsilon * self._ball_noise(images)
        return self._climb(images, start, as_classes(labels), cross_entropy)

    def _climb(self, images, start, reference, loss) -> tf.Tensor:
        """The end of PGD on a loss of (logits, reference, sign), float32 [N, ...].

        The step is that of `attacks.PGD`. The loop is part of the training step, which traces and
        compiles it with the rest.
        """

        def logits_of(images):
            return tf.cast(self.call(images, training=False), tf.float32)

        if computes_in_half(self.network):
            logits_of = with_scaled_gradient(logits_of)

        def step(done, current):
            gradient, _ = loss_gradient(logits_of, current, reference, 1.0, 1.0, loss)
            current = projected_step(
                current, gradient, images, self.epsilon, self.step_size, self.norm
            )
            return done + 1, current

        # A loop in the graph, because many unrolled steps take long to compile.
        _, current = tf.while_loop(
            lambda done, _: done < self.steps,
            step,
            (tf.constant(0), tf.clip_by_value(start, 0.0, 1.0)),
            parallel_iterations=1,
            maximum_iterations=self.steps,
        )
        return tf.stop_gradient(current)

    def _draw_seed(self) -> tf.Tensor:
        """The seed of the next update on this replica, int32 [2]."""
        update = tf.cast(self.optimizer.iterations, tf.int32) if self.compiled else 0
        replica = tf.distribute.get_replica_context()
        number = replica.replica_id_in_sync_group if replica else 0
        return tf.random.fold_in(tf.random.fold_in([self.seed, 0], update), number)

    def _ball_noise(self, images) -> tf.Tensor:
        """A uniform draw from the unit ball for each image; see `attacks.engine.draws`."""
        shape, seed = tf.shape(images), self._draw_seed()
        if self.norm == "linf":
            return tf.random.stateless_uniform(shape, seed, -1.0, 1.0)
        directions = tf.random.stateless_normal(shape, tf.random.fold_in(seed, 0))
        radii = tf.random.stateless_uniform(shape[:1], tf.random.fold_in(seed, 1))
        radii **= 1 / flat(images).shape[1]
        return directions * per_image(radii / lengths(directions, "l2"), images)


class TradesTrainer(AdversarialTrainer):
    """Trains on cross-entropy of images + beta x divergence between them and their examples.

    Zhang, Yu, Jiao, Xing, El Ghaoui and Jordan, "Theoretically Principled Trade-off between
    Robustness and Accuracy", 2019, arXiv 1901.08573. The examples climb the divergence
    KL(predictions of the image, predictions of the example) from Gaussian noise of 0.001, as in the
    authors' code. Images and examples pass the network as one joint batch, so that batch statistics
    are those of both and are updated once in each step; in the authors' code they pass it one after
    the other. The default step is 2.5 epsilon / steps in either norm; the authors' is 2 epsilon /
    steps in L2. Metrics of `fit` are on the images.

    Args:
        beta: weight of the divergence, above 0.
        network, epsilon, steps, step_size, seed, norm: see `AdversarialTrainer`.
    """

    def __init__(
        self,
        network: keras.Model,
        epsilon: float,
        steps: int = 10,
        step_size: float | None = None,
        beta: float = 6.0,
        seed: int = 0,
        norm: str = "linf",
        name: str | None = None,
    ):
        check_number(above=0, beta=beta)
        super().__init__(network, epsilon, steps, step_size, seed=seed, norm=norm, name=name)
        self.beta = float(beta)
        self._divergence = _Divergence(name="divergence")

    def call(self, inputs, training=None):
        if isinstance(inputs, dict):
            inputs = tf.concat([inputs["images"], inputs["examples"]], axis=0)
        return super().call(inputs, training=training)

    def train_step(self, data):
        images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.note_outside(images)
        images = as_images(images)
        both = {"images": images, "examples": self.craft(images, labels)}
        return ExampleTrainer.train_step(self, (both, labels, sample_weight))

    def craft(self, images, labels=None) -> tf.Tensor:
        """Examples of images, float32 [N, ...], as the next training step crafts them."""
        images = as_images(images)
        clean = tf.cast(self.call(images, training=False), tf.float32)
        noise = tf.random.stateless_normal(tf.shape(images), self._draw_seed())
        start = images + 0.001 * noise
        return self._climb(
            images, start, clean, lambda logits, clean, sign: sign * _divergences(clean, logits)
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if not isinstance(x, dict):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        clean, moved = tf.split(y_pred, 2)
        loss = super().compute_loss(x["images"], y, clean, sample_weight, training)
        return loss + self.beta * self._divergence(clean, moved, sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if isinstance(x, dict):
            x, (y_pred, _) = x["images"], tf.split(y_pred, 2)
        return super().compute_metrics(x, y, y_pred, sample_weight)


class _Divergence(keras.losses.Loss):
    """The mean divergence, as a loss of Keras, which scales it under tf.distribute."""

    def call(self, clean_logits, logits):
        return _divergences(tf.cast(clean_logits, tf.float32), tf.cast(logits, tf.float32))


def _divergences(clean_logits, logits) -> tf.Tensor:
    """KL(softmax(clean_logits), softmax(logits)) [N]."""
    clean = tf.nn.log_softmax(clean_logits)
    return tf.reduce_sum(tf.exp(clean) * (clean - tf.nn.log_softmax(logits)), axis=-1)
