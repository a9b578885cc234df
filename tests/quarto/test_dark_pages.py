"""Figures on pages that may be dark: two images, of which one is shown."""

import re
from pathlib import Path

import pytest

from .book import EXTENSION, Book, Rendered, run_pandoc

FIGURE = "::: {#fig-step-time .bookfigs}\n:::\n"
WIDER = '::: {#fig-step-time .bookfigs width="50%" fig-alt="Mine."}\nSo *it* is.\n:::\n'
CSS = (EXTENSION / "bookfigs.css").read_text(encoding="utf-8")

QUARTO = """
quarto = {
  doc = {
    input_file = pandoc.path.join { pandoc.system.get_working_directory(), "rnn.qmd" },
    is_format = function(name) return name == "html:js" and FORMAT == "%s" end,
    add_html_dependency = function(it) io.stderr:write(it.stylesheets[1]) end,
    include_text = function(place, it) io.stderr:write(place, ": ", it) end,
  },
  project = {},
  version = pandoc.types.Version("%s"),
}
PANDOC_SCRIPT_FILE = [[%s]]
return dofile(PANDOC_SCRIPT_FILE)
"""
"""What the filter asks of Quarto, and the filter; so long as Quarto is not at hand."""


def rendered(
    book: Book,
    text: str,
    to: str = "html5",
    pages: str = "html5",
    version: str = "1.10.18",
) -> Rendered:
    """A chapter as the filter leaves it for Quarto of a version."""
    book.write(text)
    stand_in = book.chapters / "quarto.lua"
    lua = QUARTO % (pages, version, EXTENSION / "bookfigs.lua")
    stand_in.write_text(lua, encoding="utf-8")
    return run_pandoc(book.chapter, to, lua=stand_in)


def images(html: str) -> list[str]:
    return re.findall("<img [^>]*>", html)


def test_a_page_has_the_light_image_and_its_twin(book: Book) -> None:
    light, dark = images(rendered(book, FIGURE).words)
    assert 'src="../_bookfigs/figures/step_time.svg"' in light
    assert 'class="bookfigs-light"' in light
    assert 'src="../_bookfigs/figures/step_time.dark.svg"' in dark
    assert 'class="bookfigs-dark"' in dark


def test_both_have_alternative_text_and_width_of_the_figure(book: Book) -> None:
    for image in images(rendered(book, FIGURE).words):
        assert 'alt="Two lines over T."' in image
        assert 'style="width:5.375in"' in image


def test_both_have_what_the_author_wrote_and_the_caption_is_one(book: Book) -> None:
    html = rendered(book, WIDER).words
    for image in images(html):
        assert 'alt="Mine."' in image
        assert 'style="width:50.0%"' in image
    assert html.count("<p>So <em>it</em> is.</p>") == 1


def test_a_page_that_stays_light_does_not_fetch_the_twin(book: Book) -> None:
    loading = ['loading="lazy"' in i for i in images(rendered(book, FIGURE).words)]
    assert loading == [False, True]


def test_a_page_with_images_gets_the_style_that_shows_one(book: Book) -> None:
    assert "bookfigs.css" in rendered(book, FIGURE).message


@pytest.mark.parametrize("to", ["epub", "latex", "typst", "docx", "html5"])
def test_what_is_not_given_the_style_gets_the_light_image_alone(
    book: Book, to: str
) -> None:
    done = rendered(book, FIGURE, to, pages="none")
    assert (done.status, done.message) == (0, "")
    native = rendered(book, FIGURE, "native", pages="none").text
    assert native.count("Image") == 1
    assert "dark" not in native


def test_slides_which_have_one_theme_get_the_style_and_the_light_image_alone(
    book: Book,
) -> None:
    done = rendered(book, FIGURE, "revealjs", pages="revealjs")
    assert "bookfigs.css" in done.message
    assert "step_time.svg" in done.text
    assert "dark" not in done.text


def test_plain_pandoc_which_has_no_style_shows_the_light_image_alone(
    book: Book,
) -> None:
    html = book.pandoc(FIGURE).words
    assert len(images(html)) == 1
    assert "bookfigs-light" not in html


def test_a_manifest_of_before_there_were_twins_shows_the_light_image(
    book: Book,
) -> None:
    del book.manifest["figures"]["step_time"]["images"]["dark.svg"]
    (image,) = images(rendered(book, FIGURE).words)
    assert 'src="../_bookfigs/figures/step_time.svg"' in image
    assert "class" not in image


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_twin_that_is_not_of_the_manifest_stops_the_render(
    book: Book, damage: str
) -> None:
    path = book.generated / "figures" / "step_time.dark.svg"
    path.write_bytes(b"<svg/>") if damage == "changed" else path.unlink()
    done = rendered(book, FIGURE)
    assert done.status != 0
    assert "the dark.svg image of figure step_time is " in done.message
    assert "run: bookfigs figures" in done.message


def test_the_style_hides_one_image_in_each_case() -> None:
    """Nothing is ever told to be shown, so that themes lay images out as they do."""
    every = re.findall(r"([^{}]+)\{[^{}]*?display: ([^;]+);", CSS)
    rules = [rule for rule in every if "img.bookfigs" in rule[0]]
    assert {shown for _, shown in rules} == {"none !important"}
    hidden = " ".join(" ".join(selector for selector, _ in rules).split())
    for selector in (
        "body:not(.quarto-dark) img.bookfigs-dark",
        "body.quarto-dark img.bookfigs-light",
    ):
        assert selector in hidden


def test_the_classes_of_the_style_are_those_of_the_images() -> None:
    lua = (Path(EXTENSION) / "_modules" / "figure.lua").read_text(encoding="utf-8")
    assert set(re.findall(r"img\.([\w-]+)", CSS)) == set(
        re.findall('"(bookfigs-[a-z]+)"', lua)
    )
