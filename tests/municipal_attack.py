"""An attacker who reads a published profile, knows populations, costs and man-years, and solves for counts.

Every number that is shown becomes an equation on whole numbers of users and places by municipality, service
and own or bought; an integer program looks for the smallest and the largest value of every hidden count.
Written from what a profile promises to be, not from how it is protected.
"""

from collections import defaultdict

import numpy as np

from register_attack import System, Target, attack_system

USERS, PLACES = "users", "places"
# Measure -> which count it has, and whether above the line or below.
ABOVE = {
    "users_per_1000": USERS,
    "places_per_1000": PLACES,
    "coverage_80_plus": PLACES,
    "places_per_unit": PLACES,
}
BELOW = {
    "fte_per_100_recipients": USERS,
    "fte_per_place": PLACES,
    "cost_per_recipient": USERS,
    "cost_per_place": PLACES,
}
PER = {
    "users_per_1000": 1000,
    "places_per_1000": 1000,
    "coverage_80_plus": 100,
    "fte_per_100_recipients": 100,
}
COUNTED = ("users_per_1000", "places_per_1000")
SHORT = ("short_term_ordinary", "short_term_rehabilitation", "acute_beds")
LONG = ("long_term_ordinary", "long_term_dementia")
SUMS = {"institution": LONG + SHORT, "short_term": SHORT}
MOST = 120
TINY = 1e-7


def primary_only(profile, threshold=6):
    """The weak protection that does not do: a row is hidden where its own count is small."""
    count = profile["numerator"].where(profile["measure"].isin(ABOVE))
    count = profile["denominator"].where(profile["measure"].isin(BELOW), count)
    hidden = count.between(1e-9, threshold - 1e-9)
    shown = profile.assign(hidden=np.where(hidden, ":", ""), mean_hidden="")
    shown.loc[hidden, ["numerator", "denominator", "value", "index"]] = np.nan
    return shown


def attack_profile(published, profile):
    """Findings among the counts from 1 to 5 that a published profile hides, and how many it hides.

    Parameters
    ----------
    published : DataFrame
        Of which only what is shown is read.
    profile : DataFrame
        The true one: for what the attacker knows (populations, costs, man-years), and for judging.
    """
    findings, hidden = [], 0
    keys = ["municipality", "year", "group", "age", "service", "provision", "measure"]
    known = profile[[*keys, "numerator", "denominator"]].rename(
        columns={"numerator": "true_numerator", "denominator": "true_denominator"}
    )
    both = published.rename(columns={"index": "index_"}).merge(known, on=keys, validate="1:1")
    books = _grouped(both.itertuples(index=False), "year", "group")
    for number, rows in enumerate(books.values()):
        system, targets = _system(rows, published.attrs["mean"] == "ratio_of_sums")
        hidden += len(targets)
        findings += attack_system(system, targets, number)
    return findings, hidden


def _grouped(rows, *names):
    found = defaultdict(list)
    for row in rows:
        found[tuple(getattr(row, name) for name in names)].append(row)
    return found


def shown_small_counts(published):
    """Rows that print a count from 1 to 5, or a number that is one over a known denominator."""
    top = published["measure"].isin(ABOVE) & published["numerator"].between(0.5, 5.5)
    low = published["measure"].isin(BELOW) & published["denominator"].between(0.5, 5.5)
    return published[top | low]


class _Reader:
    """Unknowns of one year and group, and what each row says of them."""

    def __init__(self, rows):
        self.system = System()
        self.unknowns = {}
        parts = {
            (r.municipality, r.service, ABOVE[r.measure], r.provision): r.true_numerator
            for r in rows
            if r.service not in SUMS and r.age == "all" and r.measure in COUNTED
        }
        for (place, service, count, provision), true in parts.items():
            split = any((place, service, count, p) in parts for p in ("own", "bought"))
            if provision != "all" or not split:
                key = (place, service, count, provision)
                self.unknowns[key] = self.system.unknown(0, MOST * 10, true)

    def cells(self, place, service, count, provision):
        """Unknowns that a row is the sum of."""
        services = SUMS.get(service, (service,))
        wanted = ("own", "bought", "all") if provision == "all" else (provision,)
        keys = [(place, s, count, p) for s in services for p in wanted]
        return {self.unknowns[k]: 1.0 for k in keys if k in self.unknowns}

    def equal(self, sums, value):
        slack = TINY * max(1.0, abs(value))
        self.system.know(sums, value - slack, value + slack)


