"""Beginning: what ``bookfigs init`` puts into a folder, and what it leaves alone."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from bookfigs import __version__
from bookfigs.book import Book
from bookfigs.errors import BookfigsError, InputError, NewerSchemaError
from bookfigs.lint.filters import read_filters
from bookfigs.prose.document import Source
from bookfigs.starting import extension
from bookfigs.starting.begin import begin, renew
from bookfigs.starting.insertion import with_chapter, with_filter
from bookfigs.starting.settings import parse
from bookfigs.starting.step import carry_out
from smallbook import ROOT, bookfigs

NEW, OLD = (1, 9), (1, 4)
BY_NAME = "- path: bookfigs\n    at: pre-ast\n"
BY_PATH = "- path: _extensions/bookfigs/bookfigs.lua\n    at: pre-ast\n"


def init(folder: Path, quarto: tuple[int, ...] | None = NEW, **options: object) -> Book:
    """Do what ``init`` does."""
    steps = begin(folder, quarto, **options)  # type: ignore[arg-type] # by name
    carry_out(steps.book, steps.steps)
    return steps.book


def files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def prose(folder: Path) -> set[str]:
    return {name for name in files(folder) if not name.startswith("_extensions/")}


def test_an_empty_folder_becomes_a_book(tmp_path: Path) -> None:
    book = init(tmp_path / "deep" / "new")
    assert prose(book.folder) == {
        ".gitignore",
        "_quarto.yml",
        "index.qmd",
        "first_chapter/first_chapter.qmd",
    }
    settings = parse((book.folder / "_quarto.yml").read_text(), "")
    assert settings.kind == "book"
    assert "first_chapter/first_chapter.qmd" in settings.text
    assert (book.root / ".gitignore").read_text() == "/.bookfigs/\n"


def test_the_extension_is_installed_whole_and_its_version_noted(tmp_path: Path) -> None:
    book = init(tmp_path)
    source = ROOT / "_quarto_ext" / "_extensions" / "bookfigs"
    there = files(book.folder / "_extensions" / "bookfigs")
    note = json.loads(there.pop("_installed.json"))
    assert there == files(source)
    assert note["version"] == __version__
    assert note["files"].keys() == there.keys()
    assert extension.installed(book) == __version__


def test_documents_without_a_project_become_one_and_stay(tmp_path: Path) -> None:
    (tmp_path / "paper.qmd").write_text("# Paper\n")
    book = init(tmp_path)
    assert prose(tmp_path) == {".gitignore", "_quarto.yml", "paper.qmd"}
    assert parse((tmp_path / "_quarto.yml").read_text(), "").kind == "default"
    assert (book.folder / "paper.qmd").read_text() == "# Paper\n"


@pytest.mark.parametrize("kind", ["website", "default", "manuscript"])
def test_other_projects_get_a_chapter_that_quarto_finds_by_itself(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "_quarto.yml").write_text(f"project:\n  type: {kind}\n")
    init(tmp_path)
    text = (tmp_path / "_quarto.yml").read_text()
    assert text == f"project:\n  type: {kind}\n\nfilters:\n  {BY_NAME}"
    assert (tmp_path / "first_chapter" / "first_chapter.qmd").is_file()


BOOK = "project: {type: book}\nbook:\n  chapters:\n"
FILTER_CASES = {
    "none": ("a: 1\n", f"a: 1\n\nfilters:\n  {BY_NAME}"),
    "no last line end": ("a: 1", f"a: 1\n\nfilters:\n  {BY_NAME}"),
    "only a comment": ("# mine\n", f"# mine\n\nfilters:\n  {BY_NAME}"),
    "nothing at all": ("", f"filters:\n  {BY_NAME}"),
    "a list": (
        "filters:\n  - one # first\n  - two.lua\n# end\nb: 2\n",
        f"filters:\n  - one # first\n  - two.lua\n  {BY_NAME}# end\nb: 2\n",
    ),
    "a list without a line end": (
        "filters: \n  - one",
        f"filters: \n  - one\n  {BY_NAME}",
    ),
    "a list at the margin": (
        "filters:\n- one\nb: 2\n",
        "filters:\n- one\n- path: bookfigs\n  at: pre-ast\nb: 2\n",
    ),
    "mappings": (
        "filters:\n    - path: one\n      at: post-ast # late\n\n    # b\nb: 2\n",
        (
            "filters:\n    - path: one\n      at: post-ast # late\n"
            "    - path: bookfigs\n      at: pre-ast\n\n    # b\nb: 2\n"
        ),
    ),
    "braces": (
        "filters: [one, {path: two, at: pre-ast}] # c\n",
        "filters: [one, {path: two, at: pre-ast}, {path: bookfigs, at: pre-ast}] # c\n",
    ),
    "several lines of braces": (
        "filters: [\n  one, # c\n]\n",
        "filters: [\n  one, {path: bookfigs, at: pre-ast}, # c\n]\n",
    ),
    "an empty list": ("filters: []\n", "filters: [{path: bookfigs, at: pre-ast}]\n"),
    "an empty value": ("filters:\nb: 2\n", f"filters:\n  {BY_NAME}b: 2\n"),
    "plainly listed, too late": (
        "filters:\n  - one\n  - bookfigs # here\n",
        "filters:\n  - one\n  - {path: bookfigs, at: pre-ast} # here\n",
    ),
    "listed at another stage": (
        "filters: [{path: bookfigs, at: post-ast}]\n",
        "filters: [{path: bookfigs, at: pre-ast}]\n",
    ),
    "other lines": (
        "a: 1\r\nfilters:\r\n  - one\r\n",
        "a: 1\r\nfilters:\r\n  - one\r\n  - path: bookfigs\r\n    at: pre-ast\r\n",
    ),
    "tags of R": (
        "params: !expr 1+1\nfilters:\n  - one\n",
        f"params: !expr 1+1\nfilters:\n  - one\n  {BY_NAME}",
    ),
    "text in many lines": (
        "filters:\n  - one\ninclude: |\n  filters:\n    - no\n",
        f"filters:\n  - one\n  {BY_NAME}include: |\n  filters:\n    - no\n",
    ),
}


@pytest.mark.parametrize("case", FILTER_CASES)
def test_the_filter_is_added_and_all_else_stays(case: str) -> None:
    before, after = FILTER_CASES[case]
    changed = with_filter(parse(before, "_quarto.yml"), "bookfigs", NEW)
    assert changed == after
    assert with_filter(parse(changed, "_quarto.yml"), "bookfigs", NEW) == changed
    listed = read_filters(Source(Path("_quarto.yml"), "", changed))
    assert [f.at for f in listed if f.is_ours] == ["pre-ast"]  # as lint reads it


@pytest.mark.parametrize(
    "text",
    [
        "filters:\n  - path: bookfigs\n    at: pre-ast\n",
        "filters:\n  - {at: pre-ast, path: _extensions/bookfigs/bookfigs.lua}\n",
        "format:\n  html:\n    filters:\n      - path: bookfigs\n        at: pre-ast\n",
        'filters: [{path: "bookfigs", at: "pre-ast"}]\n',
    ],
)
def test_a_filter_that_is_listed_well_is_left_alone(text: str) -> None:
    assert with_filter(parse(text, ""), "bookfigs", NEW) == text


@pytest.mark.parametrize(
    ("quarto", "entry"),
    [((1, 8), BY_NAME), ((1, 10, 18), BY_NAME), ((1, 7, 99), BY_PATH), (None, BY_PATH)],
)
def test_the_entry_is_one_that_the_quarto_at_hand_understands(
    tmp_path: Path, quarto: tuple[int, ...] | None, entry: str
) -> None:
    (tmp_path / "_quarto.yml").write_text("project:\n  type: website\n")
    init(tmp_path, quarto)
    assert (tmp_path / "_quarto.yml").read_text().endswith(f"filters:\n  {entry}")


def test_an_entry_by_name_is_mended_for_an_older_quarto() -> None:
    settings = parse(f"filters:\n  {BY_NAME}", "")
    path = "_extensions/bookfigs/bookfigs.lua"
    assert (
        with_filter(settings, path, OLD)
        == f"filters:\n  - {{path: {path}, at: pre-ast}}\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filters: one\n", "it is no list"),
        ("{a: 1}\n", "stand in braces"),
        ("x: &f\n  - one\nb: 2\nfilters: *f\n", "unusual"),
        ("filters:\n  - path: bookfigs # why\n    at: post-ast\n", "holds a comment"),
        ("a: 1\n...\n", "cannot be changed safely"),
        ("a: [1\n", "is no YAML: line 2"),
        ("- a\n", "has to be a mapping"),
        ("\tb: 1\n", "is no YAML: line 1"),
    ],
)
def test_settings_that_cannot_be_changed_safely_stay_and_nothing_is_written(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "_quarto.yml").write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        init(tmp_path)
    assert refused.value.where == "_quarto.yml"
    assert files(tmp_path) == {"_quarto.yml": text.encode()}


@pytest.mark.parametrize(
    ("chapters", "after"),
    [
        ("    - index.qmd\n", "    - index.qmd\n    - new.qmd\n"),
        (
            "    - a.qmd\n    # sources\n    - references.qmd # last\n",
            "    - a.qmd\n    - new.qmd\n    # sources\n    - references.qmd # last\n",
        ),
        (
            "    - index.qmd\n    - part: A\n      chapters:\n        - a.qmd\n\n",
            (
                "    - index.qmd\n    - part: A\n      chapters:\n        - a.qmd\n"
                "    - new.qmd\n\n"
            ),
        ),
        (
            "    [index.qmd, references.qmd]\n",
            "    [index.qmd, new.qmd, references.qmd]\n",
        ),
        ("    - index.qmd\n    - part: new.qmd\n", None),
    ],
)
def test_a_chapter_is_added_after_the_last_but_before_the_references(
    chapters: str, after: str | None
) -> None:
    more = "  # more\n  appendices:\n    - z.qmd\n"
    changed = with_chapter(parse(BOOK + chapters + more, ""), "new.qmd")
    assert changed == BOOK + (chapters if after is None else after) + more


def test_a_book_without_a_list_of_chapters_is_told_what_to_write(
    tmp_path: Path,
) -> None:
    (tmp_path / "_quarto.yml").write_text("project:\n  type: book\n")
    with pytest.raises(InputError, match="chapters cannot be changed safely"):
        init(tmp_path)
    init(tmp_path, chapter=None)
    assert not (tmp_path / "first_chapter").exists()


@pytest.mark.parametrize(
    "settings", ["", "project:\n  type: website\n", f"{BOOK}    - index.qmd\n"]
)
def test_again_there_is_nothing_to_do(tmp_path: Path, settings: str) -> None:
    if settings:
        (tmp_path / "_quarto.yml").write_text(settings)
    init(tmp_path)
    before = files(tmp_path)
    assert begin(tmp_path, NEW).steps == []
    init(tmp_path)
    assert files(tmp_path) == before


def test_a_first_chapter_that_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    init(tmp_path)
    shutil.rmtree(tmp_path / "first_chapter")
    settings = tmp_path / "_quarto.yml"
    text = settings.read_text().replace("    - first_chapter/first_chapter.qmd\n", "")
    settings.write_text(text)
    init(tmp_path)
    assert not (tmp_path / "first_chapter").exists()
    assert settings.read_text() == text


def test_a_book_that_has_figures_gets_no_first_chapter(book: Book) -> None:
    init(book.folder)
    assert not (book.folder / "first_chapter").exists()


def test_files_of_the_author_are_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "_quarto.yml").write_text(f"{BOOK}    - index.qmd\n")
    page = tmp_path / "first_chapter" / "first_chapter.qmd"
    page.parent.mkdir()
    page.write_text("mine")
    init(tmp_path)
    assert page.read_text() == "mine"


def test_settings_behind_a_link_are_written_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    real = tmp_path / "config" / "html.yml"
    real.write_text("project:\n  type: website\n")
    (tmp_path / "_quarto.yml").symlink_to(real)
    init(tmp_path)
    assert (tmp_path / "_quarto.yml").is_symlink()
    assert "bookfigs" in real.read_text()


@pytest.mark.parametrize("where", ["_quarto-print.yml", "common/filters.yml"])
def test_a_filter_in_another_settings_file_counts(tmp_path: Path, where: str) -> None:
    settings = "metadata-files: [common/filters.yml]\n"
    (tmp_path / "_quarto.yml").write_text(settings)
    (tmp_path / where).parent.mkdir(exist_ok=True)
    (tmp_path / where).write_text(f"filters:\n  {BY_NAME}")
    init(tmp_path)
    assert (tmp_path / "_quarto.yml").read_text() == settings


def test_other_spelling_of_the_settings_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "_quarto.yaml").write_text("project:\n  type: book\n")
    with pytest.raises(InputError, match=r"git mv _quarto.yaml _quarto.yml"):
        init(tmp_path)


@pytest.mark.parametrize("line", ["/.bookfigs/", ".bookfigs", ".bookfigs/"])
def test_what_is_ignored_already_is_not_added_again(tmp_path: Path, line: str) -> None:
    (tmp_path / ".gitignore").write_text(f"_book\n{line}")
    init(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == f"_book\n{line}"


def test_the_folder_to_ignore_is_named_at_the_root_of_the_project(
    tmp_path: Path,
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.pyc")
    init(tmp_path / "docs")
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n/.bookfigs/\n"


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A book whose extension was installed by an earlier version."""
    now = extension.shipped()
    then = {**now, "bookfigs.lua": b"-- before\n", "dropped.lua": b"-- gone since\n"}
    about = now["_extension.yml"].replace(__version__.encode(), b"0.0.9")
    then["_extension.yml"] = about
    with monkeypatch.context() as patch:
        patch.setattr(extension, "shipped", lambda: then)
        patch.setattr(extension, "__version__", "0.0.9")
        book = init(tmp_path)
    assert extension.installed(book) == "0.0.9"
    return book


