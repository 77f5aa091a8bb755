"""The gap in cost per inhabitant as sheets that compute: services, factors, and the split by Shapley."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import pandas as pd

from kostnadsvekst.chapters.municipal_sheets import (
    conditions,
    links_column,
    result_column,
    row_link,
    unit_columns,
    words,
)
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.comparison import gap, gap_by_service
from kostnadsvekst.municipal.user_group_terms import GROUPS, services
from kostnadsvekst.report.workbook import Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook

_KEYS = ["group", "service"]
# Shapley's weight of an order in which so many of the other three factors are one's own already.
_WEIGHTS = ("1/4", "1/12", "1/12", "1/4")
_FACTORS = {
    "need": Bilingual("Behov", "Need"),
    "coverage": Bilingual("Dekning", "Coverage"),
    "mix": Bilingual("Sammensetning av tjenester", "Mix of services"),
    "unit_cost": Bilingual("Enhetskostnad", "Unit cost"),
}


@dataclass(frozen=True, slots=True)
class GapInputs:
    """Services and municipalities that the gap is computed from.

    Attributes
    ----------
    rows : DataFrame
        ``municipality, year, group, service, users, cost_kr, population, need_index``: for each service one's
        own first, then the others.
    own : str
    left_out : tuple of str
        Services that cannot be compared, and why.
    """

    rows: pd.DataFrame
    own: str
    left_out: tuple[str, ...]

    @property
    def municipalities(self) -> list[str]:
        """One's own first."""
        return list(dict.fromkeys(self.rows["municipality"]))

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """One's own and reference, as `kostnadsvekst.municipal.comparison.gap` takes them."""
        named = self.rows.assign(service=self.rows["group"] + " – " + self.rows["service"])
        mine = named["municipality"] == self.own
        return named[mine], named[~mine]


def gap_inputs(book: MunicipalBook, own: str, members: Sequence[str], year: int) -> GapInputs:
    """Read users and costs by service; what is not known of everybody is left out by name.

    Parameters
    ----------
    book : MunicipalBook
    own : str
    members : sequence of str
        Municipalities of the reference.
    year : int

    Returns
    -------
    GapInputs
    """
    places = [own, *members]
    counts, costs = _of(book.frame("counts"), places, year), _of(_costs(book), places, year)
    users = counts.groupby([*_KEYS, "municipality"])["users"].sum(skipna=False)
    kroner = costs.groupby([*_KEYS, "municipality"])["gross_kr"].sum()
    told = [set(table.groupby(_KEYS).groups) for table in (counts, costs)]
    parts: list[pd.DataFrame] = []
    left_out: list[str] = []
    kinds = {service.label.nb: service.kind for service in services().values()}
    for group, service in sorted(told[0] & told[1]):
        if kinds.get(service) in ("unique", "register"):
            continue
        both = pd.DataFrame({"users": users[group, service], "cost_kr": kroner[group, service]})
        both = both.reindex(places)
        why = _not_comparable(both, own, counts, costs, (group, service))
        if why:
            left_out.append(f"gap: {group}, {service}: {why}")
            continue
        parts.append(both.reset_index(names="municipality").assign(group=group, service=service))
    people = _of(book.frame("population"), places, year)[["municipality", "population", "need_index"]]
    columns = ["municipality", "users", "cost_kr", *_KEYS]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return GapInputs(rows.merge(people, on="municipality").assign(year=float(year)), own, tuple(left_out))


def _of(table: pd.DataFrame, places: Sequence[str], year: int) -> pd.DataFrame:
    return table[table["municipality"].isin(places) & (table["year"] == year)]


def _costs(book: MunicipalBook) -> pd.DataFrame:
    """Gross cost by service, corrections included; shared costs belong to no service."""
    columns = ["municipality", "year", *_KEYS, "provision", "gross_kr"]
    moved = book.frame("corrections").rename(columns={"amount_kr": "gross_kr"})
    parts = [frame[columns] for frame in (book.frame("accounts"), moved) if len(frame)]
    table = pd.concat(parts, ignore_index=True)
    return table[table["service"].notna()]


