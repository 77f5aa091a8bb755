"""Chapter 4 of the report: table 1, figures 2 to 4, growth accounts, and their audit."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.analysis.growth import (
    account,
    by_group,
    compound_rate,
    shift_share,
    split_growth,
    summarise,
)
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.language import Bilingual
from kostnadsvekst.panel.functions import FUNCTIONS, RESIDUAL, TOTAL, read_functions
from kostnadsvekst.panel.kostra_groups import add_groups
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.panel.prices import price_index
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.audit import (
    AGREEING,
    DIFFERS,
    NOT_ATTEMPTED,
    Item,
    add_accepted_reasons,
    audit_items,
    load_accepted,
    numbers_moved,
    render_audit_html,
)
from kostnadsvekst.report.figures import COLOURS, TITLE, new_figure, render_png
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer, render
from kostnadsvekst.sources.claims import control_series, load_control_totals, load_growth_claims
from kostnadsvekst.sources.published import load_cells
from kostnadsvekst.sources.store import DESCRIPTION, read_store
from kostnadsvekst.synthetic.expenditures import assign_groups, make_expenditures

BASE_YEAR = 2019
FIRST, LAST, LAST_PANEL = 2015, 2020, 2019
STATISTICS_NORWAY = "Statistics Norway"

LARGEST = ("241", "253", "254")
_SOURCE = Bilingual("Kilde: SSB, KOSTRA tabell 12362", "Source: Statistics Norway, KOSTRA table 12362")


@dataclass(frozen=True, slots=True)
class GrowthData:
    """What the chapter computes from; None where the data at hand do not have it.

    Attributes
    ----------
    expenditures : DataFrame, optional
        Current prices, 1000 kroner, index year, one column for each function and the total.
    panel : DataFrame, optional
        With the column ``kostra_group``.
    provenance : Provenance
    """

    expenditures: pd.DataFrame | None
    panel: pd.DataFrame | None
    provenance: Provenance


def run(settings: Settings) -> ChapterResult:
    """Table 1, figures 2 to 4, growth accounts and their audit.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    ChapterResult
        Everything in ``growth/``.
    """
    data = load_data(settings)
    prices = price_index(BASE_YEAR)
    accounted = None if data.expenditures is None else account(data.expenditures, prices)
    groups = None if data.panel is None else by_group(data.panel, FIRST, LAST_PANEL)
    real = account(control_series("net_operating_expenditure"), prices)
    files: dict[str, str | bytes] = {}
    for lang in settings.languages:
        for table in _tables(data, accounted, groups, prices):
            files |= {f"growth/{name}": text for name, text in render(table, lang).items()}
        files |= {f"growth/{name}_{lang}.png": png for name, png in _figures(data, accounted, groups, lang)}
    if accounted is not None:
        files["growth/growth_account.csv"] = _with_origin(accounted.round(6), data.provenance)
    known = Provenance(STATISTICS_NORWAY)
    files["growth/growth_account_real_totals.csv"] = _with_origin(real.round(6), known)
    audit = pd.concat(
        [
            audit_items(list(_items(accounted, groups)), data.provenance),
            audit_items(list(_real_items(real, prices)), known),
        ],
        ignore_index=True,
    )
    accepted = load_accepted()
    audit, moved = add_accepted_reasons(audit, accepted), numbers_moved(audit, accepted)
    files["growth/audit.csv"] = audit.to_csv(index=False, lineterminator="\n")
    files["growth/audit.html"] = render_audit_html(audit, _AUDIT_TITLE, [_real_growth(real).en, *moved], "en")
    summary = (_count(audit), _real_growth(real), *_absent(data))
    return ChapterResult(files, audit, tuple(moved), summary)


def load_data(settings: Settings) -> GrowthData:
    """Synthetic data, a store's, or what a user's panel has.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    GrowthData
    """
    if settings.data is None:
        cells = load_cells("1")
        amounts = cells[cells["statistic"] == "amount_nok1000"].set_index("row")["value"]
        made = make_expenditures(amounts, price_index(BASE_YEAR))
        panel = load_panel()
        panel = panel.assign(kostra_group=panel["municipality"].map(assign_groups(panel)))
        return GrowthData(made, panel, made.attrs["provenance"])
    panel = load_panel(settings.data)
    provenance: Provenance = panel.attrs["provenance"]
    if not (Path(settings.data) / DESCRIPTION).is_file():
        return GrowthData(None, panel if "kostra_group" in panel else None, provenance)
    store = read_store(settings.data)
    spent = store.tables.get("expenditure_by_function")
    grouped = store.tables.get("kostra_groups")
    return GrowthData(
        None if spent is None else read_functions(spent),
        None if grouped is None else add_groups(panel, grouped, LAST_PANEL).dropna(subset="kostra_group"),
        provenance,
    )


# Tables ----------


def table_1(accounted: pd.DataFrame, provenance: Provenance) -> Table:
    """Build table 1: level and share of each function in the last year.

    Parameters
    ----------
    accounted : DataFrame
        From `kostnadsvekst.analysis.growth.account`.
    provenance : Provenance
    """
    year = int(accounted["year"].max())
    last = accounted[(accounted["year"] == year) & (accounted["function"] != RESIDUAL)]
    rows = [
        Row(
            _numbered(str(r.function)),
            (Number(r.nominal_nok1000, 0), Number(r.share_percent, 2)),
            rule_above=r.function == TOTAL,
        )
        for r in last.itertuples()
    ]
    headings = (
        Heading(Bilingual("Netto driftsutgifter", "Net operating expenditure")),
        Heading(Bilingual("Prosentandel", "Per cent")),
    )
    title = Bilingual(
        f"Tabell 1: Samlede netto driftsutgifter og utgiftsfordeling i kommunale helse- og omsorgstjenester "
        f"i 1000 kroner ({year})",
        f"Table 1: Net operating expenditure on municipal health and care by function, 1000 kroner ({year})",
    )
    stub = Bilingual("Funksjon", "Function")
    notes = (*_residual_note(accounted, year), footer(provenance))
    return Table("table_1", title, stub, (headings,), tuple(rows), notes, provenance)


def table_growth(accounted: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table of growth rates and contributions by function.

    Parameters
    ----------
    accounted : DataFrame
    provenance : Provenance
    """
    growth = summarise(accounted)
    years = sorted(accounted["year"].unique())
    columns = [c for c in growth if not c.startswith("share")]
    rows = [
        Row(
            _numbered(str(name)),
            tuple(Number(line[c], 1 if c != "contribution_points" else 2) for c in columns),
            rule_above=name == TOTAL,
        )
        for name, line in growth.iterrows()
    ]
    over = (
        Heading(Bilingual("Løpende priser, prosent", "Current prices, per cent"), 2),
        Heading(Bilingual("Faste priser, prosent", "Constant prices, per cent"), 2),
        Heading(Bilingual("Bidrag", "Contribution")),
    )
    under = (
        *(
            Heading(text)
            for _ in range(2)
            for text in (Bilingual("Vekst", "Growth"), Bilingual("Per år", "A year"))
        ),
        Heading(Bilingual("prosentpoeng", "percentage points")),
    )
    title = Bilingual(
        f"Vekst i netto driftsutgifter etter funksjon, {years[0]}–{years[-1]}",
        f"Growth of net operating expenditure by function, {years[0]}–{years[-1]}",
    )
    note = Bilingual(
        "Bidragene er til realveksten i summen og summerer til den.",
        "Contributions are to the real growth of the total and sum to it.",
    )
    stub = Bilingual("Funksjon", "Function")
    return Table(
        "table_growth", title, stub, (over, under), tuple(rows), (note, footer(provenance)), provenance
    )


