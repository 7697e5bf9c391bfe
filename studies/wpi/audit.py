"""What measuring showed of the items of WPI's audit."""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation import Estimate, NotRun, average
from harness.arms import Case, Protocol
from harness.claims import Run
from harness.links import read_published
from harness.results import Results, selected
from studies.audit import Shown, as_printed, audited, claimed, measured
from studies.wpi.arms import ATTACK_LEFT_OUT
from studies.wpi.attacks import ATTACKS, CW, DEEPFOOL, IFGSM, SWAP, UNSEEN
from studies.wpi.claims import CLAIMS
from studies.wpi.defense_judges import WAYS, listed, mean_gain
from studies.wpi.defenses import ADVERSARIAL, MASKED, MASKED_SEEN, NONE, SMOOTHED, left_out
from studies.wpi.details import fooled
from studies.wpi.profiles import CASES, HELD_OUT, PROFILES, SPLIT
from studies.wpi.published import FOLDER
from studies.wpi.scores import Place


def _printed_times() -> str:
    rows = selected(read_published(FOLDER), metric="prediction time")
    place = ["defense", "dataset", "attack"]
    seconds = rows.astype({"value": float}).set_index(place)["value"].unstack("attack")
    plain = seconds.loc["none"]
    ratios = plain[[*ATTACKS]].div(plain["none"], axis=0).to_numpy()
    swaps = seconds.loc["gradient masking", SWAP] / plain[SWAP]
    return (
        f"By the printed times an image under attack takes {ratios.min():.0f} to "
        f"{ratios.max():.0f} times as long as a clean one; with gradient masking the pixel swap, "
        f"which uses no gradient, takes {swaps.min():.2f} to {swaps.max():.2f} times as long as "
        "without."
    )


def _crafting(results: Results, case: Case) -> str:
    place = Place(results, case, Protocol.CORRECTED)
    crafting = {each: 1000 * place.crafting_seconds(NONE, each) for each in ATTACKS}
    return (
        f"{place}: classifying an image takes {1000 * place.inference_seconds(NONE):.3g} ms, "
        f"crafting {listed(crafting, '{:.3g}'.format)}."
    )


def _unseen(results: Results, case: Case) -> str:
    place = Place(results, case, Protocol.CORRECTED)
    seen = average(place.gains(ADVERSARIAL).values())
    return (
        f"{place}: adversarial training adds {seen.text()} to the mean F1 under the four attacks "
        f"that it was trained on, and {place.gains(ADVERSARIAL, [UNSEEN])[UNSEEN].text()} under "
        f"{UNSEEN}, which it has not seen."
    )


def _trained_without(results: Results, case: Case, attack: str) -> str:
    place = Place(results, case, Protocol.CORRECTED)
    three = place.direct(left_out(attack), attack, ATTACK_LEFT_OUT).f1
    return (
        f"{place}, {attack}: F1 {three.text()} after training on the other three attacks, "
        f"{place.direct(ADVERSARIAL, attack).f1.text()} after training on all four."
    )


def _by_formula(results: Results, case: Case, attack: str) -> str:
    """At the largest distance."""
    faithful, corrected = (
        Place(results, case, protocol).furthest_f1()[attack].text() for protocol in Protocol
    )
    data = Place(results, case, Protocol.FAITHFUL).data
    return (
        f"{data}, {attack}: F1 {faithful} by the study's formula (faithful), {corrected} by that "
        "of the paper that it cites (corrected)."
    )


def _success_of_cw(results: Results, case: Case) -> str:
    turned = []
    for protocol in Protocol:
        place = Place(results, case, protocol)
        kept = place.details(NONE, CW)
        right = kept["predictions"][0] == kept["labels"]
        if not right.any():
            raise NotRun(f"{place}: an image that is right without attack")
        share = Estimate.accuracy(fooled(kept)[right]).percent()
        turned.append(f"{share} % ({protocol}, {place.steps_of_cw})")
    return (
        f"{place.data}: of the images that are right CW turns, at any distance, "
        f"{' and '.join(turned)}."
    )


def _readings(results: Results, case: Case) -> str:
    faithful, corrected = (Place(results, case, protocol) for protocol in Protocol)
    plain = corrected.clean(NONE).f1
    clean = corrected.by_key(lambda each: corrected.clean(each).f1 - plain, MASKED)
    listed_clean = ", ".join(
        f"{change.text()} ({each.name.removeprefix('masking: ')})" for each, change in clean.items()
    )
    through, both = (mean_gain(place, MASKED_SEEN).text() for place in (faithful, corrected))
    return (
        f"{faithful.data}: clean F1 changes by {listed_clean}, depending on where the noise is. "
        "With noise on the gradient seen, the mean F1 under the four attacks changes by "
        f"{through} where they go through it (faithful), and by {both} where those made on the "
        "plain network count as well (corrected)."
    )


