"""The authors' own attacks, which are written in PyTorch, on a twin of the Keras model.

AutoAttack is that of its authors (pyautoattack). DDN, FMN and sigma-zero are those of adv-lib,
whose author is that of DDN and took the others over from theirs. All of it runs on the CPU.
"""

import sys
from collections.abc import Callable
from unittest import mock

import keras
import numpy as np

try:
    import pyautoattack
    import torch
    from torch import nn

    # Nothing that is run here needs torchvision, which crashes where TensorFlow was loaded before.
    sys.modules["torchvision"] = mock.Mock()
    from adv_lib import attacks as adv_lib
except ImportError:
    torch = None
finally:
    sys.modules.pop("torchvision", None)

NAME = "PyTorch"
_ORDER = {"linf": float("inf"), "l2": 2, "l1": 1, "l0": 0}


class PyTorch:
    """Methods as those of `benchmarks.peers`."""

    def __init__(self, model: keras.Model):
        self._twin = twin(model)

    def autoattack(self, images, labels, epsilon, steps, queries):
        attack = pyautoattack.AutoAttack(self._twin, norm="Linf", eps=epsilon, seed=0)
        for part in (attack.apgd, attack.apgd_targeted, attack.fab):
            part.n_iter = steps
        attack.square.n_queries = queries
        crafted, _ = attack.run_standard_evaluation(
            _channels_first(images), torch.tensor(labels), batch_size=len(images)
        )
        return _channels_last(crafted)

    def ddn(self, images, labels, steps):
        return self._run(adv_lib.ddn, images, labels, steps=steps, levels=None)

    def fmn(self, images, labels, steps, norm):
        return self._run(adv_lib.fmn, images, labels, steps=steps, norm=_ORDER[norm])

    def sigma_zero(self, images, labels, steps):
        return self._run(adv_lib.sigma_zero, images, labels, num_steps=steps)

    def _run(self, attack, images, labels, **settings):
        tensors = _channels_first(images), torch.tensor(labels)
        return _channels_last(attack(self._twin, *tensors, **settings))


def is_installed() -> bool:
    return torch is not None


def twin(model: keras.Model) -> Callable:
    """A function of the same weights, from images [N, channels, height, width] to logits.

    Raises:
        ValueError: a layer that has no counterpart here, or a function that gives other logits.
    """
    parts = [part for layer in model.layers for part in _parts(layer)]

    def logits_of(images: "torch.Tensor") -> "torch.Tensor":
        for part in parts:
            images = part(images)
        return images

    images = np.random.default_rng(0).random((4, *model.input_shape[1:]), np.float32)
    logits = logits_of(_channels_first(images)).numpy()
    if not np.allclose(logits, model(images, training=False), rtol=1e-3, atol=1e-4):
        raise ValueError(f"model is {model.name!r}, whose twin in PyTorch gives other logits")
    return logits_of


def _parts(layer: keras.layers.Layer) -> list[Callable]:
    weights = [torch.tensor(each) for each in layer.get_weights()]
    if isinstance(layer, keras.layers.Conv2D):
        kernel = weights[0].permute(3, 2, 0, 1)
        outputs, inputs, *size = kernel.shape
        part = nn.Conv2d(inputs, outputs, size, layer.strides, layer.padding)
        return [_with(part, weight=kernel, bias=weights[1]), *_activation(layer)]
    if isinstance(layer, keras.layers.BatchNormalization):
        names = ("weight", "bias", "running_mean", "running_var")
        part = nn.BatchNorm2d(len(weights[0]), eps=layer.epsilon)
        return [_with(part, **dict(zip(names, weights)))]
    if isinstance(layer, keras.layers.MaxPooling2D):
        return [nn.MaxPool2d(layer.pool_size, layer.strides)]
    if isinstance(layer, keras.layers.Flatten):
        return [lambda images: images.permute(0, 2, 3, 1).flatten(1)]
    if isinstance(layer, keras.layers.Dense):
        part = nn.Linear(*weights[0].shape)
        return [_with(part, weight=weights[0].T, bias=weights[1]), *_activation(layer)]
    raise ValueError(
        f"layer is {layer.name!r}, a {type(layer).__name__}; accepted: Conv2D, "
        "BatchNormalization, MaxPooling2D, Flatten, Dense"
    )


def _activation(layer: keras.layers.Layer) -> list[Callable]:
    return {"linear": [], "relu": [nn.ReLU()]}[layer.activation.__name__]


def _with(part: "nn.Module", **weights: "torch.Tensor") -> "nn.Module":
    part.load_state_dict(weights, strict=False)
    return part.requires_grad_(False).eval()


def _channels_first(images: np.ndarray) -> "torch.Tensor":
    return torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _channels_last(images: "torch.Tensor") -> np.ndarray:
    return np.ascontiguousarray(images.detach().numpy().transpose(0, 2, 3, 1))
