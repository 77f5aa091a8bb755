"""The doctor's search for personal data: what is found, what is not, and that no value is ever told.

Every number here is of nobody: those born from 2030 on (years 30 to 39 with an individual number from 500),
with control digits computed by the definition of Skatteetaten.
"""

import io
import json
import time
from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.comments import Comment

from command_runs import run_inside
from kostnadsvekst.commands import doctor
from kostnadsvekst.report.doctor import examine
from kostnadsvekst.report.doctor.personal_data import kind_of_number, kinds_in, mask


def control_digits(nine):
    """By the definition: 11 less the remainder of the weighted sum, 0 for 11; None where one would be 10."""
    digits = [int(digit) for digit in nine]
    for weights in ([3, 7, 6, 1, 8, 9, 4, 5, 2], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]):
        control = (11 - sum(w * d for w, d in zip(weights, digits, strict=True)) % 11) % 11
        if control == 10:
            return None
        digits.append(control)
    return "".join(map(str, digits[9:]))


def number(day=1, month=2, year=39, add_to_day=0, add_to_month=0):
    """First valid number of somebody who will be born that day."""
    for individual in range(500, 1000):
        nine = f"{day + add_to_day:02}{month + add_to_month:02}{year:02}{individual:03}"
        if control := control_digits(nine):
            return nine + control
    raise AssertionError


BORN, D, H = number(), number(add_to_day=40), number(add_to_month=40)
MAIL, PHONE, POINT = "kari.nordmann@kommune" + ".no", "+47 91 23 45 67", "59.91234, 10.75678"
SECRETS = (BORN, D, H, MAIL, PHONE, "59.91234", "10.75678", "91234567")


def fill(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def findings(folder, **options):
    return examine(folder, groups=["persons"], **options).findings


def found(folder):
    return {(f.check, f.path) for f in findings(folder)}


# Identity numbers ----------


def test_kinds_of_numbers():
    assert [kind_of_number(text) for text in (BORN, D, H)] == ["birth", "d", "h"]
    # Made-up persons of Tenor have 80 added to the month: they are nobody's.
    assert kind_of_number(number(add_to_month=80)) is None
    assert kind_of_number(number(add_to_day=40, add_to_month=40)) is None
    # Individual numbers from 500 to 749 are of those born in 1854 to 1899 or 2000 to 2039.
    assert [kind_of_number(number(year=year)) for year in (39, 40, 53, 54)] == ["birth", None, None, "birth"]
    assert kind_of_number(BORN[:-1]) is kind_of_number(f"{BORN}0") is kind_of_number("²" * 11) is None


@pytest.mark.parametrize(
    ("day", "month", "year"), [(31, 4, 39), (30, 2, 36), (29, 2, 39), (0, 1, 39), (1, 13, 39)]
)
def test_days_that_are_none(day, month, year):
    assert kind_of_number(number(day, month, year)) is None
    assert kind_of_number(number(29, 2, 36)) == "birth"  # 2036 is a leap year


def test_one_digit_or_two_neighbours_wrong_is_no_number():
    """What control digits modulo 11 are for: every such slip is found."""
    for k in range(11):
        for digit in "0123456789".replace(BORN[k], ""):
            assert kind_of_number(BORN[:k] + digit + BORN[k + 1 :]) is None
    for k in range(10):
        swapped = BORN[:k] + BORN[k + 1] + BORN[k] + BORN[k + 2 :]
        assert swapped == BORN or kind_of_number(swapped) is None


@given(st.integers(0, 10**9 - 1), st.integers(0, 99))
@settings(max_examples=200)
def test_no_other_ending_than_that_of_the_definition_makes_a_number(nine, ending):
    text, right = f"{nine:09}", control_digits(f"{nine:09}")
    assert kind_of_number(f"{text}{ending:02}") is None or right == f"{ending:02}"


@given(st.dates(date(2000, 1, 1), date(2039, 12, 31)), st.integers(500, 999), st.sampled_from([0, 40]))
@settings(max_examples=200)
def test_every_day_with_the_ending_of_the_definition_makes_a_number(born, individual, added):
    nine = f"{born.day + added:02}{born:%m%y}{individual}"
    if control := control_digits(nine):
        assert kind_of_number(nine + control) == ("d" if added else "birth")


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("{}", True),
        ("x,{},y", True),
        ("({})", True),
        ("fnr: {}.", True),
        ("{6} {5}", True),
        ("{6}-{5}", True),
        ("1{}", False),
        ("{}1", False),
        ("a{}", False),
        ("0.{}", False),
        ("0,{}", False),
        ("{}.5", False),
        ("{},5", False),
        ("{}.05", False),
        ("+{}", False),
        # As programs write a column with gaps, names of files and dates.
        ("{}.0", True),
        ("x;{},0", True),
        ("_{}_", True),
        ("kpr_{}.csv", True),
        ("a{}_", False),
        ("{d} {5}", True),
        ("{d}{5}", True),
        ("1{d} {5}", False),
    ],
)
def test_where_a_number_may_stand(text, there):
    dotted = f"{BORN[:2]}.{BORN[2:4]}.{BORN[4:6]}"
    written = text.replace("{}", BORN).replace("{6}", BORN[:6]).replace("{5}", BORN[6:])
    written = written.replace("{d}", dotted)
    assert ([*kinds_in(written)] == [("identity-number", "birth")]) == there


