"""Markers that ask for something, and those that are wrong."""

from pathlib import Path

import pytest

from plainbook import (
    CLAIM,
    FIG,
    LST,
    VAL,
    book,
    complaints,
    exported,
)


def one(to: Path) -> str:
    return (to / "one.qmd").read_bytes().decode()


OTHER = LST.replace("lst-linear_scan", 'lst-other of="linear_scan"')
NESTED = FIG.replace("\n", f"\n{LST}", 1)
WRONG: dict[str, tuple[str, int, str]] = {
    "unclosed": ("a\n\n<!-- bookfigs: fig-step-time -->\n", 3, "nothing closes this"),
    "unopened": ("a <!-- /bookfigs -->\n", 1, "this closes no marker"),
    "nested": (NESTED, 2, "stands inside of the one of line 1 (fig-step-time)"),
    "crossed": (VAL.replace("<!-- /bookfigs -->", FIG), 1, "inside of the one of line"),
    "twice": (f"{FIG}\n{FIG}", 4, "is also that of the marker of"),
    "in code": (f"```\n{FIG}```\n", 2, "stands in code, math, a setting"),
    "in a line of code": (f"a `{VAL}`\n", 1, "stands in code"),
    "in math": (f"$a {VAL}$\n", 1, "stands in code, math"),
    "in settings": (f"---\ntitle: {VAL}\n---\n", 2, "stands in code"),
    "in alt": (f'::: {{#fig-a fig-alt="{VAL}"}}\n:::\n', 1, "alternative text"),
    "in a sentence": (f"See {FIG}", 1, "alone on its line"),
    "in a quote": (f"> {FIG}", 1, "alone on its line"),
    "before text": (FIG.replace(" -->\n<", " -->\nold <"), 1, "alone on its line"),
    "unknown kind": (FIG.replace("fig-", "tbl-"), 1, "asks for nothing that is known"),
    "nameless": (VAL.replace("step_time.length", ""), 1, "asks for nothing"),
    "unreadable": (FIG.replace("time", 'time a="'), 1, "asks for nothing"),
    "damaged": (f"{FIG.replace('/bookfigs', '/bookfigs 12')}", 2, "cannot be read"),
    "unknown figure": (FIG.replace("time", "tim"), 1, "no such figure: step_tim"),
    "unknown listing": (LST.replace("scan", "scam"), 1, "no such listing"),
    "unknown value": (VAL.replace("length", "lenth"), 1, "nearest: step_time.length"),
    "unknown claim": (CLAIM.replace("slower", "x"), 1, "no such claim: step_time.x"),
    "unknown option": (FIG.replace("time", 'time widht="1"'), 1, "nearest: width"),
    "no width": (FIG.replace("time", 'time width="wide"'), 1, "is no width"),
    "no flag": (LST.replace("scan", 'scan output="no"'), 1, "neither true nor false"),
    "label of a figure": (FIG.replace("p-t", "p_t"), 1, "write fig-step-time"),
    "label of a listing": (LST.replace("r_s", "r-s"), 1, "write lst-linear_scan"),
    "outdated": (VAL.replace("length", "late"), 1, "measured with other code"),
    "failing claim": (CLAIM.replace("slower", "faster"), 1, "step_time.faster fails"),
    "taken label": (f"{FIG}\n# A {{#fig-step-time}}\n", 1, "is taken: it stands at"),
    "taken by a cell": (
        f"{FIG}\n```{{python}}\n#| label: fig-step-time\n```\n",
        1,
        "is taken: it stands at",
    ),
    "own caption": (FIG.replace("time", 'time fig-cap="A."'), 1, "has no title"),
    "own alternative": (FIG.replace("time", 'time fig-alt="$x$."'), 1, "LaTeX"),
    "percent": (FIG.replace("e -", 'e fig-cap="**A**: 5 %." -'), 1, "spell out"),
    "images outside": (FIG.replace("time", 'time images="../a"'), 1, "outside of"),
    "images in signs": (FIG.replace("time", 'time images="a b"'), 1, "mean something"),
    "escaped in a caption": (
        f'::: {{#fig-a fig-cap="{VAL.replace("length", "range")}"}}\n:::\n',
        1,
        "no attribute can hold",
    ),
}


@pytest.mark.parametrize(("text", "line", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_written(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    to = book(tmp_path / "other", one=text, two=OTHER)
    told = complaints(to)
    (first,) = [one for one in told if one.startswith(f"{to}/one.qmd")][:1]
    assert first.startswith(f"{to}/one.qmd:{line}: ")
    assert said in first
    assert "\n  run: " in first or "nearest: " in first
    assert [one(to), (to / "two.qmd").read_text()] == [text, OTHER]
    assert not (to / "images").exists()


def test_labels_of_other_pages_are_seen(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=FIG, two="a\n\n## Two {#fig-step-time}\n")
    (told,) = complaints(to)
    assert f"it stands at {to}/two.qmd:3" in told


def test_another_label_shows_the_same_figure(tmp_path: Path) -> None:
    again = FIG.replace("fig-step-time", 'fig-again of="fig-step-time" .column-margin')
    to = book(tmp_path / "other", one=f"@fig-step-time @fig-again\n\n{FIG}\n{again}")
    exported(to)
    assert '::: {#fig-again .column-margin fig-env="figure"' in one(to)
    assert one(to).count("](images/svg/step_time.svg)") == 2


def test_own_caption_has_values_in_it(tmp_path: Path) -> None:
    own = 'fig-cap="**My Title**: {step_time.length} of $x_{i}$."'
    to = book(tmp_path / "other", one=FIG.replace("time", f'time {own} fig-env=""'))
    exported(to)
    head = '::: {#fig-step-time fig-pos="htb" fig-cap="**My Title**: 4,096 of $x_{i}$."'
    assert head in one(to)
