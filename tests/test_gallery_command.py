"""``bookfigs gallery`` as it is run on a small book, and its exit statuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bookfigs.book import Book
from bookfigs.cli import cli
from gallerybook import parsed
from smallbook import Run, python

SUMMARY = "2 figures, 1 listing, 2 values, 2 claims (2 hold)\n"


def gallery(book: Book, *arguments: str) -> Result:
    given = ["--book", str(book.folder), "gallery", *arguments]
    return CliRunner().invoke(cli, given)


def told(result: Result) -> str:
    """The message of the error that a command ended with."""
    return f"{result.exception}{result.output}"


def test_a_gallery_is_written_where_git_ignores_it_and_then_up_to_date(
    published: Book,
) -> None:
    page = published.local / "gallery" / "index.html"
    done = gallery(published)
    assert done.output == f"wrote {published.place(page)}\n{SUMMARY}"
    first = page.read_bytes()
    said = "up to date: .bookfigs/gallery/index.html"
    assert gallery(published).output == f"{said}\n{SUMMARY}"
    assert page.read_bytes() == first


def test_a_gallery_shows_the_book_and_lies_where_it_is_asked_to(
    published: Book, tmp_path: Path
) -> None:
    assert gallery(published, "--to", str(tmp_path / "out")).exit_code == 0
    whole = parsed((tmp_path / "out" / "index.html").read_text())
    figure = whole.one("article", id="fig-double-growth")
    assert figure.one("h3").words == "Growth of double"
    assert figure.one("dl", "values").words == "last 16"
    claim = figure.one("li", id="claim-double_growth.grows")
    assert claim.one("p", "says").words == "✓ holds It grows."
    assert "exponent 1.00" in claim.words
    listing = whole.one("article", id="lst-doubling")
    assert (
        "def double(n):" in listing.one("pre", aria_label="Code of lst-doubling").text
    )
    for one in whole.all("img"):
        assert (tmp_path / "out" / one["src"]).is_file()
    copied = tmp_path / "out" / "figures" / "double_growth.svg"
    assert (
        copied.read_bytes()
        == (published.generated / "figures" / "double_growth.svg").read_bytes()
    )


def test_a_gallery_is_the_same_bytes_wherever_it_is_made(
    published: Book, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        assert gallery(published, "--to", str(folder)).exit_code == 0
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in folders
    )
    assert one == two
    assert str(tmp_path).encode() not in b"".join(one.values())


def test_a_claim_that_fails_is_shown_as_such(published: Book, run: Run) -> None:
    figure = published.figures()["double_growth"]
    figure.write_text(figure.read_text().replace("low=0.9, high=2.1", "low=5, high=6"))
    run("figures", "--no-measure")
    done = gallery(published)
    assert done.exit_code == 0
    assert done.output.endswith("2 claims (1 holds, 1 fails)\n")
    whole = parsed((published.local / "gallery" / "index.html").read_text())
    claim = whole.one("li", id="claim-double_growth.grows")
    assert claim.one("p", "says").words == "✗ fails It grows."


def test_a_book_that_is_outdated_has_no_gallery(published: Book) -> None:
    helpers = published.root / "helpers.py"
    helpers.write_text(helpers.read_text().replace("2 * n", "n + n"))
    done = gallery(published)
    assert done.exit_code == 6
    assert "run: bookfigs " in told(done)
    assert not (published.local / "gallery").exists()


def test_a_book_without_a_manifest_has_no_gallery(run: Run) -> None:
    done = run("gallery")
    assert done.returncode == 6
    assert done.stderr.startswith("bookfigs: chapters/_bookfigs/manifest.json: ")
    assert "  run: bookfigs figures\n" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": 99}', "\ud800"])
def test_a_manifest_that_cannot_be_read_is_an_error_with_a_remedy(
    published: Book, content: str
) -> None:
    published.manifest.write_bytes(content.encode("utf-8", "surrogatepass"))
    done = gallery(published)
    assert done.exit_code != 0
    assert "run: " in told(done)
    assert not (published.local / "gallery").exists()


def test_a_manifest_that_was_changed_by_hand_is_an_error(published: Book) -> None:
    changed = json.loads(published.manifest.read_text())
    changed["claims"]["double_growth.grows"]["sentence"] = "It shrinks."
    published.manifest.write_text(json.dumps(changed))
    done = gallery(published)
    assert done.exit_code in {3, 6}
    assert "run: bookfigs figures" in told(done)


def test_a_foreign_file_keeps_a_gallery_from_being_written(
    published: Book, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    to.mkdir()
    (to / "mine.txt").write_text("mine")
    done = gallery(published, "--to", str(to))
    assert getattr(done.exception, "exit_code", 0) == 3
    assert f"{to}/mine.txt: is no file of a gallery" in told(done)
    assert [one.name for one in to.iterdir()] == ["mine.txt"]


def test_the_book_itself_is_never_a_gallery(published: Book) -> None:
    before = published.manifest.read_bytes()
    done = gallery(published, "--to", str(published.folder))
    assert getattr(done.exception, "exit_code", 0) == 3
    assert published.manifest.read_bytes() == before


def test_a_gallery_is_made_without_torch_and_matplotlib(published: Book) -> None:
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from bookfigs.cli import cli\n"
        f"given = ['--book', {str(published.folder)!r}, 'gallery']\n"
        "done = CliRunner().invoke(cli, given)\n"
        "print(done.exit_code, sorted({'torch', 'matplotlib'} & set(sys.modules)))"
    )
    assert python(script) == "0 []\n"
