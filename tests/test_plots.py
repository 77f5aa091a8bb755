"""Pictures show and save themselves; what new plots draw is what was estimated; palettes hold in grey."""

import base64
import hashlib
import itertools
import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

import kostnadsvekst as kv
from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    OutputError,
    SpecificationError,
)
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.multiple_testing import simultaneous_critical_value
from kostnadsvekst.models.staggered import METHODS
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.axis_marks import LineEnd, label_line_ends, move_apart, set_round_ticks
from kostnadsvekst.report.figures import finish, new_figure
from kostnadsvekst.report.look import COLOURS, DASHES, MARKERS, ORDERED, PALETTES
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import MOST_SERIES, interval_words, series_look
from kostnadsvekst.report.residual_plots import residual_points, worst_units
from kostnadsvekst.report.waterfall import Waterfall, draw_waterfall

SYNTHETIC = Provenance("synthetic")
PNG, SVG, PDF = b"\x89PNG\r\n\x1a\n", b"<?xml", b"%PDF-"


def invented(n=24, periods=6, seed=1):
    rng = np.random.default_rng(seed)
    unit, year = np.repeat(np.arange(n), periods), np.tile(np.arange(2015, 2015 + periods), n)
    frame = pd.DataFrame({"unit": unit, "year": year, "x": rng.normal(size=n * periods)})
    frame["z"], frame["w"] = rng.normal(size=n * periods), rng.uniform(1, 3, n * periods)
    frame["y"] = 0.5 * frame["x"] - frame["z"] + unit / 5 + rng.normal(size=n * periods)
    frame["first"] = np.where(unit % 3 == 0, 0, 2016 + unit % 3)
    frame.attrs["provenance"] = SYNTHETIC.to_attrs()
    return frame


DATA = invented()
SPEC = kv.Specification("y", ("x", "z"), "unit", "year", "w", covariance="cluster")


@pytest.fixture(scope="module")
def fits():
    return {"Short": kv.estimate(SPEC.vary(regressors=("x",)), DATA), "Long": kv.estimate(SPEC, DATA)}


@pytest.fixture(scope="module")
def studies():
    return [kv.staggered.event_study(DATA, "y", "unit", "year", "first", method=m) for m in METHODS]


@pytest.fixture(scope="module")
def picture():
    return small_picture()


def small_picture(origin=SYNTHETIC, lang="en"):
    figure, axes = new_figure(3, 2)
    axes.plot([0, 1], [1, 2], label="Å")
    figure.suptitle("A line")
    set_round_ticks(axes.yaxis, lang)
    return finish(figure, origin, lang)


def drawn(picture):
    """The figure behind a picture, for tests only."""
    return picture.__reduce__()[1][1]


def lines_of(axes, marker=None):
    """Data of the lines with points, leaving reference lines."""
    return [line.get_xydata() for line in axes.lines if line.get_marker() not in ("None", None, "")]


# A picture


def test_a_picture_is_the_bytes_of_its_png(picture, tmp_path):
    assert picture.startswith(PNG)
    assert bytes(picture) == picture.png == picture
    assert type(bytes(picture)) is bytes
    (tmp_path / "old.png").write_bytes(picture)  # how callers wrote it when it was bytes
    assert (tmp_path / "old.png").read_bytes() == picture.png


def test_it_shows_itself_in_a_notebook(picture):
    data, about = picture._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == picture.png == picture._repr_png_()
    # 3 x 2 inches at 96 points of a screen.
    assert {k: about["image/png"][k] for k in ("width", "height")} == {"width": 288, "height": 192}
    assert "SYNTHETIC DATA" in about["image/png"]["alt"]
    assert data["text/plain"] == repr(picture)
    assert repr(picture).startswith("<Picture 'A line; SYNTHETIC DATA")
    assert "450 x 300" in repr(picture)
    assert picture._repr_mimebundle_(include=["image/png"])[0].keys() == {"image/png"}
    assert picture._repr_mimebundle_(exclude=["image/png"])[0].keys() == {"text/plain"}


def test_a_notebook_takes_the_picture():
    formatters = pytest.importorskip("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(small_picture())
    assert set(data) == {"image/png", "text/plain"}, "no page of bytes beside the picture"


@pytest.mark.parametrize(("name", "start"), [("a.png", PNG), ("b/c.svg", SVG), ("d.PDF", PDF)])
def test_it_saves_what_its_name_says(picture, tmp_path, name, start):
    assert picture.save(tmp_path / name) == tmp_path / name
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start)
    assert content == getattr(picture, name.rpartition(".")[2].lower())
    assert b"kostnadsvekst" in content
    assert {p.name for p in (tmp_path / name).parent.iterdir()} == {name.rpartition("/")[2]}


