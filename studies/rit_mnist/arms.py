"""What the RIT study runs: seven networks, and the attacks on each."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from attacks import FGSM, PGD, AutoAttack
from harness.arms import MAIN, TRANSFERRED, Arm, Case, Network, Protocol, Training, View, seed_of
from harness.recipe import Recipe
from harness.results import Compared
from harness.study import Profile
from harness.trained_defenses import PGDTraining, StaticSet, TrainedDefense

CASE = Case("rit_cnn", "mnist")

#: Where the post says that accuracy is constant.
PLATEAU = (0.5, 0.6, 0.7, 0.8, 0.9)
#: The epsilons of the post.
PUBLISHED_EPSILONS = (0.1, 0.2, 0.3, 0.4, *PLATEAU)
#: With those between them at which its curves meet.
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
#: With that of the clean images.
GRID = np.array([0.0, *EPSILONS])
CORRECTED_EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
TRAINING_EPSILONS = (0.05, 0.1, 0.2, 0.25, 0.3)
#: The one that the network trained on the fly is trained for.
ROBUST_EPSILON = 0.3
#: The class of the images that the post shows.
PICTURED = 5

RECIPE = Recipe("Adam", 1e-3, batch_size=128, epochs=50, keep="last")
_PGD_OF_THE_SETS = PGD(steps=10, random_start=True)  # steps of 2.5 epsilon / 10
_PGD_40 = PGD(steps=40, random_start=True)
_FGSM_SET = StaticSet(FGSM(), TRAINING_EPSILONS)
_PGD_SET = StaticSet(_PGD_OF_THE_SETS, TRAINING_EPSILONS)
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
    "undefended": _Kind("baseline"),
    "fgsm_retrained": _Kind("FGSM, retrained", _FGSM_SET, retrained=True),
    "fgsm_untrained": _Kind("FGSM, untrained", _FGSM_SET),
    "pgd_retrained": _Kind("PGD, retrained", _PGD_SET, retrained=True),
    "pgd_untrained": _Kind("PGD, untrained", _PGD_SET),
    # As many updates as an epoch of a static set has.
    "control": _Kind("control: more clean updates", retrained=True, epochs=SETS),
    "on_the_fly": _Kind("PGD on the fly", _ON_THE_FLY, epochs=2),
}
NAMES = {role: kind.name for role, kind in NETWORKS.items()}
ON_STATIC_SETS = ("fgsm_retrained", "fgsm_untrained", "pgd_retrained", "pgd_untrained")
PUBLISHED_ROLES = ("undefended", *ON_STATIC_SETS)
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
    baseline = None if role == "undefended" else training(profile, "undefended", run)
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
        crafted_on=baseline if role in ON_STATIC_SETS else None,
    )


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile."""
    networks = product(profile.seeds, profile.cases[CASE].roles)
    return [arm for run, role in networks for arm in _arms_of(profile, role, run)]


def _arms_of(profile: Profile, role: str, run: int) -> Iterator[Arm]:
    """Every arm of one network; FGSM attacks all test images, one of which is shown."""
    scale = profile.scales[CASE.model]
    batches = {"batch_size": scale.attack_batch_size}
    fgsm, pgd_40 = FGSM(**batches), replace(_PGD_40, **batches)
    variant = CONTROL if role == "control" else MAIN
    place = (CASE, Protocol.FAITHFUL, variant, training(profile, role, run), View.LOGITS)
    pgd = replace(_PGD_OF_THE_SETS, **batches)
    faithful = Arm(*place, "PGD", pgd, EPSILONS, images=scale.attacked(Protocol.FAITHFUL, _GROUPS))
    shown = replace(faithful, attack_name="FGSM", attack=fgsm, images=None, strip_of=PICTURED)
    if role in PUBLISHED_ROLES:
        yield from (shown, faithful)
    yield replace(shown, protocol=Protocol.CORRECTED)
    corrected = replace(
        faithful,
        protocol=Protocol.CORRECTED,
        attack=replace(pgd_40, restarts=profile.restarts, stop_at_success=True),
        epsilons=CORRECTED_EPSILONS,
        images=scale.attacked(Protocol.CORRECTED, _GROUPS),
    )
    yield corrected
    if role == "on_the_fly":
        once = replace(corrected.attack, restarts=1)
        yield replace(corrected, attack_name=SINGLE_RUN, attack=once)
        yield replace(
            corrected,
            attack_name=STRONGEST,
            attack=AutoAttack(**batches),
            epsilons=(ROBUST_EPSILON,),
            images=scale.attacked(STRONGEST, _GROUPS),
        )
    if role != "undefended":
        transferred = replace(corrected, crafted_on=training(profile, "undefended", run))
        for name, attack in (("FGSM", fgsm), ("PGD", pgd_40)):
            yield replace(transferred, attack_name=TRANSFERRED.format(name), attack=attack)
