"""The systems `compare` and `savings`: what they say of a book, faults by cell, what the public may see."""

import math

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_compare_public import may_be_few, public_similar
from kostnadsvekst.chapters.municipal_public import public_sheets
from kostnadsvekst.chapters.municipal_sheets import input_sheet
from kostnadsvekst.chapters.municipal_user_groups import compute_profile
from kostnadsvekst.commands import municipal
from kostnadsvekst.errors import DisclosureError, InvalidDataError
from kostnadsvekst.municipal.protection import protect_profile
from kostnadsvekst.municipal.savings import savings
from kostnadsvekst.report.workbook import Formula
from kostnadsvekst.sources.municipal_book import read_municipal_book
from kostnadsvekst.sources.municipal_kinds import KINDS
from municipal_workbooks import small_example, write_book

GROUP, CARE, HELP = "Andre (eldre), hjemmeboende", "Helsehjelp i hjemmet", "Praktisk bistand"
COUNTS = ["Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse", "Brukere 31.12."]
COSTS = [*COUNTS[:5], "Brutto driftsutgifter"]


def compare_sheets(few=60, other=90, more=0):
    users = {"A": (few, 80), "B": (other, 50), "C": (70, 99), "D": (40, 66)}
    users |= {chr(ord("E") + k): (70, 80) for k in range(more)}
    return {
        "Egen kommune": [["Kommune"], ["A"]],
        "Innbyggere": [
            ["Kommune", "År", "Innbyggere", "Behovsindeks"],
            *([m, 2023, 9000, 1.0] for m in users),
        ],
        "Brukere": [
            COUNTS,
            *(
                [m, 2023, GROUP, s, "Egen regi", n]
                for m, ns in users.items()
                for s, n in zip((HELP, CARE), ns, strict=True)
            ),
        ],
        "Regnskap": [
            COSTS,
            *(
                [m, 2023, GROUP, s, "Egen regi", k]
                for m in users
                for s, k in ((HELP, 4e6 + ord(m)), (CARE, 9e6))
            ),
        ],
        "Grupper": [["Gruppe", "Kommune"], ["naboer", "B"], ["naboer", "C"]],
        "Kjennetegn": [
            ["Kommune", "Kjennetegn", "Verdi"],
            *([m, "sentralitet", v] for m, v in zip(users, (810, 700, 805, 640), strict=False)),
        ],
    }


def system_of(path, sheets, kind="compare"):
    return compute(read_municipal_book(write_book(path / "bok.xlsx", sheets), KINDS[kind]), "nb")


def sheet_of(sheets, name):
    found = next(one for one in sheets if one.name == name)
    rows = [[v.value if isinstance(v, Formula) else v for v in row] for row in found.rows]
    return pd.DataFrame(rows, columns=[column.name for column in found.columns])


def faults_of(path, sheets, kind="compare"):
    with pytest.raises(InvalidDataError) as error:
        system_of(path, sheets, kind)
    return " | ".join(error.value.problems)


def test_compared_by_hand(tmp_path):
    """A has 60 of help and 80 of care; B and C 160 and 149; all 9000 inhabitants of need 1."""
    results = system_of(tmp_path, compare_sheets()).results
    gap = sheet_of(results, "Gap").set_index("factor")["contribution_kr"]
    cost = {m: 13e6 + ord(m) for m in "ABC"}
    difference = cost["A"] / 9000 - (cost["B"] + cost["C"]) / 18_000
    assert gap["Gapet i alt"] == pytest.approx(difference, abs=0.005)
    assert gap["Behov"] == 0
    services = sheet_of(results, "Gap per tjeneste").set_index("service")
    assert services.loc[HELP, ["users_own", "users_reference"]].tolist() == [60, 160]
    assert services["mix_kr"].sum() == pytest.approx(gap["Sammensetning av tjenester"])
    assert services["unit_cost_kr"].sum() == pytest.approx(gap["Enhetskostnad"])
    alike = sheet_of(results, "Lignende")
    assert alike["municipality"].tolist() == ["C", "B", "D"]
    spread = np.std([810, 700, 805, 640])
    assert alike["distance"].tolist() == pytest.approx([5 / spread, 110 / spread, 170 / spread])
    found = sheet_of(results, "Tall bak funnene")
    row = found[(found["service"] == HELP) & (found["measure"] == "Brukere per 1000 innbyggere")].iloc[0]
    assert row["value"] == pytest.approx(60 / 9)
    assert row["mean"] == pytest.approx((60 + 90 + 70 + 40) / 4 / 9)
    assert row["verdict"] == "kan ikke skilles fra snittet"


