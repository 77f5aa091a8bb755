"""The paper in both languages, from what the other chapters made: no number in it is typed."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from kostnadsvekst.chapters import ChapterResult, Settings, finish_used
from kostnadsvekst.chapters.page_tables import printed_tables
from kostnadsvekst.language import LANGUAGES, Bilingual
from kostnadsvekst.report.named_numbers import NamedNumber, look_up
from kostnadsvekst.report.page import PrintedCell, PrintedTable
from kostnadsvekst.report.page.markup import audited
from kostnadsvekst.report.paper import compile_paper, read_markdown_table
from kostnadsvekst.sources.embedded import paper_folder
from kostnadsvekst.version import __version__

_TABLE = re.compile(r'#printed\(\s*"([\w/-]+)"')
# Its sentences are about the report's numbers and the synthetic data.
_NOT_MADE = Bilingual(
    "Artikkelen lages ikke av egne data: den handler om rapportens tall.",
    "The paper is not made from data of your own: it is about the report's numbers.",
)
_ORIGINAL = re.compile(r'#original\(\s*"(\w+)"')
_PICTURE = re.compile(r'#picture\(\s*"([\w/-]+)"')


def run(settings: Settings, finished: Mapping[str, ChapterResult] = MappingProxyType({})) -> ChapterResult:
    """Typeset the paper.

    Parameters
    ----------
    settings : Settings
    finished : mapping of str to ChapterResult
        Chapters of this run; those among `Chapter.uses` that are not there are computed.

    Returns
    -------
    ChapterResult
        ``paper/paper_nb.pdf`` and ``paper/paper_en.pdf``, and the numbers in their text with their names;
        with data of the user's own nothing but the reason.
    """
    if settings.own_data:
        return ChapterResult({}, summary=(_NOT_MADE,), data_origin=())
    chapters = finish_used("paper", settings, finished)
    results = {path: content for result in chapters.values() for path, content in result.files.items()}
    numbers = look_up(read_names(), results)
    made = {
        "numbers": numbers,
        "originals": {
            t.key: {lang: _original(t, lang) for lang in LANGUAGES} for t in printed_tables(chapters)
        },
        "sentences": {name: _sentences(result) for name, result in chapters.items()},
        "tables": {name: _table(name, results, settings.languages) for name in _asked(_TABLE)},
    }
    told_by = {"made_by": f"kostnadsvekst {__version__}", "numbers": numbers}
    files: dict[str, str | bytes] = {
        "paper/numbers.json": json.dumps(told_by, ensure_ascii=False, indent=1) + "\n"
    }
    for lang in settings.languages:
        pictures = {f"{name}_{lang}.png": results[f"{name}_{lang}.png"] for name in _asked(_PICTURE)}
        files[f"paper/paper_{lang}.pdf"] = compile_paper(made, pictures, lang)
    told = Bilingual(
        f"{len(numbers)} tall i teksten, alle slått opp i resultatene etter navn",
        f"{len(numbers)} numbers in the text, all looked up in the results by name",
    )
    origins = dict.fromkeys(origin for result in chapters.values() for origin in result.data_origin)
    return ChapterResult(files, summary=(told,), data_origin=tuple(origins))


def read_names() -> dict[str, NamedNumber]:
    """Names of the numbers in the text, and where each stands: ``paper/numbers.toml``."""
    named = tomllib.loads((paper_folder() / "numbers.toml").read_text("utf-8"))
    return {name: NamedNumber(**place) for name, place in named.items()}


def _asked(call: re.Pattern[str]) -> list[str]:
    """Names that the sources ask for, each once."""
    sources = sorted((paper_folder() / "sections").glob("*.typ"))
    names = [name for path in sources for name in call.findall(path.read_text("utf-8"))]
    return list(dict.fromkeys(names))


def _table(name: str, results: Mapping[str, str | bytes], languages: Sequence[str]) -> dict[str, Any]:
    return {lang: read_markdown_table(str(results[f"{name}_{lang}.md"])) for lang in languages}


def _originals(chapters: Mapping[str, ChapterResult]) -> dict[str, dict[str, Any]]:
    """Tables as printed that the sources ask for."""
    asked = _asked(_ORIGINAL)
    tables = [table for table in printed_tables(chapters) if table.key in asked]
    return {table.key: {lang: _original(table, lang) for lang in LANGUAGES} for table in tables}


def _original(table: PrintedTable, lang: str) -> dict[str, Any]:
    """Table as printed, its numbers with the keys that the report page has for them."""
    groups = [title.get(lang) for title, width in table.groups for _ in range(width)]
    names = [column.get(lang) for column in table.columns]
    columns = [f"{group} {name}" for group, name in zip(groups, names, strict=True)] if groups else names
    rows = [
        {"label": row.label.get(lang), "cells": [_printed_cell(cell, lang) for cell in row.cells]}
        for row in table.rows
    ]
    return {"columns": columns, "rows": rows, "note": table.note.get(lang)}


def _printed_cell(cell: PrintedCell | None, lang: str) -> dict[str, str]:
    if cell is None:
        return {"text": "", "key": ""}
    number = cell.text.strip("()*")
    text = cell.text.replace(number, audited(number).get(lang))
    return {"text": text, "key": quote(cell.judged[0].key, safe="") if cell.judged else ""}


def _sentences(result: ChapterResult) -> list[dict[str, str]]:
    return [{lang: line.get(lang) for lang in LANGUAGES} for line in result.summary]
