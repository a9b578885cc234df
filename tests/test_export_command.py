"""``bookfigs export`` as it is run on a small book, and its exit statuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import plainbook
from bookfigs.book import Book
from bookfigs.cli import cli
from bookfigs.exporting.block import FIGURE_KEYS, LISTING_KEYS
from smallbook import ROOT, python

PAGE = """# One

At the end it is <!-- bookfigs: val double_growth.last --><!-- /bookfigs -->.

<!-- bookfigs: fig-double-growth -->
<!-- /bookfigs -->

@fig-double-growth and @lst-doubling.

<!-- bookfigs: lst-doubling -->
<!-- /bookfigs -->
"""


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A book that does without bookfigs."""
    return plainbook.book(tmp_path / "other", one=PAGE)


def export(book: Book, other: Path, *arguments: str) -> Result:
    given = ["--book", str(book.folder), "export", "--to", str(other), *arguments]
    return CliRunner().invoke(cli, given, catch_exceptions=False)


def test_a_page_is_filled_in_once_and_then_up_to_date(
    published: Book, other: Path
) -> None:
    done = export(published, other)
    said = f"3 markers in {other} are filled in and up to date\n"
    assert done.output == (
        f"wrote {other}/images/svg/double_growth.svg\nwrote {other}/one.qmd\n{said}"
    )
    written = (other / "one.qmd").read_text()
    assert "val double_growth.last -->16<!-- /bookfigs -->." in written
    assert 'fig-cap="**Growth of double**: at the end it is 16."' in written
    assert '{width="56%" fig-alt="A line that rises to 16."}' in written
    assert "```{.python}\ndef double(n):\n    return 2 * n\n```" in written
    for again in ([], ["--check"]):
        assert export(published, other, *again).output == said


def test_a_check_writes_nothing_and_tells_what_is_stale(
    published: Book, other: Path
) -> None:
    done = export(published, other, "--check")
    assert done.exit_code == 6
    assert (other / "one.qmd").read_text() == PAGE
    assert not (other / "images").exists()
    page = f"bookfigs: {other}/one.qmd"
    told = [line for line in done.output.splitlines() if "  run: " not in line]
    assert told == [
        f"{page}:3: double_growth.last is not filled in",
        f"bookfigs: {other}/images/svg/double_growth.svg: is missing",
        f"{page}:5: fig-double-growth is not filled in",
        f"{page}:10: lst-doubling is not filled in",
    ]
    assert done.output.count(f"  run: bookfigs export --to {other}\n") == 4


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ("<!-- /bookfigs -->.", ".", 3),
        ("double_growth.last", "double_growth.first", 4),
        ("lst-doubling -->", "lst-tripling -->", 4),
    ],
)
def test_what_is_wrong_with_a_marker_decides_the_exit_status(
    published: Book, other: Path, before: str, after: str, status: int
) -> None:
    page = other / "one.qmd"
    page.write_text(PAGE.replace(before, after))
    done = export(published, other)
    assert done.exit_code == status
    assert page.read_text() == PAGE.replace(before, after)


def test_nothing_is_exported_from_a_book_that_is_not_in_order(
    published: Book, other: Path
) -> None:
    (published.root / "helpers.py").write_text("def double(n):\n    return 3 * n\n")
    done = export(published, other)
    assert done.exit_code in {3, 6}
    assert "bookfigs why double_growth" in done.output
    assert (other / "one.qmd").read_text() == PAGE


def test_a_manifest_that_was_changed_by_hand_is_not_exported(
    published: Book, other: Path
) -> None:
    text = published.manifest.read_text()
    published.manifest.write_text(text.replace("it is 16", "it is 17"))
    done = export(published, other)
    assert done.exit_code == 6
    assert "changed by hand" in done.output
    assert (other / "one.qmd").read_text() == PAGE


def test_blocks_are_files_to_include_and_values_are_variables(
    published: Book, other: Path
) -> None:
    (other / "one.qmd").write_text("{{< include blocks/_fig-double-growth.qmd >}}\n")
    done = export(published, other, "--blocks", "--images", "assets")
    assert done.exit_code == 0, done.output
    names = {path.name for path in (other / "blocks").iterdir()}
    assert names == {
        "_fig-double-growth.qmd",
        "_fig-square-growth.qmd",
        "_lst-doubling.qmd",
    }
    assert "no page refers to fig-double-growth" in done.output
    assert "no page refers to fig-square-growth" not in done.output
    block = (other / "blocks" / "_fig-double-growth.qmd").read_text()
    assert "](/assets/double_growth.svg)" in block
    variables = (other / "_variables.yml").read_text()
    assert 'bookfigs:\n  double_growth:\n    last: "16"\n' in variables
    assert export(published, other, "--check").exit_code == 0


def test_exporting_imports_no_heavy_package(published: Book, other: Path) -> None:
    printed = python(
        "import sys\nfrom pathlib import Path\nfrom bookfigs.book import Book\n"
        "from bookfigs.exporting.export import Wish, export\n"
        f"found = export(Book(Path({str(published.folder)!r})),"
        f" Wish(Path({str(other)!r})))\n"
        "print(len(found.work.files), found.wrong(check=False))\n"
        "heavy = {'torch', 'matplotlib', 'numpy', 'scipy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert printed == "2 []\n[]\n"


def test_the_readme_shows_markers_and_options_that_are_read() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Into a book without bookfigs")[2]
    section = section.partition("\n## ")[0]
    for kind in ("fig-step-time", "lst-linear_scan", "val ", "claim "):
        assert f"<!-- bookfigs: {kind}" in section
    given = [option.opts[0] for option in cli.commands["export"].params]
    told = [*given, *(f"`{key}`" for key in {*FIGURE_KEYS, *LISTING_KEYS})]
    assert [word for word in told if word not in section] == []
