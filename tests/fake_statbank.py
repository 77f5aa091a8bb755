"""A StatBank on the loopback address that refuses, limits and fails in the ways recorded of the real one."""

import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REGIONS = ["EAK", "0301", "1101", "1103", "1106", "3001", "EKG16"]
FUNCTIONS = ["232", "233", "253", "254", "255", "FGK9"]
YEARS = ["2015", "2016", "2017"]
DIMENSIONS = {
    "KOKkommuneregion0000": REGIONS,
    "KOKfunksjon0000": FUNCTIONS,
    "KOKart0000": ["AGD2", "AGD10"],
    "ContentsCode": ["KOSbelop0000"],
    "Tid": YEARS,
}


def cell_value(region: str, function: str, year: str) -> int | None:
    """A value known from its address, so that a misplaced cell shows."""
    if function == "255" and year != "2015":
        return None
    if region == "3001":
        return None
    return 10_000 * REGIONS.index(region) + 100 * FUNCTIONS.index(function) + int(year) - 2000


def cell_status(region: str, function: str, year: str) -> str:
    if region == "3001":
        return "."
    return ".." if function == "255" and year != "2015" else ""


def _own_cell(address: dict[str, str]) -> tuple[float | None, str]:
    place = (address["KOKkommuneregion0000"], address["KOKfunksjon0000"], address["Tid"])
    return cell_value(*place), cell_status(*place)


