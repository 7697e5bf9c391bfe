"""The sizes at which the NTU study runs."""

from dataclasses import replace

from harness.arms import Case, Protocol, Role, View
from harness.study import Scale, Scope
from studies.ntu.arms import (
    CASES,
    FURTHER,
    NETWORKS,
    STAND_INS,
    TEST_IMAGES,
    VGG_ON_CIFAR10,
    VGG_ON_CIFAR100,
    NTUProfile,
)

RESNET_ON_CIFAR10, INCEPTION_ON_CIFAR10 = (
    Case(model, "cifar10") for model in ("resnet50", "inception_v3")
)
#: The student beside its control and the undefended network; teachers are not attacked, and
#: Papernot's procedure is left out.
_COMPARED = Scope((Role.UNDEFENDED, Role.STUDENT, Role.CONTROL), left_out=("papernot",))
_ALL = Scope((Role.UNDEFENDED, Role.TEACHER, Role.STUDENT, Role.CONTROL))

#: Where masked gradients are shown on photographs.
_GREY_LEVELS = tuple(level / 255 for level in (1, 2, 4, 6, 8))
#: In `laptop`, on CIFAR-10.
_VGG = Scale(
    upsampling=1,
    width=1 / 4,
    epochs=8,
    warm_up=1,
    validation_images=2_000,
    pretrained=False,
    batch_size=128,
    attack_images={"faithful": 200, "corrected": 400},
)

PROFILES = {
    "demo": NTUProfile(
        name="demo",
        cost="three minutes on two CPU cores, offline",
        datasets={"cifar10": "digits"},
        scales={
            "vgg16": Scale(
                upsampling=1,
                width=1 / 16,
                epochs=12,
                learning_rate=0.02,  # at the study's 0.1 so few updates teach little
                pretrained=False,
                batch_size=32,
                attack_images={"faithful": 50},
            ),
            "papernot_cnn": Scale(
                upsampling=1,
                width=1 / 4,
                epochs=10,
                learning_rate=0.003,
                batch_size=32,
                attack_images={"corrected": 200},
            ),
        },
        cases={VGG_ON_CIFAR10: Scope((Role.UNDEFENDED,), (Protocol.FAITHFUL,), (View.SOFTMAX,))},
        controls=False,
        masking=(0.025, 0.05, 0.1, 0.15, 0.2),
    ),
    "laptop": NTUProfile(
        name="laptop",
        cost="two hours on two CPU cores for vgg16/cifar10/main; days for everything",
        datasets={"cifar10": "cifar10", "cifar100": "cifar100", "gtsrb": "gtsrb"},
        scales={
            "vgg16": _VGG,
            # A fifth of the images that CIFAR-10 has for each class.
            "vgg16/cifar100": replace(
                _VGG,
                epochs=48,
                images=9_000,
                validation_images=1_000,
                attack_images={"faithful": 400, "corrected": 400},
            ),
            "resnet50": Scale(
                upsampling=1,
                epochs=12,
                warm_up=1,
                images=12_800,
                validation_images=2_000,
                pretrained=False,
                attack_images={"faithful": 200, "corrected": 200},
            ),
            "inception_v3": Scale(
                upsampling=3,
                epochs=6,
                warm_up=1,
                images=6_400,
                validation_images=1_000,
                pretrained=False,
                attack_images={"faithful": 100, "corrected": 100},
                attack_batch_size=32,
            ),
            "mobilenet_v2": Scale(
                upsampling=3,
                epochs=3,
                warm_up=0.5,
                batch_norm_momentum=0.9,
                images=10_000,
                validation_images=1_000,
                attack_images={"faithful": 200, "corrected": 200},
                attack_batch_size=50,
            ),
            "papernot_cnn": Scale(
                upsampling=1,
                epochs=16,
                images=20_000,
                validation_images=2_000,
                attack_images={"corrected": 400},
            ),
        },
        # MobileNetV2 with ImageNet weights stands in for the two that have them in the study; those
        # are trained from scratch, on one data set.
        cases={
            VGG_ON_CIFAR10: _ALL,
            VGG_ON_CIFAR100: _COMPARED,
            **dict.fromkeys((*STAND_INS, RESNET_ON_CIFAR10, INCEPTION_ON_CIFAR10), _COMPARED),
        },
        restarts=2,
        sweeps=True,
        further=tuple(FURTHER),
        jsma_images=50,
        masking=_GREY_LEVELS,
    ),
    # Three architectures on CIFAR-10, two of them pre-trained, which see the 224 pixels that
    # ImageNet's weights expect: up-sampling is what the time goes into.
    "colab": NTUProfile(
        name="colab",
        cost="planned for one session on a T4-class GPU",
        datasets={"cifar10": "cifar10"},
        scales={
            "vgg16": Scale(
                upsampling=1,
                epochs=10,
                warm_up=1,
                validation_images=2_000,
                attack_images={"faithful": TEST_IMAGES, "corrected": 300},
            ),
            **dict.fromkeys(
                ("resnet50", "inception_v3"),
                Scale(
                    upsampling=7,
                    epochs=3,
                    warm_up=0.5,
                    images=10_000,
                    validation_images=1_000,
                    attack_images={"faithful": 100, "corrected": 40},
                    attack_batch_size=50,
                ),
            ),
            "papernot_cnn": Scale(
                upsampling=1,
                epochs=30,
                validation_images=2_000,
                attack_images={"corrected": 1_000},
            ),
        },
        cases={case: _ALL for case in CASES if case.dataset == "cifar10"},
        restarts=2,
        controls=False,
        masking=_GREY_LEVELS,
    ),
    "paper": NTUProfile(
        name="paper",
        cost="days on a GPU",
        datasets={"cifar10": "cifar10", "cifar100": "cifar100", "gtsrb": "gtsrb"},
        scales={
            model: Scale(
                upsampling=network.upsampling,
                attack_images={"faithful": TEST_IMAGES},
                attack_batch_size=64,
            )
            for model, network in NETWORKS.items()
        },
        cases={case: _ALL for case in CASES},
        restarts=5,
        seeds=(0, 1, 2),
        sweeps=True,
        further=tuple(FURTHER),
        jsma_images=100,
        masking=_GREY_LEVELS,
    ),
}
