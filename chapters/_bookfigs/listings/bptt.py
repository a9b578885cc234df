def bptt(x: Sequence, h: States, g: States, W_hh: Tensor) -> Weights:
    slope = 1 - h.square()  # of tanh, at every step
    delta = g.clone()
    for t in range(h.shape[1] - 1, 0, -1):  # the last step first
        delta[:, t - 1] += (slope[:, t] * delta[:, t]) @ W_hh  # (1)
    inner = slope * delta
    return Weights(
        W_hx=torch.einsum("btn,btd->nd", inner, x),  # (2)
        W_hh=torch.einsum("btn,btm->nm", inner[:, 1:], h[:, :-1]),
        b=inner.sum(dim=(0, 1)),
    )
