"""What all builders demand of their arguments."""

from collections.abc import Sequence
from math import ceil, inf
from numbers import Integral


def check_arguments(
    num_classes: int,
    input_shape: Sequence[int],
    upsampling: int,
    width: float,
    minimum_side: int,
) -> None:
    """Raise ValueError unless a network can be built; `minimum_side` is in up-sampled pixels."""
    if not isinstance(num_classes, Integral) or num_classes < 2:
        raise ValueError(f"num_classes={num_classes!r}; accepted: an integer of at least 2")
    if len(input_shape) != 3 or not all(isinstance(n, Integral) and n > 0 for n in input_shape):
        raise ValueError(
            f"input_shape={input_shape!r}; accepted: three positive integers, "
            "(height, width, channels)"
        )
    if not isinstance(upsampling, Integral) or upsampling < 1:
        raise ValueError(f"upsampling={upsampling!r}; accepted: an integer of at least 1")
    if not 0 < width < inf:
        raise ValueError(f"width={width!r}; accepted: a finite number above 0")

    side = min(input_shape[:2])
    if side * upsampling < minimum_side:
        raise ValueError(
            f"upsampling={upsampling} enlarges input_shape={tuple(input_shape)} to a side of "
            f"{side * upsampling} pixels; the network needs at least {minimum_side}, so "
            f"accepted: upsampling of at least {ceil(minimum_side / side)}"
        )


def scaled(units: int, width: float) -> int:
    """`units` times `width`, at least 1."""
    return max(1, round(units * width))
