"""What measuring showed of the items of ICBAI's audit."""

from collections.abc import Mapping, Sequence

from evaluation import Estimate, NotRun
from harness.arms import Case, Protocol, Role
from harness.claims import Run
from harness.links import read_published
from harness.results import Results, selected
from studies.audit import Shown, as_printed, audited, claimed, measured
from studies.icbai.claims import CLAIMS
from studies.icbai.classifiers import CASES, PROTOCOLS
from studies.icbai.distillation import CASE, NOISE
from studies.icbai.measures import mean, on_mnist, under_fgsm, under_patches
from studies.icbai.published import FOLDER, link

_NOISE = f"{100 * NOISE / 255:.0f} %"


def _results_of_the_paper() -> str:
    rows = read_published(FOLDER)
    are_results = rows.apply(lambda row: link(row).is_measured, axis=1)
    metrics = rows[are_results].groupby("metric")["value"].first()
    listed = " and ".join(f"{value} ({metric})" for metric, value in metrics.items())
    return (
        f"Of the {len(rows)} numbers taken from the review, {are_results.sum()} are results of the "
        f"paper: {listed}."
    )


def _distilled(results: Results) -> str:
    correct = on_mnist(results, Protocol.FAITHFUL, Role.STUDENT).at(grey=NOISE)
    return (
        f"{results.label(CASE)}, faithful: FGSM at {_NOISE} leaves "
        f"{Estimate.accuracy(correct).percent()} % of the distilled network's images right."
    )


def _classifier(results: Results, case: Case) -> str:
    fgsm = under_fgsm(results, case, Protocol.CORRECTED)
    roles = ", ".join(sorted(set(results.select(case=case)["role"])))
    return (
        f"{fgsm.label}: FGSM at {100 * fgsm.curve.epsilons[-1]:.0f} % of a pixel's range leaves "
        f"{fgsm.curve.accuracies[-1].percent()} % right; networks attacked: {roles}."
    )


def _with_a_reference(results: Results, protocol: Protocol) -> str:
    roles = Role.STUDENT, Role.CONTROL, Role.UNDEFENDED
    correct = [on_mnist(results, protocol, role).at(grey=NOISE) for role in roles]
    student, control, undefended = (Estimate.accuracy(each).percent() for each in correct)
    return (
        f"{results.label(CASE)}, {protocol}: {_ATTACK[protocol]} at {_NOISE} leaves {student} % of "
        f"the distilled network's images right, {control} % of those of its control on hard labels "
        f"and {undefended} % of those of the undefended one; distilled less undefended "
        f"{Estimate.paired(correct[0], correct[-1]).points()} points."
    )


def _without_gradient(results: Results) -> str:
    place = {"case": CASE, "protocol": Protocol.FAITHFUL, "role": Role.STUDENT, "attack": "FGSM"}
    zero = results.select(epsilon_grey=NOISE, **place)["zero_gradient"]
    if zero.empty:
        raise NotRun("FGSM on the student")
    return (
        f"{results.label(CASE)}, faithful: the gradient that FGSM follows is zero on "
        f"{100 * zero.mean():.0f} % of the distilled network's images."
    )


def _peak(results: Results, case: Case, protocol: Protocol) -> str:
    curve = under_fgsm(results, case, protocol).curve
    peak = int(curve.per_image.mean(axis=1).argmin())
    return (
        f"{results.label(case)}, {protocol}: under FGSM accuracy is lowest at "
        f"{curve.epsilons[peak]:g}, {curve.accuracies[peak].percent()} %, and "
        f"{curve.accuracies[-1].percent()} % at {curve.epsilons[-1]:g}."
    )


def _two_threat_models(results: Results, case: Case, kind: str) -> str:
    patches = under_patches(results, case, kind)
    side, by_patch = list(patches.by_side().items())[-1]
    patch = selected(patches.rows, patch_side=side).mean(numeric_only=True)
    fgsm = under_fgsm(results, case, PROTOCOLS[kind]).rows.iloc[-1]
    return (
        f"{patches.label}, {kind} patches of {side} pixels: {mean(by_patch).percent()} % errors, "
        f"{100 * patch['target_rate']:.0f} % get the class of the patch; it changes "
        f"{100 * patch['patch_share']:.0f} % of the area by up to {255 * patch['mean_linf']:.0f} "
        f"grey levels. FGSM at {fgsm['epsilon']:g} ({fgsm['units']}): {fgsm['error'].percent()} % "
        f"errors, all of the area by up to {255 * fgsm['mean_linf']:.1f}."
    )


_ATTACK = {Protocol.FAITHFUL: "FGSM", Protocol.CORRECTED: "the worst of all attacks"}
_STUDENT = "the faithful FGSM on the student of MNIST"
_THREE = "FGSM on the student, the control and the undefended network of MNIST"
_BY_FGSM = "FGSM on a classifier of ImageNet's images"
_ITEMS: dict[str, Sequence[Shown]] = {
    "ICB-A1": (as_printed(_results_of_the_paper),),
    "ICB-A2": (
        measured(_distilled, needs=_STUDENT),
        measured(_classifier, CASES, needs=_BY_FGSM),
    ),
    "ICB-A3": (
        measured(_with_a_reference, Protocol, needs=_THREE),
        measured(_without_gradient, needs=_STUDENT),
        claimed(CLAIMS, "ICB-5"),
    ),
    "ICB-A4": (
        measured(_peak, CASES, Protocol, needs=_BY_FGSM),
        claimed(CLAIMS, "ICB-1a", "ICB-1b"),
    ),
    "ICB-A5": (
        measured(_two_threat_models, CASES, PROTOCOLS, needs=f"patches and {_BY_FGSM}"),
        claimed(CLAIMS, "ICB-4"),
    ),
}


def audit(runs: Sequence[Run]) -> Mapping[str, str]:
    """By item, what the printed numbers and the runs show of it."""
    return audited(_ITEMS, runs)
