"""Dated parameters of municipal economy."""

from dataclasses import dataclass

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.sources.embedded import municipal_parameters


@dataclass(frozen=True, slots=True)
class RefundRule:
    """Refund for resource-intensive users in a year.

    Attributes
    ----------
    year : int
    threshold_kr : float
        Cost of a user (innslagspunkt) above which the state pays a share.
    share : float
    disability_deduction_kr : float
        Grant for each user under the disability criterion (PU-kriteriet), deducted from the cost first.
    source : str
    """

    year: int
    threshold_kr: float
    share: float
    disability_deduction_kr: float
    source: str


def load_refund_rules() -> dict[int, RefundRule]:
    """Refund rules by year, as far as a source states them."""
    years = municipal_parameters()["refund_resource_intensive"]["years"]
    return {int(year): RefundRule(int(year), **rule) for year, rule in years.items()}


def refund_rule(year: int) -> RefundRule:
    """Refund rule of a year.

    Parameters
    ----------
    year : int

    Raises
    ------
    DataMissingError
        No source that the package knows states the year.
    """
    rules = load_refund_rules()
    if year not in rules:
        known = ", ".join(map(str, sorted(rules)))
        raise DataMissingError(
            f"no refund rule for {year} (known: {known}); give threshold, share and deductions yourself"
        )
    return rules[year]
