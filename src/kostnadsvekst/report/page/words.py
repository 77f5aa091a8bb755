"""Every word of the page that is no result, in both languages."""

from kostnadsvekst.language import SYNTHETIC_LABEL, Bilingual
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.report.audit import (
    CALIBRATED,
    DIFFERS,
    EVIDENCE_LABELS,
    EXACT,
    NOT_ATTEMPTED,
    ROUNDS,
    VERDICT_LABELS,
)
from kostnadsvekst.sources.files import USER_FILE

# Beside the colour, for print in grey and for eyes that do not tell the colours apart.
SIGNS = {EXACT: "=", ROUNDS: "≈", CALIBRATED: "○", DIFFERS: "≠", NOT_ATTEMPTED: "–"}
# Names in the style sheet.
CLASSES = {
    EXACT: "v-exact",
    ROUNDS: "v-rounds",
    CALIBRATED: "v-calibrated",
    DIFFERS: "v-differs",
    NOT_ATTEMPTED: "v-none",
}
ORIGINS = {
    SYNTHETIC: Bilingual("syntetiske data", "synthetic data"),
    "printed numbers of the report": Bilingual("rapportens trykte tall", "printed numbers of the report"),
    "Statistics Norway": Bilingual("Statistisk sentralbyrå", "Statistics Norway"),
    USER_FILE: Bilingual("brukerens fil", "file of the user"),
    "none": Bilingual("ingen", "none"),
    "": Bilingual("ingen", "none"),
}
TITLE = Bilingual(
    "Kostnadsvekst: rapportens tall, ett for ett", "Kostnadsvekst: the report's numbers, one by one"
)
OWN_TITLE = Bilingual(
    "Kostnadsvekst på egne data – ikke rapportens data", "Kostnadsvekst on own data – not the report's data"
)
OWN_LABEL = Bilingual(
    "IKKE RAPPORTENS DATA: brukerens egen fil", "NOT THE REPORT'S DATA: the user's own file"
)
SYNTHETIC_PART = SYNTHETIC_LABEL
INTRODUCTION = Bilingual(
    "Hvert trykt tall i rapporten Kostnadsvekst i den kommunale helse- og omsorgstjenesten (2021), med "
    "vårt tall, en dom og koden som lager det.",
    "Every printed number of the report Kostnadsvekst i den kommunale helse- og omsorgstjenesten (2021), "
    "with our number, a verdict and the code that makes it.",
)
ONCE = Bilingual(
    "Klassene viser ulike ting og legges aldri sammen: «kalibrert» sier bare at de syntetiske dataene ble "
    "som de skulle. Et utsagn som gjentas, telles én gang. Cellene i tabell 1 er også utsagn.",
    "The classes show different things and are never added up: “calibrated” only says that the synthetic "
    "data came out as they should. A claim that is repeated counts once. The cells of table 1 are claims, "
    "too.",
)
NO_SCRIPT = Bilingual(
    "Uten JavaScript vises tabeller, utsagn, funn og figurer, men ikke søk og begrunnelser.",
    "Without JavaScript tables, claims, findings and figures are shown, but neither search nor grounds.",
)
HEADINGS = {
    "answer": Bilingual("Svaret", "The answer"),
    "tables": Bilingual("Trykte tabeller", "Printed tables"),
    "claims": Bilingual("Utsagn i teksten", "Claims of the text"),
    "findings": Bilingual("Rapporten mot seg selv", "The report against itself"),
    "figures": Bilingual("Figurer", "Figures"),
    "files": Bilingual("Filer", "Files"),
}
ABOUT = {
    "tables": Bilingual(
        "Cellene står som i rapporten. Velg en celle (klikk, eller piltaster og Enter) for vårt tall, "
        "begrunnelsen og koden.",
        "Cells stand as in the report. Choose a cell (click, or arrow keys and Enter) for our number, the "
        "grounds and the code.",
    ),
    "claims": Bilingual(
        "Hvert utsagn med tall, dømt én gang, på det sterkeste grunnlaget som finnes.",
        "Every claim with a number, judged once, by the strongest evidence that there is.",
    ),
    "findings": Bilingual(
        "Motsigelser mellom trykte tall, ved regning alene: ingen data trengs.",
        "Contradictions between printed numbers, by arithmetic alone: no data are needed.",
    ),
    "figures": Bilingual(
        "Pek på en figur, eller bruk glidebryteren under den, for verdiene.",
        "Point at a figure, or use the slider below it, for its values.",
    ),
    "files": Bilingual(
        "Tabeller, figurer og data ved siden av denne siden; et kapittels filer er her når det er kjørt.",
        "Tables, figures and data beside this page; the files of a chapter are here once it was run.",
    ),
}
STRONGEST = Bilingual("Sterkeste funn", "Strongest findings")
SIGNS_TOLD = Bilingual("Tegn og farger", "Signs and colours")
EVIDENCE = Bilingual("Grunnlag", "Evidence")
TOOLS = Bilingual("Finn et tall", "Find a number")
CONTENTS = Bilingual("Innhold", "Contents")
SEARCH = Bilingual("Søk", "Search")
SEARCH_HINT = Bilingual("tall eller ord, f.eks. 2 699,377", "number or word, such as 2,699.377")
VERDICT = Bilingual("Dom", "Verdict")
CHAPTER = Bilingual("Kapittel", "Chapter")
ALL = Bilingual("alle", "all")
SORT = Bilingual("Sorter utsagn", "Sort claims")
SORTS = {
    "id": Bilingual("etter nummer", "by number"),
    "verdict": Bilingual("etter dom, avvik først", "by verdict, differences first"),
    "evidence": Bilingual("etter grunnlag, sterkest først", "by evidence, strongest first"),
    "place": Bilingual("etter sted", "by place"),
}
RESET = Bilingual("Nullstill", "Reset")
THEME = Bilingual("Lyst/mørkt", "Light/dark")
LANGUAGE = Bilingual("Språk", "Language")
DETAILS = Bilingual("Grunnlag og kode", "Grounds and code")
DOWNLOAD = Bilingual("Last ned data (CSV)", "Download data (CSV)")
SLIDER = Bilingual("Vis verdier for", "Show values of")
PRINTED = Bilingual("trykt", "printed")
OURS = Bilingual("vårt", "ours")
PLACES = Bilingual("Steder", "Places")
ARITHMETIC = Bilingual("Regnestykke", "Arithmetic")
PRINTED_NUMBERS = Bilingual("Trykte tall", "Printed numbers")
LIKELY = Bilingual("Trolig riktig", "Likely right")
SEVERITY = Bilingual("Alvor", "Severity")
CONFIDENCE = Bilingual("Sikkerhet", "Confidence")
NOTE = Bilingual("Merknad", "Note")
RULE = Bilingual("Regelen som fant det", "The rule that found it")
SAME_AS = Bilingual("samme som", "same as")
SKIP = Bilingual("Til innholdet", "To the contents")
FOOTER = Bilingual("Laget av kostnadsvekst", "Made by kostnadsvekst")
DATA_FROM = Bilingual("Data", "Data")

