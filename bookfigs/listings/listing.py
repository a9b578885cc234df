"""Listings: printed code is a function, class or region of source that runs.

A listing file is TOML, ``listings/<slug>.toml`` in a chapter::

    symbol = "bookfigs.core.rnn:rnn_states"
    caption = "**Title**: sentence."
    program = "listings/rnn_forward.py"
    tests = ["tests/core/test_rnn.py"]

What is printed is one of: ``symbol``, a function, class or method; ``region`` of
a ``source`` file of the project, between the comments ``# region: NAME`` and
``# endregion: NAME``; all of a ``source``; with none of them all of ``program``.

How it is printed: ``docstring = true`` keeps docstrings, ``annotations = false``
drops annotations; ``elide`` leaves out definitions by name, or statements by a
fragment of their first line; ``numbers = true`` numbers the lines; ``[callouts]``
says something of the line that holds a fragment; ``glyphs`` are characters
beyond Latin-1 that the fonts have, ``columns`` how wide the page is.

What is run: ``program``, a file of the chapter, whose output is printed too
unless ``output = false``; it ends with ``status`` within ``seconds``; its output
is normalised by ``[[normalise]]`` rules, and is UTF-8 unless ``undecodable``.

What proves the lines: ``tests``, files, folders or node ids from the root of the
project, or modules with doctests. ``threshold`` is the share of changes to the lines
that they have to notice; ``[[equivalent]]`` declares a ``change`` that changes
nothing, and why.
"""

import os
import tokenize
import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct

from bookfigs.book import Book
from bookfigs.closure import Project
from bookfigs.entry import ListingEntry
from bookfigs.errors import InputError
from bookfigs.listings.callout import Callout, callouts, marked
from bookfigs.listings.edits import Line
from bookfigs.listings.elide import Elided
from bookfigs.listings.excerpt import Wanted, excerpt
from bookfigs.listings.normalise import Rule
from bookfigs.listings.page import COLUMNS, require_printable


class Equivalent(Struct, frozen=True, forbid_unknown_fields=True):
    """A change of the printed lines that changes nothing that can be observed."""

    change: str
    reason: str


class Declared(Struct, frozen=True, forbid_unknown_fields=True):
    """What a listing file says."""

    caption: str
    symbol: str = ""
    source: str = ""
    region: str = ""
    program: str = ""
    docstring: bool = False
    annotations: bool = True
    elide: list[Elided] = []
    numbers: bool = False
    callouts: dict[str, str] = {}
    glyphs: str = ""
    columns: int = COLUMNS
    output: bool = True
    seconds: float = 60
    status: int = 0
    undecodable: bool = False
    normalise: list[Rule] = []
    tests: list[str] = []
    threshold: float = 1.0
    equivalent: list[Equivalent] = []


@dataclass(frozen=True)
class Listing:
    """A listing file: which source, under which caption."""

    slug: str
    path: Path
    module: str
    """Dotted name of the source, as the project would import it."""
    symbol: str
    source: Path
    """The file whose lines are printed."""
    program: Path | None
    """The file that is run."""
    declared: Declared

    @property
    def caption(self) -> str:
        """What stands beneath it."""
        return self.declared.caption

    @property
    def is_program(self) -> bool:
        """Whether what is printed is what is run."""
        return self.program == self.source


@dataclass(frozen=True)
class Printed:
    """A listing as it is printed."""

    lines: list[Line]
    callouts: list[Callout]
    code: str
    """The lines as one text, with the marks of the call-outs."""


def read_listing(book: Book, slug: str, path: Path) -> Listing:
    """Read a listing file. Raises: InputError with what is wrong in it."""
    where = book.place(path)
    declared = _declared(where, path)
    _require_one_source(where, declared)
    module, _, symbol = declared.symbol.partition(":")
    if declared.symbol and not (module and symbol):
        raise InputError(where, "symbol has to have the form 'package.module:name'")
    program = _normal(path.parents[1] / declared.program) if declared.program else None
    if program is not None:
        _require_file(book, where, "program", program, declared.program)
    if module:
        source = Project(book.root).source(module)
        if source is None:
            raise InputError(where, f"no module {module!r} in this project")
    else:
        source = _normal(book.root / declared.source) if declared.source else program
        if source is None:  # one of the three is there
            raise InputError(where, "names no source")
        _require_file(book, where, "source", source, declared.source)
        module = ".".join(_inside(book, source).with_suffix("").parts)
    return Listing(slug, path, module, symbol, source, program, declared)


