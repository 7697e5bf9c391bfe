"""Runs an attack over epsilons on one fixed set of images and measures every image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from attacks import Attack, AttackResult, Journal, Targeted
from attacks.engine.classifier import spread_of
from attacks.engine.task import Progress, Task, note_part
from attacks.goals import predicted
from attacks.readings import Model
from evaluation import busy
from evaluation.outcomes import Outcomes
from evaluation.probes import (
    clean_gradients,
    leaves_range,
    quantised_inputs,
    rounded_logits,
    rounds_away,
    steps_of,
    unstable_gradients,
)
from evaluation.similarity import structural_similarity
from evaluation.top_k import label_ranks
from files.interrupts import interrupts

#: Gives the indices of the images to keep, int [n], from the outcomes of all.
Choice = Callable[[Outcomes], Sequence[int] | np.ndarray]

#: The most memory that the adversarial images of a part, and what is made of them, may take.
_PART_BYTES = 2**29
#: Copies of the images of one epsilon that are made while they are measured.
_COPIES = 3

#: What is measured of each image at each epsilon, and how it is stored.
_PER_IMAGE: dict[str, type] = {
    "predictions": np.int64,
    "rounded_predictions": np.int64,
    "label_ranks": np.int64,
    "gaps": np.float32,
    "rounds_away": bool,
    "out_of_range": bool,
    "l0": np.float64,
    "l2": np.float64,
    "linf": np.float64,
    "gradient_evaluations": np.int64,
}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in an evaluation of which some images are finished.

    Attributes:
        outcomes: those of the finished images, which are the first ones, without examples.
    """

    def __init__(self, outcomes: Outcomes):
        super().__init__()
        self.outcomes = outcomes


def evaluate(
    model: Model,
    images: np.ndarray,
    labels: np.ndarray,
    attack: Attack,
    epsilons: Sequence[float],
    *,
    predicted_labels: bool = False,
    targets: np.ndarray | None = None,
    surrogate: Model | None = None,
    examples: int | Sequence[int] | Choice = 8,
    similarity: bool = False,
    progress: Progress | None = None,
    jit_compile: bool = False,
    images_at_once: int | None = None,
    journal: Journal | None = None,
) -> Outcomes:
    """Attacks `images` at every epsilon and classifies what comes out.

    However many images there are, this takes 512 MiB besides `images` and what the passes of a
    batch take, or a batch of them at all epsilons if that is more. A journal takes 256 MiB more.
    Images that are not float32 are copied. Measured: `benchmarks/results/memory.md`.

    Args:
        model: a Keras model or callable that gives logits, or either in `attacks.as_logits` or
            `attacks.as_probabilities`.
        images: float [N, ...] in [0, 1].
        labels: int [N] or [N, 1], true classes, against which accuracy is counted in any case.
        attack: `attacks.FGSM()`, `attacks.DeepFool()`, ...
        epsilons: distances in [0, 1] pixels; for a minimum-norm attack infinity as well.
        predicted_labels: move away from the predictions of the attacked model, not `labels`.
        targets: int [N], classes that a targeted attack is to reach, none of them the label.
        surrogate: the model that is attacked where `model` only classifies (a transfer attack).
        examples: images whose adversarial versions are kept: the first few, their indices, or what
            gives the indices from the outcomes of all images, such as `typical.typical`.
        similarity: whether to measure `Outcomes.ssim`, which takes time with large images.
        progress: called with (images done, images in all).
        jit_compile: compile with XLA.
        images_at_once: how many images are finished before the next ones are attacked, in whole
            batches; default, and at most: as many as 512 MiB hold.
        journal: keeps what is finished, so that the same call goes on after it was killed.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
        Interrupted: Ctrl-C, when some images were finished.
    """
    if not len(images):
        raise ValueError("images is empty; accepted: one image or more")
    judged = Task(model, images, np.asarray(labels), None, attack.batch_size, jit_compile)
    attacked = judged if surrogate is None else judged.of_model(surrogate)
    attacked = _with_goal(attacked, predicted_labels, targets)
    whole = _Request(judged, attacked, attack, epsilons, predicted_labels, similarity)
    parts = list(whole.parts(progress, images_at_once))
    if len(parts) == 1:
        request, note = parts[0]
        seen = _crafted(request.kept_in(journal), note)
        outcomes = _outcomes(request, seen, is_first=True)
        return replace(outcomes, **seen.examples(judged, _chosen(examples, outcomes)))
    done: list[Outcomes] = []
    try:
        with interrupts():
            for request, note in parts:
                done.append(_finished(request, note, len(done), journal))
    except KeyboardInterrupt:
        if not done:
            raise
        raise Interrupted(Outcomes.joined(done)) from None
    outcomes = Outcomes.joined(done)
    rows = _chosen(examples, outcomes)
    if not len(rows):
        return outcomes
    # The images of all parts do not fit into memory, so a few are crafted once more.
    few = whole.only(rows)
    again = _crafted(few, None).examples(few.judged, np.arange(len(rows)))
    return replace(outcomes, **again | {"example_rows": rows})


