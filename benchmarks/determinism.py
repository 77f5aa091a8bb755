"""Whether the results have the same bytes on another machine: settings in rows, files that differ.

Run: python benchmarks/determinism.py [--settings NAME ...] [--python PATH ...]

Each setting runs ``scripts/estimate.py`` in a process of its own into a temporary folder, which is compared
byte by byte with the committed ``results/``. The settings stand for other machines: `OPENBLAS_CORETYPE` takes
the kernels of another processor, `NPY_DISABLE_CPU_FEATURES` numpy's loops without its vector instructions,
`NUMBA_CPU_NAME` compiled loops for any processor; threads and hash seed are those of another run. A setting
that this processor does not bear is named, not counted. The exit code is 1 if a file differs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
VECTORS = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
SETTINGS: dict[str, dict[str, str]] = {
    "as it is": {},
    **{
        f"OpenBLAS {core}": {"OPENBLAS_CORETYPE": core}
        for core in ("Haswell", "Zen", "SkylakeX", "Cooperlake", "Sandybridge", "Nehalem", "Prescott")
    },
    "1 thread": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    "2 threads": {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 4242": {"PYTHONHASHSEED": "4242"},
    "numpy without AVX-512": {"NPY_DISABLE_CPU_FEATURES": VECTORS},
    "numpy without AVX2": {"NPY_DISABLE_CPU_FEATURES": f"{VECTORS} AVX2 FMA3"},
    "numba for any processor": {"NUMBA_CPU_NAME": "generic"},
}


def run(python: str, setting: dict[str, str], out: Path, chapters: list[str]) -> str:
    """Run the main job into a folder; return what went wrong, empty if nothing did."""
    only = [word for name in chapters for word in ("--only", name)]
    command = [python, str(ROOT / "scripts" / "estimate.py"), "--quiet", "--out", str(out), *only]
    path = str(ROOT / "src") + os.pathsep + os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        command, env=os.environ | setting | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    return "" if done.returncode in (0, 1) else (done.stderr.strip().splitlines() or ["no message"])[-1]


def differing(out: Path, reference: Path) -> list[str]:
    """Files of a run that the reference lacks or has with other bytes."""
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    return [
        name
        for name in names
        if not (reference / name).is_file() or (out / name).read_bytes() != (reference / name).read_bytes()
    ]


def main() -> int:
    """Print the matrix and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS), metavar="NAME"
    )
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="interpreters with the package")
    parser.add_argument("--only", action="append", default=[], metavar="CHAPTER")
    parser.add_argument("--reference", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    moved = False
    for python in arguments.python:
        version = subprocess.run(
            [python, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in arguments.settings:
            with tempfile.TemporaryDirectory() as folder:
                fault = run(python, SETTINGS[name], Path(folder), arguments.only)
                files = [] if fault else differing(Path(folder), arguments.reference)
                count = sum(path.is_file() for path in Path(folder).rglob("*"))
            told = (fault and f"not run: {fault}") or f"{len(files)} of {count} files differ"
            print(f"{version} | {name:<24} | {told}{': ' if files else ''}{', '.join(files)}", flush=True)
            moved |= bool(files)
    return int(moved)


if __name__ == "__main__":
    sys.exit(main())