# For the script; what it says is asked for by these names.
SCRIPT = {
    "published": Bilingual("Trykt", "Published"),
    "ours": Bilingual("Vårt tall", "Ours"),
    "second": Bilingual("Uavhengig annen beregning", "Second opinion"),
    "difference": Bilingual("Forskjell", "Difference"),
    "interval": Bilingual("Tillatt avvik eller intervall", "Allowed deviation or interval"),
    "verdict": VERDICT,
    "evidence": EVIDENCE,
    "origin": Bilingual("Data bak vårt tall", "Data behind ours"),
    "reason": Bilingual("Grunn", "Reason"),
    "how": Bilingual("Beregning", "Computation"),
    "asked": Bilingual("Spesifikasjon", "Specification"),
    "also": Bilingual("Andre veier til tallet", "Other ways to the number"),
    "stars": Bilingual("Stjerner", "Stars"),
    "number": Bilingual("Tallet", "The number"),
    "code": Bilingual("Koden som lager vårt tall", "The code that makes ours"),
    "find": Bilingual("Finn linjen", "Find the line"),
    "link": Bilingual("Fast lenke", "Permanent link"),
    "close": Bilingual("Lukk", "Close"),
    "no_code": Bilingual("Ingenting er beregnet.", "Nothing is computed."),
    "shown": Bilingual("tall og funn vises", "numbers and findings shown"),
    "of": Bilingual("av", "of"),
    "missing": Bilingual("mangler eller er konfidensielt", "missing or confidential"),
    "unknown_link": Bilingual(
        "Lenken viser til et tall som ikke er her", "The link is to a number that is not here"
    ),
}


def for_script() -> dict[str, dict[str, dict[str, str]]]:
    """Words, verdicts, classes of evidence and origins as the page's script reads them."""
    groups = {
        "words": SCRIPT,
        "verdicts": VERDICT_LABELS,
        "evidence": EVIDENCE_LABELS,
        "origins": ORIGINS,
    }
    return {
        name: {key: {"nb": text.nb, "en": text.en} for key, text in group.items()}
        for name, group in groups.items()
    }
