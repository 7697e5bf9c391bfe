"""A Keras model of the user's own: made ready to be attacked on a data set, and evaluated.

Nothing is changed silently: what had to be adapted is returned in words, and what cannot be
adapted is refused. Messages name the options of `reproduce.py attack` and `evaluate`.
"""

import importlib
import math
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import keras
import numpy as np

import data
import models
from attacks import ModelError, as_logits, as_probabilities
from attacks.engine.classifier import Classifier
from attacks.readings import Reading
from data import Dataset
from evaluation.estimates import Estimate
from evaluation.robustness import Robustness, evaluate_robustness
from evaluation.stages import Stages
from models.outputs import check_is_graph


@dataclass(frozen=True)
class OwnRobustness:
    """What a battery of attacks leaves, and how the model or the images were adapted."""

    robustness: Robustness
    notes: list[str]


def evaluate_own_robustness(
    model: keras.Model,
    dataset: Dataset,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    images: int = 500,
    autoattack_images: int = 100,
    autoattack_version: str = "standard",
    pixel_range: str = "0-1",
    softmax: str = "refuse",
    seed: int = 0,
    batch_size: int = 128,
    progress: Stages | None = None,
    jit_compile: bool = False,
) -> OwnRobustness:
    """Attacks a model in many ways on test images of a data set, drawn at random.

    Args:
        model: a Keras model with one input and one output.
        images: how many test images are attacked.
        pixel_range, softmax: see `made_ready`.
        epsilon, norm, autoattack_images, autoattack_version, seed, batch_size, progress,
            jit_compile: see `evaluate_robustness`.

    Raises:
        ValueError: the model does not go with the data or the options, or as `evaluate_robustness`.
    """
    if images < 1:
        raise ValueError(f"--images is {images}; accepted: 1 or more")
    own = made_ready(model, dataset, pixel_range=pixel_range, softmax=softmax)
    robustness = evaluate_robustness(
        own.seen,
        dataset.x_test,
        dataset.y_test,
        epsilon=epsilon,
        norm=norm,
        max_images=images,
        autoattack_images=autoattack_images,
        autoattack_version=autoattack_version,
        seed=seed,
        batch_size=batch_size,
        progress=progress,
        jit_compile=jit_compile,
    )
    of_range = hint_at_range(robustness.clean, own.classes, pixel_range)
    return OwnRobustness(robustness, [*own.notes, *dataset.notes, *of_range])


def find_data(
    source: str,
    model: keras.Model,
    *,
    data_dir: str | PathLike | None = None,
    images_per_class: int | None = None,
) -> Dataset:
    """A data set by its name, or the user's own images by their path.

    Args:
        source: one of `data.NAMES`, or the path of an .npz file or of a folder with a folder for
            each class; see `data.load_own`.
        model: takes these images.
        data_dir, images_per_class: of a data set that has a name; see `data.load`.

    Raises:
        ValueError: neither is there, or it does not go with the model.
        FileNotFoundError: see `data.load`.
    """
    if source in data.NAMES:
        return data.load(source, data_dir=data_dir, images_per_class=images_per_class)
    if not Path(source).expanduser().exists():
        raise ValueError(
            f"--data is {source!r}; accepted: {', '.join(data.NAMES)}, an .npz file that exists, "
            "or a folder with a folder for each class"
        )
    for option, value in (("--data-dir", data_dir), ("--images-per-class", images_per_class)):
        if value is not None:
            raise ValueError(f"{option} is {value} with --data {source}; accepted: no {option}")
    check_is_graph(model)
    classes = model.output_shape[-1] if len(model.output_shape) == 2 else None
    return data.load_own(
        source, tuple(model.inputs[0].shape[1:]), None if classes is None else max(2, classes)
    )


def hint_at_range(clean: Estimate, classes: int, pixel_range: str) -> list[str]:
    """What else may be wrong with a model that only guesses."""
    if pixel_range == "0-1" and clean.low <= 1 / classes:
        return ["If the model takes grey levels, say --range 0-255."]
    return []


@dataclass(frozen=True)
class OwnModel:
    """A model as attacks are to see it.

    Attributes:
        seen: gives logits, or says how its outputs become logits.
        classes: how many it tells apart; 2 for one output.
        notes: how the model or the images were adapted, one sentence each.
    """

    seen: keras.Model | Reading
    classes: int
    notes: list[str]


def made_ready(
    model: keras.Model, dataset: Dataset, *, pixel_range: str = "0-1", softmax: str = "refuse"
) -> OwnModel:
    """A model ready to be attacked on the test images of a data set.

    Args:
        model: a functional or built sequential model with one input and one output.
        pixel_range: what the model takes: "0-1", or "0-255" for one that rescales by itself.
        softmax: for a model that ends in softmax, sigmoid or the like: "refuse" it, "remove" what
            it ends in (or, where that cannot be taken off, attack the logarithm), or "keep" it
            and treat the outputs as logits.

    Raises:
        ValueError: the model does not go with the data set or the options.
    """
    model, notes = _fitted_to(_with_unit_range(model, pixel_range), dataset)
    seen = _giving_logits(model, dataset.x_test[:8], softmax)
    return OwnModel(seen, max(2, model.output_shape[-1]), notes)


