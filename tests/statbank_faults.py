"""Everything that a StatBank has been seen or feared to answer, one value each, and what comes of it.

`RETRIED`: asked again until right. `REFUSED`: our error, with these words, after one request and with nothing
kept. The faults are served by `fake_statbank.FakeStatBank`.
"""

import gzip
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from fake_statbank import Fault

RETRIED, REFUSED = "asked again", "refused"


class Case(NamedTuple):
    what: str
    fault: Fault
    outcome: str
    words: str = ""


def answer(body: bytes, **options: Any) -> Fault:
    return Fault(status=200, body=body, **options)


def changed(on: str = "data", **changes: Any) -> Fault:
    """The right document with other values of some keys; a callable makes the new value of the old."""

    def alter(document: dict) -> dict:
        return document | {k: v(document[k]) if callable(v) else v for k, v in changes.items()}

    return Fault(on=on, alter=alter)


def in_first_dimension(**changes: Any) -> Fault:
    def alter(document: dict) -> dict:
        document["dimension"][document["id"][0]] |= changes
        return document

    return Fault(alter=alter)


def without(key: str) -> Fault:
    return Fault(alter=lambda document: {k: v for k, v in document.items() if k != key})


def first(value: Any) -> Callable[[list], list]:
    return lambda values: [value, *values[1:]]


DEEP = b'{"class": ' * 100_000
PROBLEM = b'{"type": "Parameter error", "title": "%s", "status": %d}'
WHOLE = json.dumps({"class": "dataset"}).encode()
GZIP = {"Content-Encoding": "gzip"}

