"""Names of outcomes, models, methods and comparisons of chapter 6 in print."""

from kostnadsvekst.analysis.acute_beds.survival import BEFORE_DUTY
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.staggered import KINDS

NAMES = {
    "age": {
        "all": Bilingual("alle aldre", "all ages"),
        "under80": Bilingual("under 80 år", "under 80"),
        "80plus": Bilingual("80 år og over", "80 and over"),
    },
    "department": {
        "all": Bilingual("alle avdelinger", "all departments"),
        "internal": Bilingual("indremedisin", "internal medicine"),
        "surgery": Bilingual("kirurgi", "surgery"),
    },
    "contact": {
        "admissions": Bilingual("Innleggelser", "Admissions"),
        "day_stays": Bilingual("Dagopphold", "Day stays"),
        "outpatient": Bilingual("Polikliniske konsultasjoner", "Outpatient consultations"),
    },
    "urgency": {
        "all": Bilingual("alle", "all"),
        "elective": Bilingual("elektive", "elective"),
        "acute": Bilingual("akutte", "acute"),
    },
}
KIND_NAMES = dict(
    zip(
        KINDS,
        (
            Bilingual("mot aldri behandlet", "against never treated"),
            Bilingual("mot ennå ikke behandlet", "against not yet treated"),
            Bilingual("mot allerede behandlet", "against already treated"),
            Bilingual("mot alltid behandlet", "against always treated"),
        ),
        strict=True,
    )
)
VARIANT_NAMES = {
    "report": Bilingual("Rapportens modell: kalendermåneder", "The report's model: calendar months"),
    "classical": Bilingual("… med klassiske standardfeil", "… with classical standard errors"),
    "ar1": Bilingual("… med AR(1)-ledd", "… with AR(1) disturbances"),
    "poisson": Bilingual("… Poisson (PPML)", "… Poisson (PPML)"),
    "season_trend": Bilingual("… med lineær trend", "… with a linear trend"),
    "month": Bilingual("Toveis: effekt for hver måned", "Two-way: an effect for each month"),
    "month_poisson": Bilingual("Toveis, Poisson (PPML)", "Two-way, Poisson (PPML)"),
    "rate": Bilingual("Rapportens modell, rater per innbygger", "The report's model, rates per inhabitant"),
    "rate_poisson": Bilingual("… rater, Poisson (PPML)", "… rates, Poisson (PPML)"),
    "distance": Bilingual(
        "Rapportens modell, egen trend etter avstand til sykehus",
        "The report's model, own trend by distance to hospital",
    ),
}
METHOD_NAMES = {
    "callaway_santanna": Bilingual(
        "Callaway–Sant'Anna, ennå ikke behandlede", "Callaway–Sant'Anna, not yet treated"
    ),
    "sun_abraham": Bilingual("Sun–Abraham, aldri behandlede", "Sun–Abraham, never treated"),
    "imputation": Bilingual("Imputering (Borusyak m.fl.)", "Imputation (Borusyak et al.)"),
    "two_stage": Bilingual("To steg (Gardner)", "Two-stage (Gardner)"),
}
SHORT_METHOD_NAMES = {
    "callaway_santanna": Bilingual("Callaway–Sant'Anna", "Callaway–Sant'Anna"),
    "sun_abraham": Bilingual("Sun–Abraham", "Sun–Abraham"),
    "imputation": Bilingual("imputering", "imputation"),
    "two_stage": Bilingual("to steg", "two-stage"),
}
# The main outcome, as tables and figures name it.
OUTCOME_IN_PRINT = Bilingual(
    "Akutte innleggelser ved indremedisinske avdelinger, 80 år og over",
    "Acute admissions to internal medicine, 80 years and over",
)
NAMES_IN_PRINT = {
    **VARIANT_NAMES,
    **METHOD_NAMES,
    BEFORE_DUTY: Bilingual(
        "Imputering, data til og med 2015 (før plikten)",
        "Imputation, data to the end of 2015 (before the duty)",
    ),
}
