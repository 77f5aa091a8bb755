"""Small chapters that tell how often they were made; as a program: the command estimate with these alone.

python tests/fake_chapters.py FOLDER WORDS...: FOLDER holds the log and the modules of the chapters.
"""

import os
import sys
from pathlib import Path

from kostnadsvekst.chapters import CHAPTERS, Chapter, fingerprints
from kostnadsvekst.language import both

SOURCES = {
    "alpha": """
import os, time, warnings
from pathlib import Path
from kostnadsvekst.chapters import ChapterResult
from kostnadsvekst.errors import DataWarning, InvalidDataError
from kostnadsvekst.language import Bilingual, Sentence

HERE = Path(__file__).parent

def made(name, begun=""):
    with open(HERE / "log.txt", "a") as log:
        log.write(f"{begun}{name}\\n")

def run(settings):
    made("alpha")
    time.sleep(float(os.environ.get("FAKE_PAUSE", "0")))
    text = settings.data.read_text() if settings.data else "embedded"
    warnings.warn(DataWarning(Sentence("odd amount", "rart beløp")))
    names = [f"alpha/t{k}_{lang}.csv" for k in range(5) for lang in settings.languages]
    files = {name: f"{text},data_origin\\n{name},æøå\\n" for name in names}
    if (HERE / "fault.txt").exists():
        raise InvalidDataError("alpha cannot be made")
    return ChapterResult(
        files | {"alpha/bytes.bin": b"\\x00\\xff"},
        moved=(Sentence("1 became 2", "1 ble 2"),) if (HERE / "moved.txt").exists() else (),
        summary=(Bilingual("alfa", "alpha"),),
        data_origin=("synthetic",),
    )
""",
    "beta": """
from fake_alpha import HERE, made
from kostnadsvekst.chapters import ChapterResult, finish_used
from kostnadsvekst.language import Bilingual

def run(settings, finished={}):
    made("beta")
    alpha = finish_used("beta", settings, finished)["alpha"]
    kinds = {path: type(content).__name__ for path, content in sorted(alpha.files.items())}
    told = [list(line) for line in alpha.summary], list(alpha.moved), list(alpha.data_origin)
    files = {f"beta/t{k}.csv": f"data_origin\\n{kinds} {told}\\n" for k in range(5)}
    return ChapterResult(files, summary=(Bilingual("b", "b"),), data_origin=alpha.data_origin)
""",
    "gamma": """
import os, time
from fake_alpha import made
from kostnadsvekst.chapters import ChapterResult

def run(settings):
    made("gamma")
    time.sleep(float(os.environ.get("FAKE_PAUSE", "0")))
    if os.environ.get("FAKE_DEATH"):
        os._exit(9)
    files = {f"gamma/t{k}.csv": f"data_origin\\n{k}\\n" for k in range(5)}
    return ChapterResult(files, data_origin=("none",))
""",
}
FAKES = {
    "alpha": Chapter("fake_alpha", both("Alpha"), "panel"),
    "beta": Chapter("fake_beta", both("Beta"), "chapters", ("alpha",)),
    "gamma": Chapter("fake_gamma", both("Gamma"), "panel"),
}


def write_fakes(folder: Path) -> None:
    """Write the modules of the chapters."""
    for name, source in SOURCES.items():
        (folder / f"fake_{name}.py").write_text(source, "utf-8")


def taken(folder: Path) -> list[str]:
    """Chapters that were made, in order; forgotten then."""
    log = folder / "log.txt"
    names = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return names


def few_modules() -> frozenset[str]:
    """Stand-in for `fingerprints.all_modules`: the imports of the whole package take a second to read."""
    return frozenset(f"kostnadsvekst.{name}" for name in ("chapters", "errors", "language"))


# As a program, and in the processes that it starts.
if Path(sys.argv[0]).name == "fake_chapters.py":
    sys.path.insert(0, sys.argv[1])
    CHAPTERS.clear()
    CHAPTERS.update(FAKES)
    fingerprints.all_modules = few_modules

if __name__ == "__main__":
    from kostnadsvekst.commands import estimate

    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.exit(estimate.start(sys.argv[2:]))
