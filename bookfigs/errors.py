"""One family of errors: where, what was asked, what there is, what to run.

Each class is an exit code, so that a script can tell them apart:

====  =====================================================
   1  a failure that none of the classes below describes
   2  usage (click's own)
   3  input: a file that is not what it has to be
   4  unknown name
   5  a figure could not be measured or drawn, a listing not proven
   6  outdated: the book does not follow from its sources
   7  a claim does not hold
   8  environment: a program or a package is missing
   9  publishing was refused by a gate
  10  a page has something that lint does not let pass
====  =====================================================

The form of a message is the same in the Quarto extension::

    bookfigs: WHERE: WHAT
      nearest: …
      available: …
      run: …
"""

import difflib
from collections.abc import Iterable

SHOWN = 12
"""How many available names a message spells out."""


class BookfigsError(Exception):
    """Something that the user can mend, said so that they can."""

    exit_code = 1

    def __init__(
        self,
        where: object,
        what: str,
        *,
        asked: str | None = None,
        available: Iterable[str] | None = None,
        run: str | None = None,
    ) -> None:
        self.where = str(where)
        self.what = what
        self.asked = asked
        self.available = None if available is None else sorted(available)
        self.run = run
        super().__init__(self.message())

    def message(self) -> str:
        """Place and cause on the first line, the remedy on the next ones."""
        lines = [f"{self.where}: {self.what}"]
        if self.available is not None:
            lines += self._names(self.available)
        if self.run:
            lines.append(f"  run: {self.run}")
        return "\n".join(lines)

    def _names(self, available: list[str]) -> list[str]:
        near = difflib.get_close_matches(self.asked or "", available, n=3)
        shown = ", ".join(available[:SHOWN]) or "nothing yet"
        if len(available) > SHOWN:
            shown += f", … (and {len(available) - SHOWN} more)"
        nearest = [f"  nearest: {', '.join(near)}"] if near else []
        return [*nearest, f"  available: {shown}"]


class StorageError(BookfigsError):
    """Something could not be written; what was there before is still whole."""


class InputError(BookfigsError):
    """A file of the book is not what it has to be."""

    exit_code = 3


class NewerSchemaError(InputError):
    """A document that a later version of bookfigs wrote; never written over."""


class UnknownNameError(BookfigsError):
    """A name that nothing has."""

    exit_code = 4


class FigureError(BookfigsError):
    """A figure could not be measured, judged or drawn."""

    exit_code = 5


class ListingError(FigureError):
    """A listing's program or tests could not be run, or do not prove its lines."""


class OutdatedError(BookfigsError):
    """The generated part of the book does not follow from its sources."""

    exit_code = 6


class ClaimError(BookfigsError):
    """A claim does not hold in the evidence."""

    exit_code = 7


class EnvironmentMissingError(BookfigsError):
    """A program or package that is needed is not there."""

    exit_code = 8


class PublishError(BookfigsError):
    """A gate refused to make a record evidence."""

    exit_code = 9


class LintError(BookfigsError):
    """Pages have something that ``lint`` does not let pass."""

    exit_code = 10
