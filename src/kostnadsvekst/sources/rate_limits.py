"""How many calls a service allows: what its headers say, however odd, and waiting before it has to refuse."""

import email.utils
import math
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Allowance", "Pace", "read_allowance"]


def __dir__() -> list[str]:
    return sorted(__all__)


# A window that is longer than this is taken for a mistake.
LONGEST_WINDOW = 600.0
# Clocks differ, and a window that is over to the millisecond may not be over there.
MARGIN = 1.0

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_REMAINING = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
_LIMIT = ("x-ratelimit-limit", "x-rate-limit-limit", "ratelimit-limit")
_RESET = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")
_POLICY = ("x-ratelimit-policy", "x-rate-limit-policy", "ratelimit-policy", *_LIMIT)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer says of further calls; None where it says nothing that makes sense.

    Attributes
    ----------
    remaining : int or None
        Calls left.
    limit : int or None
        Calls in a window.
    window : float or None
        Seconds.
    reset : float or None
        Seconds from now until there are calls again.
    retry_after : float or None
        Seconds from now.
    """

    remaining: int | None = None
    limit: int | None = None
    window: float | None = None
    reset: float | None = None
    retry_after: float | None = None


def read_allowance(headers: Mapping[str, str], now: datetime) -> Allowance:
    """Read ``x-ratelimit-*`` (and its spellings) and ``retry-after``.

    Parameters
    ----------
    headers : mapping
        Names are looked up in lower case; `httpx.Headers` do not mind.
    now : datetime
        With a time zone: what dates are counted from.

    Returns
    -------
    Allowance
        Of several values (a header that came twice) the most cautious. What is no number, not finite, not
        positive where it must be, or beyond ten minutes for a window, counts as not said.

    Notes
    -----
    Statistics Norway sends ``x-ratelimit-limit``, ``-remaining`` and ``-policy`` (``40;w=60s``).
    """
    remaining = [max(number, 0) for number in _integers(headers, _REMAINING)]
    limits = [number for number in _integers(headers, _LIMIT) if number > 0]
    policies = [part for name in _POLICY for part in headers.get(name, "").split(",")]
    quotas = [int(m[1]) for part in policies if (m := re.match(r'\s*(?:"[^"]*";\s*q=)?(\d{1,9})\s*;', part))]
    windows = [w for part in policies if (w := _window(part)) is not None]
    return Allowance(
        min(remaining, default=None),
        min([*limits, *(quota for quota in quotas if quota > 0)], default=None),
        max(windows, default=None),
        _longest(headers, _RESET, now),
        _longest(headers, ("retry-after",), now),
    )


def _integers(headers: Mapping[str, str], names: tuple[str, ...]) -> list[int]:
    """Whole numbers of the first of the headers that is there."""
    stated = next((headers[name] for name in names if name in headers), "")
    parts = [part.partition(";")[0].strip() for part in stated.split(",")]
    return [int(part) for part in parts if re.fullmatch(r"-?[0-9]{1,9}", part)]


def _window(policy: str) -> float | None:
    found = re.search(r";\s*w\s*=\s*([0-9]{1,9}(?:\.[0-9]+)?)\s*(ms|s|m|h)?\s*(?:;|$)", policy, re.IGNORECASE)
    if not found:
        return None
    seconds = float(found[1]) * _SECONDS[(found[2] or "s").lower()]
    return seconds if 0 < seconds <= LONGEST_WINDOW else None


def _longest(headers: Mapping[str, str], names: tuple[str, ...], now: datetime) -> float | None:
    stated = next((headers[name] for name in names if name in headers), "")
    whole = seconds_until(stated, now)  # a date has a comma
    if whole is not None:
        return whole
    parts = [seconds_until(part, now) for part in stated.split(",")]
    return max((part for part in parts if part is not None), default=None)


def seconds_until(stated: str, now: datetime) -> float | None:
    """Seconds from now of a header that holds seconds, an HTTP date, an ISO time or seconds since 1970.

    Parameters
    ----------
    stated : str
    now : datetime

    Returns
    -------
    float or None
        Never negative; None where it is none of these.
    """
    text = stated.strip()
    try:
        seconds = float(text)
    except ValueError:
        moment = _moment(text)
        return None if moment is None else max((moment - now).total_seconds(), 0.0)
    if not math.isfinite(seconds):
        return None
    if seconds > 1e12:
        seconds /= 1000
    return max(seconds - now.timestamp() if seconds > 1e9 else seconds, 0.0)


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


class Pace:
    """Calls to one host by all threads of this process: when the next may be sent.

    Times are seconds of one clock that the caller reads; nothing here sleeps.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._not_before = 0.0
        self._in_flight = 0
        self._left: int | None = None
        self._renewed = 0.0
        self._stated: tuple[int, float] | None = None

    def try_to_send(self, now: float, calls: int, window: float) -> float:
        """Take the right to one call, or say how long to wait before trying again.

        Parameters
        ----------
        now : float
        calls, window : int, float
            At most so many calls in so many seconds; what the host itself has stated holds besides.

        Returns
        -------
        float
            Seconds to wait; 0 if the call may be sent now (and is counted).
        """
        with self._lock:
            limits = [(calls, window), *([self._stated] if self._stated else [])]
            while self._sent and self._sent[0] <= now - max(w for _, w in limits):
                self._sent.popleft()
            if self._left is not None and now >= self._renewed:
                self._left = None
            waits = [self._not_before - now, *(self._full(now, *limit) for limit in limits)]
            if self._left == 0:
                waits.append(self._renewed - now)
            wait = max(waits)
            if wait > 1e-6:
                return wait
            self._left = None if self._left is None else self._left - 1
            self._sent.append(now)
            self._in_flight += 1
            return 0.0

    def _full(self, now: float, calls: int, window: float) -> float:
        """Seconds until a window has room for one more call."""
        return self._sent[-calls] + window - now if len(self._sent) >= calls else 0.0

    def finished(self) -> None:
        """Count a call as over, answered or not."""
        with self._lock:
            self._in_flight -= 1

    def note(self, allowance: Allowance, now: float, window: float, longest: float) -> None:
        """Take to heart what an answer says of further calls.

        Parameters
        ----------
        allowance : Allowance
        now : float
        window : float
            Seconds, where the answer does not state its window.
        longest : float
            Seconds; a later reset is taken for a mistake.
        """
        window = allowance.window or window
        with self._lock:
            if allowance.limit is not None:
                self._stated = (allowance.limit, window)
            if allowance.remaining is not None:
                # Calls on their way are counted there when they arrive.
                self._left = max(allowance.remaining - self._in_flight, 0)
                self._renewed = now + min(allowance.reset or window, max(longest, window))

    def refused(self, allowance: Allowance, now: float, window: float, longest: float) -> float:
        """Wait for a whole window after a refusal, whatever smaller time was named.

        Parameters
        ----------
        allowance, now, window, longest
            As for `note`.

        Returns
        -------
        float
            Seconds until anybody may ask again.
        """
        window = (allowance.window or window) + MARGIN
        named = max(allowance.retry_after or 0.0, allowance.reset or 0.0)
        wait = max(window, min(named, longest))
        with self._lock:
            self._not_before = max(self._not_before, now + wait)
            self._left = None
        return wait
