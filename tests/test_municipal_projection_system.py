"""The system project: faults of its book by place, sums by hand, and what the public can work out."""

import numpy as np
import pytest

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_public import public_sheets
from kostnadsvekst.chapters.municipal_sheets import evaluated
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.sources.municipal_book import read_municipal_book
from kostnadsvekst.sources.municipal_kinds import KINDS
from municipal_workbooks import write_book

PEOPLE = ["Kommune", "År", "Framskrivingsalternativ", "Aldersgruppe", "Innbyggere"]
USERS = ["Kommune", "År", "Tjeneste", "Aldersgruppe", "Brukere", "Oppholdsdøgn"]
POLICIES = [
    "Kommune",
    "Alternativ",
    "Tjeneste",
    "Aldersgruppe",
    "Fra og med år",
    "Faktor på dekningen",
    "Ny dekning",
]
LONG, HOUSING, HOME = "Institusjon, langtid", "Boliger med døgnomsorg", "Private boliger"
AGES = ("67-79", "80-89", "90+")


def people_of(name="A", years=(2024, 2030, 2036, 2042)):
    start = dict(zip(AGES, (900, 400, 100), strict=True))
    grow = dict(zip(AGES, (5, 40, 21), strict=True))
    return [
        [
            name,
            year,
            "MMMM",
            age,
            start[age] + grow[age] * (year - years[0]) + (year - years[0]) ** 2 * (age == "90+"),
        ]
        for year in years
        for age in AGES
    ]


def made(tmp_path, users, people=None, **more):
    sheets = {
        "Framskriving": [PEOPLE, *(people or people_of())],
        "Brukere etter alder": [USERS, *users],
        **more,
    }
    return read_municipal_book(write_book(tmp_path / "bok.xlsx", sheets), KINDS["project"])


def users_of(service, counts, name="A"):
    return [[name, 2024, service, age, n, None] for age, n in zip(AGES, counts, strict=True)]


def table(system, name):
    sheet = next(sheet for sheet in system.results if sheet.name == name)
    names = [column.name for column in sheet.columns]
    return [dict(zip(names, map(evaluated, row), strict=True)) for row in sheet.rows]


def test_sums_by_hand(tmp_path):
    """2030: 900 + 30, 400 + 240 and 100 + 126 + 36 inhabitants; coverage 1, 10 and 30 per cent."""
    policy = [["A", "Plan", LONG, "80-89", 2030, 0.5, None], ["A", "Plan", LONG, "90+", 2036, None, 15]]
    book = made(tmp_path, users_of(LONG, (9, 40, 30)), Alternativer=[POLICIES, *policy])
    system = compute(book, "nb")
    sums = {(row["alternative"], row["year"]): row for row in table(system, "Plasser i alt")}
    assert sums["Dagens dekning", 2024]["places"] == pytest.approx(79)
    assert sums["Dagens dekning", 2024]["low"] == sums["Dagens dekning", 2024]["high"] == pytest.approx(79)
    today = 9.3 + 64 + 0.3 * 262
    assert sums["Dagens dekning", 2030]["places"] == pytest.approx(today)
    assert sums["Dagens dekning", 2030]["cost_mnok"] == pytest.approx(today * 1.2)
    assert sums["Dagens dekning", 2030]["low"] < today < sums["Dagens dekning", 2030]["high"]
    assert sums["Plan", 2024]["places"] == pytest.approx(79)
    assert sums["Plan", 2030]["places"] == pytest.approx(9.3 + 32 + 0.3 * 262)
    # 2036: 900 + 60, 400 + 480 and 100 + 252 + 144; the new coverage of the oldest is 15 per cent.
    assert sums["Plan", 2036]["places"] == pytest.approx(9.6 + 44 + 0.15 * 496)
    assert [sums["Dagens dekning", year]["extrapolated"] for year in (2036, 2042)] == ["nei", "ja"]
    ladder = {(row["alternative"], row["year"]): row for row in table(system, "Boligtrapp")}
    assert ladder["Dagens dekning", 2030]["dwellings_needed"] == pytest.approx(today - 79)


def test_bed_days_are_places_in_use(tmp_path):
    users = [
        ["A", 2024, "Institusjon, korttid", age, None, 365 * n]
        for age, n in zip(AGES, (9, 12, 7), strict=True)
    ]
    shares = table(compute(made(tmp_path, users), "nb"), "Dekning")
    assert [row["users"] for row in shares] == pytest.approx([9, 12, 7])


def test_ages_without_a_record_have_no_band_and_are_named(tmp_path):
    people = [[*row[:3], "0-79" if row[3] == "67-79" else row[3], row[4]] for row in people_of()]
    users = [
        [*row[:3], "0-79" if row[3] == "67-79" else row[3], *row[4:]] for row in users_of(LONG, (9, 40, 30))
    ]
    system = compute(made(tmp_path, users, people), "nb")
    assert "ingen kjente feil for 0-79" in system.notes[0]
    ages = table(system, "Plasser etter alder")
    assert {row["age_group"] for row in ages if row["low"] is None} == {"0-79"}
    sums = table(system, "Plasser i alt")
    assert all(row["low"] is None and row["places"] > 0 for row in sums)


