"""A small book, made for each test that needs one."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from bookfigs.book import Book
from smallbook import Run, bookfigs, commit, make_book

# No test asserts a time; every run tries the same examples, so that a failure is of
# the change it is seen on. `pytest --hypothesis-profile search` looks for new ones.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="session")
def own_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let tests neither wait for runs outside of them nor hold any up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOKFIGS_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(autouse=True, scope="session")
def own_share_of_cores() -> None:
    """Let workers of xdist share the cores.

    The threads of several would wait for each other, and wait by spinning.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    torch.set_num_threads(max(1, torch.get_num_threads() // workers))


@pytest.fixture(autouse=True, scope="session")
def heeds_interrupts() -> Iterator[None]:
    """Let programs that tests start heed Ctrl-C, even if who runs the tests does not.

    A shell's background jobs ignore it, and hand that on to what they start.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A small book that was not built yet."""
    return make_book(tmp_path / "small")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A small book, measured, published, drawn and committed; made once."""
    book = make_book(tmp_path_factory.mktemp("template") / "small")
    for arguments in (["figures"], ["publish", *book.figures()], ["figures"]):
        done = bookfigs(book, *arguments)
        assert done.returncode == 0, done.stderr
    commit(book.root)
    return book


@pytest.fixture
def published(book: Book, template: Book) -> Book:
    """A copy of the finished small book, to be tampered with."""
    shutil.rmtree(book.root)
    shutil.copytree(template.root, book.root)
    return book


@pytest.fixture
def run(book: Book) -> Run:
    """Run the command line on the small book, in a process of its own."""
    return lambda *arguments, **options: bookfigs(book, *arguments, **options)
