"""The kinds of municipal books: unit costs, user groups, effort ladder, resource calculator, staffing."""

from dataclasses import replace

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.sources.embedded import municipal_parameters
from kostnadsvekst.sources.municipal_forms import (
    COUNT,
    MUNICIPALITY,
    NOTHING,
    NUMBER,
    PERCENT,
    SOURCE,
    UNIT,
    YEAR_FIELD,
    YES_NO,
    Assumption,
    BookKind,
    Field,
    Form,
)
from kostnadsvekst.sources.municipal_projection_kind import PROJECT

KRONER = Bilingual("kr", "NOK")
THOUSAND_KRONER = Bilingual("1000 kr", "NOK 1000")
HOURS_A_WEEK = Bilingual("timer per uke", "hours per week")
MAN_YEARS = Bilingual("årsverk", "man-years")
DAYS = Bilingual("dager", "days")
PERSONS = Bilingual("antall", "number")
HOME_NURSING = Bilingual("Hjemmesykepleie", "Home nursing")
PRACTICAL_ASSISTANCE = Bilingual("Praktisk bistand", "Practical assistance")
ORDINARY_PLACE = "Ordinær langtidsplass"
# Types of the Oslo weights (KS, NHO and Virke's booklet, annex 1) and their names.
PLACE_TYPES = (
    Bilingual(ORDINARY_PLACE, "Ordinary long-term place"),
    Bilingual("Korttidsplass", "Short-term place"),
    Bilingual("Aldershjemsplass", "Old people's home place"),
    Bilingual("Plass i skjermet avdeling for demens", "Place in sheltered unit for dementia"),
    Bilingual("Forsterket plass, psykiatri", "Reinforced place, psychiatry"),
    Bilingual("Forsterket plass, annet", "Reinforced place, other"),
    Bilingual("Rehabiliteringsplass", "Rehabilitation place"),
    Bilingual("Forsterket plass, lindrende behandling", "Reinforced place, palliative care"),
    Bilingual("Forsterket plass, MRSA", "Reinforced place, MRSA"),
    Bilingual("Forsterket plass, rusavhengighet", "Reinforced place, substance dependence"),
    Bilingual("Barnebolig", "Children's home"),
)
_REFUND_ACCOUNTS = ", ".join(map(str, municipal_parameters()["home_care_accounts"]["refunds"]))

_ONE_A_YEAR = Bilingual("En rad for hver kommune og hvert år.", "One row for each municipality and year.")

WEEKS = Assumption(
    "uker_per_aar",
    Bilingual("Uker per år", "Weeks per year"),
    Bilingual("uker", "weeks"),
    52,
    50,
    53,
    "assumed",
    Bilingual(
        "Heftet sier ikke hvor mange uker; 365/7 = 52,14 gir 0,27 % lavere timekostnad",
        "The booklet does not say; 365/7 = 52.14 gives a cost per hour 0.27 % lower",
    ),
)


def _assumed(
    name: str, label: Bilingual, unit: Bilingual, bounds: tuple[float, float, float], reason: Bilingual
) -> Assumption:
    value, low, high = bounds
    return Assumption(name, label, unit, value, low, high, "assumed", reason)


def _worked(name: str, label: Bilingual, unit: Bilingual) -> Field:
    return Field(name, label, NUMBER, unit, required=False, positive=True)


def _days(name: str, label: Bilingual, most: int) -> Field:
    return Field(name, label, NUMBER, DAYS, required=False, minimum=0, maximum=most)


_SERVICE = Field(
    "service",
    Bilingual("Tjeneste", "Service"),
    choices=(HOME_NURSING, PRACTICAL_ASSISTANCE),
    only_choices=True,
)
_PLACE_TYPE = Field(
    "place_type",
    Bilingual("Plasstype", "Type of place"),
    choices=PLACE_TYPES,
    help=Bilingual(
        "Velg fra listen, eller skriv din egen og gi den en vekt", "Choose, or write your own and weight it"
    ),
)

