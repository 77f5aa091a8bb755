"""What can be asked of every result: frames at a level, combinations, tests by pattern, a summary.

`ResultMethods` is mixed into `kostnadsvekst.Estimate` and its kin, the event studies of
`kostnadsvekst.staggered` and `kostnadsvekst.models.results.TidyResult`. It reads the face of
`kostnadsvekst.models.results.Result` and what `ResultInHand` adds to it, and knows no estimator.
"""

import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.language import Bilingual, Sentence
from kostnadsvekst.models.hypotheses import HypothesisTest, say_null, wald_of_combinations
from kostnadsvekst.models.linear_combinations import (
    Combination,
    LinearCombination,
    LinearCombinations,
    check_level,
    interval_and_test,
    is_single,
    read_combinations,
    weights_of,
)
from kostnadsvekst.models.maketables_face import MaketablesFace
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.summaries import Summary, summary_text
from kostnadsvekst.naming import nearest_names

if TYPE_CHECKING:
    from kostnadsvekst.models.results import ResultFacts

Floats = NDArray[np.float64]

# Intervals that are the t distribution's agree with it to this share of the standard error.
_SAME_INTERVAL = 1e-6
_NOTEBOOK = "kostnadsvekst.report.notebook"
# The model's own constant, which a pattern does not mean unless it names it.
_CONSTANT = "constant"


