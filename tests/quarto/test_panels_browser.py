"""What a real browser makes of the mark behind a claim.

Needs the program: chromium on the PATH, or at the path in CHROMIUM_PATH.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import NEEDED, Browser, browser

from .book import EXTENSION, Book

pytestmark = NEEDED

CSS = (EXTENSION / "bookfigs.css").read_text(encoding="utf-8")
CLAIM = '[It grows in proportion]{.claim ref="step_time.linear"}, so it is said.\n'
WIDTHS = range(60, 400, 7)

PLACES = """
(() => {
  const found = [];
  const words = document.querySelector(".bookfigs-claim").firstChild;
  const after = document.querySelector(".bookfigs-open").nextSibling;
  const letter = (text, at) => {
    const range = document.createRange();
    range.setStart(text, at);
    range.setEnd(text, at + 1);
    const {left, right, top, bottom} = range.getBoundingClientRect();
    return [left, right, top, bottom];
  };
  for (const width of %s) {
    document.querySelector("p").style.width = `${width}px`;
    const box = document.querySelector(".bookfigs-open").getBoundingClientRect();
    const mark = [box.left, box.right, box.top, box.bottom];
    found.push([letter(words, words.length - 1), mark, letter(after, 0)]);
  }
  return found;
})()
"""
"""Left, right, top and bottom of the last letter, the mark and the next letter."""

SCROLLED = """
(() => {
  const box = document.createElement("div");
  const paragraph = document.querySelector("p");
  paragraph.before(box);
  box.append(paragraph);
  box.style.cssText = "overflow: auto; height: 60px";
  paragraph.style.height = "300px";
  const top = (name) => document.querySelector(name).getBoundingClientRect().top;
  const apart = () => top(".bookfigs-open") - top(".bookfigs-claim");
  const before = apart();
  box.scrollTop = 30;
  return [before, apart(), box.scrollTop];
})()
"""
"""How far the mark is from its claim before and after a box around them scrolls."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def page(book: Book, tmp_path: Path) -> Path:
    """A page of one claim, with the style of the extension."""
    path = tmp_path / "page.html"
    path.write_text(f"<style>{CSS}</style>\n{book.pandoc(CLAIM).text}", "utf-8")
    return path


def test_no_line_ends_between_a_claim_and_its_mark(tab: Browser, page: Path) -> None:
    tab.open(page)
    found = tab.value(PLACES % list(WIDTHS))
    assert len(found) == len(WIDTHS)
    assert len({last[2] for last, _, _ in found}) > 1, "the claim ends in some lines"
    for last, mark, following in found:
        assert last[2] - 2 <= mark[2] < mark[3] <= last[3], "on the line of its claim"
        assert last[1] - 1 <= mark[0] < mark[1], "behind the claim"
        assert following[2] == last[2], "the comma is where the claim ends"
        assert mark[1] <= following[0] + 1, "before what follows"


def test_a_mark_scrolls_with_its_claim(tab: Browser, page: Path) -> None:
    tab.open(page)
    before, after, scrolled = tab.value(SCROLLED)
    assert scrolled > 0
    assert after == before


def test_a_mark_opens_its_panel_beside_it(tab: Browser, page: Path) -> None:
    tab.open(page)
    tab.press("Tab")
    assert tab.value("document.activeElement.className") == "bookfigs-open"
    tab.value("document.activeElement.click()")
    (top, below) = tab.value(
        "[document.querySelector('.bookfigs-panel:popover-open')"
        ".getBoundingClientRect().top,"
        " document.querySelector('.bookfigs-open').getBoundingClientRect().bottom]"
    )
    assert 0 <= top - below <= 20
