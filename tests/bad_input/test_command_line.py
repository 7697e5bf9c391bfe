"""Strange arguments for every command: one sentence, exit code 2, nothing written."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evaluation.own_attacks
import evaluation.own_model
import harness.cost
import harness.forecast
import reports.site
import studies.export
import studies.run
import studies.verify
from command_line import run

#: For each command; of all commands at least 500.
EXAMPLES = 80
NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e400",
    "9" * 400,
    "8/0",
    "8/255/3",
    "٣",
    "",
    " ",
    "0x1",
]
WORDS = [
    "",
    " ",
    "-",
    "..",
    "/",
    "[bold]",
    "\x1b[2J",
    "💥",
    "a" * 300,
    "'\"`$(true)",
    "%s{0}",
    "None",
]
STUDIES = ["ntu", "icbai", "NTU", *WORDS]
PATHS = [
    "missing",
    "folder",
    "text.h5",
    "text.keras",
    "text.npz",
    "locked",
    "pipe.npz",
    "/dev/null",
]
PATHS += ["/dev/null/model.h5", "folder/../text.h5", "a" * 300 + ".h5", *WORDS]

FLAGS = {
    "--profile": ["demo", "paper", *WORDS],
    "--arms": WORDS,
    "--data-dir": PATHS,
    "--weights": ["alexnet=missing", "alexnet=text.h5", "=", "alexnet", "unknown=text.h5", *WORDS],
    "--runs": ["missing", "folder"],
    "--results": ["missing", "folder"],
    "--to": PATHS,
    "--network": WORDS,
    "--format": ["h5", "exe", *WORDS],
    "--data": ["digits", *PATHS],
    "--epsilon": NUMBERS,
    "--images": NUMBERS,
    "--images-per-class": NUMBERS,
    "--batch-size": NUMBERS,
    "--seed": NUMBERS,
    "--rate": NUMBERS,
    "--attack": ["pgd", "fgsm", *WORDS],
    "--norm": ["linf", "l7", *WORDS],
    "--steps": NUMBERS,
    "--option": ["loss=dlr", "steps=nan", "=", "batch_size=0", *WORDS],
    "--softmax": ["refuse", *WORDS],
    "--range": ["0-1", *NUMBERS],
    "--save": PATHS,
    "--on": ["here", "ray", *WORDS],
    "--address": ["auto", *WORDS],
    "--cpus-per-stage": NUMBERS,
    "--gpus-per-stage": NUMBERS,
    "--unknown": WORDS,
}
OF_COMMANDS = {
    "list": (STUDIES, ["--profile", "--weights", "--unknown"]),
    "run": (
        STUDIES,
        ["--profile", "--arms", "--data-dir", "--weights", "--unknown", "--on", "--address"]
        + ["--cpus-per-stage", "--gpus-per-stage"],
    ),
    "plan": (STUDIES, ["--profile", "--arms", "--rate", "--weights", "--unknown"]),
    "report": (STUDIES, ["--profile", "--results", "--unknown"]),
    "verify": (["", *PATHS, *STUDIES], ["--profile", "--unknown"]),
    "site": ([""], ["--to", "--results", "--unknown"]),
    "attack": (
        PATHS,
        ["--data", "--epsilon", "--images", "--batch-size", "--seed", "--attack", "--norm"]
        + ["--steps", "--option", "--softmax", "--range", "--save", "--images-per-class"],
    ),
    "evaluate": (PATHS, ["--data", "--epsilon", "--images", "--norm", "--to", "--range"]),
    "export": (STUDIES, ["--network", "--to", "--format", "--profile", "--weights"]),
}


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A folder with wrong files; what takes long or writes stops where it is reached."""

    def reached(*arguments, **options):
        raise ValueError("the command line was accepted")

    for module, name in (
        (evaluation.own_attacks, "attack_own_model"),
        (evaluation.own_model, "evaluate_own_robustness"),
        (harness.cost, "cost_of"),
        (harness.forecast, "forecast"),
        (reports.site, "build_site"),
        (studies.export, "export_networks"),
        (studies.run, "run_study"),
        (studies.run, "report_study"),
        (studies.verify, "verify"),
        (studies.verify, "verify_folder"),
    ):
        monkeypatch.setattr(module, name, reached)
    (tmp_path / "folder").mkdir()
    for name in ("text.h5", "text.keras", "text.npz", "locked"):
        (tmp_path / name).write_text("no model")
    (tmp_path / "locked").chmod(0)
    os.mkfifo(tmp_path / "pipe.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", OF_COMMANDS)
def test_strange_arguments(command, there):
    places, flags = OF_COMMANDS[command]
    typed = st.text(st.characters(exclude_characters="\0"), max_size=20)  # a command line has none
    option = st.sampled_from(flags).flatmap(
        lambda flag: st.tuples(st.just(flag), st.sampled_from(FLAGS[flag]) | typed)
    )
    tried = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(places), st.lists(option, max_size=4))
    def try_words(place, options):
        words = [command, *([place] if place else []), *(word for pair in options for word in pair)]
        before = sorted(os.listdir(there))
        result = run(*words)
        tried.append(words)
        assert result.exception is None or isinstance(result.exception, SystemExit), words
        assert "Traceback" not in result.output, words
        assert result.exit_code in (0, 2), (words, result.output)
        if result.exit_code == 2:
            lines = result.stderr.strip().splitlines()
            assert lines and lines[-1].startswith("Error: ") and not result.stdout, (words, lines)
        assert sorted(os.listdir(there)) == before, words

    try_words()
    assert len(tried) >= EXAMPLES
