"""Polite HTTP: limits kept, faults that pass retried, answers cached, everything else said plainly."""

import json
import re
import ssl
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    SourceError,
    SpecificationError,
)
from kostnadsvekst.sources.cache import Answer, Cache, Request
from kostnadsvekst.sources.rate_limits import Pace, read_allowance
from kostnadsvekst.version import __version__

_PASSING = {408, 429, 500, 502, 503, 504}
# Words of a refusal, English and Norwegian; the interfaces have no codes for them.
_TOO_OFTEN = re.compile(r"too many (requests|calls)|rate.?limit|for mange (kall|foresp)", re.IGNORECASE)
_TOO_LARGE = re.compile(
    r"too (many|large)|exceed|for (mange|stor)|overskr|overstig|maxim|maksim", re.IGNORECASE
)
# A wait that is shorter is not worth a line.
_WORTH_SAYING = 2.0


class UnavailableError(SourceError):
    """The source could not be reached or kept failing: another way to the same data may work."""


class RejectedError(SourceError):
    """The source understood the request and refused it.

    Parameters
    ----------
    message : str
    status : int
        HTTP status.
    too_large : bool
        Whether the refusal says that the request asks for too much at once.
    """

    def __init__(self, message: str, status: int, *, too_large: bool = False) -> None:
        self.status, self.too_large = status, too_large
        super().__init__(message)


class _PassingFaultError(Exception):
    def __init__(
        self, what: str, wait: float | None = None, *, reached: bool = True, too_often: bool = False
    ) -> None:
        self.wait, self.reached, self.too_often = wait, reached, too_often
        super().__init__(what)


@dataclass(frozen=True)
class Policy:
    """How often and how long to ask.

    Parameters
    ----------
    calls, window : int, float
        At most `calls` requests to a host in any `window` seconds. Statistics Norway states 30 a minute.
    timeout : float
        Seconds without a byte before an attempt counts as failed.
    attempts : int
        Before giving up on faults that may pass (429, 5xx, lost connections, cut-off bodies).
    first_wait, longest_wait : float
        Seconds; waits double from the first to the longest unless the answer names a time.
    """

    calls: int = 30
    window: float = 60.0
    timeout: float = 60.0
    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 120.0


# Limits count per address and host, whatever the number of clients in this process.
_HOSTS: dict[str, Pace] = {}


def say_on_terminal(line: str) -> None:
    """Tell a person who waits why; nobody else is told anything.

    Parameters
    ----------
    line : str
    """
    if sys.stderr is not None and sys.stderr.isatty():
        print(line, file=sys.stderr)


def parse_json(body: bytes) -> Any:
    """Parse JSON, told apart from everything that is none.

    Parameters
    ----------
    body : bytes

    Returns
    -------
    object

    Raises
    ------
    SourceError
        It is no JSON, nested beyond what can be read, or not UTF-8.
    """
    try:
        return json.loads(body)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"it is not UTF-8 as JSON must be (byte 0x{error.object[error.start]:02x} at {error.start})"
        ) from error
    except RecursionError as error:
        raise SourceError("it is nested too deeply to be an answer") from error
    except ValueError as error:
        raise SourceError(f"it is no JSON ({error})") from error


def _as_it_is(document: Any) -> Any:
    return document


