"""Results on disk: all files of a run, or none."""

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

# Of numbers in CSV files. Double precision has 16, of which sums in another order, other instructions and
# other libraries change the last; what is left has the same bytes on every machine.
SIGNIFICANT_DIGITS = 10


def csv_text(frame: pd.DataFrame, digits: int = SIGNIFICANT_DIGITS) -> str:
    """CSV of a frame without its index, fractions with as many digits as the computation bears.

    Parameters
    ----------
    frame : DataFrame
    digits : int
        Significant digits of floating-point numbers; whole numbers and text are written as they are.

    Returns
    -------
    str
        With line feeds. A negative zero is written as zero.
    """
    numbers = frame.select_dtypes("float").columns
    told = frame.assign(**{name: frame[name] + 0.0 for name in numbers})
    return str(told.to_csv(index=False, lineterminator="\n", float_format=f"%.{digits}g"))


def read_csv_text(content: str | bytes) -> pd.DataFrame:
    """Read a CSV file of ours before it is on disk, each cell as the text that it is.

    Parameters
    ----------
    content : str or bytes
        As in the files of a chapter.
    """
    text = content if isinstance(content, str) else content.decode("utf-8")
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


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
    try:
        for temporary, target in staged:
            os.replace(temporary, target)
    except BaseException:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)
        raise
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
