"""Running: in which order, beside what, and what becomes of failures and kills."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bookfigs.book import Book
from longbook import (
    POINTS,
    finish,
    journalled,
    leftovers,
    made,
    make_long_book,
    start,
    started,
    told,
    write_figure,
)
from smallbook import ROOT, bookfigs, commit, python


@pytest.fixture
def long(tmp_path: Path) -> Book:
    return make_long_book(tmp_path / "long", seconds=0.05)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "points.log"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def spans(log: Path, slug: str) -> list[tuple[int, int]]:
    """From when until when each point of a figure was measured."""
    mine = [(n, what, at) for s, n, what, at in told(log) if s == slug]
    ends = {n: at for n, what, at in mine if what == "stop"}
    return [(at, ends[n]) for n, what, at in mine if what == "start"]


def overlap(log: Path, one: str, other: str) -> bool:
    """Whether a point of one figure was measured while one of the other was."""
    return any(
        a < d and c < b for a, b in spans(log, one) for c, d in spans(log, other)
    )


def test_every_restart_after_a_kill_makes_what_an_undisturbed_run_makes() -> None:
    script = ROOT / "benchmarks" / "kills.py"
    done = subprocess.run(
        [sys.executable, script, "--kills", "3", "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 restarts sound" in done.stdout


def wait_for(process: subprocess.Popen[str], log: Path, points: int) -> None:
    """Wait until so many points were begun; a run that ended first fails the test."""
    while len(started(log)) < points:
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.02)


def test_kept_points_are_not_measured_again_and_are_named_by_a_dry_run(
    tmp_path: Path, log: Path
) -> None:
    book = make_long_book(tmp_path / "long", seconds=1)
    with start(book, log) as process:
        wait_for(process, log, 2 * POINTS)
        os.killpg(process.pid, signal.SIGKILL)
    kept = journalled(book)
    assert {("double_growth", 1), ("square_growth", 1)} <= kept
    foretold = finish(book, log, "--dry-run")
    assert "of 4 points are measured already: n=1; n=2" in foretold.stdout
    again = tmp_path / "again.log"
    done = finish(book, again)
    assert done.returncode == 0, done.stderr
    assert "of 4 points are measured already" in done.stdout
    assert {*started(again)}.isdisjoint(kept)
    assert leftovers(book) == []


def test_force_gives_up_what_was_kept(tmp_path: Path, log: Path) -> None:
    book = make_long_book(tmp_path / "long", seconds=0.5)
    with start(book, log) as process:
        wait_for(process, log, 2 * POINTS)
        os.killpg(process.pid, signal.SIGKILL)
    assert journalled(book)
    again = tmp_path / "again.log"
    assert finish(book, again, "--force").returncode == 0
    assert len(started(again)) == 2 * POINTS


def test_ctrl_c_ends_the_workers_and_keeps_the_points(
    tmp_path: Path, log: Path
) -> None:
    book = make_long_book(tmp_path / "long", seconds=2)
    with start(book, log) as process:
        wait_for(process, log, 3)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert "interrupted; every point that was measured is kept" in said
    assert "Traceback" not in said
    assert journalled(book)
    assert workers_of(book) == []


def workers_of(book: Book) -> list[str]:
    """Processes at work on a book, by what they hold open or were told."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(book.root.parent).encode() in line and int(folder.name) != os.getpid():
            found.append(folder.name)
    return found


def test_no_worker_outlives_a_run_that_was_killed(tmp_path: Path, log: Path) -> None:
    book = make_long_book(tmp_path / "long", seconds=600)
    with start(book, log) as process:
        wait_for(process, log, 2)
        assert len(workers_of(book)) == 3
        process.kill()
    for _ in range(200):
        if not workers_of(book):
            break
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "1"], timeout=0.05, check=False)
    assert workers_of(book) == []


def test_one_failing_point_keeps_the_others_of_its_figure(
    long: Book, log: Path
) -> None:
    edit(long.figures()["double_growth"], 'tell("stop")', "1 / (n - 2)")
    first = finish(long, log)
    assert first.returncode == 5
    assert "measure(n=2) failed: ZeroDivisionError" in first.stderr
    assert "the 3 that succeeded are kept for the next run" in first.stderr
    assert "double_growth: not measured, for the reason above" in first.stdout
    assert "1 measured, 2 drawn, 1 failed" in first.stdout
    assert journalled(long) == {("double_growth", n) for n in (1, 4, 8)}
    again = log.with_name("again.log")
    assert finish(long, again).returncode == 5
    assert started(again) == [("double_growth", 2)]


def test_changed_code_drops_what_was_kept(long: Book, log: Path) -> None:
    edit(long.figures()["double_growth"], 'tell("stop")', "1 / (n - 2)")
    finish(long, log)
    edit(long.figures()["double_growth"], "1 / (n - 2)", "pass")
    again = log.with_name("again.log")
    assert finish(long, again).returncode == 0
    assert sorted(started(again)) == [("double_growth", n) for n in (1, 2, 4, 8)]
    assert leftovers(long) == []


