r"""Normalising: what of an output differs from run to run is replaced by rules.

Some rules always hold (addresses, the folder a program runs in, tracebacks'
paths); a listing file declares others::

    [[normalise]]
    pattern = '\d+\.\d+ s'
    with = "0.0 s"
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from bookfigs.errors import InputError

FONTS = re.compile(r"^Matplotlib is building the font cache.*\n", re.MULTILINE)
"""Said where it takes long."""

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
CLOCK = re.compile(
    r"\b\d{4}-\d\d-\d\d([ T])\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?"
)
BUILT_IN: tuple[tuple[re.Pattern[str], str], ...] = (
    (FONTS, ""),
    (ADDRESS, "0x..."),
    (CLOCK, r"YYYY-MM-DD\1HH:MM:SS"),
)


class Rule(Struct, frozen=True, forbid_unknown_fields=True, rename={"by": "with"}):
    """A regular expression, and what stands for each of its matches."""

    pattern: str
    by: str

    def compiled(self, where: str) -> re.Pattern[str]:
        """The expression. Raises: InputError if it is none, or matches nothing."""
        try:
            found = re.compile(self.pattern, re.MULTILINE)
            found.sub(self.by, "")
        except (re.error, IndexError, RecursionError) as error:
            what = f"normalise has pattern {self.pattern!r}, with {self.by!r}: {error}"
            raise InputError(where, what) from error
        if found.match(""):
            what = (
                f"normalise has pattern {self.pattern!r}, which matches no text at all"
            )
            raise InputError(where, what)
        return found


def places(work: Path, home: Path, root: Path) -> dict[str, str]:
    """What stands for the folders of a run and of the project."""
    names = {work: ".", home: "~", f"{root}/": "", f"{root.resolve()}/": ""}
    return {str(path): name for path, name in names.items()}


def normalised(
    text: str, rules: Iterable[Rule], folders: Mapping[str, str], where: str
) -> str:
    """An output in which runs do not differ.

    ``folders`` are paths and the names that stand for them. Trailing space and
    blank lines at the end are dropped.
    Raises: InputError for a rule that is none.
    """
    for path in sorted(folders, key=len, reverse=True):
        text = text.replace(path, folders[path])
    for pattern, by in BUILT_IN:
        text = pattern.sub(by, text)
    for rule in rules:
        text = rule.compiled(where).sub(rule.by, text)
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        del lines[-1]
    return "\n".join(lines) + "\n" if lines else ""
