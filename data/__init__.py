"""Image data sets with fixed splits, and the batches that models are trained on."""

from data.dataset import Dataset
from data.loading import NAMES, class_names, load
from data.pipeline import steps_per_epoch, training_batches
from data.random_erasing import RandomErasing
from data.sources import DatasetNotFoundError

__all__ = [
    "NAMES",
    "Dataset",
    "DatasetNotFoundError",
    "RandomErasing",
    "class_names",
    "load",
    "steps_per_epoch",
    "training_batches",
]
