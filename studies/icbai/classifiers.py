"""The first half of ICBAI: FGSM and patches on pre-trained ImageNet classifiers.

ResNet-101, AlexNet and RegNetY-400MF; MobileNet and MobileNetV2 are not the study's, but their
weights are easier to come by. Faithful is what the review tells of: FGSM at 0.01 to 0.10, taken
to be distances between standardised images, as in the sister study (Praxis), unclipped; and
patches that are pictures of other classes. Corrected are FGSM between images in [0, 1], and
patches that are trained, as in the public tutorial (Lippe, "UvA Deep Learning Tutorials", number
10) whose three sizes and five classes the study's seem to be. All patches lie at random places,
and are judged on images that they were not made from and that are not of their class.
"""

from dataclasses import dataclass, replace
from math import inf

from attacks import FGSM, AdversarialPatch, PatchOverlay
from harness.patch_plan import PatchPlan
from harness.study import Arm, Network, Profile, Recipe, Training

PUBLISHED_MODELS = ("resnet101", "alexnet", "regnety_400mf")
MODELS = (*PUBLISHED_MODELS, "mobilenet", "mobilenet_v2")
DATASET = "imagenet"
CASES = {model: f"{model}/{DATASET}" for model in MODELS}

EPSILONS = tuple(percent / 100 for percent in range(1, 11))
#: By ImageNet's index.
CLASSES = {1: "goldfish", 629: "lipstick", 779: "school bus", 859: "toaster", 953: "pineapple"}
SIDES = (32, 48, 64)
#: By kind of patch.
PROTOCOLS = {"pasted": "faithful", "trained": "corrected"}


@dataclass(frozen=True)
class Patches:
    """The patches of a profile.

    Attributes:
        classes: names by index.
        sides: in pixels.
        trained: how; its size is put in.
        fitted_on, evaluated_on: test images in the two parts.
        images_per_class: of ImageNet; `None` for a data set that stands in for it.
    """

    classes: dict[int, str]
    sides: tuple[int, ...]
    trained: AdversarialPatch
    fitted_on: int
    evaluated_on: int
    images_per_class: int | None = None


PATCHES = {
    "paper": Patches(
        CLASSES, SIDES, AdversarialPatch(1), fitted_on=4500, evaluated_on=500, images_per_class=5
    ),
    # A fifteenth of the images: larger steps, and smaller batches for more of them.
    "laptop-imagenet": Patches(
        CLASSES,
        SIDES,
        AdversarialPatch(1, learning_rate=3.0, batch_size=10, epochs=3),
        fitted_on=300,
        evaluated_on=250,
        images_per_class=1,
    ),
    # 5 and 9 of 32 pixels cover what 32 and 64 of 224 do, about.
    "demo": Patches(
        {0: "zero", 3: "three", 7: "seven"},
        (5, 9),
        AdversarialPatch(1, learning_rate=10.0, batch_size=10),
        fitted_on=200,
        evaluated_on=160,
    ),
}

#: A stand-in for pre-training.
FROM_SCRATCH = Recipe("Adam", 1e-3, batch_size=32, epochs=10)


def training(profile: Profile, model: str) -> Training:
    """A classifier: pre-trained, or from scratch where ImageNet has a stand-in."""
    scale, dataset = profile.scales[model], profile.datasets[DATASET]
    pretrained = dataset == DATASET
    recipe = replace(FROM_SCRATCH, epochs=0 if pretrained else scale.epochs or FROM_SCRATCH.epochs)
    return Training(
        network=Network(
            model,
            scale.upsampling,
            scale.width,
            preprocessing="imagenet",
            weights="imagenet" if pretrained else None,
        ),
        dataset=dataset,
        split="corrected",
        role="undefended",
        recipe=recipe,
        images=scale.images,
        validation_images=scale.validation_images,
        images_per_class=PATCHES[profile.name].images_per_class,
        erasing=False,
    )


def arms(profile: Profile, model: str) -> list[Arm]:
    """Every arm of one classifier."""
    network, scale = training(profile, model), profile.scales[model]

    def arm(protocol, name, attack, epsilons=EPSILONS, units="pixels"):
        return Arm(
            case=CASES[model],
            protocol=protocol,
            variant="main",
            training=network,
            view="logits",
            attack_name=name,
            attack=attack,
            epsilons=epsilons,
            own_labels=False,
            images=scale.attacked(DATASET, (DATASET,)),
            units=units,
        )

    batch = scale.attack_batch_size
    fgsm = FGSM(batch_size=batch)
    return [
        arm("faithful", "FGSM", replace(fgsm, clip=False), units="standardised"),
        arm("corrected", "FGSM", fgsm),
        *(
            arm(PROTOCOLS[plan.kind], f"{plan.kind} {plan.name} {plan.side}", plan, places)
            for plan in plans(PATCHES[profile.name], batch)
            for places in [(inf,) * plan.placements]
        ),
    ]


def plans(patches: Patches, batch_size: int) -> list[PatchPlan]:
    """Every patch that is made for one classifier."""
    return [
        PatchPlan(
            method=method,
            target=target,
            name=name,
            fitted_on=patches.fitted_on,
            evaluated_on=patches.evaluated_on,
            batch_size=batch_size,
        )
        for side in patches.sides
        for target, name in patches.classes.items()
        for method in (
            PatchOverlay(side, batch_size),
            replace(patches.trained, size=side),
        )
    ]
