def forward_scan(a: Tensor, b: Tensor) -> Tensor:
    T = b.shape[1]
    if T == 1:
        return b
    even, odd = slice(0, T - 1, 2), slice(1, None, 2)
    # Two steps in one: compose each odd step with the one before.
    a_odd = _steps(a, odd)
    a_pair = a_odd * _steps(a, even)
    b_pair = torch.addcmul(b[:, odd], a_odd, b[:, even])
    h_odd = forward_scan(a_pair, b_pair)
    # Half of the states are known; one step more gives the rest.
    h = torch.empty_like(b)
    h[:, 0] = b[:, 0]
    h[:, odd] = h_odd
    rest = slice(2, None, 2)
    before = h_odd[:, : (T - 1) // 2]
    torch.addcmul(b[:, rest], _steps(a, rest), before, out=h[:, rest])
    return h
