"""How a process ended, in words that a message can use."""

import re
import signal
from pathlib import Path


def ending(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended itself with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if status == -signal.SIGKILL:
        name += ", as the kernel does when memory runs out"
    return f"was ended by {name}"


def place(printed: bytes, path: Path) -> str:
    """The line of the figure file at which a crash came, if Python could tell."""
    text = printed.decode(errors="replace")
    found = re.findall(rf'File "{re.escape(str(path))}", line (\d+)', text)
    return f" ({path.name}:{found[0]})" if found else ""


def last_words(printed: bytes) -> str:
    """The last line that was printed before the crash report."""
    text = printed.decode(errors="replace").partition("Fatal Python error")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"; it printed last: {lines[-1][:120]!r}" if lines else ""
