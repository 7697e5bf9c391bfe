"""What the blur and the attacks in training are worth: a table and three sentences."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluation import Estimate
from harness.arms import Case, Protocol
from harness.results import Results, where_run
from harness.study import Takeaways
from reports.takeaways import images_of, percent, says
from studies.wpi.attacks import CW, DEEPFOOL, EVERY_ATTACK, UNSEEN
from studies.wpi.defenses import ADVERSARIAL, DEFENSES, NONE, SMOOTHED, Defense
from studies.wpi.profiles import CASES
from studies.wpi.scores import Place, Predictions

#: Two of the attacks that adversarial training has seen.
_SEARCHES = (DEEPFOOL, CW)
_PLAIN, _THROUGH = "made on the plain network", "made against the defense"


class Left(NamedTuple):
    """A defense at the budgets of the attacks, bool [seeds, images] each.

    Attributes:
        clean: which images are right without attack.
        plain: which are under every attack made on the plain network.
        through: which are under every attack made against the defended one, which is the same
            where there is no defense.
    """

    clean: np.ndarray
    plain: np.ndarray
    through: np.ndarray

    @property
    def worst(self) -> np.ndarray:
        return self.through & self.plain


def takeaways(results: Results) -> Takeaways | None:
    """Of the first data set on which every attack was run; `None` where there is none."""
    return next(where_run(partial(_of_data, results), CASES), None)


def _of_data(results: Results, case: Case) -> Takeaways:
    place = Place(results, case, Protocol.CORRECTED)
    left = place.by_key(partial(_left, place), DEFENSES)
    blur, plain = _left(place, SMOOTHED), _left(place, NONE)
    seen = _every(partial(place.compared, ADVERSARIAL), _SEARCHES)
    unseen = place.compared(ADVERSARIAL, UNSEEN).correct
    title = f"Accuracy in percent under the worst of {len(EVERY_ATTACK)} attacks: {place.data}"
    return Takeaways(
        f"{title}, {images_of(plain.clean)}",
        _table(left),
        [*_blurred(blur, plain), _trained(seen, unseen)],
    )


def _left(place: Place, defense: Defense) -> Left:
    through = _every(partial(place.direct, defense), EVERY_ATTACK)
    plain = through
    if defense != NONE:
        plain = _every(partial(place.transferred, defense), EVERY_ATTACK)
    return Left(place.clean(defense).correct, plain, through)


def _every(under: Callable[[str], Predictions], attacks: Sequence[str]) -> np.ndarray:
    return np.logical_and.reduce([under(attack).correct for attack in attacks])


def _table(left: dict[Defense, Left]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "defense": str(defense),
                "clean": percent(each.clean),
                _PLAIN: percent(each.plain),
                _THROUGH: percent(each.through),
                "the worse for every image": percent(each.worst),
            }
            for defense, each in left.items()
        ]
    )


def _blurred(blur: Left, plain: Left) -> list[str]:
    looks = Estimate.paired(blur.plain, plain.through)
    opened = Estimate.paired(blur.plain, blur.through)
    return [
        f"Attacks that are made on the plain network leave {percent(plain.through)} % of its "
        f"images right, and {percent(blur.plain)} % where the images are blurred before they are "
        f"classified: the blur {says(looks, 'looks like a defense', 'looks like no defense')}.",
        f"Made through the blur they leave {percent(blur.through)} %: "
        f"{says(opened, 'the attacks had not been told of the blur', 'the blur is as it looks')} "
        f"({opened.points()} points). Without attack the blur leaves {percent(blur.clean)} % "
        f"right, the plain network {percent(plain.clean)} %.",
    ]


def _trained(seen: np.ndarray, unseen: np.ndarray) -> str:
    more = Estimate.paired(seen, unseen)
    withstands = says(
        more, "it withstands these better than the new one", "the new attack breaks it no further"
    )
    return (
        f"Adversarial training keeps {percent(seen)} % under {' and '.join(_SEARCHES)}, two "
        f"of the four attacks it is trained on, and {percent(unseen)} % under {UNSEEN}, which it "
        f"has not seen: {withstands} ({more.points()} points)."
    )
