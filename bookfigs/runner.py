"""The runner: in which order figures are measured, and beside what.

Figures that take no times are measured side by side, each in a process of its own;
where fewer are left than may run at once, several processes share the points of one.
Figures that take times follow, one at a time, with the machine to themselves. A
point for which memory did not suffice beside others is tried once more alone;
only then is it a gap.
"""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Protocol

from bookfigs import machine
from bookfigs.book import Book
from bookfigs.errors import BookfigsError, FigureError
from bookfigs.journal import SCHEMA, Entry, Journal, follows_from
from bookfigs.plan import FigureState
from bookfigs.point import Job, PointResult, Shape, Site
from bookfigs.process import Crew, StoppedError
from bookfigs.provenance import changed_files, cores, versions
from bookfigs.record import Device


class Reporter(Protocol):
    """Who is told how far the work is."""

    def progress(self, slug: str, done: int, total: int) -> None:
        """So many of a figure's points are measured."""

    def done(self, slug: str, what: str) -> None:
        """Something was done with a figure or listing."""


@dataclass
class Work:
    """One figure on its way from the plan to a record."""

    state: FigureState
    journal: Journal
    load: float
    """Load average before the run."""
    dirty: bool
    """Whether the working tree differed from the commit before the run."""
    threads: int
    origin: Site | None = None
    """Where it is measured, if not here."""
    shape: Shape | None = None
    asked: frozenset[int] | None = None
    """Points that are to be measured; all of them if None."""
    entries: dict[int, Entry] = field(default_factory=dict)
    failures: dict[int, BookfigsError] = field(default_factory=dict)
    """What failed, by point."""
    crowded: set[int] = field(default_factory=set)
    """Points whose memory did not suffice beside others."""
    broken: BookfigsError | None = None
    """What failed of the figure as a whole."""
    taken: set[int] = field(default_factory=set)
    """Points that a process measures, or has tried."""
    looked_at: Event = field(default_factory=Event)
    """Set when the first process has told the shape, or failed to."""
    lock: Lock = field(default_factory=Lock)

    @property
    def slug(self) -> str:
        """The figure."""
        return self.state.source.slug

    @property
    def total(self) -> int:
        """How many points it has, as far as is known."""
        return len(self.shape.points) if self.shape else 0

    @property
    def share(self) -> int:
        """How many of them are to be measured, as far as is known."""
        return self.total if self.asked is None else len(self.asked)

    @property
    def open(self) -> list[int]:
        """Points that are neither measured nor given up for now."""
        passed = self.entries.keys() | self.failures.keys() | self.crowded
        asked = range(self.total) if self.asked is None else sorted(self.asked)
        return [index for index in asked if index not in passed]

    def take(self) -> int | None:
        """The next point that nobody measures yet; None if there is none."""
        with self.lock:
            left = [] if self.broken else [i for i in self.open if i not in self.taken]
            self.taken.update(left[:1])
            return left[0] if left else None

    @property
    def is_left(self) -> bool:
        """Whether another process would find something to measure."""
        return self.broken is None and not self.taken.issuperset(self.open)

    @property
    def is_waiting(self) -> bool:
        """Whether something is left that has to be measured alone."""
        return self.broken is None and bool(self.open or self.crowded)


@dataclass(frozen=True)
class Place:
    """Where a worker runs: among whom, and holding the machine how."""

    crew: Crew
    hold: int
    alone: bool


