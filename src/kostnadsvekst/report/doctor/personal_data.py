"""Personal data in a text: what kind stands there, never what it says."""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from kostnadsvekst.language import Bilingual

IDENTITY, EMAIL, PHONE, COORDINATES = "identity-number", "e-mail", "phone-number", "coordinates"
# Skatteetaten, "Fødselsnummer" (system until 2031): products of the first nine and ten digits, modulo 11.
_FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_CENTURIES = (  # individual number, two digits of the year, century
    (range(500), range(100), 1900),
    (range(500, 750), range(54, 100), 1800),
    (range(500, 1000), range(40), 2000),
    (range(900, 1000), range(40, 100), 1900),
)
KINDS_OF_NUMBER = {
    "birth": Bilingual("fødselsnummer", "birth number (fødselsnummer)"),
    "d": Bilingual("D-nummer", "D number"),
    "h": Bilingual("H-nummer", "H number"),
}

# Eleven digits, also as 6 + 5 or with the date's dots, that are no part of a longer number, word or decimal;
# a column with gaps is written as 12345678901.0.
_BIRTH = r"(?:\d{6}|\d\d\.\d\d\.\d\d)[ \u00a0-]?\d{5}"
_ELEVEN = re.compile(rf"(?<![^\W_])(?<![.+])(?<!\d,){_BIRTH}(?![^\W_]|[.,](?!0(?!\d))\d)")
# From the first sign of an address on, so that a long text without @ costs no time.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w@])", re.ASCII
)
# RFC 2606: nobody's; and senders that are no person.
_NOBODYS = re.compile(r"(^|\.)(example(\.(com|org|net|no))?|invalid|test|localhost)$", re.IGNORECASE)
_PHONE = re.compile(
    r"(?<![\w+])(?:\+47|0047)[ \u00a0]?[2-9](?:[ \u00a0]?\d){7}(?!\d)"
    r"|\b(?:tlf|telefon|telephone|phone|mobile?)\b[.:]{0,2}\s{0,3}(?:(?:\+47|0047)\s?)?"
    r"[2-9](?:[ \u00a0]?\d){7}(?!\d)",
    re.IGNORECASE,
)
# Latitude and longitude in Norway, Svalbard included, to ten metres or better, in either order.
_LATITUDE, _LONGITUDE = r"(?:5[789]|[67]\d|80)\.\d{4,17}", r"(?:[4-9]|[12]\d|3[0-3])\.\d{4,17}"
_POINT = re.compile(
    rf"(?<![\d.])(?:{_LATITUDE}\s?,\s?{_LONGITUDE}|POINT\s?\(\s?{_LONGITUDE}\s+{_LATITUDE}"
    rf"|\[\s{{0,20}}{_LONGITUDE},\s{{0,20}}{_LATITUDE})(?!\d)",
    re.IGNORECASE,
)
# Whether to look closer at all: most lines of most tables are let through by these alone.
_SIGNS = ("@", "+47", "0047", "tlf", "telefon", "phone", "mobil", "point")
_DIGITS = re.compile(_BIRTH, re.ASCII)
_PAIR = re.compile(r"\.\d{4,17}\s{0,20},\s?\[?\d", re.ASCII)
_TEN = re.compile(r"^\"?\d{10}(?:\.0)?\"?\s*$", re.MULTILINE)
_PHONE_COLUMN = re.compile(
    r"(^|_)(tlf|telefon|telephone|phone|mobile?|mobilnr|tlfnr)($|_|nr|num)", re.IGNORECASE
)
_LATITUDE_COLUMN = re.compile(r"^(lat|latitude|breddegrad|y_?lat|wgs84_?lat)$", re.IGNORECASE)
_LONGITUDE_COLUMN = re.compile(r"^(lon|lng|long|longitude|lengdegrad|x_?lon|wgs84_?lon)$", re.IGNORECASE)


def kind_of_number(digits: str) -> str | None:
    """Kind of national identity number that eleven digits are, None if they are none.

    Parameters
    ----------
    digits : str

    Returns
    -------
    {"birth", "d", "h", None}
        ``"d"`` has 40 added to its day, ``"h"`` (made by a hospital) to its month. Numbers of made-up persons
        (Tenor, 80 added to the month) are none.
    """
    if len(digits) != 11 or not (digits.isascii() and digits.isdigit()):
        return None
    values = [int(digit) for digit in digits]
    if sum(map(int.__mul__, _FIRST, values)) % 11 or sum(map(int.__mul__, _SECOND, values)) % 11:
        return None
    day, month, year, individual = (int(digits[a:b]) for a, b in ((0, 2), (2, 4), (4, 6), (6, 9)))
    kind, day, month = ("d", day - 40, month) if day > 40 else ("birth", day, month)
    if month > 40 and kind == "birth":
        kind, month = "h", month - 40
    return kind if _is_date(year, month, day, individual) else None


