"""A pytest plugin: the parts of a book as tests, with pytest's own options and reports.

``pytest chapters`` collects the claims and figures of each figure file, the listings,
the pages and the book itself; ``-k``, ``-m "bookfigs(kind='claim')"`` or the id of one,
``chapters/growth/figures/size.py::claim grows``, chooses among them.

=====================  ========================================================
``figure NAME``        is its evidence of this code? pictures, words and numbers?
``claim NAME``         does it hold in the evidence?
``listing NAME``       are its lines proven, and printed as they are?
``page NAME``          does ``lint --execute`` find an error?
``book NAME``          is the manifest whole? does something lie there for nothing?
``replicate NAME``     with ``--replicate``: does the figure come out alike, here?
=====================  ========================================================

Nothing of a book runs in the process of the tests, which its modules could disturb and
be disturbed by: ``bookfigs check`` is asked once for each book, ``bookfigs lint`` for
each page, in processes of their own. To collect, files are only read.
"""

import fnmatch
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bookfigs.asking import Answers, Part
from bookfigs.declared import GENERATED, Books, Sort, sort_of

KINDS = ("book", "figure", "claim", "listing", "page")
COLLECT, BASELINE = "bookfigs_collect", "bookfigs_baseline"
MARKER = "bookfigs(kind, name): a part of a book; kinds: {}, replicate"
BOOKS = pytest.StashKey[Books]()
ANSWERS = pytest.StashKey[Answers]()

Found = list[pytest.Collector]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("bookfigs", "books of bookfigs")
    group.addoption(
        "--replicate",
        action="store_true",
        help="also measure each figure again, here, as `bookfigs replicate` does",
    )
    group.addoption(
        "--replicate-quick",
        action="store_true",
        help="the same with a few points of each figure",
    )
    group.addoption(
        "--replicate-device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="where to measure",
    )
    group.addoption(
        "--redraw",
        action="store_true",
        help="draw figures and run programs of listings again, and compare",
    )
    said = "parts of a book to collect, none to switch it off; default: all of "
    parser.addini(COLLECT, said + " ".join(KINDS), type="args", default=list(KINDS))
    parser.addini(BASELINE, "findings of `bookfigs lint` to accept", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and have a place for what is found."""
    config.addinivalue_line("markers", MARKER.format(", ".join(KINDS)))
    if unknown := set(config.getini(COLLECT)) - set(KINDS):
        said = f"{COLLECT} knows {', '.join(KINDS)}; not {', '.join(sorted(unknown))}"
        raise pytest.UsageError(said)
    baseline = config.getini(BASELINE)
    config.stash[BOOKS] = Books()
    config.stash[ANSWERS] = Answers(
        config.rootpath,
        redraw=config.getoption("redraw"),
        baseline=(config.inipath or config.rootpath).parent / baseline
        if baseline
        else None,
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What bookfigs wrote for the pages of a book is no test."""
    if collection_path.name != GENERATED or not config.getini(COLLECT):
        return None
    manifest = collection_path / "manifest.json"
    return True if manifest.is_file() else None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, Found, Found]:
    """Collect a file of a book, and leave every other alone."""
    found = yield
    sort = sort_of(file_path)
    if sort is None or not parent.config.getini(COLLECT):
        return found
    folder = parent.config.stash[BOOKS].around(file_path, sort)
    if folder is None:
        return found
    if sort == "figure" and not _is_test_file(file_path, parent.config):
        # pytest takes a file that is named for a module of tests, and would import it
        found = [one for one in found if not isinstance(one, pytest.Module)]
    own = BookFile.from_parent(parent, path=file_path, sort=sort, folder=folder)
    return [*found, own]


def _is_test_file(path: Path, config: pytest.Config) -> bool:
    """Whether the project says that such a file has tests."""
    return any(fnmatch.fnmatch(path.name, p) for p in config.getini("python_files"))


class BookFile(pytest.File):
    """A file of a book, with the parts that it declares."""

    def __init__(self, *, sort: Sort, folder: Path, **about: Any) -> None:  # noqa: ANN401 - pytest's own
        super().__init__(**about)
        self.sort = sort
        self.folder = folder

    def collect(self) -> Iterator[pytest.Item]:
        """The parts whose kind is asked for."""
        kinds = self.config.getini(COLLECT)
        name = self.path.parent.name if self.sort == "book" else self.path.stem
        if self.sort in kinds:
            yield self._item(self.sort, name, name)
        if self.sort != "figure":
            return
        if "claim" in kinds:
            claims = self.config.stash[BOOKS].claims(self.folder, self.path)
            for claim, line in claims.items():
                yield self._item("claim", claim, f"{name}.{claim}", line)
        options = self.config.option
        if options.replicate or options.replicate_quick:
            yield self._item("replicate", name, name)

    def _item(self, kind: str, name: str, part: str, line: int = 1) -> "BookItem":
        about = Part(self.folder, self.path, kind, part)
        return BookItem.from_parent(self, name=f"{kind} {name}", part=about, line=line)


class BookItem(pytest.Item):
    """A part of a book: right, or not and why."""

    def __init__(self, *, part: Part, line: int, **about: Any) -> None:  # noqa: ANN401 - pytest's own
        super().__init__(**about)
        self.part = part
        self.line = line
        self.add_marker(pytest.mark.bookfigs(kind=part.kind, name=part.name))

    def runtest(self) -> None:
        """Ask what is wrong with the part."""
        answers, options = self.config.stash[ANSWERS], self.config.option
        if self.part.kind == "replicate":
            quick, device = options.replicate_quick, options.replicate_device
            answer = answers.replicated(self.part, device, quick=quick)
        else:
            answer = answers.of(self.part)
        self.user_properties += answer.properties
        if answer.said:
            self.add_report_section("call", "bookfigs", answer.said)
        if answer.wrong:
            pytest.fail("\n".join(answer.wrong), pytrace=False)
        if answer.idle:
            pytest.skip(answer.idle)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]  # noqa: ANN401 - pytest's own
        """The messages alone, at the place in the book."""
        shown = super().repr_failure(excinfo)
        crash = getattr(shown, "reprcrash", None)
        if crash is not None and isinstance(excinfo.value, pytest.fail.Exception):
            crash.path, crash.lineno = str(self.path), self.line
        return shown

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the part is declared."""
        return self.path, self.line - 1, self.name
