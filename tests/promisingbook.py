"""A small book with two listings that promise something."""

import textwrap

from bookfigs.book import Book
from smalllisting import write_module

HALVES = '''
LEAST = 0


def half(n):
    """Half of it, rounded down."""
    if n < LEAST:
        raise ValueError("below zero")
    return n // 2
'''

TESTS = textwrap.dedent("""
    import pytest

    from halves import half


    def test_half(five):
        assert half(five) == 2
        assert half(0) == 0


    def test_refusal():
        with pytest.raises(ValueError):
            half(-1)
""")

SETUP = """
import pytest


@pytest.fixture
def five():
    return 5
"""

PROGRAM = """
from sums import total

print(total([1, 2, 3]))
"""

SUMS = """
UNUSED = 1


def total(numbers):
    # region: loop
    found = 0
    for number in numbers:
        found += number
    # endregion: loop
    return found
"""

HALVING = """
symbol = "halves:half"
caption = "**Halving**: one division."
tests = ["tests/test_halves.py"]
numbers = true

[callouts]
"n // 2" = "Rounds *down*."
"n < LEAST" = "Nothing below `LEAST`."
"""

SUMMING = """
source = "sums.py"
region = "loop"
caption = "**Summing**: one loop."
program = "listings/summing.py"
"""


def write_listings(book: Book) -> Book:
    """Write two listings into a book, and all that they name."""
    write_module(book, "halves.py", HALVES)
    write_module(book, "sums.py", SUMS)
    write_module(book, "tests/test_halves.py", TESTS)
    write_module(book, "tests/conftest.py", SETUP)
    folder = book.folder / "growth" / "listings"
    (folder / "summing.py").write_text(PROGRAM)
    (folder / "halving.toml").write_text(HALVING)
    (folder / "summing.toml").write_text(SUMMING)
    return book
