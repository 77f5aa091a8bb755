"""Borders and mergers on the recorded changes of KLASS."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from fake_statbank import FakeStatBank, Fault, running
from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    SourceError,
    SpecificationError,
)
from kostnadsvekst.sources import klass

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
NATIONAL = {
    2015: 5_165_802,
    2016: 5_213_985,
    2017: 5_258_317,
    2018: 5_295_619,
    2019: 5_328_212,
    2020: 5_367_580,
}
BANDS = {
    "0_5": (0, 5),
    "6_15": (6, 15),
    "16_66": (16, 66),
    "67_79": (67, 79),
    "80_89": (80, 89),
    "90_pluss": (90, 199),
}


# Parts of municipalities that went elsewhere than the rest, by the notes of KLASS' versions:
# (date, from, to) -> the targets on the borders of 2020.
MOVED = {
    ("2017-01-01", "Sola", "Sandnes"): {"1124", "1108"},
    ("2019-01-01", "Birkenes", "Evje og Hornnes"): {"4216", "4219"},
    ("2019-01-01", "Hornindal", "Stryn"): {"1577", "4651"},
    ("2020-01-01", "Ås", "Nordre Follo"): {"3021", "3020"},
    ("2020-01-01", "Sørum", "Nes"): {"3030", "3034"},
    ("2020-01-01", "Re", "Horten"): {"3803", "3801"},
    ("2020-01-01", "Horten", "Tønsberg"): {"3801", "3803"},
    ("2020-01-01", "Sande", "not known"): {"3802"},
    ("2020-01-01", "Sauherad", "Notodden"): {"3817", "3808"},
    ("2020-01-01", "Forsand", "Strand"): {"1108", "1130"},
    ("2020-01-01", "Hjelmeland", "Stavanger"): {"1133", "1103"},
    ("2020-01-01", "Ullensvang", "Voss"): {"4618", "4621"},
    ("2020-01-01", "Balestrand", "Høyanger"): {"4640", "4638"},
    ("2020-01-01", "Flora or Vågsøy", "Stad"): {"4602", "4649"},
    ("2020-01-01", "Ørsta", "Volda"): {"1520", "1577"},
    ("2020-01-01", "Sandøy", "Aukra"): {"1507", "1547"},
    ("2020-01-01", "Verran", "Indre Fosen"): {"5006", "5054"},
}
ADJUSTED = set().union(*MOVED.values())


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"recorded data {name} is not beside this checkout")
    return path


@pytest.fixture(scope="module", params=["changes_131_1972-2024.json", "klass131_changes_2015_2020.csv"])
def changes(request):
    return klass.read_changes(shared(f"klass/{request.param}"))


@pytest.fixture(scope="module")
def mapping(changes):
    return klass.municipality_mapping(2015, 2020, 2020, changes=changes)


@pytest.fixture(scope="module")
def until_2019(changes):
    return klass.municipality_mapping(2015, 2019, "2020", changes=changes)


def codes_of_version(year: int) -> set[str]:
    document = json.loads(shared(f"klass/version_Kommuneinndeling_{year}.json").read_text("utf-8"))
    return set(klass.read_codes(document)["code"])


def test_municipalities_per_year(mapping):
    assert mapping.groupby("year")["code"].nunique().tolist() == [428, 428, 426, 422, 422, 356]
    for year in (2015, 2017, 2018, 2019, 2020):
        assert set(mapping.loc[mapping["year"] == year, "code"]) == codes_of_version(year)


def test_weights_sum_to_one_for_each_code_and_year(mapping):
    assert (mapping.groupby(["year", "code"])["weight"].sum() == 1).all()


def test_the_three_splits_and_no_others(changes, mapping):
    splits = klass.list_splits(changes[changes["changeOccurred"].between("2015-01-01", "2020-12-31")])
    assert splits[["date", "code", "targets"]].to_numpy().tolist() == [
        ["2017-01-01", "0720", ("0704", "0710")],
        ["2020-01-01", "1850", ("1806", "1875")],
        ["2020-01-01", "5012", ("5055", "5056", "5059")],
    ]
    untargeted = mapping[mapping["target"] == ""]
    assert set(untargeted["code"]) == {"0720", "1850", "5012", "1613"}
    assert untargeted["note"].str.contains("shares not known").all()


def test_every_target_touched_by_a_split_or_adjustment_says_why(mapping):
    noted = mapping[(mapping["note"] != "") & (mapping["target"] != "")]
    split = {"3803", "3804", "1806", "1875", "5055", "5056", "5059"}
    assert set(noted["target"]) == split | ADJUSTED
    # in every year, since the unit is not the same area throughout
    assert (noted.groupby("target")["year"].nunique() == 6).all()


@pytest.mark.parametrize(("moved", "targets"), MOVED.items(), ids=[f"{a} to {b}" for _, a, b in MOVED])
def test_every_part_that_went_elsewhere_is_named(until_2019, moved, targets):
    """On the borders of 2020 for the years until 2019, too: from, to, when and what."""
    mapping = until_2019
    date, origin, destination = moved
    for target in targets:
        notes = mapping[mapping["target"] == target].groupby("year")["note"].unique()
        assert notes.map(len).tolist() == [1] * 5
        note = notes.iloc[0][0]
        assert f" on {date}: population moved not known" in note
        named = [part for part in note.split("; ") if date in part and origin.split()[0] in part]
        assert len(named) >= 1
        assert destination == "not known" or any(destination in part for part in named)


def test_adjustments_belong_to_their_period(changes):
    def between(start, end):
        found = klass.boundary_adjustments(start, end)
        return list(zip(found["date"], found["origin"], found["destination"], strict=True))

    assert between(2015, 2020) == list(MOVED)
    assert between(2015, 2019) == list(MOVED)[:3]
    assert between(2017, 2018) == []
    assert between(2020, 2021) == [
        ("2021-01-01", "Rauma", "Vestnes"),  # known too late for the borders of 2020
        ("2021-01-01", "Vestre Slidre", "Øystre Slidre"),
    ]
    assert len(between(2015, 2024)) == 23
    noted = klass.municipality_mapping(2015, 2019, 2019, changes=changes)
    assert not noted["note"].str.contains("2020-01-01").any()


def sentences(note: str) -> list[tuple[int, str]]:
    """Sentences of a note with their years; one that begins with "Samtidig" has that of the one before."""
    parts = re.split(
        r"(?=\bI \d{4}\b|\bFra 1\. januar \d{4}|\bFra \d{4}|\bSamtidig\b|\b\d\d?\.\d\d?\.\d{4}|\bOmrådene\b)",
        note,
    )
    out, year = [], 0
    for part in parts:
        if found := re.match(r"(?:I |Fra (?:1\. januar )?|\d\d?\.\d\d?\.)(\d{4})", part):
            year = int(found[1])
        out.append((year, part))
    return out


PART = re.compile(
    r"flyttet|overfør|deles mellom|grensen? mellom|grenseendring|kommunegrense|areal|ble til|avga"
    r"|\bdel(?:er)? av\b|og gr$|Samtidig ble \w{0,12}$|opphører"
)
# What these words say besides: whole municipalities, splits that the list of changes has, the inside of one
# municipality, names, and sentences that are cut off where another note has them whole.
OTHERS = (
    "Kommunene 0532 Jevnaker og 0533 Lunner ble flyttet fra 05 Oppland",
    "avga kommune 1444 Hornindal",
    "avga kommune 0711 Svelvik",
    "avga kommune 1852 Tjeldsund",
    "avga kommune 1571 Halsa",
    "del av 5012 Snillfjord",
    "en del av 1850 Tysfjord",
    "del av 1850 Tysfjord",
    "overført fra Stokke til 0704 Tønsberg",
    "Samtidig ble områdene",  # 0716 Re, whole in 0701 Horten
    "I 2019 opphører g",  # 0928 Birkenes, whole in 0937 Evje og Hornnes
    "1507 Ålesund delt i 1508 Ålesund og 1580 Haram",
    "Sandvika - Valler 12 er delt",
    "34520302 Høyne i 3452",
)


def test_the_list_is_what_the_notes_say():
    """Every sentence of the notes about a part of a municipality since 2015 is an entry, and vice versa."""
    entries = [e for e in klass._load_parameters()["boundary_adjustment"] if "quote" in e]
    seen, left = set(), []
    for version in (2015, 2017, 2018, 2019, 2020):
        document = json.loads(shared(f"klass/version_Kommuneinndeling_{version}.json").read_text("utf-8"))
        for item in document["classificationItems"]:
            for year, sentence in sentences(item.get("notes") or ""):
                entry = next((e for e in entries if e["quote"] in sentence), None)
                for own in (e for e in entries if e["quote"] in sentence):
                    assert own["date"].year == year, sentence
                    seen.add((own["what"], item["code"]))
                if year >= 2015 and entry is None and PART.search(sentence.strip()):
                    left.append((item["code"], sentence))
    assert [s for s in left if not any(other in s[1] for other in OTHERS)] == []
    assert {(e["what"], code) for e in entries for code in e["notes"]} <= seen
    assert {e["what"] for e in klass._load_parameters()["boundary_adjustment"]} - {w for w, _ in seen} == {
        "basic unit Nesse moved from Balestrand (now Sogndal) to Høyanger"  # its source is a decision
    }


def test_renamed_municipalities_are_not_split(mapping):
    # 1852, 1903 and 1940 have several rows of changes, on different dates
    picked = mapping[(mapping["year"] == 2015) & mapping["code"].isin(["1852", "1903", "1940"])]
    assert dict(zip(picked["code"], picked["target"], strict=True)) == {
        "1852": "5412",
        "1903": "5402",
        "1940": "5426",
    }
    assert set(picked["note"]) == {""}


def test_merger_within_the_period(changes):
    mapping = klass.municipality_mapping(2015, 2019, "merged-in-period", changes=changes)
    assert mapping.groupby("year")["code"].nunique().tolist() == [428, 428, 426, 422, 422]
    in_2015 = mapping[mapping["year"] == 2015].set_index("code")["target"]
    assert in_2015[["1624", "1718", "1567", "0301"]].tolist() == ["5054", "5054", "5061", "0301"]
    split, adjusted = {"", "0704", "0710"}, {"1102", "1124", "0928", "0937", "1444", "1449"}
    assert set(mapping.loc[mapping["note"] != "", "target"]) == split | adjusted
    assert set(mapping["target"]) - {""} == codes_of_version(2019)


def test_period_that_starts_later_needs_no_earlier_changes(changes):
    mapping = klass.municipality_mapping(2018, 2020, 2020, changes=changes)
    assert mapping.groupby("year")["code"].nunique().tolist() == [422, 422, 356]


def test_given_weights_share_out_the_splits(changes):
    shares = pd.read_csv(
        shared("klass/csdata_redistricting_b2020_2013_2021.csv"), dtype={"ny": str, "gammel": str}
    )
    shares = shares.rename(columns={"ny": "target", "gammel": "code", "weighting": "weight"})
    partial = shares[shares["weight"] < 1]
    mapping = klass.municipality_mapping(2015, 2020, 2020, changes=changes, weights=partial)
    assert (mapping.groupby(["year", "code"])["weight"].sum() - 1).abs().max() < 1e-12
    assert set(mapping.loc[mapping["target"] == "", "code"]) == {"0720"}
    # an independent table of the same: R package csdata
    theirs = shares[shares["year"].between(2015, 2020) & ~shares["code"].isin(["0720", "9999"])]
    both = mapping[mapping["target"] != ""].merge(
        theirs, on=["year", "code", "target"], how="outer", indicator=True
    )
    assert (both["_merge"] == "both").all()
    assert (both["weight_x"] == both["weight_y"]).all()


def rebuilt_population(mapping: pd.DataFrame, column: str) -> pd.Series:
    bands = pd.read_csv(
        shared("population/population_1jan_bands_original_codes_2010_2021.csv"), dtype={"kommune": str}
    )
    bands = bands[bands["aar"].between(2015, 2020)]
    joined = bands.merge(
        mapping, left_on=["aar", "kommune"], right_on=["year", "code"], how="left", validate="1:m"
    )
    assert joined["target"].notna().all()
    return (joined[column] * joined["weight"]).groupby([joined["target"], joined["year"]]).sum()


def test_population_on_2020_borders_equals_the_independent_table(changes, mapping):
    table = pd.read_csv(
        shared("population/population_2020borders_by_age_2015_2020.csv.gz"), dtype={"kommune2020": str}
    )
    assert table.groupby("aar")["personer"].sum().round(6).to_dict() == NATIONAL
    split = {"3803", "3804", "1806", "1875", "5055", "5056", "5059"}
    compared = 0
    for band, (low, high) in BANDS.items():
        ours = rebuilt_population(mapping, band)
        theirs = table[table["alder"].between(low, high)].groupby(["kommune2020", "aar"])["personer"].sum()
        assert len(theirs) == 356 * 6
        for (code, year), persons in theirs.items():
            # Both tables sum codes: parts that changed hands without one are in neither.
            if code in split:
                continue
            assert ours[code, year] == persons
            compared += 1
    assert compared == (356 - 7) * 6 * 6 == 12_564


def test_country_totals_are_exact(mapping):
    table = pd.read_csv(
        shared("population/population_2020borders_by_age_2015_2020.csv.gz"), dtype={"kommune2020": str}
    )
    total = rebuilt_population(mapping, "ialt").groupby("year").sum()
    # Old Sandefjord, Andebu and Stokke are not in the file on original codes for 2015 and 2016.
    lacking = table[(table["kommune2020"] == "3804") & (table["aar"] < 2017)].groupby("aar")["personer"].sum()
    assert total.add(lacking, fill_value=0).round(6).to_dict() == NATIONAL


def test_impossible_borders_are_refused(changes):
    with pytest.raises(SpecificationError, match="cannot be taken apart again"):
        klass.municipality_mapping(2015, 2020, 2018, changes=changes)
    with pytest.raises(SpecificationError, match="do not follow from these changes alone"):
        klass.municipality_mapping(2010, 2020, 2020, changes=changes)
    with pytest.raises(SpecificationError, match="if the list holds every change"):
        klass.municipality_mapping(2015, 2019, 2019, changes=changes[changes["changeOccurred"] < "2020"])


def test_missing_file_of_changes_is_named(tmp_path):
    with pytest.raises(DataMissingError, match=r"no file .*changes.csv"):
        klass.read_changes(tmp_path / "changes.csv")


def test_faulty_changes_and_weights_are_named(changes):
    with pytest.raises(InvalidDataError, match=r"four digits.*\n.*301 -> 301"):
        klass.read_changes(changes.assign(oldCode="301", newCode="301"))
    assert len(klass.read_changes({"codeChanges": []})) == 0  # a year in which nothing changed
    with pytest.raises(InvalidDataError, match="lacks the columns newCode"):
        klass.read_changes(changes.drop(columns="newCode"))
    with pytest.raises(InvalidDataError, match=r"did not exist then.*\n.*0105"):
        klass.municipality_mapping(
            2015, 2020, 2020, changes=changes, codes={2015: codes_of_version(2015) - {"0105"}}
        )
    shares = pd.DataFrame({"code": ["1850", "1850"], "target": ["1806", "1875"], "weight": [0.5, 0.6]})
    with pytest.raises(InvalidDataError, match=r"1850.*1\.1"):
        klass.municipality_mapping(2015, 2020, 2020, changes=changes, weights=shares)


def test_recorded_answer_of_codes_at():
    codes = klass.read_codes(json.loads(shared("klass/klass_131_codesAt_2026-01-01.json").read_text("utf-8")))
    assert len(codes) == 357
    assert "9999" not in set(codes["code"])


def test_groups_of_a_correspondence_table():
    pairs = [{"sourceCode": "16", "targetCode": "0301"}, {"sourceCode": "1101", "targetCode": "EKG11"}]
    groups = klass.read_kostra_groups({"correspondenceMaps": pairs})
    assert groups.to_numpy().tolist() == [["0301", "16"], ["1101", "EKG11"]]


ANSWERS = [
    None,
    [],
    7,
    "text",
    {"codeChanges": {}},
    {"codeChanges": [7]},
    {"codeChanges": [{}]},
    {"codeChanges": [None]},
]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (klass.read_changes, "codeChanges"),
        (klass.read_codes, "codes"),
        (klass.read_kostra_groups, "correspondenceMaps"),
    ],
    ids=["changes", "codes", "groups"],
)
def test_answers_of_other_shapes_are_named(answer, read, name):
    if isinstance(answer, str):
        answer = [answer]  # a text is a path to read_changes
    if isinstance(answer, dict):
        answer = {name: {"a": 1} if not answer["codeChanges"] else answer["codeChanges"]}
    with pytest.raises(
        InvalidDataError, match=f"no JSON object with .*{name}|{name}.* is no list|entries of {name}"
    ):
        read(answer)


def test_spoilt_answers_of_klass_are_named_and_fetched_again(tmp_path):
    right = {"codes": [{"code": "0301", "name": "Oslo"}]}
    path = "classifications/131/codesAt"
    with running(FakeStatBank(klass={path: right})) as bank:
        connection = {"base_url": bank.url_klass, "cache": tmp_path}
        for body in (b"[]", b"[" * 100_000, b"<html>", b'{"codes": 7}', '{"codes": "æ"}'.encode("latin-1")):
            bank.faults = [Fault(status=200, body=body, on="klass")]
            with pytest.raises((SourceError, InvalidDataError), match=f"{bank.url_klass}/{path}"):
                klass.fetch_codes(2015, **connection)
        assert klass.fetch_codes(2015, **connection).to_numpy().tolist() == [["0301", "Oslo"]]
        for kept in tmp_path.glob("*.body"):
            kept.write_bytes(b"")
        with pytest.warns(DataWarning, match="cache file .* is damaged.*: fetched again"):
            assert len(klass.fetch_codes(2015, **connection)) == 1
        with pytest.raises(SourceError, match="KLASS correspondencetables/2476: HTTP 404"):
            klass.fetch_kostra_groups([2015], **connection)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b'"'),
        ("a.csv", b"changeOccurred\n\xe6"),
        ("a.json", b""),
        ("a.json", b"[" * 100_000),
        ("a.json", b"\xff\xfe"),
    ],
)
def test_files_of_changes_that_cannot_be_read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        InvalidDataError, match=r"of municipal changes cannot be read .*write CSV with the columns"
    ):
        klass.read_changes(tmp_path / name)


def test_dates_and_borders_that_are_none(changes):
    for date in ("1.1.2020", "2020", "nan"):
        with pytest.raises(InvalidDataError, match=f"must be a date such as 2020-01-01\n.*{date}"):
            klass.read_changes(changes.assign(changeOccurred=date))
    for borders in ("as it was", "", "2020.0", "-2020"):
        with pytest.raises(SpecificationError, match="are neither a year nor"):
            klass.municipality_mapping(2015, 2019, borders, changes=changes)
