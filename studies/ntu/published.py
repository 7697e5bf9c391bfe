"""Ties every row of `published.csv` to the arms, trainings or settings behind it."""

from collections.abc import Callable
from functools import cache
from inspect import signature
from pathlib import Path

import keras
import pandas as pd

import models
from data import cifar10, cifar100
from distillation import Distiller
from harness.arms import Case, Protocol, Role
from harness.links import Link, printed
from studies.ntu.arms import (
    ALPHA,
    CASES,
    EPSILONS,
    FAITHFUL_ATTACKS,
    GREY,
    HALVE_EVERY,
    NETWORKS,
    TEMPERATURE,
    TEST_IMAGES,
    training,
)
from studies.ntu.profiles import PROFILES

FOLDER = Path(__file__).parent
_MODELS = {"VGG-16": "vgg16", "ResNet-50": "resnet50", "Inception-V3": "inception_v3"}
_DATASETS = {"CIFAR-10": cifar10, "CIFAR-100": cifar100}
_CASES = {
    (model, dataset): Case(ours, data.DESCRIPTION.name)
    for model, ours in _MODELS.items()
    for dataset, data in _DATASETS.items()
}
_ROLES = {"defensive distillation": Role.STUDENT, "all": "all"}
_PGD = FAITHFUL_ATTACKS["PGD"]

