"""Workbooks of the municipal systems: what another program computes of them, and what they may hold."""

import functools
import io
import math
import re
import zipfile
from dataclasses import replace

import openpyxl
import pytest

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_files import render_system
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.report.workbook import (
    FUNCTIONS,
    Formula,
    Link,
    Sheet,
    SheetColumn,
    Workbook,
    functions_of,
    render_workbook,
)
from kostnadsvekst.sources.municipal_book import read_municipal_book
from kostnadsvekst.sources.municipal_examples import example_book
from kostnadsvekst.sources.municipal_kinds import KINDS
from municipal_workbooks import recalculate, small_example, write_book

# What Excel 2010 and LibreOffice 7.4 know, by hand from the two programs' lists of functions.
KNOWN_TO_BOTH = {
    *(
        "ABS",
        "AND",
        "AVERAGE",
        "COUNT",
        "EXP",
        "IF",
        "INDEX",
        "INT",
        "INTERCEPT",
        "ISNUMBER",
        "LN",
        "MATCH",
        "MAX",
    ),
    *("MIN", "NOT", "OR", "ROUND", "RSQ", "SLOPE", "SUM", "SUMPRODUCT"),
}
HALF_ORE = 0.005
# Systems of which the workbook is computed anew also as it is; all examples, in both languages: `slow`.
UNCHANGED = ("unit-costs",)
# Cells of the workbook that a reader changes: sheet, column, row of the table, new value; and how the same
# change is made in the book that is read: form, column, row, and what is written there.
CHANGES = {
    "unit-costs": [
        ("Forutsetninger", "value", 1, 52.25, "uker_per_aar"),
        ("Forutsetninger", "value", 3, 21.0, "feriedager"),
        ("Plasser", "places", 1, 31.5, ("places", "places")),
        ("Timer hjemmetjenester", "sick_leave_percent", 0, 12.0, ("home_hours", "sick_leave_percent")),
    ],
    "user-groups": [
        ("Fellesutgifter", "amount_kr", 0, -4_321_987.65, ("shared", "amount_kr")),
        ("Innbyggere", "need_index", 1, 1.1, ("population", "need_index")),
        ("Brukere", "users", 1, 77.0, ("counts", "users")),
    ],
    "ladder": [
        ("Trinn", "recipients", 3, 351.0, ("steps", "recipients")),
        ("Trinn", "total_mnok", 10, 118.25, ("steps", "total_mnok")),
        ("Flyttinger", "n", 0, 12.0, ("moves", "n")),
    ],
    "calculator": [
        ("Forutsetninger", "value", 0, 52.5, "uker_per_aar"),
        ("Forutsetninger", "value", 1, 1.047, "prisfaktor"),
        ("Tiltak", "quantity", 2, 33.0, ("lines", "quantity")),
    ],
    "staffing": [
        ("Forutsetninger", "value", 0, 0.7, "ata_andel"),
        ("Forutsetninger", "value", 4, 3.0, "grense_middels"),
        ("Vedtak", "hours_per_week", 0, 15.0, ("decisions", "hours_per_week")),
    ],
    "project": [
        ("Forutsetninger", "value", 1, 1.3, "kostnad_institusjon"),
        ("Forutsetninger", "value", 4, 1.2815515655446004, "baand_z"),
        ("Framskriving", "population", 9, 3456.0, ("population", "population")),
        ("Brukere etter alder", "users", 2, 77.0, ("users", "users")),
        ("Alternativer", "factor", 0, 0.9, ("policies", "factor")),
    ],
    "compare": [
        ("Forutsetninger", "value", 0, 2.0, "noe_prosent"),
        ("Forutsetninger", "value", 1, 20.0, "tydelig_prosent"),
        ("Forutsetninger", "value", 2, 26.0, "vesentlig_prosent"),
        ("Kjennetegn", "value", 2, 69_000.0, ("features", "value")),
    ],
    "savings": [
        ("Forutsetninger", "value", 0, 1.0, "bare_positive"),
        ("Forutsetninger", "value", 1, 0.05, "annen_storrelse"),
        ("Utgifter", "amount_kr", 1, 400_000_000.0, ("costs", "amount_kr")),
        ("Innbyggere", "population", 2, 40_000.0, ("population", "population")),
        ("Behov", "need_index", 0, 0.8, ("need", "need_index")),
    ],
}


