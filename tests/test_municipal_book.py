"""Books of municipalities: what is read of them, and every kind of fault with its cell and remedy."""

import datetime
import math
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.municipal.user_group_terms import services
from kostnadsvekst.report.municipal_template import READY, render_template
from kostnadsvekst.sources.kostra_book import read_kostra_book
from kostnadsvekst.sources.municipal_book import read_municipal_book
from kostnadsvekst.sources.municipal_examples import MADE_UP_ORIGIN, example_book
from kostnadsvekst.sources.municipal_kinds import (
    CALCULATOR,
    KINDS,
    LADDER,
    STAFFING,
    UNIT_COSTS,
    USER_GROUP_NAMES,
    USER_GROUPS,
)
from municipal_workbooks import headings, write_book

KOSTRA = Path(__file__).parents[2] / "shared" / "data" / "municipal" / "lorenskog_kostra_2020_2025.xlsx"
NURSING = ["Kommune", "År", "Korrigerte brutto driftsutgifter", "Årsverk i pleien"]
PLACES = ["Kommune", "År", "Plasstype", "Plasser i bruk", "Måneder"]
ORDINARY = "Ordinær langtidsplass"
HOURS = [
    *("Kommune", "År", "Tjeneste", "Administrasjon", "Planlagte timer", "Leverte timer"),
    *("Årsverk i produksjon", "Sykefravær", "Opplæring", "Permisjon med lønn", "Helligdager"),
]
ACCOUNTS = ["Kommune", "År", "Tjeneste", "Art", "Beløp"]


def good():
    """A book without faults: sheet -> rows."""
    return {
        "Sykehjem": [[*NURSING], ["A", 2024, 100_000, 90]],
        "Plasser": [[*PLACES], ["A", 2024, ORDINARY, 80, 12], ["A", 2024, "Korttidsplass", 20, 12]],
        "Regnskap hjemmetjenester": [[*ACCOUNTS], ["A", 2024, "Hjemmesykepleie", "1010", 9_000_000]],
        "Timer hjemmetjenester": [
            [*HOURS],
            ["A", 2024, "Hjemmesykepleie", 500_000, 300, None, 12, 9.5, 2, 2, 8],
        ],
    }


def read(path, sheets, kind=UNIT_COSTS):
    return read_municipal_book(write_book(path / "bok.xlsx", sheets), kind)


def faults_of(path, sheets, kind=UNIT_COSTS):
    with pytest.raises(InvalidDataError) as caught:
        read(path, sheets, kind)
    return list(caught.value.problems)


def test_a_good_book_is_read(tmp_path):
    book = read(tmp_path, good())
    assert book.frame("nursing_homes")["gross_cost_thousand_kr"].tolist() == [100_000]
    assert book.frame("places")["places"].tolist() == [80, 20]
    assert book.tables["places"].place(1, "places") == "Plasser!D3"
    assert math.isnan(book.frame("home_hours")["delivered_per_week"][0])
    assert book.assumptions == {
        "dogn_per_aar": 365,
        "uker_per_aar": 52,
        "timer_per_uke": 37.5,
        "feriedager": 25,
    }
    assert book.provenance.file == "bok.xlsx"
    assert len(book.provenance.file_sha256) == 64


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1 234,5", 1234.5),
        ("1\u00a0234,50", 1234.5),
        ("\u22121234,5", -1234.5),
        ("1.234.567,25", 1234567.25),
        ("1,234,567.25", 1234567.25),
        ("  12 ", 12),
        (1234.5, 1234.5),
    ],
)
def test_numbers_are_read_as_people_write_them(tmp_path, written, value):
    sheets = good()
    sheets["Regnskap hjemmetjenester"].append(["A", 2024, "Hjemmesykepleie", "1064", written])
    assert read(tmp_path, sheets).frame("home_accounts")["amount_kr"][1] == value


def test_per_cent_in_three_ways(tmp_path):
    """12, "12 %" and a cell of 0.12 that Excel shows as 12 %."""
    for written, shown in ((12, None), ("12 %", None), (0.12, "0%")):
        sheets = good()
        sheets["Timer hjemmetjenester"][1][7] = written
        path = write_book(tmp_path / "bok.xlsx", sheets)
        if shown:
            book = openpyxl.load_workbook(path)
            book["Timer hjemmetjenester"]["H2"].number_format = shown
            book.save(path)
        assert read_municipal_book(path, UNIT_COSTS).frame("home_hours")["sick_leave_percent"][0] == 12


