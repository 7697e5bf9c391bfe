"""The windows of an image that Square Attack repaints, and what it paints.

Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random
search", 2020, arXiv 1912.00049. In the compiled parts the pixels of all images are one list,
[N x pixels, channels], and a window is a list of places in it.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from attacks.engine.geometry import flat


class Grid(NamedTuple):
    """How the values of an image are laid out: rows, columns and channels."""

    height: int
    width: int
    channels: int


def grid_of(shape: tuple[int, ...]) -> Grid:
    """The grid of images of a shape. One dimension is a square if it fills one, else a line."""
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return Grid(side, side, 1) if side * side == shape[0] else Grid(1, shape[0], 1)
    if len(shape) == 2:
        return Grid(*shape, 1)
    return Grid(math.prod(shape[:-2]), *shape[-2:])


def window(
    share: float, height: int, width: int, least: int = 1, odd: bool = False
) -> tuple[int, int]:
    """Rows and columns of the square that covers `share` of an image, or of what fits in it.

    Args:
        share: of the pixels.
        height, width: of the image.
        least: the shortest side of a square.
        odd: make the side odd, so that the square has a middle.
    """
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


class Repainting(NamedTuple):
    """One window of each image and its new colours, which are signs.

    Attributes:
        offsets: int32 [pixels of a window], counted from its first pixel.
        corners: int32 [N], the first pixels of the windows.
        colours: float32 [N, channels].
        others: float32 [N, channels], for windows that have these colours already.
    """

    offsets: np.ndarray
    corners: np.ndarray
    colours: np.ndarray
    others: np.ndarray


class Squares:
    """L-inf: the start and the moves of the search (algorithm 2).

    Attributes:
        draws: how many uniform numbers a query takes.
        spec: the tensors of a `Repainting`.
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        self.draws = 3 + grid.channels
        per_channel = tf.TensorSpec([None, grid.channels], tf.float32)
        self.spec = Repainting(
            offsets=_INTEGERS, corners=_INTEGERS, colours=per_channel, others=per_channel
        )

    def start(self, stream: np.random.Generator) -> np.ndarray:
        """What is added to an image, in units of epsilon: stripes of one pixel."""
        height, width, channels = self.grid
        return np.tile(_signs(stream.random([width, channels])), [height, 1, 1])

    def draw(self, uniforms: np.ndarray, share: float) -> Repainting:
        """A query of every image.

        Args:
            uniforms: float [N, draws].
            share: of the pixels that a window covers.
        """
        height, width, channels = self.grid
        size = window(share, height, width)
        colours = _signs(uniforms[:, 3:])
        # They differ in one channel or more, each choice as likely as another. With more than 30
        # channels, a window does not have the colours drawn.
        choice = 1 + (uniforms[:, 2] * (2 ** min(channels, 30) - 1)).astype(np.int64)
        others = np.where(choice[:, None] >> np.arange(channels) & 1, -colours, colours)
        return Repainting(
            offsets=_offsets(*size, width),
            corners=_corners(uniforms, *size, self.grid),
            colours=colours,
            others=others,
        )

    def moved(
        self, best: tf.Tensor, originals: tf.Tensor, epsilons: tf.Tensor, move: Repainting
    ) -> tf.Tensor:
        """`best` [N, ...] with one square of each image repainted."""
        places = _places(move.corners, move.offsets, self.grid)
        pixels = _pixels(best, self.grid)
        own = tf.gather(_pixels(originals, self.grid), places)

        def painted(colours: tf.Tensor) -> tf.Tensor:
            return tf.clip_by_value(own + (epsilons[:, None] * colours)[:, None], 0.0, 1.0)

        same = tf.reduce_all(painted(move.colours) == tf.gather(pixels, places), axis=[1, 2])
        repainted = painted(tf.where(same[:, None], move.others, move.colours))
        return tf.reshape(_replaced(pixels, places, repainted), [-1, *best.shape[1:]])


class Shift(NamedTuple):
    """Two windows of each image, and the bump that the perturbation of one adds to the other.

    Attributes:
        offsets: int32 [pixels of a window], counted from its first pixel.
        to, source: int32 [N], the first pixels of the windows.
        signs: float32 [N, channels], of the bump.
        directions: int32 [N], which of the `shapes` it has.
        shapes: float32 [2, pixels of a window].
    """

    offsets: np.ndarray
    to: np.ndarray
    source: np.ndarray
    signs: np.ndarray
    directions: np.ndarray
    shapes: np.ndarray


