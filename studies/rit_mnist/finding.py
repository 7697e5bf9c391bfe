"""What the RIT blog comes to: adversarial training on images made once, and on the fly."""

from collections.abc import Sequence

from evaluation import Curve, Estimate
from harness.arms import TRANSFERRED, Protocol
from harness.claims import Run, nearest_first
from harness.links import printed
from harness.results import where_run
from harness.study import Bar, KeyFinding
from studies.rit_mnist import arms
from studies.rit_mnist.curves import attacked, gain_at
from studies.rit_mnist.published import FOLDER, baseline_under_fgsm

#: Of the epsilons at which the post prints an accuracy, the one the baseline mostly withstands.
EPSILON = 0.1
_MEETING = "epsilon where baseline and retrained curves meet"


def key_finding(runs: Sequence[Run]) -> KeyFinding | None:
    """What FGSM leaves of the network retrained on FGSM's images of the baseline.

    Beside it stands a network trained on the fly, where that was run. `None` without the former and
    the baseline.
    """
    nearest = nearest_first(runs)
    return next(where_run(_finding, nearest, [_on_the_fly(nearest)]), None)


def _on_the_fly(runs: Sequence[Run]) -> tuple[Run, Curve, Curve] | None:
    """The first run of it, under the worst of the attacks and under the strongest one."""

    def found(run: Run) -> tuple[Run, Curve, Curve]:
        worst, strongest = (
            attacked(run.results, "on_the_fly", attack=attack, protocol=Protocol.CORRECTED)[0]
            for attack in (arms.EVERY_ATTACK, arms.STRONGEST)
        )
        return run, worst, strongest

    return next(where_run(found, runs), None)


def _finding(run: Run, on_the_fly: tuple[Run, Curve, Curve] | None) -> KeyFinding:
    results, from_baseline = run.results, TRANSFERRED.format("FGSM")
    baseline, retrained = attacked(results, "undefended", "fgsm_retrained")
    (given,) = attacked(
        results, "fgsm_retrained", attack=from_baseline, protocol=Protocol.CORRECTED
    )
    bars = [
        Bar("without defense, FGSM", baseline_under_fgsm()[EPSILON] / 100),
        Bar("without defense, FGSM as published", _accuracy(baseline)),
        Bar("FGSM-trained, FGSM of the undefended network", _accuracy(given)),
        Bar("FGSM-trained, FGSM of its own", _accuracy(retrained)),
    ]
    stated, plain, others, own = (bar.percent for bar in bars)
    helped, learned = gain_at(EPSILON, retrained, baseline), gain_at(EPSILON, given, retrained)
    meaning = (
        f"Against an attack on the network itself, such training {_does(helped)} here "
        f"({helped.points()} points){': ' + _LEARNED if learned.sign > 0 else ''}."
    )
    if on_the_fly is not None:
        elsewhere, worst, strongest = on_the_fly
        bars.append(Bar("PGD-trained on the fly, the worst of all attacks", _accuracy(worst)))
        robust = Estimate.accuracy(strongest.at(arms.ROBUST_EPSILON))
        meaning += (
            " Another network, trained on PGD examples of its weights as they change"
            f"{'' if elsewhere is run else f' ({elsewhere.rerun})'}, keeps {robust.percent()} % of "
            f"{strongest.images:,} images under AutoAttack at {arms.ROBUST_EPSILON:g}."
        )
    return KeyFinding(
        sentence="The post finds that training on FGSM images made once helps up to epsilon "
        f"{printed(FOLDER, measures=_MEETING):g}; {run.rerun}, the network so trained keeps "
        f"{others} % of {given.images:,} images at {EPSILON:g} against FGSM images of the "
        f"undefended network and {own} % of {retrained.images:,} against its own, "
        f"{_THAN[helped.sign]} the {plain} % that the undefended network keeps (for which the post "
        f"prints {stated} %).",
        meaning=meaning,
        quantity=f"accuracy on MNIST at epsilon {EPSILON:g}",
        bars=tuple(bars),
        folder=run.folder,
    )


def _accuracy(curve: Curve) -> Estimate:
    return Estimate.accuracy(curve.at(EPSILON))


_THAN = {1: "more than", 0: "much like", -1: "less than"}


def _does(gain: Estimate) -> str:
    return {1: "helps", 0: "has no effect that shows", -1: "does harm"}[gain.sign]


_LEARNED = "the network has learned the images that it was given, not to withstand the attack"
