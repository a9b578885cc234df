"""Lies in what is generated: pictures, tables, printed lines, proofs, outputs."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bookfigs.book import Book
from bookfigs.canonical import fingerprint, to_json
from forged.entries import change_entries, raise_digit
from tampering import Desk, Lie, digit, word

KINDS = {"images": "picture", "data": "data file"}


def _middle(content: bytes) -> bytes:
    """Content with another digit in its middle, or another byte if there is none."""
    half = len(content) // 2
    digits = (i for i in range(half, len(content)) if content[i : i + 1].isdigit())
    at = next(digits, half)
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def files(desk: Desk) -> Iterator[Lie]:
    """A picture or table that is changed, another one's, gone, or forged with care."""
    known = desk.manifest()["figures"]
    slugs = list(known)
    for part, kind in KINDS.items():
        for slug, other in zip(slugs, [*slugs[1:], slugs[0]], strict=True):
            for key, entry in known[slug][part].items():
                path = desk.book.generated / entry["path"]
                foreign = desk.book.generated / known[other][part][key]["path"]
                what, named = f"{slug}.{key}", (path.name, slug)
                changed = _middle(path.read_bytes())
                for name, tell in (
                    (kind, partial(Desk.write, path=path, content=changed)),
                    (
                        f"{kind} of another figure",
                        partial(Desk.write, path=path, content=foreign.read_bytes()),
                    ),
                    (f"{kind} removed", partial(Desk.remove, path=path)),
                ):
                    yield Lie(name, what, tell, named)
                tell = partial(_forge, slug=slug, part=part, key=key, content=changed)
                by = "check --redraw" if part == "images" else "check"
                yield Lie(f"{kind}, sealed anew", what, tell, named, slug, by)


def _forge(desk: Desk, slug: str, part: str, key: str, content: bytes) -> None:
    """Change a generated file, and its digest in the manifest with it."""
    manifest = desk.manifest()
    entry = manifest["figures"][slug][part][key]
    desk.write(desk.book.generated / entry["path"], content)
    entry["sha1"] = fingerprint(content)
    desk.put(manifest)


def _printed(desk: Desk, slug: str, path: Path, new: bytes) -> None:
    """Change printed lines, and the manifest with them."""
    manifest = desk.manifest()
    manifest["listings"][slug]["code"] = new.decode()
    desk.write(path, new)
    desk.put(manifest)


def listings(desk: Desk) -> Iterator[Lie]:
    """Printed lines, outputs, call-outs and numbers that are not what they were."""
    for slug, entry in desk.manifest()["listings"].items():
        path = desk.book.generated / "listings" / f"{slug}.py"
        changed = _middle(path.read_bytes())
        tell = partial(Desk.write, path=path, content=changed)
        yield Lie("printed lines", slug, tell, (slug,))
        forge = partial(_printed, slug=slug, path=path, new=changed)
        yield Lie("printed lines, sealed anew", slug, forge, (slug,))
        for key in ("output", "symbol", "source"):
            if entry.get(key):
                kind = f"listing's {key}, sealed anew"
                change = partial(raise_digit, key=key)
                yield from change_entries(kind, "listings", [slug], change)
        for key in ("executed", "caught", "equivalent"):
            kind, change = "listing's numbers, sealed anew", partial(_count, key=key)
            yield from change_entries(kind, "listings", [slug], change)
        for index in range(len(entry.get("callouts", []))):
            change = partial(_call, index=index)
            yield from change_entries(
                "call-out, sealed anew", "listings", [slug], change
            )


def _count(entry: dict[str, Any], key: str) -> None:
    entry["evidence"][key] += 1


def _call(entry: dict[str, Any], index: int) -> None:
    raise_digit(entry["callouts"][index], "text", word)


PROOFS: dict[str, Callable[[Any], object]] = {
    "a test fewer": lambda found: found["tests"].pop(),
    "a change fewer": lambda found: found["mutants"].pop(),
    "a line otherwise": lambda found: found["lines"][0].update(text="x = 1"),
    "a digest of code": lambda found: found["closure"].update(
        dict.fromkeys(list(found["closure"])[:1], "0" * 16)
    ),
    "of another listing": lambda found: found.update(listing="other"),
    "output": lambda found: found.update(output=digit(found["output"])),
}


def _proof(book: Book, slug: str) -> Path:
    """Where the proof of a listing lies."""
    return book.listings()[slug].parents[1] / "evidence" / "listings" / f"{slug}.json"


def proofs(desk: Desk) -> Iterator[Lie]:
    """Evidence of listings: another output, a change that nobody caught after all."""
    for slug in desk.book.listings():
        place = _proof(desk.book, slug)
        has_output = bool(json.loads(place.read_bytes())["output"])
        for what, change in PROOFS.items():
            if what != "output" or has_output:
                tell = partial(_edit, path=place, change=change)
                yield Lie("proof of a listing", f"{slug}: {what}", tell, (slug,))
        yield Lie("proof removed", slug, partial(Desk.remove, path=place), (slug,))


def _edit(desk: Desk, path: Path, change: Callable[[Any], object]) -> None:
    found = json.loads(path.read_bytes())
    change(found)
    desk.write(path, to_json(found))


def outputs(desk: Desk) -> Iterator[Lie]:
    """An output forged in the proof and in the manifest alike."""
    for slug, entry in desk.manifest()["listings"].items():
        if entry.get("output"):
            tell = partial(_forge_output, slug=slug)
            by = "check --redraw"
            yield Lie("output, sealed anew", slug, tell, (slug,), slug, by)


def _forge_output(desk: Desk, slug: str) -> None:
    manifest = desk.manifest()
    _edit(desk, _proof(desk.book, slug), PROOFS["output"])
    entry = manifest["listings"][slug]
    entry["output"] = digit(entry["output"])
    desk.put(manifest)
