"""The claims of the NTU study, judged by what was measured.

What an attack or distillation does to a network can be seen on any network. Which of two
architectures is ahead is a level, since a profile reduces each of them by another amount; so is
which of two ways of training leads to more accuracy without attack, since a profile trains for a
shorter time.
"""

from collections.abc import Iterator
from itertools import pairwise, product
from math import isfinite

import numpy as np
from scipy import stats

from evaluation import Estimate, NotRun
from harness.arms import MAIN, Case, Protocol, Role, View
from harness.claims import Claim, Finding, SpeaksOf, at_each
from harness.results import Results
from harness.rule import POINT, Judgement, Ruling, direction, equality, throughout, together, within
from studies.ntu import arms, trainings
from studies.ntu.measures import BEYOND, PRINTED, in_range, mean_gain, pair

REACH = arms.STEPS * arms.STEP_SIZE / arms.GREY
UNMOVED = 1e-4  # a distance in grey levels (NTU-2)
SLIGHTLY = 0.05  # a difference of accuracies (NTU-4)
SMALLER = 0.9  # a ratio of norms (NTU-13)
BEHIND = 0.05  # a difference of accuracies without attack (NTU-3 to 7)


def _falls(results: Results, case: Case, protocol: str, role: str, attack: str) -> Finding:
    """Refuted where accuracy rises significantly in one of the steps."""
    curve = in_range(results, case, protocol, role, attack)
    attacked = curve.correct[1:]
    fall = Estimate.paired(attacked[0], attacked[-1])
    steps = list(pairwise(attacked))
    each = 1 - 0.05 / len(steps)  # of several steps, by Bonferroni
    rises = [Estimate.paired(later, earlier, each) for earlier, later in steps]
    significant = sum(rise.sign > 0 for rise in rises)
    accuracies = attacked.mean(axis=(1, 2))
    order = "undefined (constant)"
    if np.ptp(accuracies):
        order = f"{stats.spearmanr(curve.grey[1:], accuracies).statistic:+.2f}"
    return Finding(
        f"{results.label(case)}, {protocol}, {role}, {attack}",
        Judgement(Ruling.REFUTED) if significant else direction(fall),
        f"from {curve.grey[1]:.1f} to {curve.grey[-1]:.1f} accuracy changes by "
        f"{fall.times(-1).points()} points; it rises in {sum(rise.value > 0 for rise in rises)} of "
        f"{len(steps)} steps, significantly in {significant}; Spearman {order}",
    )


def _stands_still(results: Results, case: Case, role: str) -> Finding:
    """Whether PGD as the study ran it gives the same images beyond its reach."""
    curve = in_range(results, case, Protocol.FAITHFUL, role, "PGD")
    accuracies = curve.correct[curve.grey > 0.999 * REACH].mean(axis=2)
    place = {"case": case, "protocol": Protocol.FAITHFUL, "variant": MAIN, "role": role}
    rows = results.select(view=arms.COMPARED[Protocol.FAITHFUL].views, attack="PGD", **place)
    beyond = rows[rows["epsilon_grey"] > 1.001 * REACH].reindex(columns=["max_linf_to_previous"])
    moved = beyond.to_numpy(float).max() / arms.GREY
    if not isfinite(moved):
        raise NotRun("distances between the images of successive epsilons")
    same = bool((accuracies == accuracies[0]).all())
    return Finding(
        f"{results.label(case)}, faithful, {role}",
        Judgement(Ruling.CONFIRMED if same and moved < UNMOVED else Ruling.REFUTED),
        f"beyond {REACH:g} no pixel changes by more than {moved:.1g} grey levels from epsilon to "
        f"epsilon, and accuracies are {'equal' if same else 'not equal'}; {arms.STEPS} steps of "
        f"{arms.STEP_SIZE / arms.GREY:.2g} reach {REACH:g}; criterion: below {UNMOVED:g} grey "
        "levels and at equal accuracies; no interval",
    )


