"""`export`: trained networks of a study, as files with model cards."""

from pathlib import Path
from typing import Annotated

import typer

from commands import catalogue, parameters
from commands.choices import Format, Procedure, Protocol
from commands.console import errors, import_tensorflow, say, shown


@errors()
def export(
    study: parameters.Study,
    network: Annotated[
        list[str],
        typer.Option(
            help="CASE/ROLE, for example papernot_cnn/cifar10/student, or a pattern such as "
            "'vgg16/cifar10/*'; repeatable."
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(help="A file (.h5, .keras, .onnx, .tflite) or, for several, a folder."),
    ],
    profile: parameters.Profile = "demo",
    format: Annotated[
        Format | None,
        typer.Option(help="The format of the files; default: that of --to, or h5 in a folder."),
    ] = None,
    procedure: Annotated[
        Procedure | None,
        typer.Option(help="The distillation procedure; default: the study's own if it is there."),
    ] = None,
    protocol: Annotated[
        Protocol, typer.Option(help="The protocol, of a network that there is in both.")
    ] = Protocol.FAITHFUL,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that exist.")
    ] = False,
    data_dir: parameters.DataDir = None,
    weights: parameters.Weights = None,
    runs: parameters.Runs = None,
) -> None:
    """Writes trained networks (they give logits) with a model card beside each.

    \b
    reproduce.py export ntu --network papernot_cnn/cifar10/student --to student.h5
    reproduce.py export wpi --network 'wpi_cnn/mnist/*' --format onnx --to networks
    """
    catalogue.check(study, profile)
    file_format = _format(to, format)
    files = parameters.weight_files(weights)
    import_tensorflow()
    from studies.export import export_networks
    from studies.run import RUNS

    written = export_networks(
        study,
        network,
        to,
        file_format=file_format,
        profile=profile,
        procedure=procedure,
        protocol=protocol,
        overwrite=overwrite,
        data_dir=data_dir,
        weights=files,
        runs=runs or RUNS,
    )
    for title, file in written:
        say(f"{title}: {shown(file)}, card: {shown(file)}.md")


def _format(to: Path, chosen: Format | None) -> Format:
    """That of a file, or what was chosen for those in a folder."""
    if to.is_dir() or not to.suffix:
        return chosen or Format.H5
    named = to.suffix.removeprefix(".")
    if named not in set(Format):
        raise ValueError(f"--to is {to}; accepted: a folder, or a file in .{', .'.join(Format)}")
    if chosen not in (None, named):
        raise ValueError(f"--format is {chosen} with --to {to}; accepted: {named}, or a folder")
    return Format(named)
