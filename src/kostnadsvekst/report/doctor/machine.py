"""The machine: what it has, and what of it the package needs or could use."""

import importlib.metadata
import locale
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.look import STYLE
from kostnadsvekst.sources import addresses

PACKAGE = "kostnadsvekst"
LEAST_PYTHON = (3, 11)
# Everything of the report takes a gibibyte at most; the system and the terminal want some, too.
LEAST_MEMORY = 2 * 2**30
# Results, their pictures, and room for a second generation of them while they are replaced.
LEAST_DISK = 2**30
NETWORK_SECONDS = 10.0
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# Programs by any of their names, and what each is for.
TOOLS: Mapping[str, tuple[tuple[str, ...], Bilingual]] = {
    "git": (("git",), Bilingual("å lete bare i det som deles", "to look only at what is shared")),
    "LibreOffice": (
        ("soffice", "libreoffice"),
        Bilingual("å regne arbeidsbøker på nytt i testene", "to recompute workbooks in the tests"),
    ),
    "Chromium": (
        ("chromium", "chromium-browser", "google-chrome", "chrome"),
        Bilingual("å prøve rapportsiden i nettleser", "to test the report page in a browser"),
    ),
    "R": (("Rscript",), Bilingual("å sammenligne med fixest og did", "to compare with fixest and did")),
    "LaTeX": (("pdflatex",), Bilingual("å sette tabeller i .tex", "to typeset tables in .tex")),
    "Java": (("java",), Bilingual("å telle registeret på Spark", "to count the register on Spark")),
    "npm": (("npm",), Bilingual("å prøve rapportsidens tilgjengelighet", "to test the page's accessibility")),
}

Ask = Callable[[str, float], int]


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine has.

    Attributes
    ----------
    python, system : str
        Version; name and architecture.
    memory_bytes, free_memory_bytes, free_disk_bytes : int or None
        None where the system does not say. Memory is that of the container where it has less.
    processors : int
        That this process may use.
    threads : mapping of str to str
        Settings of the environment.
    file_encoding, text_encoding : str
        Of the names of files, and of text whose encoding is not stated.
    fonts : mapping of str to bool
        Font that the figures ask for -> whether matplotlib finds it.
    tools : mapping of str to str
        Optional program -> its path, empty where it is not there.
    packages : mapping of str to str
        Library that the package needs -> what is wrong with it, empty where nothing is.
    network : str
        ``"not asked"``, ``"answers"``, or why it does not.
    """

    python: str
    system: str
    memory_bytes: int | None
    free_memory_bytes: int | None
    free_disk_bytes: int | None
    processors: int
    threads: Mapping[str, str]
    file_encoding: str
    text_encoding: str
    fonts: Mapping[str, bool]
    tools: Mapping[str, str]
    packages: Mapping[str, str] = field(default_factory=dict)
    network: str = "not asked"


def inspect_machine(root: Path, *, ask: Ask | None = None) -> Machine:
    """Look at the machine; nothing is written, and no network is used unless it is asked for.

    Parameters
    ----------
    root : Path
        Folder on whose disk there should be room.
    ask : callable, optional
        Gets an address and seconds, returns the HTTP status; None asks nobody.
    """
    total, free = read_memory()
    return Machine(
        platform.python_version(),
        f"{platform.system()} {platform.machine()}",
        total,
        free,
        _free_disk(root),
        processors_here(),
        {name: os.environ[name] for name in THREAD_SETTINGS if name in os.environ},
        sys.getfilesystemencoding(),
        locale.getpreferredencoding(do_setlocale=False),
        _fonts(),
        {tool: _find(names) for tool, (names, _) in TOOLS.items()},
        _packages(),
        "not asked" if ask is None else _network(ask),
    )


def check_machine(machine: Machine) -> Iterator[Finding]:
    """Find what a machine lacks.

    Parameters
    ----------
    machine : Machine
    """
    version = tuple(int(part) for part in re.findall(r"\d+", machine.python)[:2])
    if version < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        yield _told("python", f"{machine.python}; minst {least}", f"{machine.python}; at least {least}")
    for name, fault in machine.packages.items():
        if fault:
            yield _told("packages", f"{name} {fault}", f"{name} {fault}")
    yield from _check_room(machine)
    yield from (Finding("fonts", detail=both(name)) for name, there in machine.fonts.items() if not there)
    for encoding in dict.fromkeys((machine.file_encoding, machine.text_encoding)):
        if encoding.lower().replace("-", "") != "utf8":
            yield Finding("encoding", detail=both(encoding))
    for name, text in machine.threads.items():
        if text.strip().isdigit() and int(text) > machine.processors:
            yield _told(
                "threads",
                f"{name}={int(text)}, {machine.processors} prosessor(er)",
                f"{name}={int(text)}, {machine.processors} processor(s)",
            )
    for name, path in machine.tools.items():
        if not path:
            purpose = TOOLS[name][1]
            yield _told("tool", f"{name}: {purpose.nb}", f"{name}: {purpose.en}")
    if machine.network not in ("not asked", "answers"):
        yield Finding("network", detail=both(machine.network))


def _told(check: str, nb: str, en: str) -> Finding:
    return Finding(check, detail=Bilingual(nb, en))


def _check_room(machine: Machine) -> Iterator[Finding]:
    kinds = (
        ("memory", machine.memory_bytes, LEAST_MEMORY),
        ("disk", machine.free_disk_bytes, LEAST_DISK),
    )
    for check, there, least in kinds:
        if there is not None and there < least:
            has, needs = f"{there / 2**30:.1f}", f"{least / 2**30:.0f}"
            nb = f"{has.replace('.', ',')} GiB; minst {needs} GiB"
            yield _told(check, nb, f"{has} GiB; at least {needs} GiB")


def read_memory() -> tuple[int | None, int | None]:
    """Return bytes of memory in all and free, None where the system does not say."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _windows_memory()
    # A container may have less than its machine.
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(file).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return total, min(free, total)


