"""Profile of municipalities by user group: costs, users, places and man-years beside the mean of others."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.municipal.user_group_inputs import AMOUNTS, CELL, COUNTS, Inputs, read_inputs, strict_sums
from kostnadsvekst.municipal.user_group_measures import GREEN, RED, colours, ratio
from kostnadsvekst.municipal.user_group_terms import (
    AGE_80,
    AGE_COLUMNS,
    ALL,
    BOUGHT,
    GROUP_AGE,
    GROUPS,
    INSTITUTION,
    KINDS,
    MEASURES,
    NURSING_HOME_FUNCTIONS,
    OWN,
    PLACE_KINDS,
    PROVISIONS,
    SHORT_TERM,
    services,
)
from kostnadsvekst.naming import first_of, nearest_names
from kostnadsvekst.provenance import SYNTHETIC

KEYS = ("year", "group", "age", "service", "provision", "measure")
COLUMNS = (
    "municipality",
    *KEYS,
    "numerator",
    "denominator",
    "value",
    "unit",
    "mean",
    "index",
    "colour",
    "status",
)
_BY_SERVICE = list(CELL[:-1])
_BY_GROUP = list(CELL[:3])
_PART = {OWN: 1, BOUGHT: 2, ALL: 4}  # bits: a sum of parts is the set of them
_MEANS = ("municipalities", "ratio_of_sums")
_SIXTEEN_BITS = 2**16
_ELDERLY = tuple(group for group in GROUPS if group.startswith("elderly"))
_AGES = pd.CategoricalDtype(sorted({ALL, *AGE_COLUMNS}))
_MEASURES = pd.CategoricalDtype(list(MEASURES))


def profile(
    counts: pd.DataFrame,
    accounts: pd.DataFrame,
    population: pd.DataFrame,
    need_index: pd.DataFrame | float,
    *,
    mean: Literal["municipalities", "ratio_of_sums"] = "municipalities",
    reference: Sequence[str] | None = None,
    merged: Mapping[str, Sequence[str]] | None = None,
    zeros_in_rates: bool = True,
    zeros_in_unit_costs: bool = False,
) -> pd.DataFrame:
    """Costs, users, places and man-years by user group, for several municipalities and years.

    Parameters
    ----------
    counts : DataFrame
        ``municipality``, ``year``, ``group``, ``service``, ``provision`` (``"own"``, ``"bought"`` or
        ``"all"``; may lack) and any of ``users`` (persons on 31 December), ``places``, ``units`` (of
        operation) and ``fte`` (man-years). Missing is unknown, zero is none. The service ``"unique_users"``
        counts persons once. Groups and services are codes of `user_group_terms` or their names in Norwegian
        or English; a service of one's own may have a column ``kind``.
    accounts : DataFrame
        The same five columns, and kroner in two or all of ``gross_kr``, ``net_kr``, ``refund_kr`` (for
        resource-intensive users; gross = net + refund). The service ``"all"`` (or empty) belongs to the group
        alone. With ``function`` functions outside care are left out, functions must exist in the year, and a
        nursing-home place costs 253 + 256 + 261; without, what the institution group costs.
    population : DataFrame
        ``municipality``, ``year``, ``population``, and ``population_0_17``, ``population_18_67``,
        ``population_80_plus`` where wanted; or one row for each ``age``.
    need_index : DataFrame or float
        ``municipality``, ``year``, ``need_index`` as a factor (0.972); optionally ``pu_index``, the share
        with intellectual disability over that of the country. A number holds for all.
    mean : {"municipalities", "ratio_of_sums"}
        Mean of the municipalities' values, each counting once; or sum of numerators over sum of denominators.
    reference : sequence of str, optional
        Municipalities of the mean. Default: all.
    merged : mapping of str to sequence of str, optional
        Name -> municipalities that are shown as one, by sums of numerators over sums of denominators.
    zeros_in_rates, zeros_in_unit_costs : bool
        Whether zeros count in means of rates and shares (default: yes), and of unit costs (default: no).

    Returns
    -------
    DataFrame
        ``municipality, year, group, age, service, provision, measure, numerator, denominator, value, unit,
        mean, index, colour, status``. ``age`` is ``"all"`` where the denominator is all inhabitants times
        need index. ``group`` and ``service`` ``"all"`` are sums. ``index`` has the mean as 100, ``colour`` is
        red above it and green below, ``status`` says whether the formula is stated, derived or assumed.
        ``attrs["left_out"]`` names what is not identified; ``attrs["provenance"]`` is that of the tables.

    Raises
    ------
    InvalidDataError
        All faults of the four tables: unknown groups, municipalities without population or need index,
        repeated rows, negative or broken counts, texts among numbers, functions of other years, totals that
        are not the sum of their parts.
    DataMissingError
        Columns that lack.
    SpecificationError
        An unknown `mean`, `reference` or `merged` municipality.

    Warns
    -----
    DataWarning
        Costs without recipients or places: the unit cost is left out; services that are not known.

    Notes
    -----
    value = numerator / denominator × (1, 100 or 1000). Amounts, users, places and man-years are divided by
    population × need index; in the age group of the group (0-17, 18-67) and at 80+ without correction for
    need. Source: Harstad 2023, section 1.1 and the tables; which mean the sources use, and whether zeros
    count in it, is not determined. Protect it before it is published (`protection.protect_profile`).
    """
    if mean not in _MEANS:
        raise SpecificationError(f"mean={mean!r}; allowed are {' and '.join(map(repr, _MEANS))}")
    given = read_inputs(counts, accounts, population, need_index)
    whole, zero_filled = _merge(given, merged or {})
    inputs = _coded(whole)
    told = _with_sums(inputs.counts, COUNTS)
    spent = _with_sums(inputs.accounts[inputs.accounts["service"] != ALL], ["gross_kr"])
    rows, not_identified = _identified(
        pd.concat([*_cost_rows(inputs, spent), *_count_rows(inputs, told, spent)])
    )
    not_identified += _unmatched_costs(told, spent)
    members = _reference(rows, reference)
    keep_zeros = {"rate": zeros_in_rates, "share": zeros_in_rates, "unit_cost": zeros_in_unit_costs}
    result = _beside_mean(rows, mean, members, keep_zeros)
    left_out = [*inputs.left_out, *not_identified, *zero_filled, *_ages_left_out(inputs)]
    _warn([*not_identified, *zero_filled])
    result.attrs = {"mean": mean, "reference": members, "left_out": left_out}
    result.attrs |= _origin([counts, accounts, population, need_index])
    return result


def _origin(tables: Sequence[object]) -> dict[str, object]:
    """Where the data come from, if a table says so; one synthetic table makes the whole synthetic."""
    told = [t.attrs["provenance"] for t in tables if isinstance(t, pd.DataFrame) and "provenance" in t.attrs]
    first = sorted(told, key=lambda of: not (isinstance(of, Mapping) and of.get("origin") == SYNTHETIC))
    return {"provenance": first[0]} if first else {}


def _warn(left_out: Sequence[str]) -> None:
    if left_out:
        lines = "\n".join(f"  - {line}" for line in first_of(left_out))
        warnings.warn(f"user groups: {len(left_out)} remark(s)\n{lines}", DataWarning, stacklevel=3)


# --- Municipalities that are shown as one


def _merge(inputs: Inputs, merged: Mapping[str, Sequence[str]]) -> tuple[Inputs, list[str]]:
    if not merged:
        return inputs, []
    _check_merged(inputs, merged)
    name_of = {member: name for name, members in merged.items() for member in members}
    names = inputs.places.index.get_level_values(0)
    places = inputs.places.groupby(
        [names.map(lambda m: name_of.get(m, m)), inputs.places.index.get_level_values(1)]
    ).agg(lambda x: x.sum(skipna=False))
    places.index.names = ["municipality", "year"]
    lacking = _lacking(inputs.counts, merged)
    renamed = [
        table.assign(municipality=table["municipality"].map(lambda m: name_of.get(m, m)))
        for table in (inputs.counts, inputs.accounts)
    ]
    added = strict_sums(renamed[0], [*CELL, "kind"], COUNTS).reset_index()
    return replace(inputs, counts=added, accounts=renamed[1], places=places), lacking


def _check_merged(inputs: Inputs, merged: Mapping[str, Sequence[str]]) -> None:
    known = set(inputs.places.index.get_level_values(0))
    members = [m for ms in merged.values() for m in ms]
    problems = [
        f"merged: {nearest_names([m], known)} is no municipality here" for m in members if m not in known
    ]
    problems += [
        f"merged: {m!r} is a part of two" for m in sorted({m for m in members if members.count(m) > 1})
    ]
    problems += [
        f"merged: {name!r} is another municipality" for name in merged if name in known - set(members)
    ]
    years = {m: set(inputs.places.loc[[m]].index.get_level_values(1)) for m in members if m in known}
    problems += [
        f"merged: the members of {name!r} have different years"
        for name, ms in merged.items()
        if len({frozenset(years.get(m, ())) for m in ms}) > 1
    ]
    if problems:
        raise SpecificationError("; ".join(problems))


def _lacking(counts: pd.DataFrame, merged: Mapping[str, Sequence[str]]) -> list[str]:
    """Services that one member reports and another does not: counted as none."""
    found = []
    for name, members in merged.items():
        inside = counts[counts["municipality"].isin(members)]
        by = ["year", "group", "service"]
        for key, rows in inside.groupby(by, sort=True):
            lack = [m for m in members if m not in set(rows["municipality"])]
            if lack:
                cell = ", ".join(map(str, key))
                found.append(f"{name} {cell}: {', '.join(lack)} reports none; counted as zero")
    return found


# --- Rows of costs


def _cost_rows(inputs: Inputs, spent: pd.DataFrame) -> Iterable[pd.DataFrame]:
    accounts, places = inputs.accounts, inputs.places
    amounts = list(AMOUNTS)
    group = accounts.groupby(_BY_GROUP)[amounts].sum().reset_index()
    total = accounts.groupby(_BY_GROUP[:2])[amounts].sum().reset_index()
    total = _called(total, accounts, group=ALL)
    whole = _called(pd.concat([group, total]), accounts, service=ALL, provision=ALL)
    whole = _beside(whole, places)
    service = _beside(spent, places)
    for column, measure in (("net_kr", "net_per_inhabitant"), ("gross_kr", "gross_per_inhabitant")):
        yield from _per_inhabitant(whole, column, measure)
    yield from _per_inhabitant(service, "gross_kr", "gross_per_inhabitant")
    if "adjusted_pu" in places:
        pu = whole[whole["group"].isin(("pu_children", "pu_adults"))]
        yield _rows(pu, "net_per_inhabitant_pu", "net_kr", "adjusted_pu")
    yield _rows(whole, "refund_share", "refund_kr", "gross_kr")
    beside = group.merge(total, on=_BY_GROUP[:2], suffixes=("", "_total"), validate="m:1")
    beside = _called(beside, accounts, service=ALL, provision=ALL)
    yield _rows(beside, "share_of_net", "net_kr", "net_kr_total")
    yield _bought(accounts)


def _bought(accounts: pd.DataFrame) -> pd.DataFrame:
    """Share that is bought, of services and groups of which it is told for every krone."""
    bought = accounts["gross_kr"].where(accounts["provision"] == BOUGHT, 0.0)
    marked = accounts.assign(bought_kr=bought, split=accounts["provision"] != ALL)
    parts = [marked[marked["service"] != ALL], _called(marked, marked, service=ALL)]
    sums = pd.concat(
        part.groupby(_BY_SERVICE)
        .agg(bought_kr=("bought_kr", "sum"), gross_kr=("gross_kr", "sum"), split=("split", "all"))
        .reset_index()
        for part in parts
    )
    told = _called(sums[sums.pop("split")], marked, provision=ALL)
    return _rows(told, "bought_share", "bought_kr", "gross_kr")


# --- Rows of counts


def _count_rows(inputs: Inputs, told: pd.DataFrame, spent: pd.DataFrame) -> Iterable[pd.DataFrame]:
    counts, places = inputs.counts, inputs.places
    cells = _beside(pd.concat([told, *_place_sums(counts)], ignore_index=True), places)
    for column in ("users", "places", "fte"):
        yield from _per_inhabitant(cells, column, f"{column}_per_1000")
    own = cells[cells["provision"] == OWN]
    yield _rows(own, "fte_per_100_recipients", "fte", "users")
    yield _rows(own, "fte_per_place", "fte", "places")
    yield _rows(cells[cells["provision"] != BOUGHT], "places_per_unit", "places", "units")
    elderly = cells[cells["group"].isin(_ELDERLY) & (cells["provision"] == ALL)]
    kinds = (*PLACE_KINDS, "housing", "sum")
    if AGE_COLUMNS[AGE_80] in cells:
        covered = elderly[elderly["kind"].isin(kinds)]
        yield _rows(covered, "coverage_80_plus", "places", AGE_COLUMNS[AGE_80], AGE_80)
    yield _services_per_user(counts)
    yield from _unit_costs(cells, spent, inputs.accounts)


def _place_sums(counts: pd.DataFrame) -> Iterable[pd.DataFrame]:
    """Places of nursing homes, and short-term places, as services of their own."""
    home = counts[counts["group"].eq("elderly_institution")]
    typed = home["kind"].isin(PLACE_KINDS)
    plain = home["kind"].eq("institution")
    has_types = _any_in_group(home, typed & home["places"].notna())
    has_staff = _any_in_group(home, plain & home["fte"].notna())
    staff = home[np.where(has_staff, plain, typed)]
    for name, part, of_staff in (
        (INSTITUTION, home[typed | (plain & ~has_types)], staff),
        (SHORT_TERM, home[home["kind"].eq("short_term")], None),
    ):
        yield _sum_of_places(name, part, of_staff)


def _any_in_group(rows: pd.DataFrame, flag: pd.Series) -> pd.Series:
    """Whether any row of the municipality, year and group has a flag."""
    return flag.groupby([rows[key] for key in _BY_GROUP]).transform("any").astype(bool)


def _sum_of_places(name: str, part: pd.DataFrame, staff: pd.DataFrame | None) -> pd.DataFrame:
    """Sum by provision where every cell tells it, and of all."""
    split = ~_any_in_group(part, part["provision"].eq(ALL))
    by_provision = _places_and_staff(part[split], staff)
    everyone = None if staff is None else _called(staff, part, provision=ALL)
    whole = _places_and_staff(_called(part, part, provision=ALL), everyone)
    both = _called(pd.concat([by_provision, whole]), part, service=name, kind="sum")
    return both.reindex(columns=[*CELL, "kind", *COUNTS])


def _places_and_staff(part: pd.DataFrame, staff: pd.DataFrame | None) -> pd.DataFrame:
    keys = [*_BY_GROUP, "provision"]
    sums = part.groupby(keys)[["places", "units"]].sum(min_count=1)
    if staff is not None:
        sums = sums.join(strict_sums(staff, keys, ["fte"]))
    return sums.reset_index()


def _services_per_user(counts: pd.DataFrame) -> pd.DataFrame:
    """Users of all services over persons counted once."""
    unique = counts[counts["kind"] == "unique"].groupby(_BY_GROUP)["users"].sum(min_count=1).rename("unique")
    used = counts[~counts["kind"].isin(("unique", "register"))]
    both = used.groupby(_BY_GROUP)["users"].sum(min_count=1).to_frame().join(unique).reset_index()
    both = _called(both, counts, service=ALL, provision=ALL)
    return _rows(both, "services_per_unique_user", "users", "unique")


def _unit_costs(cells: pd.DataFrame, spent: pd.DataFrame, accounts: pd.DataFrame) -> Iterable[pd.DataFrame]:
    keys = list(CELL)
    both = cells.merge(spent[[*keys, "gross_kr", "parts"]], on=keys, suffixes=("", "_spent"), validate="1:1")
    # Costs of two provisions over users of one would be no unit cost.
    both = both[(both["provision"] != ALL) | ~_unmatched(both)]
    yield _rows(both, "cost_per_recipient", "gross_kr", "users")
    yield _rows(both[both["kind"] == "housing"], "cost_per_place", "gross_kr", "places")
    homes = accounts[accounts["group"] == "elderly_institution"]
    if "function" in homes:
        homes = homes[homes["function"].isin(NURSING_HOME_FUNCTIONS)]
    total = _with_sums(_called(homes, homes, service=INSTITUTION, kind="sum"), ["gross_kr"])
    nursing = cells[cells["service"] == INSTITUTION]
    beside = nursing.merge(total[[*keys, "gross_kr"]], on=keys, validate="1:1")
    yield _rows(beside, "cost_per_place", "gross_kr", "places")


def _unmatched(both: pd.DataFrame) -> pd.Series:
    """Whether costs are told of a provision of which the counts tell nothing."""
    counted, spent = (both[c].fillna(_PART[ALL]).astype("int64") for c in ("parts", "parts_spent"))
    return ((spent & ~counted) > 0) & (((counted | spent) & _PART[ALL]) == 0)


def _unmatched_costs(told: pd.DataFrame, spent: pd.DataFrame) -> list[str]:
    """By name: unit costs of a whole service that would divide two provisions by the users of one."""
    both = told.merge(spent, on=list(CELL), suffixes=("", "_spent"))
    counted = both[["users", "places"]].notna().any(axis=1)
    wrong = both[_unmatched(both) & (both["provision"] == ALL) & counted]
    return [
        f"{r.municipality} {r.year}, {r.group}, {r.service}: unit costs of own and bought together are left "
        f"out, counts are given for {_named(r.parts)} only; add a row for {_named(r.parts_spent & ~r.parts)} "
        "(zero is a count)"
        for r in wrong.itertuples()
    ]


def _named(parts: int) -> str:
    return " and ".join(name for name, bit in _PART.items() if parts & bit)


# --- Building blocks


def _with_sums(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Own, bought and their sum; a sum with an unknown part is unknown. ``parts``: what it is the sum of."""
    service = [*_BY_SERVICE, "kind"]
    parts = strict_sums(table, [*service, "provision"], columns).reset_index()
    parts["parts"] = parts["provision"].map(_PART).astype("int64")
    whole = strict_sums(parts, service, [*columns, "parts"]).reset_index()
    return pd.concat(
        [parts[parts["provision"] != ALL], _called(whole, table, provision=ALL)], ignore_index=True
    )


