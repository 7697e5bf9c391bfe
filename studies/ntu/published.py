"""Ties every row of `published/ntu.csv` to the arms, trainings or settings behind it."""

from functools import cache
from inspect import signature

import keras
import pandas as pd

import models
from data import cifar10, cifar100
from data.dataset import NTU_TEST_IMAGES
from distillation import Distiller
from harness.links import Link, printed
from studies.ntu import arms as ntu

_MODELS = {"VGG-16": "vgg16", "ResNet-50": "resnet50", "Inception-V3": "inception_v3"}
_DATASETS = {"CIFAR-10": "cifar10", "CIFAR-100": "cifar100"}
_DESCRIPTIONS = {"CIFAR-10": cifar10.DESCRIPTION, "CIFAR-100": cifar100.DESCRIPTION}
_PAPER = ntu.PROFILES["paper"]


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers.

    Raises:
        ValueError: nothing is known about the row.
    """
    metric = row["metric"]
    if metric.startswith("background:") or metric == "layer count":
        return Link("background", remark="quoted by the study, not a result of it")
    if metric.startswith("hyperparameter"):
        return Link("setting", setting=_hyperparameter(row))
    if metric.startswith("described number of"):
        remark = "the text; the listing has what stands in the next column"
        return Link("setting", setting=_described(metric), remark=remark)
    if row["table"] in _SETTINGS and metric in _SETTINGS[row["table"]]:
        return Link(
            "setting",
            setting=float(_SETTINGS[row["table"]][metric](row)),
            remark=_REMARKS.get((row["table"], metric), ""),
        )
    return _measured(row)


def _measured(row: pd.Series) -> Link:
    metric = row["metric"]
    role = {"defensive distillation": "student", "all": "all"}.get(row["defense"], "undefended")
    attacks = tuple(a for a in ("FGSM", "PGD") if a in row["attack"])
    every = row["model"] == "all"
    cases = ntu.CASES if every else (_case(row),)
    if metric == "test accuracy under attack":
        return Link("accuracy under attack", cases, role, attacks, float(row["epsilon"]))
    if metric.removesuffix(" accuracy") in ("training", "validation", "test"):
        split = metric.removesuffix(" accuracy").replace("training", "train")
        return Link("clean accuracy", cases, role, split=split)
    if metric in ("mean drop of test accuracy", "mean increase of test accuracy"):
        return Link("mean drop", cases, role, attacks, factor=1 if "drop" in metric else -1)
    if metric.startswith(("mean gain of distilled", "mean loss of distilled")):
        return Link("mean gain", cases, role, attacks, factor=1 if "gain" in metric else -1)
    if metric == "epsilon beyond which PGD accuracy is constant":
        return Link(
            "plateau",
            cases,
            role,
            attacks,
            remark="40 steps of 0.01 move at most 0.4: the larger balls are never left",
        )
    if metric.startswith("exceptional epsilon"):
        return Link("rise", cases, role, attacks, remark="smallest epsilon at which it rises")
    if metric.endswith("with a stated very large gain"):
        return Link("claim", cases, role, attacks, remark="judged as NTU-7")
    if metric.startswith("largest epsilon of range"):
        return Link(
            "better up to",
            cases,
            role,
            attacks,
            remark="largest epsilon up to which the student is better at every epsilon",
        )
    raise ValueError(f"no link for {dict(row)}")


def clean_accuracy(case: str) -> float:
    """The test accuracy that the study prints of an undefended network, in percent."""
    (model, dataset) = (
        next(name for name, ours in names.items() if ours == part)
        for names, part in zip((_MODELS, _DATASETS), case.split("/"), strict=True)
    )
    return printed(
        "ntu", metric="test accuracy", model=model, dataset=dataset, defense="none", attack="none"
    )


def _case(row: pd.Series) -> str:
    if row["model"] not in _MODELS or row["dataset"] not in _DATASETS:
        raise ValueError(f"no link for {dict(row)}")
    return f"{_MODELS[row['model']]}/{_DATASETS[row['dataset']]}"


def _hyperparameter(row: pd.Series) -> float:
    """The value in the paper profile of "hyperparameter (role): name"."""
    role, name = row["metric"].removeprefix("hyperparameter (").split("): ")
    procedure = None if role == "undefended" else "as_listed"
    training = ntu.training(_PAPER, _case(row), "faithful", role, procedure=procedure)
    if name == "number of classes":
        return len(_DESCRIPTIONS[row["dataset"]].class_names)
    if name in ("temperature", "alpha"):
        return getattr(training, name)
    field = {"learning-rate decay": "decay"}.get(name, name.removeprefix("adam ").replace(" ", "_"))
    return float(getattr(training.recipe, field.replace("-", "_")))


@cache
def _network(model: str) -> keras.Model:
    # Up-sampling changes no layer, and a small one is built faster.
    return models.build(model, 10, upsampling=3)


def _layers(model: str, layer_class) -> list[keras.layers.Layer]:
    return [layer for layer in _network(model).layers if isinstance(layer, layer_class)]


def _head_units(model: str, position: int) -> float:
    return _layers(model, keras.layers.Dense)[position].units


def _dropout(row: pd.Series) -> float:
    (rate,) = {layer.rate for layer in _layers(_MODELS[row["model"]], keras.layers.Dropout)}
    return rate


def _described(metric: str) -> float:
    layer_class = (
        keras.layers.Conv2D
        if "convolutional" in metric
        else keras.layers.MaxPooling2D
        if "max-pooling" in metric
        else keras.layers.Dense
    )
    return float(len(_layers("vgg16", layer_class)))


def _distiller_default(name: str) -> float:
    return signature(Distiller.compile).parameters[name].default


def _vgg_recipe(row: pd.Series):
    return ntu.recipe("vgg16/cifar10", "undefended")


def _upsampling(row: pd.Series) -> int:
    return ntu.NETWORKS[_MODELS[row["model"]]].upsampling


def _side(row: pd.Series) -> int:
    return 32 * _upsampling(row)


_COUNTS = {
    "training images": lambda row: _DESCRIPTIONS[row["dataset"]].original_counts[0],
    "test images": lambda row: _DESCRIPTIONS[row["dataset"]].original_counts[1],
    "image side": lambda row: _DESCRIPTIONS[row["dataset"]].image_shape[0],
    "pixel value maximum": lambda row: 1 / ntu.GREY,
    "number of classes": lambda row: len(_DESCRIPTIONS[row["dataset"]].class_names),
}
_PGD = ntu.FAITHFUL_ATTACKS["PGD"]

#: Settings outside the hyper-parameter tables, by where they are printed.
_SETTINGS = {
    "Section 3.3": _COUNTS,
    "Section 4.2": {
        "training images used": lambda row: cifar10.DESCRIPTION.original_counts[0],
        "validation images used": lambda row: cifar10.DESCRIPTION.original_counts[1],
        "test images used": lambda row: NTU_TEST_IMAGES,
    },
    "Section 4.4": {
        "epsilon grid minimum": lambda row: min(ntu.EPSILONS) / ntu.GREY,
        "epsilon grid maximum": lambda row: max(ntu.EPSILONS) / ntu.GREY,
        "PGD step size eps_iter (running text)": lambda row: _PGD.step_size / ntu.GREY,
        "PGD iterations nb_iter (running text)": lambda row: _PGD.steps,
        "images attacked": lambda row: _PAPER.scales["vgg16"].attack_images["faithful"],
    },
    "Listing 4.4": {
        "PGD step size eps_iter (listing)": lambda row: _PGD.step_size / ntu.GREY,
        "PGD iterations nb_iter (listing)": lambda row: _PGD.steps,
    },
    "Section 4.5.2": {"teacher temperature": lambda row: ntu.TEMPERATURE},
    "Section 6.2.4": {"temperature used": lambda row: ntu.TEMPERATURE},
    "Listing 4.5": {
        "alpha": lambda row: ntu.ALPHA,
        "temperature": lambda row: ntu.TEMPERATURE,
    },
    "Listing A.2": {
        "Distiller default alpha": lambda row: _distiller_default("alpha"),
        "Distiller default temperature": lambda row: _distiller_default("temperature"),
    },
    "Listing 4.1": {
        "input side of backbone": _side,
        "up-sampling factor": _upsampling,
        "head Dense units": lambda row: _head_units("resnet50", 0),
        "head dropout rate": _dropout,
    },
    "Listing 4.2": {
        "input side of backbone": _side,
        "up-sampling factor": _upsampling,
        "head Dense 1 units": lambda row: _head_units("inception_v3", 0),
        "head Dense 2 units": lambda row: _head_units("inception_v3", 1),
        "head Dense 3 units": lambda row: _head_units("inception_v3", 2),
        "head dropout rate": _dropout,
    },
    "Listing A.1": {
        "input side after up-sampling": _side,
        "up-sampling factor": _upsampling,
        "L2 weight decay": lambda row: _vgg_recipe(row).weight_decay,
        "learning rate": lambda row: _vgg_recipe(row).learning_rate,
        "learning-rate decay": lambda row: _vgg_recipe(row).decay,
        "momentum": lambda row: _vgg_recipe(row).momentum,
        "lr_drop": lambda row: ntu.HALVE_EVERY,
        "dropout rate": _dropout,
        "Dense units before output": lambda row: _head_units("vgg16", 0),
    },
}

#: Why a setting may differ from what one place of the study prints.
_REMARKS = {
    (
        "Section 4.4",
        "PGD step size eps_iter (running text)",
    ): "the listing's 0.01 gives the published plateau; 0.05 is an arm of its own",
    ("Listing 4.5", "alpha"): "the unchanged library example; tables 4-8 to 4-18 say 0.2",
    ("Listing 4.5", "temperature"): "the unchanged library example; the tables say 200",
    ("Listing A.1", "lr_drop"): "set and not used by the study; a control arm uses it",
}
