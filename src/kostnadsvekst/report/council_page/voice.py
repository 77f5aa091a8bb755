"""Texts of the page in the languages it has: both, of which one is shown, or one alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.council_page.content import Cell, Column
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.page.markup import escape


@dataclass(frozen=True, slots=True)
class Voice:
    """Writes texts as markup, as attributes and as data.

    Attributes
    ----------
    languages : tuple of {"nb", "en"}
        The first is shown first.
    """

    languages: tuple[str, ...]

    def first(self, text: Bilingual) -> str:
        """Text in the language shown first, not escaped."""
        return text.get(self.languages[0])

    def said(self, text: Bilingual) -> str:
        """Text in all languages, of which the style sheet hides one; once where they are the same."""
        if len({text.get(lang) for lang in self.languages}) == 1:
            return escape(self.first(text))
        return "".join(
            f'<span class="{lang}" lang="{lang}">{escape(text.get(lang))}</span>' for lang in self.languages
        )

    def attributes(self, name: str, text: Bilingual) -> str:
        """Text in attributes, for what cannot hold elements; the script writes them into place."""
        both = "".join(f' data-{name}-{lang}="{escape(text.get(lang))}"' for lang in self.languages)
        return both if len(self.languages) > 1 else ""

    def labelled(self, text: Bilingual) -> str:
        """Name for those who do not see, in the language shown."""
        return f'aria-label="{escape(self.first(text))}"{self.attributes("label", text)}'

    def data(self, text: Bilingual) -> str | dict[str, str]:
        """Text as the script reads it."""
        if len({text.get(lang) for lang in self.languages}) == 1:
            return self.first(text)
        return {lang: text.get(lang) for lang in self.languages}

    def words(self, texts: Mapping[str, Bilingual]) -> dict[str, str | dict[str, str]]:
        """Texts by name as the script reads them."""
        return {name: self.data(text) for name, text in texts.items()}

    def svg(self, x: float, y: float, text: Bilingual, attributes: str) -> str:
        """Text of a drawing."""
        place = f'x="{x:.1f}" y="{y:.1f}" {attributes}'
        if len({text.get(lang) for lang in self.languages}) == 1:
            return f"<text {place}>{escape(self.first(text))}</text>"
        return "".join(
            f'<g class="{lang}" lang="{lang}"><text {place}>{escape(text.get(lang))}</text></g>'
            for lang in self.languages
        )


def numbers(value: float | None, decimals: int) -> Bilingual:
    """Write a number in the signs of each language; one that is not there is empty."""
    if value is None:
        return Bilingual("", "")
    return Bilingual(*(format_number(value, decimals, lang) for lang in ("nb", "en")))


def cell_text(cell: Cell, column: Column) -> Bilingual:
    """Write a cell of a table."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return Bilingual("", "")
    if isinstance(cell, tuple):
        return cell
    if column.decimals is None:
        return Bilingual(f"{cell:.10g}", f"{cell:.10g}")
    return numbers(cell, column.decimals)


def joined(parts: Sequence[Bilingual], between: str = ", ") -> Bilingual:
    """Join texts in each language."""
    return Bilingual(*(between.join(part.get(lang) for part in parts) for lang in ("nb", "en")))
