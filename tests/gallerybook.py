"""What a gallery shows in tests, and its page as a browser reads it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from bookfigs.canonical import fingerprint
from bookfigs.entry import (
    ClaimEntry,
    ClaimRow,
    FigureEntry,
    File,
    ListingEntry,
    Measurement,
    Proven,
    ValueEntry,
)
from bookfigs.gallery.contents import Chapter, Contents
from bookfigs.gallery.copies import Copies, copies
from bookfigs.gallery.page import page
from bookfigs.listings.callout import Callout
from bookfigs.manifest import Manifest

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 150"></svg>\n'
FILES = {
    "figures/step_time.svg": SVG,
    "figures/step_time.dark.svg": SVG.replace(b"</svg>", b"<g/></svg>"),
    "figures/step_time.pdf": b"%PDF",
    "figures/step_time.png": b"PNG" * 600,
    "data/step_time.csv": b"n,time\n1,2\n",
    "data/step_time.json": b"{}\n",
}
"""What a book has generated, by its path below the manifest."""

GPU, CPU = "NVIDIA H100", "AMD EPYC, 2 cores"


def row(device: str, verdict: str) -> ClaimRow:
    """What a claim came to on a device."""
    statistic = "ratio 21 (95 percent interval 20 to 22)"
    return ClaimRow(device, verdict, statistic, "at least 2", "2026-01-02", "1eca6e7")


def claim(sentence: str, verdict: str, *rows: ClaimRow) -> ClaimEntry:
    """A claim of the one figure that makes any."""
    source = "chapters/growth/figures/step_time.py"
    return ClaimEntry(sentence, verdict, "step_time", source, list(rows))


def named(path: str) -> File:
    """A generated file as a manifest names it."""
    return File(path, fingerprint(FILES[path]))


FIGURE = FigureEntry(
    caption="**Cost of a Step**: at `T` of 4,096 *it* takes $2^{12}$ steps.",
    alt="A line that rises to 21.",
    width="5.375in",
    images={
        ending: named(f"figures/step_time.{ending}")
        for ending in ("svg", "dark.svg", "pdf", "png")
    },
    evidence=[File("../growth/evidence/step_time/cpu.json", "a" * 40)],
    drawn_with="matplotlib 3.11.2",
    data={ending: named(f"data/step_time.{ending}") for ending in ("csv", "json")},
    measured=[
        Measurement(CPU, "2026-01-02", "1eca6e7"),
        Measurement(GPU, "2026-02-03", "2bad5e8"),
    ],
)
OLD_FIGURE = FigureEntry(caption="**Old**: without all that came later.", alt="Dots.")
CODE = 'def scan(a):\n    """All."""\n    return a < 2  # (1)\n'
LISTING = ListingEntry(
    "**Linear Scan**: one line.",
    "python",
    CODE,
    "core/scan.py",
    "scan",
    numbers=True,
    callouts=[Callout(3, "Nothing is *copied*.")],
    output="[1, 2]\n",
    evidence=Proven(
        2,
        2,
        5,
        6,
        1,
        [
            "tests/core/test_scan.py::test_two_are_one[1]",
            "tests/core/test_scan.py::test_two_are_one[2]",
            "tests/core/test_scan.py::TestAll::test_a_scan_is_a_loop",
            "program",
        ],
    ),
)
OLD_LISTING = ListingEntry("**Bare**: nothing else.", "sh", "ls <x\n", "run.sh", "")
MANIFEST = Manifest(
    figures={"step_time": FIGURE, "old": OLD_FIGURE},
    listings={"linear_scan": LISTING, "bare": OLD_LISTING},
    values={
        "step_time.length": ValueEntry("4,096", "step_time"),
        "step_time.kept": ValueEntry("16 MiB", "step_time"),
    },
    claims={
        "step_time.slower": claim("It is slower", "holds", row(CPU, "holds")),
        "step_time.faster": claim(
            "It is faster", "fails", row(CPU, "holds"), row(GPU, "fails")
        ),
        "step_time.open": claim("It is open", "inconclusive", row(CPU, "inconclusive")),
        "step_time.idle": claim("It is elsewhere", "not applicable here"),
    },
).sealed()
CONTENTS = Contents(
    MANIFEST,
    "Recurrence & Measured",
    (
        Chapter("growth", "How It Grows", ("step_time", "old"), ("linear_scan",)),
        Chapter("more", "More", (), ("bare",)),
    ),
    {("figure", "step_time"): ("chapters/growth/growth.qmd",)},
)


def generated(folder: Path) -> Path:
    """The generated files of a book, in a folder."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def copied(folder: Path, manifest: Manifest = MANIFEST) -> Copies:
    """The files of a gallery."""
    return copies(generated(folder), manifest.figures, "manifest.json")


@dataclass
class Node:
    """An element of a page, with what it holds in the order of the page."""

    name: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    content: list["Node | str"] = field(default_factory=list)

    def __getitem__(self, key: str) -> str:
        """An attribute, which has to be there."""
        return self.attributes[key] or ""

    def get(self, key: str) -> str | None:
        """An attribute; None if it is not there."""
        return self.attributes.get(key)

    @property
    def text(self) -> str:
        """The text in it as it was written."""
        parts = (one if isinstance(one, str) else one.text for one in self.content)
        return "".join(parts)

    @property
    def words(self) -> str:
        """The text in it as a reader sees it."""
        return " ".join(self.text.split())

    @property
    def inner(self) -> Iterator["Node"]:
        """Every element in it, in the order of the page."""
        for one in self.content:
            if isinstance(one, Node):
                yield one
                yield from one.inner

    def all(self, name: str = "", class_: str = "", **wanted: str) -> list["Node"]:
        """The elements in it of a name, class and attributes."""
        return [
            node
            for node in self.inner
            if name in {"", node.name}
            and (not class_ or class_ in (node.get("class") or "").split())
            and all(node.get(key.replace("_", "-")) == v for key, v in wanted.items())
        ]

    def one(self, name: str = "", class_: str = "", **wanted: str) -> "Node":
        """The only such element."""
        (found,) = self.all(name, class_, **wanted)
        return found


class _Reader(HTMLParser):
    """Reads a page, and refuses one whose elements are not closed in order."""

    VOID = frozenset({"img", "input", "meta", "source", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is there twice"
        node = Node(tag, dict(attrs))
        self.open[-1].content.append(node)
        if tag not in self.VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parsed(html: str) -> Node:
    """A document, every element of which is closed."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    (document,) = reader.open
    return document


def made(shown: Contents, files: Copies) -> Node:
    """The page of some contents."""
    return parsed(page(shown, files).decode())
