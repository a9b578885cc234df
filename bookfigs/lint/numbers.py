"""Rules about numbers: one in prose is a value, or somebody says why it is not.

What is no quantity is left alone: names (GPT-2, float32), years and dates, versions,
ordinals, and the numbers of sections, equations and list items. Code, math, links,
citations and attributes are no prose to begin with.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bookfigs.lint.finding import Context, Hit
from bookfigs.prose.document import Page

WORD = re.compile(r"[^\s\ufffc|—()\[\]{}“”„*=…\"<>]+")
DIGIT = re.compile(r"\d")
EDGE = "~≈≤≥±×+−–$€£#'’‘_.,;:!?%°/-"
ONE = r"\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][+−-]?\d+)?"
NUMBER = re.compile(rf"{ONE}(?:(?:–|-{{1,3}}){ONE})*")
NO_QUANTITY = re.compile(
    r"""[^\W\d_][\w.+\#/:-]*       # names: GPT-2, float32, arXiv:1706.03762
    | \d+(?:D|d|st|nd|rd|th)       # 3D, 2nd
    | \d{4}s | \d+-bit             # 1990s, 64-bit
    | \d{4}-\d\d(?:-\d\d)?         # dates
    | \d{1,2}:\d\d(?::\d\d)?       # times of day
    | v?\d+\.\d+\.\d[\w.+-]*       # versions
    | 10\.\d{4,}/\S+ | 0x[\da-f]+  # document identifiers, addresses
    """,
    re.VERBOSE | re.IGNORECASE,
)
MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November"
    r"|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\.?"
)
NUMBERED = re.compile(
    r"(?:^|[^\w])(?:[Ss]ection|[Cc]hapter|Part|[Ff]igure|Fig|[Tt]able|[Ll]isting"
    r"|[Ee]quation|[Ee]q|[Aa]ppendix|Step|[Tt]heorem|[Ll]emma|Definition|Algorithm"
    r"|Exercise|Example|[Pp]age|pp?|[Vv]olume|[Vv]ol|No(?=\.)|[Ii]ssue|[Vv]ersion"
    r"|[Rr]elease|Python|CUDA|PyTorch|NumPy|Quarto|[Pp]andoc|Ubuntu|Apache|ISO|IEEE"
    r"|RFC|PEP|CC[ ]BY)s?\.?[\s\u00a0]+$"
)
"""A word after which a number counts nothing."""

BEFORE_YEAR = re.compile(
    rf"(?:\b(?:in|between|since|until|before|after|from|around|circa|year|early|late|mid"
    rf"|spring|summer|autumn|winter|{MONTH}|{MONTH}\s+\d{{1,2}},)\s+|[(©]\s*"
    rf"|\b\d{{4}}\s+(?:and|to|or)\s+)$",
    re.IGNORECASE,
)
YEAR = re.compile(r"(?:1[6-9]\d\d|20[0-3]\d)(?:[–-](?:1[6-9]\d\d|20[0-3]\d|\d\d))?")
HEADED = re.compile(r"[\s\ufffc]*$")
SOURCE = "make it a value, or put it in math or code, or say why it may stand"
SEEN = 40
"""So many characters before a number tell what it is."""


@dataclass(frozen=True)
class Number:
    """A number in prose, as it is written."""

    page: Page
    start: int
    end: int
    text: str


def numbers(page: Page) -> Iterator[Number]:
    """Every number in the prose of a page that is a quantity."""
    heads = {c.start for c in page.blocks.chunks if c.is_heading}
    for word in WORD.finditer(page.prose):
        if not DIGIT.search(word[0]):
            continue
        lead = len(word[0]) - len(word[0].lstrip(EDGE))
        start, text = word.start() + lead, word[0].strip(EDGE)
        if NO_QUANTITY.fullmatch(text) or _is_named(page, start, text, heads):
            continue
        for found in NUMBER.finditer(page.prose, start, start + len(text)):
            if not _is_part_of_name(page.prose, found.start()):
                yield Number(page, *found.span(), found[0])


def _is_part_of_name(prose: str, at: int) -> bool:
    """Whether a letter stands right before."""
    return at > 0 and (prose[at - 1].isalpha() or prose[at - 1] == "_")


def _is_named(page: Page, start: int, text: str, heads: set[int]) -> bool:
    """Whether what stands before and after says that it counts nothing."""
    before = page.prose[max(0, start - SEEN) : start]
    after = page.prose[start + len(text) : start + len(text) + 12]
    if NUMBERED.search(before):
        return True
    if YEAR.fullmatch(text) and BEFORE_YEAR.search(before):
        return True
    is_day = text.isdecimal() and 1 <= int(text[:3]) <= 31  # noqa: PLR2004 - a month
    if is_day and re.search(rf"\b{MONTH}\s+$", before):
        return True
    if is_day and re.match(rf"\s+{MONTH}(?!\w)", after):
        return True
    line = page.text.rfind("\n", 0, start) + 1
    return line in heads and HEADED.fullmatch(page.prose[line:start]) is not None


def _hit(number: Number, message: str, suggestion: str) -> Hit:
    """A number that should not stand there; in attributes it belongs to a block."""
    around = (
        attr.start
        for attr, words in number.page.worded
        if words.start <= number.start < words.end
    )
    place = (number.start, number.end)
    return Hit(number.page, *place, message, suggestion, next(around, None))


def _plain(text: str) -> str:
    return text.replace(",", "").replace("−", "-")


def _values(context: Context) -> dict[str, list[str]]:
    """Names of values by the number that is printed for them."""
    found: dict[str, list[str]] = {}
    values = context.manifest.values if context.manifest else {}
    for name, value in sorted(values.items()):
        for number in re.findall(ONE, value.text):
            found.setdefault(_plain(number), []).append(name)
    return found


def _equal(number: Number, values: dict[str, list[str]]) -> list[str]:
    """Values that are printed as a number is, or as an end of a range.

    First those of the figure that the text speaks of nearest to it.
    """
    ends = re.findall(ONE, number.text)
    names = [name for end in ends for name in values.get(_plain(end), [])]

    def away(name: str) -> int:
        figure = name.partition(".")[0]
        text = number.page.text
        near = [text.rfind(each, 0, number.start) for each in _mentions(figure)]
        far = [text.find(each, number.end) for each in _mentions(figure)]
        distances = [abs(at - number.start) for at in [*near, *far] if at >= 0]
        return min(distances, default=len(text))

    return sorted(dict.fromkeys(names), key=away)


def _mentions(figure: str) -> tuple[str, str, str]:
    """What names a figure in a page."""
    return f"val {figure}.", f'"{figure}.', f"@fig-{figure.replace('_', '-')}"


def retyped(context: Context) -> Iterator[Hit]:
    """A number in prose that a value of the book computes."""
    values = _values(context)
    for page in context.pages:
        for number in numbers(page):
            if names := _equal(number, values):
                shown = ", ".join(names[:3])
                what = f"{number.text} is typed, and is the text of {shown}"
                write = f"write: {{{{< val {names[0]} >}}}}"
                yield _hit(number, what, write)


def unsourced(context: Context) -> Iterator[Hit]:
    """A number in prose that nothing computes."""
    values = _values(context)
    for page in context.pages:
        for number in numbers(page):
            if not _equal(number, values):
                what = f"{number.text} is a number without a source"
                yield _hit(number, what, SOURCE)