_NURSING_HOMES = Form(
    "nursing_homes",
    Bilingual("Sykehjem", "Nursing homes"),
    (
        *UNIT,
        Field(
            "gross_cost_thousand_kr",
            Bilingual("Korrigerte brutto driftsutgifter", "Adjusted gross expenditure"),
            NUMBER,
            THOUSAND_KRONER,
            Bilingual("Funksjon 253, konsern", "Function 253, group accounts"),
            positive=True,
        ),
        Field(
            "care_fte",
            Bilingual("Årsverk i pleien", "Man-years in care"),
            NUMBER,
            MAN_YEARS,
            required=False,
            minimum=0,
        ),
        SOURCE,
    ),
    key=("municipality", "year"),
    optional=True,
    help=_ONE_A_YEAR,
)
_PLACES = Form(
    "places",
    Bilingual("Plasser", "Places"),
    (
        *UNIT,
        _PLACE_TYPE,
        Field(
            "places",
            Bilingual("Plasser i bruk", "Places in use"),
            NUMBER,
            Bilingual("plasser", "places"),
            Bilingual("Gjennomsnitt i perioden; verken solgte eller kjøpte", "Mean of the period"),
            minimum=0,
        ),
        Field(
            "months",
            Bilingual("Måneder", "Months"),
            NUMBER,
            Bilingual("måneder", "months"),
            Bilingual(
                "12, eller flere rader når tallet endret seg i året; til sammen 12",
                "12, or several rows where the number changed; 12 in all",
            ),
            positive=True,
            maximum=12,
        ),
        SOURCE,
    ),
    optional=True,
    help=Bilingual(
        "En rad for hver plasstype og periode. Månedene til en plasstype er til sammen 12.",
        "One row for each type of place and period. The months of a type add up to 12.",
    ),
)
_WEIGHTS = Form(
    "weights",
    Bilingual("Vekter", "Weights"),
    (
        replace(_PLACE_TYPE, help=NOTHING),
        Field("weight", Bilingual("Vekt", "Weight"), NUMBER, positive=True, maximum=10),
        SOURCE,
    ),
    key=("place_type",),
    optional=True,
    help=Bilingual(
        f"La arket stå tomt for Oslo-vektene. «{ORDINARY_PLACE}» er alltid 1.",
        "Leave it empty for the Oslo weights. The ordinary long-term place is always 1.",
    ),
)
_ACCOUNTS = Form(
    "home_accounts",
    Bilingual("Regnskap hjemmetjenester", "Accounts home services"),
    (
        *UNIT,
        _SERVICE,
        Field(
            "account",
            Bilingual("Art", "Account"),
            help=Bilingual("Firesifret art, eller «total»", "Four digits, or 'total'"),
        ),
        Field("text", Bilingual("Tekst", "Text"), required=False),
        Field(
            "amount_kr",
            Bilingual("Beløp", "Amount"),
            NUMBER,
            KRONER,
            Bilingual(
                f"Refusjoner ({_REFUND_ACCOUNTS}) skrives som positive tall og trekkes fra",
                f"Refunds ({_REFUND_ACCOUNTS}) are positive and subtracted",
            ),
        ),
        SOURCE,
    ),
    key=("municipality", "year", "service", "account"),
    optional=True,
    help=Bilingual("En rad for hver art.", "One row for each account."),
)
_HOURS = Form(
    "home_hours",
    Bilingual("Timer hjemmetjenester", "Hours home services"),
    (
        *UNIT,
        _SERVICE,
        Field(
            "admin_kr",
            Bilingual("Administrasjon", "Administration"),
            NUMBER,
            KRONER,
            minimum=0,
        ),
        _worked("planned_per_week", Bilingual("Planlagte timer", "Planned hours"), HOURS_A_WEEK),
        _worked("delivered_per_week", Bilingual("Leverte timer", "Delivered hours"), HOURS_A_WEEK),
        _worked("fte", Bilingual("Årsverk i produksjon", "Man-years in production"), MAN_YEARS),
        Field(
            "sick_leave_percent",
            Bilingual("Sykefravær", "Sick leave"),
            PERCENT,
            both("%"),
            minimum=0,
            maximum=100,
            required=False,
        ),
        _days("training_days", Bilingual("Opplæring", "Training"), 260),
        _days("paid_leave_days", Bilingual("Permisjon med lønn", "Paid leave"), 260),
        _days("public_holidays", Bilingual("Helligdager", "Public holidays"), 30),
        Field(
            "total_is_net",
            Bilingual("Total er etter refusjoner", "Total is after refunds"),
            YES_NO,
            required=False,
            help=Bilingual("Bare når arten er «total»: ja eller nei", "Only where the account is 'total'"),
        ),
        SOURCE,
    ),
    key=("municipality", "year", "service"),
    optional=True,
    help=Bilingual(
        "Planlagte eller leverte timer må fylles ut; det som ellers mangler, gjør at mål utelates. Bemannede "
        "boliger er utenfor både kostnad og timer.",
        "Planned or delivered hours are needed; what else is missing leaves measures out. Staffed housing is "
        "outside both cost and hours.",
    ),
)
UNIT_COSTS = BookKind(
    "unit-costs",
    Bilingual("Enhetskostnader", "Unit costs"),
    (_NURSING_HOMES, _PLACES, _WEIGHTS, _ACCOUNTS, _HOURS),
    (
        _assumed(
            "dogn_per_aar",
            Bilingual("Døgn per år", "Days per year"),
            Bilingual("døgn", "days"),
            (365, 365, 366),
            Bilingual("Heftet nevner ingen dager; 366 i skuddår", "Not told; 366 in leap years"),
        ),
        WEEKS,
        _assumed(
            "timer_per_uke",
            Bilingual("Timer per uke i et årsverk", "Hours per week of a man-year"),
            HOURS_A_WEEK,
            (37.5, 30, 40),
            Bilingual("Dagarbeid 37,5; turnus 35,5", "Day work 37.5; shifts 35.5"),
        ),
        _assumed(
            "feriedager",
            Bilingual("Feriedager", "Holiday days"),
            DAYS,
            (25, 0, 60),
            Bilingual(
                "Heftets liste har ikke ferie; 0 følger listen", "Not in the booklet's list; 0 follows it"
            ),
        ),
    ),
    Bilingual(
        "Sykehjem (kostnad per plass og døgn) og hjemmetjenester (kostnad per time, ATA).",
        "Nursing homes (cost per place and day) and home services (cost per hour, ATA).",
    ),
)

