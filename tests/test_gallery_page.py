"""The page of a gallery, read as a browser reads it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from bookfigs.gallery.contents import Contents
from bookfigs.gallery.copies import Copies
from bookfigs.gallery.page import page
from bookfigs.manifest import Manifest
from gallerybook import CONTENTS, FILES, MANIFEST, Node, copied, made


@pytest.fixture
def files(tmp_path: Path) -> Copies:
    return copied(tmp_path)


@pytest.fixture
def whole(files: Copies) -> Node:
    return made(CONTENTS, files)


def pairs(node: Node) -> dict[str, str]:
    """A list of facts as names and what is said of them."""
    names = [one.words for one in node.all("dt")]
    return dict(zip(names, (one.words for one in node.all("dd")), strict=True))


def test_the_header_counts_what_the_book_has(whole: Node) -> None:
    header = whole.one("header", "top")
    assert header.one("h1").words == "Recurrence & Measured"
    assert whole.one("title").words == "Recurrence & Measured: gallery"
    counts = {"Figures": "2", "Listings": "2", "Values": "2", "Claims": "4"}
    assert pairs(header.one("dl")) == counts
    assert [one.words for one in header.all("span", "badge")] == [
        "✓ 1 holds",
        "✗ 1 fails",
        "? 1 inconclusive",
        "– 1 not applicable here",
    ]
    assert "on AMD EPYC, 2 cores; NVIDIA H100, 2026-01-02 to 2026-02-03." in (
        header.words
    )


def test_contents_lead_to_every_chapter_figure_and_listing(whole: Node) -> None:
    links = whole.one("nav").all("a")
    assert [(one.words, one["href"]) for one in links] == [
        ("How It Grows", "#chapter-growth"),
        ("Cost of a Step", "#fig-step-time"),
        ("Old", "#fig-old"),
        ("Linear Scan", "#lst-linear-scan"),
        ("More", "#chapter-more"),
        ("Bare", "#lst-bare"),
        ("All claims", "#claims"),
    ]


def test_every_link_leads_somewhere(whole: Node, files: Copies) -> None:
    anchors = {one["id"] for one in whole.inner if one.get("id")}
    for one in whole.all("a"):
        target = one["href"]
        assert target[1:] in anchors if target[0] == "#" else target in files.files
    shown = [one["src"] for one in whole.all("img")]
    shown += [one["srcset"] for one in whole.all("source")]
    assert set(shown) <= set(files.files)


def test_every_id_is_there_once(whole: Node) -> None:
    found = [one["id"] for one in whole.inner if one.get("id")]
    assert len(found) == len(set(found))
    named = [one.get("aria-labelledby") for one in whole.inner]
    assert set(filter(None, named)) <= set(found)


def test_a_figure_is_shown_with_all_that_is_known_of_it(whole: Node) -> None:
    figure = whole.one("article", id="fig-step-time")
    assert figure.one("h3").words == "Cost of a Step"
    image = figure.one("figure").one("img")
    assert image["alt"] == "A line that rises to 21."
    assert (image["src"], image["width"], image["height"]) == (
        "figures/step_time.svg",
        "400",
        "200",
    )
    twin = figure.one("figure").one("source")
    assert twin["srcset"] == "figures/step_time.dark.svg"
    assert twin["media"] == "screen and (prefers-color-scheme: dark)"
    caption = figure.one("figcaption")
    assert caption.words == "Cost of a Step: at T of 4,096 it takes 2^{12} steps."
    assert [one.name for one in caption.inner] == ["strong", "code", "em", "code"]
    assert pairs(figure.one("dl", "values")) == {"length": "4,096", "kept": "16 MiB"}
    origin = pairs(figure.one("dl", "origin"))
    assert origin == {
        "Data": "CSV of step_time (11 bytes), JSON of step_time (3 bytes)",
        "Picture": "SVG of step_time (69 bytes), PDF of step_time (4 bytes), "
        "PNG of step_time (2 kB)",
        "Measured": "AMD EPYC, 2 cores, 2026-01-02, commit 1eca6e7; "
        "NVIDIA H100, 2026-02-03, commit 2bad5e8",
        "Evidence": "cpu.json",
        "Made by": "chapters/growth/figures/step_time.py",
        "Drawn with": "matplotlib 3.11.2",
        "Shown in": "chapters/growth/growth.qmd",
    }


def test_a_figure_says_how_to_embed_it(whole: Node) -> None:
    figure = whole.one("article", id="fig-step-time")
    snippet = figure.one("pre").text
    assert snippet == (
        "::: {#fig-step-time .bookfigs}\n:::\n\nAs @fig-step-time shows.\n\n"
        "{{< val step_time.length >}}\n\n"
        '[A sentence]{.claim ref="step_time.slower"}'
    )
    assert "Likewise with the 4 other names above." in figure.words


def test_a_claim_says_verdict_statistic_bounds_device_date_and_commit(
    whole: Node,
) -> None:
    claim = whole.one("li", id="claim-step_time.slower")
    assert claim.one("p", "says").words == "✓ holds It is slower"
    assert pairs(claim) == {
        "Statistic": "ratio 21 (95 percent interval 20 to 22)",
        "Expected": "at least 2",
        "Measured": "AMD EPYC, 2 cores, 2026-01-02, commit 1eca6e7",
    }
    assert claim.one("p", "name").one("a")["href"] == "#claim-step_time.slower"


def test_a_claim_of_several_devices_has_the_verdict_of_each(whole: Node) -> None:
    claim = whole.one("li", id="claim-step_time.faster")
    verdicts = [pairs(one)["Verdict"] for one in claim.all("dl")]
    assert verdicts == ["✓ holds", "✗ fails"]


def test_no_verdict_is_told_by_colour_alone(whole: Node) -> None:
    said = {"holds": "✓", "fails": "✗", "unsure": "?", "idle": "–"}
    badges = whole.all("span", "badge")
    assert len(badges) > 8
    for badge in badges:
        kind = badge["class"].split()[1]
        assert badge.one("span", aria_hidden="true").text == said[kind]
        assert re.search(r"hold|fail|inconclusive|not applicable", badge.words)


def test_the_table_has_a_row_for_each_claim_and_device(whole: Node) -> None:
    table = whole.one("section", id="claims").one("table")
    heads = [one.words for one in table.one("thead").all("th", scope="col")]
    assert heads == ["Claim", "Verdict", "Statistic", "Expected", "Measured"]
    assert table.one("th", scope="rowgroup")["colspan"] == str(len(heads))
    rows = [one for one in table.all("tr") if one.all("th", scope="row")]
    told = [(one.one("th").words, one.one("span", "badge").words) for one in rows]
    assert told == [
        ("It is slower", "✓ holds"),
        ("It is faster", "✓ holds"),
        ("It is faster", "✗ fails"),
        ("It is open", "? inconclusive"),
        ("It is elsewhere", "– not applicable here"),
    ]
    assert rows[0].one("a")["href"] == "#claim-step_time.slower"


def test_claims_can_be_chosen_by_their_verdict(whole: Node) -> None:
    choice = whole.one("fieldset")
    labels = [(one.words, one["for"]) for one in choice.all("label")]
    assert labels == [
        ("all", "only-all"),
        ("holds", "only-holds"),
        ("fails", "only-fails"),
        ("inconclusive", "only-unsure"),
        ("not applicable here", "only-idle"),
    ]
    assert [one["id"] for one in choice.all("input")] == [of for _, of in labels]
    (chosen,) = [one for one in choice.all("input") if "checked" in one.attributes]
    assert chosen["id"] == "only-all"


def test_nothing_is_chosen_where_all_verdicts_are_the_same(files: Copies) -> None:
    held = {n: c for n, c in MANIFEST.claims.items() if c.verdict == "holds"}
    whole = made(replace_manifest(claims=held), files)
    assert len(whole.one("table").all("tr")) == 3
    assert whole.all("fieldset") == []


def replace_manifest(**changes: object) -> Contents:
    manifest = replace(MANIFEST, **changes)
    return Contents(manifest, CONTENTS.title, CONTENTS.chapters, CONTENTS.pages)


def test_a_listing_is_shown_with_call_outs_output_and_evidence(whole: Node) -> None:
    listing = whole.one("article", id="lst-linear-scan")
    code, output, embedded = listing.all("pre")
    assert code.text == 'def scan(a):\n    """All."""\n    return a < 2  # (1)\n'
    assert code["class"] == "numbered"
    kinds = [(one["class"], one.text) for one in code.all("span")]
    assert ("keyword", "def") in kinds
    assert ("string", '"""All."""') in kinds
    assert ("comment", "# (1)") in kinds
    assert ("line called", "    return a < 2  # (1)") in kinds
    assert listing.one("ol", "callouts").one("li").words == "Nothing is copied."
    assert output.text == "[1, 2]"
    assert embedded.text == "::: {#lst-linear-scan .bookfigs}\n:::"
    assert pairs(listing) == {
        "Lines executed": "2 of 2",
        "Changes caught": "5 of 6; 1 equivalent",
        "Source": "scan of core/scan.py",
    }
    witnesses = listing.one("details", "witnesses")
    assert witnesses.words == (
        "Executed by 2 tests and its program tests/core/test_scan.py"
        " two are one a scan is a loop"
    )


def test_a_listing_that_proves_nothing_says_so(whole: Node) -> None:
    listing = whole.one("article", id="lst-bare")
    assert "Its lines are not proven." in listing.words
    assert listing.all("details", "witnesses") == []
    assert listing.all("pre")[0].text == "ls <x\n"


def test_an_entry_of_an_older_manifest_is_shown_without_what_it_lacks(
    whole: Node,
) -> None:
    figure = whole.one("article", id="fig-old")
    assert "There is no picture of it." in figure.words
    assert figure.all("img") == []
    assert [one.words for one in figure.all("h4")] == ["Where from"]
    assert figure.one("figcaption").words == "Old: without all that came later."


def test_a_book_without_anything_has_a_page_that_says_so() -> None:
    empty = Contents(Manifest(), "Empty", ())
    whole = made(empty, Copies({}))
    assert "The book has no figures and no listings yet." in whole.words
    assert "The book makes no claims." in whole.words


def test_the_same_contents_are_the_same_bytes(files: Copies) -> None:
    first = page(CONTENTS, files)
    assert page(CONTENTS, files) == first
    assert b"Made by bookfigs" in first


def test_the_page_has_landmarks_and_its_skip_link_comes_first(whole: Node) -> None:
    body = whole.one("body")
    first = next(body.inner)
    assert (first.name, first["href"]) == ("a", "#content")
    assert whole.one("main")["id"] == "content"
    assert whole.one("nav")["aria-label"] == "Contents"
    assert whole.one("html")["lang"] == "en"
    names = [one.name for one in body.content if isinstance(one, Node)]
    assert names == ["a", "header", "div", "footer"]


def test_headings_go_down_by_one(whole: Node) -> None:
    levels = [int(n.name[1]) for n in whole.inner if re.fullmatch("h[1-6]", n.name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [(a, b) for a, b in pairwise(levels) if b > a + 1] == []


def test_what_scrolls_is_reached_by_the_keyboard_and_has_a_name_of_its_own(
    whole: Node,
) -> None:
    scrolling = [*whole.all("pre"), whole.one("div", "wide")]
    names = [one["aria-label"] for one in scrolling]
    assert len(names) > 6
    assert len(set(names)) == len(names)
    assert {(one["tabindex"], one["role"]) for one in scrolling} == {("0", "region")}


def test_every_picture_has_an_alternative_text_or_a_name_beside_it(
    whole: Node,
) -> None:
    for image in whole.all("img"):
        assert image.get("alt") is not None
    for item in whole.one("ul", "thumbnails").all("a"):
        assert [one["alt"] for one in item.all("img")] in ([""], [])
        assert item.words


def test_the_page_needs_neither_script_nor_network(whole: Node) -> None:
    import base64
    import hashlib

    allowed = whole.one("meta", http_equiv="Content-Security-Policy")["content"]
    digest = hashlib.sha256(whole.one("style").text.encode()).digest()
    assert allowed == (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(digest).decode()}'; "
        "img-src 'self' file:; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in whole.one("style").text
    assert "@import" not in whole.one("style").text
    assert whole.all("script") + whole.all("link") + whole.all("iframe") == []
    names = {key for one in whole.inner for key in one.attributes}
    assert {key for key in names if key.startswith("on") or key == "style"} == set()


def test_pictures_and_data_lie_beside_the_page_as_the_book_has_them(
    files: Copies,
) -> None:
    assert files.files == FILES
