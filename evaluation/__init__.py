"""From attacks to measurements: outcomes per image, accuracies, intervals, paired tests."""

from evaluation.curves import Curve, NotRun, alike, same, worst_of
from evaluation.estimates import Estimate, average, resampled
from evaluation.evaluate import evaluate
from evaluation.f1 import confusion_counts, f1_per_class, macro_f1, mean_macro_f1
from evaluation.local_optimality import local_optimality
from evaluation.outcomes import Outcomes
from evaluation.robustness import Robustness, evaluate_robustness
from evaluation.statistics import newcombe, wilson
from evaluation.top_k import label_ranks, top_k_errors
from evaluation.transfer import TransferMatrix, transfer_matrix
from evaluation.typical import nearest_median, typical

__all__ = [
    "Curve",
    "Estimate",
    "NotRun",
    "Outcomes",
    "Robustness",
    "TransferMatrix",
    "alike",
    "average",
    "confusion_counts",
    "evaluate",
    "evaluate_robustness",
    "f1_per_class",
    "label_ranks",
    "local_optimality",
    "macro_f1",
    "mean_macro_f1",
    "nearest_median",
    "newcombe",
    "resampled",
    "same",
    "top_k_errors",
    "transfer_matrix",
    "typical",
    "wilson",
    "worst_of",
]
