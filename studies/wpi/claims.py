"""The claims of the WPI study, judged by what was measured.

F1 is macro F1. Faithful F1 is at any distance but IFGSM's. Corrected F1 of a defense is at the
budget of each attack and, where an attack was also crafted on the plain network, for every image
under the one that succeeds; attacks are compared with each other at any distance but IFGSM's, as
their budgets are of different norms. Intervals are of a bootstrap over images, paired where the
images are the same. Times are the machine's that ran, and have no interval.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from evaluation import wilson
from harness.claims import (
    CONFIRMED,
    NOT_RUN,
    REFUTED,
    UNDECIDED,
    Verdict,
    by_sign,
)
from harness.results import Results
from studies.wpi.arms import (
    ADVERSARIAL,
    ATTACKS,
    CASES,
    COMBINED,
    COMPARED,
    CW,
    DEEPFOOL,
    DEFENSES,
    DISTILLED,
    FAITHFUL,
    IFGSM,
    MASKED,
    MASKED_SEEN,
    MASKED_UPDATES,
    NONE,
    PROFILES,
    SMOOTHED,
    SWAP,
    UNSEEN,
    step_attacks,
)
from studies.wpi.published import gtsrb_under_cw
from studies.wpi.scores import (
    Score,
    adaptive,
    arms_of,
    attacked,
    average,
    clean_f1,
    crafting_seconds,
    furthest_f1,
    inference_seconds,
    macro_f1,
    mean,
    mean_f1,
    transferred,
    turned,
)

_Found = Iterator[tuple[str, str, str]]
#: An F1 that is excellent (WPI-1), a change that is none (WPI-12), a ratio of times that is
#: marginal (WPI-4) and one that is none (WPI-17), a gap that is close to the boundary (WPI-8).
_EXCELLENT, _NO_CHANGE, _MARGINAL, _SAME_TIME, _CLOSE = 0.9, 0.02, 1.5, 0.1, 0.1
#: How far from the printed one an F1 is near it (WPI-5).
_NEAR = 0.1
_SINGLE = (NONE, ADVERSARIAL, SMOOTHED, *MASKED, DISTILLED)
#: Networks whose clean images pass the same graph as those of the undefended one.
_SAME_GRAPH = (ADVERSARIAL, MASKED_UPDATES, DISTILLED)


def claims(results: Results) -> list[Verdict]:
    """All verdicts, in the order of the claims; a claim without its arms is "not run"."""
    verdicts = []
    for judge, (claim, statement) in _CLAIMS.items():
        found = [Verdict(claim, statement, *rest) for rest in judge(results)]
        verdicts += found or [Verdict(claim, statement, "", NOT_RUN, _needs(claim))]
    return verdicts


def _needs(claim: str) -> str:
    if claim in ("WPI-1", "WPI-15"):
        return "compares data sets: the arms of all three were not run"
    return "its arms were not run"


def _places(results: Results) -> Iterator[tuple[str, str, str]]:
    """(case, protocol, what both are called) of what was run."""
    ran = set(zip(results.table["case"], results.table["protocol"], strict=True))
    for case in CASES:
        for protocol in COMPARED:
            if (case, protocol) in ran:
                yield case, protocol, f"{results.label(case)}, {protocol}"


def _ranked(results: Results, case: str, protocol: str) -> dict[str, Score] | None:
    """F1 without defense, by attack, to compare the attacks."""
    scores = {name: furthest_f1(results, case, protocol, name) for name in ATTACKS}
    return None if None in scores.values() else scores


def _cw(results: Results, protocol: str) -> tuple[bool, str]:
    """Whether CW was given the search of the paper profile, and its search in words."""
    used, full = (
        getattr(PROFILES[profile].effort, f"{protocol}_cw")
        for profile in (results.run["profile"], "paper")
    )
    words = f"CW in {used.search_steps} x {used.steps} steps"
    if used == full:
        return True, words
    return False, f"{words}, {full.search_steps} x {full.steps} in the paper profile"


def _by_attack(scores: dict[str, Score]) -> str:
    return ", ".join(f"{name} {score}" for name, score in scores.items())


def _baseline(results: Results) -> _Found:
    for protocol in COMPARED:
        scores = {case: clean_f1(results, case, protocol, NONE) for case in CASES}
        if None in scores.values():
            continue
        mnist, cifar, gtsrb = scores.values()
        signs = [_above(score, _EXCELLENT) for score in (mnist, gtsrb)]
        small = [case for case in CASES if _is_reduced(results, case)]
        if small:
            # The whole network on all images would be better: a low score says nothing.
            signs = [max(sign, 0) for sign in signs]
        # Different images: the draws are independent.
        signs += [(mnist - cifar).sign, (gtsrb - cifar).sign]
        yield (
            protocol,
            by_sign(signs),
            f"clean F1 {_by_attack(scores)}; excellent from {_EXCELLENT} on"
            + (", which a smaller network or fewer images cannot refute" if small else ""),
        )


def _is_reduced(results: Results, case: str) -> bool:
    """Whether the networks were trained with less than in the paper profile."""
    scale = PROFILES[results.run["profile"]].scales[case.split("/")[1]]
    return scale.width < 1 or scale.images is not None or scale.epochs is not None


def _above(score: Score, bound: float) -> int:
    return int(score.low > bound) - int(score.high < bound)


def _ifgsm_effective_and_fastest(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        scores, seconds = _ranked(results, case, protocol), _times(results, case, protocol)
        clean = clean_f1(results, case, protocol, NONE)
        if scores is None or seconds is None or clean is None:
            continue
        half = Score(clean.value / 2, clean.draws / 2, clean.images)
        others = min(seconds[name] for name in ATTACKS if name != IFGSM)
        fastest = 1 if others > _MARGINAL * seconds[IFGSM] else -1
        yield (
            where,
            by_sign([(half - scores[IFGSM]).sign, fastest]),
            f"F1 {scores[IFGSM]} of {clean} without attack (effective: less than half); "
            f"{_milliseconds(seconds)} ({_cw(results, protocol)[1]})",
        )


def _times(results: Results, case: str, protocol: str) -> dict[str, float] | None:
    seconds = {name: crafting_seconds(results, case, protocol, NONE, name) for name in ATTACKS}
    return None if np.isnan(list(seconds.values())).any() else seconds


def _milliseconds(seconds: dict[str, float]) -> str:
    times = ", ".join(f"{name} {1000 * value:.3g}" for name, value in seconds.items())
    return f"milliseconds of crafting an image: {times}"


def _deepfool_lowest(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        scores = _ranked(results, case, protocol)
        if scores is not None:
            signs = [(scores[name] - scores[DEEPFOOL]).sign for name in ATTACKS if name != DEEPFOOL]
            yield where, by_sign(signs), f"F1: {_by_attack(scores)}"


def _deepfool_marginally_slower(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        seconds = _times(results, case, protocol)
        if seconds is not None:
            ratio = seconds[DEEPFOOL] / seconds[IFGSM]
            yield (
                where,
                CONFIRMED if 1 < ratio < _MARGINAL else REFUTED,
                f"{ratio:.2f} times as long (marginal: below {_MARGINAL}); "
                "a reduced profile shortens neither attack",
            )


def _cw_weaker_and_slower(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        scores, seconds = _ranked(results, case, protocol), _times(results, case, protocol)
        if scores is None or seconds is None:
            continue
        full, search = _cw(results, protocol)
        weaker = scores[CW] - mean([scores[IFGSM], scores[DEEPFOOL]])
        slower = seconds[CW] / max(seconds[IFGSM], seconds[DEEPFOOL])
        high_f1, others = [weaker.sign], [1 if slower > _MARGINAL else -1]
        if case.endswith("/gtsrb"):
            high_f1.append(_above(scores[CW], gtsrb_under_cw() - _NEAR))
            others.append(-_above(scores[CW], gtsrb_under_cw() + _NEAR))
        if not full:
            # A longer search lowers F1 and takes longer: a high F1 and a short time say nothing.
            high_f1 = [min(sign, 0) for sign in high_f1]
            others = [max(sign, 0) for sign in others]
        yield (
            where,
            by_sign([*high_f1, *others]),
            f"F1 {scores[CW]}, {weaker} above the mean of IFGSM and DeepFool"
            + (f" (near {gtsrb_under_cw():g}: within {_NEAR})" if case.endswith("/gtsrb") else "")
            + f"; {slower:.1f} times as long as the slower of them; {search}"
            + ("" if full else ", so that weakness is not confirmed, nor speed"),
        )


def _distances_in_order(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        arms = _first_arms(results, case, protocol)
        if arms is None:
            continue
        rows = _turned_by_all(results, arms.values())
        if len(rows) < 2:
            yield where, UNDECIDED, f"{len(rows)} images are fooled by all four attacks"
            continue
        means = {
            words: {name: average(results.details[arm][key][rows]) for name, arm in arms.items()}
            for words, key in (("L2", "l2"), ("SSIM", "ssim"), ("L-inf", "linf"), ("L0", "l0"))
        }
        l2, ssim = means["L2"], means["SSIM"]
        pairs = [(SWAP, name) for name in ATTACKS if name != SWAP]
        pairs += [(DEEPFOOL, name) for name in (IFGSM, CW)]
        signs = [(l2[farther] - l2[nearer]).sign for farther, nearer in pairs]
        signs += [(ssim[nearer] - ssim[farther]).sign for farther, nearer in pairs]
        yield (
            where,
            by_sign(signs),
            f"of {len(rows)} images fooled by all, means (judged by L2 and SSIM): "
            + "; ".join(f"{words}: {_by_attack(found)}" for words, found in means.items()),
        )


def _first_arms(results: Results, case: str, protocol: str) -> dict[str, str] | None:
    """The arm of each attack without defense, of the first seed; `None` unless all were run."""
    arms = {name: arms_of(results, case, protocol, NONE, name) for name in ATTACKS}
    return {name: seeds[0] for name, seeds in arms.items()} if all(arms.values()) else None


def _turned_by_all(results: Results, arms: Iterable[str]) -> np.ndarray:
    """The images that are right and that every arm turns, int [n]."""
    every = [turned(results.details[arm]) for arm in arms]
    return np.flatnonzero(np.logical_and.reduce(every))


def _swap_least_and_slowest(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        scores, seconds = _ranked(results, case, protocol), _times(results, case, protocol)
        if scores is None or seconds is None:
            continue
        full, search = _cw(results, protocol)
        signs = [(scores[SWAP] - scores[name]).sign for name in ATTACKS if name != SWAP]
        slowest = all(seconds[SWAP] > seconds[name] for name in ATTACKS if name != SWAP)
        # A CW that takes longer may be slower than the pixel swap.
        signs.append((1 if full else 0) if slowest else -1)
        yield (
            where,
            by_sign(signs),
            f"F1: {_by_attack(scores)}; {_milliseconds(seconds)} ({search})",
        )


def _close_to_the_boundary(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        arms = _first_arms(results, case, protocol)
        if arms is None:
            continue
        shares, signs = [], []
        for name, arm in arms.items():
            kept = results.details[arm]
            fooled = turned(kept)
            if not fooled.any():
                continue
            gaps = kept["gap"][fooled].astype(float)
            low, high = wilson(int((gaps < _CLOSE).sum()), len(gaps))
            shares.append(
                f"{name} median {np.median(gaps):.3f}, below {_CLOSE} on "
                f"{np.mean(gaps < _CLOSE):.0%} [{low:.0%}, {high:.0%}]"
            )
            if name in (DEEPFOOL, SWAP):
                signs.append(int(low > 0.5) - int(high < 0.5))
        yield (
            where,
            by_sign(signs) if len(signs) == 2 else UNDECIDED,
            f"gap between the two highest probabilities: {'; '.join(shares)} "
            "(close: below on most images)"
            + ("" if len(signs) == 2 else "; an attack that is meant fools no image"),
        )


def _gains(
    results: Results, case: str, protocol: str, defense: str, attacks: Sequence[str] = ATTACKS
) -> dict[str, Score] | None:
    """What a defense adds to the F1 under each attack."""
    plain, scores = (attacked(results, case, protocol, each, attacks) for each in (NONE, defense))
    if plain is None or scores is None:
        return None
    return {name: scores[name] - plain[name] for name in attacks}


def _adversarial_training_best(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        # WPI-A1: also an attack that it was not trained on.
        met = ATTACKS if protocol == "faithful" else (*ATTACKS, UNSEEN)
        gains = _gains(results, case, protocol, ADVERSARIAL, met)
        means = {
            defense: mean_f1(results, case, protocol, defense, met)
            for defense in _SINGLE
            if protocol == "corrected" or defense in FAITHFUL
        }
        if gains is None or None in means.values():
            continue
        signs = [gain.sign for gain in gains.values()]
        signs += [
            (means[ADVERSARIAL] - score).sign
            for defense, score in means.items()
            if defense != ADVERSARIAL
        ]
        yield (
            where,
            by_sign(signs),
            f"F1 gains: {_by_attack(gains)}; mean F1 over the attacks: {_by_attack(means)}",
        )


def _clean_kept(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        plain = clean_f1(results, case, protocol, NONE)
        hardened = clean_f1(results, case, protocol, ADVERSARIAL)
        if plain is None or hardened is None:
            continue
        change = hardened - plain
        if case == CASES[0]:
            outcome = by_sign([-change.sign])
        else:
            outcome = by_sign([_above(change, -_NO_CHANGE)])
        says = "falls" if case == CASES[0] else f"falls by less than {_NO_CHANGE}"
        yield where, outcome, f"clean F1 changes by {change}; claimed: {says}"


def _smoothing_helps(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        plain = attacked(results, case, protocol, NONE)
        if plain is None:
            continue
        for words, of in (("from the plain network", transferred), ("through the blur", adaptive)):
            found = {name: of(results, case, protocol, SMOOTHED, name) for name in ATTACKS}
            if None in found.values():
                continue
            gains = {name: macro_f1(*found[name]) - plain[name] for name in ATTACKS}
            over = [gains[most] - gains[less] for most in (DEEPFOOL, SWAP) for less in (IFGSM, CW)]
            yield (
                f"{where}, {words}",
                by_sign([score.sign for score in [*gains.values(), *over]]),
                f"F1 gains: {_by_attack(gains)}; DeepFool's and the pixel swap's over each of the "
                f"others {', '.join(map(str, over))}",
            )


def _masking_useless(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        for defense in MASKED:
            gains = _gains(results, case, protocol, defense)
            if gains is None:
                continue
            # A loss is no useful effect either.
            outcome = by_sign([-_above(gain, _NO_CHANGE) for gain in gains.values()])
            words = f" (useful: above {_NO_CHANGE})"
            if defense == MASKED_SEEN:
                # Without a gradient there is nothing to mask.
                same = np.array_equal(
                    adaptive(results, case, protocol, NONE, SWAP)[1],
                    adaptive(results, case, protocol, defense, SWAP)[1],
                )
                words += f"; pixel swap identical: {'yes' if same else 'no'}"
                outcome = outcome if same else REFUTED
            yield f"{where}, {defense}", outcome, f"F1 changes: {_by_attack(gains)}{words}"


def _distillation(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        plain = attacked(results, case, protocol, NONE)
        scores = attacked(results, case, protocol, DISTILLED)
        clean = clean_f1(results, case, protocol, DISTILLED)
        if plain is None or scores is None or clean is None:
            continue
        near = scores[DEEPFOOL] / clean
        doubled = scores[SWAP] / plain[SWAP] if plain[SWAP].value else None
        ratio = 0 if doubled is None else _inside(doubled, 1.5, 2.5)
        fails = [_above(plain[name] - scores[name], -0.1) for name in (CW, IFGSM)]
        yield (
            where,
            by_sign([_above(near, 0.9), ratio, *fails]),
            f"F1: {_by_attack(scores)}, without distillation {_by_attack(plain)}; under DeepFool "
            f"{near} of the clean F1 (near: 0.9), under the pixel swap "
            f"{'undefined' if doubled is None else doubled} times the undefended (nearly double: "
            "1.5 to 2.5); to fail: a gain below 0.1",
        )


def _inside(score: Score, low: float, high: float) -> int:
    if score.low > low and score.high < high:
        return 1
    return -1 if score.high < low or score.low > high else 0


def _distillation_raises_clean(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        student = clean_f1(results, case, protocol, DISTILLED)
        control = clean_f1(results, case, protocol, "soft_labels control", "WPI-14")
        plain = clean_f1(results, case, protocol, NONE)
        if case == CASES[0] or student is None or control is None or plain is None:
            continue
        over = {"the undefended network": student - plain, "hard labels at T": student - control}
        yield (
            where,
            by_sign([difference.sign for difference in over.values()]),
            f"clean F1 over {_by_attack(over)}",
        )


def _better_on_mnist(results: Results) -> _Found:
    if not set(CASES) <= set(results.table["case"]):
        return
    for protocol in COMPARED:
        means = {}
        for case in CASES:
            gains = [_mean_gain(results, case, protocol, d) for d in _SINGLE if d != NONE]
            known = [gain for gain in gains if gain is not None]
            if known:
                means[case] = mean(known)
        if len(means) == len(CASES):
            mnist, *others = means.values()
            yield (
                protocol,
                by_sign([(mnist - other).sign for other in others]),
                f"mean F1 gain over defenses and attacks: {_by_attack(means)}",
            )


def _mean_gain(results: Results, case: str, protocol: str, defense: str) -> Score | None:
    gains = _gains(results, case, protocol, defense)
    return None if gains is None else mean(gains.values())


def _network_based_better(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        gains = {d: _mean_gain(results, case, protocol, d) for d in _SINGLE if d != NONE}
        gains = {defense: gain for defense, gain in gains.items() if gain is not None}
        network = [gains[d] for d in (ADVERSARIAL, DISTILLED) if d in gains]
        other = [gain for d, gain in gains.items() if d in (SMOOTHED, *MASKED)]
        if len(network) == 2 and other:
            difference = mean(network) - mean(other)
            yield (
                where,
                by_sign([difference.sign]),
                f"mean F1 gains: {_by_attack(gains)}; network based minus the others {difference}",
            )


def _same_time(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        plain = inference_seconds(results, case, protocol, NONE)
        ratios = {
            defense: inference_seconds(results, case, protocol, defense) / plain
            for defense in DEFENSES
            if defense not in (NONE, COMBINED)
        }
        ratios = {defense: ratio for defense, ratio in ratios.items() if np.isfinite(ratio)}
        if ratios:
            others = [defense for defense in ratios if abs(ratios[defense] - 1) > _SAME_TIME]
            # Ratios of one graph to itself tell whether times can be compared at all.
            quiet = not set(others) & set(_SAME_GRAPH)
            shown = ", ".join(f"{defense} {ratio:.2f}" for defense, ratio in ratios.items())
            yield (
                where,
                CONFIRMED if not others else REFUTED if quiet else UNDECIDED,
                f"clean inference, defended / undefended, medians over arms: {shown}; "
                f"the same: within {_SAME_TIME:.0%}"
                + ("" if quiet else "; the machine was not quiet: one graph differs from itself"),
            )


def _combination_better(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        scores = {
            defense: mean_f1(results, case, protocol, defense)
            for defense in (COMBINED, ADVERSARIAL, SMOOTHED)
        }
        if None in scores.values():
            continue
        signs = [(scores[COMBINED] - scores[part]).sign for part in (ADVERSARIAL, SMOOTHED)]
        yield where, by_sign(signs), f"mean F1 over the attacks: {_by_attack(scores)}"


def _momentum_small(results: Results) -> _Found:
    for case, protocol, where in _places(results):
        names = list(step_attacks(case.split("/")[1]))
        arms = [arms_of(results, case, protocol, NONE, name, variant="WPI-19") for name in names]
        if not all(arms):
            continue
        first = dict(zip(names, (seeds[0] for seeds in arms), strict=True))
        rows = _turned_by_all(results, first.values())
        if len(rows) < 2:
            yield where, UNDECIDED, f"{len(rows)} images are turned by all four"
            continue
        l2 = {name: average(results.details[arm]["l2"][rows]) for name, arm in first.items()}
        coarse, fine, coarse_without, fine_without = l2.values()
        signs = [
            (coarse - fine).sign,
            (coarse_without - coarse).sign,
            (fine_without - fine).sign,
        ]
        yield (
            where,
            by_sign(signs),
            f"mean L2 of what IFGSM adds until its first success, of {len(rows)} images that "
            f"were right and that all four turn: {_by_attack(l2)}",
        )


_CLAIMS: dict[Callable, tuple[str, str]] = {
    _baseline: ("WPI-1", "the baseline is excellent on MNIST and GTSRB, weaker on CIFAR-10"),
    _ifgsm_effective_and_fastest: ("WPI-2", "IFGSM is effective and by far the fastest attack"),
    _deepfool_lowest: ("WPI-3", "DeepFool gives the lowest F1 of all attacks"),
    _deepfool_marginally_slower: ("WPI-4", "DeepFool is only marginally slower than IFGSM"),
    _cw_weaker_and_slower: ("WPI-5", "CW is less successful and much slower"),
    _distances_in_order: (
        "WPI-6",
        "CW and IFGSM images stay closest to the original, pixel swap is the most visible",
    ),
    _swap_least_and_slowest: ("WPI-7", "pixel swap is the least effective and slowest attack"),
    _close_to_the_boundary: (
        "WPI-8",
        "DeepFool and pixel swap images lie close to the decision boundary",
    ),
    _adversarial_training_best: (
        "WPI-9",
        "adversarial training improves F1 under all attacks and is the best defense",
    ),
    _clean_kept: ("WPI-10", "adversarial training keeps clean accuracy except on MNIST"),
    _smoothing_helps: (
        "WPI-11",
        "smoothing helps under every attack, most of all DeepFool and pixel swap",
    ),
    _masking_useless: (
        "WPI-12",
        "gradient masking has no useful effect and cannot affect the black-box attack",
    ),
    _distillation: (
        "WPI-13",
        "distillation lifts F1 under DeepFool near the clean one, nearly doubles it under pixel "
        "swap, fails under CW and IFGSM",
    ),
    _distillation_raises_clean: (
        "WPI-14",
        "distillation raises clean accuracy on CIFAR-10 and GTSRB",
    ),
    _better_on_mnist: ("WPI-15", "defenses work better on MNIST than on the others"),
    _network_based_better: (
        "WPI-16",
        "adversarial training and distillation beat blur and masking",
    ),
    _same_time: ("WPI-17", "defenses hardly change prediction time"),
    _combination_better: ("WPI-18", "adversarial training plus smoothing is better than either"),
    _momentum_small: (
        "WPI-19",
        "IFGSM perturbations are small because of the small step and momentum",
    ),
}
