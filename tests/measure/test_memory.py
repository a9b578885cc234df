"""The memory meter, on work whose requests for memory are known."""

import doctest
import gc
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import grad

from bookfigs.measure import memory
from bookfigs.measure.memory import Usage, size, usage

n = 1000
"""Numbers of a tensor in these tests; of single precision, 4n bytes."""

AT_HAND = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
each_device = pytest.mark.parametrize("device", AT_HAND)


@pytest.fixture(autouse=True)
def _quick_collections() -> Iterator[None]:
    """Keep the collector from going through all that torch has made."""
    gc.freeze()
    yield
    gc.unfreeze()


def cascade(x: Tensor, length: int) -> Tensor:
    """One addition after another: the last two results are alive."""
    for _ in range(length):
        x = x + x
    return x


def side_by_side(x: Tensor) -> list[Tensor]:
    """Nine results, all alive."""
    return [x + x for _ in range(9)]


KNOWN: dict[str, tuple[Callable[[Tensor], object], int, int]] = {
    "nothing": (lambda _: None, 0, 0),
    "returned": (torch.empty_like, 4 * n, 4 * n),
    "dropped": (lambda x: torch.empty_like(x) is None, 4 * n, 0),
    "in double precision": (Tensor.double, 8 * n, 8 * n),
    "a view": (lambda x: x[::2].view(2, -1), 0, 0),
    "in place": (lambda x: x.add_(x), 0, 0),
    "a sum of two": (lambda x: x + x, 4 * n, 4 * n),
    "a sum of three": (lambda x: x + x + x, 8 * n, 4 * n),
    "a part that keeps all": (lambda x: (x + x)[:1], 4 * n, 4 * n),
    "a part copied": (lambda x: (x + x)[:1].clone(), 4 * n + 4, 4),
    "a cascade": (lambda x: cascade(x, 9), 8 * n, 4 * n),
    "all at once": (side_by_side, 36 * n, 36 * n),
    "a peak, then less": (lambda x: side_by_side(x).pop(), 36 * n, 4 * n),
    "a conjugate inside an operator": (
        lambda x: torch.addcmul(z := x.view(torch.complex64), z.conj(), z),
        8 * n,
        4 * n,
    ),
}
"""Work on 4n bytes; its peak; what it keeps."""


@each_device
@pytest.mark.parametrize("name", KNOWN)
def test_known_work_is_counted_to_the_byte(name: str, device: str) -> None:
    work, peak, kept = KNOWN[name]
    x = torch.ones(n, device=device)
    assert usage(lambda: work(x), [x], device=device) == (peak, kept, 0, 0)


def test_what_an_operator_takes_for_itself_is_seen() -> None:
    x = torch.rand(n)
    used = usage(x.sort, [x])
    assert used.kept == 4 * n + 8 * n  # values, and their places
    assert used.peak > used.kept


def test_memory_given_back_that_existed_before_does_not_count() -> None:
    held = [torch.ones(n), torch.ones(n)]

    def work() -> Tensor:
        held.pop()
        return torch.ones(n)

    assert usage(work) == (4 * n, 4 * n, 0, 0)


def test_memory_that_is_not_the_frameworks_is_not_seen() -> None:
    assert usage(lambda: np.empty(n)) == (0, 0, 0, 0)


def squared(x: Tensor) -> Tensor:
    return x * x


def twice_saved(x: Tensor) -> Tensor:
    y = x.exp()  # saves y
    return y * y  # saves y again, and again