def table_split(nominal: pd.Series, prices: pd.Series, provenance: Provenance) -> Table:
    """Build the table that splits nominal growth into price, population and real kroner per inhabitant.

    Parameters
    ----------
    nominal : Series
        Total by year, 1000 kroner.
    prices : Series
    provenance : Provenance
    """
    split = split_growth(nominal, prices, control_series("population"))
    labels = {
        "price": Bilingual("Priser", "Prices"),
        "population": Bilingual("Folketall", "Population"),
        "real_per_inhabitant": Bilingual("Realutgift per innbygger", "Real expenditure per inhabitant"),
        "nominal": Bilingual("Nominell vekst", "Nominal growth"),
    }
    rows = tuple(
        Row(
            labels[str(name)],
            (Number(r["factor"], 4), Number(r["growth_percent"], 1), Number(r["share_percent"], 1)),
            rule_above=name == "nominal",
        )
        for name, r in split.iterrows()
    )
    headings = (
        Heading(Bilingual("Faktor", "Factor")),
        Heading(Bilingual("Vekst, prosent", "Growth, per cent")),
        Heading(Bilingual("Andel av log-vekst, prosent", "Share of log growth, per cent")),
    )
    title = Bilingual(
        f"Hva veksten {nominal.index[0]}–{nominal.index[-1]} består av",
        f"What growth {nominal.index[0]}–{nominal.index[-1]} is made of",
    )
    note = Bilingual(
        "Faktorene ganges sammen til nominell vekst. Folketall 1. januar: virkelige tall, SSB tabell 07459.",
        "The factors multiply to nominal growth. Population 1 January: real, Statistics Norway, table 07459.",
    )
    stub = Bilingual("Komponent", "Component")
    return Table("table_split", title, stub, (headings,), rows, (note, footer(provenance)), provenance)


