"""Linear combinations of coefficients, written as weights or as text: Stata's ``lincom`` and ``test``.

A text is sums of terms, each with a number in front or behind, and numbers: ``"a + 2*b"``, ``"(a - b)/2"``,
``"a - b = 1"``. Terms are written as the estimate names them, such as ``C(year)[T.2019]:free_income``; one
that could be read in two ways stands in backticks.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.content import ContentEqual
from kostnadsvekst.models.grammar import excerpt, quote, unquote
from kostnadsvekst.models.hypotheses import HypothesisTest
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.provenance import UNKNOWN, Provenance

Floats = NDArray[np.float64]

LONGEST_COMBINATION = 20_000  # characters
DEEPEST_BRACKETS = 20
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w\[(:])")
_QUOTED = re.compile(r"`(?:[^`]|``)+`(?!`)")
_SIGNS = "+-*/()="
_WORD = re.compile(r"\w")
_NAME = re.compile(r"[^\s+\-*/()=]+(?:\([^()]*\)[^\s+\-*/()=]*)*")


@dataclass(frozen=True, slots=True)
class LinearForm:
    """A combination of coefficients: weights of terms plus a number.

    Attributes
    ----------
    weights : mapping of str to float
    number : float
    """

    weights: Mapping[str, float]
    number: float = 0.0

    def plus(self, other: "LinearForm", sign: float = 1.0) -> "LinearForm":
        """Add another form, or take it away."""
        names = dict.fromkeys((*self.weights, *other.weights))
        weights = {n: self.weights.get(n, 0.0) + sign * other.weights.get(n, 0.0) for n in names}
        return LinearForm(weights, self.number + sign * other.number)

    def times(self, factor: float) -> "LinearForm":
        """Multiply by a number."""
        return LinearForm({n: w * factor for n, w in self.weights.items()}, self.number * factor)


@dataclass(frozen=True, slots=True)
class Combination:
    """What is to be computed: an estimate, and what it is under the hypothesis.

    Attributes
    ----------
    text : str
        As it was written.
    form : LinearForm
    null : float
        Zero, or the number behind the equals sign.
    """

    text: str
    form: LinearForm
    null: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class LinearCombination(ContentEqual, Shown):
    """A linear combination of coefficients with its error, interval and test.

    Attributes
    ----------
    text : str
        The combination.
    estimate, std_error : float
    statistic, p_value : float
        Of the two-sided t test that it equals `null` (normal where `df` is infinite).
    conf_low, conf_high : float
        Interval that nominally covers it with probability `level`.
    df : float
        Degrees of freedom.
    level : float
    null : float
    covariance : str
        Covariance that the error rests on.
    provenance : Provenance
        Origin of the data.
    """

    text: str
    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df: float
    level: float
    null: float
    covariance: str
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        against = f" against {self.null:g}" if self.null else ""
        return (
            f"{self.text}: {self.estimate:.6g}, standard error {self.std_error:.4g}, nominal "
            f"{100 * self.level:g} % interval {self.conf_low:.6g} to {self.conf_high:.6g}, "
            f"t({self.df:.6g}) = {self.statistic:.4g}, p = {self.p_value:.4g}{against}; "
            f"covariance {self.covariance}"
        )

    __repr__ = __str__


@dataclass(frozen=True, slots=True, eq=False)
class LinearCombinations(ContentEqual, Shown):
    """Several linear combinations, and the test of all of them together.

    Attributes
    ----------
    each : tuple of LinearCombination
    joint : HypothesisTest or None
        None where the combinations are not independent, or more than the covariance has rank.
    why_no_joint : str
        Why there is none.
    """

    each: tuple[LinearCombination, ...]
    joint: HypothesisTest | None
    why_no_joint: str = field(default="", compare=False)

    @property
    def frame(self) -> pd.DataFrame:
        """Frame over the combinations, a column for each number of `LinearCombination` but the level."""
        names = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "df", "null")
        rows = [[getattr(one, name) for name in names] for one in self.each]
        index = pd.Index([one.text for one in self.each], name="combination")
        return pd.DataFrame(rows, index=index, columns=list(names), dtype=float)

    def __len__(self) -> int:
        return len(self.each)

    def __getitem__(self, position: int) -> LinearCombination:
        return self.each[position]

    def __str__(self) -> str:
        joint = f"no joint test: {self.why_no_joint}" if self.joint is None else str(self.joint)
        return "\n".join([*map(str, self.each), joint])

    __repr__ = __str__


def read_combinations(what: Any, terms: Sequence[str]) -> tuple[Combination, ...]:
    """Read one combination or several.

    Parameters
    ----------
    what : str, mapping of str to float, sequence of these, or mapping of str to these
        One text or mapping of terms to weights; or several, which a mapping gives names.
    terms : sequence of str
        That exist.

    Returns
    -------
    tuple of Combination

    Raises
    ------
    SpecificationError
        If a term does not exist, a weight is no number, or a text cannot be read or is not linear.
    """
    if is_single(what):
        return (_read_one(what, terms),)
    if isinstance(what, Mapping):
        return tuple(_named(str(name), _read_one(one, terms)) for name, one in what.items())
    if not isinstance(what, Iterable):
        raise SpecificationError(
            f"a combination is a text such as 'a - b', or weights such as {{'a': 1, 'b': -1}}, or several of "
            f"these in a list; not {type(what).__name__}"
        )
    found = tuple(_read_one(one, terms) for one in what)
    if not found:
        raise SpecificationError("no combination was given")
    return found


def is_single(what: Any) -> bool:
    """Whether one combination is meant: a text, or weights of terms."""
    if isinstance(what, Mapping):
        return not any(isinstance(value, str | Mapping) for value in what.values())
    return isinstance(what, str)


def weights_of(combinations: Sequence[Combination], terms: Sequence[str]) -> Floats:
    """(p, m) weights of the terms in each combination."""
    return np.array([[one.form.weights.get(term, 0.0) for term in terms] for one in combinations])


def interval_and_test(
    estimate: Floats, std_error: Floats, df: float | Floats, level: float, null: float | Floats = 0.0
) -> tuple[Floats, Floats, Floats, Floats]:
    """Statistic, two-sided p value and both ends of the interval, by the t distribution.

    Parameters
    ----------
    estimate, std_error : (m,) arrays
    df : float or (m,) array
        Infinite for the normal distribution.
    level : float
    null : float or (m,) array
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (estimate - null) / std_error
    normal = np.isinf(df)
    # scipy's own t distribution is not defined at infinity.
    known = np.where(normal, 1.0, df)
    p_value = 2 * np.where(normal, ndtr(-np.abs(statistic)), stdtr(known, -np.abs(statistic)))
    half = np.where(normal, ndtri(0.5 + level / 2), stdtrit(known, 0.5 + level / 2)) * std_error
    return statistic, p_value, estimate - half, estimate + half


