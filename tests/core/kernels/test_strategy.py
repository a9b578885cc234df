"""How the linear recurrence is cut: by the shape alone, and it says why."""

from itertools import product

import pytest

from bookfigs.core.kernels.strategy import LONGEST, TILE_BYTES, Strategy, strategy

A100, H200 = 108, 132


@pytest.mark.parametrize(
    ("shape", "name", "tile"),
    [
        ((8, 8192, 64), "split", (32, 32)),
        ((8, 8192, 1024), "split", (32, 32)),
        ((8, 8192, 1536), "walk", (32, 32)),
        ((1, 65536, 65536), "walk", (16, 64)),
        ((256, 4096, 512), "walk", (8, 128)),
        ((8, 64, 64), "walk", (32, 32)),
        ((1, 65536, 1), "split", (LONGEST, 1)),
        ((4096, 3, 65), "walk", (4, 32)),
        ((1, 1, 1), "walk", (1, 1)),
    ],
)
def test_few_channels_are_split_and_many_walked(
    shape: tuple[int, int, int], name: str, tile: tuple[int, int]
) -> None:
    plan = strategy(*shape, 4, H200)
    assert (plan.name, (plan.block_t, plan.block_n)) == (name, tile), plan


EVERY = [
    (shape, size, processors, strategy(*shape, size, processors))
    for *shape, size, processors in product(
        (1, 3, 500),
        (1, 7, 1000, 65536),
        (1, 3, 64, 65, 5000),
        (4, 8, 16),
        (A100, H200),
    )
]


def chunks(steps: int, plan: Strategy) -> int:
    return -(-steps // plan.chunk)


def test_no_tile_is_larger_than_the_registers_hold() -> None:
    for _, size, _, plan in EVERY:
        assert plan.block_t * plan.block_n * size <= TILE_BYTES
        assert plan.block_t & (plan.block_t - 1) == 0
        assert plan.block_n & (plan.block_n - 1) == 0


def test_all_chunks_but_the_last_are_whole_tiles_and_none_is_empty() -> None:
    for (_, T, _), _, _, plan in EVERY:
        assert plan.chunk % plan.block_t == 0 or plan.name == "walk"
        assert (chunks(T, plan) - 1) * plan.chunk < T <= chunks(T, plan) * plan.chunk
        assert chunks(T, plan) == 1 if plan.name == "walk" else chunks(T, plan) > 1


def test_to_split_is_to_have_many_times_the_programs() -> None:
    for (B, T, N), _, processors, plan in EVERY:
        blocks = B * -(-N // plan.block_n)
        if plan.name == "split":
            assert blocks < 2 * processors
            assert blocks * chunks(T, plan) <= 9 * processors
        assert str(processors) in plan.reason
