"""The machine: who may measure beside whom, and files that others put there."""

import fcntl
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from bookfigs.errors import EnvironmentMissingError
from bookfigs.machine import FOLDER, held
from smallbook import ROOT

TRY = """
import sys
from bookfigs.machine import held
def waits(why):
    print(why)
    sys.exit(3)
with held(alone=sys.argv[1] == "alone", waiting=waits):
    print("held")
"""


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def never(why: str) -> None:
    raise RuntimeError(why)


def another(how: str) -> str:
    """What another process prints that tries to hold the machine as well."""
    command = [sys.executable, "-c", TRY, how]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ("shared", "shared", "held"),
        ("shared", "alone", "waits to have the machine to itself"),
        ("alone", "shared", "waits for the machine"),
        ("alone", "alone", "waits to have the machine to itself"),
    ],
)
def test_times_are_taken_alone_and_counting_is_shared(
    locks: Path, mine: str, theirs: str, said: str
) -> None:
    with held(alone=mine == "alone", waiting=never):
        assert said in another(theirs)
    assert "held" in another(theirs)


def test_who_shares_does_not_pass_one_who_waits_to_be_alone(locks: Path) -> None:
    with held(alone=False, waiting=never):
        command = [
            sys.executable,
            "-c",
            TRY.replace("sys.exit(3)", "sys.stdout.flush()"),
            "alone",
        ]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as waiter:
            assert waiter.stdout is not None
            assert "to itself" in waiter.stdout.readline()
            assert "takes times on it, or is next to" in another("shared")
            waiter.kill()
        assert "held" in another("shared")


def test_worker_that_outlives_its_run_still_holds_the_machine(locks: Path) -> None:
    with ExitStack() as stack:
        with held(alone=True, waiting=never) as hold:
            worker = stack.enter_context(
                subprocess.Popen(["sleep", "600"], pass_fds=(hold,))
            )
        assert "waits" in another("shared")
        worker.kill()
    assert "held" in another("shared")


def test_lock_file_removed_meanwhile_is_noticed(locks: Path) -> None:
    with held(alone=True, waiting=never):
        (locks / "bookfigs-machine.lock").unlink()
    with held(alone=True, waiting=never):
        assert "waits" in another("alone")


def test_everybody_may_read_the_lock_and_nobody_write_it(locks: Path) -> None:
    before = os.umask(0o077)
    try:
        with held(alone=True, waiting=never):
            pass
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in locks.iterdir()} == {0o444}


@pytest.mark.parametrize("name", ["bookfigs-turn.lock", "bookfigs-machine.lock"])
@pytest.mark.parametrize("kind", ["link", "dangling", "hard link", "pipe", "folder"])
def test_what_somebody_else_put_there_is_refused_and_not_touched(
    locks: Path, tmp_path_factory: pytest.TempPathFactory, name: str, kind: str
) -> None:
    victim = tmp_path_factory.mktemp("victim") / "file"
    path = locks / name
    if kind != "dangling":
        victim.write_text("precious")
    if kind in {"link", "dangling"}:
        path.symlink_to(victim)
    elif kind == "hard link":
        path.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with (
        pytest.raises(EnvironmentMissingError, match=f"of user {os.getuid()}") as error,
        held(alone=True, waiting=never),
    ):
        pass
    assert str(path) in str(error.value)
    assert "run: rm" in str(error.value)
    assert victim.exists() == (kind != "dangling")
    assert kind == "dangling" or victim.read_text() == "precious"


def test_file_of_another_user_that_may_be_read_is_good_enough(locks: Path) -> None:
    for name in ("bookfigs-turn.lock", "bookfigs-machine.lock"):
        (locks / name).touch(mode=0o444)
        if os.getuid() == 0:
            os.chown(locks / name, 12345, 12345)
    with held(alone=True, waiting=never):
        assert "waits" in another("shared")


def test_folder_that_is_not_there_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "none"))
    with (
        pytest.raises(EnvironmentMissingError, match="cannot be made") as error,
        held(alone=False, waiting=never),
    ):
        pass
    assert FOLDER in str(error.value)


def test_file_system_without_locks_is_a_message(
    locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(EnvironmentMissingError, match="No locks available"),
        held(alone=False, waiting=never),
    ):
        pass