def _saturates(results: Results, case: Case, role: str) -> Finding:
    curve = in_range(results, case, Protocol.CORRECTED, role, "PGD")
    fall = Estimate.paired(curve.at(grey=REACH), curve.correct[-1])
    return Finding(
        f"{results.label(case)}, corrected, {role}",
        equality(fall),
        f"with steps that reach every epsilon, accuracy changes by {fall.times(-1).points()} "
        f"points from {REACH:g} to {curve.grey[-1]:.1f}; criterion: within {100 * POINT:g} point",
    )


def _helps(results: Results, case: Case, protocol: str, attack: str) -> Finding:
    gains = [mean_gain(results, case, protocol, attack, other) for other in _OTHERS]
    student, undefended = pair(results, case, protocol, attack)
    gain = student.correct.astype(float) - undefended.correct
    smaller_drop = Estimate.difference((gain[1:] - gain[0]).mean(axis=(0, 1)), most=2.0)
    clean = _gain_at(results, case, protocol, attack, 0.0)
    return Finding(
        f"{results.label(case)}, {protocol}, {attack}",
        together(map(direction, gains)),
        f"{_listed(gains)}; without attack {clean.points()}, so that the drop from the own clean "
        f"accuracy is smaller by {smaller_drop.points()}",
        short=_too_short(clean),
    )


def _too_short(clean: Estimate) -> str:
    """See `Finding.short`; `clean` is what the student gains without attack.

    One that is behind there, since it has not learned for long, is behind under attack as well.
    """
    return _NOT_THERE_YET if clean.high < -BEHIND else ""


def _listed(gains: list[Estimate]) -> str:
    undefended, control = (gain.points() for gain in gains)
    return f"mean gain over the undefended network {undefended} points, over the control {control}"


def _harms_slightly(results: Results, case: Case, protocol: str) -> Finding:
    harm = _gain_at(results, case, protocol, "PGD", 0.4).times(-1)
    return Finding(
        f"{results.label(case)}, {protocol}, PGD at 0.4",
        together([direction(harm), within(harm, most=SLIGHTLY)]),
        f"undefended minus student {harm.points()} points; up to {100 * SLIGHTLY:g} are slight",
        short=_too_short(_gain_at(results, case, protocol, "PGD", 0.0)),
    )


def _better_up_to(
    results: Results, case: Case, up_to: float, protocol: str, attack: str
) -> Finding:
    """Better at the small epsilons, and by more than at the large ones."""
    student, undefended = pair(results, case, protocol, attack)
    gains = (student.correct.astype(float) - undefended.correct).mean(axis=1)[1:]
    is_small = student.grey[1:] < 1.001 * up_to
    at_small, at_large = gains[is_small].mean(axis=0), gains[~is_small].mean(axis=0)
    small, large = map(Estimate.difference, (at_small, at_large))
    contrast = Estimate.difference(at_small - at_large, most=2.0)
    return Finding(
        f"{results.label(case)}, {protocol}, {attack}",
        together([direction(small), direction(contrast)]),
        f"mean gain over the undefended network {small.points()} points up to {up_to:g}, "
        f"{large.points()} beyond; difference {contrast.points()}",
        short=_too_short(_gain_at(results, case, protocol, attack, 0.0)),
    )


def _better_in_cells(
    results: Results, case: Case, levels: tuple[float, ...], protocol: str
) -> Finding:
    cells = product(arms.ATTACKS, levels)
    gains = [_gain_at(results, case, protocol, attack, level) for attack, level in cells]
    clean = _gain_at(results, case, protocol, arms.ATTACKS[0], 0.0)
    return Finding(
        f"{results.label(case)}, {protocol}",
        throughout(gains, direction),
        f"better in {sum(gain.value > 0 for gain in gains)} of {len(gains)} cells "
        f"({sum(gain.sign > 0 for gain in gains)} with an interval above zero), worse in "
        f"{sum(gain.value < 0 for gain in gains)}; without attack {clean.points()} points",
        short=_too_short(clean),
    )


def _gain_at(results: Results, case: Case, protocol: str, attack: str, level: float) -> Estimate:
    """Student minus undefended network at one epsilon, in grey levels."""
    student, undefended = pair(results, case, protocol, attack)
    return Estimate.paired(student.at(grey=level), undefended.at(grey=level))


