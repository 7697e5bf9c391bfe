"""Defenses that filter what a network sees, or hide its gradient."""

from defenses.feature_smoothing import FeatureSmoothing
from defenses.feature_squeezing import FeatureSqueezing
from defenses.gradient_masking import (
    NoisyUpdateAdam,
    fine_tune_with_noisy_updates,
    with_noisy_gradient,
    with_noisy_logits,
)

__all__ = [
    "FeatureSmoothing",
    "FeatureSqueezing",
    "NoisyUpdateAdam",
    "fine_tune_with_noisy_updates",
    "with_noisy_gradient",
    "with_noisy_logits",
]
