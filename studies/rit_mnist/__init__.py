"""RIT's blog post on MNIST, re-run; see README.md."""

from pathlib import Path

from harness.study import Study
from studies.rit_mnist import arms, claims, finding, measures, profiles, published, report
from studies.rit_mnist.audit import audit
from studies.rit_mnist.takeaways import takeaways

STUDY = Study(
    name="rit_mnist",
    title="FGSM and PGD adversarial training on MNIST",
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
    takeaways=takeaways,
    source="Blog post on a course project, Rochester Institute of Technology, 2023",
    claims_on=published.CLAIMS_ON,
    audit=audit,
)
