"""Figures 1 to 4."""

from collections.abc import Iterator
from textwrap import wrap

import pandas as pd

from kostnadsvekst.chapters.growth_data import FIRST, LAST_PANEL, GrowthData
from kostnadsvekst.language import Bilingual
from kostnadsvekst.panel.functions import FUNCTIONS, TOTAL
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.axis_marks import LineEnd, label_line_ends, legend_above, set_round_ticks
from kostnadsvekst.report.figures import COLOURS, FIGURE_TITLE, MARKERS, finish, new_figure
from kostnadsvekst.report.look import BLUE, YELLOW
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.pictures import Picture

_PERCENT = {"nb": " %", "en": "%"}
# Function and the hatching that tells it apart in grey print.
_CARE = {"253": "", "254": "///"}
_NAME_WIDTH = 24
LARGEST = ("241", "253", "254")
_SOURCE = Bilingual("Kilde: SSB, KOSTRA tabell 12362", "Source: Statistics Norway, KOSTRA table 12362")


def figures_of(
    data: GrowthData, accounted: pd.DataFrame | None, groups: pd.DataFrame | None, lang: str
) -> Iterator[tuple[str, Picture]]:
    """Yield name and picture of the figures that the data at hand allow."""
    if accounted is not None:
        yield "figure_1", figure_1(accounted, data.provenance, lang)
        yield "figure_2", figure_2(accounted, data.provenance, lang)
        yield "figure_3", figure_3(accounted, data.provenance, lang)
    if groups is not None:
        yield "figure_4", figure_4(groups, data.provenance, lang)


def figure_1(accounted: pd.DataFrame, provenance: Provenance, lang: str) -> Picture:
    """Draw figure 1: growth on the year before at current prices, institutions and care at home.

    Parameters
    ----------
    accounted : DataFrame
    provenance : Provenance
    lang : {"nb", "en"}

    Returns
    -------
    Picture
    """
    figure, axes = new_figure()
    width = 0.38
    for k, (function, hatch) in enumerate(_CARE.items()):
        rows = accounted[accounted["function"] == function].dropna(subset="growth_nominal_percent")
        place = rows["year"].to_numpy() + (k - 0.5) * width
        bars = axes.bar(
            place,
            rows["growth_nominal_percent"],
            width,
            color=COLOURS[k],
            hatch=hatch,
            edgecolor="white",
            label=FUNCTIONS[function].get(lang),
        )
        axes.bar_label(bars, fmt=lambda value: format_number(value, 1, lang), padding=2, fontsize=8)
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set_xticks(sorted(rows["year"].unique()))
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.1)
    set_round_ticks(axes.yaxis, lang)
    axes.set_ylabel(
        Bilingual("Prosent fra året før, løpende priser", "Per cent on the year before, current prices").get(
            lang
        )
    )
    title = Bilingual(
        "Figur 1: Vekst i netto driftsutgifter til\nkommunale pleie- og omsorgstjenester",
        "Figure 1: Growth of net operating expenditure\non municipal care",
    )
    figure.suptitle(title.get(lang), **FIGURE_TITLE)
    legend_above(axes, 2, 8.5)
    return finish(figure, provenance, lang, _SOURCE.get(lang))


def figure_2(accounted: pd.DataFrame, provenance: Provenance, lang: str) -> Picture:
    """Draw figure 2: index of deflated expenditure, first year = 100.

    Parameters
    ----------
    accounted : DataFrame
    provenance : Provenance
    lang : {"nb", "en"}

    Returns
    -------
    Picture
    """
    title = Bilingual(
        "Figur 2: Vekst i netto driftsutgifter (deflatert) til\nkommunale helse- og omsorgstjenester",
        "Figure 2: Growth of net operating expenditure (deflated)\non municipal health and care",
    )
    return _index_figure(accounted, (TOTAL,), title, provenance, lang)


