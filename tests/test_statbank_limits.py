"""Limits of the StatBank client, its cache and its transport; json-stat documents at their edges."""

import hashlib
import json
import os
from collections import deque
from datetime import datetime

import httpx
import numpy as np
import pytest

from fake_statbank import FakeStatBank, Fault, cell_value, running
from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    SourceError,
    SpecificationError,
)
from kostnadsvekst.sources import cache as cache_module
from kostnadsvekst.sources import statbank, transport
from kostnadsvekst.sources.cache import Cache, Request, write_atomically
from kostnadsvekst.sources.jsonstat import category_codes, read_dataset
from kostnadsvekst.sources.transport import Policy, RejectedError, Transport, UnavailableError

FAST = Policy(calls=10_000, window=1.0, timeout=5.0, attempts=3, first_wait=0.01, longest_wait=0.02)
ONE = {
    "KOKkommuneregion0000": "0301",
    "KOKfunksjon0000": "253",
    "KOKart0000": "AGD2",
    "ContentsCode": "KOSbelop0000",
    "Tid": "2015",
}
FOUR = {**ONE, "KOKfunksjon0000": ["253", "254"], "Tid": ["2015", "2016"]}


def fetch(bank, folder, selection, **options):
    return statbank.fetch("12362", selection, base_url=bank.url, cache=folder, policy=FAST, **options)


# Splitting ----------


def test_a_single_cell_that_is_refused_is_an_error(tmp_path):
    with running(FakeStatBank(refuse_above=0.5)) as bank:
        with pytest.raises(SourceError, match="HTTP 403: Too many cells selected"):
            fetch(bank, tmp_path, ONE)
        assert len(bank.data_requests) == 1
        with pytest.raises(SourceError, match="HTTP 403: Too many cells selected") as caught:
            fetch(bank, tmp_path, FOUR)
        assert caught.value.status == 403
        assert len(bank.data_requests) == 1 + 3  # four cells, two cells, one cell


def test_two_cells_that_are_refused_are_asked_one_by_one(tmp_path):
    with running(FakeStatBank(refuse_above=1)) as bank:
        frame = fetch(bank, tmp_path, FOUR)
        assert len(bank.data_requests) == 7  # 4; 2, 1, 1; 2, 1, 1
        found = frame.set_index(["KOKfunksjon0000", "Tid"])["value"]
        assert list(found.index) == [("253", "2015"), ("253", "2016"), ("254", "2015"), ("254", "2016")]
        for (function, year), value in found.items():
            assert value == cell_value("0301", function, year)
        assert len(frame.attrs["sha256"]) == len(frame.attrs["requests"]) == 4


def test_other_refusals_are_not_split(tmp_path):
    with running(FakeStatBank()) as bank:
        bank.faults = [Fault(status=400, body=b'{"title": "Non-existent value", "status": 400}')]
        with pytest.raises(SourceError, match=r"HTTP 400: Non-existent value \(status 400 in the body\)"):
            fetch(bank, tmp_path, FOUR)
        assert len(bank.data_requests) == 1


@pytest.mark.parametrize(
    ("sizes", "limit", "parts"),
    [
        ((7, 1), 7, [7]),
        ((7, 1), 6, [4, 3]),
        ((7, 1), 3, [3, 3, 1]),
        ((7, 1), 1, [1] * 7),
        ((3, 4), 12, [12]),
        ((3, 4), 11, [6, 6]),
        ((3, 4), 3, [3, 3, 3, 3]),
        ((3, 4), 2, [2, 1] * 4),
        ((1, 1), 1, [1]),
        ((2, 2), 1, [1] * 4),
    ],
)
def test_parts_of_a_selection(sizes, limit, parts):
    wanted = {name: tuple(f"{name}{i}" for i in range(n)) for name, n in zip("ab", sizes, strict=True)}
    found = list(statbank.split_selection(wanted, limit))
    assert [len(part["a"]) * len(part["b"]) for part in found] == parts
    cells = [(a, b) for part in found for a in part["a"] for b in part["b"]]
    assert sorted(cells) == sorted((a, b) for a in wanted["a"] for b in wanted["b"])


