"""Passages: the blocks of Python of one page, run in their order as one program."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from bookfigs.ending import ending
from bookfigs.lint.allowance import allowances
from bookfigs.lint.code import is_python, lines_of
from bookfigs.lint.finding import FAILED, NOT_EXECUTED, Hit
from bookfigs.listings.child import Ended, attend
from bookfigs.listings.fences import Block, Columns, Event, Passage, events
from bookfigs.prose.blocks import Fence
from bookfigs.prose.document import Page

GRACE = 10.0
"""Seconds after which a process is ended that does not end itself when it has to."""

WRITE = "write below the current folder, or to tempfile"
MEND = f"mend it, or say why it fails: <!-- bookfigs-lint: allow {FAILED}: reason -->"


class Failure(Struct, frozen=True):
    """What went wrong, told so that it holds wherever the blocks move to."""

    what: str
    block: int
    """Which block failed."""
    within: int
    """In which block the place lies."""
    line: int
    """The line of that block, from 0."""
    columns: Columns | None = None


class Outcome(Struct, frozen=True):
    """What came of running the blocks of a page."""

    failures: list[Failure] = []
    files: dict[str, str] = {}
    """Files of the project that were loaded or read, with their digests if known."""


@dataclass(frozen=True)
class Task:
    """A page, those of its blocks that are to be run, and what is run of them."""

    page: Page
    fences: list[Fence]
    blocks: list[Block]

    def is_sound(self, outcome: Outcome) -> bool:
        """Whether nothing failed but what may."""
        return all(self.blocks[failure.block].may_fail for failure in outcome.failures)


def read_task(page: Page) -> Task:
    """The blocks of a page that are to be run: those without a declared reason."""
    declared, _ = allowances(page, {FAILED, NOT_EXECUTED})
    allowed = {(one.code, line) for one in declared for line in one.lines}
    fences, blocks = [], []
    for fence in page.fences:
        line, _ = page.place(fence.start)
        if is_python(fence) and (NOT_EXECUTED, line) not in allowed:
            text = "\n".join(said for _, said in lines_of(page, fence))
            first, _ = page.place(fence.body[0])
            fences.append(fence)
            blocks.append(Block(first, text, (FAILED, line) in allowed))
    return Task(page, fences, blocks)


def run_task(root: Path, task: Task, seconds: float) -> Outcome:
    """Run the blocks of a page in a fresh process.

    Raises: EnvironmentMissingError if none can be started. Nothing outside of the
    folder that it runs in is changed.
    """
    with tempfile.TemporaryDirectory(prefix="bookfigs-") as name:
        ended = attend(
            "fences",
            Passage(str(root), task.blocks, seconds),
            root=root,
            folder=Path(name).resolve(),
            seconds=seconds + GRACE,
        )
    found, line = events(ended.reported)
    told = [event for event in found if event.kind in {"failed", "refused"}]
    failures = [_failure(task, event) for event in told]
    if what := _end(ended, found, line, seconds):
        begun = max((event.block for event in found), default=0)
        failures.append(_failure(task, Event("failed", begun, what, line)))
    files = [file for event in found for file in event.files]
    return Outcome(failures, dict.fromkeys(files, ""))


def _end(ended: Ended, found: list[Event], line: int, seconds: float) -> str:
    """Why a process did not end by itself, and well; empty if it did."""
    is_done = any(event.kind == "done" for event in found)
    late = b"\nTimeout (" in b"\n" + ended.reported
    if late or (ended.why and ended.why.startswith(("closed", "did not"))):
        return f"did not end within {seconds:g} s and was ended"
    if ended.why:
        return ended.why
    if is_done and not line:
        return ""
    last = [
        line for line in ended.printed.decode(errors="replace").splitlines() if line
    ]
    return ending(ended.status) + (
        f"; it printed last: {last[-1][:120]}" if last else ""
    )


def _failure(task: Task, event: Event) -> Failure:
    """An event with its place among the blocks."""
    line = event.line or task.blocks[event.block].line
    before = [n for n, block in enumerate(task.blocks) if block.line <= line]
    within = before[-1] if before else event.block
    offset = line - task.blocks[within].line
    return Failure(event.what, event.block, within, offset, event.columns)


def hits(task: Task, outcome: Outcome) -> list[Hit]:
    """What is to be said of the failures in a page, and where."""
    return [_hit(task, failure) for failure in outcome.failures]


def _hit(task: Task, failure: Failure) -> Hit:
    lines = list(lines_of(task.page, task.fences[failure.within]))
    at, text = lines[min(failure.line, len(lines) - 1)]
    indent = len(text) - len(text.lstrip())
    start, end = failure.columns or (indent, max(len(text.rstrip()), indent + 1))
    what = f"running this fails: {failure.what}"
    if failure.within != failure.block:
        line, _ = task.page.place(task.fences[failure.block].start)
        what += f" (called from the block in line {line})"
    left = len(task.blocks) - failure.block - 1
    if left and not task.blocks[failure.block].may_fail:
        what += f"; {left} block{'s' * (left != 1)} after it did not run"
    remedy = WRITE if "outside of its folder" in failure.what else MEND
    block = task.fences[failure.block].start
    return Hit(task.page, at + start, at + end, what, remedy, block)