def _per_inhabitant(table: pd.DataFrame, column: str, measure: str) -> Iterable[pd.DataFrame]:
    """Per need-adjusted inhabitant, and per inhabitant in the age group of the group."""
    yield _rows(table, measure, column, "adjusted")
    for age in dict.fromkeys(GROUP_AGE.values()):
        if AGE_COLUMNS[age] in table:
            inside = table[table["group"].isin([group for group, of in GROUP_AGE.items() if of == age])]
            yield _rows(inside, measure, column, AGE_COLUMNS[age], age)


def _beside(table: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Cells with the denominators of their municipality and year."""
    return table.merge(places, on=["municipality", "year"], how="left", validate="m:1")


def _rows(
    table: pd.DataFrame, measure: str, numerator: str, denominator: str, age: str = ALL
) -> pd.DataFrame:
    cells = {name: table[name].array for name in CELL}
    words = {"age": _constant(age, _AGES, len(table)), "measure": _constant(measure, _MEASURES, len(table))}
    amounts = {"numerator": table[numerator], "denominator": table[denominator]}
    numbers = {name: column.to_numpy(dtype=float) for name, column in amounts.items()}
    return pd.DataFrame({**cells, **words, **numbers})


def _coded(inputs: Inputs) -> Inputs:
    """Words as codes of lists in the order of the alphabet, by which all sums are grouped faster."""
    tables, names = (inputs.counts, inputs.accounts), inputs.places.index.get_level_values(0)
    own = {service for table in tables for service in table["service"].unique()}
    kinds = {
        "municipality": pd.CategoricalDtype(sorted(set(names))),
        "group": pd.CategoricalDtype(sorted({ALL, *GROUPS})),
        "service": pd.CategoricalDtype(sorted({ALL, INSTITUTION, SHORT_TERM, *own})),
        "provision": pd.CategoricalDtype(sorted(PROVISIONS)),
    }
    coded = [
        table.astype({**kinds, "kind": pd.CategoricalDtype(sorted({*KINDS, "sum"}))}) for table in tables
    ]
    places = inputs.places.reset_index().astype({"municipality": kinds["municipality"]})
    return replace(inputs, counts=coded[0], accounts=coded[1], places=places)


def _called(table: pd.DataFrame, like: pd.DataFrame, **words: str) -> pd.DataFrame:
    """Rows with one word in a column, as a code of the list that another table has there."""
    return table.assign(
        **{name: _constant(word, like[name].dtype, len(table)) for name, word in words.items()}
    )


def _constant(word: str, kind: pd.CategoricalDtype, n: int) -> pd.Categorical:
    code = kind.categories.get_loc(word)
    return pd.Categorical.from_codes(np.full(n, code, dtype=np.int16), dtype=kind)


def _identified(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows with a value, and by name those that have a numerator over nothing."""
    above, below = (rows[name].to_numpy() for name in ("numerator", "denominator"))
    known = ~(np.isnan(above) | np.isnan(below))
    empty = rows[known & (below == 0) & (above != 0)]
    # The number may be a count of few, and remarks are told and logged in public runs, too.
    left_out = [
        f"{r.municipality} {r.year}, {r.group}, {r.service}, {r.provision}: {r.measure} is left out, "
        "a number over zero; correct the count, or move the amount"
        for r in empty.itertuples()
    ]
    return rows[known & (below != 0)].reset_index(drop=True), left_out


def _ages_left_out(inputs: Inputs) -> list[str]:
    """Age groups of which the population is not given: for all, or for some."""
    found = []
    for age, column in AGE_COLUMNS.items():
        if column not in inputs.places:
            found.append(f"{column} is not given: rates in the age group {age} are left out")
        else:
            lacking = inputs.places[inputs.places[column].isna()]
            found += [
                f"{m} {y}: {column} is not given, rates in the age group are left out"
                for m, y in zip(lacking["municipality"], lacking["year"], strict=True)
            ]
    return found


# --- Means


def _reference(rows: pd.DataFrame, reference: Sequence[str] | None) -> list[str]:
    known = sorted(rows["municipality"].unique())
    if reference is None:
        return known
    unknown = [m for m in reference if m not in known]
    if unknown or not len(reference):
        raise SpecificationError(
            f"reference: {nearest_names(unknown, known) or 'nobody'}; municipalities are {', '.join(known)}"
        )
    return list(dict.fromkeys(map(str, reference)))


def _beside_mean(
    rows: pd.DataFrame, mean: str, members: Sequence[str], keep_zeros: Mapping[str, bool]
) -> pd.DataFrame:
    kind, known = rows["measure"].cat.codes.to_numpy(), MEASURES.values()
    cell = _cells_of(rows)
    per = np.array([m.per for m in known])[kind]
    value = ratio(rows["numerator"], rows["denominator"]) * per
    zeros = np.array([keep_zeros[m.kind] for m in known], dtype=bool)[kind]
    inside = (zeros | (value != 0)) & rows["municipality"].isin(members).to_numpy()
    pool = rows[["numerator", "denominator"]].assign(cell=cell, value=value, per=per)[inside]
    means = _means(pool, mean).reindex(range(int(cell.max(initial=0)) + 1)).to_numpy()[cell]
    rows = rows.assign(
        value=value,
        unit=_words([m.unit.en for m in known], kind),
        mean=means,
        index=ratio(value, means, 100.0),
        colour=_words(["", RED, GREEN], colours(value, means)),
        status=_words([m.status for m in known], kind),
    )
    order = np.lexsort((rows["municipality"].cat.codes.to_numpy(), cell))
    return _in_words(rows[list(COLUMNS)].iloc[order].reset_index(drop=True))


def _means(pool: pd.DataFrame, mean: str) -> pd.Series:
    grouped = pool.groupby("cell")
    if mean == "municipalities":
        return grouped["value"].mean()
    sums = grouped.agg(top=("numerator", "sum"), bottom=("denominator", "sum"), per=("per", "first"))
    return sums["top"] / sums["bottom"].replace(0, np.nan) * sums["per"]


def _cells_of(rows: pd.DataFrame) -> NDArray[np.integer]:
    """Give each row the number of its cell, from zero in the order of the profile.

    Groups, measures and services come as in their lists, services of the user's own last.
    """
    number = np.unique(rows["year"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    orders: tuple[tuple[str, list[str]], ...] = (
        ("group", [ALL, *GROUPS]),
        ("measure", list(MEASURES)),
        ("age", []),
        ("service", [ALL, INSTITUTION, SHORT_TERM, *services()]),
        ("provision", [ALL, *PROVISIONS]),
    )
    for column, order in orders:
        words = list(rows[column].cat.categories)
        place = {word: k for k, word in reversed(list(enumerate(order)))}
        ranked = sorted(words, key=lambda word: (place.get(word, len(order)), word))
        ranks = np.array([ranked.index(word) for word in words], dtype=np.int64)
        number = number * len(words) + ranks[rows[column].cat.codes.to_numpy()]
    cell, distinct = pd.factorize(number, sort=True)
    assert isinstance(cell, np.ndarray)
    # Sixteen bits are sorted in two passes.
    return cell.astype(np.uint16) if len(distinct) < _SIXTEEN_BITS else cell


def _words(words: Sequence[str], codes: NDArray[np.integer]) -> pd.Categorical:
    """Word of each code; several codes may have the same word."""
    distinct = list(dict.fromkeys(words))
    same = np.array([distinct.index(word) for word in words], dtype=np.int16)
    return pd.Categorical.from_codes(same[codes], distinct)


def _in_words(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with texts in the place of codes."""
    coded = [name for name in rows if isinstance(rows[name].dtype, pd.CategoricalDtype)]
    return rows.assign(
        **{n: rows[n].cat.categories.astype("str").array.take(rows[n].cat.codes.to_numpy()) for n in coded}
    )
