"""What all builders demand of their arguments."""

from collections.abc import Sequence
from math import ceil

from models.ranges import check_number, check_whole, is_whole


def check_arguments(
    num_classes: int,
    input_shape: Sequence[int],
    upsampling: int,
    width: float,
    minimum_side: int,
) -> None:
    """Refuses arguments that no network can be built from.

    Args:
        num_classes, input_shape, upsampling, width: arguments of the builder.
        minimum_side: height and width, in enlarged pixels, that the network needs.

    Raises:
        ValueError: naming the argument, its value and what is accepted.
    """
    check_whole(least=2, num_classes=num_classes)
    if len(input_shape) != 3 or not all(is_whole(n) and n > 0 for n in input_shape):
        raise ValueError(
            f"input_shape is {input_shape!r}; accepted: three positive integers, "
            "(height, width, channels)"
        )
    check_whole(upsampling=upsampling)
    check_number(above=0, width=width)

    side = min(input_shape[:2])
    if side * upsampling < minimum_side:
        raise ValueError(
            f"upsampling is {upsampling}, which enlarges input_shape {tuple(input_shape)} to a "
            f"side of {side * upsampling} pixels; accepted: {ceil(minimum_side / side)} or more, "
            f"for the {minimum_side} pixels that the network needs"
        )


def scaled(units: int, width: float) -> int:
    """`units` times `width`, at least 1."""
    return max(1, round(units * width))
