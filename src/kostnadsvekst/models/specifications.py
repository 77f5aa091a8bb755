"""Regression specifications as values: the file that researchers extend.

A specification says what is regressed on what, and nothing about how. The four models of the report's
table A3 stand at the end of the module; each differs from the one before by one line.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.covariance_facts import CONVENTIONS
from kostnadsvekst.models.covariance_kinds import read_choice
from kostnadsvekst.models.formulas import parse_formula
from kostnadsvekst.models.grammar import (
    MOST_TERMS,
    canonical,
    canonical_outcome,
    in_formula,
    outcome_in_formula,
    quote,
    refuse_excess,
    split,
)
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.toml_files import (
    CLOSED,
    Text,
    Texts,
    as_toml,
    one_of,
    parse_toml,
    place,
    read_as,
    read_toml,
    refuse,
    try_as,
)

EFFECTS = ("entity", "none")
# Where nothing needs the periods, a column of this name is not missed.
DEFAULT_TIME = "year"
MOST_SETS = 20  # of absorbed effects


@dataclass(frozen=True, repr=False)
class Specification(Shown):
    """A linear model with absorbed fixed effects.

    Parameters
    ----------
    outcome : str
        Column to be explained, or a transformation of one such as ``"log(income)"``.
    regressors : sequence of str
        Columns or terms: ``"income"``, ``"C(year)"`` (a dummy for each level but the first),
        ``"C(year):income"`` (products), ``"C(year)*income"`` (the two and their product), ``"poly(x, 3)"``
        and the other words of docs/formulas.md. A name in backticks is always a column: ``"`a:b`"``.
    entity : str
        Column whose levels get a fixed effect each; also the default cluster.
    time : str
        Column that orders the observations of an entity. Only what goes along it asks for it: lags and
        differences, ``"twoway"`` and ``"driscoll_kraay"`` errors, AR(1); data without a column "year" do
        otherwise without.
    weights : str, optional
        Column of positive analytic weights; they may vary over time. Without it all rows weigh the same.
    covariance : str or tuple of str
        How standard errors are computed: ``"classical"``, ``"hc1"``, ``"hc2"``, ``"hc3"``, ``"cluster"``
        (by entity),
        ``("cluster", column)``, ``("twoway", column, column)`` (``"twoway"``: entity and time),
        ``"driscoll_kraay"``, ``"wild_cluster"`` or ``("wild_cluster", column)``, ``"jackknife"`` (CV3) or
        ``("jackknife", column)``, ``"cr2"`` or ``("cr2", column)`` (few clusters); see
        `kostnadsvekst.models.covariance_kinds`.
    sample : tuple of str
        Names of samples or expressions that all rows used must satisfy, see
        `kostnadsvekst.models.samples`; a single one may be given as text.
    effects : {"entity", "none"}
        ``"none"`` is pooled least squares: one constant, clusters still by entity.
    convention : {"areg", "xtreg", "none"}
        Small-sample factor of clustered standard errors, see `kostnadsvekst.models.inference`.
    absorb : tuple of str
        Further columns whose levels get a fixed effect each, beside the entity or, with ``effects="none"``,
        instead of it; ``"region^year"`` stands for the levels of both at once. A single one may be given as
        text. Levels with one row stay, as the entity's do.
    endogenous, instruments : tuple of str
        Terms that are correlated with the error, and terms that are not in the equation but explain them: the
        specification is then fitted by two-stage least squares, see `kostnadsvekst.models.instrumental`. A
        single one may be given as text; without endogenous terms there are none of either.

    Raises
    ------
    SpecificationError
        If a part is empty, occurs twice, or names an unknown covariance; if there are fewer instruments than
        endogenous terms, or one of either is a regressor, too.

    Examples
    --------
    >>> base = Specification("net_expenditure", ("C(year)",), "municipality", "year", "population")
    >>> base.adding("free_income").regressors
    ('C(year)', 'free_income')
    """

    outcome: str
    regressors: tuple[str, ...]
    entity: str
    time: str = DEFAULT_TIME
    weights: str | None = None
    covariance: str | tuple[str, ...] = "classical"
    sample: tuple[str, ...] = ()
    effects: str = "entity"
    convention: str = "areg"
    absorb: tuple[str, ...] = ()
    endogenous: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.regressors, str):
            raise SpecificationError(
                f"regressors must be a sequence of terms, not the text {self.regressors!r}: "
                f"write ({self.regressors!r},)"
            )
        if len(self.regressors) > MOST_TERMS:
            raise SpecificationError(
                f"{len(self.regressors):,} regressors, at most {MOST_TERMS:,} are read: absorb the levels "
                "of a category with absorb="
            )
        wrong = [part for part in (self.outcome, *self.regressors) if not isinstance(part, str)]
        if wrong:
            raise SpecificationError(f"outcome and regressors are texts, not {', '.join(map(repr, wrong))}")
        for part, name in (("entity", self.entity), ("time", self.time), ("column of weights", self.weights)):
            if name is not None:
                refuse_excess(name, part)
        object.__setattr__(self, "regressors", tuple(canonical(term) for term in self.regressors))
        object.__setattr__(self, "outcome", canonical_outcome(self.outcome))
        if not all((self.outcome, *self.regressors)):
            raise SpecificationError("the outcome, or a regressor, is an empty text")
        for part in ("endogenous", "instruments"):
            object.__setattr__(self, part, _read_terms(getattr(self, part), part))
        _check_instruments(self)
        if not self.regressors and not self.endogenous:
            raise SpecificationError("a specification needs at least one regressor")
        # A product is the same in any order.
        times = Counter(tuple(sorted(split(term, ":"))) for term in self.regressors)
        repeated = sorted(":".join(factors) for factors, count in times.items() if count > 1)
        if repeated:
            raise SpecificationError(f"regressors named twice: {', '.join(repeated)}")
        if self.outcome in self.regressors:
            raise SpecificationError(f"{self.outcome!r} is both the outcome and a regressor")
        kind, columns = read_choice(self.covariance)
        object.__setattr__(self, "covariance", (kind, *columns) if columns else kind)
        sample = (self.sample,) if isinstance(self.sample, str) else tuple(self.sample or ())
        object.__setattr__(self, "sample", tuple(name for name in sample if name != "all"))
        for part, value, known in (
            ("effects", self.effects, EFFECTS),
            ("convention", self.convention, CONVENTIONS),
        ):
            if value not in known:
                raise SpecificationError(f"unknown {part} {value!r}; known: {', '.join(known)}")
        object.__setattr__(self, "absorb", _read_absorb(self.absorb, self.entity, self.effects))

    @classmethod
    def from_formula(
        cls,
        formula: str,
        *,
        entity: str | None = None,
        time: str = DEFAULT_TIME,
        macros: Mapping[str, Sequence[str]] | None = None,
        **parts: Any,
    ) -> "Specification":
        """Write a specification as a formula.

        Parameters
        ----------
        formula : str
            ``"outcome ~ terms | entity + region^year"``, with the absorbed effects behind the bar: terms with
            ``+``, ``*``, ``:``, ``-``, brackets, ``C(column, ref="a")``, ``i(year, income, ref=2015)``,
            ``I(arithmetic)``, ``poly``, ``bs``, ``cr``, and ``log``, ``square``, ``lag``, ``diff``,
            ``per_capita``, ``total`` of a column. Signs join terms and do not compute outside of ``I``; what
            would, and ``- 1`` or ``0 +``, is refused. Names with spaces or signs stand in backticks.
            ``..needs`` stands for the report's twelve indicators of need. A last part ``| income ~ grant``
            holds endogenous terms and their instruments. All of it is in docs/formulas.md.
        entity : str, optional
            Without it the first column behind the bar. Needed where nothing is absorbed: the specification is
            then pooled, and this column the cluster. If it is not among several behind the bar, it has no
            effects of its own.
        time : str
        macros : mapping of str to sequence of str, optional
            More names that stand for sums of terms.
        **parts
            Other parts of a specification: weights, covariance, sample, convention.

        Raises
        ------
        SpecificationError
            If the formula cannot be read, or names no entity.

        Examples
        --------
        >>> spec = Specification.from_formula("log(y) ~ C(year)*x | id", weights="population")
        >>> spec.regressors
        ('C(year)', 'x', 'C(year):x')
        """
        parsed = parse_formula(formula, {"needs": NEEDS, **(macros or {})})
        chosen = entity or next(iter(parsed.absorbed), None)
        if chosen is None:
            raise SpecificationError(
                f"{formula!r} names no entity: write '| municipality' behind it, or pass entity= for a "
                "pooled model clustered by it"
            )
        parts.setdefault("effects", "entity" if chosen in parsed.absorbed else "none")
        given = parts.pop("absorb", ())
        others = tuple(name for name in parsed.absorbed if name != chosen)
        parts["absorb"] = (*others, *((given,) if isinstance(given, str) else given))
        if parsed.endogenous:
            parts |= {"endogenous": parsed.endogenous, "instruments": parsed.instruments}
        return cls(parsed.outcome, parsed.regressors, chosen, time, **parts)

    def __repr__(self) -> str:
        given = {part.name: getattr(self, part.name) for part in fields(self) if part.name in _OPTIONAL}
        defaults = {part.name: part.default for part in fields(self)}
        told = {"time": self.time} | {name: v for name, v in given.items() if v != defaults[name]}
        told |= {"entity": self.entity} if self.effects == "none" else {}
        listed = "".join(f", {name}={value!r}" for name, value in told.items() if value != defaults[name])
        return f"Specification.from_formula({self.formula!r}{listed})"

    @property
    def formula(self) -> str:
        """The specification's outcome, regressors, absorbed effects and instruments as a formula."""
        entity = (_quote_set(self.entity),) if self.effects == "entity" else ()
        sets = (*entity, *("^".join(map(_quote_set, name.split("^"))) for name in self.absorb))
        absorbed = f" | {' + '.join(sets)}" if sets else ""
        right = _sum(self.regressors) if self.regressors else "1"
        if self.endogenous:
            absorbed += f" | {_sum(self.endogenous)} ~ {_sum(self.instruments)}"
        return f"{outcome_in_formula(self.outcome)} ~ {right}{absorbed}"

    def to_toml(self) -> str:
        """Write the parts that are not at their defaults as TOML, the formula first.

        Read back by `from_toml`, the specification is equal; only a regressor written with ``*`` comes back
        as its parts.
        """
        lines = [f"formula = {_toml(self.formula)}"]
        if self.effects == "none":
            lines.append(f"entity = {_toml(self.entity)}")
        lines.append(f"time = {_toml(self.time)}")
        for part in fields(self):
            value = getattr(self, part.name)
            if part.name in _OPTIONAL and value != part.default:
                lines.append(f"{part.name} = {_toml(value)}")
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str) -> "Specification":
        """Read what `to_toml` writes.

        Raises
        ------
        SpecificationError
            If the text is not TOML, lacks the formula, or has a part that does not exist or is of a wrong
            type; all that is wrong is told at once.
        """
        return read_as(parse_toml(text, "the specification"), SpecificationTable).specification

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> "Specification":
        """Make a specification from a table of TOML with the key formula.

        Raises
        ------
        SpecificationError
            As `from_toml`.
        """
        return read_as(as_toml(parts, "the specification"), SpecificationTable).specification

    def adding(self, *terms: str) -> "Specification":
        """Return a copy with further regressors after the present ones."""
        return replace(self, regressors=(*self.regressors, *terms))

    def without(self, *terms: str) -> "Specification":
        """Return a copy without some regressors.

        Raises
        ------
        SpecificationError
            If one of them is not a regressor here.
        """
        terms = tuple(canonical(term) for term in terms)
        absent = [t for t in terms if t not in self.regressors]
        if absent:
            raise SpecificationError(f"not among the regressors: {', '.join(absent)}")
        return replace(self, regressors=tuple(t for t in self.regressors if t not in terms))

    def vary(self, **changes: Any) -> "Specification":
        """Return a copy with some parts replaced: ``spec.vary(weights=None, covariance="cluster")``.

        Raises
        ------
        SpecificationError
            If a part of that name does not exist.
        """
        unknown = sorted(set(changes) - set(self.__dataclass_fields__))
        if unknown:
            raise SpecificationError(
                f"a specification has no {', '.join(unknown)}; its parts are "
                f"{', '.join(self.__dataclass_fields__)}"
            )
        return replace(self, **changes)


