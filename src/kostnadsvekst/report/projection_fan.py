"""Picture of a projection: places ahead with their bands, and where the record of projections ends."""

from typing import Any

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import TITLE, finish, new_figure
from kostnadsvekst.report.look import BLACK, BLUE, DASHES, GREY, PALE_BLUE
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import check_lang

COLUMNS = ("alternative", "year", "places", "low", "high", "extrapolated")
_TITLE = Bilingual("Plasser framover", "Places ahead")
_PLACES = Bilingual("Plasser", "Places")


def draw_projection_fan(
    projection: pd.DataFrame,
    lang: str = "nb",
    *,
    title: str | Bilingual = _TITLE,
    quantity: str | Bilingual = _PLACES,
    source: str = "",
) -> Picture:
    """Draw places by year with bands; the first alternative as a fan, others as lines beside it.

    Parameters
    ----------
    projection : DataFrame
        From `kostnadsvekst.municipal.projection.totals` of `bands`, or bands of one age group: one row for
        each alternative and year.
    lang : {"nb", "en"}
    title, quantity : str or Bilingual
    source : str
        What to print below, such as that an example is made up.

    Returns
    -------
    Picture
        The band is filled as far as the record of projections reaches, and hatched with dashed edges where it
        is extrapolated.

    Raises
    ------
    DataMissingError
        Columns that lack.
    InvalidDataError
        No row, several rows of a year and alternative, missing numbers.
    """
    check_lang(lang)
    require_columns(COLUMNS, projection.columns)
    _check(projection)
    figure, ax = new_figure(7.0, 4.2)
    names = list(dict.fromkeys(projection["alternative"]))
    first = projection[projection["alternative"] == names[0]].sort_values("year")
    level = projection.attrs.get("level", 0.9)
    _draw_band(ax, first, level, lang)
    ax.plot(first["year"], first["places"], color=BLUE, marker="o", markersize=3.5, label=str(names[0]))
    for k, name in enumerate(names[1:]):
        rows = projection[projection["alternative"] == name].sort_values("year")
        dash = DASHES[1 + k % (len(DASHES) - 1)]
        ax.plot(rows["year"], rows["places"], color=BLACK, linestyle=dash, label=str(name))
    ax.set_ylim(bottom=0, top=1.12 * float(projection[["places", "high"]].max().max()))
    ax.margins(x=0.02)
    ax.xaxis.get_major_locator().set_params(integer=True)
    set_round_ticks(ax.yaxis, lang)
    ax.set_ylabel(_words(quantity, lang))
    ax.legend(loc="lower left", ncols=2, fontsize=8)
    ax.set_title(_words(title, lang), **TITLE)
    return finish(figure, provenance_of(projection), lang, source)


def _words(text: str | Bilingual, lang: str) -> str:
    return text if isinstance(text, str) else text.get(lang)


def _draw_band(ax: Any, rows: pd.DataFrame, level: float, lang: str) -> None:
    """Fill the band; what is beyond the record begins where the record ends, so that no gap is left."""
    beyond = rows["extrapolated"].to_numpy(dtype=bool)
    known = rows[~beyond]
    percent = format_number(100 * level, 0, lang)
    inside = Bilingual(
        f"{percent} % av det som kom, i tidligere utgaver", f"{percent} % of what came, past editions"
    )
    outside = Bilingual(
        "forlenget: ingen utgave har rukket så langt", "extrapolated: no edition has reached so far"
    )
    look: Any = {"color": PALE_BLUE, "linewidth": 0}
    ax.fill_between(known["year"], known["low"], known["high"], **look, label=inside.get(lang))
    for end in ("low", "high"):
        ax.plot(known["year"], known[end], color=BLUE, linewidth=0.8)
    if beyond.any():
        rest = pd.concat([known.tail(1), rows[beyond]])
        ax.fill_between(
            rest["year"],
            rest["low"],
            rest["high"],
            facecolor="white",
            edgecolor=GREY,
            hatch="///",
            linewidth=0,
            label=outside.get(lang),
        )
        for end in ("low", "high"):
            ax.plot(rest["year"], rest[end], color=GREY, linewidth=0.8, linestyle="--")


def _check(projection: pd.DataFrame) -> None:
    faults = [] if len(projection) else ["the projection has no rows"]
    twice = projection.duplicated(["alternative", "year"])
    if twice.any():
        faults.append(
            "several rows of an alternative and year: sum them with totals, or choose one age group"
        )
    missing = projection[["year", "places", "low", "high"]].isna().any(axis=1)
    if missing.any():
        years = ", ".join(map(str, sorted(set(projection.loc[missing, "year"]))))
        faults.append(f"numbers lack in {years}")
    if faults:
        raise InvalidDataError(f"the fan cannot be drawn: {len(faults)} fault(s)", faults)
