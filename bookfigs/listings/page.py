"""The page: how wide code may be in print, and which characters it has."""

from collections.abc import Iterable

from bookfigs.errors import InputError

COLUMNS = 70
"""The printed page does not wrap code."""

LATIN = frozenset(
    map(chr, [*range(0x20, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)])
)
"""Characters that every text font has: ASCII and Latin-1."""


def require_printable(
    lines: Iterable[str],
    where: str,
    what: str,
    glyphs: str = "",
    columns: int = COLUMNS,
) -> None:
    """Refuse lines that the page has no room or no characters for.

    Raises: InputError with the line.
    """
    for number, line in enumerate(lines, 1):
        if len(line) > columns:
            said = f"{what} {number} has {len(line)} columns; a listing has {columns}"
            run = "break the line; or declare columns, where the page has more room"
            raise InputError(where, said, run=run)
        for sign in line:
            if sign not in LATIN and sign not in glyphs:
                raise InputError(
                    where,
                    f"{what} {number} has a character beyond ASCII and Latin-1, which "
                    f"print may lack: {sign!r} (U+{ord(sign):04X}) in {line.strip()!r}",
                    run="if the font of the PDF has it, declare it in the listing "
                    f"file: glyphs = {(glyphs + sign)!r}",
                )
