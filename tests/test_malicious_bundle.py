"""A hostile file is refused with a message, in little memory; nothing is written."""

from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.canonical import to_json
from malicious import KINDS, Hostile, bring_in, growing
from smallbook import Run
from test_exchange import GPU_SLUG, bundle_of, elsewhere, kept, packed, snapshot

MOST = 512
"""MiB that an import may take; Python and its packages alone take some 50."""


def surroundings(book: Book) -> set[Path]:
    """All names around and in the book, but for what belongs to this test."""
    return {p for p in book.root.parent.rglob("*") if ".git" not in p.parts}


@pytest.mark.parametrize("hostile", KINDS, ids=lambda hostile: hostile.kind)
def test_a_hostile_file_is_refused_with_a_message_and_nothing_is_written(
    published: Book, tmp_path: Path, hostile: Hostile
) -> None:
    folder = tmp_path / "handed over"
    folder.mkdir()
    path = hostile.make(published, folder / "b.json")
    before, names = snapshot(published), surroundings(published)
    ended = bring_in(published, path, folder)
    assert ended.status in {3, 4}, ended.printed
    assert f"bookfigs: {path}" in ended.printed
    assert hostile.said in ended.printed
    assert "Traceback" not in ended.printed
    assert len(ended.printed) < 2000
    assert ended.peak < MOST
    assert snapshot(published) == before
    assert surroundings(published) - names <= {
        folder / "peak",
        published.local / "lock",
    }


def test_a_file_that_grows_while_it_is_read_is_refused(
    published: Book, tmp_path: Path
) -> None:
    before = snapshot(published)
    with growing(tmp_path / "b"):
        ended = bring_in(published, tmp_path / "b", tmp_path)
    assert ended.status == 3
    assert f"bookfigs: {tmp_path / 'b'}: " in ended.printed
    assert ended.peak < MOST
    assert snapshot(published) == before


def test_a_link_in_place_of_a_record_is_replaced_and_not_followed(
    published: Book, run: Run, tmp_path: Path
) -> None:
    target = kept(published).with_stem(GPU_SLUG)
    (tmp_path / "precious").write_text("precious")
    target.symlink_to(tmp_path / "precious")
    record = elsewhere(published)
    assert run("import", str(bundle_of(tmp_path / "b", packed(record)))).returncode == 0
    assert (tmp_path / "precious").read_text() == "precious"
    assert not target.is_symlink()
    assert target.read_bytes() == to_json(record)


@pytest.mark.parametrize("kind", ["a link", "a second name"])
def test_what_lies_where_a_record_is_written_first_is_not_written_to(
    published: Book, run: Run, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "precious").write_text("precious")
    target = kept(published).with_stem(GPU_SLUG)
    first = target.with_name(f".{target.name}.bookfigs")
    if kind == "a link":
        first.symlink_to(tmp_path / "precious")
    else:
        first.hardlink_to(tmp_path / "precious")
    record = elsewhere(published)
    assert run("import", str(bundle_of(tmp_path / "b", packed(record)))).returncode == 0
    assert (tmp_path / "precious").read_text() == "precious"
    assert target.read_bytes() == to_json(record)
