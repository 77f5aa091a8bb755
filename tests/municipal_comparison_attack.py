"""An attacker of a comparison who knows the program, the public profile, and all that is no hidden count.

He has every sheet of the public edition to the last bit in both languages and what was said at the terminal,
and looks for another book, with other small counts from 1 to 5, of which the public profile is the same. If
the comparison is not the same too, it tells the books apart, and so tells something of what is hidden. Nothing
has to be known of how limits, ranks, means and sentences are made, and no relation can be forgotten.
"""

from dataclasses import dataclass, replace

import numpy as np

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_public import public_sheets, values_of
from kostnadsvekst.chapters.municipal_user_groups import compute_profile
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.municipal.protection import protect_profile

SMALL = (1, 2, 3, 4, 5)
COUNTS = ("users", "places")
UNIT = ["municipality", "year", "group"]
NUMBERS = "Tall bak funnene"
# Columns of the sheet of numbers that name a row.
NAMES = 7


@dataclass(frozen=True, slots=True)
class Attacked:
    """Hidden counts of a book, those of which another number was tried, and whether it was noticed."""

    hidden: int
    tried: int
    noticed: bool


def printed(sheets):
    """All that sheets show, to the last bit."""
    return tuple((s.name, s.title, s.notes, s.columns, repr(s.rows), s.charts) for s in sheets)


def told_of(book, languages=("nb", "en")):
    """What the public has of a book."""
    found = []
    for lang in languages:
        system = compute(book, lang)
        notes = system.notes if system.public_notes is None else system.public_notes()
        found.append((printed(public_sheets(system)), notes))
    return tuple(found)


def told_by_rows(book):
    """Weak: the analyst's numbers in the rows that the public edition has, so mean, rank and limits of all."""
    system = compute(book, "nb")
    (shown,) = (s for s in public_sheets(system) if s.name == NUMBERS)
    (every,) = (values_of(s) for s in system.results if s.name == NUMBERS)
    keys = {row[:NAMES] for row in shown.rows}
    return [repr(row) for row in sorted(every.rows, key=lambda r: r[:NAMES]) if row[:NAMES] in keys]


def profile_told(book):
    """Public profile by municipality, year and group, to the last bit."""
    shown = protect_profile(compute_profile(book).found)
    return {
        (*map(str, where),): rows.map(repr).to_numpy().tolist()
        for where, rows in shown.drop(columns=["mean", "index", "colour"]).groupby(UNIT)
    }


def with_counts(book, counts):
    """The same book with other counts."""
    return replace(book, tables=book.tables | {"counts": replace(book.tables["counts"], frame=counts)})


def other_book(book, rng, rounds):
    """Book with other small counts and the same public profile.

    Small counts of each municipality, year and group are drawn anew, some at a time, until the profile of the
    unit is the same.
    """
    start = book.frame("counts")
    wanted = profile_told(book)
    units = start.groupby(UNIT).ngroup()
    kept = start.copy()
    for _ in range(rounds):
        drawn = kept.copy()
        for column in COUNTS:
            small = drawn[column].isin(SMALL) & (rng.random(len(drawn)) < rng.choice([0.2, 0.5, 1.0]))
            drawn.loc[small, column] = rng.choice(SMALL, int(small.sum())).astype(float)
        drawn = _possible(start, drawn, units, wanted, book)
        kept = drawn
    return with_counts(book, kept)


def _possible(start, drawn, units, wanted, book):
    """The drawn counts, with those of the book where the profile of the unit would be another."""
    codes = list(wanted)
    try:
        found = profile_told(with_counts(book, drawn))
    except InvalidDataError:
        return start.copy()  # more persons counted once than uses of services, or fewer
    names = _coded(start, codes)
    same = {key for key in codes if found.get(key) == wanted[key]}
    good = np.array([names[u] in same for u in units])
    for column in COUNTS:
        drawn[column] = drawn[column].where(good, start[column])
    return drawn


def _coded(counts, codes):
    """Unit's number -> its key in the profile."""
    from kostnadsvekst.sources.municipal_kinds import USER_GROUP_NAMES

    groups = {label.nb: code for code, label in USER_GROUP_NAMES.items()}
    units = counts.groupby(UNIT).ngroup()
    first = counts.assign(unit=units).drop_duplicates("unit")
    return {
        int(u): (str(m), str(int(y)), groups[g])
        for u, m, y, g in zip(first["unit"], first["municipality"], first["year"], first["group"], strict=True)
    }


def attack_comparison(book, seed, told=told_of, rounds=6):
    """Attack one book.

    Parameters
    ----------
    book : MunicipalBook
    seed : int
    told : callable
        Edition of a book.
    """
    other = other_book(book, np.random.default_rng(seed), rounds)
    before, after = book.frame("counts"), other.frame("counts")
    hidden = sum(int(before[c].isin(SMALL).sum()) for c in COUNTS)
    tried = sum(int((before[c] != after[c]).where(before[c].notna(), False).sum()) for c in COUNTS)
    return Attacked(hidden, tried, tried > 0 and told(book) != told(other))