#: What a reader has to know of some links, by what measures them.
_REMARKS = {
    "background": "quoted by the study, not a result of it",
    "plateau": "40 steps of 0.01 move at most 0.4: the larger balls are never left",
    "rise": "smallest epsilon at which it rises",
    "claim": "judged as NTU-7",
    "better up to": "largest epsilon up to which the student is better at every epsilon",
}
#: What explains a setting that differs, by where it is printed and what it is.
_DIFFERENCES = {
    ("Section 4.4", "PGD step size"): (
        "the listing's 0.01 gives the published plateau; 0.05 is an arm of its own"
    ),
    ("Listing 4.5", "alpha"): "the unchanged library example; tables 4-8 to 4-18 say 0.2",
    ("Listing 4.5", "temperature"): "the unchanged library example; the tables say 200",
    ("Listing A.1", "halving"): "set and not used by the study; a control arm uses it",
    **{
        ("Section 3.2.1", layers): "the text; the listing has what stands in the next column"
        for layers in ("convolutions", "max-poolings", "Dense layers")
    },
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers; its `measures` says what stands beside it.

    Raises:
        ValueError: nothing is known about the row.
    """
    measures, metric = row["measures"], row["metric"]
    remark = _REMARKS.get(measures, "")
    if measures == "background":
        return Link(measures, remark=remark)
    if measures not in _MEASURED:
        difference = _DIFFERENCES.get((row["table"], measures), "")
        return Link("setting", setting=_setting(row), remark=difference)
    against = "mean increase of", "mean loss of"
    return Link(
        measures,
        CASES if row["model"] == "all" else (case_of(row),),
        _ROLES.get(row["defense"], Role.UNDEFENDED),
        tuple(attack for attack in ("FGSM", "PGD") if attack in row["attack"]),
        float(row["epsilon"]) if measures == "accuracy under attack" else None,
        split=metric.removesuffix(" accuracy").replace("training", "train")
        if measures == "clean accuracy"
        else "",
        factor=-1 if metric.startswith(against) else 1,
        remark=remark,
    )


_MEASURED = (
    "accuracy under attack",
    "clean accuracy",
    "mean drop",
    "mean gain",
    "plateau",
    "rise",
    "better up to",
    "claim",
)


def case_of(row: pd.Series) -> Case:
    """The case that a published row speaks of."""
    case = _CASES.get((row["model"], row["dataset"]))
    if case is None:
        raise ValueError(f"row is {dict(row)}; accepted: a model and data set of the study")
    return case


def clean_accuracy(case: Case) -> float:
    """The test accuracy that the study prints of an undefended network, in percent."""
    ((model, dataset),) = (names for names, ours in _CASES.items() if ours == case)
    where = {"model": model, "dataset": dataset, "defense": "none", "attack": "none"}
    return printed(FOLDER, metric="test accuracy", **where)


def _setting(row: pd.Series) -> float:
    """The value in the paper profile."""
    what = row["measures"]
    role, _, name = what.partition(": ")
    if name:
        return float(_of_training(row, role, name))
    if what not in _SETTINGS:
        raise ValueError(f"measures is {what!r}; accepted: {', '.join((*_MEASURED, *_SETTINGS))}")
    return float(_SETTINGS[what](row))


def _of_training(row: pd.Series, role: str, name: str) -> float:
    """A hyper-parameter of the network in a role."""
    case = _CASES.get((row["model"], row["dataset"]), CASES[0])
    procedure = None if role == Role.UNDEFENDED else "as_listed"
    trained = training(PROFILES["paper"], case, Protocol.FAITHFUL, role, procedure=procedure)
    if name in ("temperature", "alpha"):
        return getattr(trained, name)
    field = {"learning-rate decay": "decay"}.get(name, name.removeprefix("adam "))
    return getattr(trained.recipe, field.replace(" ", "_"))


@cache
def _network(model: str) -> keras.Model:
    # Up-sampling changes no layer, and a small one is built faster.
    return models.build(model, 10, upsampling=3)


def _layers(row: pd.Series, layer_class: type) -> list[keras.layers.Layer]:
    model = _MODELS.get(row["model"], "vgg16")
    return [layer for layer in _network(model).layers if isinstance(layer, layer_class)]


def _dense_units(number: int) -> Callable[[pd.Series], float]:
    return lambda row: _layers(row, keras.layers.Dense)[number - 1].units


def _count(layer_class: type) -> Callable[[pd.Series], float]:
    return lambda row: len(_layers(row, layer_class))


def _dropout(row: pd.Series) -> float:
    (rate,) = {layer.rate for layer in _layers(row, keras.layers.Dropout)}
    return rate


def _default(name: str) -> float:
    return signature(Distiller.compile).parameters[name].default


def _description(row: pd.Series):
    return _DATASETS.get(row["dataset"], cifar10).DESCRIPTION


def _upsampling(row: pd.Series) -> int:
    return NETWORKS[_MODELS[row["model"]]].upsampling


#: The settings of the paper profile, by what `measures` calls them.
_SETTINGS: dict[str, Callable[[pd.Series], float]] = {
    "training images": lambda row: _description(row).original_counts[0],
    "test images": lambda row: _description(row).original_counts[1],
    "image side": lambda row: _description(row).image_shape[0],
    "classes": lambda row: len(_description(row).class_names),
    "pixel value maximum": lambda row: 1 / GREY,
    "images attacked": lambda row: TEST_IMAGES,
    "smallest epsilon": lambda row: min(EPSILONS) / GREY,
    "largest epsilon": lambda row: max(EPSILONS) / GREY,
    "PGD step size": lambda row: _PGD.step_size / GREY,
    "PGD steps": lambda row: _PGD.steps,
    "temperature": lambda row: TEMPERATURE,
    "alpha": lambda row: ALPHA,
    "default temperature": lambda row: _default("temperature"),
    "default alpha": lambda row: _default("alpha"),
    "input side": lambda row: cifar10.DESCRIPTION.image_shape[0] * _upsampling(row),
    "up-sampling": _upsampling,
    "dropout": _dropout,
    "halving": lambda row: HALVE_EVERY,
    "convolutions": _count(keras.layers.Conv2D),
    "max-poolings": _count(keras.layers.MaxPooling2D),
    "Dense layers": _count(keras.layers.Dense),
    **{f"Dense units {number}": _dense_units(number) for number in (1, 2, 3)},
}