_STEP = Field("step", Bilingual("Trinn", "Step"), COUNT, minimum=1, maximum=99)
FOR_ALL = "innbyggere"
_STEPS = Form(
    "steps",
    Bilingual("Trinn", "Steps"),
    (
        *UNIT,
        _STEP,
        Field("name", Bilingual("Navn", "Name")),
        Field("group", Bilingual("Gruppe", "Group"), required=False),
        Field(
            "unit",
            Bilingual("Telles i", "Counted in"),
            choices=tuple(
                map(
                    Bilingual,
                    (FOR_ALL, "mottakere", "boliger", "enheter", "plasser"),
                    ("inhabitants", "recipients", "dwellings", "units", "places"),
                )
            ),
            only_choices=True,
        ),
        Field("recipients", Bilingual("Antall", "Number"), COUNT, PERSONS, minimum=0),
        Field(
            "price_kr",
            Bilingual("Pris", "Price"),
            NUMBER,
            KRONER,
            Bilingual("Netto per mottaker; når kostnaden ikke er kjent", "Net; where the cost is not known"),
            required=False,
            minimum=0,
        ),
        Field(
            "total_mnok",
            Bilingual("Kostnad", "Cost"),
            NUMBER,
            Bilingual("mill. kr", "NOK million"),
            required=False,
            minimum=0,
        ),
        Field(
            "in_cost",
            Bilingual("Med i kostnaden", "Counted in the cost"),
            YES_NO,
            required=False,
            help=Bilingual("Nei for det som holdes utenfor", "No for what is left out"),
        ),
        SOURCE,
    ),
    key=("municipality", "year", "step"),
    help=Bilingual(
        "En rad for hvert trinn. Uten kostnad er den pris × antall. Trinn for alle innbyggere har "
        "ingen pris.",
        "One row for each step. Without a cost it is price × number. Steps for all have no price.",
    ),
)
_MOVES = Form(
    "moves",
    Bilingual("Flyttinger", "Moves"),
    (
        *UNIT,
        Field("n", Bilingual("Antall som flytter", "Number who move"), COUNT, PERSONS, positive=True),
        Field("origin", Bilingual("Fra trinn", "From step"), COUNT, minimum=1),
        Field("target", Bilingual("Til trinn", "To step"), COUNT, minimum=1),
        Field("reason", Bilingual("Begrunnelse", "Reason"), required=False),
    ),
    optional=True,
    help=Bilingual("Hva det koster om mottakere får hjelp på et annet trinn.", "Recipients on another step."),
)
LADDER = BookKind(
    "ladder",
    Bilingual("Innsatstrapp", "Effort ladder"),
    (_STEPS, _MOVES),
    help=Bilingual(
        "Mottakere, pris og kostnad per trinn, og hva en flytting mellom trinn betyr.",
        "Recipients, price and cost by step, and what a move between steps means.",
    ),
)

