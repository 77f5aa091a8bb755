"""Why the year effects of table A3 move, what the growth consists of, and what could have been left out."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.confounding import OsterDelta, Sensitivity, oster_delta, sensitivity
from kostnadsvekst.models.fixed_effects import Estimate, estimate
from kostnadsvekst.models.gelbach import TOTAL, decompose
from kostnadsvekst.models.growth_accounting import (
    COEFFICIENTS,
    MEANS,
    RESIDUALS,
    UNITS,
    YEAR_EFFECTS,
    account_for_growth,
)
from kostnadsvekst.models.specifications import SPECIFICATIONS
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.report.contours import draw_contours
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer, render
from kostnadsvekst.report.waterfall import Waterfall, draw_waterfall

FOLDER = "explanation"
SHORT, TARGETS = "A3-1", ("A3-3", "A3-4")
BY_YEAR = "income_by_year"
# The coefficient whose sensitivity to what was left out is told.
SENSITIVE = "free_income"
ROUNDING = 1e-9  # of the total: what is smaller hangs on the order of sums
GROUPS: Mapping[str, tuple[str, ...]] = {
    "age": ("age_0_5", "age_6_15", "age_16_66", "age_67_79", "age_80_plus"),
    "social": ("living_alone_80_plus", "divorced_16_66", "unemployed_15_74", "immigrants"),
    "deaths_and_size": ("deaths", "urban", "population_10k"),
    "income": ("free_income",),
}

_LABELS = {
    "age": Bilingual("Alderssammensetning", "Age composition"),
    "social": Bilingual("Sosial sammensetning", "Social composition"),
    "deaths_and_size": Bilingual("Dødsfall og størrelse", "Deaths and size"),
    "income": Bilingual("Frie inntekter", "Free income"),
    BY_YEAR: Bilingual("Frie inntekter × år", "Free income × year"),
}
_MODEL = {name: Bilingual(f"Modell {name[-1]}", f"Model {name[-1]}") for name in (SHORT, *TARGETS)}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the chapter shows.

    Attributes
    ----------
    changes : mapping of str to DataFrame
        Target model -> split of the years' coefficients from model 1 to it, as
        `kostnadsvekst.models.gelbach.decompose` gives it.
    accounts : mapping of str to DataFrame
        Target model -> growth accounted for, as
        `kostnadsvekst.models.growth_accounting.account_for_growth` gives it.
    sensitivity, delta : Sensitivity, OsterDelta
        Of the coefficient of free income in model 3.
    years : tuple of int
        First and last year.
    provenance : Provenance
    """

    changes: Mapping[str, pd.DataFrame]
    accounts: Mapping[str, pd.DataFrame]
    sensitivity: Sensitivity
    delta: OsterDelta
    years: tuple[int, int]
    provenance: Provenance


def run(settings: Settings) -> ChapterResult:
    """Split the years' coefficients and account for the growth.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    ChapterResult
        ``explanation/``; nothing but a line of why where the user's panel does not identify it.
    """
    panel = load_panel(settings.data)
    try:
        found = explain(panel)
    except SpecificationError as error:
        # What a user's panel does not identify must not keep the other chapters from it.
        if settings.data is None:
            raise
        absent = Bilingual(f"Årseffektene er ikke tatt fra hverandre: {error}", f"Not taken apart: {error}")
        return ChapterResult({}, summary=(absent,), data_origin=(provenance_of(panel).origin,))
    tables = [table_of_changes(found), table_of_accounts(found), table_of_what_is_left_out(found)]
    files: dict[str, str | bytes] = {
        f"{FOLDER}/changes.csv": csv_text(_stacked(found.changes, found.provenance)),
        f"{FOLDER}/growth_accounted_for.csv": csv_text(
            _stacked(without_rounding(found.accounts), found.provenance)
        ),
    }
    for lang in settings.languages:
        for table in tables:
            files |= {f"{FOLDER}/{name}": text for name, text in render(table, lang).items()}
        files[f"{FOLDER}/figure_changes_{lang}.png"] = figure_of_changes(found, lang)
        files[f"{FOLDER}/figure_left_out_{lang}.png"] = figure_of_what_is_left_out(found, lang)
    return ChapterResult(files, summary=(tell(found),), data_origin=(found.provenance.origin,))


