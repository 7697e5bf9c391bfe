"""The words a study is written in: recipes, networks, trainings, arms, profiles.

All of them are frozen data. Their digests name the stages in the artifact store, so whatever
determines a result is a field of one of these classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

import models
from attacks.engine.budget import BudgetAttack
from attacks.engine.minimum_norm import MinimumNormAttack
from data.dataset import PROTOCOLS
from harness.claims import Verdict
from harness.links import Link
from harness.patch_plan import PatchPlan
from harness.trained_defenses import Hardening
from harness.units import grey_levels
from models import applications


@dataclass(frozen=True)
class Recipe:
    """Optimiser and length of one training, as a table of a study prints it.

    Attributes:
        optimizer: "SGD" or "Adam".
        epochs: 0 for a network that is used as it is built, with pre-trained weights.
        decay: the old Keras form, learning_rate / (1 + decay x updates).
        halve_every: epochs after which the learning rate is halved, again and again; 0: never.
        patience: epochs without a lower validation loss that are borne; after one more the
            learning rate is multiplied by `plateau_factor`, again and again; 0: never.
        weight_decay: L2 coefficient of the network's layers.
        keep: the epoch whose network is kept, one of `models.KEEP`.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    beta_2: float = 0.999
    amsgrad: bool = False
    epsilon: float = 1e-7
    weight_decay: float = 0.0
    halve_every: int = 0
    patience: int = 0
    plateau_factor: float = 0.1
    keep: str = "best accuracy"

    def __post_init__(self):
        if self.keep not in models.KEEP:
            raise ValueError(f"keep is {self.keep!r}; accepted: {', '.join(models.KEEP)}")
        if self.patience and (self.decay or self.halve_every):
            raise ValueError(
                f"patience is {self.patience} with decay {self.decay} and halve_every "
                f"{self.halve_every}; accepted: one way of lowering the learning rate"
            )

    def build_optimizer(self, steps_per_epoch: int) -> keras.optimizers.Optimizer:
        rate = self.learning_rate
        if self.decay or self.halve_every:
            rate = DecayAndHalve(rate, self.decay, self.halve_every * steps_per_epoch)
        if self.optimizer == "SGD":
            return keras.optimizers.SGD(rate, momentum=self.momentum, nesterov=self.nesterov)
        if self.optimizer == "Adam":
            return keras.optimizers.Adam(
                rate, self.beta_1, self.beta_2, epsilon=self.epsilon, amsgrad=self.amsgrad
            )
        raise ValueError(f"optimizer is {self.optimizer!r}; accepted: 'SGD', 'Adam'")


@keras.saving.register_keras_serializable("studies")
class DecayAndHalve(keras.optimizers.schedules.LearningRateSchedule):
    """rate / (1 + decay x step), halved after every `halve_every` steps (0: never)."""

    def __init__(self, rate: float, decay: float, halve_every: int):
        self.rate, self.decay, self.halve_every = rate, decay, halve_every

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        rate = self.rate / (1.0 + self.decay * step)
        if self.halve_every:
            rate *= 0.5 ** tf.floor(step / self.halve_every)
        return rate

    def get_config(self):
        return {"rate": self.rate, "decay": self.decay, "halve_every": self.halve_every}


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

    def build(self, num_classes: int, image_shape, weight_decay: float) -> keras.Model:
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
        role: what the study calls it: "undefended", "warm_up", "teacher", "student", "control", or
            another name that tells it from the other networks of its case.
        procedure: of `distillation`, `None` for a network that is not distilled.
        split: the protocol of `data.load`, one of `data.dataset.PROTOCOLS`.
        images, validation_images: used, from the front of their split; `None` for all.
        erasing: whether random erasing is on.
        seed: 2 x run, or 2 x run + 1 for networks that are not to start like the undefended one.
        teacher, warm_up: the trainings this one builds on; it starts from the weights of the
            latter.
        defense: what it is hardened by, `None` for nothing.
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
    defense: Hardening | None = None
    crafted_on: "Training | None" = None
    images_per_class: int | None = None

    def __post_init__(self):
        if self.split not in PROTOCOLS:
            raise ValueError(f"split is {self.split!r}; accepted: {', '.join(PROTOCOLS)}")
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
    def needs(self) -> tuple["Training", ...]:
        """Trainings that come first."""
        return tuple(self.sources.values())

    @property
    def method(self) -> str | None:
        """The distillation procedure or the defense, by name; `None` if there is neither."""
        return self.procedure or (self.defense and self.defense.name)

    @property
    def title(self) -> str:
        method = f" ({self.method})" if self.method else ""
        return f"{self.network.model} {self.dataset} {self.role}{method}"


