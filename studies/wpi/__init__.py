"""WPI's report, re-run; see README.md."""

from pathlib import Path

from harness.study import Study
from studies.wpi import arms, claims, details, finding, measures, profiles, published, report
from studies.wpi.audit import audit
from studies.wpi.takeaways import takeaways

STUDY = Study(
    name="wpi",
    title="Four attacks and four defenses on MNIST, CIFAR-10 and GTSRB",
    folder=Path(__file__).parent,
    profiles=profiles.PROFILES,
    arms=arms.arms,
    link=published.link,
    measure=measures.measure,
    claims=claims.CLAIMS,
    contents=report.contents,
    compared=arms.COMPARED,
    headline=arms.HEADLINE,
    key_finding=finding.key_finding,
    details=details.details,
    takeaways=takeaways,
    source="Major Qualifying Project, Worcester Polytechnic Institute, 2024",
    claims_on=published.CLAIMS_ON,
    audit=audit,
)
