"""The analysis of user groups as sheets that compute: corrections, shared costs, profile beside the mean."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from kostnadsvekst.chapters.municipal_allocation import allocation_sheet
from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.chapters.municipal_ledgers import SHARED, Ledger
from kostnadsvekst.chapters.municipal_profile import (
    profile_sheet,
    rows_behind,
    summary_rows,
    summary_sheet,
)
from kostnadsvekst.chapters.municipal_public import hide
from kostnadsvekst.chapters.municipal_sheets import (
    Judgement,
    System,
    input_sheet,
    links_column,
    result_column,
    row_link,
    unit_columns,
    words,
)
from kostnadsvekst.errors import DataWarning
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.protection import protect_profile
from kostnadsvekst.municipal.user_group_inputs import CELL, read_inputs
from kostnadsvekst.municipal.user_group_terms import (
    NURSING_HOME_FUNCTIONS,
    PLACE_KINDS,
    care_functions,
    services,
)
from kostnadsvekst.municipal.user_groups import allocate, correct, profile
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.workbook import Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook, units_of
from kostnadsvekst.sources.municipal_kinds import PROVISION_NAMES, USER_GROUP_NAMES, USER_GROUPS

_KEYS = ["municipality", "year", "group", "service", "provision", "function"]


@dataclass(frozen=True, slots=True)
class Computed:
    """What the sheets show, before it is put in words.

    Attributes
    ----------
    used : DataFrame
        Accounts, corrections and shares of shared costs.
    found : DataFrame
        The profile.
    counts : DataFrame
        Counts as the profile reads them.
    """

    used: pd.DataFrame
    found: pd.DataFrame
    counts: pd.DataFrame


def user_groups(book: MunicipalBook, lang: str) -> System:
    """Compute the profile of a book.

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
        What cannot be computed.
    """
    computed = compute_profile(book)
    inputs = {name: input_sheet(table, lang) for name, table in book.tables.items()}
    sheets: list[Sheet] = []
    if "shared" in book.tables:
        sheets.append(allocation_sheet(book, computed.used, inputs, lang))
    ledger = _ledger(computed.used, inputs, sheets, lang)
    counted = _counted(book, computed.counts, lang)
    inputs["counts"] = counted.sheet
    people = (inputs["population"], book.frame("population"))
    table = profile_sheet(computed.found, (ledger, counted), people, lang)
    rows = summary_rows(computed.found)
    summary = summary_sheet(table, rows, lang)
    log = [*_judgements(book, computed.found, lang)]
    public = partial(_public, computed.found, (summary, table), rows)
    notes = tuple(computed.found.attrs.get("left_out", []))
    results = (summary, table, *sheets, ledger.sheet)
    behind = partial(rows_behind, computed.found, (ledger, counted), people, lang)
    return System(tuple(inputs.values()), results, (), tuple(log), public, notes, behind)


def compute_profile(book: MunicipalBook) -> Computed:
    """Compute the profile of a book, and what it is made of.

    Parameters
    ----------
    book : MunicipalBook
        With the sheets of `kostnadsvekst.sources.municipal_kinds.USER_GROUPS`.

    Raises
    ------
    InvalidDataError
        What cannot be computed, each with its place in the book.
    """
    faults = Faults(book)
    used = faults.attempt("accounts", 0, partial(_used_accounts, book))
    faults.refuse()
    assert used is not None
    people, counts = book.frame("population"), book.frame("counts")
    needs = people[["municipality", "year", "need_index"]]
    if people["pu_index"].notna().all():
        needs = people[["municipality", "year", "need_index", "pu_index"]]
    population = people.drop(columns=["need_index", "pu_index", "source"]).dropna(axis="columns", how="all")
    with warnings.catch_warnings():
        # What is left out is told in the log of judgements.
        warnings.simplefilter("ignore", DataWarning)
        found = faults.attempt("counts", 0, partial(profile, counts, _for_profile(used), population, needs))
        faults.refuse()
        read = read_inputs(counts, _for_profile(used), population, needs)
    assert found is not None
    return Computed(used, found, read.counts)


def _public(found: pd.DataFrame, sheets: tuple[Sheet, Sheet], rows: Sequence[int]) -> tuple[Sheet, ...]:
    """Return summary and profile as `protect_profile` lets them be seen; the accounts stay in the house."""
    summary, table = sheets
    shown = protect_profile(found)
    hidden: dict[int, tuple[str, ...]] = {}
    for k, (own, mean) in enumerate(zip(shown["hidden"], shown["mean_hidden"], strict=True)):
        columns = _VALUES if own else ()
        hidden[k] = (*columns, *(_MEANS if own or mean else ()))
    return hide(summary, {k: hidden[row] for k, row in enumerate(rows)}), hide(table, hidden)


_VALUES = ("numerator", "denominator", "value")
_MEANS = ("mean", "index", "colour")


def _used_accounts(book: MunicipalBook) -> pd.DataFrame:
    """Accounts, corrections and shares of shared costs, each row with where it is from."""
    accounts = book.frame("accounts").drop(columns="source")
    accounts = accounts.assign(
        service=accounts["service"].fillna(""),
        provision=accounts["provision"].fillna(PROVISION_NAMES["all"].nb),
        refund_kr=accounts["refund_kr"].fillna(0.0),
        origin="accounts",
        at=range(len(accounts)),
    )
    parts = [accounts]
    if "corrections" in book.tables:
        lines = book.frame("corrections")
        lines = lines.assign(
            service=lines["service"].fillna(""),
            provision=lines["provision"].fillna(PROVISION_NAMES["all"].nb),
        )
        correct(_for_profile(accounts), lines)
        moved = lines.assign(
            gross_kr=lines["amount_kr"], refund_kr=0.0, origin="corrections", at=range(len(lines))
        )
        parts.append(moved[[*_KEYS, "gross_kr", "refund_kr", "origin", "at"]])
    used = pd.concat(parts, ignore_index=True)
    if "shared" in book.tables:
        used = pd.concat([used, *_allocated(book, used)], ignore_index=True)
    return used.assign(net_kr=used["gross_kr"] - used["refund_kr"])


def _allocated(book: MunicipalBook, used: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Shares of the shared costs, in the order of the sheet that spreads them."""
    start = 0
    for municipality, year, rows in units_of(book.tables["shared"]):
        same = used[(used["municipality"] == municipality) & (used["year"] == year)]
        direct = same.groupby("group", sort=True)["gross_kr"].sum()
        found = allocate(direct.to_dict(), dict(zip(rows["line"], rows["amount_kr"], strict=True)))
        functions = dict(zip(rows["line"], rows["function"], strict=True))
        for line, shares in found.iterrows():
            yield pd.DataFrame(
                {
                    "municipality": municipality,
                    "year": float(year),
                    "group": list(shares.index),
                    "service": SHARED.nb,
                    "provision": PROVISION_NAMES["own"].nb,
                    "function": functions[line],
                    "gross_kr": shares.to_numpy(dtype=float),
                    "refund_kr": 0.0,
                    "origin": "shared",
                    "at": range(start, start + len(shares)),
                }
            )
            start += len(shares)


