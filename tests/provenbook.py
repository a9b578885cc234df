"""A small project whose listing has tests of every kind."""

import textwrap

from bookfigs.book import Book
from smalllisting import write_module

MODULE = """
import math

FACTOR = 2


def helper(n):
    return n


def scaled(values, by=FACTOR):
    \"\"\"Twice, or so.\"\"\"
    total = 0
    for value in values:
        if value < 0:
            raise ValueError("below zero")
        total += helper(value) * by
    return math.floor(total)


def unused(n):
    return n + 1
"""

TESTS = textwrap.dedent("""
    import unittest

    import pytest

    from m import scaled
    from n import again


    @pytest.fixture
    def values():
        return [1, 2, 0]


    def test_sum(values):
        assert scaled(values) == 6


    @pytest.mark.parametrize("by", [1, 3.5])
    def test_factor(values, by):
        assert scaled(values, by) == int(3 * by)


    def test_refusal():
        with pytest.raises(ValueError):
            scaled([-1])


    def test_again():
        assert again() == 2


    def test_nothing():
        assert True


    def test_failing():
        assert scaled([1]) == 3


    class TestParts(unittest.TestCase):
        def test_parts(self):
            for n in (1, 2):
                with self.subTest(n=n):
                    self.assertEqual(scaled([n]), 2 * n)


    @pytest.mark.skip
    def test_skipped():
        scaled([1])


    @pytest.mark.xfail(strict=False)
    def test_expected():
        assert scaled([1]) == 2
""")

TOML = """
symbol = "m:scaled"
caption = "**One**: two."
tests = ["test_m.py"]
"""


def write_project(book: Book) -> Book:
    """Write the modules and tests into a book's project."""
    write_module(book, "m.py", MODULE)
    write_module(book, "n.py", "import m\n\n\ndef again():\n    return m.scaled([1])\n")
    write_module(book, "test_m.py", TESTS)
    return book
