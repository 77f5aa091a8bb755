"""Figures of the chapter on municipal acute beds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.ohd_data import Material
from kostnadsvekst.chapters.ohd_names import KIND_NAMES, METHOD_NAMES, NAMES, OUTCOME_IN_PRINT
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.acute_beds import AGES, CONTACTS, DEPARTMENTS, URGENCIES, cumulative_adoption
from kostnadsvekst.models.staggered import KINDS
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import COLOURS, FIGURE_TITLE, MARKERS, finish, new_figure
from kostnadsvekst.report.look import BLACK, BLUE, GREY, RED, YELLOW
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.pictures import Picture

_AGE_LOOK = dict(zip(AGES, ((BLACK, "o"), (YELLOW, "s"), (RED, "^")), strict=True))
# Horizons shown: beyond them few cohorts are left.
_SHOWN = (-12, 20)
_EFFECT = Bilingual("Effekt, prosent (nominelt 95 %-intervall)", "Effect, per cent (nominal 95% interval)")
_BY_TIME = Bilingual(
    "Effekt etter tid siden innføring (nominelt 95 %: tykk for hvert\n"
    "kvartal, tynn for alle samtidig; grått: før innføring)",
    "Effect by time since introduction (nominal 95%: thick of each\n"
    "quarter, thin of all at once; grey: before introduction)",
)
_AGE = Bilingual("Alder", "Age")
# Comparisons of tiny cohorts carry almost no weight and scatter widely.
_SMALLEST_WEIGHT = 0.0005
_KIND_STYLE = dict(zip(KINDS, zip(COLOURS, MARKERS, strict=True), strict=False))


def figures_of(material: Material, lang: str) -> dict[str, Picture]:
    """Draw the figures of the chapter, by name."""
    study, origin, panel = material.study, material.inputs.provenance, material.inputs.panel
    late = {row.name: row.effect for row in study.static}
    named = {
        "report": Bilingual("Rapportens modell", "The report's model"),
        "month": Bilingual("Toveismodellen", "The two-way model"),
    }
    static = {label: late[name] for name, label in named.items() if name in late}
    shown = {
        METHOD_NAMES[name].get(lang): study.studies[name].simultaneous(between=_SHOWN)
        for name in ("callaway_santanna", "imputation")
        if name in study.studies
    }
    truth = study.true_horizons
    if truth is not None:
        truth = truth[truth.index <= _SHOWN[1]]
    n = panel["municipality"].nunique()
    return {
        "figure_12": adoption_figure(cumulative_adoption(panel), n, origin, lang),
        "figure_effects": effects_figure(material.late, origin, lang),
        "figure_survival": survival_figure(shown, truth, static, study.comparisons, origin, lang),
    }


def adoption_figure(
    cumulative: pd.Series, n_municipalities: int, provenance: Provenance, lang: str
) -> Picture:
    """Draw figure 12: municipalities with acute beds at the end of each month.

    Parameters
    ----------
    cumulative : Series
        Over months as text.
    n_municipalities : int
    provenance : Provenance
    lang : {"nb", "en"}
    """
    figure, axes = new_figure(7.0, 4.0)
    months = np.arange(len(cumulative))
    axes.step(months, cumulative.to_numpy(), where="post", color=BLUE)
    axes.fill_between(months, cumulative.to_numpy(), step="post", color=BLUE, alpha=0.12)
    axes.axhline(n_municipalities, color=GREY, linewidth=1, linestyle="--")
    years = [i for i, month in enumerate(cumulative.index) if month.endswith("-01")]
    axes.set_xticks(years, [cumulative.index[i][:4] for i in years])
    axes.set_xlim(0, len(months) + 1)
    axes.set_ylim(0, n_municipalities * 1.12)
    set_round_ticks(axes.yaxis, lang, whole=True)
    last, first = int(cumulative.iloc[-1]), int(cumulative.iloc[0])
    word = {"nb": f"{last} av {n_municipalities}", "en": f"{last} of {n_municipalities}"}[lang]
    axes.annotate(word, (months[-1], last), xytext=(-4, -14), textcoords="offset points", ha="right")
    note = {"nb": f"{first} fra før perioden", "en": f"{first} from before the period"}[lang]
    axes.annotate(note, (0, first), xytext=(6, 6), textcoords="offset points")
    axes.set_ylabel({"nb": "Antall kommuner", "en": "Number of municipalities"}[lang])
    figure.suptitle(
        {
            "nb": "Figur 12: Kommuner med øyeblikkelig hjelp døgntilbud (ØHD)",
            "en": "Figure 12: Municipalities with municipal acute beds (ØHD)",
        }[lang],
        **FIGURE_TITLE,
    )
    return finish(figure, provenance, lang)


def effects_figure(effects: pd.DataFrame, provenance: Provenance, lang: str) -> Picture:
    """Estimates and intervals of all 81 outcomes, a panel for each type of contact.

    Parameters
    ----------
    effects : DataFrame
        From `kostnadsvekst.acute_beds.estimate_effects` with ``outcomes="all"``.
    provenance : Provenance
    lang : {"nb", "en"}
    """
    figure, panels = new_figure(10.0, 6.6, columns=3, sharey=True, sharex=True)
    rows = [(u, d, a) for u in URGENCIES for d in DEPARTMENTS for a in AGES]
    position = {key: -i - i // 9 * 0.6 - i // 3 * 0.35 for i, key in enumerate(rows)}
    for contact, axes in zip(CONTACTS, panels, strict=True):
        part = effects[effects["contact"] == contact]
        for age in AGES:
            own = part[part["age"] == age]
            y = [position[u, d, age] for u, d in zip(own["urgency"], own["department"], strict=True)]
            _error_bars(axes, own, y, *_AGE_LOOK[age], NAMES["age"][age].get(lang))
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(NAMES["contact"][contact].get(lang), loc="left", fontsize=10)
        axes.grid(axis="y", visible=False)
        set_round_ticks(axes.xaxis, lang, 6)
    panels[1].set_xlabel(_EFFECT.get(lang))
    middle = [(u, d, AGES[1]) for u in URGENCIES for d in DEPARTMENTS]
    labels = [f"{NAMES['urgency'][u].get(lang)}, {NAMES['department'][d].get(lang)}" for u, d, _ in middle]
    panels[0].set_yticks([position[key] for key in middle], labels)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", title=_AGE.get(lang), frameon=False)
    title = {
        "nb": "Effekt av ØHD på 81 utfall, rapportens modell",
        "en": "Effect of ØHD on 81 outcomes, the report's model",
    }
    figure.suptitle(title[lang], **FIGURE_TITLE)
    return finish(figure, provenance, lang)


def survival_figure(
    studies: Mapping[str, pd.DataFrame],
    truth: pd.Series | None,
    static_percent: Mapping[Bilingual, float],
    comparisons: pd.DataFrame,
    provenance: Provenance,
    lang: str,
) -> Picture:
    """Event study beside the decomposition of the static two-way estimate.

    Parameters
    ----------
    studies : mapping of str to DataFrame
        Label -> horizons with ``estimate``, ``conf_low``, ``conf_high``, ``band_low``, ``band_high`` in logs.
    truth : Series, optional
        True mean log effect by horizon (synthetic data only).
    static_percent : mapping of Bilingual to float
        Label -> static estimate, per cent: drawn as lines.
    comparisons : DataFrame
        From `kostnadsvekst.staggered.bacon`.
    provenance : Provenance
    lang : {"nb", "en"}
    """
    figure, (left, right) = new_figure(11.0, 4.9, columns=2, width_ratios=(1.5, 1))
    figure.suptitle(OUTCOME_IN_PRINT.get(lang), **FIGURE_TITLE)
    for number, (label, table) in enumerate(studies.items()):
        shift = 0.28 * (number - (len(studies) - 1) / 2)
        percent = _percent(table)
        _vertical_bars(left, table["horizon"] + shift, percent, number, label)
    if truth is not None:
        name = {"nb": "Sann effekt (syntetisk)", "en": "True effect (synthetic)"}[lang]
        left.plot(truth.index, 100 * np.expm1(truth), color="black", linewidth=1.4, label=name)
    for style, (text, value) in zip((":", "--"), static_percent.items(), strict=False):
        left.axhline(value, color="#555555", linestyle=style, linewidth=1.3, label=text.get(lang))
    left.axhline(0, color="black", linewidth=0.8)
    left.axvspan(left.get_xlim()[0], -0.5, color="#F0F0F0", zorder=0)
    left.margins(x=0)
    left.set_xlabel({"nb": "Kvartaler siden innføring", "en": "Quarters since introduction"}[lang])
    left.set_ylabel({"nb": "Effekt, prosent", "en": "Effect, per cent"}[lang])
    left.set_title(_BY_TIME.get(lang), loc="left", fontsize=8.5)
    left.legend(loc="lower left", fontsize=7.5, frameon=False)
    _bacon_panel(right, comparisons, lang)
    for axes in (left, right):
        set_round_ticks(axes.xaxis, lang)
        set_round_ticks(axes.yaxis, lang)
    return finish(figure, provenance, lang)


def _bacon_panel(axes: Any, comparisons: pd.DataFrame, lang: str) -> None:
    for kind in KINDS:
        part = comparisons[comparisons["kind"] == kind]
        if part.empty:
            continue
        colour, marker = _KIND_STYLE[kind]
        share = format_number(100 * part["weight"].sum(), 0, lang)
        part = part[part["weight"] >= _SMALLEST_WEIGHT]
        label = f"{KIND_NAMES[kind].get(lang)} ({share}{' ' if lang == 'nb' else ''}%)"
        percent = 100 * np.expm1(part["estimate"])
        axes.scatter(
            100 * part["weight"],
            percent,
            s=16,
            color=colour,
            marker=marker,
            alpha=0.75,
            label=label,
            linewidths=0,
        )
    axes.axhline(100 * np.expm1(comparisons.attrs["two_way"]), color=GREY, linestyle="--", linewidth=1.3)
    axes.axhline(0, color="black", linewidth=0.8)
    least = format_number(100 * _SMALLEST_WEIGHT, 2, lang)
    axes.set_xlabel(
        {
            "nb": f"Vekt i toveisestimatet, prosent (vist fra {least})",
            "en": f"Weight in the two-way estimate, per cent (shown from {least})",
        }[lang]
    )
    axes.set_ylabel({"nb": "Estimat, prosent", "en": "Estimate, per cent"}[lang])
    title = {"nb": "Hva toveismodellen sammenlikner", "en": "What the two-way model compares"}
    axes.set_title(title[lang], loc="left", fontsize=8.5)
    weight = {"nb": "Vekt", "en": "Weight"}[lang]
    axes.legend(loc="upper right", fontsize=7.5, title=weight, title_fontsize=7.5, frameon=False)


def _error_bars(
    axes: Any, table: pd.DataFrame, y: Sequence[float], colour: str, marker: str, label: str
) -> None:
    middle = table["effect_percent"].to_numpy()
    spans = [middle - table["conf_low_percent"].to_numpy(), table["conf_high_percent"].to_numpy() - middle]
    axes.errorbar(middle, y, xerr=spans, fmt=marker, markersize=3.5, linewidth=1, color=colour, label=label)


def _vertical_bars(axes: Any, x: pd.Series, percent: pd.DataFrame, number: int, label: str) -> None:
    middle = percent["estimate"].to_numpy()
    spans = [middle - percent["conf_low"].to_numpy(), percent["conf_high"].to_numpy() - middle]
    look = {"fmt": MARKERS[number], "color": COLOURS[number], "markersize": 3, "linewidth": 1.6}
    # One filled, the next hollow: points are too small for their shape alone.
    look["markerfacecolor"] = "white" if number % 2 else COLOURS[number]
    axes.errorbar(x, middle, yerr=spans, label=label, **look)
    axes.vlines(x, percent["band_low"], percent["band_high"], color=COLOURS[number], linewidth=0.45)


def _percent(table: pd.DataFrame) -> pd.DataFrame:
    return 100 * np.expm1(table[["estimate", "conf_low", "conf_high", "band_low", "band_high"]])