def check_level(level: float) -> float:
    """Refuse a coverage that is none.

    Raises
    ------
    SpecificationError
        If it is not a number between 0 and 1.
    """
    if isinstance(level, bool) or not isinstance(level, float | int | np.number) or not 0 < level < 1:
        raise SpecificationError(
            f"level is the coverage of intervals, a number between 0 and 1 such as 0.95; not {level!r}"
        )
    return float(level)


def _named(name: str, one: Combination) -> Combination:
    return Combination(name, one.form, one.null)


def _read_one(what: Any, terms: Sequence[str]) -> Combination:
    if isinstance(what, str):
        return _read_text(what, terms)
    if not isinstance(what, Mapping) or not what:
        raise SpecificationError(f"a combination is a text or weights of terms, not {what!r:.100}")
    wrong = [f"{name!r}: {weight!r:.40}" for name, weight in what.items() if not _is_finite(weight)]
    if wrong:
        raise SpecificationError(f"weights of terms are finite numbers; {', '.join(wrong)}")
    names = {unquote(str(name)): float(weight) for name, weight in what.items()}
    _refuse_absent(names, terms)
    text = " + ".join(f"{weight:g} {name}" for name, weight in names.items())
    return Combination(text, _nonzero(LinearForm(names), text))


def _is_finite(weight: Any) -> bool:
    return isinstance(weight, int | float | np.number) and bool(np.isfinite(weight))


def _refuse_absent(names: Iterable[str], terms: Sequence[str]) -> None:
    absent = [name for name in names if name not in terms]
    if absent:
        raise SpecificationError(f"not among the terms: {nearest_names(absent, terms)}")


def _nonzero(form: LinearForm, text: str) -> LinearForm:
    if not any(form.weights.values()):
        raise SpecificationError(f"nothing is left of {excerpt(text)}: the weights of all terms are zero")
    return form


def _read_text(text: str, terms: Sequence[str]) -> Combination:
    if len(text) > LONGEST_COMBINATION:
        raise SpecificationError(
            f"a combination has {len(text):,} characters, at most {LONGEST_COMBINATION:,} are read"
        )
    pieces = _pieces(text, terms)
    if pieces.count("=") > 1:
        raise SpecificationError(
            f"cannot read {excerpt(text)}: it has more than one '='; test several in a list"
        )
    left, *right = _sides(pieces)
    form = _Reader(text, left).read()
    if not right:
        return Combination(text.strip(), _nonzero(form, text))
    whole = form.plus(_Reader(text, right[0]).read(), -1.0)
    return Combination(text.strip(), _nonzero(LinearForm(whole.weights), text), 0.0 - whole.number)


def _sides(pieces: list[Any]) -> list[list[Any]]:
    at = pieces.index("=") if "=" in pieces else len(pieces)
    return [pieces[:at], pieces[at + 1 :]] if at < len(pieces) else [pieces]


