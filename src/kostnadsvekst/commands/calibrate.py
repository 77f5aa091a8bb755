"""Make a synthetic panel on which the estimator prints the published tables A1 to A3.

Writes FILE and, beside it, a manifest (.manifest.json) that says what the file is and is not.
Exit codes: 0 written, 2 usage, 3 no panel found or data missing; then nothing is written;
130 interrupted, 143 terminated.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from kostnadsvekst.commands.parsing import Parser, a_path
from kostnadsvekst.progress import Progress
from kostnadsvekst.terminal import run_program, say

FILE = Path("synthetic_panel_2015_2019.csv")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def a_seed(text: str) -> int:
    """Read a seed: a non-negative integer."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def build_parser(program: str | None = None, out: Path = FILE) -> Parser:
    """Return the parser of the command line; ``out`` is the file if none is named."""
    parser = Parser(prog=program, description=__doc__)
    add = parser.add_argument
    add("--seed", metavar="N", type=a_seed, help="non-negative integer (that of the shipped panel)")
    add("--out", metavar="FILE", type=a_path, default=out, help="CSV file (%(default)s)")
    return parser


def start(words: Sequence[str], program: str | None = None) -> int:
    """Run the command at a terminal and return the exit code."""
    return run_program(lambda: main(words, program))


def main(words: Sequence[str], program: str | None = None, out: Path = FILE) -> int:
    """Calibrate, check, write; return the exit code.

    Parameters
    ----------
    words : sequence of str
        The command line without the name of the program.
    program : str, optional
        What the usage calls the program.
    out : Path
        File to write if the words name none.
    """
    arguments = build_parser(program, out).parse_args(words)
    # One thread: sums then have one order, and the file is the same byte for byte at every run on a machine.
    os.environ |= dict.fromkeys(THREADS, "1")
    calibrate(arguments.out, arguments.seed)
    return 0


def calibrate(out: Path, seed: int | None) -> None:
    """Write a panel and its manifest, and say so; without a seed the panel is the shipped one."""
    from kostnadsvekst.report.output import write_files
    from kostnadsvekst.synthetic.panel import DEFAULT_SEED, build_manifest, calibrate_panel, render_csv

    beside = out.with_suffix(".manifest.json")
    refuse_file_of_the_user(out, beside)
    number = DEFAULT_SEED if seed is None else seed
    with Progress("calibrating") as line:
        panel = calibrate_panel(number, lambda text: line.advance(label=text))
    content = render_csv(panel)
    manifest = json.dumps(build_manifest(panel, out.name, content), ensure_ascii=False, indent=1) + "\n"
    write_files(out.parent, {out.name: content, beside.name: manifest})
    say(f"{out}: synthetic panel, seed {number}, all 286 printed items of tables A1 to A3")


def refuse_file_of_the_user(out: Path, beside: Path) -> None:
    """Raise `OutputError` where a file is that no run of this program has written."""
    from kostnadsvekst.errors import OutputError

    if out.exists() and not (out.is_file() and beside.is_file()):
        raise OutputError(
            f"{str(out)!r} is there and has no {beside.name} of this program beside it: move it"
        )
