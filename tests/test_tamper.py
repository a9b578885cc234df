"""A lie in the real book is found, named, and answered with a remedy.

A fixed share of the lies of each kind; ``python benchmarks/tamper.py`` tries them all.
"""

from collections.abc import Iterator
from itertools import groupby

import pytest

from forged import lies
from tampering import Desk, Lie, outcome

SHARE = 240
"""One in so many lies of a kind is tried, and at least one."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A copy of the book, which is in order."""
    made = Desk(tmp_path_factory.mktemp("tampered") / "book")
    yield made
    assert made.complaints("check") == [], "each lie was taken back"
    made.close()


def test_what_is_changed_in_the_book_is_found(desk: Desk) -> None:
    every = sorted(lies(desk), key=lambda lie: lie.kind)
    wrong: list[str] = []
    for kind, group in groupby(every, key=lambda lie: lie.kind):
        for lie in chosen(list(group)):
            came = outcome(desk, lie)
            if came != lie.found_by:
                wrong.append(f"{kind}: {lie.what}: {came}, not {lie.found_by}")
    assert wrong == [], "\n".join(wrong)


def chosen(every: list[Lie]) -> list[Lie]:
    """Some lies of a kind, from all of it."""
    return every[len(every) // 2 % SHARE :: SHARE] or every[:1]
