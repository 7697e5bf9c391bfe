"""Runs of demos in processes of their own, which tests may kill."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
#: What differs between two runs in any case.
TIMES = ["seconds", "inference_seconds", "crafting_seconds", "ensemble_seconds", "others_share"]


@dataclass(frozen=True)
class Command:
    """`reproduce.py run` of some arms, with stages and results under one folder.

    Attributes:
        runs: where the stages are; default: in `folder`.
        options: further ones of `run`.
    """

    folder: Path
    study: str
    arms: str
    runs: Path | None = None
    options: tuple[str, ...] = ()

    @property
    def store(self) -> Path:
        return self.runs or self.folder / "runs"

    def start(self) -> subprocess.Popen:
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [
            *("run", self.study, "--profile", "demo", "--arms", self.arms),
            *("--runs", str(self.store), "--results", str(self.folder / "results")),
            *self.options,
        ]
        return subprocess.Popen(
            [sys.executable, str(ROOT / "reproduce.py"), *arguments],
            cwd=ROOT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What is started in the background of a script ignores Ctrl-C, and so do its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def finish(self) -> str:
        """Runs to the end; returns what it said."""
        process = self.start()
        output, errors = process.communicate()
        assert process.returncode == 0, output + errors
        return output + errors

    def tables(self) -> dict[str, pd.DataFrame]:
        """What it came to, as text, without times."""
        found = {}
        for name in ("table", "trainings", "histories"):
            frame = pd.read_csv(self.folder / "results" / f"{name}.csv", dtype=str)
            found[name] = frame.drop(columns=TIMES, errors="ignore")
        return found


def check_equal(one: Command, other: Command) -> None:
    expected = other.tables()
    for name, frame in one.tables().items():
        assert len(frame) > 1
        pd.testing.assert_frame_equal(frame, expected[name], obj=name)
