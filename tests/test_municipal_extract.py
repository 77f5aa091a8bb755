"""Extracts of user groups: Parquet and databases in, all municipalities and years, Parquet out."""

import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_runs import run_inside
from kostnadsvekst.chapters import municipal as chapter
from kostnadsvekst.commands import municipal
from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    OutputError,
    SpecificationError,
)
from kostnadsvekst.municipal.extracts import profile_extract, read_extract, write_extract
from kostnadsvekst.municipal.user_group_inputs import map_distinct
from kostnadsvekst.municipal.user_group_measures import colour, colours
from kostnadsvekst.municipal.user_group_terms import GROUPS, MEASURES, services
from kostnadsvekst.municipal.user_groups import profile
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.sources.municipal_kinds import USER_GROUPS
from kostnadsvekst.synthetic.municipal_extract import make_extract
from municipal_attack import attack_profile

NORWEGIAN = str.maketrans({"_": "\u202f", ".": ","})
MOST_SECONDS = 10.0  # what the whole country over twenty years may take


def computed(tables):
    """Profile of an extract's tables by the function for one municipality."""
    people = tables["population"]
    needs = ["need_index", "pu_index"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return profile(
            tables["counts"].drop(columns="source"),
            tables["accounts"].drop(columns="source"),
            people.drop(columns=[*needs, "source"]),
            people[["municipality", "year", *needs]],
        )


@pytest.fixture(scope="module")
def made():
    return make_extract(4, 2).tables()


@pytest.fixture(scope="module")
def whole(made):
    return computed(made)


@pytest.fixture
def folder(made, tmp_path):
    write_extract(made, tmp_path / "kostra")
    return tmp_path / "kostra"


def same(a, b):
    pd.testing.assert_frame_equal(a, b, check_exact=True)


# --- The same rows whatever the order and the size of what is given


def test_the_made_up_extract_has_every_measure_and_group(whole):
    assert set(whole["measure"]) == set(MEASURES)
    assert set(whole["group"]) == {"all", *GROUPS}
    assert provenance_of(whole).synthetic
    with pytest.raises(SpecificationError, match="at least one"):
        make_extract(0, 1)


def test_rows_come_in_the_order_of_the_lists_and_own_services_last(made):
    few = {name: table[table["year"] == 2024] for name, table in made.items()}
    few["counts"] = few["counts"].assign(
        service=few["counts"]["service"].replace("meals", "A service of ours")
    )
    found = computed(few)
    groups, measures = ["all", *GROUPS], list(MEASURES)
    known = ["all", "institution", "short_term", *services(), "A service of ours"]
    provisions = ["all", "own", "bought"]
    place = [
        (groups.index(g), measures.index(m), age, known.index(s), provisions.index(p), municipality)
        for g, m, age, s, p, municipality in found[
            ["group", "measure", "age", "service", "provision", "municipality"]
        ].itertuples(index=False)
    ]
    assert place == sorted(place)


def test_the_order_of_rows_changes_nothing(made, whole):
    """But for the last digit of sums, which are taken in the order of the rows."""
    mixed = computed({name: table.sample(frac=1.0, random_state=3) for name, table in made.items()})
    pd.testing.assert_frame_equal(mixed, whole, check_exact=False, rtol=1e-13)


def test_years_one_by_one_give_the_same_rows(made, whole):
    years = sorted(made["population"]["year"].unique())
    parts = [computed({n: t[t["year"] == year] for n, t in made.items()}) for year in years]
    same(pd.concat(parts, ignore_index=True), whole)


def test_one_municipality_alone_has_its_numbers_of_the_whole(made, whole):
    name = made["population"]["municipality"].iloc[-1]
    alone = computed({n: t[t["municipality"] == name] for n, t in made.items()})
    told = [c for c in whole if c not in ("mean", "index", "colour")]
    same(alone[told], whole.loc[whole["municipality"] == name, told].reset_index(drop=True))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=25, max_size=60))
def test_colours_of_many_are_those_of_one(pairs):
    """Each example has 75 pairs at least: as drawn, equal but for floating point, and hardly different."""
    with np.errstate(all="ignore"):
        near = [(a, np.float64(a) * (1 + off)) for a, _ in pairs for off in (1e-13, 1e-11)]
    a, b = np.array([*pairs, *near]).T
    names = np.array(["", "red", "green"])
    assert list(names[colours(a, b)]) == [colour(x, y) for x, y in zip(a, b, strict=True)]


