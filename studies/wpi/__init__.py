"""WPI: four attacks and four defenses on MNIST, CIFAR-10 and GTSRB.

The study (Worcester Polytechnic Institute, 2024) trains one small network on each data set,
attacks it with IFGSM with momentum, DeepFool, Carlini-Wagner and an iterative pixel swap, and
defends it by adversarial training, a Gaussian blur, noise on gradients, and distillation. It
prints F1 scores without defense and times; the rest is in bar charts that are not available.

    python reproduce.py run wpi --profile demo                        minutes, offline
    python reproduce.py run wpi --profile laptop --data-dir DIR       an hour
    python reproduce.py run wpi --profile laptop --data-dir DIR --arms 'wpi_cnn/mnist*'
    python reproduce.py run wpi --profile paper --data-dir DIR        for a GPU

Faithful attacks stop at the first success, at any distance but for IFGSM, and the blur is attacked
from the plain network. Momentum sums signs as printed, DeepFool stops at the boundary, and CW is
the printed targeted form, towards the most likely wrong class, in a search over c that ends early.
Corrected attacks have a budget each, are crafted against the defended network and on the plain
one, and include PGD, on which no defense was trained; the split is the official one and keeps
the frames of one traffic sign together. Adversarial training with one attack left out, and the
defenses combined, are corrected arms too.

What the study leaves open is chosen. Widths 32, 64 and 128, Adam at 0.001 in batches of 128;
IFGSM with 10 steps, mu = 1, and epsilon 0.3 on MNIST and 8/255 on colour images; a blur of 3x3
pixels with sigma 1; T = 20; noise of 0.1 on the gradient that the attacker sees, of 0.01 on the
updates of the weights, of 1 on the logits.
"""

from pathlib import Path

from harness.study import Study
from studies.wpi import arms, claims, details, measures, profiles, published, report

STUDY = Study(
    name="wpi",
    title="Four attacks and four defenses on MNIST, CIFAR-10 and GTSRB",
    description=__doc__,
    folder=Path(__file__).parent,
    profiles=profiles.PROFILES,
    arms=arms.arms,
    link=published.link,
    measure=measures.measure,
    claims=claims.CLAIMS,
    contents=report.contents,
    compared=arms.COMPARED,
    headline=arms.HEADLINE,
    details=details.details,
)
