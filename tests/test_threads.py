"""Linear algebra of small problems on one thread, in every public call, and the user's setting afterwards."""

import threading
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst import threads
from kostnadsvekst.analysis import influence as influence_module
from kostnadsvekst.analysis import specification_curve as curve_module
from kostnadsvekst.models import acute_beds, ar1, diagnostics, fixed_effects, hypotheses
from kostnadsvekst.models.staggered import sun_abraham
from kostnadsvekst.register import level_model
from kostnadsvekst.threads import LARGE, one_thread, threads_for

SPEC = kv.SPECIFICATIONS["A3-1"]


@cache
def able():
    """Libraries that take a number of threads; some packages bring one of their own that has one only."""
    found = []
    for library in (library for group in threads._libraries() for library in group):
        before = library.get()
        library.set(3)
        if library.get() == 3:
            found.append(library)
        library.set(before)
    return found


def numbers():
    return {library.get() for library in able()}


@contextmanager
def users_limit(count):
    """Set a number of threads by BLAS's own function: threadpoolctl listens to the first thread only."""
    before = [library.get() for library in able()]
    for library in able():
        library.set(count)
    try:
        yield
    finally:
        for library, number in zip(able(), before, strict=True):
            library.set(number)


@pytest.fixture(autouse=True)
def three_threads():
    """What the user has set, whatever the machine has."""
    with users_limit(3):
        if numbers() != {3}:
            pytest.skip("this BLAS does not take a number of threads")
        yield
        assert numbers() == {3}


def test_small_work_has_one_thread_and_large_work_the_users():
    with threads_for(LARGE - 1):
        assert numbers() == {1}
        with threads_for(0):
            assert numbers() == {1}
        assert numbers() == {1}
    assert numbers() == {3}
    with threads_for(LARGE):
        assert numbers() == {3}


def test_the_setting_comes_back_after_an_error():
    @one_thread
    def fails(count, *, to):
        """Its own words."""
        raise ValueError(f"{count} to {to} on {numbers()}")

    with pytest.raises(ValueError, match=r"1 to 2 on \{1\}"):
        fails(1, to=2)
    assert numbers() == {3}
    assert fails.__doc__ == "Its own words."


def test_the_users_own_limit_is_what_comes_back():
    with users_limit(2):
        with threads_for(0):
            assert numbers() == {1}
        assert numbers() == {2}


def test_calls_at_the_same_time_share_the_limit():
    """The first to end must not give threads back to the other, nor the last take one for the setting."""
    inside, leave, seen = threading.Event(), threading.Event(), []

    def other():
        with threads_for(0):
            inside.set()
            leave.wait(10)
            seen.append(numbers())

    thread = threading.Thread(target=other)
    with threads_for(0):
        thread.start()
        assert inside.wait(10)
    assert numbers() == {1}
    leave.set()
    thread.join()
    assert seen == [{1}]
    assert numbers() == {3}


def test_many_calls_at_the_same_time_leave_the_setting():
    wrong = []

    def work():
        for _ in range(300):
            with threads_for(0):
                wrong.extend(n for n in numbers_now() if n != 1)

    def numbers_now():
        return [library.get() for library in threads._libraries().shared]

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert numbers() == {3}


@pytest.fixture(scope="module")
def panel():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kv.load_panel()


@pytest.fixture(scope="module")
def fitted(panel):
    return kv.estimate(SPEC.adding("free_income"), panel)


# A public call, and a function inside it that does its linear algebra.
CALLS = {
    "estimate": (lambda p, f: kv.estimate(SPEC, p), fixed_effects, "compute_covariance"),
    "absorb": (
        lambda p, f: kv.estimate(SPEC.vary(regressors=("free_income",), absorb="year"), p),
        fixed_effects,
        "project",
    ),
    "with_covariance": (lambda p, f: f.with_covariance("cluster"), fixed_effects, "compute_covariance"),
    "estimate_ar1": (lambda p, f: kv.estimate_ar1(SPEC.vary(weights=None), p), ar1, "fit_within"),
    "ar1_covariance": (lambda p, f: kv.estimate_ar1(SPEC.vary(weights=None), p), ar1, "compute_covariance"),
    "influence": (lambda p, f: kv.influence(f), influence_module, "leave_one_out"),
    "compare_weights": (lambda p, f: kv.compare_weights(f), fixed_effects, "compute_covariance"),
    "wald_test": (lambda p, f: kv.wald_test(f, ["free_income"]), hypotheses, "fdtrc"),
    "mundlak_test": (lambda p, f: kv.mundlak_test(f), diagnostics, "fit_within"),
    "wooldridge_test": (lambda p, f: kv.wooldridge_test(f), diagnostics, "fdtrc"),
    "reset_test": (lambda p, f: kv.reset_test(f), diagnostics, "fit_within"),
    "curve": (lambda p, f: kv.specification_curve([SPEC], p), curve_module, "demean"),
    "acute_beds": (
        lambda p, f: kv.acute_beds.estimate_effects(beds()),
        acute_beds,
        "fit_two_way",
    ),
    "sun_abraham": (lambda p, f: adoption("sun_abraham"), sun_abraham, "build_projector"),
    "trend": (lambda p, f: kv.register.trend(weeks(), ()), level_model, "whiten"),
    "growth": (
        lambda p, f: kv.register.growth(weeks(), "2017-01-02", "2019-12-30", ()),
        level_model,
        "whiten",
    ),
}


