"""What cannot be read in a drawn figure: words that overlap or are cut, legends that cover data."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox, BboxBase

# Pixels that two boxes may share: boxes are wider than letters.
SLACK = 2.0
# Patches drawn before this are the paper's shading and no data.
SHADED = 1


def find_layout_faults(figure: "Figure", texts: Sequence["Text"]) -> tuple[str, ...]:
    """List what cannot be read.

    Parameters
    ----------
    figure : Figure
        Drawn, so that its layout is what is seen.
    texts : sequence of Text
        All that the figure has.

    Returns
    -------
    tuple of str
        One sentence each; turned words are judged for the edge only, their boxes are wider than they.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    words = list(_words(figure, texts, renderer))
    faults = [f"{text!r} is cut at the edge" for text, box, _ in words if _is_cut(box, figure.bbox)]
    upright = [(text, box) for text, box, turned in words if not turned]
    for k, (text, box) in enumerate(upright):
        faults += [f"{text!r} and {other!r} overlap" for other, there in upright[:k] if _overlap(box, there)]
    for axes in figure.axes:
        for legend in _legends(axes, figure):
            box = legend.get_window_extent(renderer)
            if _covers_data(axes, box, renderer):
                faults.append(f"the legend covers data of {axes.get_title(loc='left') or 'a panel'!r}")
    return tuple(faults)


def _words(figure: "Figure", texts: Sequence["Text"], renderer: Any) -> Iterator[tuple[str, "Bbox", bool]]:
    from matplotlib.text import Text

    drawn = {id(text) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for text in _shown(axis)}
    ticks = {id(t) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for t in _labels(axis)}
    for text in texts:
        if id(text) in ticks and id(text) not in drawn:
            continue
        hidden = text.axes is not None and not text.axes.get_visible()
        if text.get_visible() and not hidden and text.get_text().strip():
            # Of the words alone: an annotation's own box holds its arrow too.
            yield text.get_text(), Text.get_window_extent(text, renderer), bool(text.get_rotation() % 90)


def _labels(axis: "Axis") -> list[Any]:
    return [*axis.get_ticklabels(which="major"), *axis.get_ticklabels(which="minor")]


def _shown(axis: "Axis") -> list[Any]:
    """Labels of ticks inside the axis; the others exist and are not drawn."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    places, labels = axis.get_majorticklocs(), axis.get_ticklabels(which="major")
    if not (axis.get_visible() and axis.axes.get_visible()):
        return []
    return [t for at, t in zip(places, labels, strict=False) if low - slack <= at <= high + slack]


def _is_cut(box: "Bbox", edge: "BboxBase") -> bool:
    outside = (edge.x0 - box.x0, edge.y0 - box.y0, box.x1 - edge.x1, box.y1 - edge.y1)
    return bool(max(outside) > SLACK / 2)


def _overlap(one: "Bbox", other: "Bbox") -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return bool(wide > SLACK and high > SLACK)


def _legends(axes: "Axes", figure: "Figure") -> list[Any]:
    own = axes.get_legend()
    return [*([] if own is None else [own]), *figure.legends]


def _covers_data(axes: "Axes", legend: "Bbox", renderer: Any) -> bool:
    from matplotlib.transforms import Bbox

    # What is clipped to the panel is not seen beyond it.
    box = Bbox.intersection(legend, axes.bbox)
    if box is None or not _overlap(legend, axes.bbox):
        return False
    lines = any(_path_crosses(line, box) for line in axes.lines)
    bars = [patch for patch in axes.patches if patch.get_zorder() >= SHADED]
    covered = any(_overlap(patch.get_window_extent(renderer), box) for patch in bars)
    return lines or covered or any(_collection_crosses(part, box) for part in axes.collections)


def _path_crosses(line: Any, box: "Bbox") -> bool:
    if line.get_path().vertices.size == 0:
        return False
    path = line.get_path().transformed(line.get_transform())
    return bool(path.intersects_bbox(box, filled=False))


def _collection_crosses(part: Any, box: "Bbox") -> bool:
    from matplotlib.collections import LineCollection, PathCollection

    if isinstance(part, PathCollection):  # a mark at each place
        places = np.ma.getdata(part.get_offset_transform().transform(part.get_offsets()))
        inside = (places > (box.x0, box.y0)).all(axis=1) & (places < (box.x1, box.y1)).all(axis=1)
        return bool(inside.any())
    turn, filled = part.get_transform(), not isinstance(part, LineCollection)
    return any(path.transformed(turn).intersects_bbox(box, filled=filled) for path in part.get_paths())
