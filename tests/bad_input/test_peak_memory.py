"""What a program of its own takes that is given bombs and strange files."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import pytest
from keras import layers

import models

ROOT = Path(__file__).parents[2]
#: Runs the program on the words after it, and says on its last line how many kilobytes it took.
MEASURED = """
import resource, sys
import reproduce
try:
    reproduce.app(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def many_units(path):
    network = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    models.save(network, path)
    with h5py.File(path, "a") as file:
        described = json.loads(file.attrs["model_config"])
        described["config"]["layers"][1]["config"]["units"] = 10**11
        file.attrs["model_config"] = json.dumps(described)


def large_description(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("config.json", "w") as file:  # a child's peak begins with its parent's
            for _ in range(2000):
                file.write(b" " * 10**6)
        archive.writestr("metadata.json", b"{}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, make", [("units.h5", many_units), ("description.keras", large_description)]
)
def test_bombs_take_no_memory(tmp_path, name, make):
    make(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "attack", tmp_path / name, "--data", "digits"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    *said, kilobytes = done.stderr.strip().splitlines()
    assert done.returncode == 2 and len(said) == 1 and said[0].startswith(f"Error: {tmp_path}")
    assert int(kilobytes) < 1.5 * 2**20
