"""Made-up reports without contradictions, and one error put into them.

A report has the tables and sentences of the published one: a table of functions with shares, growth accounts
by part and year, descriptives by year and pooled (weighted by population), four nested regressions with
municipality effects absorbed, and claims on register counts in a text and in its summary. Everything printed
is computed from made-up data that exist in full, and is then rounded as the published report rounds: three
decimals in the regressions, one in shares and rates, whole counts in years, and words such as "om lag",
"vel", "knapt" and "nærmest" about rounded counts in running text.

Nothing here is shared with `kostnadsvekst.report.consistency`: this file is written against the definition
of each kind of number, the rules against the printed numbers.
"""

import string
from typing import NamedTuple

import numpy as np
from scipy import stats

YEARS = (2015, 2016, 2017, 2018, 2019)
ACCOUNT_YEARS = (*YEARS, 2020)
UNITS = 365
SUMMARY, CHAPTER_4, CHAPTER_5, APPENDIX = "Sammendrag", "4.2", "5", "Appendix 1"


class Report(NamedTuple):
    """A report as data: printed numbers of tables, of running text, and how they hang together."""

    cells: list[dict]
    claims: list[dict]
    relations: list[dict]


class Seeded(NamedTuple):
    """What was changed: where, what was right and what is printed now."""

    id: str
    right: str
    wrong: str


# ---------------------------------------------------------------------------------------------------------
# Printing


def fixed(value, decimals, mark=".", blanks=False):
    """A number with fixed decimals; blanks between thousands."""
    text = f"{value:,.{decimals}f}".replace(",", " " if blanks else "")
    text = text.replace(".", mark)
    return text.replace("-", "−") if mark == "," else text


class _Writer:
    """Collects what is printed."""

    def __init__(self):
        self.report = Report([], [], [])

    def cell(self, name, place, printed, **more):
        self.report.cells.append({"id": name, "place": place, "printed": printed, **more})
        return name

    def claim(self, name, place, printed, **more):
        self.report.claims.append({"id": name, "place": place, "printed": printed, **more})
        return name

    def relate(self, kind, **roles):
        self.report.relations.append({"kind": kind, **roles})


def step_of(value, digits):
    """Unit of the last of so many significant digits."""
    return 10.0 ** (np.floor(np.log10(abs(value))) - digits + 1)


def in_words(rng, value, digits):
    """(printed, wording) of a count as running text says it, to so many significant digits."""
    step = max(step_of(value, digits), 1.0)
    below, above = np.floor(value / step), np.ceil(value / step)
    excess = value / step - below
    ways = ["om lag", "rundt", ""]
    if 0.02 < excess < 0.4:
        ways += ["vel", "i overkant av"]
    if 0.6 < excess < 0.98:
        ways += ["knapt", "i underkant av"]
    if 0.9 < excess < 0.98:
        ways += ["nærmest"]
    way = ways[rng.integers(len(ways))]
    if way in ("vel", "i overkant av"):
        whole = below
    elif way in ("knapt", "i underkant av", "nærmest"):
        whole = above
    else:
        whole = np.round(value / step)
    return fixed(whole * step, 0, ",", blanks=bool(rng.integers(2))), way


def percent_in_words(rng, value):
    """(printed, wording) of a percentage in running text."""
    if rng.random() < 0.25:
        return fixed(value, 1, ","), ""
    excess = value - np.floor(value)
    if excess < 0.4 and rng.random() < 0.2 and value > 2:
        return fixed(np.floor(value), 0, ","), "vel"
    if excess > 0.6 and rng.random() < 0.2 and value > 2:
        return fixed(np.ceil(value), 0, ","), "knapt"
    return fixed(value, 0, ","), "rundt" if rng.random() < 0.4 else ""


# ---------------------------------------------------------------------------------------------------------
# Table 1: amounts and shares

FUNCTIONS = ("232", "233", "234", "241", "253", "254", "255", "256", "261")
SIZES = (4.0e6, 2.1e6, 5.4e6, 12.6e6, 39.7e6, 55.8e6, 0.0, 0.8e6, 5.6e6)


