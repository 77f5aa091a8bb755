"""What can be asked of an estimate with absorbed effects, beside what every result answers.

`EstimateMethods` is mixed into `kostnadsvekst.Estimate`; it holds predictions, effects, marginal effects and
measures of fit, each with Stata's definition.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, Sentence, both
from kostnadsvekst.models.absorbed_levels import (
    ONE_SET,
    SEVERAL_SETS,
    AbsorbedSet,
    NormalisedEffects,
    absorbed_sets,
    effects_frame,
    find_set,
    normalise,
)
from kostnadsvekst.models.collinear_terms import Ties, find_ties
from kostnadsvekst.models.estimate_face import FittedEstimate
from kostnadsvekst.models.fit_statistics import FitStatistics, f_of_effects, fit_statistics
from kostnadsvekst.models.hypotheses import HypothesisTest, wald_of_fit
from kostnadsvekst.models.inference import carry, orthonormal_rows
from kostnadsvekst.models.marginaleffects_model import marginaleffects_model
from kostnadsvekst.models.margins import marginal_effects
from kostnadsvekst.models.new_data import TermsOfEstimate
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.prediction import align, predict
from kostnadsvekst.models.result_methods import ResultMethods
from kostnadsvekst.models.summaries import p_value_text

Floats = NDArray[np.float64]

# Estimators whose residuals are those of a least squares regression of the outcome itself.
_LEAST_SQUARES = ("fixed_effects", "pooled")


class EstimateMethods(ResultMethods):
    """Methods of an estimate with absorbed effects."""

    def vcov(self: FittedEstimate) -> pd.DataFrame:
        """Covariance matrix as a frame over the terms, the constant included: `covariance`."""
        return self.covariance.copy()

    def predict(
        self: FittedEstimate,
        new_data: pd.DataFrame | None = None,
        *,
        effects: bool = True,
        kind: str = "mean",
        unseen: str = "refuse",
    ) -> pd.Series:
        """Predict the outcome, on the rows used or on new data.

        Parameters
        ----------
        new_data : DataFrame, optional
            With the columns that the terms (and with effects the absorbed sets) are made of. Transformations,
            categories and interactions are evaluated on it with the estimation's levels; lags and differences
            inside it, so that it must hold the periods before. Without it the rows used.
        effects : bool
            Whether the absorbed effects are counted: Stata's ``xbd`` (True) or ``xb`` (False), the constant
            in both.
        kind : {"mean", "effects", "residual", "std_error"}
            The outcome's mean; the sum of the row's effects alone (Stata's ``d``); the outcome less its mean;
            the standard error of constant + x'b (``stdp``), with ``effects=False`` only.
        unseen : {"refuse", "nan"}
            Whether rows with levels of a category or of an absorbed set that the estimation does not have are
            refused by name, or get NaN.

        Returns
        -------
        Series
            Over the index of the data, or of the new data, in their order. NaN in rows that were left out
            of the estimation, or where the new data miss a value.

        Raises
        ------
        DataMissingError
            If the new data lack a column.
        InvalidDataError
            If a level is unseen, or the levels of a row are in different connected components, so that the
            sum of their effects is not identified.
        SpecificationError
            For an unknown kind.

        Notes
        -----
        Of a transformed outcome, such as ``log(y)``, it is the mean of the transformed one that is predicted.
        With AR(1) disturbances the mean is constant + x'b + u_i of the untransformed rows (``xtregar``'s
        ``xb`` plus ``u``).
        """
        return predict(self, new_data, effects=effects, kind=kind, unseen=unseen)

    @property
    def fitted(self: FittedEstimate) -> pd.Series:
        """Constant + x'b + effects over the index of the data; NaN in rows that were left out."""
        return self.predict().rename("fitted")

    @property
    def residuals(self: FittedEstimate) -> pd.Series:
        """Residuals over the index of the data; NaN in rows that were left out.

        With AR(1) disturbances they are those of the transformed rows, the innovations.
        """
        return align(self, self.fit.residuals, "residual")

    @property
    def effects(self: FittedEstimate) -> pd.DataFrame:
        """Effects of the entity, or of the first absorbed set where the entity has none; see `effects_of`."""
        return self.effects_of()

    def effects_of(self: FittedEstimate, absorbed: str | None = None) -> pd.DataFrame:
        """Absorbed effects of one set by level.

        Parameters
        ----------
        absorbed : str, optional
            Set as the specification names it, such as ``"region^year"``; without it the first.

        Returns
        -------
        DataFrame
            Over the levels, sorted: ``effect`` (in units of the outcome), ``n_obs`` (rows used),
            ``component``. ``attrs["normalisation"]`` says what the effects are measured from. With one set:
            their mean over the rows used, weighted as the estimation is, is zero and the constant is apart,
            as in ``areg``. With several, effects can be compared inside one connected component only;
            `component` numbers them.

        Raises
        ------
        SpecificationError
            If nothing was absorbed, there is no such set, or the effects of three or more sets are not
            identified one by one.

        Notes
        -----
        Each effect is estimated from its own rows: with few of them they are dispersed far more than the
        truth.
        """
        sets = self.absorbed_sets
        position = find_set(sets, absorbed)
        rule = (ONE_SET if self.facts.rho is None else _AR1_SET) if len(sets) == 1 else SEVERAL_SETS
        frame = effects_frame(sets[position], position, self.normalised_effects, rule)
        frame.attrs["provenance"] = self.provenance.to_attrs()
        return frame

    def marginal(
        self: FittedEstimate,
        variable: str,
        by: str | Sequence[str] | None = None,
        at: Mapping[str, Any] | None = None,
        level: float = 0.95,
        *,
        weighted: bool = True,
    ) -> pd.DataFrame:
        """Average derivative of the outcome with respect to a column, through all terms: ``margins, dydx()``.

        Parameters
        ----------
        variable : str
            Column of numbers; its squares, logarithms, products and interactions with categories are counted.
        by : str or sequence of str, optional
            Columns: an average for each group of the rows used.
        at : mapping of str to value or sequence of values, optional
            Columns held at values, in all rows; of several values each combination.
        level : float
            Nominal coverage of the intervals.
        weighted : bool
            Whether the average is weighted as the estimation is, as ``margins`` does.

        Returns
        -------
        DataFrame
            Columns: those of `by` and `at`; ``estimate`` (units of the outcome per unit of the variable; of
            ``log(y)`` that of the logarithm), ``std_error``, ``statistic``, ``p_value``, ``conf_low``,
            ``conf_high``, ``n_obs``.

        Raises
        ------
        SpecificationError
            If the column is in no term, is a category, is lagged or differenced, has absorbed effects, or if
            terms left out as collinear make that the derivative is not identified.
        DataMissingError, InvalidDataError
            If columns of `by` or `at` do not exist, or a level is unseen.

        Notes
        -----
        The derivative is linear in the coefficients, g = J b, with J the mean of the terms' derivatives,
        which are computed by central differences to about ten digits; its variance is J V J' (the delta
        method is exact), tested with the estimate's degrees of freedom. The data are taken as given, as
        ``margins`` without ``vce(unconditional)`` does.
        """
        return marginal_effects(self, variable, by, at, level, weighted)

    def for_marginaleffects(self: FittedEstimate) -> Any:
        """Wrap the estimate for the functions of the package marginaleffects; see `marginaleffects_model`."""
        return marginaleffects_model(self)

    def fit_statistics(self: FittedEstimate, count: str = "terms") -> FitStatistics:
        """Log likelihood, information criteria and root MSE.

        Parameters
        ----------
        count : {"terms", "all"}
            What counts as a parameter in AIC and BIC: the terms and the constant, as Stata's ``estat ic``
            counts after ``areg`` and ``reghdfe`` (e(rank)), or also the independent absorbed effects, as
            after ``regress`` with dummies and in R's fixest. Only the latter compares models with different
            effects.

        Raises
        ------
        SpecificationError
            For an unknown count, an estimator that is not least squares of the outcome itself, or a fit
            without residuals.

        Notes
        -----
        With weights that sum to n: ln L = -n/2 (1 + ln(2 pi) + ln(RSS/n)), as ``areg`` and ``reghdfe`` with
        aweights (e(ll)); the sum of half the logarithms of the weights, which R and statsmodels add, is not
        in it. AIC = -2 ln L + 2k; BIC = -2 ln L + k ln n; root MSE = sqrt(RSS / (n - effects - k)) (e(rmse)).
        """
        if self.facts.estimator not in _LEAST_SQUARES:
            raise SpecificationError(
                f"{self.facts.label.en}: the likelihood is not that of least squares of the outcome itself, "
                "and is not computed"
            )
        squares = (
            self.fit.tss + self.n_obs * (self.fit.constant + self.fit.x_mean @ self.fit.coefficients) ** 2
        )
        return fit_statistics(
            n=self.n_obs,
            k=len(self.fit.coefficients),
            n_effects=self.n_effects,
            ssr=self.fit.ssr,
            squares=float(squares),
            count=count,
        )

    @property
    def log_likelihood(self: FittedEstimate) -> float:
        """Log likelihood under normal errors, as `fit_statistics` says."""
        return self.fit_statistics().log_likelihood

    @property
    def aic(self: FittedEstimate) -> float:
        """Akaike's criterion by Stata's count of parameters after ``areg``; see `fit_statistics`."""
        return self.fit_statistics().aic

    @property
    def bic(self: FittedEstimate) -> float:
        """Schwarz's criterion by Stata's count of parameters after ``areg``; see `fit_statistics`."""
        return self.fit_statistics().bic

    @property
    def root_mse(self: FittedEstimate) -> float:
        """Root MSE, e(rmse): `sigma`."""
        return self.sigma

    @with_origin
    def f_test(self: FittedEstimate) -> HypothesisTest:
        """Test that all slopes are zero, with the estimate's covariance: Stata's e(F).

        Raises
        ------
        SpecificationError
            If the covariance's rank is lower than the number of slopes, such as with fewer clusters.
        """
        k = len(self.fit.coefficients)
        null = Sentence("all slopes are zero", "alle helningene er null")
        return wald_of_fit("F", null, np.eye(k, k + 1), self.fit, self.inference)

    @with_origin
    def effects_test(self: FittedEstimate) -> HypothesisTest:
        """Test that the absorbed effects do not differ: the F test that ``areg`` prints below its table.

        Raises
        ------
        SpecificationError
            If nothing was absorbed, or the estimator is not least squares of the outcome itself.

        Notes
        -----
        F = ((RSS without effects - RSS) / (effects - 1)) / (RSS / df): homoskedastic whatever the estimate's
        covariance.
        """
        if self.facts.estimator not in _LEAST_SQUARES:
            raise SpecificationError(
                f"{self.facts.label.en}: the sums of squares are not those of the outcome"
            )
        find_set(self.absorbed_sets, None)
        return f_of_effects(self.pooled_ssr, self.fit.ssr, self.n_effects - 1, self.df_resid)

    def combination_variance(self: FittedEstimate, rows: Floats) -> Floats:
        """(p, p) covariance of combinations with (p, k + 1) weights, the constant's last."""
        if self.facts.rho is not None and (rows[:, -1] != 0).any() and rows[:, :-1].any():
            raise SpecificationError(
                "the covariance of the constant with AR(1) disturbances is on another scale than the "
                "constant (as in Stata's xtregar): combine slopes only"
            )
        whole = self.inference.orthonormal
        if whole is None or rows[:, -1].any():
            # Without the columns that have no part in it: a constant without an error is NaN.
            used = rows.any(axis=0)
            turned, whole = rows[:, used], self.inference.matrix[np.ix_(used, used)]
        else:
            turned = orthonormal_rows(self.fit, rows[:, :-1])
        product: Floats = turned @ whole @ turned.T
        return product

    def combination_df(self: FittedEstimate, rows: Floats) -> Floats:
        """(p,) degrees of freedom of combinations with (p, k + 1) weights."""
        working = self.inference.working
        if np.ndim(self.inference.df) == 0 or working is None:
            return ResultMethods.combination_df(self, rows)
        return working.degrees_of_freedom(rows @ carry(self.fit, np.eye(rows.shape[1])).T)

    def joint_test(self: FittedEstimate, null: str, rows: Floats, values: Floats) -> HypothesisTest:
        """Test that combinations with (p, k + 1) weights have p values, together."""
        self.combination_variance(rows)
        return wald_of_fit("Wald", null, rows, self.fit, self.inference, values)

    def summary_statistics(self: FittedEstimate) -> list[tuple[Bilingual, str]]:
        """Root MSE, F test of the slopes and log likelihood, where they exist."""
        found = [(Bilingual("rot-MSE", "root MSE"), f"{self.sigma:.6g}")]
        # With a working model the joint test of many slopes takes minutes: it is left to be asked for.
        if self.inference.working is None:
            with suppress(SpecificationError):
                test = self.f_test()
                label = both(f"F({test.df_numerator}, {test.df_denominator:.6g})")
                found.append((label, f"{test.statistic:.4g}, p {p_value_text(test.p_value)}"))
        with suppress(SpecificationError):
            found.append((both("log L"), f"{self.log_likelihood:.7g}"))
        return found

    @property
    def terms_of_estimate(self: FittedEstimate) -> TermsOfEstimate:
        """What evaluates the terms on other rows.

        Raises
        ------
        SpecificationError
            If the estimate has no data to take levels from.
        """
        if self.data is None:
            raise SpecificationError("the estimate has no data to take the levels of categories from")
        names = self.terms[: len(self.fit.coefficients)]
        return TermsOfEstimate(
            self.specification, names, self.dropped, self.data, self.rows, self.complete_rows
        )

    @cached_property
    def absorbed_sets(self: FittedEstimate) -> tuple[AbsorbedSet, ...]:
        """Absorbed sets with the names of their levels; empty for a pooled model."""
        codes = (self.fit.entities, *self.fit.absorbed)
        return absorbed_sets(self.terms_of_estimate, codes)

    @cached_property
    def ties(self: FittedEstimate) -> Ties:
        """What ties the terms that were left out as collinear to those that were kept."""
        return find_ties(self.terms_of_estimate, (self.fit.entities, *self.fit.absorbed))

    @cached_property
    def normalised_effects(self: FittedEstimate) -> NormalisedEffects:
        """Effects of all sets."""
        fit = self.fit
        known = fit.n_effects if fit.counts_exactly else None
        codes = (fit.entities, *fit.absorbed)
        return normalise(self.effects_with_constant, codes, fit.weights, fit.constant, known)

    @property
    def effects_of_rows(self: FittedEstimate) -> Floats:
        """(n,) sum of the effects of each row used; zeros for a pooled model."""
        codes = (self.fit.entities, *self.fit.absorbed)
        found = zip(self.normalised_effects.effects, codes, strict=True)
        total: Floats = np.sum([effects[at] for effects, at in found], axis=0)
        return total


_AR1_SET = "mean outcome less constant and x'b over the rows used, unweighted (xtregar)"
