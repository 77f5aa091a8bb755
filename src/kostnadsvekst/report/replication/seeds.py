"""Every seed of a random number in the package, read from the code that draws."""

import inspect
from dataclasses import dataclass
from importlib import import_module

from kostnadsvekst.language import Bilingual


@dataclass(frozen=True, slots=True)
class Seed:
    """A seed and what is drawn with it.

    Attributes
    ----------
    module, name : str
        Constant of the module, or ``function.argument`` for a default.
    draws : Bilingual
        What is random.
    """

    module: str
    name: str
    draws: Bilingual

    @property
    def value(self) -> int:
        """The seed itself."""
        function, _, argument = self.name.partition(".")
        held = getattr(import_module(self.module), function)
        return int(inspect.signature(held).parameters[argument].default if argument else held)


SEEDS = (
    Seed(
        "kostnadsvekst.synthetic.panel.panel",
        "DEFAULT_SEED",
        Bilingual("det syntetiske kommunepanelet", "the synthetic municipal panel"),
    ),
    Seed(
        "kostnadsvekst.synthetic.expenditures",
        "SEED",
        Bilingual("syntetiske utgifter etter funksjon", "synthetic expenditure by function"),
    ),
    Seed(
        "kostnadsvekst.synthetic.case_panel",
        "add_case_columns.seed",
        Bilingual("regioner og utgifter for valg av case", "regions and expenditure for the choice of cases"),
    ),
    Seed(
        "kostnadsvekst.synthetic.register",
        "DEFAULT_SEED",
        Bilingual("det syntetiske KPR-registeret", "the synthetic KPR register"),
    ),
    Seed(
        "kostnadsvekst.synthetic.register",
        "N_MUNICIPALITIES",
        Bilingual("størrelsen på registerets kommuner", "the size of the register's municipalities"),
    ),
    Seed(
        "kostnadsvekst.synthetic.acute_beds",
        "DEFAULT_SEED",
        Bilingual("det syntetiske månedspanelet", "the synthetic monthly panel"),
    ),
    Seed(
        "kostnadsvekst.models.wild_bootstrap",
        "SEED",
        Bilingual("fortegn i wild cluster bootstrap", "signs of the wild cluster bootstrap"),
    ),
    Seed(
        "kostnadsvekst.analysis.acute_beds.multiplicity",
        "judge_outcomes.seed",
        Bilingual("fortegn i testene av 81 utfall", "signs of the tests of 81 outcomes"),
    ),
    Seed(
        "kostnadsvekst.models.multiple_testing",
        "SEED",
        Bilingual("kritisk verdi for samtidige bånd", "critical value of simultaneous bands"),
    ),
    Seed(
        "kostnadsvekst.models.staggered.static",
        "randomisation_inference.seed",
        Bilingual("tidspunkter delt ut på nytt", "adoption dates dealt out anew"),
    ),
    Seed(
        "kostnadsvekst.models.detectable",
        "resample_power.seed",
        Bilingual("restledd i studien av styrke", "residuals of the study of power"),
    ),
    Seed(
        "kostnadsvekst.analysis.acute_beds.coverage",
        "coverage_table.first_seed",
        Bilingual("paneler i studien av dekning, og oppover", "panels of the study of coverage, and on"),
    ),
    Seed(
        "kostnadsvekst.analysis.trend_coverage",
        "coverage_table.first_seed",
        Bilingual(
            "ukeserier i studien av dekning, og oppover", "weekly series of the study of coverage, and on"
        ),
    ),
    Seed(
        "kostnadsvekst.synthetic.municipal_extract",
        "make_extract.seed",
        Bilingual("det oppdiktede utdraget av alle kommuner", "the invented extract of all municipalities"),
    ),
    Seed(
        "kostnadsvekst.analysis.interval_coverage",
        "count_coverage.first_seed",
        Bilingual(
            "kommuner i studien av grenser for antall, og oppover",
            "municipalities of the study of limits of counts, and on",
        ),
    ),
    Seed(
        "kostnadsvekst.analysis.interval_coverage",
        "rank_coverage.first_seed",
        Bilingual(
            "kommuner i studien av plasser, og oppover", "municipalities of the study of ranks, and on"
        ),
    ),
    Seed(
        "kostnadsvekst.analysis.interval_coverage",
        "cost_coverage.first_seed",
        Bilingual(
            "kommuner i studien av kostnader, og oppover", "municipalities of the study of costs, and on"
        ),
    ),
)
