"""Every fault of the fake StatBank, every spelling of limits, and refusals that are split or not."""

import json
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import httpx
import pytest

from fake_statbank import FakeStatBank, Fault, Table, cell_value, running
from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    KostnadsvekstError,
    OutputError,
    SourceError,
    SpecificationError,
)
from kostnadsvekst.sources import statbank, transport
from kostnadsvekst.sources.cache import Cache, Request
from kostnadsvekst.sources.rate_limits import Allowance, Pace, read_allowance, seconds_until
from kostnadsvekst.sources.transport import Policy, RejectedError, Transport, UnavailableError
from statbank_faults import CASES, DOCUMENTS, REFUSED, RIGHT

FAST = Policy(calls=10_000, window=60.0, timeout=5.0, attempts=3, first_wait=0.5, longest_wait=120.0)
FOUR = {
    "KOKkommuneregion0000": "0301",
    "KOKfunksjon0000": ["253", "254"],
    "KOKart0000": "AGD2",
    "ContentsCode": "KOSbelop0000",
    "Tid": ["2015", "2016"],
}
RIGHT_VALUES = [cell_value("0301", f, y) for f in ("253", "254") for y in ("2015", "2016")]


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now, self.slept, self.said = 1000.0, [], []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    patient = partial(Transport, sleep=clock.sleep, clock=clock, say=clock.said.append)
    monkeypatch.setattr(statbank, "Transport", patient)
    monkeypatch.setattr(transport, "_HOSTS", {})
    return clock


@pytest.fixture(scope="module")
def bank():
    with running(FakeStatBank()) as bank:
        yield bank


def fetch(bank, folder, selection=FOUR, **options):
    options = {"policy": FAST, "base_url": bank.url, "cache": folder, **options}
    return statbank.fetch("12362", selection, **options)


def test_there_are_enough_faults():
    names = [case.what for case in CASES]
    assert len(set(names)) == len(names) == 94


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_fault(bank, tmp_path, clock, case):
    bank.faults, asked = [case.fault], len(bank.log)
    if case.outcome == REFUSED:
        with pytest.raises(KostnadsvekstError, match=case.words) as caught:
            fetch(bank, tmp_path)
        assert not bank.faults
        before = {"data": 3, "metadata": 2, "config": 1}[case.fault.on]
        assert len(bank.log) - asked == before  # neither asked again nor split
        if case.fault.on != "config":
            assert "table 12362" in str(caught.value)
        assert bank.url in str(caught.value)
    # nothing of it is kept, and what is asked next is right
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = fetch(bank, tmp_path)
    assert not bank.faults
    assert frame["value"].tolist() == RIGHT_VALUES
    assert frame["status"].tolist() == [""] * 4
    assert fetch(bank, tmp_path, offline=True)["value"].tolist() == RIGHT_VALUES


@pytest.mark.parametrize("case", DOCUMENTS, ids=[case.what for case in DOCUMENTS])
def test_a_spoilt_answer_in_the_cache_is_named_and_fetched_again(bank, tmp_path, clock, case):
    frame = fetch(bank, tmp_path)
    method, _, url = frame.attrs["requests"][0].partition(" ")
    cache, request = Cache(tmp_path), Request(method, url)
    right = json.loads(cache.read(request).body)
    body = case.fault.body or json.dumps(case.fault.alter(right)).encode()
    cache.write(request, body)
    with pytest.raises((SourceError, InvalidDataError), match=case.words) as caught:
        fetch(bank, tmp_path, offline=True)
    assert f"cache file {cache.path_of(request)} cannot be used; delete it or fetch" in str(caught.value)
    with pytest.warns(DataWarning, match=r"cache file .*\.body cannot be used(.|\n)*: fetched again"):
        assert fetch(bank, tmp_path)["value"].tolist() == RIGHT_VALUES
    assert fetch(bank, tmp_path, offline=True)["value"].tolist() == RIGHT_VALUES


SPOILT_FILES = {
    "an empty description": (".json", b""),
    "a description that is a list": (".json", b"[]"),
    "a description that is null": (".json", b"null"),
    "a deep description": (".json", b"[" * 100_000),
    "a description without a hash": (".json", b'{"retrieved": "2021"}'),
    "a hash that is a list": (".json", b'{"sha256": [], "retrieved": [], "method": 1, "url": 2}'),
    "a description in Latin-1": (".json", b'{"url": "\xe6"}'),
    "an empty body": (".body", b""),
    "another body": (".body", b"{}"),
}


