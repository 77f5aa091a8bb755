"""What is said of claims in words: how a measure is computed, what a word of size allows, what would settle.

All of it is data: ``parameters/claim_measures.csv``, ``claim_words.csv`` and ``claim_sources.csv``.
"""

from collections.abc import Mapping
from functools import lru_cache

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.sources.embedded import embedded_path

# Measures of table 1 are those of the account of chapter 4.
_COMPUTED_IN = {"table-1": "growth"}
MODULES: Mapping[str, str] = {
    "growth": "analysis.claims.growth",
    "table-1": "analysis.claims.growth",
    "kpr": "analysis.claims.register",
    "ohd": "analysis.claims.acute_beds",
    "printed": "analysis.claims.printed",
    "national": "analysis.claims.national",
    "panel": "analysis.claims.panel",
}


def describe_measure(chapter: str, measure: str) -> Bilingual:
    """Say how a measure is computed.

    Parameters
    ----------
    chapter, measure : str
        Of a row of `kostnadsvekst.sources.published.load_claims`.

    Raises
    ------
    InvalidDataError
        If nothing is said of the measure; the nearest is suggested.
    """
    chapter, name = _COMPUTED_IN.get(chapter, chapter), measure.split(":", maxsplit=1)[0]
    known = _read("claim_measures.csv", ("chapter", "measure"))
    if f"{chapter}:{name}" not in known:
        raise InvalidDataError(
            f"claim_measures.csv says nothing of {nearest_names([f'{chapter}:{name}'], known)}"
        )
    return _bilingual(known[f"{chapter}:{name}"])


def describe_source(key: str) -> Bilingual:
    """Name what would settle a claim that no data at hand hold; empty for none.

    Parameters
    ----------
    key : str
        Column ``settled_by`` of a claim.

    Raises
    ------
    InvalidDataError
        If the key is not in the file.
    """
    if not key:
        return Bilingual("", "")
    known = _read("claim_sources.csv", ("key",))
    if key not in known:
        raise InvalidDataError(f"claim_sources.csv does not name {nearest_names([key], known)}")
    return _bilingual(known[key])


def load_words() -> pd.DataFrame:
    """Words of size without a number, and what each allows.

    Returns
    -------
    DataFrame, index ``word``
        ``nb`` (in the report's language), ``value`` (a number within), ``low``, ``high`` (NaN where a test
        decides), ``reasoning``.
    """
    return pd.read_csv(embedded_path("parameters/claim_words.csv"), index_col="word")


@lru_cache(maxsize=4)
def _read(name: str, keys: tuple[str, ...]) -> Mapping[str, dict[str, str]]:
    rows = pd.read_csv(embedded_path(f"parameters/{name}"), dtype=str, keep_default_na=False)
    return {":".join(row[key] for key in keys): row for row in rows.to_dict("records")}


def _bilingual(row: Mapping[str, str]) -> Bilingual:
    return Bilingual(row["nb"], row["en"])
