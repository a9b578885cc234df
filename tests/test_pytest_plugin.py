"""The pytest plugin: what it collects, what fails and how, and whom it leaves alone."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bookfigs.book import Book
from bookfigs.check import examine
from bookfigs.errors import BookfigsError
from bookfigs.figure import load
from bookfigs.parts import survey
from paged import add_page, run_pytest, surroundings
from smallbook import FIGURE, ROOT

DOUBLE = "chapters/growth/figures/double_growth.py"
SQUARE = "chapters/growth/figures/square_growth.py"
DOUBLING = "chapters/growth/listings/doubling.toml"
WHOLE = "chapters/_quarto.yml::book chapters"
PAGE = "chapters/growth/growth.qmd::page growth"
OF_DOUBLE = [f"{DOUBLE}::figure double_growth", f"{DOUBLE}::claim grows"]
OF_SQUARE = [f"{SQUARE}::figure square_growth", f"{SQUARE}::claim grows"]
ALL = [WHOLE, PAGE, *OF_DOUBLE, *OF_SQUARE, f"{DOUBLING}::listing doubling"]
"""Everything that there is to collect."""


@pytest.fixture
def paged(published: Book) -> Book:
    """A finished small book with a page."""
    add_page(published)
    return published


def collected(printed: str) -> list[str]:
    """The ids that ``--collect-only -q`` prints."""
    return [line for line in printed.splitlines() if "::" in line]


def failed(printed: str) -> set[str]:
    """The ids that the short summary says have failed."""
    lines = [line for line in printed.splitlines() if line.startswith("FAILED ")]
    whole = [line.removeprefix("FAILED ").partition(" - ")[0] for line in lines]
    return {id_ for id_ in whole if "chapters/other/" not in id_}


def test_a_book_is_collected_with_readable_ids(paged: Book) -> None:
    done = run_pytest(paged.root, "chapters", "--collect-only", "-q")
    assert (done.returncode, sorted(collected(done.stdout))) == (0, sorted(ALL))


def test_parts_of_a_finished_book_pass(paged: Book) -> None:
    done = run_pytest(paged.root, "chapters")
    assert done.returncode == 0, done.stdout
    assert f"{len(ALL)} passed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["chapters", "-k", "claim and double"], [OF_DOUBLE[1]]),
        (["chapters", "-m", "bookfigs(kind='listing')"], [ALL[-1]]),
        (["chapters", "-m", "bookfigs(name='square_growth.grows')"], [OF_SQUARE[1]]),
        (["chapters", "-m", "not bookfigs"], []),
        ([OF_DOUBLE[1]], [OF_DOUBLE[1]]),
        ([DOUBLE], OF_DOUBLE),
        (["chapters/growth/figures"], [*OF_DOUBLE, *OF_SQUARE]),
        (["chapters", "-p", "no:bookfigs"], []),
        (["chapters", "-o", "bookfigs_collect="], []),
        (["chapters", "-o", "bookfigs_collect=claim"], [OF_DOUBLE[1], OF_SQUARE[1]]),
    ],
)
def test_options_choose_what_is_collected(
    paged: Book, arguments: list[str], chosen: list[str]
) -> None:
    done = run_pytest(paged.root, *arguments, "--collect-only", "-q")
    assert done.returncode == (0 if chosen else 5), done.stdout + done.stderr
    assert sorted(collected(done.stdout)) == sorted(chosen)


def test_a_part_that_nobody_knows_is_refused(paged: Book) -> None:
    done = run_pytest(paged.root, "-o", "bookfigs_collect=claim verse")
    assert done.returncode == 4
    assert "bookfigs_collect knows book, figure, claim, listing, page; not verse" in (
        done.stderr
    )


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def wrong_claim(book: Book) -> None:
    edit(book.root / DOUBLE, "low=0.9, high=2.1", "low=1.5, high=2.1")


def other_code(book: Book) -> None:
    edit(book.root / "helpers.py", "2 * n", "3 * n")


def broken_figure(book: Book) -> None:
    (book.root / DOUBLE).write_text("CLAIMS = (")


def failing_figure(book: Book) -> None:
    edit(book.root / DOUBLE, "SIZE = (3, 2)", "SIZE = (3, 2)\nraise SystemExit(3)")


def no_manifest(book: Book) -> None:
    book.manifest.unlink()


def later_manifest(book: Book) -> None:
    edit(book.manifest, '"schema": 1', '"schema": 99')


def no_record(book: Book) -> None:
    (record,) = book.evidence("double_growth")
    record.write_bytes(b"\xff{")


def lost_record(book: Book) -> None:
    (record,) = book.evidence("double_growth")
    record.unlink()


def other_picture(book: Book) -> None:
    (book.generated / "figures" / "double_growth.png").write_bytes(b"\x89PNG")


def no_picture(book: Book) -> None:
    (book.generated / "figures" / "double_growth.svg").unlink()


def other_lines(book: Book) -> None:
    (book.generated / "listings" / "doubling.py").write_text("def double(n): ...\n")


def broken_listing(book: Book) -> None:
    (book.root / DOUBLING).write_text(
        'symbol = "helpers:triple"\ncaption = "**A**: b."'
    )


def orphan(book: Book) -> None:
    (book.generated / "figures" / "gone.png").write_bytes(b"")


def typed_number(book: Book) -> None:
    edit(book.folder / "growth" / "growth.qmd", "It ends at", "After 77 it ends at")


def failing_code(book: Book) -> None:
    page = book.folder / "growth" / "growth.qmd"
    page.write_text(f"{page.read_text()}\n```python\n1 / 0\n```\n")


def no_filter(book: Book) -> None:
    (book.folder / "_quarto.yml").write_text("project:\n  type: book\n")


def one_slug_twice(book: Book) -> None:
    other = book.folder / "other" / "figures"
    other.mkdir(parents=True)
    (other / "double_growth.py").write_text(FIGURE.format(helper="double"))


Fault = Callable[[Book], None]
FAULTS: list[tuple[Fault, list[str], str]] = [
    (wrong_claim, OF_DOUBLE, "exponent 1.00, expected 1.50 to 2.10"),
    (wrong_claim, OF_DOUBLE, "  run: bookfigs why double_growth"),
    (other_code, [*OF_DOUBLE, ALL[-1]], "is of other code: helpers.double changed"),
    (broken_figure, OF_DOUBLE, "double_growth.py:1: does not parse"),
    (failing_figure, OF_DOUBLE, "fails when imported: SystemExit: 3"),
    (no_manifest, [WHOLE, PAGE, *OF_DOUBLE[:1], *OF_SQUARE[:1], ALL[-1]],
     "manifest.json: there is none\n  run: bookfigs figures"),
    (later_manifest, ALL, "manifest.json"),
    (no_record, OF_DOUBLE, "evidence/double_growth/"),
    (lost_record, OF_DOUBLE, "nothing is published for it"),
    (other_picture, OF_DOUBLE[:1], "figures/double_growth.png was changed"),
    (no_picture, OF_DOUBLE[:1], "figures/double_growth.svg is missing"),
    (other_lines, ALL[-1:], "the printed listing is not its source"),
    (broken_listing, ALL[-1:], "  available: "),
    (orphan, [WHOLE], "gone.png: no figure or listing declares it"),
    (typed_number, [PAGE], "growth.qmd:3:7: unsourced-number"),
    (failing_code, [PAGE], "execution-failed: "),
    (no_filter, [WHOLE], "_quarto.yml:"),
    (one_slug_twice, ALL, "the slug 'double_growth' is taken by"),
]  # fmt: skip
"""What is done to a book, what fails then, and what is said."""


@pytest.mark.parametrize(
    ("fault", "ids", "said"), FAULTS, ids=[fault.__name__ for fault, *_ in FAULTS]
)
def test_a_fault_fails_its_part_with_a_message_and_no_traceback(
    paged: Book, fault: Fault, ids: list[str], said: str
) -> None:
    fault(paged)
    done = run_pytest(paged.root, "chapters")
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    assert failed(done.stdout) >= set(ids)
    assert failed(done.stdout) - set(ids) <= ({PAGE} if fault is not orphan else set())


def damaged(book: Book) -> None:
    """Several faults at once."""
    for fault in (wrong_claim, other_picture, other_lines, orphan):
        fault(book)
    (record,) = book.evidence("square_growth")
    record.write_text("{}")


@pytest.mark.parametrize("fault", [*(fault for fault, *_ in FAULTS), damaged])
def test_the_parts_say_all_that_a_check_says(paged: Book, fault: Fault) -> None:
    fault(paged)

    def said(ask: Callable[[], list[BookfigsError]]) -> set[str]:
        try:
            return {error.message() for error in ask()}
        except BookfigsError as error:
            return {error.message()}

    whole = said(lambda: examine(paged, "test")[0])
    parts = said(lambda: [e for part in survey(paged) for e in part.errors])
    assert whole <= parts
    assert bool(whole) == bool(parts)


def test_workers_of_xdist_collect_and_report_the_same(paged: Book) -> None:
    other_picture(paged)
    done = run_pytest(paged.root, "chapters", "--numprocesses", "2")
    assert failed(done.stdout) == {OF_DOUBLE[0]}
    assert f"1 failed, {len(ALL) - 1} passed" in done.stdout
    assert "double_growth.png was changed" in done.stdout


def test_junit_has_message_place_and_statistic(paged: Book, tmp_path: Path) -> None:
    wrong_claim(paged)
    report = tmp_path / "report.xml"
    run_pytest(paged.root, "chapters", f"--junit-xml={report}")
    tree = ET.parse(report)  # noqa: S314 - pytest wrote it
    cases = {(c.get("classname"), c.get("name")): c for c in tree.iter("testcase")}
    assert len(cases) == len(ALL)
    case = cases["chapters.growth.figures.double_growth", "claim grows"]
    (failure,) = case.iter("failure")
    assert "double_growth.grows: the claim fails: 'It grows.'" in (failure.text or "")
    (held,) = case.iter("property")
    assert str(held.get("value")).startswith("fails: exponent 1.00; expected 1.50 to")


def test_a_failure_points_at_the_line_of_the_claim(paged: Book) -> None:
    wrong_claim(paged)
    lines = (paged.root / DOUBLE).read_text().splitlines()
    (line,) = [n for n, text in enumerate(lines, 1) if '"grows": Claim' in text]
    done = run_pytest(paged.root, OF_DOUBLE[1], "--tb=line")
    assert f"double_growth.py:{line}: Failed: bookfigs: double_growth.grows" in (
        done.stdout
    )


def test_a_claim_that_nothing_bears_on_is_skipped_with_the_reason(
    paged: Book,
) -> None:
    edit(paged.root / DOUBLE, "high=2.1", 'high=2.1, devices=("cuda",)')
    done = run_pytest(paged.root, OF_DOUBLE[1], "-rs")
    assert "1 skipped" in done.stdout, done.stdout
    assert "is about no device of its evidence" in done.stdout


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ('CLAIMS = {**CLAIMS, "also": CLAIMS["grows"]}', {"grows"}),
        ('CLAIMS |= {f"{n}th": CLAIMS["grows"] for n in (4, 5)}', {"grows"}),
    ],
)
def test_claims_that_are_computed_are_those_of_the_manifest(
    paged: Book, more: str, names: set[str]
) -> None:
    edit(paged.root / DOUBLE, "SIZE = (3, 2)", f"{more}\nSIZE = (3, 2)")
    done = run_pytest(paged.root, DOUBLE, "--collect-only", "-q")
    assert set(re.findall(r"::claim (\w+)", done.stdout)) == names


TESTS = """
import helpers


