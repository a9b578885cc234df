"""Pictures: the same bytes on every run, on any machine, with nothing of the day."""

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from bookfigs.book import FORMATS
from bookfigs.column import exact, key
from bookfigs.record import Record
from bookfigs.style import Arm, _apart, label_ends, paint, plot
from records import record
from smallbook import ROOT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARM = Arm("an arm", "#006395", "o")


def points() -> Record:
    return record(x=(key(), [1, 10, 100]), y=(exact("n"), [3, 7, 1000]))


def draw(shown: Record, axes: "Axes") -> None:
    plot(axes, ARM, shown.cells("x"), shown.cells("y"))
    axes.set_xscale("log")
    axes.set_yscale("log")
    label_ends(axes, {ARM: (100, 1000, ARM.label)})


def pictures(slug: str = "a") -> dict[str, bytes]:
    return {str(k): v for k, v in paint(slug, (3, 2), draw, [points()]).items()}


def test_every_format_is_drawn_and_is_what_it_says() -> None:
    drawn = pictures()
    assert tuple(drawn) == FORMATS
    assert drawn["svg"].startswith(b"<?xml")
    assert drawn["pdf"].startswith(b"%PDF")
    assert drawn["png"].startswith(b"\x89PNG")


def test_two_runs_give_the_same_bytes() -> None:
    assert pictures() == pictures()


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "MPLBACKEND": "svg", "SOURCE_DATE_EPOCH": "1"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX"},
    ],
)
def test_another_process_gives_the_same_bytes(environment: dict[str, str]) -> None:
    """Other hash seed, time zone, locale and backend; a processor with less."""
    script = (
        "import hashlib, test_style\n"
        "for name, content in test_style.pictures().items():\n"
        "    print(name, hashlib.sha256(content).hexdigest())"
    )
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {n: hashlib.sha256(c).hexdigest() for n, c in pictures().items()}
    assert dict(line.split() for line in done.stdout.splitlines()) == expected


def test_pictures_carry_no_date_and_no_version() -> None:
    import matplotlib as mpl

    for content in pictures().values():
        assert mpl.__version__.encode() not in content
        assert b"CreationDate" not in content


def test_ids_of_two_figures_inlined_in_one_page_differ() -> None:
    def clip_ids(content: bytes) -> set[str]:
        root = ET.fromstring(content)  # noqa: S314 - our own picture
        return {e.attrib["id"] for e in root.iter() if e.tag.endswith("clipPath")}

    first, second = clip_ids(pictures("a")["svg"]), clip_ids(pictures("b")["svg"])
    assert first
    assert not first & second


def test_text_is_drawn_as_outlines() -> None:
    assert b"<text" not in pictures()["svg"]


def test_several_records_are_drawn_side_by_side() -> None:
    one = paint("a", (3, 2), draw, [points()])["svg"]
    two = paint("a", (3, 2), draw, [points(), points()])["svg"]
    assert one.count(b'id="axes_') == 1
    assert two.count(b'id="axes_') == 2


@pytest.mark.parametrize(
    ("heights", "moved"),
    [
        ([], []),
        ([3.0], [3.0]),
        ([0.0, 5.0], [0.0, 5.0]),
        ([1.0, 1.0], [0.5, 1.5]),
        ([0.0, 0.5, 9.0], [-0.25, 0.75, 9.0]),
        ([0.0, 0.9, 1.0], [-0.36666666, 0.63333333, 1.63333333]),
    ],
)
def test_labels_are_moved_as_little_as_it_takes(
    heights: list[float], moved: list[float]
) -> None:
    assert _apart(heights) == pytest.approx(moved)
