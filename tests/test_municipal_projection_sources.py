"""A projection from the StatBank, and its fan."""

import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.report.projection_fan import draw_projection_fan
from kostnadsvekst.sources import population_projections as sources

projection = kv.municipal.projection


def test_an_edition_is_asked_for_by_the_texts_of_its_alternatives(monkeypatch):
    asked = {}

    def fetch(table, selection, **options):
        asked.update(table=table, selection=selection, **options)
        cells = pd.DataFrame(
            {
                "Region": "1508",
                "Alder": ["079", "105+"],
                "ContentsCode": "Personer",
                "Tid": "2024",
                "value": [3.0, 1.0],
            }
        )
        cells.attrs["labels"] = {
            "Region": {"1508": "Ålesund (2024-)"},
            "ContentsCode": {"Personer": "Hovedalternativet (MMMM)"},
            "Alder": {"079": "79 år", "105+": "105 år eller eldre"},
        }
        return cells

    monkeypatch.setattr(sources, "fetch", fetch)
    made = sources.fetch_projection(2024, ["1508"], alternatives=["MMMM"], offline=True)
    assert asked["table"] == "14288"
    assert asked["selection"]["ContentsCode"] == ["label:*MMMM*"]
    assert asked["offline"] is True
    assert made["municipality"].tolist() == ["Ålesund"] * 2
    assert made["borders"].tolist() == ["2024-"] * 2
    assert made["alternative"].tolist() == ["MMMM"] * 2
    assert made["edition"].tolist() == [2024] * 2
    assert made["age_group"].tolist() == ["79 år", "105 år eller eldre"]
    assert made["population"].tolist() == [3, 1]
    with pytest.raises(DataMissingError, match="no table is known of edition 1999"):
        sources.fetch_projection(1999, ["1508"])


def fan():
    rows = [
        (a, y, "80+", 400 + (y - 2020) * g)
        for a, g in (("MMMM", 20), ("LLML", 12))
        for y in range(2020, 2045, 4)
    ]
    people = pd.DataFrame(rows, columns=["alternative", "year", "age_group", "population"])
    shares = {"80+": 0.2}
    made = projection.bands(projection.project(shares, people), projection.recorded_errors())
    return made.sort_values("alternative", ascending=False)


@pytest.mark.parametrize(("lang", "word"), [("nb", "Plasser framover"), ("en", "Places ahead")])
def test_the_fan_can_be_read(lang, word):
    picture = draw_projection_fan(fan(), lang, source="Oppdiktet")
    assert picture.layout_faults == ()
    assert word in picture.description


def test_a_fan_of_several_rows_a_year_is_refused():
    with pytest.raises(InvalidDataError) as caught:
        draw_projection_fan(pd.concat([fan(), fan().assign(low=float("nan"))]))
    told = " | ".join(caught.value.problems)
    assert "several rows of an alternative and year" in told
    assert "numbers lack in 2020" in told