HOURS = [
    *("Kommune", "År", "Tjeneste", "Administrasjon", "Planlagte timer", "Leverte timer"),
    *("Årsverk i produksjon", "Sykefravær", "Opplæring", "Permisjon med lønn", "Helligdager"),
    "Total er etter refusjoner",
]
NURSING, ASSISTANCE = "Hjemmesykepleie", "Praktisk bistand"
ELDERLY, CARE, HELP = "Andre (eldre), hjemmeboende", "Helsehjelp i hjemmet", "Praktisk bistand"
OWN, BOUGHT = "Egen regi", "Kjøp"
# Books that go the ways which the examples do not: totals net and gross, with and without refunds and items;
# hours and absences that are not known; steps left out; own prices in every unit; decisions of no hours.
VARIANTS = {
    "unit-costs": {
        "Regnskap hjemmetjenester": [
            ["Kommune", "År", "Tjeneste", "Art", "Beløp"],
            ["A", 2024, NURSING, "total", 1_000_000.25],
            ["B", 2024, NURSING, "total", 2_000_000],
            ["B", 2024, NURSING, "1710", 150_000],
            ["C", 2024, NURSING, "total", 3_000_000],
            ["D", 2024, NURSING, "1010", 900_000],
            ["D", 2024, NURSING, "1701", 100_000.5],
            ["D", 2024, NURSING, "total", 799_999.5],
            ["D", 2024, ASSISTANCE, "total", 555_000],
            ["D", 2024, ASSISTANCE, "1729", 5_000],
        ],
        "Timer hjemmetjenester": [
            HOURS,
            ["A", 2024, NURSING, 10, 300, None, None, None, None, None, None, "ja"],
            ["B", 2024, NURSING, 0, None, 90, 9, None, 1, 1, 1, "ja"],
            ["C", 2024, NURSING, 20, 100, 80, 7, 5, 0, 0, 8, "nei"],
            ["D", 2024, NURSING, 30, 50, 40, 3, 8, 1, 2, 3, "ja"],
            ["D", 2024, ASSISTANCE, 1, 20, 10, 2, 0, 0, 0, 0, "nei"],
        ],
    },
    "ladder": {
        "Trinn": [
            ["Kommune", "År", "Trinn", "Navn", "Telles i", "Antall", "Pris", "Kostnad", "Med i kostnaden"],
            ["A", 2023, 9, "Sist", "plasser", 20, 7, 4.4, None],
            ["A", 2023, 2, "Alle", "innbyggere", 900, None, 1.5, None],
            ["A", 2023, 4, "Ute", "mottakere", 30, 50_000, None, "nei"],
            ["A", 2023, 5, "Pris", "mottakere", 40, 33_333.33, None, None],
            ["A", 2023, 6, "Ingen", "boliger", 0, None, 0, None],
            ["B", 2023, 5, "En", "mottakere", 10, None, 0.7, "ja"],
            ["B", 2023, 7, "To", "mottakere", 12, 9, None, None],
        ],
        "Flyttinger": [
            ["Kommune", "År", "Antall som flytter", "Fra trinn", "Til trinn"],
            ["A", 2023, 6, 5, 9],
            ["A", 2023, 26, 9, 5],
        ],
    },
    "calculator": {
        "Tiltak": [
            ["Kommune", "År", "Alternativ", "Tjeneste", "Tid eller bemanning", "Utførelse", "Mengde"],
            ["A", 2024, "en", "Besøk", "Natt", None, 2.5],
            ["A", 2024, "en", "Hjem", None, "kjøp", 33.3],
            ["A", 2024, "to", "Seng", None, None, 14],
            ["B", 2024, "en", "Alarm", None, None, 0],
            ["B", 2024, "en", "Hjem", None, "egen regi", 100],
        ],
        "Priser": [
            ["Tjeneste", "Tid eller bemanning", "Enhet", "Utførelse", "Pris"],
            ["Besøk", "Dag", "time", None, 401.15],
            ["Besøk", "Natt", "time", None, 512],
            ["Hjem", None, "plass", "egen regi", 1_000_000],
            ["Hjem", None, "plass", "kjøp", 1_100_000.99],
            ["Seng", None, "døgn", None, 4_885],
            ["Alarm", None, "utrykning", None, 700],
        ],
    },
    "compare": {
        "Egen kommune": [["Kommune", "Grupper etter hvert års medlemmer"], ["A", "ja"]],
        "Innbyggere": [
            ["Kommune", "År", "Innbyggere", "Behovsindeks"],
            *([m, 2023, n, b] for m, n, b in (("A", 9000, 1.1), ("B", 7000, 0.9), ("C", 12_000, 1.05))),
        ],
        "Brukere": [
            ["Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse", "Brukere 31.12."],
            *(
                ["A", 2023, ELDERLY, s, p, n]
                for s, p, n in ((CARE, OWN, 80), (CARE, BOUGHT, 9), (HELP, OWN, 60))
            ),
            *(["B", 2023, ELDERLY, s, OWN, n] for s, n in ((CARE, 50), (HELP, 90))),
            *(["C", 2023, ELDERLY, s, OWN, n] for s, n in ((CARE, 99), (HELP, 0))),
        ],
        "Regnskap": [
            ["Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse", "Funksjon", "Brutto driftsutgifter"],
            ["A", 2023, ELDERLY, CARE, OWN, "254", 12_000_000.25],
            ["A", 2023, ELDERLY, CARE, BOUGHT, "254", 2_000_000],
            ["A", 2023, ELDERLY, HELP, OWN, "254", 3_000_000],
            ["B", 2023, ELDERLY, CARE, OWN, "254", 6_000_000],
            ["B", 2023, ELDERLY, HELP, OWN, "254", 5_000_000],
            ["C", 2023, ELDERLY, CARE, OWN, "254", 15_000_000],
            ["C", 2023, ELDERLY, HELP, OWN, "254", 0],
        ],
        "Korreksjoner": [
            [
                *("Kommune", "År", "Par", "Funksjon", "Brukergruppe", "Tjeneste"),
                "Utførelse",
                "Beløp",
                "Begrunnelse",
            ],
            ["A", 2023, "x", "254", ELDERLY, CARE, OWN, -500_000, "feilført"],
            ["A", 2023, "x", "254", ELDERLY, HELP, OWN, 500_000, "feilført"],
        ],
        "Grupper": [["Gruppe", "Kommune", "År"], ["g", "B", 2023], ["g", "C", 2023], ["g", "C", 2022]],
        "Kjennetegn": [
            ["Kommune", "Kjennetegn", "Verdi"],
            *(
                [m, k, v]
                for m, a, b in (("A", 1, 2.5), ("B", 1, 3), ("C", 2, 2.5))
                for k, v in (("p", a), ("q", b))
            ),
        ],
    },
    "staffing": {
        "Vedtak": [["Kommune", "År", "Vedtakstimer"], ["A", 2024, 0], ["A", 2024, 0], ["B", 2024, 1]]
    },
}


