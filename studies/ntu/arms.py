"""What the NTU study trained and attacked, and the controls that its claims need."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from math import inf
from typing import Any

from attacks import FGSM, JSMA, PGD, CarliniWagner
from data import SPLITS
from harness.arms import MAIN, Arm, Case, Network, Protocol, Role, Training, View, seed_of
from harness.recipe import Recipe
from harness.results import Compared
from harness.study import Profile, Scale, Scope

GREY = 1 / 255
#: The epsilons of the study, in grey levels.
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
EPSILONS = tuple(level * GREY for level in LEVELS)
#: The customary range starts where the study's ends.
CORRECTED_EPSILONS = (*EPSILONS, 1 * GREY, 2 * GREY, 4 * GREY, 8 * GREY)
STEPS, STEP_SIZE = 40, 0.01 * GREY
TEMPERATURE, ALPHA = 200.0, 0.2
#: The study's own split, see `data.SPLITS`, and how many images it tests.
SPLIT = "test-validates"
TEST_IMAGES = SPLITS[SPLIT].test_images
#: Epochs, from a variable that the study's listing sets and never uses.
HALVE_EVERY = 20
COMPARED = {
    Protocol.FAITHFUL: Compared("as_listed", (View.SOFTMAX,)),
    Protocol.CORRECTED: Compared("corrected", (View.LOGITS, View.LOGITS_OVER_T)),
}
#: The distillation procedures of each protocol.
PROCEDURES = {Protocol.FAITHFUL: ("as_listed",), Protocol.CORRECTED: ("corrected", "papernot")}
HEADLINE = (("FGSM", 0.8), ("PGD", 0.8), ("PGD", 8.0))

#: With the preprocessing of the corrected protocol; the study feeds raw pixels.
NETWORKS = {
    "vgg16": Network("vgg16", upsampling=5, preprocessing="unit"),
    "resnet50": Network("resnet50", 7, preprocessing="imagenet", weights="imagenet"),
    "inception_v3": Network("inception_v3", 7, preprocessing="imagenet", weights="imagenet"),
    "mobilenet_v2": Network("mobilenet_v2", 7, preprocessing="imagenet", weights="imagenet"),
    "papernot_cnn": Network("papernot_cnn", upsampling=1, preprocessing="unit"),
}


def _sgd(batch_size: int, epochs: int) -> Recipe:
    return Recipe(
        "SGD", 0.1, batch_size, epochs, decay=1e-6, momentum=0.9, nesterov=True, weight_decay=0.0005
    )


def _adam(batch_size: int, epochs: int) -> Recipe:
    return Recipe("Adam", 0.001, batch_size, epochs)


#: Tables 4-1 to 4-18: (undefended, teacher, student).
RECIPES = {
    Case("vgg16", "cifar10"): (_sgd(128, 200), _sgd(128, 125), _sgd(128, 150)),
    Case("vgg16", "cifar100"): (_sgd(32, 200), _sgd(32, 250), _sgd(32, 200)),
    Case("resnet50", "cifar10"): (_adam(128, 50), _adam(128, 40), _adam(128, 40)),
    Case("resnet50", "cifar100"): (_adam(64, 70), _adam(64, 50), _adam(64, 50)),
    Case("inception_v3", "cifar10"): (_adam(64, 40), _adam(128, 50), _adam(128, 50)),
    Case("inception_v3", "cifar100"): (_adam(64, 200), _adam(64, 50), _adam(64, 50)),
}
CASES = tuple(RECIPES)
VGG_ON_CIFAR10, VGG_ON_CIFAR100, *_ = CASES
#: What stands in for the networks with ImageNet weights where theirs would take too long: a smaller
#: one that has such weights, trained in the same way.
STAND_IN = "mobilenet_v2"
STAND_INS = {
    Case(STAND_IN, dataset): RECIPES[Case("resnet50", dataset)]
    for dataset in ("cifar10", "cifar100")
}
#: All that speak of the study.
PLACES = (*CASES, *STAND_INS)
#: Not in the study, with the recipes of its own cases on CIFAR-10: a simpler network, the one that
#: defensive distillation was proposed with, and a third data set, of photographs of the same size.
FURTHER = {
    Case("papernot_cnn", "cifar10"): RECIPES[Case("resnet50", "cifar10")],
    Case("vgg16", "gtsrb"): RECIPES[VGG_ON_CIFAR10],
}
#: The variant of what the study did not do, which keeps it out of all that speaks of the study.
NOT_IN_THE_STUDY = "not in the study"
#: Which of the three a role has.
_RECIPE_OF = {"undefended": 0, "warm_up": 1, "teacher": 1, "student": 2, "control": 2}

FAITHFUL_ATTACKS: dict[str, FGSM | PGD] = {
    "FGSM": FGSM(clip=False),
    "PGD": PGD(steps=STEPS, step_size=STEP_SIZE, random_start=False, clip=False),
}
ATTACKS = tuple(FAITHFUL_ATTACKS)
#: Variants of the undefended network.
FROM_SCRATCH, EQUAL_UPSAMPLING = "NTU-8 from scratch", "NTU-8 equal up-sampling"
FROZEN, NO_ERASING = "NTU-14 batch normalisation frozen", "NTU-15 no erasing"
RATE_AS_LISTED, RATE_HALVED = "NTU-A18 rate as listed", "NTU-A18 rate halved"
#: By optimiser, the variants with learning rates that are tried.
RATES = {
    optimizer: {f"NTU-16 {optimizer} {rate:g}": rate for rate in rates}
    for optimizer, rates in {"SGD": (0.1, 0.01), "Adam": (0.001, 0.0001)}.items()
}
#: The study names a sweep over T as future work. Each of the two is swept at the study's value of
#: the other: what the corrected student is called at each value.
SWEEPS = {
    "temperature": {
        f"NTU-A14 T = {each:g}": each for each in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
    },
    "alpha": {f"NTU-A14 alpha = {tenths / 10:g}": tenths / 10 for tenths in range(10)},
}
#: The training of a sweep's students, where a profile reduces it further.
SWEPT = {"laptop": {"images": 10_000}}
#: What else the study's epsilons, of which it gives no unit, could be distances between.
UNIT, STANDARDISED = "NTU-A1 images in [0, 1]", "NTU-A1 standardised images"
#: Carlini and Wagner's attack on the students of the sweeps, and how many images it is given.
CW, CW_IMAGES = CarliniWagner(search_steps=5, steps=200, learning_rate=0.02, initial_c=0.1), 200
#: PGD with the step that the study's text gives; its listing has 0.01.
STEP_OF_THE_TEXT = "PGD, step 0.05"
#: What defensive distillation was made against, at the share of values that may change there: 112
#: of the 784 of an MNIST image. With derivatives of the probabilities, as in the evaluation of
#: distillation, and of the logits, as in the attack's own paper; see `attacks.JSMA`.
JSMAS = {
    "JSMA, probabilities": JSMA(gamma=112 / 784, output="probabilities"),
    "JSMA, logits": JSMA(gamma=112 / 784),
}


@dataclass(frozen=True, kw_only=True)
class NTUProfile(Profile):
    """A profile with what is run beside the study's own cases and their controls.

    Attributes:
        sweeps: whether the corrected student of the VGG variant on CIFAR-10 is trained at every
            value of `SWEEPS`.
        further: the cases of `FURTHER` that are run.
        jsma_images: given to JSMA on the VGG variant on CIFAR-10; 0 for no JSMA.
        masking: epsilons in [0, 1] of the arms of `studies.ntu.masking`; none for no such arms.
    """

    sweeps: bool = False
    further: tuple[Case, ...] = ()
    jsma_images: int = 0
    masking: tuple[float, ...] = ()

    def scale(self, case: Case) -> Scale:
        """The size at which a case is run: its own in `scales`, or else its model's."""
        return self.scales.get(str(case), self.scales[case.model])