def test_the_limit_of_the_configuration_is_inclusive(tmp_path):
    for limit, requests in ((4, 1), (3, 2)):
        with running(FakeStatBank(max_cells=limit)) as bank:
            assert len(fetch(bank, tmp_path / str(limit), FOUR)) == 4
            assert len(bank.data_requests) == requests
    with running(FakeStatBank(max_cells=0, refuse_above=4)) as bank:  # 0 states nothing
        assert len(fetch(bank, tmp_path / "0", FOUR)) == 4
        assert len(bank.data_requests) == 1


@pytest.mark.parametrize(
    ("config", "pace", "limit"),
    [
        ({"maxDataCells": 9, "maxCallsPerTimeWindow": 5, "timeWindow": 2}, (5, 2.0), 9),
        ({"maxDataCells": 9, "maxCallsPerTimeWindow": 0, "timeWindow": 2}, (30, 60.0), 9),
        ({"maxDataCells": 0, "maxCallsPerTimeWindow": 5, "timeWindow": 0}, (30, 60.0), 800_000),
        ({"maxCallsPerTimeWindow": 1, "timeWindow": 1}, (1, 1.0), 800_000),
        ({"maxDataCells": None, "maxCallsPerTimeWindow": None, "timeWindow": 1}, (30, 60.0), 800_000),
        ({}, (30, 60.0), 800_000),
    ],
)
def test_pace_and_limit_of_the_configuration(tmp_path, config, pace, limit):
    cache, api = Cache(tmp_path), statbank._Api("v2", "http://x")
    cache.write(Request("GET", "http://x/config"), json.dumps(config).encode())
    client = Transport(cache, offline=True)
    assert statbank._read_limits(api, client, fixed_policy=False) == limit
    assert (client.policy.calls, client.policy.window) == pace
    fixed = Transport(cache, offline=True, policy=FAST)
    assert statbank._read_limits(api, fixed, fixed_policy=True) == limit
    assert fixed.policy is FAST
    assert statbank._read_limits(statbank._Api("v0", "http://x"), fixed, fixed_policy=False) == 800_000
    assert statbank._read_limits(statbank._Api("v2", "http://y"), fixed, fixed_policy=False) == 800_000


def test_urls_up_to_the_limit_go_by_get():
    empty = len(statbank._data_request_v2("http://x", "1", {"R": [""]}).url)
    assert statbank.MAX_URL == 2_000
    longest = statbank._data_request_v2("http://x", "1", {"R": ["a" * (2_000 - empty)]})
    assert (longest.method, len(longest.url), longest.body) == ("GET", 2_000, "")
    longer = statbank._data_request_v2("http://x", "1", {"R": ["a" * (2_001 - empty)]})
    assert longer.method == "POST"
    assert longer.url == "http://x/tables/1/data?lang=no&outputFormat=json-stat2"
    plan = statbank.planned_request("12362", {"Tid": "2015", "R": ["1", "2"]}, base_url="http://x")
    expected = "lang=no&outputFormat=json-stat2&valueCodes[Tid]=2015&valueCodes[R]=1,2"
    assert plan == f"GET http://x/tables/12362/data?{expected}"


def test_requests_of_the_older_interface():
    api = statbank._Api("v0", "http://x/v0")
    request = api.data("12362", {"Tid": ("2015", "2016")})
    assert (request.method, request.url) == ("POST", "http://x/v0/table/12362")
    assert json.loads(request.body) == {
        "query": [{"code": "Tid", "selection": {"filter": "item", "values": ["2015", "2016"]}}],
        "response": {"format": "json-stat2"},
    }
    assert api.metadata("1") == Request("GET", "http://x/v0/table/1")
    assert statbank._Api("v2", "http://x").metadata("1") == Request(
        "GET", "http://x/tables/1/metadata?lang=no"
    )
    variables = [
        {"code": "Tid", "values": [2015, "2016"], "valueTexts": ["a", "b"]},
        {"code": "Kjonn", "values": ["1"], "elimination": True},
    ]
    dimensions = api.read_metadata({"variables": variables})
    assert dimensions["Tid"] == statbank.Dimension(("2015", "2016"), False, {"2015": "a", "2016": "b"})
    assert dimensions["Kjonn"] == statbank.Dimension(("1",), True, {})