@pytest.fixture(scope="module")
def systems():
    """Book, system and workbook of each example, in Norwegian."""
    found = {}
    for name in KINDS:
        book = small_example(name)
        system = compute(book, "nb")
        found[name] = (book, system, render_system(book, system, "nb", publish=False)[f"{name}_nb.xlsx"])
    return found


@pytest.fixture(scope="module")
def recalculated(systems, tmp_path_factory):
    """Each workbook after a reader's changes, computed anew; and a canary whose stored value is wrong."""
    folder = tmp_path_factory.mktemp("workbooks")
    files = []
    for name, (_, system, content) in systems.items():
        path = folder / f"{name}.xlsx"
        path.write_bytes(content)
        changed = openpyxl.load_workbook(path)
        sheets = {sheet.name: sheet for sheet in (*system.inputs, *system.results)}
        names = [one.name for one in system.assumptions]
        for sheet, column, row, value, _ in CHANGES[name]:
            if sheet == "Forutsetninger":
                place = next(c for c in changed[sheet]["F"] if c.value == names[row]).row
                changed[sheet].cell(place, 2).value = value
            else:
                changed[sheet][sheets[sheet].cell(column, row).rpartition("!")[2].replace("$", "")] = value
        changed.save(folder / f"{name}-changed.xlsx")
        files.append(folder / f"{name}-changed.xlsx")
        files += [path] if name in UNCHANGED else []
    for name, sheets in VARIANTS.items():
        book = read_municipal_book(write_book(folder / "read.xlsx", sheets), KINDS[name])
        path = folder / f"{name}-variants.xlsx"
        path.write_bytes(render_system(book, compute(book, "nb"), "nb", publish=False)[f"{name}_nb.xlsx"])
        files.append(path)
    canary = Sheet("A", "A", (SheetColumn("x", "x"),), ((2.0,), (Formula("=A5*21", 1.0),)))
    (folder / "canary.xlsx").write_bytes(render_workbook(Workbook("A", (canary,))))
    found = recalculate([*files, folder / "canary.xlsx"], folder)
    return {name: openpyxl.load_workbook(path, data_only=True) for name, path in found.items()}


