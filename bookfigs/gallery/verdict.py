"""Verdicts: a sign, a word and a colour each, so that none says it alone."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bookfigs.entry import ClaimEntry
from bookfigs.gallery.html import Html, element


class Look(NamedTuple):
    """How a verdict looks: its class, its sign, and its word of several claims."""

    kind: str
    sign: str
    several: str


LOOKS = {
    "holds": Look("holds", "✓", "hold"),
    "fails": Look("fails", "✗", "fail"),
    "inconclusive": Look("unsure", "?", "inconclusive"),
    "not applicable here": Look("idle", "–", "not applicable here"),
}
UNKNOWN = Look("unsure", "?", "of an unknown verdict")


def look(verdict: str) -> Look:
    """The look of a verdict; what is not known looks like no certainty."""
    return LOOKS.get(verdict, UNKNOWN)


def badge(verdict: str) -> Html:
    """A verdict as a reader sees and hears it."""
    return _badge(look(verdict), verdict)


def tally(claims: Iterable[ClaimEntry]) -> list[Html]:
    """How many claims there are of each verdict, as badges."""
    found = count(claims)
    return [_badge(one, f"{number} {_word(one, number)}") for one, number in found]


def count(claims: Iterable[ClaimEntry]) -> list[tuple[Look, int]]:
    """How many claims look how, in the order of the verdicts; none is left out."""
    counted = Counter(look(claim.verdict) for claim in claims)
    return [(one, counted[one]) for one in (*LOOKS.values(), UNKNOWN) if counted[one]]


def told(claims: Mapping[str, ClaimEntry]) -> str:
    """How many claims there are of each verdict, in words."""
    found = count(claims.values())
    return ", ".join(f"{number} {_word(one, number)}" for one, number in found)


def _word(one: Look, number: int) -> str:
    singular = {"holds": "holds", "fails": "fails"}
    return singular.get(one.kind, one.several) if number == 1 else one.several


def _badge(one: Look, said: str) -> Html:
    sign = element("span", one.sign, aria_hidden="true")
    return element("span", sign, " ", said, class_=f"badge {one.kind}")