def test_columns_change_places_and_titles_stand_above(tmp_path):
    sheets = good()
    sheets["Sykehjem"] = [
        ["Tall fra regnskapet"],
        [],
        ["Merknad til oss", NURSING[2].upper(), "year", "  kommune "],
        ["sjekk", 100_000, 2024, "A"],
    ]
    book = read(tmp_path, sheets)
    assert book.frame("nursing_homes")["gross_cost_thousand_kr"][0] == 100_000
    assert book.tables["nursing_homes"].place(0, "year") == "Sykehjem!C4"
    assert book.unread == ("Sykehjem!A3 'Merknad til oss'",)


def test_english_names_and_choices(tmp_path):
    sheets = {
        "Nursing homes": [["Municipality", "Year", "Adjusted gross expenditure"], ["A", 2024, 1000]],
        "Places": [
            ["Municipality", "Year", "Type of place", "Places in use", "Months"],
            ["A", 2024, "Ordinary long-term place", 10, 12],
        ],
    }
    assert read(tmp_path, sheets).frame("places")["place_type"].tolist() == [ORDINARY]


def test_a_folder_of_csv_files_is_a_book(tmp_path):
    (tmp_path / "Sykehjem.csv").write_text("Kommune;År;Korrigerte brutto driftsutgifter\nA;2024;181 200,5\n")
    (tmp_path / "plasser.csv").write_bytes(
        "Kommune,År,Plasstype,Plasser i bruk,Måneder\nA,2024,Ordinær langtidsplass,10.5,12\n".encode("cp1252")
    )
    book = read_municipal_book(tmp_path, UNIT_COSTS)
    assert book.frame("nursing_homes")["gross_cost_thousand_kr"][0] == 181_200.5
    assert book.frame("places")["places"][0] == 10.5
    (tmp_path / "plasser.csv").write_text(
        "Kommune;År;Plasstype;Plasser i bruk;Måneder\nA;2024;Ordinær;ti;12\n"
    )
    with pytest.raises(InvalidDataError, match=r"plasser.csv!D2: 'ti' is no number"):
        read_municipal_book(tmp_path, UNIT_COSTS)


def test_municipality_codes_keep_their_zero(tmp_path):
    sheets = good()
    for name in sheets:
        for row in sheets[name][1:]:
            row[0] = 301
    assert read(tmp_path, sheets).frame("nursing_homes")["municipality"].tolist() == ["0301"]


def test_own_assumptions_and_their_reasons(tmp_path):
    sheets = good()
    sheets["Forutsetninger"] = [
        ["Forutsetning", "Verdi", "Begrunnelse"],
        ["Uker per år", "52,14", "365/7"],
        ["feriedager", 0, None],
    ]
    book = read(tmp_path, sheets)
    assert book.assumptions["uker_per_aar"] == 52.14
    assert book.assumptions["feriedager"] == 0
    assert book.reasons["uker_per_aar"] == "365/7"


def change(sheets, sheet, row, column, value):
    sheets[sheet][row][column] = value
    return sheets


