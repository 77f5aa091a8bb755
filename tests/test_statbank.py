"""The StatBank client against a real HTTP server, and the parser against recorded answers."""

import itertools
import json
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fake_statbank import (
    DIMENSIONS,
    FUNCTIONS,
    REGIONS,
    YEARS,
    FakeStatBank,
    Fault,
    cell_status,
    cell_value,
    running,
)
from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    SourceError,
    SpecificationError,
)
from kostnadsvekst.sources import statbank
from kostnadsvekst.sources.cache import Cache, Request
from kostnadsvekst.sources.jsonstat import read_dataset
from kostnadsvekst.sources.transport import Policy, Transport

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data"
FAST = Policy(calls=10_000, window=1.0, timeout=5.0, attempts=4, first_wait=0.01, longest_wait=0.05)
ALL = {
    "KOKkommuneregion0000": "*",
    "KOKfunksjon0000": FUNCTIONS,
    "KOKart0000": "AGD2",
    "ContentsCode": "KOSbelop0000",
    "Tid": YEARS,
}


def recorded(name: str) -> dict:
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"recorded answer {name} is not beside this checkout")
    return json.loads(path.read_text("utf-8"))


@pytest.fixture
def bank():
    with running(FakeStatBank()) as fake:
        yield fake


def fetch(bank: FakeStatBank, folder: Path, selection=ALL, **options) -> pd.DataFrame:
    options = {"policy": FAST} | options
    return statbank.fetch("12362", selection, base_url=bank.url, cache=folder, **options)


def check_all_cells(frame: pd.DataFrame) -> None:
    expected = [
        (r, f, "AGD2", "KOSbelop0000", y, cell_value(r, f, y), cell_status(r, f, y))
        for r, f, y in itertools.product(REGIONS, FUNCTIONS, YEARS)
    ]
    got = [
        (*row[:5], None if math.isnan(row.value) else int(row.value), row.status)
        for row in frame.itertuples(index=False)
    ]
    assert got == expected


def test_full_fetch_returns_every_cell_with_its_status(bank, tmp_path):
    frame = fetch(bank, tmp_path)
    check_all_cells(frame)
    assert list(frame.columns) == [*DIMENSIONS, "value", "status"]
    assert frame.attrs["updated"] == bank.updated
    assert frame.attrs["api"] == "v2"
    assert frame.attrs["units"] == {"KOSbelop0000": "1000 kr"}
    assert frame.attrs["labels"]["KOKfunksjon0000"]["FGK9"] == "label of FGK9"


@pytest.mark.parametrize("limit", [4, 17, 40, 125, 126])
def test_chunks_keep_the_limit_and_give_the_same_frame(tmp_path, limit):
    with running(FakeStatBank(max_cells=limit)) as bank:
        check_all_cells(fetch(bank, tmp_path))
        assert len(bank.data_requests) >= math.ceil(126 / limit)


def test_a_limit_lower_than_stated_halves_the_request(tmp_path):
    with running(FakeStatBank(refuse_above=30)) as bank:
        check_all_cells(fetch(bank, tmp_path))


def test_interrupted_fetch_continues_without_downloading_again(tmp_path):
    with running(FakeStatBank(max_cells=18)) as bank:
        # the line goes dead in the middle: 7 parts of 18 cells, 3 arrive
        bank.faults = [None, None, None, *[Fault()] * 4]
        with pytest.raises(SourceError, match="run again later to continue"):
            fetch(bank, tmp_path)
        before = len(bank.data_requests)
        check_all_cells(fetch(bank, tmp_path))
        assert len(bank.data_requests) - before == 4


def test_cache_hit_sends_no_request(bank, tmp_path):
    first = fetch(bank, tmp_path)
    sent = len(bank.log)
    second = fetch(bank, tmp_path)
    assert len(bank.log) == sent
    pd.testing.assert_frame_equal(first, second)
    assert first.attrs == second.attrs
    fetch(bank, tmp_path, refresh=True)
    assert len(bank.log) == 2 * sent


def test_offline_answers_from_the_cache_and_lists_what_is_missing(bank, tmp_path):
    fetch(bank, tmp_path, {**ALL, "Tid": ["2015"]})
    sent = len(bank.log)
    assert len(fetch(bank, tmp_path, {**ALL, "Tid": ["2015"]}, offline=True)) == 42
    with pytest.raises(DataMissingError, match=r"1 of 1 request.*\n.*valueCodes\[Tid\]=2016"):
        fetch(bank, tmp_path, {**ALL, "Tid": ["2016"]}, offline=True)
    with pytest.raises(DataMissingError, match="never fetched before"):
        fetch(bank, tmp_path / "empty", offline=True)
    assert len(bank.log) == sent


