"""Errors in the words of the command line."""

import pytest
import typer

from command_line import run
from commands.attack import attack
from commands.evaluate import evaluate
from commands.wording import in_options, options_of, sentence


def test_options_have_the_names_that_are_typed():
    options = options_of(attack)
    assert options["batch_size"] == "--batch-size" and options["pixel_range"] == "--range"
    assert options["clip"] == "--clip" and options["json"] == "--json"
    assert options["quiet"] == "--quiet" and "model" not in options  # an argument
    assert options_of(evaluate)["autoattack_images"] == "--autoattack-images"


@pytest.mark.parametrize(
    "message, typed",
    [
        ("steps is 0; accepted: 1 or more", "--steps is 0; accepted: 1 or more"),
        ("x.h5 exists; pass overwrite=True to replace it", "x.h5 exists; pass --overwrite to"),
        ("data_dir '/x' does not have mnist", "--data-dir '/x' does not have mnist"),
        ("although steps is given", "although --steps is given"),
        # What is no option, or one already, or only has such a name in it, stays.
        ("model takes (3,), data has (4,)", "model takes (3,), data has (4,)"),
        ("--steps is 3 with --attack fgsm", "--steps is 3 with --attack fgsm"),
        ("the footsteps is 3", "the footsteps is 3"),
        ("options are steps=3, data_dir=x", "options are steps=3, data_dir=x"),
    ],
)
def test_arguments_of_the_library_become_options(message, typed):
    options = {"steps": "--steps", "overwrite": "--overwrite", "data_dir": "--data-dir"}
    assert in_options(message, options).startswith(typed)


@pytest.mark.parametrize(
    "theirs, ours",
    [
        # Typer with click, and Typer with pydantic's words.
        (
            "Invalid value for '--norm': 'l3' is not one of 'linf', 'l2'.",
            "--norm is 'l3'; accepted: linf, l2",
        ),
        (
            "Invalid value for '--quiet' / '-q': 'x' is not one of 'a', 'b'.",
            "--quiet is 'x'; accepted: a, b",
        ),
        (
            "Invalid value for '--norm': Value error, 'l3' is not one of 'linf', 'l2'",
            "--norm is 'l3'; accepted: linf, l2",
        ),
        ("Missing option '--data'.", "--data is missing"),
        ("Missing argument 'model'.", "MODEL is missing"),
        ("No such option: --foo Did you mean --bar?", "No such option: --foo"),
    ],
)
def test_typers_words_become_ours(theirs, ours):
    class Wrong(typer.BadParameter):
        def format_message(self):
            return theirs

    assert sentence(Wrong("")).startswith(ours)


@pytest.mark.parametrize(
    "words, said",
    [
        (["lits"], "No such command 'lits'"),
        (["attack"], "MODEL is missing (what is accepted: "),
        (["attack", "m.h5"], "--data is missing (what is accepted: "),
        (["attack", "m.h5", "--data", "digits", "--steps", "x"], "--steps is 'x'; accepted: a "),
        (["run", "ntu", "--weights", "foo=x"], "--weights is 'foo=x'; accepted: MODEL=FILE"),
        (["run", "ntu", "--weights", "vgg16=no.h5"], "accepted: a file that exists"),
    ],
)
def test_a_wrong_command_line_gets_one_line(words, said):
    done = run(*words)
    assert done.exit_code == 2 and not done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: ") and said in line


def test_no_command_shows_the_help():
    done = run()
    assert done.exit_code == 0 and "Usage:" in done.stdout and "evaluate" in done.stdout
