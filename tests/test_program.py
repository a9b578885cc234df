"""Programs of listings: run apart, limited, unable to do damage."""

from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.errors import BookfigsError, InputError, ListingError
from bookfigs.listings.program import run_program
from smalllisting import declare, make_program, write_module


def output(book: Book, text: str | bytes, declared: str = "") -> str:
    return run_program(book, make_program(book, text, declared)).output


def test_output_and_errors_are_captured_in_their_order(book: Book) -> None:
    text = (
        "import sys, os\nprint('one')\nprint('two', file=sys.stderr)\n"
        "os.write(1, b'three\\n')\nprint('four')\n"
    )
    assert output(book, text) == "one\ntwo\nthree\nfour\n"


def test_program_sees_the_project_and_nothing_of_the_user(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s")
    text = """
import os, sys
from helpers import double
if __name__ == "__main__":
    print(double(2), os.listdir(), "SECRET" in os.environ, os.path.basename(__file__))
    print(sys.argv == [__file__], hash("a") == hash("a"), sys.stdin.read() == "")
"""
    assert output(book, text) == "4 [] False shown.py\nTrue True True\n"


def test_what_differs_from_run_to_run_is_normalised(book: Book) -> None:
    text = """
import datetime, os, time
print(object())
print(os.getcwd(), __file__)
print(datetime.datetime.now())
print("took", time.perf_counter(), "s")
"""
    rules = "[[normalise]]\npattern = 'took [0-9.e-]+'\nwith = 'took 1'\n"
    expected = (
        "<object object at 0x...>\n. chapters/growth/listings/shown.py\n"
        "YYYY-MM-DD HH:MM:SS\ntook 1 s\n"
    )
    assert output(book, text, rules) == expected


def test_declared_exit_status_is_what_is_expected(book: Book) -> None:
    raising = "def f():\n    raise ValueError('no')\n\nf()\n"
    shown = output(book, raising, "status = 1\n")
    assert shown.startswith("Traceback (most recent call last):\n  File ")
    assert shown.endswith("ValueError: no\n")
    assert "launch" not in shown
    assert output(book, "import sys\nsys.exit(3)\n", "status = 3\n") == ""
    with pytest.raises(ListingError, match=r"exit status 1, not 0; .*ValueError: no"):
        output(book, raising)
    with pytest.raises(ListingError, match=r"exit status 0, not 1"):
        output(book, "print()\n", "status = 1\n")


@pytest.mark.parametrize(
    ("text", "declared", "said"),
    [
        ("def (:\n", "", r"listings/shown\.py: ended itself.* SyntaxError"),
        ("while True:\n    pass\n", "seconds = 0.5\n", "did not end within 0.5 s"),
        ("import os\nos.closerange(1, 99)\nwhile 1: pass\n", "seconds = 0.5\n",
         "closed its output, did not end within"),
        ("while True:\n    print('x' * 60)\n", "", "printed more than 1024 KiB"),
        ("print('x' * 71)\n", "", "output line 1 has 71 columns"),
        ("print('\\x1b[1m')\n", "", r"U\+001B"),
        ("import sys\nsys.stdout.buffer.write(b'ab\\n\\xff')\n", "",
         r"no UTF-8 \(line 2, byte 4: 0xff\)"),
        ("import os\nos.kill(os.getpid(), 9)\n", "", "ended by SIGKILL"),
        ("import os\nos._exit(7)\n", "", "exit status 7"),
        (b"\x00\n", "", "ended itself"),
        ("raise RecursionError\n", "", "RecursionError"),
    ],
)  # fmt: skip
def test_programs_that_go_wrong_are_messages(
    book: Book, text: str | bytes, declared: str, said: str
) -> None:
    with pytest.raises((ListingError, InputError), match=said):
        output(book, text, declared)


def test_bytes_that_are_no_text_are_shown_where_that_is_declared(book: Book) -> None:
    text = "import sys\nsys.stdout.buffer.write(b'a\\xffb\\n')\n"
    assert output(book, text, "undecodable = true\n") == "a\ufffdb\n"


@pytest.mark.parametrize(
    "attempt",
    [
        "open(P, 'w')",
        "open(P, 'r+b')",
        "os.open(P, os.O_RDWR | os.O_CREAT)",
        "os.remove(P)",
        "os.rename(P, 'here')",
        "open('x', 'w').close(); os.rename('x', P)",
        "os.mkdir(P + '.d')",
        "os.chmod(P, 0)",
        "os.truncate(P, 0)",
        "os.symlink('/', P + '.l')",
        "os.symlink(P, 'l'); open('l', 'w')",
        "shutil.rmtree(os.path.dirname(P))",
        "os.remove('victim', dir_fd=os.open(os.path.dirname(P), os.O_RDONLY))",
        "pathlib.Path(P).write_text('')",
        "sqlite3.connect(P)",
        "os.utime(P)",
        "\ntry:\n    open(P, 'w')\nexcept OSError:\n    pass",
    ],
)
def test_writes_outside_of_the_folder_are_refused_and_harmless(
    book: Book, tmp_path: Path, attempt: str
) -> None:
    (tmp_path / "outside").mkdir()
    victim = tmp_path / "outside" / "victim"
    victim.write_text("whole")
    before = victim.stat()
    text = f"import os, pathlib, shutil, sqlite3\nP = {str(victim)!r}\n{attempt}\n"
    with pytest.raises(ListingError, match="outside of its folder; it was not written"):
        output(book, text)
    after = victim.stat()
    assert victim.read_text() == "whole"
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert list(victim.parent.iterdir()) == [victim]


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        ("subprocess.run(['true'])", r"starts another process \(subprocess.Popen\)"),
        ("os.system('true')", "starts another process"),
        ("os.fork()", "starts another process"),
        ("socket.create_connection(('127.0.0.1', 9))", "uses the network"),
        ("os.kill(os.getppid(), 9)", "ends another process"),
    ],
)
def test_processes_and_the_network_are_refused(
    book: Book, attempt: str, said: str
) -> None:
    text = f"import os, socket, subprocess\n{attempt}\n"
    with pytest.raises(ListingError, match=said):
        output(book, text)


