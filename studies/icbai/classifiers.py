"""The half of ICBAI on ImageNet: FGSM and patches against pre-trained classifiers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf

from attacks import FGSM, AdversarialPatch, PatchOverlay
from harness.arms import MAIN, Arm, Case, Network, PatchArm, Protocol, Role, Training, View
from harness.patch_plan import PatchPlan
from harness.recipe import Recipe
from harness.study import Profile

DATASET = "imagenet"
PUBLISHED_MODELS = ("resnet101", "alexnet", "regnety_400mf")
MODELS = (*PUBLISHED_MODELS, "mobilenet", "mobilenet_v2")
CASES = tuple(Case(model, DATASET) for model in MODELS)

EPSILONS = tuple(percent / 100 for percent in range(1, 11))
#: By ImageNet's index.
CLASSES = {1: "goldfish", 629: "lipstick", 779: "school bus", 859: "toaster", 953: "pineapple"}
SIDES = (32, 48, 64)
#: By kind of patch.
PROTOCOLS = {"pasted": Protocol.FAITHFUL, "trained": Protocol.CORRECTED}

#: A stand-in for pre-training.
FROM_SCRATCH = Recipe("Adam", 1e-3, batch_size=32, epochs=10)


@dataclass(frozen=True)
class PatchProfile(Profile):
    """A profile with the patches that are made for each of its classifiers."""

    patches: tuple[PatchPlan, ...] = ()


def training(profile: PatchProfile, case: Case) -> Training:
    """A classifier: pre-trained, or from scratch where ImageNet has a stand-in."""
    scale, dataset = profile.scales[case.model], profile.datasets[DATASET]
    recipe, weights = scale.applied_to(FROM_SCRATCH), None
    if dataset == DATASET:
        recipe, weights = replace(recipe, epochs=0), "imagenet"
    return Training(
        network=Network(case.model, scale.upsampling, scale.width, "imagenet", weights),
        dataset=dataset,
        split="held-out",
        role=Role.UNDEFENDED,
        recipe=recipe,
        images=scale.images,
        validation_images=scale.validation_images,
        images_per_class=scale.images_per_class,
        erasing=False,
    )


def arms(profile: PatchProfile, case: Case) -> Iterator[Arm]:
    """Every arm of one classifier."""
    scale = profile.scales[case.model]
    images = scale.attacked(DATASET, (DATASET,))
    network = (MAIN, training(profile, case), View.LOGITS)
    fgsm = FGSM(clip=False, batch_size=scale.attack_batch_size)
    place = (case, Protocol.FAITHFUL, *network)
    faithful = Arm(*place, "FGSM", fgsm, EPSILONS, images=images, units="standardised")
    yield faithful
    clipped = replace(faithful, attack=replace(fgsm, clip=True), units="pixels")
    yield replace(clipped, protocol=Protocol.CORRECTED)
    for plan in profile.patches:
        place = (case, PROTOCOLS[plan.kind], *network)
        name, placements = f"{plan.kind} {plan.name} {plan.side}", (inf,) * plan.placements
        yield PatchArm(*place, name, plan, placements, images=images)


def plans(
    classes: Mapping[int, str],
    sides: Iterable[int],
    trained: AdversarialPatch,
    batch_size: int = 32,
    **images: int,
) -> tuple[PatchPlan, ...]:
    """A pasted and a trained patch of every size and class; see `PatchPlan` for `images`."""
    return tuple(
        PatchPlan(method, target, name, batch_size=batch_size, **images)
        for side in sides
        for target, name in classes.items()
        for method in (PatchOverlay(side, batch_size), replace(trained, size=side))
    )
