"""Measure, publish, draw, check: the whole way of a small book."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bookfigs.book import Book
from smallbook import ROOT, Run, commit, git, python


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"cache.json", "settled"}
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_first_build_says_what_it_did_and_where_to_look(run: Run) -> None:
    done = run("figures")
    assert done.returncode == 0
    assert "double_growth: measured in" in done.stdout
    assert "square_growth: drawn" in done.stdout
    assert "chapters/_bookfigs/manifest.json" in done.stdout


def test_second_build_does_nothing_and_imports_neither_torch_nor_matplotlib(
    published: Book,
) -> None:
    before = bytes_of(published.root)
    script = (
        "import sys\n"
        "from bookfigs.cli import cli\n"
        f"cli.main(['--book', {str(published.folder)!r}, 'figures'], "
        "standalone_mode=False)\n"
        "print(sorted({'torch', 'matplotlib', 'numpy', 'scipy'} & sys.modules.keys()))"
    )
    printed = python(script)
    assert "0 measured, 0 drawn, 2 up to date" in printed
    assert printed.splitlines()[-1] == "[]"
    assert bytes_of(published.root) == before
    assert git(published.root, "status", "--porcelain") == ""


def test_comment_formatting_and_docstring_make_nothing_stale(
    published: Book, run: Run
) -> None:
    edit(
        published.root / "helpers.py",
        "    return 2 * n\n",
        '    """Twice."""\n    # twice as much\n    return (\n        2 * n\n    )\n',
    )
    assert "0 measured, 0 drawn" in run("figures").stdout


def test_changed_helper_is_named_and_only_its_figure_is_measured(
    published: Book, run: Run
) -> None:
    edit(published.root / "helpers.py", "2 * n", "2 + n")
    why = run("why", "double_growth").stdout
    assert "to be measured here: helpers.double changed" in why
    assert "up to date" in run("why", "square_growth").stdout
    done = run("figures")
    assert "double_growth: measured" in done.stdout
    assert "square_growth: measured" not in done.stdout


def test_evidence_of_older_code_does_not_reach_readers(
    published: Book, run: Run
) -> None:
    edit(published.root / "helpers.py", "2 * n", "2 + n")
    assert run("figures").returncode == 0
    manifest = json.loads(published.manifest.read_text())
    assert "helpers.double changed" in manifest["figures"]["double_growth"]["outdated"]
    assert manifest["figures"]["square_growth"]["outdated"] is None
    done = run("check")
    assert done.returncode == 6
    assert "helpers.double changed" in done.stderr


def test_changed_parameter_is_measured_again(published: Book, run: Run) -> None:
    figure = published.figures()["double_growth"]
    edit(figure, "(1, 2, 4, 8)", "(1, 2, 4, 8, 16)")
    assert "double_growth.POINTS changed" in run("why", "double_growth").stdout


def test_changed_caption_is_drawn_and_not_measured(published: Book, run: Run) -> None:
    edit(published.figures()["double_growth"], "at the end", "finally")
    done = run("figures").stdout
    assert "0 measured, 1 drawn" in done
    caption = json.loads(published.manifest.read_text())["figures"]["double_growth"]
    assert caption["caption"] == "**Growth of double**: finally it is 16."


def test_same_bytes_after_deleting_everything_generated_on_another_path(
    published: Book, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = bytes_of(published.generated)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a b"
    shutil.copytree(published.root, elsewhere)
    copy = Book(elsewhere / "chapters")
    shutil.rmtree(copy.generated)
    command = [sys.executable, "-m", "bookfigs", "--book", str(copy.folder), "figures"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert bytes_of(copy.generated) == before


def test_check_finds_a_book_that_is_as_it_should_be(published: Book, run: Run) -> None:
    done = run("check", "--redraw")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 figures, 1 listings, 2 values and 2 claims" in done.stdout


@pytest.mark.parametrize(
    ("path", "old", "new", "named"),
    [
        ("_bookfigs/manifest.json", '"text": "16"', '"text": "17"', "changed by hand"),
        ("_bookfigs/manifest.json", "it is 16", "it is 17", "changed by hand"),
        ("_bookfigs/figures/double_growth.svg", "<g", "<g ", "was changed"),
        ("_bookfigs/listings/doubling.py", "2 * n", "3 * n", "not its source"),
        ("growth/listings/doubling.toml", "one product", "a sum", "not its source"),
        ("growth/figures/double_growth.py", "It grows", "It shrinks", "changed"),
    ],
)
def test_check_names_what_was_tampered_with(
    published: Book, run: Run, path: str, old: str, new: str, named: str
) -> None:
    edit(published.folder / path, old, new)
    done = run("check")
    assert done.returncode == 6
    assert named in done.stderr
    assert "run: bookfigs figures" in done.stderr


def test_check_computes_values_again_even_if_the_manifest_was_sealed_again(
    published: Book, run: Run
) -> None:
    from bookfigs.canonical import to_json
    from bookfigs.manifest import read_manifest

    edit(published.manifest, '"text": "16"', '"text": "17"')
    forged = read_manifest(published)
    assert forged is not None
    published.manifest.write_bytes(to_json(forged.sealed()))
    done = run("check")
    assert done.returncode == 6
    assert "double_growth.last does not follow from the evidence" in done.stderr


def test_redraw_finds_a_forged_picture_with_a_forged_digest(
    published: Book, run: Run
) -> None:
    from bookfigs.canonical import fingerprint, to_json
    from bookfigs.manifest import read_manifest

    picture = published.generated / "figures" / "double_growth.svg"
    old = fingerprint(picture.read_bytes())
    edit(picture, "<g", "<g ")
    edit(published.manifest, old, fingerprint(picture.read_bytes()))
    forged = read_manifest(published)
    assert forged is not None
    published.manifest.write_bytes(to_json(forged.sealed()))
    assert run("check").returncode == 0
    done = run("check", "--redraw")
    assert done.returncode == 6
    assert "is not what its evidence draws" in done.stderr


def test_changed_evidence_is_found(published: Book, run: Run) -> None:
    (record,) = published.evidence("double_growth")
    edit(record, "[2,4,8,16]", "[2,4,8,17]")
    done = run("check")
    assert done.returncode == 6
    assert "double_growth.py: its evidence" in done.stderr


def test_failing_claim_stops_check_and_build(published: Book, run: Run) -> None:
    edit(published.figures()["square_growth"], "high=2.1", "high=1.1")
    built = run("figures")
    assert built.returncode == 7
    assert "square_growth.grows: the claim fails" in built.stderr
    assert "exponent 2.00, expected 0.900 to 1.10" in built.stderr
    assert run("check").returncode == 7


def test_one_failing_figure_leaves_the_others_done_and_is_not_stored(
    book: Book, run: Run
) -> None:
    edit(book.root / "helpers.py", "n**2", "n / 0")
    for _ in range(2):
        done = run("figures")
        assert done.returncode == 5
        assert "ZeroDivisionError" in done.stderr
        assert "square_growth.py" in done.stderr
        assert "Traceback" not in done.stderr
    assert (book.local / "records" / "double_growth").is_dir()
    assert not (book.local / "records" / "square_growth").exists()


def test_exact_result_that_contradicts_evidence_of_the_same_code_is_refused(
    published: Book, run: Run
) -> None:
    (record,) = published.evidence("double_growth")
    edit(record, "[2,4,8,16]", "[2,4,8,17]")
    done = run("figures", "--force", "--only", "double_growth")
    assert done.returncode == 5
    assert "result, row 4: 17 against 16" in done.stderr


def test_deleted_figure_leaves_no_orphan(published: Book, run: Run) -> None:
    published.figures()["double_growth"].unlink()
    done = run("figures")
    assert "removed: nothing declares it" in done.stdout
    assert "double_growth" not in published.manifest.read_text()
    assert not list((published.generated / "figures").glob("double_growth*"))
    assert "git rm -r chapters/growth/evidence/double_growth" in run("check").stderr


def test_broken_figure_file_is_named_and_marked_in_the_manifest(
    published: Book, run: Run
) -> None:
    published.figures()["double_growth"].write_text("def (:\n")
    done = run("figures")
    assert done.returncode == 3
    assert "double_growth.py:1: does not parse" in done.stderr
    manifest = json.loads(published.manifest.read_text())
    assert "fails" in manifest["values"]["double_growth.last"]["outdated"]


def test_newer_manifest_is_refused_and_kept(published: Book, run: Run) -> None:
    edit(published.manifest, '"schema": 1', '"schema": 99')
    before = published.manifest.read_bytes()
    for command in (["figures"], ["check"], ["list"], ["render"]):
        done = run(*command, env={"PATH": "/nonexistent"})
        assert done.returncode in {3, 8}
    assert (
        "has schema 99; this version of bookfigs reads up to 1" in run("check").stderr
    )
    assert published.manifest.read_bytes() == before


def test_publishing_is_refused_while_code_differs_from_the_commit(
    book: Book, run: Run
) -> None:
    edit(book.root / "helpers.py", "2 * n", "n + n")
    run("figures")
    done = run("publish", "double_growth")
    assert done.returncode == 9
    assert "tracked files differed from the commit" in done.stderr
    assert book.evidence("double_growth") == []


def test_publishing_what_was_not_measured_is_refused(book: Book, run: Run) -> None:
    done = run("publish", "double_growth")
    assert done.returncode == 9
    assert "run: bookfigs figures --only double_growth" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["why", "dubble_growth"], "dubble_growth"),
        (["figures", "--only", "dubble_growth"], "dubble_growth"),
        (["publish", "dubble_growth"], "dubble_growth"),
    ],
)
def test_unknown_name_is_answered_with_the_nearest_one(
    published: Book, run: Run, arguments: list[str], asked: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 4
    assert f"bookfigs: {asked}: no such figure" in done.stderr
    assert "nearest: double_growth" in done.stderr
    assert "run: bookfigs list" in done.stderr


def test_folder_without_a_book_is_a_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bookfigs", "--book", str(tmp_path), "list"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 3
    assert "no book here" in done.stderr


def test_dry_run_writes_nothing(book: Book, run: Run) -> None:
    before = bytes_of(book.root)
    done = run("figures", "--dry-run")
    assert (
        "double_growth: would be measured: not measured on this device" in done.stdout
    )
    assert bytes_of(book.root) == before


def test_interrupted_write_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bookfigs.whole import write_whole

    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def forge(book: Book, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and seal it again, as one who knows how would."""
    from bookfigs.canonical import to_json
    from bookfigs.manifest import read_manifest

    content = json.loads(book.manifest.read_text())
    change(content)
    book.manifest.write_text(json.dumps(content))
    forged = read_manifest(book)
    assert forged is not None
    book.manifest.write_bytes(to_json(forged.sealed()))


