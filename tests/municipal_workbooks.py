"""Books of municipalities that tests fill in, and the recalculation of workbooks by LibreOffice."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_examples import example_book
from kostnadsvekst.sources.municipal_forms import BookKind
from kostnadsvekst.sources.municipal_kinds import KINDS, USER_GROUP_NAMES

# LibreOffice reads the values that are stored in a workbook, unless it is told never to trust them.
_ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>
"""


def write_book(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    """Workbook with the names of columns in the first row of each sheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def headings(kind: BookKind, form: str, lang: str = "nb") -> list[str]:
    """Names of the columns of a sheet."""
    found = next(one for one in kind.sheets if one.name == form)
    return [field.label.get(lang) for field in found.fields]


def small_example(name: str) -> MunicipalBook:
    """The example; of that of user groups three groups: hundreds of cells rather than thousands."""
    book = example_book(KINDS[name])
    if name != "user-groups":
        return book
    kept = {USER_GROUP_NAMES["pu_adults"].nb, USER_GROUP_NAMES["elderly_institution"].nb}
    kept.add(USER_GROUP_NAMES["elderly_housing"].nb)
    tables = {}
    for form, table in book.tables.items():
        rows = table.frame.index
        if "group" in table.frame:
            rows = rows[table.frame["group"].isin(kept)]
        lines = tuple(table.lines[k] for k in rows)
        tables[form] = replace(table, frame=table.frame.loc[rows].reset_index(drop=True), lines=lines)
    return replace(book, tables=tables)


def recalculate(files: list[Path], folder: Path) -> dict[str, Path]:
    """Workbooks computed anew by LibreOffice, by stem; skipped aloud where it is not installed."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice (soffice) is not installed: no workbook was computed anew")
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS_RECALCULATE, "utf-8")
    out = folder / "recalculated"
    command = [program, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "xlsx"]
    done = subprocess.run(
        [*command, "--outdir", str(out), *map(str, files)], capture_output=True, text=True, timeout=240
    )
    made = {path.stem: path for path in out.glob("*.xlsx")}
    # Without LibreOffice's spreadsheet part it says that all is well and writes nothing.
    if not made:
        pytest.skip(f"LibreOffice has no spreadsheet part (libreoffice-calc-nogui): {done.stderr[-200:]}")
    assert set(made) == {path.stem for path in files}, done.stderr
    return made
