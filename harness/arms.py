"""The words for what is run: cases, networks, trainings, arms.

All of them are frozen data. Their digests name the stages in the artifact store, so whatever
determines a result is a field of one of these classes.
"""

from collections.abc import Container
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

import keras

import models
from attacks import Attack
from attacks.units import grey_levels
from data.splits import SPLITS
from harness.patch_plan import PatchPlan
from harness.recipe import Recipe
from harness.trained_defenses import TrainedDefense
from models import applications


class View(StrEnum):
    """The output of a network that an attack sees; T is the temperature of its training."""

    LOGITS = "logits"
    SOFTMAX = "softmax"
    SOFTMAX_AT_T = "softmax at T"
    LOGITS_OVER_T = "logits / T"


class Protocol(StrEnum):
    """How a study is re-run: as it was done, faults included, or done properly."""

    FAITHFUL = "faithful"
    CORRECTED = "corrected"


class Role(StrEnum):
    """What distillation makes of a network; a study may have roles of its own besides."""

    UNDEFENDED = "undefended"
    WARM_UP = "warm_up"
    TEACHER = "teacher"
    STUDENT = "student"
    CONTROL = "control"


#: The variant of the arms that re-run the study; controls have variants of their own.
MAIN = "main"
#: What an attack is called that was crafted on the network of another role.
TRANSFERRED_FROM = "{}, from {}"
#: The same from the undefended network.
TRANSFERRED = "{}, from undefended"


@dataclass(frozen=True)
class Case:
    """One model on one data set, as published."""

    model: str
    dataset: str

    def __str__(self) -> str:
        return f"{self.model}/{self.dataset}"


@dataclass(frozen=True)
class Network:
    """Arguments of `models.build`, apart from the classes and the image shape.

    Attributes:
        weights: "imagenet" or `None`; pre-trained networks train batch normalisation only.
    """

    model: str
    upsampling: int
    width: float = 1.0
    preprocessing: str = "raw"
    weights: str | None = None
    train_batch_norm: bool = True

    def build(
        self, num_classes: int, image_shape: tuple[int, ...], weight_decay: float
    ) -> keras.Model:
        arguments = {
            "input_shape": tuple(image_shape),
            "upsampling": self.upsampling,
            "width": self.width,
            "preprocessing": self.preprocessing,
            "weights": self.weights,
        }
        if self.model == "vgg16":
            arguments["weight_decay"] = weight_decay
        elif weight_decay:
            raise ValueError(f"weight_decay is {weight_decay}; accepted for {self.model}: 0")
        if self.model in ("resnet50", "inception_v3", *applications.NAMES):
            arguments["train_batch_norm"] = self.train_batch_norm
        return models.build(self.model, num_classes, **arguments)


@dataclass(frozen=True)
class Training:
    """All that determines the weights of one network.

    Attributes:
        role: what the study calls it, a `Role` or another name that tells it from the other
            networks of its case.
        procedure: of `distillation`, `None` for a network that is not distilled.
        split: how `data.load` divides the images, a name of `data.splits.SPLITS`.
        images, validation_images: used, from the front of their split; `None` for all.
        erasing: whether random erasing is on.
        seed: see `seed_of`.
        teacher, warm_up: the trainings this one builds on; it starts from the weights of the
            latter.
        defense: the trained defense, `None` for none.
        crafted_on: the network that the examples of a static set are made on.
        images_per_class: see `data.load`.
    """

    network: Network
    dataset: str
    split: str
    role: str
    recipe: Recipe
    procedure: str | None = None
    temperature: float = 1.0
    alpha: float = 1.0
    images: int | None = None
    validation_images: int | None = None
    erasing: bool = True
    seed: int = 0
    teacher: "Training | None" = None
    warm_up: "Training | None" = None
    defense: TrainedDefense | None = None
    crafted_on: "Training | None" = None
    images_per_class: int | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split is {self.split!r}; accepted: {', '.join(SPLITS)}")
        if self.procedure and self.defense:
            raise ValueError(
                f"procedure is {self.procedure!r} with the defense {self.defense.name!r}; "
                "accepted: one of the two"
            )

    @property
    def sources(self) -> dict[str, "Training"]:
        """Trainings that come first, by what they are here."""
        named = {
            "warm_up": self.warm_up,
            "teacher": self.teacher,
            "crafted_on": self.crafted_on,
        }
        return {name: training for name, training in named.items() if training is not None}

    @property
    def run(self) -> int:
        """The number of the run that this network belongs to; see `seed_of`."""
        return self.seed // 2

    @property
    def method(self) -> str | None:
        """The distillation procedure or the defense, by name; `None` if there is neither."""
        return self.procedure or (self.defense.name if self.defense else None)

    @property
    def title(self) -> str:
        method = f" ({self.method})" if self.method else ""
        return f"{self.network.model} {self.dataset} {self.role}{method}"


