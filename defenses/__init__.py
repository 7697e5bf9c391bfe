"""Defenses: adversarial training, filters in front of a network, and masked gradients."""

from defenses.adversarial_training import AdversarialTrainer, TradesTrainer
from defenses.combination import defended
from defenses.feature_smoothing import FeatureSmoothing
from defenses.feature_squeezing import FeatureSqueezing
from defenses.gradient_masking import (
    GradientMasking,
    NoisyUpdateAdam,
    fine_tune_with_noisy_updates,
    with_noisy_gradient,
    with_noisy_logits,
)
from defenses.random_attacks import RandomAttackTrainer
from defenses.static_set import static_set

__all__ = [
    "AdversarialTrainer",
    "FeatureSmoothing",
    "FeatureSqueezing",
    "GradientMasking",
    "NoisyUpdateAdam",
    "RandomAttackTrainer",
    "TradesTrainer",
    "defended",
    "fine_tune_with_noisy_updates",
    "static_set",
    "with_noisy_gradient",
    "with_noisy_logits",
]
