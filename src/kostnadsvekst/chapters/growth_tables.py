"""Tables of chapter 4."""

from collections.abc import Iterator

import pandas as pd

from kostnadsvekst.analysis.growth import (
    shift_share,
    split_growth,
    summarise,
    top_groups,
)
from kostnadsvekst.chapters.growth_data import FIRST, LAST_PANEL, GrowthData
from kostnadsvekst.language import Bilingual
from kostnadsvekst.panel.functions import FUNCTIONS, RESIDUAL, TOTAL
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer
from kostnadsvekst.sources.control_totals import control_series

# The report names three groups that grew most.
TOP = 3


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
    notes = (note, *tell_top_groups(groups), footer(provenance))
    return Table("table_groups", title, stub, (over, under), tuple(rows), notes, provenance)


def tell_top_groups(groups: pd.DataFrame | None) -> tuple[Bilingual, ...]:
    """Say which three groups grew most, in kroner and in per cent; nothing where there are fewer.

    Parameters
    ----------
    groups : DataFrame or None
        From `kostnadsvekst.analysis.growth.by_group`.
    """
    if groups is None or len(groups) < TOP:
        return ()
    kroner, percent = (", ".join(top_groups(groups, TOP, unit)) for unit in ("growth", "growth_percent"))
    return (
        Bilingual(
            f"Høyest vekst per innbygger: gruppe {kroner} i kroner, gruppe {percent} i prosent.",
            f"Highest growth per inhabitant: groups {kroner} in kroner, groups {percent} in per cent.",
        ),
    )


def tables_of(
    data: GrowthData, accounted: pd.DataFrame | None, groups: pd.DataFrame | None, prices: pd.Series
) -> Iterator[Table]:
    """Yield the tables that the data at hand allow."""
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