# Kind of fault: what is done to the good book, the cell that is named, and words of the remedy.
FAULTS = {
    "text in a number": (lambda s: change(s, "Plasser", 1, 3, "åtti"), "Plasser!D2", "write digits"),
    "text in a year": (lambda s: change(s, "Plasser", 1, 1, "i fjor"), "Plasser!B2", "write digits"),
    "two styles in a column": (
        lambda s: change(change(s, "Plasser", 1, 3, "80,5"), "Plasser", 2, 3, "20.5"),
        "Plasser!D3",
        "write them alike",
    ),
    "a number of two readings": (
        lambda s: change(s, "Regnskap hjemmetjenester", 1, 4, "1,234"),
        "Regnskap hjemmetjenester!E2",
        "1234 or 1.234",
    ),
    "an empty cell": (lambda s: change(s, "Sykehjem", 1, 2, None), "Sykehjem!C2", "write"),
    "a renamed column": (lambda s: change(s, "Plasser", 0, 3, "Plasser i brk"), "Plasser!D1", "name it so"),
    "a missing column": (
        lambda s: change(s, "Plasser", 0, 3, None),
        "sheet 'Plasser'",
        "take the sheet from",
    ),
    "a column twice": (lambda s: change(s, "Plasser", 0, 4, "Plasser i bruk"), "Plasser!E1", "delete one"),
    "a wrong sheet name": (lambda s: {**s, "Sykehjm": s.pop("Sykehjem")}, "'Sykehjm'", "give it that name"),
    "an empty sheet": (lambda s: s | {"Plasser": [PLACES]}, "sheet 'Sykehjem'", "both are needed"),
    "a repeated row": (
        lambda s: s | {"Sykehjem": [*s["Sykehjem"], ["a", 2024, 1, 1]]},
        "Sykehjem!A3",
        "keep one row",
    ),
    "mixed years": (
        lambda s: change(s, "Sykehjem", 1, 1, 2023),
        "Sykehjem!B2",
        "the same municipalities and years",
    ),
    "months that are not twelve": (lambda s: change(s, "Plasser", 1, 4, 8), "Plasser!E2", "add up to 8"),
    "months above twelve": (lambda s: change(s, "Plasser", 1, 4, 13), "Plasser!E2", "at most 12"),
    "weights without the ordinary place": (
        lambda s: s | {"Vekter": [["Plasstype", "Vekt"], ["Korttidsplass", 1.2]]},
        "sheet 'Vekter'",
        "add it with weight 1",
    ),
    "an ordinary place that does not weigh one": (
        lambda s: s | {"Vekter": [["Plasstype", "Vekt"], [ORDINARY, 2], ["Korttidsplass", 1.2]]},
        "Vekter!B2",
        "write 1",
    ),
    "a type without weight": (lambda s: change(s, "Plasser", 2, 2, "Dagplass"), "Plasser!C3", "add it to"),
    "no places": (
        lambda s: change(change(s, "Plasser", 1, 3, 0), "Plasser", 2, 3, 0),
        "Plasser!D2",
        "no places to divide",
    ),
    "a share over 100 %": (
        lambda s: change(s, "Timer hjemmetjenester", 1, 7, 109),
        "hjemmetjenester!H2",
        "at most 100 %",
    ),
    "a negative number": (lambda s: change(s, "Plasser", 1, 3, -3), "Plasser!D2", "at least 0"),
    "neither planned nor delivered hours": (
        lambda s: change(s, "Timer hjemmetjenester", 1, 4, None),
        "hjemmetjenester!E2",
        "write planned hours",
    ),
    "a choice that is none": (
        lambda s: change(s, "Timer hjemmetjenester", 1, 2, "Hjemmehjelp"),
        "hjemmetjenester!C2",
        "write one of",
    ),
    "a total without a word": (
        lambda s: change(s, "Regnskap hjemmetjenester", 1, 3, "total"),
        "Timer hjemmetjenester!A2",
        "write 'ja' if refunds",
    ),
    "no account": (
        lambda s: change(s, "Regnskap hjemmetjenester", 1, 3, "lønn"),
        "Regnskap hjemmetjenester!D2",
        "as 1010",
    ),
    "a date as a number": (
        lambda s: change(s, "Plasser", 1, 3, datetime.date(2024, 5, 1)),
        "Plasser!D2",
        "format the cell as a number",
    ),
    "yes in a number": (lambda s: change(s, "Plasser", 1, 3, True), "Plasser!D2", "write digits"),
    "spelt in two ways": (lambda s: change(s, "Plasser", 2, 0, "a"), "Plasser!A3", "write them alike"),
    "an unknown assumption": (
        lambda s: s | {"Forutsetninger": [["Forutsetning", "Verdi"], ["Ukr per år", 52]]},
        "Forutsetninger!A2",
        "take the name from the template",
    ),
    "an assumption out of bounds": (
        lambda s: s | {"Forutsetninger": [["Forutsetning", "Verdi"], ["Uker per år", 5.2]]},
        "Forutsetninger!B2",
        "between 50 and 53",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_name_the_cell_and_the_remedy(tmp_path, kind):
    spoil, cell, remedy = FAULTS[kind]
    found = faults_of(tmp_path, spoil(good()))
    assert any(cell in fault and remedy in fault for fault in found), found


def spoil_merge(book):
    book["Plasser"].merge_cells("A2:A3")


def spoil_error(book):
    book["Plasser"]["D2"].value = "#DIV/0!"
    book["Plasser"]["D2"].data_type = "e"


def spoil_formula(book):
    book["Plasser"]["D2"].value = "=40*2"


def spoil_hidden_row(book):
    book["Plasser"].row_dimensions[3].hidden = True


def spoil_hidden_column(book):
    book["Plasser"].column_dimensions["D"].hidden = True


def spoil_hidden_sheet(book):
    book["Plasser"].sheet_state = "hidden"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_merge, "Plasser!A2:A3: merged cells: unmerge"),
        (spoil_error, "Plasser!D2: the cell holds the error #DIV/0!: mend its formula"),
        (spoil_formula, "Plasser!D2: a formula without a stored value: open the book in Excel and save"),
        (spoil_hidden_row, "Plasser row 3 is hidden and has values: show it"),
        (spoil_hidden_column, "Plasser!D1: the column is hidden: show it"),
        (spoil_hidden_sheet, "sheet 'Plasser' is hidden: show it"),
    ],
)
def test_faults_of_the_sheet(tmp_path, spoil, told):
    path = write_book(tmp_path / "bok.xlsx", good())
    book = openpyxl.load_workbook(path)
    spoil(book)
    book.save(path)
    with pytest.raises(InvalidDataError) as caught:
        read_municipal_book(path, UNIT_COSTS)
    assert any(told in problem for problem in caught.value.problems), caught.value.problems


