"""The preview: what changed is made again, errors do not end it, Ctrl-C ends all."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.preview import Children, Preview, Wanted
from bookfigs.settled import state
from bookfigs.watch import changes
from smallbook import ROOT, Run

FIGURE = "growth/figures/double_growth.py"
SERVES = """
echo "quarto $*" >> {log}
[ "$1" = --version ] && {{ echo 1.9.38; exit 0; }}
sleep 600 &
echo $$ $! >> {pids}
wait
"""
PATIENCE = 60
"""Seconds after which a test gives up; none of them waits that long."""


def until(condition: Callable[[], object]) -> None:
    """Wait for something to become so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "did not become so"
        time.sleep(0.05)


def quarto(folder: Path, body: str) -> Path:
    path = folder / "quarto"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@contextmanager
def running(
    command: list[str], output: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that writes to a file, and ends in any case when this is left."""
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=file, stderr=file
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class Waits:
    """Time that passes only when it is looked at: each wait does the next thing."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps: Iterator[Callable[[], object]] = iter(steps)
        self.count = 0

    def __call__(self, _seconds: float) -> None:
        self.count += 1
        next(self._steps)()


def nothing() -> None:
    """A moment in which nobody writes."""


def names(book: Book, found: set[str]) -> set[str]:
    return {book.place(Path(path)) for path in found}


KINDS: dict[str, Callable[[Book], Path]] = {
    "figure": lambda book: book.folder / FIGURE,
    "listing": lambda book: book.folder / "growth/listings/doubling.toml",
    "code that both reach": lambda book: book.root / "helpers.py",
    "evidence": lambda book: book.evidence("double_growth")[0],
    "page": lambda book: book.folder / "growth" / "growth.qmd",
    "settings": lambda book: book.folder / "_quarto.yml",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_is_watched(published: Book, kind: str) -> None:
    (published.folder / "growth" / "growth.qmd").write_text("# Growth\n")
    path = KINDS[kind](published)

    def touch() -> None:
        path.write_text(path.read_text() + "\n")

    found = next(changes(published, wait=Waits(touch, nothing)))
    assert names(published, found) == {published.place(path)}


def test_what_changes_before_the_first_question_is_told(published: Book) -> None:
    page = published.folder / "a.qmd"
    watched = changes(published, wait=Waits(nothing, nothing))
    page.touch()
    assert next(watched) == {str(page)}


def test_new_and_deleted_files_are_noticed(published: Book) -> None:
    old = published.folder / FIGURE
    new = old.with_name("triple_growth.py")
    page = published.folder / "new.qmd"

    def move() -> None:
        old.rename(new)
        page.touch()

    found = next(changes(published, wait=Waits(move, nothing)))
    assert found == {str(old), str(new), str(page)}


def test_changes_in_a_row_are_told_as_one(published: Book) -> None:
    paths = [published.folder / name for name in ("a.qmd", "b.qmd", "c.qmd")]
    waits = Waits(nothing, *(path.touch for path in paths), nothing)
    found = next(changes(published, wait=waits))
    assert found == set(map(str, paths))
    assert waits.count == 5


def test_what_changes_while_something_is_made_is_told_next(published: Book) -> None:
    first, second = published.folder / "a.qmd", published.folder / FIGURE
    watched = changes(published, wait=Waits(first.touch, nothing, nothing, nothing))
    assert next(watched) == {str(first)}
    second.write_text(second.read_text() + "\n")
    assert next(watched) == {str(second)}


def test_what_is_made_or_an_editors_own_is_not_watched(published: Book) -> None:
    figure = published.folder / FIGURE
    page = published.folder / "a.qmd"

    def write() -> None:
        published.manifest.touch()
        (published.generated / "figures" / "double_growth.svg").touch()
        (published.local / "other.json").touch()
        figure.with_name(".double_growth.py.swp").touch()
        figure.with_name("double_growth.py~").touch()

    waits = Waits(write, nothing, page.touch, nothing)
    assert next(changes(published, wait=waits)) == {str(page)}


def test_a_file_that_code_begins_to_reach_is_watched_from_then_on(
    published: Book,
) -> None:
    other = published.root / "more.py"
    helpers = published.root / "helpers.py"

    def begin() -> None:
        other.write_text("FACTOR = 2\n")
        edit(helpers, "def double", "from more import FACTOR\n\n\ndef double")
        edit(helpers, "2 * n", "FACTOR * n")

    def change() -> None:
        other.write_text("FACTOR = 3\n")

    watched = changes(published, wait=Waits(begin, nothing, change, nothing))
    assert str(helpers) in next(watched)
    assert next(watched) == {str(other)}


def test_a_book_that_cannot_be_planned_is_watched_all_the_same(published: Book) -> None:
    published.manifest.write_text('{"schema": 99}')
    page = published.folder / "a.qmd"
    found = next(changes(published, wait=Waits(page.touch, nothing)))
    assert found == {str(page)}


class Noting(Children):
    """Programs that are noted instead of being waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[tuple[str, ...]] = []

    def run(self, command: Sequence[str]) -> int:
        """Note what of a command is ours."""
        self.ran.append(tuple(command[list(command).index("--book") + 2 :]))
        return 0


class Shown:
    """A preview in this process, with what it says and what it would run."""

    def __init__(self, book: Book, wanted: Wanted) -> None:
        self.said: list[str] = []
        self.children = Noting()
        self.ran = self.children.ran
        self.preview = Preview(book, wanted, self.children, self.said.append)

    def has_ended(self) -> bool:
        """Whether it has noticed that Quarto ended."""
        self.preview.notice()
        return bool(self.said)


@pytest.mark.parametrize(
    ("wanted", "ran"),
    [
        (Wanted(), [("figures", "--no-measure")]),
        (Wanted(measure=True), [("figures",)]),
        (Wanted(prove=True), [("prove",), ("figures", "--no-measure")]),
    ],
)
def test_nothing_is_measured_or_proven_unless_it_is_asked_for(
    book: Book, wanted: Wanted, ran: list[tuple[str, ...]]
) -> None:
    shown = Shown(book, wanted)
    shown.preview.act({str(book.folder / FIGURE)})
    assert shown.ran == ran
    assert shown.said == [f"changed: chapters/{FIGURE}"]


def test_prose_is_read_and_nothing_is_drawn_for_it(book: Book) -> None:
    page, gone = book.folder / "a.qmd", book.folder / "b.qmd"
    page.write_text("# A\n")
    shown = Shown(book, Wanted())
    shown.preview.act({str(page), str(gone)})
    assert shown.ran == [("lint", str(page))]


def test_without_quarto_it_says_so_and_watches(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUARTO_PATH", "/nonexistent/quarto")
    shown = Shown(book, Wanted())
    shown.preview.begin()
    assert "no pages are shown: quarto: QUARTO_PATH=/nonexistent" in shown.said[0]
    assert "run: install Quarto" in shown.said[0]
    shown.preview.act({str(book.folder / FIGURE)})
    assert len(shown.ran) == 2


def test_quarto_that_ended_is_told_once_and_started_again_at_the_next_change(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    body = f'[ "$1" = --version ] && {{ echo 1.9; exit; }}\necho "$*" >> {log}; exit 3'
    monkeypatch.setenv("QUARTO_PATH", str(quarto(tmp_path, body)))
    shown = Shown(book, Wanted(arguments=("--port", "4444")))
    shown.preview.begin()
    until(shown.has_ended)
    shown.preview.notice()
    (said,) = shown.said
    assert said.startswith("quarto preview has ended (exit status 3); it starts again")
    shown.preview.act({str(book.folder / "gone.qmd")})
    until(lambda: len(log.read_text().splitlines()) == 2)
    shown.children.end()
    assert log.read_text() == f"preview {book.folder} --port 4444\n" * 2


def test_a_page_that_is_named_is_previewed_instead_of_the_book(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    body = SERVES.format(log=log, pids=tmp_path / "pids")
    monkeypatch.setenv("QUARTO_PATH", str(quarto(tmp_path, body)))
    shown = Shown(book, Wanted(arguments=("a.qmd", "--no-browser")))
    shown.preview.begin()
    until(lambda: log.exists() and "preview" in log.read_text())
    shown.children.end()
    assert "quarto preview a.qmd --no-browser\n" in log.read_text()


@pytest.mark.parametrize("has_extension", [True, False])
def test_quarto_is_told_of_a_new_picture_by_the_date_of_a_file_it_looks_at(
    published: Book, *, has_extension: bool
) -> None:
    told = published.folder / "_quarto.yml"
    if has_extension:
        told = published.folder / "_extensions" / "bookfigs" / "bookfigs.lua"
        told.parent.mkdir(parents=True)
        told.write_text("-- the filter\n")
    content = told.read_bytes()
    os.utime(told, (0, 0))
    children = Children()
    preview = Preview(published, Wanted(serve=False), children, print)
    preview.make()
    assert told.stat().st_mtime == 0  # nothing was made anew
    edit(published.folder / FIGURE, "at the end it is", "finally it is")
    preview.make()
    children.end()
    assert told.stat().st_mtime > 0
    assert told.read_bytes() == content
    assert "finally it is" in published.manifest.read_text()


def test_figures_without_measuring_makes_the_book_and_forgets_nothing(
    published: Book, run: Run
) -> None:
    edit(published.root / "helpers.py", "2 * n", "n + n")
    said = run("figures", "--no-measure")
    assert said.returncode == 0, said.stderr
    assert "0 measured" in said.stdout
    assert (
        run("figures", "--no-measure").stdout == run("figures", "--no-measure").stdout
    )
    assert "1 measured" in run("figures").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_with_all_that_it_started(
    published: Book, tmp_path: Path, number: signal.Signals
) -> None:
    log, pids, output = tmp_path / "log", tmp_path / "pids", tmp_path / "output"
    program = quarto(tmp_path, SERVES.format(log=log, pids=pids))
    environment = {**os.environ, "QUARTO_PATH": str(program)}
    command = [sys.executable, "-m", "bookfigs", "--book", str(published.folder)]
    with running([*command, "preview"], output, environment) as process:
        until(lambda: pids.exists() and pids.read_text().endswith("\n"))
        started = [int(pid) for pid in pids.read_text().split()]
        assert all(map(alive, started))
        process.send_signal(number)
        assert process.wait(PATIENCE) == 130
    assert output.read_text().endswith("bookfigs: the preview has ended\n")
    until(lambda: not any(map(alive, started)))


def test_an_error_in_a_figure_is_shown_and_the_watch_goes_on(
    published: Book, tmp_path: Path
) -> None:
    command = [sys.executable, "-u", "-m", "bookfigs", "--book", str(published.folder)]
    output = tmp_path / "output"
    figure = published.folder / FIGURE
    with running([*command, "preview", "--no-serve"], output, os.environ) as process:
        until(lambda: "watching" in output.read_text())
        edit(figure, "def draw", "def drew")
        until(lambda: "offers a function draw()" in output.read_text())
        edit(figure, "def drew", "def draw")
        edit(figure, "at the end it is", "finally it is")
        until(lambda: "double_growth: drawn" in output.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert "finally it is" in published.manifest.read_text()
    assert state(published.folder / "_bookfigs" / "figures" / "double_growth.svg")


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
