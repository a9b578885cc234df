"""New figures, listings and chapters: they work as they are, and harm nothing."""

import shutil
from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.errors import BookfigsError, InputError, UnknownNameError
from bookfigs.starting.addition import new
from bookfigs.starting.begin import begin
from bookfigs.starting.step import carry_out
from smallbook import bookfigs, commit, git

PAGE = """
@fig-growth shows that [they grow with the square]{.claim ref="growth.quadratic"}:
{{< val growth.longest >}} items take {{< val growth.most >}} of them. @lst-sums adds.

::: {#fig-growth .bookfigs}
:::

::: {#lst-sums .bookfigs}
:::
"""


@pytest.fixture
def begun(tmp_path: Path) -> Book:
    """A book that was begun in an empty folder."""
    steps = begin(tmp_path / "begun", (1, 9))
    carry_out(steps.book, steps.steps)
    return steps.book


def add(book: Book, kind: str, name: str, chapter: str | None = None) -> list[str]:
    """Do what ``new`` does; returns what to do next."""
    steps = new(book, kind, name, chapter, book.folder)
    carry_out(book, steps.steps)
    return steps.after


def pages(book: Book) -> str:
    return (book.folder / "_quarto.yml").read_text()


def succeed(book: Book, *arguments: str) -> str:
    done = bookfigs(book, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_book_with_a_figure_and_a_listing_passes_every_check(begun: Book) -> None:
    add(begun, "figure", "growth")
    add(begun, "listing", "sums")
    page = begun.folder / "first_chapter" / "first_chapter.qmd"
    page.write_text(page.read_text() + PAGE)
    git(begun.root, "init", "--quiet")
    commit(begun.root)
    succeed(begun, "figures", "--only", "growth")
    succeed(begun, "publish", "growth")
    assert "changes caught" in succeed(begun, "prove", "sums")
    succeed(begun, "figures")
    assert "every claim holds" in succeed(begun, "check", "--redraw")
    assert succeed(begun, "lint") == "2 pages: nothing found\n"


def test_the_prose_that_is_begun_has_nothing_for_lint_to_find(begun: Book) -> None:
    add(begun, "chapter", "more_of_it")
    assert succeed(begun, "lint") == "3 pages: nothing found\n"
    succeed(begun, "figures")
    succeed(begun, "check")


def test_a_listing_that_is_begun_has_every_change_caught(begun: Book) -> None:
    add(begun, "listing", "sums")
    said = succeed(begun, "prove", "sums")
    assert "5 of 5 lines executed" in said
    counts = said.partition("tests; ")[2].split()
    assert counts[0] == counts[2]


def test_a_chapter_is_a_page_among_the_chapters(begun: Book) -> None:
    add(begun, "chapter", "long_names")
    page = begun.folder / "long_names" / "long_names.qmd"
    assert page.read_text().startswith("# Long Names {#sec-long-names}\n")
    assert "    - long_names/long_names.qmd\n" in pages(begun)


def test_a_site_with_a_list_of_pages_is_told_to_name_the_new_one(begun: Book) -> None:
    settings = "project:\n  type: website\n  render: [index.qmd]\n"
    (begun.folder / "_quarto.yml").write_text(settings)
    after = "\n".join(add(begun, "chapter", "more"))
    assert pages(begun) == settings
    assert "add more/more.qmd to project: render: in _quarto.yml" in after
    assert "link more/more.qmd from navbar or sidebar in _quarto.yml" in after


@pytest.mark.parametrize(
    ("kind", "name", "run"),
    [
        ("figure", "Step-Time", "bookfigs new figure step_time"),
        ("figure", "listings", None),
        ("figure", "_hidden", "bookfigs new figure hidden"),
        ("listing", "2nd", None),
        ("listing", "größe", None),
        ("chapter", "a/b", "bookfigs new chapter a_b"),
        ("chapter", "..", None),
        ("chapter", "", None),
    ],
)
def test_a_name_that_no_file_may_have_is_refused(
    begun: Book, kind: str, name: str, run: str | None
) -> None:
    before = sorted(begun.folder.rglob("*"))
    with pytest.raises(InputError, match="can be called so") as refused:
        add(begun, kind, name)
    assert refused.value.run == run
    assert sorted(begun.folder.rglob("*")) == before


@pytest.mark.parametrize("kind", ["figure", "listing", "chapter"])
def test_nothing_is_written_over(begun: Book, kind: str) -> None:
    add(begun, kind, "same")
    before = {p: p.read_bytes() for p in begun.folder.rglob("*") if p.is_file()}
    with pytest.raises(InputError, match="of this name"):
        add(begun, kind, "same")
    assert {p: p.read_bytes() for p in before} == before


def test_a_program_that_is_there_is_not_written_over(begun: Book) -> None:
    program = begun.folder / "first_chapter" / "listings" / "sums.py"
    program.parent.mkdir()
    program.write_text("print(1)")
    with pytest.raises(InputError, match="is there already"):
        add(begun, "listing", "sums")
    assert program.read_text() == "print(1)"
    assert not program.with_suffix(".toml").exists()


def test_one_name_serves_a_figure_in_one_chapter_only(begun: Book) -> None:
    add(begun, "chapter", "more")
    add(begun, "figure", "same", "more")
    with pytest.raises(InputError, match=r"more/figures/same\.py"):
        add(begun, "figure", "same", "first_chapter")


def test_the_only_chapter_is_meant_and_of_several_the_one_at_hand(begun: Book) -> None:
    add(begun, "figure", "one")
    add(begun, "chapter", "more")
    with pytest.raises(UnknownNameError, match="for which chapter") as refused:
        add(begun, "figure", "two")
    assert refused.value.available == ["first_chapter", "more"]
    near = begun.folder / "more"
    steps = new(begun, "figure", "two", None, near)
    assert [step.path for step in steps.steps] == [near / "figures" / "two.py"]


def test_a_chapter_that_is_not_there_yet_is_a_folder_without_a_page(
    begun: Book,
) -> None:
    add(begun, "figure", "one", "extra")
    assert (begun.folder / "extra" / "figures" / "one.py").is_file()
    assert not (begun.folder / "extra" / "extra.qmd").exists()


@pytest.mark.parametrize("chapter", ["../outside", ".hidden", "_bookfigs", "a/b"])
def test_a_chapter_lies_right_below_the_book(begun: Book, chapter: str) -> None:
    (begun.folder / "_bookfigs").mkdir()
    (begun.folder / "a" / "b").mkdir(parents=True)
    with pytest.raises(InputError):
        add(begun, "figure", "one", chapter)


def test_a_folder_that_an_author_named_freely_may_be_a_chapter(begun: Book) -> None:
    (begun.folder / "Chapter-2").mkdir()
    add(begun, "figure", "one", "Chapter-2")
    assert (begun.folder / "Chapter-2" / "figures" / "one.py").is_file()


def test_the_figures_of_a_single_document_lie_in_a_folder_of_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "My-Paper.qmd").write_text("# Paper\n")
    steps = begin(tmp_path, None)
    carry_out(steps.book, steps.steps)
    add(steps.book, "figure", "one")
    assert (tmp_path / "my_paper" / "figures" / "one.py").is_file()


def test_a_book_without_chapters_is_told_to_make_one(begun: Book) -> None:
    shutil.rmtree(begun.folder / "first_chapter")
    (begun.folder / "other.qmd").write_text("# Other\n")
    with pytest.raises(UnknownNameError, match="run: bookfigs new chapter NAME"):
        add(begun, "figure", "one")


def test_a_chapter_belongs_to_no_chapter(begun: Book) -> None:
    with pytest.raises(BookfigsError, match="for figures and listings"):
        add(begun, "chapter", "more", "first_chapter")


def test_what_to_do_next_is_said_and_can_be_pasted(begun: Book) -> None:
    said = succeed(begun, "new", "figure", "step_count")
    assert said.startswith(
        "first_chapter/figures/step_count.py: new\nnext:\n  git init\n"
    )
    for line in (
        "bookfigs figures --only step_count",
        "bookfigs publish step_count",
        "write into first_chapter/first_chapter.qmd:",
        "::: {#fig-step-count .bookfigs}",
        "{{< val step_count.most >}}",
        '{.claim ref="step_count.quadratic"}',
    ):
        assert line in said
    assert "::: {#lst-two .bookfigs}" in succeed(begun, "new", "listing", "two")
