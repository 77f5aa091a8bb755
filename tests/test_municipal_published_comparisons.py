"""No hidden count follows from the public editions of comparison, savings and projection of a book."""

import numpy as np
import pytest

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_files import render_system
from kostnadsvekst.chapters.municipal_public import hide, public_sheets, values_of
from kostnadsvekst.chapters.municipal_sheets import evaluated
from kostnadsvekst.errors import DisclosureError
from kostnadsvekst.sources.municipal_book import read_municipal_book
from kostnadsvekst.sources.municipal_kinds import KINDS
from kostnadsvekst.sources.municipal_projection_kind import SERVICE_NAMES
from municipal_comparison_attack import NUMBERS, SMALL, attack_comparison, printed, told_of
from municipal_workbooks import write_book
from test_municipal_published_files import group_sheets

CALLS, BOOKS = 10, 50  # 500 books a system in the long run
HOUSING = ("Utviklingshemming, voksne", "Bolig med heldøgns tjenester", "Egen regi")


def book_of(path, sheets, kind):
    return read_municipal_book(write_book(path, sheets), KINDS[kind])


# --- Comparison


def compare_book(folder, seed):
    own = {"Egen kommune": [["Kommune"], ["Oppdiktet A"]]}
    return book_of(folder / f"{seed}.xlsx", own | group_sheets(seed, 1 + seed % 3), "compare")


def attack_comparisons(folder, seeds, rounds):
    return [attack_comparison(compare_book(folder, seed), seed, rounds) for seed in seeds]


def test_comparison_tells_no_more_than_the_public_profile(tmp_path):
    """Books with the same public profile have the same comparison; that of the analyst's numbers has not."""
    (one,) = attack_comparisons(tmp_path, [2], 1)
    assert one.tried > 2
    assert not one.noticed
    assert one.noticed_weak


@pytest.mark.slow
@pytest.mark.parametrize("call", range(CALLS))
def test_comparisons_of_many_books_tell_no_more_than_their_public_profiles(tmp_path, call):
    found = attack_comparisons(tmp_path, range(call * BOOKS, (call + 1) * BOOKS), 2)
    assert sum(one.tried for one in found) > BOOKS
    assert not any(one.noticed for one in found)
    assert any(one.noticed_weak for one in found)


def housing_sheets(few):
    """Housing of three years; of A in 2023 few places that a spread from year to year would tell."""
    heads = ["Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse"]
    start = {"A": (40, 4), "B": (30, 5), "C": (25, 2)}
    counts = [
        [m, y, *HOUSING, n + y - 2020, n + y - 2020, units]
        for y in (2021, 2022, 2023)
        for m, (n, units) in start.items()
    ]
    counts[2][5:] = [20, few, 1]  # C in 2021
    people = [[m, y, 9000, 6000, 1.0] for y in (2021, 2022, 2023) for m in start]
    return {
        "Egen kommune": [["Kommune"], ["A"]],
        "Innbyggere": [["Kommune", "År", "Innbyggere", "18–67 år", "Behovsindeks"], *people],
        "Brukere": [[*heads, "Brukere 31.12.", "Plasser", "Driftsenheter"], *counts],
        "Regnskap": [
            [*heads, "Brutto driftsutgifter"],
            *([*r[:5], 2e7 + 1e5 * k] for k, r in enumerate(counts)),
        ],
    }


def test_limits_do_not_tell_a_hidden_count_of_another_year(tmp_path):
    """Places per unit of 2023: the spread of the years had the few places of C in 2021 in it."""
    two, five = (
        compute(book_of(tmp_path / f"{few}.xlsx", housing_sheets(few), "compare"), "nb") for few in (2, 5)
    )
    assert told_of(two) == told_of(five)
    limits = [_limits(one.results) for one in (two, five)]
    assert limits[0] != limits[1]  # the analyst's do
    (shown,) = _limits(public_sheets(two))
    assert shown[0] < shown[1]


def _limits(sheets):
    (sheet,) = (s for s in sheets if s.name == NUMBERS)
    at = [sheet.position(name) for name in ("measure", "low", "high")]
    rows = [[evaluated(row[k]) for k in at] for row in sheet.rows]
    return [(low, high) for measure, low, high in rows if measure == "Plasser per driftsenhet"][:1]


# --- Projection


AGES = ("67-79", "80-89", "90+")
PEOPLE = ["Kommune", "År", "Framskrivingsalternativ", "Aldersgruppe", "Innbyggere"]
USERS = ["Kommune", "År", "Tjeneste", "Aldersgruppe", "Brukere", "Oppholdsdøgn"]
STOCK = ["Kommune", "Tjeneste", "Plasser og boliger som finnes", "Årsverk per plass"]
PLANS = ["Kommune", "Alternativ", "Tjeneste", "Aldersgruppe", "Fra og med år", "Faktor på dekningen"]
NAMES = [label.nb for label in SERVICE_NAMES.values()]


def projection_sheets(rng):
    """One to three municipalities; users, bed days, dwellings and plans, many of few."""
    towns = [f"By {k}" for k in range(rng.integers(1, 4))]
    chosen = {town: rng.permutation(NAMES)[: rng.integers(1, 5)].tolist() for town in towns}
    people = [
        [town, year, "MMMM", age, int(rng.integers(100, 2000))]
        for town in towns
        for year in (2024, 2030, 2040)
        for age in AGES
    ]
    users = [[town, 2024, name, age, *_users(rng)] for town in towns for name in chosen[town] for age in AGES]
    few = rng.random() < 0.3
    stock = [
        [town, name, int(rng.choice((*SMALL, 8, 20, 60))) if few else 40, 0.9]
        for town in towns
        for name in chosen[town]
        if rng.random() < 0.5
    ]
    plans = [[town, "Plan", chosen[town][0], AGES[1], 2030, 0.8] for town in towns]
    sheets = {"Framskriving": [PEOPLE, *people], "Brukere etter alder": [USERS, *users]}
    sheets |= {"Enhetskostnader": [STOCK, *stock]} if stock else {}
    return sheets | {"Alternativer": [PLANS, *plans]}


