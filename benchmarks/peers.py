"""How each other library is called for the same work: same Keras model, images and steps.

A method returns adversarial images as NumPy arrays (a list of them for several epsilons), or
accuracies. Every library gets all images as one batch, untargeted goals and true labels, and
keeps what it has compiled from one call to the next. CleverHans has no DeepFool, APGD or
Square; its attack of Carlini and Wagner does not run with Keras 3 and is left out.
"""

import functools
import warnings
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method
from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

# ART sets up logging for the whole process, which closes what others log to: pytest's stderr.
with warnings.catch_warnings(), mock.patch("logging.config.dictConfig"):
    warnings.simplefilter("ignore")  # deprecated imports, and optional packages that they miss
    try:
        import foolbox
    except ImportError:
        foolbox = None
    try:
        import art.attacks.evasion as art_attacks
        from art.estimators.classification import TensorFlowV2Classifier
    except ImportError:
        art_attacks = None


class Peer:
    """What the libraries have in common here: accuracies after crafting the images."""

    #: Whether a sweep is timed at one epsilon and multiplied: its cost is the same at each.
    times_one_epsilon = False

    def __init__(self, model: keras.Model):
        self.model = model
        spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
        self._compiled = tf.function(
            lambda images: model(images, training=False), input_signature=[spec]
        )

    def fgsm_accuracies(self, images, labels, epsilons, classify):
        """`classify` is "predict", as a user of Keras writes it, or "compiled", a forward pass."""
        return self._accuracies(self.fgsm(images, labels, epsilons), labels, classify)

    def pgd_accuracies(self, images, labels, epsilons, steps, step_size):
        crafted = self.pgd(images, labels, epsilons, steps, step_size)
        return self._accuracies(crafted, labels, "compiled")

    def _accuracies(self, crafted, labels, classify):
        if classify == "predict":
            logits = [self.model.predict(images, verbose=0) for images in crafted]
        else:
            logits = [self._compiled(images).numpy() for images in crafted]
        return [np.mean(each.argmax(axis=1) == labels) for each in logits]


class CleverHans(Peer):
    def __init__(self, model: keras.Model):
        super().__init__(model)
        # CleverHans compiles the gradient once for every function that it is given.
        self._logits_of = lambda images: model(images, training=False)

    def fgsm(self, images, labels, epsilons, norm=np.inf):
        return [
            fast_gradient_method(
                self._logits_of, images, epsilon, norm, clip_min=0.0, clip_max=1.0, y=labels
            ).numpy()
            for epsilon in epsilons
        ]

    def pgd(self, images, labels, epsilons, steps, step_size, norm=np.inf):
        return [
            projected_gradient_descent(
                self._logits_of,
                images,
                epsilon,
                step_size,
                steps,
                norm,
                clip_min=0.0,
                clip_max=1.0,
                y=labels,
                sanity_checks=False,  # they fail with NumPy 1.24 and later
            ).numpy()
            for epsilon in epsilons
        ]


