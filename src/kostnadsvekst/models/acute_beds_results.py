"""The frame of `kostnadsvekst.acute_beds.estimate_effects` as results that stand in a table."""

import numpy as np
import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.ar1 import LABEL as AR1_LABEL
from kostnadsvekst.models.covariance_facts import CovarianceFacts
from kostnadsvekst.models.covariance_kinds import KINDS
from kostnadsvekst.models.results import (
    FIXED_EFFECTS,
    AbsorbedEffects,
    ResultFacts,
    TidyResult,
    coefficient_frame,
)
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.monthly import TREATMENT, outcome_parts
from kostnadsvekst.provenance import Provenance, provenance_of

# Columns of the frame that a table is made of.
COLUMNS = (
    "outcome",
    "group",
    "estimate",
    "std_error",
    "df",
    "n_obs",
    "n_municipalities",
    "rho",
    "time_effects",
    "until",
    "covariance",
    "estimator",
)
# They hold for an outcome as a whole, whatever groups its effect is split by.
_BY_OUTCOME = ("df", "n_obs", "n_municipalities", "rho", *COLUMNS[8:])


def results(frame: pd.DataFrame) -> dict[str, TidyResult]:
    """Effects of municipal acute beds as results, one for each outcome.

    Parameters
    ----------
    frame : DataFrame
        From `kostnadsvekst.acute_beds.estimate_effects`.

    Returns
    -------
    dict
        Outcome -> result. Its terms are the groups of a split, or the one effect; estimates are in log
        points: the effect in per cent is 100 (exp(b) - 1). Outcomes and groups without an estimate are left
        out.

    Raises
    ------
    DataMissingError
        If the frame lacks a column.
    SpecificationError
        If it has no estimate, or one outcome was estimated in several ways: make a table of each.
    """
    require_columns(COLUMNS, frame.columns)
    if frame.empty:
        raise SpecificationError("the frame of effects has no rows")
    estimated = frame[frame["estimate"].notna()]
    if estimated.empty:
        raise SpecificationError("the frame of effects has no estimate; see its column 'refused'")
    found = {}
    for outcome, rows in estimated.groupby("outcome", sort=False):
        if rows["group"].duplicated().any() or len(rows[list(_BY_OUTCOME)].drop_duplicates()) > 1:
            raise SpecificationError(
                f"the effects on {outcome!r} were estimated in several ways: give a frame of each"
            )
        found[str(outcome)] = _result(str(outcome), rows, provenance_of(frame))
    return found


def _result(outcome: str, rows: pd.DataFrame, provenance: Provenance) -> TidyResult:
    shared = rows.iloc[0]
    estimator, n_units = shared["estimator"], int(shared["n_municipalities"])
    groups = [str(group) for group in rows["group"]]
    terms = tuple(TREATMENT if group == "all" else f"{TREATMENT}[{group}]" for group in groups)
    df = float(shared["df"])
    coefficients = coefficient_frame(terms, rows["estimate"].to_numpy(), rows["std_error"].to_numpy(), df)
    labels = {term: _treatment_label(group) for term, group in zip(terms, groups, strict=True)}
    rho = float(shared["rho"])
    facts = ResultFacts(
        estimator=FIXED_EFFECTS if estimator == "log" else estimator,
        label=_ESTIMATORS[estimator],
        outcome=outcome,
        covariance=_covariance_facts(shared["covariance"], estimator, n_units),
        provenance=provenance,
        sample=Bilingual(f"til og med {shared['until']}", f"through {shared['until']}"),
        effects=(AbsorbedEffects("municipality", n_units), *_TIME_EFFECTS[shared["time_effects"]]),
        rho=None if np.isnan(rho) else rho,
        rho_method=None if np.isnan(rho) else "dw",
        labels={**labels, outcome: outcome_label(outcome)},
        notes=_notes(shared),
    )
    return TidyResult(coefficients, int(shared["n_obs"]), n_units, df, facts)


