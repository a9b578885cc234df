"""The Linear Recurrent Unit: its equations, and how it starts."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, get_args

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from bookfigs.core.lru import LRU, ring
from bookfigs.core.recurrence import Form, linear_recurrence

if TYPE_CHECKING:
    from core.conftest import Agree, Program

FORMS: tuple[Form, ...] = tuple(form for form in get_args(Form) if form != "log")
"""Forms that allow complex coefficients."""
each_form = pytest.mark.parametrize("form", FORMS)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def by(layer: LRU, form: Form) -> Program:
    """The layer as a function of its input, initial state and parameters."""
    names = [name for name, _ in layer.named_parameters()]

    def program(x: Tensor, h_0: Tensor, *weights: Tensor) -> Tensor:
        parameters = dict(zip(names, weights, strict=True))
        y: Tensor = functional_call(layer, parameters, (x, h_0), {"form": form})
        return y.to(h_0.dtype)

    return program


def equations(layer: LRU) -> Program:
    """What the docstring says, one step after another."""
    names = [name for name, _ in layer.named_parameters()]

    def program(x: Tensor, h: Tensor, *weights: Tensor) -> Tensor:
        p = dict(zip(names, weights, strict=True))
        eigenvalues = torch.exp(torch.complex(-p["nu_log"].exp(), p["theta_log"].exp()))
        B, C = p["B_re"] + 1j * p["B_im"], p["C_re"] + 1j * p["C_im"]
        outputs = []
        for x_t in x.unbind(dim=1):
            h = eigenvalues * h + p["gamma_log"].exp() * (x_t.to(B.dtype) @ B.T)
            outputs.append((h @ C.T).real + p["D"] * x_t)
        return torch.stack(outputs, dim=1).to(h.dtype)

    return program


@each_form
@each_dtype
def test_every_form_is_the_equations(
    agree: Agree, form: Form, dtype: torch.dtype, length: int
) -> None:
    layer = LRU(3, 4, r_min=0.5, r_max=0.99).to(dtype)
    x = torch.randn(2, length, 3, dtype=dtype)
    h_0 = torch.randn(2, 4, dtype=dtype.to_complex())
    agree(by(layer, form), equations(layer), x, h_0, *layer.parameters())


@each_form
def test_the_layer_is_its_system_of_dense_matrices(form: Form) -> None:
    """Unrolled: y_t = Re(C Λᵗ h_0 + C Σ_s Λᵗ⁻ˢ Γ B x_s) + D x_t, powers of a matrix."""
    layer = LRU(3, 4, r_min=0.5, r_max=0.99).double()
    x = torch.randn(2, 30, 3, dtype=torch.float64)
    h_0 = torch.randn(2, 4, dtype=torch.complex128)
    y = layer(x, h_0, form=form)
    p = {name: weight.detach() for name, weight in layer.named_parameters()}
    modulus, phase = torch.exp(-torch.exp(p["nu_log"])), torch.exp(p["theta_log"])
    turn = torch.complex(torch.cos(phase), torch.sin(phase))
    Lambda = torch.diag(modulus * turn)
    Gamma = torch.diag(p["gamma_log"].exp()).to(Lambda.dtype)
    B, C = torch.complex(p["B_re"], p["B_im"]), torch.complex(p["C_re"], p["C_im"])
    powers = [torch.linalg.matrix_power(Lambda, k) for k in range(31)]
    for batch, t in product(range(2), range(30)):
        h = powers[t + 1] @ h_0[batch]
        for s in range(t + 1):
            h = h + powers[t - s] @ Gamma @ B @ x[batch, s].to(B.dtype)
        expected = (C @ h).real + torch.diag(p["D"]) @ x[batch, t]
        torch.testing.assert_close(y[batch, t], expected, rtol=0, atol=1e-12)


def test_the_state_starts_at_zero() -> None:
    layer, x = LRU(3, 4), torch.randn(2, 7, 3)
    zero = torch.zeros(2, 4, dtype=torch.complex64)
    torch.testing.assert_close(layer(x), layer(x, zero))


@each_form
def test_no_steps_give_no_outputs(form: Form) -> None:
    assert LRU(3, 4)(torch.zeros(2, 0, 3), form=form).shape == (2, 0, 3)


def test_the_form_is_checked() -> None:
    with pytest.raises(ValueError, match="forms: loop, scan, hillis_steele"):
        LRU(3, 4)(torch.zeros(2, 5, 3), form="walk")


def farthest_from_uniform(sample: Tensor) -> float:
    """Kolmogorov's distance between a sample and the uniform law on [0, 1]."""
    ordered = sample.double().sort().values
    below = torch.arange(len(ordered)) / len(ordered)
    return float((ordered - below).abs().max())