def _for_profile(used: pd.DataFrame) -> pd.DataFrame:
    """Accounts as the profile reads them."""
    kept = used.assign(kind=["other" if name == SHARED.nb else None for name in used["service"]])
    if not kept["function"].notna().any():
        kept = kept.drop(columns="function")
    if "net_kr" not in kept:
        kept = kept.assign(net_kr=kept["gross_kr"] - kept["refund_kr"])
    # Where a row is from tells rows apart that agree in everything else: repeated ones were refused before.
    return kept


def _ledger(used: pd.DataFrame, inputs: dict[str, Sheet], shares: Sequence[Sheet], lang: str) -> Ledger:
    """Sheet of all amounts that the profile counts, each a link to where it is from."""
    kr = words(lang, "kr", "NOK")
    name = words(lang, "Regnskap i analysen", "Accounts in the analysis")
    columns = (
        *unit_columns(lang),
        SheetColumn("group", words(lang, "Brukergruppe", "User group"), width=38),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=38),
        SheetColumn("provision", words(lang, "Utførelse", "Provision"), width=12),
        SheetColumn("function", words(lang, "Funksjon", "Function"), width=10),
        result_column("gross_kr", words(lang, "Brutto", "Gross"), kr),
        result_column("refund_kr", words(lang, "Refusjon", "Refund"), kr),
        result_column("net_kr", words(lang, "Netto", "Net"), kr),
        SheetColumn("care", words(lang, "Omsorg (1 = ja)", "Care (1 = yes)"), "", "year", width=10),
        SheetColumn(
            "nursing", words(lang, "Sykehjem (1 = ja)", "Nursing home (1 = yes)"), "", "year", width=10
        ),
        links_column(lang, 22),
    )
    note = words(
        lang,
        "Regnskapet etter korreksjoner og fordeling av fellesutgifter; tallene hentes fra de andre arkene.",
        "The accounts after corrections and shared costs; the numbers come from the other sheets.",
    )
    empty = Sheet(name, name, columns, (), (note,))
    sources = inputs | {"shared": shares[0] if shares else empty}
    labels = _translated(used, lang)
    rows: list[tuple[Value, ...]] = []
    for k, (one, label) in enumerate(zip(used.to_dict("records"), labels.to_dict("records"), strict=True)):
        given, at = sources[one["origin"]], int(one["at"])
        amount = {"accounts": "gross_kr", "corrections": "amount_kr", "shared": "allocated_kr"}[one["origin"]]
        refund = (
            Formula(f"={given.cell('refund_kr', at)}", one["refund_kr"])
            if one["origin"] == "accounts"
            else 0.0
        )
        net = Formula(f"={empty.cell('gross_kr', k)}-{empty.cell('refund_kr', k)}", one["net_kr"])
        cells = [label[name] for name in _KEYS]
        gross = Formula(f"={given.cell(amount, at)}", one["gross_kr"])
        flags = (label["care"], label["nursing"])
        rows.append((*cells, gross, refund, net, *flags, row_link(given, at)))
    frame = labels.assign(**{c: used[c] for c in ("gross_kr", "refund_kr", "net_kr")})
    return Ledger(replace(empty, rows=tuple(rows)), frame)


