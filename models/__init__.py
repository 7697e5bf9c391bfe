"""The studies' image classifiers, Keras checkpoints in and out, and conversions.

Every network maps float32 images [N, height, width, channels] in [0, 1] to logits [N, classes].
"""

from functools import partial

import keras

from models import applications
from models.alexnet import alexnet
from models.checkpoints import (
    KEEP,
    CheckpointError,
    best_checkpoint,
    kept_epoch,
    load_checkpoint,
    load_weights,
    save,
)
from models.conversion import SUFFIXES, check_can_convert, export
from models.hdf5_weights import weights_sum
from models.inception_v3 import inception_v3
from models.outputs import two_classes, with_softmax, with_temperature, without_softmax
from models.papernot_cnn import papernot_cnn
from models.preprocessing import with_unit_range
from models.regnety_400mf import regnety_400mf
from models.resnet50 import resnet50
from models.resnext50_32x4d import resnext50_32x4d
from models.rit_cnn import rit_cnn
from models.squashed_outputs import squashing
from models.torchvision_weights import load_torchvision
from models.vgg16 import vgg16
from models.wpi_cnn import wpi_cnn

__all__ = [
    "BUILDERS",
    "KEEP",
    "NAMES",
    "SUFFIXES",
    "CheckpointError",
    "alexnet",
    "best_checkpoint",
    "build",
    "check_can_convert",
    "export",
    "inception_v3",
    "kept_epoch",
    "load_checkpoint",
    "load_torchvision",
    "load_weights",
    "papernot_cnn",
    "regnety_400mf",
    "resnet50",
    "resnext50_32x4d",
    "rit_cnn",
    "save",
    "squashing",
    "two_classes",
    "vgg16",
    "weights_sum",
    "with_softmax",
    "with_temperature",
    "with_unit_range",
    "without_softmax",
    "wpi_cnn",
]

#: What builds each network, by its name.
BUILDERS = {
    "vgg16": vgg16,
    "resnet50": resnet50,
    "inception_v3": inception_v3,
    "papernot_cnn": papernot_cnn,
    "wpi_cnn": wpi_cnn,
    "rit_cnn": rit_cnn,
    "resnext50_32x4d": resnext50_32x4d,
    "regnety_400mf": regnety_400mf,
    "alexnet": alexnet,
    **{name: partial(applications.application, name) for name in applications.NAMES},
}
NAMES = tuple(BUILDERS)


def build(name: str, /, num_classes: int, **arguments) -> keras.Model:
    """Builds a network.

    Args:
        name: one of `NAMES`.
        num_classes: at least 2.
        arguments: those of its builder, such as `models.vgg16`.

    Raises:
        ValueError: the name is unknown or the builder refuses an argument.
    """
    if name not in BUILDERS:
        raise ValueError(f"name is {name!r}; accepted: {', '.join(NAMES)}")
    return BUILDERS[name](num_classes, **arguments)
