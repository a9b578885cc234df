"""Workers: whatever figure code does to its process is a message."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bookfigs.column import key
from bookfigs.errors import (
    BookfigsError,
    EnvironmentMissingError,
    FigureError,
    InputError,
)
from bookfigs.point import (
    Failure,
    Job,
    PointResult,
    Shape,
    out_of_memory,
    shape_of,
)
from bookfigs.process import Crew, Worker
from bookfigs.record import Device
from longbook import TORCH

HERE = Device("cpu", "Model C", 2, 8)

FIGURE = '''
"""What does this do to its process?"""

import ctypes
import os
import sys
import signal
import sys
import threading
import time

from bookfigs.column import exact, key

COLUMNS = {"n": key(), "result": exact("items")}
POINTS = [{"n": 1}, {"n": 2}]
VALUES = {}
CLAIMS = {}
SIZE = (3, 2)
CAPTION = ""
ALT = ""


def measure(device, n):
    if n == 1:
        BODY
    yield {"n": n, "result": n}


def draw(record, axes):
    pass
'''


@pytest.fixture
def hold() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "torch.py").write_text(TORCH)
    return tmp_path


def start(folder: Path, hold: int, body: str, head: str = "") -> Worker:
    path = folder / "growth.py"
    path.write_text(FIGURE.replace("BODY", body).replace("VALUES", head + "VALUES"))
    job = Job("growth", str(path), str(folder), HERE, 1)
    return Crew().start(job, hold)


@pytest.mark.parametrize(
    ("body", "said", "run"),
    [
        ("os._exit(3)", "its process ended itself with exit status 3", "--only growth"),
        ("os._exit(0)", "its process ended itself with exit status 0", "--only growth"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV", "growth"),
        ("ctypes.string_at(0)", "was ended by SIGSEGV (growth.py:", "--only growth"),
        ("os.abort()", "was ended by SIGABRT (growth.py:", "--only growth"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "was ended by SIGKILL, as the kernel does when memory runs out",
            "dmesg | tail",
        ),
        ("raise KeyboardInterrupt", "was ended by SIGINT (growth.py:", "growth"),
        (
            "[print('words') for _ in iter(int, 1)]",
            "printed more than 1 MiB and was ended; it printed last: 'words'",
            "--only growth",
        ),
        (
            "print('so far', flush=True); os._exit(3)",
            "exit status 3; it printed last: 'so far'",
            "--only growth",
        ),
        ("os.closerange(3, 256)", "", "--only growth"),
    ],
)
def test_end_of_a_process_is_a_message(
    folder: Path, hold: int, body: str, said: str, run: str
) -> None:
    with start(folder, hold, body) as worker:
        shape = worker.shape()
        with pytest.raises(FigureError) as raised:
            worker.measure(0, shape.points[0])
    message = str(raised.value)
    assert message.startswith("growth.py: measure(n=1) failed: its process ")
    assert said in message
    assert run in message.partition("  run: ")[2]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(3)", "SystemExit: 3 (growth.py:"),
        ("1 / 0", "ZeroDivisionError: division by zero (growth.py:"),
        ("yield 7", "measure() yielded what is no row"),
        ('yield {"n": n}', "yielded a row with n, but COLUMNS declares n, result"),
        ('yield {"n": n, "result": float("nan")}', "expected one finite int"),
        ('yield {"n": n, "result": [1.0]}', "column 'result' is exact and holds"),
        ('yield {"n": n, "result": "\\ud800"}', "yielded what JSON cannot hold"),
        ("raise SystemExit from MemoryError()", None),
    ],
)
def test_exception_is_a_message_and_the_process_measures_on(
    folder: Path, hold: int, body: str, said: str | None
) -> None:
    with start(folder, hold, body) as worker:
        shape = worker.shape()
        failed = worker.measure(0, shape.points[0])
        after = worker.measure(1, shape.points[1])
    assert after.columns == {"n": [2], "result": [2]}
    if said is None:
        assert failed.gap == "out of memory"
        return
    assert failed.failure is not None
    assert said in str(failed.failure.error())


@pytest.mark.parametrize(
    "body",
    [
        "raise MemoryError",
        'raise MemoryError("Unable to allocate 8 TiB")',
        'raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")',
        'raise RuntimeError("DefaultCPUAllocator: can\'t allocate memory")',
        "bytearray(1 << 62)",
    ],
)
def test_memory_that_ran_out_is_a_gap(folder: Path, hold: int, body: str) -> None:
    with start(folder, hold, body) as worker:
        result = worker.measure(0, worker.shape().points[0])
    assert result.gap.startswith("out of memory")
    assert result.columns == {}
    assert result.failure is None


@pytest.mark.parametrize(
    "body",
    [
        'print(\'{"type":"PointResult","index":0,"seconds":0}\')',
        'os.write(1, b"no json\\n")',
        'os.system("echo no json")',
        "sys.stdin.read()",
        "os.close(1)",
        "os.close(2)",
        "sys.stdout.close()",
        "os.setsid() if os.getpid() != os.getpgrp() else None",
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "os.fork() or time.sleep(600)",
        "signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "sys.path.clear()",
        'os.chdir("/")',
    ],
)
def test_what_figure_code_does_to_its_process_does_not_reach_the_answers(
    folder: Path, hold: int, body: str
) -> None:
    with start(folder, hold, body) as worker:
        shape = worker.shape()
        results = [worker.measure(i, shape.points[i]) for i in range(2)]
    assert [r.columns for r in results] == [{"n": [n], "result": [n]} for n in (1, 2)]


def test_a_figure_that_needs_no_torch_is_measured_without(
    folder: Path, hold: int
) -> None:
    (folder / "torch.py").write_text("1 / 0")
    with start(folder, hold, 'assert "torch" not in sys.modules') as worker:
        result = worker.measure(0, worker.shape().points[0])
    assert result.columns == {"n": [1], "result": [1]}


def test_threads_of_torch_are_pinned_before_a_figure_can_use_it(
    hold: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [name for name in sys.path if not Path(name, "torch.py").exists()]
    monkeypatch.setattr(sys, "path", there)  # without what other tests left there
    body = "import torch; n = torch.get_num_threads() + 10 * IS_FLUSHED"
    flushed = "int(torch.tensor(1e-42) * 1 == 0)"
    with TemporaryDirectory() as folder:  # where no other torch lies
        path = Path(folder) / "growth.py"
        path.write_text(FIGURE.replace("BODY", body.replace("IS_FLUSHED", flushed)))
        with Crew().start(Job("growth", str(path), folder, HERE, 7), hold) as worker:
            result = worker.measure(0, worker.shape().points[0])
    assert result.failure is None, result.failure.error()
    assert result.columns["result"] == [17]


def test_torch_that_is_not_there_is_told_with_what_to_install(
    folder: Path, hold: int
) -> None:
    body = 'raise ModuleNotFoundError("No module named torch", name="torch")'
    with start(folder, hold, body) as worker:
        failed = worker.measure(0, worker.shape().points[0])
    assert failed.failure is not None
    error = failed.failure.error()
    assert isinstance(error, EnvironmentMissingError)
    assert "measuring needs torch, which cannot be imported: No module" in str(error)
    assert "pip install torch" in str(error)


@pytest.mark.parametrize(
    ("head", "said", "kind"),
    [
        ("os._exit(3)\n", "loading it failed: its process ended itself", FigureError),
        ("sys.exit(3)\n", "fails when imported: SystemExit: 3", InputError),
        ("1 / 0\n", "ZeroDivisionError", InputError),
        ("POINTS = [{'n': {1}}]\n", "a set; a point holds", InputError),
        ("POINTS = [{'n': 1j}]\n", "POINTS, point 1: 'n' is 1j", InputError),
        ("POINTS = [{'n': float('inf')}]\n", "finite float", InputError),
        ("POINTS = [{'n': sys}]\n", "name what you mean by a string", InputError),
    ],
)
def test_figure_file_that_cannot_be_used_is_a_message(
    folder: Path, hold: int, head: str, said: str, kind: type[BookfigsError]
) -> None:
    worker = start(folder, hold, "pass", head)
    with worker, pytest.raises(kind) as raised:
        worker.shape()
    assert "growth.py" in str(raised.value)
    assert said in str(raised.value)


def test_no_worker_starts_after_the_end_and_those_alive_are_ended(
    folder: Path, hold: int
) -> None:
    from bookfigs.process import StoppedError

    path = folder / "growth.py"
    path.write_text(FIGURE.replace("BODY", "time.sleep(600)"))
    job = Job("growth", str(path), str(folder), HERE, 1)
    with Crew() as crew:
        worker = crew.start(job, hold)
        point = worker.shape().points[0]
    with worker, pytest.raises(FigureError, match="SIGKILL"):
        worker.measure(0, point)
    with pytest.raises(StoppedError):
        crew.start(job, hold)


def test_points_that_are_plain_data_are_described_as_json() -> None:
    points: list[dict[str, Any]] = [
        {"T": 4, "arms": ("a", "b"), "deep": {"x": [None, True, 0.5]}}
    ]
    shape = shape_of(Path("growth.py"), points, {"n": key()})
    assert shape.points == [
        {"T": 4, "arms": ["a", "b"], "deep": {"x": [None, True, 0.5]}}
    ]
    assert not shape.is_timed


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("out of memory"), False),
        (None, False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(
    error: BaseException | None, *, is_told: bool
) -> None:
    assert (out_of_memory(error) is not None) == is_told


def test_message_arrives_as_what_it_was() -> None:
    sent = InputError("f.py", "no", asked="a", available=["b"], run="x")
    arrived = Failure.of(sent).error()
    assert type(arrived) is InputError
    assert arrived.message() == sent.message()
    assert Shape([], {}).points == []
    assert PointResult(0, 0.0).failure is None
