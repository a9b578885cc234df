"""Fences: runs the blocks of code of one page, as someone who types them would.

One after another, in one namespace and one fresh process, confined as programs of
listings are. Each keeps the line numbers of its page, so that every place that
Python tells is one of the page.
"""

import __future__

import faulthandler
import linecache
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, ModuleType, TracebackType

import msgspec
from msgspec import Struct

from bookfigs.listings.child import PRINTED_LIMIT, receive
from bookfigs.listings.confine import confine

PAGE = "<page>"
"""What the page is called in tracebacks; plain, so that no report abridges it."""

FRAME = re.compile(rf'File "{PAGE}", line (\d+)'.encode())
THREAD = re.compile(rb"^(?=(?:Current t|T)hread )", re.MULTILINE)
SHOWN = 300
"""Characters of what an exception says that a message shows."""

FEATURES = [getattr(__future__, name) for name in __future__.all_feature_names]
FUTURE = sum({feature.compiler_flag for feature in FEATURES})
"""Flags of compiled code by which ``from __future__`` holds for what comes after."""

Columns = tuple[int, int]


class Block(Struct, frozen=True):
    """A block of code: the line of the page that it begins on, and its text."""

    line: int
    text: str
    may_fail: bool = False
    """Whether the next ones are run even if it fails."""


class Passage(Struct, frozen=True):
    """All blocks of one page."""

    root: str
    blocks: list[Block]
    seconds: float


class Event(Struct, frozen=True):
    """What is reported of a run."""

    kind: str
    """``begun``, ``failed`` or ``done``; ``refused`` for a write that was."""
    block: int = 0
    what: str = ""
    line: int = 0
    columns: Columns | None = None
    """Where in its line, in characters from 0."""
    files: list[str] = []
    """Files of the project that were loaded or read."""


def main() -> None:
    """Run the blocks that this process was started for."""
    passage, pipe = receive(Passage)
    runner = _Runner(passage, pipe)
    faulthandler.enable(pipe)
    faulthandler.dump_traceback_later(passage.seconds, exit=True, file=pipe)
    confine(Path.cwd().parent, runner.refused, alone=True)
    runner.run()


def events(reported: bytes) -> tuple[list[Event], int]:
    """What a run reported, and the line at which it was ended; 0 if it was not."""
    found = []
    for line in reported.splitlines():
        with suppress(msgspec.MsgspecError):  # the rest is a dump of its stacks
            found.append(msgspec.json.decode(line, type=Event))
    threads = THREAD.split(reported)
    current = [thread for thread in threads if thread.startswith(b"Current")]
    at = FRAME.search(current[0] if current else threads[-1]) or FRAME.search(reported)
    return found, int(at[1]) if at else 0


class TooMuchPrintedError(BaseException):
    """Printed more than a page can mean to; nothing is expected to catch it."""


