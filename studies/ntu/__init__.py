"""NTU's final-year project, re-run; see README.md."""

from harness.study import Study
from studies.ntu import arms
from studies.ntu.claims import CLAIMS
from studies.ntu.measures import measure
from studies.ntu.profiles import PROFILES
from studies.ntu.published import FOLDER, link
from studies.ntu.report import contents

STUDY = Study(
    name="ntu",
    title="Defensive distillation against FGSM and PGD on CIFAR-10 and CIFAR-100",
    folder=FOLDER,
    profiles=PROFILES,
    arms=arms.arms,
    link=link,
    measure=measure,
    claims=CLAIMS,
    contents=contents,
    compared=arms.COMPARED,
    headline=arms.HEADLINE,
)
