"""Values that are equal when what they hold is equal: arrays and frames bit by bit, not by identity."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse


class ContentEqual:
    """Equality and hash by content, for frozen dataclasses that hold arrays (declared with ``eq=False``).

    Two results are equal when they are of the same kind and every field that takes part in comparisons
    (``compare=True``) is: numbers to the last bit, NaN equal to NaN, -0 equal to 0. What was computed from
    the fields does not count. Hashes of the same content are the same in every process.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Whether the other is of the same kind and has the same content."""
        if self is other:
            return True
        return type(self) is type(other) and content_digest(self) == content_digest(other)

    def __hash__(self) -> int:
        """Return a number made of the content."""
        return int.from_bytes(content_digest(self)[:8], "big")


def content_digest(value: Any) -> bytes:
    """SHA-256 of what a value holds.

    Parameters
    ----------
    value : dataclass, array, frame, series, mapping, sequence, or plain value
        Of a dataclass the fields that take part in comparisons.
    """
    found = hashlib.sha256()
    _feed(found, value)
    return found.digest()


def _feed(into: Any, value: Any) -> None:
    into.update(type(value).__qualname__.encode() + b"\0")
    if is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            if part.compare:
                _feed(into, part.name)
                _feed(into, getattr(value, part.name))
    elif isinstance(value, np.ndarray) and value.dtype != object:
        _feed_array(into, value)
    elif isinstance(value, pd.DataFrame | pd.Series):
        _feed_pandas(into, value)
    elif isinstance(value, Mapping):
        _feed(into, tuple(sorted(value.items(), key=lambda pair: str(pair[0]))))
    elif isinstance(value, list | tuple | pd.Index | pd.api.extensions.ExtensionArray | np.ndarray):
        into.update(f"{len(value)}\0".encode())
        for part in value:
            _feed(into, part)
    elif isinstance(value, set | frozenset):
        _feed(into, sorted(map(repr, value)))
    elif issparse(value):
        _feed_sparse(into, value)
    else:
        into.update(repr(value + 0.0 if isinstance(value, float) else value).encode() + b"\0")


def _feed_array(into: Any, array: np.ndarray[Any, Any]) -> None:
    if array.dtype.kind == "f":
        # One zero and one NaN: their bits differ without a difference in content.
        array = np.where(np.isnan(array), np.nan, array + 0.0)
    into.update(f"{array.dtype}{array.shape}\0".encode() + np.ascontiguousarray(array).tobytes())


def _feed_sparse(into: Any, matrix: Any) -> None:
    ordered = matrix.tocsr(copy=True)
    ordered.sum_duplicates()
    for part in (ordered.data, ordered.indices.astype(np.int64), ordered.indptr.astype(np.int64)):
        _feed_array(into, part)


def _feed_pandas(into: Any, frame: pd.DataFrame | pd.Series) -> None:
    _feed(into, frame.index)
    if isinstance(frame, pd.DataFrame):
        _feed(into, frame.columns)
    columns = (
        [frame.iloc[:, j] for j in range(frame.shape[1])] if isinstance(frame, pd.DataFrame) else [frame]
    )
    for column in columns:
        _feed(into, column.name)
        _feed(into, column.to_numpy())