def write_table_1(w, rng):
    amounts = [round(size * rng.lognormal(0, 0.08)) for size in SIZES]
    total = sum(amounts)
    parts, shares = [], []
    for function, amount in zip(FUNCTIONS, amounts, strict=True):
        share = 100 * amount / total
        decimals = 2 if function in ("255", "256", "261") else 0 if function == "241" else 1
        place = f"Tabell 1, {function}"
        parts.append(w.cell(f"T1.{function}", place, fixed(amount, 0, ",", blanks=True), unit="NOK 1000"))
        shares.append(w.cell(f"T1.{function}.share", place, fixed(share, decimals, ","), unit="percent"))
        for name, where in (("text", CHAPTER_4), ("summary", SUMMARY)):
            if function in ("253", "254", "241"):
                claim = w.claim(f"share {function} {name}", where, fixed(share, 1, ","), unit="percent")
                w.relate("same", numbers=[shares[-1], claim])
    whole = w.cell("T1.sum", "Tabell 1, sum", fixed(total, 0, ",", blanks=True), unit="NOK 1000")
    w.cell("T1.sum.share", "Tabell 1, sum", "100,00", unit="percent")
    w.relate("sum", total=whole, parts=parts)
    w.relate("shares", whole=whole, parts=parts, shares=shares)
    w.relate("sum", total="T1.sum.share", parts=shares)


# ---------------------------------------------------------------------------------------------------------
# Growth accounts

PARTS = ("institusjon", "hjemmetjenester", "behandling", "annet")


def write_account(w, rng):
    start = np.array([36_000.0, 45_000.0, 9_500.0, 14_000.0]) * rng.lognormal(0, 0.1, 4)
    trend = np.array([0.01, 0.04, 0.055, 0.03]) + rng.normal(0, 0.006, 4)
    steps = np.cumsum(np.c_[np.zeros(4), trend[:, None] + rng.normal(0, 0.008, (4, 5))], axis=1)
    levels = start[:, None] * np.exp(steps)
    levels = np.vstack([levels, levels.sum(0)])
    names = {}
    for k, part in enumerate((*PARTS, "sum")):
        for t, year in enumerate(ACCOUNT_YEARS):
            names[k, t] = w.cell(
                f"V.{part}.{year}", f"Vekstregnskap, {part}", fixed(levels[k, t], 0, ",", blanks=True),
                unit="NOK million", period=str(year),
            )  # fmt: skip
        write_growth_of_part(w, part, levels[k], [names[k, t] for t in range(6)])
    for t, year in enumerate(ACCOUNT_YEARS):
        parts = [names[k, t] for k in range(4)]
        shares = [
            w.cell(f"V.share.{part}.{year}", f"Vekstregnskap, andel {part}",
                   fixed(100 * levels[k, t] / levels[4, t], 1, ","), unit="percent", period=str(year))
            for k, part in enumerate(PARTS)
        ]  # fmt: skip
        w.relate("sum", total=names[4, t], parts=parts)
        w.relate("shares", whole=names[4, t], parts=parts, shares=shares)
        w.relate("sum", total=100, parts=shares)
    write_growth_claims(w, rng, levels, names)


def write_growth_of_part(w, part, level, levels):
    place = f"Vekstregnskap, {part}"
    yearly = [
        w.cell(f"V.{part}.growth.{year}", place, fixed(100 * (b / a - 1), 1, ","), unit="percent",
               period=f"{year - 1}-{year}")
        for year, a, b in zip(ACCOUNT_YEARS[1:], level[:-1], level[1:], strict=True)
    ]  # fmt: skip
    total = 100 * (level[-1] / level[0] - 1)
    rate = 100 * ((level[-1] / level[0]) ** 0.2 - 1)
    total = w.cell(f"V.{part}.total", place, fixed(total, 1, ","), unit="percent", period="2015-2020")
    rate = w.cell(f"V.{part}.rate", place, fixed(rate, 1, ","), unit="percent per year", period="2015-2020")
    w.relate("growth", levels=levels, yearly=yearly, total=total, per_year=rate)


