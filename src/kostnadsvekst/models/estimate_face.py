"""The face of an estimate with absorbed effects, for what is computed of it in other modules."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.models.absorbed_levels import AbsorbedSet, NormalisedEffects
from kostnadsvekst.models.collinear_terms import Ties
from kostnadsvekst.models.fit_statistics import FitStatistics
from kostnadsvekst.models.hypotheses import HypothesisTest
from kostnadsvekst.models.inference import Covariance
from kostnadsvekst.models.new_data import TermsOfEstimate
from kostnadsvekst.models.result_methods import ResultInHand
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.provenance import Provenance

if TYPE_CHECKING:
    from kostnadsvekst.models.fixed_effects import WithinFit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class FittedEstimate(ResultInHand, Protocol):
    """What `kostnadsvekst.Estimate` holds and what is computed of it; see there."""

    @property
    def specification(self) -> Specification: ...  # noqa: D102
    @property
    def fit(self) -> "WithinFit": ...  # noqa: D102
    @property
    def inference(self) -> Covariance: ...  # noqa: D102
    @property
    def dropped(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def rows(self) -> Ints: ...  # noqa: D102
    @property
    def provenance(self) -> Provenance: ...  # noqa: D102
    @property
    def complete_rows(self) -> Ints: ...  # noqa: D102
    @property
    def data(self) -> pd.DataFrame | None: ...  # noqa: D102
    @property
    def covariance(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def df_resid(self) -> int: ...  # noqa: D102
    @property
    def n_effects(self) -> int: ...  # noqa: D102
    @property
    def sigma(self) -> float: ...  # noqa: D102
    @property
    def untransformed(self) -> tuple[Floats, Floats]: ...  # noqa: D102
    @property
    def effects_with_constant(self) -> tuple[Floats, ...]: ...  # noqa: D102
    @property
    def pooled_ssr(self) -> float: ...  # noqa: D102
    @property
    def terms_of_estimate(self) -> TermsOfEstimate: ...  # noqa: D102
    @property
    def absorbed_sets(self) -> tuple[AbsorbedSet, ...]: ...  # noqa: D102
    @property
    def normalised_effects(self) -> NormalisedEffects: ...  # noqa: D102
    @property
    def ties(self) -> Ties: ...  # noqa: D102
    @property
    def effects_of_rows(self) -> Floats: ...  # noqa: D102
    @property
    def log_likelihood(self) -> float: ...  # noqa: D102
    def predict(  # noqa: D102
        self,
        new_data: pd.DataFrame | None = None,
        *,
        effects: bool = True,
        kind: str = "mean",
        unseen: str = "refuse",
    ) -> pd.Series: ...
    def with_covariance(  # noqa: D102
        self, covariance: str | tuple[str, ...], convention: str | None = None, **options: Any
    ) -> "FittedEstimate": ...
    def effects_of(self) -> pd.DataFrame: ...  # noqa: D102
    def fit_statistics(self, count: str = "terms") -> FitStatistics: ...  # noqa: D102
    def f_test(self) -> HypothesisTest: ...  # noqa: D102
