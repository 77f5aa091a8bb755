"""Tables of chapter 5."""

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.kpr_data import GROWTH_COLUMNS, Material
from kostnadsvekst.language import Bilingual
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICES
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.report.audit import VERDICT_LABELS
from kostnadsvekst.report.numbers import CONFIDENTIAL, NOT_APPLICABLE
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer

_HOURS = ("home_health", "practical_daily", "practical_training", "practical_bpa")
_READINGS = {"percent": "prosent", "most": "flest", "steady": "jevn", "printed": "trykt"}


def to_csv_with_origin(frame: pd.DataFrame, material: Material) -> str:
    """CSV text with the data's origin as its last column."""
    labelled = frame.assign(data_origin=material.provenance.origin)
    return csv_text(labelled)


def weekly_users(weekly: pd.DataFrame) -> pd.DataFrame:
    """Users by week, service and age group; ``:`` where confidential."""
    rows = weekly[weekly["sex"] == "all"]
    text = rows["users"].map(lambda value: ":" if np.isnan(value) else f"{value:.0f}")
    column = rows["service"].astype(str) + " " + rows["age_group"]
    names = [f"{service} {group}" for service in SERVICES for group in (*AGE_GROUPS, "all")]
    wide = pd.DataFrame({"week": rows["week"], "column": column, "text": text})
    wide = wide.set_index(["week", "column"])["text"].unstack()
    wide = wide.reindex(columns=[n for n in names if n in wide]).fillna("0")
    wide.index = wide.index.strftime("%Y-%m-%d")
    return wide.rename_axis(columns=None).reset_index()


def weekly_hours(tables: RegisterTables) -> pd.DataFrame:
    """Hours per user by week, service and age group; ``:`` where confidential."""
    columns = {}
    for service in _HOURS:
        for group in (*AGE_GROUPS, "all"):
            series = tables.hours_per_user((service,), group)
            columns[f"{service} {group}"] = series.map(lambda v: ":" if np.isnan(v) else f"{v:.2f}")
    wide = pd.DataFrame(columns)
    wide.index = pd.DatetimeIndex(wide.index).strftime("%Y-%m-%d")
    return wide.rename_axis("week").reset_index()


def _norwegian_name(claim: str) -> str:
    """Name of a claim, whose second reading has a word behind it."""
    number, dash, reading = claim.partition("-")
    return f"{number}{dash}{_READINGS.get(reading, reading)}"


def printed_table(material: Material, audit: pd.DataFrame) -> Table:
    """Build the table of printed numbers against ours, with the audit's verdicts."""
    rows = []
    for claim, verdict in zip(material.claims.itertuples(), audit["verdict"], strict=True):
        # The report's own words in the language that they are written in.
        place = Bilingual(
            f"{_norwegian_name(claim.id)} {claim.place}: «{claim.quote}»",
            f"{claim.id} {claim.place}: {claim.column}",
        )
        decimals = max(claim.decimals, 1 if abs(claim.value) < 1000 else 0)
        cells = (
            Number(claim.value, claim.decimals),
            Number(claim.low, decimals),
            Number(claim.high, decimals),
            Number(claim.ours, decimals),
            VERDICT_LABELS[verdict],
        )
        rows.append(Row(place, cells))
    headings = (
        Heading(Bilingual("Trykt", "Printed")),
        Heading(Bilingual("Fra", "From")),
        Heading(Bilingual("Til", "To")),
        Heading(Bilingual("Vårt", "Ours")),
        Heading(Bilingual("Dom", "Verdict")),
    )
    note = Bilingual(
        "«Fra» og «til» er det teksten gir rom for (avrunding, «om lag», «knapt», «vel»). "
        "Rang og retning er tall som 1 (størst, øker) og −1 (synker). "
        "Måneder er gjennomsnitt av ukene, uten uke 52, 53 og 1.",
        "“From” and “to” are what the wording allows (rounding, “about”, “just under”, “a good”). Ranks and "
        "directions are numbers such as 1 (largest, rises) and −1 (falls). Months are means of their weeks, "
        "without weeks 52, 53 and 1.",
    )
    title = Bilingual(
        "Trykte KPR-tall (sammendrag, kapittel 5 og 9) mot våre",
        "Printed KPR numbers (summary, chapters 5 and 9) against ours",
    )
    stub = Bilingual("Sted og størrelse", "Place and quantity")
    return Table(
        "printed_numbers",
        title,
        stub,
        (headings,),
        tuple(rows),
        (note, about(material)),
        material.provenance,
    )


