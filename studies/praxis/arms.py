"""What the Praxis study attacked and trained."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, product

from attacks import FGSM
from attacks.units import grey_levels
from harness.arms import MAIN, Arm, Case, Network, Pictured, Protocol, Role, Training, View, seed_of
from harness.recipe import Recipe
from harness.results import Compared
from harness.study import Profile
from studies.praxis.attacks import CarliniWagnerWithin, MarginStep

#: The study's classifiers by the name that it prints, the one that errs least first.
PRINTED_NAMES = {
    "ResNeXt50_32x4d": "resnext50_32x4d",
    "DenseNet201": "densenet201",
    "VGG-19": "vgg19",
}
PUBLISHED_MODELS = tuple(PRINTED_NAMES.values())
MODELS = (*PUBLISHED_MODELS, "mobilenet", "mobilenet_v2")
TEACHER, STUDENT = "resnet101", "resnext50_32x4d"
IMAGENET, CIFAR = "imagenet", "cifar10"
CLASSIFIERS = {model: Case(model, IMAGENET) for model in MODELS}
DISTILLED = Case(STUDENT, CIFAR)

EPSILONS = tuple(percent / 100 for percent in range(1, 11))
SHOWN = 0.02
#: A bound that every perturbation is within.
ANY = 1.0
DISTILLATION_EPSILONS = (0.007, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
ITERATION = 32  # images

AGAIN, STEP = "CW as FGSM run again", "CW as one signed step"
#: What may have been run as CW; the first two in the faithful protocol, the last in the other.
VARIANTS = (AGAIN, STEP, "CW")
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
HEADLINE = tuple(("FGSM", SHOWN * grey_levels(units)) for units in ("standardised", "pixels"))

#: CW's search by profile; the paper's is that of its authors, and takes days.
CW = {
    "demo": CarliniWagnerWithin(search_steps=2, steps=30, learning_rate=0.05, initial_c=1.0),
    "laptop": CarliniWagnerWithin(search_steps=4, steps=40, learning_rate=0.001, initial_c=0.1),
    "colab": CarliniWagnerWithin(search_steps=5, steps=100, learning_rate=0.005, initial_c=0.1),
    "paper": CarliniWagnerWithin(search_steps=9, steps=1000, learning_rate=0.01, initial_c=1e-3),
}


def training(
    profile: Profile,
    model: str,
    dataset: str = IMAGENET,
    role: str = Role.UNDEFENDED,
    seed: int = 0,
) -> Training:
    """A network, pre-trained on ImageNet, and from scratch on what stands in for it or CIFAR-10."""
    scale = profile.scales[model]
    from_scratch = Training(
        network=Network(model, scale.upsampling, scale.width, preprocessing="imagenet"),
        dataset=profile.datasets[dataset],
        split="random-4-1-1",
        role=role,
        recipe=scale.applied_to(RECIPE),
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        seed=seed,
    )
    if from_scratch.dataset != IMAGENET:
        return from_scratch
    return replace(
        from_scratch,
        network=replace(from_scratch.network, weights="imagenet"),
        split="held-out",
        recipe=replace(RECIPE, epochs=0),
        images_per_class=scale.images_per_class,
    )


def distilled(profile: Profile, role: str, run: int = 0) -> Training:
    """A network of part B in one role; both protocols attack the same ones."""
    model = TEACHER if role == Role.TEACHER else STUDENT
    network = training(profile, model, CIFAR, role, seed_of(role, run))
    if role == Role.UNDEFENDED:
        return network
    teacher = distilled(profile, Role.TEACHER, run) if role == Role.STUDENT else None
    at_t = {"procedure": PROCEDURE, "temperature": TEMPERATURE, "alpha": 0.0}
    return replace(network, teacher=teacher, **at_t)


def view(role: str, protocol: Protocol) -> View:
    """What is attacked of a network of part B; the undefended one has no temperature."""
    return View.LOGITS if role == Role.UNDEFENDED else COMPARED[protocol].views[-1]


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile, part B first."""
    roles = profile.cases[DISTILLED].roles if DISTILLED in profile.cases else ()
    part_b = (_on_distilled(profile, *each) for each in product(profile.seeds, roles))
    part_a = (_on_classifier(profile, case) for case in profile.cases if case != DISTILLED)
    return list(chain(*part_b, *part_a))


def _on_classifier(profile: Profile, case: Case) -> Iterator[Arm]:
    """Part A. Arms of one network share what is compiled for it, so the timed one is the last."""
    network, scale = training(profile, case.model), profile.scales[case.model]
    per_class = network.images_per_class or 1
    sharks = (per_class * label + min(number, per_class - 1) for label, number in SHARKS.items())
    shown = Pictured(tuple(sharks), SHOWN)
    whole, few, fewest = (scale.attacked(group, ATTACKED) for group in ATTACKED[:3])
    unclipped = FGSM(clip=False, batch_size=ITERATION)
    place = (case, Protocol.FAITHFUL, MAIN, network, View.LOGITS, "FGSM", unclipped, EPSILONS)
    faithful = Arm(*place, images=whole, units="standardised", pictured=shown)
    clipped = replace(faithful, attack=FGSM(batch_size=ITERATION), units="pixels")
    corrected = replace(clipped, protocol=Protocol.CORRECTED)
    yield faithful
    # The same gradients in other batches: other sums, as between two runs on a GPU.
    again = replace(unclipped, batch_size=ITERATION // 2)
    yield replace(faithful, attack_name=AGAIN, attack=again, images=few, pictured=None)
    step = MarginStep(clip=False, batch_size=ITERATION)
    yield replace(faithful, attack_name=STEP, attack=step, images=few)
    yield corrected
    cw = replace(CW[profile.name], batch_size=ITERATION)
    # CW is counted at the standardised epsilons too, as mean distances in pixels.
    as_pixels = (epsilon * grey_levels("standardised") / 255 for epsilon in EPSILONS)
    distances = tuple(sorted({*EPSILONS, *as_pixels, ANY}))
    within = replace(corrected, attack_name="CW", attack=cw, epsilons=distances, images=fewest)
    yield replace(within, pictured=replace(shown, epsilon=ANY))
    timed = replace(faithful, variant=TIMING, images=2 * ITERATION, pictured=None)
    yield replace(timed, epsilons=(SHOWN,))


def _on_distilled(profile: Profile, run: int, role: str) -> Iterator[Arm]:
    """Part B."""
    network, scale = distilled(profile, role, run), profile.scales[STUDENT]
    few, fewest = scale.attacked("distillation", ATTACKED), scale.attacked("CW", ATTACKED)
    fgsm, step = (attack(batch_size=scale.attack_batch_size) for attack in (FGSM, MarginStep))
    place = (DISTILLED, Protocol.FAITHFUL, MAIN, network, View.LOGITS)
    faithful = Arm(*place, "FGSM", fgsm, DISTILLATION_EPSILONS, images=few)
    yield faithful
    if role == Role.TEACHER:
        return
    yield replace(faithful, attack_name=STEP, attack=step)
    corrected = replace(faithful, protocol=Protocol.CORRECTED)
    yield corrected
    rescaled = replace(corrected, view=view(role, Protocol.CORRECTED))
    if rescaled != corrected:
        yield rescaled
    cw = replace(CW[profile.name], batch_size=scale.attack_batch_size)
    distances = (*DISTILLATION_EPSILONS, ANY)
    yield replace(rescaled, attack_name="CW", attack=cw, epsilons=distances, images=fewest)
