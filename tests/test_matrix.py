"""Every formula with every covariance, weight, effect and kind of data, against two other programs.

pyfixest reads the formula itself and absorbs the effects; statsmodels gets a dummy for every effect, so that
it has areg's constant too. A test is one fit with all its covariances; what fails is listed by name.
"""

import re
import warnings
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm
from formulaic import Formula
from threadpoolctl import threadpool_limits

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataWarning, SpecificationError

# Normal equations against a pseudo-inverse of dummies, relative; a coefficient near zero has fewer digits.
COEFFICIENTS = 1e-10
# Relative; the two-way difference of three matrices costs another digit.
STANDARD_ERRORS = 1e-9
# Absolute, for a p-value near zero has no digits to compare.
P_VALUES = 5e-12
# A ratio of two sums of squares, relative: rounding only.
R_SQUARED = 1e-12
# Rows, degrees of freedom, names of columns: exact.
COUNTS = 0.0
# A column is collinear if those before it leave less than this share of it: exact here up to rounding.
COLLINEAR = 1e-9
# A negative eigenvalue of a matrix of correlations, beyond rounding.
NEGATIVE = -1e-12
AT_LEAST = 500

TOLERANCES = {
    "coefficients": COEFFICIENTS,
    "standard errors": STANDARD_ERRORS,
    "p-values": P_VALUES,
    "R2": R_SQUARED,
    "counts": COUNTS,
}

