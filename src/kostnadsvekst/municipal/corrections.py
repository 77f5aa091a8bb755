"""Corrections between functions of the accounts: pairs that move a cost and change no sum."""

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.municipal.user_group_inputs import Table, explain_function, read_table, require_frame
from kostnadsvekst.municipal.user_group_terms import ALL, care_functions
from kostnadsvekst.naming import first_of

# A correction moves gross and net alike; refunds stay.
_AMOUNTS = ("gross_kr", "net_kr", "amount_kr")
_ORE = 0.005
OUTSIDE = "outside care"


def correct(accounts: pd.DataFrame, corrections: pd.DataFrame) -> pd.DataFrame:
    """Move costs between functions; what was moved stays visible.

    Parameters
    ----------
    accounts : DataFrame
        ``municipality``, ``year``, ``function``, kroner in ``gross_kr``, ``net_kr`` or ``amount_kr`` (those
        that are there are moved alike), and further columns such as ``group``, ``service``, ``provision``.
    corrections : DataFrame
        One row for each line: ``pair`` (what belongs together, such as a cost centre), ``municipality``,
        ``year``, ``function``, ``amount_kr`` with its sign, ``reason``, and those columns of `accounts` that
        say where the line belongs. ``municipality`` and ``year`` may be left out where the accounts have one.

    Returns
    -------
    DataFrame
        The rows of `accounts`, then those of `corrections`, with the columns ``correction`` (the pair) and
        ``reason``, empty for the accounts themselves.

    Raises
    ------
    InvalidDataError
        Pairs that do not sum to zero in a municipality and year (to the øre), have one line or no reason;
        amounts that are no numbers; functions that do not exist in the year; a municipality and year without
        accounts. All are named.
    DataMissingError
        Columns that lack.

    Notes
    -----
    Source: Harstad 2023, annex 3.1; Ålesund 2020, annex 4.
    """
    for frame, name in ((accounts, "accounts"), (corrections, "corrections")):
        require_frame(frame, name)
    ledger = read_table(accounts, "accounts", _accounts_table(accounts))
    moved_lines = _read_corrections(ledger, corrections)
    _refuse_faults(ledger, moved_lines)
    lines = _with_reasons(moved_lines).rename(columns={"pair": "correction"})
    amount = lines.pop("amount_kr")
    lines = lines.assign(**{name: amount for name in _AMOUNTS if name in ledger})
    if "refund_kr" in ledger:
        lines["refund_kr"] = 0.0
    before = ledger if "correction" in ledger else ledger.assign(correction="", reason="")
    result = pd.concat([before, lines[[c for c in before if c in lines]]], ignore_index=True)
    result.attrs = dict(accounts.attrs)
    return result


def moved(corrections: pd.DataFrame) -> pd.DataFrame:
    """Sum up what corrections move to and from each function.

    Parameters
    ----------
    corrections : DataFrame
        As for `correct`; without ``municipality`` or ``year`` all lines are of one.

    Returns
    -------
    DataFrame
        ``municipality`` and ``year`` where given, ``function``, ``lines``, ``amount_kr``; after the
        functions of each municipality and year two sums: ``"outside care"`` (functions that the analysis of
        care leaves out) and ``"all"``.

    Raises
    ------
    InvalidDataError, DataMissingError
        As `correct`; sums are not judged here.
    """
    require_frame(corrections, "corrections")
    where = [c for c in ("municipality", "year") if c in corrections]
    lines = read_table(
        corrections, "corrections", Table((*where, "function"), ("amount_kr",), whole_rows=False)
    )
    known = care_functions()
    care = lines["function"].map(lambda code: code in known and known[code].care).astype(bool)
    parts = [lines, lines[~care].assign(function=OUTSIDE), lines.assign(function=ALL)]
    keys = [*where, "part", "function"]
    numbered = pd.concat([part.assign(part=k) for k, part in enumerate(parts)])
    sums = numbered.groupby(keys)["amount_kr"].agg(lines="size", amount_kr="sum").reset_index()
    return sums.drop(columns="part")


def _accounts_table(accounts: pd.DataFrame) -> Table:
    amounts = tuple(name for name in (*_AMOUNTS, "refund_kr") if name in accounts)
    return Table(("municipality", "year", "function"), amounts or ("amount_kr",), whole_rows=False)


def _read_corrections(ledger: pd.DataFrame, corrections: pd.DataFrame) -> pd.DataFrame:
    """Lines of the corrections, with the municipality and year that the accounts have where none is said."""
    only = {
        name: ledger[name].iloc[0]
        for name in ("municipality", "year")
        if name not in corrections and len(set(ledger[name])) == 1
    }
    keys = ("municipality", "year", "function", "pair", "reason")
    return read_table(
        corrections.assign(**only), "corrections", Table(keys, ("amount_kr",), whole_rows=False)
    )


def _with_reasons(lines: pd.DataFrame) -> pd.DataFrame:
    """Lines without a reason of their own have that of their pair."""
    written = lines["reason"].where(lines["reason"].str.strip() != "")
    of_pair = written.groupby([lines[c] for c in ("municipality", "year", "pair")]).transform("first")
    return lines.assign(reason=written.fillna(of_pair))


def _refuse_faults(ledger: pd.DataFrame, lines: pd.DataFrame) -> None:
    known, problems = care_functions(), []
    for row in lines.itertuples():
        function = known.get(str(row.function))
        if function is not None and not function.exists(int(row.year)):
            problems.append(
                f"{row.municipality} {row.year}, pair {row.pair}: {explain_function(function, int(row.year))}"
            )
    accounted = set(zip(ledger["municipality"], ledger["year"], strict=True))
    for (place, year, pair), rows in lines.groupby(["municipality", "year", "pair"], sort=False):
        where = f"{place} {year}, pair {pair}"
        if (place, year) not in accounted:
            problems.append(f"{where}: no accounts of this municipality and year")
        if len(rows) < 2:
            problems.append(f"{where}: one line only; say where the amount comes from or goes to")
        if abs(rows["amount_kr"].sum()) > _ORE:
            problems.append(f"{where}: the lines sum to {rows['amount_kr'].sum():.2f} kr, not to zero")
        if not rows["reason"].astype(str).str.strip().ne("").any():
            problems.append(f"{where}: no reason is given; write why the cost is moved")
    if problems:
        raise InvalidDataError(f"corrections: {len(problems)} problem(s)", first_of(problems))