def own(book: Book) -> Path:
    return book.folder / "_extensions" / "bookfigs"


def renewed(book: Book, *, replace: bool = False) -> list[str]:
    steps = renew(book, replace=replace)
    carry_out(book, steps.steps)
    return steps.told()


def test_an_extension_that_nobody_changed_is_updated(older: Book) -> None:
    renewed(older)
    there = files(own(older))
    del there["_installed.json"]
    assert there == extension.shipped()
    assert renewed(older) == []


def test_ends_of_lines_that_git_changed_are_no_change(older: Book) -> None:
    path = own(older) / "bookfigs.lua"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    renewed(older)
    assert path.read_bytes() == extension.shipped()["bookfigs.lua"]


def test_a_changed_file_that_is_replaced_now_stops_the_whole_update(
    older: Book,
) -> None:
    (own(older) / "bookfigs.lua").write_text("-- mine")
    before = files(older.folder)
    with pytest.raises(InputError, match=r"bookfigs\.lua: changed by you") as refused:
        renew(older)
    assert "--replace" in str(refused.value.run)
    with pytest.raises(InputError, match="changed by you"):
        init(older.folder)
    assert files(older.folder) == before


def test_replacing_keeps_the_authors_file_beside_the_new_one(older: Book) -> None:
    for text in ("-- mine", "-- mine again"):
        (own(older) / "bookfigs.lua").write_text(text)
        renewed(older, replace=True)
    there = files(own(older))
    assert there["bookfigs.lua"] == extension.shipped()["bookfigs.lua"]
    assert there["bookfigs.lua.yours"] == b"-- mine"
    assert there["bookfigs.lua.2.yours"] == b"-- mine again"


