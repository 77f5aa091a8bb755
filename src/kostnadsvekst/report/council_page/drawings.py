"""Figures of the page: bars, intervals in rows, funnel, waterfall and fan; every mark tells its value."""

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.report.council_page.content import Drawing, Mark, Text
from kostnadsvekst.report.council_page.voice import numbers
from kostnadsvekst.report.page.svg import ticks_between

WIDTH = 600.0
TOP, BELOW, RIGHT = 14.0, 40.0, 16.0
LABELS = 206.0
LEFT = 66.0
ROW = 34.0
HEIGHT = 310.0
_LETTERS = 31
_NOTHING = Bilingual("", "")
Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Bar:
    """A row with a bar.

    Attributes
    ----------
    label, told : Bilingual
    value : float or None
        None where it is hidden or missing: a sign stands in its place.
    beside : float or None
        Such as the mean, drawn as a line across.
    opens : str
        Key of a `Drill`.
    """

    label: Bilingual
    value: float | None
    told: Bilingual
    beside: float | None = None
    opens: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """A value with its interval.

    Attributes
    ----------
    label, told : Bilingual
    value, low, high : float or None
    own : bool
        Whether it is the municipality that the page is of.
    x : float
        Across a funnel: the size behind the value.
    """

    label: Bilingual
    value: float | None
    low: float | None
    high: float | None
    told: Bilingual
    own: bool = False
    x: float = math.nan


@dataclass(frozen=True, slots=True)
class Named:
    """Name of a figure and how it is read.

    Attributes
    ----------
    key : str
    title, unit, about : Bilingual
        ``unit`` is what the axis of values is, with its unit.
    table : str
        Key of the table that holds its numbers.
    across : Bilingual
        What the other axis is, where it has numbers.
    """

    key: str
    title: Bilingual
    unit: Bilingual
    about: Bilingual
    table: str = ""
    across: Bilingual = _NOTHING


def bars(named: Named, rows: Sequence[Bar]) -> Drawing:
    """Lying bars, one a row, from zero.

    Parameters
    ----------
    named : Named
    rows : sequence of Bar
    """
    known = [v for row in rows for v in (row.value, row.beside) if v is not None]
    ticks = ticks_between(min([0.0, *known]), max([0.0, *known]), 5)
    height = TOP + ROW * len(rows) + BELOW
    across = _scale(ticks, LABELS, WIDTH - RIGHT - 20)
    marks = [_bar(row, k, across) for k, row in enumerate(rows)]
    texts = [*_row_labels([row.label for row in rows]), *_ticks_below(ticks, across, height, named.unit)]
    ground = [*_lines_down(ticks, across, height)]
    return _drawing(named, height, ground, texts, marks)


def _bar(row: Bar, k: int, across: Scale) -> Mark:
    y = TOP + ROW * k
    parts = [_target(0, y, WIDTH, ROW)]
    if row.value is None:
        parts.append(f'<text class="gone" x="{across(0) + 6:.1f}" y="{y + ROW / 2 + 4:.1f}">:</text>')
    else:
        start, end = sorted((across(0), across(row.value)))
        parts.append(
            f'<rect class="bar" x="{start:.1f}" y="{y + 8:.1f}" width="{end - start:.1f}" height="16"/>'
        )
    if row.beside is not None:
        parts.append(f'<path class="mean" d="M{across(row.beside):.1f} {y + 3:.1f}v26"/>')
    parts.append(
        f'<path class="after" data-after="{k}" data-zero="{across(0):.3f}" '
        f'data-one="{across(1) - across(0):.9g}" data-y="{y + 16:.1f}" d=""/>'
    )
    return Mark("".join(parts), row.told, row.opens)


def ranks(named: Named, rows: Sequence[Spread], mean: float | None) -> Drawing:
    """Values with their intervals, one a row, beside the mean.

    Parameters
    ----------
    named : Named
    rows : sequence of Spread
        In the order to be drawn.
    mean : float or None
    """
    ticks = ticks_between(*_ends([*rows], mean), 5)
    height = TOP + 26 * len(rows) + BELOW
    across = _scale(ticks, LABELS, WIDTH - RIGHT - 20)
    ground = [*_lines_down(ticks, across, height)]
    if mean is not None:
        ground.append(f'<path class="mean" d="M{across(mean):.1f} {TOP:.1f}V{height - BELOW:.1f}"/>')
    marks = [_interval(row, TOP + 26 * k, across) for k, row in enumerate(rows)]
    texts = [*_row_labels([row.label for row in rows], 26), *_ticks_below(ticks, across, height, named.unit)]
    return _drawing(named, height, ground, texts, marks)


