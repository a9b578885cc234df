"""The plan: what is stale, and why; found by reading alone.

Two questions, kept apart. *Here*: which figures has this machine not measured
with the code as it is? *Book*: which generated files do not follow from the
evidence and the figure files as they are? Neither torch nor matplotlib is
imported to answer them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bookfigs.book import Book, evidence_beside
from bookfigs.canonical import digest, fingerprint
from bookfigs.closure import Project, changes, closure
from bookfigs.errors import BookfigsError, InputError, NewerSchemaError
from bookfigs.figure import Source
from bookfigs.listing import read_listing, render_listing
from bookfigs.manifest import FigureEntry, ListingEntry, Manifest, read_manifest
from bookfigs.record import Device, Record, read_record

PAINTER = "paint"
"""What of bookfigs.style every picture goes through."""

T = TypeVar("T")


@dataclass(frozen=True)
class FigureState:
    """One figure: where its records are, and what is stale of it."""

    source: Source
    local: Path
    """Where this machine keeps its own record."""
    evidence: dict[Path, Record]
    follows: str
    """Digest of all that the manifest's entry follows from."""
    unmeasured: list[str]
    """Why this machine has to measure it; empty if it has not."""
    outdated: str | None
    """Why its evidence must not reach a reader."""
    undrawn: list[str]
    """Why its entry in the book has to be made again; empty if it has not."""


@dataclass(frozen=True)
class Plan:
    """Everything that is stale, by figure and listing."""

    device: Device
    manifest: Manifest
    figures: dict[str, FigureState]
    listings: dict[str, ListingEntry]
    changed_listings: list[str]
    orphans: list[Path]
    """Generated files that nothing declares any more."""
    strays: list[Path]
    """Folders of evidence whose figure is gone."""
    broken: list[BookfigsError]
    """Figure and listing files that cannot be read."""
    manifest_problem: str | None
    """What is wrong with the manifest as a whole."""

    @property
    def to_measure(self) -> list[str]:
        """Slugs that this machine has to measure."""
        return [slug for slug, state in self.figures.items() if state.unmeasured]

    @property
    def to_draw(self) -> list[str]:
        """Slugs whose entry in the book has to be made again."""
        return [slug for slug, state in self.figures.items() if state.undrawn]


def plan(book: Book, device: Device) -> Plan:
    """Read the book and find what is stale.

    A figure or listing file that cannot be read is in ``broken``, and does not
    keep the others from being planned.
    Raises: NewerSchemaError if the manifest is of a later version; InputError
    if two files claim one name.
    """
    manifest, problem = _manifest(book)
    project = Project(book.root)
    painter = closure(project, Path(__file__).with_name("style.py"), [PAINTER])
    figure_files, listing_files = book.figures(), book.listings()

    def state(slug: str, path: Path) -> FigureState:
        source = Source.read(project, slug, path)
        return _figure_state(book, source, painter, device, manifest)

    def listing(slug: str, path: Path) -> ListingEntry:
        return render_listing(book, read_listing(book, slug, path))

    figures, broken_figures = _each(figure_files, state)
    listings, broken_listings = _each(listing_files, listing)
    return Plan(
        device,
        manifest,
        figures,
        listings,
        [slug for slug in listings if not _is_written(book, slug, listings, manifest)],
        _orphans(book, figure_files.keys() | listing_files.keys()),
        [f for f in book.evidence_folders() if _is_stray(f, figure_files)],
        broken_figures + broken_listings,
        problem or _leftover(manifest, figure_files, listing_files),
    )


def picture_file(book: Book, slug: str, name: str) -> Path:
    """Where the picture of a figure is written, in one format."""
    return book.generated / "figures" / f"{slug}.{name}"


def listing_file(book: Book, slug: str) -> Path:
    """Where the printed lines of a listing are written."""
    return book.generated / "listings" / f"{slug}.py"


def _each(
    files: Mapping[str, Path], read: Callable[[str, Path], T]
) -> tuple[dict[str, T], list[BookfigsError]]:
    """Read each file; those that fail do not stop the others."""
    found: dict[str, T] = {}
    broken: list[BookfigsError] = []
    for slug, path in files.items():
        try:
            found[slug] = read(slug, path)
        except BookfigsError as error:
            broken.append(error)
    return found, broken


def _manifest(book: Book) -> tuple[Manifest, str | None]:
    """Return the manifest as it is written, and what is wrong with it."""
    try:
        manifest = read_manifest(book)
    except NewerSchemaError:
        raise
    except InputError as error:
        return Manifest(), error.what
    if manifest is None:
        return Manifest(), "there is none"
    if not manifest.is_sealed:  # none of it can be kept
        return Manifest(), "it was changed by hand"
    return manifest, None