def _windows_memory() -> tuple[int | None, int | None]:
    """Ask Windows; elsewhere (macOS lacks free pages) nothing is known."""
    import ctypes

    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    if kernel is None:
        return None, None
    # MEMORYSTATUSEX: its own length, the load in per cent, then seven numbers of 64 bits.
    state = (ctypes.c_uint64 * 8)()
    ctypes.cast(state, ctypes.POINTER(ctypes.c_uint32))[0] = ctypes.sizeof(state)
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(state)):
        return None, None
    return int(state[1]), int(state[2])


def _free_disk(root: Path) -> int | None:
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return None


def processors_here() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _find(names: tuple[str, ...]) -> str:
    return next((path for name in names if (path := shutil.which(name))), "")


def _fonts() -> dict[str, bool]:
    wanted = STYLE["font.family"]
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    try:
        from matplotlib.font_manager import fontManager

        known = {font.name for font in fontManager.ttflist}
    except (ImportError, OSError, RuntimeError):
        known = set()
    return {str(name): name in known for name in names}


def _packages() -> dict[str, str]:
    """Hold the installed libraries against what the installed package asks for."""
    try:
        asked = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return {}  # run from its source
    return {
        found[0]: fault_of_library(found[0], one)
        for one in asked
        if "extra ==" not in one and (found := re.match(r"[A-Za-z0-9][\w.-]*", one))
    }


def fault_of_library(name: str, asked: str) -> str:
    """Say what is wrong with an installed library; empty where nothing is.

    Parameters
    ----------
    name : str
    asked : str
        Requirement such as ``numpy>=2``, of which the least version is read.
    """
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"(none; {asked})"
    least = re.search(r">=\s*([\d.]+)", asked)
    return f"{version} ({asked})" if least and _numbers(version) < _numbers(least[1]) else ""


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


def ask_over_https(address: str, seconds: float) -> int:
    """Ask an address and return its HTTP status.

    Raises
    ------
    OSError
        If nothing answers within the time.
    """
    import httpx

    try:
        return httpx.get(address, timeout=seconds, follow_redirects=True).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(type(error).__name__) from error


def _network(ask: Ask) -> str:
    try:
        status = ask(f"{addresses.STATBANK}/config", NETWORK_SECONDS)
    except OSError as error:
        return f"{addresses.STATBANK}: {error}"
    return "answers" if status < 400 else f"{addresses.STATBANK}: HTTP {status}"
