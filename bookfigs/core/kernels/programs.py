"""The programs for a CUDA device, for triton to compile.

Each owns a block of channels in one chunk of one sequence and walks
through the chunk tile by tile: the next tiles are being read while
one is scanned along time and joined to the state that enters it.

Steps are counted in the direction of the recurrence, from 0. Where it
runs backwards, step s is time T - 1 - s: the scan itself only ever
runs forwards. Strides count numbers, real or complex; a complex one
is two real ones (PARTS).

The coefficient of step 0 would multiply the initial state, zero; it
is not read.
"""

# ruff: noqa: PLR0917 - programs know their arguments by position

from __future__ import annotations

from bookfigs.core.kernels.tiles import (
    apply,
    coefficients,
    columns,
    compiled,
    constexpr,
    last,
    offsets,
    place,
    read,
    read_row,
    scan,
    tanh,
    tensor,
    tl,
    write,
)


@compiled
def reduce(
    a: tensor,
    a_sequence: tensor,
    a_step: tensor,
    b: tensor,
    b_sequence: tensor,
    b_step: tensor,
    product: tensor,
    total: tensor,
    T: tensor,
    N: tensor,
    chunks: tensor,
    chunk: tensor,
    FIXED: constexpr,
    REVERSE: constexpr,
    PARTS: constexpr,
    BLOCK_T: constexpr,
    BLOCK_N: constexpr,
    STAGES: constexpr,
) -> None:
    """All steps of a chunk composed into one, h → product h + total.

    Of all chunks but the last, each ``chunk`` steps long. With
    REVERSE, step s has coefficient conj(a_{s-1}).
    """
    sequence, k, first = place(chunks, N, BLOCK_N)
    column, inside = columns(first, N, PARTS, BLOCK_N)
    here = sequence.to(tl.int64)
    a += here * a_sequence * PARTS
    b += here * b_sequence * PARTS
    fx, fy = read_row(a + column, inside, PARTS)
    x = tl.zeros((BLOCK_N,), fx.dtype)
    px, py, y = x + 1, x, x
    for start in tl.range(
        k * chunk, (k + 1) * chunk, BLOCK_T, num_stages=STAGES
    ):
        step = start + tl.arange(0, BLOCK_T)
        mask = (step >= 0)[:, None] & inside[None, :]
        linked = (step > 0)[:, None] & inside[None, :]
        time = T - 1 - step if REVERSE else step
        link = time + 1 if REVERSE else time
        at_a = a + offsets(link, a_step, column, PARTS)
        ax, ay = coefficients(
            at_a, fx, fy, step > 0, linked, FIXED, PARTS
        )
        if REVERSE:
            ay = -ay
        at_b = b + offsets(time, b_step, column, PARTS)
        bx, by = read(at_b, mask, PARTS)
        ax, ay, bx, by = scan(ax, ay, bx, by, PARTS)
        ax, ay = last(ax, ay, PARTS, BLOCK_T)
        bx, by = last(bx, by, PARTS, BLOCK_T)
        x, y = apply(ax, ay, x, y, bx, by, PARTS)
        px, py = apply(ax, ay, px, py, 0.0, 0.0, PARTS)
    row = (here * chunks + k) * N * PARTS + column
    write(product + row, px, py, inside, PARTS)
    write(total + row, x, y, inside, PARTS)


