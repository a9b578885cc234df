"""Reading the prose of a book: blocks, inlines, spans, with their places."""
