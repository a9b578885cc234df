"""Blocks of Python in pages: run when asked, apart, and remembered."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bookfigs import cache as caches
from bookfigs.book import Book
from bookfigs.cli import cli
from bookfigs.lint.book import gather
from bookfigs.lint.execution import Execution
from smallbook import ROOT, python
from test_proving import children

ALLOW = "<!-- bookfigs-lint: allow {}: it is so -->\n"
HELPERS = """
import pathlib

FACTOR = 2


def double(n):
    return FACTOR * n


def inverse(n):
    return 1 / n


def rows():
    return pathlib.Path(__file__).with_name("rows.txt").read_text()
"""


@pytest.fixture
def pages(tmp_path: Path) -> Book:
    """A project with a module and a book of no pages."""
    root = tmp_path / "project"
    (root / "chapters" / "one").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (root / "helpers.py").write_text(HELPERS)
    (root / "rows.txt").write_text("1 2\n")
    (root / "chapters" / "_quarto.yml").write_text("project:\n  type: book\n")
    return Book(root / "chapters")


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file counts as too young: a test does not wait."""
    monkeypatch.setattr(caches, "YOUNG_NS", -(10**12))


def write(book: Book, text: str, name: str = "one") -> Path:
    """Write a page, which ends its lines as it says."""
    path = book.folder / "one" / f"{name}.qmd"
    path.write_bytes(text.encode())
    return path


def block(*lines: str) -> str:
    return "".join(f"{line}\n" for line in ["```python", *lines, "```", ""])


def lint(book: Book, *arguments: object) -> Result:
    given = ["--book", str(book.folder), "lint", *map(str, arguments)]
    return CliRunner().invoke(cli, given, catch_exceptions=False)


def found(book: Book, *arguments: object) -> list[tuple[str, int, int, str]]:
    """Code, line, column and message of each finding."""
    done = lint(book, "--format", "json", *arguments)
    return [
        (one["code"], one["line"], one["column"], one["message"])
        for one in json.loads(done.stdout)["findings"]
    ]


def running(book: Book, *arguments: object) -> list[str]:
    """Pages that were run."""
    said = lint(book, "--execute", *arguments).stderr.splitlines()
    return [line.partition(":")[0] for line in said if ": running " in line]


