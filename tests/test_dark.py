"""The dark twin: the same picture, legible on a dark page, and never out of step."""

import json
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from bookfigs import style
from bookfigs.book import DARK, Book
from bookfigs.canonical import fingerprint, to_json
from bookfigs.column import exact, key
from bookfigs.dark import GROUND, darkened
from bookfigs.errors import InputError
from bookfigs.manifest import read_manifest
from bookfigs.style import ON_DARK, paint
from records import record
from smallbook import Run
from test_build import edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from bookfigs.record import Record

PALETTE = {
    name: color
    for name, color in vars(style).items()
    if isinstance(color, str) and re.fullmatch("#[0-9A-F]{6}", color)
}
WHITE, BLACK = "#ffffff", "#000000"
OF_TEXT, OF_LINES = 4.5, 3.0
"""Least contrasts: WCAG 2.2, 1.4.3 and 1.4.11."""

PAINTED = re.compile(rb"#[0-9a-fA-F]{6}\b(?=[;\"])")


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (red, green, blue)
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG 2.2 defines it."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def exchanged(color: str) -> str:
    """What becomes of one colour."""
    svg = f'<path style="fill: {color}"/>'.encode()
    found = re.search(rb"fill: ([^\"]+)", darkened(svg, ON_DARK, "a figure"))
    assert found
    return found[1].decode()


def drawn(draw: "Callable[[Record, Axes], object]") -> dict[str, bytes]:
    points = record(x=(key(), [1, 2]), y=(exact("n"), [3, 7]))

    def only(shown: "Record", axes: "Axes") -> None:
        draw(shown, axes)

    return paint("a_figure", (3, 2), only, [points])


def lines(shown: "Record", axes: "Axes") -> None:
    """Every colour of the palette, a grey, something transparent, a label."""
    for color in [*PALETTE.values(), "#888888"]:
        axes.plot(shown.cells("x"), shown.cells("y"), color=color, marker="o")
    axes.fill_between([1, 2], [3, 4], color=style.BLUE, alpha=0.2, hatch="/")
    axes.set_title("fill: red; stroke: blue")


def test_the_formula_gives_the_contrasts_that_the_standard_names() -> None:
    assert contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == 1
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.005)


def test_every_colour_of_the_palette_has_a_counterpart() -> None:
    assert {"BLUE", "RED", "GREEN", "ORANGE", "VIOLET", "BROWN"} < PALETTE.keys()
    assert {exchanged(color) for color in PALETTE.values()}.isdisjoint(PALETTE.values())


@pytest.mark.parametrize("name", sorted(PALETTE.keys() - {"GRID"}))
def test_labels_are_legible_in_every_colour_on_paper(name: str) -> None:
    assert contrast(style.ink(PALETTE[name]), WHITE) >= OF_TEXT
    assert exchanged(style.ink(PALETTE[name])) == exchanged(PALETTE[name])


@pytest.mark.parametrize("name", sorted(PALETTE.keys() - {"GRID"}))
def test_labels_are_legible_in_every_colour_on_the_dark_ground(name: str) -> None:
    assert contrast(exchanged(PALETTE[name]), GROUND) >= OF_TEXT


def test_the_test_of_contrast_can_fail() -> None:
    assert contrast(style.BLUE, GROUND) < OF_LINES


@pytest.mark.parametrize("level", [0x66, 0x88, 0xAA, 0xCC, 0xEE, 0xFF])
def test_a_grey_stands_out_from_the_ground_as_it_does_from_paper(level: int) -> None:
    grey = "#" + 3 * f"{level:02x}"
    assert contrast(exchanged(grey), GROUND) == pytest.approx(
        contrast(grey, WHITE), rel=0.02
    )


def test_paper_becomes_the_ground_and_what_is_blackest_white() -> None:
    assert (exchanged(WHITE), exchanged(BLACK)) == (GROUND, WHITE)


def test_no_two_colours_are_exchanged_for_one() -> None:
    assert len({exchanged(color) for color in PALETTE.values()}) == len(PALETTE)


def test_a_twin_differs_from_its_picture_in_colours_and_nothing_else() -> None:
    files = drawn(lines)
    light, dark = files["svg"], files[DARK]
    assert dark.count(b'<svg fill="#ffffff" ') == 1
    dark = dark.replace(b'<svg fill="#ffffff" ', b"<svg ")
    assert PAINTED.sub(b"", light) == PAINTED.sub(b"", dark)
    assert b"fill: red; stroke: blue" in dark


