"""Sections of the council's page: user groups, effort ladder, resource calculator, grounds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kostnadsvekst.chapters.municipal_report_tables import (
    Unit,
    own_first,
    rows_of,
    unit_label,
    unit_of,
    units_of,
    without_units,
)
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.user_group_terms import MEASURES, PROVISIONS
from kostnadsvekst.report.council_page.content import (
    Choice,
    Drawing,
    Drill,
    LadderTrial,
    PageTable,
    Part,
    Section,
)
from kostnadsvekst.report.council_page.drawings import Bar, Named, bars
from kostnadsvekst.report.council_page.voice import cell_text, joined, numbers

# Municipalities and years of which a page has figures.
MOST_UNITS = 60
UNITS = Bilingual("Kommune og år", "Municipality and year")
# Columns of a list of measures; the others are seen when one of them is opened.
_LISTED = ("service", "provision", "measure", "value", "unit", "mean", "index")
_PEERS = ("municipality", "numerator", "denominator", "value", "mean", "index")
_ACCOUNTS = ("group", "service", "provision", "function", "gross_kr", "refund_kr", "net_kr", "inputs")
_COUNTS = ("service", "provision", "users", "places", "units", "fte", "place")


@dataclass(frozen=True, slots=True)
class Made:
    """A section with what stands behind it and its sentences of the answer.

    Attributes
    ----------
    section : Section
    answer : tuple of Bilingual
    behind : tuple of PageTable
    drills : mapping of str to Drill
    rows_behind : mapping of (str, int) to tuple of Drill
    """

    section: Section
    answer: tuple[Bilingual, ...] = ()
    behind: tuple[PageTable, ...] = ()
    drills: Mapping[str, Drill] = field(default_factory=dict)
    rows_behind: Mapping[tuple[str, int], tuple[Drill, ...]] = field(default_factory=dict)


# --- User groups


@dataclass(frozen=True, slots=True)
class GroupTables:
    """Tables of the analysis of user groups.

    Attributes
    ----------
    summary, profile : PageTable
    accounts, counts : PageTable or None
        The analyst's edition has them.
    traced : tuple
        For each row of the profile, its rows of accounts and of counts.
    others : tuple of PageTable
    """

    summary: PageTable
    profile: PageTable
    accounts: PageTable | None = None
    counts: PageTable | None = None
    traced: tuple[tuple[tuple[int, ...], ...], ...] = ()
    others: tuple[PageTable, ...] = ()


def user_groups_section(tables: GroupTables, own: str = "") -> Made:
    """Section of the profile: a figure for each municipality and year, from there to the accounts.

    Parameters
    ----------
    tables : GroupTables
    own : str
        Municipality that comes first, with its last year; default: the first there is.
    """
    tables, left_out = _of_few(tables, own)
    units = own_first(units_of(tables.summary), own)
    drills, summary_behind = _drills_of_groups(tables, units)
    drawings = [_group_bars(tables, unit, number) for number, unit in enumerate(units)]
    chosen = Choice("groups", UNITS, tuple(zip(map(unit_label, units), drawings, strict=True)))
    rows_behind = dict(summary_behind)
    rows_behind |= {("profile", k): drill for k, drill in enumerate(_behind_profile(tables)) if drill}
    short = tables.summary.keeping(["group", "value", "mean", "index"], rows_of(tables.summary, units[0]))
    heading = Bilingual("Brukergrupper", "User groups")
    section = Section(
        "user-groups",
        heading,
        (_GROUPS_READ, *left_out, chosen, tables.summary, *tables.others),
        (drawings[0], short),
    )
    behind = (tables.profile, *(t for t in (tables.accounts, tables.counts) if t is not None))
    return Made(section, (*_group_sentences(tables, units[0]),), behind, drills, rows_behind)


_GROUPS_READ = Bilingual(
    "Søylen er kommunens utgift, streken på tvers er snittet av kommunene i boken. Over eller under snittet "
    "er ingen dom om rett og galt.",
    "The bar is the municipality's expenditure, the line across it the mean of the municipalities in the "
    "book. Above or below the mean is no judgement of right and wrong.",
)


def _of_few(tables: GroupTables, own: str) -> tuple[GroupTables, list[Bilingual]]:
    """Keep as many municipalities and years as a page holds, one's own first; say how many are left out."""
    units = own_first(units_of(tables.summary), own)
    if len(units) <= MOST_UNITS:
        return tables, []
    kept = set(units[:MOST_UNITS])
    rows = [k for k in range(len(tables.profile.rows)) if unit_of(tables.profile, k) in kept]
    traced = tuple(tables.traced[k] for k in rows) if tables.traced else ()
    ledgers = []
    for place, ledger in enumerate((tables.accounts, tables.counts)):
        used = sorted({k for one in traced for k in one[place]})
        at = {row: number for number, row in enumerate(used)}
        traced = tuple((*t[:place], tuple(at[k] for k in t[place]), *t[place + 1 :]) for t in traced)
        ledgers.append(ledger and ledger.keeping([c.name for c in ledger.columns], used))
    dropped = set(units) - kept
    summary, profile = (next(without_units([t], dropped)) for t in (tables.summary, tables.profile))
    count = len(units) - MOST_UNITS
    told = Bilingual(
        f"{count} andre kommuner og år vises ikke her; de står i arbeidsboken.",
        f"{count} other municipalities and years are not shown here; they are in the workbook.",
    )
    return GroupTables(summary, profile, ledgers[0], ledgers[1], traced, ()), [told]