def test_a_changed_file_that_is_the_same_in_both_versions_stays(older: Book) -> None:
    (own(older) / "bookfigs.css").write_text("mine")
    told = renewed(older)
    assert (own(older) / "bookfigs.css").read_text() == "mine"
    assert "_extensions/bookfigs/bookfigs.css: changed by you, and stays" in told
    assert extension.installed(older) == __version__


def test_files_of_an_earlier_version_go_unless_they_were_changed(older: Book) -> None:
    (own(older) / "added.lua").write_text("mine")
    renewed(older)
    assert not (own(older) / "dropped.lua").exists()
    assert (own(older) / "added.lua").read_text() == "mine"


def test_without_a_note_nobody_knows_who_changed_a_file(older: Book) -> None:
    (own(older) / "_installed.json").unlink()  # as `quarto add` leaves it
    with pytest.raises(InputError, match="nothing tells whether you changed it"):
        renew(older)


def test_an_extension_that_quarto_add_installed_is_taken_over(tmp_path: Path) -> None:
    book = init(tmp_path)
    (own(book) / "_installed.json").unlink()
    assert [step.path.name for step in renew(book).steps] == ["_installed.json"]


def test_a_damaged_note_is_a_message(older: Book) -> None:
    (own(older) / "_installed.json").write_text('{"version": 1}')
    with pytest.raises(InputError, match=r"_installed\.json: cannot be understood"):
        renew(older)


