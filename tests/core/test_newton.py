"""Newton's method finds the states that the loop walks to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from bookfigs.core import newton
from bookfigs.core.newton import (
    Method,
    NotConvergedError,
    _Root,
    dense_scan,
    newton_states,
)
from bookfigs.core.recurrence import linear_recurrence
from bookfigs.core.rnn import rnn_states
from bookfigs.measure.span import SpanMeter

if TYPE_CHECKING:
    from core.conftest import Agree, Program

each_case = pytest.mark.parametrize(
    ("method", "diagonal"),
    [("newton", True), ("newton", False), ("quasi", True), ("quasi", False)],
)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def walk(u: Tensor, W: Tensor, h: Tensor | None = None) -> Tensor:
    """tanh(W h + u_t), one step after another."""
    W = torch.diag_embed(W) if W.dim() == 1 else W
    one, zero = torch.eye(len(W), dtype=u.dtype), torch.zeros(len(W), dtype=u.dtype)
    return rnn_states(u, one, W, zero, h)


def by(method: Method, *, limit: int = 100) -> Program:
    def states(u: Tensor, W: Tensor, h_0: Tensor | None = None) -> Tensor:
        return newton_states(u, W, h_0, method=method, limit=limit).states

    return states


def problem(
    length: int, dtype: torch.dtype = torch.float64, *, diagonal: bool, N: int = 4
) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, weights that neither explode nor forget at once, an initial state."""
    W = torch.linspace(-1, 1, N, dtype=dtype)
    if not diagonal:
        W = torch.randn(N, N, dtype=dtype) / (2 * N**0.5)
    u = torch.randn(2, length, N, dtype=dtype)
    return u, W, torch.randn(2, N, dtype=dtype).tanh()


@each_case
@each_dtype
def test_states_and_gradients_are_those_of_the_loop(
    agree: Agree, method: Method, dtype: torch.dtype, length: int, *, diagonal: bool
) -> None:
    u, W, h_0 = problem(length, dtype, diagonal=diagonal)
    if dtype == torch.float64:  # a gradient inherits what the states are off by
        agree(by(method), walk, u, W)
        agree(by(method), walk, u, W, h_0)
    else:
        found = newton_states(u, W, h_0, method=method).states
        torch.testing.assert_close(found, walk(u, W, h_0), rtol=0, atol=1e-4)


@each_case
def test_gradients_are_those_of_finite_differences(
    method: Method, *, diagonal: bool
) -> None:
    inputs = [x.requires_grad_() for x in problem(5, diagonal=diagonal)]
    assert torch.autograd.gradcheck(by(method), inputs)


@each_case
def test_no_more_scans_than_steps_are_needed(method: Method, *, diagonal: bool) -> None:
    """Each scan makes one more state exact, even where the network is chaotic."""
    for length in (1, 2, 5, 20):
        u, W, h_0 = problem(length, diagonal=diagonal)
        solution = newton_states(u, 6 * W, h_0, method=method)
        assert 1 <= solution.scans <= length
        torch.testing.assert_close(solution.states, walk(u, 6 * W, h_0))


@pytest.mark.parametrize("diagonal", [True, False])
def test_newton_needs_far_fewer_scans_than_steps(*, diagonal: bool) -> None:
    u, W, h_0 = problem(1000, diagonal=diagonal)
    newton = newton_states(u, W, h_0)
    assert newton.scans <= 8  # with any other slope it converges linearly
    if not diagonal:  # without what is off the diagonal it converges linearly
        quasi = newton_states(u, W, h_0, method="quasi")
        assert newton.scans < quasi.scans <= 100


def test_it_refuses_to_be_differentiated_twice() -> None:
    u, W, h_0 = (x.requires_grad_() for x in problem(5, diagonal=False))
    h = newton_states(u, W, h_0).states
    (once,) = torch.autograd.grad(h.square().sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match=r"newton_states can .* once.* use rnn_st"):
        once.sum().backward()


def test_a_linear_regime_takes_two_scans() -> None:
    """Where tanh z = z to rounding, the first guess is the solution."""
    u, W, h_0 = problem(50, diagonal=False)
    assert newton_states(1e-9 * u, W, 1e-9 * h_0).scans <= 2


def test_a_looser_tolerance_takes_fewer_scans_and_is_kept() -> None:
    u, W, h_0 = problem(200, diagonal=False)
    strict, loose = newton_states(u, W, h_0), newton_states(u, W, h_0, tolerance=0.01)
    assert loose.scans < strict.scans
    before = torch.cat([h_0.unsqueeze(1), loose.states[:, :-1]], dim=1)
    assert (loose.states - torch.tanh(before @ W.T + u)).abs().max() <= 0.01


