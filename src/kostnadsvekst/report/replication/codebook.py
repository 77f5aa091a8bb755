"""What every column of every CSV file means: label, meaning, unit, type and signs of a missing value.

One schema for all files, ``data/parameters/codebook.csv``: a line describes a column of one or more outputs,
or, for ``*``, of all. Names in braces stand for what varies: ``{year}``, ``{service}``, ``{age}`` and so on.
The municipal panel is described by `kostnadsvekst.panel.schema`.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pandas as pd

from kostnadsvekst.language import LANGUAGES, Bilingual, both
from kostnadsvekst.panel import schema as panel_schema
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICES
from kostnadsvekst.report.replication.listing import Made, stem_of
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.synthetic.acute_beds import CELLS

FILE = "codebook.csv"
EVERYWHERE = "*"
# Data that are read; the first is described by its own schema.
DATA_SETS = {
    "panel": Bilingual("kommunepanelet (--data)", "municipal panel (--data)"),
    "months": Bilingual("månedspanelet (--data)", "monthly panel (--data)"),
    "episodes": Bilingual("episoder (--register)", "care episodes (--register)"),
}
# What a name in braces may stand for.
_STANDS_FOR = {
    "year": r"\d{4}",
    "number": r"\d+",
    "month": r"[A-Za-z]+\.?",
    "service": "|".join(SERVICES),
    "age": "|".join(re.escape(group) for group in (*AGE_GROUPS, "all")),
}
_BRACES = re.compile(r"\{(\w+)\}")
COLUMNS = (
    "file",
    "column_nb",
    "column_en",
    "label_nb",
    "label_en",
    "meaning_nb",
    "meaning_en",
    "unit_nb",
    "unit_en",
    "type",
    "missing",
    "data_origin",
)
_NOT_DESCRIBED = Bilingual(
    "ikke beskrevet: ikke en kolonne i rapporten", "not described: no column of the report"
)


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """What a column holds.

    Attributes
    ----------
    outputs : tuple of str
        Paths without language and ending, a key of `DATA_SETS`, or `EVERYWHERE`.
    column : Bilingual
        Its name in the Norwegian and in the English file, with braces for what varies; the same where one
        file has both languages.
    label, meaning, unit : Bilingual
    kind : {"number", "integer", "text", "date", "month", "boolean", "printed"}
        ``printed``: a number as a reader sees it, with stars, parentheses and grouped thousands.
    missing : tuple of str
        Signs of a missing value; ``empty`` is the empty cell.
    """

    outputs: tuple[str, ...]
    column: Bilingual
    label: Bilingual
    meaning: Bilingual
    unit: Bilingual
    kind: str
    missing: tuple[str, ...]


@cache
def read_codebook() -> tuple[ColumnDescription, ...]:
    """Read the schema of all columns, in the order of its file."""
    units = _read("codebook_units.csv").set_index("unit")
    known = {str(u.Index): Bilingual(str(u.unit_nb), str(u.unit_en)) for u in units.itertuples()}
    return tuple(
        ColumnDescription(
            tuple(row["outputs"].split()),
            Bilingual(row["column_nb"], row["column_en"]),
            Bilingual(row["label_nb"] or row["column_nb"], row["label_en"] or row["column_en"]),
            Bilingual(row["meaning_nb"], row["meaning_en"]),
            known[row["unit"]] if row["unit"] else both(""),
            row["type"],
            tuple(row["missing"].split()),
        )
        for row in _read("codebook.csv").to_dict("records")
    )


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(embedded_path(f"parameters/{name}"), dtype=str, keep_default_na=False)


def describe_column(path: str, name: str) -> ColumnDescription | None:
    """Find what a column of a file holds; a line for the file goes before one for all.

    Parameters
    ----------
    path : str
        Of a CSV file below the results folder.
    name : str
        As in its header.

    Returns
    -------
    ColumnDescription or None
        With its braces filled in; None if it is described nowhere.
    """
    found = find_description(path, name)
    return None if found is None else _filled(found, name, language_of(path))


def find_description(path: str, name: str) -> ColumnDescription | None:
    """Find the line of the schema for a column, its braces as they are; arguments as `describe_column`."""
    lang = language_of(path)
    places = (stem_of(path), EVERYWHERE)
    lines = [line for place in places for line in read_codebook() if place in line.outputs]
    return next((line for line in lines if _pattern(line.column.get(lang)).fullmatch(name)), None)


def language_of(path: str) -> str:
    """Language of a file's headings; English where one file has both."""
    return next((lang for lang in LANGUAGES if path.endswith(f"_{lang}.csv")), "en")


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = _BRACES.split(template)
    texts = (re.escape(part) if k % 2 == 0 else f"({_STANDS_FOR[part]})" for k, part in enumerate(parts))
    return re.compile("".join(texts))


