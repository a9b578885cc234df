"""The desk: which point is measured on which worker of a cluster, and when.

Each point goes to one worker, which is asked for no more than it can do at once:
so many points that count as it has threads, or one that takes times. Points of
a timed figure all go to one worker, while it lives. What comes back is kept in
the journal here at once. A worker that is lost costs the points that it had
under way: each is measured again elsewhere, at most three times altogether.

On the worker, Dask's resources keep the points of other runs away: of the one
``cpu`` or ``cuda`` that it has, a timed point takes all, any other a fraction.
"""

import time
from asyncio import CancelledError
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import msgspec
from distributed import Future, KilledWorker

from bookfigs.cluster import Cluster, Hand
from bookfigs.errors import BookfigsError, FigureError
from bookfigs.figure import call
from bookfigs.point import Shape
from bookfigs.remote import Reply, Request, named
from bookfigs.runner import Runner, Work

ATTEMPTS = 3
"""How often a point is begun before it is given up: it may be what kills workers."""

RETURN = 30
"""Seconds in which a worker has to come back if none is left."""

FETCH = 10
"""Seconds in which a result has to come from a worker that has it."""

POLL = 0.5
"""Seconds after which workers are looked at again if nothing happens."""


@dataclass(frozen=True)
class Task:
    """One point on its way to a worker and back."""

    work: Work
    index: int
    hand: Hand
    alone: bool