def dummies_of(absorb: Sequence[str]) -> str:
    """Write absorbed sets as terms: ``C(region), C(sector):C(year)``."""
    return ", ".join(":".join(f"C({column})" for column in name.split("^")) for name in absorb)


@dataclass(frozen=True, slots=True)
class SpecificationTable:
    """A specification as a table of TOML has it.

    Attributes
    ----------
    formula : str
    entity, weights : str, optional
    time, convention : str
    macros : mapping of str to sequence of str
    covariance, sample, absorb : tuple of str
        One text or a list of texts.
    """

    __pydantic_config__: ClassVar = CLOSED
    formula: Text
    entity: Text | None = None
    time: Text = DEFAULT_TIME
    macros: dict[str, Texts] = field(default_factory=dict)
    weights: Text | None = None
    covariance: Texts = ("classical",)
    sample: Texts = ()
    convention: Annotated[Text, AfterValidator(one_of(CONVENTIONS))] = "areg"
    absorb: Texts = ()

    @property
    def specification(self) -> Specification:
        """The specification.

        Raises
        ------
        SpecificationError
            If the formula or another part cannot be read.
        """
        return Specification.from_formula(
            self.formula,
            entity=self.entity,
            time=self.time,
            macros=self.macros,
            weights=self.weights,
            covariance=self.covariance,
            sample=self.sample,
            convention=self.convention,
            absorb=self.absorb,
        )