def seed_of(
    role: str, run: int, starting_apart: Container[str] = (Role.STUDENT, Role.CONTROL)
) -> int:
    """The seed of a network in one run of a study.

    Args:
        starting_apart: the roles that start alike, from other weights than all other roles.
    """
    return 2 * run + int(role in starting_apart)


@dataclass(frozen=True)
class Pictured:
    """Test images, by ascending index, that a report shows with their highest confidences."""

    images: tuple[int, ...]
    epsilon: float


@dataclass(frozen=True)
class Arm:
    """One network under one attack over a range of epsilons.

    Attributes:
        variant: `MAIN`, or the control this arm belongs to.
        predicted_labels: whether the attack moves away from the model's own predictions.
        images: test images attacked, from the front of the test set; `None` for all.
        epsilons: distances, in `units`.
        crafted_on: the surrogate: the network that the attack sees, plain, whose images are then
            given to `training`; `None` for `training` itself, with what is applied to it.
        applied: untrained defenses put around the network by `defenses.defended`: frozen data
            with a `name` and `in_front(model)`, such as `defenses.FeatureSmoothing`.
        units: of the epsilons, one of `attacks.units.UNITS`: "pixels", or "standardised" for
            distances between images with ImageNet's mean and deviation taken out.
        strip_of: a class of which one image is shown at every epsilon, the first one that is right
            without attack, if any is; how often each class gets each prediction is then kept as
            well. `None` for neither.
        pictured: images that are kept as pictures, with their classes before and after.
        similarity: whether the structural similarity of every image is kept.
        random_targets: whether the attack is to reach a class drawn for each image, see
            `attacks.random_targets`.
    """

    case: Case
    protocol: Protocol
    variant: str
    training: Training
    view: View
    attack_name: str
    attack: Attack | PatchPlan
    epsilons: tuple[float, ...]
    predicted_labels: bool = False
    images: int | None = None
    crafted_on: Training | None = None
    applied: tuple[Any, ...] = ()
    units: str = "pixels"
    strip_of: int | None = None
    pictured: Pictured | None = None
    similarity: bool = False
    random_targets: bool = False

    def __post_init__(self) -> None:
        grey_levels(self.units)
        if self.units != "pixels" and self.crafted_on is not None:
            raise ValueError(f"units is {self.units!r} with crafted_on; accepted: 'pixels'")

    @property
    def networks(self) -> tuple[Training, ...]:
        """The networks it takes: the one judged, then the surrogate."""
        return (self.training,) if self.crafted_on is None else (self.training, self.crafted_on)

    @property
    def defense(self) -> str:
        """ "none", or the procedure or trained defense with the role in it, and what is applied."""
        training = self.training
        parts = [f"{training.method} {training.role}"] if training.method else []
        return " + ".join(parts + [each.name for each in self.applied]) or "none"

    @property
    def key(self) -> str:
        """Names the arm within a study and profile."""
        return "/".join(
            [str(self.case), self.variant, self.protocol, self.defense, self.view]
            + [self.attack_name, f"seed {self.training.run}"]
        )


@dataclass(frozen=True)
class PatchArm(Arm):
    """One network under one patch, placed at random as often as there are epsilons.

    `attack` is the plan of the patch, the epsilons are infinite, and the network is attacked
    through its logits.
    """

    attack: PatchPlan

    def __post_init__(self) -> None:
        if self.crafted_on is not None or self.units != "pixels" or self.view != View.LOGITS:
            raise ValueError(
                f"attack is a patch with crafted_on {self.crafted_on}, units {self.units!r} and "
                f"view {self.view!r}; accepted: None, 'pixels', 'logits'"
            )
        if self.random_targets:
            raise ValueError(
                "random_targets is True with a patch; accepted: False (it has a class)"
            )


#: Fields that came later, with the values at which all is as it was.
_LATER = {"fold": False, "batch_norm_momentum": None}


def description(data: Any) -> Any:
    """Frozen data as what JSON can hold, for digests and to be stored beside a result.

    Classes are named, because two attacks or defenses may have the same fields. What came later
    is left out where it changes nothing, so that finished stages keep their names.
    """
    if is_dataclass(data):
        named = {each.name: getattr(data, each.name) for each in fields(data)}
        values = {
            name: description(value)
            for name, value in named.items()
            if name not in _LATER or value != _LATER[name]
        }
        return {"class": type(data).__name__, **values}
    if isinstance(data, tuple | list):
        return [description(each) for each in data]
    if isinstance(data, float) and not isfinite(data):
        return str(data)  # an epsilon of infinity
    return data
