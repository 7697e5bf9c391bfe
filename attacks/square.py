"""Square Attack: a random search that asks for logits only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from attacks.engine.attack import Evaluations
from attacks.engine.budget import BudgetAttack
from attacks.engine.checks import warn_of_channels_first
from attacks.engine.draws import stream
from attacks.engine.folding import Foldable
from attacks.engine.geometry import choose
from attacks.engine.gradients import LogitsOf
from attacks.engine.losses import is_reached, margin
from attacks.engine.norms import check_norm
from attacks.engine.remaining import take
from attacks.engine.task import Batch, Crafted, Run, Task
from attacks.engine.windows import Bumps, Squares, grid_of
from models.ranges import check_number, check_whole

# Queries of 10,000 after which the windows cover half as many pixels (section 4.1 of the paper).
_HALVINGS = np.array([10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000])
# Queries drawn for at a time. A stream is read in order, so that it changes no draw.
_BLOCK = 64


@dataclass(frozen=True)
class Square(Foldable, BudgetAttack):
    """Random windows, each kept where it lowers the margin of the logits (a budget attack).

    The first query is the image itself, the second the start of the search: vertical stripes
    (L-inf), or a grid of 5 x 5 bumps (L2). Every other query repaints a square with +-epsilon per
    channel (L-inf), or moves the perturbation of one square to another (L2). The image with the
    lowest margin of all queries is returned; with epsilon 0, that is the first, and the last.

    Differs from the paper in that every image has its own windows, from its own stream of draws,
    so that its outcome does not depend on its neighbours; in that targets are approached by the
    margin too; in that a square that already has the colours drawn gets others, as in the
    authors' code; in that a fall of the margin within the rounding of logits is none; and in
    that windows are cut to small or narrow images. Unlike in that code, windows reach the last
    row and column, and an L2 perturbation that was clipped is not stretched to epsilon again.

    With the default schedule, runs with more queries search differently, and may fail where
    others do not. Runs with equal `schedule_queries` share their beginnings: for each image,
    more queries are never worse.

    `forward_evaluations` counts the queries of an image, and the pass that judges the result.

    Images of one dimension are taken for rows of a square if they fill one, else for a line;
    others are rows, columns and, in three dimensions, channels.

    Attributes:
        queries: forward passes that an image may cost.
        norm: "linf" or "l2".
        p_init: share of the pixels that the first windows cover. It is halved nine times, at
            fixed parts of the schedule.
        schedule_queries: length of that schedule; `None` for `queries`, which breaks more images
            where queries are few. The paper's is 10,000 for any number of queries, and so is that
            of AutoAttack.
        stop_at_success: an image leaves at the first query that reaches its goal, the image
            itself included; else the search goes on lowering the margin.
        seed: of all draws, with the id of the image.
        batch_size: images per forward pass.
        fold: search in `attacks.folded(model)`, which is faster; the model itself judges what
            is found.

    References:
        Andriushchenko, Croce, Flammarion and Hein, "Square Attack: a query-efficient black-box
            adversarial attack via random search", ECCV 2020, https://arxiv.org/abs/1912.00049,
            algorithms 1 to 3
    """

    queries: int = 5000
    norm: str = "linf"
    p_init: float = 0.8
    schedule_queries: int | None = None
    stop_at_success: bool = True
    seed: int = 0
    batch_size: int = 128
    fold: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, ("linf", "l2"))
        check_whole(queries=self.queries, batch_size=self.batch_size)
        if self.schedule_queries is not None:
            check_whole(schedule_queries=self.schedule_queries)
        check_number(above=0, most=1, p_init=self.p_init)
        check_whole(least=0, seed=self.seed)

    def run_within(self, task: Task) -> Run:
        task = self.searched(task)
        shape = task.images.shape[1:]
        warn_of_channels_first(shape, "Square")
        moves = (Squares if self.norm == "linf" else Bumps)(grid_of(shape))
        step = _compiled_step(task, moves)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            images, queries = batch.images.copy(), np.ones(len(batch), np.int64)
            clean = _judged(task, batch, tf.constant(batch.images))
            skipped = clean.reached.numpy() & self.stop_at_success
            rows = np.flatnonzero((epsilons > 0) & ~skipped)
            if len(rows) and self.queries > 1:
                images[rows], used = self._search(
                    task, step, moves, batch.take(rows), epsilons[rows], take(clean, rows)
                )
                queries[rows] += used
            return Crafted(images, 0 * queries, queries)

        return run

    def most_of_run(self, classes: int, image_shape: tuple[int, ...]) -> Evaluations:
        return Evaluations(gradients=0, forwards=self.queries)

    def _search(
        self,
        task: Task,
        step: Callable,
        moves: Squares | Bumps,
        batch: Batch,
        epsilons: np.ndarray,
        clean: "_State",
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best of the images and all that is tried, with the queries spent.

        Args:
            epsilons: float [N], above 0.
            clean: the images as they are.
        """
        images = batch.images.copy()
        streams = np.array([stream([self.seed], identity) for identity in batch.ids])
        fixed = _Fixed(
            tf.constant(batch.images),
            tf.constant(batch.goal.classes),
            tf.constant(epsilons, tf.float32),
        )
        state = _judged(task, batch, self._start(moves, streams, batch, epsilons))
        block = np.empty([len(batch), 0, moves.draws])
        remaining = task.remaining(len(batch))
        last = self.queries - 2
        for query in range(last + 1):
            if self.stop_at_success and (
                remaining.note(state.reached, state.images) or query == last
            ):
                rows, done = remaining.look(lambda reached: reached)
                if len(rows):
                    images[rows] = done.numpy()
                    state, fixed, streams, block = remaining.left(state, fixed, streams, block)
                    if not remaining:
                        return images, remaining.steps
            if query == last:
                break
            if query % _BLOCK == 0:
                block = np.stack([each.random((_BLOCK, moves.draws)) for each in streams])
            share = self.p_init * coverage(query, self.schedule_queries or self.queries)
            move = moves.draw(block[:, query % _BLOCK], share)
            state = step(state, fixed, move, batch.goal.sign)
        losses, at_first = state.losses.numpy(), clean.losses.numpy()[remaining.rows]
        lower = (losses < at_first) | np.isnan(at_first)
        better = np.flatnonzero(lower & remaining.going)
        images[remaining.rows[better]] = take(state.images, better).numpy()
        used = remaining.steps if self.stop_at_success else np.full(len(batch), last + 1)
        return images, used

    def _start(
        self, moves: Squares | Bumps, streams: np.ndarray, batch: Batch, epsilons: np.ndarray
    ) -> tf.Tensor:
        """The second query, after the image itself."""
        directions = np.stack([moves.start(each) for each in streams])
        bounds = epsilons.astype(np.float32).reshape(-1, *[1] * (batch.images.ndim - 1))
        started = batch.images + bounds * directions.reshape(batch.images.shape)
        return tf.constant(np.clip(started, 0, 1))


