"""Records: canonical, checked when read, compared by what is reproducible."""

import math
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookfigs.agreement import contradictions, differences, pooled
from bookfigs.canonical import digest, to_json
from bookfigs.claim import Claim, Median
from bookfigs.column import (
    Cell,
    Column,
    close,
    exact,
    key,
    measured,
    seeded,
    tabulate,
)
from bookfigs.errors import (
    BookfigsError,
    InputError,
    NewerSchemaError,
    UnknownNameError,
)
from bookfigs.measure.conditions import Conditions
from bookfigs.publish import FEWEST_SAMPLES, gates
from bookfigs.record import Device, Record, read_record
from records import DEVICE, MADE, record


def example() -> Record:
    return record(
        arm=(key(), ["a", "a", "b", "b"]),
        T=(key("steps"), [1, 2, 1, 2]),
        depth=(exact("operations"), [3, 4, 5, 6]),
        error=(close("", tolerance=1e-3), [0.1, 0.2, 0.3, 0.4]),
        seconds=(measured("s"), [[1.0, 1.5], [2.0], None, [3e-9]]),
    )


def test_reading_back_gives_the_same_record_and_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(to_json(example()))
    again = read_record(path, "record.json")
    assert again == example()
    assert to_json(again) == path.read_bytes()


@given(st.lists(st.floats(min_value=5e-324, allow_infinity=False), min_size=1))
def test_samples_survive_json_to_the_last_bit(samples: list[float]) -> None:
    column = msgspec.structs.replace(measured("s"), values=[list(samples)])
    again = msgspec.json.decode(to_json(column), type=Column)
    assert again.values == [samples]


def test_json_has_sorted_keys_and_lists_on_one_line() -> None:
    assert to_json({"b": [1, 2.5], "a": {}}) == b'{\n "a": {},\n "b": [1,2.5]\n}\n'


def test_digest_tells_parts_apart_that_join_to_the_same_text() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_cells_are_found_by_keys() -> None:
    assert example().cells("depth", arm="b") == [5, 6]
    assert example().cell("depth", arm="a", T=2) == 4


def test_unknown_column_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="nearest: depth"):
        example().cells("dept")


def test_row_that_does_not_exist_is_answered_with_the_keys_that_do() -> None:
    with pytest.raises(UnknownNameError, match="arm=a, arm=b"):
        example().cells("depth", arm="c")


def test_ambiguous_cell_is_refused_with_the_keys_to_name() -> None:
    with pytest.raises(InputError, match="name more of the keys arm, T"):
        example().cell("depth", arm="a")


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        (exact("n"), math.nan),
        (exact("n"), math.inf),
        (exact("n"), [1.0]),
        (measured("s"), []),
        (measured("s"), [0.0]),
        (measured("s"), [-1.0]),
        (measured("s"), [math.nan]),
        (measured("s"), 1.0),
        (seeded("nat"), []),
        (seeded("nat"), [math.nan]),
        (seeded("nat"), [math.inf]),
        (seeded("nat"), ["0.5"]),
        (seeded("nat"), 0.5),
        (exact("n"), object()),
        (exact("n"), True),
        (exact("n"), np.float64(1)),
    ],
)
def test_cell_that_its_column_cannot_hold_is_refused(
    column: Column, cell: Cell
) -> None:
    with pytest.raises(ValueError, match=f"column 'x' is {column.kind}"):
        record(x=(column, [cell]))


def trained(losses: list[list[float]], seconds: float = 1.0) -> Record:
    """Two arms, trained with several seeds, and timed once."""
    return record(
        arm=(key(), ["a", "b"]),
        loss=(seeded("nat"), losses),
        seconds=(measured("s"), [[seconds], [seconds]]),
    )


def test_samples_of_seeds_may_be_zero_negative_or_missing(tmp_path: Path) -> None:
    made = record(loss=(seeded("nat"), [[0.0, -1.5, 2], None]))
    path = tmp_path / "record.json"
    path.write_bytes(to_json(made))
    assert read_record(path, "record.json") == made


def test_only_seeded_and_measured_columns_hold_samples() -> None:
    columns = [key(), exact("n"), close("n", tolerance=0.1), seeded("n"), measured("n")]
    sampled = [column.kind for column in columns if column.is_sampled]
    assert sampled == ["seeded", "measured"]


def test_results_of_seeds_are_never_compared() -> None:
    here, there = trained([[1.0], [2.0]]), trained([[3.0, 4.0], [5.0, 6.0]])
    assert here.differences(there) == []
    assert contradictions(here, there, partly=False) == []


def test_results_of_seeds_are_not_pooled_where_times_are() -> None:
    """The same seeds again are the same samples here, and no further evidence."""
    again = trained([[3.0], [4.0]], 9.0)
    both = pooled(trained([[1.0], [2.0]], 1.0), again, {0, 1})
    assert both.column("loss").values == [[1.0], [2.0]]
    assert both.column("seconds").values == [[1.0, 9.0], [1.0, 9.0]]


