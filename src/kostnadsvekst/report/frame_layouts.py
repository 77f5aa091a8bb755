"""How frames of results are laid out as tables: what names a row, what is shown, and the words for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models.acute_beds_results import outcome_label
from kostnadsvekst.models.growth_accounting import COEFFICIENTS, MEANS, RESIDUALS, TOTAL, UNITS, YEAR_EFFECTS
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.tables import Cell, Number, p_value_cell
from kostnadsvekst.report.term_labels import term_label

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of a table.

    Attributes
    ----------
    label : Bilingual
    cell : callable
        Cell of a record of the frame, with a number of decimals.
    """

    label: Bilingual
    cell: Callable[[Record, int], Cell]


_WORDS = {
    TOTAL: Bilingual("I alt", "Total"),
    MEANS: Bilingual("Endrede gjennomsnitt", "Changed means"),
    COEFFICIENTS: Bilingual("Endrede koeffisienter", "Changed coefficients"),
    YEAR_EFFECTS: Bilingual("Årseffekter", "Year effects"),
    UNITS: Bilingual("Enhetseffekter (andre vekter)", "Unit effects (other weights)"),
    RESIDUALS: Bilingual("Residualer", "Residuals"),
    "all": Bilingual("alle", "all"),
    "ok": Bilingual("ok", "ok"),
}


def word_for(value: object) -> Bilingual:
    """Words for what a result calls its parts; a term by its label, anything else by its own name.

    Parameters
    ----------
    value : object
    """
    if isinstance(value, str):
        return _WORDS.get(value) or term_label(value)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return Bilingual(text.replace(".", ","), text) if isinstance(value, float) else both(text)


