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

from bookfigs.book import PICTURES, Book, evidence_beside
from bookfigs.cache import Cache
from bookfigs.closure import Project, closure
from bookfigs.errors import BookfigsError, InputError, NewerSchemaError
from bookfigs.figure import Source
from bookfigs.listings.listed import ListingState, listing_state
from bookfigs.manifest import Manifest, read_manifest
from bookfigs.record import Device, Record
from bookfigs.stale import Records, follows, outdated, strays, undrawn, unmeasured
from bookfigs.table import FORMATS

MAKERS = {"style": "paint", "table": "tables", "devices": "measured_on"}
"""Modules of bookfigs, and what of each every figure of the book goes through."""

T = TypeVar("T")


@dataclass(frozen=True)
class FigureState:
    """One figure: where its records are, and what is stale of it."""

    source: Source
    local: Path
    """Where this machine keeps its own record."""
    evidence: Mapping[Path, Record]
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
    listings: dict[str, ListingState]
    changed_listings: list[str]
    orphans: list[Path]
    """Generated files that nothing declares any more."""
    strays: list[Path]
    """Evidence whose figure or listing is gone."""
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

    @property
    def to_prove(self) -> list[str]:
        """Listings whose lines have to be proven again."""
        return [slug for slug, state in self.listings.items() if state.unproven]

    @property
    def has_loose_ends(self) -> bool:
        """Whether something besides figures is stale, or cannot be told."""
        ends = (self.changed_listings, self.orphans, self.broken, self.manifest_problem)
        return any(ends)


def plan(book: Book, device: Device, cache: Cache | None = None) -> Plan:
    """Read the book and find what is stale.

    ``cache`` is asked for what it knows, and told what was found.

    A figure or listing file that cannot be read is in ``broken``, and does not
    keep the others from being planned.
    Raises: NewerSchemaError if the manifest is of a later version; InputError
    if two files claim one name.
    """
    manifest, problem = _manifest(book)
    project = Project(book.root, cache)
    makers = _makers(project)
    figure_files, listing_files = book.figures(), book.listings()

    def state(slug: str, path: Path) -> FigureState:
        source = Source.read(project, slug, path)
        return _figure_state(
            book,
            source,
            makers,
            device=device,
            manifest=manifest,
            cache=project.cache,
        )

    def listing(slug: str, path: Path) -> ListingState:
        return listing_state(project, book, slug, path)

    figures, broken_figures = _each(figure_files, state)
    listings, broken_listings = _each(listing_files, listing)
    return Plan(
        device,
        manifest,
        figures,
        listings,
        [slug for slug in listings if not _is_written(book, slug, listings, manifest)],
        _orphans(book, figure_files, listing_files),
        strays(book, figure_files, listing_files),
        broken_figures + broken_listings,
        problem or _leftover(manifest, figure_files, listing_files),
    )


def _makers(project: Project) -> dict[str, str]:
    """The closure of what every figure of the book goes through."""
    found: dict[str, str] = {}
    for module, name in MAKERS.items():
        found |= closure(project, Path(__file__).with_name(f"{module}.py"), [name])
    return found


def picture_file(book: Book, slug: str, name: str) -> Path:
    """Where the picture of a figure is written, in one format."""
    return book.generated / "figures" / f"{slug}.{name}"


def data_file(book: Book, slug: str, name: str) -> Path:
    """Where what a figure shows is written as a table, in one format."""
    return book.generated / "data" / f"{slug}.{name}"


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
    makers: Mapping[str, str],
    *,
    device: Device,
    manifest: Manifest,
    cache: Cache,
) -> FigureState:
    """Say of one figure what is stale. Raises: InputError."""
    local = book.local / "records" / source.slug / f"{device.slug}.json"
    files = evidence_beside(source.path)
    now = follows(book, source, makers, files, cache)
    evidence = Records(book, source, files, cache)
    why = outdated(source, evidence)
    return FigureState(
        source,
        local,
        evidence,
        now,
        unmeasured(book, source, local, cache),
        why,
        undrawn(book, manifest.figures.get(source.slug), now, why, cache),
    )


def _is_written(
    book: Book, slug: str, listings: Mapping[str, ListingState], manifest: Manifest
) -> bool:
    """Whether a listing's file and entry are what they should be."""
    path = listing_file(book, slug)
    return (
        manifest.listings.get(slug) == listings[slug].entry
        and path.is_file()
        and path.read_bytes() == listings[slug].printed.code.encode()
    )


def _orphans(book: Book, figures: Iterable[str], listings: Iterable[str]) -> list[Path]:
    """Find generated pictures, tables and listings that no file declares."""
    figures = list(figures)
    declared = {
        "figures": {f"{slug}.{kind}" for slug in figures for kind in PICTURES},
        "data": {f"{slug}.{kind}" for slug in figures for kind in FORMATS},
        "listings": {f"{slug}.py" for slug in listings},
    }
    return sorted(
        path
        for folder, names in declared.items()
        for path in (book.generated / folder).glob("*")
        if path.name not in names and not path.is_dir()
    )
