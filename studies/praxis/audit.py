"""What measuring showed of the items of Praxis' audit."""

from collections.abc import Mapping, Sequence

from evaluation import Estimate, NotRun
from harness.arms import Protocol
from harness.claims import Run
from harness.results import Results, selected
from studies.audit import Shown, as_printed, audited, claimed, measured
from studies.praxis import arms as praxis
from studies.praxis import printed_numbers
from studies.praxis.claims import CLAIMS
from studies.praxis.measures import attacked, differences, seconds_per_iteration, timed
from studies.praxis.published import clean_error

_PERCENT = f"{100 * praxis.SHOWN:g} %"


def _grey_levels(results: Results, model: str) -> str:
    standardised, pixels = (
        attacked(results, model, protocol).pictured["mean_change"] for protocol in Protocol
    )
    return (
        f"{model}: FGSM at {_PERCENT} changes a value of the {len(pixels)} images shown by "
        f"{standardised.mean():.2f} grey levels on average between standardised images, and by "
        f"{pixels.mean():.2f} between images in [0, 1]."
    )


def _run_again(results: Results, model: str, attack: str) -> str:
    fgsm, other = (attacked(results, model, Protocol.FAITHFUL, each) for each in ("FGSM", attack))
    gaps = differences(fgsm.curve, other.curve, praxis.EPSILONS)
    return (
        f"{model}, {attack}: the top-1 error is FGSM's at {sum(gap.value == 0 for gap in gaps)} of "
        f"{len(gaps)} epsilons ({gaps[0].images} images)."
    )


def _search(results: Results, model: str) -> str:
    fgsm, cw = (attacked(results, model, Protocol.CORRECTED, each) for each in ("FGSM", "CW"))
    (gap,) = differences(fgsm.curve, cw.curve, [praxis.SHOWN])
    return (
        f"{model}: CW's own search makes {cw.error(praxis.ANY).percent()} % top-1 and "
        f"{cw.error(praxis.ANY, 5).percent()} % top-5 errors at any distance, and "
        f"{cw.as_8_bit.percent()} % top-1 errors once its images have 8 bits; within {_PERCENT} of "
        f"a pixel's range its top-1 error less FGSM's is {gap.points()} points."
    )


def _errors_without_attack(results: Results, model: str) -> str:
    error = attacked(results, model, Protocol.CORRECTED).error(0.0)
    stated = [clean_error(name, 1) for name in praxis.PRINTED_NAMES]
    return (
        f"{model}: {error.percent(2)} % top-1 error without attack on {error.images:,} images; of "
        f"other networks {min(stated):.2f} to {max(stated):.2f} % are printed."
    )


def _times_as_long(results: Results, model: str) -> str:
    rows = [timed(results, praxis.CLASSIFIERS[model], attack) for attack in ("CW", "FGSM")]
    cw, fgsm = (seconds_per_iteration(row).value for row in rows)
    return (
        f"{model}: CW takes {cw / fgsm:.0f} times as long as FGSM, with "
        f"{rows[0]['gradient_evaluations']:.0f} gradients for an image."
    )


def _of_those_right(results: Results, model: str) -> str:
    arm = attacked(results, model, Protocol.FAITHFUL)
    was_right, stays = arm.curve.correct[0], arm.curve.at(praxis.SHOWN)
    if not was_right.any():
        raise NotRun(f"an image that {model} has right")
    turned = ~stays[was_right]
    share = Estimate.share(turned.mean(), turned.size)
    outside = selected(arm.rows, epsilon=praxis.SHOWN)["out_of_range"].mean()
    return (
        f"{model}, FGSM at {_PERCENT} as run: {arm.error(praxis.SHOWN).percent()} % of all images "
        f"are wrong, and {share.percent()} % of those that are right without attack; "
        f"{100 * outside:.0f} % of the images leave the range of pixels."
    )


_FGSM = "FGSM on a classifier of part A"
_VARIANTS = f"{_FGSM} and {praxis.AGAIN} or {praxis.STEP}, faithful"
_ITEMS: dict[str, Sequence[Shown]] = {
    "PRX-A1": (as_printed(printed_numbers.five_thousand_images),),
    "PRX-A2": (
        measured(_grey_levels, praxis.MODELS, needs=f"{_FGSM}, faithful and corrected"),
        claimed(CLAIMS, "PRX-4"),
    ),
    "PRX-A3": (
        as_printed(printed_numbers.cw_repeats_fgsm),
        measured(_run_again, praxis.MODELS, praxis.VARIANTS[:2], needs=_VARIANTS),
        measured(_search, praxis.MODELS, needs=f"{_FGSM} and CW, corrected"),
        claimed(CLAIMS, "PRX-6a", "PRX-6b"),
    ),
    "PRX-A4": (as_printed(printed_numbers.swapped_rows),),
    "PRX-A5": (as_printed(printed_numbers.sums_of_confidences),),
    "PRX-A6": (as_printed(printed_numbers.after_four_percent), claimed(CLAIMS, "PRX-3b")),
    "PRX-A7": (
        measured(_errors_without_attack, praxis.MODELS, needs=f"{_FGSM}, corrected"),
        claimed(CLAIMS, "PRX-1a"),
    ),
    "PRX-A8": (
        as_printed(printed_numbers.distilled_above_clean),
        claimed(CLAIMS, "PRX-8", "PRX-9", places=""),
    ),
    "PRX-A10": (
        as_printed(printed_numbers.times),
        measured(_times_as_long, praxis.MODELS, needs=f"{_FGSM} and CW, timed on a quiet machine"),
        claimed(CLAIMS, "PRX-7"),
    ),
    "PRX-A11": (measured(_of_those_right, praxis.MODELS, needs=f"{_FGSM}, faithful"),),
}


def audit(runs: Sequence[Run]) -> Mapping[str, str]:
    """By item, what the printed numbers and the runs show of it."""
    return audited(_ITEMS, runs)
