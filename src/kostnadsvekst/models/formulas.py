"""Formulas as text: ``"outcome ~ C(year)*income + ..needs | municipality + region^year"``.

A last part ``| income ~ grant`` says what is endogenous, and by what it is instrumented.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple, NoReturn

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.grammar import (
    BASES,
    CALLS,
    CATEGORY,
    DEEPEST,
    EACH,
    EXPRESSION,
    FUNCTIONS,
    MOST_PERIODS,
    MOST_TERMS,
    OVER_TIME,
    canonical,
    canonical_outcome,
    excerpt,
    read_periods,
    refuse_excess,
    split,
    unquote,
)

LONGEST_FORMULA = 100_000  # characters
MOST_FACTORS = 20  # of a term
# Terms made on the way, of which brackets and macros may make many and keep few.
_MOST_MADE = 4 * MOST_TERMS
_Term = tuple[str, ...]
# What begins a factor of several columns.
_SEVERAL = tuple(f"{function}(" for function in (CATEGORY, EACH, *BASES))
_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>`(?:[^`]|``)+`(?!`))|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|"
    r"(?P<macro>\.\.\w+)|(?P<number>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<name>[^\W\d]\w*(?:\.\w+)*)|(?P<sign>\*\*|%in%|\S)|(?P<end>$))"
)
# What other programs call what is here called otherwise.
_OTHERWISE = {
    "ln": "write log(x)",
    "np.log": "write log(x)",
    "numpy.log": "write log(x)",
    "factor": "write C(x)",
    "c": "write x: a column of numbers is one as it stands",
    "l": "write lag(x)",
    "L": "write lag(x)",
    "d": "write diff(x)",
    "D": "write diff(x)",
    "ns": "write cr(x, df=4) for a natural cubic spline",
    "te": "write bs(x, df=4):bs(z, df=4)",
}
_CONSTANT = (
    "a model has its constant: absorbed effects take it up, and without them there is one; it cannot be "
    "taken out with 0 or - 1 (for all levels of a category, absorb it behind '|')"
)
_NUMBER = "the only number of a formula is 1; a name that begins with a digit stands in backticks"
_SQUARE = "a power of a column is square(x), or any other I(x**3)"


class ParsedFormula(NamedTuple):
    """Outcome, regressors (products written with ``:``), the absorbed columns, and what is instrumented.

    All are written as `kostnadsvekst.models.grammar` writes them. Levels of several columns at once are
    written with ``^``.
    """

    outcome: str
    regressors: tuple[str, ...]
    absorbed: tuple[str, ...]
    endogenous: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


@dataclass(slots=True)
class _Work:
    """What a formula has cost so far, its macros with it."""

    terms: int = 0
    macros: int = 0


def parse_formula(formula: str, macros: Mapping[str, Sequence[str]]) -> ParsedFormula:
    """Read a formula; what stands behind ``|`` is absorbed, and with a ``~`` in it instrumented.

    The signs are those of Wilkinson and Rogers (1973, Applied Statistics 22): ``+``, ``-``, ``:``, ``*``,
    ``(a + b)**2`` and, behind a category, ``/``. They join columns, and never compute.

    Parameters
    ----------
    formula : str
    macros : mapping of str to sequence of str
        ``..name`` stands for the sum of these terms.

    Raises
    ------
    SpecificationError
        If the formula cannot be read, or asks for what is not done; the message shows where, and the way out.
        If it is too long, too deep, or stands for too many terms; the message names the limit.
    """
    refuse_excess(formula, "formula", LONGEST_FORMULA)
    reader = _Reader(formula, macros)
    outcome = reader.read_outcome()
    terms = reader.read_sum()
    absorbed = reader.read_absorbed()
    endogenous, instruments = reader.read_instrumented()
    reader.expect_end()
    return ParsedFormula(
        canonical_outcome(outcome), _names(terms), absorbed, _names(endogenous), _names(instruments)
    )


def _names(terms: Sequence[_Term]) -> tuple[str, ...]:
    """Terms as texts, once each; the constant is none."""
    return tuple(dict.fromkeys(canonical(":".join(term)) for term in terms if term))


class _Reader:
    """Reads one formula from left to right; an operand is a list of terms, the empty one the constant."""

    def __init__(
        self, formula: str, macros: Mapping[str, Sequence[str]], work: _Work | None = None, within: int = 0
    ) -> None:
        self.formula, self.macros = formula, macros
        self.tokens = _tokens(formula)
        self.next = 0
        self.work, self.within = work or _Work(), within

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def fail(self, problem: str, token: _Token | None = None) -> NoReturn:
        at = token or self.token
        where = f"position {at.position + 1}, {at.text!r:.60}" if at.kind != "end" else "its end"
        raise SpecificationError(
            f"cannot read the formula {excerpt(self.formula, at.position)} at {where}: {problem}"
        )

    def afford(self, terms: int, at: _Token | None = None) -> None:
        """Refuse to make more terms than anybody needs, before they are made."""
        self.work.terms += terms
        if self.work.terms > _MOST_MADE or terms > MOST_TERMS:
            self.fail(f"it stands for more than {MOST_TERMS:,} terms, or makes as many on the way", at)

    def join(self, terms: Sequence[_Term], at: _Token) -> list[_Term]:
        """Terms once each, see `_joined`."""
        if any(len(term) > MOST_FACTORS for term in terms):
            self.fail(f"a product of more than {MOST_FACTORS} factors", at)
        return _joined(terms)

    def take(self, *texts: str) -> _Token | None:
        """Step over the next token if it is one of some signs."""
        token = self.token
        if token.kind != "sign" or token.text not in texts:
            return None
        self.next += 1
        return token

    def expect_end(self) -> None:
        if self.token.kind != "end":
            misplaced = self.token.kind == "sign"
            self.fail(
                "this sign is misplaced"
                if misplaced
                else "a sign such as + is missing before it; a name with spaces or signs stands in backticks"
            )

    def read_outcome(self) -> str:
        start = self.token
        if self.take("~"):
            self.fail("the outcome is missing: write outcome ~ regressors | entity", start)
        terms = self.read_sum()
        if not self.take("~"):
            if self.token.kind in ("end", "sign"):
                self.fail("'~' is missing: write outcome ~ regressors | entity")
            self.expect_end()
        if len(terms) != 1:
            self.fail(f"there are {len(terms)} outcomes; there must be one", start)
        factors = terms[0]
        if len(factors) != 1 or factors[0].startswith(_SEVERAL):
            self.fail("the outcome is one column, or one transformation of a column", start)
        return factors[0]

    def is_instrumented(self) -> bool:
        """Whether a '~' comes before the next bar."""
        signs = (t.text for t in self.tokens[self.next + 1 :] if t.kind == "sign" and t.text in "|~")
        return next(signs, "") == "~"

    def read_absorbed(self) -> tuple[str, ...]:
        bar = None if self.is_instrumented() else self.take("|")
        if not bar or self.token.kind == "end":
            return ()
        if self.token.kind == "number" and self.token.text in ("0", "1"):
            self.next += 1
            return ()
        sets = [self.read_set(bar)]
        while self.take("+"):
            sets.append(self.read_set(bar))
        if self.token.kind != "end" and not (self.token.text == "|" and self.is_instrumented()):
            self.fail_absorbed(bar)
        return tuple(sets)

    def read_instrumented(self) -> tuple[list[_Term], list[_Term]]:
        """Endogenous terms and their instruments, which stand last."""
        start = self.token
        if not self.is_instrumented() or not self.take("|"):
            return [], []
        endogenous = self.read_sum()
        if not self.take("~"):
            self.expect_end()
        instruments = self.read_sum()
        if not any(endogenous) or not any(instruments):
            self.fail("an endogenous column and an instrument are needed: write | income ~ grant", start)
        return endogenous, instruments

    def read_set(self, bar: _Token) -> str:
        columns: list[str] = []
        while not columns or self.take("^"):
            if self.token.kind not in ("name", "quoted"):
                self.fail_absorbed(bar)
            columns.append(unquote(self.token.text))
            self.next += 1
        return "^".join(columns)

    def fail_absorbed(self, bar: _Token) -> NoReturn:
        self.fail(
            "behind a single '|' stand the columns whose effects are absorbed, joined by '+' (levels of two "
            "columns at once: 'a^b'; names with other signs in backticks), and behind one more what is "
            "instrumented: | income ~ grant",
            self.token if self.token.kind != "end" else bar,
        )

    def read_sum(self) -> list[_Term]:
        terms: dict[frozenset[str], _Term] = {}
        sign = self.take("+", "-")
        while True:
            start = self.token
            read = self.read_product()
            self.afford(len(read), start)
            for term in read:
                if not sign or sign.text == "+":
                    terms.setdefault(_key(term), term)
                elif not term:
                    self.fail(_CONSTANT, sign)
                elif terms.pop(_key(term), None) is None:
                    self.fail(f"{':'.join(term)} is not among the terms before it", start)
            sign = self.take("+", "-")
            if not sign:
                return list(terms.values())

    def read_product(self) -> list[_Term]:
        left = self.read_interaction()
        while sign := self.take("*", "/", "%in%"):
            right = self.read_interaction()
            self.afford((len(left) + 1) * (len(right) + 1), sign)
            if sign.text == "%in%":
                self.fail("programs differ in what it means: write a + a:b, or a:b", sign)
            if sign.text == "/":
                self.check_nesting(left, sign)
                whole = tuple(dict.fromkeys(factor for term in left for factor in term))
                left = self.join([*left, *((*whole, *term) for term in right)], sign)
            else:
                left = self.join([*left, *right, *self.interact(left, right, sign)], sign)
        return left

    def check_nesting(self, left: list[_Term], sign: _Token) -> None:
        if not any(factor.startswith(f"{CATEGORY}(") for term in left for factor in term):
            self.fail(
                "signs do not compute: make a quotient a column of the data, or write per_capita(x); "
                "nested slopes are C(a)/b",
                sign,
            )

    def read_interaction(self) -> list[_Term]:
        left = self.read_power()
        while sign := self.take(":"):
            left = self.interact(left, self.read_power(), sign)
        return left

    def interact(self, left: list[_Term], right: list[_Term], sign: _Token) -> list[_Term]:
        if len(left) == len(right) == 1 and _key(left[0]) & _key(right[0]):
            self.fail(f"the same factor twice; {_SQUARE}", sign)
        self.afford(len(left) * len(right), sign)
        return self.join([(*a, *b) for a in left for b in right], sign)

    def read_power(self) -> list[_Term]:
        base = self.read_operand()
        sign = self.take("**", "^")
        if not sign:
            return base
        degree = self.token
        power = read_periods(degree.text) if degree.kind == "number" else None
        if len(base) < 2 or power is None:
            self.fail(_SQUARE + "; (a + b)**2 is a + b + a:b", sign)
        self.next += 1
        sizes = range(1, min(power, len(base)) + 1)
        self.afford(sum(comb(len(base), size) for size in sizes), sign)
        picked = [one for size in sizes for one in combinations(base, size)]
        return self.join([tuple(factor for term in terms for factor in term) for terms in picked], sign)

    def read_operand(self) -> list[_Term]:
        token = self.token
        self.next += 1
        if token.kind == "sign" and token.text == "(":
            inside = self.read_sum()
            if not self.take(")"):
                self.fail("the bracket that opens here is not closed", token)
            return inside
        if token.kind == "number":
            if token.text != "1":
                self.fail(_CONSTANT if token.text == "0" else _NUMBER, token)
            return [()]
        if token.kind == "macro":
            return self.read_macro(token)
        if token.kind == "quoted":
            return [(token.text,)]
        if token.kind != "name":
            self.next -= 1
            self.fail(_misplaced(token), token)
        if not self.take("("):
            return [(token.text,)]
        return [tuple(split(canonical(self.read_call(token)), ":"))]

    def read_macro(self, token: _Token) -> list[_Term]:
        name = token.text[2:]
        if name not in self.macros:
            known = ", ".join(self.macros)
            self.fail(f"unknown macro {token.text!r}; known: {known}", token)
        self.work.macros += 1
        if self.within >= DEEPEST or self.work.macros > MOST_TERMS:
            self.fail(f"macros stand for each other without end, or more than {DEEPEST} deep", token)
        parts = self.macros[name]
        text = parts if isinstance(parts, str) else " + ".join(parts)
        refuse_excess(text, f"macro {token.text}", LONGEST_FORMULA)
        inside = _Reader(text, self.macros, self.work, self.within + 1)
        terms = inside.read_sum()
        inside.expect_end()
        return terms

    def read_call(self, function: _Token) -> str:
        """Read what stands between the brackets of a call."""
        name = function.text
        if name not in FUNCTIONS:
            way = _OTHERWISE.get(name, "make it a column of the data first")
            self.fail(f"the functions are {', '.join(FUNCTIONS)}; {way}", function)
        if name == EXPRESSION:
            return self.read_rest(function, function.position)
        argument = self.read_argument(function)
        start = self.token
        if self.take(","):
            if name in CALLS:
                return f"{name}({argument}, {self.read_periods(function)})"
            return self.read_rest(function, start.position, f"{name}({argument}")
        if name in BASES and self.token.text == ")":
            return self.checked(f"{name}({argument})", function)
        self.close(function)
        return f"{name}({argument})"

    def read_rest(self, function: _Token, start: int, before: str = "") -> str:
        """Read a call to its closing bracket as it stands, from some position on."""
        at, depth = self.token, 1
        while depth:
            token = self.token
            if token.kind == "end":
                self.fail("the bracket that opens here is not closed", function)
            depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
            self.next += 1
        return self.checked(before + self.formula[start : token.position + 1], at)

    def checked(self, call: str, at: _Token) -> str:
        """Give a call that can be read."""
        try:
            canonical(call)
        except SpecificationError as error:
            self.fail(str(error), at)
        return call

    def read_argument(self, function: _Token) -> str:
        token = self.token
        self.next += 1
        if token.kind == "quoted":
            return token.text
        if token.kind != "name":
            self.next -= 1
            self.fail(f"{function.text} takes one column", token)
        return self.read_call(token) if self.take("(") else token.text

    def read_periods(self, function: _Token) -> str:
        periods = self.token
        if function.text not in OVER_TIME or read_periods(periods.text) is None:
            self.fail(
                f"a number of periods, at least 1 and at most {MOST_PERIODS}, goes with "
                f"{' and '.join(OVER_TIME)} only",
                periods,
            )
        self.next += 1
        self.close(function)
        return periods.text

    def close(self, function: _Token) -> None:
        if not self.take(")"):
            self.fail(
                f"{function.text} takes one column, without signs: square(x) is a function, and other "
                "arithmetic stands inside I, as in log(I(x + 1))"
            )


def _tokens(formula: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(formula, position)
        assert match is not None
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match.group(kind), match.start(kind)))
        # A quote that is not closed ends it: the next would look through the whole text for its other.
        position = len(formula) if tokens[-1].text in ("`", '"', "'") else match.end()
    return tokens


def _joined(terms: Sequence[_Term]) -> list[_Term]:
    """Terms once each, whatever the order of their factors; a factor counts once in a term."""
    once: dict[frozenset[str], _Term] = {}
    for term in terms:
        factors = {canonical(factor): factor for factor in reversed(term)}
        once.setdefault(_key(term), tuple(factors.values())[::-1])
    return list(once.values())


def _key(term: _Term) -> frozenset[str]:
    """Say what makes two terms one: their factors, in any order, with or without needless backticks."""
    return frozenset(canonical(factor) for factor in term)


def _misplaced(token: _Token) -> str:
    if token.kind == "end":
        return "a term is missing behind the last sign, which is misplaced"
    if token.text == ".":
        return "'.' names no columns: write them out, or give them a name as a macro, ..name"
    if token.text == "`":
        return "this backtick is not closed"
    if token.kind == "text":
        return (
            "this sign has no meaning in a formula but inside a call; a name with signs stands in backticks"
        )
    if token.text in "=<>!&@$#;\"'{}[]%\\":
        return "this sign has no meaning in a formula; a name with signs stands in backticks"
    return "this sign is misplaced: a column is needed here"
