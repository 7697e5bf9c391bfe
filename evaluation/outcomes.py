"""Runs an attack over epsilons on one fixed set of images and keeps every image's outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import tensorflow as tf

from attacks import Targeted
from attacks.engine.classifier import spread_of
from attacks.engine.geometry import flat
from attacks.engine.gradients import raw_loss_gradient
from attacks.engine.losses import BY_NAME as LOSSES
from attacks.engine.task import Task
from attacks.goals import Goal, as_goal, predicted
from attacks.readings import as_reading
from evaluation.f1 import macro_f1
from evaluation.similarity import structural_similarity
from evaluation.statistics import wilson
from evaluation.top_k import label_ranks


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
        zero_gradient: bool [N], images where the gradient of the loss that the attack climbs is
            exactly zero everywhere, in the model that it sees; `None` where it climbs no loss.
        gradient_not_finite: bool [N], images where some of that gradient is not finite.
        out_of_range: bool [E, N], adversarial images that leave [0, 1].
        own_labels: the attack moved away from the predictions of the model that it sees.
        seconds: of the whole sweep.
        examples: float32 [E, n, ...], adversarial images of a few images.
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
        spread: the largest difference of a logit between these passes; 0 if it is of rounding.
        ssim: float [E, N], structural similarity to the clean images, see
            `similarity.structural_similarity`; `None` where it was not asked for.
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
    own_labels: bool
    seconds: float
    examples: np.ndarray
    example_images: np.ndarray
    example_probabilities: np.ndarray
    label_ranks: np.ndarray
    clean_label_ranks: np.ndarray
    inference_seconds: float
    crafting_seconds: float
    gaps: np.ndarray
    l0: np.ndarray
    zero_gradient: np.ndarray | None = None
    gradient_not_finite: np.ndarray | None = None
    targets: np.ndarray | None = None
    ssim: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: Sequence["Outcomes"]) -> "Outcomes":
        """The outcomes of all images from those of some after another, at the same epsilons."""
        if len(parts) == 1:
            return parts[0]
        fields = dict(vars(parts[0]))
        for name, axis in _AXES.items():
            if fields[name] is not None:
                fields[name] = np.concatenate([getattr(part, name) for part in parts], axis)
        for name in ("seconds", "inference_seconds"):
            fields[name] = sum(getattr(part, name) for part in parts)
        fields["spread"] = max(part.spread for part in parts)
        fields["crafting_seconds"] = float(np.mean([part.crafting_seconds for part in parts]))
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

    def top_k_correct(self, k: int) -> np.ndarray:
        """bool [E, N]: whether the true class of the adversarial image is among the `k` first.

        As with `correct`, under an attack on true labels an image that is wrong without attack
        stays wrong. Unlike there, a tie is an error: for `k` = 1 the two differ where logits tie.
        """
        correct = _among_first(self.label_ranks, k)
        return correct if self.own_labels else correct & self.clean_top_k_correct(k)

    def clean_top_k_correct(self, k: int) -> np.ndarray:
        """bool [N]."""
        return _among_first(self.clean_label_ranks, k)

    def table(self) -> pd.DataFrame:
        """One row per epsilon, the clean images (epsilon 0) first; accuracies are fractions."""
        clean = self._row(0.0, self.clean_correct) | self._scores(None)
        rows = [clean | {"not_finite": np.mean(self.clean_predictions < 0)} | self._of_model()]
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
                    "not_finite": np.mean(self.predictions[index] < 0),
                    "gradient_evaluations": self.gradient_evaluations[index].mean(),
                    "out_of_range": np.mean(self.out_of_range[index]),
                    "seconds": self.seconds,
                    "inference_seconds": self.inference_seconds,
                    "crafting_seconds": self.crafting_seconds,
                }
                | self._of_model()
                | self._distances_of_fooled(index)
                | self._target_rate(index)
            )
        return pd.DataFrame(rows)

    def _of_model(self) -> dict:
        """What was seen of the model on the clean images, as shares of them."""
        return {
            "zero_gradient": _share(self.zero_gradient),
            "gradient_not_finite": _share(self.gradient_not_finite),
            "random": np.mean(self.random),
            "spread": self.spread,
        }

    def _distances_of_fooled(self, index: int) -> dict:
        """How far the images moved that the attack turned; others say nothing of its strength."""
        fooled = self.fooled[index]
        linf, l2 = self.linf[index, fooled], self.l2[index, fooled]
        some = bool(len(l2))
        return {
            "fooled": len(l2),
            "fooled_mean_linf": linf.mean() if some else np.nan,
            "fooled_mean_l2": l2.mean() if some else np.nan,
            "fooled_median_l2": np.median(l2) if some else np.nan,
        }

    def _scores(self, index: int | None) -> dict:
        """Macro F1 and top-5 accuracy; what counts as wrong without attack stays so."""
        clean = self.clean_predictions
        if index is None:
            predictions = clean
        elif self.own_labels:
            predictions = self.predictions[index]
        else:
            predictions = np.where(self.clean_correct, self.predictions[index], clean)
        classes = int(max(self.labels.max(), predictions.max())) + 1
        among = self.clean_top_k_correct(5) if index is None else self.top_k_correct(5)[index]
        return {
            "macro_f1": macro_f1(self.labels, predictions, classes),
            "top_5_accuracy": float(among.mean()),
        }

    def _target_rate(self, index: int) -> dict:
        if self.targets is None:
            return {}
        return {"target_rate": np.mean(self.predictions[index] == self.targets)}

    def _correct(self, predictions: np.ndarray) -> np.ndarray:
        correct = predictions == self.labels
        return correct if self.own_labels else correct & self.clean_correct

    @staticmethod
    def _row(epsilon: float, correct: np.ndarray) -> dict:
        low, high = wilson(correct.sum(), len(correct))
        return {
            "epsilon": epsilon,
            "images": len(correct),
            "correct": int(correct.sum()),
            "accuracy": float(correct.mean()),
            "ci_low": low,
            "ci_high": high,
        }

    def save(self, path: Path) -> None:
        with open(path, "wb") as file:  # given a path, NumPy may append to its name
            fields = {name: value for name, value in vars(self).items() if value is not None}
            np.savez_compressed(file, **fields)

    @classmethod
    def load(cls, path: Path) -> "Outcomes":
        with np.load(path, allow_pickle=False) as stored:
            fields = {name: stored[name] for name in stored.files}
        scalars = {
            "own_labels": bool,
            **dict.fromkeys(("seconds", "inference_seconds", "crafting_seconds", "spread"), float),
        }
        return cls(**{name: scalars.get(name, np.asarray)(value) for name, value in fields.items()})


#: Along which axis the images of each array are.
_AXES = {
    **dict.fromkeys(("labels", "clean_predictions", "random", "targets"), 0),
    **dict.fromkeys(("zero_gradient", "gradient_not_finite"), 0),
    **dict.fromkeys(("clean_label_ranks", "example_images"), 0),
    **dict.fromkeys(("predictions", "rounded_predictions", "rounds_away", "linf", "l2"), 1),
    **dict.fromkeys(("gradient_evaluations", "out_of_range", "label_ranks"), 1),
    **dict.fromkeys(("examples", "example_probabilities", "gaps", "l0", "ssim"), 1),
}
#: The adversarial images of all epsilons that are in memory at once, and as many again.
_PART_BYTES = 2**29


def evaluate(
    model,
    images: np.ndarray,
    labels: np.ndarray,
    attack,
    epsilons: Sequence[float],
    *,
    own_labels: bool = False,
    targets: np.ndarray | None = None,
    surrogate=None,
    examples: int | Sequence[int] = 8,
    similarity: bool = False,
    progress=None,
    jit_compile: bool = False,
) -> Outcomes:
    """Attacks `images` at every epsilon and classifies what comes out.

    Many large images are done some after another, in whole batches, which changes no outcome.

    Args:
        model: what an attack takes: a Keras model or callable that gives logits, or either in
            `attacks.as_logits` or `attacks.as_probabilities`.
        images: float32 [N, ...] in [0, 1].
        labels: int [N] or [N, 1], true classes, against which accuracy is counted in any case.
        attack: `attacks.FGSM`, `attacks.PGD`, ... Of a minimum-norm attack, whose one run
            serves all epsilons, a perturbation counts where it is within epsilon.
        epsilons: distances in [0, 1] pixels; for a minimum-norm attack infinity as well.
        own_labels: the attack moves away from the predictions of the model that it sees instead
            of `labels`.
        targets: int [N], classes that a targeted attack is to reach, none of them the label.
        surrogate: the model that the attack sees, of the same kind as `model`, which only
            classifies what comes out (a transfer attack); default: `model`.
        examples: images of which the adversarial versions are kept: so many from the front, or
            their indices, ascending where not all images fit into memory at once.
        similarity: whether `Outcomes.ssim` is computed, which takes time with large images.
        progress: called with (images done, images in all).
        jit_compile: compile with XLA.

    Raises:
        ValueError: as the attack, or no image at all.
    """
    if not len(images):
        raise ValueError("images is empty; accepted: one image or more")
    if own_labels and targets is not None:
        raise ValueError("own_labels is True with targets; accepted: one of the two")
    task = Task(model, images, np.asarray(labels), batch_size=attack.batch_size)
    images, labels = task.images, task.goal.classes
    if targets is not None:
        targets = Targeted(targets, labels).classes
    kept = range(examples) if isinstance(examples, int) else examples
    size = _part_size(images, len(epsilons), attack.batch_size)
    parts = []
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        parts.append(
            _evaluate_part(
                model,
                images[part],
                labels[part],
                attack,
                epsilons,
                own_labels=own_labels,
                targets=None if targets is None else targets[part],
                surrogate=surrogate,
                kept=[index - start for index in kept if start <= index < start + size],
                similarity=similarity,
                ids=np.arange(len(images))[part],
                progress=progress and _from(progress, start, len(images)),
                jit_compile=jit_compile,
            )
        )
    return Outcomes.joined(parts)


def _from(progress, start: int, count: int):
    """The progress of a part that begins with image `start`."""
    return lambda done, _: progress(start + done, count)


def _part_size(images: np.ndarray, epsilons: int, batch_size: int) -> int:
    """How many images are done at once: whole batches, at least one."""
    at_once = _PART_BYTES // max(1, images[0].nbytes * epsilons)
    return max(batch_size, at_once // batch_size * batch_size)


def _evaluate_part(
    model,
    images: np.ndarray,
    labels: np.ndarray,
    attack,
    epsilons: Sequence[float],
    *,
    own_labels: bool,
    targets: np.ndarray | None,
    surrogate,
    kept: list[int],
    similarity: bool,
    ids: np.ndarray,
    progress,
    jit_compile: bool,
) -> Outcomes:
    # Checks the labels also where the attack is not given them.
    task = Task(model, images, labels, batch_size=attack.batch_size)
    images, labels = task.images, task.goal.classes
    goal = labels if targets is None else Targeted(targets, labels)
    seen = task
    if surrogate is not None:
        seen = Task(surrogate, images, labels, batch_size=attack.batch_size)
    batches = [(0, perf_counter())]  # images done and when

    def note(done: int, total: int) -> None:
        batches.append((done, perf_counter()))
        if progress:
            progress(done, total)

    results = attack.sweep(
        model if surrogate is None else surrogate,
        images,
        None if own_labels else goal,
        epsilons=epsilons,
        ids=ids,
        progress=note,
        jit_compile=jit_compile,
    )
    seconds = perf_counter() - batches[0][1]

    clean = task.logits(images)
    started = perf_counter()
    again = task.logits(images)
    inference_seconds = perf_counter() - started
    climbed = as_goal(seen.logits(images).argmax(axis=1) if own_labels else goal)
    if surrogate is None:
        logits = [result.logits for result in results]
    else:
        logits = [task.logits(result.images) for result in results]
    clean_picture = _rounded(images)
    pictures = [_rounded(result.images) for result in results]
    rounded = [
        found if _is_picture(result.images, picture) else task.logits(picture / np.float32(255))
        for found, result, picture in zip(logits, results, pictures, strict=True)
    ]

    def stacked(values, dtype, *shape):
        return np.array([np.asarray(value) for value in values], dtype).reshape(
            len(results), *shape
        )

    count = len(images)
    kept = [index for index in kept if index < count]
    return Outcomes(
        epsilons=np.array(epsilons, np.float64),
        labels=labels,
        clean_predictions=predicted(clean),
        predictions=stacked([predicted(each) for each in logits], np.int64, count),
        rounded_predictions=stacked([predicted(each) for each in rounded], np.int64, count),
        rounds_away=stacked([_same(picture, clean_picture) for picture in pictures], bool, count),
        linf=stacked([r.distances["linf"] for r in results], np.float64, count),
        l2=stacked([r.distances["l2"] for r in results], np.float64, count),
        gradient_evaluations=stacked([r.gradient_evaluations for r in results], np.int64, count),
        **_of_gradients(seen, climbed, attack),
        random=predicted(clean) != predicted(again),
        spread=max(spread_of(clean, again), task.classifier.spread),
        out_of_range=stacked([_leaves_range(r.images) for r in results], bool, count),
        own_labels=own_labels,
        seconds=seconds,
        examples=stacked([r.images[kept] for r in results], np.float32, *images[kept].shape),
        example_images=images[kept],
        targets=None if targets is None else goal.classes,
        label_ranks=stacked([label_ranks(each, labels) for each in logits], np.int64, count),
        clean_label_ranks=label_ranks(clean, labels),
        inference_seconds=inference_seconds,
        crafting_seconds=_crafting_seconds(batches, seconds, count),
        l0=stacked([r.distances["l0"] for r in results], np.float64, count),
        ssim=stacked([structural_similarity(images, r.images) for r in results], np.float64, count)
        if similarity
        else None,
        gaps=stacked([_gaps(_probabilities(model, each)) for each in logits], np.float32, count),
        example_probabilities=np.stack(
            [_probabilities(model, each[kept]) for each in (clean, *logits)]
        ),
    )


def _crafting_seconds(batches: list[tuple[int, float]], seconds: float, images: int) -> float:
    """Per image, without the first batch if there are more."""
    done, since = batches[min(1, len(batches) - 1)]
    if done in (0, images):
        return seconds / images
    return (batches[0][1] + seconds - since) / (images - done)


def _gaps(probabilities: np.ndarray) -> np.ndarray:
    """Highest minus second highest, [N]."""
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return first - second


def _probabilities(model, logits: np.ndarray) -> np.ndarray:
    """float32 [n, classes]."""
    return as_reading(model).outputs.probabilities(logits)


def _among_first(ranks: np.ndarray, k: int) -> np.ndarray:
    if k < 1:
        raise ValueError(f"k is {k}; accepted: 1 or more")
    return ranks < k


def _rounded(images: np.ndarray) -> np.ndarray:
    """Grey levels 0..255 of the 8-bit pictures that images are stored as, float32."""
    return np.round(np.clip(images, 0, 1) * 255)


def _is_picture(images: np.ndarray, rounded: np.ndarray) -> bool:
    """Whether rounding to 8 bits changes nothing, as where a patch is pasted on pictures."""
    return np.array_equal(images, rounded / np.float32(255))


def _same(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (pictures == others).reshape(len(pictures), -1).all(axis=1)


def _leaves_range(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1)
    return (flat.min(axis=1) < 0) | (flat.max(axis=1) > 1)


def _share(which: np.ndarray | None) -> float:
    return float("nan") if which is None else float(np.mean(which))


def _of_gradients(task: Task, goal: Goal, attack) -> dict[str, np.ndarray | None]:
    """Where the gradient that the attack climbs is zero everywhere, and where it is not finite."""
    names = ("zero_gradient", "gradient_not_finite")
    if attack.climbs is None:
        return dict.fromkeys(names)

    def make(logits_of):
        def check(images, classes, sign, temperature):
            gradient, _ = raw_loss_gradient(
                logits_of, images, classes, sign, temperature, LOSSES[attack.climbs]
            )
            values = flat(gradient)
            zero = tf.reduce_all(tf.equal(values, 0), axis=1)
            return zero, ~tf.reduce_all(tf.math.is_finite(values), axis=1)

        return check

    check = task.classifier.compiled(
        f"check of gradients {attack.climbs}",
        make,
        [
            task.classifier.batch_spec,
            tf.TensorSpec([None], tf.int64),
            *[tf.TensorSpec([], tf.float32)] * 2,
        ],
    )
    starts = range(0, len(task.images), task.batch_size)
    parts = [slice(start, start + task.batch_size) for start in starts]
    checked = [
        check(task.images[part], goal.classes[part], goal.sign, attack.temperature)
        for part in parts
    ]
    return {
        name: np.concatenate([each.numpy() for each in values])
        for name, values in zip(names, zip(*checked))
    }
