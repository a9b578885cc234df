"""Commands of which one write fails: what is tried, and how it has to end."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from bookfigs.book import Book
from bookfigs.manifest import read_manifest
from longbook import TORCH
from plainbook import CLAIM, FIG, LST, VAL
from smallbook import ROOT, bookfigs, commit, make_book
from smalllisting import write_module

LOST = "lost or half-written"
TRACE = "traceback"
SILENT = "no message"
LEFT = "left behind"
OTHER = "not repaired"
HUNG = "hung"
PROBLEMS = (TRACE, SILENT, LOST, LEFT, OTHER, HUNG)
"""What a trial may find."""

KEPT_TO_SAVE_TIME = re.compile(
    r"small/\.bookfigs/(?:cache\.json|settled|checked|lint|lock)(?:\.[a-z]+)?"
)
"""Files that hold nothing but what was found by reading, by states of files."""

SCRAP = "small/.bookfigs/journal/"
"""Points that a record holds by now; the next run removes what is left of them."""

HALF = re.compile(r"(?:.*/)?\.[^/]+\.[a-z0-9_]{8}")
"""Names of files that were being written when their run was killed."""

MESSAGE = re.compile(r"bookfigs: .+: .+\n(?:.*\n)*  run: ")
MANIFEST = "small/chapters/_bookfigs/manifest.json"
MEASURED = re.compile(r"small/\.bookfigs/(?:records|journal)/.+\.json")

PROVEN = """
symbol = "helpers:double"
caption = "**Doubling**: one product."
tests = ["tests/test_helpers.py"]
"""

PROOF = textwrap.dedent("""
    import sys

    sys.path.insert(0, ".")
    from helpers import double


    def test_double():
        assert double(3) == 6
""")

PAGE = """# Growth

See @fig-double-growth and @lst-doubling: at the end it is
{{< val double_growth.last >}}, and
[it grows]{.claim ref="double_growth.grows"}. There are 77 ways.