class _Runner:
    """Runs blocks, and tells what becomes of them."""

    def __init__(self, passage: Passage, pipe: int) -> None:
        self._passage = passage
        self._pipe = pipe
        self._now = 0
        self._has_refused = False
        self._read: set[str] = set()
        self._flags = 0
        last = max((b.line + b.text.count("\n") for b in passage.blocks), default=0)
        self._lines = ["\n"] * last
        for block in passage.blocks:
            for number, line in enumerate(block.text.split("\n"), block.line - 1):
                self._lines[number] = f"{line}\n"

    def run(self) -> None:
        """Run all blocks, or those up to the first that fails."""
        linecache.cache[PAGE] = (0, None, self._lines, PAGE)
        sys.addaudithook(self._note)
        sys.argv[:] = [""]
        module = sys.modules["__main__"] = ModuleType("__main__")
        left = [PRINTED_LIMIT]
        for stream in (sys.stdout, sys.stderr):
            setattr(stream, "write", partial(_counted, stream.write, left))  # noqa: B010 - of an object not ours
        for number, block in enumerate(self._passage.blocks):
            self._now, self._has_refused = number, False
            self._tell("begun", line=block.line)
            has_failed = self._fails(block, module) or self._has_refused
            if has_failed and not block.may_fail:
                break
        files = self._read.union(_loaded())
        self._tell("done", files=sorted(filter(self._is_ours, files)))

    def refused(self, kind: str, what: str) -> None:
        """Tell what was refused, with the line that tried it.

        Only a write always fails: whoever expects no network goes on without.
        """
        if kind == "write" and not self._has_refused:
            self._has_refused = True
            line = _calling(sys._getframe()) or self._line  # noqa: SLF001 - its use
            self._tell("refused", f"{what}; it was not written", line)

    @property
    def _line(self) -> int:
        return self._passage.blocks[self._now].line

    def _fails(self, block: Block, module: ModuleType) -> bool:
        """Run a block; tell of what it raises."""
        try:
            code = self._compiled(block)
            exec(code, module.__dict__)  # noqa: S102 - that is what it is for
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            if not self._has_refused:
                line, columns = self._place(error)
                self._tell("failed", _words(error), line, columns)
            return True
        return False

    def _compiled(self, block: Block) -> CodeType:
        """Compile a block; what is imported from the future holds for the next ones."""
        text = "\n" * (block.line - 1) + block.text
        flags = self._flags
        code: CodeType = compile(text, PAGE, "exec", flags=flags, dont_inherit=True)
        self._flags |= code.co_flags & FUTURE
        return code

    def _place(self, error: BaseException) -> tuple[int, Columns | None]:
        """Line and columns at which an exception arose, the innermost of the page."""
        if isinstance(error, SyntaxError) and error.filename == PAGE and error.lineno:
            start = max((error.offset or 1) - 1, 0)
            same = error.end_lineno == error.lineno
            end = (error.end_offset or 0) - 1 if same else start
            return error.lineno, (start, max(end, start + 1))
        line, columns = _innermost(error.__traceback__, self._lines)
        return line or self._line, columns

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        """Note files that are opened; an audit hook."""
        if event == "open" and isinstance(arguments[0], str | bytes):
            self._read.add(os.path.realpath(os.fsdecode(arguments[0])))

    def _is_ours(self, name: str) -> bool:
        """Whether a file belongs to the project, and was not made from one."""
        inside = name.startswith(os.path.realpath(self._passage.root) + os.sep)
        made = "__pycache__" in name or "site-packages" in name
        return inside and not made and Path(name).is_file()

    def _tell(
        self,
        kind: str,
        what: str = "",
        line: int = 0,
        columns: Columns | None = None,
        files: list[str] | None = None,
    ) -> None:
        event = Event(kind, self._now, what, line, columns, files or [])
        os.write(self._pipe, b"\n" + msgspec.json.encode(event) + b"\n")


def _counted(write: Callable[[str], int], left: list[int], text: str) -> int:
    """Write a text, unless too much was written. Raises: TooMuchPrintedError."""
    left[0] -= len(text)
    if left[0] < 0:
        raise TooMuchPrintedError(f"printed more than {PRINTED_LIMIT >> 10} KiB")
    return write(text)


def _calling(frame: FrameType | None) -> int:
    """The line of the page that is being executed; 0 if none is."""
    while frame is not None:
        if frame.f_code.co_filename == PAGE:
            return frame.f_lineno
        frame = frame.f_back
    return 0


def _innermost(
    trace: TracebackType | None, lines: list[str]
) -> tuple[int, Columns | None]:
    """Line and columns of the innermost place of the page in a trace; 0 if none is."""
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PAGE:
            found = trace
        trace = trace.tb_next
    if found is None:
        return 0, None
    places = list(found.tb_frame.f_code.co_positions())
    line, last, *ends = places[found.tb_lasti // 2]
    if line != found.tb_lineno or line != last or None in ends:
        return found.tb_lineno, None
    told = lines[line - 1].encode()
    start, end = (len(told[:at].decode()) for at in ends)
    return line, (start, end)


def _words(error: BaseException) -> str:
    """What an exception says, as the last line of a traceback does, within limits."""
    try:
        said = str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:  # noqa: BLE001 - its text is no reason to stop
        said = "its text cannot be told"
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if len(text) > SHOWN:
        text = f"{text[:SHOWN]}…"
    return text.encode("utf-8", "replace").decode()


def _loaded() -> list[str]:
    """Files of the modules that were loaded."""
    files = [getattr(module, "__file__", None) for module in sys.modules.values()]
    return [os.path.realpath(file) for file in files if isinstance(file, str)]
