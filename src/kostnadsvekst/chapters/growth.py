"""Chapter 4 of the report: table 1, figures 2 to 4, growth accounts, and their audit."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from kostnadsvekst.analysis.claims.growth import (
    explain_care_growth,
    explain_real_growth,
    explain_top_groups,
    measure_growth,
)
from kostnadsvekst.analysis.claims.measures import NotInDataError
from kostnadsvekst.analysis.growth import (
    account,
    by_group,
    summarise,
)
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.chapters.growth_data import BASE_YEAR, FIRST, LAST, LAST_PANEL, GrowthData, load_data
from kostnadsvekst.chapters.growth_figures import figures_of
from kostnadsvekst.chapters.growth_tables import tables_of, tell_top_groups
from kostnadsvekst.language import Bilingual
from kostnadsvekst.panel.functions import TOTAL
from kostnadsvekst.panel.prices import price_index
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.audit import (
    Item,
    add_accepted_reasons,
    audit_items,
    claim_item,
    load_accepted,
    numbers_moved,
    render_audit_html,
    tell_counts,
)
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import render
from kostnadsvekst.sources.control_totals import control_series, load_control_totals
from kostnadsvekst.sources.published import load_cells, load_claims, printed_value

STATISTICS_NORWAY = "Statistics Norway"


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
        for table in tables_of(data, accounted, groups, prices):
            files |= {f"growth/{name}": text for name, text in render(table, lang).items()}
        for name, picture in figures_of(data, accounted, groups, lang):
            files |= picture.to_files(f"growth/{name}_{lang}")
    if accounted is not None:
        files["growth/growth_account.csv"] = _with_origin(accounted, data.provenance)
    known = Provenance(STATISTICS_NORWAY)
    files["growth/growth_account_real_totals.csv"] = _with_origin(real, known)
    audit = pd.concat(
        [
            audit_items(list(_items(accounted, groups)), data.provenance),
            audit_items(list(_real_items(real, prices)), known),
        ],
        ignore_index=True,
    )
    accepted = load_accepted()
    audit, moved = add_accepted_reasons(audit, accepted), numbers_moved(audit, accepted)
    told = (*tell_counts(audit, _REAL_TOTALS), _real_growth(real), *tell_top_groups(groups))
    files["growth/audit.csv"] = csv_text(audit)
    files["growth/audit.html"] = render_audit_html(
        audit, _AUDIT_TITLE, [*(line.en for line in told), *moved], "en"
    )
    origins = tuple(dict.fromkeys(audit["origin"]))
    return ChapterResult(files, audit, tuple(moved), (*told, *_absent(data)), data_origin=origins)


# Measures on which the printed price growth tells, beside real totals.
_OF_PRICES = {"growth_real", "compound_real"}
# Statistic of a cell of table 1 -> measure of its claim.
_MEASURES = {"amount_nok1000": "amount", "share_percent": "share"}
_REAL_TOTALS = {
    STATISTICS_NORWAY: Bilingual("mot virkelige summer (SSB)", "on real totals (Statistics Norway)")
}
_AUDIT_TITLE = Bilingual("Kapittel 4: trykte tall mot våre", "Chapter 4: printed numbers against ours")


def _items(accounted: pd.DataFrame | None, groups: pd.DataFrame | None) -> Iterator[Item]:
    yield from _table_items(accounted)
    for claim in load_claims("growth").to_dict("records"):
        try:
            ours = measure_growth(claim["measure"], accounted, groups)
            yield claim_item(claim, ours, _reason(claim, accounted, groups))
        except NotInDataError as absence:
            yield claim_item(claim, None, str(absence))


def _reason(
    claim: Mapping[Hashable, Any], accounted: pd.DataFrame | None, groups: pd.DataFrame | None
) -> str:
    measure = claim["measure"]
    told = (explain_top_groups(measure, groups), explain_care_growth(measure, accounted))
    return "; ".join(filter(None, told)) or (claim["note"] if claim["word"] else "")


def _table_items(accounted: pd.DataFrame | None) -> Iterator[Item]:
    claims = load_claims("table-1").set_index("measure")["id"]
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
            claim=claims[f"{_MEASURES[cell.statistic]}:{cell.row}:{LAST}"],
        )


def _real_items(real: pd.DataFrame, prices: pd.Series) -> Iterator[Item]:
    """Yield printed numbers on the total, against the real totals of the country."""
    cells = load_cells("1")
    cell = cells[(cells["row"] == TOTAL) & (cells["statistic"] == "amount_nok1000")].iloc[0]
    ours = real[real["year"] == LAST]["nominal_nok1000"].item()
    total = load_claims("table-1").set_index("measure")["id"][f"amount:{TOTAL}:{LAST}"]
    yield replace(
        Item("1", cell["row"], cell["column"], cell["printed"], ours, None, cell["value"], cell["decimals"]),
        claim=total,
    )
    growth = explain_real_growth(real, prices)
    source = load_control_totals()["net_operating_expenditure"]["source"]
    for claim in load_claims("growth").to_dict("records"):
        if TOTAL not in claim["measure"].split(":"):
            continue
        try:
            reason = growth if claim["measure"].split(":")[0] in _OF_PRICES else ""
            yield claim_item(claim, measure_growth(claim["measure"], real, None), reason)
        except NotInDataError as absence:
            yield claim_item(claim, None, f"{absence} ({source})")


def _real_growth(real: pd.DataFrame) -> Bilingual:
    growth = summarise(real).loc[TOTAL]
    first, last = min(real["year"]), max(real["year"])
    printed = printed_value(f"growth_real:{TOTAL}:{first}:{last}")
    values = (growth["growth_real_percent"], growth["growth_nominal_percent"], printed)
    nb, en = ([format_number(value, 1, lang) for value in values] for lang in ("nb", "en"))
    return Bilingual(
        f"Virkelige tall (SSB) {first}–{last}: {nb[0]} prosent realvekst (nominelt {nb[1]}); "
        f"rapporten: {nb[2]}",
        f"Real totals (Statistics Norway) {first}–{last}: {en[0]} per cent real growth (nominal {en[1]}); "
        f"the report: {en[2]}",
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


def _with_origin(frame: pd.DataFrame, provenance: Provenance) -> str:
    return csv_text(frame.assign(data_origin=provenance.origin))
