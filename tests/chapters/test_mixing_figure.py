"""What is proven of a linear stack, and that the arms are what they are called."""

import math
import sys
from collections.abc import Callable
from itertools import product
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bookfigs.book import Book
from bookfigs.core.mixers import LRUMixer, RNNMixer
from bookfigs.core.tasks import IGNORE, Parity, Xor
from bookfigs.figure import load
from bookfigs.provenance import this_device
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
SHOWN = load("mixing", BOOK.figures()["mixing"], BOOK.root)
FIGURE: ModuleType = sys.modules["bookfigs_figure_mixing"]
CPU = this_device("cpu")
PAIRS = list(product((0, 1), repeat=2))
WIDTH = 32


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything as in the figure, but less of it."""
    torch.manual_seed(0)
    monkeypatch.setattr(FIGURE, "TRAINING", {"product": 3, "parity": 3})
    monkeypatch.setattr(FIGURE, "BATCH", 4)
    monkeypatch.setattr(FIGURE, "SEARCHED", range(100, 101))
    monkeypatch.setattr(FIGURE, "SEEDS", range(2))
    monkeypatch.setattr(FIGURE, "TESTED", 32)


def defect(model: nn.Module) -> float:
    """Largest share of the logit by which superposition is missed."""
    x = torch.randint(2, (64, 40))
    with torch.no_grad():
        off, logit = FIGURE.bends(model.double(), x)
    return float(off.abs().max() / logit.abs().max())


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_stack_of_linear_recurrences_obeys_superposition(depth: int) -> None:
    model = FIGURE.build("linear", WIDTH, depth=depth)
    assert len(model.blocks) == depth
    assert defect(model) < 1e-12


@pytest.mark.parametrize("arm", ["norm", "mlp", "glu", "bare_rnn"])
def test_anything_nonlinear_breaks_superposition(arm: str) -> None:
    assert defect(FIGURE.build(arm, WIDTH)) > 1e-6


def test_the_linear_arm_holds_nothing_but_linear_maps() -> None:
    kinds = {type(part).__name__ for part in FIGURE.build("linear", WIDTH).modules()}
    assert kinds == {
        "Model", "Embedding", "ModuleList", "Block", "LRUMixer", "LRU", "Identity",
        "Linear",
    }  # fmt: skip


def additive(count: int) -> Tensor:
    """Scores c + g(a) + g'(b) of the four pairs of coins: (count, 4)."""
    g, other = torch.randn(2, count, 2).double()
    c = torch.randn(count).double()
    return torch.stack([c + g[:, a] + other[:, b] for a, b in PAIRS], dim=1)


SIGNS = torch.tensor([2.0 * (a ^ b) - 1 for a, b in PAIRS]).double()


def test_no_sum_over_coins_answers_all_four_pairs() -> None:
    right = ((additive(20_000) * SIGNS) > 0).sum(1)
    assert right.max() == 3


def test_no_sum_over_coins_has_a_loss_below_guessing() -> None:
    losses = nn.functional.softplus(-additive(20_000) * SIGNS).mean(1)
    assert losses.min() >= math.log(2) - 1e-12
    assert nn.functional.softplus(torch.zeros(())).item() == pytest.approx(math.log(2))


def test_a_product_would_answer_them_all() -> None:
    score = torch.tensor([-(2.0 * a - 1) * (2 * b - 1) for a, b in PAIRS]).double()
    assert ((score * SIGNS) > 0).all()


def test_coefficients_stay_positive_and_real_in_training() -> None:
    experiment = FIGURE.experiment(CPU, "parity", "positive", steps=30)
    mixer: Any = experiment.train(1e-1, 0).model.blocks[0].mixer
    assert isinstance(mixer, LRUMixer)
    a = mixer.layer.eigenvalues().detach()
    assert (a.real > 0).all()
    assert (a.imag / a.real).abs().max() <= 1e-6
    complex_: Any = FIGURE.build("glu", WIDTH).blocks[0].mixer
    assert (complex_.layer.eigenvalues().real < 0).any()


def test_signed_coefficients_may_be_negative_and_those_of_mingru_not() -> None:
    x = 9 * torch.randn(2, 50, WIDTH)
    least = {}
    for arm in ("signed", "mingru"):
        mixer: Any = FIGURE.build(arm, WIDTH).blocks[0].mixer
        least[arm] = mixer.coefficients(x)[0].min().item()
    assert least["signed"] < -0.5
    assert least["mingru"] > 0


def test_arms_differ_in_what_their_names_say_alone() -> None:
    models = {arm: FIGURE.build(arm, WIDTH) for arm in FIGURE.OPTIONS}
    has = {arm: model.blocks[0].channel is not None for arm, model in models.items()}
    assert {arm for arm in has if not has[arm]} == {"linear", "norm", "bare_rnn"}
    assert isinstance(models["rnn"].blocks[0].mixer, RNNMixer)
    assert {model.head.in_features for model in models.values()} == {WIDTH}


class Knows(nn.Module):
    """Answers from the coins by a rule."""

    def __init__(self, rule: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rule, self.weight = rule, nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Any]]:
        score = 20 * self.rule(x).double() - 10
        return torch.stack([-score, score], dim=-1) + self.weight, []


RULES: dict[str, Callable[[Tensor], Tensor]] = {
    "parity": lambda x: x.cumsum(1) % 2,
    "product": lambda x: x ^ x.roll(FIGURE.LAG, 1),
}


@pytest.mark.parametrize("task", RULES)
def test_one_who_knows_answers_every_stretch(task: str) -> None:
    for answer in FIGURE.answers(Knows(RULES[task]), task):
        assert answer.right == 1
        assert answer.nats < 1e-3
        assert answer.bend > 0.5


def test_one_who_says_always_the_same_guesses() -> None:
    for answer in FIGURE.answers(Knows(torch.ones_like), "parity"):
        assert answer.right == pytest.approx(0.5, abs=0.2)
        assert answer.bend == 0


def test_every_answer_that_is_counted_was_asked() -> None:
    for task in (Parity(FIGURE.STEPS[-1]), Xor(FIGURE.STEPS[-1], FIGURE.LAG)):
        target = task.draw(3, torch.Generator()).target
        assert (target[:, FIGURE.STEPS[0] // 2 :] != IGNORE).all()


@pytest.mark.parametrize("point", SHOWN.points, ids=lambda p: f"{p['task']} {p['arm']}")
def test_every_arm_is_measured_at_every_step_with_all_seeds(
    point: dict[str, str],
) -> None:
    rows = list(SHOWN.rows(device=CPU, **point))
    assert [row["step"] for row in rows] == FIGURE.STEPS
    for row in rows:
        assert row.keys() == SHOWN.columns.keys()
        for name in ("right", "nats", "bend", "rate"):
            cell = row[name]
            assert isinstance(cell, list)
            assert len(cell) == 2
            assert all(map(math.isfinite, cell))