def figure_3(accounted: pd.DataFrame, provenance: Provenance, lang: str) -> Picture:
    """Draw figure 3: the three largest functions, first year = 100.

    Parameters
    ----------
    accounted : DataFrame
    provenance : Provenance
    lang : {"nb", "en"}

    Returns
    -------
    Picture
    """
    title = Bilingual(
        "Figur 3: Vekst i netto driftsutgifter (deflatert),\nde tre største funksjonsområdene",
        "Figure 3: Growth of net operating expenditure (deflated),\nthe three largest functions",
    )
    return _index_figure(accounted, LARGEST, title, provenance, lang)


def _index_figure(
    accounted: pd.DataFrame, functions: tuple[str, ...], title: Bilingual, provenance: Provenance, lang: str
) -> Picture:
    figure, axes = new_figure()
    ends = []
    for colour, marker, function in zip(COLOURS, MARKERS, functions, strict=False):
        rows = accounted[accounted["function"] == function]
        years, index = rows["year"].to_numpy(), rows["index_real"].to_numpy()
        axes.plot(years, index, color=colour, marker=marker, markersize=5)
        name = FUNCTIONS[function].get(lang) if len(functions) > 1 else ""
        number = format_number(index[-1], 1, lang)
        ends.append(LineEnd(years[-1], index[-1], "\n".join([*wrap(name, _NAME_WIDTH), number]), colour))
    axes.axhline(100, color="#888888", linewidth=0.8)
    axes.set_xticks(sorted(accounted["year"].unique()))
    axes.margins(x=0.03)
    set_round_ticks(axes.yaxis, lang, whole=True)
    label_line_ends(axes, ends, fontsize=8)
    axes.set_ylabel(
        Bilingual("Indeks, 2015 = 100, faste priser", "Index, 2015 = 100, constant prices").get(lang)
    )
    figure.suptitle(title.get(lang), **FIGURE_TITLE)
    return finish(figure, provenance, lang, _SOURCE.get(lang))


def figure_4(groups: pd.DataFrame, provenance: Provenance, lang: str) -> Picture:
    """Draw figure 4: first level (dark) and growth (light, hatched) by KOSTRA group, in kroner and per cent.

    Parameters
    ----------
    groups : DataFrame
        From `kostnadsvekst.analysis.growth.by_group`.
    provenance : Provenance
    lang : {"nb", "en"}

    Returns
    -------
    Picture
    """
    figure, axes = new_figure(width=7.4, height=4.6)
    position = range(len(groups))
    first, growth = groups["level_first"].to_numpy(), groups["growth"].to_numpy()
    level = Bilingual(f"Nivå {FIRST}", f"Level {FIRST}").get(lang)
    rise = Bilingual(f"Vekst {FIRST}–{LAST_PANEL}", f"Growth {FIRST}–{LAST_PANEL}").get(lang)
    axes.bar(position, first, color=BLUE, width=0.7, label=level)
    look = {"color": YELLOW, "hatch": "///", "edgecolor": "white"}
    axes.bar(position, growth, bottom=first, width=0.7, label=rise, **look)
    for x, base, more, percent in zip(position, first, growth, groups["growth_percent"], strict=True):
        text, share = format_number(more, 0, lang), format_number(percent, 1, lang)
        axes.annotate(
            (f"+{text}" if more > 0 else text) + f"\n{share}{_PERCENT[lang]}",
            (x, base + max(more, 0)),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
        )
    axes.set_xticks(list(position), [str(name) for name in groups.index])
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 1.12 * float((first + growth).max()))
    set_round_ticks(axes.yaxis, lang)
    axes.set_xlabel(Bilingual("KOSTRA-gruppe", "KOSTRA group").get(lang))
    axes.set_ylabel(
        Bilingual("Kroner per innbygger, 2019-priser", "Kroner per inhabitant, 2019 prices").get(lang)
    )
    title = Bilingual(
        "Figur 4: Netto driftsutgifter i helse og omsorg per innbygger,\n"
        "veide gjennomsnitt av kommuner etter KOSTRA-gruppe",
        "Figure 4: Net operating expenditure on health and care per inhabitant,\n"
        "weighted means of municipalities by KOSTRA group",
    )
    figure.suptitle(title.get(lang), **FIGURE_TITLE)
    legend_above(axes, 2, 8.5)
    return finish(figure, provenance, lang, _SOURCE.get(lang))