def _filled(line: ColumnDescription, name: str, lang: str) -> ColumnDescription:
    """Put what a name in braces stands for into the label; the column is called as in the file."""
    template = line.column.get(lang)
    values = _pattern(template).fullmatch(name)
    assert values is not None
    told = dict(zip(_BRACES.findall(template), values.groups(), strict=True))
    if {"service", "age"} <= told.keys():
        age = _age(told["age"])
        service = SERVICES[told["service"]]
        label = Bilingual(
            line.label.nb.format(service=service["nb"], age=age.nb),
            line.label.en.format(service=service["en"], age=age.en),
        )
    elif told:
        label = both(name)
    else:
        return line
    return ColumnDescription(
        line.outputs, both(name), label, line.meaning, line.unit, line.kind, line.missing
    )


def _age(group: str) -> Bilingual:
    if group == "all":
        return Bilingual("alle aldre", "all ages")
    years = group.replace("-", "–")
    return Bilingual(f"{years} år", f"{years} years")


def read_header(path: str, content: str | bytes) -> list[str]:
    """Names of the columns of a CSV file of ours: cut at semicolons in Norwegian, at commas in English.

    Parameters
    ----------
    path : str
    content : str or bytes
    """
    text = content if isinstance(content, str) else content.decode("utf-8")
    return next(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter_of(path)), [])


def delimiter_of(path: str) -> str:
    """Sign between the cells of a CSV file of ours."""
    return ";" if path.endswith("_nb.csv") else ","


def codebook_frame(made: Mapping[str, Made]) -> pd.DataFrame:
    """Codebook of the CSV files of chapters, and of the data that are read.

    Parameters
    ----------
    made : mapping of str to Made
        Chapter -> its files.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row for each column; the Norwegian and the English file of a table share their rows. A
        column that the schema does not know has its own name as its label, and says so.
    """
    rows = [*_of_files({}, {"codebook.csv": ",".join(COLUMNS)})]
    rows += [row for one in made.values() for row in _of_files(_origins(one), _csv_files(one))]
    return pd.DataFrame([*_of_data_sets(), *rows], columns=list(COLUMNS))


def _csv_files(made: Made) -> dict[str, str | bytes]:
    return {path: made.files[path] for path in sorted(made.files) if path.endswith(".csv")}


def _origins(made: Made) -> dict[str, str]:
    return dict.fromkeys(made.files, "; ".join(made.data_origin))


def _of_files(origins: Mapping[str, str], files: Mapping[str, str | bytes]) -> Iterator[tuple[str, ...]]:
    by_stem: dict[str, dict[str, str | bytes]] = {}
    for path, content in files.items():
        by_stem.setdefault(stem_of(path), {})[path] = content
    for paths in by_stem.values():
        # The English file, or the only one, decides; the other has the same columns in its own words.
        main = next((path for path in paths if language_of(path) == "en"), next(iter(paths)))
        headers = {path: read_header(path, content) for path, content in paths.items()}
        for place, name in enumerate(headers[main]):
            names = {language_of(path): header[place : place + 1] for path, header in headers.items()}
            yield _row(" ".join(paths), main, name, names, origins.get(main, ""))


def _row(file: str, main: str, name: str, names: Mapping[str, Sequence[str]], origin: str) -> tuple[str, ...]:
    one_file = len(names) == 1 and not re.search(r"_(?:nb|en)\.csv$", main)
    nb, en = (next(iter(names.get(lang, [])), name if one_file else "") for lang in LANGUAGES)
    found = describe_column(main, name)
    if found is None:
        meaning, label, unit, kind, missing = _NOT_DESCRIBED, both(name), both(""), "text", "empty"
    else:
        meaning, unit, kind, missing = found.meaning, found.unit, found.kind, " ".join(found.missing)
        label = found.label if one_file else Bilingual(nb or found.label.nb, en or found.label.en)
    return (file, nb, en, *label, *meaning, *unit, kind, missing, origin)


def _of_data_sets() -> Iterator[tuple[str, ...]]:
    """Describe the data that are read; their origin is that of the run's files, which name it."""
    kinds = {"text": "text", "integer": "integer", "number": "number"}
    for column in panel_schema.COLUMNS.values():
        source = f"; {column.source}" if column.source else ""
        meaning = (column.label.nb, f"{column.label.en}{source}")
        name = (column.name, column.name)
        yield (
            DATA_SETS["panel"].en,
            *name,
            *column.label,
            *meaning,
            *column.unit,
            kinds[column.dtype],
            "",
            "",
        )
    for key in ("months", "episodes"):
        for line in read_codebook():
            if key in line.outputs:
                yield from _of_data_set(DATA_SETS[key].en, line)


def _of_data_set(name: str, line: ColumnDescription) -> Iterator[tuple[str, ...]]:
    """Describe a column of data that are read, and each of the counts that one line stands for."""
    counted = "{contact}" in line.column.en
    for column in CELLS if counted else (line.column.en,):
        label = both(column) if counted else line.label
        told = (column, column, *label, *line.meaning, *line.unit)
        yield (name, *told, line.kind, " ".join(line.missing), "")