def _through_the_blur(results: Results, case: Case) -> str:
    place = Place(results, case, Protocol.CORRECTED)
    left = []
    for name, way in WAYS.items():
        correct = [way(place, SMOOTHED, attack).correct for attack in place.attacks]
        accuracy = Estimate.accuracy(np.logical_and.reduce(correct))
        left.append(f"{accuracy.percent()} % where attacks are made {name}")
    return f"{place}: the worst of all attacks leaves {' and '.join(left)}."


def _accuracy_and_f1(results: Results, case: Case) -> str:
    place = Place(results, case, Protocol.FAITHFUL)
    attacked = {attack: place.direct(NONE, attack) for attack in ATTACKS}
    apart = {each: kept.accuracy.value - kept.f1.value for each, kept in attacked.items()}
    most = max(apart, key=lambda attack: abs(apart[attack]))
    accuracy, f1 = attacked[most].accuracy, attacked[most].f1
    return (
        f"{place}: accuracy and macro F1 are farthest apart under {most}, {accuracy.text()} and "
        f"{f1.text()}."
    )


def _splits(results: Results, case: Case) -> str:
    split = PROFILES[results.run["profile"]].corrected_split.get(case.dataset, HELD_OUT)
    if split == SPLIT:
        raise NotRun(f"another split of {case}")
    places = [Place(results, case, protocol) for protocol in Protocol]
    random, official = (place.clean(NONE).f1.text() for place in places)
    return (
        f"{places[0].data}: clean F1 {random} on the random split (faithful), {official} on the "
        "official one (corrected)."
    )


def _distances(results: Results, case: Case) -> str:
    place = Place(results, case, Protocol.FAITHFUL)
    kept = {attack: place.details(NONE, attack) for attack in ATTACKS}
    l2 = {
        attack: Estimate.mean(each["l2"][fooled(each)])
        for attack, each in kept.items()
        if fooled(each).any()
    }
    if not l2:
        raise NotRun(f"{place}: an image that an attack turns")
    return f"{place}: mean L2 of the images turned: {listed(l2)}."


def _at_a_budget(results: Results, case: Case) -> str:
    place = Place(results, case, Protocol.CORRECTED)
    at_any = place.furthest_f1()
    shown = {
        attack: f"{place.direct(NONE, attack).f1.text()} and {at_any[attack].text()}"
        for attack in (DEEPFOOL, CW)
    }
    return f"{place}: F1 at the largest budget and at any distance: {listed(shown, str)}."


_CORRECTED = "on the undefended network (corrected)"
_FOUR = "the four attacks"
_LEFT_OUT = f"adversarial training on all attacks but one (the arms `{ATTACK_LEFT_OUT}`)"
_BOTH = "{} on the undefended network, faithful and corrected"
_ITEMS: dict[str, Sequence[Shown]] = {
    "WPI-A1": (
        measured(_unseen, CASES, needs=f"{_FOUR} and {UNSEEN} on adversarial training (corrected)"),
        measured(_trained_without, CASES, ATTACKS, needs=_LEFT_OUT),
    ),
    "WPI-A2": (
        as_printed(_printed_times),
        measured(_crafting, CASES, needs=f"{_FOUR} {_CORRECTED}, timed on a quiet machine"),
        claimed(CLAIMS, "WPI-17"),
    ),
    "WPI-A3": (measured(_by_formula, CASES, [IFGSM], needs=_BOTH.format(IFGSM)),),
    "WPI-A5": (measured(_by_formula, CASES, [DEEPFOOL], needs=_BOTH.format(DEEPFOOL)),),
    "WPI-A6": (measured(_by_formula, CASES, [CW], needs=_BOTH.format(CW)),),
    "WPI-A8": (
        measured(_success_of_cw, CASES, needs=_BOTH.format(CW)),
        claimed(CLAIMS, "WPI-5a", "WPI-5c"),
    ),
    "WPI-A9": (
        measured(_readings, CASES, needs=f"{_FOUR} on a network with gradient masking"),
        claimed(CLAIMS, "WPI-12a"),
    ),
    "WPI-A10": (
        measured(
            _through_the_blur, CASES, needs=f"{_FOUR} through the blur and from the plain network"
        ),
        claimed(CLAIMS, "WPI-11a"),
    ),
    "WPI-A11": (
        measured(_accuracy_and_f1, CASES, needs=f"{_FOUR} on the undefended network (faithful)"),
    ),
    "WPI-A12": (measured(_splits, CASES, needs="the undefended network on both splits"),),
    "WPI-A13": (claimed(CLAIMS, "WPI-3", "WPI-4", "WPI-7a", "WPI-10a", "WPI-10b"),),
    "WPI-A15": (
        measured(_distances, CASES, needs=f"{_FOUR} on the undefended network (faithful)"),
        measured(_at_a_budget, CASES, needs=f"{_FOUR} {_CORRECTED}"),
    ),
}


def audit(runs: Sequence[Run]) -> Mapping[str, str]:
    """By item, what the printed numbers and the runs show of it."""
    return audited(_ITEMS, runs)
