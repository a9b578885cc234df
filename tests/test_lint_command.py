"""``bookfigs lint`` as it is run: formats, baseline, exit statuses, README."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner, Result

from bookfigs import __version__
from bookfigs.book import Book
from bookfigs.canonical import to_json
from bookfigs.cli import cli
from bookfigs.entry import ValueEntry
from bookfigs.errors import BookfigsError, InputError
from bookfigs.lint import pages as rules
from bookfigs.lint.baseline import Baseline, Known, compare, read_baseline, updated
from bookfigs.lint.book import gather
from bookfigs.lint.finding import Finding
from bookfigs.lint.report import FORMATS, Report
from bookfigs.lint.rules import RULES
from bookfigs.manifest import Manifest
from smallbook import ROOT, python

PAGE = "# One\n\nIt takes 20 times, and 7 apples.\n\n$x = {{< val a.b >}}$\n"


@pytest.fixture
def pages(tmp_path: Path) -> Book:
    """A book of two pages and a value, without figures."""
    (tmp_path / "pyproject.toml").touch()
    book = Book(tmp_path / "chapters")
    for name in ("one", "_book", "two/_bookfigs", "two/.hidden"):
        (book.folder / name).mkdir(parents=True)
    (book.folder / "_quarto.yml").write_text("project:\n  type: book\n")
    (book.folder / "one" / "one.qmd").write_text(PAGE)
    (book.folder / "two" / "two.qmd").write_text("# Two\n\nNothing.\n")
    for hidden in ("_book/a.qmd", "two/_bookfigs/a.qmd", "two/.hidden/a.qmd"):
        (book.folder / hidden).write_text("No page, with 7 numbers.\n")
    manifest = Manifest(values={"a.b": ValueEntry("20", "a")}).sealed()
    book.manifest.parent.mkdir()
    book.manifest.write_bytes(to_json(manifest))
    return book


def lint(book: Book, *arguments: object) -> Result:
    given = ["--book", str(book.folder), "lint", *map(str, arguments)]
    return CliRunner().invoke(cli, given, catch_exceptions=False)


def test_findings_are_told_with_place_text_and_remedy(pages: Book) -> None:
    done = lint(pages, "--quarto", "1.9")
    assert done.exit_code == 10
    assert done.output == (
        "chapters/one/one.qmd:3:10: error retyped-number: 20 is typed, and is the text "
        "of a.b\n"
        "  | It takes 20 times, and 7 apples.\n"
        "  |          ^\n"
        "  write: {{< val a.b >}}\n"
        "chapters/one/one.qmd:3:24: error unsourced-number: 7 is a number without a "
        "source\n"
        "  | It takes 20 times, and 7 apples.\n"
        "  |                        ^\n"
        "  make it a value, or put it in math or code, or say why it may stand\n"
        "chapters/one/one.qmd:5:6: error value-in-math: Quarto before 1.10 garbles a "
        "value in math (here: 1.9)\n"
        "  | $x = {{< val a.b >}}$\n"
        "  |      ^\n"
        "  write it beside the formula\n"
        "2 pages: 3 errors\n"
    )


def test_a_clean_book_has_status_zero(pages: Book) -> None:
    done = lint(pages, pages.folder / "two")
    assert (done.exit_code, done.output) == (0, "1 page: nothing found\n")


def test_warnings_alone_do_not_fail(pages: Book) -> None:
    idle = "<!-- bookfigs-lint: allow wide-line: none is here -->\n"
    (pages.folder / "one" / "one.qmd").write_text(idle)
    done = lint(pages)
    assert done.exit_code == 0
    assert done.output.endswith("2 pages: 1 warning\n")


def test_a_page_outside_of_the_book_may_be_asked_for(
    pages: Book, tmp_path: Path
) -> None:
    other = tmp_path / "other.md"
    other.write_text("Of 20.\n")
    done = lint(pages, other)
    assert done.exit_code == 10
    assert done.output.startswith("other.md:1:4: error retyped-number")
    assert done.output.endswith("1 page: 1 error\n")


def test_bytes_that_are_not_utf_8_are_a_finding_with_its_place(pages: Book) -> None:
    (pages.folder / "one" / "one.qmd").write_bytes("# ö\n\nä".encode() + b"\xff b\n")
    done = lint(pages)
    assert done.output.startswith("chapters/one/one.qmd:3:2: error encoding: ")


def test_a_name_that_is_no_text_does_no_harm(pages: Book) -> None:
    odd = os.fsdecode(b"one/\xff.qmd")
    (pages.folder / odd).write_text("7\n")
    for form in FORMATS:
        assert "one/?.qmd" in unquote(lint(pages, "--format", form).output)


def test_a_terminal_obeys_nothing_that_a_page_holds(pages: Book) -> None:
    (pages.folder / "one" / "one.qmd").write_text("\x1b[31m 7 \x07\n")
    assert not {"\x1b", "\x07"} & set(lint(pages).output)


def test_a_page_that_cannot_be_read_is_a_message(pages: Book) -> None:
    (pages.folder / "one" / "gone.qmd").symlink_to("nowhere.qmd")
    with pytest.raises(InputError, match=r"nowhere\.qmd: cannot be read: No such file"):
        lint(pages)


def test_a_damaged_manifest_is_a_message_with_its_place(pages: Book) -> None:
    pages.manifest.write_text("{")
    with pytest.raises(InputError, match=r"^chapters/_bookfigs/manifest\.json: "):
        lint(pages)


def test_json_has_what_a_program_needs(pages: Book) -> None:
    done = lint(pages, "--format", "json", "--quarto", "1.10")
    found = json.loads(done.stdout)
    assert done.exit_code == 10
    assert (found["schema"], found["pages"]) == (1, 2)
    assert [one["code"] for one in found["findings"]] == [
        "retyped-number",
        "unsourced-number",
    ]
    names = [
        "file",
        "line",
        "column",
        "code",
        "message",
        "severity",
        "context",
        "suggestion",
    ]
    assert set(names) < set(found["findings"][0])
    assert found["accepted"] == found["removable"] == []


def sarif(done: Result) -> dict[str, Any]:
    whole = json.loads(done.stdout)
    assert whole.keys() == {"$schema", "version", "runs"}
    assert whole["version"] == "2.1.0"
    (run,) = whole["runs"]
    assert isinstance(run, dict)
    return run


def test_sarif_has_the_structure_of_2_1_0(pages: Book) -> None:
    run = sarif(lint(pages, "--format", "sarif", "--quarto", "1.9"))
    assert run.keys() == {"tool", "columnKind", "results"}
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("bookfigs", __version__)
    assert [each["id"] for each in driver["rules"]] == [each.code for each in RULES]
    for each in driver["rules"]:
        assert each["defaultConfiguration"]["level"] in {"error", "warning", "note"}
        assert each["shortDescription"]["text"]
        assert each["fullDescription"]["text"]
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == "error"
        assert result["message"]["text"]
        assert set(result["partialFingerprints"]) == {"bookfigs/v1"}
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {
            "uri": "chapters/one/one.qmd",
            "uriBaseId": "%SRCROOT%",
        }
        region = place["region"]
        assert region["startLine"] >= 1
        assert region["endColumn"] > region["startColumn"] >= 1
        assert region["snippet"]["text"]


def test_sarif_of_a_page_elsewhere_has_an_address(
    pages: Book, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("a b") / "c.qmd"
    other.write_text("Of 20.\n")
    run = sarif(lint(pages, "--format", "sarif", other))
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": other.resolve().as_uri()}


def test_github_shows_each_finding_beside_its_line(pages: Book) -> None:
    done = lint(pages, "--format", "github", "--quarto", "1.10")
    assert done.output.splitlines()[0] == (
        "::error file=chapters/one/one.qmd,line=3,endLine=3,col=10,endColumn=12,"
        "title=bookfigs retyped-number::20 is typed, and is the text of a.b; "
        "write: {{< val a.b >}}"
    )


def test_github_commands_cannot_be_broken_out_of() -> None:
    evil = "a,b:c%\n::error::x\r"
    one = Finding(evil, 1, 1, 1, 2, "markup", "info", evil, "", "", 0, "")
    shown = FORMATS["github"](Report(compare([one], Baseline()), 1))
    assert shown.count("\n") == 1
    assert shown.startswith(
        "::notice file=a%2Cb%3Ac%25%0A%3A%3Aerror%3A%3Ax%0D,line=1,"
    )
    assert shown.endswith("::a,b:c%25%0A::error::x%0D\n")


def test_every_format_of_the_command_line_is_there() -> None:
    (form,) = (p for p in cli.commands["lint"].params if p.name == "form")
    assert set(FORMATS) == set(form.to_info_dict()["type"]["choices"])


def test_a_baseline_accepts_what_there_was_wherever_it_moves(pages: Book) -> None:
    known = pages.folder / "known.json"
    done = lint(pages, "--baseline", known, "--update-baseline")
    assert done.exit_code == 0
    assert done.output == "2 pages: nothing found; 3 accepted by the baseline\n"
    first = known.read_bytes()
    one, two = pages.folder / "one" / "one.qmd", pages.folder / "two" / "two.qmd"
    two.write_text("# Two\n\n\nMore.\n\n" + PAGE.partition("\n")[2])
    one.write_text("# One\n\nIt takes 9 ducks.\n")
    done = lint(pages, "--baseline", known)
    assert done.exit_code == 10
    assert "one.qmd:3:10: error unsourced-number: 9 is" in done.output
    assert done.output.endswith("2 pages: 1 error; 3 accepted by the baseline\n")
    assert known.read_bytes() == first


def test_what_is_fixed_can_be_removed_from_a_baseline(pages: Book) -> None:
    known = pages.folder / "known.json"
    lint(pages, "--baseline", known, "--update-baseline")
    (pages.folder / "one" / "one.qmd").write_text(PAGE.replace("7 apples", "apples"))
    done = lint(pages, "--baseline", known)
    assert done.exit_code == 0
    assert "chapters/one/one.qmd: unsourced-number: 7 is a number" in done.output
    assert "is fixed, and still in the baseline" in done.output
    assert "run: bookfigs lint --update-baseline" in done.output
    noted = lint(pages, "--baseline", known, "--format", "github").output
    assert noted.startswith("::notice file=chapters/one/one.qmd,title=bookfigs base")
    shown = json.loads(lint(pages, "--baseline", known, "--format", "json").stdout)
    assert [each["code"] for each in shown["removable"]] == ["unsourced-number"]
    lint(pages, "--baseline", known, "--update-baseline")
    assert len(read_baseline(known).findings) == 2
    assert "is fixed" not in lint(pages, "--baseline", known).output


def test_accepted_findings_are_suppressed_in_sarif(pages: Book) -> None:
    known = pages.folder / "known.json"
    lint(pages, "--baseline", known, "--update-baseline")
    run = sarif(lint(pages, "--baseline", known, "--format", "sarif"))
    assert {result["baselineState"] for result in run["results"]} == {"unchanged"}
    assert all(result["suppressions"] for result in run["results"])


def test_pages_that_were_not_looked_at_keep_their_baseline() -> None:
    known = Baseline(
        findings=[Known("f", "markup", "a", "x", 2), Known("g", "b", "c", "d")]
    )
    assert compare([], known, {"a"}).gone == [Known("f", "markup", "a", "x", 2)]
    assert updated([], known, {"a"}) == Baseline(findings=[Known("g", "b", "c", "d")])
    assert updated([], known) == Baseline()


def test_a_baseline_counts_findings_that_are_alike() -> None:
    one = Finding("a", 1, 1, 1, 2, "markup", "error", "x", "", "", 0, "f")
    known = updated([one, one], Baseline())
    assert known.findings == [Known("f", "markup", "a", "x", 2)]
    found = compare([one, one, one], known)
    assert (len(found.new), len(found.accepted)) == (1, 2)
    assert compare([one], known).gone == [Known("f", "markup", "a", "x", 1)]


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "there is no such baseline"), ("{", "not a document"), ("[]", "not a doc")],
)
def test_a_baseline_that_cannot_be_read_is_a_message(
    pages: Book, tmp_path: Path, content: str | None, what: str
) -> None:
    known = tmp_path / "known.json"
    if content is not None:
        known.write_text(content)
    with pytest.raises(InputError, match=what):
        lint(pages, "--baseline", known)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--update-baseline"], "--update-baseline needs --baseline"),
        (["--quarto", "new"], "'new' is no version"),
        (["nowhere.qmd"], "does not exist"),
        (["--format", "xml"], "'xml' is not one of"),
    ],
)
def test_wrong_usage_is_told(pages: Book, arguments: list[str], what: str) -> None:
    done = lint(pages, *arguments)
    assert done.exit_code == 2
    assert what in done.output


def test_a_code_is_explained(pages: Book) -> None:
    done = lint(pages, "--explain", "alt-missing")
    assert done.output.startswith("alt-missing (error): a picture without an alt")
    assert len(lint(pages, "--explain", "all").output.splitlines()) == 2 * len(RULES)
    with pytest.raises(BookfigsError, match="nearest: wide-line"):
        lint(pages, "--explain", "wideline")


def test_the_quarto_at_hand_is_asked_only_once_and_may_be_missing(
    pages: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "quarto"
    program.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/log\necho 1.6.42\n")
    program.chmod(0o755)
    monkeypatch.setenv("QUARTO_PATH", str(program))
    context, _ = gather(pages, [], None)
    assert not (tmp_path / "log").exists()
    assert context.quarto() == context.quarto() == (1, 6, 42)
    assert (tmp_path / "log").read_text() == "asked\n"
    monkeypatch.setenv("QUARTO_PATH", str(tmp_path / "none"))
    assert gather(pages, [], None)[0].quarto() is None


def test_reading_pages_imports_no_heavy_package() -> None:
    script = (
        "import sys, bookfigs.lint.pages, bookfigs.lint.book, bookfigs.lint.report\n"
        "heavy = {'torch', 'matplotlib', 'numpy', 'scipy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert python(script).strip() == "[]"


def test_the_book_that_comes_along_is_clean() -> None:
    context, _ = gather(Book.find(ROOT), [], (1, 9))
    assert len(context.pages) >= 2
    found = [one for one in rules.lint(context) if one.severity != "info"]
    assert [f"{one.file}:{one.line}: {one.message}" for one in found] == []


def test_the_codes_in_the_readme_are_those_of_the_rules() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (error|warning|info) \| (.*) \|$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
    assert rows == [(each.code, each.severity, each.summary) for each in RULES]
