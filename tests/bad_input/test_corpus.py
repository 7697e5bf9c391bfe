"""How many bad inputs are tried, and some dozens of them on programs of their own."""

import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import chdir
from math import prod
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest
import test_command_line
import test_hostile_archives
import test_hostile_data
import test_hostile_models
import test_hostile_results
from keras import layers
from test_hostile_models import HOSTILE, described
from test_hostile_results import SOURCE, WRONG

import models
from hostile_names import NAMES

ROOT = Path(__file__).parents[2]
FILES = (test_hostile_archives, test_hostile_data, test_hostile_models, test_hostile_results)


def cases(module: ModuleType) -> int:
    """How many cases the parametrized tests of a module have."""
    marks = [
        [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        for name, test in vars(module).items()
        if name.startswith("test_")
    ]
    return sum(prod(len(mark.args[1]) for mark in own) for own in marks)


def test_the_corpus_has_five_hundred_cases():
    files = sum(map(cases, FILES))
    # `try_words` asserts that so many command lines were tried.
    lines = test_command_line.EXAMPLES * len(test_command_line.OF_COMMANDS)
    assert files >= 350 and lines >= 500 and len(NAMES) >= 30
    assert files + lines >= 900


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Models and images, sound and hostile, and what would write a file called "canary"."""
    folder = tmp_path_factory.mktemp("made") / "files"
    folder.mkdir()
    network = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Dense(3), layers.Flatten(), layers.Dense(10)]
    )
    for suffix in (".keras", ".h5"):
        sound = models.save(network, folder / f"sound{suffix}")
        for kind, change in HOSTILE.items():
            copy = described(sound, change)
            copy.rename(folder / f"{kind.replace(' ', '-')}{suffix}")
    canary = "import pathlib\npathlib.Path('canary').touch()"
    with chdir(folder.parent):  # it runs once as it is built
        code = keras.Sequential(
            [keras.Input((32, 32, 3)), layers.Lambda(lambda x: exec(canary) or x)]
        )
    code.save(folder / "code.keras")
    code.save(folder / "code.h5")
    np.savez(folder / "code.npz", x=np.array([_Calls(canary)], object), y=np.zeros(1, int))
    np.savez(folder / "bomb.npz", x=np.zeros((1, 8, 8, 3), np.uint8), y=np.array([2**62]))
    with zipfile.ZipFile(folder / "declared.npz", "w") as archive:
        archive.writestr("x.npy", test_hostile_data.ARRAYS["declared alone"])
        archive.writestr("y.npy", test_hostile_data.ARRAYS["declared alone"])
    for kind, content in test_hostile_archives.SAFETENSORS.items():
        (folder / f"{kind.replace(' ', '-')}.safetensors").write_bytes(content)
    return folder


class _Calls:
    def __init__(self, code: str):
        self.code = code

    def __reduce__(self):
        return exec, (self.code,)


MODELS = ("lambda", "bytecode", "class-of-the-system", "download", "deep", "many-units", "code")
DATA = ("code.npz", "bomb.npz", "declared.npz")
FOLDERS = (
    *("a table of many columns", "an arm without outcomes", "no accuracy", "a pipe"),
    *("run.json that is deep", "outcomes declared alone", "outcomes that are objects"),
    *("a study that is a path", "arm '=HYPERLINK(1)'", "attack '<script>'", "a device"),
)
COMMANDS = {
    **{
        f"{command} {kind}{suffix}": (command, f"{{made}}/{kind}{suffix}", "--data", "digits")
        for command, kinds in (("attack", MODELS), ("evaluate", MODELS[-1:]))
        for kind in kinds
        for suffix in (".keras", ".h5")
    },
    **{
        f"evaluate on {name}": ("evaluate", "{made}/sound.keras", "--data", f"{{made}}/{name}")
        for name in DATA
    },
    **{
        f"{command}: {kind}": (
            *((command,) if command == "verify" else (command, "icbai", "--profile", "laptop")),
            *(("{folder}",) if command == "verify" else ("--results", "{folder}")),
        )
        for command, kinds in (("report", FOLDERS), ("verify", FOLDERS[:4]))
        for kind in kinds
    },
}


def written(*folders: Path) -> dict[Path, float]:
    """When each file was written."""
    return {
        path: path.lstat().st_mtime
        for folder in folders
        for path in folder.rglob("*")
        if not path.is_dir()
    }


@pytest.mark.slow
@pytest.mark.parametrize("case", COMMANDS)
def test_a_program_refuses_it(made, tmp_path, case):
    words = COMMANDS[case]
    home, temporary, here = (tmp_path / name for name in ("home", "temporary", "here"))
    for each in (home, temporary, here):
        each.mkdir()
    folder = tmp_path / "laptop"
    if "{folder}" in words:
        shutil.copytree(SOURCE, folder)
        WRONG[case.partition(": ")[2]](folder)
    caches = dict.fromkeys(("KERAS_HOME", "MPLCONFIGDIR"), str(made.parent / "caches"))
    watched = (ROOT / "reports" / "results", made, folder, home)
    before = written(*watched)
    done = subprocess.run(
        [sys.executable, "-B", str(ROOT / "reproduce.py")]
        + [word.format(made=made, folder=folder) for word in words],
        cwd=here,
        env=os.environ | {"HOME": str(home), "TMPDIR": str(temporary), **caches, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stdout + done.stderr
    if case == "verify: an arm without outcomes":
        assert done.returncode == 1 and "arm is other; recomputed: papernot_cnn" in done.stdout
    else:
        assert done.returncode == 2, done.stdout + done.stderr
        assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1
    assert not list(here.iterdir()) and not list(temporary.iterdir())
    assert written(*watched) == before
