"""The documentation as a site: built without a network, complete, and nothing fetched by who reads it."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from types import ModuleType

import pytest

import kostnadsvekst as kv
from conftest import ROOT

FETCHED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class Addresses(HTMLParser):
    """Addresses that a browser loads by itself."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if (tag, name) in FETCHED and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")}


def test_nothing_is_fetched_from_elsewhere(pages):
    for name, text in pages.items():
        parser = Addresses()
        parser.feed(text)
        assert parser.found
        assert not [address for address in parser.found if re.match("(https?:)?//", address)], name


def test_nothing_in_the_style_is_fetched(site):
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )['\"]?(?:https?:)?//", path.read_text("utf-8")), path.name


def test_the_search_of_a_page_opened_from_the_disk_is_ours(site, pages):
    for name, text in pages.items():
        if name != "404.html":
            script = re.search(r'<script src="([^"]*search_from_file.js)"', text)
            assert script is not None, name
            assert ((site / name).parent / script[1]).resolve() == site / "assets" / "search_from_file.js"


def public_names():
    """Every public name, and the members of public modules that are loaded one by one."""
    for name in set(kv.__all__) - {"__version__"}:
        value = getattr(kv, name)
        if isinstance(value, ModuleType) and hasattr(value, "_PUBLIC"):
            yield from (f"kostnadsvekst.{name}.{member}" for member in value.__all__)
        else:
            yield f"kostnadsvekst.{name}"


def test_every_public_name_is_in_the_reference(pages):
    reference = "".join(text for name, text in pages.items() if name.startswith("api/"))
    missing = [name for name in public_names() if f'id="{name}"' not in reference]
    assert not missing


def test_links_to_what_is_no_page_lead_to_the_repository(pages):
    address = "https://github.com/kostnadsvekst/kostnadsvekst/blob/main/src/kostnadsvekst/threads.py"
    assert address in pages["architecture.html"]
