"""The attacks of a robustness evaluation, quicker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from attacks import AutoAttack
from evaluation.battery import Planned, battery


@contextmanager
def quick_autoattack() -> Iterator[None]:
    """With fewer queries of Square, whose 5,000 take longer than all other attacks together."""

    def quick(*arguments, **options) -> list[Planned]:
        planned = battery(*arguments, **options)
        return [
            replace(each, attack=replace(each.attack, steps=20, queries=200))
            if isinstance(each.attack, AutoAttack)
            else each
            for each in planned
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluation.robustness.battery", quick)
        yield
