"""Numbers in running text: the report's claims and the paper's numbers, each with file, row and program."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from kostnadsvekst.report.output import read_csv_text
from kostnadsvekst.report.page.code import code_of_measure
from kostnadsvekst.sources.embedded import paper_folder

COLUMNS = ("document", "number", "place", "text", "ours", "file", "row", "program", "data_origin")
CLAIMS, NUMBERS = "claims/claims.csv", "paper/numbers.json"
_MOST_OF_HEADER = 2_000
_LOOK_UP = "kostnadsvekst.report.named_numbers.look_up"


def numbers_frame(files: Mapping[str, str | bytes]) -> pd.DataFrame:
    """List the numbers of the report's text and of the paper.

    Parameters
    ----------
    files : mapping of str to str or bytes
        Path below the results folder -> content; without the claims or the paper theirs are left out.

    Returns
    -------
    DataFrame
        `COLUMNS`: the report's claims first. ``program`` is the function that computes a claim; empty where
        none does.
    """
    rows = [*_of_report(files), *_of_paper(files)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_report(files: Mapping[str, str | bytes]) -> Iterator[tuple[str, ...]]:
    if CLAIMS not in files:
        return
    for claim in read_csv_text(files[CLAIMS]).to_dict("records"):
        code = code_of_measure(claim["module"], claim["measure"]) if claim["module"] else ()
        program = next((reference.key for reference in code), "")
        where = f"id = {claim['id']}, column ours"
        told = (claim["id"], claim["place"], claim["quote"], claim["ours"])
        yield ("report", *told, CLAIMS, where, program, claim["data_origin"])


def _of_paper(files: Mapping[str, str | bytes]) -> Iterator[tuple[str, ...]]:
    if NUMBERS not in files:
        return
    content = files[NUMBERS]
    numbers = json.loads(content)["numbers"]
    places = tomllib.loads((paper_folder() / "numbers.toml").read_text("utf-8"))
    used = _sections()
    for name, text in numbers.items():
        place = places[name]
        section = "; ".join(used.get(name, ()))
        told = (name, section, text["en"], "", place["file"], _where(place))
        yield ("paper", *told, _LOOK_UP, _origin(files.get(place["file"], "")))


def _origin(content: str | bytes) -> str:
    """Origins of the data of a CSV file, as its last columns tell; empty for other files."""
    head = content[:_MOST_OF_HEADER]
    header = (head if isinstance(head, str) else head.decode("utf-8", "ignore")).partition("\n")[0].split(",")
    name = next((name for name in ("data_origin", "origin") if name in header), None)
    if name is None:
        return ""
    return "; ".join(dict.fromkeys(read_csv_text(content)[name]))


def _sections() -> dict[str, list[str]]:
    """Name of a number -> the sources of the paper that print it."""
    used: dict[str, list[str]] = {}
    for path in sorted((paper_folder() / "sections").glob("*.typ")):
        for name in dict.fromkeys(re.findall(r'\b(?:n|example)\("(\w+)"', path.read_text("utf-8"))):
            used.setdefault(name, []).append(f"paper/sections/{path.name}")
    return used


def _where(place: Mapping[str, Any]) -> str:
    chosen = [f"{column} = {value}" for column, value in place.get("where", {}).items()]
    chosen += [f"{column} < {value}" for column, value in place.get("below", {}).items()]
    if place.get("count"):
        chosen.append("number of rows")
    if column := place.get("column"):
        chosen.append(f"column {column}")
    if pattern := place.get("pattern"):
        chosen.append(f"pattern {pattern}")
    return ", ".join(chosen)