@pytest.mark.parametrize(("ending", "content"), SPOILT_FILES.values(), ids=SPOILT_FILES)
def test_a_spoilt_cache_file_is_named_and_fetched_again(bank, tmp_path, clock, ending, content):
    fetch(bank, tmp_path)
    for path in tmp_path.glob(f"*{ending}"):
        path.write_bytes(content)
    with pytest.raises(
        SourceError, match=f"cache file .*{ending} is damaged.*delete it or fetch with --refresh"
    ):
        fetch(bank, tmp_path, offline=True)
    with pytest.warns(DataWarning, match="is damaged.*: fetched again"):
        assert fetch(bank, tmp_path)["value"].tolist() == RIGHT_VALUES
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fetch(bank, tmp_path)["value"].tolist() == RIGHT_VALUES


def test_an_answer_to_another_request_is_not_used(tmp_path):
    cache, one, other = Cache(tmp_path), Request("GET", "http://x/1"), Request("GET", "http://x/2")
    cache.write(one, b"1")
    for ending in ("json", "body"):
        (tmp_path / f"{one.key}.{ending}").rename(tmp_path / f"{other.key}.{ending}")
    with pytest.raises(SourceError, match="it answers another request"):
        cache.read(other)


@pytest.mark.parametrize("folder", ["file", "/proc/cache", "file/cache"])
def test_a_cache_that_cannot_be_written_is_named(bank, tmp_path, clock, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"the cache .* cannot be written: .*another folder with --cache"):
        fetch(bank, folder)


@pytest.mark.parametrize(
    "url",
    ["", "data.ssb.no", "ftp://data.ssb.no", "file:///etc/passwd", "http://", "http://[::1", "http://x:y/"],
)
def test_addresses_that_are_none(tmp_path, clock, url):
    with pytest.raises(SpecificationError, match="is no address of a web service"):
        statbank.fetch("12362", FOUR, base_url=url, cache=tmp_path, policy=FAST)
    assert clock.slept == []


# Refusals that are split, and others ----------

TOO_LARGE = {
    "v2": (403, b'{"type": "Parameter error", "title": "Too many cells selected", "status": 403}'),
    "v2 as 400": (400, b'{"type": "Parameter error", "title": "Too many cells selected", "status": 400}'),
    "Norwegian": (400, b'{"title": "For mange celler er valgt (grensen er 800 000)"}'),
    "the number": (400, b'{"error": "The number of cells exceeds 800000"}'),
    "Norwegian verb": (403, b'{"message": "Antall celler overskrider grensen"}'),
    "413": (413, b""),
    "a bare 403": (403, b""),
    "a web page": (403, b"<html>Forbidden</html>"),
}


@pytest.mark.parametrize("refusal", TOO_LARGE.values(), ids=TOO_LARGE)
@pytest.mark.parametrize("most", [1, 2, 3])
def test_too_many_cells_are_split(tmp_path, clock, refusal, most):
    with running(FakeStatBank(refuse_above=most, refusal=refusal)) as bank:
        frame = fetch(bank, tmp_path)
    assert frame["value"].tolist() == RIGHT_VALUES
    assert len(frame.attrs["requests"]) == {1: 4, 2: 2, 3: 2}[most]


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        ((403, b'{"title": "Access denied"}'), 2),  # four cells and, to see whether fewer are given, one
        ((403, b""), 2),
        ((403, b"<html>Blocked</html>"), 2),
        ((400, b'{"title": "Non-existent value", "status": 400}'), 1),
        ((400, b""), 1),
        ((404, b'{"title": "Too many cells selected"}'), 1),
        ((403, b'{"title": "Too many cells selected"}'), 3),  # four, two, one
    ],
)
def test_a_refusal_of_everything_ends(tmp_path, clock, refusal, asked):
    with running(FakeStatBank(refuse_above=0.5, refusal=refusal)) as bank:
        with pytest.raises(RejectedError, match=f"table 12362: HTTP {refusal[0]}") as caught:
            fetch(bank, tmp_path)
        assert len(bank.data_requests) == asked
        assert caught.value.status == refusal[0]
        one = {**FOUR, "KOKfunksjon0000": "253", "Tid": "2015"}
        before = len(bank.data_requests)
        with pytest.raises(RejectedError):
            fetch(bank, tmp_path, one)
        assert len(bank.data_requests) == before + 1  # one cell is never split


