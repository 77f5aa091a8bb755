"""Municipalities through mergers: numerators and denominators summed to fixed borders."""

import pandas as pd

from kostnadsvekst.errors import InvalidDataError

# Svalbard, Jan Mayen, the continental shelf, unknown.
NO_MUNICIPALITY = ("21", "22", "23", "99")
VALUE_COLUMNS = ("municipality", "year", "quantity", "value")


def check_codes(values: pd.DataFrame, mapping: pd.DataFrame) -> None:
    """Check that every municipality with an amount is one that the borders know.

    Parameters
    ----------
    values : DataFrame
        With ``municipality``, ``year`` and ``value``. Codes of other times are fine as long as they hold
        nothing but zero or null, as they do in Statistics Norway's tables.
    mapping : DataFrame
        From `kostnadsvekst.sources.klass.municipality_mapping`.

    Raises
    ------
    InvalidDataError
        Codes that no year of the period has; every one is listed.
    """
    filled = values[values["value"].fillna(0) != 0]
    found = set(filled["municipality"]) - set(mapping["code"]) - set(mapping["target"])
    unknown = sorted(code for code in found if not code.startswith(NO_MUNICIPALITY))
    if unknown:
        raise InvalidDataError(
            f"{len(unknown)} municipality code(s) do not exist in {mapping['year'].min()}-"
            f"{mapping['year'].max()} (codes have four digits, with the leading zero)",
            unknown,
        )


def sum_to_borders(values: pd.DataFrame, mapping: pd.DataFrame) -> pd.DataFrame:
    """Totals on fixed borders.

    Parameters
    ----------
    values : DataFrame
        ``municipality`` (code of the year), ``year``, ``quantity``, ``value``: totals, never rates. Rows of
        codes
        that do not exist in their year (retired codes, which Statistics Norway reports as zero, and future
        codes, which it reports as null) are not used.
    mapping : DataFrame
        ``year``, ``code``, ``target``, ``weight``; rows without a target are not used.

    Returns
    -------
    DataFrame, sorted
        ``municipality`` (target), ``year``, ``quantity``, ``value`` (NaN if any part is missing), ``gaps``
        (text: which parts are missing).

    Raises
    ------
    InvalidDataError
        A municipality, year and quantity that occurs twice.

    Notes
    -----
    Where no part is missing, the sum over targets of each year and quantity is the sum over the codes that
    have a target.
    """
    keys = ["municipality", "year", "quantity"]
    twice = values[values.duplicated(keys, keep=False)].drop_duplicates(keys)
    if len(twice):
        raise InvalidDataError(
            f"{len(twice)} value(s) occur more than once",
            [f"{r.municipality} {r.year}: {r.quantity}" for r in twice.head(20).itertuples()],
        )
    parts = mapping.loc[mapping["target"] != "", ["year", "code", "target", "weight"]]
    quantities = pd.DataFrame({"quantity": sorted(values["quantity"].unique())})
    grid = parts.merge(quantities, how="cross").merge(
        values[list(VALUE_COLUMNS)],
        how="left",
        left_on=["code", "year", "quantity"],
        right_on=keys,
        validate="m:1",
    )
    missing = grid["value"].isna()
    grid["share"] = grid["value"] * grid["weight"]
    grid["gap"] = grid["code"].where(missing, "")
    # The order of addition must not depend on the order of the rows that came in.
    grid = grid.sort_values(["target", "year", "quantity", "code"], kind="stable")
    grouped = grid.groupby(["target", "year", "quantity"], sort=True)
    out = grouped.agg(value=("share", "sum"), gaps=("gap", lambda codes: ", ".join(c for c in codes if c)))
    out["value"] = out["value"].where(out["gaps"] == "")
    return out.reset_index().rename(columns={"target": "municipality"})


def describe_unused(values: pd.DataFrame, mapping: pd.DataFrame) -> list[str]:
    """Amounts on codes that did not exist in their year: sentences naming them.

    Parameters
    ----------
    values : DataFrame
        As for `sum_to_borders`.
    mapping : DataFrame

    Returns
    -------
    list of str
        Empty if all such rows are zero or missing, as they should be.
    """
    valid = pd.MultiIndex.from_frame(mapping[["code", "year"]])
    own = pd.MultiIndex.from_frame(values[["municipality", "year"]])
    within = values["year"].between(mapping["year"].min(), mapping["year"].max())
    odd = values[~own.isin(valid) & within & (values["value"].fillna(0) != 0)]
    return [f"{r.municipality} {r.year}: {r.quantity} = {r.value:g}" for r in odd.itertuples()]
