"""JSON-stat 2.0 datasets, cell by cell, with the status symbols kept."""

import math
from collections.abc import Mapping, Sequence
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
    dimensions, sizes = list(document["id"]), list(document["size"])
    problems = [
        f"dimension {d!r} is listed but not described" for d in dimensions if d not in document["dimension"]
    ]
    problems += [
        f"dimension {d!r} does not number its codes 0, 1, 2 ..."
        for d in dimensions
        if not _numbers_its_codes(document["dimension"].get(d, {}))
    ]
    problems += [f"size {n!r} is not a whole number" for n in sizes if not _is_whole(n)]
    if len(sizes) != len(dimensions):
        problems.append(f"{len(dimensions)} dimensions but {len(sizes)} sizes")
    if problems:
        raise InvalidDataError("json-stat2 dataset contradicts itself", problems)
    codes = {d: category_codes(document["dimension"][d]) for d in dimensions}
    cells = math.prod(sizes)
    problems += [
        f"dimension {d!r} has {len(codes[d])} codes but size {n}"
        for d, n in zip(dimensions, sizes, strict=True)
        if len(codes[d]) != n
    ]
    values = _read_values(document["value"], cells, problems)
    status = _read_status(document.get("status"), cells, problems)
    if problems:
        raise InvalidDataError(f"json-stat2 dataset contradicts itself: {len(problems)} problem(s)", problems)
    frame = _grid([codes[d] for d in dimensions], dimensions)
    frame["value"], frame["status"] = values, status
    frame.attrs = _describe(document, dimensions)
    return frame


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
    if isinstance(values, Mapping):  # sparse: only the cells that have a value
        beyond = [i for i in values if not 0 <= int(i) < cells]
        problems += [f"value at cell {i}, but there are {cells} cells" for i in beyond]
        listed: Sequence[Any] = [values.get(str(i)) for i in range(cells)]
    else:
        listed = values
        if len(listed) != cells:
            problems.append(f"{len(listed)} values for {cells} cells")
    wrong = [i for i, v in enumerate(listed) if v is not None and not _is_number(v)]
    problems += [f"cell {i} holds {listed[i]!r}, not a number" for i in wrong[:20]]
    if len(wrong) > 20:
        problems.append(f"... and {len(wrong) - 20} more cells without a number")
    return np.array([float(v) if _is_number(v) else np.nan for v in listed])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
    items = status.items() if isinstance(status, Mapping) else enumerate(status)
    for key, symbol in items:
        if symbol is None:
            continue
        if not 0 <= int(key) < cells:
            problems.append(f"status {symbol!r} at cell {key}, but there are {cells} cells")
        else:
            out[int(key)] = symbol
    return out


def _grid(codes: Sequence[Sequence[str]], names: Sequence[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(codes, names=names)
    return pd.DataFrame({name: index.get_level_values(name).astype(str) for name in names})


def _describe(document: Mapping[str, Any], dimensions: Sequence[str]) -> dict[str, Any]:
    described = document["dimension"]
    units: dict[str, str] = {}
    for name in dimensions:
        for code, unit in described[name].get("category", {}).get("unit", {}).items():
            units[code] = unit.get("base", "")
    return {
        "label": document.get("label", ""),
        "source": document.get("source", ""),
        "updated": document.get("updated", ""),
        "labels": {name: dict(described[name].get("category", {}).get("label", {})) for name in dimensions},
        "units": units,
    }