def _is_stray(folder: Path, figures: Mapping[str, Path]) -> bool:
    """Whether a folder of evidence has no figure in its chapter."""
    figure = figures.get(folder.name)
    return figure is None or figure.parents[1] != folder.parents[1]


def _leftover(
    manifest: Manifest, figures: Mapping[str, Path], listings: Mapping[str, Path]
) -> str | None:
    """Name an entry whose figure or listing file is gone."""
    gone = [
        *(manifest.figures.keys() - figures.keys()),
        *(manifest.listings.keys() - listings.keys()),
    ]
    return f"nothing declares {', '.join(sorted(gone))} any more" if gone else None


def _figure_state(
    book: Book,
    source: Source,
    painter: Mapping[str, str],
    device: Device,
    manifest: Manifest,
) -> FigureState:
    local = book.local / "records" / source.slug / f"{device.slug}.json"
    evidence = {
        path: _own_record(book, source, path) for path in evidence_beside(source.path)
    }
    outdated = _outdated(source, evidence.values())
    follows = _follows(book, source, painter, evidence)
    entry = manifest.figures.get(source.slug)
    return FigureState(
        source,
        local,
        evidence,
        follows,
        _unmeasured(book, source, local),
        outdated,
        _undrawn(book, entry, follows, outdated),
    )


def _own_record(book: Book, source: Source, path: Path) -> Record:
    """Read a record of this figure and no other. Raises: InputError."""
    record = read_record(path, book.place(path))
    if (record.figure, record.device.slug) != (source.slug, path.stem):
        raise InputError(
            book.place(path),
            f"is a record of {record.figure} on {record.device.slug}, which belongs "
            f"to evidence/{record.figure}/{record.device.slug}.json",
        )
    return record


def _unmeasured(book: Book, source: Source, local: Path) -> list[str]:
    if not local.is_file():
        return ["not measured on this device"]
    try:
        record = _own_record(book, source, local)
    except NewerSchemaError:
        raise
    except InputError as error:
        return [f"its record cannot be used: {error.what}"]
    return changes(record.provenance.closure, source.measured_by)


def _outdated(source: Source, evidence: Iterable[Record]) -> str | None:
    """Say why a reader must not see what the evidence says, if there is a reason."""
    records = list(evidence)
    if not records:
        return f"nothing is published for it; run: bookfigs publish {source.slug}"
    for record in records:
        if changed := changes(record.provenance.closure, source.measured_by):
            more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            return (
                f"its evidence on {record.device.title} is of other code: {changed[0]}"
                f"{more}; run: bookfigs figures, then bookfigs publish {source.slug}"
            )
    return None


def _follows(
    book: Book,
    source: Source,
    painter: Mapping[str, str],
    evidence: Mapping[Path, Record],
) -> str:
    """Digest of code and evidence that an entry is made from."""
    code = [f"{n}={h}" for n, h in sorted({**painter, **source.drawn_by}.items())]
    files = [f"{book.relative(p)}={fingerprint(p.read_bytes())}" for p in evidence]
    return digest(*code, *files)


def _undrawn(
    book: Book, entry: FigureEntry | None, follows: str, outdated: str | None
) -> list[str]:
    """Say why an entry does not follow from its sources."""
    if entry is None:
        return ["not in the manifest"]
    reasons = []
    if entry.follows != follows:
        reasons.append("its evidence, or what draws and words it, changed")
    if entry.outdated != outdated:
        reasons.append(outdated or "its evidence is up to date again")
    for image in entry.images.values():
        path = book.generated / image.path
        if not path.is_file():
            reasons.append(f"{book.place(path)} is missing")
        elif fingerprint(path.read_bytes()) != image.sha1:
            reasons.append(f"{book.place(path)} was changed")
    return reasons


def _is_written(
    book: Book, slug: str, listings: Mapping[str, ListingEntry], manifest: Manifest
) -> bool:
    """Whether a listing's file and entry are what they should be."""
    path = listing_file(book, slug)
    return (
        manifest.listings.get(slug) == listings[slug]
        and path.is_file()
        and path.read_bytes() == listings[slug].code.encode()
    )


def _orphans(book: Book, slugs: set[str]) -> list[Path]:
    """Find generated pictures and listings that no file declares."""
    made = [p for f in ("figures", "listings") for p in (book.generated / f).glob("*")]
    return sorted(p for p in made if p.stem not in slugs and not p.is_dir())
