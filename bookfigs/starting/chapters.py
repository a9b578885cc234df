"""Chapters of a book: which folders are some, and which one is meant."""

from pathlib import Path

from bookfigs.book import RESERVED, Book
from bookfigs.errors import InputError, UnknownNameError

PARTS = ("figures", "listings")
FORM = "lower-case letters, digits and underscores, starting with a letter"


def chapters(book: Book) -> dict[str, Path]:
    """Folders that hold figures or listings, or a page of their own name."""
    own = [p.parent for p in book.folder.glob("*/*.qmd") if p.stem == p.parent.name]
    parts = [p.parent for part in PARTS for p in book.folder.glob(f"*/{part}/")]
    found = sorted({folder for folder in own + parts if folder.name[0] not in "_."})
    return {folder.name: folder for folder in found}


def require_slug(name: str, what: str, run: str) -> None:
    """Refuse a name that no file of its kind may have. Raises: InputError."""
    fit = "".join(c if c.isalnum() else "_" for c in name.lower()).strip("_")
    if is_slug(name) and not (what == "figure" and name == RESERVED):
        return
    near = f"{run} {fit}" if is_slug(fit) and fit != RESERVED else None
    why = f"no {what} can be called so: {FORM}"
    if is_slug(name):
        why = "no figure can be called so: its evidence would lie where that of "
        why += "listings does"
    raise InputError(name, why, run=near)


def is_slug(name: str) -> bool:
    """Whether a name is lower-case letters, digits and underscores."""
    plain = name.isascii() and name.isidentifier() and name.islower()
    return plain and not name.startswith("_")


def chosen(book: Book, asked: str | None, near: Path) -> Path:
    """The chapter that is asked for, or that a folder lies in, or the only one.

    One that is asked for need not be there yet.
    Raises: UnknownNameError if several could be meant, or none is there.
    """
    known = chapters(book)
    if asked is not None:
        if asked not in known and not (book.folder / asked).is_dir():
            require_slug(asked, "chapter", "--chapter")
        return _inside(book, asked)
    near = near.resolve()
    for folder in known.values():
        if near == folder or folder in near.parents:
            return folder
    if len(known) == 1:
        return next(iter(known.values()))
    if not known and (only := lone_document(book.folder)):
        return book.folder / only
    what = "say for which chapter" if known else "there is no chapter yet"
    run = "bookfigs new … --chapter NAME" if known else "bookfigs new chapter NAME"
    raise UnknownNameError("--chapter", what, available=known, run=run)


def lone_document(folder: Path) -> str | None:
    """The name for the folder of the only document there, if it makes a name."""
    pages = [path.stem for path in documents(folder)]
    slug = "".join(c if c.isalnum() else "_" for c in pages[0].lower()) if pages else ""
    return slug if len(pages) == 1 and is_slug(slug) else None


def documents(folder: Path) -> list[Path]:
    """What Quarto would render of a folder that is no project yet."""
    endings = (".qmd", ".ipynb", ".Rmd")
    return sorted(p for p in folder.glob("[!_.]*") if p.suffix in endings)


def _inside(book: Book, name: str) -> Path:
    """A folder right below the book. Raises: InputError if the name leads elsewhere."""
    if Path(name).name != name or name[0] in "_.":
        what = "a chapter is a folder right below that of the book, and no hidden one"
        raise InputError(name, what)
    return book.folder / name