FAILING: dict[str, tuple[str, int, int, str]] = {
    "does not parse": (
        block("x = 1", "y = (1 +"), 3, 5, "SyntaxError: '(' was never closed",
    ),
    "is indented oddly": (block("x = 1", "  y = 2"), 3, 0, "IndentationError: "),
    "holds a null": (block("x = '\0'"), 2, 1, "null bytes"),
    "raises": (
        block("x = 0", "", "ö = 1 / x"), 4, 5, "ZeroDivisionError: division by zero",
    ),
    "raises far inside": (
        block("import helpers", "helpers.inverse(0)"), 3, 1, "ZeroDivisionError",
    ),
    "raises in a module of its own": (
        block("exec('1 / 0')"), 2, 1, "ZeroDivisionError",
    ),
    "raises what cannot be told": (
        block("class E(Exception):", "    def __str__(self):", "        1 / 0", "",
              "raise E"),
        6, 1, "E: its text cannot be told",
    ),
    "raises what is no text": (block("raise ValueError('\\udcff')"), 2, 1, "Error: ?"),
    "raises at length": (
        block("raise ValueError('x' * 10**7)"), 2, 1, f"ValueError: {'x' * 288}…",
    ),
    "recurses": (
        block("def f():", "    f()", "", "f()"), 3, 5, "RecursionError: maximum",
    ),
    "raises in an earlier block": (
        block("def f(x):", "    return 1 / x") + block("f(0)"), 3, 12,
        "division by zero (called from the block in line 6)",
    ),
    "stops the page": (
        block("1 / 0") + block("x") + block("y"), 2, 1,
        "division by zero; 2 blocks after it did not run",
    ),
    "fails in a list": (
        "- One:\n\n  ~~~ {.python}\n  if True:\n      1 / 0\n  ~~~\n", 5, 7, "division",
    ),
    "fails in a quote": ("> ```py\n> x = 1\n> 1 / 0\n> ```\n", 3, 3, "division"),
    "has lines of DOS": (
        "A\r\n\r\n```python\r\nx = 1\r\n1 / 0\r\n```\r\n", 5, 1, "division",
    ),
    "does not end": (
        block("x = 0", "while True:", "    x += 1"), 0, 0,
        "did not end within 1 s and was ended",
    ),
    "does not end in what is compiled": (
        block("x = 0", "sum(iter(int, 1))"), 3, 1, "did not end within 1 s",
    ),
    "catches all and does not end": (
        block("while True:", "  try:", "    import time; time.sleep(9)",
              "  except BaseException: pass"),
        4, 5, "did not end within 1 s",
    ),
    "leaves a thread": (
        block("import threading, time", "def f():", "    while True: time.sleep(9)",
              "threading.Thread(target=f).start()"),
        0, 0, "did not end within 1 s",
    ),
    "prints without end": (
        block("while True:", "    print('x' * 99)"), 3, 5, "printed more than 1024 KiB",
    ),
    "writes without end": (
        block("import os", "while True:", "    os.write(1, b'x' * 99)"), 2, 1,
        "printed more than 1024 KiB and was ended",
    ),
    "writes outside": (
        block("x = 1", "open('/tmp/bookfigs-no', 'w')"), 3, 1,
        "it writes /tmp/bookfigs-no, which is outside of its folder; it was not",
    ),
    "writes outside and goes on": (
        block("try:", "    open('/tmp/bookfigs-no', 'w')", "except OSError:", "  pass"),
        3, 5, "outside of its folder; it was not written",
    ),
    "starts a process": (
        block("import os", "os.system('true')"), 3, 1, "it starts another process",
    ),
    "uses the network": (
        block("import socket", "socket.create_connection(('127.0.0.1', 9))"), 3, 1,
        "it uses the network",
    ),
    "leaves": (block("import sys", "sys.exit(0)"), 3, 1, "SystemExit: 0"),
    "ends its process": (
        block("x = 1") + block("import os", "os._exit(0)"), 6, 1,
        "ended itself with exit status 0",
    ),
    "is killed": (
        block("import os, signal", "os.kill(os.getpid(), 9)"), 2, 1, "by SIGKILL",
    ),
    "crashes": (
        block("import ctypes", "ctypes.string_at(0)"), 3, 1, "was ended by SIGSEGV",
    ),
    "closes everything": (
        block("import os", "os.closerange(1, 99)", "1 / 0"), 2, 1, "ended itself",
    ),
    "prints no text and raises": (
        block("import os", "os.write(1, b'\\xff')", "1 / 0"), 4, 1, "division by zero",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_is_an_error_at_its_line(pages: Book, name: str) -> None:
    text, line, column, said = FAILING[name]
    write(pages, text)
    ((code, *place, message),) = found(pages, "--execute", "--seconds", 1)
    assert code == "execution-failed"
    assert message.startswith("running this fails: ")
    assert said in message
    assert line in {0, place[0]}  # an endless loop is ended on any of its lines
    assert column in {0, place[1]}
    assert text.splitlines()[place[0] - 1].strip(" `")
    assert not Path("/tmp/bookfigs-no").exists()  # noqa: S108 - it is not there


SOUND: dict[str, str] = {
    "shares names": block("x = 1") + "Text.\n\n" + block("assert x == 1"),
    "knows the project": block("from helpers import double", "assert double(2) == 4"),
    "prints no text": block("import sys", "sys.stdout.buffer.write(b'\\xff\\n')"),
    "writes into its folder": block("open('f', 'w').write('x')", "print(open('f'))"),
    "asks for input": block("import sys", "assert sys.stdin.read() == ''"),
    "is the main module": block(
        "import pickle",
        "class A: pass",
        "assert type(pickle.loads(pickle.dumps(A()))) is A",
        "assert __name__ == '__main__'",
    ),
    "is source that can be read": block("def f():", "  return 1")
    + block("import inspect", "assert inspect.getsource(f).endswith('return 1\\n')"),
    "is of the future": block("from __future__ import annotations")
    + block("def f(x: nothing): pass"),
    "is empty": block(),
    "is in a tilde fence": "~~~ {.python filename='a.py'}\nx = 1\n~~~\n",
    "is of another language": "```sh\nfalse\n```\n\n```pycon\n>>> x\n```\n",
    "is a cell": "```{python}\n1 / 0\n```\n",
}


@pytest.mark.parametrize("name", SOUND)
def test_what_runs_is_not_told_of_and_not_run_again(pages: Book, name: str) -> None:
    write(pages, SOUND[name])
    assert found(pages, "--execute") == []
    assert running(pages) == []
    assert found(pages) == []


def test_nothing_runs_unless_it_is_asked_for(pages: Book) -> None:
    write(pages, block("x = 1") + block("1 / 0"))
    done = lint(pages)
    assert done.exit_code == 10
    assert done.stderr == ""
    assert "one.qmd:1:1: error not-executed: this code was not run" in done.stdout
    assert "run: bookfigs lint --execute; or say why not: <!--" in done.stdout
    assert "one.qmd:5:1: error not-executed" in done.stdout
    assert not (pages.local / "lint").exists()


def test_what_is_run_is_said_beside_what_is_found(pages: Book) -> None:
    write(pages, block("1 / 0") + block("x = 1"))
    done = lint(pages, "--execute")
    assert done.exit_code == 10
    assert done.stderr == "chapters/one/one.qmd: running 2 blocks of Python\n"
    assert done.stdout == (
        "chapters/one/one.qmd:2:1: error execution-failed: running this fails: "
        "ZeroDivisionError: division by zero; 1 block after it did not run\n"
        "  | 1 / 0\n"
        "  | ^\n"
        "  mend it, or say why it fails: "
        "<!-- bookfigs-lint: allow execution-failed: reason -->\n"
        "1 page: 1 error\n"
    )


def test_failures_are_told_in_every_format(pages: Book) -> None:
    write(pages, block("x = 1 + 1 / 0"))
    (run,) = json.loads(lint(pages, "--execute", "--format", "sarif").stdout)["runs"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("execution-failed", "error")
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (
        2,
        9,
        14,
    )
    shown = lint(pages, "--execute", "--format", "github").stdout
    assert shown.startswith(
        "::error file=chapters/one/one.qmd,line=2,endLine=2,col=9,endColumn=14,"
        "title=bookfigs execution-failed::running this fails: ZeroDivisionError"
    )


def test_what_fails_is_tried_again(pages: Book) -> None:
    write(pages, block("1 / 0"))
    assert [running(pages) for _ in range(2)] == [["chapters/one/one.qmd"]] * 2
    assert [code for code, *_ in found(pages)] == ["not-executed"]


def test_a_block_with_a_declared_reason_is_not_run(pages: Book) -> None:
    exempt = ALLOW.format("not-executed") + block("x = 2", "while True:", "    pass")
    write(pages, block("x = 1") + exempt + block("assert x == 1"))
    assert found(pages, "--execute") == []
    write(pages, exempt)
    assert running(pages) == []
    assert found(pages) == []


def test_a_block_that_is_meant_to_fail_lets_the_others_run(pages: Book) -> None:
    meant = ALLOW.format("execution-failed") + block("x = 2", "1 / 0")
    write(pages, meant + block("assert x == 2"))
    assert [code for code, *_ in found(pages)] == ["not-executed", "not-executed"]
    assert found(pages, "--execute") == []
    assert running(pages) == []
    write(pages, meant + block("assert x == 3"))
    assert [place[:2] for place in found(pages, "--execute")] == [
        ("execution-failed", 8)
    ]
    write(pages, ALLOW.format("execution-failed") + block("x = 2"))
    assert [code for code, *_ in found(pages, "--execute")] == ["exception-unused"]


def test_pages_share_nothing(pages: Book) -> None:
    write(pages, block("x = 1"))
    write(pages, block("import builtins", "print(x)"), "two")
    ((code, line, _, message),) = found(pages, "--execute")
    assert (code, line) == ("execution-failed", 3)
    assert "NameError: name 'x' is not defined" in message


def test_only_pages_that_are_asked_for_are_run(pages: Book) -> None:
    write(pages, block("1 / 0"))
    two = write(pages, block("x = 1"), "two")
    assert running(pages, two) == ["chapters/one/two.qmd"]
    assert running(pages, two) == []
    assert running(pages) == ["chapters/one/one.qmd"]


USING = block("import importlib", "import helpers", "helpers.rows()") + block(
    "other = importlib.import_module('other')"
)
CHANGES: dict[str, tuple[str, str, str, bool]] = {
    "a block": ("chapters/one/one.qmd", "rows()", "rows() ", True),
    "the prose": ("chapters/one/one.qmd", "# One\n", "# One\n\nMore.\n", False),
    "a function": ("helpers.py", "1 / n", "2 / n", True),
    "a constant": ("helpers.py", "FACTOR = 2", "FACTOR = 3", True),
    "a comment": ("helpers.py", "FACTOR = 2", "FACTOR = 2  # two", False),
    "a file that was read": ("rows.txt", "1 2", "1 3", True),
    "a module that a text names": ("other.py", "1", "2", True),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.usefixtures("aged")
def test_what_a_page_stands_on_decides_whether_it_runs_again(
    pages: Book, name: str
) -> None:
    (pages.root / "other.py").write_text("x = 1\n")
    write(pages, f"# One\n\n{USING}")
    file, old, new, again = CHANGES[name]
    assert found(pages, "--execute") == []
    path = pages.root / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert running(pages) == (["chapters/one/one.qmd"] if again else [])


def test_other_packages_are_another_question(
    pages: Book, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(pages, block("x = 1"))
    assert found(pages, "--execute") == []
    monkeypatch.syspath_prepend(tmp_path / "more-packages")
    assert [code for code, *_ in found(pages)] == ["not-executed"]


@pytest.mark.parametrize("content", ["{", '{"verdicts": 1}'])
def test_what_is_remembered_may_be_lost(pages: Book, content: str) -> None:
    write(pages, block("x = 1"))
    assert running(pages) == ["chapters/one/one.qmd"]
    (pages.local / "lint" / "cache.json").write_text(content)
    assert running(pages) == ["chapters/one/one.qmd"]


def test_the_project_is_left_as_it_was(pages: Book) -> None:
    write(pages, block("import helpers", "helpers.double(1)", "open('here', 'w')"))
    before = {p: p.stat().st_mtime_ns for p in pages.root.rglob("*") if p.is_file()}
    assert found(pages, "--execute") == []
    after = {p: p.stat().st_mtime_ns for p in pages.root.rglob("*") if p.is_file()}
    assert after.keys() - before.keys() == {pages.local / "lint" / "cache.json"}
    assert before.items() <= after.items()


def test_running_pages_imports_nothing_of_theirs(pages: Book) -> None:
    write(pages, block("import numpy, helpers"))
    printed = python(
        f"import sys\nsys.path[0] = {str(ROOT)!r}\n"
        "from pathlib import Path\nfrom bookfigs.book import Book\n"
        "from bookfigs.lint.book import gather\n"
        "from bookfigs.lint.execution import Execution\n"
        f"book = Book(Path({str(pages.folder)!r}))\n"
        "context, _ = gather(book, [], (1, 9))\n"
        "execution = Execution(book, context.pages)\n"
        "execution.run(print, jobs=1, seconds=60)\n"
        "heavy = {'torch', 'matplotlib', 'numpy', 'scipy', 'rich', 'helpers'}\n"
        "print(sorted(heavy & set(sys.modules)), len(execution.left))\n"
        "print(execution.complete(context).failures(context.pages[0]))"
    )
    assert printed.splitlines()[1:] == ["[] 0", "[]"]


def test_several_pages_run_at_once_and_each_is_told(pages: Book) -> None:
    for name in ("one", "two", "three"):
        write(pages, block("x = 1"), name)
    context, _ = gather(pages, [], (1, 9))
    execution = Execution(pages, context.pages)
    said: list[str] = []
    execution.run(said.append, jobs=2, seconds=60)
    assert len(said) == 3
    assert execution.left == []


def test_an_interruption_ends_every_process(pages: Book) -> None:
    write(pages, block("while True:", "    pass"))
    command = [sys.executable, "-m", "bookfigs", "--book", str(pages.folder)]
    with subprocess.Popen(
        [*command, "lint", "--execute"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stderr is not None
        assert "running 1 block of Python" in process.stderr.readline()
        while not children(process.pid):
            time.sleep(0.05)
        started = children(process.pid)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


def test_make_check_runs_what_pages_show() -> None:
    assert "bookfigs lint --execute\n" in (ROOT / "Makefile").read_text()
