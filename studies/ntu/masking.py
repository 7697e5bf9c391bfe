"""Networks with and without a masked gradient, under the same attacks (not in the study).

Papernot's network, distilled by his procedure at the study's temperature, saturates its softmax:
the gradient that FGSM and PGD follow is zero, and they fail. The same attacks with the logits
divided by the temperature, or along the margin of the logits, do not. Beside it: the network
undefended, trained at that temperature on hard labels (the control), and trained against PGD.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from attacks import APGD, FGSM, PGD, BudgetAttack
from harness.arms import Arm, Case, Protocol, Role, Training, View
from harness.trained_defenses import PGDTraining
from studies.ntu.arms import NTUProfile, training

CASE = Case("papernot_cnn", "cifar10")
VARIANT = "not in the study: masked gradients"
PROCEDURE = "papernot"
ADVERSARIAL = "adversarial"
ROLES = (Role.UNDEFENDED, Role.STUDENT, Role.CONTROL, ADVERSARIAL)
STEPS = 40
#: At which the student is trained as well, besides the study's own temperature.
TEMPERATURES = (1.0, 20.0)
#: PGD whose steps add up to half of the largest epsilon, as the study's do.
SHORT_STEPS, MARGIN = "PGD, steps too short", "APGD, margin loss"


def summed_up(epsilons: Sequence[float]) -> float:
    """Where the networks are summed up, and what the robust one is trained for: the middle one."""
    return epsilons[len(epsilons) // 2]


def at_temperature(temperature: float) -> str:
    """The variant of the student at a temperature that is not the study's."""
    return f"{VARIANT}, T = {temperature:g}"


def arms(profile: NTUProfile) -> list[Arm]:
    """Of every network, the attacks through its logits; PGD through logits / T as well."""
    return [arm for run in profile.seeds for arm in _arms(profile, run)] if profile.masking else []


def _arms(profile: NTUProfile, run: int) -> Iterator[Arm]:
    undefended, student, *others = _networks(profile, run)
    for network in (undefended, student, *others):
        yield from _attacked(profile, VARIANT, network, _attacks(profile, network))
    if run == profile.seeds[0]:
        for each in TEMPERATURES:
            teacher = replace(student.teacher, temperature=each)
            network = replace(student, temperature=each, teacher=teacher)
            attacks = _attacks(profile, network)
            del attacks[View.LOGITS, "FGSM"]
            yield from _attacked(profile, at_temperature(each), network, attacks)


def _attacks(profile: NTUProfile, network: Training) -> dict[tuple[View, str], BudgetAttack]:
    attacks: dict[tuple[View, str], BudgetAttack] = {
        (View.LOGITS, "FGSM"): FGSM(),
        (View.LOGITS, "PGD"): PGD(steps=STEPS),
        (View.LOGITS, MARGIN): APGD(steps=STEPS, loss="margin"),
    }
    if network.temperature != 1:
        attacks[View.LOGITS_OVER_T, "PGD"] = PGD(steps=STEPS)
    if network.role == Role.UNDEFENDED:
        short = profile.masking[-1] / (2 * STEPS)
        attacks[View.LOGITS, SHORT_STEPS] = PGD(steps=STEPS, step_size=short, random_start=False)
    return attacks


def _attacked(
    profile: NTUProfile,
    variant: str,
    network: Training,
    attacks: dict[tuple[View, str], BudgetAttack],
) -> Iterator[Arm]:
    scale = profile.scales[CASE.model]
    for (view, name), attack in attacks.items():
        yield Arm(
            case=CASE,
            protocol=Protocol.CORRECTED,
            variant=variant,
            training=network,
            view=view,
            attack_name=name,
            attack=replace(attack, batch_size=scale.attack_batch_size),
            epsilons=profile.masking,
            images=scale.attacked(Protocol.CORRECTED),
        )


def _networks(profile: NTUProfile, run: int) -> tuple[Training, ...]:
    plain = partial(training, profile, CASE, Protocol.CORRECTED, run=run, erasing=False)
    undefended = plain(Role.UNDEFENDED)
    robust = replace(
        undefended,
        role=ADVERSARIAL,
        defense=PGDTraining(summed_up(profile.masking), steps=5),
        warm_up=undefended,
    )
    distilled = (plain(role, procedure=PROCEDURE) for role in (Role.STUDENT, Role.CONTROL))
    return undefended, *distilled, robust