KINDS = ("balanced", "unbalanced", "singletons", "missing", "text")
WEIGHTS = {"unweighted": None, "varying": "w_varying", "fixed": "w_fixed"}
EFFECTS = ("entity", "none")
FORMULAS = {
    "plain": "y ~ x + z",
    "years": "y ~ x + z + C(year)",
    "interactions": "y ~ C(year)*x + x:z",
    "transformations": "log(cost) ~ log(income) + square(z) + lag(x) + diff(z)",
    "long lags": "diff(log(cost)) ~ lag(log(income), 2) + per_capita(x) + total(z)",
    "category": "y ~ x + C(branch)",
    "slopes by category": "y ~ C(branch)*x + C(size):z",
    "collinear": "y ~ fixed + x + C(region) + z + mix",
}
CONVENTIONS = ("areg", "xtreg", "none")
COVARIANCES = (
    ("classical", "areg"),
    ("hc1", "areg"),
    *product(("cluster", "twoway", "driscoll_kraay"), CONVENTIONS),
    # The factor 1 is the same for all columns.
    *product((("cluster", "region"), ("cluster", "year"), ("twoway", "region", "year")), CONVENTIONS[:2]),
)
# Without effects it does not matter whether weights are constant within a unit.
FITS = tuple(fit for fit in product(KINDS, FORMULAS, WEIGHTS, EFFECTS) if fit[2:] != ("fixed", "none"))
COMBINATIONS = tuple((*fit, *chosen) for fit, chosen in product(FITS, COVARIANCES))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Matrices this small only make threads wait for one another."""
    with threadpool_limits(1):
        yield


@cache
def make_data(kind: str) -> pd.DataFrame:
    """Rows in no order and with an index that repeats, so that nothing can be right by position."""
    rng = np.random.default_rng(21)
    data = make_panel(30, 6, 6, seed=21)
    n, n_units = len(data), data["unit"].nunique()
    data["branch"] = rng.choice(["nursing home", "home care", "ØHD"], n)
    data["size"] = rng.choice([1, 2, 10], n)
    data["cost"] = np.exp(0.1 * data["y"] + rng.normal(0, 0.2, n))
    data["income"] = np.exp(0.3 * data["x"] + rng.normal(0, 0.2, n))
    data["fixed"] = rng.normal(size=n_units)[data["unit"]]
    data["mix"] = 2 * data["x"] - 3 * data["z"] + data["fixed"]
    data["w_varying"] = rng.uniform(0.2, 5.0, n)
    data["w_fixed"] = np.exp(rng.normal(5, 1, n_units))[data["unit"]]
    if kind in ("unbalanced", "text"):
        data = data[rng.random(n) < 0.8]
    if kind == "singletons":
        alone = (data["unit"] < 5) & (data["year"] != 2011 + data["unit"] % 4)
        # A cluster and a category of one row each.
        data.loc[data["unit"] == 0, "region"] = 99
        data.loc[(data["unit"] == 1) & ~alone, "branch"] = "acute beds"
        data = data[~alone]
    if kind == "missing":
        # A unit, a region and the first category have no complete row; two rows belong to nobody.
        data.loc[data["unit"].isin([3, 4]), "x"] = np.nan
        data.loc[data["unit"] == 4, "region"] = 99
        data.loc[data["unit"] == 3, "branch"] = "acute beds"
        for name in ("y", "x", "z", "cost", "income", "branch", "size", "fixed"):
            data[name] = data[name].mask(rng.random(n) < 0.02)
        nobody = data["unit"].isin([7, 8]) & (data["year"] == data["unit"] + 2004)
        data["unit"] = data["unit"].mask(nobody)
    if kind == "text":
        # Sorted otherwise than the numbers were; the levels of size are ordered, and one is not in use.
        data["unit"] = data["unit"].map({u: f"{'ÅBCDE'[u % 5]} {30 - u}" for u in range(n_units)})
        data["region"] = data["region"].map(
            dict(enumerate(["West", "Øst", "Agder", "North", "South", "Mid"]))
        )
        names = data["size"].map({1: "small", 2: "medium", 10: "large"})
        data["size"] = pd.Categorical(names, ["small", "medium", "large", "huge"])
    data = data.sample(frac=1, random_state=21)
    return data.set_axis(data["year"].to_numpy(), axis=0)


def earlier(frame: pd.DataFrame, values: pd.Series, periods: int) -> np.ndarray:
    """Values of the same unit in the year that is exactly so many periods before."""
    keys = ["unit", "year"]
    past = frame[keys].assign(value=values, year=frame["year"] + periods)
    return frame[keys].merge(past, on=keys, how="left", validate="one_to_one")["value"].to_numpy()


TRANSFORMED = {
    "diff(log(cost))": lambda d: np.log(d["cost"]) - earlier(d, np.log(d["cost"]), 1),
    "lag(log(income), 2)": lambda d: earlier(d, np.log(d["income"]), 2),
    "log(cost)": lambda d: np.log(d["cost"]),
    "log(income)": lambda d: np.log(d["income"]),
    "square(z)": lambda d: d["z"] ** 2,
    "lag(x)": lambda d: earlier(d, d["x"], 1),
    "diff(z)": lambda d: d["z"] - earlier(d, d["z"], 1),
    "per_capita(x)": lambda d: d["x"] / d["population"],
    "total(z)": lambda d: d["z"] * d["population"],
}


@dataclass(frozen=True, eq=False)
class Problem:
    """What the other programs are asked: complete rows, a formula of plain columns, and its columns."""

    frame: pd.DataFrame
    rows: np.ndarray
    formula: str
    names: dict[str, str]
    columns: pd.DataFrame
    effects: np.ndarray
    kept: list[str]


@cache
def make_problem(kind: str, formula: str, effects: str) -> Problem:
    frame = make_data(kind).reset_index(drop=True)
    text, names = FORMULAS[formula], {"Intercept": "constant"}
    for term, compute in TRANSFORMED.items():
        if term in text:
            name = re.sub(r"\W+", "_", term).strip("_")
            frame[name] = compute(frame)
            text, names[name] = text.replace(term, name), term
    parsed = Formula(text, _ordering="none")
    frame = frame.dropna(subset=[*parsed.required_variables, "unit"])
    rows, frame = frame.index.to_numpy(), frame.reset_index(drop=True)
    if "size" in parsed.required_variables:
        # The others would print 1.0 as the name of a level, and count one that is not in use.
        whole = frame["size"] if frame["size"].dtype == "category" else frame["size"].astype(int)
        frame["size"] = whole.astype("category").cat.remove_unused_categories()
    frame["unit_number"] = pd.factorize(frame["unit"])[0]
    columns = pd.DataFrame(parsed.rhs.get_model_matrix(frame)).drop(columns="Intercept")
    columns = columns.rename(columns=names)
    dummies = pd.get_dummies(frame["unit"], dtype=float).to_numpy()
    dummies = dummies if effects == "entity" else np.ones((len(frame), 1))
    return Problem(frame, rows, text, names, columns, dummies, independent(columns, dummies))


def independent(columns: pd.DataFrame, effects: np.ndarray) -> list[str]:
    """Names of the columns that are not combinations of the effects and of the columns before them."""
    basis = list((effects / np.linalg.norm(effects, axis=0)).T)
    kept = []
    for name, column in columns.items():
        left = column.to_numpy(float)
        for _ in range(2):
            left = left - np.transpose(basis) @ (basis @ left)
        if np.linalg.norm(left) > COLLINEAR * np.linalg.norm(column):
            basis.append(left / np.linalg.norm(left))
            kept.append(name)
    return kept


class Dummies:
    """Weighted least squares by statsmodels with a dummy for every effect.

    areg's constant is the weighted mean of the effects; ``turn`` takes all coefficients to the slopes and it.
    """

    def __init__(self, problem: Problem, weights: str | None) -> None:
        self.frame = problem.frame
        w = np.ones(len(self.frame)) if weights is None else self.frame[weights].to_numpy()
        X = problem.columns[problem.kept].to_numpy(float)
        # Columns of one length: statsmodels solves by a pseudo-inverse, which units of measurement disturb.
        length = np.linalg.norm(X, axis=0)
        self.k = len(length)
        design = np.column_stack([X / length, problem.effects])
        self.y = self.frame[problem.formula.split(" ~ ")[0]].to_numpy()
        self.fit = sm.WLS(self.y, design, weights=w, hasconst=True).fit()
        only_effects = sm.WLS(self.y, problem.effects, weights=w, hasconst=True).fit()
        self.r2_within = 1 - self.fit.ssr / only_effects.ssr
        self.turn = np.zeros((self.k + 1, design.shape[1]))
        self.turn[: self.k, : self.k] = np.diag(1 / length)
        self.turn[self.k, self.k :] = w @ problem.effects / w.sum()
        self.terms = [*problem.kept, "constant"]
        self.coefficients = pd.Series(self.turn @ self.fit.params, self.terms)

    def covariance(self, choice: Any, convention: str) -> np.ndarray:
        return self.turn @ self._all(choice, convention) @ self.turn.T

    def _all(self, choice: Any, convention: str) -> np.ndarray:
        kind, *named = (choice,) if isinstance(choice, str) else choice
        if kind == "classical":
            return self.fit.cov_params()
        if kind == "hc1":
            return self._robust("HC1")
        defaults = {"cluster": ["unit"], "twoway": ["unit", "year"], "driscoll_kraay": ["year"]}
        groups = [pd.factorize(self.frame[name], sort=True)[0] for name in named or defaults[kind]]
        if convention == "xtreg":
            return self._counting_no_effects(kind, groups)
        return self._grouped(kind, groups, convention == "areg")

    def _grouped(self, kind: str, groups: list[np.ndarray], correction: bool) -> np.ndarray:
        if kind == "driscoll_kraay":
            lags = default_lags(groups[0].max() + 1)
            correct = "cluster" if correction else False
            return self._robust("hac-groupsum", time=groups[0], maxlags=lags, use_correction=correct)
        return self._robust("cluster", groups=np.squeeze(np.transpose(groups)), use_correction=correction)

    def _counting_no_effects(self, kind: str, groups: list[np.ndarray]) -> np.ndarray:
        """xtreg's factor M/(M-1) (n-1)/(n-k-1), which dummies cannot have, on each part."""
        n = len(self.frame)
        parts = [(1, group) for group in groups]
        if kind == "twoway":
            parts.append((-1, pd.factorize(pd.MultiIndex.from_arrays(groups))[0]))
        total = 0.0
        for sign, group in parts:
            M = len(np.unique(group))
            one = "cluster" if kind == "twoway" else kind
            total += sign * M / (M - 1) * (n - 1) / (n - self.k - 1) * self._grouped(one, [group], False)
        return total

    def _robust(self, kind: str, **options: Any) -> np.ndarray:
        return self.fit.get_robustcov_results(kind, **options).cov_params()


