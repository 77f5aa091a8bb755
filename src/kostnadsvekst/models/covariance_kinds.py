"""The kinds of covariance, one row each, and the covariance that a specification asks for.

To add a kind, write its function, (fit, codes of each column, ...) -> `Covariance`, and its row in `KINDS`:
specifications, later choices, tables in both languages and error messages read the row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models import few_clusters, inference
from kostnadsvekst.models.covariance_facts import CovarianceFacts
from kostnadsvekst.models.jackknife import jackknife
from kostnadsvekst.models.rows import level_codes
from kostnadsvekst.models.wild_bootstrap import wild_covariance
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.periods import read_panel_periods

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CovarianceKind:
    """A kind of covariance.

    Attributes
    ----------
    label : Bilingual
        Its name in front of the numbers under a table.
    compute : callable
        (fit, codes of the first column, codes of the second, ..., convention=, names=, options) ->
        `Covariance`; it gets only what the row says that it takes.
    n_columns : tuple of int
        How many columns may be named with it.
    defaults : tuple of {"entity", "time"}
        Columns that it takes where none is named.
    takes_convention, takes_names : bool
        Whether it takes the small-sample convention; the names of the terms.
    takes_numbers : bool
        Whether it takes periods as numbers, whose differences are their distances, and not as codes.
    options : tuple of str
        Other keywords that it takes.
    refits : bool
        Whether it estimates again without some clusters; then it needs an estimator in closed form.
    beneath : str
        Kind of the covariance matrix where only tests and intervals come from this one; empty if it has a
        matrix of its own.
    """

    label: Bilingual
    compute: Callable[..., inference.Covariance]
    n_columns: tuple[int, ...] = (0,)
    defaults: tuple[str, ...] = ()
    takes_convention: bool = False
    takes_names: bool = False
    takes_numbers: bool = False
    options: tuple[str, ...] = ()
    refits: bool = False
    beneath: str = ""


KINDS: dict[str, CovarianceKind] = {
    "classical": CovarianceKind(
        Bilingual("klassiske (homoskedastiske)", "classical (homoskedastic)"), inference.classical
    ),
    "hc1": CovarianceKind(Bilingual("robuste (HC1)", "robust (HC1)"), inference.hc1),
    "hc2": CovarianceKind(
        Bilingual("robuste (HC2)", "robust (HC2)"), few_clusters.hc2, takes_names=True, options=("df",)
    ),
    "hc3": CovarianceKind(
        Bilingual("robuste (HC3)", "robust (HC3)"), few_clusters.hc3, takes_names=True, options=("df",)
    ),
    "cluster": CovarianceKind(
        Bilingual("klyngerobuste", "clustered"),
        inference.clustered,
        n_columns=(0, 1),
        defaults=("entity",),
        takes_convention=True,
    ),
    "twoway": CovarianceKind(
        Bilingual("toveis klyngerobuste", "two-way clustered"),
        inference.twoway_clustered,
        n_columns=(0, 2),
        defaults=("entity", "time"),
        takes_convention=True,
    ),
    "driscoll_kraay": CovarianceKind(
        both("Driscoll-Kraay"),
        inference.driscoll_kraay,
        defaults=("time",),
        takes_convention=True,
        takes_numbers=True,
        options=("lags", "distance"),
    ),
    "wild_cluster": CovarianceKind(
        Bilingual("vill klyngebootstrap under nullhypotesen", "wild cluster bootstrap, null imposed"),
        wild_covariance,
        n_columns=(0, 1),
        defaults=("entity",),
        takes_convention=True,
        takes_names=True,
        options=("draws", "seed", "distribution", "terms", "ties"),
        beneath="cluster",
    ),
    "jackknife": CovarianceKind(
        Bilingual("klyngejackknife CV3", "cluster jackknife CV3"),
        jackknife,
        n_columns=(0, 1),
        defaults=("entity",),
        refits=True,
    ),
    "cr2": CovarianceKind(
        Bilingual("klyngerobuste CR2 (Bell–McCaffrey)", "clustered CR2 (Bell-McCaffrey)"),
        few_clusters.cr2,
        n_columns=(0, 1),
        defaults=("entity",),
        takes_names=True,
        options=("target",),
    ),
}


def read_choice(choice: Any) -> tuple[str, tuple[str, ...]]:
    """Kind and columns of a choice of covariance.

    Parameters
    ----------
    choice : str, or sequence of str
        A kind, or a kind and the columns named with it.

    Returns
    -------
    kind : str
    columns : tuple of str

    Raises
    ------
    SpecificationError
        If the kind does not exist, or does not take that many different columns.
    """
    listed = tuple(choice) if isinstance(choice, tuple | list) else (choice,)
    kind, columns = (listed[0], listed[1:]) if listed else (None, ())
    if kind not in KINDS:
        raise SpecificationError(f"unknown covariance {choice!r}; known: {', '.join(KINDS)}")
    if len(columns) not in KINDS[kind].n_columns or len(set(columns)) < len(columns):
        allowed = " or ".join(map(str, KINDS[kind].n_columns))
        raise SpecificationError(
            f"the covariance {kind!r} takes {allowed} different column(s), not {columns!r}"
        )
    return kind, columns


def choose_columns(choice: Any, entity: str, time: str) -> tuple[str, ...]:
    """Columns that a choice of covariance takes: those named with it, or the defaults of its kind.

    Parameters
    ----------
    choice : str, or sequence of str
    entity, time : str
        Columns that play these parts.

    Raises
    ------
    SpecificationError
        As `read_choice`.
    """
    kind, named = read_choice(choice)
    parts = {"entity": entity, "time": time}
    return named or tuple(parts[part] for part in KINDS[kind].defaults)


@dataclass(frozen=True)
class Grouping:
    """Columns of the rows used, as codes for clustering.

    Attributes
    ----------
    entity, time : str
    known : mapping of str to (n,) integer array
        Codes that are at hand already.
    data : DataFrame, optional
        Where other columns are.
    rows : (n,) integer array
        Positions of the rows used in the data.
    """

    entity: str
    time: str
    known: Mapping[str, Ints]
    data: pd.DataFrame | None = field(repr=False)
    rows: Ints = field(repr=False)

    def codes(self, column: str) -> Ints:
        """Codes 0, 1, ... of a column's sorted levels.

        Raises
        ------
        DataMissingError
            If the column does not exist.
        InvalidDataError
            If it has missing values in rows that are used.
        """
        if column in self.known:
            return self.known[column]
        codes: Ints = level_codes(self._used(column), column, self.entity, self.time)[0]
        return codes

    def numbers(self, column: str) -> Ints:
        """Numbers of a column's periods, as `kostnadsvekst.panel.periods.read_panel_periods` reads them.

        Neighbouring periods of the whole column differ by one; a sample of every second year has gaps.

        Raises
        ------
        DataMissingError, InvalidDataError
            As `codes`; also if a value cannot be read as a period.
        """
        level_codes(self._used(column), column, self.entity, self.time, "periods")
        data = self._source(column)
        periods = read_panel_periods(data[self.entity], data[column], self.rows)
        return periods.numbers.astype(np.intp)

    def _used(self, column: str) -> pd.DataFrame:
        source = self._source(column)
        columns = dict.fromkeys((self.entity, self.time, column))
        return source[[name for name in columns if name in source.columns]].iloc[self.rows]

    def _source(self, column: str) -> pd.DataFrame:
        if self.data is None:
            raise SpecificationError(f"the estimate has no data to take the column {column!r} from")
        require_columns([column], self.data.columns)
        return self.data


def compute_covariance(
    choice: str | tuple[str, ...],
    fit: inference.FittedMoments,
    grouping: Grouping,
    *,
    convention: str = "areg",
    names: Sequence[str] = (),
    **options: Any,
) -> inference.Covariance:
    """Covariance of a fit.

    Parameters
    ----------
    choice : str or tuple of str
        The covariance of a `Specification`.
    fit : WithinFit
    grouping : Grouping
    convention : {"areg", "xtreg", "none"}
        Small-sample factor, see `kostnadsvekst.models.inference.clustered`.
    names : sequence of str
        Of the k columns.
    **options
        For driscoll_kraay: ``lags`` and ``distance`` (``"calendar"`` or ``"rank"``). For wild_cluster:
        ``draws`` (9,999), ``seed``, ``distribution`` (``"rademacher"`` or ``"webb"``), ``terms`` (all),
        ``ties`` (``"counted"`` or ``"uncounted"``). For cr2: ``target`` (``"identity"`` or
        ``"inverse_weights"``). For hc2 and hc3: ``df`` (``"residual"`` or ``"satterthwaite"``).

    Returns
    -------
    Covariance
        Its facts name the kind and its columns.

    Raises
    ------
    SpecificationError
        If there are fewer than two clusters, or an option does not belong to the kind.
    """
    kind, _ = read_choice(choice)
    row = KINDS[kind]
    foreign = sorted(set(options) - set(row.options))
    if foreign:
        raise SpecificationError(
            f"the covariance {kind!r} has no option {', '.join(foreign)}"
            + (f"; it has {', '.join(row.options)}" if row.options else "")
        )
    columns = choose_columns(choice, grouping.entity, grouping.time)
    if row.takes_convention:
        options["convention"] = convention
    if row.takes_names:
        options["names"] = names
    read = grouping.numbers if row.takes_numbers and _calendar(options) else grouping.codes
    covariance = row.compute(fit, *(read(column) for column in columns), **options)
    return replace(covariance, facts=_named(covariance.facts, kind, columns))


def _calendar(options: Mapping[str, Any]) -> bool:
    """Whether distances are those of the calendar; their rank needs no more than the order of the levels."""
    return "rank" not in (options.get("lags"), options.get("distance"))


def _named(facts: CovarianceFacts, kind: str, columns: tuple[str, ...]) -> CovarianceFacts:
    """Put on what the arrays do not know: the label of the kind and the columns."""
    row = KINDS[kind]
    beneath = _named(facts.beneath, row.beneath, columns) if facts.beneath and row.beneath else facts.beneath
    return replace(facts, kind=kind, label=row.label, columns=columns, beneath=beneath)
