"""RIT: FGSM and PGD adversarial training on MNIST, a blog post of a course project.

A small CNN is attacked with FGSM at epsilon 0 to 0.9. Then all training images are attacked once
at five epsilons, with FGSM or with PGD, and the network is trained on these static sets and the
clean images together: "retrained" goes on from the trained baseline (a warm start), "untrained"
is a new network (from scratch). What the post leaves open is chosen: inputs in [0, 1], clipped,
true labels; PGD of 10 steps of epsilon / 4 from a random start; examples crafted on the baseline.

    python reproduce.py run rit_mnist --profile demo                      minutes, offline
    python reproduce.py run rit_mnist --profile laptop --data-dir DIR     half an hour
    python reproduce.py run rit_mnist --profile paper --data-dir DIR      for a GPU

Both protocols attack the same networks, those of the last epoch. Faithful: FGSM, and PGD as in
the training sets. Corrected: PGD of 40 steps with restarts, examples transferred from the
baseline, and two more networks: the baseline trained further on clean images alone for as many
updates as the static sets take (the control), and a new one trained on PGD examples of its
current weights, on which FGSM, PGD, PGD with restarts and AutoAttack are compared.
"""

from dataclasses import replace

from attacks import FGSM, PGD, AutoAttack
from harness.study import Arm, Case, Network, Profile, Recipe, Scale, Training
from harness.trained_defenses import PGDTraining, StaticSet

MODEL, DATASET = "rit_cnn", "mnist"
CASE = f"{MODEL}/{DATASET}"

#: The epsilons of the post, and between them those at which its curves meet.
PUBLISHED_EPSILONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
CORRECTED_EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
#: The one that the network trained on the fly is trained for.
ROBUST_EPSILON = 0.3
TRAINING_EPSILONS = (0.05, 0.1, 0.2, 0.25, 0.3)
#: The class of the images that the post shows.
PICTURED = 5

RECIPE = Recipe("Adam", 1e-3, batch_size=128, epochs=50, keep="last")
PGD_OF_THE_SETS = PGD(steps=10, random_start=True)  # steps of 2.5 epsilon / 10
STATIC = {
    "fgsm": StaticSet(FGSM(), TRAINING_EPSILONS),
    "pgd": StaticSet(PGD_OF_THE_SETS, TRAINING_EPSILONS),
}
ON_THE_FLY = PGDTraining(ROBUST_EPSILON, steps=5, step_size=0.12)
#: Times the epochs of the baseline; an update costs `steps` gradients more than a plain one.
ON_THE_FLY_EPOCHS = 2
#: Clean images and one set of examples for each epsilon.
SETS = 1 + len(TRAINING_EPSILONS)

PUBLISHED_ROLES = (
    "undefended",
    "fgsm_retrained",
    "fgsm_untrained",
    "pgd_retrained",
    "pgd_untrained",
)
ROLES = (*PUBLISHED_ROLES, "control", "on_the_fly")

#: Epsilons at which curves meet: of two networks, and whether the first is above from there on
#: instead of up to there.
MEETINGS = {
    "epsilon where baseline and retrained curves meet": ("fgsm_retrained", "undefended", False),
    "epsilon where retrained and untrained curves meet": (
        "fgsm_retrained",
        "fgsm_untrained",
        False,
    ),
    "epsilon up to which PGD-trained beats baseline": ("pgd_retrained", "undefended", False),
    "epsilon from which PGD-trained beats FGSM-trained": (
        "pgd_retrained",
        "fgsm_retrained",
        True,
    ),
}

COMPARED = {"faithful": ("none", ("logits",)), "corrected": ("none", ("logits",))}
HEADLINE = (("FGSM", 25.5), ("FGSM", 51.0), ("FGSM", 76.5), ("PGD", 76.5))
TRANSFERRED = "{}, from undefended"
SINGLE_RUN, STRONGEST = "PGD, one run", "AutoAttack"
#: The groups of `Scale.attack_images`; FGSM is given all test images.
ATTACKED = (*COMPARED, STRONGEST)
#: The variant of the control's arms.
CONTROL = "RIT-A5 equal updates"


