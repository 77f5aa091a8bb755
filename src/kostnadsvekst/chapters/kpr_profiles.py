"""Mean age and share of women among the users of chapter 5, month by month: table and figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.kpr_data import Material
from kostnadsvekst.chapters.kpr_tables import about, service_label
from kostnadsvekst.language import Bilingual
from kostnadsvekst.register.schema import SERVICES
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, new_figure
from kostnadsvekst.report.look import BLUE
from kostnadsvekst.report.numbers import CONFIDENTIAL
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table

MONTHS = ("2017-01", "2017-12", "2018-12", "2019-12", "2020-12")
_DECIMALS = {"mean_age_years": 2, "women_percent": 1}
_NAMES = {
    "mean_age_years": Bilingual("Gjennomsnittsalder, år", "Mean age, years"),
    "women_percent": Bilingual("Kvinner, prosent", "Women, percent"),
}
_TITLES = {
    "mean_age_years": Bilingual(
        "Brukernes gjennomsnittsalder etter tjeneste, måned for måned 2017–2020",
        "Mean age of the users by service, month by month 2017–2020",
    ),
    "women_percent": Bilingual(
        "Andel kvinner blant brukerne etter tjeneste, måned for måned 2017–2020",
        "Share of women among the users by service, month by month 2017–2020",
    ),
}
_NOT_SHOWN = {
    "mean_age_years": Bilingual(
        "Konfidensiell: en aldersgruppe\nhar for få brukere", "Confidential: an age group\nhas too few users"
    ),
    "women_percent": Bilingual("Konfidensiell: for få brukere", "Confidential: too few users"),
}
_NOBODY = Bilingual("Ingen brukere", "No users")
_HOW_TO_READ = Bilingual(
    "Hver rute har sin egen akse, som ikke begynner på null. Prikket: nedstengningen 12. mars 2020.",
    "Each panel has an axis of its own, which does not begin at zero. Dotted: lockdown of 12 March 2020.",
)
_JANUARY = Bilingual(
    "Alder er år minus fødselsår: alle blir ett år eldre ved nyttår.",
    "Age is year minus birth year: everybody is a year older at New Year.",
)
_LEAST_SPAN = {"mean_age_years": 4.0, "women_percent": 6.0}  # of an axis, so that noise does not fill it


def profile_table(material: Material) -> Table:
    """Build the table of mean ages and shares of women in `MONTHS`."""
    total = material.profile[material.profile["age_group"] == "all"].set_index(["service", "month"])
    rows = []
    for service in SERVICES:
        cells: list[Cell] = []
        for measure, decimals in _DECIMALS.items():
            values = [float(total[measure].get((service, month), np.nan)) for month in MONTHS]
            cells += [_told(value, decimals) for value in (*values, values[-1] - values[0])]
        rows.append(Row(service_label(service), tuple(cells)))
    months = (*(Heading(_month_label(month)) for month in MONTHS), Heading(Bilingual("Endring", "Change")))
    return Table(
        "mean_age_and_women",
        Bilingual(
            "Brukernes gjennomsnittsalder og andel kvinner", "Mean age of the users and share of women"
        ),
        Bilingual("Tjeneste", "Service"),
        (tuple(Heading(name, len(months)) for name in _NAMES.values()), months * len(_NAMES)),
        tuple(rows),
        (_note(material.profile), about(material)),
        material.provenance,
    )


def _told(value: float, decimals: int) -> Cell:
    return CONFIDENTIAL if np.isnan(value) else Number(value, decimals)


def _month_label(month: str) -> Bilingual:
    year, number = month.split("-")
    nb, en = {"01": ("Jan.", "Jan"), "12": ("Des.", "Dec")}[number]
    return Bilingual(f"{nb} {year}", f"{en} {year}")


def _note(profile: pd.DataFrame) -> Bilingual:
    """Say how far off the mean ages can be."""
    units = profile.loc[profile["age_group"] == "all", "mean_age_unit_years"]
    off = "0" if units.isna().all() else f"{np.ceil(1000 * units.max() / 2) / 1000:.3f}"
    return Bilingual(
        "Gjennomsnitt av månedens uker, uten uke 52, 53 og 1. Endring fra januar 2017 til desember 2020, i år"
        " og prosentpoeng. Aldre er avrundede summer delt på brukere: et gjennomsnitt er høyst "
        f"{off.replace('.', ',')} år feil. «:» konfidensielt eller ingen brukere; gjennomsnittsalderen også "
        "der en aldersgruppe er konfidensiell eller færre enn 20 bruker tjenesten. " + _JANUARY.nb,
        "Means of the month's weeks, without weeks 52, 53 and 1. Change from January 2017 to December 2020, "
        f"in years and percentage points. Ages are rounded sums over users: a mean is off by {off} years at "
        "most. “:” confidential or no users; the mean age also where an age group is confidential or fewer "
        "than 20 use the service. " + _JANUARY.en,
    )


def profile_figure(material: Material, measure: str, lang: str) -> Any:
    """Draw a measure of each service in a panel of its own.

    Parameters
    ----------
    material : Material
    measure : {"mean_age_years", "women_percent"}
    lang : {"nb", "en"}
    """
    total = material.profile[material.profile["age_group"] == "all"]
    figure, panels = new_figure(9.0, 7.2, rows=3, columns=3, sharex=True)
    for axes, service in zip(panels.flat, SERVICES, strict=True):
        rows = total[total["service"] == service]
        _draw_panel(axes, rows["month"].tolist(), rows[measure].to_numpy(float), measure, lang)
        axes.set_title(_wrapped(service_label(service).get(lang)), loc="left", fontsize=8.5)
    for axes in panels[:, 0]:
        axes.set_ylabel(_NAMES[measure].get(lang), fontsize=8)
    reading = [_HOW_TO_READ, _JANUARY] if measure == "mean_age_years" else [_HOW_TO_READ]
    title = "\n".join(text.get(lang) for text in (_TITLES[measure], *reading))
    figure.suptitle(title, **FIGURE_TITLE)
    return figure


def _draw_panel(axes: Any, months: Sequence[str], values: Any, measure: str, lang: str) -> None:
    from matplotlib.dates import DateFormatter, YearLocator

    axes.set_xlim(pd.Timestamp("2016-12-01"), pd.Timestamp("2021-01-01"))
    axes.xaxis.set_major_locator(YearLocator())
    axes.xaxis.set_major_formatter(DateFormatter("%Y"))
    axes.tick_params(labelsize=8)
    if np.isnan(values).all():
        axes.set_yticks([])
        text = _NOT_SHOWN[measure] if len(values) else _NOBODY
        axes.text(0.5, 0.5, text.get(lang), transform=axes.transAxes, ha="center", va="center", fontsize=8)
        return
    axes.plot(pd.to_datetime(list(months)), values, color=BLUE, marker="o", markersize=2, linewidth=1.1)
    low, high = np.nanmin(values), np.nanmax(values)
    middle, half = (low + high) / 2, max(high - low, _LEAST_SPAN[measure]) * 0.55
    axes.set_ylim(middle - half, middle + half)
    axes.axvline(pd.Timestamp("2020-03-12"), color="#666666", linewidth=0.8, linestyle=":")
    set_round_ticks(axes.yaxis, lang, 5)


def _wrapped(label: str) -> str:
    """Name of a service on two lines where it is long."""
    if len(label) <= 34:
        return label
    space = label.rfind(" ", 0, 32)
    cut = label.find("/") if "/" in label and label.find("/") < 40 and space < 20 else space
    return f"{label[: cut + 1].rstrip()}\n{label[cut + 1 :]}"
