"""Means of columns by group, and tests of their differences: what a paper's first table shows.

With weights w a mean is m = sum w x / sum w, and a variance s^2 = n/(n - 1) sum w (x - m)^2 / sum w,
as Stata's ``summarize [aweight]``. The difference of two means has the variance s1^2/n1 + s2^2/n2 and Welch's
degrees of freedom; that all means are equal is tested by his F (Welch 1951, Biometrika 38, 330-336). With
clusters the variance is that of the weighted regression on the groups, areg's small-sample factor, and the
degrees of freedom are the clusters less one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtr

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.rows import read_levels
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import provenance_of

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

ALL = "all"


@dataclass(frozen=True, slots=True)
class GroupMeans:
    """Statistics of one variable in g groups.

    Attributes
    ----------
    n : (g,) integer array
        Rows with a value.
    mean, std_dev, minimum, maximum : (g,) arrays
        NaN in a group without rows; the standard deviation also with a single one.
    """

    n: Ints
    mean: Floats
    std_dev: Floats
    minimum: Floats
    maximum: Floats


@dataclass(frozen=True, slots=True)
class Differences:
    """Tests of the means of g groups.

    Attributes
    ----------
    difference, std_error, df, p_value : (g,) arrays
        Mean of each group less that of the first, which has NaN itself.
    p_equal : float
        Of the hypothesis that all means are equal; NaN with one group, or where it is not identified.
    """

    difference: Floats
    std_error: Floats
    df: Floats
    p_value: Floats
    p_equal: float


def describe(
    data: pd.DataFrame,
    columns: Sequence[str],
    by: str | None = None,
    *,
    weights: str | None = None,
    cluster: str | None = None,
) -> pd.DataFrame:
    """Describe columns, by group, with tests of the differences between the groups.

    Parameters
    ----------
    data : DataFrame
    columns : sequence of str
        Columns of numbers, or of truth values; rows without a value of a column do not count in it.
    by : str, optional
        Column of groups; they come in the order of its categories, or sorted.
    weights : str, optional
        Column of positive analytic weights.
    cluster : str, optional
        Column of clusters, for the tests.

    Returns
    -------
    DataFrame
        One row for each ``variable`` and ``group`` (``"all"`` without `by`): ``n``, ``mean``, ``std_dev``,
        ``minimum``, ``maximum``, ``difference`` (of the mean from the first group's), its ``std_error``,
        ``df``, ``p_value``, and ``p_equal`` (that the means of all groups are equal). NaN where something is
        not identified. `kostnadsvekst.table` makes a table of it.

    Raises
    ------
    DataMissingError
        If a column does not exist.
    InvalidDataError
        A column is not of numbers, weights are not positive, or groups, weights or clusters are missing in
        some rows; all of it at once.
    SpecificationError
        No columns, or fewer than two clusters.

    Notes
    -----
    See the head of `kostnadsvekst.analysis.group_means` for the formulas.

    Examples
    --------
    >>> kv.table(kv.describe(panel, kv.NEEDS, by="size", weights="population"))  # doctest: +SKIP
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names:
        raise SpecificationError("name at least one column to describe")
    require_columns([*names, *filter(None, (by, weights, cluster))], data.columns)
    _refuse_unusable(data, names, by, weights, cluster)
    w = np.ones(len(data)) if weights is None else data[weights].to_numpy(float)
    codes, groups = _groups(data, by)
    clusters = None if cluster is None else read_levels(data[cluster], cluster)[0]
    if clusters is not None and len(np.unique(clusters)) < 2:
        raise SpecificationError(f"{cluster!r} has fewer than two clusters: the tests need more")
    parts = [
        _rows(name, data[name].to_numpy(float, na_value=np.nan), w, codes, groups, clusters) for name in names
    ]
    frame = pd.concat(parts, ignore_index=True)
    choices = {"by": by, "weights": weights, "cluster": cluster}
    known = {name: value for name, value in choices.items() if value is not None}
    frame.attrs = {**known, "provenance": provenance_of(data).to_attrs()}
    return frame


def group_means(values: Floats, weights: Floats, codes: Ints, n_groups: int) -> GroupMeans:
    """Weighted mean, standard deviation and range by group.

    Parameters
    ----------
    values, weights : (n,) arrays
    codes : (n,) integer array
        Group of each row, 0 ... g - 1.
    n_groups : int
    """
    n = np.bincount(codes, minlength=n_groups)
    total = np.bincount(codes, weights, minlength=n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(codes, weights * values, minlength=n_groups) / total
        squares = np.bincount(codes, weights * (values - mean[codes]) ** 2, minlength=n_groups)
        std_dev = np.sqrt(np.where(n > 1, squares / total * n / (n - 1), np.nan))
    minimum, maximum = np.full(n_groups, np.inf), np.full(n_groups, -np.inf)
    np.minimum.at(minimum, codes, values)
    np.maximum.at(maximum, codes, values)
    ends = (np.where(n > 0, end, np.nan) for end in (minimum, maximum))
    return GroupMeans(n, mean, std_dev, *ends)


def welch_tests(means: GroupMeans) -> Differences:
    """Test the means of groups with variances of their own, by Welch.

    Parameters
    ----------
    means : GroupMeans
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = means.std_dev**2 / means.n
        freedom = means.n.astype(np.float64) - 1
        both = variance[0] + variance
        df = both**2 / (variance[0] ** 2 / freedom[0] + variance**2 / freedom)
        difference = means.mean - means.mean[0]
        p_equal = _welch_anova(means.mean, 1 / variance, freedom)
    return _tested(difference, np.sqrt(both), df, p_equal)


def clustered_tests(
    values: Floats, weights: Floats, codes: Ints, clusters: Ints, means: GroupMeans
) -> Differences:
    """Test the means of groups with errors that are correlated within clusters.

    Parameters
    ----------
    values, weights : (n,) arrays
    codes, clusters : (n,) integer arrays
    means : GroupMeans
    """
    g, n = len(means.n), len(values)
    labels, places = np.unique(clusters, return_inverse=True)
    influence = np.zeros((len(labels), g))
    total = np.bincount(codes, weights, minlength=g)
    np.add.at(influence, (places, codes), weights * (values - means.mean[codes]) / total[codes])
    present = int((means.n > 0).sum())
    count = len(labels)
    if count < 2 or n <= present:
        return _tested(means.mean - means.mean[0], np.full(g, np.nan), np.full(g, np.nan), np.nan)
    factor = count / (count - 1) * (n - 1) / (n - present)
    moved = influence - influence[:, [0]]
    V = factor * moved.T @ moved
    difference = means.mean - means.mean[0]
    df = np.full(g, count - 1.0)
    p_equal = _wald(difference[1:], V[1:, 1:], count - 1)
    return _tested(difference, np.sqrt(np.diag(V)), df, p_equal)


def _tested(difference: Floats, std_error: Floats, df: Floats, p_equal: float) -> Differences:
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = 2 * stdtr(df, -np.abs(difference / std_error))
    own = np.arange(len(difference)) == 0
    difference, std_error, df, p_value = (
        np.where(own, np.nan, column) for column in (difference, std_error, df, p_value)
    )
    return Differences(difference, std_error, df, p_value, p_equal)


def _welch_anova(mean: Floats, precision: Floats, freedom: Floats) -> float:
    """P value of Welch's F with the precisions n/s^2 of the means."""
    g = len(mean)
    if g < 2 or not np.isfinite(precision).all():
        return float("nan")
    share = precision / precision.sum()
    between = precision @ (mean - share @ mean) ** 2 / (g - 1)
    spread = float(((1 - share) ** 2 / freedom).sum())
    statistic = between / (1 + 2 * (g - 2) / (g**2 - 1) * spread)
    return float(fdtrc(g - 1, (g**2 - 1) / (3 * spread), statistic))


def _wald(difference: Floats, V: Floats, df: int) -> float:
    p = len(difference)
    if not p or not np.isfinite(difference).all() or np.linalg.matrix_rank(V) < p:
        return float("nan")
    return float(fdtrc(p, df, difference @ np.linalg.solve(V, difference) / p))


def _rows(
    name: str, values: Floats, weights: Floats, codes: Ints, groups: list[object], clusters: Ints | None
) -> pd.DataFrame:
    known = np.isfinite(values)
    x, w, c = values[known], weights[known], codes[known]
    means = group_means(x, w, c, len(groups))
    tests = welch_tests(means) if clusters is None else clustered_tests(x, w, c, clusters[known], means)
    return pd.DataFrame(
        {
            "variable": name,
            "group": groups,
            "n": means.n,
            "mean": means.mean,
            "std_dev": means.std_dev,
            "minimum": means.minimum,
            "maximum": means.maximum,
            "difference": tests.difference,
            "std_error": tests.std_error,
            "df": tests.df,
            "p_value": tests.p_value,
            "p_equal": tests.p_equal,
        }
    )


def _groups(data: pd.DataFrame, by: str | None) -> tuple[Ints, list[object]]:
    if by is None:
        return np.zeros(len(data), dtype=np.intp), [ALL]
    column = data[by]
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        return column.cat.codes.to_numpy().astype(np.intp), [str(level) for level in column.cat.categories]
    levels, codes = np.unique(column.to_numpy(), return_inverse=True)
    return codes.astype(np.intp), [str(level) for level in levels]


def _refuse_unusable(
    data: pd.DataFrame, names: Sequence[str], by: str | None, weights: str | None, cluster: str | None
) -> None:
    problems = [
        f"column {name!r} is not of numbers: leave it out, or make it numbers"
        for name in [*names, *filter(None, [weights])]
        if not pd.api.types.is_numeric_dtype(data[name].dtype)
    ]
    for name in dict.fromkeys(filter(None, (by, weights, cluster))):
        missing = np.flatnonzero(data[name].isna())
        if len(missing):
            shown = ", ".join(map(str, data.index[missing[:5]]))
            problems.append(f"column {name!r} has no value in {len(missing)} rows (index {shown}): drop them")
    if weights is not None and not problems and not (data[weights] > 0).all():
        wrong = np.flatnonzero(~(data[weights] > 0))
        shown = ", ".join(map(str, data.index[wrong[:5]]))
        problems.append(f"weights {weights!r} are not positive in {len(wrong)} rows (index {shown})")
    if not len(data):
        problems.append("there are no rows")
    if problems:
        raise InvalidDataError("the data cannot be described", problems)
