"""The attacks that a robustness evaluation runs, and on how much."""

from dataclasses import dataclass
from typing import Any

from attacks import APGD, FGSM, PGD, Attack, AutoAttack, DeepFool, Square
from attacks.engine.norms import check_epsilon, check_norm, diameter

#: The budget that papers on small images report, by norm.
CUSTOMARY = {"linf": 8 / 255, "l2": 0.5}
#: Where curves are measured, in budgets.
MULTIPLES = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 3 / 2, 2)
#: How many images the attacks have that are there for the flags alone, and Square's queries.
CHECKED_IMAGES, CHECKED_QUERIES = 100, 300


@dataclass(frozen=True)
class Planned:
    """An attack that is to be run.

    Attributes:
        name: unlike that of any other.
        epsilons: float [E]; infinity in a search for the smallest distance.
        images: how many are attacked, from the front.
        is_check: run for the sake of the flags.
    """

    name: str
    attack: Attack
    epsilons: tuple[float, ...]
    images: int
    is_check: bool = False


def battery(
    epsilon: float,
    norm: str,
    image_shape: tuple[int, ...],
    *,
    images: int,
    autoattack_images: int,
    autoattack_version: str = "standard",
    seed: int,
    batch_size: int,
) -> list[Planned]:
    """What is run, the cheapest first.

    Curves over epsilons of FGSM, PGD, APGD on two losses and DeepFool's search, AutoAttack within
    `epsilon`; then a black box within `epsilon` and PGD without a bound, on a few images, for the
    flags that compare.

    Args:
        epsilon: the budget, a distance in [0, 1] pixels.
        norm: "linf" or "l2".
        autoattack_images: 0 leaves AutoAttack out.
        autoattack_version: see `attacks.AutoAttack`.

    Raises:
        ValueError: the norm, the epsilon or the version; see `attacks.engine.norms`.
    """
    check_norm(norm, tuple(CUSTOMARY))
    most = diameter(norm, image_shape)
    if check_epsilon(epsilon, norm, image_shape) == 0:
        raise ValueError(f"epsilon is 0; accepted: above 0, up to {most:g} (8/255, say)")
    grid = tuple(epsilon * each for each in MULTIPLES if epsilon * each <= most)
    all_distances = (*grid, float("inf"))
    steps: dict[str, Any] = {"norm": norm, "batch_size": batch_size}
    drawn = steps | {"seed": seed}
    apgd = drawn | {"stop_at_success": True}
    few, unbounded = min(images, CHECKED_IMAGES), 0.5 if norm == "linf" else most
    autoattack = AutoAttack(version=autoattack_version, **drawn)
    is_standard = autoattack_version == "standard"
    called = "AutoAttack" if is_standard else f"AutoAttack {autoattack_version}"
    square = Square(queries=CHECKED_QUERIES, **drawn)
    planned = [
        Planned("FGSM", FGSM(**steps), grid, images),
        Planned("PGD", PGD(**drawn), grid, images),
        Planned("APGD-CE", APGD(**apgd), grid, images),
        Planned("APGD-margin", APGD(loss="margin", **apgd), grid, images),
        Planned("DeepFool", DeepFool(**steps), all_distances, images),
        Planned(called, autoattack, (epsilon,), min(images, autoattack_images)),
        Planned("Square", square, (epsilon,), few, is_check=True),
        Planned("PGD without a bound", PGD(**drawn), (unbounded,), few, is_check=True),
    ]
    return [each for each in planned if each.images]