@functools.cache
def changed_system(name):
    """What we compute of the example after the same changes."""
    return compute(changed_book(name), "nb")


def changed_book(name):
    book = small_example(name)
    tables, assumptions = dict(book.tables), dict(book.assumptions)
    for _, _, row, value, where in CHANGES[name]:
        if isinstance(where, str):
            assumptions[where] = value
        else:
            form, column = where
            frame = tables[form].frame.copy()
            frame.loc[row, column] = value
            tables[form] = replace(tables[form], frame=frame)
    return replace(book, tables=tables, assumptions=assumptions)


def differences(book, system):
    """Cells that the other program has otherwise than we: by more than half an øre, or an error."""
    n, wrong = 0, []
    for sheet in (*system.results, *system.inputs):
        page = book[sheet.name]
        for k, row in enumerate(sheet.rows):
            for column, value in zip(sheet.columns, row, strict=True):
                if not isinstance(value, Formula):
                    continue
                n += 1
                place = sheet.cell(column.name, k)
                theirs = page[place.rpartition("!")[2].replace("$", "")].value
                if isinstance(value.value, str):
                    same = (theirs or "") == value.value
                else:
                    same = isinstance(theirs, int | float) and abs(theirs - value.value) < HALF_ORE
                    same = same and math.isclose(theirs, value.value, rel_tol=1e-9, abs_tol=1e-6)
                if not same:
                    wrong.append(f"{place}: {value.text} is {value.value!r}, not {theirs!r}")
    return n, wrong


def test_stored_values_are_not_what_the_other_program_shows(recalculated):
    """The canary: 2 x 21, stored as 1."""
    assert recalculated["canary"]["A"]["A6"].value == 42


@pytest.mark.parametrize("name", UNCHANGED)
def test_recomputed_cells_are_ours(systems, recalculated, name):
    n, wrong = differences(recalculated[name], systems[name][1])
    assert n > 30
    assert not wrong


@pytest.mark.parametrize("name", KINDS)
def test_recomputed_cells_are_ours_after_a_change(recalculated, name):
    """Assumptions, amounts and counts that a reader changes in the workbook alone."""
    n, wrong = differences(recalculated[f"{name}-changed"], changed_system(name))
    assert n > 30
    assert not wrong


@pytest.mark.parametrize("name", VARIANTS)
def test_recomputed_cells_are_ours_in_other_books(recalculated, name, tmp_path):
    book = read_municipal_book(write_book(tmp_path / "b.xlsx", VARIANTS[name]), KINDS[name])
    n, wrong = differences(recalculated[f"{name}-variants"], compute(book, "nb"))
    assert n > 20
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["nb", "en"])
def test_all_examples_are_ours(lang, tmp_path):
    """Thousands of cells."""
    systems = {name: (book := example_book(kind), compute(book, lang)) for name, kind in KINDS.items()}
    for name, (book, system) in systems.items():
        content = render_system(book, system, lang, publish=False)[f"{name}_{lang}.xlsx"]
        (tmp_path / f"{name}.xlsx").write_bytes(content)
    found = recalculate([tmp_path / f"{name}.xlsx" for name in systems], tmp_path)
    for name, (_, system) in systems.items():
        n, wrong = differences(openpyxl.load_workbook(found[name], data_only=True), system)
        assert n > 30
        assert not wrong


@pytest.mark.parametrize("name", KINDS)
def test_a_change_moves_results(systems, name):
    """Else the test above could not fail."""
    before, after = systems[name][1], changed_system(name)

    def values(system):
        cells = [v for sheet in system.results for row in sheet.rows for v in row if isinstance(v, Formula)]
        return [v.value for v in cells]

    moved = sum(a != b for a, b in zip(values(before), values(after), strict=False))
    assert moved > 8


def xml_of(content, pattern):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {n: archive.read(n).decode() for n in archive.namelist() if re.fullmatch(pattern, n)}


@pytest.mark.parametrize("name", KINDS)
def test_only_functions_that_old_programs_know(systems, name):
    pages = xml_of(systems[name][2], r"xl/worksheets/sheet\d+\.xml")
    formulas = [f for page in pages.values() for f in re.findall(r"<f>(.*?)</f>", page)]
    assert len(formulas) > 30
    called = set().union(*map(functions_of, formulas))
    assert "SUMPRODUCT" in called or name == "ladder"
    assert called <= KNOWN_TO_BOTH
    assert not any("_xlfn" in page for page in pages.values())


