"""No count of five or fewer follows from published files of a municipal system, as outsiders see them."""

from dataclasses import replace

import numpy as np
import pytest

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_files import render_system
from kostnadsvekst.chapters.municipal_public import hide, is_small
from kostnadsvekst.chapters.municipal_sheets import evaluated
from kostnadsvekst.municipal.user_group_terms import services
from kostnadsvekst.sources.municipal_book import read_municipal_book
from kostnadsvekst.sources.municipal_kinds import KINDS, PLACE_TYPES, PROVISION_NAMES, USER_GROUP_NAMES
from municipal_attack import attack_profile, primary_only, shown_small_counts
from municipal_books import made_book
from municipal_file_attack import (
    HIDDEN,
    OCCURRING,
    attack_decisions,
    attack_ladder,
    attack_places,
    sheets_of,
)
from municipal_workbooks import write_book

TOWNS, FEW, MANY = 4, 3, 250  # blocks of a book, and books: 1,000 blocks in the long run
_STEPS = ["Kommune", "År", "Trinn", "Navn", "Telles i", "Antall", "Kostnad"]
_MOVES = ["Kommune", "År", "Antall som flytter", "Fra trinn", "Til trinn"]
_SIZE_HOURS = (0.5, 1.5, 5.0, 20.0)


def count(rng):
    return int(rng.choice((0, *OCCURRING), p=[0.08, *[0.08] * 5, *[0.52 / 6] * 6]))


def ladder_blocks(rng):
    for number in range(rng.integers(1, TOWNS + 1)):
        # Prices that nobody could round away: with a cost they tell a count.
        steps = [{"n": count(rng), "price": float(rng.integers(20_011, 900_000))} for _ in range(5)]
        steps[int(rng.integers(5))]["n"] = 40
        if rng.random() < 0.4:  # many everywhere: what the moves leave is all that is small
            steps = [one | {"n": int(rng.choice((7, 9, 12, 25)))} for one in steps]
        yield {"town": f"By {number}", "steps": steps, "moves": _moves(rng, steps)}


def _moves(rng, steps):
    left = [one["n"] for one in steps]
    moves = []
    for _ in range(2):
        origin, target = (int(k) for k in rng.permutation(5)[:2])
        if left[origin] > 0:
            n = int(rng.integers(1, left[origin] + 1))
            left[origin] -= n
            left[target] += n
            moves.append((n, origin, target))
    return moves


def ladder_sheets(blocks):
    steps = [
        [b["town"], 2024, k + 1, f"Trinn {k}", "mottakere", s["n"], s["n"] * s["price"] / 1e6]
        for b in blocks
        for k, s in enumerate(b["steps"])
    ]
    moves = [[b["town"], 2024, n, o + 1, t + 1] for b in blocks for n, o, t in b["moves"]]
    # A step without recipients has a price and no cost.
    priced = [*_STEPS, "Pris"]
    prices = [s["price"] for b in blocks for s in b["steps"]]
    rows = [[*r[:6], r[6] or None, None if r[6] else p] for r, p in zip(steps, prices, strict=True)]
    return {"Trinn": [priced, *rows]} | ({"Flyttinger": [_MOVES, *moves]} if moves else {})


def decision_blocks(rng):
    for number in range(rng.integers(1, TOWNS + 1)):
        sizes = [count(rng) for _ in _SIZE_HOURS]
        sizes[1] = sizes[1] or 6
        yield {"town": f"By {number}", "sizes": sizes}


def decision_sheets(blocks):
    decided = [
        [b["town"], 2024, hours]
        for b in blocks
        for n, hours in zip(b["sizes"], _SIZE_HOURS, strict=True)
        for _ in range(n)
    ]
    units = [[b["town"], 2024, "Enhet", float(np.dot(b["sizes"], _SIZE_HOURS))] for b in blocks]
    return {
        "Vedtak": [["Kommune", "År", "Vedtakstimer"], *decided],
        "Ambulante enheter": [["Kommune", "År", "Enhet", "Vedtakstimer"], *units],
    }


def place_blocks(rng):
    kinds = [kind.nb for kind in PLACE_TYPES[:4]]
    for number in range(rng.integers(1, TOWNS + 1)):
        chosen = kinds[: rng.integers(1, 5)]
        places = {kind: int(rng.choice((1, 1, 2, *OCCURRING))) for kind in chosen}
        yield {"town": f"By {number}", "places": places, "cost_kr": 40_000_000.0, "care_fte": 30.0}


def place_sheets(blocks):
    homes = [[b["town"], 2024, b["cost_kr"] / 1000, b["care_fte"]] for b in blocks]
    rows = [[b["town"], 2024, kind, n, 12] for b in blocks for kind, n in b["places"].items()]
    return {
        "Sykehjem": [["Kommune", "År", "Korrigerte brutto driftsutgifter", "Årsverk i pleien"], *homes],
        "Plasser": [["Kommune", "År", "Plasstype", "Plasser i bruk", "Måneder"], *rows],
    }