def training(profile: Profile, role: str, seed: int = 0) -> Training:
    """The network in one role, as a profile trains it; both protocols attack the same ones."""
    scale = profile.scales[MODEL]
    recipe = replace(
        RECIPE,
        epochs=scale.epochs or RECIPE.epochs,
        batch_size=scale.batch_size or RECIPE.batch_size,
    )
    base = Training(
        network=Network(MODEL, scale.upsampling, scale.width, preprocessing="unit"),
        dataset=profile.datasets[DATASET],
        split="corrected",
        role=role,
        recipe=recipe,
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        # New weights where a network does not go on from the baseline.
        seed=2 * seed + (1 if role.endswith(("_untrained", "_fly")) else 0),
    )
    if role == "undefended":
        return base
    if role == "on_the_fly":
        longer = replace(recipe, epochs=ON_THE_FLY_EPOCHS * recipe.epochs)
        return replace(base, recipe=longer, defense=ON_THE_FLY)
    baseline = training(profile, "undefended", seed)
    if role == "control":
        as_many_updates = replace(recipe, epochs=SETS * recipe.epochs)
        return replace(base, recipe=as_many_updates, warm_up=baseline)
    attack, start = role.split("_")
    static = replace(base, defense=STATIC[attack], crafted_on=baseline)
    return replace(static, warm_up=baseline) if start == "retrained" else static


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile."""
    planned = []
    for seed in profile.seeds:
        for role in profile.cases[CASE].roles:
            network = training(profile, role, seed)
            if role in PUBLISHED_ROLES:
                planned += _faithful(profile, network)
            planned += _corrected(profile, network, training(profile, "undefended", seed))
    return planned


def _faithful(profile: Profile, network: Training) -> list[Arm]:
    fgsm = _arm(profile, "faithful", network, "FGSM", FGSM(), EPSILONS, every=True)
    pgd = _arm(profile, "faithful", network, "PGD", PGD_OF_THE_SETS, EPSILONS)
    return [fgsm, pgd]


def _corrected(profile: Profile, network: Training, baseline: Training) -> list[Arm]:
    pgd = PGD(steps=40, random_start=True, restarts=profile.restarts, stop_at_success=True)
    attacks = {"PGD": pgd}
    if network.role == "on_the_fly":
        attacks[SINGLE_RUN] = replace(pgd, restarts=1)
    planned = [_arm(profile, "corrected", network, "FGSM", FGSM(), EPSILONS, every=True)]
    planned += [
        _arm(profile, "corrected", network, name, attack, CORRECTED_EPSILONS)
        for name, attack in attacks.items()
    ]
    if network.role == "on_the_fly":
        planned.append(_auto_attack(profile, network))
    if network != baseline:
        planned += _transferred(profile, network, baseline)
    return planned


def _auto_attack(profile: Profile, network: Training) -> Arm:
    name = STRONGEST
    arm = _arm(profile, "corrected", network, name, AutoAttack(), (ROBUST_EPSILON,))
    return replace(arm, images=profile.scales[MODEL].attacked(name, ATTACKED))


def _transferred(profile: Profile, network: Training, baseline: Training) -> list[Arm]:
    attacks = {"FGSM": FGSM(), "PGD": PGD(steps=40, random_start=True)}
    return [
        replace(
            _arm(
                profile,
                "corrected",
                network,
                TRANSFERRED.format(name),
                attack,
                CORRECTED_EPSILONS,
            ),
            crafted_on=baseline,
        )
        for name, attack in attacks.items()
    ]


def _arm(profile, protocol, network, name, attack, epsilons, every: bool = False) -> Arm:
    """An arm; with `every` of all test images, one of which is shown."""
    scale = profile.scales[MODEL]
    return Arm(
        case=CASE,
        protocol=protocol,
        variant=CONTROL if network.role == "control" else "main",
        training=network,
        view="logits",
        attack_name=name,
        attack=replace(attack, batch_size=scale.attack_batch_size),
        epsilons=epsilons,
        own_labels=False,
        images=None if every else scale.attacked(protocol, ATTACKED),
        strip_of=PICTURED if every else None,
    )


_ALL = {CASE: Case(roles=ROLES, protocols=("faithful", "corrected"), views=("logits",))}

PROFILES = {
    "demo": Profile(
        name="demo",
        cost="minutes on two CPU cores, offline",
        datasets={DATASET: "digits"},
        scales={
            MODEL: Scale(
                upsampling=1,
                width=1 / 2,
                epochs=12,
                batch_size=16,
                attack_images={"faithful": 100, "corrected": 50, "AutoAttack": 10},
            )
        },
        cases=_ALL,
        restarts=2,
        seeds=(0,),
        controls=True,
    ),
    "laptop": Profile(
        name="laptop",
        cost="half an hour on two CPU cores",
        datasets={DATASET: DATASET},
        scales={
            MODEL: Scale(
                upsampling=1,
                epochs=6,
                images=30_000,
                attack_images={"faithful": 1_000, "corrected": 500, "AutoAttack": 200},
            )
        },
        cases=_ALL,
        restarts=3,
        seeds=(0,),
        controls=True,
    ),
    "paper": Profile(
        name="paper",
        cost="a day on a GPU",
        datasets={DATASET: DATASET},
        scales={MODEL: Scale(upsampling=1, attack_images={"AutoAttack": 1_000})},
        cases=_ALL,
        restarts=20,
        seeds=(0, 1, 2),
        controls=True,
    ),
}
