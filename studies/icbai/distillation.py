"""ICBAI: adversarial attacks and a "modified" defensive distillation (arXiv:2312.16880).

The paper is known here only through a machine-written review: its tables are not in it, and
the one result that is printed is 92.91 % accuracy of a distilled MNIST network under FGSM at
30 % noise. Its two halves have nothing to do with each other: attacks on ImageNet classifiers
(`studies.icbai.classifiers`), and a defense on MNIST, which is here. What the review leaves open
is chosen: Papernot's network for MNIST, T = 100, Adam (0.9, 0.99) at 0.0001 with a plateau
scheduler, 10 epochs, and the noise levels of the sister study (Praxis), which fit a public
notebook on the subject.

    python reproduce.py run icbai --profile demo                      minutes, offline
    python reproduce.py run icbai --profile laptop --data-dir DIR     MNIST, twenty minutes
    python reproduce.py run icbai --profile laptop-imagenet --data-dir DIR \\
        --weights mobilenet=FILE --weights mobilenet_v2=FILE          ImageNet, half an hour
    python reproduce.py run icbai --profile paper --data-dir DIR \\
        --weights alexnet=FILE --weights regnety_400mf=FILE           both, for a GPU

Teacher and student are trained at temperature T, which is taken away afterwards. Faithful
attacks the student through its logits as they are: about T times too large, so that softmax and
cross-entropy saturate in 32-bit floats, gradients of most images are exactly zero, and FGSM
stands still. Corrected attacks the same networks through logits / T, with a margin loss and by
transfer from the undefended network as well. The controls are the undefended network and one
trained at T on hard labels alone: a teacher adds only what is beyond them.
"""

from dataclasses import replace

from attacks import APGD, FGSM, PGD
from harness.study import Arm, Case, Network, Profile, Recipe, Scale, Training
from studies.icbai import classifiers as icbai_classifiers

MODEL, DATASET = "papernot_cnn", "mnist"
CASE = f"{MODEL}/{DATASET}"
TEMPERATURE = 100.0
EPSILONS = (0.007, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
ROLES = ("undefended", "teacher", "student", "control")
PROCEDURE = "soft_labels"
RECIPE = Recipe("Adam", 1e-4, batch_size=128, epochs=10, beta_1=0.9, beta_2=0.99, patience=3)

COMPARED = {
    "faithful": (PROCEDURE, ("logits",)),
    "corrected": (PROCEDURE, ("logits", "logits / T")),
}
HEADLINE = (("FGSM", 76.5), ("PGD", 76.5), ("APGD, margin", 76.5))
TRANSFERRED = "{}, from undefended"


def corrected_attacks(profile: Profile) -> dict[str, FGSM | PGD | APGD]:
    steps = {"restarts": profile.restarts, "stop_at_success": True}
    return {
        "FGSM": FGSM(),
        "PGD": PGD(steps=40, random_start=True, **steps),
        "APGD, margin": APGD(steps=40, loss="margin", **steps),
    }


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
        # Student and control start alike, and differently from teacher and undefended.
        seed=2 * seed + (1 if role in ("student", "control") else 0),
    )
    if role == "undefended":
        return base
    teacher = training(profile, "teacher", seed) if role == "student" else None
    return replace(base, procedure=PROCEDURE, temperature=TEMPERATURE, alpha=0.0, teacher=teacher)


def arms(profile: Profile) -> list[Arm]:
    """Every arm of a profile."""
    planned = _on_mnist(profile) if CASE in profile.cases else []
    for model, case in icbai_classifiers.CASES.items():
        if case in profile.cases:
            planned += icbai_classifiers.arms(profile, model)
    return planned


def _on_mnist(profile: Profile) -> list[Arm]:
    planned = []
    for seed in profile.seeds:
        for role in profile.cases[CASE].roles:
            network = training(profile, role, seed)
            planned.append(_arm(profile, "faithful", network, "logits", "FGSM", FGSM()))
            if role == "teacher":
                continue
            for view in ("logits",) if role == "undefended" else ("logits", "logits / T"):
                for name, attack in corrected_attacks(profile).items():
                    planned.append(_arm(profile, "corrected", network, view, name, attack))
            if role != "undefended":
                planned += _transferred(profile, network, training(profile, "undefended", seed))
    return planned


def _transferred(profile: Profile, network: Training, undefended: Training) -> list[Arm]:
    attacks = {"FGSM": FGSM(), "PGD": PGD(steps=40, random_start=True)}
    return [
        replace(
            _arm(profile, "corrected", network, "logits", TRANSFERRED.format(name), attack),
            crafted_on=undefended,
        )
        for name, attack in attacks.items()
    ]


def _arm(profile: Profile, protocol, network, view, name, attack) -> Arm:
    scale = profile.scales[MODEL]
    return Arm(
        case=CASE,
        protocol=protocol,
        variant="main",
        training=network,
        view=view,
        attack_name=name,
        attack=replace(attack, batch_size=scale.attack_batch_size),
        epsilons=EPSILONS,
        own_labels=False,
        images=scale.attacked(protocol, tuple(COMPARED)),
    )


_MNIST = {CASE: Case(roles=ROLES, protocols=("faithful", "corrected"))}


def _classifiers(*names: str) -> dict[str, Case]:
    case = Case(roles=("undefended",), protocols=("faithful", "corrected"))
    return {icbai_classifiers.CASES[name]: case for name in names}


PROFILES = {
    "demo": Profile(
        name="demo",
        cost="minutes on two CPU cores, offline",
        datasets={DATASET: "digits", icbai_classifiers.DATASET: "digits"},
        scales={
            MODEL: Scale(
                upsampling=1,
                width=1 / 4,
                # As many updates as fit: at the published rate a few hundred teach little.
                epochs=24,
                batch_size=8,
                attack_images={"faithful": 200, "corrected": 50},
            ),
            "alexnet": Scale(upsampling=3, width=1 / 8),
        },
        cases=_MNIST | _classifiers("alexnet"),
        restarts=1,
        seeds=(0,),
        controls=True,
    ),
    "laptop": Profile(
        name="laptop",
        cost="twenty minutes on two CPU cores",
        datasets={DATASET: DATASET},
        scales={MODEL: Scale(upsampling=1, width=1 / 2, attack_images={"corrected": 1_000})},
        cases=_MNIST,
        restarts=1,
        seeds=(0,),
        controls=True,
    ),
    "laptop-imagenet": Profile(
        name="laptop-imagenet",
        cost="two hours on two CPU cores",
        datasets={icbai_classifiers.DATASET: icbai_classifiers.DATASET},
        scales={
            name: Scale(upsampling=1, attack_batch_size=32)
            for name in ("mobilenet", "mobilenet_v2")
        },
        cases=_classifiers("mobilenet", "mobilenet_v2"),
        restarts=1,
        seeds=(0,),
        controls=True,
    ),
    "paper": Profile(
        name="paper",
        cost="hours on a GPU",
        datasets={DATASET: DATASET, icbai_classifiers.DATASET: icbai_classifiers.DATASET},
        scales={
            MODEL: Scale(upsampling=1),
            **{
                name: Scale(upsampling=1, attack_batch_size=32) for name in icbai_classifiers.MODELS
            },
        },
        cases=_MNIST | _classifiers(*icbai_classifiers.MODELS),
        restarts=5,
        seeds=(0, 1, 2),
        controls=True,
    ),
}
