"""What `kostnadsvekst.table` is given: read once, and made a table of where it is no regression."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models import acute_beds_results
from kostnadsvekst.models.results import Result
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.report.frame_layouts import layout_of, word_for
from kostnadsvekst.report.result_tables import (
    HYPOTHESES,
    frames_table,
    hypotheses_table,
    table_of,
)
from kostnadsvekst.report.tables import Row, Table

Listed: TypeAlias = list[tuple[str | Bilingual | None, object]]


def read_listed(given: object) -> Listed:
    """Results with their headings, from one result, several, or a mapping of headings to results.

    Parameters
    ----------
    given : object

    Raises
    ------
    SpecificationError
        If there are none.
    """
    if isinstance(given, Mapping):
        listed: Listed = list(given.items())
    elif isinstance(given, list | tuple | set | frozenset) or _is_iterator(given):
        listed = [(None, value) for value in given]  # type: ignore[attr-defined]
    else:
        listed = [(None, given)]
    if not listed:
        raise SpecificationError("a regression table needs at least one estimate")
    return listed


def is_regressions(listed: Listed) -> bool:
    """Whether all are estimates, or frames of effects on acute beds.

    Parameters
    ----------
    listed : list of (heading, result)
    """
    return any(_is_regression(value) for _, value in listed)


def refuse_options(**given: tuple[Any, Any]) -> None:
    """Refuse options that say how coefficients are shown, where there are none.

    Parameters
    ----------
    **given : (value, default)
    """
    wrong = [name for name, (value, default) in given.items() if value != default]
    if wrong:
        raise SpecificationError(f"{', '.join(wrong)}: only tables of estimates have this; leave it out")


def other_table(
    listed: Listed,
    decimals: int,
    rename: Mapping[str, str | Bilingual],
    title: str | Bilingual | None,
    name: str,
) -> Table:
    """Make a table of results that are no regressions: frames side by side, tests below each other.

    Parameters
    ----------
    listed : list of (heading, result)
    decimals : int
    rename : mapping of str to str or Bilingual
        What a row is called in the result -> its label.
    title : str or Bilingual, optional
    name : str
        Stem of the files; ``"regressions"`` for the result's own.

    Raises
    ------
    SpecificationError
        If something is no result, results of several kinds are mixed, or a name is in no row.
    """
    made = _made(listed, decimals)
    if rename:
        made = replace(made, rows=_renamed(made.rows, rename))
    if title is not None:
        made = replace(made, title=title if isinstance(title, Bilingual) else both(title))
    return made if name == "regressions" else replace(made, name=name)


def _made(listed: Listed, decimals: int) -> Table:
    values = [value for _, value in listed]
    if all(isinstance(value, pd.DataFrame) for value in values):
        numbered = len(listed) > 1
        frames = {
            (heading or f"({number})") if numbered else heading: value
            for number, (heading, value) in enumerate(listed, 1)
        }
        return frames_table(frames, decimals)
    tests = [(heading, value) for heading, value in listed if isinstance(value, HYPOTHESES)]
    if len(tests) == len(listed):
        return hypotheses_table(tests, decimals)
    if len(values) == 1:
        return table_of(values[0], decimals)
    for value in values:
        if not isinstance(value, pd.DataFrame):
            table_of(value, decimals)  # says what is no result
    kinds = ", ".join(dict.fromkeys(type(value).__name__ for value in values))
    raise SpecificationError(f"results of the kinds {kinds} do not stand in one table: make a table of each")


def _renamed(rows: tuple[Row, ...], rename: Mapping[str, str | Bilingual]) -> tuple[Row, ...]:
    known: dict[str | Bilingual, str | Bilingual] = {}
    labels = [row.label for row in rows]
    absent = [name for name in rename if word_for(name) not in labels and name not in labels]
    if absent:
        present = [label.en if isinstance(label, Bilingual) else label for label in labels]
        raise SpecificationError(f"cannot rename: {nearest_names(absent, present)} in no row")
    for name, label in rename.items():
        known |= {name: label, word_for(name): label}
    return tuple(replace(row, label=known.get(row.label, row.label)) for row in rows)


def _is_regression(value: object) -> bool:
    if not isinstance(value, pd.DataFrame):
        return isinstance(value, Result)
    # A frame with outcomes alone is taken for effects on acute beds, and what it lacks is told.
    of_beds = set(acute_beds_results.COLUMNS) <= set(value.columns)
    return of_beds or (layout_of(value) is None and "outcome" in value.columns)


def _is_iterator(given: object) -> bool:
    """Whether something is gone through once, such as a generator or the values of a dictionary."""
    plain = not isinstance(given, str | bytes | pd.DataFrame | pd.Series | Result)
    return plain and isinstance(given, Iterable) and not hasattr(given, "__dataclass_fields__")
