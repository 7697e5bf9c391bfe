"""Arguments that several commands have, and what their texts mean."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.choices import DataSet, PixelRange, Softmax

if TYPE_CHECKING:
    import keras

Study = Annotated[str, typer.Argument(help="A study, for example ntu.")]
Profile = Annotated[str, typer.Option(help="demo, laptop, paper, or another that `list` shows.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Where the data sets are; default: $REPRODUCE_DATA_DIR, else a download."),
]
Runs = Annotated[Path | None, typer.Option(help="Where finished stages are kept; default: runs/.")]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL=FILE",
        help="A file of ImageNet weights, such as alexnet=alexnet.safetensors; repeatable. "
        "Default: a download by keras.applications.",
    ),
]
Results = Annotated[
    Path | None,
    typer.Option(help="Where results and report go; default: reports/results/STUDY/PROFILE."),
]

Model = Annotated[
    Path,
    typer.Argument(help="A Keras model (.h5, .hdf5, .keras) of images in [0, 1] (or see --range)."),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="NAME|PATH",
        help=f"What to test on: {', '.join(DataSet)}; an .npz file with arrays x and y; or a "
        "folder with a folder for each class.",
    ),
]
SoftmaxEnd = Annotated[
    Softmax,
    typer.Option(
        help="For a model that ends in softmax, sigmoid or the like: refuse it, remove what "
        "it ends in, or keep it and treat the outputs as logits."
    ),
]
Range = Annotated[
    PixelRange,
    typer.Option(
        "--range", help="What the model takes: 0-1, or 0-255 for one that rescales by itself."
    ),
]
BatchSize = Annotated[int, typer.Option(help="Images that are attacked at once.")]
JitCompile = Annotated[bool, typer.Option("--jit-compile", help="Compile with XLA.")]
ImagesPerClass = Annotated[
    int | None, typer.Option(help="Images of each class, for imagenet only; default: 5.")
]


def number(text: str) -> float:
    """A number or a fraction: 0.03, 8/255.

    Raises:
        typer.BadParameter: a text that is neither.
    """
    try:
        return float(Fraction(text.replace(" ", ""))) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(
            f"{text!r}; accepted: a number or a fraction such as 8/255"
        ) from None


def check_inputs(model: Path, source: str) -> None:
    """Raises ValueError for a model that is not there, or a text that names no data."""
    if not model.exists():
        raise ValueError(f"{model} does not exist")
    if source not in set(DataSet) and not Path(source).expanduser().exists():
        raise ValueError(
            f"--data is {source!r}; accepted: {', '.join(DataSet)}, an .npz file that exists, or a "
            "folder with a folder for each class"
        )


def check_is_new(path: Path | None, option: str) -> None:
    """Raises ValueError for a file that is there, or whose folder is not."""
    if path is not None and path.exists():
        raise ValueError(f"{option} is {path}, which exists; accepted: a new file")
    if path is not None and not path.absolute().parent.is_dir():
        raise ValueError(f"{option} is {path}; accepted: a file in a folder that exists")


def weight_files(texts: list[str] | None) -> dict[str, Path]:
    """Files of weights by model, from texts such as "alexnet=FILE"."""
    import models

    files = {}
    for text in texts or []:
        model, equals, path = text.partition("=")
        if not equals or model not in models.NAMES:
            raise ValueError(
                f"--weights is {text!r}; accepted: MODEL=FILE with a model of "
                f"{', '.join(models.NAMES)}"
            )
        files[model] = Path(path).expanduser()
    return files


def load_model(path: Path) -> "keras.Model":
    """A model from a file, which may hold layers of this project."""
    import defenses  # noqa: F401  (registers its layers)
    import models

    return models.load_checkpoint(path)
