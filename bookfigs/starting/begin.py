"""Beginning: the extension, its entry in the settings, and a first chapter.

Whatever is there stays. What is missing is put beside it, what has to stand in
``_quarto.yml`` is added to it, and the same again finds nothing to do.
"""

from pathlib import Path

from bookfigs.book import Book
from bookfigs.errors import InputError, UnknownNameError
from bookfigs.places import LOCAL, PROJECT
from bookfigs.starting import extension, settings
from bookfigs.starting.addition import add_page
from bookfigs.starting.chapters import chapters, documents, lone_document
from bookfigs.starting.chapters import require_slug as require_name
from bookfigs.starting.insertion import with_filter
from bookfigs.starting.step import Step, Steps
from bookfigs.starting.template import fill

FIRST = "first_chapter"
OTHER = "_quarto.yaml"
START = "index.qmd"
SETTINGS = ("_quarto-*.yml", "_quarto-*.yaml")

Version = tuple[int, ...] | None


def begin(
    folder: Path, quarto: Version, *, chapter: str | None = FIRST, replace: bool = False
) -> Steps:
    """What makes a folder a book of bookfigs, or brings one up to date.

    ``chapter`` is the first one's name, None for none; where the extension lies
    already, no chapter is added any more.
    Raises: InputError if something there cannot be understood or changed safely.
    """
    if chapter is not None:
        require_name(chapter, "chapter", "bookfigs init --chapter")
    book = Book(folder.resolve())
    if (book.folder / OTHER).is_file() and not (book.folder / PROJECT).is_file():
        what = f"bookfigs looks for a {PROJECT}"
        run = f"git mv {OTHER} {PROJECT}, which is the same to Quarto"
        raise InputError(book.place(book.folder / OTHER), what, run=run)
    steps = Steps(book)
    is_first = extension.installed(book) is None
    _extend(steps, replace=replace)
    last, steps.steps = steps.steps, []  # or a run that breaks off would seem complete
    if (book.folder / PROJECT).is_file():
        _join(steps, quarto, chapter if is_first else None)
    elif not all(map(_is_start, documents(book.folder))):
        _make_project(steps, quarto)
    else:
        _make_book(steps, quarto, chapter)
    _ignore(steps)
    steps.steps += last
    steps.after += _next(steps)
    return steps


def renew(book: Book, *, replace: bool = False) -> Steps:
    """What brings the extension of a book to this version, and nothing else.

    Raises: UnknownNameError if it has none; InputError as ``extension.update`` does.
    """
    if extension.installed(book) is None:
        what = "there is no extension to update"
        raise UnknownNameError(book.place(book.folder), what, run="bookfigs init")
    steps = Steps(book)
    _extend(steps, replace=replace)
    return steps


def _extend(steps: Steps, *, replace: bool) -> None:
    """The extension; its files are told as one."""
    found = extension.update(steps.book, replace=replace)
    steps.steps += found.steps
    steps.remarks += found.remarks


def _entry(book: Book, quarto: Version) -> str:
    home = extension.home(book).relative_to(book.folder).as_posix()
    return settings.entry_for(quarto, home)


def _join(steps: Steps, quarto: Version, chapter: str | None) -> None:
    """A project that is there: its filter, and where it has none yet, a chapter."""
    book = steps.book
    path = book.folder / PROJECT
    now = settings.read(path, book.place(path))
    added = []
    if not _is_listed_elsewhere(book, now, quarto):
        text = with_filter(now, _entry(book, quarto), quarto)
        added += ["the filter"] if text != now.text else []
        now = settings.parse(text, now.place)
    if chapter is not None and not chapters_of_ours(book):
        text = add_page(steps, now, chapter)
        added += ["the chapter"] if text != now.text else []
        now = settings.parse(text, now.place)
    if added:
        what = f"{' and '.join(added)} added; all else is as it was"
        steps.steps.append(Step(path, now.text.encode(), what))


def chapters_of_ours(book: Book) -> list[str]:
    """Chapters that hold figures or listings already."""
    return [name for name in chapters(book) if _has_files(book.folder / name)]


def _is_start(page: Path) -> bool:
    """Whether a page is the first one of a new book, as it is made here."""
    return page.name == START and page.read_bytes() == fill(START).encode()


def _has_files(folder: Path) -> bool:
    patterns = ("figures/[!_.]*.py", "listings/[!_.]*.toml")
    return any(any(folder.glob(pattern)) for pattern in patterns)


def _is_listed_elsewhere(book: Book, main: settings.Settings, quarto: Version) -> bool:
    """Whether a profile, or a file that the settings name, lists the filter."""
    names = settings.other_files(main)
    paths = [p for pattern in SETTINGS for p in sorted(book.folder.glob(pattern))]
    paths += [book.folder / name for name in names]
    return any(
        settings.has_filter(settings.read(path, book.place(path)), quarto)
        for path in paths
        if path.is_file()
    )


def _make_project(steps: Steps, quarto: Version) -> None:
    """Documents without a project: the settings that let them use the filter."""
    path = steps.book.folder / PROJECT
    text = fill("document.yml", entry=_entry(steps.book, quarto))
    steps.create(path, text, "new: makes the documents here a project")


def _make_book(steps: Steps, quarto: Version, chapter: str | None) -> None:
    """Nothing: a small book."""
    folder = steps.book.folder
    steps.create(folder / START, fill(START))
    pages = ""
    if chapter is not None:
        add_page(steps, None, chapter)
        pages = f"    - {chapter}/{chapter}.qmd\n"
    text = fill("book.yml", entry=_entry(steps.book, quarto), chapters=pages)
    steps.create(folder / PROJECT, text)


def _ignore(steps: Steps) -> None:
    """Keep git from what belongs to this machine alone."""
    path = steps.book.root / ".gitignore"
    old = path.read_bytes() if path.is_file() else b""
    lines = {line.strip().strip(b"/") for line in old.splitlines()}
    if LOCAL.encode() in lines:
        return
    end = b"\r\n" if b"\r\n" in old else b"\n"
    lead = b"" if not old or old.endswith(b"\n") else end
    what = f"/{LOCAL}/ added, where what this machine measured is kept"
    line = f"/{LOCAL}/".encode()
    steps.steps.append(Step(path, old + lead + line + end, what))


def _next(steps: Steps) -> list[str]:
    """What to do next in a book that has no figure yet."""
    book = steps.book
    if book.figures():
        return []
    where = ""
    if not chapters(book) and not any(s.path.suffix == ".qmd" for s in steps.steps):
        only = lone_document(book.folder)
        where = "" if only else " --chapter NAME"
    return [f"bookfigs new figure NAME{where}"]
