"""What a traced model shows of itself that matters to attacks."""

from dataclasses import dataclass

import tensorflow as tf

from models.squashed_outputs import may_squash


@dataclass(frozen=True)
class Traits:
    """Seen in the operations of a model; the defaults are those of a plain float32 network.

    Attributes:
        computes_in_half: whether anything in it is float16.
        has_few_digits: whether anything in it is float16 or bfloat16.
        may_be_random: whether anything in it draws numbers, or cannot be looked into.
        may_squash: whether its outputs may be squashed, see `models.squashed_outputs`.
        ends_in: "softmax", "sigmoid" or "tanh", where that is its last operation; else "".
        turns_to_integers: whether it turns floats into integers.
        takes_gradients: whether it takes gradients of its own, as a defense does that adapts to
            each image.
    """

    computes_in_half: bool = False
    has_few_digits: bool = False
    may_be_random: bool = False
    may_squash: bool = False
    ends_in: str = ""
    turns_to_integers: bool = False
    takes_gradients: bool = False


def traits_of(graph: tf.Graph, may_assign: bool) -> Traits:
    """The traits of a traced model.

    Args:
        may_assign: whether an assignment is no sign of outputs that change from pass to pass.
    """
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    operations = {node.op for node in nodes}
    types = {attribute.type for node in nodes for attribute in node.attr.values()}
    drawing = _DRAWING if may_assign else (*_DRAWING, "Assign")
    in_half = tf.float16.as_datatype_enum in types
    return Traits(
        computes_in_half=in_half,
        has_few_digits=in_half or tf.bfloat16.as_datatype_enum in types,
        may_be_random=any(word in operation for word in drawing for operation in operations),
        may_squash=may_squash(graph),
        ends_in=_last_operation(graph.outputs[0]),
        turns_to_integers=any(
            node.op == "Cast"
            and tf.as_dtype(node.attr["SrcT"].type).is_floating
            and tf.as_dtype(node.attr["DstT"].type).is_integer
            for node in nodes
        ),
        takes_gradients=any(
            scope in node.name.split("/") for node in nodes for scope in _OF_GRADIENTS
        ),
    )


def _last_operation(output: tf.Tensor) -> str:
    """What squashes the output of a graph, if its last operation of substance does."""
    while output.op.type in ("Identity", "Cast", "Reshape", "Squeeze"):
        output = output.op.inputs[0]
    kind = output.op.type.lower()
    return kind if kind in ("softmax", "sigmoid", "tanh") else ""


#: Where TensorFlow puts the operations of a gradient, of a tape and of `tf.gradients`.
_OF_GRADIENTS = ("gradient_tape", "gradients")
#: Parts of the names of operations that draw numbers, or that cannot be looked into.
_DRAWING = (
    "Random",
    "Multinomial",
    "TruncatedNormal",
    "StatefulStandardNormal",
    "StatefulUniform",
    "Rng",
    "PyFunc",
)