#: How an attack sees a network; T is the temperature of its training.
VIEWS = ("logits", "softmax", "softmax at T", "logits / T")


@dataclass(frozen=True)
class Pictured:
    """Test images, by ascending index, that a report shows with their highest confidences."""

    images: tuple[int, ...]
    epsilon: float


@dataclass(frozen=True)
class Arm:
    """One network under one attack over a range of epsilons.

    Attributes:
        case: model and data set as published, for example "vgg16/cifar10".
        protocol: "faithful" or "corrected".
        variant: "main", or the control this arm belongs to.
        view: one of `VIEWS`.
        own_labels: the attack moves away from the model's own predictions.
        images: test images attacked, from the front of the test set; `None` for all.
        attack: an attack, or the plan of a patch.
        epsilons: distances, in `units`; of a patch infinity, once for each placement.
        crafted_on: the network that the attack sees, plain, whose images are then given to
            `training`; `None` for `training` itself, with what is applied to it.
        applied: untrained defenses put around the network by `defenses.defended`: frozen data
            with a `name` and `in_front(model)`, such as `defenses.FeatureSmoothing`.
        units: of the epsilons, one of `harness.units.UNITS`: "pixels", or "standardised" for
            distances between images with ImageNet's mean and deviation taken out.
        strip_of: a class of which one image is shown at every epsilon, the first one attacked;
            how often each class gets each prediction is then kept as well. `None` for neither.
        pictured: images that are kept as pictures, with their classes before and after.
        similarity: whether the structural similarity of every image is kept.
    """

    case: str
    protocol: str
    variant: str
    training: Training
    view: str
    attack_name: str
    attack: BudgetAttack | MinimumNormAttack | PatchPlan
    epsilons: tuple[float, ...]
    own_labels: bool
    images: int | None
    crafted_on: Training | None = None
    applied: tuple[Any, ...] = ()
    units: str = "pixels"
    strip_of: int | None = None
    pictured: Pictured | None = None
    similarity: bool = False

    def __post_init__(self):
        grey_levels(self.units)
        if isinstance(self.attack, PatchPlan) and (
            self.crafted_on is not None or self.units != "pixels" or self.view != "logits"
        ):
            raise ValueError(
                f"attack is a patch with crafted_on {self.crafted_on}, units {self.units!r} and "
                f"view {self.view!r}; accepted: None, 'pixels', 'logits'"
            )
        if self.units != "pixels" and self.crafted_on is not None:
            raise ValueError(f"units is {self.units!r} with crafted_on; accepted: 'pixels'")

    @property
    def needs(self) -> tuple[Training, ...]:
        """The networks it takes."""
        return (self.training,) if self.crafted_on is None else (self.training, self.crafted_on)

    @property
    def defense(self) -> str:
        """ "none", or the procedure or trained defense with the role in it, and what is applied."""
        training = self.training
        parts = [f"{training.method} {training.role}"] if training.method else []
        return " + ".join(parts + [each.name for each in self.applied]) or "none"

    @property
    def seed(self) -> int:
        """The run this arm belongs to; student and control of a run have seeds of their own."""
        return self.training.seed // 2

    @property
    def key(self) -> str:
        """Names the arm within a study and profile."""
        return "/".join(
            [self.case, self.variant, self.protocol, self.defense, self.view, self.attack_name]
            + [f"seed {self.seed}"]
        )


