"""Figures of chapter 5."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.kpr_data import Material
from kostnadsvekst.chapters.kpr_tables import COMPONENTS, service_label
from kostnadsvekst.language import Bilingual
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICES
from kostnadsvekst.report.axis_marks import LineEnd, label_line_ends, set_round_ticks
from kostnadsvekst.report.figures import DASHES, ORDERED, finish, new_figure
from kostnadsvekst.report.look import BLUE, GREEN, RED, YELLOW
from kostnadsvekst.report.pictures import Picture

_MARKED = Bilingual("Nedstengningen 12. mars 2020", "Lockdown of 12 March 2020")
_OBSERVED = Bilingual("per uke", "weekly")
_LOCKDOWN = pd.Timestamp("2020-03-12")
_NAME_WIDTH = 24
# Whose median is the end of a line: the very last weeks are Christmas.
_LAST_WEEKS = 7
_LEVEL = Bilingual("nivå uten sesong, med 95 %-bånd", "level without season, with 95% band")
# What the band covers is measured, for all services and kinds of noise: results/kpr/coverage.csv.
_BAND = Bilingual(
    "Båndet gjelder nivået (trend og nivåskift) i hver uke for seg, ikke\n"
    "hele kurven under ett. I simuleringer dekker det det sanne nivået\n"
    "i 94–98 % av ukene, sjeldnere ved en brå knekk.",
    "The band is for the level (trend and shifts) in each week alone, not\n"
    "for the whole curve. In simulations it covers the true level in\n"
    "94–98% of the weeks, less often at a sharp bend.",
)


def figures_of(material: Material, lang: str) -> dict[str, Picture]:
    """Draw all figures of the chapter, by name."""
    figures = {
        "figure_05_long_term_stay": _users_figure(material, "long_term_stay", lang, 5),
        "figure_06_short_stays": _short_stays_figure(material, lang),
        "figure_07_home_health_users": _users_figure(material, "home_health", lang, 7),
        "figure_08_home_health_hours": _hours_figure(material, "home_health", lang, 8),
        "figure_09_practical_daily": _users_figure(material, "practical_daily", lang, 9),
        "figure_10_practical_training": _users_figure(material, "practical_training", lang, 10),
        "figure_11_bpa": _users_figure(material, "practical_bpa", lang, 11),
        "figure_bpa_hours": _hours_figure(material, "practical_bpa", lang, None),
        "figure_growth_drivers": _drivers_figure(material, lang),
    }
    return {name: finish(figure, material.provenance, lang) for name, figure in figures.items()}


_CAPTIONS = {
    5: Bilingual(
        "Antall pasienter med langtidsopphold per uke, 2017–2020",
        "Patients with a long-term stay per week, 2017–2020",
    ),
    6: Bilingual("Korttidsopphold etter type og uke, 2017–2020", "Short stays by type and week, 2017–2020"),
    7: Bilingual(
        "Antall mottakere av helsetjenester i hjemmet, 2017–2020",
        "Recipients of health services at home, 2017–2020",
    ),
    8: Bilingual(
        "Helsetjenester i hjemmet: gjennomsnittlig antall timer per bruker, 2017–2020",
        "Health services at home: mean hours per user, 2017–2020",
    ),
    9: Bilingual(
        "Antall brukere av praktisk bistand til daglige gjøremål",
        "Users of practical assistance: daily tasks",
    ),
    10: Bilingual(
        "Antall brukere av praktisk bistand – opplæring", "Users of practical assistance: training"
    ),
    11: Bilingual(
        "Antall brukere med brukerstyrt personlig assistanse (BPA)",
        "Users of user-controlled personal assistance (BPA)",
    ),
}
_BPA_HOURS = Bilingual("BPA: gjennomsnittlig antall timer per bruker", "BPA: mean hours per user")
_PER_WEEK = Bilingual("Brukere per uke", "Users per week")
_HOURS_AXIS = Bilingual("Timer per bruker og uke", "Hours per user and week")
_BY_AGE = Bilingual("Etter alder", "By age")
_ALL_AGES = Bilingual("Alle aldre", "All ages")
_ALL_AGES_CUT = Bilingual(
    "Alle aldre (aksen begynner ikke på null)", "All ages (axis does not begin at zero)"
)
_SHADED = Bilingual("Skygget: 95 %-bånd for nivå uten sesong", "Shaded: 95% band of the level without season")
_LOWEST = 0.9  # of the smallest count: where the axis of a level begins, so that its band is seen


def _caption(number: int | None, lang: str) -> str:
    if number is None:
        return _BPA_HOURS.get(lang)
    return f"{'Figur' if lang == 'nb' else 'Figure'} {number}: {_CAPTIONS[number].get(lang)}"


def _users_figure(material: Material, service: str, lang: str, number: int) -> Any:
    figure, (left, right) = new_figure(9.6, 4.2, columns=2)
    if service in material.trends:
        _draw_level(left, material.trends[service], BLUE, lang)
    else:
        series = material.tables.users((service,))
        left.plot(series.index, series, color=BLUE)
    title = _ALL_AGES_CUT if service in material.trends else _ALL_AGES
    ends = _by_age(right, lambda group: material.tables.users((service,), group), lang)
    panels = [(left, title, ()), (right, _BY_AGE, ends)]
    return _finish(figure, panels, _caption(number, lang), _PER_WEEK, lang)


def _draw_level(axes: Any, path: pd.DataFrame, colour: str, lang: str) -> None:
    """Weekly counts, level and band, on an axis that need not begin at zero; what the band is, below."""
    axes.plot(path["week"], path["observed"], color="#9A9A9A", linewidth=1.0, label=_OBSERVED.get(lang))
    _draw_band(axes, path, colour)
    axes.plot(path["week"], path["level"], color=colour, linewidth=1.1, label=_LEVEL.get(lang))
    axes.set_xlabel(_BAND.get(lang), fontsize=6.5, loc="left")
    axes.set_ylim(bottom=_LOWEST * path["observed"].min())


def _draw_band(axes: Any, path: pd.DataFrame, colour: str) -> None:
    axes.fill_between(path["week"], path["conf_low"], path["conf_high"], color=colour, alpha=0.3, linewidth=0)


def _hours_figure(material: Material, service: str, lang: str, number: int | None) -> Any:
    figure, (left, right) = new_figure(9.6, 4.2, columns=2)
    series = material.tables.hours_per_user((service,))
    left.plot(series.index, series, color=BLUE)
    ends = _by_age(right, lambda group: material.tables.hours_per_user((service,), group), lang)
    panels = [(left, _ALL_AGES, ()), (right, _BY_AGE, ends)]
    return _finish(figure, panels, _caption(number, lang), _HOURS_AXIS, lang)


def _by_age(axes: Any, series_of: Any, lang: str) -> list[LineEnd]:
    ends = []
    for group, colour, dash in zip(AGE_GROUPS, ORDERED, DASHES, strict=True):
        series = series_of(group)
        axes.plot(series.index, series, linewidth=1.4, color=colour, linestyle=dash)
        ends += _end_of(series, f"{group.replace('-', '–')} {'år' if lang == 'nb' else 'years'}", colour)
    return ends


def _end_of(series: pd.Series, text: str, colour: str) -> list[LineEnd]:
    """Where a series ends, Christmas aside; none where all is confidential."""
    known = series.dropna()
    level = float(known.iloc[-_LAST_WEEKS:].median()) if len(known) else 0.0
    return [LineEnd(known.index[-1], level, text, colour)] if len(known) else []


def _wrapped(name: str) -> str:
    """Name on lines of a margin's width; a word ends after a stroke too."""
    lines = wrap(name.replace("/", "/ "), _NAME_WIDTH, break_long_words=False)
    return "\n".join(line.replace("/ ", "/") for line in lines)