def write_growth_claims(w, rng, levels, names):
    for k, part in ((4, "sum"), (0, "institusjon"), (1, "hjemmetjenester"), (2, "behandling")):
        growth = 100 * (levels[k, -1] / levels[k, 0] - 1)
        rate = 100 * ((levels[k, -1] / levels[k, 0]) ** 0.2 - 1)
        ends = [names[k, 0], names[k, 5]]
        for place in (SUMMARY, CHAPTER_4, "9.1"):
            printed, wording = percent_in_words(rng, growth)
            more = {"unit": "percent", "period": "2015-2020"}
            total = w.claim(f"growth {part} {place}", place, printed, wording=wording, **more)
            per_year = w.claim(
                f"rate {part} {place}",
                place,
                fixed(rate, 1, ","),
                unit="percent per year",
                period="2015-2020",
            )
            w.relate("growth", levels=ends, total=total, per_year=per_year)
            w.relate("same", numbers=[f"V.{part}.total", total])
            w.relate("same", numbers=[f"V.{part}.rate", per_year])
        for t in rng.choice(6, 2, replace=False):
            printed = fixed(levels[k, t], 0, ",", blanks=True)
            said = w.claim(
                f"level {part} {t}", CHAPTER_4, printed, unit="NOK million", period=str(ACCOUNT_YEARS[t])
            )
            w.relate("dated", claims=[said], series=[names[k, s] for s in range(6)])


# ---------------------------------------------------------------------------------------------------------
# The panel behind tables A1 to A3

AGES = ("0-5", "6-15", "16-19", "20-66", "67-79", "80+")
AGE_MEANS = (6.9, 12.0, 5.0, 61.9, 10.0, 4.2)
OTHERS = {  # mean, spread between municipalities, trend, noise
    "Enslige_80+": (63.0, 4.2, 0.1, 1.6),
    "Skilte_16-66": (10.6, 1.6, -0.05, 0.12),
    "Arbeidsledige": (1.7, 0.5, -0.05, 0.15),
    "Innvandrere": (15.0, 6.5, 0.5, 0.3),
    "Tettsteder": (78.0, 11.0, 0.2, 0.6),
    "Døde": (7.9, 1.9, -0.03, 0.6),
}


class _Panel(NamedTuple):
    weights: np.ndarray  # sums to the number of rows
    expenditure: np.ndarray
    income: np.ndarray
    columns: dict


def simulate_panel(rng):
    """365 units in five years, all arrays of shape (365, 5)."""
    t = np.arange(5)
    people = np.exp(rng.normal(8.6, 1.05, UNITS)).clip(730, 2e5)
    people[0] = rng.uniform(5.5e5, 6.9e5)
    growth = rng.normal(0.004, 0.008, (UNITS, 1))
    people = people[:, None] * np.exp(growth * t + rng.normal(0, 0.003, (UNITS, 5)))
    weights = people * people.size / people.sum()
    shares = np.stack([
        mean * np.exp(rng.normal(0, 0.09, (UNITS, 1)) + 0.006 * sign * t + rng.normal(0, 0.008, (UNITS, 5)))
        for mean, sign in zip(AGE_MEANS, (-1, 0, 0, 0, 3, 1), strict=True)
    ])  # fmt: skip
    shares = 100 * shares / shares.sum(0)
    columns = {f"Alder_{age}": share for age, share in zip(AGES, shares, strict=True)}
    for name, (mean, between, trend, noise) in OTHERS.items():
        unit = rng.normal(0, between, (UNITS, 1))
        columns[name] = (mean + unit + trend * t + rng.normal(0, noise, (UNITS, 5))).clip(0, 100)
    columns["Folketall"] = people / 1e4
    income = 57_500 + rng.gamma(1.5, 6_500, (UNITS, 1)) - 9_000 + 350 * t + rng.normal(0, 2_600, (UNITS, 5))
    slope = 0.03 + np.array([0, 0.004, 0.04, 0.08, 0.11]) * rng.uniform(0.7, 1.2)
    expenditure = (
        13_000 + rng.gamma(2.2, 2_400, (UNITS, 1)) + np.array([0, 500, -1200, -2300, -3600])
        + slope * income + 340 * columns["Alder_67-79"] - 420 * columns["Skilte_16-66"]
        - 300 * columns["Folketall"] + rng.normal(0, 1, (UNITS, 5)) * 1_100 / np.sqrt(weights.clip(0.3))
    )  # fmt: skip
    return _Panel(weights, expenditure.clip(2_000), income, columns)


