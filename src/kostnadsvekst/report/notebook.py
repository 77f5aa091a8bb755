"""Results as HTML for notebooks: a table that brings its own style, light or dark as the notebook is."""

import html

from kostnadsvekst.language import SYNTHETIC_LABEL
from kostnadsvekst.report.result_tables import table_of
from kostnadsvekst.report.tables import html_fragment

# Everything below one class, so that nothing else on the page changes; foreground and background always
# change together, so that neither is lost on a page of the other kind.
_DARK = "--kv-ink: #e4e4e4; --kv-paper: #1e1e1e; --kv-rule: #8a8a8a; --kv-label: #4d3d00; --kv-edge: #ca0;"
_LIGHT = (
    "--kv-ink: #1a1a1a; --kv-paper: #ffffff; --kv-rule: #777777; --kv-label: #fff3cd; --kv-edge: #b58900;"
)
_STYLE = f"""\
.kv-result {{ {_LIGHT} color: var(--kv-ink); background: var(--kv-paper); padding: 0.5rem 0.75rem;
  overflow-x: auto; font-size: 0.9rem; line-height: 1.35; color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{ .kv-result {{ {_DARK} }} }}
[data-jp-theme-light="true"] .kv-result, .vscode-light .kv-result {{ {_LIGHT} }}
[data-jp-theme-light="false"] .kv-result, .vscode-dark .kv-result {{ {_DARK} }}
.kv-result table {{ border-collapse: collapse; border: 0; border-top: 2px solid var(--kv-ink);
  border-bottom: 2px solid var(--kv-ink); margin: 0.25rem 0; color: inherit; table-layout: auto; }}
.kv-result caption {{ text-align: left; font-weight: bold; padding: 0 0 0.4rem; color: inherit; }}
.kv-result tr, .kv-result tbody tr:nth-child(odd), .kv-result tbody tr:hover {{ background: none; }}
.kv-result th, .kv-result td {{ padding: 0.1rem 0.6rem; text-align: right; white-space: nowrap; border: 0;
  color: inherit; background: none; font-variant-numeric: tabular-nums; }}
.kv-result th:first-child, .kv-result td:first-child {{ text-align: left; }}
.kv-result td.prose {{ text-align: left; white-space: normal; min-width: 18rem; }}
.kv-result thead tr:last-child th {{ border-bottom: 1px solid var(--kv-ink); }}
.kv-result thead th[colspan] {{ text-align: center; border-bottom: 1px solid var(--kv-rule); }}
.kv-result tr.rule td {{ border-top: 1px solid var(--kv-rule); }}
.kv-result p.note {{ font-size: 0.85em; max-width: 60rem; margin: 0.3rem 0; }}
.kv-result p.synthetic {{ background: var(--kv-label); border: 1px solid var(--kv-edge); font-weight: bold;
  padding: 0.25rem 0.6rem; margin: 0 0 0.4rem; }}
"""


def html_of(result: object, lang: str = "en") -> str:
    """Show a result as a notebook does, without anything from the network.

    Parameters
    ----------
    result : object
        A `kostnadsvekst.report.tables.Table`, or whatever `kostnadsvekst.table` takes: an estimate, a study,
        a test, a specification, a frame of a decomposition.
    lang : {"nb", "en"}

    Returns
    -------
    str
        HTML of one element with its style, for ``_repr_html_``. Texts are escaped; there are no scripts.

    Raises
    ------
    SpecificationError
        If it is no result.
    """
    table = table_of(result)
    label = SYNTHETIC_LABEL.get(lang) if table.provenance.synthetic else ""
    above = f'<p class="synthetic">{html.escape(label)}</p>\n' if label else ""
    return (
        f'<div class="kv-result" lang="{lang}">\n<style>\n{_STYLE}</style>\n{above}'
        f"{html_fragment(table, lang)}</div>"
    )