@dataclass(frozen=True, slots=True)
class SpecificationFile:
    """What a file of specifications holds.

    Attributes
    ----------
    specifications : mapping of str to Specification
    rename : mapping of str to str
        Column of the data -> the name that the specifications use.
    """

    specifications: Mapping[str, Specification]
    rename: Mapping[str, str]


def read_specifications(path: str | Path) -> dict[str, Specification]:
    """Read specifications from a TOML file, see `read_specification_file`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Name (for a single one the file's stem) -> Specification.
    """
    return dict(read_specification_file(path).specifications)


def read_specification_file(path: str | Path) -> SpecificationFile:
    """Read a TOML file of specifications.

    Parameters
    ----------
    path : str or Path
        Either one specification at the top level, as `Specification.to_toml` writes it, or a table for each,
        whose name becomes its name; and optionally a table ``[rename]``: column of the data = name in the
        formulas.

    Returns
    -------
    SpecificationFile

    Raises
    ------
    DataMissingError
        If there is no such file.
    SpecificationError
        If the file is not TOML or a specification cannot be read; all faults are told at once, each with its
        table and line.
    """
    file = read_toml(path, "file of specifications")
    keys = [key for key in file.content if key != _RENAME]
    single = any(not isinstance(file.content[key], dict) for key in keys) or "formula" in keys
    places = {Path(path).stem: ()} if single else {key: (key,) for key in keys}
    faults = [] if keys else ['it has no specification: write formula = "y ~ x | entity"']
    specs: dict[str, Specification] = {}
    body = replace(file, content={key: file.content[key] for key in keys})
    for name, within in places.items():
        table, found = try_as(body, SpecificationTable, within)
        faults += found
        if table is not None:
            try:
                specs[name] = table.specification
            except SpecificationError as error:
                faults.append(f"{place((*within, 'formula'), file.text)}: {error}")
    rename: dict[str, str] = {}
    if _RENAME in file.content:
        renamed, found = try_as(file, dict[str, Text], (_RENAME,))
        rename, faults = renamed or {}, faults + found
    refuse(file.name, faults)
    return SpecificationFile(specs, rename)


