"""Tables of three ways as they may leave: layers of one whole, and their sum."""

from collections.abc import Collection, Hashable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.register.linked_tables import suppress_linked, suppress_table
from kostnadsvekst.register.table_checks import (
    ALL,
    CONFIDENTIAL,
    MAYBE_NOBODY,
    check_threshold,
    read_cells,
    refuse_other_totals,
    same_labels,
    with_margins,
)


def protect_layers(
    layers: Mapping[Hashable, pd.DataFrame],
    threshold: int = 5,
    *,
    total: str = ALL,
    not_totals: Collection[Hashable] = (),
) -> dict[Hashable, pd.DataFrame]:
    """Suppress cells of a table of three ways so that no small one can be worked out from layers and margins.

    Parameters
    ----------
    layers : mapping of label to DataFrame of persons
        Two-way tables of the same labels, with or without margins labelled `total`; each person in one layer.
        A layer called `total` must be the sum of the others.
    threshold : int
        Cells with at least one but fewer persons are suppressed; 2 or more.
    total : str
        Label of the margins and of the layer of all.
    not_totals : collection of labels
        Rows, columns and layers that are the sum of others by chance.

    Returns
    -------
    dict of label to DataFrame of object
        The layers with margins, and their sum last, under `total`. Suppressed cells hold ``":"``, or ``".."``
        where there may be nobody; other empty cells are shown. ``attrs["suppressed"]`` is their number.

    Raises
    ------
    InvalidDataError
        As `protect`; layers of other labels, a layer that is the sum of the others.
    SpecificationError
        A threshold below 2.

    Notes
    -----
    The table of all is protected by itself, and then the layers below what it shows; see
    `linked_tables.suppress_linked`. Layers that are published one by one by `protect` are not safe beside
    their sum: what one hides is the rest of what the others show.
    """
    threshold = check_threshold(threshold)
    full = _read_layers(layers, total, not_totals)
    values = np.stack([table.to_numpy(dtype=np.int64) for table in full.values()])
    whole = values.sum(axis=0)
    above = suppress_table(whole, threshold, _few(whole, threshold))
    below = suppress_linked(values, threshold, _few(values, threshold), above.hidden[0], whole)
    frame = next(iter(full.values()))
    shown = {
        label: _shown(table, below.hidden[k], below.closed[k], threshold)
        for k, (label, table) in enumerate(full.items())
    }
    return {**shown, total: _shown(frame * 0 + whole, above.hidden[0], above.closed[0], threshold)}


def _few(counts: NDArray[np.int64], threshold: int) -> NDArray[np.bool_]:
    return (counts > 0) & (counts < threshold)


def _shown(
    table: pd.DataFrame, hidden: NDArray[np.bool_], closed: NDArray[np.bool_], threshold: int
) -> pd.DataFrame:
    shown = table.astype(object).mask(hidden, CONFIDENTIAL).mask(hidden & closed, MAYBE_NOBODY)
    shown.attrs = {"suppressed": int(hidden.sum()), "threshold": threshold}
    return shown


def _read_layers(
    layers: Mapping[Hashable, pd.DataFrame], total: str, not_totals: Collection[Hashable]
) -> dict[Hashable, pd.DataFrame]:
    """Layers with margins, all in the order of the first; without the layer of all."""
    if not isinstance(layers, Mapping) or not [label for label in layers if label != total]:
        raise InvalidDataError("layers: give a mapping of labels to tables, one besides the total at least")
    found: dict[Hashable, pd.DataFrame] = {}
    problems: list[str] = []
    for label, table in layers.items():
        try:
            numbers, _ = read_cells(table, f"layer {label!r}", whole=True)
            refuse_other_totals(numbers, total, not_totals, f"layer {label!r}")
            found[label] = with_margins(numbers, total, f"layer {label!r}").round().astype("int64")
        except InvalidDataError as error:
            problems += [error.summary, *error.problems]
    if not problems:
        first, model = next(iter(found.items()))
        for label, table in found.items():
            faults = same_labels(model, table, f"layer {label!r}", total)
            problems += [f"layer {first!r}: {fault}" for fault in faults]
    if problems:
        raise InvalidDataError(f"layers: {len(problems)} problem(s)", problems)
    found = {label: table.loc[model.index, model.columns] for label, table in found.items()}
    return _without_sum(found, total, not_totals)


def _without_sum(
    found: dict[Hashable, pd.DataFrame], total: str, not_totals: Collection[Hashable]
) -> dict[Hashable, pd.DataFrame]:
    given = found.pop(total, None)
    lines = pd.DataFrame({label: table.iloc[:-1, :-1].to_numpy().ravel() for label, table in found.items()}).T
    refuse_other_totals(lines, total, not_totals, "layers")
    if given is not None:
        wrong = np.argwhere((sum(found.values()) != given).to_numpy())
        if len(wrong):
            places = [f"{given.index[i]}, {given.columns[j]}" for i, j in wrong]
            raise InvalidDataError(f"layer {total!r} is not the sum of the others", places)
    return found
