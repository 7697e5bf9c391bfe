"""Networks that a study trained, as files with model cards."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import models
from harness.arms import MAIN, Arm, Protocol
from harness.collect import collect, data_notes
from harness.plan import Kind, Stage, plan, plan_of
from harness.runner import Runner
from harness.store import Store
from harness.stored import trained_in
from harness.study import Profile, Study
from reports.model_card import Exported, model_card
from studies.run import RUNS, study


def export_networks(
    name: str,
    networks: Sequence[str],
    to: Path,
    *,
    file_format: str = "h5",
    profile: str = "demo",
    procedure: str | None = None,
    protocol: str = "faithful",
    overwrite: bool = False,
    data_dir: Path | None = None,
    weights: Mapping[str, Path] | None = None,
    runs: Path = RUNS,
) -> list[tuple[str, Path]]:
    """Writes trained networks, which give logits, and a model card beside each.

    The card of `NAME.h5` is `NAME.h5.md`. Nothing is written before all that was asked for is
    known to be there, and no file is ever half there.

    Args:
        name: of the study.
        networks: case and role, for example "vgg16/cifar10/student", or shell patterns for these.
        to: a file with the suffix of the format, or a folder, in which files are named after their
            networks.
        file_format: a suffix of `models.SUFFIXES` without its dot.
        procedure: one of `distillation.PROCEDURES`; default: the study's own, or else any.
        protocol: of a network that there is in both.
        overwrite: whether files that exist are replaced.
        data_dir, weights: see `harness.runner.Runner`.
        runs: the artifact store.

    Returns:
        What each network is, in words, and its file.

    Raises:
        ValueError: no such study, profile or network, a network that has not been trained, a file
            that exists, several networks for one file, or a format that cannot be written.
    """
    models.check_can_convert(f".{file_format}")
    chosen = study(name)
    scaled = chosen.profile(profile)
    arms = _chosen(chosen, scaled, networks, procedure, protocol)
    runner = Runner(Store(runs), data_dir, weights)
    untrained = [
        name for name, arm in arms.items() if not runner.has(Stage(Kind.TRAIN, arm.training))
    ]
    if untrained:
        raise ValueError(
            f"--network is {', '.join(untrained)}, not trained yet; first: python reproduce.py run "
            f"{name} --profile {profile}"
        )
    files = _files(arms, to, f".{file_format}")
    there = [path for file in files.values() for path in (file, _card(file)) if path.exists()]
    if there and not overwrite:
        raise ValueError(f"{there[0]} exists; accepted: a new file (or --overwrite to replace it)")
    for each, arm in arms.items():
        _write(_exported(chosen, scaled, each, arm, runner), _stage(runner, arm), files[each])
    return [(arm.training.title, files[each]) for each, arm in arms.items()]


def _chosen(
    study: Study,
    profile: Profile,
    patterns: Iterable[str],
    procedure: str | None,
    protocol: str,
) -> dict[str, Arm]:
    """By case and role, an arm that has the network."""
    arms = plan(study, profile).arms
    own = study.compared[Protocol.FAITHFUL].procedure
    known = dict.fromkeys(_name(arm) for arm in arms)
    chosen: dict[str, Arm] = {}
    for pattern in patterns:
        found = {
            name: arm
            for name in known
            if fnmatchcase(name, pattern)
            and (arm := _first(arms, name, procedure, own, protocol)) is not None
        }
        if not found:
            by = f" with --procedure {procedure}" if procedure else ""
            raise ValueError(
                f"--network is {pattern!r}{by}, which is not in profile {profile.name}; accepted: "
                f"{', '.join(sorted(known))}"
            )
        chosen |= found
    return chosen


def _first(
    arms: Iterable[Arm], name: str, procedure: str | None, own: str, protocol: str
) -> Arm | None:
    """The first arm with this network, of the main ones if there is one.

    Args:
        procedure: that a distilled network has to have; `None` for any, the study's own first.
        own: the study's own procedure.
        protocol: comes first as well.
    """
    named = [arm for arm in arms if _name(arm) == name]
    if procedure and any(arm.training.procedure for arm in named):
        named = [arm for arm in named if arm.training.procedure == procedure]

    def strangeness(arm: Arm) -> tuple[bool, bool, bool]:
        return (
            arm.variant != MAIN,
            arm.training.procedure not in (own, None),
            arm.protocol != protocol,
        )

    return min(named, key=strangeness, default=None)


def _name(arm: Arm) -> str:
    return f"{arm.case}/{arm.training.role}"


def _stage(runner: Runner, arm: Arm) -> Path:
    return runner.training_path(arm.training)


def _files(names: Iterable[str], to: Path, suffix: str) -> dict[str, Path]:
    """The file of each network."""
    names = list(names)
    if to.suffix != suffix or to.is_dir():
        return {each: to / f"{each.replace('/', '-').replace(' ', '_')}{suffix}" for each in names}
    if len(names) > 1:
        raise ValueError(f"--to is {to} for {len(names)} networks; accepted: a folder")
    return {names[0]: to}


def _card(file: Path) -> Path:
    return file.with_name(f"{file.name}.md")


def _exported(study: Study, profile: Profile, name: str, arm: Arm, runner: Runner) -> Exported:
    """The network of an arm, and what the attacks on this very network came to."""
    training, stage = arm.training, _stage(runner, arm)
    trained = trained_in(stage / "training.json")
    # An untrained defense in front of the network is not in the file.
    attacks = [
        each for each in study.arms(profile) if each.training == training and not each.applied
    ]
    finished = runner.finished(attacks)
    return Exported(
        study=study,
        profile=profile.name,
        name=name,
        arm=arm,
        stage=stage.name,
        sources={
            what.replace("_", " "): f"{source.title}, stage {runner.training_path(source).name}"
            for what, source in training.sources.items()
        },
        trained=trained,
        data=data_notes(runner, training),
        class_names=runner.dataset(training).class_names,
        results=collect(study, profile, runner, plan_of(finished, "*")) if finished else None,
    )


def _write(exported: Exported, stage: Path, file: Path) -> None:
    """The network of a stage into a file, and its card beside it."""
    network = models.load_checkpoint(stage / "model.h5")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
        written = models.export(network, Path(folder) / file.name)
        card = _card(written)
        card.write_text(model_card(exported, network, written))
        os.replace(written, file)
        os.replace(card, _card(file))