_SERVICE_NAME = Field("service", Bilingual("Tjeneste", "Service"))
_TIME = Field(
    "time",
    Bilingual("Tid eller bemanning", "Time or staffing"),
    required=False,
    help=Bilingual("Når tjenesten har flere priser", "Where the service has several prices"),
)
OWN, BOUGHT = Bilingual("egen regi", "own"), Bilingual("kjøp", "bought")
_PROVISION = Field(
    "provision",
    Bilingual("Utførelse", "Provision"),
    required=False,
    choices=(OWN, BOUGHT),
    only_choices=True,
)
# Units of prices, by their names in the package.
PRICE_UNITS = {
    "hour": Bilingual("time", "hour"),
    "place": Bilingual("plass", "place"),
    "day": Bilingual("døgn", "day"),
    "call_out": Bilingual("utrykning", "call-out"),
}
_PRICES = Form(
    "prices",
    Bilingual("Priser", "Prices"),
    (
        _SERVICE_NAME,
        _TIME,
        Field(
            "unit",
            Bilingual("Enhet", "Unit"),
            choices=tuple(PRICE_UNITS.values()),
            only_choices=True,
        ),
        _PROVISION,
        Field("step", Bilingual("Trinn", "Step"), COUNT, required=False, minimum=1, maximum=99),
        Field("price_kr", Bilingual("Pris", "Price"), NUMBER, KRONER, positive=True),
        SOURCE,
    ),
    key=("service", "time", "provision"),
    optional=True,
    help=Bilingual("La arket stå tomt for prisliste 2.", "Leave it empty for price list 2."),
)
_LINES = Form(
    "lines",
    Bilingual("Tiltak", "Services"),
    (
        *UNIT,
        Field("alternative", Bilingual("Alternativ", "Alternative")),
        _SERVICE_NAME,
        _TIME,
        _PROVISION,
        Field(
            "quantity",
            Bilingual("Mengde", "Quantity"),
            NUMBER,
            Bilingual("se veiledningen", "see the guide"),
            Bilingual(
                "Timer per uke; plass i prosent av året; døgn eller utrykninger per år",
                "Hours a week; a place as per cent of the year; days or call-outs a year",
            ),
            minimum=0,
        ),
        SOURCE,
    ),
    help=Bilingual("En rad for hvert tiltak i hvert alternativ.", "One row a service and alternative."),
)
CALCULATOR = BookKind(
    "calculator",
    Bilingual("Ressurskalkulator", "Resource calculator"),
    (_LINES, _PRICES),
    (
        WEEKS,
        _assumed(
            "prisfaktor",
            Bilingual("Faktor på alle priser", "Factor on all prices"),
            Bilingual("faktor", "factor"),
            (1.0, 0.2, 5.0),
            Bilingual(
                "1 = prislisten som den er; 1,047 gjør liste 2 til liste 1 (utledet)",
                "1 = the list as it is; 1.047 makes list 1 of list 2 (derived)",
            ),
        ),
    ),
    Bilingual(
        "Hva et vedtak koster per uke og år, og hva summen ellers kunne kjøpe.",
        "What a decision costs a week and a year, and what else the sum would buy.",
    ),
)

