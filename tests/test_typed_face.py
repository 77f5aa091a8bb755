"""What a type checker and an editor see: every public name with its signature, and only public names."""

import ast
import inspect
import os
import re
import subprocess
import sys
from operator import attrgetter

import jedi
import pytest

import kostnadsvekst as kv
from conftest import ROOT

SOURCE = ROOT / "src"
MODULES = (
    *("register", "staggered", "acute_beds", "growth", "klass", "statbank", "errors"),
    *("municipal", "municipal.unit_costs", "municipal.effort_ladder"),
    *("municipal.resource_calculator", "municipal.staffing"),
)
NAMES = (
    *(f"kv.{name}" for name in kv.__all__),
    *(f"kv.{module}.{name}" for module in MODULES for name in attrgetter(module)(kv).__all__),
)
# Line -> what mypy says of it.
WRONG = {
    "kv.estimate(1, 2)": r'Argument 1 to "estimate" has incompatible type "int"; expected "Specification"',
    "kv.estimate(spec, panel, robust=True)": r'Unexpected keyword argument "robust" for "estimate"',
    "kv.estimate(spec)": r'Missing positional argument "data"',
    "est.coeficients": r'"Estimate" has no attribute "coeficients"',
    "kv.estimat": r'Module has no attribute "estimat"',
    "kv.register.weekly_cub": r'Module has no attribute "weekly_cub"',
    "kv.staggered.event_studdy": r'Module has no attribute "event_studdy"',
    "kv.register.trend(panel, n_bootstrap='x')": r'Argument "n_bootstrap" to "trend" has incompatible type',
    "kv.SPECIFICATIONS['A3-3'].vary(7)": r'Too many (positional )?arguments for "vary"',
    "kv.municipal.unit_cost": r'Module has no attribute "unit_cost"',
    "kv.acute_beds.estimate_effects(panel, until=2017)": r'Argument "until" .* expected "str"',
}
RIGHT = """\
import kostnadsvekst as kv
panel = kv.load_panel()
spec = kv.SPECIFICATIONS["A3-3"]
est = kv.estimate(spec, panel)
est.coefficients, est.r_squared, est.df_resid, est.dropped, est.provenance
mine = spec.without("urban").adding("C(year):age_80_plus").vary(covariance="cluster")
kv.estimate_ar1(mine.vary(weights=None), panel).coefficients
kv.check_panel(panel)
kv.wald_test(est, ["free_income"]).p_value
curve = kv.specification_curve(kv.grid(spec, controls=kv.subsets(kv.NEEDS)), panel)
kv.draw_curve(curve)
kv.draw_influence(kv.influence(est), ["free_income"])
kv.table({"model 3": est})
kv.acute_beds.estimate_effects(kv.acute_beds.load_panel())
study = kv.staggered.event_study(panel, "y", "unit", "time", "first")
kv.staggered.pre_trend_test(study).p_value
episodes = kv.register.simulate_episodes(1000)
kv.register.protect_cube(kv.register.weekly_cube(episodes))
kv.growth.compound_rate(10.0, 4)
costs = kv.municipal.unit_costs
costs.home_service({1010: 9e6}, costs.Hours(400, None, 15, 0.08, 3, 2, 10)).columns
costs.nursing_home(100_000, {"Ordinær langtidsplass": 90}).loc["weighted"]
try:
    kv.klass.fetch_codes(2020)
except kv.errors.DataMissingError:
    pass
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory, request):
    """What mypy --strict says of a user's file, by line: line of code -> messages."""
    folder = tmp_path_factory.mktemp("user")
    lines = [*RIGHT.splitlines(), *(f"reveal_type({name})" for name in NAMES), *WRONG]
    (folder / "user.py").write_text("\n".join(lines) + "\n", "utf-8")
    kept = getattr(request.config, "cache", None)  # mypy is slow the first time
    cache = kept.mkdir("mypy") if kept else folder / "mypy"
    # No configuration: that of a user. What stands inside the package is reported by its own check.
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}", "--no-pretty"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "user.py"],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = {line: [] for line in lines}
    for number, message in re.findall(r"^user\.py:(\d+):(?:\d+:)? (.*)$", done.stdout, re.MULTILINE):
        said[lines[int(number) - 1]].append(message)
    return said


