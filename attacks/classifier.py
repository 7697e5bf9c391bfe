"""How an attack sees a model: compiled functions from images to logits."""

import weakref
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from models import ends_in_softmax

# Compiled functions live as long as the model they belong to.
_compiled: "weakref.WeakKeyDictionary[object, dict]" = weakref.WeakKeyDictionary()


class AsLogits:
    """A model whose output an attack takes for logits, whatever it is."""

    def __init__(self, model: Callable):
        self.model = model


def as_logits(model: Callable) -> AsLogits:
    """Declares that the output of `model` is to be treated as logits.

    Some studies attacked networks that end in softmax this way. It weakens gradient attacks;
    use it to repeat such an experiment, and `models.without_softmax` for an honest evaluation.
    """
    return AsLogits(model)


class Classifier:
    """The logits of a model and what attacks compute from them, traced once per model.

    Args:
        model: a Keras model, any callable from images [N, ...] to logits [N, classes], or
            either of them in `as_logits`. Like everything that TensorFlow compiles, a callable
            is seen as it was at its first use, but for the values of its variables.
        image_shape: the shape of one image.
        jit_compile: compile with XLA. It pays on some accelerators; on CPUs it loses the fast
            convolutions.

    Raises:
        ValueError: `model` cannot be called, ends in softmax, or does not give [N, classes].
    """

    def __init__(
        self, model: Callable | AsLogits, image_shape: tuple[int, ...], jit_compile: bool = False
    ):
        self.model = model.model if isinstance(model, AsLogits) else model
        self.image_shape = tuple(image_shape)
        self.jit_compile = jit_compile
        self._output_is_logits = isinstance(model, AsLogits)
        if not callable(self.model):
            raise ValueError(
                f"model is {self.model!r}; accepted: a Keras model, or a callable that gives logits"
            )
        if not self._output_is_logits and isinstance(self.model, keras.Model):
            if ends_in_softmax(self.model):
                raise ValueError(_SOFTMAX.format(f"model {self.model.name!r} ends in softmax"))
        self._functions, self._model_now = _functions_of(self.model)
        self._logits = self.compiled("logits", lambda logits_of: logits_of, [self.batch_spec])
        self.num_classes = self._check_output()

    @property
    def batch_spec(self) -> tf.TensorSpec:
        """A batch of images; its size is left open so that one trace serves all sizes."""
        return tf.TensorSpec([None, *self.image_shape], tf.float32)

    def compiled(self, name: str, make: Callable, signature: list) -> Callable:
        """The compiled function that `make(logits_of)` returns, made once per model.

        `logits_of` maps a batch to float32 logits in inference mode. `name` distinguishes
        functions of the same model and has to name everything that `make` depends on.
        """
        key = (name, self.image_shape, self.jit_compile)
        if key not in self._functions:
            model, is_keras = self._model_now, isinstance(self.model, keras.Model)

            def logits_of(images):
                outputs = model()(images, training=False) if is_keras else model()(images)
                if not tf.is_tensor(outputs):
                    raise ValueError(
                        f"model gives a {type(outputs).__name__}; accepted: one tensor of logits "
                        "[N, classes]"
                    )
                return tf.cast(outputs, tf.float32)

            # Concrete, so that TensorFlow does not take many models for many retracings of one.
            self._functions[key] = tf.function(
                make(logits_of),
                input_signature=signature,
                autograph=not is_keras,
                jit_compile=self.jit_compile or None,
            ).get_concrete_function()
        return self._functions[key]

    def logits(self, images) -> tf.Tensor:
        """Logits [N, classes] of float32 images [N, ...]."""
        return self._logits(images)

    def check_probe(self, images: np.ndarray) -> None:
        """Refuses a model whose outputs on a few `images` are not finite, or probabilities."""
        if not len(images):
            return
        outputs = self.logits(images[:2]).numpy()
        if not np.isfinite(outputs).all():
            raise ValueError("model gives outputs that are not finite; accepted: finite logits")
        if self._output_is_logits:
            return
        # The tolerance is that of probabilities in float16.
        if outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
            raise ValueError(_SOFTMAX.format("the outputs of model are probabilities"))

    def _check_output(self) -> int:
        shape = self._logits.structured_outputs.shape
        if shape.rank != 2 or shape[1] is None or shape[1] < 2:
            raise ValueError(
                f"model gives outputs of shape {shape}; accepted: logits [N, classes], "
                "with 2 classes or more"
            )
        return int(shape[1])


def _functions_of(model: Callable) -> tuple[dict, Callable]:
    """The compiled functions of `model`, and what gives the model while it lives."""
    try:
        # A strong reference from the cache's value to its key would keep the model alive.
        return _compiled.setdefault(model, {}), weakref.ref(model)
    except TypeError:  # neither weakly referenced nor hashed: compiled for this request only
        return {}, lambda: model


_SOFTMAX = (
    "{}; accepted: logits. Attack models.without_softmax(model), or say as_logits(model) "
    "to have the probabilities treated as logits"
)
