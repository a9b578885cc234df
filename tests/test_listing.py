"""Listings: the printed lines are the source's lines."""

from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.entry import ListingEntry
from bookfigs.errors import BookfigsError, InputError, UnknownNameError
from bookfigs.listings.listing import print_listing, read_listing, render_listing

SOURCE = '''
import functools


@functools.cache
def shown(x):
    """Say what it does.

    At length.
    """

    y = x + 1  # one more

    return y


class Thing:
    """A thing."""

    def method(self):
        return 1


def wide():
    return "{wide}"


def foreign():
    return "ε"


def bare():
    """Only this."""
'''.replace("{wide}", "x" * 60)


def rendered(book: Book, slug: str, path: Path) -> ListingEntry:
    listing = read_listing(book, slug, path)
    return render_listing(book, listing, print_listing(book, listing))


def printed(book: Book, symbol: str) -> ListingEntry:
    (book.root / "source.py").write_text(SOURCE)
    path = book.folder / "growth" / "listings" / "one.toml"
    path.write_text(f'symbol = "{symbol}"\ncaption = "**One**: two."\n')
    return rendered(book, "one", path)


def test_function_is_printed_with_its_decorator_and_without_its_docstring(
    book: Book,
) -> None:
    assert printed(book, "source:shown").code == (
        "@functools.cache\ndef shown(x):\n    y = x + 1  # one more\n\n    return y\n"
    )


def test_method_is_moved_to_the_margin(book: Book) -> None:
    code = printed(book, "source:Thing.method").code
    assert code == "def method(self):\n    return 1\n"


def test_docstring_stays_where_there_is_nothing_else(book: Book) -> None:
    assert printed(book, "source:bare").code == 'def bare():\n    """Only this."""\n'


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("source:wide", "printed line 2 has 73 columns; a listing has 70"),
        ("source:foreign", "character beyond ASCII"),
        ("nowhere:wide", "no module 'nowhere' in this project"),
        ("source", "has to have the form 'package.module:name'"),
    ],
)
def test_what_cannot_be_printed_is_refused(book: Book, symbol: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        printed(book, symbol)


def test_unknown_symbol_is_answered_with_the_nearest(book: Book) -> None:
    with pytest.raises(UnknownNameError, match="nearest: shown"):
        printed(book, "source:show")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol = ", "is no TOML"),
        ('symbol = "a:b"\n', "missing required field `caption`"),
        ('symbol = "a:b"\ncaption = "c"\nlines = 3\n', "'lines' is not known"),
        (
            'symbol = "a:b"\ncaption = ["c"]\n',
            "Expected `str`, got `array` - at `.*caption`",
        ),
    ],
)
def test_listing_file_that_is_wrong_is_a_message(
    book: Book, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "one.toml"
    path.write_text(text)
    with pytest.raises(BookfigsError, match=said):
        read_listing(book, "one", path)


def test_what_ends_no_line_of_python_does_not_move_the_printed_lines(
    book: Book,
) -> None:
    source = book.root / "helpers.py"
    source.write_text(f'\f\nTEXT = "\u2028"\n{source.read_text()}', encoding="utf-8")
    path = book.listings()["doubling"]
    code = rendered(book, "doubling", path).code
    assert code == "def double(n):\n    return 2 * n\n"


def test_source_is_read_in_the_encoding_that_it_declares(book: Book) -> None:
    source = book.root / "helpers.py"
    path = book.listings()["doubling"]
    text = source.read_text()
    source.write_bytes(f"# coding: latin-1\n# \xe9\n{text}".encode("latin-1"))
    assert rendered(book, "doubling", path).code
    source.write_bytes(f"# \xe9\n{text}".encode("latin-1"))
    with pytest.raises(InputError, match=r"helpers\.py: cannot be read"):
        rendered(book, "doubling", path)


def test_package_is_named_by_its_own_file(book: Book) -> None:
    (book.root / "pkg").mkdir()
    (book.root / "pkg" / "__init__.py").write_text("def f():\n    return 1\n")
    path = book.folder / "growth" / "listings" / "one.toml"
    path.write_text('symbol = "pkg:f"\ncaption = "c"\n')
    entry = rendered(book, "one", path)
    assert entry.source == "pkg/__init__.py"


def test_source_that_does_not_parse_is_named(book: Book) -> None:
    (book.root / "helpers.py").write_text("def (:\n")
    path = book.listings()["doubling"]
    with pytest.raises(InputError, match=r"helpers\.py:1: does not parse"):
        rendered(book, "doubling", path)
