"""What earlier runs left in the results folder: taken into the description where the data are the same."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError
from kostnadsvekst.generations import read_marker
from kostnadsvekst.language import Sentence
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.report.chapter_files import owner_of
from kostnadsvekst.report.replication.listing import Made, made_elsewhere, origins_in
from kostnadsvekst.report.replication.manifest import digest_of_file, read_manifest

_SHOWN = 5  # names of files in a message


def chapters_in(
    folder: Path, names: Iterable[str], own: Mapping[str, Path], *, reads_data: Iterable[str]
) -> dict[str, Made]:
    """Read the chapters that earlier runs of this program wrote, on the same data.

    Parameters
    ----------
    folder : Path
        Results folder; what the program's own lists of it do not name is somebody else's.
    names : iterable of str
        Chapters that are looked for.
    own : mapping of str to Path
        Data of the user's own in this run, by their names in the manifest; empty for the embedded data.
    reads_data : iterable of str
        Chapters that read data, so that theirs are synthetic unless the user brought some.

    Returns
    -------
    dict of str to Made
        Those that are there whole. Left out are chapters made of other data than this run's: with data of the
        user's own all of them, unless the folder's manifest has the same files with the same digests.
    """
    wanted, needs_synthetic = set(names), set() if own else set(reads_data)
    if not wanted or not _has_same_data(folder, own):
        return {}
    found: dict[str, dict[str, str | bytes]] = {}
    for path in sorted(_ours(folder)):
        if owner_of(path) in wanted and (folder / path).is_file():
            found.setdefault(owner_of(path), {})[path] = (folder / path).read_bytes()
    made = {name: Made(files, origins_in(files)) for name, files in found.items()}
    return {
        name: one for name, one in made.items() if name not in needs_synthetic or SYNTHETIC in one.data_origin
    }


def studies_in(folder: Path, chapter: str) -> dict[str, str | bytes]:
    """Read what studies of their own have put beside the files of a chapter.

    Parameters
    ----------
    folder : Path
        Results folder.
    chapter : str
    """
    paths = [path for path in made_elsewhere() if owner_of(path) == chapter]
    return {path: (folder / path).read_bytes() for path in paths if (folder / path).is_file()}


def studies_alone(folder: Path, chapters: Iterable[str]) -> dict[str, Made]:
    """Read studies that lie in folders of their own, such as those of municipal systems.

    Parameters
    ----------
    folder : Path
        Results folder.
    chapters : iterable of str
        Chapters, whose folders are left out.

    Returns
    -------
    dict of str to Made
        Name of the folder -> its studies.
    """
    names = dict.fromkeys(owner_of(path) for path in made_elsewhere())
    found = {name: studies_in(folder, name) for name in names if name not in {*chapters}}
    return {name: Made(files, origins_in(files)) for name, files in found.items() if files}


def digests_behind(folder: Path | None, inputs: Mapping[str, Path], *, earlier: bool) -> dict[str, str]:
    """Digest what results were made of; of files that changed after an earlier run, that of the earlier run.

    Parameters
    ----------
    folder : Path, optional
        Results folder, whose manifest tells what the earlier run read.
    inputs : mapping of str to Path
        Name in the manifest -> file.
    earlier : bool
        Whether results of an earlier run are described.

    Returns
    -------
    dict of str to str
        Name in the manifest -> sha256.

    Warns
    -----
    DataWarning
        Some have changed since: they are listed as they were, and named.
    """
    now = {name: digest_of_file(path) for name, path in inputs.items()}
    before = _inputs_before(folder) if earlier and folder is not None else {}
    changed = {name: before[name] for name in now if before.get(name, now[name]) != now[name]}
    if changed:
        names = ", ".join([*[*changed][:_SHOWN], *(["…"] if len(changed) > _SHOWN else [])])
        english = (
            f"results of an earlier run are described, and changed since: {names}; run all chapters again"
        )
        norwegian = (
            f"resultater fra før er beskrevet, og endret etterpå: {names}; kjør alle kapitlene på nytt"
        )
        warnings.warn(DataWarning(Sentence(english, norwegian)), stacklevel=2)
    return now | changed


def _inputs_before(folder: Path) -> Mapping[str, str]:
    try:
        return dict(read_manifest(folder)["inputs"])
    except (DataMissingError, InvalidDataError):
        return {}


def _ours(folder: Path) -> set[str]:
    """Paths that the lists of the folder and of its chapters name."""
    places = [folder, *(path for path in folder.iterdir() if path.is_dir())] if folder.is_dir() else []
    names: set[str] = set()
    for place in places:
        marker = read_marker(place)
        names |= {(place / path).relative_to(folder).as_posix() for path in marker.files} if marker else set()
    return {name for name in names if ".." not in name.split("/")}


def _has_same_data(folder: Path, own: Mapping[str, Path]) -> bool:
    try:
        known = read_manifest(folder)
    except DataMissingError:
        return not own
    except InvalidDataError:  # damaged: this run writes another
        return False
    before = {name: digest for name, digest in known["inputs"].items() if name.startswith("own/")}
    return before == {name: digest_of_file(path) for name, path in own.items()}
