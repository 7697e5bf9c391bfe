"""NTU: defensive distillation against FGSM and PGD on CIFAR-10 and CIFAR-100.

A final-year project at Nanyang Technological University (2022). Three networks that enlarge
32 x 32 images inside (a VGG-16 variant of 11 convolutions trained from scratch, ResNet-50 and
Inception-V3 pre-trained on ImageNet) are attacked with CleverHans' FGSM and PGD, undefended and
after defensive distillation at temperature 200.

Cost of the paper profile: 24 trainings of 40 to 250 epochs at 160 or 224 pixels for the
published arms alone, days on one GPU. Expected clean test accuracy (200 images): 87.0 / 66.5 %
(VGG, CIFAR-10 / 100), 95.0 / 85.0 % (ResNet-50), 92.5 / 80.5 % (Inception-V3).

    python reproduce.py run ntu --profile paper --data-dir DIR

Faithful does what the study did: raw 0-255 pixels, all 50,000 training images, the official
test set for validation with 200 of its images as the test set, networks that end in softmax,
the listed Distiller, attacks on the network's own predictions with epsilon in 0-255 grey
levels, unclipped, PGD with 40 steps of 0.01 from the clean image. Corrected: 45,000 / 5,000
training and validation images, the official test set untouched, logits, ImageNet
preprocessing, distillation with T squared (and Papernot's own procedure), true labels, clipped
images, PGD with steps of 2.5 x epsilon / 40 from random starts, and larger epsilons as well.
"""

from dataclasses import replace

from attacks import FGSM, PGD
from harness.study import Arm, Case, Network, Profile, Recipe, Scale, Training

