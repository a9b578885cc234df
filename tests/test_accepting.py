"""Sentences around values and claims: accepted once, and found when they change."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bookfigs.book import Book
from bookfigs.canonical import to_json
from bookfigs.cli import cli
from bookfigs.entry import ClaimEntry, ClaimRow, ValueEntry
from bookfigs.errors import InputError
from bookfigs.lint.sentences import sentences
from bookfigs.manifest import Manifest
from test_prose import page

SLOWER = ClaimEntry(
    "It is slower.",
    "holds",
    "a",
    "a.py",
    [ClaimRow("CPU", "holds", "ratio 3", "at least 2", "2026-01-02", "abc")],
)
MANIFEST = Manifest(
    values={"a.ratio": ValueEntry("20.4", "a"), "a.length": ValueEntry("64", "a")},
    claims={"a.slower": SLOWER, "a.linear": replace(SLOWER, sentence="It is linear.")},
)
SENTENCE = (
    'At {{< val a.length >}} steps [it takes\ntwice as long]{.claim ref="a.slower"}.'
)
DIV = '::: {.claim ref="a.linear"}\nIt grows in proportion. It always has.\n:::'
BLOCK = DIV.replace("\n", " ")
FLAT = SENTENCE.replace("\n", " ")
PAGE = f"""# One

Nothing is measured here. {SENTENCE} So much for that.

{DIV}
"""


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A book of one page whose sentences nobody has accepted yet."""
    (tmp_path / "pyproject.toml").touch()
    book = Book(tmp_path / "chapters")
    (book.folder / "one").mkdir(parents=True)
    settings = "filters: [{path: bookfigs, at: pre-ast}]\n"
    (book.folder / "_quarto.yml").write_text(settings)
    book.generated.mkdir()
    write(book, MANIFEST)
    text(book).write_text(PAGE)
    return book


def write(book: Book, manifest: Manifest) -> None:
    book.manifest.write_bytes(to_json(manifest.sealed()))


def text(book: Book) -> Path:
    return book.folder / "one" / "one.qmd"


def run(book: Book, *arguments: str) -> Result:
    given = ["--book", str(book.folder), *arguments]
    return CliRunner().invoke(cli, given, catch_exceptions=False)


def found(book: Book) -> list[str]:
    """What lint says of sentences: lines and messages."""
    told = json.loads(run(book, "lint", "--format", "json").output)["findings"]
    kept = [one for one in told if one["code"] == "unaccepted"]
    return [f"{one['line']}: {one['message']}" for one in kept]


def edit(book: Book, old: str, new: str) -> None:
    assert old in text(book).read_text()
    text(book).write_text(text(book).read_text().replace(old, new, 1))


BOUND = [
    ("One. B {{< val x >}} c. D.", ["B {{< val x >}} c."]),
    ("A {{< val x >}}. B {{< val y >}}", ["A {{< val x >}}.", "B {{< val y >}}"]),
    ("# A {{< val x >}}\n\nB.", ["# A {{< val x >}}"]),
    ("A {{< val x >}}, e.g. B is. C.", ["A {{< val x >}}, e.g. B is."]),
    ("@fig-a is {{< val x >}}. @fig-b not.", ["@fig-a is {{< val x >}}."]),
    ("One. [@b] shows {{< val x >}}.", ["[@b] shows {{< val x >}}."]),
    ("A `b. C` d {{< val x >}}. E.", ["A `b. C` d {{< val x >}}."]),
    ("It $1.5$. *B* is {{< val x >}}! C.", ["*B* is {{< val x >}}!"]),
    ("[A. B]{.claim ref=x} c. D.", ["[A. B]{.claim ref=x} c."]),
    ("[A]{.claim ref=x}. B.", ["[A]{.claim ref=x}."]),
    ("A\n\n::: {.claim ref=x}\nB. C.\n:::\n\nD", ["::: {.claim ref=x} B. C. :::"]),
    ("- A {{< val x >}}.\n- B.", ["- A {{< val x >}}."]),
    ('::: {#fig-x fig-cap="**A**: {{< val x >}}."}\n:::', ["**A**: {{< val x >}}."]),
    ("```\na = {{< val x >}}\n```", ["{{< val x >}}"]),
    ("One. [B]{.x}. C.", []),
]


@pytest.mark.parametrize(("written", "bound"), BOUND)
def test_what_is_bound_is_the_sentence(written: str, bound: list[str]) -> None:
    assert [each.text for each in sentences(page(written))] == bound


def test_nothing_is_demanded_where_nothing_was_accepted(book: Book) -> None:
    assert found(book) == []