def described(x, w):
    """Weighted mean, standard deviation (divisor n - 1), minimum, maximum."""
    mean = np.average(x, weights=w)
    variance = np.average((x - mean) ** 2, weights=w) * x.size / (x.size - 1)
    return mean, np.sqrt(variance), x.min(), x.max()


STATISTICS = ("mean", "sd", "min", "max")


def write_row(w, table, label, place, x, weights, **more):
    values = zip(STATISTICS, described(x, weights), strict=True)
    return {s: w.cell(f"{table}.{label}.{s}", place, fixed(v, 3), **more) for s, v in values}


def write_descriptives(w, panel):
    names = {}
    for label, x in (("Utgifter", panel.expenditure), ("Frie_inntekter", panel.income)):
        rows = [
            write_row(w, "A1", f"{label}.{year}", f"Tabell A1, {label} {year}", x[:, t], panel.weights[:, t],
                      period=str(year), unit="NOK per capita")
            for t, year in enumerate(YEARS)
        ]  # fmt: skip
        pooled = write_row(
            w, "A1", f"{label}.all", f"Tabell A1, {label} 2015-2019", x.ravel(), panel.weights.ravel(),
            period="2015-2019", unit="NOK per capita",
        )  # fmt: skip
        names[label] = rows
        w.relate(
            "pooled", n=UNITS, weight_slack=0.08, **WEIGHTS,
            means=[r["mean"] for r in rows], sds=[r["sd"] for r in rows], minima=[r["min"] for r in rows],
            maxima=[r["max"] for r in rows], pooled_mean=pooled["mean"], pooled_sd=pooled["sd"],
            pooled_minimum=pooled["min"], pooled_maximum=pooled["max"],
        )  # fmt: skip
        write_within(w, [*rows, pooled], UNITS)
    rows = [
        write_row(w, "A2", label, f"Tabell A2, {label}", x.ravel(), panel.weights.ravel())
        for label, x in panel.columns.items()
    ]
    write_within(w, rows, UNITS * 5)
    w.relate("sum", total=100, parts=[r["mean"] for r in rows[: len(AGES)]])
    return names


def write_within(w, rows, n):
    columns = {"means": "mean", "sds": "sd", "minima": "min", "maxima": "max"}
    w.relate("within", n=n, **{role: [r[s] for r in rows] for role, s in columns.items()})


# ---------------------------------------------------------------------------------------------------------
# Table A3: nested regressions, municipality effects absorbed


class _Fit(NamedTuple):
    b: np.ndarray
    se: np.ndarray
    constant: tuple
    r_squared: float
    df: int


def absorb(y, X, weights):
    """Weighted least squares with unit effects; the constant as a mean of all rows."""
    n, k = weights.size, len(X)

    def within(x):
        return x - (x * weights).sum(1, keepdims=True) / weights.sum(1, keepdims=True)

    root = np.sqrt(weights).ravel()
    Z = np.column_stack([within(x).ravel() * root for x in X])
    scale = np.sqrt((Z**2).sum(0))
    inverse = np.linalg.inv((Z / scale).T @ (Z / scale)) / np.outer(scale, scale)
    b = inverse @ (Z.T @ (within(y).ravel() * root))
    ssr = ((within(y).ravel() * root - Z @ b) ** 2).sum()
    df = n - UNITS - k
    variance = ssr / df
    mean = np.average(y, weights=weights)
    means = np.array([np.average(x, weights=weights) for x in X])
    constant = mean - means @ b
    error = np.sqrt(variance * (1 / n + means @ inverse @ means))
    r_squared = 1 - ssr / (weights * (y - mean) ** 2).sum()
    return _Fit(b, np.sqrt(variance * np.diag(inverse)), (constant, error), r_squared, df)


def stars_of(b, se, df):
    p = 2 * stats.t.sf(abs(b / se), df)
    return "*" * sum(p < limit for limit in (0.05, 0.01, 0.001))


