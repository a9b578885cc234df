"""S4D and the selective SSM are the discrete systems of their papers."""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import pytest
import torch
from scipy.linalg import expm
from torch import Tensor
from torch.func import functional_call

from bookfigs.core.selective import SelectiveSSM
from bookfigs.core.spectra import INITS, legs, log_uniform, spectrum
from bookfigs.core.ssm import S4D, bilinear, zero_order_hold
from bookfigs.measure.span import SpanMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from bookfigs.core.recurrence import Form
    from core.conftest import Agree, Program

Layer: TypeAlias = S4D | SelectiveSSM

RULES = ("zoh", "bilinear")
each_init = pytest.mark.parametrize("init", INITS)
each_rule = pytest.mark.parametrize("rule", RULES)
each_form = pytest.mark.parametrize("form", ["loop", "scan", "fft"])
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
LAYERS: dict[str, Callable[[], Layer]] = {
    **{
        f"{init}-{rule}": partial(S4D, 3, 4, init=init, discretization=rule)
        for init, rule in product(INITS, RULES)
    },
    "selective": partial(SelectiveSSM, 3, 4),
}
each_layer = pytest.mark.parametrize("name", LAYERS)


def by(layer: Layer) -> Program:
    """Outputs, then the last state as real numbers, for given weights."""
    names = [name for name, _ in layer.named_parameters()]

    def program(x: Tensor, h_0: Tensor, *weights: Tensor) -> Tensor:
        parameters = dict(zip(names, weights, strict=True))
        y, h = functional_call(layer, parameters, (x, as_state(layer, h_0)))
        return joined(y, h)

    return program


def as_state(layer: Layer, h: Tensor) -> Tensor:
    """A real (B, D, 2N) as a complex (B, D, N), where the state is complex."""
    if layer.initial_state(1).is_complex():
        return torch.view_as_complex(h.unflatten(2, (-1, 2)))
    return h


def joined(y: Tensor, h: Tensor) -> Tensor:
    if h.is_complex():
        h = torch.view_as_real(h).flatten(2)
    return torch.cat([y, h.transpose(1, 2)], dim=1)


def walk(layer: S4D) -> Program:
    """The discrete system word for word, for given weights."""
    names = [name for name, _ in layer.named_parameters()]
    rule = layer.discretize

    def program(x: Tensor, h_0: Tensor, *weights: Tensor) -> Tensor:
        p = dict(zip(names, weights, strict=True))
        A, C = -p["A_log"].exp(), p["C_re"]
        if "A_im" in p:
            A, C = A + 1j * p["A_im"], 2 * (p["C_re"] + 1j * p["C_im"])
        half = p["dt_log"].exp()[:, None] * A / 2
        a, b = (1 + half) / (1 - half), 2 * half / A / (1 - half)
        if rule is zero_order_hold:
            a = torch.exp(2 * half)
            b = (a - 1) / A
        h, outputs = as_state(layer, h_0), []
        for t in range(x.shape[1]):
            h = a * h + b * x[:, t, :, None]
            outputs.append((C * h).sum(-1).real + p["D"] * x[:, t])
        return joined(torch.stack(outputs, dim=1), h)

    return program


def selective_walk(layer: SelectiveSSM) -> Program:
    """Algorithm 2, with equation 4, one step after another."""
    names = [name for name, _ in layer.named_parameters()]

    def program(x: Tensor, h: Tensor, *weights: Tensor) -> Tensor:
        p = dict(zip(names, weights, strict=True))
        A, outputs = -p["A_log"].exp(), []
        for x_t in x.unbind(dim=1):
            raw = x_t @ p["narrow.weight"].T @ p["widen.weight"].T + p["widen.bias"]
            delta = torch.log(1 + torch.exp(raw)).unsqueeze(-1)
            B, C = x_t @ p["W_B.weight"].T, x_t @ p["W_C.weight"].T
            a = torch.exp(delta * A)
            b = (a - 1) / (delta * A) * (delta * B.unsqueeze(1))
            h = a * h + b * x_t.unsqueeze(-1)
            outputs.append(torch.einsum("bn,bdn->bd", C, h) + p["D"] * x_t)
        return joined(torch.stack(outputs, dim=1), h)

    return program


@each_init
@each_rule
@each_form
@each_dtype
def test_every_form_of_s4d_is_the_discrete_system(
    agree: Agree, init: str, rule: str, form: Form, dtype: torch.dtype
) -> None:
    layer = S4D(3, 4, init=init, discretization=rule, form=form).to(dtype)
    h_0 = torch.randn(2, 3, 4, dtype=dtype)
    for length in (1, 2, 3, 8, 100):
        x = torch.randn(2, length, 3, dtype=dtype)
        agree(by(layer), walk(layer), x, h_0, *layer.parameters())