::: {#fig-double-growth .bookfigs}
:::

::: {#lst-doubling .bookfigs}
:::
"""


@dataclass(frozen=True)
class Command:
    """A command that writes, and the state of the book that it is run in."""

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda _: None
    """What is changed in the finished book before."""
    statuses: tuple[int, ...] = (0,)
    """How the command ends where nothing fails."""
    again: tuple[int, ...] = (0,)
    """How it may end when it is run a second time."""


def _anew(box: Path) -> None:
    """Nothing is measured here, nothing drawn."""
    shutil.rmtree(box / "small" / ".bookfigs")
    shutil.rmtree(box / "small" / "chapters" / "_bookfigs")


def _undrawn(box: Path) -> None:
    """Nothing is drawn, and there is a picture of a figure that is gone."""
    shutil.rmtree(box / "small" / "chapters" / "_bookfigs")
    folder = box / "small" / "chapters" / "_bookfigs" / "figures"
    folder.mkdir(parents=True)
    (folder / "gone.svg").write_text("<svg/>")


def _unproven(box: Path) -> None:
    shutil.rmtree(box / "small" / "chapters" / "growth" / "evidence" / "listings")


def _unpublished(box: Path) -> None:
    shutil.rmtree(box / "small" / "chapters" / "growth" / "evidence" / "double_growth")


def _packed(box: Path) -> None:
    """A bundle, and no record."""
    book = Book(box / "small" / "chapters")
    done = bookfigs(book, "bundle", "--to", str(box / "packed.json"))
    assert done.returncode == 0, done.stderr
    shutil.rmtree(book.local / "records")


def _old_extension(box: Path) -> None:
    done = bookfigs(Book(box / "small" / "chapters"), "init")
    assert done.returncode == 0, done.stderr
    (found,) = (box / "small").rglob("bookfigs.lua")
    found.unlink()


SMALL = "--book", "small/chapters"
COMMANDS = (
    Command("figures", (*SMALL, "figures", "--jobs", "1"), _anew),
    Command("figures --no-measure", (*SMALL, "figures", "--no-measure"), _undrawn),
    Command("prove", (*SMALL, "prove", "--jobs", "1"), _unproven),
    Command("publish", (*SMALL, "publish", "double_growth"), _unpublished),
    Command("bundle", (*SMALL, "bundle", "--to", "out/bundle.json")),
    Command("import", (*SMALL, "import", "packed.json"), _packed),
    Command("export", (*SMALL, "export", "--to", "other")),
    Command("export --blocks", (*SMALL, "export", "--to", "other", "--blocks")),
    Command("init, a new book", ("--book", "empty", "init", "empty")),
    Command("init, a book", (*SMALL, "init")),
    Command("init --update", (*SMALL, "init", "--update"), _old_extension),
    Command("new figure", (*SMALL, "new", "figure", "third"), again=(0, 3, 4)),
    Command("new listing", (*SMALL, "new", "listing", "third"), again=(0, 3, 4)),
    Command("new chapter", (*SMALL, "new", "chapter", "third"), again=(0, 3, 4)),
    Command(
        "lint --update-baseline",
        (*SMALL, "lint", "--baseline", "known.json", "--update-baseline"),
    ),
    Command("accept", (*SMALL, "accept")),
    Command("check", (*SMALL, "check")),
)


def make_box(box: Path) -> None:
    """Make the finished book, another one that exports are made to, and folders."""
    book = make_book(box / "small")
    (book.folder / "growth" / "figures" / "square_growth.py").unlink()
    (book.folder / "growth" / "growth.qmd").write_text(PAGE)
    (book.folder / "growth" / "listings" / "doubling.toml").write_text(PROVEN)
    settings = "project:\n  type: book\nbook:\n  chapters:\n    - index.qmd\n"
    (book.folder / "_quarto.yml").write_text(settings)
    (book.folder / "index.qmd").write_text("# Start\n")
    write_module(book, "torch.py", TORCH)
    write_module(book, "tests/test_helpers.py", PROOF)
    commit(book.root)
    for order in ("prove", "figures", "publish double_growth", "figures"):
        done = bookfigs(book, *order.split())
        assert done.returncode == 0, done.stderr
        commit(book.root)
    for name in ("tmp", "locks", "out", "empty", "other"):
        (box / name).mkdir()
    text = f"{FIG}\n{LST}\n{VAL}\n{CLAIM}"
    text = text.replace("step-time", "double-growth").replace(
        "step_time", "double_growth"
    )
    text = text.replace("linear_scan", "doubling").replace("length", "last")
    text = text.replace("slower", "grows")
    (box / "other" / "page.qmd").write_text(f"# Page\n\n{text}\n")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what there is then."""

    status: int
    printed: str
    trace: list[str]
    files: dict[str, bytes]


@dataclass
class Trial:
    """What came of one fault at one point."""

    point: str
    fault: str
    problems: dict[str, str] = field(default_factory=dict)
    """Kind of problem → what was seen."""


class Bench:
    """Runs commands in a folder that is made again for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.box = folder / "box"
        make_box(self.box)
        shutil.copytree(self.box, folder / "template", symlinks=True)

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "faulty.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self._environment(PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'tests'}"),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def ready(self, command: Command) -> None:
        """Make the state that a command begins with, once for all its trials."""
        self._copy("template", self.box)
        command.prepare(self.box)
        shutil.rmtree(self.folder / "before", ignore_errors=True)
        shutil.copytree(self.box, self.folder / "before", symlinks=True)
        self.before = snapshot(self.box)
        self.good = self.run(command)
        assert self.good.status in command.statuses, self.good.printed

    def tries(
        self, command: Command, faults: tuple[str, ...], every: int = 1
    ) -> Iterator[Trial]:
        """Let each fault happen at each point, or at every so many-th."""
        self.ready(command)
        count = len(self.good.trace)
        for turn, fault in enumerate(faults):
            for number in range(1 + turn % every, count + 1, every):
                yield self.trial(command, number, fault)

    def trial(self, command: Command, number: int, fault: str) -> Trial:
        """Let one fault happen at one point, run again, and judge both."""
        self._copy("before", self.box)
        hit = self.run(command, number, fault)
        point = hit.trace[number - 1] if hit.trace else self.good.trace[number - 1]
        trial = Trial(point, fault)
        self._judge_fault(trial, hit)
        second = self.run(command)
        self._judge_second(trial, command, second)
        return trial

    def run(self, command: Command, number: int = 0, fault: str = "") -> Ended:
        """Run a command, with a fault or without."""
        names = {name: self.folder / name for name in ("out", "err", "trace")}
        names["trace"].unlink(missing_ok=True)
        order: dict[str, Any] = {
            "arguments": command.arguments,
            "cwd": str(self.box),
            "watched": str(self.box),
            "number": number,
            "fault": fault,
            "environment": {
                "TMPDIR": str(self.box / "tmp"),
                "BOOKFIGS_LOCKS": str(self.box / "locks"),
            },
        }
        order |= {name: str(path) for name, path in names.items()}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        printed = names["out"].read_text() + names["err"].read_text()
        trace = names["trace"]
        seen = trace.read_text().splitlines() if trace.exists() else []
        return Ended(status, printed, seen, snapshot(self.box))

    def _judge_fault(self, trial: Trial, hit: Ended) -> None:
        if hit.status == -999:
            trial.problems[HUNG] = hit.printed[-500:]
        if "Traceback" in hit.printed or "Exception ignored" in hit.printed:
            trial.problems[TRACE] = hit.printed[-2000:]
        killed = trial.fault.startswith("kill")
        if not killed and hit.status == 0:
            whole = {n: c for n, c in self.good.files.items() if not is_local(n)}
            now = {n: c for n, c in hit.files.items() if not is_local(n)}
            differing = differences(whole, now)
            if not all(is_scrap(name, trial.point) for name in differing):
                trial.problems[SILENT] = f"status 0, and {differing}"
        elif (
            not killed
            and trial.fault != "interrupt"
            and not MESSAGE.search(hit.printed)
        ):
            trial.problems[SILENT] = hit.printed[-500:]
        if wrong := [*self._torn(hit.files, trial.point, killed=killed)]:
            trial.problems[LOST] = str(wrong)

    def _torn(
        self, now: dict[str, bytes], point: str = "", *, killed: bool
    ) -> Iterator[str]:
        """Files that are neither as they were nor as they have to become."""
        for name in self.before.keys() & self.good.files.keys() - now.keys():
            yield f"{name} is gone"
        for name, content in now.items():
            whole = (self.before.get(name), self.good.files.get(name))
            if content in whole or KEPT_TO_SAVE_TIME.fullmatch(name):
                continue
            if is_scrap(name, point):
                continue
            if killed and (HALF.fullmatch(name) or name.startswith("tmp/")):
                continue
            if MEASURED.fullmatch(name) and content:
                continue
            if name == MANIFEST and self._is_manifest():
                continue  # it says what could not be drawn
            yield name

    def _is_manifest(self) -> bool:
        """Whether the manifest is whole, whatever it says."""
        book = Book(self.box / "small" / "chapters")
        manifest = read_manifest(book)
        return manifest is not None and manifest.is_sealed

    def _judge_second(self, trial: Trial, command: Command, second: Ended) -> None:
        if second.status not in {*command.statuses, *command.again}:
            trial.problems[OTHER] = f"status {second.status}: {second.printed[-500:]}"
        if "Traceback" in second.printed:
            trial.problems[TRACE] = f"second run: {second.printed[-2000:]}"
        apart = differences(self.good.files, second.files)
        more = [n for n in apart if HALF.fullmatch(n) or n not in self.good.files]
        if apart and set(apart) != set(more):
            trial.problems[OTHER] = f"{apart} {second.printed[-300:]}"
        if more:
            trial.problems[LEFT] = str(more)

    def _copy(self, name: str, target: Path) -> None:
        shutil.rmtree(target)
        shutil.copytree(self.folder / name, target, symlinks=True)

    def _environment(self, **more: str) -> dict[str, str]:
        """That of the tests, without what would write elsewhere or differ."""
        fixed = {"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
        return {**os.environ, **fixed, **more}


def is_local(name: str) -> bool:
    """Whether a file is none of the book: kept to save time, or for a moment."""
    return bool(KEPT_TO_SAVE_TIME.fullmatch(name)) or name.startswith("tmp/")


def is_scrap(name: str, point: str) -> bool:
    """Whether a file is of no more use, and there since it could not be removed."""
    return name.startswith(("tmp/", SCRAP)) and point == f"unlink {name}"


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Names of files that are not the same, but for those that save time."""
    names = one.keys() | other.keys()
    return sorted(
        name
        for name in names
        if one.get(name) != other.get(name) and not is_local(name)
    )


def snapshot(box: Path) -> dict[str, bytes]:
    """All files, but for what git and Python keep; of records what is the same."""
    found = {}
    for folder, inner, files in os.walk(box):
        inner[:] = [name for name in inner if name not in {".git", "__pycache__"}]
        for name in files:
            path = Path(folder, name)
            place = path.relative_to(box).as_posix()
            content = b"" if path.is_symlink() else path.read_bytes()
            found[place] = _settled(content) if MEASURED.fullmatch(place) else content
    return found


def _settled(content: bytes) -> bytes:
    """What is the same in each measurement; empty if the file is not whole."""
    try:
        plain = msgspec.json.decode(content)
    except msgspec.MsgspecError:
        return b""
    return msgspec.json.encode(plain["columns"], order="sorted")
