"""Printed checks of the analyses of user groups, each through a public function."""

import re

import pandas as pd

from kostnadsvekst.municipal.user_groups import (
    LogCurve,
    adjust_employer_contribution,
    allocate,
    colour,
    contradictions,
    index_to_mean,
    log_curve,
    moved,
    profile,
)

GROUPS = ["pu_children", "pu_adults", "mh_children", "mh_adults", "elderly_institution", "elderly_housing"]
GROUPS += ["elderly_home"]
TYPES = ("long_term_ordinary", "long_term_dementia", "long_term_reinforced", "short_term_ordinary")
SHORT = ("short_term_ordinary", "short_term_rehabilitation", "short_term_specialised", "acute_beds")
POPULATIONS = ("population", "population_0_17", "population_18_67", "population_80_plus")
ADJUSTED, CHILDREN, ADULTS, OLD = "adj_pop", "pop_0_17", "pop_18_67", "pop_80"
AGES = {ADJUSTED: ("all", "elderly_home"), CHILDREN: ("0-17", "pu_children"), ADULTS: ("18-67", "pu_adults")}


class Book:
    """Rows of a profile that answers many checks at once: every check is a municipality of its own."""

    def __init__(self):
        self.counts, self.accounts, self.population, self.wanted = [], [], [], {}

    def count(self, check, group, service="meals", provision="own", **numbers):
        self.counts.append({**cell(check, group, service, provision), **numbers})

    def spend(self, check, group, service="meals", provision="own", **kroner):
        self.accounts.append({**cell(check, group, service, provision), **kroner})

    def ask(self, check, measure, age="all", column="value", people=1_000_000, **where):
        name = check["id"]
        # Populations of other ages are not asked for: they may be as many as all.
        ages = dict.fromkeys(
            ("population", "population_0_17", "population_18_67", "population_80_plus"), people
        )
        self.population.append({"municipality": name, "year": 2023, **ages})
        self.wanted[name] = ({"measure": measure, "age": age, **where}, column)

    def answers(self):
        empty = {**cell({"id": "none"}, "mh_children", "meals", "own"), "net_kr": 1.0, "refund_kr": 0.0}
        people = [*self.population, {**self.population[0], "municipality": "none"}]
        made = profile(
            pd.DataFrame(self.counts), pd.DataFrame([*self.accounts, empty]), pd.DataFrame(people), 1.0
        )
        by_name = dict(tuple(made.groupby("municipality")))
        return {name: one(by_name[name], where, column) for name, (where, column) in self.wanted.items()}


def cell(check, group, service, provision):
    return {
        "municipality": check["id"],
        "year": 2023,
        "group": group,
        "service": service,
        "provision": provision,
    }


def one(rows, where, column):
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, f"{where}: {len(rows)} rows"
    return rows[column].iloc[0]


# --- Checks that a profile answers


def ask_rate(book, check, given):
    count = next(name for name in ("users", "count", "fte") if name in given)
    basis = next(name for name in AGES if name in given)
    age, group = AGES[basis]
    column = "fte" if count == "fte" else "users"
    book.count(check, group, **{column: given[count]})
    book.ask(check, f"{column}_per_1000", age, people=given[basis], provision="own")


def ask_fte_per_recipient(book, check, given):
    book.count(check, "elderly_home", fte=given["fte"], users=given.get("recipients", given.get("users")))
    book.ask(check, "fte_per_100_recipients")


def ask_fte_per_place(book, check, given):
    places = given.get("places", given.get("places_own"))
    book.count(check, "pu_adults", "housing", fte=given["fte"], places=places)
    book.ask(check, "fte_per_place")


def ask_coverage(book, check, given):
    if isinstance(given["places"], list):
        for service, places in zip(SHORT, given["places"], strict=True):
            book.count(check, "elderly_institution", service, places=places)
        book.ask(check, "coverage_80_plus", "80+", people=given[OLD], service="short_term")
    else:
        book.count(check, "elderly_institution", "long_term_ordinary", places=given["places"])
        book.ask(check, "coverage_80_plus", "80+", people=given[OLD], service="institution")


def ask_share_of_groups(book, check, given):
    for group, value in zip(GROUPS, given["values"], strict=True):
        book.spend(check, group, net_kr=value, refund_kr=0)
    book.ask(check, "share_of_net", group=GROUPS[given["index"]])


