"""What is remembered saves time, and never hides a change."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bookfigs import cache as caches
from bookfigs import settled
from bookfigs.book import Book
from bookfigs.cache import Cache
from bookfigs.check import check, examine
from bookfigs.cli import cli
from bookfigs.closure import Project
from bookfigs.figure import Source, load
from bookfigs.plan import plan
from bookfigs.provenance import this_device
from smallbook import Run, python

ASKED = "asked"


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file counts as too young: a test does not wait."""
    monkeypatch.setattr(settled, "YOUNG_NS", -(10**12))
    monkeypatch.setattr(caches, "YOUNG_NS", -(10**12))


def settle(book: Book) -> None:
    """Leave behind what a build leaves that found nothing to do."""
    began, states = time.time_ns(), settled.states(book.folder, book.root)
    cache = Cache(book.local, by_state=True)
    plan(book, this_device("cpu"), cache)
    cache.save()
    seen = settled.Seen(began, states, cache.states)
    settled.keep(book.local, book.folder, ASKED, "all is well", seen)


def is_settled(book: Book) -> bool:
    return settled.recall(book.local, book.folder, ASKED) is not None


def in_place(path: Path) -> None:
    """Change a byte; size and modification time stay."""
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"2", b"3", 1))
    assert path.read_bytes() != content
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def replaced(path: Path) -> None:
    """Put another file of the same size and date in the place of one."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b"2", b"3", 1))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


LISTED = "a package that takes the name of a listing's module"
CHANGES: dict[str, Callable[[Book], object]] = {
    "a helper, with its old size and date": lambda b: in_place(b.root / "helpers.py"),
    "the evidence, with its old size and date": lambda b: in_place(
        b.evidence("double_growth")[0]
    ),
    "a picture, with its old size and date": lambda b: in_place(
        b.generated / "figures" / "double_growth.svg"
    ),
    "a table, with its old size and date": lambda b: in_place(
        b.generated / "data" / "double_growth.csv"
    ),
    "another picture of the same size and date": lambda b: replaced(
        b.generated / "figures" / "double_growth.svg"
    ),
    "a table too many": lambda b: (b.generated / "data" / "x.csv").touch(),
    "the manifest": lambda b: in_place(b.manifest),
    "a picture is gone": lambda b: (
        b.generated / "figures" / "double_growth.svg"
    ).unlink(),
    "a picture too many": lambda b: (b.generated / "figures" / "x.svg").touch(),
    "a listing file": lambda b: in_place_text(
        b.listings()["doubling"], "one product", "a product"
    ),
    "a printed listing": lambda b: in_place(b.generated / "listings" / "doubling.py"),
    "a figure more": lambda b: shutil.copy(
        b.figures()["double_growth"], b.folder / "growth" / "figures" / "more.py"
    ),
    "a figure less": lambda b: b.figures()["double_growth"].unlink(),
    "a chapter more": lambda b: (b.folder / "new" / "figures").mkdir(parents=True),
    "evidence more": lambda b: (b.folder / "growth" / "evidence" / "x").mkdir(),
    "the record of this machine is gone": lambda b: shutil.rmtree(b.local / "records"),
    LISTED: lambda b: make_package(b.root / "printed"),
    "a package that takes the helper's name": lambda b: make_package(
        b.root / "helpers"
    ),
}


HARMLESS = {"a chapter more", "the record of this machine is gone"}
"""Changes after which all that is generated still follows from the evidence."""


def in_place_text(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def print_from_a_copy(book: Book) -> None:
    """Let the listing be of a module that no figure imports."""
    shutil.copy(book.root / "helpers.py", book.root / "printed.py")
    in_place_text(book.listings()["doubling"], "helpers:", "printed:")


def make_package(folder: Path) -> None:
    folder.mkdir()
    (folder / "__init__.py").write_text("def double(n):\n    return 3 * n\n")


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.usefixtures("aged")
def test_every_change_unsettles_a_build(published: Book, name: str) -> None:
    print_from_a_copy(published)
    settle(published)
    assert is_settled(published)
    CHANGES[name](published)
    assert not is_settled(published)


def checked_before(book: Book) -> str | None:
    """What a check says at once."""
    asked = settled.circumstances("check")
    return settled.recall(book.local, book.folder, asked, kind=settled.CHECKED)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.usefixtures("aged")
def test_every_change_is_found_by_the_check_after_a_settled_one(
    published: Book, run: Run, name: str
) -> None:
    if name == LISTED:
        print_from_a_copy(published)
        assert run("figures").returncode == 0
    assert examine(published, settled.circumstances("check"))[0] == []
    assert checked_before(published)
    CHANGES[name](published)
    assert checked_before(published) is None
    errors, _ = examine(published, settled.circumstances("check"))
    assert bool(errors) == (name not in HARMLESS)
    assert (checked_before(published) is None) == bool(errors)


@pytest.mark.usefixtures("aged")
def test_check_in_full_and_drawing_again_do_not_believe_the_states(
    published: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change without a trace, which nothing but rewriting the disk could make."""
    assert examine(published, settled.circumstances("check"))[0] == []
    picture = str(published.generated / "figures" / "double_growth.svg")
    of, as_it_was = settled.state, settled.state(picture)
    in_place(Path(picture))
    without_a_trace = lambda path: as_it_was if str(path) == picture else of(path)  # noqa: E731
    monkeypatch.setattr(settled, "state", without_a_trace)
    monkeypatch.setattr(caches, "state", without_a_trace)

    def status(*options: str) -> int:
        command = ["--book", str(published.folder), "check", *options]
        return CliRunner().invoke(cli, command).exit_code

    assert [status(), status("--full"), status("--redraw")] == [0, 6, 6]


