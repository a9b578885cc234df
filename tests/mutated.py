"""Documents that are almost right, for commands that have to survive them."""

import json
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from bookfigs.cli import cli
from bookfigs.errors import BookfigsError
from bookfigs.settled import YOUNG_NS

PATIENCE = 60
"""Seconds after which a command counts as hanging."""

BUNDLE = "bundle.json"
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 2**64, 10**400, 1e308, -0.0, float("nan"),
    float("inf"), "", "\x00", "\ud800", "\u202e", "../../escaped", "/escaped",
    "a" * 70_000, "{}", "{x.y.z}", "[](x)", "{{< val x >}}", "#", [], {}, [[]], {"": 0},
)  # fmt: skip
"""What a field is replaced by."""

BYTES = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\x1b[2J",
    b"[" * 5000, b"{" * 5000, b'"' * 3, b"- " * 3000, b"&a [*a]", b"<!--", b"-->",
    b"::: {", b":::", b"```", b"---\n", b"{{< ", b">}}", b"`" * 500, b"*" * 3000,
    b"x" * 200_000, b"9" * 5000, b"1e999", b"0x", b"!!python/object:os.system", b"\\",
    b"$", b"$$", b"{#fig-", b"{.claim ref=", b"[^1]: ", b"\n" * 3000, b"\xc2\x85",
    b"\xe2\x80\xa8", b"<" * 2000, b"> " * 2000, b"[](" * 700, b"a: &b [*b]", b": ",
)  # fmt: skip
"""What is put into a text."""


@dataclass(frozen=True)
class Spoilt:
    """A file of the book with another content, and the commands that read it."""

    file: str
    content: bytes


TARGETS: dict[str, tuple[str, ...]] = {
    "chapters/_bookfigs/manifest.json": ("check", "list", "lint", "export"),
    "chapters/_quarto.yml": ("check", "list", "lint", "init", "new chapter other"),
    "chapters/growth/growth.qmd": ("check", "lint", "export", "accept --dry-run"),
    "chapters/growth/listings/doubling.toml": ("check", "list", "lint"),
    "chapters/growth/evidence/double_growth/RECORD": ("check", "list", "why"),
    ".bookfigs/records/double_growth/RECORD": ("figures --dry-run", "publish"),
    ".bookfigs/cache.json": ("check", "figures --dry-run"),
    ".bookfigs/checked": ("check",),
    BUNDLE: ("import",),
    "known.json": ("lint --baseline",),
    "other/page.qmd": ("export",),
}
"""Files that are spoilt, and what is run then."""


def command(said: str, root: Path) -> list[str]:
    """The arguments of a command in a project."""
    more = {
        "export": ["--to", str(root / "other"), "--check"],
        "import": [str(root / BUNDLE)],
        "why": ["double_growth"],
        "publish": ["double_growth"],
        "init": ["--dry-run"],
        "lint --baseline": [str(root / "known.json")],
    }
    return ["--book", str(root / "chapters"), *said.split(), *more.get(said, [])]


def run(said: str, root: Path) -> str:
    """Run a command in this process; returns what is wrong with how it ends."""
    with _patience():
        done = CliRunner().invoke(cli, command(said, root))
    error = done.exception
    if error is None or isinstance(error, (SystemExit, BookfigsError, OSError)):
        # the last two are messages in ``main``
        if isinstance(error, BookfigsError) and not error.message().strip():
            return "no message"
        return "Traceback" if "Traceback" in done.output else ""
    return "".join(traceback.format_exception(error))[-1500:]


class Hanging(BaseException):
    """A command that does not end; no command catches it."""


@contextmanager
def _patience() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hanging

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def spoilt(content: bytes, chance: random.Random) -> bytes:
    """The content with one to three things changed."""
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(WAYS)(content, chance)
    return content


def _flip(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return b"\x00"
    at = chance.randrange(len(content))
    changed = content[at] ^ 1 << chance.randrange(8)
    return content[:at] + bytes([changed]) + content[at + 1 :]


def _cut(content: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(content))
    end = chance.choice((len(content), start + chance.randint(0, 40)))
    return content[:start] + content[end:]


def _put(content: bytes, chance: random.Random) -> bytes:
    at = chance.choice((0, len(content), chance.randint(0, len(content))))
    return content[:at] + chance.choice(BYTES) + content[at:]


def _twice(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at = chance.randrange(len(lines))
    return b"".join(lines[:at] + lines[at : at + 5] * 2 + lines[at + 5 :])


def _swap(content: bytes, chance: random.Random) -> bytes:
    return content.replace(
        *chance.choice(((b"\n", b"\r\n"), (b'"', b"'"), (b"4", b"-")))
    )


def _encode(content: bytes, chance: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(chance.choice(("utf-16", "utf-8-sig", "latin-1")), "replace")


def _field(content: bytes, chance: random.Random) -> bytes:
    """Another value of another type somewhere in a tree of JSON."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return _put(content, chance)
    places = list(_places(tree))
    if not places:
        return content
    owner, key = chance.choice(places)
    act = chance.randrange(4)
    if act == 0:
        del owner[key]
    elif act == 1 and isinstance(owner, dict):
        owner[str(chance.choice(ODD))[:90]] = owner.pop(key)
    else:
        owner[key] = chance.choice(ODD)
    return json.dumps(tree).encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    pending = [tree]
    while pending:
        one = pending.pop()
        keys = one if isinstance(one, dict) else range(len(one))
        for key in list(keys):
            yield one, key
            if isinstance(one[key], (dict, list)):
                pending.append(one[key])


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _cut, _put, _twice, _swap, _encode, _field, _field,
)  # fmt: skip


def copied(box: Path, target: Path) -> Path:
    """A project, with what each target needs; returns its root."""
    root = target / "small"
    shutil.copytree(box / "small", root)
    shutil.copytree(box / "other", root / "other")
    time.sleep(YOUNG_NS / 1e9 + 0.1)  # or nothing is settled
    for name, arguments in (
        (BUNDLE, ["bundle", "--to", str(root / BUNDLE)]),
        ("known.json", ["lint", "--update-baseline", "--baseline",
                        str(root / "known.json")]),
        ("check", ["check"]),
    ):  # fmt: skip
        done = CliRunner().invoke(cli, ["--book", str(root / "chapters"), *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), name
    return root


def file_of(root: Path, target: str) -> Path:
    """The file that a target means; the record has the name of a device."""
    if target.endswith("RECORD"):
        (found,) = (root / target).parent.glob("cpu-*.json")
        return found
    return root / target


def escaped(folder: Path) -> set[str]:
    """What lies in a folder, and below it outside of the project."""
    inside = {"small"}
    return {path.name for path in folder.iterdir()} - inside
