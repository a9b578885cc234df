"""Doctests as the tests of a listing."""

import pytest

from bookfigs.book import Book
from bookfigs.closure import Project
from bookfigs.listings.listing import print_listing
from bookfigs.listings.proof import prove
from bookfigs.listings.reach import stale
from smalllisting import declare, write_module

MODULE = '''
"""A module with examples.

>>> halve(9)
4
"""

from other import LEAST


def halve(n):
    """Half of a number.

    >>> from third import SIX
    >>> halve(SIX)
    3
    """
    return least(n // 2)


def least(n):
    return max(n, LEAST)
'''

TOML = 'symbol = "m:halve"\ncaption = "**One**: two."\ntests = ["m.py"]\n'


@pytest.fixture
def project(book: Book) -> Book:
    write_module(book, "m.py", MODULE)
    write_module(book, "other.py", "LEAST = 0\n")
    write_module(book, "third.py", "SIX = 6\n")
    return book


EDITS = [
    ("m.py", ">>> halve(9)\n4", ">>> halve(8)\n4", "doctests of m changed"),
    ("m.py", "    3\n", "    4\n", "doctests of m changed"),
    ("m.py", "Half of a number.", "Half of it.", "doctests of m changed"),
    ("m.py", "max(n, LEAST)", "max(LEAST, n)", "m.least changed"),
    ("m.py", "A module", "The module", "doctests of m changed"),
    ("other.py", "0", "1", "other.LEAST changed"),
    ("third.py", "6", "7", "third.SIX changed"),
    ("m.py", "    return least", "    # here\n    return least", "printed lines"),
    ("other.py", "0\n", "0  # none\n", ""),
]


def test_doctests_of_a_module_prove_its_lines_until_they_change(project: Book) -> None:
    listing = declare(project, TOML)
    printed = print_listing(project, listing)
    found = prove(project, listing, printed)
    assert found.tests == ["m.py::m", "m.py::m.halve"]
    assert found.unexecuted == []
    assert found.survivors == []

    def reasons() -> list[str]:
        printed = print_listing(project, listing)
        return stale(Project(project.root), project, listing, printed, found)

    assert reasons() == []
    for name, old, new, said in EDITS:
        file = project.root / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        told = "; ".join(reasons())
        assert said in told if said else told == "", (old, told)
        file.write_text(text)


def test_one_doctest_may_be_named(project: Book) -> None:
    listing = declare(project, TOML.replace("m.py", "m.py::m.halve"))
    found = prove(project, listing, print_listing(project, listing))
    assert found.tests == ["m.py::m.halve"]


def test_a_text_with_examples_is_a_test_too(project: Book) -> None:
    path = project.root / "test_use.txt"
    path.write_text(">>> from m import halve\n>>> halve(9)\n4\n")
    listing = declare(project, TOML.replace("m.py", "test_use.txt"))
    found = prove(project, listing, print_listing(project, listing))
    assert found.tests == ["test_use.txt::test_use.txt"]
    path.write_text(">>> from m import halve\n>>> halve(8)\n4\n")
    told = stale(
        Project(project.root), project, listing, print_listing(project, listing), found
    )
    assert told == ["test_use.txt changed"]