class Bumps:
    """L2: the start and the moves of the search (algorithm 3).

    Attributes:
        draws: how many uniform numbers a query takes.
        spec: the tensors of a `Shift`.
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        self.draws = 5 + grid.channels
        self.spec = Shift(
            offsets=_INTEGERS,
            to=_INTEGERS,
            source=_INTEGERS,
            signs=tf.TensorSpec([None, grid.channels], tf.float32),
            directions=_INTEGERS,
            shapes=tf.TensorSpec([2, None], tf.float32),
        )

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

    def draw(self, uniforms: np.ndarray, share: float) -> Shift:
        """A query of every image; see `Squares.draw`."""
        height, width, _ = self.grid
        size = window(share, height, width, least=3, odd=True)
        return Shift(
            offsets=_offsets(*size, width),
            to=_corners(uniforms, *size, self.grid),
            source=_corners(uniforms[:, 2:], *size, self.grid),
            signs=_signs(uniforms[:, 5:]),
            directions=(uniforms[:, 4] < 0.5).astype(np.int32),
            shapes=_flat_bumps(*size),
        )

    def moved(
        self, best: tf.Tensor, originals: tf.Tensor, epsilons: tf.Tensor, move: Shift
    ) -> tf.Tensor:
        """`best` [N, ...] with the perturbation of one window moved to another, in each image."""
        perturbations = best - originals
        pixels = _pixels(perturbations, self.grid)
        to, source = (
            _places(corners, move.offsets, self.grid) for corners in (move.to, move.source)
        )
        old, taken = tf.gather(pixels, to), tf.gather(pixels, source)
        emptied = _replaced(pixels, source, tf.zeros_like(taken))
        # Below 0 by a rounding at most, which is taken back here before it adds up.
        unused = tf.square(epsilons) - tf.reduce_sum(tf.square(flat(perturbations)), axis=1)
        squares = tf.square(taken) + tf.square(tf.gather(emptied, to))
        available = tf.reduce_sum(squares, axis=1) + (unused / self.grid.channels)[:, None]

        bump = tf.gather(move.shapes, move.directions)[:, :, None] * move.signs[:, None]
        new = bump + tf.math.divide_no_nan(old, _lengths(old))
        # The paper leaves open what becomes of a bump that meets its negative: it is turned.
        new = tf.where(_lengths(new) < 1e-3, bump, new / _lengths(new))
        new *= tf.sqrt(tf.maximum(available, 0.0))[:, None]
        moved = tf.reshape(_replaced(emptied, to, new), [-1, *best.shape[1:]])
        return tf.clip_by_value(originals + moved, 0.0, 1.0)


_INTEGERS = tf.TensorSpec([None], tf.int32)


def _signs(uniforms: np.ndarray) -> np.ndarray:
    return np.where(uniforms < 0.5, np.float32(-1), np.float32(1))


def _corners(uniforms: np.ndarray, rows: int, columns: int, grid: Grid) -> np.ndarray:
    """First pixels of windows, int32 [N], of two draws each; pixels are counted along the rows."""
    top = (uniforms[:, 0] * (grid.height - rows + 1)).astype(np.int32)
    left = (uniforms[:, 1] * (grid.width - columns + 1)).astype(np.int32)
    return top * grid.width + left


@lru_cache(maxsize=32)
def _offsets(rows: int, columns: int, width: int) -> np.ndarray:
    """The pixels of a window, counted from its first, int32 [rows x columns]."""
    return (np.arange(rows)[:, None] * width + np.arange(columns)).ravel().astype(np.int32)


@lru_cache(maxsize=32)
def _flat_bumps(rows: int, columns: int) -> np.ndarray:
    return bumps(rows, columns).reshape(2, -1).astype(np.float32)


def _pixels(images: tf.Tensor, grid: Grid) -> tf.Tensor:
    """The pixels of all `images`, [N x pixels, channels]."""
    return tf.reshape(images, [-1, grid.channels])


def _places(corners: tf.Tensor, offsets: tf.Tensor, grid: Grid) -> tf.Tensor:
    """Where windows are among the pixels of all images, int32 [N, pixels of a window]."""
    firsts = tf.range(tf.size(corners)) * (grid.height * grid.width) + corners
    return firsts[:, None] + offsets


def _replaced(pixels: tf.Tensor, places: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(pixels, places[..., None], values)


def _lengths(windows: tf.Tensor) -> tf.Tensor:
    """L2 norms [N, 1, channels] of windows [N, pixels, channels]."""
    return tf.sqrt(tf.reduce_sum(tf.square(windows), axis=1, keepdims=True))
