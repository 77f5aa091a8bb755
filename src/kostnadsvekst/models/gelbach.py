"""Why coefficients move: the change between two nested models, split exactly among what was added.

Symbols: X1 are the columns of the short model and X2 the added ones, both without the absorbed effects; b2
are the long model's coefficients of X2, and G = (X1'WX1)^-1 X1'WX2 those of X2 on X1. The short model's
coefficients less the long one's are G b2, which is a sum over the added columns.
Source: Gelbach (2016), When do covariates matter? And which ones, and how much?, Journal of Labor
Economics 34, 509-543.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models import inference
from kostnadsvekst.models.covariance_kinds import choose_columns, read_choice
from kostnadsvekst.models.design import parse_terms
from kostnadsvekst.models.fixed_effects import Estimate, WithinFit, estimate
from kostnadsvekst.models.preparation import prepare
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.provenance import Provenance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TOTAL = "total"
LEVEL = 0.95
COVARIANCES = ("classical", "hc1", "cluster")
_SAME = ("outcome", "entity", "time", "weights", "sample", "effects", "absorb")


@dataclass(frozen=True, slots=True)
class CoefficientChange:
    """Split of the change of k coefficients among m groups of added columns.

    Attributes
    ----------
    short, long : (k,) array
        Coefficients of the columns that both models have.
    contributions : (k, m) array
        They sum to ``short - long``.
    covariance : (m, k, m, k) array
        Of the contributions.
    df : float
        Degrees of freedom of their t distribution.
    """

    short: Floats
    long: Floats
    contributions: Floats
    covariance: NDArray[np.float64]
    df: float


def decompose(
    short: Specification,
    long: Specification,
    data: pd.DataFrame,
    groups: Mapping[str, Sequence[str]] | None = None,
    covariance: str | tuple[str, ...] | None = None,
) -> pd.DataFrame:
    """Split the change of coefficients from a short to a long model among the regressors added.

    Parameters
    ----------
    short, long : Specification
        Alike but for the regressors and the covariance; the long one has all regressors of the short one.
    data : DataFrame
        Both are fitted on the rows that are complete in the long model.
    groups : mapping of str to sequence of str, optional
        Name -> added regressors or terms; each added term in one group. Without it each added regressor is a
        group.
    covariance : {"classical", "hc1", "cluster"} or ("cluster", column), optional
        Without it the long model's.

    Returns
    -------
    DataFrame
        ``term`` (of the short model), ``group`` (the groups in order, then ``"total"``), ``contribution``
        (of the group to the short model's coefficient less the long one's; they sum to the total),
        ``std_error``, ``conf_low``, ``conf_high`` (95 per cent), ``share`` (of the total; NaN where it is
        zero). In ``attrs``: ``short`` and ``long``, coefficients by term, and the provenance.

    Raises
    ------
    SpecificationError
        The models are not nested, a term is collinear, an added term is in no group or in two, or the
        covariance is of another kind; everything is named.

    Notes
    -----
    A contribution is estimated in two steps, and its error counts both: that of b2, and that of G in G b2
    (the added columns are random, as in Gelbach's section 4). Classical errors take both regressions to be
    homoskedastic; the others sum the influences of both steps over rows or clusters, with the small-sample
    factor of the long model.

    Examples
    --------
    >>> groups = {"needs": kv.NEEDS, "income": ["free_income"]}  # doctest: +SKIP
    >>> kv.decompose(kv.SPECIFICATIONS["A3-1"], kv.SPECIFICATIONS["A3-3"], panel, groups)  # doctest: +SKIP
    """
    _require_nested(short, long)
    fitted = estimate(long, data)
    own, sources = _own_terms(short, long, data, fitted)
    added = [name for name in fitted.terms[:-1] if name not in own]
    members = _read_groups(groups or _each(short, long), added, sources, data)
    change = split_change(
        fitted.fit,
        [fitted.terms.index(name) for name in own],
        [[fitted.terms.index(name) for name in names] for names in members.values()],
        *_clusters(fitted, covariance),
    )
    return _frame(own, list(members), change, fitted.provenance)


def split_change(
    fit: WithinFit,
    own: Sequence[int],
    groups: Sequence[Sequence[int]],
    covariance: str,
    clusters: Ints | None = None,
    convention: str = "areg",
) -> CoefficientChange:
    """Split the change of coefficients on arrays.

    Parameters
    ----------
    fit : WithinFit
        The long model.
    own : sequence of int
        Positions of the short model's columns among those of the fit.
    groups : sequence of sequence of int
        Positions of the added columns.
    covariance : {"classical", "hc1", "cluster"}
    clusters : (n,) integer array
        Codes, for ``"cluster"``.
    convention : str
        See `kostnadsvekst.models.inference.clustered`.
    """
    root = np.sqrt(fit.weights)[:, None]
    Q, R = np.linalg.qr(fit.X_within[:, own] * root)
    parts = np.column_stack([fit.X_within[:, g] @ fit.coefficients[list(g)] for g in groups])
    contributions = np.linalg.solve(R, Q.T @ (parts * root))
    long = fit.coefficients[list(own)]
    left = parts - fit.X_within[:, own] @ contributions
    gammas = [np.linalg.solve(R, Q.T @ (fit.X_within[:, g] * root)) for g in groups]
    inverse = np.linalg.inv(R)
    if covariance == "classical":
        V, df = _classical(fit, groups, left, gammas, inverse), float(fit.df_resid)
    else:
        V, df = _robust(fit, groups, left, gammas, inverse @ Q.T, clusters, convention)
    return CoefficientChange(long + contributions.sum(axis=1), long, contributions, V, df)


def _classical(
    fit: WithinFit, groups: Sequence[Sequence[int]], left: Floats, gammas: Sequence[Floats], inverse: Floats
) -> Floats:
    k, m = len(inverse), len(groups)
    df = fit.df_resid + fit.X_within.shape[1] - k
    between = (left * fit.weights[:, None]).T @ left / df
    V: Floats = np.einsum("gh,ab->gahb", between, inverse @ inverse.T)
    slopes = inference.classical(fit).matrix
    for g in range(m):
        for h in range(m):
            V[g, :, h, :] += gammas[g] @ slopes[np.ix_(groups[g], groups[h])] @ gammas[h].T
    return V


def _robust(
    fit: WithinFit,
    groups: Sequence[Sequence[int]],
    left: Floats,
    gammas: Sequence[Floats],
    projector: Floats,
    clusters: Ints | None,
    convention: str,
) -> tuple[Floats, float]:
    """Influences of each row on every contribution, summed over clusters and squared."""
    n, k = len(left), len(projector)
    slopes = inference.carry(fit, inference.orthonormal_scores(fit, inference.scores(fit)))
    root = np.sqrt(fit.weights)[:, None]
    influences = np.stack(
        [
            projector.T * (root * left[:, [g]]) + slopes[:, list(members)] @ gammas[g].T
            for g, members in enumerate(groups)
        ],
        axis=1,
    ).reshape(n, -1)
    if clusters is None:
        factor, df = n / fit.df_resid, float(fit.df_resid)
    else:
        count = inference.count_clusters(clusters)
        influences = inference.cluster_sums(influences, clusters)
        factor, df = inference.cluster_factor(fit, count, convention, (clusters,)), float(count - 1)
    V: Floats = (influences.T @ influences * factor).reshape(len(groups), k, len(groups), k)
    return V, df


def _require_nested(short: Specification, long: Specification) -> None:
    differ = [part for part in _SAME if getattr(short, part) != getattr(long, part)]
    if differ:
        told = ", ".join(f"{p} ({getattr(short, p)!r} and {getattr(long, p)!r})" for p in differ)
        raise SpecificationError(
            f"the two models must differ in their regressors alone; they differ in {told}"
        )


def _own_terms(
    short: Specification, long: Specification, data: pd.DataFrame, fitted: Estimate
) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Terms of the short model in its order, and the factors of each term of the long one."""
    design = prepare(long, data).build_design()
    sources = dict(zip(design.terms, design.sources, strict=True))
    wanted = parse_terms(short.regressors, data.columns)
    absent = [":".join(term) for term in wanted if frozenset(term) not in map(frozenset, design.sources)]
    if absent:
        raise SpecificationError(f"not nested: the long model lacks {', '.join(absent)} of the short one")
    if fitted.dropped:
        raise SpecificationError(
            f"collinear in the long model, so that no split is unique: {', '.join(fitted.dropped)}; leave "
            "them out"
        )
    mine = {frozenset(term) for term in wanted}
    own = [name for name in fitted.terms[:-1] if frozenset(sources[name]) in mine]
    if len(own) == len(fitted.terms) - 1:
        raise SpecificationError("the long model adds nothing to the short one")
    return own, sources


def _each(short: Specification, long: Specification) -> dict[str, list[str]]:
    return {name: [name] for name in long.regressors if name not in short.regressors}


def _read_groups(
    groups: Mapping[str, Sequence[str]],
    added: Sequence[str],
    sources: Mapping[str, tuple[str, ...]],
    data: pd.DataFrame,
) -> dict[str, list[str]]:
    """Terms of each group; a member may be a term, or a regressor that stands for its terms."""
    found: dict[str, list[str]] = {}
    problems = []
    for name, members in groups.items():
        found[name] = []
        for member in [members] if isinstance(members, str) else members:
            terms = _terms_of(member, added, sources, data)
            if not terms:
                problems.append(
                    f"group {name!r}: the long model does not add {nearest_names([member], added)}"
                )
            found[name] += terms
    counts = [(term, sum(names.count(term) for names in found.values())) for term in added]
    problems += [f"{term!r} is in no group" for term, count in counts if not count]
    problems += [f"{term!r} is in {count} groups" for term, count in counts if count > 1]
    problems += [f"group {name!r} would be taken for the sum: rename it" for name in groups if name == TOTAL]
    if problems:
        raise SpecificationError("; ".join(problems))
    return found


def _terms_of(
    member: str, added: Sequence[str], sources: Mapping[str, tuple[str, ...]], data: pd.DataFrame
) -> list[str]:
    if member in added:
        return [member]
    wanted = {frozenset(term) for term in parse_terms([member], data.columns)}
    return [name for name in added if frozenset(sources[name]) in wanted]


def _clusters(fitted: Estimate, covariance: str | tuple[str, ...] | None) -> tuple[str, Ints | None, str]:
    spec = fitted.specification
    choice = spec.covariance if covariance is None else covariance
    kind, _ = read_choice(choice)
    if kind not in COVARIANCES:
        raise SpecificationError(
            f"the split has errors of the kinds {', '.join(COVARIANCES)}, not {kind!r}: choose one by "
            "covariance="
        )
    if kind != "cluster":
        return kind, None, spec.convention
    column = choose_columns(choice, spec.entity, spec.time)[0]
    return kind, fitted.grouping.codes(column), spec.convention


def _frame(
    own: Sequence[str], names: Sequence[str], change: CoefficientChange, origin: Provenance
) -> pd.DataFrame:
    rows = []
    quantile = float(stdtrit(change.df, 0.5 + LEVEL / 2))
    for j, term in enumerate(own):
        V = change.covariance[:, j, :, j]
        total = float(change.contributions[j].sum())
        values = [*change.contributions[j], total]
        for name, value, variance in zip([*names, TOTAL], values, [*np.diag(V), V.sum()], strict=True):
            error = float(np.sqrt(max(variance, 0.0)))
            share = value / total if total else np.nan
            rows.append((term, name, value, error, value - quantile * error, value + quantile * error, share))
    columns = ["term", "group", "contribution", "std_error", "conf_low", "conf_high", "share"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs = {
        "short": dict(zip(own, change.short.tolist(), strict=True)),
        "long": dict(zip(own, change.long.tolist(), strict=True)),
        "provenance": origin.to_attrs(),
    }
    return frame
