"""The half of ICBAI on MNIST: defensive distillation at a high temperature against FGSM.

What the review leaves open is chosen: Papernot's network for MNIST, T = 100, Adam (0.9, 0.99) at
0.0001 with a plateau scheduler, 10 epochs, and the noise levels of the sister study (Praxis),
which fit a public notebook on the subject.

Teacher and student are trained at temperature T, which is taken away afterwards. Faithful attacks
the student through its logits as they are: about T times too large, so that softmax and
cross-entropy saturate in 32-bit floats, gradients of most images are exactly zero, and FGSM
stands still. Corrected attacks the same networks through logits / T, with a margin loss, and by
transfer from the undefended network as well. The controls are the undefended network and one
trained at T on hard labels alone: a teacher adds only what is beyond them.
"""

from collections.abc import Iterator
from dataclasses import replace

from attacks import APGD, FGSM, PGD, Attack
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
from harness.study import Profile

CASE = Case("papernot_cnn", "mnist")
ROLES = (Role.UNDEFENDED, Role.TEACHER, Role.STUDENT, Role.CONTROL)
PROCEDURE = "soft_labels"
TEMPERATURE = 100.0
RECIPE = Recipe("Adam", 1e-4, batch_size=128, epochs=10, beta_1=0.9, beta_2=0.99, patience=3)
#: The last is the 30 % noise of the printed result.
EPSILONS = (0.007, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
#: Crafted on the undefended network.
TRANSFERRED_ATTACKS = {
    TRANSFERRED.format("FGSM"): FGSM(),
    TRANSFERRED.format("PGD"): PGD(steps=40, random_start=True),
}


def training(profile: Profile, role: str, run: int = 0) -> Training:
    """The network in one role, as a profile trains it; both protocols attack the same ones."""
    scale = profile.scales[CASE.model]
    plain = Training(
        network=Network(CASE.model, scale.upsampling, scale.width, preprocessing="unit"),
        dataset=profile.datasets[CASE.dataset],
        split="held-out",
        role=role,
        recipe=scale.applied_to(RECIPE),
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        seed=seed_of(role, run),
    )
    if role == Role.UNDEFENDED:
        return plain
    teacher = training(profile, Role.TEACHER, run) if role == Role.STUDENT else None
    return replace(plain, procedure=PROCEDURE, temperature=TEMPERATURE, alpha=0.0, teacher=teacher)


def arms(profile: Profile, case: Case = CASE) -> Iterator[Arm]:
    """Every arm on MNIST, the one case."""
    scale = profile.scales[case.model]
    for run in profile.seeds:
        for role in profile.cases[case].roles:
            for protocol, view, name, attack in _attacks(profile, role):
                is_transferred = name in TRANSFERRED_ATTACKS
                yield Arm(
                    case=case,
                    protocol=protocol,
                    variant=MAIN,
                    training=training(profile, role, run),
                    view=view,
                    attack_name=name,
                    attack=replace(attack, batch_size=scale.attack_batch_size),
                    epsilons=EPSILONS,
                    images=scale.attacked(protocol),
                    crafted_on=training(profile, Role.UNDEFENDED, run) if is_transferred else None,
                )


def _attacks(profile: Profile, role: str) -> Iterator[tuple[Protocol, View, str, Attack]]:
    """What the network in one role is attacked with, through which output."""
    yield Protocol.FAITHFUL, View.LOGITS, "FGSM", FGSM()
    if role == Role.TEACHER:
        return
    steps = {"steps": 40, "restarts": profile.restarts, "stop_at_success": True}
    attacks = {
        "FGSM": FGSM(),
        "PGD": PGD(random_start=True, **steps),
        "APGD, margin": APGD(loss="margin", **steps),
    }
    for view in (View.LOGITS,) if role == Role.UNDEFENDED else (View.LOGITS, View.LOGITS_OVER_T):
        for name, attack in attacks.items():
            yield Protocol.CORRECTED, view, name, attack
    if role != Role.UNDEFENDED:
        for name, attack in TRANSFERRED_ATTACKS.items():
            yield Protocol.CORRECTED, View.LOGITS, name, attack
