"""Listings: printed code is a function or class of source that runs.

A listing file is TOML, ``listings/<slug>.toml`` in a chapter::

    symbol = "bookfigs.core.rnn:rnn_states"
    caption = "**Title**: sentence."

The docstring is left out of print; the rest is printed as it stands.
"""

import ast
import textwrap
import tokenize
import tomllib
from dataclasses import dataclass
from pathlib import Path

from bookfigs.book import Book
from bookfigs.closure import Project
from bookfigs.errors import InputError, UnknownNameError
from bookfigs.manifest import ListingEntry

COLUMNS = 70
"""The printed page does not wrap code."""

FIELDS = ("symbol", "caption")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Listing:
    """A listing file: which definition, under which caption."""

    slug: str
    path: Path
    module: str
    symbol: str
    caption: str


def read_listing(book: Book, slug: str, path: Path) -> Listing:
    """Read a listing file. Raises: InputError with what is wrong in it."""
    where = book.place(path)
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(where, f"is no TOML: {error}") from error
    for name in sorted(declared.keys() ^ set(FIELDS)):
        problem = "is missing" if name in FIELDS else "is not known"
        raise InputError(where, f"{name!r} {problem}; fields: {', '.join(FIELDS)}")
    for name, value in declared.items():
        if not isinstance(value, str):
            raise InputError(where, f"{name!r} has to be a string")
    module, _, symbol = declared["symbol"].partition(":")
    if not symbol:
        raise InputError(where, "symbol has to have the form 'package.module:name'")
    return Listing(slug, path, module, symbol, declared["caption"])


def render_listing(book: Book, listing: Listing) -> ListingEntry:
    """The code that is printed.

    Raises: UnknownNameError if the module has no such definition; InputError
    if a line is wider than the page or has a character beyond ASCII.
    """
    source = Project(book.root).source(listing.module)
    if source is None:
        raise InputError(
            book.place(listing.path), f"no module {listing.module!r} in this project"
        )
    text = _text(book, source)
    code = _printed(text, _find(book, listing, source, text))
    _check_width(book.place(source), listing.symbol, code)
    return ListingEntry(
        listing.caption,
        "python",
        code,
        _shown_path(listing.module, source),
        listing.symbol,
    )


def _shown_path(module: str, source: Path) -> str:
    """The file of a module as a reader finds it in the project."""
    folder = module.replace(".", "/")
    return f"{folder}/{source.name}" if source.stem == "__init__" else f"{folder}.py"


def _text(book: Book, source: Path) -> str:
    """Read a source in the encoding that it declares. Raises: InputError."""
    try:
        with tokenize.open(source) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise InputError(book.place(source), f"cannot be read: {error}") from error


def _find(book: Book, listing: Listing, source: Path, text: str) -> Definition:
    """Find a definition by name; ``Class.method`` finds a method."""
    try:
        scope: list[ast.stmt] = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        place = f"{book.place(source)}:{getattr(error, 'lineno', None) or 1}"
        raise InputError(place, f"does not parse: {error}") from error
    found: Definition | None = None
    for name in listing.symbol.split("."):
        known = {node.name: node for node in scope if isinstance(node, Definition)}
        if name not in known:
            raise UnknownNameError(
                book.place(listing.path),
                f"{book.place(source)} defines no {listing.symbol!r}",
                asked=name,
                available=known,
            )
        found = known[name]
        scope = found.body
    assert found is not None  # noqa: S101 - split yields at least one name
    return found


def _printed(text: str, node: Definition) -> str:
    """Lines of a definition without its docstring, moved to the margin."""
    first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
    lines = text.split("\n")[first - 1 : node.end_lineno]
    if ast.get_docstring(node) is not None and len(node.body) > 1:
        docstring = node.body[0]
        end = (docstring.end_lineno or docstring.lineno) - first + 1
        rest = lines[end:]
        while rest and not rest[0].strip():
            rest = rest[1:]
        lines = lines[: docstring.lineno - first] + rest
    return textwrap.dedent("\n".join(lines)) + "\n"


def _check_width(where: str, symbol: str, code: str) -> None:
    for number, line in enumerate(code.splitlines(), 1):
        if len(line) > COLUMNS:
            raise InputError(
                where,
                f"{symbol}, printed line {number} has {len(line)} columns; a listing "
                f"has {COLUMNS}",
            )
        if not line.isascii():
            raise InputError(
                where,
                f"{symbol}, printed line {number} has a character beyond ASCII, which "
                f"print may lack: {line.strip()!r}",
            )