def help_row(path, sheets):
    results = system_of(path, sheets).results
    found = sheet_of(results, "Tall bak funnene").assign(text=sheet_of(results, "Funn")["text"])
    return found[(found["service"] == HELP) & (found["measure"] == "Brukere per 1000 innbyggere")].iloc[0]


def test_findings_say_what_the_row_says(tmp_path):
    """Few of A against many of ten others: the word, the sign and the sentence agree."""
    row = help_row(tmp_path, compare_sheets(10, 100, 6))  # 640 of ten, 64 each
    assert row["percent"] == pytest.approx(100 * (10 / 64 - 1))
    assert row["verdict"] == "vesentlig"
    assert "84 prosent under snittet på 7,11" in row["text"]
    assert "95 prosent intervall med overspredning" in row["text"]
    assert row["basis"] == "med overspredning"
    assert row["text"].endswith("Forskjell: vesentlig.")
    assert row["high"] < row["mean"]


def test_municipalities_that_differ_by_more_than_chance_are_not_told_from_the_mean(tmp_path):
    """20 of four with 70 on average: chance gives 12 to 31, but 40 to 150 are among the others."""
    row = help_row(tmp_path, compare_sheets(20, 150))
    assert row["verdict"] == "kan ikke skilles fra snittet"
    assert row["low"] <= row["mean"] <= row["high"]
    assert "95 prosent intervall med overspredning" in row["text"]


def test_services_that_cannot_be_compared_are_left_out_by_name(tmp_path):
    sheets = compare_sheets()
    sheets["Brukere"][3][5] = None
    notes = system_of(tmp_path, sheets).notes
    assert any(f"gap: {GROUP}, {HELP}: users or costs are not told of B; none is 0" in note for note in notes)
    sheets = compare_sheets(0)
    sheets["Regnskap"][1][5] = 0
    notes = system_of(tmp_path, sheets).notes
    assert any("users in one of the two only" in note for note in notes)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: s["Egen kommune"].append(["B"]), "Egen kommune!A3: a second municipality"),
        (lambda s: s["Egen kommune"].__setitem__(1, ["X"]), "Egen kommune!A2: 'X' has no rows"),
        (lambda s: s["Grupper"].append(["naboer", "A"]), "Grupper!B4: 'A' is one's own municipality"),
        (lambda s: s["Grupper"].append(["naboer", "Q"]), "Grupper!B4: 'Q' has no rows in the sheet"),
        (lambda s: s["Innbyggere"].pop(), "is not in the sheet 'Innbyggere'"),
        (lambda s: s["Kjennetegn"].pop(1), "own municipality 'A' has no row"),
        (
            lambda s: s.update(Forutsetninger=[["Forutsetning", "Verdi"], ["noe_prosent", 20]]),
            "the limits of the words are 20, 15, 30: let them rise",
        ),
    ],
)
def test_faults_of_a_comparison_have_their_cell(tmp_path, spoil, told):
    sheets = compare_sheets()
    spoil(sheets)
    assert told in faults_of(tmp_path, sheets)


def test_a_municipality_alone_is_refused(tmp_path):
    sheets = {
        name: rows[:2] for name, rows in compare_sheets().items() if name not in ("Grupper", "Kjennetegn")
    }
    assert "give at least one other municipality" in faults_of(tmp_path, sheets)