# Choosing codes ----------

DIMENSIONS = {
    "Region": statbank.Dimension(
        ("0", "0301", "1101"), True, {"0": "Hele landet", "0301": "Oslo", "1101": "X"}
    ),
    "Tid": statbank.Dimension(tuple(str(y) for y in range(2000, 2016)), False),
}


def test_codes_are_in_the_order_of_the_metadata_and_once():
    wanted, missing = statbank.resolve_selection(
        "1", {"Tid": ["2003", "200[12]", "2001"], "Region": ["1101", "label:oslo", "*9"]}, DIMENSIONS
    )
    assert wanted == {"Region": ("0301", "1101"), "Tid": ("2001", "2002", "2003")}
    assert missing == {"Region": ["*9"]}
    assert list(wanted) == ["Region", "Tid"]
    left_out, missing = statbank.resolve_selection("1", {"Tid": ["2000"]}, DIMENSIONS)
    assert (left_out, missing) == ({"Tid": ("2000",)}, {})


def test_long_lists_of_codes_are_cut_at_fifteen():
    with pytest.raises(SpecificationError) as caught:
        statbank.resolve_selection("12362", {"Region": "9999"}, DIMENSIONS)
    message = str(caught.value)
    assert message.startswith("selection from table 12362 is impossible: ")
    assert "'Region' has none of 9999 (it has 0 Hele landet, 0301 Oslo, 1101 X)" in message
    assert "'Tid' must be chosen (2000, 2001" in message
    assert "2014, … (16 in all))" in message
    assert "2015" not in message
    fifteen = {"Tid": statbank.Dimension(DIMENSIONS["Tid"].codes[:15], False)}
    with pytest.raises(SpecificationError, match=r"2013, 2014\)"):
        statbank.resolve_selection("1", {}, fifteen)


# Answers that cannot be trusted ----------


def one_cell(**changes) -> dict:
    """An answer to the request for `ONE`, with changes."""
    dimensions = {name: {"category": {"index": [code]}} for name, code in ONE.items()}
    whole = {
        "class": "dataset",
        "id": list(ONE),
        "size": [1] * 5,
        "dimension": dimensions,
        "value": [7],
        "updated": "2021-06-13T22:00:00Z",
    }
    return whole | changes


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            one_cell(dimension=one_cell()["dimension"] | {"Tid": {"category": {"index": ["2016"]}}}),
            SourceError,
            "other codes of 'Tid' than asked for: 2015, 2016",
        ),
        (
            one_cell(id=list(ONE)[:4], size=[1] * 4),
            SourceError,
            "table 12362: the answer lacks the dimension 'Tid'",
        ),
        (
            one_cell(
                id=[*ONE, "Kjonn"],
                size=[1] * 5 + [2],
                dimension=one_cell()["dimension"] | {"Kjonn": {"category": {"index": ["1", "2"]}}},
                value=[7, 8],
            ),
            SourceError,
            "was not summed over Kjonn",
        ),
        (one_cell(value=[True]), InvalidDataError, "cell 0 holds True, not a number"),
    ],
)
def test_answers_to_another_question_are_refused(tmp_path, answer, error, message):
    with running(FakeStatBank()) as bank:
        bank.faults = [Fault(status=200, body=json.dumps(answer).encode())]
        with pytest.raises(error, match=message):
            fetch(bank, tmp_path, ONE)
        bank.faults = [Fault(status=200, body=json.dumps(one_cell()).encode())]
        assert fetch(bank, tmp_path / "other", ONE)["value"].tolist() == [7.0]


def test_a_summed_dimension_that_comes_back_is_dropped(tmp_path):
    answer = one_cell(
        id=[*ONE, "Kjonn"],
        size=[1] * 6,
        dimension=one_cell()["dimension"] | {"Kjonn": {"category": {"index": ["0"]}}},
    )
    with running(FakeStatBank()) as bank:
        bank.faults = [Fault(status=200, body=json.dumps(answer).encode())]
        frame = fetch(bank, tmp_path, ONE)
    assert list(frame.columns) == [*ONE, "value", "status"]
    assert frame.attrs["updated"] == "2021-06-13T22:00:00Z"


