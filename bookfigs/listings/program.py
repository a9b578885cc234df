"""Programs of listings: run in a fresh process, their output as it is printed."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from bookfigs.book import Book
from bookfigs.ending import ending
from bookfigs.errors import ListingError
from bookfigs.listings.child import HOME, WORK, Ended, attend
from bookfigs.listings.launch import Launch, Note
from bookfigs.listings.listing import Listing
from bookfigs.listings.normalise import normalised, places
from bookfigs.listings.page import require_printable

SHOWN = 5
"""Lines at the end of an output that a message shows."""


class Outcome(Struct, frozen=True):
    """What a program printed, and which lines of the watched file it executed."""

    output: str
    lines: list[int] = []
    modules: list[str] = []
    """Modules that it loaded, in their order."""


def run_program(
    book: Book, listing: Listing, *, watched: Path | None = None
) -> Outcome:
    """Run the program of a listing in an empty folder, and return what it printed.

    Raises: ListingError if it does not end in time with the declared status,
    prints too much, what is no text, or what the page cannot hold, or writes
    outside of its folder. Nothing outside of the folder is changed.
    Cost: that of the program and of starting Python.
    """
    if listing.program is None:
        raise ListingError(book.place(listing.path), "declares no program")
    with tempfile.TemporaryDirectory(prefix="bookfigs-") as name:
        folder = Path(name).resolve()
        job = Launch(str(listing.program), str(watched) if watched else "")
        seconds = listing.declared.seconds
        ended = attend("launch", job, root=book.root, folder=folder, seconds=seconds)
    notes = list(_notes(ended.reported))
    output = _output(book, listing, ended, folder)
    _require_sound(book, listing, ended, notes, output)
    lines = [line for note in notes for line in note.lines]
    modules = [module for note in notes for module in note.modules]
    return Outcome(output, lines, modules)


def shown_output(book: Book, listing: Listing, printed: bytes, folder: Path) -> str:
    """An output as it is printed: decoded and normalised."""
    folders = places(folder / WORK, folder / HOME, book.root)
    text = printed.decode(errors="replace").replace("\r\n", "\n")
    rules = listing.declared.normalise
    return normalised(text, rules, folders, book.place(listing.path))


def _notes(reported: bytes) -> Iterator[Note]:
    for line in reported.splitlines():
        yield msgspec.json.decode(line, type=Note)


def _output(book: Book, listing: Listing, ended: Ended, folder: Path) -> str:
    """The output; what is no text is refused unless it is declared."""
    output = shown_output(book, listing, ended.printed, folder)
    if ended.why or listing.declared.undecodable:
        return output
    try:
        ended.printed.decode()
    except UnicodeDecodeError as error:
        line = ended.printed.count(b"\n", 0, error.start) + 1
        raise ListingError(
            _place(book, listing),
            f"its output is no UTF-8 (line {line}, byte {error.start + 1}: "
            f"{ended.printed[error.start]:#04x})",
            run="print text, or declare undecodable = true in "
            f"{book.place(listing.path)}: each such byte is then shown as \ufffd",
        ) from error
    return output


def _require_sound(
    book: Book, listing: Listing, ended: Ended, notes: list[Note], output: str
) -> None:
    """Refuse what did not end as declared. Raises: ListingError, InputError."""
    declared, place = listing.declared, _place(book, listing)
    toml = book.place(listing.path)
    for note in notes:
        if note.kind == "write":
            what = f"{note.what}; it was not written"
            run = "write below the current folder, or to tempfile"
            raise ListingError(place, what, run=run)
    if ended.why:
        run = f"mend it, or raise seconds in {toml}"
        raise ListingError(place, ended.why + _last(output), run=run)
    if ended.status != declared.status:
        refused = "".join(f"; {note.what}" for note in notes if note.what)
        raise ListingError(
            place,
            f"{ending(ended.status)}, not {declared.status}{refused}{_last(output)}",
            run=f"mend it, or declare its exit status in {toml}",
        )
    glyphs = declared.glyphs + ("\ufffd" if declared.undecodable else "")
    if declared.output:
        lines = output.splitlines()
        require_printable(lines, place, "output line", glyphs, declared.columns)


def _place(book: Book, listing: Listing) -> str:
    return book.place(listing.program or listing.path)


def _last(output: str) -> str:
    """The end of an output, as a message shows it."""
    lines = [line[:120] for line in output.splitlines() if line.strip()]
    return f"; it printed last: {' | '.join(lines[-SHOWN:])}" if lines else ""
