"""The extension in a book: put there, told apart from what an author changed, updated.

A note beside its files says which version they are of, and what each one was; so a
file that is not as it was is the author's, and stays.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from bookfigs import __version__
from bookfigs.book import Book
from bookfigs.canonical import to_json
from bookfigs.errors import EnvironmentMissingError, InputError, NewerSchemaError
from bookfigs.starting.step import Step

NAME = "bookfigs"
NOTE = "_installed.json"
KEPT = ".yours"
"""How the name ends under which an author's own file is kept when it is replaced."""

ABOUT = "_extension.yml"
VERSION = re.compile(r"^version:\s*[\"']?([\w.+-]+)", re.MULTILINE)


class Note(Struct, frozen=True, forbid_unknown_fields=True):
    """What was installed: the version, and each file by its digest."""

    version: str
    files: dict[str, str]


@dataclass(frozen=True)
class Update:
    """What has to be done so that the extension is the one of this version."""

    steps: list[Step]
    remarks: list[str]


def shipped() -> dict[str, bytes]:
    """The files of the extension that this version brings, by name.

    Raises: EnvironmentMissingError if the installation lacks them.
    """
    package = Path(__file__).parents[1]
    for folder in (
        package / "_extension",
        package.parent / "_quarto_ext" / "_extensions" / NAME,
    ):
        if (folder / ABOUT).is_file():
            return _files(folder)
    what = "this installation of bookfigs lacks the Quarto extension"
    run = "pip install --force-reinstall bookfigs"
    raise EnvironmentMissingError(package, what, run=run)


def home(book: Book) -> Path:
    """Where the extension lies in a book, or would: also where an owner's name is."""
    extensions = book.folder / "_extensions"
    owned = sorted(extensions.glob(f"*/{NAME}/{ABOUT}"))
    plain = extensions / NAME
    return owned[0].parent if len(owned) == 1 and not plain.exists() else plain


def installed(book: Book) -> str | None:
    """The version of the extension in a book; None if there is none."""
    try:
        found = VERSION.search((home(book) / ABOUT).read_text("utf-8", "replace"))
    except OSError:
        return None
    return found[1] if found else "?"


def update(book: Book, *, replace: bool = False) -> Update:
    """How to bring the extension of a book to this version.

    Files that are as they were installed are replaced, those that the author changed
    stay: if this version brings another file of that name, nothing is done at all,
    unless by ``replace``, which keeps the author's beside it.
    Raises: InputError that names such files; NewerSchemaError if the book's extension
    is of a later version.
    """
    folder, ours = home(book), shipped()
    if folder.is_symlink():
        return Update([], [f"{book.place(folder)}: is a link, and stays as it is"])
    _require_no_newer(book, folder)
    note, theirs = _note(book, folder), _files(folder)
    before = note.files if note else {}
    state = {
        name: _state(name, ours, theirs, before)
        for name in sorted({*ours, *before}, key=lambda name: (name == ABOUT, name))
    }
    conflicts = [name for name, found in state.items() if found == "conflict"]
    if conflicts and not replace:
        raise _conflict(book, folder, conflicts, known=note is not None)
    steps, remarks = [], []
    for name, found in state.items():
        path = folder / name
        if found in {"new", "old"}:
            what = "new" if found == "new" else f"updated to {__version__}"
            steps.append(Step(path, ours[name], what))
        elif found == "gone":
            steps.append(Step(path, None, f"removed: {__version__} has none"))
        elif found in {"conflict", "changed"} and replace and name in ours:
            kept = _free(path)
            steps.append(Step(kept, theirs[name], f"your {path.name}, kept"))
            steps.append(Step(path, ours[name], "replaced"))
        elif found == "changed":
            remarks.append(f"{book.place(path)}: changed by you, and stays")
    new = Note(__version__, {name: _digest(text) for name, text in ours.items()})
    if note != new:
        steps.append(Step(folder / NOTE, to_json(new), f"notes version {__version__}"))
    return Update(steps, remarks)


def _state(
    name: str, ours: dict[str, bytes], theirs: dict[str, bytes], before: dict[str, str]
) -> str:
    """What has become of a file: same, new, old, gone, changed, or conflict."""
    new, here, was = ours.get(name), theirs.get(name), before.get(name)
    if here is None:
        return "same" if new is None else "new"
    if new is not None and _digest(here) == _digest(new):
        return "same"
    if _digest(here) == was:
        return "gone" if new is None else "old"
    if new is None or _digest(new) == was:
        return "changed"
    return "conflict"


def _conflict(book: Book, folder: Path, names: list[str], *, known: bool) -> InputError:
    """That files which this version would replace may be the author's."""
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
    why = (
        f"{shown}: changed by you, and {__version__} brings another"
        if known
        else f"{shown}: not as {__version__} brings it, and nothing tells whether you "
        f"changed it"
    )
    run = f"bookfigs init --replace, which keeps yours as NAME{KEPT}"
    return InputError(book.place(folder), f"{why}; nothing was changed", run=run)


def _require_no_newer(book: Book, folder: Path) -> None:
    """Refuse to go back to an older version. Raises: NewerSchemaError."""
    here = installed(book)
    if here is not None and _numbers(here) > _numbers(__version__):
        what = f"the extension is of bookfigs {here}, and this is {__version__}"
        run = "pip install --upgrade bookfigs"
        raise NewerSchemaError(book.place(folder), what, run=run)


def _numbers(version: str) -> tuple[int, ...]:
    """A version for comparison; without digits it is older than any other."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _note(book: Book, folder: Path) -> Note | None:
    """What is noted of an installation; None if nothing is, or nothing readable."""
    try:
        content = (folder / NOTE).read_bytes()
        return msgspec.json.decode(content, type=Note)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        what = f"cannot be understood: {error}"
        run = f"rm {book.place(folder / NOTE)}, then bookfigs init"
        raise InputError(book.place(folder / NOTE), what, run=run) from error


def _files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name, without what is only kept there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NOTE and path.suffix != KEPT
    }


def _digest(content: bytes) -> str:
    """Tell contents apart; git may change the ends of lines."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _free(path: Path) -> Path:
    """A name beside a file that nothing has."""
    for number in range(1, 1000):
        end = KEPT if number == 1 else f".{number}{KEPT}"
        kept = path.with_name(path.name + end)
        if not kept.exists():
            return kept
    raise InputError(path, "too many kept files lie beside it; remove some")
