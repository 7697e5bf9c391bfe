"""The attacks of the WPI study: their names, how far they may go, and its own Carlini-Wagner."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite

from attacks import CarliniWagner, MomentumIterative, Targeted
from attacks.deepfool import rivals
from harness.arms import TRANSFERRED, Protocol

#: As the study names and orders them.
IFGSM, DEEPFOOL, CW, SWAP = ATTACKS = ("IFGSM", "DeepFool", "CW", "Iterative pixel swap")
#: An attack that no network here is trained on.
UNSEEN = "PGD"
EVERY_ATTACK = (*ATTACKS, UNSEEN)
#: The pixel swap is judged at any distance only.
WITH_BUDGETS = (IFGSM, DEEPFOOL, CW, UNSEEN)
#: One that needs no gradient, and so is not fooled by a made-up one.
BLIND = "Square"
#: These maximise a loss within a budget; the others look for the smallest change.
WITHIN_BUDGET = (IFGSM, UNSEEN, BLIND)
#: These can be made to reach a class.
TO_A_CLASS = (IFGSM, DEEPFOOL, CW)
#: Their losses depend on the size of the logits, which a student's temperature raises.
OF_LOGIT_SIZE = (IFGSM, CW, UNSEEN)

_COLOUR_LINF, _COLOUR_L2 = (2 / 255, 4 / 255, 8 / 255), (0.1, 0.25, 0.5)
#: Budgets of IFGSM and PGD in L-inf, by data set, the largest last.
LINF = {"mnist": (0.1, 0.2, 0.3), "cifar10": _COLOUR_LINF, "gtsrb": _COLOUR_LINF}
#: Budgets of DeepFool and CW in L2, which are also judged at any distance.
L2 = {"mnist": (0.5, 1.0, 2.0), "cifar10": _COLOUR_L2, "gtsrb": _COLOUR_L2}


def transferred(attack: str) -> str:
    """What an attack is called that is crafted on the undefended network."""
    return TRANSFERRED.format(attack)


def epsilons(protocol: str, dataset: str, attack: str) -> tuple[float, ...]:
    """The distances an arm is measured at; in the faithful protocol only IFGSM has a budget."""
    if attack in WITHIN_BUDGET:
        return LINF[dataset] if protocol == Protocol.CORRECTED else LINF[dataset][-1:]
    if attack == SWAP or protocol == Protocol.FAITHFUL:
        return (inf,)
    return (*L2[dataset], inf)


def budget(protocol: str, dataset: str, attack: str) -> float:
    """The epsilon at which defenses are compared: the largest budget, infinite without one."""
    return max(filter(isfinite, epsilons(protocol, dataset, attack)), default=inf)


def step_attacks(dataset: str) -> Mapping[str, MomentumIterative]:
    """IFGSM with and without momentum, in large steps and in small ones (WPI-19)."""
    epsilon = LINF[dataset][-1]
    return {
        f"IFGSM, {momentum}, step epsilon / {parts}": MomentumIterative(
            steps=2 * parts, step_size=epsilon / parts, decay=decay, stop_at_success=True
        )
        for momentum, decay in (("momentum", 1.0), ("no momentum", 0.0))
        for parts in (4, 20)
    }


#: Their names, which all data sets share.
STEP_ATTACKS = tuple(step_attacks("mnist"))


@dataclass(frozen=True)
class TowardsRival(CarliniWagner):
    """Carlini-Wagner towards the most likely class but the label (WPI-A6).

    The study's formula has a target, its experiments have none. An image that is wrong without
    attack has reached it.
    """

    def sweep_task(self, task, epsilons, progress=None):
        targets = rivals(task.goal, task.logits(task.images), 1)[:, 0]
        goal = Targeted(targets, task.goal.classes)
        return super().sweep_task(task.with_goal(goal), epsilons, progress)