def test_all_faults_at_once(tmp_path):
    """Of three sheets, and of one cell after the other."""
    sheets = good()
    change(sheets, "Sykehjem", 1, 2, "mye")
    change(sheets, "Plasser", 1, 4, 8)
    change(sheets, "Plasser", 2, 2, "Dagplass")
    change(sheets, "Timer hjemmetjenester", 1, 7, 109)
    found = faults_of(tmp_path, sheets)
    for cell in ("Sykehjem!C2", "Plasser!E2", "Plasser!C3", "Timer hjemmetjenester!H2"):
        assert sum(fault.startswith(cell) for fault in found) == 1, (cell, found)


def test_files_that_are_no_books(tmp_path):
    locked = tmp_path / "laast.xlsx"
    locked.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") * 2)
    with pytest.raises(InvalidDataError, match="password"):
        read_municipal_book(locked, UNIT_COSTS)
    locked.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    with pytest.raises(InvalidDataError, match="Excel 97"):
        read_municipal_book(locked, UNIT_COSTS)
    (tmp_path / "b.xlsx").write_text("hei")
    with pytest.raises(InvalidDataError, match="is no workbook"):
        read_municipal_book(tmp_path / "b.xlsx", UNIT_COSTS)
    with pytest.raises(DataMissingError, match="no file"):
        read_municipal_book(tmp_path / "c.xlsx", UNIT_COSTS)
    (tmp_path / "tom").mkdir()
    with pytest.raises(DataMissingError, match="no CSV files"):
        read_municipal_book(tmp_path / "tom", UNIT_COSTS)


# Templates that are filled in each time, and those that take longer.
FILLED_IN = ("unit-costs", "staffing")
OTHERS = tuple(name for name in KINDS if name not in FILLED_IN)
STEPS = ["Kommune", "År", "Trinn", "Navn", "Telles i", "Antall", "Pris", "Kostnad"]


@pytest.mark.parametrize(
    ("kind", "sheets", "told"),
    [
        (
            LADDER,
            {"Trinn": [STEPS, ["A", 2024, 5, "x", "mottakere", 0, None, 2]]},
            "Trinn!F2: 2 million kroner and no",
        ),
        (
            LADDER,
            {"Trinn": [STEPS, ["A", 2024, 5, "x", "mottakere", 9, None, None]]},
            "Trinn!H2: neither cost nor price",
        ),
        (
            LADDER,
            {"Trinn": [STEPS, ["A", 2024, 1, "x", "innbyggere", 9, 5, None]]},
            "Trinn!G2: a step for all",
        ),
        (
            LADDER,
            {"Trinn": [STEPS, ["A", 2024, 5, "x", "mottakere", 9.5, None, 1]]},
            "Trinn!F2: 'Antall' is 9.5",
        ),
        (
            LADDER,
            {
                "Trinn": [STEPS, ["A", 2024, 5, "x", "mottakere", 9, None, 1]],
                "Flyttinger": [
                    ["Kommune", "År", "Antall som flytter", "Fra trinn", "Til trinn"],
                    ["A", 2024, 10, 5, 6],
                ],
            },
            "Flyttinger!E2: A 2024 has no step 6",
        ),
        (
            CALCULATOR,
            {
                "Tiltak": [
                    ["Kommune", "År", "Alternativ", "Tjeneste", "Mengde"],
                    ["A", 2024, "a", "Vask", 3],
                ],
                "Priser": [["Tjeneste", "Enhet", "Pris"], ["Vasking", "time", 300]],
            },
            "Tiltak!D2: 'Vask' (did you mean 'Vasking'?) has no price",
        ),
        (
            STAFFING,
            {
                "Forvaltningskontor": [
                    ["Kommune", "År", "Årsverk", "Årsverk utenom", "Innbyggere", "Behovsindeks"],
                    ["A", 2024, 3, 4, 9000, 97.2],
                ]
            },
            "Forvaltningskontor!F2: 'Behovsindeks' is 97.2: it is at most 3",
        ),
        (
            STAFFING,
            {
                "Forvaltningskontor": [
                    ["Kommune", "År", "Årsverk", "Årsverk utenom", "Innbyggere", "Behovsindeks"],
                    ["A", 2024, 3, 4, 9000, 0.972],
                ]
            },
            "Forvaltningskontor!D2: 4 man-years are taken out of 3",
        ),
    ],
)
def test_faults_of_the_other_systems(tmp_path, kind, sheets, told):
    found = faults_of(tmp_path, sheets, kind)
    assert any(told in fault for fault in found), found


