"""What each study did, and the machinery that runs it again."""

from pathlib import Path

from studies import (
    icbai,
    icbai_claims,
    icbai_published,
    ntu,
    ntu_claims,
    ntu_published,
    praxis,
    praxis_claims,
    praxis_published,
    rit_mnist,
    rit_mnist_claims,
    rit_mnist_published,
    wpi,
    wpi_claims,
    wpi_outcomes,
    wpi_published,
)
from studies.study import Study

_PUBLISHED = Path(__file__).parent / "published"

STUDIES = {
    "ntu": Study(
        name="ntu",
        title="Defensive distillation against FGSM and PGD on CIFAR-10 and CIFAR-100",
        description=ntu.__doc__,
        published=_PUBLISHED / "ntu.csv",
        profiles=ntu.PROFILES,
        arms=ntu.arms,
        link=ntu_published.link,
        claims=ntu_claims.claims,
        compared=ntu.COMPARED,
        headline=ntu.HEADLINE,
    ),
    "icbai": Study(
        name="icbai",
        title="FGSM and patches on ImageNet classifiers, defensive distillation on MNIST",
        description=icbai.__doc__,
        published=_PUBLISHED / "icbai.csv",
        profiles=icbai.PROFILES,
        arms=icbai.arms,
        link=icbai_published.link,
        claims=icbai_claims.claims,
        compared=icbai.COMPARED,
        headline=icbai.HEADLINE,
    ),
    "praxis": Study(
        name="praxis",
        title="FGSM and CW on ImageNet classifiers, distillation across architectures",
        description=praxis.__doc__,
        published=_PUBLISHED / "praxis.csv",
        profiles=praxis.PROFILES,
        arms=praxis.arms,
        link=praxis_published.link,
        claims=praxis_claims.claims,
        compared=praxis.COMPARED,
        headline=praxis.HEADLINE,
    ),
    "rit_mnist": Study(
        name="rit_mnist",
        title="FGSM and PGD adversarial training on MNIST",
        description=rit_mnist.__doc__,
        published=_PUBLISHED / "rit_mnist.csv",
        profiles=rit_mnist.PROFILES,
        arms=rit_mnist.arms,
        link=rit_mnist_published.link,
        claims=rit_mnist_claims.claims,
        compared=rit_mnist.COMPARED,
        headline=rit_mnist.HEADLINE,
    ),
    "wpi": Study(
        name="wpi",
        title="Four attacks and four defenses on MNIST, CIFAR-10 and GTSRB",
        description=wpi.__doc__,
        published=_PUBLISHED / "wpi.csv",
        profiles=wpi.PROFILES,
        arms=wpi.arms,
        link=wpi_published.link,
        claims=wpi_claims.claims,
        compared=wpi.COMPARED,
        headline=wpi.HEADLINE,
        details=wpi_outcomes.details,
    ),
}

__all__ = ["STUDIES"]
