"""Who may use what: the licence of the data beside that of the code, and the rights of each data set."""

from dataclasses import dataclass

from kostnadsvekst.language import Bilingual

NOT_THE_REPORTS = Bilingual("ikke rapportens data", "not the report's data")
DATA_LICENCE = {
    "name": "CC-BY-4.0",
    "path": "https://creativecommons.org/licenses/by/4.0/",
    "title": "Creative Commons Attribution 4.0 International",
}
CODE_LICENCE = {"name": "MIT", "path": "https://spdx.org/licenses/MIT.html", "title": "MIT License"}
OF_THE_USER = Bilingual(
    "Rettighetene er de som eieren av dataene har.", "The rights are those of the owner of the data."
)


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set: where it is, whose it is, and how it is had.

    Attributes
    ----------
    name : Bilingual
    files : str
        Files of the package, or the option that takes them.
    provided : bool
        Whether it comes with the package.
    access : Bilingual
        How it is had, and what that takes.
    rights : Bilingual
    citation : str
    """

    name: Bilingual
    files: str
    provided: bool
    access: Bilingual
    rights: Bilingual
    citation: str


_REPORT = (
    "Nordlandsforskning and HELED, Universitetet i Oslo (2021). Kostnadsvekst i den kommunale helse- og "
    "omsorgstjenesten. Commissioned by KS."
)
_OURS = Bilingual("CC BY 4.0 (`LICENSE-DATA.md`)", "CC BY 4.0 (`LICENSE-DATA.md`)")
_STATISTICS_NORWAY = (
    "Statistics Norway, StatBank, tables 12362, 12134, 07459, 01222, 09817, 06913, 11820 and 05212."
)
DATA_SETS = (
    DataSet(
        Bilingual("Rapportens trykte tall", "Printed numbers of the report"),
        "data/published/",
        True,
        Bilingual("Følger med.", "Comes with the package."),
        Bilingual(
            "Opphavernes; tallene er sitert som fakta, med kilde",
            "The authors'; the numbers are quoted as facts, with their source",
        ),
        _REPORT,
    ),
    DataSet(
        Bilingual("Syntetisk kommunepanel og befolkning", "Synthetic municipal panel and population"),
        "data/synthetic/",
        True,
        Bilingual(
            "Følger med; lages på nytt av `python scripts/calibrate.py`. Oppdiktet: sier intet om Norge.",
            "Comes with the package; made again by `python scripts/calibrate.py`. Invented, no evidence "
            "about Norway.",
        ),
        _OURS,
        "The kostnadsvekst developers (2026). Synthetic panel 2015–2019.",
    ),
    DataSet(
        Bilingual("Syntetisk register og månedspanel", "Synthetic register and monthly panel"),
        "made by each run from seeds 2021 and 2013",
        True,
        Bilingual("Lages i kjøringen; skrives ikke.", "Made in the run; not written."),
        _OURS,
        "The kostnadsvekst developers (2026). Synthetic KPR register and monthly panel.",
    ),
    DataSet(
        Bilingual("Parametre med kilde", "Parameters with their sources"),
        "data/parameters/",
        True,
        Bilingual("Følger med.", "Comes with the package."),
        _OURS,
        "Statistics Norway; Ministry of Finance and TBU; each entry names its source.",
    ),
    DataSet(
        Bilingual("Kommunepanelet, virkelige tall", "The municipal panel, real numbers"),
        "--data store/",
        False,
        Bilingual(
            "Åpent og gratis: `python scripts/fetch.py` (nettverk, noen minutter). Uten konto.",
            "Open and free: `python scripts/fetch.py` (a network, some minutes). No account.",
        ),
        Bilingual("CC BY 4.0, Statistisk sentralbyrå", "CC BY 4.0, Statistics Norway"),
        _STATISTICS_NORWAY,
    ),
    DataSet(
        Bilingual("Kommunalt pasient- og brukerregister (KPR)", "Municipal patient and user register (KPR)"),
        "--register EPISODES --population FILE",
        False,
        Bilingual(
            "Personopplysninger om helse: søknad til Helsedirektoratet, nå Folkehelseinstituttet "
            "(helsedata.no); rettslig grunnlag, som regel etisk godkjenning; analyseres i sikker sone "
            "(`docs/secure_zone.md`). Regn med måneder og betaling.",
            "Personal health data: application to the data authority of the health registers "
            "(helsedata.no); a legal basis, as a rule ethical approval; analysed in a secure zone "
            "(`docs/secure_zone.md`). Expect months and a fee.",
        ),
        Bilingual("Kan ikke deles videre", "May not be passed on"),
        "Norwegian Directorate of Health / Norwegian Institute of Public Health, KPR, 2017–2020.",
    ),
    DataSet(
        Bilingual(
            "Norsk pasientregister etter kommune og måned",
            "Norwegian Patient Registry by municipality and month",
        ),
        "--only ohd --data MONTHS",
        False,
        Bilingual(
            "Tall per kommune og måned bestilles hos registeret (helsedata.no); små tall er vernet.",
            "Counts by municipality and month are ordered from the registry (helsedata.no); small numbers "
            "are protected.",
        ),
        Bilingual("Etter registerets vilkår", "Under the registry's terms"),
        "Norwegian Patient Registry (NPR), 2010–2017.",
    ),
)
