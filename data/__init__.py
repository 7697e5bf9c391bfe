"""Image data sets with fixed splits, and the batches that models are trained on."""

from data.byte_images import ByteImages
from data.class_folders import FolderImages
from data.dataset import Dataset
from data.image_files import ImageFiles
from data.loading import NAMES, class_names, load, sizes
from data.own_images import load_own
from data.pipeline import steps_per_epoch, training_batches
from data.random_erasing import RandomErasing
from data.sources import DatasetNotFoundError
from data.splits import SPLITS

__all__ = [
    "NAMES",
    "SPLITS",
    "ByteImages",
    "Dataset",
    "DatasetNotFoundError",
    "FolderImages",
    "ImageFiles",
    "RandomErasing",
    "class_names",
    "load",
    "sizes",
    "load_own",
    "steps_per_epoch",
    "training_batches",
]
