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

    `None` without that network, the baseline, and the one trained on the fly under AutoAttack.
    """
    return next(where_run(_finding, nearest_first(runs)), None)


def _finding(run: Run) -> KeyFinding:
    results, corrected = run.results, Protocol.CORRECTED
    baseline, retrained = attacked(results, "undefended", "fgsm_retrained")
    given, worst, strongest = (
        attacked(results, role, attack=attack, protocol=corrected)[0]
        for role, attack in (
            ("fgsm_retrained", TRANSFERRED.format("FGSM")),
            ("on_the_fly", arms.EVERY_ATTACK),
            ("on_the_fly", arms.STRONGEST),
        )
    )
    bars = (
        Bar("without defense, FGSM", baseline_under_fgsm()[EPSILON] / 100),
        Bar("without defense, FGSM as published", _accuracy(baseline)),
        Bar("FGSM-trained, FGSM of the undefended network", _accuracy(given)),
        Bar("FGSM-trained, FGSM of its own", _accuracy(retrained)),
        Bar("PGD-trained on the fly, the worst of all attacks", _accuracy(worst)),
    )
    stated, plain, others, own, _ = (bar.percent for bar in bars)
    robust = Estimate.accuracy(strongest.at(arms.ROBUST_EPSILON))
    helped, learned = gain_at(EPSILON, retrained, baseline), gain_at(EPSILON, given, retrained)
    return KeyFinding(
        sentence="The post finds that training on FGSM images made once helps up to epsilon "
        f"{printed(FOLDER, measures=_MEETING):g}; {run.rerun}, the network so trained keeps "
        f"{others} % of {given.images:,} images at {EPSILON:g} against FGSM images of the "
        f"undefended network and {own} % of {retrained.images:,} against its own, "
        f"{_THAN[helped.sign]} the {plain} % that the undefended network keeps (for which the post "
        f"prints {stated} %).",
        meaning=f"Against an attack on the network itself, such training {_does(helped)} here "
        f"({helped.points()} points){': ' + _LEARNED if learned.sign > 0 else ''}. Another "
        "network, trained on PGD examples of its weights as they change, keeps "
        f"{robust.percent()} % of {strongest.images:,} images under AutoAttack at "
        f"{arms.ROBUST_EPSILON:g}.",
        quantity=f"accuracy on MNIST at epsilon {EPSILON:g}",
        bars=bars,
        folder=run.folder,
    )


def _accuracy(curve: Curve) -> Estimate:
    return Estimate.accuracy(curve.at(EPSILON))


_THAN = {1: "more than", 0: "much like", -1: "less than"}


def _does(gain: Estimate) -> str:
    return {1: "helps", 0: "has no effect that shows", -1: "does harm"}[gain.sign]


_LEARNED = "the network has learned the images that it was given, not to withstand the attack"