def test_states_outside_reach_of_a_double_do_not_spoil_the_iteration() -> None:
    """Slopes of 50 over 400 steps overflow: the guess is cut to where states lie."""
    u, W, _ = problem(400, torch.float32, diagonal=True)
    W = torch.full_like(W, 50.0)
    u = 0.01 * u
    solution = newton_states(u, W, limit=401)
    torch.testing.assert_close(solution.states, walk(u, W), rtol=0, atol=1e-4)
    assert solution.scans <= 50  # else about one for each step


@pytest.mark.parametrize("method", ["newton", "quasi"])
def test_it_says_so_when_it_does_not_converge(method: Method) -> None:
    u, W, h_0 = problem(300, diagonal=False)
    message = r"after 3 scans the states miss .* raise the limit \(T = 300 scans are"
    with pytest.raises(NotConvergedError, match=message):
        newton_states(u, 8 * W, h_0, method=method, limit=3)


def test_an_input_that_is_no_number_is_not_called_a_solution() -> None:
    u, W, h_0 = problem(5, diagonal=True)
    u[0, 2, 1] = torch.nan
    with pytest.raises(NotConvergedError, match="miss their equation by nan"):
        newton_states(u, W, h_0)


@each_case
def test_no_steps_take_no_scan(method: Method, *, diagonal: bool) -> None:
    u, W, h_0 = problem(0, diagonal=diagonal)
    states, scans = newton_states(u, W, h_0, method=method)
    assert states.shape == (2, 0, 4)
    assert scans == 0


def test_the_dense_scan_is_its_definition(agree: Agree, length: int) -> None:
    """Its first matrix is not used."""

    def definition(A: Tensor, b: Tensor) -> Tensor:
        states = [b[:, 0]]
        for t in range(1, b.shape[1]):
            states.append(torch.einsum("bij,bj->bi", A[:, t], states[-1]) + b[:, t])
        return torch.stack(states, dim=1)

    A = torch.randn(2, length, 3, 3).double() / 3
    b = torch.randn(2, length, 3).double()
    expected = definition(A, b)
    A[:, 0] = torch.nan
    torch.testing.assert_close(dense_scan(A, b), expected, rtol=1e-11, atol=1e-12)


def test_the_chain_of_the_dense_scan_grows_with_the_logarithm() -> None:
    chains = []
    for length in (64, 128, 256):
        A, b = torch.randn(1, length, 3, 3), torch.randn(1, length, 3)
        with SpanMeter() as meter:
            chains.append(meter.depth(dense_scan(A, b)))
    assert 0 < chains[2] - chains[1] == chains[1] - chains[0] <= 8


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_gradient_is_one_scan_more_however_many_were_needed(
    monkeypatch: pytest.MonkeyPatch, *, diagonal: bool
) -> None:
    scan = partial(linear_recurrence, form="scan")  # a kernel's steps are not counted
    monkeypatch.setattr(newton, "linear_recurrence", scan)
    chains = []
    for length in (64, 128, 256):
        u, W, h_0 = problem(length, diagonal=diagonal)
        root = newton_states(u, W, h_0).states
        u.requires_grad_()
        with SpanMeter() as meter:
            h = _Root.apply(u, W, h_0, root)
            h.backward(torch.ones_like(h))
            assert u.grad is not None
            chains.append(meter.depth(u.grad))
    assert 0 < chains[2] - chains[1] == chains[1] - chains[0] <= 8
    assert chains[0] <= 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"u": torch.zeros(5, 4)}, r"u has shape \(5, 4\); expected \(B, T, N\)"),
        (
            {"u": torch.zeros(2, 5, 4) * 1j, "W": torch.zeros(4) * 1j},
            r"complex64; .* real",
        ),
        (
            {"W": torch.zeros(4, 3)},
            r"W has shape \(4, 3\); expected \(N, N\) = \(4, 4\)",
        ),
        ({"W": torch.zeros(3)}, r"W has shape \(3,\); expected \(N,\) = \(4,\)"),
        (
            {"h_0": torch.zeros(1, 4)},
            r"h_0 has shape \(1, 4\); expected \(B, N\) = \(2, 4",
        ),
        ({"method": "picard"}, r"method='picard' is unknown; methods: newton, quasi"),
        ({"limit": 0}, r"limit=0, .*: needs at least one scan"),
        ({"tolerance": 0.0}, r"tolerance=0.0: needs .* a tolerance above 0"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_saying_what_would(
    change: dict[str, object], message: str
) -> None:
    fitting = {"u": torch.zeros(2, 5, 4), "W": torch.zeros(4, 4), "tolerance": 1e-6}
    with pytest.raises(ValueError, match=message):
        newton_states(**{**fitting, **change})  # type: ignore[arg-type]