@pytest.mark.usefixtures("aged")
def test_a_check_in_full_computes_what_was_computed_before(published: Book) -> None:
    examine(published, settled.circumstances("check"))
    file = published.local / "cache.json"
    verdicts = json.loads(file.read_text())["verdicts"]
    assert sorted(verdicts) == sorted(published.figures())
    key, _ = verdicts["double_growth"]
    assert Cache(published.local).verdict("double_growth", key)
    assert Cache(published.local, anew=True).verdict("double_growth", key) is None


@pytest.mark.usefixtures("aged")
def test_a_check_that_finds_something_leaves_no_answer(published: Book) -> None:
    in_place(published.generated / "figures" / "double_growth.svg")
    assert examine(published, settled.circumstances("check"))[0]
    assert checked_before(published) is None


@pytest.mark.usefixtures("aged")
def test_a_chapter_that_came_while_a_build_looked_unsettles_it(
    published: Book,
) -> None:
    seen = settled.Seen(
        time.time_ns(), settled.states(published.folder, published.root), {}
    )
    (published.folder / "new" / "figures").mkdir(parents=True)
    settled.keep(published.local, published.folder, ASKED, "all is well", seen)
    assert (published.local / "settled").is_file()
    assert not is_settled(published)


@pytest.mark.usefixtures("aged")
def test_a_build_that_broke_off_is_not_settled(published: Book) -> None:
    (published.local / "journal").mkdir()
    settle(published)
    assert not is_settled(published)


def test_a_figure_file_is_run_as_it_is_now(
    published: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python believes compiled code if the source has the size and date it had."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = published.figures()["double_growth"]
    assert load("double_growth", path, published.root).size == (3, 2)
    before = path.stat()
    in_place_text(path, "SIZE = (3, 2)", "SIZE = (4, 2)")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load("double_growth", path, published.root).size == (4, 2)
    assert list(path.parent.glob("__pycache__")) == []


@pytest.mark.usefixtures("aged")
def test_prose_does_not_unsettle_a_build(published: Book) -> None:
    settle(published)
    (published.folder / "growth" / "growth.qmd").write_text("# Growth\n")
    assert is_settled(published)


def test_a_young_file_is_not_believed(published: Book) -> None:
    (published.root / "helpers.py").touch()
    settle(published)
    assert not is_settled(published)
    stored = json.loads((published.local / "cache.json").read_text())
    assert str(published.root / "helpers.py") not in stored["states"]


@pytest.mark.usefixtures("aged")
def test_another_question_is_not_answered(published: Book) -> None:
    settle(published)
    places = (published.local, published.folder)
    assert settled.recall(*places, "something else") is None


def test_what_is_asked_and_the_machine_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settled.circumstances((), "auto")
    assert settled.circumstances((), "auto") == before
    assert settled.circumstances((), "cpu") != before
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert settled.circumstances((), "auto") != before


@pytest.mark.parametrize("content", ["", "\0\0\0", "nonsense", "asked\0said\0\0x"])
def test_a_damaged_answer_is_no_answer(published: Book, content: str) -> None:
    published.local.mkdir(exist_ok=True)
    (published.local / "settled").write_text(content)
    assert not is_settled(published)


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"engine": 1}', "shuffled"])
@pytest.mark.usefixtures("aged")
def test_a_damaged_cache_is_no_cache(published: Book, damage: str) -> None:
    settle(published)
    file = published.local / "cache.json"
    if damage == "shuffled":
        stored = json.loads(file.read_text())
        file.write_text(json.dumps(stored | {"texts": [], "groups": []}))
    else:
        file.write_text(damage)
    found = plan(published, this_device("cpu"), Cache(published.local))
    assert (found.to_draw, found.to_measure, found.broken) == ([], [], [])