def _finished(
    request: "_Request", progress: Progress | None, number: int, journal: Journal | None
) -> Outcomes:
    """The outcomes of one part of several, which the journal keeps in place of its batches."""

    def finish(batches: Journal | None) -> Outcomes:
        seen = _crafted(request.kept_in(batches), progress)
        return _outcomes(request, seen, is_first=number == 0)

    if journal is None:
        return finish(None)
    batches = journal.under(f"part {number}")
    arrays = journal.once(f"part {number}", lambda: finish(batches).arrays)
    batches.forget()
    if progress:
        progress(len(request), len(request))
    return Outcomes.from_arrays(arrays)


@dataclass(frozen=True)
class _Request:
    """What `evaluate` was asked for, once it has been checked.

    Attributes:
        judged: the model whose accuracy counts, the images, and their true labels.
        attacked: the model that the attack sees, the same images, and what it attacks them for.
    """

    judged: Task
    attacked: Task
    attack: Attack
    epsilons: Sequence[float]
    predicted_labels: bool
    similarity: bool

    def __len__(self) -> int:
        return len(self.judged.images)

    def only(self, rows: np.ndarray | slice) -> "_Request":
        """The request for some of the images."""
        return replace(self, judged=self.judged.part(rows), attacked=self.attacked.part(rows))

    def kept_in(self, journal: Journal | None) -> "_Request":
        """The request whose attack keeps what it has finished."""
        return replace(self, attacked=self.attacked.with_journal(journal))

    def parts(
        self, progress: Progress | None, images_at_once: int | None
    ) -> Iterator[tuple["_Request", Progress | None]]:
        """Requests for `images_at_once`, or as many as fit into memory, in whole batches.

        Each comes with what to call as its own progress. Parts change no outcome, since none
        depends on the other images.
        """
        batch_size, classifier = self.attack.batch_size, self.judged.classifier
        each = self.judged.images[0].nbytes + 4 * classifier.num_classes  # with its logits
        at_once = _PART_BYTES // (each * (len(self.epsilons) + _COPIES))
        at_once = min(at_once, images_at_once or at_once)
        size = max(batch_size, at_once // batch_size * batch_size)
        for start in range(0, len(self), size):
            part = self.only(slice(start, start + size))
            yield part, progress and partial(note_part, progress, start, len(self))


def _with_goal(task: Task, predicted_labels: bool, targets: np.ndarray | None) -> Task:
    """The task, which has the true labels, with what is to be attacked for."""
    if predicted_labels and targets is not None:
        raise ValueError("predicted_labels is True with targets; accepted: one of the two")
    if predicted_labels:
        return task.of_predictions()
    return task if targets is None else task.with_goal(Targeted(targets, task.goal.classes))


@dataclass(frozen=True, eq=False)
class _Seen:
    """What an attack made of the images of one part, and the judged model's logits.

    Attributes:
        results: one for each epsilon.
        clean: float [N, classes], of the images as they are.
        logits: float [N, classes], one for each epsilon.
        seconds, crafting_seconds: of the sweep, and of crafting one image.
        others: the share of the processors that others have taken since the sweep began.
    """

    results: list[AttackResult]
    clean: np.ndarray
    logits: list[np.ndarray]
    seconds: float
    crafting_seconds: float
    others: Callable[[], float]

    def examples(self, task: Task, rows: np.ndarray) -> dict[str, Any]:
        """What outcomes keep of the images at `rows`."""
        images = task.images[rows]
        crafted = [result.images[rows] for result in self.results]
        return {
            "example_rows": rows,
            "example_images": images,
            "examples": np.array(crafted, np.float32).reshape(len(crafted), *images.shape),
            "example_probabilities": np.stack(
                [task.classifier.probabilities(each[rows]) for each in (self.clean, *self.logits)]
            ),
        }


def _crafted(request: _Request, progress: Progress | None) -> _Seen:
    """Attacks the images of a part."""
    task = request.judged
    others = busy.watch()
    results, seconds, crafting = _timed(request, progress)
    if request.attacked.journal is not None and request.attacked.journal.has_recalled:
        others = busy.unknown  # and not all of it was timed
    is_same = request.attacked.classifier is task.classifier
    logits = [result.logits if is_same else task.logits(result.images) for result in results]
    return _Seen(results, task.logits(task.images), logits, seconds, crafting, others)


def _chosen(examples: int | Sequence[int] | Choice, outcomes: Outcomes) -> np.ndarray:
    """The indices of the examples, int [n]."""
    count = len(outcomes.labels)
    kept = examples(outcomes) if callable(examples) else examples
    rows = np.arange(kept) if isinstance(kept, int | np.integer) else np.asarray(kept)
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(int)
    return rows[(rows >= 0) & (rows < count)]


def _outcomes(request: _Request, seen: _Seen, is_first: bool) -> Outcomes:
    """The outcomes of one part, without examples."""
    task, goal = request.judged, request.attacked.goal
    results, clean = seen.results, seen.clean
    started = perf_counter()
    again = task.logits(task.images)
    inference_seconds, others_share = perf_counter() - started, seen.others()
    measured = [_per_image(task, *pair) for pair in zip(results, seen.logits, strict=True)]
    return Outcomes(
        epsilons=np.array(request.epsilons, np.float64),
        labels=task.goal.classes,
        predicted_labels=request.predicted_labels,
        targets=goal.classes if isinstance(goal, Targeted) else None,
        clean_predictions=predicted(clean),
        clean_label_ranks=label_ranks(clean, task.goal.classes),
        random=predicted(clean) != predicted(again),
        spread=max(spread_of(clean, again), task.classifier.spread),
        **_probed(request, is_first),
        **{
            name: np.array([each[name] for each in measured], dtype).reshape(-1, len(request))
            for name, dtype in _PER_IMAGE.items()
        },
        linf_to_previous=_steps(task, results),
        ssim=_similarities(task, results) if request.similarity else None,
        **_of_ensemble(results),
        seconds=seen.seconds,
        crafting_seconds=seen.crafting_seconds,
        inference_seconds=inference_seconds,
        others_share=others_share,
        **seen.examples(task, np.arange(0)),
    )


def _probed(request: _Request, is_first: bool) -> dict[str, np.ndarray]:
    """What `probes` sees of the model and of the steps at the largest epsilon.

    What is measured of a few images alone is measured in the first part.
    """
    attacked, attack = request.attacked, request.attack
    gradients = clean_gradients(attacked, attack)
    probed = {} if gradients is None else gradients._asdict()
    if not is_first:
        return probed | {"quantised": np.zeros(0, bool)}
    probed["quantised"] = quantised_inputs(attacked)
    unstable = unstable_gradients(attacked, attack)
    if unstable is not None:
        probed["gradient_unstable"] = unstable
    largest = max(request.epsilons, default=0.0)
    steps = steps_of(attacked, attack, largest) if largest > 0 else None
    return probed if steps is None else probed | steps._asdict()


def _timed(request: _Request, progress: Progress | None) -> tuple[list[AttackResult], float, float]:
    """The sweep, its seconds, and those of crafting one image."""
    batches = [(0, perf_counter())]

    def note(done: int, count: int) -> None:
        batches.append((done, perf_counter()))
        if progress:
            progress(done, count)

    results = request.attack.sweep_task(request.attacked, request.epsilons, note)
    seconds = perf_counter() - batches[0][1]
    return results, seconds, crafting_seconds(batches, seconds, len(request))


def crafting_seconds(batches: list[tuple[int, float]], seconds: float, images: int) -> float:
    """Seconds per image, without the first batch, which compiles, if there are more.

    Args:
        batches: how many images were done, and when; the start of the sweep first.
        seconds: of the whole sweep.
        images: how many there are.
    """
    done, since = batches[min(1, len(batches) - 1)]
    if done in (0, images):
        return seconds / images
    return (batches[0][1] + seconds - since) / (images - done)


def _per_image(task: Task, result: AttackResult, logits: np.ndarray) -> dict[str, np.ndarray]:
    """What `_PER_IMAGE` lists, at one epsilon; `logits` are the judged model's."""
    return {
        "predictions": predicted(logits),
        "rounded_predictions": predicted(rounded_logits(task, result.images, logits)),
        "label_ranks": label_ranks(logits, task.goal.classes),
        "gaps": gaps(task.classifier.probabilities(logits)),
        "rounds_away": rounds_away(result.images, task.images),
        "out_of_range": leaves_range(result.images),
        "l0": result.distances["l0"],
        "l2": result.distances["l2"],
        "linf": result.distances["linf"],
        "gradient_evaluations": result.gradient_evaluations,
    }


def gaps(probabilities: np.ndarray) -> np.ndarray:
    """Highest minus second highest of probabilities [N, classes], [N]."""
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return first - second


def _of_ensemble(results: list[AttackResult]) -> dict[str, np.ndarray]:
    """What outcomes keep of the logs of an ensemble."""
    logs = [result.log for result in results if result.log is not None]
    if not logs:
        return {}
    return {
        "ensemble": np.array(logs[0].attacks),
        "broken_by": np.array([log.broken_by for log in logs]),
        "ensemble_seconds": np.array([log.seconds for log in logs]),
    }


def _steps(task: Task, results: list[AttackResult]) -> np.ndarray:
    """L-inf distances from the image at one epsilon to that at the next, float64 [E, N]."""

    def largest(earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        return np.abs(later - earlier).reshape(len(later), -1).max(axis=1)

    images = pairwise([task.images, *(result.images for result in results)])
    steps = [largest(*pair) for pair in images]
    return np.array(steps, np.float64).reshape(-1, len(task.images))


def _similarities(task: Task, results: list[AttackResult]) -> np.ndarray:
    """float64 [E, N]."""
    similarities = [structural_similarity(task.images, result.images) for result in results]
    return np.array(similarities, np.float64).reshape(-1, len(task.images))
