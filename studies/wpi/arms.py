"""WPI: four attacks and four defenses on MNIST, CIFAR-10 and GTSRB.

The study (Worcester Polytechnic Institute, 2024) trains one small network on each data set,
attacks it with IFGSM with momentum, DeepFool, Carlini-Wagner and an iterative pixel swap, and
defends it by adversarial training, a Gaussian blur, noise on gradients, and distillation. It
prints F1 scores without defense and times; the rest is in bar charts that are not available.

    python reproduce.py run wpi --profile demo                        minutes, offline
    python reproduce.py run wpi --profile laptop --data-dir DIR       an hour
    python reproduce.py run wpi --profile laptop --data-dir DIR --arms 'wpi_cnn/mnist*'
    python reproduce.py run wpi --profile paper --data-dir DIR        for a GPU

Faithful attacks stop at the first success, at any distance but for IFGSM, and the blur is attacked
from the plain network. Momentum sums signs as printed, DeepFool stops at the boundary, and CW is
the printed targeted form, towards the most likely wrong class, in a search over c that ends early.
Corrected attacks have a budget each, are crafted against the defended network and on the plain
one, and include PGD, on which no defense was trained; the split is the official one and keeps
the frames of one traffic sign together. Adversarial training with one attack left out, and the
defenses combined, are corrected arms too.

What the study leaves open is chosen. Widths 32, 64 and 128, Adam at 0.001 in batches of 128;
IFGSM with 10 steps, mu = 1, and epsilon 0.3 on MNIST and 8/255 on colour images; a blur of 3x3
pixels with sigma 1; T = 20; gradient noise as below.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from attacks import PGD, BudgetAttack, CarliniWagner, DeepFool, MomentumIterative, PixelSwap
from attacks.engine.minimum_norm import MinimumNormAttack
from defenses import FeatureSmoothing, GradientMasking
from harness.study import Arm, Case, Network, Profile, Recipe, Scale, Training
from harness.trained_defenses import NoisyUpdates, RandomAttacks
from studies.wpi.attacks import TowardsRival

Attack = BudgetAttack | MinimumNormAttack

MODEL = "wpi_cnn"
DATASETS = ("mnist", "cifar10", "gtsrb")
CASES = tuple(f"{MODEL}/{dataset}" for dataset in DATASETS)
#: As the study names and orders them.
IFGSM, DEEPFOOL, CW, SWAP = ATTACKS = ("IFGSM", "DeepFool", "CW", "Iterative pixel swap")
#: Seen by no training.
UNSEEN = "PGD"
TRANSFERRED = "{}, from undefended"
#: The class that the study pictures, a digit on MNIST.
PICTURED = 7

RECIPE = Recipe("Adam", 1e-3, batch_size=128, epochs=20, keep="lowest loss")
FURTHER_EPOCHS = 5
#: Kept after the last of them: the loss on clean images, which grows, would choose the first.
FURTHER = replace(RECIPE, epochs=FURTHER_EPOCHS, keep="last")
PROCEDURE, TEMPERATURE = "soft_labels", 20.0

SMOOTHING = FeatureSmoothing(kernel_size=3, sigma=1.0)
SEEN_NOISE = GradientMasking("gradient seen by the attacker", scale=0.1)
LOGIT_NOISE = GradientMasking("logits", scale=1.0)
UPDATE_NOISE = NoisyUpdates(scale=0.01)

#: What arms call a defense, by what the report calls it.
NONE, ADVERSARIAL, SMOOTHED = "none", "adversarial training", "smoothing"
MASKED_SEEN, MASKED_UPDATES = "masking: gradient seen", "masking: weight updates"
MASKED_LOGITS, DISTILLED = "masking: logits", "distillation"
COMBINED = "adversarial training + smoothing"
DEFENSES = {
    NONE: "none",
    ADVERSARIAL: f"{RandomAttacks.name} all four",
    SMOOTHED: SMOOTHING.name,
    MASKED_SEEN: SEEN_NOISE.name,
    MASKED_UPDATES: f"{NoisyUpdates.name} fine-tuned",
    MASKED_LOGITS: LOGIT_NOISE.name,
    DISTILLED: f"{PROCEDURE} student",
    COMBINED: f"{RandomAttacks.name} all four + {SMOOTHING.name}",
}
#: WPI-A9: the faithful protocol has the two readings of noise on a gradient.
FAITHFUL = (NONE, ADVERSARIAL, SMOOTHED, MASKED_SEEN, MASKED_UPDATES, DISTILLED)
MASKED = (MASKED_SEEN, MASKED_UPDATES, MASKED_LOGITS)

#: IFGSM's and PGD's in L-inf; those of DeepFool and CW in L2, which also are judged at any
#: distance. The last is the budget at which defenses are compared.
LINF = {"mnist": (0.1, 0.2, 0.3), "cifar10": (2 / 255, 4 / 255, 8 / 255)}
L2 = {"mnist": (0.5, 1.0, 2.0), "cifar10": (0.1, 0.25, 0.5)}
LINF["gtsrb"], L2["gtsrb"] = LINF["cifar10"], L2["cifar10"]

COMPARED = {"faithful": (PROCEDURE, ("logits",)), "corrected": (PROCEDURE, ("logits",))}
HEADLINE = (("DeepFool", inf), ("CW", inf), ("Iterative pixel swap", inf))


@dataclass(frozen=True)
class Effort:
    """How long a profile searches.

    Attributes:
        faithful_cw, corrected_cw: Carlini-Wagner of each protocol.
        taught: the attacks of adversarial training, in the order of `ATTACKS`.
        hardening_images: by data set, training images of the further epochs; default: the others'.
        left_out: the data sets with leave-one-attack-out training.
        corrected_split: by data set, the split of the corrected protocol.
    """

    faithful_cw: TowardsRival
    corrected_cw: CarliniWagner
    taught: tuple[Attack, ...]
    hardening_images: dict[str, int]
    left_out: tuple[str, ...]
    corrected_split: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class WPIProfile(Profile):
    """A profile whose scales are by data set, since there is one network."""

    effort: Effort


def attacks(profile: WPIProfile, protocol: str) -> dict[str, Attack]:
    """The study's attacks by name, and in the corrected protocol `UNSEEN`."""
    if protocol == "faithful":
        return {
            IFGSM: MomentumIterative(steps=10, sign_inside=True, stop_at_success=True),
            DEEPFOOL: DeepFool(overshoot=0.0),
            CW: profile.effort.faithful_cw,
            SWAP: PixelSwap(),
        }
    return {
        IFGSM: MomentumIterative(steps=10, stop_at_success=True),
        DEEPFOOL: DeepFool(overshoot=0.02),
        CW: profile.effort.corrected_cw,
        SWAP: PixelSwap(),
        UNSEEN: PGD(steps=40, random_start=True, restarts=profile.restarts, stop_at_success=True),
    }


