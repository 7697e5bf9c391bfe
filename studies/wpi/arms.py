"""What the WPI study trains and attacks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import inf

from attacks import Square
from harness.arms import MAIN, Arm, Case, Network, Protocol, Role, Training, View, seed_of
from harness.recipe import Recipe
from harness.results import Compared
from harness.trained_defenses import RandomAttacks
from studies.wpi import attacks, defenses
from studies.wpi.attacks import ATTACKS, BLIND, CW, DEEPFOOL, IFGSM, SWAP, UNSEEN
from studies.wpi.defenses import DISTILLED, HARD_LABELS, NONE, SMOOTHED, Defense
from studies.wpi.profiles import HELD_OUT, SPLIT, WPIProfile

#: The class that the study pictures, a digit on MNIST.
PICTURED = 7

RECIPE = Recipe("Adam", 1e-3, batch_size=128, epochs=20, keep="lowest loss")
#: Kept after the last of them: the loss on clean images, which grows, would choose the first.
FURTHER = replace(RECIPE, epochs=5, keep="last")

#: Variants of the controls of three claims.
WITHOUT_TEACHER, OTHER_STEPS, ATTACK_LEFT_OUT = "WPI-14", "WPI-19", "WPI-A1"
#: Of what goes beyond the study: attacks towards a class, and a filter that it does not have.
TARGETED, SQUEEZING = "targeted", "squeezing"

COMPARED = {protocol: Compared(defenses.PROCEDURE, (View.LOGITS,)) for protocol in Protocol}
HEADLINE = ((DEEPFOOL, inf), (CW, inf), (SWAP, inf))


@dataclass(frozen=True)
class Run:
    """One data set in one protocol, with one seed."""

    profile: WPIProfile
    case: Case
    protocol: Protocol
    number: int = 0

    def training(self, role: str) -> Training:
        """The network in one role: a `Role`, or one of `studies.wpi.defenses`."""
        dataset = self.case.dataset
        scale, split = self.profile.scales[dataset], SPLIT
        if self.protocol == Protocol.CORRECTED:
            split = self.profile.corrected_split.get(dataset, HELD_OUT)
        network = Training(
            network=Network(self.case.model, scale.upsampling, scale.width, preprocessing="unit"),
            dataset=self.profile.datasets[dataset],
            split=split,
            role=role,
            recipe=scale.applied_to(RECIPE),
            images=scale.images,
            validation_images=scale.validation_images,
            erasing=False,
            seed=seed_of(role, self.number),
        )
        if role == Role.UNDEFENDED:
            return network
        if role in (Role.TEACHER, Role.STUDENT, Role.CONTROL):
            return replace(
                network,
                procedure=defenses.PROCEDURE,
                temperature=defenses.TEMPERATURE,
                alpha=0.0,
                teacher=self.training(Role.TEACHER) if role == Role.STUDENT else None,
            )
        further = replace(
            network, recipe=scale.applied_to(FURTHER), warm_up=self.training(Role.UNDEFENDED)
        )
        if role == defenses.FINE_TUNED:
            return replace(further, defense=defenses.UPDATE_NOISE)
        budgets = {IFGSM: attacks.LINF[dataset][-1]}
        taught = [
            (attack, budgets.get(name))
            for name, attack in zip(ATTACKS, self.profile.taught, strict=True)
            if role != defenses.left_out(name).role
        ]
        images = self.profile.adversarial_training_images.get(dataset, scale.images)
        return replace(further, defense=RandomAttacks(tuple(taught)), images=images)

    def arm(self, defense: Defense, attack: str, transferred: bool = False) -> Arm:
        """A defense under an attack, crafted against it or `transferred` from the plain network."""
        scale = self.profile.scales[self.case.dataset]
        # Properly done, an attack on a distilled network is given logits / T.
        divided = (
            self.protocol == Protocol.CORRECTED
            and defense in (DISTILLED, HARD_LABELS)
            and attack in attacks.OF_LOGIT_SIZE
            and not transferred
        )
        crafted = self.profile.attacks(self.protocol)[attack]
        return Arm(
            case=self.case,
            protocol=self.protocol,
            variant=MAIN,
            training=self.training(defense.role),
            view=View.LOGITS_OVER_T if divided else View.LOGITS,
            attack_name=attacks.transferred(attack) if transferred else attack,
            attack=replace(crafted, batch_size=scale.attack_batch_size),
            epsilons=attacks.epsilons(self.protocol, self.case.dataset, attack),
            images=scale.attacked(self.protocol),
            crafted_on=self.training(Role.UNDEFENDED) if transferred else None,
            applied=defense.applied,
            # An image of it is pictured.
            strip_of=PICTURED if defense == NONE else None,
            similarity=defense == NONE,
        )

    def arms(self) -> Iterator[Arm]:
        if self.protocol == Protocol.FAITHFUL:
            for defense in (each for each in defenses.FAITHFUL if each in self.profile.defenses):
                for attack in ATTACKS:
                    # WPI-A10: the blur from the plain network, the other defenses as they are.
                    yield self.arm(defense, attack, transferred=defense == SMOOTHED)
            return
        for defense in self.profile.defenses:
            for attack in self.profile.attacks(self.protocol):
                yield self.arm(defense, attack)
                # Every defense meets both: for noise on gradient or logits, which leave the weights
                # as they are, this is the attack with the noise averaged away (WPI-A9).
                if defense != NONE:
                    yield self.arm(defense, attack, transferred=True)
        if self.profile.controls:
            yield from self._controls()
        yield from self._beyond()

    def _controls(self) -> Iterator[Arm]:
        """Distillation without a teacher, IFGSM without momentum and with other steps, and
        adversarial training that has not seen the attack."""
        if DISTILLED in self.profile.defenses:
            yield replace(self.arm(HARD_LABELS, IFGSM), variant=WITHOUT_TEACHER)
        usual = replace(self.arm(NONE, IFGSM), variant=OTHER_STEPS)
        for name, attack in attacks.step_attacks(self.case.dataset).items():
            attack = replace(attack, batch_size=usual.attack.batch_size)
            yield replace(usual, attack_name=name, attack=attack, epsilons=usual.epsilons[-1:])
        if self.case.dataset in self.profile.left_out:
            for name in ATTACKS:
                yield replace(self.arm(defenses.left_out(name), name), variant=ATTACK_LEFT_OUT)

    def _beyond(self) -> Iterator[Arm]:
        """Attacks towards a random class, and the squeezing under attacks made both ways.

        Square says whether the gradient of a rounding misleads the attacks that follow it.
        """
        for defense, attack in product(self.profile.targeted, attacks.TO_A_CLASS):
            usual = replace(self.arm(defense, attack), strip_of=None, similarity=False)
            yield replace(usual, variant=TARGETED, random_targets=True)
        squeezed = defenses.squeezed(self.case.dataset)
        for attack, transferred in product(self.profile.squeezed, (False, True)):
            yield replace(self.arm(squeezed, attack, transferred), variant=SQUEEZING)
        if UNSEEN in self.profile.squeezed:
            usual = self.arm(squeezed, UNSEEN)
            blind = Square(queries=1000, batch_size=usual.attack.batch_size)
            usual = replace(usual, attack_name=BLIND, attack=blind, epsilons=usual.epsilons[-1:])
            yield replace(usual, variant=SQUEEZING)


def arms(profile: WPIProfile) -> list[Arm]:
    """Every arm of a profile, data set by data set."""
    return [
        arm
        for case, scope in profile.cases.items()
        for number in profile.seeds
        for protocol in Protocol
        if protocol in scope.protocols
        for arm in Run(profile, case, protocol, number).arms()
    ]