class Foolbox(Peer):
    times_one_epsilon = True

    def __init__(self, model: keras.Model):
        super().__init__(model)
        self._wrapped = foolbox.TensorFlowModel(model, bounds=(0, 1))

    def _run(self, attack, images, labels, **arguments):
        criterion = foolbox.criteria.Misclassification(tf.constant(labels))
        return attack.run(self._wrapped, tf.constant(images), criterion, **arguments).numpy()

    def fgsm(self, images, labels, epsilons):
        attack = foolbox.attacks.LinfFastGradientAttack()
        return [self._run(attack, images, labels, epsilon=epsilon) for epsilon in epsilons]

    def pgd(self, images, labels, epsilons, steps, step_size):
        attack = foolbox.attacks.LinfProjectedGradientDescentAttack(
            abs_stepsize=step_size, steps=steps, random_start=False
        )
        return [self._run(attack, images, labels, epsilon=epsilon) for epsilon in epsilons]

    def deepfool(self, images, labels, steps, norm=2):
        kinds = {2: foolbox.attacks.L2DeepFoolAttack, np.inf: foolbox.attacks.LinfDeepFoolAttack}
        return self._run(kinds[norm](steps=steps, candidates=10, overshoot=0.02), images, labels)

    def carlini_wagner(
        self, images, labels, search_steps, steps, learning_rate, initial_c, abort_early=True
    ):
        attack = foolbox.attacks.L2CarliniWagnerAttack(
            binary_search_steps=search_steps,
            steps=steps,
            stepsize=learning_rate,
            initial_const=initial_c,
            abort_early=abort_early,
        )
        crafted = self._run(attack, images, labels)
        failed = ~crafted.any(axis=(1, 2, 3), keepdims=True)  # Foolbox then returns a black image
        return np.where(failed, images, crafted)

    def ddn(self, images, labels, steps):
        return self._run(foolbox.attacks.DDNAttack(steps=steps), images, labels)

    def fmn(self, images, labels, steps, norm):
        name = {"linf": "LInf", "l2": "L2", "l1": "L1", "l0": "L0"}[norm]
        return self._run(getattr(foolbox.attacks, f"{name}FMNAttack")(steps=steps), images, labels)


class ART(Peer):
    times_one_epsilon = True

    def __init__(self, model: keras.Model):
        super().__init__(model)
        self._estimator = TensorFlowV2Classifier(
            model,
            nb_classes=model.output_shape[-1],
            input_shape=model.input_shape[1:],
            loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            clip_values=(0.0, 1.0),
        )
        # Each of these attacks compiles the model anew when it is made.
        self._apgd = functools.cache(
            functools.partial(art_attacks.AutoProjectedGradientDescent, self._estimator)
        )

    def fgsm(self, images, labels, epsilons):
        size = len(images)
        attacks = [
            art_attacks.FastGradientMethod(self._estimator, eps=epsilon, batch_size=size)
            for epsilon in epsilons
        ]
        return [attack.generate(images, labels) for attack in attacks]

    def pgd(self, images, labels, epsilons, steps, step_size):
        attacks = [
            art_attacks.ProjectedGradientDescent(
                self._estimator,
                eps=epsilon,
                eps_step=step_size,
                max_iter=steps,
                batch_size=len(images),
                verbose=False,
            )
            for epsilon in epsilons
        ]
        return [attack.generate(images, labels) for attack in attacks]

    def deepfool(self, images, labels, steps):
        attack = art_attacks.DeepFool(
            self._estimator,
            max_iter=steps,
            epsilon=0.02,
            nb_grads=10,
            batch_size=len(images),
            verbose=False,
        )
        return attack.generate(images, labels)

    def carlini_wagner(
        self, images, labels, search_steps, steps, learning_rate, initial_c, abort_early=True
    ):
        del abort_early  # it has no such option
        attack = art_attacks.CarliniL2Method(
            self._estimator,
            binary_search_steps=search_steps,
            max_iter=steps,
            learning_rate=learning_rate,
            initial_const=initial_c,
            batch_size=len(images),
            verbose=False,
        )
        return attack.generate(images, labels)

    def apgd(self, images, labels, epsilon, steps, loss, norm=np.inf):
        attack = self._apgd(
            norm=norm,
            eps=epsilon,
            eps_step=2 * epsilon,
            max_iter=steps,
            nb_random_init=1,
            batch_size=len(images),
            loss_type={"cross-entropy": "cross_entropy", "dlr": "difference_logits_ratio"}[loss],
            verbose=False,
        )
        return attack.generate(images, labels)

    def jsma(self, images, targets, theta, gamma):
        attack = art_attacks.SaliencyMapMethod(
            self._estimator, theta=theta, gamma=gamma, batch_size=len(images), verbose=False
        )
        return attack.generate(images, targets)

    def square(self, images, labels, epsilon, queries, norm=np.inf):
        attack = art_attacks.SquareAttack(
            self._estimator,
            norm=norm,
            eps=epsilon,
            max_iter=queries,
            batch_size=len(images),
            verbose=False,
        )
        return attack.generate(images, labels)