def test_manifest_changed_by_hand_is_made_again_and_not_sealed(
    published: Book, run: Run
) -> None:
    before = published.manifest.read_bytes()
    edit(published.manifest, '"text": "16"', '"text": "17"')
    assert run("figures").returncode == 0
    assert published.manifest.read_bytes() == before


@pytest.mark.parametrize("images", ["another figure's", "none"])
def test_check_finds_that_a_figure_shows_other_images(
    published: Book, run: Run, images: str
) -> None:
    def swap(content: dict[str, Any]) -> None:
        figures = content["figures"]
        other = figures["square_growth"]["images"] if images != "none" else {}
        figures["double_growth"]["images"] = other

    before = published.manifest.read_bytes()
    forge(published, swap)
    done = run("check")
    assert done.returncode == 6
    assert "entry of double_growth does not follow from the evidence" in done.stderr
    assert (
        f"rm {published.place(published.manifest)} && bookfigs figures" in done.stderr
    )
    published.manifest.unlink()
    run("figures")
    assert published.manifest.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("    yield", "    raise SystemExit(0)\n    yield", 5, "SystemExit: 0"),
        ("COLUMNS =", "raise SystemExit(0)\nCOLUMNS =", 3, "SystemExit: 0"),
        ("axes.plot(", "axes.plat(", 5, "AttributeError"),
        ("it is {last}", "it is {last", 5, "expected '}'"),
        ("{last}.", "{last:d}.", 5, "Unknown format code 'd'"),
        ("VALUES = {", 'VALUES = {"one": 1, ', 3, "VALUES must not hold 1"),
        ('[{"n": n} for', "[n for", 3, "POINTS must not hold 1"),
        ('key("items")', '"items"', 3, "COLUMNS must not hold 'items'"),
        ("SIZE = (3, 2)", "SIZE = (3,)", 3, "SIZE is (3,), not (width, height)"),
        ('yield {"n": n, "result": double(n)}', "yield n", 5, "yielded what is no row"),
        ("double(n)}", "10**400}", 5, "OverflowError"),
    ],
)
def test_whatever_a_figure_file_does_wrong_is_a_message_and_the_others_are_done(
    published: Book, run: Run, old: str, new: str, code: int, said: str
) -> None:
    edit(published.figures()["double_growth"], old, new)
    edit(published.figures()["square_growth"], "at the end", "finally")
    done = run("figures", "--force")
    assert done.returncode == code, done.stderr
    assert "double_growth.py" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "square_growth: drawn" in done.stdout


