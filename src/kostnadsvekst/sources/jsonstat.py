"""JSON-stat 2.0 datasets, cell by cell, with the status symbols kept."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SourceError

# Statistics Norway's symbols: not applicable, missing, confidential, not for publication, rounded to zero.
STATUS_SYMBOLS = {
    ".": "not applicable",
    "..": "missing",
    ":": "confidential",
    "-": "zero",
    "...": "not yet available",
}

# Statistics Norway gives 800,000 at once, and parts are read one by one.
MOST_CELLS = 20_000_000
_COLUMNS = ("value", "status")
_LISTED = 20


def read_dataset(document: Mapping[str, Any]) -> pd.DataFrame:
    """Cells of a json-stat2 dataset in long form.

    Parameters
    ----------
    document : mapping
        The parsed JSON of one dataset.

    Returns
    -------
    DataFrame, one row for each cell in the order of the document
        One text column for each dimension (codes), ``value`` (float; NaN where the source has null) and
        ``status`` (the source's symbol, empty where there is none). ``attrs`` holds ``label``, ``source``,
        ``updated``, ``labels`` (of codes, by dimension) and ``units`` (of the contents codes).

    Raises
    ------
    InvalidDataError
        If the document contradicts itself: number of values or codes against the sizes, text in numbers,
        a status beyond the last cell. All contradictions are listed.
    SourceError
        If it is no json-stat2 dataset at all.

    Notes
    -----
    A null is never turned into zero: Statistics Norway writes null with the status ``.`` for codes that do
    not exist in a year, and 0 for codes that have been retired.
    """
    if not isinstance(document, Mapping) or document.get("class") != "dataset":
        raise SourceError("the answer is not a json-stat2 dataset (its class is not 'dataset')")
    absent = [key for key in ("id", "size", "dimension", "value") if key not in document]
    if absent:
        raise SourceError(f"the json-stat2 dataset lacks {', '.join(absent)}: it was cut off or altered")
    dimensions = check_dimensions(document)
    codes = {d: category_codes(document["dimension"][d]) for d in dimensions}
    sizes = _read_sizes(document["size"], codes)
    cells = math.prod(sizes)
    problems: list[str] = []
    if cells > MOST_CELLS:
        raise InvalidDataError(
            f"json-stat2 dataset states {cells} cells, more than the {MOST_CELLS} that any source gives"
        )
    values = _read_values(document["value"], cells, problems)
    status = _read_status(document.get("status"), cells, problems)
    if problems:
        raise InvalidDataError(f"json-stat2 dataset contradicts itself: {len(problems)} problem(s)", problems)
    frame = _grid([codes[d] for d in dimensions], dimensions)
    frame["value"], frame["status"] = values, status
    frame.attrs = _describe(document, dimensions)
    return frame


def check_dimensions(document: Mapping[str, Any]) -> list[str]:
    """Check that the dimensions of a dataset (or of its metadata) are described as the standard says.

    Parameters
    ----------
    document : mapping
        With ``id`` and ``dimension``.

    Returns
    -------
    list of str
        Names of the dimensions, in the order of the cells.

    Raises
    ------
    SourceError
        ``id`` is no list, or ``dimension`` no object.
    InvalidDataError
        Dimensions that are not described, or not so that their codes are known; all are listed.
    """
    names, described = document.get("id"), document.get("dimension")
    if not isinstance(names, list) or not isinstance(described, Mapping):
        raise SourceError(
            "the json-stat2 document has no list of dimensions with an object that describes them"
        )
    if not all(isinstance(name, str) for name in names):
        raise SourceError(f"the json-stat2 document has dimensions that are no text: {_short(names)}")
    problems = [
        f"dimension {name!r} is listed {names.count(name)} times"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    problems += [f"a dimension is called {name!r}, as a column is" for name in names if name in _COLUMNS]
    for name in dict.fromkeys(names):
        if name not in described:
            problems.append(f"dimension {name!r} is listed but not described")
        else:
            problems += [f"dimension {name!r} {what}" for what in _wrong_with(described[name])]
    if problems:
        raise InvalidDataError("json-stat2 dataset contradicts itself", problems)
    return list(names)


def _wrong_with(dimension: Any) -> list[str]:
    """Say what keeps the codes of a dimension from being known."""
    if not isinstance(dimension, Mapping):
        return [f"is described by {_short(dimension)}, not by an object"]
    category = dimension.get("category", {})
    if not isinstance(category, Mapping):
        return [f"has {_short(category)} for its category, not an object"]
    index = category.get("index")
    wrong = [
        f"has {_short(category[key])} for its {key}, not an object"
        for key in ("label", "unit")
        if not isinstance(category.get(key, {}), Mapping)
    ]
    if isinstance(index, list):
        odd = [code for code in index if not isinstance(code, str | int) or isinstance(code, bool)]
        wrong += [f"has the code {_short(code)}" for code in odd[:_LISTED]]
        texts = [] if odd else [str(code) for code in index]
        if len(set(texts)) < len(texts):
            wrong.append("has the same code twice")
    elif isinstance(index, Mapping):
        if not _numbers_its_codes(dimension):
            wrong.append("does not number its codes 0, 1, 2 ...")
    elif index is not None:
        wrong.append(f"has {_short(index)} for its index, not a list or an object")
    return wrong


def _read_sizes(sizes: Any, codes: Mapping[str, Sequence[str]]) -> list[int]:
    if not isinstance(sizes, list):
        raise InvalidDataError(
            "json-stat2 dataset contradicts itself", [f"size is {_short(sizes)}, not a list"]
        )
    problems = [f"size {n!r} is not a whole number" for n in sizes if not _is_whole(n)]
    if len(sizes) != len(codes):
        problems.append(f"{len(codes)} dimensions but {len(sizes)} sizes")
    if not problems:
        problems += [
            f"dimension {d!r} has {len(codes[d])} codes but size {n}"
            for d, n in zip(codes, sizes, strict=True)
            if len(codes[d]) != n
        ]
    if problems:
        raise InvalidDataError("json-stat2 dataset contradicts itself", problems)
    return list(sizes)


def category_codes(dimension: Mapping[str, Any]) -> list[str]:
    """Codes of a dimension in the order of the cells.

    Parameters
    ----------
    dimension : mapping
        One entry of ``dataset["dimension"]``.

    Returns
    -------
    list of str
    """
    category = dimension.get("category", {})
    index = category.get("index")
    if index is None:  # allowed by the standard for a dimension with one code
        return [str(code) for code in category.get("label", {})]
    if isinstance(index, Mapping):
        return [str(code) for code, _ in sorted(index.items(), key=lambda item: item[1])]
    return [str(code) for code in index]


def _read_values(values: Any, cells: int, problems: list[str]) -> np.ndarray:
    listed: list[Any] = [None] * cells
    if isinstance(values, Mapping):  # sparse: only the cells that have a value
        for cell, value in _by_cell("value", values, cells, problems):
            listed[cell] = value
    elif isinstance(values, list):
        listed = values
        if len(listed) != cells:
            problems.append(f"{len(listed)} values for {cells} cells")
    else:
        problems.append(f"value is {_short(values)}, not a list or an object")
    wrong = [i for i, v in enumerate(listed) if v is not None and not _is_number(v)]
    problems += [f"cell {i} holds {_short(listed[i])}, not a number" for i in wrong[:_LISTED]]
    if len(wrong) > _LISTED:
        problems.append(f"... and {len(wrong) - _LISTED} more cells without a number")
    return np.array([float(v) if _is_number(v) else np.nan for v in listed])


def _by_cell(
    what: str, given: Mapping[str, Any], cells: int, problems: list[str]
) -> Iterator[tuple[int, Any]]:
    """Entries of an object that is keyed by the number of the cell; other keys are problems."""
    odd = 0
    for key, entry in given.items():
        number = int(key) if re.fullmatch(r"-?[0-9]{1,18}", str(key)) else None
        if number is not None and 0 <= number < cells and str(number) == str(key):
            yield number, entry
            continue
        odd += 1
        if odd <= _LISTED:
            shown = f"{what} {entry!r}" if what == "status" and isinstance(entry, str) else what
            problems.append(f"{shown} at cell {str(key)[:40]}, but there are {cells} cells")
    if odd > _LISTED:
        problems.append(f"... and {odd - _LISTED} more entries of {what} beyond the cells")


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a float holds exactly."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) <= 2**53
    return isinstance(value, float) and math.isfinite(value)


def _short(value: Any) -> str:
    """Show a value in a message, whatever it is."""
    if isinstance(value, list | Mapping) and value:
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "a whole number of over 30 digits"
    return repr(value)[:60]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers_its_codes(dimension: Mapping[str, Any]) -> bool:
    """Whether the positions of the codes, where they are given, are 0, 1, 2 ... each once."""
    index = dimension.get("category", {}).get("index")
    if not isinstance(index, Mapping):
        return True
    return all(map(_is_whole, index.values())) and sorted(index.values()) == list(range(len(index)))


def _read_status(status: Any, cells: int, problems: list[str]) -> np.ndarray:
    out = np.full(cells, "", dtype=object)
    if status is None:
        return out
    if isinstance(status, str):  # one symbol for all cells
        out[:] = status
        return out
    if isinstance(status, Mapping):
        items = list(_by_cell("status", status, cells, problems))
    elif isinstance(status, list):
        items = list(enumerate(status))
        if len(status) > cells:
            problems.append(f"{len(status)} statuses for {cells} cells")
    else:
        problems.append(f"status is {_short(status)}, not a list or an object")
        return out
    wrong = [
        f"status {_short(symbol)} at cell {cell} is no text"
        for cell, symbol in items
        if not isinstance(symbol, str | None)
    ]
    problems += wrong[:_LISTED]
    for cell, symbol in items[:cells]:
        out[cell] = symbol or ""
    return out


def _grid(codes: Sequence[Sequence[str]], names: Sequence[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(codes, names=names)
    return pd.DataFrame({name: index.get_level_values(name).astype(str) for name in names})


def _describe(document: Mapping[str, Any], dimensions: Sequence[str]) -> dict[str, Any]:
    categories = {name: document["dimension"][name].get("category", {}) for name in dimensions}
    units: dict[str, str] = {}
    for category in categories.values():
        for code, unit in category.get("unit", {}).items():
            units[code] = _text(unit.get("base")) if isinstance(unit, Mapping) else ""
    return {
        "label": _text(document.get("label")),
        "source": _text(document.get("source")),
        "updated": _text(document.get("updated")),
        "labels": {
            name: {code: _text(text) for code, text in category.get("label", {}).items()}
            for name, category in categories.items()
        },
        "units": units,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