def coverage(query: int, schedule_queries: int) -> float:
    """Share of `p_init` that the windows of a query cover; `query` counts them from 0."""
    return 0.5 ** int(np.searchsorted(_HALVINGS, 10_000 * query // schedule_queries))


class _State(NamedTuple):
    """What a query changes, one entry per image.

    Attributes:
        images: the best so far.
        losses: theirs, the negative margins.
        reached: whether a query has reached the goal.
    """

    images: tf.Tensor
    losses: tf.Tensor
    reached: tf.Tensor


class _Fixed(NamedTuple):
    """What stays the same in all queries, one entry per image."""

    originals: tf.Tensor
    classes: tf.Tensor
    epsilons: tf.Tensor


def _judged(task: Task, batch: Batch, images: tf.Tensor) -> _State:
    """`images` [N, ...] as the best there are."""
    logits = task.classifier.logits(images)
    return _State(images, *_loss_and_success(logits, batch.goal.classes, batch.goal.sign))


def _loss_and_success(
    logits: tf.Tensor, classes: tf.Tensor, sign: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    return -margin(logits, classes, sign), is_reached(logits, classes, sign)


def _compiled_step(task: Task, moves: Squares | Bumps) -> Callable:
    """One query: candidates, their losses, and what is best after it."""

    def make(logits_of: LogitsOf) -> Callable:
        def step(state: _State, fixed: _Fixed, move: Any, sign: tf.Tensor) -> _State:
            candidates = moves.moved(state.images, fixed.originals, fixed.epsilons, move)
            logits = logits_of(candidates)
            losses, success = _loss_and_success(logits, fixed.classes, sign)
            # Where the model sees no difference, batches of two sizes may still round apart.
            rounding = 1e-6 * tf.reduce_max(tf.abs(logits), axis=1)
            better = (state.losses - losses > rounding) | (success & ~state.reached)
            better |= tf.math.is_finite(losses) & ~tf.math.is_finite(state.losses)
            return _State(
                images=choose(better, candidates, state.images),
                losses=tf.where(better, losses, state.losses),
                reached=state.reached | success,
            )

        return step

    images, per_row = task.classifier.batch_spec, tf.TensorSpec([None], tf.float32)
    classes, flags = (tf.TensorSpec([None], dtype) for dtype in (tf.int64, tf.bool))
    return task.classifier.compiled(
        f"square {type(moves).__name__}",
        make,
        [
            _State(images=images, losses=per_row, reached=flags),
            _Fixed(originals=images, classes=classes, epsilons=per_row),
            moves.spec,
            tf.TensorSpec([], tf.float32),
        ],
    )