def ask_refund_share(book, check, given):
    book.spend(check, "pu_adults", net_kr=given["net"], refund_kr=given["refund"])
    book.ask(check, "refund_share", group="pu_adults")


def ask_gross(book, check, given):
    book.spend(check, "pu_adults", net_kr=given["net"], refund_kr=given["refund"])
    book.ask(check, "gross_per_inhabitant", column="numerator", group="pu_adults", service="all")


def ask_bought_share(book, check, given):
    for provision in ("own", "bought"):
        kroner = {"net_kr": given[provision], "refund_kr": 0}
        book.spend(check, "pu_adults", "housing", provision, **kroner)
    book.ask(check, "bought_share", service="housing")


def ask_share_with_repeats(book, check, tables):
    for row in tables["alesund_account_distribution"]["rows"]:
        for group, value in zip([*GROUPS[:4], *GROUPS[5:]], row["values"], strict=True):
            book.spend(check, group, net_kr=value, refund_kr=0, line=row["line"])
    book.ask(check, "share_of_net", group="pu_adults")


PROFILE = [
    (r"B-(U|E|A|M|F[1-3]$|F7|F8|F9|F10|C[1-9]$)", ask_rate),
    (r"B-(F[4-6]$|Z[12]$)", ask_fte_per_recipient),
    (r"B-(L7|Z7)$", ask_fte_per_place),
    (r"B-D([1-9]|10)$", ask_coverage),
    (r"B-S[1-7]$", ask_share_of_groups),
    (r"B-G64$", ask_refund_share),
    (r"B-N[23]$", ask_gross),
    (r"B-O", ask_bought_share),
]


# --- Checks that printed numbers answer


def statement(check, roles, per=1.0):
    """A relation among printed numbers, as a frame."""
    numbers = [(role, value) for role, values in roles.items() for value in values]
    numbers.append(("result", check.get("printed", check["expected"])))
    return pd.DataFrame(numbers, columns=["role", "value"]).assign(id=check["id"], per=per)


def sum_of(check, given):
    return statement(check, {"part": next(given[k] for k in ("values", "rates", "shares") if k in given)})


def rate_of(check, given):
    count = next(name for name in ("users", "count", "fte") if name in given)
    role = "part" if count == "fte" else "count"
    return statement(check, {role: [given[count]], "population": [first(given, "pop", "adj")]}, 1000)


def coverage_of(check, given):
    places = given["places"] if isinstance(given["places"], list) else [given["places"]]
    return statement(check, {"count": places, "population": [given[OLD]]}, 100)


def gross_against_services(check, given):
    """Net + refund beside services: the sum of services is the printed side."""
    lines = [{"label": f"service {k}", "values": [v, 0]} for k, v in enumerate(given["services"])]
    services = {"columns": ["x", "y"], "rows": lines}
    net, refund = given["net_and_refund"][1], given["net_and_refund"][0]
    sums = {
        "columns": ["x", "y"],
        "rows": [{"label": "Netto", "values": [net, 0]}, {"label": "Refusjon", "values": [refund, 0]}],
    }
    about = {"unit": "kr", "title": "Brutto, psykisk helse"}, {"unit": "kr", "title": "psykisk helse"}
    found = contradictions([services | about[0], sums | about[1]], agreeing=True)
    return found.loc[found["what"].str.endswith(", x"), "b"].iloc[0]


def ratio_of(per, *names, over):
    """A relation of named inputs over another."""

    def relation(check, given):
        top = [v for n in names for v in (given[n] if isinstance(given[n], list) else [given[n]])]
        return statement(check, {"part": top, "divisor": [given[over]]}, per)

    return relation


def need_adjusted(check, given):
    """The need-adjusted population is inferred: 26 765 to 26 820, so not known to better than hundreds."""
    roles = {"factor": [first(given, "net")], "times": [first(given, "pop")], "divisor": [given[ADJUSTED]]}
    frame = statement(check, roles)
    return frame.assign(decimals=[None, None, -2, None])


