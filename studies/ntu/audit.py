"""What measuring showed of the items of NTU's audit."""

from collections.abc import Mapping, Sequence
from math import e, log

import numpy as np
import pandas as pd

import data
from evaluation import Estimate, NotRun, alike
from harness.arms import MAIN, Case, Protocol, Role, View
from harness.claims import Run
from harness.links import Link
from harness.results import Results, selected, where_run
from studies.audit import Shown, as_printed, audited, claimed, measured
from studies.ntu import arms, masking_page, printed_numbers, sweeps, units
from studies.ntu.claims import CLAIMS, REACH
from studies.ntu.measures import in_range, mean_gain, measure, pair

_LAST = arms.LEVELS[-1]
#: An epsilon at which the study prints an accuracy above the clean one (NTU-A5).
_RISES_AT = 0.2
_FAITHFUL = {"protocol": Protocol.FAITHFUL, "variant": MAIN}
#: How often as many images as the study tested are drawn from those that were attacked (NTU-A7).
_DRAWS = 100


def _nearest_unit(results: Results, case: Case, attack: str) -> str:
    stated = units.published_shares(case, attack)

    def apart(unit: str) -> str:
        curve = units.attacked(results, case, attack, unit)
        return f"{units.difference(curve, stated).times(100).text(1)} points ({unit})"

    every = list(where_run(apart, units.UNITS))
    if not every:
        raise NotRun(f"{attack} on {case}")
    others = "" if len(every) == len(units.UNITS) else "; the other units were not run"
    return (
        f"{results.label(case)}, {attack}: the share of the clean accuracy that is left differs "
        f"from the printed one on average by {', '.join(every)}{others}."
    )


def _undefended(results: Results, case: Case, attack: str) -> pd.DataFrame:
    """Rows of an attack of the faithful protocol, of the first seed, without the clean images.

    Raises:
        NotRun: there are none.
    """
    rows = results.select(
        case=case, role=Role.UNDEFENDED, view=View.SOFTMAX, attack=attack, **_FAITHFUL
    )
    if rows.empty:
        raise NotRun(f"{attack} on {case}, faithful")
    return rows[(rows["epsilon"] > 0) & (rows["seed"] == rows["seed"].min())]


def _moved(results: Results, case: Case) -> str:
    rows = _undefended(results, case, "PGD").reindex(columns=["epsilon_grey", "mean_linf"])
    moved = [
        255 * selected(rows, epsilon_grey=level)["mean_linf"].mean() for level in (REACH, _LAST)
    ]
    if np.isnan(moved).any():
        raise NotRun(f"distances of PGD at {REACH:g} and {_LAST} on {case}")
    return (
        f"{results.label(case)}: as run, PGD moves an image by {moved[0]:.3f} grey levels at "
        f"{REACH:g} and by {moved[1]:.3f} at {_LAST} (mean L-inf)."
    )


def _longer_steps(results: Results, case: Case) -> str:
    place = {"case": case, "role": Role.UNDEFENDED, "view": View.SOFTMAX, **_FAITHFUL}
    curves = [results.curve(attack=each, **place) for each in ("PGD", arms.STEP_OF_THE_TEXT)]
    listing, text = (
        Estimate.paired(curve.at(grey=_LAST), curve.at(grey=REACH)).points() for curve in curves
    )
    return (
        f"{results.label(case)}: from {REACH:g} to {_LAST} accuracy changes by {listing} points "
        f"with the step of the listing, and by {text} with that of the text."
    )


def _right_again(results: Results, case: Case) -> str:
    shares = []
    for protocol in Protocol:
        curve = in_range(results, case, protocol, Role.UNDEFENDED, "PGD")
        right = curve.at(grey=_RISES_AT)[~curve.correct[0]]
        if not right.size:
            raise NotRun(f"an image of {case} that is wrong without attack")
        shares.append(f"{right.sum()} of {right.size}")
    faithful, corrected = shares
    return (
        f"{results.label(case)}, PGD at {_RISES_AT}: of the images that are wrong without attack, "
        f"{faithful} become right under an attack on the prediction (faithful), and {corrected} "
        "under one on the true label (corrected)."
    )