def _pgd_is_stronger(results: Results, case: Case, protocol: str, role: str) -> Finding:
    """Refuted where PGD is significantly weaker at one of the epsilons that it reaches."""
    fgsm, pgd = (in_range(results, case, protocol, role, attack) for attack in arms.ATTACKS)

    def lead(epsilons: np.ndarray | np.intp, confidence: float = 0.95) -> Estimate:
        return Estimate.paired(fgsm.correct[epsilons], pgd.correct[epsilons], confidence)

    # Faithful PGD cannot move beyond steps x step size.
    is_reached = fgsm.grey < (1.001 * REACH if protocol == Protocol.FAITHFUL else np.inf)
    equal, beyond = np.flatnonzero((fgsm.grey > 0) & is_reached), np.flatnonzero(~is_reached)
    each = 1 - 0.05 / len(equal)  # of several epsilons, by Bonferroni
    weaker = [f"{fgsm.grey[index]:.1f}" for index in equal if lead(index, each).sign < 0]
    mean = lead(equal)
    evidence = (
        f"FGSM minus PGD accuracy where PGD's steps add up to epsilon, mean {mean.points()} points"
    )
    if weaker:
        evidence += f"; PGD significantly weaker at {', '.join(weaker)}"
    if len(beyond):
        evidence += f"; at larger epsilons, which PGD does not reach, {lead(beyond).points()}"
    judgement = Judgement(Ruling.REFUTED) if weaker else direction(mean)
    return Finding(f"{results.label(case)}, {protocol}, {role}", judgement, evidence)


def _gradients(results: Results) -> Iterator[Finding]:
    yield from at_each(_smaller_gradient, arms.PLACES, _STUDENTS)(results)
    yield from at_each(_smaller_gradient_at_high_t, [arms.VGG_ON_CIFAR10])(results)


def _smaller_gradient(results: Results, case: Case, student: tuple[str, str]) -> Finding:
    protocol, procedure = student
    defenses = f"{procedure} {Role.STUDENT}", "none", f"{procedure} {Role.CONTROL}"
    norms = [_gradient(results, case, protocol, defense, MAIN) for defense in defenses]
    listed = (f"{name} {_both(each)}" for name, each in zip(_COMPARED, norms, strict=True))
    return Finding(
        f"{results.label(case)}, {protocol}, student ({procedure})",
        _much_smaller(*norms),
        f"{_NORMS}: {', '.join(listed)}; criterion: {SMALLER:g} times those of each other or less; "
        "no interval",
    )


def _smaller_gradient_at_high_t(results: Results, case: Case) -> Finding:
    place = results, case, Protocol.CORRECTED, "corrected student"
    variants = arms.SWEEPS["temperature"].items()
    norms = {each: _gradient(*place, variant) for variant, each in variants}
    listed = (f"{_both(each)} at {temperature:g}" for temperature, each in norms.items())
    return Finding(
        f"{results.label(case)}, corrected, students by T",
        _much_smaller(norms[max(norms)], norms[min(norms)]),
        f"{_NORMS}, by the T of the training: {', '.join(listed)}; criterion: the last are "
        f"{SMALLER:g} times the first or less; no interval",
    )


def _much_smaller(norms: np.ndarray, *others: np.ndarray) -> Judgement:
    smaller = all((norms <= SMALLER * each).all() for each in others)
    return Judgement(Ruling.CONFIRMED if smaller else Ruling.REFUTED)


def _both(norms: np.ndarray) -> str:
    return "{:.3g} and {:.3g}".format(*norms)


def _gradient(
    results: Results, case: Case, protocol: str, defense: str, variant: str
) -> np.ndarray:
    """Mean L1 and L2 norm, over images, of the gradient that FGSM follows through the logits."""
    place = {"case": case, "protocol": protocol, "variant": variant, "defense": defense}
    rows = results.select(view=View.LOGITS, attack="FGSM", epsilon=0.0, **place)
    norms = rows.reindex(columns=["gradient_l1", "gradient_l2"]).astype(float).mean()
    if norms.isna().any():
        raise NotRun(f"norms of the gradient of {defense}, {variant}")
    return norms.to_numpy()


