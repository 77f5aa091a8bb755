"""What the site builder is told about links that leave the site: they lead to the file in the repository."""

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
# Out of the folder of the pages, or to what the site leaves out of it.
OUTSIDE = re.compile(r"\]\((?P<path>(?:\.\./|examples/|[\w-]+\.py)[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
FETCHED = re.compile(r"<script src=\"?https?://[^>]*></script>")
SEARCH = "assets/search_from_file.js"


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Lead `../src/…`, `examples/…` and the like to the repository's page of the file or folder."""

    def address(link: re.Match[str]) -> str:
        path = (DOCS / link["path"]).resolve()
        kind = "tree" if path.is_dir() else "blob"
        inside = path.relative_to(DOCS.parent).as_posix()
        return f"]({config.extra['repository']}/{kind}/main/{inside}{link['anchor'] or ''})"

    return OUTSIDE.sub(address, markdown)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Put `assets/search_from_file.js` in the place of the one script that the theme would fetch."""
    return FETCHED.sub(f'<script src="{"../" * page.url.count("/")}{SEARCH}"></script>', output)


def on_post_template(output_content: str, **_: Any) -> str:
    """Do the same for the page that is shown for a wrong address."""
    return FETCHED.sub(f'<script src="{SEARCH}"></script>', output_content)
