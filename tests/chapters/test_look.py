"""The look of every figure: told apart without colour, in arms and in pictures."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from bookfigs import style
from bookfigs.book import DARK, Book
from bookfigs.column import key
from bookfigs.figure import load
from bookfigs.record import Record, read_record
from bookfigs.style import BLUE, GRID, ORANGE, Arm, ink, paint
from chapters.rnn_training.arms import ARMS, MODELS
from records import record
from smallbook import ROOT
from test_dark import OF_TEXT, WHITE, contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

BOOK = Book(ROOT / "chapters")
DRAWN = [slug for slug in BOOK.figures() if BOOK.evidence(slug)]


@pytest.mark.parametrize("arms", [ARMS, MODELS], ids=["layers", "models"])
def test_no_two_arms_share_marker_and_line(arms: Mapping[str, Arm]) -> None:
    looks = {(arm.marker, arm.line): arm.label for arm in arms.values()}
    assert len(looks) == len(arms)


def of_one_look(axes: "Axes") -> list[tuple[str, str]]:
    """Lines of different colours that look alike without them, by their colours.

    What is as pale as the grid is a guide for the eye, and no line of its own.
    """

    def look(line: "Line2D") -> tuple[object, object]:
        return line.get_marker(), line.get_linestyle()

    lines = [line for line in axes.get_lines() if line.get_color() != GRID]
    return [
        (str(one.get_color()), str(other.get_color()))
        for one, other in combinations(lines, 2)
        if one.get_color() != other.get_color() and look(one) == look(other)
    ]


def too_pale(axes: "Axes") -> list[str]:
    """Words that do not stand out from what they are on: paper, or else a bar."""
    words = [word for word in axes.findobj(Text) if word.get_text()]
    colors = {to_hex(word.get_color()) for word in words}
    bars = {to_hex(bar.get_facecolor()) for bar in axes.patches}
    grounds = {color: bars if color == WHITE else {WHITE} for color in colors}
    return [
        f"{color} on {ground}"
        for color, under in grounds.items()
        for ground in under
        if contrast(color, ground) < OF_TEXT
    ]


def test_words_that_are_too_pale_are_noticed() -> None:
    def draw(_: Record, axes: "Axes") -> None:
        axes.barh([1, 2], [1, 2], color=ORANGE)
        axes.text(1, 1, "on paper", color=ORANGE)
        axes.text(1, 1, "on a bar", color="white")
        axes.text(1, 1, "as ink", color=ink(ORANGE))
        found.extend(too_pale(axes))

    found: list[str] = []
    paint("a", (3, 2), draw, [record(x=(key(), [1]))])
    assert sorted(found) == [
        f"{ORANGE} on {WHITE}".lower(),
        f"{WHITE} on {ORANGE}".lower(),
    ]


@pytest.mark.parametrize("slug", DRAWN)
def test_lines_of_a_panel_are_told_apart_without_colour_and_its_words_can_be_read(
    slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = load(slug, BOOK.figures()[slug], BOOK.root)
    same: list[tuple[str, str]] = []
    pale: list[str] = []

    def draw(shown: Record, given: Any) -> None:
        figure.draw(shown, given)
        for axes in given if isinstance(given, list) else [given]:
            same.extend(of_one_look(axes))
            pale.extend(too_pale(axes))

    records = [read_record(path, path.name) for path in BOOK.evidence(slug)]
    monkeypatch.setattr(style, "FORMATS", ("svg",))  # `check --redraw` draws them all
    files = paint(slug, figure.size, draw, records, figure.panels)
    assert (same, pale) == ([], [])
    assert DARK in files


def test_lines_that_differ_in_colour_alone_are_noticed() -> None:
    def draw(_: Record, axes: "Axes") -> None:
        axes.plot([1, 2], [1, 2], color=BLUE)
        axes.plot([1, 2], [2, 1], color=ORANGE)
        axes.plot([1, 2], [2, 2], color=ORANGE, linestyle="--")
        found.extend(of_one_look(axes))

    found: list[tuple[str, str]] = []
    paint("a", (3, 2), draw, [record(x=(key(), [1]))])
    assert found == [(BLUE, ORANGE)]