def _drills_of_groups(
    tables: GroupTables, units: Sequence[Unit]
) -> tuple[dict[str, Drill], dict[tuple[str, int], tuple[Drill, ...]]]:
    """Rows of the profile behind each bar, and the same behind each row of the summary."""
    places: dict[tuple[Unit, str], list[int]] = {}
    profile = tables.profile
    for k in range(len(profile.rows)):
        unit = profile.text(k, "municipality").nb, profile.number(k, "year") or 0.0
        places.setdefault((unit, profile.text(k, "group").nb), []).append(k)
    drills: dict[str, Drill] = {}
    behind: dict[tuple[str, int], tuple[Drill, ...]] = {}
    for number, unit in enumerate(units):
        for row in rows_of(tables.summary, unit):
            group = tables.summary.text(row, "group")
            title = joined([group, unit_label(unit)], " · ")
            found = Drill(title, "profile", tuple(places.get((unit, group.nb), ())), _LISTED)
            drills[_group_key(number, row)] = found
            behind["summary", row] = (found,)
    return drills, behind


def _group_key(unit: int, row: int) -> str:
    return f"group-{unit}-{row}"


def _group_bars(tables: GroupTables, unit: Unit, number: int) -> Drawing:
    summary = tables.summary
    rows = []
    for row in rows_of(summary, unit):
        told = joined([summary.text(row, "group"), _value_beside_mean(summary, row)], ": ")
        value, mean = summary.number(row, "value"), summary.number(row, "mean")
        rows.append(Bar(summary.text(row, "group"), value, told, mean, _group_key(number, row)))
    unit_text = Bilingual("kr per innbygger, behovskorrigert", "NOK per inhabitant, need-adjusted")
    title = joined([summary.title, unit_label(unit)])
    about = Bilingual("Søyle: kommunen. Strek: snittet.", "Bar: the municipality. Line: the mean.")
    return bars(Named(f"groups-{number}", title, unit_text, about, "summary"), rows)


def _value_beside_mean(table: PageTable, row: int) -> Bilingual:
    """``18 234 kr, snitt 17 660, indeks 103,2``; what is hidden is told as hidden."""
    columns = [table.columns[table.position(name)] for name in ("value", "mean", "index")]
    value, mean, index = (cell_text(table.cell(row, c.name), c) for c in columns)
    return Bilingual(
        f"{value.nb} kr per innbygger, snitt {mean.nb}, indeks {index.nb}",
        f"NOK {value.en} per inhabitant, mean {mean.en}, index {index.en}",
    )