# --- The public edition


def published(folder, sheets, kind="compare"):
    folder.mkdir()
    book = write_book(folder / "bok.xlsx", sheets)
    words = [kind, str(book), "--out", str(folder / "ut"), "--quiet", "--lang", "nb", "--publish"]
    assert municipal.main(words) == 0
    return {p.name: p.read_bytes() for p in (folder / "ut" / f"{kind}-public").iterdir() if p.is_file()}


def test_public_comparison_is_the_same_whatever_a_hidden_count_is(tmp_path):
    """Two or five of one's own: not a byte of the files differs, and the gap is that of care alone."""
    two, five = (published(tmp_path / str(few), compare_sheets(few)) for few in (2, 5))
    assert two == five
    (services,) = (content.decode() for name, content in two.items() if "gap_per_tjeneste" in name)
    assert CARE in services
    assert HELP not in services
    assert f"Utelatt: {GROUP}, {HELP}" in two["compare-public_nb.html"].decode()


def test_public_comparison_is_the_same_whatever_a_hidden_count_of_another_is(tmp_path):
    two, five, six = (public_sheets(system_of(tmp_path, compare_sheets(60, n))) for n in (2, 5, 6))
    assert two == five
    assert six != two


def test_public_findings_are_those_that_the_public_profile_shows(tmp_path):
    book = read_municipal_book(write_book(tmp_path / "b.xlsx", compare_sheets(3)), KINDS["compare"])
    system = compute(book, "nb")
    shown = sheet_of(public_sheets(system), "Tall bak funnene")
    profile = protect_profile(compute_profile(book).found)
    told = profile[(profile["municipality"] == "A") & (profile["hidden"] == "")]
    known = {round(v, 9) for v in told["value"]}
    assert len(shown)
    assert all(round(v, 9) in known for v in shown["value"])
    assert HELP not in set(shown["service"])
    assert "Brutto kostnad per mottaker" in set(shown["measure"])


def test_a_large_municipality_keeps_its_comparison_beside_small_ones(tmp_path):
    """D has 3 of help: one's own 60 is beside the mean of A, B and C, and its limits are as without D."""
    sheets = compare_sheets()
    sheets["Brukere"][7][5] = 3
    system = system_of(tmp_path, sheets)
    shown = sheet_of(public_sheets(system), "Tall bak funnene")
    row = shown[(shown["service"] == HELP) & (shown["measure"] == "Brukere per 1000 innbyggere")].iloc[0]
    everything = sheet_of(system.results, "Tall bak funnene")
    alone = {name: [*rows] for name, rows in sheets.items()}
    alone["Brukere"].pop(7)
    without = sheet_of(system_of(tmp_path, alone).results, "Tall bak funnene")
    three = without[without["service"].eq(HELP) & without["measure"].eq(row["measure"])].iloc[0]
    same = everything[everything["service"].eq(HELP) & everything["measure"].eq(row["measure"])].iloc[0]
    assert row["mean"] == pytest.approx((60 + 90 + 70) / 3 / 9)
    assert same["mean"] == pytest.approx((60 + 90 + 70 + 3) / 4 / 9)
    assert row[["low", "high"]].tolist() == pytest.approx(three[["low", "high"]].tolist())
    assert row["rank_high"] <= 3


