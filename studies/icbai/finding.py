"""What the ICBAI study comes to: a distilled network attacked as it was, and properly."""

from collections.abc import Sequence

import numpy as np

from evaluation import Estimate, NotRun, alike
from harness.arms import Protocol, Role, View
from harness.claims import Run, nearest_first
from harness.links import printed
from harness.results import Results, where_run
from harness.study import Bar, KeyFinding, percent
from studies.icbai.distillation import CASE, NOISE, TEMPERATURE
from studies.icbai.measures import on_mnist
from studies.icbai.published import FOLDER


def key_finding(runs: Sequence[Run]) -> KeyFinding | None:
    """What the distilled network keeps; `None` without it and its control in both protocols."""
    return next(where_run(_finding, nearest_first(runs)), None)


def _finding(run: Run) -> KeyFinding:
    results = run.results
    as_published, like_it, student, control = (
        _left(results, protocol, role)
        for protocol in Protocol
        for role in (Role.STUDENT, Role.CONTROL)
    )
    place = {"case": CASE, "protocol": Protocol.CORRECTED, "role": Role.STUDENT}
    through_t = results.curve(attack="FGSM", view=View.LOGITS_OVER_T, **place).at(grey=NOISE)
    bars = (
        Bar("distilled, FGSM", printed(FOLDER, metric="accuracy of distilled network") / 100),
        Bar("distilled, FGSM as published", Estimate.accuracy(as_published)),
        Bar("control without soft labels, FGSM as published", Estimate.accuracy(like_it)),
        Bar("distilled, FGSM through logits / T", Estimate.accuracy(through_t)),
        Bar("distilled, the worst of all attacks", Estimate.accuracy(student)),
    )
    stated, measured, like, _, worst = (bar.percent for bar in bars)
    zero = _zero_gradient(results)
    curves = (on_mnist(results, each, Role.STUDENT) for each in Protocol)
    broken = Estimate.paired(*(curve.at(grey=NOISE) for curve in alike(*curves)))
    taught = Estimate.paired(as_published, like_it), Estimate.paired(student, control)
    shown = _NOT_HIDDEN if broken.sign <= 0 else _HIDDEN if zero > 0.5 else _TOO_WEAK
    return KeyFinding(
        sentence=f"A distilled MNIST network of unstated temperature is reported to keep {stated} "
        f"% accuracy under FGSM at epsilon {NOISE / 255:g}; {run.rerun}, at T = {TEMPERATURE:g}, "
        f"it keeps {measured} % of {as_published.shape[1]:,} images, with a gradient of exactly "
        f"zero on {100 * zero:.0f} %, {'but' if broken.sign > 0 else 'and'} {worst} % of "
        f"{student.shape[1]:,} once attacks divide its logits by T or follow a margin loss.",
        meaning=f"{shown} A control, trained at the same temperature "
        f"on hard labels, keeps {like} % under the same FGSM and "
        f"{percent(Estimate.accuracy(control))} % under all attacks: what soft labels add is "
        f"{taught[0].points()} and {taught[1].points()} points.",
        quantity=f"accuracy on MNIST at {NOISE / 2.55:g} % noise",
        bars=bars,
        folder=run.folder,
    )


def _left(results: Results, protocol: Protocol, role: str) -> np.ndarray:
    """Which images a network has right at the noise of the printed result, bool [seeds, N]."""
    return on_mnist(results, protocol, role).at(grey=NOISE)


def _zero_gradient(results: Results) -> float:
    """The share of images on which the published attack follows no gradient."""
    place = {"case": CASE, "protocol": Protocol.FAITHFUL, "role": Role.STUDENT}
    rows = results.select(attack="FGSM", view=View.LOGITS, epsilon_grey=NOISE, **place)
    share = float(rows["zero_gradient"].mean())
    if np.isnan(share):
        raise NotRun("the share of zero gradients")
    return share


_HIDDEN = "The temperature hid the gradient; the weakness remained."
_TOO_WEAK = "FGSM as published was too weak; its gradient was there."
_NOT_HIDDEN = "No gradient was hidden."
