"""The program that the commands make up: what it answers to a command line that it cannot read."""

import sys
from typing import Any

from typer.core import TyperGroup

from commands.console import say_error
from commands.wording import UsageError, sentence


class Program(TyperGroup):
    """Says in one sentence what is wrong with a command line, as commands do."""

    def main(self, *args: Any, standalone_mode: bool = True, **options: Any) -> Any:
        try:
            code = super().main(*args, standalone_mode=False, **options)
        except UsageError as error:
            say_error(sentence(error))
            code = 2
        sys.exit(code)