def regressors(panel):
    """(labels, arrays) of the whole model in the order of nesting, and where each model ends."""
    dummies = {f"year.{year}": np.tile(np.arange(5) == t, (UNITS, 1)).astype(float)
               for t, year in enumerate(YEARS) if t}  # fmt: skip
    needs = {label: x for label, x in panel.columns.items() if label != "Alder_20-66"}
    products = {f"X.{year}": dummies[f"year.{year}"] * panel.income for year in YEARS[1:]}
    every = dummies | needs | {"Frie_inntekter": panel.income} | products
    ends = np.cumsum([len(dummies), len(needs), 1, len(products)])
    return list(every), list(every.values()), ends


def write_regressions(w, panel, yearly):
    labels, X, ends = regressors(panel)
    fits = [absorb(panel.expenditure, X[:end], panel.weights) for end in ends]
    for m, (fit, end) in enumerate(zip(fits, ends, strict=True), start=1):
        rows = [*zip(labels[:end], fit.b, fit.se, strict=True), ("constant", *fit.constant)]
        for label, b, se in rows:
            place = f"Tabell A3, modell {m}, {label}"
            w.cell(f"A3.{m}.{label}.b", place, fixed(b, 3), stars=stars_of(b, se, fit.df))
            w.cell(f"A3.{m}.{label}.se", place, fixed(se, 3))
        w.cell(f"A3.{m}.r2", f"Tabell A3, modell {m}, r2", fixed(fit.r_squared, 3))
        terms = [f"A3.{m}.{label}" for label, _, _ in rows]
        w.relate("stars", b=[f"{t}.b" for t in terms], se=[f"{t}.se" for t in terms], df=fit.df)
        if m > 1:
            relate_constant(w, m, labels[4:end], yearly)
    relate_models(w, labels, ends, fits)
    return fits


WEIGHTS = {"weights_se": "A3.1.year.*.se", "weights_constant": "A3.1.constant.se"}


def relate_constant(w, m, labels, yearly):
    plain = [label for label in labels if not label.startswith("X.")]
    means = ["A1.Frie_inntekter.all.mean" if n == "Frie_inntekter" else f"A2.{n}.mean" for n in plain]
    interaction = {}
    if len(plain) < len(labels):
        interaction = {
            "interaction_b": f"A3.{m}.X.*.b",
            "interaction_means": [row["mean"] for row in yearly["Frie_inntekter"]][1:],
        }
    w.relate(
        "constant", constant=f"A3.{m}.constant.b", mean="A1.Utgifter.all.mean", period_b=f"A3.{m}.year.*.b",
        b=[f"A3.{m}.{n}.b" for n in plain], means=means, **WEIGHTS, **interaction,
    )  # fmt: skip


def relate_models(w, labels, ends, fits):
    n = UNITS * 5
    w.relate("nested_fit", r_squared=[f"A3.{m}.r2" for m in (1, 2, 3, 4)])
    w.relate(
        "period_dummies", b="A3.1.year.*.b", se="A3.1.year.*.se", constant="A3.1.constant.b",
        se_constant="A3.1.constant.se", r_squared="A3.1.r2", mean="A1.Utgifter.all.mean",
        sd="A1.Utgifter.all.sd", n=n, df=fits[0].df, weight_slack=0.08, weights="population",
    )  # fmt: skip
    for m in (1, 2, 3):
        shared = [f".{label}.se" for label in labels[: ends[m - 1]]]
        w.relate(
            "nested_errors", se_small=[f"A3.{m}{s}" for s in shared],
            se_large=[f"A3.{m + 1}{s}" for s in shared],
            r_squared=[f"A3.{m}.r2", f"A3.{m + 1}.r2"], df=[fits[m - 1].df, fits[m].df],
        )  # fmt: skip
    shared = [*labels[: ends[1]], "constant"]
    w.relate(
        "added_regressor", df_small=fits[1].df, df_large=fits[2].df,
        b_small=[f"A3.2.{s}.b" for s in shared], b_large=[f"A3.3.{s}.b" for s in shared],
        se_small=[f"A3.2.{s}.se" for s in shared], se_large=[f"A3.3.{s}.se" for s in shared],
        b_added="A3.3.Frie_inntekter.b", se_added="A3.3.Frie_inntekter.se",
    )  # fmt: skip


