"""The claims of the ICBAI paper, judged by what was measured; that of its second half is here."""

from collections.abc import Iterator

import numpy as np

from evaluation import mean_paired_difference, paired_difference, wilson
from harness.claims import CONFIRMED, NOT_RUN, REFUTED, UNDECIDED, Verdict
from harness.results import Results
from studies.icbai import classifier_claims as on_classifiers
from studies.icbai.distillation import CASE

#: 30 % noise in grey levels, and the accuracy that is claimed there, rounded down to what a
#: single network can be held to.
NOISE, CLAIMED = 0.3 * 255, 0.9

_DISTILLED = "the distilled MNIST network keeps 92.91 % under FGSM at 30 % noise"


def claims(results: Results) -> list[Verdict]:
    """All verdicts, in the order of the claims; a claim without its arms is "not run"."""
    verdicts = []
    for claim, (statement, judge) in _CLAIMS.items():
        found = [Verdict(claim, statement, *rest) for rest in judge(results)]
        verdicts += found or [Verdict(claim, statement, "", NOT_RUN, "its arms were not run")]
    return verdicts


def _distilled(results: Results) -> Iterator[tuple[str, str, str]]:
    for protocol, attack, words in (
        ("faithful", "FGSM", "FGSM through saturated logits"),
        ("corrected", None, "the worst of all attacks"),
    ):
        student = _at_noise(results, protocol, "student", attack)
        if student is None:
            continue
        images = student.shape[1]
        low, high = wilson(round(student.mean() * images), images)
        outcome = CONFIRMED if low >= CLAIMED else REFUTED if high < CLAIMED else UNDECIDED
        yield (
            f"{results.label(CASE)}, {protocol}, {words}",
            outcome,
            f"accuracy {100 * student.mean():.2f} % [{100 * low:.2f}, {100 * high:.2f}] "
            f"of {images:,} images; confirmed from {100 * CLAIMED:.0f} % on"
            + "".join(_gains(results, protocol, attack, student)),
        )


def _gains(results: Results, protocol: str, attack: str | None, student) -> Iterator[str]:
    for role, name in (("control", "hard labels at T"), ("undefended", "the undefended network")):
        other = _at_noise(results, protocol, role, attack)
        if other is not None:
            gain = _paired(student, other)
            yield (
                f"; gain over {name} {100 * gain.difference:+.1f} points "
                f"[{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
            )


def _at_noise(results: Results, protocol: str, role: str, attack: str | None):
    """Outcomes at 30 % noise, bool [seeds, N]."""
    found = results.outcomes(CASE, protocol, role, attack)
    if found is None:
        return None
    (index,) = np.flatnonzero(np.isclose(found[0], NOISE))
    return found[1][index]


def _paired(first: np.ndarray, second: np.ndarray):
    if len(first) == 1:
        return paired_difference(first[0], second[0])
    return mean_paired_difference(first, second)


_CLAIMS = {
    "ICB-1": (
        "FGSM lowers accuracy as epsilon grows from 0.01 to 0.10, up to a saturation point",
        on_classifiers.falls_and_saturates,
    ),
    "ICB-2": ("damage grows with the size of the patch", on_classifiers.grows_with_size),
    "ICB-3": ("the toaster patch is the most damaging", on_classifiers.toaster_leads),
    "ICB-4": ("patches are more effective than FGSM", on_classifiers.better_than_fgsm),
    "ICB-5": (_DISTILLED, _distilled),
    "ICB-6": ("FGSM images cannot be told from clean ones by eye", on_classifiers.invisible),
}
