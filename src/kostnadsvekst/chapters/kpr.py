"""Chapter 5 of the report: weekly users from the KPR register, Figures 5-11, and what drives the growth."""

from collections.abc import Iterator

import pandas as pd

from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.chapters.kpr_data import Material, gather
from kostnadsvekst.chapters.kpr_figures import figures_of
from kostnadsvekst.chapters.kpr_tables import (
    driver_tables,
    growth_table,
    printed_table,
    to_csv_with_origin,
    weekly_hours,
    weekly_users,
    yearly_table,
)
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.audit import (
    AGREEING,
    NO_EVIDENCE,
    NOT_ATTEMPTED,
    Item,
    add_accepted_reasons,
    audit_items,
    claim_item,
    load_accepted,
    numbers_moved,
)
from kostnadsvekst.report.tables import render


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
    material = gather(settings)
    accepted = load_accepted()
    audit = add_accepted_reasons(audit_items(list(_items(material)), material.provenance), accepted)
    rules = pd.DataFrame(material.rules.items(), columns=["rule", "wording"])
    files: dict[str, str | bytes] = {
        "kpr/counting_rules.csv": to_csv_with_origin(rules, material),
        "kpr/weekly_users.csv": to_csv_with_origin(weekly_users(material.tables.weekly), material),
        "kpr/weekly_hours_per_user.csv": to_csv_with_origin(weekly_hours(material.tables), material),
        "kpr/audit.csv": audit.to_csv(index=False, lineterminator="\n"),
    }
    tables = (printed_table(material, audit), yearly_table(material), growth_table(material))
    for lang in settings.languages:
        for table in (*tables, *driver_tables(material)):
            files |= {f"kpr/{name}": text for name, text in render(table, lang).items()}
        files |= {f"kpr/{name}_{lang}.png": png for name, png in figures_of(material, lang).items()}
    moved = tuple(numbers_moved(audit, accepted))
    return ChapterResult(files, audit, moved, tuple(_summary(material, audit)))


def _items(material: Material) -> Iterator[Item]:
    for claim in material.claims.to_dict("records"):
        if pd.notna(claim["ours"]):
            yield claim_item(claim, claim["ours"], table="KPR")
            continue
        external = claim["evidence"] == NO_EVIDENCE
        yield claim_item(
            claim, None, "not a number of the register" if external else "confidential", table="KPR"
        )


def _summary(material: Material, audit: pd.DataFrame) -> Iterator[Bilingual]:
    agree = int(audit["verdict"].isin(AGREEING).sum())
    tried = int((audit["verdict"] != NOT_ATTEMPTED).sum())
    yield Bilingual(
        f"{agree} av {tried} trykte KPR-tall innenfor det teksten gir rom for "
        f"({len(audit) - tried} er ikke registerets)",
        f"{agree} of {tried} printed KPR numbers within what the wording allows "
        f"({len(audit) - tried} are not the register's)",
    )
    below = material.told.below
    if below.empty:
        return
    total = below.set_index("service").loc["all"]
    rest = below[~(below["service"].str.startswith("practical") | (below["service"] == "all"))]
    share = 100 * rest["growth_below"].sum() / rest["growth"].sum()
    grown, part = f"{total['growth']:.0f}", f"{total['share_below_percent']:.0f}"
    yield Bilingual(
        f"Av veksten på {grown} brukere per uke er {part} prosent under 80 år, uten praktisk bistand "
        f"{share:.0f} prosent; rapporten: «nesten hele veksten»",
        f"Of the growth of {grown} users per week {part} percent is below 80, without practical assistance "
        f"{share:.0f} percent; the report: “nearly all growth”",
    )