# Contacts and places ----------


@pytest.mark.parametrize(
    ("text", "checks"),
    [
        (f"Skriv til {MAIL}.", ["e-mail"]),
        ("someone@example.com, noreply@kommune.no, x@localhost, a@b", []),
        ("@decorator and 5 @ 3.00", []),
        (f"Ring {PHONE}", ["phone-number"]),
        ("tlf. 91234567", ["phone-number"]),
        ("mobil: 912 34 567", ["phone-number"]),
        ("91234567", []),
        ("tlf 12345678", []),  # no number begins with 1
        ("+46 70 123 45 67", []),
        (POINT, ["coordinates"]),
        ("POINT (10.75678 59.91234)", ["coordinates"]),
        ('"coordinates": [10.75678, 59.91234]', ["coordinates"]),
        ("59.91, 10.75", []),  # to a kilometre: a village
        ("48.85661, 2.35222", []),  # Paris
        ("59.91234 10.75678", []),
    ],
)
def test_contacts_and_places(text, checks):
    assert [check for check, _ in kinds_in(text)] == checks
    assert not [*kinds_in(text, people_only=True)]


def test_contacts_count_among_data_and_results_only(tmp_path):
    text = f"{MAIL}\n{PHONE}\n{POINT}\n{BORN}\n"
    fill(tmp_path, {"README.md": text, "data/notes.txt": text, "docs/a.txt": "nothing\n"})
    fill(tmp_path, {"results/drawing.svg": f"<path d='M{POINT}'/>"})  # a place on paper
    everything = {"e-mail", "phone-number", "coordinates", "identity-number"}
    assert found(tmp_path) == {
        ("identity-number", "README.md"),
        *((check, "data/notes.txt") for check in everything),
    }


# Tables ----------

PEOPLE = pd.DataFrame({
    "pid": ["x", BORN, "y"],
    "mail": ["a", "b", MAIL],
    "tlf": ["91234567", "1", "2"],
    "lat": [59.91234, 1.0, 2.0],
    "lon": [10.75678, 1.0, 2.0],
})  # fmt: skip
CLEAN = pd.DataFrame(
    {"pid": ["x", "y"], "users": [91234567, 3], "share": [59.91234, 1.5], "growth": [10.7, 2.0]}
)
EVERYTHING = {"identity-number", "e-mail", "phone-number", "coordinates"}


def excel(frame):
    book = io.BytesIO()
    with pd.ExcelWriter(book) as writer:
        pd.DataFrame({"about": ["notes"]}).to_excel(writer, sheet_name="first", index=False)
        frame.to_excel(writer, sheet_name="second", index=False)
    return book.getvalue()


