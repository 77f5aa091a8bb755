"""Savings potential: what one's own services would cost at the level of others, corrected for need.

Source: Ålesund 2020 to 2021 (seed 001), section on KOSTRA and savings potential. Its table is lost; the
formula is assumed as the only form that fits "corrected for need" and 1000 kroner per inhabitant being about
69 million.
"""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.given_numbers import municipality_name, number_faults, refuse, year_faults
from kostnadsvekst.municipal.savings_inputs import SavingInputs, read_savings
from kostnadsvekst.municipal.user_group_inputs import require_frame
from kostnadsvekst.naming import first_of, nearest_names, require_columns
from kostnadsvekst.provenance import SYNTHETIC, provenance_of

__all__ = ["CAVEATS", "MEANS", "grid", "kroner_saved", "saving_share_percent", "savings"]

MEANS = ("municipalities", "ratio_of_sums")
_MILLION = 1e6
# A saving that differs by more than this share of the first one is another answer. Assumed.
_OTHER_SIZE = 0.25
CAVEATS = (
    Bilingual(
        "Potensialet er teoretisk: det sier hva tjenestene ville kostet på de andres nivå, ikke at nivået er "
        "riktig eller kan nås.",
        "The potential is theoretical: it says what services would cost at the others' level, not that the "
        "level is right or can be reached.",
    ),
    Bilingual(
        "Ulik kvalitet, dekning, organisering og regnskapsføring slår ut som innsparing.",
        "Differences in quality, coverage, organisation and accounting practice show up as savings.",
    ),
    Bilingual(
        "Behovsindeksen fanger ikke opp alt behov; en feil på én prosent i den flytter tallet med én prosent "
        "av utgiftene.",
        "The need index does not catch all need; an error of one per cent in it moves the figure by one per "
        "cent of the expenditure.",
    ),
    Bilingual(
        "Innsparing på én tjeneste kan gi kostnader på en annen. Summen av bare de positive overdriver: "
        "alle er dyrere enn andre på noe.",
        "A saving on one service may cost on another. The sum of positive ones alone exaggerates: everybody "
        "is dearer than others at something.",
    ),
)


