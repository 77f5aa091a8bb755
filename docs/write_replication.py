"""Write REPLICATION.md, the README of the replication package, from the code, the data and the results.

The sections are those of the Social Science Data Editors' template README, the words around what is read
from the code those of docs/replication_template.txt. With --check nothing is written; the exit code is 1 if
the file would change. With --lines the programs are listed with the line of the file on which each begins
now, which the committed file leaves out: it would change with every edit.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from kostnadsvekst.chapters import CHAPTERS
from kostnadsvekst.report.replication.listing import (
    Output,
    list_outputs,
    made_elsewhere,
    outputs_frame,
    read_results,
)
from kostnadsvekst.report.replication.manifest import count_rows
from kostnadsvekst.report.replication.rights import DATA_SETS
from kostnadsvekst.report.replication.summary import list_seeds
from kostnadsvekst.sources.embedded import embedded_files
from kostnadsvekst.version import __version__

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "REPLICATION.md"
RESULTS = ROOT / "results"
MEASURED = ROOT / "docs" / "measured.toml"
TEMPLATE = ROOT / "docs" / "replication_template.txt"
SHOWN = {
    "table": "Tables",
    "figure": "Figures",
    "audit": "Printed numbers against ours",
    "data": "Data files",
}
# File below data/ -> what it holds; a file that is not here, or not there, is an error.
HOLDS = {
    "README.md": "codebook of these files: every column, with unit and source",
    "parameters/claim_measures.csv": "how each measure of a claim is told in words",
    "parameters/claim_sources.csv": "what would settle claims that no data here hold",
    "parameters/claim_words.csv": "intervals that words such as “about” and “nearly” allow",
    "parameters/codebook.csv": "codebook: every column of every CSV file in the results",
    "parameters/codebook_units.csv": "units of the codebook",
    "parameters/control_totals.toml": "real totals of the country (Statistics Norway, table 12367)",
    "parameters/kpr_register_simulation.toml": "levels and paths of the synthetic register",
    "parameters/municipal.toml": "dated rules of municipal economy",
    "parameters/municipalities.toml": "borders that the list of changes does not tell",
    "parameters/outputs.csv": "which program makes which output",
    "parameters/prices.toml": "municipal deflator (Ministry of Finance and TBU)",
    "parameters/statbank.toml": "requests to Statistics Norway",
    "parameters/projection_errors.csv": "errors of earlier population projections (Statistics Norway)",
    "published/accepted_deviations.csv": "accepted deviations from printed numbers, each with its reason",
    "published/consistency_003_claims.csv": "printed numbers held against each other",
    "published/consistency_003_relations.toml": "relations between printed numbers",
    "published/kostra_functions.csv": "functions of table A4",
    "published/municipal_economy.csv": "numbers of section 4.1",
    "published/report_003_claims.csv": "quantitative claims of the report",
    "published/report_003_tables.csv": "cells of the report's tables",
    "synthetic/population_by_age_group_synthetic.csv": "synthetic population by age group",
    "synthetic/synthetic_panel_2015_2019.csv": "synthetic municipal panel",
    "synthetic/synthetic_panel_2015_2019.manifest.json": "how the panel was calibrated",
}
EXAMPLES = "examples/"


def render() -> str:
    """Return the page as it should be."""
    made = read_results(RESULTS)
    outputs = list_outputs(made)
    measured = tomllib.loads(MEASURED.read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    numbers = made["replication"].files["replication/in_text_numbers.csv"]
    text = numbers if isinstance(numbers, str) else numbers.decode()
    return TEMPLATE.read_text("utf-8").format(
        version=__version__,
        install=read_install(),
        sources="\n\n".join(list_sources()),
        datasets=list_datasets(),
        python=project["requires-python"].replace(">=", "") + " or newer",
        software=list_software(project["dependencies"]),
        seeds=list_seeds("en"),
        chapters="\n".join(f"| `{name}` | {chapter.title.en} |" for name, chapter in CHAPTERS.items()),
        commands="\n".join(dict.fromkeys(made_elsewhere().values())),
        outputs="\n\n".join(list_programs(outputs)),
        n_claims=len(re.findall(r"^report,", text, re.MULTILINE)),
        n_paper=len(re.findall(r"^paper,", text, re.MULTILINE)),
        references="\n".join(f"- {citation}" for citation in dict.fromkeys(d.citation for d in DATA_SETS)),
        **tell_measured(measured),
    )


def tell_measured(measured: dict[str, object]) -> dict[str, object]:
    """Return what was measured, in words."""
    studies = measured["studies"]
    assert isinstance(studies, dict)
    assert set(studies) == set(made_elsewhere()), "docs/measured.toml: name every study"
    times = {made_elsewhere()[path]: time for path, time in studies.items()}
    rows = [f"| `{command}` | {time} |" for command, time in times.items()]
    return {
        "date": measured["date"],
        "machine": measured["machine"],
        "wall": measured["wall_seconds"],
        "cpu": measured["cpu_seconds"],
        "memory": round(float(str(measured["peak_memory_mb"])) / 1000, 1),
        "results_mb": measured["results_mb"],
        "package_mb": measured["package_mb"],
        "environment_mb": f"{measured['environment_mb']:,}",
        "fetch": measured["fetch"],
        "studies": "\n".join(rows),
    }


def read_install() -> str:
    """Return the README's command of installation."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    return next(line for line in lines if "requirements/run.txt" in line).partition(" && python scripts")[0]


