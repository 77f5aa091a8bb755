"""What the report quotes and explains: municipal economy, refund scheme, codebook of functions."""

from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.parameters import RefundRule, refund_rule
from kostnadsvekst.municipal.user_groups import refund
from kostnadsvekst.panel.functions import FUNCTIONS
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.tables import PRINTED, Heading, Number, Row, Table, footer, render
from kostnadsvekst.sources.published import load_codebook, load_municipal_economy

FOLDER = "background"
REFUND_YEAR = 2018
# Of one user in a year: around the threshold, and what the municipality of section 8.2.3 had on average.
COSTS_NOK = (1_000_000, 1_270_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000)
# Section 8.2.3: "60 millioner, og får refundert 26 millioner", "disse 20 brukerne".
EXAMPLE_COST_NOK, EXAMPLE_REFUND_NOK, EXAMPLE_USERS = 60_000_000, 26_000_000, 20


def run(settings: Settings) -> ChapterResult:
    """Write tables of section 4.1, section 8.2.3 and appendix 2.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    ChapterResult
        ``background/``.
    """
    provenance = Provenance(PRINTED)
    tables = (
        economy_table(provenance),
        refund_table(refund_rule(REFUND_YEAR), provenance),
        codebook_table(provenance),
    )
    files: dict[str, str | bytes] = {}
    for lang in settings.languages:
        for table in tables:
            files |= {f"{FOLDER}/{name}": text for name, text in render(table, lang).items()}
    return ChapterResult(files, summary=(_ABOUT,), data_origin=(provenance.origin,))


def economy_table(provenance: Provenance) -> Table:
    """Build the table of section 4.1: growth of income, and the net operating result.

    Parameters
    ----------
    provenance : Provenance
    """
    economy = load_municipal_economy()
    by_measure = {name: rows.set_index("year")["value"] for name, rows in economy.groupby("measure")}
    years = range(2015, 2020)
    rows = [
        Row(label, tuple(Number(by_measure[name].get(year), 1) for year in years))
        for name, label in _ECONOMY.items()
    ]
    recommended = by_measure["net_operating_result_recommended"].iloc[0]
    rows.append(Row(_RECOMMENDED, tuple(Number(recommended, 1) for _ in years)))
    headings = tuple(Heading(str(year)) for year in years)
    title = Bilingual(
        "Kommuneøkonomien 2015–2019 (avsnitt 4.1)", "The municipal economy 2015–2019 (section 4.1)"
    )
    stub = Bilingual("Prosent", "Per cent")
    return Table(
        "table_economy", title, stub, (headings,), tuple(rows), (_QUOTED, footer(provenance)), provenance
    )


def refund_table(rule: RefundRule, provenance: Provenance) -> Table:
    """Build the table of what the state refunds of one user's cost.

    Parameters
    ----------
    rule : RefundRule
    provenance : Provenance
    """
    rows = tuple(
        Row(
            _kroner(cost),
            tuple(
                n for deduction in (0.0, rule.disability_deduction_kr) for n in _split(cost, rule, deduction)
            ),
        )
        for cost in COSTS_NOK
    )
    over = (
        Heading(Bilingual("Uten fradrag", "Without deduction"), 2),
        Heading(Bilingual("Bruker under PU-kriteriet", "User under the disability criterion"), 2),
    )
    under = (
        Heading(Bilingual("Refusjon, kr", "Refund, kr")),
        Heading(Bilingual("Egen andel, %", "Own share, %")),
    ) * 2
    title = Bilingual(
        f"Refusjon for ressurskrevende brukere etter reglene for {rule.year} (avsnitt 8.2.3)",
        f"Refund for resource-intensive users under the rules of {rule.year} (section 8.2.3)",
    )
    stub = Bilingual("Kostnad per bruker, kr", "Cost per user, kr")
    notes = (_rule_in_words(rule), _example(rule), footer(provenance))
    return Table("table_refund", title, stub, (over, under), rows, notes, provenance)


