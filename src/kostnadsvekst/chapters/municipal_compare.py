"""Comparison with uncertainty as sheets that compute: findings, the gap split, and who is like one's own."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial

import pandas as pd

from kostnadsvekst.chapters.municipal_compare_public import (
    PublicComparison,
    notes_of,
    public_findings,
    public_gap,
    public_profile,
    public_similar,
)
from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.chapters.municipal_findings import findings_sheets
from kostnadsvekst.chapters.municipal_gap import GapInputs, gap_inputs, gap_sheets
from kostnadsvekst.chapters.municipal_members import members_by_year
from kostnadsvekst.chapters.municipal_sheets import (
    Judgement,
    System,
    assumption_log,
    input_sheet,
    used_assumptions,
)
from kostnadsvekst.chapters.municipal_similar import similar_found, similar_sheets
from kostnadsvekst.chapters.municipal_user_groups import compute_profile
from kostnadsvekst.errors import DataWarning, InvalidDataError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.comparison import findings, intervals
from kostnadsvekst.municipal.comparison_findings import judged_limits
from kostnadsvekst.municipal.user_group_profile import KEYS
from kostnadsvekst.municipal.user_group_terms import ALL, BOUGHT, OWN
from kostnadsvekst.report.workbook import Sheet
from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_kinds import LIMITS_OF_WORDS

_WORDS = ("noe", "tydelig", "vesentlig")


@dataclass(frozen=True, slots=True)
class _Compared:
    """What the sheets show.

    Attributes
    ----------
    own : str
    year : int
    profile : DataFrame
        Of all municipalities and years.
    rows : DataFrame
        Of one's own and the last year, with intervals and sentences.
    gap : GapInputs
    similar : DataFrame or None
    notes : tuple of str
    structure : tuple of str
        Of the notes those that say which rows the book has, and no more.
    """

    own: str
    year: int
    profile: pd.DataFrame
    rows: pd.DataFrame
    gap: GapInputs
    similar: pd.DataFrame | None
    notes: tuple[str, ...]
    structure: tuple[str, ...]


def compare(book: MunicipalBook, lang: str) -> System:
    """Compare one's own municipality of a book with the others.

    Parameters
    ----------
    book : MunicipalBook
    lang : {"nb", "en"}

    Returns
    -------
    System

    Raises
    ------
    InvalidDataError
        What cannot be computed, each with its place in the book.
    """
    made = _compute(book, lang)
    inputs = {name: input_sheet(table, lang) for name, table in book.tables.items()}
    found = findings_sheets(made.rows, lang)
    split = gap_sheets(book, made.gap, inputs, lang) if len(made.gap.rows) else ()
    alike: tuple[Sheet, ...] = ()
    if made.similar is not None:
        alike = similar_sheets(book.tables["features"], made.similar, inputs["features"], lang)
    assumptions = used_assumptions(book)
    log = [*assumption_log(assumptions, book.kind.assumptions), *_judgements(made)]
    public = cache(partial(_public, book, made, inputs, lang))
    results = (found[0], *split[:2], *alike[:1], found[1], *split[2:], *alike[1:])
    return System(
        tuple(inputs.values()),
        results,
        assumptions,
        tuple(log),
        public=lambda: public().sheets,
        notes=made.notes,
        public_notes=lambda: public().notes,
    )


def _compute(book: MunicipalBook, lang: str) -> _Compared:
    faults = Faults(book)
    own = str(book.frame("own")["municipality"].iloc[0])
    accounts = book.frame("accounts")
    year = int(accounts.loc[accounts["municipality"] == own, "year"].max())
    profile = compute_profile(book).found
    rows, notes = _judged(profile, own, year, _limits(book))
    members = next(iter(members_by_year(book, own, [year], "accounts", lang).values()))
    known = set(accounts.loc[accounts["year"] == year, "municipality"])
    split = gap_inputs(book, own, [m for m in members if m in known], year)
    alike = None
    if "features" in book.tables:
        alike = faults.attempt("features", 0, partial(similar_found, book.tables["features"], own))
    faults.refuse()
    if rows.empty:
        raise InvalidDataError(
            f"nothing of {own} {year} can be compared",
            ["give at least one other municipality with the same services and year", *notes[:20]],
        )
    absent = [f"gap: {m} has no accounts of {year}" for m in members if m not in known]
    more = [] if alike is None else [f"similar: {line}" for line in alike.attrs["left_out"]]
    left_out = profile.attrs.get("left_out", [])
    structure = (*left_out, *absent, *split.left_out, *more)
    told = tuple(dict.fromkeys([*left_out, *notes, *absent, *split.left_out, *more]))
    return _Compared(own, year, profile, rows, split, alike, told, structure)


def _limits(book: MunicipalBook) -> dict[str, float]:
    return dict(zip(_WORDS, (book.assumptions[name] for name in LIMITS_OF_WORDS), strict=True))


def _judged(
    profile: pd.DataFrame, own: str, year: int, limits: Mapping[str, float]
) -> tuple[pd.DataFrame, list[str]]:
    """Rows of one's own with intervals and sentences; first those that can be told from the mean."""
    with warnings.catch_warnings():
        # What is left out is told in the notes.
        warnings.simplefilter("ignore", DataWarning)
        sure = intervals(profile)
    # Beside nobody a value is its own mean; a hidden one is beside nobody.
    sure = sure.assign(at=range(len(sure)), size=sure.groupby(list(KEYS))["value"].transform("count"))
    mine = sure[(sure["municipality"] == own) & (sure["year"] == year) & (sure["size"] > 1)]
    mine = mine[~_said_twice(mine)]
    said = findings(mine, {"svakt": 0.0, **limits})
    # The limits that judge are those that the sheets show.
    rows = judged_limits(mine).merge(said, on=["municipality", *KEYS], how="inner", validate="1:1")
    inside = rows["low"].le(rows["mean"]) & rows["mean"].le(rows["high"])
    order = pd.concat([rows[~inside], rows[inside]], ignore_index=True)
    return order, list(said.attrs["left_out"])


