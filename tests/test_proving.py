"""Proving the listings of a book, and what becomes of the book when one rots."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bookfigs import cache as caches
from bookfigs import proving, settled
from bookfigs.book import Book
from bookfigs.canonical import to_json
from bookfigs.check import examine
from bookfigs.entry import ListingEntry
from bookfigs.listings import proof
from bookfigs.manifest import read_manifest
from bookfigs.plan import plan
from bookfigs.progress import Lines
from bookfigs.provenance import this_device
from promisingbook import write_listings
from smallbook import ROOT, Run, bookfigs


@pytest.fixture(scope="session")
def finished(
    template: Book, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Book, list[str]]:
    """A small book with proven listings, and what proving them said; made once."""
    root = tmp_path_factory.mktemp("promising") / "small"
    shutil.copytree(template.root, root)
    book = write_listings(Book(root / "chapters"))
    said = []
    for command in ("prove", "figures"):
        done = bookfigs(book, command)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    return book, said


@pytest.fixture
def proven(book: Book, finished: tuple[Book, list[str]]) -> Book:
    """A copy of it, to be tampered with."""
    shutil.rmtree(book.root)
    shutil.copytree(finished[0].root, book.root)
    return book


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file counts as too young: a test does not wait."""
    monkeypatch.setattr(settled, "YOUNG_NS", -(10**12))
    monkeypatch.setattr(caches, "YOUNG_NS", -(10**12))


def evidence(book: Book, slug: str = "halving") -> Path:
    return book.folder / "growth" / "evidence" / "listings" / f"{slug}.json"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def entry(book: Book, slug: str) -> ListingEntry:
    manifest = read_manifest(book)
    assert manifest is not None
    return manifest.listings[slug]


def test_proving_says_what_it_found_and_what_to_run(
    finished: tuple[Book, list[str]],
) -> None:
    proved, built = finished[1]
    assert "halving: being proven: its lines are not proven yet" in proved
    assert "halving: proven: 3 of 3 lines executed by 2 passing tests; " in proved
    assert "summing: proven: 3 of 3 lines executed by 1 passing tests; " in proved
    last = proved.splitlines()[-1]
    assert last == (
        "2 proven, 0 up to date, 1 that name neither tests nor a program; "
        "run: bookfigs figures"
    )
    assert "halving: listing written" in built


def test_a_page_gets_numbers_call_outs_output_and_evidence(proven: Book) -> None:
    halving, summing = entry(proven, "halving"), entry(proven, "summing")
    assert halving.code == (
        "def half(n):\n"
        "    if n < LEAST:  # (1)\n"
        '        raise ValueError("below zero")\n'
        "    return n // 2  # (2)\n"
    )
    assert halving.numbers is True
    assert to_json(halving.callouts) == to_json(
        [
            {"line": 2, "text": "Nothing below `LEAST`."},
            {"line": 4, "text": "Rounds *down*."},
        ]
    )
    assert to_json(halving.evidence) == to_json(
        {
            "executed": 3,
            "executable": 3,
            "caught": halving.evidence.counted if halving.evidence else 0,
            "counted": halving.evidence.counted if halving.evidence else 0,
            "equivalent": 0,
            "tests": [
                "tests/test_halves.py::test_half",
                "tests/test_halves.py::test_refusal",
            ],
        }
    )
    assert summing.output == "6\n"
    assert not summing.outdated


def test_entries_without_promise_are_written_as_older_ones() -> None:
    written = to_json(ListingEntry("c", "python", "x\n", "m.py", "f")).decode()
    for name in ("numbers", "callouts", "output", "evidence"):
        assert name not in written


def test_what_is_proven_is_not_proven_again_unless_forced(
    proven: Book, run: Run
) -> None:
    before = evidence(proven).read_bytes()
    assert run("check").returncode == 0
    said = run("prove", "halving").stdout
    assert said == "0 proven, 1 up to date\n"
    said = run("prove", "--force", "--jobs", "1", "halving").stdout
    assert "halving: being proven: asked for" in said
    assert evidence(proven).read_bytes() == before


def test_list_and_why_tell_what_proves_a_listing(proven: Book, run: Run) -> None:
    said = run("list").stdout
    assert "listing  #lst-halving  halves.py:half  up to date" in said
    assert "3 of 3 lines executed by 2 passing tests" in said
    edit(proven.root / "halves.py", "return n", "return 0 + n")
    assert "to be proven: halves.half changed" in run("why", "halving").stdout