def yearly_table(material: Material) -> Table:
    """Build the table of distinct users of each year: the report, the Directorate of Health, ours."""
    rows = []
    for service in SERVICES:
        rows.append(Row(service_label(service)))
        users = {year: _users_of_year(material, service, year) for year in range(2017, 2021)}
        rows += [Row(str(year), _compared(told), 1) for year, told in users.items()]
        change = tuple(map(_percent_above, users[2019], users[2017]))
        if not np.isnan(change[:2]).any():
            cells = (*(_or_sign(value, 1) for value in change), NOT_APPLICABLE, NOT_APPLICABLE)
            rows.append(Row(Bilingual("2017–2019, prosent", "2017–2019, percent"), cells, 1))
    headings = (
        Heading(Bilingual("Rapporten", "The report")),
        Heading(Bilingual("Helsedirektoratet", "Directorate of Health")),
        Heading(Bilingual("Vårt", "Ours")),
        Heading(Bilingual("Rapporten mot direktoratet, prosent", "Report against Directorate, percent")),
        Heading(Bilingual("Vårt mot rapporten, prosent", "Ours against report, percent")),
    )
    title = Bilingual("Brukere per år", "Users per year")
    notes = (_YEARLY_NOTE, about(material))
    stub = Bilingual("Tjeneste og år", "Service and year")
    return Table("yearly_users", title, stub, (headings,), tuple(rows), notes, material.provenance)


_YEARLY_NOTE = Bilingual(
    ".. : ikke trykt; «:» konfidensielt eller ingen brukere. Trykte tall fra kapittel 5; Helsedirektoratets "
    "slik rapporten gjengir dem. «Rapporten mot direktoratet» er regning på trykte tall alene og sier noe om "
    "rapporten, uansett data. «Vårt mot rapporten» sier bare noe der dataene er virkelige: de syntetiske er "
    "laget for å treffe rapportens tall.",
    "..: not printed; “:” confidential or no users. Printed numbers from chapter 5; the Directorate's as the "
    "report quotes them. “Report against Directorate” is arithmetic on printed numbers alone and says "
    "something about the report, whatever the data. “Ours against report” says something of real data only: "
    "synthetic data are made to meet the report's numbers.",
)


def _users_of_year(material: Material, service: str, year: int) -> tuple[float, float, float]:
    """Users printed by the report, printed as the Directorate's, ours; missing where not told."""
    printed = material.claims.set_index("measure")["value"]
    report, directorate = (
        float(printed.get(f"{source}:{service}:{year}", np.nan))
        for source in ("users_of_year", "directorate_users")
    )
    return report, directorate, material.tables.users_of_year((service,), year)


def _compared(users: tuple[float, float, float]) -> tuple[Cell, ...]:
    report, directorate, ours = users
    return (
        Number(report, 0),
        Number(directorate, 0),
        _or_sign(ours, 0),
        Number(_percent_above(report, directorate), 1),
        Number(_percent_above(ours, report), 1),
    )


def _percent_above(value: float, other: float) -> float:
    return 100 * (value / other - 1) if other else np.nan


def _or_sign(value: float, decimals: int) -> Cell:
    return CONFIDENTIAL if np.isnan(value) else Number(value, decimals)


def service_label(service: str) -> Bilingual:
    """Name of a service in print."""
    return Bilingual(SERVICES[service]["nb"], SERVICES[service]["en"])


def growth_table(material: Material) -> Table:
    """Build the table of growth without season, with its check."""
    rows = [
        Row(
            service_label(str(service)),
            tuple(Number(g[name], 0 if name.startswith("level") else 1) for name in GROWTH_COLUMNS),
        )
        for service, g in material.growth.iterrows()
    ]
    headings = (
        Heading(Bilingual("Uke 2 2017", "Week 2 2017")),
        Heading(Bilingual("Uke 51 2020", "Week 51 2020")),
        Heading(Bilingual("Vekst, prosent", "Growth, percent")),
        Heading(Bilingual("95 % fra", "95% from")),
        Heading(Bilingual("95 % til", "95% to")),
        Heading(Bilingual("Kontroll, prosent", "Check, percent")),
    )
    note = Bilingual(
        "Nivå uten sesong: glattet kurve og nivåskift med autokorrelert støy, snitt over glatthet og "
        "autokorrelasjon; sesongen er lik hvert år og med der en test finner den. I simuleringer av hver "
        "serie dekker intervallet den sanne veksten i 90–98 prosent av trekningene "
        "(results/kpr/coverage.csv). Kontroll: tilstandsrommodell (UnobservedComponents) med samme skift. "
        ".. : nivået kan være null.",
        "Level without season: smooth curve and level shifts with autocorrelated noise, averaged over "
        "smoothness and autocorrelation; the season is the same every year, and kept where a test finds it. "
        "In simulations of each series the interval covers the true growth in 90–98 per cent of the draws "
        "(results/kpr/coverage.csv). Check: UnobservedComponents with the same shifts. "
        "..: the level may be zero.",
    )
    title = Bilingual("Vekst i brukere per uke 2017–2020", "Growth in users per week 2017–2020")
    stub = Bilingual("Tjeneste", "Service")
    return Table(
        "growth", title, stub, (headings,), tuple(rows), (note, about(material)), material.provenance
    )


