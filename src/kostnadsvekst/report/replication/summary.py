"""The replication page for readers: what is made of what, by which program, with which seeds."""

from collections.abc import Iterator, Mapping, Sequence

from kostnadsvekst.language import SYNTHETIC_LABEL, Bilingual
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.report.replication.listing import KINDS, Output, outputs_frame
from kostnadsvekst.report.replication.rights import NOT_THE_REPORTS, OF_THE_USER
from kostnadsvekst.report.replication.seeds import SEEDS
from kostnadsvekst.version import __version__

_TITLE = Bilingual("Etterprøving", "Replication")
_READ = Bilingual("Data som er lest", "Data that were read")
_MADE = Bilingual("Tabeller, figurer og andre resultater", "Tables, figures and other outputs")
_TEXT = Bilingual("Tall i løpende tekst", "Numbers in running text")
_SEEDS = Bilingual("Frø for tilfeldige tall", "Seeds of random numbers")
_RIGHTS = Bilingual("Rettigheter", "Rights")
_OUR_RIGHTS = Bilingual(
    "Resultatene har lisensen CC BY 4.0, koden MIT. De trykte tallene er rapportens.",
    "The results have the licence CC BY 4.0, the code MIT. The printed numbers are the report's.",
)
_CHECK = Bilingual("Kontroll", "Checks")
_HOW_TO_CHECK = Bilingual(
    "`manifest.json` har sjekksummen (SHA-256) av alt som er lest og laget, `codebook.csv` hver kolonne i "
    "hver CSV-fil, `datapackage.json` skjemaene, `ro-crate-metadata.json` det hele som lenkede data.",
    "`manifest.json` has the digest (SHA-256) of everything that was read and made, `codebook.csv` every "
    "column of every CSV file, `datapackage.json` the schemas, `ro-crate-metadata.json` all of it as linked "
    "data.",
)
_NUMBERS = Bilingual(
    "{count} tall står i `replication/in_text_numbers.csv` med fil, rad og program.",
    "{count} numbers are listed in `replication/in_text_numbers.csv` with file, row and program.",
)
_HEADS = {
    "read": Bilingual("Fil | SHA-256", "File | SHA-256"),
    "made": Bilingual(
        "Resultat | Slag | Tittel | Program | Kommando", "Output | Kind | Title | Program | Command"
    ),
    "seeds": Bilingual("Hva som trekkes | Frø | Hvor i koden", "What is drawn | Seed | Where in the code"),
}


def render_summary(
    outputs: Sequence[Output], inputs: Mapping[str, str], n_numbers: int, lang: str, *, own_data: bool
) -> str:
    """Write the page; Markdown.

    Parameters
    ----------
    outputs : sequence of Output
    inputs : mapping of str to str
        Name in the manifest -> sha256 of what was read.
    n_numbers : int
        Numbers in running text.
    lang : {"nb", "en"}
    own_data : bool
        Then every part says that the data are not the report's.
    """
    synthetic = any(SYNTHETIC in one.data_origin for one in outputs)
    label = f"**{NOT_THE_REPORTS.get(lang).capitalize()}.**" if own_data else ""
    parts = {
        _READ: list_inputs(inputs, lang),
        _MADE: list_made(outputs, lang),
        _TEXT: _NUMBERS.get(lang).format(count=n_numbers),
        _SEEDS: list_seeds(lang),
        _RIGHTS: (OF_THE_USER if own_data else _OUR_RIGHTS).get(lang),
        _CHECK: _HOW_TO_CHECK.get(lang),
    }
    lines = [f"# {_TITLE.get(lang)}", f"kostnadsvekst {__version__}."]
    lines += [f"**{SYNTHETIC_LABEL.get(lang)}**"] if synthetic else []
    for title, text in parts.items():
        lines += [f"## {title.get(lang)}", *([label] if label else []), text]
    return "\n\n".join(lines) + "\n"


def list_inputs(inputs: Mapping[str, str], lang: str) -> str:
    """List what was read with its digest; a Markdown table.

    Parameters
    ----------
    inputs : mapping of str to str
    lang : {"nb", "en"}
    """
    rows = ((f"`{name}`", f"`{digest}`") for name, digest in inputs.items())
    return _table(_HEADS["read"].get(lang), rows)


def list_made(outputs: Sequence[Output], lang: str) -> str:
    """List every output with its program and command; a Markdown table.

    Parameters
    ----------
    outputs : sequence of Output
    lang : {"nb", "en"}
    """
    rows = (
        (
            f"`{one.output}` ({one.media.replace(' ', ', ')})",
            KINDS[one.kind].get(lang),
            (one.title_nb if lang == "nb" else one.title_en).replace("|", "\\|"),
            f"`{one.program}`",
            f"`{one.command}`",
        )
        for one in outputs_frame(outputs).itertuples(index=False)
    )
    return _table(_HEADS["made"].get(lang), rows)


def list_seeds(lang: str) -> str:
    """List the seeds of random numbers; a Markdown table.

    Parameters
    ----------
    lang : {"nb", "en"}
    """
    rows = ((seed.draws.get(lang), str(seed.value), f"`{seed.module}.{seed.name}`") for seed in SEEDS)
    return _table(_HEADS["seeds"].get(lang), rows)


def _table(head: str, rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
