def loop(a: Coefficients, b: States) -> States:
    steps = a.unbind(dim=1) if a.dim() == 3 else [a] * b.shape[1]
    h = torch.zeros_like(b[:, 0])
    states = []
    for a_t, b_t in zip(steps, b.unbind(dim=1), strict=True):  # (1)
        h = torch.addcmul(b_t, a_t, h)  # (2)
        states.append(h)
    return torch.stack(states, dim=1)