COMPONENTS = {
    "population": Bilingual("Befolkning", "Population"),
    "coverage": Bilingual("Dekning", "Coverage"),
    "hours_per_user": Bilingual("Timer per bruker", "Hours per user"),
}


def driver_tables(material: Material) -> tuple[Table, Table]:
    """Build the tables of what drives the growth, and of the part of it below 80 years."""
    sums = material.told.parts.groupby(["measure", "service", "component"])["contribution"].sum()
    rows: list[Row] = []
    headings_of = {
        "users": Bilingual("Brukere per uke", "Users per week"),
        "hours": Bilingual("Timer per uke", "Hours per week"),
    }
    for measure, services in (("users", tuple(SERVICES)), ("hours", _HOURS)):
        rows.append(Row(headings_of[measure], rule_above=bool(rows)))
        for service in services:
            if (measure, service, "population") not in sums.index:
                rows.append(Row(service_label(service), (CONFIDENTIAL,) * (len(COMPONENTS) + 1), 1))
                continue
            parts = [float(sums.get((measure, service, c), np.nan)) for c in COMPONENTS]
            rows.append(
                Row(service_label(service), (*(Number(p, 0) for p in parts), Number(np.nansum(parts), 0)), 1)
            )
    headings = (*map(Heading, COMPONENTS.values()), Heading(Bilingual("I alt", "Total")))
    note = Bilingual(
        "Endring fra januar 2017 til desember 2020, delt nøyaktig (Shapley) per aldersgruppe og summert. "
        "Dekning: brukere per innbygger i aldersgruppen. «:» konfidensielt; konfidensielle aldersgrupper er "
        "slått sammen. Timer er summer avrundet til 336 per aldersgruppe.",
        "Change from January 2017 to December 2020, split exactly (Shapley) by age group and summed. "
        "Coverage: users per inhabitant of the age group. “:” confidential; confidential age groups are "
        "taken together. Hours are sums rounded to 336 by age group.",
    )
    drivers = Table(
        "growth_drivers",
        Bilingual("Hva driver veksten?", "What drives the growth?"),
        Bilingual("Tjeneste", "Service"),
        (headings,),
        tuple(rows),
        (note, about(material)),
        material.provenance,
    )
    return drivers, _below_table(material)


def _below_table(material: Material) -> Table:
    rows = [
        Row(
            Bilingual("Alle (summen)", "All (the sum)")
            if r.service == "all"
            else service_label(str(r.service)),
            (Number(r.growth, 0), Number(r.growth_below, 0), Number(r.share_below_percent, 1)),
            rule_above=r.service == "all",
        )
        for r in material.told.below.itertuples()
    ]
    headings = (
        Heading(Bilingual("Vekst i brukere per uke", "Growth in users per week")),
        Heading(Bilingual("Herav under 80 år", "Of which below 80 years")),
        Heading(Bilingual("Andel, prosent", "Share, percent")),
    )
    note = Bilingual(
        "Rapporten: «Nesten hele veksten … skyldes vekst i aldersgruppene under 80 år», unntatt praktisk "
        "bistand. Over 100: færre brukere på 80 år og over. .. : ingen vekst å dele (under 1 prosent).",
        "The report: nearly all growth is in the age groups below 80, practical assistance excepted. "
        "Above 100: fewer users aged 80 and over. ..: no growth to divide (below 1 percent).",
    )
    title = Bilingual(
        "Er nesten hele veksten under 80 år? Januar 2017 til desember 2020",
        "Is nearly all growth below 80 years? January 2017 to December 2020",
    )
    stub = Bilingual("Tjeneste", "Service")
    return Table(
        "growth_below_80",
        title,
        stub,
        (headings,),
        tuple(rows),
        (note, about(material)),
        material.provenance,
    )


def about(material: Material) -> Bilingual:
    """Last note of each table: the data, and who is not shown."""
    return footer(
        material.provenance,
        Bilingual("Færre enn 5 personer vises ikke", "Fewer than 5 persons are not shown"),
    )
