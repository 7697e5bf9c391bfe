"""What measuring showed of the items of RIT's audit."""

from collections.abc import Mapping, Sequence

from evaluation import Estimate, NotRun
from harness.arms import TRANSFERRED, Protocol
from harness.claims import Run
from harness.results import Results
from studies.audit import Shown, audited, claimed, measured
from studies.rit_mnist import arms, curves
from studies.rit_mnist.arms import NAMES, ROBUST_EPSILON
from studies.rit_mnist.claims import CLAIMS
from studies.rit_mnist.published import baseline_under_fgsm, training_losses

_RETRAINED, _UNTRAINED, _PGD_TRAINED = "fgsm_retrained", "fgsm_untrained", "pgd_retrained"
#: At which a network that learned the examples by heart is seen to fall to others (RIT-A4).
_SMALL = 0.1


def _under_fgsm(results: Results) -> str:
    (curve,) = curves.attacked(results, "undefended")
    stated = {epsilon: baseline_under_fgsm()[epsilon] for epsilon in (0.0, 0.1, 0.2)}
    listed = ", ".join(
        f"{Estimate.accuracy(curve.at(epsilon)).percent()} % at {epsilon:g} (printed {printed:g})"
        for epsilon, printed in stated.items()
    )
    return (
        f"{results.label(arms.CASE)}: accuracy of the baseline under FGSM is {listed}; the largest "
        f"step ends at {curves.largest_step(curve).short()}."
    )


def _first_losses(results: Results) -> str:
    first, second = (curves.losses(results, role)[:, 0] for role in (_RETRAINED, _UNTRAINED))
    stated = training_losses(_RETRAINED)[1] / training_losses(_UNTRAINED)[1]
    ratio = Estimate.over_seeds(first / second)
    return (
        f"{results.label(arms.CASE)}: after the first epoch the loss of the retrained network is "
        f"{ratio.short()} times that of the untrained one ({_seeds(ratio.images)}); printed are "
        f"{stated:.2f} times."
    )


def _pgd_against_fgsm_training(results: Results, place: tuple[Protocol, str]) -> str:
    protocol, attack = place
    pair = curves.attacked(results, _PGD_TRAINED, _RETRAINED, attack=attack, protocol=protocol)
    return (
        f"{results.label(arms.CASE)}, {protocol}, {attack}: accuracy of the network trained on PGD "
        f"less that of the one trained on FGSM is {curves.area_gain(*pair).points()} points, mean "
        "over epsilon 0 to 0.3."
    )


def _static_examples(results: Results, role: str) -> str:
    of_baseline, own = (
        curves.attacked(results, role, attack=attack, protocol=Protocol.CORRECTED)[0]
        for attack in (TRANSFERRED.format("FGSM"), "FGSM")
    )
    kept, left = (
        Estimate.accuracy(of_baseline.at(ROBUST_EPSILON)),
        Estimate.accuracy(own.at(_SMALL)),
    )
    return (
        f"{results.label(arms.CASE)}, {NAMES[role]}: FGSM made on the baseline leaves "
        f"{kept.percent()} % right at {ROBUST_EPSILON:g}, FGSM made on the network itself "
        f"{left.percent()} % at {_SMALL:g}."
    )


def _on_the_fly(results: Results) -> str:
    (worst,) = curves.attacked(
        results, "on_the_fly", attack=arms.EVERY_ATTACK, protocol=Protocol.CORRECTED
    )
    left = Estimate.accuracy(worst.at(ROBUST_EPSILON))
    return (
        f"{results.label(arms.CASE)}, {NAMES['on_the_fly']}: the worst of FGSM and PGD with "
        f"restarts, made on it or on the baseline, leaves {left.percent()} % at {ROBUST_EPSILON:g}."
    )


def _equal_updates(results: Results) -> str:
    roles = _RETRAINED, "control", "undefended"
    retrained, control, baseline = curves.attacked(
        results, *roles, attack=arms.MEASURED_UNDER[Protocol.CORRECTED], protocol=Protocol.CORRECTED
    )
    clean = curves.gain_at(0.0, control, baseline).points()
    robust, over = (
        curves.area_gain(*pair).points() for pair in ((control, baseline), (retrained, control))
    )
    return (
        f"{results.label(arms.CASE)}: the control, with as many updates on clean images, less the "
        f"baseline is {clean} points without attack and {robust} under the worst of all attacks; "
        f"the network retrained on FGSM less the control is {over} (means over epsilon 0 to 0.3)."
    )


def _spread(results: Results) -> str:
    (curve,) = curves.attacked(results, "undefended")
    trained = results.trained(case=arms.CASE, role="undefended")
    if trained.empty:
        raise NotRun("the training of the baseline")
    return (
        f"{results.label(arms.CASE)}: the baseline has {curve.accuracies[0].percent(2)} % of "
        f"{curve.images:,} test images right without attack; {_seeds(curve.correct.shape[1])}, "
        f"{trained['validation_images'].iloc[0]:,} training images held out for validation."
    )


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


#: FGSM is the same in both protocols.
_RANKED = [(Protocol.FAITHFUL, "FGSM"), *((protocol, "PGD") for protocol in Protocol)]
_BASE = "FGSM on the baseline"
_LOSSES = "the networks trained on FGSM's images, retrained and untrained"
_BOTH = "FGSM and PGD on the networks retrained on images of FGSM and of PGD"
_OWN = "FGSM, made on it and on the baseline, on a network trained on a static set (corrected)"
_FLY = "the corrected attacks on the network trained on the fly"
_CONTROL = (
    f"the corrected attacks on the baseline, the network retrained on FGSM, and `{arms.CONTROL}`"
)
_ITEMS: dict[str, Sequence[Shown]] = {
    "RIT-A1": (measured(_under_fgsm, needs=_BASE), claimed(CLAIMS, "RIT-3a", "RIT-3b")),
    "RIT-A2": (
        measured(_first_losses, needs=_LOSSES),
        claimed(CLAIMS, "RIT-7a", "RIT-6b", "RIT-6c"),
    ),
    "RIT-A3": (
        measured(_pgd_against_fgsm_training, _RANKED, needs=_BOTH),
        claimed(CLAIMS, "RIT-10a", "RIT-11b", "RIT-13a", "RIT-13b"),
    ),
    "RIT-A4": (
        measured(_static_examples, arms.ON_STATIC_SETS, needs=_OWN),
        measured(_on_the_fly, needs=_FLY),
    ),
    "RIT-A5": (measured(_equal_updates, needs=_CONTROL),),
    "RIT-A7": (claimed(CLAIMS, "RIT-5", places=""),),
    "RIT-A10": (measured(_spread, needs=_BASE),),
}


def audit(runs: Sequence[Run]) -> Mapping[str, str]:
    """By item, what the runs show of it, beside the printed numbers."""
    return audited(_ITEMS, runs)
