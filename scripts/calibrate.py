"""Make a synthetic panel on which the estimator prints the published tables A1 to A3.

Writes FILE and, beside it, a manifest (.manifest.json) that says what the file is and is not.
Exit codes: 0 written, 2 usage, 3 no panel found or data missing; then nothing is written;
130 interrupted, 143 terminated.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from kostnadsvekst.terminal import run_program, say

# One thread: sums then have one order, and the file is the same byte for byte at every run on a machine.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

DEFAULT_OUT = Path(__file__).resolve().parents[1] / "data" / "synthetic" / "synthetic_panel_2015_2019.csv"


def seed(text: str) -> int:
    """Read a seed: a non-negative integer."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("--seed", type=seed, help="non-negative integer (that of the shipped panel)")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, default=DEFAULT_OUT, help="CSV file (%(default)s)"
    )
    return parser.parse_args()


def main() -> int:
    """Calibrate, check, write; return the exit code."""
    arguments = parse_arguments()
    from kostnadsvekst.errors import OutputError
    from kostnadsvekst.report.output import write_files
    from kostnadsvekst.synthetic.panel import DEFAULT_SEED, build_manifest, calibrate_panel, render_csv

    out: Path = arguments.out
    beside = out.with_suffix(".manifest.json")
    if out.exists() and not (out.is_file() and beside.is_file()):
        raise OutputError(
            f"{str(out)!r} is there and has no {beside.name} of this program beside it: move it"
        )
    number = DEFAULT_SEED if arguments.seed is None else arguments.seed
    show = sys.stderr.isatty()

    def progress(text: str) -> None:
        if show:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    try:
        panel = calibrate_panel(number, progress)
    finally:
        progress("")
    content = render_csv(panel)
    manifest = json.dumps(build_manifest(panel, out.name, content), ensure_ascii=False, indent=1) + "\n"
    write_files(out.parent, {out.name: content, beside.name: manifest})
    say(f"{out}: synthetic panel, seed {number}, all 286 printed items of tables A1 to A3")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