def test_corrupted_cache_file_is_detected(bank, tmp_path):
    fetch(bank, tmp_path)
    body = max(tmp_path.glob("*.body"), key=lambda path: path.stat().st_size)
    good = body.read_bytes()
    body.write_bytes(good.replace(b"10015", b"10016"))
    assert body.read_bytes() != good
    with pytest.raises(SourceError, match="damaged"):
        fetch(bank, tmp_path, offline=True)
    with pytest.warns(DataWarning, match="damaged.*fetched again"):
        check_all_cells(fetch(bank, tmp_path))
    assert body.read_bytes() == good
    described = body.with_suffix(".json")
    described.write_text("{")
    with pytest.raises(SourceError, match="damaged"):
        Cache(tmp_path).read(Request("GET", "x")) or fetch(bank, tmp_path, offline=True)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, body=b"Service Unavailable", content_type="text/html"),
        Fault(status=429, body=b"", headers={"Retry-After": "0"}),
        Fault(status=429, body=b""),
        Fault(status=200, body=b'{"class": "dataset", "id": ["Tid"]}' * 100, cut_to=300),
        Fault(status=200, body=b'{"class": "dataset", "id": ["Tid"'),
    ],
    ids=["503", "429-retry-after", "429-empty", "connection-cut", "json-cut"],
)
def test_faults_that_pass_are_retried(bank, tmp_path, fault):
    bank.faults = [fault, fault]
    check_all_cells(fetch(bank, tmp_path))
    assert len(bank.data_requests) == 3


def test_slow_answer_times_out_and_is_asked_again(bank, tmp_path):
    bank.faults = [Fault(status=200, body=b"{}", delay=0.8)]
    check_all_cells(fetch(bank, tmp_path, policy=Policy(10_000, 1.0, 0.3, 3, 0.01, 0.05)))
    assert len(bank.data_requests) == 2


def test_a_source_that_keeps_failing_is_given_up_with_a_clear_message(bank, tmp_path):
    bank.faults = [Fault()] * 4
    with pytest.raises(SourceError, match=r"after 4 attempts: HTTP 503.*run again later"):
        fetch(bank, tmp_path)
    assert len(bank.data_requests) == 4


def test_wrong_content_type_is_refused_at_once(bank, tmp_path):
    bank.faults = [Fault(status=200, body=b"<html>log in</html>", content_type="text/html")]
    with pytest.raises(SourceError, match=r"expected JSON.*got text/html"):
        fetch(bank, tmp_path)
    assert len(bank.data_requests) == 1
    check_all_cells(fetch(bank, tmp_path))


def test_retry_after_is_obeyed(bank, tmp_path):
    bank.faults = [Fault(status=503, headers={"Retry-After": "0.4"})]
    fetch(bank, tmp_path, policy=Policy(10_000, 1.0, 5.0, 3, 0.01, 5.0))
    assert bank.times[-1] - bank.times[-2] >= 0.4


def test_pace_follows_the_source_configuration(tmp_path):
    with running(FakeStatBank(max_cells=18, calls=5, window=1)) as bank:
        statbank.fetch("12362", ALL, base_url=bank.url, cache=tmp_path)
        times = np.array(bank.times)
        assert len(times) == 9  # configuration, metadata, 7 parts
        # the configuration itself is asked before the pace is known
        assert times[6] - times[1] >= 0.95


def test_no_requests_left_means_waiting_for_the_reset(tmp_path):
    with running(FakeStatBank(remaining="0")) as bank:
        fetch(bank, tmp_path, policy=Policy(10_000, 1.0, 5.0, 3, 0.01, 5.0))
        assert min(np.diff(bank.times)) >= 0.65


def test_default_pace_is_the_stated_one(tmp_path):
    # the configuration of Statistics Norway says 0 calls, which does not mean without limit
    waited: list[float] = []
    with running(FakeStatBank(calls=0)) as bank:
        transport = Transport(
            Cache(tmp_path), sleep=waited.append, clock=lambda: time.monotonic() + sum(waited)
        )
        assert (transport.policy.calls, transport.policy.window) == (30, 60.0)
        # another name of the same host, so that no other test has used up its requests
        url = bank.url.replace("127.0.0.1", "localhost")
        for i in range(31):
            transport.get(Request("GET", f"{url}/config?{i}"))
    assert len(waited) == 1
    assert 50 < waited[0] <= 60


