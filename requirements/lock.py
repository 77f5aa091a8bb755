"""Write the exact versions and digests of all that the package is run and tested with; needs `uv`.

    python requirements/lock.py              # keep the versions, add what pyproject.toml asks for
    python requirements/lock.py --upgrade    # newest of everything

`constraints.txt` holds every extra; `run.txt`, `test.txt` and `dev.txt` hold the part of it that each
command of the README needs, and what builds the package. All are for every Python and system supported.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
EVERYTHING = ROOT / "constraints.txt"
EXTRAS = {"run": [], "test": ["--extra", "test"], "dev": ["--extra", "dev"]}


def _compile(output: Path, *options: str) -> None:
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--no-annotate", "--no-header"]
    command += ["--generate-hashes", "--output-file", str(output), *options]
    subprocess.run([*command, str(ROOT / "pyproject.toml"), str(HERE / "build.in")], check=True, cwd=ROOT)


if __name__ == "__main__":
    _compile(EVERYTHING, "--all-extras", *sys.argv[1:])
    for name, extras in EXTRAS.items():
        _compile(HERE / f"{name}.txt", *extras, "--constraints", str(EVERYTHING))
