"""`attack`: a model of the user's own, on a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import parameters
from commands.attack_options import build_attack
from commands.choices import Attack, Norm, PixelRange, Softmax
from commands.console import console, errors, import_tensorflow, say, shown

if TYPE_CHECKING:
    import attacks
    from evaluation import Outcomes
    from evaluation.own_model import Evaluation

AttackOption = Annotated[
    Attack, typer.Option(metavar="NAME", help=f"The attack: {', '.join(Attack)}.")
]
EpsilonOption = Annotated[
    list[float] | None,
    typer.Option(
        "--epsilon",
        parser=parameters.number,
        metavar="NUMBER",
        help="A distance in [0, 1] pixels, such as 8/255; repeatable. Default: 8/255; for "
        "a minimum-norm attack any distance.",
    ),
]
FurtherOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE", help="An option of the attack, such as loss=dlr; repeatable."
    ),
]
NormOption = Annotated[Norm | None, typer.Option(help="The norm of the distances.")]
StepsOption = Annotated[int | None, typer.Option(help="Steps of an iterative attack.")]
StepSizeOption = Annotated[
    float | None,
    typer.Option(parser=parameters.number, metavar="NUMBER", help="The length of a step."),
]
RestartsOption = Annotated[int | None, typer.Option(help="Runs from different random starts.")]
TargetOption = Annotated[
    int | None, typer.Option(help="Aim at this class; its own images are left out.")
]
ImagesOption = Annotated[int, typer.Option(help="How many test images are attacked.")]
TemperatureOption = Annotated[float | None, typer.Option(help="What the logits are divided by.")]
PredictedLabelsOption = Annotated[
    bool,
    typer.Option(
        "--predicted-labels", help="Move away from the model's predictions, not the true labels."
    ),
]
ClipOption = Annotated[
    bool | None, typer.Option("--clip/--no-clip", help="Keep adversarial images in [0, 1].")
]
SeedOption = Annotated[int | None, typer.Option(help="The seed of random draws.")]
SaveOption = Annotated[
    Path | None, typer.Option(help="Write the outcome of every image to this .npz file.")
]


@errors()
def attack(
    model: parameters.Model,
    data: parameters.Data,
    attack: AttackOption = Attack.PGD,
    epsilon: EpsilonOption = None,
    option: FurtherOption = None,
    norm: NormOption = None,
    steps: StepsOption = None,
    step_size: StepSizeOption = None,
    restarts: RestartsOption = None,
    target: TargetOption = None,
    images: ImagesOption = 200,
    temperature: TemperatureOption = None,
    softmax: parameters.SoftmaxEnd = Softmax.REFUSE,
    pixel_range: parameters.Range = PixelRange.UNIT,
    predicted_labels: PredictedLabelsOption = False,
    clip: ClipOption = None,
    seed: SeedOption = None,
    batch_size: parameters.BatchSize = 128,
    jit_compile: parameters.JitCompile = False,
    data_dir: parameters.DataDir = None,
    images_per_class: parameters.ImagesPerClass = None,
    save: SaveOption = None,
) -> None:
    """Attacks a model of yours on a test set and prints its robust accuracy."""
    parameters.check_inputs(model, data)
    parameters.check_is_new(save, "--save")
    import_tensorflow()
    from evaluation.own_model import evaluate_own_model, find_data
    from reports.progress import Bars

    given = {
        "norm": norm and norm.value,
        "steps": steps,
        "step_size": step_size,
        "restarts": restarts,
        "temperature": temperature,
        "clip": clip,
        "seed": seed,
        "batch_size": batch_size,
    }
    chosen = build_attack(attack, given, option or [])
    network = parameters.load_model(model)
    dataset = find_data(data, network, data_dir=data_dir, images_per_class=images_per_class)
    with Bars(console) as bars, bars.stage(f"{attack} on {model.name}") as update:
        evaluation = evaluate_own_model(
            network,
            dataset,
            chosen,
            epsilon,
            images=images,
            target=target,
            pixel_range=pixel_range,
            softmax=softmax,
            predicted_labels=predicted_labels,
            progress=lambda done, count: update(done / count, f"{done} of {count} images"),
            jit_compile=jit_compile,
        )
    _show(evaluation, chosen, target is not None)
    if save is not None:
        _save(evaluation.outcomes, save)


def _show(evaluation: "Evaluation", attack: "attacks.Attack", targeted: bool) -> None:
    from reports.own_model import accuracy_table

    console.print(accuracy_table(evaluation.outcomes, attack, targeted))
    for sentence in evaluation.sentences:
        say(sentence)


def _save(outcomes: "Outcomes", path: Path) -> None:
    outcomes.save(path)
    say(f"Outcomes of {len(outcomes.labels)} images: {shown(path)}")
