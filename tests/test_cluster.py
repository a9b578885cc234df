"""A cluster: the same records as here, and a lost worker costs its point."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from bookfigs.book import Book
from bookfigs.provenance import system, this_device, versions
from bookfigs.record import Record
from fleet import Fleet
from longbook import (
    POINTS,
    copy,
    finish,
    leftovers,
    made,
    make_long_book,
    start,
    started,
    told,
    write_figure,
)
from smallbook import bookfigs, commit, git, python

pytest.importorskip("distributed", reason="run: pip install 'bookfigs[cluster]'")

LONE = ("--nthreads", "1", "--no-nanny")
PAIR = ("--nthreads", "2", "--no-nanny")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path / "fleet") as fleet:
        yield fleet


class Drawn(NamedTuple):
    """A book that is drawn and not measured any more, and what was measured."""

    book: Book
    made: dict[str, bytes]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder = tmp_path_factory.mktemp("drawn")
    book = make_long_book(folder / "long", seconds=0)
    done = finish(book, folder / "log")
    assert done.returncode == 0, done.stderr
    measured_here = made(book)
    shutil.rmtree(book.local)
    for helper in ("double", "square"):
        write_figure(book, f"{helper}_growth", helper, 0.3)
    commit(book.root)
    return Drawn(book, measured_here)


@pytest.fixture
def long(drawn: Drawn, tmp_path: Path) -> Book:
    return copy(drawn.book, tmp_path / "long")


def figures(book: Book, fleet: Fleet, *more: str) -> tuple[int, str, str]:
    done = finish(book, fleet.folder / "here", "--scheduler", fleet.address, *more)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def gated(book: Book, slug: str) -> Path:
    """Let the point n=4 of a figure wait for a folder; returns which."""
    gate, path = book.root.parent / "gate", book.figures()[slug]
    wait = f"""    while n == 4 and not os.path.exists({str(gate)!r}):
        time.sleep(0.02)
    tell("stop")
"""
    path.write_text(path.read_text().replace('    tell("stop")\n', wait))
    return gate


def spans(log: Path) -> dict[tuple[str, int], tuple[int, int]]:
    """From when to when each point was measured."""
    found: dict[tuple[str, int], dict[str, int]] = {}
    for slug, n, what, at in told(log):
        found.setdefault((slug, n), {})[what] = at
    return {name: (one["start"], one["stop"]) for name, one in found.items()}


def beside(log: Path) -> set[frozenset[str]]:
    """Figures of which points were measured at the same moment on one worker."""
    all_spans = list(spans(log).items())
    return {
        frozenset((one[0], other[0]))
        for i, (one, (begin, end)) in enumerate(all_spans)
        for other, (begins, ends) in all_spans[:i]
        if begin < ends and begins < end
    }


def records(book: Book) -> dict[str, Record]:
    found = (book.local / "records").glob("*/*.json")
    return {
        path.parent.name: msgspec.json.decode(path.read_bytes(), type=Record)
        for path in found
    }


def test_record_of_a_cluster_is_that_of_this_machine(
    drawn: Drawn, long: Book, fleet: Fleet
) -> None:
    logs = [fleet.worker(name, *PAIR) for name in ("one", "two")]
    fleet.wait_for_workers("one", "two")
    status, said, _ = figures(long, fleet)
    assert status == 0
    assert "2 measured, 0 drawn" in said
    assert made(long) == drawn.made  # of a run that was measured here
    assert leftovers(long) == []
    assert started(fleet.folder / "here") == []  # none was measured by who asked
    assert len({point for log in logs for point in started(log)}) == 2 * POINTS
    assert any(beside(log) for log in logs)  # those that count run in parallel
    for record in records(long).values():
        assert record.device == this_device("cpu")
        assert record.provenance.commit == git(long.root, "rev-parse", "HEAD").strip()
        assert record.provenance.versions == versions()
        assert record.provenance.system == system()
        assert not record.provenance.dirty


def test_record_of_a_cluster_is_published_by_the_name_of_its_device(
    long: Book, fleet: Fleet
) -> None:
    fleet.worker("one", *PAIR)
    fleet.wait_for_workers("one")
    assert figures(long, fleet)[0] == 0
    slug = this_device("cpu").slug
    done = bookfigs(long, "publish", "double_growth", "--device", slug)
    assert done.returncode == 0, done.stderr
    (evidence,) = long.evidence("double_growth")
    kept = long.local / "records" / "double_growth" / f"{slug}.json"
    assert evidence.read_bytes() == kept.read_bytes()


def test_points_that_take_times_have_their_worker_to_themselves(
    long: Book, fleet: Fleet, tmp_path: Path
) -> None:
    for slug in ("first_time", "second_time"):
        write_figure(long, slug, "double", 0.3, timed=True)
    commit(long.root)
    only = [f"--only={slug}" for slug in ("double_growth", "first_time", "second_time")]
    logs = []
    for name in ("one", "two"):  # as if on two machines
        (tmp_path / name).mkdir()
        locks = str(tmp_path / name)
        logs.append(fleet.worker(name, *PAIR, BOOKFIGS_LOCKS=locks))
    fleet.wait_for_workers("one", "two")
    status, _, _ = figures(long, fleet, *only)
    assert status == 0
    for log in logs:
        timed = [pair for pair in beside(log) if any("_time" in s for s in pair)]
        assert timed == []
    for slug in ("first_time", "second_time"):
        counts = [[s for s, _ in started(log)].count(slug) for log in logs]
        assert sorted(counts) == [0, POINTS]  # all of it on one worker
    threads = records(long)["first_time"].provenance.threads
    assert threads == records(long)["first_time"].device.cores


UNLOCKED = """
import os
from contextlib import contextmanager

