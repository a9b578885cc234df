"""Evidence of listings is stale as soon as what it stands on changes."""

import pytest

from bookfigs.book import Book
from bookfigs.closure import Project
from bookfigs.errors import InputError
from bookfigs.listings.lines import (
    ListingEvidence,
    evidence_file,
    read_evidence,
    write_evidence,
)
from bookfigs.listings.listing import print_listing
from bookfigs.listings.reach import reach, stale
from provenbook import TOML, write_project
from smalllisting import declare, write_module


@pytest.fixture
def project(book: Book) -> Book:
    return write_project(book)


EDITS = [
    ("m.py", "total = 0", "total = 1 - 1", "m.scaled changed"),
    ("m.py", "    return n\n", "    return n + 0\n", "m.helper changed"),
    ("m.py", "FACTOR = 2", "FACTOR = 4 // 2", "m.FACTOR changed"),
    ("m.py", '"""Twice', '"""Two', ""),
    ("m.py", "total = 0", "total = 0  # begin", "printed lines changed"),
    ("m.py", "return n + 1", "return n + 2", ""),
    ("n.py", "m.scaled([1])", "m.scaled([1, 0])", "n.again changed"),
    (
        "test_m.py",
        "    assert scaled(values) == 6",
        "    pass",
        "test_m.test_sum changed",
    ),
    ("test_m.py", "def test_sum", "def tess_sum", "test_m.test_sum is not reached"),
    ("test_m.py", "[1, 2, 0]", "[1, 2]", "test_m.values changed"),
    ("test_m.py", "[1, 3.5]", "[1]", "test_m.test_factor changed"),
    ("test_m.py", "assert True", "assert 1", ""),
]


def test_evidence_is_stale_as_soon_as_what_it_stands_on_changes(project: Book) -> None:
    tests = ["test_sum", "test_factor[1]", "test_again"]
    listing = declare(project, TOML)

    def reasons(evidence: ListingEvidence | None) -> list[str]:
        printed = print_listing(project, listing)
        return stale(Project(project.root), project, listing, printed, evidence)

    assert reasons(None) == ["its lines are not proven yet"]
    ids = [f"test_m.py::{name}" for name in tests]
    printed = print_listing(project, listing)
    closure = reach(Project(project.root), project, listing, printed, ids)
    evidence = ListingEvidence(1, "shown", ids, [], [], None, closure)
    path = evidence_file(listing)
    path.parent.mkdir(parents=True)
    path.write_bytes(write_evidence(evidence))
    assert read_evidence(project, listing) == evidence
    assert reasons(evidence) == []
    for name, old, new, said in EDITS:
        file = project.root / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        found = "; ".join(reasons(evidence))
        assert found.startswith(said) if said else found == "", (old, found)
        file.write_text(text)
    write_module(project, "conftest.py", "def fixture():\n    pass\n")
    assert "conftest.fixture is reached now" in reasons(evidence)
    (project.root / "conftest.py").unlink()
    (project.root / "test_m.py").unlink()
    assert reasons(evidence) == ["test_m.py is gone, whose tests prove it"]


def test_evidence_that_is_none_is_a_message(project: Book) -> None:
    listing = declare(project, TOML)
    assert read_evidence(project, listing) is None
    path = evidence_file(listing)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(InputError, match=r"shown\.json"):
        read_evidence(project, listing)
