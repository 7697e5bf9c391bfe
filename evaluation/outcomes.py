"""What happened to each image under an attack, and the table that sums it up."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attacks import EnsembleLog
from evaluation.f1 import macro_f1
from evaluation.statistics import wilson
from files.npz_files import read_arrays


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What happened to each of N images at each of E epsilons.

    Attributes:
        epsilons: float [E], distances in [0, 1] pixels.
        labels: int [N], true classes.
        clean_predictions: int [N]; -1 where a logit is not finite, as in all predictions.
        predictions: int [E, N], of the adversarial images.
        rounded_predictions: int [E, N], of the adversarial images rounded to 8 bits and
            clipped to [0, 1], as they would be stored in a picture.
        rounds_away: bool [E, N], adversarial images that are the clean image after rounding.
        linf, l2: float [E, N], distances from the clean images.
        gradient_evaluations: int [E, N].
        zero_gradient, gradient_not_finite, gradient_unresolved: bool [N], and gradient_l1,
            gradient_l2: float [N], of the gradient of the loss that the attack climbs, in the
            model that it sees; see `probes.Gradients`. `None` where it climbs no loss.
        gradient_unstable: bool [n], of the first n images; see `probes.unstable_gradients`.
        quantised: bool [n], of the first n images; see `probes.quantised_inputs`.
        silent, not_rising, still_rising: bool [n], of the first n images at the largest epsilon;
            see `probes.Steps`. `None` where the attack takes no steps that can be followed.
        linf_to_previous: float [E, N], L-inf distances of the adversarial images from those at the
            epsilon before; at the first from the clean images.
        out_of_range: bool [E, N], adversarial images that leave [0, 1].
        predicted_labels: the attack moved away from the predictions of the model that it sees.
        seconds: of the whole sweep.
        examples: float32 [E, n, ...], adversarial images of a few images.
        example_rows: int [n], which of the N images these are.
        example_images: float32 [n, ...], these images.
        example_probabilities: float32 [1 + E, n, classes], of these images, without attack first.
        targets: int [N], the classes of a targeted attack; `None` for an untargeted one.
        label_ranks, clean_label_ranks: int [E, N] and [N], how many other classes have at least the
            logit of the true class; see `top_k.label_ranks`.
        inference_seconds: of classifying the clean images once, already compiled.
        crafting_seconds: of the sweep for one image, without the first batch, which compiles, if
            there are more.
        gaps: float [E, N], between the two highest probabilities of the adversarial images.
        l0: float [E, N], values that differ from the clean image's.
        random: bool [N], clean images whose prediction differs between two passes.
        spread: the largest difference of a logit between these passes; 0 if rounding explains it.
        ssim: float [E, N], structural similarity to the clean images, see
            `similarity.structural_similarity`; `None` where it was not asked for.
        ensemble: str [A], the names of the attacks that an ensemble ran; `None` for other attacks.
        broken_by, ensemble_seconds: str [E, N] and float [E, A], see `attacks.EnsembleLog`.
        others_share: of the machine's processors, what other programs took meanwhile, see `busy`;
            NaN where that is not known.
    """

    epsilons: np.ndarray
    labels: np.ndarray
    clean_predictions: np.ndarray
    predictions: np.ndarray
    rounded_predictions: np.ndarray
    rounds_away: np.ndarray
    linf: np.ndarray
    l2: np.ndarray
    gradient_evaluations: np.ndarray
    random: np.ndarray
    spread: float
    out_of_range: np.ndarray
    predicted_labels: bool
    seconds: float
    examples: np.ndarray
    example_rows: np.ndarray
    example_images: np.ndarray
    example_probabilities: np.ndarray
    label_ranks: np.ndarray
    clean_label_ranks: np.ndarray
    inference_seconds: float
    crafting_seconds: float
    gaps: np.ndarray
    l0: np.ndarray
    linf_to_previous: np.ndarray
    quantised: np.ndarray
    zero_gradient: np.ndarray | None = None
    gradient_not_finite: np.ndarray | None = None
    gradient_unresolved: np.ndarray | None = None
    gradient_l1: np.ndarray | None = None
    gradient_l2: np.ndarray | None = None
    gradient_unstable: np.ndarray | None = None
    silent: np.ndarray | None = None
    not_rising: np.ndarray | None = None
    still_rising: np.ndarray | None = None
    targets: np.ndarray | None = None
    ssim: np.ndarray | None = None
    ensemble: np.ndarray | None = None
    broken_by: np.ndarray | None = None
    ensemble_seconds: np.ndarray | None = None
    others_share: float = np.nan

    @classmethod
    def joined(cls, parts: Sequence["Outcomes"]) -> "Outcomes":
        """The outcomes of all images from those of some after another, at the same epsilons."""
        if len(parts) == 1:
            return parts[0]
        fields = dict(vars(parts[0]))
        for name, axis in _AXES.items():
            if fields[name] is not None:
                fields[name] = np.concatenate([getattr(part, name) for part in parts], axis)
        for name in ("seconds", "inference_seconds", "ensemble_seconds"):
            if fields[name] is not None:
                fields[name] = sum(getattr(part, name) for part in parts)
        for name in ("spread", "others_share"):  # unknown where that of one part is
            fields[name] = float(np.max([getattr(part, name) for part in parts]))
        # The first part compiles.
        seconds, images = zip(*((part.crafting_seconds, len(part.labels)) for part in parts[1:]))
        fields["crafting_seconds"] = float(np.average(seconds, weights=images))
        return cls(**fields)

    @property
    def correct(self) -> np.ndarray:
        """bool [E, N]: whether the adversarial image gets its true class.

        Under an attack on true labels an image that is wrong without attack stays wrong.
        """
        return self._correct(self.predictions)

    @property
    def clean_correct(self) -> np.ndarray:
        """bool [N]."""
        return self.clean_predictions == self.labels

    @property
    def fooled(self) -> np.ndarray:
        """bool [E, N]: images that were right and that the attack turned (to its target).

        Where a logit is not finite, the image is not right any more, but not fooled either.
        """
        if self.targets is None:
            turned = (self.predictions != self.labels) & (self.predictions >= 0)
        else:
            turned = self.predictions == self.targets
        return turned & self.clean_correct

    @property
    def logs(self) -> list[EnsembleLog]:
        """What the attacks of an ensemble did at each epsilon; empty for other attacks."""
        if self.ensemble is None or self.broken_by is None or self.ensemble_seconds is None:
            return []
        return [
            EnsembleLog(tuple(self.ensemble.tolist()), *each, targeted=self.targets is not None)
            for each in zip(self.broken_by, self.ensemble_seconds, strict=True)
        ]

    def top_k_correct(self, k: int) -> np.ndarray:
        """bool [E, N]: whether the true class of the adversarial image is among the `k` first.

        As with `correct`, under an attack on true labels an image that is wrong without attack
        stays wrong. Unlike there, a tie is an error: for `k` = 1 the two differ where logits tie.
        """
        correct = _among_first(self.label_ranks, k)
        return correct if self.predicted_labels else correct & self.clean_top_k_correct(k)

    def clean_top_k_correct(self, k: int) -> np.ndarray:
        """bool [N]."""
        return _among_first(self.clean_label_ranks, k)

    def table(self) -> pd.DataFrame:
        """One row per epsilon, the clean images (epsilon 0) first; accuracies are fractions."""
        clean = self._row(0.0, self.clean_correct) | self._scores(None)
        rows = [clean | {"not_finite": np.mean(self.clean_predictions < 0)} | self._model_columns()]
        for index, epsilon in enumerate(self.epsilons):
            rows.append(
                self._row(float(epsilon), self.correct[index])
                | self._scores(index)
                | {
                    "rounded_accuracy": self._correct(self.rounded_predictions[index]).mean(),
                    # An image that the attack left alone is not undone.
                    "rounds_away": np.mean(self.rounds_away[index] & (self.linf[index] > 0)),
                    "mean_linf": self.linf[index].mean(),
                    "mean_l2": self.l2[index].mean(),
                    "max_linf_to_previous": self.linf_to_previous[index].max(),
                    "not_finite": np.mean(self.predictions[index] < 0),
                    "gradient_evaluations": self.gradient_evaluations[index].mean(),
                    "out_of_range": np.mean(self.out_of_range[index]),
                    "seconds": self.seconds,
                    "inference_seconds": self.inference_seconds,
                    "crafting_seconds": self.crafting_seconds,
                    "others_share": self.others_share,
                }
                | self._model_columns()
                | self._distances_of_fooled(index)
                | self._target_rate(index)
            )
        return pd.DataFrame(rows)

    def _model_columns(self) -> dict[str, Any]:
        """What was seen of the model on the clean images: shares of them, and means over them."""
        return {
            **{name: _mean(getattr(self, name)) for name in _PROBED},
            "random": np.mean(self.random),
            "spread": self.spread,
            "classes": self.example_probabilities.shape[-1],
        }

    def _distances_of_fooled(self, index: int) -> dict[str, Any]:
        """How far the images moved that the attack turned; others say nothing of its strength."""
        fooled = self.fooled[index]
        linf, l2, l0 = (each[index, fooled] for each in (self.linf, self.l2, self.l0))
        some, values = bool(len(l2)), math.prod(self.example_images.shape[1:])
        return {
            "fooled": len(l2),
            "fooled_mean_linf": linf.mean() if some else np.nan,
            "fooled_mean_l2": l2.mean() if some else np.nan,
            "fooled_median_l2": np.median(l2) if some else np.nan,
            "fooled_mean_l0": l0.mean() if some else np.nan,
            "fooled_mean_l0_share": l0.mean() / values if some else np.nan,
        }

    def _scores(self, index: int | None) -> dict[str, Any]:
        """Macro F1 and top-5 accuracy; what counts as wrong without attack stays so."""
        clean = self.clean_predictions
        if index is None:
            predictions = clean
        elif self.predicted_labels:
            predictions = self.predictions[index]
        else:
            predictions = np.where(self.clean_correct, self.predictions[index], clean)
        classes = int(max(self.labels.max(), predictions.max())) + 1
        among = self.clean_top_k_correct(5) if index is None else self.top_k_correct(5)[index]
        return {
            "macro_f1": macro_f1(self.labels, predictions, classes),
            "top_5_accuracy": float(among.mean()),
        }

    def _target_rate(self, index: int) -> dict[str, Any]:
        if self.targets is None:
            return {}
        return {"target_rate": np.mean(self.predictions[index] == self.targets)}

    def _correct(self, predictions: np.ndarray) -> np.ndarray:
        correct = predictions == self.labels
        return correct if self.predicted_labels else correct & self.clean_correct

    @staticmethod
    def _row(epsilon: float, correct: np.ndarray) -> dict[str, Any]:
        low, high = wilson(correct.sum(), len(correct))
        return {
            "epsilon": epsilon,
            "images": len(correct),
            "correct": int(correct.sum()),
            "accuracy": float(correct.mean()),
            "ci_low": low,
            "ci_high": high,
        }

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """By name, what `from_arrays` makes the same outcomes of."""
        return {name: np.asarray(each) for name, each in vars(self).items() if each is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Outcomes":
        fields: dict[str, Any] = dict(arrays)
        for name in ("seconds", "inference_seconds", "crafting_seconds", "spread"):
            fields[name] = float(fields[name])
        fields["others_share"] = float(fields.get("others_share", np.nan))
        fields["predicted_labels"] = bool(fields["predicted_labels"])
        return cls(**fields)

    def save(self, path: Path) -> None:
        with open(path, "wb") as file:  # given a path, NumPy may append to its name
            np.savez_compressed(file, **self.arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Outcomes":
        """Reads what `save` wrote.

        Raises:
            OSError: the file is not there.
            ValueError: it is damaged, larger than the memory at hand, or no such file.
        """
        arrays, _ = read_arrays(path)
        try:
            outcomes = cls.from_arrays(arrays)
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no outcomes of an attack: {error}") from error
        shape = len(outcomes.epsilons), len(outcomes.labels)
        for name, axis in _AXES.items():
            array = getattr(outcomes, name)
            if array is not None and array.shape[: axis + 1] != shape[1 - axis :]:
                raise ValueError(
                    f"{path}: {name} has shape {array.shape} with {shape[0]} epsilons and "
                    f"{shape[1]} images; accepted: what `run` wrote"
                )
        return outcomes


#: What was seen of the model and of the steps, of which the table has the means.
_PROBED = (
    "zero_gradient",
    "gradient_not_finite",
    "gradient_unresolved",
    "gradient_l1",
    "gradient_l2",
    "gradient_unstable",
    "quantised",
    "silent",
    "not_rising",
    "still_rising",
)
#: Along which axis the images of each array are. What is of a few images is that of the first part.
_AXES = {
    **dict.fromkeys(("labels", "clean_predictions", "random", "targets"), 0),
    **dict.fromkeys(("zero_gradient", "gradient_not_finite", "gradient_unresolved"), 0),
    **dict.fromkeys(("gradient_l1", "gradient_l2"), 0),
    "clean_label_ranks": 0,
    **dict.fromkeys(("predictions", "rounded_predictions", "rounds_away", "linf", "l2"), 1),
    **dict.fromkeys(("gradient_evaluations", "out_of_range", "label_ranks"), 1),
    "linf_to_previous": 1,
    **dict.fromkeys(("gaps", "l0", "ssim", "broken_by"), 1),
}


def _among_first(ranks: np.ndarray, k: int) -> np.ndarray:
    if k < 1:
        raise ValueError(f"k is {k}; accepted: 1 or more")
    return ranks < k


def _mean(values: np.ndarray | None) -> float:
    return float("nan") if values is None else float(np.mean(values))
