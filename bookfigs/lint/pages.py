"""What the rules find, without what is excepted. Nothing is read or printed."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from bookfigs.canonical import fingerprint
from bookfigs.lint.allowance import Allowance, allowances
from bookfigs.lint.finding import FAILED, Context, Finding, Hit, Rule
from bookfigs.lint.rules import INVALID, RULES, UNUSED
from bookfigs.prose.document import Source

WIDTH = 60
"""So many characters of a long line are shown on either side of a finding."""

WORDS = 2
"""So many words on either side of a finding tell it from others like it."""


def lint(context: Context, only: AbstractSet[str] | None = None) -> list[Finding]:
    """Everything that is wrong, but for declared exceptions, in the order of files.

    ``only`` names the files to speak of; the others are read for what refers to what.
    """
    hits = list(_excepted(context))
    found = [
        _finding(by, hit) for by, hit in hits if only is None or hit.source.name in only
    ]
    return sorted(found, key=lambda one: (one.file, one.line, one.column, one.code))


def _excepted(context: Context) -> Iterator[tuple[Rule, Hit]]:
    """What the rules find, without what is excepted; and idle exceptions."""
    codes = {each.code for each in RULES} - {INVALID.code, UNUSED.code}
    declared: list[Allowance] = []
    for page in context.pages:
        found, invalid = allowances(page, codes)
        declared += found
        yield from ((INVALID, hit) for hit in invalid)
    used: set[int] = set()
    for each in RULES:
        for hit in each.check(context):
            covering = [a for a in declared if a.covers(each.code, hit)]
            used |= {id(one) for one in covering}
            if not covering:
                yield each, hit
    for one in declared:
        unknown = one.code == FAILED and context.failures(one.page) is None
        if id(one) not in used and not unknown:
            what = f"nothing here has the code {one.code}"
            place = (one.page, one.comment.start, one.comment.end)
            yield UNUSED, Hit(*place, what, "remove the exception")


def _finding(by: Rule, hit: Hit) -> Finding:
    """A hit in words, with the text that it stands in."""
    line, column = hit.source.place(hit.start)
    end_line, end_column = hit.source.place(max(hit.end, hit.start))
    context, offset = _context(hit.source, line, column)
    return Finding(
        hit.source.name,
        line,
        column,
        end_line,
        end_column,
        by.code,
        by.severity,
        hit.message,
        hit.suggestion,
        context,
        offset,
        _fingerprint(by.code, hit),
    )


def _context(source: Source, line: int, column: int) -> tuple[str, int]:
    """A line, or what of a long one is around a column; and where that column is."""
    text, at = source.line(line), column - 1
    first, last = max(0, at - WIDTH), at + WIDTH
    lead = "…" if first else ""
    tail = "…" if last < len(text) else ""
    return f"{lead}{text[first:last]}{tail}", at - first + len(lead)


def _fingerprint(code: str, hit: Hit) -> str:
    """Tell a finding from others, wherever its paragraph moves to.

    It follows from the code, the text found, and the words around it.
    """
    text = hit.source.text
    before = text[max(0, hit.start - 200) : hit.start].split("\n\n")[-1].split()
    after = text[hit.end : hit.end + 200].split("\n\n")[0].split()
    around = [*before[-WORDS:], "|", *text[hit.start : hit.end].split(), "|"]
    content = " ".join([code, *around, *after[:WORDS]])
    if not text:
        content += hit.message
    return fingerprint(content.encode("utf-8", "replace"))
