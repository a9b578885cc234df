"""A small book whose figure takes real times: known work, a known law."""

import subprocess
from pathlib import Path

from bookfigs.book import Book
from smallbook import bookfigs, commit, make_book

WORK = '''
"""Work whose amount is known."""


def steps(n):
    return n


def once(n):
    x = 1
    for _ in range(steps(n)):
        x = (x * 5 + 3) % 8191
    return x


def twice(n):
    return once(n) + once(n)


def share(n):
    return 1 / n
'''

FIGURE = '''
"""What does a loop cost as it gets longer?"""

from bookfigs.claim import Claim, Exponent, Median, Ratio, Value
from bookfigs.column import close, exact, key, measured

LENGTHS = [2000, 4000, 8000, 16000]
COLUMNS = {
    "arm": key(),
    "n": key("steps"),
    "steps": exact("steps"),
    "share": close("1", tolerance=1e-6),
    "seconds": measured("s"),
}
POINTS = [{"n": n} for n in LENGTHS]
QUICK = [{"n": n} for n in LENGTHS[:3]]


def measure(device, n):
    from bookfigs.measure.clock import interleave

    import work

    arms = {"once": lambda: work.once(n), "twice": lambda: work.twice(n)}
    samples = interleave(arms, rounds=15, block=0.02)
    for arm, seconds in samples.items():
        yield {
            "arm": arm,
            "n": n,
            "steps": work.steps(n),
            "share": work.share(n),
            "seconds": seconds,
        }


def twice_over_once(n):
    return Ratio("seconds", {"arm": "twice", "n": n}, {"arm": "once", "n": n})


VALUES = {"ratio": Value(twice_over_once(8000), "{:.0f}")}
CLAIMS = {
    "twice": Claim("Twice is twice.", twice_over_once(8000), low=1.7, high=2.4),
    "linear": Claim(
        "It grows in proportion.",
        Exponent("seconds", "n", {"arm": "once"}),
        low=0.8,
        high=1.2,
    ),
    "longest": Claim("Twice stays.", twice_over_once(16000), low=1.7, high=2.4),
    "counted": Claim("It counts.", Median("steps", {"arm": "once", "n": 2000}), low=1),
}
SIZE = (3, 2)


def draw(record, axes):
    axes.plot(record.cells("n", arm="once"), record.cells("steps", arm="once"))
    axes.set_xlabel("n")


CAPTION = "**Loops**: twice takes {ratio} times as long."
ALT = "A line that rises."
'''

TORCH = '''"""Stands in for torch, which loops in Python do not need."""

import numpy


def tensor(values, dtype):
    return numpy.array(values)


def finfo(dtype):
    return numpy.finfo(float)


def __getattr__(name):
    return lambda *arguments, **options: None
'''

LIES = {
    "a loop slowed": ("return once(n) + once(n)", "return once(n) + once(n) + once(n)"),
    "an arm not slow any more": ("return once(n) + once(n)", "return once(n)"),
    "an exponent changed": ("range(steps(n))", "range(int(steps(n) ** 1.4 / 16))"),
    "a constant instead of a line": ("range(steps(n))", "range(9000)"),
    "a count changed": ("return n\n", "return n + 1\n"),
    "a float changed": ("return 1 / n", "return 1 / n + 1e-8"),
}
"""What a lie changes in ``work.py``."""


def make_timed_book(root: Path, *, block: float = 0.02) -> Book:
    """Make a book of one figure with times, each of so many seconds, not measured."""
    book = make_book(root)
    for path in [*book.figures().values(), *book.listings().values()]:
        path.unlink()
    (root / "work.py").write_text(WORK)
    (root / "torch.py").write_text(TORCH)
    figure = FIGURE.replace("block=0.02", f"block={block}")
    (book.folder / "growth" / "figures" / "loops.py").write_text(figure)
    commit(root)
    return book


def measure_evidence(book: Book) -> None:
    """Measure, and take the record for evidence whatever the machine is doing."""
    done = bookfigs(book, "figures")
    if done.returncode:
        raise RuntimeError(done.stderr)
    (record,) = (book.local / "records" / "loops").glob("*.json")
    target = book.folder / "growth" / "evidence" / "loops" / record.name
    target.parent.mkdir(parents=True)
    target.write_bytes(record.read_bytes())


def lie(book: Book, name: str) -> None:
    """Plant a lie, or take it back with an empty name."""
    old, new = LIES[name] if name else ("", "")
    if name and WORK.count(old) != 1:
        raise ValueError(name)
    (book.root / "work.py").write_text(WORK.replace(old, new) if name else WORK)


def replicate(book: Book, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Replicate the quick points."""
    return bookfigs(book, "replicate", "--quick", *arguments)