SYSTEMS = {
    "ladder": (ladder_blocks, ladder_sheets, (attack_ladder, lambda s, b: attack_ladder(s, b, "cost"))),
    "staffing": (decision_blocks, decision_sheets, (attack_decisions,)),
    "unit-costs": (place_blocks, place_sheets, (attack_places,)),
}
# What is hidden where only the row of a small count is: the columns of the count and what is over it.
PRIMARY = {
    "ladder": ("recipients", "price_kr", "total_mnok"),
    "staffing": ("recipients",),
    "unit-costs": ("places",),
}


def weak_edition(name):
    """The weak edition that does not do: only small counts, and what is beside them, are hidden."""

    def shown(results):
        first = PRIMARY[name][0]
        return tuple(_weak(sheet, first, PRIMARY[name]) for sheet in results)

    return shown


def _weak(sheet, count, columns):
    if all(column.name != count for column in sheet.columns):
        return sheet
    cells = [evaluated(row[sheet.position(count)]) for row in sheet.rows]
    small = [k for k, n in enumerate(cells) if isinstance(n, int | float) and is_small(n)]
    return hide(sheet, dict.fromkeys(small, columns))


def attack(name, folder, seeds, weak=False):
    """Counts that the attacker finds in so many books, and how many are hidden from him."""
    blocks_of, sheets, attacks = SYSTEMS[name]
    found, hidden = [], 0
    for seed in seeds:
        blocks = [*blocks_of(np.random.default_rng(seed))]
        book = read_municipal_book(write_book(folder / f"{seed}.xlsx", sheets(blocks)), KINDS[name])
        system = compute(book, "nb")
        if weak:
            system = replace(system, public=lambda made=system: weak_edition(name)(made.results))
        published = sheets_of(render_system(book, system, "nb", publish=True))
        for block in blocks:
            for one in attacks:
                told, few = one(published, block)
                found += told
                hidden += few
    return found, hidden


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_files_give_no_small_count_back(tmp_path, name):
    found, hidden = attack(name, tmp_path, range(FEW))
    assert hidden > FEW
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_the_files_give_no_small_count_back_in_a_thousand_ladders_offices_and_homes(tmp_path, name):
    found, hidden = attack(name, tmp_path, range(1000, 1000 + 2 * MANY))
    assert hidden > MANY
    assert found == []


def test_plans_for_few_and_what_they_leave_are_hidden(tmp_path):
    """By hand: 3 of 40 move, told neither as 3 nor as 37 left; 38 of 40 move, which leaves 2."""
    for n, told in ((3, False), (38, False), (20, True)):
        steps = [{"n": 40, "price": 1000.0}, {"n": 60, "price": 4000.0}]
        sheets = ladder_sheets([{"town": "By", "steps": steps, "moves": [(n, 0, 1)]}])
        book = read_municipal_book(write_book(tmp_path / f"{n}.xlsx", sheets), KINDS["ladder"])
        shown = sheets_of(render_system(book, compute(book, "nb"), "nb", publish=True))
        move = shown["Hva flytting betyr"][-1]
        numbers = [move["Antall som flytter"], move["Endring i kostnad per år"]]
        assert numbers == ([n, 3000.0 * n] if told else [HIDDEN, HIDDEN])
        assert ("Etter flytting" in shown) is told
        assert [row["Antall"] for row in shown["Innsatstrapp"][1:]] == [40, 60]


def test_as_many_places_as_types_tell_nothing(tmp_path):
    """Six places of six types: one each. Ten places of six types may be five of any."""
    kinds = [kind.nb for kind in PLACE_TYPES[:6]]
    for first, told in ((1, False), (4, False), (5, True)):
        places = dict.fromkeys(kinds, 1) | {kinds[0]: first}
        block = {"town": "By", "places": places, "cost_kr": 9e6, "care_fte": 7.0}
        book = read_municipal_book(
            write_book(tmp_path / f"{first}.xlsx", place_sheets([block])), KINDS["unit-costs"]
        )
        shown = sheets_of(render_system(book, compute(book, "nb"), "nb", publish=True))
        unweighted, weighted = shown["Kostnad per plass"][1:]
        assert unweighted["Plasser"] == (5 + first if told else HIDDEN)
        assert unweighted["Kostnad per plass"] == (9e6 / (5 + first) if told else HIDDEN)
        assert weighted["Plasser"] == HIDDEN