def user_groups_book():
    return {
        "Innbyggere": [headings(USER_GROUPS, "population"), ["A", 2023, 900, 100, 500, 80, 1.0, None, None]],
        "Brukere": [
            headings(USER_GROUPS, "counts"),
            [
                "A",
                2023,
                USER_GROUP_NAMES["pu_adults"].nb,
                "Bolig med heldøgns tjenester",
                "Egen regi",
                9,
                9,
                None,
                8,
                None,
            ],
        ],
        "Regnskap": [
            headings(USER_GROUPS, "accounts"),
            ["A", 2023, USER_GROUP_NAMES["pu_adults"].nb, None, None, "254", 500, 0, None],
        ],
    }


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: change(s, "Brukere", 1, 1, 2022), "Brukere!B2: A 2022 is not in the sheet 'Innbyggere'"),
        (lambda s: change(s, "Innbyggere", 1, 4, 850), "Innbyggere!C2: the age groups are 1030"),
        (
            lambda s: (
                s
                | {
                    "Korreksjoner": [
                        headings(USER_GROUPS, "corrections"),
                        ["A", 2023, "p", "254", USER_GROUP_NAMES["pu_adults"].nb, None, None, 10, "fordi"],
                    ]
                }
            ),
            "Korreksjoner!H2: the lines of A 2023 p sum to 10.00 kr",
        ),
        (
            lambda s: change(
                s | {"Fellesutgifter": [headings(USER_GROUPS, "shared"), ["A", 2023, "x", None, 9, None]]},
                "Brukere",
                1,
                5,
                9,
            ),
            "Fellesutgifter!D2: empty: write the function",
        ),
        (lambda s: change(s, "Brukere", 1, 2, "PU"), "Brukere!C2: 'PU' is not among the choices"),
    ],
)
def test_faults_of_user_groups(tmp_path, spoil, told):
    assert read(tmp_path, user_groups_book(), USER_GROUPS).frame("counts")["users"].tolist() == [9]
    found = faults_of(tmp_path, spoil(user_groups_book()), USER_GROUPS)
    assert any(told in fault for fault in found), found


@pytest.mark.parametrize("name", [*FILLED_IN, *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)])
def test_a_template_can_be_filled_in_and_read(tmp_path, name):
    """The rows of the example, typed into the template's own cells."""
    kind = KINDS[name]
    example = example_book(kind)
    (tmp_path / "t.xlsx").write_bytes(render_template(kind, "nb"))
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    for form in kind.forms:
        page = book[form.label.nb]
        header = next(r for r in range(1, 9) if page.cell(r, 1).value == form.fields[0].label.nb)
        for k, row in enumerate(example.frame(form.name).itertuples(index=False), header + 1):
            for j, value in enumerate(row, 1):
                blank = value is None or (isinstance(value, float) and math.isnan(value))
                page.cell(k, j).value = None if blank else ("nei" if value is False else value)
    book.save(tmp_path / "t.xlsx")
    again = read_municipal_book(tmp_path / "t.xlsx", kind)
    for form in kind.forms:
        assert again.frame(form.name).equals(example.frame(form.name)), form.name
    assert again.assumptions == example.assumptions
    assert again.unread == ("sheet 'Veiledning'",)