def default_lags(n_periods: int) -> int:
    """Lags of Stata's xtscc."""
    return int(4 * (n_periods / 100) ** (2 / 9))


def standard_errors(covariance: np.ndarray, two_way: bool) -> tuple[np.ndarray, bool]:
    """Standard errors, and whether the two-way difference was cut off at zero.

    Cameron, Gelbach and Miller set negative eigenvalues to zero; here on the scale of correlations, and only
    where the slopes have some. A constant alone without a variance has no standard error.
    """
    variances = np.diag(covariance)
    if two_way:
        scale = np.sqrt(np.abs(variances))
        correlations = covariance / np.outer(scale, scale)
        if np.linalg.eigvalsh(correlations[:-1, :-1]).min() < NEGATIVE:
            values, vectors = np.linalg.eigh(correlations)
            return scale * np.sqrt(vectors**2 @ np.maximum(values, 0)), True
    return np.sqrt(np.where(variances < 0, np.nan, variances)), False


@cache
def by_statsmodels(kind: str, formula: str, weights: str, effects: str) -> Dummies:
    return Dummies(make_problem(kind, formula, effects), WEIGHTS[weights])


@cache
def by_pyfixest(kind: str, formula: str, weights: str, effects: str, counted: str) -> Any:
    """A fit whose small-sample factor counts all effects ("full"), or none that is nested ("nonnested")."""
    problem = make_problem(kind, formula, effects)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The inplace keyword in DataFrame", pd.errors.Pandas4Warning)
        warnings.filterwarnings("ignore", r"\s+\d+ variables dropped due to multicollinearity", UserWarning)
        return pf.feols(
            problem.formula + (" | unit" if effects == "entity" else ""),
            problem.frame,
            weights=WEIGHTS[weights],
            weights_type="aweights",
            fixef_rm="none",
            ssc=pf.ssc(k_adj=True, k_fixef=counted, G_adj=True, G_df="conventional"),
        )


