"""Square Attack: a random search that asks for logits only."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from attacks.engine.budget import BudgetAttack, Run
from attacks.engine.geometry import choose, flat
from attacks.engine.losses import is_reached, margin
from attacks.engine.norms import check_norm
from attacks.engine.task import (
    Batch,
    Crafted,
    Task,
    check_count,
    check_seed,
    warn_of_channels_first,
)

# Queries of 10,000 after which the windows cover half as many pixels (section 4.1 of the paper).
_HALVINGS = np.array([10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000])
# Queries drawn for at a time. A stream is read in order, so that it changes no draw.
_BLOCK = 64


@dataclass(frozen=True)
class Square(BudgetAttack):
    """Random windows, each kept where it lowers the margin of the logits (a budget attack).

    Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via
    random search", 2020, arXiv 1912.00049, algorithms 1 to 3. The first query is the image
    itself, the second the start of the search: vertical stripes (L-inf), or a grid of 5 x 5
    bumps (L2). Every other query repaints a square with +-epsilon per channel (L-inf), or moves
    the perturbation of one square to another (L2). The image with the lowest margin of all
    queries is returned; with epsilon 0, that is the first, and the last.

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
    """

    queries: int = 5000
    norm: str = "linf"
    p_init: float = 0.8
    schedule_queries: int | None = None
    stop_at_success: bool = True
    seed: int = 0
    batch_size: int = 128

    def __post_init__(self):
        check_norm(self.norm, ("linf", "l2"))
        check_count(queries=self.queries, batch_size=self.batch_size)
        if self.schedule_queries is not None:
            check_count(schedule_queries=self.schedule_queries)
        if not 0 < self.p_init <= 1:
            raise ValueError(f"p_init is {self.p_init!r}; accepted: above 0, at most 1")
        check_seed(self.seed)

    def _run(self, task: Task) -> Run:
        shape = task.images.shape[1:]
        warn_of_channels_first(shape, "Square")
        moves = (_Squares if self.norm == "linf" else _Bumps)(*_grid(shape))
        step = _compiled_step(task, moves)

        def run(batch: Batch, epsilons: np.ndarray) -> Crafted:
            images, queries = batch.images.copy(), np.ones(len(batch), np.int64)
            losses, reached = (value.numpy() for value in _judged(task, batch, batch.images))
            rows = np.flatnonzero((epsilons > 0) & ~(reached & self.stop_at_success))
            if len(rows) and self.queries > 1:
                bounds = epsilons[rows].astype(np.float32)
                images[rows], used = self._search(
                    task, step, moves, batch.take(rows), bounds, losses[rows]
                )
                queries[rows] += used
            return Crafted(images, 0 * queries, queries)

        return run

    def _search(self, task: Task, step, moves, batch: Batch, epsilons, clean):
        """The best of the images and all that is tried, with the queries spent.

        Args:
            epsilons: float32 [N], above 0.
            clean: the losses of the images, float32 [N].
        """
        found, used = batch.images.copy(), np.ones(len(batch), np.int64)
        streams = np.array([_stream(self.seed, identity) for identity in batch.ids])
        directions = np.stack([moves.start(stream) for stream in streams])
        bounds = epsilons.reshape(-1, *[1] * (found.ndim - 1))
        started = np.clip(batch.images + bounds * directions.reshape(found.shape), 0, 1)
        state = [tf.constant(started), *_judged(task, batch, started)]
        fixed = [tf.constant(a) for a in (batch.images, batch.goal.classes, epsilons)]
        block = np.empty([len(batch), 0, moves.draws])
        remaining = task.remaining(len(batch))
        for query in range(self.queries - 2):
            if self.stop_at_success:
                done = np.flatnonzero(state[2].numpy() & remaining.going)
                if len(done):
                    found[remaining.rows[done]] = tf.gather(state[0], done).numpy()
                    left = remaining.finish(done, *state, *fixed, streams, block)
                    state, fixed, (streams, block) = left[:3], left[3:6], left[6:]
                    if not remaining:
                        return found, used
            if query % _BLOCK == 0:
                block = np.stack([stream.random((_BLOCK, moves.draws)) for stream in streams])
            share = self.p_init * coverage(query, self.schedule_queries or self.queries)
            drawn = moves.drawn(block[:, query % _BLOCK], share)
            state = step(*state, *fixed, batch.goal.sign, *drawn)
            used[remaining.rows_going] += 1
        lower = state[1].numpy() < clean[remaining.rows]
        done = self.stop_at_success & state[2].numpy()
        rows = np.flatnonzero((lower | done) & remaining.going)
        found[remaining.rows[rows]] = tf.gather(state[0], rows).numpy()
        return found, used


def coverage(query: int, schedule_queries: int) -> float:
    """Share of `p_init` that the windows of a query cover; `query` counts them from 0."""
    return 0.5 ** int(np.searchsorted(_HALVINGS, 10_000 * query // schedule_queries))


def window(share: float, height: int, width: int, least: int = 1, odd: bool = False):
    """Rows and columns of the square that covers `share` of an image, or of what fits in it."""
    side = max(round(math.sqrt(share * height * width)), least)
    side += odd and side % 2 == 0
    # Where a square is too long for one edge, it covers its share along the other.
    rows = max(side, round(share * height)) if side > width else side
    columns = max(side, round(share * width)) if side > height else side
    return min(rows, height), min(columns, width)


def bumps(height: int, width: int) -> np.ndarray:
    """Two adjoining hills of opposite sign and unit length, float64 [2, height, width].

    Equation 2 of the paper; one above the other, and side by side.
    """
    above = [_hill(height // 2, width), -_hill(height - height // 2, width)]
    beside = [_hill(height, width // 2), -_hill(height, width - width // 2)]
    return np.stack([_unit(np.concatenate(above)), _unit(np.concatenate(beside, axis=1))])


def _hill(height: int, width: int) -> np.ndarray:
    """Squares of growing side and falling height, laid on each other and cut to a rectangle."""
    rows, columns = np.arange(height) - height // 2, np.arange(width) - width // 2
    from_centre = np.maximum(abs(rows)[:, None], abs(columns))
    levels = np.arange(max(height, width) // 2 + 1, 0, -1.0)
    return _unit((levels**-2).cumsum()[::-1][from_centre])


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.sqrt(np.square(values).sum()) if values.size else values


def _grid(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Rows, columns and channels of an image."""
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return (side, side, 1) if side * side == shape[0] else (1, shape[0], 1)
    return (*shape, 1) if len(shape) == 2 else (math.prod(shape[:-2]), *shape[-2:])


