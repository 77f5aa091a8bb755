"""Chapter 5 of the report: weekly users from the KPR register, Figures 5-11 and 13, what drives growth."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.claims.register import explain_register
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.chapters.kpr_data import Material, gather
from kostnadsvekst.chapters.kpr_figures import figures_of
from kostnadsvekst.chapters.kpr_municipality import (
    municipality_figure,
    municipality_tables,
    other_service_figure,
)
from kostnadsvekst.chapters.kpr_profiles import profile_figure, profile_table
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
    NO_EVIDENCE,
    NOT_ATTEMPTED,
    VERDICT_LABELS,
    Item,
    add_accepted_reasons,
    audit_items,
    claim_item,
    load_accepted,
    numbers_moved,
    tell_counts,
)
from kostnadsvekst.report.figures import finish
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.tables import render


def run(settings: Settings) -> ChapterResult:
    """Count the register, draw Figures 5-11 and 13, audit the printed numbers and split the growth.

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
        "kpr/mean_age_and_women_by_month.csv": to_csv_with_origin(_told_profile(material), material),
        "kpr/audit.csv": csv_text(audit),
    }
    tables = (
        printed_table(material, audit),
        yearly_table(material),
        growth_table(material),
        *driver_tables(material),
        profile_table(material),
        *municipality_tables(material),
    )
    for lang in settings.languages:
        for table in tables:
            files |= {f"kpr/{name}": text for name, text in render(table, lang).items()}
        pictures = figures_of(material, lang) | _further_figures(material, lang)
        for name, picture in pictures.items():
            files |= picture.to_files(f"kpr/{name}_{lang}")
    moved = tuple(numbers_moved(audit, accepted))
    summary = tuple(_summary(material, audit))
    return ChapterResult(files, audit, moved, summary, data_origin=(material.provenance.origin,))


def _further_figures(material: Material, lang: str) -> dict[str, Picture]:
    figures = {
        "figure_mean_age": profile_figure(material, "mean_age_years", lang),
        "figure_share_of_women": profile_figure(material, "women_percent", lang),
        "figure_13_municipality_by_age": municipality_figure(material, lang),
        "as_figure_14_practical_training": other_service_figure(material, lang),
    }
    return {name: finish(figure, material.provenance, lang) for name, figure in figures.items()}


def _told_profile(material: Material) -> pd.DataFrame:
    """As text; ``:`` where confidential."""
    decimals = {"mean_age_years": 2, "mean_age_unit_years": 4, "women_percent": 2}
    text = {
        name: material.profile[name].map(lambda value, n=n: ":" if np.isnan(value) else f"{value:.{n}f}")
        for name, n in decimals.items()
    }
    return material.profile.assign(**text)


def _items(material: Material) -> Iterator[Item]:
    for claim in material.claims.to_dict("records"):
        if pd.notna(claim["ours"]):
            reason = explain_register(claim["measure"], material.tables)
            yield claim_item(claim, claim["ours"], reason, table="KPR")
            continue
        external = claim["evidence"] == NO_EVIDENCE
        yield claim_item(
            claim, None, "not a number of the register" if external else "confidential", table="KPR"
        )


def _summary(material: Material, audit: pd.DataFrame) -> Iterator[Bilingual]:
    yield from tell_counts(audit)
    below = material.told.below
    claims = material.claims["measure"].str.startswith("growth_below_80_least:").to_numpy()
    if below.empty or not claims.any():
        return
    total = below.set_index("service").loc["all"]
    growth, share = f"{total['growth']:.0f}", f"{total['share_below_percent']:.0f}"
    verdicts = dict.fromkeys(_verdict_on(row) for _, row in audit[claims].iterrows())
    nb, en = ("; ".join(told.get(lang) for told in verdicts) for lang in ("nb", "en"))
    yield Bilingual(
        f"Av veksten på {growth} brukere per uke i alle tjenester sett under ett er {share} prosent under 80 "
        f"år. Rapporten sier «nesten hele veksten» om hver tjeneste unntatt praktisk bistand: {nb}",
        f"Of the growth of {growth} users per week in all services together {share} per cent is below 80 "
        f"years. The report says “nearly all growth” of every service but practical assistance: {en}",
    )


def _verdict_on(row: pd.Series) -> Bilingual:
    """Tell the audit's verdict and its number; the audit is the only judge."""
    words = VERDICT_LABELS[row["verdict"]]
    if row["verdict"] == NOT_ATTEMPTED:
        return words
    return Bilingual(
        f"{words.nb}, lavest i én tjeneste {row['ours'].replace('.', ',')} prosent",
        f"{words.en}, lowest in one service {row['ours']} per cent",
    )
