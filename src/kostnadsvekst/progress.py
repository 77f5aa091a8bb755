"""How far a long work has come: a line on standard error, only where someone watches."""

import contextlib
import sys
import time
from types import TracebackType
from typing import Self

_SECONDS = 0.1  # between two lines: more often than that nobody reads them


class Progress:
    """The last line of a terminal, taken away at the end; silent unless standard error is one.

    Parameters
    ----------
    label : str
        What is being done.
    total : int
        Steps or rows; with 0 it is not known how many, and no share is shown.
    shown : bool
        False is silence on a terminal, too.

    Notes
    -----
    Plain ASCII, blanks and a carriage return: any console can show it, of Windows, too.
    """

    def __init__(self, label: str, total: int = 0, *, shown: bool = True) -> None:
        # A program without a console has no standard error at all.
        self._shown = shown and sys.stderr is not None and sys.stderr.isatty()
        self._label, self._total = label, total
        self._done, self._width, self._next = 0, 0, 0.0

    def __enter__(self) -> Self:
        self._draw(self._line())
        return self

    def advance(self, steps: int = 1, label: str = "") -> None:
        """Say that so many more steps are done, and what is done now."""
        self.reach(self._done + steps, label)

    def reach(self, done: int, label: str = "") -> None:
        """Say how many steps are done in all, and what is done now."""
        self._done, self._label = done, label or self._label
        if label or time.monotonic() >= self._next:
            self._draw(self._line())

    def clear(self) -> None:
        """Take the line away, so that something else can be said; the next step draws it again."""
        self._draw("")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")

    def _line(self) -> str:
        if not self._total:
            return f"{self._label} ..."
        share = min(100 * self._done // self._total, 100)
        return f"{self._label}: {share} % ({self._done:,} of {self._total:,})"

    def _draw(self, line: str) -> None:
        if not self._shown:
            return
        plain = line.encode("ascii", "replace").decode()
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            end = "" if line else "\r"
            print(f"\r{plain:<{self._width}}", end=end, file=sys.stderr, flush=True)
        self._width, self._next = len(plain), time.monotonic() + _SECONDS
