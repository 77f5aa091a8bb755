"""What a sample or a formula may ask for: the limits, and that nothing gets past them."""

import gc
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, KostnadsvekstError, SpecificationError
from kostnadsvekst.models.expressions import MOST_OPERATIONS, evaluate_expression
from kostnadsvekst.models.formulas import MOST_FACTORS
from kostnadsvekst.models.grammar import DEEPEST, LONGEST_TERM, MOST_PERIODS, MOST_TERMS

LETTERS = [f"v{i}" for i in range(24)]
TWELVE = "*".join(LETTERS[:12])

# Texts that ask for endless work, or for more than comparing columns -> words of the message.
SAMPLES = {
    "characters": ("year > " + "1" * 10**6, "at most 20,000 are read"),
    "name of a million": ("y" * 10**6, "unknown sample"),
    "brackets": ("(" * 9_000 + "year > 1" + ")" * 9_000, "20 deep"),
    "not": ("not " * 4_000 + "year > 1", "50 deep"),
    "minus": ("-" * 15_000 + "year > 1", "50 deep"),
    "sum": ("+".join(["year"] * 60) + " > 1", "50 deep"),
    "or": (" or ".join(["year == 1"] * 150), f"at most {MOST_OPERATIONS} are done"),
    "comparisons": ("year" + " < year" * 300, f"at most {MOST_OPERATIONS} are done"),
    "power of powers": ("9**9**9 > 1", "a power is that of a column"),
    "power of a column": ("year ** 9 ** 9 > 1", "exponent a number up to 16"),
    "exponent": ("year ** 1000000 > 1", "exponent a number up to 16"),
    "exponent of a column": ("2 ** year > 1", "a power is that of a column"),
    "powers of powers": ("((year ** 16) ** 16) ** 16 > 1", "at most 2"),
    "repeated text": ("'a' * 10**10 == 'b'", "are compared with columns"),
    "repeated column": ("name * 10000000000 == 'b'", "'name' is text"),
    "repeated list": ("year in [1] * 10**10", "are compared with columns"),
    "filled text": ("'%10000000000d' % year == 'b'", "are compared with columns"),
    "filled column": ("name % 5 == 'b'", "'name' is text"),
    "digits": ("year > " + "9" * 5_000, "huge integer literals"),
    "hexadecimal digits": ("year > 0x" + "f" * 15_000, "64 bits"),
    "65 bits": ("year > 18446744073709551616", "64 bits"),
    "quotes": ("'" * 19_999, "cannot read the sample"),
    "backticks": ("`" * 19_999, "cannot read the sample"),
    "escapes": ('"\\' * 9_000, "cannot read the sample"),
    "blanks": ("year >" + " " * 30_000 + "1", "at most 20,000 are read"),
    "attribute": ("year.values > 1", "but not call functions, take attributes"),
    "attribute of a name in backticks": ("`a b`.values > 1", "take attributes"),
    "attribute behind a bracket": ("(year).values > 1", "take attributes"),
    "attribute of an item": ("[year][0].real > 1", "take attributes"),
    "attribute of a text": ("'a'.__class__ == 1", "take attributes"),
    "dunder": ("year.__class__.__mro__ == 1", "take attributes"),
    "item": ("year[0] > 1", "but not call functions"),
    "call": ("abs(year) > 1", "but not call functions"),
    "import": ("__import__('os').system('ls')", "but not call functions"),
    "method": ("name.str.contains('(a+)+$')", "but not call functions"),
    "variable": ("@pd.read_csv('x')", "variables of the program"),
    "variable inside": ("year > @x", "variables of the program"),
    "lambda": ("(lambda: 1)() > 1", "but not call functions"),
    "comprehension": ("[x for x in year] == 1", "but not call functions"),
    "formatted text": ("f'{year}' == 'a'", "but not call functions"),
    "choice": ("year if year else 1", "but not call functions"),
    "walrus": ("(a := 1) > year", "but not call functions"),
    "set": ("year in {1, 2}", "but not call functions"),
    "star": ("year in [*year]", "but not call functions"),
    "shift": ("year << 10**9 > 1", "but not call functions"),
    "identity": ("year is None", "but not call functions"),
    "assignment": ("year = 3", "cannot read the sample"),
    "statements": ("year > 1; import os", "cannot read the sample"),
    "lines": ("year > 1\nyear > 2", "cannot read the sample"),
    "nothing": ("year > None", "None is no number and no text"),
    "imaginary": ("year > 1j", "1j is no number and no text"),
    "bytes": ("name == b'a'", "is no number and no text"),
    "null": ("year > 1\0", "null bytes"),
    "hard blank": ("year\u00a0> 1", "U+00A0"),
    "zero width": ("ye\u200bar > 1", "U+200B"),
    "empty": ("", "cannot read the sample"),
    "only blanks": ("   ", "cannot read the sample"),
    "a number": (3, "a sample is a text, not int"),
    "order of text": ("name < 3", "Invalid comparison"),
    "not true or false": ("year + 1", "is not true or false"),
    "a truth": ("1 == 1", "is not true or false"),
}
FORMULAS = {
    "characters": ("y ~ " + "a + " * 250_000 + "b | unit", "at most 100,000 are read"),
    "expansion": (f"y ~ ({'+'.join(LETTERS)})**12 | unit", f"more than {MOST_TERMS:,} terms"),
    "products": (f"y ~ {'*'.join(LETTERS)} | unit", f"more than {MOST_TERMS:,} terms"),
    "brackets times brackets": (
        f"y ~ ({'+'.join(LETTERS)})*({'+'.join(LETTERS)})*({'+'.join(LETTERS)})*({'+'.join(LETTERS)}) | unit",
        f"more than {MOST_TERMS:,} terms",
    ),
    "nesting": (f"y ~ C(a)/({'*'.join(LETTERS)}) | unit", f"more than {MOST_TERMS:,} terms"),
    "made and taken out": (
        f"y ~ a {f'+ {TWELVE} - {TWELVE} ' * 500} | unit",
        f"more than {MOST_TERMS:,} terms",
    ),
    "one term again and again": ("y ~ " + "a+" * 40_000 + "b | unit", f"more than {MOST_TERMS:,} terms"),
    "factors": (
        "y ~ " + ":".join(f"x{i}" for i in range(5_000)) + " | unit",
        f"more than {MOST_FACTORS} factors",
    ),
    "brackets": ("y ~ " + "(" * 10_000 + "a" + ")" * 10_000 + " | unit", f"{DEEPEST} deep"),
    "calls": ("y ~ " + "log(" * 10_000 + "a" + ")" * 10_000 + " | unit", f"{DEEPEST} deep"),
    "calls of the outcome": ("log(" * 10_000 + "y" + ")" * 10_000 + " ~ a | unit", f"{DEEPEST} deep"),
    "backticks": ("y ~ " + "`" * 90_000, f"at most {LONGEST_TERM:,}"),
    "open backticks": ("y ~ a + `b" + "`` c" * 20_000, "this backtick is not closed"),
    "power of numbers": ("y ~ 9**9**9 | unit", "the only number of a formula is 1"),
    "power of digits": ("y ~ (a + b)**" + "9" * 5_000 + " | unit", "a power of a column is square"),
    "lag": ("y ~ lag(x, 1000000000) | unit", f"at most {MOST_PERIODS}"),
    "one period more": (f"y ~ lag(x, {MOST_PERIODS + 1}) | unit", f"at most {MOST_PERIODS}"),
    "lag of digits": ("y ~ lag(x, " + "9" * 5_000 + ") | unit", f"at most {MOST_PERIODS}"),
    "lag in other digits": ("y ~ lag(x, \u0663) | unit", f"at most {MOST_PERIODS}"),
    "long name": ("y ~ `" + "a" * 5_000 + "` | unit", f"at most {LONGEST_TERM:,}"),
    "absorbed": ("y ~ a | " + " + ".join(f"u{i}" for i in range(9_000)), "at most 20 are read"),
    "absorbed at once": ("y ~ a | " + "^".join(f"u{i}" for i in range(9_000)), f"at most {LONGEST_TERM:,}"),
    "attribute": ("y ~ a.__class__ | unit", ""),
    "call": ("y ~ eval(a) | unit", "the functions are C, log"),
    "splines": ("y ~ bs(x, df=1000000000) | unit", "df is a whole number between 1 and 50"),
    "degree": ("y ~ poly(x, 1000000000) | unit", "between 1 and 10"),
    "open text": ("y ~ C(a, ref=" + "'\\'" * 30_000, "not closed"),
    "open text of signs": ("y ~ C(a, ref=" + '"\\' * 30_000, "not closed"),
    "power inside I": ("y ~ I(x + 9**9**9) | unit", "a power is that of a column"),
    "call inside I": ("y ~ I(__import__('os').system('true')) | unit", "no function is called inside I"),
    "attribute inside I": ("y ~ I(x.real.imag) | unit", "it may compare columns, but not"),
    "text repeated inside I": ("y ~ I('a' * x) | unit", "texts and lists are compared"),
    "call as a reference": ("y ~ C(x, ref=open('a')) | unit", "is no number, text"),
    "text": ("y ~ 'a' * 10**10 | unit", "this sign has no meaning"),
    "null": ("y ~ a\0 | unit", "misplaced"),
    "no text": (3, "a formula is a text, not int"),
    "bytes": (b"y ~ x | unit", "a formula is a text, not bytes"),
}