@compiled
def forward(
    a: tensor,
    a_sequence: tensor,
    a_step: tensor,
    b: tensor,
    b_sequence: tensor,
    b_step: tensor,
    h: tensor,
    entering: tensor,
    T: tensor,
    N: tensor,
    chunks: tensor,
    chunk: tensor,
    FIXED: constexpr,
    PARTS: constexpr,
    BLOCK_T: constexpr,
    BLOCK_N: constexpr,
    STAGES: constexpr,
) -> None:
    """h_s = a_s h_{s-1} + b_s from the state entering each chunk.

    ``entering`` (B, chunks - 1, N), for all chunks but the first.
    """
    sequence, k, first = place(chunks, N, BLOCK_N)
    column, inside = columns(first, N, PARTS, BLOCK_N)
    here = sequence.to(tl.int64)
    a += here * a_sequence * PARTS
    b += here * b_sequence * PARTS
    h += here * T * N * PARTS
    entering += (here * (chunks - 1) + k - 1) * N * PARTS
    fx, fy = read_row(a + column, inside, PARTS)
    started = column < tl.where(k > 0, N * PARTS, 0)
    x, y = read_row(entering + column, started, PARTS)
    end = tl.minimum((k + 1) * chunk, T)
    for start in tl.range(k * chunk, end, BLOCK_T, num_stages=STAGES):
        step = start + tl.arange(0, BLOCK_T)
        mask = (step < T)[:, None] & inside[None, :]
        linked = mask & (step > 0)[:, None]
        at_a = a + offsets(step, a_step, column, PARTS)
        ax, ay = coefficients(
            at_a, fx, fy, step > 0, linked, FIXED, PARTS
        )
        at_b = b + offsets(step, b_step, column, PARTS)
        bx, by = read(at_b, mask, PARTS)
        ax, ay, bx, by = scan(ax, ay, bx, by, PARTS)
        hx, hy = apply(ax, ay, x[None, :], y[None, :], bx, by, PARTS)
        at_h = h + offsets(step, N, column, PARTS)
        write(at_h, hx, hy, mask, PARTS)
        ax, ay = last(ax, ay, PARTS, BLOCK_T)
        bx, by = last(bx, by, PARTS, BLOCK_T)
        x, y = apply(ax, ay, x, y, bx, by, PARTS)


@compiled
def backward(
    a: tensor,
    a_sequence: tensor,
    a_step: tensor,
    g: tensor,
    g_sequence: tensor,
    g_step: tensor,
    h: tensor,
    grad_a: tensor,
    grad_b: tensor,
    entering: tensor,
    T: tensor,
    N: tensor,
    chunks: tensor,
    chunk: tensor,
    FIXED: constexpr,
    PARTS: constexpr,
    BLOCK_T: constexpr,
    BLOCK_N: constexpr,
    STAGES: constexpr,
) -> None:
    """s_t = g_t + conj(a_{t+1}) s_{t+1}; ∂a_t = s_t conj(h_{t-1}).

    ∂b_t = s_t. For a fixed a, ∂a (B, chunks, N) is the sum over the
    steps of a chunk.
    """
    sequence, k, first = place(chunks, N, BLOCK_N)
    column, inside = columns(first, N, PARTS, BLOCK_N)
    here, width = sequence.to(tl.int64), N * PARTS
    a += here * a_sequence * PARTS
    g += here * g_sequence * PARTS
    h += here * T * width
    grad_b += here * T * width
    if FIXED:
        grad_a += (here * chunks + k) * width
    else:
        grad_a += here * T * width
    entering += (here * (chunks - 1) + k - 1) * width
    fx, fy = read_row(a + column, inside, PARTS)
    started = column < tl.where(k > 0, N * PARTS, 0)
    x, y = read_row(entering + column, started, PARTS)
    sum_x = tl.zeros((BLOCK_N,), x.dtype)
    sum_y = sum_x
    end = tl.minimum((k + 1) * chunk, T)
    for start in tl.range(k * chunk, end, BLOCK_T, num_stages=STAGES):
        step = start + tl.arange(0, BLOCK_T)
        time = T - 1 - step
        mask = (time >= 0)[:, None] & inside[None, :]
        linked = mask & (step > 0)[:, None]
        at_a = a + offsets(time + 1, a_step, column, PARTS)
        ax, ay = coefficients(
            at_a, fx, fy, step > 0, linked, FIXED, PARTS
        )
        at_g = g + offsets(time, g_step, column, PARTS)
        gx, gy = read(at_g, mask, PARTS)
        ax, ay, gx, gy = scan(ax, -ay, gx, gy, PARTS)
        sx, sy = apply(ax, ay, x[None, :], y[None, :], gx, gy, PARTS)
        at_s = grad_b + offsets(time, N, column, PARTS)
        write(at_s, sx, sy, mask, PARTS)
        before = mask & (time > 0)[:, None]
        at_h = h + offsets(time - 1, N, column, PARTS)
        hx, hy = read(at_h, before, PARTS)
        dx, dy = apply(hx, -hy, sx, sy, 0.0, 0.0, PARTS)
        dx = tl.where((time > 0)[:, None], dx, 0.0)
        dy = tl.where((time > 0)[:, None], dy, 0.0)
        if FIXED:
            sum_x += tl.sum(dx, axis=0)
            sum_y += tl.sum(dy, axis=0)
        else:
            at = grad_a + offsets(time, N, column, PARTS)
            write(at, dx, dy, mask, PARTS)
        ax, ay = last(ax, ay, PARTS, BLOCK_T)
        gx, gy = last(gx, gy, PARTS, BLOCK_T)
        x, y = apply(ax, ay, x, y, gx, gy, PARTS)
    if FIXED:
        write(grad_a + column, sum_x, sum_y, inside, PARTS)