def table_groups(groups: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table behind figure 4, with the shift-share of each group.

    Parameters
    ----------
    groups : DataFrame
        From `kostnadsvekst.analysis.growth.by_group`.
    provenance : Provenance
    """
    shifts = shift_share(groups)
    rows = [
        Row(
            str(name),
            (
                Number(float(r["municipalities"]), 0),
                Number(r["level_first"], 0),
                Number(r["growth"], 0),
                Number(r["growth_percent"], 1),
                *(Number(shifts.loc[name, c], 0) for c in shifts),
            ),
        )
        for name, r in groups.iterrows()
    ]
    sums = shifts.sum()
    blank = ("", "", "", "")
    rows.append(Row("Sum", (*blank, *(Number(sums[c], 0) for c in shifts)), rule_above=True))
    over = (
        Heading("", 1),
        Heading(Bilingual("Kroner per innbygger (2019-priser)", "Kroner per inhabitant (2019 prices)"), 3),
        Heading(Bilingual("Millioner 2019-kroner", "Million 2019 kroner"), 4),
    )
    under = tuple(
        Heading(text)
        for text in (
            Bilingual("Kommuner", "Municipalities"),
            Bilingual(f"Nivå {FIRST}", f"Level {FIRST}"),
            Bilingual(f"Vekst til {LAST_PANEL}", f"Growth to {LAST_PANEL}"),
            Bilingual("Prosent", "Per cent"),
            Bilingual("Vekst", "Growth"),
            Bilingual("Som landet", "As the country"),
            Bilingual("Folketall", "Population"),
            Bilingual("Per innbygger", "Per inhabitant"),
        )
    )
    title = Bilingual(
        "Utgifter per innbygger etter KOSTRA-gruppe, og hvorfor gruppene vokste ulikt",
        "Expenditure per inhabitant by KOSTRA group, and why groups grew differently",
    )
    note = Bilingual(
        "Vektet med folketall. Vekst = som landet + folketall + per innbygger; de to siste er null i sum.",
        "Population weights. Growth = as the country + population + per inhabitant; the last two sum to 0.",
    )
    stub = Bilingual("KOSTRA-gruppe", "KOSTRA group")
    return Table(
        "table_groups", title, stub, (over, under), tuple(rows), (note, footer(provenance)), provenance
    )


def _tables(
    data: GrowthData, accounted: pd.DataFrame | None, groups: pd.DataFrame | None, prices: pd.Series
) -> Iterator[Table]:
    if accounted is not None and data.expenditures is not None:
        yield table_1(accounted, data.provenance)
        yield table_growth(accounted, data.provenance)
        yield table_split(data.expenditures[TOTAL], prices, data.provenance)
    if groups is not None:
        yield table_groups(groups, data.provenance)


def _numbered(function: str) -> Bilingual:
    name = FUNCTIONS.get(function, Bilingual("", ""))
    return name if function == RESIDUAL else Bilingual(f"{function} {name.nb}", f"{function} {name.en}")


def _residual_note(accounted: pd.DataFrame, year: int) -> tuple[Bilingual, ...]:
    rows = accounted[(accounted["function"] == RESIDUAL) & (accounted["year"] == year)]
    if rows.empty or rows["nominal_nok1000"].item() == 0:
        return ()
    more = -rows["nominal_nok1000"].item()
    return (
        Bilingual(
            f"Delene summerer til {format_number(more, 0, 'nb')} mer enn summen som er oppgitt.",
            f"The parts sum to {format_number(more, 0, 'en')} more than the stated total.",
        ),
    )


# Figures ----------


def _figures(
    data: GrowthData, accounted: pd.DataFrame | None, groups: pd.DataFrame | None, lang: str
) -> Iterator[tuple[str, bytes]]:
    if accounted is not None:
        yield "figure_2", figure_2(accounted, data.provenance, lang)
        yield "figure_3", figure_3(accounted, data.provenance, lang)
    if groups is not None:
        yield "figure_4", figure_4(groups, data.provenance, lang)


def figure_2(accounted: pd.DataFrame, provenance: Provenance, lang: str) -> bytes:
    """Draw figure 2: index of deflated expenditure, first year = 100.

    Parameters
    ----------
    accounted : DataFrame
    provenance : Provenance
    lang : {"nb", "en"}

    Returns
    -------
    bytes
        PNG.
    """
    title = Bilingual(
        "Figur 2: Vekst i netto driftsutgifter (deflatert) til\nkommunale helse- og omsorgstjenester",
        "Figure 2: Growth of net operating expenditure (deflated)\non municipal health and care",
    )
    return _index_figure(accounted, (TOTAL,), title, provenance, lang)


def figure_3(accounted: pd.DataFrame, provenance: Provenance, lang: str) -> bytes:
    """Draw figure 3: the three largest functions, first year = 100.

    Parameters
    ----------
    accounted : DataFrame
    provenance : Provenance
    lang : {"nb", "en"}

    Returns
    -------
    bytes
        PNG.
    """
    title = Bilingual(
        "Figur 3: Vekst i netto driftsutgifter (deflatert),\nde tre største funksjonsområdene",
        "Figure 3: Growth of net operating expenditure (deflated),\nthe three largest functions",
    )
    return _index_figure(accounted, LARGEST, title, provenance, lang)


def _index_figure(
    accounted: pd.DataFrame, functions: tuple[str, ...], title: Bilingual, provenance: Provenance, lang: str
) -> bytes:
    figure, axes = new_figure()
    for colour, function in zip(COLOURS, functions, strict=False):
        rows = accounted[accounted["function"] == function]
        years, index = rows["year"].to_numpy(), rows["index_real"].to_numpy()
        label = FUNCTIONS[function].get(lang)
        axes.plot(years, index, color=colour, marker="o", markersize=4, label=label)
        axes.annotate(
            format_number(index[-1], 1, lang),
            (years[-1], index[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            weight="bold",
        )
    axes.axhline(100, color="#888888", linewidth=0.8)
    axes.set_xticks(sorted(accounted["year"].unique()))
    axes.margins(x=0.1)
    axes.yaxis.set_major_locator(_whole_ticks())
    axes.yaxis.set_major_formatter(lambda value, _: format_number(value, 0, lang))
    axes.set_ylabel(
        Bilingual("Indeks, 2015 = 100, faste priser", "Index, 2015 = 100, constant prices").get(lang)
    )
    axes.set_title(title.get(lang), **TITLE)
    if len(functions) > 1:
        axes.legend(loc="upper left")
    return render_png(figure, provenance, lang, _SOURCE.get(lang))


def _whole_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True)


def figure_4(groups: pd.DataFrame, provenance: Provenance, lang: str) -> bytes:
    """Draw figure 4: level of the first year (blue) and growth (red) by KOSTRA group.

    Parameters
    ----------
    groups : DataFrame
        From `kostnadsvekst.analysis.growth.by_group`.
    provenance : Provenance
    lang : {"nb", "en"}

    Returns
    -------
    bytes
        PNG.
    """
    figure, axes = new_figure(width=7.4, height=4.6)
    position = range(len(groups))
    first, growth = groups["level_first"].to_numpy(), groups["growth"].to_numpy()
    level = Bilingual(f"Nivå {FIRST}", f"Level {FIRST}").get(lang)
    rise = Bilingual(f"Vekst {FIRST}–{LAST_PANEL}", f"Growth {FIRST}–{LAST_PANEL}").get(lang)
    axes.bar(position, first, color="#2F6DB5", width=0.7, label=level)
    axes.bar(position, growth, bottom=first, color="#C8322B", width=0.7, label=rise)
    for x, base, more in zip(position, first, growth, strict=True):
        text = format_number(more, 0, lang)
        axes.annotate(
            f"+{text}" if more > 0 else text,
            (x, base + max(more, 0)),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
            color="#8E1F1A",
        )
    axes.set_xticks(list(position), [str(name) for name in groups.index])
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 1.2 * float((first + growth).max()))
    axes.yaxis.set_major_formatter(lambda value, _: format_number(value, 0, lang))
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
    axes.set_title(title.get(lang), **TITLE)
    axes.legend(loc="upper right", ncols=2)
    return render_png(figure, provenance, lang, _SOURCE.get(lang))


# Audit ----------

_AUDIT_TITLE = Bilingual("Kapittel 4: trykte tall mot våre", "Chapter 4: printed numbers against ours")


class _NotInDataError(Exception):
    """A measure that the data at hand cannot give; the text says why."""


def _items(accounted: pd.DataFrame | None, groups: pd.DataFrame | None) -> Iterator[Item]:
    yield from _table_items(accounted)
    for claim in load_growth_claims().to_dict("records"):
        try:
            yield _claim_item(claim, measure(claim["measure"], accounted, groups))
        except _NotInDataError as absence:
            yield _claim_item(claim, None, str(absence))


def _table_items(accounted: pd.DataFrame | None) -> Iterator[Item]:
    own = None if accounted is None else accounted[accounted["year"] == LAST].set_index("function")
    columns = {"amount_nok1000": "nominal_nok1000", "share_percent": "share_percent"}
    for cell in load_cells("1").itertuples():
        present = own is not None and cell.row in own.index
        yield Item(
            table="1",
            row=cell.row,
            column=cell.column,
            published=cell.printed,
            ours=float(own.loc[cell.row, columns[cell.statistic]]) if present and own is not None else None,
            value=cell.value,
            decimals=cell.decimals,
            reason="" if present else f"the data have no expenditure on {cell.row} in {LAST}",
        )


def measure(name: str, accounted: pd.DataFrame | None, groups: pd.DataFrame | None) -> float | str:
    """Value of a named measure.

    Parameters
    ----------
    name : str
        As in the column ``measure`` of the growth claims.
    accounted : DataFrame or None
        Growth account.
    groups : DataFrame or None
        Groups as from `by_group`.

    Returns
    -------
    float or str
    """
    kind, *arguments = name.split(":")
    if kind in _OF_GROUPS:
        if groups is None:
            raise _NotInDataError("the data have no KOSTRA groups")
        return _OF_GROUPS[kind](groups, *arguments)
    if accounted is None:
        raise _NotInDataError("the data have no expenditures by function")
    absent = {a for a in arguments if not _is_year(a)} - set(accounted["function"])
    if absent:
        raise _NotInDataError(f"the data have no {', '.join(sorted(absent))}")
    gone = {a for a in arguments if _is_year(a)} - set(accounted["year"].astype(str))
    if gone:
        raise _NotInDataError(f"the data have no {', '.join(sorted(gone))}")
    return _OF_ACCOUNTS[kind](accounted, *arguments)


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdigit()


def _real(accounted: pd.DataFrame, function: str) -> pd.Series:
    return accounted[accounted["function"] == function].set_index("year")["real_nok1000"]


def _growth_real(accounted: pd.DataFrame, function: str, first: str, last: str) -> float:
    real = _real(accounted, function)
    return float(100 * (real[int(last)] / real[int(first)] - 1))


def _compound_real(accounted: pd.DataFrame, function: str, first: str, last: str) -> float:
    return compound_rate(_growth_real(accounted, function, first, last), int(last) - int(first))


def _share(accounted: pd.DataFrame, function: str, year: str) -> float:
    own = accounted[accounted["function"] == function].set_index("year")
    return float(own.loc[int(year), "share_percent"])


def _strongest_year(accounted: pd.DataFrame, function: str) -> str:
    growth = accounted[accounted["function"] == function].set_index("year")["growth_real_percent"]
    if growth.iloc[1:].isna().any():
        raise _NotInDataError("years are missing in between, so the strongest is not known")
    return str(growth.idxmax())


def _faster(accounted: pd.DataFrame, one: str, other: str) -> str:
    real = {name: _real(accounted, name) for name in (one, other)}
    return max(real, key=lambda name: real[name].iloc[-1] / real[name].iloc[0])


def _top_groups(groups: pd.DataFrame, count: str) -> str:
    top = groups["growth"].nlargest(int(count)).index
    return ", ".join(str(number) for number in sorted(int(str(name)) for name in top))


def _small_highest(groups: pd.DataFrame) -> str:
    """Weighted mean of groups 1-6 against all others but 16, which is defined by income and not by size."""
    number = pd.Series([int(str(name)) for name in groups.index], index=groups.index)
    amount = groups["population_first"] * groups["level_first"]

    def level(chosen: pd.Series) -> float:
        return float(amount[chosen].sum() / groups["population_first"][chosen].sum())

    return "høyest" if level(number <= 6) > level(number.between(7, 15)) else "ikke høyest"


_OF_ACCOUNTS: Mapping[str, Callable[..., float | str]] = {
    "growth_real": _growth_real,
    "compound_real": _compound_real,
    "share": _share,
    "strongest_year": _strongest_year,
    "faster": _faster,
}
_OF_GROUPS: Mapping[str, Callable[..., str]] = {
    "top_groups": _top_groups,
    "small_highest": _small_highest,
}


def _claim_item(claim: Mapping[str, Any], ours: float | str | None, reason: str = "") -> Item:
    value = claim["value"]
    return Item(
        table=str(claim["section"]),
        row=str(claim["row"]),
        column=str(claim["column"]),
        published=str(claim["printed"]),
        ours=ours,
        value=None if pd.isna(value) else float(value),
        decimals=int(claim["decimals"]),
        reason=reason,
    )


def _real_items(real: pd.DataFrame, prices: pd.Series) -> Iterator[Item]:
    """Yield printed numbers on the total, against the real totals of the country."""
    cells = load_cells("1")
    cell = cells[(cells["row"] == TOTAL) & (cells["statistic"] == "amount_nok1000")].iloc[0]
    ours = real[real["year"] == LAST]["nominal_nok1000"].item()
    yield Item("1", cell["row"], cell["column"], cell["printed"], ours, None, cell["value"], cell["decimals"])
    reason = explain_real_growth(real, prices)
    for claim in load_growth_claims().to_dict("records"):
        if TOTAL not in claim["measure"]:
            continue
        try:
            yield _claim_item(claim, measure(claim["measure"], real, None), reason)
        except _NotInDataError as absence:
            yield _claim_item(
                claim, None, f"{absence} ({load_control_totals()['net_operating_expenditure']['source']})"
            )


def explain_real_growth(real: pd.DataFrame, prices: pd.Series) -> str:
    """Say what can be known of the difference between printed and real growth.

    Parameters
    ----------
    real : DataFrame
        Account of the real totals.
    prices : Series
        Index by which it was deflated.

    Returns
    -------
    str
    """
    growth = summarise(real).loc[TOTAL]
    printed = load_growth_claims().set_index("id").loc["C059", "value"]
    years = sorted(real["year"])
    implied = 100 * ((1 + growth["growth_nominal_percent"] / 100) / (1 + printed / 100) - 1)
    ours = 100 * (prices[years[-1]] / prices[years[0]] - 1)
    return (
        f"same total in {years[-1]} as table 1; nominal growth {growth['growth_nominal_percent']:.1f} %; "
        f"with it the printed {printed:g} % implies price growth of {implied:.1f} %, the embedded municipal "
        f"deflator has {ours:.1f} %. The report does not print its price index (municipal consumption), and "
        "accounts and index are revised"
    )


def _real_growth(real: pd.DataFrame) -> Bilingual:
    growth = summarise(real).loc[TOTAL]
    first, last = min(real["year"]), max(real["year"])
    numbers = {
        lang: [format_number(growth[f"growth_{kind}_percent"], 1, lang) for kind in ("real", "nominal")]
        for lang in ("nb", "en")
    }
    return Bilingual(
        f"Virkelige tall (SSB) {first}–{last}: {numbers['nb'][0]} prosent realvekst "
        f"(nominelt {numbers['nb'][1]}); rapporten: 18,1",
        f"Real totals (Statistics Norway) {first}–{last}: {numbers['en'][0]} per cent real growth "
        f"(nominal {numbers['en'][1]}); the report: 18.1",
    )


def _absent(data: GrowthData) -> Iterator[Bilingual]:
    if data.expenditures is None:
        yield Bilingual(
            "Dataene har ikke utgifter etter funksjon: tabell 1, figur 2 og 3 er ikke laget",
            "The data have no expenditures by function: table 1, figures 2 and 3 are not made",
        )
    if data.panel is None:
        yield Bilingual(
            "Dataene har ikke KOSTRA-grupper (kolonnen kostra_group): figur 4 er ikke laget",
            "The data have no KOSTRA groups (column kostra_group): figure 4 is not made",
        )


def _count(audit: pd.DataFrame) -> Bilingual:
    agree, total = int(audit["verdict"].isin(AGREEING).sum()), len(audit)
    differ, untried = (int((audit["verdict"] == verdict).sum()) for verdict in (DIFFERS, NOT_ATTEMPTED))
    return Bilingual(
        f"{agree} av {total} trykte tall stemmer med trykt nøyaktighet; {differ} avviker, grunn i audit.csv, "
        f"{untried} lar seg ikke beregne",
        f"{agree} of {total} printed items agree at printed precision; {differ} differ, reason in audit.csv, "
        f"{untried} cannot be computed",
    )


def _with_origin(frame: pd.DataFrame, provenance: Provenance) -> str:
    return frame.assign(data_origin=provenance.origin).to_csv(index=False, lineterminator="\n")
