"""``python -m bookfigs`` is the command ``bookfigs``."""

from bookfigs.cli import main

main()