def allowed(n: int) -> float:
    """Exceeded with probability 1e-9 at most (Dvoretzky-Kiefer-Wolfowitz)."""
    return math.sqrt(math.log(2 / 1e-9) / (2 * n)) + 1 / n


@pytest.mark.parametrize(("r_min", "r_max"), [(0.0, 1.0), (0.4, 0.8), (0.9, 0.999)])
def test_eigenvalues_start_on_the_ring_uniform_in_area(
    r_min: float, r_max: float
) -> None:
    n = 50_000
    nu, theta = ring(n, r_min, r_max, math.pi / 10)
    area = (torch.exp(-2 * nu.double()) - r_min**2) / (r_max**2 - r_min**2)
    phase = theta / (math.pi / 10)
    for uniform in (area, phase):
        assert uniform.min() > -1e-5
        assert uniform.max() < 1 + 1e-5
        assert farthest_from_uniform(uniform) <= allowed(n)
    related = torch.corrcoef(torch.stack([area, phase.double()]))[0, 1]
    assert abs(related) < 6 / math.sqrt(n)


def test_the_eigenvalues_are_those_of_the_ring() -> None:
    layer = LRU(2, 1000, r_min=0.4, r_max=0.8, max_phase=1.0)
    eigenvalues = layer.eigenvalues()
    assert eigenvalues.abs().min() >= 0.4 - 1e-6
    assert eigenvalues.abs().max() <= 0.8 + 1e-6
    assert 0 < eigenvalues.angle().min() < 0.1
    assert 0.9 < eigenvalues.angle().max() <= 1


def test_eigenvalues_stay_inside_the_unit_circle_whatever_is_learned() -> None:
    layer = LRU(2, 100)
    with torch.no_grad():
        layer.nu_log.copy_(torch.linspace(-15, 15, 100))
    assert (layer.eigenvalues().abs() < 1).all()


@pytest.mark.parametrize(
    "r_min",
    [
        0.0,
        0.9,
        0.999,
    ],
)
def test_the_ends_of_the_random_numbers_are_eigenvalues_too(
    monkeypatch: pytest.MonkeyPatch, r_min: float
) -> None:
    ends = torch.tensor([0.0, 1 - 2**-24]).expand(2, 2)
    monkeypatch.setattr(torch, "rand", lambda *_: ends)
    layer = LRU(2, 2, r_min=r_min)
    assert all(weight.isfinite().all() for weight in layer.parameters())
    assert (layer.eigenvalues().abs() < 1).all()


@pytest.mark.parametrize(("r_min", "r_max"), [(0.0, 0.9), (0.9, 0.99)])
def test_white_noise_gives_states_of_variance_one(r_min: float, r_max: float) -> None:
    """In expectation: γ² Σ |λ|²ᵗ, the energy of the answer to an impulse."""
    layer = LRU(2, 50, r_min=r_min, r_max=r_max).double()
    impulse = torch.zeros(1, 3000, 50, dtype=torch.complex128)
    impulse[:, 0] = layer.gamma_log.exp()
    h = linear_recurrence(layer.eigenvalues(), impulse)
    energy = h.abs().square().sum(dim=1)
    torch.testing.assert_close(energy, torch.ones_like(energy), rtol=1e-5, atol=0)


def test_the_normalisation_keeps_its_digits_near_the_unit_circle() -> None:
    layer = LRU(2, 1000, r_min=0.9999, r_max=0.99999)
    nu = layer.nu_log.detach().double().exp()
    expected = (-torch.expm1(-2 * nu)).sqrt()
    got = layer.gamma_log.detach().double().exp()
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=0)


def test_the_maps_start_normal_with_the_variance_of_their_docstring() -> None:
    layer = LRU(64, 128)
    variances = {"B_re": 1 / 128, "B_im": 1 / 128, "C_re": 1 / 128, "C_im": 1 / 128}
    for name, variance in variances.items():
        weight = layer.get_parameter(name).detach()
        deviations = (weight.square().mean() / variance - 1) * math.sqrt(
            weight.numel() / 2
        )
        assert abs(deviations) < 6, name
    assert layer.B_re.shape == (128, 64)
    assert layer.C_re.shape == (64, 128)
    assert not torch.equal(layer.B_re, layer.B_im)


@pytest.mark.parametrize(
    "wrong",
    [
        {"r_min": -0.1},
        {"r_min": 0.5, "r_max": 0.5},
        {"r_min": 0.9, "r_max": 0.8},
        {"r_max": 1.1},
        {"r_max": math.nan},
        {"max_phase": 0.0},
        {"max_phase": -1.0},
    ],
    ids=str,
)
def test_a_ring_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    name, value = list(wrong.items())[-1]
    message = rf"{name}={value}.*needs 0 ≤ r_min < r_max ≤ 1 and max_phase > 0"
    with pytest.raises(ValueError, match=message):
        LRU(2, 2, **wrong)