def test_timed_figures_are_measured_alone_and_counted_ones_together(
    tmp_path: Path, log: Path
) -> None:
    book = make_long_book(tmp_path / "long", seconds=1)
    for slug in ("first_time", "second_time"):
        write_figure(book, slug, "double", 0.1, timed=True)
    commit(book.root)
    done = finish(book, log, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert overlap(log, "double_growth", "square_growth")
    for timed in ("first_time", "second_time"):
        for other in ("double_growth", "square_growth"):
            assert not overlap(log, timed, other)
    assert not overlap(log, "first_time", "second_time")


def test_processes_that_are_left_share_the_points_of_a_figure(
    tmp_path: Path, log: Path
) -> None:
    book = make_long_book(tmp_path / "long", seconds=1)
    only = ("--only", "double_growth")
    assert finish(book, log, *only, "--jobs", "2").returncode == 0
    taken = sorted(spans(log, "double_growth"))
    assert any(end > begin for (_, end), (begin, _) in pairwise(taken))
    assert sorted(started(log)) == [("double_growth", n) for n in (1, 2, 4, 8)]
    assert leftovers(book) == []


def test_points_of_a_timed_figure_are_shared_by_nobody(
    tmp_path: Path, log: Path
) -> None:
    book = make_long_book(tmp_path / "long")
    write_figure(book, "some_time", "double", 0.2, timed=True)
    done = finish(book, log, "--only", "some_time", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    taken = sorted(spans(log, "some_time"))
    assert len(taken) == POINTS
    assert all(end <= begin for (_, end), (begin, _) in pairwise(taken))


def test_what_was_measured_here_is_drawn_here_in_all_its_panels(
    long: Book, log: Path
) -> None:
    path = long.figures()["double_growth"]
    edit(
        path,
        "\ndef draw(record, axes):",
        "\nPANELS = (1, 2)\n\n\ndef draw(record, panels):",
    )
    edit(path, "    axes.plot(", "    _, axes = panels\n    axes.plot(")
    done = finish(long, log)
    assert done.returncode == 0, done.stderr
    assert (long.local / "figures" / "double_growth.png").is_file()


def test_point_that_fails_beside_another_process_fails_alone(
    tmp_path: Path, log: Path
) -> None:
    book = make_long_book(tmp_path / "long", seconds=0.5)
    edit(book.figures()["double_growth"], 'tell("stop")', "n == 2 and os._exit(3)")
    done = finish(book, log, "--only", "double_growth", "--jobs", "2")
    assert done.returncode == 5
    assert "the 3 that succeeded are kept for the next run" in done.stderr
    assert journalled(book) == {("double_growth", n) for n in (1, 4, 8)}
    assert len(started(log)) == POINTS


def test_one_job_measures_one_figure_at_a_time(tmp_path: Path, log: Path) -> None:
    book = make_long_book(tmp_path / "long", seconds=0.2)
    assert finish(book, log, "--jobs", "1").returncode == 0
    assert len(started(log)) == 2 * POINTS
    assert not overlap(log, "double_growth", "square_growth")


def test_timed_figure_waits_for_a_run_on_another_book_and_says_so(
    long: Book, log: Path, tmp_path: Path
) -> None:
    write_figure(long, "some_time", "double", 0.01, timed=True)
    locks = tmp_path / "locks"
    locks.mkdir()
    machine = locks / "bookfigs-machine.lock"
    machine.touch()
    with machine.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # as a run that counts holds it
        arguments = ("--only", "some_time")
        with start(long, log, *arguments, BOOKFIGS_LOCKS=str(locks)) as process:
            said = iter(process.stdout.readline, "")
            assert any("waits to have the machine to itself" in line for line in said)
            assert started(log) == []
            fcntl.flock(file, fcntl.LOCK_UN)
            _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert len(started(log)) == POINTS


def test_two_runs_at_once_of_one_book_measure_each_point_once(
    tmp_path: Path, log: Path
) -> None:
    book = make_long_book(tmp_path / "long", seconds=0.5)
    with start(book, log) as one:
        wait_for(one, log, 1)
        with start(book, log) as other:
            said, _ = other.communicate()
        one.communicate()
    assert (one.returncode, other.returncode) == (0, 0)
    assert "another build of this book is at work; waiting" in said
    assert "0 measured" in said
    assert sorted(started(log)) == sorted({*started(log)})
    assert leftovers(book) == []


def test_full_disk_is_a_message_and_what_was_kept_stays(long: Book, log: Path) -> None:
    """A limit on the size of files stands in for a disk that is full."""
    edit(long.figures()["double_growth"], "[{", '[{"n": 3, "long": "x" * 70000}] + [{')
    edit(long.figures()["double_growth"], "(device, n)", '(device, n, long="")')
    command = 'ulimit -f 64; exec "$0" -m bookfigs --book "$1" figures'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, long.folder],
        cwd=ROOT,
        env={**os.environ, "POINTS_LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "0000-" in done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert "run: bookfigs figures, when there is space" in done.stderr
    assert [name for name in leftovers(long) if "/." in name.removeprefix(".")] == []


def test_same_results_whatever_the_number_of_jobs(tmp_path: Path, log: Path) -> None:
    results = []
    for jobs in ("1", "2"):
        book = make_long_book(tmp_path / jobs, seconds=0.01)
        assert finish(book, log, "--jobs", jobs).returncode == 0
        results.append({k: v for k, v in made(book).items() if "manifest" not in k})
    assert results[0] == results[1]


def test_memory_that_runs_out_at_one_point_is_a_gap_that_is_told(
    long: Book, log: Path
) -> None:
    edit(
        long.figures()["double_growth"],
        'tell("stop")',
        'tell("stop")\n    if n == 4:\n        raise MemoryError',
    )
    commit(long.root)
    done = finish(long, log)
    assert done.returncode == 0, done.stderr
    assert "double_growth: a gap at n=4: out of memory" in done.stdout
    (path,) = (long.local / "records" / "double_growth").glob("*.json")
    record = json.loads(path.read_text())
    assert record["gaps"] == [{"point": {"n": 4}, "reason": "out of memory"}]
    assert record["columns"]["n"]["values"] == [1, 2, 8]
    tried = [n for slug, n in started(log) if slug == "double_growth"]
    assert sorted(tried[:-1]) == [1, 2, 4, 8]
    assert tried[-1] == 4  # once more, alone
    published = bookfigs(long, "publish", "double_growth")
    assert published.returncode == 0, published.stderr
    assert "double_growth: a gap: n=4: out of memory (no rows)" in published.stdout
    assert "0 measured" in finish(long, log).stdout


def test_figure_without_any_measured_point_is_no_record(long: Book, log: Path) -> None:
    edit(long.figures()["double_growth"], 'tell("stop")', "raise MemoryError")
    done = finish(long, log)
    assert done.returncode == 5
    assert "no point could be measured here; n=1: out of memory" in done.stderr
    assert not (long.local / "records" / "double_growth").exists()


def test_gap_contradicts_no_evidence_but_another_result_does(
    long: Book, log: Path
) -> None:
    edit(
        long.root / "helpers.py",
        "    return 2 * n",
        "    import os\n    if n == int(os.environ.get('FULL', 0)):\n"
        "        raise MemoryError\n"
        "    return 2 * n + int(os.environ.get('OFF', 0))",
    )
    commit(long.root)
    only = ("--force", "--only", "double_growth")
    assert finish(long, log).returncode == 0
    assert bookfigs(long, "publish", "double_growth").returncode == 0
    assert finish(long, log, *only, FULL="4").returncode == 0
    refused = finish(long, log, *only, FULL="4", OFF="1")
    assert refused.returncode == 5
    assert "result, row 1: 2 against 3" in refused.stderr


def test_crash_of_one_figure_is_told_and_the_others_are_done(
    long: Book, log: Path
) -> None:
    edit(long.figures()["double_growth"], 'tell("stop")', "n == 2 and os._exit(3)")
    done = finish(long, log)
    assert done.returncode == 5
    assert "measure(n=2) failed: its process ended itself with exit" in done.stderr
    assert "square_growth: measured" in done.stdout
    assert journalled(long) == {("double_growth", n) for n in (1, 4, 8)}


def test_clock_that_is_set_back_does_no_harm(long: Book, log: Path) -> None:
    edit(
        long.figures()["double_growth"],
        'tell("stop")',
        "time.time = lambda: 0.0; time.time_ns = lambda: 0",
    )
    assert finish(long, log).returncode == 0
    (path,) = (long.local / "records" / "double_growth").glob("*.json")
    assert json.loads(path.read_text())["provenance"]["seconds"] >= 4 * 0.05


def test_local_folder_that_cannot_be_made_is_a_message(long: Book, log: Path) -> None:
    (long.root / ".bookfigs").write_text("no folder")
    done = finish(long, log)
    assert done.returncode == 1
    assert "bookfigs: .bookfigs: cannot be written: File exists" in done.stderr
    assert "run: bookfigs figures, when" in done.stderr
    assert started(log) == []


def test_run_that_finds_nothing_to_do_imports_nothing_of_measuring(
    published: Book,
) -> None:
    script = (
        "import sys\n"
        "from bookfigs.cli import cli\n"
        f"cli.main(['--book', {str(published.folder)!r}, 'figures'], "
        "standalone_mode=False)\n"
        "names = 'journal machine process recording runner worker'.split()\n"
        "print([name for name in names if f'bookfigs.{name}' in sys.modules])"
    )
    printed = python(script).splitlines()
    assert "0 measured, 0 drawn, 2 up to date" in printed[-2]
    assert printed[-1] == "[]"


def test_lock_that_somebody_forged_stops_measuring_and_nothing_else(
    long: Book, log: Path, tmp_path: Path
) -> None:
    (tmp_path / "bookfigs-machine.lock").symlink_to(tmp_path / "victim")
    done = finish(long, log, BOOKFIGS_LOCKS=str(tmp_path))
    assert done.returncode == 8
    assert "bookfigs-machine.lock: cannot be opened (a symbolic link" in done.stderr
    assert "square_growth: drawn" in done.stdout
    assert started(log) == []
    assert not (tmp_path / "victim").exists()
