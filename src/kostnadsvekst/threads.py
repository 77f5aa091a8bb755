"""Small problems on one thread: where BLAS shares them out, threads wait longer than they work.

A product of 2,000 rows by 20 columns takes less time than waking a second thread, and where another process
keeps a processor busy the first thread waits for the second until that one gets a turn: 4 milliseconds
become 16 to 128. Public functions therefore run their linear algebra on one thread unless it is large.

The number of threads belongs to the process. While some call wants one thread, all have one; when the last
such call ends, also by an exception, the number is again what the user had set.
"""

import threading
from collections.abc import Callable
from functools import cache, wraps
from itertools import product
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

# Multiplications from which threads may share the work: some 50 milliseconds of one of them.
LARGE = 1e9


class _Library(NamedTuple):
    """A library of linear algebra: how many threads it has, and how to give it another number."""

    get: Callable[[], int]
    set: Callable[[int], object]


class _Libraries(NamedTuple):
    """Those whose number of threads is one for the process, and those where each thread has its own."""

    shared: tuple[_Library, ...]
    by_thread: tuple[_Library, ...]


class _Before:
    """Numbers of threads to give back, and how many calls still want one thread."""

    def __init__(self) -> None:
        self._calls = 0
        self._before: list[tuple[_Library, int]] = []

    def enter(self, libraries: tuple[_Library, ...]) -> None:
        """Set one thread if this is the first call."""
        if not self._calls:
            self._before = [(library, count) for library in libraries if (count := library.get()) != 1]
            for library, _ in self._before:
                library.set(1)
        self._calls += 1

    def leave(self) -> None:
        """Give back what was if this is the last call."""
        self._calls -= 1
        if not self._calls:
            for library, count in self._before:
                library.set(count)


class _OneThread:
    """Counts the calls that want one thread; the first sets it, the last gives back what was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared = _Before()
        self._local = threading.local()

    def __enter__(self) -> None:
        libraries = _libraries()
        with self._lock:
            self._shared.enter(libraries.shared)
        if libraries.by_thread:
            self._own().enter(libraries.by_thread)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._shared.leave()
        if _libraries().by_thread:
            self._own().leave()

    def _own(self) -> _Before:
        if not hasattr(self._local, "before"):
            self._local.before = _Before()
        before: _Before = self._local.before
        return before


class _AnyThreads:
    """Leaves the number of threads alone."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""


_ONE, _ANY = _OneThread(), _AnyThreads()


def threads_for(work: float) -> _OneThread | _AnyThreads:
    """Context for linear algebra: one thread, or with `LARGE` work as many as the user lets BLAS have.

    Parameters
    ----------
    work : float
        Multiplications, such as n k^2 of the cross-products of k columns.

    Examples
    --------
    >>> with threads_for(2_000 * 20**2):
    ...     pass
    """
    return _ANY if work >= LARGE else _ONE


def one_thread(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Let a function, whose matrices are always small, run on one thread."""

    @wraps(function)
    def limited(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        with _ONE:
            return function(*args, **kwargs)

    return limited


@cache
def _libraries() -> _Libraries:
    """BLAS of numpy and of scipy: finding them takes a millisecond, so that it is done once."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas").lib_controllers
    own = [library for library in found if getattr(library, "threading_layer", "") == "openmp"]
    return _Libraries(
        tuple(_Library(library.get_num_threads, _setter(library)) for library in found if library not in own),
        tuple(_Library(library.get_num_threads, library.set_num_threads) for library in own),
    )


def _setter(library: Any) -> Callable[[int], object]:
    """Find how to set a library's number of threads from any thread.

    threadpoolctl lets only one thread set that of OpenBLAS, and others silently do nothing. Here calls are
    counted instead, so the library's own function is taken.
    """
    for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
        name = f"{prefix}openblas_set_num_threads{suffix}"
        if hasattr(library.dynlib, name):
            own: Callable[[int], object] = getattr(library.dynlib, name)
            return own
    other: Callable[[int], object] = library.set_num_threads
    return other