def test_another_ending_is_refused_and_nothing_is_written(picture, tmp_path):
    for name in ("a.jpg", "a", "a.png.zip"):
        with pytest.raises(SpecificationError, match=r"\.png, \.svg, \.pdf"):
            picture.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to_is_named(picture, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file"):
        picture.save(tmp_path / "file" / "a.png")
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(OutputError, match=r"a\.svg"):
        picture.save(tmp_path / "a.svg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "file"], "no half of a file is left"


def test_a_picture_does_not_change(picture):
    for change in (lambda: setattr(picture, "description", "x"), lambda: delattr(picture, "description")):
        with pytest.raises(AttributeError, match="draw it again"):
            change()
    assert picture == small_picture()
    assert hash(picture) == hash(small_picture())
    assert picture != small_picture(Provenance("file of the user"))


def test_formats_do_not_depend_on_what_was_saved_before():
    one, other = small_picture(), small_picture()
    first = (one.pdf, one.svg, one.png)
    assert (other.png, other.svg, other.pdf) == first[::-1]
    assert (one.png, one.svg, one.pdf) == first[::-1]


def test_a_picture_survives_being_sent_to_another_process(picture):
    back = pickle.loads(pickle.dumps(picture))
    assert (back, back.svg, back.pdf, back.description) == (
        picture,
        picture.svg,
        picture.pdf,
        picture.description,
    )
    kept = picture.to_files("x/y")
    assert list(kept) == ["x/y.png", "x/y.svg"]
    light = pickle.loads(pickle.dumps(kept["x/y.png"]))
    assert (light, light.svg) == (picture, kept["x/y.svg"])
    with pytest.raises(OutputError, match="PDF"):
        light.save("never.pdf")


MAKE = """
import hashlib
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import finish, new_figure
figure, axes = new_figure(3, 2)
axes.plot([0, 1], [1, 2], label="Å")
figure.suptitle("A line")
set_round_ticks(axes.yaxis, "en")
p = finish(figure, Provenance("synthetic"), "en")
print(*(hashlib.sha256(c).hexdigest() for c in (p.png, p.svg, p.pdf)))
"""


def test_the_same_bytes_with_other_hashes_in_another_process(picture):
    environment = {**os.environ, "PYTHONHASHSEED": "271", "SOURCE_DATE_EPOCH": "1"}
    made = subprocess.run(
        [sys.executable, "-c", MAKE], env=environment, capture_output=True, text=True, check=True
    )
    ours = [hashlib.sha256(c).hexdigest() for c in (picture.png, picture.svg, picture.pdf)]
    assert made.stdout.split() == ours


def test_letters_of_a_drawing_need_no_font(picture):
    root = ET.fromstring(picture.svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "text" not in tags, "letters are outlines"
    assert "use" in tags
    assert b"<dc:date>" not in picture.svg
    assert b"/CreationDate" not in picture.pdf
    assert b"/FontFile2" in picture.pdf, "the font is embedded"
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == picture.description


NAMES = ["a\x1bb", "a\x00b", "a\u202eb", "\ud800x", "a\tb", "<!-- b -->", "]]>", "&amp;", "$a$", "--"]


def test_names_of_all_kinds_end_no_drawing():
    """A name with control characters, or half a character, is drawn without them; the rest as it is."""
    figure, axes = new_figure(8, 4)
    axes.plot([0, 9], [0, 1], label=NAMES[0])
    axes.set_xticks(range(len(NAMES)), NAMES)
    axes.text(0, 0.5, NAMES[3])
    figure.suptitle("".join(NAMES))
    axes.legend()
    picture = finish(figure, SYNTHETIC, "en")
    shown = [label.get_text() for label in drawn(picture).axes[0].get_xticklabels()]
    assert shown == ["a b", "a b", "a b", " x", "a b", *NAMES[5:]]
    title = ET.fromstring(picture.svg).find("{http://www.w3.org/2000/svg}title").text
    assert title.startswith("a ba ba b xa b<!-- b -->]]>&amp;$a$--")
    assert picture.pdf.startswith(PDF)


def test_rounding_of_a_drawing_moves_nothing_that_is_seen():
    """Places in the drawing are those of the axes' own transform, to half a hundredth of a point."""
    figure, axes = new_figure(3, 2)
    (line,) = axes.plot([0, 1 / 3, 1], [1, 1.7, 2.123456], color="#123456")
    picture = finish(figure, SYNTHETIC, "en")
    path = next(
        e.get("d")
        for e in ET.fromstring(picture.svg).iter("{http://www.w3.org/2000/svg}path")
        if "#123456" in (e.get("style") or "")
    )
    places = np.array([float(word) for word in path.split() if word[-1].isdigit()]).reshape(-1, 2)
    seen = line.get_transform().transform(line.get_xydata()) * 72 / figure.dpi
    np.testing.assert_allclose(places, [[x, 144 - y] for x, y in seen], atol=0.0051)


# What cannot be read


def faults_of(draw, width=4, height=3):
    figure, axes = new_figure(width, height)
    axes.plot([0, 1], [0, 1])
    draw(figure, axes)
    return finish(figure, SYNTHETIC, "en").layout_faults


def overlapping(figure, axes):
    axes.text(0.5, 0.5, "one word")
    axes.text(0.52, 0.5, "another")


def cut(figure, axes):
    figure.suptitle("a title that is far too long for its figure " * 3)


def legend_on_line(figure, axes):
    axes.legend(["a line"], loc="lower left")


def legend_on_bar(figure, axes):
    axes.bar([0.9], [1.0], 0.2, label="bar")
    axes.lines[0].remove()
    axes.legend(loc="upper right")


def legend_on_points(figure, axes):
    axes.scatter([0.0, 0.02], [0.98, 1.0], label="points")
    axes.legend(loc="upper left")


def legend_on_intervals(figure, axes):
    axes.vlines([0.05], 0.7, 1, label="interval")
    axes.legend(loc="upper left")


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (overlapping, "'another' and 'one word' overlap"),
        (cut, "is cut at the edge"),
        (legend_on_line, "legend covers data"),
        (legend_on_bar, "legend covers data"),
        (legend_on_points, "legend covers data"),
        (legend_on_intervals, "legend covers data"),
    ],
)
def test_what_cannot_be_read_is_found(draw, said):
    assert any(said in fault for fault in faults_of(draw))


@pytest.mark.parametrize(
    "draw",
    [
        lambda figure, axes: (axes.text(0.1, 0.8, "one"), axes.text(0.6, 0.2, "another")),
        lambda figure, axes: axes.legend(["a line"], loc="upper left"),
        lambda figure, axes: (axes.axvspan(0, 0.4, zorder=0), axes.legend(["a line"], loc="upper left")),
    ],
)
def test_what_can_be_read_is_not_found(draw):
    assert faults_of(draw) == ()


# Ticks and names of lines


@pytest.mark.parametrize(
    ("low", "high", "lang", "texts"),
    [
        (0.0, 0.05, "nb", ["0,00", "0,01", "0,02", "0,03", "0,04", "0,05"]),
        (0.0, 40_000, "nb", ["0", "10\u202f000", "20\u202f000", "30\u202f000", "40\u202f000"]),
        (-20_000, 20_000, "en", ["\u221220,000", "\u221210,000", "0", "10,000", "20,000"]),
        (0.0, 1.0, "en", ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_are_round_and_alike(low, high, lang, texts):
    figure, axes = new_figure(3, 3)
    axes.set_ylim(low, high)
    set_round_ticks(axes.yaxis, lang, 6)
    finish(figure, SYNTHETIC, lang)
    seen = [label.get_text() for label in axes.get_yticklabels()]
    assert [text for text in seen if text in texts] == texts


def test_names_move_apart_as_little_as_they_must():
    """By hand: at 1 and 1.2, one tall, their mean stays, they end half a height from it; 9 stays."""
    np.testing.assert_allclose(move_apart(np.array([1.2, 9.0, 1.0]), np.ones(3)), [1.6, 9.0, 0.6])
    # The floor is at 0: the lowest stands at half its height.
    np.testing.assert_allclose(move_apart(np.array([0.0, 0.1]), np.ones(2), (0, 10)), [0.5, 1.5])
    np.testing.assert_allclose(move_apart(np.array([9.9, 9.0]), np.ones(2), (0, 10)), [9.5, 8.5])


def test_moving_apart_is_the_least_move():
    """Against the quadratic programme solved by brute force: no feasible neighbour is nearer."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        wanted, heights = rng.uniform(0, 4, 4), rng.uniform(0.2, 1.5, 4)
        found = move_apart(wanted, heights)
        order = np.argsort(wanted, kind="stable")
        gaps = np.diff(found[order]) - (heights[order][1:] + heights[order][:-1]) / 2
        assert gaps.min() > -1e-9
        cost = ((found - wanted) ** 2).sum()
        for step in rng.normal(scale=0.05, size=(40, 4)):
            near = found + step
            apart = np.diff(near[order]) - (heights[order][1:] + heights[order][:-1]) / 2
            if apart.min() >= 0:
                assert ((near - wanted) ** 2).sum() > cost - 1e-9


def test_names_of_close_lines_can_be_read():
    figure, axes = new_figure(5, 3)
    ends = []
    for k, colour in enumerate(COLOURS):
        axes.plot([0, 1], [0, 1 + k / 100], color=colour)
        ends.append(LineEnd(1, 1 + k / 100, f"line {k}\nsecond row", colour))
    label_line_ends(axes, ends)
    assert finish(figure, SYNTHETIC, "en").layout_faults == ()


# Palettes

# Machado, Oliveira and Fernandes (2009), table of severity 1.0: what is left of linear red, green, blue.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
# WCAG's contrast of luminance; Figure 4 had 1.02 between its blue and its red. CIE 1976 distance; 2.3 is just
# seen side by side.
LEAST_CONTRAST, LEAST_ON_WHITE, LEAST_DISTANCE = 1.6, 1.7, 20


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("name", PALETTES)
def test_a_palette_holds_in_grey(name):
    for one, other in itertools.combinations(PALETTES[name], 2):
        assert contrast(one, other) >= LEAST_CONTRAST, (one, other)
    for colour in PALETTES[name]:
        assert contrast(colour, "#FFFFFF") >= LEAST_ON_WHITE, colour


def test_the_old_colours_of_figure_4_would_not_have_held():
    assert contrast("#2F6DB5", "#C8322B") < 1.05


@pytest.mark.parametrize("sight", SEEN)
@pytest.mark.parametrize("name", PALETTES)
def test_a_palette_holds_for_the_colour_blind(name, sight):
    for one, other in itertools.combinations(PALETTES[name], 2):
        distance = np.linalg.norm(lab(SEEN[sight] @ linear(one)) - lab(SEEN[sight] @ linear(other)))
        assert distance >= LEAST_DISTANCE, (one, other, distance)


def test_a_red_and_a_green_of_the_same_luminance_would_be_told_from_a_palette():
    """The simulation does what it is for: they are far apart, and near for an eye without green cones."""
    red, green = linear("#C8322B"), linear("#3F7D1E")
    apart = [np.linalg.norm(lab(m @ red) - lab(m @ green)) for m in (SEEN["all cones"], SEEN["deuteranopia"])]
    assert apart[0] > 90
    assert apart[1] < apart[0] / 2


def test_series_have_more_than_their_colour():
    assert len(set(MARKERS)) == len(set(map(str, DASHES))) == len(COLOURS) == len(ORDERED)


# Coefficients


def test_coefficients_are_those_of_the_models(fits):
    picture = kv.draw_coefficients(fits, "nb")
    (axes,) = drawn(picture).axes
    short, long = (points[np.isfinite(points).all(axis=1)] for points in lines_of(axes)[::2])
    assert short[:, 0] == pytest.approx(fits["Short"].coefficients["estimate"][["x"]])
    assert long[:, 0] == pytest.approx(fits["Long"].coefficients["estimate"][["x", "z"]])
    # x is the upper row; the models stand on either side of it.
    assert short[0, 1] < 0 < long[0, 1] < 0.5 < long[1, 1]
    segments = [c.get_segments() for c in axes.collections]
    assert segments[1][0][:, 0] == pytest.approx(
        fits["Long"].coefficients.loc["x", ["conf_low", "conf_high"]].astype(float)
    )
    words = " ".join(text.get_text() for text in drawn(picture).findobj(lambda a: hasattr(a, "get_text")))
    for said in ("nominelt 95 %-intervall", "Koeffisienter: y", "SYNTETISKE DATA", "Short", "Long"):
        assert said in words
    assert picture.layout_faults == ()


def test_intervals_at_another_level_are_of_the_t_distribution(fits):
    picture = kv.draw_coefficients(fits["Long"], level=0.9)
    (axes,) = drawn(picture).axes
    line = fits["Long"].coefficients.loc["z"]
    half = t.ppf(0.95, fits["Long"].df) * line["std_error"]
    assert axes.collections[0].get_segments()[1][:, 0] == pytest.approx(
        [line["estimate"] - half, line["estimate"] + half]
    )
    assert "nominal 90% interval" in axes.get_xlabel()


def test_intervals_that_are_not_made_of_errors_have_one_level():
    wild = kv.estimate(SPEC.vary(covariance="wild_cluster"), DATA)
    assert kv.draw_coefficients(wild, keep=["x"]).startswith(PNG)
    with pytest.raises(SpecificationError, match="Wild are not made of standard errors"):
        kv.draw_coefficients({"Wild": wild}, keep=["x"], level=0.9)


def test_a_band_covers_all_coefficients_at_once(fits):
    (axes,) = drawn(kv.draw_coefficients(fits["Long"], simultaneous=True)).axes
    fit = fits["Long"]
    matrix = fit.covariance.loc[["x", "z"], ["x", "z"]].to_numpy()
    half = simultaneous_critical_value(matrix, 0.95, float(fit.df)) * np.sqrt(np.diag(matrix))
    band = np.array([segment[:, 0] for segment in axes.collections[1].get_segments()])
    assert (band[:, 1] - band[:, 0]) / 2 == pytest.approx(half)
    single = np.array([segment[:, 0] for segment in axes.collections[0].get_segments()])
    assert (np.ptp(band, axis=1) > np.ptp(single, axis=1)).all()
    with pytest.raises(SpecificationError, match="without simultaneous"):
        kv.draw_coefficients(fit_without_covariance(fit), simultaneous=True)


def fit_without_covariance(fit):
    from kostnadsvekst.models.results import TidyResult

    return TidyResult(fit.coefficients, fit.n_obs, fit.n_entities, float(fit.df), fit.facts)


def test_what_a_model_left_out_is_named(fits):
    data = DATA.assign(twice=2 * DATA["x"])
    fit = kv.estimate(SPEC.vary(regressors=("x", "twice")), data)
    (axes,) = drawn(kv.draw_coefficients(fit, "nb")).axes
    assert "utelatt som kollineær: twice" in axes.get_xlabel()
    (axes,) = drawn(kv.draw_coefficients(fits, "en", keep=["z"])).axes
    assert "Short: has none of these terms" in axes.get_xlabel()


def test_terms_of_different_units_have_their_own_axes(fits):
    picture = kv.draw_coefficients(
        fits, keep=["z", "x"], own_axes=True, rename={"z": Bilingual("Sett", "Zed")}
    )
    upper, lower = drawn(picture).axes
    assert [axes.get_yticklabels()[0].get_text() for axes in (upper, lower)] == ["Zed", "x"]
    assert len(lines_of(upper)[0]) == 0, "the short model has no z"
    assert picture.layout_faults == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keep": ["u"]}, "in no model: 'u'"),
        ({"hide": ["x", "z", "constant"]}, "hide fewer"),
        ({"rename": {"u": "U"}}, "cannot rename"),
        ({"level": 95}, "between 0 and 1"),
        ({"lang": "sv"}, "known: nb, en"),
    ],
)
def test_what_cannot_be_drawn_is_said(fits, change, said):
    with pytest.raises(SpecificationError, match=said):
        kv.draw_coefficients(fits, **change)


def test_other_things_than_results_are_named(fits):
    with pytest.raises(SpecificationError, match="A is int, B is str"):
        kv.draw_coefficients({"A": 1, "B": "x", "C": fits["Long"]})
    for nothing in ({}, []):
        with pytest.raises(SpecificationError, match="one to 10"):
            kv.draw_coefficients(nothing)
    with pytest.raises(SpecificationError, match="str cannot be drawn"):
        kv.draw_coefficients("y ~ x")
    many = {f"m{k}": fits["Long"] for k in range(MOST_SERIES)}
    assert kv.draw_coefficients(many).layout_faults == ()
    with pytest.raises(SpecificationError, match="draw fewer"):
        kv.draw_coefficients(many | {"one more": fits["Long"]})
    other = kv.estimate(SPEC.vary(outcome="z", regressors=("x",)), DATA)
    with pytest.raises(SpecificationError, match="different outcomes on one axis: 'y', 'z'"):
        kv.draw_coefficients([fits["Long"], other])


@pytest.mark.parametrize(("level", "nb"), [(0.95, "95 %"), (0.5, "50 %"), (0.999, "99,9 %")])
def test_levels_are_written_as_they_are(level, nb):
    assert interval_words(level).nb == f"nominelt {nb}-intervall"


# Event studies


def test_four_estimators_stand_side_by_side(studies):
    picture = kv.draw_event_studies(studies, "nb", between=(-3, 2))
    panels = drawn(picture).axes
    assert len(panels) == len(METHODS)
    assert [axes.get_title(loc="left").replace("\n", " ") for axes in panels] == [
        study.facts.label.nb for study in studies
    ]
    for axes, study in zip(panels, studies, strict=True):
        shown = study.horizons[study.horizons["horizon"].between(-3, 2)]
        points = lines_of(axes)[0]
        assert points[:, 0].tolist() == shown["horizon"].tolist()
        assert points[:, 1] == pytest.approx(shown["estimate"])
        (shade,) = axes.patches
        assert shade.get_x() + shade.get_width() == -0.5, "shaded until the first treated period"
        assert axes.get_ylim() == panels[0].get_ylim()
    assert picture.layout_faults == ()


def test_five_studies_stand_in_two_rows(studies):
    picture = kv.draw_event_studies({f"study {k}": study for k, study in enumerate([*studies, studies[0]])})
    panels = drawn(picture).axes
    assert [axes.get_title(loc="left") for axes in panels] == [f"study {k}" for k in range(5)]
    assert [bool(axes.get_xlabel()) for axes in panels] == [False, True, True, True, True]
    assert picture.layout_faults == ()


def test_bands_are_those_of_the_study(studies):
    (axes,) = drawn(kv.draw_event_studies(studies[0], level=0.9)).axes
    band, pointwise = (np.array([s[:, 1] for s in c.get_segments()]) for c in axes.collections)
    table = studies[0].simultaneous(0.9)
    np.testing.assert_allclose(band, table[["band_low", "band_high"]])
    half = norm.ppf(0.95) * table["std_error"].to_numpy()
    np.testing.assert_allclose(pointwise[:, 1] - pointwise[:, 0], 2 * half)


def test_the_base_period_is_a_hollow_zero(studies):
    (axes,) = drawn(kv.draw_event_studies(studies[0])).axes
    base = axes.lines[1]
    assert base.get_xydata().tolist() == [[-1, 0]]
    assert base.get_markerfacecolor() == "white"
    varying = kv.staggered.event_study(DATA, "y", "unit", "year", "first", base_period="varying")
    lines = lines_of(drawn(kv.draw_event_studies(varying)).axes[0])
    assert len(lines) == 1, "changes from period to period have no base"


def test_effects_in_logs_are_drawn_in_per_cent(studies):
    (axes,) = drawn(kv.draw_event_studies(studies[0], percent=True)).axes
    expected = 100 * (np.exp(studies[0].horizons["estimate"]) - 1)
    assert lines_of(axes)[0][:, 1] == pytest.approx(expected)
    assert "per cent" in axes.get_ylabel()


def test_horizons_without_an_error_are_points(studies):
    """One treated unit: an effect, and no error of it."""
    data = DATA[(DATA["first"] == 0) | (DATA["unit"] == 1)]
    with pytest.warns(DataWarning, match="cohort"):
        study = kv.staggered.event_study(data, "y", "unit", "year", "first")
    assert study.horizons["std_error"].isna().all()
    (axes,) = drawn(kv.draw_event_studies(study)).axes
    assert lines_of(axes)[0][:, 1] == pytest.approx(study.horizons["estimate"])
    assert not any(len(s) and np.isfinite(s).all() for c in axes.collections for s in c.get_segments())


def test_event_studies_refuse_by_name(studies, fits):
    with pytest.raises(SpecificationError, match="no horizon of Callaway and Sant'Anna is between 50 and 60"):
        kv.draw_event_studies(studies[0], between=(50, 60))
    with pytest.raises(SpecificationError, match="Long is Estimate"):
        kv.draw_event_studies({"Long": fits["Long"]})


# Marginal effects


def marginal(by):
    estimate = np.arange(len(by)) / 10
    frame = pd.DataFrame({"by": by, "estimate": estimate, "std_error": 0.05})
    frame = frame.assign(conf_low=estimate - 0.1, conf_high=estimate + 0.1)
    frame.attrs["provenance"] = SYNTHETIC.to_attrs()
    return frame


def test_marginal_effects_over_years():
    frame = marginal([2017, 2016, 2015])
    picture = kv.draw_marginal_effects(frame, "nb", variable="free_income", by="year", outcome="y")
    (axes,) = drawn(picture).axes
    assert lines_of(axes)[0].tolist() == [[2015, 0.2], [2016, 0.1], [2017, 0.0]]
    assert [s[:, 1].tolist() for s in axes.collections[0].get_segments()] == [
        pytest.approx(pair) for pair in ([0.1, 0.3], [0.0, 0.2], [-0.1, 0.1])
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2015", "2016", "2017"]
    assert picture.description.startswith("Marginal effekt av Frie inntekter på y")
    assert "SYNTETISKE DATA" in picture.description
    assert picture.layout_faults == ()


def test_marginal_effects_of_groups_and_what_the_frame_knows():
    frame = marginal(["Oslo", "Bergen", "Stavanger kommune"])
    frame.attrs.update(level=0.9, variable="free_income", outcome="y")
    picture = kv.draw_marginal_effects(frame, "en")
    (axes,) = drawn(picture).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == list(frame["by"])
    assert "nominal 90% interval" in axes.get_ylabel()
    assert picture.description.startswith("Marginal effect of Free income on y")
    assert picture.layout_faults == ()


def test_marginal_effects_as_an_estimate_gives_them():
    """Its frame has the columns' own names, and knows what they are."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"unit": np.repeat(np.arange(8), 4), "year": np.tile(np.arange(2015, 2019), 8)})
    data["site"] = np.where(data["unit"] % 2, "town", "country")
    data["x"], data["y"] = rng.normal(size=32), rng.normal(size=32)
    est = kv.estimate("y ~ C(year)*x + C(site):x | unit", data)
    for options in ({"by": "year"}, {"by": ["site", "year"]}, {"by": "site"}, {"at": {"x": [0, 1]}}, {}):
        frame = est.marginal("x", level=0.9, **options)
        before = list(frame.columns)
        assert kv.draw_marginal_effects(frame).startswith(PNG)
        assert list(frame.columns) == before
    drawn = kv.draw_marginal_effects(est.marginal("x", by="year"))
    assert drawn == kv.draw_marginal_effects(est.marginal("x", by="year").rename(columns={"year": "by"}))


def test_marginal_effects_that_are_missing_are_named():
    with pytest.raises(DataMissingError, match="conf_low"):
        kv.draw_marginal_effects(marginal([1, 2]).drop(columns="conf_low"))
    frame = marginal(["a", "b", "c"])
    frame.loc[[0, 2], "estimate"] = np.nan, np.inf
    with pytest.raises(InvalidDataError, match=r"(?s)2 marginal effects are missing.*by = a.*by = c"):
        kv.draw_marginal_effects(frame)
    with pytest.raises(InvalidDataError, match="no rows"):
        kv.draw_marginal_effects(frame.iloc[:0])
    assert kv.draw_marginal_effects(frame.iloc[[1]]).startswith(PNG)


# Residuals


def test_residuals_are_those_of_dummies(fits):
    """Weighted least squares with a dummy for each unit, written out."""
    points = residual_points(fits["Long"])
    X = np.column_stack([DATA[["x", "z"]], pd.get_dummies(DATA["unit"]).to_numpy(float)])
    w = DATA["w"].to_numpy() / DATA["w"].mean()
    b = np.linalg.lstsq(X * np.sqrt(w)[:, None], DATA["y"] * np.sqrt(w), rcond=None)[0]
    residual = DATA["y"].to_numpy() - X @ b
    np.testing.assert_allclose(points.residual, residual, atol=1e-9)
    np.testing.assert_allclose(points.fitted, X @ b, atol=1e-9)
    sigma = np.sqrt((w * residual**2).sum() / (len(w) - X.shape[1]))
    np.testing.assert_allclose(points.scaled, residual * np.sqrt(w) / sigma, atol=1e-9)


def test_residual_panels(fits):
    picture = kv.draw_residuals(fits["Long"], "nb", count=3)
    left, middle, right = drawn(picture).axes
    points = residual_points(fits["Long"])
    np.testing.assert_allclose(
        left.collections[0].get_offsets(), np.column_stack([points.fitted, points.residual])
    )
    n = len(points.scaled)
    np.testing.assert_allclose(
        middle.collections[0].get_offsets(),
        np.column_stack([norm.ppf((np.arange(1, n + 1) - 0.5) / n), np.sort(points.scaled)]),
    )
    size = pd.Series(points.scaled**2).groupby(DATA["unit"]).mean().sort_values(ascending=False)
    assert [label.get_text() for label in right.get_yticklabels()] == [str(unit) for unit in size.index[:3]]
    assert [name for name, _ in worst_units(fits["Long"], points.scaled, 2)] == [
        str(u) for u in size.index[:2]
    ]
    assert picture.layout_faults == ()
    assert "SYNTETISKE DATA" in picture.description


def test_as_many_series_as_are_allowed_can_be_told_apart():
    looks = [tuple(series_look(number).values()) for number in range(MOST_SERIES)]
    assert len({*looks}) == MOST_SERIES


def test_units_of_many_rows_are_not_the_worst_for_that():
    """Root mean squares: 2 in the unit of one row, 1 in that of nine."""
    data = DATA[(DATA["unit"] < 2) & ((DATA["unit"] == 0) | (DATA["year"] == 2015))]
    short = kv.estimate(SPEC.vary(regressors=("x",), covariance="classical"), data)
    codes = short.fit.entities
    size = np.where(codes == 1, 2.0, 1.0)
    assert np.bincount(codes).tolist() == [6, 1]
    assert [name for name, _ in worst_units(short, size, 2)] == ["1", "0"]


def test_a_hidden_beginning_leaves_products_and_a_hidden_product_leaves_beginnings():
    fit = kv.estimate(SPEC.vary(regressors=("C(year)", "x", "C(year):x")), DATA)
    years = [f"C(year)[T.{year}]" for year in range(2016, 2021)]
    for hide, gone, left in ((["C(year)"], years, 7), ([years[0] + ":x"], [years[0] + ":x"], 11)):
        picture = kv.draw_coefficients(fit, hide=[*hide, "constant"], rename={t: t for t in fit.terms})
        shown = [label.get_text() for label in drawn(picture).axes[0].get_yticklabels()]
        assert not {*gone} & {*shown}
        assert len(shown) == left - 1


def test_residuals_that_are_not_there_are_refused(fits):
    exact = kv.estimate(SPEC, DATA.assign(y=DATA["x"] * 2 + DATA["unit"]))
    with pytest.raises(SpecificationError, match="explains every row"):
        kv.draw_residuals(exact)
    with pytest.raises(SpecificationError, match="not of TidyResult"):
        kv.draw_residuals(fit_without_covariance(fits["Long"]))


def test_many_points_are_pixels_in_a_drawing():
    data = invented(n=300)
    picture = kv.draw_residuals(kv.estimate(SPEC, data))
    assert len(picture.svg) < 300_000
    assert b"data:image/png" in picture.svg


# Influence and curve


def test_influence_is_drawn_of_the_units_that_matter_most(fits):
    found = kv.influence(fits["Long"])
    picture = kv.draw_influence(found, ["x", "z"], "nb", count=4)
    upper, lower = drawn(picture).axes
    for axes, term in ((upper, "x"), (lower, "z")):
        most = found.of(term).head(4)[::-1]
        names = [label.get_text().partition(" (vekt")[0] for label in axes.get_yticklabels()]
        assert names == [str(unit) for unit in most.index]
        points = axes.containers[0].lines[0].get_xydata()
        assert points[:, 0] == pytest.approx(most["estimate_without"])
    assert picture.layout_faults == ()


def test_influence_refuses_by_name(fits):
    found = kv.influence(fits["Long"])
    for terms in ([], "x"):
        with pytest.raises(SpecificationError, match="terms is a list"):
            kv.draw_influence(found, terms)
    with pytest.raises(SpecificationError, match="not among the terms: 'u'"):
        kv.draw_influence(found, ["u"])
    for count in (0, -1, 2.5):
        with pytest.raises(SpecificationError, match="how many units"):
            kv.draw_influence(found, ["x"], count=count)
        with pytest.raises(SpecificationError, match="how many units"):
            kv.draw_residuals(fits["Long"], count=count)
    with pytest.raises(SpecificationError, match="unknown language 'sv'"):
        kv.draw_influence(found, ["x"], "sv")


def test_a_curve_is_drawn_from_the_lowest_to_the_highest():
    specs = kv.grid(SPEC, controls=[(), ("z",)], weights=["w", None], regressors=[("x",)])
    curve = kv.specification_curve(specs, DATA, terms=["x"])
    picture = kv.draw_curve(curve, "nb")
    upper, lower = drawn(picture).axes
    points = np.asarray(upper.collections[1].get_offsets())
    assert points[:, 1] == pytest.approx(np.sort(curve.frame["estimate"]))
    assert "z" in [label.get_text() for label in lower.get_yticklabels()]
    assert picture.layout_faults == ()
    with pytest.raises(SpecificationError, match="unknown language"):
        kv.draw_curve(curve, "sv")


def test_pictures_are_a_public_type(fits):
    assert isinstance(kv.draw_coefficients(fits), kv.Picture)
    assert kv.Picture is Picture


def test_one_synthetic_model_makes_the_picture_synthetic(fits):
    real = DATA.copy()
    real.attrs["provenance"] = Provenance("file of the user").to_attrs()
    of_real = kv.estimate(SPEC, real)
    assert "SYNTHETIC" not in kv.draw_coefficients(of_real).description
    for both in ([of_real, fits["Long"]], [fits["Long"], of_real]):
        assert "SYNTHETIC" in kv.draw_coefficients(both).description


def test_an_interval_is_seen_on_a_dark_bar():
    """A step of -4 from 5 to 1 with interval -6 to -2: black on white, from -1 to 3."""
    words = Bilingual("a", "a")
    panel = Waterfall(words, words, words, 5.0, (words,), (-4.0,), (-6.0,), (-2.0,))
    (axes,) = drawn(draw_waterfall([panel], "en", quantity=words, provenance=SYNTHETIC)).axes
    intervals = [line for line in axes.lines if list(line.get_ydata()) == [1, 1]]
    assert [list(line.get_xdata()) for line in intervals] == [[-1, 3], [-1, 3]]
    assert [line.get_color() for line in intervals] == ["white", "black"]
    assert intervals[0].get_linewidth() > intervals[1].get_linewidth()
