"""Praxis' capstone report, re-run; see README.md."""

from pathlib import Path

from harness.study import Study
from studies.praxis import arms, finding
from studies.praxis.audit import audit
from studies.praxis.claims import CLAIMS
from studies.praxis.measures import measure
from studies.praxis.profiles import PROFILES
from studies.praxis.published import CLAIMS_ON, link
from studies.praxis.report import contents
from studies.praxis.takeaways import takeaways

STUDY = Study(
    name="praxis",
    title="FGSM and CW on ImageNet classifiers, distillation across architectures",
    folder=Path(__file__).parent,
    profiles=PROFILES,
    arms=arms.arms,
    link=link,
    measure=measure,
    claims=CLAIMS,
    contents=contents,
    compared=arms.COMPARED,
    headline=arms.HEADLINE,
    key_finding=finding.key_finding,
    takeaways=takeaways,
    source="Capstone report, Praxis Tech School, 2023",
    claims_on=CLAIMS_ON,
    audit=audit,
)