def test_features_that_may_be_counts_are_left_out_by_name(tmp_path):
    """Brukere: 3 of B, or 0.333 per 1000 of 9000; neither moves distance or order, and centrality stays."""
    sheets = compare_sheets()

    def alike(features):
        file = write_book(tmp_path / "b.xlsx", sheets | {"Kjennetegn": [*sheets["Kjennetegn"], *features]})
        book = read_municipal_book(file, KINDS["compare"])
        return public_similar(book, "A", input_sheet(book.tables["features"], "nb"), "nb")

    (alone,) = alike([]).sheets
    for few in (3, 0.333, 33.333):
        found = alike([[m, "brukere", v] for m, v in zip("ABCD", (900, few, 700, 640), strict=True)])
        (shown,) = found.sheets
        pd.testing.assert_frame_equal(sheet_of([shown], "Lignende"), sheet_of([alone], "Lignende"))
        assert "brukere" in shown.notes[-1]
        assert found.notes[0].startswith("similar: brukere: left out")
    (told,) = alike([[m, "brukere", v] for m, v in zip("ABCD", (900, 7, 700, 640), strict=True)]).sheets
    assert len(told.columns) == len(alone.columns) + 1
    sheets["Kjennetegn"][2][2] = 3
    assert alike([]).sheets == ()


@pytest.mark.parametrize(
    ("value", "few"),
    [
        (3, True),
        (7, False),
        (0, False),
        (0.333, True),
        (0.35, False),
        (33, True),
        (0.972, False),
        (810, False),
    ],
)
def test_what_may_be_a_count_of_few_by_hand(value, few):
    """Of 9000: 0.333 per 1000 is 2.997; 0.35 is 3.15; 33 per 100 000 is 2.97; 0.972 is 8.7, or 0.87."""
    assert may_be_few(float(value), [9000.0]) is few


# --- Savings


def savings_sheets(function="253"):
    return {
        "Egen kommune": [["Kommune", "Grupper etter hvert års medlemmer"], ["A", None]],
        "Utgifter": [
            ["Kommune", "År", "Funksjon", "Netto driftsutgifter"],
            *(
                [m, y, f, k + y]
                for y in (2022, 2023)
                for m, k in zip("ABC", (9e6, 8e6, 7e6), strict=True)
                for f in (function, "254")
            ),
        ],
        "Innbyggere": [["Kommune", "År", "Innbyggere"], *([m, y, 1000] for y in (2022, 2023) for m in "ABC")],
        "Behov": [
            ["Kommune", "År", "Nøkkel", "Funksjon", "Behovsindeks"],
            *(
                [m, y, "samlet", None, b]
                for y in (2022, 2023)
                for m, b in zip("ABC", (1.1, 1.0, 0.9), strict=True)
            ),
            *([m, y, "samlet", "254", 1.0] for y in (2022, 2023) for m in "ABC"),
        ],
        "Grupper": [["Gruppe", "Kommune", "År"], ["g", "B", 2022], ["g", "C", 2023]],
    }


def test_savings_of_a_book_by_hand(tmp_path):
    """The member of 2023, C, in both years; 253 by need 1.1 and 0.9, 254 without: 9 and 7 million of 1000."""
    results = system_of(tmp_path, savings_sheets(), "savings").results
    cells = sheet_of(results, "Rutenett")
    assert cells[["group", "year", "municipalities"]].drop_duplicates().to_numpy().tolist() == [
        ["g", 2022, 1],
        ["g", 2023, 1],
    ]
    a, c = 9e6 + 2022, 7e6 + 2022
    expected = (a / 1100 - c / 900) * 1100 + (a - c)
    assert cells["saving_mnok"].iloc[0] == pytest.approx(expected / 1e6)
    assert cells["per_inhabitant_kr"].iloc[0] == pytest.approx(expected / 1000)
    one = sheet_of(results, "Innsparing").iloc[0]
    assert one["own_kr"] == pytest.approx(a / 1100)
    assert one["reference_kr"] == pytest.approx(c / 900)


def test_members_move_only_where_the_book_asks(tmp_path):
    sheets = savings_sheets()
    sheets["Egen kommune"][1][1] = "ja"
    table = sheet_of(system_of(tmp_path, sheets, "savings").results, "Grunnlag")
    others = table[table["group"] == "g"]
    assert others.groupby("year")["municipality"].unique().map(list).to_dict() == {2022: ["B"], 2023: ["C"]}


