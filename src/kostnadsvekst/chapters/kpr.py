"""Chapter 5 of the report: weekly users from the KPR register, Figures 5-11, and what drives the growth."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from kostnadsvekst import register
from kostnadsvekst.analysis.register_claims import compute_claims, load_claims
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.provenance import SYNTHETIC, Provenance
from kostnadsvekst.register.protected_growth import ProtectedGrowth, protected_growth
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICES
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.report.audit import (
    AGREEING,
    CALIBRATED,
    COLUMNS,
    DIFFERS,
    NOT_ATTEMPTED,
    ROUNDS,
    add_accepted_reasons,
    load_accepted,
    numbers_moved,
)
from kostnadsvekst.report.figures import COLOURS, new_figure, render_png
from kostnadsvekst.report.numbers import CONFIDENTIAL
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer, render
from kostnadsvekst.sources.embedded import embedded_path

START, END = "2017-01", "2020-12"
# Without the weeks of Christmas and New Year at either end.
FIRST_WHOLE_WEEK, LAST_WHOLE_WEEK = "2017-01-09", "2020-12-14"
LOCKDOWN, SUMMER, NEW_YEAR_2019, MARCH_2019 = "2020-03-09", "2020-06-15", "2018-12-31", "2019-03-04"
_SHORT = (
    "respite_institution",
    "time_limited_other",
    "time_limited_rehabilitation",
    "time_limited_assessment",
)
_HOURS = ("home_health", "practical_daily", "practical_training", "practical_bpa")
# Level shifts that the text names: the lockdown, and the fall of services at home at the turn of 2018/2019.
BREAKS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(_SHORT, ((LOCKDOWN, SUMMER),)),
    "time_limited_other": ((LOCKDOWN, SUMMER), SUMMER),
    "home_health": ((NEW_YEAR_2019, MARCH_2019),),
}
_BOOTSTRAP = 60
_MARKED = Bilingual("Nedstengningen 12. mars 2020", "Lockdown of 12 March 2020")
_OBSERVED = Bilingual("per uke", "weekly")
_TREND = Bilingual("trend med 95 %-bånd", "trend with 95% band")


@dataclass(frozen=True, slots=True)
class _Material:
    """All that the chapter's tables and figures are made of; nothing in it is below the threshold."""

    tables: RegisterTables
    claims: pd.DataFrame
    trends: Mapping[str, pd.DataFrame]
    growth: pd.DataFrame
    told: ProtectedGrowth
    rules: Mapping[str, str]
    provenance: Provenance


def run(settings: Settings) -> ChapterResult:
    """Count the register, draw Figures 5-11, audit the printed numbers and split the growth.

    Parameters
    ----------
    settings : Settings
        Without ``register`` a synthetic register of national size is made in a temporary folder, which is
        removed at the end.

    Returns
    -------
    ChapterResult
        Files in ``kpr/``.
    """
    material = _gather(settings)
    accepted = load_accepted()
    audit = add_accepted_reasons(_audit(material), accepted)
    files: dict[str, str | bytes] = {
        "kpr/counting_rules.csv": _csv(
            pd.DataFrame(material.rules.items(), columns=["rule", "wording"]), material
        ),
        "kpr/weekly_users.csv": _csv(_wide(material.tables.weekly, "users", 0), material),
        "kpr/weekly_hours_per_user.csv": _csv(_hours_wide(material.tables), material),
        "kpr/audit.csv": audit.to_csv(index=False, lineterminator="\n"),
    }
    for table in (
        _printed_table(material, audit),
        _yearly_table(material),
        _growth_table(material),
        *_drivers(material),
    ):
        for lang in settings.languages:
            files |= {f"kpr/{name}": text for name, text in render(table, lang).items()}
    for lang in settings.languages:
        files |= {f"kpr/{name}_{lang}.png": png for name, png in _figures(material, lang).items()}
    moved = tuple(numbers_moved(audit, accepted))
    return ChapterResult(files, audit, moved, _summary(material, audit))


def _gather(settings: Settings) -> _Material:
    if settings.register is None:
        with tempfile.TemporaryDirectory(prefix="kostnadsvekst-synthetic-") as folder:
            raw = register.simulate_episodes(out=Path(folder) / "deliveries.parquet")
            episodes = Path(folder) / "episodes.parquet"
            register.ingest(raw, episodes)
            return _count(episodes, embedded_path("synthetic/population_by_age_group_synthetic.csv"))
    if settings.population is None:
        raise DataMissingError(
            "a register of your own needs a population: give --population with year, age_group "
            f"({', '.join(AGE_GROUPS)}) and persons on 1 January 2017 to 2021"
        )
    return _count(settings.register, settings.population)