def _attacks(profile: NTUProfile, protocol: Protocol) -> dict[str, FGSM | PGD]:
    if protocol == Protocol.FAITHFUL:
        return FAITHFUL_ATTACKS
    pgd = PGD(steps=STEPS, random_start=True, restarts=profile.restarts, stop_at_success=True)
    return {"FGSM": FGSM(), "PGD": pgd}


def training(
    profile: NTUProfile,
    case: Case,
    protocol: Protocol,
    role: str,
    run: int = 0,
    procedure: str | None = None,
    erasing: bool = True,
) -> Training:
    """The network of a case in one role, as a profile trains it."""
    scale, network = profile.scale(case), NETWORKS[case.model]
    recipe = scale.applied_to((RECIPES | STAND_INS | FURTHER)[case][_RECIPE_OF[role]])
    faithful = protocol == Protocol.FAITHFUL
    if procedure == "corrected" and role == Role.TEACHER:
        undefended = training(profile, case, protocol, Role.UNDEFENDED, run, erasing=erasing)
        if recipe == undefended.recipe:  # at temperature 1 it is the same network
            return undefended
    source = partial(
        training, profile, case, protocol, run=run, procedure=procedure, erasing=erasing
    )
    is_warmed_up = procedure == "papernot" and role != Role.WARM_UP
    return Training(
        network=replace(
            network,
            upsampling=scale.upsampling,
            width=scale.width,
            weights=network.weights if scale.pretrained else None,
            preprocessing="raw" if faithful else network.preprocessing,
        ),
        dataset=profile.datasets[case.dataset],
        split=SPLIT if faithful else "held-out",
        role=role,
        recipe=replace(recipe, epochs=1) if role == Role.WARM_UP else recipe,
        procedure=procedure,
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=erasing,
        seed=seed_of(role, run),
        temperature=TEMPERATURE if procedure else 1.0,
        alpha=ALPHA if procedure else 1.0,
        teacher=source(role=Role.TEACHER) if role == Role.STUDENT else None,
        warm_up=source(role=Role.WARM_UP) if is_warmed_up else None,
    )


