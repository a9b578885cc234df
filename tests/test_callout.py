"""Call-outs stay with their line, wherever it moves."""

import pytest

from bookfigs.callout import Callout, callouts
from bookfigs.errors import InputError

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
