"""The sizes at which the Praxis study is run."""

from dataclasses import replace

from harness.arms import Case, Role
from harness.study import Profile, Scale, Scope
from studies.praxis.arms import CIFAR, CLASSIFIERS, DISTILLED, IMAGENET, MODELS, TEACHER


def _classifiers(*models: str) -> dict[Case, Scope]:
    return {CLASSIFIERS[model]: Scope((Role.UNDEFENDED,)) for model in models}


#: At the published rate the few updates of a demo would teach nothing.
_DEMO = Scale(
    upsampling=1,
    width=1 / 8,
    batch_size=32,
    attack_images={"FGSM": 100, "variants": 50, "CW": 20, "distillation": 100},
)
_DISTILLATION = {DISTILLED: Scope((Role.UNDEFENDED, Role.TEACHER, Role.STUDENT, Role.CONTROL))}
_LAPTOP = Scale(upsampling=1, images_per_class=1, attack_images={"variants": 192, "CW": 64})

PROFILES = {
    "demo": Profile(
        name="demo",
        cost="minutes on two CPU cores, offline",
        datasets={IMAGENET: "digits", CIFAR: "digits"},
        scales={
            "resnext50_32x4d": replace(_DEMO, epochs=6, learning_rate=1e-2),
            # Its batch normalisations need hundreds of updates.
            "resnet101": replace(_DEMO, epochs=12, learning_rate=2e-3),
            "vgg19": replace(_DEMO, epochs=3, learning_rate=1e-3),
        },
        # DenseNet-201 is left out: its 700 layers take minutes to compile.
        cases=_DISTILLATION | _classifiers("resnext50_32x4d", "vgg19"),
    ),
    "laptop": Profile(
        name="laptop",
        cost="half an hour on two CPU cores",
        datasets={IMAGENET: IMAGENET, CIFAR: CIFAR},
        scales={"mobilenet": _LAPTOP, "mobilenet_v2": _LAPTOP},
        cases=_classifiers("mobilenet", "mobilenet_v2"),
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