@pytest.fixture(scope="module")
def panel():
    data = make_panel()
    return data.assign(
        name=np.where(data["unit"] < 9, "a.b()", "c"), **{"a b": data["unit"], "a`b": data["unit"]}
    )


def limited(seconds):
    """No endless work: this much time of the processor, whatever the load of the machine.

    Without the collector, which in a long run of tests walks through what others have left.
    """
    gc.disable()
    start = time.process_time()
    yield
    spent = time.process_time() - start
    gc.enable()
    assert spent < seconds


@pytest.fixture
def within_a_second():
    # Half of one on a calm machine; work without an end is far beyond either.
    yield from limited(2.0)


@pytest.mark.usefixtures("within_a_second")
@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_that_are_refused(panel, kind):
    sample, words = SAMPLES[kind]
    with pytest.raises(SpecificationError) as caught:
        kv.estimate(kv.Specification("y", ("x",), "unit", "year", sample=(sample,)), panel)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 2_000


@pytest.mark.usefixtures("within_a_second")
@pytest.mark.parametrize("kind", FORMULAS)
def test_formulas_that_are_refused(panel, kind):
    formula, words = FORMULAS[kind]
    with pytest.raises((SpecificationError, DataMissingError)) as caught:
        kv.estimate(kv.Specification.from_formula(formula), panel)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 2_000