@dataclass(frozen=True)
class Scale:
    """How far a profile reduces one model; the defaults reduce nothing.

    Attributes:
        epochs, batch_size: of every training; `None` for the published ones.
        images, validation_images: used in training; `None` for all.
        pretrained: whether ImageNet weights are used where the study did.
        attack_images: test images attacked, by group of attacks; a group left out attacks all.
            Each study has its own groups, see `attacked`.
        images_per_class: see `data.load`.
        learning_rate: of every training; `None` for the published one.
    """

    upsampling: int
    width: float = 1.0
    epochs: int | None = None
    batch_size: int | None = None
    images: int | None = None
    validation_images: int | None = None
    pretrained: bool = True
    attack_images: dict[str, int] = field(default_factory=dict)
    attack_batch_size: int = 128
    images_per_class: int | None = None
    learning_rate: float | None = None

    def attacked(self, group: str, groups: tuple[str, ...]) -> int | None:
        """Test images that the attacks of one group are given; `None` for all.

        Args:
            groups: those into which the study divides its attacks.

        Raises:
            ValueError: `attack_images` names a group that is none of these.
        """
        for name in self.attack_images:
            if name not in groups:
                raise ValueError(f"attack_images has {name!r}; accepted: {', '.join(groups)}")
        return self.attack_images.get(group)


@dataclass(frozen=True)
class Case:
    """What a profile runs of one model and data set; `views` are the outputs attacked."""

    roles: tuple[str, ...]
    protocols: tuple[str, ...]
    views: tuple[str, ...] = VIEWS


@dataclass(frozen=True)
class Profile:
    """A size at which a study is run.

    Attributes:
        cost: what to expect, in words.
        datasets: what stands in for each published data set.
        scales: by model, or by whatever else the study names them.
        cases: by "model/data set" as published; cases left out are not run.
        restarts: of the corrected attacks that start at random.
        seeds: one run of everything for each.
        controls: whether the control arms of the claims are run.
    """

    name: str
    cost: str
    datasets: dict[str, str]
    scales: dict[str, Scale]
    cases: dict[str, Case]
    restarts: int
    seeds: tuple[int, ...]
    controls: bool


@dataclass(frozen=True)
class Study:
    """A published study: where it is from, what it ran, what it printed.

    Attributes:
        published: its printed numbers, a CSV file.
        arms: all arms of a profile.
        link: ties a row of the published numbers to what measures it.
        claims: judges the study's claims by `harness.results.Results`.
        compared: by protocol, what stands beside the study's own numbers: the procedure of the
            student, and the outputs attacked, of which the worst counts for every image.
        headline: attacks and epsilons, in grey levels, that sum a run up.
        details: arrays that results keep of an arm besides, from it and its
            `evaluation.Outcomes`; `None` for nothing.
    """

    name: str
    title: str
    description: str
    published: Path
    profiles: dict[str, Profile]
    arms: Callable[[Profile], list[Arm]]
    link: Callable[[pd.Series], Link]
    claims: Callable[[Any], list[Verdict]]
    compared: dict[str, tuple[str, tuple[str, ...]]]
    headline: tuple[tuple[str, float], ...]
    details: Callable[[Arm, Any], dict[str, Any]] | None = None

    def profile(self, name: str) -> Profile:
        """The profile called `name`; ValueError for an unknown one."""
        if name not in self.profiles:
            raise ValueError(
                f"profile is {name!r}; accepted for {self.name}: {', '.join(self.profiles)}"
            )
        return self.profiles[name]


def description(data: Any) -> Any:
    """Frozen data as what JSON can hold, for digests and to be stored beside a result.

    Classes are named, because two attacks or defenses may have the same fields.
    """
    if is_dataclass(data):
        values = {each.name: description(getattr(data, each.name)) for each in fields(data)}
        return {"class": type(data).__name__, **values}
    if isinstance(data, tuple | list):
        return [description(each) for each in data]
    if isinstance(data, float) and not isfinite(data):
        return str(data)  # an epsilon of infinity
    return data
