"""The journal: what is kept, what is good, and what is passed over."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bookfigs.book import Book
from bookfigs.errors import StorageError
from bookfigs.journal import SCHEMA, Entry, Journal, follows_from, marked
from bookfigs.record import Device

HERE = Device("cpu", "Model C", 2, 8)
POINTS = [{"n": 1}, {"n": 2}]


@pytest.fixture
def home(tmp_path: Path) -> Book:
    (tmp_path / "pyproject.toml").touch()
    figures = tmp_path / "chapters" / "one" / "figures"
    figures.mkdir(parents=True)
    for slug in ("growth", "measured"):
        (figures / f"{slug}.py").touch()
    return Book(tmp_path / "chapters")


@pytest.fixture
def journal(home: Book) -> Journal:
    return Journal(home, "growth", HERE.slug, follows_from({"f": "1"}, HERE, {}))


def entry(journal: Journal, index: int = 0) -> Entry:
    return Entry(
        schema=SCHEMA,
        follows=journal.follows,
        index=index,
        of=len(POINTS),
        point=POINTS[index],
        columns={"n": [index + 1], "seconds": [[0.1, 0.25]], "gap": [None]},
        gap="",
        seconds=0.1,
        load=0.5,
        dirty=False,
        notes={"quiet": True},
    )


def test_what_is_kept_is_read_back(journal: Journal) -> None:
    for index in range(2):
        journal.keep(entry(journal, index))
    found = journal.entries()
    assert found == {i: entry(journal, i).sealed() for i in range(2)}
    assert journal.prune(POINTS) == found


def test_forgetting_leaves_nothing_behind(home: Book, journal: Journal) -> None:
    with marked(home, HERE.slug, {"growth"}):
        journal.keep(entry(journal))
        journal.forget()
    assert not (home.local / "journal").exists()


def cut(text: str) -> str:
    return text[: len(text) // 2]


def swap(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda _: "",
        lambda _: "\x00" * 100,
        lambda _: "[" * 5000,
        swap("0.25", "0.26"),
        swap('"n": [1]', '"n": [2]'),
        swap('"schema": 1', '"schema": 2'),
        swap('"gap": ""', '"gap": 7'),
        swap('"of": 2', '"of": 2, "more": 1'),
    ],
)
def test_damaged_entry_is_passed_over_and_removed(
    journal: Journal, damage: Callable[[str], str]
) -> None:
    journal.keep(entry(journal))
    (path,) = journal.folder.iterdir()
    path.write_text(damage(path.read_text()))
    assert journal.entries() == {}
    assert journal.prune(POINTS) == {}
    assert list(journal.folder.iterdir()) == []


def test_entry_under_the_name_of_another_is_passed_over(journal: Journal) -> None:
    for index in range(2):
        journal.keep(entry(journal, index))
    first, second = sorted(journal.folder.iterdir())
    second.write_bytes(first.read_bytes())
    assert list(journal.entries()) == [0]


OTHER_DEVICE = Device("cpu", "Model C", 4, 8)


@pytest.mark.parametrize(
    ("code", "device", "versions"),
    [
        ({"f": "2"}, HERE, {}),
        ({"f": "1", "g": "1"}, HERE, {}),
        ({"f": "1"}, OTHER_DEVICE, {}),
        ({"f": "1"}, HERE, {"python": "3.99"}),
    ],
)
def test_entry_that_follows_from_something_else_is_foreign(
    home: Book,
    journal: Journal,
    code: dict[str, str],
    device: Device,
    versions: dict[str, str],
) -> None:
    journal.keep(entry(journal))
    follows = follows_from(code, device, versions)
    other = Journal(home, "growth", HERE.slug, follows)
    assert other.entries() == {}
    assert journal.entries() != {}
    assert other.prune(POINTS) == {}
    assert journal.entries() == {}


@pytest.mark.parametrize(
    "points", [[], [{"n": 3}], [{"n": 1.0}], [{"n": True}], [{"m": 1}], [{"n": "1"}]]
)
def test_entry_of_a_point_that_is_no_more_is_removed(
    journal: Journal, points: list[dict[str, Any]]
) -> None:
    journal.keep(entry(journal))
    assert journal.prune(points) == {}
    assert list(journal.folder.iterdir()) == []


@pytest.mark.parametrize("number", [28, 30, 13])
def test_refusal_of_the_file_system_is_a_message_and_leaves_nothing_half_written(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    journal.keep(entry(journal, 0))

    def refuse(_: int) -> None:
        raise OSError(number, "it refuses")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(StorageError) as raised:
        journal.keep(entry(journal, 1))
    assert ".bookfigs/journal/growth/cpu-model-c-2-cores/0001-" in str(raised.value)
    assert "cannot be written: it refuses" in str(raised.value)
    assert "run: bookfigs figures" in str(raised.value)
    assert list(journal.entries()) == [0]
    assert len(list(journal.folder.iterdir())) == 1


def test_marking_tidies_up_what_a_run_that_broke_off_left(
    home: Book, journal: Journal
) -> None:
    journal.keep(entry(journal))
    half = [
        journal.folder / ".0001-ab.json.x_8s7abc",
        home.local / "figures" / ".growth.png.abcdefgh",
        home.generated / ".manifest.json.12345678",
    ]
    own = [home.generated / ".gitattributes", home.local / ".notes.json"]
    for path in [*half, *own]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with marked(home, HERE.slug, {"growth"}):
        assert [path for path in half if path.exists()] == []
    assert all(path.exists() for path in own)
    assert list(journal.entries()) == [0]


def test_digest_does_not_depend_on_order() -> None:
    one = follows_from({"a": "1", "b": "2"}, HERE, {"x": "1", "y": "2"})
    other = follows_from({"b": "2", "a": "1"}, HERE, {"y": "2", "x": "1"})
    assert one == other


def test_files_of_the_journal_are_plain_json(journal: Journal) -> None:
    journal.keep(entry(journal))
    (path,) = journal.folder.iterdir()
    content = json.loads(path.read_text())
    assert content["point"] == {"n": 1}
    assert content["columns"]["seconds"] == [[0.1, 0.25]]


@pytest.mark.parametrize(
    ("slug", "device", "stays"),
    [
        ("growth", HERE.slug, True),
        ("growth", "cuda-model-g", True),
        ("measured", HERE.slug, False),
        ("measured", "cuda-model-g", True),
        ("deleted", HERE.slug, False),
        ("deleted", "cuda-model-g", False),
    ],
)
def test_entries_that_no_run_will_ask_for_are_removed(
    home: Book, slug: str, device: str, *, stays: bool
) -> None:
    path = home.local / "journal" / slug / device / "0000-ab.json"
    path.parent.mkdir(parents=True)
    path.touch()
    with marked(home, HERE.slug, {"growth"}):
        assert path.exists() == stays
    assert path.exists() == stays
