"""Functions of the municipal accounts (KOSTRA) in health and care: names, and their cells as a table."""

import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.sources.published import TOTAL_FUNCTION

TOTAL = TOTAL_FUNCTION
# What a stated total holds beyond the functions listed: kept as a line of its own, so that everything sums.
RESIDUAL = "residual"
# Co-financing of hospital services (255) ended with this year.
_LAST_CO_FINANCING = 2015

FUNCTIONS = {
    "232": Bilingual(
        "Forebygging, helsestasjons- og skolehelsetjeneste", "Prevention, health stations and school health"
    ),
    "233": Bilingual("Annet forebyggende helsearbeid", "Other preventive health work"),
    "234": Bilingual(
        "Aktiviserings- og servicetj. for eldre og personer med f.nedsett.",
        "Activation and support for the elderly and disabled",
    ),
    "241": Bilingual("Diagnose, behandling, re-/habilitering", "Diagnosis, treatment, (re)habilitation"),
    "253": Bilingual("Helse- og omsorgstjenester i institusjon", "Health and care in institutions"),
    "254": Bilingual("Helse- og omsorgstjenester til hjemmeboende", "Health and care at home"),
    "255": Bilingual("Medfinansiering somatiske tjenester", "Co-financing of somatic hospital services"),
    "256": Bilingual(
        "Tilbud om øyeblikkelig hjelp døgnopphold i kommunene", "Municipal acute beds (24-hour emergency)"
    ),
    "261": Bilingual("Institusjonslokaler", "Premises of institutions"),
    RESIDUAL: Bilingual("Sum som trykt minus delene", "Total as stated minus its parts"),
    TOTAL: Bilingual("Helse- og omsorg (sum)", "Health and care (total)"),
}


def read_functions(cells: pd.DataFrame) -> pd.DataFrame:
    """Country's expenditures by function from the cells of table 12362.

    Parameters
    ----------
    cells : DataFrame
        As fetched: ``KOKfunksjon0000``, ``Tid``, ``value`` (1000 kroner).

    Returns
    -------
    DataFrame, index year, one column for each function
        A function that ended (255 after 2015) is zero once all others are there; any other gap is an error.

    Raises
    ------
    DataMissingError
        Cells are missing.
    """
    wide = cells.assign(year=cells["Tid"].astype(int)).pivot(
        index="year", columns="KOKfunksjon0000", values="value"
    )
    if "255" in wide:
        wide["255"] = wide["255"].where(~((wide.index > _LAST_CO_FINANCING) & wide["255"].isna()), 0.0)
    gaps = [f"{function} {year}" for year, row in wide.iterrows() for function in row.index[row.isna()]]
    if gaps:
        raise DataMissingError(f"expenditures by function lack {', '.join(gaps)}")
    return wide.rename_axis(columns=None)