def test_kept_metadata_in_another_shape_are_named_and_fetched_again(tmp_path):
    with running(FakeStatBank()) as bank:
        url = f"{bank.url}/tables/12362/metadata?lang=no"
        Cache(tmp_path).write(Request("GET", url), b'{"variables": []}')
        named = (
            r"cache file .*\.body cannot be used.*metadata are not as documented \(KeyError.*: fetched again"
        )
        with pytest.warns(DataWarning, match=named):
            frame = fetch(bank, tmp_path, ONE)
        assert frame["value"].tolist() == [cell_value("0301", "253", "2015")]
        fetch(bank, tmp_path, ONE, offline=True)


def test_cells_that_do_not_fill_the_selection_are_refused():
    wanted = {"a": ("1", "2"), "b": ("1",)}
    frame = read_dataset(
        {
            "class": "dataset",
            "id": ["a", "b"],
            "size": [1, 1],
            "dimension": {"a": {"category": {"index": ["2"]}}, "b": {"category": {"index": ["1"]}}},
            "value": [3],
        }
    )
    for frames, number in (([frame], 1), ([frame, frame], 2)):
        with pytest.raises(SourceError, match=f"table 9: 2 cells asked for, {number} received"):
            statbank._assemble("9", wanted, frames)
    other = frame.assign(a="1", value=5.0)
    other.attrs = {"labels": {"a": {"1": "one"}}, "label": "second"}
    frame.attrs = {"labels": {"a": {"2": "two"}}, "label": "first"}
    both = statbank._assemble("9", wanted, [frame, other])
    assert both.to_numpy().tolist() == [["1", "1", 5.0, ""], ["2", "1", 3.0, ""]]
    assert both.attrs == {"labels": {"a": {"2": "two", "1": "one"}}, "label": "first"}


def test_parts_of_different_updates_are_not_mixed(tmp_path):
    with running(FakeStatBank(max_cells=2)) as bank:
        selection = {**FOUR, "KOKfunksjon0000": "253"}
        bank.max_cells = 1
        fetch(bank, tmp_path, {**selection, "Tid": "2015"})
        old, bank.updated = bank.updated, "2022-06-15T06:00:00Z"
        fetch(bank, tmp_path, {**selection, "Tid": "2016"})
        with pytest.raises(SourceError, match=f"updated at different times.*{old}, 2022-06-15"):
            fetch(bank, tmp_path, selection, offline=True)
        before = len(bank.data_requests)
        frame = fetch(bank, tmp_path, selection)
        assert len(bank.data_requests) - before == 1  # the older part alone
        assert frame.attrs["updated"] == bank.updated
        assert len(fetch(bank, tmp_path, selection, offline=True)) == 2


def test_an_update_in_the_middle_is_said(tmp_path):
    with running(FakeStatBank(max_cells=1)) as bank:
        selection = {**FOUR, "KOKfunksjon0000": "253"}
        fetch(bank, tmp_path, {**selection, "Tid": "2015"})
        bank.updated = "2022-06-15T06:00:00Z"
        fetch(bank, tmp_path, {**selection, "Tid": "2016"})
        bank.updated = "2023-06-15T06:00:00Z"
        with pytest.raises(SourceError, match="was updated while it was fetched; run again"):
            fetch(bank, tmp_path, selection)


def test_attributes_of_a_frame(tmp_path):
    with running(FakeStatBank()) as bank:
        selection = {**ONE, "KOKfunksjon0000": ["253", "999"]}
        with pytest.warns(DataWarning, match="table 12362 does not have these codes.*KOKfunksjon0000: 999"):
            frame = fetch(bank, tmp_path, selection)
        attrs = frame.attrs
        assert (attrs["table"], attrs["api"], attrs["base_url"]) == ("12362", "v2", bank.url)
        assert attrs["missing"] == {"KOKfunksjon0000": ["999"]}
        assert attrs["requests"][0].startswith(f"GET {bank.url}/tables/12362/data?lang=no&outputFormat=json-")
        request = Request("GET", attrs["requests"][0].removeprefix("GET "))
        kept = Cache(tmp_path).read(request)
        assert attrs["sha256"] == [hashlib.sha256(kept.body).hexdigest()]
        assert attrs["retrieved"] == kept.retrieved
    with pytest.raises(DataMissingError, match=r"12362: offline, and 1 of 1 request\(s\) were never fetched"):
        fetch(bank, tmp_path, {**ONE, "Tid": "2016"}, offline=True)