_UNITS = Form(
    "ambulant_units",
    Bilingual("Ambulante enheter", "Ambulant units"),
    (
        *UNIT,
        Field("unit", Bilingual("Enhet", "Unit")),
        Field(
            "hours_per_week",
            Bilingual("Vedtakstimer", "Decided hours"),
            NUMBER,
            HOURS_A_WEEK,
            positive=True,
        ),
        SOURCE,
    ),
    key=("municipality", "year", "unit"),
    optional=True,
)
_DECISIONS = Form(
    "decisions",
    Bilingual("Vedtak", "Decisions"),
    (
        *UNIT,
        Field(
            "hours_per_week",
            Bilingual("Vedtakstimer", "Decided hours"),
            NUMBER,
            HOURS_A_WEEK,
            Bilingual("En rad for hvert vedtak; ingen navn eller fødselsnummer", "One row each; no names"),
            minimum=0,
            maximum=168 * 4,
        ),
        SOURCE,
    ),
    optional=True,
)
_OFFICES = Form(
    "application_offices",
    Bilingual("Forvaltningskontor", "Application offices"),
    (
        *UNIT,
        Field("fte", Bilingual("Årsverk", "Man-years"), NUMBER, MAN_YEARS, minimum=0),
        Field(
            "excluded_fte",
            Bilingual("Årsverk utenom", "Excluded man-years"),
            NUMBER,
            MAN_YEARS,
            Bilingual("Andre oppgaver som trekkes ut", "Other tasks, taken out"),
            required=False,
            minimum=0,
        ),
        Field("population", Bilingual("Innbyggere", "Inhabitants"), COUNT, PERSONS, positive=True),
        Field(
            "need_index",
            Bilingual("Behovsindeks", "Need index"),
            NUMBER,
            Bilingual("1 = landet", "1 = country"),
            minimum=0.3,
            maximum=3,
        ),
        SOURCE,
    ),
    key=("municipality", "year"),
    optional=True,
)
STAFFING = BookKind(
    "staffing",
    Bilingual("Bemanning", "Staffing"),
    (_UNITS, _DECISIONS, _OFFICES),
    (
        _assumed(
            "ata_andel",
            Bilingual("ATA (andel brukerrettet tid)", "ATA (share of time with users)"),
            Bilingual("andel", "share"),
            (0.6, 0.05, 1.0),
            Bilingual("60 % i Ålesunds tabell", "60 % in Ålesund's table"),
        ),
        _assumed(
            "timer_per_aarsverk",
            Bilingual("Timer per årsverk", "Hours per man-year"),
            Bilingual("timer per år", "hours per year"),
            (1846, 1000, 2000),
            Bilingual("35,5 × 52, når ATA er av lønnede timer", "35.5 × 52, where ATA is of paid hours"),
        ),
        WEEKS,
        *(
            _assumed(
                name,
                Bilingual(f"Grense mellom vedtak: {nb}", f"Limit between decisions: {en}"),
                HOURS_A_WEEK,
                (value, 0.1, 168),
                Bilingual(
                    "Ålesund: under 1, under 2,5 og over 15 timer", "Ålesund: under 1, 2.5, over 15 hours"
                ),
            )
            for name, value, nb, en in (
                ("grense_lav", 1, "lav", "low"),
                ("grense_middels", 2.5, "middels", "middle"),
                ("grense_hoy", 15, "høy", "high"),
            )
        ),
    ),
    Bilingual(
        "Årsverk etter vedtakstimer, vedtak etter størrelse, og årsverk i forvaltningskontoret.",
        "Man-years from decided hours, decisions by size, and man-years of the application office.",
    ),
)

# Result groups of the analysis of user groups, by their codes in the package.
USER_GROUP_NAMES = {
    "pu_children": Bilingual("Utviklingshemming, barn", "Intellectual disability, children"),
    "pu_adults": Bilingual("Utviklingshemming, voksne", "Intellectual disability, adults"),
    "mh_children": Bilingual("Psykisk helse og rus, barn", "Mental health and substance use, children"),
    "mh_adults": Bilingual("Psykisk helse og rus, voksne", "Mental health and substance use, adults"),
    "elderly_institution": Bilingual("Andre (eldre), institusjon", "Others (elderly), institution"),
    "elderly_housing": Bilingual(
        "Andre (eldre), bolig med heldøgns omsorg", "Others (elderly), housing with 24-hour care"
    ),
    "elderly_home": Bilingual("Andre (eldre), hjemmeboende", "Others (elderly), at home"),
}
PROVISION_NAMES = {
    "own": Bilingual("Egen regi", "Own"),
    "bought": Bilingual("Kjøp", "Bought"),
    "all": Bilingual("I alt", "All"),
}


def _services() -> tuple[Bilingual, ...]:
    rows = municipal_parameters()["user_group_services"]["services"].values()
    return tuple(Bilingual(row["nb"], row["en"]) for row in rows)


