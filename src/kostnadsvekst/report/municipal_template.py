"""Templates of municipal books: guidance, units, choices, and checks that Excel makes as one types."""

import io
from typing import Any

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.workbook import HEAD_FILL, INPUT_FILL, MADE
from kostnadsvekst.sources.municipal_forms import (
    ASSUMPTIONS,
    COUNT,
    NO,
    NUMERIC,
    YEAR,
    YES,
    YES_NO,
    Assumption,
    BookKind,
    Field,
    Form,
)
from kostnadsvekst.sources.municipal_grids import column_letters

# Rows that Excel checks as one types.
READY = 2000
_HEADER = 3
_LETTERS_OF_HELP = 250
_LETTERS_OF_LIST = 255
# Column of the guide where lists with commas, or too long for a rule, stand.
_FIRST_LIST = 4
GUIDE = Bilingual("Veiledning", "Guide")
_STEPS = (
    Bilingual(
        "Fyll ut de gule feltene, ett ark om gangen. Ark som ikke gjelder, kan stå tomme.",
        "Fill in the yellow cells, one sheet at a time. Sheets that do not apply may stay empty.",
    ),
    Bilingual(
        "Flere kommuner og år: en rad for hver. Kolonnene kan bytte plass, men beholder navnet.",
        "Several municipalities and years: a row each. Columns may change places, and keep their names.",
    ),
    Bilingual(
        "Tall kan skrives med komma eller punktum og mellomrom mellom tusener. Prosent skrives som "
        "12, ikke 0,12.",
        "Numbers may have a comma or a point, and blanks between thousands. Per cent is 12, not 0.12.",
    ),
    Bilingual(
        "Slå ikke sammen celler og skjul ikke rader. Egne kolonner og ark: la navnet begynne med «Merknad».",
        "Do not merge cells or hide rows. Columns and sheets of your own: let the name begin with 'Note'.",
    ),
    Bilingual(
        "Skriv ingen navn eller fødselsnumre. Arbeidsboken er ikke for publisering.",
        "Write no names or national identity numbers. The book is not for publication.",
    ),
)