def test_the_fallback_is_only_for_what_it_can_help(tmp_path):
    assert statbank.FALLBACK_URL == "https://data.ssb.no/api/v0/no"
    with running(FakeStatBank(v2_down=True)) as bank:
        with pytest.raises(UnavailableError, match="after 3 attempts: HTTP 503") as caught:
            fetch(bank, tmp_path, ONE)
        assert "fallback" not in str(caught.value)  # it is known for Statistics Norway's own address only
        assert not any("/api/v0/" in path for _, path in bank.log)
        with pytest.raises(UnavailableError, match=r"HTTP 503(.|\n)*the fallback did not help"):
            fetch(bank, tmp_path, ONE, fallback_url=bank.url_v0.replace("v0", "v1"))
        frame = fetch(bank, tmp_path, ONE, fallback_url=bank.url_v0)
        assert (frame.attrs["api"], frame.attrs["base_url"]) == ("v0", bank.url_v0)
    with running(FakeStatBank()) as bank:
        with pytest.raises(RejectedError, match="HTTP 400"):
            statbank.fetch(
                "99999", ONE, base_url=bank.url, cache=tmp_path, policy=FAST, fallback_url=bank.url_v0
            )
        assert not any("/api/v0/" in path for _, path in bank.log)


# json-stat ----------


def small(**changes) -> dict:
    return {
        "class": "dataset",
        "id": ["Tid", "Sex"],
        "size": [2, 2],
        "dimension": {
            "Tid": {"category": {"index": {"2016": 1, "2015": 0}, "label": {"2015": "a", "2016": "b"}}},
            "Sex": {"category": {"index": ["1", "2"], "unit": {"1": {"base": "persons"}, "2": {}}}},
        },
        "value": [1, 2.5, None, 0],
    } | changes


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_boolean_is_no_number(truth, sparse):
    value = {"0": 1, "3": truth} if sparse else [1, 2, 3, truth]
    with pytest.raises(InvalidDataError) as caught:
        read_dataset(small(value=value))
    assert caught.value.problems == (f"cell 3 holds {truth!r}, not a number",)


@pytest.mark.parametrize("size", [True, 2.0, "2", None])
def test_sizes_are_whole_numbers(size):
    with pytest.raises(InvalidDataError) as caught:
        read_dataset(small(size=[2, size]))
    assert caught.value.problems == (f"size {size!r} is not a whole number",)


@pytest.mark.parametrize(
    "index",
    [
        {"a": False, "b": True},
        {"a": 1, "b": 2},
        {"a": 0, "b": 0},
        {"a": 0, "b": 2},
        {"a": 0.0, "b": 1.0},
        {"a": "0", "b": 1},
    ],
)
def test_positions_of_codes_are_each_there_once(index):
    document = small()
    document["dimension"]["Tid"]["category"] = {"index": index}
    with pytest.raises(InvalidDataError) as caught:
        read_dataset(document)
    assert caught.value.problems == ("dimension 'Tid' does not number its codes 0, 1, 2 ...",)


@pytest.mark.parametrize("wrong", ["1", [], {}])
def test_other_things_are_no_numbers_either(wrong):
    with pytest.raises(InvalidDataError) as caught:
        read_dataset(small(value=[wrong, 1, 2, None]))
    assert caught.value.problems == (f"cell 0 holds {wrong!r}, not a number",)


def test_cells_in_the_order_of_the_index():
    frame = read_dataset(small(label="L", source="S", updated="U"))
    assert frame[["Tid", "Sex"]].to_numpy().tolist() == [
        ["2015", "1"],
        ["2015", "2"],
        ["2016", "1"],
        ["2016", "2"],
    ]
    np.testing.assert_array_equal(frame["value"], [1, 2.5, np.nan, 0])
    assert frame["status"].tolist() == ["", "", "", ""]
    assert frame.attrs == {
        "label": "L",
        "source": "S",
        "updated": "U",
        "labels": {"Tid": {"2015": "a", "2016": "b"}, "Sex": {}},
        "units": {"1": "persons", "2": ""},
    }
    sparse = read_dataset(small(value={"0": 1, "1": 2.5, "3": 0}))
    np.testing.assert_array_equal(sparse["value"], frame["value"])
    assert category_codes({"category": {"label": {"only": "one"}}}) == ["only"]
    assert category_codes({}) == []