@dataclass
class Table:
    """What a table has: codes by dimension, and the value and status of each cell."""

    dimensions: dict[str, list[str]]
    cell: Callable[[dict[str, str]], tuple[float | None, str]]
    eliminable: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What the next request gets instead of the right answer."""

    status: int = 503
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut_to: int | None = None
    delay: float = 0.0
    # Of what kind the request is: data, metadata, config or klass.
    on: str = "data"
    # Makes another document of the right one; takes the place of status and body.
    alter: Callable[[Any], Any] | None = None


@dataclass
class FakeStatBank:
    max_cells: int = 800_000
    calls: int = 0
    window: int = 0
    updated: str = "2021-06-13T22:00:00Z"
    faults: list[Fault | None] = field(default_factory=list)  # None: answered as usual
    v2_down: bool = False
    remaining: str | None = None
    refuse_above: int | None = None
    # Status and body of the refusal of too many cells.
    refusal: tuple[int, bytes] = (
        403,
        b'{"type": "Parameter error", "title": "Too many cells selected", "status": 403}',
    )
    headers: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    port: int = 0
    tables: dict[str, Table] = field(
        default_factory=lambda: {"12362": Table(DIMENSIONS, _own_cell, ("KOKart0000",))}
    )
    klass: dict[str, object] = field(default_factory=dict)

    @property
    def url_klass(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/klass/v1"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/pxwebapi/v2"

    @property
    def url_v0(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v0/no"

    @property
    def data_requests(self) -> list[tuple[str, str]]:
        return [entry for entry in self.log if "/data" in entry[1] or entry[0] == "POST"]


def describe(table: Table, dimensions: dict[str, list[str]]) -> dict:
    out = {}
    for name, codes in dimensions.items():
        labels = {c: table.labels.get(c, f"label of {c}") for c in codes}
        category = {"index": {c: i for i, c in enumerate(codes)}, "label": labels}
        if name == "ContentsCode":
            category["unit"] = {c: {"base": "1000 kr", "decimals": 0} for c in codes}
        out[name] = {
            "label": name,
            "category": category,
            "extension": {"elimination": name in table.eliminable},
        }
    return out


def dataset(table: Table, dimensions: dict[str, list[str]], updated: str, *, values: bool = True) -> dict:
    addresses = list(itertools.product(*dimensions.values())) if values else []
    cells = [table.cell(dict(zip(dimensions, address, strict=True))) for address in addresses]
    status = {str(i): symbol for i, (_, symbol) in enumerate(cells) if symbol}
    return {
        "version": "2.0",
        "class": "dataset",
        "label": "12362: fake",
        "source": "Statistisk sentralbyrå",
        "updated": updated,
        "id": list(dimensions),
        "size": [len(c) for c in dimensions.values()],
        "dimension": describe(table, dimensions),
        "value": [value for value, _ in cells],
        **({"status": status} if status else {}),
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bank: FakeStatBank
    _alter: Callable[[Any], Any] | None = None

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_POST(self) -> None:
        self._answer("POST", self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, method: str, body: bytes) -> None:
        bank, parts = self.bank, urlsplit(self.path)
        bank.log.append((method, self.path))
        bank.times.append(time.monotonic())
        if len(self.path) > 2_100:
            self._send(404, b"<!DOCTYPE html><title>404</title>", "text/html")
        elif parts.path.startswith("/api/v0/"):
            self._answer_v0(method, parts.path, body)
        elif bank.v2_down:
            self._send(503, b"", "text/plain")
        elif (fault := self._next_fault(parts.path)) and not fault.alter:
            self._send_fault(fault)
        elif parts.path.endswith("/config"):
            config = {
                "maxDataCells": bank.max_cells,
                "maxCallsPerTimeWindow": bank.calls,
                "timeWindow": bank.window,
            }
            self._json(config)
        elif parts.path.startswith("/api/klass/"):
            self._answer_klass(parts.path.removeprefix("/api/klass/v1/"))
        elif parts.path.split("/")[-2] not in bank.tables:
            self._problem("Non-existent table", 404)
        elif parts.path.endswith("/metadata"):
            table = bank.tables[parts.path.split("/")[-2]]
            self._json(dataset(table, table.dimensions, bank.updated, values=False))
        else:
            selection = self._read_selection(method, parts.query, body)
            self._answer_data(bank.tables[parts.path.split("/")[-2]], selection)

    def _next_fault(self, path: str) -> Fault | None:
        """Fault that is due for this kind of request; one that alters waits for the document."""
        kinds = {"config": "/config", "metadata": "/metadata", "data": "/data", "klass": "/api/klass/"}
        kind = next((kind for kind, sign in kinds.items() if sign in path), "")
        faults = self.bank.faults
        if not faults or (faults[0].on if faults[0] else "data") != kind:
            return None
        fault = faults.pop(0)
        self._alter = fault.alter if fault else None
        return fault

    def _answer_klass(self, path: str) -> None:
        if path not in self.bank.klass:
            return self._send(404, b"", "application/json")
        return self._json(self.bank.klass[path])

    def _read_selection(self, method: str, query: str, body: bytes) -> dict[str, list[str]]:
        if method == "POST":
            return {s["variableCode"]: s["valueCodes"] for s in json.loads(body)["selection"]}
        asked = parse_qs(query)
        return {k[11:-1]: v[0].split(",") for k, v in asked.items() if k.startswith("valueCodes[")}

    def _answer_data(self, table: Table, selection: dict[str, list[str]]) -> None:
        bank = self.bank
        has = table.dimensions
        if set(selection) - set(has) or any(set(v) - set(has[k]) for k, v in selection.items()):
            return self._problem("Non-existent value", 400)
        if set(has) - set(selection) - set(table.eliminable):
            return self._problem("Missing selection for mandantory variable", 400)
        if math.prod(len(v) for v in selection.values()) > (bank.refuse_above or bank.max_cells):
            return self._send(bank.refusal[0], bank.refusal[1], "application/problem+json")
        chosen = {k: sorted(selection[k], key=has[k].index) for k in has if k in selection}
        return self._json(dataset(table, chosen, bank.updated))

    def _answer_v0(self, method: str, path: str, body: bytes) -> None:
        table = self.bank.tables.get(path.rsplit("/", maxsplit=1)[-1])
        if table is None:
            return self._send(404, b"<html>404</html>", "text/html")
        if method == "GET":
            variables = [
                {"code": k, "text": k, "values": v, "valueTexts": v, "elimination": k in table.eliminable}
                for k, v in table.dimensions.items()
            ]
            return self._json({"title": "12362", "variables": variables})
        query = {q["code"]: q["selection"]["values"] for q in json.loads(body)["query"]}
        chosen = {k: query[k] for k in table.dimensions if k in query}
        return self._json(dataset(table, chosen, self.bank.updated))

    def _send_fault(self, fault: Fault) -> None:
        time.sleep(fault.delay)
        self._send(fault.status, fault.body, fault.content_type, fault.headers, cut_to=fault.cut_to)

    def _problem(self, title: str, status: int, http: int = 400) -> None:
        body = json.dumps({"type": "Parameter error", "title": title, "status": status}).encode()
        self._send(http, body, "application/problem+json")

    def _json(self, document: object) -> None:
        if self._alter:
            document, self._alter = self._alter(json.loads(json.dumps(document))), None
        extra = (
            {}
            if self.bank.remaining is None
            else {
                "X-Rate-Limit-Remaining": self.bank.remaining,
                "X-Rate-Limit-Reset": "0.7",
            }
        )
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self._send(200, body, "application/json; charset=utf-8", {**extra, **self.bank.headers})

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str,
        headers: dict[str, str] | None = None,
        cut_to: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut_to is None else body[:cut_to])
        if cut_to is not None:
            self.close_connection = True


@contextmanager
def running(bank: FakeStatBank) -> Iterator[FakeStatBank]:
    handler = type("Handler", (_Handler,), {"bank": bank})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    bank.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield bank
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