def without_rounding(accounts: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Write contributions that are nothing but rounding as zero: their digits are those of the machine.

    Parameters
    ----------
    accounts : mapping of str to DataFrame
        From `account_for_growth`, by model.
    """
    told = {}
    for name, account in accounts.items():
        size = account.loc[account["part"] == TOTAL, "contribution"].abs().max()
        nothing = account["contribution"].abs() < ROUNDING * size
        columns = {column: account[column].mask(nothing, 0.0) for column in ("contribution", "share")}
        told[name] = account.assign(**columns)
    return told


def explain(panel: pd.DataFrame) -> Explanation:
    """Compute what the chapter shows.

    Parameters
    ----------
    panel : DataFrame
        From `load_panel`.
    """
    years = (int(panel["year"].min()), int(panel["year"].max()))
    short = SPECIFICATIONS[SHORT]
    fitted = {name: estimate(SPECIFICATIONS[name], panel) for name in TARGETS}
    changes, accounts = {}, {}
    for name, est in fitted.items():
        groups = _groups_of(est)
        changes[name] = decompose(short, est.specification, panel, groups)
        columns = {group: members for group, members in groups.items() if group != BY_YEAR}
        accounts[name] = account_for_growth(est, panel, *years, columns)
    three = fitted[TARGETS[0]]
    dummies = [term for term in three.terms if term.startswith("C(year)")]
    benchmarks = {name: some for name, some in _groups_of(three).items() if SENSITIVE not in some}
    return Explanation(
        changes,
        accounts,
        sensitivity(three, SENSITIVE, benchmarks),
        oster_delta(three, SENSITIVE, dummies),
        years,
        provenance_of(panel),
    )


def table_of_changes(found: Explanation) -> Table:
    """Build the table of each year's coefficient from model 1 to models 3 and 4.

    Parameters
    ----------
    found : Explanation
    """
    rows: list[Row] = []
    for name, changes in found.changes.items():
        rows.append(
            Row(
                Bilingual(f"Fra modell 1 til modell {name[-1]}", f"From model 1 to model {name[-1]}"),
                rule_above=bool(rows),
            )
        )
        rows.append(_level_row(_MODEL[SHORT], changes.attrs["short"]))
        rows += [
            Row(_LABELS[str(group)], _change_cells(lines), indent=2)
            for group, lines in changes[changes["group"] != TOTAL].groupby("group", sort=False)
        ]
        rows.append(_level_row(_MODEL[name], changes.attrs["long"]))
    terms = list(found.changes[TARGETS[0]].attrs["short"])
    headings = tuple(Heading(_year_of(term), 2) for term in terms)
    under = (Heading("b"), Heading("SE")) * len(terms)
    title = Bilingual(
        "Hvorfor årseffektene i tabell A3 endrer seg fra modell til modell",
        "Why the year effects of table A3 change from model to model",
    )
    stub = Bilingual("Årseffekt, kroner per innbygger", "Year effect, kroner per inhabitant")
    return Table(
        "table_changes",
        title,
        stub,
        (headings, under),
        tuple(rows),
        (_SPLIT, _AT_ZERO, _about(found)),
        found.provenance,
    )


def table_of_accounts(found: Explanation) -> Table:
    """Build the table of the growth accounted for by models 3 and 4.

    Parameters
    ----------
    found : Explanation
    """
    keys = list(dict.fromkeys((r.part, r.group) for a in found.accounts.values() for r in a.itertuples()))
    order = sorted(keys, key=lambda key: _PARTS.index(key[0]))
    rows = []
    for part, group in order:
        cells: list[Number | str] = []
        for account in found.accounts.values():
            line = account[(account["part"] == part) & (account["group"] == group)]
            cells += _account_cells(line.iloc[0]) if len(line) else ["", "", ""]
        rows.append(Row(_part_label(part, group), tuple(cells), rule_above=part == TOTAL))
    over = tuple(Heading(_MODEL[name], 3) for name in found.accounts)
    under = (
        Heading(Bilingual("Kroner", "Kroner")),
        Heading("SE"),
        Heading(Bilingual("Prosent", "Per cent")),
    ) * len(found.accounts)
    first, last = found.years
    title = Bilingual(
        f"Hva veksten i utgifter per innbygger {first}–{last} består av",
        f"What the growth of expenditure per inhabitant {first}–{last} consists of",
    )
    stub = Bilingual("Bidrag, 2019-kroner", "Contribution, 2019 kroner")
    notes = (_ACCOUNT, _about(found))
    return Table(
        "table_growth_accounted_for", title, stub, (over, under), tuple(rows), notes, found.provenance
    )


def table_of_what_is_left_out(found: Explanation) -> Table:
    """Build the table of what something left out would do to the coefficient of free income in model 3.

    Parameters
    ----------
    found : Explanation
    """
    known = found.sensitivity
    rows = [
        Row(_AS_ESTIMATED, ("", "", Number(known.estimate, 3), Number(known.std_error, 3, parentheses=True)))
    ]
    for line in known.benchmarks.itertuples():
        label, times = _LABELS[str(line.benchmark)], f"{line.multiple:g}"
        shares = (Number(100 * float(line.r2_treatment), 1), Number(100 * float(line.r2_outcome), 1))
        left = (Number(float(line.estimate), 3), Number(float(line.std_error), 3, parentheses=True))
        rows.append(
            Row(
                Bilingual(f"{times} × {label.nb.lower()}", f"{times} × {label.en.lower()}"),
                (*shares, *left),
                1,
            )
        )
    headings = (
        Heading(Bilingual("Av frie inntekter, %", "Of free income, %")),
        Heading(Bilingual("Av utgiftene, %", "Of expenditure, %")),
        Heading(Bilingual("Da står igjen", "Then is left")),
        Heading("SE"),
    )
    title = Bilingual(
        "Hvor sterkt måtte noe utelatt være? Frie inntekter i modell 3",
        "How strong would something left out have to be? Free income in model 3",
    )
    stub = Bilingual("Noe utelatt så sterkt som", "Something left out as strong as")
    notes = (_robustness(found), _delta(found.delta), *_impossible(known), _about(found))
    return Table("table_left_out", title, stub, (headings,), tuple(rows), notes, found.provenance)


def figure_of_changes(found: Explanation, lang: str) -> bytes:
    """Draw the last year's coefficient from model 1 to models 3 and 4.

    Parameters
    ----------
    found : Explanation
    lang : {"nb", "en"}
    """
    panels = []
    for name, changes in found.changes.items():
        term = list(changes.attrs["short"])[-1]
        lines = changes[(changes["term"] == term) & (changes["group"] != TOTAL)]
        panels.append(
            Waterfall(
                title=Bilingual(
                    f"Årseffekten {_year_of(term)} fra modell 1 til modell {name[-1]}",
                    f"The year effect {_year_of(term)} from model 1 to model {name[-1]}",
                ),
                first=_MODEL[SHORT],
                last=_MODEL[name],
                start=changes.attrs["short"][term],
                labels=tuple(_LABELS[group] for group in lines["group"]),
                steps=tuple(-lines["contribution"]),
                low=tuple(-lines["conf_high"]),
                high=tuple(-lines["conf_low"]),
            )
        )
    quantity = Bilingual(
        "Kroner per innbygger (2019-priser); strek: nominelt 95 prosents intervall for steget",
        "Kroner per inhabitant (2019 prices); line: nominal 95 per cent interval of the step",
    )
    return draw_waterfall(panels, lang, quantity=quantity, provenance=found.provenance)


def figure_of_what_is_left_out(found: Explanation, lang: str) -> bytes:
    """Draw what something left out would do to the coefficient of free income in model 3.

    Parameters
    ----------
    found : Explanation
    lang : {"nb", "en"}
    """
    return draw_contours(
        found.sensitivity,
        lang,
        title=Bilingual(
            "Hva noe utelatt ville gjøre med koeffisienten på frie inntekter\n"
            "(linjer: det som står igjen; tykk linje: null; punkter: så sterkt som …)",
            "What something left out would do to the coefficient of free income\n"
            "(lines: what is left; thick line: zero; points: as strong as …)",
        ),
        labels=_LABELS,
        treatment=Bilingual(
            "Andel av resten av frie inntekter som det forklarer, prosent",
            "Share of the rest of free income that it explains, per cent",
        ),
        outcome=Bilingual(
            "Andel av resten av utgiftene, prosent", "Share of the rest of expenditure, per cent"
        ),
        provenance=found.provenance,
    )


def tell(found: Explanation) -> Bilingual:
    """Say what moves the last year's coefficient from model 1 to model 3 most.

    Parameters
    ----------
    found : Explanation
    """
    changes = found.changes[TARGETS[0]]
    term = list(changes.attrs["short"])[-1]
    lines = changes[(changes["term"] == term) & (changes["group"] != TOTAL)]
    most = lines.loc[lines["contribution"].abs().idxmax()]
    numbers = (changes.attrs["short"][term], changes.attrs["long"][term], -most["contribution"])
    label = _LABELS[str(most["group"])]
    nb, en = ([format_number(value, 0, lang) for value in numbers] for lang in ("nb", "en"))
    return Bilingual(
        f"Årseffekten {_year_of(term)} går fra {nb[0]} (modell 1) til {nb[1]} (modell 3); størst steg: "
        f"{label.nb.lower()} ({nb[2]} kroner)",
        f"The year effect {_year_of(term)} goes from {en[0]} (model 1) to {en[1]} (model 3); largest step: "
        f"{label.en.lower()} ({en[2]} kroner)",
    )


_SPLIT = Bilingual(
    "Gelbachs dekomponering: stegene summerer eksakt til endringen, uansett rekkefølge. Standardfeilen "
    "regner med begge regresjonene. Et steg sier hvor mye årseffekten flytter seg når variablene tas med,"
    " ikke hva de forårsaker.",
    "Gelbach's decomposition: the steps sum exactly to the change, whatever their order. Standard errors "
    "count both regressions. A step says how far the year effect moves when the variables are included, "
    "not what they cause.",
)
_AT_ZERO = Bilingual(
    "I modell 4 gjelder årseffekten for en kommune uten frie inntekter; steget «frie inntekter × år» "
    "flytter effekten dit og er ikke i seg selv vekst.",
    "In model 4 the year effect is that of a municipality without free income; the step “free income × "
    "year” moves the effect there and is not growth in itself.",
)
_ACCOUNT = Bilingual(
    "Endrede gjennomsnitt er verdsatt med snittet av de to årenes koeffisienter, endrede koeffisienter "
    "med snittet av de to årenes gjennomsnitt. I modell 4 hører årseffektene og den endrede koeffisienten"
    " sammen: nullpunktet for inntekt bestemmer hva som står på hver linje, ikke summen av dem. "
    "Kommuneeffekter: andre folketallsvekter. Delene summerer til veksten.",
    "Changed means are valued at the average of the two years' coefficients, changed coefficients at the "
    "average of the two years' means. In model 4 the year effects and the changed coefficient belong "
    "together: where income is zero decides what stands on each line, not their sum. Municipality "
    "effects: other population weights. The parts sum to the growth.",
)
_AS_ESTIMATED = Bilingual("Ingenting (som anslått)", "Nothing (as estimated)")
_PARTS = (MEANS, COEFFICIENTS, YEAR_EFFECTS, UNITS, RESIDUALS, TOTAL)
_PART_LABELS = {
    YEAR_EFFECTS: Bilingual("Årseffekter (uforklart)", "Year effects (unexplained)"),
    UNITS: Bilingual("Kommuneeffekter", "Municipality effects"),
    RESIDUALS: Bilingual("Residualer", "Residuals"),
    TOTAL: Bilingual("Vekst", "Growth"),
}


def _groups_of(fitted: Estimate) -> dict[str, list[str]]:
    """Group the regressors that the model has."""
    present = set(fitted.specification.regressors)
    groups = {name: [column for column in members if column in present] for name, members in GROUPS.items()}
    by_year = [name for name in fitted.specification.regressors if name.startswith("C(year):")]
    return {name: members for name, members in (groups | {BY_YEAR: by_year}).items() if members}


def _robustness(found: Explanation) -> Bilingual:
    known = found.sensitivity
    values = [100 * v for v in (known.robustness_value, known.robustness_value_significance)]
    nb, en = ([format_number(value, 1, lang) for value in values] for lang in ("nb", "en"))
    return Bilingual(
        f"Robusthetsverdi: noe utelatt som forklarer {nb[0]} prosent av resten av både frie inntekter og "
        f"utgiftene, tar hele koeffisienten; {nb[1]} prosent gjør den ikke-signifikant på 5-prosentnivået. "
        "Om noe slikt finnes, sier tallene ikke.",
        f"Robustness value: something left out that explains {en[0]} per cent of the rest of both free "
        f"income and expenditure takes all of the coefficient; {en[1]} per cent makes it not significant at "
        "the 5 per cent level. Whether there is such a thing the numbers do not say.",
    )


def _delta(delta: OsterDelta) -> Bilingual:
    nb, en = ([format_number(v, 2, lang) for v in (delta.delta, delta.r_max)] for lang in ("nb", "en"))
    return Bilingual(
        f"Osters δ = {nb[0]} ved R² = {nb[1]} innen kommuner og år: så mange ganger sterkere seleksjon på "
        "det utelatte enn på behovsvariablene gir en koeffisient på null (negativ: i motsatt retning).",
        f"Oster's δ = {en[0]} at R² = {en[1]} within municipalities and years: so many times more selection "
        "on what was left out than on the indicators of need gives a coefficient of zero (negative: in the "
        "other direction).",
    )


def _impossible(known: Sensitivity) -> tuple[Bilingual, ...]:
    if not known.impossible:
        return ()
    pairs = [name.split(" x ") for name in known.impossible]
    nb, en = (", ".join(f"{n} × {_LABELS[g].get(lang).lower()}" for n, g in pairs) for lang in ("nb", "en"))
    return (Bilingual(f"Så sterkt kan ingenting være: {nb}.", f"Nothing can be as strong as: {en}."),)


def _level_row(label: Bilingual, levels: Mapping[str, float]) -> Row:
    cells: list[Number | str] = []
    for value in levels.values():
        cells += [Number(value, 0), ""]
    return Row(label, tuple(cells), indent=1)


def _change_cells(lines: pd.DataFrame) -> tuple[Number, ...]:
    cells: list[Number] = []
    for line in lines.itertuples():
        cells += [Number(-float(line.contribution), 0), Number(float(line.std_error), 0, parentheses=True)]
    return tuple(cells)


def _account_cells(line: pd.Series) -> list[Number | str]:
    error = line["std_error"]
    known: Number | str = "" if pd.isna(error) else Number(float(error), 0, parentheses=True)
    return [Number(float(line["contribution"]), 0), known, Number(100 * float(line["share"]), 1)]


def _part_label(part: str, group: str) -> Bilingual:
    if part in _PART_LABELS:
        return _PART_LABELS[part]
    name = _LABELS[group]
    if part == MEANS:
        return Bilingual(f"{name.nb}: endret gjennomsnitt", f"{name.en}: changed mean")
    return Bilingual(f"{name.nb}: endret koeffisient", f"{name.en}: changed coefficient")


def _year_of(term: str) -> str:
    return term.partition("[T.")[2].partition("]")[0]


def _stacked(frames: Mapping[str, pd.DataFrame], provenance: Provenance) -> pd.DataFrame:
    parts = [frame.assign(model=name) for name, frame in frames.items()]
    return pd.concat(parts, ignore_index=True).assign(data_origin=provenance.origin)


def _about(found: Explanation) -> Bilingual:
    return footer(found.provenance, Bilingual("Vektet med folketall", "Weighted by population"), _NOMINAL)


_NOMINAL = Bilingual("Klassiske standardfeil som i tabell A3", "Classical standard errors as in table A3")
