"""Groups that one's own municipality is compared with, as a book has them."""

from collections.abc import Sequence

from kostnadsvekst.language import Bilingual
from kostnadsvekst.sources.municipal_book import MunicipalBook

OTHERS = Bilingual("Alle de andre", "All the others")


def moves(book: MunicipalBook) -> bool:
    """Whether the book asks for each year's members instead of the last year's."""
    return book.frame("own")["moving_groups"].iloc[0] is True


def members_by_year(
    book: MunicipalBook, own: str, years: Sequence[int], costs: str, lang: str
) -> dict[tuple[str, int], tuple[str, ...]]:
    """Members of each group by year: those of its last year in all years, unless the book asks for each's.

    Parameters
    ----------
    book : MunicipalBook
        With the sheets ``own`` and ``groups``.
    own : str
    years : sequence of int
    costs : str
        Sheet whose other municipalities are compared with where there is no group.
    lang : {"nb", "en"}

    Returns
    -------
    dict
        Group and year -> municipalities.
    """
    if "groups" not in book.tables:
        others = tuple(m for m in dict.fromkeys(book.frame(costs)["municipality"]) if m != own)
        return {(OTHERS.get(lang), year): others for year in years}
    found = {}
    for group, rows in book.frame("groups").groupby("name", sort=False):
        last = max(rows["year"].dropna(), default=None)
        for year in years:
            of = year if moves(book) else last
            inside = rows[rows["year"].isna() | (rows["year"] == of)]
            found[str(group), year] = tuple(dict.fromkeys(inside["municipality"]))
    return found
