"""Rules about code and math: what print and older programs cannot show."""

import re
from collections.abc import Iterator

from bookfigs.lint.finding import NOT_EXECUTED, Context, Hit
from bookfigs.prose.blocks import Fence
from bookfigs.prose.document import Page
from bookfigs.prose.inlines import shortcodes

COLUMNS = 70
"""The printed page does not wrap code."""

FILLS_MATH = (1, 10)
"""From this version on Quarto fills shortcodes in math."""

EXECUTABLE = frozenset({"python", "py", "python3"})
ECHO = re.compile(r"^\s*#\|\s*echo:\s*(?:true|fenced)", re.MULTILINE)
STRING = r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
SIGNS = {
    r"\#[^\n]*": "python py python3 r bash sh shell zsh yaml yml toml julia ruby make "
    "makefile dockerfile perl awk cmake numpy",
    r"//[^\n]*|/\*.*?\*/": "c cpp c++ cuda java javascript js typescript ts rust go "
    "csharp swift kotlin scala css",
    r"--[^\n]*": "lua sql haskell ada",
    r"%[^\n]*": "tex latex matlab",
}
COMMENT = {
    language: re.compile(rf"(?:{STRING})|(?P<comment>{sign})", re.DOTALL)
    for sign, languages in SIGNS.items()
    for language in languages.split()
}
BEYOND = re.compile(r"[^\x00-\x7f]+")
REASON = f"<!-- bookfigs-lint: allow {NOT_EXECUTED}: reason -->"


def _shown(page: Page) -> Iterator[Fence]:
    """Blocks of code that a reader sees as code."""
    for fence in page.fences:
        is_hidden = fence.is_cell and not ECHO.search(page.text[slice(*fence.body)])
        if not (fence.is_raw or is_hidden):
            yield fence


def is_python(fence: Fence) -> bool:
    """Whether a block is Python that Quarto shows and does not execute."""
    return fence.language in EXECUTABLE and not fence.is_cell


def lines_of(page: Page, fence: Fence) -> Iterator[tuple[int, str]]:
    """The lines of a block, and where what is printed of each begins."""
    at = fence.body[0]
    for line in page.text[slice(*fence.body)].split("\n"):
        lead = len(line[: fence.indent]) - len(line[: fence.indent].lstrip(" \t>"))
        yield at + lead, line[lead:].removesuffix("\r")
        at += len(line) + 1


def wide_line(context: Context) -> Iterator[Hit]:
    """A line of code that runs out of the printed page."""
    for page in context.pages:
        for fence in _shown(page):
            for start, whole in lines_of(page, fence):
                line = whole.rstrip()
                if len(line) > COLUMNS:
                    what = f"this line of code has {len(line)} columns"
                    fit = f"break it: the printed page has {COLUMNS}, and wraps none"
                    end = start + len(line)
                    yield Hit(page, start + COLUMNS, end, what, fit, fence.start)


def foreign_comment(context: Context) -> Iterator[Hit]:
    """A sign in a comment that the font of printed code may lack."""
    for page in context.pages:
        for fence in _shown(page):
            pattern = COMMENT.get(fence.language)
            for found in pattern.finditer(page.text, *fence.body) if pattern else ():
                sign = found["comment"] and BEYOND.search(page.text, *found.span())
                if sign:
                    what = f"{sign[0]!r} in a comment; printed code may lack the sign"
                    write = "write: ASCII"
                    yield Hit(page, *sign.span(), what, write, fence.start)


def not_executed(context: Context) -> Iterator[Hit]:
    """Python in a page that nothing ever ran."""
    for page in context.pages:
        for fence in page.fences:
            if is_python(fence) and not context.is_executed(page, fence):
                what = "this code was not run as it stands"
                write = f"run: bookfigs lint --execute; or say why not: {REASON}"
                end = page.text.find("\n", fence.start)
                yield Hit(page, fence.start, max(end, fence.start), what, write)


def execution_failed(context: Context) -> Iterator[Hit]:
    """Python in a page that was run, and failed."""
    for page in context.pages:
        yield from context.failures(page) or []


def value_in_math(context: Context) -> Iterator[Hit]:
    """A value in math, which Quarto garbles before 1.10."""
    for page in context.pages:
        for math in page.of("math"):
            for span in shortcodes(page.text, *math.inner):
                version = context.quarto()
                if version is not None and version >= FILLS_MATH:
                    return
                at_hand = ".".join(map(str, version)) if version else "none"
                what = f"Quarto before 1.10 garbles a value in math (here: {at_hand})"
                write = "write it beside the formula"
                yield Hit(page, span.start, span.end, what, write)


def faults(context: Context) -> Iterator[Hit]:
    """Markup that is read otherwise than it was meant."""
    for page in context.pages:
        for fault in page.faults:
            yield Hit(
                page, fault.start, fault.end, fault.what, "close it, or escape it"
            )