@pytest.mark.parametrize("form", ["loop", "scan"])
@each_dtype
def test_every_form_of_the_selective_system_is_algorithm_2(
    agree: Agree, form: Form, dtype: torch.dtype
) -> None:
    for d_model, length in ((3, 1), (3, 2), (3, 7), (20, 3), (3, 100)):
        layer = SelectiveSSM(d_model, 4, form=form).to(dtype)
        x = torch.randn(2, length, d_model, dtype=dtype)
        h_0 = torch.randn(2, d_model, 4, dtype=dtype)
        agree(by(layer), selective_walk(layer), x, h_0, *layer.parameters())


def dense(layer: S4D, channel: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """One channel as a real system of matrices: A, B, C and the step."""
    A, C = layer.eigenvalues()[channel], layer.readout()[channel]
    dt = layer.dt_log[channel].exp().item()
    if not A.is_complex():
        return A.diag(), torch.ones(len(A), 1).double(), C[None], dt
    blocks = [torch.stack([z.real, -z.imag, z.imag, z.real]).view(2, 2) for z in A]
    B = torch.tensor([1.0, 0.0]).double().repeat(len(A)).unsqueeze(1)
    return (
        torch.block_diag(*blocks),
        B,
        torch.view_as_real(C.conj().resolve_conj()).view(1, -1),
        dt,
    )


@each_init
@each_rule
@each_form
def test_s4d_is_its_continuous_system_of_dense_matrices(
    init: str, rule: str, form: Form
) -> None:
    """Zero-order hold by the exponential of a block matrix, bilinear by solving."""
    layer = S4D(3, 8, init=init, discretization=rule, form=form, dt=(0.01, 0.5))
    layer, x = layer.double(), torch.randn(1, 40, 3).double()
    y, _ = layer(x)
    for channel in range(3):
        A, B, C, dt = dense(layer, channel)
        n, one = len(A), torch.eye(len(A)).double()
        if rule == "zoh":
            corner = torch.zeros(n + 1, n + 1).double()
            corner[:n, :n], corner[:n, n:] = A, B
            exponential = torch.linalg.matrix_exp(dt * corner)
            a, b = exponential[:n, :n], exponential[:n, n:]
        else:
            a = torch.linalg.solve(one - dt / 2 * A, one + dt / 2 * A)
            b = torch.linalg.solve(one - dt / 2 * A, dt * B)
        h = torch.zeros(n, 1).double()
        for t in range(40):
            h = a @ h + b * x[0, t, channel]
            expected = (C @ h).item() + (layer.D[channel] * x[0, t, channel]).item()
            assert y[0, t, channel].item() == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("form", ["loop", "scan", "chunked", "fused"])
def test_the_selective_system_is_its_continuous_system_of_dense_matrices(
    form: Form,
) -> None:
    """At every step anew: the exponential of Δ_t (A, B_t; 0, 0), channel by channel.

    By scipy, for torch.linalg.matrix_exp is off by up to 2e-10 here.
    """
    layer = SelectiveSSM(3, 4, form=form).double()
    x = torch.randn(1, 20, 3, dtype=torch.float64)
    y, _ = layer(x)
    p = {name: weight.detach() for name, weight in layer.named_parameters()}
    h = torch.zeros(3, 4, dtype=torch.float64)
    for t, x_t in enumerate(x[0]):
        raw = p["widen.weight"] @ (p["narrow.weight"] @ x_t) + p["widen.bias"]
        delta, B, C = (
            (1 + raw.exp()).log(),
            p["W_B.weight"] @ x_t,
            p["W_C.weight"] @ x_t,
        )
        for d in range(3):
            block = torch.zeros(5, 5, dtype=torch.float64)
            block[:4, :4], block[:4, 4] = torch.diag(-p["A_log"][d].exp()), B
            exponential = torch.from_numpy(expm((delta[d] * block).numpy()))
            h[d] = exponential[:4, :4] @ h[d] + exponential[:4, 4] * x_t[d]
            expected = (C @ h[d] + p["D"][d] * x_t[d]).item()
            assert y[0, t, d].item() == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("A", [-2.0, complex(-0.5, 3.0)], ids=["real", "complex"])
def test_both_rules_approach_the_continuous_system_at_their_order(A: complex) -> None:
    """The bilinear rule is off by O(Δ³) in one step; zero-order hold is exact."""
    a, b = zero_order_hold(torch.tensor(A), torch.tensor(0.25))
    growth = torch.exp(torch.tensor(A) * 0.25)
    torch.testing.assert_close((a, b), (growth, (growth - 1) / A))
    errors = []
    for dt in (0.02, 0.01):
        step = torch.tensor(dt, dtype=torch.float64)
        exact, rule = (f(torch.tensor(A), step) for f in (zero_order_hold, bilinear))
        errors.append(abs(exact[0] - rule[0]).item())
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.05)


