"""A result as a page of text, as Stata and fixest print it."""

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import LANGUAGES, SYNTHETIC_LABEL, Bilingual, translate

if TYPE_CHECKING:
    from kostnadsvekst.models.results import ResultFacts

SMALLEST_P = 0.001
_MOST_OMITTED = 10


class _Summarised(Protocol):
    @property
    def n_obs(self) -> int: ...
    @property
    def n_entities(self) -> int: ...
    @property
    def df(self) -> float | NDArray[np.float64]: ...
    @property
    def facts(self) -> "ResultFacts": ...
    def tidy(self, level: float = 0.95) -> pd.DataFrame: ...
    def summary_statistics(self) -> list[tuple[Bilingual, str]]: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """A text that shows itself.

    Attributes
    ----------
    text : str
        Lines for a screen with letters of one width.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        style = "font-family: monospace; white-space: pre; line-height: 1.25; overflow-x: auto"
        return f'<pre style="{style}">{html.escape(self.text)}</pre>'


def summary_text(result: _Summarised, level: float, lang: str) -> str:
    """Write a result as text.

    Parameters
    ----------
    result : ResultMethods
    level : float
        Of the intervals.
    lang : {"nb", "en"}

    Raises
    ------
    SpecificationError
        If the language or the level is unknown.
    """
    if lang not in LANGUAGES:
        raise SpecificationError(f"unknown language {lang!r}; known: {', '.join(LANGUAGES)}")
    facts = result.facts
    table = _coefficient_lines(result.tidy(level), np.max(result.df), level, lang)
    rule = "-" * max(map(len, table))
    below = [f"{label.get(lang)}: {value}" for label, value in _statistics(result)]
    notes = [note.get(lang) for note in facts.notes]
    whole = [*_head(result, lang), rule, table[0], rule, *table[1:], rule, *_lines_of(below), *notes]
    return _with_comma("\n".join(whole)) if lang == "nb" else "\n".join(whole)


def _head(result: _Summarised, lang: str) -> list[str]:
    facts = result.facts
    outcome = translate(facts.labels.get(facts.outcome, facts.outcome), lang)
    rows, units = (f"{n}" for n in (result.n_obs, result.n_entities))
    size = Bilingual(f"{rows} rader, {units} enheter", f"{rows} rows, {units} units").get(lang)
    effects = [translate(one.name, lang) + (f" ({one.count})" if one.count else "") for one in facts.effects]
    parts = [
        f"{outcome}: {facts.label.get(lang)}, {size}",
        *([f"{_ABSORBED.get(lang)}: {' + '.join(effects)}"] if effects else []),
        *([f"{_WEIGHTS.get(lang)}: {facts.weights}"] if facts.weights else []),
        f"{_ERRORS.get(lang)}: {facts.covariance.text.get(lang)}; {_NOMINAL.get(lang)}",
    ]
    if facts.provenance.synthetic:
        parts.insert(0, SYNTHETIC_LABEL.get(lang))
    return parts


def _coefficient_lines(frame: pd.DataFrame, df: float, level: float, lang: str) -> list[str]:
    """Head and rows of the table of coefficients."""
    letter = "z" if np.isinf(df) else "t"
    interval = Bilingual(f"{100 * level:g} %-intervall", f"{100 * level:g} % interval").get(lang)
    head = ["", _ESTIMATE.get(lang), _ERROR.get(lang), letter, f"P>|{letter}|", interval, ""]
    cells = [
        [
            str(term),
            *(f"{row[name]:.6g}" for name in ("estimate", "std_error")),
            f"{row['statistic']:.2f}",
            p_value_text(row["p_value"]),
            *(f"{row[name]:.6g}" for name in ("conf_low", "conf_high")),
        ]
        for term, row in frame.iterrows()
    ]
    widths = [max(len(line[j]) for line in [head, *cells]) for j in range(len(head))]
    return [
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        ).rstrip()
        for line in [head, *cells]
    ]


def p_value_text(p: float) -> str:
    """Write a p value with three decimals; never as zero."""
    return f"<{SMALLEST_P:g}" if p < SMALLEST_P else f"{p:.3f}"


def _statistics(result: _Summarised) -> list[tuple[Bilingual, str]]:
    facts = result.facts
    shown = [
        (Bilingual("R²", "R²"), facts.r_squared),
        (Bilingual("R² innen", "R² within"), facts.r_squared_within),
        (Bilingual("rho", "rho"), facts.rho),
    ]
    found = [(label, f"{value:.4f}") for label, value in shown if value is not None]
    found += result.summary_statistics()
    if facts.omitted:
        names = [*facts.omitted[:_MOST_OMITTED], *(["..."] if len(facts.omitted) > _MOST_OMITTED else [])]
        found.append((_OMITTED, ", ".join(names)))
    return found


def _lines_of(statistics: list[str]) -> list[str]:
    """Several statistics on a line, as many as fit."""
    lines: list[str] = []
    for text in statistics:
        if lines and len(lines[-1]) + len(text) < 90:
            lines[-1] += f";  {text}"
        else:
            lines.append(text)
    return lines


def _with_comma(text: str) -> str:
    """Put decimal commas into numbers, and leave names as they are."""
    return re.sub(r"(?<=[\s<(])(-?\d+)\.(\d+(?:e[-+]\d+)?)(?=[\s;,)]|$)", r"\1,\2", text)


_ABSORBED = Bilingual("Absorberte effekter", "Absorbed effects")
_WEIGHTS = Bilingual("Vekter", "Weights")
_ERRORS = Bilingual("Standardfeil", "Standard errors")
# How often they cover was not simulated.
_NOMINAL = Bilingual("intervallene er nominelle", "intervals are nominal")
_ESTIMATE = Bilingual("estimat", "estimate")
_ERROR = Bilingual("std.feil", "std. error")
_OMITTED = Bilingual("Utelatt (kollineær)", "Omitted (collinear)")