def test_allowed_functions_are_known_to_both():
    assert FUNCTIONS == KNOWN_TO_BOTH


@pytest.mark.parametrize("name", KINDS)
def test_every_formula_has_a_stored_value(systems, name):
    pages = xml_of(systems[name][2], r"xl/worksheets/sheet\d+\.xml")
    for page in pages.values():
        assert len(re.findall("<f>[^<]*</f><v>", page)) == page.count("<f>")


@pytest.mark.parametrize("name", KINDS)
def test_assumptions_are_named_cells_that_drive_formulas(systems, name):
    _, system, content = systems[name]
    page = xml_of(content, "xl/workbook.xml")["xl/workbook.xml"]
    named = set(re.findall(r'<definedName name="(.*?)">', page))
    assert named == {one.name for one in system.assumptions}
    cells = [v for s in (*system.results, *system.inputs) for row in s.rows for v in row]
    used = " ".join(v.text for v in cells if isinstance(v, Formula))
    assert all(re.search(rf"\b{one.name}\b", used) for one in system.assumptions)


@pytest.mark.parametrize("name", KINDS)
def test_results_lead_to_their_inputs(systems, name):
    """Every row of results has a formula that names another cell, and links lead to rows that exist."""
    _, system, _ = systems[name]
    known = {s.name: s for s in (*system.inputs, *system.results)}
    for sheet in system.results:
        for row in sheet.rows:
            assert any(isinstance(v, Formula) and "!$" in v.text for v in row)
            for link in (v for v in row if isinstance(v, Link)):
                target, _, cell = link.cell.replace("$", "").rpartition("!")
                other = known[target.strip("'")]
                assert other.first < int(re.sub("[A-Z]", "", cell)) <= other.last + 1


def test_the_same_bytes_every_time(systems):
    book, system, content = systems["ladder"]
    again = render_system(book, compute(book, "nb"), "nb", publish=False)
    assert again["ladder_nb.xlsx"] == content
    assert system.results[0].rows


def test_texts_are_never_computed(tmp_path):
    """Neither in the workbook nor in CSV or on the page."""
    evil = '=HYPERLINK("http://x.invalid","klikk")'
    rows = [["Kommune", "År", "Enhet", "Vedtakstimer"], [evil, 2024, "+1+1", 100], ["@b", 2024, "-2", 50]]
    path = write_book(tmp_path / "b.xlsx", {"Ambulante enheter": rows})
    book = openpyxl.load_workbook(path)
    for row in book["Ambulante enheter"].iter_rows(min_row=2):
        for cell in row:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    book.save(path)
    kind = KINDS["staffing"]
    read = read_municipal_book(path, kind)
    files = render_system(read, compute(read, "nb"), "nb", publish=False)
    pages = xml_of(files["staffing_nb.xlsx"], r"xl/worksheets/sheet\d+\.xml")
    assert not any("HYPERLINK(" in f for p in pages.values() for f in re.findall(r"<f>(.*?)</f>", p))
    assert not xml_of(files["staffing_nb.xlsx"], r"xl/externalLinks/.*")
    text = next(content for file, content in files.items() if file.endswith(".csv"))
    assert all(not re.match(r'"?[=+@]', cell) for line in text.splitlines() for cell in line.split(";"))
    assert "<script" not in files["staffing_nb.html"]


@pytest.mark.parametrize(
    ("book", "said"),
    [
        (Workbook("x", (Sheet("a/b", "", (), ()),)), "a/b"),
        (Workbook("x", (Sheet("a", "", (), ()), Sheet("A", "", (), ()))), "twice"),
        (Workbook("x", (Sheet("a", "", (SheetColumn("x", "x"),), ((1.0, 2.0),)),)), "2 cells for 1"),
        (Workbook("x", (Sheet("a", "", (), ()),), (), {"A1": "'a'!$A$1"}), "A1"),
    ],
)
def test_workbooks_that_excel_does_not_open_are_not_written(book, said):
    with pytest.raises(SpecificationError, match=said):
        render_workbook(book)


def test_new_functions_are_refused():
    with pytest.raises(SpecificationError, match="XLOOKUP"):
        Formula("=XLOOKUP(A1,B:B,C:C)", 1.0)
    assert Formula('=IF(A1="LET(x)",1,2)', 1.0).value == 1.0
