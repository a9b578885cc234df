"""Export and the files of another book: where they lie, who may write them."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bookfigs.errors import BookfigsError, StorageError
from bookfigs.exporting import target
from plainbook import (
    FIG,
    LST,
    MANIFEST,
    SVG,
    VAL,
    book,
    complaints,
    exported,
    planned,
    stale,
)


def one(to: Path) -> str:
    return (to / "one.qmd").read_bytes().decode()


@pytest.mark.parametrize(
    ("images", "file", "source"),
    [
        ("images/svg", "part/images/svg", "images/svg"),
        ("../assets", "assets", "../assets"),
        ("/assets/own", "assets/own", "/assets/own"),
        (".", "part", "."),
    ],
)
def test_pictures_lie_where_the_book_wants_them(
    tmp_path: Path, images: str, file: str, source: str
) -> None:
    to = book(tmp_path / "other")
    page = to / "part" / "one.qmd"
    page.parent.mkdir()
    page.write_text(FIG)
    exported(to, images=images)
    assert (to / file / "step_time.svg").is_file()
    shown = f"]({source}/step_time.svg)".replace("(./", "(")
    assert shown in page.read_text()
    assert stale(to, images=images) == []


def test_a_picture_of_their_own_is_not_written_over(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=FIG)
    theirs = to / "images" / "svg" / "step_time.svg"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(SVG)
    (told,) = complaints(to, force=True)
    assert f"{theirs}: is there, and was not written by bookfigs" in told
    assert theirs.read_bytes() == SVG


def test_remarks_tell_of_what_is_unreferenced_and_forgotten(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=f"{FIG}\n{LST}\n@Lst-linear_scan\n")
    (remark,) = exported(to).remarks
    assert remark.endswith("no page refers to fig-step-time; write @fig-step-time in "
                           "the text")  # fmt: skip
    (to / "one.qmd").write_text(VAL)
    (remark,) = exported(to).remarks
    assert remark.endswith("step_time.svg: no marker asks for this picture any more")


def link_page(to: Path) -> None:
    outside = to.parent / "outside.qmd"
    outside.write_text(FIG)
    (to / "one.qmd").symlink_to(outside)


def link_images(to: Path) -> None:
    (to / "one.qmd").write_text(FIG)
    (to.parent / "outside").mkdir()
    (to / "images").symlink_to(to.parent / "outside")


def read_only(to: Path) -> None:
    (to / "one.qmd").write_text(FIG)
    (to / "one.qmd").chmod(0o444)


def other_encoding(to: Path) -> None:
    (to / "one.qmd").write_bytes(b"a\n\xff\n" + FIG.encode())


def folder_in_the_way(to: Path) -> None:
    (to / "one.qmd").write_text(FIG)
    (to / "images" / "svg" / "step_time.svg").mkdir(parents=True)


@pytest.mark.parametrize(
    ("prepare", "where", "said"),
    [
        (link_page, "one.qmd", "it is a link"),
        (link_images, "images/svg/step_time.svg", "lies outside of"),
        (read_only, "one.qmd", "it is read-only"),
        (other_encoding, "one.qmd:2", "are not UTF-8"),
        (folder_in_the_way, "images/svg/step_time.svg", "it is a folder"),
    ],
)
def test_files_that_may_not_be_written_are_told(
    tmp_path: Path, prepare: Any, where: str, said: str
) -> None:
    to = book(tmp_path / "other")
    prepare(to)
    (told,) = complaints(to)
    assert told.startswith(f"{to}/{where}: ")
    assert said in told
    assert "\n  run: " in told
    assert not list(tmp_path.glob("outside/*"))


def test_a_link_inside_the_book_is_followed_to_where_the_page_lies(
    tmp_path: Path,
) -> None:
    to = book(tmp_path / "other", one=FIG)
    (to / "two.qmd").symlink_to(to / "one.qmd")
    exported(to)
    assert (to / "two.qmd").is_symlink()
    assert (to / "two.qmd").read_text() == one(to)


def test_permissions_of_a_page_stay(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=VAL)
    (to / "one.qmd").chmod(0o660)
    exported(to)
    assert (to / "one.qmd").stat().st_mode & 0o777 == 0o660


def test_a_page_that_cannot_be_stored_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = book(tmp_path / "other", one=VAL)
    found = planned(to)

    def full(_path: Path, _content: bytes) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(target, "write_whole", full)
    with pytest.raises(StorageError, match=r"one\.qmd: cannot be written: No space"):
        found.write()
    assert one(to) == VAL


def test_a_picture_that_is_not_that_of_the_manifest_is_refused(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=FIG)
    found = MANIFEST.figures["step_time"]
    file = replace(found.images["svg"], sha1="0" * 40)
    figures = {"step_time": replace(found, images={"svg": file})}
    (told,) = complaints(to, replace(MANIFEST, figures=figures))
    assert "is not what the manifest says" in told


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BookfigsError, match="no such folder"):
        planned(tmp_path / "other")


def test_a_book_without_markers_learns_how_to_ask(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one="# One\n")
    (told,) = complaints(to)
    assert "available: fig-step-time, lst-linear_scan" in told
    assert f"bookfigs export --to {to} --blocks" in told


VARIABLES = "own: 1\n# bookfigs: values\n# /bookfigs\nmore: 2"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_values_stand_between_their_comments_in_the_variables(
    tmp_path: Path, newline: str
) -> None:
    to = book(tmp_path / "other")
    path = to / "_variables.yml"
    path.write_bytes(VARIABLES.replace("\n", newline).encode())
    exported(to)
    text = path.read_bytes().decode()
    assert text.startswith(f"own: 1{newline}# bookfigs: values{newline}bookfigs:")
    assert f'    length: "4,096"{newline}' in text
    assert "late" not in text
    assert text.endswith(f"{newline}more: 2")
    assert stale(to) == []
    path.write_bytes(text.replace("4,096", "4,097").encode())
    assert "was edited by hand" in stale(to)[0]
    assert "writing would lose that" in complaints(to)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# bookfigs: values\n", "has 1 lines '# bookfigs: values' and 0 lines"),
        ("# /bookfigs\n# bookfigs: values\n", "has 1 lines"),
        (f"bookfigs: 1\n{VARIABLES}", "is also defined outside"),
        (f"{VARIABLES}\n{VARIABLES}", "has 2 lines"),
    ],
)
def test_variables_that_cannot_be_filled_in_are_told(
    tmp_path: Path, text: str, said: str
) -> None:
    to = book(tmp_path / "other")
    (to / "_variables.yml").write_text(text)
    (told,) = complaints(to)
    assert told.startswith(f"{to}/_variables.yml")
    assert said in told
    assert (to / "_variables.yml").read_text() == text


def test_variables_without_a_place_for_values_are_left_alone(tmp_path: Path) -> None:
    to = book(tmp_path / "other")
    (to / "_variables.yml").write_text("own: 1\n")
    (remark, *_) = exported(to, blocks=True).remarks
    assert "where it has the lines '# bookfigs: values' and '# /bookfigs'" in remark
    assert (to / "_variables.yml").read_text() == "own: 1\n"


def test_a_block_file_of_theirs_is_not_written_over(tmp_path: Path) -> None:
    to = book(tmp_path / "other")
    (to / "blocks").mkdir()
    (to / "blocks" / "_fig-step-time.qmd").write_text("Theirs.\n")
    (told,) = complaints(to, blocks=True)
    assert "_fig-step-time.qmd: is there, and has no marker of fig-step-time" in told


def test_blocks_begin_their_paths_at_the_project_around_them(tmp_path: Path) -> None:
    to = book(tmp_path / "other")
    (to / "contrib").mkdir()
    exported(to / "contrib", blocks=True)
    block = (to / "contrib" / "blocks" / "_fig-step-time.qmd").read_text()
    assert "](/contrib/images/svg/step_time.svg)" in block
    assert (to / "contrib" / "images" / "svg" / "step_time.svg").is_file()


def test_a_label_that_a_page_asks_for_has_no_block_file(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=FIG)
    exported(to, blocks=True)
    assert {p.name for p in (to / "blocks").iterdir()} == {"_lst-linear_scan.qmd"}


def test_pages_to_include_are_filled_in_and_made_ones_are_not(tmp_path: Path) -> None:
    to = book(tmp_path / "other")
    for folder in ("_parts", "_book", ".hidden", "_bookfigs"):
        (to / folder).mkdir()
        (to / folder / "_one.qmd").write_text(VAL)
    exported(to)
    filled = {p.parent.name for p in to.rglob("*.qmd") if "4,096" in p.read_text()}
    assert filled == {"_parts"}
