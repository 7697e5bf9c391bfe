"""Weights from a .h5 file, each back into the layer that it was saved from."""

import hashlib
import re
from pathlib import Path
from typing import Any

import h5py
import keras

from files import parsed_json
from models.hdf5_files import CheckpointError, opened
from models.keras_archives import unpacked_weights


def weights_sum(path: Path) -> str:
    """SHA-256, in hexadecimal, of the weights in a .h5 file: of their order, shapes and values.

    Names of layers, which count up in a process, and what else a file records do not matter.
    """
    digest = hashlib.sha256()
    with opened(path) as file:
        group = file["model_weights"] if "model_weights" in file else file
        layers = [group[name] for name in _names(group, "layer_names")]
        if "top_level_model_weights" in group:  # of a subclassed model
            layers.append(group["top_level_model_weights"])
        for layer in layers:
            for name in _names(layer, "weight_names"):
                weight = layer[name][()]
                digest.update(f"{weight.dtype.str}{weight.shape}".encode())
                digest.update(weight.tobytes())
    return digest.hexdigest()


def set_weights(network: keras.Model, path: Path) -> None:
    """Loads weights as Keras does, except for their order in a .h5 file.

    A network inside the network is one group in such a file, with the weights first that were
    trainable when it was saved. Keras assigns them in the order of what is trainable now, so that
    without an error weights of the same shape are mixed up.
    """
    if path.suffix == ".keras":
        with unpacked_weights(path) as weights:
            set_weights(network, weights)
        return
    with opened(path) as file:
        if path.name.endswith(".weights.h5"):
            network.load_weights(path)
            return
        group = file["model_weights"] if "model_weights" in file else file
        groups = [group[name] for name in _names(group, "layer_names")]
        groups = [group for group in groups if _names(group, "weight_names")]
        layers = [layer for layer in network.layers if layer.weights]
        at_top = "top_level_model_weights" in group  # of a subclassed model
        if (
            len(groups) != len(layers)  # which Keras refuses
            or at_top
            and _names(group["top_level_model_weights"], "weight_names")
            or all(_leaves(layer) == [layer] for layer in layers)
        ):
            network.load_weights(path)
            return
        inside = _layers_inside(stored_description(file))
        for group, layer in zip(groups, layers):
            _set_group(layer, group, inside.get(group.name.rpartition("/")[2], []), path)


def _set_group(layer: keras.Layer, group: h5py.Group, inside: list[str], path: Path) -> None:
    """Sets the weights of one layer; `inside` has the names, in the file, of the layers in it."""
    names = _names(group, "weight_names")
    if len(set(names)) < len(names):  # Keras 2 stopped here, and left half a file
        raise CheckpointError(f"{path} is damaged: in {layer.name!r} two weights have one name")
    weights = [*layer.trainable_weights, *layer.non_trainable_weights]
    in_file, here = _by_layer(names, inside), _weights_by_layer(layer)
    if [len(part) for part in in_file] == [len(part) for part in here]:
        names = [name for part in in_file for name in part]
        weights = [weight for part in here for weight in part]
    elif _is_another_order([(name, group[name].shape) for name in names], weights):
        raise CheckpointError(
            f"{path} holds the weights of {layer.name!r} in another order: other layers of it were "
            "frozen (set trainable as it was then, or use a .keras file)"
        )
    if len(names) != len(weights):
        raise ValueError(f"{layer.name!r} has {len(weights)} weights, in the file {len(names)}")
    for name, weight in zip(names, weights):
        if group[name].shape != tuple(weight.shape):
            raise ValueError(
                f"{weight.path} has shape {weight.shape}, in the file {group[name].shape}"
            )
    for name, weight in zip(names, weights):
        weight.assign(group[name][()])
    for leaf in _leaves(layer):
        if hasattr(leaf, "finalize_state"):  # Normalization derives values from its weights
            leaf.finalize_state()


