"""Protected tables of the register, read by service, age group and sex."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class RegisterTables:
    """Protected tables of the register.

    Attributes
    ----------
    weekly : DataFrame
        `protect_cube` of the weekly cube.
    yearly : DataFrame
        `protect_cube` of the yearly users.
    """

    weekly: pd.DataFrame
    yearly: pd.DataFrame

    def users(self, services: Sequence[str], group: str = "all", sex: str = "all") -> pd.Series:
        """Users by week, summed over services; missing where any part is confidential."""
        return self._sum("users", services, group, sex)

    def hours_per_user(self, services: Sequence[str], group: str = "all") -> pd.Series:
        """Hours per user with hours, by week; one service."""
        return self._by_week(self._rows(services, group, "all").set_index("week")["hours_per_user"])

    def mean_age(self, services: Sequence[str], group: str = "all") -> pd.Series:
        """Mean age of the users by week, years; one service."""
        return self._by_week(self._rows(services, group, "all").set_index("week")["mean_age"])

    def users_of_year(self, services: Sequence[str], year: int) -> float:
        """Distinct users of one service in a calendar year."""
        t = self.yearly
        rows = t[(t["service"].isin(services)) & (t["age_group"] == "all") & (t["sex"] == "all")]
        return float(rows.loc[rows["year"] == year, "users"].sum(min_count=1))

    def _rows(self, services: Sequence[str], group: str, sex: str) -> pd.DataFrame:
        t = self.weekly
        return t[t["service"].isin(services) & (t["age_group"] == group) & (t["sex"] == sex)]

    def _sum(self, measure: str, services: Sequence[str], group: str, sex: str) -> pd.Series:
        rows = self._rows(services, group, sex)
        return self._by_week(rows.groupby("week")[measure].sum(min_count=len(services)))

    def _by_week(self, values: pd.Series) -> pd.Series:
        """All weeks of the register in order; missing where the service has nobody."""
        return values.reindex(pd.DatetimeIndex(np.sort(self.weekly["week"].unique()), name="week"))
