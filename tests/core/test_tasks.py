"""Every task asks what it says, and the score counts what is answered."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from bookfigs.core.listops import ListOps
from bookfigs.core.tasks import (
    CLOSE,
    IGNORE,
    Adding,
    Batch,
    Copying,
    Labelled,
    Parity,
    Task,
    Xor,
    loss,
    right,
)

GIVEN = torch.arange(12.0).view(4, 3)
LABELS = torch.tensor([2, 0, 1, 2])

TASKS: dict[str, Task] = {
    "parity": Parity(9),
    "xor": Xor(9, 3),
    "adding": Adding(9),
    "copying": Copying(30),
    "copying in no room to spare": Copying(20),
    "selective copying": Copying(30, selective=True),
    "labelled": Labelled(GIVEN, LABELS, d_output=3),
    "listops": ListOps(40),
}
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def drawn(task: Task, batch: int = 64, seed: int = 0) -> Batch:
    return task.draw(batch, Generator().manual_seed(seed))


def parities(x: list[int]) -> list[float]:
    return [float(sum(x[: t + 1]) % 2) for t in range(len(x))]


def differences(x: list[int]) -> list[int]:
    return [IGNORE] * 3 + [int(x[t] != x[t - 3]) for t in range(3, len(x))]


def sums(x: list[list[float]]) -> list[float]:
    marked = [number for number, mark in x if mark == 1]
    return [IGNORE] * (len(x) - 1) + [sum(marked)]


def copies(x: list[int]) -> list[int]:
    kept = [token - 2 for token in x if token >= 2]
    return [IGNORE if token != 1 else kept.pop(0) for token in x]


def of_given(x: list[float]) -> list[float]:
    row = GIVEN.tolist().index(x)
    return [IGNORE, IGNORE, LABELS.tolist()[row]]


STATED = {
    "parity": parities,
    "xor": differences,
    "adding": sums,
    "copying": copies,
    "copying in no room to spare": copies,
    "selective copying": copies,
    "labelled": of_given,
}


@pytest.mark.parametrize("name", STATED)
def test_a_task_asks_what_its_statement_says(name: str) -> None:
    x, target = drawn(TASKS[name])
    stated: Any = STATED[name]
    expected = torch.tensor([stated(row) for row in x.tolist()], dtype=target.dtype)
    torch.testing.assert_close(target, expected)


@each_task
def test_the_same_seed_draws_the_same_batch_and_another_another(task: Task) -> None:
    torch.testing.assert_close(drawn(task), drawn(task), rtol=0, atol=0)
    assert not torch.equal(drawn(task).x, drawn(task, seed=1).x)


@each_task
def test_a_generator_goes_on_and_nothing_else_is_drawn_from(task: Task) -> None:
    generator, before = Generator().manual_seed(0), torch.get_rng_state()
    first, second = task.draw(64, generator), task.draw(64, generator)
    assert not torch.equal(first.x, second.x)
    assert torch.equal(torch.get_rng_state(), before)


@each_task
def test_inputs_and_targets_have_the_shapes_and_ranges_declared(task: Task) -> None:
    x, target = drawn(task)
    assert target.shape == x.shape[:2]
    answers = target[target != IGNORE]
    if task.tokens:
        assert x.dtype == torch.int64
        assert x.min() >= 0
        assert x.max() == task.d_input - 1
    if not target.is_floating_point():
        assert set(answers.tolist()) == set(range(task.d_output))


@each_task
def test_every_sequence_is_asked_as_often_as_any_other(task: Task) -> None:
    asked = (drawn(task).target != IGNORE).sum(1)
    assert asked.min() == asked.max() >= 1


def test_one_number_is_marked_in_each_half() -> None:
    for length in (2, 3, 9, 10):
        marks = drawn(Adding(length), 500).x[..., 1]
        halves = marks[:, : length // 2], marks[:, length // 2 :]
        assert all((half.sum(1) == 1).all() for half in halves)
        assert (marks.sum(0) > 0).all(), "some number is never marked"


def test_selective_symbols_lie_anywhere_and_others_always_first() -> None:
    for selective, possible in ((False, 10), (True, 20)):
        x = drawn(Copying(30, selective=selective), 500).x
        assert ((x >= 2).sum(1) == 10).all()
        assert ((x >= 2).any(0).sum()) == possible


def test_coins_and_symbols_are_fair() -> None:
    share = drawn(Parity(100), 1000).x.double().mean().item()
    assert share == pytest.approx(0.5, abs=0.01)
    kept = drawn(Copying(20), 4000).target
    counts = torch.bincount(kept[kept != IGNORE]) / 40_000
    torch.testing.assert_close(counts, torch.full((8,), 1 / 8), rtol=0, atol=0.01)


def test_to_answer_one_always_costs_a_sixth_in_the_adding_task() -> None:
    task = Adding(20)
    target = drawn(task, 20_000).target
    y = torch.ones(*target.shape, 1)
    assert loss(y, target).item() == pytest.approx(1 / 6, abs=0.005)


def test_one_coin_says_nothing_about_the_difference() -> None:
    """Logistic regression on any sum of functions of single coins ends at zero."""
    x, target = drawn(Xor(9, 3), 20_000)
    for answer in target[:, 3:].T:
        given_one = [answer[coin == 1].double().mean() for coin in x.T]
        shares = torch.stack(given_one)
        torch.testing.assert_close(
            shares, torch.full_like(shares, 0.5), rtol=0, atol=0.02
        )


def test_loss_and_score_of_classes_by_hand() -> None:
    y = torch.tensor([[[0.0, 0.0], [3.0, 1.0], [0.0, 2.0]]])
    target = torch.tensor([[IGNORE, 0, 0]])
    errors = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert loss(y, target).item() == pytest.approx(sum(errors) / 2, rel=1e-6)
    assert right(y, target).item() == 0.5


def test_loss_and_score_of_numbers_by_hand() -> None:
    y = torch.tensor([[[9.0], [1.5], [1.0]], [[9.0], [0.25], [0.25]]])
    target = torch.tensor([[IGNORE, 1.0, 1.0 + CLOSE / 2], [IGNORE, 0.25, 0.0]])
    squares = 0.25, (CLOSE / 2) ** 2, 0.0, 0.0625
    assert loss(y, target).item() == pytest.approx(sum(squares) / 4, rel=1e-5)
    assert right(y, target).item() == 0.5


def test_where_nothing_is_asked_there_is_no_loss_and_no_score() -> None:
    for target in (torch.full((2, 3), IGNORE), torch.full((2, 3), float(IGNORE))):
        y = torch.zeros(2, 3, 1)
        assert loss(y, target).isnan()
        assert right(y, target).isnan()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Xor(4, 4), "needs 0 < lag < length"),
        (lambda: Xor(4, 0), "needs 0 < lag < length"),
        (lambda: Adding(1), "needs length ≥ 2"),
        (lambda: Copying(19), "needs 0 < 2·symbols ≤ length"),
        (lambda: Copying(19, symbols=0), "needs 0 < 2·symbols ≤ length"),
        (lambda: Labelled(GIVEN, LABELS[:3], 3), "expected one label for each"),
        (lambda: ListOps(3, shortest=3), "4 ≤ shortest ≤ length"),
        (lambda: ListOps(50, shortest=51), "4 ≤ shortest ≤ length"),
        (lambda: ListOps(50, arguments=1), "arguments ≥ 2"),
        (lambda: ListOps(50, depth=1), "depth ≥ 2"),
        (lambda: ListOps(50, nested=1.5), "0 ≤ nested ≤ 1"),
        (lambda: ListOps(50, shortest=13, depth=2), "shortest ≤ 12, the longest list"),
    ],
)
def test_what_cannot_be_asked_is_refused_saying_what_can(
    make: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_shortest_sequences_that_are_allowed_can_be_drawn() -> None:
    shortest: list[Task] = [
        Xor(2, 1),
        Adding(2),
        Copying(2, symbols=1),
        Parity(1),
        ListOps(4),
    ]
    for task in shortest:
        target: Tensor = drawn(task, 3).target
        assert (target != IGNORE).any(dim=1).all()
