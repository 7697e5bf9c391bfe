"""What the RIT study runs: seven networks, and the attacks on each."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from attacks import FGSM, PGD, AutoAttack
from harness.arms import (
    MAIN,
    TRANSFERRED,
    Arm,
    Case,
    Network,
    Protocol,
    Role,
    Training,
    View,
    seed_of,
)
from harness.recipe import Recipe
from harness.results import Compared
from harness.study import Profile
from harness.trained_defenses import PGDTraining, StaticSet, TrainedDefense

CASE = Case("rit_cnn", "mnist")

#: The epsilons of the post.
PUBLISHED_EPSILONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
#: With those between them at which its curves meet.
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
CORRECTED_EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
TRAINING_EPSILONS = (0.05, 0.1, 0.2, 0.25, 0.3)
#: The one that the network trained on the fly is trained for.
ROBUST_EPSILON = 0.3
#: The class of the images that the post shows.
PICTURED = 5

RECIPE = Recipe("Adam", 1e-3, batch_size=128, epochs=50, keep="last")
PGD_OF_THE_SETS = PGD(steps=10, random_start=True)  # steps of 2.5 epsilon / 10
_PGD_40 = PGD(steps=40, random_start=True)
_Attack = FGSM | PGD | AutoAttack
_FGSM_SET = StaticSet(FGSM(), TRAINING_EPSILONS)
_PGD_SET = StaticSet(PGD_OF_THE_SETS, TRAINING_EPSILONS)
_ON_THE_FLY = PGDTraining(ROBUST_EPSILON, steps=5, step_size=0.12)
#: Sets of images in a static set: the clean ones and the examples of each epsilon.
SETS = 1 + len(TRAINING_EPSILONS)


class _Kind(NamedTuple):
    """How a network is trained, for so many times the epochs of the baseline."""

    name: str
    defense: TrainedDefense | None = None
    retrained: bool = False  # goes on from the trained baseline
    epochs: int = 1


#: By role; the control and the last one are not in the post.
NETWORKS = {
    Role.UNDEFENDED: _Kind("baseline"),
    "fgsm_retrained": _Kind("FGSM, retrained", _FGSM_SET, retrained=True),
    "fgsm_untrained": _Kind("FGSM, untrained", _FGSM_SET),
    "pgd_retrained": _Kind("PGD, retrained", _PGD_SET, retrained=True),
    "pgd_untrained": _Kind("PGD, untrained", _PGD_SET),
    # As many updates as an epoch of a static set has.
    Role.CONTROL: _Kind("control: more clean updates", retrained=True, epochs=SETS),
    "on_the_fly": _Kind("PGD on the fly", _ON_THE_FLY, epochs=2),
}
NAMES = {role: kind.name for role, kind in NETWORKS.items()}
ON_STATIC_SETS = tuple(
    role for role, kind in NETWORKS.items() if isinstance(kind.defense, StaticSet)
)
PUBLISHED_ROLES = (Role.UNDEFENDED, *ON_STATIC_SETS)
_STARTING_ANEW = ("fgsm_untrained", "pgd_untrained", "on_the_fly")

SINGLE_RUN, STRONGEST = "PGD, one run", "AutoAttack"
#: Every attack that is run at several epsilons.
EVERY_ATTACK = ("FGSM", "PGD", SINGLE_RUN, TRANSFERRED.format("FGSM"), TRANSFERRED.format("PGD"))
#: What is measured beside a number of the post; of several attacks the worst for every image.
MEASURED_UNDER = {Protocol.FAITHFUL: "FGSM", Protocol.CORRECTED: EVERY_ATTACK}

COMPARED = {protocol: Compared("none", (View.LOGITS,)) for protocol in Protocol}
HEADLINE = (("FGSM", 25.5), ("FGSM", 51.0), ("FGSM", 76.5), ("PGD", 76.5))
#: The groups of `Scale.attack_images`; FGSM is given all test images.
_GROUPS = (*Protocol, STRONGEST)
#: The variant of the control's arms.
CONTROL = "RIT-A5 equal updates"


def training(profile: Profile, role: str, run: int = 0) -> Training:
    """The network in one role, as a profile trains it; both protocols attack the same ones."""
    scale, kind = profile.scales[CASE.model], NETWORKS[role]
    recipe = scale.applied_to(RECIPE)
    baseline = None if role == Role.UNDEFENDED else training(profile, Role.UNDEFENDED, run)
    return Training(
        network=Network(CASE.model, scale.upsampling, scale.width, preprocessing="unit"),
        dataset=profile.datasets[CASE.dataset],
        split="held-out",
        role=role,
        recipe=replace(recipe, epochs=kind.epochs * recipe.epochs),
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        seed=seed_of(role, run, starting_apart=_STARTING_ANEW),
        warm_up=baseline if kind.retrained else None,
        defense=kind.defense,
        crafted_on=baseline if isinstance(kind.defense, StaticSet) else None,
    )


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile."""
    planned = []
    for run in profile.seeds:
        baseline = training(profile, Role.UNDEFENDED, run)
        for role in profile.cases[CASE].roles:
            arm = partial(_arm, profile, training(profile, role, run))
            if role in PUBLISHED_ROLES:
                planned += [
                    arm(Protocol.FAITHFUL, "FGSM", FGSM()),
                    arm(Protocol.FAITHFUL, "PGD", PGD_OF_THE_SETS),
                ]
            planned += [
                arm(Protocol.CORRECTED, name, attack)
                for name, attack in _corrected(profile, role).items()
            ]
            if role != Role.UNDEFENDED:
                planned += [
                    arm(Protocol.CORRECTED, TRANSFERRED.format(name), attack, crafted_on=baseline)
                    for name, attack in (("FGSM", FGSM()), ("PGD", _PGD_40))
                ]
    return planned


def _corrected(profile: Profile, role: str) -> dict[str, _Attack]:
    pgd = replace(_PGD_40, restarts=profile.restarts, stop_at_success=True)
    attacks: dict[str, _Attack] = {"FGSM": FGSM(), "PGD": pgd}
    if role == "on_the_fly":
        attacks |= {SINGLE_RUN: replace(pgd, restarts=1), STRONGEST: AutoAttack()}
    return attacks


def _arm(
    profile: Profile,
    network: Training,
    protocol: Protocol,
    name: str,
    attack: _Attack,
    crafted_on: Training | None = None,
) -> Arm:
    """An arm; FGSM attacks all test images, one of which is shown."""
    scale = profile.scales[CASE.model]
    group = STRONGEST if name == STRONGEST else protocol
    whole_range = protocol == Protocol.FAITHFUL or name == "FGSM"
    epsilons = EPSILONS if whole_range else CORRECTED_EPSILONS
    return Arm(
        case=CASE,
        protocol=protocol,
        variant=CONTROL if network.role == Role.CONTROL else MAIN,
        training=network,
        view=View.LOGITS,
        attack_name=name,
        attack=replace(attack, batch_size=scale.attack_batch_size),
        epsilons=(ROBUST_EPSILON,) if name == STRONGEST else epsilons,
        images=None if name == "FGSM" else scale.attacked(group, _GROUPS),
        crafted_on=crafted_on,
        strip_of=PICTURED if name == "FGSM" else None,
    )