def _resists(results: Results, case: Case, procedure: str, attack: str) -> Finding:
    """Whether a student is more robust, where the worse of logits and logits / T counts."""
    place = {"case": case, "protocol": Protocol.CORRECTED, "variant": MAIN, "attack": attack}
    student, control = f"{procedure} {Role.STUDENT}", f"{procedure} {Role.CONTROL}"
    results.curve(defense=student, view=View.LOGITS_OVER_T, **place)  # NotRun without it
    views = View.LOGITS, View.LOGITS_OVER_T
    curves = (results.curve(defense=e, view=views, **place) for e in (student, "none", control))
    ours, *others = (curve.correct[(curve.grey > 0) & (curve.grey < BEYOND)] for curve in curves)
    gains = [Estimate.paired(ours, other) for other in others]
    return Finding(
        f"{results.label(case)}, corrected, student ({procedure}), {attack}",
        together(map(direction, gains)),
        f"{_listed(gains)}, for every image the worse of logits and logits / T; no attack is "
        "transferred from another network",
    )


_NOT_THERE_YET = (
    "at a reduced size, where the student is behind without attack already, as it may not be after "
    "a training of the published length"
)
_OTHERS = Role.UNDEFENDED, Role.CONTROL
_COMPARED = "student", "undefended", "control"
_NORMS = "mean L1 and L2 norm of the gradient of the loss at T = 1"
_STUDENTS = [(protocol, each) for protocol, every in arms.PROCEDURES.items() for each in every]

_FALLS = "Accuracy falls as epsilon grows"
_AS_RUN = "PGD as run gives the same images and accuracies beyond epsilon 0.4"
_CONSTANT = "PGD accuracy is constant beyond epsilon 0.4 as a property of the network"
_HELPS = "Distillation raises accuracy on adversarial images"
_HARMS = "Distillation slightly harms VGG-16 on CIFAR-10 under PGD"
_SMALL = "Distilled models are better mainly at small epsilon, 0.1 to 0.2"
_TO_04 = "Distilled VGG-16 on CIFAR-10 is better at 0.1 to 0.4 for both attacks"
_BETTER = "Distilled VGG-16 on CIFAR-100 is better everywhere"
_MOST = "Distilled VGG-16 on CIFAR-100 is better by more at 0.1 to 0.4 than beyond"
_VULNERABLE = "Transfer-learning models are more vulnerable than the VGG-16 trained from scratch"
_WEIGHTS = "A network with ImageNet weights is more vulnerable than its twin from scratch"
_MORE = "Distillation helps the transfer-learning models more than VGG-16"
_STRONGER = "PGD is stronger than FGSM"
_CLEAN = "Clean accuracy has the published level"
_ORDER = "ResNet-50 is more accurate without attack than Inception-V3, and that than VGG-16"
_COSTS = "Distillation costs training time because two networks are trained"
_GRADIENT = "A high temperature makes the gradient of the loss with respect to the input smaller"
_ROBUST = "A high temperature makes a network robust, also if the attack divides the logits by it"
_BATCH_NORM = "Training batch normalisation is needed when re-using ImageNet weights"
_ERASING = "Random erasing reduces over-fitting"
_SGD = "SGD generalises better than Adam for the VGG variant"
_FASTER = "Transfer learning trains faster than training from scratch"
_PRECISE = "Transfer learning is more precise than training from scratch"

_EITHER = "on the undefended network or the student"
_ATTACKED, _TWO = f"FGSM or PGD {_EITHER}", f"FGSM and PGD {_EITHER}"
_STILL = f"faithful PGD {_EITHER}, in results that have the column `max_linf_to_previous`"
_REACHES = f"corrected PGD {_EITHER}"
_BOTH = "FGSM and PGD on the undefended network and the student"
_THREE = "on the student, its control and the undefended network"
_CONTROLLED = f"FGSM or PGD {_THREE}"
_NORMED = f"FGSM through logits {_THREE}, in results that have the column `gradient_l2`"
_PAIR = "FGSM or PGD on ResNet-50 or Inception-V3 with ImageNet weights and on VGG-16, undefended"
_TWINS = f"FGSM (and PGD) on a network with ImageNet weights and on its twin `{arms.FROM_SCRATCH}`"
_MODELS = "FGSM on the undefended networks of all three models on the same data"
_NETWORK = "the faithful undefended network"
_SEEDS = "the undefended network and the arms `{}`, both on three seeds"

