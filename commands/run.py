"""`run`: a study, from its data to its report."""

import errno
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from commands import catalogue, interrupt, parameters
from commands.console import console, errors, import_tensorflow, remark, remarks, say, shown


_GOES_ON = "What is finished is kept, and the same command goes on from there."
_INTERRUPTED = f"Interrupted. {_GOES_ON}"
_SECONDS_TO_END = 5.0


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
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the curves of the trainings that are run for TensorBoard.",
            rich_help_panel=parameters.OUTPUT,
        ),
    ] = None,
) -> None:
    """Trains, attacks, measures and reports; what was done before is not done again.

    \b
    reproduce.py run ntu
    reproduce.py run ntu --profile laptop --data-dir DIR --arms 'vgg16/cifar10/main/*'
    open "$(reproduce.py run icbai --quiet)"
    """
    remarks.quiet = quiet
    catalogue.check(study, profile)
    files = parameters.weight_files(weights)
    import_tensorflow()
    import tensorflow as tf

    from harness.machine import machine
    from reports.progress import Bars
    from studies.run import RUNS, run_study

    started = perf_counter()
    remark(f"On {machine()}.")
    try:
        with interrupt.soon(_SECONDS_TO_END, _INTERRUPTED), Bars(remarks) as bars:
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
            )
    except KeyboardInterrupt:
        remark(f"\n{_INTERRUPTED}")
        raise typer.Exit(130) from None
    except (OSError, MemoryError, tf.errors.ResourceExhaustedError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ValueError(f"{_short_of(error)}. {_GOES_ON}") from error
    if quiet:
        say(shown(done.page))
        return
    console.print(done.summary)
    say(f"{perf_counter() - started:.0f} s. Report: {shown(done.page)}")


def _short_of(error: Exception) -> str:
    """What there is too little of, in words."""
    if isinstance(error, OSError):
        return f"the disk is full ({error}); accepted: some space, or --runs on another disk"
    return f"there is not enough memory ({str(error).splitlines()[0]}); accepted: more of it"