class Transport:
    """Client for JSON answers of one service.

    Parameters
    ----------
    cache : Cache
    offline : bool
        Answer from the cache alone.
    refresh : bool
        Ask again although the cache has an answer.
    policy : Policy
    sleep, clock : callable
        ``sleep(seconds)`` and ``clock()`` (seconds); replaced in tests.
    say : callable
        ``say(line)`` when there is a while to wait; by default a line on a terminal, else nothing.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        offline: bool = False,
        refresh: bool = False,
        policy: Policy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] | None = None,
        say: Callable[[str], None] = say_on_terminal,
    ) -> None:
        self.cache, self.offline, self.refresh = cache, offline, refresh
        self.policy = policy or Policy()
        self._sleep, self._say = sleep, say
        self._clock = clock or time.monotonic
        self.sent = 0

    def missing(self, requests: list[Request]) -> list[Request]:
        """Those of the requests that the cache cannot answer."""
        return [request for request in requests if self.cache.read(request) is None]

    def get(
        self, request: Request, *, refresh: bool = False, read: Callable[[Any], Any] = _as_it_is
    ) -> tuple[Any, Answer]:
        """Get what was read from the JSON that answers a request.

        Parameters
        ----------
        request : Request
        refresh : bool
            Ask again although the cache has an answer.
        read : callable
            ``read(document)`` gives what is wanted of the parsed JSON, or raises `SourceError` or
            `InvalidDataError`. What cannot be read is not kept, and fetched again where it had been.

        Returns
        -------
        read : object
        answer : Answer

        Raises
        ------
        DataMissingError
            Offline, and the cache has no answer.
        RejectedError
            The source refuses the request (unknown table or code, too many cells).
        UnavailableError
            The source cannot be reached, or kept failing.
        SourceError, InvalidDataError
            It answers something else than JSON or than what can be read, or (offline) the cached answer is
            damaged.
        """
        if self.offline or not (refresh or self.refresh):
            kept = self._read_cache(request, read)
            if kept is not None:
                return kept
        if self.offline:
            raise DataMissingError(f"offline, and never fetched before: {request}")
        body = self._ask_until_answered(request)
        try:
            found = read(parse_json(body))
        except (SourceError, InvalidDataError) as error:
            remedy = "it is not kept: run again, and if it stays so the source has changed"
            raise _about(error, f"the answer to {str(request)[:300]} cannot be used ({remedy})") from error
        return found, self.cache.write(request, body)

    def _read_cache(self, request: Request, read: Callable[[Any], Any]) -> tuple[Any, Answer] | None:
        try:
            kept = self.cache.read(request)
            if kept is None:
                return None
            try:
                return read(parse_json(kept.body)), kept
            except (SourceError, InvalidDataError) as error:
                place = f"cache file {self.cache.path_of(request)} cannot be used"
                raise _about(error, f"{place}; delete it or fetch with --refresh") from error
        except (SourceError, InvalidDataError) as error:
            if self.offline:
                raise
            warnings.warn(f"{error}: fetched again", DataWarning, stacklevel=4)
            return None

    def _ask_until_answered(self, request: Request) -> bytes:
        attempt = 1
        while True:
            try:
                return self._ask(request)
            except _PassingFaultError as fault:
                if attempt >= self._most_attempts(fault):
                    raise UnavailableError(
                        f"no usable answer after {attempt} attempts: {fault} ({request.method} "
                        f"{request.url}); what has arrived is kept, run again later to continue"
                    ) from fault
                wait = self._wait_after(fault, attempt)
                attempt += 1
                if wait >= _WORTH_SAYING:
                    self._say(
                        f"{fault}: waiting {wait:.0f} s, then attempt {attempt} of {self.policy.attempts}"
                    )
            self._sleep(wait)

    def _most_attempts(self, fault: _PassingFaultError) -> int:
        # Without a network patience does not help: the second try is for a line that was just lost.
        return self.policy.attempts if fault.reached else min(2, self.policy.attempts)

    def _wait_after(self, fault: _PassingFaultError, attempt: int) -> float:
        if fault.wait is None:
            return min(self.policy.first_wait * 2.0 ** (attempt - 1), self.policy.longest_wait)
        # A whole window, however long, where too much was asked.
        return fault.wait if fault.too_often else min(fault.wait, self.policy.longest_wait)

    def _ask(self, request: Request) -> bytes:
        pace = _HOSTS.setdefault(host_of(request.url), Pace())
        self._wait_for_turn(pace, request.url)
        self.sent += 1
        try:
            response = self._send(request)
        finally:
            pace.finished()
        try:
            body = _checked_body(response)
        except _PassingFaultError as fault:
            if fault.too_often:
                fault.wait = self._note(pace.refused, response)
            raise
        self._note(pace.note, response)
        return body

    def _note(self, how: Callable[..., Any], response: httpx.Response) -> Any:
        allowance = read_allowance(response.headers, datetime.now(UTC))
        return how(allowance, self._clock(), self.policy.window, self.policy.longest_wait)

    def _wait_for_turn(self, pace: Pace, url: str) -> None:
        policy = self.policy
        while wait := pace.try_to_send(self._clock(), policy.calls, policy.window):
            if wait >= _WORTH_SAYING:
                self._say(f"{urlsplit(url).netloc} allows no more calls now: waiting {wait:.0f} s")
            self._sleep(wait)

    def _send(self, request: Request) -> httpx.Response:
        try:
            return httpx.request(
                request.method,
                request.url,
                content=request.body.encode() if request.body else None,
                headers={
                    "Accept": "application/json",
                    "User-Agent": f"kostnadsvekst/{__version__}",
                    **({"Content-Type": "application/json"} if request.body else {}),
                },
                timeout=self.policy.timeout,
                verify=_trusted(),
                follow_redirects=True,
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise SpecificationError(f"{request.url[:300]!r} is no address of a web service") from error
        except httpx.TimeoutException as error:
            raise _PassingFaultError(f"no answer within {self.policy.timeout:g} s") from error
        except httpx.ConnectError as error:
            raise _PassingFaultError(f"the host cannot be reached ({error})", reached=False) from error
        except httpx.HTTPError as error:  # lost connections and bodies that end too soon
            raise _PassingFaultError(f"the connection failed ({error})") from error


def _about(error: SourceError | InvalidDataError, place: str) -> SourceError | InvalidDataError:
    """Put the place before what is wrong there."""
    if isinstance(error, InvalidDataError):
        return InvalidDataError(f"{place}: {error.summary}", error.problems)
    return SourceError(f"{place}: {error}")


def host_of(url: str) -> str:
    """Host of an address that can be asked.

    Parameters
    ----------
    url : str

    Returns
    -------
    str

    Raises
    ------
    SpecificationError
        It is no address of a web service.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.netloc, parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise SpecificationError(
            f"{url[:300]!r} is no address of a web service (it begins with https:// and a host)"
        )
    return host


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Certificates of the platform, read once (and so also those of a workplace's own proxy)."""
    return ssl.create_default_context()


def _checked_body(response: httpx.Response) -> bytes:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    status = response.status_code
    if status in _PASSING:
        wait = read_allowance(response.headers, datetime.now(UTC)).retry_after
        raise _PassingFaultError(f"HTTP {status}", wait, too_often=status == 429)
    if status != 200:
        words = _words_of(response, kind)
        message = f"HTTP {status}{words}"
        if _TOO_OFTEN.search(words):
            raise _PassingFaultError(message, too_often=True)
        large = status == 413 or (status in (400, 403) and bool(_TOO_LARGE.search(words)))
        asked = f"; asked: {response.request.method} {str(response.url)[:300]}"
        raise RejectedError(message + asked, status, too_large=large)
    if not (kind == "application/json" or kind.endswith("+json")) or _is_markup(response.content):
        got = (kind or "no content type") + (" with a web page" if _is_markup(response.content) else "")
        raise SourceError(
            f"expected JSON from {response.url}, got {got}: a proxy or a login page may stand between"
        )
    try:
        parse_json(response.content)
    except SourceError as error:
        if isinstance(error.__cause__, json.JSONDecodeError):  # cut off on its way
            what = f"the body of {len(response.content)} bytes is no complete JSON"
            raise _PassingFaultError(what) from error
    return response.content


def _is_markup(content: bytes) -> bool:
    return content.lstrip()[:1] == b"<"


def _words_of(response: httpx.Response, kind: str) -> str:
    """Tell what a refusal says; the body's own status is the telling one (an unknown table is HTTP 400)."""
    if kind == "text/html" or _is_markup(response.content):
        return " with a web page instead of data (a URL that is too long, or a wrong address)"
    try:
        told = parse_json(response.content)
    except SourceError:
        told = response.text if kind == "text/plain" else None
    status = ""
    if isinstance(told, dict):
        status = f" (status {str(told['status'])[:20]} in the body)" if "status" in told else ""
        told = next((told[key] for key in ("title", "error", "message", "detail") if told.get(key)), "")
    text = " ".join(told.split())[:300] if isinstance(told, str) else ""
    return f": {(text + status).strip()}" if text or status else ""
