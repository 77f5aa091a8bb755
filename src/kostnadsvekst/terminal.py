"""A program of ours and its terminal: any alphabet, closed pipes, full disks, signals and exit codes."""

import codecs
import contextlib
import io
import json
import os
import re
import signal
import sys
import unicodedata
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, TextIO

from kostnadsvekst.errors import KostnadsvekstError, OutputError

__all__ = [
    "CLOSED_PIPE",
    "INTERRUPTED",
    "TERMINATED",
    "complain",
    "describe",
    "failure_of",
    "run_program",
    "say",
    "say_json",
    "writable",
]


def __dir__() -> list[str]:
    return sorted(__all__)


# As a shell has it: 128 and the number of the signal.
INTERRUPTED, TERMINATED, CLOSED_PIPE = 130, 143, 141
_ASCII = "kostnadsvekst.ascii"
_LETTERS = {
    "æ": "ae",
    "ø": "oe",
    "å": "aa",
    "Æ": "Ae",
    "Ø": "Oe",
    "Å": "Aa",
    "ß": "ss",
    "đ": "d",
    "ð": "d",
    "–": "-",
    "—": "-",
    "−": "-",
    "‑": "-",
    "×": "x",
    "·": ".",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "≈": "~",
    "±": "+/-",
    "•": "*",
}
# What would move the cursor, colour the screen or turn the line round; line ends and tabs are none of them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


# Where numba makes a Python object of what compiled code returns.
_HANDING_OVER = os.path.join("numba", "core", "serialize.py")


class _StoppedError(BaseException):
    """A signal asked the program to end; no handler of errors may hold it up."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


class _ReaderGoneError(BaseException):
    """Nobody reads standard output any more."""


_stopped_by: list[int] = []


def run_program(main: Callable[[], int], *, tell: bool = True) -> int:
    """Run the main function of a script and return its exit code, whatever happens to its terminal.

    Parameters
    ----------
    main : callable
        Writes with `say` and `complain`; returns an exit code.
    tell : bool
        Whether a line says that a signal ended it; not where another process says so.

    Returns
    -------
    int
        What ``main`` returned; `INTERRUPTED` after Ctrl-C and 128 plus its number after another signal, each
        with one line on standard error; `CLOSED_PIPE`, silently, when the reader of standard output has gone;
        3 when standard output cannot be written to.
    """
    _prepare_streams()
    _listen()
    try:
        code: int = _flushed(_run(main))
        if not _stopped_by:
            return code
        number = _stopped_by[0]
    except SystemExit as end:  # argparse has printed its help
        raise SystemExit(_flushed(end.code)) from None
    except _StoppedError as stop:
        number = stop.number
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)  # it is ending
    if tell:
        complain(
            f"{_NAMES.get(number, 'stopped')}: what was written before is whole, nothing is left half-written"
        )
    return 128 + number


def _flushed(code: str | int | None) -> Any:
    """Exit code once all is written that was printed without `say`."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(sys.stdout)
        return CLOSED_PIPE
    except OSError as error:
        _drop(sys.stdout)
        complain(f"error: standard output cannot be written to: {error.strerror or error}")
        return KostnadsvekstError.exit_code
    return code


_NAMES: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def _run(main: Callable[[], int]) -> int:
    try:
        return main()
    except _ReaderGoneError:
        return CLOSED_PIPE
    except KeyboardInterrupt:
        raise _StoppedError(signal.SIGINT) from None
    except KostnadsvekstError as error:
        # A library that was interrupted may call it an error of its own.
        if not _stopped_by:
            complain(f"error: {error}")
        return error.exit_code
    except (OSError, MemoryError) as error:
        complain(f"error: {describe(error)}")
        return KostnadsvekstError.exit_code


def describe(error: BaseException) -> str:
    """Words for an error of ours, of the operating system or of want of memory."""
    if isinstance(error, MemoryError):
        return "there is not enough memory: close other programs, or use a machine with more"
    if isinstance(error, OSError) and not isinstance(error, KostnadsvekstError):
        place = f"{error.filename!r}: " if error.filename is not None else ""
        return f"{place}{error.strerror or error}; check that it is there, may be used, and has room"
    return str(error)


def failure_of(error: BaseException) -> dict[str, object]:
    """Return an error as programs read it: exit code, kind and message."""
    code = error.exit_code if isinstance(error, KostnadsvekstError) else KostnadsvekstError.exit_code
    return {"exit_code": code, "error": {"kind": type(error).__name__, "message": describe(error)}}


def say_json(value: Mapping[str, object]) -> None:
    """Print a summary for programs: always JSON, in ASCII where the terminal has no more."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    say(text if writable(text) else json.dumps(value, allow_nan=False, indent=1))


def say(text: str) -> None:
    """Write a line to standard output.

    Parameters
    ----------
    text : str
        Letters that the terminal lacks are written in ASCII; control characters are shown, not obeyed.

    Raises
    ------
    OutputError
        Standard output cannot be written to, such as a full disk.
    """
    try:
        print(_visible(text), flush=True)
    except BrokenPipeError:
        _drop(sys.stdout)
        raise _ReaderGoneError from None
    except OSError as error:
        _drop(sys.stdout)
        raise OutputError(f"standard output cannot be written to: {error.strerror or error}") from error


def complain(text: str) -> None:
    """Write a line to standard error; nobody is told where that cannot be written to."""
    try:
        print(_visible(text), file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)


def writable(text: str) -> bool:
    """Whether standard output can hold a text letter by letter."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _visible(text: str) -> str:
    return _CONTROLS.sub(lambda sign: f"\\x{ord(sign.group()):02x}", text)


def _prepare_streams() -> None:
    """Give the program three open streams that take any text."""
    codecs.register_error(_ASCII, _in_ascii)
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened, a user's perhaps, would be taken for standard output.
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ASCII)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Write what an encoding lacks as a person would, or by its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_letter, error.object[error.start : error.end])), error.end


def _letter(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return _LETTERS.get(sign) or plain or sign.encode("ascii", "backslashreplace").decode()


def _listen() -> None:
    """Let signals end the program in order: everything temporary is removed on the way out."""
    _stopped_by.clear()
    wanted = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    for number in wanted:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    _stopped_by.append(number)
    signal.signal(number, signal.SIG_DFL)  # who asks twice means at once
    callers = _callers_of_compiled_code(frame)
    if not callers:
        raise _StoppedError(number)

    def stop_later(frame: FrameType, event: str, value: object) -> None:
        del event, value
        if frame in callers:
            sys.setprofile(None)
            raise _StoppedError(number)

    # Compiled code is handing over its result and looks for no error: stop once its caller goes on.
    sys.setprofile(stop_later)


def _callers_of_compiled_code(frame: FrameType | None) -> list[FrameType]:
    """Frames above the one in which a result is handed over; none if that is not what is going on."""
    chain = []
    while frame is not None:
        chain.append(frame)
        frame = frame.f_back
    inside = [place for place, frame in enumerate(chain) if frame.f_code.co_filename.endswith(_HANDING_OVER)]
    return chain[inside[-1] + 1 :] if inside else []


def _drop(stream: TextIO) -> None:
    """Let what is still to be written go nowhere: Python would try again, and complain, when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
