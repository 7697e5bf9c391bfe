"""What each study did, and the machinery that runs it again."""

from types import ModuleType

from harness.links import published_path
from harness.study import Study
from studies.icbai import claims as icbai_claims
from studies.icbai import distillation as icbai
from studies.icbai import published as icbai_published
from studies.ntu import arms as ntu
from studies.ntu import claims as ntu_claims
from studies.ntu import published as ntu_published
from studies.praxis import arms as praxis
from studies.praxis import claims as praxis_claims
from studies.praxis import published as praxis_published
from studies.rit_mnist import arms as rit_mnist
from studies.rit_mnist import claims as rit_mnist_claims
from studies.rit_mnist import published as rit_mnist_published
from studies.wpi import arms as wpi
from studies.wpi import claims as wpi_claims
from studies.wpi import published as wpi_published
from studies.wpi import scores as wpi_outcomes


def _study(
    name: str, title: str, what: ModuleType, numbers: ModuleType, judged: ModuleType, **more
):
    """A study from the modules of what it did, of its printed numbers and of its claims."""
    return Study(
        name=name,
        title=title,
        description=what.__doc__,
        published=published_path(name),
        profiles=what.PROFILES,
        arms=what.arms,
        link=numbers.link,
        claims=judged.claims,
        compared=what.COMPARED,
        headline=what.HEADLINE,
        **more,
    )


STUDIES = {
    study.name: study
    for study in (
        _study(
            "ntu",
            "Defensive distillation against FGSM and PGD on CIFAR-10 and CIFAR-100",
            ntu,
            ntu_published,
            ntu_claims,
        ),
        _study(
            "icbai",
            "FGSM and patches on ImageNet classifiers, defensive distillation on MNIST",
            icbai,
            icbai_published,
            icbai_claims,
        ),
        _study(
            "praxis",
            "FGSM and CW on ImageNet classifiers, distillation across architectures",
            praxis,
            praxis_published,
            praxis_claims,
        ),
        _study(
            "rit_mnist",
            "FGSM and PGD adversarial training on MNIST",
            rit_mnist,
            rit_mnist_published,
            rit_mnist_claims,
        ),
        _study(
            "wpi",
            "Four attacks and four defenses on MNIST, CIFAR-10 and GTSRB",
            wpi,
            wpi_published,
            wpi_claims,
            details=wpi_outcomes.details,
        ),
    )
}

__all__ = ["STUDIES"]
