"""NTU: defensive distillation against FGSM and PGD on CIFAR-10 and CIFAR-100.

A final-year project at Nanyang Technological University (2022). Three networks that enlarge
32 x 32 images inside (a VGG-16 variant of 11 convolutions trained from scratch, ResNet-50 and
Inception-V3 pre-trained on ImageNet) are attacked with CleverHans' FGSM and PGD, undefended and
after defensive distillation at temperature 200.

Cost of the paper profile: 24 trainings of 40 to 250 epochs at 160 or 224 pixels for the
published arms alone, days on one GPU. Expected clean test accuracy (200 images): 87.0 / 66.5 %
(VGG, CIFAR-10 / 100), 95.0 / 85.0 % (ResNet-50), 92.5 / 80.5 % (Inception-V3).

    python reproduce.py run ntu --profile paper --data-dir DIR

Faithful does what the study did: raw 0-255 pixels, all 50,000 training images, the official
test set for validation with 200 of its images as the test set, networks that end in softmax,
the listed Distiller, attacks on the network's own predictions with epsilon in 0-255 grey
levels, unclipped, PGD with 40 steps of 0.01 from the clean image. Corrected: 45,000 / 5,000
training and validation images, the official test set untouched, logits, ImageNet
preprocessing, distillation with T squared (and Papernot's own procedure), true labels, clipped
images, PGD with steps of 2.5 x epsilon / 40 from random starts, and larger epsilons as well.
"""

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
    description=__doc__,
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
