"""What an export found: files as they have to be, and what is not so."""

from dataclasses import dataclass, field
from pathlib import Path

from bookfigs.errors import BookfigsError, InputError, OutdatedError

BY_HAND = "was edited by hand"


@dataclass
class Work:
    """Collects what has to be written, what is stale and what is wrong."""

    remedy: str
    """The command that mends what is stale."""
    files: dict[Path, bytes] = field(default_factory=dict)
    pictures: set[Path] = field(default_factory=set)
    """Those that some page shows."""
    stale: list[BookfigsError] = field(default_factory=list)
    errors: list[BookfigsError] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    by_hand: list[BookfigsError] = field(default_factory=list)
    """Edits that writing would lose."""

    def note(self, where: str, what: str, *, by_hand: bool = False) -> None:
        """Note what is stale; and that writing would lose an edit."""
        self.stale.append(OutdatedError(where, what, run=self.remedy))
        if by_hand:
            said = f"{what}; writing would lose that"
            run = f"take what you need out of it; then {self.remedy} --force"
            self.by_hand.append(InputError(where, said, run=run))
