"""A network that a study trained, as a checkpoint for plain Keras."""

from collections.abc import Mapping
from pathlib import Path

import models
from harness.arms import MAIN, Protocol, Role, Training
from harness.plan import Plan, plan
from harness.runner import Runner
from harness.store import Store
from studies.run import RUNS, study


def export_network(
    name: str,
    network: str,
    to: Path,
    *,
    profile: str = "demo",
    procedure: str | None = None,
    protocol: str = "faithful",
    overwrite: bool = False,
    data_dir: Path | None = None,
    weights: Mapping[str, Path] | None = None,
    runs: Path = RUNS,
) -> tuple[str, Path]:
    """Writes a trained network, which gives logits.

    Args:
        name: of the study.
        network: case and role, for example "vgg16/cifar10/student".
        to: the file, .h5 or .keras.
        procedure: one of `distillation.PROCEDURES`; default: the study's own.
        protocol: of an undefended network.
        data_dir, weights: see `harness.runner.Runner`.
        runs: the artifact store.

    Returns:
        What the network is, in words, and the file.

    Raises:
        ValueError: no such study, profile or network, or a network that has not been trained.
        FileExistsError: `to` is there and `overwrite` is False.
    """
    chosen = study(name)
    todo = plan(chosen, chosen.profile(profile))
    role = network.rpartition("/")[2]
    method = (
        "none"
        if role == Role.UNDEFENDED
        else procedure or chosen.compared[Protocol.FAITHFUL].procedure
    )
    training = _training(todo, network, method, protocol)
    if training is None:
        known = sorted({f"{arm.case}/{arm.training.role}" for arm in todo.arms})
        raise ValueError(
            f"--network {network!r} with --procedure {method!r} is not in profile {profile}; "
            f"networks there: {', '.join(known)}"
        )
    stage = Runner(Store(runs), data_dir, weights).training_path(training)
    if not stage.is_dir():
        raise ValueError(
            f"{network} has not been trained; first: python reproduce.py run {name} "
            f"--profile {profile}"
        )
    written = models.save(models.load_checkpoint(stage / "model.h5"), to, overwrite=overwrite)
    return training.title, written


def _training(todo: Plan, network: str, method: str, protocol: str) -> Training | None:
    """The first training of a profile with this case, role and method."""
    for arm in todo.arms:
        training = arm.training
        if (
            f"{arm.case}/{training.role}" == network
            and arm.variant == MAIN
            and (training.method or "none") == method
            and (training.role != Role.UNDEFENDED or arm.protocol == protocol)
        ):
            return training
    return None
