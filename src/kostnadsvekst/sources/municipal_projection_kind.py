"""The book of a projection: population, users by age group, services, and policies that change coverage."""

from kostnadsvekst.language import Bilingual
from kostnadsvekst.sources.municipal_forms import (
    COUNT,
    MUNICIPALITY,
    NUMBER,
    PERCENT,
    SOURCE,
    YEAR,
    YEAR_FIELD,
    Assumption,
    BookKind,
    Field,
    Form,
)

_PERSONS = Bilingual("antall", "number")
_MILLION = Bilingual("mill. kr", "NOK million")
# Services by their codes in the package: the steps of the housing ladder, the institution in two.
SERVICE_NAMES = {
    "institution_long": Bilingual("Institusjon, langtid", "Institution, long term"),
    "institution_short": Bilingual("Institusjon, korttid", "Institution, short term"),
    "housing_24h": Bilingual("Boliger med døgnomsorg", "Housing with 24-hour care"),
    "municipal_rental": Bilingual("Andre kommunale utleieboliger", "Other municipal rental housing"),
    "private_home": Bilingual("Private boliger", "Private homes"),
}
_SERVICE = Field(
    "service",
    Bilingual("Tjeneste", "Service"),
    choices=tuple(SERVICE_NAMES.values()),
    only_choices=True,
)
_AGE = Field(
    "age_group",
    Bilingual("Aldersgruppe", "Age group"),
    help=Bilingual(
        "Som «67-79 år» eller «90 år og over»; like i alle ark", "Such as '67-79'; alike everywhere"
    ),
)
_POPULATION = Form(
    "population",
    Bilingual("Framskriving", "Projection"),
    (
        MUNICIPALITY,
        YEAR_FIELD,
        Field(
            "alternative",
            Bilingual("Framskrivingsalternativ", "Alternative of the projection"),
            choices=tuple(Bilingual(code, code) for code in ("MMMM", "LLML", "HHMH")),
            help=Bilingual("Statistisk sentralbyrås kode", "Statistics Norway's code"),
        ),
        _AGE,
        Field("population", Bilingual("Innbyggere", "Inhabitants"), COUNT, _PERSONS, minimum=0),
        SOURCE,
    ),
    key=("municipality", "year", "alternative", "age_group"),
    help=Bilingual(
        "Innbyggere 1. januar etter aldersgruppe. Første år er basisåret; MMMM må være med.",
        "Inhabitants 1 January by age group. The first year is the base year; MMMM is needed.",
    ),
)
_USERS = Form(
    "users",
    Bilingual("Brukere etter alder", "Users by age"),
    (
        MUNICIPALITY,
        YEAR_FIELD,
        _SERVICE,
        _AGE,
        Field("users", Bilingual("Brukere", "Users"), COUNT, _PERSONS, required=False, minimum=0),
        Field(
            "bed_days",
            Bilingual("Oppholdsdøgn", "Bed days"),
            NUMBER,
            Bilingual("døgn i året", "days a year"),
            Bilingual("I stedet for brukere: regnes om til plasser i bruk", "Instead of users"),
            required=False,
            minimum=0,
        ),
        Field("mapped", Bilingual("Kartlagt dato", "Date of mapping"), required=False),
        SOURCE,
    ),
    key=("municipality", "year", "service", "age_group"),
    help=Bilingual(
        "Basisåret: det første året i framskrivingen. Brukere eller oppholdsdøgn, 0 når ingen.",
        "The base year: the first of the projection. Users or bed days, 0 if there are none.",
    ),
)
_SERVICES = Form(
    "services",
    Bilingual("Enhetskostnader", "Unit costs"),
    (
        MUNICIPALITY,
        _SERVICE,
        Field(
            "cost_mnok",
            Bilingual("Kostnad per plass", "Cost per place"),
            NUMBER,
            _MILLION,
            required=False,
            minimum=0,
        ),
        Field(
            "fte_per_place",
            Bilingual("Årsverk per plass", "Man-years per place"),
            NUMBER,
            Bilingual("årsverk", "man-years"),
            required=False,
            minimum=0,
        ),
        Field(
            "dwellings",
            Bilingual("Plasser og boliger som finnes", "Places and dwellings there are"),
            COUNT,
            _PERSONS,
            required=False,
            minimum=0,
        ),
        SOURCE,
    ),
    key=("municipality", "service"),
    optional=True,
    help=Bilingual(
        "La stå tomt for kostnadene i boligtrappen og dagens plasser.",
        "Leave it empty for the costs of the housing ladder and today's places.",
    ),
)
_POLICIES = Form(
    "policies",
    Bilingual("Alternativer", "Alternatives"),
    (
        MUNICIPALITY,
        Field("alternative", Bilingual("Alternativ", "Alternative")),
        _SERVICE,
        _AGE,
        Field(
            "from_year",
            Bilingual("Fra og med år", "From year"),
            YEAR,
            required=False,
            minimum=1990,
            maximum=2100,
            help=Bilingual("Tomt: alle år etter basisåret", "Empty: all years after the base year"),
        ),
        Field(
            "factor",
            Bilingual("Faktor på dekningen", "Factor on the coverage"),
            NUMBER,
            Bilingual("1 = dagens", "1 = today's"),
            required=False,
            minimum=0,
            maximum=20,
        ),
        Field(
            "coverage_percent",
            Bilingual("Ny dekning", "New coverage"),
            PERCENT,
            Bilingual("% av innbyggerne", "% of inhabitants"),
            Bilingual("I stedet for faktor", "Instead of a factor"),
            required=False,
            minimum=0,
            maximum=100,
        ),
        SOURCE,
    ),
    key=("municipality", "alternative", "service", "age_group", "from_year"),
    optional=True,
    help=Bilingual(
        "En rad for hver dekning som endres; resten er som i dag. Gjelder fra året og til neste rad.",
        "A row for each coverage that changes; the rest is as today. From the year until the next row.",
    ),
)