def test_unknown_codes_are_left_out_and_reported(bank, tmp_path):
    with pytest.warns(DataWarning, match="KOKkommuneregion0000: 0999; KOKfunksjon0000: 257"):
        frame = fetch(
            bank,
            tmp_path,
            {**ALL, "KOKkommuneregion0000": ["0999", "0301"], "KOKfunksjon0000": ["253", "257"]},
        )
    assert frame.attrs["missing"] == {"KOKkommuneregion0000": ["0999"], "KOKfunksjon0000": ["257"]}
    assert set(frame["KOKkommuneregion0000"]) == {"0301"}


def test_wildcards_pick_municipalities_and_not_groups(bank, tmp_path):
    frame = fetch(bank, tmp_path, {**ALL, "KOKkommuneregion0000": "[0-9][0-9][0-9][0-9]"})
    assert list(frame["KOKkommuneregion0000"].unique()) == ["0301", "1101", "1103", "1106", "3001"]


def test_codes_are_looked_up_by_their_text(bank, tmp_path):
    frame = fetch(bank, tmp_path, {**ALL, "KOKfunksjon0000": "label:*OF FGK9"})
    assert set(frame["KOKfunksjon0000"]) == {"FGK9"}
    with pytest.raises(SpecificationError, match=r"fits several codes.*253 \(label of 253\)"):
        fetch(bank, tmp_path, {**ALL, "KOKfunksjon0000": "label:*25?"})


def test_impossible_selections_are_refused_before_asking(bank, tmp_path):
    with pytest.raises(
        SpecificationError, match=r"'Region' does not exist.*none of 999.*'Tid' must be chosen"
    ):
        fetch(
            bank,
            tmp_path,
            {"Region": "0301", "KOKkommuneregion0000": "*", "ContentsCode": "*", "KOKfunksjon0000": "999"},
        )
    assert not bank.data_requests


def test_dimension_left_out_is_summed_by_the_source(bank, tmp_path):
    frame = fetch(bank, tmp_path, {k: v for k, v in ALL.items() if k != "KOKart0000"})
    assert "KOKart0000" not in frame
    assert len(frame) == 126


def test_unknown_table_tells_what_the_body_says(bank, tmp_path):
    with pytest.raises(SourceError, match=r"HTTP 400: Non-existent table \(status 404 in the body\)"):
        statbank.fetch("99999", ALL, base_url=bank.url, cache=tmp_path, policy=FAST)


def test_long_selections_go_by_post():
    many = [f"{i:04d}" for i in range(1000)]
    request = statbank._data_request_v2("http://127.0.0.1/api", "12362", {"Region": many})
    assert request.method == "POST"
    assert json.loads(request.body) == {"selection": [{"variableCode": "Region", "valueCodes": many}]}
    short = statbank._data_request_v2("http://127.0.0.1/api", "12362", {"Region": many[:100]})
    assert (short.method, len(short.url) <= 2000) == ("GET", True)


def test_fallback_to_v0(tmp_path):
    with running(FakeStatBank(v2_down=True)) as bank:
        frame = fetch(bank, tmp_path, fallback_url=bank.url_v0)
        check_all_cells(frame)
        assert frame.attrs["api"] == "v0"


def test_fallback_when_v2_has_moved_but_not_for_unknown_tables(tmp_path):
    with running(FakeStatBank()) as bank:
        moved = bank.url.replace("pxwebapi/v2", "v0/nowhere")
        options = {"cache": tmp_path, "policy": FAST, "fallback_url": bank.url_v0}
        assert statbank.fetch("12362", ALL, base_url=moved, **options).attrs["api"] == "v0"
        with pytest.raises(SourceError, match="Non-existent table"):
            statbank.fetch("99999", ALL, base_url=bank.url, **options)
        with pytest.raises(
            SourceError, match=r"the fallback did not help: table 99999: HTTP 404 with a web page"
        ):
            statbank.fetch("99999", ALL, base_url=moved, **options)


def test_parts_from_before_an_update_are_fetched_again(tmp_path):
    with running(FakeStatBank(max_cells=18)) as bank:
        bank.faults = [None, None, None, *[Fault()] * 4]
        with pytest.raises(SourceError, match="run again later"):
            fetch(bank, tmp_path)
        bank.updated = "2022-06-15T06:00:00Z"
        before = len(bank.data_requests)
        frame = fetch(bank, tmp_path)
        check_all_cells(frame)
        assert frame.attrs["updated"] == bank.updated
        assert len(bank.data_requests) - before == 7


# Recorded answers of Statistics Norway ----------


