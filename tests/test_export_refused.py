"""What a gate of another book would refuse is not exported."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bookfigs import style
from bookfigs.errors import InputError
from bookfigs.exporting import block
from bookfigs.exporting.picture import exported as picture
from plainbook import FIG, LST, MANIFEST, SVG, book, complaints

REFUSED = {
    "untitled": ({"caption": "No title."}, "has no title"),
    "percent": ({"caption": "**A**: 5 % of it."}, "spell out 'percent'"),
    "contraction": ({"caption": "**A**: it isn't so."}, '"isn\'t" in fig-cap: write'),
    "typeset": ({"alt": "It’s so."}, "'It’s' in fig-alt: write it in full"),
    "name": ({"alt": "Of a Transformer."}, "'Transformer' in fig-alt: write 'tr"),
    "long": ({"alt": "a" * 251}, "has 251 characters"),
    "latex": ({"alt": r"The \alpha."}, "LaTeX"),
    "silent": ({"alt": ""}, "this alternative text is empty"),
    "control": ({"alt": "a\x07."}, "a control character"),
    "direction": ({"caption": "**A**: a\u202eb."}, "a control character"),
    "math": ({"caption": r"**A**: $\input{x}$."}, r"\input, which is not exported"),
}


@pytest.mark.parametrize(("fields", "said"), REFUSED.values(), ids=REFUSED)
def test_a_figure_that_a_gate_would_refuse_is_not_exported(
    tmp_path: Path, fields: dict[str, str], said: str
) -> None:
    figures = {"step_time": replace(MANIFEST.figures["step_time"], **fields)}
    to = book(tmp_path / "other", one=FIG)
    told = complaints(to, replace(MANIFEST, figures=figures))
    assert said in told[0]
    assert (to / "one.qmd").read_text() == FIG


def test_a_genitive_a_title_and_the_start_of_a_sentence_are_no_gates(
    tmp_path: Path,
) -> None:
    caption = "**The Transformer's Price**: an RNN's chain. Transformers have none."
    figure = replace(MANIFEST.figures["step_time"], caption=caption)
    to = book(tmp_path / "other", one=FIG)
    assert complaints(to, replace(MANIFEST, figures={"step_time": figure})) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x" * 71, "has 71 columns"),
        ("a  # ä", "in a comment"),
        ("a = 'λ'", "the sign 'λ' in code"),
        ("a\x1b[0m", "a control character"),
    ],
)
def test_a_listing_that_a_gate_would_refuse_is_not_exported(
    tmp_path: Path, code: str, said: str
) -> None:
    listings = {"linear_scan": replace(MANIFEST.listings["linear_scan"], code=code)}
    told = complaints(
        book(tmp_path / "other", one=LST), replace(MANIFEST, listings=listings)
    )
    assert said in "".join(told)


@pytest.mark.parametrize(
    ("svg", "said"),
    [
        (b"<svg><g></svg>", "is not well-formed"),
        (b'<svg><g id="a"/><g id="a"/></svg>', "twice: x-a"),
        (b'<svg><use href="#a"/></svg>', "used and not there: x-a"),
    ],
)
def test_a_picture_that_a_gate_would_refuse_is_not_exported(
    svg: bytes, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        picture(svg, "x", "x.svg")


def test_ids_of_a_picture_are_its_own() -> None:
    text = picture(SVG, "step_time", "x.svg").decode()
    assert 'clip-path="url(#step_time-p1)"' in text
    assert 'xlink:href="#step_time-m1"' in text
    assert text.index("<!-- bookfigs: picture of step_time, ") < text.index("<svg")


def test_the_width_of_the_text_is_that_of_the_style() -> None:
    assert block.TEXT_WIDTH == style.TEXT_WIDTH
