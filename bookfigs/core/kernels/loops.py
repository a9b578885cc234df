"""The fused loops over time, for numba to compile.

Each takes blocks of neighbouring channels of one sequence until none
is left, and walks through time with the state in registers. Threads
that run the same loop on the same job share its blocks.

A job is an array of 64-bit integers: the next block, the number of
blocks, of blocks per sequence, of steps, the bytes per step; then,
for each tensor, the address of its first number and the bytes from
one sequence to the next and from one step to the next.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from bookfigs.core.kernels import CHUNK
from bookfigs.core.kernels.lanes import (
    add_product,
    conjugate,
    flush,
    full,
    load,
    negate,
    store,
    take_ticket,
    tanh,
)

Job: TypeAlias = Any
Loop: TypeAlias = Callable[[Job], None]
Place: TypeAlias = Callable[..., int]

inlined: Callable[[Place], Place] = import_module("numba").njit


@inlined
def place(job: Job, tensor: int, block: int, width: int) -> int:
    """Where in a tensor a block of channels starts, ``width`` bytes.

    The last block of a sequence ends with the last channel, even if
    it then repeats channels of the one before.
    """
    sequence, part = block // job[2], block % job[2]
    channel = min(part * width, job[4] - width)
    entry = 5 + 3 * tensor
    start: int = job[entry] + sequence * job[entry + 1] + channel
    return start


@inlined
def stride(job: Job, tensor: int) -> int:
    """Bytes from one step of a tensor to the next."""
    step: int = job[7 + 3 * tensor]
    return step


def linear_forward(bits: int, count: int, parts: int) -> Loop:
    """h_t = a_t h_{t-1} + b_t. Tensors: a, b, h."""
    width = count * bits // 8

    def loop(job: Job) -> None:
        T = job[3]
        to_a, to_b, to_h = (
            stride(job, 0),
            stride(job, 1),
            stride(job, 2),
        )
        block = take_ticket(job)
        while block < job[1]:
            a = place(job, 0, block, width)
            b = place(job, 1, block, width)
            h = place(job, 2, block, width)
            state = load(b, bits, count)
            store(h, state)
            for first in range(1, T, CHUNK):
                for t in range(first, min(first + CHUNK, T)):
                    a_t = load(a + t * to_a, bits, count)
                    b_t = load(b + t * to_b, bits, count)
                    state = add_product(a_t, state, b_t, parts)
                    store(h + t * to_h, state)
                state = flush(state)
            block = take_ticket(job)

    return loop


def linear_backward(bits: int, count: int, parts: int) -> Loop:
    """s_t = g_t + conj(a_{t+1}) s_{t+1}; ∂a_t = s_t conj(h_{t-1}).

    Tensors: a, h, g, ∂a, ∂b = s.
    """
    width = count * bits // 8

    def loop(job: Job) -> None:
        T = job[3]
        to_a, to_h, to_g = (
            stride(job, 0),
            stride(job, 1),
            stride(job, 2),
        )
        to_da, to_db = stride(job, 3), stride(job, 4)
        block = take_ticket(job)
        while block < job[1]:
            a = place(job, 0, block, width)
            h = place(job, 1, block, width)
            g = place(job, 2, block, width)
            da = place(job, 3, block, width)
            db = place(job, 4, block, width)
            zero = full(0, bits, count)
            s = load(g + (T - 1) * to_g, bits, count)
            for end in range(T - 1, 0, -CHUNK):
                for t in range(end, max(end - CHUNK, 0), -1):
                    store(db + t * to_db, s)
                    h_t = load(h + (t - 1) * to_h, bits, count)
                    h_t = conjugate(h_t, parts)
                    da_t = add_product(h_t, s, zero, parts)
                    store(da + t * to_da, da_t)
                    a_t = load(a + t * to_a, bits, count)
                    a_t = conjugate(a_t, parts)
                    g_t = load(g + (t - 1) * to_g, bits, count)
                    s = add_product(a_t, s, g_t, parts)
                s = flush(s)
            store(db, s)
            store(da, zero)
            block = take_ticket(job)

    return loop


def linear_backward_fixed(bits: int, count: int, parts: int) -> Loop:
    """The same for an a that all steps share.

    Tensors: a, h, g, sums of ∂a_t over chunks of steps, ∂b = s.
    """
    width = count * bits // 8

    def loop(job: Job) -> None:
        T = job[3]
        to_h, to_g = stride(job, 1), stride(job, 2)
        to_sum, to_db = stride(job, 3), stride(job, 4)
        block = take_ticket(job)
        while block < job[1]:
            h = place(job, 1, block, width)
            g = place(job, 2, block, width)
            da = place(job, 3, block, width)
            db = place(job, 4, block, width)
            zero = full(0, bits, count)
            a = load(place(job, 0, block, width), bits, count)
            a = conjugate(a, parts)
            s = load(g + (T - 1) * to_g, bits, count)
            for end in range(T - 1, 0, -CHUNK):
                total = zero
                for t in range(end, max(end - CHUNK, 0), -1):
                    store(db + t * to_db, s)
                    h_t = load(h + (t - 1) * to_h, bits, count)
                    h_t = conjugate(h_t, parts)
                    total = add_product(h_t, s, total, parts)
                    g_t = load(g + (t - 1) * to_g, bits, count)
                    s = add_product(a, s, g_t, parts)
                s = flush(s)
                store(da, total)
                da += to_sum
            store(db, s)
            block = take_ticket(job)

    return loop


def tanh_forward(bits: int, count: int, _parts: int) -> Loop:
    """h_t = tanh(w h_{t-1} + u_t). Tensors: w, u, h."""
    width = count * bits // 8

    def loop(job: Job) -> None:
        T = job[3]
        to_u, to_h = stride(job, 1), stride(job, 2)
        block = take_ticket(job)
        while block < job[1]:
            u = place(job, 1, block, width)
            h = place(job, 2, block, width)
            w = load(place(job, 0, block, width), bits, count)
            state = tanh(load(u, bits, count))
            store(h, state)
            for t in range(1, T):
                u_t = load(u + t * to_u, bits, count)
                state = tanh(add_product(w, state, u_t, 1))
                store(h + t * to_h, state)
            block = take_ticket(job)

    return loop


def tanh_backward(bits: int, count: int, _parts: int) -> Loop:
    """With v_t = ∂u_t: v_t = (1 - h_t²)(g_t + w v_{t+1}).

    Tensors: w, h, g, sums of ∂w_t = v_t h_{t-1} over chunks of
    steps, ∂u = v.
    """
    width = count * bits // 8

    def loop(job: Job) -> None:
        T = job[3]
        to_h, to_g = stride(job, 1), stride(job, 2)
        to_sum, to_du = stride(job, 3), stride(job, 4)
        block = take_ticket(job)
        while block < job[1]:
            h = place(job, 1, block, width)
            g = place(job, 2, block, width)
            dw = place(job, 3, block, width)
            du = place(job, 4, block, width)
            zero, one = full(0, bits, count), full(1, bits, count)
            w = load(place(job, 0, block, width), bits, count)
            v, h_t = zero, load(h + (T - 1) * to_h, bits, count)
            for end in range(T - 1, 0, -CHUNK):
                total = zero
                for t in range(end, max(end - CHUNK, 0), -1):
                    slope = add_product(negate(h_t), h_t, one, 1)
                    g_t = load(g + t * to_g, bits, count)
                    v = add_product(w, v, g_t, 1)
                    v = add_product(slope, v, zero, 1)
                    store(du + t * to_du, v)
                    h_t = load(h + (t - 1) * to_h, bits, count)
                    total = add_product(v, h_t, total, 1)
                v = flush(v)
                store(dw, total)
                dw += to_sum
            slope = add_product(negate(h_t), h_t, one, 1)
            v = add_product(w, v, load(g, bits, count), 1)
            store(du, add_product(slope, v, zero, 1))
            block = take_ticket(job)

    return loop
