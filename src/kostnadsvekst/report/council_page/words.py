"""Words of the council's page that are no result, in both languages."""

from kostnadsvekst.language import Bilingual

ANSWER = Bilingual("Svaret", "The answer")
SKIP = Bilingual("Til svaret", "To the answer")
BASIS = Bilingual("Grunnlag", "Basis")
CONTENTS = Bilingual("Innhold", "Contents")
THEME = Bilingual("Lyst/mørkt", "Light/dark")
LANGUAGE = Bilingual("Språk", "Language")
NO_SCRIPT = Bilingual(
    "Uten JavaScript vises svar, figurer og tabeller, men ikke det som ligger bak dem, og ingen utprøving.",
    "Without JavaScript answer, figures and tables are shown, but neither what is behind them nor trials.",
)
FOOTER = Bilingual("Laget av kostnadsvekst", "Made by kostnadsvekst")
MARKS = Bilingual(
    "Velg et merke (pek, eller Tab og piltaster) for verdien.",
    "Choose a mark (point, or Tab and arrow keys) for its value.",
)
OPENS = Bilingual("Klikk eller Enter viser radene bak.", "Click or Enter shows the rows behind.")
BEHIND = Bilingual("Bak tallet", "Behind it")
DOWNLOAD = Bilingual("Last ned (CSV)", "Download (CSV)")
ROWS = Bilingual("rader", "rows")
CLOSE = Bilingual("Lukk", "Close")
BACK = Bilingual("Tilbake", "Back")
TRIAL = Bilingual("Prøv selv", "Try it")
LADDER_ABOUT = Bilingual(
    "Regnes ut på siden med de samme formlene som i arbeidsboken: antall × (pris på nytt trinn − pris på "
    "gammelt). Antatt: den som flytter, koster som snittet. Rutene i figuren er kostnaden etterpå.",
    "Computed in the page by the formulas of the workbook: number × (price of the new step − price of the "
    "old one). Assumed: who moves costs the average. Diamonds in the figure are the cost afterwards.",
)
CALCULATOR_ABOUT = Bilingual(
    "Regnes ut på siden med de samme formlene som i arbeidsboken. Timer: pris × timer × uker. Plass: pris × "
    "prosent. Døgn og utrykning: pris × antall.",
    "Computed in the page by the formulas of the workbook. Hours: price × hours × weeks. Place: price × per "
    "cent. Days and call-outs: price × number.",
)
HIDDEN = Bilingual(
    "Skjult: fem eller færre, eller et tall som ville røpe dem",
    "Hidden: five or fewer, or what would tell them",
)

# For the script; what it says is asked for by these names.
SCRIPT = {
    "behind": BEHIND,
    "back": BACK,
    "close": CLOSE,
    "sum": Bilingual("Sum", "Sum"),
    "nothing": Bilingual("Ingen rader.", "No rows."),
    "hidden": HIDDEN,
    "n": Bilingual("Antall som flytter", "Number who move"),
    "origin": Bilingual("Fra trinn", "From step"),
    "target": Bilingual("Til trinn", "To step"),
    "add": Bilingual("Ny flytting", "New move"),
    "remove": Bilingual("Fjern", "Remove"),
    "reset": Bilingual("Som i boken", "As in the book"),
    "change": Bilingual("Endring i kostnad per år", "Change of cost a year"),
    "kr": Bilingual("kr", "NOK"),
    "step": Bilingual("Trinn", "Step"),
    "recipients": Bilingual("Antall", "Number"),
    "cost": Bilingual("Kostnad, mill. kr", "Cost, NOK million"),
    "share": Bilingual("Andel, %", "Share, %"),
    "after": Bilingual("etter", "after"),
    "price": Bilingual("Pris, kr", "Price, NOK"),
    "fault_n": Bilingual("Skriv et antall fra 0 og oppover.", "Write a number from 0."),
    "fault_step": Bilingual("Trinnet finnes ikke.", "There is no such step."),
    "fault_price": Bilingual(
        "Et av trinnene har ingen pris: alle innbyggere har det, eller ingen.",
        "One of the steps has no price: all inhabitants have it, or nobody.",
    ),
    "fault_many": Bilingual("Flere enn trinnet har.", "More than the step has."),
    "fault_quantity": Bilingual("Skriv en mengde fra 0 og oppover.", "Write a quantity from 0."),
    "fault_bounds": Bilingual("Skriv et tall mellom", "Write a number between"),
    "and": Bilingual("og", "and"),
    "weeks": Bilingual("Uker per år", "Weeks per year"),
    "factor": Bilingual("Faktor på alle priser", "Factor on all prices"),
    "alternative": Bilingual("Alternativ", "Alternative"),
    "service": Bilingual("Tjeneste", "Service"),
    "quantity": Bilingual("Mengde", "Quantity"),
    "unit": Bilingual("Mengden er", "The quantity is"),
    "week": Bilingual("Kr per uke", "NOK a week"),
    "year": Bilingual("Kr per år", "NOK a year"),
    "sums": Bilingual("Sum per alternativ", "Sum by alternative"),
    "buys": Bilingual("Summen av alternativet kjøper ellers", "What else the alternative's sum buys"),
    "unchanged": Bilingual("Ingen flyttinger.", "No moves."),
}