def test_distinct_values_that_are_equal_to_a_hash_are_told_apart():
    column = pd.Series([1, 1.0, True, "1", None], dtype=object)
    assert list(map_distinct(column, repr))[:4] == ["1", "1.0", "True", "'1'"]
    assert list(map_distinct(pd.Series(["b", None, "b"]), str.upper)) == ["B", None, "B"]


# --- Ways in


def test_an_extract_is_read_as_it_was_written(made, folder, whole):
    extract = read_extract(folder)
    for name, table in made.items():
        order = [field.name for field in USER_GROUPS.form(name).fields if field.name in table]
        pd.testing.assert_frame_equal(
            getattr(extract, name)[order], table[order], check_dtype=False, check_exact=True
        )
    found = profile_extract(extract)
    same(found, whole)
    assert extract.unread == ()
    origin = provenance_of(found)
    assert origin.synthetic
    assert origin.file == "kostra"
    assert len(origin.file_sha256) == 64


def in_files(made, folder):
    for year, rows in made["counts"].groupby("year"):
        rows.to_parquet(folder / f"counts-{year}.parquet", index=False)


def in_folders(made, folder):
    pq.write_to_dataset(pa.Table.from_pandas(made["counts"]), folder / "counts", partition_cols=["year"])
    (folder / "counts" / "_SUCCESS").write_text("")


def in_norwegian(made, folder):
    form = USER_GROUPS.form("counts")
    names = {field.name: field.label.nb for field in form.fields}
    words = {code: label.nb for code, label in GROUPS.items()}
    named = made["counts"].assign(group=made["counts"]["group"].map(words)).rename(columns=names)
    named.to_parquet(folder / "Brukere.parquet", index=False)


def in_text(made, folder):
    """Years as text, decimals with a comma, users as decimals of the database."""
    counts = made["counts"]
    text = counts["fte"].map(lambda v: None if np.isnan(v) else f"{v:_.2f}".translate(NORWEGIAN))
    counts = counts.assign(fte=text, year=counts["year"].astype(str))
    table = pa.Table.from_pandas(counts, preserve_index=False)
    users = table.column("users").cast(pa.decimal128(12, 2))
    pq.write_table(
        table.set_column(table.column_names.index("users"), "users", users), folder / "counts.parquet"
    )


@pytest.mark.parametrize("write", [in_files, in_folders, in_norwegian, in_text])
def test_ways_of_writing_a_table_are_one(write, made, folder, tmp_path):
    (folder / "counts.parquet").unlink()
    write(made, folder)
    keys = ["municipality", "year", "group", "service", "provision"]
    counts = read_extract(folder).counts
    if write is in_norwegian:
        counts["group"] = counts["group"].map({label.nb: code for code, label in GROUPS.items()})
    told = [*keys, "users", "places", "units", "fte"]
    expected = made["counts"][told].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(
        counts[told].sort_values(keys, ignore_index=True), expected, check_dtype=False, check_exact=True
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ibis's own calls of DuckDB
def test_tables_of_a_database_are_read_as_ibis_expressions_and_streams(made, folder, whole):
    import ibis

    connection = ibis.duckdb.connect()
    counts = connection.read_parquet(str(folder / "counts.parquet")).mutate(note=ibis.literal("not needed"))
    accounts = connection.read_parquet(str(folder / "accounts.parquet"), table_name="accounts")
    late = counts.filter(counts.year > 0)
    streamed = accounts.mutate(note=ibis.literal("sent")).to_pyarrow()
    extract = read_extract({"population": made["population"], "counts": late, "accounts": streamed})
    found = profile_extract(extract)
    order = list(whole)[:7]
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True), whole.sort_values(order, ignore_index=True), rtol=1e-13
    )
    # What is not needed is not asked for where the columns can be chosen.
    assert extract.unread == ("accounts: column 'note'",)
    assert provenance_of(found).synthetic  # one of the tables says so
    connection.disconnect()


def test_real_looking_municipalities_go_through_by_number_and_refund_may_lack(made):
    numbers = {name: 301 + k for k, name in enumerate(made["population"]["municipality"].unique())}
    plain = {n: t.assign(municipality=t["municipality"].map(numbers)) for n, t in made.items()}
    for table in plain.values():
        table.attrs = {}
    extract = read_extract({**plain, "accounts": plain["accounts"].drop(columns="refund_kr")})
    assert set(extract.counts["municipality"]) == {"0301", "0302", "0303", "0304"}
    found = profile_extract(extract)
    assert (found.loc[found["measure"] == "refund_share", "value"] == 0).all()
    assert provenance_of(found).origin == "data frame of the caller"