def _system(rows, of_sums):
    reader = _Reader(rows)
    targets = _read_hidden(reader, rows)
    for row in rows:
        if row.hidden == "":
            _read_row(reader, row, row.value)
        elif not np.isnan(row.mean) and not np.isnan(row.index_):
            _read_row(reader, row, row.mean * row.index_ / 100)
    _read_unique(reader, rows)
    for same in _grouped(rows, "age", "service", "provision", "measure").values():
        _read_mean(reader, same, of_sums)
    return reader.system, targets


def _read_hidden(reader, rows):
    """A hidden cell is not empty; small ones are what the attacker is after."""
    hidden = {
        (r.municipality, r.service, ABOVE[r.measure], r.provision)
        for r in rows
        if r.hidden == ":" and r.measure in COUNTED
    }
    targets = []
    for key, k in reader.unknowns.items():
        true = reader.system.true[k]
        if key in hidden and true > 0:
            reader.system.lower[k] = 1
            place, service, count, provision = key
            if (
                count == USERS
                and service != "unique_users"
                and (place, service, PLACES, provision) not in hidden
            ):
                reader.system.upper[k] = 5  # the rule is public: nothing but few users hides it
            if true < 6:
                targets.append(Target(key, key[2], {k: 1.0}, true, 1.0, -np.inf))
    return targets


def _read_row(reader, row, value):
    """What a shown value says of counts; numerators that are no counts, and populations, are known."""
    if row.measure in ABOVE:
        cells = reader.cells(row.municipality, row.service, ABOVE[row.measure], row.provision)
        reader.equal(cells, value * row.true_denominator / PER.get(row.measure, 1))
    elif row.measure in BELOW and value > 0:
        cells = reader.cells(row.municipality, row.service, BELOW[row.measure], row.provision)
        reader.equal(cells, row.true_numerator * PER.get(row.measure, 1) / value)
    elif row.measure == "services_per_unique_user":
        unique = reader.unknowns[row.municipality, "unique_users", USERS, "all"]
        sums = _used(reader, row.municipality) | {unique: -value}
        reader.equal(sums, 0.0)


def _used(reader, place):
    return {
        k: 1.0
        for (m, service, count, _), k in reader.unknowns.items()
        if m == place and count == USERS and service != "unique_users"
    }


def _read_unique(reader, rows):
    """Everybody who is counted once uses a service, and no service has more users than there are persons."""
    for place in {row.municipality for row in rows}:
        unique = reader.unknowns.get((place, "unique_users", USERS, "all"))
        used = _used(reader, place)
        if unique is not None and used:
            reader.system.know(used | {unique: -1.0}, 0, np.inf)
            for k in used:
                reader.system.know({unique: 1.0, k: -1.0}, 0, np.inf)


def _read_mean(reader, rows, of_sums):
    """The mean of rates weighs the municipalities' counts; an index beside a value gives the mean, too."""
    measure = rows[0].measure
    if measure not in PER or measure in BELOW:
        return
    means = [r.mean for r in rows if not np.isnan(r.mean)]
    means += [r.value / r.index_ * 100 for r in rows if r.index_ > 0 and not np.isnan(r.value)]
    weights = {}
    whole = sum(r.true_denominator for r in rows)
    for r in rows:
        for k in reader.cells(r.municipality, r.service, ABOVE[measure], r.provision):
            people = whole if of_sums else r.true_denominator * len(rows)
            weights[k] = weights.get(k, 0.0) + PER[measure] / people
    for mean in means[:1]:
        scale = max(weights.values())
        reader.equal({k: w / scale for k, w in weights.items()}, mean / scale)
    if not means:
        _read_colours(reader, rows, weights)


def _read_colours(reader, rows, weights):
    for r in rows:
        bounds = {"red": (-np.inf, r.value), "green": (r.value, np.inf)}.get(r.colour)
        if bounds and r.hidden == "":
            reader.system.know(weights, *bounds)