def write_appendix_text(w, rng, panel, fits):
    for label, x in (("Utgifter", panel.expenditure), ("Frie_inntekter", panel.income)):
        means = [np.average(x[:, t], weights=panel.weights[:, t]) for t in range(5)]
        growth = 100 * (means[4] / means[0] - 1)
        ends = [f"A1.{label}.{year}.mean" for year in (2015, 2019)]
        for n in (1, 2):
            printed = fixed(growth, 1 if n == 1 else 0, ",")
            said = w.claim(
                f"mean growth {label} {n}", APPENDIX, printed, unit="percent", period="2015-2019",
                wording="rundt" if n == 2 else "",
            )  # fmt: skip
            w.relate("growth", levels=ends, total=said)
        for t in rng.choice(5, 3, replace=False):
            said = w.claim(
                f"mean {label} {t}", APPENDIX, fixed(means[t], 0, ",", blanks=True), period=str(YEARS[t]),
                unit="NOK per capita",
            )  # fmt: skip
            w.relate("dated", claims=[said], series=[f"A1.{label}.{year}.mean" for year in YEARS])
    slope = fits[2].b[-1]
    said = w.claim("slope", APPENDIX, fixed(slope, 3, ","), unit="NOK per NOK")
    w.relate("same", numbers=[said, "A3.3.Frie_inntekter.b"])
    raised = w.claim("income raised", APPENDIX, "10000", unit="NOK", low=10000, high=10000)
    effect = w.claim("effect", APPENDIX, fixed(round(slope * 1000) * 10, 0, ","), unit="NOK per capita")
    w.relate("product", factors=[said, raised], result=effect)
    units = w.claim("units", APPENDIX, str(UNITS), unit="municipalities", low=UNITS, high=UNITS)
    rows = w.claim("rows", APPENDIX, str(UNITS * 5), unit="municipality-years", low=UNITS * 5, high=UNITS * 5)
    w.relate("product", factors=[units, 5], result=rows)


# ---------------------------------------------------------------------------------------------------------
# Register counts in running text

SERVICES = {
    "langtidsopphold": 33_000, "avlastning": 3_300, "tidsbegrenset": 7_700, "hjemmesykepleie": 152_000,
    "daglige gjøremål": 64_000, "opplæring": 19_700, "BPA": 3_400, "rehabilitering": 1_700,
}  # fmt: skip
GROUPS = ("0-17", "18-39", "40-59", "60-79", "80+")
ENDS = ("2017-01", "2020-12")


def write_service(w, rng, service, size):
    mix = rng.dirichlet(np.array([2.0, 6.0, 8.0, 14.0, 20.0]))
    start = size * rng.lognormal(0, 0.1) * (mix + 0.02) / (mix + 0.02).sum()
    end = start * np.exp(rng.normal(0.25, 0.2, 5))
    named = {}
    for period, groups in zip(ENDS, (start, end), strict=True):
        where = {"period": period, "unit": "persons per week"}
        for place in (CHAPTER_5, SUMMARY):
            printed, wording = in_words(rng, groups.sum(), 3 if place == CHAPTER_5 else 2)
            named[place, period] = w.claim(
                f"{service} {period} {place}", place, printed, wording=wording, **where
            )
        for group, value in zip(GROUPS, groups, strict=True):
            printed, wording = in_words(rng, value, 3)
            named[group, period] = w.claim(
                f"{service} {group} {period}", CHAPTER_5, printed, wording=wording, **where
            )
        parts = [named[group, period] for group in GROUPS]
        w.relate("same", numbers=[named[CHAPTER_5, period], named[SUMMARY, period]])
        w.relate("sum", total=named[CHAPTER_5, period], parts=parts)
        oldest = percent_in_words(rng, 100 * groups[4] / groups.sum())
        share = w.claim(
            f"{service} share {period}",
            CHAPTER_5,
            oldest[0],
            wording=oldest[1],
            unit="percent",
            period=period,
        )
        w.relate("shares", whole=named[CHAPTER_5, period], parts=[parts[4]], shares=[share])
    write_growth_of_service(w, rng, service, named, start, end)
    write_years(w, rng, service, end.sum(), named[CHAPTER_5, ENDS[1]])


