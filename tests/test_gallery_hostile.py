"""Strings of a manifest are data: no page shows one as markup, no path leads away."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import asdict, replace

from bookfigs.entry import File
from bookfigs.errors import InputError, OutdatedError
from bookfigs.exporting.signs import CONTROL
from bookfigs.gallery.caption import inlines, plain
from bookfigs.gallery.code import highlighted
from bookfigs.gallery.contents import Chapter, Contents
from bookfigs.gallery.copies import copies
from bookfigs.gallery.html import element, markup
from bookfigs.gallery.parts import anchor
from gallerybook import (
    CODE,
    CONTENTS,
    FIGURE,
    MANIFEST,
    SVG,
    Node,
    copied,
    generated,
    made,
    parsed,
)

ATTACKS = {
    "element": '"></p></main><script>alert(1)</script><img src=x onerror="alert(1)">',
    "attribute": "' onmouseover='alert(1)' x=\" autofocus onfocus=alert(1) y=\"",
    "style": "</style></title></textarea><style>*{display:none}</style>",
    "comment": "--><!-- <![CDATA[ <!doctype x> <?php -->",
    "entity": "&lt;script&gt; &#60;b&#62; &amp;amp; &quot;",
    "link": "[x](javascript:alert(1)) [y](data:text/html,z) [z](//evil.example)",
    "quoted link": '[x](https://a.example/"onclick="alert(1)) <a href=javascript:y>',
    "markdown": "**a** *b* `c` $d$ [e](https://a.example/?f=1&g=2) \\<script\\>",
    "signs": "a\u202eb\u0000c\ufeffd\u2028e\x1bf",
    "spaces": "a b\tc\nd  e",
    "long": "x" * 5000,
}
TAGS = set(
    re.findall(
        r"\w+",
        """a article body caption code dd details div dl dt em fieldset figcaption
        figure footer h1 h2 h3 h4 head header html img input label legend li main meta
        nav ol p picture pre section source span strong style summary table tbody td th
        thead title tr ul wbr""",
    )
)
ATTRIBUTES = set(
    re.findall(
        r"[\w-]+",
        """alt aria-hidden aria-label aria-labelledby autocomplete charset checked class
        colspan content for height href http-equiv id lang media name role scope src
        srcset tabindex type width""",
    )
)
TARGETS = re.compile(r"#[\w.:-]+|(?:figures|data)/step_time\.\w+|https?://[\w./?=&:]+")


KEPT = {"figure", "images", "data", "outdated", "language"}
"""What an attack would only make an error, or what has to lead to a figure."""


def poisoned(value: Any, attack: str) -> Any:
    """The same with every string in it, names and all, ending with an attack."""
    if isinstance(value, str):
        return value + attack
    if isinstance(value, list):
        return [poisoned(one, attack) for one in value]
    if isinstance(value, Struct):
        fields = {k: v for k, v in asdict(value).items() if k not in KEPT}
        return replace(value, **{k: poisoned(v, attack) for k, v in fields.items()})
    return value


def attacked(attack: str) -> Contents:
    """Contents with an attack wherever a manifest, page or folder has a string."""
    listings = {f"{n}{attack}": v for n, v in MANIFEST.listings.items()}
    manifest = replace(
        MANIFEST,
        figures={n: poisoned(v, attack) for n, v in MANIFEST.figures.items()},
        listings={n: poisoned(v, attack) for n, v in listings.items()},
        values={
            f"{n}{attack}": poisoned(v, attack) for n, v in MANIFEST.values.items()
        },
        claims={
            f"{n}{attack}": poisoned(v, attack) for n, v in MANIFEST.claims.items()
        },
        generator=MANIFEST.generator + attack,
        digest=attack,
    )
    name = f"growth{attack}"
    chapter = Chapter(name, attack, CONTENTS.chapters[0].figures, tuple(listings))
    pages = {("figure", "step_time"): (attack,)}
    return Contents(manifest, attack, (chapter,), pages)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_no_string_of_a_manifest_becomes_markup(attack: str, tmp_path: Path) -> None:
    whole = made(attacked(attack), copied(tmp_path))
    assert {one.name for one in whole.inner} <= TAGS
    assert {key for one in whole.inner for key in one.attributes} <= ATTRIBUTES
    targets = [one["href"] for one in whole.all("a")]
    assert [one for one in targets if not TARGETS.fullmatch(one)] == []
    ids = [one["id"] for one in whole.inner if one.get("id")]
    assert len(set(ids)) == len(ids)
    assert [one for one in ids if re.search(r"\s", one)] == []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_every_string_is_shown_to_the_letter(attack: str, tmp_path: Path) -> None:
    whole = made(attacked(attack), copied(tmp_path))
    said = CONTROL.sub("", attack)
    assert whole.one("h1").text == said
    assert whole.all("p", "says")[0].text == f"? holds{said} It is slower{said}"
    figure = whole.one("article", id="fig-step-time")
    assert figure.one("figure").one("img")["alt"] == f"{FIGURE.alt}{said}"
    assert f"16 MiB{said}" in [one.text for one in figure.one("dl", "values").all("dd")]
    assert f"{{{{< val step_time.length{said} >}}}}" in figure.one("pre").text
    code, output = [one.text for one in whole.all("pre")[2:4]]
    assert code == f"{CODE}{said}\n"
    assert output == f"[1, 2]\n{said}"


def test_an_element_holds_its_text_and_nothing_else() -> None:
    made_of = element("p", "<b>&", id='"', hidden=True, title=None, lang=False)
    assert made_of.markup == '\n<p id="&quot;" hidden>&lt;b&gt;&amp;</p>'


@given(st.text(), st.text())
def test_any_text_is_read_back_as_it_was_written(text: str, attribute: str) -> None:
    whole = parsed(element("span", text, title=attribute).markup)
    (span,) = whole.inner
    assert span.text == CONTROL.sub("", text)
    assert span["title"] == CONTROL.sub("", attribute)


MARKS = st.lists(st.sampled_from([*"*`$[]()\\<>\"'& ax1\n", "](https://a.b/)", "**"]))


@given(MARKS.map("".join))
def test_a_caption_is_text_with_plain_markup_whatever_it_says(caption: str) -> None:
    whole = parsed(markup(inlines(caption)))
    assert {one.name for one in whole.inner} <= {"a", "code", "em", "strong"}
    assert whole.text == plain(caption)
    assert [one for one in whole.all("a") if one.all("a")] == []


@given(MARKS.map("".join))
def test_code_is_shown_to_the_letter_whatever_it_is(code: str) -> None:
    for language in ("python", "sh"):
        whole = parsed(markup(highlighted(code, language, {1})))
        assert whole.text == code.rstrip("\n") + "\n"
        assert {one.name for one in whole.inner} <= {"span"}


@given(st.text(), st.text())
def test_names_that_differ_have_anchors_that_differ(one: str, other: str) -> None:
    assert (anchor(one) == anchor(other)) == (one == other)
    assert re.fullmatch(r"[A-Za-z0-9_.:-]*", anchor(one))


@pytest.mark.parametrize(
    "slug", ["../../outside", "a/b", 'x"><script>', "A", "", "a b", "a\x00", "é"]
)
def test_a_figure_whose_name_is_no_slug_is_refused(slug: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no slug") as caught:
        copies(generated(tmp_path), {slug: FIGURE}, "manifest.json")
    assert caught.value.run == "bookfigs figures"


@pytest.mark.parametrize("path", ["../outside.svg", "/etc/passwd", "a\x00b", "link"])
def test_a_path_that_leads_away_from_the_manifest_is_refused(
    path: str, tmp_path: Path
) -> None:
    (tmp_path / "outside.svg").write_bytes(SVG)
    folder = generated(tmp_path / "_bookfigs")
    (folder / "link").symlink_to(tmp_path / "outside.svg")
    images = {"svg": File(path, FIGURE.images["svg"].sha1)}
    with pytest.raises(InputError, match="lies outside of its folder"):
        copies(folder, {"step_time": replace(FIGURE, images=images)}, "manifest.json")


@pytest.mark.parametrize("content", [b"other", None])
def test_a_file_that_is_not_as_the_manifest_says_is_not_copied(
    content: bytes | None, tmp_path: Path
) -> None:
    folder = generated(tmp_path)
    path = folder / "data" / "step_time.csv"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(OutdatedError, match=r"data/step_time\.csv is not what it says"):
        copies(folder, MANIFEST.figures, "manifest.json")


def test_files_of_an_unknown_kind_stay_where_they_are(tmp_path: Path) -> None:
    images = {
        **FIGURE.images,
        "html": FIGURE.images["svg"],
        "../x": FIGURE.images["svg"],
    }
    figures = {"step_time": replace(FIGURE, images=images)}
    found = copies(generated(tmp_path), figures, "manifest.json")
    assert [name for name in found.files if "html" in name or "x" in name] == []
    assert found.picture("step_time") == "figures/step_time.svg"


def test_a_reader_refuses_what_is_not_closed() -> None:
    with pytest.raises(AssertionError):
        parsed("<p><b></p></b>")
    assert isinstance(parsed("<p>a</p>").one("p"), Node)
