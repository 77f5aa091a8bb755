"""Print a script with which bash or zsh completes the commands, their options and the options' values.

For this session, or in ~/.bashrc:   eval "$(kostnadsvekst completion bash)"
In ~/.zshrc, after compinit:         eval "$(kostnadsvekst completion zsh)"

Exit codes: 0 printed, 2 usage.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template

from kostnadsvekst.commands import COMMANDS, PROGRAM, find_command
from kostnadsvekst.commands.parsing import Parser, a_path
from kostnadsvekst.terminal import run_program, say

__all__ = ["SHELLS", "build_parser", "for_bash", "for_zsh", "start"]


def __dir__() -> list[str]:
    return sorted(__all__)


# Both read the options once, when they are printed: a Tab starts no Python.
_BASH = Template("""\
_$program() {
    local IFS=$$'\\n' at=$$COMP_CWORD word=$${COMP_WORDS[COMP_CWORD]} before
    before=$${COMP_WORDS[at-1]}
    if [ "$$word" = "=" ]; then word=""; elif [ "$$before" = "=" ]; then before=$${COMP_WORDS[at-2]}; fi
    COMPREPLY=()
    if [ "$$at" -eq 1 ]; then
        COMPREPLY=($$(compgen -W $$'$commands' -- "$$word"))
        return
    fi
    case "$${COMP_WORDS[1]} $$before" in
$values
    esac
    case "$${COMP_WORDS[1]}" in
$options
    esac
}
complete -F _$program $program
""")
_ZSH = Template("""\
#compdef $program
_$program() {
    local -a commands
    commands=(
$commands
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local name=$$words[2]
    shift words
    (( CURRENT-- ))
    case $$name in
$options
    esac
}
if [ "$$funcstack[1]" = "_$program" ]; then _$program "$$@"; else compdef _$program $program; fi
""")


def build_parser(program: str | None = None) -> Parser:
    """Return the parser of the command line."""
    parser = Parser(prog=program, description=__doc__)
    parser.add_argument("shell", choices=list(SHELLS), help="the shell that shall complete")
    return parser


def start(words: Sequence[str], program: str | None = None) -> int:
    """Run the command at a terminal and return the exit code."""
    return run_program(lambda: main(words, program))


def main(words: Sequence[str], program: str | None = None) -> int:
    """Print the script and return the exit code."""
    arguments = build_parser(program).parse_args(words)
    say(SHELLS[arguments.shell]().rstrip())
    return 0


def for_bash() -> str:
    """Script for bash 3.2 and later; nothing in it is newer, for macOS has no other."""
    values, options = [], []
    for name, taken in _options().items():
        words = [w for option in taken for w in (option.option_strings or _choices(option))]
        options.append(f"        {name}) COMPREPLY=($(compgen -W $'{_lines(words)}' -- \"$word\")) ;;")
        for option in taken:
            if option.option_strings and option.nargs != 0:
                patterns = " | ".join(f'"{name} {flag}"' for flag in option.option_strings)
                values.append(f"        {patterns}) {_bash_values(option)}return ;;")
    commands = _lines([*COMMANDS, "--help", "--version"])
    return _BASH.substitute(
        program=PROGRAM, commands=commands, values="\n".join(values), options="\n".join(options)
    )


def for_zsh() -> str:
    """Script for zsh, to be evaluated or put into a folder of ``fpath``."""
    commands = [f"        {_quoted(f'{n}:{_escaped(c.summary)}')}" for n, c in COMMANDS.items()]
    options = []
    for name, taken in _options().items():
        lines = [f"            {_quoted(spec)}" for option in taken for spec in _zsh_specs(option)]
        options.append(" \\\n".join([f"        {name}) _arguments", *lines]) + " ;;")
    return _ZSH.substitute(program=PROGRAM, commands="\n".join(commands), options="\n".join(options))


SHELLS: dict[str, Callable[[], str]] = {"bash": for_bash, "zsh": for_zsh}


def _options() -> dict[str, list[argparse.Action]]:
    """Options of each command."""
    return {name: find_command(name).build_parser().options for name in COMMANDS}


def _choices(option: argparse.Action) -> list[str]:
    return [str(choice) for choice in option.choices or ()]


def _is_path(option: argparse.Action) -> bool:
    return option.type in (a_path, Path)


def _lines(words: Sequence[str]) -> str:
    """Words for ``compgen -W`` in ``$'...'``, one a line, for the fields are split there."""
    return "\\n".join(words)


def _bash_values(option: argparse.Action) -> str:
    """Return what the shell does for the value of an option; nothing where any text will do."""
    if option.choices:
        return f"COMPREPLY=($(compgen -W $'{_lines(_choices(option))}' -- \"$word\")); "
    if _is_path(option):
        kind = "-d" if option.metavar == "DIR" else "-f"
        return f'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen {kind} -- "$word")); '
    return ""


def _zsh_specs(option: argparse.Action) -> list[str]:
    """Specifications of ``_arguments``, one a name of the option."""
    kinds = {True: "_files -/" if option.metavar == "DIR" else "_files", False: " "}
    action = f"({' '.join(_choices(option))})" if option.choices else kinds[_is_path(option)]
    told = _escaped((option.help or "") % {**vars(option), "prog": PROGRAM})
    value = "" if option.nargs == 0 else f":{option.metavar or option.dest}:{action}"
    if not option.option_strings:
        return [f"{'*' if option.nargs == '*' else 1}{value}"]
    # With a star: some may be repeated, and the program itself says which may not.
    joined = "=" if value else ""  # --out DIR and --out=DIR
    return [f"*{flag}{joined}[{told}]{value}" for flag in option.option_strings]


def _escaped(text: str) -> str:
    """Text in which zsh reads none of its signs."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _quoted(text: str) -> str:
    """Text in the quotes of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