def _ends(rows: Sequence[Spread], *others: float | None) -> tuple[float, float]:
    known = [v for row in rows for v in (row.value, row.low, row.high) if v is not None]
    known += [v for v in others if v is not None]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _interval(row: Spread, y: float, across: Scale) -> Mark:
    middle = y + 13
    parts = [_target(0, y, WIDTH, 26)]
    if row.low is not None and row.high is not None:
        parts.append(f'<path class="span" d="M{across(row.low):.1f} {middle:.1f}H{across(row.high):.1f}"/>')
    if row.value is not None:
        parts.append(_point(across(row.value), middle, own=row.own))
    return Mark("".join(parts), row.told)


def _point(x: float, y: float, *, own: bool) -> str:
    """Own municipality a filled square, the others open circles: told apart without colours."""
    if own:
        return f'<rect class="own" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"/>'
    return f'<circle class="other" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def funnel(
    named: Named, rows: Sequence[Spread], mean: float, limits: Sequence[Sequence[tuple[float, float, float]]]
) -> Drawing:
    """Values over the size behind them, with the limits that chance alone keeps.

    Parameters
    ----------
    named : Named
    rows : sequence of Spread
        With ``x``, drawn by its logarithm; those without a value or a size are not drawn.
    mean : float
    limits : sequence of sequences of (x, low, high)
        Inner limits first.
    """
    shown = [row for row in rows if row.value is not None and row.x > 0]
    sizes = [row.x for row in shown] + [x for line in limits for x, _, _ in line if x > 0]
    up_ticks = ticks_between(
        *_ends(shown, mean, *(v for line in limits for _, *ends in line for v in ends)), 5
    )
    over, over_ticks = _logarithmic(min(sizes, default=1.0), max(sizes, default=10.0))
    up = _scale(up_ticks, HEIGHT - BELOW - 8, TOP + 8)
    ground = [*_lines_across(up_ticks, up)]
    for number, line in enumerate(limits):
        for end in (1, 2):
            d = "L".join(f"{over(one[0]):.1f} {up(one[end]):.1f}" for one in line)
            ground.append(f'<path class="limit limit{number + 1}" d="M{d}"/>')
    ground.append(f'<path class="mean" d="M{LEFT:.1f} {up(mean):.1f}H{WIDTH - RIGHT:.1f}"/>')
    marks = []
    for row in sorted(shown, key=lambda one: one.x):
        x, y = over(row.x), up(float(row.value or 0.0))
        marks.append(Mark(_target(x - 9, y - 9, 18, 18) + _point(x, y, own=row.own), row.told))
    texts = [*_ticks_left(up_ticks, up, named.unit), *_ticks_under(over_ticks, over, named.across)]
    return _drawing(named, HEIGHT, ground, texts, marks)


def _logarithmic(low: float, high: float) -> tuple[Scale, list[float]]:
    """Scale of sizes, and its marks at 1, 2 and 5 times powers of ten, few enough to be read."""
    ends = (math.log10(low / 1.15), math.log10(high * 1.15))
    straight = _scale(ends, LEFT, WIDTH - RIGHT - 10)
    powers = range(math.floor(ends[0]), math.ceil(ends[1]) + 1)
    ticks = [f * 10.0**p for p in powers for f in (1, 2, 5) if ends[0] <= math.log10(f * 10.0**p) <= ends[1]]
    whole = [tick for tick in ticks if math.log10(tick) % 1 < 1e-9]
    return lambda size: straight(math.log10(size)), whole if len(ticks) > 7 and len(whole) > 1 else ticks