def _leaves(layer: keras.Layer) -> list[keras.Layer]:
    """The layer, or those in it if it is a network or wraps one; each once."""
    if isinstance(layer, keras.Model):
        leaves = [leaf for inner in layer.layers for leaf in _leaves(inner)]
        return list({id(leaf): leaf for leaf in leaves}.values())
    wrapped = getattr(layer, "layer", None)
    return _leaves(wrapped) if isinstance(wrapped, keras.Model) else [layer]


def _weights_by_layer(layer: keras.Layer) -> list[list[keras.Variable]]:
    parts = [[*leaf.trainable_weights, *leaf.non_trainable_weights] for leaf in _leaves(layer)]
    return [part for part in parts if part]


def _layers_inside(description: dict[str, Any] | None) -> dict[str, list[str]]:
    """The names of the layers in each network in the network, in their order."""
    return {
        _layer_name(node): list(dict.fromkeys(_leaf_names(node))) for node in _children(description)
    }


def _leaf_names(node: dict[str, Any]) -> list[str]:
    children = _children(node)
    if not children:
        wrapped = node["config"].get("layer")
        children = [wrapped] if _children(wrapped) else []
    if not children:
        return [_layer_name(node)]
    return [name for child in children for name in _leaf_names(child)]


def _children(node: dict[str, Any] | None) -> list[dict[str, Any]]:
    config = (node or {}).get("config")
    layers = config.get("layers", []) if isinstance(config, dict) else config
    return layers or []


def _layer_name(node: dict[str, Any]) -> str:
    config = node["config"]
    return node.get("name") or (config.get("name", "") if isinstance(config, dict) else "")


def _by_layer(weight_names: list[str], layer_names: list[str]) -> list[list[str]]:
    """The weights of each layer that has any; empty if one belongs to none of the layers."""
    parts = {name: [] for name in layer_names}
    for weight in weight_names:
        # The outermost: "conv1/bn" rather than "bn" for "conv1/bn/gamma:0".
        places = [(f"/{weight}".find(f"/{name}/"), -len(name), name) for name in layer_names]
        places = [place for place in places if place[0] >= 0]
        if not places:
            return []
        parts[min(places)[2]].append(weight)
    return [part for part in parts.values() if part]


def _is_another_order(in_file: list[tuple[str, tuple]], weights: list[keras.Variable]) -> bool:
    """Whether the same weights are in another order, by the shape and the name of their layer.

    Keras keeps counting in the names of layers, so that only the rank of a number counts.
    """
    in_file = _ranked(in_file)
    here = _ranked([(weight.path, tuple(weight.shape)) for weight in weights])
    return in_file != here and sorted(in_file) == sorted(here)


def _ranked(weights: list[tuple[str, tuple]]) -> list[tuple[str, int, tuple]]:
    layers = []
    for name, _ in weights:
        layer = name.rpartition("/")[0]
        numbers = [int(number) for number in re.findall(r"_(\d+)(?=/|$)", layer)]
        # "conv2d" comes before "conv2d_1".
        layers.append((re.sub(r"_\d+(?=/|$)", "", layer), numbers))
    ranks = {}
    for kind, numbers in sorted(layers):
        known = ranks.setdefault(kind, [])
        if numbers not in known:
            known.append(numbers)
    return [
        (kind, ranks[kind].index(numbers), shape)
        for (kind, numbers), (_, shape) in zip(layers, weights)
    ]


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names, which Keras cuts into several attributes where it is long."""
    if attribute in group.attrs:
        return [text(name) for name in group.attrs[attribute]]
    names, number = [], 0
    while f"{attribute}{number}" in group.attrs:
        names += [text(name) for name in group.attrs[f"{attribute}{number}"]]
        number += 1
    return names


def stored_description(file: h5py.File) -> dict[str, Any] | None:
    description = file.attrs.get("model_config")
    return None if description is None else parsed_json(description)


def text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
