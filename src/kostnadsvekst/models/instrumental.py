"""Two-stage least squares with absorbed effects: ``y ~ x | unit | income ~ grant``.

The estimator and its covariances are in `kostnadsvekst.models.two_stages`, the tests of instruments in
`kostnadsvekst.models.instrument_tests`; docs/instruments.md says what is reported and how it is counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtri

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, Sentence
from kostnadsvekst.models import instrument_tests as tests
from kostnadsvekst.models.covariance_kinds import (
    KINDS,
    Grouping,
    choose_columns,
    compute_covariance,
    read_choice,
)
from kostnadsvekst.models.design import Design, build_design, parse_terms
from kostnadsvekst.models.diagnostics import wald_test
from kostnadsvekst.models.fixed_effects import Estimate, WithinFit, fit_within
from kostnadsvekst.models.grammar import quote
from kostnadsvekst.models.hypotheses import HypothesisTest
from kostnadsvekst.models.inference import Covariance, cluster_factor
from kostnadsvekst.models.new_data import TermsOfEstimate
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.preparation import PreparedSample, prepare
from kostnadsvekst.models.results import CONSTANT, ResultFacts
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.models.two_stages import (
    EXPLAINED,
    Columns,
    InstrumentalFit,
    TwoStages,
    as_its_own_instrument,
    fit_two_stages,
    jackknife_two_stages,
)
from kostnadsvekst.provenance import UNKNOWN, Provenance
from kostnadsvekst.threads import one_thread

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

T = TypeVar("T")

ESTIMATOR = "2sls"
LABEL = Bilingual("To-trinns minste kvadrater (2SLS)", "Two-stage least squares (2SLS)")
# Each kind of covariance -> the meat that rank and overidentification tests rest on.
_MEATS = {
    "classical": "classical",
    **dict.fromkeys(("hc1", "hc2", "hc3"), "rows"),
    **dict.fromkeys(("cluster", "jackknife", "cr2"), "clusters"),
    "twoway": "two",
    "driscoll_kraay": "periods",
}
_NO_WILD = (
    "the wild cluster bootstrap of kostnadsvekst draws for least squares; with instruments both equations "
    "have to be drawn together (Davidson and MacKinnon 2010), which is not done here: choose 'jackknife' or "
    "'cr2' for few clusters, and see the Anderson-Rubin set"
)


@dataclass(frozen=True, eq=False)
class InstrumentalEstimate(Estimate):
    """A specification fitted by two-stage least squares.

    ``r_squared`` is 1 - e'We over the outcome's sum of squares, as Stata prints it; it may be negative, and
    is no share of anything.

    Attributes
    ----------
    stages : TwoStages
        The arrays behind it.
    instruments : tuple of str
        Kept terms of the excluded instruments.
    endogenous : tuple of str
        Terms of the endogenous columns.
    options : mapping of str to value
        Of the covariance, as given to `with_covariance`.
    """

    stages: TwoStages = field(repr=False)
    instruments: tuple[str, ...]
    endogenous: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    @property
    def facts(self) -> ResultFacts:
        """How the estimate came about; there is no R squared that would be a share."""
        endogenous, instruments = ", ".join(self.endogenous), ", ".join(self.instruments)
        note = Bilingual(
            f"Endogene regressorer: {endogenous}; instrumenter: {instruments}",
            f"Endogenous regressors: {endogenous}; instruments: {instruments}",
        )
        known = super().facts
        return replace(
            known,
            estimator=ESTIMATOR,
            label=LABEL,
            r_squared=None,
            r_squared_within=None,
            notes=(*known.notes, note, *(_f_note(test) for test in self.first_stage_tests.values())),
        )

    @property
    def terms_of_estimate(self) -> TermsOfEstimate:
        """What evaluates the terms of the second stage on other rows; instruments have no part in it."""
        spec = self.specification
        regressors = tuple(dict.fromkeys((*spec.regressors, *spec.endogenous)))
        known = super().terms_of_estimate
        return replace(
            known,
            specification=spec.vary(regressors=regressors, endogenous=(), instruments=()),
            dropped=self.dropped[: len(self.stages.dropped_regressors)],
        )

    def with_covariance(
        self, covariance: str | tuple[str, ...], convention: str | None = None, **options: Any
    ) -> Self:
        """Return the same estimate with other standard errors; see `Estimate.with_covariance`.

        The wild cluster bootstrap does not exist here.
        """
        changes = {"covariance": covariance} | ({"convention": convention} if convention else {})
        spec = self.specification.vary(**changes)
        chosen = _covariance(spec, self.stages.second, self.grouping, self.terms[:-1], options)
        return replace(self, specification=spec, inference=chosen, options=options)

    @cached_property
    def first_stages(self) -> dict[str, Estimate]:
        """First stage of each endogenous term: it on the exogenous regressors and the instruments."""
        return {
            name: self._stage(name, fit) for name, fit in zip(self.endogenous, self.stages.first, strict=True)
        }

    @cached_property
    def reduced_form(self) -> Estimate:
        """The outcome on the exogenous regressors and the instruments."""
        return self._stage(self.specification.outcome, self.stages.reduced)

    def _stage(self, outcome: str, fit: WithinFit) -> Estimate:
        """Make an estimate of a regression on the exogenous regressors and the instruments."""
        terms = (*self.terms[: len(self.stages.regressors)], *self.instruments)
        spec = self.specification
        chosen = _covariance(spec, fit, self.grouping, terms, self.options)
        right = dict.fromkeys((*spec.regressors, *spec.instruments))
        named = outcome if outcome == spec.outcome or outcome in spec.endogenous else quote(outcome)
        return Estimate(
            specification=spec.vary(
                outcome=named,
                regressors=tuple(t for t in right if t != named) or (quote(terms[0]),),
                endogenous=(),
                instruments=(),
            ),
            terms=(*terms, CONSTANT),
            fit=fit,
            inference=chosen,
            dropped=self.dropped,
            n_incomplete=self.n_incomplete,
            rows=self.rows,
            provenance=self.provenance,
            data=self.data,
        )

    @cached_property
    @with_origin
    def first_stage_tests(self) -> dict[str, tests.InstrumentTest]:
        """F test that the instruments have no effect in each first stage, by the estimate's covariance.

        A test that does not exist for this covariance is not there; `diagnostics` says why.
        """
        left_out: list[str] = []
        return _first_stage_tests(self, left_out)

    @cached_property
    @with_origin
    def diagnostics(self) -> "InstrumentDiagnostics":
        """Strength of the instruments, what they say of each other, and what holds if they are weak."""
        return diagnose(self)

    def __repr__(self) -> str:
        facts = self.facts
        lines = [
            f"{facts.outcome}: {LABEL.en}, {self.n_obs} rows, {self._effects_text}, standard errors "
            f"{facts.covariance.text.en}, data: {self.provenance.origin}",
            self.coefficients.to_string(float_format="{:.6g}".format),
            *([f"omitted: {', '.join(facts.omitted)} (collinear)"] if facts.omitted else []),
            f"{', '.join(self.endogenous)} instrumented by {', '.join(self.instruments)}",
            *map(str, self.first_stage_tests.values()),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, repr=False)
class InstrumentDiagnostics(Shown):
    """Tests of and with instruments; what does not exist is None, and `left_out` says why.

    Attributes
    ----------
    first_stage : mapping of str to InstrumentTest
    effective_f : EffectiveF, optional
        Where one column is endogenous.
    cragg_donald_f, kleibergen_paap_f : float
        Weak identification, of independent errors and by the estimate's kind of covariance. NaN where the
        moments are singular.
    underidentification : InstrumentTest, optional
        Kleibergen and Paap's rk, LM form.
    overidentification : InstrumentTest, optional
        Sargan's J for classical errors, else Hansen's; where there are more instruments than needed.
    wu_hausman : InstrumentTest, optional
        Whether the endogenous terms could have been taken as exogenous.
    anderson_rubin : InstrumentTest, optional
        That all endogenous terms have no effect, whatever the strength of the instruments.
    anderson_rubin_set : tuple of (float, float), optional
        Values of one endogenous term's coefficient that are not rejected at 5 per cent, as intervals; they
        may be none, or go on to infinity.
    left_out : tuple of str
    provenance : Provenance
        Origin of the data.
    """

    first_stage: Mapping[str, tests.InstrumentTest]
    effective_f: tests.EffectiveF | None
    cragg_donald_f: float
    kleibergen_paap_f: float
    underidentification: tests.InstrumentTest | None
    overidentification: tests.InstrumentTest | None
    wu_hausman: tests.InstrumentTest | None
    anderson_rubin: tests.InstrumentTest | None
    anderson_rubin_set: tuple[tuple[float, float], ...] | None
    left_out: tuple[str, ...]
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        accepted = self.anderson_rubin_set
        lines = [
            *map(str, self.first_stage.values()),
            str(self.effective_f or ""),
            f"Cragg-Donald F = {self.cragg_donald_f:.4g}",
            f"Kleibergen-Paap rk F = {self.kleibergen_paap_f:.4g}",
            *(
                str(test)
                for test in (
                    self.underidentification,
                    self.overidentification,
                    self.wu_hausman,
                    self.anderson_rubin,
                )
                if test
            ),
            "" if accepted is None else f"Anderson-Rubin nominal 95 % set: {_written(accepted)}",
            *(f"left out: {reason}" for reason in self.left_out),
        ]
        return "\n".join(line for line in lines if line)

    __repr__ = __str__


_EXOGENOUS = Sentence("the endogenous terms are exogenous", "de endogene leddene er eksogene")


def estimate_instrumented(spec: Specification, data: pd.DataFrame) -> InstrumentalEstimate:
    """Fit a specification with instruments by two-stage least squares.

    Parameters
    ----------
    spec : Specification
        With ``endogenous`` and ``instruments``; weights, absorbed effects and covariances as for
        `kostnadsvekst.estimate`, except the wild cluster bootstrap.
    data : DataFrame
        Rows with a missing instrument are left out, too.

    Returns
    -------
    InstrumentalEstimate
        The endogenous terms stand behind the regressors.

    Raises
    ------
    DataMissingError, InvalidDataError, SpecificationError
        As `kostnadsvekst.models.fixed_effects.estimate` and
        `kostnadsvekst.models.two_stages.fit_two_stages`; also for the wild cluster bootstrap, and where a
        term of one part is in another, too.

    Notes
    -----
    With X the regressors within the effects, PX their weighted projection on all instruments, b solves
    (X'WPX) b = X'WPy; residuals are y - Xb. Small-sample factors and degrees of freedom are those of least
    squares with as many columns: n - G - k, where ivregress and ivreghdfe without ``small`` have n or
    normal tests. HC2, HC3 and CR2 take the leverage from PX, as clubSandwich and estimatr do.
    """
    if not spec.instruments:
        raise SpecificationError("the specification has no instruments: write | income ~ grant behind it")
    _kind(spec)
    terms = tuple(dict.fromkeys((*spec.regressors, *spec.endogenous, *spec.instruments)))
    prepared = prepare(spec.vary(regressors=terms, endogenous=(), instruments=()), data)
    columns = _columns(spec, prepared, data)
    stages = fit_two_stages(columns)
    regressors, endogenous, instruments = columns.names
    dropped = [regressors[j] for j in stages.dropped_regressors]
    dropped += [instruments[j] for j in stages.dropped_instruments]
    kept = (*(regressors[j] for j in stages.regressors), *endogenous, CONSTANT)
    grouping = Grouping(spec.entity, spec.time, prepared.clusters, data, prepared.rows)
    return InstrumentalEstimate(
        specification=spec,
        terms=kept,
        fit=stages.second,
        inference=_covariance(spec, stages.second, grouping, kept[:-1], {}),
        dropped=tuple(dropped),
        n_incomplete=prepared.sample.n_incomplete,
        rows=prepared.rows,
        provenance=prepared.provenance,
        stages=stages,
        instruments=tuple(instruments[j] for j in stages.instruments),
        endogenous=endogenous,
        data=data.copy(deep=False),
    )


def _columns(spec: Specification, prepared: PreparedSample, data: pd.DataFrame) -> Columns:
    """Columns of each part; a term of the regressors that is in another part, too, is refused.

    The equation's own categories are coded without regard to the instruments: that a product's margin is an
    instrument does not put it into the equation.
    """
    exogenous, endogenous, excluded = (
        parse_terms(terms, data.columns) for terms in (spec.regressors, spec.endogenous, spec.instruments)
    )
    equation = build_design((*exogenous, *endogenous), prepared.sample)
    instruments = build_design(tuple(dict.fromkeys((*exogenous, *excluded))), prepared.sample)
    X, D, Z = (
        _of_terms(design, terms)
        for design, terms in ((equation, exogenous), (equation, endogenous), (instruments, excluded))
    )
    twice = [name for name in X.terms if name in (*D.terms, *Z.terms)]
    if twice:
        raise SpecificationError(
            f"{', '.join(twice)} is a regressor, and endogenous or an instrument, too: leave it out of one "
            "part"
        )
    names = (X.terms, D.terms, Z.terms)
    return Columns(
        prepared.outcome, X.columns, D.columns, Z.columns, prepared.weights, prepared.effect_sets, names
    )


def _of_terms(design: Design, terms: Sequence[tuple[str, ...]]) -> Design:
    """Columns of some terms of a design."""
    wanted = {frozenset(term) for term in terms}
    kept = [j for j, source in enumerate(design.sources) if frozenset(source) in wanted]
    return Design(
        tuple(design.terms[j] for j in kept), design.columns[:, kept], tuple(design.sources[j] for j in kept)
    )


def _kind(spec: Specification) -> str:
    kind, _ = read_choice(spec.covariance)
    if kind not in _MEATS:
        raise SpecificationError(
            _NO_WILD if kind == "wild_cluster" else f"the covariance {kind!r} is not made for instruments"
        )
    return kind


@one_thread
def _covariance(
    spec: Specification,
    fit: WithinFit,
    grouping: Grouping,
    terms: tuple[str, ...],
    options: Mapping[str, Any],
) -> Covariance:
    """Covariance of a second stage, or of a regression beside it; the k terms without the constant."""
    if _kind(spec) != "jackknife":
        return compute_covariance(
            spec.covariance, fit, grouping, convention=spec.convention, names=terms, **options
        )
    if options:
        raise SpecificationError(f"the covariance 'jackknife' has no option {', '.join(options)}")
    columns = choose_columns(spec.covariance, spec.entity, spec.time)
    whole = fit if isinstance(fit, InstrumentalFit) else as_its_own_instrument(fit)
    chosen = jackknife_two_stages(whole, grouping.codes(columns[0]))
    facts = replace(chosen.facts, label=KINDS["jackknife"].label, columns=columns)
    return replace(chosen, facts=facts)


def diagnose(est: InstrumentalEstimate) -> InstrumentDiagnostics:
    """Compute the tests of and with instruments of an estimate.

    Parameters
    ----------
    est : InstrumentalEstimate

    Notes
    -----
    Each test rests on the estimate's kind of covariance; the meat of HC2 and HC3 is that of HC1, and of CR2
    and the jackknife that of clusters, where rank and overidentification are tested.
    """
    left_out: list[str] = []
    first_stage = _first_stage_tests(est, left_out)
    meat, words = _meat(est)
    df = est.n_obs - est.n_effects
    parts = tests.partial_out(est.stages)
    q, p = len(est.instruments), len(est.endogenous)
    lm, wald = (tests.kleibergen_paap(parts, meat, df, wald=form) for form in (False, True))
    under = None
    for form, rk in (("LM", lm), ("F", wald)):
        if np.isnan(rk):
            left_out.append(f"Kleibergen-Paap rk {form}: the moments have no inverse covariance, {words}")
    if not np.isnan(lm):
        under = _chi2(
            Sentence(
                "underidentification (Kleibergen-Paap rk LM)", "underidentifikasjon (Kleibergen-Paap rk LM)"
            ),
            Sentence("the instruments do not identify", "instrumentene identifiserer ikke"),
            lm,
            q - p + 1,
            words,
        )
    accepted = _unless_refused("Anderson-Rubin set", left_out, lambda: _anderson_rubin_set(est, left_out))
    effective = _unless_refused("effective F", left_out, lambda: _effective_f(est, left_out))
    return InstrumentDiagnostics(
        first_stage=first_stage,
        effective_f=effective,
        cragg_donald_f=tests.cragg_donald(parts, est.stages.first[0].df_resid),
        kleibergen_paap_f=wald / q * _rank_factor(est),
        underidentification=under,
        overidentification=_overidentification(est, meat, words, left_out),
        wu_hausman=_wu_hausman(est, left_out),
        anderson_rubin=_anderson_rubin(est, left_out),
        anderson_rubin_set=accepted,
        left_out=tuple(left_out),
    )


def _first_stage_tests(est: InstrumentalEstimate, left_out: list[str]) -> dict[str, tests.InstrumentTest]:
    found = {}
    for name in est.endogenous:
        told = Sentence(f"first-stage F of {name}", f"F i første trinn for {name}")
        null = Sentence("the instruments do not explain it", "instrumentene forklarer den ikke")
        test = _unless_refused(told, left_out, partial(_wald_of_first_stage, est, name))
        if test is not None:
            found[name] = _as_test(told, null, test)
    return found


def _wald_of_first_stage(est: InstrumentalEstimate, name: str) -> HypothesisTest:
    return wald_test(est.first_stages[name], est.instruments)


def _unless_refused(name: str, left_out: list[str], compute: Callable[[], T]) -> T | None:
    """Give what is computed, or None and the reason why it is refused."""
    try:
        return compute()
    except SpecificationError as error:
        left_out.append(f"{name}: {error}")
        return None


def _meat(est: InstrumentalEstimate) -> tuple[tests.Meat | None, str]:
    """Meat of moments, and the words for it."""
    spec, grouping = est.specification, est.grouping
    kind = _MEATS[_kind(spec)]
    columns = choose_columns(spec.covariance, spec.entity, spec.time)
    words = {
        "classical": Sentence("errors of equal variance", "feil med lik varians"),
        "rows": Sentence("robust to heteroskedasticity", "robuste for ulik varians"),
        "clusters": Sentence(f"clustered by {', '.join(columns)}", f"klynget etter {', '.join(columns)}"),
        "two": Sentence(f"clustered by {' and '.join(columns)}", f"klynget etter {' og '.join(columns)}"),
        "periods": "Driscoll-Kraay",
    }[kind]
    if kind == "classical":
        return None, words
    if kind == "rows":
        return tests.sum_over_rows, words
    if kind == "periods":
        lags = est.inference.facts.lags or 0
        return partial(tests.sum_over_periods, periods=_periods(est, columns[0]), lags=lags), words
    codes = [grouping.codes(column) for column in columns]
    if kind == "two":
        return partial(tests.sum_over_two, first=codes[0], second=codes[1]), words
    return partial(tests.sum_over_clusters, clusters=codes[0]), words


def _periods(est: InstrumentalEstimate, column: str) -> Ints:
    ranked = est.inference.facts.distance == "rank"
    numbers = est.grouping.codes(column) if ranked else est.grouping.numbers(column)
    return np.unique(numbers, return_inverse=True)[1].astype(np.intp) if ranked else numbers


def _rank_factor(est: InstrumentalEstimate) -> float:
    """Small-sample factor of the rk F, that of the first stage's covariance."""
    fit, kind = est.stages.first[0], _MEATS[_kind(est.specification)]
    n = est.n_obs
    if kind in ("classical", "rows"):
        total = n - est.n_effects if kind == "classical" else n
        return fit.df_resid / total
    facts = est.inference.facts
    count = facts.n_periods or min(facts.n_clusters)
    columns = choose_columns(est.specification.covariance, est.specification.entity, est.specification.time)
    codes = tuple(est.grouping.codes(column) for column in columns)
    nested = () if kind == "periods" else codes
    return 1 / cluster_factor(fit, count, est.specification.convention, nested)


def _no_effect(est: InstrumentalEstimate) -> str:
    said = f"{' = '.join(est.endogenous)} = 0"
    return Sentence(f"{said} (valid with weak instruments)", f"{said} (gyldig med svake instrumenter)")


def _as_test(name: str, null: str, test: HypothesisTest) -> tests.InstrumentTest:
    return tests.InstrumentTest(
        name, null, test.statistic, "F", test.df_numerator, test.df_denominator, test.p_value, test.covariance
    )


def _chi2(name: str, null: str, statistic: float, df: int, covariance: str) -> tests.InstrumentTest:
    return tests.InstrumentTest(
        name, null, statistic, "chi2", df, np.inf, float(chdtrc(df, statistic)), covariance
    )


def _effective_f(est: InstrumentalEstimate, left_out: list[str]) -> tests.EffectiveF | None:
    if len(est.endogenous) > 1:
        left_out.append("effective F: it is of one endogenous column, and there are several")
        return None
    first, k1 = est.first_stages[est.endogenous[0]], len(est.stages.regressors)
    fit = first.fit
    Z = fit.X_within * np.sqrt(fit.weights)[:, None]
    gram = Z.T @ Z
    own = slice(k1, len(fit.coefficients))
    block = gram[own, own] - gram[own, :k1] @ np.linalg.lstsq(gram[:k1, :k1], gram[:k1, own], rcond=None)[0]
    return tests.effective_f(block, fit.coefficients[own], first.inference.matrix[own, own])


def _overidentification(
    est: InstrumentalEstimate, meat: tests.Meat | None, words: str, left_out: list[str]
) -> tests.InstrumentTest | None:
    spare = len(est.instruments) - len(est.endogenous)
    if not spare:
        left_out.append("overidentification: there are no more instruments than endogenous columns")
        return None
    found = tests.overidentification(est.stages, meat, est.n_obs - est.n_effects)
    if found is None:
        left_out.append(
            f"overidentification: {est.stages.second.instruments_within.shape[1]} moments have no inverse "
            f"covariance, {words}; absorb categories instead of writing them as regressors, or choose "
            "another covariance"
        )
        return None
    which = "Sargan" if meat is None else "Hansen J"
    name = Sentence(f"overidentification ({which})", f"overidentifikasjon ({which})")
    null = Sentence("no instrument contradicts the others", "instrumentene er enige med hverandre")
    return _chi2(name, null, found[0], spare, words)


def _wu_hausman(est: InstrumentalEstimate, left_out: list[str]) -> tests.InstrumentTest | None:
    """Test of the first stages' residuals in the equation by least squares."""
    stages = est.stages
    V, D = stages.first_residuals, stages.endogenous_within
    weights = stages.second.weights
    left, whole = (np.sqrt(weights @ columns**2) for columns in (V, D))
    if (left <= EXPLAINED * whole).any():
        left_out.append("Wu-Hausman: the instruments explain an endogenous column in full")
        return None
    names = tuple(f"first-stage residual of {name}" for name in est.endogenous)
    fit, k, terms = stages.ols, len(stages.ols.coefficients), (*est.terms[:-1], *names)
    both = np.column_stack([fit.X, V])
    augmented = fit_within(fit.y, both, fit.weights, fit.entities, terms, absorb=fit.absorbed)
    if augmented.dropped or len(augmented.kept) != k + len(names):
        left_out.append("Wu-Hausman: the first stages' residuals are collinear with the regressors")
        return None
    found = _unless_refused("Wu-Hausman", left_out, lambda: wald_test(_bare(est, augmented, terms), names))
    if found is None:
        return None
    return _as_test("Wu-Hausman", _EXOGENOUS, found)


def _bare(est: InstrumentalEstimate, fit: WithinFit, terms: tuple[str, ...]) -> Estimate:
    """Make an estimate of a fit with other columns, for its tests alone."""
    spec = est.specification
    return Estimate(
        specification=spec.vary(regressors=tuple(map(quote, terms)), endogenous=(), instruments=()),
        terms=(*terms, CONSTANT),
        fit=fit,
        inference=_covariance(spec, fit, est.grouping, terms, est.options),
        dropped=(),
        n_incomplete=est.n_incomplete,
        rows=est.rows,
        provenance=est.provenance,
        data=est.data,
    )


def _anderson_rubin(est: InstrumentalEstimate, left_out: list[str]) -> tests.InstrumentTest | None:
    found = _unless_refused("Anderson-Rubin", left_out, lambda: wald_test(est.reduced_form, est.instruments))
    if found is None:
        return None
    return _as_test("Anderson-Rubin", _no_effect(est), found)


def _anderson_rubin_set(
    est: InstrumentalEstimate, left_out: list[str]
) -> tuple[tuple[float, float], ...] | None:
    """Invert the Anderson-Rubin test of one coefficient."""
    if len(est.endogenous) > 1:
        left_out.append("Anderson-Rubin set: it is of one endogenous column, and there are several")
        return None
    stages, k1, q = est.stages, len(est.stages.regressors), len(est.instruments)
    own = slice(k1, k1 + q)
    b = float(est.fit.coefficients[-1])
    scale = float(np.sqrt(est.inference.matrix[-2, -2])) or 1.0
    fits = [_moved(stages, b + t * scale) for t in (-1.0, 0.0, 1.0)]
    terms = (*est.terms[:k1], *est.instruments)
    chosen = [_covariance(est.specification, f, est.grouping, terms, est.options) for f in fits]
    if any(one.facts.corrections for one in chosen):
        left_out.append("Anderson-Rubin set: the covariance was corrected, and is no quadratic form")
        return None
    df = np.broadcast_to(np.asarray(chosen[1].df, dtype=float), (k1 + q + 1,))[own]
    if chosen[1].working is not None and q > 1:
        left_out.append("Anderson-Rubin set: with degrees of freedom for each coefficient, one instrument")
        return None
    family = tests.QuadraticFamily(
        (fits[1].coefficients[own], -scale * stages.first[0].coefficients[own]),
        tests.quadratic_through((-1.0, 0.0, 1.0), [one.matrix[own, own] for one in chosen]),
    )
    if any(tests.is_singular(one.matrix[own, own]) for one in chosen):
        left_out.append("Anderson-Rubin set: more instruments than the covariance can test together")
        return None
    critical = float(fdtri(q, float(df.min()), tests.LEVEL))
    accepted = tests.accepted_set(family, critical)
    if accepted is None:
        left_out.append(
            "Anderson-Rubin set: the covariance is no covariance at every value of the coefficient"
        )
        return None
    return tuple((b + low * scale, b + high * scale) for low, high in accepted)


def _moved(stages: TwoStages, value: float) -> WithinFit:
    """Fit the outcome less the endogenous column times a value on regressors and instruments."""
    reduced, first = stages.reduced, stages.first[0]
    residuals = reduced.residuals - value * first.residuals
    return replace(
        reduced,
        coefficients=reduced.coefficients - value * first.coefficients,
        constant=reduced.constant - value * first.constant,
        residuals=residuals,
        entity_means=np.column_stack(
            [reduced.entity_means[:, :-1], reduced.entity_means[:, -1] - value * first.entity_means[:, -1]]
        ),
        ssr=float(reduced.weights @ residuals**2),
    )


def _f_note(test: tests.InstrumentTest) -> Bilingual:
    name = test.name.removeprefix("first-stage F of ")
    value, p = f"{test.statistic:.1f}", test.df_numerator
    return Bilingual(
        f"F av instrumentene i første trinn for {name}: {value.replace('.', ',')} "
        f"({p} instrument{'er' * (p > 1)})",
        f"First-stage F of the instruments for {name}: {value} ({p} instrument{'s' * (p > 1)})",
    )


def _written(accepted: tuple[tuple[float, float], ...]) -> str:
    if not accepted:
        return "empty (no value fits: the instruments contradict each other)"
    return " and ".join(f"[{low:.6g}, {high:.6g}]" for low, high in accepted)