def test_positive_functions_alone_are_an_assumption(tmp_path):
    sheets = savings_sheets()
    sheets["Utgifter"][1][3] = 1e6  # 253 of A in 2022: far cheaper
    both = sheet_of(system_of(tmp_path, sheets, "savings").results, "Rutenett")["saving_mnok"].iloc[0]
    sheets["Forutsetninger"] = [["Forutsetning", "Verdi"], ["bare_positive", 1]]
    alone = sheet_of(system_of(tmp_path, sheets, "savings").results, "Rutenett")["saving_mnok"].iloc[0]
    assert both < 0 < alone
    assert alone == pytest.approx(2.0)  # 254: 9 less 7 million


def test_without_groups_all_the_others_are_compared(tmp_path):
    sheets = savings_sheets()
    del sheets["Grupper"]
    cells = sheet_of(system_of(tmp_path, sheets, "savings").results, "Rutenett")
    assert set(cells["group"]) == {"Alle de andre"}
    assert set(cells["municipalities"]) == {2}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda s: s["Grupper"].append(["g", "A", None]),
            "Grupper!B4: 'A' is one's own municipality: leave it out",
        ),
        (lambda s: s["Egen kommune"].append(["B", None]), "Egen kommune!A3: a second municipality"),
        (lambda s: s["Innbyggere"].pop(), "C 2023 is not in the sheet 'Innbyggere'"),
        (
            lambda s: s["Behov"].__setitem__(slice(1, 7), []),
            "Egen kommune!A2: g, samlet, 2022, municipalities: need_index of A is not told for function 253",
        ),
        (lambda s: s["Innbyggere"][1].__setitem__(2, 0), "Innbyggere!C2"),
        (lambda s: s["Utgifter"][1].__setitem__(3, "mye"), "Utgifter!D2: 'mye' is no number"),
        (lambda s: s["Utgifter"].append(s["Utgifter"][1]), "Utgifter!A14"),
    ],
)
def test_faults_of_savings_have_their_cell(tmp_path, spoil, told):
    sheets = savings_sheets()
    spoil(sheets)
    assert told in faults_of(tmp_path, sheets, "savings")


def test_cells_of_the_grid_that_cannot_be_computed_are_told(tmp_path):
    sheets = savings_sheets()
    sheets["Utgifter"] = [row for row in sheets["Utgifter"] if row[:3] != ["C", 2022, "253"]]
    system = system_of(tmp_path, sheets, "savings")
    assert any("C lacks function 253; none is 0" in note for note in system.notes)
    assert set(sheet_of(system.results, "Rutenett")["year"]) == {2023}


def test_public_savings_tell_costs_by_function_alone(tmp_path):
    shown = public_sheets(system_of(tmp_path, savings_sheets(), "savings"))
    assert [sheet.name for sheet in shown] == ["Sammendrag", "Rutenett", "Innsparing"]
    with pytest.raises(DisclosureError, match="barnebolig"):
        public_sheets(system_of(tmp_path, savings_sheets("barnebolig"), "savings"))


def test_example_of_savings_is_what_the_function_says():
    book = small_example("savings")
    rows = sheet_of(compute(book, "en").results, "Savings")
    costs, need = book.frame("costs"), book.frame("need")
    first = rows.iloc[:4]
    year = costs[costs["year"] == first["year"].iloc[0]]
    general = need[(need["need_key"] == "samlet") & need["function"].isna()]
    found = savings(
        year[year["municipality"] == "Oppdiktet"].drop(columns="source"),
        year[year["municipality"].isin(["Påfunnet", "Tenkt", "Diktet"])].drop(columns="source"),
        book.frame("population"),
        general[["municipality", "year", "need_index"]],
    )
    assert first["saving_mnok"].tolist() == pytest.approx(found["saving_mnok"].tolist())
    assert math.isclose(found.attrs["total_mnok"], first["saving_mnok"].sum())
