"""Call-outs stay with their line, wherever it moves."""

import ast

import pytest

from bookfigs.errors import InputError
from bookfigs.listings.callout import Callout, callouts, marked

PRINTED = ["def f(x):", "    y = x  +  1", "    return y"]


def test_callouts_follow_the_printed_lines() -> None:
    anchors = {"return y": "The end.", "x + 1": " One more. "}
    expected = [Callout(2, "One more."), Callout(3, "The end.")]
    assert callouts(anchors, PRINTED, "one.toml") == expected
    moved = ["# new", *PRINTED]
    assert [c.line for c in callouts(anchors, moved, "one.toml")] == [3, 4]


@pytest.mark.parametrize(
    ("anchor", "said"),
    [
        ("return z", "in no printed line; nearest: return y"),
        ("x", "in printed lines 1, 2; a longer fragment"),
        ("", "in no printed line"),
    ],
)
def test_callout_of_no_line_or_of_several_is_refused(anchor: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        callouts({anchor: "Why."}, PRINTED, "one.toml")


def test_callout_that_says_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="says nothing"):
        callouts({"return y": " "}, PRINTED, "one.toml")


LINES = [
    "def f(a):",
    "    b = a + 1  # more",
    '    c = """',
    "    text",
    '    """',
    "    return b",
]


@pytest.mark.parametrize(
    ("lines", "marks"),
    [
        ((6,), {6: "    return b  # (1)"}),
        ((2, 6), {2: "    b = a + 1  # more  # (1)", 6: "    return b  # (2)"}),
        ((1, 1, 5), {1: "def f(a):  # (1) (2)", 5: '    """  # (3)'}),
        ((), {}),
    ],
)
def test_marks_stand_at_the_ends_of_lines_in_their_order(
    lines: tuple[int, ...], marks: dict[int, str]
) -> None:
    found = marked(LINES, [Callout(n, "t") for n in lines], "x.toml", 70)
    expected = [marks.get(n, line) for n, line in enumerate(LINES, 1)]
    assert found == expected
    assert ast.dump(ast.parse("\n".join(found))) == ast.dump(
        ast.parse("\n".join(LINES))
    )


@pytest.mark.parametrize(
    ("printed", "line", "columns", "said"),
    [
        (LINES, 3, 70, "printed line 3 goes on in the next line"),
        (LINES, 4, 70, "printed line 4 goes on in the next line"),
        (["a = 1 + \\", "    2"], 1, 70, "printed line 1 goes on in the next line"),
        (['a = f"""{', "    2", '}"""'], 3, 70, ""),
        (["a = (1 +", "    2)"], 1, 70, ""),
        (["for a in (1,"], 1, 70, ""),
        (["a = 1"], 1, 11, "has no room for the mark of its call-out within 11"),
        (["a = 1"], 1, 12, ""),
    ],
)
def test_a_mark_that_cannot_stand_there_is_refused(
    printed: list[str], line: int, columns: int, said: str
) -> None:
    found = [Callout(line, "t")]
    if not said:
        assert marked(printed, found, "x.toml", columns)[line - 1].endswith("  # (1)")
        return
    with pytest.raises(InputError, match=said):
        marked(printed, found, "x.toml", columns)
