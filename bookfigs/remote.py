"""The far side of a cluster: what a Dask worker is asked, and answers.

Two questions, both with plain arguments and JSON for an answer: what the machine
is like, and one point of a figure. The point is measured by the program that
measures everywhere, in a fresh process, so that a crash, the threads, the
allocator, the escape check and the conditions are as on one's own machine; what
Dask sets in the environment of its workers is taken back for it.

The project has to lie on the worker's machine too: in the folder that the
worker's environment names as ``BOOKFIGS_ROOT``, otherwise where it lies on the
machine that asks. The request brings the hash of every definition and data file
that measuring reaches, and a worker whose own differ refuses, by their names.
"""

import logging
import os
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from bookfigs import __version__
from bookfigs.closure import Project, changes
from bookfigs.errors import BookfigsError, FigureError, OutdatedError
from bookfigs.figure import Source
from bookfigs.machine import held
from bookfigs.point import Failure, Job, PointResult, Site
from bookfigs.process import Crew
from bookfigs.provenance import changed_files, git, system, this_device, versions
from bookfigs.record import Device

ROOT = "BOOKFIGS_ROOT"
"""Environment variable of a worker: the project's folder on its machine."""

NANNY = ("distributed.nanny.pre-spawn-environ", "distributed.nanny.environ")
"""Where Dask's configuration says what it sets in the environment of a worker."""

HASH_SEED = {"PYTHONHASHSEED": "6640"}
"""What Dask sets besides."""


class Look(Struct, frozen=True, tag=True):
    """What a worker's machine is like, before anything runs on it."""

    site: Site
    load: float
    dirty: bool
    bookfigs: str
    """Its version."""


class Request(Struct, frozen=True):
    """One point of a figure, and with which code it is to be measured."""

    slug: str
    path: str
    """Relative to the project."""
    root: str
    """The project where the question comes from."""
    code: dict[str, str]
    """Definition or data file → hash."""
    device: Device
    threads: int
    alone: bool
    """Whether it needs the machine to itself."""
    index: int
    point: dict[str, object]


class Reply(Struct, frozen=True):
    """What came of a point; ``refusal`` is about the figure as a whole."""

    result: PointResult | None = None
    refusal: Failure | None = None
    dirty: bool = False
    """Whether the worker's working tree differs from its commit."""


def look(kind: str, root: str) -> bytes:
    """Say what this machine is like: a Look, or a Failure, as JSON."""
    try:
        folder = _root(root)
        site = Site(
            this_device(kind), git(folder, "rev-parse", "HEAD"), versions(), system()
        )
        load, dirty = os.getloadavg()[0], bool(changed_files(folder))
        answer: Look | Failure = Look(site, load, dirty, __version__)
    except BookfigsError as error:
        answer = Failure.of(error)
    return msgspec.json.encode(answer)


def measure(content: bytes) -> bytes:
    """Measure the point of a Request; a Reply, as JSON.

    Cost: a start of Python, that of finding the closure twice, and of the point.
    """
    request = msgspec.json.decode(content, type=Request)
    try:
        root = _root(request.root)
        _require_same_code(request, root)
        result = _measured(request, root)
        _require_same_code(request, root)  # it may have changed meanwhile
    except BookfigsError as error:
        return msgspec.json.encode(Reply(refusal=Failure.of(error)))
    dirty = bool(changed_files(root))
    return msgspec.json.encode(Reply(result, dirty=dirty))


def _measured(request: Request, root: Path) -> PointResult:
    """Measure in a process of its own. Raises: BookfigsError about the figure."""
    path = root / request.path
    job = Job(request.slug, str(path), str(root), request.device, request.threads)
    waiting = logging.getLogger("distributed.worker").info
    with (
        held(alone=request.alone, waiting=waiting) as hold,
        Crew(environment()) as crew,
        crew.start(job, hold) as worker,
    ):
        points = worker.shape().points
        if points[request.index : request.index + 1] != [request.point]:
            what = (
                f"has other POINTS there than here, from point {request.index + 1} on"
            )
            raise OutdatedError(path.name, what)
        try:
            return worker.measure(request.index, request.point)
        except FigureError as error:
            return PointResult(request.index, 0.0, failure=Failure.of(error))


def environment() -> dict[str, str]:
    """The environment of this process without what Dask has put into it."""
    import dask  # noqa: PLC0415 - a worker has it

    put = dict(HASH_SEED)
    for name in NANNY:
        put |= {key: str(value) for key, value in dask.config.get(name, {}).items()}
    return {n: value for n, value in os.environ.items() if put.get(n) != value}


def _root(asked: str) -> Path:
    """The project on this machine. Raises: OutdatedError if it is not there."""
    root = Path(os.environ.get(ROOT, asked))
    if not root.is_dir():
        raise OutdatedError(
            root,
            "the project is not there",
            run=f"{ROOT}=FOLDER dask worker …, where FOLDER holds the project",
        )
    return root.resolve()


def _require_same_code(request: Request, root: Path) -> None:
    """Refuse if measuring would run other code here. Raises: BookfigsError."""
    path = root / request.path
    if not path.is_file():
        raise OutdatedError(path, "the figure is not there", run=_UPDATE)
    here = Source.read(Project(root), request.slug, path).measured_by
    if changed := changes(request.code, here):
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        what = f"its code there is not that of here: {changed[0]}{more}"
        raise OutdatedError(path.name, what, run=_UPDATE)


def named(failure: Failure, worker: str) -> BookfigsError:
    """Unpack a message, with the worker that it comes from."""
    said = f"{failure.what}; on worker {worker}"
    return structs.replace(failure, what=said).error()


_UPDATE = "git pull, or copy the project, on the worker's machine"