def test_code_that_changes_while_it_is_measured_is_refused(
    book: Book, run: Run
) -> None:
    figure = book.figures()["double_growth"]
    edit(figure, "    yield", '    open(__file__, "a").write("K = 1\\n")\n    yield')
    edit(figure, '"result": double(n)', '"result": double(n) if n else K')
    done = run("figures", "--only", "double_growth")
    assert done.returncode == 5
    assert "its code changed while it was measured" in done.stderr
    assert not (book.local / "records").exists()


def test_record_of_a_later_version_is_kept(published: Book, run: Run) -> None:
    (record,) = (published.local / "records" / "double_growth").glob("*.json")
    edit(record, '"schema": 1', '"schema": 2')
    before = record.read_bytes()
    assert run("figures").returncode == 3
    assert record.read_bytes() == before


def test_evidence_stays_with_the_chapter_of_its_figure(
    published: Book, run: Run
) -> None:
    (evidence,) = published.evidence("double_growth")
    moved = published.folder / "other" / "figures" / "double_growth.py"
    moved.parent.mkdir(parents=True)
    published.figures()["double_growth"].rename(moved)
    commit(published.root)
    for arguments in (["figures"], ["publish", "double_growth"], ["figures"]):
        assert run(*arguments).returncode == 0
    stray = published.place(evidence.parent)
    assert f"run: git rm -r {stray}" in run("check").stderr
    shutil.rmtree(evidence.parent)
    assert run("check").returncode == 0