def _rounded(results: Results, case: Case, attack: str) -> str:
    rows = _undefended(results, case, attack)
    last, gone = rows.iloc[-1], int((rows["rounds_away"] == 1).sum())
    floats, rounded = (
        Estimate.share(last[name], int(last["images"])).percent()
        for name in ("accuracy", "rounded_accuracy")
    )
    return (
        f"{results.label(case)}, {attack}: rounded to 8 bits, every image is the clean one again "
        f"at {gone} of {len(rows)} epsilons; at {_LAST} {floats} % are right as floats and "
        f"{rounded} % once rounded, and {100 * last['out_of_range']:.0f} % of the images leave the "
        "range of pixels."
    )


def _width(results: Results, case: Case, protocol: Protocol) -> str:
    curve = in_range(results, case, protocol, Role.UNDEFENDED, "PGD")
    width = max(each.high - each.low for each in curve.accuracies)
    return (
        f"{results.label(case)}, {protocol}: with {curve.images:,} images the 95 % interval of an "
        f"accuracy is up to {100 * width:.1f} points wide."
    )


def _drawn(results: Results, case: Case, attack: str) -> str:
    student, undefended = alike(*pair(results, case, Protocol.FAITHFUL, attack))
    if student.images <= arms.TEST_IMAGES:
        raise NotRun(f"{case} on {_MORE}")
    # By image: accuracies at the last epsilon, and gains, means over epsilons.
    accuracy = 100 * undefended.at(grey=_LAST).mean(axis=0)
    gain = 100 * student.correct[1:].mean(axis=(0, 1)) - 100 * undefended.correct[1:].mean((0, 1))
    random = np.random.RandomState(0)  # whose stream is frozen
    draws = np.stack(
        [random.permutation(student.images)[: arms.TEST_IMAGES] for _ in range(_DRAWS)]
    )
    accuracies, gains = (each[draws].mean(axis=1) for each in (accuracy, gain))
    return (
        f"{results.label(case)}, faithful, {attack}: {_DRAWS} draws of {arms.TEST_IMAGES} of the "
        f"{student.images:,} images give the undefended network {accuracies.min():.1f} to "
        f"{accuracies.max():.1f} % at {_LAST} (all: {accuracy.mean():.1f}), and distillation a "
        f"mean gain of {gains.min():+.1f} to {gains.max():+.1f} points (all: {gain.mean():+.1f})."
    )


def _splits(results: Results, case: Case, protocol: Protocol) -> str:
    test, validation = (
        measure(results, Link("clean accuracy", (case,), split=split), protocol)
        for split in ("test", "validation")
    )
    return (
        f"{results.label(case)}, {protocol}: the undefended network gets {test.text(1)} % of "
        f"{test.images:,} test images and {validation.text(1)} % of {validation.images:,} "
        "validation images right."
    )


def _clean_accuracies(results: Results, case: Case, protocol: Protocol) -> str:
    roles = Role.STUDENT, Role.CONTROL, Role.UNDEFENDED
    clean = [in_range(results, case, protocol, role, "PGD").correct[0] for role in roles]
    student, control, undefended = (Estimate.accuracy(each).percent() for each in clean)
    return (
        f"{results.label(case)}, {protocol}: without attack the student has {student} %, its "
        f"control {control} % and the undefended network {undefended} %; student less undefended "
        f"network {Estimate.paired(clean[0], clean[-1]).points()} points."
    )


def _over_the_control(results: Results, case: Case, protocol: Protocol) -> str:
    undefended, control = (
        mean_gain(results, case, protocol, "PGD", reference).points()
        for reference in (Role.UNDEFENDED, Role.CONTROL)
    )
    return (
        f"{results.label(case)}, {protocol}: under PGD the student gains {undefended} points over "
        f"the undefended network, and {control} over its control, which has the same training "
        "without the teacher."
    )


def _at_the_end(results: Results, case: Case, procedure: str, *columns: str) -> pd.Series:
    """What the history of the first student has in its last epoch."""
    rows = results.trained(case=case, role=Role.STUDENT, procedure=procedure, variant=MAIN)
    if rows.empty:
        raise NotRun(f"the student ({procedure}) of {case}")
    return results.history(rows["stage"].iloc[0]).iloc[-1][list(columns)].astype(float)


def _terms(results: Results, case: Case, protocol: Protocol) -> str:
    procedure = arms.COMPARED[protocol].procedure
    norms = "distillation_gradient_norm", "student_gradient_norm"
    soft, hard = _at_the_end(results, case, procedure, *norms)
    if not hard:
        raise NotRun(f"a gradient of the student term of {case}")
    return (
        f"{results.label(case)}, {protocol}: at the end of the training the gradient of the "
        f"distillation term has {soft / hard:.2g} times the norm of that of the student term."
    )


