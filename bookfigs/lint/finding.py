"""What a rule of ``lint`` sees, and what it says of it."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bookfigs.lint.accepted import Said
from bookfigs.manifest import Manifest
from bookfigs.prose.blocks import Fence
from bookfigs.prose.document import Page, Source

Severity = Literal["error", "warning", "info"]
NEAREST = 3

NOT_EXECUTED, FAILED = "not-executed", "execution-failed"
"""Codes that decide which blocks of code are run, and which may fail."""


def _never(_page: Page, _fence: Fence) -> bool:
    return False


def _unknown() -> None:
    return None


def _nobody_knows(_page: Page) -> None:
    return None


@dataclass(frozen=True)
class Context:
    """Everything that the rules look at; they read nothing else."""

    pages: list[Page]
    manifest: Manifest | None = None
    settings: list[Source] = field(default_factory=list)
    """``_quarto.yml`` first, then what completes it."""
    figures: Mapping[str, Source] = field(default_factory=dict)
    accepted: Mapping[str, Said] = field(default_factory=dict)
    """Sentences that were accepted, by page, where that is kept."""
    quarto: Callable[[], tuple[int, ...] | None] = _unknown
    """The version at hand, asked for only where it matters; None if there is none."""
    is_executed: Callable[[Page, Fence], bool] = _never
    """Whether something ran a block of code that Quarto does not execute."""
    failures: Callable[[Page], "list[Hit] | None"] = _nobody_knows
    """What failed when the blocks of a page ran; None if they did not."""


@dataclass(frozen=True)
class Hit:
    """Something that a rule found in a file; its code is the rule's."""

    source: Source
    start: int
    end: int
    message: str
    suggestion: str = ""
    block: int | None = None
    """Where the block begins that it lies in: an exception may stand above that."""


@dataclass(frozen=True)
class Rule:
    """A check with its name, and what to tell who asks for it."""

    code: str
    severity: Severity
    summary: str
    explanation: str
    check: Callable[[Context], Iterator[Hit]]


@dataclass(frozen=True)
class Finding:
    """A hit with its place in words: what every output format is made from."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    code: str
    severity: Severity
    message: str
    suggestion: str
    context: str
    """The line it stands on, or what of a long one is around it."""
    offset: int
    """Where in the context it begins."""
    fingerprint: str


def nearest(
    asked: str, available: Iterable[str], otherwise: str = "run: bookfigs list"
) -> str:
    """Say which names may have been meant, as the messages of errors do."""
    near = difflib.get_close_matches(asked, sorted(available), n=NEAREST)
    return f"nearest: {', '.join(near)}" if near else otherwise