def _translated(used: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Keys in a language, and flags of care and nursing homes by function."""
    form = USER_GROUPS.form("accounts")
    known = care_functions()
    out = used[_KEYS].copy()
    for name in ("group", "service", "provision"):
        names = {choice.nb: choice.get(lang) for choice in (*form.field(name).choices, SHARED)}
        out[name] = [names.get(text, text) for text in used[name]]
    out["function"] = used["function"].fillna("")
    codes = out["function"]
    out["care"] = [1.0 if not code or (code in known and known[code].care) else 0.0 for code in codes]
    home = used["group"] == USER_GROUP_NAMES["elderly_institution"].nb
    inside = codes.isin(["", *NURSING_HOME_FUNCTIONS])
    out["nursing"] = (home & inside).astype(float)
    return out


def _counted(book: MunicipalBook, read: pd.DataFrame, lang: str) -> Ledger:
    """Add to the counts what decides in which sums they are."""
    table = book.tables["counts"]
    frame = table.frame
    keys = pd.MultiIndex.from_frame(_coded(frame))
    kinds = read.set_index(list(CELL))["kind"].reindex(keys)
    kind = kinds.to_numpy(dtype=object)
    flags = _flags(frame, pd.Series(kind, index=frame.index))
    labels = {
        "counted": Bilingual("Telles (1 = ja)", "Counted (1 = yes)"),
        "nursing_place": Bilingual("Sykehjemsplass", "Nursing-home place"),
        "short_place": Bilingual("Korttidsplass", "Short-term place"),
        "nursing_staff": Bilingual("Bemanning sykehjem", "Staff nursing home"),
        "service_use": Bilingual("Tjenestebruk", "Use of a service"),
        "unique": Bilingual("Unike brukere", "Unique users"),
    }
    more = [
        (SheetColumn(name, label.get(lang), "", "year", width=11), [float(v) for v in flags[name]])
        for name, label in labels.items()
    ]
    sheet = input_sheet(table, lang, more)
    shown = frame.assign(**{name: flags[name].astype(float) for name in labels})
    for name in ("group", "service", "provision"):
        names = {choice.nb: choice.get(lang) for choice in table.form.field(name).choices}
        shown[name] = [names.get(text, text) for text in frame[name]]
    return Ledger(sheet, shown)


def _coded(frame: pd.DataFrame) -> pd.DataFrame:
    """Keys of the counts by the codes of the package."""
    groups = {label.nb: code for code, label in USER_GROUP_NAMES.items()}
    provisions = {label.nb: code for code, label in PROVISION_NAMES.items()}
    known = {service.label.nb: code for code, service in services().items()}
    return pd.DataFrame(
        {
            "municipality": frame["municipality"],
            "year": frame["year"].astype(int),
            "group": frame["group"].map(groups),
            "service": [known.get(name, name) for name in frame["service"]],
            "provision": frame["provision"].map(provisions),
        }
    )


def _flags(frame: pd.DataFrame, kind: pd.Series) -> pd.DataFrame:
    """Which sums a row of the counts is in, by the kind of its service."""
    unit = [frame["municipality"], frame["year"], frame["group"]]
    home = frame["group"] == USER_GROUP_NAMES["elderly_institution"].nb
    typed = home & kind.isin(PLACE_KINDS) & frame["places"].notna()
    has_types = typed.groupby(unit).transform("any")
    with_users = ((kind == "institution") & frame["users"].notna()).groupby(unit).transform("any")
    return pd.DataFrame(
        {
            "counted": kind.notna(),
            "nursing_place": home & (kind.isin(PLACE_KINDS) | ((kind == "institution") & ~has_types)),
            "short_place": home & (kind == "short_term"),
            "nursing_staff": home & kind.isin((*PLACE_KINDS, "institution")),
            "service_use": kind.notna()
            & ~kind.isin(("unique", "register"))
            & ~(kind.isin(PLACE_KINDS) & with_users),
            "unique": kind == "unique",
        }
    )


def _judgements(book: MunicipalBook, found: pd.DataFrame, lang: str) -> Iterator[Judgement]:
    yield Judgement(
        Bilingual("Snitt", "Mean"),
        Bilingual("Uveid snitt av kommunene, egen kommune med", "Unweighted mean, one's own included"),
        Bilingual(
            "Kilden sier ikke hvilket snitt; ett tall i den tyder på uveid. 0 regnes med i rater, ikke i "
            "enhetskostnader",
            "The source does not say which; one number in it points to unweighted. Zeros count in rates, "
            "not in unit costs",
        ),
        "assumed",
    )
    yield Judgement(
        Bilingual("Behovskorreksjon", "Correction for need"),
        Bilingual("Innbyggere × behovsindeks", "Inhabitants × need index"),
        Bilingual("Rater i aldersgrupper korrigeres ikke", "Rates in age groups are not corrected"),
        "derived",
    )
    for one in book.frame("corrections").to_dict("records"):
        yield Judgement(
            Bilingual(f"Korreksjon {one['pair']}", f"Correction {one['pair']}"),
            Bilingual(
                f"{one['function']}: {format_number(one['amount_kr'], 2, 'nb')} kr",
                f"{one['function']}: NOK {format_number(one['amount_kr'], 2, 'en')}",
            ),
            both(str(one["reason"])),
        )
    left_out = found.attrs.get("left_out", [])
    if left_out:
        told = words(lang, "Mål uten grunnlag; kommandoen sier hvilke", "; ".join(left_out))
        yield Judgement(
            Bilingual("Utelatt", "Left out"), both(str(len(left_out))), Bilingual(told, "; ".join(left_out))
        )