def arms(profile: NTUProfile) -> list[Arm]:
    """Every arm of a profile: the published ones, the controls of the claims, then all others."""
    planned: list[Arm] = []
    for run in profile.seeds:
        for case, scope in profile.cases.items():
            for protocol in scope.protocols:
                published = _published_arms(profile, case, protocol, scope, run)
                planned += [arm for arm in published if arm.view in scope.views]
        if profile.controls:
            for case in profile.cases:
                planned += _control_arms(profile, case, run)
        if profile.sweeps and run == profile.seeds[0]:
            planned += _swept_arms(profile, run)
        planned += _jsma_arms(profile, run) if profile.jsma_images else ()
        for case in profile.further:
            planned += _further_arms(profile, case, run)
    return planned


def _published_arms(
    profile: NTUProfile, case: Case, protocol: Protocol, scope: Scope, run: int
) -> Iterator[Arm]:
    if Role.UNDEFENDED in scope.roles:
        network = training(profile, case, protocol, Role.UNDEFENDED, run)
        attacked = list(_attacked(profile, case, protocol, MAIN, network))
        yield from attacked
        for arm in attacked:
            if case.model == "vgg16" and (arm.view, arm.attack_name) == (View.SOFTMAX, "PGD"):
                other = replace(arm.attack, step_size=0.05 * GREY)
                yield replace(arm, attack_name=STEP_OF_THE_TEXT, attack=other)
    known = [*chain(*PROCEDURES.values())]
    if not {*scope.left_out} <= {*known}:
        raise ValueError(f"left_out is {scope.left_out!r}; accepted: any of {', '.join(known)}")
    for procedure in (each for each in PROCEDURES[protocol] if each not in scope.left_out):
        for role in (Role.TEACHER, Role.STUDENT, Role.CONTROL):
            if role in scope.roles:
                network = training(profile, case, protocol, role, run, procedure)
                if network.procedure:  # else it is the undefended network, attacked above
                    yield from _attacked(profile, case, protocol, MAIN, network)


def _control_arms(profile: NTUProfile, case: Case, run: int) -> Iterator[Arm]:
    """Networks that differ from the published ones in one respect each."""
    for protocol in Protocol:
        base = training(profile, case, protocol, Role.UNDEFENDED, run)
        for variant, changed in _variants(profile, case, protocol, base).items():
            if changed != base:
                yield from _attacked(profile, case, protocol, variant, changed)
    yield from _in_other_units(profile, case, run)


def _in_other_units(profile: NTUProfile, case: Case, run: int) -> Iterator[Arm]:
    """The faithful attacks on the undefended network, as other units of epsilon would have them."""
    network = training(profile, case, Protocol.FAITHFUL, Role.UNDEFENDED, run)
    for arm in _attacked(profile, case, Protocol.FAITHFUL, UNIT, network):
        if arm.view == View.SOFTMAX:
            attack = arm.attack
            if isinstance(attack, PGD):
                attack = replace(attack, step_size=STEP_SIZE / GREY)
            yield replace(arm, attack=attack, epsilons=LEVELS)
            if isinstance(attack, FGSM):
                yield replace(arm, variant=STANDARDISED, epsilons=LEVELS, units="standardised")


def _swept_arms(profile: NTUProfile, run: int) -> Iterator[Arm]:
    """The corrected student at each value of the settings that are swept."""
    place = profile, VGG_ON_CIFAR10, Protocol.CORRECTED
    for what, values in SWEEPS.items():
        student = training(*place, Role.STUDENT, run, "corrected")
        student = replace(student, **SWEPT.get(profile.name, {}))
        for variant, value in values.items():
            attacked = list(_attacked(*place, variant, replace(student, **{what: value})))
            yield from attacked
            like = next(arm for arm in attacked if arm.view == View.LOGITS)
            images = min(CW_IMAGES, like.images or CW_IMAGES)
            cw = replace(CW, batch_size=like.attack.batch_size)
            yield replace(like, attack_name="CW", attack=cw, epsilons=(inf,), images=images)