# --- Faults: all at once, with file and rows


def faults_of(where):
    with pytest.raises(InvalidDataError) as caught:
        read_extract(where)
    return "\n".join(caught.value.problems)


def test_all_faults_of_all_files_are_told_at_once(made, tmp_path):
    people, counts, accounts = (made[name].copy() for name in ("population", "counts", "accounts"))
    people["population_80_plus"] = people["population_80_plus"].astype(float)
    people.loc[2, "population_80_plus"] = 0.5
    people.loc[1, "need_index"] = 97.2
    people["pu_index"] = pd.Timestamp("2024-01-01")
    counts = counts.assign(year=counts["year"].astype(str), users=counts["users"].astype(object))
    counts.loc[4, "year"] = "2023K1"
    counts["users"] = [None if np.isnan(v) else f"{v:g}" for v in made["counts"]["users"]]
    counts.loc[7, "users"] = "tolv"
    counts.loc[9, "group"] = "pu_adult"
    accounts.loc[3, "gross_kr"] = np.nan
    accounts.loc[5, "function"] = None
    for name, table in (("population", people), ("counts", counts)):
        table.to_parquet(tmp_path / f"{name}.parquet", index=False)
    accounts.drop(columns="provision").to_parquet(tmp_path / "accounts-1.parquet", index=False)
    accounts.rename(columns={"municipality": "kommune nr"}).to_parquet(
        tmp_path / "accounts-2.parquet", index=False
    )
    (tmp_path / "shared.parquet").write_bytes((tmp_path / "accounts-1.parquet").read_bytes())
    told = faults_of(tmp_path)
    for part in (
        "population.parquet, column 'population_80_plus': is no whole number in 1 row(s): row 3 (0.5)",
        "population.parquet, column 'need_index': is more than 3 in 1 row(s): row 2 (97.2)",
        "population.parquet, column 'pu_index': it holds timestamp[",
        "counts.parquet, column 'year': 1 row(s) hold no number: row 5 ('2023K1')",
        "counts.parquet, column 'users': 1 row(s) hold no number: row 8 ('tolv')",
        "counts.parquet, column 'group': 1 row(s) hold no 'User group': row 10 ('pu_adult')",
        "accounts-1.parquet, column 'gross_kr': is empty: give it, or leave the row out in 1 row(s): row 4",
        "accounts-1.parquet: has no column 'provision', and accounts-2.parquet has",
        "accounts-2.parquet: has no column 'municipality'",
        "shared.parquet: an extract holds the accounts as they are to be used",
    ):
        assert part in told, told


def test_rows_that_contradict_each_other_are_told_with_both_places(made):
    names = made["population"]["municipality"].unique()
    numbers = {name: f"{1500 + k}" for k, name in enumerate(names)}
    people, counts, accounts = (
        made[name].assign(municipality=made[name]["municipality"].map(numbers))
        for name in ("population", "counts", "accounts")
    )
    twice = pd.concat([counts, counts.iloc[[6]]])
    accounts.loc[accounts["municipality"] == "1501", "municipality"] = "1501 Påfunnet"
    accounts.loc[accounts["municipality"] == "1502", "municipality"] = "KOSTRA-gruppe 1"
    accounts.loc[4, "function"] = ""
    told = faults_of({"population": people, "counts": twice, "accounts": accounts})
    assert f"counts row {len(twice)}: 1500, 2023" in told
    assert "is already in counts row 7: keep one row" in told
    first = int(np.flatnonzero(accounts["municipality"] == "1501 Påfunnet")[0]) + 1
    assert f"accounts row {first}: '1501 Påfunnet' is the municipality '1501' in population row 3" in told
    assert "'KOSTRA-gruppe 1' in accounts row" in told
    assert "leave out counties, groups and the country" in told
    assert "accounts: the function is empty in 1 row(s), accounts row 5" in told
    group = int(np.flatnonzero(accounts["municipality"] == "KOSTRA-gruppe 1")[0]) + 1
    assert f"accounts row {group}: KOSTRA-gruppe 1 2023 is not in the population" in told


