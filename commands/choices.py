"""What can be chosen on the command line by name.

The packages that define these names take seconds to import; a test holds the two equal.
"""

from enum import StrEnum


class Attack(StrEnum):
    """The names of `attacks.BY_NAME`."""

    FGSM = "fgsm"
    BIM = "bim"
    MOMENTUM_ITERATIVE = "momentum-iterative"
    PGD = "pgd"
    APGD = "apgd"
    SQUARE = "square"
    AUTO_ATTACK = "autoattack"
    DEEP_FOOL = "deepfool"
    CARLINI_WAGNER = "carlini-wagner"
    DDN = "ddn"
    FMN = "fmn"
    SIGMA_ZERO = "sigma-zero"
    FAB = "fab"
    PIXEL_SWAP = "pixel-swap"
    JSMA = "jsma"


class Precision(StrEnum):
    FLOAT32 = "float32"
    MIXED_FLOAT16 = "mixed_float16"
    MIXED_BFLOAT16 = "mixed_bfloat16"


class AutoAttackVersion(StrEnum):
    """The versions of `attacks.AutoAttack`."""

    STANDARD = "standard"
    PLUS = "plus"
    RAND = "rand"


class Norm(StrEnum):
    """The norms that an attack can be given."""

    LINF = "linf"
    L2 = "l2"
    L1 = "l1"
    L0 = "l0"


class BudgetNorm(StrEnum):
    """The norms that a robustness evaluation has attacks for, `evaluation.battery.CUSTOMARY`."""

    LINF = "linf"
    L2 = "l2"


class DataSet(StrEnum):
    """`data.NAMES`."""

    DIGITS = "digits"
    MNIST = "mnist"
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"
    GTSRB = "gtsrb"
    TINY_IMAGENET = "tiny_imagenet"
    IMAGENET = "imagenet"


class Model(StrEnum):
    """`models.NAMES`."""

    VGG16 = "vgg16"
    RESNET50 = "resnet50"
    INCEPTION_V3 = "inception_v3"
    PAPERNOT_CNN = "papernot_cnn"
    WPI_CNN = "wpi_cnn"
    RIT_CNN = "rit_cnn"
    RESNEXT50 = "resnext50_32x4d"
    REGNETY = "regnety_400mf"
    ALEXNET = "alexnet"
    DENSENET201 = "densenet201"
    VGG19 = "vgg19"
    RESNET101 = "resnet101"
    MOBILENET = "mobilenet"
    MOBILENET_V2 = "mobilenet_v2"


class Softmax(StrEnum):
    """What is done with a softmax or sigmoid that a model ends in."""

    REFUSE = "refuse"
    REMOVE = "remove"
    KEEP = "keep"


class PixelRange(StrEnum):
    """The pixel values that a model takes."""

    UNIT = "0-1"
    GREY_LEVELS = "0-255"


class Procedure(StrEnum):
    """`distillation.PROCEDURES`."""

    AS_LISTED = "as_listed"
    CORRECTED = "corrected"
    SOFT_LABELS = "soft_labels"
    PAPERNOT = "papernot"


class Protocol(StrEnum):
    FAITHFUL = "faithful"
    CORRECTED = "corrected"


class Format(StrEnum):
    """`models.SUFFIXES`, of the files that a network is exported to."""

    H5 = "h5"
    KERAS = "keras"
    ONNX = "onnx"
    TFLITE = "tflite"