def kroner_saved(
    own: NDArray[np.float64], reference: NDArray[np.float64], population: float, need: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Kroner that one's own services would cost less at the others' level.

    Parameters
    ----------
    own, reference : arrays, shape (f,)
        Kroner per need-adjusted inhabitant.
    population : float
    need : array, shape (f,)
        One's own need index.

    Returns
    -------
    array, shape (f,)
        Kroner; below zero where one's own is cheaper.
    """
    return (own - reference) * population * need


def savings(
    own: pd.DataFrame | pd.Series | Mapping[str, float] | float,
    references: object,
    population: pd.DataFrame | pd.Series | Mapping[str, float] | float,
    need_index: pd.DataFrame | pd.Series | Mapping[str, float] | float,
    *,
    mean: str = "municipalities",
    only_positive: bool = False,
) -> pd.DataFrame:
    """Compute the savings potential by function against chosen municipalities.

    Parameters
    ----------
    own : DataFrame, Series, mapping or float
        One's own costs. A frame has ``function`` and ``amount_kr`` (kroner in the accounts) or
        ``adjusted_kr`` (kroner per need-adjusted inhabitant), and may have ``municipality`` and ``year``. A
        Series or mapping is function -> kroner per need-adjusted inhabitant, a number that of all services.
    references : DataFrame, mapping, sequence or float
        The others: a frame as `own` with ``municipality``; or one with a column for each municipality and
        functions as index; a mapping from municipality, or a list, to what `own` may be.
    population : DataFrame, Series, mapping or float
        Inhabitants: ``municipality``, ``population`` (and ``year``); municipality -> number; a number is
        one's own. Those of the references are needed for amounts in kroner, and for ratios of sums.
    need_index : DataFrame, Series, mapping or float
        ``municipality``, ``need_index`` (and ``year``, ``function``) as a factor (0.972); municipality or
        function -> number; a number is one's own.
    mean : {"municipalities", "ratio_of_sums"}
        Mean of the references' costs per need-adjusted inhabitant, each counting once; or their kroner over
        their need-adjusted inhabitants.
    only_positive : bool
        Whether functions in which one's own is cheaper are left out; ``attrs["left_out"]`` names them.

    Returns
    -------
    DataFrame
        ``function``, ``own_kr``, ``reference_kr`` (kroner per need-adjusted inhabitant), ``saving_mnok``
        (million kroner; above zero where one's own would spend less at the others' level),
        ``per_inhabitant_kr`` (kroner per inhabitant, not adjusted). ``attrs`` has the totals ``total_mnok``
        and ``total_per_inhabitant_kr``, ``municipalities`` behind the mean, and ``caveats_nb``,
        ``caveats_en``.

    Raises
    ------
    InvalidDataError
        All faults together: one's own among the references, years that do not meet, no inhabitants, a
        function that one lacks (none is 0), rows that stand twice, numbers that are none.
    SpecificationError
        An unknown `mean`.

    Notes
    -----
    saving = (own − reference) × population × need index / 1 000 000. Assumed, see the module. It adds over
    functions.
    """
    _refuse_mean([mean], only_positive)
    inputs, faults = read_savings(own, references, population, need_index, weighted=mean == MEANS[1])
    refuse("savings", faults)
    assert inputs is not None
    with np.errstate(over="ignore", invalid="ignore"):
        found, left_out = _table(inputs, mean, only_positive)
    infinite = found.loc[~np.isfinite(found["saving_mnok"]), "function"]
    refuse("savings", [f"function {f}: kroner too large to compute with; look at the unit" for f in infinite])
    total = float(found["saving_mnok"].sum())
    found.attrs = {
        "total_mnok": total,
        "total_per_inhabitant_kr": total * _MILLION / inputs.population,
        "mean": mean,
        "municipalities": list(inputs.members),
        "left_out": left_out,
        **_caveats(),
        **_origin([own, references, population, need_index]),
    }
    return found


def _table(inputs: SavingInputs, mean: str, only_positive: bool) -> tuple[pd.DataFrame, list[str]]:
    level = inputs.reference.mean(axis=0)
    if mean == MEANS[1] and inputs.weights is not None:
        level = (inputs.reference * inputs.weights).sum(axis=0) / inputs.weights.sum(axis=0)
    saved = kroner_saved(inputs.own, level, inputs.population, inputs.need)
    table = pd.DataFrame(
        {
            "function": list(inputs.functions),
            "own_kr": inputs.own,
            "reference_kr": level,
            "saving_mnok": saved / _MILLION,
            "per_inhabitant_kr": saved / inputs.population,
        }
    )
    if not only_positive:
        return table, []
    cheaper = table["saving_mnok"] <= 0
    left_out = [f"function {f}: one's own is not dearer" for f in table.loc[cheaper, "function"]]
    return table[~cheaper].reset_index(drop=True), left_out


def _caveats() -> dict[str, list[str]]:
    return {f"caveats_{lang}": [one.get(lang) for one in CAVEATS] for lang in ("nb", "en")}


def _origin(tables: Sequence[object]) -> dict[str, dict[str, str]]:
    """Where the data are from, if a frame says so; one synthetic frame makes the whole synthetic."""
    told = [
        provenance_of(t).to_attrs() for t in tables if isinstance(t, pd.DataFrame) and "provenance" in t.attrs
    ]
    first = sorted(told, key=lambda one: one["origin"] != SYNTHETIC)
    return {"provenance": first[0]} if first else {}


def _refuse_mean(means: Sequence[str], only_positive: bool) -> None:
    unknown = [str(mean) for mean in means if mean not in MEANS]
    told = nearest_names(unknown, MEANS) if unknown else "()"
    faults = [f"mean={told}; allowed are {' and '.join(MEANS)}"] if unknown or not means else []
    if not isinstance(only_positive, bool | np.bool_):
        faults.append(f"only_positive={only_positive!r}; allowed are True and False")
    if faults:
        raise SpecificationError("; ".join(faults))


def saving_share_percent(saving_kr: float, net_kr: float) -> float:
    """Express a savings potential as per cent of the net account.

    Parameters
    ----------
    saving_kr : float
        Kroner.
    net_kr : float
        Net expenditure of the services, kroner, above zero.

    Raises
    ------
    InvalidDataError
        Numbers that are none, an account that is not above zero.
    """
    refuse("the share", [*number_faults("saving_kr", saving_kr), *number_faults("net_kr", net_kr, above=0)])
    return 100.0 * saving_kr / net_kr


def grid(
    accounts: pd.DataFrame,
    population: pd.DataFrame,
    need_indices: Mapping[str, pd.DataFrame],
    groups: Mapping[str, Sequence[str]],
    *,
    own: str,
    years: Sequence[int] | None = None,
    means: Sequence[str] = MEANS,
    only_positive: bool = False,
) -> pd.DataFrame:
    """Compute the saving with every comparison group, need key, year and mean.

    Parameters
    ----------
    accounts : DataFrame
        ``municipality``, ``year``, ``function``, ``amount_kr``: one's own and all others.
    population : DataFrame
        ``municipality``, ``year``, ``population``.
    need_indices : mapping of str to DataFrame
        Name of the key -> ``municipality``, ``year``, ``need_index``, and ``function`` where it is by sector.
        Without ``year`` it holds for all.
    groups : mapping of str to sequence of str
        Name -> members, without one's own.
    own : str
    years : sequence of int, optional
        Default: all in which one's own has accounts.
    means : sequence of str
        As `savings`.
    only_positive : bool

    Returns
    -------
    DataFrame
        ``group``, ``need_key``, ``year``, ``mean``, ``saving_mnok``, ``per_inhabitant_kr``,
        ``municipalities`` (how many), ``against_first`` (``"same"``, ``"size"`` where it differs from the
        first row by more than a quarter of it, ``"sign"`` where it has the other sign). ``attrs`` has
        ``lowest_mnok``, ``highest_mnok``, ``changes_sign``, ``changes_size``, ``text_nb``, ``text_en``,
        ``span_mnok`` (by choice: the largest difference that it alone makes), ``caveats_nb``, ``caveats_en``,
        and ``left_out``: cells that cannot be computed, by name.

    Raises
    ------
    InvalidDataError
        No cell can be computed; all reasons are named. Own in a group, empty groups.
    SpecificationError
        An unknown mean, no group, no key.
    DataMissingError
        Columns that lack.

    Warns
    -----
    DataWarning
        Cells that are left out.
    """
    require_frame(accounts, "accounts")
    require_columns(["municipality", "year", "function", "amount_kr"], accounts.columns)
    means = [means] if isinstance(means, str) else list(means)
    _refuse_mean(means, only_positive)
    _refuse_choices(groups, need_indices)
    name = municipality_name(own)
    members = {str(group): [municipality_name(m) for m in listed] for group, listed in groups.items()}
    costs = accounts.assign(municipality=[municipality_name(m) for m in accounts["municipality"]])
    mine = costs[costs["municipality"] == name]
    asked = mine["year"] if years is None else [years] if isinstance(years, Real | str) else list(years)
    refuse("the grid", [*year_faults("accounts: year", costs["year"]), *year_faults("years=", asked)])
    costs = costs.assign(year=pd.to_numeric(costs["year"]).astype("int64"))
    mine = costs[costs["municipality"] == name]
    wanted = sorted({int(float(str(year))) for year in asked})
    refuse("the grid", _grid_faults(mine, name, members, wanted))
    cells = list(product(members, need_indices, wanted, means))
    rows: list[tuple[object, ...]] = []
    left_out: list[str] = []
    for group, key, year, mean in cells:
        parts = _parts(costs[costs["year"] == year], name, members[group])
        try:
            refuse("savings", _without_accounts(parts[1], members[group]))
            found = savings(*parts, population, need_indices[key], mean=mean, only_positive=only_positive)
        except InvalidDataError as error:
            left_out += [f"{group}, {key}, {year}, {mean}: {problem}" for problem in error.problems]
            continue
        totals = (found.attrs["total_mnok"], found.attrs["total_per_inhabitant_kr"])
        rows.append((group, str(key), year, mean, *totals, len(members[group])))
    refuse("the grid", left_out if not rows else [])
    made = _beside_first(rows)
    told = {"own": name, "left_out": left_out, **_caveats()}
    made.attrs |= {**told, **_origin([accounts, population, *need_indices.values()])}
    _warn(left_out)
    return made


def _refuse_choices(groups: object, need_indices: object) -> None:
    faults = [
        f"{name} is a mapping from name to {what}, not a {type(given).__name__}"
        for name, given, what in (
            ("groups", groups, "list of municipalities"),
            ("need_indices", need_indices, "frame"),
        )
        if not isinstance(given, Mapping)
    ]
    if isinstance(groups, Mapping):
        faults += [
            f"the group {group!r} is a list of municipalities, not {listed!r}"
            for group, listed in groups.items()
            if isinstance(listed, str) or not isinstance(listed, Iterable)
        ]
    if not faults and not (groups and need_indices):
        faults.append("give at least one comparison group and one need key")
    if faults:
        raise SpecificationError(f"grid: {'; '.join(faults)}")


def _parts(costs: pd.DataFrame, own: str, members: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Costs of one's own and of the members."""
    return costs[costs["municipality"] == own], costs[costs["municipality"].isin(members)]


def _without_accounts(costs: pd.DataFrame, members: Sequence[str]) -> list[str]:
    return [f"{m} has no accounts" for m in sorted(set(members) - set(costs["municipality"]))]


def _grid_faults(
    mine: pd.DataFrame, own: str, members: Mapping[str, Sequence[str]], years: Sequence[int]
) -> list[str]:
    faults = [f"{own} has no accounts; give its rows, or correct own="] if mine.empty else []
    faults += [
        f"{own} is in its own group {g!r}; leave it out" for g, listed in members.items() if own in listed
    ]
    faults += [f"the group {g!r} has no members" for g, listed in members.items() if not listed]
    absent = [str(year) for year in years if year not in set(mine["year"])]
    return faults + ([f"{own} has no accounts of {', '.join(absent)}"] if absent and len(mine) else [])


def _warn(left_out: Sequence[str]) -> None:
    if left_out:
        lines = "\n".join(f"  - {line}" for line in first_of(left_out))
        warnings.warn(f"grid: {len(left_out)} cell(s) left out\n{lines}", DataWarning, stacklevel=3)


_CHOICES = ("group", "need_key", "year", "mean")


def _beside_first(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    columns = [*_CHOICES, "saving_mnok", "per_inhabitant_kr", "municipalities"]
    made = pd.DataFrame(rows, columns=columns)
    first = float(made["saving_mnok"].iloc[0])
    made["against_first"] = [_against(first, float(v)) for v in made["saving_mnok"]]
    low, high = float(made["saving_mnok"].min()), float(made["saving_mnok"].max())
    sign = bool(low < 0 < high)
    size = bool((made["against_first"] != "same").any())
    text = _told(low, high, sign=sign, size=size)
    spans = {choice: _span(made, choice) for choice in _CHOICES}
    made.attrs = {
        "lowest_mnok": low,
        "highest_mnok": high,
        "changes_sign": sign,
        "changes_size": size,
        "span_mnok": spans,
        "text_nb": text.nb,
        "text_en": text.en,
    }
    return made


def _against(first: float, value: float) -> str:
    if first * value < 0:
        return "sign"
    return "size" if abs(value - first) > _OTHER_SIZE * abs(first) else "same"


def _span(made: pd.DataFrame, choice: str) -> float:
    """Largest difference that one choice makes while the others stay."""
    others = [name for name in _CHOICES if name != choice]
    inside = made.groupby(others)["saving_mnok"]
    return float((inside.max() - inside.min()).max())


def _told(low: float, high: float, *, sign: bool, size: bool) -> Bilingual:
    decimals = next((d for d in range(1, 10) if not sign or (round(low, d) < 0 < round(high, d))), 9)
    span = [f"{x + 0.0:.{decimals}f}".replace("-", "−") for x in (low, high)]
    nb = f"Innsparingen er fra {span[0].replace('.', ',')} til {span[1].replace('.', ',')} mill. kr"
    en = f"The saving is from {span[0]} to {span[1]} million kroner"
    if math.isclose(low, high, rel_tol=1e-12):
        return Bilingual(f"{nb} uansett valg.", f"{en} whatever the choice.")
    if sign:
        return Bilingual(
            f"{nb}: fortegnet avhenger av valget, så tallet er ikke et funn.",
            f"{en}: its sign depends on the choice, so the figure is no finding.",
        )
    if size:
        return Bilingual(
            f"{nb}: fortegnet er det samme, størrelsen avhenger av valget.",
            f"{en}: its sign is the same, its size depends on the choice.",
        )
    return Bilingual(f"{nb}: valget betyr lite.", f"{en}: the choice matters little.")
