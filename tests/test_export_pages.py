"""Export into pages: what is written, what is stale, and what stays as it is."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bookfigs.manifest import Manifest
from plainbook import (
    CLAIM,
    FIG,
    LST,
    MANIFEST,
    VAL,
    book,
    complaints,
    exported,
    planned,
    stale,
)

BEFORE, AFTER = "# One\n\n@fig-step-time: a  \n\n", "\n<div>\n\n@lst-linear_scan \t\n"
PAGE = f"{BEFORE}{FIG}\n{LST}\n{VAL} and {CLAIM}{AFTER}"


def changed(**fields: str) -> Manifest:
    """The manifest with other texts of a figure and a value."""
    figures, values = dict(MANIFEST.figures), dict(MANIFEST.values)
    if text := fields.pop("length", ""):
        values["step_time.length"] = replace(values["step_time.length"], text=text)
    figures["step_time"] = replace(figures["step_time"], **fields)
    return replace(MANIFEST, figures=figures, values=values)


def one(to: Path) -> str:
    return (to / "one.qmd").read_bytes().decode()


def test_what_is_asked_for_is_filled_in_and_then_up_to_date(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=PAGE)
    assert len(stale(to)) == 5
    exported(to)
    assert stale(to) == []
    written = one(to)
    assert "val step_time.length -->4,096<!-- /bookfigs --> and" in written
    assert "-->It is slower<!-- /bookfigs " in written
    assert written.startswith(BEFORE)
    assert written.endswith(AFTER)
    assert planned(to).work.files == {}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_everything_else_stays_byte_for_byte(
    tmp_path: Path, newline: str, bom: str, end: str
) -> None:
    text = bom + (PAGE + end).replace("\n", newline)
    to = book(tmp_path / "other", one=text)
    exported(to)
    written = one(to)
    assert written.startswith(bom + BEFORE.replace("\n", newline))
    assert written.endswith((AFTER + end).replace("\n", newline))
    assert written.count("\r") == (written.count("\n") if newline != "\n" else 0)
    assert stale(to) == []


def test_an_export_that_changes_nothing_touches_no_file(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=PAGE, two="# Two\n")
    exported(to)
    before = {path: path.stat().st_mtime_ns for path in to.rglob("*")}
    assert exported(to).write() == []
    assert {path: path.stat().st_mtime_ns for path in to.rglob("*")} == before


def test_what_git_does_to_line_ends_is_no_edit(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=PAGE)
    exported(to)
    for path in [to / "one.qmd", to / "images" / "svg" / "step_time.svg"]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert stale(to) == []
    exported(to, changed(alt="Another."))
    assert one(to).count("\n") == one(to).count("\r\n")


def test_an_update_writes_what_is_new_alone(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=PAGE)
    exported(to)
    (told,) = stale(to, changed(length="8,192"))
    line = one(to).split(VAL[:39])[0].count("\n") + 1
    place = f"{to}/one.qmd:{line}: step_time.length"
    assert told.startswith(f"{place} says '4,096', and is '8,192'\n")
    assert told.endswith(f"run: bookfigs export --to {to}")
    before = one(to)
    exported(to, changed(length="8,192"))
    assert one(to) == before.replace(">4,096<", ">8,192<")


def test_a_stale_block_is_told_with_its_first_difference(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=PAGE)
    exported(to)
    (told,) = stale(to, changed(alt="A line that rises to 22."))
    assert told.startswith(f"{to}/one.qmd:5: fig-step-time is outdated: ")
    assert "to 21." in told
    assert "to 22." in told


@pytest.mark.parametrize(
    ("part", "edit"),
    [
        ("one.qmd", ("**Cost of a Step**", "**My Title**")),
        ("one.qmd", ("return a", "return b")),
        ("one.qmd", ("-->4,096<", "-->about four thousand<")),
        ("images/svg/step_time.svg", ("M 0 0", "M 1 1")),
    ],
)
def test_edits_by_hand_are_found_and_never_lost(
    tmp_path: Path, part: str, edit: tuple[str, str]
) -> None:
    to = book(tmp_path / "other", one=PAGE)
    exported(to)
    before = (to / part).read_text()
    (to / part).write_text(before.replace(*edit))
    (told,) = stale(to)
    assert told.startswith(str(to / part))
    (refused,) = complaints(to)
    assert "writing would lose that" in refused
    assert f"bookfigs export --to {to} --force" in refused
    assert planned(to, force=True).wrong(check=False) == []
    exported(to, force=True)
    assert (to / part).read_text() == before


def test_words_of_the_author_stay_in_a_claim(tmp_path: Path) -> None:
    words = f"it takes {VAL} steps, *so it is slower*"
    text = CLAIM.replace("--><!--", f"-->{words}<!--")
    to = book(tmp_path / "other", one=text)
    exported(to)
    assert one(to) == text.replace("--><!-- /", "-->4,096<!-- /", 1)
