"""NTU's final-year project, re-run; see README.md."""

from harness.arms import Arm
from harness.study import Study
from studies.ntu import arms, finding, masking, masking_page
from studies.ntu.arms import NTUProfile
from studies.ntu.audit import audit
from studies.ntu.claims import CLAIMS
from studies.ntu.measures import measure
from studies.ntu.profiles import PROFILES
from studies.ntu.published import CLAIMS_ON, FOLDER, link
from studies.ntu.report import contents


def _arms(profile: NTUProfile) -> list[Arm]:
    """Those of the study, its controls and its future work, then those on masked gradients."""
    return [*arms.arms(profile), *masking.arms(profile)]


STUDY = Study(
    name="ntu",
    title="Defensive distillation against FGSM and PGD on CIFAR-10 and CIFAR-100",
    folder=FOLDER,
    profiles=PROFILES,
    arms=_arms,
    link=link,
    measure=measure,
    claims=CLAIMS,
    contents=contents,
    compared=arms.COMPARED,
    headline=arms.HEADLINE,
    key_finding=finding.key_finding,
    takeaways=masking_page.takeaways,
    source="Final-year project, Nanyang Technological University, 2022",
    claims_on=CLAIMS_ON,
    audit=audit,
)