def _floor(results: Results, case: Case) -> str:
    (loss,) = _at_the_end(results, case, "as_listed", "student_loss")
    (dataset,) = set(results.select(case=case)["dataset"])
    classes = len(data.class_names(dataset))
    return (
        f"{results.label(case)}, faithful: the student loss ends at {loss:.3f}; with {classes} "
        f"classes it cannot fall below {log(1 + (classes - 1) / e):.3f}."
    )


def _by_temperature(results: Results) -> str:
    rows = sweeps.swept(results, "temperature")
    if len(rows) < 2:
        raise NotRun("a sweep over T")
    through = "PGD through logits / T"
    listed = (f"{row[through].percent()} % at {row['value']:g}" for _, row in rows.iterrows())
    return (
        f"{results.label(arms.VGG_ON_CIFAR10)}, corrected: {through} at {sweeps.EPSILON} leaves, "
        f"by the T of the training, {', '.join(listed)}."
    )


def _temperature_kept(results: Results, case: Case) -> str:
    place = {"case": case, "attack": "PGD", "defense": f"as_listed {Role.STUDENT}", **_FAITHFUL}
    shown = []
    for view in (View.SOFTMAX, View.SOFTMAX_AT_T):
        accuracy = Estimate.accuracy(results.curve(view=view, **place).at(grey=_LAST))
        zero = results.select(view=view, epsilon_grey=_LAST, **place)["zero_gradient"].mean()
        shown.append(f"{accuracy.percent()} % right (gradients that are zero: {100 * zero:.0f} %)")
    without, kept = shown
    return (
        f"{results.label(case)}, faithful student: PGD at {_LAST} leaves {without} where T is 1, "
        f"and {kept} where T is kept."
    )


def _worst_of_all(results: Results, case: Case, procedure: str) -> str:
    """Under both attacks through both outputs: the worst counts for every image."""
    place = {"case": case, "protocol": Protocol.CORRECTED, "variant": MAIN}
    place |= {"attack": arms.ATTACKS}
    student = {"defense": f"{procedure} {Role.STUDENT}", **place}
    results.curve(view=View.LOGITS_OVER_T, **student)  # NotRun without it
    ours = results.curve(view=(View.LOGITS, View.LOGITS_OVER_T), **student).at(grey=_LAST)
    undefended = results.curve(defense="none", view=View.LOGITS, **place).at(grey=_LAST)
    zero = results.select(view=View.LOGITS, **student)["zero_gradient"].max()
    return (
        f"{results.label(case)}, student ({procedure}): the worst of FGSM and PGD through logits "
        f"and logits / T leaves {Estimate.accuracy(ours).percent()} % right at {_LAST}, a "
        f"difference of {Estimate.paired(ours, undefended).points()} points from the undefended "
        f"network; the gradient through the logits is zero on {100 * zero:.0f} % of the images."
    )


def _halved(results: Results, case: Case) -> str:
    place = {"case": case, "protocol": Protocol.CORRECTED, "role": Role.UNDEFENDED}
    # A profile that lowers the rate in a way of its own has trained with the listed one besides.
    listed = (
        arms.RATE_AS_LISTED if results.trained(variant=arms.RATE_AS_LISTED, **place).size else MAIN
    )
    shown = []
    for variant in (listed, arms.RATE_HALVED):
        rows = results.trained(variant=variant, **place)
        if rows.empty:
            raise NotRun(f"{variant} of {case}")
        images = int(rows["test_images"].iloc[0])
        shown.append(Estimate.share(rows["test_accuracy"].mean(), images).percent())
    as_listed, halved = shown
    return (
        f"{results.label(case)}, corrected: test accuracy is {as_listed} % with the listed rate "
        f"and {halved} % where it is halved every {arms.HALVE_EVERY} epochs (in proportion)."
    )


def _preprocessed(results: Results, case: Case) -> str:
    faithful, corrected = (
        measure(results, Link("clean accuracy", (case,), split="test"), each).text(1)
        for each in Protocol
    )
    return (
        f"{results.label(case)}: test accuracy is {faithful} % on raw pixels (faithful) and "
        f"{corrected} % with the scaling that the weights expect (corrected)."
    )


