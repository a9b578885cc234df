"""The chapter: every closed form, every claim, every sentence bound to evidence."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from breaking import Break

from bookfigs.book import PICTURES, Book
from bookfigs.exporting import gates
from bookfigs.figure import Figure, load
from bookfigs.manifest import Manifest, read_manifest
from bookfigs.provenance import this_device
from bookfigs.record import Record, read_record
from smallbook import ROOT, python

BOOK = Book(ROOT / "chapters")
PROSE = (BOOK.folder / "rnn_training" / "rnn_training.qmd").read_text()


def figure(slug: str) -> Figure:
    return load(slug, BOOK.figures()[slug], BOOK.root)


def evidence(slug: str) -> list[Record]:
    return [read_record(path, path.name) for path in BOOK.evidence(slug)]


def manifest() -> Manifest:
    found = read_manifest(BOOK)
    assert found is not None
    return found


CLAIMS = sorted(manifest().claims)


@pytest.mark.parametrize("T", [2**k for k in range(4, 13, 2)])
def test_counted_chain_equals_the_closed_form_for_every_arm(T: int) -> None:
    shown = figure("critical_path")
    closed_form = sys.modules["bookfigs_figure_critical_path"].closed_form
    counted = {
        row["arm"]: (row["forward"], row["backward"])
        for row in shown.rows(device=this_device("cpu"), T=T)
    }
    assert counted == {arm: closed_form(arm, T) for arm in counted}
    assert len(counted) == 5


def broken() -> dict[str, Break]:
    """For each claim, a change of the record that makes it false."""
    found: dict[str, Break] = {}
    for path in sorted((Path(__file__).parent / "broken").glob("*.py")):
        made: dict[str, Break] = runpy.run_path(str(path))["BROKEN"]
        found |= made
    return found


BROKEN = broken()


def test_every_claim_has_a_record_that_breaks_it() -> None:
    assert sorted(BROKEN) == CLAIMS


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_holds_in_the_evidence_and_fails_in_the_changed_record(name: str) -> None:
    slug, _, key = name.partition(".")
    claim = figure(slug).claims[key]
    for record in evidence(slug):
        about = record.device.kind in claim.devices
        idle = "not applicable here"
        assert claim.judge(record).verdict == ("holds" if about else idle)
        assert claim.judge(BROKEN[name](record)).verdict == ("fails" if about else idle)


def test_figure_files_load_without_torch() -> None:
    script = (
        "import sys; from bookfigs.figure import load; from bookfigs.book import Book\n"
        "from pathlib import Path\n"
        "book = Book.find(Path('chapters'))\n"
        "for slug, path in book.figures().items(): load(slug, path, book.root)\n"
        "print('torch' in sys.modules)"
    )
    printed = python(script)
    assert printed.strip() == "False"


@pytest.mark.parametrize("attribute", ["caption", "alt"])
def test_removed_value_is_named(attribute: str) -> None:
    shown = figure("critical_path")
    with pytest.raises(Exception, match="uses the value 'rnn'"):
        shown.fill(getattr(shown, attribute), {"length": "1"})


def test_prose_names_only_what_exists_and_refers_to_every_embed() -> None:
    known = manifest()
    assert set(re.findall(r"\{\{< val (\S+) >\}\}", PROSE)) <= known.values.keys()
    assert set(re.findall(r'\.claim ref="([^"]+)"', PROSE)) <= known.claims.keys()
    for label in re.findall(
        r"^::: \{#((?:fig|lst)-\S+) \.bookfigs\}", PROSE, re.MULTILINE
    ):
        assert f"@{label}" in PROSE


def test_no_digit_in_the_prose_is_typed_by_hand() -> None:
    spoken = re.sub(r"\$\$.*?\$\$|\$.*?\$", "", PROSE, flags=re.DOTALL)
    spoken = re.sub(r"\{\{<.*?>\}\}|\{[#.:].*?\}|@[a-z]\w*|\[@.*?\]", "", spoken)
    assert re.findall(r"\d+", spoken) == []


def wording() -> str:
    """All words of the chapter in order: prose, headings, captions, texts."""
    known = manifest()

    def shown(div: re.Match[str]) -> str:
        kind, name = div[1], div[2].replace("-", "_")
        if kind == "lst":
            return known.listings[name].caption
        figure = known.figures[name]
        return f"{figure.caption} {figure.alt}"

    text = re.sub(r"```.*?```|\$\$.*?\$\$|\$.*?\$", "", PROSE, flags=re.DOTALL)
    text = re.sub(r"\{\{<.*?>\}\}", "", text)
    text = re.sub(r"::: \{#(fig|lst)-(\S+) \.bookfigs\}", shown, text)
    return re.sub(r"\{[#.][^}]*\}|@[\w-]+", "", text)


def test_an_abbreviation_is_expanded_where_it_first_appears() -> None:
    text = wording().partition("\n")[2]
    before: dict[str, str] = {}
    for found in re.finditer(r"\b[A-Z]{2,}(?=s?\b)", text):
        before.setdefault(found[0], text[: found.end() + 1])
    assert {"RNN", "CPU", "GPU", "FFT", "LRU", "GRU", "MLP", "SSM"} < before.keys()
    machines = {
        record.device.name for slug in BOOK.figures() for record in evidence(slug)
    }
    for short in before.keys() - set(" ".join(machines).replace(",", "").split()):
        expanded, _, mark = before[short].rpartition(" ")
        assert mark == f"({short})", before[short][-80:]
        letters = r"[\w\s-]*".join(short)
        assert re.search(rf"\b{letters}\w*$", expanded, re.IGNORECASE), expanded[-80:]


def test_the_wording_is_that_of_the_book() -> None:
    text = wording()
    assert gates.CONTRACTED.findall(text) == []
    assert gates.CAPITAL.findall(text) == []
    assert "%" not in text


def test_headings_are_in_the_case_of_their_level_and_followed_by_prose() -> None:
    headings = re.findall(r"^(#+) (.+?)(?: \{.*)?\n\n(?=(.))", PROSE, re.MULTILINE)
    assert len(headings) == len(re.findall(r"^#+ ", PROSE, re.MULTILINE)) > 5
    small = {"a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to"}
    for marks, title, follows in headings:
        assert follows != "#", title
        first, *others = title.split()
        assert first[0].isupper(), title
        for word in others:
            if len(marks) <= 2:
                assert word in small or word[0].isupper(), title
            else:
                assert word.islower() or word.rstrip("s").isupper(), title


def test_every_citation_is_in_the_bibliography() -> None:
    keys = set(re.findall(r"@([a-z]+\d{4})", PROSE))
    bibliography = (BOOK.folder / "references.bib").read_text()
    entries = set(re.findall(r"^@\w+\{(\w+),", bibliography, re.MULTILINE))
    assert keys == entries
    for year, block in re.findall(
        r"^@\w+\{[a-z]+(\d{4}),(.*?)^\}", bibliography, re.MULTILINE | re.DOTALL
    ):
        assert re.search(rf"year\s+= \{{{year}\}}", block)


def test_evidence_names_the_commit_that_it_was_measured_at() -> None:
    for slug in BOOK.figures():
        for record in evidence(slug):
            assert re.fullmatch(r"[0-9a-f]{40}", record.provenance.commit)
            assert not record.provenance.dirty


def test_generated_pictures_exist_in_every_format() -> None:
    folder = BOOK.generated / "figures"
    expected = {f"{slug}.{kind}" for slug in BOOK.figures() for kind in PICTURES}
    assert {path.name for path in folder.iterdir()} == expected


def test_generated_folder_holds_nothing_but_what_the_manifest_names() -> None:
    files = {p for p in BOOK.generated.rglob("*") if p.is_file()}
    named = {BOOK.manifest}
    named |= {BOOK.generated / i.path for f in manifest().figures.values()
              for i in f.files.values()}  # fmt: skip
    named |= {BOOK.generated / "listings" / f"{slug}.py" for slug in BOOK.listings()}
    assert {Path(p) for p in files} == named
