"""ICBAI (arXiv 2312.16880), re-run; see README.md."""

from pathlib import Path

from harness.study import Study
from studies.icbai.arms import COMPARED, HEADLINE, arms
from studies.icbai.claims import CLAIMS
from studies.icbai.measures import measure
from studies.icbai.profiles import PROFILES
from studies.icbai.published import link
from studies.icbai.report import contents

STUDY = Study(
    name="icbai",
    title="FGSM and patches on ImageNet classifiers, defensive distillation on MNIST",
    folder=Path(__file__).parent,
    profiles=PROFILES,
    arms=arms,
    link=link,
    measure=measure,
    claims=CLAIMS,
    contents=contents,
    compared=COMPARED,
    headline=HEADLINE,
)