def _behind_profile(tables: GroupTables) -> Iterator[tuple[Drill, ...]]:
    """Behind each row of the profile: the same measure of all municipalities, accounts, counts."""
    profile = tables.profile
    keys = ("year", "group", "age", "service", "provision", "measure")
    peers: dict[tuple[object, ...], list[int]] = {}
    for k in range(len(profile.rows)):
        peers.setdefault(tuple(profile.cell(k, name) for name in keys), []).append(k)
    for k in range(len(profile.rows)):
        same = peers[tuple(profile.cell(k, name) for name in keys)]
        drills = [Drill(_PEERS_TITLE, "profile", tuple(same), _PEERS)] if len(same) > 1 else []
        if tables.accounts and tables.counts and tables.traced:
            accounts, counts = tables.traced[k]
            drills += [Drill(_ACCOUNTS_TITLE, "accounts", accounts, _ACCOUNTS)] if accounts else []
            drills += [Drill(_COUNTS_TITLE, "counts", counts, _COUNTS)] if counts else []
        yield tuple(drills)


_PEERS_TITLE = Bilingual("Samme mål i alle kommunene", "The same measure in all municipalities")
_ACCOUNTS_TITLE = Bilingual("Regnskapet bak", "The accounts behind it")
_COUNTS_TITLE = Bilingual("Brukere, plasser og årsverk bak", "Users, places and man-years behind it")


def _group_sentences(tables: GroupTables, unit: Unit) -> Iterator[Bilingual]:
    """Say what the municipality spends in all, and which groups are farthest from the mean."""
    whole = MEASURES["net_per_inhabitant"].label.nb, PROVISIONS["all"].nb
    for k in rows_of(tables.profile, unit):
        keys = tuple(tables.profile.text(k, name).nb for name in ("measure", "group", "service"))
        if keys == (whole[0], whole[1], whole[1]):
            name = joined([unit_label(unit), _NET], ": ")
            yield from _against_mean(tables.profile, k, name)
    summary = tables.summary
    index = {k: summary.number(k, "index") for k in rows_of(summary, unit)}
    far = sorted(
        (k for k, v in index.items() if v is not None), key=lambda k: -abs((index[k] or 100.0) - 100)
    )
    for k in far[:2]:
        yield from _against_mean(summary, k, summary.text(k, "group"))


_NET = Bilingual("netto driftsutgifter i omsorgstjenestene", "net expenditure on care")


def _against_mean(table: PageTable, row: int, name: Bilingual) -> Iterator[Bilingual]:
    """Sentence of a value beside its mean: above, below, or as the mean where the digits shown are equal."""
    value, mean, index = (table.number(row, column) for column in ("value", "mean", "index"))
    if value is None or mean is None or index is None:
        return
    # From the digits that the table shows: the sentence cannot say otherwise.
    distance = round(float(numbers(index, 1).en.replace(",", "").replace("\u2212", "-")) - 100, 1)
    kr, of = numbers(value, 0), numbers(mean, 0)
    share = numbers(abs(distance), 1)
    nb = "som snittet" if not distance else f"{share.nb} % {'over' if distance > 0 else 'under'} snittet"
    en = "as the mean" if not distance else f"{share.en} % {'above' if distance > 0 else 'below'} the mean"
    yield Bilingual(
        f"{name.nb}: {kr.nb} kr per innbygger, behovskorrigert, er {nb} av kommunene i boken ({of.nb} kr).",
        f"{name.en}: NOK {kr.en} per inhabitant, need-adjusted, is {en} of the municipalities in the book "
        f"(NOK {of.en}).",
    )


# --- Effort ladder


def ladder_section(
    tables: Sequence[PageTable], notes: Sequence[Bilingual], hiding: set[Unit], own: str = ""
) -> Made:
    """Section of the ladder: its steps, planned moves, and a trial of moves of one's own.

    Parameters
    ----------
    tables : sequence of PageTable
        The ladder first, then moves and what they leave.
    notes : sequence of Bilingual
        Such as what is withheld.
    hiding : set of Unit
        Of which numbers are hidden: no trial is made of them.
    own : str
        Municipality that comes first.
    """
    heading = Bilingual("Innsatstrapp", "Effort ladder")
    if not tables:
        return Made(Section("ladder", heading, tuple(notes), tuple(notes)))
    steps = tables[0]
    units = own_first(units_of(steps), own)[:MOST_UNITS]
    drawings = [_ladder_bars(steps, unit, number) for number, unit in enumerate(units)]
    chosen = Choice("ladders", UNITS, tuple(zip(map(unit_label, units), drawings, strict=True)))
    trials = [_ladder_trial(tables, unit, number) for number, unit in enumerate(units) if unit not in hiding]
    rows = rows_of(steps, units[0])
    short = steps.keeping(["step", "name", "recipients", "price_kr", "total_mnok", "share_percent"], rows)
    section = Section("ladder", heading, (*notes, chosen, *trials, *tables), (*notes, drawings[0], short))
    return Made(section, (*_ladder_sentences(tables, units[0]),))