def test_every_fault_has_its_place(tmp_path):
    users = [
        ["A", 2024, LONG, "67-79", 9, 100],
        ["A", 2023, LONG, "80-89", 9, None],
        ["B", 2024, LONG, "67-79", 9, None],
        *users_of(LONG, (9, 9, 99999), "C"),
    ]
    people = [*people_of(), *people_of("C"), *([*row[:2], "LLML", *row[3:]] for row in people_of("D"))]
    policy = [["C", "Plan", LONG, "80-89", 2020, 0.5, 4], ["C", "Plan", HOME, "80-89", None, 1, None]]
    with pytest.raises(InvalidDataError) as caught:
        compute(made(tmp_path, users, people), "nb")
    told = " | ".join(caught.value.problems)
    for words in (
        "Brukere etter alder!E2: write users or bed days, one of them",
        "Brukere etter alder!B3: 2023 is not the first year of the projection, 2024",
        "'B' is not in the sheet of the projection",
        "99999 users are more than 100 inhabitants",
        "D: the main alternative MMMM lacks",
        "D has no users",
    ):
        assert words in told, told
    good = users_of(LONG, (9, 9, 9), "C")
    with pytest.raises(InvalidDataError) as caught:
        compute(made(tmp_path, good, people_of("C"), Alternativer=[POLICIES, *policy]), "nb")
    told = " | ".join(caught.value.problems)
    assert "Alternativer!F2: write a factor or a new coverage" in told
    assert "Alternativer!F2: 2020 is not after 2024" in told
    assert "Alternativer!F3: there are no users of this service" in told


def shown(system, name):
    """Numbers of a public sheet, by columns of words; hidden ones lack."""
    sheet = next(one for one in public_sheets(system) if one.name == name)
    names = [column.name for column in sheet.columns]
    return [dict(zip(names, row, strict=True)) for row in sheet.rows]


def solve(rows, inhabitants):
    """Coverage by age from places of years: as many equations as age groups."""
    usable = [
        row
        for row in rows
        if isinstance(row["places"], int | float) and row["alternative"] == "Dagens dekning"
    ]
    if len(usable) < len(AGES):
        return None
    a = np.array([[inhabitants[row["year"], age] for age in AGES] for row in usable], dtype=float)
    return np.linalg.lstsq(a, np.array([row["places"] for row in usable]), rcond=None)[0]


def test_sums_without_a_service_that_may_be_shown_are_hidden(tmp_path):
    """A has one service, with 3 users of an age: its sums are hidden, and those of B are as they were."""
    users = [*users_of(LONG, (3, 70, 40)), *users_of(LONG, (10, 11, 12), "B")]
    rows = shown(compute(made(tmp_path, users, [*people_of(), *people_of("B")]), "nb"), "Plasser i alt")
    assert {row["places"] for row in rows if row["municipality"] == "A"} == {":"}
    assert next(row["places"] for row in rows if row["municipality"] == "B") == pytest.approx(33)


@pytest.mark.parametrize("few", [1, pytest.param(3, marks=pytest.mark.slow), 5, 6])
def test_years_are_equations_that_must_not_be_told(tmp_path, few):
    """An outsider with the public population solves for the users by age, of services and of sums."""
    users = [*users_of(LONG, (few, 70, 40)), *users_of(HOUSING, (20, 30, 9)), *users_of(HOME, (50, 60, 7))]
    users += users_of(LONG, (10, 11, 12), "B")
    system = compute(made(tmp_path, users, [*people_of(), *people_of("B")]), "nb")
    inhabitants = {(row[1], row[3]): row[4] for row in people_of()}
    base = np.array([inhabitants[2024, age] for age in AGES])
    ladder = [row for row in shown(system, "Boligtrapp") if row["municipality"] == "A"]
    found = {
        name: solve([row for row in ladder if row["service"] == name], inhabitants)
        for name in (LONG, HOUSING)
    }
    sums = solve([row for row in shown(system, "Plasser i alt") if row["municipality"] == "A"], inhabitants)
    np.testing.assert_allclose(found[HOUSING] * base, [20, 30, 9], rtol=1e-6)
    told = few >= 6
    assert (found[LONG] is not None) == told
    # By hand: the sums are those of the services that are shown, housing and homes where LONG is hidden.
    np.testing.assert_allclose(sums * base, [76, 160, 56] if told else [70, 90, 16], rtol=1e-6)
    cells = [
        row[name]
        for sheet in ("Plasser", "Dekning", "Boligtrapp")
        for row in shown(system, sheet)
        if row["municipality"] == "A" and row["service"] == LONG
        for name in ("places", "coverage_percent", "users", "cost_mnok", "dwellings")
        if row.get(name) is not None
    ]
    assert all(cell == ":" for cell in cells) != told
    ages = [row["places"] for row in shown(system, "Plasser etter alder") if row["municipality"] == "A"]
    assert ":" not in ages
    notes = next(one for one in public_sheets(system) if one.name == "Plasser i alt").notes
    assert any(f"A: {LONG}" in note for note in notes) != told
    if told:  # the attack works: what is told gives the users back
        np.testing.assert_allclose(found[LONG] * base, [6, 70, 40], rtol=1e-6)
    other = [row["places"] for row in shown(system, "Plasser i alt") if row["municipality"] == "B"]
    assert ":" not in other