_GROUP = Field(
    "group",
    Bilingual("Brukergruppe", "User group"),
    choices=tuple(USER_GROUP_NAMES.values()),
    only_choices=True,
)
_GROUP_SERVICE = Field("service", Bilingual("Tjeneste", "Service"), choices=_services())
_GROUP_PROVISION = Field(
    "provision",
    Bilingual("Utførelse", "Provision"),
    choices=tuple(PROVISION_NAMES.values()),
    only_choices=True,
)
_FUNCTION = Field(
    "function",
    Bilingual("Funksjon", "Function"),
    required=False,
    help=Bilingual(
        "KOSTRA-funksjon, som 253; for alle rader eller ingen", "KOSTRA function; all rows or none"
    ),
)


def _counted(name: str, label: Bilingual, holds: str) -> Field:
    return Field(name, label, holds, PERSONS, required=False, minimum=0)


def _people(name: str, label: Bilingual, *, required: bool = False) -> Field:
    return Field(name, label, COUNT, PERSONS, required=required, positive=True)


def _index(name: str, label: Bilingual, *, required: bool = False) -> Field:
    unit = Bilingual("1 = landet", "1 = country")
    told = Bilingual("97,2 prosent skrives 0,972", "97.2 per cent is 0.972")
    return Field(name, label, NUMBER, unit, told, required=required, minimum=0.3, maximum=3)


_PEOPLE = Form(
    "population",
    Bilingual("Innbyggere", "Inhabitants"),
    (
        *UNIT,
        _people("population", Bilingual("Innbyggere", "Inhabitants"), required=True),
        _people("population_0_17", Bilingual("0–17 år", "0–17 years")),
        _people("population_18_67", Bilingual("18–67 år", "18–67 years")),
        _people("population_80_plus", Bilingual("80 år og over", "80 years and above")),
        _index("need_index", Bilingual("Behovsindeks", "Need index"), required=True),
        _index("pu_index", Bilingual("PU-indeks", "PU index")),
        SOURCE,
    ),
    key=("municipality", "year"),
    help=_ONE_A_YEAR,
)
_COUNTS = Form(
    "counts",
    Bilingual("Brukere", "Users"),
    (
        *UNIT,
        _GROUP,
        _GROUP_SERVICE,
        _GROUP_PROVISION,
        _counted("users", Bilingual("Brukere 31.12.", "Users 31 December"), COUNT),
        _counted("places", Bilingual("Plasser", "Places"), NUMBER),
        _counted("units", Bilingual("Driftsenheter", "Units of operation"), COUNT),
        _counted("fte", Bilingual("Årsverk", "Man-years"), NUMBER),
        SOURCE,
    ),
    key=("municipality", "year", "group", "service", "provision"),
    help=Bilingual(
        "Tom celle: ikke kjent. 0: ingen. «Unike brukere» teller hver person én gang.",
        "Empty: not known. 0: none. 'Unique users' counts each person once.",
    ),
)
_GROUP_ACCOUNTS = Form(
    "accounts",
    Bilingual("Regnskap", "Accounts"),
    (
        *UNIT,
        _GROUP,
        replace(
            _GROUP_SERVICE,
            required=False,
            help=Bilingual("Tom: hører til gruppen som helhet", "Empty: belongs to the group as a whole"),
        ),
        replace(_GROUP_PROVISION, required=False),
        _FUNCTION,
        Field("gross_kr", Bilingual("Brutto driftsutgifter", "Gross expenditure"), NUMBER, KRONER),
        Field(
            "refund_kr",
            Bilingual("Refusjon ressurskrevende", "Refund resource-intensive"),
            NUMBER,
            KRONER,
            required=False,
            minimum=0,
        ),
        SOURCE,
    ),
    key=("municipality", "year", "group", "service", "provision", "function"),
    help=Bilingual(
        "Brutto, og refusjonen for ressurskrevende brukere; netto er forskjellen.",
        "Gross, and the refund for resource-intensive users; net is the difference.",
    ),
)
_CORRECTIONS = Form(
    "corrections",
    Bilingual("Korreksjoner", "Corrections"),
    (
        *UNIT,
        Field(
            "pair",
            Bilingual("Par", "Pair"),
            help=Bilingual("Linjer med samme navn summerer til null", "Lines of one name sum to zero"),
        ),
        replace(_FUNCTION, required=True),
        _GROUP,
        replace(_GROUP_SERVICE, required=False),
        replace(_GROUP_PROVISION, required=False),
        Field("amount_kr", Bilingual("Beløp", "Amount"), NUMBER, KRONER),
        Field("reason", Bilingual("Begrunnelse", "Reason")),
    ),
    optional=True,
    help=Bilingual(
        "Flytter utgifter mellom funksjoner eller grupper.", "Moves costs between functions or groups."
    ),
)
_SHARED = Form(
    "shared",
    Bilingual("Fellesutgifter", "Shared costs"),
    (
        *UNIT,
        Field(
            "line", Bilingual("Linje", "Line"), help=Bilingual("Koststed eller navn", "Cost centre or name")
        ),
        _FUNCTION,
        Field("amount_kr", Bilingual("Beløp", "Amount"), NUMBER, KRONER),
        SOURCE,
    ),
    key=("municipality", "year", "line"),
    optional=True,
    help=Bilingual(
        "Fordeles på gruppene etter deres direkte utgifter, hver linje til øret.",
        "Spread over the groups by their direct costs, each line to the øre.",
    ),
)
USER_GROUPS = BookKind(
    "user-groups",
    Bilingual("Brukergruppeanalyse", "Analysis of user groups"),
    (_PEOPLE, _COUNTS, _GROUP_ACCOUNTS, _CORRECTIONS, _SHARED),
    help=Bilingual(
        "Utgifter, brukere, plasser og årsverk per brukergruppe, ved siden av snittet av kommunene.",
        "Costs, users, places and man-years by user group, beside the mean of the municipalities.",
    ),
)