def _count(episodes: Path, population_file: Path) -> _Material:
    cube = register.weekly_cube(episodes)
    weekly = register.protect_cube(cube)
    tables = RegisterTables(weekly, register.protect_cube(register.yearly_users(episodes)))
    origin = (pq.read_schema(episodes).metadata or {}).get(b"origin", b"register").decode()
    claims = load_claims()
    claims["ours"] = compute_claims(tables, claims)
    population = pd.read_csv(population_file)
    totals = {service: tables.users((service,)) for service in SERVICES}
    trends = {
        service: register.trend(series, BREAKS.get(service, ()), n_bootstrap=_BOOTSTRAP)
        for service, series in totals.items()
        if series.notna().all()
    }
    return _Material(
        tables=tables,
        claims=claims,
        trends=trends,
        growth=_growth_of(totals),
        told=protected_growth(cube, weekly, population, START, END),
        rules=cube.attrs["rules"] | {"disclosure": "fewer than 5 persons: suppressed, and what reveals them"},
        provenance=Provenance(SYNTHETIC if origin == SYNTHETIC else "KPR register of the user"),
    )


def _growth_of(totals: Mapping[str, pd.Series]) -> pd.DataFrame:
    rows = {}
    for service, series in totals.items():
        if series.isna().any():
            continue
        breaks = BREAKS.get(service, ())
        whole = series.loc[FIRST_WHOLE_WEEK:LAST_WHOLE_WEEK]
        found = register.growth(whole, whole.index[0], whole.index[-1], breaks, n_bootstrap=_BOOTSTRAP)
        check = register.components_check(whole, breaks).iloc[-1]
        found["components_percent"] = 100 * check["components"] / found["level_start"]
        rows[service] = found
    return pd.DataFrame(rows).T


def _csv(frame: pd.DataFrame, material: _Material) -> str:
    return frame.assign(data_origin=material.provenance.origin).to_csv(index=False, lineterminator="\n")


def _wide(weekly: pd.DataFrame, measure: str, decimals: int) -> pd.DataFrame:
    """Weeks by service and age group; ``:`` where confidential."""
    rows = weekly[weekly["sex"] == "all"]
    text = rows[measure].map(lambda value: ":" if np.isnan(value) else f"{value:.{decimals}f}")
    column = rows["service"].astype(str) + " " + rows["age_group"]
    names = [f"{service} {group}" for service in SERVICES for group in (*AGE_GROUPS, "all")]
    wide = pd.DataFrame({"week": rows["week"], "column": column, "text": text})
    wide = wide.set_index(["week", "column"])["text"].unstack()
    wide = wide.reindex(columns=[n for n in names if n in wide]).fillna("0")
    wide.index = wide.index.strftime("%Y-%m-%d")
    return wide.rename_axis(columns=None).reset_index()


def _hours_wide(tables: RegisterTables) -> pd.DataFrame:
    columns = {}
    for service in _HOURS:
        for group in (*AGE_GROUPS, "all"):
            series = tables.hours_per_user((service,), group)
            columns[f"{service} {group}"] = series.map(lambda v: ":" if np.isnan(v) else f"{v:.2f}")
    wide = pd.DataFrame(columns)
    wide.index = pd.DatetimeIndex(wide.index).strftime("%Y-%m-%d")
    return wide.rename_axis("week").reset_index()


