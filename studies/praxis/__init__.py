"""Praxis: FGSM and CW on ImageNet classifiers, defensive distillation across architectures.

Capstone report, Praxis Tech School, 2023. Part A attacks three pre-trained classifiers; its
top-1 and top-5 errors are multiples of 0.02 %, as of 5,000 images. Part B distils a ResNet-101
into a ResNeXt-50 on CIFAR-10 and prints three accuracies.

    python reproduce.py run praxis --profile demo                      minutes, offline
    python reproduce.py run praxis --profile laptop --data-dir DIR \\
        --weights mobilenet=FILE --weights mobilenet_v2=FILE           part A, half an hour
    python reproduce.py run praxis --profile paper --data-dir DIR \\
        --weights resnext50_32x4d=FILE                                 for a GPU

Part A, faithful: epsilon is a distance between standardised images, and nothing is clipped. 2 %
are then 1.15 grey levels, the "about one" of the report. Corrected: between images in [0, 1],
clipped, where 2 % are 5.1. What the report calls CW cannot have been that attack (see
`studies.praxis.attacks`): faithful runs FGSM again and takes one signed step on CW's margin,
corrected runs the real attack. CW has no epsilon; an image counts where no pixel changed by more
than epsilon, and at 100 % wherever it was changed at all.

The set is one selection of images of all ImageNet classes, five of each in the paper profile.
The MobileNets are not the study's: their ImageNet weights are easier to come by.

Part B: the report gives neither pre-training nor input size. Here networks are trained from
scratch on images of 32 pixels, with the recipe that is printed. The student learns from the soft
labels, the control has them and discards them, as a public notebook with the same recipe does; it
is at the same time the control of equal effort without a teacher. Faithful attacks the networks
that were trained at temperature T through their logits, corrected also through logits / T.
"""

from pathlib import Path

from harness.study import Study
from studies.praxis import arms
from studies.praxis.claims import CLAIMS
from studies.praxis.measures import measure
from studies.praxis.profiles import PROFILES
from studies.praxis.published import link
from studies.praxis.report import contents

STUDY = Study(
    name="praxis",
    title="FGSM and CW on ImageNet classifiers, distillation across architectures",
    description=__doc__,
    folder=Path(__file__).parent,
    profiles=PROFILES,
    arms=arms.arms,
    link=link,
    measure=measure,
    claims=CLAIMS,
    contents=contents,
    compared=arms.COMPARED,
    headline=arms.HEADLINE,
)