def print_listing(book: Book, listing: Listing) -> Printed:
    """The lines that are printed, each with the line that it came from.

    Raises: UnknownNameError if the source has no such definition or region;
    InputError if a line is wider than the page or has a character that print may
    lack, or if a call-out is about no line or its mark has no room there.
    """
    declared, where = listing.declared, book.place(listing.path)
    place = book.place(listing.source)
    wanted = Wanted(
        listing.symbol,
        declared.region,
        declared.docstring,
        declared.annotations,
        tuple(declared.elide),
    )
    lines = excerpt(source_text(listing.source, place), wanted, where, place)
    if not lines:
        raise InputError(where, f"{place} has nothing to print there")
    texts = [line.text for line in lines]
    what = f"{listing.symbol or declared.region or 'it'}, printed line"
    require_printable(texts, place, what, declared.glyphs, declared.columns)
    found = callouts(declared.callouts, texts, where)
    code = marked(texts, found, where, declared.columns)
    return Printed(lines, found, "".join(f"{line}\n" for line in code))


def render_listing(book: Book, listing: Listing, printed: Printed) -> ListingEntry:
    """The entry of the manifest, without what running the lines would tell."""
    return ListingEntry(
        listing.caption,
        "python",
        printed.code,
        _shown_path(book, listing),
        listing.symbol or listing.declared.region,
        numbers=listing.declared.numbers or UNSET,
        callouts=printed.callouts or UNSET,
    )


def source_text(source: Path, place: str) -> str:
    """Read a source in the encoding that it declares. Raises: InputError."""
    try:
        with tokenize.open(source) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise InputError(place, f"cannot be read: {error}") from error


def _declared(where: str, path: Path) -> Declared:
    """Read what a listing file says."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(where, f"is no TOML: {error}") from error
    fields = Declared.__struct_fields__
    for name in said:
        if name not in fields:
            what = f"{name!r} is not known"
            raise InputError(where, what, asked=name, available=fields)
    try:
        declared = msgspec.convert(said, Declared)
    except msgspec.ValidationError as error:
        raise InputError(where, str(error)) from error
    if not (declared.seconds > 0 and 0 <= declared.threshold <= 1):
        raise InputError(where, "seconds has to be above 0, threshold from 0 to 1")
    for rule in declared.normalise:
        rule.compiled(where)
    return declared


def _require_one_source(where: str, declared: Declared) -> None:
    """Refuse a listing file that prints nothing, or two things. Raises: InputError."""
    named = [n for n in ("symbol", "source") if getattr(declared, n)]
    if len(named) > 1:
        raise InputError(where, "symbol and source name two things to print")
    if not named and not declared.program:
        what = "names nothing to print: symbol, source with region, or program"
        raise InputError(where, what)
    if declared.region and declared.symbol:
        raise InputError(where, "region needs source instead of symbol")


def _require_file(book: Book, where: str, field: str, path: Path, said: str) -> None:
    """Refuse a file outside of the project, or that is none. Raises: InputError."""
    if "\0" in said or not path.resolve().is_relative_to(book.root.resolve()):
        raise InputError(where, f"{field} is {said!r}, which is outside of the project")
    if not path.is_file():
        there = [p.name for p in path.parent.glob("*.py")]
        what = f"{field} is {said!r}, and there is no such file"
        raise InputError(where, what, asked=path.name, available=there)


def _normal(path: Path) -> Path:
    """A path without the steps up that it was written with."""
    return Path(os.path.normpath(path))


def _inside(book: Book, path: Path) -> Path:
    return path.resolve().relative_to(book.root.resolve())


def _shown_path(book: Book, listing: Listing) -> str:
    """The file of a listing as a reader finds it in the project."""
    if listing.declared.symbol:
        folder, name = listing.module.replace(".", "/"), listing.source.name
        return f"{folder}/{name}" if name == "__init__.py" else f"{folder}.py"
    return _inside(book, listing.source).as_posix()
