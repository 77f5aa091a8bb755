"""Commands run inside the process of the tests: to start Python and pandas takes longer than most of them.

That they do the same as programs of their own (exit codes, signals, alphabets, closed streams) is tested with
processes in `test_terminal`, `test_estimate_script` and `test_command_line`.
"""

import contextlib
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from conftest import ROOT
from kostnadsvekst import terminal
from kostnadsvekst.commands import estimate


def run_inside(start: Callable[[list[str]], int], *words, cwd: Path = ROOT) -> CompletedProcess:
    """Run a command that minds its terminal, and return what a process would have given."""
    given = [str(word) for word in words]
    # Streams of their own as a process has them; handlers of signals are those of the test runner.
    out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd), warnings.catch_warnings():
        warnings.simplefilter("default")
        patch.setattr(terminal.signal, "signal", lambda *arguments: None)
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", errors)
        try:
            code = start(given)
        except SystemExit as end:  # argparse
            code = end.code
    told = (stream.buffer.getvalue().decode("utf-8") for stream in (out, errors))
    return CompletedProcess(given, 0 if code is None else code, *told)


def estimate_inside(*words, cwd: Path = ROOT) -> CompletedProcess:
    """As ``kostnadsvekst estimate`` in a process of its own; chapters one after the other, in this one."""
    jobs = () if "--jobs" in words else ("--jobs", "1")
    return run_inside(estimate.start, *words, *jobs, cwd=cwd)
