"""The studies and their profiles, by name.

`studies` takes seconds to import; a test holds the two equal.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Listed(NamedTuple):
    """What a study is about, and what each of its profiles costs."""

    title: str
    costs: Mapping[str, str]


_DEMO = "{} minutes on two CPU cores, offline"
_SESSION = "planned for one session on a T4-class GPU"
STUDIES = {
    "ntu": Listed(
        "Defensive distillation against FGSM and PGD on CIFAR-10 and CIFAR-100",
        {
            "demo": _DEMO.format("three"),
            "laptop": "two hours on two CPU cores for vgg16/cifar10/main; days for everything",
            "colab": _SESSION,
            "paper": "days on a GPU",
        },
    ),
    "icbai": Listed(
        "FGSM and patches on ImageNet classifiers, defensive distillation on MNIST",
        {
            "demo": _DEMO.format("five"),
            "laptop": "twenty minutes on two CPU cores",
            "laptop-imagenet": "an hour on two CPU cores",
            "colab": _SESSION,
            "paper": "hours on a GPU",
        },
    ),
    "praxis": Listed(
        "FGSM and CW on ImageNet classifiers, distillation across architectures",
        {
            "demo": "a minute on two CPU cores, offline",
            "laptop": "half an hour on two CPU cores",
            "colab": _SESSION,
            "paper": "days on a GPU, nearly all of it CW",
        },
    ),
    "rit_mnist": Listed(
        "FGSM and PGD adversarial training on MNIST",
        {
            "demo": _DEMO.format("three"),
            "laptop": "an hour and a half on two CPU cores",
            "laptop-published": "an hour on two CPU cores",
            "colab": _SESSION,
            "paper": "a day on a GPU",
        },
    ),
    "wpi": Listed(
        "Four attacks and four defenses on MNIST, CIFAR-10 and GTSRB",
        {
            "demo": _DEMO.format("seven"),
            "laptop": "an hour on two CPU cores",
            "colab": _SESSION,
            "paper": "a day on a GPU",
        },
    ),
}


def check(study: str, profile: str) -> None:
    """Raises ValueError for a study or a profile that is not there."""
    if study not in STUDIES:
        raise ValueError(f"study is {study!r}; accepted: {', '.join(STUDIES)}")
    if profile not in STUDIES[study].costs:
        accepted = ", ".join(STUDIES[study].costs)
        raise ValueError(f"--profile is {profile!r}; accepted for {study}: {accepted}")
