"""Pictures: the same bytes on every run, on any machine, with nothing of the day."""

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import msgspec
import pytest

from bookfigs.book import DARK, FORMATS, PICTURES
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
    return paint(slug, (3, 2), draw, [points()])


def test_every_format_is_drawn_and_is_what_it_says() -> None:
    drawn = pictures()
    assert tuple(drawn) == PICTURES == (*FORMATS, DARK)
    assert drawn["svg"].startswith(b"<?xml")
    assert drawn[DARK].startswith(b"<?xml")
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


def across(shown: Record, panels: list["Axes"]) -> None:
    """A line in each panel, so that each is told from the others."""
    for number, axes in enumerate(panels):
        plot(axes, ARM, shown.cells("x"), [y + number for y in shown.cells("y")])


def size(svg: bytes) -> tuple[float, float]:
    """Width and height of a picture, inches."""
    root = ET.fromstring(svg)  # noqa: S314 - our own picture
    width, height = (
        root.attrib[name].removesuffix("pt") for name in ("width", "height")
    )
    return float(width) / 72, float(height) / 72


def on(record: Record, name: str) -> Record:
    device = msgspec.structs.replace(record.device, name=name)
    return msgspec.structs.replace(record, device=device)


@pytest.mark.parametrize("panels", [(1, 1), (1, 3), (2, 2)])
def test_a_figure_of_several_panels_gets_a_list_of_them_row_by_row(
    panels: tuple[int, int],
) -> None:
    places: list[tuple[float, float]] = []

    def draw(_: Record, given: list["Axes"]) -> None:
        places.extend(
            (-axes.get_position().y0, axes.get_position().x0) for axes in given
        )

    svg = paint("a", (3, 2), draw, [points()], panels)["svg"]
    assert len(places) == svg.count(b'id="axes_') == panels[0] * panels[1]
    assert places == sorted(places)
    assert size(svg) == pytest.approx((3, 2))


def test_records_of_several_panels_stand_below_each_other_with_their_names() -> None:
    titles: list[str] = []

    def draw(shown: Record, given: list["Axes"]) -> None:
        across(shown, given)
        figure = given[0].get_figure(root=True)
        assert figure is not None
        titles[:] = [part.get_suptitle() for part in figure.subfigs]

    records = [on(points(), "One"), on(points(), "Two")]
    svg = paint("a", (3, 2), draw, records, (1, 2))["svg"]
    assert svg.count(b'id="axes_') == 4
    assert size(svg) == pytest.approx((3, 4))
    assert titles == ["One, 2 cores", ""]  # the second is named when it is drawn


def test_a_single_record_of_several_panels_is_not_named() -> None:
    one = paint("a", (3, 2), across, [points()], (1, 2))["svg"]
    other = paint("a", (3, 2), across, [on(points(), "Other")], (1, 2))["svg"]
    assert one == other


def test_several_records_are_named_with_and_without_panels() -> None:
    for function, panels in ((draw, ()), (across, (1, 2))):
        pairs = [[points(), on(points(), name)] for name in ("One", "Two")]
        one, two = (paint("a", (3, 2), function, pair, panels)["svg"] for pair in pairs)
        assert one != two


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


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_labels_do_not_overlap_in_panels_that_are_stacked(rows: int) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 2 * rows), layout="constrained")
    panel = figure.subplots(rows, squeeze=False)[-1, 0]
    panel.set_ylim(0, 100)
    near = {ARM: (1, 50, "one"), ARM._replace(label="b"): (1, 52, "other")}
    label_ends(panel, near)
    figure.draw_without_rendering()
    low, high = sorted(text.get_window_extent().y0 for text in panel.texts)
    assert high - low >= panel.texts[0].get_window_extent().height