@pytest.mark.parametrize("name", NAMES)
def test_a_type_checker_sees_every_public_name(checked, name):
    (message,) = checked[f"reveal_type({name})"]
    revealed = re.fullmatch(r'note: Revealed type is "(.*)"', message)
    assert revealed, message
    assert revealed[1] not in ("Any", "builtins.object", "object", ""), message
    value = attrgetter(name.removeprefix("kv."))(kv)
    if inspect.isfunction(value):
        shown = revealed[1]
        assert shown.startswith("def ("), shown
        signature = inspect.signature(value)
        assert signature.return_annotation is not signature.empty
        for parameter, kind in signature.parameters.items():
            assert re.search(rf"[(, *]{parameter}: ", shown), f"{name}: {parameter} is not in {shown}"
            assert kind.annotation is not kind.empty, f"{name}: {parameter} has no type"


def test_right_calls_pass_the_strict_check(checked):
    faults = {line: checked[line] for line in RIGHT.splitlines() if checked[line]}
    assert not faults


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_call_fails_the_check(checked, line):
    assert any(re.match(f"error: .*{WRONG[line]}", message) for message in checked[line]), checked[line]


@pytest.mark.parametrize("module", [kv, kv.register, kv.municipal], ids=lambda m: m.__name__)
def test_what_type_checkers_import_is_the_lazy_table(module):
    """The block under ``TYPE_CHECKING`` names the same things, from the same modules."""
    tree = ast.parse((SOURCE / module.__name__.replace(".", "/") / "__init__.py").read_text("utf-8"))
    (block,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom), ast.unparse(node)
        for alias in node.names:
            assert alias.asname == alias.name, f"{alias.name}: write 'as {alias.name}', or it is private"
            imported[alias.name] = f"{node.module}.{alias.name}"
    lazy = {
        name: home if inspect.ismodule(getattr(module, name)) else f"{home}.{name}"
        for name, home in module._PUBLIC.items()
    }
    assert imported == lazy
    assert [ast.unparse(node) for node in block.orelse] == ["__getattr__ = _load"]
    assert set(module.__all__) - {"__version__"} == set(lazy)


@pytest.mark.parametrize("name", ["kv", *(f"kv.{module}" for module in MODULES)])
def test_dir_shows_public_names_only(name):
    module = kv if name == "kv" else attrgetter(name.removeprefix("kv."))(kv)
    assert dir(module) == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert getattr(module, public) is not None
    assert not [n for n in module.__all__ if n.startswith("_") and n != "__version__"]


@pytest.mark.parametrize("name", MODULES)
def test_a_public_module_names_all_that_it_defines(name):
    """A function or class without underscore that `__all__` forgets would be public for nobody."""
    module = attrgetter(name)(kv)
    forgotten = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
        and key not in module.__all__
    ]
    assert not forgotten


def completions(line):
    """Names that an editor offers at the end of the line, without running anything."""
    code = (
        f"import kostnadsvekst as kv\nest = kv.estimate(kv.SPECIFICATIONS['A3-3'], kv.load_panel())\n{line}"
    )
    project = jedi.Project(ROOT, sys_path=[str(SOURCE), *sys.path], smart_sys_path=False)
    return {found.name for found in jedi.Script(code, path=ROOT / "user.py", project=project).complete()}


def test_an_editor_completes_public_names():
    assert {"estimate", "Specification", "staggered", "growth"} <= completions("kv.")
    assert {"simulate_episodes", "weekly_cube", "ingest"} <= completions("kv.register.")
    assert {"event_study", "bacon"} <= completions("kv.staggered.")
    assert {"estimate_effects"} <= completions("kv.acute_beds.")
    assert {"account"} <= completions("kv.growth.")


def test_an_editor_completes_results():
    assert {"coefficients", "with_covariance", "r_squared"} <= completions("est.")
    assert {"coefficients"} <= completions("kv.estimate_ar1(1, 2).")
    assert completions("est.coeff") == {"coefficients"}
    assert {"p_value"} <= completions("kv.wald_test(est, ['free_income']).")