def waterfall(named: Named, start: Bar, steps: Sequence[Bar], end: Bar) -> Drawing:
    """From one level to another, each step from where the one before ended.

    Parameters
    ----------
    named : Named
    start, end : Bar
    steps : sequence of Bar
        Their values are changes.
    """
    level, levels = float(start.value or 0.0), [float(start.value or 0.0)]
    for step in steps:
        level += float(step.value or 0.0)
        levels.append(level)
    low, high = min(levels), max(levels)
    # Steps are small beside the levels: the axis need not begin at zero, and says so by its numbers.
    floor = low - max(0.35 * (high - low), 0.02 * abs(low)) if low > 0 else low
    ticks = ticks_between(floor, high, 5)
    rows = [start, *steps, end]
    height = TOP + ROW * len(rows) + BELOW
    across = _scale(ticks, LABELS, WIDTH - RIGHT - 20)
    zero = max(ticks[0], min(ticks[-1], 0.0))
    spans = [(zero, levels[0]), *pairwise(levels), (zero, float(end.value or 0.0))]
    marks = [
        _piece(row, k, (across(a), across(b)), "" if k in (0, len(rows) - 1) else "up" if b >= a else "down")
        for k, (row, (a, b)) in enumerate(zip(rows, spans, strict=True))
    ]
    texts = [*_row_labels([row.label for row in rows]), *_ticks_below(ticks, across, height, named.unit)]
    ground = [*_lines_down(ticks, across, height)]
    return _drawing(named, height, ground, texts, marks)


def _piece(row: Bar, k: int, ends: tuple[float, float], way: str) -> Mark:
    y = TOP + ROW * k
    left, right = sorted(ends)
    size = f'y="{y + 8:.1f}" width="{max(right - left, 1):.1f}" height="16"'
    shape = f'<rect class="bar {way}" x="{left:.1f}" {size}/>'
    sign = {"up": "+", "down": "\u2212"}.get(way, "")
    if sign:
        shape += f'<text class="sign" x="{right + 5:.1f}" y="{y + 20:.1f}">{sign}</text>'
    return Mark(_target(0, y, WIDTH, ROW) + shape, row.told, row.opens)


