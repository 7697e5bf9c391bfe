"""`export`: a trained network of a study, as a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from commands import catalogue, parameters
from commands.choices import Procedure, Protocol
from commands.console import errors, import_tensorflow, say


@errors()
def export(
    study: parameters.Study,
    network: Annotated[
        str, typer.Option(help="case/role, for example papernot_cnn/cifar10/student.")
    ],
    to: Annotated[Path, typer.Option(help="The file to write, .h5 or .keras.")],
    profile: parameters.Profile = "demo",
    procedure: Annotated[
        Procedure | None,
        typer.Option(help="The distillation procedure; default: the study's own if it is there."),
    ] = None,
    protocol: Annotated[
        Protocol, typer.Option(help="The protocol, of a network that there is in both.")
    ] = Protocol.FAITHFUL,
    overwrite: bool = False,
    data_dir: parameters.DataDir = None,
    weights: parameters.Weights = None,
    runs: parameters.Runs = None,
) -> None:
    """Writes a trained network (it gives logits) as a checkpoint for plain Keras."""
    catalogue.check(study, profile)
    import_tensorflow()
    from studies.export import export_network
    from studies.run import RUNS

    title, written = export_network(
        study,
        network,
        to,
        profile=profile,
        procedure=procedure,
        protocol=protocol,
        overwrite=overwrite,
        data_dir=data_dir,
        weights=parameters.weight_files(weights),
        runs=runs or RUNS,
    )
    say(f"{title}: {written}")