def test_what_is_accepted_is_shown_beside_what_it_stands_on(book: Book) -> None:
    done = run(book, "accept")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        f"chapters/one/one.qmd:3: {FLAT}",
        "  claim a.slower: 'It is slower.', expected at least 2",
        "  value a.length: 64",
        f"chapters/one/one.qmd:6: {BLOCK}",
        "  claim a.linear: 'It is linear.', expected at least 2",
        "2 sentences stand on evidence; 2 of them newly accepted",
    ]
    assert found(book) == []
    again = "2 sentences stand on evidence; 0 of them newly accepted\n"
    assert run(book, "accept").output == again


OTHERWISE = "this sentence was accepted otherwise"
CHANGES = [
    (
        "takes\ntwice",
        "takes\nten times",
        f"3: {OTHERWISE}: 'twice', and now 'ten times'",
    ),
    ("a.length", "a.ratio", f"3: {OTHERWISE}: 'a.length', and now 'a.ratio'"),
    (" So much", " At {{< val a.ratio >}}. So", "4: nobody has accepted this sentence"),
    (SENTENCE, "", f"1: an accepted sentence is no longer here: {FLAT!r}"),
    ("always has", "never has", f"6: {OTHERWISE}: 'always', and now 'never'"),
    (
        "a.linear",
        "a.slower",
        f"""6: {OTHERWISE}: 'ref="a.linear"}}', and now 'ref="a.slower"}}'""",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), CHANGES)
def test_a_sentence_that_changes_is_found(
    book: Book, old: str, new: str, told: str
) -> None:
    run(book, "accept")
    edit(book, old, new)
    assert found(book) == [told]
    assert run(book, "lint").exit_code == 10
    run(book, "accept")
    assert found(book) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("takes\ntwice", "takes twice"), ("Nothing is", "All is"), ("# One", "# Two\n")],
)
def test_lines_may_break_otherwise_and_other_sentences_change(
    book: Book, old: str, new: str
) -> None:
    run(book, "accept")
    edit(book, old, new)
    assert found(book) == []


@pytest.mark.parametrize(
    "changed",
    [
        replace(SLOWER, sentence="It is much slower."),
        replace(SLOWER, rows=[replace(SLOWER.rows[0], expected="at least 1")]),
    ],
)
def test_a_claim_that_says_something_else_is_found(
    book: Book, changed: ClaimEntry
) -> None:
    run(book, "accept")
    write(book, replace(MANIFEST, claims=MANIFEST.claims | {"a.slower": changed}))
    told = "the claim a.slower of this sentence was changed since it was accepted"
    assert found(book) == [f"3: {told}, and says now: {changed.sentence!r}"]


def test_new_measurements_ask_for_nothing(book: Book) -> None:
    run(book, "accept")
    row = replace(SLOWER.rows[0], statistic="ratio 4", date="2027-01-01", commit="d")
    claims = MANIFEST.claims | {"a.slower": replace(SLOWER, rows=[row])}
    values = {"a.ratio": ValueEntry("21", "a"), "a.length": ValueEntry("32", "a")}
    write(book, replace(MANIFEST, claims=claims, values=values))
    assert found(book) == []


@pytest.mark.parametrize(
    ("claims", "status", "told"),
    [
        ({}, 4, "there is no claim 'a.slower'"),
        ({"a.slower": replace(SLOWER, verdict="fails")}, 7, "the claim a.slower fails"),
        (
            {"a.slower": replace(SLOWER, outdated="a.measure changed")},
            7,
            "a.measure changed",
        ),
    ],
)
def test_nothing_is_accepted_that_does_not_hold(
    book: Book, claims: dict[str, ClaimEntry], status: int, told: str
) -> None:
    kept = {"a.linear": MANIFEST.claims["a.linear"]}
    write(book, replace(MANIFEST, claims=kept | claims))
    done = run(book, "accept")
    assert done.exit_code == status
    assert "chapters/one/one.qmd:3" in done.output
    assert told in done.output
    assert not (text(book).parent / "evidence").exists()


def test_trying_it_out_writes_nothing(book: Book) -> None:
    assert "2 of them newly accepted" in run(book, "accept", "--dry-run").output
    assert not (text(book).parent / "evidence").exists()


def test_pages_are_accepted_one_by_one(book: Book) -> None:
    other = text(book).with_name("two.qmd")
    other.write_text("It takes {{< val a.ratio >}} times.\n")
    run(book, "accept", str(text(book)))
    assert found(book) == ["1: nobody has accepted this sentence"]
    run(book, "accept", str(other))
    assert found(book) == []
    text(book).unlink()
    run(book, "accept", str(other))
    kept = json.loads((other.parent / "evidence" / "sentences.json").read_text())
    assert list(kept["pages"]) == ["two.qmd"]


def test_a_file_that_is_none_is_told_with_its_place(book: Book) -> None:
    run(book, "accept")
    (text(book).parent / "evidence" / "sentences.json").write_text("{")
    with pytest.raises(InputError, match=r"chapters/one/evidence/sentences\.json: "):
        run(book, "lint")