def _ladder_bars(steps: PageTable, unit: Unit, number: int) -> Drawing:
    rows = []
    for row in rows_of(steps, unit):
        name = _step_name(steps, row)
        total, share, count = (
            cell_text(steps.cell(row, c), steps.columns[steps.position(c)])
            for c in ("total_mnok", "share_percent", "recipients")
        )
        told = Bilingual(
            f"{name.nb}: {total.nb} mill. kr, {share.nb} %, antall {count.nb}",
            f"{name.en}: NOK {total.en} million, {share.en} %, number {count.en}",
        )
        rows.append(Bar(name, steps.number(row, "total_mnok"), told))
    about = Bilingual(
        "Trappen viser grad av inngripen, ikke stigende kostnad.",
        "The ladder shows degree of intervention, not rising cost.",
    )
    title = joined([Bilingual("Kostnad per trinn", "Cost by step"), unit_label(unit)])
    unit_text = Bilingual("mill. kr", "NOK million")
    return bars(Named(f"ladder-{number}", title, unit_text, about, steps.key), rows)


def _step_name(steps: PageTable, row: int) -> Bilingual:
    name = steps.text(row, "name")
    return Bilingual(*(f"{steps.number(row, 'step'):.0f} {name.get(lang)}" for lang in ("nb", "en")))


def _ladder_trial(tables: Sequence[PageTable], unit: Unit, number: int) -> LadderTrial:
    steps = tables[0]
    names = ("step", "recipients", "price_kr", "total_mnok", "share_percent")
    rows = [
        {name: steps.number(row, name) for name in names} | {"name": steps.text(row, "name")}
        for row in rows_of(steps, unit)
    ]
    moves = []
    for table in tables[1:]:
        if table.has("n", "origin", "target"):
            for row in rows_of(table, unit):
                n, origin, target = (table.number(row, name) for name in ("n", "origin", "target"))
                if n is not None:
                    moves.append((n, int(origin or 0), int(target or 0)))
    return LadderTrial(f"moves-{number}", unit_label(unit), tuple(rows), tuple(moves), f"ladder-{number}")


def _ladder_sentences(tables: Sequence[PageTable], unit: Unit) -> Iterator[Bilingual]:
    steps = tables[0]
    rows = rows_of(steps, unit)
    totals = [steps.number(row, "total_mnok") for row in rows]
    known = [total for total in totals if total is not None]
    if len(known) == len(rows):
        most = rows[totals.index(max(known))]
        whole, part = numbers(sum(known), 1), numbers(max(known), 1)
        name = _step_name(steps, most)
        yield Bilingual(
            f"Innsatstrappen i {unit_label(unit).nb} koster {whole.nb} mill. kr. Det dyreste trinnet er "
            f"«{name.nb}» med {part.nb} mill. kr.",
            f"The effort ladder of {unit_label(unit).en} costs NOK {whole.en} million. The dearest step is "
            f"“{name.en}” with NOK {part.en} million.",
        )
    for table in tables[1:]:
        if table.has("change_kr"):
            yield from _moves_sentence(table, unit)


def _moves_sentence(moves: PageTable, unit: Unit) -> Iterator[Bilingual]:
    changes = [moves.number(row, "change_kr") for row in rows_of(moves, unit)]
    known = [change for change in changes if change is not None]
    if not known or len(known) < len(changes):
        return
    whole = sum(known)
    kr = numbers(abs(whole), 0)
    nb = (
        "endrer ikke kostnaden"
        if kr.nb == "0"
        else f"{'øker' if whole > 0 else 'senker'} kostnaden med {kr.nb} kr"
    )
    en = (
        "do not change the cost"
        if kr.nb == "0"
        else f"{'raise' if whole > 0 else 'lower'} the cost by NOK {kr.en}"
    )
    yield Bilingual(f"Flyttingene i boken {nb} i året.", f"The moves in the book {en} a year.")


