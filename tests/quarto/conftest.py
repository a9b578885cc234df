"""Fixtures of the tests of the Quarto extension."""

from pathlib import Path

import pytest

from .book import Book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Make a small book whose manifest and files are in order."""
    return Book(tmp_path)
