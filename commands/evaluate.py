"""`evaluate`: how robust a model of the user's own is, as a page."""

from pathlib import Path
from typing import Annotated

import typer

from commands import parameters
from commands.choices import BudgetNorm, PixelRange, Softmax
from commands.console import console, errors, import_tensorflow, say, shown

EpsilonOption = Annotated[
    float | None,
    typer.Option(
        "--epsilon",
        parser=parameters.number,
        metavar="NUMBER",
        help="The budget, a distance in [0, 1] pixels. Default: 8/255; for --norm l2 0.5.",
    ),
]
NormOption = Annotated[BudgetNorm, typer.Option(help="The norm of the budget.")]
ImagesOption = Annotated[
    int, typer.Option(help="How many test images are attacked; drawn at random where it has more.")
]
AutoAttackImagesOption = Annotated[
    int, typer.Option("--autoattack-images", help="How many of them AutoAttack is run on.")
]
SeedOption = Annotated[int, typer.Option(help="The seed of the choice of images and of attacks.")]
ToOption = Annotated[
    Path | None,
    typer.Option(help="A new folder for the page and its JSON. Default: MODEL-robustness."),
]


@errors()
def evaluate(
    model: parameters.Model,
    data: parameters.Data,
    epsilon: EpsilonOption = None,
    norm: NormOption = BudgetNorm.LINF,
    images: ImagesOption = 500,
    autoattack_images: AutoAttackImagesOption = 100,
    softmax: parameters.SoftmaxEnd = Softmax.REFUSE,
    pixel_range: parameters.Range = PixelRange.UNIT,
    seed: SeedOption = 0,
    batch_size: parameters.BatchSize = 128,
    jit_compile: parameters.JitCompile = False,
    data_dir: parameters.DataDir = None,
    images_per_class: parameters.ImagesPerClass = None,
    to: ToOption = None,
) -> None:
    """Attacks a model of yours in many ways: a page on what is left, and whether to trust it."""
    parameters.check_inputs(model, data)
    import_tensorflow()
    from evaluation.own_model import evaluate_own_robustness, find_data
    from reports.own_model import robustness_table
    from reports.progress import Bars
    from reports.robustness_page import Setting, build_page, check_is_new

    folder = Path(f"{model.stem}-robustness") if to is None else to
    check_is_new(folder)
    network = parameters.load_model(model)
    dataset = find_data(data, network, data_dir=data_dir, images_per_class=images_per_class)
    with Bars(console) as bars:
        own = evaluate_own_robustness(
            network,
            dataset,
            epsilon=epsilon,
            norm=norm,
            images=images,
            autoattack_images=autoattack_images,
            pixel_range=pixel_range,
            softmax=softmax,
            seed=seed,
            batch_size=batch_size,
            progress=bars,
            jit_compile=jit_compile,
        )
    setting = Setting(model.name, dataset.name, dataset.class_names, tuple(own.notes))
    page = build_page(own.robustness, setting, folder)
    console.print(robustness_table(own.robustness))
    for sentence in (*own.notes, *own.robustness.sentences):
        say(sentence)
    say(f"Page: {shown(page)}")