def ask_pyfixest(fit: tuple[str, ...], choice: Any, convention: str) -> tuple[Any, pd.DataFrame] | None:
    """pyfixest's fit and its table with this covariance; None where it has not the convention."""
    kind, *named = (choice,) if isinstance(choice, str) else choice
    if convention == "none" or (kind, convention) == ("driscoll_kraay", "xtreg"):
        return None
    problem = make_problem(fit[0], fit[1], fit[3])
    theirs = by_pyfixest(*fit, "nonnested" if convention == "xtreg" else "full")
    options = None
    if kind == "driscoll_kraay":
        lags = default_lags(problem.frame["year"].nunique())
        options = {"time_id": "year", "panel_id": "unit_number", "lag": lags}
    columns = "+".join(named) or {"cluster": "unit", "twoway": "unit+year"}.get(kind)
    names = {"classical": "iid", "hc1": "HC1", "driscoll_kraay": "DK"}
    with warnings.catch_warnings():
        if kind == "twoway":
            # A difference of matrices, which may have negative variances.
            warnings.filterwarnings("ignore", "invalid value encountered in sqrt", RuntimeWarning)
        table = theirs.vcov(names.get(kind, {"CRV1": columns}), options).tidy()
    return theirs, table.rename(lambda name: problem.names.get(name, name))


@cache
def write(formula: str, effects: str) -> kv.Specification:
    if effects == "entity":
        return kv.Specification.from_formula(FORMULAS[formula] + " | unit")
    return kv.Specification.from_formula(FORMULAS[formula], entity="unit")


def estimate(fit: tuple[str, ...], choice: Any, convention: str) -> kv.Estimate:
    kind, formula, weights, effects = fit
    data = make_data(kind)
    spec = write(formula, effects).vary(weights=WEIGHTS[weights], covariance=choice, convention=convention)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = kv.estimate(spec, data)
    said = [(w.category, str(w.message).partition(" and are left out")[0]) for w in caught]
    n_missing = len(data) - len(make_problem(kind, formula, effects).rows)
    expected = (DataWarning, f"{n_missing} of {len(data)} rows have missing values")
    assert said == ([expected] if n_missing else [])
    return ours


def exists(fit: tuple[str, ...], choice: Any, convention: str) -> bool:
    """Whether xtreg's convention is asked for only where each effect is inside one cluster."""
    kind, formula, _, effects = fit
    if convention != "xtreg" or choice == "driscoll_kraay":
        return True
    named = {"cluster": ("unit",), "twoway": ("unit", "year")}.get(choice, choice[1:])
    return any(nests(kind, formula, effects, name) for name in named)


@cache
def nests(kind: str, formula: str, effects: str, clusters: str) -> bool:
    frame = make_problem(kind, formula, effects).frame
    effect = frame["unit"] if effects == "entity" else np.zeros(len(frame))
    return bool((frame.groupby(effect)[clusters].nunique() < 2).all())


def differ(ours: Any, theirs: Any, relative: bool = True) -> float:
    """Largest difference; infinite where only one of the two is missing."""
    ours, theirs = np.atleast_1d(np.asarray(ours, float)), np.atleast_1d(np.asarray(theirs, float))
    if ours.shape != theirs.shape or (np.isnan(ours) != np.isnan(theirs)).any():
        return np.inf
    difference = np.abs(ours - theirs) / (np.abs(theirs) if relative else 1)
    return float(np.nanmax(difference))