def _audit(material: _Material) -> pd.DataFrame:
    """Compare printed numbers with ours; the wording ("about", "just under") sets the tolerance."""
    agreeing = CALIBRATED if material.provenance.synthetic else ROUNDS
    rows = []
    for claim in material.claims.itertuples():
        place = (
            "KPR",
            claim.id,
            f"{claim.service or 'all'}, {claim.age_group}, {claim.quantity}, {_period(claim)}",
        )
        allowed = f"{claim.low:g} to {claim.high:g}"
        if np.isnan(claim.ours):
            reason = "not a number of the register" if claim.computable_from == "external" else "confidential"
            verdict, ours, gap = NOT_ATTEMPTED, "", ""
        else:
            inside = claim.low - 1e-9 <= claim.ours <= claim.high + 1e-9
            verdict, reason = (agreeing if inside else DIFFERS), ""
            ours, gap = (
                f"{claim.ours:.{claim.decimals + 2}f}",
                f"{claim.ours - claim.value:.{claim.decimals + 2}f}",
            )
        rows.append(
            (*place, claim.quote, ours, "", gap, allowed, verdict, material.provenance.origin, reason)
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _period(claim: Any) -> str:
    if claim.period_start == claim.period_end:
        return str(claim.period_start)
    return f"{claim.period_start} to {claim.period_end}"


def _printed_table(material: _Material, audit: pd.DataFrame) -> Table:
    verdicts = {
        CALIBRATED: Bilingual("kalibrert", "calibrated"),
        ROUNDS: Bilingual("stemmer", "agrees"),
        DIFFERS: Bilingual("avviker", "differs"),
        NOT_ATTEMPTED: Bilingual("ikke forsøkt", "not attempted"),
    }
    rows = []
    for claim, verdict in zip(material.claims.itertuples(), audit["verdict"], strict=True):
        what = f"{claim.service or '–'}, {claim.age_group}, {claim.quantity}, {_period(claim)}"
        place = f"{claim.id} {claim.section}: {what}"
        decimals = max(claim.decimals, 1 if abs(claim.value) < 1000 else 0)
        cells = (
            Number(claim.value, claim.decimals),
            Number(claim.low, decimals),
            Number(claim.high, decimals),
            Number(claim.ours, decimals),
            verdicts[verdict],
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
        (note, _about(material)),
        material.provenance,
    )


def _yearly_table(material: _Material) -> Table:
    """Distinct users of each year: the report, the Directorate of Health, ours."""
    claims = material.claims
    yearly = claims[claims["quantity"].str.contains("per year") & (claims["kind"] == "count")]
    rows = []
    for service, label in _claim_services(material):
        rows.append(Row(label))
        for year in range(2017, 2021):
            at = yearly[(yearly["service"] == service) & (yearly["period_start"] == str(year))]
            theirs = at["quantity"].str.contains("Helsedirektoratet")
            cells = (
                _first_number(at[~theirs & (at["period_end"] == str(year))]),
                _first_number(at[theirs]),
                Number(material.tables.users_of_year((_code_of(service),), year), 0),
            )
            rows.append(Row(str(year), cells, 1))
    headings = (
        Heading(Bilingual("Rapporten", "The report")),
        Heading(Bilingual("Helsedirektoratet", "Directorate of Health")),
        Heading(Bilingual("Vårt", "Ours")),
    )
    title = Bilingual("Brukere per år", "Users per year")
    note = Bilingual(
        ".. : ikke trykt. Trykte tall fra kapittel 5; Helsedirektoratets slik rapporten gjengir dem.",
        "..: not printed. Printed numbers from chapter 5; the Directorate's as the report quotes them.",
    )
    stub = Bilingual("Tjeneste og år", "Service and year")
    return Table(
        "yearly_users", title, stub, (headings,), tuple(rows), (note, _about(material)), material.provenance
    )


def _first_number(rows: pd.DataFrame) -> Number:
    return Number(float(rows["value"].iloc[0]) if len(rows) else None, 0)


_CLAIM_NAMES = {
    "long-term stay": "long_term_stay",
    "respite in institution": "respite_institution",
    "time-limited: other": "time_limited_other",
    "time-limited: habilitation/rehabilitation": "time_limited_rehabilitation",
    "time-limited: assessment/treatment": "time_limited_assessment",
    "home health": "home_health",
    "practical assistance, daily activities": "practical_daily",
    "practical assistance, training": "practical_training",
    "BPA": "practical_bpa",
}


def _code_of(service: str) -> str:
    return _CLAIM_NAMES[service]


def _claim_services(material: _Material) -> list[tuple[str, Bilingual]]:
    return [(name, _label(code)) for name, code in _CLAIM_NAMES.items()]


def _label(service: str) -> Bilingual:
    return Bilingual(SERVICES[service]["nb"], SERVICES[service]["en"])


def _growth_table(material: _Material) -> Table:
    rows = [
        Row(
            _label(str(service)),
            (
                Number(g["level_start"], 0),
                Number(g["level_end"], 0),
                Number(g["change_percent"], 1),
                Number(g["conf_low_percent"], 1),
                Number(g["conf_high_percent"], 1),
                Number(g["components_percent"], 1),
            ),
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
        "Nivå uten sesong: robust STL etter at nivåskift er tatt ut, skift lagt til igjen; usikkerhet ved "
        "blokkbootstrap av residualene. Kontroll: tilstandsrommodell (UnobservedComponents) med samme skift.",
        "Level without season: robust STL after level shifts are taken out, shifts put back; uncertainty by "
        "block bootstrap of the residuals. Check: UnobservedComponents with the same shifts.",
    )
    title = Bilingual("Vekst i brukere per uke 2017–2020", "Growth in users per week 2017–2020")
    stub = Bilingual("Tjeneste", "Service")
    return Table(
        "growth", title, stub, (headings,), tuple(rows), (note, _about(material)), material.provenance
    )


_COMPONENTS = {
    "population": Bilingual("Befolkning", "Population"),
    "coverage": Bilingual("Dekning", "Coverage"),
    "hours_per_user": Bilingual("Timer per bruker", "Hours per user"),
}


def _drivers(material: _Material) -> tuple[Table, Table]:
    """Tables of what drives the growth, and of the part of it below 80 years."""
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
                rows.append(Row(_label(service), (CONFIDENTIAL,) * (len(_COMPONENTS) + 1), 1))
                continue
            parts = [float(sums.get((measure, service, c), np.nan)) for c in _COMPONENTS]
            rows.append(
                Row(_label(service), (*(Number(p, 0) for p in parts), Number(np.nansum(parts), 0)), 1)
            )
    headings = (*map(Heading, _COMPONENTS.values()), Heading(Bilingual("I alt", "Total")))
    note = Bilingual(
        "Endring fra januar 2017 til desember 2020, delt nøyaktig (Shapley) per aldersgruppe og summert. "
        "Dekning: brukere per innbygger i aldersgruppen. «:» konfidensielt; konfidensielle aldersgrupper er "
        "slått sammen.",
        "Change from January 2017 to December 2020, split exactly (Shapley) by age group and summed. "
        "Coverage: users per inhabitant of the age group. “:” confidential; confidential age groups are "
        "taken together.",
    )
    drivers = Table(
        "growth_drivers",
        Bilingual("Hva driver veksten?", "What drives the growth?"),
        Bilingual("Tjeneste", "Service"),
        (headings,),
        tuple(rows),
        (note, _about(material)),
        material.provenance,
    )
    return drivers, _below_table(material)


def _below_table(material: _Material) -> Table:
    rows = [
        Row(
            Bilingual("Alle (summen)", "All (the sum)") if r.service == "all" else _label(str(r.service)),
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
        (note, _about(material)),
        material.provenance,
    )


def _about(material: _Material) -> Bilingual:
    return footer(
        material.provenance,
        Bilingual("Færre enn 5 personer vises ikke", "Fewer than 5 persons are not shown"),
    )


def _figures(material: _Material, lang: str) -> dict[str, bytes]:
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
    return {name: render_png(figure, material.provenance, lang) for name, figure in figures.items()}


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


def _caption(number: int | None, lang: str) -> str:
    if number is None:
        return _BPA_HOURS.get(lang)
    return f"{'Figur' if lang == 'nb' else 'Figure'} {number}: {_CAPTIONS[number].get(lang)}"


def _users_figure(material: _Material, service: str, lang: str, number: int) -> Any:
    figure, (left, right) = new_figure(9.0, 4.0, columns=2)
    if service in material.trends:
        path = material.trends[service]
        left.plot(path["week"], path["observed"], color="#AAAAAA", linewidth=1.0, label=_OBSERVED.get(lang))
        left.fill_between(
            path["week"], path["conf_low"], path["conf_high"], color=COLOURS[0], alpha=0.25, linewidth=0
        )
        left.plot(path["week"], path["trend"] + path["shift"], color=COLOURS[0], label=_TREND.get(lang))
    else:
        series = material.tables.users((service,))
        left.plot(series.index, series, color="#AAAAAA", label=_OBSERVED.get(lang))
    left.set_title(_ALL_AGES.get(lang), loc="left", fontsize=10)
    _by_age(right, lambda group: material.tables.users((service,), group), lang)
    return _finish(figure, (left, right), _caption(number, lang), _PER_WEEK, lang)


def _hours_figure(material: _Material, service: str, lang: str, number: int | None) -> Any:
    figure, (left, right) = new_figure(9.0, 4.0, columns=2)
    series = material.tables.hours_per_user((service,))
    left.plot(series.index, series, color=COLOURS[0], label=_OBSERVED.get(lang))
    left.set_title(_ALL_AGES.get(lang), loc="left", fontsize=10)
    _by_age(right, lambda group: material.tables.hours_per_user((service,), group), lang)
    return _finish(figure, (left, right), _caption(number, lang), _HOURS_AXIS, lang)


def _by_age(axes: Any, series_of: Any, lang: str) -> None:
    for number, group in enumerate(AGE_GROUPS):
        series = series_of(group)
        label = f"{group.replace('-', '–')} {'år' if lang == 'nb' else 'years'}"
        axes.plot(series.index, series, color=COLOURS[number], linewidth=1.3, label=label)
    axes.set_title(_BY_AGE.get(lang), loc="left", fontsize=10)


def _short_stays_figure(material: _Material, lang: str) -> Any:
    figure, axes = new_figure(9.0, 4.6)
    # Colours as the text names them: red, green, blue, yellow.
    colours = {
        "time_limited_rehabilitation": COLOURS[1],
        "time_limited_other": COLOURS[2],
        "time_limited_assessment": COLOURS[0],
        "respite_institution": COLOURS[4],
    }
    for service, colour in colours.items():
        series = material.tables.users((service,))
        axes.plot(series.index, series, color=colour, linewidth=1.1, label=_label(service).get(lang))
    return _finish(figure, (axes,), _caption(6, lang), _PER_WEEK, lang, columns=2)


def _finish(
    figure: Any, panels: Sequence[Any], caption: str, unit: Bilingual, lang: str, columns: int = 1
) -> Any:
    from matplotlib.dates import DateFormatter, YearLocator
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axes in panels:
        axes.set_ylim(0, axes.get_ylim()[1] * (1.25 if len(panels) == 1 else 1.3))
        axes.axvline(
            pd.Timestamp("2020-03-12"), color="#666666", linewidth=0.8, linestyle=":", label=_MARKED.get(lang)
        )
        axes.xaxis.set_major_locator(YearLocator())
        axes.xaxis.set_major_formatter(DateFormatter("%Y"))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _thousands(value, lang)))
        axes.set_ylabel(unit.get(lang))
        axes.legend(fontsize=7, ncols=columns if len(panels) == 1 else 2, loc="upper left", frameon=False)
    figure.suptitle(caption, fontsize=11, x=0.01, ha="left", weight="bold")
    return figure


def _thousands(value: float, lang: str) -> str:
    return f"{value:,.0f}".replace(",", "\u202f" if lang == "nb" else ",")


def _drivers_figure(material: _Material, lang: str) -> Any:
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
                range(len(names)), width, left=left, color=COLOURS[number], label=group.replace("-", "–")
            )
            up, down = up + np.maximum(width, 0), down + np.minimum(width, 0)
        axes.scatter(up + down, range(len(names)), color="black", s=14, zorder=3, label="Sum")
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(_COMPONENTS[component].get(lang), loc="left", fontsize=10)
        axes.set_xlabel(
            "Prosent av brukerne i januar 2017" if lang == "nb" else "Percent of the users in January 2017",
            fontsize=8,
        )
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(range(len(names)), [_label(s).get(lang) for s in names], fontsize=8)
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


