"""An attacker who has the published files of a municipal system and tries all assignments of hidden counts.

Reads the workbook (most digits). Beside it the attacker knows what is public elsewhere: the price
of each step or else its cost, the cost of the nursing homes, the number of recipients in all, the rule of
suppression, and even which numbers occur in the made books. An assignment stays possible if all that it would
have made a town print is what is printed. Written from what the sheets say they are, not from the code.
"""

import io
import itertools

import numpy as np
import openpyxl

SMALL = range(1, 6)
OCCURRING = (1, 2, 3, 4, 5, 6, 7, 9, 12, 25, 40)
HIDDEN = ":"


def sheets_of(files):
    """Rows of each sheet of the workbook, as mappings from the names of columns."""
    content = next(c for name, c in files.items() if name.endswith(".xlsx"))
    found = {}
    for page in openpyxl.load_workbook(io.BytesIO(content)):
        rows = [row for row in page.iter_rows(values_only=True) if sum(v is not None for v in row) > 1]
        heads = [str(head).partition(" (")[0].partition("\n")[0] for head in rows[0]] if rows else []
        found[page.title] = [dict(zip(heads, row, strict=True)) for row in rows[1:]]
    return found


def assignments(cells):
    """All numbers that hidden cells can hold, shape (cells, assignments); one at least, zero is told."""
    return np.array(list(itertools.product(OCCURRING, repeat=cells)), dtype=float).T


def narrowed(tried, possible, truth):
    """Small hidden counts of which one number is left."""
    left = tried[:, possible]
    assert left.shape[1], "the attack excludes the truth"
    assert any((left[:, k] == truth).all() for k in range(left.shape[1])), "the attack excludes the truth"
    return [int(n) for n, row in zip(truth, left, strict=True) if n in SMALL and len(set(row)) == 1]


def agrees(printed, computed):
    """Whether a number would have been printed; one that is hidden or missing tells nothing."""
    if not isinstance(printed, int | float):
        return np.ones(np.shape(computed), dtype=bool)
    return np.isclose(computed, printed, rtol=1e-9, atol=1e-9)


def by_rule(tried, shown):
    """Some hidden count is small, and a larger one is hidden only if none that is told is smaller."""
    least = min((n for n in shown if n > 5), default=np.inf)
    return (tried < 6).any(axis=0) & (np.where(tried > 5, tried, 0).max(axis=0, initial=0) <= least)


def counts_of(rows, name, truth):
    """Counts of a block by assignment, the hidden ones' places, and what the rule says."""
    printed = [row[name] for row in rows]
    hidden = [k for k, value in enumerate(printed) if value == HIDDEN]
    tried = assignments(len(hidden))
    every = np.empty((len(rows), tried.shape[1]))
    for k, value in enumerate(printed):
        every[k] = tried[hidden.index(k)] if k in hidden else value
    shown = [n for k, n in enumerate(printed) if k not in hidden]
    possible = by_rule(tried, shown) & (every.sum(axis=0) == sum(truth))
    return hidden, tried, every, possible


def attack_ladder(sheets, block, know="price"):
    """Counts that are found in the ladder of a block, whose price (or cost) of each step is known."""
    town, steps, moves = block["town"], block["steps"], block["moves"]
    rows = [row for row in sheets["Innsatstrapp"] if row["Kommune"] == town]
    hidden, tried, every, possible = counts_of(rows, "Antall", [s["n"] for s in steps])
    if not hidden:
        return [], 0
    cost = np.array([[s["n"] * s["price"]] for s in steps])
    price = np.array([[s["price"]] for s in steps]) + 0 * every
    if know == "cost":
        price = np.where(cost > 0, cost / np.maximum(every, 1), price)
    total = price * every if know == "price" else cost + 0 * every
    for k, row in enumerate(rows):
        possible &= agrees(row["Pris"], price[k]) & agrees(row["Kostnad"], total[k] / 1e6)
        possible &= agrees(row["Andel av kostnaden"], 100 * total[k] / total.sum(axis=0))
        if k:
            possible &= agrees(row["Prisforskjell til trinnet under"], price[k] - price[k - 1])
    told = [row for row in sheets.get("Hva flytting betyr", ()) if row["Kommune"] == town]
    possible &= fits_moves(told, moves, every, price)
    after = [row for row in sheets.get("Etter flytting", ()) if row["Kommune"] == town]
    for k, row in enumerate(after):
        possible &= agrees(row["Antall"], every[k] + _net(moves, k))
    truth = np.array([float(steps[k]["n"]) for k in hidden])
    return narrowed(tried, possible, truth), sum(n in SMALL for n in truth)