def test_results_of_seeds_are_published_from_a_machine_that_was_busy() -> None:
    """However far seeds lie apart: that some fail and some do not is a result."""
    few = FEWEST_SAMPLES // 2
    samples = [-9.0] * few + [0.0] * (FEWEST_SAMPLES - 2 * few) + [9.0] * few
    made = record(loss=(seeded("nat"), [samples]))
    crowded = Conditions(windows=10, disturbed_windows=10, disturbed={"loaded": 10})
    busy = msgspec.structs.replace(MADE, load=99.0, conditions=crowded)
    assert gates(msgspec.structs.replace(made, provenance=busy)) == []


def test_few_seeds_are_evidence_that_decides_nothing() -> None:
    """What one search has found, say; a claim about it stays open where it is made."""
    few = record(loss=(seeded("nat"), [[1.0] * (FEWEST_SAMPLES - 1)]))
    assert gates(few) == []
    claim = Claim("It is small.", Median("loss", {}), high=2)
    assert claim.judge(few).verdict == "inconclusive"


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="different length"):
        record(x=(exact("n"), [1]), y=(exact("n"), [1, 2]))


def test_row_with_other_columns_than_declared_is_refused() -> None:
    with pytest.raises(InputError, match="a row with x, but COLUMNS declares x, y"):
        tabulate({"x": exact("n"), "y": exact("n")}, [{"x": 1}], "figure.py")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a document"),
        (b"[1]", "is not a document"),
        (b'{"schema": "1"}', "is not a document"),
        (b'{"schema": 1}', "missing required field"),
        (b"\xff\xfe", "is not a document"),
        (b'{"schema": 1, "figure": NaN}', "is not a document"),
        (b'{"schema": 1, "figure": "\xff"}', "utf-8"),
        (b'{"schema": 1, "x": ' + b"[" * 9999, "recursion depth"),
    ],
)
def test_file_that_is_no_record_is_a_message(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_record(path, "record.json")


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_fail_otherwise_than_by_a_message(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        path.write_bytes(content)
        with pytest.raises(BookfigsError):
            read_record(path, "record.json")


def test_record_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(to_json(example()).replace(b'"figure"', b'"figur"'))
    with pytest.raises(InputError, match="figur"):
        read_record(path, "record.json")


def test_record_of_a_later_schema_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b'{"schema": 2, "new": true}')
    with pytest.raises(NewerSchemaError, match="pip install --upgrade bookfigs"):
        read_record(path, "record.json")


def test_missing_file_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_record(tmp_path / "none.json", "none.json")


def test_equal_records_do_not_differ_and_times_are_never_compared() -> None:
    slower = dict(example().columns)
    slower["seconds"] = msgspec.structs.replace(
        slower["seconds"], values=[[9.0], [9.0], [9.0], [9.0]]
    )
    other = msgspec.structs.replace(example(), columns=slower)
    assert example().differences(other) == []


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("depth", 7, "depth, row 4: 6 against 7"),
        ("error", 0.4003, None),
        ("error", 0.402, "error, row 4: 0.4 against 0.402"),
    ],
)
def test_exact_columns_must_agree_and_close_ones_within_tolerance(
    column: str, value: float, said: str | None
) -> None:
    changed = dict(example().columns)
    cells = [*changed[column].values[:-1], value]
    changed[column] = msgspec.structs.replace(changed[column], values=cells)
    other = msgspec.structs.replace(example(), columns=changed)
    assert example().differences(other) == ([said] if said else [])


@pytest.mark.parametrize(
    ("kind", "said"),
    [("cuda", []), ("cpu", ["n: 2 rows against 3", "depth: 2 rows against 3"])],
)
def test_a_device_of_another_kind_may_bear_larger_points(
    kind: Literal["cpu", "cuda"], said: list[str]
) -> None:
    small = record(n=(key(), [1, 2]), depth=(exact("1"), [3, 4]))
    large = record(n=(key(), [1, 2, 9]), depth=(exact("1"), [3, 4, 5]))
    there = msgspec.structs.replace(large, device=Device(kind, "Other", 9, 99))
    assert differences(small, there) == said
    wrong = record(n=(key(), [2, 9]), depth=(exact("1"), [7, 5]))
    elsewhere = msgspec.structs.replace(wrong, device=there.device)
    assert any("depth" in line for line in differences(small, elsewhere))


def test_device_is_named_for_readers_and_for_files() -> None:
    assert DEVICE.title == "Model X-1, 2 cores"
    assert DEVICE.slug == "cpu-model-x-1-2-cores"
    gpu = Device("cuda", "NVIDIA H200", 16, 140, "1.2")
    assert (gpu.title, gpu.slug) == ("NVIDIA H200", "cuda-nvidia-h200")
