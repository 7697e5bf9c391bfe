"""`verify`: the numbers of reports, recomputed from the outcome of every image."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import catalogue, completion, parameters
from commands.console import errors, import_tensorflow, print_json, remark, remarks, say, shown

if TYPE_CHECKING:
    from harness.verify import Verification


@errors()
def verify(
    report: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY|DIR]",
            help="A study, or the folder of a report; default: all reports in reports/results.",
            autocompletion=completion.studies,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="Of a study, this profile only; default: all.", autocompletion=completion.profiles
        ),
    ] = None,
    json: parameters.Json = False,
    quiet: parameters.Quiet = False,
) -> None:
    """Recomputes the numbers of reports from the outcome of every image, and says which differ.

    \b
    reproduce.py verify
    reproduce.py verify ntu --profile laptop
    reproduce.py verify reports/results/icbai/laptop --json

    It exits with 1 if a number differs, and lists those that cannot be recomputed.
    """
    remarks.quiet = quiet
    is_study = report in catalogue.STUDIES
    if profile is not None and not is_study:
        raise ValueError(f"--profile is {profile!r}; accepted: with a study only")
    if profile is not None:
        catalogue.check(str(report), profile)
    if report is not None and not is_study and not Path(report).is_dir():
        accepted = ", ".join(catalogue.STUDIES)
        raise ValueError(f"STUDY|DIR is {report!r}; accepted: {accepted}, or a folder that exists")
    import_tensorflow()
    from studies.verify import verify, verify_folder

    named = report is None or is_study
    every = []
    for done in verify(report, profile) if named else [verify_folder(Path(str(report)))]:
        every.append(done)
        if not json:
            _show(done)
    if json:
        print_json([_described(done) for done in every])
    else:
        _show_recorded(every)
    if any(done.differences for done in every):
        raise typer.Exit(1)


def _show(done: "Verification") -> None:
    count = len(done.differences)
    found = f"{count:,} differ{'s' if count == 1 else ''}:" if count else "all agree."
    say(f"{shown(done.folder)}: {done.recomputed:,} entries recomputed, {found}")
    for difference in done.differences:
        say(f"  {difference}")
    if not done.fits:
        remark("  Its files do not belong together; what was made of them is not recomputed.")


def _show_recorded(every: "list[Verification]") -> None:
    """What is taken as it was recorded, by reason."""
    numbers: dict[str, Counter[str]] = {}
    for done in every:
        for each in done.recorded:
            name = f"{each.column} in {each.file}"
            numbers.setdefault(each.reason, Counter())[name] += each.numbers
    if numbers:
        remark("\nNot recomputed, but taken as recorded:")
    for reason, columns in numbers.items():
        listed = ", ".join(f"{name} ({count:,})" for name, count in columns.items())
        remark(f"- {columns.total():,} numbers, each of which {reason}: {listed}")


def _described(done: "Verification") -> dict[str, Any]:
    return {
        "folder": shown(done.folder),
        "recomputed": done.recomputed,
        "differences": [vars(each) for each in done.differences],
        "recorded": [vars(each) for each in done.recorded],
    }
