"""What the WPI study's claims and report read off results: F1 scores, distances, times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from evaluation import Outcomes
from harness.results import Results
from harness.study import Arm
from studies.wpi import arms as wpi

_DRAWS = 1000


def details(arm: Arm, outcomes: Outcomes) -> dict[str, np.ndarray]:
    """What results keep of every image of an arm.

    Predictions are at every epsilon, int [1 + E, N], the clean ones first, -1 where the logits are
    no numbers; what is wrong without attack stays so. Distances and the gap between the two highest
    probabilities, float [N], are at the largest epsilon, and so are, of the undefended network, the
    structural similarity and the picture of one image, with its probabilities, float [2, classes],
    without and under attack.
    """
    largest = int(np.argmax(outcomes.epsilons))
    kept = np.where(outcomes.clean_correct, outcomes.predictions, outcomes.clean_predictions)
    found = {
        "labels": outcomes.labels.astype(np.uint8),
        "predictions": np.vstack([outcomes.clean_predictions, kept]).astype(np.int16),
        "l2": outcomes.l2[largest].astype(np.float32),
        "linf": outcomes.linf[largest].astype(np.float32),
        "l0": outcomes.l0[largest].astype(np.float32),
        "gap": outcomes.gaps[largest].astype(np.float16),
    }
    if arm.similarity:
        found["ssim"] = outcomes.ssim[largest].astype(np.float32)
    if arm.strip_of is None:
        return found
    # The image of a strip is the last of the examples.
    return found | {
        "picture": outcomes.example_images[-1].astype(np.float32),
        "adversarial": outcomes.examples[largest, -1].astype(np.float32),
        "probabilities": outcomes.example_probabilities[[0, 1 + largest], -1],
        "label": np.array(arm.strip_of),
    }


def turned(kept: dict[str, np.ndarray]) -> np.ndarray:
    """Of the details of an arm, the images that are right and get another class at its largest
    epsilon, bool [N]: those whose distances count."""
    (clean, *_, attacked), labels = kept["predictions"], kept["labels"]
    return (clean == labels) & (attacked != labels) & (attacked >= 0)


@dataclass(frozen=True, eq=False)
class Score:
    """A number with its bootstrap over images; scores of the same images are paired.

    Attributes:
        value: as measured.
        draws: of the bootstrap, float [D].
        images: how many it stands on.
    """

    value: float
    draws: np.ndarray
    images: int

    def __sub__(self, other: "Score") -> "Score":
        return Score(
            self.value - other.value, self.draws - other.draws, min(self.images, other.images)
        )

    def __truediv__(self, other: "Score") -> "Score":
        with np.errstate(divide="ignore", invalid="ignore"):
            # Of nothing to nothing no draw says anything.
            draws = (self.draws / other.draws)[(self.draws != 0) | (other.draws != 0)]
        value = self.value / other.value if other.value else np.inf
        return Score(value, draws, min(self.images, other.images))

    @property
    def low(self) -> float:
        return self._quantile(0.025)

    @property
    def high(self) -> float:
        return self._quantile(0.975)

    def _quantile(self, share: float) -> float:
        # Between an infinite draw and another there is nothing.
        method = "linear" if np.isfinite(self.draws).all() else "nearest"
        return float(np.quantile(self.draws, share, method=method)) if len(self.draws) else np.nan

    @property
    def sign(self) -> int:
        """1 or -1 when the 95 % interval excludes zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean(scores: Iterable[Score]) -> Score:
    """Of one score or more."""
    scores = list(scores)
    return Score(
        float(np.mean([score.value for score in scores])),
        np.mean([score.draws for score in scores], axis=0),
        min(score.images for score in scores),
    )


@lru_cache(maxsize=4)
def _weights(images: int) -> np.ndarray:
    """How often each image is drawn, float32 [1 + D, N]; the first row is the data as it is."""
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(images, np.full(images, 1 / images), size=_DRAWS)
    return np.vstack([np.ones(images), drawn]).astype(np.float32)


