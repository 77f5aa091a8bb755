"""The synthetic panel as a file, and the manifest that goes with it."""

import hashlib

import numpy as np
import pandas as pd

from kostnadsvekst.synthetic.panel.panel import DATA_ORIGIN, CalibratedPanel
from kostnadsvekst.synthetic.panel.printed import COVARIATES, N_UNITS, N_YEARS, YEARS, load_printed
from kostnadsvekst.version import __version__

UNITS = {
    "municipality": "label of an invented unit, S001 to S365 by falling population; no real municipality",
    "year": "calendar year",
    "population": "persons at the end of the year; also the weight",
    "net_expenditure": "2019 kroner per inhabitant",
    "free_income": "2019 kroner per inhabitant",
    **dict.fromkeys(COVARIATES[:5], "per cent of inhabitants"),
    "living_alone_80_plus": "per cent of inhabitants aged 80 and over",
    "divorced_16_66": "per cent of inhabitants aged 16-66",
    "unemployed_15_74": "per cent of inhabitants aged 15-74",
    "immigrants": "per cent of inhabitants",
    "urban": "per cent of inhabitants living in urban settlements",
    "deaths": "per 1000 inhabitants",
    "data_origin": f"constant text: {DATA_ORIGIN}",
}
WHAT_IT_IS_NOT = {
    "en": (
        "SYNTHETIC DATA. Invented numbers for invented units, made so that a published estimator gives "
        "published tables. Not microdata, not an estimate of any municipality's figures, and no evidence "
        "about Norway: that the tables come out is how the file was made, not a finding."
    ),
    "nb": (
        "SYNTETISKE DATA. Oppdiktede tall for oppdiktede enheter, laget slik at en publisert estimator gir "
        "publiserte tabeller. Ikke mikrodata, ikke anslag på noen kommunes tall, og ingen dokumentasjon om "
        "Norge: At tabellene kommer ut, er måten fila er laget på, ikke et funn."
    ),
}
METHOD = (
    "Three stages: populations with the cells that depend on weights alone; covariates and free income with "
    "table A3 given model 4's coefficients and residual variance; expenditure from model 4's normal "
    "equations and the yearly moments. Each moves a plausible start panel as little as possible "
    "(Levenberg-Marquardt in dual form), smooths it along the years as far as the cells allow, and lets a "
    "few units carry the digits that rounding takes away. Checked by weighted least squares with explicit "
    "municipality dummies."
)


def render_csv(panel: CalibratedPanel) -> bytes:
    """Write the panel as CSV: UTF-8, one line for each municipality and year, shortest exact decimals."""
    text: str = panel.to_frame().to_csv(index=False, lineterminator="\n")
    return text.encode()


def build_manifest(panel: CalibratedPanel, file_name: str, content: bytes) -> dict[str, object]:
    """Describe a synthetic panel file.

    Parameters
    ----------
    panel : CalibratedPanel
    file_name : str
    content : bytes
        The file, as from `render_csv`.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {
        "file": file_name,
        "data_origin": DATA_ORIGIN,
        "what_it_is_not": WHAT_IT_IS_NOT,
        "seed": panel.seed,
        "attempt": panel.attempt,
        "sha256": hashlib.sha256(content).hexdigest(),
        "package": "kostnadsvekst",
        "package_version": __version__,
        "rows": N_UNITS * N_YEARS,
        "units": N_UNITS,
        "years": list(YEARS),
        "calibrated_to": {
            "source": (
                "Kostnadsvekst i den kommunale helse- og omsorgstjenesten (2021), appendix 1, tables A1, A2 "
                "and A3; data/published/report_003_tables.csv"
            ),
            "items": {
                "A1": 48,
                "A2": 48,
                "A3 slopes": 58,
                "A3 standard errors of slopes": 58,
                "A3 constants": 4,
                "A3 standard errors of constants": 4,
                "A3 r2": 4,
                "A3 stars": 62,
            },
            "total": 286,
            "estimator": (
                "areg y i.year x [aw=population], absorb(municipality); classical standard errors; "
                "population_10k = population / 10000"
            ),
        },
        "method": METHOD,
        "columns": UNITS,
        "known_implausibilities": describe_implausibilities(panel.to_frame()),
    }


def describe_implausibilities(panel: pd.DataFrame) -> list[str]:
    """Say where the panel does not look like municipalities, with measured figures."""
    income, expenditure = _growth_range(panel, "free_income"), _growth_range(panel, "net_expenditure")
    ages = panel[list(COVARIATES[:5])].sum(axis=1)
    low, high = ages.quantile([0.05, 0.95])
    carriers = _count_carriers(panel)
    largest = panel.loc[panel["municipality"] == panel["municipality"].iloc[0], "free_income"]
    return [
        f"Yearly growth of free income per inhabitant is {income} (5th to 95th percentile) and of net "
        f"expenditure {expenditure}: the printed standard errors demand that much variation inside units.",
        f"The five age shares sum to {low:.1f}-{high:.1f} per cent (5th to 95th percentile), "
        f"{ages.min():.1f}-{ages.max():.1f} at the extremes; the printed means sum to "
        f"{sum_printed_ages():.3f}, not to 100, and the printed standard errors exclude a constant sum.",
        "Expenditure and population growth are negatively correlated between units (about -0.7, weighted); "
        "the yearly means of table A1 demand it.",
        "Printed minima that are plain errors of the source (expenditure of 233.72 kroner, shares of zero, "
        "0.026 per cent aged 67-79) are there, in small units. One small unit carries every year's lowest "
        "expenditure, one the highest, and likewise for free income.",
        "The largest unit's free income runs "
        + ", ".join(f"{value:,.0f}" for value in largest)
        + " kroner: the fall in 2018 follows from the printed fall of the standard deviation.",
        f"{carriers} units have values with more decimals than such data have, because they carry the digits "
        "of the printed cells.",
        "The two largest units apart, sizes follow a lognormal distribution; no unit stands for a real one.",
    ]


def sum_printed_ages() -> float:
    """Sum the printed means of the five age shares."""
    return float(load_printed().covariates.mean[:5].sum())


def _growth_range(panel: pd.DataFrame, column: str) -> str:
    wide = np.log(panel[column].to_numpy(float).reshape(N_UNITS, N_YEARS))
    low, high = np.quantile(np.expm1(np.diff(wide, axis=1)), [0.05, 0.95])
    return f"{100 * low:+.1f} to {100 * high:+.1f} per cent"


def _count_carriers(panel: pd.DataFrame) -> int:
    has_digits = [
        np.abs(panel[name] - panel[name].round(decimals)).to_numpy().reshape(N_UNITS, N_YEARS) > 1e-9
        for name, decimals in (("free_income", 0), ("age_0_5", 2), ("net_expenditure", 0))
    ]
    return int(np.any(has_digits, axis=(0, 2)).sum())