def _with_unit_range(model: keras.Model, pixel_range: str) -> keras.Model:
    if pixel_range not in ("0-1", "0-255"):
        raise ValueError(f"--range is {pixel_range!r}; accepted: 0-1, 0-255")
    check_is_graph(model)
    if pixel_range == "0-255":
        return models.with_unit_range(model)
    kind = model.inputs[0].dtype
    if "int" in kind:
        raise ValueError(
            f"--range is 0-1, but the model takes {kind} images; accepted: 0-255 (which gives it "
            "the grey levels as floats, for the sake of gradients)"
        )
    return model


def _fitted_to(model: keras.Model, dataset: Dataset) -> tuple[keras.Model, list[str]]:
    """The model as one that takes the images of a data set, and what has to be said of that.

    Images are transposed or reshaped, never resized.
    """
    model, notes = _with_image_shape(model, tuple(dataset.x_test.shape[1:]))
    outputs = model.output_shape
    if len(outputs) != 2 or not outputs[1]:
        raise ValueError(f"model gives outputs of shape {outputs}; accepted: logits [N, classes]")
    classes = max(2, outputs[1])
    if classes <= dataset.y_test.max():
        gives = "one output, for 2 classes" if outputs[1] == 1 else f"{classes} classes"
        raise ValueError(
            f"model has {gives}, {dataset.name} has {dataset.num_classes}; accepted: a model of "
            f"these {dataset.num_classes} classes, or data with labels below {classes}"
        )
    if outputs[1] > dataset.num_classes:
        notes.append(
            f"The model has {classes} classes, {dataset.name} {dataset.num_classes}: its labels "
            "are taken for the first classes of the model."
        )
    return model, notes


def _with_image_shape(model: keras.Model, has: tuple[int, ...]) -> tuple[keras.Model, list[str]]:
    takes = tuple(model.inputs[0].shape[1:])
    if _fits(takes, has):
        return model, []
    if len(has) == len(takes) == 3 and _fits(takes, (has[2], *has[:2])):
        first = keras.layers.Permute((3, 1, 2))
        note = f"The model takes {takes}: the channels of the images are put first."
    elif None not in takes and math.prod(takes) == math.prod(has) and len(takes) < len(has):
        first = keras.layers.Reshape(takes)
        note = f"The model takes {takes}: the images are reshaped from {has}."
    else:
        fit = [name for name in data.NAMES if _fits(takes, _image_shape(name))]
        choice = f" (--data {', '.join(fit)})" if fit else ""
        raise ValueError(
            f"model takes {takes}, data has {has}; accepted: data that fits{choice}, or a model "
            f"that takes {has}, for example one with keras.layers.Resizing before it"
        )
    images = keras.Input(batch_shape=(model.inputs[0].shape[0], *has))
    return keras.Model(images, model(first(images)), name=model.name), [note]


def _fits(takes: tuple[int | None, ...], has: tuple[int, ...]) -> bool:
    sizes = zip(takes, has)
    return len(takes) == len(has) and all(wanted in (None, given) for wanted, given in sizes)


def _image_shape(data_set: str) -> tuple[int, ...]:
    return importlib.import_module(f"data.{data_set}").DESCRIPTION.image_shape


def _giving_logits(model: keras.Model, images: np.ndarray, softmax: str) -> keras.Model | Reading:
    """The model as `softmax` has it; `images` are a few that show what it gives."""
    if softmax not in ("refuse", "remove", "keep"):
        raise ValueError(f"--softmax is {softmax!r}; accepted: refuse, remove, keep")
    if softmax == "keep":
        return as_logits(model)
    few = np.resize(images, [model.inputs[0].shape[0] or 8, *images.shape[1:]])
    outputs = np.asarray(model(few, training=False), np.float32)
    # The tolerance is that of probabilities in float16.
    sum_to_1 = bool(outputs.min() >= 0 and abs(outputs.sum(axis=1) - 1).max() < 1e-3)
    kind = models.squashing(model)
    ends = "gives probabilities" if kind is None else f"ends in {kind}"
    if kind is None and not sum_to_1:
        if not _look_like_sigmoids(outputs, model, few):
            if softmax == "remove":
                raise ValueError(
                    "--softmax is remove, but the model ends in none; accepted: refuse (the "
                    "default)"
                )
            return model
        kind, ends = "sigmoid", "gives values between 0 and 1, as sigmoids do"
    if softmax == "refuse":
        raise ValueError(
            f"the model {ends}; accepted: --softmax remove (attack what the {kind or 'softmax'} is "
            "of), or --softmax keep (take the outputs for logits)"
        )
    return _opened(model, kind, ends, are_probabilities=sum_to_1 and outputs.shape[1] > 1)


def _opened(
    model: keras.Model, kind: str | None, ends: str, are_probabilities: bool
) -> keras.Model | Reading:
    """The model without what it ends in; where it has no logits, the logarithms of its outputs."""
    try:
        return models.without_softmax(model)
    except ValueError as error:
        if kind == "sigmoid":
            return as_probabilities(model, independent=True)
        if are_probabilities:
            return as_probabilities(model)
        raise ValueError(
            f"--softmax is remove, but that of this model cannot be: it {ends}; accepted: keep "
            "(take the outputs for logits)"
        ) from error


def _look_like_sigmoids(outputs: np.ndarray, model: keras.Model, images: np.ndarray) -> bool:
    """Whether attacks refuse the outputs for their values, which are not below 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that it is random is not asked here
        try:
            Classifier(model, images.shape[1:]).check_probe(images, len(images))
        except ModelError:
            return bool((outputs >= 0).all())
    return False