# --- Resource calculator


def calculator_section(tables: Sequence[PageTable], trials: Sequence[Part], own: str = "") -> Made:
    """Section of the calculator: what packages cost, and a trial with quantities of one's own.

    Parameters
    ----------
    tables : sequence of PageTable
        Packages, their sums, what the sums buy.
    trials : sequence of CalculatorTrial
    own : str
        Municipality that comes first.
    """
    cost, sums, other = tables
    units = own_first(units_of(sums), own)[:MOST_UNITS]
    drawings = [_sum_bars(sums, unit, number) for number, unit in enumerate(units)]
    chosen = Choice("sums", UNITS, tuple(zip(map(unit_label, units), drawings, strict=True)))
    short = cost.keeping(
        ["alternative", "service", "quantity", "quantity_unit", "kr_per_year"], rows_of(cost, units[0])
    )
    heading = Bilingual("Ressurskalkulator", "Resource calculator")
    section = Section("calculator", heading, (chosen, sums, *trials, cost, other), (drawings[0], short))
    return Made(section, (*_sum_sentences(sums, units[0]),))


def _sum_bars(sums: PageTable, unit: Unit, number: int) -> Drawing:
    rows = []
    for row in rows_of(sums, unit):
        name, value = sums.text(row, "alternative"), sums.number(row, "kr_per_year")
        kr = numbers(value, 2)
        told = Bilingual(f"{name.nb}: {kr.nb} kr per år", f"{name.en}: NOK {kr.en} a year")
        rows.append(Bar(name, value, told))
    title = joined([Bilingual("Kostnad per år", "Cost per year"), unit_label(unit)])
    about = Bilingual("Hver søyle er en pakke av tiltak.", "Each bar is a package of services.")
    return bars(Named(f"sums-{number}", title, Bilingual("kr per år", "NOK a year"), about, sums.key), rows)


def _sum_sentences(sums: PageTable, unit: Unit) -> Iterator[Bilingual]:
    rows = [row for row in rows_of(sums, unit) if sums.number(row, "kr_per_year") is not None]
    if len(rows) < 2:
        return
    ordered = sorted(rows, key=lambda row: sums.number(row, "kr_per_year") or 0.0)
    ends = [(sums.text(row, "alternative"), numbers(sums.number(row, "kr_per_year"), 0)) for row in ordered]
    (low, least), (high, most) = ends[0], ends[-1]
    if least == most:
        return
    yield Bilingual(
        f"Av pakkene i kalkulatoren er «{low.nb}» rimeligst ({least.nb} kr i året) og «{high.nb}» dyrest "
        f"({most.nb} kr).",
        f"Of the packages “{low.en}” is the cheapest (NOK {least.en} a year) and “{high.en}” the dearest "
        f"(NOK {most.en}).",
    )


# --- Grounds


def grounds_section(tables: Sequence[PageTable]) -> Made:
    """Section of assumptions and judgements.

    Parameters
    ----------
    tables : sequence of PageTable
    """
    heading = Bilingual("Forutsetninger og vurderinger", "Assumptions and judgements")
    short = [table.keeping(_GROUNDS) for table in tables if table.has(*_GROUNDS)]
    return Made(Section("grounds", heading, tuple(tables), tuple(short)))


# Of the assumptions on paper; the log of judgements is for the screen.
_GROUNDS = ("label", "value", "unit", "reason")


def plain_section(key: str, heading: Bilingual, tables: Sequence[PageTable]) -> Made:
    """Section of tables alone.

    Parameters
    ----------
    key : str
    heading : Bilingual
    tables : sequence of PageTable
    """
    return Made(Section(key, heading, tuple(tables)))


__all__ = [
    "GroupTables",
    "Made",
    "calculator_section",
    "grounds_section",
    "ladder_section",
    "plain_section",
    "user_groups_section",
]
