"""The last sentence of a caption: where it was measured, and where not yet."""

from pathlib import Path

import pytest
from msgspec import structs

from bookfigs.canonical import to_json
from bookfigs.claim import Claim, Median
from bookfigs.column import Cell, Column, close, exact, key, measured, seeded
from bookfigs.devices import measured_on
from bookfigs.entry import FigureEntry
from bookfigs.errors import InputError
from bookfigs.figure import load
from bookfigs.manifest import entries
from bookfigs.record import Device, Record
from records import DEVICE, record
from smallbook import FIGURE, make_book

GPU = Device("cuda", "NVIDIA H200", 16, 140)
ANYWHERE = Claim("It is 1.", Median("n", {}), low=1)
HERE = Claim("It is 1.", Median("n", {}), low=1, devices=("cpu",))
THERE = Claim("It is 1.", Median("n", {}), low=1, devices=("cuda",))

TIMED = record(n=(key(), [1]), seconds=(measured("s"), [[1.0]]))
TRAINED = record(n=(key(), [1]), loss=(seeded("nat"), [[-1.0, 0.5]]))
COUNTED = record(n=(key(), [1]), depth=(exact("operations"), [3]))
NEAR = record(n=(key(), [1]), error=(close("1", tolerance=0.1), [0.5]))


def on(record: Record, device: Device) -> Record:
    return structs.replace(record, device=device)


@pytest.mark.parametrize(
    ("records", "claims", "said"),
    [
        ([TIMED], [ANYWHERE], "Measured on Model X-1, 2 cores; not yet on a GPU."),
        ([TRAINED], [ANYWHERE], "Measured on Model X-1, 2 cores; not yet on a GPU."),
        ([on(TIMED, GPU)], [ANYWHERE], "Measured on NVIDIA H200; not yet on a CPU."),
        (
            [TIMED, on(TIMED, GPU)],
            [ANYWHERE],
            "Measured on Model X-1, 2 cores, and on NVIDIA H200.",
        ),
        ([TIMED], [HERE], "Measured on Model X-1, 2 cores."),
        ([TIMED], [], "Measured on Model X-1, 2 cores."),
        (
            [TIMED],
            [HERE, THERE],
            "Measured on Model X-1, 2 cores; not yet on a GPU.",
        ),
        ([COUNTED], [ANYWHERE], ""),
        ([NEAR], [ANYWHERE], ""),
        ([], [ANYWHERE], ""),
    ],
)
def test_what_depends_on_the_device_names_it_and_the_one_that_is_missing(
    records: list[Record], claims: list[Claim], said: str
) -> None:
    assert measured_on(records, claims) == said


def test_the_name_of_a_device_is_printed_to_the_letter() -> None:
    device = Device("cpu", "Maker *X* @2.20GHz_a [b] {c} <d> $e$ `f`", 1, 2)
    assert measured_on([on(TIMED, device)], []) == (
        r"Measured on Maker \*X\* \@2.20GHz_a \[b\] \{c\} \<d\> \$e\$ \`f\`, 1 core."
    )


def entry(folder: Path, column: str, caption: str | None = None) -> FigureEntry:
    """The manifest's entry of a figure with a column of this kind."""
    book = make_book(folder / "small")
    path = book.figures()["double_growth"]
    text = FIGURE.format(helper="double").replace("exact", column)
    text = text.replace("CAPTION = ", f"CAPTION = {caption!r} or ") if caption else text
    path.write_text(text)
    cells: dict[str, tuple[Column, list[Cell]]] = {
        "exact": (exact("items"), [2, 4, 8, 16]),
        "seeded": (seeded("items"), [[2.0], [4.0], [8.0], [16.0]]),
    }
    made = record(n=(key("items"), [1, 2, 4, 8]), result=cells[column])
    place = folder / f"{DEVICE.slug}.json"
    place.write_bytes(to_json(made))
    return entries(
        book,
        load("double_growth", path, book.root),
        {place: made},
        images={},
        data={},
        follows="",
        outdated=None,
        drawn_with="",
    ).figure


def test_the_caption_in_the_manifest_ends_with_the_sentence(tmp_path: Path) -> None:
    assert entry(tmp_path, "seeded").caption == (
        "**Growth of double**: at the end it is 16. "
        "Measured on Model X-1, 2 cores; not yet on a GPU."
    )


def test_the_caption_of_what_was_counted_stays_as_it_is(tmp_path: Path) -> None:
    caption = entry(tmp_path, "exact").caption
    assert caption == "**Growth of double**: at the end it is 16."


def test_the_sentence_does_not_make_up_for_a_caption_without_its_full_stop(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="CAPTION has to have the form"):
        entry(tmp_path, "seeded", "**Growth**: it ends in {last}")