def test_the_longest_dimension_is_cut(tmp_path, clock):
    regions = [f"{i:04d}" for i in range(1, 301)]
    table = Table(
        {"Region": regions, "Tid": ["2015", "2016"]}, lambda address: (float(address["Region"]), "")
    )
    with running(FakeStatBank(refuse_above=100)) as bank:
        bank.tables["1"] = table
        frame = statbank.fetch(
            "1", {"Region": "*", "Tid": "*"}, base_url=bank.url, cache=tmp_path, policy=FAST
        )
        asked = [path.count(",") for _, path in bank.data_requests]
    assert frame["value"].tolist() == [float(code) for code in regions for _ in range(2)]
    assert max(asked) == 300  # 300 regions and two years: 299 and 1 commas
    assert len(frame.attrs["requests"]) == 8  # 600 cells halved three times: 75 each


# Headers ----------

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

HEADERS = [
    ({}, Allowance()),
    (
        {"x-ratelimit-limit": "40", "x-ratelimit-remaining": "39", "x-ratelimit-policy": "40;w=60s"},
        Allowance(39, 40, 60.0),
    ),
    ({"x-ratelimit-policy": "40;w=60"}, Allowance(None, 40, 60.0)),
    ({"x-ratelimit-policy": '"default";q=40;w=1m'}, Allowance(None, 40, 60.0)),
    ({"x-ratelimit-policy": "40;w=60s, 1000;w=300"}, Allowance(None, 40, 300.0)),
    ({"x-ratelimit-limit": "40, 40;w=60"}, Allowance(None, 40, 60.0)),
    ({"x-ratelimit-policy": "40;w=500ms"}, Allowance(None, 40, 0.5)),
    ({"x-ratelimit-policy": "40;w=1h"}, Allowance(None, 40)),
    ({"x-ratelimit-policy": "40;w=-60"}, Allowance(None, 40)),
    ({"x-ratelimit-policy": "40;w=0"}, Allowance(None, 40)),
    ({"x-ratelimit-policy": "40;w=1e9"}, Allowance(None, 40)),
    ({"x-ratelimit-policy": "40;w=nan"}, Allowance(None, 40)),
    ({"x-ratelimit-policy": "w=60"}, Allowance()),
    ({"x-ratelimit-policy": "[40, 60]"}, Allowance()),
    ({"x-ratelimit-policy": ";" * 5000}, Allowance()),
    ({"x-ratelimit-remaining": "5, 0"}, Allowance(0)),
    ({"x-ratelimit-remaining": "-3"}, Allowance(0)),
    ({"x-ratelimit-remaining": "many"}, Allowance()),
    ({"x-ratelimit-remaining": ""}, Allowance()),
    ({"x-ratelimit-remaining": "0.5"}, Allowance()),
    ({"x-ratelimit-remaining": "9" * 5000}, Allowance()),
    ({"x-ratelimit-remaining": "Sun, 01 Mar 2026 12:00:00 GMT"}, Allowance()),
    ({"x-ratelimit-remaining": "²"}, Allowance()),
    ({"x-ratelimit-limit": "0"}, Allowance()),
    ({"x-ratelimit-limit": "-40"}, Allowance()),
    ({"x-ratelimit-reset": "30"}, Allowance(reset=30.0)),
    ({"x-ratelimit-reset": "5, 30"}, Allowance(reset=30.0)),
    ({"x-ratelimit-reset": "-5"}, Allowance(reset=0.0)),
    ({"x-ratelimit-reset": "nan"}, Allowance()),
    ({"x-ratelimit-reset": "1e999"}, Allowance()),
    ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, Allowance(reset=45.0)),
    ({"x-ratelimit-reset": str((int(NOW.timestamp()) + 45) * 1000)}, Allowance(reset=45.0)),
    ({"x-ratelimit-reset": "2026-03-01T12:00:20+00:00"}, Allowance(reset=20.0)),
    ({"retry-after": "Sun, 01 Mar 2026 12:01:30 GMT"}, Allowance(retry_after=90.0)),
    ({"retry-after": "Sun, 01 Mar 2020 12:01:30 GMT"}, Allowance(retry_after=0.0)),
    ({"retry-after": "Sun, 99 Mar 2026 99:99:99 GMT"}, Allowance()),
    ({"retry-after": "7, 9"}, Allowance(retry_after=9.0)),
    ({"retry-after": "soon"}, Allowance()),
    ({"retry-after": "-1"}, Allowance(retry_after=0.0)),
    (
        {"ratelimit-remaining": "1", "ratelimit-reset": "2", "ratelimit-limit": "3"},
        Allowance(1, 3, None, 2.0),
    ),
]