def _not_comparable(
    both: pd.DataFrame, own: str, counts: pd.DataFrame, costs: pd.DataFrame, cell: tuple[str, str]
) -> str:
    lacking = both.index[both.isna().any(axis=1)]
    if len(lacking):
        return f"users or costs are not told of {', '.join(lacking)}; none is 0"
    mine, theirs = both.loc[own, "users"], both.drop(own)["users"].sum()
    if not (mine > 0 and theirs > 0):
        return "users in one of the two only"
    provisions = [
        set(table.loc[(table["group"] == cell[0]) & (table["service"] == cell[1]), "provision"].dropna())
        for table in (counts, costs)
    ]
    return "" if provisions[1] <= provisions[0] else "costs of a provision of which no users are told"


# --- Sheets


def gap_sheets(
    book: MunicipalBook, given: GapInputs, inputs: Mapping[str, Sheet], lang: str
) -> tuple[Sheet, ...]:
    """Sheets of the gap, the answer first.

    Parameters
    ----------
    book : MunicipalBook
    given : GapInputs
        With rows.
    inputs : mapping of str to Sheet
    lang : {"nb", "en"}

    Raises
    ------
    InvalidDataError
        What `kostnadsvekst.municipal.comparison.gap` refuses.
    """
    places = _places_sheet(book, given, inputs["population"], lang)
    long = _long_sheet(given, inputs, lang)
    table = _services_sheet(given, long, lang)
    factors = _factors_sheet(given, table, places, lang)
    table = _with_split(given, table, factors)
    return _gap_sheet(given, table, factors, lang), table, factors, long, places


def _places_sheet(book: MunicipalBook, given: GapInputs, people: Sheet, lang: str) -> Sheet:
    columns = (
        *unit_columns(lang),
        result_column("population", words(lang, "Innbyggere", "Inhabitants"), "", "whole"),
        result_column("need_index", words(lang, "Behovsindeks", "Need index"), "", "factor"),
        result_column("adjusted", words(lang, "Justerte innbyggere", "Adjusted inhabitants"), "", "number"),
        links_column(lang, 22),
    )
    name = words(lang, "Kommuner i gapet", "Municipalities of the gap")
    empty = Sheet(name, name, columns, ())
    frame = book.frame("population")
    rows: list[tuple[Value, ...]] = []
    for k, one in enumerate(given.rows.drop_duplicates("municipality").to_dict("records")):
        same = (frame["municipality"] == one["municipality"]) & (frame["year"] == one["year"])
        at = int(frame.index[same][0])
        cells = [empty.cell(c, k) for c in ("population", "need_index")]
        rows.append(
            (
                one["municipality"],
                one["year"],
                Formula(f"={people.cell('population', at)}", one["population"]),
                Formula(f"={people.cell('need_index', at)}", one["need_index"]),
                Formula("=" + "*".join(cells), one["population"] * one["need_index"]),
                row_link(people, at),
            )
        )
    return replace(empty, rows=tuple(rows))


def _labels(one: Mapping[object, object], lang: str) -> tuple[str, str]:
    groups = {label.nb: label.get(lang) for label in GROUPS.values()}
    known = {service.label.nb: service.label.get(lang) for service in services().values()}
    group, service = str(one["group"]), str(one["service"])
    return groups.get(group, group), known.get(service, service)


def _key_columns(lang: str) -> tuple[SheetColumn, SheetColumn]:
    return (
        SheetColumn("group", words(lang, "Brukergruppe", "User group"), width=34),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=34),
    )


def _long_sheet(given: GapInputs, inputs: Mapping[str, Sheet], lang: str) -> Sheet:
    """Users and kroner of each service and municipality, summed from the book."""
    columns = (
        *unit_columns(lang),
        *_key_columns(lang),
        result_column("users", words(lang, "Brukere", "Users"), "", "whole"),
        result_column("cost_kr", words(lang, "Brutto", "Gross"), words(lang, "kr", "NOK")),
    )
    name = words(lang, "Tjenester i gapet", "Services of the gap")
    empty = Sheet(name, name, columns, ())
    keys = ("municipality", "year", "group", "service")
    amounts = [
        (inputs[n], c) for n, c in (("accounts", "gross_kr"), ("corrections", "amount_kr")) if n in inputs
    ]
    rows: list[tuple[Value, ...]] = []
    for k, one in enumerate(given.rows.to_dict("records")):
        counts = inputs["counts"]
        users = f"SUMPRODUCT({conditions(counts, empty, k, keys)}*{counts.span('users')})"
        cost = "+".join(f"SUMPRODUCT({conditions(s, empty, k, keys)}*{s.span(c)})" for s, c in amounts)
        label = (one["municipality"], one["year"], *_labels(one, lang))
        rows.append((*label, Formula(f"={users}", one["users"]), Formula(f"={cost}", one["cost_kr"])))
    return replace(empty, rows=tuple(rows))