ROT: dict[str, tuple[Callable[[Book], object], str]] = {
    "the printed source": (
        lambda b: edit(b.root / "halves.py", "return n", "return 1 + n"),
        "halves.half changed",
    ),
    "a constant that the lines use": (
        lambda b: edit(b.root / "halves.py", "LEAST = 0", "LEAST = 1"),
        "halves.LEAST changed",
    ),
    "a region": (
        lambda b: edit(b.root / "sums.py", "found += number", "found += 2 * number"),
        "sums.total changed",
    ),
    "a test": (
        lambda b: edit(
            b.root / "tests/test_halves.py", "assert half(five) == 2", "pass"
        ),
        "test_halves.test_half changed",
    ),
    "a test is gone": (
        lambda b: edit(
            b.root / "tests/test_halves.py", "def test_refusal", "def refusal"
        ),
        "test_halves.test_refusal is not reached any more",
    ),
    "a test file is gone": (
        lambda b: (b.root / "tests/test_halves.py").unlink(),
        "tests/test_halves.py is gone, whose tests prove it",
    ),
    "a test file that does not parse": (
        lambda b: (b.root / "tests/test_halves.py").write_text("def (:\n"),
        "test_halves.py",
    ),
    "a fixture": (
        lambda b: edit(b.root / "tests/conftest.py", "return 5", "return 4 + 1"),
        "conftest.five changed",
    ),
    "a file with fixtures that was not there": (
        lambda b: (b.root / "conftest.py").write_text("def g():\n    pass\n"),
        "is reached now",
    ),
    "the program": (
        lambda b: edit(b.folder / "growth/listings/summing.py", "[1, 2, 3]", "[1]"),
        "changed",
    ),
    "what the listing file says of running": (
        lambda b: edit(
            b.folder / "growth/listings/summing.toml", "program", "status = 0\nprogram"
        ),
        "",
    ),
    "its tests": (
        lambda b: edit(
            b.folder / "growth/listings/halving.toml", "test_halves.py", "."
        ),
        "how it is run changed",
    ),
    "its evidence": (
        lambda b: edit(evidence(b), '"caught":', '"caughd":'),
        "halving.json",
    ),
    "an output that no page can hold": (
        lambda b: edit(evidence(b, "summing"), '"6\\n"', '"6\\u001b\\n"'),
        "summing.json: output line 1 has a character beyond ASCII",
    ),
    "its evidence is gone": (
        lambda b: evidence(b).unlink(),
        "its lines are not proven yet",
    ),
}


@pytest.mark.parametrize("name", ROT)
@pytest.mark.usefixtures("aged")
def test_whatever_rots_is_noticed_by_the_warm_check(proven: Book, name: str) -> None:
    change, said = ROT[name]
    asked = settled.circumstances("check")

    def answer() -> str | None:
        return settled.recall(proven.local, proven.folder, asked, kind=settled.CHECKED)

    assert examine(proven, asked)[0] == []
    assert answer()
    change(proven)
    assert answer() is None
    found = "\n".join(error.message() for error in examine(proven, asked)[0])
    if said:
        assert f"its lines are not proven: {said}" in found or said in found
        assert "run: bookfigs prove " in found
        assert answer() is None
    else:
        assert found == ""


def test_a_printed_listing_that_was_edited_is_found(proven: Book, run: Run) -> None:
    edit(proven.generated / "listings" / "halving.py", "n // 2", "n // 3")
    done = run("check")
    assert done.returncode == 6
    assert "the printed listing is not its source" in done.stderr
    assert "run: bookfigs figures" in done.stderr


def test_check_that_draws_again_also_runs_programs_again(
    proven: Book, run: Run
) -> None:
    edit(evidence(proven, "summing"), '"output": "6\\n"', '"output": "7\\n"')
    assert run("figures").returncode == 0
    assert run("check", "--full").returncode == 0
    done = run("check", "--redraw")
    assert done.returncode == 6
    assert "summing.py: prints '6' in line 1, and its evidence says '7'" in done.stderr
    assert "run: bookfigs prove summing --force" in done.stderr


