"""Attacks and networks as their docstrings and signatures describe them."""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

import attacks
import models
from attacks import BudgetAttack, MinimumNormAttack
from reports.markdown import rendered
from reports.rendering import inline_html_of
from reports.site.docstrings import Docstring, docstring_of


@dataclass(frozen=True)
class Paper:
    """An entry of a section "References".

    Attributes:
        authors: as cited.
        title: "" for what was not published under one.
        published: the year, after the conference where there is one.
        link: an address, or the folder of a study such as "studies/wpi".
        place: where in it, such as "algorithm 2"; "" for all of it.
    """

    authors: str
    title: str
    published: str
    link: str
    place: str


@dataclass(frozen=True)
class Parameter:
    """A parameter of an attack or of a builder; `default` is "" where it has to be given."""

    name: str
    type: str
    default: str
    description: Markup


@dataclass(frozen=True)
class Entry:
    """What a reference page says of one attack or network.

    Attributes:
        name: as it is imported or built.
        anchor: its id on the page; the name on the command line where it has one.
        source: its file in the repository.
        summary, description: of the docstring, in HTML.
        parameters: in the order of the signature.
        papers: where it comes from.
        kind: of an attack: "budget", "minimum norm" or "patch".
        norms: that an attack accepts, as the pages write them.
    """

    name: str
    anchor: str
    source: str
    summary: Markup
    description: Markup
    parameters: tuple[Parameter, ...]
    papers: tuple[Paper, ...]
    kind: str = ""
    norms: tuple[str, ...] = ()


def attack_entries() -> list[Entry]:
    """All public attacks, by kind and name."""
    public = (getattr(attacks, name) for name in attacks.__all__)
    found = [each for each in public if inspect.isclass(each) and _kind(each)]
    kinds = [*_KINDS.values(), _PATCH]
    return sorted(map(_attack, found), key=lambda each: (kinds.index(each.kind), each.name))


def network_entries() -> list[Entry]:
    """All networks that `models.build` makes, in its order."""
    return [_network(name, build) for name, build in models.BUILDERS.items()]


_KINDS = {BudgetAttack: "budget", MinimumNormAttack: "minimum norm"}
_PATCH = "patch"
_WRITTEN = {"linf": "L-inf", "l2": "L2", "l1": "L1", "l0": "L0"}


def _kind(attack: type) -> str:
    """The kind of an attack; "" for what is none."""
    for base, kind in _KINDS.items():
        if issubclass(attack, base):
            return "" if attack is base else kind
    return _PATCH if hasattr(attack, "fit") else ""


def _attack(attack: type) -> Entry:
    said = docstring_of(attack)
    by_attack = {each: name for name, each in attacks.BY_NAME.items()}
    module = attack.__module__.removeprefix("attacks.")
    return Entry(
        name=attack.__name__,
        anchor=by_attack.get(attack, module.replace("_", "-")),
        source=f"attacks/{module}.py",
        summary=inline_html_of(said.summary),
        description=rendered(said.description).html,
        parameters=_parameters(attack, said.parameters()),
        papers=_papers(said),
        kind=_kind(attack),
        norms=tuple(_WRITTEN[norm] for norm in _norms(attack)),
    )


def _norms(attack: type) -> Iterable[str]:
    """The norms that an attack accepts, or the one that it has."""
    if "norm" not in inspect.signature(attack).parameters:
        return [attack.norm] if hasattr(attack, "norm") else []
    return filter(partial(_accepts, attack), _WRITTEN)


def _accepts(attack: type, norm: str) -> bool:
    try:
        attack(norm=norm)
    except ValueError:
        return False
    return True


def _network(name: str, build: Callable) -> Entry:
    """A network; several of one file share what is said there, and have papers of their own."""
    function = build.func if isinstance(build, partial) else build
    module = inspect.getmodule(function)
    file, said = docstring_of(module), docstring_of(function)
    return Entry(
        name=name,
        anchor=name,
        source=f"{module.__name__.replace('.', '/')}.py",
        summary=inline_html_of(file.summary),
        description=rendered(f"{file.description}\n\n{said.summary}\n\n{said.description}").html,
        parameters=_parameters(build, _described(said)),
        papers=_papers(file, name),
    )


def _described(said: Docstring) -> dict[str, str]:
    """What is said of the parameters, there or at the builder that is referred to."""
    referred = re.search(r"arguments and errors are those of `models\.(\w+)`", said.description)
    first = docstring_of(getattr(models, referred[1])).parameters() if referred else {}
    return first | said.parameters()


def _parameters(called: Callable, described: dict[str, str]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            name=each.name,
            type=_type(each.annotation),
            default="" if each.default is each.empty else repr(each.default),
            description=inline_html_of(described[each.name]),
        )
        for each in inspect.signature(called).parameters.values()
    )


def _type(annotation: Any) -> str:
    """An annotation without the modules of its names."""
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", inspect.formatannotation(annotation))


_REFERENCE = re.compile(
    r"(?:(?P<of>\w+): )?(?P<authors>.+?), "
    r'(?:"(?P<title>.+)", )?(?P<published>(?:[A-Za-z]+ )?\d{4}), '
    r"(?P<link>https://\S+?|studies/\w+)(?:, (?P<place>.+))?"
)


def _papers(said: Docstring, network: str = "") -> tuple[Paper, ...]:
    """The papers of a section "References"; of those for one network, its own only.

    Raises:
        ValueError: an entry is of another form.
    """
    papers = []
    for entry in said.sections.get("References", []):
        read = _REFERENCE.fullmatch(entry)
        if read is None:
            raise ValueError(
                f'a reference is {entry!r}; accepted: AUTHORS, "TITLE", YEAR, https://..., PLACE'
            )
        parts = {key: value or "" for key, value in read.groupdict().items()}
        if parts.pop("of") in ("", network):
            papers.append(Paper(**parts))
    return tuple(papers)
