"""An attack from its name and the options given for it."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence

import typer

from commands.parameters import number


def build_attack(name: str, given: Mapping[str, object], texts: Sequence[str]):
    """The attack called `name`.

    Args:
        given: options that have arguments of their own, such as `--steps 3`; those that are
            `None` were not given.
        texts: other options, such as "loss=dlr".

    Raises:
        ValueError: the attack has no such option, or accepts another value.
    """
    import attacks

    make = attacks.BY_NAME[name]
    defaults = {field.name: field.default for field in dataclasses.fields(make)}
    accepted = ", ".join(f"{key}={value}" for key, value in defaults.items())
    options = {key: value for key, value in given.items() if value is not None}
    for key, value in options.items():
        if key not in defaults:
            raise ValueError(
                f"--{key.replace('_', '-')} is {value} with --attack {name}, which has no such "
                f"option; accepted, with their defaults: {accepted}"
            )
    kinds = typing.get_type_hints(make)
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or key not in defaults:
            raise ValueError(
                f"--option is {text!r}; accepted for {name}, with their defaults: {accepted}"
            )
        if options.get(key) is not None and key != "batch_size":
            raise ValueError(f"--option is {text!r} although {key} is given; accepted: one value")
        options[key] = _as_kind(key, value, kinds[key])
    return make(**options)


def _as_kind(name: str, text: str, kind: type | types.UnionType):
    """A text as the type that an option has."""
    kinds = typing.get_args(kind) or (kind,)
    words: dict[str, bool | None] = {"true": True, "false": False} if bool in kinds else {}
    if type(None) in kinds:
        words["none"] = None
    if text.lower() in words:
        return words[text.lower()]
    if str in kinds:
        return text
    readers = {int: int, float: number}
    for each, read in readers.items():
        if each in kinds:
            try:
                return read(text)
            except (ValueError, typer.BadParameter):
                break
    names = {int: "a whole number", float: "a number or a fraction such as 2/255"}
    expected = [*words, *(words_of for each, words_of in names.items() if each in kinds)]
    raise ValueError(f"{name} is {text!r}; accepted: {', '.join(expected)}")