def test_a_small_step_loses_no_digits() -> None:
    """B̄ → Δ as Δ → 0, where (exp(ΔA) - 1)/A would be rounded to nothing."""
    for A in (torch.tensor(-0.5), torch.tensor(complex(-0.5, 3.0))):
        dt = torch.tensor(1e-9)
        for rule in (zero_order_hold, bilinear):
            _, b = rule(A, dt)
            torch.testing.assert_close(b.real, dt, rtol=1e-6, atol=0)


def test_the_spectra_are_those_of_the_paper() -> None:
    pi = math.pi
    torch.testing.assert_close(
        spectrum("lin", 6), torch.tensor([-0.5, -0.5 + 1j * pi, -0.5 + 2j * pi])
    )
    inverse = [6 / pi * (6 / (2 * n + 1) - 1) for n in range(3)]
    torch.testing.assert_close(
        spectrum("inv", 6), torch.tensor([complex(-0.5, z) for z in inverse])
    )
    torch.testing.assert_close(spectrum("real", 3), torch.tensor([-1.0, -2.0, -3.0]))
    frequencies = spectrum("legs", 6)
    torch.testing.assert_close(frequencies.real, torch.full((3,), -0.5))
    torch.testing.assert_close(frequencies.imag, legs(6).float())


@pytest.mark.parametrize("N", [2, 4, 8, 16, 64])
def test_the_spectrum_of_legs_is_that_of_the_normal_part_of_the_dense_matrix(
    N: int,
) -> None:
    """HiPPO-LegS entry by entry, its low rank taken off, by a general solver."""
    A = torch.zeros(N, N, dtype=torch.float64)
    for n, k in product(range(N), repeat=2):
        if n > k:
            A[n, k] = -math.sqrt((2 * n + 1) * (2 * k + 1))
        elif n == k:
            A[n, k] = -(n + 1)
    p = torch.tensor([math.sqrt(n + 0.5) for n in range(N)], dtype=torch.float64)
    normal = A + torch.outer(p, p)
    torch.testing.assert_close(normal @ normal.T, normal.T @ normal)
    found = torch.linalg.eigvals(normal)
    upper = found[found.imag > 0]
    torch.testing.assert_close(
        upper.real, torch.full_like(upper.real, -0.5), rtol=0, atol=1e-10 * N
    )
    expected = upper.imag.sort().values
    torch.testing.assert_close(legs(N), expected, rtol=1e-11, atol=0)


def test_the_spectrum_of_legs_for_two_states_is_known_exactly() -> None:
    """A + p pᵀ = [[-1/2, √3/2], [-√3/2, -1/2]]."""
    assert legs(2).item() == pytest.approx(math.sqrt(3) / 2, rel=1e-14)


@each_init
def test_eigenvalues_start_where_the_spectrum_says(init: str) -> None:
    A = S4D(3, 4, init=init).eigenvalues()
    torch.testing.assert_close(A, spectrum(init, 4).expand(3, -1))
    real = SelectiveSSM(3, 4).eigenvalues()
    torch.testing.assert_close(real, spectrum("real", 4).expand(3, -1))


@each_init
def test_modes_decay_whatever_is_learned(init: str) -> None:
    layer = S4D(3, 8, init=init)
    with torch.no_grad():
        layer.A_log.copy_(torch.linspace(-8, 8, layer.A_log.numel()).view(3, -1))
    for rule in (zero_order_hold, bilinear):
        a, _ = rule(layer.eigenvalues(), layer.dt_log.exp().unsqueeze(-1))
        assert a.abs().max() < 1


@each_layer
def test_steps_give_what_the_sequence_gives(name: str) -> None:
    layer = LAYERS[name]().double()
    x = torch.randn(2, 9, 3).double()
    h = torch.randn_like(layer.initial_state(2))
    expected = layer(x, h)
    outputs = []
    for x_t in x.unbind(dim=1):
        y_t, h = layer.step(x_t, h)
        outputs.append(y_t)
    torch.testing.assert_close((torch.stack(outputs, dim=1), h), expected)


@each_layer
def test_a_sequence_may_be_cut_anywhere(name: str) -> None:
    layer = LAYERS[name]().double()
    x, h = torch.randn(2, 5, 3).double(), torch.randn_like(layer.initial_state(2))
    y, last = layer(x, h)
    for cut in range(6):
        first, between = layer(x[:, :cut], h)
        second, end = layer(x[:, cut:], between)
        torch.testing.assert_close(torch.cat([first, second], dim=1), y)
        torch.testing.assert_close(end, last)


