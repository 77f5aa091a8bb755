"""Coefficients of several models beside each other, with their intervals."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.multiple_testing import simultaneous_critical_value
from kostnadsvekst.models.results import CONSTANT, Result
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.report.axis_marks import legend_above, set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, finish, new_figure
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import (
    check_lang,
    check_level,
    common_origin,
    headed,
    interval_words,
    intervals_of,
    outcome_of,
    series_look,
    written,
)
from kostnadsvekst.report.regression_tables import covariance_label
from kostnadsvekst.report.term_labels import term_label

Models: TypeAlias = Result | Sequence[Result] | Mapping[str, Result]

_LONGEST_NAME = 34
_TITLE = Bilingual("Koeffisienter", "Coefficients")
_BAND = Bilingual("tynn: alle samtidig (sup-t)", "thin: all at once (sup-t)")
_NO_ERROR = Bilingual("hul: uten standardfeil", "hollow: without a standard error")
_LEFT_OUT = Bilingual("utelatt som kollineær", "left out as collinear")
_NONE_OF_THESE = Bilingual("ingen av disse leddene er med", "has none of these terms")
_ONLY_RESULTS = "what estimate, estimate_ar1 or staggered.event_study return"


def draw_coefficients(
    models: Models,
    lang: str = "en",
    *,
    keep: Sequence[str] | None = None,
    hide: Sequence[str] = (CONSTANT,),
    rename: Mapping[str, str | Bilingual] | None = None,
    level: float = 0.95,
    simultaneous: bool = False,
    own_axes: bool = False,
    title: str | Bilingual = _TITLE,
) -> Picture:
    """Draw coefficients of one or several models with their intervals (Stata's ``coefplot``).

    Parameters
    ----------
    models : Result, sequence of Result, or mapping of heading to Result
        Of one outcome. Each heading has its colour and marker.
    lang : {"nb", "en"}
    keep : sequence of str, optional
        Terms to show, in this order; without it all, in order of appearance.
    hide : sequence of str
        Terms, or beginnings of terms such as ``"C(year)"``, to leave out.
    rename : mapping of str to str or Bilingual, optional
        Term -> label; without it the labels of the panel's columns.
    level : float
        Of the intervals.
    simultaneous : bool
        Also draw, thin, intervals that nominally cover all shown coefficients of a model at once (sup-t; see
        `kostnadsvekst.models.multiple_testing.simultaneous_critical_value`).
    own_axes : bool
        A panel with its own axis for each term, for terms of different units.
    title : str or Bilingual

    Returns
    -------
    Picture
        Outcome, level of the intervals and kind of the standard errors stand on it; terms that a model left
        out as collinear are named.

    Raises
    ------
    SpecificationError
        If there is nothing to draw, a term does not exist, the outcomes differ, or an interval or a band is
        not known (of a result without a covariance of its coefficients); it is named.

    Examples
    --------
    >>> draw_coefficients({"Model 3": est3, "Model 4": est4}, "nb", hide=["C(year)"])  # doctest: +SKIP
    """
    check_lang(lang)
    check_level(level)
    fits = headed(models, Result, _ONLY_RESULTS)  # type: ignore[type-abstract]
    terms = _choose(list(fits.values()), keep, hide)
    outcome = outcome_of(list(fits.values()))
    drawn = [_drawn(written(name, lang), fit, terms, level, simultaneous) for name, fit in fits.items()]
    rows = 0.2 + 0.12 * len(fits)
    height = 1.5 + (0.45 if own_axes else 0.0) * len(terms) + rows * len(terms)
    figure, axes = new_figure(7.4, height, len(terms) if own_axes else 1, squeeze=False)
    labels = _labels(list(fits.values()), rename or {}, lang)
    for number, panel in enumerate(axes[:, 0]):
        own = terms[number : number + 1] if own_axes else terms
        _draw_panel(panel, drawn, list(fits), own, labels, lang)
    figure.suptitle(f"{written(title, lang)}: {outcome.get(lang)}", **FIGURE_TITLE)
    if len(fits) > 1:
        legend_above(axes[0, 0], min(len(fits), 4), 8)
    axes[-1, 0].set_xlabel(_notes(fits, terms, level, simultaneous, lang), fontsize=8)
    return finish(figure, common_origin(list(fits.values())), lang)


def _choose(fits: Sequence[Result], keep: Sequence[str] | None, hide: Sequence[str]) -> list[str]:
    present = list(dict.fromkeys(term for fit in fits for term in fit.terms))
    wanted = present if keep is None else list(keep)
    absent = [term for term in wanted if term not in present]
    if absent:
        raise SpecificationError(f"in no model: {nearest_names(absent, present)}")
    shown = [term for term in wanted if keep is not None or not any(_begins(term, start) for start in hide)]
    if not shown:
        raise SpecificationError(f"no coefficient is left to draw of {', '.join(present)}: hide fewer")
    return shown


def _begins(term: str, start: str) -> bool:
    """Whether a term begins so; a product only if the beginning is a product too."""
    return term.startswith(start) and (":" in term) == (":" in start)


def _drawn(name: str, fit: Result, terms: Sequence[str], level: float, simultaneous: bool) -> pd.DataFrame:
    """Estimates, intervals and bands of the shown terms that a model has."""
    own = [term for term in terms if term in fit.terms]
    frame = intervals_of(name, fit, level).loc[own]
    if simultaneous and own:
        half = _critical(name, fit, own, level) * frame["std_error"]
        frame = frame.assign(band_low=frame["estimate"] - half, band_high=frame["estimate"] + half)
    return frame


def _critical(name: str, fit: Result, terms: Sequence[str], level: float) -> float:
    matrix = getattr(fit, "covariance", None)
    df = np.asarray(fit.df, dtype=float)
    if not isinstance(matrix, pd.DataFrame) or df.ndim:
        raise SpecificationError(
            f"a band for all coefficients of {name or 'this result'} at once needs the covariance of its "
            "coefficients and one number of degrees of freedom: draw it without simultaneous"
        )
    freedom = None if np.isinf(df) else float(df)
    return simultaneous_critical_value(matrix.loc[terms, terms].to_numpy(), level, freedom)


def _labels(fits: Sequence[Result], rename: Mapping[str, str | Bilingual], lang: str) -> dict[str, str]:
    given = {term: label for fit in fits for term, label in fit.facts.labels.items()}
    every = dict.fromkeys(term for fit in fits for term in (*fit.terms, *fit.facts.omitted))
    absent = [term for term in rename if term not in every]
    if absent:
        raise SpecificationError(f"cannot rename: {nearest_names(absent, every)} in no model")
    labels = {term: given.get(term, term_label(term)) for term in every} | dict(rename)
    return {term: "\n".join(wrap(written(label, lang), _LONGEST_NAME)) for term, label in labels.items()}


def _draw_panel(
    axes: Any,
    drawn: Sequence[pd.DataFrame],
    names: Sequence[str | Bilingual],
    terms: Sequence[str],
    labels: Mapping[str, str],
    lang: str,
) -> None:
    step = 0.72 / max(len(drawn), 2)
    for number, (frame, name) in enumerate(zip(drawn, names, strict=True)):
        own = frame[frame.index.isin(terms)]
        shift = step * (number - (len(drawn) - 1) / 2)
        places = np.array([terms.index(term) for term in own.index]) + shift
        _draw_intervals(axes, own, places, series_look(number), written(name, lang))
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(terms)), [labels[term] for term in terms])
    axes.set_ylim(len(terms) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    set_round_ticks(axes.xaxis, lang)


def _draw_intervals(axes: Any, frame: pd.DataFrame, places: Any, look: dict[str, Any], label: str) -> None:
    known = frame["std_error"].notna().to_numpy()
    axes.plot(frame["estimate"], places, linestyle="none", markersize=5, label=label, zorder=3, **look)
    without = look | {"markerfacecolor": "white"}
    axes.plot(frame["estimate"][~known], places[~known], linestyle="none", markersize=5, zorder=4, **without)
    for low, high, width in (("conf_low", "conf_high", 1.8), ("band_low", "band_high", 0.7)):
        if low in frame:
            axes.hlines(places, frame[low], frame[high], color=look["color"], linewidth=width, zorder=2)


def _notes(
    fits: Mapping[str | Bilingual, Result], terms: Sequence[str], level: float, simultaneous: bool, lang: str
) -> str:
    """Say what the marks are: interval, standard errors, and what is not there."""
    errors = list(dict.fromkeys(covariance_label(fit).get(lang) for fit in fits.values()))
    words = Bilingual("Koeffisient med", "Coefficient with").get(lang)
    lines = [f"{words} {interval_words(level).get(lang)}"]
    lines[0] += f"; {_BAND.get(lang)}" if simultaneous else ""
    if len(errors) == 1:
        lines.append(f"{Bilingual('Standardfeil', 'Standard errors').get(lang)}: {errors[0]}")
    missing = [
        t
        for f in fits.values()
        for t in terms
        if t in f.terms and np.isnan(f.coefficients.loc[t, "std_error"])
    ]
    lines += [_NO_ERROR.get(lang)] if missing else []
    for name, fit in fits.items():
        if not set(terms) & set(fit.terms):
            lines.append(f"{written(name, lang)}: {_NONE_OF_THESE.get(lang)}")
        if fit.facts.omitted:
            omitted = ", ".join(term_label(term).get(lang) for term in fit.facts.omitted)
            lines.append(f"{written(name, lang)} {_LEFT_OUT.get(lang)}: {omitted}".strip())
    return "\n".join(part for line in lines for part in wrap(line, 90))
