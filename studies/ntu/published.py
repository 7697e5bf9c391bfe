"""Ties every row of `published.csv` to the arms, trainings or settings behind it."""

from functools import cache
from inspect import signature
from itertools import product
from pathlib import Path
from typing import Any

import keras
import pandas as pd

import models
from data import cifar10, cifar100
from distillation import Distiller
from harness.arms import Case, Protocol, Role
from harness.links import Link, printed
from studies.ntu import arms
from studies.ntu.measures import MEASURES
from studies.ntu.profiles import PROFILES

FOLDER = Path(__file__).parent
_MODELS, _DATASETS = ("VGG-16", "ResNet-50", "Inception-V3"), ("CIFAR-10", "CIFAR-100")
#: What the study calls the model and the data set of each case.
NAMES = dict(zip(arms.CASES, product(_MODELS, _DATASETS), strict=True))
_CASES = {names: case for case, names in NAMES.items()}
#: By the defense of a row, the network that it speaks of.
ROLES = {"none": Role.UNDEFENDED, "defensive distillation": Role.STUDENT}
#: What a reader has to know of some links, by what measures them.
_REMARKS = {
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

#: By the kind of a published number, the claims that rest on it.
CLAIMS_ON = {
    "clean accuracy": ("NTU-11a",),
    "accuracy under attack": ("NTU-1", "NTU-3", "NTU-10"),
    "mean drop": ("NTU-8a", "NTU-10"),
    "mean gain": ("NTU-3", "NTU-4", "NTU-9"),
    "plateau": ("NTU-2a", "NTU-2b"),
    "better up to": ("NTU-5", "NTU-6"),
    "rise": ("NTU-1",),
    "claim": ("NTU-7a", "NTU-7b"),
}


def link(row: pd.Series) -> Link:
    """The link of one row of the published numbers; its `measures` says what stands beside it.

    Raises:
        ValueError: nothing is known about the row.
    """
    measures = row["measures"]
    kind, _, which = measures.partition(": ")
    if kind == "background":
        return Link(kind, remark="quoted by the study, not a result of it")
    if kind in MEASURES or kind == "claim":
        cases = arms.CASES if row["model"] == "all" else (case_of(row),)
        return Link(
            kind,
            cases,
            ROLES.get(row["defense"], "all"),
            tuple(attack for attack in arms.ATTACKS if attack in row["attack"]),
            float(row["epsilon"]) if kind == "accuracy under attack" else None,
            split=which if kind == "clean accuracy" else "",
            factor=-1 if which == "sign reversed" else 1,
            remark=_REMARKS.get(kind, ""),
            stand_ins=() if row["model"] == "all" else _stand_ins(case_of(row)),
        )
    settings = _settings(case_of(row))
    if measures not in settings:
        raise ValueError(
            f"measures is {measures!r}; accepted: {', '.join(MEASURES)}, claim, background, or "
            "a setting that studies/ntu/published.py knows"
        )
    remark = _DIFFERENCES.get((row["table"], measures), "")
    return Link("setting", setting=float(settings[measures]), remark=remark)


def case_of(row: pd.Series) -> Case:
    """The case that a published row speaks of; of a setting that several share, the first."""
    return _CASES[row["model"] or _MODELS[0], row["dataset"].split(" and ")[0] or _DATASETS[0]]


def _stand_ins(case: Case) -> tuple[Case, ...]:
    """What stands in for a network with ImageNet weights where it was not run."""
    return (Case(arms.STAND_IN, case.dataset),) if arms.NETWORKS[case.model].weights else ()


def clean_accuracy(case: Case, split: str) -> float:
    """What the study prints of an undefended network, in percent."""
    model, dataset = NAMES[case]
    return printed(FOLDER, measures=f"clean accuracy: {split}", model=model, dataset=dataset)


@cache
def _settings(case: Case) -> dict[str, Any]:
    """What the paper profile has of a case, by what `measures` calls it."""
    description = {"cifar10": cifar10, "cifar100": cifar100}[case.dataset].DESCRIPTION
    training_images, test_images = description.original_counts
    side, upsampling = description.image_shape[0], arms.NETWORKS[case.model].upsampling
    pgd = arms.FAITHFUL_ATTACKS["PGD"]
    distiller = signature(Distiller.compile).parameters
    settings = {
        "training images": training_images,
        "test images": test_images,
        "image side": side,
        "classes": len(description.class_names),
        "pixel value maximum": 1 / arms.GREY,
        "images attacked": arms.TEST_IMAGES,
        "smallest epsilon": min(arms.LEVELS),
        "largest epsilon": max(arms.LEVELS),
        "PGD step size": pgd.step_size / arms.GREY,
        "PGD steps": pgd.steps,
        "temperature": arms.TEMPERATURE,
        "alpha": arms.ALPHA,
        "default temperature": distiller["temperature"].default,
        "default alpha": distiller["alpha"].default,
        "up-sampling": upsampling,
        "input side": side * upsampling,
        "halving": arms.HALVE_EVERY,
    }
    for role in (Role.UNDEFENDED, Role.TEACHER, Role.STUDENT):
        procedure = None if role == Role.UNDEFENDED else "as_listed"
        training = arms.training(PROFILES["paper"], case, Protocol.FAITHFUL, role, 0, procedure)
        fields = vars(training) | vars(training.recipe)
        settings |= {f"{role}: {name}": value for name, value in fields.items()}
    return settings | _architecture(case.model)


@cache
def _architecture(model: str) -> dict[str, float]:
    # Up-sampling changes no layer, and a small one is built faster.
    layers = models.build(model, 10, upsampling=3).layers
    kinds = keras.layers.Conv2D, keras.layers.MaxPooling2D, keras.layers.Dense, keras.layers.Dropout
    convolutions, poolings, dense, dropouts = (
        [layer for layer in layers if isinstance(layer, kind)] for kind in kinds
    )
    (dropout,) = {layer.rate for layer in dropouts}
    return {
        "convolutions": len(convolutions),
        "max-poolings": len(poolings),
        "Dense layers": len(dense),
        "dropout": dropout,
        **{f"Dense units {number}": layer.units for number, layer in enumerate(dense, 1)},
    }
