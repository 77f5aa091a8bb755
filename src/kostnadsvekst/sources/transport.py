"""Polite HTTP: limits kept, faults that pass retried, answers cached, everything else said plainly."""

import email.utils
import json
import ssl
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import tenacity

from kostnadsvekst.errors import DataMissingError, DataWarning, SourceError
from kostnadsvekst.sources.cache import Answer, Cache, Request
from kostnadsvekst.version import __version__

_PASSING = {408, 429, 500, 502, 503, 504}


class UnavailableError(SourceError):
    """The source could not be reached or kept failing: another way to the same data may work."""


class RejectedError(SourceError):
    """The source understood the request and refused it.

    Parameters
    ----------
    message : str
    status : int
        HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


class _PassingFaultError(Exception):
    def __init__(self, what: str, wait: float | None = None, *, reached: bool = True) -> None:
        self.wait, self.reached = wait, reached
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


@dataclass
class _Host:
    sent: deque[float] = field(default_factory=deque)
    not_before: float = 0.0


# Limits count per address and host, whatever the number of clients in this process.
_HOSTS: dict[str, _Host] = {}


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
    sleep : callable
        ``sleep(seconds)``; replaced in tests.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        offline: bool = False,
        refresh: bool = False,
        policy: Policy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.cache, self.offline, self.refresh = cache, offline, refresh
        self.policy = policy or Policy()
        self._sleep = sleep
        self.sent = 0

    def missing(self, requests: list[Request]) -> list[Request]:
        """Those of the requests that the cache cannot answer."""
        return [request for request in requests if self.cache.read(request) is None]

    def get(self, request: Request, *, refresh: bool = False) -> tuple[Any, Answer]:
        """Get the parsed JSON that answers a request.

        Parameters
        ----------
        request : Request
        refresh : bool
            Ask again although the cache has an answer.

        Returns
        -------
        document : object
        answer : Answer

        Raises
        ------
        DataMissingError
            Offline, and the cache has no answer.
        RejectedError
            The source refuses the request (unknown table or code, too many cells).
        UnavailableError
            The source cannot be reached, or kept failing.
        SourceError
            It answers something else than JSON, or (offline) the cached answer is damaged.
        """
        kept = None if (refresh or self.refresh) and not self.offline else self._read_cache(request)
        if kept is not None:
            return json.loads(kept.body), kept
        if self.offline:
            raise DataMissingError(f"offline, and never fetched before: {request}")
        body = self._ask_until_answered(request)
        return json.loads(body), self.cache.write(request, body)

    def _read_cache(self, request: Request) -> Answer | None:
        try:
            return self.cache.read(request)
        except SourceError as error:
            if self.offline:
                raise
            warnings.warn(f"{error}: fetched again", DataWarning, stacklevel=4)
            return None

    def _ask_until_answered(self, request: Request) -> bytes:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingFaultError),
            stop=self._stop,
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._ask, request)
        except _PassingFaultError as fault:
            tried = retrying.statistics["attempt_number"]
            raise UnavailableError(
                f"no usable answer after {tried} attempts: {fault} ({request.method} "
                f"{request.url}); what has arrived is kept, run again later to continue"
            ) from fault

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        fault = state.outcome.exception() if state.outcome else None
        # Without a network patience does not help: the second try is for a line that was just lost.
        limit = self.policy.attempts if getattr(fault, "reached", True) else min(2, self.policy.attempts)
        return state.attempt_number >= limit

    def _wait(self, state: tenacity.RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        named: float | None = getattr(fault, "wait", None)
        doubling = self.policy.first_wait * 2 ** (state.attempt_number - 1)
        return min(doubling if named is None else named, self.policy.longest_wait)

    def _ask(self, request: Request) -> bytes:
        host = _HOSTS.setdefault(urlsplit(request.url).netloc, _Host())
        self._keep_limit(host)
        self.sent += 1
        try:
            response = httpx.request(
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
        except httpx.TimeoutException as error:
            raise _PassingFaultError(f"no answer within {self.policy.timeout:g} s") from error
        except httpx.ConnectError as error:
            raise _PassingFaultError(f"the host cannot be reached ({error})", reached=False) from error
        except httpx.HTTPError as error:  # lost connections and bodies that end too soon
            raise _PassingFaultError(f"the connection failed ({error})") from error
        self._note_limit(host, response)
        return _checked_body(response)

    def _keep_limit(self, host: _Host) -> None:
        now = time.monotonic()
        while host.sent and host.sent[0] <= now - self.policy.window:
            host.sent.popleft()
        wait = host.not_before - now
        if len(host.sent) >= self.policy.calls:
            wait = max(wait, host.sent[-self.policy.calls] + self.policy.window - now)
        if wait > 0:
            self._sleep(min(wait, self.policy.longest_wait))
        host.sent.append(time.monotonic())

    def _note_limit(self, host: _Host, response: httpx.Response) -> None:
        """Wait before the next request where the answer says that none are left."""
        left = response.headers.get("X-Rate-Limit-Remaining", response.headers.get("RateLimit-Remaining"))
        if left is not None and left.strip() == "0":
            reset = response.headers.get("X-Rate-Limit-Reset", response.headers.get("RateLimit-Reset"))
            wait = _seconds(reset)
            host.not_before = time.monotonic() + (self.policy.window if wait is None else wait)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Certificates of the platform, read once (and so also those of a workplace's own proxy)."""
    return ssl.create_default_context()


def _checked_body(response: httpx.Response) -> bytes:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    status = response.status_code
    if status in _PASSING:
        raise _PassingFaultError(f"HTTP {status}", _seconds(response.headers.get("Retry-After")))
    if status != 200:
        raise RejectedError(_refusal(response, kind), status)
    if not (kind == "application/json" or kind.endswith("+json")):
        raise SourceError(
            f"expected JSON from {response.url}, got {kind or 'no content type'}: "
            "a proxy or a login page may stand between"
        )
    try:
        json.loads(response.content)
    except ValueError as error:
        raise _PassingFaultError(f"the body of {len(response.content)} bytes is no complete JSON") from error
    return response.content


def _refusal(response: httpx.Response, kind: str) -> str:
    """Tell what a refusal says; the body's own status is the telling one (an unknown table is HTTP 400)."""
    message = f"HTTP {response.status_code}"
    if kind == "text/html":
        message += " with a web page instead of data (a URL that is too long, or a wrong address)"
    try:
        told = response.json()
    except ValueError:
        told = None
    if isinstance(told, dict):
        title = told.get("title") or told.get("error") or told.get("message") or ""
        message += f": {title} (status {told['status']} in the body)" if "status" in told else f": {title}"
    return f"{message}; asked: {response.request.method} {str(response.url)[:300]}"


def _seconds(stated: str | None) -> float | None:
    """Seconds from now of a header that holds seconds, an HTTP date or an ISO time."""
    if not stated:
        return None
    try:
        return max(float(stated), 0.0)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(stated)
        except ValueError:
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
