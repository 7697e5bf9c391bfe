"""The works of the benchmarks as this project does them, with its own batch sizes."""

import keras

from attacks.apgd import APGD
from attacks.auto_attack import AutoAttack
from attacks.carlini_wagner import CarliniWagner
from attacks.ddn import DDN
from attacks.deepfool import DeepFool
from attacks.fgsm import FGSM
from attacks.fmn import FMN
from attacks.pgd import PGD
from attacks.robust_curve import robust_curve
from attacks.sigma_zero import SigmaZero
from attacks.square import Square

NAME = "ours"


class Ours:
    """Same methods and arguments as the libraries in `benchmarks.peers`."""

    def __init__(self, model: keras.Model):
        self.model = model

    def fgsm(self, images, labels, epsilons):
        return list(FGSM().craft(self.model, images, labels, epsilons=epsilons))

    def fgsm_accuracies(self, images, labels, epsilons, classify):
        results = FGSM().sweep(self.model, images, labels, epsilons=epsilons)
        return [1 - result.success.mean() for result in results]

    def pgd(self, images, labels, epsilons, steps, step_size):
        attack = self._pgd(steps, step_size)
        return list(attack.craft(self.model, images, labels, epsilons=epsilons))

    def pgd_accuracies(self, images, labels, epsilons, steps, step_size):
        attack = self._pgd(steps, step_size)
        return robust_curve(self.model, images, labels, attack, epsilons)

    @staticmethod
    def _pgd(steps: int, step_size: float) -> PGD:
        """From the clean image, as the peers do it too."""
        return PGD(steps, step_size, random_start=False)

    def deepfool(self, images, labels, steps, fold=False):
        return DeepFool(steps=steps, fold=self._folds(fold))(self.model, images, labels)

    def carlini_wagner(
        self, images, labels, search_steps, steps, learning_rate, initial_c, abort_early
    ):
        attack = CarliniWagner(
            search_steps=search_steps,
            steps=steps,
            learning_rate=learning_rate,
            initial_c=initial_c,
            abort_early=abort_early,
        )
        return attack(self.model, images, labels)

    def apgd(self, images, labels, epsilon, steps, loss):
        return APGD(steps=steps, loss=loss)(self.model, images, labels, epsilon=epsilon)

    def square(self, images, labels, epsilon, queries, fold=False):
        attack = Square(queries=queries, fold=self._folds(fold))
        return attack(self.model, images, labels, epsilon=epsilon)

    def autoattack(self, images, labels, epsilon, steps, queries):
        attack = AutoAttack(steps=steps, queries=queries)
        return attack(self.model, images, labels, epsilon=epsilon)

    def ddn(self, images, labels, steps):
        return DDN(steps)(self.model, images, labels)

    def fmn(self, images, labels, steps, norm):
        return FMN(steps, norm)(self.model, images, labels)

    def sigma_zero(self, images, labels, steps):
        return SigmaZero(steps)(self.model, images, labels)

    def _folds(self, fold: bool) -> bool:
        """Passes are counted of the same search in the model as it is."""
        return fold and isinstance(self.model, keras.Model)
