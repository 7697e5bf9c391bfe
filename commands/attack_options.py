"""Attacks from their names and the options given for them."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

import typer

from commands.parameters import number

if typing.TYPE_CHECKING:
    import attacks


def build_attacks(
    names: Sequence[str], given: Mapping[str, object], texts: Sequence[str]
) -> "dict[str, attacks.Attack]":
    """The attacks called `names`, by these names.

    Args:
        given: options that have arguments of their own, such as `--steps 3`; those that are
            `None` were not given.
        texts: other options, such as "loss=dlr". Each option is given to the attacks that have it.

    Raises:
        ValueError: an attack twice, an option that no attack has, or another value than accepted.
    """
    import attacks

    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"--attack is {twice[0]} twice; accepted: each attack once")
    makers = {name: attacks.BY_NAME[name] for name in names}
    options = {key: value for key, value in given.items() if value is not None}
    for key, value in options.items():
        if not any(key in _defaults(make) for make in makers.values()):
            raise ValueError(
                f"--{key.replace('_', '-')} is {value} with --attack {', '.join(names)}, which has "
                f"no such option; accepted, with their defaults: {_accepted(makers)}"
            )
    read = [_read(text, makers, options) for text in texts]
    return {
        str(name): make(
            **{key: value for key, value in options.items() if key in _defaults(make)},
            **{key: _as_kind(key, value, make) for key, value in read if key in _defaults(make)},
        )
        for name, make in makers.items()
    }


def _read(text: str, makers: Mapping[str, type], options: dict[str, object]) -> tuple[str, str]:
    """The name and the value in "name=value"; a batch size given so replaces the usual one."""
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not any(key in _defaults(make) for make in makers.values()):
        raise ValueError(
            f"--option is {text!r}; accepted for {', '.join(makers)}, with their defaults: "
            f"{_accepted(makers)}"
        )
    if key == "batch_size":
        options.pop(key, None)
    elif key in options:
        raise ValueError(f"--option is {text!r} although {key} is given; accepted: one value")
    return key, value


def _defaults(make: type) -> dict[str, object]:
    """The options of an attack with their defaults."""
    return {field.name: field.default for field in dataclasses.fields(make)}


def _accepted(makers: Mapping[str, type]) -> str:
    """The options of several attacks with their defaults; those of the first come first."""
    every: dict[str, object] = {}
    for make in makers.values():
        every = _defaults(make) | every
    return ", ".join(f"{key}={value}" for key, value in every.items())


def _as_kind(name: str, text: str, make: type):
    """A text as the type that an option of an attack has."""
    kind = typing.get_type_hints(make)[name]
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
