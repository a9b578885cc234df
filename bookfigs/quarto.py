"""The quarto binary: found, checked for its version, run as a subprocess."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bookfigs.book import Book
from bookfigs.errors import EnvironmentMissingError

OLDEST = (1, 4)
VARIABLE = "QUARTO_PATH"
INSTALL = (
    "install Quarto 1.4 or later from its web site, or set QUARTO_PATH to the binary"
)


def find_quarto() -> Path:
    """The binary that QUARTO_PATH names, else the one on PATH.

    Raises: EnvironmentMissingError that says what to install.
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or "quarto")
    if found is None:
        what = f"{VARIABLE}={named} is no program" if named else "not on PATH"
        raise EnvironmentMissingError("quarto", what, run=INSTALL)
    return Path(found)


def quarto_version(binary: Path) -> tuple[int, ...]:
    """Version of a binary. Raises: EnvironmentMissingError if it tells none."""
    try:
        answer = subprocess.run(  # noqa: S603 - the binary that the user named
            [binary, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=60,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentMissingError(
            binary, f"does not run: {error}", run=INSTALL
        ) from error
    match = re.match(r"(\d+)\.(\d+)\.?(\d*)", answer.strip())
    if match is None:
        raise EnvironmentMissingError(
            binary, f"tells no version, but {answer.strip()[:40]!r}", run=INSTALL
        )
    return tuple(int(part) for part in match.groups() if part)


def require_quarto() -> tuple[Path, str]:
    """A binary that is recent enough, and its version.

    Raises: EnvironmentMissingError if there is none.
    """
    binary = find_quarto()
    version = quarto_version(binary)
    shown = ".".join(map(str, version))
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise EnvironmentMissingError(
            binary, f"version {shown} is older than {oldest}", run=INSTALL
        )
    return binary, shown


def render(book: Book, arguments: Sequence[str]) -> int:
    """Run ``quarto render`` on the book; its output goes to ours.

    Returns: the exit status of quarto.
    Raises: EnvironmentMissingError if there is no quarto.
    """
    binary, _ = require_quarto()
    command = [str(binary), "render", str(book.folder), *arguments]
    return subprocess.run(command, check=False).returncode  # noqa: S603