def _users(rng):
    n = int(rng.choice((0, *SMALL, 6, 7, 12, 25, 40), p=[0.1, *[0.05] * 5, *[0.13] * 5]))
    return (None, 365.0 * n) if rng.random() < 0.2 else (n, None)


def other_small(sheets, rng):
    """The same book with another number from 1 to 5 for each such number, and how many there were."""
    out, changed = dict(sheets), 0
    for name, columns in (("Brukere etter alder", (4, 5)), ("Enhetskostnader", (2,))):
        rows = [list(row) for row in sheets.get(name, [])]
        for row in rows[1:]:
            for k in columns:
                unit = 365.0 if k == 5 else 1
                if row[k] is not None and row[k] / unit in SMALL:
                    row[k] = unit * int(rng.choice([n for n in SMALL if n != row[k] / unit]))
                    changed += 1
        out |= {name: rows} if rows else {}
    return out, changed


def weak_projection(system):
    """Weak: only the rows of small numbers themselves are hidden."""
    out = []
    for sheet in system.results:
        at = [sheet.position(c.name) for c in sheet.columns if c.name in ("users", "dwellings")]
        cells = {k: [evaluated(row[c]) for c in at] for k, row in enumerate(sheet.rows)}
        small = [
            k for k, found in cells.items() if any(isinstance(n, int | float) and 0 < n < 6 for n in found)
        ]
        names = [c.name for c in sheet.columns if c.name != "municipality"]
        out.append(values_of(hide(sheet, dict.fromkeys(small, names))))
    return printed(out)


def attack_projections(folder, seeds):
    """Books whose small numbers were noticed, in the edition and in the weak one, and how many there were."""
    noticed, weak, hidden = [], [], 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        sheets = projection_sheets(rng)
        other, changed = other_small(sheets, rng)
        if not changed:
            continue
        hidden += changed
        one, two = (compute(book_of(folder / "b.xlsx", made, "project"), "nb") for made in (sheets, other))
        noticed += [seed] if told_of(one) != told_of(two) else []
        weak += [seed] if weak_projection(one) != weak_projection(two) else []
    return noticed, weak, hidden


def test_projection_tells_no_small_number(tmp_path):
    noticed, weak, hidden = attack_projections(tmp_path, range(2))
    assert hidden > 3
    assert noticed == []
    assert weak


@pytest.mark.slow
@pytest.mark.parametrize("call", range(CALLS))
def test_projections_of_many_books_tell_no_small_number(tmp_path, call):
    noticed, weak, hidden = attack_projections(tmp_path, range(100 + call * BOOKS, 100 + (call + 1) * BOOKS))
    assert hidden > BOOKS
    assert noticed == []
    assert len(weak) > BOOKS / 4


def test_files_of_a_projection_are_the_same_to_the_byte(tmp_path):
    """With what a workbook keeps beside its cells: numbers of charts, names, links."""
    sheets = projection_sheets(np.random.default_rng(1))
    other, changed = other_small(sheets, np.random.default_rng(2))
    assert changed
    files = []
    for made in (sheets, other):
        book = book_of(tmp_path / "b.xlsx", made, "project")
        files.append(render_system(book, compute(book, "en"), "en", publish=True))
    assert files[0] == files[1]


# --- Savings


def savings_sheets(rng):
    """Costs by function of the accounts, or by a service of one's own."""
    towns = ["A", "B", "C"][: rng.integers(2, 4)]
    functions = list(rng.permutation(["253", "254", "261", "256"])[: rng.integers(1, 4)])
    if rng.random() < 0.5:
        functions.append(str(rng.choice(["Barnebolig", "254-1", "2541", "25", "²53", "٢٥٣", "Bolig 4"])))
    costs = [[m, 2023, f, float(rng.integers(1, 90)) * 1e6] for m in towns for f in functions]
    return functions, {
        "Egen kommune": [["Kommune"], ["A"]],
        "Utgifter": [["Kommune", "År", "Funksjon", "Netto driftsutgifter"], *costs],
        "Innbyggere": [["Kommune", "År", "Innbyggere"], *([m, 2023, 1000] for m in towns)],
        "Behov": [["Kommune", "År", "Nøkkel", "Behovsindeks"], *([m, 2023, "samlet", 1.0] for m in towns)],
    }


def attack_savings(folder, seeds):
    """Books that were published, and refused; the first have functions of the accounts alone."""
    told = []
    for seed in seeds:
        functions, sheets = savings_sheets(np.random.default_rng(seed))
        system = compute(book_of(folder / "b.xlsx", sheets, "savings"), "nb")
        public = {"253", "254", "261", "256"}.issuperset(functions)
        if public:
            shown = public_sheets(system)
            assert not any(c.name == "amount_kr" for sheet in shown for c in sheet.columns)
        else:
            with pytest.raises(DisclosureError):
                public_sheets(system)
        told.append(public)
    return told


def test_savings_of_services_that_are_no_functions_are_refused(tmp_path):
    assert set(attack_savings(tmp_path, range(4))) == {True, False}


@pytest.mark.slow
def test_savings_of_many_books(tmp_path):
    assert 150 < sum(attack_savings(tmp_path, range(500))) < 350