def test_every_contradiction_is_listed():
    with pytest.raises(InvalidDataError) as caught:
        read_dataset(
            small(value={"4": 1, "-1": 2, "0": 3, "3": "x"}, status={"3": ".", "4": "..", "-1": ":"})
        )
    assert caught.value.problems == (
        "value at cell 4, but there are 4 cells",
        "value at cell -1, but there are 4 cells",
        "cell 3 holds 'x', not a number",
        "status '..' at cell 4, but there are 4 cells",
        "status ':' at cell -1, but there are 4 cells",
    )
    assert "contradicts itself: 5 problem(s)" in caught.value.summary
    with pytest.raises(InvalidDataError, match="2 dimensions but 1 sizes"):
        read_dataset(small(size=[4]))
    with pytest.raises(InvalidDataError, match="5 values for 4 cells"):
        read_dataset(small(value=[1, 2, 3, 4, 5]))
    with pytest.raises(SourceError, match="lacks value"):
        read_dataset({k: v for k, v in small().items() if k != "value"})
    for other in ([], {"class": "collection"}, None):
        with pytest.raises(SourceError, match="not a json-stat2 dataset"):
            read_dataset(other)


@pytest.mark.parametrize("n", [20, 21, 23])
def test_long_lists_of_wrong_cells_are_cut(n):
    document = {
        "class": "dataset",
        "id": ["T"],
        "size": [n],
        "dimension": {"T": {"category": {"index": [str(i) for i in range(n)]}}},
        "value": ["x"] * n,
    }
    with pytest.raises(InvalidDataError) as caught:
        read_dataset(document)
    listed = [f"cell {i} holds 'x', not a number" for i in range(20)]
    more = [f"... and {n - 20} more cells without a number"] if n > 20 else []
    assert list(caught.value.problems) == listed + more


# Transport ----------


def response(status=200, body=b"{}", kind="application/json", **headers):
    request = httpx.Request("GET", "http://x/y?" + "z" * 400)
    return httpx.Response(status, content=body, headers={"Content-Type": kind, **headers}, request=request)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_faults_that_may_pass(status):
    with pytest.raises(transport._PassingFaultError, match=f"HTTP {status}") as caught:
        transport._checked_body(response(status, **{"Retry-After": "7"}))
    assert (caught.value.wait, caught.value.reached) == (7.0, True)


@pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 403, 404, 501])
def test_other_faults_are_refusals(status):
    with pytest.raises(RejectedError, match=f"HTTP {status}") as caught:
        transport._checked_body(response(status))
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            b'{"title": "T", "status": 404}',
            "application/json",
            "HTTP 400: T (status 404 in the body); asked: GET http",
        ),
        (b'{"error": "E"}', "application/json", "HTTP 400: E; asked: GET"),
        (b'{"message": "M"}', "application/json", "HTTP 400: M; asked: GET"),
        (b"[1]", "application/json", "HTTP 400; asked: GET"),
        (b"<html>", "text/html; charset=utf-8", "HTTP 400 with a web page instead of data"),
    ],
)
def test_what_a_refusal_says(body, kind, message):
    with pytest.raises(RejectedError) as caught:
        transport._checked_body(response(400, body, kind))
    assert message in str(caught.value)
    assert str(caught.value).endswith("http://x/y?" + "z" * (300 - len("http://x/y?")))


