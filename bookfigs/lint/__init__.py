"""Lint: what is out of order in the prose of a book, and where."""