def write_growth_of_service(w, rng, service, named, start, end):
    def growth(key, a, b, place=CHAPTER_5):
        printed, wording = percent_in_words(rng, 100 * (b / a - 1))
        said = w.claim(
            f"{service} growth {key} {place}", place, printed, wording=wording, unit="percent",
            period="2017-2020",
        )  # fmt: skip
        w.relate("growth", levels=[named[key, ENDS[0]], named[key, ENDS[1]]], total=said)
        change = 100 * (b / a - 1)
        word = "økt" if change > 0 else "falt"
        direction = w.claim(f"{service} direction {key} {place}", place, "", word=word, period="2017-2020")
        if abs(change) > 5:
            w.relate("direction", claim=direction, levels=[named[key, ENDS[0]], named[key, ENDS[1]]])

    growth(CHAPTER_5, start.sum(), end.sum())
    growth(SUMMARY, start.sum(), end.sum(), SUMMARY)
    for group in rng.choice(5, 2, replace=False):
        growth(GROUPS[group], start[group], end[group])
    order = np.argsort(end)
    if end[order[-1]] > 1.15 * end[order[-2]]:
        word = GROUPS[order[-1]]
        largest = [w.claim(f"{service} largest {p}", p, "", word=word) for p in (CHAPTER_5, SUMMARY)]
        w.relate("same_words", numbers=largest)
        w.relate("largest", claim=largest[0], labels=list(GROUPS), values=[named[g, ENDS[1]] for g in GROUPS])


def write_years(w, rng, service, weekly, last):
    counts = [
        round(weekly * factor) for factor in rng.uniform(1.3, 1.6) * np.cumprod(rng.uniform(0.95, 1.05, 4))
    ]
    names = [
        w.claim(f"{service} {year}", CHAPTER_5, fixed(count, 0, ",", blanks=bool(rng.integers(2))),
                unit="persons per year", period=str(year), low=count, high=count)
        for year, count in zip((2017, 2018, 2019, 2020), counts, strict=True)
    ]  # fmt: skip
    change = w.claim(
        f"{service} change", CHAPTER_5, fixed(counts[2] - counts[0], 0, ","), unit="persons per year",
        low=counts[2] - counts[0], high=counts[2] - counts[0], period="2017-2019",
    )  # fmt: skip
    w.relate("difference", levels=[names[0], names[2]], change=change)
    growth = w.claim(
        f"{service} yearly growth", CHAPTER_5, fixed(100 * (counts[3] / counts[0] - 1), 1, ","),
        unit="percent", period="2017-2020",
    )  # fmt: skip
    w.relate("growth", levels=[names[0], names[3]], total=growth)
    w.relate("at_most", smaller=[last], larger=names[3])


# ---------------------------------------------------------------------------------------------------------


def made_up_report(seed):
    """A report without contradictions; the same seed gives the same report."""
    rng = np.random.default_rng([13, seed])
    w = _Writer()
    write_table_1(w, rng)
    write_account(w, rng)
    panel = simulate_panel(rng)
    yearly = write_descriptives(w, panel)
    fits = write_regressions(w, panel, yearly)
    write_appendix_text(w, rng, panel, fits)
    for service, size in SERVICES.items():
        write_service(w, rng, service, size)
    w.relate("dates", numbers="*", first=2015, last=2020)
    return w.report


# ---------------------------------------------------------------------------------------------------------
# One error


def value_of(printed):
    return float(printed.replace(" ", "").replace(",", ".").replace("−", "-"))


def unit_of(printed):
    return 10.0 ** -len(printed.replace(",", ".").partition(".")[2])


def is_wrong(right, wrong):
    """Whether the number as printed now could not be the number as it was: not a mere loss of decimals."""
    return abs(value_of(right) - value_of(wrong)) > 0.5 * (unit_of(right) + unit_of(wrong)) + 1e-12


def lose_digit(rng, printed):
    places = [i for i, c in enumerate(printed) if c in string.digits]
    i = places[rng.integers(len(places))]
    return printed[:i] + printed[i + 1 :]


