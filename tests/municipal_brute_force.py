"""The profile of user groups again, row by row in plain Python, from the words of its definition."""

import math
from collections import defaultdict

ADULT_GROUPS = {"pu_adults", "mh_adults"}
CHILD_GROUPS = {"pu_children", "mh_children"}
NURSING = ("long_term_ordinary", "long_term_dementia", "short_term_ordinary", "short_term_rehabilitation")
NURSING += ("acute_beds",)
SHORT = NURSING[2:]


def brute_force(counts, accounts, population, need):
    """(municipality, year, group, age, service, provision, measure) -> value."""
    found = {}
    index = {(r.municipality, r.year): r.need_index for r in need.itertuples()}
    counted, booked = (_by_place(table) for table in (counts, accounts))
    for people in population.itertuples():
        place, year = where = people.municipality, people.year
        for key, value in _place(counted[where], booked[where], people, index[where]):
            if value is not None:
                found[(place, year, *key)] = value
    return found


def _by_place(table):
    found = defaultdict(list)
    for row in table.itertuples():
        found[row.municipality, row.year].append(row)
    return found


def _place(here, spent, people, need):
    adjusted = people.population * need
    total_net = sum(r.gross_kr - r.refund_kr for r in spent)
    yield ("all", "all", "all", "all", "net_per_inhabitant"), total_net / adjusted
    for group in sorted({r.group for r in [*here, *spent]}):
        ages = {"all": adjusted}
        ages |= {"18-67": people.population_18_67} if group in ADULT_GROUPS else {}
        ages |= {"0-17": people.population_0_17} if group in CHILD_GROUPS else {}
        rows = [r for r in here if r.group == group]
        costs = [r for r in spent if r.group == group]
        yield from _costs(group, costs, ages, total_net)
        yield from _counts(group, rows, costs, ages)
        yield from _nursing(group, rows, costs, people.population_80_plus)


def _costs(group, costs, ages, total_net):
    if not costs:
        return
    gross = sum(r.gross_kr for r in costs)
    refund = sum(r.refund_kr for r in costs)
    for age, people in ages.items():
        yield (group, age, "all", "all", "gross_per_inhabitant"), gross / people
        yield (group, age, "all", "all", "net_per_inhabitant"), (gross - refund) / people
    yield (group, "all", "all", "all", "refund_share"), 100 * refund / gross
    yield (group, "all", "all", "all", "share_of_net"), 100 * (gross - refund) / total_net
    for service in {r.service for r in costs}:
        own, bought = (
            [r.gross_kr for r in costs if (r.service, r.provision) == (service, p)] for p in ("own", "bought")
        )
        yield (group, "all", service, "all", "bought_share"), 100 * sum(bought) / (sum(own) + sum(bought))
        for age, people in ages.items():
            yield (group, age, service, "all", "gross_per_inhabitant"), sum(own + bought) / people


def _counts(group, rows, costs, ages):
    for service in {r.service for r in rows}:
        of = {r.provision: r for r in rows if r.service == service}
        provisions = {p: [cell] for p, cell in of.items() if p != "all"} | {"all": list(of.values())}
        for provision, cells in provisions.items():
            where = (service, provision)
            spent = [r.gross_kr for r in costs if r.service == service and provision in ("all", r.provision)]
            for column in ("users", "places", "fte"):
                number = _sum(getattr(r, column) for r in cells)
                for age, people in ages.items():
                    value = None if number is None else 1000 * number / people
                    yield (group, age, *where, f"{column}_per_1000"), value
            users, places = (_sum(getattr(r, c) for r in cells) for c in ("users", "places"))
            if spent and users:
                yield (group, "all", *where, "cost_per_recipient"), sum(spent) / users
            if spent and places and service == "housing":
                yield (group, "all", *where, "cost_per_place"), sum(spent) / places
            fte = _sum(r.fte for r in cells)
            if provision == "own" and fte is not None:
                if users:
                    yield (group, "all", *where, "fte_per_100_recipients"), 100 * fte / users
                if places:
                    yield (group, "all", *where, "fte_per_place"), fte / places
    unique = [r.users for r in rows if r.service == "unique_users"]
    used = [r.users for r in rows if r.service != "unique_users" and not math.isnan(r.users)]
    if unique and unique[0] and used:
        yield (group, "all", "all", "all", "services_per_unique_user"), sum(used) / unique[0]


def _nursing(group, rows, costs, old):
    for name, services in (("institution", NURSING), ("short_term", SHORT)):
        places = [r.places for r in rows if r.service in services]
        if places:
            yield (group, "80+", name, "all", "coverage_80_plus"), 100 * sum(places) / old
            spent = sum(r.gross_kr for r in costs)
            if name == "institution" and spent and sum(places):
                yield (group, "all", name, "all", "cost_per_place"), spent / sum(places)


def _sum(numbers):
    numbers = list(numbers)
    return None if any(n is None or math.isnan(n) for n in numbers) else sum(numbers)
