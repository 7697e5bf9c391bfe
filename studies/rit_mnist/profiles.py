"""The sizes at which the RIT study is run."""

from dataclasses import replace

from harness.arms import Case
from harness.results import Results
from harness.study import Scale, Scope
from studies.rit_mnist.arms import CASE, NETWORKS, OF_PREDICTIONS, WIDTHS, RITProfile

_NARROWER = ("on_the_fly_eighth", "on_the_fly_quarter", "on_the_fly_half")
_LAPTOP_IMAGES = {"faithful": 1_000, "corrected": 500, "AutoAttack": 200}
_COLAB_IMAGES = {"faithful": 5_000, "corrected": 2_000, "AutoAttack": 500}
#: AutoAttack is left out: on so many images it alone would take minutes.
_DEMO = Scale(
    upsampling=1,
    width=1 / 2,
    epochs=12,
    batch_size=32,
    learning_rate=3e-3,
    warm_up=1,
    attack_images={"faithful": 200, "corrected": 200, "AutoAttack": 0},
)
#: An epoch of a static set has six times the updates, and so have those of its control.
_DEMO_SETS = replace(_DEMO, epochs=4)
#: PGD training needs more and larger updates to arrive.
_DEMO_ON_THE_FLY = replace(_DEMO, epochs=16, learning_rate=6e-3)
_RETRAINED = ("fgsm_retrained", "pgd_retrained", "control")
_LAPTOP = Scale(upsampling=1, epochs=6, images=30_000, attack_images=_LAPTOP_IMAGES)
_COLAB = Scale(upsampling=1, epochs=15, attack_images=_COLAB_IMAGES)
_AS_PUBLISHED = Scale(upsampling=1, attack_images=_LAPTOP_IMAGES)
_PAPER = Scale(upsampling=1, attack_images={"AutoAttack": 1_000})


def _and(*roles: str) -> dict[Case, Scope]:
    """The networks of every profile, and some more."""
    return {CASE: Scope(roles=(*NETWORKS, *roles))}


PROFILES = {
    "demo": RITProfile(
        name="demo",
        cost="three minutes on two CPU cores, offline",
        datasets={CASE.dataset: "digits"},
        scales={
            CASE.model: _DEMO,
            **dict.fromkeys(_RETRAINED, _DEMO_SETS),
            **dict.fromkeys(WIDTHS, _DEMO_ON_THE_FLY),
        },
        # The networks that start anew on a static set, and those of other widths, are left out.
        cases={CASE: Scope(("undefended", *_RETRAINED, "on_the_fly"))},
        # At 0.3 a network does not learn the digits' classes in this time.
        robust_epsilon=0.2,
    ),
    "laptop": RITProfile(
        name="laptop",
        cost="an hour and a half on two CPU cores",
        datasets={CASE.dataset: CASE.dataset},
        scales={CASE.model: _LAPTOP},
        cases=_and(OF_PREDICTIONS, *_NARROWER),
        restarts=3,
    ),
    # Few networks, trained as long as in the post.
    "laptop-published": RITProfile(
        name="laptop-published",
        cost="an hour on two CPU cores",
        datasets={CASE.dataset: CASE.dataset},
        scales={CASE.model: _AS_PUBLISHED},
        cases={CASE: Scope(("undefended", "fgsm_retrained"))},
        restarts=20,
    ),
    "colab": RITProfile(
        name="colab",
        cost="planned for one session on a T4-class GPU",
        datasets={CASE.dataset: CASE.dataset},
        scales={CASE.model: _COLAB},
        cases=_and(OF_PREDICTIONS, *_NARROWER),
        restarts=5,
    ),
    "paper": RITProfile(
        name="paper",
        cost="a day on a GPU",
        datasets={CASE.dataset: CASE.dataset},
        scales={CASE.model: _PAPER},
        cases=_and(OF_PREDICTIONS, *_NARROWER, "on_the_fly_double"),
        restarts=20,
        seeds=(0, 1, 2),
    ),
}


def robust_epsilon(results: Results) -> float:
    """What the network trained on the fly was trained for."""
    return PROFILES[results.run["profile"]].robust_epsilon
