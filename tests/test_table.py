"""The tables beside each figure: what a reader gets into R or a spreadsheet."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bookfigs.book import Book
from bookfigs.column import Cell, close, exact, key, measured, seeded
from bookfigs.record import Device, Gap
from bookfigs.table import tables
from records import record
from smallbook import Run, python
from test_build import edit

TIMED = record(
    arm=(key(), ["a", "b, c"]),
    steps=(exact("steps"), [1, 2]),
    error=(close("1", tolerance=1e-6), [0.1, -1e-9]),
    seconds=(measured("s"), [[3.0, 1.0, 2.5], None]),
)
DEVICE = TIMED.device.slug


def lines(*records: Any) -> list[str]:
    return tables(list(records))["csv"].decode().split("\n")


def document(*records: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(tables(list(records))["json"])
    return content


def test_each_round_of_a_measured_row_is_a_line_and_its_median_stands_beside_it() -> (
    None
):
    assert lines(TIMED) == [
        "device,arm,steps,error,round,seconds,seconds_median",
        f"{DEVICE},a,1,0.1,1,3.0,2.5",
        f"{DEVICE},a,1,0.1,2,1.0,2.5",
        f"{DEVICE},a,1,0.1,3,2.5,2.5",
        f'{DEVICE},"b, c",2,-1e-09,1,,',
        "",
    ]


def test_what_was_only_counted_has_a_line_for_each_row_and_no_rounds() -> None:
    counted = record(n=(key("items"), [1, 2]), result=(exact("items"), [2, None]))
    assert lines(counted) == ["device,n,result", f"{DEVICE},1,2", f"{DEVICE},2,", ""]


def test_columns_with_different_numbers_of_rounds_keep_all_their_samples() -> None:
    both = record(
        a=(measured("s"), [[1.0, 2.0]]), b=(measured("byte"), [[5.0, 6.0, 7.0]])
    )
    assert lines(both) == [
        "device,round,a,a_median,b,b_median",
        f"{DEVICE},1,1.0,1.5,5.0,6.0",
        f"{DEVICE},2,2.0,1.5,6.0,6.0",
        f"{DEVICE},3,,1.5,7.0,6.0",
        "",
    ]


def test_each_seed_is_a_line_before_what_was_measured_with_the_same_median() -> None:
    trained = record(
        a_time=(measured("s"), [[1.0, 3.0]]),
        loss=(seeded("nat"), [[-1.0, 0.0]]),
        n=(key(), [1]),
    )
    assert lines(trained) == [
        "device,n,round,loss,loss_median,a_time,a_time_median",
        f"{DEVICE},1,1,-1.0,-0.5,1.0,2.0",
        f"{DEVICE},1,2,0.0,-0.5,3.0,2.0",
        "",
    ]
    about = {column["name"]: column for column in document(trained)["columns"]}
    assert about["loss"] == {"name": "loss", "kind": "seeded", "unit": "nat"}
    assert about["loss_median"]["kind"] == "median"


def test_devices_follow_each_other_in_one_table() -> None:
    other = msgspec.structs.replace(TIMED, device=Device("cuda", "G", 1, 80))
    devices = [line.partition(",")[0] for line in lines(TIMED, other)[1:-1]]
    assert devices == [DEVICE] * 4 + ["cuda-g"] * 4
    assert set(document(TIMED, other)["devices"]) == {DEVICE, "cuda-g"}


def test_the_json_file_has_units_kinds_samples_and_what_is_missing() -> None:
    holey = msgspec.structs.replace(TIMED, gaps=[Gap({"T": 8}, "out of memory")])
    found = document(holey)
    about = {column["name"]: column for column in found["columns"]}
    assert about["seconds"] == {"name": "seconds", "kind": "measured", "unit": "s"}
    assert about["seconds_median"]["unit"] == "s"
    assert about["error"]["tolerance"] == 1e-6
    assert found["rows"][0]["seconds"] == [3.0, 1.0, 2.5]
    assert found["rows"][0]["seconds_median"] == 2.5
    assert found["rows"][1]["seconds"] is None
    assert found["devices"][DEVICE]["gaps"] == [
        {"point": {"T": 8}, "reason": "out of memory"}
    ]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "=cmd|'/c x'!A"],
)
def test_no_text_begins_as_a_formula_does(text: str) -> None:
    (cell,) = list(csv.reader(io.StringIO(lines_of(text), newline="")))[1][1:]
    assert cell == f"'{text}"


def lines_of(*cells: Cell) -> str:
    return tables([record(x=(key(), list(cells)))])["csv"].decode()


def test_a_column_may_be_called_as_a_formula_and_is_harmless() -> None:
    named = tables([record(**{"=A1": (key(), [1])})])["csv"].decode()
    assert named.splitlines()[0] == "device,'=A1"


def test_a_negative_number_stays_a_number() -> None:
    assert lines_of(-1, -0.5).splitlines()[1:] == [f"{DEVICE},-1", f"{DEVICE},-0.5"]


@pytest.mark.parametrize(
    "text", ['a "b"', "a,b", "a\nb", "a\r\nb", "", " a ", "ä, ö", "plain", "1"]
)
def test_a_reader_of_rfc_4180_gets_back_what_was_written(text: str) -> None:
    rows = list(csv.reader(io.StringIO(lines_of(text, 1), newline=""), strict=True))
    assert rows == [["device", "x"], [DEVICE, text], [DEVICE, "1"]]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 12345678901234567890, 2.0])
def test_numbers_are_read_back_as_they_were(value: float) -> None:
    (_, (_, cell)) = csv.reader(io.StringIO(lines_of(value)))
    assert type(value)(cell) == value


def test_added_columns_never_take_a_name_that_the_record_has() -> None:
    taken = record(
        device=(key(), ["x"]), round=(key(), [1]), s=(measured("s"), [[1.0]])
    )
    assert lines(taken)[:2] == [
        "device_,device,round,round_,s,s_median",
        f"{DEVICE},x,1,1,1.0,1.0",
    ]


def test_without_a_record_there_is_no_table() -> None:
    assert tables([]) == {}


def test_tables_are_in_the_manifest_and_of_the_evidence(
    published: Book, run: Run
) -> None:
    from bookfigs.canonical import fingerprint

    entry = json.loads(published.manifest.read_text())["figures"]["double_growth"]
    assert set(entry["data"]) == {"csv", "json"}
    for file in entry["data"].values():
        content = (published.generated / file["path"]).read_bytes()
        assert file["sha1"] == fingerprint(content)
    (evidence,) = published.evidence("double_growth")
    edit(evidence, "[2,4,8,16]", "[2,4,8,17]")
    assert run("figures").returncode == 0
    table = published.generated / "data" / "double_growth.csv"
    assert table.read_text().endswith(",8,17\n")


@pytest.mark.parametrize("name", ["double_growth.csv", "double_growth.json"])
def test_a_table_that_was_changed_or_is_gone_is_found_and_made_again(
    published: Book, run: Run, name: str
) -> None:
    path = published.generated / "data" / name
    before = path.read_bytes()
    for damage in (lambda: path.write_bytes(before + b" "), path.unlink):
        damage()
        done = run("check")
        assert done.returncode == 6
        assert f"chapters/_bookfigs/data/{name} " in done.stderr
        assert "0 measured, 1 drawn" in run("figures").stdout
        assert path.read_bytes() == before


def test_a_table_with_another_number_and_its_digest_is_found(
    published: Book, run: Run
) -> None:
    from bookfigs.canonical import fingerprint, to_json
    from bookfigs.manifest import read_manifest

    path = published.generated / "data" / "double_growth.csv"
    old = fingerprint(path.read_bytes())
    edit(path, ",8,16", ",8,17")
    edit(published.manifest, old, fingerprint(path.read_bytes()))
    forged = read_manifest(published)
    assert forged is not None
    published.manifest.write_bytes(to_json(forged.sealed()))
    done = run("check")
    assert done.returncode == 6
    assert "entry of double_growth does not follow from the evidence" in done.stderr


def test_tables_of_a_deleted_figure_are_removed(published: Book, run: Run) -> None:
    published.figures()["double_growth"].unlink()
    assert "double_growth.csv removed: nothing declares it" in run("figures").stdout
    left = {path.stem for path in (published.generated / "data").iterdir()}
    assert left == {"square_growth"}


def test_a_stray_table_is_found_although_nothing_else_changed(
    published: Book, run: Run
) -> None:
    assert run("figures").returncode == 0
    stray = published.generated / "data" / "stray.csv"
    stray.write_text("x\n")
    assert run("check").returncode == 6
    assert run("figures").returncode == 0
    assert not stray.exists()


def test_a_manifest_of_before_there_were_tables_is_read_and_completed(
    published: Book, run: Run
) -> None:
    from bookfigs.canonical import to_json
    from bookfigs.manifest import read_manifest

    content = json.loads(published.manifest.read_text())
    for entry in content["figures"].values():
        del entry["data"]
    published.manifest.write_text(json.dumps(content))
    older = read_manifest(published)
    assert older is not None
    published.manifest.write_bytes(to_json(older.sealed()))
    assert b'"data"' not in published.manifest.read_bytes()
    assert "its tables are not made yet" in run("why", "double_growth").stdout
    assert run("figures").returncode == 0
    assert b'"data"' in published.manifest.read_bytes()


def test_tables_need_neither_numpy_nor_torch() -> None:
    script = (
        "import sys, bookfigs.table\n"
        "print(sorted({'torch', 'numpy', 'matplotlib'} & sys.modules.keys()))"
    )
    assert python(script).strip() == "[]"


def test_tables_lie_in_the_generated_folder(published: Book) -> None:
    made = sorted(path.name for path in Path(published.generated / "data").iterdir())
    assert made == [
        f"{slug}_growth.{suffix}"
        for slug in ("double", "square")
        for suffix in ("csv", "json")
    ]