def _jsma_arms(profile: NTUProfile, run: int) -> Iterator[Arm]:
    """JSMA on the corrected networks: whether distillation withstands what it was made against."""
    place = profile, VGG_ON_CIFAR10, Protocol.CORRECTED
    networks = [training(*place, Role.UNDEFENDED, run)]
    for procedure in PROCEDURES[Protocol.CORRECTED]:
        networks += [training(*place, r, run, procedure) for r in (Role.STUDENT, Role.CONTROL)]
    for network in networks:
        for like in _attacked(*place, NOT_IN_THE_STUDY, network):
            if like.attack_name == "FGSM":
                for name, attack in JSMAS.items():
                    # To the pairs that logits choose a temperature makes no difference.
                    if like.view == View.LOGITS or attack.output == "probabilities":
                        jsma = replace(attack, batch_size=like.attack.batch_size)
                        changes = {"epsilons": (inf,), "images": profile.jsma_images}
                        yield replace(like, attack_name=name, attack=jsma, **changes)


def _further_arms(profile: NTUProfile, case: Case, run: int) -> Iterator[Arm]:
    """The corrected protocol where the study did not go, with the study's own distillation."""
    place = profile, case, Protocol.CORRECTED
    procedure = COMPARED[Protocol.CORRECTED].procedure
    networks = [training(*place, Role.UNDEFENDED, run)]
    networks += [training(*place, r, run, procedure) for r in (Role.STUDENT, Role.CONTROL)]
    for network in networks:
        yield from _attacked(*place, NOT_IN_THE_STUDY, network)


def _variants(
    profile: NTUProfile, case: Case, protocol: Protocol, base: Training
) -> dict[str, Training]:
    def of_network(**changed: Any) -> Training:
        return replace(base, network=replace(base.network, **changed))

    def of_recipe(**changed: Any) -> Training:
        return replace(base, recipe=replace(base.recipe, **changed))

    scales = profile.scales
    if case.model != "vgg16":
        least = 3 if case.model == "inception_v3" else 1
        upsampling = max(scales["vgg16"].upsampling, least)
        variants = {EQUAL_UPSAMPLING: of_network(upsampling=upsampling)}
        if base.network.weights:
            variants[FROM_SCRATCH] = of_network(weights=None)
            variants[FROZEN] = of_network(train_batch_norm=False)
        return variants
    variants = {NO_ERASING: replace(base, erasing=False)}
    if protocol == Protocol.FAITHFUL:
        variants[EQUAL_UPSAMPLING] = of_network(upsampling=scales["resnet50"].upsampling)
        return variants
    adam = {"optimizer": "Adam", "decay": 0.0, "momentum": 0.0, "nesterov": False}
    for optimizer, changed in {"SGD": {}, "Adam": adam}.items():
        for variant, rate in RATES[optimizer].items():
            variants[variant] = of_recipe(learning_rate=rate, **changed)
    # In proportion where a profile trains for fewer epochs.
    published = RECIPES[case][0]
    halve_every = max(1, round(HALVE_EVERY * base.recipe.epochs / published.epochs))
    listed = {"warm_up": 0.0, "cosine": False, "decay": published.decay}
    variants[RATE_AS_LISTED] = of_recipe(**listed)
    variants[RATE_HALVED] = of_recipe(**listed, halve_every=halve_every)
    return variants


def _attacked(
    profile: NTUProfile, case: Case, protocol: Protocol, variant: str, network: Training
) -> Iterator[Arm]:
    """A network under the attacks of a protocol, through every output."""
    faithful, scale = protocol == Protocol.FAITHFUL, profile.scale(case)
    for view in _views(protocol, network):
        for name, attack in _attacks(profile, protocol).items():
            yield Arm(
                case=case,
                protocol=protocol,
                variant=variant,
                training=network,
                view=view,
                attack_name=name,
                attack=replace(attack, batch_size=scale.attack_batch_size),
                epsilons=EPSILONS if faithful else CORRECTED_EPSILONS,
                predicted_labels=faithful,
                images=scale.attacked(protocol),
            )


def _views(protocol: Protocol, network: Training) -> tuple[View, ...]:
    """The outputs that are attacked; the first is the one compared with the study."""
    # Papernot's control is trained at T as well.
    at_temperature = network.role in (Role.TEACHER, Role.STUDENT) or (
        network.role == Role.CONTROL and network.procedure == "papernot"
    )
    softened = at_temperature and network.temperature != 1
    if protocol == Protocol.FAITHFUL:
        middle = (View.SOFTMAX_AT_T,) if softened else ()
        return (View.SOFTMAX, *middle, View.LOGITS)
    return (View.LOGITS, View.LOGITS_OVER_T) if softened else (View.LOGITS,)
