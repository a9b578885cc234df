"""Import every hostile file, and write what it is refused with and what that takes.

Run from the root of the repository: ``python benchmarks/hostile.py``; it writes
``benchmarks/hostile.md``. The status is 1 if any was not refused.
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / name) for name in ("tests", ".")]

from malicious import KINDS, bring_in  # noqa: E402 - found above
from smallbook import bookfigs, commit, make_book  # noqa: E402 - the same

SHOWN = 90
"""Signs of a message that are shown."""


def said(printed: str, path: Path) -> str:
    """What was said first of a file, short enough for a table."""
    lines = printed.strip().splitlines()
    first = lines[0].removeprefix("bookfigs: ").replace(str(path), "FILE")
    shown = first if len(first) <= SHOWN else first[:SHOWN] + "…"
    return "".join(c if c.isprintable() else "?" for c in shown).replace("|", "\\|")


def main() -> None:
    """Write a row for each kind."""
    rows, failed = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book = make_book(folder / "small")
        for arguments in (["figures"], ["publish", "double_growth"]):
            bookfigs(book, *arguments)
        commit(book.root)
        for number, hostile in enumerate(KINDS):
            (folder / str(number)).mkdir()
            path = hostile.make(book, folder / str(number) / "b.json")
            ended = bring_in(book, path, folder / str(number))
            failed += ended.status not in {3, 4} or "Traceback" in ended.printed
            cells = (
                hostile.kind.encode("unicode_escape").decode(),
                ended.status,
                said(ended.printed, path),
                f"{ended.seconds:.1f}",
                f"{ended.peak:.0f}",
            )
            rows.append("| " + " | ".join(map(str, cells)) + " |")
    head = "| kind | exit | refused with | seconds | peak MiB |\n" + "|---" * 5 + "|"
    tail = f"{len(KINDS)} kinds, {len(KINDS) - failed} refused, nothing written."
    text = "\n".join(["# Hostile bundles", "", head, *rows, "", tail, ""])
    (HERE / "hostile.md").write_text(text)
    print(text)  # noqa: T201 - a program
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
