"""Mean age of the users and share of women among them, month by month, from the protected weekly table."""

import numpy as np
import pandas as pd

from kostnadsvekst.register.schema import weeks_of_month
from kostnadsvekst.register.tables import RegisterTables

_KEYS = ["service", "age_group"]
_WOMEN, _BOTH = "2", "all"


def monthly_profile(tables: RegisterTables) -> pd.DataFrame:
    """Mean age and share of women among the users of each service and age group, by month.

    Parameters
    ----------
    tables : RegisterTables
        Of the country or of one municipality.

    Returns
    -------
    DataFrame
        ``service``, ``age_group`` (also ``"all"``), ``month`` (``"YYYY-MM"``), ``mean_age_years``,
        ``mean_age_unit_years`` (the mean age is off by half of it at most) and ``women_percent``: means of
        the month's weeks, without ISO weeks 52, 53 and 1. Missing where a week of the month is: a mean age
        below 20 users or beside a suppressed age group, a share where the women or all users are suppressed,
        both where nobody uses the service. Services that nobody uses at all have no rows.

    Notes
    -----
    A month's share is the mean of its weeks' shares, not of its persons.
    """
    weekly = tables.weekly.astype(dict.fromkeys(_KEYS, object))
    both = weekly[weekly["sex"].astype(str) == _BOTH]
    women = weekly[weekly["sex"].astype(str) == _WOMEN]
    measures = {
        "mean_age_years": _by_week(both, "mean_age"),
        "mean_age_unit_years": _by_week(both, "mean_age_unit"),
        "women_percent": 100 * _by_week(women, "users") / _by_week(both, "users"),
    }
    months = {name: _monthly(wide).unstack() for name, wide in measures.items()}
    frame = pd.DataFrame(months).reset_index()
    return frame.sort_values([*_KEYS, "month"], ignore_index=True)[[*_KEYS, "month", *measures]]


def _by_week(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Weeks × (service, age group)."""
    return rows.set_index(["week", *_KEYS])[measure].unstack(_KEYS).sort_index()


def _monthly(wide: pd.DataFrame) -> pd.DataFrame:
    """Means over the weeks of each month; missing where one of them is."""
    weeks = pd.DatetimeIndex(wide.index)
    label = np.full(len(weeks), "", dtype=object)
    for month in weeks.strftime("%Y-%m").unique():
        label[weeks_of_month(weeks, month)] = month
    inside = wide[label != ""].groupby(pd.Index(label[label != ""], name="month"))
    means: pd.DataFrame = inside.mean()
    return means.where(inside.count() == inside.size().to_numpy()[:, None])
