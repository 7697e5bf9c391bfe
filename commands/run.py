"""`run`: a study, from its data to its report."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from commands import catalogue, parameters, spread
from commands.choices import Precision
from commands.console import console, errors, import_tensorflow, remark, remarks, say, shown
from commands.resumable import resumable

DeterministicOption = Annotated[
    bool,
    typer.Option(
        "--deterministic",
        help="Use only operations that give the same bits in every run, which matters on GPUs. "
        "What was run without them is run again.",
    ),
]
TensorboardOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write the curves of the trainings that are run for TensorBoard.",
        rich_help_panel=parameters.OUTPUT,
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        help="What networks are trained in: mixed_float16 is faster on GPUs with tensor cores, "
        "mixed_bfloat16 on CPUs with AVX-512 BF16. They are attacked in float32. What was trained "
        "in another precision is trained again.",
    ),
]


@errors()
def run(
    study: parameters.Study,
    profile: parameters.Profile = "demo",
    arms: Annotated[
        str, typer.Option(help="Run the arms whose name matches this pattern; see `list STUDY`.")
    ] = "*",
    data_dir: parameters.DataDir = None,
    weights: parameters.Weights = None,
    runs: parameters.Runs = None,
    results: parameters.Results = None,
    quiet: parameters.Quiet = False,
    deterministic: DeterministicOption = False,
    tensorboard: TensorboardOption = None,
    precision: PrecisionOption = Precision.FLOAT32,
    mirrored: spread.Mirrored = False,
    on: spread.On = spread.Place.HERE,
    address: spread.Address = None,
    cpus_per_stage: spread.CpusPerStage = None,
    gpus_per_stage: spread.GpusPerStage = None,
) -> None:
    """Trains, attacks, measures and reports; what was done before is not done again.

    \b
    reproduce.py run ntu
    reproduce.py run wpi --profile laptop --data-dir DIR --arms 'wpi_cnn/mnist*' --results mine
    reproduce.py run ntu --profile paper --data-dir DIR --runs DIR --on ray --address auto
    open "$(reproduce.py run icbai --quiet)"
    """
    remarks.quiet = quiet
    catalogue.check(study, profile)
    files = parameters.weight_files(weights)
    where = spread.Spread(on, address, cpus_per_stage, gpus_per_stage, mirrored)
    import_tensorflow()
    from harness.determinism import make_deterministic
    from harness.machine import machine
    from reports.progress import Bars
    from studies.run import RUNS, run_study

    if deterministic:
        make_deterministic()
    started = perf_counter()
    remark(f"On {machine()}.")
    with resumable(), Bars(remarks) as bars:
        done = run_study(
            study,
            profile,
            arms=arms,
            data_dir=data_dir,
            weights=files,
            runs=runs or RUNS,
            directory=results,
            progress=bars,
            tensorboard=tensorboard,
            mirrored=mirrored,
            precision=precision.value,
            execute=where.execute,
        )
    if quiet:
        say(shown(done.page))
        return
    console.print(done.summary)
    say(f"{perf_counter() - started:.0f} s. Report: {shown(done.page)}")
