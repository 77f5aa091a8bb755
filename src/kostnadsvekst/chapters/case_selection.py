"""Section 7.2 of the report: how the case municipalities are chosen, and growth by type of municipality."""

from dataclasses import dataclass, replace
from numbers import Real

import pandas as pd

from kostnadsvekst.analysis.case_selection import (
    ATTRIBUTES,
    HIDDEN,
    POPULATION_CLASSES,
    CaseSelection,
    Criterion,
    classify_population,
    growth_by_type,
    select_cases,
    table_of_classes,
)
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.chapters.growth_data import BASE_YEAR, FIRST, LAST_PANEL
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.panel.kostra_groups import add_groups, number_of
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.panel.prices import price_index
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer, render
from kostnadsvekst.sources.store import DESCRIPTION, read_store
from kostnadsvekst.synthetic.case_panel import FUNCTIONS, add_case_columns
from kostnadsvekst.synthetic.expenditures import assign_groups

FOLDER = "case-selection"
START, END = 2017, 2018
TOTAL_NOK, HOME_NOK = "expenditure_nok", "home_services_nok"
N_CASES = 15
# Section 7.2: "rundt 10 prosent til i underkant av 30 prosent"; "særlig høy" has no number there: 15 is ours.
ALL_CARE = Criterion("all_care", TOTAL_NOK, 10, 30, 12)
HOME = Criterion("home_services", HOME_NOK, 15, 60, 3)

_CRITERIA = {
    "all_care": Bilingual("Hele sektoren", "All care"),
    "home_services": Bilingual("Hjemmetjenester", "Home services"),
}
_FUNCTIONS = {
    TOTAL_NOK: Bilingual("Hele sektoren", "All care"),
    "institutions_nok": Bilingual("Institusjon", "Institutions"),
    HOME_NOK: Bilingual("Hjemmetjenester", "Home services"),
    "other_care_nok": Bilingual("Annet", "Other"),
}
_ATTRIBUTES = {
    "population_class": Bilingual("størrelse", "size"),
    "region": Bilingual("region", "region"),
    "kostra_group": Bilingual("KOSTRA-gruppe", "KOSTRA group"),
}
_ALL = Bilingual("Alle", "All")


@dataclass(frozen=True, slots=True)
class CaseData:
    """Panel from which cases are chosen.

    Attributes
    ----------
    panel : DataFrame
        With ``region``, ``kostra_group`` and `TOTAL_NOK`, current prices.
    criteria : tuple of Criterion
    provenance : Provenance
    """

    panel: pd.DataFrame
    criteria: tuple[Criterion, ...]
    provenance: Provenance


def run(settings: Settings) -> ChapterResult:
    """Select cases, table 2, and growth by type of municipality.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    ChapterResult
        ``case-selection/``; nothing but a line of why where the user's data have no KOSTRA groups or regions,
        not these years, or too few municipalities.
    """
    data = load_data(settings)
    if data is None:
        return ChapterResult({}, summary=(_ABSENT,), data_origin=())
    try:
        selection = select_cases(data.panel, data.criteria, START, END)
    except (InvalidDataError, SpecificationError) as error:
        return ChapterResult({}, summary=(_not_made(error),), data_origin=(data.provenance.origin,))
    growth = _growth_by_size(data.panel)
    origin = data.provenance.origin
    files: dict[str, str | bytes] = {
        f"{FOLDER}/cases.csv": csv_text(selection.cases.assign(data_origin=origin)),
        f"{FOLDER}/left_out.csv": csv_text(selection.left_out.assign(data_origin=origin)),
        f"{FOLDER}/growth_by_type.csv": csv_text(growth.assign(data_origin=origin)),
    }
    tables = (
        table_2(selection, data.provenance),
        table_of_cases(selection, data.provenance),
        table_of_types(growth, data.provenance),
    )
    for lang in settings.languages:
        for table in tables:
            files |= {f"{FOLDER}/{name}": text for name, text in render(table, lang).items()}
    return ChapterResult(files, summary=(_told(selection),), data_origin=(origin,))