def _said_twice(rows: pd.DataFrame) -> pd.Series:
    """Rows of own provision where nothing is bought: the sum of all says the same."""
    where = [key for key in KEYS if key != "provision"]
    bought = rows["provision"].eq(BOUGHT).groupby([rows[key] for key in where]).transform("any")
    summed = rows["provision"].eq(ALL).groupby([rows[key] for key in where]).transform("any")
    return rows["provision"].eq(OWN) & summed & ~bought


# --- The public edition


def _public(book: MunicipalBook, made: _Compared, inputs: Mapping[str, Sheet], lang: str) -> PublicComparison:
    """Compare anew from the public profile of the book alone: nothing hidden can follow from what is told.

    Means, shrunken values, ranks and the spread of costs are made of many rows; where one is hidden they are
    made of the others.
    """
    shown = public_profile(made.profile)
    rows, left_out = _judged(shown, made.own, made.year, _limits(book))
    findings_of = PublicComparison(public_findings(rows, lang), tuple(left_out))
    parts = [findings_of]
    if len(made.gap.rows):
        parts.append(public_gap(book, made.gap, shown, inputs, lang))
    if made.similar is not None:
        parts.append(public_similar(book, made.own, inputs["features"], lang))
    sheets = tuple(sheet for part in parts for sheet in part.sheets)
    notes = dict.fromkeys([*made.structure, *notes_of(parts)])
    return PublicComparison(sheets, tuple(notes))


# --- Judgements


def _judgements(made: _Compared) -> Iterator[Judgement]:
    yield Judgement(
        Bilingual("Intervaller", "Intervals"),
        Bilingual(
            "Poisson og binomial, mid-P, 95 prosent, med overspredning mellom kommunene",
            "Poisson and binomial, mid-P, 95 per cent, with overdispersion between the municipalities",
        ),
        Bilingual(
            "Vår metode: ingen av kildene viser usikkerhet. Kroner: antall mottakere og spredning mellom dem",
            "Our method: no source shows uncertainty. Kroner: number of recipients and spread between them",
        ),
        "assumed",
    )
    yield Judgement(
        Bilingual("Gapet", "The gap"),
        Bilingual(
            f"Shapley-verdi av fire faktorer, mot {', '.join(made.gap.municipalities[1:]) or '–'}",
            f"Shapley value of four factors, against {', '.join(made.gap.municipalities[1:]) or '–'}",
        ),
        Bilingual(
            "Snittet over alle rekkefølger; summerer til øret. Fellesutgifter hører ikke til noen tjeneste",
            "The mean over all orders; sums to the øre. Shared costs belong to no service",
        ),
        "assumed",
    )
    if made.notes:
        yield Judgement(
            Bilingual("Utelatt", "Left out"),
            both(str(len(made.notes))),
            Bilingual("Kommandoen sier hva, og hvorfor", "The command says what, and why"),
        )