_PAIRS = ("users", "cost_kr", "mix", "unit_kr")


def _services_sheet(given: GapInputs, long: Sheet, lang: str) -> Sheet:
    """One row for each service: one's own and the sum of the others."""
    kr, per = words(lang, "kr", "NOK"), words(lang, "kr per bruker", "NOK per user")
    labels = {
        "users": (words(lang, "Brukere", "Users"), "", "whole"),
        "cost_kr": (words(lang, "Brutto", "Gross"), kr, "kr"),
        "mix": (words(lang, "Andel av brukerne", "Share of users"), words(lang, "andel", "share"), "factor"),
        "unit_kr": (words(lang, "Enhetskostnad", "Unit cost"), per, "kr"),
    }
    sides = {"own": words(lang, "egen", "own"), "reference": words(lang, "andre", "others")}
    columns = [
        result_column(f"{name}_{side}", f"{labels[name][0]}, {told}", labels[name][1], labels[name][2])
        for name in _PAIRS
        for side, told in sides.items()
    ]
    inhabitant = words(lang, "kr per innbygger", "NOK per inhabitant")
    columns += [
        result_column("mix_kr", _FACTORS["mix"].get(lang), inhabitant),
        result_column("unit_cost_kr", _FACTORS["unit_cost"].get(lang), inhabitant),
    ]
    name = words(lang, "Gap per tjeneste", "Gap by service")
    title = words(
        lang, "Gapet per tjeneste: sammensetning og enhetskostnad", "The gap by service: mix and unit cost"
    )
    empty = Sheet(name, title, (*_key_columns(lang), *columns), ())
    size = len(given.municipalities)
    rows: list[tuple[Value, ...]] = []
    count = len(given.rows) // size
    totals = _totals(given)
    for k in range(count):
        part = given.rows.iloc[k * size : (k + 1) * size]
        block = (k * size + 1, (k + 1) * size - 1)
        users = (float(part["users"].iloc[0]), float(part["users"].iloc[1:].sum()))
        cost = (float(part["cost_kr"].iloc[0]), float(part["cost_kr"].iloc[1:].sum()))
        cells: list[Value] = []
        for column, values in (("users", users), ("cost_kr", cost)):
            cells.append(Formula(f"={long.cell(column, k * size)}", values[0]))
            cells.append(Formula(f"=SUM({long.span(column, block)})", values[1]))
        for side, total, n in zip(sides, totals, users, strict=True):
            whole = empty.span(f"users_{side}", (0, count - 1))
            cells.append(Formula(f"={empty.cell(f'users_{side}', k)}/SUM({whole})", n / total))
        for side, kroner, n in zip(sides, cost, users, strict=True):
            quotient = f"={empty.cell(f'cost_kr_{side}', k)}/{empty.cell(f'users_{side}', k)}"
            cells.append(Formula(quotient, kroner / n))
        rows.append((*_labels(part.iloc[0].to_dict(), lang), *cells, 0.0, 0.0))
    return replace(empty, rows=tuple(rows))


def _totals(given: GapInputs) -> tuple[float, float]:
    mine = given.rows["municipality"] == given.own
    return float(given.rows.loc[mine, "users"].sum()), float(given.rows.loc[~mine, "users"].sum())


_ROWS = ("need", "coverage", "own_mix", "reference_mix", "centre", "weight", "cost")


