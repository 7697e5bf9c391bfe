"""What the RIT study runs: its networks, and the attacks on each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from attacks import FGSM, PGD, AutoAttack
from harness.arms import MAIN, TRANSFERRED, Arm, Case, Network, Protocol, Training, View, seed_of
from harness.recipe import Recipe
from harness.results import Compared
from harness.study import Profile
from harness.trained_defenses import PGDTraining, StaticSet, StaticSetOfPredictions, TrainedDefense

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
_ON_THE_FLY = PGDTraining(ROBUST_EPSILON, steps=5)
#: Sets of images in a static set: the clean ones and the examples of each epsilon.
SETS = 1 + len(TRAINING_EPSILONS)


@dataclass(frozen=True, kw_only=True)
class RITProfile(Profile):
    """A profile whose scales may name a role besides the network, to train it otherwise.

    Attributes:
        robust_epsilon: what the network trained on the fly is trained for.
    """

    robust_epsilon: float = ROBUST_EPSILON


class _Kind(NamedTuple):
    """How a network is trained, for so many times the epochs of the baseline."""

    name: str
    defense: TrainedDefense | None = None
    retrained: bool = False  # goes on from the trained baseline
    epochs: int = 1
    width: float = 1.0  # times that of the profile


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

#: Trained on FGSM examples that cannot give the label away, except through a right prediction.
OF_PREDICTIONS = "fgsm_predicted"
#: Widths of the network trained on the fly, times that of the profile, by role.
WIDTHS = {
    "on_the_fly_eighth": 1 / 8,
    "on_the_fly_quarter": 1 / 4,
    "on_the_fly_half": 1 / 2,
    "on_the_fly": 1.0,
    "on_the_fly_double": 2.0,
}
_KINDS = {
    **{role: NETWORKS["on_the_fly"]._replace(width=width) for role, width in WIDTHS.items()},
    **NETWORKS,
    OF_PREDICTIONS: _Kind(
        "FGSM of predictions, untrained", StaticSetOfPredictions(FGSM(), TRAINING_EPSILONS)
    ),
}
#: By role, the networks that are asked whether FGSM gives them the label.
MAY_LEAK = {
    role: _KINDS[role].name
    for role in ("undefended", "fgsm_retrained", "fgsm_untrained", OF_PREDICTIONS)
}
_STARTING_ANEW = ("fgsm_untrained", "pgd_untrained", OF_PREDICTIONS, *WIDTHS)

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
#: The variants of what the post leaves open.
LEAKING, CAPACITY = "label leaking", "capacity"
#: Away from the true labels and away from the predictions, by the network that it is made on.
FGSM_OF = {
    "itself": ("FGSM", "FGSM of predictions"),
    "the baseline": (
        TRANSFERRED.format("FGSM of labels"),
        TRANSFERRED.format("FGSM of predictions"),
    ),
}


def training(profile: RITProfile, role: str, run: int = 0) -> Training:
    """The network in one role, as a profile trains it; both protocols attack the same ones."""
    scale, kind = profile.scales.get(role, profile.scales[CASE.model]), _KINDS[role]
    defense = kind.defense
    if isinstance(defense, PGDTraining):  # its steps add up to twice the epsilon
        epsilon = profile.robust_epsilon
        defense = replace(defense, epsilon=epsilon, step_size=2 * epsilon / defense.steps)
    recipe, width = scale.applied_to(RECIPE), kind.width * scale.width
    baseline = None if role == "undefended" else training(profile, "undefended", run)
    return Training(
        network=Network(CASE.model, scale.upsampling, width, preprocessing="unit"),
        dataset=profile.datasets[CASE.dataset],
        split="held-out",
        role=role,
        recipe=replace(recipe, epochs=kind.epochs * recipe.epochs),
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        seed=seed_of(role, run, starting_apart=_STARTING_ANEW),
        warm_up=baseline if kind.retrained else None,
        defense=defense,
        crafted_on=baseline if isinstance(defense, StaticSet) else None,
    )


def arms(profile: RITProfile) -> list[Arm]:
    """Every arm of a profile."""
    networks = list(product(profile.seeds, profile.cases[CASE].roles))
    of_networks = [
        arm for run, role in networks if role in NETWORKS for arm in _arms_of(profile, role, run)
    ]
    left_open = [arm for run, role in networks for arm in _left_open(profile, role, run)]
    return of_networks + left_open


def _arms_of(profile: RITProfile, role: str, run: int) -> Iterator[Arm]:
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
        attack=_corrected_pgd(profile),
        epsilons=CORRECTED_EPSILONS,
        images=scale.attacked(Protocol.CORRECTED, _GROUPS),
    )
    yield corrected
    if role == "on_the_fly":
        once = replace(corrected.attack, restarts=1)
        yield replace(corrected, attack_name=SINGLE_RUN, attack=once)
        strongest = replace(corrected, attack_name=STRONGEST, attack=AutoAttack(**batches))
        images = scale.attacked(STRONGEST, _GROUPS)
        if images != 0:
            yield replace(strongest, epsilons=(profile.robust_epsilon,), images=images)
    if role != "undefended":
        transferred = replace(corrected, crafted_on=training(profile, "undefended", run))
        for name, attack in (("FGSM", fgsm), ("PGD", pgd_40)):
            yield replace(transferred, attack_name=TRANSFERRED.format(name), attack=attack)


def _corrected_pgd(profile: Profile) -> PGD:
    batch_size = profile.scales[CASE.model].attack_batch_size
    return replace(_PGD_40, batch_size=batch_size, restarts=profile.restarts, stop_at_success=True)


def _left_open(profile: RITProfile, role: str, run: int) -> Iterator[Arm]:
    """The arms of one network that answer what the post leaves open."""
    scale = profile.scales[CASE.model]
    place = (CASE, Protocol.CORRECTED, LEAKING, training(profile, role, run), View.LOGITS)
    fgsm = Arm(*place, "FGSM", FGSM(batch_size=scale.attack_batch_size), EPSILONS)
    if role in MAY_LEAK:
        on_itself, on_baseline = FGSM_OF.values()
        if role not in NETWORKS:  # those of the post have FGSM of the label already
            yield fgsm
        yield replace(fgsm, attack_name=on_itself[1], predicted_labels=True)
        if role != "undefended":
            transferred = replace(fgsm, crafted_on=training(profile, "undefended", run))
            yield replace(transferred, attack_name=on_baseline[0])
            yield replace(transferred, attack_name=on_baseline[1], predicted_labels=True)
    if role in WIDTHS and role not in NETWORKS:
        yield replace(fgsm, variant=CAPACITY)
        yield replace(
            fgsm,
            variant=CAPACITY,
            attack_name="PGD",
            attack=_corrected_pgd(profile),
            epsilons=CORRECTED_EPSILONS,
            images=scale.attacked(Protocol.CORRECTED, _GROUPS),
        )