def epsilons(protocol: str, dataset: str, attack: str) -> tuple[float, ...]:
    """The distances an arm is measured at: faithful has no budget but IFGSM's."""
    if attack in (IFGSM, UNSEEN):
        return LINF[dataset] if protocol == "corrected" else LINF[dataset][-1:]
    if attack == SWAP or protocol == "faithful":
        return (inf,)
    return (*L2[dataset], inf)


def judged_at(protocol: str, dataset: str, attack: str) -> float:
    """The epsilon at which defenses are compared: the budget, in the faithful protocol any."""
    found = epsilons(protocol, dataset, attack)
    return found[-2] if len(found) > 1 and found[-1] == inf else found[-1]


def training(
    profile: WPIProfile, protocol: str, dataset: str, role: str, seed: int = 0
) -> Training:
    """The network of one data set in one role.

    role: "undefended", "teacher", "student", "control", "fine-tuned" (noisy updates), "all four"
        (adversarial training) or "all but NAME".
    """
    scale, split = profile.scales[dataset], "wpi"
    if protocol == "corrected":
        split = profile.effort.corrected_split[dataset]
    base = Training(
        network=Network(MODEL, scale.upsampling, scale.width, preprocessing="unit"),
        dataset=profile.datasets[dataset],
        split=split,
        role=role,
        recipe=_scaled(RECIPE, scale),
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        # Student and control start alike, and differently from teacher and undefended.
        seed=2 * seed + (1 if role in ("student", "control") else 0),
    )
    if role == "undefended":
        return base
    if role in ("teacher", "student", "control"):
        teacher = (
            training(profile, protocol, dataset, "teacher", seed) if role == "student" else None
        )
        return replace(
            base, procedure=PROCEDURE, temperature=TEMPERATURE, alpha=0.0, teacher=teacher
        )
    return replace(
        base,
        recipe=_scaled(FURTHER, scale),
        warm_up=training(profile, protocol, dataset, "undefended", seed),
        defense=UPDATE_NOISE if role == "fine-tuned" else _taught(profile, dataset, role),
        images=scale.images
        if role == "fine-tuned"
        else profile.effort.hardening_images.get(dataset),
    )