def load_data(settings: Settings) -> CaseData | None:
    """Load the synthetic panel with invented regions, or the user's; None where it lacks what is needed."""
    panel = load_panel(settings.data)
    prices = price_index(BASE_YEAR)
    provenance = provenance_of(panel)
    if settings.data is None:
        panel = panel.assign(kostra_group=panel["municipality"].map(assign_groups(panel)))
        return CaseData(add_case_columns(panel, prices), (ALL_CARE, HOME), provenance)
    panel = _of_the_user(panel, settings)
    if not {"kostra_group", "region"} <= set(panel):
        return None
    if TOTAL_NOK not in panel:
        total = panel["net_expenditure"] * panel["population"] * panel["year"].map(prices)
        panel = panel.assign(**{TOTAL_NOK: total})
    n_home = HOME.n if HOME_NOK in panel else 0
    criteria = (replace(ALL_CARE, n=N_CASES - n_home), *[HOME][:n_home])
    return CaseData(panel, criteria, provenance)


def table_2(selection: CaseSelection, provenance: Provenance) -> Table:
    """Build table 2: the cases by population class.

    Parameters
    ----------
    selection : CaseSelection
    provenance : Provenance
    """
    classes = table_of_classes(selection)
    rows = tuple(
        Row(r.population_class, (Number(float(r.n_municipalities), 0), r.regions, r.kostra_groups))
        for r in classes.itertuples()
    )
    headings = (
        Heading(Bilingual("Kommuner (antall)", "Municipalities (number)")),
        Heading(Bilingual("Region", "Region")),
        Heading(Bilingual("KOSTRA-gruppe", "KOSTRA group")),
    )
    title = Bilingual("Tabell 2: Caseutvalg", "Table 2: Selected cases")
    notes = [footer(provenance)]
    if HIDDEN in set(classes["regions"]):
        notes.insert(0, _HIDDEN)
    stub = Bilingual("Innbyggere", "Inhabitants")
    return Table("table_2", title, stub, (headings,), rows, tuple(notes), provenance)


def table_of_cases(selection: CaseSelection, provenance: Provenance) -> Table:
    """Build the table of the cases: why each was chosen and who could take its place.

    Parameters
    ----------
    selection : CaseSelection
    provenance : Provenance
    """
    rows = tuple(
        Row(
            r.municipality,
            (
                _CRITERIA[r.criterion],
                Number(r.growth_percent, 1),
                r.population_class,
                r.region,
                r.kostra_group,
                _attributes(r.alone_in),
                Number(r.gain, 2),
                r.replacements,
            ),
        )
        for r in selection.cases.itertuples()
    )
    headings = (
        Heading(Bilingual("Valgt etter", "Chosen by")),
        Heading(Bilingual(f"Vekst {START}–{END}, prosent", f"Growth {START}–{END}, per cent")),
        Heading(Bilingual("Innbyggere", "Inhabitants")),
        Heading(Bilingual("Region", "Region")),
        Heading(Bilingual("KOSTRA-gruppe", "KOSTRA group")),
        Heading(Bilingual("Alene om", "Alone in its")),
        Heading(Bilingual("Tap uten", "Loss without")),
        Heading(Bilingual("Erstattere", "Replacements")),
    )
    title = Bilingual("Casekommunene og hvorfor hver av dem er med", "The cases and why each is among them")
    note = Bilingual(
        "Variasjonen er 1 + 1/2 + … + 1/n for hver størrelse, region og KOSTRA-gruppe med n case; «Tap uten» "
        "er det som kommunen legger til. Erstattere oppfyller samme kriterium, er like store, og de likeste "
        "står først. "
        "Arbeidsliste: skal casene være anonyme, er bare tabell 2 til å vise fram.",
        "Variation is 1 + 1/2 + … + 1/n for each size, region and KOSTRA group with n cases; “Loss without” "
        "is what the municipality adds. Replacements meet the same criterion, are of the same size, and "
        "the most alike stand first. A working list: where cases are anonymous, only table 2 is for others.",
    )
    notes = (note, _told(selection), footer(provenance))
    return Table(
        "table_cases", title, Bilingual("Kommune", "Municipality"), (headings,), rows, notes, provenance
    )