class ResultInHand(Protocol):
    """A result that combinations of coefficients can be computed of."""

    @property
    def terms(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def coefficients(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def df(self) -> float | Floats: ...  # noqa: D102
    @property
    def n_obs(self) -> int: ...  # noqa: D102
    @property
    def n_entities(self) -> int: ...  # noqa: D102
    @property
    def facts(self) -> "ResultFacts": ...  # noqa: D102
    def vcov(self) -> pd.DataFrame: ...  # noqa: D102
    def tidy(self, level: float = 0.95) -> pd.DataFrame: ...  # noqa: D102
    def combination_variance(self, rows: Floats) -> Floats: ...  # noqa: D102
    def combination_df(self, rows: Floats) -> Floats: ...  # noqa: D102
    def joint_test(self, null: str, rows: Floats, values: Floats) -> HypothesisTest: ...  # noqa: D102
    def summary_statistics(self) -> list[tuple[Bilingual, str]]: ...  # noqa: D102


class ResultMethods(MaketablesFace):
    """Methods of every result."""

    __slots__ = ()

    def coef(self: ResultInHand) -> pd.Series:
        """Return estimates over the terms."""
        return self.coefficients["estimate"].copy()

    def se(self: ResultInHand) -> pd.Series:
        """Return standard errors over the terms."""
        return self.coefficients["std_error"].copy()

    def confint(self: ResultInHand, level: float = 0.95) -> pd.DataFrame:
        """Intervals over the terms: conf_low, conf_high; parameters and errors as `tidy`."""
        return self.tidy(level)[["conf_low", "conf_high"]]

    def tidy(self: ResultInHand, level: float = 0.95) -> pd.DataFrame:
        """Coefficients with intervals of another level.

        Parameters
        ----------
        level : float
            Nominal coverage of the intervals, between 0 and 1.

        Returns
        -------
        DataFrame
            Over the terms: estimate, std_error, statistic, p_value, conf_low, conf_high.

        Raises
        ------
        SpecificationError
            If the level is none, or the intervals are not those of the t distribution (a bootstrap's are
            known at 95 % only).
        """
        level, frame = check_level(level), self.coefficients.copy()
        if level == 0.95:
            return frame
        estimate, std_error = (frame[name].to_numpy() for name in ("estimate", "std_error"))
        usual = np.column_stack(interval_and_test(estimate, std_error, self.df, 0.95)[2:])
        told = frame[["conf_low", "conf_high"]].to_numpy()
        with np.errstate(invalid="ignore"):
            near = np.abs(told - usual) <= _SAME_INTERVAL * std_error[:, None]
        if not (near | (np.isnan(told) & np.isnan(usual))).all():
            raise SpecificationError(
                f"the intervals of this result ({self.facts.covariance.text.en}) are not those of the t "
                "distribution and are known at 95 % only; choose another covariance for other levels"
            )
        low, high = interval_and_test(estimate, std_error, self.df, level)[2:]
        return frame.assign(conf_low=low, conf_high=high)

    def vcov(self: ResultInHand) -> pd.DataFrame:
        """Covariance matrix as a frame over the terms.

        Raises
        ------
        SpecificationError
            If the result has several terms and their covariances are not known.
        """
        if len(self.terms) > 1:
            raise SpecificationError(
                "this result has standard errors of its terms, and no covariances between them; ask the "
                "result that it was made of"
            )
        variance = self.coefficients[["std_error"]].to_numpy() ** 2
        return pd.DataFrame(variance, index=pd.Index(self.terms, name="term"), columns=list(self.terms))

    @with_origin
    def combine(self: ResultInHand, what: Any, level: float = 0.95) -> LinearCombination | LinearCombinations:
        """Linear combinations of coefficients with errors, intervals and tests: Stata's ``lincom``.

        Parameters
        ----------
        what : str, mapping of str to float, or several of them
            A text such as ``"free_income + C(year)[T.2019]:free_income"`` or ``"a - 2*b = 1"``, or weights of
            terms such as ``{"a": 1, "b": -2}``; in a list, or in a mapping of names to them, several at once.
            A term with signs that could be read in two ways stands in backticks.
        level : float
            Nominal coverage of the intervals.

        Returns
        -------
        LinearCombination
            Of one; its test is against the number behind the equals sign, or zero.
        LinearCombinations
            Of several, with the joint F test.

        Raises
        ------
        SpecificationError
            If a term does not exist (or was left out as collinear), a text cannot be read or is not linear,
            or the covariances are not known.

        Notes
        -----
        The variance is r'Vr with the result's own covariance V, and the degrees of freedom are the result's;
        with CR2 and Satterthwaite's those of the combination itself. Where tests come from a bootstrap, the
        errors are those of the covariance beneath it. A number in a text without an equals sign is added to
        the estimate, as ``lincom`` does.
        """
        level, terms = check_level(level), self.terms
        _refuse_dropped(what, terms, self.facts.omitted)
        read = read_combinations(what, terms)
        rows = weights_of(read, terms)
        variance, df = self.combination_variance(rows), self.combination_df(rows)
        estimates = rows @ _finite(self.coefficients["estimate"].to_numpy(), rows)
        found = _Computed(estimates, np.sqrt(np.maximum(np.diag(variance), 0.0)), df)
        each = _each(read, found, level, covariance_beneath(self.facts))
        return each[0] if is_single(what) else _together(self, read, each, rows)

    @with_origin
    def wald(
        self: ResultInHand, terms: str | Sequence[str], null: float = 0.0, *, regex: bool = False
    ) -> HypothesisTest:
        """Test that all coefficients of a pattern equal a value: Stata's ``testparm``.

        Parameters
        ----------
        terms : str or sequence of str
            Names, or patterns with ``*`` (any text) and ``?`` (one character); brackets stand for themselves:
            ``"C(year)[*]:free_income"``.
        null : float
        regex : bool
            Whether the patterns are regular expressions, found anywhere in a term.

        Raises
        ------
        SpecificationError
            If a pattern has no term, an expression cannot be read, or the restrictions are more than the
            covariance has rank.

        Warns
        -----
        DataWarning
            If the pattern also fits terms that were left out as collinear: they are not tested.
        """
        patterns = [terms] if isinstance(terms, str) else list(terms)
        found = matching_terms(patterns, self.terms, regex=regex)
        fits = _fits_regex if regex else _fits_pattern
        dropped = [t for t in self.facts.omitted if any(fits(pattern, t) for pattern in patterns)]
        if dropped:
            told = f"left out as collinear, and not tested: {', '.join(dropped)}"
            warnings.warn(told, DataWarning, stacklevel=level_of_caller())
        rows = np.array([[float(term == name) for term in self.terms] for name in found])
        return self.joint_test(say_null(found, null), rows, np.full(len(found), float(null)))

    def combination_variance(self: ResultInHand, rows: Floats) -> Floats:
        """(p, p) covariance of combinations with (p, m) weights; NaN where an error is not known."""
        used = rows.any(axis=0)
        if used.sum() == 1:
            variance = np.square(self.coefficients["std_error"].to_numpy()[used])
            weights = rows[:, used]
            single: Floats = weights * variance @ weights.T
            return single
        matrix = self.vcov().to_numpy()[np.ix_(used, used)]
        product: Floats = rows[:, used] @ matrix @ rows[:, used].T
        return product

    def combination_df(self: ResultInHand, rows: Floats) -> Floats:
        """(p,) degrees of freedom of combinations with (p, m) weights."""
        if np.ndim(self.df) == 0:
            return np.full(len(rows), float(np.max(self.df)))
        if (rows.astype(bool).sum(axis=1) > 1).any():
            raise SpecificationError(
                "each coefficient of this result has its own degrees of freedom, and those of a combination "
                "are not known"
            )
        own: Floats = np.asarray(self.df)[rows.astype(bool).argmax(axis=1)]
        return own

    def joint_test(self: ResultInHand, null: str, rows: Floats, values: Floats) -> HypothesisTest:
        """Test that combinations with (p, m) weights have p values, together."""
        estimates = _finite(self.coefficients["estimate"].to_numpy(), rows)
        variance = self.combination_variance(rows)
        df = float(np.min(self.combination_df(rows)))
        said = covariance_beneath(self.facts)
        return wald_of_combinations(null, rows @ estimates - values, variance, df, said)

    def summary(self: ResultInHand, level: float = 0.95, lang: str = "en") -> Summary:
        """Coefficients, fit and what the result rests on, as text: Stata's and fixest's output.

        Parameters
        ----------
        level : float
            Of the intervals.
        lang : {"nb", "en"}

        Returns
        -------
        Summary
            Shows itself; ``str()`` is the text.
        """
        return Summary(summary_text(self, level, lang))

    def summary_statistics(self: ResultInHand) -> list[tuple[Bilingual, str]]:
        """List what a summary says of the fit, beside the facts: label and number."""
        return []

    def _repr_html_(self) -> str:
        """Show the result in a notebook."""
        shown: str = import_module(_NOTEBOOK).html_of(self)
        return shown


def matching_terms(patterns: Sequence[str], terms: Sequence[str], *, regex: bool = False) -> list[str]:
    """Terms that some patterns fit, in the order of the terms.

    Parameters
    ----------
    patterns, terms : sequence of str
    regex : bool
        As in `ResultMethods.wald`. The model's constant is meant only by its own name.

    Raises
    ------
    SpecificationError
        If a pattern has no term, or cannot be read.
    """
    fits = _fits_regex if regex else _fits_pattern
    found: set[str] = set()
    lonely = []
    for pattern in patterns:
        own = {t for t in terms if fits(pattern, t) and (t != _CONSTANT or t in patterns)}
        found |= own
        lonely += [] if own else [pattern]
    if lonely or not patterns:
        raise SpecificationError(f"not among the terms: {nearest_names(lonely, terms) or 'no pattern given'}")
    return [t for t in terms if t in found]


def covariance_beneath(facts: "ResultFacts") -> str:
    """Describe the covariance that errors rest on, in English: of a bootstrap the one beneath."""
    told = (facts.covariance.beneath or facts.covariance).text
    return Sentence(told.en, told.nb)


def _fits_pattern(pattern: str, term: str) -> bool:
    if pattern == term:
        return True
    written = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(written, term, flags=re.DOTALL) is not None


def _fits_regex(pattern: str, term: str) -> bool:
    try:
        return re.search(pattern, term) is not None
    except re.error as error:
        raise SpecificationError(f"{pattern!r} is no regular expression: {error}") from error


def _refuse_dropped(what: Any, terms: Sequence[str], omitted: Sequence[str]) -> None:
    """Say of a term that was left out that it was, and not that it is unknown."""
    if not omitted:
        return
    try:
        read_combinations(what, terms)
    except SpecificationError as error:
        asked = read_combinations(what, (*terms, *omitted)) if _reads(what, (*terms, *omitted)) else ()
        gone = [name for one in asked for name, w in one.form.weights.items() if w and name in omitted]
        if gone:
            raise SpecificationError(
                f"left out as collinear, so that its coefficient does not exist: "
                f"{', '.join(dict.fromkeys(gone))}"
            ) from error
        raise


def _reads(what: Any, terms: Sequence[str]) -> bool:
    try:
        read_combinations(what, terms)
    except SpecificationError:
        return False
    return True


def _finite(estimates: Floats, rows: Floats) -> Floats:
    """Estimates, with a number in the place of those that no combination uses."""
    return np.where(rows.any(axis=0), estimates, 0.0)


class _Computed(NamedTuple):
    """Sums of coefficients, their errors and degrees of freedom, (p,) each."""

    sums: Floats
    std_error: Floats
    df: Floats


def _each(
    read: Sequence[Combination], found: _Computed, level: float, covariance: str
) -> tuple[LinearCombination, ...]:
    estimates = found.sums + np.array([one.form.number for one in read])
    null = np.array([one.null for one in read])
    tests = interval_and_test(estimates, found.std_error, found.df, level, null)
    return tuple(
        LinearCombination(
            text=one.text,
            estimate=float(estimates[j]),
            std_error=float(found.std_error[j]),
            statistic=float(tests[0][j]),
            p_value=float(tests[1][j]),
            conf_low=float(tests[2][j]),
            conf_high=float(tests[3][j]),
            df=float(found.df[j]),
            level=level,
            null=one.null,
            covariance=covariance,
        )
        for j, one in enumerate(read)
    )


def _together(
    result: ResultInHand,
    read: Sequence[Combination],
    each: tuple[LinearCombination, ...],
    rows: Floats,
) -> LinearCombinations:
    null = "; ".join(one.text if "=" in one.text else f"{one.text} = {one.null:g}" for one in read)
    values = np.array([one.null - one.form.number for one in read])
    try:
        return LinearCombinations(each, result.joint_test(null, rows, values))
    except SpecificationError as error:
        return LinearCombinations(each, None, str(error))
