"""The sizes at which the Praxis study is run."""

from dataclasses import replace

from harness.arms import Case, Role
from harness.study import Profile, Scale, Scope
from studies.praxis.arms import CIFAR, CLASSIFIERS, DISTILLED, IMAGENET, MODELS, STUDENT, TEACHER


def _classifiers(*models: str) -> dict[Case, Scope]:
    return {CLASSIFIERS[model]: Scope((Role.UNDEFENDED,)) for model in models}


_DISTILLATION = {DISTILLED: Scope((Role.UNDEFENDED, Role.TEACHER, Role.STUDENT, Role.CONTROL))}
_LAPTOP = Scale(upsampling=1, images_per_class=1, attack_images={"variants": 192, "CW": 64})
#: Keras downloads their weights; those of ResNeXt-50 are torchvision's, see README.md.
_FROM_KERAS = ("densenet201", "vgg19")
_COLAB = Scale(
    upsampling=1,
    images_per_class=1,
    attack_images={"variants": 500, "CW": 64, "distillation": 2_000},
)

PROFILES = {
    "demo": Profile(
        name="demo",
        cost="a minute on two CPU cores, offline",
        datasets={IMAGENET: "digits", CIFAR: "digits"},
        scales={
            "vgg19": Scale(
                upsampling=1,
                width=1 / 8,
                epochs=20,
                batch_size=32,
                learning_rate=1e-3,  # at the study's 1e-4 so few updates teach little
                attack_images={"CW": 200},
            )
        },
        # The others, and so the distillation, are left out: with their many batch normalisations
        # they would need more minutes to learn.
        cases=_classifiers("vgg19"),
    ),
    "laptop": Profile(
        name="laptop",
        cost="half an hour on two CPU cores",
        datasets={IMAGENET: IMAGENET, CIFAR: CIFAR},
        scales={"mobilenet": _LAPTOP, "mobilenet_v2": _LAPTOP},
        cases=_classifiers("mobilenet", "mobilenet_v2"),
    ),
    "colab": Profile(
        name="colab",
        cost="planned for one session on a T4-class GPU",
        datasets={IMAGENET: IMAGENET, CIFAR: CIFAR},
        scales={
            **dict.fromkeys(_FROM_KERAS, _COLAB),
            # Not pre-trained in the study either.
            **dict.fromkeys((TEACHER, STUDENT), replace(_COLAB, validation_images=2_000)),
        },
        cases=_DISTILLATION | _classifiers(*_FROM_KERAS),
    ),
    "paper": Profile(
        name="paper",
        cost="days on a GPU, nearly all of it CW",
        datasets={IMAGENET: IMAGENET, CIFAR: CIFAR},
        scales={
            **{model: Scale(upsampling=1, images_per_class=5) for model in MODELS},
            TEACHER: Scale(upsampling=1),
        },
        cases=_DISTILLATION | _classifiers(*MODELS),
        seeds=(0, 1, 2),
    ),
}