def test_writing_in_its_folder_and_for_a_while_is_allowed(book: Book) -> None:
    text = """
import os, shutil, sqlite3, subprocess, tempfile
os.mkdir("d")
with open("d/f", "w") as file:
    file.write("x")
with tempfile.TemporaryDirectory() as name:
    open(name + "/g", "w").close()
shutil.rmtree("d")
open(os.devnull, "w").close()
sqlite3.connect(":memory:").close()
try:
    subprocess.run(["true"])
except OSError as error:
    print(type(error).__name__, os.listdir())
"""
    assert output(book, text) == "PermissionError []\n"


def test_project_is_left_as_it_was(book: Book) -> None:
    text = "import helpers\nprint(helpers.double(1))\n"
    listing = make_program(book, text)
    before = {p: p.stat().st_mtime_ns for p in book.root.rglob("*")}
    run_program(book, listing)
    assert {p: p.stat().st_mtime_ns for p in book.root.rglob("*")} == before


def test_lines_that_were_executed_are_told(book: Book) -> None:
    path = write_module(
        book, "m.py", "def f(x):\n    if x:\n        return 1\n    return 2\n"
    )
    toml = 'symbol = "m:f"\nprogram = "listings/shown.py"\ncaption = "c"\n'
    make_program(book, "from m import f\nf(1)\nraise SystemExit(f(1))\n")
    listing = declare(book, toml + "status = 1\n")
    found = run_program(book, listing, watched=path)
    assert found.lines == [1, 2, 3]
    own = make_program(book, "x = 1\nif not x:\n    print(x)\n")
    assert run_program(book, own, watched=own.program).lines == [1, 2]


def test_listing_without_a_program_is_said(book: Book) -> None:
    with pytest.raises(BookfigsError, match="declares no program"):
        run_program(book, declare(book, 'symbol = "helpers:double"\ncaption = "c"\n'))
