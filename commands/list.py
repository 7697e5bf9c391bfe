"""`list`: the studies, or the networks and arms of one, and what of them has run."""

from typing import Annotated

import typer

from commands import catalogue, completion, parameters
from commands.console import errors, import_tensorflow
from commands.list_output import show_forecast, show_studies


@errors()
def list_studies(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY", help="List the arms of this study.", autocompletion=completion.studies
        ),
    ] = None,
    profile: parameters.Profile = "demo",
    weights: parameters.Weights = None,
    runs: parameters.Runs = None,
    json: parameters.Json = False,
) -> None:
    """The studies and their profiles; of one study what has run, and the time left.

    \b
    reproduce.py list
    reproduce.py list ntu --profile laptop
    reproduce.py list wpi --json
    """
    if study is None:
        show_studies(json)
        return
    catalogue.check(study, profile)
    files = parameters.weight_files(weights)
    import_tensorflow()
    from harness.forecast import forecast
    from harness.plan import plan
    from harness.runner import Runner
    from harness.store import Store
    from studies import STUDIES
    from studies.run import RUNS

    chosen = STUDIES[study]
    runner = Runner(Store(runs or RUNS), weights=files)
    ahead = forecast(plan(chosen, chosen.profile(profile)), runner)
    show_forecast(ahead, study, profile, json)
