"""What the program ``kostnadsvekst`` can be told to do: one entry a command.

A command is a module of this room with two functions. ``build_parser(program)`` returns its `Parser`, of
which ``--help`` and the shell's completion are made; ``start(words, program)`` does the work, minds the
terminal and returns the exit code. Both import nothing heavy before the words are parsed.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from kostnadsvekst.commands.parsing import Parser

PROGRAM = "kostnadsvekst"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the program.

    Attributes
    ----------
    module : str
        With ``build_parser`` and ``start``; imported when the command is used.
    summary : str
        What it does, on one line.
    """

    module: str
    summary: str


class Runner(Protocol):
    """What the module of a command holds."""

    def build_parser(self, program: str | None = None) -> Parser:
        """Return the parser; ``program`` is what the usage calls the command."""

    def start(self, words: list[str], program: str | None = None) -> int:
        """Do what the words ask for and return the exit code."""


# A new command is a line here.
COMMANDS: dict[str, Command] = {
    "estimate": Command(
        "kostnadsvekst.commands.estimate",
        "tables and figures of the report, set against its printed numbers; or your own specifications",
    ),
    "fetch": Command(
        "kostnadsvekst.commands.fetch", "raw tables of the municipal panel from Statistics Norway"
    ),
    "calibrate": Command(
        "kostnadsvekst.commands.calibrate", "a synthetic panel on which tables A1 to A3 come out"
    ),
    "municipal": Command(
        "kostnadsvekst.commands.municipal",
        "municipal cost systems, from a book to a workbook that recomputes",
    ),
    "doctor": Command(
        "kostnadsvekst.commands.doctor",
        "what a data editor would object to in a project folder, and what this machine lacks",
    ),
    "completion": Command(
        "kostnadsvekst.commands.completion", "a script with which bash or zsh completes these commands"
    ),
}


def find_command(name: str) -> Runner:
    """Return the module of a command in `COMMANDS`."""
    return cast(Runner, import_module(COMMANDS[name].module))
