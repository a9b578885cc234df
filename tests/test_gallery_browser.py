"""What a real browser makes of a gallery that is opened from its folder.

Needs the program: chromium on the PATH, or at the path in CHROMIUM_PATH.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from bookfigs.gallery.contents import Contents
from bookfigs.gallery.folder import Folder
from bookfigs.gallery.page import page
from chromium import NEEDED, Browser, Theme, browser
from gallerybook import CONTENTS, LISTING, MANIFEST, copied

pytestmark = NEEDED

THEMES = get_args(Theme)
LONG = "x" * 400
HOSTILE = '"><script>document.title = "taken"</script><img src=x onerror="alert(1)">'

CONTRAST = """
(() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((value) => value / 255)
    .map((s) => s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4)
    .reduce((sum, s, at) => sum + s * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    const ink = light(channels(getComputedStyle(element).color));
    const paper = light(ground(element));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    found.push([ratio, walk.currentNode.data.trim()]);
  }
  return found;
})()
"""
"""The contrast of every text that is seen, with the text."""

WIDER = """
[...document.querySelectorAll("body *")]
  .filter((one) => !one.closest("pre, .wide, .hidden, .skip"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
  .map((one) => one.outerHTML.slice(0, 100))
"""
"""What reaches beyond the page, but for what scrolls by itself."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def written(folder: Path, shown: Contents = CONTENTS) -> Path:
    """The page of a gallery that lies in a folder with all that it needs."""
    files = copied(folder / "_bookfigs")
    to = folder / "gallery"
    Folder(to).write({"index.html": page(shown, files), **files.files})
    return to / "index.html"


def hostile() -> Contents:
    """Contents whose strings are long, unbroken, and want to be markup."""
    said = HOSTILE + LONG
    manifest = replace(
        MANIFEST,
        figures={
            name: replace(one, caption=f"**{said}**: b.", drawn_with=said)
            for name, one in MANIFEST.figures.items()
        },
        listings={
            "linear_scan": replace(LISTING, source=said, output=said),
            "bare": LISTING,
        },
        values={
            n + LONG: replace(one, text=said) for n, one in MANIFEST.values.items()
        },
        claims={
            n: replace(
                one,
                sentence=said,
                rows=[replace(r, statistic=said, device=said) for r in one.rows],
            )
            for n, one in MANIFEST.claims.items()
        },
    )
    return Contents(manifest, said, CONTENTS.chapters, CONTENTS.pages)


@pytest.mark.parametrize("theme", THEMES)
def test_pictures_are_those_of_the_theme(
    tab: Browser, tmp_path: Path, theme: Theme
) -> None:
    tab.open(written(tmp_path), theme=theme)
    shown = tab.value("[...document.images].map((one) => one.currentSrc)")
    ending = "/step_time.dark.svg" if theme == "dark" else "/step_time.svg"
    assert len(shown) == 2
    assert [one for one in shown if not one.endswith(ending)] == []
    widths = tab.value("[...document.images].map((one) => one.naturalWidth)")
    assert min(widths) > 0


def test_a_page_asks_for_nothing_but_what_lies_beside_it(
    tab: Browser, tmp_path: Path
) -> None:
    page_of = written(tmp_path)
    tab.open(page_of)
    folder = page_of.parent.resolve().as_uri()
    assert len(tab.requests) >= 2
    assert [one for one in tab.requests if not one.startswith(folder)] == []
    assert tab.complaints == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [360, 1280])
def test_every_text_stands_out_from_what_is_behind_it(
    tab: Browser, tmp_path: Path, width: int, theme: Theme
) -> None:
    tab.open(written(tmp_path), width, theme)
    tab.value("document.querySelectorAll('details').forEach((one) => one.open = true)")
    found = tab.value(CONTRAST)
    assert len(found) > 100
    assert [one for one in found if one[0] < 4.5] == []


@pytest.mark.parametrize("shown", [CONTENTS, hostile()], ids=["usual", "hostile"])
@pytest.mark.parametrize("width", [360, 700, 1000, 1280])
def test_no_page_is_wider_than_its_window(
    tab: Browser, tmp_path: Path, width: int, shown: Contents
) -> None:
    tab.open(written(tmp_path, shown), width)
    tab.value("document.querySelectorAll('details').forEach((one) => one.open = true)")
    assert tab.value("innerWidth") == width
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value(WIDER) == []


def test_hostile_strings_run_nothing_and_ask_for_nothing(
    tab: Browser, tmp_path: Path
) -> None:
    tab.open(written(tmp_path, hostile()))
    assert tab.value("document.title").startswith(HOSTILE)
    assert tab.value("document.scripts.length") == 0
    asked = {one.rpartition("/")[2] for one in tab.requests}
    assert asked == {"index.html", "step_time.svg"}
    assert tab.complaints == []


def test_the_policy_keeps_even_a_script_that_got_in_from_running(
    tab: Browser, tmp_path: Path
) -> None:
    path = written(tmp_path)
    taken = b"<script>document.title = 'taken'</script></body>"
    path.write_bytes(path.read_bytes().replace(b"</body>", taken))
    tab.open(path)
    assert tab.value("document.title") == "Recurrence & Measured: gallery"
    assert "Content Security Policy" in "".join(tab.complaints)


def test_the_keyboard_reaches_the_content_at_once_and_code_in_turn(
    tab: Browser, tmp_path: Path
) -> None:
    tab.open(written(tmp_path), 360)
    tab.press("Tab")
    assert tab.value("document.activeElement.className") == "skip"
    assert tab.value("document.activeElement.getBoundingClientRect().top") >= 0
    assert tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    reached: list[str | None] = []
    while "Table of all claims" not in reached and len(reached) < 100:
        reached.append(tab.value("document.activeElement.ariaLabel"))
        tab.press("Tab")
    assert "Code of lst-linear-scan" in reached
    assert "Output of lst-linear-scan" in reached
    assert reached[-1] == "Table of all claims"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("fails", ["It is faster", "It is faster"]),
        ("unsure", ["It is open"]),
        ("idle", ["It is elsewhere"]),
    ],
)
def test_a_choice_leaves_the_claims_of_its_verdict(
    tab: Browser, tmp_path: Path, kind: str, said: list[str]
) -> None:
    rows = """[...document.querySelectorAll("tbody th[scope=row]")]
      .filter((one) => one.checkVisibility()).map((one) => one.textContent)"""
    tab.open(written(tmp_path))
    assert len(tab.value(rows)) == 5
    tab.value(f"document.getElementById('only-{kind}').click()")
    assert tab.value(rows) == said
    tab.value("document.getElementById('only-all').click()")
    assert len(tab.value(rows)) == 5


def test_paper_is_light_and_has_no_contents(tab: Browser, tmp_path: Path) -> None:
    tab.open(written(tmp_path), theme="dark", media="print")
    ground = tab.value("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    hidden = "nav, .skip, .thumbnails, fieldset"
    seen = (
        f"[...document.querySelectorAll({hidden!r})].filter((o) => o.checkVisibility())"
    )
    assert tab.value(f"{seen}.length") == 0
    shown = tab.value("document.querySelector('figure img').currentSrc")
    assert shown.endswith("/step_time.svg")