def _scaled(recipe: Recipe, scale: Scale) -> Recipe:
    epochs = recipe.epochs if scale.epochs is None else min(recipe.epochs, scale.epochs)
    return replace(recipe, epochs=epochs, batch_size=scale.batch_size or recipe.batch_size)


def _taught(profile: WPIProfile, dataset: str, role: str) -> RandomAttacks:
    epsilon = {IFGSM: LINF[dataset][-1]}
    taught = zip(ATTACKS, profile.effort.taught, strict=True)
    return RandomAttacks(
        tuple((attack, epsilon.get(name)) for name, attack in taught if role != f"all but {name}")
    )


#: The role and the untrained defenses of each defense.
_BUILT_OF = {
    NONE: ("undefended", ()),
    ADVERSARIAL: ("all four", ()),
    SMOOTHED: ("undefended", (SMOOTHING,)),
    MASKED_SEEN: ("undefended", (SEEN_NOISE,)),
    MASKED_UPDATES: ("fine-tuned", ()),
    MASKED_LOGITS: ("undefended", (LOGIT_NOISE,)),
    DISTILLED: ("student", ()),
    COMBINED: ("all four", (SMOOTHING,)),
}


def arms(profile: WPIProfile) -> list[Arm]:
    """Every arm of a profile, data set by data set."""
    planned = []
    for case, what in profile.cases.items():
        dataset = case.split("/")[1]
        for seed in profile.seeds:
            if "faithful" in what.protocols:
                planned += _faithful(profile, dataset, seed)
            if "corrected" in what.protocols:
                planned += _corrected(profile, dataset, seed)
                planned += _controls(profile, dataset, seed)
    return planned


def _faithful(profile: WPIProfile, dataset: str, seed: int) -> Iterator[Arm]:
    for defense in FAITHFUL:
        for name, attack in attacks(profile, "faithful").items():
            # WPI-A10: the blur from the plain network, the other defenses as they are.
            transferred = defense == SMOOTHED
            yield _arm(profile, "faithful", dataset, defense, name, attack, seed, transferred)


def _corrected(profile: WPIProfile, dataset: str, seed: int) -> Iterator[Arm]:
    for defense in DEFENSES:
        for name, attack in attacks(profile, "corrected").items():
            yield _arm(profile, "corrected", dataset, defense, name, attack, seed)
            # Every defense meets both: for noise on gradient or logits, which leave the weights
            # as they are, this is the attack with the noise averaged away (WPI-A9).
            if defense != NONE:
                yield _arm(profile, "corrected", dataset, defense, name, attack, seed, True)


def _controls(profile: WPIProfile, dataset: str, seed: int) -> Iterator[Arm]:
    """Distillation without a teacher, IFGSM without momentum and with other steps, and
    adversarial training that has not seen the attack."""
    if not profile.controls:
        return
    usual = attacks(profile, "corrected")
    arm = _arm(profile, "corrected", dataset, DISTILLED, IFGSM, usual[IFGSM], seed)
    control = training(profile, "corrected", dataset, "control", seed)
    yield replace(arm, variant="WPI-14", training=control)
    arm = _arm(profile, "corrected", dataset, NONE, IFGSM, usual[IFGSM], seed)
    for name, attack in step_attacks(dataset).items():
        attack = replace(attack, batch_size=arm.attack.batch_size)
        yield replace(
            arm, variant="WPI-19", attack_name=name, attack=attack, epsilons=LINF[dataset][-1:]
        )
    if dataset in profile.effort.left_out:
        for name, attack in usual.items():
            if name == UNSEEN:
                continue
            unseen = training(profile, "corrected", dataset, f"all but {name}", seed)
            arm = _arm(profile, "corrected", dataset, ADVERSARIAL, name, attack, seed)
            yield replace(arm, variant="WPI-A1", training=unseen)


def step_attacks(dataset: str) -> dict[str, MomentumIterative]:
    """IFGSM with and without momentum, in small steps and in large ones (WPI-19)."""
    epsilon = LINF[dataset][-1]
    return {
        f"IFGSM, {words}, step epsilon / {parts}": MomentumIterative(
            steps=2 * parts, step_size=epsilon / parts, decay=decay, stop_at_success=True
        )
        for words, decay in (("momentum", 1.0), ("no momentum", 0.0))
        for parts in (4, 20)
    }


