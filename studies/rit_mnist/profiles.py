"""The sizes at which the RIT study is run."""

from harness.study import Profile, Scale, Scope
from studies.rit_mnist.arms import CASE, NETWORKS

_ALL = {CASE: Scope(roles=tuple(NETWORKS))}

PROFILES = {
    "demo": Profile(
        name="demo",
        cost="minutes on two CPU cores, offline",
        datasets={CASE.dataset: "digits"},
        scales={
            CASE.model: Scale(
                upsampling=1,
                width=1 / 2,
                epochs=12,
                batch_size=16,
                attack_images={"faithful": 100, "corrected": 50, "AutoAttack": 10},
            )
        },
        cases=_ALL,
        restarts=2,
    ),
    "laptop": Profile(
        name="laptop",
        cost="half an hour on two CPU cores",
        datasets={CASE.dataset: CASE.dataset},
        scales={
            CASE.model: Scale(
                upsampling=1,
                epochs=6,
                images=30_000,
                attack_images={"faithful": 1_000, "corrected": 500, "AutoAttack": 200},
            )
        },
        cases=_ALL,
        restarts=3,
    ),
    "paper": Profile(
        name="paper",
        cost="a day on a GPU",
        datasets={CASE.dataset: CASE.dataset},
        scales={CASE.model: Scale(upsampling=1, attack_images={"AutoAttack": 1_000})},
        cases=_ALL,
        restarts=20,
        seeds=(0, 1, 2),
    ),
}
