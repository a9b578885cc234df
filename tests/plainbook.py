"""A book that does without bookfigs, and what another one has for it."""

from pathlib import Path
from typing import Any

from bookfigs.canonical import fingerprint
from bookfigs.entry import (
    ClaimEntry,
    ClaimRow,
    FigureEntry,
    File,
    ListingEntry,
    Measurement,
    ValueEntry,
)
from bookfigs.exporting.export import Export, Wish, fill
from bookfigs.exporting.supply import Supply
from bookfigs.listings.callout import Callout
from bookfigs.manifest import Manifest

SVG = b"""<?xml version="1.0" encoding="utf-8"?>
<svg width="40" height="20" xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink">
 <defs><path id="m1" d="M 0 0"/><clipPath id="p1"><rect/></clipPath></defs>
 <g id="figure_1" clip-path="url(#p1)"><use xlink:href="#m1"/></g>
</svg>
"""
CODE = "def scan(a):\n    return a  # (1)\n"
ROW = ClaimRow("CPU", "holds", "ratio 21", "at least 2", "2026-01-02", "1eca6e7")
FIGURE = FigureEntry(
    caption="**Cost of a Step**: at `T` of 4,096 it takes $2^{12}$ steps.",
    alt="A line that rises to 21.",
    width="5.375in",
    images={"svg": File("figures/step_time.svg", fingerprint(SVG))},
    evidence=[File("../evidence.json", "a" * 40)],
    measured=[Measurement("CPU --> 9", "2026-01-02", "1eca6e7")],
)
LISTING = ListingEntry(
    "**Linear Scan**: one line.",
    "python",
    CODE,
    "core/scan.py",
    "scan",
    callouts=[Callout(2, "Nothing is *copied*.")],
    output="[1, 2]\n",
)
MANIFEST = Manifest(
    figures={"step_time": FIGURE},
    listings={"linear_scan": LISTING},
    values={
        "step_time.length": ValueEntry("4,096", "step_time"),
        "step_time.range": ValueEntry("2 < 3 *", "step_time"),
        "step_time.late": ValueEntry("7", "step_time", "measured with other code"),
    },
    claims={
        "step_time.slower": ClaimEntry("It is slower", "holds", "step_time", "", [ROW]),
        "step_time.faster": ClaimEntry("It is not", "fails", "step_time", "", [ROW]),
    },
)
FIG = "<!-- bookfigs: fig-step-time -->\n<!-- /bookfigs -->\n"
LST = "<!-- bookfigs: lst-linear_scan -->\n<!-- /bookfigs -->\n"
VAL = "<!-- bookfigs: val step_time.length --><!-- /bookfigs -->"
CLAIM = "<!-- bookfigs: claim step_time.slower --><!-- /bookfigs -->"


def supply(folder: Path, manifest: Manifest = MANIFEST) -> Supply:
    """What a book has, with its pictures in a folder."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    (folder / "figures" / "step_time.svg").write_bytes(SVG)
    return Supply(manifest, folder)


def book(folder: Path, **pages: str) -> Path:
    """A book of pages, in the root of a Quarto project."""
    folder.mkdir(exist_ok=True)
    (folder / "_quarto.yml").write_text("project:\n  type: book\n")
    for name, text in pages.items():
        path = folder / f"{name}.qmd"
        path.write_bytes(text.encode())
    return folder


def planned(to: Path, manifest: Manifest = MANIFEST, **wish: Any) -> Export:
    """An export that is not written yet."""
    return fill(supply(to.parent / "_bookfigs", manifest), Wish(to, **wish))


def exported(to: Path, manifest: Manifest = MANIFEST, **wish: Any) -> Export:
    """An export that had nothing to complain of, written."""
    found = planned(to, manifest, **wish)
    assert [error.message() for error in found.wrong(check=False)] == []
    found.write()
    return found


def complaints(to: Path, manifest: Manifest = MANIFEST, **wish: Any) -> list[str]:
    """What keeps an export from writing."""
    found = planned(to, manifest, **wish).wrong(check=False)
    return [error.message() for error in found]


def stale(to: Path, manifest: Manifest = MANIFEST, **wish: Any) -> list[str]:
    """What a check finds."""
    found = planned(to, manifest, **wish).wrong(check=True)
    return [error.message() for error in found]
