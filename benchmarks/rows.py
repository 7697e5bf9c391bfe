"""What is compared: one row per work, with the goals that its ratios have to reach."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import MappingProxyType

import numpy as np

from benchmarks import as_near
from benchmarks.bare import FORWARDS, GRADIENTS, JACOBIANS
from benchmarks.networks import HUNDRED_CLASSES, LARGE, SMALL, TEN_CLASSES

NOTHING: Mapping = MappingProxyType({})
EFFICIENCY = "efficiency"

EASY = tuple(np.geomspace(0.01, 0.3, 8).round(4).tolist())  # accuracy is soon 0
HARD = tuple(np.geomspace(0.004, 0.035, 8).round(4).tolist())  # accuracy falls all the way
PLATEAU = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1)  # 40 steps of 0.001 reach 0.04
MIDDLE = 0.05
WITHSTOOD = 0.015  # by about half of the images


@dataclass(frozen=True)
class Row:
    """A work, as the method of every library and its arguments.

    Attributes:
        method: the name of a method of `Ours` and of the `Peer`s that have it.
        goals: the least ratio (time of a library / ours) by library, and the least `EFFICIENCY`.
        bare: the passes that the efficiency compares with, see `benchmarks.bare`.
        sweep: libraries whose cost is the same at each epsilon are timed at one of them.
        equal: our images have to equal those of CleverHans to 1e-6.
        memory: whether the peak memory is measured, too.
        without: libraries left out because one run takes minutes.
        note: what a reader of the table has to know.
    """

    name: str
    method: str
    arguments: Mapping
    images: int
    network: str = SMALL
    goals: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    bare: str = GRADIENTS
    sweep: bool = False
    equal: bool = False
    memory: bool = True
    without: tuple[str, ...] = ()
    note: str = ""

    def shortened(self, steps: int, images: int | None = None) -> "Row":
        """The row with fewer steps, searches and queries, and perhaps fewer images."""
        counts = ("steps", "search_steps", "queries")
        fewer = {
            name: min(steps, self.arguments[name]) for name in counts if name in self.arguments
        }
        return replace(
            self,
            arguments={**self.arguments, **fewer},
            images=min(self.images, images or self.images),
        )


@dataclass(frozen=True)
class Scaling:
    """How the time of a work grows.

    Attributes:
        variable: "images", "steps" or "classes".
        libraries: the libraries timed beside us.
    """

    name: str
    row: Row
    variable: str
    values: tuple[int, ...]
    libraries: tuple[str, ...] = ()

    def at(self, value: int) -> Row:
        if self.variable == "images":
            return replace(self.row, images=value)
        if self.variable == "classes":
            return replace(self.row, network={10: TEN_CLASSES, 100: HUNDRED_CLASSES}[value])
        return replace(self.row, arguments={**self.row.arguments, "steps": value})

    def shortened(self, steps: int, images: int) -> "Scaling":
        values = self.values
        if self.variable != "classes":
            values = tuple(2 + index for index in range(len(values)))
        return replace(self, row=self.row.shortened(steps, images), values=values)


def _pgd(name: str, epsilons, step_size=0.01, steps=40, **others) -> Row:
    arguments = {"epsilons": epsilons, "steps": steps, "step_size": step_size}
    defaults = {"method": "pgd", "images": 200, "sweep": len(epsilons) > 1}
    return Row(name, arguments=arguments, **defaults | others)


def _carlini_wagner(
    name: str, search_steps: int, steps: int, abort_early: bool = True, **others
) -> Row:
    settings = {"learning_rate": 0.01, "initial_c": 1.0, "abort_early": abort_early}
    arguments = {"search_steps": search_steps, "steps": steps, **settings}
    return Row(name, "carlini_wagner", arguments, **others)


def _accuracies(name: str, classify: str, **others) -> Row:
    arguments = {"epsilons": EASY, "classify": classify}
    return Row(name, "fgsm_accuracies", arguments, images=200, memory=False, **others)


_PGD = _pgd("PGD-40, 1 epsilon", (MIDDLE,))
_DEEPFOOL = Row("DeepFool", "deepfool", {"steps": 50}, images=100, bare=JACOBIANS)
_CW = _carlini_wagner("CW, 3 x 80", 3, 80, images=50)
_APGD = {"epsilon": MIDDLE, "steps": 50}
_SQUARE_LARGE = Row(
    "",
    "square",
    {"epsilon": MIDDLE, "queries": 20},
    images=48,
    network=LARGE,
    bare=FORWARDS,
    memory=False,
    without=("ART",),
)

ROWS = (
    Row(
        "FGSM, 8 epsilons, images",
        "fgsm",
        {"epsilons": EASY},
        images=200,
        goals={"CleverHans": 7, "Foolbox": 24, "ART": 19, EFFICIENCY: 0.85},
    ),
    _accuracies(
        "FGSM, 8 epsilons, accuracies",
        "predict",
        goals={"CleverHans": 5.8, "Foolbox": 11, "ART": 9.6, EFFICIENCY: 0.95},
        note="the other libraries' images are classified by model.predict",
    ),
    _accuracies(
        "FGSM, 8 epsilons, accuracies, all compiled",
        "compiled",
        note="the other libraries' images are classified by a compiled forward pass",
    ),
    replace(
        _PGD,
        goals={"CleverHans": 1.0, "Foolbox": 2.8, "ART": 3, EFFICIENCY: 0.95},
        equal=True,
        note="images equal those of CleverHans to 1e-6",
    ),
    _pgd(
        "PGD-40, 8 epsilons, step 0.01, images",
        EASY,
        goals={"CleverHans": 1.2, "Foolbox": 3.4, "ART": 3.7},
        equal=True,
    ),
    _pgd(
        "PGD-40, 8 epsilons, step 0.001, images",
        PLATEAU,
        step_size=0.001,
        goals={"CleverHans": 2.4},
        equal=True,
        memory=False,
        note="40 steps reach 0.04: the largest epsilons give the same images",
    ),
    _pgd(
        "PGD-40, robust curve, 0.004 to 0.035",
        HARD,
        step_size=0.002,  # CleverHans refuses steps longer than epsilon
        method="pgd_accuracies",
        goals={"CleverHans": 3.4},
        note="the other libraries run every epsilon and classify by a compiled forward pass",
    ),
    _pgd(
        "PGD-40, robust curve, 0.01 to 0.3",
        EASY,
        method="pgd_accuracies",
        goals={"CleverHans": 5.5},
        memory=False,
        note="as before, where most images are broken at the smallest epsilons",
    ),
    replace(_DEEPFOOL, goals={"Foolbox": 6, "ART": 27, EFFICIENCY: 0.9}),
    replace(_CW, goals={"Foolbox": 3.5, "ART": 40, EFFICIENCY: 0.85}),
    Row("APGD-50, cross-entropy", "apgd", {**_APGD, "loss": "cross-entropy"}, images=200),
    Row("APGD-50, DLR", "apgd", {**_APGD, "loss": "dlr"}, images=200, memory=False),
    Row("Square, 200 queries", "square", {"epsilon": MIDDLE, "queries": 200}, 200, bare=FORWARDS),
    Row("DDN-300", "ddn", {"steps": 300}, 100, memory=False),
    Row("FMN-300 in L2", "fmn", {"steps": 300, "norm": "l2"}, 100, memory=False),
    Row("FMN-300 in L-inf", "fmn", {"steps": 300, "norm": "linf"}, 100, without=(as_near.NAME,)),
    Row("Sigma-zero-300", "sigma_zero", {"steps": 300}, 100, memory=False),
    Row(
        "AutoAttack, standard",
        "autoattack",
        {"epsilon": WITHSTOOD, "steps": 100, "queries": 5000},
        images=50,
        memory=False,
        note="the bare passes are those of its gradients, not those of Square",
    ),
    Row(
        "ResNet-50, FGSM, 8 epsilons, images",
        "fgsm",
        {"epsilons": EASY},
        images=48,
        network=LARGE,
    ),
    _pgd(
        "ResNet-50, PGD-5, 1 epsilon",
        (MIDDLE,),
        steps=5,
        images=48,
        network=LARGE,
        equal=True,
    ),
    replace(
        _DEEPFOOL,
        name="ResNet-50, DeepFool, 2 steps",
        arguments={"steps": 2},
        images=16,
        network=LARGE,
        memory=False,
        without=("ART",),
    ),
    replace(
        _DEEPFOOL,
        name="ResNet-50, DeepFool, 2 steps, folded",
        arguments={"steps": 2, "fold": True},
        images=16,
        network=LARGE,
        memory=False,
        without=("Foolbox", "ART"),
        note="folded against unfolded: beside the row before it",
    ),
    replace(_SQUARE_LARGE, name="ResNet-50, Square, 20 queries"),
    replace(
        _SQUARE_LARGE,
        name="ResNet-50, Square, 20 queries, folded",
        arguments={**_SQUARE_LARGE.arguments, "fold": True},
        without=("Foolbox", "ART"),
        note="folded against unfolded: beside the row before it",
    ),
    _carlini_wagner(
        "ResNet-50, CW, 1 x 10",
        1,
        10,
        images=16,
        network=LARGE,
        memory=False,
        without=("ART",),
        note="Foolbox leaves the whole batch at the first of 10 steps without progress",
    ),
    _carlini_wagner(
        "ResNet-50, CW, 1 x 10, no early abort",
        1,
        10,
        images=16,
        network=LARGE,
        memory=False,
        without=("ART",),
        abort_early=False,
    ),
)

_IMAGES, _STEPS = (25, 50, 100, 200, 400), (10, 20, 40, 80)
SCALINGS = (
    Scaling("PGD-40 by images", _PGD, "images", _IMAGES, ("CleverHans", "Foolbox")),
    Scaling("DeepFool by images", _DEEPFOOL, "images", _IMAGES),
    Scaling("CW, 3 x 80 by images", _CW, "images", _IMAGES),
    Scaling("PGD by steps", _PGD, "steps", _STEPS, ("CleverHans", "Foolbox")),
    Scaling("CW, 3 searches by steps", _CW, "steps", _STEPS),
    Scaling("PGD-40 by classes", _PGD, "classes", (10, 100), ("CleverHans", "Foolbox")),
    Scaling("DeepFool by classes", _DEEPFOOL, "classes", (10, 100), ("Foolbox",)),
)


def selected(pattern: str) -> tuple[list[Row], list[Scaling]]:
    """The rows and scalings whose names match `pattern`.

    Raises:
        ValueError: there are none.
    """
    rows = [row for row in ROWS if fnmatchcase(row.name, pattern)]
    scalings = [scaling for scaling in SCALINGS if fnmatchcase(scaling.name, pattern)]
    if not rows and not scalings:
        names = "; ".join(each.name for each in (*ROWS, *SCALINGS))
        raise ValueError(f"--only is {pattern!r}; accepted: a pattern that matches one of {names}")
    return rows, scalings
