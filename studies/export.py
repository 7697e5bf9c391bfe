"""A network that a study trained, as a checkpoint for plain Keras."""

from collections.abc import Mapping
from pathlib import Path

import models
from harness.arms import MAIN, Arm, Protocol, Training
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
        procedure: one of `distillation.PROCEDURES`; default: the study's own, or else any.
        protocol: of a network that there is in both.
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
    training = _training(
        todo, network, procedure, chosen.compared[Protocol.FAITHFUL].procedure, protocol
    )
    if training is None:
        known = sorted({f"{arm.case}/{arm.training.role}" for arm in todo.arms})
        by = f" with --procedure {procedure!r}" if procedure else ""
        raise ValueError(
            f"--network {network!r}{by} is not in profile {profile}; networks there: "
            f"{', '.join(known)}"
        )
    stage = Runner(Store(runs), data_dir, weights).training_path(training)
    if not stage.is_dir():
        raise ValueError(
            f"{network} has not been trained; first: python reproduce.py run {name} "
            f"--profile {profile}"
        )
    written = models.save(models.load_checkpoint(stage / "model.h5"), to, overwrite=overwrite)
    return training.title, written


def _training(
    todo: Plan, network: str, procedure: str | None, own: str, protocol: str
) -> Training | None:
    """The first training of a profile with this case and role, of the main arms if there is one.

    Args:
        procedure: that it has to have; `None` for any, the study's own first.
        own: the study's own procedure.
        protocol: comes first as well.
    """
    named = [arm for arm in todo.arms if f"{arm.case}/{arm.training.role}" == network]
    if procedure and any(arm.training.procedure for arm in named):
        named = [arm for arm in named if arm.training.procedure == procedure]

    def strangeness(arm: Arm) -> tuple[bool, bool, bool]:
        return (
            arm.variant != MAIN,
            arm.training.procedure not in (own, None),
            arm.protocol != protocol,
        )

    first = min(named, key=strangeness, default=None)
    return first and first.training
