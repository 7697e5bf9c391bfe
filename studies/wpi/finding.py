"""What the WPI study comes to: a blur attacked from the plain network, and through it."""

from collections.abc import Sequence

from harness.arms import Case, Protocol
from harness.claims import Run, nearest_first
from harness.links import printed
from harness.results import Results, where_run
from harness.study import Bar, KeyFinding, percent
from studies.wpi.attacks import IFGSM, budget
from studies.wpi.defenses import ADVERSARIAL, NONE, SMOOTHED
from studies.wpi.profiles import CIFAR10, GTSRB, MNIST
from studies.wpi.published import FOLDER
from studies.wpi.scores import Place


def key_finding(runs: Sequence[Run]) -> KeyFinding | None:
    """What IFGSM leaves of the blurred network on MNIST.

    `None` without adversarial training and the blur, attacked both ways.
    """
    return next(where_run(_finding, nearest_first(runs)), None)


def _finding(run: Run) -> KeyFinding:
    faithful, corrected = (Place(run.results, MNIST, each) for each in Protocol)
    plain, *ways = (
        way(defense, IFGSM).f1
        for way, defense in (
            (corrected.direct, NONE),
            (corrected.transferred, SMOOTHED),
            (corrected.direct, SMOOTHED),
        )
    )
    trained = corrected.compared(ADVERSARIAL, IFGSM)
    bars = (
        Bar("without defense", printed(FOLDER, table="Table 3", dataset="MNIST")),
        Bar("without defense, as published", faithful.direct(NONE, IFGSM).f1),
        Bar("blur, attacked from the plain network", ways[0]),
        Bar("blur, attacked through it", ways[1]),
        Bar("adversarial training", trained.f1),
    )
    stated, _, looks, left, other = (bar.percent for bar in bars)
    helps, lost = ways[0] - plain, ways[0] - ways[1]
    elsewhere = where_run(_elsewhere, [run.results], [CIFAR10, GTSRB])
    attack = f"IFGSM at {budget(Protocol.CORRECTED, MNIST.dataset, IFGSM):g}"
    return KeyFinding(
        sentence=f"On MNIST, {run.rerun}, a blur "
        f"{'looks' if helps.sign > 0 else 'does not even look'} like a defense: macro F1 on "
        f"{len(trained.labels):,} images under {attack} is {looks} % if the attack is made on the "
        f"plain network (without defense {percent(plain)} %, published {stated} %), and {left} % "
        "if it is made through the blur.",
        meaning=" ".join(
            [
                _KEEPS_OUT if lost.sign > 0 else _WITHSTANDS,
                *elsewhere,
                f"Adversarial training, which has seen this attack, keeps {other} % on MNIST.",
            ]
        ),
        quantity=f"macro F1 on MNIST under {attack}",
        bars=bars,
        folder=run.folder,
    )


def _elsewhere(results: Results, case: Case) -> str:
    """What the two ways leave on another data set, in a sentence."""
    place = Place(results, case, Protocol.CORRECTED)
    ways = (way(SMOOTHED, IFGSM).f1 for way in (place.transferred, place.direct))
    return "On {} F1 is {} % the one way and {} % the other.".format(
        place.data, *map(percent, ways)
    )


_KEEPS_OUT = "A blur stops images made for another network, but no attack that knows of it."
_WITHSTANDS = "The blur withstands an attack that knows of it as well."
