"""Ctrl-C stays what it is, whatever a scope that it tore away makes of it."""

import pytest
import tensorflow as tf

from files.interrupts import interrupts


@pytest.fixture
def torn():
    """A device scope that is entered and not left, as by Ctrl-C in the middle of entering it."""
    scope = tf.device("CPU:0")
    yield scope
    scope.__exit__(None, None, None)


def test_wrong_nesting_of_a_scope_was_ctrl_c(torn):
    with pytest.raises(KeyboardInterrupt) as raised, interrupts(), tf.device("CPU:0"):
        torn.__enter__()
        raise KeyboardInterrupt
    assert "proper scope nesting" in str(raised.value.__cause__)


def test_an_error_made_of_one_as_well():
    def build():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ValueError("the model cannot be built") from None

    with pytest.raises(KeyboardInterrupt), interrupts():
        try:
            build()
        except ValueError as error:
            raise RuntimeError("another reason") from error


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="^accepted: nothing$"), interrupts():
        try:
            raise KeyError("nothing")
        except KeyError:
            raise ValueError("accepted: nothing") from None
