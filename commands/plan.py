"""`plan`: what a run would take, before anything starts."""

from pathlib import Path
from typing import Annotated

import typer

from commands import catalogue, parameters
from commands.console import errors, import_tensorflow
from commands.plan_output import show_plan


@errors()
def plan(
    study: parameters.Study,
    profile: parameters.Profile = "demo",
    arms: Annotated[
        str, typer.Option(help="Plan the arms whose name matches this pattern; see `list STUDY`.")
    ] = "*",
    rate: Annotated[
        float | None,
        typer.Option(
            parser=parameters.positive,
            metavar="TFLOPS",
            help="What your GPU sustains, in 10^12 operations a second, for the time on it.",
            rich_help_panel=parameters.SPEED,
        ),
    ] = None,
    weights: parameters.Weights = None,
    runs: parameters.Runs = None,
    json: parameters.Json = False,
) -> None:
    """What a run would take: stages, operations, time, memory and disk. Nothing is started.

    \b
    reproduce.py plan ntu --profile paper
    reproduce.py plan icbai --profile colab --rate 8
    reproduce.py plan wpi --profile laptop --json
    """
    catalogue.check(study, profile)
    files = parameters.weight_files(weights)
    import_tensorflow()
    from harness.cost import cost_of, measured_rate
    from harness.plan import plan as plan_of_study
    from harness.runner import Runner
    from harness.store import Store
    from studies import STUDIES
    from studies.run import RUNS

    chosen = STUDIES[study]
    todo = plan_of_study(chosen, chosen.profile(profile), arms)
    runner = Runner(Store(Path(runs or RUNS)), weights=files)
    runner.recall_data()
    left = [stage for stage in todo.stages if not runner.is_known_and_there(stage)]
    show_plan(
        f"{study}, profile {profile}",
        todo.stages,
        [cost_of(stage) for stage in left],
        measured_rate() if left else None,
        rate,
        json,
    )