_LEVEL, _PLACES = SpeaksOf.LEVEL, (arms.PLACES, Protocol)
_NETWORKS, _CURVES = (*_PLACES, PRINTED), (Protocol, arms.ATTACKS)
_VGG_10, _VGG_100 = [arms.VGG_ON_CIFAR10], [arms.VGG_ON_CIFAR100]
_AT_T = arms.PROCEDURES[Protocol.CORRECTED], arms.ATTACKS
CLAIMS = (
    Claim("NTU-1", _FALLS, at_each(_falls, *_NETWORKS, arms.ATTACKS), _ATTACKED),
    Claim("NTU-2a", _AS_RUN, at_each(_stands_still, arms.PLACES, PRINTED), _STILL),
    Claim("NTU-2b", _CONSTANT, at_each(_saturates, arms.PLACES, PRINTED), _REACHES),
    Claim("NTU-3", _HELPS, at_each(_helps, arms.PLACES, *_CURVES), _CONTROLLED),
    Claim("NTU-4", _HARMS, at_each(_harms_slightly, _VGG_10, Protocol), _BOTH),
    Claim("NTU-5", _SMALL, at_each(_better_up_to, arms.PLACES, [0.2], *_CURVES), _BOTH),
    Claim("NTU-6", _TO_04, at_each(_better_in_cells, _VGG_10, [arms.LEVELS[:4]], Protocol), _BOTH),
    Claim("NTU-7a", _BETTER, at_each(_better_in_cells, _VGG_100, [arms.LEVELS], Protocol), _BOTH),
    Claim("NTU-7b", _MOST, at_each(_better_up_to, _VGG_100, [0.4], *_CURVES), _BOTH),
    Claim("NTU-8a", _VULNERABLE, trainings.TRANSFER_IS_VULNERABLE, _PAIR, _LEVEL),
    Claim("NTU-8b", _WEIGHTS, trainings.WEIGHTS_ARE_VULNERABLE, _TWINS),
    Claim("NTU-9", _MORE, trainings.HELPS_TRANSFER_MORE, f"{_PAIR} and distilled", _LEVEL),
    Claim("NTU-10", _STRONGER, at_each(_pgd_is_stronger, *_NETWORKS), _TWO),
    Claim("NTU-11a", _CLEAN, trainings.CLEAN_LEVEL, _NETWORK, _LEVEL),
    Claim("NTU-11b", _ORDER, trainings.IN_ORDER, _MODELS, _LEVEL),
    Claim("NTU-12", _COSTS, trainings.COSTS_TIME, f"{_NETWORK}, teacher and student", _LEVEL),
    Claim("NTU-13a", _GRADIENT, _gradients, _NORMED),
    Claim("NTU-13b", _ROBUST, at_each(_resists, arms.PLACES, *_AT_T), _CONTROLLED),
    Claim("NTU-14", _BATCH_NORM, trainings.NEEDS_BATCH_NORM, _SEEDS.format(arms.FROZEN)),
    Claim("NTU-15", _ERASING, trainings.ERASING_HELPS, _SEEDS.format(arms.NO_ERASING)),
    Claim("NTU-16", _SGD, trainings.SGD_IS_BETTER, _SEEDS.format("NTU-16 Adam ..."), _LEVEL),
    Claim("NTU-17a", _FASTER, trainings.WEIGHTS_ARE_FASTER, f"{_TWINS}, on three seeds", _LEVEL),
    Claim("NTU-17b", _PRECISE, trainings.WEIGHTS_ARE_PRECISE, _TWINS, _LEVEL),
)
