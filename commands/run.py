"""`run`: a study, from its data to its report."""

from time import perf_counter
from typing import Annotated

import typer

from commands import catalogue, parameters
from commands.console import console, errors, import_tensorflow, say, shown


@errors()
def run(
    study: parameters.Study,
    profile: parameters.Profile = "demo",
    data_dir: parameters.DataDir = None,
    arms: Annotated[
        str, typer.Option(help="Run the arms whose name matches this pattern; see `list STUDY`.")
    ] = "*",
    weights: parameters.Weights = None,
    runs: parameters.Runs = None,
    results: parameters.Results = None,
) -> None:
    """Trains, attacks, measures and reports; what was done before is not done again."""
    catalogue.check(study, profile)
    import_tensorflow()
    from reports.progress import Bars
    from studies.run import RUNS, run_study

    started = perf_counter()
    try:
        with Bars(console) as bars:
            done = run_study(
                study,
                profile,
                arms=arms,
                data_dir=data_dir,
                weights=parameters.weight_files(weights),
                runs=runs or RUNS,
                directory=results,
                progress=bars,
            )
    except KeyboardInterrupt:
        say("\nInterrupted. Finished stages are kept; the same command goes on from here.")
        raise typer.Exit(130) from None
    console.print(done.summary)
    say(f"{perf_counter() - started:.0f} s. Report: {shown(done.page)}")