def _masked(results: Results) -> str:
    seen = masking_page.attacked(results)
    if seen is None:
        raise NotRun("networks with and without a masked gradient")
    looks, opened, *_ = masking_page.sentences(seen)
    return f"{looks} {opened}"


_PGD = "faithful PGD on the undefended network"
_BOTH = "PGD on the undefended network, faithful and corrected"
_THREE = "PGD on the student, its control and the undefended network"
_MORE = f"more than {arms.TEST_IMAGES} images"
_STUDENT = f"faithful FGSM or PGD on the student and the undefended network, on {_MORE}"
_SWEEP = "the corrected student at several temperatures (`NTU-A14 T = ...`)"
_OVER_T = "FGSM and PGD through logits / T on a corrected student, and on the undefended network"
_CORRECTED = arms.PROCEDURES[Protocol.CORRECTED]
_RAW = "ResNet-50 or Inception-V3 with ImageNet weights, undefended, faithful and corrected"
_PRETRAINED = [case for case in arms.PLACES if arms.NETWORKS[case.model].weights]
_PLACES = arms.PLACES, Protocol
_ITEMS: dict[str, Sequence[Shown]] = {
    "NTU-A1": (
        as_printed(printed_numbers.shares_left),
        measured(_nearest_unit, arms.CASES, arms.ATTACKS, needs=f"FGSM or {_PGD}"),
    ),
    "NTU-A2": (
        as_printed(printed_numbers.constant_columns),
        measured(_moved, arms.PLACES, needs=_PGD),
        claimed(CLAIMS, "NTU-2a", "NTU-2b", places=""),
    ),
    "NTU-A3": (measured(_longer_steps, arms.PLACES, needs=f"{_PGD} with both steps"),),
    "NTU-A4": (
        as_printed(printed_numbers.fgsm_below_pgd),
        claimed(CLAIMS, "NTU-10", places="undefended"),
    ),
    "NTU-A5": (
        as_printed(printed_numbers.above_clean),
        measured(_right_again, arms.PLACES, needs=_BOTH),
    ),
    "NTU-A6": (measured(_rounded, arms.PLACES, arms.ATTACKS, needs=f"FGSM or {_PGD}"),),
    "NTU-A7": (
        as_printed(printed_numbers.two_hundred_images),
        measured(_width, *_PLACES, needs="PGD on the undefended network"),
        measured(_drawn, arms.PLACES, arms.ATTACKS, needs=_STUDENT),
    ),
    "NTU-A8": (
        as_printed(printed_numbers.test_less_validation),
        measured(_splits, *_PLACES, needs="the undefended network"),
    ),
    "NTU-A9": (measured(_clean_accuracies, *_PLACES, needs=_THREE),),
    "NTU-A10": (
        as_printed(printed_numbers.other_budgets),
        measured(_over_the_control, *_PLACES, needs=_THREE),
    ),
    "NTU-A11": (measured(_terms, *_PLACES, needs="the student"),),
    "NTU-A12": (measured(_floor, arms.PLACES, needs="the faithful student"),),
    "NTU-A14": (measured(_by_temperature, needs=_SWEEP),),
    "NTU-A15": (
        measured(_temperature_kept, arms.PLACES, needs="PGD on the faithful student, T kept and 1"),
    ),
    "NTU-A16": (
        measured(_worst_of_all, arms.PLACES, _CORRECTED, needs=_OVER_T),
        measured(_masked, needs="the arms on masked gradients, as in the profile `demo`"),
    ),
    "NTU-A17": (as_printed(printed_numbers.layers),),
    "NTU-A18": (
        as_printed(printed_numbers.rate_left),
        measured(_halved, arms.PLACES, needs=f"the arms `{arms.RATE_HALVED}`"),
    ),
    "NTU-A19": (measured(_preprocessed, _PRETRAINED, needs=_RAW),),
    "NTU-A20": (claimed(CLAIMS, "NTU-8a", "NTU-8b", places=""),),
    "NTU-A21": (as_printed(printed_numbers.averages),),
    "NTU-A22": (as_printed(printed_numbers.better_cells), claimed(CLAIMS, "NTU-6", places="")),
}


def audit(runs: Sequence[Run]) -> Mapping[str, str]:
    """By item, what the printed numbers and the runs show of it."""
    return audited(_ITEMS, runs)
