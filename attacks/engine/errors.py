"""What is wrong with a model under attack, in words of its own."""

import sys
import warnings


class ModelError(ValueError):
    """The model cannot be attacked as it is; the message says what is accepted."""


class NoGradientError(ModelError):
    """TensorFlow knows of no way from the outputs of the model back to the images."""


def original(error: BaseException | None, outer: BaseException | None) -> ModelError | None:
    """The `ModelError` that a chain of errors began with, before TensorFlow put its text around it.

    Args:
        outer: what was being handled before, whose chain is another.
    """
    first = None
    while error is not None and error is not outer:
        first = error if isinstance(error, ModelError) else first
        error = error.__cause__ or error.__context__
    return first


def warn(message: str) -> None:
    """A RuntimeWarning at the line outside of this project's own packages that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, RuntimeWarning, stacklevel=level)


_PACKAGES = {"attacks", "defenses", "evaluation", "harness", "reports", "studies"}
