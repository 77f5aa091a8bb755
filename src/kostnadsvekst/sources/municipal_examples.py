"""Made-up books that show what the municipal systems do; what a source gives is named in their rows."""

from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.municipal_book import MunicipalBook, read_municipal_book
from kostnadsvekst.sources.municipal_forms import BookKind

# Of every number of an example, as files and tables of both languages have it.
MADE_UP_ORIGIN = "oppdiktet"


def example_book(kind: BookKind) -> MunicipalBook:
    """Read the example of a kind of book.

    Parameters
    ----------
    kind : BookKind
    """
    first = embedded_path(f"examples/municipal/{kind.name}/{kind.forms[0].name}.csv")
    return read_municipal_book(first.parent, kind, MADE_UP_ORIGIN)