@dataclass(frozen=True, slots=True)
class Path:
    """A projected line.

    Attributes
    ----------
    label : Bilingual
    years : tuple of int
    values : tuple of float or None
    low, high : tuple of float or None
        Empty without a band.
    extrapolated : tuple of bool
        Whether the record behind the band does not reach a year; empty where it does.
    told : tuple of Bilingual
        One a year.
    """

    label: Bilingual
    years: tuple[int, ...]
    values: tuple[float | None, ...]
    told: tuple[Bilingual, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    extrapolated: tuple[bool, ...] = ()


def fan(named: Named, path: Path) -> Drawing:
    """Draw a line over years in its band; where the record does not reach, the band is dashed and empty.

    Parameters
    ----------
    named : Named
    path : Path
    """
    known = [v for v in (*path.values, *path.low, *path.high) if v is not None]
    up_ticks = ticks_between(min([0.0, *known]), max(known, default=1.0), 5)
    year_ticks = [y for y in path.years if y % max(1, math.ceil(len(path.years) / 8)) == 0] or [*path.years]
    span = (path.years[0], path.years[-1] if len(path.years) > 1 else path.years[0] + 1)
    over = _scale(span, LEFT + 6, WIDTH - RIGHT - 14)
    up = _scale(up_ticks, HEIGHT - BELOW, TOP + 8)
    ground = [*_lines_across(up_ticks, up), *_bands(path, over, up)]
    ground.append(_line(path, over, up))
    marks = []
    for year, value, told in zip(path.years, path.values, path.told, strict=True):
        if value is not None:
            point = f'<circle class="dot" cx="{over(year):.1f}" cy="{up(value):.1f}" r="3.5"/>'
            marks.append(Mark(_target(over(year) - 7, TOP, 14, HEIGHT - BELOW - TOP) + point, told))
    texts = [*_ticks_left(up_ticks, up, named.unit)]
    texts += [Text(over(y), HEIGHT - BELOW + 16, both(str(y)), anchor="middle") for y in year_ticks]
    return _drawing(named, HEIGHT, ground, texts, marks)


def _bands(path: Path, over: Scale, up: Scale) -> Iterator[str]:
    if not path.low:
        return
    beyond = path.extrapolated or (False,) * len(path.years)
    places = [k for k, low in enumerate(path.low) if low is not None and path.high[k] is not None]
    for kind, wanted in (("band", False), ("band beyond", True)):
        chosen = [k for k in places if beyond[k] is wanted]
        if wanted and chosen:
            chosen = [k for k in places if k == chosen[0] - 1] + chosen
        if len(chosen) > 1:
            edge = [(path.years[k], path.high[k]) for k in chosen]
            edge += [(path.years[k], path.low[k]) for k in reversed(chosen)]
            d = "L".join(f"{over(year):.1f} {up(float(v or 0.0)):.1f}" for year, v in edge)
            yield f'<path class="{kind}" d="M{d}Z"/>'


def _line(path: Path, over: Scale, up: Scale) -> str:
    """Line through what is known; it breaks where something is not."""
    d, pen = [], "M"
    for year, value in zip(path.years, path.values, strict=True):
        if value is not None:
            d.append(f"{pen}{over(year):.1f} {up(value):.1f}")
        pen = "M" if value is None else "L"
    return f'<path class="line" d="{"".join(d)}"/>'


# --- Axes


def _scale(ticks: Sequence[float], start: float, end: float) -> Scale:
    low, high = ticks[0], ticks[-1]
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _target(x: float, y: float, width: float, height: float) -> str:
    """Area that takes the pointer: larger than what is drawn."""
    return f'<rect class="target" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _row_labels(labels: Sequence[Bilingual], row: float = ROW) -> Iterator[Text]:
    for k, label in enumerate(labels):
        most = 3 if row >= ROW else 1
        lines = [in_lines(label.get(lang), most) for lang in ("nb", "en")]
        count = max(map(len, lines))
        look, height = ("name", 13.0) if count < 3 else ("tick", 10.5)
        first = TOP + row * (k + 0.5) + 4 - height * (count - 1) / 2
        for number in range(count):
            texts = (line[number] if number < len(line) else "" for line in lines)
            yield Text(LABELS - 8, first + height * number, Bilingual(*texts), look, "end")


def in_lines(text: str, most: int) -> list[str]:
    """Break a long label where words end; what does not fit is shortened.

    Parameters
    ----------
    text : str
    most : int
        Lines.
    """
    lines = textwrap.wrap(text, _LETTERS, break_long_words=True) or [""]
    if len(lines) <= most:
        return lines
    last = f"{lines[most - 1][: _LETTERS - 1].rstrip(' ,')}…"
    return [*lines[: most - 1], last]


def _decimals(ticks: Sequence[float]) -> int:
    return max(len(f"{t:.6f}".rstrip("0").partition(".")[2]) for t in ticks)


def _ticks_below(ticks: Sequence[float], across: Scale, height: float, unit: Bilingual) -> Iterator[Text]:
    for tick in ticks:
        yield Text(across(tick), height - BELOW + 16, numbers(tick, _decimals(ticks)), anchor="middle")
    yield Text(WIDTH - 8, height - 5, unit, "axis", "end")


def _lines_down(ticks: Sequence[float], across: Scale, height: float) -> Iterator[str]:
    for tick in ticks:
        kind = "zero" if tick == 0 else "grid"
        yield f'<path class="{kind}" d="M{across(tick):.1f} {TOP:.1f}V{height - BELOW:.1f}"/>'


def _lines_across(ticks: Sequence[float], up: Scale) -> Iterator[str]:
    for tick in ticks:
        kind = "zero" if tick == 0 else "grid"
        yield f'<path class="{kind}" d="M{LEFT:.1f} {up(tick):.1f}H{WIDTH - RIGHT:.1f}"/>'


def _ticks_left(ticks: Sequence[float], up: Scale, unit: Bilingual) -> Iterator[Text]:
    for tick in ticks:
        yield Text(LEFT - 6, up(tick) + 4, numbers(tick, _decimals(ticks)), anchor="end")
    yield Text(6, 11, unit, "axis")


def _ticks_under(ticks: Sequence[float], over: Scale, name: Bilingual) -> Iterator[Text]:
    for tick in ticks:
        yield Text(over(tick), HEIGHT - BELOW + 16, numbers(tick, _decimals(ticks)), anchor="middle")
    yield Text(WIDTH - 8, HEIGHT - 5, name, "axis", "end")


def _drawing(
    named: Named, height: float, ground: Sequence[str], texts: Sequence[Text], marks: Sequence[Mark]
) -> Drawing:
    size = (WIDTH, height)
    return Drawing(named.key, named.title, size, (*ground,), (*texts,), (*marks,), named.about, named.table)
