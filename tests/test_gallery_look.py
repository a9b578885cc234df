"""The look of a gallery: its colours are read on light and on dark pages."""

import re

import pytest

from bookfigs.dark import GROUND
from bookfigs.gallery.page import style

GROUNDS = {
    "card": ["ink", "quiet", "link", "holds", "fails", "unsure"],
    "ground": ["ink", "quiet", "link", "holds", "fails", "unsure"],
    "sunken": ["ink", "quiet", "link", "keyword", "string", "number"],
    "called": ["ink", "quiet", "keyword", "string", "number"],
}
"""What is written on which ground."""


def colours(*, dark: bool) -> dict[str, str]:
    """The colours of a theme."""
    light, twin = re.findall(r":root \{(.*?)\}", style(), re.DOTALL)[:2]
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", twin if dark else light))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares
    ]
    return sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_largest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_everything_written_stands_out_from_its_ground(
    ground: str, *, dark: bool
) -> None:
    known = colours(dark=dark)
    ratios = {ink: contrast(known[ink], known[ground]) for ink in GROUNDS[ground]}
    assert {ink: ratio for ink, ratio in ratios.items() if ratio < 4.5} == {}


def test_both_themes_have_the_same_colours_by_name() -> None:
    assert colours(dark=True).keys() == colours(dark=False).keys()


def test_every_colour_that_is_used_has_a_name_in_both_themes() -> None:
    used = set(re.findall(r"var\(--(\w+)\)", style()))
    assert used == colours(dark=False).keys()
    unnamed = re.findall(
        r"^\s+(?:color|background|border[\w-]*): #", style(), re.MULTILINE
    )
    assert unnamed == []


def test_dark_pictures_lie_on_the_ground_that_they_were_made_for() -> None:
    assert colours(dark=True)["card"] == GROUND


def test_the_page_says_how_it_is_printed_and_how_its_focus_is_seen() -> None:
    assert "@media print" in style()
    assert re.search(r":focus-visible \{\s+outline: 2px solid", style())
    assert "outline: none" not in style().replace("main:focus {\n  outline: none", "")
