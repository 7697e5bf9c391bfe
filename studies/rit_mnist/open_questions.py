"""What the RIT study measures of two questions that the post leaves open.

Label leaking: whether FGSM away from the true label tells a network the label (Kurakin, Goodfellow
and Bengio, 2017, arXiv 1611.01236). Capacity: whether a wider network is more robust when it is
trained on PGD examples (Madry et al., 2018, arXiv 1706.06083).
"""

from typing import NamedTuple

import pandas as pd

from evaluation import Curve, Estimate
from harness.arms import Protocol
from harness.results import Results, where_run
from harness.rule import Ruling, direction
from studies.rit_mnist import curves
from studies.rit_mnist.arms import CASE, FGSM_OF, MAY_LEAK, ROBUST_EPSILON, WIDTHS

#: Of the epsilons at which the post attacks, those that its networks are trained on.
SHOWN_AT = (0.1, 0.2, 0.3)
#: Whether a difference is above zero, as the rule of the verdicts has it.
_WORDS = {Ruling.CONFIRMED: "yes", Ruling.UNDECIDED: "undecided"}


class Pair(NamedTuple):
    """FGSM away from the true labels and from the predictions, of one network."""

    role: str
    source: str  # of the examples, a key of `FGSM_OF`
    labels: Curve
    predictions: Curve


def pairs(results: Results) -> list[Pair]:
    """What was run of label leaking."""

    def pair(role: str, source: str) -> Pair:
        both = (_curve(results, role, attack) for attack in FGSM_OF[source])
        return Pair(role, source, *both)

    return list(where_run(pair, MAY_LEAK, FGSM_OF))


def leaking(every: list[Pair]) -> pd.DataFrame:
    """A row for each network, source of the examples and epsilon; accuracies in percent.

    The label leaks where accuracy under FGSM of the labels is above that on clean images, with an
    interval widened for the number of rows.
    """
    return pd.DataFrame(
        [
            _leak(pair, epsilon, rows=len(every) * len(SHOWN_AT))
            for pair in every
            for epsilon in SHOWN_AT
        ]
    )


def _leak(pair: Pair, epsilon: float, rows: int) -> dict[str, str]:
    labels, predictions = pair.labels.at(epsilon), pair.predictions.at(epsilon)
    gain = Estimate.paired(labels, pair.labels.at(0.0))
    return {
        "network": MAY_LEAK[pair.role],
        "made on": pair.source,
        "epsilon": f"{epsilon:g}",
        "clean": pair.labels.accuracies[0].percent(),
        "FGSM of labels": Estimate.accuracy(labels).percent(),
        "minus clean": gain.points(2),
        "label leaks": _is_above(gain.widened(rows)),
        "FGSM of predictions": Estimate.accuracy(predictions).percent(),
        "labels minus predictions": Estimate.paired(labels, predictions).points(2),
    }


def _is_above(difference: Estimate) -> str:
    return _WORDS.get(direction(difference).ruling, "no")


class Width(NamedTuple):
    """The network trained on the fly, at one width."""

    width: float  # times that of the profile
    parameters: int
    fgsm: Curve
    pgd: Curve


def widths(results: Results) -> list[Width]:
    """What was run of capacity, narrowest first."""

    def at(role: str) -> Width:
        fgsm, pgd = (_curve(results, role, attack) for attack in ("FGSM", "PGD"))
        parameters = results.trained(case=CASE, role=role)["parameters"].iloc[0]
        return Width(WIDTHS[role], int(parameters), fgsm, pgd)

    return list(where_run(at, WIDTHS))


def capacity(every: list[Width]) -> pd.DataFrame:
    """A row for each width; accuracies in percent, gains on those of the row above in points."""
    rows = []
    for narrower, one in zip([None, *every], every):
        robust = {
            f"PGD-40 at {epsilon:g}": Estimate.accuracy(one.pgd.at(epsilon)).percent()
            for epsilon in SHOWN_AT
        }
        gained = _gained(one, narrower) if narrower else ("", "", "")
        rows.append(
            {
                "width": f"{one.width:g}",
                "parameters": f"{one.parameters:,}",
                "clean": one.fgsm.accuracies[0].percent(),
                **robust,
                **dict(zip(_GAINS, gained, strict=True)),
            }
        )
    return pd.DataFrame(rows)


_GAINS = ("gain in clean", f"gain at {ROBUST_EPSILON:g}", "more robust")


def _gained(wider: Width, narrower: Width) -> tuple[str, str, str]:
    clean = curves.gain_at(0.0, wider.fgsm, narrower.fgsm)
    robust = robustness_gained(narrower, wider)
    return clean.points(), robust.points(), _is_above(robust)


def robustness_gained(narrower: Width, wider: Width) -> Estimate:
    """In accuracy under PGD-40 with restarts, at the epsilon that both are trained for."""
    return curves.gain_at(ROBUST_EPSILON, wider.pgd, narrower.pgd)


def _curve(results: Results, role: str, attack: str) -> Curve:
    (curve,) = curves.attacked(results, role, attack=attack, protocol=Protocol.CORRECTED)
    return curve
