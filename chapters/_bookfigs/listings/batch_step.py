def batch_step(
    weights: Weights, x: Sequence, y: States, rate: float
) -> tuple[Weights, Tensor]:
    ...  # 1 line left out
    h = rnn_states(x, *weights)  # forward  # (1)
    error = h - y
    loss = error.square().mean()
    g = 2 * error / error.numel()  # of the loss, at each state
    gradient = bptt(x, h, g, weights.W_hh)  # backward  # (2)
    updated = Weights(  # (3)
        W_hx=weights.W_hx - rate * gradient.W_hx,
        W_hh=weights.W_hh - rate * gradient.W_hh,
        b=weights.b - rate * gradient.b,
    )
    return updated, loss