def render_template(kind: BookKind, lang: str) -> bytes:
    """Workbook to fill in.

    Parameters
    ----------
    kind : BookKind
    lang : {"nb", "en"}

    Returns
    -------
    bytes
        The same for the same kind and language.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    written = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False})
    written.set_properties({"title": kind.title.get(lang), "author": "kostnadsvekst", "created": MADE})
    looks = {
        "title": written.add_format({"bold": True, "font_size": 14}),
        "head": written.add_format({"bold": True, "bg_color": HEAD_FILL, "bottom": 1, "text_wrap": True}),
        "unit": written.add_format({"italic": True, "font_color": "#555555", "text_wrap": True}),
        "plain": written.add_format({}),
        "help": written.add_format({"italic": True, "font_color": "#555555"}),
        "text": written.add_format({"text_wrap": True, "valign": "top"}),
        "bold": written.add_format({"bold": True, "valign": "top"}),
        "input": written.add_format({"bg_color": INPUT_FILL, "border": 4, "border_color": "#CCCCCC"}),
        "typed": written.add_format(
            {"bg_color": INPUT_FILL, "border": 4, "border_color": "#CCCCCC", "num_format": "@"}
        ),
    }
    guide = written.add_worksheet(GUIDE.get(lang))
    _write_guide(guide, kind, lang, looks)
    lists = _write_lists(guide, kind, lang, looks)
    for form in kind.sheets:
        page = written.add_worksheet(form.label.get(lang))
        _write_form(page, form, lang, looks, lists)
        if form is ASSUMPTIONS:
            _write_assumptions(page, kind.assumptions, lang, looks)
    written.close()
    return buffer.getvalue()


def _write_guide(page: Any, kind: BookKind, lang: str, looks: dict[str, Any]) -> None:
    page.hide_gridlines(2)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.set_column(0, 0, 34)
    page.set_column(1, 1, 26)
    page.set_column(2, 2, 70)
    page.write_string(0, 0, kind.title.get(lang), looks["title"])
    page.write_string(1, 0, kind.help.get(lang))
    for number, step in enumerate(_STEPS):
        page.write_string(3 + number, 0, f"{number + 1}. {step.get(lang)}")
    row = 4 + len(_STEPS)
    for number, name in enumerate(_HEADINGS[lang]):
        page.write_string(row, number, name, looks["head"])
    for form in kind.sheets:
        row += 1
        page.write_string(row, 0, form.label.get(lang), looks["bold"])
        page.write_string(row, 2, form.help.get(lang), looks["text"])
        for one in form.fields:
            row += 1
            needed = "" if one.required else {"nb": " (kan stå tom)", "en": " (may be empty)"}[lang]
            page.write_string(row, 0, f"   {one.label.get(lang)}{needed}")
            page.write_string(row, 1, one.unit.get(lang))
            page.write_string(row, 2, one.help.get(lang), looks["text"])


_HEADINGS = {
    "nb": ("Ark og kolonne", "Enhet", "Hva som skrives"),
    "en": ("Sheet and column", "Unit", "What to write"),
}


def _write_lists(page: Any, kind: BookKind, lang: str, looks: dict[str, Any]) -> dict[str, str]:
    """Write the lists that a rule of Excel cannot hold itself; label of the column -> where its list is."""
    found: dict[str, str] = {}
    for form in kind.sheets:
        for one in form.fields:
            label, choices = one.label.get(lang), [choice.get(lang) for choice in one.choices]
            if label in found or not choices or _is_short(choices):
                continue
            column = _FIRST_LIST + len(found)
            page.set_column(column, column, 38)
            page.write_string(2, column, label, looks["head"])
            for row, choice in enumerate(choices, 3):
                page.write_string(row, column, choice)
            letters = column_letters(column)
            found[label] = f"='{GUIDE.get(lang)}'!${letters}$4:${letters}${3 + len(choices)}"
    return found


def _is_short(choices: list[str]) -> bool:
    return len(",".join(choices)) <= _LETTERS_OF_LIST and not any("," in choice for choice in choices)


def _write_form(page: Any, form: Form, lang: str, looks: dict[str, Any], lists: dict[str, str]) -> None:
    for row in range(_HEADER):
        page.set_row(row, None, looks["plain"])
    page.write_string(0, 0, form.label.get(lang), looks["title"])
    page.write_string(1, 0, form.help.get(lang), looks["help"])
    for number, one in enumerate(form.fields):
        page.write_string(_HEADER - 1, number, one.unit.get(lang), looks["unit"])
        page.write_string(_HEADER, number, one.label.get(lang), looks["head"])
        look = looks["input" if one.holds in NUMERIC else "typed"]
        page.set_column(number, number, max(14, min(38, len(one.label.get(lang)) + 4)), look)
        rule = _rule(one, lang, lists)
        if rule:
            page.data_validation(_HEADER + 1, number, _HEADER + READY, number, rule)
    page.freeze_panes(_HEADER + 1, 0)


def _rule(one: Field, lang: str, lists: dict[str, str]) -> dict[str, Any]:
    """Check that Excel makes of a column as one types, with its help."""
    rule: dict[str, Any] = {}
    choices = [c.get(lang) for c in ((YES, NO) if one.holds == YES_NO else one.choices)]
    if choices:
        source = choices if _is_short(choices) else lists[one.label.get(lang)]
        rule = {"validate": "list", "source": source}
        rule["error_type"] = "stop" if one.only_choices or one.holds == YES_NO else "information"
    elif one.holds in NUMERIC:
        kind = "integer" if one.holds in (COUNT, YEAR) else "decimal"
        low = one.minimum if one.minimum is not None else (0 if one.positive else None)
        low, high = (-1e12 if low is None else low), (1e12 if one.maximum is None else one.maximum)
        whole = kind == "integer"
        rule = {"validate": kind, "criteria": "between"}
        rule |= {"minimum": int(low) if whole else low, "maximum": int(min(high, 2e9)) if whole else high}
    elif one.help.get(lang):
        rule = {"validate": "any"}
    if rule and one.help.get(lang):
        rule["input_title"] = one.label.get(lang)[:32]
        rule["input_message"] = one.help.get(lang)[:_LETTERS_OF_HELP]
    return rule


def _write_assumptions(
    page: Any, assumptions: tuple[Assumption, ...], lang: str, looks: dict[str, Any]
) -> None:
    page.set_column(0, 0, 34, looks["typed"])
    page.set_column(2, 2, 70, looks["typed"])
    for number, one in enumerate(assumptions):
        row = _HEADER + 1 + number
        page.write_string(row, 0, one.label.get(lang), looks["typed"])
        page.write_number(row, 1, one.value, looks["input"])
        page.write_string(row, 2, one.reason.get(lang), looks["typed"])
