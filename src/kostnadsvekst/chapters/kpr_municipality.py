"""One municipality's users and hours by year: Figure 13 of the report, and what its Figure 14 would show."""

from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.kpr_data import LAST_LOCAL_DAY, Material
from kostnadsvekst.chapters.kpr_tables import about, service_label
from kostnadsvekst.language import Bilingual
from kostnadsvekst.register.protected_municipality import users_and_hours_by_year
from kostnadsvekst.register.protected_tables import LOCAL_SERVICES
from kostnadsvekst.register.schema import AGE_GROUPS
from kostnadsvekst.report.audit import NOT_ATTEMPTED, VERDICT_LABELS
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, new_figure
from kostnadsvekst.report.look import BLUE
from kostnadsvekst.report.numbers import CONFIDENTIAL, NOT_APPLICABLE
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table

_HOME, _OTHER = LOCAL_SERVICES
_GROUPS = (*AGE_GROUPS, "all")
_HATCH = "////"
_USERS = Bilingual("Brukere per uke", "Users per week")
_HOURS = Bilingual("Tusen timer i året", "Thousand hours a year")
_WEEKLY_HOURS = Bilingual("Timer per uke", "Hours per week")
_HEADINGS = (
    Heading(Bilingual("Uker", "Weeks")),
    Heading(_USERS),
    Heading(Bilingual("Timer i perioden", "Hours in the period")),
    Heading(Bilingual("Timer, høyst feil med", "Hours, off by at most")),
    Heading(_WEEKLY_HOURS),
)
_STUB = Bilingual("Alder og år", "Age and year")


def municipality_tables(material: Material) -> tuple[Table, Table]:
    """Build the tables beside Figures 13 and 14."""
    return _by_age_table(material), _other_table(material)


def _by_age_table(material: Material) -> Table:
    found = _by_year(material, _HOME)
    rows = []
    for group in _GROUPS:
        rows.append(Row(_age_label(group), rule_above=group == "all"))
        rows += [
            Row(_year_label(r.year, r.whole_year), _cells(r), 1)
            for r in found[found["age_group"] == group].itertuples()
        ]
    title = Bilingual(
        f"Figur 13: helsetjenester i hjemmet i kommune {_code(material)}, den største i registeret",
        f"Figure 13: health services at home in municipality {_code(material)}, the register's largest",
    )
    name, notes = "figure_13_municipality_by_age", (_PERIOD, _DEFINED, _GROUPS_DIFFER, about(material))
    return Table(name, title, _STUB, (_HEADINGS,), tuple(rows), notes, material.provenance)


def _other_table(material: Material) -> Table:
    found = _by_year(material, _OTHER)
    whole = found[found["age_group"] == "all"]
    rows = [
        Row(
            Bilingual("Rapportens figur 14: kreftsykepleie", "The report's Figure 14: cancer nursing"),
            (*[NOT_APPLICABLE] * (len(_HEADINGS) - 1), VERDICT_LABELS[NOT_ATTEMPTED]),
        ),
        Row(service_label(_OTHER), rule_above=True),
        *(Row(_year_label(r.year, r.whole_year), _cells(r), 1) for r in whole.itertuples()),
    ]
    title = Bilingual(
        f"Som figur 14, for en annen tjeneste: praktisk bistand – opplæring i kommune {_code(material)}",
        f"As Figure 14, another service: practical assistance, training, in municipality {_code(material)}",
    )
    name, notes = "as_figure_14_practical_training", (_NO_CANCER_NURSING, _PERIOD, _DEFINED, about(material))
    stub = Bilingual("Tjeneste og år", "Service and year")
    return Table(name, title, stub, (_HEADINGS,), tuple(rows), notes, material.provenance)


_PERIOD = Bilingual(
    "Rapportens figurer begynner i 2015 og 2016; registeret begynner med 2017. 2020 er januar–september "
    "(uke 1–39), som i rapporten. År er ISO-år.",
    "The report's figures begin in 2015 and 2016; the register begins with 2017. 2020 is January–September "
    "(weeks 1–39), as in the report. Years are ISO years.",
)
_DEFINED = Bilingual(
    "Brukere er gjennomsnitt av ukene, så 2020 kan sammenliknes med hele år; timer i perioden kan ikke. "
    "Forskjellige personer i året vises ikke for kommunen: sammen med ukene ville de røpe dem som kommer og "
    "går. Timer er summer avrundet hver uke til 336 for hvert kjønn; «:» konfidensielt, eller under "
    "1 680 timer i en uke. Kommunen er beskyttet sammen med landet.",
    "Users are means of the weeks, so 2020 can be compared with whole years; hours in the period cannot. "
    "Distinct persons of a year are not shown of the municipality: beside the weeks they would tell of those "
    "who come and leave. Hours are sums rounded every week to 336 for each sex; “:” confidential, or below "
    "1,680 hours in a week. The municipality is protected together with the country.",
)
_GROUPS_DIFFER = Bilingual(
    "Rapporten deler ved 67 og 80 år, registeret ved 60 og 80. Hjemmetjeneste er her helsetjenester "
    "i hjemmet; praktisk bistand kommer ikke i tillegg, siden mange har begge deler.",
    "The report divides at 67 and 80 years, the register at 60 and 80. Home services are health services at "
    "home here; practical assistance is not added, since many have both.",
)
_NO_CANCER_NURSING = Bilingual(
    "Kreftsykepleie er ingen tjeneste i registeret; rapportens tall er kommunens egen beregning, og bare den "
    "kan avgjøre figuren. I stedet vises personer og timer per uke for en tjeneste som er i registeret.",
    "Cancer nursing is no service of the register; the report's numbers are the municipality's own, which "
    "alone could settle the figure. Shown instead are persons and hours per week of a service that is in the "
    "register.",
)


