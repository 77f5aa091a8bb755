"""Results on disk: all files of a run, or none."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_files(folder: str | Path, files: Mapping[str, str | bytes]) -> tuple[Path, ...]:
    """Write files so that a crash leaves the last good ones.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist.
    files : mapping of str to str or bytes
        Path below the folder -> content; text is written as UTF-8 with line feeds.

    Returns
    -------
    tuple of Path
        In the order of ``files``.

    Notes
    -----
    Everything is first written under temporary names on the same disk; only then are the files renamed, which
    replaces each old one in a single step.
    """
    folder = Path(folder)
    staged: list[tuple[str, Path]] = []
    try:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.append((_stage(target, content), target))
    except BaseException:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)
        raise
    for temporary, target in staged:
        os.replace(temporary, target)
    return tuple(target for _, target in staged)


def _stage(target: Path, content: str | bytes) -> str:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        # mkstemp makes files private; results are for everyone whom the folder is for.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary
