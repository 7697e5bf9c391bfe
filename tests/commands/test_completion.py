"""Completion of names, in a shell and without TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = (
    "import sys, reproduce\n"
    "try:\n    reproduce.app(prog_name='reproduce.py')\n"
    "finally:\n    print('tensorflow' in sys.modules, file=sys.stderr)"
)


def completed(typed: str) -> list[str]:
    """What bash offers for the last word of a command line."""
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    asked["_REPRODUCE.PY_COMPLETE"] = asked["_REPRODUCE_PY_COMPLETE"] = "complete_bash"
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | asked,
    )
    assert done.stderr == "False\n", done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    "typed, offered",
    [
        ("reproduce.py list ", ["ntu", "icbai", "praxis", "rit_mnist", "wpi"]),
        ("reproduce.py run p", ["praxis"]),
        ("reproduce.py run icbai --profile lap", ["laptop", "laptop-imagenet"]),
        ("reproduce.py run ntu --profile lap", ["laptop"]),
        ("reproduce.py run ntu --weights dense", ["densenet201="]),
        ("reproduce.py attack m.h5 --data cif", ["cifar10", "cifar100"]),
        ("reproduce.py evaluate m.h5 --data dig", ["digits"]),
        ("reproduce.py attack m.h5 --attack fg", ["fgsm"]),
        ("reproduce.py attack m.h5 --norm l", ["linf", "l2", "l1", "l0"]),
    ],
)
def test_names_are_completed(typed, offered):
    assert completed(typed) == offered