def second_device(book: Book, old: str, new: str) -> Path:
    """Evidence of another device, with a change."""
    (path,) = book.evidence("double_growth")
    content = json.loads(path.read_text())
    content["device"] = {
        "kind": "cuda", "name": "Model G", "cores": 1, "memory_gib": 1, "driver": "1",
    }  # fmt: skip
    other = path.with_name("cuda-model-g.json")
    other.write_text(json.dumps(content).replace(old, new))
    return other


def test_figure_of_two_devices_is_drawn_and_checked(published: Book, run: Run) -> None:
    second_device(published, "[2, 4, 8, 16]", "[2, 4, 8, 16]")
    assert run("figures").returncode == 0
    assert run("check", "--redraw").returncode == 0
    assert "Model G: holds; exponent 1.00" in run("why", "double_growth").stdout


def test_evidence_that_contradicts_itself_is_found(published: Book, run: Run) -> None:
    path = second_device(published, "[2, 4, 8, 16]", "[2, 4, 8, 17]")
    run("figures")
    done = run("check")
    assert done.returncode == 3
    assert f"{published.place(path)}: contradicts the evidence on" in done.stderr
    assert "result, row 4: 16 against 17" in done.stderr


def test_claim_that_no_evidence_bears_on_is_not_said_to_hold(
    published: Book, run: Run
) -> None:
    edit(
        published.figures()["double_growth"], "high=2.1", 'high=2.1, devices=("cuda",)'
    )
    run("figures")
    done = run("check")
    assert "no evidence bears on double_growth.grows" in done.stdout
    assert "every claim holds" not in done.stdout


def test_folder_among_the_generated_files_is_left_alone(
    published: Book, run: Run
) -> None:
    (published.generated / "figures" / ".checkpoints").mkdir()
    assert run("figures").returncode == 0
    assert run("check").returncode == 0


def test_publishing_is_refused_if_a_python_file_is_not_in_the_commit(
    published: Book, run: Run
) -> None:
    figure = published.figures()["double_growth"]
    shutil.copy(figure, figure.with_name("new_growth.py"))
    (published.root / "notes.txt").write_text("mine")
    assert run("figures").returncode == 0
    done = run("publish", "new_growth")
    assert done.returncode == 9
    assert "a Python file was not in it" in done.stderr
    commit(published.root)
    (published.root / "notes.txt").write_text("mine still")
    git(published.root, "rm", "--cached", "--quiet", "notes.txt")
    git(published.root, "-c", "core.hooksPath=", "commit", "--quiet", "-m", "notes")
    assert run("figures", "--force", "--only", "new_growth").returncode == 0
    assert run("publish", "new_growth").returncode == 0


def test_module_of_the_book_comes_before_others_of_its_name(
    published: Book, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "helpers.py").write_text("raise ImportError\n")
    done = run("figures", "--force", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0
