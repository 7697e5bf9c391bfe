"""The one check of numbers that all packages but `data` use for their arguments."""

import math
from numbers import Integral, Real

Number = float | int


def check_number(
    *,
    least: Number | None = None,
    above: Number | None = None,
    most: Number | None = None,
    below: Number | None = None,
    **values: Number,
) -> None:
    """Refuses values that are not finite or not in a range, as in `check_number(above=0, x=x)`.

    Args:
        least, most: bounds that belong to the range.
        above, below: bounds that do not.
        values: the numbers by the names of their arguments.

    Raises:
        ValueError: naming the argument, its value and the range.
    """
    if least is not None and most is not None:
        accepted = f"a number from {least:g} to {most:g}"
    else:
        accepted = "a finite number"
        accepted += "" if above is None else f" above {above:g}"
        accepted += "" if least is None else f", {least:g} or more"
        accepted += "" if most is None else f", at most {most:g}"
        accepted += "" if below is None else f", below {below:g}"
    for name, value in values.items():
        if not (
            isinstance(value, Real)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
            and (below is None or value < below)
        ):
            raise ValueError(f"{name} is {value!r}; accepted: {accepted}")


def check_whole(*, least: int = 1, most: int | None = None, **values: int) -> None:
    """Refuses values that are not whole numbers from `least` to `most`.

    Raises:
        ValueError: naming the argument, its value and the range.
    """
    accepted = f"a whole number, {least} " + ("or more" if most is None else f"to {most}")
    for name, value in values.items():
        if not (is_whole(value) and value >= least and (most is None or value <= most)):
            raise ValueError(f"{name} is {value!r}; accepted: {accepted}")


def is_whole(value: object) -> bool:
    """Whether `value` is a whole number, Python's or NumPy's; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)
