"""Command lines of the program: a parser that knows its own options, and what words may mean."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from kostnadsvekst.terminal import say_json

__all__ = ["Once", "Parser", "a_path", "usage_as_json"]


def __dir__() -> list[str]:
    return sorted(__all__)


class _Add(Protocol):
    def __call__(self, *flags: str, **options: Any) -> argparse.Action: ...


class Parser(argparse.ArgumentParser):
    """A parser of `argparse` that shows its help as written and can be asked for its options.

    Attributes
    ----------
    options : list of argparse.Action
        In the order in which they were added, ``--help`` first.
    """

    def __init__(self, **settings: Any) -> None:
        self.options: list[argparse.Action] = []
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**settings)

    def add_argument(self, *flags: Any, **options: Any) -> argparse.Action:
        """As `argparse`; the option is kept in `options`."""
        self.options.append(super().add_argument(*flags, **options))
        return self.options[-1]

    def adding_one_of(self) -> _Add:
        """Return a function like `add_argument` for options of which one at most may be given."""
        group = self.add_mutually_exclusive_group()

        def add(*flags: str, **options: Any) -> argparse.Action:
            self.options.append(group.add_argument(*flags, **options))
            return self.options[-1]

        return add


class Once(argparse.Action):
    """An option that is given once: of two files, which is meant is not known."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the value, or stop with the usage."""
        given = vars(namespace).setdefault("given", set())
        if self.dest in given:
            parser.error(f"{option_string} is given twice: keep one")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def a_path(text: str) -> Path:
    """Read a path; an empty one is a variable of the shell that was not set, and not the folder one is in."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no path (a variable that is not set?)")
    return Path(text)


@contextmanager
def usage_as_json(words: Sequence[str]) -> Iterator[None]:
    """Where ``--json`` is among the words, tell programs that they are wrong; the usage is for readers."""
    try:
        yield
    except SystemExit as stop:
        if stop.code and "--json" in words:
            say_json({"exit_code": stop.code, "error": {"kind": "usage", "message": "see standard error"}})
        raise
