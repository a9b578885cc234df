"""Reach: the hash of all that the evidence of a listing follows from.

The printed lines and what they reach, the tests that executed them with their
fixtures, the program, and what the listing file says of running them. Any of it
changes: the evidence is stale.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from bookfigs.book import Book
from bookfigs.canonical import digest
from bookfigs.closure import DATA, Project, changes, closure
from bookfigs.listings.examples import examples, is_doctest
from bookfigs.listings.lines import ListingEvidence
from bookfigs.listings.listing import Listing, Printed

SETUP = "conftest.py"
HOOKS = ("pytestmark", "pytest_plugins", "setup_module", "teardown_module")
PRINTED, RUN = "printed lines", "how it is run"
"""Among the names of definitions: what no definition holds."""


def reach(
    project: Project,
    book: Book,
    listing: Listing,
    printed: Printed,
    tests: Iterable[str],
) -> dict[str, str]:
    """Hash of each definition that a listing's evidence follows from, by its name.

    ``tests`` are node ids of pytest, or files.
    Raises: InputError if a source does not parse, or a test file is gone.
    """
    hashes = _code(project, listing, printed)
    if listing.program is not None:
        hashes |= closure(project, listing.program, _all(project, listing.program))
    for path, names in _files(book, tests).items():
        for setup in _setups(book, path):
            hashes |= closure(project, setup, _all(project, setup))
        if path.is_file():
            hashes |= _of_tests(project, path, names)
    texts = [f"{line.text}\n" for line in printed.lines]
    return {**hashes, PRINTED: digest(*texts)[:16], RUN: _run(listing)}


def stale(
    project: Project,
    book: Book,
    listing: Listing,
    printed: Printed,
    evidence: ListingEvidence | None,
) -> list[str]:
    """Say why the lines have to be proven again; empty if they have not."""
    if evidence is None:
        return ["its lines are not proven yet"]
    tests = [name for name in evidence.tests if "::" in name]
    gone = [
        name
        for name in dict.fromkeys(name.partition("::")[0] for name in tests)
        if not (book.root / name).is_file()
    ]
    if gone:
        return [f"{name} is gone, whose tests prove it" for name in gone]
    now = reach(project, book, listing, printed, tests)
    return changes(evidence.closure, now)


def _code(project: Project, listing: Listing, printed: Printed) -> dict[str, str]:
    """What the printed lines reach."""
    module = project.module(listing.source)
    names = {name for line in printed.lines for name in module.at(line.source)}
    return closure(project, listing.source, sorted(names))


def _run(listing: Listing) -> str:
    """What the listing file says of running it."""
    told = listing.declared
    rules = [f"{rule.pattern}={rule.by}" for rule in told.normalise]
    same = [f"{one.change}={one.reason}" for one in told.equivalent]
    said = [told.program, str(told.status), str(told.undecodable), *rules, *same]
    return digest(*said, *told.tests)[:16]


def _files(book: Book, tests: Iterable[str]) -> dict[Path, set[str]]:
    """Test files, and the top-level names of the tests in each; empty for all."""
    found: dict[Path, set[str]] = {}
    for test in tests:
        file, *names = test.split("::")
        name = names[0].partition("[")[0] if names else ""
        found.setdefault(book.root / file, set()).add(name)
    return found


def _of_tests(project: Project, path: Path, names: set[str]) -> dict[str, str]:
    """What the tests of a file reach; a file of text is hashed as a whole."""
    if path.suffix != ".py":
        return {f"{DATA}{path.name}": project.cache.digest(path)}
    hashes = closure(project, path, _with_fixtures(project, path, names))
    if any(is_doctest(project, path, name) for name in names):
        hashes |= examples(project, path)
    return hashes


def _setups(book: Book, path: Path) -> Iterator[Path]:
    """Files with fixtures that pytest reads for a test file."""
    for folder in path.parents:
        if not folder.is_relative_to(book.root):
            return
        if (folder / SETUP).is_file():
            yield folder / SETUP


def _all(project: Project, path: Path) -> list[str]:
    return sorted(project.module(path).definitions)


def _with_fixtures(project: Project, path: Path, names: set[str]) -> list[str]:
    """Names of tests, and of what pytest finds for them by name."""
    if "" in names:
        return _all(project, path)
    module = project.module(path)
    fixtures = {
        name
        for name, statements in module.definitions.items()
        for statement in statements
        for mark in getattr(statement, "decorator_list", [])
        if "fixture" in ast.dump(mark)
    }
    return sorted(names | fixtures | (set(HOOKS) & module.definitions.keys()))
