"""Parts of chapters that no printed number passes through: notes, progress, pictures of the user's data."""

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.chapters import growth_tables, specification_curve
from kostnadsvekst.provenance import Provenance


def notes_of(total):
    """Notes of table 1 where the parts sum to 400 and the stated total is another."""
    spent = pd.DataFrame(
        {"253": [100.0, 100.0], "254": [300.0, 300.0], "FGK9": [900.0, total]},
        index=pd.Index([2019, 2020], name="year"),
    )
    accounted = kv.growth.account(spent, pd.Series(1.0, index=spent.index))
    return [note.en for note in growth_tables.table_1(accounted, Provenance("synthetic")).notes]


def test_parts_that_sum_to_more_than_the_total_are_told_for_the_year_of_the_table():
    assert notes_of(380.0)[0] == "The parts sum to 20 more than the stated total."
    assert len(notes_of(380.0)) == 2


def test_parts_that_sum_to_the_total_need_no_note():
    assert len(notes_of(400.0)) == 1, "the footer; the residual of the year before is not told"


@pytest.mark.parametrize("progress", [False, True])
def test_progress_of_the_curve_is_shown_where_it_is_asked_for(monkeypatch, progress):
    bars, ticked = [], []

    class Line:
        def __init__(self, label, total, *, shown):
            bars.append((total, shown))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def reach(self, done):
            ticked.append(done)

    def curve(specs, panel, *, added, tick, tested, **rest):
        tick(3)
        kept = [tested(spec) for spec in specs]
        return len(specs) + len(added), np.mean(kept)

    monkeypatch.setattr(specification_curve, "Progress", Line)
    monkeypatch.setattr(specification_curve, "specification_curve", curve)
    n, share = specification_curve.fit_curve(pd.DataFrame(), progress)
    assert n == 2888, "2,880 of the grid and 8 added"
    assert share == 0.5, "half of them have municipality effects"
    assert (bars, ticked) == ([(n, progress)], [3])
