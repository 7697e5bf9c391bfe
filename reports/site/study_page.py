"""What the page of a study shows: finding, claims, published against measured, audit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from harness.claims import Run, Standing, Verdict, learned
from harness.rule import Ruling
from harness.study import KeyFinding, Study
from reports.compare import Status, compare
from reports.site import prose
from reports.site.published import Number, by_table, numbers
from reports.tables import cost
from reports.verdicts import Part, by_claim, verdicts_of

_AGAINST = (Ruling.REFUTED, Ruling.NO_DIFFERENCE)
_FIRM = (Ruling.CONFIRMED, *_AGAINST)
#: What came of a claim, over all places in which it was judged.
UPSHOTS = (
    "Held",
    "Held where it was decided",
    "Held in some places and not in others",
    "Held nowhere",
    "Not decided",
)
SCALES = {Standing.PUBLISHED: "as published", Standing.REDUCED: "at reduced size"}


@dataclass(frozen=True)
class AuditItem:
    """What is wrong with a study, and what measuring it showed, if anything did."""

    id: str
    severity: str
    text: str
    measured: str

    @property
    def in_short(self) -> str:
        """The first two sentences of what measuring showed."""
        return f"{'. '.join(self.measured.split('. ')[:2]).removesuffix('.')}."

    @property
    def meaning(self) -> str:
        return prose.SEVERITIES.get(self.severity, "")


@dataclass(frozen=True)
class StudyPage:
    """All that is shown of one study.

    Attributes:
        runs: on the study's own data.
        finding: what they come to, or `None`.
        claims: the parts of each claim, with their verdicts.
        notes: by id, what the notes on the claims say.
        numbers: all that it printed.
        comparisons: by the folder of a run, see `reports.compare.compare`.
    """

    study: Study
    runs: Sequence[Run]
    finding: KeyFinding | None
    claims: Sequence[Sequence[Part]]
    notes: Mapping[str, str]
    numbers: Sequence[Number]
    audit: Sequence[AuditItem]
    comparisons: Mapping[str, pd.DataFrame]

    @property
    def short(self) -> str:
        """Its name where there is little room."""
        name = self.study.name.split("_")[0]
        return name.upper() if len(name) < 6 else name.capitalize()

    @property
    def ids(self) -> list[str]:
        """Of everything on the page that others link to."""
        parts = [part.id for parts in self.claims for part in parts]
        whole = [claim_id(parts) for parts in self.claims]
        return [*dict.fromkeys(parts + whole), *(item.id for item in self.audit)]

    @cached_property
    def tables(self) -> dict[str, list[Number]]:
        """The printed results, by table; without settings and background."""
        return by_table([number for number in self.numbers if number.is_result])

    @cached_property
    def settings(self) -> list[Number]:
        return [number for number in self.numbers if not number.is_result]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many printed results there are of each outcome."""
        counts = Counter(number.outcome for number in self.numbers if number.is_result)
        return {str(status): counts[status] for status in Status if counts[status]}

    @property
    def rulings(self) -> dict[str, int]:
        """How many claims and parts of claims have each verdict; "mixed" where places differ."""
        counts = Counter(ruling_of(part) for parts in self.claims for part in parts)
        return {each: counts[each] for each in (*map(str, Ruling), "mixed") if counts[each]}

    @property
    def scale(self) -> str:
        """How near to the study its runs are."""
        scales = [*dict.fromkeys(SCALES[run.standing] for run in self.runs)]
        return scales[0] if len(scales) == 1 else ", ".join(f"partly {each}" for each in scales)

    @property
    def hours(self) -> float:
        """Of training and of crafting attacks, on the machines of the runs."""
        return sum(sum(cost(run.results).values()) for run in self.runs) / 60

    @cached_property
    def upshot(self) -> dict[str, list[Part]]:
        """The parts of its claims, by what came of them."""
        every = [part for parts in self.claims for part in parts]
        return {each: [part for part in every if _upshot_of(part) == each] for each in UPSHOTS}


def gathered(study: Study, runs: Sequence[Run]) -> StudyPage:
    """Works out all of a study's page."""
    claims = by_claim(verdicts_of(study, runs))
    published = study.folder.parent / "published"
    notes = prose.items(published / "claims.md")
    measured = study.audit(learned(runs))
    comparisons = {run.folder: compare(study, run.results) for run in runs}
    prefix = claim_id(claims[0]).split("-")[0]
    return StudyPage(
        study=study,
        runs=runs,
        finding=study.key_finding(learned(runs)),
        claims=claims,
        notes={id: text for id, (_, text) in notes.items()},
        numbers=numbers(study, comparisons),
        comparisons=comparisons,
        audit=[
            AuditItem(id, severity, text, measured.get(id, ""))
            for id, (severity, text) in prose.items(published / "audit.md").items()
            if id.startswith(f"{prefix}-")
        ],
    )


def _upshot_of(part: Part) -> str:
    outcomes = {verdict.outcome for verdict in part.verdicts}
    everywhere, in_part, mixed, nowhere, undecided = UPSHOTS
    if outcomes.isdisjoint(_FIRM):
        return undecided
    if Ruling.CONFIRMED not in outcomes:
        return nowhere
    if not outcomes.isdisjoint(_AGAINST):
        return mixed
    return everywhere if outcomes == {Ruling.CONFIRMED} else in_part


def against(part: Part) -> Verdict:
    """The first verdict that speaks against a claim."""
    return next(each for each in part.verdicts if each.outcome in _AGAINST)


def claim_id(parts: Sequence[Part]) -> str:
    """Of a whole claim: "NTU-10" of the parts "NTU-10a" and "NTU-10b"."""
    first = parts[0].id
    return first.rstrip("abcdefgh") if len(parts) > 1 else first


def at_reduced_size(part: Part, runs: Sequence[Run]) -> bool:
    """Whether all that was judged is of runs at a reduced size."""
    reduced = {run.folder for run in runs if run.standing == Standing.REDUCED}
    judged_in = {verdict.folder for verdict in part.verdicts if verdict.folder} - {"all"}
    return bool(judged_in) and judged_in <= reduced


def ruling_of(part: Part) -> str:
    """Its verdict, or "mixed" where those of its places differ."""
    outcomes = {verdict.outcome for verdict in part.verdicts}
    return str(outcomes.pop()) if len(outcomes) == 1 else "mixed"
