"""One more token: what is kept for it, counted."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from bookfigs.book import Book
from bookfigs.figure import load
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
FIGURE = load("decoding", BOOK.figures()["decoding"], BOOK.root)
MODULE: Any = sys.modules["bookfigs_figure_decoding"]


@pytest.mark.parametrize("T", [1, 3, 64])
@pytest.mark.parametrize("arm", ["lru", "rnn", "attention"])
def test_what_is_kept_is_what_the_closed_form_says(arm: str, T: int) -> None:
    decoder = MODULE.decoders("cpu")[arm]
    memory = MODULE.after(decoder, torch.randn(2, T, MODULE.WIDTH))
    assert memory.nbytes == 2 * MODULE.closed_form(arm, T)


@pytest.mark.parametrize("arm", ["lru", "rnn", "attention"])
def test_a_timed_step_goes_on_from_what_was_kept_and_does_so_again(arm: str) -> None:
    decoder = MODULE.decoders("cpu")[arm]
    x = torch.randn(1, 9, MODULE.WIDTH)
    memory = MODULE.after(decoder, x[:, :8])
    once, again = (MODULE.step(decoder, x[:, 8], memory)()[0] for _ in range(2))
    assert torch.equal(once, again)
    whole = decoder.mixer(x)[0][:, 8].detach()
    torch.testing.assert_close(once, whole, rtol=1e-4, atol=1e-5)


def test_points_have_every_length_once_and_the_quick_one_both_ends() -> None:
    lengths = [T for point in FIGURE.points for T in point["lengths"]]
    assert sorted(lengths) == MODULE.LENGTHS
    assert FIGURE.quick[0] in FIGURE.points
    quick = FIGURE.quick[0]["lengths"]
    assert {MODULE.SHORTEST, MODULE.LONGEST} <= set(quick)


def test_every_arm_has_a_look() -> None:
    assert set(MODULE.decoders("cpu")) == set(MODULE.TIMED) == set(MODULE.LOOKS)
