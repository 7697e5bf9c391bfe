"""`report`: the pages of a finished run, made again."""

from commands import catalogue, parameters
from commands.console import errors, import_tensorflow, say, shown


@errors()
def report(
    study: parameters.Study,
    profile: parameters.Profile = "demo",
    results: parameters.Results = None,
) -> None:
    """Makes the tables, figures and pages of a finished run again."""
    catalogue.check(study, profile)
    import_tensorflow()
    from studies.run import report_study

    say(f"Report: {shown(report_study(study, profile, directory=results))}")