# Each neighbour that is not refused, against pandas.
ALLOWED = [
    ("year >= 2012 and not (region in [1, 2])", lambda d: (d.year >= 2012) & ~d.region.isin([1, 2])),
    ("year >= 2012 & unit < 5", lambda d: (d.year >= 2012) & (d.unit < 5)),
    ("year == 2012 | unit == 5", lambda d: (d.year == 2012) | (d.unit == 5)),
    ("~(year > 2012)", lambda d: ~(d.year > 2012)),
    ("2011 < year <= 2013", lambda d: (d.year > 2011) & (d.year <= 2013)),
    ("year == [2011, 2013]", lambda d: d.year.isin([2011, 2013])),
    ("year not in (2011,)", lambda d: d.year != 2011),
    ("name == 'a.b()'", lambda d: d.name == "a.b()"),
    ("name in ['c', '@x', '`q`', 'a & b']", lambda d: d.name == "c"),
    ('name != "it\'s"', lambda d: d.name != "it's"),
    ("`a b` > 3", lambda d: d["a b"] > 3),
    ("`a``b` > 3 and `a b` < 9", lambda d: (d.unit > 3) & (d.unit < 9)),
    ("unit ** 2 > 16", lambda d: d.unit**2 > 16),
    ("(x ** 2) ** 2 + x * 3 - 1 > 0.5", lambda d: x_to_the_fourth(d) > 0.5),
    ("unit % 2 == 0 and unit // 2 > 3", lambda d: (d.unit % 2 == 0) & (d.unit // 2 > 3)),
    ("-x < 0", lambda d: -d.x < 0),
    ("x / population > 0", lambda d: d.x / d.population > 0),
    ("index > 5", lambda d: d.index > 5),
    ("(" * 20 + "year > 2011" + ")" * 20, lambda d: d.year > 2011),
    (" or ".join([f"unit == {i % 5}" for i in range(100)]), lambda d: d.unit.isin(range(5))),
    ("unit in [" + ", ".join(map(str, range(3_000, 3, -1))) + "]", lambda d: d.unit > 3),
    ("+".join(["unit"] * 40) + " > 100", lambda d: 40 * d.unit > 100),
    ("year > 2011 # from the reform on", lambda d: d.year > 2011),
]


def x_to_the_fourth(data):
    return data["x"] ** 4 + 3 * data["x"] - 1


@pytest.mark.parametrize(("expression", "by_hand"), ALLOWED, ids=range(len(ALLOWED)))
def test_neighbours_that_are_computed(panel, expression, by_hand):
    np.testing.assert_array_equal(evaluate_expression(expression, panel), by_hand(panel))


def test_a_formula_at_its_limits_is_read(panel):
    most = kv.Specification.from_formula("y ~ " + " + ".join(f"x{i}" for i in range(MOST_TERMS)) + " | unit")
    assert len(most.regressors) == MOST_TERMS
    assert len(kv.Specification.from_formula(f"y ~ {TWELVE} | unit").regressors) == 2**12 - 1
    assert (
        len(kv.Specification.from_formula(f"y ~ ({'+'.join(LETTERS[:12])})**12 | unit").regressors)
        == 2**12 - 1
    )
    deep = "log(" * DEEPEST + "x" + ")" * DEEPEST
    assert kv.Specification.from_formula(f"y ~ {deep} | unit").regressors == (deep,)
    lag = kv.Specification.from_formula(f"y ~ lag(x, {MOST_PERIODS}) | unit")
    with pytest.raises(SpecificationError, match="no unit has two rows that far apart"):
        kv.estimate(lag, panel)
    with pytest.raises(SpecificationError, match=f"at most {MOST_TERMS:,} are read"):
        kv.Specification("y", tuple(f"x{i}" for i in range(MOST_TERMS + 1)), "unit")


@pytest.mark.parametrize(
    ("macros", "words"),
    [
        ({"a": ["..a"]}, "without end"),
        ({"a": ["..b"], "b": ["..a"]}, "without end"),
        ({f"m{i}": [f"..m{i + 1} + ..m{i + 1}"] for i in range(19)} | {"m19": ["x"]}, "without end"),
        ({"a": ["x"] * 200_000}, "at most 100,000 are read"),
        ({"a": [" + ".join(f"x{i}" for i in range(4_000))], "b": ["..a * ..a"]}, "more than 5,000 terms"),
    ],
)
@pytest.mark.usefixtures("within_a_second")
def test_macros_do_not_stand_for_each_other_without_end(macros, words):
    with pytest.raises(SpecificationError, match=words):
        kv.Specification.from_formula(
            f"y ~ ..{list(macros)[-1]} + ..{next(iter(macros))} | unit", macros=macros
        )


def test_a_macro_of_one_text_is_that_text():
    spec = kv.Specification.from_formula("y ~ ..a | unit", macros={"a": "income"})
    assert spec.regressors == ("income",)


@pytest.mark.parametrize(
    ("regressors", "words"),
    [
        (["*".join(LETTERS)], "all products of 24 factors are more than 5,000 terms"),
        (["*".join(LETTERS[i : i + 12]) for i in range(12)], "stand for more than 5,000 terms"),
        (["log(" * 300 + "x" + ")" * 300], "20 deep"),
        (["a" * 10**6], "at most 2,000 are read"),
        ([3], "are texts, not 3"),
    ],
)
@pytest.mark.usefixtures("within_a_second")
def test_regressors_have_the_limits_of_formulas(panel, regressors, words):
    with pytest.raises(SpecificationError, match=words):
        kv.estimate(kv.Specification("y", tuple(regressors), "unit"), panel)


@pytest.mark.usefixtures("within_a_second")
def test_grids_have_a_limit():
    base = kv.Specification("y", ("x",), "unit")
    with pytest.raises(SpecificationError, match="combinations of 24 groups: more than 1,000,000"):
        kv.subsets(LETTERS)
    with pytest.raises(SpecificationError, match="specifications in the grid: more than 1,000,000"):
        kv.grid(
            base,
            outcome=LETTERS,
            weights=LETTERS,
            entity=LETTERS,
            time=LETTERS,
            controls=kv.subsets(LETTERS[:4]),
        )
    assert len(kv.subsets(LETTERS[:10])) == 1024


CHILD = """
import resource, sys, time
import kostnadsvekst as kv, pandas as pd
from kostnadsvekst.errors import KostnadsvekstError
from kostnadsvekst.models.expressions import evaluate_expression
sys.path.insert(0, {tests!r})
import test_expressions as tried
data = tried.make_panel().assign(name="c")
data["a b"] = data["unit"]
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
spec = kv.Specification("y", ("x",), "unit")
for sample, _ in tried.SAMPLES.values():
    try: kv.estimate(spec.vary(sample=(sample,)), data)
    except KostnadsvekstError: continue
    raise SystemExit(f"computed: {{sample!r:.60}}")
for formula, _ in tried.FORMULAS.values():
    try: kv.estimate(kv.Specification.from_formula(formula), data)
    except KostnadsvekstError: continue
    raise SystemExit(f"estimated: {{formula!r:.60}}")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most)
"""


def test_all_of_them_in_a_child_with_little_memory_and_time():
    """One process, 4 GB of addresses at most, 60 seconds of the processor; all together grow by < 200 MB."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))

    code = CHILD.format(tests=str(__file__).rpartition("/")[0])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2_000:]
    assert int(done.stdout) < 200_000  # kilobytes


SIGNS = st.sampled_from(
    [
        *"()[]{}'\"`@.,:;+-*/%<>=!&|~ \n\\",
        "**",
        "year",
        "unit",
        "x",
        "name",
        "1",
        "9",
        "not ",
        " in ",
        " and ",
        "__",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SIGNS, max_size=14).map("".join))
def test_any_text_is_computed_or_refused_in_our_words(text):
    data = pd.DataFrame({"year": [1, 2, 3], "unit": [1, 1, 2], "x": [0.5, 1.0, 2.0], "name": ["a", "b", "c"]})
    before = data.copy()
    told = ""
    try:
        with np.errstate(all="ignore"):
            evaluate_expression(text, data)
    except KostnadsvekstError as error:
        told = str(error)
    pd.testing.assert_frame_equal(data, before)
    # Nothing but the columns was reached: a tree with an attribute or a call never got as far as pandas.
    assert "DataFrame" not in told
    assert "object has no attribute" not in told


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"()`+-*:/^|~., ", "**", "y", "a", "b", "C(", "lag(", "2", "..needs"]), max_size=16
    )
)
def test_any_formula_is_read_or_refused_in_our_words(pieces):
    formula = f"y ~ {''.join(pieces)} | unit"
    spec = None
    try:
        spec = kv.Specification.from_formula(formula)
    except SpecificationError:
        return
    assert kv.Specification.from_toml(spec.to_toml()) == spec
