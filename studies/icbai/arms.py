"""What the ICBAI study attacked: both of its halves."""

from harness.arms import Arm, Protocol, View
from harness.results import Compared
from studies.icbai import classifiers, distillation

COMPARED = {
    Protocol.FAITHFUL: Compared(distillation.PROCEDURE, (View.LOGITS,)),
    Protocol.CORRECTED: Compared(distillation.PROCEDURE, (View.LOGITS, View.LOGITS_OVER_T)),
}
HEADLINE = (("FGSM", 76.5), ("PGD", 76.5), ("APGD, margin", 76.5))


def arms(profile: classifiers.PatchProfile) -> list[Arm]:
    """Every arm of a profile, case by case."""
    halves = {case: classifiers for case in classifiers.CASES} | {distillation.CASE: distillation}
    return [arm for case in profile.cases for arm in halves[case].arms(profile, case)]
