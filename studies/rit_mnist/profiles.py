"""The sizes at which the RIT study is run."""

from harness.arms import Case
from harness.study import Profile, Scale, Scope
from studies.rit_mnist.arms import CASE, NETWORKS, OF_PREDICTIONS

_NARROWER = ("on_the_fly_eighth", "on_the_fly_quarter", "on_the_fly_half")
_DEMO_IMAGES = {"faithful": 100, "corrected": 50, "AutoAttack": 10}
_LAPTOP_IMAGES = {"faithful": 1_000, "corrected": 500, "AutoAttack": 200}
_DEMO = Scale(upsampling=1, width=1 / 2, epochs=12, batch_size=16, attack_images=_DEMO_IMAGES)
_LAPTOP = Scale(upsampling=1, epochs=6, images=30_000, attack_images=_LAPTOP_IMAGES)
_PAPER = Scale(upsampling=1, attack_images={"AutoAttack": 1_000})


def _and(*roles: str) -> dict[Case, Scope]:
    """The networks of every profile, and some more."""
    return {CASE: Scope(roles=(*NETWORKS, *roles))}


PROFILES = {
    "demo": Profile(
        name="demo",
        cost="minutes on two CPU cores, offline",
        datasets={CASE.dataset: "digits"},
        scales={CASE.model: _DEMO},
        cases=_and("on_the_fly_quarter"),
        restarts=2,
    ),
    "laptop": Profile(
        name="laptop",
        cost="an hour and a half on two CPU cores",
        datasets={CASE.dataset: CASE.dataset},
        scales={CASE.model: _LAPTOP},
        cases=_and(OF_PREDICTIONS, *_NARROWER),
        restarts=3,
    ),
    "paper": Profile(
        name="paper",
        cost="a day on a GPU",
        datasets={CASE.dataset: CASE.dataset},
        scales={CASE.model: _PAPER},
        cases=_and(OF_PREDICTIONS, *_NARROWER, "on_the_fly_double"),
        restarts=20,
        seeds=(0, 1, 2),
    ),
}