def fits_moves(told, moves, every, price):
    """Whether nobody moves from where nobody is left, and each move changes what is told."""
    left, unknown, fits = every.copy(), set(), True
    for row, (_, origin, target) in zip(told, moves, strict=True):
        n, change = row["Antall som flytter"], row["Endring i kostnad per år"]
        if n == HIDDEN:
            unknown |= {origin, target}
            assert change == HIDDEN, "over the difference of prices it is the number who move"
            continue
        fits = fits & agrees(change, n * (price[target] - price[origin]))
        fits = fits & (left[origin] >= n if origin not in unknown else True)
        left[origin] -= n
        left[target] += n
    return fits


def _net(moves, k):
    return sum(n * ((target == k) - (origin == k)) for n, origin, target in moves)


def attack_decisions(sheets, block):
    """Counts that are found among decisions by size; the units' hours are those of all decisions."""
    town, sizes = block["town"], block["sizes"]
    rows = [row for row in sheets["Vedtak etter størrelse"] if row["Kommune"] == town]
    hidden, tried, every, possible = counts_of(rows, "Mottakere", sizes)
    if not hidden:
        return [], 0
    for k, row in enumerate(rows):
        possible &= agrees(row["Andel"], 100 * every[k] / every.sum(axis=0))
        possible &= agrees(row["Samlet andel"], 100 * every[: k + 1].sum(axis=0) / every.sum(axis=0))
    low = np.array([float(row["Fra"]) for row in rows])
    high = np.array([float(row["Til"]) if row["Til"] is not None else 168.0 * 4 for row in rows])
    units = [r["Vedtakstimer per uke"] for r in sheets["Årsverk etter vedtak"] if r["Kommune"] == town]
    for hours, chosen in ((units, slice(None)), *(([r["Timer"]], [k]) for k, r in enumerate(rows))):
        if all(isinstance(one, int | float) for one in hours):
            possible &= low[chosen] @ every[chosen] <= sum(hours) + 1e-9
            possible &= high[chosen] @ every[chosen] >= sum(hours) - 1e-9
    truth = np.array([float(sizes[k]) for k in hidden])
    return narrowed(tried, possible, truth), sum(n in SMALL for n in truth)


def attack_places(sheets, block):
    """Counts that are found among types of places; their weights are told, the cost is public."""
    town, places = block["town"], block["places"]
    weight = {r["Forutsetning"].removeprefix("Vekt: "): r["Verdi"] for r in sheets["Forutsetninger"]}
    rows = [row for row in sheets["Kostnad per plass"] if row["Kommune"] == town]
    tried = assignments(len(places))
    possible = np.ones(tried.shape[1], dtype=bool)
    for row in rows:
        weights = [weight[kind] if row["Plasser regnet"] == "vektet" else 1.0 for kind in places]
        number = weights @ tried
        possible &= agrees(row["Plasser"], number)
        possible &= agrees(row["Kostnad per plass"], block["cost_kr"] / number)
        possible &= agrees(row["Pleieårsverk per plass"], block["care_fte"] / number)
    if any(row["Plasser"] == HIDDEN for row in rows):
        possible &= (tried < 6).any(axis=0)
    truth = np.array([float(n) for n in places.values()])
    return narrowed(tried, possible, truth), sum(n in SMALL for n in truth)
