"""KOSTRA groups: labels of section 4.3, and the group of each unit of a panel."""

import pandas as pd

from kostnadsvekst.errors import DataMissingError


def number_of(group: str) -> str:
    """Return the number of a group, ``"EKG06"`` and ``"6"`` alike."""
    digits = "".join(character for character in group if character.isdigit())
    return str(int(digits)) if digits else group


def add_groups(panel: pd.DataFrame, groups: pd.DataFrame, year: int) -> pd.DataFrame:
    """Panel with the column ``kostra_group``.

    Parameters
    ----------
    panel : DataFrame
        With ``municipality``.
    groups : DataFrame
        ``year``, ``code``, ``kostra_group``.
    year : int
        Whose groups are used in all years; the codes of the panel must be of this year.

    Returns
    -------
    DataFrame
        Attributes are kept.

    Raises
    ------
    DataMissingError
        There are no groups for the year.
    """
    own = groups[groups["year"] == year]
    if own.empty:
        raise DataMissingError(f"no KOSTRA groups for {year}")
    by_code = own.drop_duplicates("code").set_index("code")["kostra_group"].map(number_of)
    out = panel.assign(kostra_group=panel["municipality"].map(by_code))
    out.attrs = panel.attrs
    return out
