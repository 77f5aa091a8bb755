"""TOML of every kind that is read: what is wrong with it is told in our words, all of it at once."""

import os
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.models.specifications import read_specification_file, read_specifications
from kostnadsvekst.panel.raw import UNITS as PANEL_UNITS
from kostnadsvekst.panel.raw import read_mapping as read_file_mapping
from kostnadsvekst.register.mapping import read_mapping as read_episode_mapping
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.requests import REQUESTS, UNITS, load_requests, read_requests
from kostnadsvekst.toml_files import (
    CLOSED,
    LARGEST_FILE,
    LISTED,
    Amount,
    Text,
    Texts,
    Truth,
    Whole,
    one_of,
    parse_toml,
    read_as,
    read_toml,
)

READERS = {
    "specifications": read_specifications,
    "files": read_file_mapping,
    "episodes": read_episode_mapping,
    "requests": read_requests,
}
VALID = {
    "specifications": "[first]\nformula = 'y ~ x | unit'\nsample = ['year > 1']\n",
    "files": "[files.a]\npath = 'a.csv'\nmunicipality = 'm'\nyear = 'y'\n[files.a.columns]\n"
    "deaths = { column = 'd', unit = 'persons' }\n[panel]\nend = 2016\n",
    "episodes": "[columns]\nperson_id = 'lopenr'\n[services]\nA = 'home_health'\n[sex]\nM = 1\n"
    "[dates]\nformat = ['%Y-%m-%d']\n[csv]\ndelimiter = ';'\n",
    "requests": "[requests.one]\nwhat = 'w'\ntable = '07459'\nregion = 'Region'\nunit = 'persons'\n"
    "verified = true\n[requests.one.selection]\nRegion = ['*']\n",
}
# What no kind of TOML may be: bytes -> words of the message.
NO_TOML = {
    "empty": (b"", "is empty"),
    "blanks": (b" \n\n", "is empty"),
    "comment only": (b"# nothing\n", "is empty"),
    "no value": (b"formula = \n", "line 1, column 11"),
    "open text": (b'a = "x\n', "line 1, column 7"),
    "open table": (b"[columns\n", "line 1"),
    "twice": (b"a = 1\na = 2\n", "line 2"),
    "table twice": (b"[a]\nb = 1\n[a]\n", "line 3"),
    "no quotes": (b"a = hello\n", "line 1, column 5"),
    "JSON": (b'{"formula": "y ~ x"}', "line 1, column 1"),
    "YAML": (b"formula: y ~ x\n", "line 1, column 8"),
    "CSV": (b"year;unit\n2015;1\n", "line 1, column 5"),
    "CR only": (b"a = 1\rb = 2\r", "line 1"),
    "bad escape": (b'a = "C:\\new\\data"\n', "line 1"),
    "no date": (b"a = 2020-13-45\n", "line 1"),
    "UTF-16": ("a = 1".encode("utf-16"), "UTF-16"),
    "UTF-16 without mark": ("formula = 1".encode("utf-16-le"), "UTF-16"),
    "Windows": (
        "a = 'b'\nc = 'år'\n".encode("cp1252"),
        "line 2, column 6 has the byte 0xe5; save it in UTF-8",
    ),
    "Parquet": (b"PAR1\x15\x04\x00\x00\x9a", "no text at all"),
    "null": (b"a = 'x'" + b" " * 200 + b"\0\n", "line 1"),
    "control": (b"a = 'x\x01y'\n", "line 1"),
    "huge": (b"a = 'x'\n" * (LARGEST_FILE // 8 + 1), "larger than 1,000,000 bytes"),
    "deep list": (b"a = " + b"[" * 5_000 + b"]" * 5_000, "inside each other"),
    "deep tables": (b"a = " + b"{b = " * 900 + b"1" + b"}" * 900, "inside each other"),
    "deeper than eight": (b"a.b.c.d.e.f.g.h.i.j = 1\n", "more than 8 deep"),
    "lists nine deep": (b"a = " + b"[" * 9 + b"1" + b"]" * 9, "more than 8 deep"),
    "parts of a key": (b".".join([b"a"] * 100_000) + b" = 1\n", "more than 50 parts"),
    "parts of a header": (b"[" + b".".join([b"a"] * 100_000) + b"]\n", "more than 50 parts"),
    "parts inside": (b"a = {" + b".".join([b"a"] * 100_000) + b" = 1}\n", "more than 50 parts"),
    "digits": (b"a = " + b"9" * 5_000 + b"\n", "thousands of digits"),
    "hexadecimal digits": (b"a = 0x" + b"f" * 20_000 + b"\n", "64 bits"),
    "a file of data": (b"".join(b"k%d = 1\n" % i for i in range(30_000)), "more than 20,000 values"),
    "65 bits": (b"a = 18446744073709551616\n", "64 bits"),
}
# Faults of each kind: text in place of a part of the valid one -> words of the message.
FAULTS = {
    "specifications": [
        (
            "formula = 'y ~ x | unit'",
            "formul = 'y ~ x | unit'",
            "unknown key 'formul' (did you mean 'formula'?)",
        ),
        ("formula = 'y ~ x | unit'", "", "[first] formula (line 1): is missing"),
        ("'y ~ x | unit'", "3", "[first] formula (line 2): must be text, in quotes, not the number 3"),
        ("'y ~ x | unit'", "true", "not true"),
        ("'y ~ x | unit'", "2020-01-01", "not the date or time 2020-01-01"),
        ("'y ~ x | unit'", "12:30:00", "not the date or time 12:30:00"),
        ("'y ~ x | unit'", "inf", "not the number inf"),
        ("'y ~ x | unit'", "['y ~ x | unit']", "not a list"),
        ("'y ~ x | unit'", "{ a = 1 }", "not a table"),
        ("'y ~ x | unit'", "''", "[first] formula (line 2): is empty"),
        ("'y ~ x | unit'", "'y ~ (x | unit'", "[first] formula (line 2): cannot read the formula"),
        ("'y ~ x | unit'", "'y ~ x'", "names no entity"),
        ("['year > 1']", "[1, true]", "sample, item 1 (line 3): must be text, in quotes, not the number 1"),
        (
            "['year > 1']",
            "['year > 1', ['x']]",
            "sample, item 2 (line 3): must be text, in quotes, not a list",
        ),
        ("['year > 1']", "['year > 1', '']", "sample, item 2 (line 3): is empty"),
        ("['year > 1']", "{ year = 1 }", "sample (line 3): must be a list, not a table"),
        ("sample = ", "covariance = ", "unknown covariance"),
        ("sample = ['year > 1']", "convention = 'stata'", "'stata' is none of areg, xtreg, none"),
        ("sample = ['year > 1']", "macros = ['a']", "macros (line 3): must be a table, not a list"),
        (
            "sample = ['year > 1']",
            "macros = { a = 1 }",
            "macros] a (line 3): must be a list, not the number 1",
        ),
        ("sample = ['year > 1']", "macros = { a = ['..a'] }\nabsorb = 'unit'", "leave it out of absorb"),
        ("sample = ['year > 1']", "effects = 'none'", "unknown key 'effects'"),
        ("[first]", "[[first]]", "first (line 1): unknown key"),
        ("[first]", "first = 1\n[second]", "first (line 1): unknown key"),
        ("[first]", "[rename]\ny = 2\n[first]", "[rename] y (line 2): must be text, in quotes"),
        ("[first]\n", "rename = 'a'\n[first]\n", "rename (line 1): must be a table"),
    ],
    "files": [
        ("[files.a]\npath", "[file.a]\npath", "must be text, in quotes, not a table"),
        ("path = 'a.csv'\n", "", "[files.a] path (line 1): is missing"),
        ("path = 'a.csv'", "path = 3", "[files.a] path (line 2): must be text"),
        (
            "year = 'y'",
            "year = 2015",
            "[files.a] year (line 4): must be text, in quotes, not the number 2015",
        ),
        ("municipality =", "kommune =", "unknown key 'kommune'"),
        ("deaths =", "dead =", "'dead' (did you mean 'deaths'?) is none of"),
        ("unit = 'persons'", "unit = 'person'", "'person' (did you mean 'persons'?) is none of"),
        (", unit = 'persons'", "", "unit (line 6): is missing"),
        ("{ column = 'd', unit = 'persons' }", "'d'", "must be a table, not the text 'd'"),
        ("end = 2016", "end = '2016'", "[panel] end (line 8): must be a whole number, not the text '2016'"),
        ("end = 2016", "end = true", "must be a whole number, not true"),
        ("end = 2016", "end = 2016.5", "must be a whole number, not the number 2016.5"),
        ("end = 2016", "ende = 2016", "unknown key 'ende' (did you mean 'end'?)"),
        ("end = 2016", "population = 'july'", "'july' is none of end-of-year, start-of-year"),
        ("end = 2016", "end = 1000000000000", "must be at most 2100"),
        ("end = 2016", "start = 0", "[panel] start (line 8): must be at least 1900, not the number 0"),
        ("end = 2016", "prices = { 99999 = 1.0 }", "must be at most 2100"),
        ("end = 2016", "exclude = 301", "must be a list, not the number 301"),
        (
            "end = 2016",
            "exclude = [301]",
            "exclude, item 1 (line 8): must be text, in quotes, not the number 301",
        ),
        ("end = 2016", "prices = { 2016 = nan }", "2016 (line 8): must be a finite number"),
        ("end = 2016", "prices = { 2016 = true }", "must be a number, not true"),
        ("end = 2016", "prices = { last = 2.0 }", "last"),
        ("[panel]\nend = 2016", "[rename]\na = 'b'", "has [rename], which is for a finished panel"),
        ("[files.a]", "formula = 'y ~ x'\n[files.a]", "give it with --spec"),
        ("[files.a]", "file = 'p.csv'\n[files.a]", "both files and a finished panel"),
        ("[files.a]", "orgin = 'x'\n[files.a]", "unknown key 'orgin' (did you mean 'origin'?)"),
        (VALID["files"], "origin = 'x'\n", "has no [files.NAME]"),
        (VALID["files"], "file = 'some.toml'\n", "name the table itself"),
        (
            VALID["files"],
            "file = 'p.csv'\norigin = 'x'\n",
            "has origin, which build a panel from [files.NAME]",
        ),
        (VALID["files"], "file = 'p.csv'\nchanges = 'c.csv'\n[panel]\nend = 2016\n", "has changes, panel"),
    ],
    "episodes": [
        ("person_id =", "person =", "'person' (did you mean 'person_id'?) is none of"),
        ("'lopenr'", "3", "[columns] person_id (line 2): must be text"),
        ("'lopenr'", "''", "[columns] person_id (line 2): is empty"),
        ("'home_health'", "'home'", "[services] A (line 4): 'home' is none of"),
        ("'home_health'", "6", "must be text, in quotes, not the number 6"),
        ("M = 1", "M = 3", "[sex] M (line 6): 3 must be 1 (man) or 2 (woman)"),
        ("M = 1", "M = '1'", "must be a whole number, not the text '1'"),
        ("M = 1", "M = true", "must be a whole number, not true"),
        ("M = 1", "M = 1.0", "must be a whole number, not the number 1.0"),
        ("format =", "formats =", "unknown key 'formats' (did you mean 'format'?)"),
        ("['%Y-%m-%d']", "1", "must be a list, not the number 1"),
        ("['%Y-%m-%d']", "[]", "[dates] format (line 8): is empty"),
        ("['%Y-%m-%d']", "['%Y-%m-%d', '%Q']", "item 2 (line 8): '%Q' has '%Q', which is no part of a date"),
        ("['%Y-%m-%d']", "'YYYY-MM-DD'", "'YYYY-MM-DD' has no part with %"),
        ("['%Y-%m-%d']", "'%Y-%'", "has '%', which is no part"),
        ("format = ", "timezone = 'Oslo'\nformat = ", "[dates] timezone (line 8): 'Oslo' is no time zone"),
        ("format = ", "timezone = '../../etc/passwd'\nformat = ", "is no time zone"),
        ("format = ", "placeholders = [19000101]\nformat = ", "item 1 (line 8): '19000101' is no date"),
        ("format = ", "placeholders = ['1900-02-30']\nformat = ", "'1900-02-30' is no date"),
        (
            "format = ",
            "placeholders = 1900-01-01\nformat = ",
            "a list, not the date or time 1900-01-01",
        ),
        ("delimiter = ';'", "encoding = 'base64'", "'base64' is no known encoding"),
        ("delimiter = ';'", "encoding = 'klingon'", "'klingon' is no known encoding"),
        ("delimiter = ';'", 'delimiter = "\\n"', "must be one character, and no end of a line"),
        ("delimiter = ';'", "delimiter = ';;'", "must be one character"),
        ("delimiter = ';'", "delimeter = ';'", "unknown key 'delimeter' (did you mean 'delimiter'?)"),
        ("[csv]", "[CSV]", "unknown key 'CSV'"),
        ("[services]", "[service]", "unknown key 'service' (did you mean 'services'?)"),
        ("[columns]\n", "columns = 1\n[column]\n", "columns (line 1): must be a table, not the number 1"),
        ("[columns]", "[[columns]]", "must be a table, not a list"),
    ],
    "requests": [
        ("'07459'", "7459", "[requests.one] table (line 3): must be text"),
        ("'07459'", "'7459'", "five digits, in quotes"),
        ("'persons'", "'people'", "'people' is none of persons"),
        ("verified = true", "verified = 'yes'", "must be true or false, not the text 'yes'"),
        ("verified = true", "verified = 1", "must be true or false, not the number 1"),
        ("verified = true\n", "", "verified"),
        ("what =", "waht =", "unknown key 'waht' (did you mean 'what'?)"),
        ("Region = ['*']", "Alder = ['*']", "region (line 4): the dimension 'Region' is not in selection"),
        ("Region = ['*']", "Region = [1]", "Region, item 1 (line 8): must be text"),
        ("Region = ['*']", "Region = ['*']\n[requests.one.bands]\na = [0, 5]", "need the key age"),
        ("Region = ['*']", "Region = ['*']\n[requests.one.bands]\na = [0]", "a"),
        ("Region = ['*']", "Region = ['*']\n[requests.one.bands]\na = [0, '5']", "must be a whole number"),
        ("verified = true", "verified = true\nyearly = 'sum'", "'sum' is none of mean"),
        ("[requests.one]\n", "[request.one]\n", "request"),
        (
            "unit = 'persons'\nverified = true",
            "unit = 'persons'\nverified = true\nage = 'Region'\nbands = { a = [9, 5] }",
            "the lowest age is above the highest in a",
        ),
    ],
}


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "some.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(reader, path, words):
    """The message; it came within a second, names the file and is ours alone."""
    start = time.process_time()
    with pytest.raises(SpecificationError) as caught:
        reader(path)
    assert time.process_time() - start < 1.0
    message = str(caught.value)
    assert "some.toml" in message
    assert words in message, message
    assert "pydantic" not in message
    assert len(message) < 5_000
    return message


def test_more_than_ninety_are_tried():
    assert len(NO_TOML) * len(READERS) + sum(map(len, FAULTS.values())) >= 200
    assert sum(map(len, FAULTS.values())) + len(NO_TOML) >= 90


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", NO_TOML)
def test_what_is_no_toml_is_refused_with_its_place(tmp_path, kind, name):
    content, words = NO_TOML[name]
    refused(READERS[kind], written(tmp_path, content), words)


@pytest.mark.parametrize(
    ("kind", "old", "new", "words"),
    [(kind, *fault) for kind, faults in FAULTS.items() for fault in faults],
)
def test_what_says_the_wrong_thing_is_refused_with_key_and_line(tmp_path, kind, old, new, words):
    assert old in VALID[kind]
    refused(READERS[kind], written(tmp_path, VALID[kind].replace(old, new, 1)), words)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("first", ["", "\ufeff", "# comment\r\n"])
def test_what_is_right_is_read(tmp_path, kind, first):
    assert READERS[kind](written(tmp_path, first + VALID[kind]))


@pytest.mark.parametrize("kind", READERS)
def test_places_without_a_file(tmp_path, kind):
    with pytest.raises(DataMissingError, match=r"none\.toml'?: there is no file"):
        READERS[kind](tmp_path / "none.toml")
    with pytest.raises(SpecificationError, match="a folder or a device"):
        READERS[kind](tmp_path)
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(SpecificationError, match="a folder or a device"):
        READERS[kind](tmp_path / "pipe.toml")
    with pytest.raises(SpecificationError, match="a folder or a device"):
        READERS[kind]("/dev/zero")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SpecificationError, match=r"some\.toml' cannot be read: Permission denied"):
        read_toml(written(tmp_path, "a = 1"), "file")


def test_all_faults_are_told_at_once(tmp_path):
    text = "[a]\nformul = 'y ~ x | u'\nsample = 3\n[b]\nformula = 'y ~ (x'\n"
    text += "[c]\nformula = 'y ~ x | u'\ntime = 1\n"
    message = refused(read_specifications, written(tmp_path, text), "5 fault(s)")
    for words in (
        "[a] formula (line 1): is missing",
        "[a] formul (line 2): unknown key",
        "[a] sample (line 3): must be a list, not the number 3",
        "[b] formula (line 5): cannot read",
        "[c] time (line 8): must be text",
    ):
        assert words in message


def test_of_very_many_faults_the_first_are_listed(tmp_path):
    text = VALID["specifications"] + "".join(f"k{i} = 1\n" for i in range(9_000))
    message = refused(read_specifications, written(tmp_path, text), "9000 fault(s)")
    assert message.endswith(f"and {9_000 - LISTED} more")


def test_long_names_and_values_are_cut(tmp_path):
    text = VALID["specifications"] + f"'{'k' * 5000}' = 1\nweights = ['{'v' * 5000}']\n"
    assert len(refused(read_specifications, written(tmp_path, text), "unknown key")) < 1_000


def test_a_rename_table_is_read_beside_the_specifications(tmp_path):
    path = written(tmp_path, "formula = 'y ~ x | unit'\n[rename]\nKommune = 'unit'\n")
    file = read_specification_file(path)
    assert list(file.specifications) == ["some"]
    assert file.rename == {"Kommune": "unit"}
    path.write_text("[rename]\nKommune = 'unit'\n")
    refused(read_specification_file, path, "it has no specification")


def test_a_specification_in_python_has_the_same_checks():
    spec = kv.Specification.from_parts(
        {"formula": "y ~ x | u", "covariance": ["cluster", "r"], "absorb": ("a",)}
    )
    assert (spec.covariance, spec.absorb) == (("cluster", "r"), ("a",))
    with pytest.raises(SpecificationError, match="must be text, in quotes, not the number 1"):
        kv.Specification.from_parts({"formula": 1})


CYCLE: dict = {"formula": "y ~ x | u"}
CYCLE["macros"] = CYCLE


@pytest.mark.parametrize(
    ("reader", "given", "words"),
    [
        (read_episode_mapping, 3, "a mapping is the path of a TOML file or a mapping of tables, not int"),
        (read_episode_mapping, [], "not list"),
        (read_episode_mapping, {"columns": None}, "columns: must be a table, not nothing"),
        (read_episode_mapping, {1: 2}, "unknown key '1'"),
        (read_episode_mapping, {"sex": {"M": object()}}, "[sex] M: must be a whole number, not a object"),
        (read_episode_mapping, b"map.toml", "not bytes"),
        (kv.Specification.from_parts, 3, "is a table of keys and values, not int"),
        (kv.Specification.from_parts, CYCLE, "more than 8 deep"),
        (kv.Specification.from_toml, 3, "the specification is a text, not int"),
        (kv.Specification.from_toml, None, "the specification is a text, not NoneType"),
        (read_specifications, 3, "named by its path, not by int"),
        (read_requests, None, "named by its path, not by NoneType"),
    ],
)
def test_what_is_no_file_and_no_table(reader, given, words):
    with pytest.raises(SpecificationError) as caught:
        reader(given)
    assert words in str(caught.value)


def test_a_mapping_of_dates_by_hand(tmp_path):
    text = (
        "[dates]\nformat = '%d.%m.%Y'\ntimezone = 'Europe/Oslo'\nplaceholders = [1900-01-01, '9999-12-31']\n"
    )
    read = read_episode_mapping(written(tmp_path, text))
    assert read.tables["dates"] == {
        "format": ("%d.%m.%Y",),
        "timezone": "Europe/Oslo",
        "placeholders": (date(1900, 1, 1), date(9999, 12, 31)),
    }
    assert read.tables["csv"] == {}


def test_requests_of_the_package_are_typed():
    requests = read_requests(embedded_path(REQUESTS))
    assert requests["unemployed_15_74"].otherwise.yearly == "mean"
    assert requests["population_by_age"].bands["age_0_5"] == (0, 5)
    assert {name: entry["table"] for name, entry in load_requests().items()} == {
        name: request.table for name, request in requests.items()
    }
    assert set(UNITS) == set(PANEL_UNITS)


@dataclass(frozen=True, slots=True)
class Inner:
    __pydantic_config__: ClassVar = CLOSED
    column: Text
    unit: Annotated[Text, AfterValidator(one_of(["nok", "persons"]))] = "nok"


@dataclass(frozen=True, slots=True)
class Outer:
    __pydantic_config__: ClassVar = CLOSED
    name: Text
    inner: dict[str, Inner] = field(default_factory=dict)
    many: Texts = ()
    whole: Whole = 3
    amount: Amount = 1.0
    truth: Truth = False
    one: Inner | None = None


def read(text):
    return read_as(parse_toml(text, "the file"), Outer)


def test_values_by_hand():
    assert read("name = 'a'\nmany = 'b'\namount = 2\n[one]\ncolumn = 'c'\n") == Outer(
        "a", many=("b",), amount=2.0, one=Inner("c")
    )
    assert read('name = "a"\n["inner"."x.y"]\ncolumn = "c"\nunit = "persons"\n').inner == {
        "x.y": Inner("c", "persons")
    }


def test_eight_deep_is_read_and_nine_is_not():
    """The whole is one, and seven lists inside it are eight."""
    assert parse_toml(f"a = {'[' * 7}1{']' * 7}", "the file").content["a"] == [[[[[[[1]]]]]]]
    with pytest.raises(SpecificationError, match="more than 8 deep"):
        parse_toml(f"a = {'[' * 8}1{']' * 8}", "the file")


def test_places_by_hand():
    with pytest.raises(SpecificationError) as caught:
        read('name = "a"\n\n["inner"."x.y"]\ncolumn = 1\n[one]\ncolum = "c"\n')
    lines = str(caught.value).splitlines()
    assert lines == [
        "the file cannot be used: 3 fault(s)",
        "  - [inner.'x.y'] column (line 4): must be text, in quotes, not the number 1",
        "  - [one] column (line 5): is missing",
        "  - [one] colum (line 6): unknown key 'colum' (did you mean 'column'?); keys are column, unit",
    ]


ANYTHING = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.none()),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=6), inside, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["formula", "time", "macros", "sample", "absorb", "covariance", "weights", "entity", "x"]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, ANYTHING | st.just("y ~ x | u"), min_size=1))
def test_whatever_a_table_holds_it_is_a_specification_or_our_error(parts):
    spec, told = None, ""
    try:
        spec = kv.Specification.from_parts(parts)
    except SpecificationError as error:
        told = str(error)
    assert len(told) < 5_000
    assert told or kv.Specification.from_toml(spec.to_toml()) == spec


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab=.[]{}\"'#\n ,1é\\", max_size=60))
def test_whatever_a_text_is_it_is_toml_or_our_error(text):
    told = "the file"
    try:
        read(text)
    except SpecificationError as error:
        told = str(error)
    assert told.startswith("the file")
