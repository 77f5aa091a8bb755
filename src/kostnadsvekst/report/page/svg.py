"""Figures as SVG: lines, dots, and intervals in rows; plain text with coordinates of one decimal."""

import math
from collections.abc import Callable, Iterator, Sequence

from kostnadsvekst.language import LANGUAGES, Bilingual
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.page.content import Picture, Series
from kostnadsvekst.report.page.markup import escape, svg_text

WIDTH, HEIGHT = 720.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 14.0, 22.0, 34.0
# A row of intervals, and the room for its label.
ROW, LABELS_WIDE = 24.0, 262.0
# Beside the colours, which grey print does not tell apart; as in the other figures.
DASHES = ("", "7 3", "7 2 2 2", "2 2", "9 2 2 2 2 2", "4 4")
# Not the palette of the pictures on paper: its darkest and lightest vanish on one of the two backgrounds.
SHADES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_MOST_TICKS = 6
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def draw(picture: Picture) -> str:
    """Draw a figure.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    str
        ``<svg>`` with a title; its marker and values are moved by the page's script.
    """
    lying = picture.shape == "intervals"
    return _draw_rows(picture) if lying else _draw_across(picture)


def frame_of(picture: Picture) -> dict[str, float | bool]:
    """Where the labels lie in the drawing, for the script: first place, step, ends of the marker."""
    if picture.shape == "intervals":
        return {"lying": True, "first": TOP + ROW / 2, "step": ROW, "from": 0, "to": WIDTH}
    return {
        "lying": False,
        "first": LEFT,
        "step": round(_step_across(picture), 4),
        "from": TOP,
        "to": HEIGHT - BOTTOM,
    }


def ticks_between(low: float, high: float, most: int = _MOST_TICKS) -> tuple[float, ...]:
    """Round numbers over a range: at most `most` steps of 1, 2, 2.5 or 5 times a power of ten.

    Parameters
    ----------
    low, high : float
        Of the values; equal ends are widened.
    most : int
    """
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(s * power for s in _STEPS if (high - low) / (s * power) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(k * step, 10) for k in range(first, last + 1))


def _range_of(picture: Picture) -> tuple[float, ...]:
    known = [v for s in picture.series for v in (*s.values, *s.low, *s.high) if v is not None]
    if not known:
        return (0.0, 1.0)
    zero = [0.0] if picture.zero else []
    return ticks_between(min(known + zero), max(known + zero))


def _step_across(picture: Picture) -> float:
    return (WIDTH - LEFT - RIGHT) / max(1, len(picture.labels) - 1)


def _draw_across(picture: Picture) -> str:
    ticks = _range_of(picture)
    bottom, step = HEIGHT - BOTTOM, _step_across(picture)

    def up(value: float) -> float:
        return bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - TOP)

    parts = [_axis_of_values(ticks, up), *_labels_across(picture, step)]
    for number, series in enumerate(picture.series):
        places = [None if v is None else (LEFT + i * step, up(v)) for i, v in enumerate(series.values)]
        parts.append(_dots(places, number) if picture.shape == "dots" else _line(places, number))
    parts.append(svg_text(LEFT - 66, 12, picture.unit, 'class="axis"'))
    return _wrap(picture, HEIGHT, parts)


def _draw_rows(picture: Picture) -> str:
    ticks = _range_of(picture)
    height = TOP + ROW * len(picture.labels) + BOTTOM
    left = LABELS_WIDE

    def across(value: float) -> float:
        return left + 12 + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (WIDTH - left - 40)

    parts = [*_axis_below(ticks, across, height)]
    for i, label in enumerate(picture.labels):
        parts.append(svg_text(left - 4, TOP + ROW * (i + 0.5) + 4, label, 'class="tick" text-anchor="end"'))
    for number, series in enumerate(picture.series):
        shift = (number - (len(picture.series) - 1) / 2) * 7
        parts += _intervals(series, number, across, shift)
    parts.append(svg_text(WIDTH - 8, height - 4, picture.unit, 'class="axis" text-anchor="end"'))
    return _wrap(picture, height, parts)


