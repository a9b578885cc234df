"""Proof: which tests execute the printed lines, and notice that they change."""

from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.errors import ListingError
from bookfigs.listings.lines import (
    ListingEvidence,
    shortcomings,
)
from bookfigs.listings.listing import print_listing
from bookfigs.listings.proof import prove
from provenbook import TOML, write_project
from smalllisting import declare, make_program, write_module


@pytest.fixture
def project(book: Book) -> Book:
    return write_project(book)


def states(book: Book) -> dict[Path, bytes]:
    """Every file of a project but the listing file."""
    return {
        path: path.read_bytes()
        for path in book.root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def proven(book: Book, toml: str = TOML) -> ListingEvidence:
    listing = declare(book, toml)
    return prove(book, listing, print_listing(book, listing))


def test_lines_and_changes_of_a_listing_are_proven(project: Book) -> None:
    declare(project, TOML)
    before = states(project)
    found = proven(project)
    names = [name.partition("::")[2] for name in found.tests]
    assert names == [
        "test_sum", "test_factor[1]", "test_factor[3.5]", "test_refusal", "test_again",
        "TestParts::test_parts",
    ]  # fmt: skip
    rows = {row.text.strip(): row for row in found.lines}
    refusal = rows['raise ValueError("below zero")']
    assert [names[n] for n in refusal.tests] == ["test_refusal"]
    assert not rows["def scaled(values, by=FACTOR):"].is_executable
    assert found.unexecuted == []
    assert found.survivors == []
    assert shortcomings(declare(project, TOML), found) == []
    caught = {m.change: (m.caught, m.how) for m in found.mutants}
    assert caught["total = 0 -> total = 1"] == ("test_m.py::test_sum", "failed")
    assert caught["raise ValueError('below zero') -> pass"][0].endswith("test_refusal")
    assert states(project) == before


WEAK = """
def weak(n, deep=False):
    if deep:
        n = n - 0
        return n
    while n > 3:
        n -= 1
    return n
"""


def test_what_is_not_proven_is_said(book: Book) -> None:
    write_module(book, "m.py", WEAK)
    write_module(
        book, "test_m.py", "import m\n\n\ndef test_weak():\n    assert m.weak(2) == 2\n"
    )
    found = proven(book, TOML.replace("scaled", "weak"))
    assert [found.lines[n - 1].text.strip() for n in found.unexecuted] == [
        "n = n - 0", "return n", "n -= 1",
    ]  # fmt: skip
    survivors = {mutant.change for mutant in found.survivors}
    assert {"while n > 3: -> while n >= 3:", "n -= 1 -> n += 1"} <= survivors
    caught = {m.change: m.how for m in found.mutants if m.caught}
    assert caught["while n > 3: -> while n <= 3:"] == "timed out"
    assert "def weak(n, deep=False): -> def weak(n, deep=True):" in survivors


def test_change_that_is_declared_equivalent_does_not_count(book: Book) -> None:
    write_module(book, "m.py", "def same(n):\n    return abs(n) + 0\n")
    test = "import m\n\n\ndef test_same():\n    assert m.same(-2) == 2\n"
    write_module(book, "test_m.py", test)
    toml = TOML.replace("scaled", "same")
    first = proven(book, toml)
    assert [m.change for m in first.survivors] == [
        "return abs(n) + 0 -> return abs(n) - 0"
    ]
    assert "no test notices" in shortcomings(declare(book, toml), first)[0]
    assert shortcomings(declare(book, "threshold = 0.5" + toml), first) == []
    table = "[[equivalent]]\nchange = {!r}\nreason = {!r}\n"
    change = first.survivors[0].change
    second = proven(book, toml + table.format(change, "Zero has no sign here."))
    assert (second.score, second.counted) == (1.0, len(second.mutants) - 1)
    for declared, said in (
        (table.format("return 1 -> return 2", "r"), "names no change of the lines"),
        (table.format("return abs(n) + 0 -> pass", "r"), "is no equivalent"),
        (table.format(change, " "), "has no reason"),
    ):
        assert said in shortcomings(declare(book, toml + declared), second)[-1]


PROGRAM = """
from m import weak

print(weak(5), weak(4), weak(3), weak(2))
print(weak(4, deep=True))
"""


def test_output_of_a_program_is_a_witness(book: Book) -> None:
    write_module(book, "m.py", WEAK)
    make_program(book, PROGRAM)
    toml = 'symbol = "m:weak"\nprogram = "listings/shown.py"\ncaption = "c"\n'
    found = proven(book, toml)
    assert (found.output, found.tests) == ("3 3 3 2\n4\n", ["program"])
    assert found.unexecuted == []
    assert {mutant.change for mutant in found.survivors} == {
        "n = n - 0 -> n = n + 0",
        "n = n - 0 -> pass",
    }


def test_changed_default_is_noticed_by_tests_where_the_program_passes_a_value(
    book: Book,
) -> None:
    """Importing executes the head of a function, and the program is seen to import."""
    write_module(book, "m.py", "def power(base, by=2):\n    return base**by\n")
    text = "from m import power\n\n\ndef test_square():\n    assert power(3) == 9\n"
    write_module(book, "test_m.py", text)
    make_program(book, "import m\n\nprint(m.power(2, by=5))\n")
    found = proven(
        book, TOML.replace("scaled", "power") + 'program = "listings/shown.py"'
    )
    assert found.tests == ["test_m.py::test_square", "program"]
    assert found.survivors == []


def test_program_that_is_printed_is_proven_by_what_it_prints(book: Book) -> None:
    listing = make_program(book, "'Text.'\nx = [n for n in range(3)]\nprint(x)\n")
    found = prove(book, listing, print_listing(book, listing))
    assert [row.is_executable for row in found.lines] == [True, True]
    assert found.unexecuted == []
    assert found.survivors == []
    assert {m.caught for m in found.mutants} == {"program"}


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("tests = ['test_gone.py']", "its tests are not found"),
        ("tests = ['test_m.py::test_gone']", "its tests are not found"),
        ("tests = ['test_m.py::test_nothing']", "no passing test and no program"),
        ("tests = ['test_m.py::test_failing']", "no passing test and no program"),
        ("", "no passing test and no program"),
    ],
)
def test_tests_that_prove_nothing_are_said(
    project: Book, tests: str, said: str
) -> None:
    toml = TOML.replace('tests = ["test_m.py"]', tests)
    with pytest.raises(ListingError, match=said):
        proven(project, toml)


def test_changes_reach_tests_of_a_project_whose_assertions_pytest_rewrites(
    project: Book,
) -> None:
    """As of every project that brings a plugin of pytest, this one too."""
    write_module(project, "conftest.py", "pytest.register_assert_rewrite('m')\n")
    rewriting = project.root / "conftest.py"
    rewriting.write_text(f"import pytest\n\n{rewriting.read_text()}")
    found = proven(project)
    assert found.survivors == []
    assert "test_m.py::test_sum" in {mutant.caught for mutant in found.mutants}


def test_tests_that_no_change_reaches_are_told_though_the_program_is_reached(
    book: Book,
) -> None:
    write_module(book, "m.py", "def power(base, by=2):\n    return base**by\n")
    text = (
        "import runpy\nfrom pathlib import Path\n\n\ndef test_square():\n"
        "    loaded = runpy.run_path(str(Path(__file__).with_name('m.py')))\n"
        "    assert loaded['power'](3) == 9\n"
    )
    write_module(book, "test_m.py", text)
    make_program(book, "import m\n\nprint(m.power(2))\n")
    toml = TOML.replace("scaled", "power") + 'program = "listings/shown.py"'
    with pytest.raises(ListingError, match="a test or its program imports it other"):
        proven(book, toml)
