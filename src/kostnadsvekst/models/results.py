"""What every result shows, whatever estimator made it, so that a table need not ask.

`kostnadsvekst.Estimate`, its AR(1) form and the event studies of `kostnadsvekst.staggered` have this face;
`TidyResult` is for what comes as a frame, such as the effects of municipal acute beds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.content import ContentEqual
from kostnadsvekst.models.covariance_facts import CovarianceFacts
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.result_methods import ResultMethods
from kostnadsvekst.provenance import Provenance

Floats = NDArray[np.float64]

CONSTANT = "constant"
# The estimator that needs no mention where all columns of a table have it.
FIXED_EFFECTS = "fixed_effects"


@dataclass(frozen=True, slots=True)
class AbsorbedEffects:
    """One set of effects that were taken out.

    Attributes
    ----------
    name : str or Bilingual
        Column, or words where there is no column.
    count : int, optional
        Number of effects, where it is known.
    """

    name: str | Bilingual
    count: int | None = None


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """How a result came about.

    Attributes
    ----------
    estimator : str
        Such as ``"fixed_effects"``, ``"pooled"``, ``"ar1"``, ``"callaway_santanna"``, ``"poisson"``.
    label : Bilingual
        The estimator as printed.
    outcome : str
    covariance : CovarianceFacts
        Kind, columns and numbers of clusters.
    provenance : Provenance
        Origin of the data.
    sample : Bilingual
        Which rows were used.
    effects : tuple of AbsorbedEffects
        Empty where nothing was absorbed.
    weights : str, optional
        Column.
    r_squared, r_squared_within : float, optional
        None where there is none.
    rho : float, optional
        Autocorrelation of the disturbances.
    rho_method : {"dw", "tscorr", "regress", "freg", "fixed"}, optional
    n_lost : int, optional
        Rows that the transformation took, the first of each unit; None where nothing was transformed or
        the number is not known.
    omitted : tuple of str
        Terms left out as collinear with the effects or with the terms before them.
    labels : mapping of str to Bilingual
        Of terms, and of the outcome, that are no columns.
    notes : tuple of Bilingual
        What a reader of the coefficients must know, without a final stop.
    """

    estimator: str
    label: Bilingual
    outcome: str
    covariance: CovarianceFacts
    provenance: Provenance
    sample: Bilingual
    effects: tuple[AbsorbedEffects, ...] = ()
    weights: str | None = None
    r_squared: float | None = None
    r_squared_within: float | None = None
    rho: float | None = None
    rho_method: str | None = None
    n_lost: int | None = None
    omitted: tuple[str, ...] = ()
    labels: Mapping[str, Bilingual] = field(default_factory=dict, hash=False)
    notes: tuple[Bilingual, ...] = ()


@runtime_checkable
class Result(Protocol):
    """What a table needs to know of a result.

    ``coefficients`` is a frame over ``terms`` with the columns ``estimate``, ``std_error``, ``statistic``,
    ``p_value``, ``conf_low``, ``conf_high`` (95 %); ``df`` are the degrees of freedom of the t distribution
    behind them, infinite for the normal, an array over the terms where each has its own.
    """

    @property
    def terms(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def coefficients(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def n_obs(self) -> int: ...  # noqa: D102
    @property
    def n_entities(self) -> int: ...  # noqa: D102
    @property
    def df(self) -> float | Floats: ...  # noqa: D102
    @property
    def facts(self) -> ResultFacts: ...  # noqa: D102


@dataclass(frozen=True, eq=False, repr=False)
class TidyResult(ContentEqual, ResultMethods, Shown):
    """A result as plain values.

    Attributes
    ----------
    coefficients : DataFrame
        As `Result` says; its index are the terms.
    n_obs, n_entities : int
        Rows and units used.
    df : float
    facts : ResultFacts
    """

    coefficients: pd.DataFrame
    n_obs: int
    n_entities: int
    df: float
    facts: ResultFacts

    @property
    def terms(self) -> tuple[str, ...]:
        """Terms, in the order of the coefficients."""
        return tuple(self.coefficients.index)


def coefficient_frame(
    terms: tuple[str, ...], estimate: Floats, std_error: Floats, df: float = np.inf
) -> pd.DataFrame:
    """Build the frame of a result: tests by the t distribution, or the normal with infinite `df`.

    Parameters
    ----------
    terms : tuple of str
    estimate, std_error : (m,) arrays
    df : float

    Returns
    -------
    DataFrame
        As `Result` says.
    """
    normal = np.isinf(df)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / std_error
    half = (ndtri(0.975) if normal else stdtrit(df, 0.975)) * std_error
    tail = ndtr(-np.abs(statistic)) if normal else stdtr(df, -np.abs(statistic))
    columns = {
        "estimate": estimate,
        "std_error": std_error,
        "statistic": statistic,
        "p_value": 2 * tail,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }
    return pd.DataFrame(columns, index=pd.Index(terms, name="term"))
