"""The one check of numbers."""

from fractions import Fraction

import numpy as np
import pytest

from models.ranges import check_number, check_whole, is_whole


def test_numbers_of_all_kinds_are_accepted():
    check_number(above=0, a=1, b=0.5, c=np.float32(2), d=np.int64(3), e=Fraction(1, 3))
    check_number(least=0, most=1, a=0, b=1.0)
    check_number(least=0, below=1, a=0, b=0.999)
    check_number(anything=-1e30)
    check_whole(a=1, b=np.int32(7))
    check_whole(least=0, most=8, a=0, b=8)


@pytest.mark.parametrize(
    "bounds, value, accepted",
    [
        ({"above": 0}, 0, "a finite number above 0"),
        ({"above": 0}, float("inf"), "a finite number above 0"),
        ({"above": 0}, float("nan"), "a finite number above 0"),
        ({"above": 0}, "1", "a finite number above 0"),
        ({"above": 0}, None, "a finite number above 0"),
        ({"above": 0}, True, "a finite number above 0"),
        ({"least": 0}, -1e-9, "a finite number, 0 or more"),
        ({"least": 0, "most": 1}, 1.5, "a number from 0 to 1"),
        ({"least": 0, "most": 1}, np.float32(-1), "a number from 0 to 1"),
        ({"least": 0, "below": 1}, 1, "a finite number, 0 or more, below 1"),
        ({"above": 0, "most": 1}, 0, "a finite number above 0, at most 1"),
        ({"above": 0, "most": 1}, 1.01, "a finite number above 0, at most 1"),
    ],
)
def test_numbers_outside_are_refused(bounds, value, accepted):
    with pytest.raises(ValueError) as error:
        check_number(**bounds, inside=0.5, share=value)
    assert str(error.value) == f"share is {value!r}; accepted: {accepted}"


@pytest.mark.parametrize(
    "bounds, value, accepted",
    [
        ({}, 0, "a whole number, 1 or more"),
        ({}, 1.0, "a whole number, 1 or more"),
        ({}, True, "a whole number, 1 or more"),
        ({"least": 0}, -1, "a whole number, 0 or more"),
        ({"most": 8}, 9, "a whole number, 1 to 8"),
    ],
)
def test_other_than_whole_numbers_are_refused(bounds, value, accepted):
    with pytest.raises(ValueError) as error:
        check_whole(**bounds, inside=1, steps=value)
    assert str(error.value) == f"steps is {value!r}; accepted: {accepted}"


def test_what_is_a_whole_number():
    assert all(map(is_whole, (0, -3, np.int64(2), np.uint8(1))))
    assert not any(map(is_whole, (1.0, np.float64(1), True, np.bool_(True), "1", None)))