def _notes(shared: pd.Series) -> tuple[Bilingual, ...]:
    rate, controls = shared.get("per_inhabitant", False), str(shared.get("controls", ""))
    named = (
        Bilingual(
            f"Videre kontrollert for {controls.replace('years', 'år')}", f"Further controls: {controls}"
        ),
    )
    return (_LOG_POINTS, _CONTROLS, *((_RATE,) if rate else ()), *(named if controls else ()))


def outcome_label(outcome: str) -> Bilingual:
    """Label of one of `kostnadsvekst.acute_beds.OUTCOMES`; what it does not tell apart is not named."""
    contact, urgency, department, age = outcome_parts(outcome)
    chosen = (_CONTACTS[contact], _URGENCIES.get(urgency), _DEPARTMENTS.get(department), _AGES.get(age))
    named = [part for part in chosen if part]
    return Bilingual(", ".join(part.nb for part in named), ", ".join(part.en for part in named))


def _treatment_label(group: str) -> Bilingual:
    if group == "all":
        return _TREATMENT
    name = _MECHANISMS.get(group, Bilingual(group, group))
    return Bilingual(f"{_TREATMENT.nb}, {name.nb}", f"{_TREATMENT.en}, {name.en}")


def _covariance_facts(kind: str, estimator: str, n_units: int) -> CovarianceFacts:
    label = KINDS[kind].label
    if kind != "cluster":
        return CovarianceFacts(kind, label)
    poisson = estimator == "poisson"
    return CovarianceFacts(
        kind,
        label,
        ("municipality",),
        (n_units,),
        convention=None if poisson else "xtreg",
        corrections=(_POISSON_FACTOR,) if poisson else (),
    )


_ESTIMATORS = {
    "log": Bilingual("Faste effekter", "Fixed effects"),
    "ar1": AR1_LABEL,
    "poisson": Bilingual("Poisson (PPML)", "Poisson (PPML)"),
}
_TIME_EFFECTS = {
    "season": (AbsorbedEffects(Bilingual("kalendermåned", "calendar month")),),
    "month": (AbsorbedEffects(Bilingual("måned", "month")),),
    "season_trend": (
        AbsorbedEffects(Bilingual("kalendermåned", "calendar month")),
        AbsorbedEffects(Bilingual("lineær trend", "linear trend")),
    ),
}
_POISSON_FACTOR = Bilingual("faktor M/(M − 1)", "factor M/(M − 1)")
_TREATMENT = Bilingual("Kommunal ØHD (0/1)", "Municipal acute beds (0/1)")
_LOG_POINTS = Bilingual(
    "Effekt av ØHD i logpoeng; i prosent 100(exp(b) − 1)",
    "Effect of acute beds in log points; in per cent 100(exp(b) − 1)",
)
_CONTROLS = Bilingual(
    "Kontrollert for sykehjemsplasser, fastleger, folketall og alderssammensetning",
    "Controls: nursing-home places, GPs, population and age composition",
)
_RATE = Bilingual(
    "Kontakter per innbygger i aldersgruppen; folketall er nevner, ikke kontroll",
    "Contacts per inhabitant of the age group; population is the denominator, not a control",
)
_CONTACTS = {
    "admissions": Bilingual("Innleggelser", "Admissions"),
    "day_stays": Bilingual("Dagopphold", "Day stays"),
    "outpatient": Bilingual("Polikliniske konsultasjoner", "Outpatient consultations"),
}
_URGENCIES = {
    "elective": Bilingual("elektive", "elective"),
    "acute": Bilingual("akutte", "acute"),
}
_DEPARTMENTS = {
    "internal": Bilingual("indremedisin", "internal medicine"),
    "surgery": Bilingual("kirurgi", "surgery"),
}
_AGES = {
    "under80": Bilingual("under 80 år", "under 80"),
    "80plus": Bilingual("80 år og over", "80 and over"),
}
_MECHANISMS = {
    "physician_on_site = 1": Bilingual("lege til stede", "physician on site"),
    "physician_on_site = 0": Bilingual("ikke lege til stede", "no physician on site"),
    "co_located = 1": Bilingual("samlokalisert med legevakt", "co-located with emergency clinic"),
    "co_located = 0": Bilingual("ikke samlokalisert", "not co-located"),
}