@pytest.mark.parametrize(
    ("table", "change", "part"),
    [
        ("counts", lambda t: t.assign(users=True), "it holds bool"),
        ("counts", lambda t: t.assign(fte="1,234"), "can be read in two ways"),
        ("counts", lambda t: t.assign(users=np.inf), "is infinite"),
        ("counts", lambda t: t.assign(users=-1.0), "is less than 0 in 352 row(s): row 1 (-1.0)"),
        ("counts", lambda t: t.assign(municipality=""), "is empty in 352 row(s): row 1"),
        ("counts", lambda t: t.assign(service=[[1]] * len(t)), "it holds list"),
        ("counts", lambda t: t.iloc[:0], "counts: has no rows"),
        ("counts", lambda t: t.assign(Users=1.0), "columns 'users' and 'Users' are the same"),
        ("population", lambda t: t.assign(year=t["year"] + 0.5), "is no whole number"),
        ("accounts", lambda t: t.assign(gross_kr=[1, "x"] * (len(t) // 2)), "values of several kinds"),
        ("accounts", lambda t: object(), "no rows come from object"),
        ("accounts", lambda t: Path("none.parquet"), "none.parquet: it cannot be read as Parquet"),
    ],
)
def test_kinds_of_wrong_values(table, change, part, made):
    assert part in faults_of({**made, table: change(made[table])})


def test_tables_that_lack_and_folders_without_any(made, tmp_path):
    assert "there is no table 'accounts'" in faults_of({k: made[k] for k in ("population", "counts")})
    assert "an extract has no table 'count' (did you mean 'counts'?)" in faults_of(
        {**made, "count": made["counts"]}
    )
    with pytest.raises(DataMissingError, match="no folder"):
        read_extract(tmp_path / "nowhere")
    with pytest.raises(DataMissingError, match="has no Parquet"):
        read_extract(tmp_path)
    with pytest.raises(OutputError, match="did you mean 'counts'"):
        write_extract({"count": made["counts"]}, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written to"):
        write_extract(made, tmp_path / "file")


# --- The command


def test_the_command_writes_parquet_for_parquet(folder, whole, tmp_path):
    (folder / "other.parquet").write_bytes((folder / "counts.parquet").read_bytes())
    done = run_inside(municipal.start, "user-groups", folder, "--out", tmp_path / "out", "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert "MADE-UP EXAMPLE" in done.stdout
    assert "NOT FOR PUBLICATION" in done.stdout
    assert "Not read: file 'other.parquet'" in done.stdout
    out = tmp_path / "out" / "user-groups"
    written = pd.read_parquet(out / "profile.parquet")
    assert set(written["data_origin"]) == {"synthetic"}
    assert written.attrs["edition"] == "not for publication"
    assert provenance_of(written).synthetic
    same(written[list(whole)], whole)
    codes = pd.read_csv(out / "codes.csv")
    assert set(codes.loc[codes["column"] == "measure", "code"]) == set(MEASURES)
    assert len(pd.read_csv(out / "left_out.csv")) == len(whole.attrs["left_out"]) > 0


def test_the_public_edition_hides_small_counts_and_what_gives_them_back(folder, whole, tmp_path):
    done = run_inside(municipal.start, "user-groups", folder, "--out", tmp_path / "out", "--publish")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out" / "user-groups-public"
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".")) == [
        "codes.csv",
        "profile.parquet",
    ]
    shown = pd.read_parquet(out / "profile.parquet")
    assert provenance_of(shown).file_sha256 == ""
    assert "left_out" not in shown.attrs
    some = shown["year"] == shown["year"].min()
    findings, hidden = attack_profile(shown[some], whole[whole["year"] == shown["year"].min()])
    assert hidden > 10
    assert findings == []


def test_a_folder_with_faults_or_of_two_kinds_writes_nothing(folder, tmp_path):
    (folder / "counts.csv").write_text("Kommune;År\n")
    done = run_inside(municipal.start, "user-groups", folder, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "has CSV files and Parquet" in done.stderr
    (folder / "counts.csv").unlink()
    (folder / "counts.parquet").unlink()
    done = run_inside(municipal.start, "user-groups", folder, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "there is no table 'counts': add counts.parquet" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_book_with_more_rows_than_a_sheet_holds_is_sent_to_parquet(monkeypatch, tmp_path):
    monkeypatch.setattr(chapter, "MOST_ROWS", 100)
    with pytest.raises(InvalidDataError, match="give the numbers as Parquet"):
        chapter.run_system("user-groups", None, tmp_path, ("en",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_whole_country_over_twenty_years_is_done_in_ten_seconds(tmp_path):
    write_extract(make_extract(356, 20).tables(), tmp_path)
    begin = time.process_time()
    found = profile_extract(read_extract(tmp_path))
    assert time.process_time() - begin < MOST_SECONDS
    assert found.groupby("year")["municipality"].nunique().eq(356).all()
    assert len(found) > 3_000_000
