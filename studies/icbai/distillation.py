"""The half of ICBAI on MNIST: defensive distillation at a high temperature against FGSM."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import inf

from attacks import APGD, FGSM, PGD, CarliniWagner
from harness import arms as words
from harness.arms import Arm, Case, Protocol, Role, Training, View
from harness.recipe import Recipe
from harness.study import Profile

CASE = Case("papernot_cnn", "mnist")
ROLES = (Role.UNDEFENDED, Role.TEACHER, Role.STUDENT, Role.CONTROL)
PROCEDURE, TEMPERATURE = "soft_labels", 100.0
RECIPE = Recipe("Adam", 1e-4, batch_size=128, epochs=10, beta_1=0.9, beta_2=0.99, patience=3)
EPSILONS = (0.007, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
#: The networks that are attacked properly.
JUDGED = (Role.UNDEFENDED, Role.STUDENT, Role.CONTROL)
#: Every attack of the corrected protocol within an epsilon.
WITHIN_EPSILON = (
    "FGSM",
    "PGD",
    "APGD, margin",
    words.TRANSFERRED.format("FGSM"),
    *(words.TRANSFERRED_FROM.format("PGD", role) for role in JUDGED),
)
#: Carlini and Wagner's attack, at any distance, by profile; the paper's is that of its authors.
CW = {
    "demo": CarliniWagner(search_steps=3, steps=40, learning_rate=0.05, initial_c=1.0),
    "laptop": CarliniWagner(search_steps=5, steps=100, learning_rate=0.02, initial_c=0.1),
}
#: The noise of the printed result, 30 %, in grey levels.
NOISE = 255 * EPSILONS[-1]


def training(profile: Profile, role: str, run: int = 0) -> Training:
    """The network in one role, as a profile trains it; both protocols attack the same ones."""
    scale = profile.scales[CASE.model]
    plain = Training(
        network=words.Network(CASE.model, scale.upsampling, scale.width, preprocessing="unit"),
        dataset=profile.datasets[CASE.dataset],
        split="held-out",
        role=role,
        recipe=scale.applied_to(RECIPE),
        images=scale.images,
        validation_images=scale.validation_images,
        erasing=False,
        seed=words.seed_of(role, run),
    )
    if role == Role.UNDEFENDED:
        return plain
    teacher = training(profile, Role.TEACHER, run) if role == Role.STUDENT else None
    return replace(plain, procedure=PROCEDURE, temperature=TEMPERATURE, alpha=0.0, teacher=teacher)


def arms(profile: Profile, case: Case) -> Iterator[Arm]:
    """Every arm on MNIST, the one case."""
    scale = profile.scales[case.model]
    many, few = (scale.attacked(protocol) for protocol in Protocol)
    batches = {"batch_size": scale.attack_batch_size}
    search = {"restarts": profile.restarts, "stop_at_success": True}
    fgsm, pgd = FGSM(**batches), PGD(steps=40, random_start=True, **batches)
    apgd = APGD(steps=40, loss="margin", **search, **batches)
    attacks = {"FGSM": fgsm, "PGD": replace(pgd, **search), "APGD, margin": apgd}
    for run, role in product(profile.seeds, profile.cases[case].roles):
        place = (case, Protocol.FAITHFUL, words.MAIN, training(profile, role, run), View.LOGITS)
        faithful = Arm(*place, "FGSM", fgsm, EPSILONS, images=many)
        yield faithful
        if role == Role.TEACHER:
            continue
        corrected = replace(faithful, protocol=Protocol.CORRECTED, images=few)
        views = (View.LOGITS,) if role == Role.UNDEFENDED else (View.LOGITS, View.LOGITS_OVER_T)
        for view, (name, attack) in product(views, attacks.items()):
            yield replace(corrected, view=view, attack_name=name, attack=attack)
        cw = replace(CW.get(profile.name, CarliniWagner()), **batches)
        yield replace(corrected, attack_name="CW", attack=cw, epsilons=(inf,))
        for other, (name, attack) in product(JUDGED, {"FGSM": fgsm, "PGD": pgd}.items()):
            # On a network trained at T the attack sees logits / T, or it sees no gradient.
            at_t = {} if other == Role.UNDEFENDED else {"temperature": TEMPERATURE}
            called = words.TRANSFERRED_FROM.format(name, other)
            if other != role and called in WITHIN_EPSILON:
                yield replace(
                    corrected,
                    attack_name=called,
                    attack=replace(attack, **at_t),
                    crafted_on=training(profile, other, run),
                )