def list_sources() -> Iterator[str]:
    """Yield what is to be said of each data source."""
    for one in DATA_SETS:
        provided = "yes" if one.provided else "no"
        yield (
            f"**{one.name.en}** (`{one.files}`). Provided: {provided}. {one.access.en} "
            f"Rights: {one.rights.en}. Source: {one.citation}"
        )


def list_datasets() -> str:
    """List every data file of the package; a Markdown table."""
    files = embedded_files()
    described = {name for name in files if not name.startswith(EXAMPLES)}
    if odd := sorted(described ^ set(HOLDS)):
        raise SystemExit(f"docs/write_replication.py: say in HOLDS what these hold: {', '.join(odd)}")
    rows = ["| Data file | What it holds | Rows | Provided |", "|---|---|---:|---|"]
    for name in sorted(HOLDS):
        count = f"{count_rows(files[name].read_bytes()):,}" if name.endswith(".csv") else ""
        rows.append(f"| `data/{name}` | {HOLDS[name]} | {count} | yes |")
    examples = len(files) - len(described)
    rows.append(f"| `data/{EXAMPLES}` ({examples} files) | made-up books of municipal systems | | yes |")
    return "\n".join(rows)


def list_software(dependencies: list[str]) -> str:
    """List the libraries with their exact versions; a Markdown table."""
    locked = (ROOT / "constraints.txt").read_text("utf-8")
    rows = ["| Library | Version |", "|---|---|"]
    for dependency in dependencies:
        name = re.split(r"[<>=\[]", dependency)[0]
        versions = dict.fromkeys(re.findall(rf"^{re.escape(name)}==([\w.]+)", locked, re.MULTILINE))
        rows.append(f"| {name} | {' or '.join(versions)} |")
    return "\n".join(rows)


def list_programs(outputs: tuple[Output, ...], lines: bool = False) -> Iterator[str]:
    """Yield a Markdown table of each kind of output."""
    frame = outputs_frame(outputs)
    for kind, title in {**SHOWN, "": "Pages, paper and descriptions"}.items():
        chosen = frame[frame["kind"] == kind] if kind else frame[~frame["kind"].isin(list(SHOWN))]
        rows = ["| Output | Title | Program | Command |", "|---|---|---|---|"]
        for one in chosen.itertuples(index=False):
            place = f"`{find_line(one.program)}`" if lines else f"`{one.program}`"
            rows.append(
                f"| `results/{one.output}` ({one.media.replace(' ', ', ')}) | {one.title_en} | {place} "
                f"| `{one.command}` |"
            )
        yield f"### {title}\n\n" + "\n".join(rows)


def find_line(program: str) -> str:
    """Return the file and line on which a program begins now: ``src/.../appendix.py:157``."""
    module, _, name = program.rpartition(".")
    base = ROOT if program.startswith("benchmarks.") else ROOT / "src"
    path = base / f"{module.replace('.', '/')}.py"
    tree = ast.parse(path.read_text("utf-8"))
    line = next(n.lineno for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


def main() -> int:
    """Write the file, say whether it is stale, or list the lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if it is stale")
    parser.add_argument("--lines", action="store_true", help="list the programs with their lines")
    chosen = parser.parse_args()
    if chosen.lines:
        print("\n\n".join(list_programs(list_outputs(read_results(RESULTS)), lines=True)))
        return 0
    text = render()
    if chosen.check:
        stale = not PAGE.is_file() or PAGE.read_text("utf-8") != text
        if stale:
            print("stale: REPLICATION.md; run python docs/write_replication.py", file=sys.stderr)
        return int(stale)
    PAGE.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