def test_what_fails_leaves_the_others_done_and_reaches_no_reader(
    proven: Book, run: Run
) -> None:
    edit(proven.root / "tests/test_halves.py", "    assert half(0) == 0\n", "")
    edit(proven.root / "tests/test_halves.py", "(five) == 2", "(five) >= 0")
    edit(proven.root / "sums.py", "found += number", "found += 1 * number")
    done = run("prove")
    assert done.returncode == 5
    assert "halving: not all proven: 3 of 3 lines" in done.stdout
    assert "summing: proven" in done.stdout
    assert "1 proven, 1 not proven, 0 up to date" in done.stdout
    assert "printed line 4: no test notices 'return n // 2 -> " in done.stderr
    assert "then: bookfigs prove halving" in done.stderr
    done = run("figures")
    assert done.returncode == 0
    assert "halving: not for readers yet: printed line" in done.stdout
    assert str(entry(proven, "halving").outdated).startswith("printed line")
    assert entry(proven, "summing").outdated is None
    assert run("check").returncode == 6


def test_a_program_that_fails_is_told_and_writes_no_evidence(
    proven: Book, run: Run
) -> None:
    before = evidence(proven, "summing").read_bytes()
    program = proven.folder / "growth" / "listings" / "summing.py"
    program.write_text("import sums\n\nraise SystemExit(3)\n")
    done = run("prove")
    assert done.returncode == 5
    assert "summing.py: " in done.stderr
    assert "0 proven, 1 not proven, 1 up to date" in done.stdout
    assert evidence(proven, "summing").read_bytes() == before


def test_evidence_of_a_listing_that_is_gone_is_stray(proven: Book, run: Run) -> None:
    (proven.folder / "growth" / "listings" / "halving.toml").unlink()
    assert run("figures").returncode == 0
    done = run("check")
    assert done.returncode == 6
    place = "chapters/growth/evidence/listings/halving.json"
    assert f"{place}: evidence without a listing" in done.stderr
    assert f"run: git rm -r {place}" in done.stderr


def test_what_changes_while_it_is_proven_is_refused(
    proven: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = plan(proven, this_device("cpu")).listings["halving"]
    before = evidence(proven).read_bytes()

    def slow(*_: object) -> object:
        time.sleep(0.05)  # as coarse as the clock of a file system may be
        with (proven.root / "halves.py").open("a") as source:
            source.write("# later\n")
        return state.evidence

    monkeypatch.setattr(proving, "prove", slow)
    proved = proving.prove_all(proven, [state], Lines(), jobs=1)
    assert proved.failed == ["halving"]
    assert "changed while it was proven" in proved.errors[0].what
    assert evidence(proven).read_bytes() == before


def test_a_missing_package_is_told_once_with_what_to_install(
    proven: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = plan(proven, this_device("cpu")).listings
    todo = [states["halving"], states["summing"]]
    monkeypatch.setattr(proof, "find_spec", lambda _: None)
    proved = proving.prove_all(proven, todo, Lines(), jobs=2)
    assert sorted(proved.failed) == ["halving", "summing"]
    (error,) = proved.errors
    assert error.exit_code == 8
    assert error.run == "pip install 'bookfigs[listings]'"


def test_a_dry_run_names_what_is_not_proven(proven: Book, run: Run) -> None:
    evidence(proven).unlink()
    said = run("figures", "--dry-run").stdout
    assert (
        "halving: is not proven: its lines are not proven yet; "
        "run: bookfigs prove halving" in said
    )


def test_no_figure_takes_the_folder_of_the_evidence_of_listings(
    proven: Book, run: Run
) -> None:
    folder = proven.folder / "growth" / "figures"
    shutil.copy(folder / "double_growth.py", folder / "listings.py")
    done = run("check")
    assert done.returncode == 3
    assert "no figure can be called 'listings'" in done.stderr


def test_an_interruption_ends_every_process(proven: Book) -> None:
    mark = proven.root / "begun"
    program = proven.folder / "growth" / "listings" / "summing.py"
    program.write_text(f"import os, sums\nwhile True:\n    os.stat({str(mark)!r})\n")
    mark.touch()
    command = [sys.executable, "-m", "bookfigs", "--book", str(proven.folder)]
    with subprocess.Popen(
        [*command, "prove", "summing"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert "being proven" in process.stdout.readline()
        while not children(process.pid):
            time.sleep(0.05)
        started = children(process.pid)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run: bookfigs prove, to go on" in errors
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


def children(pid: int) -> list[int]:
    """Processes that a process started and that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(path.parent.name))
    return found
