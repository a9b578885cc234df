"""Accepting: an author says of sentences that they say no more than their evidence.

What is new or changed is shown beside what it stands on, and kept; ``lint`` holds the
pages against it. A sentence is accepted only if each claim in it holds, or is about a
device that no evidence is of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookfigs.book import Book, store
from bookfigs.canonical import to_json
from bookfigs.errors import BookfigsError, ClaimError, InputError, UnknownNameError
from bookfigs.lint.accepted import Accepted, Said, place_of, read_accepted
from bookfigs.lint.finding import Context
from bookfigs.lint.sentences import Sentence, sentences
from bookfigs.manifest import Manifest
from bookfigs.prose.document import Page

STANDING = {"holds", "not applicable here"}
"""Verdicts of claims that a sentence may be accepted with."""


@dataclass(frozen=True)
class Acceptance:
    """What is to be kept of each folder of pages, and what is said of it."""

    files: dict[Path, Accepted]
    told: list[str]
    wrong: list[BookfigsError]

    def write(self, book: Book) -> None:
        """Keep it. Raises: StorageError."""
        for path, content in self.files.items():
            store(book, path, to_json(content), "bookfigs accept")


def accept(book: Book, context: Context, only: set[str] | None) -> Acceptance:
    """Accept every sentence of some pages (None: of all) that stands on evidence.

    Raises: InputError if there is no manifest, or what was accepted cannot be read.
    """
    manifest = context.manifest
    if manifest is None:
        where = book.place(book.manifest)
        raise InputError(where, "there is no manifest", run="bookfigs figures")
    files: dict[Path, Accepted] = {}
    told: list[str] = []
    wrong: list[BookfigsError] = []
    total = 0
    for page in context.pages:
        path = place_of(page.path)
        known = files.get(path) or read_accepted(path, book.place(path)) or Accepted()
        pages = {
            n: s for n, s in known.pages.items() if (page.path.parent / n).exists()
        }
        if only is None or page.name in only:
            found = sentences(page)
            wrong += _refused(found, manifest)
            before = pages.pop(page.path.name, {})
            if found and not wrong:
                now = {each.text: each.meanings(manifest) for each in found}
                told += _told(found, before, manifest)
                pages[page.path.name] = now
            total += len(found)
        if pages or path.exists():
            files[path] = Accepted(pages=pages)
    changed = sum(not line.startswith(" ") for line in told)
    told.append(
        f"{total} sentences stand on evidence; {changed} of them newly accepted"
    )
    return Acceptance(files, told, wrong)


def _refused(found: list[Sentence], manifest: Manifest) -> Iterator[BookfigsError]:
    """Sentences whose claims do not hold, or whose names nobody knows."""
    for each in found:
        where = _place(each)
        for kind, names, known in (
            ("claim", each.claims, manifest.claims.keys()),
            ("value", each.values, manifest.values.keys()),
        ):
            for name in sorted({*names} - known):
                yield UnknownNameError(
                    where, f"there is no {kind} {name!r}", asked=name, available=known
                )
        for name in sorted({*each.claims} & manifest.claims.keys()):
            claim = manifest.claims[name]
            if claim.outdated or claim.verdict not in STANDING:
                what = claim.outdated or f"the claim {name} {claim.verdict}"
                yield ClaimError(where, what, run=f"bookfigs why {name}")


def _told(found: list[Sentence], before: Said, manifest: Manifest) -> Iterator[str]:
    """Each sentence that was not accepted as it is, and what it stands on."""
    for each in found:
        if before.get(each.text) == each.meanings(manifest):
            continue
        yield f"{_place(each)}: {each.text}"
        for name in dict.fromkeys(each.claims):
            claim = manifest.claims[name]
            expected = ", ".join(sorted({row.expected for row in claim.rows}))
            yield f"  claim {name}: {claim.sentence!r}, expected {expected}"
        for name in dict.fromkeys(each.values):
            yield f"  value {name}: {manifest.values[name].text}"


def _place(each: Sentence) -> str:
    page: Page = each.page
    return f"{page.name}:{page.place(each.start)[0]}"
