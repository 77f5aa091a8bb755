"""Pieces of markup in two languages at once: the page shows one of them and can change it in place."""

import html
import re

from kostnadsvekst.language import LANGUAGES, Bilingual, both
from kostnadsvekst.report.numbers import format_number

_NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")


def escape(text: str) -> str:
    """Escape a text for markup and for attributes."""
    return html.escape(text, quote=True)


def said(text: Bilingual | str) -> str:
    """Text in both languages, of which the style sheet hides one; once where they are the same."""
    if isinstance(text, str) or text.nb == text.en:
        return escape(text if isinstance(text, str) else text.nb)
    return "".join(
        f'<span class="{lang}" lang="{lang}">{escape(text.get(lang))}</span>' for lang in LANGUAGES
    )


def in_attributes(text: Bilingual, name: str = "text") -> str:
    """Both languages in attributes, for what cannot hold elements, such as an option of a list."""
    return " ".join(f'data-{name}-{lang}="{escape(text.get(lang))}"' for lang in LANGUAGES)


def svg_text(x: float, y: float, text: Bilingual, attributes: str) -> str:
    """Text of a drawing, in both languages."""
    place = f'x="{x:.1f}" y="{y:.1f}" {attributes}'
    if text.nb == text.en:
        return f"<text {place}>{escape(text.nb)}</text>"
    return "".join(
        f'<g class="{lang}" lang="{lang}"><text {place}>{escape(text.get(lang))}</text></g>'
        for lang in LANGUAGES
    )


def audited(text: str) -> Bilingual:
    """Write a number of an audit in the signs of each language; a label stays as it is."""
    found = _NUMBER.fullmatch(text)
    if not found:
        return both(text)
    decimals = len(found.group(1) or "")
    return Bilingual(*(format_number(float(text), decimals, lang) for lang in LANGUAGES))