@each_layer
def test_the_state_starts_at_zero(name: str) -> None:
    layer = LAYERS[name]()
    x = torch.randn(2, 9, 3, dtype=layer.D.dtype)
    zero = layer.initial_state(2)
    assert zero.shape == (2, *layer.eigenvalues().shape)
    assert zero.count_nonzero() == 0
    torch.testing.assert_close(layer(x), layer(x, zero))


def test_outputs_are_real_and_of_the_precision_of_the_input() -> None:
    for dtype, layer in product(
        (torch.float32, torch.float64), (S4D(3, 4), SelectiveSSM(3))
    ):
        y, _ = layer.to(dtype)(torch.randn(2, 5, 3, dtype=dtype))
        assert y.dtype == dtype


def test_the_kernel_loses_no_phase_over_a_long_sequence() -> None:
    """The modes hardly decay, so the last output is that of 4096 powers."""
    layer, x = S4D(1, 64, dt=(0.1, 0.1), form="fft"), torch.randn(1, 4096, 1)
    with torch.no_grad():
        layer.A_log.fill_(-12)
        single, _ = layer(x)
        a, b = layer.discrete()
        h, true = torch.zeros(64 // 2, dtype=torch.complex128), []
        for x_t in x.flatten().double():
            h = a[0].to(h.dtype) * h + b[0] * x_t
            true.append((layer.readout()[0] * h).sum().real)
        exact = torch.stack(true) + layer.D.double() * x.flatten()
    error = (single.flatten() - exact).abs().max() / exact.abs().max()
    assert error < 2e-6


def test_the_kernel_is_convolved_in_a_chain_that_does_not_grow() -> None:
    layer, chains = S4D(3, 4, form="fft"), []
    for length in (32, 1024):
        x = torch.randn(2, length, 3)
        with SpanMeter() as meter:
            chains.append(meter.depth(layer(x)[0]))
    assert chains[0] == chains[1]


def test_a_selective_step_starts_between_its_bounds() -> None:
    layer = SelectiveSSM(2000)
    dt = torch.nn.functional.softplus(layer.widen.bias)
    assert 0.99e-3 < dt.min() < 1.05e-3
    assert 0.0965 < dt.max() < 1.01e-1


@pytest.mark.parametrize(("d_model", "rank"), [(1, 1), (16, 1), (17, 2), (40, 3)])
def test_a_selective_step_is_decided_through_few_channels(
    d_model: int, rank: int
) -> None:
    assert SelectiveSSM(d_model).narrow.weight.shape == (rank, d_model)


def test_step_sizes_fill_their_decades_evenly() -> None:
    dt = log_uniform(10_000, 1e-3, 1e-1).log10()
    assert dt.min() >= -3.001
    assert dt.max() <= -0.999
    assert dt.median().item() == pytest.approx(-2, abs=0.1)


def test_the_input_decides_what_is_kept() -> None:
    """A large step forgets the state; a step near zero leaves it as it is."""
    layer = SelectiveSSM(1, 2)
    with torch.no_grad():
        layer.narrow.weight.fill_(1)
        layer.widen.weight.fill_(100)
        layer.W_B.weight.zero_()
    h = torch.ones(1, 1, 2)
    _, kept = layer.step(torch.tensor([[-1.0]]), h)
    _, gone = layer.step(torch.tensor([[1.0]]), h)
    torch.testing.assert_close(kept, h)
    torch.testing.assert_close(gone, torch.zeros_like(h))


def test_what_does_not_fit_is_refused_saying_what_would() -> None:
    x = torch.zeros(2, 5, 3)
    with pytest.raises(
        ValueError, match="init='hippo' is unknown; inits: lin, inv, legs"
    ):
        S4D(3, 4, init="hippo")
    with pytest.raises(ValueError, match=r"d_state=5: init='inv' needs .* even number"):
        S4D(3, 5, init="inv")
    with pytest.raises(ValueError, match=r"d_state=5: init='legs' needs .* even"):
        S4D(3, 5, init="legs")
    with pytest.raises(ValueError, match="'euler' is unknown; discretizations: zoh, b"):
        S4D(3, 4, discretization="euler")
    with pytest.raises(ValueError, match=r"dt=\(0.1, 0.01\); needs 0 < dt\[0\] ≤"):
        S4D(3, 4, dt=(0.1, 0.01))
    with pytest.raises(ValueError, match=r"form='walk' is unknown; forms: loop, scan"):
        S4D(3, 4, form="walk")(x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="use form='scan'"):
        SelectiveSSM(3, form="fft")(x)
    for layer in (S4D(3, 4), S4D(3, 4, form="fft"), SelectiveSSM(3, 2)):
        with pytest.raises(ValueError, match=r"state has shape \(1, 3, 2\); expected"):
            layer(x, layer.initial_state(1))
        with pytest.raises(
            ValueError, match=r"x has shape \(2, 5, 1\); .* = \(B, T, 3\)"
        ):
            layer(x[..., :1])
