"""ICBAI: adversarial attacks and a "modified" defensive distillation (arXiv:2312.16880).

The paper is known here only through a machine-written review: its tables are not in it, and the
one result that is printed is 92.91 % accuracy of a distilled MNIST network under FGSM at 30 %
noise. Its two halves have nothing to do with each other: attacks on ImageNet classifiers (see
`classifiers`), and a defense on MNIST (see `distillation`).

    python reproduce.py run icbai --profile demo                      minutes, offline
    python reproduce.py run icbai --profile laptop --data-dir DIR     MNIST, twenty minutes
    python reproduce.py run icbai --profile laptop-imagenet --data-dir DIR \\
        --weights mobilenet=FILE --weights mobilenet_v2=FILE          ImageNet, an hour
    python reproduce.py run icbai --profile paper --data-dir DIR \\
        --weights alexnet=FILE --weights regnety_400mf=FILE           both, for a GPU
"""

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
    description=__doc__,
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
