"""A figure file that says of its panels what cannot be drawn is a message."""

from pathlib import Path

import pytest

from bookfigs.errors import InputError
from bookfigs.figure import Figure, load
from smallbook import FIGURE


def figure(folder: Path, panels: str | None) -> Figure:
    """A figure file that states its panels so, or does not."""
    path = folder / "growth.py"
    stated = "" if panels is None else f"PANELS = {panels}\n"
    path.write_text(FIGURE.format(helper="double") + stated)
    return load("growth", path, folder)


def test_panels_may_be_left_out_for_one(tmp_path: Path) -> None:
    assert figure(tmp_path, None).panels == ()


def test_panels_are_rows_and_columns(tmp_path: Path) -> None:
    assert figure(tmp_path, "(2, 3)").panels == (2, 3)


@pytest.mark.parametrize(
    ("panels", "said"),
    [
        ("[1, 2]", "PANELS is a list; a figure file offers PANELS as a tuple"),
        ("2", "PANELS is a int; a figure file offers PANELS as a tuple"),
        ("('1', 2)", "PANELS must not hold '1'"),
        ("(1, 2.0)", "PANELS must not hold 2.0"),
        ("(2,)", "PANELS is (2,), not (rows, columns)"),
        ("(1, 2, 3)", "PANELS is (1, 2, 3), not (rows, columns)"),
        ("()", "PANELS is (), not (rows, columns)"),
        ("(0, 2)", "PANELS is (0, 2), not (rows, columns)"),
        ("(1, -1)", "PANELS is (1, -1), not (rows, columns)"),
    ],
)
def test_panels_that_cannot_be_are_refused_with_what_they_are(
    tmp_path: Path, panels: str, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        figure(tmp_path, panels)
    assert str(refused.value) == f"growth.py: {said}"
