"""What the Praxis study comes to: what its tables of CW show, and what that attack does."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from evaluation import Estimate, NotRun
from harness.arms import Protocol
from harness.claims import Run, nearest_first
from harness.links import printed, read_published
from harness.results import Results, run_by_key, selected, where_run
from harness.study import Bar, KeyFinding, percent
from studies.praxis import arms
from studies.praxis.measures import attacked, differences

FOLDER = Path(__file__).parent
_TOP_1, _SHOWN, _EPSILONS = "top-1 error", f"{100 * arms.SHOWN:g}", len(arms.EPSILONS)


class _Attacked(NamedTuple):
    """One network.

    Attributes:
        repeated, same: at how many epsilons FGSM run again, and CW, have FGSM's top-1 error.
        clean, again, cw, rounded: top-1 errors without attack, under FGSM run again, under CW at
            any distance, and under CW once its images are rounded to 8 bits.
    """

    repeated: int
    same: int
    clean: Estimate
    again: Estimate
    cw: Estimate
    rounded: Estimate


def key_finding(runs: Sequence[Run]) -> KeyFinding | None:
    """What FGSM run again and CW do; `None` without both on a classifier of ImageNet's images."""
    return next(where_run(_finding, nearest_first(runs)), None)


def _finding(run: Run) -> KeyFinding:
    networks = run_by_key(partial(_attacked, run.results), arms.MODELS)
    if not networks:
        raise NotRun("FGSM run again and CW on one classifier")
    model, shown = next(iter(networks.items()))
    equal, cells = _printed_alike()
    repeats = equal == cells and all(each.repeated == _EPSILONS for each in networks.values())
    keeps = any(each.rounded.value > each.clean.value for each in networks.values())
    repeated, same = (
        " and ".join(
            f"{getattr(each, what)} of {_EPSILONS} epsilons on {name}"
            for name, each in networks.items()
        )
        for what in ("repeated", "same")
    )
    return KeyFinding(
        sentence=f"The top-1 errors published for CW equal those for FGSM in {equal} of {cells} "
        f"cells, and FGSM run again in other batches repeats its error on {model} at "
        f"{shown.repeated} of {_EPSILONS} epsilons; CW itself makes {model} err on "
        f"{percent(shown.cw)} % of {shown.cw.images} images, and on {percent(shown.rounded)} % "
        f"once they are rounded to 8 bits (on {percent(shown.clean)} % of these images it errs "
        "without attack).",
        meaning=f"What is printed as CW {'looks like' if repeats else 'is more than'} a second run "
        f"of FGSM, which has FGSM's error at {repeated}; CW has it at {same}. CW stops just past "
        f"the nearest other class: a picture file {'keeps' if keeps else 'loses'} what it changes.",
        quantity="top-1 error on ImageNet's images",
        bars=(
            *_published(),
            Bar(f"FGSM run again at {_SHOWN} %, {model}", shown.again),
            Bar(f"CW at any distance, {model}", shown.cw),
            Bar(f"CW, rounded to 8 bits, {model}", shown.rounded),
        ),
        folder=run.folder,
    )


def _attacked(results: Results, model: str) -> _Attacked:
    fgsm, again = (attacked(results, model, Protocol.FAITHFUL, a) for a in ("FGSM", arms.AGAIN))
    bounded, cw = (attacked(results, model, Protocol.CORRECTED, a) for a in ("FGSM", "CW"))
    repeated, same = (
        sum(gap.value == 0 for gap in differences(first.curve, second.curve, arms.EPSILONS))
        for first, second in ((fgsm, again), (bounded, cw))
    )
    errors = cw.error(0.0), again.error(arms.SHOWN), cw.error(arms.ANY), cw.as_8_bit
    return _Attacked(repeated, same, *errors)


def _published() -> list[Bar]:
    """The errors of the study's best network under both attacks."""
    model = next(iter(arms.PRINTED_NAMES))
    place = {"metric": _TOP_1, "model": model, "epsilon": _SHOWN}
    return [
        Bar(f"{attack} at {_SHOWN} %, {model}", printed(FOLDER, attack=attack, **place) / 100)
        for attack in ("FGSM", "CW")
    ]


def _printed_alike() -> tuple[int, int]:
    """In how many of the cells that both attacks have they have the same top-1 error."""
    rows = selected(read_published(FOLDER), metric=_TOP_1, attack=("FGSM", "CW"))
    values = rows.pivot(index=["model", "epsilon"], columns="attack", values="value").dropna()
    return int((values["FGSM"] == values["CW"]).sum()), len(values)
