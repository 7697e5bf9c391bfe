"""Errors in the words of the command line: of Typer in our dialect, of the library with options."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import get_type_hints

import typer
from typer.models import ArgumentInfo

#: Of which Typer's errors are a kind, wherever it has it from.
UsageError = typer.BadParameter.__mro__[1]


def in_options(message: str, options: Mapping[str, str]) -> str:
    """A message of the library that names options, by their arguments, as they are typed.

    "batch_size is 0" becomes "--batch-size is 0", and "overwrite=True" becomes "--overwrite".
    """
    for name, option in options.items():
        message = re.sub(rf"(?<![\w.-]){name}=True\b", option, message)
        message = re.sub(rf"(?<![\w.-]){name}(?= is )", option, message)
        if "_" in name:
            message = re.sub(rf"(?<![\w.-]){name}(?![\w.=(])", option, message)
    return message


def sentence(error: Exception) -> str:
    """What Typer finds wrong with a command line, in our words where it names a value.

    Its words are those of several versions of Typer.
    """
    text = error.format_message().rstrip(".")
    invalid = re.match(r"Invalid value for '([^' ]+).*?: (?:Value error, )?(.*)", text, re.S)
    if invalid:
        name, value = invalid.groups()
        choice = re.match(r"(.*) is not one of (.*)", value, re.S)
        if choice:
            value = f"{choice[1]}; accepted: {choice[2].replace(chr(39), '')}"
        if "; accepted: " in value:
            return f"{name} is {value}"
    missing = re.match(r"Missing (option|argument) '([^' ]+)", text)
    if missing:
        kind, name = missing.groups()
        text = f"{name if kind == 'option' else name.upper()} is missing"
    command = error.ctx.command_path if error.ctx else "reproduce.py"
    return f"{text} (what is accepted: {command} --help)"


def options_of(command: Callable) -> dict[str, str]:
    """The options of a command by the names of its arguments: "--range" for `pixel_range`."""
    options = {}
    hints = get_type_hints(command, include_extras=True)
    for name in inspect.signature(command).parameters:
        declared: list[str] = []
        for each in getattr(hints.get(name), "__metadata__", ()):
            if isinstance(each, ArgumentInfo):
                break
            # Typer has the first declaration of an annotation in the place of a default.
            declared += [str(each.default), *(each.param_decls or ())]
        else:
            long = (word.split("/")[0] for word in declared if word.startswith("--"))
            options[name] = next(long, f"--{name.replace('_', '-')}")
    return options