def _is_date(year: int, month: int, day: int, individual: int) -> bool:
    for numbers, years, century in _CENTURIES:
        if individual in numbers and year in years:
            try:
                date(century + year, month, day)
            except ValueError:
                return False
            return True
    return False


def is_suspect(text: str, *, people_only: bool = False) -> bool:
    """Whether a text may hold personal data and is worth a closer look.

    Parameters
    ----------
    text : str
    people_only : bool
        As for `kinds_in`.
    """
    if people_only:
        return _DIGITS.search(text) is not None
    small = text.lower()
    return bool(
        any(sign in small for sign in _SIGNS) or _DIGITS.search(text) or ("," in text and _PAIR.search(text))
    )


def kinds_in(text: str, *, people_only: bool = False, cell: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (check, kind of number or nothing) for each piece of personal data in a text.

    Parameters
    ----------
    text : str
    people_only : bool
        Look for identity numbers only: contacts and places are no fault in documents and programs.
    cell : bool
        The text is one cell of a table, whose whole contents a number may be.
    """
    if not is_suspect(text, people_only=people_only):
        return
    for found in _ELEVEN.finditer(text):
        if kind := kind_of_number(re.sub(r"\D", "", found[0])):
            yield IDENTITY, kind
    if people_only:
        return
    for found in _EMAIL.finditer(text):
        if not _NOBODYS.search(found[1]) and not found[0].lower().startswith(("noreply", "no-reply")):
            yield EMAIL, ""
    yield from ((PHONE, "") for _ in _PHONE.finditer(text))
    if cell or "," in text or "POINT" in text.upper():
        yield from ((COORDINATES, "") for _ in _POINT.finditer(text))


def mask(text: str) -> str:
    """Return a text, such as a file's name, with the personal data in it blotted out.

    Parameters
    ----------
    text : str
    """
    if not is_suspect(text):
        return text
    hidden = _DIGITS.sub(lambda m: "*" * len(m[0]) if _is_number(m[0]) else m[0], text)
    return _PHONE.sub("***", _EMAIL.sub("***", hidden))


def _is_number(text: str) -> bool:
    return kind_of_number(re.sub(r"\D", "", text)) is not None


class WatchedColumns:
    """Columns whose name says what they hold, and numbers that have lost their leading zero.

    Parameters
    ----------
    names : sequence of str
        Headers, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        clean = [name.strip().strip("\"'\ufeff") for name in names]
        self._phones = [k for k, name in enumerate(clean) if _PHONE_COLUMN.search(name)]
        self._latitudes = [k for k, name in enumerate(clean) if _LATITUDE_COLUMN.search(name)]
        self._longitudes = [k for k, name in enumerate(clean) if _LONGITUDE_COLUMN.search(name)]
        self._ten: dict[int, list[int]] = {}

    def kinds_in(self, cells: Sequence[str]) -> Iterator[tuple[str, str, int]]:
        """Yield (check, kind, position) for a row."""
        for k in self._phones:
            if k < len(cells) and _is_phone(cells[k]):
                yield PHONE, "", k
        for latitude, longitude in zip(self._latitudes, self._longitudes, strict=False):
            if max(latitude, longitude) < len(cells) and _is_point(cells[latitude], cells[longitude]):
                yield COORDINATES, "", latitude
        if _TEN.search("\n".join(cells)):
            self._count(cells)

    def _count(self, cells: Sequence[str]) -> None:
        """Count cells of ten digits, and those of them that a zero makes identity numbers."""
        for k, cell in enumerate(cells):
            digits = cell.strip().strip('"').removesuffix(".0")
            if len(digits) == 10 and digits.isdigit():
                counts = self._ten.setdefault(k, [0, 0])
                counts[0] += 1
                counts[1] += kind_of_number(f"0{digits}") is not None

    def without_zero(self) -> Iterator[tuple[int, int]]:
        """Yield (position, number of cells) of columns of ten digits that are identity numbers with a zero.

        One in some hundreds is one by chance: three, and half of the column, are not.
        """
        for k, (seen, valid) in self._ten.items():
            if valid >= 3 and 2 * valid >= seen:
                yield k, valid


def _is_phone(cell: str) -> bool:
    digits = re.sub(r"[\s\"]|^\"?(\+|00)47|\.0$", "", cell.strip())
    return re.fullmatch(r"[2-9]\d{7}", digits) is not None


def _is_point(latitude: str, longitude: str) -> bool:
    pair = [text.strip().strip('"').replace(",", ".") for text in (latitude, longitude)]
    return bool(re.fullmatch(_LATITUDE, pair[0]) and re.fullmatch(_LONGITUDE, pair[1]))