def macro_f1(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """Of predictions, int [seeds, N], the mean over seeds; see `evaluation.macro_f1`."""
    weights = _weights(len(labels))
    classes = np.arange(max(labels.max(), predictions.max()) + 1)
    labelled = labels[:, None] == classes
    scores = []
    for of_seed in predictions:
        predicted = of_seed[:, None] == classes
        correct = weights @ (labelled & predicted).astype(np.float32)
        counted = weights @ (labelled.astype(np.float32) + predicted)
        with np.errstate(invalid="ignore"):
            scores.append(np.nanmean(2 * correct / counted, axis=1))
    found = np.mean(scores, axis=0, dtype=np.float64)
    return Score(float(found[0]), found[1:], len(labels))


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """Of predictions, int [seeds, N]."""
    return average((predictions == labels).mean(axis=0))


def average(per_image: np.ndarray) -> Score:
    """The mean of float [N]."""
    found = _weights(len(per_image)) @ per_image.astype(np.float64) / len(per_image)
    return Score(float(found[0]), found[1:], len(per_image))


def arms_of(
    results: Results,
    case: str,
    protocol: str,
    defense: str,
    attack: str,
    variant: str = "main",
) -> list[str]:
    """The arms, one per seed; `defense` as the report calls it, or as arms do."""
    table = results.table
    rows = table[
        (table["case"] == case)
        & (table["protocol"] == protocol)
        & (table["variant"] == variant)
        & (table["defense"] == wpi.DEFENSES.get(defense, defense))
        & (table["attack"] == attack)
    ]
    return list(dict.fromkeys(rows.sort_values("seed", kind="stable")["arm"]))


def adaptive(results: Results, case: str, protocol: str, defense: str, attack: str, **of):
    """(labels [N], predictions [seeds, N]) at the budget; `None` if it was not run."""
    dataset = case.split("/")[1]
    epsilon = wpi.judged_at(protocol, dataset, attack)
    return _at(results, arms_of(results, case, protocol, defense, attack, **of), epsilon)


def furthest_f1(results: Results, case: str, protocol: str, attack: str) -> Score | None:
    """Macro F1 of the undefended network at the largest distance that the attack was run at.

    There attacks are compared with each other: their budgets are of different norms.
    """
    epsilon = wpi.epsilons(protocol, case.split("/")[1], attack)[-1]
    found = _at(results, arms_of(results, case, protocol, wpi.NONE, attack), epsilon)
    return None if found is None else macro_f1(*found)


def transferred(results: Results, case: str, protocol: str, defense: str, attack: str):
    """The same, under an attack that was crafted on the undefended network."""
    epsilon = wpi.judged_at(protocol, case.split("/")[1], attack)
    name = wpi.TRANSFERRED.format(attack)
    return _at(results, arms_of(results, case, protocol, defense, name), epsilon)


def _at(results: Results, arms: list[str], epsilon: float):
    if not arms:
        return None
    table, found = results.table, []
    for arm in arms:
        epsilons = table[table["arm"] == arm]["epsilon"].to_numpy()
        # Written with six digits.
        (index,) = np.flatnonzero(np.isclose(epsilons, epsilon, rtol=1e-4, atol=0))
        found.append(results.details[arm]["predictions"][index])
    return results.details[arms[0]]["labels"], np.stack(found)


def judged(results: Results, case: str, protocol: str, defense: str, attack: str):
    """What a protocol compares: of two ways to attack, for every image the one that succeeds."""
    direct = adaptive(results, case, protocol, defense, attack)
    other = transferred(results, case, protocol, defense, attack)
    if direct is None or other is None:
        return direct or other
    labels, predictions = direct
    return labels, np.where(predictions == labels, other[1], predictions)


@lru_cache(maxsize=512)  # several claims ask for the same
def attacked_f1(results: Results, case: str, protocol: str, defense: str, attack: str):
    """Macro F1 of what is compared, a `Score`, or `None`."""
    found = judged(results, case, protocol, defense, attack)
    return None if found is None else macro_f1(*found)


def clean(results: Results, case: str, protocol: str, defense: str, variant: str = "main"):
    """(labels [N], predictions [seeds, N]) without attack; `None` if it was not run."""
    for attack in wpi.ATTACKS:
        for name in (attack, wpi.TRANSFERRED.format(attack)):
            found = _at(results, arms_of(results, case, protocol, defense, name, variant), 0.0)
            if found is not None:
                return found
    return None


def clean_f1(results: Results, case: str, protocol: str, defense: str, variant: str = "main"):
    found = clean(results, case, protocol, defense, variant)
    return None if found is None else macro_f1(*found)


def attacked(
    results: Results, case: str, protocol: str, defense: str, attacks: Sequence[str] = wpi.ATTACKS
) -> dict[str, Score] | None:
    """Macro F1 by attack; `None` unless all of them were run."""
    scores = {name: attacked_f1(results, case, protocol, defense, name) for name in attacks}
    return None if None in scores.values() else scores


def mean_f1(
    results: Results, case: str, protocol: str, defense: str, attacks: Sequence[str] = wpi.ATTACKS
) -> Score | None:
    """The mean over attacks; `None` unless all of them were run."""
    scores = attacked(results, case, protocol, defense, attacks)
    return None if scores is None else mean(scores.values())


def inference_seconds(results: Results, case: str, protocol: str, defense: str) -> float:
    """Per image, the median over every arm of the defended network; NaN if there is none."""
    table = results.table
    rows = table[
        (table["case"] == case)
        & (table["protocol"] == protocol)
        & (table["variant"] == "main")
        & (table["defense"] == wpi.DEFENSES[defense])
        & (table["epsilon"] > 0)
    ].drop_duplicates("arm")
    return float((rows["inference_seconds"] / rows["images"]).median())


def crafting_seconds(
    results: Results, case: str, protocol: str, defense: str, attack: str
) -> float:
    """Per image and epsilon, the median over seeds; NaN if it was not run.

    The faithful blur's attacks are crafted on the plain network.
    """
    name = attack
    if protocol == "faithful" and defense == wpi.SMOOTHED:
        name = wpi.TRANSFERRED.format(attack)
    table = results.table
    arms = arms_of(results, case, protocol, defense, name)
    rows = table[table["arm"].isin(arms) & (table["epsilon"] > 0)]
    # A minimum-norm attack runs once for all epsilons.
    swept = rows.groupby("arm")["epsilon"].transform("size")
    runs = swept if attack in (wpi.IFGSM, wpi.UNSEEN) else 1
    return float((rows["crafting_seconds"] / runs).groupby(rows["arm"]).first().median())
