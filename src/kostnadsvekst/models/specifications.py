"""Regression specifications as values: the file that researchers extend.

A specification says what is regressed on what, and nothing about how. The four models of the report's
table A3 stand at the end of the module; each differs from the one before by one line.
"""

from dataclasses import dataclass, replace
from typing import Any

from kostnadsvekst.errors import SpecificationError

COVARIANCES = ("classical", "hc1", "cluster")


@dataclass(frozen=True)
class Specification:
    """A linear model with one set of absorbed fixed effects.

    Parameters
    ----------
    outcome : str
        Column to be explained.
    regressors : sequence of str
        Columns or terms: ``"income"``, ``"C(year)"`` (a dummy for each level but the first),
        ``"C(year):income"`` (products), ``"C(year)*income"`` (the two and their product).
    entity : str
        Column whose levels get a fixed effect each; also the default cluster.
    time : str
        Column that orders the observations of an entity.
    weights : str, optional
        Column of positive analytic weights; they may vary over time. Without it all rows weigh the same.
    covariance : {"classical", "hc1", "cluster"}
        How standard errors are computed, see `kostnadsvekst.models.inference`.

    Raises
    ------
    SpecificationError
        If a part is empty, occurs twice, or names an unknown covariance.

    Examples
    --------
    >>> base = Specification("net_expenditure", ("C(year)",), "municipality", "year", "population")
    >>> base.adding("free_income").regressors
    ('C(year)', 'free_income')
    """

    outcome: str
    regressors: tuple[str, ...]
    entity: str
    time: str
    weights: str | None = None
    covariance: str = "classical"

    def __post_init__(self) -> None:
        if isinstance(self.regressors, str):
            raise SpecificationError(
                f"regressors must be a sequence of terms, not the text {self.regressors!r}: "
                f"write ({self.regressors!r},)"
            )
        object.__setattr__(self, "regressors", tuple(self.regressors))
        if not self.regressors:
            raise SpecificationError("a specification needs at least one regressor")
        repeated = sorted({t for t in self.regressors if self.regressors.count(t) > 1})
        if repeated:
            raise SpecificationError(f"regressors named twice: {', '.join(repeated)}")
        if self.outcome in self.regressors:
            raise SpecificationError(f"{self.outcome!r} is both the outcome and a regressor")
        if self.covariance not in COVARIANCES:
            raise SpecificationError(
                f"unknown covariance {self.covariance!r}; known: {', '.join(COVARIANCES)}"
            )

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
