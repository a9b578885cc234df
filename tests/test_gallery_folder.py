"""The folder of a gallery: whole or not at all, and nothing foreign in it is lost."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bookfigs.errors import InputError, NewerSchemaError, StorageError
from bookfigs.gallery import folder as folders
from bookfigs.gallery.folder import LIST, Folder
from bookfigs.whole import write_whole

FILES = {"index.html": b"<p>", "figures/a.svg": b"<svg/>"}
LATER = {"index.html": b"<b>", "figures/b.svg": b"<svg/>"}


def found(path: Path) -> dict[str, bytes]:
    """The files of a folder, but for the list of them."""
    files = [one for one in path.rglob("*") if one.is_file() and one.name != LIST]
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in files}


def beside(path: Path) -> set[str]:
    """What else lies where a folder lies."""
    return {one.name for one in path.parent.iterdir()} - {path.name}


def refused(path: Path, files: Mapping[str, bytes] = LATER) -> InputError:
    """Why a folder is not written; it is then as it was."""
    before = found(path)
    with pytest.raises(InputError) as caught:
        Folder(path).write(files)
    assert found(path) == before
    assert beside(path) == set()
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inner" / "gallery"


def test_a_folder_is_made_and_then_up_to_date(path: Path) -> None:
    assert Folder(path).write(FILES)
    assert found(path) == FILES
    times = {one: one.stat().st_mtime_ns for one in path.rglob("*")}
    assert not Folder(path).write(FILES)
    assert {one: one.stat().st_mtime_ns for one in path.rglob("*")} == times


def test_what_a_gallery_no_longer_has_is_gone(path: Path) -> None:
    Folder(path).write(FILES)
    assert Folder(path).write(LATER)
    assert found(path) == LATER
    assert beside(path) == set()


def test_an_empty_folder_becomes_a_gallery(path: Path) -> None:
    path.mkdir(parents=True)
    assert Folder(path).write(FILES)
    assert found(path) == FILES


def test_a_file_of_it_that_was_removed_is_made_again(path: Path) -> None:
    Folder(path).write(FILES)
    (path / "figures" / "a.svg").unlink()
    assert Folder(path).write(FILES)
    assert found(path) == FILES


@pytest.mark.parametrize("name", ["notes.txt", "figures/mine.svg", ".hidden"])
def test_a_foreign_file_is_told_and_kept(path: Path, name: str) -> None:
    Folder(path).write(FILES)
    (path / name).write_text("mine")
    error = refused(path)
    assert error.where == (path / name).as_posix()
    assert error.what == "is no file of a gallery, and writing would lose it"
    assert error.run is not None
    assert "bookfigs gallery --to DIR" in error.run


def test_a_file_that_was_edited_by_hand_is_told_and_kept(path: Path) -> None:
    Folder(path).write(FILES)
    (path / "index.html").write_text("mine")
    assert "index.html: was edited by hand" in refused(path).message()


@pytest.mark.parametrize("name", ["index.html", LIST])
def test_a_folder_that_was_never_a_gallery_is_left_alone(path: Path, name: str) -> None:
    path.mkdir(parents=True)
    (path / name).write_text("{}")
    assert refused(path).where == (path / name).as_posix()
    assert (path / name).read_text() == "{}"


def test_a_link_is_neither_followed_nor_lost(path: Path) -> None:
    outside = path.parent.parent / "outside"
    outside.mkdir()
    Folder(path).write(FILES)
    (path / "figures" / "a.svg").unlink()
    (path / "figures" / "a.svg").symlink_to(outside)
    assert "a.svg: is no file of a gallery" in refused(path).message()
    assert (path / "figures" / "a.svg").is_symlink()


def test_a_file_in_the_place_of_the_folder_is_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(InputError, match="is no folder"):
        Folder(path).write(FILES)
    assert path.read_text() == "mine"


def test_a_list_of_a_later_version_is_never_written_over(path: Path) -> None:
    Folder(path).write(FILES)
    (path / LIST).write_text(json.dumps({"schema": 99, "files": []}))
    with pytest.raises(NewerSchemaError, match="schema 99"):
        Folder(path).write(LATER)
    assert found(path) == FILES


@pytest.mark.parametrize("at", range(len(LATER) + 1))
def test_a_write_that_fails_leaves_the_folder_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    Folder(path).write(FILES)
    calls: list[Any] = []

    def failing(target: Path, content: bytes) -> bool:
        calls.append(target)
        if len(calls) > at:
            raise OSError(28, "No space left on device")
        return write_whole(target, content)

    monkeypatch.setattr(folders, "write_whole", failing)
    with pytest.raises(StorageError) as caught:
        Folder(path).write(LATER)
    assert "No space left on device; what was there is as it was" in str(caught.value)
    assert found(path) == FILES
    assert beside(path) == set()


@pytest.mark.parametrize("number", [1, 2])
def test_an_exchange_that_fails_leaves_the_folder_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    Folder(path).write(FILES)
    calls: list[Path] = []
    rename = Path.rename

    def failing(source: Path, target: Path) -> Path:
        calls.append(source)
        if len(calls) == number:
            raise OSError(18, "Invalid cross-device link")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(StorageError, match="Invalid cross-device link"):
        Folder(path).write(LATER)
    assert found(path) == FILES
    assert beside(path) == set()


def test_what_a_killed_run_has_left_is_cleared_away(path: Path) -> None:
    Folder(path).write(FILES)
    (path.parent / f".{path.name}.{folders.NEW}").mkdir()
    path.rename(path.parent / f".{path.name}.{folders.OLD}")
    assert Folder(path).write(LATER)
    assert found(path) == LATER
    assert beside(path) == set()


def test_a_run_that_was_killed_before_the_end_brings_the_old_folder_back(
    path: Path,
) -> None:
    Folder(path).write(FILES)
    path.rename(path.parent / f".{path.name}.{folders.OLD}")
    assert not Folder(path).write(FILES)
    assert found(path) == FILES


def test_runs_at_once_wait_for_each_other(path: Path) -> None:
    import fcntl
    import threading

    path.parent.mkdir()
    lock = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    other = threading.Thread(target=Folder(path).write, args=[FILES])
    other.start()
    other.join(0.2)
    assert other.is_alive()
    assert not path.exists()
    os.close(lock)
    other.join()
    assert found(path) == FILES