@dataclass
class Desk:
    """What is waiting, what is under way, and who does it."""

    runner: Runner
    cluster: Cluster
    most: int | None
    counted: deque[tuple[Work, int]] = field(default_factory=deque)
    alone: deque[Work] = field(default_factory=deque)
    """Figures that wait for a worker of their own."""
    lanes: dict[str, Work] = field(default_factory=dict)
    """Worker → the figure that has it for itself."""
    running: dict[Future[bytes], Task] = field(default_factory=dict)
    news: SimpleQueue[Future[bytes]] = field(default_factory=SimpleQueue)
    """Told when something has come back."""
    begun: dict[tuple[str, int], int] = field(default_factory=dict)
    """How often each point was begun."""
    seen: float = field(default_factory=time.monotonic)
    """When there was a worker last."""

    def measure(self, works: list[Work]) -> Generator[Work, None, None]:
        """Hand out points and take results until each figure was tried."""
        for work in works:
            if work.broken is None and work.shape and work.shape.is_timed:
                self.alone.append(work)
                work.threads = self.cluster.device.cores
            elif work.broken is None:
                self.counted += [(work, index) for index in work.open]
        left = list(works)
        while left:
            try:
                hands = self.cluster.hands()
                self._require(hands)
                self._miss(hands)
                self._hand_out(hands)
            except BookfigsError as error:
                self._give_up(left, error)
            self._take_in()
            for work in [work for work in left if self._is_done(work)]:
                left.remove(work)
                yield work

    def _require(self, hands: list[Hand]) -> None:
        """Let a while pass without any worker. Raises: EnvironmentMissingError."""
        now = time.monotonic()
        if hands:
            self.seen = now
        elif now - self.seen > RETURN:
            raise self.cluster.lacking()

    def _give_up(self, works: list[Work], error: BookfigsError) -> None:
        for work in works:
            work.broken = work.broken or error

    def _miss(self, hands: list[Hand]) -> None:
        """Call back what workers had that are gone."""
        there = {hand.address for hand in hands}
        for future, task in list(self.running.items()):
            if task.hand.address not in there:
                del self.running[future]  # Dask forgets what nobody waits for
                self._lost(task)
        for address in self.lanes.keys() - there:
            self.alone.appendleft(self.lanes.pop(address))

    def _hand_out(self, hands: list[Hand]) -> None:
        """Give each worker as much as it can do."""
        for hand in hands:
            mine = [t for t in self.running.values() if t.hand == hand]
            if not mine and not self.counted and hand.address not in self.lanes:
                self._open_lane(hand)
            work = self.lanes.get(hand.address)
            if work is not None:
                if not mine:
                    self._submit(Task(work, work.open[0], hand, alone=True))
                continue
            for _ in range(min(hand.slots, self.most or hand.slots) - len(mine)):
                if self.counted:
                    work, index = self.counted.popleft()
                    self._submit(Task(work, index, hand, alone=False))

    def _open_lane(self, hand: Hand) -> None:
        """Give a worker that is free a figure that wants one for itself."""
        while self.alone:
            work = self.alone.popleft()
            if work.broken is None and work.open:
                self.lanes[hand.address] = work
                return

    def _submit(self, task: Task) -> None:
        """Send a point to its worker."""
        work, cluster = task.work, self.cluster
        if task.alone:
            work.threads = cluster.device.cores
        shape = work.shape or Shape([], {})
        request = Request(
            work.slug,
            work.state.source.path.relative_to(self.runner.book.root).as_posix(),
            str(self.runner.book.root),
            work.state.source.measured_by,
            cluster.device,
            work.threads,
            task.alone,
            task.index,
            shape.points[task.index],
        )
        future = cluster.submit(task.hand, request)
        future.add_done_callback(self.news.put)
        self.running[future] = task
        name = (work.slug, task.index)
        self.begun[name] = self.begun.get(name, 0) + 1

    def _take_in(self) -> None:
        """Wait a little for results, and keep those that are there."""
        if not self.running:
            if self.counted or self.alone or self.lanes:
                time.sleep(POLL)  # for a worker
            return
        with suppress(Empty):
            self.news.get(timeout=POLL)
        for future in [future for future in self.running if future.done()]:
            self._returned(future, self.running.pop(future))

    def _returned(self, future: Future[bytes], task: Task) -> None:
        """See what came of a point."""
        work = task.work
        if future.status == "finished":
            try:
                content = future.result(timeout=FETCH)
                self._keep(task, msgspec.json.decode(content, type=Reply))
            except BookfigsError as error:  # it cannot be stored
                work.broken = error
            except (TimeoutError, CancelledError):  # lost between end and fetching
                self._lost(task)
        elif future.status == "error" and not isinstance(
            future.exception(), KilledWorker
        ):
            what = f"worker {task.hand.address} failed: {future.exception()!r}"
            work.broken = FigureError(
                work.slug, what, run="pip install bookfigs, there"
            )
        else:
            self._lost(task)
        if work.broken or not work.open:
            self.lanes = {a: w for a, w in self.lanes.items() if w is not work}

    def _keep(self, task: Task, reply: Reply) -> None:
        """Keep a result, or what a worker refused. Raises: StorageError."""
        work, address = task.work, task.hand.address
        if reply.refusal:
            work.broken = named(reply.refusal, address)
        elif reply.result and work.shape:
            work.load = task.hand.load
            work.dirty = task.hand.dirty or reply.dirty
            self.runner.keep(work, reply.result, work.shape, alone=task.alone)
            if reply.result.failure:
                work.failures[task.index] = named(reply.result.failure, address)

    def _lost(self, task: Task) -> None:
        """Measure a point again whose worker is gone, unless it was often enough."""
        work, index = task.work, task.index
        begun = self.begun[work.slug, index]
        point = call(work.shape.points[index]) if work.shape else ""
        if begun >= ATTEMPTS:
            what = f"measure({point}) was begun {begun} times; each time its worker, "
            what += f"the last one {task.hand.address}, was lost"
            work.failures[index] = FigureError(work.state.source.path.name, what)
            return
        self.runner.reporter.done(
            work.slug,
            f"{point} did not come back from worker {task.hand.address}; it is "
            "measured again",
        )
        if not task.alone:
            self.counted.appendleft((work, index))

    def _is_done(self, work: Work) -> bool:
        """Whether nothing more comes of a figure; what did not fit goes alone."""
        if work.broken:
            self.counted = deque(one for one in self.counted if one[0] is not work)
            return True
        if any(task.work is work for task in self.running.values()):
            return False
        if not work.open and work.crowded:
            work.crowded.clear()
            self.alone.append(work)
        return not work.open