@compiled
def tanh_forward(
    w: tensor,
    u: tensor,
    u_sequence: tensor,
    u_step: tensor,
    h: tensor,
    T: tensor,
    N: tensor,
    BLOCK_N: constexpr,
    STAGES: constexpr,
) -> None:
    """h_t = tanh(w h_{t-1} + u_t), a thread for each channel."""
    sequence, _, first = place(1, N, BLOCK_N)
    column, inside = columns(first, N, 1, BLOCK_N)
    here = sequence.to(tl.int64)
    u += here * u_sequence + column
    h += here * T * N + column
    factor = tl.load(w + column, mask=inside, other=0.0)
    u_t = tl.load(u, mask=inside, other=0.0)
    state = tanh(u_t)
    tl.store(h, state, mask=inside)
    for t in tl.range(1, T, num_stages=STAGES):
        time = t + tl.zeros((BLOCK_N,), tl.int64)
        u_t = tl.load(u + time * u_step, mask=inside, other=0.0)
        state = tanh(factor * state + u_t)
        tl.store(h + time * N, state, mask=inside)


@compiled
def tanh_backward(
    w: tensor,
    g: tensor,
    g_sequence: tensor,
    g_step: tensor,
    h: tensor,
    grad_w: tensor,
    grad_u: tensor,
    T: tensor,
    N: tensor,
    CHUNK: constexpr,
    BLOCK_N: constexpr,
    STAGES: constexpr,
) -> None:
    """With v_t = ∂u_t: v_t = (1 - h_t²)(g_t + w v_{t+1}).

    ∂w (B, N) is the sum of v_t h_{t-1} over the steps, first over
    CHUNK of them, since short sums lose fewer digits.
    """
    sequence, _, first = place(1, N, BLOCK_N)
    column, inside = columns(first, N, 1, BLOCK_N)
    here = sequence.to(tl.int64)
    g += here * g_sequence + column
    h += here * T * N + column
    grad_u += here * T * N + column
    factor = tl.load(w + column, mask=inside, other=0.0)
    end = (T - 1) + tl.zeros((BLOCK_N,), tl.int64)
    h_t = tl.load(h + end * N, mask=inside, other=0.0)
    v = tl.zeros((BLOCK_N,), factor.dtype)
    part, total = v, v
    for step in tl.range(0, T, num_stages=STAGES):
        time = end - step
        g_t = tl.load(g + time * g_step, mask=inside, other=0.0)
        v = (1 - h_t * h_t) * (factor * v + g_t)
        tl.store(grad_u + time * N, v, mask=inside)
        before = inside & (time > 0)
        h_t = tl.load(h + (time - 1) * N, mask=before, other=0.0)
        part += tl.where(before, v * h_t, 0.0)
        full = step % CHUNK == CHUNK - 1
        total += tl.where(full, part, 0.0)
        part = tl.where(full, 0.0, part)
    tl.store(grad_w + here * N + column, total + part, mask=inside)