@pytest.mark.parametrize(("headers", "expected"), HEADERS, ids=[str(h)[:60] for h, _ in HEADERS])
def test_headers(headers, expected):
    assert read_allowance(httpx.Headers(headers, encoding="latin-1"), NOW) == expected
    upper = httpx.Headers({name.upper(): value for name, value in headers.items()}, "latin-1")
    assert read_allowance(upper, NOW) == expected


def test_seconds_of_a_header():
    for nothing in ("", "soon", "nan", "inf", "-inf"):
        assert seconds_until(nothing, NOW) is None
    assert (seconds_until("2.5", NOW), seconds_until("-3", NOW)) == (2.5, 0.0)
    later = NOW + timedelta(seconds=90)
    for stated in (later.isoformat(), later.replace(tzinfo=None).isoformat(), format_datetime(later)):
        assert seconds_until(stated, NOW) == 90.0
    assert seconds_until((later - timedelta(days=1)).isoformat(), NOW) == 0.0


# Waiting ----------


def response(status=200, body=b"{}", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request("GET", "http://x/y")
    kind = {"Content-Type": "application/json"}
    return httpx.Response(status, content=body, headers={**kind, **headers}, request=request)


def client(folder, clock, monkeypatch, answers, **policy):
    waiting = iter(answers)
    monkeypatch.setattr(transport.httpx, "request", lambda *args, **options: next(waiting))
    return Transport(
        Cache(folder), policy=Policy(**policy), sleep=clock.sleep, clock=clock, say=clock.said.append
    )


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"x_ratelimit_remaining": "0", "x_ratelimit_policy": "40;w=30s"}, 30.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_policy": "40;w=600s"}, 600.0),
        ({"x_ratelimit_remaining": "0"}, 60.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "12"}, 12.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "0"}, 60.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "-7"}, 60.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9000"}, 120.0),
        ({"x_ratelimit_remaining": "-1"}, 60.0),
        ({"x_ratelimit_remaining": "1"}, None),
        ({"x_ratelimit_remaining": "none"}, None),
    ],
)
def test_waiting_when_none_are_left(tmp_path, clock, monkeypatch, headers, waited):
    one = client(tmp_path, clock, monkeypatch, [response(**headers), response()])
    one.get(Request("GET", "http://x/0"))
    one.get(Request("GET", "http://x/1"))
    assert clock.slept == ([] if waited is None else [waited])
    said = [] if waited is None else [f"x allows no more calls now: waiting {waited:.0f} s"]
    assert clock.said == said


def test_what_is_left_is_used_up_and_no_more(tmp_path, clock, monkeypatch):
    answers = [response(x_ratelimit_remaining="2", x_ratelimit_policy="40;w=60s"), *[response()] * 3]
    one = client(tmp_path, clock, monkeypatch, answers)
    for i in range(4):
        one.get(Request("GET", f"http://x/{i}"))
    assert clock.slept == [60.0]  # before the fourth


def test_a_stated_limit_below_ours_is_kept(tmp_path, clock, monkeypatch):
    answers = [response(x_ratelimit_limit="2", x_ratelimit_policy="2;w=20s")] * 5
    one = client(tmp_path, clock, monkeypatch, answers)
    for i in range(5):
        one.get(Request("GET", f"http://x/{i}"))
    assert clock.slept == [20.0, 20.0]
    assert clock.now == 1040.0


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({}, 61.0),
        ({"retry_after": "1"}, 61.0),
        ({"retry_after": "0"}, 61.0),
        ({"retry_after": "-9"}, 61.0),
        ({"retry_after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 61.0),
        ({"retry_after": "later"}, 61.0),
        ({"retry_after": "90"}, 90.0),
        ({"retry_after": "1, 90"}, 90.0),
        ({"retry_after": "86400"}, 120.0),
        ({"x_ratelimit_policy": "40;w=300s"}, 301.0),
        ({"x_ratelimit_policy": "40;w=10s", "retry_after": "3"}, 11.0),
        ({"x_ratelimit_reset": "100"}, 100.0),
    ],
)
def test_a_whole_window_is_outlasted_after_429(tmp_path, clock, monkeypatch, headers, waited):
    one = client(tmp_path, clock, monkeypatch, [response(429, b"", **headers), response()])
    assert one.get(Request("GET", "http://x/0"))[0] == {}
    assert clock.slept == [waited]
    assert clock.said == [f"HTTP 429: waiting {waited:.0f} s, then attempt 2 of 6"]