def codebook_table(provenance: Provenance) -> Table:
    """Build table A4: what the functions cover.

    Parameters
    ----------
    provenance : Provenance
    """
    rows = tuple(
        Row(
            Bilingual(f"{r.function} {FUNCTIONS[r.function].nb}", f"{r.function} {FUNCTIONS[r.function].en}"),
            (
                Bilingual(r.description_nb, r.description_en),
                Bilingual(str(r.source).replace("p. ", "s. "), str(r.source)),
            ),
        )
        for r in load_codebook().itertuples()
    )
    headings = (Heading(Bilingual("Beskrivelse", "Description")), Heading(Bilingual("Kilde", "Source")))
    title = Bilingual(
        "Tabell A4: Beskrivelse av KOSTRA-funksjoner", "Table A4: Functions of the KOSTRA accounts"
    )
    note = Bilingual(
        "Veilederens ord slik rapporten gjengir dem, forkortet. Fra 2024 er 254 delt i 257 og 258.",
        "The guidance as the report quotes it, shortened and translated. From 2024, 254 is 257 and 258.",
    )
    stub = Bilingual("Funksjon", "Function")
    return Table("table_a4", title, stub, (headings,), rows, (note, footer(provenance)), provenance)


_ABOUT = Bilingual(
    "Tall som rapporten gjengir (avsnitt 4.1), regelen for refusjon regnet ut (8.2.3) og tabell A4",
    "Numbers that the report quotes (section 4.1), the rule of refunds worked out (8.2.3) and table A4",
)
_ECONOMY = {
    "income_growth_real": Bilingual("Vekst i inntektene", "Growth of income"),
    "net_operating_result": Bilingual(
        "Netto driftsresultat, av inntektene", "Net operating result, of income"
    ),
}
_RECOMMENDED = Bilingual("Anbefalt av TBU", "Recommended by TBU")
_QUOTED = Bilingual(
    "Fra TBUs notat av februar 2020 slik rapporten gjengir det. .. : ikke gjengitt. Netto driftsresultat i "
    "2018: «om lag på anbefalt nivå».",
    "From the note of TBU (the technical committee on municipal economy) of February 2020, as the report "
    "quotes it. ..: not quoted. Net operating result in 2018: “about at the recommended level”.",
)


def _kroner(amount: float) -> Bilingual:
    number = Number(float(amount), 0)
    return Bilingual(number.text("nb"), number.text("en"))


def _split(cost: float, rule: RefundRule, deduction: float) -> tuple[Number, Number]:
    """Refund, and the share that the municipality bears of what the deduction leaves."""
    back = refund(cost, threshold=rule.threshold_kr, share=rule.share, deductions=deduction)
    return Number(back, 0), Number(100 * (cost - deduction - back) / cost, 1)


def _rule_in_words(rule: RefundRule) -> Bilingual:
    threshold, deduction = _kroner(rule.threshold_kr), _kroner(rule.disability_deduction_kr)
    share = f"{100 * rule.share:.0f}"
    return Bilingual(
        f"{share} prosent av kostnaden over {threshold.nb} kroner; under PU-kriteriet trekkes tilskuddet "
        f"på {deduction.nb} kroner først fra. Egen andel: kostnad minus tilskudd og refusjon, av kostnaden.",
        f"{share} per cent of the cost above {threshold.en} kroner; under the disability criterion the grant "
        f"of {deduction.en} kroner is deducted first. Own share: cost less grant less refund, of the cost.",
    )


def _example(rule: RefundRule) -> Bilingual:
    """Hold the municipality of section 8.2.3 against the rule."""
    mean = EXAMPLE_COST_NOK / EXAMPLE_USERS
    most = EXAMPLE_USERS * refund(mean, threshold=rule.threshold_kr, share=rule.share) / 1e6
    own = 100 * (1 - EXAMPLE_REFUND_NOK / EXAMPLE_COST_NOK)
    numbers = (Number(most, 1), Number(own, 0))
    nb, en = ([number.text(lang) for number in numbers] for lang in ("nb", "en"))
    return Bilingual(
        f"Kommunen i avsnitt 8.2.3: 60 millioner på 20 brukere gir ved like kostnader {nb[0]} millioner i "
        f"refusjon uten fradrag; den fikk 26, og bar altså {nb[1]} prosent selv (den sier 60).",
        f"The municipality of section 8.2.3: 60 million on 20 users would, at equal costs, be refunded "
        f"{en[0]} million without deductions; it got 26, and so bore {en[1]} per cent itself (it says 60).",
    )