WRITERS = {
    "csv": lambda frame, path: path.write_text(frame.to_csv(index=False)),
    "csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: path.write_text(frame.to_csv(index=False, sep=";")),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "feather": lambda frame, path: frame.to_feather(path),
    "dta": lambda frame, path: frame.to_stata(path, write_index=False),
    "xlsx": lambda frame, path: path.write_bytes(excel(frame)),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_tables_of_every_kind(tmp_path, ending):
    for name, frame in (("people", PEOPLE), ("clean", CLEAN)):
        WRITERS[ending](frame, tmp_path / f"{name}.{ending}")
    assert found(tmp_path) == {(check, f"people.{ending}") for check in EVERYTHING}


def test_sav(tmp_path):
    import pyreadstat

    for name, frame in (("people", PEOPLE), ("clean", CLEAN)):
        pyreadstat.write_sav(frame, str(tmp_path / f"{name}.sav"))
    assert found(tmp_path) == {(check, "people.sav") for check in EVERYTHING}


def test_the_place_is_told(tmp_path):
    WRITERS["csv"](PEOPLE, tmp_path / "a.csv")
    (tmp_path / "b.xlsx").write_bytes(excel(PEOPLE))
    told = {(f.check, f.path): f for f in findings(tmp_path)}
    one = told["identity-number", "a.csv"]
    assert (one.line, one.detail.en) == (
        3,
        "birth number (fødselsnummer), 1 found, first in line 3, column 1",
    )
    assert one.detail.nb == "fødselsnummer, 1 stk., først i linje 3, kolonne 1"
    two = told["e-mail", "b.xlsx"]
    assert (two.line, two.detail.en) == (None, "1 found, first in line 4, column 2, sheet 2")


def test_numbers_that_lost_their_zero(tmp_path):
    """A column of numbers has no leading zeros; few of ten digits are valid by chance, not half of them."""
    zeros = [number(day)[1:] for day in range(1, 9)]
    chance = [str(1_000_000_007 + 977 * k) for k in range(200)]
    text = "\n".join
    fill(
        tmp_path,
        {
            "a.csv": text(["pid", *zeros]),
            "b.csv": text(["sum", *zeros[:3], *chance]),
            "c.csv": text(zeros[:2]),
        },
    )
    WRITERS["parquet"](pd.DataFrame({"pid": [float(zero) for zero in zeros]}), tmp_path / "d.parquet")
    assert found(tmp_path) == {("identity-number", "a.csv"), ("identity-number", "d.parquet")}
    detail = next(f.detail.en for f in findings(tmp_path) if f.path == "a.csv")
    assert detail == "without its leading zero, 8 found, first in column 1"


def test_encodings_and_odd_bytes(tmp_path):
    text = f"kommune;år\nTromsø;2015\nØrsta;{BORN}\n"
    fill(tmp_path, {
        "latin.csv": text.encode("latin-1"),
        "marked.csv": text.encode("utf-8-sig"),
        "wide.csv": text.encode("utf-16"),
        "odd.csv": f"a\n{BORN}\n".encode() + b"\xff\xfe\x81\n",
        "quoted.csv": f'a,b\n"open,{BORN}\n',
        "one_line.json": json.dumps({"x": "y" * 10_000, "pid": BORN}),
        "binary.bin": b"\0\1" + BORN.encode(),
    })  # fmt: skip
    named = {path for check, path in found(tmp_path) if check == "identity-number"}
    assert named == {f.path for f in findings(tmp_path, deep=True)}
    assert named == {"latin.csv", "marked.csv", "wide.csv", "odd.csv", "quoted.csv", "one_line.json"}


def with_comment(path):
    book = Workbook()
    book.active["A1"].comment = Comment(BORN, "somebody")
    book.save(path)


def with_name_of_a_sheet(path):
    book = Workbook()
    book.active.title = BORN
    book.save(path)


def with_author(path):
    book = Workbook()
    book.properties.creator = BORN
    book.save(path)


def stata(**labels):
    return lambda path: pd.DataFrame({"id": [1, 2]}).to_stata(path, write_index=False, **labels)


BESIDE_VALUES = {
    "comment.xlsx": with_comment,
    "sheet.xlsx": with_name_of_a_sheet,
    "author.xlsx": with_author,
    "file.dta": stata(data_label=BORN),
    "column.dta": stata(variable_labels={"id": BORN}),
    "value.dta": stata(value_labels={"id": {1: BORN}}),
    "column.parquet": lambda path: pd.DataFrame({BORN: [1]}).to_parquet(path),
    "index.parquet": lambda path: pd.DataFrame({"a": [1]}, index=[BORN]).to_parquet(path),
    "nested.parquet": lambda path: pd.DataFrame({"a": [{"b": [BORN]}]}).to_parquet(path),
}


def test_a_number_beside_the_values(tmp_path):
    (tmp_path / "data").mkdir()
    for name, write in BESIDE_VALUES.items():
        write(tmp_path / "data" / name)
    assert found(tmp_path) == {("identity-number", f"data/{name}") for name in BESIDE_VALUES}


def test_data_of_a_kind_that_nobody_reads_are_named(tmp_path):
    names = ("a.pdf", "b.jpg", "c.xlsb", "d.msg", "e.pptx", "f.orc", "g")
    fill(tmp_path, {f"data/raw/{name}": b"\x01\0\0" + name.encode() for name in names})
    fill(
        tmp_path, {"results/figure.png": b"\x89PNG\0", "results/paper.pdf": b"%PDF\0", "docs/h.jpg": b"\0\1"}
    )
    assert found(tmp_path) == {("unsearched-file", f"data/raw/{name}") for name in names}


def test_what_cannot_be_searched_is_named(tmp_path):
    fill(tmp_path, {
        "data/a.parquet": b"no parquet " + BORN.encode(),
        "data/b.xlsx": b"PK\x03\x04 no book",
        "data/c.dta": b"<stata_dta>",
        "data/d.zip": b"PK",
        "data/e.csv.gz": b"\x1f\x8b no gzip",
        "data/f.rds": b"x",
        "docs/g.zip": b"PK",
        "data/h.csv": "a\n1\n",
    })  # fmt: skip
    names = ("a.parquet", "b.xlsx", "c.dta", "d.zip", "e.csv.gz", "f.rds")
    assert found(tmp_path) == {("unsearched-file", f"data/{name}") for name in names}


def test_large_files_to_a_limit_and_deep_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("kostnadsvekst.report.doctor.examination.MOST_BYTES", 1_000)
    fill(tmp_path, {"end.csv": "a\n" + "1\n" * 1_000 + BORN, "begin.csv": f"a\n{BORN}\n" + "1\n" * 1_000})
    assert found(tmp_path) == {("identity-number", "begin.csv")}
    assert {f.path for f in findings(tmp_path, deep=True)} == {"begin.csv", "end.csv"}


def test_a_workbook_that_unpacks_to_more_than_is_read(tmp_path, monkeypatch):
    (tmp_path / "a.xlsx").write_bytes(excel(PEOPLE))
    monkeypatch.setattr("kostnadsvekst.report.doctor.examination.MOST_BYTES", 5_000)
    assert [(f.check, f.detail.en) for f in findings(tmp_path)] == [
        ("unsearched-file", "too large; use --deep")
    ]
    assert {f.check for f in findings(tmp_path, deep=True)} == EVERYTHING


@pytest.mark.parametrize("piece", ["a", "1", "a.", "1 ", "@", "+47 ", "9.12345,", "[", "\\a", "/", "x@a."])
def test_no_text_takes_long(piece):
    """Time grows with the length and not with its square."""
    text, begun = piece * (200_000 // len(piece)), time.process_time()
    assert [*kinds_in(text)] == []
    assert mask(text) == text
    assert time.process_time() - begun < 2


# No value is told ----------


@pytest.fixture
def leaky(tmp_path):
    """A folder with personal data in every place, names of files included."""
    WRITERS["csv"](PEOPLE, tmp_path / "people.csv")
    (tmp_path / "people.xlsx").write_bytes(excel(PEOPLE))
    rows = f"{BORN},{MAIL},{PHONE},{D},{H}\n"
    return fill(tmp_path, {
        "data/headless.csv": rows,
        f"data/{BORN}.csv": "a\n1\n",
        f"data/{BORN}_{MAIL}.txt": "",
        "data/broken.parquet": rows,
        "results/notes.txt": rows + POINT,
        "code.py": f'x = "/home' f'/{BORN}/x"\nrequire = "{MAIL}"\n',
        "requirements.txt": f"numpy\n{BORN}\n",
        "results/manifest.json": json.dumps({"outputs": {f"{BORN}.csv": {"sha256": "0"}}}),
        "CODEBOOK.md": "headless.csv people.csv",
        "doctor.toml": '[[exceptions]]\ncheck = "empty-file"\nreason = "kept"\n',
    })  # fmt: skip


@pytest.mark.parametrize("words", [["--json"], ["--lang", "nb"], ["--lang", "en"], ["--deep", "--json"]])
def test_no_value_is_told(leaky, words):
    done = run_inside(doctor.start, leaky, *words)
    assert done.returncode == 1
    assert "identity-number" in done.stdout
    for secret in SECRETS:
        for told in (done.stdout, done.stderr):
            assert secret not in told


def test_a_name_with_a_number_is_found_and_masked(leaky):
    paths = {f.path for f in findings(leaky) if f.check == "identity-number" and f.path.endswith("**.csv")}
    assert paths == {f"data/{'*' * 11}.csv"}
    assert mask("data/table_2015_2019.csv") == "data/table_2015_2019.csv"


def test_a_clean_folder_has_nothing(tmp_path):
    WRITERS["csv"](CLEAN, tmp_path / "a.csv")
    fill(tmp_path, {"data/b.txt": "2015 2016 12345678901 0000000000\n"})
    assert found(tmp_path) == set()