@pytest.mark.parametrize(
    "kind", ["application/json", "application/problem+json", "Application/JSON; charset=x"]
)
def test_kinds_of_json(kind):
    assert transport._checked_body(response(body=b"[1]", kind=kind)) == b"[1]"
    with pytest.raises(transport._PassingFaultError, match="body of 2 bytes is no complete JSON"):
        transport._checked_body(response(body=b"[1", kind=kind))
    for other in ("text/plain", "", "application/jsonp"):
        with pytest.raises(SourceError, match="expected JSON.*got " + (other or "no content type")):
            transport._checked_body(response(body=b"[1]", kind=other))


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(transport.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(transport, "_HOSTS", {})
    return clock


def patient(folder, clock, monkeypatch, answers, **policy):
    """A transport to which the answers are given one after the other."""
    waiting = deque(answers)

    def request(*args, **options):
        answer = waiting.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(transport.httpx, "request", request)
    return Transport(Cache(folder), policy=Policy(**policy), sleep=clock.sleep)


def test_no_more_calls_than_the_window_allows(tmp_path, clock, monkeypatch):
    client = patient(tmp_path, clock, monkeypatch, [response()] * 7, calls=3, window=10.0)
    for i in range(7):
        client.get(Request("GET", f"http://x/{i}"))
        clock.now += 1
    # Calls at 0, 1, 2; the fourth at 10, the next at 11, 12; the seventh at 20.
    assert clock.slept == [7.0, 7.0]
    assert clock.now == 1000.0 + 21
    assert client.sent == 7


def test_a_window_is_over_when_it_is_over(tmp_path, clock, monkeypatch):
    client = patient(tmp_path, clock, monkeypatch, [response()] * 3, calls=1, window=10.0)
    client.get(Request("GET", "http://x/0"))
    clock.now += 10
    client.get(Request("GET", "http://x/1"))
    assert clock.slept == []
    client.get(Request("GET", "http://other/1"))  # another host has a limit of its own
    assert clock.slept == []


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "5"}, [5.0]),
        ({"RateLimit-Remaining": " 0 ", "RateLimit-Reset": "4"}, [4.0]),
        ({"X-Rate-Limit-Remaining": "0"}, [60.0]),
        ({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "9000"}, [120.0]),
        ({"X-Rate-Limit-Remaining": "1", "X-Rate-Limit-Reset": "5"}, []),
        ({}, []),
    ],
)
def test_waiting_when_no_calls_are_left(tmp_path, clock, monkeypatch, headers, waited):
    client = patient(tmp_path, clock, monkeypatch, [response(**headers), response()])
    client.get(Request("GET", "http://x/0"))
    client.get(Request("GET", "http://x/1"))
    assert clock.slept == waited


def test_waits_double_up_to_the_longest(tmp_path, clock, monkeypatch):
    client = patient(tmp_path, clock, monkeypatch, [response(503)] * 6)
    with pytest.raises(UnavailableError, match=r"after 6 attempts: HTTP 503 \(GET http://x/0\)"):
        client.get(Request("GET", "http://x/0"))
    assert clock.slept == [1, 2, 4, 8, 16]
    clock.slept.clear()
    client = patient(
        tmp_path, clock, monkeypatch, [response(503)] * 5 + [response()], first_wait=3.0, longest_wait=10.0
    )
    assert client.get(Request("GET", "http://x/0"))[0] == {}
    assert clock.slept == [3, 6, 10, 10, 10]


def test_a_named_wait_goes_before_and_is_bounded(tmp_path, clock, monkeypatch):
    answers = [response(503, **{"Retry-After": "0"}), response(503, **{"Retry-After": "500"}), response()]
    client = patient(tmp_path, clock, monkeypatch, answers)
    client.get(Request("GET", "http://x/0"))
    assert clock.slept == [0.0, 120.0]


@pytest.mark.parametrize(
    ("error", "attempts", "message"),
    [
        (httpx.ConnectError("no route"), 2, r"after 2 attempts: the host cannot be reached \(no route\)"),
        (httpx.ReadTimeout("slow"), 4, "after 4 attempts: no answer within 60 s"),
        (httpx.RemoteProtocolError("cut"), 4, r"after 4 attempts: the connection failed \(cut\)"),
    ],
)
def test_attempts_until_giving_up(tmp_path, clock, monkeypatch, error, attempts, message):
    client = patient(tmp_path, clock, monkeypatch, [error] * 4, attempts=4)
    with pytest.raises(UnavailableError, match=message):
        client.get(Request("GET", "http://x/0"))
    assert client.sent == attempts
    once = patient(tmp_path, clock, monkeypatch, [error], attempts=1)
    with pytest.raises(UnavailableError, match="after 1 attempts"):
        once.get(Request("GET", "http://x/0"))