_RENAME = "rename"
_OPTIONAL = ("weights", "covariance", "sample", "convention")


def _sum(terms: Sequence[str]) -> str:
    return " + ".join(map(in_formula, terms))


def _read_terms(terms: str | Sequence[str], part: str) -> tuple[str, ...]:
    """Endogenous terms or instruments as they are kept, each once."""
    listed = (terms,) if isinstance(terms, str) else tuple(terms or ())
    if len(listed) > MOST_TERMS or not all(isinstance(term, str) and term.strip() for term in listed):
        raise SpecificationError(f"{part} are at most {MOST_TERMS:,} texts, none of them empty")
    read = tuple(canonical(term) for term in listed)
    repeated = sorted({term for term in read if read.count(term) > 1})
    if repeated:
        raise SpecificationError(f"{part} named twice: {', '.join(repeated)}")
    return read


def _check_instruments(spec: Specification) -> None:
    """Refuse what cannot be instrumented: all faults at once."""
    endogenous, instruments = spec.endogenous, spec.instruments
    if bool(endogenous) != bool(instruments):
        raise SpecificationError(
            "endogenous terms and instruments go together: write | income ~ grant behind the formula, or "
            "pass endogenous= and instruments="
        )
    outcome = {spec.outcome} & {*endogenous, *instruments}
    exogenous = [term for term in endogenous if term in spec.regressors]
    included = [term for term in instruments if term in spec.regressors]
    faults = [f"{term!r} is the outcome, and no endogenous term or instrument" for term in outcome]
    faults += [
        f"{term!r} is both endogenous and a regressor: leave it out of the regressors" for term in exogenous
    ]
    faults += [
        f"{term!r} is both an instrument and a regressor: a regressor is its own instrument already, so "
        "leave it out behind the '~', or out of the regressors if it has no effect of its own"
        for term in included
    ]
    if faults:
        raise SpecificationError("; ".join(faults))


