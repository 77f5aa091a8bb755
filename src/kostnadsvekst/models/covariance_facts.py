"""What is true of a covariance, as data, and the words for it in both languages.

The numerical functions know numbers only; the name of a kind and of its columns is put on by
`kostnadsvekst.models.covariance_kinds`.
"""

from dataclasses import dataclass

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.panel.schema import label_of

NEGATIVE_EIGENVALUES = Bilingual("negative egenverdier satt til null", "negative eigenvalues set to zero")
NO_ERROR_OF_CONSTANT = Bilingual(
    "konstanten uten standardfeil: variansen er under null",
    "constant without an error: its variance is below zero",
)
# Working models of CR2, see `kostnadsvekst.models.few_clusters`, as they are printed.
TARGETS = {
    "identity": Bilingual("arbeidsmodell med lik varians", "working model of equal variances"),
    "inverse_weights": Bilingual("arbeidsmodell med varians 1/w", "working model of variances 1/w"),
}
TIES_UNCOUNTED = Bilingual("likhet regnes ikke med", "ties not counted")
# How far two periods are from each other where some are absent.
DISTANCES = {
    "calendar": Bilingual("i kalendertid", "in calendar time"),
    "rank": Bilingual("i rekkefølgen av perioder som finnes", "in the order of the periods present"),
}
# Small-sample factors, see `kostnadsvekst.models.inference.clustered`, as they are printed.
CONVENTIONS = {
    "areg": Bilingual("areg småutvalgsfaktor", "areg small-sample factor"),
    "xtreg": Bilingual("xtreg småutvalgsfaktor", "xtreg small-sample factor"),
    "none": Bilingual("uten småutvalgsfaktor", "no small-sample factor"),
}
_NARROW_SPACE = "\u202f"
# Units that are counted in their own word; others are clusters of a column.
_COUNTED = {"municipality": "kommuner", "year": "år", "month": "måneder"}


@dataclass(frozen=True, slots=True)
class DrawFacts:
    """Draws of a bootstrap.

    Attributes
    ----------
    count : int
        Number of draws or, where all are listed, of all distinct vectors.
    distribution : str
    seed : int or None
        None where every vector was listed: nothing was drawn.
    """

    count: int
    distribution: str
    seed: int | None = None

    @property
    def text(self) -> Bilingual:
        """As printed, such as ``9,999 Rademacher draws, seed 20201``."""
        name = self.distribution.capitalize()
        grouped = Bilingual(f"{self.count:,}".replace(",", _NARROW_SPACE), f"{self.count:,}")
        if self.seed is None:
            return Bilingual(f"alle {grouped.nb} {name}-vektorer", f"all {grouped.en} {name} vectors")
        return Bilingual(
            f"{grouped.nb} {name}-trekninger, frø {self.seed}",
            f"{grouped.en} {name} draws, seed {self.seed}",
        )


@dataclass(frozen=True, slots=True)
class CovarianceFacts:
    """How a covariance was computed.

    Attributes
    ----------
    kind : str
        Name in `kostnadsvekst.models.covariance_kinds.KINDS`, or of a method that has its own covariance.
    label : Bilingual, optional
        Name of the kind as printed; without it the kind itself.
    columns : tuple of str
        Of the clusters or periods, in order; empty where there are none.
    n_clusters : tuple of int
        Number of clusters of each column.
    n_periods, lags : int, optional
        Of a covariance over time.
    distance : {"calendar", "rank"}, optional
        How lags are counted where periods are absent.
    n_absent : int
        Periods between the first and the last that no row has; not counted where rank is the distance.
    convention : {"areg", "xtreg", "none"}, optional
        Small-sample factor; None for a kind that has no choice of it.
    target : {"identity", "inverse_weights"}, optional
        Working model of the errors, where it matters.
    df_range : (float, float), optional
        Least and largest degrees of freedom, where coefficients have their own.
    draws : DrawFacts, optional
        Of a bootstrap.
    corrections : tuple of Bilingual
        What had to be mended, such as `NEGATIVE_EIGENVALUES`.
    beneath : CovarianceFacts, optional
        Of the standard errors, where tests and intervals come from something else.
    """

    kind: str
    label: Bilingual | None = None
    columns: tuple[str, ...] = ()
    n_clusters: tuple[int, ...] = ()
    n_periods: int | None = None
    lags: int | None = None
    distance: str | None = None
    n_absent: int = 0
    convention: str | None = None
    target: str | None = None
    df_range: tuple[float, float] | None = None
    draws: DrawFacts | None = None
    corrections: tuple[Bilingual, ...] = ()
    beneath: "CovarianceFacts | None" = None

    @property
    def text(self) -> Bilingual:
        """The kind with its numbers, as printed under tables."""
        return Bilingual(self._written("nb"), self._written("en"))

    def _written(self, lang: str) -> str:
        head = (self.label or both(self.kind)).get(lang)
        details = ", ".join(part.get(lang) for part in self._details())
        below = ""
        if self.beneath:
            errors = Bilingual("standardfeil", "standard errors").get(lang)
            below = f"; {errors} {self.beneath.text.get(lang)}"
        return (f"{head} ({details})" if details else head) + below

    def _details(self) -> list[Bilingual]:
        parts = [_clusters(self.n_clusters, self.columns)] if self.n_clusters else []
        if self.n_periods is not None:
            parts.append(Bilingual(f"{self.n_periods} perioder", f"{self.n_periods} periods"))
        if self.draws:
            parts.append(self.draws.text)
        if self.lags is not None:
            parts.append(Bilingual(f"{self.lags} etterslep", f"{self.lags} lag(s)"))
        if self.distance == "rank":
            parts.append(DISTANCES["rank"])
        elif self.n_absent:
            where, count = DISTANCES["calendar"], self.n_absent
            parts.append(Bilingual(f"{where.nb}, {count} mangler", f"{where.en}, {count} absent"))
        if self.convention is not None:
            parts.append(CONVENTIONS[self.convention])
        if self.target is not None:
            parts.append(TARGETS[self.target])
        if self.df_range is not None:
            low, high = (f"{df:.1f}" for df in self.df_range)
            parts.append(
                Bilingual(
                    f"Satterthwaite-frihetsgrader {low} til {high}".replace(".", ","),
                    f"Satterthwaite degrees of freedom {low} to {high}",
                )
            )
        return [*parts, *self.corrections]


def _clusters(counts: tuple[int, ...], columns: tuple[str, ...]) -> Bilingual:
    """One number alone says enough; of several each names its column."""
    if len(counts) == 1 or len(columns) != len(counts):
        listed = Bilingual(" og ".join(map(str, counts)), " and ".join(map(str, counts)))
        return Bilingual(f"{listed.nb} klynger", f"{listed.en} clusters")
    pairs = list(zip(counts, columns, strict=True))
    english = " and ".join(f"{count} {column}" for count, column in pairs)
    return Bilingual(" og ".join(_counted(*pair) for pair in pairs), f"{english} clusters")


def _counted(count: int, column: str) -> str:
    if column in _COUNTED:
        return f"{count} {_COUNTED[column]}"
    label = label_of(column).nb
    # A label of our own begins a line of a table; a column that is not ours keeps its spelling, in quotes.
    name = f"«{column}»" if label == column else label[0].lower() + label[1:]
    return f"{count} klynger etter {name}"