def test_what_is_sent(tmp_path, clock, monkeypatch):
    asked = []

    def request(method, url, **options):
        asked.append((method, url, options))
        return response()

    client = patient(tmp_path, clock, monkeypatch, [], timeout=17.0)
    monkeypatch.setattr(transport.httpx, "request", request)
    client.get(Request("GET", "http://x/0"))
    client.get(Request("POST", "http://x/1", '{"a": 1}'))
    (get, url, options), (post, _, with_body) = asked
    assert (get, url, post) == ("GET", "http://x/0", "POST")
    assert options["content"] is None
    assert with_body["content"] == b'{"a": 1}'
    assert "Content-Type" not in options["headers"]
    assert with_body["headers"]["Content-Type"] == options["headers"]["Accept"] == "application/json"
    assert options["headers"]["User-Agent"].startswith("kostnadsvekst/")
    assert (options["timeout"], options["follow_redirects"]) == (17.0, True)
    assert options["verify"] is not False


def test_refreshing_asks_again_but_not_offline(tmp_path, clock, monkeypatch):
    client = patient(
        tmp_path, clock, monkeypatch, [response(body=b"1"), response(body=b"2"), response(body=b"3")]
    )
    request = Request("GET", "http://x/0")
    assert client.missing([request]) == [request]
    document, answer = client.get(request)
    assert (document, answer.from_cache) == (1, False)
    document, answer = client.get(request)
    assert (document, answer.from_cache) == (1, True)
    assert client.missing([request]) == []
    assert client.get(request, refresh=True)[0] == 2
    client.refresh = True
    assert client.get(request)[0] == 3
    client.offline = True
    assert client.get(request, refresh=True)[0] == 3
    with pytest.raises(DataMissingError, match="offline, and never fetched before: GET http://x/1"):
        client.get(Request("GET", "http://x/1"))


# Cache ----------


def test_requests_have_keys_of_all_their_parts():
    request = Request("GET", "http://x", "b")
    assert request.key == hashlib.sha256(b'["GET", "http://x", "b"]').hexdigest()
    others = [Request("POST", "http://x", "b"), Request("GET", "http://y", "b"), Request("GET", "http://x")]
    assert len({request.key, *(other.key for other in others)}) == 4
    assert (str(request), str(others[2])) == ("GET http://x b", "GET http://x")


def test_what_the_cache_keeps(tmp_path):
    cache, request = Cache(tmp_path / "deep" / "cache"), Request("GET", "http://x/æ", "b")
    assert cache.read(request) is None
    written = cache.write(request, b"bytes")
    assert not written.from_cache
    kept = cache.read(request)
    assert kept == cache_module.Answer(
        b"bytes", written.retrieved, hashlib.sha256(b"bytes").hexdigest(), True
    )
    assert datetime.fromisoformat(kept.retrieved).tzinfo is not None
    files = sorted(path.name for path in cache.folder.iterdir())
    assert files == [f"{request.key}.body", f"{request.key}.json"]
    described = cache.folder / files[1]
    origin = json.loads(described.read_text("utf-8"))
    assert origin == {
        "method": "GET",
        "url": "http://x/æ",
        "body": "b",
        "retrieved": kept.retrieved,
        "sha256": kept.sha256,
    }
    assert "æ" in described.read_text("utf-8")
    assert os.stat(described).st_mode & 0o777 == 0o644
    (cache.folder / files[0]).write_bytes(b"other")
    with pytest.raises(SourceError, match=f"sha256 {hashlib.sha256(b'other').hexdigest()[:12]}… instead of"):
        cache.read(request)
    (cache.folder / files[0]).unlink()
    assert cache.read(request) is None  # half an answer is none
    cache.write(request, b"again")
    for broken in ("{", "{}", '{"sha256": "a"}'):
        described.write_text(broken, "utf-8")
        with pytest.raises(SourceError, match=r"\.json is damaged; delete it or fetch with --refresh"):
            cache.read(request)
    described.unlink()
    assert cache.read(request) is None


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def fail(*args):
        raise OSError("disk is full")

    monkeypatch.setattr(cache_module.os, "replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
