"""Sentences that stand on evidence: what prose says around its values and claims.

A claim is computed; the words that an author wraps around it are not. So each sentence
that holds a value or a claim is accepted by its author once, by ``bookfigs accept``,
together with what the claims in it say. From then on ``lint`` finds a sentence that was
changed since, one that is new, one that is gone, and one whose claim says something
else by now.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bookfigs.entry import ClaimEntry
from bookfigs.lint.accepted import Said, meaning
from bookfigs.lint.finding import Context, Hit
from bookfigs.lint.names import claims
from bookfigs.manifest import Manifest
from bookfigs.prose.document import BLANK, Page

ENDS = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bvs)(?<!\bal)(?<!\bFig)(?<!\bEq)"
    rf"[.!?][\"')\]*_{BLANK}]*(?=\s+[\"'(\[*_{BLANK}]*[A-Z{BLANK}])"
)
"""The end of a sentence, where another follows."""

ALIKE = 0.5
"""From this similarity on a sentence is another one that was changed."""

RUN = "if it says no more than what it stands on, run: bookfigs accept"

KINDS = ("claim", "value")

Range = tuple[int, int]


@dataclass(frozen=True)
class Sentence:
    """A sentence of a page that stands on evidence, and the names in it."""

    page: Page
    start: int
    end: int
    claims: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """It as it is written; how its lines are broken does not matter."""
        return " ".join(self.page.text[self.start : self.end].split())

    def meanings(self, manifest: Manifest) -> dict[str, str]:
        """Digests of what its claims say. Precondition: the manifest has them."""
        return {name: meaning(manifest.claims[name]) for name in self.claims}


def sentences(page: Page) -> list[Sentence]:
    """Every sentence of a page that stands on evidence, in order."""
    found: list[tuple[Range, str, str]] = []
    for span in page.shortcodes:
        if span.name == "val":
            name = next(iter(span.arguments), "")
            found.append((_around(page, span.start, span.end), "value", name))
    for attr, start, end in claims(page):
        whole = next((d.end for d in page.divs if d.start == start), end)
        named = attr.field("ref")
        name = named.value if named else ""
        found.append((_around(page, start, whole), "claim", name))
    return [_sentence(page, *merged) for merged in _merged(found)]


def _sentence(page: Page, place: Range, names: list[tuple[str, str]]) -> Sentence:
    by_kind = {k: tuple(n for kind, n in names if kind == k) for k in KINDS}
    return Sentence(page, *place, by_kind["claim"], by_kind["value"])


def _merged(
    found: Iterable[tuple[Range, str, str]],
) -> Iterator[tuple[Range, list[tuple[str, str]]]]:
    """Places that overlap are one."""
    place: Range | None = None
    names: list[tuple[str, str]] = []
    for (start, end), kind, name in sorted(found):
        if place and start < place[1]:
            place = (place[0], max(place[1], end))
        else:
            if place:
                yield place, names
            place, names = (start, end), []
        names.append((kind, name))
    if place:
        yield place, names


def _around(page: Page, start: int, end: int) -> Range:
    """The sentence, caption or line of code that a part of a page stands in."""
    for _, words in page.worded:
        if words.start <= start and end <= words.end:
            return words.start, words.end
    for chunk in page.blocks.chunks:
        if chunk.start <= start and end <= chunk.end:
            ends = [
                chunk.start + each.end()
                for each in ENDS.finditer(page.prose[chunk.start : chunk.end])
            ]
            before = [at for at in ends if at <= start]
            after = [at for at in ends if at >= end]
            return max([chunk.start, *before]), min([chunk.end, *after])
    return start, end


def unaccepted(context: Context) -> Iterator[Hit]:
    """A sentence that is not as it was accepted, in folders where that is kept."""
    for page in context.pages:
        known = context.accepted.get(page.name)
        if known is not None and context.manifest is not None:
            yield from _compared(page, known, context.manifest.claims)


def _compared(page: Page, known: Said, made: Mapping[str, ClaimEntry]) -> Iterator[Hit]:
    left = set(known)
    changed: list[Sentence] = []
    for each in sentences(page):
        left.discard(each.text)
        if each.text not in known:
            changed.append(each)
            continue
        for name in each.claims:
            then = known[each.text].get(name)
            if name in made and then != meaning(made[name]):
                what = (
                    f"the claim {name} of this sentence was changed since it was "
                    f"accepted, and says now: {made[name].sentence!r}"
                )
                yield Hit(page, each.start, each.end, what, RUN)
    for each in changed:
        before = _nearest(each.text, left)
        if before is None:
            what = "nobody has accepted this sentence"
        else:
            left.remove(before)
            what = f"this sentence was accepted otherwise: {_how(before, each.text)}"
        yield Hit(page, each.start, each.end, what, RUN)
    for gone in sorted(left):
        what = f"an accepted sentence is no longer here: {gone!r}"
        yield Hit(page, 0, 0, what, RUN)


def _nearest(text: str, known: set[str]) -> str | None:
    """The sentence that a text most likely was."""

    def likeness(one: str) -> float:
        return difflib.SequenceMatcher(None, one.split(), text.split()).ratio()

    best = max(sorted(known), key=likeness, default=None)
    return best if best is not None and likeness(best) >= ALIKE else None


def _how(before: str, now: str) -> str:
    """The first words that differ."""
    old, new = before.split(), now.split()
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if kind != "equal":
            was, became = " ".join(old[a:b]), " ".join(new[c:d])
            return f"{was!r}, and now {became!r}"
    return "in its spaces"
