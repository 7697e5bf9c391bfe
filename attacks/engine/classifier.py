"""How an attack sees a model: compiled functions from images to logits."""

import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from attacks.black_box import BlackBox
from attacks.engine.cache import compiled_for
from attacks.engine.description import describe
from attacks.engine.errors import ModelError, original, warn
from attacks.engine.gradients import LogitsOf
from attacks.engine.half_precision import with_scaled_gradient
from attacks.engine.network import Network, fixed_batch_size
from attacks.engine.traits import Traits, traits_of
from attacks.folded import Folded
from attacks.goals import are_finite
from attacks.readings import Logits, Model, Reading, TakenForLogits, as_reading
from models import squashing, without_softmax


class Classifier:
    """The logits of a model and what attacks compute from them, traced once per model.

    Args:
        model: a Keras model, a callable from images [N, ...] to logits [N, classes], or either of
            them in `as_logits` or `as_probabilities`. One output z counts as the logits [0, z].
            The values of variables are read afresh at every call; a model that has been changed
            otherwise is traced again (see `attacks.forget`).
        image_shape: the shape of one image.
        jit_compile: compile with XLA. It pays on some accelerators; on CPUs it loses the fast
            convolutions.

    Attributes:
        spread: the largest difference of a logit between two passes of the images of
            `check_probe`; 0 unless the model is random.

    Raises:
        ModelError: `model` cannot be called or traced, squashes its outputs, takes other images,
            or does not give [N, classes].
    """

    def __init__(self, model: Model, image_shape: tuple[int, ...], jit_compile: bool = False):
        reading = as_reading(model)
        self.model = reading.model
        self.image_shape = tuple(image_shape)
        self.jit_compile = jit_compile
        self.spread = 0.0
        self._is_plain = type(reading.outputs) is Logits
        self._check_model()
        self._entry, model_now = compiled_for(self.model)
        self._was_known = self._entry.keep_if_same(describe(self.model))
        self._network = Network(
            model_now,
            reading.outputs,
            self.image_shape,
            self._entry.batch_size or fixed_batch_size(self.model),
        )
        self._trace_logits()

    @property
    def batch_spec(self) -> tf.TensorSpec:
        """A batch of images; its size is left open so that one trace serves all sizes."""
        return tf.TensorSpec([None, *self.image_shape], tf.float32)

    def compiled(self, name: str, make: Callable[[LogitsOf], Callable], signature: list) -> Any:
        """The compiled function that `make(logits_of)` returns, made once per model.

        `logits_of` maps a batch to float32 logits in inference mode. `name` distinguishes
        functions of the same model and has to name everything that `make` depends on.
        """
        functions = self._entry.functions_for(self.image_shape)
        key = (name, self._network.reading.name, self.jit_compile)
        if key not in functions:
            in_half = self._traits.computes_in_half
            logits_of = with_scaled_gradient(self._network) if in_half else self._network
            functions[key] = self._traced(make(logits_of), signature)
            self._was_run()
        return functions[key]

    def logits(self, images: np.ndarray | tf.Tensor) -> tf.Tensor:
        """Logits [N, classes] of float32 images [N, ...]."""
        return self._logits(images)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """What logits [N, classes] say of each class, float32 [N, classes] in [0, 1]."""
        return self._network.reading.probabilities(logits)

    def folded(self) -> Reading:
        """The model folded, read as this one is; folded anew if its weights have changed."""
        if self._entry.folded is None or not self._entry.folded.is_up_to_date():
            self._entry.folded = Folded(self._network.model_now)
        return Reading(self._entry.folded, self._network.reading)

    def check_probe(self, images: np.ndarray, batch_size: int) -> None:
        """Compares the model with what was compiled of it, and checks its outputs.

        Args:
            images: those to be attacked, of which the first few are looked at.
            batch_size: of the attack. A callable that fails on few images is taken for one that
                accepts batches of this size only.

        Raises:
            ModelError: no output is finite, or they are squashed.
        """
        if not len(images):
            return
        is_plain_graph = self._entry.description.is_complete and not self._traits.may_squash
        few = images[: 2 if is_plain_graph else 8]
        outputs = self._logits_of_few(few, batch_size)
        # What a folded model gives is settled, and its model is compared by itself.
        settled = self._entry.description.is_complete or isinstance(self.model, BlackBox | Folded)
        if not settled:
            outputs = self._compare_with_code(few, outputs)
        if self._traits.may_be_random:
            self._note_spread(spread_of(outputs, self.logits(few).numpy()))
        self._check_bytes(few, outputs)
        if not are_finite(outputs).any():
            outputs = self.logits(images[:batch_size]).numpy()
        finite = outputs[are_finite(outputs)]
        if not len(finite):
            raise ModelError(
                f"model gives outputs that are not finite on each of the first {len(outputs)} "
                "images; accepted: finite logits"
            )
        if self._is_plain:
            self._check_not_squashed(finite)
        else:
            self._check_not_one_probability(finite)
            self._check_declared(few)

    def _check_model(self) -> None:
        if not callable(self.model):
            raise ModelError(
                f"model is {self.model!r}; accepted: a Keras model, or a callable that gives logits"
            )
        if isinstance(self.model, BlackBox) and self.jit_compile:
            raise ModelError("jit_compile is True with a black box; accepted: False")
        if isinstance(self.model, keras.Model):
            _check_input(self.model, self.image_shape)
            if self._is_plain:
                _check_end(self.model)

    @property
    def takes_gradients(self) -> bool:
        """Whether the model takes gradients of its own for its outputs."""
        return self._traits.takes_gradients

    @property
    def _traits(self) -> Traits:
        return self._entry.traits.get(self._network.reading.name, Traits())

    def _trace_logits(self) -> None:
        self._logits = self.compiled("logits", lambda logits_of: logits_of, [self.batch_spec])
        reading = self._network.reading.name
        if reading not in self._entry.traits:
            # Code that is not Keras' own is run twice anyway, see `_compare_with_code`.
            may_assign = not self._entry.description.is_complete
            self._entry.traits[reading] = traits_of(self._logits.graph, may_assign)
        self.num_classes = int(self._logits.structured_outputs.shape[1])

    def _traced(self, function: Callable, signature: list) -> Any:
        is_keras = isinstance(self.model, keras.Model)
        outer = sys.exc_info()[1]
        try:
            # Concrete, so that TensorFlow does not take many models for many retracings of one.
            return tf.function(
                function,
                input_signature=signature,
                autograph=False,  # but for a callable's own code, see `Network`
                jit_compile=self.jit_compile or None,
            ).get_concrete_function()
        except Exception as error:
            known = original(error, outer)
            if known is not None:
                raise known from None
            # Keras' own message is clear, unless a layer's code leaves TensorFlow.
            if is_keras and not isinstance(error, NotImplementedError | AttributeError):
                raise
            raise ModelError(
                f"model cannot be traced by TensorFlow ({_last_line(error)}); accepted: a Keras "
                "model, or a callable of TensorFlow operations (attacks.black_box(function, "
                "classes) for a function of NumPy arrays)"
            ) from error

    def _logits_of_few(self, images: np.ndarray, batch_size: int) -> np.ndarray:
        """The logits of few images, of a model that may take no batch but those of one size."""
        try:
            return self.logits(images).numpy()
        except tf.errors.OpError as error:
            if isinstance(self.model, BlackBox) and self.model.error is not None:
                cause = self.model.error
                raise (
                    cause
                    if isinstance(cause, ModelError)
                    else ModelError(
                        f"function fails with {type(cause).__name__}: {cause}; accepted: one that "
                        f"gives outputs for images of shape {images.shape}"
                    )
                ) from cause
            if not isinstance(error, tf.errors.InvalidArgumentError):
                raise
            reason = _last_line(error)
        if not isinstance(self.model, keras.Model) and not self._network.batch_size:
            self._entry.clear()
            self._entry.batch_size = self._network.batch_size = batch_size
            try:
                self._trace_logits()
                return self.logits(images).numpy()
            except (tf.errors.InvalidArgumentError, ModelError):
                self._entry.batch_size = None
        raise ModelError(
            f"model fails on {len(images)} images, and on batches of {batch_size} ({reason}); "
            "accepted: a model that takes batches of any size, or of the attack's batch_size"
        )

    def _compare_with_code(self, images: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The logits by a function that does what the model's own code does by now.

        What is compiled is compared with a run of the code, which may read whatever it likes.
        """
        rounding = 3e-2 if self._traits.has_few_digits else 1e-3
        now = self._network(tf.constant(images)).numpy()
        difference = spread_of(outputs, now, rounding)
        if difference:
            # Two passes of a random model differ without a change.
            noise = spread_of(now, self._network(tf.constant(images)).numpy(), rounding)
            if noise:
                self._note_spread(noise)
            if self._was_known and difference > 3 * noise:
                self._entry.clear()
                self._trace_logits()
                outputs = self.logits(images).numpy()
        self._was_run()
        return outputs

    def _was_run(self) -> None:
        """Describes the model anew after its Python code was run, which may count its calls."""
        self._entry.description = describe(self.model)

    def _note_spread(self, spread: float) -> None:
        if spread and not self.spread:
            warn(
                f"model is random at inference: two passes differ by up to {spread:.2g} in a "
                "logit, and each result comes from a single draw; attacks.averaged(model, "
                "draws=20) is the mean of several"
            )
        self.spread = max(self.spread, spread)

    def _check_bytes(self, images: np.ndarray, outputs: np.ndarray) -> None:
        """Refuses a model that turns images into integers, to which all below 1 is black."""
        whole = np.floor(images)
        if not self._traits.turns_to_integers or np.array_equal(images, whole):
            return
        if np.array_equal(outputs, self.logits(whole).numpy()):
            raise ModelError(
                "model turns images into whole numbers, so that images in [0, 1] are black to it; "
                "accepted: floats in [0, 1] (models.with_unit_range(model) takes them and gives "
                "the model 0-255)"
            )

    def _check_not_one_probability(self, outputs: np.ndarray) -> None:
        """Refuses p as the logit of the second class, which it would make that of every image."""
        kind = squashing(self.model) if isinstance(self.model, keras.Model) else None
        of_one = outputs.shape[1] == 2 and not outputs[:, 0].any()
        is_kept = isinstance(self._network.reading, TakenForLogits)
        if is_kept and of_one and kind == "sigmoid":
            raise ModelError(
                "model has one output, of a sigmoid, which taken for a logit is the second class "
                "for every image; accepted: attacks.as_probabilities(model)"
            )

    def _check_declared(self, images: np.ndarray) -> None:
        """Refuses outputs that are not the probabilities they were declared to be."""
        if not self._network.reading.takes_probabilities:
            return
        outputs = self.compiled("outputs", lambda _: self._network.outputs, [self.batch_spec])
        values = outputs(images).numpy()
        values = values[are_finite(values)]
        tolerance = self._tolerance
        if values.size and not (values.min() >= 0 and values.max() <= 1 + tolerance):
            raise ModelError(
                f"the outputs of model are from {values.min():.3g} to {values.max():.3g}; accepted "
                "as probabilities: 0 to 1 (logits are attacked as they are)"
            )
        sums = values.sum(axis=1)
        if self._network.reading.sum_to_1 and values.shape[1] > 1:
            if not np.allclose(sums, 1, atol=tolerance):
                raise ModelError(
                    f"the outputs of model sum to {sums.min():.3g} to {sums.max():.3g} for an "
                    "image; accepted as probabilities: 1 "
                    "(attacks.as_probabilities(model, independent=True) where each class has a "
                    "sigmoid of its own)"
                )

    @property
    def _tolerance(self) -> float:
        """How far sums of probabilities may be from 1."""
        return 1e-2 if self._traits.has_few_digits else 1e-3

    def _check_not_squashed(self, outputs: np.ndarray) -> None:
        if isinstance(self.model, keras.Model):  # built by now, if it was not before
            _check_end(self.model)
        if outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=self._tolerance):
            raise ModelError(
                "the outputs of model are probabilities; accepted: logits "
                "(attacks.as_probabilities(model) for their logarithms, or "
                "attacks.as_logits(model) to have them taken for logits)"
            )
        if self._traits.ends_in:
            raise ModelError(
                f"the outputs of model are those of {self._traits.ends_in}; accepted: logits "
                f"({_as_probabilities(self._traits.ends_in)}attacks.as_logits(model) to have them "
                "taken for logits)"
            )
        if not self._traits.may_squash:
            return
        if outputs.shape[1] == 2 and not outputs[:, 0].any():
            outputs = outputs[:, 1:]  # of one output
        if outputs.min() >= 0 and outputs.max() <= 1 and outputs.min() < outputs.max():
            raise ModelError(
                "the outputs of model are all between 0 and 1, as those of sigmoids are; accepted: "
                "logits (attacks.as_probabilities(model, independent=True) for what the sigmoids "
                "are of, or attacks.as_logits(model) if they are logits)"
            )


def _check_input(model: keras.Model, image_shape: tuple[int, ...]) -> None:
    inputs = getattr(model, "inputs", None)
    if not inputs:  # a subclassed model does not tell
        return
    if len(inputs) > 1:
        raise ModelError(
            f"model {model.name!r} takes {len(inputs)} inputs; accepted: one, the images (others "
            "can be fixed: lambda images: model([images, others], training=False))"
        )
    shape = tuple(inputs[0].shape[1:])
    if len(shape) != len(image_shape) or not all(
        wanted in (None, given) for wanted, given in zip(shape, image_shape)
    ):
        raise ModelError(
            f"images have shape {image_shape}; accepted: {shape}, which model {model.name!r} takes"
        )
    if not tf.as_dtype(inputs[0].dtype).is_floating:
        raise ModelError(
            f"model {model.name!r} takes {inputs[0].dtype} images; accepted: floats in [0, 1] "
            "(models.with_unit_range(model) takes them and gives the model 0-255)"
        )


def _check_end(model: keras.Model) -> None:
    kind = squashing(model)
    if kind is None:
        return
    try:
        without_softmax(model)
        way_out = "models.without_softmax(model), or "
    except ValueError:
        way_out = _as_probabilities(kind)
    raise ModelError(
        f"model {model.name!r} ends in {kind}; accepted: logits ({way_out}"
        "attacks.as_logits(model) to have its outputs taken for logits)"
    )


def _as_probabilities(kind: str) -> str:
    """How to attack what is before a squashing that cannot be taken off; no words for "tanh"."""
    if "softmax" in kind:
        return "attacks.as_probabilities(model), or "
    return "attacks.as_probabilities(model, independent=True), or " if "sigmoid" in kind else ""


def spread_of(outputs: np.ndarray, others: np.ndarray, rounding: float = 1e-5) -> float:
    """The largest difference between outputs; 0 if it is below `rounding` times the largest.

    Infinite if their shapes differ, or which of their entries are finite.
    """
    if outputs.shape != others.shape:
        return np.inf
    finite = np.isfinite(outputs)
    if not np.array_equal(finite, np.isfinite(others)):
        return np.inf
    outputs, others = outputs[finite], others[finite]
    if not outputs.size:
        return 0.0
    difference = float(np.abs(outputs - others).max())
    return difference if difference > rounding * float(np.abs(outputs).max()) else 0.0


def _last_line(error: Exception) -> str:
    """What an error of TensorFlow comes down to, without the way through the graph."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error: " in line] or lines[-1:]
    return telling[-1] if telling else type(error).__name__
