"""Records travel between machines as data, or not at all."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bookfigs import bundle as bundles
from bookfigs.book import Book
from bookfigs.bundle import read_bundle, written
from bookfigs.canonical import to_json
from bookfigs.errors import InputError, NewerSchemaError
from bookfigs.exchange import unpack
from bookfigs.record import Device, Record, read_record
from smallbook import Run, commit, python

GPU = Device("cuda", "Model G", 16, 80, "550.1")
GPU_SLUG = "cuda-model-g"


def kept(book: Book, slug: str = "double_growth") -> Path:
    """The record that this machine made."""
    (path,) = (book.local / "records" / slug).glob("cpu-*.json")
    return path


def elsewhere(book: Book, **changes: Any) -> Record:
    """The record of a figure as another machine would have made it."""
    record = read_record(kept(book), "record")
    return msgspec.structs.replace(record, device=GPU, **changes)


def packed(measured: Record | dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A record in a bundle, sealed again whatever it holds."""
    content = to_json(measured).decode()
    slug = measured.device.slug if isinstance(measured, Record) else GPU_SLUG
    entry = {"figure": "double_growth", "device": slug, "record": content, **changes}
    digest = hashlib.sha256(entry["record"].encode()).hexdigest()
    return {"sha256": digest, **entry}


def bundle_of(path: Path, *records: Any, **changes: Any) -> Path:
    document = {"schema": 1, "generator": "test", "records": list(records), **changes}
    path.write_text(json.dumps(document))
    return path


