"""A small book for tests: figures that need no torch to be measured."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import warm
from bookfigs.book import Book

ROOT = Path(__file__).parents[1]

HELPERS = '''
"""What the figures of the small book measure."""


def double(n):
    return 2 * n


def square(n):
    return n**2
'''

FIGURE = '''
"""How does {helper} grow?"""

from bookfigs.claim import Claim, Exponent, Median, Value
from bookfigs.column import exact, key

COLUMNS = {{"n": key("items"), "result": exact("items")}}
POINTS = [{{"n": n}} for n in (1, 2, 4, 8)]


def measure(device, n):
    from helpers import {helper}

    yield {{"n": n, "result": {helper}(n)}}


VALUES = {{"last": Value(Median("result", {{"n": 8}}))}}
CLAIMS = {{
    "grows": Claim("It grows.", Exponent("result", "n", {{}}), low=0.9, high=2.1)
}}
SIZE = (3, 2)


def draw(record, axes):
    axes.plot(record.cells("n"), record.cells("result"))
    axes.set_xlabel("n")


CAPTION = "**Growth of {helper}**: at the end it is {{last}}."
ALT = "A line that rises to {{last}}."
'''

LISTING = """
symbol = "helpers:double"
caption = "**Doubling**: one product."
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def make_book(root: Path) -> Book:
    """Make a git repository with a book of two figures and a listing, not built."""
    chapter = root / "chapters" / "growth"
    for folder in ("figures", "listings"):
        (chapter / folder).mkdir(parents=True)
    (root / "chapters" / "_quarto.yml").write_text("project:\n  type: book\n")
    (root / "helpers.py").write_text(HELPERS)
    (root / ".gitignore").write_text("/.bookfigs/\n__pycache__/\n")
    for helper in ("double", "square"):
        text = FIGURE.format(helper=helper)
        (chapter / "figures" / f"{helper}_growth.py").write_text(text)
    (chapter / "listings" / "doubling.toml").write_text(LISTING)
    git(root, "init", "--quiet")
    commit(root)
    return Book(root / "chapters")


def bookfigs(
    book: Book, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line on a book, in a process of its own."""
    command = ["--book", str(book.folder), *arguments]
    now = dict(env or os.environ)
    if warm.read_early(now) == warm.read_early(os.environ):
        program = "bookfigs --scheduler" if "--scheduler" in arguments else "bookfigs"
        return warm.run(program, command, ROOT, now)
    return subprocess.run(
        [sys.executable, "-m", "bookfigs", *command],
        cwd=ROOT,
        env=now,
        capture_output=True,
        text=True,
        check=False,
    )


def git(root: Path, *arguments: str) -> str:
    """Run git as somebody, whoever runs the tests."""
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        ["git", "-C", root, *who, *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def commit(root: Path) -> None:
    """Commit everything."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "state")


def python(script: str) -> str:
    """Run a script in a process of its own, at the root; returns what it prints."""
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
