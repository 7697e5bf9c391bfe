"""Counts what goes between host and device: reads, at which a GPU's queue runs dry, and uploads.

Counted is what TensorFlow's Python side asks for, so that it can be done where there is no GPU; on
a CPU the same calls copy within its memory. Not seen is a read through the buffer protocol
(`np.asarray(tensor)`), which no attack makes in a loop.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager.polymorphic_function.concrete_function import ConcreteFunction
from tensorflow.python.framework import constant_op, ops


@dataclass
class Transfers:
    """What went back and forth.

    Attributes:
        calls: compiled functions that were called, such as the step of an attack.
        reads: tensors that were read, each of which waits for the device.
        read_bytes: of all of them.
        uploads: arrays that were handed to TensorFlow.
        upload_bytes: of all of them.
        numbers: single numbers that were handed to it.
    """

    calls: int = 0
    reads: int = 0
    read_bytes: int = 0
    uploads: int = 0
    upload_bytes: int = 0
    numbers: int = 0

    def note_read(self, tensor: tf.Tensor) -> None:
        self.reads += 1
        self.read_bytes += _bytes_of(tensor)

    def note_upload(self, value: Any, tensor: Any) -> None:
        if isinstance(value, bool | int | float | np.generic):
            self.numbers += 1
        else:
            self.uploads += 1
            self.upload_bytes += _bytes_of(tensor)


@contextmanager
def counted() -> Iterator[Transfers]:
    """Counts what this process transfers inside of the `with` statement."""
    transfers = Transfers()
    read, convert = ops._EagerTensorBase._numpy, constant_op.convert_to_eager_tensor
    execute, call = pywrap_tfe.TFE_Py_FastPathExecute, ConcreteFunction.__call__

    def counted_read(tensor: Any) -> Any:
        transfers.note_read(tensor)
        return read(tensor)

    def counted_convert(value: Any, *arguments: Any, **options: Any) -> Any:
        tensor = convert(value, *arguments, **options)
        if tensor is not value:
            transfers.note_upload(value, tensor)
        return tensor

    def counted_execute(*arguments: Any) -> Any:
        for each in arguments:
            if isinstance(each, np.ndarray):  # as an input, since no attribute is an array
                transfers.note_upload(each, each)
        return execute(*arguments)

    def counted_call(function: Any, *arguments: Any, **options: Any) -> Any:
        transfers.calls += 1
        return call(function, *arguments, **options)

    with (
        mock.patch.object(ops._EagerTensorBase, "_numpy", counted_read),
        mock.patch.object(constant_op, "convert_to_eager_tensor", counted_convert),
        mock.patch.object(pywrap_tfe, "TFE_Py_FastPathExecute", counted_execute),
        mock.patch.object(ConcreteFunction, "__call__", counted_call),
    ):
        yield transfers


def _bytes_of(value: Any) -> int:
    return int(np.prod(value.shape, dtype=np.int64)) * tf.as_dtype(value.dtype).size
