"""Words of the analysis of user groups: groups, services, provisions, functions and measures."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.sources.embedded import municipal_parameters
from kostnadsvekst.sources.municipal_kinds import PROVISION_NAMES, USER_GROUP_NAMES

ALL = "all"
OWN, BOUGHT = "own", "bought"
UNIQUE = "unique_users"
NURSING_HOME = "nursing_home"
# Sums of services under names of their own.
INSTITUTION, SHORT_TERM, HOUSING = "institution", "short_term", "housing_places"
AGE_80 = "80+"

GROUPS = USER_GROUP_NAMES
# The others are compared by all inhabitants, corrected for need.
GROUP_AGE = {"pu_children": "0-17", "mh_children": "0-17", "pu_adults": "18-67", "mh_adults": "18-67"}
AGE_COLUMNS = {"0-17": "population_0_17", "18-67": "population_18_67", AGE_80: "population_80_plus"}
PROVISIONS = PROVISION_NAMES
SUMS = {
    ALL: Bilingual("I alt", "All"),
    INSTITUTION: Bilingual("Sykehjemsplasser i alt", "All nursing-home places"),
    SHORT_TERM: Bilingual("Korttidsplasser i alt", "All short-term places"),
    HOUSING: Bilingual("Boliger i alt", "All housing"),
}
NURSING_HOME_FUNCTIONS = ("253", "256", "261")


@dataclass(frozen=True, slots=True)
class CareFunction:
    """A function of the municipal accounts and the years in which it exists.

    Attributes
    ----------
    code : str
    label : Bilingual
    first, last : int
    became : tuple of str
        Functions that took its place after `last`.
    care : bool
        Whether the analysis of care counts it.
    """

    code: str
    label: Bilingual
    first: int
    last: int
    became: tuple[str, ...]
    care: bool

    def exists(self, year: int) -> bool:
        """Whether the accounts of a year know it."""
        return self.first <= year <= self.last


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the analysis.

    Attributes
    ----------
    code : str
    label : Bilingual
    kind : str
        ``"long_term"`` and ``"short_term"`` (places in nursing homes), ``"institution"``, ``"housing"``,
        ``"unique"`` (persons, counted once), ``"register"`` (they also use other services), ``"other"``.
    """

    code: str
    label: Bilingual
    kind: str


KINDS = ("long_term", "short_term", "institution", "housing", "unique", "register", "other")
PLACE_KINDS = ("long_term", "short_term")


@dataclass(frozen=True, slots=True)
class Measure:
    """What a row of a profile measures.

    Attributes
    ----------
    code : str
    label : Bilingual
    unit : Bilingual
    per : float
        numerator / denominator × `per` is the value.
    kind : {"rate", "unit_cost", "share"}
        Decides whether zeros count in means.
    status : {"stated", "derived", "assumed"}
        Whether the sources print the formula, it reproduces what they print, or it is our assumption.
    """

    code: str
    label: Bilingual
    unit: Bilingual
    per: float
    kind: Literal["rate", "unit_cost", "share"]
    status: Literal["stated", "derived", "assumed"]


