"""Arguments that several commands have, and what their texts mean."""

import os
from collections.abc import Callable
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import choices, completion
from commands.choices import DataSet, PixelRange, Softmax

if TYPE_CHECKING:
    import keras


def number(text: str) -> float:
    """A number or a fraction: 0.03, 8/255, 25.5/255.

    Raises:
        typer.BadParameter: a text that is neither.
    """
    parts = text.split("/")
    try:
        if len(parts) != 2:
            return float(text)
        above, below = (Fraction(part.strip()) for part in parts)
        return float(above / below)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(
            f"{text!r}; accepted: a number or a fraction such as 8/255"
        ) from None


def positive(text: str) -> float:
    """A number or a fraction above 0."""
    value = number(text)
    if not 0 < value < inf:
        raise typer.BadParameter(f"{text!r}; accepted: a number above 0")
    return value


def whole(least: int) -> Callable[[str], int]:
    """Reads a whole number, which has to be `least` or more."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < least:
            raise typer.BadParameter(f"{str(text)!r}; accepted: a whole number, {least} or more")
        return value

    return read


#: The groups of options in a help text.
DATA, MODEL, OUTPUT, SPEED = "Data", "Model", "Output", "Speed"

Study = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A study, for example ntu.", autocompletion=completion.studies
    ),
]
Profile = Annotated[
    str,
    typer.Option(
        help="demo, laptop, colab, paper, or another that `list` shows.",
        autocompletion=completion.profiles,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Where the data sets are; default: $REPRODUCE_DATA_DIR, else a download.",
        rich_help_panel=DATA,
    ),
]
Runs = Annotated[
    Path | None,
    typer.Option(help="Where finished stages are kept; default: runs/.", rich_help_panel=OUTPUT),
]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL=FILE",
        help="A file of ImageNet weights, such as alexnet=alexnet.safetensors; repeatable. "
        "Default: a download by keras.applications.",
        autocompletion=completion.weights,
        rich_help_panel=DATA,
    ),
]
Results = Annotated[
    Path | None,
    typer.Option(
        help="Where results and report go; default: reports/results/STUDY/PROFILE.",
        rich_help_panel=OUTPUT,
    ),
]

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A Keras model (.h5, .hdf5, .keras) of images in [0, 1] (or see --range).",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="NAME|PATH",
        help=f"What to test on: {', '.join(DataSet)}; an .npz file with arrays x and y; or a "
        "folder with a folder for each class.",
        autocompletion=completion.data_sets,
        rich_help_panel=DATA,
    ),
]
SoftmaxEnd = Annotated[
    Softmax,
    typer.Option(
        help="For a model that ends in softmax, sigmoid or the like: refuse it, remove what "
        "it ends in, or keep it and treat the outputs as logits.",
        rich_help_panel=MODEL,
    ),
]
Range = Annotated[
    PixelRange,
    typer.Option(
        "--range",
        help="What the model takes: 0-1, or 0-255 for one that rescales by itself.",
        rich_help_panel=MODEL,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        parser=whole(1),
        metavar="INTEGER",
        help="Images that are attacked at once.",
        rich_help_panel=SPEED,
    ),
]
JitCompile = Annotated[
    bool, typer.Option("--jit-compile", help="Compile with XLA.", rich_help_panel=SPEED)
]
ImagesPerClass = Annotated[
    int | None,
    typer.Option(
        parser=whole(1),
        metavar="INTEGER",
        help="Images of each class, for imagenet only; default: 5.",
        rich_help_panel=DATA,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print the result alone, without progress and remarks.",
        rich_help_panel=OUTPUT,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON document.", rich_help_panel=OUTPUT),
]


def check_inputs(model: Path, source: str) -> None:
    """Raises ValueError for a model that is not there, or a text that names no data."""
    if not model.exists():
        raise ValueError(f"MODEL is {model}, which does not exist; accepted: a file")
    if source not in set(DataSet) and not Path(source).expanduser().exists():
        raise ValueError(
            f"--data is {source!r}; accepted: {', '.join(DataSet)}, an .npz file that exists, or a "
            "folder with a folder for each class"
        )


def check_is_new(path: Path | None, option: str) -> None:
    """Raises ValueError for a file that is there, or whose folder is not."""
    if path is not None and path.exists():
        raise ValueError(f"{option} is {path}, which exists; accepted: a new file")
    if path is not None and not os.access(path.absolute().parent, os.W_OK):
        raise ValueError(f"{option} is {path}; accepted: a file in a folder that can be written")


def check_is_new_folder(path: Path | None, option: str) -> None:
    """Raises ValueError for a file, a folder in which something is, or one that cannot be made."""
    if path is None:
        return
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise ValueError(f"{option} is {path}, which exists; accepted: a new folder")
    above = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise ValueError(f"{option} is {path}; accepted: a new folder, but not in {above}")


def weight_files(texts: list[str] | None) -> dict[str, Path]:
    """Files of weights by model, from texts such as "alexnet=FILE".

    Raises:
        ValueError: no model of that name, or no file.
    """
    files = {}
    for text in texts or []:
        model, equals, path = text.partition("=")
        if not equals or model not in set(choices.Model):
            raise ValueError(
                f"--weights is {text!r}; accepted: MODEL=FILE with a model of "
                f"{', '.join(choices.Model)}"
            )
        files[model] = Path(path).expanduser()
        if not files[model].is_file():
            raise ValueError(f"--weights is {text!r}; accepted: a file that exists")
    return files


def load_model(path: Path) -> "keras.Model":
    """A model from a file, which may hold layers of this project."""
    import defenses  # noqa: F401  (registers its layers)
    import models

    return models.load_checkpoint(path)
