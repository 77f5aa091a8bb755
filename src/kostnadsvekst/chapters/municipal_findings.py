"""The sheets of findings: each value of one's own beside the mean, how sure it is, and its sentence."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from kostnadsvekst.chapters.municipal_sheets import (
    links_column,
    result_column,
    row_link,
    unit_columns,
    words,
)
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.comparison_findings import BASES, INSEPARABLE, VERDICTS
from kostnadsvekst.municipal.user_group_terms import ALL, GROUPS, MEASURES, PROVISIONS, service_label
from kostnadsvekst.report.workbook import Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_kinds import LIMITS_OF_WORDS

_AGES = {ALL: Bilingual("alle, behovskorrigert", "all, need-adjusted")}
# Characters of a text inside a formula, at most.
_LITERAL = 240
_NUMBERS = ("value", "mean", "low", "high", "shrunk", "p_above_mean", "rank", "rank_low", "rank_high")


def findings_sheets(rows: pd.DataFrame, lang: str, *, public: bool = False) -> tuple[Sheet, Sheet]:
    """Sheets of findings: the sentences, and the numbers behind them.

    Parameters
    ----------
    rows : DataFrame
        Of `kostnadsvekst.municipal.comparison.intervals` with ``text_nb``, ``text_en`` and ``verdict`` of
        `findings`; one's own municipality, one year.
    lang : {"nb", "en"}
    public : bool
        Whether it says that findings from which small counts follow are left out.
    """
    name = words(lang, "Tall bak funnene", "Numbers behind")
    title = words(lang, "Tallene bak funnene", "The numbers behind the findings")
    notes = (
        words(
            lang,
            "Verdi, snitt og intervall (mid-P, 95 prosent) regnes ikke om her; det gjør kommandoen.",
            "Value, mean and interval (mid-P, 95 per cent) are not computed anew here, but by the command.",
        ),
        words(
            lang,
            "Kommuner er mer ulike enn tilfeldighet gjør dem: intervallet er med overspredning der den "
            "er kjent.",
            "Municipalities differ by more than chance: the interval is with overdispersion where that is "
            "known.",
        ),
        words(
            lang,
            "Plass 1 er den høyeste. Ingen dom om rett og galt er ment.",
            "Rank 1 is the highest. No judgement of right or wrong is meant.",
        ),
    )
    empty = Sheet(name, title, _columns(lang), (), notes)
    numbers = replace(
        empty, rows=tuple(_row(empty, k, one, lang) for k, one in enumerate(rows.to_dict("records")))
    )
    return _sentences_sheet(rows, numbers, lang, public=public), numbers


def _sentences_sheet(rows: pd.DataFrame, numbers: Sheet, lang: str, *, public: bool) -> Sheet:
    """Write each sentence; its word for the difference is that of the numbers, also after a change."""
    columns = (
        SheetColumn("verdict", words(lang, "Forskjell", "Difference"), "", "text", "result", 26),
        SheetColumn("text", words(lang, "I ord", "In words"), "", "text", "result", 120),
        links_column(lang, 24),
    )
    left_out = words(
        lang,
        "Funn som små antall kan regnes ut av, er utelatt.",
        "Findings from which small counts could be worked out are left out.",
    )
    name = words(lang, "Funn", "Findings")
    title = words(lang, "Egen kommune mot snittet", "One's own municipality beside the mean")
    told: list[tuple[Value, ...]] = []
    for k, one in enumerate(rows.to_dict("records")):
        verdict, cell = str(one["verdict"]), numbers.cell("verdict", k)
        word = Formula(f"={cell}", VERDICTS[verdict].get(lang))
        told.append((word, _text(str(one[f"text_{lang}"]), verdict, cell, lang), row_link(numbers, k)))
    return Sheet(name, title, columns, tuple(told), (left_out,) if public else ())


def _columns(lang: str) -> tuple[SheetColumn, ...]:
    unit = words(lang, "mål", "measure")
    return (
        *unit_columns(lang),
        SheetColumn("group", words(lang, "Brukergruppe", "User group"), width=34),
        SheetColumn("age", words(lang, "Innbyggere", "Inhabitants"), width=20),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=34),
        SheetColumn("provision", words(lang, "Utførelse", "Provision"), width=12),
        SheetColumn("measure", words(lang, "Mål", "Measure"), width=36),
        result_column("value", words(lang, "Verdi", "Value"), unit, "number"),
        SheetColumn("unit", words(lang, "Enhet", "Unit"), width=26),
        result_column("mean", words(lang, "Snitt", "Mean"), unit, "number"),
        result_column("low", words(lang, "Intervall fra", "Interval from"), unit, "number"),
        result_column("high", words(lang, "Intervall til", "Interval to"), unit, "number"),
        SheetColumn("basis", words(lang, "Intervallet er", "The interval is"), width=22),
        result_column("percent", words(lang, "Mot snittet", "Against the mean"), "%", "percent"),
        SheetColumn("verdict", words(lang, "Forskjell", "Difference"), "", "text", "result", 26),
        result_column("shrunk", words(lang, "Krympet verdi", "Shrunken value"), unit, "number"),
        result_column(
            "p_above_mean",
            words(lang, "Sannsynlighet for å være over snittet", "Probability of being above the mean"),
            words(lang, "andel", "share"),
            "number",
        ),
        result_column("rank", words(lang, "Plass", "Rank"), "", "number"),
        result_column("rank_low", words(lang, "Plass fra", "Rank from"), "", "whole"),
        result_column("rank_high", words(lang, "Plass til", "Rank to"), "", "whole"),
    )


def _row(sheet: Sheet, k: int, one: Mapping[object, object], lang: str) -> tuple[Value, ...]:
    measure = MEASURES[str(one["measure"])]
    numbers = {name: _known(one[name]) for name in _NUMBERS}
    value, mean = float(str(one["value"])), float(str(one["mean"]))
    cells = {name: sheet.cell(name, k) for name in ("value", "mean", "low", "high", "percent", "verdict")}
    percent = Formula(
        f"=100*({cells['value']}-{cells['mean']})/ABS({cells['mean']})", 100 * (value - mean) / abs(mean)
    )
    verdict = str(one["verdict"])
    group = str(one["group"])
    return (
        str(one["municipality"]),
        float(str(one["year"])),
        GROUPS[group].get(lang) if group in GROUPS else PROVISIONS[ALL].get(lang),
        _AGES[ALL].get(lang) if one["age"] == ALL else str(one["age"]).replace("-", "–"),
        service_label(str(one["service"])).get(lang),
        PROVISIONS[str(one["provision"])].get(lang),
        measure.label.get(lang),
        numbers["value"],
        measure.unit.get(lang),
        numbers["mean"],
        numbers["low"],
        numbers["high"],
        BASES[str(one["basis"])].get(lang) or None,
        percent,
        Formula(_verdict_formula(cells, lang), VERDICTS[verdict].get(lang)),
        numbers["shrunk"],
        numbers["p_above_mean"],
        numbers["rank"],
        numbers["rank_low"],
        numbers["rank_high"],
    )


def _known(value: object) -> float | None:
    number = float(str(value))
    return number if number == number else None


def _verdict_formula(cells: Mapping[str, str], lang: str) -> str:
    value = f"ABS({cells['percent']})"
    told = f'"{VERDICTS["svakt"].get(lang)}"'
    for name, word in zip(LIMITS_OF_WORDS, ("noe", "tydelig", "vesentlig"), strict=True):
        told = f'IF({value}>={name},"{VERDICTS[word].get(lang)}",{told})'
    inside = f"AND({cells['low']}<={cells['mean']},{cells['mean']}<={cells['high']})"
    return f'=IF({inside},"{VERDICTS[INSEPARABLE].get(lang)}",{told})'


def _text(text: str, verdict: str, cell: str, lang: str) -> Value:
    word = VERDICTS[verdict].get(lang)
    if verdict == INSEPARABLE:
        return text
    head = text.removesuffix(f"{word}.").replace('"', '""')
    parts = [head[k : k + _LITERAL] for k in range(0, len(head), _LITERAL)]
    if any(part.count('"') % 2 for part in parts):
        return text
    quoted = "&".join(f'"{part}"' for part in parts)
    return Formula(f'={quoted}&{cell}&"."', text)
