"""A book of any number of figures, as a build leaves it: evidence, tables, manifest."""

from pathlib import Path

from bookfigs.book import Book
from bookfigs.canonical import fingerprint, to_json
from bookfigs.closure import Project
from bookfigs.column import exact, key, measured
from bookfigs.drawing import matplotlib_version, worded
from bookfigs.entry import Entries, File
from bookfigs.figure import Source, load
from bookfigs.manifest import Manifest
from bookfigs.plan import data_file, picture_file, plan
from bookfigs.provenance import this_device
from bookfigs.record import SCHEMA, Device, Provenance, Record
from bookfigs.table import tables

ROWS, SAMPLES = 8, 15
"""Size of each record: so many rows, so many samples in each."""

HELPERS = "def helper_{i}(n):\n    return {i} * n\n\n\n"
FIGURE = '''"""How does quantity {i} grow?"""

from bookfigs.claim import Claim, Exponent, Median, Value
from bookfigs.column import exact, key, measured

COLUMNS = {{"n": key("items"), "result": exact("items"), "time": measured("s")}}
POINTS = [{{"n": 2**k}} for k in range({rows})]


def measure(device, n):
    from helpers import helper_{i}

    yield {{"n": n, "result": helper_{i}(n), "time": [1.0]}}


VALUES = {{"last": Value(Median("result", {{"n": 1}}))}}
CLAIMS = {{"grows": Claim("It grows.", Exponent("time", "n", {{}}), low=0.5, high=1.5)}}
SIZE = (3, 2)


def draw(record, axes):
    axes.plot(record.cells("n"), record.cells("result"))


CAPTION = "**Growth {i}**: it begins with {{last}}."
ALT = "A line that rises from {{last}}."
'''


def make_book(root: Path, n: int) -> Book:
    """Make a book of n figures as a build leaves it."""
    chapter = root / "chapters" / "growth"
    (chapter / "figures").mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    (root / "chapters" / "_quarto.yml").write_text("project:\n  type: book\n")
    (root / "helpers.py").write_text("".join(HELPERS.format(i=i) for i in range(n)))
    book = Book(root / "chapters")
    project, device = Project(root), this_device("cpu")
    for i in range(n):
        path = chapter / "figures" / f"growth_{i:04}.py"
        path.write_text(FIGURE.format(i=i, rows=ROWS))
        source = Source.read(project, path.stem, path)
        content = to_json(record(source, device, i))
        for folder in (chapter / "evidence", book.local / "records"):
            target = folder / path.stem / f"{device.slug}.json"
            target.parent.mkdir(parents=True)
            target.write_bytes(content)
    write_manifest(book, device)
    return book


def record(source: Source, device: Device, i: int) -> Record:
    """What measuring a figure might have yielded."""
    sizes = [2**k for k in range(ROWS)]
    times = [
        [1e-3 * n * (1 + (7 * n + 13 * s) % 10 / 100) for s in range(SAMPLES)]
        for n in sizes
    ]
    made = Provenance(
        commit="0" * 40,
        dirty=False,
        date="2024-01-01T00:00:00Z",
        versions={},
        threads=1,
        load=0.0,
        seconds=1.0,
        closure=source.measured_by,
    )
    columns = {
        "n": (key("items"), sizes),
        "result": (exact("items"), [i * n for n in sizes]),
        "time": (measured("s"), times),
    }
    filled = {
        name: type(column)(column.kind, column.unit, 0.0, list(values))
        for name, (column, values) in columns.items()
    }
    return Record(SCHEMA, source.slug, device, made, filled)


def write_manifest(book: Book, device: Device) -> None:
    """Write pictures, those of one figure for all, and the manifest."""
    from bookfigs.style import paint

    todo = plan(book, device)
    pictures: dict[str, bytes] = {}
    made: dict[str, Entries] = {}
    for part in ("figures", "data"):
        (book.generated / part).mkdir(parents=True)
    for slug, state in todo.figures.items():
        figure = load(slug, state.source.path, book.root)
        shown = list(state.evidence.values())
        for name, content in tables(shown).items():
            data_file(book, slug, name).write_bytes(content)
        if not pictures:
            made_of = paint(slug, figure.size, figure.draw, shown)
            pictures = {str(name): content for name, content in made_of.items()}
        images = {}
        for name, content in pictures.items():
            path = picture_file(book, slug, name)
            path.write_bytes(content)
            images[name] = File(book.relative(path), fingerprint(content))
        made[slug] = worded(book, figure, state, images, matplotlib_version())
    manifest = Manifest(
        figures={slug: entry.figure for slug, entry in made.items()},
        values={n: e for entry in made.values() for n, e in entry.values.items()},
        claims={n: e for entry in made.values() for n, e in entry.claims.items()},
    )
    book.manifest.write_bytes(to_json(manifest.sealed()))