def test_429_for_ever_ends(tmp_path, clock, monkeypatch):
    one = client(tmp_path, clock, monkeypatch, [response(429, b"")] * 6)
    with pytest.raises(UnavailableError, match=r"after 6 attempts: HTTP 429 .*run again later to continue"):
        one.get(Request("GET", "http://x/0"))
    assert clock.slept == [61.0] * 5


def test_a_refusal_holds_for_everybody_who_asks_that_host(tmp_path, clock, monkeypatch):
    one = client(tmp_path, clock, monkeypatch, [response(429, b""), response(), response()], attempts=1)
    with pytest.raises(UnavailableError):
        one.get(Request("GET", "http://x/0"))
    one.get(Request("GET", "http://y/0"))
    assert clock.slept == []
    other = Transport(Cache(tmp_path), sleep=clock.sleep, clock=clock)
    other.get(Request("GET", "http://x/1"))
    assert clock.slept == [61.0]


def test_a_line_on_a_terminal_only(capsys, monkeypatch):
    transport.say_on_terminal("waiting")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(transport.sys.stderr, "isatty", lambda: True, raising=False)
    transport.say_on_terminal("waiting")
    assert capsys.readouterr() == ("", "waiting\n")
    monkeypatch.setattr(transport.sys, "stderr", None)
    transport.say_on_terminal("waiting")


def test_many_threads_keep_one_limit():
    """Of twenty threads that ask at the same moment, the eight that the window allows may send."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(20) as pool:
            for _ in range(50):
                pace, start = Pace(), threading.Barrier(20)

                def ask(_, pace=pace, start=start):
                    start.wait()
                    return [pace.try_to_send(1.0, 8, 10.0) for _ in range(5)]

                waits = [wait for own in pool.map(ask, range(20)) for wait in own]
                assert sorted(waits) == [0.0] * 8 + [10.0] * 92
    finally:
        sys.setswitchinterval(interval)


def test_calls_on_their_way_are_counted_against_what_is_left():
    pace = Pace()
    for _ in range(3):
        assert pace.try_to_send(0.0, 100, 60.0) == 0
    pace.finished()
    pace.note(Allowance(remaining=3), 1.0, 60.0, 120.0)  # two of the three left are on their way
    assert pace.try_to_send(2.0, 100, 60.0) == 0
    assert pace.try_to_send(2.0, 100, 60.0) == 59.0
    assert pace.try_to_send(61.0, 100, 60.0) == 0


class Recording(Pace):
    """A pace that remembers when it let a call go."""

    def __init__(self):
        super().__init__()
        self.times = []

    def try_to_send(self, now, calls, window):
        wait = super().try_to_send(now, calls, window)
        if not wait:
            self.times.append(now)
        return wait


def test_parallel_downloads_keep_the_limit(tmp_path, monkeypatch):
    pace = Recording()
    with running(FakeStatBank()) as bank:
        monkeypatch.setattr(transport, "_HOSTS", {f"127.0.0.1:{bank.port}": pace})

        def ask(i):
            one = Transport(Cache(tmp_path), policy=Policy(calls=6, window=0.5))
            return one.get(Request("GET", f"{bank.url}/config?{i}"))[0]

        with ThreadPoolExecutor(8) as pool:
            assert len(list(pool.map(ask, range(14)))) == 14
        assert len(bank.log) == 14
    times = sorted(pace.times)
    assert all(times[i + 6] - times[i] >= 0.499 for i in range(8))


def test_what_is_right_needs_no_second_request(bank, tmp_path, clock):
    for i, case in enumerate(RIGHT):
        bank.faults, asked = [case.fault], len(bank.log)
        assert fetch(bank, tmp_path / str(i))["value"].tolist() == RIGHT_VALUES
        assert (len(bank.log) - asked, bank.faults) == (3, [])


def test_offline_without_anything(tmp_path, clock):
    with pytest.raises(DataMissingError, match="offline, and never fetched before"):
        statbank.fetch("12362", FOUR, base_url="http://x", cache=tmp_path, offline=True)


def test_metadata_faults_of_the_older_interface(tmp_path, clock):
    api = statbank._Api("v0", "http://x")
    for document in ([], {}, None, {"variables": None}, {"variables": [{}]}, {"variables": [7]}):
        with pytest.raises(SourceError, match="metadata are not as documented"):
            api.read_metadata(document)
    assert Fault().on == "data"
