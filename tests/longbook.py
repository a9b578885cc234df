"""A small book whose figures tell when they are really measured, for long runs."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from bookfigs.book import Book
from smallbook import FIGURE, ROOT, bookfigs, commit, make_book

POINTS = 4

MEASURE = """def measure(device, n):
    import os
    import time

    from helpers import {helper}

    def tell(what):
        line = f"{slug} {{n}} {{what}} {{time.monotonic_ns()}}\\n".encode()
        log = os.open(os.environ["POINTS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, line)
        os.close(log)

    tell("start")
    time.sleep({seconds})
    tell("stop")
    yield {{"n": n, "result": {result}}}
"""

TORCH = '''"""Stands in for torch, which these figures do not need and which is slow."""


def __getattr__(name):
    return lambda *arguments, **options: None
'''


def make_long_book(root: Path, seconds: float = 0.3) -> Book:
    """Make a book of two counted figures whose points take a while, not built."""
    book = make_book(root)
    (root / "torch.py").write_text(TORCH)
    for helper in ("double", "square"):
        write_figure(book, f"{helper}_growth", helper, seconds)
    commit(root)
    return book


def write_figure(
    book: Book, slug: str, helper: str, seconds: float, *, timed: bool = False
) -> None:
    """Write a figure file: one that counts, or one that takes times."""
    result = f"[{helper}(n) * 1.0] * 9" if timed else f"{helper}(n)"
    head, _, rest = FIGURE.format(helper=helper).partition("def measure")
    tail = rest.partition("\n\n\n")[2]
    body = MEASURE.format(helper=helper, slug=slug, seconds=seconds, result=result)
    text = f"{head}{body}\n\n{tail}"
    if timed:
        text = text.replace('exact("items")', 'measured("s")')
        text = text.replace("import exact, key", "import key, measured")
        text = text.replace(
            'record.cells("result")', '[c[0] for c in record.cells("result")]'
        )
    path = book.folder / "growth" / "figures" / f"{slug}.py"
    path.write_text(text)


def environment(log: Path, **more: str) -> dict[str, str]:
    """The environment of a run: points are told to a log outside the book."""
    return {**os.environ, "POINTS_LOG": str(log), **more}


def told(log: Path) -> list[tuple[str, int, str, int]]:
    """What the log says: figure, n, start or stop, moment."""
    if not log.is_file():
        return []
    lines = [line.split() for line in log.read_text().splitlines()]
    return [(slug, int(n), what, int(at)) for slug, n, what, at in lines]


def started(log: Path) -> list[tuple[str, int]]:
    """The points whose measuring began, in order."""
    return [(slug, n) for slug, n, what, _ in told(log) if what == "start"]


def journalled(book: Book) -> set[tuple[str, int]]:
    """The points that the journal keeps, as the journal itself reads them."""
    import msgspec

    found = set()
    for path in (book.local / "journal").glob("*/*/[!.]*.json"):
        content = msgspec.json.decode(path.read_bytes())
        found.add((path.parts[-3], content["point"]["n"]))
    return found


def start(book: Book, log: Path, *arguments: str, **options: Any) -> Any:
    """Start a build in a process group of its own."""
    command = [sys.executable, "-m", "bookfigs", "--book", str(book.folder), "figures"]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=environment(log, **options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill_after(book: Book, log: Path, seconds: float) -> bool:
    """Start a build and kill its process group; False if it had ended before."""
    with start(book, log) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
        return False


def made(book: Book) -> dict[str, bytes]:
    """All that a build makes: pictures, listings, manifest, and columns measured."""
    import msgspec

    found = {
        path.relative_to(book.root).as_posix(): path.read_bytes()
        for folder in (book.generated, book.local / "figures")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name[0] != "."
    }
    for path in sorted((book.local / "records").rglob("*.json")):
        columns = msgspec.json.decode(path.read_bytes())["columns"]
        found[path.relative_to(book.root).as_posix()] = msgspec.json.encode(columns)
    return found


def leftovers(book: Book) -> list[str]:
    """Files that only a run at work may have: half-written ones, and the journal."""
    hidden = [
        path
        for folder in (book.local, book.generated)
        for path in folder.rglob(".*")
        if path.is_file()
    ]
    journal = (book.local / "journal").rglob("*")
    return sorted(book.place(path) for path in [*hidden, *journal])


def copy(book: Book, root: Path) -> Book:
    """Copy a book to another place, with git and everything."""
    shutil.copytree(book.root, root)
    return Book(root / "chapters")


def finish(book: Book, log: Path, *arguments: str, **more: str) -> Any:
    """Run a build to its end."""
    return bookfigs(book, "figures", *arguments, env=environment(log, **more))
