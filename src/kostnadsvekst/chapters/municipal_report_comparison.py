"""Sections of the council's page: comparison with uncertainty, savings, projection."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from kostnadsvekst.chapters.municipal_report_sections import MOST_UNITS, Made
from kostnadsvekst.chapters.municipal_report_tables import is_hidden
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.user_group_terms import (
    GROUPS,
    MEASURES,
    PROVISIONS,
    service_label,
)
from kostnadsvekst.report.council_page.content import Choice, Drawing, Drill, PageTable, Part, Section
from kostnadsvekst.report.council_page.drawings import (
    Bar,
    Named,
    Path,
    Spread,
    bars,
    fan,
    funnel,
    ranks,
    waterfall,
)
from kostnadsvekst.report.council_page.voice import cell_text, joined, numbers

# Sentences of the comparison that open the page, and comparisons that are drawn.
MOST_SENTENCES = 6
MOST_DRAWN = 40
# Marks in all figures of the comparison, and municipalities in one of them.
_MOST_MARKS = 6000
_MOST_ROWS = 60
_MOST_BARS = 30


# --- Comparison


def compare_section(
    heading: Bilingual,
    tables: Sequence[PageTable],
    spreads: Sequence[tuple[pd.DataFrame, Sequence[Sequence[tuple[float, float, float]]]]],
    own: str,
) -> Made:
    """Section of findings, the municipalities beside each other, and the gap split.

    Parameters
    ----------
    heading : Bilingual
    tables : sequence of PageTable
        Of the system ``compare``, as this edition may show them.
    spreads : sequence of (DataFrame, limits)
        Rows of one comparison each, from `kostnadsvekst.municipal.comparison.intervals`, and the limits of
        its funnel.
    own : str
        Municipality to mark.
    """
    sentences = next((table for table in tables if table.has("text", "verdict")), None)
    found = next((table for table in tables if table.has("percent", "low", "high")), None)
    parts: list[Part] = [_UNSURE]
    short: list[Part] = []
    for shape in ("ranks", "funnel"):
        chosen = _beside_each_other(spreads, own, shape)
        parts += chosen
        short += [part.options[0][1] for part in chosen]
    split = _gap_drawing(tables)
    # What a sentence is made of opens beside it; where the workbook has it is nothing to a page.
    short_table = [] if sentences is None else [sentences.keeping(["text", "verdict"])]
    parts += [*split, *short_table, *(table for table in tables if table is not sentences)]
    short += split
    section = Section("compare", heading, tuple(parts), tuple(short))
    if sentences is None or found is None:
        return Made(section)
    behind = {(sentences.key, k): (Drill(found.title, found.key, (k,)),) for k in range(len(sentences.rows))}
    return Made(section, tuple(_first_findings(sentences, found)), rows_behind=behind)


_UNSURE = Bilingual(
    "Et tall bygd på få mennesker svinger fra år til år uten at noe er annerledes. Streken ved hvert punkt "
    "er intervallet som tallet er forenlig med; der den når snittet, kan kommunen ikke skilles fra det.",
    "A number made of few people moves from year to year without anything being different. The line at each "
    "point is the interval that fits the number; where it reaches the mean, the municipality cannot "
    "be told from it.",
)
_MEASURE = Bilingual("Mål", "Measure")


def _first_findings(sentences: PageTable, findings: PageTable) -> Iterator[Bilingual]:
    """Sentences of the largest differences that can be told from the mean, as the tables have them."""
    size = {k: abs(findings.number(k, "percent") or 0.0) for k in range(len(findings.rows))}
    inside = {k for k in size if _inside(findings, k)}
    order = sorted((k for k in size if k not in inside), key=lambda k: (-size[k], k))
    # The same measure of own provision and of all, or by other inhabitants, is one finding.
    told = {tuple(findings.text(k, c) for c in ("group", "service", "measure")): k for k in reversed(order)}
    for k in [k for k in order if k in told.values()][:MOST_SENTENCES]:
        yield sentences.text(k, "text")
    if inside:
        count, whole = len(inside), len(size)
        yield Bilingual(
            f"{count} av {whole} funn kan ikke skilles fra snittet.",
            f"{count} of {whole} findings cannot be told from the mean.",
        )


def _inside(table: PageTable, row: int) -> bool:
    """Whether the mean lies in the interval."""
    low, mean, high = (table.number(row, name) for name in ("low", "mean", "high"))
    return low is None or mean is None or high is None or low <= mean <= high


def _beside_each_other(
    spreads: Sequence[tuple[pd.DataFrame, Sequence[Sequence[tuple[float, float, float]]]]],
    own: str,
    shape: str,
) -> list[Choice]:
    options = []
    largest = max((len(frame) for frame, _ in spreads), default=1)
    most = max(5, min(MOST_DRAWN, _MOST_MARKS // (2 * largest)))
    for number, (frame, limits) in enumerate(spreads[:most]):
        label = comparison_label(frame)
        drawing = _ranked(frame, own, number) if shape == "ranks" else _funnel(frame, limits, own, number)
        options.append((label, drawing))
    return [Choice(shape, _MEASURE, tuple(options))] if options else []


def comparison_label(frame: pd.DataFrame) -> Bilingual:
    """Name of a comparison: group, service, provision and measure, and the year.

    Parameters
    ----------
    frame : DataFrame
        Rows of one comparison.
    """
    one = frame.iloc[0]
    whole = PROVISIONS["all"]
    names = [GROUPS.get(str(one["group"]), whole), service_label(str(one["service"]))]
    names += [PROVISIONS[str(one["provision"])]]
    shown = [name for name in names if name != whole] or [_ALL_GROUPS]
    return joined([*shown, MEASURES[str(one["measure"])].label, both(str(int(one["year"])))])


_ALL_GROUPS = Bilingual("Alle brukergrupper", "All user groups")


def _spreads(frame: pd.DataFrame, own: str) -> list[Spread]:
    out = []
    for one in frame.to_dict("records"):
        value, low, high = (_known(one[name]) for name in ("value", "low", "high"))
        name = str(one["municipality"])
        told = joined([both(name), _interval_words(one)], ": ")
        size = one["count"] if one.get("method") == "compound" else one["denominator"]
        out.append(Spread(both(name), value, low, high, told, name == own, float(size)))
    return out


def _known(value: object) -> float | None:
    number = float(str(value))
    return number if number == number else None


def _interval_words(one: Mapping[object, object]) -> Bilingual:
    """``12,3 (8,1 til 17,9), plass 3 (1 til 6)``; ranks where they are known."""
    unit = MEASURES[str(one["measure"])].unit
    decimals = 0 if abs(float(str(one["value"]))) >= 1000 else 2
    value, low, high = (numbers(_known(one[name]), decimals) for name in ("value", "low", "high"))
    nb, en = f"{value.nb} {unit.nb}", f"{value.en} {unit.en}"
    if low.nb and high.nb:
        nb, en = f"{nb} ({low.nb} til {high.nb})", f"{en} ({low.en} to {high.en})"
    first, last = _known(one["rank_low"]), _known(one["rank_high"])
    if first is not None and last is not None:
        nb += f", plass {first:.0f} til {last:.0f}"
        en += f", rank {first:.0f} to {last:.0f}"
    return Bilingual(nb, en)


def _ranked(frame: pd.DataFrame, own: str, number: int) -> Drawing:
    """Values with intervals, highest first; of many municipalities those beside one's own."""
    ordered = frame.sort_values(["value", "municipality"], ascending=[False, True]).reset_index(drop=True)
    if len(ordered) > _MOST_ROWS:
        mine = ordered.index[ordered["municipality"] == own]
        at = int(mine[0]) if len(mine) else 0
        start = max(0, min(at - _MOST_ROWS // 2, len(ordered) - _MOST_ROWS))
        ordered = ordered.iloc[start : start + _MOST_ROWS]
    unit = MEASURES[str(frame["measure"].iloc[0])].unit
    about = Bilingual(
        "Punkt: verdien. Strek: 95 %-intervall (mid-P), med overspredning der den er kjent. "
        "Loddrett strek: snittet. Firkant: egen kommune.",
        "Point: the value. Line: interval of 95 % (mid-P), with overdispersion where it is known. "
        "Vertical line: the mean. Square: one's own.",
    )
    title = joined(
        [Bilingual("Hvor sikkert er tallet", "How sure the number is"), comparison_label(frame)], ": "
    )
    named = Named(f"ranks-{number}", title, unit, about)
    return ranks(named, _spreads(ordered, own), _known(frame["mean"].iloc[0]))


def _funnel(
    frame: pd.DataFrame, limits: Sequence[Sequence[tuple[float, float, float]]], own: str, number: int
) -> Drawing:
    unit = MEASURES[str(frame["measure"].iloc[0])].unit
    costs = bool(frame["method"].iloc[0] == "compound")
    across = _RECIPIENTS if costs else _DENOMINATOR
    about = Bilingual(
        "Mellom de heltrukne grensene holder 95 prosent seg når alle har samme rate og bare tilfeldighet "
        "skiller; stiplet: når kommunene også ellers varierer mer enn tilfeldig. Firkant: egen kommune.",
        "Between the solid limits 95 per cent stay where all have the same rate and chance alone tells them "
        "apart; dashed: where municipalities vary more than by chance. Square: one's own.",
    )
    title = joined([Bilingual("Trakt", "Funnel"), comparison_label(frame)], ": ")
    named = Named(f"funnel-{number}", title, unit, about, across=across)
    return funnel(named, _spreads(frame, own), float(frame["target"].iloc[0]), limits)


_RECIPIENTS = Bilingual("mottakere (logaritmisk)", "recipients (logarithmic)")
_DENOMINATOR = Bilingual("nevner (logaritmisk)", "denominator (logarithmic)")


def _gap_drawing(tables: Sequence[PageTable]) -> list[Drawing]:
    """From the others' cost per inhabitant to one's own; nothing where the gap is not told."""
    gap = next((table for table in tables if table.has("factor", "contribution_kr")), None)
    levels = next((table for table in tables if table.has("factor", "own", "reference")), None)
    if gap is None or levels is None:
        return []
    last = len(levels.rows) - 1
    own, reference = (levels.number(last, name) for name in ("own", "reference"))
    parts = [(gap.text(k, "factor"), gap.number(k, "contribution_kr")) for k in range(len(gap.rows) - 1)]
    if own is None or reference is None or any(value is None for _, value in parts):
        return []
    unit = Bilingual("kr per innbygger", "NOK per inhabitant")
    about = Bilingual(
        "Hva som skiller egen kommune fra de andre, kroner per innbygger; leddene summerer til forskjellen.",
        "What tells one's own municipality from the others, NOK per inhabitant; the parts sum to the gap.",
    )
    ends = [_level(name, value) for name, value in ((_OTHERS, reference), (_OWN, own))]
    steps = [_level(name, value, sign=True) for name, value in parts]
    return [waterfall(Named("gap", gap.title, unit, about, gap.key), ends[0], steps, ends[1])]


_OTHERS = Bilingual("De andre", "The others")
_OWN = Bilingual("Egen kommune", "One's own municipality")


def _level(name: Bilingual, value: float | None, *, sign: bool = False) -> Bar:
    written = numbers(value, 2)
    plus = "+" if sign and value is not None and value > 0 else ""
    told = Bilingual(f"{name.nb}: {plus}{written.nb} kr", f"{name.en}: NOK {plus}{written.en}")
    return Bar(name, value, told)


# --- Savings


def savings_section(heading: Bilingual, tables: Sequence[PageTable]) -> Made:
    """Section of the savings potential: the grid of choices first, then functions.

    Parameters
    ----------
    heading : Bilingual
    tables : sequence of PageTable
        Of the system ``savings``.
    """
    grid = next((t for t in tables if t.has("saving_mnok", "against_first")), None)
    summary = next((t for t in tables if t.has("what", "saving_mnok")), None)
    drawn = [_grid_bars(grid)] if grid is not None else []
    first = [summary] if summary is not None else []
    others = [table for table in tables if table is not summary]
    section = Section("savings", heading, (*first, *drawn, *others), (*first, *drawn))
    return Made(section, tuple(_savings_sentences(summary)) if summary is not None else ())


def _grid_bars(grid: PageTable) -> Drawing:
    rows = []
    for k in range(min(len(grid.rows), _MOST_BARS)):
        names = [grid.text(k, name) for name in ("group", "need_key", "mean")]
        year = grid.number(k, "year")
        label = joined([*names, *([both(f"{year:.0f}")] if year is not None else [])])
        value = grid.number(k, "saving_mnok")
        written = numbers(value, 1)
        told = Bilingual(f"{label.nb}: {written.nb} mill. kr", f"{label.en}: NOK {written.en} million")
        rows.append(Bar(label, value, told))
    unit = Bilingual("mill. kr", "NOK million")
    about = Bilingual(
        "Hver søyle er svaret med ett valg av gruppe, behovsnøkkel, snitt og år. Er de ulike, er tallet "
        "usikkert.",
        "Each bar is the answer with one choice of group, need key, mean and year. If they differ, it is "
        "unsure.",
    )
    return bars(Named("savings-grid", grid.title, unit, about, grid.key), rows)


def _savings_sentences(summary: PageTable) -> Iterator[Bilingual]:
    values = [summary.number(k, "saving_mnok") for k in range(len(summary.rows))]
    if len(values) != 2 or values[0] is None or values[1] is None:
        return
    low, high = (numbers(value, 1) for value in values)
    told = summary.text(0, "told")
    yield Bilingual(
        f"{summary.title.nb}: fra {low.nb} til {high.nb} mill. kr etter hvilken gruppe, nøkkel og hvilket "
        f"snitt det regnes med. {told.nb}.",
        f"{summary.title.en}: from NOK {low.en} to {high.en} million, by group, key and mean. {told.en}.",
    )


# --- Projection


def projection_section(
    heading: Bilingual, tables: Sequence[PageTable], withheld: Sequence[Bilingual] = ()
) -> Made:
    """Section of the projection: a fan for each alternative.

    Parameters
    ----------
    heading : Bilingual
    tables : sequence of PageTable
        Of the system ``project``.
    withheld : sequence of Bilingual
        What is not shown, and why.
    """
    sums = next((t for t in tables if t.has("places", "low", "high", "extrapolated")), None)
    drawn = _fans(sums) if sums is not None else []
    notes = sums.notes if sums is not None else ()
    chosen: list[Part] = [Choice("fans", _ALTERNATIVE, tuple(drawn))] if drawn else []
    section = Section(
        "project", heading, (*withheld, *chosen, *tables), (*withheld, *notes, *(fan for _, fan in drawn[:1]))
    )
    return Made(section, tuple(_projection_sentences(sums)) if sums is not None else ())


_ALTERNATIVE = Bilingual("Alternativ", "Alternative")
_PATH = ("municipality", "alternative", "population_alternative")


def _paths(sums: PageTable) -> dict[tuple[Bilingual, ...], list[int]]:
    """Rows of each alternative, by year."""
    found: dict[tuple[Bilingual, ...], list[int]] = {}
    for k in range(len(sums.rows)):
        key = tuple(sums.text(k, name) for name in _PATH)
        found.setdefault(key, []).append(k)
    return {key: sorted(rows, key=lambda k: sums.number(k, "year") or 0) for key, rows in found.items()}


def _fans(sums: PageTable) -> list[tuple[Bilingual, Drawing]]:
    out = []
    for number, (key, rows) in enumerate([*_paths(sums).items()][:MOST_UNITS]):
        label = joined(key)
        unit = Bilingual("plasser", "places")
        about = Bilingual(
            "Linje: antatt dekning. Bånd: så mye tidligere framskrivinger har tatt feil "
            "(90 prosent); stiplet der de ikke rekker.",
            "Line: coverage as assumed. Band: as wide as past projections were wrong "
            "(90 per cent); dashed where they do not reach.",
        )
        title = joined([Bilingual("Plasser som trengs", "Places needed"), label], ": ")
        out.append(
            (label, fan(Named(f"fan-{number}", title, unit, about, sums.key), _path(sums, rows, label)))
        )
    return out


def _path(sums: PageTable, rows: Sequence[int], label: Bilingual) -> Path:
    columns = {c.name: c for c in sums.columns}
    told = []
    for k in rows:
        value, least, most = (cell_text(sums.cell(k, c), columns[c]) for c in ("places", "low", "high"))
        year = f"{sums.number(k, 'year') or 0:.0f}"
        nb, en = f"{year}: {value.nb} plasser", f"{year}: {value.en} places"
        if least.nb and most.nb:
            beyond = _is_beyond(sums, k)
            nb += f" (bånd {least.nb} til {most.nb}{', utenfor det som er prøvd' if beyond else ''})"
            en += f" (band {least.en} to {most.en}{', beyond what was checked' if beyond else ''})"
        told.append(Bilingual(nb, en))
    years = tuple(int(sums.number(k, "year") or 0) for k in rows)
    values, low, high = (tuple(sums.number(k, c) for k in rows) for c in ("places", "low", "high"))
    return Path(label, years, values, tuple(told), low, high, tuple(_is_beyond(sums, k) for k in rows))


def _is_beyond(sums: PageTable, row: int) -> bool:
    return sums.text(row, "extrapolated").en == "yes"


def _projection_sentences(sums: PageTable) -> Iterator[Bilingual]:
    """Where the first alternative ends, with its band."""
    for key, rows in [*_paths(sums).items()][:1]:
        first, last = rows[0], rows[-1]
        ends = [sums.number(k, "places") for k in (first, last)]
        if first == last or None in ends or any(is_hidden(sums.cell(last, c)) for c in ("low", "high")):
            return
        start, end, low, high = (
            numbers(v, 0) for v in (*ends, sums.number(last, "low"), sums.number(last, "high"))
        )
        years = [f"{sums.number(k, 'year') or 0:.0f}" for k in (first, last)]
        nb = f"{joined(key).nb}: {start.nb} plasser i {years[0]} blir {end.nb} i {years[1]}"
        en = f"{joined(key).en}: {start.en} places in {years[0]} become {end.en} in {years[1]}"
        if low.nb and high.nb:
            beyond = _is_beyond(sums, last)
            nb += f" (bånd {low.nb} til {high.nb}{', lenger fram enn noe er prøvd' if beyond else ''})"
            en += f" (band {low.en} to {high.en}{', further ahead than was checked' if beyond else ''})"
        yield Bilingual(f"{nb}.", f"{en}.")
