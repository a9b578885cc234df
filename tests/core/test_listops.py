"""Lists have the value that another evaluator gives them."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
import torch
from torch import Generator

from bookfigs.core.listops import WORDS, ListOps
from bookfigs.core.tasks import IGNORE

VALUES: dict[str, Any] = {
    "[MIN": min,
    "[MAX": max,
    "[MED": statistics.median,
    "[SM": lambda digits: sum(digits) % 10,
}


def words(row: list[int]) -> list[str]:
    """What a row says, without its padding."""
    return [WORDS[token] for token in row if token]


def value(written: list[str]) -> int:
    """By a stack: a closing bracket replaces its list by its value."""
    stack: list[str] = []
    for word in written:
        stack.append(word)
        if word == "]":
            begin = max(i for i, w in enumerate(stack) if w.startswith("["))
            digits = [float(w) for w in stack[begin + 1 : -1]]
            stack[begin:] = [str(int(VALUES[stack[begin]](digits)))]
    (last,) = stack
    return int(last)


def levels(written: list[str]) -> int:
    """Levels of the tree, that of the digits too."""
    deepest = level = 0
    for word in written:
        level += word.startswith("[")
        deepest = max(deepest, level)
        level -= word == "]"
    return deepest + 1


def drawn(task: ListOps, batch: int = 200) -> tuple[list[list[str]], list[int]]:
    x, target = task.draw(batch, Generator().manual_seed(0))
    assert (target[:, :-1] == IGNORE).all()
    return [words(row) for row in x.tolist()], target[:, -1].tolist()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),
        ("[MED 1 2 ]", 1),
        ("[MED 9 0 5 ]", 5),
        ("[SM 7 8 [MED 4 1 8 9 ] ]", 1),
    ],
)
def test_the_evaluator_of_these_tests_knows_lists_by_hand(
    written: str, expected: int
) -> None:
    assert value(written.split()) == expected


@pytest.mark.parametrize(
    "task",
    [
        ListOps(60),
        ListOps(400, shortest=100),
        ListOps(40, depth=2),
        ListOps(12, depth=2, nested=1.0),
        ListOps(100, depth=4, arguments=3, nested=0.9),
    ],
    ids=repr,
)
def test_the_answer_is_the_value_of_the_list(task: ListOps) -> None:
    lists, answers = drawn(task)
    assert [value(written) for written in lists] == answers
    assert all(task.shortest <= len(w) <= task.length for w in lists)
    assert max(map(levels, lists)) <= task.depth


def test_lists_use_all_that_they_may() -> None:
    lists, answers = drawn(ListOps(200, depth=3, arguments=5), 500)
    assert {word for written in lists for word in written} == set(WORDS) - {""}
    assert set(answers) == set(range(10))
    assert max(map(levels, lists)) == 3
    members = {len(w) - 2 for w in lists if levels(w) == 2}
    assert members == {2, 3, 4, 5}


def test_the_padding_comes_first() -> None:
    x, _ = ListOps(60).draw(200, Generator().manual_seed(0))
    assert (x[:, -1] == WORDS.index("]")).all()
    padded = (x == 0).long()
    assert (padded.diff(dim=1) <= 0).all()
    assert padded.sum() > 0


def test_lists_as_long_as_in_the_long_range_arena_are_drawn() -> None:
    lists, answers = drawn(ListOps(2000, shortest=500), 20)
    assert [value(written) for written in lists] == answers
    assert max(map(levels, lists)) <= 10


def test_a_digit_is_a_list_as_often_as_said() -> None:
    lists, _ = drawn(ListOps(1000, depth=3, arguments=2, nested=0.25), 2000)
    members = sum(2 for _ in lists)
    nested = sum(1 for w in lists for word in w[1:] if word.startswith("["))
    assert nested / members == pytest.approx(0.25, abs=0.03)
    assert torch.tensor([len(w) for w in lists]).min() == 4
