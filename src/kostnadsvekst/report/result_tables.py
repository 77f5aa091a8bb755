"""Any single result as a table: coefficients, tests, splits, studies, specifications."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.influence import Influence
from kostnadsvekst.analysis.specification_curve import JointTest, SpecificationCurve
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both, in_language
from kostnadsvekst.models.confounding import OsterDelta, Sensitivity
from kostnadsvekst.models.detectable import ResampledPower
from kostnadsvekst.models.hypotheses import HypothesisTest
from kostnadsvekst.models.instrument_tests import InstrumentTest
from kostnadsvekst.models.instrumental import InstrumentDiagnostics
from kostnadsvekst.models.linear_combinations import LinearCombination, LinearCombinations
from kostnadsvekst.models.results import Result
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.models.staggered import Aggregate, NegativeWeights, Randomisation
from kostnadsvekst.models.staggered.robustness import WaldTest
from kostnadsvekst.provenance import UNKNOWN, Provenance, provenance_of
from kostnadsvekst.report.descriptive_tables import descriptive_table, is_description
from kostnadsvekst.report.frame_layouts import COLUMNS, Layout, interval_label, layout_of
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer, p_value_cell
from kostnadsvekst.report.term_labels import term_label

_DECIMALS = 3
HYPOTHESES = (HypothesisTest, WaldTest, InstrumentTest)
_Test: TypeAlias = HypothesisTest | WaldTest | InstrumentTest


def table_of(result: object, decimals: int = _DECIMALS) -> Table:
    """Show one result as a table: of an estimate one line a coefficient, of a frame one line a record.

    Parameters
    ----------
    result : object
        A `kostnadsvekst.report.tables.Table` (returned as it is), a
        `kostnadsvekst.models.results.Result`, a test, a specification, a sensitivity analysis, a curve, or a
        frame that a function of this package returned.
    decimals : int

    Raises
    ------
    SpecificationError
        If it is none of these.
    """
    if isinstance(result, Table):
        return result
    if isinstance(result, Result):
        return _coefficients(result, decimals)
    if isinstance(result, pd.DataFrame):
        return frames_table({None: result}, decimals)
    found = next((made for kind, made in _MAKERS.items() if isinstance(result, kind)), None)
    if found is not None:
        return found(result, decimals)
    if is_dataclass(result) and not isinstance(result, type):
        return _fields(result, decimals)
    raise SpecificationError(not_a_result(result))


def not_a_result(value: object) -> str:
    """Say that something is no result, and what is.

    Parameters
    ----------
    value : object
    """
    told = type(value).__name__
    if isinstance(value, pd.DataFrame):
        named = ", ".join(map(str, list(value.columns)[:6]))
        told = f"a frame with the columns {named}" if named else "a frame without columns"
    return (
        f"a table is made of results, not of {told}: pass what estimate, estimate_ar1, "
        "staggered.event_study, acute_beds.estimate_effects, decompose, account_for_growth, many_outcomes, "
        "sensitivity, describe or a test returns, one or a list of them"
    )


def frames_table(frames: Mapping[str | Bilingual | None, pd.DataFrame], decimals: int = _DECIMALS) -> Table:
    """Lay frames of one kind out side by side.

    Parameters
    ----------
    frames : mapping
        Heading -> frame; None for one without a heading.
    decimals : int

    Raises
    ------
    SpecificationError
        A frame that is no result, or frames of several kinds.
    """
    described = [frame for frame in frames.values() if is_description(frame)]
    if len(described) == len(frames) == 1:
        return descriptive_table(described[0], decimals)
    layout = _common_layout(list(frames.values()))
    shown = [c for c in layout.columns if any(c in frame.columns for frame in frames.values())]
    keyed = [_keyed(frame, layout) for frame in frames.values()]
    keys = dict.fromkeys(key for records in keyed for key in records)
    cells = {key: [_cells(records.get(key), shown, decimals) for records in keyed] for key in keys}
    under = tuple(_headings(shown, next(iter(frames.values())).attrs.get("level", 0.95))) * len(keyed)
    over = tuple(Heading(heading or "", len(shown)) for heading in frames)
    headings = (under,) if list(frames) == [None] else (over, under)
    origin = first_synthetic([provenance_of(frame) for frame in frames.values()])
    notes = (*_joined(layout.notes), footer(origin))
    return Table(layout.name, layout.title, layout.stub, headings, _grouped(cells, layout), notes, origin)


def _headings(shown: Sequence[str], level: float = 0.95) -> list[Heading]:
    return [Heading(interval_label(level) if c == "conf_low" else COLUMNS[c].label) for c in shown]


def hypotheses_table(
    tests: Sequence[tuple[str | Bilingual | None, _Test]], decimals: int = _DECIMALS
) -> Table:
    """Put tests below each other.

    Parameters
    ----------
    tests : sequence of (str, test)
        Name, or None for the test's own, and test.
    decimals : int
    """
    rows = tuple(_test_row(name, test, decimals) for name, test in tests)
    headings = (_STATISTIC, _DISTRIBUTION, both("p"), _NULL, _COVARIANCE)
    filled = [j for j in range(len(headings)) if any(row.cells[j] != "" for row in rows)]
    origin = first_synthetic([_origin(test) for _, test in tests])
    return Table(
        "tests",
        Bilingual("Tester", "Tests"),
        both("Test"),
        (tuple(Heading(headings[j]) for j in filled),),
        tuple(Row(row.label, tuple(row.cells[j] for j in filled)) for row in rows),
        (footer(origin),),
        origin,
    )


def first_synthetic(origins: Sequence[Provenance]) -> Provenance:
    """Origin of several results together, a synthetic one first: the label must never get lost.

    Parameters
    ----------
    origins : sequence of Provenance
    """
    return next((origin for origin in origins if origin.synthetic), origins[0])


def _common_layout(frames: Sequence[pd.DataFrame]) -> Layout:
    kinds: dict[str, Layout] = {}
    for frame in frames:
        layout = layout_of(frame)
        if layout is None:
            raise SpecificationError(not_a_result(frame))
        kinds.setdefault(layout.name, layout)
    if len(kinds) > 1:
        raise SpecificationError(f"frames of several kinds ({', '.join(kinds)}): make a table of each")
    return next(iter(kinds.values()))


def _origin(result: object) -> Provenance:
    known = getattr(result, "provenance", None)
    return known if isinstance(known, Provenance) else Provenance(UNKNOWN)


def _joined(notes: Sequence[Bilingual]) -> tuple[Bilingual, ...]:
    if not notes:
        return ()
    return (Bilingual(". ".join(n.nb for n in notes) + ".", ". ".join(n.en for n in notes) + "."),)


def _keyed(frame: pd.DataFrame, layout: Layout) -> dict[tuple[object, ...], Mapping[str, Any]]:
    whole = frame if set(layout.rows) <= set(frame.columns) else frame.reset_index()
    records = [{str(name): value for name, value in record.items()} for record in whole.to_dict("records")]
    found: dict[tuple[object, ...], Mapping[str, Any]] = {
        tuple(record[name] for name in layout.rows): record for record in records
    }
    if len(found) < len(records):
        raise SpecificationError(
            f"{len(records) - len(found)} rows of the frame have the same {' and '.join(layout.rows)} as "
            "another: make a table of each part"
        )
    return found


def _cells(record: Mapping[str, Any] | None, shown: Sequence[str], decimals: int) -> list[Cell]:
    if record is None:
        return [""] * len(shown)
    return [COLUMNS[c].cell(record, decimals) if c in record else "" for c in shown]


def _grouped(cells: Mapping[tuple[object, ...], list[list[Cell]]], layout: Layout) -> tuple[Row, ...]:
    """Rows, those of one first name below a line with it; alone on its line where there is no second name."""
    rows: list[Row] = []
    above: object = None
    for key, parts in cells.items():
        values = tuple(cell for part in parts for cell in part)
        names = [layout.word(name) for name in key if name != ""] or [_ALL]
        if len(names) == 1:
            rows.append(Row(names[0], values, rule_above=key[:1] == ("total",) and bool(rows)))
            continue
        if key[0] != above:
            rows.append(Row(names[0], rule_above=bool(rows) and layout.heads_are_apart))
            above = key[0]
        label = Bilingual(" – ".join(n.nb for n in names[1:]), " – ".join(n.en for n in names[1:]))
        rows.append(Row(label, values, indent=1))
    return tuple(rows)


def _coefficients(result: Result, decimals: int) -> Table:
    facts, frame = result.facts, result.coefficients
    labels = dict(facts.labels)
    rows = tuple(
        Row(labels.get(str(term), term_label(str(term))), tuple(_cells(record, _TIDY, decimals)))
        for term, record in zip(frame.index, frame.to_dict("records"), strict=True)
    )
    normal = bool(np.isinf(result.df).all())
    headings = [Heading(COLUMNS[c].label) for c in _TIDY]
    headings[_TIDY.index("statistic")] = Heading("z" if normal else "t")
    outcome = labels.get(facts.outcome, term_label(facts.outcome))
    title = Bilingual(f"{facts.label.nb}: {outcome.nb}", f"{facts.label.en}: {outcome.en}")
    return Table(
        "coefficients",
        title,
        _TERMS,
        (tuple(headings),),
        rows,
        (*_joined(facts.notes), footer(facts.provenance, *_about(result))),
        facts.provenance,
    )


def _about(result: Result) -> list[Bilingual]:
    facts = result.facts
    parts = [
        Bilingual(f"Standardfeil: {facts.covariance.text.nb}", f"Standard errors: {facts.covariance.text.en}")
    ]
    n = {lang: Number(float(result.n_obs), 0).text(lang) for lang in ("nb", "en")}
    parts.append(Bilingual(f"N = {n['nb']}", f"N = {n['en']}"))
    for name, share in (
        (both("R²"), facts.r_squared),
        (Bilingual("R² innen", "R² within"), facts.r_squared_within),
    ):
        if share is not None:
            told = Number(float(share), 3)
            parts.append(Bilingual(f"{name.nb} {told.text('nb')}", f"{name.en} {told.text('en')}"))
    return parts


def _test_row(name: str | Bilingual | None, test: _Test, decimals: int) -> Row:
    statistic = Number(test.statistic, decimals)
    if isinstance(test, WaldTest):
        return Row(name or both("Wald"), (statistic, f"χ²({test.df})", p_value_cell(test.p_value), "", ""))
    df = {lang: _df(test, lang) for lang in ("nb", "en")}
    null, covariance = _in_both(test.null), _in_both(test.covariance)
    told = (statistic, Bilingual(df["nb"], df["en"]), p_value_cell(test.p_value), null, covariance)
    return Row(name or _in_both(test.name), told)


def _in_both(text: str) -> Bilingual:
    return Bilingual(in_language(text, "nb"), in_language(text, "en"))


def _df(test: HypothesisTest | InstrumentTest, lang: str) -> str:
    if np.isinf(test.df_denominator):
        return f"χ²({test.df_numerator})"
    below = f"{test.df_denominator:.6g}"
    return (
        f"F({test.df_numerator}; {below.replace('.', ',')})"
        if lang == "nb"
        else f"F({test.df_numerator}, {below})"
    )


def _pairs(
    name: str,
    title: Bilingual,
    pairs: Sequence[tuple[str | Bilingual, Cell]],
    result: object,
    *notes: Bilingual,
) -> Table:
    """Table of names and values."""
    origin = _origin(result)
    rows = tuple(Row(label, (cell,)) for label, cell in pairs)
    values = (Heading(Bilingual("Verdi", "Value")),)
    return Table(name, title, "", (values,), rows, (*_joined(notes), footer(origin)), origin)


def _combination(found: LinearCombination, decimals: int) -> Table:
    return _combinations(LinearCombinations((found,), None), decimals)


def _combinations(found: LinearCombinations, decimals: int) -> Table:
    shown = ("estimate", "std_error", "statistic", "p_value", "conf_low")
    rows = []
    for one in found.each:
        record = {name: getattr(one, name) for name in (*shown, "conf_high")}
        null = f" = {one.null:g}" if one.null and "=" not in one.text else ""
        rows.append(Row(one.text + null, tuple(_cells(record, shown, decimals))))
    headings = _headings(shown, found.each[0].level)
    headings[2] = Heading("z" if np.isinf(found.each[0].df) else "t")
    if found.joint is not None:
        joint = found.joint
        told = (Number(joint.statistic, 2), p_value_cell(joint.p_value), "")
        label = Bilingual(f"Alle: {_df(joint, 'nb')}", f"All: {_df(joint, 'en')}")
        rows.append(Row(label, ("", "", *told), rule_above=True))
    errors = _in_both(found.each[0].covariance)
    about = Bilingual(f"Standardfeil: {errors.nb}", f"Standard errors: {errors.en}")
    origin = _origin(found.each[0])
    title = Bilingual("Kombinasjoner av koeffisienter", "Combinations of coefficients")
    stub = Bilingual("Kombinasjon", "Combination")
    return Table(
        "combinations", title, stub, (tuple(headings),), tuple(rows), (footer(origin, about),), origin
    )


def _instruments(found: InstrumentDiagnostics, decimals: int) -> Table:
    """List the tests of and with instruments, and the F statistics of their strength."""
    known = (found.underidentification, found.overidentification, found.wu_hausman, found.anderson_rubin)
    tests = [*found.first_stage.values(), *(test for test in known if test)]
    made = hypotheses_table([(None, test) for test in tests], decimals) if tests else None
    strength = {"Cragg–Donald F": found.cragg_donald_f, "Kleibergen–Paap F": found.kleibergen_paap_f}
    if found.effective_f:
        strength["Montiel Olea–Pflueger F"] = found.effective_f.statistic
    if made is None:
        pairs = [(name, Number(value, decimals)) for name, value in strength.items()]
        return _pairs("instruments", _INSTRUMENTS, pairs, found)
    blank = ("",) * (made.n_columns - 1)
    rows = tuple(Row(name, (Number(value, decimals), *blank)) for name, value in strength.items())
    return replace(made, name="instruments", title=_INSTRUMENTS, rows=(*made.rows, *rows))


def _specification(spec: Specification, decimals: int) -> Table:
    shown = {part.name: getattr(spec, part.name) for part in fields(spec) if part.name != "regressors"}
    pairs: list[tuple[str | Bilingual, Cell]] = [(Bilingual("formel", "formula"), spec.formula)]
    for name, value in shown.items():
        if name in _SPECIFICATION and value not in (None, ()):
            text = value if isinstance(value, str) else ", ".join(value)
            pairs.append((_SPECIFICATION[name], _SPECIFICATION_WORDS.get(text, text)))
    return Table(
        "specification",
        Bilingual("Spesifikasjon", "Specification"),
        "",
        ((Heading(""),),),
        tuple(Row(label, (cell,)) for label, cell in pairs),
        (),
        Provenance(""),
    )


def _sensitivity(found: Sensitivity, decimals: int) -> Table:
    label = term_label(found.term)
    errors = {"estimate": found.estimate, "std_error": found.std_error}
    own = Row(_AS_ESTIMATED, ("", "", *_cells(errors, [*errors], decimals), ""))
    layout = _common_layout([found.benchmarks])
    cells = {
        key: [_cells(record, layout.columns, decimals)]
        for key, record in _keyed(found.benchmarks, layout).items()
    }
    headings = tuple(Heading(COLUMNS[c].label) for c in layout.columns)
    title = Bilingual(f"{layout.title.nb} {label.nb}", f"{layout.title.en} {label.en}")
    notes = (*_robustness(found), footer(_origin(found)))
    rows = (own, *_grouped(cells, layout))
    return Table("sensitivity", title, layout.stub, (headings,), rows, notes, _origin(found))


def _robustness(found: Sensitivity) -> tuple[Bilingual, ...]:
    """Robustness values in a sentence, and benchmarks that are impossible."""
    shares = (
        found.robustness_value,
        found.robustness_value_significance,
        found.partial_r2,
        found.q,
        found.alpha,
    )
    nb, en = ([f"{format_number(100 * share, 1, lang)}" for share in shares] for lang in ("nb", "en"))
    lines = [
        Bilingual(
            f"Klassiske standardfeil. Noe utelatt må forklare {nb[0]} % av resten av både variabelen og "
            f"utfallet for å ta bort {nb[3]} % av estimatet, {nb[1]} % for at det ikke lenger er signifikant "
            f"på {nb[4]} %-nivå; forklarer det alt av resten av utfallet, er {nb[2]} % av variabelen nok",
            f"Classical standard errors. Something left out must explain {en[0]}% of the rest of both the "
            f"variable and the outcome to take {en[3]}% of the estimate away, {en[1]}% to make it not "
            f"significant at {en[4]}%; if it explains all of the rest of the outcome, {en[2]}% of the "
            "variable is enough",
        )
    ]
    if found.impossible:
        named = ", ".join(found.impossible)
        lines.append(Bilingual(f"Så sterk kan ingenting være: {named}", f"Nothing can be as strong: {named}"))
    return _joined(lines)


def _oster(found: OsterDelta, decimals: int) -> Table:
    label = term_label(found.term)
    return _pairs(
        "oster",
        Bilingual(f"Osters delta: {label.nb}", f"Oster's delta: {label.en}"),
        [
            (both("δ"), Number(found.delta, decimals)),
            (Bilingual("R² høyst", "R² at most"), Number(found.r_max, 3)),
            (Bilingual("Uten kontrollene", "Without the controls"), Number(found.short_estimate, decimals)),
            (Bilingual("Med kontrollene", "With the controls"), Number(found.estimate, decimals)),
            (Bilingual("R² uten", "R² without"), Number(found.short_r_squared, 3)),
            (Bilingual("R² med", "R² with"), Number(found.r_squared, 3)),
        ],
        found,
    )


def _power(found: ResampledPower, decimals: int) -> Table:
    return _pairs(
        "power",
        Bilingual("Hva utformingen kunne ha funnet", "What the design could have found"),
        [
            (
                Bilingual(
                    "Minste effekt funnet fire av fem ganger", "Smallest effect found four times in five"
                ),
                Number(found.detectable(), decimals),
            ),
            (Bilingual("Falske alarmer, %", "False alarms, %"), Number(100 * found.false_alarms, 1)),
            (Bilingual("Trekninger", "Draws"), Number(float(len(found.estimates)), 0)),
        ],
        found,
    )


def _aggregate(found: Aggregate, decimals: int) -> Table:
    made = frames_table({None: found.parts}, decimals)
    shown = {name: getattr(found, name) for name in ("estimate", "std_error", "conf_low", "conf_high")}
    total = Row(_MEAN, tuple(_cells(shown, [*shown][:3], decimals)), rule_above=True)
    alone = "all" in found.parts.columns
    return replace(made, rows=made.rows if alone else (*made.rows, total))


def _negative_weights(found: NegativeWeights, decimals: int) -> Table:
    return _pairs(
        "negative_weights",
        Bilingual("Vektene i det statiske estimatet", "Weights of the static estimate"),
        [
            (Bilingual("Statisk estimat", "Static estimate"), Number(found.estimate, decimals)),
            (
                Bilingual("Celler med negativ vekt, %", "Cells with a negative weight, %"),
                Number(100 * found.share_negative, 1),
            ),
            (
                Bilingual("Sum av negative vekter", "Sum of negative weights"),
                Number(found.sum_negative, decimals),
            ),
            (
                Bilingual(
                    "Minste spredning med snitteffekt null", "Smallest spread with a mean effect of zero"
                ),
                Number(found.smallest_spread, decimals),
            ),
        ],
        found,
    )


def _randomisation(found: Randomisation, decimals: int) -> Table:
    return _pairs(
        "randomisation",
        Bilingual("Tilfeldig trukne innføringstidspunkter", "Adoption dates drawn at random"),
        [
            (Bilingual("Statisk estimat", "Static estimate"), Number(found.estimate, decimals)),
            (both("p"), p_value_cell(found.p_value)),
            (Bilingual("Trekninger", "Draws"), Number(float(len(found.draws)), 0)),
        ],
        found,
    )


def _joint_test(found: JointTest, decimals: int) -> Table:
    rows = tuple(
        Row(
            _JOINT.get(str(name), both(str(name))),
            (Number(r["observed"], decimals), p_value_cell(r["p_value"])),
        )
        for name, r in found.results.iterrows()
    )
    origin = _origin(found)
    headings = (Heading(Bilingual("Observert", "Observed")), Heading("p"))
    title = Bilingual("Alle spesifikasjoner prøvd sammen", "All specifications tested together")
    return Table("joint_test", title, "", (headings,), rows, (footer(origin),), origin)


def _curve(found: SpecificationCurve, decimals: int) -> Table:
    made = frames_table({None: found.frame}, decimals)
    return replace(made, notes=(footer(found.provenance),), provenance=found.provenance)


def _influence(found: Influence, decimals: int) -> Table:
    """Most influential unit on each coefficient."""
    shown = ("change", "change_in_se", "weight_share")
    rows = []
    for term in found.estimate.terms:
        most = found.of(term).iloc[0]
        record = {str(name): value for name, value in most.items()}
        rows.append(Row(term_label(term), (str(most.name), *_cells(record, shown, decimals))))
    unit = Heading(Bilingual("Enhet med mest innflytelse", "Most influential unit"))
    headings = (unit, *(Heading(COLUMNS[c].label) for c in shown))
    origin = found.estimate.provenance
    title = Bilingual("Estimater uten én enhet", "Estimates without one unit")
    return Table("influence", title, _TERMS, (headings,), tuple(rows), (footer(origin),), origin)


def _fields(result: Any, decimals: int) -> Table:
    """Fields that are single values, under their own names."""
    values = {part.name: getattr(result, part.name) for part in fields(result) if part.repr}
    pairs = [(name, _value(value, decimals)) for name, value in values.items()]
    title = both(type(result).__name__)
    return _pairs("result", title, [(name, cell) for name, cell in pairs if cell is not None], result)


def _value(value: object, decimals: int) -> Cell | None:
    if isinstance(value, str | Bilingual):
        return value
    if isinstance(value, bool | np.bool_):
        return Bilingual("ja", "yes") if value else Bilingual("nei", "no")
    if isinstance(value, int | np.integer):
        return Number(float(value), 0)
    if isinstance(value, float | np.floating):
        return Number(float(value), decimals)
    return None


_AS_ESTIMATED = Bilingual("Som estimert", "As estimated")
_TERMS = Bilingual("Uavhengige variabler", "Independent variables")
_INSTRUMENTS = Bilingual("Instrumentene", "The instruments")
_ALL = Bilingual("alle", "all")
_MEAN = Bilingual("Snitt", "Mean")
_STATISTIC = Bilingual("Observator", "Statistic")
_DISTRIBUTION = Bilingual("Fordeling", "Distribution")
_NULL = Bilingual("Nullhypotese", "Null hypothesis")
_COVARIANCE = Bilingual("Kovarians", "Covariance")
_TIDY = ("estimate", "std_error", "statistic", "p_value", "conf_low")
_JOINT = {
    "median_t": Bilingual("Median av t", "Median of t"),
    "mean_t": Bilingual("Snitt av t", "Mean of t"),
    "share_significant": Bilingual("Andel signifikante", "Share significant"),
}
_SPECIFICATION = {
    "entity": Bilingual("enhet", "entity"),
    "time": Bilingual("tid", "time"),
    "weights": Bilingual("vekter", "weights"),
    "covariance": Bilingual("kovarians", "covariance"),
    "sample": Bilingual("utvalg", "sample"),
    "effects": Bilingual("effekter", "effects"),
    "convention": Bilingual("småutvalgsfaktor", "small-sample factor"),
}
_SPECIFICATION_WORDS = {"none": Bilingual("ingen", "none"), "entity": Bilingual("enhet", "entity")}
_MAKERS: dict[type, Callable[[Any, int], Table]] = {
    HypothesisTest: lambda test, decimals: hypotheses_table([(None, test)], decimals),
    WaldTest: lambda test, decimals: hypotheses_table([(None, test)], decimals),
    LinearCombination: _combination,
    LinearCombinations: _combinations,
    InstrumentTest: lambda test, decimals: hypotheses_table([(None, test)], decimals),
    InstrumentDiagnostics: _instruments,
    Specification: _specification,
    Sensitivity: _sensitivity,
    OsterDelta: _oster,
    ResampledPower: _power,
    Aggregate: _aggregate,
    NegativeWeights: _negative_weights,
    Randomisation: _randomisation,
    JointTest: _joint_test,
    SpecificationCurve: _curve,
    Influence: _influence,
}