def adoption(method):
    units = pd.DataFrame({"unit": range(9), "first": [3.0, 4.0, np.nan] * 3})
    rows = units.merge(pd.DataFrame({"year": range(1, 7)}), how="cross")
    rows["y"] = np.random.default_rng(1).normal(size=len(rows))
    return kv.staggered.event_study(rows, "y", "unit", "year", "first", method)


def weeks():
    dates = pd.date_range("2017-01-02", periods=160, freq="7D")
    return pd.Series(1000 + np.random.default_rng(1).normal(size=160), index=dates)


def beds():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kv.acute_beds.load_panel()


@pytest.mark.parametrize("name", CALLS)
def test_public_calls_have_one_thread_inside(monkeypatch, panel, fitted, name):
    call, module, inner = CALLS[name]
    inside = getattr(module, inner)
    seen = []

    def spy(*args, **kwargs):
        seen.append(numbers())
        return inside(*args, **kwargs)

    monkeypatch.setattr(module, inner, spy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call(panel, fitted)
    assert seen
    assert seen == [{1}] * len(seen)


def test_a_large_problem_keeps_the_users_threads(monkeypatch, panel):
    monkeypatch.setattr(threads, "LARGE", 1.0)
    seen = []
    inside = fixed_effects.compute_covariance
    monkeypatch.setattr(
        fixed_effects, "compute_covariance", lambda *a, **k: seen.append(numbers()) or inside(*a, **k)
    )
    kv.estimate(SPEC, panel)
    assert seen == [{3}]


def test_libraries_whose_number_belongs_to_a_thread(monkeypatch):
    """As OpenBLAS on OpenMP: a second thread must set one for itself, and give back what it had."""
    local = threading.local()

    def get():
        return getattr(local, "count", 4)

    library = threads._Library(get, lambda count: setattr(local, "count", count))
    monkeypatch.setattr(threads, "_libraries", lambda: threads._Libraries((), (library,)))
    seen = []

    def other():
        local.count = 7
        with threads_for(0), threads_for(0):
            seen.append(get())
        seen.append(get())

    with threads_for(0):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        seen.append(get())
    assert [*seen, get()] == [1, 7, 1, 4]


def ticks_of_other_threads():
    """Processor time of each thread but this one, in ticks of the system's clock."""
    me = str(threading.get_native_id())
    tasks = [task for task in Path("/proc/self/task").iterdir() if task.name != me]
    fields = {task.name: (task / "stat").read_text().rpartition(")")[2].split() for task in tasks}
    return {name: int(f[11]) + int(f[12]) for name, f in fields.items()}


@pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="threads' times are read as Linux writes them"
)
def test_nothing_around_the_linear_algebra_wakes_a_thread():
    """Columns so long that BLAS would share out even a product of two of them, in reading and in results."""
    rng = np.random.default_rng(0)
    n = 60_000
    data = pd.DataFrame({"id": np.arange(n) // 20, "year": np.arange(n) % 20 + 2000})
    for name in ("x", "z", "y"):
        data[name] = rng.normal(size=n)
    plain = kv.Specification("y", ("x", "z"), "id", "year")
    before = ticks_of_other_threads()
    for spec in (plain, plain.vary(absorb="year")):
        for _ in range(5):
            fitted = kv.estimate(spec, data)
            assert len(fitted.with_covariance("cluster").coefficients) == 3
            assert "R2" in repr(fitted)
    kv.estimate_ar1(plain, data)
    kv.specification_curve([plain], data)
    after = ticks_of_other_threads()
    assert sum(after.values()) - sum(before.get(name, 0) for name in after) <= 1