def _factors_sheet(given: GapInputs, table: Sheet, places: Sheet, lang: str) -> Sheet:
    """Factors of one's own and of the others, and what the split needs of them."""
    names = {
        "need": words(lang, "Behovsindeks", "Need index"),
        "coverage": words(lang, "Brukere per justert innbygger", "Users per adjusted inhabitant"),
        "own_mix": words(lang, "Kr per bruker, egen sammensetning", "NOK per user, one's own mix"),
        "reference_mix": words(
            lang, "Kr per bruker, de andres sammensetning", "NOK per user, the others' mix"
        ),
        "centre": words(lang, "Kr per bruker, midt mellom", "NOK per user, midway"),
        "weight": words(lang, "Brukere per innbygger, Shapley-vekt", "Users per inhabitant, Shapley weight"),
        "cost": words(lang, "Kr per innbygger", "NOK per inhabitant"),
    }
    columns = (
        SheetColumn("factor", words(lang, "Faktor", "Factor"), width=44),
        result_column("own", words(lang, "Egen (priser)", "Own (prices)"), "", "factor"),
        result_column("reference", words(lang, "De andre (priser)", "The others (prices)"), "", "factor"),
    )
    name = words(lang, "Faktorer", "Factors")
    empty = Sheet(name, words(lang, "Faktorer i gapet", "Factors of the gap"), columns, ())
    numbers = _numbers(given)
    formulas = _factor_formulas(empty, table, places)
    rows: list[tuple[Value, ...]] = [
        (names[key], *(Formula(f"={formulas[key][j]}", numbers[key][j]) for j in (0, 1))) for key in _ROWS
    ]
    return replace(empty, rows=tuple(rows))


def _factor_formulas(sheet: Sheet, table: Sheet, places: Sheet) -> dict[str, tuple[str, str]]:
    last, sides = len(places.rows) - 1, ("own", "reference")
    users = [f"SUM({table.span(f'users_{side}')})" for side in sides]
    adjusted = [places.cell("adjusted", 0), f"SUM({places.span('adjusted', (1, last))})"]
    people = [places.cell("population", 0), f"SUM({places.span('population', (1, last))})"]
    at = {key: (sheet.cell("own", k), sheet.cell("reference", k)) for k, key in enumerate(_ROWS)}
    mixed = {
        f"{mix}_mix": tuple(
            f"SUMPRODUCT({table.span(f'mix_{mix}')}*{table.span(f'unit_kr_{u}')})" for u in sides
        )
        for mix in sides
    }
    weight = tuple(
        "+".join(
            f"{_WEIGHTS[n + c + chosen]}*{at['need'][1 - n]}*{at['coverage'][1 - c]}"
            for n, c in product((0, 1), repeat=2)
        )
        for chosen in (1, 0)
    )
    return {
        "need": (f"{adjusted[0]}/{people[0]}", f"{adjusted[1]}/{people[1]}"),
        "coverage": (f"{users[0]}/{adjusted[0]}", f"{users[1]}/{adjusted[1]}"),
        "own_mix": (mixed["own_mix"][0], mixed["own_mix"][1]),
        "reference_mix": (mixed["reference_mix"][0], mixed["reference_mix"][1]),
        "centre": (
            f"({at['own_mix'][0]}+{at['reference_mix'][0]})/2",
            f"({at['own_mix'][1]}+{at['reference_mix'][1]})/2",
        ),
        "weight": (weight[0], weight[1]),
        "cost": (
            f"{at['need'][0]}*{at['coverage'][0]}*{at['own_mix'][0]}",
            f"{at['need'][1]}*{at['coverage'][1]}*{at['reference_mix'][1]}",
        ),
    }


def _numbers(given: GapInputs) -> dict[str, tuple[float, float]]:
    """Compute the numbers that the formulas come to."""
    mine = given.rows["municipality"] == given.own
    facts = []
    for part in (given.rows[mine], given.rows[~mine]):
        places = part.drop_duplicates("municipality")
        adjusted = float((places["population"] * places["need_index"]).sum())
        sums = part.groupby(_KEYS)[["users", "cost_kr"]].sum()
        total = float(sums["users"].sum())
        facts.append(
            (
                adjusted / float(places["population"].sum()),
                total / adjusted,
                sums["users"] / total,
                sums["cost_kr"] / sums["users"],
            )
        )
    (n1, c1, m1, u1), (n0, c0, m0, u0) = facts
    own, other = (float(m1 @ u1), float(m1 @ u0)), (float(m0 @ u1), float(m0 @ u0))
    weights = (0.25, 1 / 12, 1 / 12, 0.25)
    pairs = [(n, c, (n0, n1)[n] * (c0, c1)[c]) for n, c in product((0, 1), repeat=2)]
    weight = [sum(weights[n + c + chosen] * x for n, c, x in pairs) for chosen in (1, 0)]
    return {
        "need": (n1, n0),
        "coverage": (c1, c0),
        "own_mix": own,
        "reference_mix": other,
        "centre": ((own[0] + other[0]) / 2, (own[1] + other[1]) / 2),
        "weight": (weight[0], weight[1]),
        "cost": (n1 * c1 * own[0], n0 * c0 * other[1]),
    }


