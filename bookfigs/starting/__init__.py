"""How a book begins: the extension, the settings, and files to start from."""