@pytest.mark.usefixtures("aged")
def test_a_cache_of_another_engine_is_not_believed(
    published: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(published)
    key = f"{published.figures()['double_growth']} DATA"
    figure = published.figures()["double_growth"]
    assert Cache(published.local).recall(key, figure) is not None
    monkeypatch.setattr(caches, "engine", lambda: "another")
    assert Cache(published.local).recall(key, figure) is None


@pytest.mark.parametrize("by_state", [False, True])
@pytest.mark.usefixtures("aged")
def test_a_remembered_closure_is_the_one_that_is_found(
    published: Book, *, by_state: bool
) -> None:
    settle(published)
    for change in (lambda: None, lambda: in_place(published.root / "helpers.py")):
        change()
        for slug, path in published.figures().items():
            cache = Cache(published.local, by_state=by_state)
            remembered = Source.read(Project(published.root, cache), slug, path)
            assert remembered == Source.read(Project(published.root), slug, path)


@pytest.mark.usefixtures("aged")
def test_check_reads_what_the_states_say_is_the_same(
    published: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a change that leaves no trace in the state of a file is found."""
    settle(published)
    picture = published.generated / "figures" / "double_growth.svg"
    as_it_was = settled.state(picture)
    in_place(picture)
    monkeypatch.setattr(
        caches,
        "state",
        lambda name: as_it_was if name == str(picture) else settled.state(name),
    )
    cache = Cache(published.local)
    errors = check(published, plan(published, this_device("cpu"), cache), cache=cache)
    assert any("was changed" in error.what for error in errors)


def test_second_check_computes_nothing_and_says_the_same(
    published: Book, run: Run
) -> None:
    first = run("check")
    script = (
        "import sys\n"
        "from bookfigs.cli import cli\n"
        f"cli.main(['--book', {str(published.folder)!r}, 'check'], "
        "standalone_mode=False)\n"
        "print(sorted({'numpy', 'scipy', 'matplotlib'} & sys.modules.keys()))"
    )
    said, *_, imported = python(script).splitlines()
    assert imported == "[]"
    assert said == first.stdout.splitlines()[0]


def test_check_after_check_still_finds_what_is_wrong(published: Book, run: Run) -> None:
    assert run("check").returncode == 0
    content = published.manifest.read_text().replace('"text": "16"', '"text": "17"')
    published.manifest.write_text(content)
    assert run("check").returncode == 6


@pytest.mark.parametrize(
    ("command", "more"),
    [("figures", []), ("check", ["nothing has changed since the check of "])],
)
def test_what_is_settled_is_said_before_anything_is_imported(
    published: Book, run: Run, command: str, more: list[str]
) -> None:
    first = run(command).stdout.splitlines()
    time.sleep(2.1)  # what was just copied is too young before
    run(command)
    script = (
        "import os, runpy, sys\n"
        f"os.chdir({str(published.folder)!r})\n"
        f"sys.argv = ['bookfigs', {command!r}]\n"
        "runpy.run_module('bookfigs', run_name='__main__')\n"
        "heavy = {'click', 'pathlib', 'typing', 'msgspec', 'bookfigs.book'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    *said, imported = python(script).splitlines()
    assert imported == "[]"
    assert said[: len(first)] == first
    rest = said[len(first) :]
    assert len(rest) == len(more)
    assert all(line.startswith(start) for line, start in zip(rest, more, strict=True))


@pytest.mark.parametrize(
    "arguments", [[], ["check", "--full"], ["figures", "--force"], ["list"]]
)
def test_only_commands_without_options_are_answered_at_once(
    arguments: list[str],
) -> None:
    assert settled.answer(arguments) is None


def test_another_book_is_not_answered_for(
    published: Book, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settled, "recall", lambda *_, **__: "all is well")
    monkeypatch.chdir(published.folder)
    assert settled.answer(["check"]) == "all is well"
    monkeypatch.setenv("BOOKFIGS_BOOK", str(tmp_path))
    assert settled.answer(["check"]) is None
    monkeypatch.delenv("BOOKFIGS_BOOK")
    monkeypatch.chdir(tmp_path.parent)
    assert settled.answer(["check"]) is None
