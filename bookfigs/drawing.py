"""Drawing: what the book shows of a figure is made from its evidence, and nothing else.

A record is written, read back, and drawn from what was read, so a picture
cannot hold a number that the record does not.
"""

from importlib import metadata

from bookfigs.book import Book, store
from bookfigs.canonical import fingerprint
from bookfigs.entry import Entries, File
from bookfigs.figure import Figure, guarded, load
from bookfigs.manifest import entries
from bookfigs.plan import FigureState, data_file, picture_file
from bookfigs.table import tables


def draw(book: Book, state: FigureState) -> Entries:
    """Draw a figure, write its tables, and make its entries.

    Raises: BookfigsError whatever in the file fails; StorageError.
    """
    figure = load(state.source.slug, state.source.path, book.root)
    images: dict[str, File] = {}
    for name, content in picture(figure, state).items():
        path = picture_file(book, figure.slug, name)
        store(book, path, content)
        images[name] = File(book.relative(path), fingerprint(content))
    made = worded(book, figure, state, images, matplotlib_version())
    for name, content in tables(list(state.evidence.values())).items():
        store(book, data_file(book, figure.slug, name), content)
    return made


def worded(
    book: Book,
    figure: Figure,
    state: FigureState,
    images: dict[str, File],
    drawn_with: str,
) -> Entries:
    """Entries of a figure. Raises: BookfigsError whatever in the file fails."""
    data = {
        name: File(
            book.relative(data_file(book, figure.slug, name)), fingerprint(content)
        )
        for name, content in tables(list(state.evidence.values())).items()
    }
    with guarded(figure.path, "a value, a claim or a text failed"):
        return entries(
            book,
            figure,
            state.evidence,
            images=images,
            data=data,
            follows=state.follows,
            outdated=state.outdated,
            drawn_with=drawn_with,
        )


def picture(figure: Figure, state: FigureState) -> dict[str, bytes]:
    """Return the files of a figure, drawn from its evidence; none without it.

    What every device must find alike is drawn once, from the first record.
    """
    from bookfigs.style import paint  # noqa: PLC0415 - imports matplotlib

    records = list(state.evidence.values())
    if not records:
        return {}
    shown = records[:1] if figure.is_exact else records
    with guarded(figure.path, "draw() failed"):
        return paint(figure.slug, figure.size, figure.draw, shown, figure.panels)


def matplotlib_version() -> str:
    """Name the program whose version a picture's bytes depend on."""
    return f"matplotlib {metadata.version('matplotlib')}"
