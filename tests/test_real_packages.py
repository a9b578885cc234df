"""Code that is not ours, unchanged, as listings: what proves it, and what does not.

Of two packages from the registry, with the tests that they bring: networkx its own,
more-itertools the examples in its docstrings, since its wheel has no others.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from bookfigs.book import Book
from bookfigs.listings.lines import ListingEvidence, read_evidence
from bookfigs.listings.listing import read_listing
from bookfigs.manifest import read_manifest
from smallbook import bookfigs

PACKAGES = ("more_itertools", "networkx")


class Case(NamedTuple):
    """A listing of a package, and what its tests do not notice."""

    symbol: str
    tests: str
    survivors: frozenset[str] = frozenset()
    more: str = ""
    own: str = ""
    """A test of ours for what theirs do not notice."""


OWN = """
from more_itertools import split_into


def test_nothing_is_split_after_the_rest():
    assert list(split_into([1, 2, 3], [1, None, 1])) == [[1], [2, 3]]
"""

CASES = {
    "decorator": Case(
        "more_itertools.more:consumer",
        "more_itertools/more.py::more_itertools.more.consumer",
    ),
    "long_docstring": Case(
        "more_itertools.recipes:convolve",
        "more_itertools/recipes.py::more_itertools.recipes.convolve",
        frozenset(
            {
                "kernel = tuple(kernel)[::-1] -> kernel = tuple(kernel)[1::-1]",
                "yield _sumprod(kernel, window) -> yield _sumprod(window, kernel)",
            }
        ),
        "docstring = true\n",
    ),
    "generator": Case(
        "more_itertools.more:split_into",
        "more_itertools/more.py::more_itertools.more.split_into",
        own="tests/test_own.py",
    ),
    "method": Case(
        "networkx.utils.union_find:UnionFind.union",
        "networkx/utils/tests/test_unionfind.py",
        more="[[equivalent]]\nchange = 'return -> pass'\n"
        "reason = 'The loop below has nothing to do either.'\n",
    ),
}


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A project of the packages as they are installed, with proven listings."""
    root = tmp_path_factory.mktemp("real")
    for name in PACKAGES:
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        shutil.copytree(Path(found.origin).parent, root / name)  # as it was compiled
    folder = root / "chapters" / "real" / "listings"
    folder.mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (root / "tests").mkdir()
    (root / "tests" / "test_own.py").write_text(OWN)
    (root / "chapters" / "_quarto.yml").write_text("project:\n  type: book\n")
    for slug, case in CASES.items():
        threshold = 0.8 if case.survivors else 1
        tests = [name for name in (case.tests, case.own) if name]
        toml = f'symbol = "{case.symbol}"\ntests = {tests}\ncolumns = 88\n'
        toml += f'caption = "**{slug}**: as it is."\nthreshold = {threshold}\n'
        (folder / f"{slug}.toml").write_text(toml + case.more)
    book = Book(root / "chapters")
    done = bookfigs(book, "prove")
    assert done.returncode == 0, done.stdout + done.stderr
    return book


def evidence(book: Book, slug: str) -> ListingEvidence:
    listing = read_listing(book, slug, book.listings()[slug])
    found = read_evidence(book, listing)
    assert found is not None
    return found


@pytest.mark.parametrize("slug", CASES)
def test_tests_of_a_package_prove_its_lines(proven: Book, slug: str) -> None:
    found, case = evidence(proven, slug), CASES[slug]
    assert found.unexecuted == []
    assert {mutant.change for mutant in found.survivors} == case.survivors
    files = {name.partition("::")[0] for name in found.tests}
    assert files == {case.tests.partition("::")[0], case.own} - {""}
    assert found.counted > len(case.survivors)


def test_what_is_printed_is_what_the_package_says(proven: Book) -> None:
    done = bookfigs(proven, "figures")
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(proven)
    assert manifest is not None
    code = {slug: manifest.listings[slug].code for slug in CASES}
    assert "(x³ -4x² -17x + 60)" in code["long_docstring"]
    assert code["method"].startswith("def union(self, *objects):\n")
    assert "@wraps(func)\n    def wrapper(" in code["decorator"]
    assert all(manifest.listings[slug].outdated is None for slug in CASES)
    assert bookfigs(proven, "check").returncode == 0


def test_an_example_that_changes_makes_what_it_proves_stale(proven: Book) -> None:
    source = proven.root / "more_itertools" / "more.py"
    text = source.read_text()
    example = "[[1], [2, 3], [4], []]"
    assert example in text
    source.write_text(text.replace(example, "[[1], [2, 3], [4],  []]"))
    said = bookfigs(proven, "check").stderr
    source.write_text(text)
    assert "its lines are not proven: doctests of more_itertools.more changed" in said
