"""How a study tells what measuring showed of an item of its audit: in sentences made of numbers.

An item has one part or several. Each part gives its sentences from all runs of the study: from
what the study printed, from what was measured in every place that was run, or from the verdicts
on a claim.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from harness.claims import Claim, Run, Standing, judged
from harness.results import where_run
from harness.rule import Ruling
from reports.verdicts import Part

Shown = Callable[[Sequence[Run]], str]

_SIZES = {
    Standing.PUBLISHED: "As published, ",
    Standing.REDUCED: "At a reduced size, ",
    Standing.STAND_IN: "On data that stand in for the study's, ",
}


def audited(items: Mapping[str, Sequence[Shown]], runs: Sequence[Run]) -> dict[str, str]:
    """What the parts of each item show, by the item's number."""
    return {number: " ".join(part(runs) for part in parts) for number, parts in items.items()}


def as_printed(say: Callable[[], str]) -> Shown:
    """What the printed numbers alone show."""
    return lambda runs: say()


def measured(say: Callable[..., str], *keys: Iterable[Any], needs: str) -> Shown:
    """A sentence for each place that was run, after the size of the networks.

    Args:
        say: gives the sentence from the results and one of each of `keys`, such as a case and a
            protocol; raises `evaluation.NotRun` where the place was not run.
        needs: what was not run where there is no sentence: the arms, by name.
    """

    def shown(runs: Sequence[Run]) -> str:
        said: dict[Standing, list[str]] = {}
        for run in runs:
            said.setdefault(run.standing, []).extend(where_run(partial(say, run.results), *keys))
        told = [_SIZES[size] + " ".join(each) for size, each in said.items() if each]
        return " ".join(told) or _not_run(needs)

    return shown


def claimed(claims: Sequence[Claim], *numbers: str, places: str | None = None) -> Shown:
    """How claims were judged, summed up in a sentence for each.

    Args:
        numbers: of the claims.
        places: gives, besides, the evidence of each place that has this in its name.
    """
    chosen = [claim for claim in claims if claim.id in numbers]
    if {claim.id for claim in chosen} != set(numbers):
        accepted = ", ".join(claim.id for claim in claims)
        raise ValueError(f"numbers is {numbers}; accepted: {accepted}")
    return lambda runs: " ".join(_judged(claim, runs, places) for claim in chosen)


def _judged(claim: Claim, runs: Sequence[Run], places: str | None) -> str:
    verdicts = judged([claim], runs)
    if all(verdict.outcome == Ruling.NOT_RUN for verdict in verdicts):
        return _not_run(claim.needs, f" for {claim.id}")
    summed_up = Part(claim.id, claim.statement, tuple(verdicts)).summed_up
    evidence = [
        f" {claim.id}, {f'{verdict.folder}, ' * (len(runs) > 1)}{verdict.where}: "
        f"{verdict.evidence}."
        for verdict in verdicts
        if places is not None and places in verdict.where
    ]
    return f'{claim.id} ("{claim.statement}"): {summed_up}.{"".join(evidence)}'


def _not_run(needs: str, what: str = "") -> str:
    return f"Not run here{what}: it needs {needs}."