def test_one():
    assert helpers.MINE
"""


def add_tests(book: Book) -> None:
    """Ordinary tests with a module that is called like one of the book."""
    folder = book.root / "tests"
    folder.mkdir()
    (folder / "helpers.py").write_text("MINE = True\n")
    (folder / "test_own.py").write_text(TESTS)


LOUD = """import warnings

SIZE = (warnings.warn("loud") or 3, 2)"""


def test_testpaths_decide_what_plain_pytest_collects(paged: Book) -> None:
    add_tests(paged)
    (paged.root / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    assert "1 passed" in run_pytest(paged.root).stdout
    (paged.root / "pytest.ini").write_text("[pytest]\ntestpaths = tests chapters\n")
    assert f"{len(ALL) + 1} passed" in run_pytest(paged.root).stdout


def test_modules_and_warnings_of_tests_do_not_reach_the_book(paged: Book) -> None:
    add_tests(paged)
    edit(paged.root / DOUBLE, "SIZE = (3, 2)", LOUD)
    other_picture(paged)  # so that the figure is loaded
    done = run_pytest(paged.root, "tests", "chapters")
    assert failed(done.stdout) == {OF_DOUBLE[0]}


IMPORTED = """
import sys
import pytest

pytest.main(sys.argv[1:])
heavy = {"torch", "numpy", "matplotlib", "scipy", "msgspec", "click", "yaml"}
print(sorted(heavy & sys.modules.keys()))
print(sorted(name for name in sys.modules if name.startswith("bookfigs")))
"""
LIGHT = ["bookfigs"] + [
    f"bookfigs.{name}" for name in ("asking", "declared", "places", "pytest_plugin")
]


@pytest.mark.parametrize("place", ["tests", "chapters"])
def test_nothing_heavy_is_imported_for_tests_or_for_a_book(
    paged: Book, place: str
) -> None:
    add_tests(paged)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, "-q", "-p", "no:cacheprovider", place],
        cwd=paged.root,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert (lines[-2], lines[-1]) == ("[]", str(LIGHT))


def test_a_quarto_project_without_bookfigs_is_left_alone(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "posts" / "figures").mkdir(parents=True)
    (site / "_quarto.yml").write_text("project:\n  type: website\n")
    (site / "posts" / "one.qmd").write_text("It has 12 parts, and 13.\n")
    (site / "posts" / "figures" / "plot.py").write_text("raise SystemExit(1)\n")
    done = run_pytest(site, ".", "--collect-only", "-q")
    assert (done.returncode, collected(done.stdout)) == (5, [])


def test_a_figure_file_that_is_named_is_not_imported(paged: Book) -> None:
    edit(paged.root / DOUBLE, "SIZE", 'open("/dev/full", "w").write("x" * 9999)\nSIZE')
    done = run_pytest(paged.root, DOUBLE, "--collect-only", "-q")
    assert (done.returncode, collected(done.stdout)) == (0, OF_DOUBLE)


def test_listings_that_were_written_for_pages_are_no_tests(paged: Book) -> None:
    written = paged.generated / "listings" / "test_lines.py"
    written.write_text("def test_nothing(): assert False\n")
    done = run_pytest(paged.root, "chapters", "--collect-only", "-q")
    assert sorted(collected(done.stdout)) == sorted(ALL)


def test_python_that_a_page_shows_is_run(paged: Book) -> None:
    page = paged.folder / "growth" / "growth.qmd"
    page.write_text(f"{page.read_text()}\n```python\nprint(1)\n```\n")
    assert run_pytest(paged.root, PAGE).returncode == 0


def test_a_baseline_accepts_what_lint_finds(paged: Book) -> None:
    typed_number(paged)
    book = ["--book", str(paged.folder)]
    known = ["lint", "--baseline", "known.json", "--update-baseline"]
    subprocess.run(
        [sys.executable, "-m", "bookfigs", *book, *known],
        cwd=paged.root,
        env=surroundings(),
        check=True,
    )
    assert failed(run_pytest(paged.root, "chapters").stdout) == {PAGE}
    accepting = ["-o", "bookfigs_baseline=known.json"]
    assert run_pytest(paged.root, "chapters", *accepting).returncode == 0


def test_redraw_notices_a_picture_that_a_clumsy_forger_sealed(paged: Book) -> None:
    from msgspec import structs

    from bookfigs.canonical import to_json
    from bookfigs.entry import File
    from bookfigs.manifest import file_entry, read_manifest

    other_picture(paged)
    manifest = read_manifest(paged)
    assert manifest is not None
    entry = manifest.figures["double_growth"]
    png: File = file_entry(paged, paged.generated / "figures" / "double_growth.png")
    forged = structs.replace(entry, images={**entry.images, "png": png})
    figures = {**manifest.figures, "double_growth": forged}
    sealed = structs.replace(manifest, figures=figures).sealed()
    paged.manifest.write_bytes(to_json(sealed))
    done = run_pytest(paged.root, DOUBLE, "--redraw")
    assert failed(done.stdout) == {OF_DOUBLE[0]}
    assert "double_growth.png: is not what its evidence draws" in done.stdout


def test_replicate_measures_each_figure_again(paged: Book) -> None:
    replicated = f"{DOUBLE}::replicate double_growth"
    done = run_pytest(paged.root, DOUBLE, "--replicate", "-rA")
    assert done.returncode == 0, done.stdout
    assert f"PASSED {replicated}" in done.stdout
    assert "4 rows measured on" in done.stdout
    other_code(paged)
    arguments = [replicated, "--replicate-quick", "--replicate-device", "cpu"]
    done = run_pytest(paged.root, *arguments)
    assert done.returncode == 1
    assert "result at n=1: 3 here, 2 in the evidence" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_command_that_dies_is_a_message(paged: Book) -> None:
    edit(paged.root / DOUBLE, "SIZE", "import os\nos._exit(9)\nSIZE")
    done = run_pytest(paged.root, OF_DOUBLE[0])
    assert done.returncode == 1
    assert "check: ended with status 9" in done.stdout
    assert "run: bookfigs check" in done.stdout


def test_every_claim_figure_and_listing_of_this_project_is_collected() -> None:
    book = Book(ROOT / "chapters")
    arguments = ["-m", "pytest", "--collect-only", "-q", "chapters"]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {f"listing {slug}" for slug in book.listings()}
    for slug, path in book.figures().items():
        claims = load(slug, path, book.root).claims
        expected |= {f"figure {slug}", *(f"claim {name}" for name in claims)}
    names = {line.partition("::")[2] for line in collected(done.stdout)}
    assert {n for n in names if not n.startswith(("page ", "book "))} == expected
    assert "page rnn_training" in names


def test_plain_pytest_collects_the_book_of_this_project() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    assert options["ini_options"]["testpaths"] == ["tests", "chapters"]
    command = "$(RUN) pytest --numprocesses $(WORKERS) --dist worksteal\n"
    assert command in (ROOT / "Makefile").read_text()
