"""What a model is made of, so that a change of it is seen."""

import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Description:
    """What was seen of a model.

    Attributes:
        parts: its layers, their plain attributes, and which functions and tensors they hold. The
            values of variables are no part of it: compiled functions read them afresh.
        is_complete: whether nothing else decides the outputs. Code that is not Keras' own, such
            as the `call` of a subclassed model, may read whatever it likes.
    """

    parts: list
    is_complete: bool


def describe(model: Any) -> Description:
    """Describes a Keras model, or another callable, in some 10 us per layer."""
    parts: list = []
    seen: set[int] = set()
    pending = [model]
    is_complete = isinstance(model, keras.Model)

    def seen_as(value: Any) -> Any:
        """What stands for the value of an attribute; `NotImplemented` for nothing."""
        nonlocal is_complete
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is keras.Variable:
            return _Same(value)
        if kind is types.FunctionType:
            is_complete = is_complete and _is_known(value)
            return _Same(value)
        if isinstance(value, list | tuple):
            return [seen_as(each) for each in value]
        if isinstance(value, dict):
            return [(key, seen_as(each)) for key, each in value.items() if type(key) in _PLAIN]
        if isinstance(value, keras.Operation):
            pending.append(value)
            return _Same(value)
        if isinstance(value, np.ndarray | np.generic):
            small = value.nbytes <= _LARGEST_ARRAY
            return (value.shape, value.dtype.str, value.tobytes()) if small else _Same(value)
        if isinstance(value, keras.DTypePolicy):
            return value.name
        if isinstance(value, tf.Tensor | tf.Variable):
            return _Same(value)
        if isinstance(value, _COMPILED) or (callable(value) and not _is_known(kind)):
            is_complete = False  # such as a tf.function or a functools.partial
            return _Same(value)
        return NotImplemented

    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        is_known = _is_known(type(part))
        is_complete = is_complete and is_known
        parts.append(_Same(part))
        for name, value in getattr(part, "__dict__", {}).items():
            if name in _BOOKKEEPING or name.startswith("_self_"):
                continue
            if is_known and name[0] == "_" and name not in _KEPT:
                continue
            described = seen_as(value)
            if described is not NotImplemented:
                parts.append((name, described))
    return Description(parts, is_complete)


class _Same:
    """Equal to another of the same object, and to none once the object is gone."""

    __slots__ = ("_reference",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, thing: Any):
        self._reference: Callable[[], Any]
        try:
            self._reference = weakref.ref(thing)
        except TypeError:
            self._reference = lambda: thing

    def __eq__(self, other: object) -> bool:
        thing = self._reference()
        return isinstance(other, _Same) and thing is not None and thing is other._reference()


_COMPILED = tf.types.experimental.PolymorphicFunction | tf.types.experimental.ConcreteFunction
_PLAIN = {type(None), bool, int, float, complex, str, bytes}
_LARGEST_ARRAY = 2**16  # in bytes: comparing one takes microseconds
# The private attributes of Keras' own layers that bear on their outputs.
_KEPT = {"_layers", "_functional", "_operations", "_dtype_policy", "_kernel"}
# What Keras notes on a layer or a model without bearing on its outputs at inference.
_BOOKKEEPING = (
    vars(keras.Sequential(name="bookkeeping")).keys()
    | {"optimizer", "history", "stop_training", "stop_evaluating", "stop_predicting"}
    | {"_compile_config", "_compiled_trainable_state", "_epoch_iterator", "_eval_epoch_iterator"}
    | {"_eval_data_handler"}
) - _KEPT


def _is_known(code: Any) -> bool:
    """Whether a class or function is of Keras, of TensorFlow or of this project."""
    return (code.__module__ or "").split(".")[0] in _KNOWN


_KNOWN = {"keras", "tensorflow", "data", "models", "defenses", "distillation"}
