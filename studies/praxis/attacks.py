"""What the Praxis study may have run as Carlini and Wagner's attack, and what it is.

Its tables of CW have an epsilon, which that attack does not have, and repeat FGSM's in 56 of 60
cells. What was run cannot be known.
"""

from dataclasses import dataclass

from attacks import FGSM, CarliniWagner


@dataclass(frozen=True)
class MarginStep(FGSM):
    """One step of length epsilon along the sign of the gradient of CW's margin (a budget attack).

    FGSM but for its loss: the best other logit less that of the class, f6 of Carlini and Wagner
    without its bound, which is what their attack minimises beside the distance.
    """

    climbs = "margin"


@dataclass(frozen=True)
class CarliniWagnerWithin(CarliniWagner):
    """`CarliniWagner`, an attack in L2, whose results count by their L-infinity distance.

    In a sweep the perturbation of an image counts where it changes no value by more than epsilon;
    at epsilon 1 every one does.
    """

    norm = "linf"
