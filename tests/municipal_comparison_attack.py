"""An attacker of a comparison who knows the program, the public profile, and all that is no hidden count.

He has every sheet of the public edition to the last bit and what was said at the terminal,
and looks for another book, with other small counts from 1 to 5, of which the public profile is the same. If
the comparison is not the same too, it tells the books apart, and so something of what is hidden. Nothing
has to be known of how limits, ranks, means and sentences are made, and no relation can be forgotten.
"""

from dataclasses import dataclass, replace

import numpy as np

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_public import public_sheets, values_of
from kostnadsvekst.chapters.municipal_user_groups import compute_profile
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.municipal.protection import protect_profile
from kostnadsvekst.sources.municipal_kinds import USER_GROUP_NAMES

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
    noticed_weak: bool


def printed(sheets):
    """All that sheets show, to the last bit."""
    return tuple((s.name, s.title, s.notes, s.columns, repr(s.rows), s.charts) for s in sheets)


def told_of(system):
    """What the public has of a system: its sheets, and what was said at the terminal."""
    notes = system.notes if system.public_notes is None else system.public_notes()
    return printed(public_sheets(system)), notes


def told_by_rows(system):
    """Weak: the analyst's numbers in the rows that the public edition has, with mean and rank of all."""
    (shown,) = (s for s in public_sheets(system) if s.name == NUMBERS)
    (every,) = (values_of(s) for s in system.results if s.name == NUMBERS)
    keys = {row[:NAMES] for row in shown.rows}
    return sorted(repr(row) for row in every.rows if row[:NAMES] in keys)


def profile_told(book):
    """Public profile by municipality, year and group, to the last bit, but for means of all municipalities.

    The mean is told where nobody behind it is hidden, and then no other book has other counts there.
    """
    shown = protect_profile(compute_profile(book).found)
    return {
        (str(where[0]), int(where[1]), str(where[2])): rows.map(repr).to_numpy().tolist()
        for where, rows in shown.drop(columns=["mean", "index", "colour"]).groupby(UNIT)
    }


def with_counts(book, counts):
    """The same book with other counts."""
    return replace(book, tables=book.tables | {"counts": replace(book.tables["counts"], frame=counts)})


def other_book(book, rng, rounds):
    """Book with other small counts and the same public profile.

    Small counts are drawn anew, some at a time; those of a municipality, year and group stay drawn where its
    profile is the same.
    """
    kept, wanted = book.frame("counts"), profile_told(book)
    for _ in range(rounds):
        drawn = kept.copy()
        some = rng.random(len(drawn)) < rng.choice([0.2, 0.5, 1.0], len(drawn))
        for column in COUNTS:
            small = drawn[column].isin(SMALL) & some
            drawn.loc[small, column] = rng.choice(SMALL, int(small.sum())).astype(float)
        try:
            found = profile_told(with_counts(book, drawn))
        except InvalidDataError:
            continue  # such as fewer persons than use one of the services
        same = np.array([found.get(unit) == wanted[unit] for unit in _units(drawn)])
        for column in COUNTS:
            drawn[column] = drawn[column].where(same, kept[column])
        kept = drawn
    return with_counts(book, kept)


def _units(counts):
    codes = {label.nb: code for code, label in USER_GROUP_NAMES.items()}
    columns = (counts[name] for name in UNIT)
    return [(str(m), int(year), codes[group]) for m, year, group in zip(*columns, strict=True)]


def attack_comparison(book, seed, rounds, lang="nb"):
    """Attack one book, in the edition that is published and in a weak one.

    Parameters
    ----------
    book : MunicipalBook
    seed, rounds : int
    lang : {"nb", "en"}
    """
    other = other_book(book, np.random.default_rng(seed), rounds)
    before, after = (one.frame("counts")[list(COUNTS)].fillna(0.0) for one in (book, other))
    hidden, tried = int(before.isin(SMALL).sum(axis=None)), int((before != after).sum(axis=None))
    if not tried:
        return Attacked(hidden, 0, False, False)
    systems = [compute(one, lang) for one in (book, other)]
    noticed = [told(systems[0]) != told(systems[1]) for told in (told_of, told_by_rows)]
    return Attacked(hidden, tried, *noticed)
