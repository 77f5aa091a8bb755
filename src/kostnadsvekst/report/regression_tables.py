"""Regression tables: estimates side by side, in every format and both languages."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models.fixed_effects import CONSTANT, Estimate
from kostnadsvekst.models.samples import sample_label
from kostnadsvekst.models.transformations import parse_call
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer

_CATEGORY = re.compile(r"C\((.+?)\)\[(?:T\.)?(.+)\]")
_YEAR = Bilingual("År", "Year")
_TITLE = Bilingual("Regresjoner", "Regressions")
_STUB = Bilingual("Uavhengige variabler", "Independent variables")
_NONE = Bilingual("nei", "no")
_LISTED = 8
STARS = (0.05, 0.01, 0.001)


class _Statistic(NamedTuple):
    label: Bilingual
    cell: Callable[[Estimate], Cell]


def table(
    estimates: Sequence[Estimate] | Mapping[str, Estimate],
    *,
    show: str = "std_error",
    decimals: int = 3,
    stars: Sequence[float] = STARS,
    keep: Sequence[str] | None = None,
    hide: Sequence[str] = (),
    rename: Mapping[str, str | Bilingual] | None = None,
    rows: Mapping[str | Bilingual, Sequence[str | float | Bilingual]] | None = None,
    title: str | Bilingual = _TITLE,
    name: str = "regressions",
) -> Table:
    """Put estimates side by side.

    Parameters
    ----------
    estimates : sequence of Estimate, or mapping of heading to Estimate
        Without headings the columns are numbered.
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
        Rows of your own below the coefficients, one text or number for each estimate.
    title : str or Bilingual
    name : str
        Stem of file names.

    Returns
    -------
    Table
        ``.to("tex", "nb")`` renders it: csv, tex (booktabs), html, md, typ, docx.

    Raises
    ------
    SpecificationError
        If there are no estimates, a row has the wrong length, a term does not exist, or `show` is unknown.

    Examples
    --------
    >>> print(table([est1, est2], hide=["C(year)"]).to("md", "nb"))  # doctest: +SKIP
    """
    headed = (
        dict(estimates)
        if isinstance(estimates, Mapping)
        else {f"({number})": fitted for number, fitted in enumerate(estimates, 1)}
    )
    fits = list(headed.values())
    if not fits:
        raise SpecificationError("a regression table needs at least one estimate")
    if show not in _BELOW:
        raise SpecificationError(f"unknown show {show!r}; known: {', '.join(_BELOW)}")
    present = list(dict.fromkeys(term for fitted in fits for term in fitted.terms[:-1]))
    present.append(CONSTANT)
    terms, hidden = _choose(present, keep, hide)
    labels = rename or {}
    absent = [term for term in labels if term not in present]
    if absent:
        raise SpecificationError(f"cannot rename: {nearest_names(absent, present)} in no model")
    lines: list[Row] = []
    for term in terms:
        label = labels.get(term, term_label(term))
        lines.append(Row(label, tuple(_coefficient(f, term, decimals, stars) for f in fits)))
        if show != "nothing":
            lines.append(Row("", tuple(_below(f, term, decimals, show) for f in fits)))
    lines += [_own_row(label, cells, len(fits), decimals) for label, cells in (rows or {}).items()]
    facts = [Row(fact.label, tuple(fact.cell(f) for f in fits)) for fact in _FACTS]
    facts[0] = Row(facts[0].label, facts[0].cells, rule_above=True)
    outcomes = tuple(Heading(term_label(f.specification.outcome)) for f in fits)
    return Table(
        name=name,
        title=title if isinstance(title, Bilingual) else both(title),
        stub=_STUB,
        headings=(tuple(Heading(text) for text in headed), outcomes),
        rows=(*lines, *facts),
        notes=_notes(fits, terms, show, stars, hidden),
        provenance=_provenance(fits),
    )


def term_label(term: str) -> Bilingual:
    """Label of a term: of the column, its level, its transformation, products with ``×``."""
    if ":" in term:
        parts = [term_label(part) for part in term.split(":")]
        return Bilingual(" × ".join(p.nb for p in parts), " × ".join(p.en for p in parts))
    if term == CONSTANT:
        return Bilingual("Konstant", "Constant")
    match = _CATEGORY.fullmatch(term)
    if match:
        column, level = match.groups()
        label = _YEAR if column == "year" else label_of(column)
        return Bilingual(f"{label.nb} {level}", f"{label.en} {level}")
    call = parse_call(term)
    if call:
        inner = term_label(call.argument)
        extra = f", {call.periods}" if call.periods > 1 else ""
        return Bilingual(f"{call.function}({inner.nb}{extra})", f"{call.function}({inner.en}{extra})")
    return label_of(term)


def covariance_label(fitted: Estimate) -> Bilingual:
    """Type of the standard errors with its small-sample convention."""
    return fitted.inference.facts.text


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
    return term.startswith(start) and term.count(":") == start.count(":")


def _coefficient(fitted: Estimate, term: str, decimals: int, stars: Sequence[float]) -> Cell:
    if term not in fitted.terms:
        return ""
    line = fitted.coefficients.loc[term]
    count = sum(line["p_value"] < level for level in stars)
    return Number(float(line["estimate"]), decimals, "*" * count)


def _below(fitted: Estimate, term: str, decimals: int, show: str) -> Cell:
    return _BELOW[show](fitted, term, decimals) if term in fitted.terms else ""


def _interval(fitted: Estimate, term: str, decimals: int) -> Cell:
    line = fitted.coefficients.loc[term]
    ends = [float(line["conf_low"]), float(line["conf_high"])]
    nb, en = ([_end(end, decimals, lang) for end in ends] for lang in ("nb", "en"))
    return Bilingual(f"[{nb[0]}; {nb[1]}]", f"[{en[0]}, {en[1]}]")


def _end(value: float, decimals: int, lang: str) -> str:
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return format_number(value, decimals, lang)


def _in_parentheses(column: str) -> Callable[[Estimate, str, int], Cell]:
    def cell(fitted: Estimate, term: str, decimals: int) -> Cell:
        return Number(float(fitted.coefficients.at[term, column]), decimals, parentheses=True)

    return cell


_BELOW: dict[str, Callable[[Estimate, str, int], Cell]] = {
    "std_error": _in_parentheses("std_error"),
    "interval": _interval,
    "p_value": _in_parentheses("p_value"),
    "statistic": _in_parentheses("statistic"),
    "nothing": lambda fitted, term, decimals: "",
}
_BELOW_NOTE = {
    "std_error": Bilingual("Standardfeil i parentes", "Standard errors in parentheses"),
    "interval": Bilingual("95 %-konfidensintervall i hakeparentes", "95% confidence intervals in brackets"),
    "p_value": Bilingual("p-verdier i parentes", "p values in parentheses"),
    "statistic": Bilingual("t-verdier i parentes", "t statistics in parentheses"),
    "nothing": Bilingual("Koeffisienter", "Coefficients"),
}


def _effects(fitted: Estimate) -> Cell:
    if fitted.specification.effects == "none":
        return _NONE
    label = label_of(fitted.specification.entity)
    return Bilingual(f"{label.nb} ({fitted.n_entities})", f"{label.en} ({fitted.n_entities})")


def _weights(fitted: Estimate) -> Cell:
    return label_of(fitted.specification.weights) if fitted.specification.weights else _NONE


_FACTS = (
    _Statistic(Bilingual("Absorberte effekter", "Absorbed effects"), _effects),
    _Statistic(Bilingual("Vekter", "Weights"), _weights),
    _Statistic(Bilingual("Utvalg", "Sample"), lambda f: sample_label(f.specification.sample)),
    _Statistic(Bilingual("N", "N"), lambda f: Number(float(f.n_obs), 0)),
    _Statistic(Bilingual("R²", "R²"), lambda f: Number(f.r_squared, 3)),
    _Statistic(Bilingual("R² innen", "R² within"), lambda f: Number(f.r_squared_within, 3)),
)


def _own_row(
    label: str | Bilingual, cells: Sequence[str | float | Bilingual], count: int, decimals: int
) -> Row:
    if len(cells) != count:
        raise SpecificationError(f"the row {label!r} has {len(cells)} cells for {count} estimates")
    return Row(label, tuple(Number(float(c), decimals) if isinstance(c, int | float) else c for c in cells))


def _notes(
    fits: list[Estimate], terms: list[str], show: str, stars: Sequence[float], hidden: list[str]
) -> tuple[Bilingual, ...]:
    below = _BELOW_NOTE[show]
    nb, en = [below.nb], [below.en]
    if stars:
        levels = sorted(stars, reverse=True)
        nb.append(
            ", ".join(f"{'*' * n} p < {level:g}".replace(".", ",") for n, level in enumerate(levels, 1))
        )
        en.append(", ".join(f"{'*' * n} p < {level:g}" for n, level in enumerate(levels, 1)))
        if any(f.coefficients.loc[[t for t in terms if t in f.terms], "p_value"].isna().any() for f in fits):
            nb.append("Ingen stjerner der p-verdien ikke er beregnet")
            en.append("No stars where no p value was computed")
    if len(hidden) > _LISTED:
        nb.append(f"Ikke vist: {len(hidden)} andre variabler")
        en.append(f"Not shown: {len(hidden)} other terms")
    elif hidden:
        names = [term_label(term) for term in hidden]
        nb.append(f"Ikke vist: {', '.join(n.nb for n in names)}")
        en.append(f"Not shown: {', '.join(n.en for n in names)}")
    kinds = [covariance_label(f) for f in fits]
    if len(set(kinds)) == 1:
        errors = Bilingual(f"Standardfeil: {kinds[0].nb}", f"Standard errors: {kinds[0].en}")
    else:
        numbered = list(enumerate(kinds, 1))
        errors = Bilingual(
            "Standardfeil: " + "; ".join(f"({i}) {k.nb}" for i, k in numbered),
            "Standard errors: " + "; ".join(f"({i}) {k.en}" for i, k in numbered),
        )
    first = Bilingual(". ".join(nb) + ".", ". ".join(en) + ".")
    return first, footer(_provenance(fits), errors)


def _provenance(fits: list[Estimate]) -> Provenance:
    """Return the origin of the data, a synthetic one first: the label must never get lost."""
    return next((f.provenance for f in fits if f.provenance.synthetic), fits[0].provenance)
