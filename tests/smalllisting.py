"""Small listings for tests."""

from pathlib import Path

from bookfigs.book import Book
from bookfigs.listings.listing import Listing, read_listing


def make_program(book: Book, text: str | bytes, declared: str = "") -> Listing:
    """A listing whose program has this text."""
    folder = book.folder / "growth" / "listings"
    content = text.encode() if isinstance(text, str) else text
    (folder / "shown.py").write_bytes(content)
    toml = f'program = "listings/shown.py"\ncaption = "c"\n{declared}'
    return declare(book, toml)


def declare(book: Book, toml: str) -> Listing:
    """A listing that declares this."""
    path = book.folder / "growth" / "listings" / "shown.toml"
    path.write_text(toml)
    return read_listing(book, "shown", path)


def write_module(book: Book, name: str, text: str) -> Path:
    """A module of the project."""
    path = book.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
