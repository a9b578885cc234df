"""New figures, listings and chapters: files that work as they are, to be changed."""

from pathlib import Path

from bookfigs.book import Book
from bookfigs.errors import InputError
from bookfigs.places import PROJECT
from bookfigs.starting.chapters import chapters, chosen, require_slug
from bookfigs.starting.insertion import with_chapter
from bookfigs.starting.settings import Settings, read
from bookfigs.starting.step import Step, Steps
from bookfigs.starting.template import fill, label, title

KINDS = ("figure", "listing", "chapter")


def new(book: Book, kind: str, name: str, chapter: str | None, near: Path) -> Steps:
    """What adds a figure, listing or chapter of a name to a book.

    ``chapter`` says to which chapter; None: the one that ``near`` lies in, or the only.
    Raises: InputError if the name is none, or taken; UnknownNameError for a chapter.
    """
    require_slug(name, kind, f"bookfigs new {kind}")
    steps = Steps(book)
    if kind == "chapter":
        if chapter is not None:
            raise InputError("--chapter", "is for figures and listings")
        _new_chapter(steps, name)
        return steps
    taken = book.figures() if kind == "figure" else book.listings()
    if name in taken:
        what = f"there is a {kind} of this name: {book.place(taken[name])}"
        raise InputError(name, what)
    folder = chosen(book, chapter, near)
    (_new_figure if kind == "figure" else _new_listing)(steps, folder, name)
    if not any(folder.glob("*.qmd")) and not chapters(book):
        steps.remarks.append(f"{book.place(folder)}: a new chapter, without a page")
    return steps


def add_page(steps: Steps, settings: Settings | None, name: str) -> str:
    """The page of a new chapter; returns the settings with it among the chapters.

    A project that is no book renders what lies in it.
    Raises: InputError if the list of chapters cannot be changed safely.
    """
    path = steps.book.folder / name / f"{name}.qmd"
    steps.create(path, _chapter(name))
    if settings is None:
        return ""
    if settings.kind == "book":
        return with_chapter(settings, f"{name}/{name}.qmd")
    if settings.at("project", "render") is not None:
        page = f"{name}/{name}.qmd"
        steps.after.append(f"add {page} to project: render: in {settings.place}")
    if settings.kind == "website":
        what = f"link {name}/{name}.qmd from navbar or sidebar in {settings.place}"
        steps.after.append(what)
    return settings.text


def _chapter(name: str) -> str:
    return fill("chapter.qmd", title=title(name), label=label(name))


def _new_chapter(steps: Steps, name: str) -> None:
    book = steps.book
    page = book.folder / name / f"{name}.qmd"
    path = book.folder / PROJECT
    settings = read(path, book.place(path))
    is_there = page.exists()
    text = add_page(steps, settings, name)
    broke_off = text != settings.text and _is_as_new(page, _chapter(name))
    if is_there and not broke_off:
        raise InputError(book.place(page), "there is a chapter of this name")
    if text != settings.text:
        what = "the chapter added; all else is as it was"
        steps.steps.append(Step(path, text.encode(), what))
    steps.after.append(f"bookfigs new figure NAME --chapter {name}")


def _new_figure(steps: Steps, folder: Path, name: str) -> None:
    path = folder / "figures" / f"{name}.py"
    text = fill("figure.py", slug=name, title=title(name))
    _create(steps, path, text)
    steps.after += [
        *_committed(steps.book),
        f"bookfigs figures --only {name}  # measures it",
        f"bookfigs publish {name}  # makes what was measured evidence of the book",
        "bookfigs figures  # draws the book from its evidence",
        *_embedding(folder, f"fig-{label(name)}"),
        f"  At most {{{{< val {name}.most >}}}} of them;",
        f'  [they grow with the square]{{.claim ref="{name}.quadratic"}}.',
    ]


def _new_listing(steps: Steps, folder: Path, name: str) -> None:
    path = folder / "listings" / f"{name}.toml"
    program = path.with_suffix(".py")
    _create(steps, program, fill("listing.py"))
    _create(steps, path, fill("listing.toml", slug=name, title=title(name)))
    steps.after += [
        f"bookfigs prove {name}  # runs it, and tries changes of its lines",
        "bookfigs figures  # writes it into the book",
        *_embedding(folder, f"lst-{label(name)}"),
    ]


def _committed(book: Book) -> list[str]:
    """Evidence names the commit of its code: so there has to be one."""
    first = [] if (book.root / ".git").exists() else ["git init"]
    return [*first, "git add --all && git commit --message 'A figure'"]


def _embedding(folder: Path, key: str) -> list[str]:
    """How a page shows something, and refers to it."""
    pages = sorted(page.name for page in folder.glob("*.qmd"))
    where = f"{folder.name}/{pages[0]}" if pages else "a page"
    return [
        f"and write into {where}:",
        f"  See @{key}.",
        "",
        f"  ::: {{#{key} .bookfigs}}",
        "  :::",
        "",
    ]


def _create(steps: Steps, path: Path, text: str) -> None:
    """Write a file that must not be there, unless a run that broke off left it."""
    if path.exists() and not _is_as_new(path, text):
        where = steps.book.place(path)
        raise InputError(where, "is there already; nothing was changed")
    steps.create(path, text)


def _is_as_new(path: Path, text: str) -> bool:
    """Whether a file is still as it would be written now."""
    return path.is_file() and path.read_bytes() == text.encode()