@pytest.mark.parametrize("lang", ["nb", "en"])
def test_templates_have_guidance_choices_and_units(tmp_path, lang):
    content = render_template(UNIT_COSTS, lang)
    assert content == render_template(UNIT_COSTS, lang)
    (tmp_path / "t.xlsx").write_bytes(content)
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert [page.title for page in book.worksheets[1:]] == [
        form.label.get(lang) for form in UNIT_COSTS.sheets
    ]
    places = book[next(f.label.get(lang) for f in UNIT_COSTS.forms if f.name == "places")]
    kinds = {rule.type for rule in places.data_validations.dataValidation}
    assert {"list", "decimal", "whole"} <= kinds
    assert {places.cell(3, 4).value, places.cell(3, 5).value} == (
        {"plasser", "måneder"} if lang == "nb" else {"places", "months"}
    )
    last = get_column_letter(len(UNIT_COSTS.forms[1].fields))
    assert places.column_dimensions[last].width > 10
    assert str(READY + 4) in str(places.data_validations.dataValidation[0].sqref)
    text = " ".join(str(c.value) for row in book.worksheets[0].iter_rows() for c in row if c.value)
    assert ("gule" if lang == "nb" else "yellow") in text.casefold()


def test_services_are_those_of_the_package():
    listed = next(form for form in USER_GROUPS.forms if form.name == "counts").field("service").choices
    assert list(listed) == [service.label for service in services().values()]


@pytest.mark.parametrize("name", KINDS)
def test_examples_are_marked_and_have_no_small_counts(name):
    """Every row says where it is from, most that it is made up; nobody could be one of five or fewer."""
    book = example_book(KINDS[name])
    assert book.provenance.origin == MADE_UP_ORIGIN
    for table in book.tables.values():
        if "source" in table.frame:
            assert table.frame["source"].str.contains("oppdiktet|KS, NHO og Virke|Lier", case=False).all()
        for column in ("recipients", "users", "units", "n", "places"):
            if column in table.frame:
                assert not table.frame[column].between(1, 5).any(), (table.form.name, column)


def test_a_kostra_book_is_read(tmp_path):
    title = "Netto driftsresultat i % av brutto driftsinntekter (%)"
    rows = [
        ["Økonomi"],
        [],
        [title],
        ["År \\ Region", "A", "Landet"],
        ["2023", None, 0.8],
        ["2024", 0.2, -0.4],
        [],
        ["Innbyggere (antall)"],
        ["År \\ Region", "A"],
        [2024, 50013],
    ]
    found = read_kostra_book(write_book(tmp_path / "k.xlsx", {"Økonomi": rows, "Metode": [["a", "b"]]}))
    assert found[["indicator", "unit", "region", "year", "value", "cell"]].to_numpy().tolist() == [
        [title.removesuffix(" (%)"), "%", "Landet", 2023, 0.8, "Økonomi!C5"],
        [title.removesuffix(" (%)"), "%", "A", 2024, 0.2, "Økonomi!B6"],
        [title.removesuffix(" (%)"), "%", "Landet", 2024, -0.4, "Økonomi!C6"],
        ["Innbyggere", "antall", "A", 2024, 50013, "Økonomi!B10"],
    ]
    assert found.attrs["unread"] == ["Metode"]
    rows[4][2] = "0,8 ca."
    with pytest.raises(InvalidDataError, match=r"Økonomi!C5: '0,8 ca.' is no number") as caught:
        read_kostra_book(write_book(tmp_path / "k.xlsx", {"Økonomi": rows}))
    assert len(caught.value.problems) == 1
    with pytest.raises(InvalidDataError, match="no block"):
        read_kostra_book(write_book(tmp_path / "k.xlsx", {"Metode": [["a", "b"]]}))


def test_a_real_kostra_book():
    """As an analyst keeps one; the numbers are read off the book by eye."""
    if not KOSTRA.is_file():
        pytest.skip(f"{KOSTRA.name} is not beside the checkout: no real KOSTRA book was read")
    found = read_kostra_book(KOSTRA).set_index(["sheet", "indicator", "region", "year"])["value"]
    care = "Utgifter helse og omsorg per innbygger"
    assert found["Helse og omsorg", care, "Lørenskog", 2025] == 26253
    assert found["Befolkning", "Innbyggere", "Landet", 2020] == 5391369
    assert found.index.get_level_values("indicator").nunique() == 78
    assert ("Helse og omsorg", care, "Lørenskog", 2020) not in found.index
