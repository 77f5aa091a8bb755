"""The two languages of every table and figure: Norwegian bokmål and English."""

from typing import NamedTuple

LANGUAGES = ("nb", "en")


class Bilingual(NamedTuple):
    """A text in both languages."""

    nb: str
    en: str

    def get(self, lang: str) -> str:
        """Return the text in one language, ``"nb"`` or ``"en"``."""
        return self.nb if lang == "nb" else self.en


class Sentence(str):
    """An English text that knows its Norwegian: for messages, which programs read as text.

    Parameters
    ----------
    en, nb : str
    """

    __slots__ = ("nb",)
    nb: str

    def __new__(cls, en: str, nb: str) -> "Sentence":
        """Make the text of the English words."""
        made = super().__new__(cls, en)
        made.nb = nb
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Return what makes the text again where it was pickled or copied."""
        return str(self), self.nb


def in_language(text: str, lang: str) -> str:
    """Return a message in a language, where it has one; others are English.

    Parameters
    ----------
    text : str
    lang : {"nb", "en"}
    """
    return text.nb if lang == "nb" and isinstance(text, Sentence) else str(text)


def both(text: str) -> Bilingual:
    """Use the same text in both languages."""
    return Bilingual(text, text)


def translate(text: "str | Bilingual", lang: str) -> str:
    """Return a text in one language; a plain text is the same in both."""
    return text.get(lang) if isinstance(text, Bilingual) else text


SYNTHETIC_LABEL = Bilingual(
    "SYNTETISKE DATA: laget for å prøve ut metoden, sier ingenting om Norge",
    "SYNTHETIC DATA: made to exercise the method, no evidence about Norway",
)
