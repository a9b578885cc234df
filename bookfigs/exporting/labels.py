"""Labels in another book: each only once, and referred to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bookfigs.errors import BookfigsError, InputError
from bookfigs.exporting.marker import Region, place
from bookfigs.exporting.target import PAGE, Opened, Target
from bookfigs.prose.document import Page


def repeated(found: Iterable[Region]) -> Iterator[BookfigsError]:
    """Labels that two markers ask for."""
    first: dict[str, Region] = {}
    for region in found:
        name = region.marker.name
        if not region.marker.is_block:
            continue
        if name in first:
            what = f"the label {name} is also that of the marker of {first[name].place}"
            run = f'remove one, or write: {name}-again of="{name[4:]}"'
            yield InputError(region.place, what, run=run)
        first.setdefault(name, region)


def collisions(
    target: Target, pages: Mapping[Path, Opened], found: list[Region]
) -> tuple[list[BookfigsError], list[str]]:
    """Labels that the other book has already, and remarks on those it never names."""
    wanted = {r.marker.name: r for r in found if r.marker.is_block}
    taken: dict[str, str] = {}
    named: set[str] = set()
    texts: list[str] = []
    own: dict[Path, list[Region]] = defaultdict(list)
    for region in found:
        own[region.page.path].append(region)
    for page in _concerned(target, pages, wanted):
        taken |= {
            name: where for name, where in _ids(page, own[page.path]) if name in wanted
        }
        named |= {span.name[:1].lower() + span.name[1:] for span in page.of("cite")}
        texts.append(page.text)
    errors: list[BookfigsError] = [
        InputError(
            wanted[name].place,
            f"the label {name} is taken: it stands at {where}",
            run=f'write another one here: {name[:4]}OTHER of="{name[4:]}"',
        )
        for name, where in sorted(taken.items())
    ]
    silent = [
        f"{region.place}: no page refers to {name}; write @{name} in the text"
        for name, region in wanted.items()
        if name not in named and _is_shown(region.page.path, texts)
    ]
    return errors, silent


def _is_shown(path: Path, texts: list[str]) -> bool:
    """Whether a page is one by itself, or included by one of some texts."""
    return path.name[0] != "_" or any(path.name in text for text in texts)


def _concerned(
    target: Target, pages: Mapping[Path, Opened], wanted: Iterable[str]
) -> Iterator[Page]:
    """Pages in which a label is written somewhere."""
    for path in target.files(PAGE):
        if path in pages:
            yield pages[path].page
            continue
        if path.is_symlink():
            continue
        content = target.read(path)
        if any(name[1:].encode() in content for name in wanted):
            text = content.decode("utf-8-sig", "replace")
            yield target.page(path, text)


def _ids(page: Page, regions: list[Region]) -> Iterator[tuple[str, str]]:
    """Ids of a page that stand in no region, each with its place."""
    ranges = [(region.marker.start, region.end) for region in regions]
    for attr in page.attrs:
        inside = any(start <= attr.start < end for start, end in ranges)
        if attr.id and not inside:
            yield attr.id, place(page, attr.start)
