def fft(a: Tensor, b: States) -> States:
    T = b.shape[1]
    to, back = torch.fft.rfft, torch.fft.irfft
    if b.is_complex():
        to, back = torch.fft.fft, torch.fft.ifft
    kernel = powers(a, T).T  # (1)
    product = to(kernel, 2 * T, dim=0) * to(b, 2 * T, dim=1)  # (2)
    states: States = back(product, 2 * T, dim=1)
    return states[:, :T]  # (3)