def test_recorded_totals_are_those_documented():
    frame = read_dataset(recorded("statbank_recorded/ks-json-stat_resultatTest.json"))
    picked = frame.query(
        "KOKkommuneregion0000 == 'EAK' and KOKregnskapsomfa0000 == 'A' and KOKfunksjon0000 == 'FGK9' "
        "and KOKart0000 == 'AGD2'"
    )
    assert dict(zip(picked["Tid"], picked["value"], strict=True)) == {
        "2015": 95_045_027,
        "2016": 101_043_830,
        "2017": 105_682_428,
        "2019": 122_159_876,
        "2020": 126_069_838,
    }


@pytest.mark.parametrize("number", ["", "2", "3"])
def test_every_recorded_cell_and_status_survives(number):
    document = recorded(f"statbank_recorded/ks-json-stat_resultatTest{number}.json")
    frame = read_dataset(document)
    codes = [list(document["dimension"][d]["category"]["index"]) for d in document["id"]]
    assert len(frame) == math.prod(document["size"])
    for i, address in enumerate(itertools.product(*codes)):
        row = frame.iloc[i]
        assert tuple(row[document["id"]]) == address
        value = document["value"][i]
        assert np.isnan(row["value"]) if value is None else row["value"] == value
        assert row["status"] == document["status"].get(str(i), "")
    assert frame["value"].isna().sum() == sum(v is None for v in document["value"])


def test_recorded_v2_answers():
    frame = read_dataset(recorded("statbank_recorded/v2_12134_3kommuner_2024.json"))
    assert frame[["KOKkommuneregion0000", "value"]].to_numpy().tolist() == [
        ["0301", 81240.0],
        ["4601", 66605.0],
        ["5001", 62853.0],
    ]
    assert set(frame["status"]) == {""}
    swedish = recorded("pxweb_fixtures/TAB6471_data.json")
    assert read_dataset(swedish)["value"].tolist() == swedish["value"]


def test_recorded_metadata_and_configuration():
    dimensions = statbank._read_metadata_v2(recorded("pxweb_fixtures/TAB6471_metadata.json"))
    assert {name: len(d.codes) for name, d in dimensions.items()} == {
        "Region": 312,
        "Alder": 134,
        "Kon": 3,
        "ContentsCode": 1,
        "Tid": 16,
    }
    assert [name for name, d in dimensions.items() if d.eliminable] == ["Region", "Kon"]
    config = recorded("pxweb_fixtures/config.json")
    assert (config["maxDataCells"], config["maxCallsPerTimeWindow"], config["timeWindow"]) == (150_000, 3, 1)


def test_recorded_error_bodies_are_what_the_fake_server_sends(bank, tmp_path):
    bodies = {
        json.loads(e["snippet"])["title"] for e in recorded("statbank_recorded/v2_errors_observed.json")
    }
    assert bodies == {"Non-existent table", "Non-existent value", "Missing selection for mandantory variable"}


# Documents that contradict themselves ----------


def small(**changes) -> dict:
    return {
        "class": "dataset",
        "id": ["Tid"],
        "size": [2],
        "dimension": {"Tid": {"category": {"index": {"2015": 0, "2016": 1}, "label": {}}}},
        "value": [1, None],
    } | changes


def test_null_is_not_zero_and_status_forms_agree():
    plain = read_dataset(small(status={"1": ".."}))
    assert np.isnan(plain["value"][1])
    assert read_dataset(small(status=[None, ".."]))["status"].tolist() == ["", ".."]
    assert read_dataset(small(status=".."))["status"].tolist() == ["..", ".."]
    assert read_dataset(small(value={"0": 1}, status={"1": ".."})).equals(plain)
    assert read_dataset(small(value=[0, None]))["value"][0] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": [1]}, "1 values for 2 cells"),
        ({"value": [1, "1 234"]}, "cell 1 holds '1 234', not a number"),
        ({"size": [3], "value": [1, 2, 3]}, "2 codes but size 3"),
        ({"status": {"7": "."}}, "status '.' at cell 7"),
        ({"id": ["Tid", "Region"], "size": [2, 1]}, "'Region' is listed but not described"),
    ],
)
def test_contradictions_are_named(changes, message):
    with pytest.raises(InvalidDataError, match=message):
        read_dataset(small(**changes))


def test_other_documents_are_refused():
    with pytest.raises(SourceError, match="not a json-stat2 dataset"):
        read_dataset({"class": "collection"})
    with pytest.raises(SourceError, match="lacks dimension, value"):
        read_dataset({"class": "dataset", "id": [], "size": []})