def _arm(
    profile: WPIProfile,
    protocol: str,
    dataset: str,
    defense: str,
    name: str,
    attack: Attack,
    seed: int,
    transferred: bool = False,
) -> Arm:
    scale = profile.scales[dataset]
    role, applied = _BUILT_OF[defense]
    # Attacks whose loss sees the size of the logits are given logits / T, in the right protocol.
    divided = (
        role == "student"
        and protocol == "corrected"
        and not transferred
        and hasattr(attack, "temperature")
    )
    return Arm(
        case=f"{MODEL}/{dataset}",
        protocol=protocol,
        variant="main",
        training=training(profile, protocol, dataset, role, seed),
        view="logits / T" if divided else "logits",
        attack_name=TRANSFERRED.format(name) if transferred else name,
        attack=replace(attack, batch_size=scale.attack_batch_size),
        epsilons=epsilons(protocol, dataset, name),
        own_labels=False,
        images=scale.attacked(protocol, tuple(COMPARED)),
        crafted_on=(
            training(profile, protocol, dataset, "undefended", seed) if transferred else None
        ),
        applied=applied,
        # An image of it is pictured.
        strip_of=PICTURED if defense == NONE else None,
        similarity=defense == NONE,
    )


_CASES = {case: Case(roles=(), protocols=("faithful", "corrected")) for case in CASES}
_PAPER = Effort(
    faithful_cw=TowardsRival(search_steps=4, steps=100),
    corrected_cw=CarliniWagner(),
    taught=(
        MomentumIterative(steps=10, sign_inside=True, stop_at_success=True),
        DeepFool(overshoot=0.0),
        CarliniWagner(search_steps=4, steps=100),
        PixelSwap(),
    ),
    hardening_images={},
    left_out=DATASETS,
    # WPI-A12: the official test images.
    corrected_split=dict.fromkeys(DATASETS, "corrected"),
)
#: Every batch of the further epochs is attacked, so these attacks are short.
_BRIEFLY_TAUGHT = (
    MomentumIterative(steps=5, sign_inside=True, stop_at_success=True),
    DeepFool(steps=5, overshoot=0.0, candidates=3),
    CarliniWagner(search_steps=1, steps=15, learning_rate=0.1, initial_c=10.0),
    PixelSwap(max_swaps=40),
)
_LAPTOP = Effort(
    faithful_cw=TowardsRival(search_steps=4, steps=30, learning_rate=0.03),
    corrected_cw=CarliniWagner(search_steps=3, steps=40, learning_rate=0.05, initial_c=1.0),
    taught=_BRIEFLY_TAUGHT,
    hardening_images={"mnist": 6_400, "cifar10": 6_400},
    left_out=(),
    # WPI's random test images of MNIST and CIFAR-10 are as good, so one network serves both.
    corrected_split={"mnist": "wpi", "cifar10": "wpi", "gtsrb": "corrected"},
)
_LAPTOP_SCALE = Scale(
    upsampling=1,
    width=1 / 2,
    images=12_800,
    validation_images=2_560,
    attack_images={"faithful": 500, "corrected": 500},
    # Four batches: the first, in which an attack is compiled, is not timed.
    attack_batch_size=125,
)

PROFILES = {
    "demo": WPIProfile(
        name="demo",
        cost="minutes on two CPU cores, offline",
        datasets=dict.fromkeys(DATASETS, "digits"),
        scales={
            "mnist": Scale(
                upsampling=1,
                width=1 / 4,
                batch_size=32,
                attack_images={"faithful": 100, "corrected": 100},
                attack_batch_size=50,
            )
        },
        cases={CASES[0]: _CASES[CASES[0]]},
        restarts=1,
        seeds=(0,),
        controls=True,
        effort=replace(
            _LAPTOP,
            faithful_cw=TowardsRival(search_steps=3, steps=20, learning_rate=0.05),
            corrected_cw=CarliniWagner(search_steps=2, steps=20, learning_rate=0.1, initial_c=1.0),
            hardening_images={"mnist": 320},
            left_out=DATASETS[:1],
            corrected_split={"mnist": "wpi"},
        ),
    ),
    "laptop": WPIProfile(
        name="laptop",
        cost="an hour on two CPU cores",
        datasets={dataset: dataset for dataset in DATASETS},
        scales={
            "mnist": _LAPTOP_SCALE,
            "cifar10": _LAPTOP_SCALE,
            "gtsrb": replace(_LAPTOP_SCALE, images=None),
        },
        cases=_CASES,
        restarts=1,
        seeds=(0,),
        controls=True,
        effort=_LAPTOP,
    ),
    "paper": WPIProfile(
        name="paper",
        cost="a day on a GPU",
        datasets={dataset: dataset for dataset in DATASETS},
        scales={dataset: Scale(upsampling=1) for dataset in DATASETS},
        cases=_CASES,
        restarts=5,
        seeds=(0, 1, 2),
        controls=True,
        effort=_PAPER,
    ),
}