def _summary(material: _Material, audit: pd.DataFrame) -> tuple[Bilingual, ...]:
    agree = int(audit["verdict"].isin(AGREEING).sum())
    tried = int((audit["verdict"] != NOT_ATTEMPTED).sum())
    agreement = Bilingual(
        f"{agree} av {tried} trykte KPR-tall innenfor det teksten gir rom for "
        f"({len(audit) - tried} er ikke registerets)",
        f"{agree} of {tried} printed KPR numbers within what the wording allows "
        f"({len(audit) - tried} are not the register's)",
    )
    if material.told.below.empty:
        return (agreement,)
    total = material.told.below.set_index("service").loc["all"]
    grown, below = total["growth"], total["share_below_percent"]
    practical = [s for s in SERVICES if s.startswith("practical")]
    rest = material.told.below[~material.told.below["service"].isin([*practical, "all"])]
    share = 100 * rest["growth_below"].sum() / rest["growth"].sum()
    claim = Bilingual("holder", "holds") if share >= 90 else Bilingual("holder ikke", "does not hold")
    return (
        agreement,
        Bilingual(
            f"Av veksten på {grown:.0f} brukere per uke er {below:.0f} prosent under 80 år, uten praktisk "
            f"bistand {share:.0f} prosent: «nesten hele veksten» {claim.nb} i disse data",
            f"Of the growth of {grown:.0f} users per week {below:.0f} percent is below 80, without practical "
            f"assistance {share:.0f} percent: “nearly all growth” {claim.en} in these data",
        ),
    )
