"""What the study's CW and its epsilons may have been: a table and three sentences."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evaluation import Estimate, alike
from harness.arms import Protocol
from harness.results import Results, where_run
from harness.study import Takeaways
from reports.takeaways import says
from studies.praxis import arms as praxis
from studies.praxis.measures import Attacked, attacked

_FIRST, _LAST = praxis.SHOWN, max(praxis.EPSILONS)


def takeaways(results: Results) -> Takeaways | None:
    """Of the first classifier that was given every attack; `None` where none was."""
    return next(where_run(partial(_of_classifier, results), praxis.MODELS), None)


def _of_classifier(results: Results, model: str) -> Takeaways:
    arm = partial(attacked, results, model)
    fgsm, again, step = (arm(Protocol.FAITHFUL, each) for each in ("FGSM", *praxis.VARIANTS[:2]))
    pixels, cw = (arm(Protocol.CORRECTED, each) for each in ("FGSM", "CW"))
    rows = [
        _row("FGSM, standardised", fgsm),
        _row("the same, other batches", again, fgsm),
        _row("one step along CW's margin", step, fgsm),
        _row("FGSM, pixels", pixels),
        _row("CW, counted within epsilon", cw),
    ]
    title = f"Top-1 error in percent: {fgsm.network}"
    said = [_repeated(fgsm, again, step), _cw(cw), _units(fgsm, pixels)]
    return Takeaways(title, pd.DataFrame(rows), said)


def _row(name: str, arm: Attacked, like: Attacked | None = None) -> dict[str, Any]:
    grey = arm.curve.grey[arm.curve.epsilons > 0] / arm.curve.epsilons[arm.curve.epsilons > 0]
    return {
        "attack": name,
        "images": f"{arm.curve.images:,}",
        "2 % in grey levels": f"{_FIRST * grey[0]:.2f}",
        "clean": _percent(arm, 0.0),
        "2 %": _percent(arm, _FIRST),
        "10 %": _percent(arm, _LAST),
        "any distance": _percent(arm, praxis.ANY) if arm.curve.epsilons[-1] == praxis.ANY else "",
        "as FGSM": f"{_agreement(like, arm).mean():.1%}" if like else "",
    }


def _percent(arm: Attacked, epsilon: float) -> str:
    return f"{100 * arm.error(epsilon).value:.1f}"


def _agreement(fgsm: Attacked, other: Attacked) -> np.ndarray:
    """Whether an image is right or wrong under both, bool [E, seeds, N], on the images of both."""
    first, second = (each.correct[1:] for each in alike(fgsm.curve, other.curve))
    return first == second


def _repeated(fgsm: Attacked, again: Attacked, step: Attacked) -> str:
    same, stepped = _agreement(fgsm, again), _agreement(fgsm, step)
    curves = alike(fgsm.curve, again.curve)
    errors = [[error.value for error in each.errors] for each in curves]
    equal = sum(np.isclose(*errors)[1:])
    repeats = "repeats FGSM's" if equal == len(praxis.EPSILONS) else "does not always repeat FGSM's"
    return (
        f"FGSM run again in batches of another size {repeats} top-1 error, which is equal at "
        f"{equal} of {len(praxis.EPSILONS)} epsilons ({same.sum():,} of {same.size:,} outcomes "
        f"agree): the published tables of CW repeat FGSM's in the same way. One signed step along "
        f"CW's margin agrees with FGSM in {stepped.mean():.1%} of the outcomes."
    )


def _cw(cw: Attacked) -> str:
    farthest = 255 * cw.rows["mean_linf"].iloc[-1]
    return (
        f"Carlini and Wagner's attack has no epsilon. At any distance it raises the error from "
        f"{_percent(cw, 0.0)} to {_percent(cw, praxis.ANY)} %, with a largest change of "
        f"{farthest:.1f} grey levels on average; once its images are rounded to 8 bits it is "
        f"{cw.as_8_bit.percent()} %."
    )


def _units(fgsm: Attacked, pixels: Attacked) -> str:
    """At the epsilon where the units differ most, with an interval that allows for the choice."""
    first, second = (each.only(praxis.EPSILONS) for each in alike(fgsm.curve, pixels.curve))
    more = [
        Estimate.paired(*both).widened(len(praxis.EPSILONS))
        for both in zip(first.correct[1:], second.correct[1:], strict=True)
    ]
    at = int(np.argmax([each.value for each in more]))
    epsilon = praxis.EPSILONS[at]
    grey, other = (each.grey[1 + at] for each in (first, second))
    return (
        f"{100 * epsilon:g} % are {grey:.1f} grey levels between standardised images and "
        f"{other:.1f} between pixels. FGSM errs on {_percent(fgsm, epsilon)} and on "
        f"{_percent(pixels, epsilon)} %: "
        f"{says(more[at], 'an epsilon means little without its unit', 'no difference shows here')}."
    )