def _short_stays_figure(material: Material, lang: str) -> Any:
    figure, axes = new_figure(9.0, 4.6)
    # Colours as the text names them: red, green, blue, yellow.
    colours = {
        "time_limited_rehabilitation": RED,
        "time_limited_other": GREEN,
        "time_limited_assessment": BLUE,
        "respite_institution": YELLOW,
    }
    ends = []
    for dash, (service, colour) in zip(DASHES, colours.items(), strict=False):
        series = material.tables.users((service,))
        axes.plot(series.index, series, linewidth=1.1, color=colour, linestyle=dash)
        ends += _end_of(series, _wrapped(service_label(service).get(lang)), colour)
        if service in material.trends:
            _draw_band(axes, material.trends[service], colour)
    axes.set_xlabel(_BAND.get(lang), fontsize=6.5, loc="left")
    return _finish(figure, [(axes, _SHADED, ends)], _caption(6, lang), _PER_WEEK, lang)


def _finish(
    figure: Any,
    panels: Sequence[tuple[Any, Bilingual, Sequence[LineEnd]]],
    caption: str,
    unit: Bilingual,
    lang: str,
) -> Any:
    """Give panels their titles, axes, the day of the lockdown, and the names of their lines."""
    from matplotlib.dates import DateFormatter, YearLocator

    for axes, title, ends in panels:
        has_legend = bool(axes.get_legend_handles_labels()[0])
        _leave_room(axes, 0.25 if has_legend else 0.06)
        _mark_lockdown(axes, lang)
        axes.set_title(title.get(lang), loc="left", fontsize=10, pad=18)
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(YearLocator())
        axes.xaxis.set_major_formatter(DateFormatter("%Y"))
        set_round_ticks(axes.yaxis, lang)
        axes.set_ylabel(unit.get(lang))
        label_line_ends(axes, ends)
        if has_legend:
            axes.legend(fontsize=7, loc="upper left", frameon=False)
    figure.suptitle(caption, fontsize=11, x=0.01, ha="left", weight="bold")
    return figure