def _cost(name: str, nb: str, en: str, value: float) -> Assumption:
    return Assumption(
        name,
        Bilingual(f"Kostnad per plass: {nb}", f"Cost per place: {en}"),
        _MILLION,
        value,
        0,
        10,
        "stated",
        Bilingual("Boligtrappen, Ålesund 2020–2021", "The housing ladder, Ålesund 2020–2021"),
    )


PROJECT = BookKind(
    "project",
    Bilingual("Framskriving av plasser", "Projection of places"),
    (_POPULATION, _USERS, _SERVICES, _POLICIES),
    (
        Assumption(
            "dogn_per_aar",
            Bilingual("Døgn per år", "Days per year"),
            Bilingual("døgn", "days"),
            365,
            365,
            366,
            "assumed",
            Bilingual("366 i skuddår", "366 in leap years"),
        ),
        _cost("kostnad_institusjon", "institusjon", "institution", 1.2),
        _cost("kostnad_doegnbolig", "bolig med døgnomsorg", "housing with 24-hour care", 0.7),
        _cost("kostnad_bolig", "annen kommunal eller privat bolig", "other municipal or private home", 0.2),
        Assumption(
            "baand_z",
            Bilingual("Bredde på båndene", "Width of the bands"),
            Bilingual("standardavvik", "standard deviations"),
            1.6448536269514722,
            0.1,
            4,
            "stated",
            Bilingual(
                "1,645 er 90 %, 1,282 er 80 %, 1,960 er 95 %", "1.645 is 90 %, 1.282 is 80 %, 1.960 is 95 %"
            ),
        ),
        Assumption(
            "samvariasjon",
            Bilingual("Korrelasjon mellom aldersgruppers feil", "Correlation of the errors of age groups"),
            Bilingual("korrelasjon", "correlation"),
            0.2,
            0,
            1,
            "derived",
            Bilingual(
                "Over alle i Telemarks kommuner 2010–2026 (størst 0,16)",
                "Above all in Telemark's municipalities 2010–2026 (largest 0.16)",
            ),
        ),
    ),
    Bilingual(
        "Plasser, kostnad og boliger framover, med bånd fra tidligere framskrivingers feil.",
        "Places, cost and dwellings ahead, with bands from the errors of past projections.",
    ),
)