def test_units_of_a_town_with_a_small_size_keep_their_hours(tmp_path):
    """By hand: 26 hours less 6 decisions of 1 hour at least leave one of 15 hours, or none: there is one."""
    blocks = [
        {"town": "By A", "sizes": [0, 6, 0, 1]},
        {"town": "By B", "sizes": [7, 6, 9, 12]},
    ]
    book = read_municipal_book(write_book(tmp_path / "b.xlsx", decision_sheets(blocks)), KINDS["staffing"])
    shown = sheets_of(render_system(book, compute(book, "nb"), "nb", publish=True))
    few, many = shown["Årsverk etter vedtak"][1:]
    assert [few["Vedtakstimer per uke"], few["Årsverk"]] == [HIDDEN, HIDDEN]
    assert many["Vedtakstimer per uke"] == 3.5 + 9 + 45 + 240
    rows = [row for row in shown["Vedtak etter størrelse"][1:] if row["Kommune"] == "By A"]
    assert [row["Mottakere"] for row in rows] == [0, HIDDEN, 0, HIDDEN]
    assert {row[name] for row in rows for name in ("Andel", "Samlet andel", "Timer")} == {HIDDEN}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_same_attack_finds_small_counts_where_only_their_own_rows_are_hidden(tmp_path, name):
    found, hidden = attack(name, tmp_path, range(FEW), weak=True)
    assert hidden > FEW
    assert found


# --- User groups: the profile as the workbook prints it, against the integer program


def group_sheets(seed, years):
    counts, accounts, population, need = made_book(seed, years, 3)
    labels = {
        "group": {code: label.nb for code, label in USER_GROUP_NAMES.items()},
        "service": {code: service.label.nb for code, service in services().items()},
        "provision": {code: label.nb for code, label in PROVISION_NAMES.items()},
    }
    people = population.merge(need, on=["municipality", "year"])
    heads = {
        "Innbyggere": ["Kommune", "År", "Innbyggere", "0–17 år", "18–67 år", "80 år og over", "Behovsindeks"],
        "Brukere": [
            *("Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse"),
            *("Brukere 31.12.", "Plasser", "Driftsenheter", "Årsverk"),
        ],
        "Regnskap": [
            *("Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse"),
            *("Brutto driftsutgifter", "Refusjon ressurskrevende"),
        ],
    }
    tables = {"Innbyggere": people, "Brukere": counts, "Regnskap": accounts}
    shown = {name: table.replace(labels).astype(object) for name, table in tables.items()}
    rows = {name: table.where(table.notna(), None).to_numpy().tolist() for name, table in shown.items()}
    return {name: [heads[name], *rows[name]] for name in heads}


def printed_profile(files, found):
    """The profile as its sheet prints it; of the true one only the names of the rows."""
    rows = sheets_of(files)["Profil"][1:]
    columns = {"numerator": "Teller", "denominator": "Nevner", "value": "Verdi", "mean": "Snitt"}
    columns["index"] = "Indeks"
    shown = found.copy()
    for name, head in columns.items():
        shown[name] = [row[head] if isinstance(row[head], int | float) else np.nan for row in rows]
    shown["hidden"] = [HIDDEN if row["Verdi"] == HIDDEN else "" for row in rows]
    shown["colour"] = [{"rød": "red", "grønn": "green"}.get(row["Farge"], "") for row in rows]
    assert [row["Kommune"] for row in rows] == found["municipality"].tolist()
    shown.attrs = dict(found.attrs)
    return shown


def attack_groups(folder, seed, years):
    file = write_book(folder / f"{seed}.xlsx", group_sheets(seed, years))
    book = read_municipal_book(file, KINDS["user-groups"])
    system = compute(book, "nb")
    found = system.public.args[0]
    published = printed_profile(render_system(book, system, "nb", publish=True), found)
    return attack_profile(published, found), published, found


def test_the_printed_profile_gives_no_small_count_back(tmp_path):
    (findings, hidden), published, _ = attack_groups(tmp_path, 3, 1)
    assert hidden > 5
    assert findings == []
    assert shown_small_counts(published).empty


def test_what_is_left_out_is_told_without_its_number(tmp_path):
    """Places over no unit of operation: the remark names the cell, and is told in public runs, too."""
    sheets = group_sheets(3, 1)
    heads, first = sheets["Brukere"][0], next(r for r in sheets["Brukere"][1:] if r[3] == "Støttekontakt")
    row = dict(zip(heads, first, strict=True)) | {"Plasser": 4, "Driftsenheter": 0}
    rows = [list(row.values()) if r is first else r for r in sheets["Brukere"][1:]]
    book = write_book(tmp_path / "b.xlsx", sheets | {"Brukere": [heads, *rows]})
    notes = compute(read_municipal_book(book, KINDS["user-groups"]), "nb").notes
    told = [note for note in notes if "places_per_unit" in note]
    assert told
    assert all("is left out, a number over zero" in note for note in told)
    assert not any("4" in note for note in told)


@pytest.mark.slow
@pytest.mark.parametrize("call", range(10))
def test_the_printed_profiles_of_a_hundred_years_give_no_small_count_back(tmp_path, call):
    (findings, hidden), published, found = attack_groups(tmp_path, 500 + call, 10)
    weak, _ = attack_profile(primary_only(found), found)
    assert len(weak) > hidden / 2 > 25
    assert findings == []
    assert shown_small_counts(published).empty
