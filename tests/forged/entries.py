"""Lies in the manifest: numbers, verdicts, captions, dates."""

import copy
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

from tampering import Desk, Lie, digit, word

Change = Callable[[dict[str, Any]], object]
MANIFEST = "manifest.json"


def change_entries(
    kind: str, part: str, names: Iterable[str], change: Change, *, sealed: bool = True
) -> Iterator[Lie]:
    """A change of each entry of a part of the manifest.

    ``sealed``: the digest over the manifest is recomputed, so that only what the
    entry says tells the lie.
    """
    for name in names:
        tell = partial(_tell, part=part, name=name, change=change, sealed=sealed)
        yield Lie(kind, name, tell, (name,) if sealed else (MANIFEST,))


def _tell(desk: Desk, part: str, name: str, change: Change, *, sealed: bool) -> None:
    manifest = desk.manifest()
    before = copy.deepcopy(manifest)
    change(manifest[part][name])
    assert manifest != before
    desk.put(manifest, sealed=sealed)


def raise_digit(
    entry: dict[str, Any], key: str, how: Callable[[str], str] = digit
) -> None:
    """Change a text of an entry: its first digit, if not told otherwise."""
    entry[key] = how(entry[key])


def values(desk: Desk) -> Iterator[Lie]:
    """Another number, with the digest as it was and recomputed."""
    known = desk.manifest()["values"]
    change = partial(raise_digit, key="text")
    yield from change_entries("value", "values", known, change, sealed=False)
    yield from change_entries("value, sealed anew", "values", known, change)


def swapped_values(desk: Desk) -> Iterator[Lie]:
    """Two numbers in each other's place."""
    known = desk.manifest()["values"]
    for names in pairwise(known):
        if known[names[0]]["text"] != known[names[1]]["text"]:
            tell = partial(_swap, names=names)
            yield Lie("values swapped", ", ".join(names), tell, names)


def _swap(desk: Desk, names: tuple[str, str]) -> None:
    manifest = desk.manifest()
    one, other = (manifest["values"][name] for name in names)
    one["text"], other["text"] = other["text"], one["text"]
    desk.put(manifest)


def judgements(desk: Desk) -> Iterator[Lie]:
    """Another verdict, sentence, statistic, threshold, date or commit of a claim."""
    known = desk.manifest()["claims"]
    reword = partial(raise_digit, key="sentence", how=word)
    yield from change_entries("claim's sentence", "claims", known, reword)
    yield from change_entries("claim's verdict", "claims", known, _overrule)
    having = [name for name, claim in known.items() if claim["rows"]]
    yield from change_entries("claim's row, verdict", "claims", having, _overrule_row)
    for key in ("statistic", "expected", "date", "commit", "device"):
        change = partial(_first, part="rows", key=key)
        yield from change_entries(f"claim's row, {key}", "claims", having, change)


def _overrule(claim: dict[str, Any]) -> None:
    """Let a claim hold that does not, or another way round."""
    holds = claim["verdict"] == "holds"
    claim["verdict"] = "not applicable here" if holds else "holds"


def _overrule_row(claim: dict[str, Any]) -> None:
    _overrule(claim["rows"][0])


def _first(entry: dict[str, Any], part: str, key: str) -> None:
    raise_digit(entry[part][0], key)


def texts(desk: Desk) -> Iterator[Lie]:
    """Another caption, alternative text, date or commit of a figure or listing."""
    known = desk.manifest()
    for key, part, kind in (
        ("caption", "figures", "caption"),
        ("alt", "figures", "alternative text"),
        ("caption", "listings", "caption of a listing"),
    ):
        change: Change = partial(raise_digit, key=key, how=word)
        yield from change_entries(kind, part, known[part], change)
    for key in ("date", "commit", "device"):
        change = partial(_first, part="measured", key=key)
        yield from change_entries(
            f"figure's {key}", "figures", known["figures"], change
        )
