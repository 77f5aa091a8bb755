"""The profile of user groups from an extract: all municipalities and years through the code of one."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.municipal.user_group_profile import profile
from kostnadsvekst.sources.municipal_extract import MunicipalExtract, read_extract, write_extract

__all__ = ["MunicipalExtract", "profile_extract", "read_extract", "write_extract"]

_NEEDS = ("need_index", "pu_index")


def profile_extract(
    extract: MunicipalExtract,
    *,
    mean: Literal["municipalities", "ratio_of_sums"] = "municipalities",
    reference: Sequence[str] | None = None,
    merged: Mapping[str, Sequence[str]] | None = None,
    zeros_in_rates: bool = True,
    zeros_in_unit_costs: bool = False,
) -> pd.DataFrame:
    """Profile of user groups of all municipalities and years of an extract.

    Parameters
    ----------
    extract : MunicipalExtract
        From `read_extract`.
    mean, reference, merged, zeros_in_rates, zeros_in_unit_costs
        As `user_groups.profile`, which computes it.

    Returns
    -------
    DataFrame
        As `user_groups.profile`; ``attrs["provenance"]`` is that of the extract. What is not identified is
        named in ``attrs["left_out"]`` and not told as a warning.

    Raises
    ------
    InvalidDataError
        Numbers that contradict each other.
    SpecificationError
        An unknown `mean`, `reference` or `merged` municipality.
    """
    people, accounts = extract.population, extract.accounts
    needs = [name for name in _NEEDS if name in people and people[name].notna().all()]
    population = people.drop(columns=[c for c in (*_NEEDS, "source") if c in people])
    if "refund_kr" not in accounts:
        accounts = accounts.assign(refund_kr=0.0)
    accounts = accounts.assign(refund_kr=accounts["refund_kr"].fillna(0.0))
    accounts = accounts.drop(columns=_unused(accounts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        found = profile(
            extract.counts.drop(columns=_unused(extract.counts)),
            accounts,
            population.dropna(axis="columns", how="all"),
            people[["municipality", "year", *needs]],
            mean=mean,
            reference=reference,
            merged=merged,
            zeros_in_rates=zeros_in_rates,
            zeros_in_unit_costs=zeros_in_unit_costs,
        )
    found.attrs["provenance"] = extract.provenance.to_attrs()
    return found


def _unused(table: pd.DataFrame) -> list[str]:
    """Columns that are left out: the source, and the function where no row has one."""
    empty = "function" in table and table["function"].eq("").all()
    return [*(["function"] if empty else []), *(["source"] if "source" in table else [])]
