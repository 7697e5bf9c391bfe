"""What reaches the terminal, and what does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from commands.console import _Screen, console, errors, remarks, say
from commands.resumable import resumable

ROOT = Path(__file__).parents[2]


def python(code, **environment):
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=inherited | environment,
    )


def test_a_pipe_has_lines_of_any_length_and_no_colour(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    table = Table("head")
    table.add_row("word " * 30)
    console.print(table)
    console.print("[red]12[/] " + "word " * 30)
    out = capsys.readouterr().out
    assert ("word " * 30).strip() in out.splitlines()[3]
    assert "\x1b" not in out and len(out.splitlines()[-1]) > 150


def test_a_terminal_has_its_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert _Screen(force_terminal=True).width == 60


def torn_away() -> Exception:
    """What becomes of Ctrl-C in some of TensorFlow's scopes."""
    error = RuntimeError("Exiting device scope without proper scope nesting")
    error.__context__ = KeyboardInterrupt()
    return error


@pytest.mark.parametrize(
    "error, code", [(ValueError("no"), 2), (KeyboardInterrupt(), 130), (torn_away(), 130)]
)
def test_errors_and_interrupts_have_exit_codes(error, code, capsys):
    @errors()
    def command(steps: int = 3) -> None:
        raise error

    with pytest.raises(Exception) as exited:
        command()
    assert exited.value.exit_code == code
    printed = capsys.readouterr()
    assert not printed.out and len(printed.err.strip().splitlines()) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), torn_away()])
def test_how_to_go_on_is_said_once(error, capsys):
    @errors()
    def command() -> None:
        with resumable():
            raise error

    with pytest.raises(Exception) as exited:
        command()
    assert exited.value.exit_code == 130
    assert capsys.readouterr().err == (
        "\nInterrupted. What is finished is kept, and the same command goes on from there.\n"
    )


def test_errors_are_said_even_if_remarks_are_not(capsys, monkeypatch):
    @errors()
    def command() -> None:
        raise ValueError("steps is 0")

    monkeypatch.setattr(remarks, "quiet", True)
    with pytest.raises(Exception, match="2"):
        command()
    assert capsys.readouterr().err == "Error: steps is 0\n"


LOUD = """
from commands.console import import_tensorflow
import_tensorflow()
import logging, tensorflow as tf
f = tf.function(lambda x: 2 * x, jit_compile=True, autograph=False)
f(tf.ones(3))
import os
print(os.environ["TF_CPP_MIN_LOG_LEVEL"])  # from which on the C++ side is silent
logging.getLogger("tensorflow").warning("of Python")
logging.getLogger("tensorflow").error("an error of Python")
"""


@pytest.mark.slow
def test_of_tensorflows_log_errors_of_python_alone_are_seen():
    quiet = python(LOUD)
    assert quiet.returncode == 0 and quiet.stdout == "3\n"
    assert quiet.stderr.splitlines() == ["ERROR:tensorflow:an error of Python"]


@pytest.mark.slow
def test_who_wants_the_log_sees_it():
    loud = python(LOUD, TF_CPP_MIN_LOG_LEVEL="0")
    assert "XLA service" in loud.stderr and "WARNING:tensorflow:of Python" in loud.stderr


def test_what_libraries_said_is_shown_if_they_fail():
    code = (
        "import os, sys, types\n"
        "from commands.console import import_tensorflow\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'tensorflow':\n"
        "            os.write(2, b'no such instruction\\n'); raise ImportError('cannot load')\n"
        "sys.meta_path.insert(0, Broken())\n"
        "import_tensorflow()\n"
    )
    done = python(code)
    assert done.returncode == 1
    assert "no such instruction" in done.stderr and "cannot load" in done.stderr


def test_what_a_terminal_would_obey_is_not_printed(capsys):
    @errors()
    def command() -> None:
        say("\x1b[2Jcat\x07 \u202eeel")
        raise ValueError("\x1b]0;title\x07 [bold]name[/]")

    with pytest.raises(Exception):  # noqa: B017  (one of Typer's, wherever it has it from)
        command()
    printed = capsys.readouterr()
    assert printed.out == "\ufffd[2Jcat\ufffd \ufffdeel\n"
    assert printed.err == "Error: \ufffd]0;title\ufffd [bold]name[/]\n"
