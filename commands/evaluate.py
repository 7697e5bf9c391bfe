"""`evaluate`: how robust a model of the user's own is, as a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import parameters
from commands.choices import AutoAttackVersion, BudgetNorm, PixelRange, Softmax
from commands.console import (
    console,
    errors,
    import_tensorflow,
    print_json,
    remark,
    remarks,
    say,
    shown,
)

if TYPE_CHECKING:  # which would import TensorFlow
    from evaluation.own_model import OwnRobustness

ATTACKS = "Attacks"
EpsilonOption = Annotated[
    float | None,
    typer.Option(
        "--epsilon",
        parser=parameters.number,
        metavar="NUMBER",
        help="The budget, a distance in [0, 1] pixels. Default: 8/255; for --norm l2 0.5.",
        rich_help_panel=ATTACKS,
    ),
]
NormOption = Annotated[
    BudgetNorm, typer.Option(help="The norm of the budget.", rich_help_panel=ATTACKS)
]
ImagesOption = Annotated[
    int,
    typer.Option(
        parser=parameters.whole(1),
        metavar="INTEGER",
        help="How many test images are attacked; drawn at random where it has more.",
        rich_help_panel=parameters.DATA,
    ),
]
AutoAttackImagesOption = Annotated[
    int,
    typer.Option(
        "--autoattack-images",
        parser=parameters.whole(0),
        metavar="INTEGER",
        help="How many of them AutoAttack is run on.",
        rich_help_panel=ATTACKS,
    ),
]
AutoAttackVersionOption = Annotated[
    AutoAttackVersion,
    typer.Option(
        "--autoattack-version",
        help="Which AutoAttack: plus takes longer, rand is for models that are random at "
        "inference.",
        rich_help_panel=ATTACKS,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        parser=parameters.whole(0),
        metavar="INTEGER",
        help="The seed of the choice of images and of attacks.",
        rich_help_panel=ATTACKS,
    ),
]
ToOption = Annotated[
    Path | None,
    typer.Option(
        help="A new folder for the page and its JSON. Default: MODEL-robustness.",
        rich_help_panel=parameters.OUTPUT,
    ),
]


@errors()
def evaluate(
    model: parameters.Model,
    data: parameters.Data,
    data_dir: parameters.DataDir = None,
    images: ImagesOption = 500,
    images_per_class: parameters.ImagesPerClass = None,
    epsilon: EpsilonOption = None,
    norm: NormOption = BudgetNorm.LINF,
    autoattack_images: AutoAttackImagesOption = 100,
    autoattack_version: AutoAttackVersionOption = AutoAttackVersion.STANDARD,
    seed: SeedOption = 0,
    softmax: parameters.SoftmaxEnd = Softmax.REFUSE,
    pixel_range: parameters.Range = PixelRange.UNIT,
    batch_size: parameters.BatchSize = 128,
    jit_compile: parameters.JitCompile = False,
    to: ToOption = None,
    quiet: parameters.Quiet = False,
    json: parameters.Json = False,
) -> None:
    """Attacks a model of yours in many ways: a page on what is left, and whether to trust it.

    \b
    reproduce.py evaluate model.keras --data cifar10
    reproduce.py evaluate model.h5 --data mine.npz --norm l2 --epsilon 0.5 --to page
    reproduce.py evaluate model.h5 --data images/ --softmax remove --json > robustness.json
    """
    remarks.quiet = quiet
    folder = Path(f"{model.stem}-robustness") if to is None else to
    parameters.check_inputs(model, data)
    parameters.check_is_new_folder(folder, "--to")
    import_tensorflow()
    from evaluation.own_model import evaluate_own_robustness, find_data
    from harness.machine import machine
    from reports.progress import Bars
    from reports.robustness_page import Setting, build_page, numbers_of

    network = parameters.load_model(model)
    dataset = find_data(data, network, data_dir=data_dir, images_per_class=images_per_class)
    remark(f"On {machine()}.")
    with Bars(remarks) as bars:
        own = evaluate_own_robustness(
            network,
            dataset,
            epsilon=epsilon,
            norm=norm,
            images=images,
            autoattack_images=autoattack_images,
            autoattack_version=autoattack_version.value,
            pixel_range=pixel_range,
            softmax=softmax,
            seed=seed,
            batch_size=batch_size,
            progress=bars,
            jit_compile=jit_compile,
        )
    setting = Setting(model.name, dataset.name, dataset.class_names, tuple(own.notes))
    page = build_page(own.robustness, setting, folder)
    if json:
        print_json(numbers_of(own.robustness, setting) | {"page": str(page)})
    elif quiet:
        say(shown(page))
    else:
        _show(own, page)


def _show(own: "OwnRobustness", page: Path) -> None:
    """The table, what goes with it, the three sentences, and where the page is."""
    from reports.own_model import ROBUSTNESS_NOTE, log_lines, robustness_table

    console.print(robustness_table(own.robustness))
    logged = log_lines(own.robustness.arms)
    for line in (ROBUSTNESS_NOTE, *logged, *own.notes, *own.robustness.sentences):
        say(line)
    say(f"Page: {shown(page)}")
