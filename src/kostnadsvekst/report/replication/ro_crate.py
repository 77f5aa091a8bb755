"""Files, programs and data as linked data: RO-Crate 1.1.

Source: RO-Crate Metadata Specification 1.1 (w3id.org/ro/crate/1.1). The context is named, not fetched.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from kostnadsvekst.language import LANGUAGES, SYNTHETIC_LABEL
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.report.replication.listing import Output
from kostnadsvekst.report.replication.manifest import digest_of
from kostnadsvekst.report.replication.rights import DATA_LICENCE, NOT_THE_REPORTS, OF_THE_USER
from kostnadsvekst.version import RELEASED, __version__

FILE = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "https://w3id.org/ro/crate/1.1"
REPOSITORY = "https://github.com/kostnadsvekst/kostnadsvekst"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".txt": "text/plain",
}
_SOFTWARE, _DEVELOPERS, _RIGHTS, _INPUTS = "#kostnadsvekst", "#developers", "#rights", "#inputs"
Entity = dict[str, Any]


def build_crate(
    outputs: Sequence[Output], files: Mapping[str, str | bytes], inputs: Iterable[str], *, own_data: bool
) -> str:
    """Describe a results folder as a crate.

    Parameters
    ----------
    outputs : sequence of Output
    files : mapping of str to str or bytes
        Content of each output.
    inputs : iterable of str
        Names, in the manifest, of what was read; it lies outside the crate.
    own_data : bool

    Returns
    -------
    str
        JSON-LD, flattened.
    """
    graph = [
        _descriptor(),
        _root(outputs, own_data),
        *(_file(one, files[one.path], own_data) for one in outputs),
        *_inputs(inputs),
        *_programs(outputs),
        *_context_of(own_data),
    ]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False, indent=1) + "\n"


def _descriptor() -> Entity:
    return {
        "@id": FILE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": PROFILE},
    }


def _root(outputs: Sequence[Output], own_data: bool) -> Entity:
    synthetic = any(SYNTHETIC in one.data_origin for one in outputs)
    labels = [NOT_THE_REPORTS.en] if own_data else []
    labels += [SYNTHETIC_LABEL.en] if synthetic else []
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": "Results of kostnadsvekst",
        "description": ". ".join(
            [
                "Tables, figures and audits of cost growth in Norwegian municipal health and care services",
                *labels,
            ]
        ),
        # The program's: a run has no date, so that the same results have the same bytes.
        "datePublished": RELEASED,
        "license": {"@id": _RIGHTS if own_data else DATA_LICENCE["path"]},
        "author": {"@id": _DEVELOPERS},
        "publisher": {"@id": _DEVELOPERS},
        "hasPart": [{"@id": one.path} for one in outputs],
        "mentions": [{"@id": _action(program)} for program in _by_program(outputs)],
    }


def _file(output: Output, content: str | bytes, own_data: bool) -> Entity:
    data = content.encode() if isinstance(content, str) else content
    path = PurePosixPath(output.path)
    picture = path.suffix in (".png", ".svg")
    lang = next((lang for lang in LANGUAGES if path.stem.endswith(f"_{lang}")), None)
    labels = [NOT_THE_REPORTS.get(lang or "en")] if own_data else []
    labels += [SYNTHETIC_LABEL.get(lang or "en")] if SYNTHETIC in output.data_origin else []
    entity: Entity = {
        "@id": output.path,
        "@type": ["File", "ImageObject"] if picture else "File",
        "name": output.title.get(lang or "en"),
        "encodingFormat": MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        "contentSize": str(len(data)),
        "identifier": f"sha256:{digest_of(data)}",
    }
    entity |= {"description": ". ".join(labels)} if labels else {}
    return entity | ({"inLanguage": lang} if lang else {})


def _inputs(names: Iterable[str]) -> Iterator[Entity]:
    """Yield what was read, and all of it as one collection."""
    listed = list(names)
    yield {
        "@id": _INPUTS,
        "@type": "Collection",
        "name": "Inputs",
        "hasPart": [{"@id": f"#{n}"} for n in listed],
    }
    yield from ({"@id": f"#{name}", "@type": "CreativeWork", "name": name} for name in listed)


def _by_program(outputs: Sequence[Output]) -> dict[str, list[Output]]:
    found: dict[str, list[Output]] = {}
    for one in outputs:
        found.setdefault(one.program, []).append(one)
    return dict(sorted(found.items()))


def _action(program: str) -> str:
    return f"#run-{program}"


def _programs(outputs: Sequence[Output]) -> Iterator[Entity]:
    """Yield each program, and its run: what it made of what."""
    for program, made in _by_program(outputs).items():
        yield {
            "@id": f"#{program}",
            "@type": "SoftwareSourceCode",
            "name": program,
            "programmingLanguage": "Python",
            "isPartOf": {"@id": _SOFTWARE},
        }
        yield {
            "@id": _action(program),
            "@type": "CreateAction",
            "name": made[0].command,
            "instrument": {"@id": f"#{program}"},
            "object": {"@id": _INPUTS},
            "result": _one_or_list([one.path for one in made]),
        }


def _one_or_list(paths: Sequence[str]) -> Any:
    """Refer to files; to a single one without a list, as the specification recommends."""
    references = [{"@id": path} for path in paths]
    return references[0] if len(references) == 1 else references


def _context_of(own_data: bool) -> Iterator[Entity]:
    yield {
        "@id": _SOFTWARE,
        "@type": "SoftwareApplication",
        "name": f"kostnadsvekst {__version__}",
        "version": __version__,
        "url": REPOSITORY,
        "author": {"@id": _DEVELOPERS},
    }
    yield {
        "@id": _DEVELOPERS,
        "@type": "Organization",
        "name": "The kostnadsvekst developers",
        "url": REPOSITORY,
    }
    if own_data:
        yield {"@id": _RIGHTS, "@type": "CreativeWork", "name": "Rights", "description": OF_THE_USER.en}
    else:
        yield {
            "@id": DATA_LICENCE["path"],
            "@type": "CreativeWork",
            "name": DATA_LICENCE["title"],
            "description": "Of the data; the code has the MIT License.",
        }