class InTurn:
    """Tells a reporter one thing at a time, whichever thread has to say it."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._lock = Lock()

    def progress(self, slug: str, done: int, total: int) -> None:
        """Pass it on."""
        with self._lock:
            self._reporter.progress(slug, done, total)

    def done(self, slug: str, what: str) -> None:
        """Pass it on."""
        with self._lock:
            self._reporter.done(slug, what)


@dataclass(frozen=True)
class Runner:
    """What all figures of a run have in common."""

    book: Book
    device: Device
    reporter: Reporter
    quick: bool = field(default=False, kw_only=True)
    """Whether figures measure the points that they call QUICK."""

    def works(
        self, states: Mapping[str, FigureState], *, jobs: int, force: bool
    ) -> list[Work]:
        """Make ready to measure; ``force`` gives up what earlier runs have kept."""
        load = os.getloadavg()[0]
        dirty = bool(changed_files(self.book.root))
        threads = max(1, cores() // max(1, jobs))
        found = versions()
        works = []
        for slug, state in states.items():
            follows = follows_from(state.source.measured_by, self.device, found)
            journal = Journal(self.book, slug, self.device.slug, follows)
            if force:
                journal.forget()
            works.append(Work(state, journal, load, dirty, threads))
        return works

    def measure(self, works: list[Work], *, jobs: int) -> Generator[Work, None, None]:
        """Measure figures; each is handed over as soon as all of it was tried.

        Nothing is raised for a figure that fails: it says so itself. Leaving
        early, by an exception or by closing, ends every process.
        Raises: EnvironmentMissingError if the machine cannot be locked.
        """
        waiting = []
        slugs = ", ".join(work.slug for work in works)
        with machine.held(alone=False, waiting=self._teller(slugs)) as hold:
            for work in self._side_by_side(works, jobs, hold):
                if work.is_waiting:
                    waiting.append(work)
                else:
                    yield work
        for work in waiting:
            work.crowded.clear()
            work.taken.clear()
            work.threads = cores()
            with (
                machine.held(alone=True, waiting=self._teller(work.slug)) as hold,
                Crew() as crew,
            ):
                self._advance(work, Place(crew, hold, alone=True))
            yield work

    def _side_by_side(self, works: list[Work], jobs: int, hold: int) -> Iterator[Work]:
        """Measure what may share the machine, in so many processes at a time."""
        with ThreadPoolExecutor(jobs) as pool, Crew() as crew:
            place = Place(crew, hold, alone=False)
            running = {
                pool.submit(self._advance if first else self._help, work, place): work
                for first in (True, *[False] * (jobs - 1))
                for work in works
            }
            left = {work.slug: jobs for work in works}
            for future in as_completed(running):
                future.result()
                work = running[future]
                left[work.slug] -= 1
                if not left[work.slug]:
                    yield work

    def _teller(self, slugs: str) -> Callable[[str], None]:
        return lambda why: self.reporter.done(slugs, why)

    def _advance(self, work: Work, place: Place) -> None:
        """Measure the open points of a figure, as far as they may be here."""
        try:
            while self._in_one_process(work, place) and work.is_left:
                pass
        except BookfigsError as error:
            work.broken = error
        except StoppedError:
            return  # the run is being ended
        finally:
            work.looked_at.set()

    def _help(self, work: Work, place: Place) -> None:
        """Measure open points of a figure beside the process that began with it."""
        work.looked_at.wait()  # whoever began is running: it was submitted before
        if work.shape and not work.shape.is_timed and work.is_left:
            self._advance(work, place)

    def _in_one_process(self, work: Work, place: Place) -> bool:
        """Measure open points; True if a fresh process has to go on."""
        path = work.state.source.path
        root, threads = str(self.book.root), work.threads
        job = Job(work.slug, str(path), root, self.device, threads, self.quick)
        with place.crew.start(job, place.hold) as worker:
            shape = worker.shape()
            if work.shape is None:
                self._begin(work, shape)
            if shape.is_timed and not place.alone:
                return False
            while (index := work.take()) is not None:
                try:
                    result = worker.measure(index, shape.points[index])
                except FigureError as error:
                    work.failures[index] = error
                    return True
                self.keep(work, result, shape, alone=place.alone)
                if result.gap:  # what is left of the memory may be in pieces
                    return True
        return False

    def _begin(self, work: Work, shape: Shape) -> None:
        """See which points are there already; drop what is of no use any more."""
        work.shape = shape
        with self.book.storing(work.journal.folder):
            work.entries = work.journal.prune(shape.points)
        if work.entries:
            kept = f"{len(work.entries)} of {work.total} points are measured already"
            self.reporter.done(work.slug, f"goes on, {kept}")
        self.reporter.progress(work.slug, len(work.entries), work.share)
        work.looked_at.set()

    def keep(
        self, work: Work, result: PointResult, shape: Shape, *, alone: bool
    ) -> None:
        """Keep what came of a point. Raises: StorageError."""
        index = result.index
        if result.failure:
            work.failures[index] = result.failure.error()
            return
        if result.gap and not alone:
            work.crowded.add(index)
            return
        entry = Entry(
            schema=SCHEMA,
            follows=work.journal.follows,
            index=index,
            of=work.total,
            point=shape.points[index],
            columns=result.columns,
            gap=result.gap,
            seconds=result.seconds,
            load=work.load,
            dirty=work.dirty,
            notes=result.notes,
        )
        work.journal.keep(entry)
        work.entries[index] = entry
        self.reporter.progress(work.slug, len(work.entries), work.share)
