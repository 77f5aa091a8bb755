"""Draw the rooms of the package, and list their modules, from the code.

Writes docs/architecture.svg and the table between the marks in docs/architecture.md. The order of the rooms
and the one exception are those of tests/test_house.py. With --check nothing is written; the exit code is 1 if
a file would change.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "kostnadsvekst"
HOUSE = ROOT / "tests" / "test_house.py"
DRAWING = ROOT / "docs" / "architecture.svg"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms:begin -->", "<!-- rooms:end -->"

# Pixels: a box, the step from one box to the next, the way from a box's left edge to its arrow.
WIDTH, HEIGHT, STEP_X, STEP_Y, ARROW = 224, 40, 44, 54, 20
MARGIN = 16


@dataclass(frozen=True, slots=True)
class Room:
    """A folder or a single module of the package.

    Attributes
    ----------
    name : str
    modules : tuple of Path
        In order of path, the empty ``__init__`` of a folder included.
    imports : frozenset of str
        Rooms that some module of it imports, itself excluded.
    upward : frozenset of str
        Those of them that only its façade names.
    """

    name: str
    modules: tuple[Path, ...]
    imports: frozenset[str]
    upward: frozenset[str]

    @property
    def n_lines(self) -> int:
        """Lines of all modules."""
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in self.modules)


def read_rooms() -> list[Room]:
    """Rooms that exist, each after those that it may import."""
    order, upward = read_house_rules()
    folders = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    if unknown := sorted(folders - set(order)):
        raise SystemExit(f"tests/test_house.py does not say where these rooms stand: {', '.join(unknown)}")
    return [read_room(name, upward) for name in order if name in folders]


def read_house_rules() -> tuple[list[str], set[tuple[str, str]]]:
    """Rooms in the order in which tests/test_house.py writes them, and its exceptions."""
    assigned = {
        target.id: node.value
        for node in ast.parse(HOUSE.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    names = [n.value for n in ast.walk(assigned["ROOMS"]) if isinstance(n, ast.Constant)]
    return [str(name) for name in names], ast.literal_eval(assigned["UPWARD"])


def read_room(name: str, upward: set[tuple[str, str]]) -> Room:
    """Modules and imports of a room."""
    modules = tuple(sorted(path for path in PACKAGE.rglob("*.py") if room_of(path) == name))
    found = {(path.relative_to(PACKAGE).as_posix(), room) for path in modules for room in imports_of(path)}
    above = frozenset(room for path, room in found if (path, room) in upward)
    return Room(name, modules, frozenset(room for _, room in found) - {name}, above)


def room_of(path: Path) -> str:
    """Room of a module: the first part of its path."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """Rooms that a module imports, also inside functions."""
    for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE.name:
            names = [f"{PACKAGE.name}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith(f"{PACKAGE.name}."))


@cache
def parsed(text: str) -> ast.Module:
    """Syntax tree of a module; the same text is parsed once."""
    return ast.parse(text)


def draw(rooms: list[Room]) -> str:
    """Draw a staircase of boxes, the lowest room below; SVG.

    A room's imports leave its box to the left; from each dot an arrow falls into the room that is imported.
    Nothing but boxes lies on the diagonal, so no line meets a text.
    """
    count = len(rooms)
    at = {room.name: (MARGIN + STEP_X * i, MARGIN + STEP_Y * (count - 1 - i)) for i, room in enumerate(rooms)}
    width = 2 * MARGIN + STEP_X * (count - 1) + WIDTH
    height = 2 * MARGIN + STEP_Y * (count - 1) + HEIGHT
    lines, dots, boxes = [], [], []
    for room in rooms:
        x, y = at[room.name]
        importers = [at[r.name] for r in rooms if room.name in r.imports - r.upward]
        if importers:
            top = min(middle for _, middle in importers) + HEIGHT // 2
            lines.append(line(x + ARROW, top, x + ARROW, y - 1, "arrow"))
        imported = [at[name][0] + ARROW for name in room.imports - room.upward]
        if imported:
            lines.append(line(min(imported), y + HEIGHT // 2, x, y + HEIGHT // 2))
        dots += [f'<circle cx="{i}" cy="{y + HEIGHT // 2}" r="3.5"/>' for i in sorted(imported)]
        for name in sorted(room.upward):
            turn = x + WIDTH + STEP_X // 2
            middle, under = y + HEIGHT // 2, at[name][1] + HEIGHT + 1
            lines.append(f'<path class="arrow facade" d="M{x + WIDTH} {middle}H{turn}V{under}"/>')
        boxes.append(f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="3"/>')
        boxes.append(f'<text x="{x + 10}" y="{y + 17}" class="name">{escape(room.name)}</text>')
        boxes.append(f'<text x="{x + 10}" y="{y + 33}">{escape(size_of(room))}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label="Rooms of the package and their imports">',
            f"<title>Imports between the rooms of {PACKAGE.name}</title>",
            "<defs>",
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0L8 4L0 8Z" fill="#333"/></marker>',
            "</defs>",
            "<style>",
            "text{font:12px sans-serif;fill:#222}.name{font-weight:bold;font-size:14px}",
            "rect{fill:#f1f1f1;stroke:#222;stroke-width:1.2}",
            "line,path.arrow{stroke:#666;stroke-width:1.2;fill:none}.arrow{marker-end:url(#head)}",
            ".facade{stroke-dasharray:5 4}circle{fill:#222}",
            "</style>",
            f'<rect x="0" y="0" width="{width}" height="{height}" style="fill:#fff;stroke:none"/>',
            *lines,
            *dots,
            *boxes,
            *legend(width, height),
            "</svg>\n",
        ]
    )


def line(x1: int, y1: int, x2: int, y2: int, kind: str = "") -> str:
    """Draw a straight line, of a class if one is named."""
    of_class = f' class="{kind}"' if kind else ""
    return f'<line{of_class} x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def legend(width: int, height: int) -> list[str]:
    """Explain the signs in the empty corner on the lower right."""
    left, top = width - MARGIN - 250, height - MARGIN - 61
    return [
        f'<circle cx="{left + 14}" cy="{top}" r="3.5"/>',
        line(left, top, left + 28, top),
        f'<text x="{left + 40}" y="{top + 4}">the room on the right imports</text>',
        f'<text x="{left + 40}" y="{top + 19}">the room that the arrow falls into</text>',
        f'<text x="{left + 40}" y="{top + 34}">(without a dot lines only cross)</text>',
        f'<path class="arrow facade" d="M{left} {top + 53}H{left + 30}"/>',
        f'<text x="{left + 40}" y="{top + 57}">a façade names a room above</text>',
    ]


def size_of(room: Room) -> str:
    """Modules and lines in words; lines by the hundred, for else the drawing would change every day."""
    modules = "1 module" if len(room.modules) == 1 else f"{len(room.modules)} modules"
    hundreds = round(room.n_lines, -2)
    return f"{modules}, " + (f"{hundreds:,} lines" if hundreds >= 100 else "under 100 lines")


def list_rooms(rooms: list[Room]) -> str:
    """List rooms and modules with the first sentence of each docstring; Markdown."""
    parts = []
    for room in rooms:
        imports = ", ".join(r.name for r in rooms if r.name in room.imports - room.upward)
        parts += [f"### {room.name}", "", f"Imports: {imports or 'nothing'}.", ""]
        parts += ["| Module | What it is |", "|---|---|"]
        parts += [f"| {link_to(path)} | {first_sentence(path)} |" for path in room.modules]
        parts.append("")
    return "\n".join(parts)


def link_to(path: Path) -> str:
    """Link from docs/ to a module, shown as its path in the package."""
    return f"[`{path.relative_to(PACKAGE).as_posix()}`](../{path.relative_to(ROOT).as_posix()})"


def first_sentence(path: Path) -> str:
    """First paragraph of a module's docstring on one line."""
    text = ast.get_docstring(parsed(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


def render() -> dict[Path, str]:
    """Both files as they should be."""
    rooms = read_rooms()
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return {DRAWING: draw(rooms), PAGE: f"{before}{BEGIN}\n\n{list_rooms(rooms)}\n{END}{after}"}


def find_stale() -> list[str]:
    """Names of the files that are not as the code says."""
    return [
        path.relative_to(ROOT).as_posix()
        for path, text in render().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write the files, or say which are stale."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is stale")
    if parser.parse_args().check:
        stale = find_stale()
        if stale:
            print(f"stale: {', '.join(stale)}; run python docs/draw_architecture.py", file=sys.stderr)
        return int(bool(stale))
    for path, text in render().items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