def _quote_set(name: str) -> str:
    """Write a column's name behind the bar."""
    return name if re.fullmatch(r"[^\W\d]\w*", name) else quote(name)


def _read_absorb(absorb: str | Sequence[str], entity: str, effects: str) -> tuple[str, ...]:
    """Further absorbed sets, checked: each once, and none that is the entity's."""
    sets = (absorb,) if isinstance(absorb, str) else tuple(absorb or ())
    if len(sets) > MOST_SETS:
        raise SpecificationError(f"{len(sets)} absorbed sets of effects, and at most {MOST_SETS} are read")
    for name in sets:
        refuse_excess(name, "absorbed set")
    repeated = sorted({name for name in sets if sets.count(name) > 1})
    if repeated:
        raise SpecificationError(f"absorbed twice: {', '.join(repeated)}")
    if entity in sets:
        raise SpecificationError(
            f"{entity!r} is the entity, whose effects are absorbed already: leave it out of absorb"
            if effects == "entity"
            else f"{entity!r} is the entity: absorb its effects with effects='entity', not in absorb"
        )
    for name in sets:
        parts = name.split("^")
        if not all(part.strip() for part in parts) or len(set(parts)) < len(parts):
            raise SpecificationError(f"cannot absorb {name!r}: write a column, or different columns as a^b")
    return sets


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    # A JSON text is a TOML basic string, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


NEEDS = (
    "age_0_5",
    "age_6_15",
    "age_16_66",
    "age_67_79",
    "age_80_plus",
    "living_alone_80_plus",
    "divorced_16_66",
    "unemployed_15_74",
    "immigrants",
    "urban",
    "deaths",
    "population_10k",
)

YEARS = Specification("net_expenditure", ("C(year)",), "municipality", "year", weights="population")
WITH_NEEDS = YEARS.adding(*NEEDS)
WITH_INCOME = WITH_NEEDS.adding("free_income")
WITH_INCOME_BY_YEAR = WITH_INCOME.adding("C(year):free_income")

SPECIFICATIONS = {
    "A3-1": YEARS,
    "A3-2": WITH_NEEDS,
    "A3-3": WITH_INCOME,
    "A3-4": WITH_INCOME_BY_YEAR,
}
