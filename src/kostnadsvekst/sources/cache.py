"""Answers of remote sources on disk: what was asked, when, and whether the bytes are still those received."""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from kostnadsvekst.errors import OutputError, SourceError


@dataclass(frozen=True)
class Request:
    """One HTTP request, complete: equal requests are the same request to the cache.

    Parameters
    ----------
    method : str
        GET or POST.
    url : str
        With the query string.
    body : str
        JSON sent with POST, else empty.
    """

    method: str
    url: str
    body: str = ""

    @property
    def key(self) -> str:
        """Hexadecimal sha256 of the request."""
        return hashlib.sha256(json.dumps([self.method, self.url, self.body]).encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.method} {self.url}" + (f" {self.body}" if self.body else "")


@dataclass(frozen=True)
class Answer:
    """The bytes that a source answered, with their origin.

    Parameters
    ----------
    body : bytes
    retrieved : str
        Time of retrieval, ISO 8601, UTC.
    sha256 : str
        Of `body`, hexadecimal.
    from_cache : bool
        Whether no request was sent.
    """

    body: bytes
    retrieved: str
    sha256: str
    from_cache: bool = False


class Cache:
    """Answers in a folder, two files each: the bytes (``.body``) and their origin (``.json``).

    Parameters
    ----------
    folder : Path
        Created on first use. `default_folder` gives the platform's place for caches.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def read(self, request: Request) -> Answer | None:
        """Answer kept for a request, or None.

        Raises
        ------
        SourceError
            If the bytes on disk are not those that were received.
        """
        described, body = self._paths(request)
        if not (described.is_file() and body.is_file()):
            return None
        try:
            origin = json.loads(described.read_text("utf-8"))
            expected, retrieved = str(origin["sha256"]), str(origin["retrieved"])
            asked = Request(origin["method"], origin["url"], origin["body"])
            content = body.read_bytes()
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise SourceError(
                f"cache file {described} is damaged; delete it or fetch with --refresh"
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != expected or asked != request:
            wrong = f"sha256 {found[:12]}… instead of {expected[:12]}…"
            wrong = wrong if found != expected else "it answers another request"
            raise SourceError(
                f"cache file {body} is damaged: {wrong} "
                f"(received {retrieved} from {request.url}); delete it or fetch with --refresh"
            )
        return Answer(content, retrieved, expected, from_cache=True)

    def write(self, request: Request, body: bytes) -> Answer:
        """Keep the answer to a request; a crash leaves either the old answer or none.

        Returns
        -------
        Answer
            With the time of now as time of retrieval.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        answer = Answer(
            body, datetime.now(UTC).isoformat(timespec="seconds"), hashlib.sha256(body).hexdigest()
        )
        described, content = self._paths(request)
        origin = {**asdict(request), "retrieved": answer.retrieved, "sha256": answer.sha256}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            described.unlink(missing_ok=True)
            write_atomically(content, body)
            write_atomically(described, json.dumps(origin, ensure_ascii=False, indent=1).encode())
        except OSError as error:
            raise OutputError(
                f"the cache {self.folder} cannot be written: {error.strerror or error}; "
                "make room or name another folder with --cache"
            ) from error
        return answer

    def path_of(self, request: Request) -> Path:
        """File that holds the bytes of an answer, if there is one."""
        return self._paths(request)[1]

    def _paths(self, request: Request) -> tuple[Path, Path]:
        return self.folder / f"{request.key}.json", self.folder / f"{request.key}.body"


def default_folder() -> Path:
    """Platform's cache folder for this package."""
    from platformdirs import user_cache_path

    return user_cache_path("kostnadsvekst", appauthor=False) / "http"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or all of the new.

    Parameters
    ----------
    path : Path
    content : bytes
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
