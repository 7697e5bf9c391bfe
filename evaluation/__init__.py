"""From attacks to measurements: outcomes per image, accuracies, intervals, paired tests."""

from evaluation.outcomes import Outcomes, evaluate
from evaluation.statistics import (
    Paired,
    bootstrap_mean,
    mean_paired_difference,
    paired_difference,
    wilson,
)

__all__ = [
    "Outcomes",
    "Paired",
    "bootstrap_mean",
    "evaluate",
    "mean_paired_difference",
    "paired_difference",
    "wilson",
]