def swap_digits(rng, printed):
    pairs = [
        (i, j)
        for i, j in zip(range(len(printed)), range(1, len(printed)), strict=False)
        if printed[i] in string.digits and printed[j] in string.digits and printed[i] != printed[j]
    ]
    if not pairs:
        return printed
    i, j = pairs[rng.integers(len(pairs))]
    return printed[:i] + printed[j] + printed[i] + printed[j + 1 :]


def other_digit(rng, printed):
    """One digit other than printed; the blank zeros of a rounded count stay."""
    places = [i for i, c in enumerate(printed) if c in string.digits]
    if "," not in printed and "." not in printed:
        places = [i for i in places if printed[i:].strip("0 ")] or places
    i = places[rng.integers(len(places))]
    return printed[:i] + str((int(printed[i]) + rng.integers(1, 10)) % 10) + printed[i + 1 :]


def other_error(rng, printed):
    """A standard error too small or too large by 20 to 100 per cent, as of another formula."""
    factor = 1 + rng.uniform(0.2, 1.0)
    wrong = value_of(printed) * (factor if rng.random() < 0.5 else 1 / factor)
    return fixed(wrong, len(printed.partition(".")[2]))


def other_year(rng, period):
    """One year of a period other than printed: another year, or its digits confused."""
    parts = period.split("-")
    years = [i for i, part in enumerate(parts) if len(part) == 4]
    i = years[rng.integers(len(years))]
    year = parts[i]
    wrong = [str(int(year) + d) for d in (-2, -1, 1, 2)] + [year[:2] + year[3] + year[2], "2000"]
    wrong = [y for y in wrong if y != year]
    parts[i] = wrong[rng.integers(len(wrong))]
    return "-".join(parts)


def other_stars(rng, stars):
    return str(rng.choice([s for s in ("", "*", "**", "***") if s != stars]))


def _is_sum(row):
    return row["id"].startswith(("T1.sum", "V.sum.20")) or (row["id"].endswith(tuple(
        f"{end} {place}" for end in ENDS for place in (CHAPTER_5, SUMMARY)
    )) and len(row["id"].split()) <= 4)  # fmt: skip


def _is_rate(row):
    return "growth" in row["id"] or row["id"].startswith("rate") or row["id"].endswith((".rate", ".total"))


# Kind of error -> (column that is changed, which rows can have it, how).
ERRORS = {
    "digit lost": ("printed", lambda row: len(row["printed"]) > 1, lose_digit),
    "digits swapped": ("printed", lambda row: len(row["printed"]) > 1, swap_digits),
    "wrong year": ("period", lambda row: bool(row.get("period")), other_year),
    "wrong sum": ("printed", _is_sum, other_digit),
    "wrong share": ("printed", lambda row: "share" in row["id"] and bool(row["printed"]), other_digit),
    "wrong rate": ("printed", lambda row: _is_rate(row) and bool(row["printed"]), other_digit),
    "wrong standard error": ("printed", lambda row: row["id"].endswith(".se"), other_error),
    "wrong star": ("stars", lambda row: "stars" in row, other_stars),
}


def seed_error(report, kind, seed):
    """The report with one error of a kind, and what it is."""
    rng = np.random.default_rng([31, seed, list(ERRORS).index(kind)])
    column, can_have, change = ERRORS[kind]
    rows = [row for row in (*report.cells, *report.claims) if can_have(row)]
    while True:
        row = rows[rng.integers(len(rows))]
        wrong = change(rng, row[column])
        if column != "printed" or (any(c in string.digits for c in wrong) and is_wrong(row[column], wrong)):
            break
    # An exact count has its interval from its own digits, also where they are wrong.
    bounds = {"low": None, "high": None} if column == "printed" and row.get("low") is not None else {}
    if bounds:
        bounds = dict.fromkeys(bounds, value_of(wrong))
    changed = {**row, column: wrong, **bounds}
    lists = [[changed if r is row else r for r in rows] for rows in (report.cells, report.claims)]
    return Report(*lists, report.relations), Seeded(row["id"], row[column], wrong)
