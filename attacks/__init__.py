"""Adversarial attacks on image classifiers, one file each, compiled with `tf.function`."""

from attacks.classifier import as_logits
from attacks.fgsm import FGSM
from attacks.goals import Targeted, Untargeted
from attacks.pgd import PGD
from attacks.result import AttackResult

BY_NAME = {"fgsm": FGSM, "pgd": PGD}

__all__ = ["BY_NAME", "FGSM", "PGD", "AttackResult", "Targeted", "Untargeted", "as_logits"]