def _mark_lockdown(axes: Any, lang: str) -> None:
    """Draw a line with its name above the panel, where neither data nor a legend are."""
    axes.axvline(_LOCKDOWN, color="#555555", linewidth=0.9, linestyle=":")
    axes.annotate(
        _MARKED.get(lang),
        (_LOCKDOWN, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=6.5,
        color="#555555",
    )


def _leave_room(axes: Any, share: float) -> None:
    """Begin at zero, or where `_draw_level` did, and leave a share of the height for the legend."""
    low, high = axes.get_ylim()
    low = low if low > 0 and not axes.get_autoscaley_on() else 0.0
    axes.set_ylim(low, high + share * (high - low))


def _drivers_figure(material: Material, lang: str) -> Any:
    """Growth in users of each service in percent of the start, split into population and coverage by age."""
    users = material.told.parts[material.told.parts["measure"] == "users"]
    names = [s for s in SERVICES if s in set(users["service"])][::-1]
    start = {s: float(material.tables.users((s,)).iloc[1:5].mean()) for s in names}
    figure, panels = new_figure(9.0, 5.0, columns=2, sharey=True, sharex=True)
    for axes, component in zip(panels, ("population", "coverage"), strict=True):
        rows = users[users["component"] == component].set_index(["service", "age_group"])
        part = rows["contribution"]
        up, down = np.zeros(len(names)), np.zeros(len(names))
        for number, group in enumerate(AGE_GROUPS):
            width = np.array([100 * part.loc[(s, group)] / start[s] for s in names])
            left = np.where(width >= 0, up, down)
            axes.barh(
                range(len(names)),
                width,
                left=left,
                color=ORDERED[number],
                edgecolor="white",
                linewidth=0.5,
                label=group.replace("-", "–"),
            )
            up, down = up + np.maximum(width, 0), down + np.minimum(width, 0)
        axes.scatter(
            up + down, range(len(names)), color="white", edgecolors="black", s=20, zorder=3, label="Sum"
        )
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(COMPONENTS[component].get(lang), loc="left", fontsize=10)
        axes.set_xlabel(
            "Prosent av brukerne i januar 2017" if lang == "nb" else "Percent of the users in January 2017",
            fontsize=8,
        )
        axes.grid(visible=False, axis="y")
        set_round_ticks(axes.xaxis, lang)
    panels[0].set_yticks(range(len(names)), [service_label(s).get(lang) for s in names], fontsize=8)
    panels[0].legend(
        fontsize=8,
        loc="lower right",
        frameon=False,
        title="Alder" if lang == "nb" else "Age",
        title_fontsize=8,
    )
    caption = Bilingual(
        "Vekst i brukere per uke, januar 2017 til desember 2020: befolkning og dekning etter alder\n"
        "(konfidensielle aldersgrupper er slått sammen med den eldste av dem)",
        "Growth in users per week, January 2017 to December 2020: population and coverage by age\n"
        "(confidential age groups are drawn with the oldest of them)",
    )
    figure.suptitle(caption.get(lang), fontsize=11, x=0.01, ha="left", weight="bold")
    return figure
