"""Data files that a figure declares are part of what it was measured from."""

from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.closure import Project, changes
from bookfigs.errors import InputError
from bookfigs.figure import Source, load
from smallbook import Run


@pytest.fixture
def figure(tmp_path: Path) -> Path:
    path = tmp_path / "chapter" / "figures" / "prices.py"
    path.parent.mkdir(parents=True)
    (tmp_path / "chapter" / "data").mkdir()
    (tmp_path / "chapter" / "data" / "x.csv").write_text("1,2\n")
    (tmp_path.parent / "outside.csv").write_text("1\n")
    return path


def measured_by(root: Path, figure: Path, declared: str) -> dict[str, str]:
    figure.write_text(f"DATA = {declared}\n")
    return Source.read(Project(root), "prices", figure).measured_by


def test_changed_data_is_named_as_it_is_declared(figure: Path, tmp_path: Path) -> None:
    before = measured_by(tmp_path, figure, '["data/x.csv"]')
    assert "data:data/x.csv" in before
    (tmp_path / "chapter" / "data" / "x.csv").write_text("1,3\n")
    now = measured_by(tmp_path, figure, '["data/x.csv"]')
    assert changes(before, now) == ["data/x.csv changed"]
    assert changes(before, {}) == ["data/x.csv is not reached any more"]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ('["data/y.csv"]', r"has no such file\n  nearest: x\.csv"),
        ('["data"]', "has no such file"),
        ('["../../outside.csv"]', "outside of the project"),
        ('["/etc/passwd"]', "outside of the project"),
        ('["a\\0b"]', "outside of the project"),
        ("[name for name in ()]", r"prices\.py:1: DATA has to be written out"),
        ("1", "DATA has to be written out.*; here it is 1"),
        ("[1]", r"here it is \[1\]"),
        ("[]\nDATA += ['data/x.csv']", "put together in several places"),
    ],
)
def test_wrong_declaration_is_a_message(
    figure: Path, tmp_path: Path, declared: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        measured_by(tmp_path, figure, declared)


def test_figure_without_data_is_as_before(published: Book) -> None:
    figure = load("x", published.figures()["double_growth"], published.root)
    assert figure.slug == "x"


def test_why_names_the_data_that_changed(book: Book, run: Run) -> None:
    path = book.figures()["double_growth"]
    data = book.folder / "growth" / "x.csv"
    data.write_text("1\n")
    path.write_text(f'{path.read_text()}\nDATA = ["x.csv"]\n')
    assert run("figures", "--only", "double_growth").returncode == 0
    data.write_text("2\n")
    assert "x.csv changed" in run("why", "double_growth").stdout
