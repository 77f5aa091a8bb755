"""Regression tables: estimates side by side, in every format and both languages."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models import acute_beds_results
from kostnadsvekst.models.grammar import split
from kostnadsvekst.models.results import CONSTANT, FIXED_EFFECTS, AbsorbedEffects, Result
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.other_tables import (
    Listed,
    is_regressions,
    other_table,
    read_listed,
    refuse_options,
)
from kostnadsvekst.report.result_tables import not_a_result
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer, p_value_cell
from kostnadsvekst.report.term_labels import term_label

_TITLE = Bilingual("Regresjoner", "Regressions")
_STUB = Bilingual("Uavhengige variabler", "Independent variables")
_NONE = Bilingual("nei", "no")
_YES = Bilingual("ja", "yes")
_LISTED = 8
STARS = (0.05, 0.01, 0.001)


# What a row of one's own may hold: also missing values of pandas, and decimals.
OwnCell: TypeAlias = str | float | np.number[Any] | np.bool_ | Decimal | Bilingual | None
# One result, several, or several with their headings; what is no result is told in a sentence.
_Tabulated: TypeAlias = object


class _Fact(NamedTuple):
    label: Bilingual
    cell: Callable[[Result], Cell]
    # Whether some results of a table make the row worth a line.
    shown: Callable[[list[Result]], bool] = lambda results: True


def table(
    estimates: _Tabulated,
    *,
    show: str = "std_error",
    decimals: int = 3,
    stars: Sequence[float] = STARS,
    keep: Sequence[str] | None = None,
    hide: Sequence[str] = (),
    rename: Mapping[str, str | Bilingual] | None = None,
    rows: Mapping[str | Bilingual, Sequence[OwnCell]] | None = None,
    title: str | Bilingual = _TITLE,
    name: str = "regressions",
) -> Table:
    """Make a table of results: estimates side by side, or any other result of this package.

    Parameters
    ----------
    estimates : Result, sequence of Result, or mapping of heading to Result
        What `kostnadsvekst.estimate`, `kostnadsvekst.estimate_ar1` and `kostnadsvekst.staggered.event_study`
        return, and any other `kostnadsvekst.models.results.Result`. Without headings the columns are
        numbered. A frame of `kostnadsvekst.acute_beds.estimate_effects`, alone or among them, is one column
        an outcome. Or another result: a frame of `kostnadsvekst.decompose`,
        `kostnadsvekst.account_for_growth`, `kostnadsvekst.many_outcomes`, `kostnadsvekst.describe` or of a
        study (several of one kind stand side by side), tests (below each other), a specification curve, a
        `kostnadsvekst.sensitivity`, a specification. Of the options these take `decimals`, `rename`,
        `title` and `name`.
    show : {"std_error", "interval", "p_value", "statistic", "nothing"}
        What stands below each coefficient: standard error or p value in parentheses, the 95 % interval in
        brackets, or the t statistic.
    decimals : int
    stars : sequence of float
        Levels of one, two, three stars; empty for none. The p values are those of the covariance shown.
    keep : sequence of str, optional
        Terms to show, in this order; without it all, in order of appearance.
    hide : sequence of str
        Terms, or beginnings of terms such as ``"C(year)"``, to leave out; a note says that they are in the
        model.
    rename : mapping of str to str or Bilingual, optional
        Term -> label; without it the labels of the panel's columns.
    rows : mapping of label to sequence, optional
        Rows of your own below the coefficients, one text, number (whole ones without decimals), truth value
        or None (empty) for each estimate.
    title : str or Bilingual
    name : str
        Stem of file names.

    Returns
    -------
    Table
        ``.to("tex", "nb")`` renders it: csv, tex (booktabs), html, md, typ, docx. The estimator has a row
        unless all are fixed effects; the autocorrelation has rows where there is one, and so have terms that
        were omitted as collinear.

    Raises
    ------
    DataMissingError
        If a frame lacks columns of the effects of acute beds.
    SpecificationError
        If there are no estimates, something is no result, results of several kinds are mixed, a row has the
        wrong length, a term does not exist, or `show` is unknown.

    Examples
    --------
    >>> print(table([est1, est2], hide=["C(year)"]).to("md", "nb"))  # doctest: +SKIP
    """
    listed = read_listed(estimates)
    if not is_regressions(listed):
        refuse_options(show=(show, "std_error"), stars=(tuple(stars), STARS), keep=(keep, None))
        refuse_options(hide=(tuple(hide), ()), rows=(rows, None))
        return other_table(listed, decimals, rename or {}, None if title is _TITLE else title, name)
    headings, fits = _columns(listed)
    if show not in _BELOW:
        raise SpecificationError(f"unknown show {show!r}; known: {', '.join(_BELOW)}")
    present = _present(fits)
    terms, hidden = _choose(present, keep, hide)
    absent = [term for term in rename or () if term not in present]
    if absent:
        raise SpecificationError(f"cannot rename: {nearest_names(absent, present)} in no model")
    labels = {name: label for fitted in fits for name, label in fitted.facts.labels.items()}
    labelled = {term: labels.get(term, term_label(term)) for term in present}
    lines = _coefficient_rows(fits, terms, {**labelled, **(rename or {})}, show, decimals, stars)
    lines += [_own_row(label, cells, len(fits), decimals) for label, cells in (rows or {}).items()]
    shown = [fact for fact in _FACTS if fact.shown(fits)]
    facts = [Row(fact.label, tuple(fact.cell(f) for f in fits)) for fact in shown]
    facts[0] = Row(facts[0].label, facts[0].cells, rule_above=True)
    outcomes = [f.facts.outcome for f in fits]
    return Table(
        name=name,
        title=title if isinstance(title, Bilingual) else both(title),
        stub=_STUB,
        headings=(headings, tuple(Heading(labels.get(o, term_label(o))) for o in outcomes)),
        rows=(*lines, *facts),
        notes=_notes(fits, terms, show, stars, [labelled[term] for term in hidden]),
        provenance=_provenance(fits),
    )


def _columns(listed: Listed) -> tuple[tuple[Heading, ...], list[Result]]:
    """Headings and results; a frame of effects gives a column for each outcome."""
    headings: list[Heading] = []
    fits: list[Result] = []
    for heading, value in listed:
        members = _results_of(value)
        if heading is None:
            headings += [Heading(f"({len(fits) + i})") for i in range(1, len(members) + 1)]
        else:
            headings.append(Heading(heading, len(members)))
        fits += members
    return tuple(headings), fits


def _results_of(value: object) -> list[Result]:
    if isinstance(value, pd.DataFrame):
        return list(acute_beds_results.results(value).values())
    if not isinstance(value, Result):
        raise SpecificationError(not_a_result(value))
    return [value]


def _present(fits: list[Result]) -> list[str]:
    """Terms in order of appearance, the constant last where there is one."""
    terms = dict.fromkeys(term for fitted in fits for term in fitted.terms)
    return sorted(terms, key=lambda term: term == CONSTANT)


def _coefficient_rows(
    fits: list[Result],
    terms: list[str],
    labels: Mapping[str, str | Bilingual],
    show: str,
    decimals: int,
    stars: Sequence[float],
) -> list[Row]:
    lines: list[Row] = []
    for term in terms:
        lines.append(Row(labels[term], tuple(_coefficient(f, term, decimals, stars) for f in fits)))
        if show != "nothing":
            lines.append(Row("", tuple(_below(f, term, decimals, show) for f in fits)))
    return lines


def covariance_label(fitted: Result) -> Bilingual:
    """Type of the standard errors with its small-sample convention."""
    return fitted.facts.covariance.text


def _choose(
    present: list[str], keep: Sequence[str] | None, hide: Sequence[str]
) -> tuple[list[str], list[str]]:
    absent = [term for term in keep or () if term not in present]
    absent += [start for start in hide if not any(_begins(term, start) for term in present)]
    if absent:
        raise SpecificationError(f"in no model: {nearest_names(absent, present)}")
    wanted = list(keep) if keep is not None else present
    shown = [term for term in wanted if not any(_begins(term, start) for start in hide)]
    return shown, [term for term in present if term not in shown]


def _begins(term: str, start: str) -> bool:
    """Whether a term begins so; a product only if the beginning is a product too."""
    return term.startswith(start) and len(split(term, ":")) == len(split(start, ":"))


def _coefficient(fitted: Result, term: str, decimals: int, stars: Sequence[float]) -> Cell:
    if term not in fitted.terms:
        return ""
    line = fitted.coefficients.loc[term]
    count = sum(line["p_value"] < level for level in stars)
    return Number(float(line["estimate"]), decimals, "*" * count)


def _below(fitted: Result, term: str, decimals: int, show: str) -> Cell:
    return _BELOW[show](fitted, term, decimals) if term in fitted.terms else ""


def _interval(fitted: Result, term: str, decimals: int) -> Cell:
    line = fitted.coefficients.loc[term]
    ends = [float(line["conf_low"]), float(line["conf_high"])]
    nb, en = ([format_number(end, decimals, lang) for end in ends] for lang in ("nb", "en"))
    return Bilingual(f"[{nb[0]}; {nb[1]}]", f"[{en[0]}, {en[1]}]")


def _in_parentheses(column: str) -> Callable[[Result, str, int], Cell]:
    def cell(fitted: Result, term: str, decimals: int) -> Cell:
        return Number(float(fitted.coefficients.loc[term, column]), decimals, parentheses=True)

    return cell


def _p_value(fitted: Result, term: str, decimals: int) -> Cell:
    return p_value_cell(float(fitted.coefficients.loc[term, "p_value"]), decimals, parentheses=True)


_BELOW: dict[str, Callable[[Result, str, int], Cell]] = {
    "std_error": _in_parentheses("std_error"),
    "interval": _interval,
    "p_value": _p_value,
    "statistic": _in_parentheses("statistic"),
    "nothing": lambda fitted, term, decimals: "",
}
_BELOW_NOTE = {
    "std_error": Bilingual("Standardfeil i parentes", "Standard errors in parentheses"),
    "interval": Bilingual("Nominelle 95 %-intervaller i hakeparentes", "Nominal 95% intervals in brackets"),
    "p_value": Bilingual("p-verdier i parentes", "p values in parentheses"),
    "statistic": Bilingual("t-verdier i parentes", "t statistics in parentheses"),
    "nothing": Bilingual("Koeffisienter", "Coefficients"),
}
_T_AND_Z = Bilingual(
    "t-verdier (z-verdier der fordelingen er normal)", "t statistics (z where the distribution is normal)"
)


def _effects(fitted: Result) -> Cell:
    listed = [_effect(effect) for effect in fitted.facts.effects]
    return Bilingual(", ".join(e.nb for e in listed), ", ".join(e.en for e in listed)) if listed else _NONE


def _effect(effect: AbsorbedEffects) -> Bilingual:
    name = label_of(effect.name) if isinstance(effect.name, str) else effect.name
    count = "" if effect.count is None else f" ({effect.count})"
    return Bilingual(name.nb + count, name.en + count)


def _weights(fitted: Result) -> Cell:
    return label_of(fitted.facts.weights) if fitted.facts.weights else _NONE


def _omitted(fitted: Result) -> Cell:
    """Name the terms that were left out; more than a few by number."""
    facts = fitted.facts
    if not facts.omitted:
        return ""
    names = [facts.labels.get(term, term_label(term)) for term in facts.omitted[:_LISTED]]
    more = len(facts.omitted) - len(names)
    nb, en = ", ".join(n.nb for n in names), ", ".join(n.en for n in names)
    return Bilingual(
        f"utelatt: {nb}" + (f" og {more} til" if more else ""),
        f"omitted: {en}" + (f" and {more} more" if more else ""),
    )


def _optional(value: float | None, decimals: int) -> Cell:
    return "" if value is None else Number(float(value), decimals)


def _is_known(fact: str) -> Callable[[list[Result]], bool]:
    return lambda fits: any(getattr(f.facts, fact) is not None for f in fits)


_RHO_METHODS = {"fixed": Bilingual("gitt (fixed)", "given (fixed)")}
_FACTS = (
    _Fact(
        Bilingual("Estimator", "Estimator"),
        lambda f: f.facts.label,
        lambda fits: any(f.facts.estimator != FIXED_EFFECTS for f in fits),
    ),
    _Fact(Bilingual("Absorberte effekter", "Absorbed effects"), _effects),
    _Fact(Bilingual("Vekter", "Weights"), _weights),
    _Fact(Bilingual("Utvalg", "Sample"), lambda f: f.facts.sample),
    _Fact(
        Bilingual("ρ", "ρ"),
        lambda f: _optional(f.facts.rho, 3),
        _is_known("rho"),
    ),
    _Fact(
        Bilingual("Type ρ", "Type of ρ"),
        lambda f: _RHO_METHODS.get(f.facts.rho_method or "", both(f.facts.rho_method or "")),
        _is_known("rho"),
    ),
    _Fact(
        Bilingual("Rader tapt i transformasjonen", "Rows lost to the transformation"),
        lambda f: _optional(f.facts.n_lost, 0),
        _is_known("n_lost"),
    ),
    _Fact(
        Bilingual("Kollineære variabler", "Collinear terms"),
        _omitted,
        lambda fits: any(f.facts.omitted for f in fits),
    ),
    _Fact(Bilingual("N", "N"), lambda f: Number(float(f.n_obs), 0)),
    _Fact(Bilingual("R²", "R²"), lambda f: _optional(f.facts.r_squared, 3), _is_known("r_squared")),
    _Fact(
        Bilingual("R² innen", "R² within"),
        lambda f: _optional(f.facts.r_squared_within, 3),
        _is_known("r_squared_within"),
    ),
)


def _own_row(label: str | Bilingual, cells: Sequence[OwnCell], count: int, decimals: int) -> Row:
    if isinstance(cells, str) or len(cells) != count:
        raise SpecificationError(
            f"the row {label!r} has {'one text' if isinstance(cells, str) else f'{len(cells)} cells'} "
            f"for {count} estimates"
        )
    return Row(label, tuple(_own_cell(label, cell, decimals) for cell in cells))


def _own_cell(label: str | Bilingual, value: OwnCell, decimals: int) -> Cell:
    """Write a text as it is, a count as a whole number, None as nothing, what is missing by its sign."""
    if value is None:
        return ""
    if isinstance(value, str | Bilingual):
        return value
    if isinstance(value, bool | np.bool_):
        return _YES if value else _NONE
    if isinstance(value, Integral):
        return Number(float(value), 0)
    if isinstance(value, Real | Decimal):
        return Number(float(value), decimals)
    if value is pd.NA or value is pd.NaT:
        return Number(None, decimals)
    raise SpecificationError(
        f"the row {label!r} has {value!r} of type {type(value).__name__}: write a number, a text or None"
    )


def _notes(
    fits: list[Result], terms: list[str], show: str, stars: Sequence[float], hidden: list[Bilingual]
) -> tuple[Bilingual, ...]:
    parts = [_below_note(fits, show), *_star_notes(fits, terms, stars), *_hidden_notes(hidden)]
    parts += dict.fromkeys(note for fitted in fits for note in fitted.facts.notes)
    first = Bilingual(". ".join(p.nb for p in parts) + ".", ". ".join(p.en for p in parts) + ".")
    return first, footer(_provenance(fits), _errors_note(fits))


def _below_note(fits: list[Result], show: str) -> Bilingual:
    normal = {bool(np.isinf(fitted.df).all()) for fitted in fits}
    if show != "statistic" or normal == {False}:
        return _BELOW_NOTE[show]
    name = Bilingual("z-verdier", "z statistics") if normal == {True} else _T_AND_Z
    return Bilingual(f"{name.nb} i parentes", f"{name.en} in parentheses")


def _star_notes(fits: list[Result], terms: list[str], stars: Sequence[float]) -> list[Bilingual]:
    if not stars:
        return []
    levels = ", ".join(f"{'*' * n} p < {level:g}" for n, level in enumerate(sorted(stars, reverse=True), 1))
    notes = [Bilingual(levels.replace(".", ","), levels)]
    if any(f.coefficients.loc[[t for t in terms if t in f.terms], "p_value"].isna().any() for f in fits):
        notes.append(
            Bilingual(
                "Ingen stjerner der p-verdien ikke er beregnet", "No stars where no p value was computed"
            )
        )
    return notes


def _hidden_notes(hidden: list[Bilingual]) -> list[Bilingual]:
    if len(hidden) > _LISTED:
        text = Bilingual(f"{len(hidden)} andre variabler", f"{len(hidden)} other terms")
    else:
        text = Bilingual(", ".join(n.nb for n in hidden), ", ".join(n.en for n in hidden))
    return [Bilingual(f"Ikke vist: {text.nb}", f"Not shown: {text.en}")] if hidden else []


def _errors_note(fits: list[Result]) -> Bilingual:
    kinds = [covariance_label(f) for f in fits]
    if len(set(kinds)) == 1:
        return Bilingual(f"Standardfeil: {kinds[0].nb}", f"Standard errors: {kinds[0].en}")
    numbered = list(enumerate(kinds, 1))
    return Bilingual(
        "Standardfeil: " + "; ".join(f"({i}) {k.nb}" for i, k in numbered),
        "Standard errors: " + "; ".join(f"({i}) {k.en}" for i, k in numbered),
    )


def _provenance(fits: list[Result]) -> Provenance:
    """Return the origin of the data, a synthetic one first: the label must never get lost."""
    origins = [fitted.facts.provenance for fitted in fits]
    return next((p for p in origins if p.synthetic), origins[0])
