"""ICBAI (arXiv 2312.16880), re-run; see README.md."""

from harness.study import Study
from studies.icbai import arms, claims, finding, measures, profiles, published, report
from studies.icbai.audit import audit
from studies.icbai.takeaways import takeaways

STUDY = Study(
    name="icbai",
    title="FGSM and patches on ImageNet classifiers, defensive distillation on MNIST",
    folder=published.FOLDER,
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
    source="ICBAI 2023, [arXiv:2312.16880](https://arxiv.org/abs/2312.16880), by way of a review "
    "that a machine wrote",
    claims_on=published.CLAIMS_ON,
    audit=audit,
)