def test_an_extension_of_a_later_version_is_left_alone(older: Book) -> None:
    about = own(older) / "_extension.yml"
    about.write_text(about.read_text().replace("0.0.9", "99.0.0"))
    with pytest.raises(NewerSchemaError, match=r"of bookfigs 99\.0\.0"):
        init(older.folder)


def test_an_extension_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    book = init(tmp_path)
    shutil.move(own(book), tmp_path / "elsewhere")
    own(book).symlink_to(tmp_path / "elsewhere")
    (own(book) / "bookfigs.lua").write_text("mine")
    assert renewed(book) == ["_extensions/bookfigs: is a link, and stays as it is"]


def test_an_extension_under_its_owners_name_is_updated_there(tmp_path: Path) -> None:
    book = init(tmp_path)
    owner = book.folder / "_extensions" / "owner"
    owner.mkdir()
    shutil.move(own(book), owner)
    (owner / "bookfigs" / "val.lua").unlink()
    init(book.folder)
    assert (owner / "bookfigs" / "val.lua").is_file()
    assert not own(book).exists()


def test_there_is_nothing_to_update_before_there_is_an_extension(book: Book) -> None:
    with pytest.raises(BookfigsError, match="run: bookfigs init"):
        renew(book)


def test_the_command_says_what_it_did_and_a_dry_run_does_nothing(book: Book) -> None:
    dry = bookfigs(book, "init", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "would be: chapters/_quarto.yml: the filter added" in dry.stdout
    assert not (book.folder / "_extensions").exists()
    done = bookfigs(book, "init")
    assert (
        "chapters/_quarto.yml: the filter added; all else is as it was" in done.stdout
    )
    assert bookfigs(book, "init").stdout == "nothing to do\n"
    assert bookfigs(book, "init", "--update").stdout == "nothing to do\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--update", "--no-chapter"], 2),
        (["--chapter", "a", "--no-chapter"], 2),
        (["--chapter", "No Name"], 3),
        (["--update"], 4),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    book: Book, arguments: list[str], status: int
) -> None:
    before = files(book.root)
    assert bookfigs(book, "init", *arguments).returncode == status
    assert files(book.root) == before