SAVED: dict[str, tuple[Callable[[Tensor], Tensor], int, int]] = {
    "nothing": (lambda x: x + 1, 0, 0),
    "the input": (squared, 4, 0),
    "a view of the input": (lambda x: squared(x[: n // 2]), 4, 0),
    "the output": (torch.exp, 4, 4),
    "one of two inputs": (lambda x: (x + 1) * 2, 0, 0),
    "both inputs": (lambda x: (x + 1) * x, 8, 4),
    "once, not three times": (twice_saved, 4, 4),
    "a part, whose storage is kept whole": (lambda x: squared((x + 1)[:5]), 4, 4),
    "without a gradient": (lambda x: squared(x.detach()), 0, 0),
    "a chain": (lambda x: squared(squared(squared(x))), 12, 8),
}
"""Work; what it saves, and what of that is not its input, over n."""


@each_device
@pytest.mark.parametrize("name", SAVED)
def test_each_storage_saved_for_the_backward_pass_is_counted_once(
    name: str, device: str
) -> None:
    work, saved, added = SAVED[name]
    x = torch.ones(n, device=device, requires_grad=True)
    used = usage(lambda: work(x), [x], device=device)
    assert (used.saved, used.added) == (saved * n, added * n)


def test_storages_count_even_if_one_has_the_address_of_another() -> None:
    x = torch.ones(n, requires_grad=True)

    def work() -> None:
        for _ in range(5):
            grad(x.exp().sum(), x)

    assert usage(work, [x]).saved == 5 * 4 * n


@each_device
def test_a_training_step_is_known_from_its_parts(device: str) -> None:
    x = torch.ones(n, device=device, requires_grad=True)
    g = torch.ones(n, device=device)
    used = usage(lambda: grad(x.exp(), x, g), [x, g], device=device)
    # the output, which is what is saved, and the gradient
    assert used == Usage(peak=8 * n, kept=4 * n, saved=4 * n, added=4 * n)


def test_what_is_kept_is_what_is_saved_and_the_result() -> None:
    x = torch.ones(n, requires_grad=True)
    used = usage(lambda: x.exp().sin(), [x])
    assert used == Usage(peak=8 * n, kept=8 * n, saved=4 * n, added=4 * n)


def test_counting_again_gives_the_same_bytes() -> None:
    layer = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU())
    x = torch.randn(2, 50, 8)
    weights = list(layer.parameters())
    counts = Counter(
        usage(lambda: grad(layer(x).sum(), weights), [x, *weights]) for _ in range(5)
    )
    assert len(counts) == 1
    assert next(iter(counts)).added > 0


def test_the_count_does_not_depend_on_the_garbage_collector() -> None:
    def work() -> None:
        for _ in range(50):
            loop: list[object] = [torch.ones(n)]
            loop.append(loop)

    threshold = gc.get_threshold()
    try:
        gc.set_threshold(1)
        assert usage(work).peak == 50 * 4 * n
    finally:
        gc.set_threshold(*threshold)


@pytest.fixture
def _collector() -> Iterator[None]:
    """Leave the garbage collector as it was, whatever a test does."""
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.usefixtures("_collector")
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("runs", [1, 2])
def test_an_exception_passes_through_and_leaves_nothing_behind(
    runs: int, *, enabled: bool
) -> None:
    left = runs

    def work() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise ZeroDivisionError

    (gc.enable if enabled else gc.disable)()
    with pytest.raises(ZeroDivisionError):
        usage(work)
    assert gc.isenabled() == enabled
    assert usage(lambda: torch.ones(n)) == (4 * n, 4 * n, 0, 0)


def test_memory_behind_tensors_is_counted_once_and_whole() -> None:
    x = torch.ones(n)
    z = torch.ones(n, dtype=torch.complex128)
    assert size([]) == 0
    assert size([x, x, x[:3], x.view(2, -1)]) == 4 * n
    assert size([x[:3], z.real, z.conj()]) == 4 * n + 16 * n
    assert size([torch.ones(1).expand(n)]) == 4


@pytest.mark.parametrize(
    ("device", "available", "message"),
    [
        ("cuda", False, "'cuda' was asked for, but no CUDA device is at hand; .*: cpu"),
        ("tpu", False, "device='tpu' is unknown; devices here: cpu. "),
        ("tpu", True, "device='tpu' is unknown; devices here: cpu, cuda. "),
    ],
)
def test_a_device_that_is_not_at_hand_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: str, message: str, *, available: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    with pytest.raises(ValueError, match=message):
        usage(lambda: pytest.fail("ran"), device=device)


class FakeGPU:
    """A CUDA allocator that knows what was requested, and when it is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.highest, self.pending = 700, 9999, 0
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "synchronize", self.synchronize)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.reset)
        monkeypatch.setattr(torch.cuda, "memory_stats", self.stats)

    def request(self, size: int) -> None:
        self.now += size
        self.highest = max(self.highest, self.now)

    def synchronize(self) -> None:
        self.pending = 0

    def reset(self) -> None:
        assert self.pending == 0
        self.highest = self.now

    def stats(self) -> dict[str, int]:
        assert self.pending == 0
        return {
            "allocated_bytes.all.current": -(-self.now // 512) * 512,
            "allocated_bytes.all.peak": -(-self.highest // 512) * 512,
            "requested_bytes.all.current": self.now,
            "requested_bytes.all.peak": self.highest,
        }


def test_on_a_gpu_requests_are_counted_from_the_start_of_the_second_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = FakeGPU(monkeypatch)
    runs = iter([(5000, 0), (300, -250)])  # the first run compiles

    def work() -> None:
        gpu.pending = 1
        for request in next(runs):
            gpu.request(request)

    assert usage(work, device="cuda") == (300, 50, 0, 0)


def test_the_examples_in_the_docstrings_are_true() -> None:
    failed, attempted = doctest.testmod(memory)
    assert failed == 0
    assert attempted > 0
