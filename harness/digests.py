"""What determines the result of a stage: the descriptions whose digests name it in the store."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any

from data import RandomErasing
from distillation import procedure
from harness.arms import Arm, Training, description
from harness.determinism import is_deterministic

#: What an arm is called, which does not change what it computes.
_NAMES = ("case", "protocol", "variant", "attack_name")


def of_training(
    training: Training,
    data: str,
    weights: str | None,
    replicas: int = 1,
    precision: str = "float32",
) -> dict[str, Any]:
    """What determines a network.

    Args:
        data: the fingerprint of the data set.
        weights: the sum of the file of pre-trained weights; `None` without one.
        replicas: among how many devices each batch is divided.
        precision: what the network computes in while it is trained.
    """
    return {
        "training": description(training),
        "procedure": _procedure(training),
        "erasing": _erasing() if training.erasing else None,
        "weights": weights,
        "data": data,
        "versions": versions(),
        **({"replicas": replicas} if replicas > 1 else {}),
        **({"precision": precision} if precision != "float32" else {}),
        **_mode(),
    }


def of_arm(arm: Arm, data: str, networks: Sequence[str | None]) -> dict[str, Any]:
    """What determines the outcomes of an arm.

    Args:
        data: the fingerprint of the data set.
        networks: the sums of the weights of `Arm.networks`, since a network that is trained again
            may differ in its last bits; `None` for one that is not trained yet.
    """
    described = description(arm)
    for name in _NAMES:
        del described[name]
    return {
        "arm": described,
        "networks": list(networks),
        "data": data,
        "versions": versions(),
        **_mode(),
    }


def of_patch(arm: Arm, data: str, networks: Sequence[str | None]) -> dict[str, Any]:
    """What determines the patch of an arm; see `of_arm`."""
    whole = of_arm(arm, data, networks)
    kept = {name: whole["arm"][name] for name in ("training", "view", "applied", "images")}
    kept["patch"] = {
        name: whole["arm"]["attack"][name] for name in ("method", "target", "fitted_on")
    }
    return whole | {"arm": kept}


@cache
def versions() -> dict[str, str]:
    """Versions of the libraries that results depend on."""
    return {name: version(name) for name in ("tensorflow", "keras", "cleverhans", "numpy")}


def made_with() -> dict[str, str]:
    """Versions of these libraries and of Python."""
    return versions() | {"python": platform.python_version()}


def _mode() -> dict[str, bool]:
    """Deterministic operations give other bits; without them nothing is said."""
    return {"deterministic": True} if is_deterministic() else {}


def _procedure(training: Training) -> dict[str, Any] | None:
    """What the procedure of a training says, which its name alone does not pin down."""
    if training.procedure is None:
        return None
    return asdict(procedure(training.procedure, training.temperature, training.alpha))


def _erasing() -> dict[str, Any]:
    """What random erasing does, apart from its seed."""
    layer = RandomErasing()
    return {name: getattr(layer, name) for name in ("probability", "area", "aspect")}