GREY = 1 / 255
EPSILONS = tuple(level * GREY for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
# The customary range starts where the study's ends.
CORRECTED_EPSILONS = (*EPSILONS, 1 * GREY, 2 * GREY, 4 * GREY, 8 * GREY)
STEPS, STEP_SIZE = 40, 0.01 * GREY
TEMPERATURE, ALPHA = 200.0, 0.2
TEST_IMAGES = 200
#: Epochs, from a variable that the study's listing sets and never uses.
HALVE_EVERY = 20
CASES = tuple(
    f"{m}/{d}" for m in ("vgg16", "resnet50", "inception_v3") for d in ("cifar10", "cifar100")
)
ROLES = ("undefended", "teacher", "student", "control")
#: What stands beside the printed numbers, see `Study.compared`.
COMPARED = {
    "faithful": ("as_listed", ("softmax",)),
    "corrected": ("corrected", ("logits", "logits / T")),
}
#: Columns of the summary, see `Study.headline`.
HEADLINE = (("FGSM", 0.8), ("PGD", 0.8), ("PGD", 8.0))

NETWORKS = {
    "vgg16": Network("vgg16", upsampling=5),
    "resnet50": Network("resnet50", upsampling=7, weights="imagenet"),
    "inception_v3": Network("inception_v3", upsampling=7, weights="imagenet"),
}


def _sgd(batch_size: int, epochs: int) -> Recipe:
    return Recipe(
        "SGD",
        0.1,
        batch_size,
        epochs,
        decay=1e-6,
        momentum=0.9,
        nesterov=True,
        weight_decay=0.0005,
    )


def _adam(batch_size: int, epochs: int) -> Recipe:
    return Recipe("Adam", 0.001, batch_size, epochs)


#: Tables 4-1 to 4-18: (undefended, teacher, student).
RECIPES = {
    "vgg16/cifar10": (_sgd(128, 200), _sgd(128, 125), _sgd(128, 150)),
    "vgg16/cifar100": (_sgd(32, 200), _sgd(32, 250), _sgd(32, 200)),
    "resnet50/cifar10": (_adam(128, 50), _adam(128, 40), _adam(128, 40)),
    "resnet50/cifar100": (_adam(64, 70), _adam(64, 50), _adam(64, 50)),
    "inception_v3/cifar10": (_adam(64, 40), _adam(128, 50), _adam(128, 50)),
    "inception_v3/cifar100": (_adam(64, 200), _adam(64, 50), _adam(64, 50)),
}

FAITHFUL_ATTACKS = {
    "FGSM": FGSM(clip=False),
    "PGD": PGD(steps=STEPS, step_size=STEP_SIZE, random_start=False, clip=False),
}
#: The step that the study's text gives; its listing has 0.01.
PGD_STEP_OF_THE_TEXT = replace(FAITHFUL_ATTACKS["PGD"], step_size=0.05 * GREY)


def corrected_attacks(profile: Profile) -> dict[str, FGSM | PGD]:
    return {
        "FGSM": FGSM(),
        "PGD": PGD(steps=STEPS, random_start=True, restarts=profile.restarts, stop_at_success=True),
    }


def recipe(case: str, role: str) -> Recipe:
    """The published recipe; the control gets the student's, a warm-up the teacher's."""
    undefended, teacher, student = RECIPES[case]
    return {"undefended": undefended, "warm_up": teacher, "teacher": teacher}.get(role, student)


def training(
    profile: Profile,
    case: str,
    protocol: str,
    role: str,
    seed: int = 0,
    procedure: str | None = None,
) -> Training:
    """The network of a case in one role, as a profile trains it."""
    model, dataset = case.split("/")
    scale = profile.scales[model]
    published = NETWORKS[model]
    network = replace(
        published,
        upsampling=scale.upsampling,
        width=scale.width,
        weights=published.weights if scale.pretrained else None,
        preprocessing="raw" if protocol == "faithful" else _preprocessing(model),
    )
    plan = recipe(case, role)
    plan = replace(
        plan,
        epochs=1 if role == "warm_up" else scale.epochs or plan.epochs,
        batch_size=scale.batch_size or plan.batch_size,
    )
    if procedure == "corrected" and role == "teacher" and plan == _plan(profile, case):
        # A teacher at temperature 1 with the undefended recipe is the undefended network.
        return training(profile, case, protocol, "undefended", seed)
    # Student and control start alike, and differently from teacher and undefended.
    own_seed = 2 * seed + (1 if role in ("student", "control") else 0)
    base = Training(
        network=network,
        dataset=profile.datasets[dataset],
        split="ntu" if protocol == "faithful" else "corrected",
        role=role,
        recipe=plan,
        procedure=procedure,
        images=scale.images,
        validation_images=scale.validation_images,
        seed=own_seed,
    )
    if procedure is None:
        return base
    warm_up = None
    if procedure == "papernot" and role != "warm_up":
        warm_up = training(profile, case, protocol, "warm_up", seed, procedure)
    teacher = None
    if role == "student":
        teacher = training(profile, case, protocol, "teacher", seed, procedure)
    return replace(base, temperature=TEMPERATURE, alpha=ALPHA, teacher=teacher, warm_up=warm_up)


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile: the published ones, then the controls of the claims."""
    planned = []
    for seed in profile.seeds:
        for case, what in profile.cases.items():
            for protocol in what.protocols:
                published = _published_arms(profile, case, protocol, what.roles, seed)
                planned += [arm for arm in published if arm.view in what.views]
        if profile.controls:
            planned += _control_arms(profile, seed)
    return planned


def _published_arms(profile, case, protocol, roles, seed) -> list[Arm]:
    procedures = ("as_listed",) if protocol == "faithful" else ("corrected", "papernot")
    planned = []
    if "undefended" in roles:
        network = training(profile, case, protocol, "undefended", seed)
        planned += _attacked(profile, case, protocol, "main", network)
        if protocol == "faithful" and network.network.model == "vgg16":
            planned.append(
                _arm(
                    profile,
                    case,
                    protocol,
                    "main",
                    network,
                    "softmax",
                    "PGD, step 0.05",
                    PGD_STEP_OF_THE_TEXT,
                )
            )
    for procedure in procedures:
        for role in (r for r in ROLES[1:] if r in roles):
            network = training(profile, case, protocol, role, seed, procedure)
            if network.procedure:  # else it is the undefended network, attacked above
                planned += _attacked(profile, case, protocol, "main", network)
    return planned


def _control_arms(profile: Profile, seed: int) -> list[Arm]:
    """Undefended networks that differ from the published ones in one respect each."""
    planned = []
    for case in profile.cases:
        model, _ = case.split("/")
        for protocol in ("faithful", "corrected"):
            base = training(profile, case, protocol, "undefended", seed)
            for variant, changed in _variants(profile, case, base).items():
                if changed != base:
                    planned += _attacked(profile, case, protocol, variant, changed)
        if case == "vgg16/cifar10":
            planned += _temperature_arms(profile, case, seed)
    return planned


def _variants(profile: Profile, case: str, base: Training) -> dict[str, Training]:
    network, plan = base.network, base.recipe
    if network.model == "vgg16":
        faithful = base.split == "ntu"
        variants = {"NTU-15 no erasing": replace(base, erasing=False)}
        if faithful:
            # Equal up-sampling for the comparison of NTU-8.
            larger = replace(network, upsampling=profile.scales["resnet50"].upsampling)
            return variants | {"NTU-8 equal up-sampling": replace(base, network=larger)}
        for rate in (0.1, 0.01):
            variants[f"NTU-16 SGD {rate:g}"] = replace(
                base, recipe=replace(plan, learning_rate=rate)
            )
        for rate in (0.001, 0.0001):
            adam = replace(
                _adam(plan.batch_size, plan.epochs),
                learning_rate=rate,
                weight_decay=plan.weight_decay,
            )
            variants[f"NTU-16 Adam {rate:g}"] = replace(base, recipe=adam)
        # In proportion where a profile trains for fewer epochs.
        published = recipe(case, "undefended").epochs
        halved = replace(plan, halve_every=max(1, round(HALVE_EVERY * plan.epochs / published)))
        variants["NTU-A18 rate halved"] = replace(base, recipe=halved)
        return variants
    same_size = replace(
        network,
        upsampling=max(
            profile.scales["vgg16"].upsampling, 3 if network.model == "inception_v3" else 1
        ),
    )
    variants = {"NTU-8 equal up-sampling": replace(base, network=same_size)}
    if network.weights:
        variants["NTU-8 from scratch"] = replace(base, network=replace(network, weights=None))
        frozen = replace(network, train_batch_norm=False)
        variants["NTU-14 batch normalisation frozen"] = replace(base, network=frozen)
    return variants


def _temperature_arms(profile: Profile, case: str, seed: int) -> list[Arm]:
    student = training(profile, case, "corrected", "student", seed, "corrected")
    return [
        arm
        for temperature in (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
        for arm in _attacked(
            profile,
            case,
            "corrected",
            f"NTU-A14 T = {temperature:g}",
            replace(student, temperature=temperature),
        )
    ]


def _attacked(profile, case, protocol, variant, network: Training) -> list[Arm]:
    attacks = FAITHFUL_ATTACKS if protocol == "faithful" else corrected_attacks(profile)
    return [
        _arm(profile, case, protocol, variant, network, view, name, attack)
        for view in _views(protocol, network)
        for name, attack in attacks.items()
    ]


def _views(protocol: str, network: Training) -> tuple[str, ...]:
    """The outputs that are attacked; the first is the one compared with the study."""
    # Papernot's control is trained at T as well.
    at_temperature = {"teacher", "student"} | (
        {"control"} if network.procedure == "papernot" else set()
    )
    softened = network.role in at_temperature and network.temperature != 1
    if protocol == "faithful":
        return ("softmax", "softmax at T", "logits") if softened else ("softmax", "logits")
    return ("logits", "logits / T") if softened else ("logits",)


def _arm(profile, case, protocol, variant, network, view, name, attack) -> Arm:
    faithful = protocol == "faithful"
    scale = profile.scales[network.network.model]
    return Arm(
        case=case,
        protocol=protocol,
        variant=variant,
        training=network,
        view=view,
        attack_name=name,
        attack=replace(attack, batch_size=scale.attack_batch_size),
        epsilons=EPSILONS if faithful else CORRECTED_EPSILONS,
        own_labels=faithful,
        images=scale.attacked(protocol, tuple(COMPARED)),
    )


def _plan(profile: Profile, case: str) -> Recipe:
    scale = profile.scales[case.split("/")[0]]
    plan = recipe(case, "undefended")
    return replace(
        plan, epochs=scale.epochs or plan.epochs, batch_size=scale.batch_size or plan.batch_size
    )


def _preprocessing(model: str) -> str:
    return "unit" if model == "vgg16" else "imagenet"


_ALL = Case(roles=ROLES, protocols=("faithful", "corrected"))
_ATTACKED = Case(roles=("undefended",), protocols=("faithful",), views=("softmax",))

PROFILES = {
    "demo": Profile(
        name="demo",
        cost="minutes on two CPU cores, offline",
        datasets={"cifar10": "digits"},
        scales={
            "vgg16": Scale(
                upsampling=1,
                width=1 / 16,
                epochs=5,
                images=1_000,
                validation_images=200,
                pretrained=False,
                batch_size=32,
                attack_images={"faithful": 40, "corrected": 16},
            ),
            "resnet50": Scale(
                upsampling=1,
                epochs=1,
                images=128,
                batch_size=32,
                pretrained=False,
                attack_images={"faithful": 4},
                attack_batch_size=4,
            ),
            "inception_v3": Scale(
                upsampling=3,
                epochs=1,
                images=64,
                batch_size=32,
                pretrained=False,
                attack_images={"faithful": 4},
                attack_batch_size=4,
            ),
        },
        cases={
            "vgg16/cifar10": _ALL,
            "resnet50/cifar10": _ATTACKED,
            "inception_v3/cifar10": _ATTACKED,
        },
        restarts=1,
        seeds=(0,),
        controls=False,
    ),
    "laptop": Profile(
        name="laptop",
        cost="about an hour on two CPU cores for vgg16/cifar10; many for everything",
        datasets={"cifar10": "cifar10", "cifar100": "cifar100"},
        scales={
            "vgg16": Scale(
                upsampling=1,
                width=1 / 8,
                epochs=16,
                images=20_000,
                validation_images=2_000,
                pretrained=False,
                batch_size=128,
                attack_images={"faithful": 200, "corrected": 400},
            ),
            "resnet50": Scale(
                upsampling=1,
                epochs=12,
                images=12_800,
                validation_images=2_000,
                pretrained=False,
                attack_images={"faithful": 200, "corrected": 200},
            ),
            "inception_v3": Scale(
                upsampling=3,
                epochs=6,
                images=6_400,
                validation_images=1_000,
                pretrained=False,
                attack_images={"faithful": 100, "corrected": 100},
                attack_batch_size=32,
            ),
        },
        cases={case: _ALL for case in CASES},
        restarts=2,
        seeds=(0,),
        controls=True,
    ),
    "paper": Profile(
        name="paper",
        cost="days on a GPU",
        datasets={"cifar10": "cifar10", "cifar100": "cifar100"},
        scales={
            model: Scale(
                upsampling=network.upsampling,
                attack_images={"faithful": TEST_IMAGES},
                attack_batch_size=64,
            )
            for model, network in NETWORKS.items()
        },
        cases={case: _ALL for case in CASES},
        restarts=5,
        seeds=(0, 1, 2),
        controls=True,
    ),
}