def municipality_figure(material: Material, lang: str) -> Any:
    """Draw users and hours by age group and year, as a bunch of small panels (Figure 13)."""
    found = _by_year(material, _HOME)
    figure, panels = new_figure(10.5, 4.8, rows=2, columns=len(_GROUPS))
    for column, group in enumerate(_GROUPS):
        rows = found[found["age_group"] == group]
        top, bottom = panels[:, column]
        _bars(top, rows, rows["users_per_week"], 0.0, lang)
        _bars(bottom, rows, rows["hours"] / 1000, rows["hours_unit"] / 2000, lang)
        top.set_title(_age_label(group).get(lang), loc="left", fontsize=9)
    panels[0, 0].set_ylabel(_USERS.get(lang))
    panels[1, 0].set_ylabel(_HOURS.get(lang))
    caption = Bilingual(
        f"Figur 13: Brukere og timer i helsetjenester i hjemmet etter alder, kommune {_code(material)} "
        "(egne akser)",
        f"Figure 13: Users and hours of health services at home by age, municipality {_code(material)} "
        "(own axes)",
    )
    figure.suptitle(f"{caption.get(lang)}\n{_LEGEND.get(lang)}", **FIGURE_TITLE)
    return figure


def other_service_figure(material: Material, lang: str) -> Any:
    """Draw persons and hours per week by year of a service of the register, in place of Figure 14."""
    found = _by_year(material, _OTHER)
    rows = found[found["age_group"] == "all"]
    figure, (left, right) = new_figure(9.0, 4.0, columns=2)
    _bars(left, rows, rows["users_per_week"], 0.0, lang)
    _bars(right, rows, rows["hours_per_week"], rows["hours_unit"] / 2 / rows["weeks"], lang)
    left.set_title(Bilingual("Personer per uke", "Persons per week").get(lang), loc="left", fontsize=9)
    right.set_title(_WEEKLY_HOURS.get(lang), loc="left", fontsize=9)
    caption = Bilingual(
        f"Praktisk bistand – opplæring i kommune {_code(material)}: personer og timer per uke\n"
        "(i stedet for figur 14: kreftsykepleie er ingen tjeneste i registeret)",
        f"Practical assistance (training) in municipality {_code(material)}: persons and hours per week\n"
        "(in place of Figure 14: cancer nursing is no service of the register)",
    )
    figure.suptitle(f"{caption.get(lang)}\n{_LEGEND.get(lang)}", **FIGURE_TITLE)
    return figure


_LEGEND = Bilingual(
    "Skravert (*): januar–september. Strek på timer: så mye kan avrundingen utgjøre. «:» konfidensielt.",
    "Hatched (*): January–September. Line on hours: how much the rounding can be. “:” confidential.",
)


def _bars(axes: Any, rows: pd.DataFrame, heights: pd.Series, off: Any, lang: str) -> None:
    """Draw a bar for each year; part of a year hatched, what is confidential as its sign."""
    values, places = heights.to_numpy(float), np.arange(len(rows))
    known = ~np.isnan(values)
    for place, value, whole in zip(places, values, rows["whole_year"], strict=True):
        look = {"color": BLUE} if whole else {"facecolor": "white", "edgecolor": BLUE}
        if not np.isnan(value):
            axes.bar(place, value, width=0.72, hatch=None if whole else _HATCH, **look)
        else:
            axes.text(place, 0.02, CONFIDENTIAL, ha="center", transform=axes.get_xaxis_transform())
    if np.any(off):
        errors = np.broadcast_to(np.asarray(off, dtype=float), values.shape)
        axes.errorbar(
            places[known], values[known], errors[known], fmt="none", ecolor="black", capsize=2, lw=0.9
        )
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_xticks(places, [_tick(r.year, r.whole_year) for r in rows.itertuples()], fontsize=7)
    axes.tick_params(axis="y", labelsize=7.5)
    axes.grid(visible=False, axis="x")
    axes.set_ylim(bottom=0)
    if not known.any():
        axes.set_yticks([])
        return
    set_round_ticks(axes.yaxis, lang, 5, whole=True)


def _tick(year: int, whole: bool) -> str:
    return f"’{year % 100}" if whole else f"’{year % 100}*"


def _by_year(material: Material, service: str) -> pd.DataFrame:
    return users_and_hours_by_year(material.largest, service, LAST_LOCAL_DAY)


def _cells(row: Any) -> tuple[Cell, ...]:
    def told(value: float) -> Cell:
        return CONFIDENTIAL if np.isnan(value) else Number(value, 0)

    numbers = (row.users_per_week, row.hours, row.hours_unit / 2, row.hours_per_week)
    return (Number(row.weeks, 0), *map(told, numbers))


def _code(material: Material) -> str:
    return material.largest.municipality


def _age_label(group: str) -> Bilingual:
    if group == "all":
        return Bilingual("Alle aldre", "All ages")
    return Bilingual(f"{group.replace('-', '–')} år", f"{group.replace('-', '–')} years")


def _year_label(year: int, whole: bool) -> Bilingual:
    return Bilingual(str(year), str(year)) if whole else Bilingual(f"{year}, jan.–sept.", f"{year}, Jan–Sept")
