"""What `attack` prints and writes once its attacks have run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from commands import parameters
from commands.console import console, print_json, remark, say, shown

if TYPE_CHECKING:
    from data import Dataset
    from evaluation.own_attacks import OwnAttacks


class Destination(NamedTuple):
    """Where the results of some attacks go, as the options say."""

    attacks: Sequence[str]
    outcomes: Path | None
    images: Path | None
    most_images: int
    json: bool

    def check(self) -> None:
        """Raises ValueError for what is there already or cannot be written."""
        for attack in self.attacks:
            parameters.check_is_new(self.file_of(attack), "--save")
        parameters.check_is_new_folder(self.images, "--save-images")

    def file_of(self, attack: str) -> Path | None:
        """Where the outcomes of one attack go."""
        if self.outcomes is None or len(self.attacks) == 1:
            return self.outcomes
        return self.outcomes.with_stem(f"{self.outcomes.stem}-{attack}")


def show(attacked: "OwnAttacks", model: str, dataset: "Dataset", to: Destination) -> None:
    """Prints and writes the results; exits with 130 if an interrupt left something undone."""
    from harness.digests import versions
    from harness.machine import machine

    if to.json:
        about = {"model": model, "data": dataset.name, "machine": machine()}
        print_json(about | {"versions": versions()} | attacked.to_dict())
    else:
        _print_table(attacked)
    _write(attacked, dataset, to)
    if attacked.missing is not None:
        remark(f"\nInterrupted: {attacked.missing}.")
        raise typer.Exit(130)


def _print_table(attacked: "OwnAttacks") -> None:
    from reports.own_model import ATTACK_NOTE, attack_table, log_lines

    for arm in attacked.arms:
        say(str(arm.attack))
    console.print(attack_table(attacked))
    for sentence in (ATTACK_NOTE, *log_lines(attacked.arms), *attacked.sentences):
        say(sentence)


def _write(attacked: "OwnAttacks", dataset: "Dataset", to: Destination) -> None:
    for arm in attacked.arms:
        path = to.file_of(arm.name)
        if path is not None:
            arm.outcomes.save(path)
            remark(f"Outcomes of {arm.images} images: {shown(path)}")
    if to.images is not None:
        from reports.picture_files import write_pictures

        names = dict(enumerate(dataset.class_names))  # the model may know more classes
        pictures = attacked.pictures(to.most_images)
        count = write_pictures(pictures, to.images, lambda label: names.get(label, str(label)))
        remark(f"Pictures of {count} images: {shown(to.images)}")
