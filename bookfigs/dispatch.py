"""Dispatch: a run whose points are measured on a cluster, and whose records are here.

What is stale, the journal, the records and the messages are those of a run on
this machine; device, commit, versions and system are those of the workers.
"""

import os
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bookfigs.cluster import Cluster
from bookfigs.desk import Desk
from bookfigs.errors import BookfigsError
from bookfigs.journal import Journal, follows_from
from bookfigs.plan import FigureState
from bookfigs.point import Job
from bookfigs.process import Crew
from bookfigs.runner import Runner, Work


@dataclass(frozen=True)
class ClusterRunner(Runner):
    """Measures on a cluster what a Runner measures here."""

    cluster: Cluster
    most: int | None = None
    """How many points that count one worker measures at once, if it has threads."""

    def works(
        self,
        states: Mapping[str, FigureState],
        *,
        jobs: int,  # noqa: ARG002 - of this machine; workers have their own
        force: bool,
    ) -> list[Work]:
        """Make ready to measure, in the circumstances of the workers."""
        site = self.cluster.site
        slots = max((hand.slots for hand in self.cluster.hands()), default=1)
        threads = max(1, site.device.cores // min(slots, self.most or slots))
        works = []
        for slug, state in states.items():
            code = state.source.measured_by
            follows = follows_from(code, site.device, site.versions)
            journal = Journal(self.book, slug, site.device.slug, follows)
            if force:
                journal.forget()
            works.append(Work(state, journal, 0.0, False, threads, site))  # noqa: FBT003
        return works

    def measure(self, works: list[Work], *, jobs: int) -> Generator[Work, None, None]:
        """Measure figures; each is handed over as soon as all of it was tried.

        Nothing is raised for a figure that fails: it says so itself. After leaving
        early, workers end the points that they have begun, for nobody.
        """
        for address, why in self.cluster.unused().items():
            self.reporter.done("the cluster", f"{address} is not used: {why}")
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(self._read, works))
        yield from Desk(self, self.cluster, self.most).measure(works)

    def _read(self, work: Work) -> None:
        """Find out, here, which points there are; workers refuse other ones."""
        path = work.state.source.path
        job = Job(work.slug, str(path), str(self.book.root), self.device, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)  # instead of the machine
        try:
            with Crew() as crew, crew.start(job, nothing) as worker:
                self._begin(work, worker.shape())
        except BookfigsError as error:
            work.broken = error
        finally:
            os.close(nothing)
