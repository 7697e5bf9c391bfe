"""`attack`: a model of the user's own, on a data set."""

from pathlib import Path
from typing import Annotated

import typer

from commands import parameters
from commands.attack_options import build_attacks
from commands.attack_output import Destination, show
from commands.choices import Attack, Norm, PixelRange, Softmax
from commands.console import errors, import_tensorflow, remark, remarks

ATTACK, OPTIONS = "Attack", "Options of attacks"
AttackOption = Annotated[
    list[Attack],
    typer.Option(
        metavar="NAME",
        help=f"The attack: {', '.join(Attack)}; repeatable.",
        rich_help_panel=ATTACK,
    ),
]
EpsilonOption = Annotated[
    list[float] | None,
    typer.Option(
        "--epsilon",
        parser=parameters.number,
        metavar="NUMBER",
        help="A distance in [0, 1] pixels, such as 8/255; repeatable. Default: 8/255; for "
        "a minimum-norm attack any distance.",
        rich_help_panel=ATTACK,
    ),
]
FurtherOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="An option of the attack, such as loss=dlr; repeatable.",
        rich_help_panel=OPTIONS,
    ),
]
NormOption = Annotated[
    Norm | None, typer.Option(help="The norm of the distances.", rich_help_panel=ATTACK)
]
StepsOption = Annotated[
    int | None,
    typer.Option(
        parser=parameters.whole(1),
        metavar="INTEGER",
        help="Steps of an iterative attack.",
        rich_help_panel=OPTIONS,
    ),
]
StepSizeOption = Annotated[
    float | None,
    typer.Option(
        parser=parameters.number,
        metavar="NUMBER",
        help="The length of a step.",
        rich_help_panel=OPTIONS,
    ),
]
RestartsOption = Annotated[
    int | None,
    typer.Option(
        parser=parameters.whole(1),
        metavar="INTEGER",
        help="Runs from different random starts.",
        rich_help_panel=OPTIONS,
    ),
]
TargetOption = Annotated[
    int | None,
    typer.Option(
        parser=parameters.whole(0),
        metavar="INTEGER",
        help="Aim at this class; its own images are left out.",
        rich_help_panel=ATTACK,
    ),
]
ImagesOption = Annotated[
    int,
    typer.Option(
        parser=parameters.whole(1),
        metavar="INTEGER",
        help="How many test images are attacked.",
        rich_help_panel=parameters.DATA,
    ),
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(
        parser=parameters.number,
        metavar="NUMBER",
        help="What the logits are divided by.",
        rich_help_panel=OPTIONS,
    ),
]
PredictedLabelsOption = Annotated[
    bool,
    typer.Option(
        "--predicted-labels",
        help="Move away from the model's predictions, not the true labels.",
        rich_help_panel=ATTACK,
    ),
]
ClipOption = Annotated[
    bool | None,
    typer.Option(
        "--clip/--no-clip", help="Keep adversarial images in [0, 1].", rich_help_panel=OPTIONS
    ),
]
FoldOption = Annotated[
    bool,
    typer.Option(
        "--fold",
        help="Search in a copy with its batch normalisations folded into its weights, which is "
        "faster; the model itself judges what is found.",
        rich_help_panel=parameters.SPEED,
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        parser=parameters.whole(0),
        metavar="INTEGER",
        help="The seed of random draws.",
        rich_help_panel=OPTIONS,
    ),
]
SaveOption = Annotated[
    Path | None,
    typer.Option(
        help="Write the outcome of every image to this .npz file; of several attacks to "
        "FILE-ATTACK.npz.",
        rich_help_panel=parameters.OUTPUT,
    ),
]
SaveImagesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write PNG files of images that were right and are wrong, those nearest the median "
        "L2 distance: each before, after, and the amplified perturbation.",
        rich_help_panel=parameters.OUTPUT,
    ),
]
SavedImagesOption = Annotated[
    int,
    typer.Option(
        parser=parameters.whole(1),
        metavar="INTEGER",
        help="With --save-images: of how many images, at most, for each attack and epsilon.",
        rich_help_panel=parameters.OUTPUT,
    ),
]


@errors()
def attack(
    model: parameters.Model,
    data: parameters.Data,
    data_dir: parameters.DataDir = None,
    images: ImagesOption = 200,
    images_per_class: parameters.ImagesPerClass = None,
    attack: AttackOption = [Attack.PGD],  # noqa: B006  (Typer copies it)
    epsilon: EpsilonOption = None,
    norm: NormOption = None,
    target: TargetOption = None,
    predicted_labels: PredictedLabelsOption = False,
    steps: StepsOption = None,
    step_size: StepSizeOption = None,
    restarts: RestartsOption = None,
    temperature: TemperatureOption = None,
    clip: ClipOption = None,
    seed: SeedOption = None,
    option: FurtherOption = None,
    softmax: parameters.SoftmaxEnd = Softmax.REFUSE,
    pixel_range: parameters.Range = PixelRange.UNIT,
    batch_size: parameters.BatchSize = 128,
    jit_compile: parameters.JitCompile = False,
    fold: FoldOption = False,
    save: SaveOption = None,
    save_images: SaveImagesOption = None,
    saved_images: SavedImagesOption = 10,
    quiet: parameters.Quiet = False,
    json: parameters.Json = False,
) -> None:
    """Attacks a model of yours on a test set and prints its robust accuracy.

    \b
    reproduce.py attack model.h5 --data cifar10 --epsilon 2/255 --epsilon 8/255
    reproduce.py attack model.h5 --data mine.npz --attack fgsm --attack pgd --restarts 5
    reproduce.py attack model.h5 --data images/ --attack deepfool --norm linf --epsilon inf
    reproduce.py attack model.h5 --data mine.npz --attack autoattack --option version=rand
    reproduce.py attack model.h5 --data mnist --attack apgd --option loss=dlr --save-images seen

    Ctrl-C keeps what is finished, and says what is missing.
    """
    remarks.quiet = quiet
    parameters.check_inputs(model, data)
    destination = Destination(attack, save, save_images, saved_images, json)
    destination.check()
    import_tensorflow()
    from evaluation.own_attacks import attack_own_model
    from evaluation.own_model import find_data
    from harness.machine import machine
    from reports.progress import Bars

    given = {"norm": norm and norm.value, "steps": steps, "step_size": step_size, "seed": seed}
    given |= {"restarts": restarts, "temperature": temperature, "clip": clip, "fold": fold or None}
    chosen = build_attacks(attack, given | {"batch_size": batch_size}, option or [])
    network = parameters.load_model(model)
    dataset = find_data(data, network, data_dir=data_dir, images_per_class=images_per_class)
    remark(f"{model.name} on {dataset.name}, on {machine()}.")
    with Bars(remarks) as bars:
        attacked = attack_own_model(
            network,
            dataset,
            chosen,
            epsilon,
            images=images,
            target=target,
            pixel_range=pixel_range,
            softmax=softmax,
            predicted_labels=predicted_labels,
            progress=bars,
            jit_compile=jit_compile,
        )
    show(attacked, model.name, dataset, destination)