def _axis_below(ticks: Sequence[float], across: Callable[[float], float], height: float) -> Iterator[str]:
    for tick in ticks:
        x = across(tick)
        kind = "zero" if tick == 0 else "grid"
        yield f'<path class="{kind}" d="M{x:.1f} {TOP:.1f}V{height - BOTTOM:.1f}"/>'
        yield svg_text(x, height - BOTTOM + 15, _in_both(tick, ticks), 'class="tick" text-anchor="middle"')


def _wrap(picture: Picture, height: float, parts: Sequence[str]) -> str:
    """Put the drawing together; its name is the heading above it, its values are read out beside it."""
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-labelledby="h-{escape(picture.key)}" '
        f'data-figure="{escape(picture.key)}">\n{body}\n<path class="marker" d=""/>\n</svg>'
    )


def _axis_of_values(ticks: Sequence[float], up: Callable[[float], float]) -> str:
    lines = []
    for tick in ticks:
        y = up(tick)
        kind = "zero" if tick == 0 else "grid"
        lines.append(f'<path class="{kind}" d="M{LEFT:.1f} {y:.1f}H{WIDTH - RIGHT:.1f}"/>')
        lines.append(svg_text(LEFT - 6, y + 4, _in_both(tick, ticks), 'class="tick" text-anchor="end"'))
    return "\n".join(lines)


def _in_both(tick: float, ticks: Sequence[float]) -> Bilingual:
    decimals = max(len(f"{t:.6f}".rstrip("0").partition(".")[2]) for t in ticks)
    return Bilingual(*(format_number(tick, decimals, lang) for lang in LANGUAGES))


def _labels_across(picture: Picture, step: float) -> Iterator[str]:
    every = max(1, math.ceil(len(picture.labels) / 9))
    for i in range(0, len(picture.labels), every):
        side = "end" if i == len(picture.labels) - 1 else "middle"
        place = LEFT + i * step
        yield svg_text(place, HEIGHT - BOTTOM + 16, picture.labels[i], f'class="tick" text-anchor="{side}"')


def _line(places: Sequence[tuple[float, float] | None], number: int) -> str:
    """Line through what is known; it breaks where something is not."""
    d, pen = [], "M"
    for place in places:
        if place is not None:
            d.append(f"{pen}{place[0]:.1f} {place[1]:.1f}")
        pen = "M" if place is None else "L"
    dash = f' stroke-dasharray="{DASHES[number % len(DASHES)]}"' if DASHES[number % len(DASHES)] else ""
    colour = SHADES[number % len(SHADES)]
    drawn = f'<path class="line" d="{"".join(d)}" stroke="{colour}"{dash}/>'
    few = [place for place in places if place is not None] if len(places) <= 12 else []
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in few)
    return drawn + dots


def _dots(places: Sequence[tuple[float, float] | None], number: int) -> str:
    d = "".join(f"M{place[0]:.1f} {place[1]:.1f}h0" for place in places if place is not None)
    return f'<path class="dots" d="{d}" stroke="{SHADES[number % len(SHADES)]}"/>'


def _intervals(series: Series, number: int, across: Callable[[float], float], shift: float) -> Iterator[str]:
    colour, shape = SHADES[number % len(SHADES)], number % 2
    ends = zip(series.low, series.high, strict=True) if series.low else iter([])
    spans = list(ends) or [(None, None)] * len(series.values)
    for i, (value, (low, high)) in enumerate(zip(series.values, spans, strict=True)):
        y = TOP + ROW * (i + 0.5) + shift
        if low is not None and high is not None:
            span = f"M{across(low):.1f} {y:.1f}H{across(high):.1f}"
            yield f'<path class="line" d="{span}" stroke="{colour}"/>'
        if value is not None:
            x = across(value)
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
                if shape == 0
                else f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{colour}"/>'
            )


def swatch(number: int) -> str:
    """Piece of a line as the figure draws it, for the legend."""
    dash = DASHES[number % len(DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        '<svg class="swatch" viewBox="0 0 30 10" aria-hidden="true">'
        f'<path class="line" d="M0 5H30" stroke="{SHADES[number % len(SHADES)]}"{dashes}/></svg>'
    )
