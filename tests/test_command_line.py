"""The program kostnadsvekst: its commands, their help, exit codes, completion and what a start imports."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

import kostnadsvekst
from command_runs import run_inside
from conftest import ROOT
from kostnadsvekst.__main__ import main
from kostnadsvekst.chapters import CHAPTERS
from kostnadsvekst.commands import COMMANDS, PROGRAM, find_command
from kostnadsvekst.commands.completion import SHELLS, for_bash, for_zsh
from kostnadsvekst.errors import DataMissingError

each_command = pytest.mark.parametrize("name", COMMANDS)
HEAVY = {
    "numpy", "pandas", "scipy", "pyarrow", "statsmodels", "matplotlib", "numba", "duckdb", "pydantic",
    "httpx", "linearmodels", "openpyxl", "ibis", "diff_diff", "rich", "tenacity",
}  # fmt: skip
# Modules of Python itself that the start needs beside those of a bare Python, counted; with some room.
MOST_MODULES_OF_IMPORT, MOST_MODULES_OF_HELP = 40, 120


def in_process(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def program(*words):
    return run_inside(main, *words)


# Commands ----------


def test_without_a_command_the_commands_are_listed():
    for words, code in (((), 2), (("--help",), 0)):
        done = program(*words)
        assert done.returncode == code
        for name, command in COMMANDS.items():
            assert re.search(rf"^  {name} +{re.escape(command.summary)}$", done.stdout, re.MULTILINE)


def test_version_and_a_word_that_is_no_command():
    assert program("--version").stdout == f"{PROGRAM} {kostnadsvekst.__version__}\n"
    done = program("estimat", "--list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "estimat" in done.stderr


@each_command
def test_help_of_a_command_names_it_its_options_and_its_exit_codes(name):
    done = program(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {PROGRAM} {name} ")
    assert re.search(r"Exit codes: 0 .*2 ", " ".join(done.stdout.split()))
    for option in find_command(name).build_parser().options:
        assert (option.option_strings or [option.dest])[-1] in done.stdout


@each_command
def test_usage_errors_of_a_command_exit_with_2(name):
    done = program(name, "--no-such-option")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{PROGRAM} {name}: error: " in done.stderr


def test_the_codes_of_the_commands_are_those_of_the_program(tmp_path):
    done = program("estimate", "--list")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, len(CHAPTERS))
    absent = program("estimate", "--only", "appendix", "--data", tmp_path / "none.csv", "--out", tmp_path)
    assert absent.returncode == DataMissingError.exit_code == 3
    assert absent.stderr.startswith("error: ")
    (tmp_path / "p.csv").write_text("mine")
    mine = program("calibrate", "--out", tmp_path / "p.csv")
    assert (mine.returncode, mine.stdout) == (3, "")
    assert "has no p.manifest.json of this program beside it" in mine.stderr
    assert program("calibrate", "--seed", "-1").returncode == 2
    nothing = program("fetch", "--offline", "--store", tmp_path / "s", "--cache", tmp_path / "c")
    assert nothing.returncode == 3
    assert program("fetch", "--offline", "--refresh").returncode == 2


def test_results_go_to_the_working_folder_unless_another_is_named(tmp_path):
    done = run_inside(main, "estimate", "--only", "background", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    for path in (p for p in (tmp_path / "results").rglob("*") if "/." not in p.as_posix()):
        committed = ROOT / path.relative_to(tmp_path)
        assert path.is_dir() or path.read_bytes() == committed.read_bytes()


def test_the_entry_point_is_this_function():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {PROGRAM: f"{main.__module__}:{main.__name__}"}


@pytest.mark.parametrize("script", ["estimate", "fetch", "calibrate"])
def test_a_script_hands_on_to_its_command_and_does_nothing_else(script):
    tree = ast.parse((ROOT / "scripts" / f"{script}.py").read_text(encoding="utf-8"))
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    assert ast.unparse(function.body[-1]).startswith(f"return {script}.main(sys.argv[1:]")
    assert len(function.body) == 2


# What a start imports ----------


def modules_after(code):
    """Modules that a process has after a code, beside those of a bare Python."""
    tell = "\nimport sys; print(*sys.modules, file=sys.__stderr__)"
    bare, after = (set(in_process(text + tell).stderr.split()) for text in ("", code))
    assert "sys" in bare
    return after - bare


def test_importing_the_package_imports_next_to_nothing():
    new = modules_after("import kostnadsvekst")
    assert "kostnadsvekst.version" in new
    assert len(new) <= MOST_MODULES_OF_IMPORT, sorted(new)


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_that_it_does_not_need(words):
    code = (
        f"from kostnadsvekst.__main__ import main\ntry: code = main({words!r})\n"
        "except SystemExit as end: code = end.code\nassert code == 0"
    )
    new = modules_after(code)
    assert "argparse" in new
    assert not HEAVY & {name.partition(".")[0] for name in new}
    assert len(new) <= MOST_MODULES_OF_HELP, sorted(new)


# Completion ----------

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
# What bash has called the function with: words as they are split at a Tab, with "=" as a word of its own.
ASK = """
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kostnadsvekst
for reply in "${COMPREPLY[@]}"; do echo "$reply"; done
"""


def completed(*words, cwd=ROOT):
    done = subprocess.run(
        ["bash", "--norc", "-c", for_bash() + ASK, "bash", PROGRAM, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@bash
def test_bash_completes_commands_options_and_values(tmp_path):
    assert completed("") == [*COMMANDS, "--help", "--version"]
    assert completed("est") == ["estimate"]
    for name in COMMANDS:
        taken = find_command(name).build_parser().options
        flags = {flag for option in taken for flag in option.option_strings}
        assert flags <= set(completed(name, ""))
    assert completed("estimate", "--re") == ["--rename", "--register"]
    assert completed("estimate", "--only", "") == list(CHAPTERS)
    assert completed("estimate", "--lang", "n") == completed("estimate", "--lang", "=", "n") == ["nb"]
    assert completed("estimate", "--lang", "=") == ["nb", "en"]
    assert completed("estimate", "--rename", "") == completed("calibrate", "--seed", "") == []
    assert completed("completion", "") == ["-h", "--help", *SHELLS]
    (tmp_path / "my panel.csv").touch()
    (tmp_path / "my results").mkdir()
    assert sorted(completed("estimate", "--data", "my", cwd=tmp_path)) == ["my panel.csv", "my results"]
    assert completed("estimate", "--out", "my", cwd=tmp_path) == ["my results"]


@bash
def test_the_script_for_bash_is_what_a_user_evaluates():
    ask = f'eval "$({sys.executable} -m {PROGRAM} completion bash)"; complete -p {PROGRAM}'
    done = subprocess.run(
        ["bash", "--norc", "-c", ask],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (f"complete -F _{PROGRAM} {PROGRAM}\n", "")


def test_the_script_for_zsh_has_every_command_option_and_choice():
    script = for_zsh()
    for name in COMMANDS:
        assert f"'{name}:" in script
        for option in find_command(name).build_parser().options:
            for flag in option.option_strings:
                assert f"'*{flag}{'' if option.nargs == 0 else '='}[" in script
            assert not option.choices or f":({' '.join(option.choices)})" in script


@zsh
def test_zsh_reads_the_script_and_completes():
    done = subprocess.run(["zsh", "-n"], input=for_zsh(), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    ask = (
        "autoload -Uz compinit; compinit -u -d /dev/null; compdef() { :; }\n"
        + for_zsh()
        + '_describe() { print -rl -- $commands }\n_arguments() { print -rl -- "$@" }\n'
        + "words=(kostnadsvekst ''); CURRENT=2; _kostnadsvekst\n"
        + "words=(kostnadsvekst estimate ''); CURRENT=3; _kostnadsvekst\n"
    )
    done = subprocess.run(["zsh", "-f", "-c", ask], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[: len(COMMANDS)]] == [*COMMANDS]
    assert "*--lang=[language of tables and messages (tables\\: both)]:lang:(nb en)" in lines
