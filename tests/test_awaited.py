"""Awaited modules: what waits for one is done right after its import."""

import sys
from collections.abc import Iterator
from importlib import import_module, reload
from pathlib import Path

import pytest

from bookfigs.awaited import whenever_imported

NAME = "awaited_module"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let a module be found, and be forgotten afterwards."""
    (tmp_path / f"{NAME}.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    yield tmp_path
    sys.meta_path[:] = finders
    sys.modules.pop(NAME, None)


def test_it_waits_for_the_import_and_finds_the_module_complete(folder: Path) -> None:
    seen: list[int] = []
    whenever_imported(NAME, lambda: seen.append(sys.modules[NAME].value))
    import_module("tempfile")
    assert seen == []
    module = import_module(NAME)
    assert seen == [1]
    assert module.__file__ == str(folder / f"{NAME}.py")
    assert module.__spec__ is not None
    assert type(module.__loader__).__name__ == "SourceFileLoader"


@pytest.mark.usefixtures("folder")
def test_it_is_done_at_once_where_the_module_is_there() -> None:
    seen: list[int] = []
    import_module(NAME)
    whenever_imported(NAME, lambda: seen.append(1))
    assert seen == [1]


@pytest.mark.usefixtures("folder")
def test_the_last_of_several_counts_and_once_only() -> None:
    seen: list[int] = []
    finders = len(sys.meta_path)
    for number in range(3):
        whenever_imported(NAME, lambda number=number: seen.append(number))  # type: ignore[misc]
    assert len(sys.meta_path) == finders + 1
    import_module(NAME)
    assert seen == [2]
    assert len(sys.meta_path) == finders
    reload(sys.modules[NAME])
    assert seen == [2]


def test_nothing_is_done_where_the_import_fails(folder: Path) -> None:
    seen: list[int] = []
    (folder / f"{NAME}.py").write_text("1 / 0\n")
    whenever_imported(NAME, lambda: seen.append(1))
    with pytest.raises(ZeroDivisionError):
        import_module(NAME)
    whenever_imported("no_such_module_at_all", lambda: seen.append(2))
    with pytest.raises(ModuleNotFoundError):
        import_module("no_such_module_at_all")
    assert seen == []
