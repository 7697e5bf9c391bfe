"""What the NTU study comes to: PGD at its epsilons, with steps that reach them, and beyond."""

from collections.abc import Sequence
from itertools import product

from evaluation import Curve, Estimate
from harness.arms import Protocol, Role
from harness.claims import Run, nearest_first
from harness.links import printed
from harness.results import where_run
from harness.study import Bar, KeyFinding
from studies.ntu import arms
from studies.ntu.arms import VGG_ON_CIFAR10 as CASE
from studies.ntu.measures import in_range, mean_gain
from studies.ntu.published import FOLDER

#: In grey levels: how far the listed steps go, the study's last epsilon, and the usual one.
REACH, LAST, USUAL = arms.STEPS * arms.STEP_SIZE / arms.GREY, arms.LEVELS[-1], 8.0


def key_finding(runs: Sequence[Run]) -> KeyFinding | None:
    """What PGD leaves of the distilled VGG variant on CIFAR-10.

    `None` without that network, its control and the undefended one in both protocols.
    """
    return next(where_run(_finding, nearest_first(runs)), None)


def _finding(run: Run) -> KeyFinding:
    results = run.results
    listed, proper = (in_range(results, CASE, each, Role.STUDENT, "PGD") for each in Protocol)
    beyond = [
        results.compared_curve(CASE, Protocol.CORRECTED, role, attack="PGD").at(grey=USUAL)
        for role in (Role.STUDENT, Role.UNDEFENDED)
    ]
    stated = printed(FOLDER, table="Table 5-2", attack="PGD", epsilon=f"{LAST:.2f}")
    bars = (
        Bar(f"distilled, epsilon {LAST:g}/255", stated / 100),
        Bar(f"distilled as listed, epsilon {LAST:g}/255", Estimate.accuracy(listed.at(grey=LAST))),
        Bar(
            f"distilled and attacked properly, epsilon {LAST:g}/255",
            Estimate.accuracy(proper.at(grey=LAST)),
        ),
        Bar(f"the same, epsilon {USUAL:g}/255", Estimate.accuracy(beyond[0])),
        Bar(f"without defense, epsilon {USUAL:g}/255", Estimate.accuracy(beyond[1])),
    )
    shares = [bar.percent for bar in bars]
    as_listed, corrected = (
        Estimate.paired(curve.at(grey=LAST), curve.at(grey=REACH)) for curve in (listed, proper)
    )
    gains = [
        mean_gain(results, CASE, protocol, "PGD", other)
        for protocol, other in product(Protocol, (Role.UNDEFENDED, Role.CONTROL))
    ]
    return KeyFinding(
        sentence=f"A distilled VGG-16 is published to keep {shares[0]} % accuracy on CIFAR-10 "
        f"under PGD at {LAST:g} of 255 grey levels, the study's largest epsilon; {run.rerun} it "
        f"keeps {shares[1]} % of {_of(listed)}, distilled and attacked properly {shares[2]} % of "
        f"{_of(proper)}, and at the usual {USUAL:g} grey levels {shares[3]} % (without defense "
        f"{shares[4]} %).",
        meaning=f"PGD as listed takes {arms.STEPS} steps of {arms.STEP_SIZE / arms.GREY:g} and "
        f"reaches {REACH:g}: from there to {LAST:g} accuracy changes by {as_listed.points()} "
        f"points, with steps that reach {LAST:g} by {corrected.points()}. What distillation "
        "gains over the undefended network and over a control without a teacher, on average over "
        f"the study's epsilons: as listed {_both(*gains[:2])}; done properly {_both(*gains[2:])}.",
        quantity="accuracy of the VGG variant on CIFAR-10 under PGD",
        bars=bars,
        folder=run.folder,
    )


def _of(curve: Curve) -> str:
    clean = Estimate.accuracy(curve.correct[0])
    return f"{curve.images:,} images ({100 * clean.value:.1f} % without attack)"


def _both(over_undefended: Estimate, over_control: Estimate) -> str:
    gains = (over_undefended, over_control)
    words = {1: "better than", 0: "not told apart from", -1: "worse than"}
    first, second = (words[gain.sign] for gain in gains)
    said = f"{first} either" if first == second else f"{first} the one, {second} the other"
    return f"{' and '.join(gain.points() for gain in gains)} points, {said}"