def _municipal_index() -> Field:
    return _index("need_index", Bilingual("Behovsindeks", "Need index"), required=True)


_OWN = Form(
    "own",
    Bilingual("Egen kommune", "Own municipality"),
    (
        MUNICIPALITY,
        Field(
            "moving_groups",
            Bilingual("Grupper etter hvert års medlemmer", "Groups by each year's members"),
            YES_NO,
            required=False,
            help=Bilingual(
                "Tom eller nei: medlemmene i siste år brukes i alle år (gruppene ble laget på nytt i 2020)",
                "Empty or no: members of the last year in all years (groups were made anew in 2020)",
            ),
        ),
    ),
    key=("municipality",),
    help=Bilingual("Én rad: kommunen som sammenlignes.", "One row: the municipality that is compared."),
)
_COSTS = Form(
    "costs",
    Bilingual("Utgifter", "Expenditure"),
    (
        *UNIT,
        Field(
            "function",
            Bilingual("Funksjon", "Function"),
            help=Bilingual("KOSTRA-funksjon, som 253, eller en tjeneste", "KOSTRA function, or a service"),
        ),
        Field(
            "amount_kr",
            Bilingual("Netto driftsutgifter", "Net expenditure"),
            NUMBER,
            KRONER,
            Bilingual("0 der kommunen ikke har utgifter", "0 where the municipality has none"),
        ),
        SOURCE,
    ),
    key=("municipality", "year", "function"),
    help=Bilingual(
        "En rad for hver kommune, hvert år og hver funksjon; egen kommune og de andre.",
        "One row for each municipality, year and function; one's own and the others.",
    ),
)
_SIZES = Form(
    "population",
    Bilingual("Innbyggere", "Inhabitants"),
    (*UNIT, _people("population", Bilingual("Innbyggere", "Inhabitants"), required=True), SOURCE),
    key=("municipality", "year"),
    help=_ONE_A_YEAR,
)
_NEEDS = Form(
    "need",
    Bilingual("Behov", "Need"),
    (
        *UNIT,
        Field(
            "need_key",
            Bilingual("Nøkkel", "Key"),
            help=Bilingual("Som «samlet» eller «pleie og omsorg»", "Such as 'all' or 'care'"),
        ),
        Field(
            "function",
            Bilingual("Funksjon", "Function"),
            required=False,
            help=Bilingual("Tom: gjelder alle funksjoner", "Empty: holds for all functions"),
        ),
        _municipal_index(),
        SOURCE,
    ),
    key=("municipality", "year", "need_key", "function"),
    help=Bilingual(
        "En eller flere nøkler; svaret vises med hver av dem.",
        "One key or more; the answer is shown with each.",
    ),
)
_GROUP_MEMBERS = Form(
    "groups",
    Bilingual("Grupper", "Groups"),
    (
        Field(
            "name",
            Bilingual("Gruppe", "Group"),
            help=Bilingual(
                "Som «KOSTRA-gruppe 8» eller «naboer»", "Such as 'KOSTRA group 8' or 'neighbours'"
            ),
        ),
        MUNICIPALITY,
        replace(YEAR_FIELD, required=False, help=Bilingual("Tom: medlem i alle år", "Empty: in all years")),
    ),
    key=("name", "municipality", "year"),
    optional=True,
    help=Bilingual(
        "Uten egen kommune. La arket stå tomt for å sammenligne med alle de andre.",
        "Without one's own. Leave it empty to compare with all the others.",
    ),
)
SAVINGS = BookKind(
    "savings",
    Bilingual("Innsparingspotensial", "Savings potential"),
    (_OWN, _COSTS, _SIZES, _NEEDS, _GROUP_MEMBERS),
    (
        _assumed(
            "bare_positive",
            Bilingual(
                "Bare funksjoner der egen kommune er dyrere", "Only functions where one's own is dearer"
            ),
            Bilingual("0 = alle, 1 = bare de", "0 = all, 1 = only those"),
            (0, 0, 1),
            Bilingual("Ålesund summerer med fortegn", "Ålesund sums with the sign"),
        ),
        _assumed(
            "annen_storrelse",
            Bilingual("Når et tall er et annet svar", "When a figure is another answer"),
            Bilingual("andel av det første", "share of the first"),
            (0.25, 0.01, 1),
            Bilingual("Vår grense; ingen kilde har noen", "Our limit; no source has one"),
        ),
    ),
    Bilingual(
        "Hva tjenestene ville kostet på andres nivå, og hvordan gruppe, nøkkel, år og snitt flytter svaret.",
        "What services would cost at others' level, and how far group, key, year and mean move the answer.",
    ),
)

