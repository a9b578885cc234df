"""Blocks for a book that has neither bookfigs nor its extension."""
