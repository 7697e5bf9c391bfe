"""RIT: FGSM and PGD adversarial training on MNIST, a blog post of a course project.

A small CNN is attacked with FGSM at epsilon 0 to 0.9. Then all training images are attacked once
at five epsilons, with FGSM or with PGD, and the network is trained on these static sets and the
clean images together: "retrained" goes on from the trained baseline (a warm start), "untrained"
is a new network (from scratch). What the post leaves open is chosen: inputs in [0, 1], clipped,
true labels; PGD of 10 steps of epsilon / 4 from a random start; examples crafted on the baseline.

    python reproduce.py run rit_mnist --profile demo                      minutes, offline
    python reproduce.py run rit_mnist --profile laptop --data-dir DIR     half an hour
    python reproduce.py run rit_mnist --profile paper --data-dir DIR      for a GPU

Both protocols attack the same networks, those of the last epoch. Faithful: FGSM, and PGD as in
the training sets. Corrected: PGD of 40 steps with restarts, examples transferred from the
baseline, and two more networks: the baseline trained further on clean images alone for as many
updates as the static sets take (the control), and a new one trained on PGD examples of its
current weights, on which FGSM, PGD, PGD with restarts and AutoAttack are compared.
"""

from pathlib import Path

from harness.study import Study
from studies.rit_mnist import arms, claims, measures, profiles, published, report

STUDY = Study(
    name="rit_mnist",
    title="FGSM and PGD adversarial training on MNIST",
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
)