STATEMENTS = [
    (r"B-(T0|S9|D11|D2\d|RS|R10b|Q0|Z[345]|Y[123]\d|Y63)", sum_of),
    (r"B-S8$", ratio_of(100, "values", over="total")),
    (r"B-R[0-6]$", ratio_of(100, "group_net", over="total_net")),
    (r"B-Y4", ratio_of(100, "value", over="total")),
    (
        r"B-C[12]\d$",
        lambda c, g: statement(
            c,
            {
                "factor": [g["gross_per_inhabitant"]],
                "times": [g["population"]],
                "recipients": [g["recipients"]],
            },
            0.001,
        ),
    ),
    (r"B-G6[0-3]$", need_adjusted),
    (r"B-Y5", ratio_of(100, "fte_per_1000", over="users_per_1000")),
    (r"B-Y64$", lambda c, g: statement(c, {"part": [g["total"]], "minus": [g["taken_out"]]})),
    (r"B-Y65$", ratio_of(10_000, "fte", over="rate")),
    (
        r"B-Y66$",
        lambda c, g: statement(
            c, {"part": [g["after"]], "minus": [g["before"]], "divisor": [g["before"]]}, 100
        ),
    ),
]
# These are answered by other functions, too.
RATES = [
    (r"B-(U|E|A|M|F[1-3]$|F7|F8|F9|F10|C[1-9]$)", rate_of),
    (r"B-D([1-9]|10)$", coverage_of),
    (r"B-X", ratio_of(100, "own", over="mean")),
    (
        r"B-F[4-6]$",
        lambda c, g: statement(c, {"part": [g["fte"]], "recipients": [g["recipients"]]}, 100),
    ),
]


def first(given, *starts):
    return next(value for name, value in given.items() if name.startswith(starts))


def statements(checks):
    """All relations that the checks print a result of."""
    pairs = [(match([*STATEMENTS, *RATES], c["id"]), c) for c in checks if "printed" in c]
    return [relation(check, check["inputs"]) for relation, check in pairs if relation]


# --- Checks that other functions answer


def allocated(check, given):
    names = ["PU barn", "PU voksne", "Psyk barn", "Psyk voksne", "Eldre HDO", "Eldre andre"]
    shared = given.get("shared", given.get("shared_excl_hdo"))
    direct = dict.fromkeys(names, 0)
    return allocate(direct, shared, dict(zip(names, given["key"], strict=True)))[given["group"]].iloc[0]


def correction(check, given, tables):
    rows = tables["harstad_annex_corrections"]["rows"]
    lines = pd.DataFrame(
        {"function": [r["function"] for r in rows], "amount_kr": [r["values"][0] for r in rows]}
    )
    sums = moved(lines).set_index("function")["amount_kr"]
    where = {"B-K1": "all", "B-K6": "outside care"}
    return sums[where.get(check["id"], given.get("function"))]


def contribution(check, given):
    if "aga" in given:
        return adjust_employer_contribution(given["cost"], given["rate"] / 100, contribution=given["aga"])
    return adjust_employer_contribution(given["cost"], given["rate"], wage_share=given["wage_share"])


OTHERS = [
    (r"B-(I|X)", lambda c, g: index_to_mean(g["own"], g["mean"])),
    (r"B-V", lambda c, g: colour(g["own"], g["mean"])),
    (r"B-L[1-3]$", lambda c, g: LogCurve(g["a"], g["b"], 0.0, 2).at(g["x"])),
    (r"B-L6$", lambda c, g: log_curve(g["x"], g["y"]).r_squared),
    (r"B-Q5$", lambda c, g: allocate(g["direct"], g["shared"]).attrs["totals_kr"][g["group"]]),
    (r"B-Q[1-9]\d$", allocated),
    (r"B-N[4-9]$", contribution),
    (r"B-G[1-5]\d$", gross_against_services),
]


def answers(checks, tables):
    """Our value of each check that a public function answers."""
    book, found = Book(), {}
    for check in checks:
        name, given = check["id"], check["inputs"]
        if re.match(r"B-K", name):
            found[name] = correction(check, given, tables)
        elif name == "B-R7":
            ask_share_with_repeats(book, check, tables)
        elif ask := match(PROFILE, name):
            ask(book, check, given)
        elif compute := match(OTHERS, name):
            found[name] = compute(check, given)
        else:
            frame = match(STATEMENTS, name)(check, given)
            found[name] = contradictions([frame], agreeing=True)["a"].iloc[0]
    return found | book.answers()


def match(kinds, name):
    return next((function for pattern, function in kinds if re.match(pattern, name)), None)
