"""The blocks of a .qmd file: front matter, code, divs, and chunks of text."""

from dataclasses import dataclass, field

from bookfigs.prose.markup import Attr

Range = tuple[int, int]


@dataclass(frozen=True)
class Fault:
    """What pandoc will read otherwise than it was meant."""

    start: int
    end: int
    what: str


@dataclass(frozen=True)
class Chunk:
    """Text with inline markup: a paragraph, list, table or heading."""

    start: int
    end: int
    is_heading: bool
    marks: tuple[Range, ...]
    """Quote signs, list markers and heading signs."""


@dataclass(frozen=True)
class Fence:
    """A block of code between fences; ``info`` is what follows the opening one."""

    start: int
    body: Range
    end: int
    indent: int
    info: str
    attr: Attr | None

    @property
    def language(self) -> str:
        """The language, without a dot or braces; empty if there is none."""
        if self.attr is not None:
            named = self.attr.words or self.attr.classes
            return named[0].lower() if named else ""
        return self.info.split()[0].lower() if self.info.split() else ""

    @property
    def is_raw(self) -> bool:
        """Whether it goes to one output format as it is, as ``{=html}``."""
        return self.language.startswith("=")

    @property
    def is_cell(self) -> bool:
        """Whether Quarto executes it, as ``{python}``."""
        return bool(self.attr and self.attr.words and not self.is_raw)


@dataclass(frozen=True)
class Div:
    """A fenced div; ``end`` is the end of the file if nothing closes it."""

    start: int
    head_end: int
    end: int
    attr: Attr


@dataclass
class Blocks:
    """Everything found, in the order of the file (divs in that of their ends)."""

    meta: list[Range] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    divs: list[Div] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
