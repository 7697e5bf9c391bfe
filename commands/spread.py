"""Where the stages of a run are done: in this process, or on Ray."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated

import typer

from commands import parameters

_GROUP = "Spread"


class Place(StrEnum):
    """Where stages are done."""

    HERE = "here"
    RAY = "ray"


On = Annotated[
    Place,
    typer.Option(
        help="Do the stages in this process, or each as a task of Ray.", rich_help_panel=_GROUP
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="A Ray cluster, or auto for that of this machine; default: Ray is started here.",
        rich_help_panel=_GROUP,
    ),
]
CpusPerStage = Annotated[
    int | None,
    typer.Option(
        parser=parameters.whole(1),
        metavar="INTEGER",
        help="CPU cores that Ray reserves for a stage; default: 1.",
        rich_help_panel=_GROUP,
    ),
]
GpusPerStage = Annotated[
    float | None,
    typer.Option(
        parser=parameters.number,
        metavar="NUMBER",
        help="GPUs for a stage, such as 0.5; default: 1 where there are any.",
        rich_help_panel=_GROUP,
    ),
]


Mirrored = Annotated[
    bool,
    typer.Option(
        "--mirrored",
        help="Train on all GPUs of this machine at once, each on its part of every batch. What "
        "was trained without it is trained again.",
        rich_help_panel=_GROUP,
    ),
]


@dataclass(frozen=True)
class Spread:
    """The options of a run that say where its stages are done.

    Raises:
        ValueError: options that do not go together, or Ray is not installed.
    """

    on: Place
    address: str | None
    cpus: int | None
    gpus: float | None
    mirrored: bool

    def __post_init__(self) -> None:
        if self.on is Place.HERE:
            given = {
                "--address": self.address,
                "--cpus-per-stage": self.cpus,
                "--gpus-per-stage": self.gpus,
            }
            for option, value in given.items():
                if value is not None:
                    raise ValueError(f"{option} is {value} without --on ray; accepted: with it")
        elif find_spec("ray") is None:
            raise ValueError(
                "--on is ray, and Ray is not installed; accepted: with it "
                "(pip install -r requirements-ray.txt)"
            )
        elif self.mirrored:
            raise ValueError(
                "--mirrored is on with --on ray; accepted: --mirrored, which trains each network "
                "on all GPUs of this machine, or --on ray, which does several stages at once"
            )
        # Ray reserves whole GPUs, or a part of one.
        if self.gpus is not None and not (
            0 <= self.gpus < 1 or (self.gpus >= 1 and self.gpus.is_integer())
        ):
            raise ValueError(
                f"--gpus-per-stage is {self.gpus:g}; accepted: 0, a part of one GPU, or a whole "
                "number"
            )

    @property
    def execute(self) -> Callable[..., None]:
        """What runs the stages, for `studies.run.run_study`."""
        if self.on is Place.HERE:
            from harness.runner import Runner

            return Runner.run
        from harness.on_ray import OnRay

        return OnRay(self.address, self.cpus or 1, self.gpus).run