def errors_of(fit: tuple[str, ...], choice: Any, convention: str) -> list[tuple[str, str, float]]:
    """(quantity, what it was compared with, difference) for everything that is compared."""
    problem, dummies = make_problem(fit[0], fit[1], fit[3]), by_statsmodels(*fit)
    ours = estimate(fit, choice, convention)
    if list(ours.terms) != dummies.terms:
        return [("counts", f"terms {ours.terms} for {dummies.terms}", np.inf)]
    table = ours.coefficients
    two_way = "twoway" in choice
    expected, cut_off = standard_errors(dummies.covariance(choice, convention), two_way)
    dropped = [name for name in problem.columns if name not in problem.kept]
    found = [
        ("coefficients", "statsmodels", differ(table["estimate"], dummies.coefficients)),
        ("standard errors", "statsmodels", differ(table["std_error"], expected)),
        ("R2", "statsmodels", differ(ours.r_squared, dummies.fit.rsquared)),
        ("R2", "statsmodels, adjusted", differ(ours.r_squared_adjusted, dummies.fit.rsquared_adj)),
        ("R2", "statsmodels, within", differ(ours.r_squared_within, dummies.r2_within)),
        ("counts", "degrees of freedom", differ(ours.df_resid, dummies.fit.df_resid)),
        ("counts", "rows", differ(ours.rows, problem.rows, relative=False)),
        ("counts", "rows used", differ(ours.n_obs, dummies.fit.nobs)),
        ("counts", "effects", differ(ours.n_entities, problem.effects.shape[1])),
        ("counts", f"dropped {ours.dropped}", 0.0 if list(ours.dropped) == dropped else np.inf),
        ("counts", "negative eigenvalues", float(("negative" in ours.inference.description) != cut_off)),
    ]
    answer = ask_pyfixest(fit, choice, convention)
    if answer is None:
        return found
    theirs, other = answer
    b = other["Estimate"]
    if set(b.index) != set(problem.kept) | ({"constant"} if fit[3] == "none" else set()):
        return [*found, ("counts", f"pyfixest's terms {list(b.index)}", np.inf)]
    found += [
        ("coefficients", "pyfixest", differ(table.loc[b.index, "estimate"], b)),
        ("R2", "pyfixest", differ(ours.r_squared, theirs._r2)),
        ("counts", "pyfixest's rows", differ(ours.n_obs, theirs._N)),
    ]
    if not cut_off:
        # pyfixest leaves negative eigenvalues as they are.
        tests = table.loc[b.index]
        found += [
            ("standard errors", "pyfixest", differ(tests["std_error"], other["Std. Error"])),
            ("p-values", "pyfixest", differ(tests["p_value"], other["Pr(>|t|)"], relative=False)),
        ]
    return found


def name_of(combination: tuple[Any, ...]) -> str:
    return " | ".join(part if isinstance(part, str) else " ".join(part) for part in combination)


def failures_of(fit: tuple[str, ...], choice: Any, convention: str) -> list[str]:
    """What is wrong with one combination, in words."""
    if not exists(fit, choice, convention):
        try:
            estimate(fit, choice, convention)
        except SpecificationError as error:
            return [] if "spans several clusters" in str(error) else [f"refused for another reason: {error}"]
        return ["not refused, though effects are not nested in the clusters"]
    try:
        found = errors_of(fit, choice, convention)
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    return [
        f"{quantity} against {other} differ by {size:.1e}"
        for quantity, other, size in found
        if not size <= TOLERANCES[quantity]
    ]


@pytest.mark.parametrize("fit", FITS, ids=name_of)
def test_matrix(fit):
    failures = [
        f"{name_of((*fit, *chosen))}: {what}" for chosen in COVARIANCES for what in failures_of(fit, *chosen)
    ]
    assert not failures, f"{len(failures)} differences:\n" + "\n".join(failures)


def test_size_of_the_matrix():
    compared = {name_of(c) for c in COMBINATIONS if exists(c[:4], *c[4:])}
    refused = {name_of(c) for c in COMBINATIONS} - compared
    assert len(compared) >= AT_LEAST
    assert refused


def test_data_are_what_their_names_say():
    """Otherwise whole parts of the matrix would compare the same easy case."""
    rows = {kind: make_data(kind).groupby("unit").size() for kind in KINDS}
    assert (rows["balanced"] == 6).all()
    assert rows["unbalanced"].between(2, 5).any()
    assert (rows["singletons"] == 1).sum() == 5
    gaps = make_data("unbalanced").sort_values(["unit", "year"]).groupby("unit")["year"].diff()
    assert (gaps > 1).any()
    for kind, effects in product(KINDS, EFFECTS):
        problem = make_problem(kind, "collinear", effects)
        dropped = [name for name in problem.columns if name not in problem.kept]
        assert dropped[-1] == "mix"
        assert ("fixed" in dropped) == (effects == "entity")
    missing = make_problem("missing", "category", "entity").frame
    left = make_data("missing")[["unit", "region", "branch"]].nunique() - missing.nunique()
    assert (left.dropna() > 0).all()
