"""Progress bars on stderr, only where someone watches."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class RowProgress:
    """A bar over rows; silent unless stderr is a terminal.

    Parameters
    ----------
    label : str
    total : int
        Rows.
    """

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        # A program without a console has no standard error at all.
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._label, total=self._total)
        return self

    def advance(self, rows: int) -> None:
        """Say that `rows` more rows are done."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