def table_of_types(growth: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table of growth within functions by size of municipality.

    Parameters
    ----------
    growth : DataFrame
        From `kostnadsvekst.analysis.case_selection.growth_by_type`.
    provenance : Provenance
    """
    rows: list[Row] = []
    for function, lines in growth.groupby("function", sort=False):
        rows.append(Row(_FUNCTIONS[str(function)], rule_above=bool(rows)))
        rows += [
            Row(
                _ALL if r.type == "all" else both(str(r.type)),
                (
                    Number(float(r.n_municipalities), 0),
                    Number(r.growth_percent, 1),
                    Number(r.above_all_points, 1),
                    Number(r.contribution_points, 1),
                ),
                indent=1,
            )
            for r in lines.itertuples()
        ]
    headings = (
        Heading(Bilingual("Kommuner", "Municipalities")),
        Heading(Bilingual("Vekst, prosent", "Growth, per cent")),
        Heading(Bilingual("Over alle, prosentpoeng", "Above all, points")),
        Heading(Bilingual("Bidrag, prosentpoeng", "Contribution, points")),
    )
    title = Bilingual(
        f"Vekst i utgifter {FIRST}–{LAST_PANEL} etter tjeneste og kommunestørrelse, løpende priser",
        f"Growth of expenditure {FIRST}–{LAST_PANEL} by service and size of municipality, current prices",
    )
    note = Bilingual("Bidragene summerer til veksten for alle.", "Contributions sum to the growth of all.")
    stub = Bilingual("Tjeneste og innbyggere", "Service and inhabitants")
    return Table("table_types", title, stub, (headings,), tuple(rows), (note, footer(provenance)), provenance)


_ABSENT = Bilingual(
    "Dataene har ikke KOSTRA-grupper og regioner (kolonnene kostra_group, region): caseutvalg er ikke laget",
    "The data have no KOSTRA groups and regions (columns kostra_group, region): no cases are selected",
)
_HIDDEN = Bilingual(
    "*: regionen er utelatt fordi et case er alene i sin klasse, eller få kommuner der er så store.",
    "*: the region is left out because a case is alone in its class, or few municipalities there are of it.",
)


def _not_made(error: Exception) -> Bilingual:
    return Bilingual(f"Caseutvalg er ikke laget: {error}", f"No cases are selected: {error}")


def _of_the_user(panel: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Panel with the store's KOSTRA groups, and the county as region where the codes are Norwegian."""
    attrs = panel.attrs
    if settings.data is not None and (settings.data / DESCRIPTION).is_file():
        grouped = read_store(settings.data).tables.get("kostra_groups")
        if grouped is not None:
            panel = add_groups(panel, grouped, LAST_PANEL)
    if "kostra_group" in panel:
        named = panel["kostra_group"].map(_group_number, na_action="ignore")
        panel = panel.assign(kostra_group=named)
    codes = panel["municipality"].astype(str)
    if "region" not in panel and codes.str.fullmatch(r"\d{4}").all():
        panel = panel.assign(region=codes.str[:2])
    panel.attrs = attrs
    return panel


def _group_number(group: object) -> str:
    return number_of(f"{group:g}" if isinstance(group, Real) else str(group))


def _growth_by_size(panel: pd.DataFrame) -> pd.DataFrame:
    first = panel[panel["year"] == FIRST].set_index("municipality")["population"]
    size = panel["municipality"].map(classify_population(first))
    typed = panel.assign(size=pd.Categorical(size, categories=list(POPULATION_CLASSES), ordered=True))
    present = [name for name in (TOTAL_NOK, *FUNCTIONS) if name in panel]
    return growth_by_type(typed, present, "size", FIRST, LAST_PANEL)


def _attributes(names: str) -> Bilingual:
    parts = [_ATTRIBUTES[name] for name in names.split(", ") if name]
    return Bilingual(", ".join(p.nb for p in parts), ", ".join(p.en for p in parts))


def _told(selection: CaseSelection) -> Bilingual:
    covered = [selection.cases[name].nunique() for name in ATTRIBUTES]
    known = [selection.attributes[name].nunique() for name in ATTRIBUTES]
    sizes, regions, groups = (f"{a} {{of}} {b}" for a, b in zip(covered, known, strict=True))
    words = Bilingual(
        f"{{n}} case fra {sizes} størrelser, {regions} regioner og {groups} KOSTRA-grupper; "
        "variasjon {value}, ingen utvalg har over {bound}.",
        f"{{n}} cases from {sizes} sizes, {regions} regions and {groups} KOSTRA groups; "
        "variation {value}, no selection has over {bound}.",
    )
    told = {
        lang: words.get(lang).format(
            n=len(selection.cases),
            of=of,
            value=format_number(selection.variation, 2, lang),
            bound=format_number(selection.bound, 2, lang),
        )
        for lang, of in (("nb", "av"), ("en", "of"))
    }
    return Bilingual(**told)