def _outcome(value: object) -> Bilingual:
    try:
        return outcome_label(str(value))
    except (KeyError, ValueError):
        return word_for(value)


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of one kind of frame.

    Attributes
    ----------
    name : str
        Stem of the files.
    needs : tuple of str
        Columns by which the frame is known.
    rows : tuple of str
        One or two columns that name a row; of two the first heads the rows of the second.
    columns : tuple of str
        What is shown, where the frame has it; see `COLUMNS`.
    title, stub : Bilingual
    notes : tuple of Bilingual
        Without a final stop.
    word : callable
        Words for what stands in the columns of `rows`.
    """

    name: str
    needs: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    title: Bilingual
    stub: Bilingual
    notes: tuple[Bilingual, ...] = ()
    word: Callable[[object], Bilingual] = word_for

    @property
    def heads_are_apart(self) -> bool:
        """Whether a rule stands above each line that heads others."""
        return len(self.rows) > 1


def layout_of(frame: pd.DataFrame) -> Layout | None:
    """Layout of a frame by its columns; None for a frame that is no result.

    Parameters
    ----------
    frame : DataFrame
    """
    found = (layout for layout in LAYOUTS if set(layout.needs) <= set(frame.columns))
    if {"variable", "by", "outcome"} <= set(frame.attrs):
        return _marginal_layout(frame)
    return next(found, None)


def interval_label(level: float) -> Bilingual:
    """Heading of intervals of a nominal coverage.

    Parameters
    ----------
    level : float
    """
    told = f"{100 * level:g}"
    return Bilingual(f"nominelt {told} %-intervall".replace(".", ","), f"nominal {told}% interval")


def interval_cell(low: float, high: float, decimals: int) -> Cell:
    """Cell with an interval in brackets; empty where there is none.

    Parameters
    ----------
    low, high : float
    decimals : int
    """
    if pd.isna(low) and pd.isna(high):
        return ""
    nb, en = ([format_number(float(end), decimals, lang) for end in (low, high)] for lang in ("nb", "en"))
    return Bilingual(f"[{nb[0]}; {nb[1]}]", f"[{en[0]}, {en[1]}]")


def _number(column: str, decimals: int | None = None, scale: float = 1.0) -> Callable[[Record, int], Cell]:
    def cell(record: Record, given: int) -> Cell:
        value = record[column]
        places = given if decimals is None else decimals
        return "" if pd.isna(value) else Number(scale * float(value), places)

    return cell


def _error(column: str) -> Callable[[Record, int], Cell]:
    def cell(record: Record, given: int) -> Cell:
        value = record[column]
        return "" if pd.isna(value) else Number(float(value), given, parentheses=True)

    return cell


def _p_value(column: str) -> Callable[[Record, int], Cell]:
    return lambda record, given: p_value_cell(record[column])


def _interval(low: str, high: str) -> Callable[[Record, int], Cell]:
    return lambda record, given: interval_cell(record[low], record[high], given)


def _text(column: str) -> Callable[[Record, int], Cell]:
    return lambda record, given: "" if pd.isna(record[column]) else word_for(record[column])


# Column of a frame -> how it is shown. Of an interval the lower end stands for both.
COLUMNS = {
    "estimate": Shown(Bilingual("Estimat", "Estimate"), _number("estimate")),
    "contribution": Shown(Bilingual("Bidrag", "Contribution"), _number("contribution")),
    "std_error": Shown(Bilingual("Standardfeil", "Std. error"), _error("std_error")),
    "statistic": Shown(Bilingual("t", "t"), _number("statistic", 2)),
    "conf_low": Shown(interval_label(0.95), _interval("conf_low", "conf_high")),
    "band_low": Shown(
        Bilingual("Nominelt simultant 95 %-bånd", "Nominal simultaneous 95% band"),
        _interval("band_low", "band_high"),
    ),
    "set_low": Shown(Bilingual("Identifisert mengde", "Identified set"), _interval("set_low", "set_high")),
    "p_value": Shown(Bilingual("p", "p"), _p_value("p_value")),
    "p_romano_wolf": Shown(Bilingual("p, Romano–Wolf", "p, Romano–Wolf"), _p_value("p_romano_wolf")),
    "p_westfall_young": Shown(
        Bilingual("p, Westfall–Young", "p, Westfall–Young"), _p_value("p_westfall_young")
    ),
    "p_benjamini_hochberg": Shown(
        Bilingual("q, Benjamini–Hochberg", "q, Benjamini–Hochberg"), _p_value("p_benjamini_hochberg")
    ),
    "p_benjamini_yekutieli": Shown(
        Bilingual("q, Benjamini–Yekutieli", "q, Benjamini–Yekutieli"), _p_value("p_benjamini_yekutieli")
    ),
    "share": Shown(Bilingual("Andel, %", "Share, %"), _number("share", 1, 100)),
    "weight": Shown(Bilingual("Vekt", "Weight"), _number("weight")),
    "r2_treatment": Shown(
        Bilingual("Av variabelen, %", "Of the variable, %"), _number("r2_treatment", 1, 100)
    ),
    "r2_outcome": Shown(Bilingual("Av utfallet, %", "Of the outcome, %"), _number("r2_outcome", 1, 100)),
    "n_clusters": Shown(Bilingual("Klynger", "Clusters"), _number("n_clusters", 0)),
    "n_cohorts": Shown(Bilingual("Kohorter", "Cohorts"), _number("n_cohorts", 0)),
    "n_treated": Shown(Bilingual("Behandlede", "Treated"), _number("n_treated", 0)),
    "n_control": Shown(Bilingual("Kontroller", "Controls"), _number("n_control", 0)),
    "n_comparisons": Shown(Bilingual("Sammenligninger", "Comparisons"), _number("n_comparisons", 0)),
    "n_obs": Shown(Bilingual("N", "N"), _number("n_obs", 0)),
    "estimate_without": Shown(Bilingual("Uten enheten", "Without the unit"), _number("estimate_without")),
    "change": Shown(Bilingual("Endring", "Change"), _number("change")),
    "change_in_se": Shown(Bilingual("I standardfeil", "In standard errors"), _number("change_in_se", 2)),
    "weight_share": Shown(Bilingual("Vektandel, %", "Share of weights, %"), _number("weight_share", 2, 100)),
    "status": Shown(Bilingual("Status", "Status"), _text("status")),
}

_ERRORS = ("std_error", "conf_low")
_ADJUSTED = ("p_romano_wolf", "p_westfall_young", "p_benjamini_hochberg", "p_benjamini_yekutieli")


def _marginal_layout(frame: pd.DataFrame) -> Layout:
    """Layout of average derivatives, by whatever they were asked for."""
    own = [str(name) for name in frame.columns]
    variable, outcome = (term_label(str(frame.attrs[name])) for name in ("variable", "outcome"))
    return Layout(
        "marginal_effects",
        (),
        tuple(own[: own.index("estimate")]),
        ("estimate", "std_error", "statistic", "p_value", "conf_low", "n_obs"),
        Bilingual(
            f"Gjennomsnittlig marginaleffekt av {variable.nb} på {outcome.nb}",
            f"Average marginal effect of {variable.en} on {outcome.en}",
        ),
        Bilingual("Gruppe", "Group"),
    )


LAYOUTS = (
    Layout(
        "decomposition",
        ("term", "group", "contribution"),
        ("term", "group"),
        ("contribution", *_ERRORS, "share"),
        Bilingual("Hvorfor koeffisientene endrer seg", "Why the coefficients change"),
        Bilingual("Koeffisient og gruppe", "Coefficient and group"),
        (
            Bilingual(
                "Gelbachs dekomponering: bidragene summerer til koeffisienten i den korte modellen minus den "
                "i den lange. Standardfeil i parentes",
                "Gelbach's decomposition: the contributions sum to the short model's coefficient less the "
                "long one's. Standard errors in parentheses",
            ),
        ),
    ),
    Layout(
        "growth_accounted_for",
        ("part", "group", "contribution"),
        ("part", "group"),
        ("contribution", *_ERRORS, "share"),
        Bilingual("Hva veksten består av", "What the growth consists of"),
        Bilingual("Del", "Part"),
        (
            Bilingual(
                "Delene summerer til veksten i det vektede gjennomsnittet. Standardfeil i parentes; "
                "intervallene er nominelle",
                "The parts sum to the growth of the weighted mean. Standard errors in parentheses; the "
                "intervals are nominal",
            ),
        ),
    ),
    Layout(
        "many_outcomes",
        ("outcome", "p_romano_wolf"),
        ("outcome",),
        ("estimate", "std_error", "statistic", "p_value", *_ADJUSTED, "n_clusters"),
        Bilingual("Mange utfall prøvd sammen", "Many outcomes tested together"),
        Bilingual("Utfall", "Outcome"),
        (
            Bilingual(
                "Standardfeil i parentes. p: prøvd alene, med vill klyngebootstrap; Romano–Wolf og "
                "Westfall–Young: risikoen for minst én falsk alarm; q: andel falske blant funnene",
                "Standard errors in parentheses. p: tested alone, by the wild cluster bootstrap; Romano–Wolf "
                "and Westfall–Young: family-wise error; q: false discovery rate",
            ),
        ),
        _outcome,
    ),
    Layout(
        "specifications",
        ("spec", "term", "status"),
        ("spec", "term"),
        ("estimate", "std_error", "p_value", "conf_low", "n_obs", "status"),
        Bilingual("Alle spesifikasjoner", "All specifications"),
        Bilingual("Spesifikasjon og variabel", "Specification and term"),
    ),
    Layout(
        "benchmarks",
        ("benchmark", "multiple", "r2_treatment"),
        ("benchmark", "multiple"),
        ("r2_treatment", "r2_outcome", "estimate", *_ERRORS),
        Bilingual("Hvor sterkt måtte noe utelatt være?", "How strong would something left out have to be?"),
        Bilingual("Som, og hvor mange ganger", "As strong as, times"),
    ),
    Layout(
        "group_time",
        ("cohort", "period", "estimate"),
        ("cohort", "period"),
        ("estimate", *_ERRORS, "n_treated", "n_control"),
        Bilingual("Effekter etter kohort og periode", "Effects by cohort and period"),
        Bilingual("Kohort og periode", "Cohort and period"),
    ),
    Layout(
        "horizons",
        ("horizon", "estimate"),
        ("horizon",),
        ("estimate", *_ERRORS, "band_low", "n_cohorts"),
        Bilingual("Effekter etter tid siden innføring", "Effects by time since treatment"),
        Bilingual("Horisont", "Horizon"),
    ),
    *(
        Layout(
            "trend_violations",
            (bound, "conf_low", "conf_high"),
            (bound,),
            ("set_low", "conf_low"),
            Bilingual("Når parallelle trender ikke holder", "Where parallel trends fail"),
            Bilingual("Største brudd", "Largest violation"),
        )
        for bound in ("magnitude", "bound")
    ),
    Layout(
        "comparisons",
        ("kind", "treated_cohort", "control_cohort", "weight", "estimate"),
        ("kind", "treated_cohort", "control_cohort"),
        ("weight", "estimate"),
        Bilingual("Goodman-Bacons sammenligninger", "Goodman-Bacon's comparisons"),
        Bilingual("Sammenligning", "Comparison"),
    ),
    *(
        Layout(
            "effects",
            (level, "estimate", "std_error", "conf_low"),
            (level,),
            ("estimate", *_ERRORS),
            Bilingual("Effekter", "Effects"),
            stub,
        )
        for level, stub in (
            ("all", Bilingual("Snitt", "Mean")),
            ("dynamic", Bilingual("Horisont", "Horizon")),
            ("group", Bilingual("Kohort", "Cohort")),
            ("calendar", Bilingual("Periode", "Period")),
        )
    ),
)
