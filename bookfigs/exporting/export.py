"""Export: figures, listings and numbers into a book that builds without bookfigs.

The pages of the other book say by markers what they want and where; what stands
between two markers is written, and nothing else of a page. All is planned first: if
anything is wrong, nothing is written. ``check`` tells what writing would change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookfigs.book import Book
from bookfigs.errors import BookfigsError, InputError
from bookfigs.exporting import labels, values
from bookfigs.exporting.filling import Filler
from bookfigs.exporting.marker import END, Region, regions
from bookfigs.exporting.picture import is_ours
from bookfigs.exporting.supply import Supply
from bookfigs.exporting.target import PAGE, PICTURE, Opened, Target, require_folder
from bookfigs.exporting.work import Work

IMAGES = "images/svg"
BLOCKS = "blocks"


@dataclass(frozen=True)
class Wish:
    """What is asked of an export."""

    to: Path
    images: str = IMAGES
    blocks: bool = False
    force: bool = False

    @property
    def command(self) -> str:
        """The command that exports so."""
        images = "" if self.images == IMAGES else f" --images {self.images}"
        return f"bookfigs export --to {self.to}{images}" + " --blocks" * self.blocks


@dataclass(frozen=True)
class Export:
    """What an export has to write, what is wrong, and what to say."""

    target: Target
    work: Work
    wish: Wish
    regions: int

    @property
    def remarks(self) -> list[str]:
        """What the author of the other book may want to know."""
        return self.work.remarks

    @property
    def summary(self) -> str:
        """What an export or check says in the end that found nothing wrong."""
        return f"{self.regions} markers in {self.wish.to} are filled in and up to date"

    def wrong(self, *, check: bool) -> list[BookfigsError]:
        """What keeps an export from writing; to check, also what it would change."""
        if check:
            return self.work.errors + self.work.stale
        return self.work.errors + ([] if self.wish.force else self.work.by_hand)

    def write(self) -> list[str]:
        """Write every file, pictures before the pages that show them.

        Returns: what was written. Raises: StorageError.
        """
        files = self.work.files
        order = sorted(files, key=lambda path: (path.suffix == PAGE, path))
        for path in order:
            self.target.write(path, files[path])
        return [f"wrote {self.target.name(path)}" for path in order]


def disorder(book: Book) -> list[BookfigsError]:
    """Everything that is wrong with the book itself, as ``check`` finds it."""
    from bookfigs import settled  # noqa: PLC0415 - only where it is needed
    from bookfigs.check import examine  # noqa: PLC0415 - the same

    asked = settled.circumstances("check")
    if settled.recall(book.local, book.folder, asked, kind=settled.CHECKED):
        return []
    return examine(book, asked)[0]


def export(book: Book, wish: Wish) -> Export:
    """Plan an export; nothing is written. Raises: BookfigsError."""
    return fill(Supply.of(book), wish)


def fill(supply: Supply, wish: Wish) -> Export:
    """Plan an export of what a book has; nothing is written.

    Raises: InputError if there is no such folder.
    """
    if not wish.to.is_dir():
        raise InputError(wish.to, "no such folder", run=f"mkdir -p {wish.to}")
    require_folder(wish.images, "--images")
    target, work = Target(wish.to), Work(wish.command)
    opened, errors = target.marked_pages()
    pages = {page.path: page for page in opened}
    found = {path: regions(page.page) for path, page in pages.items()}
    if wish.blocks:
        asked = [r.marker.name for ours, _ in found.values() for r in ours]
        for page in _skeletons(supply, target, wish, asked, work):
            pages[page.path] = page
            found[page.path] = regions(page.page)
    work.errors += errors
    filler = Filler(target, supply, wish.images, work)
    for path, (ours, wrong) in found.items():
        work.errors += wrong
        filler.page(pages[path], ours)
    _label(target, pages, [r for ours, _ in found.values() for r in ours], work)
    work.remarks += _forgotten(target, work)
    count = sum(len(ours) for ours, _ in found.values())
    count += values.renew(target, supply.texts, work, make=wish.blocks)
    if not count and not work.errors:
        work.errors.append(_nothing(supply, wish))
    return Export(target, work, wish, count)


def _forgotten(target: Target, work: Work) -> Iterator[str]:
    """Pictures of an earlier export that no page shows any more.

    Rendering copies pictures, so one of a name that is shown is not told.
    """
    shown = {path.name for path in work.pictures}
    for path in target.files(PICTURE):
        if path.name not in shown and is_ours(target.read(path)):
            yield f"{target.name(path)}: no marker asks for this picture any more"


def _nothing(supply: Supply, wish: Wish) -> InputError:
    """Say that no page asks for anything, and how to ask."""
    names = [f"fig-{slug.replace('_', '-')}" for slug in supply.manifest.figures]
    names += [f"lst-{slug}" for slug in supply.manifest.listings]
    return InputError(
        wish.to,
        "no page (.qmd) of this folder has a marker",
        available=names,
        run=f"write <!-- bookfigs: NAME --> and {END} where a page wants it; or "
        f"{wish.command} --blocks, for a file of each",
    )


def _label(
    target: Target, pages: dict[Path, Opened], found: list[Region], work: Work
) -> None:
    work.errors += labels.repeated(found)
    errors, silent = labels.collisions(target, pages, found)
    work.errors += errors
    work.remarks += silent


def _skeletons(
    supply: Supply, target: Target, wish: Wish, asked: list[str], work: Work
) -> Iterator[Opened]:
    """Files for what no page asks for: a page includes them by Quarto's ``include``."""
    folder = _from_root(target, wish)
    names = [(f"fig-{s.replace('_', '-')}", True) for s in supply.manifest.figures]
    names += [(f"lst-{slug}", False) for slug in supply.manifest.listings]
    for name, has_picture in names:
        path = target.root / BLOCKS / f"_{name}.qmd"
        if name in asked:
            continue
        try:
            target.require_writable(path)
        except BookfigsError as error:
            work.errors.append(error)
            continue
        if path.exists():
            what = f"is there, and has no marker of {name}"
            run = "rename or remove it"
            work.errors.append(InputError(target.name(path), what, run=run))
            continue
        images = f' images="{folder}"' if has_picture else ""
        text = f"<!-- bookfigs: {name}{images} -->\n{END}\n"
        yield target.open(path, text.encode())


def _from_root(target: Target, wish: Wish) -> str:
    """The folder of pictures as every page may name it, wherever it lies."""
    if wish.images.startswith("/"):
        return wish.images
    base = target.project or target.root
    inner = (target.root / wish.images).relative_to(base)
    return f"/{inner.as_posix()}"