def _pieces(text: str, terms: Sequence[str]) -> list[Any]:
    """Terms as forms, numbers, and signs as texts."""
    longest_first = sorted(terms, key=len, reverse=True)
    found: list[Any] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        piece, position = _next_piece(text, position, longest_first)
        found.append(piece)
    return found


def _next_piece(text: str, at: int, terms: Sequence[str]) -> tuple[Any, int]:
    quoted = _QUOTED.match(text, at)
    if quoted and unquote(quoted[0]) in terms:
        return LinearForm({unquote(quoted[0]): 1.0}), quoted.end()
    number = _NUMBER.match(text, at)
    term = next((t for t in terms if text.startswith(t, at) and _ends_here(text, at + len(t), t)), None)
    if term is not None and not (number and number[0] == term):
        _refuse_ambiguous(term, terms, text)
        return LinearForm({term: 1.0}), at + len(term)
    if number:
        return LinearForm({}, float(number[0])), number.end()
    if text[at] in _SIGNS:
        return text[at], at + 1
    unknown = quoted or _NAME.match(text, at)
    name = unquote(unknown[0]) if unknown else text[at:]
    raise SpecificationError(
        f"cannot read {excerpt(text)}: not among the terms: {nearest_names([name[:200]], terms)}"
    )


def _ends_here(text: str, end: int, term: str) -> bool:
    """Whether a name ends there, and does not go on as that of another term."""
    follows = text[end : end + 1]
    if follows and follows in "[:(":
        return False
    return not (_WORD.match(follows) and _WORD.match(term[-1]))


def _refuse_ambiguous(term: str, terms: Sequence[str], text: str) -> None:
    """Refuse a name with signs that can be read as a sum of other terms."""
    if not any(sign in term for sign in "+-*/"):
        return
    others = [t for t in terms if t != term]
    try:
        _Reader(term, _pieces(term, others)).read()
    except SpecificationError:
        return
    raise SpecificationError(
        f"cannot read {excerpt(text)}: {term!r} is a term, and can be read as a combination of others; write "
        f"{quote(term)} (in backticks) for the term, and weights such as {{'a': 1, 'b': -1}} for the "
        f"combination"
    )


class _Reader:
    """Reads a sum of products with brackets; only numbers multiply and divide."""

    def __init__(self, text: str, pieces: list[Any]) -> None:
        self.text, self.pieces, self.at, self.depth = text, pieces, 0, 0

    def read(self) -> LinearForm:
        form = self._sum()
        if self.at < len(self.pieces):
            raise self._fault("something stands where a sign + - * / is due")
        return form

    def _peek(self) -> Any:
        return self.pieces[self.at] if self.at < len(self.pieces) else None

    def _accept(self, signs: str) -> str | None:
        piece = self._peek()
        if isinstance(piece, str) and piece in signs:
            self.at += 1
            return piece
        return None

    def _sum(self) -> LinearForm:
        form = self._product()
        while sign := self._accept("+-"):
            form = form.plus(self._product(), 1.0 if sign == "+" else -1.0)
        return form

    def _product(self) -> LinearForm:
        form = self._signed()
        while True:
            sign = self._accept("*/")
            # "2 a" as well as "2*a".
            if not sign and not (isinstance(self._peek(), LinearForm) and not form.weights):
                return form
            other = self._signed()
            form = self._divided(form, other) if sign == "/" else self._multiplied(form, other)

    def _multiplied(self, form: LinearForm, other: LinearForm) -> LinearForm:
        if form.weights and other.weights:
            raise self._fault("a product of coefficients is not linear")
        return form.times(other.number) if form.weights else other.times(form.number)

    def _divided(self, form: LinearForm, other: LinearForm) -> LinearForm:
        if other.weights or not other.number:
            raise self._fault("it divides by a coefficient, or by zero")
        return form.times(1 / other.number)

    def _signed(self) -> LinearForm:
        factor = 1.0
        while sign := self._accept("+-"):
            factor = factor if sign == "+" else -factor
        return self._atom().times(factor)

    def _atom(self) -> LinearForm:
        piece = self._peek()
        if isinstance(piece, LinearForm):
            self.at += 1
            return piece
        if not self._accept("("):
            raise self._fault("a term or number is missing")
        self.depth += 1
        if self.depth > DEEPEST_BRACKETS:
            raise self._fault(f"its brackets are more than {DEEPEST_BRACKETS} deep inside each other")
        form = self._sum()
        if not self._accept(")"):
            raise self._fault("a bracket is not closed")
        self.depth -= 1
        return form

    def _fault(self, what: str) -> SpecificationError:
        return SpecificationError(
            f"cannot read {excerpt(self.text)}: {what}; write terms with + and -, and numbers in front, such "
            "as 'a - 2*b = 1'"
        )
