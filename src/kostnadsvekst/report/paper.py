"""The paper: its sources and what the chapters made become a PDF, the same bytes each time."""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.sources.embedded import paper_folder

# PDF/UA-1: tagged, with alternative texts, for screen readers. PDF/A-2a: for archives, fonts inside.
STANDARDS: list[Literal["ua-1", "a-2a"]] = ["ua-1", "a-2a"]
_MARKDOWN = {r"\_": "_", r"\*": "*", r"\|": "|", "&emsp;": "\u2003", "**": ""}


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table of the results as it is printed.

    Attributes
    ----------
    header : tuple of str
    rows : tuple of tuple of str
        As many cells as the header.
    notes : tuple of str
        Paragraphs below it.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def read_markdown_table(text: str) -> PrintedTable:
    """Read a table that `kostnadsvekst.report.tables.render` has written as Markdown.

    Parameters
    ----------
    text : str

    Raises
    ------
    SpecificationError
        If there is no table in it.
    """
    lines = text.splitlines()
    bars = [number for number, line in enumerate(lines) if line.startswith("| ")]
    if len(bars) < 3:
        raise SpecificationError("there is no Markdown table in the text")
    cells = [_cells(lines[number]) for number in bars]
    notes = [_plain(line) for line in lines[bars[-1] + 1 :] if line.strip()]
    return PrintedTable(cells[0], tuple(cells[2:]), tuple(notes))


def _cells(line: str) -> tuple[str, ...]:
    return tuple(_plain(cell.strip()) for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1]))


def _plain(text: str) -> str:
    for mark, plain in _MARKDOWN.items():
        text = text.replace(mark, plain)
    return text


def compile_paper(made: Mapping[str, Any], pictures: Mapping[str, str | bytes], lang: str) -> bytes:
    """Compile the paper.

    Parameters
    ----------
    made : mapping of str to value
        Name of a JSON file -> content: ``numbers``, ``tables``, ``sentences``.
    pictures : mapping of str to str or bytes
        Path of a picture, such as ``"ohd/figure_12_nb.png"``.
    lang : {"nb", "en"}

    Returns
    -------
    bytes
        PDF by `STANDARDS`. No fonts of the machine and no time of the day go in.

    Raises
    ------
    SpecificationError
        What the typesetter finds wrong, such as a number without a name or a picture without a text.
    """
    return compile_document("paper", made, pictures, lang)


def compile_document(
    source: str, made: Mapping[str, Any], pictures: Mapping[str, str | bytes], lang: str
) -> bytes:
    """Compile a document whose source lies beside the paper's and may use its frame.

    Parameters
    ----------
    source : str
        ``"paper"`` or ``"council"``.
    made, pictures, lang
        As for `compile_paper`.

    Returns
    -------
    bytes
        PDF by `STANDARDS`. No fonts of the machine and no time of the day go in.

    Raises
    ------
    SpecificationError
        What the typesetter finds wrong.
    """
    import typst

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(paper_folder(), root / "paper")
        (root / "made").mkdir()
        for path, content in pictures.items():
            (root / "made" / "figures" / path).parent.mkdir(parents=True, exist_ok=True)
            (root / "made" / "figures" / path).write_bytes(
                content.encode() if isinstance(content, str) else content
            )
        for name, content in made.items():
            text = json.dumps(content, ensure_ascii=False, default=asdict)
            (root / "made" / f"{name}.json").write_text(text, encoding="utf-8")
        try:
            pdf: bytes = typst.compile(
                str(root / "paper" / f"{source}.typ"),
                root=str(root),
                format="pdf",
                ignore_system_fonts=True,
                sys_inputs={"lang": lang},
                pdf_standards=[*STANDARDS],
                timestamp=0,
            )
        except typst.TypstError as error:
            where = re.sub(r"\S*/paper/", "paper/", error.diagnostic)
            raise SpecificationError(f"the {source} cannot be typeset: {where}") from None
    return pdf
