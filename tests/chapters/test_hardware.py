"""One recurrence in five ways and its twin: what they compute and move."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from bookfigs.book import Book
from bookfigs.column import exact, key, measured
from bookfigs.figure import load
from bookfigs.record import Device, Record
from records import record
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
FIGURE = load("hardware", BOOK.figures()["hardware"], BOOK.root)
MODULE: Any = sys.modules["bookfigs_figure_hardware"]


def states(*shape: int) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
    """Inputs, and what each program makes of them."""
    torch.manual_seed(1)
    a, b = 0.9 + 0.099 * torch.rand(shape), torch.randn(shape)
    return a, b, {name: run() for name, run in MODULE.programs(a, b).items()}


def test_every_arm_is_timed_beside_the_floor() -> None:
    _, _, found = states(1, 3, 2)
    assert set(found) == {"floor", *MODULE.TIMED}
    assert next(iter(found)) == "floor"
    assert set(MODULE.TIMED) == set(MODULE.NAMES)


@pytest.mark.parametrize("form", ["scan", "chunked", "fused"])
@pytest.mark.parametrize("shape", [(1, 100, 4), (3, 64, 8)])
def test_every_form_computes_the_recurrence(form: str, shape: tuple[int, ...]) -> None:
    _, _, found = states(*shape)
    torch.testing.assert_close(found[form], found["loop"], rtol=1e-4, atol=1e-4)


def test_the_floor_moves_as_many_arrays_and_the_twin_is_a_tanh() -> None:
    a, b, found = states(2, 5, 4)
    assert torch.equal(found["floor"], a + b)
    h = torch.zeros(2, 4)
    for t in range(5):
        h = torch.tanh(a[0, 0] * h + b[:, t])
    torch.testing.assert_close(found["fused_tanh"][:, -1], h, rtol=1e-4, atol=1e-5)


def test_shapes_of_both_devices_have_the_same_names_and_more_chains_each() -> None:
    for shapes in MODULE.SHAPES.values():
        assert tuple(shapes) == MODULE.SIZES
        chains = [B * N for B, _, N in shapes.values()]
        assert chains == sorted(chains)


def test_quick_points_are_points() -> None:
    assert all(point in FIGURE.points for point in FIGURE.quick)


TIMES: dict[str, dict[str, tuple[float, ...]]] = {
    "cpu": {
        "floor": (1, 1, 1),
        "fused": (1.2, 1.2, 1),
        "fused_tanh": (1.5, 1, 0.8),
        "chunked": (6, 5, 3),
        "scan": (5, 5, 3),
        "loop": (400, 50, 20),
    },
    "cuda": {
        "floor": (1, 1, 1),
        "fused": (2, 1.3, 1.1),
        "fused_tanh": (30, 8, 1.1),
        "chunked": (9, 8, 5),
        "scan": (9, 8, 5),
        "loop": (9000, 900, 20),
    },
}
"""Times as they could be, for few, some and many chains."""
BROKEN = runpy.run_path(str(Path(__file__).parent / "broken" / "hardware.py"))["BROKEN"]


def on(kind: Any) -> Record:
    """A record of such a device."""
    cells = [
        (arm, size, [float(seconds)] * 20)
        for arm, times in TIMES[kind].items()
        for size, seconds in zip(MODULE.SIZES, times, strict=True)
    ]
    arms, sizes, seconds = zip(*cells, strict=True)
    made = record(
        arm=(key(), arms), size=(key(), sizes), seconds=(measured("s"), seconds)
    )
    return msgspec.structs.replace(made, device=Device(kind, "Model X-1", 2, 24))


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize("name", FIGURE.claims)
def test_a_claim_is_judged_on_the_devices_that_it_is_about(
    name: str, kind: str
) -> None:
    claim, here = FIGURE.claims[name], on(kind)
    about = kind in claim.devices
    broken = BROKEN[f"hardware.{name}"](here)
    assert claim.judge(here).verdict == ("holds" if about else "not applicable here")
    assert claim.judge(broken).verdict == ("fails" if about else "not applicable here")


def test_the_bandwidth_of_the_twin_counts_two_arrays_where_the_others_move_three() -> (
    None
):
    here = on("cpu")
    arms = here.columns["arm"].values
    moved = [2.0 if arm == "fused_tanh" else 3.0 for arm in arms]
    bytes_ = msgspec.structs.replace(exact("bytes"), values=moved)
    table = msgspec.structs.replace(here, columns={**here.columns, "bytes": bytes_})
    assert MODULE.bandwidth(table, "fused", "many") == pytest.approx(100)
    assert MODULE.bandwidth(table, "scan", "some") == pytest.approx(20)
    assert MODULE.bandwidth(table, "fused_tanh", "few") == pytest.approx(200 / 4.5)