def _stream(seed: int, identity: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, identity])))


def _judged(task: Task, batch: Batch, images: np.ndarray):
    """The losses of `images`, float32 [N], and whether they reach the goal, bool [N]."""
    logits = task.classifier.logits(images)
    return _loss_and_success(logits, batch.goal.classes, batch.goal.sign)


def _loss_and_success(logits, classes, sign):
    return -margin(logits, classes, sign), is_reached(logits, classes, sign)


class _Squares:
    """L-inf: the start and the moves of the search (algorithm 2).

    Attributes:
        draws: uniform numbers that a query takes.
        spec: of what `drawn` makes of them.
    """

    def __init__(self, *grid: int):
        self.grid = grid
        self.draws = 3 + grid[2]
        per_channel = tf.TensorSpec([None, grid[2]], tf.float32)
        self.spec = [_INTEGERS, _INTEGERS, per_channel, per_channel]

    def start(self, stream: np.random.Generator) -> np.ndarray:
        """What is added to an image, in units of epsilon: stripes of one pixel."""
        height, width, channels = self.grid
        return np.tile(_signs(stream.random([width, channels])), [height, 1, 1])

    def drawn(self, uniforms: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
        """Windows, their colours (signs [N, channels]), and others for where these are already."""
        height, width, channels = self.grid
        size = window(share, height, width)
        colours = _signs(uniforms[:, 3:])
        # They differ in one channel or more, each choice as likely as another. With more than 30
        # channels, a window does not have the colours drawn.
        choice = 1 + (uniforms[:, 2] * (2 ** min(channels, 30) - 1)).astype(np.int64)
        others = np.where(choice[:, None] >> np.arange(channels) & 1, -colours, colours)
        return _offsets(*size, width), _corners(uniforms, *size, self.grid), colours, others

    def moved(self, best, images, epsilons, offsets, corners, colours, others):
        """`best` with one square of each image repainted."""
        places = _places(corners, offsets, self.grid)
        pixels = _pixels(best, self.grid[2])
        own = tf.gather(_pixels(images, self.grid[2]), places)

        def painted(colours):
            return tf.clip_by_value(own + (epsilons[:, None] * colours)[:, None], 0.0, 1.0)

        same = tf.reduce_all(painted(colours) == tf.gather(pixels, places), axis=[1, 2])
        repainted = painted(tf.where(same[:, None], others, colours))
        return tf.reshape(_replaced(pixels, places, repainted), [-1, *best.shape[1:]])


class _Bumps:
    """L2: the start and the moves of the search (algorithm 3)."""

    def __init__(self, *grid: int):
        self.grid = grid
        self.draws = 5 + grid[2]
        per_channel = tf.TensorSpec([None, grid[2]], tf.float32)
        shapes = tf.TensorSpec([2, None], tf.float32)
        self.spec = [_INTEGERS, _INTEGERS, _INTEGERS, per_channel, _INTEGERS, shapes]

    def start(self, stream: np.random.Generator) -> np.ndarray:
        """What is added to an image, in units of epsilon: a grid of bumps, of unit length."""
        height, width, channels = self.grid
        tile = max(1, height // 5), max(1, width // 5)
        tiles = height // tile[0], width // tile[1]
        uniforms = stream.random([*tiles, 1 + channels])
        shapes = bumps(*tile)[(uniforms[..., 0] < 0.5).astype(int)]  # [*tiles, *tile]
        painted = shapes[..., None] * _signs(uniforms[..., None, None, 1:])
        covered = tiles[0] * tile[0], tiles[1] * tile[1]
        start = np.zeros(self.grid, np.float32)
        top, left = (height - covered[0]) // 2, (width - covered[1]) // 2
        start[top : top + covered[0], left : left + covered[1]] = painted.swapaxes(1, 2).reshape(
            *covered, channels
        )
        return _unit(start)

    def drawn(self, uniforms: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
        """Windows to move to and from, the bumps (signs [N, channels]) and their directions."""
        height, width, _ = self.grid
        size = window(share, height, width, least=3, odd=True)
        beside = (uniforms[:, 4] < 0.5).astype(np.int32)
        return (
            _offsets(*size, width),
            _corners(uniforms, *size, self.grid),
            _corners(uniforms[:, 2:], *size, self.grid),
            _signs(uniforms[:, 5:]),
            beside,
            _flat_bumps(*size),
        )

    def moved(self, best, images, epsilons, offsets, to, source, signs, beside, shapes):
        """`best` with the perturbation of one window moved to another, in each image."""
        perturbations = best - images
        pixels = _pixels(perturbations, self.grid[2])
        to, source = _places(to, offsets, self.grid), _places(source, offsets, self.grid)
        old, taken = tf.gather(pixels, to), tf.gather(pixels, source)
        emptied = _replaced(pixels, source, tf.zeros_like(taken))
        # Below 0 by a rounding at most, which is taken back here before it adds up.
        unused = tf.square(epsilons) - tf.reduce_sum(tf.square(flat(perturbations)), axis=1)
        squares = tf.square(taken) + tf.square(tf.gather(emptied, to))
        available = tf.reduce_sum(squares, axis=1) + (unused / self.grid[2])[:, None]

        bump = tf.gather(shapes, beside)[:, :, None] * signs[:, None]
        new = bump + tf.math.divide_no_nan(old, _lengths(old))
        # The paper leaves open what becomes of a bump that meets its negative: it is turned.
        new = tf.where(_lengths(new) < 1e-3, bump, new / _lengths(new))
        new *= tf.sqrt(tf.maximum(available, 0.0))[:, None]
        moved = tf.reshape(_replaced(emptied, to, new), [-1, *best.shape[1:]])
        return tf.clip_by_value(images + moved, 0.0, 1.0)


_INTEGERS = tf.TensorSpec([None], tf.int32)


def _signs(uniforms: np.ndarray) -> np.ndarray:
    return np.where(uniforms < 0.5, np.float32(-1), np.float32(1))


def _corners(uniforms: np.ndarray, rows: int, columns: int, grid) -> np.ndarray:
    """First pixels of windows, int32 [N], of two draws each; pixels are counted along the rows."""
    height, width, _ = grid
    top = (uniforms[:, 0] * (height - rows + 1)).astype(np.int32)
    return top * width + (uniforms[:, 1] * (width - columns + 1)).astype(np.int32)


@lru_cache(maxsize=32)
def _offsets(rows: int, columns: int, width: int) -> np.ndarray:
    """The pixels of a window, counted from its first, int32 [rows x columns]."""
    return (np.arange(rows)[:, None] * width + np.arange(columns)).ravel().astype(np.int32)


@lru_cache(maxsize=32)
def _flat_bumps(rows: int, columns: int) -> np.ndarray:
    return bumps(rows, columns).reshape(2, -1).astype(np.float32)


def _pixels(images, channels: int):
    """The pixels of all `images`, [N x pixels, channels]."""
    return tf.reshape(images, [-1, channels])


def _places(corners, offsets, grid):
    """Where windows are among the pixels of all images, int32 [N, pixels of a window]."""
    firsts = tf.range(tf.size(corners)) * (grid[0] * grid[1]) + corners
    return firsts[:, None] + offsets


def _replaced(pixels, places, values):
    return tf.tensor_scatter_nd_update(pixels, places[..., None], values)


def _lengths(windows):
    """L2 norms [N, 1, channels] of windows [N, pixels, channels]."""
    return tf.sqrt(tf.reduce_sum(tf.square(windows), axis=1, keepdims=True))


def _compiled_step(task: Task, moves):
    """One query: candidates, their losses, and what is best after it."""

    def make(logits_of):
        def step(best, losses, reached, images, classes, epsilons, sign, *drawn):
            candidates = moves.moved(best, images, epsilons, *drawn)
            logits = logits_of(candidates)
            lower, success = _loss_and_success(logits, classes, sign)
            # Where the model sees no difference, batches of two sizes may still round apart.
            rounding = 1e-6 * tf.reduce_max(tf.abs(logits), axis=1)
            better = (losses - lower > rounding) | (success & ~reached)
            better |= tf.math.is_finite(lower) & ~tf.math.is_finite(losses)
            kept = choose(better, candidates, best)
            return kept, tf.where(better, lower, losses), reached | success

        return step

    images, per_row = task.classifier.batch_spec, tf.TensorSpec([None], tf.float32)
    reached, classes = tf.TensorSpec([None], tf.bool), tf.TensorSpec([None], tf.int64)
    sign = tf.TensorSpec([], tf.float32)
    return task.classifier.compiled(
        f"square {type(moves).__name__}",
        make,
        [images, per_row, reached, images, classes, per_row, sign, *moves.spec],
    )
