"""Lies in prose: sentences around values and claims, names, what was accepted."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bookfigs.canonical import to_json
from bookfigs.lint.accepted import place_of
from bookfigs.lint.book import gather
from bookfigs.lint.names import claims, embeds
from bookfigs.lint.sentences import sentences
from bookfigs.prose.document import Page
from judge import QUARTO
from tampering import Desk, Lie, digit, word

WORD = re.compile(r"\b[a-z]{3,}\b")


def prose(desk: Desk) -> Iterator[Lie]:
    """Every sentence that stands on evidence, and every name in it."""
    context, _ = gather(desk.book, (), QUARTO)
    for page in context.pages:
        yield from _sentences(page)
        yield from _values(page, desk.manifest()["values"])
        yield from _claims(page, list(desk.manifest()["claims"]))
    for found in embeds(context):
        written = found.page.text[found.start : found.end]
        new = written.replace(found.label, f"{found.label}x")
        place = (found.page, found.start, found.end)
        yield _lie("embedding renamed", found.label, *place, new)


def _lie(kind: str, what: str, page: Page, start: int, end: int, new: str) -> Lie:
    """Another text at a place of a page."""
    changed = (page.text[:start] + new + page.text[end:]).encode()
    tell = partial(Desk.write, path=page.path, content=changed)
    return Lie(kind, what, tell, (page.name,), "", "lint")


def _sentences(page: Page) -> Iterator[Lie]:
    """Sentences with another word in them, and without themselves."""
    for each in sentences(page):
        what, place = each.text[:60], (page, each.start, each.end)
        if found := WORD.search(page.prose, each.start, each.end):
            new = f"hardly {found[0]}"
            yield _lie("sentence reworded", what, page, *found.span(), new)
        yield _lie("sentence removed", what, *place, "")


def _values(page: Page, known: dict[str, Any]) -> Iterator[Lie]:
    """Values of another name, of no name, and typed by hand."""
    names = list(known)
    for span in page.shortcodes:
        if span.name != "val":
            continue
        name = span.arguments[0]
        other = names[(names.index(name) + 1) % len(names)]
        written = page.text[span.start : span.end]
        typed = known[name]["text"]
        for kind, new in (
            ("value of another name", written.replace(name, other)),
            ("value that nothing has", written.replace(name, f"{name}x")),
            ("value typed by hand", typed),
            ("value typed by hand, wrong", digit(typed)),
        ):
            yield _lie(kind, name, page, span.start, span.end, new)


def _claims(page: Page, names: list[str]) -> Iterator[Lie]:
    """Claims of another name, of no name, and sentences bound to none."""
    for attr, _, _ in claims(page):
        ref = attr.field("ref")
        assert ref is not None
        other = names[(names.index(ref.value) + 1) % len(names)]
        place = (page, ref.start, ref.end)
        yield _lie("claim of another name", ref.value, *place, other)
        yield _lie("claim that nothing has", ref.value, *place, f"{ref.value}x")
        yield _lie("claim unbound", ref.value, page, attr.start, attr.end, "{.said}")


def accepted(desk: Desk) -> Iterator[Lie]:
    """What was accepted: another wording, another claim, gone."""
    for page in gather(desk.book, (), QUARTO)[0].pages:
        path, name = place_of(page.path), page.path.name
        known = json.loads(path.read_bytes())["pages"] if path.is_file() else {}
        for text, meanings in known.get(name, {}).items():
            for kind, change in (
                ("accepted wording", _reword),
                ("acceptance removed", _forget),
                *([("accepted meaning", _mean)] if meanings else []),
            ):
                tell = partial(_accept, path=path, name=name, text=text, change=change)
                yield Lie(kind, text[:60], tell, (page.name,), "", "lint")


def _accept(
    desk: Desk,
    path: Path,
    name: str,
    text: str,
    change: Callable[[dict[str, Any], str], None],
) -> None:
    found = json.loads(path.read_bytes())
    change(found["pages"][name], text)
    desk.write(path, to_json(found))


def _reword(said: dict[str, Any], text: str) -> None:
    said[word(text)] = said.pop(text)


def _forget(said: dict[str, Any], text: str) -> None:
    del said[text]


def _mean(said: dict[str, Any], text: str) -> None:
    said[text] = dict.fromkeys(said[text], "0" * 12)


def settings(desk: Desk) -> Iterator[Lie]:
    """The filter that stops the render, left out or too late."""
    path = desk.book.folder / "_quarto.yml"
    for what, old, new in (
        ("not listed", "filters:", "unused-filters:"),
        ("too late", "at: pre-ast", "at: post-render"),
    ):
        tell = partial(Desk.edit, path=path, old=old, new=new)
        yield Lie("filter", what, tell, (path.name,), "", "lint")