def changed(record: Record, place: str, value: Any) -> dict[str, Any]:
    """A record as plain data, with something else at a place."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    *parents, last = place.split(".")
    target = plain
    for name in parents:
        target = target[name]
    target[last] = value
    return plain


def snapshot(book: Book) -> dict[str, bytes]:
    found = (p for p in sorted(book.root.rglob("*")) if p.is_file())
    return {str(p): p.read_bytes() for p in found if p.name != "lock"}


def test_what_is_packed_comes_in_elsewhere_byte_for_byte(
    published: Book, run: Run, tmp_path: Path
) -> None:
    before = kept(published).read_bytes()
    assert run("bundle", "--to", str(tmp_path / "b.json")).returncode == 0
    kept(published).unlink()
    kept(published, "square_growth").unlink()
    done = run("import", str(tmp_path / "b.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 2 records imported" in done.stdout
    assert kept(published).read_bytes() == before
    assert "0 measured, 0 drawn, 2 up to date" in run("figures").stdout


def test_the_same_records_are_the_same_bundle(published: Book, run: Run) -> None:
    folder = published.root.parent
    for name in ("a", "b"):
        run("bundle", "--to", str(folder / name))
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    run("bundle", "square_growth", "--to", str(folder / "c"))
    (only,) = read_bundle(folder / "c")
    assert only.figure == "square_growth"


def test_a_bundle_is_never_written_over_something_else(
    published: Book, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("precious")
    done = run("bundle", "--to", str(tmp_path / "mine"))
    assert done.returncode == 3
    assert "mine: is there already, and is not this bundle" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"


def test_what_was_not_measured_cannot_be_packed(
    book: Book, run: Run, tmp_path: Path
) -> None:
    done = run("bundle", "double_growth", "--to", str(tmp_path / "b"))
    assert done.returncode == 4
    assert "double_growth: nothing of it is measured here" in done.stderr
    assert "run: bookfigs figures" in done.stderr
    assert not (tmp_path / "b").exists()


def test_a_record_of_another_machine_is_imported_published_and_drawn_beside_this_one(
    published: Book, run: Run, tmp_path: Path
) -> None:
    path = bundle_of(tmp_path / "b", packed(elsewhere(published)))
    assert "1 of 1 records imported" in run("import", str(path)).stdout
    assert run("check").returncode == 0
    done = run("publish", "double_growth", "--device", GPU_SLUG)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"evidence/double_growth/{GPU_SLUG}.json" in done.stdout
    done = run("figures")
    assert "0 measured, 1 drawn" in done.stdout
    table = (published.generated / "data" / "double_growth.csv").read_text()
    assert f"\n{GPU_SLUG},1,2\n" in table
    assert "\ncpu-" in table
    rows = json.loads(published.manifest.read_text())["claims"]
    assert {r["device"] for r in rows["double_growth.grows"]["rows"]} >= {"Model G"}


def test_importing_publishing_drawing_and_checking_need_no_torch(
    published: Book, tmp_path: Path
) -> None:
    path = bundle_of(tmp_path / "b", packed(elsewhere(published)))
    script = (
        "import sys\n"
        "from bookfigs.cli import cli\n"
        "sys.modules['torch'] = None  # importing it would fail\n"
        f"for line in (['import', {str(path)!r}],\n"
        f"             ['publish', 'double_growth', '--device', {GPU_SLUG!r}],\n"
        "             ['figures'], ['check', '--redraw']):\n"
        f"    cli.main(['--book', {str(published.folder)!r}, *line],\n"
        "             standalone_mode=False)\n"
        "print(sys.modules['torch'])"
    )
    printed = python(script)
    assert "2 figures, 1 listings, 2 values and 2 claims follow" in printed
    assert printed.splitlines()[-1] == "None"


def test_a_record_of_other_code_comes_in_and_is_not_published(
    published: Book, run: Run, tmp_path: Path
) -> None:
    record = elsewhere(published)
    closure = {**record.provenance.closure, "helpers.double": "0" * 16}
    made = msgspec.structs.replace(record.provenance, closure=closure)
    other = msgspec.structs.replace(record, provenance=made)
    done = run("import", str(bundle_of(tmp_path / "b", packed(other))))
    assert done.returncode == 0
    assert "imported; of other code: helpers.double changed" in done.stdout
    done = run("publish", "double_growth", "--device", GPU_SLUG)
    assert done.returncode == 9
    assert "helpers.double changed" in done.stderr
    assert "on that machine; then import it again" in done.stderr


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("columns.result.values", [2, 4, 8, 17], "row 4: 16 against 17"),
        ("columns.result.unit", "apples", "not those that the figure declares"),
        ("columns.result.kind", "key", "not those that the figure declares"),
        ("provenance.dirty", True, "tracked files differed"),
        ("provenance.commit", "", "outside of git"),
    ],
)
def test_an_imported_record_has_to_pass_the_gates(
    published: Book, run: Run, tmp_path: Path, place: str, value: Any, said: str
) -> None:
    plain = changed(elsewhere(published), place, value)
    record = msgspec.convert(plain, Record)
    assert run("import", str(bundle_of(tmp_path / "b", packed(record)))).returncode == 0
    done = run("publish", "double_growth", "--device", GPU_SLUG)
    assert done.returncode == 9
    assert said in done.stderr
    assert len(published.evidence("double_growth")) == 1


def test_publishing_a_device_of_which_nothing_came_in_names_those_that_did(
    published: Book, run: Run
) -> None:
    done = run("publish", "double_growth", "--device", "cuda-model-h")
    assert done.returncode == 4
    assert "no record of 'cuda-model-h' is kept here" in done.stderr
    assert kept(published).stem in done.stderr


@pytest.mark.parametrize(
    ("there", "coming", "arguments", "said", "left"),
    [
        (2, 1, [], "not imported: the one here is newer, of 2026-01-02", 2),
        (2, 1, ["--replace"], "imported in place of a newer one 2026-01-02", 1),
        (1, 2, [], "imported in place of the one 2026-01-01", 2),
        (1, 1, [], "is here already", 1),
    ],
)
def test_a_newer_record_is_not_replaced_without_saying_so(
    published: Book,
    run: Run,
    tmp_path: Path,
    there: int,
    coming: int,
    arguments: list[str],
    said: str,
    left: int,
) -> None:
    def at(day: int) -> Record:
        date = f"2026-01-0{day}T03:04:05Z"
        return msgspec.convert(
            changed(elsewhere(published), "provenance.date", date), Record
        )

    target = kept(published).with_stem(GPU_SLUG)
    target.write_bytes(to_json(at(there)))
    path = bundle_of(tmp_path / "b", packed(at(coming)))
    done = run("import", str(path), *arguments)
    assert done.returncode == 0
    assert said in done.stdout
    assert target.read_bytes() == to_json(at(left))


def test_a_record_here_that_a_later_version_wrote_stays(
    published: Book, run: Run, tmp_path: Path
) -> None:
    target = kept(published).with_stem(GPU_SLUG)
    target.write_text('{"schema": 99}')
    done = run("import", str(bundle_of(tmp_path / "b", packed(elsewhere(published)))))
    assert done.returncode == 3
    assert "has schema 99" in done.stderr
    assert target.read_text() == '{"schema": 99}'


Change = Callable[[Record], Any]

HOSTILE: dict[str, tuple[Change, type[Exception], str]] = {
    "a path upwards": (
        lambda r: packed(r, figure="../../evil"),
        InputError,
        "'../../evil' is no name of a figure",
    ),
    "an absolute path": (
        lambda r: packed(r, figure="/etc/passwd"),
        InputError,
        "'/etc/passwd' is no name of a figure",
    ),
    "a device that is a path": (
        lambda r: packed(r, device="cpu-x/../../../evil"),
        InputError,
        "is no name of a device",
    ),
    "a device of no known kind": (
        lambda r: packed(r, device="tpu-x"),
        InputError,
        "'tpu-x' is no name of a device",
    ),
    "a name with a line break": (
        lambda r: packed(r, figure="double_growth\n"),
        InputError,
        "is no name of a figure",
    ),
    "a very long name": (
        lambda r: packed(r, device="cpu-" + "a" * 300),
        InputError,
        "is no name of a device",
    ),
    "a wrong digest": (
        lambda r: {**packed(r), "sha256": "0" * 64},
        InputError,
        "its digest is not that of its content",
    ),
    "another device's record": (
        lambda r: packed(r, device="cuda-model-i"),
        InputError,
        "is called double_growth on cuda-model-i, and is of 'double_growth'",
    ),
    "another figure's record": (
        lambda r: packed(changed(r, "figure", "square_growth")),
        InputError,
        "is called double_growth on cuda-model-g, and is of 'square_growth'",
    ),
    "a record of a later version": (
        lambda r: packed(changed(r, "schema", 2)),
        NewerSchemaError,
        "has schema 2; this version of bookfigs reads up to 1",
    ),
    "an unknown field": (
        lambda r: packed(changed(r, "run", "rm -rf /")),
        InputError,
        "unknown field `run`",
    ),
    "a pickle": (
        lambda r: packed(r, record="cos\nsystem\n(S'echo'\ntR."),
        InputError,
        "is not a document of bookfigs",
    ),
    "a number that is none": (
        lambda r: packed(r, record=to_json(r).decode().replace("[2,4,", "[NaN,4,")),
        InputError,
        "JSON is malformed",
    ),
    "a number beyond all bounds": (
        lambda r: packed(r, record=to_json(r).decode().replace("[2,4,", "[1e999,4,")),
        InputError,
        "out of range",
    ),
    "a whole number of 5,000 digits": (
        lambda r: packed(
            r, record=to_json(r).decode().replace("[2,4,", f"[{'1' * 5000},4,")
        ),
        InputError,
        "",
    ),
    "a field twice": (
        lambda r: packed(
            r, record=to_json(r).decode().replace('"figure"', '"figure": "x", "figure"')
        ),
        InputError,
        "is not as bookfigs writes it",
    ),
    "columns of different length": (
        lambda r: packed(changed(r, "columns.result.values", [2])),
        InputError,
        "columns of different length",
    ),
    "a cell that runs something in a terminal": (
        lambda r: packed(changed(r, "columns.result.values", ["\x1b[2J", 1, 1, 1])),
        InputError,
        "characters that nobody sees",
    ),
    "a device that writes backwards": (
        lambda r: packed(changed(r, "device.driver", "\u202e550")),
        InputError,
        "characters that nobody sees",
    ),
    "a date that is none": (
        lambda r: packed(changed(r, "provenance.date", "yesterday")),
        InputError,
        "date 'yesterday' is no ISO 8601 date",
    ),
    "no text at all": (lambda r: {**packed(r), "record": 1}, InputError, "Expected"),
    "too deep a nest": (
        lambda r: packed(r, record='{"schema":1,"x":' + "[" * 9999 + "]" * 9999 + "}"),
        InputError,
        "",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_refused_with_all_that_came_with_it(
    published: Book, tmp_path: Path, name: str
) -> None:
    change, kind, said = HOSTILE[name]
    good = elsewhere(published)
    other = changed(good, "device.name", "Model H")
    honest = packed(other, device="cuda-model-h")
    path = bundle_of(tmp_path / "b", honest, change(good))
    before = snapshot(published)
    with pytest.raises(kind) as caught:
        unpack(published, path)
    assert said in str(caught.value)
    assert f"{path}" in str(caught.value)
    assert snapshot(published) == before


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../evil", "x")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a document of bookfigs"),
        (b"\x00" * 1000, "is not a document of bookfigs"),
        (zipped(), "is not a document of bookfigs"),
        (b"[" * 100_000, "is not a document of bookfigs"),
        (b'{"schema": 2, "generator": "x", "records": []}', "has schema 2"),
        (b'{"schema": 1, "generator": "x", "records": []}', "holds 0 records"),
        (b'{"schema": 1, "generator": "x"}', "missing required field `records`"),
        (b'{"schema": 1, "generator": "\xff", "records": []}', "can't decode byte"),
    ],
)
def test_what_is_no_bundle_is_a_message(
    published: Book, run: Run, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "b"
    path.write_bytes(content)
    before = snapshot(published)
    done = run("import", str(path))
    assert done.returncode == 3
    assert f"bookfigs: {path}: " in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert snapshot(published) == before


def test_ten_gigabytes_of_zeros_are_refused_after_as_many_bytes_as_a_bundle_has(
    published: Book, tmp_path: Path
) -> None:
    import tracemalloc

    path = tmp_path / "b"
    with path.open("wb") as file:
        file.truncate(10 << 30)  # a hole: the disk holds nothing
    tracemalloc.start()
    with pytest.raises(InputError, match="has more than 32 MiB"):
        unpack(published, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * bundles.LARGEST


def test_a_record_larger_than_any_is_refused_before_it_is_read(
    published: Book, tmp_path: Path
) -> None:
    record = elsewhere(published)
    many = [1] * (bundles.LARGEST_RECORD // 2)
    plain = changed(record, "columns.result.values", many)
    with pytest.raises(InputError, match="has more than 8 MiB, which no record has"):
        unpack(published, bundle_of(tmp_path / "b", packed(plain)))


def test_more_records_than_any_book_has_are_refused(
    published: Book, tmp_path: Path
) -> None:
    one = packed(elsewhere(published))
    path = bundle_of(tmp_path / "b", *[one] * (bundles.MOST_RECORDS + 1))
    with pytest.raises(InputError, match="holds 1001 records; expected 1 to 1000"):
        unpack(published, path)


def test_the_same_record_twice_is_refused(published: Book, tmp_path: Path) -> None:
    one = packed(elsewhere(published))
    with pytest.raises(InputError, match="record 2: is the second one of"):
        unpack(published, bundle_of(tmp_path / "b", one, one))


def test_a_figure_that_this_book_does_not_have_is_named_with_the_nearest(
    published: Book, run: Run, tmp_path: Path
) -> None:
    plain = changed(elsewhere(published), "figure", "dubble_growth")
    path = bundle_of(tmp_path / "b", packed(plain, figure="dubble_growth"))
    done = run("import", str(path))
    assert done.returncode == 4
    assert "of 'dubble_growth', a figure that this book does not have" in done.stderr
    assert "nearest: double_growth" in done.stderr


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "nothing", "a device"])
def test_what_is_no_plain_file_is_refused_and_not_waited_for(
    published: Book, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "b"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a device":
        path = Path("/dev/zero")
    with pytest.raises(InputError, match=r"is no plain file|cannot be read"):
        unpack(published, path)


def test_records_that_would_be_refused_there_are_refused_here(
    published: Book, run: Run, tmp_path: Path
) -> None:
    bad = changed(elsewhere(published), "device.name", "Modèle G")
    kept(published).write_bytes(to_json(bad))
    done = run("bundle", "--to", str(tmp_path / "b"))
    assert done.returncode == 3
    assert "is no name of a device" in done.stderr
    assert not (tmp_path / "b").exists()


def test_nothing_changed_in_the_commit_by_importing(
    published: Book, run: Run, tmp_path: Path
) -> None:
    from smallbook import git

    commit(published.root)
    (tmp_path / "b").write_bytes(written([elsewhere(published)]))
    assert run("import", str(tmp_path / "b")).returncode == 0
    assert git(published.root, "status", "--porcelain") == ""
