"""Periods as reports print them: a year, a month, or years from and to."""

import re
from dataclasses import dataclass
from functools import lru_cache

_PERIOD = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?!\d))?(?:\s*[-–/]\s*(\d{4})(?:-(0[1-9]|1[0-2]))?)?")
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Period:
    """Months from the first to the last, counted from year 0; ``whole_years`` where no month is named."""

    first: int
    last: int
    spans: bool

    @property
    def first_year(self) -> int:
        """Year in which it begins."""
        return self.first // _MONTHS

    @property
    def last_year(self) -> int:
        """Year in which it ends."""
        return self.last // _MONTHS

    def meets(self, other: "Period") -> bool:
        """Whether both can be the same: one month lies in one year, years from and to are the same years."""
        if self.spans and other.spans:
            return (self.first_year, self.last_year) == (other.first_year, other.last_year)
        return self.first <= other.last and other.first <= self.last


@lru_cache(maxsize=4096)
def read_period(text: str) -> Period | None:
    """Read ``2017``, ``2017-01``, ``2015-2020`` or ``2017-01-2020-12``; None where it is none of them."""
    match = _PERIOD.fullmatch(text.strip())
    if match is None:
        return None
    year, month, last_year, last_month = match.groups()
    first = int(year) * _MONTHS + (int(month) - 1 if month else 0)
    end_year, end_month = (last_year, last_month) if last_year else (year, month)
    last = int(end_year) * _MONTHS + (int(end_month) - 1 if end_month else _MONTHS - 1)
    return Period(first, last, bool(last_year))
