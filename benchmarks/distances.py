"""The benchmark of the minimum-norm attacks: how near they come with how many gradients.

python -m benchmarks.distances
python -m benchmarks.distances --data mnist --images 200

Every attack (`benchmarks/searches.py`) is run with ever more gradients on the images that a small
CNN classifies correctly, and so are those of Foolbox and PyTorch (adv-lib) where they are
installed. Beside distances and times stands local optimality, AttackBench's measure: how much of
the area between no attack and the best attacks an attack covers, under the curve of robust accuracy
against epsilon. The best known perturbation of an image is the smallest of all these runs and of
`attacks.best_distance`.

A full run takes about half an hour on two cores; what is measured is kept when it is interrupted.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from attacks.best_distance import best_distance  # noqa: E402
from attacks.engine.norms import distances  # noqa: E402
from benchmarks import distances_figure, libraries, networks, report  # noqa: E402
from benchmarks.networks import Network  # noqa: E402
from benchmarks.searches import NORMS, SEARCHES, Search  # noqa: E402
from evaluation.local_optimality import local_optimality  # noqa: E402

RESULTS = Path(__file__).parent / "results"
BUDGETS, QUICK_BUDGETS = (25, 50, 100, 200, 400, 800), (9, 18)
TITLES = {"linf": "L-inf", "l2": "L2", "l1": "L1", "l0": "L0"}
HOW = (
    "{images} images of {data} that a small CNN classifies correctly. The table is of a budget of "
    "{budget} gradients for an image; what was taken is the mean. Mean and median are of the "
    "images that were turned. Seconds are of one run of all images, after one that is not counted. "
    "Local optimality is 1 where an attack finds the smallest perturbation known of every image: "
    "that of all runs and of `best_distance` in {seconds:g} s. Foolbox and PyTorch (adv-lib) ran "
    "with their own settings, but no rounding to grey levels."
)

console = Console()
app = typer.Typer(
    add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)


class Data(StrEnum):
    DIGITS = "digits"
    MNIST = "mnist"


NETWORKS = {Data.DIGITS: networks.SMALL, Data.MNIST: networks.ON_MNIST}


@dataclass(frozen=True)
class Measured:
    """One attack with one budget.

    Attributes:
        gradients: that it took, the mean of the images.
        success: the share of images that it turned.
        mean, median: distances of these; `None` where there are none.
        optimality: see `evaluation.local_optimality`; `None` where it is not defined.
    """

    norm: str
    attack: str
    library: str
    budget: int
    gradients: float
    seconds: float
    success: float
    mean: float | None
    median: float | None
    optimality: float | None


@app.command()
def main(
    data: Annotated[Data, typer.Option(help="What the network is trained on.")] = Data.DIGITS,
    images: Annotated[int, typer.Option(min=1, help="How many are attacked.")] = 100,
    seconds: Annotated[float, typer.Option(min=0, help="For `best_distance` in each norm.")] = 60,
    into: Annotated[
        Path, typer.Option(help="The folder of JSON, Markdown table and figure.")
    ] = RESULTS,
    quick: Annotated[bool, typer.Option(help="Few gradients for eight images: a test.")] = False,
) -> None:
    """Measures every attack, and writes JSON, a Markdown table and a figure."""
    if quick and into == RESULTS:
        raise typer.BadParameter("--quick is given; accepted: with --into, a folder of its own")
    into.mkdir(parents=True, exist_ok=True)
    for line in libraries.missing():
        console.print(f"[yellow]{line}[/]", soft_wrap=True)
    network = networks.BUILDERS[NETWORKS[data]]()
    budgets, count, limit = (QUICK_BUDGETS, 8, 1.0) if quick else (BUDGETS, images, seconds)
    network = Network(network.model, network.images[:count], network.labels[:count])
    name = f"distances_{data}"

    def save(measured: list[Measured]) -> None:
        facts = {"data": str(data), "images": len(network.images), "best_distance_seconds": limit}
        content = {**report.machine("benchmarks.distances"), **facts}
        report.write_json(into / f"{name}.json", content | {"rows": [*map(asdict, measured)]})
        distances_figure.draw(measured, TITLES, into / f"{name}.png")
        how = HOW.format(data=data, images=count, budget=budgets[-1], seconds=limit)
        (into / f"{name}.md").write_text(as_markdown(measured, how, f"{name}.png"))

    measured = run(network, budgets, limit, save)
    console.print(report.screen_table(_HEADER, _cells(measured)))


def run(
    network: Network,
    budgets: Sequence[int],
    seconds: float,
    save: Callable[[list[Measured]], None] = lambda measured: None,
) -> list[Measured]:
    """Measures one norm after the other; `save` is called with all that has been measured."""
    views = {name: kind(network.model) for name, kind in libraries.available().items()}
    measured: list[Measured] = []
    for norm in NORMS:
        data = network.model, network.images, network.labels
        best = best_distance(*data, norm, seconds=seconds).distances
        runs: list[tuple[Search, int, float, float, np.ndarray]] = []
        for search in SEARCHES:
            if search.norm != norm or not (search.make or search.library in views):
                continue
            with console.status(f"{norm}, {search.name}"):
                attack(search, budgets[0], views, network)  # compiles
                runs += [
                    (search, budget, *timed(search, budget, views, network)) for budget in budgets
                ]
        best = np.minimum(best, np.min([found for *_, found in runs], axis=0))
        measured += [summed_up(*each, best) for each in runs]
        save(measured)
    return measured


def timed(search: Search, budget: int, views: dict[str, Any], network: Network):
    """Gradients for an image, seconds, and the distances [N], infinite where nothing was found."""
    started = perf_counter()
    crafted, gradients = attack(search, budget, views, network)
    seconds = perf_counter() - started
    turned = network.model.predict(crafted, verbose=0).argmax(axis=1) != network.labels
    found = distances(crafted - network.images)[search.norm]
    return gradients, seconds, np.where(turned, found, np.inf)


def attack(
    search: Search, budget: int, views: dict[str, Any], network: Network
) -> tuple[np.ndarray, float]:
    """The adversarial images, and the gradients that each took in the mean."""
    if search.make:
        result = search.make(budget)(network.model, network.images, network.labels)
        return result.images, float(result.gradient_evaluations.mean())
    method = getattr(views[search.library], search.method)
    return method(network.images, network.labels, steps=budget, **search.arguments), budget


def summed_up(
    search: Search, budget: int, gradients: float, seconds: float, found: np.ndarray, best
) -> Measured:
    turned = found[np.isfinite(found)]
    optimality = local_optimality(found, best)
    return Measured(
        search.norm,
        search.attack,
        search.library,
        budget,
        gradients,
        seconds,
        success=len(turned) / len(found),
        mean=float(turned.mean()) if len(turned) else None,
        median=float(np.median(turned)) if len(turned) else None,
        optimality=None if np.isnan(optimality) else optimality,
    )


def as_markdown(measured: Sequence[Measured], how: str, figure: str) -> str:
    parts = [
        "# Distances of the minimum-norm attacks",
        report.where_and_when(report.machine("benchmarks.distances")),
        how,
        f"![Local optimality against gradients for an image, by norm]({figure})",
        report.markdown(_HEADER, _cells(measured)),
    ]
    return "\n\n".join(parts) + "\n"


_HEADER = [
    "norm", "attack", "library", "gradients", "success", "mean", "median", "optimality", "seconds"
]  # fmt: skip


def _cells(measured: Sequence[Measured]) -> list[list[str]]:
    """Of the largest budget; the JSON has all."""
    largest = max(each.budget for each in measured)
    return [
        [
            TITLES[each.norm],
            each.attack,
            each.library,
            f"{each.gradients:.0f}",
            f"{each.success:.0%}",
            *(
                "-" if figure is None else f"{figure:.3f}"
                for figure in (each.mean, each.median, each.optimality)
            ),
            f"{each.seconds:.1f}",
        ]
        for each in measured
        if each.budget == largest
    ]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the other libraries give many
    sys.exit(app())