def test_the_wheel_is_told_to_carry_the_extension() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    targets = settings["tool"]["hatch"]["build"]["targets"]
    source = "_quarto_ext/_extensions/bookfigs"
    assert targets["wheel"]["force-include"] == {source: "bookfigs/_extension"}
    assert "/_quarto_ext" in targets["sdist"]["include"]
    assert (ROOT / source / extension.ABOUT).is_file()


def test_an_installed_package_takes_the_extension_that_it_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "bookfigs"
    shutil.copytree(
        ROOT / "_quarto_ext" / "_extensions" / "bookfigs", package / "_extension"
    )
    expected = extension.shipped()
    module = str(package / "starting" / "extension.py")
    monkeypatch.setattr(extension, "__file__", module)
    assert extension.shipped() == expected


def test_an_installation_without_the_extension_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extension, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    with pytest.raises(BookfigsError, match="lacks the Quarto extension"):
        extension.shipped()


def test_the_extension_has_the_version_of_the_package() -> None:
    about = extension.shipped()["_extension.yml"].decode()
    found = extension.VERSION.search(about)
    assert found is not None
    assert found[1] == __version__


def test_git_sees_only_what_is_meant_to_be_committed(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    init(tmp_path)
    (tmp_path / ".bookfigs").mkdir()
    (tmp_path / ".bookfigs" / "lock").touch()
    said = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ".bookfigs/" not in said
    assert "_extensions/" in said
