"""Execution: the blocks of Python in pages, run as they stand, and remembered.

The blocks of one page share a namespace, in their order. A page whose blocks ran is
not run again until they, what they reach of the project, the files of it that they
read, or the installed packages change. What failed is never remembered.
"""

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import msgspec
from msgspec import structs

from bookfigs.book import Book
from bookfigs.cache import Cache
from bookfigs.canonical import digest
from bookfigs.closure import Project
from bookfigs.lint.finding import Context, Hit
from bookfigs.lint.passages import Outcome, Task, hits, read_task, run_task
from bookfigs.listings.child import INTERRUPTED
from bookfigs.prose.blocks import Fence
from bookfigs.prose.document import Page
from bookfigs.settled import state
from bookfigs.uses import uses

SECONDS = 60.0
"""So long may the blocks of a page take together."""

FOLDER = "lint"
"""Below what the book keeps of this machine: what ran."""


class Execution:
    """Which blocks of some pages ran as they stand, and what failed."""

    def __init__(self, book: Book, pages: Iterable[Page]) -> None:
        self._root = book.root
        self._tasks = {page.path: read_task(page) for page in pages}
        self._outcomes: dict[Path, Outcome] = {}
        some = any(task.blocks for task in self._tasks.values())
        self._cache = Cache(book.local / FOLDER, by_state=True) if some else Cache()
        self._project = Project(book.root, self._cache)
        for path, task in self._tasks.items():
            known = self._recalled(task) if task.blocks else Outcome()
            if known is not None:
                self._outcomes[path] = known

    @property
    def left(self) -> list[Task]:
        """Pages with blocks of which nothing says that they ran as they stand."""
        return [t for path, t in self._tasks.items() if path not in self._outcomes]

    def run(self, tell: Callable[[str], None], *, jobs: int, seconds: float) -> None:
        """Run what is left, as many pages at once as ``jobs``.

        ``tell`` is told of each. An interruption ends every process.
        Raises: EnvironmentMissingError if no process can be started.
        Cost: that of the blocks, and of starting Python once for each page.
        """
        waiting = self.left
        running: dict[Future[Outcome], tuple[Task, str]] = {}
        pool = ThreadPoolExecutor(jobs)
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    task = waiting.pop(0)
                    tell(_said(task))
                    begun = task, self._key(task)
                    running[pool.submit(run_task, self._root, task, seconds)] = begun
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    self._conclude(*running.pop(future), future.result())
        except BaseException:
            INTERRUPTED.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            INTERRUPTED.clear()
        self._cache.save()

    def complete(self, context: Context) -> Context:
        """What the rules look at, with what is known of the blocks."""
        return replace(context, is_executed=self._is_executed, failures=self._failures)

    def _is_executed(self, page: Page, fence: Fence) -> bool:
        ran = page.path in self._outcomes
        return ran and fence in self._tasks[page.path].fences

    def _failures(self, page: Page) -> list[Hit] | None:
        outcome = self._outcomes.get(page.path)
        return None if outcome is None else hits(self._tasks[page.path], outcome)

    def _recalled(self, task: Task) -> Outcome | None:
        """What came of a page that ran as it stands; None if that is not known."""
        kept = self._cache.verdict(str(task.page.path), self._key(task))
        try:
            outcome = msgspec.json.decode(kept or "", type=Outcome)
        except msgspec.MsgspecError:
            return None
        same = all(self._cache.digest(n) == old for n, old in outcome.files.items())
        return outcome if same else None

    def _conclude(self, task: Task, key: str, outcome: Outcome) -> None:
        """Take in what came of a page; remember it if nothing failed that may not."""
        self._outcomes[task.page.path] = outcome
        if task.is_sound(outcome):
            reached = {name.rpartition(".")[0] for name in self._uses(task)}
            told = [n for n in outcome.files if self._module(n) not in reached]
            files = {name: self._cache.digest(name) for name in told}
            kept = msgspec.json.encode(structs.replace(outcome, files=files))
            self._cache.keep_verdict(str(task.page.path), key, kept.decode())

    def _key(self, task: Task) -> str:
        """Another one if the blocks, what they reach, or the packages change."""
        reached = [f"{name}={value}" for name, value in self._uses(task).items()]
        texts = [f"{block.may_fail} {block.text}" for block in task.blocks]
        return digest(_environment(), *texts, *reached)

    def _uses(self, task: Task) -> dict[str, str]:
        return uses(self._project, [block.text for block in task.blocks])

    def _module(self, name: str) -> str:
        """The module whose source a file is; empty for other files."""
        return self._project.name(Path(name)) if name.endswith(".py") else ""


def _said(task: Task) -> str:
    count = len(task.blocks)
    return f"{task.page.name}: running {count} block{'s' * (count != 1)} of Python"


def _environment() -> str:
    """Python, and the state of the folders that packages are installed in."""
    packages = [state(path) for path in sys.path if path.endswith("-packages")]
    return repr((sys.version, packages))