def _with_split(given: GapInputs, table: Sheet, factors: Sheet) -> Sheet:
    """Add to each service what it is of mix and unit cost."""
    found = gap_by_service(*given.frames()).pivot(index="service", columns="factor", values="contribution_kr")
    names = list(dict.fromkeys(given.frames()[0]["service"]))
    at = {key: (factors.cell("own", k), factors.cell("reference", k)) for k, key in enumerate(_ROWS)}
    rows = []
    for k, row in enumerate(table.rows):
        cell = {c.name: table.cell(c.name, k) for c in table.columns}
        mix = "+".join(
            f"{at['weight'][j]}*({cell[f'unit_kr_{side}']}-{at['centre'][j]})"
            for j, side in enumerate(("own", "reference"))
        )
        unit = "+".join(f"{at['weight'][j]}*{cell[f'mix_{s}']}" for j, s in enumerate(("own", "reference")))
        rows.append(
            (
                *row[:-2],
                Formula(
                    f"=({cell['mix_own']}-{cell['mix_reference']})*({mix})", float(found["mix"][names[k]])
                ),
                Formula(
                    f"=({cell['unit_kr_own']}-{cell['unit_kr_reference']})*({unit})",
                    float(found["unit_cost"][names[k]]),
                ),
            )
        )
    return replace(table, rows=tuple(rows))


def _gap_sheet(given: GapInputs, table: Sheet, factors: Sheet, lang: str) -> Sheet:
    """Write the four contributions and their sum."""
    found = gap(*given.frames())
    unit = words(lang, "kr per innbygger", "NOK per inhabitant")
    columns = (
        SheetColumn("factor", words(lang, "Årsak", "Cause"), width=48),
        result_column("contribution_kr", words(lang, "Bidrag til gapet", "Contribution to the gap"), unit),
    )
    name = words(lang, "Gap", "Gap of costs")
    note = words(
        lang,
        "Over null gjør egen kommune dyrere. Tjenestene står i neste ark.",
        "Above zero makes one's own dearer. Services: the next sheet.",
    )
    title = words(lang, "Gapet i kostnad per innbygger, delt opp", "The gap in cost per inhabitant, split")
    empty = Sheet(name, title, columns, (), (note,))
    texts = _contributions(table, factors)
    rows: list[tuple[Value, ...]] = [
        (_FACTORS[one.factor].get(lang), Formula(f"={texts[one.factor]}", float(one.contribution_kr)))
        for one in found.itertuples()
    ]
    total = Formula(f"=SUM({empty.span('contribution_kr', (0, 3))})", float(found["contribution_kr"].sum()))
    rows.append((words(lang, "Gapet i alt", "The whole gap"), total))
    return replace(empty, rows=tuple(rows))


def _contributions(table: Sheet, factors: Sheet) -> dict[str, str]:
    at = {key: (factors.cell("own", k), factors.cell("reference", k)) for k, key in enumerate(_ROWS)}
    # Kroner per user by mix and prices, 1 for one's own.
    per_user = {(1, u): at["own_mix"][1 - u] for u in (0, 1)} | {
        (0, u): at["reference_mix"][1 - u] for u in (0, 1)
    }

    def average(other: str) -> str:
        return "+".join(
            f"{_WEIGHTS[k + m + u]}*{at[other][1 - k]}*{per_user[m, u]}"
            for k, m, u in product((0, 1), repeat=3)
        )

    return {
        "need": f"({at['need'][0]}-{at['need'][1]})*({average('coverage')})",
        "coverage": f"({at['coverage'][0]}-{at['coverage'][1]})*({average('need')})",
        "mix": f"SUM({table.span('mix_kr')})",
        "unit_cost": f"SUM({table.span('unit_cost_kr')})",
    }
