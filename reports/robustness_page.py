"""The page on a model of the user's own: what attacks leave of it, and whether to trust that."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evaluation import Robustness
from evaluation.diagnostics import NAMES, Level
from evaluation.flag_guide import paragraph
from evaluation.measured_arm import MeasuredArm, Raised
from evaluation.robustness_sentences import NORMS, budget, distance
from files import printable
from harness.digests import made_with
from harness.machine import machine
from reports.figures.robustness import robustness_curves
from reports.picture_cards import address, by_attack
from reports.rendering import environment, inline_html_of


@dataclass(frozen=True)
class Setting:
    """What was evaluated on what.

    Attributes:
        model, data: their names.
        class_names: by label; a class without one is called by its number.
        notes: how the model or the images were adapted, a sentence each.
    """

    model: str
    data: str
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def printable(self) -> "Setting":
        """The same with names that a page can be written with; see `files.printable`."""
        names, notes = (tuple(map(printable, each)) for each in (self.class_names, self.notes))
        return Setting(printable(self.model), printable(self.data), names, notes)

    def called(self, label: int) -> str:
        """The name of a class."""
        return self.class_names[label] if label < len(self.class_names) else str(label)


def check_is_new(folder: Path) -> None:
    """Refuses a folder that cannot be written, or in which something is.

    Raises:
        FileExistsError: it exists and is not empty, or is a file.
        ValueError: it cannot be made.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise FileExistsError(f"--to {folder} exists; accepted: a new folder")
    above = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise ValueError(f"--to is {folder}; accepted: a new folder, but not in {above}")


def build_page(robustness: Robustness, setting: Setting, folder: Path) -> Path:
    """Writes `index.html`, which needs no other file, and `robustness.json`.

    Args:
        folder: a new one.

    Returns:
        The HTML page.

    Raises:
        FileExistsError: see `check_is_new`.
    """
    check_is_new(folder)
    page = page_of(robustness, setting)
    written = json.dumps(numbers_of(robustness, setting), indent=1, allow_nan=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "robustness.json").write_text(written, encoding="utf-8")
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder / "index.html"


def numbers_of(robustness: Robustness, setting: Setting) -> dict[str, Any]:
    """What the page is made from, for JSON, with what it was measured on."""
    return {
        "model": setting.model,
        "data": setting.data,
        "class_names": setting.class_names,
        "notes": setting.notes,
        "versions": made_with(),
        "machine": machine(),
        **robustness.to_dict(),
    }


def page_of(robustness: Robustness, setting: Setting) -> str:
    """The page as one text of HTML, its pictures in it."""
    flagged, setting = list(_flagged(robustness)), setting.printable
    return (
        environment()
        .get_template("robustness.html")
        .render(
            title=f"Robustness of {setting.model} on {setting.data}",
            figure=_figure(robustness),
            robustness=robustness,
            norm=NORMS[robustness.norm],
            budget=distance(robustness.norm, robustness.epsilon),
            within=budget(robustness.norm, robustness.epsilon),
            attacks=[_attack(robustness, arm) for arm in robustness.arms],
            curves=_curves(robustness),
            warnings=[each for each in flagged if each["level"] == Level.WARNING],
            notes=[each for each in flagged if each["level"] == Level.NOTE],
            quiet=[name for name in robustness.checks if name not in _names(robustness)],
            not_checked=[name for name in NAMES if name not in robustness.checks],
            logs=[(arm.name, log) for arm in robustness.arms for log in arm.outcomes.logs],
            cards=by_attack(robustness.pictures, robustness.norm, setting.called),
            setting=setting,
            remarks=[*setting.notes, *_notes(robustness)],
            versions=made_with(),
            machine=machine(),
        )
    )


def _figure(robustness: Robustness) -> str:
    """The curves as the address of an image that is in the page."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "curves.svg"
        robustness_curves(robustness, path)
        return address("image/svg+xml", path.read_bytes())


def _attack(robustness: Robustness, arm: MeasuredArm) -> dict[str, Any]:
    """What the table says of an attack: at the budget, or at the one epsilon that it has."""
    at = arm.nearest(robustness.epsilon)
    epsilon = float(arm.outcomes.epsilons[at])
    flagged = {each.flag.name for each in robustness.raised if each.arm == arm.name}
    return {
        "arm": arm,
        "within": distance(robustness.norm, epsilon),
        "accuracy": arm.curve[epsilon].percent(),
        "broken": int(robustness.broken[arm.name].sum()) if arm.name in robustness.broken else None,
        "alone": robustness.broken_alone.get(arm.name),
        "gradients": arm.outcomes.gradient_evaluations[at].mean(),
        "flags": ", ".join(name for name in NAMES if name in flagged),
    }


def _notes(robustness: Robustness) -> list[str]:
    """What attacks warned of, with the name of the attack."""
    return [f"{arm.name}: {note}." for arm in robustness.arms for note in arm.notes]


def _curves(robustness: Robustness) -> list[tuple[str, list[str]]]:
    """For each epsilon, how it is written, and the accuracies of `Robustness.curves`."""
    by_name = robustness.curves
    epsilons = next(iter(by_name.values()), {})
    return [
        (
            distance(robustness.norm, epsilon),
            [curve[epsilon].percent() for curve in by_name.values()],
        )
        for epsilon in epsilons
    ]


def _names(robustness: Robustness) -> set[str]:
    return {each.flag.name for each in robustness.raised}


def _flagged(robustness: Robustness) -> Iterator[dict[str, Any]]:
    """The flags by level and name: what the guide says, and for each attack the worst text."""
    for level in Level:
        for name in NAMES:
            own = [r for r in robustness.raised if (r.flag.level, r.flag.name) == (level, name)]
            if own:
                said = paragraph(name)
                yield {
                    "level": level,
                    "name": name,
                    "means": inline_html_of(said.means),
                    "flagged": inline_html_of(said.flagged),
                    "do": inline_html_of(said.do),
                    "rows": [_worst_of(own, arm) for arm in dict.fromkeys(r.arm for r in own)],
                }


def _worst_of(raised: list[Raised], arm: str) -> dict[str, Any]:
    """The worst flag of an attack among those of one name, and at how many epsilons it is."""
    own = [each for each in raised if each.arm == arm]
    worst = max(own, key=lambda each: each.flag.size)
    return {"attack": arm, "text": worst.flag.text, "epsilons": len(own)}
