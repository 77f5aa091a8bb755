"""Figures of the report page: the same data as the chapters' pictures, taken from the files they wrote."""

from collections.abc import Iterator, Mapping

import pandas as pd

from kostnadsvekst.chapters import ChapterResult
from kostnadsvekst.chapters.ohd_names import NAMES
from kostnadsvekst.chapters.page_tables import read_frame
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.panel.functions import FUNCTIONS, TOTAL
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICES
from kostnadsvekst.report.page import Picture, Series

_USERS = Bilingual("Brukere per uke", "Users per week")
_HOURS = Bilingual("Timer per bruker og uke", "Hours per user and week")
_ALL_AGES = Bilingual("alle aldre", "all ages")
_NOT_SHOWN = ("", ":", "..")
# Number in the report -> services whose users it shows.
_USER_FIGURES = {
    "5": ("long_term_stay",),
    "6": (
        "respite_institution",
        "time_limited_other",
        "time_limited_rehabilitation",
        "time_limited_assessment",
    ),
    "7": ("home_health",),
    "9": ("practical_daily",),
    "10": ("practical_training",),
    "11": ("practical_bpa",),
}
_HOUR_FIGURES = {"8": "home_health", "bpa-hours": "practical_bpa"}
_SHORT_STAYS = Bilingual("Korttidsopphold etter type", "Short stays by type")
_LARGEST, _CARE = ("241", "253", "254"), ("253", "254")
_GROWTH = {
    "1": (
        _CARE,
        "growth_nominal_percent",
        Bilingual("Vekst i pleie og omsorg, løpende priser", "Growth of municipal care, current prices"),
        Bilingual("Prosent fra året før", "Per cent on the year before"),
    ),
    "2": (
        (TOTAL,),
        "index_real",
        Bilingual("Utgifter til helse og omsorg, faste priser", "Expenditure on health and care, real"),
        Bilingual("Første år = 100", "First year = 100"),
    ),
    "3": (
        _LARGEST,
        "index_real",
        Bilingual("De tre største funksjonene, faste priser", "The three largest functions, fixed prices"),
        Bilingual("Første år = 100", "First year = 100"),
    ),
}
_EFFECT = Bilingual(
    "Effekt i prosent, med nominelt 95 %-intervall", "Effect in per cent, with nominal 95% interval"
)


def pictures(chapters: Mapping[str, ChapterResult]) -> tuple[Picture, ...]:
    """Every figure whose chapter was run and wrote its data.

    Parameters
    ----------
    chapters : mapping of str to ChapterResult
    """
    makers = {
        "growth/growth_account.csv": _growth,
        "kpr/weekly_users.csv": _users,
        "kpr/weekly_hours_per_user.csv": _hours,
        "ohd/effects_all_outcomes.csv": _effects,
        "specification-curve/specifications.csv": _curve,
    }
    made = []
    for path, maker in makers.items():
        result = chapters.get(path.partition("/")[0])
        if result is not None and path in result.files:
            frame = read_frame(result, path)
            made += [*maker(frame, path)]
    return tuple(made)


def _numbers(column: pd.Series) -> tuple[float | None, ...]:
    return tuple(None if text in _NOT_SHOWN else float(text) for text in column)


def _synthetic(frame: pd.DataFrame) -> bool:
    return bool((frame["data_origin"] == SYNTHETIC).any())


def _titled(number: str, title: Bilingual) -> Bilingual:
    if not number.isdigit():
        return title
    return Bilingual(f"Figur {number}: {title.nb}", f"Figure {number}: {title.en}")


def _growth(frame: pd.DataFrame, path: str) -> Iterator[Picture]:
    for number, (functions, column, title, unit) in _GROWTH.items():
        wide = frame.pivot(index="year", columns="function", values=column)
        wide = wide[[function for function in functions if function in wide]]
        wide = wide[(wide != "").any(axis=1)]
        series = tuple(Series(FUNCTIONS[str(name)], _numbers(wide[name])) for name in wide)
        labels = tuple(both(str(year)) for year in wide.index)
        yield Picture(
            key=f"figure-{number}",
            title=_titled(number, title),
            unit=unit,
            labels=labels,
            series=series,
            shape="lines",
            decimals=1,
            chapter="growth",
            source=path,
            synthetic=_synthetic(frame),
            zero=column.startswith("growth"),
        )


def _weeks(frame: pd.DataFrame) -> tuple[Bilingual, ...]:
    return tuple(both(str(week)) for week in frame["week"])


