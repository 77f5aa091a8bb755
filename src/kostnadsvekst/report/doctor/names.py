"""Names that do not survive on another system: in an archive, on Windows, on macOS."""

import re
import unicodedata
from collections.abc import Iterator

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])(\..*)?", re.IGNORECASE)
_AWKWARD = re.compile(r"[^A-Za-z0-9._+@=,~#()\[\]{}!%&$'-]")
LONGEST_PATH = 200  # of the 260 that Windows takes; the rest is for the folder above


def check_names(folder: Folder) -> Iterator[Finding]:
    """Find names that other systems cannot have, cannot tell apart, or spoil.

    Parameters
    ----------
    folder : Folder
    """
    paths = sorted([*folder.folders, *(file.name for file in folder.files)])
    for path in paths:
        yield from _faults_of(path)
        if len(path) > LONGEST_PATH:
            yield Finding("long-path", path, Bilingual(f"{len(path)} tegn", f"{len(path)} characters"))
    yield from _clashes(paths)


def _faults_of(path: str) -> Iterator[Finding]:
    name = path.rpartition("/")[2]
    if not _is_unicode(name):
        yield Finding("undecodable-name", path)
    elif reason := _unportable(name):
        yield Finding("unportable-name", path, reason)
    elif _AWKWARD.search(name):
        yield Finding("awkward-name", path)


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _unportable(name: str) -> Bilingual | None:
    if found := _FORBIDDEN.search(name):
        sign = found[0] if found[0].isprintable() else f"U+{ord(found[0]):04X}"
        return Bilingual(f"har tegnet {sign}", f"has the character {sign}")
    if _RESERVED.fullmatch(name):
        return Bilingual("er et navn som Windows har selv", "is a name that Windows keeps for itself")
    if name.endswith((" ", ".")) or name.startswith(" "):
        return Bilingual("har blank eller punktum ytterst", "has a blank or a full stop at its end")
    return None


def _clashes(paths: list[str]) -> Iterator[Finding]:
    """Find names that are the same but for capitals, or for how an accent is put on its letter."""
    first: dict[str, str] = {}
    for path in paths:
        other = first.setdefault(unicodedata.normalize("NFC", path).casefold(), path)
        if other != path:
            yield Finding("case-clash", path, Bilingual(f"og {other}", f"and {other}"))
