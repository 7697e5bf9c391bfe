"""What is compiled for each model, as long as the model lives and stays as it was."""

import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import tensorflow as tf

from attacks.description import Description
from attacks.readings import as_reading
from models.outputs import may_squash


@dataclass
class Compiled:
    """What is compiled for one model, by the shape of its images.

    Attributes:
        description: of the model as it was traced.
        batch_size: of a callable that was seen to take batches of one size only.
        computes_in_half: whether anything in it is float16.
        has_few_digits: whether anything in it is float16 or bfloat16.
        may_be_random: whether anything in it draws numbers, or cannot be looked into.
        may_squash: whether its outputs may be squashed, see `models.outputs.may_squash`.
        ends_in: "softmax", "sigmoid" or "tanh", where that is its last operation; else "".
        turns_to_integers: whether it turns floats into integers.
    """

    functions: "OrderedDict[tuple, dict]" = field(default_factory=OrderedDict)
    description: Description | None = None
    batch_size: int | None = None
    computes_in_half: bool = False
    has_few_digits: bool = False
    may_be_random: bool = False
    may_squash: bool = False
    ends_in: str = ""
    turns_to_integers: bool = False
    _is_inspected: bool = False

    def keep_if_same(self, description: Description) -> bool:
        """Drops everything unless it was made from this description; says whether it was."""
        if self.description is not None and self.description.parts == description.parts:
            return True
        self.clear()
        self.description, self.batch_size = description, None
        return False

    def clear(self) -> None:
        self.functions.clear()
        self._is_inspected = False

    def functions_for(self, image_shape: tuple[int, ...]) -> dict:
        """The functions for images of this shape; of many shapes, the last ones are kept."""
        functions = self.functions.setdefault(image_shape, {})
        self.functions.move_to_end(image_shape)
        if len(self.functions) > _MOST_SHAPES:
            self.functions.popitem(last=False)
        return functions

    def inspect(self, graph: tf.Graph) -> None:
        """Looks for what matters to attacks in a traced model."""
        if self._is_inspected:
            return
        definition = graph.as_graph_def()
        nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
        operations = {node.op for node in nodes}
        types = {attribute.type for node in nodes for attribute in node.attr.values()}
        self.computes_in_half = tf.float16.as_datatype_enum in types
        self.has_few_digits = self.computes_in_half or tf.bfloat16.as_datatype_enum in types
        opaque = any("PyFunc" in operation for operation in operations)
        drawing = _DRAWING
        if self.description.is_complete:  # others are run twice anyway
            drawing += ("Assign",)
        self.may_be_random = opaque or any(
            word in operation for word in drawing for operation in operations
        )
        self.may_squash = may_squash(graph)
        self.ends_in = _last_operation(graph.outputs[0])
        self.turns_to_integers = any(
            node.op == "Cast"
            and tf.as_dtype(node.attr["SrcT"].type).is_floating
            and tf.as_dtype(node.attr["DstT"].type).is_integer
            for node in nodes
        )
        self._is_inspected = True


def _last_operation(output: tf.Tensor) -> str:
    """What squashes the output of a graph, if its last operation of substance does."""
    while output.op.type in ("Identity", "Cast", "Reshape", "Squeeze"):
        output = output.op.inputs[0]
    kind = output.op.type.lower()
    return kind if kind in ("softmax", "sigmoid", "tanh") else ""


_MOST_SHAPES = 8
_DRAWING = ("Random", "Multinomial", "TruncatedNormal", "Rng", "Stateful")
# Compiled functions live as long as the model they belong to.
_of_models: "weakref.WeakKeyDictionary[object, Compiled]" = weakref.WeakKeyDictionary()


def compiled_for(model: Callable) -> tuple[Compiled, Callable]:
    """What is compiled for `model`, and what gives the model while it lives."""
    try:
        # A strong reference from the cache's value to its key would keep the model alive.
        return _of_models.setdefault(model, Compiled()), weakref.ref(model)
    except TypeError:  # neither weakly referenced nor hashed: compiled for this request only
        return Compiled(), lambda: model


def forget(model: Callable) -> None:
    """Drops what attacks have compiled for `model`, so that the next one sees it as it is now.

    Layers, their attributes and the outputs of code that is not Keras' own are compared at every
    call. What that cannot see is a change inside a large array, or of what code of your own reads,
    if it leaves the outputs for the first images as they were.
    """
    _of_models.pop(as_reading(model).model, None)
