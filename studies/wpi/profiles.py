"""The sizes at which the WPI study is run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from attacks import PGD, Attack, CarliniWagner, DeepFool, MomentumIterative, PixelSwap
from harness.arms import Case, Protocol
from harness.study import Profile, Scale, Scope
from studies.wpi.attacks import CW, DEEPFOOL, EVERY_ATTACK, IFGSM, SWAP, UNSEEN, TowardsRival
from studies.wpi.defenses import DEFENSES, DISTILLED, NONE, SINGLE, Defense

FAITHFUL, CORRECTED = Protocol
DATASETS = ("mnist", "cifar10", "gtsrb")
MNIST, CIFAR10, GTSRB = CASES = tuple(Case("wpi_cnn", dataset) for dataset in DATASETS)
#: The study's own split and the official one; see `data.splits`.
SPLIT, HELD_OUT = "random-64-16-20", "held-out"


@dataclass(frozen=True, kw_only=True)
class WPIProfile(Profile):
    """A profile whose scales are by data set, since there is one network.

    Attributes:
        cw: Carlini-Wagner by protocol.
        defenses: those that are attacked.
        taught: the attacks of adversarial training, in the order of `ATTACKS`.
        adversarial_training_images: how many images adversarial training takes, by data set; those
            of the other networks where none is given.
        left_out: data sets on which it is also done with one attack left out.
        corrected_split: of the corrected protocol, by data set; `HELD_OUT` where none is given.
        targeted: the defenses that are also attacked towards a class.
        squeezed: the attacks on feature squeezing.
    """

    cw: Mapping[str, CarliniWagner]
    taught: tuple[Attack, ...]
    defenses: tuple[Defense, ...] = DEFENSES
    adversarial_training_images: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    corrected_split: Mapping[str, str] = field(default_factory=dict)
    targeted: tuple[Defense, ...] = (NONE, *SINGLE)
    squeezed: tuple[str, ...] = EVERY_ATTACK

    def attacks(self, protocol: str) -> dict[str, Attack]:
        """The study's attacks by name, and in the corrected protocol `UNSEEN`."""
        faithful = protocol == FAITHFUL
        study = {
            IFGSM: MomentumIterative(steps=10, sign_inside=faithful, stop_at_success=True),
            DEEPFOOL: DeepFool(overshoot=0.0 if faithful else 0.02),
            CW: self.cw[protocol],
            SWAP: PixelSwap(),
        }
        pgd = PGD(steps=40, random_start=True, restarts=self.restarts, stop_at_success=True)
        return study if faithful else {**study, UNSEEN: pgd}


_PAPER = WPIProfile(
    name="paper",
    cost="a day on a GPU",
    datasets={dataset: dataset for dataset in DATASETS},
    scales={dataset: Scale(upsampling=1) for dataset in DATASETS},
    cases={case: Scope() for case in CASES},
    restarts=5,
    seeds=(0, 1, 2),
    cw={FAITHFUL: TowardsRival(search_steps=4, steps=100), CORRECTED: CarliniWagner()},
    taught=(
        MomentumIterative(steps=10, sign_inside=True, stop_at_success=True),
        DeepFool(overshoot=0.0),
        CarliniWagner(search_steps=4, steps=100),
        PixelSwap(),
    ),
    left_out=DATASETS,
)
_SCALE = Scale(
    upsampling=1,
    width=1 / 2,
    images=12_800,
    validation_images=2_560,
    attack_images=dict.fromkeys(Protocol, 500),
    # Four batches: the first, in which an attack is compiled, is not timed.
    attack_batch_size=125,
)
_LAPTOP = replace(
    _PAPER,
    name="laptop",
    cost="an hour on two CPU cores",
    scales={"mnist": _SCALE, "cifar10": _SCALE, "gtsrb": replace(_SCALE, images=None)},
    restarts=1,
    seeds=(0,),
    cw={
        FAITHFUL: TowardsRival(search_steps=4, steps=30, learning_rate=0.03),
        CORRECTED: CarliniWagner(search_steps=3, steps=40, learning_rate=0.05, initial_c=1.0),
    },
    # Every batch of the further epochs is attacked, so these attacks are short.
    taught=(
        MomentumIterative(steps=5, sign_inside=True, stop_at_success=True),
        DeepFool(steps=5, overshoot=0.0, candidates=3),
        CarliniWagner(search_steps=1, steps=15, learning_rate=0.1, initial_c=10.0),
        PixelSwap(max_swaps=40),
    ),
    adversarial_training_images={"mnist": 6_400, "cifar10": 6_400},
    left_out=(),
    # The study's random test images of these two are as good, so one network serves both.
    corrected_split={"mnist": SPLIT, "cifar10": SPLIT},
)
_WHOLE = Scale(
    upsampling=1,
    validation_images=5_000,
    attack_images=dict.fromkeys(Protocol, 1_000),
    attack_batch_size=250,
)
_COLAB = replace(
    _LAPTOP,
    name="colab",
    cost="planned for one session on a T4-class GPU",
    scales=dict.fromkeys(DATASETS, _WHOLE),
    restarts=3,
    cw={
        FAITHFUL: _PAPER.cw[FAITHFUL],
        CORRECTED: CarliniWagner(search_steps=5, steps=100, learning_rate=0.02, initial_c=0.1),
    },
    adversarial_training_images=dict.fromkeys(DATASETS, 12_800),
    left_out=("mnist",),
)
_DIGITS = Scale(
    upsampling=1,
    batch_size=32,
    attack_images=dict.fromkeys(Protocol, 200),
    attack_batch_size=50,
)
_DEMO = replace(
    _LAPTOP,
    name="demo",
    cost="seven minutes on two CPU cores, offline",
    datasets=dict.fromkeys(DATASETS, "digits"),
    scales={"mnist": _DIGITS},
    # What the demo shows is in the corrected protocol: the blur from both sides, at a budget.
    # Narrower, the network would learn little through its dropout; so distillation is left out.
    cases={MNIST: Scope(protocols=(CORRECTED,))},
    defenses=tuple(defense for defense in DEFENSES if defense != DISTILLED),
    cw={
        FAITHFUL: TowardsRival(search_steps=3, steps=20, learning_rate=0.05),
        CORRECTED: CarliniWagner(search_steps=2, steps=20, learning_rate=0.1, initial_c=1.0),
    },
    adversarial_training_images={},  # on fewer it would lose accuracy on clean images
    targeted=(NONE,),
    squeezed=(IFGSM,),
)
PROFILES = {profile.name: profile for profile in (_DEMO, _LAPTOP, _COLAB, _PAPER)}