_FEATURES = Form(
    "features",
    Bilingual("Kjennetegn", "Features"),
    (
        MUNICIPALITY,
        Field(
            "feature",
            Bilingual("Kjennetegn", "Feature"),
            help=Bilingual(
                "Som behovsindeks, logaritmen av innbyggere, frie inntekter, sentralitet",
                "Such as need index, logarithm of inhabitants, free income, centrality",
            ),
        ),
        Field("value", Bilingual("Verdi", "Value"), NUMBER),
        SOURCE,
    ),
    key=("municipality", "feature"),
    optional=True,
    help=Bilingual(
        "Det kommunene skal ligne på; hvert kjennetegn teller likt.",
        "What to be alike on; each counts the same.",
    ),
)
LIMITS_OF_WORDS = ("noe_prosent", "tydelig_prosent", "vesentlig_prosent")
COMPARE = BookKind(
    "compare",
    Bilingual("Sammenligning", "Comparison"),
    (_OWN, _PEOPLE, _COUNTS, _GROUP_ACCOUNTS, _CORRECTIONS, _SHARED, _GROUP_MEMBERS, _FEATURES),
    tuple(
        _assumed(
            name,
            Bilingual(f"Minste forskjell som er «{nb}»", f"Least difference that is '{en}'"),
            Bilingual("prosent av snittet", "per cent of the mean"),
            (value, 0.1, 1000),
            Bilingual("Vår grense; ingen kilde har noen", "Our limit; no source has one"),
        )
        for name, value, nb, en in zip(
            LIMITS_OF_WORDS,
            (5, 15, 30),
            ("noe", "tydelig", "vesentlig"),
            ("some", "clear", "substantial"),
            strict=True,
        )
    ),
    Bilingual(
        "Egen kommune mot snittet i ord og tall med usikkerhet, gapet delt opp, og hvem som ligner.",
        "One's own beside the mean in words and numbers with uncertainty, the gap split, and who is alike.",
    ),
)

KINDS = {
    kind.name: kind
    for kind in (UNIT_COSTS, USER_GROUPS, LADDER, CALCULATOR, STAFFING, SAVINGS, COMPARE, PROJECT)
}
