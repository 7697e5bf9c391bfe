"""What the Praxis study attacked and trained."""

from collections.abc import Iterator
from dataclasses import replace

from attacks import FGSM
from attacks.units import grey_levels
from harness.arms import (
    MAIN,
    Arm,
    Case,
    Network,
    Pictured,
    Protocol,
    Role,
    Training,
    View,
    seed_of,
)
from harness.recipe import Recipe
from harness.results import Compared
from harness.study import Profile
from studies.praxis.attacks import CarliniWagnerWithin, MarginStep

PUBLISHED_MODELS = ("resnext50_32x4d", "densenet201", "vgg19")
MODELS = (*PUBLISHED_MODELS, "mobilenet", "mobilenet_v2")
TEACHER, STUDENT = "resnet101", "resnext50_32x4d"
IMAGENET, CIFAR = "imagenet", "cifar10"
CLASSIFIERS = {model: Case(model, IMAGENET) for model in MODELS}
DISTILLED = Case(STUDENT, CIFAR)

EPSILONS = tuple(percent / 100 for percent in range(1, 11))
SHOWN = 0.02
#: A bound that every perturbation is within.
ANY = 1.0
UNITS = {Protocol.FAITHFUL: "standardised", Protocol.CORRECTED: "pixels"}
DISTILLATION_EPSILONS = (0.007, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
ITERATION = 32  # images

AGAIN, STEP = "CW as FGSM run again", "CW as one signed step"
#: What may have been run as CW.
VARIANTS = {Protocol.FAITHFUL: (AGAIN, STEP), Protocol.CORRECTED: ("CW",)}
TIMING = "timing"
#: The groups of `Scale.attack_images`: part A's FGSM and what may have been run as CW, CW in both
#: parts, and the rest of part B.
ATTACKED = ("FGSM", "variants", "CW", "distillation")
#: Great white shark, tiger shark and hammerhead, by their class in ImageNet, and which of the five
#: images of its class the study shows.
SHARKS = {2: 2, 3: 3, 4: 3}

PROCEDURE, TEMPERATURE = "soft_labels", 100.0
RECIPE = Recipe("Adam", 1e-4, batch_size=128, epochs=10, beta_1=0.9, beta_2=0.99, patience=3)

COMPARED = {
    Protocol.FAITHFUL: Compared(PROCEDURE, (View.LOGITS,)),
    Protocol.CORRECTED: Compared(PROCEDURE, (View.LOGITS, View.LOGITS_OVER_T)),
}
HEADLINE = tuple(("FGSM", SHOWN * grey_levels(units)) for units in UNITS.values())

#: CW's search by profile; the paper's is that of its authors, and takes days.
CW = {
    "demo": CarliniWagnerWithin(search_steps=2, steps=30, learning_rate=0.05, initial_c=1.0),
    "laptop": CarliniWagnerWithin(search_steps=4, steps=40, learning_rate=0.001, initial_c=0.1),
    "paper": CarliniWagnerWithin(search_steps=9, steps=1000, learning_rate=0.01, initial_c=1e-3),
}


def training(profile: Profile, model: str) -> Training:
    """A network of part A: pre-trained, or from scratch where ImageNet has a stand-in."""
    dataset = profile.datasets[IMAGENET]
    if dataset != IMAGENET:
        return _from_scratch(profile, model, dataset)
    return Training(
        network=Network(model, 1, preprocessing="imagenet", weights="imagenet"),
        dataset=dataset,
        split="held-out",
        role=Role.UNDEFENDED,
        recipe=replace(RECIPE, epochs=0),
        images_per_class=profile.scales[model].images_per_class,
        erasing=False,
    )


def distilled(profile: Profile, role: str, run: int = 0) -> Training:
    """A network of part B in one role; both protocols attack the same ones."""
    model = TEACHER if role == Role.TEACHER else STUDENT
    seed = seed_of(role, run)
    network = _from_scratch(profile, model, profile.datasets[CIFAR], role, seed)
    if role == Role.UNDEFENDED:
        return network
    teacher = distilled(profile, Role.TEACHER, run) if role == Role.STUDENT else None
    return replace(
        network, procedure=PROCEDURE, temperature=TEMPERATURE, alpha=0.0, teacher=teacher
    )


def _from_scratch(
    profile: Profile, model: str, dataset: str, role: str = Role.UNDEFENDED, seed: int = 0
) -> Training:
    scale = profile.scales[model]
    return Training(
        network=Network(model, scale.upsampling, scale.width, preprocessing="imagenet"),
        dataset=dataset,
        split="random-4-1-1",
        role=role,
        recipe=scale.applied_to(RECIPE),
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        seed=seed,
    )


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile."""
    planned: list[Arm] = []
    for case, scope in profile.cases.items():
        if case == DISTILLED:
            for run in profile.seeds:
                for role in scope.roles:
                    planned += _on_distilled(profile, role, run)
        else:
            planned += _on_classifier(profile, case)
    return planned


def _on_classifier(profile: Profile, case: Case) -> Iterator[Arm]:
    """Part A. Arms of one network share what is compiled for it, so the timed one is the last."""
    network, scale = training(profile, case.model), profile.scales[case.model]
    per_class = network.images_per_class or 1
    sharks = (per_class * label + min(number, per_class - 1) for label, number in SHARKS.items())
    shown = Pictured(tuple(sharks), SHOWN)
    whole, few, fewest = (scale.attacked(group, ATTACKED) for group in ATTACKED[:3])

    def arm(protocol, name, attack, images, epsilons=EPSILONS, pictured=None, variant=MAIN):
        place = (case, protocol, variant, network, View.LOGITS)
        kept = {"images": images, "units": UNITS[protocol], "pictured": pictured}
        return Arm(*place, name, attack, epsilons, **kept)

    faithful, corrected = Protocol.FAITHFUL, Protocol.CORRECTED
    unclipped = FGSM(clip=False, batch_size=ITERATION)
    # The same gradients in other batches: other sums, as between two runs on a GPU.
    again = replace(unclipped, batch_size=ITERATION // 2)
    cw = replace(CW[profile.name], batch_size=ITERATION)
    # CW is counted at the standardised epsilons too, as mean distances in pixels.
    as_pixels = (epsilon * grey_levels("standardised") / 255 for epsilon in EPSILONS)
    distances = tuple(sorted({*EPSILONS, *as_pixels, ANY}))
    yield arm(faithful, "FGSM", unclipped, whole, pictured=shown)
    yield arm(faithful, AGAIN, again, few)
    yield arm(faithful, STEP, MarginStep(clip=False, batch_size=ITERATION), few, pictured=shown)
    yield arm(corrected, "FGSM", FGSM(batch_size=ITERATION), whole, pictured=shown)
    yield arm(corrected, "CW", cw, fewest, distances, replace(shown, epsilon=ANY))
    yield arm(faithful, "FGSM", unclipped, 2 * ITERATION, (SHOWN,), variant=TIMING)


def _on_distilled(profile: Profile, role: str, run: int) -> Iterator[Arm]:
    """Part B."""
    network, scale = distilled(profile, role, run), profile.scales[STUDENT]

    def arm(protocol, name, attack, view=View.LOGITS, epsilons=DISTILLATION_EPSILONS):
        place = (DISTILLED, protocol, MAIN, network, view)
        attack = replace(attack, batch_size=scale.attack_batch_size)
        images = scale.attacked("CW" if name == "CW" else "distillation", ATTACKED)
        return Arm(*place, name, attack, epsilons, images=images)

    yield arm(Protocol.FAITHFUL, "FGSM", FGSM())
    if role == Role.TEACHER:
        return
    yield arm(Protocol.FAITHFUL, STEP, MarginStep())
    yield arm(Protocol.CORRECTED, "FGSM", FGSM())
    rescaled = View.LOGITS
    if role != Role.UNDEFENDED:
        rescaled = View.LOGITS_OVER_T
        yield arm(Protocol.CORRECTED, "FGSM", FGSM(), rescaled)
    yield arm(Protocol.CORRECTED, "CW", CW[profile.name], rescaled, (*DISTILLATION_EPSILONS, ANY))
