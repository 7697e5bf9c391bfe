"""What the NTU study trained and attacked, and the controls that its claims need."""

from collections.abc import Iterator
from dataclasses import replace

from attacks import FGSM, PGD
from data import SPLITS
from harness.arms import MAIN, Arm, Case, Network, Protocol, Role, Training, View, seed_of
from harness.recipe import Recipe
from harness.results import Compared
from harness.study import Profile

GREY = 1 / 255
EPSILONS = tuple(level * GREY for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
#: The customary range starts where the study's ends.
CORRECTED_EPSILONS = (*EPSILONS, 1 * GREY, 2 * GREY, 4 * GREY, 8 * GREY)
STEPS, STEP_SIZE = 40, 0.01 * GREY
TEMPERATURE, ALPHA = 200.0, 0.2
#: The study's own split, see `data.SPLITS`, and how many images it tests.
SPLIT = "test-validates"
TEST_IMAGES = SPLITS[SPLIT].test_images
#: Epochs, from a variable that the study's listing sets and never uses.
HALVE_EVERY = 20

CASES = tuple(
    Case(model, dataset)
    for model in ("vgg16", "resnet50", "inception_v3")
    for dataset in ("cifar10", "cifar100")
)
VGG_ON_CIFAR10, VGG_ON_CIFAR100, *_ = CASES
COMPARED = {
    Protocol.FAITHFUL: Compared("as_listed", (View.SOFTMAX,)),
    Protocol.CORRECTED: Compared("corrected", (View.LOGITS, View.LOGITS_OVER_T)),
}
#: The distillation procedures of each protocol.
PROCEDURES = {Protocol.FAITHFUL: ("as_listed",), Protocol.CORRECTED: ("corrected", "papernot")}
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
RECIPES = dict(
    zip(
        CASES,
        (
            (_sgd(128, 200), _sgd(128, 125), _sgd(128, 150)),
            (_sgd(32, 200), _sgd(32, 250), _sgd(32, 200)),
            (_adam(128, 50), _adam(128, 40), _adam(128, 40)),
            (_adam(64, 70), _adam(64, 50), _adam(64, 50)),
            (_adam(64, 40), _adam(128, 50), _adam(128, 50)),
            (_adam(64, 200), _adam(64, 50), _adam(64, 50)),
        ),
        strict=True,
    )
)

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


def published_recipe(case: Case, role: str) -> Recipe:
    """The control gets the student's recipe, a warm-up the teacher's."""
    undefended, teacher, student = RECIPES[case]
    return {
        Role.UNDEFENDED: undefended,
        Role.WARM_UP: teacher,
        Role.TEACHER: teacher,
        Role.STUDENT: student,
        Role.CONTROL: student,
    }[Role(role)]


def training(
    profile: Profile,
    case: Case,
    protocol: Protocol,
    role: str,
    run: int = 0,
    procedure: str | None = None,
) -> Training:
    """The network of a case in one role, as a profile trains it."""
    scale, published = profile.scales[case.model], NETWORKS[case.model]
    recipe = scale.applied_to(published_recipe(case, role))
    faithful = protocol == Protocol.FAITHFUL
    plain = scale.applied_to(published_recipe(case, Role.UNDEFENDED))
    if procedure == "corrected" and role == Role.TEACHER and recipe == plain:
        # A teacher at temperature 1 with the undefended recipe is the undefended network.
        return training(profile, case, protocol, Role.UNDEFENDED, run)
    base = Training(
        network=replace(
            published,
            upsampling=scale.upsampling,
            width=scale.width,
            weights=published.weights if scale.pretrained else None,
            preprocessing=_preprocessing(case.model, faithful),
        ),
        dataset=profile.datasets[case.dataset],
        split=SPLIT if faithful else "held-out",
        role=role,
        recipe=replace(recipe, epochs=1) if role == Role.WARM_UP else recipe,
        procedure=procedure,
        images=scale.images,
        validation_images=scale.validation_images,
        seed=seed_of(role, run),
    )
    if procedure is None:
        return base

    def earlier(role: str) -> Training:
        return training(profile, case, protocol, role, run, procedure)

    return replace(
        base,
        temperature=TEMPERATURE,
        alpha=ALPHA,
        teacher=earlier(Role.TEACHER) if role == Role.STUDENT else None,
        warm_up=earlier(Role.WARM_UP) if procedure == "papernot" and role != Role.WARM_UP else None,
    )


def _preprocessing(model: str, faithful: bool) -> str:
    if faithful:
        return "raw"
    return "unit" if model == "vgg16" else "imagenet"


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile: the published ones, then the controls of the claims."""
    planned: list[Arm] = []
    for run in profile.seeds:
        for case, scope in profile.cases.items():
            for protocol in scope.protocols:
                published = _published_arms(profile, case, protocol, scope.roles, run)
                planned += [arm for arm in published if arm.view in scope.views]
        if profile.controls:
            for case in profile.cases:
                planned += _control_arms(profile, case, run)
    return planned


def _published_arms(
    profile: Profile, case: Case, protocol: Protocol, roles: tuple[str, ...], run: int
) -> Iterator[Arm]:
    if Role.UNDEFENDED in roles:
        network = training(profile, case, protocol, Role.UNDEFENDED, run)
        yield from _attacked(profile, case, protocol, MAIN, network)
        if protocol == Protocol.FAITHFUL and case.model == "vgg16":
            step = {"PGD, step 0.05": PGD_STEP_OF_THE_TEXT}
            yield from _attacked(profile, case, protocol, MAIN, network, (View.SOFTMAX,), step)
    for procedure in PROCEDURES[protocol]:
        for role in (Role.TEACHER, Role.STUDENT, Role.CONTROL):
            if role in roles:
                network = training(profile, case, protocol, role, run, procedure)
                if network.procedure:  # else it is the undefended network, attacked above
                    yield from _attacked(profile, case, protocol, MAIN, network)


def _control_arms(profile: Profile, case: Case, run: int) -> Iterator[Arm]:
    """Undefended networks that differ from the published ones in one respect each."""
    for protocol in Protocol:
        base = training(profile, case, protocol, Role.UNDEFENDED, run)
        for variant, changed in _variants(profile, case, protocol, base).items():
            if changed != base:
                yield from _attacked(profile, case, protocol, variant, changed)
    if case == VGG_ON_CIFAR10:
        student = training(profile, case, Protocol.CORRECTED, Role.STUDENT, run, "corrected")
        for temperature in (1.0, 5.0, 10.0, 20.0, 50.0, 100.0):
            colder = replace(student, temperature=temperature)
            variant = f"NTU-A14 T = {temperature:g}"
            yield from _attacked(profile, case, Protocol.CORRECTED, variant, colder)


def _variants(
    profile: Profile, case: Case, protocol: Protocol, base: Training
) -> dict[str, Training]:
    if case.model == "vgg16":
        return _vgg_variants(profile, case, protocol, base)
    least = 3 if case.model == "inception_v3" else 1
    upsampling = max(profile.scales["vgg16"].upsampling, least)
    network = base.network
    variants = {
        "NTU-8 equal up-sampling": replace(base, network=replace(network, upsampling=upsampling))
    }
    if network.weights:
        scratch, frozen = replace(network, weights=None), replace(network, train_batch_norm=False)
        variants["NTU-8 from scratch"] = replace(base, network=scratch)
        variants["NTU-14 batch normalisation frozen"] = replace(base, network=frozen)
    return variants


def _vgg_variants(
    profile: Profile, case: Case, protocol: Protocol, base: Training
) -> dict[str, Training]:
    recipe = base.recipe
    variants = {"NTU-15 no erasing": replace(base, erasing=False)}
    if protocol == Protocol.FAITHFUL:
        upsampling = profile.scales["resnet50"].upsampling
        larger = replace(base.network, upsampling=upsampling)
        return variants | {"NTU-8 equal up-sampling": replace(base, network=larger)}
    for rate in (0.1, 0.01):
        sgd = replace(recipe, learning_rate=rate)
        variants[f"NTU-16 SGD {rate:g}"] = replace(base, recipe=sgd)
    for rate in (0.001, 0.0001):
        adam = replace(
            _adam(recipe.batch_size, recipe.epochs),
            learning_rate=rate,
            weight_decay=recipe.weight_decay,
        )
        variants[f"NTU-16 Adam {rate:g}"] = replace(base, recipe=adam)
    # In proportion where a profile trains for fewer epochs.
    published = published_recipe(case, Role.UNDEFENDED).epochs
    halve_every = max(1, round(HALVE_EVERY * recipe.epochs / published))
    variants["NTU-A18 rate halved"] = replace(base, recipe=replace(recipe, halve_every=halve_every))
    return variants


def _attacked(
    profile: Profile,
    case: Case,
    protocol: Protocol,
    variant: str,
    network: Training,
    views: tuple[View, ...] | None = None,
    attacks: dict[str, PGD] | None = None,
) -> Iterator[Arm]:
    """A network under the attacks of a protocol, through every output, unless some are given."""
    faithful, scale = protocol == Protocol.FAITHFUL, profile.scales[case.model]
    attacks = attacks or (FAITHFUL_ATTACKS if faithful else corrected_attacks(profile))
    for view in views or _views(protocol, network):
        for name, attack in attacks.items():
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
