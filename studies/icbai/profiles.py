"""The sizes at which the ICBAI study runs."""

from attacks import AdversarialPatch
from harness.arms import Case, Role
from harness.study import Scale, Scope
from studies.icbai.classifiers import CASES, CLASSES, DATASET, MODELS, SIDES, PatchProfile, plans
from studies.icbai.distillation import CASE, ROLES

_MNIST = {CASE: Scope(ROLES)}
_CLASSIFIER = Scope((Role.UNDEFENDED,))
_SMALL = ("mobilenet", "mobilenet_v2")
#: Keras downloads their weights; those of AlexNet and RegNetY are torchvision's, see README.md.
_FROM_KERAS = ("resnet101", *_SMALL)
_ATTACKED = {"faithful": 200, "corrected": 200}
_DIGITS = {0: "zero", 3: "three", 7: "seven"}
_ON_DIGITS = AdversarialPatch(1, learning_rate=10.0, batch_size=10)
#: On a fifteenth of the images: larger steps, and smaller batches for more of them.
_ON_FEW = AdversarialPatch(1, learning_rate=3.0, batch_size=10, epochs=3)

PROFILES = {
    "demo": PatchProfile(
        name="demo",
        cost="five minutes on two CPU cores, offline",
        datasets={"mnist": "digits", DATASET: "digits"},
        scales={
            "papernot_cnn": Scale(
                upsampling=1,
                width=3 / 8,
                epochs=12,
                batch_size=32,
                learning_rate=2e-3,  # at the study's 1e-4 so few updates teach little
                attack_images=_ATTACKED,
            ),
            "alexnet": Scale(upsampling=3, width=1 / 8),
        },
        cases=_MNIST | {Case("alexnet", DATASET): _CLASSIFIER},
        # 5 and 9 of 32 pixels cover what 32 and 64 of 224 do, about.
        patches=plans(_DIGITS, (5, 9), _ON_DIGITS, 128, fitted_on=130, evaluated_on=230),
    ),
    "laptop": PatchProfile(
        name="laptop",
        cost="twenty minutes on two CPU cores",
        datasets={"mnist": "mnist"},
        scales={"papernot_cnn": Scale(upsampling=1, width=0.5, attack_images={"corrected": 1_000})},
        cases=_MNIST,
    ),
    "laptop-imagenet": PatchProfile(
        name="laptop-imagenet",
        cost="an hour on two CPU cores",
        datasets={DATASET: DATASET},
        scales=dict.fromkeys(_SMALL, Scale(upsampling=1, attack_batch_size=32, images_per_class=1)),
        cases={Case(model, DATASET): _CLASSIFIER for model in _SMALL},
        patches=plans(CLASSES, SIDES, _ON_FEW, fitted_on=300, evaluated_on=250),
    ),
    "colab": PatchProfile(
        name="colab",
        cost="planned for one session on a T4-class GPU",
        datasets={"mnist": "mnist", DATASET: DATASET},
        scales={
            "papernot_cnn": Scale(upsampling=1, attack_images={"corrected": 2_000}),
            **dict.fromkeys(
                _FROM_KERAS, Scale(upsampling=1, attack_batch_size=32, images_per_class=1)
            ),
        },
        cases=_MNIST | {Case(model, DATASET): _CLASSIFIER for model in _FROM_KERAS},
        restarts=2,
        patches=plans(CLASSES, SIDES, _ON_FEW, fitted_on=300, evaluated_on=250),
    ),
    "paper": PatchProfile(
        name="paper",
        cost="hours on a GPU",
        datasets={"mnist": "mnist", DATASET: DATASET},
        scales={
            "papernot_cnn": Scale(upsampling=1),
            **dict.fromkeys(MODELS, Scale(upsampling=1, attack_batch_size=32, images_per_class=5)),
        },
        cases=_MNIST | dict.fromkeys(CASES, _CLASSIFIER),
        restarts=5,
        seeds=(0, 1, 2),
        patches=plans(CLASSES, SIDES, AdversarialPatch(1), fitted_on=4500, evaluated_on=500),
    ),
}