_KR = Bilingual("kr per innbygger", "kr per inhabitant")
_PER_CENT = Bilingual("prosent", "per cent")
MEASURES = {
    measure.code: measure
    for measure in (
        Measure(
            "net_per_inhabitant",
            Bilingual("Netto driftsutgifter per innbygger", "Net expenditure per inhabitant"),
            _KR,
            1.0,
            "rate",
            "derived",
        ),
        Measure(
            "gross_per_inhabitant",
            Bilingual("Brutto driftsutgifter per innbygger", "Gross expenditure per inhabitant"),
            _KR,
            1.0,
            "rate",
            "derived",
        ),
        Measure(
            "net_per_inhabitant_pu",
            Bilingual(
                "Netto driftsutgifter per innbygger, justert for andel utviklingshemmede",
                "Net expenditure per inhabitant, adjusted for the share with intellectual disability",
            ),
            _KR,
            1.0,
            "rate",
            "assumed",
        ),
        Measure(
            "share_of_net",
            Bilingual("Andel av netto driftsutgifter", "Share of net expenditure"),
            _PER_CENT,
            100.0,
            "share",
            "derived",
        ),
        Measure(
            "refund_share",
            Bilingual("Refusjon, andel av brutto", "Refund, share of gross"),
            _PER_CENT,
            100.0,
            "share",
            "derived",
        ),
        Measure(
            "bought_share",
            Bilingual("Kjøp, andel av brutto", "Bought, share of gross"),
            _PER_CENT,
            100.0,
            "share",
            "stated",
        ),
        Measure(
            "users_per_1000",
            Bilingual("Brukere per 1000 innbyggere", "Users per 1000 inhabitants"),
            Bilingual("brukere per 1000", "users per 1000"),
            1000.0,
            "rate",
            "derived",
        ),
        Measure(
            "places_per_1000",
            Bilingual("Plasser per 1000 innbyggere", "Places per 1000 inhabitants"),
            Bilingual("plasser per 1000", "places per 1000"),
            1000.0,
            "rate",
            "derived",
        ),
        Measure(
            "fte_per_1000",
            Bilingual("Årsverk per 1000 innbyggere", "Man-years per 1000 inhabitants"),
            Bilingual("årsverk per 1000", "man-years per 1000"),
            1000.0,
            "rate",
            "derived",
        ),
        Measure(
            "fte_per_100_recipients",
            Bilingual("Årsverk per 100 mottakere", "Man-years per 100 recipients"),
            Bilingual("årsverk per 100 mottakere", "man-years per 100 recipients"),
            100.0,
            "unit_cost",
            "derived",
        ),
        Measure(
            "fte_per_place",
            Bilingual("Årsverk per plass", "Man-years per place"),
            Bilingual("årsverk per plass", "man-years per place"),
            1.0,
            "unit_cost",
            "stated",
        ),
        Measure(
            "coverage_80_plus",
            Bilingual("Dekningsgrad 80 år og over", "Coverage 80 years and above"),
            Bilingual("plasser per 100 innbyggere 80+", "places per 100 inhabitants 80+"),
            100.0,
            "rate",
            "derived",
        ),
        Measure(
            "cost_per_recipient",
            Bilingual("Brutto kostnad per mottaker", "Gross cost per recipient"),
            Bilingual("kr per mottaker", "kr per recipient"),
            1.0,
            "unit_cost",
            "derived",
        ),
        Measure(
            "cost_per_place",
            Bilingual("Brutto kostnad per plass", "Gross cost per place"),
            Bilingual("kr per plass", "kr per place"),
            1.0,
            "unit_cost",
            "stated",
        ),
        Measure(
            "services_per_unique_user",
            Bilingual("Tjenester per unik bruker", "Services per unique user"),
            Bilingual("tjenester per bruker", "services per user"),
            1.0,
            "rate",
            "stated",
        ),
        Measure(
            "places_per_unit",
            Bilingual("Plasser per driftsenhet", "Places per unit of operation"),
            Bilingual("plasser per enhet", "places per unit"),
            1.0,
            "unit_cost",
            "stated",
        ),
    )
}


@cache
def care_functions() -> dict[str, CareFunction]:
    """Functions of the accounts by code, with the years in which they exist."""
    rows = municipal_parameters()["care_functions"]["functions"]
    return {
        code: CareFunction(
            code,
            Bilingual(row["nb"], row["en"]),
            row.get("first", 0),
            row.get("last", 9999),
            tuple(row.get("became", ())),
            row.get("care", True),
        )
        for code, row in rows.items()
    }


@cache
def services() -> dict[str, Service]:
    """Services by code."""
    rows = municipal_parameters()["user_group_services"]["services"]
    return {code: Service(code, Bilingual(row["nb"], row["en"]), row["kind"]) for code, row in rows.items()}


def service_label(code: str) -> Bilingual:
    """Name of a service, or of a sum of services; a service of the user's own is called what it is called."""
    if code in SUMS:
        return SUMS[code]
    known = services()
    return known[code].label if code in known else both(code)