from bookfigs import remote


@contextmanager
def held(**_):
    descriptor = os.open(os.devnull, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


remote.held = held
"""


def test_two_runs_share_a_worker_though_nothing_but_its_resource_keeps_them_apart(
    long: Book, fleet: Fleet, tmp_path: Path
) -> None:
    write_figure(long, "first_time", "double", 0.3, timed=True)
    other = copy(long, tmp_path / "other")
    (fleet.folder / "unlocked.py").write_text(UNLOCKED)
    preload = ("--preload", str(fleet.folder / "unlocked.py"))
    log = fleet.worker("one", *PAIR, *preload)
    fleet.wait_for_workers("one")
    both = ("--scheduler", fleet.address, "--only")
    with (
        start(long, fleet.folder / "here", *both, "first_time") as timed,
        start(other, fleet.folder / "here", *both, "double_growth") as counted,
    ):
        for process in (timed, counted):
            _, wrong = process.communicate(timeout=60)
            assert process.returncode == 0, wrong
    assert len(started(log)) == 2 * POINTS
    assert beside(log) <= {frozenset({"double_growth"})}


def test_worker_that_is_killed_costs_its_point_and_no_more(
    long: Book, fleet: Fleet
) -> None:
    write_figure(long, "first_time", "double", 0.1, timed=True)
    gate = gated(long, "first_time")
    only = ("--only", "first_time", "--scheduler", fleet.address)
    one = fleet.worker("one", *LONE)
    fleet.wait_for_workers("one")
    with start(long, fleet.folder / "here", *only) as process:
        fleet.wait_for_start(one, ("first_time", 4))
        fleet.kill("one")
        gate.mkdir()
        two = fleet.worker("two", *LONE)
        said, wrong = process.communicate(timeout=60)
    assert process.returncode == 0, wrong
    assert "n=4 did not come back from worker tcp://127.0.0.1:" in said
    assert [n for _, n in started(one)] == [1, 2, 4]
    assert [n for _, n in started(two)] == [4, 8]


def test_run_that_is_killed_goes_on(long: Book, fleet: Fleet) -> None:
    gate = gated(long, "double_growth")
    only = ("--only", "double_growth", "--scheduler", fleet.address)
    log = fleet.worker("one", *LONE)
    fleet.wait_for_workers("one")
    with start(long, fleet.folder / "here", *only) as process:
        fleet.wait_for_start(log, ("double_growth", 4))
        process.kill()
    gate.mkdir()
    status, said, _ = figures(long, fleet, "--only", "double_growth")
    assert status == 0
    assert "goes on, 2 of 4 points are measured already" in said
    times = Counter(n for _, n in started(log))
    assert times == {1: 1, 2: 1, 4: 2, 8: 1}


def test_point_that_ends_its_workers_is_given_up_and_the_rest_is_kept(
    long: Book, fleet: Fleet
) -> None:
    path = long.figures()["double_growth"]
    deadly = '    if n == 4:\n        os.kill(os.getppid(), 9)\n    tell("stop")\n'
    path.write_text(path.read_text().replace('    tell("stop")\n', deadly))
    log = fleet.worker("one", "--nthreads", "1")  # its nanny starts it again
    fleet.wait_for_workers("one")
    status, _, wrong = figures(long, fleet, "--only", "double_growth")
    assert status == 5
    assert "double_growth.py: measure(n=4) was begun 3 times; each time its" in wrong
    assert "the 3 that succeeded are kept for the next run" in wrong
    assert Counter(n for _, n in started(log)) == {1: 1, 2: 1, 4: 3, 8: 1}


def test_point_without_memory_beside_others_is_tried_alone(
    long: Book, fleet: Fleet
) -> None:
    path = long.figures()["double_growth"]
    greedy = f"""    tell("stop")
    if not os.path.exists({str(fleet.folder / "tried")!r}):
        os.mkdir({str(fleet.folder / "tried")!r})
        raise MemoryError
"""
    path.write_text(path.read_text().replace('    tell("stop")\n', greedy))
    log = fleet.worker("one", *LONE)
    status, _, wrong = figures(long, fleet, "--only", "double_growth")
    assert status == 0, wrong
    assert started(log)[0] == started(log)[-1] == ("double_growth", 1)
    assert len(started(log)) == POINTS + 1
    assert records(long)["double_growth"].gaps == []


def test_worker_with_other_code_refuses_by_its_name(
    long: Book, fleet: Fleet, tmp_path: Path
) -> None:
    other = copy(long, tmp_path / "other")
    helpers = other.root / "helpers.py"
    helpers.write_text(helpers.read_text().replace("2 * n", "n + n"))
    log = fleet.worker("one", *LONE, BOOKFIGS_ROOT=str(other.root))
    status, said, wrong = figures(long, fleet)
    assert status == 6
    assert "code there is not that of here: helpers.double changed; on worker" in wrong
    assert "run: git pull, or copy the project, on the worker's machine" in wrong
    assert "double_growth: not measured" in said
    assert {slug for slug, _ in started(log)} == {"square_growth"}
    assert records(long)["square_growth"].provenance.dirty  # as it is over there


def test_workers_that_do_not_agree_are_not_mixed_in_a_record(
    long: Book, fleet: Fleet, tmp_path: Path
) -> None:
    other = copy(long, tmp_path / "other")
    commit(other.root)
    one = fleet.worker("one", *PAIR)
    two = fleet.worker("two", *PAIR, BOOKFIGS_ROOT=str(other.root))
    fleet.wait_for_workers("one", "two")
    status, said, _ = figures(long, fleet, "--only", "double_growth")
    assert status == 0
    assert "the cluster: tcp://127.0.0.1:" in said
    assert "is not used: another commit: " in said
    assert (len(started(one)), len(started(two))) == (POINTS, 0)


def test_crash_on_a_worker_is_a_message_that_names_it(long: Book, fleet: Fleet) -> None:
    path = long.figures()["double_growth"]
    crash = '    if n == 4:\n        os._exit(3)\n    tell("stop")\n'
    path.write_text(path.read_text().replace('    tell("stop")\n', crash))
    log = fleet.worker("one", *PAIR)
    status, _, wrong = figures(long, fleet, "--only", "double_growth")
    assert status == 5
    assert "measure(n=4) failed: its process ended itself with exit status 3" in wrong
    assert "; on worker tcp://127.0.0.1:" in wrong
    assert len(started(log)) == POINTS


def test_no_worker_with_the_resource_is_a_message(long: Book, fleet: Fleet) -> None:
    fleet.worker("one", *LONE, resources="gpu=1")
    fleet.worker("two", *LONE, resources="cpu=2")
    gone = str(fleet.folder / "nowhere")
    fleet.worker("three", *LONE, BOOKFIGS_ROOT=gone)
    lacking = fleet.folder / "lacking"
    lacking.mkdir()
    (lacking / "bookfigs.py").write_text("raise ImportError('no bookfigs')\n")
    fleet.worker("four", *LONE, PYTHONPATH=str(lacking))
    fleet.wait_for_workers("one", "two", "three", "four")
    status, _, wrong = figures(long, fleet)
    assert status == 8
    assert f"{fleet.address}: no worker of this scheduler can measure on cpu" in wrong
    assert "(resources: gpu=1)" in wrong
    assert "(resources: cpu=2)" in wrong
    assert f"{gone}: the project is not there" in wrong
    assert "(cannot run bookfigs: ImportError('no bookfigs'))" in wrong
    assert f"run: dask worker {fleet.address} --resources cpu=1" in wrong


def test_scheduler_that_ends_leaves_what_came_back(long: Book, fleet: Fleet) -> None:
    gate = gated(long, "double_growth")
    only = ("--only", "double_growth", "--scheduler", fleet.address)
    log = fleet.worker("one", *LONE)
    fleet.wait_for_workers("one")
    quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    with start(long, fleet.folder / "here", *only, **quick) as process:
        fleet.wait_for_start(log, ("double_growth", 4))
        fleet.kill("scheduler")
        said, wrong = process.communicate(timeout=60)
    assert process.returncode == 8
    assert "the scheduler does not answer any more" in wrong
    assert "Traceback" not in said + wrong
    gate.mkdir()
    done = finish(long, fleet.folder / "here", "--only", "double_growth")
    assert "goes on, 2 of 4 points are measured already" in done.stdout


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers there"),
        ("nonsense://x", "no Dask scheduler answers there"),
    ],
)
def test_scheduler_that_is_not_there_is_a_message(
    long: Book, tmp_path: Path, address: str, said: str
) -> None:
    quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    done = finish(long, tmp_path / "log", "--scheduler", address, **quick)
    assert done.returncode == 8
    assert f"--scheduler {address}: {said}" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_on_this_machine_imports_nothing_of_a_cluster(long: Book) -> None:
    script = (
        "import sys\n"
        "from bookfigs.cli import cli\n"
        f"cli.main(['--book', {str(long.folder)!r}, 'figures', '--only', "
        "'double_growth'], standalone_mode=False)\n"
        "names = 'bookfigs.cluster bookfigs.desk bookfigs.remote dask distributed'\n"
        "print(sorted(set(names.split()) & set(sys.modules)))"
    )
    os.environ.setdefault("POINTS_LOG", os.devnull)
    assert python(script).splitlines()[-1] == "[]"


def test_scheduler_without_dask_tells_what_to_install(long: Book) -> None:
    (long.root / "distributed.py").write_text("raise ImportError('no Dask')\n")
    done = bookfigs(
        long,
        "figures",
        "--scheduler",
        "tcp://127.0.0.1:9",
        env={**os.environ, "PYTHONPATH": f"{long.root}{os.pathsep}{sys.path[0]}"},
    )
    assert done.returncode == 8
    assert "run: pip install 'bookfigs[cluster]'" in done.stderr


def test_what_dask_sets_for_its_workers_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bookfigs.remote import environment

    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as a nanny sets it
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    monkeypatch.setenv("MKL_NUM_THREADS", "3")  # as a user does
    found = environment()
    assert "OMP_NUM_THREADS" not in found
    assert "MALLOC_TRIM_THRESHOLD_" not in found
    assert found["MKL_NUM_THREADS"] == "3"
    assert shutil.which("python3", path=found["PATH"]) is not None


class Deaf:
    """A client of one worker, which answers only when it was asked some times."""

    def __init__(self, answer: bytes, times: int) -> None:
        self.scheduler: Any = self
        self.status = "running"
        self.answer = answer
        self.left = times

    def identity(self, **_: Any) -> Any:
        return {"workers": {HERE: {"resources": {"cpu": 1}, "nthreads": 1}}}

    def sync(self, function: Any, **named: Any) -> Any:
        return function(**named)

    def run(self, *_: Any, workers: list[str], **__: Any) -> Any:
        self.left -= 1
        return {workers[0]: OSError("busy") if self.left >= 0 else self.answer}


HERE = "tcp://127.0.0.1:1"


def test_worker_that_does_not_answer_at_once_is_asked_again(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bookfigs import cluster
    from bookfigs.errors import EnvironmentMissingError
    from bookfigs.remote import look

    answer = look("cpu", str(book.root))
    late: Any = Deaf(answer, 2)
    (hand,) = cluster.Cluster(late, HERE, book, "auto").hands()
    assert hand.address == HERE
    monkeypatch.setattr(cluster, "ARRIVAL", 0)
    never: Any = Deaf(answer, 99)
    with pytest.raises(EnvironmentMissingError) as caught:
        cluster.Cluster(never, HERE, book, "auto")
    assert f"{HERE} (does not answer: OSError('busy'))" in caught.value.message()


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 7, 8, 64])
def test_points_that_count_share_what_a_timed_one_takes(slots: int) -> None:
    from bookfigs.cluster import Cluster, Hand
    from bookfigs.record import Device
    from bookfigs.remote import Request

    class Client:
        def submit(self, *_: object, **options: Any) -> Any:
            return options["resources"]["cpu"]

    cluster: Any = object.__new__(Cluster)
    cluster.client, cluster.kind = Client(), "cpu"
    hand = Hand("tcp://127.0.0.1:1", slots, 0.0, dirty=False)
    device = Device("cpu", "Model C", 2, 8)
    timed, counted = (
        cluster.submit(
            hand, Request("slug", "", "", {}, device, 1, alone, index=0, point={})
        )
        for alone in (True, False)
    )
    left: Any = timed
    assert left == 1
    for _ in range(slots):
        left -= counted
    assert left >= 0
    for _ in range(slots):
        left += counted
    assert left == 1  # to the last bit, or no timed point could ever start
