"""Adversarial attacks on image classifiers, one file each, compiled with `tf.function`."""

from attacks.adversarial_patch import AdversarialPatch
from attacks.apgd import APGD
from attacks.auto_attack import AutoAttack
from attacks.averaged import averaged
from attacks.best_distance import BestDistance, best_distance
from attacks.bim import BIM
from attacks.black_box import black_box
from attacks.carlini_wagner import CarliniWagner
from attacks.ddn import DDN
from attacks.deepfool import DeepFool
from attacks.engine.attack import Attack
from attacks.engine.budget import BudgetAttack
from attacks.engine.cache import forget
from attacks.engine.errors import ModelError, NoGradientError
from attacks.engine.journal import Journal
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.ensemble_log import EnsembleLog
from attacks.fab import FAB
from attacks.fgsm import FGSM
from attacks.fmn import FMN
from attacks.folded import folded
from attacks.goals import Targeted, Untargeted, random_targets
from attacks.jsma import JSMA
from attacks.momentum_iterative import MomentumIterative
from attacks.patch import Patch, PatchAttack
from attacks.patch_overlay import PatchOverlay
from attacks.pgd import PGD
from attacks.pixel_swap import PixelSwap
from attacks.readings import as_logits, as_probabilities
from attacks.result import AttackResult
from attacks.robust_curve import RobustCurve, robust_curve
from attacks.sigma_zero import SigmaZero
from attacks.square import Square

BY_NAME = {
    "fgsm": FGSM,
    "bim": BIM,
    "momentum-iterative": MomentumIterative,
    "pgd": PGD,
    "apgd": APGD,
    "square": Square,
    "autoattack": AutoAttack,
    "deepfool": DeepFool,
    "carlini-wagner": CarliniWagner,
    "ddn": DDN,
    "fmn": FMN,
    "sigma-zero": SigmaZero,
    "fab": FAB,
    "pixel-swap": PixelSwap,
    "jsma": JSMA,
}

__all__ = [
    "APGD",
    "BIM",
    "BY_NAME",
    "DDN",
    "FAB",
    "FGSM",
    "FMN",
    "JSMA",
    "PGD",
    "AdversarialPatch",
    "Attack",
    "AttackResult",
    "AutoAttack",
    "BestDistance",
    "BudgetAttack",
    "CarliniWagner",
    "DeepFool",
    "EnsembleLog",
    "Journal",
    "MinimumNormAttack",
    "ModelError",
    "MomentumIterative",
    "NoGradientError",
    "Patch",
    "PatchAttack",
    "PatchOverlay",
    "PixelSwap",
    "RobustCurve",
    "SigmaZero",
    "Square",
    "Targeted",
    "Untargeted",
    "as_logits",
    "as_probabilities",
    "averaged",
    "best_distance",
    "black_box",
    "folded",
    "forget",
    "random_targets",
    "robust_curve",
]
