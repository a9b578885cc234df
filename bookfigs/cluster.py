"""A cluster: where one machine is not enough, points are measured on Dask workers.

To start one, on machines that all have the project, ``bookfigs[cluster]`` and
the same versions of everything, and then to use it::

    dask scheduler --host 10.0.0.1 --port 8786
    dask worker tcp://10.0.0.1:8786 --resources cpu=1
    CUDA_VISIBLE_DEVICES=0 dask worker tcp://10.0.0.1:8786 --resources cuda=1
    BOOKFIGS_ROOT=/data/book dask worker tcp://10.0.0.1:8786 --resources cpu=1
    bookfigs figures --scheduler tcp://10.0.0.1:8786 --device cuda

The resource names the device that a worker measures on, and there is one of it.
A point that takes times needs all of it; points that count share it, as many at
once as the worker has threads (``--nthreads``). Two workers on one machine, or a
run of bookfigs by hand, respect each other by the machine's lock.

A record is of one device and one set of circumstances, so a run uses workers that
agree in device, commit, versions and system: those at the commit of here, if there
are any, and of these the largest group; it is said why the others are left out.
Other versions than here are used, except of bookfigs, and the record names them.

Whoever reaches a scheduler can run programs on its workers, and these on the
machine that asks: that is how Dask works. Use a private network, or ``tls://``.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from distributed import Client, Future
from distributed.client import ClosedClientError

from bookfigs import __version__, remote
from bookfigs.book import Book
from bookfigs.errors import EnvironmentMissingError
from bookfigs.point import Failure
from bookfigs.provenance import git
from bookfigs.record import Device
from bookfigs.remote import Look, Request

ARRIVAL = 5
"""Seconds in which the first worker may arrive, and answer: one has just been started,
or is asked by another run."""

KINDS = ("cuda", "cpu")
"""Devices by the name of their resource; the first that is there is taken."""


LOST = (OSError, LookupError, RuntimeError, TypeError, ValueError, ClosedClientError)
"""What Dask raises when the scheduler has gone, sooner or later after that."""


@dataclass(frozen=True)
class Hand:
    """One worker that may measure."""

    address: str
    slots: int
    """How many points that count it measures at once."""
    load: float
    """Load average when it was first seen."""
    dirty: bool


class Cluster:
    """The workers of a scheduler, seen from here."""

    def __init__(self, client: Client, address: str, book: Book, asked: str) -> None:
        """Look at every worker. Raises: EnvironmentMissingError if none fits."""
        self.client = client
        self.address = address
        self._root = str(book.root)
        self._looks: dict[str, Look | str] = {}
        """Worker → what it is like, or why it cannot be used."""
        self._silent: dict[str, str] = {}
        """Worker → why it has not answered, though the scheduler knows it."""
        until = time.monotonic() + ARRIVAL
        while not self._meet(asked) and time.monotonic() < until:
            time.sleep(0.1)
        sites = [look.site for look in self._looks.values() if isinstance(look, Look)]
        if not sites:
            raise self.lacking()
        mine = git(book.root, "rev-parse", "HEAD")
        self.site = max(
            sites, key=lambda s: (s.commit == mine, sites.count(s), s.device.slug)
        )
        """What all workers that are used have in common."""

    @property
    def device(self) -> Device:
        """The device that all points are measured on."""
        return self.site.device

    def hands(self) -> list[Hand]:
        """Workers that are there now and fit. Raises: EnvironmentMissingError."""
        workers = self._workers()
        self._examine(workers)
        looks = {address: self._looks.get(address) for address in workers}
        return [
            Hand(address, workers[address]["nthreads"], look.load, look.dirty)
            for address, look in looks.items()
            if isinstance(look, Look) and look.site == self.site
        ]

    def submit(self, hand: Hand, request: Request) -> Future[bytes]:
        """Send a point to a worker. Raises: EnvironmentMissingError.

        A point that needs the machine alone takes all of the resource, any other a
        fraction that halves and adds up without rounding.
        """
        fraction = 1 / (1 << (hand.slots - 1).bit_length())
        try:
            return self.client.submit(
                remote.measure,
                msgspec.json.encode(request),
                key=f"{request.slug}-{request.index}-{uuid.uuid4().hex}",
                workers=[hand.address],
                resources={self.kind: 1.0 if request.alone else fraction},
            )
        except LOST as error:
            raise self.lost(error) from error

    def unused(self) -> dict[str, str]:
        """Workers that are left out, and why."""
        found = {}
        for address, look in self._looks.items():
            if isinstance(look, str):
                found[address] = look
            elif look.site != self.site:
                found[address] = look.site.difference(self.site)
        return found

    def lacking(self) -> EnvironmentMissingError:
        """The message that no worker fits, with what there is."""
        why_not = {**self._looks, **self._silent}
        told = [f"{address} ({why})" for address, why in why_not.items()]
        return EnvironmentMissingError(
            self.address,
            f"no worker of this scheduler can measure on {self.kind}: none is there "
            f"that has the resource {self.kind}=1 and the project",
            available=told or ["no worker at all"],
            run=f"dask worker {self.address} --resources {self.kind}=1",
        )

    def lost(self, error: Exception) -> EnvironmentMissingError:
        """The message that the scheduler is gone."""
        why = str(error) or type(error).__name__
        return EnvironmentMissingError(
            self.address,
            f"the scheduler does not answer any more ({why}); every point that came "
            "back is kept",
            run=f"bookfigs figures --scheduler {self.address}, to go on",
        )

    def _meet(self, asked: str) -> bool:
        """Look at the workers that are there; False if some may still answer."""
        workers = self._workers()
        offered = [k for k in KINDS if any(_has(w, k) for w in workers.values())]
        self.kind = asked if asked != "auto" else next(iter(offered), "cpu")
        self._examine(workers)
        fits = any(isinstance(look, Look) for look in self._looks.values())
        return fits or bool(workers and not self._silent)

    def _workers(self) -> dict[str, Any]:
        """What the scheduler knows of its workers. Raises: EnvironmentMissingError.

        Asked directly: what ``scheduler_info`` returns may be Dask's own copy, made
        at the same moment, which names no workers.
        """
        try:
            scheduler = self.client.scheduler
            if scheduler is None or self.client.status != "running":
                raise ConnectionError("it closed the connection")
            return dict(self.client.sync(scheduler.identity, n_workers=-1)["workers"])
        except LOST as error:
            raise self.lost(error) from error

    def _examine(self, workers: Mapping[str, Any]) -> None:
        """Look at workers that are new; forget those that are gone."""
        self._looks = {a: look for a, look in self._looks.items() if a in workers}
        self._silent.clear()
        for address in sorted(workers.keys() - self._looks.keys()):
            if (look := self._look(address, workers[address])) is not None:
                self._looks[address] = look

    def _look(self, address: str, worker: Mapping[str, Any]) -> Look | str | None:
        """What a worker is like, or why it cannot be used; None if it is silent.

        It may be gone, and is asked again if it is not.
        """
        if not _has(worker, self.kind):
            held = ", ".join(f"{n}={v:g}" for n, v in worker["resources"].items())
            return f"resources: {held or 'none'}"
        found = self._ask(address)
        if isinstance(found, KeyError | OSError):
            self._silent[address] = f"does not answer: {found!r}"
            return None
        if isinstance(found, Exception):
            return f"cannot run bookfigs: {found}"
        answer: Look | Failure = msgspec.json.decode(found, type=Look | Failure)
        if isinstance(answer, Failure):
            return answer.error().message()
        if answer.bookfigs != __version__:
            return f"has bookfigs {answer.bookfigs}, and here it is {__version__}"
        return answer

    def _ask(self, address: str) -> Any:  # noqa: ANN401 - what Dask hands over
        try:
            said = self.client.run(
                remote.look,
                self.kind,
                self._root,
                workers=[address],
                on_error="return",
            )
        except (OSError, ValueError) as error:
            return error
        return said.get(address, KeyError(address))


@contextmanager
def connected(book: Book, address: str, device: str) -> Iterator[Cluster]:
    """Connect to a scheduler for as long as figures are measured.

    How long it is waited for, Dask's ``distributed.comm.timeouts.connect`` says.
    Raises: EnvironmentMissingError if it does not answer, or no worker fits.
    """
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # messages tell it better
    try:
        client = Client(address)
    except (OSError, ValueError, TypeError) as error:
        raise EnvironmentMissingError(
            f"--scheduler {address}",
            f"no Dask scheduler answers there: {error}",
            run="dask scheduler, and give the address that it prints",
        ) from error
    with client:
        yield Cluster(client, address, book, device)


def _has(worker: Mapping[str, Any], kind: str) -> bool:
    """Whether there is one of a resource: of two, two points would take times."""
    return bool(worker["resources"].get(kind) == 1)
