"""Threads: how many of them torch uses. What imports this does not import torch."""


def pin_threads(threads: int) -> None:
    """Use so many threads, and flush denormals, whose arithmetic is slow.

    Cost: the import of torch, unless it is there.
    """
    import torch  # noqa: PLC0415 - where it is used

    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
