"""The gallery: a page of everything a book has, made from its manifest."""
