"""What authors accepted: each sentence of a page that stands on evidence.

It is kept in ``evidence/sentences.json`` beside the page, with what the claims in it
said when it was accepted; ``bookfigs accept`` writes it.
"""

from pathlib import Path

from msgspec import Struct

from bookfigs.canonical import digest, read_json
from bookfigs.entry import ClaimEntry

SCHEMA = 1
PLACE = Path("evidence", "sentences.json")
"""Where the sentences of the pages of a folder are kept, from that folder."""


Said = dict[str, dict[str, str]]
"""Sentences of a page, and by the names of their claims digests of what these said."""


class Accepted(Struct, frozen=True):
    """The accepted sentences of the pages of a folder, by the name of the page."""

    schema: int = SCHEMA
    pages: dict[str, Said] = {}


def meaning(claim: ClaimEntry) -> str:
    """Digest of what a claim says and of what it expects, whatever was measured."""
    return digest(claim.sentence, *sorted({row.expected for row in claim.rows}))[:12]


def place_of(page: Path) -> Path:
    """The file that keeps the accepted sentences of a page."""
    return page.parent / PLACE


def read_accepted(path: Path, where: str) -> Accepted | None:
    """Read what was accepted; None if nothing ever was. Raises: InputError."""
    return read_json(path, where, Accepted, SCHEMA) if path.exists() else None
