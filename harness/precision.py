"""The precision that networks are trained in."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

PRECISIONS = ("float32", "mixed_float16")


def check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; accepted: {', '.join(PRECISIONS)}")


@contextmanager
def of_layers(precision: str) -> Iterator[None]:
    """Layers that are made inside compute in this precision, and so do their checkpoints.

    In "mixed_float16" (Micikevicius et al., "Mixed Precision Training", ICLR 2018,
    https://arxiv.org/abs/1710.03740) weights and logits stay float32, and Keras multiplies the loss
    so that gradients do not underflow.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
