"""From attacks to measurements: outcomes per image, accuracies, intervals, paired tests."""

from evaluation.f1 import f1_per_class, macro_f1
from evaluation.outcomes import Outcomes, evaluate
from evaluation.statistics import (
    Paired,
    bootstrap_mean,
    mean_paired_difference,
    paired_difference,
    wilson,
)
from evaluation.top_k import label_ranks, top_k_errors

__all__ = [
    "Outcomes",
    "Paired",
    "bootstrap_mean",
    "evaluate",
    "f1_per_class",
    "label_ranks",
    "macro_f1",
    "mean_paired_difference",
    "paired_difference",
    "top_k_errors",
    "wilson",
]
