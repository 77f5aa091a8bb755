"""What can be known of why a real panel gives other numbers than the report printed."""

import pandas as pd

from kostnadsvekst.provenance import provenance_of

PRINTED_MUNICIPALITIES = 365
PRINTED_YEARS = (2015, 2019)
# Month of the report; tables updated later may hold revised figures.
REPORT_DATE = "2021-11"


def explain_differences(panel: pd.DataFrame) -> str:
    """Reasons for differences from the printed tables that the panel itself shows.

    Parameters
    ----------
    panel : DataFrame
        From `kostnadsvekst.load_panel` or `kostnadsvekst.build_panel`.

    Returns
    -------
    str
        Empty for synthetic data and where nothing is known; else sentences joined by semicolons: other
        municipalities or years than the report's 365 in 2015-2019, another date of the population, other
        borders, another base year, tables updated after the report, variables from another source.
    """
    if provenance_of(panel).synthetic:
        return ""
    choices = panel.attrs.get("choices", {})
    reasons = [_other_sample(panel)]
    if choices.get("population", "end-of-year") != "end-of-year":
        reasons.append("population at the start of the year, the report's weights fit the end")
    if choices.get("borders", "merged-in-period") != "merged-in-period":
        reasons.append(f"borders: {choices['borders']}; the report merges within the period only")
    if choices.get("base_year", 2019) != 2019:
        reasons.append(f"kroner of {choices['base_year']}, the report has 2019")
    revised = sorted(t for t, stamp in panel.attrs.get("updated", {}).items() if stamp[:7] > REPORT_DATE)
    if revised:
        reasons.append(f"tables updated after the report, figures may be revised: {', '.join(revised)}")
    reasons += [f"{name} is not the report's: {note}" for name, note in panel.attrs.get("notes", {}).items()]
    return "; ".join(reason for reason in reasons if reason)


def _other_sample(panel: pd.DataFrame) -> str:
    count, rows = panel["municipality"].nunique(), len(panel)
    first, last = int(panel["year"].min()), int(panel["year"].max())
    if (count, first, last) == (PRINTED_MUNICIPALITIES, *PRINTED_YEARS):
        return ""
    printed = PRINTED_MUNICIPALITIES * (PRINTED_YEARS[1] - PRINTED_YEARS[0] + 1)
    return (
        f"other N: {rows} municipality-years ({count} municipalities, {first}-{last}) against the report's "
        f"{printed} ({PRINTED_MUNICIPALITIES}, {PRINTED_YEARS[0]}-{PRINTED_YEARS[1]})"
    )
