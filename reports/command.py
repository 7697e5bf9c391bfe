"""The command that gives the results of a run again."""

from collections.abc import Mapping
from typing import Any

from reports.outside_names import in_shell


def command_of(run: Mapping[str, Any]) -> str:
    """The command behind the `run` of `harness.results.Results`, for a shell."""
    words = [
        "python reproduce.py run",
        in_shell(run["study"]),
        "--profile",
        in_shell(run["profile"]),
    ]
    if run["pattern"] != "*":
        words += ["--arms", in_shell(run["pattern"])]
    if run["profile"] != "demo":  # whose data need no folder
        words += ["--data-dir", "DIR"]
    for model in run.get("weights", []):
        words += ["--weights", f"{in_shell(model)}=FILE"]
    if run.get("precision", "float32") != "float32":
        words += ["--precision", in_shell(run["precision"])]
    if run.get("deterministic"):
        words.append("--deterministic")
    return " ".join(words)