PASSING = [
    Case("429 with nothing in it", Fault(429), RETRIED),
    Case("429 that names less than a window", Fault(429, headers={"Retry-After": "1"}), RETRIED),
    Case("429 with a negative wait", Fault(429, headers={"Retry-After": "-5"}), RETRIED),
    Case(
        "429 with a date long past",
        Fault(429, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
        RETRIED,
    ),
    Case("429 with nonsense", Fault(429, headers={"Retry-After": "soon, later"}), RETRIED),
    Case("403 that says too many requests", Fault(403, PROBLEM % (b"Too many requests", 403)), RETRIED),
    Case("500", Fault(500, b"<h1>Server error</h1>", "text/html"), RETRIED),
    Case("502 of a proxy", Fault(502, b"Bad gateway", "text/plain"), RETRIED),
    Case("503 while tables are updated", Fault(503, headers={"Retry-After": "3"}), RETRIED),
    Case("504", Fault(504), RETRIED),
    Case("a body that ends too soon", answer(WHOLE * 10, cut_to=20), RETRIED),
    Case("JSON that is cut off", answer(WHOLE[:-1]), RETRIED),
    Case("nothing at all", answer(b""), RETRIED),
    Case("gzip that is cut off", answer(gzip.compress(WHOLE * 50)[:20], headers=GZIP), RETRIED),
    Case("gzip that is none", answer(WHOLE, headers=GZIP), RETRIED),
]

REFUSALS = [
    Case(
        "an unknown table",
        Fault(400, PROBLEM % (b"Non-existent table", 404)),
        REFUSED,
        r"HTTP 400: Non-existent table \(status 404 in the body\); asked: GET http",
    ),
    Case(
        "an unknown code", Fault(400, PROBLEM % (b"Non-existent value", 400)), REFUSED, "Non-existent value"
    ),
    Case(
        "a dimension left out",
        Fault(400, PROBLEM % (b"Missing selection for mandantory variable", 400)),
        REFUSED,
        "Missing selection",
    ),
    Case(
        "a body of a refusal that is a list",
        Fault(400, b'["Non-existent value"]'),
        REFUSED,
        "HTTP 400; asked",
    ),
    Case("a deep body of a refusal", Fault(400, DEEP), REFUSED, "HTTP 400; asked"),
    Case(
        "words of another shape",
        Fault(400, b'{"title": {"no": "Feil"}, "status": [1]}'),
        REFUSED,
        r"HTTP 400: \(status \[1\] in the body\); asked",
    ),
    Case(
        "a refusal in plain text",
        Fault(400, b"Ugyldig  kode", "text/plain"),
        REFUSED,
        "HTTP 400: Ugyldig kode; asked",
    ),
    Case("401", Fault(401, b'{"message": "Log in"}'), REFUSED, "HTTP 401: Log in"),
    Case("451", Fault(451), REFUSED, "HTTP 451; asked"),
    Case("200 with nothing to say", Fault(204), REFUSED, "HTTP 204"),
    Case(
        "a login page",
        answer(b"<html>log in</html>", content_type="text/html"),
        REFUSED,
        "got text/html with a web page: a proxy or a login page",
    ),
    Case(
        "a web page that is called JSON",
        answer(b"\n <!DOCTYPE html>"),
        REFUSED,
        "got application/json with a web page",
    ),
    Case("CSV", answer(b"a;b\n1;2", content_type="text/csv"), REFUSED, "expected JSON .* got text/csv"),
]

DOCUMENTS = [
    Case("a deep answer", answer(DEEP), REFUSED, "nested too deeply"),
    Case("a deep list", answer(b"[" * 100_000), REFUSED, "nested too deeply"),
    Case("Latin-1", answer('{"label": "Ås"}'.encode("latin-1")), REFUSED, "not UTF-8 .*byte 0xc5 at 11"),
    Case("a list", answer(b"[]"), REFUSED, "not a json-stat2 dataset"),
    Case("null", answer(b"null"), REFUSED, "not a json-stat2 dataset"),
    Case("a number", answer(b"7"), REFUSED, "not a json-stat2 dataset"),
    Case("a text", answer(b'"dataset"'), REFUSED, "not a json-stat2 dataset"),
    Case("an error in an answer", answer(PROBLEM % (b"Odd", 500)), REFUSED, "not a json-stat2 dataset"),
    Case("no values", without("value"), REFUSED, "lacks value"),
    Case("no dimensions", without("dimension"), REFUSED, "lacks dimension"),
    Case("values null", changed(value=None), REFUSED, "value is None, not a list or an object"),
    Case("values text", changed(value="1 2 3"), REFUSED, "value is '1 2 3', not a list"),
    Case("a value that is text", changed(value=first("12")), REFUSED, "cell 0 holds '12', not a number"),
    Case("a value that is true", changed(value=first(True)), REFUSED, "cell 0 holds True, not a number"),
    Case("a value that is a list", changed(value=first([1])), REFUSED, "cell 0 holds a list, not a number"),
    Case("NaN", changed(value=first(float("nan"))), REFUSED, "cell 0 holds nan, not a number"),
    Case("Infinity", changed(value=first(float("inf"))), REFUSED, "cell 0 holds inf, not a number"),
    Case("a number without end", changed(value=first(10**400)), REFUSED, "whole number of over 30 digits"),
    Case("a number that a float rounds", changed(value=first(2**53 + 1)), REFUSED, "holds 9007199254740993"),
    Case("too few values", changed(value=lambda v: v[:-1]), REFUSED, "3 values for 4 cells"),
    Case("too many values", changed(value=lambda v: [*v, 1]), REFUSED, "5 values for 4 cells"),
    Case(
        "a cell beyond the last", changed(value={"4": 1}), REFUSED, "value at cell 4, but there are 4 cells"
    ),
    Case("a cell that is no number", changed(value={"first": 1}), REFUSED, "value at cell first"),
    Case("a cell written another way", changed(value={"01": 1}), REFUSED, "value at cell 01"),
    Case("status beyond the last cell", changed(status={"9": "."}), REFUSED, r"status '\.' at cell 9"),
    Case("status of no cell", changed(status={"": "."}), REFUSED, r"status '\.' at cell "),
    Case("more statuses than cells", changed(status=["."] * 5), REFUSED, "5 statuses for 4 cells"),
    Case("status that is a number", changed(status=[1, None]), REFUSED, "status 1 at cell 0 is no text"),
    Case("status of another shape", changed(status=7), REFUSED, "status is 7, not a list or an object"),
    Case("sizes null", changed(size=None), REFUSED, "size is None, not a list"),
    Case("sizes as text", changed(size=["1", "2", "1", "1", "2"]), REFUSED, "size '1' is not a whole number"),
    Case("a size without end", changed(size=first(10**30)), REFUSED, "has 1 codes but size 1000000"),
    Case("a size below zero", changed(size=first(-1)), REFUSED, "has 1 codes but size -1"),
    Case("dimensions that are a list", changed(dimension=[]), REFUSED, "has no list of dimensions"),
    Case("names that are an object", changed(id={}), REFUSED, "has no list of dimensions"),
    Case("names that are numbers", changed(id=[1, 2]), REFUSED, "dimensions that are no text"),
    Case("a name twice", changed(id=lambda names: names[:1] * 2 + names[2:]), REFUSED, "is listed 2 times"),
    Case(
        "a name of a column",
        Fault(alter=lambda d: json.loads(json.dumps(d).replace("Tid", "value"))),
        REFUSED,
        "a dimension is called 'value', as a column is",
    ),
    Case("a dimension that is null", changed(dimension=dict.fromkeys), REFUSED, "described by None"),
    Case(
        "a category that is a list", in_first_dimension(category=["0301"]), REFUSED, "a list for its category"
    ),
    Case(
        "an index that is text",
        in_first_dimension(category={"index": "0301"}),
        REFUSED,
        "'0301' for its index",
    ),
    Case(
        "codes that are lists",
        in_first_dimension(category={"index": [["0301"]]}),
        REFUSED,
        "has the code a list",
    ),
    Case(
        "a code twice", in_first_dimension(category={"index": ["0301", "0301"]}), REFUSED, "same code twice"
    ),
    Case(
        "a code that was not asked for",
        in_first_dimension(category={"index": ["1101"]}),
        REFUSED,
        "other codes of 'KOKkommuneregion0000' than asked for: 0301, 1101",
    ),
    Case(
        "labels that are a list",
        in_first_dimension(category={"index": ["0301"], "label": ["Oslo"]}),
        REFUSED,
        "a list for its label",
    ),
    Case(
        "units that are text",
        in_first_dimension(category={"index": ["0301"], "unit": "kr"}),
        REFUSED,
        "'kr' for its unit",
    ),
]

METADATA = [
    Case(
        "metadata that are a list",
        Fault(200, b"[]", on="metadata"),
        REFUSED,
        "metadata are not as documented",
    ),
    Case(
        "metadata that are null",
        Fault(200, b"null", on="metadata"),
        REFUSED,
        "metadata are not as documented",
    ),
    Case("deep metadata", Fault(200, DEEP, on="metadata"), REFUSED, "nested too deeply"),
    Case(
        "metadata without dimensions", changed("metadata", dimension=None), REFUSED, "no list of dimensions"
    ),
    Case("metadata of one dimension", changed("metadata", dimension={}), REFUSED, "listed but not described"),
    Case(
        "metadata with an odd extension",
        Fault(
            on="metadata",
            alter=lambda d: (
                d | {"dimension": {name: of | {"extension": 7} for name, of in d["dimension"].items()}}
            ),
        ),
        REFUSED,
        "not as documented",
    ),
    Case("metadata cut off", Fault(200, b'{"id": [', on="metadata"), RETRIED),
    Case(
        "metadata of a table that is gone",
        Fault(400, PROBLEM % (b"Non-existent table", 404), on="metadata"),
        REFUSED,
        "Non-existent table",
    ),
    Case("a configuration that is a list", Fault(200, b"[1]", on="config"), REFUSED, "is no JSON object"),
    Case("a deep configuration", Fault(200, DEEP, on="config"), REFUSED, "nested too deeply"),
]

# What is another way to write the right answer, and is read.
RIGHT = [
    Case("values by cell", changed(value=lambda v: {str(i): x for i, x in enumerate(v)}), RETRIED),
    Case("statuses by position", changed(status=["", None, ""]), RETRIED),
    Case("status null", changed(status=None), RETRIED),
    Case("labels null", changed(label=None, source=7, updated="2021-06-13T22:00:00Z"), RETRIED),
    Case("a byte order mark", Fault(alter=lambda d: b"\xef\xbb\xbf" + json.dumps(d).encode()), RETRIED),
    Case("UTF-16", Fault(alter=lambda d: json.dumps(d).encode("utf-16")), RETRIED),
    Case("numbers with a point", changed(value=lambda v: [float(x) for x in v]), RETRIED),
    Case(
        "a configuration of text",
        Fault(200, b'{"maxDataCells": "many", "timeWindow": {}}', on="config"),
        RETRIED,
    ),
    Case(
        "a configuration without sense",
        Fault(200, b'{"maxDataCells": -3, "maxCallsPerTimeWindow": 1e300, "timeWindow": 1e300}', on="config"),
        RETRIED,
    ),
    Case("no configuration", Fault(404, on="config"), RETRIED),
]

CASES = [*PASSING, *REFUSALS, *DOCUMENTS, *METADATA, *RIGHT]
