"""Figures, listings and numbers of a book, from code that was run and tested."""

__version__ = "0.1.0"
