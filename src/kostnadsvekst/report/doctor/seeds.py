"""Random numbers that nobody can draw again."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kostnadsvekst.language import both
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.programs import R_FILES, STATA, Program, parse_python

# Calls that make a generator: unseeded without an argument, or with None.
_GENERATORS = frozenset({
    "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence",
    "numpy.random.PCG64", "numpy.random.MT19937", "numpy.random.Philox", "numpy.random.SFC64",
    "random.Random", "torch.Generator",
})  # fmt: skip
_SEEDING = {"numpy.random.seed": "numpy.random", "random.seed": "random"}
# Functions of the modules that draw nothing.
_NO_DRAWS = frozenset({"seed", "getstate", "setstate", "get_state", "set_state", "Generator", "BitGenerator",
                       "SystemRandom"})  # fmt: skip
# Methods and functions that take a seed as an argument.
_NEED_A_STATE = {"rvs": "random_state", "train_test_split": "random_state", "ShuffleSplit": "random_state",
                 "StratifiedShuffleSplit": "random_state", "RandomForestRegressor": "random_state",
                 "RandomForestClassifier": "random_state"}  # fmt: skip
# Without one of these words a program draws nothing that is found here: most make a generator with a seed.
_PYTHON_WORDS = re.compile(
    r"\brandom\s*\.(?!Generator\b|default_rng\(\s*(?!None\b)[\w\[])|import\s+random\b|random\s+import"
    rf"|numpy\.random\s+as|torch\.Generator|\.sample\(\s*(?:\w+\s*=|[\d.])|\b(?:{'|'.join(_NEED_A_STATE)})\b"
)
_BY_CHANCE = frozenset({"n", "frac", "replace", "weights"})  # arguments of a frame's `sample`

_R_DRAWS = re.compile(
    r"(?<![\w.])(?:r(?:norm|unif|binom|pois|exp|gamma|beta|t|chisq|multinom|logis|weibull)|sample(?:\.int)?"
    r"|slice_sample|sample_n|sample_frac|boot|vfold_cv|initial_split)\s*\("
)
_R_SEED = re.compile(r"^[^#\n]*(?:set\.seed\s*\(\s*[^)\s]|set_seed\s*\(|withr::with_seed)", re.MULTILINE)
_STATA_DRAWS = re.compile(
    r"(?<!\w)(?:r(?:uniform|normal|binomial|poisson|gamma|beta|exponential|t|chi2|uniformint)\s*\("
    r"|(?:bsample|bootstrap|bs|simulate|permute|splitsample|boottest)\b|^\s*sample\s+\d)",
    re.MULTILINE,
)
_STATA_SEED = re.compile(r"^\s*set\s+seed\s+\d|\bseed\(\s*[`\d]|\brseed\(", re.MULTILINE)
_LANGUAGES = tuple(
    (suffix, draws, seed)
    for suffixes, draws, seed in ((R_FILES, _R_DRAWS, _R_SEED), (STATA, _STATA_DRAWS, _STATA_SEED))
    for suffix in sorted(suffixes)
)


def check_seeds(programs: Sequence[Program]) -> Iterator[Finding]:
    """Find calls that draw at random without a seed: Python by its syntax, R and Stata by their words.

    Parameters
    ----------
    programs : sequence of Program
    """
    found: Iterable[tuple[int, str]]
    for program in programs:
        if program.python:
            found = unseeded_in(parse_python(program.text)) if _PYTHON_WORDS.search(program.text) else ()
        else:
            found = _unseeded_words(program)
        for line, call in found:
            place = line if program.line_known else None
            yield Finding("missing-seed", program.file.name, both(call), place)


def unseeded_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each call that draws without a seed.

    Parameters
    ----------
    tree : ast.Module
    """
    wanted = (ast.Call, ast.Import, ast.ImportFrom)
    nodes = [node for node in ast.walk(tree) if isinstance(node, wanted)]
    names = _imported(nodes)
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    seeded = {
        _SEEDING[name]
        for call in calls
        if (name := _whole_name(call.func, names)) in _SEEDING and _has_a_seed(call)
    }
    for call in calls:
        name = _whole_name(call.func, names)
        if _draws_without_seed(call, name, seeded):
            yield call.lineno, name.lstrip("?.")


def _draws_without_seed(call: ast.Call, name: str, seeded: set[str]) -> bool:
    home, _, last = name.rpartition(".")
    if name in _GENERATORS:
        return not _has_a_seed(call)
    if home in ("numpy.random", "random"):
        return last not in _NO_DRAWS and home not in seeded
    if last in _NEED_A_STATE:
        return not _gives(call, _NEED_A_STATE[last]) and "numpy.random" not in seeded
    return last == "sample" and bool(home) and _draws_rows(call) and "numpy.random" not in seeded


def _draws_rows(call: ast.Call) -> bool:
    """Whether rows of a frame are drawn without a seed: a share, or a number that is written there."""
    keywords = {word.arg for word in call.keywords}
    if len(call.args) > 1 or None in keywords or _gives(call, "random_state") or _gives(call, "seed"):
        return False
    number = getattr(call.args[0], "value", None) if call.args else None
    return isinstance(number, int | float) or (not call.args and bool(keywords & _BY_CHANCE))


def _has_a_seed(call: ast.Call) -> bool:
    given = [*call.args, *(word.value for word in call.keywords)]
    return bool(given) and not (isinstance(given[0], ast.Constant) and given[0].value is None)


def _gives(call: ast.Call, argument: str) -> bool:
    return any(
        word.arg is None
        or (word.arg == argument and not (isinstance(word.value, ast.Constant) and word.value.value is None))
        for word in call.keywords
    )


def _imported(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Name in the file -> whole name of the module or function."""
    names = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _whole_name(node: ast.expr, names: Mapping[str, str]) -> str:
    """Dotted name of what is called; a value that is computed is ``?``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    first = names.get(node.id, f"?{node.id}") if isinstance(node, ast.Name) else "?"
    return ".".join([first, *reversed(parts)])


def _unseeded_words(program: Program) -> Iterator[tuple[int, str]]:
    for suffix, draws, seed in _LANGUAGES:
        if program.suffix == suffix and not seed.search(program.text):
            for found in draws.finditer(program.text):
                line_start = program.text.rfind("\n", 0, found.start()) + 1
                before = program.text[line_start : found.start()]
                if "#" not in before and not before.lstrip().startswith(("*", "//")):
                    yield program.text.count("\n", 0, found.start()) + 1, found[0].strip(" \n(")