def test_every_colour_that_is_painted_is_exchanged() -> None:
    def colors(content: bytes) -> list[str]:
        tree = ET.fromstring(content)  # noqa: S314 - our own picture
        styles = "; ".join(e.get("style", "") for e in tree.iter())
        styles += "; ".join(f"fill: {e.get('fill', 'none')}" for e in tree.iter())
        return re.findall(r"(?:fill|stroke): (#\w+)", styles)

    files = drawn(lines)
    before, after = colors(files["svg"]), colors(files[DARK])
    after.remove(WHITE)  # of the root
    assert [exchanged(color) for color in before] == after
    assert {color.lower() for color in PALETTE.values()} <= set(before)


def test_what_is_painted_in_no_colour_at_all_is_not_black_on_black() -> None:
    files = drawn(lambda _, axes: axes.set_xlabel("black", color="black"))
    (start,) = re.findall(rb"<svg [^>]*>", files[DARK])
    assert b'fill="#ffffff"' in start


@pytest.mark.parametrize(
    "color", ["#123456", "#12345678", "#abc", "red", "rgb(1,2,3)", "currentColor"]
)
def test_any_other_colour_is_refused_with_the_palette(color: str) -> None:
    with pytest.raises(InputError) as refused:
        exchanged(color)
    assert f"a figure: draw() uses the colour {color}, " in str(refused.value)
    assert "available: #006395, #007f3d, #008f45" in str(refused.value)


def test_a_figure_in_another_colour_is_a_message_that_names_it() -> None:
    with pytest.raises(InputError, match=r"a_figure: .* the colour #123456"):
        drawn(lambda _, axes: axes.axhline(1, color="#123456"))


def test_lines_without_a_colour_get_those_of_the_palette() -> None:
    def plain(shown: "Record", axes: "Axes") -> None:
        for _ in range(6):
            axes.plot(shown.cells("x"), shown.cells("y"))
        colors.extend(str(line.get_color()) for line in axes.get_lines())

    colors: list[str] = []
    drawn(plain)
    assert set(colors) == set(PALETTE.values()) - {style.RED, style.GRID, style.TEXT}


def test_a_picture_of_pixels_is_refused() -> None:
    with pytest.raises(InputError, match=r"a_figure: .* an image made of pixels"):
        drawn(lambda _, axes: axes.imshow([[1, 2]]))


TWIN = f"chapters/_bookfigs/figures/double_growth.{DARK}"


def test_the_manifest_names_the_twin_and_what_it_contains(published: Book) -> None:
    entry = json.loads(published.manifest.read_text())["figures"]["double_growth"]
    content = (published.root / TWIN).read_bytes()
    assert entry["images"][DARK] == {
        "path": "figures/double_growth.dark.svg",
        "sha1": fingerprint(content),
    }


def test_a_twin_that_was_changed_or_is_gone_is_found_and_made_again(
    published: Book, run: Run
) -> None:
    path = published.root / TWIN
    before = path.read_bytes()
    for damage in (lambda: path.write_bytes(before + b" "), path.unlink):
        damage()
        done = run("check")
        assert done.returncode == 6
        assert f"{TWIN} " in done.stderr
        assert "0 measured, 1 drawn" in run("figures").stdout
        assert path.read_bytes() == before


def test_a_twin_with_other_colours_and_its_digest_is_found_by_drawing_again(
    published: Book, run: Run
) -> None:
    path = published.root / TWIN
    old = fingerprint(path.read_bytes())
    path.write_bytes(path.read_bytes().replace(GROUND.encode(), b"#232323"))
    edit(published.manifest, old, fingerprint(path.read_bytes()))
    forged = read_manifest(published)
    assert forged is not None
    published.manifest.write_bytes(to_json(forged.sealed()))
    done = run("check", "--redraw")
    assert done.returncode == 6
    assert f"{TWIN}: is not what its evidence draws" in done.stderr


def test_twins_that_nothing_declares_are_removed(published: Book, run: Run) -> None:
    stray = published.generated / "figures" / "double_growth.dim.svg"
    stray.write_text("<svg/>")
    published.figures()["square_growth"].unlink()
    assert "double_growth.dim.svg" in run("check").stderr
    run("figures")
    left = {path.name for path in stray.parent.iterdir()}
    assert left == {f"double_growth.{kind}" for kind in ("svg", DARK, "pdf", "png")}
