"""Every lie that is told over the real book, kind by kind."""

from collections.abc import Callable, Iterator

from forged import entries, generated, measured, pages, programs
from tampering import Desk, Lie

EVERY: tuple[Callable[[Desk], Iterator[Lie]], ...] = (
    entries.values,
    entries.swapped_values,
    entries.judgements,
    entries.texts,
    generated.files,
    generated.listings,
    generated.proofs,
    generated.outputs,
    measured.records,
    programs.figures,
    programs.code,
    programs.tests_of_listings,
    programs.sources_of_listings,
    pages.prose,
    pages.accepted,
    pages.settings,
)


def lies(desk: Desk) -> Iterator[Lie]:
    """Every lie that is tried, in a fixed order."""
    for kind in EVERY:
        yield from kind(desk)