def _by_age(frame: pd.DataFrame, service: str) -> tuple[Series, ...]:
    ages = {age: Bilingual(f"{age} år", f"{age} years") for age in AGE_GROUPS} | {"all": _ALL_AGES}
    return tuple(Series(label, _numbers(frame[f"{service} {age}"])) for age, label in ages.items())


def _service(name: str) -> Bilingual:
    return Bilingual(SERVICES[name]["nb"], SERVICES[name]["en"])


def _users(frame: pd.DataFrame, path: str) -> Iterator[Picture]:
    for number, services in _USER_FIGURES.items():
        if len(services) == 1:
            title, series = _service(services[0]), _by_age(frame, services[0])
        else:
            title = _SHORT_STAYS
            series = tuple(Series(_service(name), _numbers(frame[f"{name} all"])) for name in services)
        yield _weekly(frame, path, number, title, series, _USERS, 0)


def _hours(frame: pd.DataFrame, path: str) -> Iterator[Picture]:
    for number, service in _HOUR_FIGURES.items():
        yield _weekly(frame, path, number, _service(service), _by_age(frame, service), _HOURS, 2)


def _weekly(
    frame: pd.DataFrame,
    path: str,
    number: str,
    title: Bilingual,
    series: tuple[Series, ...],
    unit: Bilingual,
    decimals: int,
) -> Picture:
    told = Bilingual(f"{title.nb}, {unit.nb.lower()}", f"{title.en}, {unit.en.lower()}")
    return Picture(
        key=f"figure-{number}",
        title=_titled(number, told),
        unit=unit,
        labels=_weeks(frame),
        series=series,
        shape="lines",
        decimals=decimals,
        chapter="kpr",
        source=path,
        synthetic=_synthetic(frame),
        zero=True,
    )


def _effects(frame: pd.DataFrame, path: str) -> Iterator[Picture]:
    """Effects on the outcomes of the report's table, 80 years and over, all contacts by urgency."""
    chosen = frame[(frame["age"] == "80plus") & (frame["group"] == "all") & (frame["refused"] == "")]
    chosen = chosen[chosen["contact"].isin(("admissions", "day_stays"))]
    until = str(chosen["until"].max())
    chosen = chosen[chosen["until"] == until].drop_duplicates("outcome")
    yield Picture(
        key="figure-effects",
        title=Bilingual(
            f"ØHD og bruk av sykehus, 80 år og over: rapportens modell, til {until}",
            f"Municipal acute beds and the use of hospitals, 80 and over: the report's model, until {until}",
        ),
        unit=_EFFECT,
        labels=tuple(_outcome(row) for row in chosen.to_dict("records")),
        series=(
            Series(
                _EFFECT,
                _numbers(chosen["effect_percent"]),
                _numbers(chosen["conf_low_percent"]),
                _numbers(chosen["conf_high_percent"]),
            ),
        ),
        shape="intervals",
        decimals=1,
        chapter="ohd",
        source=path,
        synthetic=_synthetic(frame),
        zero=True,
    )


def _outcome(row: Mapping[str, str]) -> Bilingual:
    contact, urgency, department = (NAMES[name][row[name]] for name in ("contact", "urgency", "department"))
    return Bilingual(
        f"{contact.nb}, {urgency.nb}, {department.nb}", f"{contact.en}, {urgency.en}, {department.en}"
    )


def _curve(frame: pd.DataFrame, path: str) -> Iterator[Picture]:
    """Estimates of free income in every specification, the smallest first."""
    chosen = frame[(frame["term"] == "free_income") & (frame["estimate"] != "")]
    chosen = chosen.assign(size=chosen["estimate"].astype(float)).sort_values(["size", "spec"])
    yield Picture(
        key="figure-curve",
        title=Bilingual(
            "Frie inntekter og utgifter i alle spesifikasjoner, minste anslag først",
            "Free income and expenditure in all specifications, smallest estimate first",
        ),
        unit=Bilingual("Kroner i utgifter per krone i frie inntekter", "Kroner spent per krone of income"),
        labels=tuple(both(spec) for spec in chosen["spec"]),
        series=(Series(Bilingual("Anslag", "Estimate"), tuple(chosen["size"])),),
        shape="dots",
        decimals=3,
        chapter="specification-curve",
        source=path,
        synthetic=_synthetic(frame),
        zero=True,
    )
